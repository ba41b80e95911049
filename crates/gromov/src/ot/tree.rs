//! The spanning tree of the network simplex method for the transportation problem.
//!
//! Nodes 0..n are rows (sources), n..n+m columns (sinks); every arc goes from a row to a column, so
//! that the arc of a row to its parent points up and that of a column down. The root is a column. The tree
//! is *strongly feasible*: every arc without flow points to the root, i.e. hangs on a row. The leaving arc is
//! the last blocking one met along the cycle from its apex in the direction of the entering arc, which
//! keeps it so and excludes cycling (Cunningham 1976); flows are integers.
//!
//! Only columns carry potentials: that of a row is c − v on the arc to its parent. Rows without
//! children therefore need not be visited and stand in no list of children; and because potentials count up to
//! one constant, a pivot shifts the side of the cut that has fewer columns.

const NONE: u32 = u32::MAX;

/// Arc of a basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arc {
    pub(crate) row: u32,
    pub(crate) column: u32,
    pub(crate) flow: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Tree {
    n: usize,
    root: usize,
    parent: Vec<u32>,
    /// Columns at and below a node.
    size: Vec<u32>,
    /// Children: of a row all, of a column those that have children.
    first: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    /// Flow of the arc to the parent.
    flow: Vec<i64>,
    stack: Vec<u32>,
}

/// The arc that leaves when another enters.
struct Leaving {
    /// The node below it.
    node: usize,
    /// Is it on the side of the column of the entering arc?
    on_column_side: bool,
    flow: i64,
    /// Where the two sides meet.
    join: usize,
}

impl Tree {
    /// North-west corner rule for rows and columns taken in the given orders; every mass is positive.
    pub(crate) fn north_west(supplies: &[i64], demands: &[i64], rows: &[u32], columns: &[u32]) -> Self {
        let (mut arcs, mut links) = (Vec::new(), Vec::new());
        let (mut i, mut j) = (0, 0);
        let (mut supply, mut demand) = (supplies[rows[0] as usize], demands[columns[0] as usize]);
        loop {
            let flow = supply.min(demand);
            arcs.push(Arc { row: rows[i], column: columns[j], flow });
            supply -= flow;
            demand -= flow;
            let next = (supply == 0 && i + 1 < rows.len(), demand == 0 && j + 1 < columns.len());
            if next.0 {
                i += 1;
                supply = supplies[rows[i] as usize];
            }
            if next.1 {
                j += 1;
                demand = demands[columns[j] as usize];
            }
            match next {
                (true, true) => links.push((rows[i], columns[j - 1])),
                (false, false) => return Tree::new(rows.len(), columns.len(), &arcs, &links),
                _ => {}
            }
        }
    }

    /// The tree of arcs with flow, which have no cycle, and of pairs that join what they leave apart:
    /// a pair (row, column) is taken as it is, or, where that arc would point away from the root, as an arc
    /// between the neighbours of its ends. Every row and column has an arc with flow.
    pub(crate) fn new(n: usize, m: usize, arcs: &[Arc], links: &[(u32, u32)]) -> Self {
        let all = n + m;
        let mut tree = Tree {
            n,
            root: n,
            parent: vec![NONE; all],
            size: vec![0; all],
            first: vec![NONE; all],
            next: vec![NONE; all],
            previous: vec![NONE; all],
            flow: vec![0; all],
            stack: Vec::new(),
        };
        let arcs_of = Neighbours::new(n, all, arcs.iter().map(|a| (a.row, a.column)));
        let links_of = Neighbours::new(n, all, links.iter().copied());
        let mut reached = vec![false; all];
        reached[tree.root] = true;
        let mut queue = vec![tree.root];
        let (mut spread, mut joined, mut tried) = (0, 0, 0);
        while joined < queue.len() {
            while spread < queue.len() {
                let node = queue[spread];
                spread += 1;
                for &(other, arc) in arcs_of.of(node) {
                    if !std::mem::replace(&mut reached[other as usize], true) {
                        tree.attach(other as usize, node);
                        tree.flow[other as usize] = arcs[arc as usize].flow;
                        queue.push(other as usize);
                    }
                }
            }
            let node = queue[joined];
            // what was reached before stays reached
            let rest = &links_of.of(node)[tried..];
            tried += rest.iter().take_while(|(other, _)| reached[*other as usize]).count();
            match links_of.of(node).get(tried) {
                Some(&(other, _)) => {
                    let (mut row, mut column) = (other as usize, node);
                    if !tree.is_row(row) {
                        (row, column) = (arcs_of.of(row)[0].0 as usize, arcs_of.of(node)[0].0 as usize);
                    }
                    reached[row] = true;
                    tree.attach(row, column);
                    queue.push(row);
                }
                None => (joined, tried) = (joined + 1, 0),
            }
        }
        debug_assert_eq!(queue.len(), all);
        for &node in queue.iter().rev() {
            tree.size[node] += u32::from(!tree.is_row(node));
            if node != tree.root {
                tree.size[tree.parent[node] as usize] += tree.size[node];
            }
        }
        tree
    }

