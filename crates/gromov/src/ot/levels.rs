//! A first tree from coarse problems: cells of both clouds are transported first, and the basis of each level
//! starts the next finer one.

use super::cells::{Side, children};
use super::mass::Masses;
use super::refine;
use super::simplex::Simplex;
use super::tree::Tree;
use crate::linalg;
use crate::solve::{Status, Stop};

/// Cells of the coarsest level, a power of two.
const COARSEST: usize = 64;

/// A tree to start from, and what it took.
pub(crate) struct Start {
    pub(crate) tree: Tree,
    pub(crate) pivots: usize,
    /// Why levels were passed over without a pivot, if they were.
    pub(crate) status: Option<Status>,
}

/// Works through the levels of a problem whose atoms stand in the order of [`super::cells::order`].
pub(crate) fn start(
    masses: &Masses,
    left: &[f64],
    right: &[f64],
    r: usize,
    max_pivots: usize,
    stop: &Stop,
) -> Start {
    let (n, m) = (masses.rows.len(), masses.columns.len());
    let level = |cells: usize| {
        (Side::new(left, &masses.rows, r, cells.min(n)), Side::new(right, &masses.columns, r, cells.min(m)))
    };
    let mut cells = COARSEST;
    let (mut rows, mut columns) = level(cells);
    let mut start = Start { tree: north_west(&rows, &columns, r), pivots: 0, status: None };
    while rows.len() < n || columns.len() < m {
        if start.status.is_none() {
            let mut simplex = Simplex::new(rows.factor.clone(), &columns.factor, r, start.tree, Vec::new());
            simplex.run(max_pivots - start.pivots, stop);
            start.tree = simplex.tree;
            start.pivots += simplex.pivots;
            start.status = simplex.status.filter(|s| *s != Status::Converged);
        }
        cells *= 2;
        let (fine_rows, fine_columns) = level(cells);
        let coarse: Vec<_> = start.tree.arcs().collect();
        let arcs = refine::arcs((&rows, &fine_rows), (&columns, &fine_columns), r, &coarse);
        let links = coarse.iter().flat_map(|arc| {
            let of_row = children(arc.row as usize, rows.len(), fine_rows.len());
            let of_column = children(arc.column as usize, columns.len(), fine_columns.len());
            of_row.flat_map(move |i| of_column.clone().map(move |j| (i as u32, j as u32)))
        });
        start.tree = Tree::new(fine_rows.len(), fine_columns.len(), &arcs, &links.collect::<Vec<_>>());
        (rows, columns) = (fine_rows, fine_columns);
    }
    start
}

/// North-west corner along the leading axis of both factors together, which a small u · v couples in
/// opposite order.
fn north_west(rows: &Side, columns: &Side, r: usize) -> Tree {
    let spread = |a: &[f64]| {
        let ones = vec![1.0; a.len() / r];
        let s = linalg::moment(&ones, a, r, a, r);
        let size = linalg::max_abs(&s).max(f64::MIN_POSITIVE);
        s.iter().map(|x| x / size).collect::<Vec<f64>>()
    };
    let both: Vec<f64> =
        spread(&rows.factor).iter().zip(spread(&columns.factor)).map(|(a, b)| a + b).collect();
    let axis: Vec<f64> = match linalg::symmetric_eigen(&both, r) {
        Ok(e) => (0..r).map(|i| e.vectors[i * r]).collect(),
        Err(_) => (0..r).map(|i| f64::from(u8::from(i == 0))).collect(),
    };
    let order = |a: &[f64], sign: f64| {
        let along: Vec<f64> = a.chunks_exact(r).map(|row| sign * linalg::dot(row, &axis)).collect();
        let mut order: Vec<u32> = (0..along.len() as u32).collect();
        order.sort_by(|&i, &j| along[i as usize].total_cmp(&along[j as usize]).then(i.cmp(&j)));
        order
    };
    let (down, up) = (order(&rows.factor, 1.0), order(&columns.factor, -1.0));
    Tree::north_west(&rows.masses, &columns.masses, &down, &up)
}
