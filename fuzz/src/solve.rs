//! Solvers: small clouds made of bytes; every answer is checked against its definition and its
//! certificate.

use gromov::igw::{Alternating, align, bound};
use gromov::mobility::{self, Mobility};
use gromov::ot::{Exact, LowRankCost, Plan};
use gromov::{Error, Measure, Status};

/// Lengths for which powers four and their sums are normal numbers.
const ORDINARY: std::ops::Range<f64> = 1e-60..1e60;

/// Bytes taken one after the other; zeros when there are no more.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// From 1 to `most`.
    fn size(&mut self, most: u8) -> usize {
        usize::from(self.byte() % most) + 1
    }

    /// A coordinate: of 8 bits, 16 bits or any finite double, by `kind`.
    fn coordinate(&mut self, kind: u8) -> f64 {
        match kind % 4 {
            0 => f64::from(self.byte() as i8),
            1 => f64::from(self.byte() as i8 % 3),
            2 => f64::from(i16::from_le_bytes([self.byte(), self.byte()])) / 256.0,
            _ => {
                let x = f64::from_le_bytes(std::array::from_fn(|_| self.byte()));
                if x.is_finite() { x } else { 0.0 }
            }
        }
    }

    fn cloud(&mut self, d: usize, kind: u8, weighted: bool) -> Option<Measure> {
        let n = self.size(12);
        let scale = f64::from(self.byte() as i8).exp2();
        let points: Vec<f64> = (0..n * d).map(|_| self.coordinate(kind) * scale).collect();
        if weighted {
            let weights = (0..n).map(|_| f64::from(self.byte())).collect();
            return Measure::normalized(points, d, weights).ok();
        }
        Measure::uniform(points, d).ok()
    }
}