    /// The tree of all its arcs, those without flow included. `None` if they do not span all nodes as a tree, or if
    /// one without flow does not hang on a row.
    pub(crate) fn spanning(n: usize, m: usize, arcs: &[Arc]) -> Option<Self> {
        if arcs.len() + 1 != n + m || !connected(n, n + m, arcs) {
            return None;
        }
        let tree = Tree::new(n, m, arcs, &[]);
        let feasible = |column: usize| column == tree.root || tree.flow[column] > 0;
        (n..n + m).all(feasible).then_some(tree)
    }

    /// Becomes a copy of a tree of the same nodes.
    pub(crate) fn copy_from(&mut self, other: &Tree) {
        let Tree { n, root, parent, size, first, next, previous, flow, .. } = other;
        (self.n, self.root) = (*n, *root);
        let pairs = [
            (&mut self.parent, parent),
            (&mut self.size, size),
            (&mut self.first, first),
            (&mut self.next, next),
            (&mut self.previous, previous),
        ];
        pairs.into_iter().for_each(|(to, from)| to.clone_from(from));
        self.flow.clone_from(flow);
    }

    fn is_row(&self, node: usize) -> bool {
        node < self.n
    }

    fn link(&mut self, node: usize, parent: usize) {
        let head = self.first[parent];
        self.next[node] = head;
        self.previous[node] = NONE;
        if head != NONE {
            self.previous[head as usize] = node as u32;
        }
        self.first[parent] = node as u32;
    }

    fn unlink(&mut self, node: usize, parent: usize) {
        let (next, previous) = (self.next[node], self.previous[node]);
        if previous == NONE {
            self.first[parent] = next;
        } else {
            self.next[previous as usize] = next;
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
    }

    fn attach(&mut self, node: usize, parent: usize) {
        self.parent[node] = parent as u32;
        if self.is_row(node) {
            if self.first[node] != NONE {
                self.link(node, parent);
            }
        } else {
            // a row that gets its first child
            if self.first[parent] == NONE && self.parent[parent] != NONE {
                self.link(parent, self.parent[parent] as usize);
            }
            self.link(node, parent);
        }
    }

    fn detach(&mut self, node: usize) {
        let parent = self.parent[node] as usize;
        if self.is_row(node) {
            if self.first[node] != NONE {
                self.unlink(node, parent);
            }
        } else {
            self.unlink(node, parent);
            // a row that lost its last child
            if self.first[parent] == NONE {
                self.unlink(parent, self.parent[parent] as usize);
            }
        }
    }

    /// Every arc.
    pub(crate) fn arcs(&self) -> impl Iterator<Item = Arc> + '_ {
        (0..self.parent.len()).filter(|&k| k != self.root).map(|k| {
            let p = self.parent[k] as usize;
            let (row, column) = if self.is_row(k) { (k, p - self.n) } else { (p, k - self.n) };
            Arc { row: row as u32, column: column as u32, flow: self.flow[k] }
        })
    }

    /// The column on which a row hangs.
    pub(crate) fn column_above(&self, row: usize) -> usize {
        self.parent[row] as usize - self.n
    }

    /// Potentials of the columns with u_i + v_j = c_ij on every arc, 0 at the root.
    pub(crate) fn potentials(&mut self, v: &mut [f64], cost: impl Fn(usize, usize) -> f64) {
        let n = self.n;
        v[self.root - n] = 0.0;
        self.stack.clear();
        self.stack.push(self.root as u32);
        while let Some(column) = self.stack.pop() {
            let above = column as usize - n;
            let mut row = self.first[column as usize];
            while row != NONE {
                let u = cost(row as usize, above) - v[above];
                let mut child = self.first[row as usize];
                while child != NONE {
                    let j = child as usize - n;
                    v[j] = cost(row as usize, j) - u;
                    self.stack.push(child);
                    child = self.next[child as usize];
                }
                row = self.next[row as usize];
            }
        }
    }

