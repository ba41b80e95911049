//! The distances of some pairs, a pure function of clouds and options: the same bytes in any thread, process or order.
//!
//! A pair has its own seed, the first eight bytes of the SHA-256 of the seed and of the SHA-256 of both clouds, and is
//! solved in the order of these sums: neither its place in a list nor which cloud comes first changes a bit.

use sha2::{Digest, Sha256};

use super::{Cloud, Found, Method, Pairwise, Record};
use crate::igw::{self, Alternating, Auto, Global};
use crate::measure::Measure;
use crate::solve::{Observer, Status};

/// Starts of the local search of a pair where none are asked for.
pub const STARTS: usize = 16;

/// SHA-256 of the numbers of a cloud, or of the reason that stands in its place.
pub(super) type Sum = [u8; 32];

/// The sum of a cloud: of its sizes and the bits of its points and weights.
pub(super) fn sum(cloud: &Cloud) -> Sum {
    let mut hash = Sha256::new();
    match cloud {
        Ok(cloud) => {
            hash.update(b"cloud");
            hash.update((cloud.len() as u64).to_le_bytes());
            hash.update((cloud.dim() as u64).to_le_bytes());
            let numbers = cloud.points().iter().chain(cloud.weights());
            numbers.for_each(|x| hash.update(x.to_bits().to_le_bytes()));
        }
        Err(reason) => {
            hash.update(b"reason");
            hash.update(reason.as_bytes());
        }
    }
    hash.finalize().into()
}

/// The seed of a pair whose sums are in order.
fn seed_of(seed: u64, first: &Sum, second: &Sum) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(first);
    hash.update(second);
    let sum = hash.finalize();
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&sum[..8]);
    u64::from_le_bytes(bytes)
}

impl Pairwise {
    /// The distances of some pairs (i, j) of `clouds`, one record a pair in the same order, in the thread that calls.
    /// A pair that has no distance has a reason: nothing is an error of the whole. A record depends on the options and
    /// on both clouds alone, so that blocks may be solved in any process; there `clouds` may be those of the block
    /// alone, with pairs numbered in it.
    ///
    /// ```
    /// use gromov::pairwise::Pairwise;
    /// use gromov::measure::sample;
    /// let clouds = [Ok(sample::ball(20, 2, 1)?), Ok(sample::ball(30, 2, 2)?), Err("no file".to_string())];
    /// let records = Pairwise::default().block(&clouds, &[(0, 1), (1, 0), (2, 0)]);
    /// assert_eq!(records[0].outcome, records[1].outcome);
    /// assert_eq!(records[2].outcome, Err("cloud 2: no file".into()));
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn block(&self, clouds: &[Cloud], pairs: &[(usize, usize)]) -> Vec<Record> {
        if let Err(error) = self.check() {
            let failed = |&(i, j): &(usize, usize)| Record { i, j, outcome: Err(error.to_string()) };
            return pairs.iter().map(failed).collect();
        }
        let mut sums: Vec<Option<Sum>> = vec![None; clouds.len()];
        for k in pairs.iter().flat_map(|&(i, j)| [i, j]).filter(|k| *k < clouds.len()) {
            sums[k].get_or_insert_with(|| sum(&clouds[k]));
        }
        let sums: Vec<Sum> = sums.into_iter().map(Option::unwrap_or_default).collect();
        let solved = |&pair| self.pair(clouds, &sums, pair, &mut ());
        pairs.iter().filter_map(solved).collect()
    }

    /// One pair. `None`: the observer ended it.
    pub(super) fn pair(
        &self,
        clouds: &[Cloud],
        sums: &[Sum],
        (i, j): (usize, usize),
        observer: &mut dyn Observer,
    ) -> Option<Record> {
        let cloud = |k: usize| match clouds.get(k) {
            Some(Ok(cloud)) => Ok(cloud),
            Some(Err(reason)) => Err(format!("cloud {k}: {reason}")),
            None => Err(format!("cloud {k}: there are {} clouds", clouds.len())),
        };
        let both = cloud(i).and_then(|x| Ok((x, cloud(j)?)));
        let outcome = both.and_then(|(x, y)| {
            let (first, second) = if sums[i] <= sums[j] { (i, j) } else { (j, i) };
            let (x, y) = if first == i { (x, y) } else { (y, x) };
            let seed = seed_of(self.seed, &sums[first], &sums[second]);
            let solved = self.distance(x, y, seed, observer).map_err(|e| e.to_string())?;
            Found::of(&solved)
        });
        match &outcome {
            Ok(found) if found.status == Status::Interrupted => None,
            _ => Some(Record { i, j, outcome }),
        }
    }

