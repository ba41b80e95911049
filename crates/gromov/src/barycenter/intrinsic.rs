//! The intrinsic (Karcher) mean of labelled clouds: the Y of least Σ_k λ_k d_IGW²(Y, X_k).
//!
//! The gradient of ½ d_IGW²(·, X) at Y is −log_Y(X), so that Y ← exp_Y(s Σ_k λ_k log_Y(X_k)) with s = 1, or less where the
//! objective would not fall, goes down until the mean velocity vanishes. Row i of every cloud is the same particle; Y has
//! their number of points and their dimension. The start is the barycentre of the same labels for IGW², a principal
//! component analysis ([`super::free`]). An iteration costs K logarithms and one exponential, O(K n d²) and problems in
//! 2 d × d unknowns.
//!
//! The mean of two clouds is on their geodesic, at t = λ_2, with the objective λ_1 λ_2 d_IGW². Where all clouds span the same
//! columns (linear images of one cloud) the geometry is flat and the mean is that of the Gram matrices. Means are unique
//! for clouds near each other; in general this is a local minimum.

use super::check_lambdas;
use super::problem::principal;
use crate::error::{Error, Result};
use crate::geodesic::{Exp, Geodesic};
use crate::linalg;
use crate::measure::Measure;
use crate::mobility::Mobility;
use crate::solve::{Event, Observer, Quiet, Status, Stop};

/// Halvings of a step before no lower objective is hoped for.
const HALVINGS: i32 = 12;

/// Options of the intrinsic mean.
///
/// ```
/// use gromov::{Measure, barycenter::IntrinsicMean};
/// // on one ray variances are averaged: ∫ x² = 1 and 9 have the mean 5, at d_IGW = 4 from each
/// let clouds = [1.0, 3.0].map(|r| Measure::uniform(vec![r, -r], 1).unwrap());
/// let mean = IntrinsicMean::default().solve(&clouds, &mut ())?;
/// assert!((mean.points[0].powi(2) - 5.0).abs() < 1e-11 && (mean.objective - 16.0).abs() < 1e-10);
/// # Ok::<(), gromov::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct IntrinsicMean {
    /// λ (K), not negative and of sum one; `None`: equal.
    pub lambdas: Option<Vec<f64>>,
    /// The mean has converged when √⟨v, L v⟩ of the mean velocity v is at most this part of |Σ_Y|.
    pub tol: f64,
    /// Cap on iterations.
    pub max_iter: usize,
    /// Error of a step of the geodesics, relative to the lengths of the cloud and of its velocity.
    pub step_tol: f64,
    /// Eigenvalues of Σ at or below this part of the largest count as zero.
    pub floor: f64,
}

impl Default for IntrinsicMean {
    fn default() -> Self {
        let Geodesic { tol: step_tol, floor, .. } = Geodesic::default();
        IntrinsicMean { lambdas: None, tol: 1e-10, max_iter: 100, step_tol, floor }
    }
}

/// A mean and how it was reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mean {
    /// Its points, (n, d), in the frame of the first cloud with λ > 0, turned as close to it as can be.
    pub points: Vec<f64>,
    /// Its weights, those of the clouds.
    pub weights: Vec<f64>,
    /// Its dimension.
    pub dim: usize,
    /// Σ_k λ_k d_IGW²; scales as length⁴.
    pub objective: f64,
    /// d_IGW² to each cloud, (K); zero where λ = 0.
    pub squared: Vec<f64>,
    /// √⟨v, L v⟩ of the mean velocity at the end; scales as length².
    pub gradient: f64,
    /// The objective at the start and after each iteration: decreasing, but for differences of 1e-12 of it.
    pub trace: Vec<f64>,
    /// Steps that were shortened because the objective would not have fallen.
    pub shortened: usize,
    /// `converged`; `stalled` where no step lowers the objective; `iteration_cap`, `interrupted`.
    pub status: Status,
    /// Unit of length the problem was solved in.
    pub unit: f64,
    /// objective / unit⁴: in range where `objective` is not.
    pub objective_in_units: f64,
}

/// Mean velocity and objective at a cloud.
struct Slope {
    velocity: Vec<f64>,
    /// √⟨v, L v⟩ of it.
    gradient: f64,
    squared: Vec<f64>,
    objective: f64,
}

/// Objectives nearer to each other than this, relative, are told apart by their gradients.
const NOISE: f64 = 1e-12;

impl Slope {
    fn is_below(&self, other: &Slope) -> bool {
        let change = self.objective - other.objective;
        let noise = NOISE * other.objective;
        change < -noise || (change <= noise && self.gradient < 0.9 * other.gradient)
    }
}

