//! Cuts found so far, and the bases of the transport problems that gave them.

use std::collections::{HashMap, VecDeque};

use super::program::Cell;
use crate::ot::support::Basis;

/// Memory for bases.
const BASES: usize = 64 << 20;
/// Cuts looked at when a box takes over what was found since it was queued.
const SHARED: usize = 200;

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
    of_orthant: HashMap<u64, Vec<u32>>,
    bases: HashMap<u32, Basis>,
    order: VecDeque<u32>,
    most_bases: usize,
    /// Transport problems are dear: boxes take over cuts of all directions.
    share_all: bool,
}

impl<const D: usize> Pool<D> {
    /// For clouds of `points` points together.
    pub(super) fn new(points: usize, share_all: bool) -> Self {
        let most_bases = (BASES / (64 * points.max(1))).max(16);
        Pool {
            cuts: Vec::new(),
            of_orthant: HashMap::new(),
            bases: HashMap::new(),
            order: VecDeque::new(),
            most_bases,
            share_all,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cuts.len()
    }

    pub(super) fn cut(&self, id: u32) -> &Cut<D> {
        &self.cuts[id as usize]
    }

    pub(super) fn basis(&self, id: u32) -> Option<&Basis> {
        self.bases.get(&id)
    }

    /// Adds a cut; returns its number.
    pub(super) fn push(&mut self, cut: Cut<D>, basis: Basis) -> u32 {
        let id = self.cuts.len() as u32;
        self.of_orthant.entry(Cut::orthant(&cut.a)).or_default().push(id);
        self.cuts.push(cut);
        if self.order.len() == self.most_bases
            && let Some(old) = self.order.pop_front()
        {
            self.bases.remove(&old);
        }
        self.order.push_back(id);
        self.bases.insert(id, basis);
        id
    }

    /// The latest cuts from number `seen` on that a point of the box can violate: of all directions or of the
    /// orthant of the box.
    pub(super) fn since(&self, seen: u32, cell: &Cell<D>) -> Vec<u32> {
        let violable = |id: &u32| {
            let cut = self.cut(*id);
            cell.largest(&cut.a) > cut.h
        };
        if self.share_all {
            let from = (seen as usize).max(self.cuts.len().saturating_sub(super::env("SHARED", SHARED as f64) as usize));
            return (from as u32..self.cuts.len() as u32).filter(violable).collect();
        }
        let Some(list) = self.of_orthant.get(&Cut::orthant(&cell.twice_centre())) else {
            return Vec::new();
        };
        let from = list.partition_point(|id| *id < seen).max(list.len().saturating_sub(super::env("SHARED", SHARED as f64) as usize));
        list[from..].iter().copied().filter(violable).collect()
    }
}
