//! A path between two clouds, at any time.

use super::integrate::{Accuracy, Course};
use super::log::{self, Joined};
use super::span::Span;
use super::{Frame, Geodesic, Kind, Method};
use crate::error::{Error, Result};
use crate::igw::align;
use crate::linalg;
use crate::measure::Measure;
use crate::ot::Plan;
use crate::solve::{Observer, Status};

/// Cap on the steps of one integration; smooth geodesics take ten to a hundred.
const MAX_STEPS: usize = 20_000;
/// Times at which [`Path::lost`] is looked for.
const LOOKS: usize = 32;

/// A path of particles, one an entry of the plan.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Path {
    /// Which path.
    pub kind: Kind,
    /// In which coordinates.
    pub frame: Frame,
    /// The plan: particle e goes from row `plan.rows[e]` to row `plan.columns[e]`.
    pub plan: Plan,
    /// Masses of the particles, (k,).
    pub weights: Vec<f64>,
    /// Dimension of the frames.
    pub dim: usize,
    /// IGW² of the plan; scales as length⁴.
    pub squared: f64,
    /// Length of the path; scales as length². For a geodesic, d_IGW of this plan as far as is known: no shorter geodesic
    /// was found from the chains of least action. For a chain, Σ_k |Gram_{k+1} − Gram_k|, below d_IGW by about
    /// `uncertainty`. For a lifted path, IGW of the plan, before it is shown by its principal axes.
    pub length: f64,
    /// ∫ ⟨v, L v⟩ dt: the square of the length, for all but straight lines, whose speed changes.
    pub action: f64,
    /// R, (dim, d_y): in the frame of the first cloud the path ends at R y.
    pub rotation: Vec<f64>,
    /// R is a reflection; `None` when it is no square matrix.
    pub reflected: Option<bool>,
    /// `converged`, or `completed` for closed forms and for clouds that are equal to rounding. Where the answer is a chain
    /// because no geodesic was found: `singular` if Σ comes to the floor on it, else `stalled`; `iteration_cap` for a chain
    /// that is not the least; `interrupted`.
    pub status: Status,
    /// How it was found.
    pub method: Method,
    /// How far the geodesic ends from R y, relative to y: the error of the boundary value problem.
    pub residual: f64,
    /// Relative difference of the lengths of the two finest chains, 0 where the answer is no chain.
    pub uncertainty: f64,
    /// Newton steps and iterations of chains.
    pub iterations: usize,
    /// Steps of the integration along the path.
    pub steps: usize,
    /// Largest relative change of √⟨v, L v⟩ along the path, 0 in theory for the geodesic.
    pub speed_error: f64,
    /// Largest share of the second moment that the principal axes of a lifted path leave out.
    pub lost: f64,
    /// R completed to an orthogonal matrix, (dim, dim).
    orthogonal: Vec<f64>,
    /// Unit of length the problem was solved in.
    pub unit: f64,
    /// squared / unit⁴: in range where `squared` is not.
    pub squared_in_units: f64,
    /// Smallest and largest eigenvalue of Σ where their ratio is least along a chain, in units.
    spectrum: (f64, f64),
    /// (k, d_first) and (k, d_second), in units.
    first: Vec<f64>,
    second: Vec<f64>,
    columns: (usize, usize),
    course: Motion,
}

/// Coefficients on `first` and `second` at any time.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
enum Motion {
    /// On x and D = R₀ y − x; the end is `turn` R₀ y.
    Geodesic { span: Span, course: Box<Course>, turn: Vec<f64> },
    /// On the same, nodes at equal times.
    Chain { span: Span, nodes: Vec<Vec<f64>>, turn: Vec<f64> },
    /// On the same: x + t D, for clouds that are equal to rounding.
    Rest,
    /// On x and y, by principal axes turned onto the straight line.
    Axes { moments: Moments },
    /// On x and y: all of (√(1−t) x, √t y).
    Sum,
    /// On x and y.
    Straight,
}

/// Second moments of the pairs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Moments {
    xx: Vec<f64>,
    xy: Vec<f64>,
    yy: Vec<f64>,
    /// (dim, d_y)
    rotation: Vec<f64>,
}

/// Linear maps from `first` and `second` to a frame.
pub(super) struct Maps {
    first: Vec<f64>,
    second: Vec<f64>,
}