impl IntrinsicMean {
    /// Errors: an option out of range.
    pub fn check(&self) -> Result<()> {
        if self.max_iter == 0 {
            return Err(Error::option("max_iter", 0, "at least 1"));
        }
        if !(self.tol >= 0.0 && self.tol.is_finite()) {
            return Err(Error::option("tol", self.tol, "a number >= 0"));
        }
        self.geodesic().check()
    }

    fn geodesic(&self) -> Geodesic {
        Geodesic { tol: self.step_tol, floor: self.floor, ..Geodesic::default() }
    }

    /// The mean of clouds with the same labels, weights and dimension. The observer is told of each iteration, and its flag
    /// is heard within one. Errors: options; no cloud; clouds that differ in size, dimension or weights;
    /// [`Error::NoGeodesic`] where none leads from the start to a cloud.
    pub fn solve(&self, clouds: &[Measure], observer: &mut dyn Observer) -> Result<Mean> {
        self.check()?;
        let Some(first) = clouds.first() else {
            return Err(Error::shape("clouds", "at least one", "none"));
        };
        let lambdas = check_lambdas(self.lambdas.as_deref(), clouds.len())?;
        check_labels(clouds)?;
        let (d, w) = (first.dim(), first.weights());
        let scale = clouds.iter().map(Measure::scale).fold(0.0, f64::max);
        let unit = linalg::power_of_two_scale(scale.min(f64::MAX));
        let clouds: Vec<Measure> = clouds.iter().map(|c| c.divided_by(unit)).collect();
        let four = |v: f64| v * unit * unit * unit * unit;
        let mut y = first.with_points(start(&clouds, &lambdas)?)?;
        let mut slope = self.slope(&y, &clouds, &lambdas, observer)?;
        let (mut trace, mut shortened) = (vec![slope.objective], 0);
        let status = loop {
            let size = linalg::norm(&y.second_moment());
            if slope.gradient <= self.tol * size {
                break Status::Converged;
            }
            if trace.len() > self.max_iter {
                break Status::IterationCap;
            }
            let event = Event::new(trace.len() - 1, Some(self.max_iter), 0.0, four(slope.objective));
            if observer.event(&event).is_break() {
                break Status::Interrupted;
            }
            let Some((cloud, at, halvings)) = self.lower(&y, &slope, &clouds, &lambdas, observer)? else {
                break Status::Stalled;
            };
            shortened += usize::from(halvings > 0);
            (y, slope) = (cloud, at);
            trace.push(slope.objective);
        };
        let reference = lambdas.iter().position(|l| *l > 0.0).unwrap_or(0);
        let turn = linalg::polar(&linalg::moment(w, clouds[reference].points(), d, y.points(), d), d)?;
        Ok(Mean {
            points: linalg::map_rows(y.points(), d, &turn, d).iter().map(|x| x * unit).collect(),
            weights: w.to_vec(),
            dim: d,
            objective: four(slope.objective),
            squared: slope.squared.iter().map(|s| four(*s)).collect(),
            gradient: slope.gradient * unit * unit,
            unit,
            objective_in_units: slope.objective,
            trace: trace.into_iter().map(four).collect(),
            shortened,
            status,
        })
    }

    /// A cloud along the mean velocity where the objective is lower, its slope, and how often the step was halved.
    fn lower(
        &self,
        y: &Measure,
        slope: &Slope,
        clouds: &[Measure],
        lambdas: &[f64],
        observer: &mut dyn Observer,
    ) -> Result<Option<(Measure, Slope, i32)>> {
        let exp = Exp { floor: self.floor, tol: self.step_tol, ..Exp::default() };
        let stop = Stop::never().or_flag(observer.flag());
        for halvings in 0..=HALVINGS {
            let there = exp.solve(y, &slope.velocity, f64::from(-halvings).exp2())?;
            if there.status != Status::Completed {
                continue;
            }
            let cloud = y.with_points(there.points)?;
            match self.slope(&cloud, clouds, lambdas, observer) {
                Ok(at) if at.is_below(slope) => return Ok(Some((cloud, at, halvings))),
                // no better, or out of the reach of a cloud: nearer
                Ok(_) | Err(Error::NoGeodesic { .. } | Error::Singular { .. }) => {}
                Err(other) => return Err(other),
            }
            if stop.requested().is_some() {
                break;
            }
        }
        Ok(None)
    }

