//! The page of a flow, or of several flows side by side.

use super::{Chart, Cloud, FrameSwitch, Frames, Player, Section, Series};
use crate::error::{Error, Result};
use crate::flow::{Metric, Trajectory, change};
use crate::linalg;
use crate::measure::Measure;

/// One flow of a section.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// Name of its picture and curves.
    pub label: String,
    /// The flow.
    pub trajectory: &'a Trajectory,
    /// A cloud drawn faintly behind, in the frame of the flow.
    pub backdrop: Option<Measure>,
    /// Rotation into another frame of reference and its name.
    pub switch: Option<(String, Vec<f64>)>,
}

/// Curves of one flow, one number a frame.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Curves {
    /// Relative change of inner products since the first frame.
    pub gram: Vec<f64>,
    /// Relative change of pair distances since the first frame.
    pub distances: Vec<f64>,
    /// Eigenvalues of Σ, (k, d), decreasing in each frame.
    pub spectrum: Vec<f64>,
}

impl Curves {
    /// O(k (n d² + n²)), n² capped as in [`change::distance_change`].
    pub fn new(run: &Trajectory) -> Result<Self> {
        let start = run.start()?;
        let d = run.d;
        let mut out = Curves { gram: Vec::new(), distances: Vec::new(), spectrum: Vec::new() };
        for f in 0..run.frames() {
            out.gram.push(change::gram_change(&start, run.frame(f))?);
            out.distances.push(change::distance_change(&start, run.frame(f)));
            let moment = &run.second_moments[f * d * d..(f + 1) * d * d];
            out.spectrum.extend(linalg::symmetric_eigen(moment, d)?.values);
        }
        Ok(out)
    }

    /// The value of one of the curves where the energy first falls to `level`, linear between frames;
    /// `None` if it never does.
    pub fn at_energy(run: &Trajectory, curve: &[f64], level: f64) -> Option<f64> {
        let f = run.energies.iter().position(|e| *e <= level)?;
        if f == 0 {
            return curve.first().copied();
        }
        let (high, low) = (run.energies[f - 1], run.energies[f]);
        let part = if high > low { (high - level) / (high - low) } else { 1.0 };
        Some(curve[f - 1] + part * (curve[f] - curve[f - 1]))
    }
}

