//! The largest |M|² over a box and cuts, bounded by a linear programme.
//!
//! On the box lo ≤ M ≤ hi, |M|² ≤ Σ (lo + hi) M − lo hi, exact at the corners. The dual simplex method maximises
//! the right side over the cuts ⟨a_k, M⟩ ≤ h_k: it starts at the corner given by the signs of lo + hi, which is dual
//! feasible, and brings in the most violated row, a cut or a side of the box. Sides are passed over ("flipped" to
//! the opposite side) as long as the entering row stays violated.
//!
//! Whatever the iterate, any multipliers λ ≥ 0 bound the box. With G = Σ λ_k a_k,
//!
//! |M|² ≤ Σ λ_k h_k + Σ_j max(lo_j² − G_j lo_j, hi_j² − G_j hi_j)
//!
//! for every M in the box that meets the cuts, because M_j² − G_j M_j is convex. This is what is used, so that a
//! programme stopped early, or a factorisation gone bad, makes a bound loose and never wrong.

use crate::certificate::Multiplier;

/// Rows of a block.
const LANES: usize = 8;
/// Pivots after which a programme is stopped; typical ones take 10 to 25.
const MAX_PIVOTS: usize = 200;
/// Smallest coefficient on which a pivot is made; rows have norm one.
const PIVOT: f64 = 1e-6;
/// What the multipliers of a first corner are raised by.
const PERTURBATION: f64 = 1e-8;

/// A box of M, flattened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell<const D: usize> {
    pub(super) lo: [f64; D],
    pub(super) hi: [f64; D],
}

impl<const D: usize> Cell<D> {
    pub(super) fn width(&self, j: usize) -> f64 {
        self.hi[j] - self.lo[j]
    }

    /// lo + hi, the gradient of the secant.
    pub(super) fn twice_centre(&self) -> [f64; D] {
        std::array::from_fn(|j| self.lo[j] + self.hi[j])
    }

    /// The largest ⟨a, M⟩ on the box.
    pub(super) fn largest(&self, a: &[f64; D]) -> f64 {
        (0..D).map(|j| (a[j] * self.lo[j]).max(a[j] * self.hi[j])).sum()
    }
}

/// Cuts ⟨a, M⟩ ≤ h in blocks, so that a search over all of them is vectorised.
#[derive(Debug, Clone)]
pub(super) struct Rows<const D: usize> {
    blocks: Vec<([[f64; LANES]; D], [f64; LANES])>,
    len: usize,
}

impl<const D: usize> Rows<D> {
    pub(super) fn new() -> Self {
        Rows { blocks: Vec::new(), len: 0 }
    }

    pub(super) fn push(&mut self, a: &[f64; D], h: f64) {
        let lane = self.len % LANES;
        if lane == 0 {
            self.blocks.push(([[0.0; LANES]; D], [f64::INFINITY; LANES]));
        }
        if let Some((block, bound)) = self.blocks.last_mut() {
            (0..D).for_each(|j| block[j][lane] = a[j]);
            bound[lane] = h;
        }
        self.len += 1;
    }

