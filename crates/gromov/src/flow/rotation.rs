//! Orientation: the rotation that minimises F, its torque, and its curvature along rotations.
//!
//! IGW is a metric on clouds modulo rotations, so its gradient flow is that of F~(ρ) = min_O F(O#ρ).
//! Here: a global search over SO(d), then Newton's method on so(d) with an escape from negative
//! curvature (a cloud whose axes sit the wrong way has no torque and is a maximum along rotations).
//! Mirror images are never taken; if one would be better, [`Orientation::mirror_gain`] says by how much.

use crate::energy::Energy;
use crate::error::Result;
use crate::linalg::{self, exp_skew, matmul, symmetric_eigen};
use crate::measure::{Measure, sample::Source};
use crate::solve::{Event, Observer, Stop};

/// Angle of the finite differences of the torque.
const DIFFERENCE: f64 = 1e-5;
const NEWTON_CAP: usize = 60;

/// A cloud turned to where F is smallest.
pub(super) struct Orientation {
    /// O#ρ.
    pub(super) cloud: Measure,
    /// O, (d, d).
    pub(super) rotation: Vec<f64>,
    /// F(O#ρ).
    pub(super) value: f64,
    /// ∇ δF(O#ρ).
    pub(super) gradient: Vec<f64>,
    /// F(best rotation) − F(best mirror image), if positive; 0 otherwise. Only from the global search.
    pub(super) mirror_gain: f64,
    /// The torque is zero to rounding and the curvature not negative.
    pub(super) converged: bool,
}

/// Torque of a field: ⟨g, E x⟩ for the basis E_ab = e_a e_bᵀ − e_b e_aᵀ, a < b, of so(d).
pub(super) fn torque(w: &[f64], g: &[f64], x: &[f64], d: usize) -> Vec<f64> {
    let t = linalg::moment(w, g, d, x, d);
    pairs(d).map(|(a, b)| t[a * d + b] - t[b * d + a]).collect()
}

/// Σ_k c_k E_k, (d, d).
pub(super) fn skew(c: &[f64], d: usize) -> Vec<f64> {
    let mut out = vec![0.0; d * d];
    for ((a, b), c) in pairs(d).zip(c) {
        out[a * d + b] = *c;
        out[b * d + a] = -c;
    }
    out
}

fn pairs(d: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..d).flat_map(move |a| (a + 1..d).map(move |b| (a, b)))
}

/// Second derivatives of F along rotations of the cloud, (k, k) with k = d (d − 1) / 2, symmetrised,
/// from differences of the torque: k gradients.
pub(super) fn curvature(energy: &mut dyn Energy, rho: &Measure, gradient: &[f64]) -> Result<Vec<f64>> {
    Ok(curvature_until(energy, rho, gradient, &Stop::never())?.unwrap_or_default())
}

/// The same; `None` when it is stopped.
fn curvature_until(
    energy: &mut dyn Energy,
    rho: &Measure,
    gradient: &[f64],
    stop: &Stop,
) -> Result<Option<Vec<f64>>> {
    let d = rho.dim();
    let here = torque(rho.weights(), gradient, rho.points(), d);
    let k = here.len();
    let mut r = vec![0.0; k * k];
    let mut g = vec![0.0; gradient.len()];
    for l in 0..k {
        if stop.requested().is_some() {
            return Ok(None);
        }
        let mut c = vec![0.0; k];
        c[l] = DIFFERENCE;
        let turned = rho.moved(linalg::map_rows(rho.points(), d, &exp_skew(&skew(&c, d), d)?, d));
        energy.value_and_gradient(&turned, &mut g)?;
        for (i, t) in torque(rho.weights(), &g, turned.points(), d).iter().enumerate() {
            let value = 0.5 * (t - here[i]) / DIFFERENCE;
            r[i * k + l] += value;
            r[l * k + i] += value;
        }
    }
    Ok(Some(r))
}

/// Newton's method on so(d) from the cloud as it lies.
pub(super) fn refine(energy: &mut dyn Energy, rho: &Measure) -> Result<Orientation> {
    refine_until(energy, rho, &Stop::never())
}

