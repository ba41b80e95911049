//! Checks a [`Certificate`] against two clouds, from the formulas on its page and nothing else: no code of the solvers
//! is used.
//!
//! Every h and every bound of a box is raised by what the rounding of its own sums may be, so that large numbers in a
//! certificate (potentials, multipliers) weaken it.
//!
//! Cost O(cuts · n m d) for the potentials, O(items · d_x d_y) for the tree, O(entries² d) for the plan.

#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "what is not a number must fail a check")]

use rayon::prelude::*;

use crate::certificate::{Certificate, Item};
use crate::error::{Error, Result};
use crate::measure::Measure;

/// Claims may be off by this part of |Σ_x|² + |Σ_y|²: the rounding of both computations.
pub const TOLERANCE: f64 = 1e-12;

/// |Σ_x|² + |Σ_y|² in the unit of a certificate; solvers choose it between 1/16 and 1.
const SIZES: std::ops::RangeInclusive<f64> = 1e-3..=1e3;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// Why the certificate proves nothing, or not what it claims; `None` if it is accepted.
    pub fault: Option<String>,
    /// IGW² of the plan, from the definition; not a number if it could not be computed.
    pub squared: f64,
    /// The lower bound that is proved; not a number if none is.
    pub lower_bound: f64,
    /// `TOLERANCE` times |Σ_x|² + |Σ_y|².
    pub rounding: f64,
    /// squared − lower bound ≤ tol · squared + rounding.
    pub certified: bool,
    /// Leaves of the tree.
    pub leaves: usize,
}

impl Verdict {
    /// True if value and bound are proved as claimed.
    pub fn accepted(&self) -> bool {
        self.fault.is_none()
    }
}

/// Checks a certificate. Errors: clouds of other sizes than those of the certificate.
pub fn verify(certificate: &Certificate, mu: &Measure, nu: &Measure) -> Result<Verdict> {
    let c = certificate;
    for (name, cloud, n, d) in [("A", mu, c.points.0, c.dims.0), ("B", nu, c.points.1, c.dims.1)] {
        if (cloud.len(), cloud.dim()) != (n, d) {
            let expected = format!("{n} points of dimension {d}, as in the certificate");
            let got = format!("{} of dimension {}", cloud.len(), cloud.dim());
            return Err(Error::shape(name, expected, got));
        }
    }
    let mut verdict = Verdict {
        fault: None,
        squared: f64::NAN,
        lower_bound: f64::NAN,
        rounding: f64::NAN,
        certified: false,
        leaves: 0,
    };
    verdict.fault = judge(c, mu, nu, &mut verdict).err();
    verdict.certified &= verdict.accepted();
    Ok(verdict)
}

type Checked<T = ()> = std::result::Result<T, String>;

fn judge(c: &Certificate, mu: &Measure, nu: &Measure, verdict: &mut Verdict) -> Checked {
    well_formed(c)?;
    let center = |cloud: &Measure| if c.center { cloud.centred() } else { cloud.clone() };
    let frame = Frame {
        x: turned(&center(mu), c.unit, &c.axes.0),
        y: turned(&center(nu), c.unit, &c.axes.1),
        a: mu.weights(),
        b: nu.weights(),
        p: c.dims.0,
        q: c.dims.1,
    };
    let (sigma_x, sigma_y) =
        (frame.moment(&frame.x, frame.a, frame.p), frame.moment(&frame.y, frame.b, frame.q));
    let size = squares(&sigma_x) + squares(&sigma_y);
    let four = c.unit.powi(4);
    // unless IGW² is below all doubles, the unit must be that of the clouds: numbers far from 1 lose their digits
    let spread = (trace(&sigma_x, frame.p) + trace(&sigma_y, frame.q)) * c.unit * c.unit;
    if !SIZES.contains(&size) && spread * spread > 0.0 {
        return Err(format!("in units of {:e} |Σ_x|² + |Σ_y|² is {size:e}, not about 1", c.unit));
    }
    verdict.rounding = TOLERANCE * size * four;
    if !verdict.rounding.is_finite() {
        return Err(format!("lengths of {:e} have no fourth power", c.unit));
    }
    verdict.squared = frame.value(c)? * four;
    let heights: Vec<f64> = (0..c.cuts()).into_par_iter().map(|k| frame.height(c, k)).collect();
    if let Some(k) = heights.iter().position(|h| !h.is_finite()) {
        return Err(format!("cut {k} has no finite h"));
    }
    let spectral = spectral(&sigma_x, frame.p, &sigma_y, frame.q);
    let (largest, leaves) = largest_bound(c, &heights)?;
    verdict.leaves = leaves;
    verdict.lower_bound = (size - 2.0 * largest).max(spectral) * four;
    let (slack, rounding) = (verdict.squared - verdict.lower_bound, verdict.rounding);
    verdict.certified = slack <= c.tol * verdict.squared + rounding;
    let (value, bound) = (verdict.squared, verdict.lower_bound);
    let off = |claim: f64, found: f64| {
        format!("claimed is {claim:.12e}, found {found:.12e} (tolerance {rounding:.1e})")
    };
    if !((value - c.squared).abs() <= rounding) {
        return Err(format!("the plan has another value: {}", off(c.squared, value)));
    }
    if !(bound <= value + rounding) {
        return Err(format!(
            "the bound {bound:.12e} is above the value {value:.12e} (tolerance {rounding:.1e})"
        ));
    }
    if !(bound >= c.lower_bound - rounding) {
        return Err(format!("a smaller lower bound is proved: {}", off(c.lower_bound, bound)));
    }
    Ok(())
}

