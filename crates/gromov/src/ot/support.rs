//! The support function of the cross moments of two fixed clouds, h(A) = max over plans of ⟨A, ∫ x yᵀ dπ⟩, for many
//! directions A: what does not depend on A is made once.
//!
//! Each direction is a transport problem with cost −xᵀ A y, solved as in [`super::exact`] and restarted from the
//! [`Basis`] of any other direction.

use super::Plan;
use super::cells;
use super::levels;
use super::mass::Masses;
use super::pricing::Columns;
use super::simplex::{Near, Simplex, largest_row, over_rows};
use super::tree::Tree;
use crate::error::Result;
use crate::linalg;
use crate::solve::{Status, Stop};

/// Pivots a point after which a warm start is given up. Directions are far from each other, and even then a cold start
/// rarely is shorter.
const WARM_PIVOTS: usize = 8;

/// One cloud: the atoms with mass in the order of cells, their mean removed.
#[derive(Debug)]
struct Cloud {
    dim: usize,
    /// Number of atoms in all.
    len: usize,
    /// Positions of the atoms kept.
    kept: Vec<usize>,
    points: Vec<f64>,
    weights: Vec<f64>,
    mean: Vec<f64>,
    /// Of the atoms whose mass is below the resolution: Σ w and Σ w |x|.
    lost: (f64, f64),
}

impl Cloud {
    fn new(points: &[f64], dim: usize, weights: &[f64], masses: &[i64]) -> Self {
        let sum = linalg::compensated(weights.iter().copied());
        let mean: Vec<f64> = (0..dim)
            .map(|k| {
                let terms = weights.iter().enumerate().map(|(i, w)| w / sum * points[i * dim + k]);
                linalg::compensated(terms)
            })
            .collect();
        let with_mass: Vec<usize> = (0..masses.len()).filter(|&i| masses[i] > 0).collect();
        let of = |i: &usize| points[i * dim..(i + 1) * dim].iter().zip(&mean).map(|(x, m)| x - m);
        let centred: Vec<f64> = with_mass.iter().flat_map(of).collect();
        let kept: Vec<usize> =
            cells::order(&centred, dim).into_iter().map(|k| with_mass[k as usize]).collect();
        let below = (0..masses.len()).filter(|&i| masses[i] == 0 && weights[i] > 0.0);
        let lost = below.fold((0.0, 0.0), |(mass, moment), i| {
            let w = weights[i] / sum;
            (mass + w, moment + w * linalg::norm(&of(&i).collect::<Vec<f64>>()))
        });
        Cloud {
            lost,
            dim,
            len: masses.len(),
            points: kept.iter().flat_map(of).collect(),
            weights: kept.iter().map(|&i| weights[i] / sum).collect(),
            kept,
            mean,
        }
    }

    /// Σ w |x|.
    fn mean_length(&self) -> f64 {
        self.points.chunks_exact(self.dim).zip(&self.weights).map(|(x, w)| w * linalg::norm(x)).sum()
    }

    fn point(&self, k: u32) -> &[f64] {
        &self.points[k as usize * self.dim..][..self.dim]
    }
}

/// Two clouds. The longer one gives the rows.
#[derive(Debug)]
pub(crate) struct Support {
    rows: Cloud,
    columns: Cloud,
    /// x gives the columns.
    turned: bool,
    masses: Masses,
    /// The columns in their unit, and the length of the longest.
    right: Vec<f64>,
    prototype: Columns,
    longest: f64,
    unit: f64,
    /// The rows in their unit, to be priced from the side of the columns.
    across: Columns,
    row_unit: f64,
    /// Mean length of the rows, and that of the longest.
    mean_length: f64,
    longest_row: f64,
}

/// To start another direction from.
#[derive(Debug, Clone)]
pub(crate) struct Basis {
    tree: Tree,
    near: Vec<Near>,
    /// Of the columns kept, at this basis.
    potential: Vec<f64>,
}

/// Potentials that fit each other, and the bound of h(A) that they prove.
pub(crate) struct Dual {
    /// −Σ a u − Σ b v ≥ h(A) for |A| = 1, its rounding and atoms below the resolution of masses included.
    pub(crate) height: f64,
    /// Of the rows and columns kept, in units.
    rows: Vec<f64>,
    columns: Vec<f64>,
    unit: f64,
}

