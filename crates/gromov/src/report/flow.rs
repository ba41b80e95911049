//! The page of a flow, or of several flows side by side.

use std::borrow::Cow;

use super::view::View;
use super::{Chart, Cloud, FrameSwitch, Frames, Page, Player, Section, Series, Table, number};
use crate::error::{Error, Result};
use crate::flow::gaussian::Gaussian;
use crate::flow::{Metric, Rotation, Trajectory, change};
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

impl Run<'_> {
    /// Draws a target that is known up to rotation: turned by R, x ≈ R y, into the frame of the flow,
    /// with a switch to its own frame. Errors: R not (d, d).
    pub fn turned_target(&mut self, target: &Measure, rotation: &[f64]) -> Result<()> {
        let d = self.trajectory.d;
        self.backdrop = Some(target.linear_image(rotation, d)?);
        let back = linalg::transpose(rotation, d, d);
        let how = match (d, &back[..]) {
            (2, [a, b, c, e]) if a * e - b * c > 0.0 => {
                format!("turned by the {:.1}° found", c.atan2(*a).to_degrees())
            }
            _ if linalg::determinant(&back, d) < 0.0 => "turned and mirrored by the map found".into(),
            _ => "turned by the map found".into(),
        };
        self.switch = Some((format!("the target’s frame ({how})"), back));
        Ok(())
    }
}

/// Curves of one flow, one number a frame.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Curves {
    /// Relative change of inner products since the first frame; empty for a diffusion, whose points are particles.
    pub gram: Vec<f64>,
    /// The same of pair distances.
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
            let moment = &run.second_moments[f * d * d..(f + 1) * d * d];
            out.spectrum.extend(linalg::symmetric_eigen(moment, d)?.values);
            if run.diffusion > 0.0 {
                continue;
            }
            out.gram.push(change::gram_change(&start, run.frame(f))?);
            out.distances.push(change::distance_change(&start, run.frame(f))?);
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
    let kept: Vec<Cow<'_, Trajectory>> = runs.iter().map(|r| thinned(r.trajectory)).collect();
    let left_out: Vec<String> = runs
        .iter()
        .zip(&kept)
        .filter(|(run, kept)| kept.frames() < run.trajectory.frames())
        .map(|(run, kept)| {
            let (shown, all) = (kept.frames(), run.trajectory.frames());
            format!("{}: {shown} of {all} frames are drawn here, evenly spread.", run.label)
        })
        .collect();
    let runs: Vec<Run<'_>> =
        runs.iter().zip(&kept).map(|(r, t)| Run { trajectory: t, ..r.clone() }).collect();
    let runs = runs.as_slice();
    let Some(first) = runs.first() else {
        return Err(Error::shape("runs", "at least one flow", "none"));
    };
    let d = first.trajectory.d;
    if let Some(other) = runs.iter().find(|r| r.trajectory.d != d) {
        return Err(Error::shape("runs", format!("dimension {d}"), other.trajectory.d));
    }
    let view = View::new(d, || Ok(first.trajectory.second_moments[..d * d].to_vec()))?;
    let mut players = Vec::new();
    let mut curves = Vec::new();
    for (color, run) in runs.iter().enumerate() {
        players.push(player(run, color, &view)?);
        curves.push(Curves::new(run.trajectory)?);
    }
    let mut notes = left_out;
    if d > 3 {
        notes.push(format!(
            "The clouds have dimension {d}; drawn are the first three principal axes of the first frame."
        ));
    }
    Ok(Section {
        title: title.into(),
        text,
        players,
        charts: charts(runs, &curves)?,
        notes,
        ..Section::default()
    })
}