/// Sizes, ranges and signs.
fn well_formed(c: &Certificate) -> Checked {
    let ((n, m), (p, q)) = (c.points, c.dims);
    let (dim, cuts, proofs) = (p * q, c.cuts(), c.starts.len().saturating_sub(1));
    let expect = |what: &str, found: usize, wanted: usize| match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: {found} numbers, expected {wanted}")),
    };
    expect("axes of A", c.axes.0.len(), p * p)?;
    expect("axes of B", c.axes.1.len(), q * q)?;
    expect("directions", c.directions.len(), cuts * dim)?;
    expect("potentials", c.potentials.len(), cuts * m)?;
    if !(c.unit > 0.0 && c.unit.is_finite()) {
        return Err(format!("the unit is {}", c.unit));
    }
    if !(c.tol >= 0.0 && c.tol.is_finite()) {
        return Err(format!("the tolerance is {}", c.tol));
    }
    let all = [&c.axes.0, &c.axes.1, &c.directions, &c.potentials];
    if all.iter().any(|numbers| numbers.iter().any(|v| !v.is_finite())) {
        return Err("axes, directions or potentials are not finite".into());
    }
    for (name, axes, d) in [("A", &c.axes.0, p), ("B", &c.axes.1, q)] {
        let product = |i: usize, j: usize| (0..d).map(|k| axes[k * d + i] * axes[k * d + j]).sum::<f64>();
        let entry = |k: usize| product(k / d, k % d) - f64::from(u8::from(k / d == k % d));
        let error = squares(&(0..d * d).map(entry).collect::<Vec<f64>>()).sqrt();
        if !(error <= 1e-13) {
            return Err(format!("the axes of {name} are not orthogonal: |U^T U - 1| = {error:.1e}"));
        }
    }
    if cuts < 2 * dim {
        return Err(format!("{cuts} cuts do not make a root box in {dim} dimensions"));
    }
    for k in 0..2 * dim {
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        let unit = |j: usize| if j == k / 2 { sign } else { 0.0 };
        if (0..dim).any(|j| c.directions[k * dim + j] != unit(j)) {
            return Err(format!("cut {k} does not bound coordinate {} of the root box", k / 2));
        }
    }
    let odd = |a: &[f64]| !(1e-3..=1e3).contains(&squares(a).sqrt());
    if let Some(k) = c.directions.chunks_exact(dim).position(odd) {
        return Err(format!("the direction of cut {k} is not of length about 1"));
    }
    let ordered = c.starts.windows(2).all(|s| s[0] <= s[1]);
    if c.starts.first() != Some(&0) || c.starts.last() != Some(&c.multipliers.len()) || !ordered {
        return Err("the starts of proofs do not count the multipliers".into());
    }
    if let Some(m) =
        c.multipliers.iter().find(|m| m.cut as usize >= cuts || !(m.value >= 0.0 && m.value.is_finite()))
    {
        return Err(format!(
            "multiplier {} of cut {}: expected a number >= 0 of one of {cuts} cuts",
            m.value, m.cut
        ));
    }
    for (k, item) in c.items.iter().enumerate() {
        let good = match *item {
            Item::Leaf(proof) => (proof as usize) < proofs,
            Item::Split { coordinate, value, first } => {
                let first = first as usize;
                (coordinate as usize) < dim && value.is_finite() && first > k && first + 1 < c.items.len()
            }
        };
        if !good {
            return Err(format!("item {k} of the tree is out of range: {item:?}"));
        }
    }
    if let Some((i, j, mass)) =
        c.plan.iter().find(|e| e.0 >= n || e.1 >= m || !(e.2 >= 0.0 && e.2.is_finite()))
    {
        return Err(format!("entry ({i}, {j}) of the plan with mass {mass} is out of range"));
    }
    Ok(())
}

