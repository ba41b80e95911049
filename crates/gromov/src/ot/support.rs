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
use super::simplex::{Near, Simplex, largest_row};
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
    /// Mean length of the rows, and that of the longest.
    mean_length: f64,
    longest_row: f64,
}

/// To start another direction from.
#[derive(Debug, Clone)]
pub(crate) struct Basis {
    tree: Tree,
    near: Vec<Near>,
}

/// What a direction gave.
pub(crate) struct Supported {
    /// −Σ a u − Σ b v ≥ h(A) for |A| = 1, its rounding and atoms below the resolution of masses included.
    pub(crate) height: f64,
    /// ∫ x yᵀ dπ of the plan, (p, q).
    pub(crate) cross_moment: Vec<f64>,
    pub(crate) basis: Basis,
    /// Potentials of the rows and columns kept, in units.
    row_potential: Vec<f64>,
    column_potential: Vec<f64>,
    unit: f64,
}

impl Support {
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
        Ok(Support {
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
        let (p, q) = (self.rows.dim, self.columns.dim);
        let minus: Vec<f64> = match self.turned {
            // (p, q) is the shape of the transpose of A
            true => a.iter().map(|v| -v).collect(),
            false => linalg::transpose(a, p, q).iter().map(|v| -v).collect(),
        };
        let mut left = Vec::with_capacity(self.rows.kept.len() * q);
        for x in self.rows.points.chunks_exact(p) {
            left.extend(minus.chunks_exact(p).map(|row| linalg::dot(row, x)));
        }
        let left_unit = linalg::power_of_two_scale(linalg::max_abs(&left));
        left.iter_mut().for_each(|v| *v /= left_unit);
        let columns = || (self.prototype.clone(), self.longest);
        let atoms = self.rows.kept.len() + self.columns.kept.len();
        let mut done = None;
        if let Some(Basis { tree, near }) = warm.cloned() {
            let mut simplex = Simplex::with_columns(left, columns(), q, tree, near);
            simplex.run(WARM_PIVOTS * atoms, stop);
            match simplex.status {
                Some(Status::IterationCap) => left = simplex.left,
                _ => {
                    done = Some(simplex);
                    left = Vec::new();
                }
            }
        }
        let most = 10_000 + 1000 * atoms;
        let simplex = done.unwrap_or_else(|| {
            let start = levels::start(&self.masses, &left, &self.right, q, most, stop);
            let mut simplex = Simplex::with_columns(left, columns(), q, start.tree, Vec::new());
            simplex.status = start.status;
            simplex.run(most, stop);
            simplex
        });
        self.finish(simplex, a, self.unit * left_unit)
    }

    fn finish(&self, mut simplex: Simplex, a: &[f64], unit: f64) -> Supported {
        let row_potential = match simplex.slack.take() {
            Some(slack) => slack,
            None => {
                simplex.refresh();
                simplex.price_all()
            }
        };
        let column_potential = simplex.columns.potential().to_vec();
        let sums = |f: fn(f64) -> f64| {
            weighted(&self.rows.weights, &row_potential, f)
                + weighted(&self.columns.weights, &column_potential, f)
        };
        let dual = sums(|u| u);
        // of a slack c − v, of which neither is larger than it and a cost together
        let rounding = self.rounding() + self.relative_rounding() * sums(f64::abs) * unit;
        // best potentials of atoms left out: a cost and a potential of the other side
        let of = |cloud: &Cloud, other: f64, potential: &[f64]| {
            cloud.lost.1 * other + cloud.lost.0 * linalg::max_abs(potential) * unit
        };
        let lost = of(&self.rows, self.longest * self.unit, &column_potential)
            + of(&self.columns, self.longest_row, &row_potential)
            // both left out
            + self.rows.lost.1 * self.columns.lost.1;
        let (p, q) = (self.rows.dim, self.columns.dim);
        let mut moment = vec![0.0; p * q];
        for arc in simplex.tree.arcs().filter(|arc| arc.flow > 0) {
            let (x, y) = (self.rows.point(arc.row), self.columns.point(arc.column));
            let mass = arc.flow as f64;
            for i in 0..p {
                for j in 0..q {
                    moment[i * q + j] += mass * x[i] * y[j];
                }
            }
        }
        // plans have the means of the clouds
        for i in 0..p {
            for j in 0..q {
                let m = &mut moment[i * q + j];
                *m = *m / self.masses.total as f64 + self.rows.mean[i] * self.columns.mean[j];
            }
        }
        let (x, y) = self.clouds();
        let of_means: f64 =
            (0..x.dim).map(|i| x.mean[i] * linalg::dot(&a[i * y.dim..(i + 1) * y.dim], &y.mean)).sum();
        Supported {
            height: of_means - dual * unit + rounding + lost,
            cross_moment: if self.turned { linalg::transpose(&moment, p, q) } else { moment },
            basis: Basis { tree: simplex.tree, near: simplex.near },
            row_potential,
            column_potential,
            unit,
        }
    }

    /// The plan of a basis.
    pub(crate) fn plan(&self, basis: &Basis) -> Plan {
        let total = self.masses.total as f64;
        let entries = basis.tree.arcs().filter(|arc| arc.flow > 0).map(|arc| {
            let (i, j) = (self.rows.kept[arc.row as usize], self.columns.kept[arc.column as usize]);
            let mass = arc.flow as f64 / total;
            if self.turned { (j, i, mass) } else { (i, j, mass) }
        });
        let (x, y) = self.clouds();
        Plan::from_entries(x.len, y.len, entries.collect())
    }

    /// Dual potentials of all points of y for the cost −xᵀ A y; with those of x that are best for them they prove the
    /// height. 0 for points without weight.
    pub(crate) fn potential_of_y(&self, solved: &Supported, a: &[f64], y: &[f64], b: &[f64]) -> Vec<f64> {
        let (of_x, of_y) = self.clouds();
        let (of_x_kept, of_y_kept) = match self.turned {
            true => (&solved.column_potential, &solved.row_potential),
            false => (&solved.row_potential, &solved.column_potential),
        };
        let q = of_y.dim;
        // −xᵀ A y is the cost of centred points minus this, and terms of x alone
        let tilt: Vec<f64> =
            (0..q).map(|j| (0..of_x.dim).map(|i| of_x.mean[i] * a[i * q + j]).sum()).collect();
        let mut potential: Vec<Option<f64>> = vec![None; of_y.len];
        of_y.kept.iter().zip(of_y_kept).for_each(|(&j, v)| potential[j] = Some(v * solved.unit));
        let lowest = |j: usize| {
            // a mass below the resolution: the largest potential that fits
            let centred: Vec<f64> = (0..q).map(|k| y[j * q + k] - of_y.mean[k]).collect();
            let costs = of_x.points.chunks_exact(of_x.dim).zip(of_x_kept).map(|(x, u)| {
                let cost: f64 =
                    (0..of_x.dim).map(|i| x[i] * linalg::dot(&a[i * q..(i + 1) * q], &centred)).sum();
                -cost - u * solved.unit
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