    /// Replaces the bound of row k.
    pub(super) fn set(&mut self, k: usize, h: f64) {
        self.blocks[k / LANES].1[k % LANES] = h;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Row k: a and h.
    pub(super) fn row(&self, k: usize) -> ([f64; D], f64) {
        let (block, bound) = &self.blocks[k / LANES];
        (std::array::from_fn(|j| block[j][k % LANES]), bound[k % LANES])
    }

    /// The smallest h − ⟨a, x⟩ and its row.
    #[inline(always)]
    pub(super) fn tightest(&self, x: &[f64; D]) -> (f64, usize) {
        self.smallest(x, |bound| *bound)
    }

    /// The row with the largest ⟨a, x⟩, and this.
    #[inline(always)]
    pub(super) fn nearest(&self, x: &[f64; D]) -> (f64, usize) {
        // padding stays last
        let (value, k) = self.smallest(x, |bound| bound.map(|h| if h == f64::INFINITY { h } else { 0.0 }));
        (-value, k)
    }

    /// The rows from number `from` on that a point of the box violates, and by how much at most.
    #[inline(always)]
    pub(super) fn violable(&self, from: usize, cell: &Cell<D>) -> Vec<(f64, u32)> {
        let mut found = Vec::new();
        let half: [f64; D] = std::array::from_fn(|j| 0.5 * cell.width(j));
        let centre = cell.twice_centre().map(|c| 0.5 * c);
        for (k, (block, bound)) in self.blocks.iter().enumerate().skip(from / LANES) {
            let mut depth = [0.0; LANES];
            for l in 0..LANES {
                depth[l] = -bound[l];
            }
            for j in 0..D {
                for l in 0..LANES {
                    depth[l] += centre[j] * block[j][l] + half[j] * block[j][l].abs();
                }
            }
            let mut any = false;
            for l in 0..LANES {
                any |= depth[l] > 0.0;
            }
            if any {
                let of_block = (0..LANES).map(|l| (depth[l], (k * LANES + l) as u32));
                found.extend(of_block.filter(|(depth, row)| *depth > 0.0 && *row as usize >= from));
            }
        }
        found
    }

    #[inline(always)]
    fn smallest(&self, x: &[f64; D], start: impl Fn(&[f64; LANES]) -> [f64; LANES]) -> (f64, usize) {
        let (mut best, mut at) = ([f64::INFINITY; LANES], [0u64; LANES]);
        for (k, (block, bound)) in self.blocks.iter().enumerate() {
            let mut slack = start(bound);
            for j in 0..D {
                for l in 0..LANES {
                    slack[l] -= x[j] * block[j][l];
                }
            }
            for l in 0..LANES {
                let better = slack[l] < best[l];
                best[l] = if better { slack[l] } else { best[l] };
                at[l] = if better { k as u64 } else { at[l] };
            }
        }
        let mut lane = 0;
        for l in 1..LANES {
            if best[l] < best[lane] {
                lane = l;
            }
        }
        (best[lane], at[lane] as usize * LANES + lane)
    }
}

/// Multipliers of a few cuts, and what they prove.
#[derive(Debug, Clone)]
pub(super) struct Proof<const D: usize> {
    /// (row, λ), λ > 0.
    pub(super) multipliers: Vec<Multiplier>,
    /// Σ λ a.
    pub(super) gradient: [f64; D],
    /// Σ λ h.
    constant: f64,
}

impl<const D: usize> Proof<D> {
    #[inline(always)]
    fn new(rows: &Rows<D>, multipliers: Vec<Multiplier>) -> Self {
        let (mut gradient, mut constant, mut size) = ([0.0; D], 0.0, 0.0);
        for m in &multipliers {
            let (a, h) = rows.row(m.cut as usize);
            for j in 0..D {
                gradient[j] += m.value * a[j];
            }
            constant += m.value * h;
            size += m.value * h.abs().max(1.0);
        }
        // rounding of these sums
        constant += 4.0 * (D as f64 + 4.0) * f64::EPSILON * size;
        Proof { multipliers, gradient, constant }
    }

    /// The largest M_j² − G_j M_j on the box.
    #[inline(always)]
    pub(super) fn term(&self, cell: &Cell<D>, j: usize) -> f64 {
        let at = |m: f64| m * (m - self.gradient[j]);
        at(cell.lo[j]).max(at(cell.hi[j]))
    }

    /// The bound of |M|² on a box.
    #[inline(always)]
    pub(super) fn bound(&self, cell: &Cell<D>) -> f64 {
        let mut sum = self.constant;
        for j in 0..D {
            sum += self.term(cell, j);
        }
        let sum = sum + 4.0 * (D as f64) * f64::EPSILON;
        // overflow proves nothing
        if sum.is_finite() { sum } else { f64::INFINITY }
    }
}

/// How a programme ended.
pub(super) struct Outcome<const D: usize> {
    pub(super) bound: f64,
    pub(super) proof: Proof<D>,
    /// Where it ended, to start the next one from.
    pub(super) vertex: Vertex<D>,
}

/// A vertex: D active constraints, their multipliers, and the edges that leave each of them alone.
#[derive(Debug, Clone)]
pub(super) struct Vertex<const D: usize> {
    /// Outside some rows until the programme is solved.
    pub(super) x: [f64; D],
    /// A side of the box, 2 j (low) or 2 j + 1 (high), or 2 D + the row of a cut.
    active: [u32; D],
    multiplier: [f64; D],
    /// Edge i: ⟨normal_i, edge_i⟩ = 1, and 0 with the other active normals.
    edge: [[f64; D]; D],
}

/// What enters the vertex.
struct Entering<const D: usize> {
    id: u32,
    normal: [f64; D],
    /// ⟨normal, x⟩ − bound > 0.
    violation: f64,
}

impl<const D: usize> Vertex<D> {
    /// The corner where the secant is largest.
    #[inline(always)]
    fn corner(cell: &Cell<D>) -> Self {
        let mut v = Vertex { x: cell.lo, active: [0; D], multiplier: [0.0; D], edge: [[0.0; D]; D] };
        for j in 0..D {
            let c = cell.lo[j] + cell.hi[j];
            let high = c >= 0.0;
            v.active[j] = 2 * j as u32 + u32::from(high);
            // a little more, so that no two rows tie
            v.multiplier[j] = c.abs() + PERTURBATION * untie(j);
            v.edge[j][j] = if high { 1.0 } else { -1.0 };
            if high {
                v.x[j] = cell.hi[j];
            }
        }
        v
    }