    fn distance(
        &self,
        x: &Measure,
        y: &Measure,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> crate::Result<igw::Solution> {
        let &Pairwise { tol, max_iter, time_limit, center, .. } = self;
        let starts = match self.method {
            Method::Local => Some(self.starts.unwrap_or(STARTS)),
            Method::Auto | Method::Global => self.starts,
        };
        let local = Alternating { starts, seed, tol, max_iter, time_limit, center, closed_forms: true };
        match self.method {
            Method::Local => local.solve_alone(x, y, observer),
            Method::Auto => Auto { local }.solve(x, y, observer),
            Method::Global => {
                let global = Global { starts, seed, tol, time_limit, center, ..Global::default() };
                global.solve(x, y, observer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample;

    fn clouds() -> crate::Result<Vec<Cloud>> {
        Ok(vec![
            Ok(sample::ball(14, 2, 1)?),
            Ok(sample::gaussian(17, 3, 2)?),
            Ok(sample::ball(9, 2, 3)?),
            Err("weights: the sum is 2, not 1".into()),
            Ok(sample::ball(14, 2, 1)?),
        ])
    }

    #[test]
    fn a_pair_has_one_answer_wherever_it_stands() -> crate::Result<()> {
        let clouds = clouds()?;
        let options = Pairwise { starts: Some(3), ..Pairwise::default() };
        let whole = options.block(&clouds, &[(0, 1), (0, 2), (1, 2), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(whole[2].outcome, whole[3].outcome);
        assert_eq!(whole[0].outcome, whole[5].outcome, "a copy of a cloud");
        assert_eq!(whole[4].outcome, Err("cloud 3: weights: the sum is 2, not 1".into()));
        let alone = options.block(&[clouds[2].clone(), clouds[1].clone()], &[(1, 0)]);
        assert_eq!(alone[0].outcome, whole[2].outcome);
        // another seed is another search: of three starts some find another optimum
        let other = Pairwise { seed: 5, ..options.clone() }.block(&clouds, &[(0, 1), (0, 2), (1, 2)]);
        let seeds = [0, 5].map(|seed| seed_of(seed, &sum(&clouds[0]), &sum(&clouds[1])));
        assert_ne!(seeds[0], seeds[1]);
        assert_eq!(other.len(), 3);
        Ok(())
    }

    #[test]
    fn sums_tell_clouds_apart() -> crate::Result<()> {
        let flat = Measure::uniform(vec![1.0, 2.0, 3.0, 4.0], 1)?;
        let plane = Measure::uniform(vec![1.0, 2.0, 3.0, 4.0], 2)?;
        let sums = [Ok(flat), Ok(plane), Err("1".to_string()), Err("2".into())].map(|c| sum(&c));
        for (k, a) in sums.iter().enumerate() {
            assert!(sums[..k].iter().all(|b| a != b));
        }
        Ok(())
    }

    #[test]
    fn what_leaves_doubles_and_wrong_options_are_reasons() -> crate::Result<()> {
        let far: Cloud = Ok(sample::ball(5, 2, 1)?.divided_by(1e-100));
        let near: Cloud = Ok(sample::ball(5, 2, 1)?);
        let records = Pairwise::default().block(&[far, near], &[(0, 1), (0, 7)]);
        let reason = |k: usize| records[k].outcome.clone().unwrap_err();
        assert!(reason(0).starts_with("the squared distance leaves the range of doubles: "), "{}", reason(0));
        assert_eq!(reason(1), "cloud 7: there are 2 clouds");
        let wrong = Pairwise { tol: -1.0, ..Pairwise::default() };
        let records = wrong.block(&clouds()?, &[(0, 1)]);
        assert!(records[0].outcome.as_ref().is_err_and(|e| e.starts_with("tol: -1 is not allowed")));
        Ok(())
    }
}