/// The path along a plan.
pub(super) fn between(
    options: &Geodesic,
    mu: &Measure,
    nu: &Measure,
    plan: &Plan,
    observer: &mut dyn Observer,
) -> Result<Path> {
    align::check_plan(mu, nu, plan)?;
    let (x, y) = (linalg::gather_rows(mu.points(), mu.dim(), &plan.rows), nu.points());
    let y = linalg::gather_rows(y, nu.dim(), &plan.columns);
    let weights = plan.mass.clone();
    Pairs { x, p: mu.dim(), y, q: nu.dim(), plan: plan.clone(), weights }.path(options, observer)
}

/// The path of labelled clouds: all rows, those without weight too.
pub(super) fn labelled(
    options: &Geodesic,
    mu: &Measure,
    to: &[f64],
    observer: &mut dyn Observer,
) -> Result<Path> {
    mu.check_like(to)?;
    let all: Vec<usize> = (0..mu.len()).collect();
    let weights = mu.weights().to_vec();
    let plan = Plan { n: all.len(), m: all.len(), rows: all.clone(), columns: all, mass: weights.clone() };
    let (x, y, d) = (mu.points().to_vec(), to.to_vec(), mu.dim());
    Pairs { x, p: d, y, q: d, plan, weights }.path(options, observer)
}

/// One particle an entry of the plan.
struct Pairs {
    x: Vec<f64>,
    p: usize,
    y: Vec<f64>,
    q: usize,
    plan: Plan,
    weights: Vec<f64>,
}

impl Pairs {
    fn path(mut self, options: &Geodesic, observer: &mut dyn Observer) -> Result<Path> {
        let unit = linalg::power_of_two_scale(linalg::max_abs(&self.x).max(linalg::max_abs(&self.y)));
        if unit != 1.0 {
            self.x.iter_mut().chain(&mut self.y).for_each(|v| *v /= unit);
        }
        let (p, q, d) = (self.p, self.q, self.p.max(self.q));
        if options.kind == Kind::Mccann && p != q {
            let expected = format!("two clouds of one dimension ({p} and {q} differ)");
            return Err(Error::option("kind", "mccann", expected));
        }
        let cross = linalg::moment(&self.weights, &self.x, p, &self.y, q);
        let turn = linalg::polar(&align::padded_matrix(&cross, p, q, d), d)?;
        // D = R₀ y − x, padded to one dimension
        let mut difference = vec![0.0; self.weights.len() * d];
        let minus: Vec<f64> = (0..d * p).map(|k| if k % p == k / p { -1.0 } else { 0.0 }).collect();
        let on_y = columns(&turn, d, q);
        linalg::combine_rows(&self.y, q, &on_y, &self.x, p, 1.0, &minus, &mut difference, d);
        let (first, second) = match options.kind {
            Kind::Intrinsic if p == d => (self.x, Vec::new()),
            Kind::Intrinsic => (padded(&self.x, p, d), Vec::new()),
            _ => (self.x, self.y),
        };
        let span = match p == d || options.kind == Kind::Intrinsic {
            true => Span::of_two(&self.weights, &first, &difference, d)?,
            false => Span::of_two(&self.weights, &padded(&first, p, d), &difference, d)?,
        };
        let squared = span.gram_difference(&span.straight(0.0), &span.straight(1.0));
        let path = Path {
            kind: options.kind,
            frame: options.frame,
            weights: self.weights,
            plan: self.plan,
            dim: d,
            squared,
            length: squared.max(0.0).sqrt(),
            action: squared,
            rotation: on_y,
            reflected: (p == q).then(|| linalg::determinant(&turn, d) < 0.0),
            status: Status::Completed,
            method: Method::Closed,
            residual: 0.0,
            uncertainty: 0.0,
            iterations: 0,
            steps: 0,
            speed_error: 0.0,
            lost: 0.0,
            orthogonal: turn,
            squared_in_units: squared,
            spectrum: (0.0, 0.0),
            unit,
            first,
            second,
            columns: (p, q),
            course: Motion::Straight,
        };
        let path = match options.kind {
            Kind::Intrinsic => path.intrinsic(options, span, difference, observer),
            Kind::Lifted => path.lifted(options, &cross),
            Kind::Mccann => path.straight(),
        }?;
        Ok(path.scaled())
    }
}

