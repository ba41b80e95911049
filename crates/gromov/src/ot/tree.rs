//! The spanning tree of the network simplex method for the transportation problem.
//!
//! Nodes 0..n are rows (sources), n..n+m columns (sinks); every arc goes from a row to a column, so
//! that the arc of a row to its parent points up and that of a column down. The tree is *strongly
//! feasible*: every arc without flow points to the root, i.e. hangs on a row. The leaving arc is the
//! last blocking one met along the cycle from its apex in the direction of the entering arc, which
//! keeps it so and excludes cycling (Cunningham 1976); flows are integers.

use super::mass::Masses;

const NONE: u32 = u32::MAX;

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
    /// positive. The root is the first row.
    pub(crate) fn north_west(masses: &Masses, rows: &[usize], columns: &[usize]) -> Self {
        let (n, m) = (masses.rows.len(), masses.columns.len());
        let all = n + m;
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
        let (mut i, mut j) = (0, 0);
        let (mut supply, mut demand) = (masses.rows[rows[0]], masses.columns[columns[0]]);
        let mut new_is_column = true;
        loop {
            let flow = supply.min(demand);
            let (row, column) = (rows[i], n + columns[j]);
            let (node, parent) = if new_is_column { (column, row) } else { (row, column) };
            tree.attach(node, parent);
            tree.depth[node] = tree.depth[parent] + 1;
            tree.flow[node] = flow;
            supply -= flow;
            demand -= flow;
            // when both are used up the next *row* hangs on with no flow: strongly feasible
            if supply == 0 && i + 1 < n {
                i += 1;
                supply = masses.rows[rows[i]];
                new_is_column = false;
            } else if j + 1 < m {
                j += 1;
                demand = masses.columns[columns[j]];
                new_is_column = true;
            } else {
                return tree;
            }
        }
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
