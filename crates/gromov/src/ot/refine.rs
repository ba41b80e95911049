//! A plan of a fine problem from a basic plan of a coarse one, whose rows and columns are cells of the fine ones.
//!
//! The atoms of a coarse row share out its arcs along one axis, those of a coarse column likewise, and within an
//! arc the shares of both meet by the north-west corner rule. A coarse plan without cycles becomes a fine
//! plan without cycles: n + m − 1 arcs, fewer where masses end together.

use super::cells::{Side, children};
use super::tree::Arc;

/// (fine atom, mass): shares of an arc.
type Shares = Vec<(u32, i64)>;

/// Arcs with flow of the fine problem, from those of the coarse one. Sides are (coarse, fine).
pub(crate) fn arcs(rows: (&Side, &Side), columns: (&Side, &Side), r: usize, coarse: &[Arc]) -> Vec<Arc> {
    let row_shares = shares(rows, columns.0, r, coarse, |a| (a.row as usize, a.column as usize));
    let column_shares = shares(columns, rows.0, r, coarse, |a| (a.column as usize, a.row as usize));
    let along = |side: &Side, shares: &Shares| -> Vec<f64> {
        let (first, last) = (shares[0].0 as usize, shares[shares.len() - 1].0 as usize);
        difference(&side.factor, r, first, last)
    };
    let mut out = Vec::new();
    for (from, mut to) in row_shares.into_iter().zip(column_shares) {
        if from.len() > 1 && to.len() > 1 {
            let (u, v) = (along(rows.1, &from), along(columns.1, &to));
            if u.iter().zip(&v).map(|(u, v)| u * v).sum::<f64>() > 0.0 {
                to.reverse();
            }
        }
        let (mut from, mut to) = (from.into_iter().peekable(), to.into_iter().peekable());
        while let (Some(row), Some(column)) = (from.peek_mut(), to.peek_mut()) {
            let flow = row.1.min(column.1);
            out.push(Arc { row: row.0, column: column.0, flow });
            (row.1, column.1) = (row.1 - flow, column.1 - flow);
            from.next_if(|row| row.1 == 0);
            to.next_if(|column| column.1 == 0);
        }
    }
    out
}

/// Shares of the atoms of one side in every coarse arc, empty without flow. `ends` gives the cell of this side
/// and of the other.
fn shares(
    (coarse, fine): (&Side, &Side),
    other: &Side,
    r: usize,
    arcs: &[Arc],
    ends: impl Fn(&Arc) -> (usize, usize),
) -> Vec<Shares> {
    let mut arcs_of: Vec<Vec<usize>> = vec![Vec::new(); coarse.len()];
    for (e, arc) in arcs.iter().enumerate().filter(|(_, arc)| arc.flow > 0) {
        arcs_of[ends(arc).0].push(e);
    }
    let mut out = vec![Shares::new(); arcs.len()];
    for (cell, list) in arcs_of.into_iter().enumerate() {
        let atoms = children(cell, coarse.len(), fine.len());
        let axis = difference(&fine.factor, r, atoms.start, atoms.end - 1);
        let along = |e: usize| -> f64 {
            let far = &other.factor[ends(&arcs[e]).1 * r..][..r];
            axis.iter().zip(far).map(|(a, x)| a * x).sum()
        };
        let mut list: Vec<(f64, usize)> = list.into_iter().map(|e| (along(e), e)).collect();
        // a small u · v couples in opposite order
        list.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut left = atoms.map(|i| (i as u32, fine.masses[i])).peekable();
        for (_, e) in list {
            let mut need = arcs[e].flow;
            while let Some(atom) = left.peek_mut().filter(|_| need > 0) {
                let share = need.min(atom.1);
                out[e].push((atom.0, share));
                need -= share;
                atom.1 -= share;
                left.next_if(|atom| atom.1 == 0);
            }
        }
    }
    out
}

fn difference(factor: &[f64], r: usize, first: usize, last: usize) -> Vec<f64> {
    (0..r).map(|k| factor[last * r + k] - factor[first * r + k]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;
    use crate::ot::tree::Tree;

    #[test]
    fn a_basic_plan_becomes_a_basic_plan_of_the_atoms() {
        let mut s = Source::new(23, 0);
        let r = 2;
        for trial in 0..40 {
            let (n, m) = (8 + s.below(30), 8 + s.below(30));
            let mut side = |n: usize, total: i64| {
                let mut masses: Vec<i64> = (0..n).map(|_| 1 + s.below(3) as i64 * (trial % 2)).collect();
                masses[n - 1] += total - masses.iter().sum::<i64>();
                let points: Vec<f64> = (0..n * r).map(|_| s.normal()).collect();
                (points, masses)
            };
            let (left, right) = (side(n, 200), side(m, 200));
            let level = |(points, masses): &(Vec<f64>, Vec<i64>), cells| Side::new(points, masses, r, cells);
            let (rows, fine_rows) = (level(&left, 8), level(&left, n));
            let (columns, fine_columns) = (level(&right, 8), level(&right, m));
            let order: Vec<u32> = (0..8).collect();
            let tree = Tree::north_west(&rows.masses, &columns.masses, &order, &order);
            let coarse: Vec<Arc> = tree.arcs().collect();
            let arcs = arcs((&rows, &fine_rows), (&columns, &fine_columns), r, &coarse);
            let (mut a, mut b) = (fine_rows.masses.clone(), fine_columns.masses.clone());
            for arc in &arcs {
                assert!(arc.flow > 0);
                a[arc.row as usize] -= arc.flow;
                b[arc.column as usize] -= arc.flow;
            }
            assert!(a.iter().chain(&b).all(|m| *m == 0));
            // no cycle: every arc joins two parts
            let mut part: Vec<usize> = (0..n + m).collect();
            for arc in &arcs {
                let (p, q) = (part[arc.row as usize], part[n + arc.column as usize]);
                assert_ne!(p, q);
                part.iter_mut().filter(|k| **k == q).for_each(|k| *k = p);
            }
        }
    }
}
