//! A [`Basis`] as plain data, for files: the arcs of its tree and the orders of its atoms.
//!
//! The tree is built again from its arcs. The order of children differs then, which no number depends on, so that
//! a run goes on with the same bits. Whatever is read back is a basis: a spanning tree that meets its masses, with
//! every empty arc on a row.

use super::exact::Basis;
use super::mass::Masses;
use super::pricing::BLOCK;
use super::simplex::Near;
use super::tree::{Arc, Tree};

/// What is written of a basis.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Saved {
    /// Masses of all atoms, and their sum on each side.
    masses: (Vec<i64>, Vec<i64>, i64),
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// Row, column and flow, in the order of the tree's nodes.
    arcs: Vec<(u32, u32, i64)>,
    near: Vec<Near>,
}

impl From<Basis> for Saved {
    fn from(basis: Basis) -> Self {
        let Masses { rows, columns, total } = basis.masses;
        let arcs = basis.tree.arcs().map(|a| (a.row, a.column, a.flow)).collect();
        let (kept_rows, kept_columns) = (basis.rows, basis.columns);
        Saved {
            masses: (rows, columns, total),
            rows: kept_rows,
            columns: kept_columns,
            arcs,
            near: basis.near,
        }
    }
}

impl TryFrom<Saved> for Basis {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, Self::Error> {
        let (rows, columns, total) = saved.masses;
        if !(is_order(&saved.rows, &rows, total) && is_order(&saved.columns, &columns, total)) {
            return Err("a basis whose atoms are not those with mass");
        }
        let (n, m) = (saved.rows.len(), saved.columns.len());
        let arcs: Vec<Arc> =
            saved.arcs.iter().map(|&(row, column, flow)| Arc { row, column, flow }).collect();
        let kept = |order: &[usize], masses: &[i64]| order.iter().map(|&i| masses[i]).collect::<Vec<_>>();
        if !meet(&arcs, kept(&saved.rows, &rows), kept(&saved.columns, &columns)) {
            return Err("a basis whose flows do not meet its masses");
        }
        let blocks = m.div_ceil(BLOCK) as u32;
        let named = |near: &Near| near.iter().all(|block| *block < blocks);
        if !(saved.near.is_empty() || saved.near.len() == n && saved.near.iter().all(named)) {
            return Err("a basis whose blocks are not those of its columns");
        }
        let tree = Tree::spanning(n, m, &arcs).ok_or("a basis that is no strongly feasible tree")?;
        let masses = Masses { rows, columns, total };
        Ok(Basis { masses, rows: saved.rows, columns: saved.columns, tree, near: saved.near })
    }
}

/// Is every atom with mass in the order once, and none without? Masses are not negative and sum to `total`.
fn is_order(order: &[usize], masses: &[i64], total: i64) -> bool {
    let mut waiting: Vec<bool> = masses.iter().map(|m| *m > 0).collect();
    let positive = waiting.iter().filter(|w| **w).count();
    let each_once =
        order.iter().all(|&i| waiting.get_mut(i).is_some_and(|waits| std::mem::replace(waits, false)));
    let sum: i128 = masses.iter().map(|m| i128::from(*m)).sum();
    let sound = masses.iter().all(|m| *m >= 0) && sum == i128::from(total);
    sound && positive > 0 && order.len() == positive && each_once
}

/// Do the flows, none negative, leave nothing of the masses?
fn meet(arcs: &[Arc], mut rows: Vec<i64>, mut columns: Vec<i64>) -> bool {
    for arc in arcs {
        let (Some(row), Some(column)) =
            (rows.get_mut(arc.row as usize), columns.get_mut(arc.column as usize))
        else {
            return false;
        };
        if arc.flow < 0 || arc.flow > *row || arc.flow > *column {
            return false;
        }
        *row -= arc.flow;
        *column -= arc.flow;
    }
    rows.iter().chain(&columns).all(|left| *left == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;
    use crate::ot::{Exact, LowRankCost};

    fn bytes(basis: &Basis) -> Vec<u8> {
        postcard::to_stdvec(basis).unwrap()
    }

    /// Weights, some zero, and points of a random problem.
    fn side(s: &mut Source, n: usize, trial: usize) -> (Vec<f64>, Vec<f64>) {
        let mut w: Vec<f64> = (0..n)
            .map(|k| match trial % 3 {
                0 => 1.0,
                1 => 0.1 + s.unit(),
                _ => f64::from(u8::from(k % 4 != 3)) * (1.0 + f64::from(s.below(3) as u32)),
            })
            .collect();
        let sum: f64 = w.iter().sum();
        w.iter_mut().for_each(|w| *w /= sum);
        ((0..2 * n).map(|_| s.normal()).collect(), w)
    }

    #[test]
    fn warm_starts_from_a_basis_read_back_have_the_same_bits() {
        let mut s = Source::new(71, 0);
        let mut pivots = 0;
        for trial in 0..30 {
            let (n, m) = (2 + s.below(90), 2 + s.below(90));
            let ((mut x, a), (y, b)) = (side(&mut s, n, trial), side(&mut s, m, trial));
            let cost = |x: &[f64]| LowRankCost::squared_euclidean(x, &y, 2).unwrap();
            let mut basis = Exact::default().solve(&cost(&x), &a, &b, None).unwrap().basis;
            for _ in 0..4 {
                x.iter_mut().for_each(|x| *x += 0.2 * s.normal());
                let back: Basis = postcard::from_bytes(&bytes(&basis)).unwrap();
                assert_eq!(bytes(&back), bytes(&basis));
                let one = Exact::default().solve(&cost(&x), &a, &b, Some(basis)).unwrap();
                let two = Exact::default().solve(&cost(&x), &a, &b, Some(back)).unwrap();
                let told = |s: &crate::ot::Solution| {
                    format!("{:?} {:?} {:?} {} {}", s.plan, s.row_potential, s.value, s.pivots, s.warm)
                };
                assert_eq!(told(&one), told(&two));
                assert_eq!(bytes(&one.basis), bytes(&two.basis));
                pivots += one.pivots;
                basis = one.basis;
            }
        }
        assert!(pivots > 1000, "{pivots}");
    }

    #[test]
    fn what_is_no_basis_is_refused() {
        let mut s = Source::new(72, 0);
        let ((x, a), (y, b)) = (side(&mut s, 9, 2), side(&mut s, 7, 2));
        let cost = LowRankCost::squared_euclidean(&x, &y, 2).unwrap();
        let saved = Saved::from(Exact::default().solve(&cost, &a, &b, None).unwrap().basis);
        assert!(Basis::try_from(saved.clone()).is_ok());
        type Damage = fn(&mut Saved);
        let damages: [Damage; 12] = [
            |s| s.rows[0] = s.rows[1],
            |s| s.columns[0] = 3, // an atom without mass
            |s| s.rows[0] = 1000,
            |s| s.masses.2 += 1,
            |s| s.masses.0[s.rows[0]] = i64::MAX,
            |s| s.arcs[0].2 = -1,
            |s| s.arcs[0].0 = 1000,
            |s| s.arcs[0].2 += 1,
            |s| s.arcs.truncate(3),
            |s| s.arcs.push((0, 0, 0)),
            |s| s.near[0][0] = 1,
            |s| s.near.truncate(1),
        ];
        for (k, damage) in damages.into_iter().enumerate() {
            let mut other = saved.clone();
            damage(&mut other);
            assert!(Basis::try_from(other).is_err(), "{k}");
        }
    }
}
