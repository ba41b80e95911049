//! The exponential map: the geodesic from a cloud with a given velocity.

use super::check_tol;
use super::integrate::{Accuracy, End, integrate};
use super::path::halves;
use super::span::Span;
use crate::error::{Error, Result};
use crate::linalg;
use crate::measure::Measure;
use crate::mobility::{self, Mobility};
use crate::solve::Status;

/// Options of the exponential map.
#[derive(Debug, Clone)]
pub struct Exp {
    /// Error of a step of the integration, relative to the lengths of the cloud and of its velocity.
    pub tol: f64,
    /// Eigenvalues of Σ at or below this part of the largest count as zero: the geodesic ends there.
    pub floor: f64,
    /// Cap on steps.
    pub max_steps: usize,
}

impl Default for Exp {
    fn default() -> Self {
        Exp { tol: 1e-13, floor: mobility::FLOOR, max_steps: 10_000 }
    }
}

/// Where a geodesic came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Arrival {
    /// Points, (n, d).
    pub points: Vec<f64>,
    /// Velocity there, (n, d).
    pub velocity: Vec<f64>,
    /// Time reached; short of what was asked for unless the status is `completed`.
    pub time: f64,
    /// √⟨v, L v⟩ at the start, which a geodesic keeps; scales as length².
    pub speed: f64,
    /// Relative difference of the speed at the end from it.
    pub speed_error: f64,
    /// |W x| / |v| of the net rotation W that the given velocity held and that was taken out: L does not see it.
    pub turned: f64,
    /// Steps of the integration.
    pub steps: usize,
    /// `completed`; `singular` where Σ came to the floor on the way; `stalled` where no step is short enough for the
    /// tolerance; `iteration_cap`.
    pub status: Status,
}

/// exp_x(t v): the geodesic of x'' = −4 L⁻¹[K v] from `x` with velocity `v` (n, d), at t, with the default options of
/// [`Exp`]. The points have units of length, those of `t v` too. O(n d²). Errors: shapes; [`Error::Singular`] for a Σ
/// without inverse at `x`; [`Error::NoGeodesic`] where it does not last until t ([`Exp::solve`] says how far it lasts).
///
/// ```
/// use gromov::{Measure, geodesic};
/// let x = Measure::uniform(vec![2.0, 0.0, 0.0, 1.0], 2)?;
/// // along v = x the Gram matrix moves by 2 t G: x_t = √(1 + 2 t) x
/// let there = geodesic::exp(&x, x.points(), 1.5)?;
/// assert!((there[0] - 2.0 * 2.0).abs() < 1e-11);
/// # Ok::<(), gromov::Error>(())
/// ```
pub fn exp(x: &Measure, v: &[f64], t: f64) -> Result<Vec<f64>> {
    let there = Exp::default().solve(x, v, t)?;
    match there.status {
        Status::Completed => Ok(there.points),
        status => {
            let problem = format!("it ends at t = {:e} on the way to {t:e} ({status})", there.time);
            Err(Error::NoGeodesic { problem })
        }
    }
}

impl Exp {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        check_tol(self.tol)?;
        if self.max_steps == 0 {
            return Err(Error::option("max_steps", 0, "at least 1"));
        }
        mobility::check_floor(self.floor)
    }

    /// Follows the geodesic from `x` with velocity `v` until t, which may be negative. Three passes over the cloud, O(n d²), and
    /// an integration in 2 d × d unknowns. Errors: shapes, options, entries that are not finite, a Σ that is singular at
    /// the start.
    pub fn solve(&self, x: &Measure, v: &[f64], t: f64) -> Result<Arrival> {
        self.check()?;
        if !t.is_finite() {
            return Err(Error::option("t", t, "a finite number"));
        }
        if let Some(k) = v.iter().position(|v| !v.is_finite()) {
            let index = format!("row {}, column {}", k / x.dim(), k % x.dim());
            return Err(Error::NotFinite { argument: "v".into(), index, value: v[k] });
        }
        let d = x.dim();
        // time in units in which the velocity is of the size of the cloud
        let unit = linalg::power_of_two_scale(x.scale());
        let pace = linalg::power_of_two_scale(linalg::max_abs(v));
        let cloud = x.divided_by(unit);
        let mobility = Mobility::new(&cloud, self.floor)?;
        mobility.check_regular()?;
        let field: Vec<f64> = v.iter().map(|v| v / pace * t.signum()).collect();
        let (aligned, skew) = mobility.project(&field)?;
        let span = Span::of_two(x.weights(), cloud.points(), &aligned, d)?;
        let start = span.straight(0.0);
        let velocity = span.difference();
        // the parts are orthogonal: W x with W skew, and v with ∫ v xᵀ symmetric
        let rotation = linalg::dot(&linalg::matmul(&skew, &span.cross(&start, &start), d, d, d), &skew);
        let size = rotation + span.inner(velocity, velocity);
        let turned = if size > 0.0 { (rotation / size).sqrt() } else { 0.0 };
        let time = t.abs() * (pace / unit);
        if !time.is_finite() {
            let scale = t.abs() * pace;
            return Err(Error::Scale { argument: "t v".into(), scale, range: "of doubles, in lengths of x" });
        }
        let accuracy = Accuracy { tol: self.tol, floor: self.floor, max_steps: self.max_steps };
        let course = integrate(&span, &start, velocity, time, accuracy, false)?;
        let (before, after) =
            (span.speed_squared(&start, velocity), span.speed_squared(&course.c, &course.v));
        let status = match course.end {
            End::Done => Status::Completed,
            End::Floor => Status::Singular,
            End::Tolerance => Status::Stalled,
            End::Cap => Status::IterationCap,
        };
        let rows = |c: &[f64], scale: f64| {
            halves(&span.coefficients(c), d).rows(cloud.points(), &aligned, (d, d), scale, d)
        };
        Ok(Arrival {
            points: rows(&course.c, unit),
            velocity: rows(&course.v, pace * t.signum()),
            time: if time > 0.0 { t * (course.time / time) } else { t },
            speed: before.max(0.0).sqrt() * pace * unit,
            speed_error: if before > 0.0 { ((after / before).sqrt() - 1.0).abs() } else { 0.0 },
            turned,
            steps: course.steps(),
            status,
        })
    }
}