/// Both clouds in the frame of the certificate.
struct Frame<'a> {
    x: Vec<f64>,
    y: Vec<f64>,
    a: &'a [f64],
    b: &'a [f64],
    p: usize,
    q: usize,
}

impl Frame<'_> {
    /// Σ w x xᵀ.
    fn moment(&self, points: &[f64], weights: &[f64], d: usize) -> Vec<f64> {
        let mut sums = vec![Sum::default(); d * d];
        for (x, w) in points.chunks_exact(d).zip(weights) {
            for (i, xi) in x.iter().enumerate() {
                for (j, xj) in x.iter().enumerate() {
                    sums[i * d + j].add(w * xi * xj);
                }
            }
        }
        sums.iter().map(Sum::value).collect()
    }

    /// h of a cut, never below what exact sums would give.
    fn height(&self, c: &Certificate, cut: usize) -> f64 {
        let (p, q, m) = (self.p, self.q, self.b.len());
        let direction = &c.directions[cut * p * q..][..p * q];
        let potential = &c.potentials[cut * m..][..m];
        let present = || (0..m).filter(|j| self.b[*j] > 0.0);
        // h does not see a constant of the potentials, but its sums do
        let mass: f64 = present().map(|j| self.b[j]).sum();
        let mean = present().map(|j| self.b[j] / mass * potential[j]).sum::<f64>();
        let unit = (p + q + 2) as f64 * f64::EPSILON;
        let size = squares(direction).sqrt();
        // A y, v and the rounding of both for each point
        let mut heads = Vec::with_capacity(m * (p + 2));
        let (mut sum, mut lost) = (Sum::default(), 0.0);
        for j in present() {
            let (y, v) = (&self.y[j * q..][..q], potential[j] - mean);
            heads.extend(direction.chunks_exact(q).map(|row| product(row, y)));
            heads.push(v + unit * v.abs());
            heads.push(unit * size * squares(y).sqrt());
            sum.add(-self.b[j] * v);
            lost += self.b[j] * v.abs();
        }
        for (x, a) in self.x.chunks_exact(p).zip(self.a).filter(|(_, a)| **a > 0.0) {
            let norm = squares(x).sqrt();
            let at = |h: &[f64]| product(x, &h[..p]) + h[p] + norm * h[p + 1];
            let best = heads.chunks_exact(p + 2).map(at).fold(f64::NEG_INFINITY, larger);
            sum.add(a * best);
            lost += a * best.abs();
        }
        sum.value() + 2.0 * f64::EPSILON * lost
    }

    /// ∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ dπ, after a check of the marginals.
    fn value(&self, c: &Certificate) -> Checked<f64> {
        let mut left = (self.a.to_vec(), self.b.to_vec());
        for &(i, j, mass) in &c.plan {
            left.0[i] -= mass;
            left.1[j] -= mass;
        }
        for (name, rest) in [("A", &left.0), ("B", &left.1)] {
            if let Some(i) = rest.iter().position(|r| !(r.abs() <= TOLERANCE)) {
                return Err(format!("the plan moves {:e} too little of point {i} of {name}", rest[i]));
            }
        }
        let (p, q) = (self.p, self.q);
        // points far out count for more than their mass
        let off = |points: &[f64], d: usize, rest: &[f64]| -> f64 {
            points.chunks_exact(d).zip(rest).map(|(x, r)| squares(x) * r.abs()).sum()
        };
        let off = off(&self.x, p, &left.0) + off(&self.y, q, &left.1);
        if !(off <= TOLERANCE) {
            return Err(format!(
                "the plan moves points far out too little: second moments are off by {off:e}"
            ));
        }
        let row = |&(i, j, w): &(usize, usize, f64)| {
            let (x, y) = (&self.x[i * p..][..p], &self.y[j * q..][..q]);
            let inner = c.plan.iter().map(|&(k, l, v)| {
                let difference = product(x, &self.x[k * p..][..p]) - product(y, &self.y[l * q..][..q]);
                v * difference * difference
            });
            w * inner.sum::<f64>()
        };
        Ok(c.plan.par_iter().map(row).collect::<Vec<f64>>().iter().sum())
    }
}

