//! Cells of a cloud: its atoms in an order in which every level of cells is a partition into ranges.
//!
//! The order halves the cloud at the median along its widest axis, again and again. With C cells of n
//! atoms, cell k holds the atoms ⌊k n / C⌋ .. ⌊(k + 1) n / C⌋ of the order; C = 1, 2, 4, ... and n.

use std::ops::Range;

/// The atoms of `points` (n, r), ordered. O(n r log n).
pub(crate) fn order(points: &[f64], r: usize) -> Vec<u32> {
    let n = points.len() / r;
    let mut order: Vec<u32> = (0..n as u32).collect();
    // (k, C): a cell to halve
    let mut todo = vec![(0, 1)];
    while let Some((k, cells)) = todo.pop() {
        let atoms = children(k, cells, n);
        if atoms.len() < 2 {
            continue;
        }
        let middle = children(2 * k, 2 * cells, n).end;
        let part = &mut order[atoms.clone()];
        let axis = widest_axis(points, r, part);
        let at = |i: u32| points[i as usize * r + axis];
        part.select_nth_unstable_by(middle - atoms.start, |&i, &j| at(i).total_cmp(&at(j)).then(i.cmp(&j)));
        todo.extend([(2 * k, 2 * cells), (2 * k + 1, 2 * cells)]);
    }
    order
}

fn widest_axis(points: &[f64], r: usize, part: &[u32]) -> usize {
    let width = |axis: usize| {
        let coordinates = part.iter().map(|&i| points[i as usize * r + axis]);
        let (low, high) =
            coordinates.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        high - low
    };
    let mut widest = (0, width(0));
    for axis in 1..r {
        let width = width(axis);
        if width > widest.1 {
            widest = (axis, width);
        }
    }
    widest.0
}

/// The cells of a finer level (`fine` of them) in cell `k` of `coarse`.
pub(crate) fn children(k: usize, coarse: usize, fine: usize) -> Range<usize> {
    k * fine / coarse..(k + 1) * fine / coarse
}

/// Atoms that stand for cells of a cloud: the mass of each cell at its mean.
#[derive(Debug)]
pub(crate) struct Side {
    /// (cells, r).
    pub(crate) factor: Vec<f64>,
    pub(crate) masses: Vec<i64>,
}

impl Side {
    /// `cells` cells of atoms in order, `factor` (n, r), with positive `masses` (n).
    pub(crate) fn new(factor: &[f64], masses: &[i64], r: usize, cells: usize) -> Self {
        let mut side = Side { factor: vec![0.0; cells * r], masses: vec![0; cells] };
        for (k, mean) in side.factor.chunks_exact_mut(r).enumerate() {
            let atoms = children(k, cells, masses.len());
            side.masses[k] = masses[atoms.clone()].iter().sum();
            for i in atoms {
                let share = masses[i] as f64 / side.masses[k] as f64;
                mean.iter_mut().zip(&factor[i * r..]).for_each(|(m, x)| *m += share * x);
            }
        }
        side
    }

    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.masses.len()
    }
}

/// Means and weights of at most `cells` cells of a weighted cloud (n, d); atoms without weight are left out.
pub(crate) fn means(points: &[f64], weights: &[f64], d: usize, cells: usize) -> (Vec<f64>, Vec<f64>) {
    let kept: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
    let massive: Vec<f64> = kept.iter().flat_map(|&i| &points[i * d..(i + 1) * d]).copied().collect();
    let order = order(&massive, d);
    let cells = cells.min(kept.len());
    let (mut means, mut sums) = (vec![0.0; cells * d], vec![0.0; cells]);
    for (k, mean) in means.chunks_exact_mut(d).enumerate() {
        let atoms = || order[children(k, cells, kept.len())].iter().map(|&i| kept[i as usize]);
        sums[k] = atoms().map(|i| weights[i]).sum();
        for i in atoms() {
            mean.iter_mut().zip(&points[i * d..]).for_each(|(m, x)| *m += weights[i] / sums[k] * x);
        }
    }
    (means, sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    #[test]
    fn every_level_is_made_of_boxes_halved_at_the_median() {
        let mut s = Source::new(21, 0);
        for (n, r) in [(1, 1), (2, 3), (7, 2), (100, 2), (129, 3)] {
            let points: Vec<f64> = (0..n * r).map(|_| s.normal()).collect();
            let order = order(&points, r);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().enumerate().all(|(k, i)| k == *i as usize));
            let mut cells = 1;
            while 2 * cells <= n {
                for k in 0..cells {
                    let atoms = children(k, cells, n);
                    let axis = widest_axis(&points, r, &order[atoms.clone()]);
                    let at = |i: usize| points[order[i] as usize * r + axis];
                    let middle = children(2 * k, 2 * cells, n).end;
                    assert_eq!(children(2 * k + 1, 2 * cells, n), middle..atoms.end);
                    let low = (atoms.start..middle).map(at).fold(f64::NEG_INFINITY, f64::max);
                    assert!((middle..atoms.end).all(|i| at(i) >= low));
                }
                cells *= 2;
            }
        }
    }

    #[test]
    fn means_of_cells_keep_the_mean_and_leave_out_what_has_no_weight() {
        let points = [1.0, 2.0, 3.0, 9.0, 100.0, -4.0];
        let weights = [0.1, 0.2, 0.3, 0.15, 0.0, 0.25];
        let (means, sums) = means(&points, &weights, 1, 4);
        assert_eq!(means.len(), 4);
        assert!((sums.iter().sum::<f64>() - 1.0).abs() < 1e-15 && means.iter().all(|m| *m <= 9.0));
        let mean = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
        assert!((mean(&means, &sums) - mean(&points, &weights)).abs() < 1e-15);
        let all = super::means(&points, &weights, 1, 9).0;
        assert!(all.len() == 5 && !all.contains(&100.0));
    }

    #[test]
    fn cells_keep_mass_and_mean() {
        let mut s = Source::new(22, 0);
        let (n, r) = (37, 2);
        let points: Vec<f64> = (0..n * r).map(|_| s.normal()).collect();
        let masses: Vec<i64> = (0..n).map(|_| 1 + s.below(9) as i64).collect();
        let total: i64 = masses.iter().sum();
        let mean = |side: &Side, axis: usize| -> f64 {
            (0..side.len()).map(|k| side.masses[k] as f64 * side.factor[k * r + axis]).sum::<f64>()
                / total as f64
        };
        let all = Side::new(&points, &masses, r, n);
        assert_eq!((&all.factor, &all.masses), (&points, &masses));
        for cells in [1, 8, 16] {
            let side = Side::new(&points, &masses, r, cells);
            assert_eq!(side.masses.iter().sum::<i64>(), total);
            assert!((0..r).all(|axis| (mean(&side, axis) - mean(&all, axis)).abs() < 1e-15));
        }
    }
}
