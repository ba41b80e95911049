//! The distinct local optima of a search, and the plans that lead to them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::align::{self, Aligned};
use super::{Alternative, Pair};
use crate::error::Result;

/// Alternatives kept.
const ALTERNATIVES: usize = 64;

/// A plan recognised by its cross moment: a hash of the bits, and the bits of the norm.
pub(super) type Print = (u64, u64);

pub(super) fn print(cross_moment: &[f64], norm: f64) -> Print {
    let mut hasher = DefaultHasher::new();
    cross_moment.iter().for_each(|m| m.to_bits().hash(&mut hasher));
    (hasher.finish(), norm.to_bits())
}

/// A local optimum, and how many starts reached it.
pub(super) struct Optimum {
    pub(super) cross_moment: Vec<f64>,
    pub(super) norm: f64,
    pub(super) hits: usize,
}

/// The value of an optimum from its |M| and that of the best: differences matter here, not digits of tiny values.
fn of_norm(o: &Optimum, norm: f64, best: &Aligned) -> f64 {
    best.squared + 2.0 * (norm - o.norm) * (norm + o.norm)
}

/// The distinct local optima so far.
#[derive(Default)]
pub(super) struct Optima {
    found: Vec<Optimum>,
    /// Their numbers, best first.
    order: Vec<usize>,
    /// Plans that lead to an optimum.
    pub(super) passed: HashMap<Print, usize>,
}

impl Optima {
    /// The optimum of rank `k`, counted round.
    pub(super) fn best(&self, k: usize) -> &Optimum {
        &self.found[self.order[k % self.order.len()]]
    }

    /// All of them, best first.
    pub(super) fn ranked(&self) -> impl Iterator<Item = &Optimum> {
        self.order.iter().map(|&k| &self.found[k])
    }

    /// How many starts reached the best value, and the other optima within 5 % of it. `norm` and `best` belong to the
    /// best plan; cross moments are those of the pair.
    pub(super) fn summary(
        &self,
        pair: &Pair,
        norm: f64,
        best: &Aligned,
    ) -> Result<(usize, Vec<Alternative>)> {
        let rounding = pair.rounding();
        let squared = |o: &Optimum| of_norm(o, norm, best);
        let hits = self.hits(pair, norm, best);
        let (p, q) = (pair.x.dim(), pair.y.dim());
        let near = |o: &&Optimum| squared(o) <= 1.05 * best.squared + rounding;
        let alternatives = self.ranked().skip(1).filter(near).take(ALTERNATIVES).map(|o| {
            Ok(Alternative { squared: squared(o), reflected: align::reflected(&o.cross_moment, p, q)? })
        });
        Ok((hits, alternatives.collect::<Result<_>>()?))
    }

    /// How many starts reached the best value.
    pub(super) fn hits(&self, pair: &Pair, norm: f64, best: &Aligned) -> usize {
        let most = best.squared + 1e-9 * best.squared + pair.rounding();
        self.ranked().filter(|o| of_norm(o, norm, best) <= most).map(|o| o.hits).sum()
    }

    /// Counts a start that reached optimum `number` by the plans `passed`.
    pub(super) fn count(&mut self, number: usize, passed: &[Print]) {
        self.found[number].hits += 1;
        self.passed.extend(passed.iter().map(|print| (*print, number)));
    }

    /// Number of a local optimum, new if it is apart from all others by more than 1e-6 of the largest |M|.
    pub(super) fn number(&mut self, cross_moment: &[f64], norm: f64) -> usize {
        let size = self.order.first().map_or(0.0, |&k| self.found[k].norm).max(norm);
        let same = |o: &Optimum| {
            let gap: f64 = o.cross_moment.iter().zip(cross_moment).map(|(a, b)| (a - b).powi(2)).sum();
            gap.sqrt() <= 1e-6 * size
        };
        let number = match self.found.iter().position(same) {
            Some(number) if self.found[number].norm >= norm => return number,
            Some(number) => number,
            None => {
                self.found.push(Optimum { cross_moment: Vec::new(), norm: 0.0, hits: 0 });
                self.order.push(self.found.len() - 1);
                self.found.len() - 1
            }
        };
        let optimum = &mut self.found[number];
        (optimum.cross_moment, optimum.norm) = (cross_moment.to_vec(), norm);
        self.order.sort_by(|&i, &j| self.found[j].norm.total_cmp(&self.found[i].norm).then(i.cmp(&j)));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optima_are_told_apart_counted_and_ranked() {
        let mut optima = Optima::default();
        let first = optima.number(&[1.0, 0.0], 1.0);
        optima.count(first, &[print(&[0.5, 0.0], 0.5), print(&[1.0, 0.0], 1.0)]);
        let better = optima.number(&[0.0, 2.0], 2.0);
        optima.count(better, &[]);
        // the same optimum a little better, and from a plan passed before
        assert_eq!(optima.number(&[1.0 + 1e-9, 0.0], 1.0 + 1e-9), first);
        optima.count(optima.passed[&print(&[0.5, 0.0], 0.5)], &[]);
        let ranked: Vec<(f64, usize)> = optima.ranked().map(|o| (o.norm, o.hits)).collect();
        assert_eq!(ranked, [(2.0, 1), (1.0 + 1e-9, 2)]);
        assert_eq!((optima.best(0).norm, optima.best(1).norm, optima.best(2).norm), (2.0, 1.0 + 1e-9, 2.0));
        assert_ne!(print(&[1.0, 0.0], 1.0), print(&[-1.0, 0.0], 1.0));
    }
}
