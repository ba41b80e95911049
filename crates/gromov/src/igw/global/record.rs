//! The tree of boxes as it grows, for a certificate.

use crate::certificate::Multiplier;

/// What became of a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    /// Not yet decided.
    Open,
    /// Bounded by the proof of this number.
    Leaf(u32),
    /// Cut in two at `value` of a coordinate: items `first` (below) and `first` + 1 (above).
    Split { coordinate: u32, value: f64, first: u32 },
}

/// A tree of boxes; item 0 is its root.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) items: Vec<Item>,
    pub(super) proofs: Vec<Vec<Multiplier>>,
}

impl Record {
    pub(super) fn new() -> Self {
        Record { items: vec![Item::Open], proofs: Vec::new() }
    }

    /// Cuts an open box in two; returns the lower part, the upper one is next to it.
    pub(super) fn split(&mut self, item: u32, coordinate: usize, value: f64) -> u32 {
        let first = self.items.len() as u32;
        self.items[item as usize] = Item::Split { coordinate: coordinate as u32, value, first };
        self.items.extend([Item::Open; 2]);
        first
    }

    /// Closes a box.
    pub(super) fn close(&mut self, item: u32, proof: u32) {
        self.items[item as usize] = Item::Leaf(proof);
    }

    /// Keeps a proof, to close boxes with.
    pub(super) fn proof(&mut self, multipliers: &[Multiplier]) -> u32 {
        self.proofs.push(multipliers.to_vec());
        self.proofs.len() as u32 - 1
    }

    /// Puts a tree in the place of an open item; returns the shift of its other items.
    pub(super) fn graft(&mut self, item: u32, tree: Record, cut: impl Fn(u32) -> u32) -> u32 {
        // its item 0 goes to `item`, its item k to shift + k
        let shift = self.items.len() as u32 - 1;
        let proofs = self.proofs.len() as u32;
        let mut moved = tree.items.into_iter().map(|it| match it {
            Item::Open => Item::Open,
            Item::Leaf(proof) => Item::Leaf(proof + proofs),
            Item::Split { coordinate, value, first } => {
                Item::Split { coordinate, value, first: first + shift }
            }
        });
        if let Some(root) = moved.next() {
            self.items[item as usize] = root;
        }
        self.items.extend(moved);
        self.proofs.extend(tree.proofs.into_iter().map(|mut proof| {
            proof.iter_mut().for_each(|m| m.cut = cut(m.cut));
            proof
        }));
        shift
    }
}