impl Path {
    /// The geodesic from x to x + D, D the difference to the aligned R₀ y.
    fn intrinsic(
        mut self,
        options: &Geodesic,
        span: Span,
        difference: Vec<f64>,
        observer: &mut dyn Observer,
    ) -> Result<Path> {
        let d = self.dim;
        (self.second, self.columns) = (difference, (d, d));
        if log::at_rest(&span, self.squared) {
            self.course = Motion::Rest;
            return Ok(self);
        }
        let accuracy = Accuracy { tol: options.tol, floor: options.floor, max_steps: MAX_STEPS };
        let found = log::join(&span, accuracy, observer)?;
        (self.status, self.method) = (found.status, found.method);
        (self.iterations, self.uncertainty, self.spectrum) =
            (found.iterations, found.uncertainty, found.spectrum);
        // the end is T R₀ y
        let turned = match found.joined {
            Joined::Geodesic(shot) => {
                self.action = span.speed_squared(&span.straight(0.0), &shot.velocity);
                self.residual = shot.residual;
                self.steps = shot.course.steps();
                self.speed_error = shot.course.speed_error(&span);
                self.course =
                    Motion::Geodesic { span, course: Box::new(shot.course), turn: shot.turn.clone() };
                shot.turn
            }
            Joined::Chain { chain, turn } => {
                self.action = chain.action;
                self.course = Motion::Chain { span, nodes: chain.nodes, turn: turn.clone() };
                turn
            }
        };
        self.length = self.action.max(0.0).sqrt();
        let q = self.rotation.len() / d;
        self.orthogonal = linalg::matmul(&turned, &self.orthogonal, d, d, d);
        self.rotation = columns(&self.orthogonal, d, q);
        self.reflected = self.reflected.map(|_| linalg::determinant(&self.orthogonal, d) < 0.0);
        Ok(self)
    }

    fn lifted(mut self, options: &Geodesic, cross: &[f64]) -> Result<Path> {
        let (p, q) = self.columns;
        let whole = p + q;
        match options.dim.unwrap_or(self.dim) {
            dim if dim == self.dim => {
                let moments = Moments {
                    xx: linalg::moment(&self.weights, &self.first, p, &self.first, p),
                    xy: cross.to_vec(),
                    yy: linalg::moment(&self.weights, &self.second, q, &self.second, q),
                    rotation: self.rotation.clone(),
                };
                for k in 1..LOOKS {
                    let e = moments.spectrum(k as f64 / LOOKS as f64, p, q)?;
                    let total: f64 = e.values.iter().sum();
                    let rest: f64 = e.values[dim..].iter().sum();
                    self.lost = self.lost.max(if total > 0.0 { (rest / total).max(0.0) } else { 0.0 });
                }
                self.course = Motion::Axes { moments };
            }
            dim if dim == whole => {
                if options.frame == Frame::Second {
                    let expected = "the first: x and y have their own axes in d_x + d_y dimensions";
                    return Err(Error::option("frame", "second", expected));
                }
                self.dim = whole;
                self.rotation = vec![0.0; whole * q];
                (0..q).for_each(|i| self.rotation[(p + i) * q + i] = 1.0);
                self.orthogonal = linalg::identity(whole);
                self.reflected = None;
                self.course = Motion::Sum;
            }
            dim => {
                let expected = format!("{} (principal axes) or {whole} (all of the path)", self.dim);
                return Err(Error::option("dim", dim, expected));
            }
        }
        Ok(self)
    }

    /// Straight lines in the coordinates of the clouds: the Gram matrix is quadratic in t, its speed |a + t b|.
    fn straight(mut self) -> Result<Path> {
        let d = self.dim;
        let difference: Vec<f64> = self.second.iter().zip(&self.first).map(|(y, x)| y - x).collect();
        let span = Span::of_two(&self.weights, &self.first, &difference, d)?;
        (self.length, self.action) = log::straight_cost(&span);
        self.rotation = linalg::identity(d);
        self.orthogonal = linalg::identity(d);
        self.reflected = Some(false);
        Ok(self)
    }

    /// Back from units.
    fn scaled(mut self) -> Path {
        // in turn: 0 stays 0 where powers of the unit overflow
        let two = |v: f64| v * self.unit * self.unit;
        (self.squared, self.action, self.length) =
            (two(two(self.squared)), two(two(self.action)), two(self.length));
        self
    }