/// The page of one flow: picture, curves, what was run and how it ended. Errors: as in [`section`].
pub fn page(title: &str, run: &Run<'_>, seed: u64) -> Result<Page> {
    let t = run.trajectory;
    let (geometry, cost) = match t.metric {
        Metric::W2 => ("Wasserstein (W2)", "how far each point travels"),
        Metric::Igw => {
            ("inner-product Gromov-Wasserstein (IGW)", "how much the inner products inside the cloud change")
        }
    };
    let mut text = vec![format!(
        "{} points in dimension {} move so that F = {} falls as fast as it can in the {geometry} geometry, which \
         counts {cost}.",
        t.n,
        t.d,
        meaning(&t.energy)
    )];
    if t.diffusion > 0.0 {
        text.push(
            "The entropy ∫ ρ log ρ makes it a diffusion: each point is a particle with its own noise, and the cloud \
             has the law of the flow. Its energy is an estimate."
                .into(),
        );
    }
    if t.law()?.is_some() {
        text.push("Grey, dashed: the exact eigenvalues of Σ, from the flow of Gaussians.".into());
    }
    match (&run.backdrop, &run.switch) {
        (Some(_), Some(_)) => text.push(
            "Grey: the target, brought into the frame of the cloud by the rotation or mirror image found. F sees \
             neither, so the cloud does not turn; the switch shows both in the target’s frame."
                .into(),
        ),
        (Some(_), None) => text.push("Grey: the target.".into()),
        _ => {}
    }
    let mut body = section("", text, std::slice::from_ref(run))?;
    body.table = Some(facts(t, seed)?);
    Ok(Page {
        title: title.into(),
        sections: vec![body],
        foot: vec![format!("gromov {}", env!("CARGO_PKG_VERSION"))],
        ..Page::default()
    })
}

/// An energy that stands alone, in words.
fn meaning(energy: &str) -> &str {
    match energy {
        "igw" => "½ IGW²(·, target)",
        "wasserstein" => "½ W2²(·, target)",
        "energy-distance" => "the energy distance to the target",
        other => other,
    }
}

/// What was run and how it ended.
fn facts(t: &Trajectory, seed: u64) -> Result<Table> {
    let last = t.frames() - 1;
    let diffuse = t.diffusion > 0.0;
    let turn = t.first_turn.as_ref().map(|turn| {
        let (before, after) = (turn.energy_before, turn.energy_after);
        format!(
            "{:.1}°, F from {} to {}: at no cost, drawn as part of the way to the second frame",
            turn.angle.to_degrees(),
            number(before, 5),
            number(after, 5)
        )
    });
    let orientation = match (t.metric, t.rotation) {
        (Metric::W2, _) => "part of the motion",
        (_, None) => "F does not see it",
        (_, Some(Rotation::Free)) => "chosen by F at no cost",
        (_, Some(Rotation::Fixed)) => "no net rotation",
    };
    let rows = [
        ("energy F", t.energy.clone()),
        ("F at the start, at the end", ends(t)?),
        ("metric", if t.metric == Metric::W2 { "w2".into() } else { "igw".into() }),
        ("scheme", t.scheme.name().into()),
        ("step τ", number(t.step, 7)),
        ("steps, time", format!("{}, {}", t.steps(), number(t.times[last], 7))),
        ("status", t.status.to_string()),
        ("steps not solved to tolerance", t.unsolved().to_string()),
        (
            "path length in the metric",
            if diffuse { "particles have none".into() } else { number(t.length_at(last), 7) },
        ),
        ("orientation", orientation.into()),
        ("turned in all", format!("{:.2}°", t.turned().to_degrees())),
        ("seed", seed.to_string()),
    ];
    Ok(Table {
        head: vec!["quantity".into(), "value".into()],
        rows: rows
            .into_iter()
            .chain(turn.map(|text| ("first turn", text)))
            .map(|(name, value)| vec![name.to_string(), value])
            .collect(),
    })
}

/// F at both ends, as particles tell it.
fn ends(t: &Trajectory) -> Result<String> {
    let last = t.frames() - 1;
    if t.diffusion == 0.0 {
        return Ok(format!("{}, {}", number(t.energies[0], 7), number(t.energies[last], 7)));
    }
    let one = |f: usize| -> Result<String> {
        Ok(match t.statistics(f)?.energy {
            Some(e) if e.error.is_finite() => format!("{} ± {}", number(e.value, 5), number(e.error, 2)),
            Some(e) => number(e.value, 5),
            None => "not estimated".into(),
        })
    };
    Ok(format!("{}, {} (estimates, ± a standard error)", one(0)?, one(last)?))
}

/// Frames that a page draws curves of: each costs O(n²) at worst.
const FRAMES: usize = 400;

