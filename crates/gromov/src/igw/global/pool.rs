//! Cuts found so far, and the bases of the transport problems that gave them.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::program::{Cell, Rows};
use crate::ot::support::Basis;

/// Memory for bases.
const BASES: usize = 64 << 20;
/// Cuts that a box takes over of what was found since it was queued.
const SHARED: usize = 400;
/// Cuts of all directions that are looked at for this.
const LOOKED: usize = 20_000;

/// ⟨a, M⟩ ≤ h for every plan; |a| = 1.
#[derive(Debug, Clone)]
pub(super) struct Cut<const D: usize> {
    pub(super) a: [f64; D],
    pub(super) h: f64,
    /// Dual potentials of the points of y, where a certificate is asked for.
    pub(super) potential: Option<Box<[f64]>>,
}

impl<const D: usize> Cut<D> {
    /// Which orthant `a` is in.
    fn orthant(a: &[f64; D]) -> u64 {
        a.iter().fold(0, |bits, x| 2 * bits + u64::from(*x >= 0.0))
    }
}

/// All cuts in the order in which they were found.
pub(super) struct Pool<const D: usize> {
    cuts: Vec<Cut<D>>,
    /// The same, to be searched.
    rows: Rows<D>,
    of_orthant: HashMap<u64, Vec<u32>>,
    bases: HashMap<u32, Basis>,
    order: VecDeque<u32>,
    most_bases: usize,
    solved: usize,
}

impl<const D: usize> Pool<D> {
    /// For clouds of `points` points together.
    pub(super) fn new(points: usize) -> Self {
        let most_bases = (BASES / (72 * points.max(1))).max(64);
        Pool {
            cuts: Vec::new(),
            rows: Rows::new(),
            of_orthant: HashMap::new(),
            bases: HashMap::new(),
            order: VecDeque::new(),
            most_bases,
            solved: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cuts.len()
    }

    /// Number of transport problems solved: cuts that are no estimates.
    pub(super) fn solved(&self) -> usize {
        self.solved
    }

    /// Bases that are kept.
    pub(super) fn most_bases(&self) -> usize {
        self.most_bases
    }

    pub(super) fn cut(&self, id: u32) -> &Cut<D> {
        &self.cuts[id as usize]
    }

    pub(super) fn basis(&self, id: u32) -> Option<&Basis> {
        self.bases.get(&id)
    }

    /// Adds a cut, with its basis if it was solved for.
    pub(super) fn push(&mut self, cut: Cut<D>, basis: Option<Basis>) {
        let id = self.cuts.len() as u32;
        self.of_orthant.entry(Cut::orthant(&cut.a)).or_default().push(id);
        self.rows.push(&cut.a, cut.h);
        self.cuts.push(cut);
        let Some(basis) = basis else { return };
        self.solved += 1;
        if self.order.len() == self.most_bases
            && let Some(old) = self.order.pop_front()
        {
            self.bases.remove(&old);
        }
        self.order.push_back(id);
        self.bases.insert(id, basis);
    }

    /// The cuts from number `seen` on, but `own`, that a point of the box can violate, the deepest ones if there are
    /// many: of all directions or, where these are too many to look at, of the orthant of the box.
    #[inline(always)]
    pub(super) fn since(&self, seen: u32, own: &Range<u32>, cell: &Cell<D>) -> Vec<u32> {
        let mut found = if self.cuts.len() - seen as usize <= LOOKED {
            self.rows.violable(seen as usize, cell)
        } else {
            let list =
                self.of_orthant.get(&Cut::orthant(&cell.twice_centre())).map_or(&[][..], Vec::as_slice);
            let depth = |id: u32| (cell.largest(&self.cut(id).a) - self.cut(id).h, id);
            let since = list[list.partition_point(|id| *id < seen)..].iter().copied();
            since.map(depth).filter(|d| d.0 > 0.0).collect()
        };
        found.retain(|f| !own.contains(&f.1));
        if found.len() > SHARED {
            found.select_nth_unstable_by(SHARED, |s, t| t.0.total_cmp(&s.0).then(s.1.cmp(&t.1)));
            found.truncate(SHARED);
        }
        found.into_iter().map(|f| f.1).collect()
    }
}
