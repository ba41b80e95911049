//! The exponential map: the geodesic from a cloud with a given velocity.

use super::check_tol;
use super::integrate::{Accuracy, integrate};
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
    /// `completed`; `singular` where Σ came to the floor on the way; `iteration_cap`.
    pub status: Status,
}

/// exp_x(t v): the geodesic of x'' = −4 L⁻¹[K v] from `x` with velocity `v` (n, d), at t, with the default options of
/// [`Exp`]. The points have units of length, those of `t v` too. Errors: shapes; [`Error::Singular`] where the geodesic
/// does not last until t ([`Exp::solve`] answers with how far it lasts).
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
    let options = Exp::default();
    let there = options.solve(x, v, t)?;
    match there.status {
        Status::Completed => Ok(there.points),
        Status::IterationCap => Err(Error::IterationCap { solver: "the exponential map" }),
        _ => {
            let spectrum = x.with_points(there.points)?.spectrum()?;
            let (largest, smallest) = (spectrum[0], spectrum[spectrum.len() - 1]);
            Err(Error::Singular { smallest, largest, floor: options.floor })
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
        if !(0.0..1.0).contains(&self.floor) {
            return Err(Error::option("floor", self.floor, "a number in [0, 1)"));
        }
        Ok(())
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
        let span = Span::of_two(x.weights(), cloud.points(), &aligned, d);
        let start = span.straight(0.0);
        let velocity: Vec<f64> = span.straight(1.0).iter().zip(&start).map(|(a, b)| a - b).collect();
        // the parts are orthogonal: W x with W skew, and v with ∫ v xᵀ symmetric
        let rotation = linalg::dot(&linalg::matmul(&skew, &span.cross(&start, &start), d, d, d), &skew);
        let size = rotation + span.inner(&velocity, &velocity);
        let turned = if size > 0.0 { (rotation / size).sqrt() } else { 0.0 };
        let time = t.abs() * (pace / unit);
        if !time.is_finite() {
            let scale = t.abs() * pace;
            return Err(Error::Scale { argument: "t v".into(), scale, range: "of doubles, in lengths of x" });
        }
        let accuracy = Accuracy { tol: self.tol, floor: self.floor, max_steps: self.max_steps };
        let course = integrate(&span, &start, &velocity, time, accuracy)?;
        let (before, after) =
            (span.speed_squared(&start, &velocity), span.speed_squared(&course.c, &course.v));
        let status = match () {
            () if course.singular => Status::Singular,
            () if course.time < time => Status::IterationCap,
            () => Status::Completed,
        };
        let rows = |c: &[f64], scale: f64| {
            let mut out = vec![0.0; v.len()];
            let map = linalg::transpose(c, 2 * d, d);
            let half = |k: usize| -> Vec<f64> {
                (0..d).flat_map(|i| map[i * 2 * d + k * d..][..d].to_vec()).map(|x| x * scale).collect()
            };
            let (on_x, on_v) = (half(0), half(1));
            linalg::combine_rows(cloud.points(), d, &on_x, &aligned, d, 1.0, &on_v, &mut out, d);
            out
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