/// The same; left where it stands when it is stopped.
fn refine_until(energy: &mut dyn Energy, rho: &Measure, stop: &Stop) -> Result<Orientation> {
    let d = rho.dim();
    let mut gradient = vec![0.0; rho.points().len()];
    let value = energy.value_and_gradient(rho, &mut gradient)?;
    let mut at = Orientation {
        cloud: rho.clone(),
        rotation: linalg::identity(d),
        value,
        gradient,
        mirror_gain: 0.0,
        converged: d == 1,
    };
    if d == 1 {
        return Ok(at);
    }
    for _ in 0..NEWTON_CAP {
        let t = torque(rho.weights(), &at.gradient, at.cloud.points(), d);
        // what the torque would be without cancellation: the size of its terms
        let reach = linalg::weighted_dot(rho.weights(), &at.gradient, &at.gradient, d).sqrt()
            * linalg::weighted_dot(rho.weights(), at.cloud.points(), at.cloud.points(), d).sqrt();
        let still = linalg::norm(&t) <= 1e-12 * reach;
        let Some(r) = curvature_until(energy, &at.cloud, &at.gradient, stop)? else {
            return Ok(at);
        };
        let e = symmetric_eigen(&r, t.len())?;
        let largest = linalg::max_abs(&e.values);
        let lowest = e.values[e.values.len() - 1];
        let flat = lowest >= -1e-6 * largest.max(reach);
        if still && flat {
            at.converged = true;
            return Ok(at);
        }
        let noise = 1e-14 * (at.value.abs() + largest + reach);
        if !newton_step(energy, &mut at, &t, &e, still, noise)? {
            // no lower value to be found: as good as rounding lets it be
            at.converged = flat && decrement(&t, &e) <= 100.0 * noise;
            return Ok(at);
        }
    }
    Ok(at)
}

/// What a Newton step would gain: ½ tᵀ |R|⁻¹ t.
fn decrement(torque_now: &[f64], e: &linalg::Eigen) -> f64 {
    let k = torque_now.len();
    let floor = (1e-9 * linalg::max_abs(&e.values)).max(f64::MIN_POSITIVE);
    let along = |i: usize| (0..k).map(|a| e.vectors[a * k + i] * torque_now[a]).sum::<f64>();
    (0..k).map(|i| 0.5 * along(i).powi(2) / e.values[i].abs().max(floor)).sum()
}

/// One damped step; false when nothing lower than `noise` allows was found.
fn newton_step(
    energy: &mut dyn Energy,
    at: &mut Orientation,
    torque_now: &[f64],
    e: &linalg::Eigen,
    still: bool,
    noise: f64,
) -> Result<bool> {
    let (d, k) = (at.cloud.dim(), torque_now.len());
    let floor = (1e-9 * linalg::max_abs(&e.values)).max(f64::MIN_POSITIVE);
    let mut step = vec![0.0; k];
    for i in 0..k {
        let along: f64 = (0..k).map(|a| e.vectors[a * k + i] * torque_now[a]).sum();
        let size = if still && i == k - 1 { 0.2 } else { -along / e.values[i].abs().max(floor) };
        (0..k).for_each(|a| step[a] += size * e.vectors[a * k + i]);
    }
    let length = linalg::norm(&step);
    if length > 1.0 {
        step.iter_mut().for_each(|s| *s /= length);
    }
    let mut gradient = vec![0.0; at.gradient.len()];
    for _ in 0..12 {
        let turn = exp_skew(&skew(&step, d), d)?;
        let cloud = at.cloud.moved(linalg::map_rows(at.cloud.points(), d, &turn, d));
        let value = energy.value_and_gradient(&cloud, &mut gradient)?;
        let t = torque(cloud.weights(), &gradient, cloud.points(), d);
        let calmer = linalg::norm(&t) < 0.5 * linalg::norm(torque_now);
        if value < at.value - noise || (value <= at.value + noise && calmer) {
            at.rotation = matmul(&turn, &at.rotation, d, d, d);
            *at = Orientation { cloud, value, gradient, rotation: std::mem::take(&mut at.rotation), ..*at };
            return Ok(true);
        }
        step.iter_mut().for_each(|s| *s *= 0.5);
    }
    Ok(false)
}