    /// Σ_k λ_k log_Y(X_k). Errors: [`Error::NoGeodesic`] to one of the clouds.
    fn slope(
        &self,
        y: &Measure,
        clouds: &[Measure],
        lambdas: &[f64],
        observer: &mut dyn Observer,
    ) -> Result<Slope> {
        let mut velocity = vec![0.0; y.points().len()];
        let (mut squared, mut objective) = (vec![0.0; clouds.len()], 0.0);
        // this run is told of iterations, not of the chains of a geodesic
        let mut quiet = Quiet::of(observer);
        for (k, cloud) in clouds.iter().enumerate().filter(|(k, _)| lambdas[*k] > 0.0) {
            let path = self.geodesic().labelled(y, cloud.points(), &mut quiet)?;
            let v = path.velocity(0.0)?;
            velocity.iter_mut().zip(&v).for_each(|(o, v)| *o += lambdas[k] * v);
            squared[k] = path.action;
            objective += lambdas[k] * path.action;
        }
        let gradient = Mobility::new(y, self.floor)?.norm(&velocity)?;
        Ok(Slope { velocity, gradient, squared, objective })
    }
}

/// The cloud whose Gram matrix is nearest to the mean of theirs.
fn start(clouds: &[Measure], lambdas: &[f64]) -> Result<Vec<f64>> {
    let (n, d) = (clouds[0].len(), clouds[0].dim());
    let used: Vec<(&Measure, f64)> =
        clouds.iter().zip(lambdas).filter(|(_, l)| **l > 0.0).map(|(c, l)| (c, l.sqrt())).collect();
    let rows =
        (0..n).flat_map(|i| used.iter().flat_map(move |(c, root)| c.point(i).iter().map(move |x| root * x)));
    principal(clouds[0].weights(), &rows.collect::<Vec<f64>>(), used.len() * d, d)
}