    /// Number of particles.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// True without particles.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// The particles at time t in [0, 1], (k, dim), in units of length. O(k d²). Errors: t outside [0, 1].
    pub fn at(&self, t: f64) -> Result<Vec<f64>> {
        check_time(t)?;
        Ok(self.rows(self.maps(t)?))
    }

    /// Frames at several times, (len(times), k, dim). Errors: a time outside [0, 1].
    pub fn frames(&self, times: &[f64]) -> Result<Vec<f64>> {
        let mut out = Vec::with_capacity(times.len() * self.len() * self.dim);
        for t in times {
            out.extend(self.at(*t)?);
        }
        Ok(out)
    }

    /// The velocity of the geodesic at t in [0, 1], (k, d): at 0 it is log_x(y) for labelled clouds. Errors: t outside
    /// [0, 1], a path of another kind, [`Error::NoGeodesic`] where the answer is a chain. O(k d²).
    pub fn velocity(&self, t: f64) -> Result<Vec<f64>> {
        check_time(t)?;
        let d = self.dim;
        let v = match &self.course {
            Motion::Geodesic { span, course, .. } => halves(&span.coefficients(&course.at(span, t)?.1), d),
            Motion::Rest => Maps { first: vec![0.0; d * d], second: linalg::identity(d) },
            Motion::Chain { .. } => {
                let (smallest, largest) = self.spectrum;
                let problem = format!(
                    "none was found between these clouds ({}); on the chain of least action the second moment has \
                     eigenvalues down to {:e} of the largest",
                    self.status,
                    smallest / largest
                );
                return Err(Error::NoGeodesic { problem });
            }
            _ => return Err(Error::option("kind", format!("{:?}", self.kind), "an intrinsic path")),
        };
        Ok(self.rows(v))
    }

    /// A frame from its maps.
    fn rows(&self, mut maps: Maps) -> Vec<f64> {
        let d = self.dim;
        if self.frame == Frame::Second {
            maps.turned_back(&self.orthogonal, d, self.columns);
        }
        maps.rows(&self.first, &self.second, self.columns, self.unit, d)
    }

    /// Maps to the frame of the first cloud. The ends of a geodesic are the clouds themselves, but for one rotation.
    fn maps(&self, t: f64) -> Result<Maps> {
        let d = self.dim;
        Ok(match &self.course {
            Motion::Geodesic { span, course, turn } => match t {
                0.0 => Maps { first: linalg::identity(d), second: vec![0.0; d * d] },
                1.0 => Maps { first: turn.clone(), second: turn.clone() },
                _ => halves(&span.coefficients(&course.at(span, t)?.0), d),
            },
            Motion::Chain { .. } if t == 0.0 => Maps { first: linalg::identity(d), second: vec![0.0; d * d] },
            Motion::Chain { turn, .. } if t == 1.0 => Maps { first: turn.clone(), second: turn.clone() },
            Motion::Chain { span, nodes, .. } => {
                let place = t * (nodes.len() - 1) as f64;
                let k = (place.floor() as usize).min(nodes.len() - 2);
                let s = place - k as f64;
                let b: Vec<f64> =
                    nodes[k].iter().zip(&nodes[k + 1]).map(|(a, b)| (1.0 - s) * a + s * b).collect();
                halves(&span.coefficients(&b), d)
            }
            Motion::Rest => {
                let one = linalg::identity(d);
                Maps { second: one.iter().map(|x| t * x).collect(), first: one }
            }
            Motion::Axes { moments } => moments.maps(t, self.columns.0, self.columns.1, d)?,
            Motion::Sum => {
                let (p, q) = self.columns;
                let mut maps = Maps { first: vec![0.0; d * p], second: vec![0.0; d * q] };
                (0..p).for_each(|i| maps.first[i * p + i] = (1.0 - t).sqrt());
                (0..q).for_each(|i| maps.second[(p + i) * q + i] = t.sqrt());
                maps
            }
            Motion::Straight => {
                let one = linalg::identity(d);
                let times = |s: f64| -> Vec<f64> { one.iter().map(|x| s * x).collect() };
                Maps { first: times(1.0 - t), second: times(t) }
            }
        })
    }
}