/// At most [`FRAMES`] frames, evenly spread, the first and the last among them; the log is whole.
fn thinned(t: &Trajectory) -> Cow<'_, Trajectory> {
    let k = t.frames();
    if k <= FRAMES {
        return Cow::Borrowed(t);
    }
    let frames: Vec<usize> = (0..FRAMES).map(|f| f * (k - 1) / (FRAMES - 1)).collect();
    let pick = |a: &[f64], size: usize| -> Vec<f64> {
        frames.iter().flat_map(|f| a[f * size..(f + 1) * size].iter().copied()).collect()
    };
    Cow::Owned(Trajectory {
        times: pick(&t.times, 1),
        points: pick(&t.points, t.n * t.d),
        energies: pick(&t.energies, 1),
        quadratic_form: t.quadratic_form.clone(),
        regular: if t.regular.is_empty() { Vec::new() } else { pick(&t.regular, 1) },
        regular_errors: if t.regular.is_empty() { Vec::new() } else { pick(&t.regular_errors, 1) },
        second_moments: pick(&t.second_moments, t.d * t.d),
        beyond_step: pick(&t.beyond_step, 1),
        weights: t.weights.clone(),
        log: t.log.clone(),
        first_turn: t.first_turn.clone(),
        energy: t.energy.clone(),
        ..*t
    })
}

