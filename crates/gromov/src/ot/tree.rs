//! The spanning tree of the network simplex method for the transportation problem.
//!
//! Nodes 0..n are rows (sources), n..n+m columns (sinks); every arc goes from a row to a column, so
//! that the arc of a row to its parent points up and that of a column down. The tree is *strongly
//! feasible*: every arc without flow points to the root, i.e. hangs on a row. The leaving arc is the
//! last blocking one met along the cycle from its apex in the direction of the entering arc, which
//! keeps it so and excludes cycling (Cunningham 1976); flows are integers.

use super::mass::Masses;

const NONE: u32 = u32::MAX;

/// Arcs (row, column, flow > 0) of the north-west corner rule, cut where row and column end together.
fn pieces(masses: &Masses, rows: &[usize], columns: &[usize]) -> Vec<Vec<(usize, usize, i64)>> {
    let mut out = vec![Vec::new()];
    let (mut i, mut j) = (0, 0);
    let (mut supply, mut demand) = (masses.rows[rows[0]], masses.columns[columns[0]]);
    loop {
        let flow = supply.min(demand);
        if let Some(piece) = out.last_mut() {
            piece.push((rows[i], columns[j], flow));
        }
        supply -= flow;
        demand -= flow;
        match (supply == 0 && i + 1 < rows.len(), demand == 0 && j + 1 < columns.len()) {
            (false, false) => return out,
            (next_row, next_column) => {
                if next_row {
                    i += 1;
                    supply = masses.rows[rows[i]];
                }
                if next_column {
                    j += 1;
                    demand = masses.columns[columns[j]];
                }
                if next_row && next_column {
                    out.push(Vec::new());
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tree {
    n: usize,
    parent: Vec<u32>,
    depth: Vec<u32>,
    first: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Flow of the arc to the parent.
    flow: Vec<i64>,
    stack: Vec<u32>,
}

impl Tree {
    /// The north-west corner rule for rows and columns taken in the given orders; every mass is
    /// positive. The rule breaks into pieces where a row and a column are used up together; a piece is a
    /// path of arcs with flow, and pieces hang on each other by arcs without flow from a row (the top of
    /// its piece) to a column, in a balanced binary tree: shallow, so that the first pivots move little.
    pub(crate) fn north_west(masses: &Masses, rows: &[usize], columns: &[usize]) -> Self {
        let (n, all) = (masses.rows.len(), masses.rows.len() + masses.columns.len());
        let mut tree = Tree {
            n,
            parent: vec![NONE; all],
            depth: vec![0; all],
            first: vec![NONE; all],
            next: vec![NONE; all],
            previous: vec![NONE; all],
            flow: vec![0; all],
            stack: Vec::new(),
        };
        let pieces = pieces(masses, rows, columns);
        // ranges of pieces still to hang, with the column to hang them on
        let mut todo = vec![(0, pieces.len(), None)];
        while let Some((from, to, column)) = todo.pop() {
            if from == to {
                continue;
            }
            let middle = (from + to) / 2;
            let piece = &pieces[middle];
            if let Some(column) = column {
                tree.hang(piece[piece.len() / 2].0, column, 0);
            }
            tree.hang_piece(piece);
            todo.push((from, middle, Some(n + piece[0].1)));
            todo.push((middle + 1, to, Some(n + piece[piece.len() - 1].1)));
        }
        tree
    }

    /// Hangs the nodes of a piece below the row of its middle arc.
    fn hang_piece(&mut self, piece: &[(usize, usize, i64)]) {
        let middle = piece.len() / 2;
        let (row, column, flow) = piece[middle];
        self.hang(self.n + column, row, flow);
        let after = (middle + 1..piece.len()).map(|k| (k, k - 1));
        let before = (0..middle).rev().map(|k| (k, k + 1));
        for (k, neighbour) in after.chain(before) {
            let (row, column, flow) = piece[k];
            if row == piece[neighbour].0 {
                self.hang(self.n + column, row, flow);
            } else {
                self.hang(row, self.n + column, flow);
            }
        }
    }

    fn hang(&mut self, node: usize, parent: usize, flow: i64) {
        self.attach(node, parent);
        self.depth[node] = self.depth[parent] + 1;
        self.flow[node] = flow;
    }

    fn attach(&mut self, node: usize, parent: usize) {
        let head = self.first[parent];
        self.parent[node] = parent as u32;
        self.next[node] = head;
        self.previous[node] = NONE;
        if head != NONE {
            self.previous[head as usize] = node as u32;
        }
        self.first[parent] = node as u32;
    }

    fn detach(&mut self, node: usize) {
        let (next, previous) = (self.next[node], self.previous[node]);
        if previous == NONE {
            self.first[self.parent[node] as usize] = next;
        } else {
            self.next[previous as usize] = next;
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    fn is_row(&self, node: usize) -> bool {
        node < self.n
    }

    /// (row, column, flow) of every arc.
    pub(crate) fn arcs(&self) -> impl Iterator<Item = (usize, usize, i64)> + '_ {
        (0..self.parent.len()).filter(|&k| self.parent[k] != NONE).map(|k| {
            let p = self.parent[k] as usize;
            if self.is_row(k) { (k, p - self.n, self.flow[k]) } else { (p, k - self.n, self.flow[k]) }
        })
    }

    /// Calls `f(node, parent)` for all nodes below `top`, parents first.
    fn descend(&mut self, top: usize, mut f: impl FnMut(&mut Self, usize, usize)) {
        let mut stack = std::mem::take(&mut self.stack);
        stack.clear();
        stack.push(top as u32);
        while let Some(node) = stack.pop() {
            let mut child = self.first[node as usize];
            while child != NONE {
                f(self, child as usize, node as usize);
                stack.push(child);
                child = self.next[child as usize];
            }
        }
        self.stack = stack;
    }

    /// Potentials with u_i + v_j = c_ij on every arc; the root keeps its own.
    pub(crate) fn potentials(&mut self, u: &mut [f64], v: &mut [f64], cost: impl Fn(usize, usize) -> f64) {
        let root = self.parent.iter().position(|p| *p == NONE).unwrap_or(0);
        let n = self.n;
        self.descend(root, |tree, node, parent| {
            if tree.is_row(node) {
                u[node] = cost(node, parent - n) - v[parent - n];
            } else {
                v[node - n] = cost(parent, node - n) - u[parent];
            }
        });
    }

    /// Brings arc (row, column) with reduced cost `reduced` into the tree.
    pub(crate) fn pivot(&mut self, row: usize, column: usize, reduced: f64, u: &mut [f64], v: &mut [f64]) {
        let column = self.n + column;
        let (leaving, on_column_side, delta) = self.leaving(row, column);
        if delta > 0 {
            self.push_flow(row, column, delta);
        }
        let (inside, outside) = if on_column_side { (column, row) } else { (row, column) };
        self.rehang(inside, outside, leaving, delta);
        // the arc gets reduced cost 0 by shifting the potentials of the part cut off
        let shift = if self.is_row(inside) { reduced } else { -reduced };
        self.depth[inside] = self.depth[outside] + 1;
        let n = self.n;
        let mut change = |node: usize| {
            if node < n {
                u[node] += shift;
            } else {
                v[node - n] -= shift;
            }
        };
        change(inside);
        self.descend(inside, |tree, node, parent| {
            tree.depth[node] = tree.depth[parent] + 1;
            change(node);
        });
    }

    /// The last blocking arc along the cycle: (node below it, is it on the column's side, its flow).
    fn leaving(&self, row: usize, column: usize) -> (usize, bool, i64) {
        let (mut a, mut b) = (row, column);
        let (mut on_row_side, mut least_row) = (row, i64::MAX);
        let (mut on_column_side, mut least_column) = (column, i64::MAX);
        while a != b {
            let (up_a, up_b) = (self.depth[a] >= self.depth[b], self.depth[b] >= self.depth[a]);
            if up_a {
                if self.is_row(a) && self.flow[a] < least_row {
                    (on_row_side, least_row) = (a, self.flow[a]);
                }
                a = self.parent[a] as usize;
            }
            if up_b {
                if !self.is_row(b) && self.flow[b] <= least_column {
                    (on_column_side, least_column) = (b, self.flow[b]);
                }
                b = self.parent[b] as usize;
            }
        }
        if least_column <= least_row {
            (on_column_side, true, least_column)
        } else {
            (on_row_side, false, least_row)
        }
    }

    fn push_flow(&mut self, row: usize, column: usize, delta: i64) {
        let (mut a, mut b) = (row, column);
        while a != b {
            let (up_a, up_b) = (self.depth[a] >= self.depth[b], self.depth[b] >= self.depth[a]);
            if up_a {
                self.flow[a] += if self.is_row(a) { -delta } else { delta };
                a = self.parent[a] as usize;
            }
            if up_b {
                self.flow[b] += if self.is_row(b) { delta } else { -delta };
                b = self.parent[b] as usize;
            }
        }
    }

    /// Cuts the arc above `leaving` and hangs the part below it, turned over, on `outside`.
    fn rehang(&mut self, inside: usize, outside: usize, leaving: usize, flow: i64) {
        let (mut node, mut new_parent, mut new_flow) = (inside, outside, flow);
        loop {
            let (old_parent, old_flow) = (self.parent[node] as usize, self.flow[node]);
            self.detach(node);
            self.attach(node, new_parent);
            self.flow[node] = new_flow;
            if node == leaving {
                return;
            }
            (new_parent, new_flow, node) = (node, old_flow, old_parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;

    /// Every arc without flow hangs on a row, flows meet the masses, depths count arcs.
    fn check(tree: &Tree, masses: &Masses) {
        let (mut rows, mut columns) = (masses.rows.clone(), masses.columns.clone());
        for (i, j, flow) in tree.arcs() {
            assert!(flow >= 0);
            rows[i] -= flow;
            columns[j] -= flow;
        }
        assert!(rows.iter().chain(&columns).all(|m| *m == 0));
        assert_eq!(tree.arcs().count(), rows.len() + columns.len() - 1);
        for node in 0..tree.parent.len() {
            let parent = tree.parent[node];
            if parent != NONE {
                assert_eq!(tree.depth[node], tree.depth[parent as usize] + 1);
                assert!(tree.flow[node] > 0 || tree.is_row(node), "an empty arc points away from the root");
            }
        }
    }

    #[test]
    fn stays_strongly_feasible_through_random_pivots() {
        let mut s = Source::new(5, 0);
        for trial in 0..60 {
            let (n, m) = (1 + s.below(12), 1 + s.below(12));
            let masses = match trial % 3 {
                0 => Masses::new(&vec![1.0 / n as f64; n], &vec![1.0 / m as f64; m]).unwrap(),
                _ => {
                    let mut draw = |n: usize| -> Vec<f64> {
                        let w: Vec<f64> = (0..n).map(|_| f64::from(1 + s.below(4) as u32)).collect();
                        let sum: f64 = w.iter().sum();
                        w.iter().map(|w| w / sum).collect()
                    };
                    let (a, b) = (draw(n), draw(m));
                    Masses::new(&a, &b).unwrap()
                }
            };
            let (rows, columns) = (s.permutation(n), s.permutation(m));
            let mut tree = Tree::north_west(&masses, &rows, &columns);
            check(&tree, &masses);
            let (mut u, mut v) = (vec![0.0; n], vec![0.0; m]);
            for _ in 0..40 {
                let (i, j) = (s.below(n), s.below(m));
                if tree.arcs().all(|arc| (arc.0, arc.1) != (i, j)) {
                    tree.pivot(i, j, -1.0, &mut u, &mut v);
                    check(&tree, &masses);
                }
            }
        }
    }
}