impl Maps {
    /// The rows scale (first x + second y) of `x` (n, p) and `y` (n, q), (n, d).
    pub(super) fn rows(
        mut self,
        x: &[f64],
        y: &[f64],
        (p, q): (usize, usize),
        scale: f64,
        d: usize,
    ) -> Vec<f64> {
        self.first.iter_mut().chain(&mut self.second).for_each(|m| *m *= scale);
        let mut out = vec![0.0; x.len() / p * d];
        linalg::combine_rows(x, p, &self.first, y, q, 1.0, &self.second, &mut out, d);
        out
    }

    /// Rᵀ after the maps.
    fn turned_back(&mut self, orthogonal: &[f64], d: usize, (p, q): (usize, usize)) {
        let back = linalg::transpose(orthogonal, d, d);
        self.first = linalg::matmul(&back, &self.first, d, d, p);
        self.second = linalg::matmul(&back, &self.second, d, d, q);
    }
}

impl Moments {
    /// Of (√(1−t) x, √t y).
    fn spectrum(&self, t: f64, p: usize, q: usize) -> Result<linalg::Eigen> {
        let whole = p + q;
        let mut s = vec![0.0; whole * whole];
        for i in 0..whole {
            for j in 0..=i {
                s[i * whole + j] = match (i < p, j < p) {
                    (true, _) => (1.0 - t) * self.xx[i * p + j],
                    (false, true) => (t * (1.0 - t)).sqrt() * self.xy[j * q + i - p],
                    (false, false) => t * self.yy[(i - p) * q + j - p],
                };
            }
        }
        linalg::symmetric_eigen(&s, whole)
    }

    /// The first `d` principal axes U, turned by the polar factor of their cross moment with (1−t) x + t R y: this
    /// makes frames continuous in t, and the ends x and R y.
    fn maps(&self, t: f64, p: usize, q: usize, d: usize) -> Result<Maps> {
        let e = self.spectrum(t, p, q)?;
        let whole = p + q;
        let axes = |from: usize, rows: usize, scale: f64| -> Vec<f64> {
            let mut out = vec![0.0; d * rows];
            for i in 0..rows {
                (0..d).for_each(|k| out[k * rows + i] = scale * e.vectors[(from + i) * whole + k]);
            }
            out
        };
        let (on_x, on_y) = (axes(0, p, (1.0 - t).sqrt()), axes(p, q, t.sqrt()));
        // ∫ x refᵀ and ∫ y refᵀ for ref = (1−t) x + t R y
        let back = linalg::transpose(&self.rotation, d, q);
        let reference = |on_x: &[f64], on_y: &[f64], rows: usize| -> Vec<f64> {
            let mut out = linalg::matmul(on_y, &back, rows, q, d);
            out.iter_mut().for_each(|o| *o *= t);
            for i in 0..rows {
                (0..p).for_each(|j| out[i * d + j] += (1.0 - t) * on_x[i * p + j]);
            }
            out
        };
        let x_ref = reference(&self.xx, &self.xy, p);
        let y_ref = reference(&linalg::transpose(&self.xy, p, q), &self.yy, q);
        let mut cross = linalg::matmul(&on_x, &x_ref, d, p, d);
        cross.iter_mut().zip(&linalg::matmul(&on_y, &y_ref, d, q, d)).for_each(|(a, b)| *a += b);
        let mut maps = Maps { first: on_x, second: on_y };
        maps.turned_back(&linalg::polar(&cross, d)?, d, (p, q));
        Ok(maps)
    }
}

fn check_time(t: f64) -> Result<()> {
    if (0.0..=1.0).contains(&t) { Ok(()) } else { Err(Error::option("t", t, "a time in [0, 1]")) }
}

/// Coefficients (2d, d) of rows as maps of columns.
pub(super) fn halves(c: &[f64], d: usize) -> Maps {
    Maps { first: linalg::transpose(&c[..d * d], d, d), second: linalg::transpose(&c[d * d..], d, d) }
}

/// Rows of length p as rows of length d.
fn padded(points: &[f64], p: usize, d: usize) -> Vec<f64> {
    if p == d {
        return points.to_vec();
    }
    let mut out = vec![0.0; points.len() / p * d];
    out.chunks_exact_mut(d).zip(points.chunks_exact(p)).for_each(|(o, x)| o[..p].copy_from_slice(x));
    out
}

/// The first q columns of a (d, d) matrix.
fn columns(a: &[f64], d: usize, q: usize) -> Vec<f64> {
    a.chunks_exact(d).flat_map(|row| row[..q].to_vec()).collect()
}