    /// A dual feasible vertex of another box with as many of the same active constraints as there can be: cuts whose
    /// multipliers would be negative give way to sides.
    #[inline(always)]
    fn in_box(&self, rows: &Rows<D>, cell: &Cell<D>) -> Self {
        let centre = cell.twice_centre();
        let mut v = self.clone();
        for _ in 0..=D {
            let mut worst = (-PERTURBATION, D);
            for i in 0..D {
                let mut multiplier = 0.0;
                for j in 0..D {
                    multiplier += centre[j] * v.edge[i][j];
                }
                if multiplier < 0.0 && (v.active[i] as usize) < 2 * D {
                    v.active[i] ^= 1;
                    v.edge[i] = v.edge[i].map(|e| -e);
                    multiplier = -multiplier;
                }
                v.multiplier[i] = multiplier.max(0.0) + PERTURBATION * untie(i);
                if multiplier < worst.0 {
                    worst = (multiplier, i);
                }
            }
            if worst.1 == D {
                break;
            }
            v.give_way(worst.1);
        }
        v.x = [0.0; D];
        for i in 0..D {
            let bound = match (v.active[i] as usize).checked_sub(2 * D) {
                Some(row) => rows.row(row).1,
                None if v.active[i] % 2 == 1 => cell.hi[v.active[i] as usize / 2],
                None => -cell.lo[v.active[i] as usize / 2],
            };
            for j in 0..D {
                v.x[j] += bound * v.edge[i][j];
            }
        }
        v
    }

    /// Replaces an active cut with a negative multiplier by the side of a coordinate that has none.
    #[inline(always)]
    fn give_way(&mut self, i: usize) {
        let out = self.edge[i];
        let mut k = 0;
        for j in 1..D {
            if out[j].abs() > out[k].abs() {
                k = j;
            }
        }
        let sign = -out[k].signum();
        self.active[i] = 2 * k as u32 + u32::from(sign > 0.0);
        let new = out.map(|e| e / (sign * out[k]));
        for m in 0..D {
            if m != i {
                let along = sign * self.edge[m][k];
                for j in 0..D {
                    self.edge[m][j] -= along * new[j];
                }
            }
        }
        self.edge[i] = new;
    }

    /// The most violated row or side, if any is by more than `tolerance`.
    #[inline(always)]
    fn entering(&self, rows: &Rows<D>, cell: &Cell<D>, tolerance: f64) -> Option<Entering<D>> {
        let (slack, row) = rows.tightest(&self.x);
        let (mut violation, mut id) = (-slack, 2 * D as u32 + row as u32);
        for j in 0..D {
            let (low, high) = (cell.lo[j] - self.x[j], self.x[j] - cell.hi[j]);
            if low > violation {
                (violation, id) = (low, 2 * j as u32);
            }
            if high > violation {
                (violation, id) = (high, 2 * j as u32 + 1);
            }
        }
        if violation.is_nan() || violation <= tolerance {
            return None;
        }
        let mut normal = [0.0; D];
        match (id as usize).checked_sub(2 * D) {
            Some(row) => normal = rows.row(row).0,
            None => normal[id as usize / 2] = if id % 2 == 1 { 1.0 } else { -1.0 },
        }
        Some(Entering { id, normal, violation })
    }