pub fn solve(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (p, q) = (bytes.size(4), bytes.size(4));
    let (flags, kind, starts) = (bytes.byte(), bytes.byte(), bytes.size(4));
    let options = Alternating {
        starts: Some(starts),
        center: flags & 1 != 0,
        closed_forms: flags & 2 != 0,
        seed: u64::from(flags >> 4),
        ..Alternating::default()
    };
    let (Some(mu), Some(nu)) = (bytes.cloud(p, kind, flags & 4 != 0), bytes.cloud(q, kind, flags & 8 != 0))
    else {
        return;
    };
    distance(&mu, &nu, &options);
    transport(&mu, &nu, &mut bytes);
    operator(&mu, &mut bytes);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The plan is a coupling: positive masses whose sums are the weights.
fn couples(plan: &Plan, a: &[f64], b: &[f64]) {
    assert_eq!((plan.n, plan.m), (a.len(), b.len()));
    assert!(plan.mass.iter().all(|m| *m > 0.0 && *m <= 1.0 + 1e-12));
    let (rows, columns) = plan.marginals();
    for (found, wanted) in rows.iter().zip(a).chain(columns.iter().zip(b)) {
        assert!((found - wanted).abs() <= 1e-12, "marginal {found:e}, weight {wanted:e}");
    }
}

/// The points in the given unit; the mean is removed in the unit of the cloud, where it has its digits.
fn in_unit(m: &Measure, center: bool, unit: f64) -> Vec<f64> {
    if !center || m.scale() == 0.0 {
        return m.points().iter().map(|x| x / unit).collect();
    }
    let own = m.scale().log2().floor().min(1023.0).exp2();
    let points = m.points().iter().map(|x| x / own).collect();
    let centred = Measure::weighted(points, m.dim(), m.weights().to_vec()).expect("finite points").centred();
    centred.points().iter().map(|x| x / (unit / own).max(f64::MIN_POSITIVE)).collect()
}

/// ∬ (⟨x, x'⟩ − ⟨y, y'⟩)² dπ dπ from the definition, and |Σ_x|² + |Σ_y|², in the given unit.
fn distortion(mu: &Measure, nu: &Measure, center: bool, plan: &Plan, unit: f64) -> (f64, f64) {
    let (x, y, p, q) = (in_unit(mu, center, unit), in_unit(nu, center, unit), mu.dim(), nu.dim());
    let (mut sum, mut size) = (0.0, 0.0);
    for (i, j, w) in plan.entries() {
        for (k, l, v) in plan.entries() {
            let a = dot(&x[i * p..][..p], &x[k * p..][..p]);
            let b = dot(&y[j * q..][..q], &y[l * q..][..q]);
            sum += w * v * (a - b).powi(2);
            size += w * v * (a * a + b * b);
        }
    }
    (sum, size)
}

fn distance(mu: &Measure, nu: &Measure, options: &Alternating) {
    let sol = options.solve(mu, nu, &mut ()).expect("clouds of any finite lengths have a distance");
    couples(&sol.plan, mu.weights(), nu.weights());
    let numbers = [sol.squared, sol.distance, sol.lower_bound, sol.rounding, sol.gap, sol.squared_in_units];
    assert!(numbers.iter().all(|v| !v.is_nan()), "{numbers:?}");
    assert!(sol.squared_in_units.is_finite() && sol.gap.is_finite() && sol.unit > 0.0, "{numbers:?}");
    assert!(sol.rotation.iter().all(|r| r.abs() <= 1.0 + 1e-12), "{:?}", sol.rotation);
    let (dense, size) = distortion(mu, nu, options.center, &sol.plan, sol.unit);
    let rounding = 16.0 * f64::EPSILON * size;
    let error = (sol.squared_in_units - dense).abs();
    // sums of subnormal numbers have few digits
    let subnormal = 1e3 * f64::MIN_POSITIVE * f64::EPSILON;
    assert!(
        error <= 1e-12 * dense + 4.0 * rounding + subnormal,
        "squared {:e}, by its definition {dense:e}, rounding {rounding:e}",
        sol.squared_in_units
    );
    if ORDINARY.contains(&sol.unit) {
        let slack = sol.squared + 2.0 * sol.rounding;
        assert!(sol.lower_bound <= slack, "bound {:e} above {:e}", sol.lower_bound, sol.squared);
        let cloud = |m: &Measure| {
            let points = in_unit(m, options.center, sol.unit);
            Measure::weighted(points, m.dim(), m.weights().to_vec()).expect("finite points")
        };
        let spectral = bound::spectral(&cloud(mu), &cloud(nu)).expect("a bound") * sol.unit.powi(4);
        assert!(spectral <= slack + 1e-9 * spectral, "spectral bound {spectral:e} above {:e}", sol.squared);
        assert!((sol.distance.powi(2) - sol.squared.max(0.0)).abs() <= 1e-12 * sol.squared.abs());
    }
    assert!(matches!(sol.status, Status::Converged | Status::IterationCap), "{:?}", sol.status);
    assert!(sol.alternatives.iter().all(|a| a.squared >= sol.squared));
    let moved = sol.transform(mu.points()).expect("rows of the first space");
    assert_eq!(moved.len(), mu.len() * nu.dim());
    if options.seed.is_multiple_of(8) {
        let again = options.solve(mu, nu, &mut ()).expect("the same problem");
        assert_eq!(again.squared_in_units.to_bits(), sol.squared_in_units.to_bits());
    }
}

fn transport(mu: &Measure, nu: &Measure, bytes: &mut Bytes<'_>) {
    let (p, q) = (mu.dim(), nu.dim());
    let cost = if p == q && bytes.byte() & 1 == 0 {
        LowRankCost::squared_euclidean(mu.points(), nu.points(), p)
    } else {
        let a: Vec<f64> = (0..p * q).map(|_| f64::from(bytes.byte() as i8) / 8.0).collect();
        LowRankCost::inner_product(mu.points(), &a, nu.points(), p, q)
    };
    // Squares of huge lengths leave the range of doubles; then the cost is refused.
    let Ok(cost) = cost else { return };
    let scale = mu.scale().max(nu.scale());
    if scale > 0.0 && !ORDINARY.contains(&scale) {
        return;
    }
    let (a, b) = (mu.weights(), nu.weights());
    let sol = solved(Exact::default().solve(&cost, a, b, None));
    couples(&sol.plan, a, b);
    assert_eq!(sol.status, Status::Converged);
    let terms = |i: usize| (0..nu.len()).map(move |j| (i, j));
    // Costs are sums of terms of this size, whatever cancels between them.
    let size = 256.0 * scale * scale * (p * q) as f64;
    let tolerance = 1e-12 * size;
    for (i, j) in (0..mu.len()).flat_map(terms) {
        let reduced = cost.at(i, j) - sol.row_potential[i] - sol.column_potential[j];
        assert!(reduced >= -tolerance, "reduced cost {reduced:e} of ({i}, {j}), size {size:e}");
    }
    for (i, j, _) in sol.plan.entries() {
        let reduced = cost.at(i, j) - sol.row_potential[i] - sol.column_potential[j];
        assert!(reduced <= tolerance, "reduced cost {reduced:e} of the entry ({i}, {j}), size {size:e}");
    }
    let value: f64 = sol.plan.entries().map(|(i, j, m)| m * cost.at(i, j)).sum();
    assert!((sol.value - value).abs() <= tolerance, "value {:e}, by its definition {value:e}", sol.value);
    assert!((sol.value - sol.dual_value).abs() <= tolerance, "{:e} {:e}", sol.value, sol.dual_value);
    assert!(sol.gap.is_finite());
    let warm = solved(Exact::default().solve(&cost, a, b, Some(sol.basis)));
    assert!(warm.warm && (warm.value - sol.value).abs() <= tolerance);
}

fn solved<T>(answer: gromov::Result<T>) -> T {
    answer.expect("costs and weights that were accepted")
}

fn operator(mu: &Measure, bytes: &mut Bytes<'_>) {
    let (n, d) = (mu.len(), mu.dim());
    let scale = mu.scale();
    if scale > 0.0 && !ORDINARY.contains(&scale) {
        return;
    }
    let mut field = || (0..n * d).map(|_| f64::from(bytes.byte() as i8) / 16.0).collect::<Vec<f64>>();
    let (u, v) = (field(), field());
    let l = Mobility::new(mu, mobility::FLOOR).expect("a floor in range");
    let (lu, lv) = (l.apply(&u).expect("a field"), l.apply(&v).expect("a field"));
    let pairing = |f: &[f64], g: &[f64]| -> f64 {
        (0..n).map(|i| mu.weights()[i] * dot(&f[i * d..][..d], &g[i * d..][..d])).sum()
    };
    let size = 4.0 * (d * d) as f64 * scale * scale * largest(&u).max(largest(&v)).powi(2);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-13 * size * n as f64;
    assert!(close(pairing(&u, &lv), pairing(&lu, &v)), "L is not self-adjoint");
    assert!(close(l.inner(&u, &v).expect("fields"), pairing(&u, &lv)));
    assert!(l.inner(&v, &v).expect("fields") >= -1e-13 * size * n as f64, "⟨v, L v⟩ is negative");
    let spectrum = l.spectrum();
    let (most, least) = (spectrum[0], spectrum[d - 1]);
    let inverse = match l.inverse(&lv) {
        Ok(inverse) => inverse,
        Err(Error::Singular { .. }) => {
            // or a point without weight is so far out that Σ has lost its digits, or its inverse is no double
            let lost = least <= 1e-280 * scale * scale || (0.5 / least).is_infinite();
            assert!(least <= mobility::FLOOR * most || lost, "{least:e} of {most:e} is not singular");
            return;
        }
        Err(e) => panic!("{e}"),
    };
    assert!(inverse.velocity.iter().all(|x| x.is_finite()) && inverse.skew.is_finite());
    let back = l.apply(&inverse.velocity).expect("a field");
    let error = back.iter().zip(&lv).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
    let bound = 1e-13 * (d * d) as f64 * (most / least) * scale * scale * largest(&v);
    assert!(error <= bound, "L L⁻¹ is off by {error:e}, allowed {bound:e}");
    let same = align::plan(mu, mu, &Plan::identity(mu.weights())).expect("the identity is a plan");
    assert!(same.squared <= 1e-24 * scale.powi(4) * (d * d) as f64, "from itself: {:e}", same.squared);
}