/// Global search over SO(d): the cloud as it lies, 64 angles (d = 2) or 200 rotations and turns of the
/// principal axes, Newton from the best three; the same over mirror images for `mirror_gain`.
/// `None` when the observer stopped it.
pub(super) fn search(
    energy: &mut dyn Energy,
    rho: &Measure,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<Option<Orientation>> {
    let d = rho.dim();
    let stop = Stop::never().or_flag(observer.flag());
    let mut best = refine_until(energy, rho, &stop)?;
    let better = |a: f64, b: f64| a < b - 1e-10 * b.abs();
    if d > 1 {
        let Some(found) = promising(energy, rho, seed, false, observer)? else {
            return Ok(None);
        };
        for candidate in found {
            let equal = !better(best.value, candidate.value);
            if better(candidate.value, best.value) || (equal && candidate.converged && !best.converged) {
                best = candidate;
            }
        }
    }
    let Some(mirrored) = promising(energy, rho, seed, true, observer)? else {
        return Ok(None);
    };
    let mirror = mirrored.iter().map(|c| c.value).fold(f64::INFINITY, f64::min);
    best.mirror_gain = if better(mirror, best.value) { best.value - mirror } else { 0.0 };
    Ok(Some(best))
}

/// The best three of the list of rotations (or of mirror images), refined.
fn promising(
    energy: &mut dyn Energy,
    rho: &Measure,
    seed: u64,
    mirror: bool,
    observer: &mut dyn Observer,
) -> Result<Option<Vec<Orientation>>> {
    let d = rho.dim();
    let mut list = Vec::new();
    for mut o in candidates(rho, seed)? {
        if mirror {
            (0..d).for_each(|i| o[i * d] = -o[i * d]);
        }
        let cloud = rho.moved(linalg::map_rows(rho.points(), d, &o, d));
        let value = energy.value(&cloud)?;
        list.push((value, o));
        // no step of the flow is done while this goes on
        if observer.event(&Event::new(0, None, 0.0, value)).is_break() {
            return Ok(None);
        }
    }
    list.sort_by(|a, b| a.0.total_cmp(&b.0));
    list.truncate(3);
    let stop = Stop::never().or_flag(observer.flag());
    let mut out = Vec::new();
    for (_, o) in list {
        let cloud = rho.moved(linalg::map_rows(rho.points(), d, &o, d));
        let mut refined = refine_until(energy, &cloud, &stop)?;
        if stop.requested().is_some() {
            return Ok(None);
        }
        refined.rotation = matmul(&refined.rotation, &o, d, d, d);
        out.push(refined);
    }
    Ok(Some(out))
}

/// 64 angles in the plane; in higher dimensions 200 random rotations, and quarter and half turns in every
/// plane of two principal axes of the cloud.
fn candidates(rho: &Measure, seed: u64) -> Result<Vec<Vec<f64>>> {
    let d = rho.dim();
    Ok(match d {
        1 => vec![vec![1.0]],
        2 => (0..64)
            .map(|k| {
                let (sine, cosine) = (std::f64::consts::TAU * f64::from(k) / 64.0).sin_cos();
                vec![cosine, -sine, sine, cosine]
            })
            .collect(),
        _ => {
            let mut list: Vec<Vec<f64>> =
                (0..200u64).map(|k| Source::new(seed, (1 << 32) + k).rotation(d)).collect();
            let axes = symmetric_eigen(&rho.second_moment(), d)?.vectors;
            for (a, b) in pairs(d) {
                for (cosine, sine) in [(0.0, 1.0), (0.0, -1.0), (-1.0, 0.0)] {
                    let mut turn = linalg::identity(d);
                    (turn[a * d + a], turn[b * d + b]) = (cosine, cosine);
                    (turn[a * d + b], turn[b * d + a]) = (-sine, sine);
                    list.push(linalg::conjugate_back(&axes, &turn, d));
                }
            }
            list
        }
    })
}