    /// Adds `shift` to the potentials of the columns below `top` (and of `top`), leaving out what is below `without`.
    fn shift(&mut self, top: usize, without: usize, shift: f64, v: &mut [f64]) {
        let n = self.n;
        self.stack.clear();
        if self.is_row(top) {
            let mut child = self.first[top];
            while child != NONE {
                self.stack.push(child);
                child = self.next[child as usize];
            }
        } else {
            self.stack.push(top as u32);
        }
        while let Some(column) = self.stack.pop() {
            v[column as usize - n] += shift;
            let mut row = self.first[column as usize];
            while row != NONE {
                if row as usize != without {
                    let mut child = self.first[row as usize];
                    while child != NONE {
                        if child as usize != without {
                            self.stack.push(child);
                        }
                        child = self.next[child as usize];
                    }
                }
                row = self.next[row as usize];
            }
        }
    }

    /// Brings arc (row, column) with reduced cost `reduced` into the tree.
    pub(crate) fn pivot(&mut self, row: usize, column: usize, reduced: f64, v: &mut [f64]) {
        let column = self.n + column;
        let leaving = self.leaving(row, column);
        let (inside, outside) = if leaving.on_column_side { (column, row) } else { (row, column) };
        self.push_flow(row, leaving.join, -leaving.flow);
        self.push_flow(column, leaving.join, leaving.flow);
        let cut = self.size[leaving.node];
        self.resize(self.parent[leaving.node] as usize, leaving.join, cut.wrapping_neg());
        self.resize(outside, leaving.join, cut);
        self.rehang(inside, outside, &leaving, cut);
        // the arc gets reduced cost 0 by shifting one side of the cut
        let shift = if self.is_row(inside) { -reduced } else { reduced };
        if 2 * cut as usize <= v.len() {
            self.shift(inside, NONE as usize, shift, v);
        } else {
            self.shift(self.root, inside, -shift, v);
        }
    }

    /// The last blocking arc along the cycle.
    fn leaving(&self, row: usize, column: usize) -> Leaving {
        let (mut a, mut b) = (row, column);
        let (mut on_row_side, mut least_row) = (row, i64::MAX);
        let (mut on_column_side, mut least_column) = (column, i64::MAX);
        while a != b {
            // a node above another has more columns below it, or as many if it is a row above one column
            let (size_a, size_b) = (self.size[a], self.size[b]);
            let tie = size_a == size_b;
            let up_a = size_a < size_b || tie && (!self.is_row(a) || self.is_row(b));
            let up_b = size_b < size_a || tie && (!self.is_row(b) || self.is_row(a));
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
        let on_column = least_column <= least_row;
        Leaving {
            node: if on_column { on_column_side } else { on_row_side },
            on_column_side: on_column,
            flow: least_column.min(least_row),
            join: a,
        }
    }

    /// Adds to the flow of arcs that point up from `node` to `join`, and takes away from those that point down.
    fn push_flow(&mut self, mut node: usize, join: usize, delta: i64) {
        if delta == 0 {
            return;
        }
        while node != join {
            self.flow[node] += if self.is_row(node) { delta } else { -delta };
            node = self.parent[node] as usize;
        }
    }

    fn resize(&mut self, mut node: usize, join: usize, by: u32) {
        while node != join {
            self.size[node] = self.size[node].wrapping_add(by);
            node = self.parent[node] as usize;
        }
    }

    /// Cuts the arc above the leaving node and hangs the part below it, turned over, on `outside`.
    fn rehang(&mut self, inside: usize, outside: usize, leaving: &Leaving, cut: u32) {
        let (mut node, mut new_parent, mut new_flow, mut new_size) = (inside, outside, leaving.flow, cut);
        loop {
            let (old_parent, old_flow, old_size) =
                (self.parent[node] as usize, self.flow[node], self.size[node]);
            self.detach(node);
            self.attach(node, new_parent);
            self.flow[node] = new_flow;
            self.size[node] = new_size;
            if node == leaving.node {
                return;
            }
            (new_parent, new_flow, new_size, node) = (node, old_flow, cut - old_size, old_parent);
        }
    }
}

/// Does the first column reach every node along the arcs?
fn connected(n: usize, all: usize, arcs: &[Arc]) -> bool {
    let neighbours = Neighbours::new(n, all, arcs.iter().map(|a| (a.row, a.column)));
    let mut reached = vec![false; all];
    reached[n] = true;
    let mut queue = vec![n];
    let mut next = 0;
    while let Some(&node) = queue.get(next) {
        next += 1;
        for &(other, _) in neighbours.of(node) {
            if !std::mem::replace(&mut reached[other as usize], true) {
                queue.push(other as usize);
            }
        }
    }
    queue.len() == all
}

/// The neighbours of each node in a list of pairs (row, column), and which pair it is.
struct Neighbours {
    start: Vec<u32>,
    list: Vec<(u32, u32)>,
}

impl Neighbours {
    fn new(n: usize, all: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let ends = pairs.map(|(i, j)| (i, n as u32 + j));
        let mut start = vec![0u32; all + 1];
        for (i, j) in ends.clone() {
            start[i as usize + 1] += 1;
            start[j as usize + 1] += 1;
        }
        for k in 0..all {
            start[k + 1] += start[k];
        }
        let mut end = start.clone();
        let mut list = vec![(0, 0); start[all] as usize];
        for (e, (i, j)) in ends.enumerate() {
            for (node, other) in [(i, j), (j, i)] {
                list[end[node as usize] as usize] = (other, e as u32);
                end[node as usize] += 1;
            }
        }
        Neighbours { start, list }
    }

