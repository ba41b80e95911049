//! Which pairs must be solved so that the K nearest of every cloud are known.
//!
//! A pair whose spectral bound is above the K-th smallest squared distance found of both its clouds is among the K
//! nearest of neither. Each cloud asks for its others in the order of this bound, K of them in a first round and
//! then a few a round, until the bound is above its K-th value. What a round asks for depends on the values of earlier
//! rounds alone. Bounds and values are compared with a margin for their rounding, ties are solved.

use super::Cloud;
use crate::error::Result;
use crate::igw::bound;
use crate::measure::Measure;

/// What rounding, and the resolution of masses, may change in a squared distance, of |Σ_x|² + |Σ_y|².
const MARGIN: f64 = 1e-12;

/// The state between two rounds.
pub(super) struct Nearest {
    most: usize,
    /// Of each cloud, in the unit: eigenvalues, none for a cloud that is none; and |Σ|².
    spectra: Vec<Vec<f64>>,
    sizes: Vec<f64>,
    unit: f64,
    /// Of each cloud: the others, those with the smallest bound first; how many of them have been looked at.
    order: Vec<Vec<u32>>,
    at: Vec<usize>,
    /// Of each cloud: its smallest values so far, at most K, increasing.
    smallest: Vec<Vec<f64>>,
    rounds: usize,
}

impl Nearest {
    pub(super) fn new(most: usize, clouds: &[Cloud], center: bool) -> Result<Self> {
        let centred = |cloud: &Measure| if center { cloud.centred() } else { cloud.clone() };
        let scale = |cloud: &Cloud| cloud.as_ref().map_or(0.0, |c| centred(c).scale());
        let largest = clouds.iter().map(scale).fold(0.0, f64::max);
        let unit = crate::linalg::power_of_two_scale(largest.min(f64::MAX));
        let spectrum = |cloud: &Cloud| match cloud {
            Ok(cloud) => centred(&cloud.divided_by(unit)).spectrum(),
            Err(_) => Ok(Vec::new()),
        };
        let spectra = clouds.iter().map(spectrum).collect::<Result<Vec<_>>>()?;
        let k = clouds.len();
        let mut out = Nearest {
            most,
            sizes: spectra.iter().map(|s| s.iter().map(|v| v * v).sum()).collect(),
            spectra,
            unit,
            order: Vec::with_capacity(k),
            at: vec![0; k],
            smallest: vec![Vec::new(); k],
            rounds: 0,
        };
        for i in 0..k {
            let mut others: Vec<u32> = (0..k as u32).filter(|j| *j as usize != i).collect();
            let bounds: Vec<f64> = (0..k).map(|j| out.bound(i, j)).collect();
            others.sort_by(|a, b| bounds[*a as usize].total_cmp(&bounds[*b as usize]).then(a.cmp(b)));
            out.order.push(others);
        }
        Ok(out)
    }

    /// The spectral bound of a squared distance, in the unit; 0 where there is no cloud.
    fn bound(&self, i: usize, j: usize) -> f64 {
        let (a, b) = (&self.spectra[i], &self.spectra[j]);
        if a.is_empty() || b.is_empty() { 0.0 } else { bound::of_spectra(a, b) }
    }

    /// The same as a distance, scaled back.
    pub(super) fn distance_bound(&self, i: usize, j: usize) -> f64 {
        self.bound(i, j).sqrt() * self.unit * self.unit
    }

    /// Is j, by its bound, not among the K nearest of i?
    fn is_beyond(&self, i: usize, j: usize) -> bool {
        let margin = MARGIN * (self.sizes[i] + self.sizes[j]);
        let known = self.smallest[i].get(self.most - 1);
        known.is_some_and(|last| self.bound(i, j) - margin > *last)
    }

    /// Is the pair among the nearest of neither?
    pub(super) fn is_pruned(&self, i: usize, j: usize) -> bool {
        self.is_beyond(i, j) && self.is_beyond(j, i)
    }

    /// The pairs of the next round, i < j in their order; `asked` says which were in an earlier one. Empty at the end.
    pub(super) fn round(&mut self, asked: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
        let each = if self.rounds == 0 { self.most } else { 1 + self.most / 4 };
        self.rounds += 1;
        let mut pairs = Vec::new();
        for i in 0..self.order.len() {
            let mut left = each;
            while left > 0
                && let Some(&j) = self.order[i].get(self.at[i])
            {
                let j = j as usize;
                if !asked(i, j) {
                    if self.is_beyond(i, j) {
                        break;
                    }
                    pairs.push((i.min(j), i.max(j)));
                    left -= 1;
                }
                self.at[i] += 1;
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// A value of the round that is over.
    pub(super) fn learn(&mut self, i: usize, j: usize, squared: f64) {
        let unit = self.unit;
        let value = squared / unit / unit / unit / unit;
        for k in [i, j] {
            let smallest = &mut self.smallest[k];
            let place = smallest.partition_point(|v| *v <= value);
            smallest.insert(place, value);
            smallest.truncate(self.most);
        }
    }
}