/// What a direction gave.
pub(crate) struct Supported {
    pub(crate) dual: Dual,
    /// ∫ x yᵀ dπ of the plan, (p, q).
    pub(crate) cross_moment: Vec<f64>,
    pub(crate) basis: Basis,
}

impl Basis {
    /// Adds `weight` times the potentials of the columns to `sum`.
    pub(crate) fn add_potential(&self, weight: f64, sum: &mut [f64]) {
        sum.iter_mut().zip(&self.potential).for_each(|(s, v)| *s += weight * v);
    }
}

/// A number that tells plans of the same clouds apart: a sum over the entries, whatever the basis.
pub(super) fn print(tree: &Tree) -> u64 {
    let mixed = |arc: super::tree::Arc| {
        let place = u64::from(arc.row) << 32 | u64::from(arc.column);
        mix(mix(place) ^ arc.flow as u64)
    };
    tree.arcs().filter(|arc| arc.flow > 0).map(mixed).fold(0, u64::wrapping_add)
}

/// The bits of a number, mixed (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Support {
    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.kept.len()
    }

    /// The columns in their unit, (columns, rank).
    pub(super) fn right(&self) -> &[f64] {
        &self.right
    }

    /// Length of the longest column, in its unit.
    pub(super) fn longest(&self) -> f64 {
        self.longest
    }

    /// Masses of the rows and columns.
    pub(super) fn masses(&self) -> &Masses {
        &self.masses
    }

    /// Far more pivots than are seen.
    pub(super) fn most_pivots(&self) -> usize {
        10_000 + 1000 * (self.rows.kept.len() + self.columns.kept.len())
    }

    /// Number of potentials of [`Support::bound`].
    pub(crate) fn columns(&self) -> usize {
        self.columns.kept.len()
    }

    /// `x` (n, p) and `y` (m, q) with weights. Errors: weights.
    pub(crate) fn new(x: &[f64], p: usize, a: &[f64], y: &[f64], q: usize, b: &[f64]) -> Result<Self> {
        let Masses { rows, columns, total } = Masses::new(a, b)?;
        let turned = rows.len() < columns.len();
        let (of_x, of_y) = (Cloud::new(x, p, a, &rows), Cloud::new(y, q, b, &columns));
        let kept = |masses: &[i64], cloud: &Cloud| cloud.kept.iter().map(|&i| masses[i]).collect();
        let (mut rows, mut columns) = ((kept(&rows, &of_x), of_x), (kept(&columns, &of_y), of_y));
        if turned {
            std::mem::swap(&mut rows, &mut columns);
        }
        let unit = linalg::power_of_two_scale(linalg::max_abs(&columns.1.points));
        let right: Vec<f64> = columns.1.points.iter().map(|v| v / unit).collect();
        let rank = columns.1.dim;
        let row_unit = linalg::power_of_two_scale(linalg::max_abs(&rows.1.points));
        let below: Vec<f64> = rows.1.points.iter().map(|v| v / row_unit).collect();
        Ok(Support {
            across: Columns::new(&below, rows.1.dim),
            row_unit,
            masses: Masses { rows: rows.0, columns: columns.0, total },
            prototype: Columns::new(&right, rank),
            longest: largest_row(&right, rank),
            mean_length: rows.1.mean_length(),
            longest_row: largest_row(&rows.1.points, rows.1.dim),
            rows: rows.1,
            columns: columns.1,
            turned,
            right,
            unit,
        })
    }

    /// Solves for A (p, q).
    pub(crate) fn solve(&self, a: &[f64], warm: Option<&Basis>, stop: &Stop) -> Supported {
        let q = self.columns.dim;
        let (mut left, left_unit) = self.left_of_rows(a);
        let columns = || (self.prototype.clone(), self.longest);
        let atoms = self.rows.kept.len() + self.columns.kept.len();
        let most = self.most_pivots();
        let mut done = None;
        if let Some(Basis { tree, near, .. }) = warm {
            let mut simplex = Simplex::with_columns(left, columns(), q, tree.clone(), near.clone());
            simplex.run(WARM_PIVOTS * atoms, stop);
            match simplex.status {
                Some(Status::IterationCap) => left = simplex.left,
                _ => {
                    done = Some(simplex);
                    left = Vec::new();
                }
            }
        }
        let simplex = done.unwrap_or_else(|| {
            let start = levels::start(&self.masses, &left, &self.right, q, most, stop);
            let mut simplex = Simplex::with_columns(left, columns(), q, start.tree, Vec::new());
            simplex.status = start.status;
            simplex.run(most, stop);
            simplex
        });
        self.finish(simplex, a, self.unit * left_unit)
    }

    /// −A times the rows, in a unit.
    pub(super) fn left_of_rows(&self, a: &[f64]) -> (Vec<f64>, f64) {
        self.left(a, &self.rows, !self.turned)
    }

    /// The same to where it has its place.
    pub(super) fn write_left(&self, a: &[f64], left: &mut [f64]) {
        let (p, q) = (self.rows.dim, self.columns.dim);
        for (row, x) in left.chunks_exact_mut(q).zip(self.rows.points.chunks_exact(p)) {
            for (j, value) in row.iter_mut().enumerate() {
                let entry = |i: usize| if self.turned { a[j * p + i] } else { a[i * q + j] };
                *value = -x.iter().enumerate().map(|(i, x)| entry(i) * x).sum::<f64>();
            }
        }
        let unit = linalg::power_of_two_scale(linalg::max_abs(left));
        left.iter_mut().for_each(|v| *v /= unit);
    }

    /// −A times the points of one side, in a unit; `across`: A maps the other side to it.
    fn left(&self, a: &[f64], cloud: &Cloud, across: bool) -> (Vec<f64>, f64) {
        let p = cloud.dim;
        let q = a.len() / p;
        let minus: Vec<f64> = match across {
            true => linalg::transpose(a, p, q).iter().map(|v| -v).collect(),
            false => a.iter().map(|v| -v).collect(),
        };
        let mut left = Vec::with_capacity(cloud.kept.len() * q);
        for x in cloud.points.chunks_exact(p) {
            left.extend(minus.chunks_exact(p).map(|row| linalg::dot(row, x)));
        }
        let unit = linalg::power_of_two_scale(linalg::max_abs(&left));
        left.iter_mut().for_each(|v| *v /= unit);
        (left, unit)
    }

    /// Bounds h(A) without solving for it, from potentials of the columns that need not be the best ones, such as sums
    /// of those of other directions ([`Basis::add_potential`]): each side's are made the best for the other's, three
    /// times. Any potentials bound h; it costs three sweeps.
    pub(crate) fn bound(&self, a: &[f64], potential: Vec<f64>) -> Dual {
        let (rows, row_unit) = self.left(a, &self.rows, !self.turned);
        let (columns, column_unit) = self.left(a, &self.columns, self.turned);
        let (unit, across_unit) = (row_unit * self.unit, column_unit * self.row_unit);
        let best = |left: &[f64], prototype: &Columns, rank: usize, other: Vec<f64>| -> Vec<f64> {
            let mut side = prototype.clone();
            side.potential_mut().copy_from_slice(&other);
            over_rows(left.len() / rank, side.len(), |i| side.best(&left[i * rank..(i + 1) * rank]).value)
        };
        let scaled = |values: Vec<f64>, by: f64| -> Vec<f64> { values.iter().map(|v| v * by).collect() };
        let (p, q) = (self.rows.dim, self.columns.dim);
        let u = best(&rows, &self.prototype, q, scaled(potential, 1.0 / unit));
        let v = best(&columns, &self.across, p, scaled(u, unit / across_unit));
        let v = scaled(v, across_unit / unit);
        let u = best(&rows, &self.prototype, q, v.clone());
        self.dual(a, u, v, unit)
    }

    /// Potentials of which those of the rows are the best for those of the columns.
    fn dual(&self, a: &[f64], rows: Vec<f64>, columns: Vec<f64>, unit: f64) -> Dual {
        let sums = |f: fn(f64) -> f64| {
            weighted(&self.rows.weights, &rows, f) + weighted(&self.columns.weights, &columns, f)
        };
        let value = sums(|u| u);
        // of a slack c − v, of which neither is larger than it and a cost together
        let rounding = self.rounding() + self.relative_rounding() * sums(f64::abs) * unit;
        // best potentials of atoms left out: a cost and a potential of the other side
        let of = |cloud: &Cloud, other: f64, potential: &[f64]| {
            cloud.lost.1 * other + cloud.lost.0 * linalg::max_abs(potential) * unit
        };
        let lost = of(&self.rows, self.longest * self.unit, &columns)
            + of(&self.columns, self.longest_row, &rows)
            // both left out
            + self.rows.lost.1 * self.columns.lost.1;
        let (x, y) = self.clouds();
        let of_means: f64 =
            (0..x.dim).map(|i| x.mean[i] * linalg::dot(&a[i * y.dim..(i + 1) * y.dim], &y.mean)).sum();
        Dual { height: of_means - value * unit + rounding + lost, rows, columns, unit }
    }

    fn finish(&self, mut simplex: Simplex, a: &[f64], unit: f64) -> Supported {
        let row_potential = match simplex.slack.take() {
            Some(slack) => slack,
            None => {
                simplex.refresh();
                simplex.price_all()
            }
        };
        let dual = self.dual(a, row_potential, simplex.columns.potential().to_vec(), unit);
        let mut moment = Vec::new();
        self.moment_of(&simplex.tree, &mut moment);
        let potential = dual.columns.iter().map(|v| v * unit).collect();
        Supported {
            dual,
            cross_moment: moment,
            basis: Basis { tree: simplex.tree, near: simplex.near, potential },
        }
    }

    /// ∫ x yᵀ dπ of the plan of a tree, (p, q).
    pub(super) fn moment_of(&self, tree: &Tree, moment: &mut Vec<f64>) {
        let (p, q) = (self.rows.dim, self.columns.dim);
        // the entry of row coordinate i and column coordinate j
        let place = |i: usize, j: usize| if self.turned { j * p + i } else { i * q + j };
        moment.clear();
        moment.resize(p * q, 0.0);
        for arc in tree.arcs().filter(|arc| arc.flow > 0) {
            let (x, y) = (self.rows.point(arc.row), self.columns.point(arc.column));
            let mass = arc.flow as f64;
            for i in 0..p {
                for j in 0..q {
                    moment[place(i, j)] += mass * x[i] * y[j];
                }
            }
        }
        // plans have the means of the clouds
        for i in 0..p {
            for j in 0..q {
                let m = &mut moment[place(i, j)];
                *m = *m / self.masses.total as f64 + self.rows.mean[i] * self.columns.mean[j];
            }
        }
    }

    /// The plan of a basis.
    pub(crate) fn plan(&self, basis: &Basis) -> Plan {
        self.plan_of(&basis.tree)
    }

    /// The plan of a tree.
    pub(super) fn plan_of(&self, tree: &Tree) -> Plan {
        let total = self.masses.total as f64;
        let entries = tree.arcs().filter(|arc| arc.flow > 0).map(|arc| {
            let (i, j) = (self.rows.kept[arc.row as usize], self.columns.kept[arc.column as usize]);
            let mass = arc.flow as f64 / total;
            if self.turned { (j, i, mass) } else { (i, j, mass) }
        });
        let (x, y) = self.clouds();
        Plan::from_entries(x.len, y.len, entries.collect())
    }

    /// Dual potentials of all points of y for the cost −xᵀ A y; with those of x that are best for them they prove the
    /// height. 0 for points without weight.
    pub(crate) fn potential_of_y(&self, dual: &Dual, a: &[f64], y: &[f64], b: &[f64]) -> Vec<f64> {
        let (of_x, of_y) = self.clouds();
        let (of_x_kept, of_y_kept) = match self.turned {
            true => (&dual.columns, &dual.rows),
            false => (&dual.rows, &dual.columns),
        };
        let q = of_y.dim;
        // −xᵀ A y is the cost of centred points minus this, and terms of x alone
        let tilt: Vec<f64> =
            (0..q).map(|j| (0..of_x.dim).map(|i| of_x.mean[i] * a[i * q + j]).sum()).collect();
        let mut potential: Vec<Option<f64>> = vec![None; of_y.len];
        of_y.kept.iter().zip(of_y_kept).for_each(|(&j, v)| potential[j] = Some(v * dual.unit));
        let lowest = |j: usize| {
            // a mass below the resolution: the largest potential that fits
            let centred: Vec<f64> = (0..q).map(|k| y[j * q + k] - of_y.mean[k]).collect();
            let costs = of_x.points.chunks_exact(of_x.dim).zip(of_x_kept).map(|(x, u)| {
                let cost: f64 =
                    (0..of_x.dim).map(|i| x[i] * linalg::dot(&a[i * q..(i + 1) * q], &centred)).sum();
                -cost - u * dual.unit
            });
            costs.fold(f64::INFINITY, f64::min)
        };
        (0..of_y.len)
            .map(|j| match potential[j] {
                _ if b[j] == 0.0 => 0.0,
                known => known.unwrap_or_else(|| lowest(j)) - linalg::dot(&tilt, &y[j * q..(j + 1) * q]),
            })
            .collect()
    }

    /// The part of the rounding of a height that is there in any direction of norm one.
    pub(crate) fn rounding(&self) -> f64 {
        2.0 * self.relative_rounding() * self.mean_length * self.longest * self.unit
    }

    fn relative_rounding(&self) -> f64 {
        4.0 * (self.columns.dim as f64 + 4.0) * f64::EPSILON
    }

    /// The clouds of x and of y.
    fn clouds(&self) -> (&Cloud, &Cloud) {
        if self.turned { (&self.columns, &self.rows) } else { (&self.rows, &self.columns) }
    }
}