/// A section with one player a flow and the curves of all. Flows have one dimension d; for d > 3 the
/// first three principal axes of the first frame are drawn, and a note says so. Errors: no flow,
/// flows of different dimension.
pub fn section(title: &str, text: Vec<String>, runs: &[Run<'_>]) -> Result<Section> {
    let Some(first) = runs.first() else {
        return Err(Error::shape("runs", "at least one flow", "none"));
    };
    let d = first.trajectory.d;
    if let Some(other) = runs.iter().find(|r| r.trajectory.d != d) {
        return Err(Error::shape("runs", format!("dimension {d}"), other.trajectory.d));
    }
    let view = View::new(first.trajectory)?;
    let mut players = Vec::new();
    let mut curves = Vec::new();
    for (color, run) in runs.iter().enumerate() {
        players.push(player(run, color, &view)?);
        curves.push(Curves::new(run.trajectory)?);
    }
    let mut notes = Vec::new();
    if d > 3 {
        notes.push(format!(
            "The clouds have dimension {d}; drawn are the first three principal axes of the first frame."
        ));
    }
    Ok(Section {
        title: title.into(),
        text,
        players,
        charts: charts(runs, &curves),
        notes,
        ..Section::default()
    })
}

/// The projection to at most three dimensions.
struct View {
    dim: usize,
    /// (dim, d); `None` is the identity.
    axes: Option<Vec<f64>>,
}

impl View {
    fn new(run: &Trajectory) -> Result<Self> {
        let d = run.d;
        if d <= 3 {
            return Ok(View { dim: d, axes: None });
        }
        let e = linalg::symmetric_eigen(&run.second_moments[..d * d], d)?;
        let axes = (0..3).flat_map(|k| (0..d).map(move |i| (i, k))).map(|(i, k)| e.vectors[i * d + k]);
        Ok(View { dim: 3, axes: Some(axes.collect()) })
    }

    fn show(&self, points: &[f64], d: usize) -> Vec<f64> {
        match &self.axes {
            None => points.to_vec(),
            Some(axes) => linalg::map_rows(points, d, axes, self.dim),
        }
    }
}

fn player(run: &Run<'_>, color: usize, view: &View) -> Result<Player> {
    let t = run.trajectory;
    let captions = t.energies.iter().map(|e| format!("F = {e:.4e}")).collect();
    let frames = Frames { times: t.times.clone(), points: view.show(&t.points, t.d), captions };
    let backdrop = run.backdrop.as_ref().filter(|b| b.dim() == t.d).map(|b| Cloud {
        points: view.show(b.points(), t.d),
        weights: if b.has_uniform_weights() { Vec::new() } else { b.weights().to_vec() },
    });
    let frame_switch = match (&run.switch, view.axes.is_none()) {
        (Some((label, rotation)), true) => {
            Some(FrameSwitch { label: label.clone(), rotation: rotation.clone(), on: false })
        }
        _ => None,
    };
    let uniform = t.weights.iter().all(|w| *w == t.weights[0]);
    Ok(Player {
        label: run.label.clone(),
        color: Some(color),
        dim: view.dim,
        frames,
        weights: if uniform { Vec::new() } else { t.weights.clone() },
        backdrop,
        frame_switch,
    })
}

fn charts(runs: &[Run<'_>], curves: &[Curves]) -> Vec<Chart> {
    let against = |x: &dyn Fn(&Trajectory, usize) -> f64,
                   pick: &dyn Fn(&Curves, usize) -> f64,
                   tag: &str,
                   dashed| {
        let all = runs.iter().zip(curves).enumerate();
        all.map(|(color, (run, curve))| Series {
            name: if tag.is_empty() { run.label.clone() } else { format!("{}: {tag}", run.label) },
            points: (0..run.trajectory.frames()).map(|f| (x(run.trajectory, f), pick(curve, f))).collect(),
            dashed,
            color,
        })
        .collect::<Vec<Series>>()
    };
    let time = |t: &Trajectory, f: usize| t.times[f];
    let energy = |t: &Trajectory, f: usize| t.energies[f];
    let both = |x: &dyn Fn(&Trajectory, usize) -> f64| {
        let mut series = against(x, &|c, f| c.gram[f], "inner products", false);
        series.extend(against(x, &|c, f| c.distances[f], "pair distances", true));
        series
    };
    let positive = runs.iter().all(|r| r.trajectory.energies.iter().all(|e| *e > 0.0));
    vec![
        Chart {
            title: "Energy".into(),
            x_label: "time t".into(),
            y_label: "F".into(),
            log_y: positive,
            follows_time: true,
            series: energies(runs),
            ..Chart::default()
        },
        Chart {
            title: "Spectrum of Σ".into(),
            x_label: "time t".into(),
            y_label: "eigenvalues".into(),
            follows_time: true,
            series: spectra(runs, curves),
            ..Chart::default()
        },
        Chart {
            title: "Relative change since the start, against time".into(),
            x_label: "time t".into(),
            y_label: "change".into(),
            follows_time: true,
            series: both(&time),
            ..Chart::default()
        },
        Chart {
            title: "Relative change since the start, against energy".into(),
            x_label: "F (the flow runs from right to left)".into(),
            y_label: "change".into(),
            log_x: positive,
            series: both(&energy),
            ..Chart::default()
        },
    ]
}

fn energies(runs: &[Run<'_>]) -> Vec<Series> {
    let one = |(color, run): (usize, &Run<'_>)| Series {
        name: run.label.clone(),
        points: run.trajectory.times.iter().copied().zip(run.trajectory.energies.iter().copied()).collect(),
        dashed: run.trajectory.metric == Metric::W2 && color > 0,
        color,
    };
    runs.iter().enumerate().map(one).collect()
}

fn spectra(runs: &[Run<'_>], curves: &[Curves]) -> Vec<Series> {
    let mut series = Vec::new();
    for (color, (run, curve)) in runs.iter().zip(curves).enumerate() {
        let d = run.trajectory.d;
        for k in 0..d.min(4) {
            series.push(Series {
                name: format!("{} λ{}", run.label, k + 1),
                points: (0..run.trajectory.frames())
                    .map(|f| (run.trajectory.times[f], curve.spectrum[f * d + k]))
                    .collect(),
                dashed: run.trajectory.metric == Metric::W2 && color > 0,
                color,
            });
        }
    }
    series
}