fn player(run: &Run<'_>, color: usize, view: &View) -> Result<Player> {
    let t = run.trajectory;
    let captions = match t.diffusion > 0.0 {
        true => Vec::new(),
        false => t.energies.iter().map(|e| format!("F = {}", number(*e, 5))).collect(),
    };
    let frames = Frames { times: t.times.clone(), points: view.show(&t.points, t.d), captions };
    let backdrop = run.backdrop.as_ref().filter(|b| b.dim() == t.d).map(|b| Cloud {
        points: view.show(b.points(), t.d),
        weights: if b.has_uniform_weights() { Vec::new() } else { b.weights().to_vec() },
    });
    let frame_switch = match (&run.switch, view.is_identity()) {
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

fn charts(runs: &[Run<'_>], curves: &[Curves]) -> Result<Vec<Chart>> {
    let positive = runs.iter().all(|r| r.trajectory.energies.iter().all(|e| *e > 0.0));
    // below a factor of ten a logarithmic axis has few ticks and hides the shape
    let all = || runs.iter().flat_map(|r| r.trajectory.energies.iter().copied());
    let log_y = positive && all().fold(0.0, f64::max) > 10.0 * all().fold(f64::INFINITY, f64::min);
    let time = |t: &Trajectory, f: usize| t.times[f];
    // a share where F has a sign; functionals of different units then compare too
    let lost = |t: &Trajectory, f: usize| {
        let lost = t.energies[0] - t.energies[f];
        if positive { lost / t.energies[0] } else { lost }
    };
    let follows = |title: &str, y_label: &str, series| Chart {
        title: title.into(),
        x_label: "time t".into(),
        y_label: y_label.into(),
        follows_time: true,
        series,
        ..Chart::default()
    };
    let diffuse = runs.iter().any(|r| r.trajectory.diffusion > 0.0);
    let energy = match diffuse {
        true => follows("Energy, estimated from the particles", "F, ± 2 standard errors", estimates(runs)?),
        false => {
            Chart { log_y, ..follows("Energy", if log_y { "F, log scale" } else { "F" }, energies(runs)) }
        }
    };
    let mut out = vec![
        energy,
        follows("Eigenvalues of the second moment Σ", "λ, largest on top", spectra(runs, curves)?),
    ];
    if !diffuse {
        let title = "Change since the start, against time";
        out.push(follows(title, "relative change", changes(runs, curves, &time)));
        out.push(Chart {
            title: "Change since the start, against energy lost".into(),
            x_label: if positive { "share of F lost, (F₀ − F) / F₀" } else { "F lost, F₀ − F" }.into(),
            y_label: "relative change".into(),
            series: changes(runs, curves, &lost),
            ..Chart::default()
        });
    }
    Ok(out)
}

/// Frames at which the energy of a diffusion is estimated: each costs O(n log n).
const ESTIMATES: usize = 25;

/// The estimated energy of each diffusion, two standard errors above and below it, and the energy of the others.
fn estimates(runs: &[Run<'_>]) -> Result<Vec<Series>> {
    let mut series = energies(runs);
    for (color, run) in runs.iter().enumerate().filter(|r| r.1.trajectory.diffusion > 0.0) {
        let t = run.trajectory;
        let shown = ESTIMATES.min(t.frames());
        let mut lines = [Vec::new(), Vec::new(), Vec::new()];
        for k in 0..shown {
            let f = if shown == 1 { 0 } else { k * (t.frames() - 1) / (shown - 1) };
            if let Some(energy) = t.statistics(f)?.energy {
                let at = |sign: f64| (t.times[f], energy.value + sign * 2.0 * energy.error);
                lines.iter_mut().zip([0.0, -1.0, 1.0]).for_each(|(line, sign)| line.push(at(sign)));
            }
        }
        series[color].points = std::mem::take(&mut lines[0]);
        let [_, low, high] = lines;
        let border = |points| Series { name: String::new(), points, dashed: true, color };
        series.extend([border(low), border(high)]);
    }
    Ok(series)
}

/// Inner products (full lines) and pair distances (dashed) against x.
fn changes(runs: &[Run<'_>], curves: &[Curves], x: &dyn Fn(&Trajectory, usize) -> f64) -> Vec<Series> {
    let one = |color: usize, tag: &str, curve: &[f64], dashed| Series {
        name: if runs.len() == 1 { tag.into() } else { format!("{}: {tag}", runs[color].label) },
        points: curve.iter().enumerate().map(|(f, y)| (x(runs[color].trajectory, f), *y)).collect(),
        dashed,
        color,
    };
    let all = || curves.iter().enumerate();
    let mut series: Vec<Series> = all().map(|(k, c)| one(k, "inner products", &c.gram, false)).collect();
    series.extend(all().map(|(k, c)| one(k, "pair distances", &c.distances, true)));
    series
}

fn energies(runs: &[Run<'_>]) -> Vec<Series> {
    let one = |(color, run): (usize, &Run<'_>)| Series {
        name: run.label.clone(),
        points: run.trajectory.times.iter().copied().zip(run.trajectory.energies.iter().copied()).collect(),
        dashed: false,
        color,
    };
    runs.iter().enumerate().map(one).collect()
}

/// Eigenvalues of each flow, and dashed those of the exact one where there is one.
fn spectra(runs: &[Run<'_>], curves: &[Curves]) -> Result<Vec<Series>> {
    let mut series = Vec::new();
    for (color, (run, curve)) in runs.iter().zip(curves).enumerate() {
        let (t, d) = (run.trajectory, run.trajectory.d);
        let line = |name: String, dashed: bool, values: &[f64], k: usize| Series {
            name: if k == 0 { name } else { String::new() },
            points: (0..values.len() / d).map(|f| (t.times[f], values[f * d + k])).collect(),
            dashed,
            color: if dashed { EXACT } else { color },
        };
        series.extend((0..d.min(4)).map(|k| line(run.label.clone(), false, &curve.spectrum, k)));
        if let Some(law) = t.law()? {
            // an eigenvalue that dies ends its curve
            let values: Vec<Gaussian> = t.times.iter().map_while(|time| law.at(*time).ok()).collect();
            let values: Vec<f64> = values.into_iter().flat_map(|g| g.spectrum).collect();
            let name = if runs.len() == 1 { "exact".into() } else { format!("{}: exact", run.label) };
            series.extend((0..d.min(4)).map(|k| line(name.clone(), true, &values, k)));
        }
    }
    Ok(series)
}

/// Colour of exact curves.
const EXACT: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_flows_are_thinned_and_say_so() {
        use crate::energy::Quadratic;
        let rho = Measure::uniform(vec![1.0, 0.2, -0.3, 1.0, 0.5, -1.0], 2).unwrap();
        let flow = crate::Flow { step: Some(1e-4), steps: Some(1000), ..crate::Flow::default() };
        let run = flow.solve(&rho, &mut Quadratic::new(None, None).unwrap(), &mut ()).unwrap();
        let picture = Run { label: "flow".into(), trajectory: &run, backdrop: None, switch: None };
        let section = section("", Vec::new(), &[picture]).unwrap();
        assert_eq!(section.notes, ["flow: 400 of 1001 frames are drawn here, evenly spread."]);
        let energies = &section.charts[0].series[0].points;
        assert_eq!(energies.len(), 400);
        assert_eq!(
            (energies[0], energies[399]),
            ((0.0, run.energies[0]), (run.times[1000], run.energies[1000]))
        );
    }
}