    fn of(&self, node: usize) -> &[(u32, u32)] {
        &self.list[self.start[node] as usize..self.start[node + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::Source;
    use crate::ot::mass::Masses;

    /// Every arc without flow hangs on a row, flows meet the masses, sizes and lists of children are right.
    fn check(tree: &Tree, masses: &Masses) {
        let (mut rows, mut columns) = (masses.rows.clone(), masses.columns.clone());
        for arc in tree.arcs() {
            assert!(arc.flow >= 0);
            rows[arc.row as usize] -= arc.flow;
            columns[arc.column as usize] -= arc.flow;
        }
        assert!(rows.iter().chain(&columns).all(|m| *m == 0));
        assert_eq!(tree.arcs().count(), rows.len() + columns.len() - 1);
        let mut size: Vec<u32> = (0..tree.parent.len()).map(|k| u32::from(!tree.is_row(k))).collect();
        let mut children = vec![0; size.len()];
        let depth = |mut node: usize| {
            let mut depth = 0;
            while node != tree.root {
                (node, depth) = (tree.parent[node] as usize, depth + 1);
            }
            depth
        };
        let mut deepest_first: Vec<usize> = (0..size.len()).collect();
        deepest_first.sort_by_key(|k| std::cmp::Reverse(depth(*k)));
        for node in deepest_first {
            assert_eq!(size[node], tree.size[node]);
            if node != tree.root {
                let parent = tree.parent[node] as usize;
                assert_ne!(tree.is_row(node), tree.is_row(parent));
                assert!(tree.flow[node] > 0 || tree.is_row(node), "an empty arc points away from the root");
                size[parent] += size[node];
                // rows without children stand in no list
                children[parent] += usize::from(!tree.is_row(node) || children[node] > 0);
            }
        }
        for node in 0..children.len() {
            let (mut child, mut last, mut count) = (tree.first[node], NONE, 0);
            while child != NONE {
                assert_eq!((tree.parent[child as usize], tree.previous[child as usize]), (node as u32, last));
                (last, child, count) = (child, tree.next[child as usize], count + 1);
            }
            assert_eq!(count, children[node]);
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
            let mut order = |n: usize| s.permutation(n).iter().map(|i| *i as u32).collect::<Vec<u32>>();
            let (rows, columns) = (order(n), order(m));
            let mut tree = Tree::north_west(&masses.rows, &masses.columns, &rows, &columns);
            check(&tree, &masses);
            // costs that are potentials of rows and columns: every tree has these and no others
            let c = |i: usize, j: usize| (i * 3 + 1) as f64 + (j * j) as f64;
            let mut v = vec![0.0; m];
            for _ in 0..40 {
                let (i, j) = (s.below(n), s.below(m));
                if tree.arcs().all(|arc| (arc.row as usize, arc.column as usize) != (i, j)) {
                    tree.potentials(&mut v, c);
                    let before: Vec<f64> = v.clone();
                    tree.pivot(i, j, -1.0, &mut v);
                    check(&tree, &masses);
                    // one side of the cut moved, and with it the arcs between the sides
                    let kept = (0..m).filter(|&j| v[j] == before[j]).count();
                    assert!(2 * kept >= m && (0..m).all(|j| (v[j] - before[j]).abs() <= 1.0));
                    tree.potentials(&mut v, c);
                    assert!((0..m).all(|k| v[k] - v[0] == (k * k) as f64));
                }
            }
        }
    }
}