fn weighted(weights: &[f64], potential: &[f64], f: fn(f64) -> f64) -> f64 {
    linalg::compensated(weights.iter().zip(potential).map(|(w, u)| w * f(*u)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    /// Of any potentials the bound is at least h, of the best ones it is h, and of those of directions around it is close.
    #[test]
    fn potentials_bound_the_height_from_above() -> Result<()> {
        let mut s = Source::new(19, 0);
        for (n, m, p, q) in [(40, 40, 2, 2), (30, 47, 2, 3), (50, 21, 3, 1), (1, 9, 2, 2)] {
            let mut normal = |k: usize| -> Vec<f64> { (0..k).map(|_| s.normal()).collect() };
            let (x, y) = (normal(n * p), normal(m * q));
            let weights = |v: Vec<f64>| -> Vec<f64> {
                let sum: f64 = v.iter().map(|w| w.abs()).sum();
                v.iter().map(|w| w.abs() / sum).collect()
            };
            let (a, b) = (weights(normal(n)), weights(normal(m)));
            let support = Support::new(&x, p, &a, &y, q, &b)?;
            let unit = |v: Vec<f64>| -> Vec<f64> { v.iter().map(|c| c / linalg::norm(&v)).collect() };
            for _ in 0..10 {
                let direction = unit(normal(p * q));
                let solved = support.solve(&direction, None, &Stop::default());
                let h = solved.dual.height;
                let own = support.bound(&direction, solved.basis.potential.clone()).height;
                assert!((own - h).abs() <= 1e-13 * (1.0 + h.abs()), "{own} of its own potentials, {h}");
                let other = support.bound(&direction, normal(support.columns())).height;
                assert!(other >= h - 1e-13, "{other} of random potentials, {h}");
                // h(A) is at most half the sum over A + E and A − E; the bound of the mean potentials too
                let shifts = [1.0, -1.0].map(|sign| -> Vec<f64> {
                    direction.iter().enumerate().map(|(k, c)| c + sign * 0.01 * (k as f64 + 1.0)).collect()
                });
                let [up, down] = shifts.each_ref().map(|a| support.solve(a, None, &Stop::default()));
                let mut mean = vec![0.0; support.columns()];
                up.basis.add_potential(0.5, &mut mean);
                down.basis.add_potential(0.5, &mut mean);
                let between = support.bound(&direction, mean).height;
                let convex = 0.5 * (up.dual.height + down.dual.height);
                assert!(h - 1e-13 <= between && between <= convex + 1e-13, "{h} {between} {convex}");
            }
        }
        Ok(())
    }
}
