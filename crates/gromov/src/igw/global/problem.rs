//! Two clouds on their principal axes, and the support function of their cross moments.

use crate::error::{Error, Result};
use crate::igw::Pair;
use crate::linalg;
use crate::ot::{Basis, Exact, LowRankCost, Plan};
use crate::solve::{Status, Stop};

/// The clouds on their principal axes, in a unit (a power of two) in which |Σ_x|² + |Σ_y|² is in (1/16, 1].
///
/// M stands flattened in arrays of D numbers; those after d_x d_y are zero.
pub(super) struct Problem {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    pub(super) p: usize,
    pub(super) q: usize,
    /// Principal axes in columns, (d_x, d_x) and (d_y, d_y).
    pub(super) axes: (Vec<f64>, Vec<f64>),
    /// Eigenvalues of the second moments.
    pub(super) spectra: (Vec<f64>, Vec<f64>),
    /// Unit of length, of the pair's own.
    pub(super) unit: f64,
    /// |Σ_x|² + |Σ_y|².
    pub(super) size: f64,
    /// Bound on the rounding of h.
    rounding: f64,
}

/// One transport problem: max ⟨A, M_π⟩ over the plans π.
pub(super) struct Probe<const D: usize> {
    /// Upper bound of ⟨A, M⟩ over all plans, proved by the potentials.
    pub(super) h: f64,
    /// M of the plan.
    pub(super) cross_moment: [f64; D],
    /// |M|².
    pub(super) squared: f64,
    pub(super) plan: Plan,
    /// Dual potentials of the points of y.
    pub(super) potential: Vec<f64>,
    pub(super) basis: Basis,
    /// Not `converged` if the problem was stopped; the bound holds all the same.
    pub(super) status: Status,
}

impl Problem {
    /// Errors: clouds without extent.
    pub(super) fn new(pair: &Pair) -> Result<Self> {
        let (p, q) = (pair.x.dim(), pair.y.dim());
        let (of_x, of_y) = (linalg::symmetric_eigen(&pair.sigma_x, p)?, linalg::symmetric_eigen(&pair.sigma_y, q)?);
        // the fourth power of the unit is the power of 16 that brings the size into (1/16, 1]
        let exponent = (pair.size().log2() / 4.0).ceil();
        let unit = exponent.exp2();
        if !(unit.is_normal() && pair.size() > 0.0) {
            return Err(Error::Scale {
                argument: "clouds".into(),
                scale: pair.size(),
                range: "of |second moments|^2 above 0",
            });
        }
        let onto = |points: &[f64], axes: &[f64], d: usize| {
            let scaled: Vec<f64> = points.iter().map(|v| v / unit).collect();
            linalg::map_rows(&scaled, d, &linalg::transpose(axes, d, d), d)
        };
        let (x, y) = (onto(pair.x.points(), &of_x.vectors, p), onto(pair.y.points(), &of_y.vectors, q));
        let longest = |a: &[f64], d: usize| a.chunks_exact(d).map(linalg::norm).fold(0.0, f64::max);
        let rounding = 16.0 * (p.max(q) as f64 + 4.0) * f64::EPSILON * longest(&x, p) * longest(&y, q);
        let scaled = |values: Vec<f64>| values.iter().map(|v| v / unit / unit).collect();
        Ok(Problem {
            x,
            y,
            a: pair.x.weights().to_vec(),
            b: pair.y.weights().to_vec(),
            p,
            q,
            axes: (of_x.vectors, of_y.vectors),
            spectra: (scaled(of_x.values), scaled(of_y.values)),
            unit,
            size: pair.size() / unit.powi(4),
            rounding,
        })
    }

    /// d_x d_y.
    pub(super) fn dim(&self) -> usize {
        self.p * self.q
    }

    /// Solves for the direction `a` of norm one.
    pub(super) fn probe<const D: usize>(
        &self,
        a: &[f64; D],
        warm: Option<Basis>,
        stop: &Stop,
    ) -> Result<Probe<D>> {
        let t0 = std::time::Instant::now();
        let (p, q) = (self.p, self.q);
        let cost = LowRankCost::inner_product(&self.x, &a[..p * q], &self.y, p, q)?;
        let sol = Exact::default().solve_until(&cost, &self.a, &self.b, warm, stop)?;
        STATS.0.fetch_add(sol.pivots, std::sync::atomic::Ordering::Relaxed);
        STATS.1.fetch_add(usize::from(sol.warm), std::sync::atomic::Ordering::Relaxed);
        STATS.2.fetch_add(t0.elapsed().as_nanos() as usize, std::sync::atomic::Ordering::Relaxed);
        let mut cross_moment = [0.0; D];
        cross_moment[..p * q].copy_from_slice(&sol.plan.cross_moment(&self.x, p, &self.y, q));
        Ok(Probe {
            h: -sol.dual_value + self.rounding,
            squared: linalg::dot(&cross_moment, &cross_moment),
            cross_moment,
            plan: sol.plan,
            potential: sol.column_potential,
            basis: sol.basis,
            status: sol.status,
        })
    }
}

/// `a` of norm one; `None` for zero.
pub(super) fn direction<const D: usize>(a: &[f64; D]) -> Option<[f64; D]> {
    let size = linalg::norm(a);
    (size > f64::MIN_POSITIVE).then(|| a.map(|x| x / size))
}

pub(super) static STATS: (std::sync::atomic::AtomicUsize, std::sync::atomic::AtomicUsize, std::sync::atomic::AtomicUsize, std::sync::atomic::AtomicUsize) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
