//! Two clouds on their principal axes, and the support function of their cross moments.

use crate::error::{Error, Result};
use crate::igw::Pair;
use crate::linalg;
use crate::ot::support::{Basis, Dual, Support};
use crate::solve::Stop;

/// The clouds on their principal axes, in a unit (a power of two) in which |Σ_x|² + |Σ_y|² is in (1/16, 1].
///
/// M stands flattened in arrays of D numbers; those after d_x d_y are zero.
pub(super) struct Problem {
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
    pub(super) support: Support,
}

/// One transport problem: max ⟨A, M_π⟩ over the plans π.
pub(super) struct Probe<const D: usize> {
    /// Upper bound of ⟨A, M⟩ over all plans, proved by the potentials.
    pub(super) h: f64,
    /// M of the plan.
    pub(super) cross_moment: [f64; D],
    /// |M|².
    pub(super) squared: f64,
    /// Of the plan; also where the problem was stopped before its end: the bound holds all the same.
    pub(super) basis: Basis,
    /// Dual potentials of the points of y, where they are asked for.
    pub(super) potential: Option<Box<[f64]>>,
}

impl Problem {
    /// Errors: clouds without extent.
    pub(super) fn new(pair: &Pair) -> Result<Self> {
        let (p, q) = (pair.x.dim(), pair.y.dim());
        let (of_x, of_y) =
            (linalg::symmetric_eigen(&pair.sigma_x, p)?, linalg::symmetric_eigen(&pair.sigma_y, q)?);
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
        let (a, b) = (pair.x.weights().to_vec(), pair.y.weights().to_vec());
        let support = Support::new(&x, p, &a, &y, q, &b)?;
        let scaled = |values: Vec<f64>| values.iter().map(|v| v / unit / unit).collect();
        Ok(Problem {
            y,
            a,
            b,
            support,
            p,
            q,
            axes: (of_x.vectors, of_y.vectors),
            spectra: (scaled(of_x.values), scaled(of_y.values)),
            unit,
            size: pair.size() / unit.powi(4),
        })
    }

    /// Gaps of |M|² below this are left to rounding.
    pub(super) fn floor(&self) -> f64 {
        1e-13 * self.size + 8.0 * self.support.rounding()
    }

    /// d_x d_y.
    pub(super) fn dim(&self) -> usize {
        self.p * self.q
    }

    /// Solves for the direction `a` of norm one; `record` keeps the potentials.
    pub(super) fn probe<const D: usize>(
        &self,
        a: &[f64; D],
        warm: Option<&Basis>,
        record: bool,
        stop: &Stop,
    ) -> Probe<D> {
        let direction = &a[..self.dim()];
        let solved = self.support.solve(direction, warm, stop);
        let mut cross_moment = [0.0; D];
        cross_moment[..self.dim()].copy_from_slice(&solved.cross_moment);
        let potential = record.then(|| self.potential(&solved.dual, direction));
        Probe {
            h: solved.dual.height,
            squared: linalg::dot(&cross_moment, &cross_moment),
            cross_moment,
            potential,
            basis: solved.basis,
        }
    }
}

impl Problem {
    /// A bound of h in the direction `a`, and its potentials where `record` asks for them, from potentials of the
    /// columns of the support that need not be the best.
    pub(super) fn bound<const D: usize>(
        &self,
        a: &[f64; D],
        potential: Vec<f64>,
        record: bool,
    ) -> (f64, Option<Box<[f64]>>) {
        let direction = &a[..self.dim()];
        let dual = self.support.bound(direction, potential);
        (dual.height, record.then(|| self.potential(&dual, direction)))
    }

    fn potential(&self, dual: &Dual, direction: &[f64]) -> Box<[f64]> {
        self.support.potential_of_y(dual, direction, &self.y, &self.b).into()
    }
}

/// `a` of norm one; `None` for zero.
pub(super) fn direction<const D: usize>(a: &[f64; D]) -> Option<[f64; D]> {
    let size = linalg::norm(a);
    (size > f64::MIN_POSITIVE).then(|| a.map(|x| x / size))
}
