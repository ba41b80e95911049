//! The certificate of a run: the tree of boxes with a proof for each leaf, the cuts they use, the plan.

use super::pool::Pool;
use super::problem::Problem;
use super::record::{Item, Record};
use super::{Pair, Solution};
use crate::certificate::{self, Certificate, Multiplier};
use crate::linalg;

/// Puts a certificate together. Every item of the record is decided; the first cuts are those of the axes.
pub(super) fn certificate<const D: usize>(
    (pair, problem, pool): (&Pair, &Problem, &Pool<D>),
    record: &Record,
    sol: &Solution,
    (center, tol): (bool, f64),
) -> Certificate {
    let dim = problem.dim();
    let mut number: Vec<Option<u32>> = vec![None; pool.len()];
    let mut kept: Vec<u32> = Vec::new();
    let mut keep = |cut: u32| {
        *number[cut as usize].get_or_insert_with(|| {
            kept.push(cut);
            kept.len() as u32 - 1
        })
    };
    (0..2 * dim as u32).for_each(|cut| {
        keep(cut);
    });
    let (mut starts, mut multipliers) = (vec![0], Vec::new());
    for proof in &record.proofs {
        multipliers.extend(proof.iter().map(|m| Multiplier { cut: keep(m.cut), value: m.value }));
        starts.push(multipliers.len());
    }
    let directions = kept.iter().flat_map(|&cut| pool.cut(cut).a[..dim].iter().copied()).collect();
    let potential = |cut: u32| pool.cut(cut).potential.as_deref().unwrap_or_default();
    // points without weight have no part in a cut
    let finite = |v: &f64| if v.is_finite() { *v } else { 0.0 };
    let potentials = kept.iter().flat_map(|&cut| potential(cut).iter().map(finite)).collect();
    let items = record.items.iter().map(|item| match *item {
        Item::Leaf(proof) => certificate::Item::Leaf(proof),
        Item::Split { coordinate, value, first } => certificate::Item::Split { coordinate, value, first },
        Item::Open => unreachable!("open boxes are closed before"),
    });
    Certificate {
        center,
        squared: sol.squared,
        lower_bound: sol.lower_bound,
        tol,
        unit: pair.unit * problem.unit,
        points: (pair.x.len(), pair.y.len()),
        dims: (problem.p, problem.q),
        axes: problem.axes.clone(),
        directions,
        potentials,
        items: items.collect(),
        starts,
        multipliers,
        plan: sol.plan.entries().collect(),
    }
}

/// The certificate of two clouds at the origin: every plan has the value 0.
pub(super) fn of_points(pair: &Pair, sol: &Solution, (center, tol): (bool, f64)) -> Certificate {
    let (p, q) = (pair.x.dim(), pair.y.dim());
    let dim = p * q;
    let mut directions = vec![0.0; 2 * dim * dim];
    for k in 0..dim {
        (directions[2 * k * dim + k], directions[(2 * k + 1) * dim + k]) = (1.0, -1.0);
    }
    Certificate {
        center,
        squared: sol.squared,
        lower_bound: sol.lower_bound,
        tol,
        unit: pair.unit,
        points: (pair.x.len(), pair.y.len()),
        dims: (p, q),
        axes: (linalg::identity(p), linalg::identity(q)),
        directions,
        potentials: vec![0.0; 2 * dim * pair.y.len()],
        items: vec![certificate::Item::Leaf(0)],
        starts: vec![0, 0],
        multipliers: Vec::new(),
        plan: sol.plan.entries().collect(),
    }
}