    /// Brings a row in. False if no point of the box meets it together with the active ones: then the multipliers
    /// are those that must be added for each unit of the row's own.
    #[inline(always)]
    fn pivot(&mut self, cell: &Cell<D>, row: &Entering<D>) -> bool {
        let mut along = [0.0; D];
        for i in 0..D {
            let mut sum = 0.0;
            for j in 0..D {
                sum += row.normal[j] * self.edge[i][j];
            }
            along[i] = sum;
        }
        let mut violation = row.violation;
        let leaving = loop {
            let mut next = (f64::INFINITY, D);
            for i in 0..D {
                if along[i] > PIVOT {
                    let ratio = self.multiplier[i] / along[i];
                    if ratio < next.0 {
                        next = (ratio, i);
                    }
                }
            }
            let i = next.1;
            if i == D {
                self.multiplier = along.map(|a| -a);
                return false;
            }
            // a side can be passed over to the opposite one
            let id = self.active[i] as usize;
            let width = if id < 2 * D { cell.width(id / 2) } else { f64::INFINITY };
            let rest = violation - width * along[i];
            if rest <= 0.0 {
                break i;
            }
            violation = rest;
            for j in 0..D {
                self.x[j] -= width * self.edge[i][j];
                self.edge[i][j] = -self.edge[i][j];
            }
            self.active[i] ^= 1;
            // flipped together with its normal: becomes positive when the step passes the ratio
            self.multiplier[i] = -self.multiplier[i];
            along[i] = -along[i];
        };
        let step = self.multiplier[leaving] / along[leaving];
        for i in 0..D {
            self.multiplier[i] -= step * along[i];
        }
        let out: [f64; D] = self.edge[leaving].map(|e| e / along[leaving]);
        for i in 0..D {
            if i != leaving {
                for j in 0..D {
                    self.edge[i][j] -= along[i] * out[j];
                }
            }
        }
        for j in 0..D {
            self.x[j] -= violation * out[j];
        }
        self.edge[leaving] = out;
        self.multiplier[leaving] = step;
        self.active[leaving] = row.id;
        true
    }

    /// The multipliers of cuts.
    #[inline(always)]
    fn multipliers(&self) -> Vec<Multiplier> {
        (0..D)
            .filter(|&i| self.active[i] as usize >= 2 * D && self.multiplier[i] > 0.0)
            .map(|i| Multiplier { cut: self.active[i] - 2 * D as u32, value: self.multiplier[i] })
            .collect()
    }
}

/// Numbers in 1..2, all different.
#[inline(always)]
fn untie(i: usize) -> f64 {
    1.0 + (0.618_033_988_749_895 * (i as f64 + 1.0)).fract()
}

/// Bounds |M|² over a box and rows, down to where it is known to be at most `cutoff`.
#[inline(always)]
pub(super) fn solve<const D: usize>(
    rows: &Rows<D>,
    cell: &Cell<D>,
    cutoff: f64,
    tolerance: f64,
    from: Option<&Vertex<D>>,
) -> Outcome<D> {
    let centre = cell.twice_centre();
    let constant: f64 = (0..D).map(|j| cell.lo[j] * cell.hi[j]).sum();
    let mut vertex = from.map_or_else(|| Vertex::corner(cell), |v| v.in_box(rows, cell));
    for pivots in 0.. {
        let value: f64 = (0..D).map(|j| centre[j] * vertex.x[j]).sum::<f64>() - constant;
        let entering = if value <= cutoff || pivots == MAX_PIVOTS {
            None
        } else {
            vertex.entering(rows, cell, tolerance)
        };
        let Some(row) = entering else {
            let proof = Proof::new(rows, vertex.multipliers());
            return Outcome { bound: proof.bound(cell), proof, vertex };
        };
        let before = vertex.multiplier;
        if !vertex.pivot(cell, &row) {
            let proof = infeasible(rows, cell, cutoff, (&before, &vertex, &row), value);
            return Outcome { bound: proof.bound(cell), proof, vertex };
        }
    }
    unreachable!("the loop ends at the cap on pivots")
}

/// A proof that no point of the box exceeds `cutoff`, from the multipliers `before` and a direction, those of the
/// vertex and of the row, in which the bound falls for ever.
#[inline(always)]
fn infeasible<const D: usize>(
    rows: &Rows<D>,
    cell: &Cell<D>,
    cutoff: f64,
    (before, vertex, row): (&[f64; D], &Vertex<D>, &Entering<D>),
    value: f64,
) -> Proof<D> {
    let of_cut = |id: u32, value: f64| {
        (id as usize).checked_sub(2 * D).map(|cut| Multiplier { cut: cut as u32, value })
    };
    let at = |step: f64| {
        let raised = (0..D).map(|i| (vertex.active[i], before[i] + step * vertex.multiplier[i].max(0.0)));
        let all = raised.chain([(row.id, step)]).filter(|m| m.1 > 0.0);
        Proof::new(rows, all.filter_map(|(id, value)| of_cut(id, value)).collect())
    };
    let mut step = (value - cutoff) / row.violation;
    let mut best = at(0.0);
    for _ in 0..40 {
        let proof = at(step);
        if proof.bound(cell) < best.bound(cell) {
            best = proof;
        }
        if best.bound(cell) <= cutoff {
            break;
        }
        step *= 2.0;
    }
    best
}