fn check_labels(clouds: &[Measure]) -> Result<()> {
    let first = &clouds[0];
    for (k, cloud) in clouds.iter().enumerate() {
        if (cloud.len(), cloud.dim()) != (first.len(), first.dim()) {
            let expected = format!("({}, {}), as the first", first.len(), first.dim());
            return Err(Error::shape(
                "clouds",
                expected,
                format!("({}, {}) at {k}", cloud.len(), cloud.dim()),
            ));
        }
        if let Some(i) = (0..first.len()).find(|&i| (cloud.weights()[i] - first.weights()[i]).abs() > 1e-12) {
            let problem = format!(
                "cloud {k} has {} at {i} where the first has {}; labelled clouds have the same weights",
                cloud.weights()[i],
                first.weights()[i]
            );
            return Err(Error::Weights { argument: "clouds".into(), problem });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::igw::align;
    use crate::measure::sample::Source;

    fn clouds(count: usize, n: usize, d: usize, spread: f64, seed: u64) -> Vec<Measure> {
        let mut s = Source::new(seed, 0);
        let base: Vec<f64> = (0..n * d).map(|_| s.normal()).collect();
        let weights: Vec<f64> = (0..n).map(|_| 0.1 + s.unit()).collect();
        let one = |s: &mut Source| {
            let points = base.iter().map(|b| b + spread * s.normal()).collect();
            let cloud = Measure::normalized(points, d, weights.clone()).unwrap();
            cloud.linear_image(&s.rotation(d), d).unwrap()
        };
        (0..count).map(|_| one(&mut s)).collect()
    }

    #[test]
    fn the_mean_of_two_is_on_their_geodesic() {
        for d in 1..=3 {
            let pair = clouds(2, 14, d, 0.6, 40 + d as u64);
            let options = IntrinsicMean { lambdas: Some(vec![0.7, 0.3]), ..IntrinsicMean::default() };
            let mean = options.solve(&pair, &mut ()).unwrap();
            assert_eq!(mean.status, Status::Converged, "{:e} {:?}", mean.gradient, mean.trace);
            let path = Geodesic::default().labelled(&pair[0], pair[1].points(), &mut ()).unwrap();
            let exact = 0.7 * 0.3 * path.action;
            assert!((mean.objective / exact - 1.0).abs() < 1e-9, "d = {d}: {} {exact}", mean.objective);
            let there = path.at(0.3).unwrap();
            let off = align::labelled(&mean.weights, &mean.points, &there, d).unwrap().max(0.0).sqrt();
            assert!(off < 1e-8 * path.length, "d = {d}: {off:e}");
        }
    }

    #[test]
    fn it_lowers_the_objective_of_the_principal_axes_and_is_blind_to_rotations() {
        let four = clouds(4, 20, 3, 0.5, 9);
        let options = IntrinsicMean::default();
        let mean = options.solve(&four, &mut ()).unwrap();
        assert_eq!(mean.status, Status::Converged);
        assert!(
            mean.trace.len() > 2 && mean.trace.is_sorted_by(|a, b| *b <= a * (1.0 + NOISE)),
            "{:?}",
            mean.trace
        );
        let mut s = Source::new(3, 1);
        let turned: Vec<Measure> = four.iter().map(|c| c.linear_image(&s.rotation(3), 3).unwrap()).collect();
        let again = options.solve(&turned, &mut ()).unwrap();
        assert!((again.objective / mean.objective - 1.0).abs() < 1e-9);
        // no gradient: moving along any velocity raises the objective
        let y = four[0].with_points(mean.points.clone()).unwrap();
        let value = |v: &[f64], h: f64| {
            let moved = four[0].with_points(crate::geodesic::exp(&y, v, h).unwrap()).unwrap();
            let slope = options.slope(&moved, &four, &[0.25; 4], &mut ()).unwrap();
            slope.objective - mean.objective
        };
        let v: Vec<f64> = (0..60).map(|_| 0.1 * s.normal()).collect();
        assert!(value(&v, 0.1) > 0.0 && value(&v, -0.1) > 0.0);
        let ratio = value(&v, 0.1) / value(&v, 0.05);
        assert!((ratio - 4.0).abs() < 0.4, "{ratio}");
    }

    #[test]
    fn linear_images_of_one_cloud_have_the_mean_gram_matrix() {
        let base = &clouds(1, 30, 2, 0.0, 2)[0];
        let images = [[2.0, 0.5, 0.0, 1.0], [0.5, -0.4, 0.3, 1.5], [1.0, 0.0, 0.0, 0.2]]
            .map(|a| base.linear_image(&a, 2).unwrap());
        let mean = IntrinsicMean::default().solve(&images, &mut ()).unwrap();
        let gram = |x: &[f64], i: usize, j: usize| x[2 * i] * x[2 * j] + x[2 * i + 1] * x[2 * j + 1];
        for (i, j) in [(0, 0), (3, 7), (12, 29)] {
            let exact: f64 = images.iter().map(|c| gram(c.points(), i, j) / 3.0).sum();
            assert!((gram(&mean.points, i, j) - exact).abs() < 1e-9, "{i} {j}");
        }
    }

    #[test]
    fn a_flag_a_cap_and_an_end_without_inverse_are_told() {
        let four = clouds(4, 20, 3, 0.5, 9);
        let stopped = |_: &Event| ControlFlow::Break(());
        let mean = IntrinsicMean::default().solve(&four, &mut { stopped }).unwrap();
        assert_eq!((mean.status, mean.trace.len()), (Status::Interrupted, 1));
        let capped = IntrinsicMean { max_iter: 1, ..IntrinsicMean::default() };
        let mean = capped.solve(&four, &mut ()).unwrap();
        assert_eq!((mean.status, mean.trace.len()), (Status::IterationCap, 2));
        // a cloud with λ = 0 plays no part
        let three = IntrinsicMean { lambdas: Some(vec![0.5, 0.5, 0.0]), ..IntrinsicMean::default() };
        let flat = four[2].linear_image(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0], 3).unwrap();
        let with = three.solve(&[four[0].clone(), four[1].clone(), flat.clone()], &mut ()).unwrap();
        let without = IntrinsicMean::default().solve(&four[..2], &mut ()).unwrap();
        assert!((with.objective / without.objective - 1.0).abs() < 1e-12 && with.squared[2] == 0.0);
        let error = IntrinsicMean::default().solve(&[four[0].clone(), flat], &mut ()).unwrap_err();
        assert!(matches!(error, Error::NoGeodesic { .. }), "{error}");
        assert!(IntrinsicMean { floor: 1.0, ..capped.clone() }.check().is_err());
        assert!(IntrinsicMean { max_iter: 0, ..capped }.check().is_err());
    }

    #[test]
    fn what_has_no_common_labels_is_refused() {
        let two = clouds(2, 5, 2, 0.1, 1);
        let other = Measure::uniform(two[0].points().to_vec(), 2).unwrap();
        let error = IntrinsicMean::default().solve(&[two[0].clone(), other], &mut ()).unwrap_err();
        assert!(error.to_string().contains("same weights"), "{error}");
        let small = Measure::uniform(vec![1.0, 2.0], 2).unwrap();
        let error = IntrinsicMean::default().solve(&[two[0].clone(), small], &mut ()).unwrap_err();
        assert!(error.to_string().contains("(1, 2) at 1"), "{error}");
    }
}
