//! Control of the length of steps by an estimate of their error.
//!
//! ratio = error / (atol + rtol · size); a step is taken where it is at most 1. The next step is
//! s · ratioₙ^(−α) · ratioₙ₋₁^β times as long, within bounds: a proportional and an integral term, s = 0.9.
//! For an error estimate of order k in τ (adaptive: k = 5; two half steps against one of order 1: k = 2)
//! α + ¾ β = 1/k; β = 0.04 for the adaptive scheme and 0 for the implicit one.
//!
//! Source: Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, II.4, and IV.2 of volume II (the
//! proportional-integral controller of Gustafsson).

use super::{Flow, Scheme};
use crate::error::{Error, Result};

/// Relative tolerance of the adaptive scheme where none is given.
pub(super) const RTOL: f64 = 1e-6;
/// Least relative tolerance: differences of clouds carry the rounding of their points.
const LEAST: f64 = 1e-13;

const SAFETY: f64 = 0.9;
/// Shortest and longest step after one of length 1.
const BOUNDS: (f64, f64) = (0.2, 5.0);
/// A ratio kept for the next step is at least this, lest one lucky step shorten the next.
const SMALLEST_RATIO: f64 = 1e-4;

/// Tolerances, in units of the flow, and the memory of the controller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    rtol: f64,
    atol: f64,
    alpha: f64,
    beta: f64,
    /// Ratio of the step before.
    before: f64,
}

impl Control {
    /// `None` where steps are fixed; `unit`: that of lengths.
    pub(super) fn of(flow: &Flow, unit: f64) -> Option<Control> {
        let rtol = flow.relative_tolerance()?;
        let (order, beta) = if flow.scheme == Scheme::Adaptive { (5.0, 0.04) } else { (2.0, 0.0) };
        let (atol, alpha) = (flow.atol.unwrap_or(0.0) / unit, 1.0 / order - 0.75 * beta);
        Some(Control { rtol, atol, alpha, beta, before: SMALLEST_RATIO })
    }

    /// Ratio of the step before.
    pub(super) fn before(&self) -> f64 {
        self.before
    }

    /// As it was after a step of that ratio.
    pub(super) fn after(self, before: Option<f64>) -> Self {
        Control { before: before.unwrap_or(self.before).max(SMALLEST_RATIO), ..self }
    }

    /// Error over tolerance for a cloud of this rms radius.
    pub(super) fn ratio(&self, error: f64, size: f64) -> f64 {
        if error == 0.0 || self.rtol.is_infinite() { 0.0 } else { error / (self.atol + self.rtol * size) }
    }

    /// The next step in steps, after one that is taken; not above 1 right after a rejection.
    pub(super) fn after_taken(&mut self, ratio: f64, rejected: bool) -> f64 {
        if self.rtol.is_infinite() {
            return 1.0;
        }
        let most = if rejected { 1.0 } else { BOUNDS.1 };
        let factor = SAFETY * self.before.powf(self.beta) / ratio.powf(self.alpha);
        self.before = ratio.max(SMALLEST_RATIO);
        factor.clamp(BOUNDS.0, most)
    }

    /// The next trial in steps, after a rejection; `ratio` is not finite for trials that left the domain.
    pub(super) fn after_rejected(&self, ratio: f64) -> f64 {
        match ratio.is_finite() {
            true => (SAFETY / ratio.powf(self.alpha)).clamp(BOUNDS.0, SAFETY),
            false => BOUNDS.0,
        }
    }
}

/// Errors: tolerances out of range or of a scheme of fixed steps; frame times that are not increasing or beyond
/// the end.
pub(super) fn check(flow: &Flow) -> Result<()> {
    let fixed = !matches!(flow.scheme, Scheme::Implicit | Scheme::Adaptive);
    let other =
        format!("none with the {} scheme, whose steps are fixed; or the adaptive scheme", flow.scheme.name());
    if let Some(rtol) = flow.rtol {
        if rtol.is_nan() || rtol < LEAST {
            return Err(Error::option("rtol", rtol, format!("a number of at least {LEAST:e}")));
        }
        if fixed {
            return Err(Error::option("rtol", rtol, other));
        }
    }
    if let Some(atol) = flow.atol {
        if !(atol >= 0.0 && atol.is_finite()) {
            return Err(Error::option("atol", atol, "a length >= 0"));
        }
        if fixed {
            return Err(Error::option("atol", atol, other));
        }
        if flow.scheme == Scheme::Implicit && flow.rtol.is_none() {
            return Err(Error::option("atol", atol, "rtol with it: without one the steps are fixed"));
        }
    }
    let Some(times) = &flow.frame_times else { return Ok(()) };
    if flow.scheme != Scheme::Adaptive {
        let given = format!("times with the {} scheme", flow.scheme.name());
        return Err(Error::option(
            "frame_times",
            given,
            "the adaptive scheme, which alone interpolates, or every",
        ));
    }
    let mut before = 0.0;
    for (k, &t) in times.iter().enumerate() {
        let place = || format!("{t} at entry {k}");
        if !(t.is_finite() && t >= before && (k == 0 || t > before)) {
            return Err(Error::option("frame_times", place(), "increasing numbers >= 0"));
        }
        if let Some(end) = flow.time.filter(|end| t > *end) {
            return Err(Error::option("frame_times", place(), format!("times up to the end, {end}")));
        }
        before = t;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_the_order_of_the_estimate_within_bounds() {
        for (scheme, order) in [(Scheme::Adaptive, 5.0f64), (Scheme::Implicit, 2.0)] {
            let flow = Flow { scheme, rtol: Some(1e-3), atol: Some(6.0), ..Flow::default() };
            let control = Control::of(&flow, 2.0).unwrap();
            // atol is a length of 3 units: 3 + 1e-3 · 1000 = 4
            assert!((control.ratio(8.0, 1000.0) - 2.0).abs() < 1e-15);
            // an error that is C τ^k: steps of constant ratio settle where it is the safety factor to the power k
            let (mut step, mut memory, c) = (1.0f64, control, 0.37);
            for _ in 0..60 {
                let ratio = c * step.powf(order);
                step *= if ratio <= 1.0 {
                    memory.after_taken(ratio, false)
                } else {
                    memory.after_rejected(ratio)
                };
            }
            // factor 1: s r^(β − α) = 1
            let settled = SAFETY.powf(1.0 / (memory.alpha - memory.beta));
            assert!((c * step.powf(order) - settled).abs() < 1e-6, "{scheme:?}");
            assert_eq!((memory.after_taken(1e-30, false), memory.after_taken(1e-30, true)), (5.0, 1.0));
            assert_eq!((memory.after_rejected(1e30), memory.after_rejected(f64::NAN)), (0.2, 0.2));
            assert!(memory.after_rejected(1.0) <= SAFETY);
            let equal = Flow { rtol: Some(f64::INFINITY), ..flow };
            let mut equal = Control::of(&equal, 1.0).unwrap();
            assert_eq!((equal.ratio(1e300, 1.0), equal.after_taken(0.0, false)), (0.0, 1.0));
        }
    }
}