/// The largest bound of a leaf, and the number of leaves.
fn largest_bound(c: &Certificate, heights: &[f64]) -> Checked<(f64, usize)> {
    let dim = c.dims.0 * c.dims.1;
    let root: Vec<(f64, f64)> = (0..dim).map(|k| (-heights[2 * k + 1], heights[2 * k])).collect();
    let mut stack = vec![(0usize, root)];
    let (mut largest, mut leaves) = (f64::NEG_INFINITY, 0);
    let mut seen = vec![false; c.items.len()];
    while let Some((k, cell)) = stack.pop() {
        match c.items.get(k) {
            None => return Err("the tree is empty".into()),
            Some(_) if std::mem::replace(&mut seen[k], true) => {
                return Err(format!("item {k} is in the tree twice"));
            }
            Some(&Item::Leaf(proof)) => {
                let bound = bound(c, heights, proof as usize, &cell);
                if !bound.is_finite() {
                    return Err(format!("item {k} has no finite bound"));
                }
                largest = largest.max(bound);
                leaves += 1;
            }
            Some(&Item::Split { coordinate, value, first }) => {
                let (mut low, mut high) = (cell.clone(), cell);
                let at = coordinate as usize;
                low[at].1 = value.min(low[at].1);
                high[at].0 = value.max(high[at].0);
                stack.push((first as usize, low));
                stack.push((first as usize + 1, high));
            }
        }
    }
    Ok((largest, leaves))
}

/// What a proof says of a box, never below what exact sums would give; not a number if they overflow.
fn bound(c: &Certificate, heights: &[f64], proof: usize, cell: &[(f64, f64)]) -> f64 {
    let dim = cell.len();
    let multipliers = &c.multipliers[c.starts[proof]..c.starts[proof + 1]];
    let reach: Vec<f64> = cell.iter().map(|(lo, hi)| lo.abs().max(hi.abs())).collect();
    let mut gradient = vec![0.0; dim];
    // the sum and the sizes of its terms
    let (mut sum, mut size) = (0.0, squares(&reach));
    for m in multipliers {
        let direction = &c.directions[m.cut as usize * dim..][..dim];
        let height = heights[m.cut as usize];
        gradient.iter_mut().zip(direction).for_each(|(g, a)| *g += m.value * a);
        sum += m.value * height;
        size += m.value * height.abs();
        size += direction.iter().zip(&reach).map(|(a, r)| m.value * a.abs() * r).sum::<f64>();
    }
    for (g, (lo, hi)) in gradient.iter().zip(cell) {
        sum += larger(lo * (lo - g), hi * (hi - g));
    }
    sum + 2.0 * (multipliers.len() + dim + 4) as f64 * f64::EPSILON * size
}

/// (|s − t| − |E_x| − |E_y|)²₊ from second moments that are nearly diagonal.
fn spectral(sigma_x: &[f64], p: usize, sigma_y: &[f64], q: usize) -> f64 {
    let split = |sigma: &[f64], d: usize| {
        let mut diagonal: Vec<f64> = (0..d).map(|i| sigma[i * d + i]).collect();
        let beside = (0..d * d).filter(|k| k / d != k % d).map(|k| sigma[k] * sigma[k]);
        let rest = beside.sum::<f64>().sqrt();
        diagonal.resize(p.max(q), 0.0);
        diagonal.sort_by(|a, b| b.total_cmp(a));
        (diagonal, rest)
    };
    let ((s, e), (t, f)) = (split(sigma_x, p), split(sigma_y, q));
    let difference: Vec<f64> = s.iter().zip(&t).map(|(s, t)| s - t).collect();
    (squares(&difference).sqrt() - e - f).max(0.0).powi(2)
}

/// Uᵀ x / unit for every point.
fn turned(cloud: &Measure, unit: f64, axes: &[f64]) -> Vec<f64> {
    let d = cloud.dim();
    let turn = |x: &[f64], k: usize| (0..d).map(|i| axes[i * d + k] * (x[i] / unit)).sum::<f64>();
    cloud.points().chunks_exact(d).flat_map(|x| (0..d).map(move |k| turn(x, k))).collect()
}

/// The larger number; not a number if one is not.
fn larger(a: f64, b: f64) -> f64 {
    if b.is_nan() || b > a { b } else { a }
}

fn trace(sigma: &[f64], d: usize) -> f64 {
    sigma.iter().step_by(d + 1).sum()
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn squares(a: &[f64]) -> f64 {
    product(a, a)
}

/// A sum that keeps what rounding loses.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, x: f64) {
        let next = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() { (self.sum - next) + x } else { (x - next) + self.sum };
        self.sum = next;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}
