//! The page of a path between two clouds, beside the other kinds of path.

use super::view::View;
use super::{Chart, FrameSwitch, Frames, KEY_FRAMES, Page, Player, Section, Series, Table, number};
use crate::error::{Error, Result};
use crate::geodesic::along::Errors;
use crate::geodesic::{Frame, Kind, Method, Path};
use crate::linalg;
use crate::measure::Measure;

/// Times at which errors are measured; half as many for clouds of more particles.
const TIMES: usize = 41;
const MANY: usize = 2000;

/// A path of the page.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The path.
    pub path: &'a Path,
    /// Where its plan comes from, in a few words.
    pub plan: String,
}

/// A page of paths from one cloud to another, side by side under one slider: the one asked for first. Paths whose frames
/// have another dimension than the first are left out, and a sentence says so; above three dimensions the first principal axes are drawn.
/// O(particles²) a time for the errors of pair distances, capped as in [`change`](crate::change). Errors: no path.
pub fn page(
    title: &str,
    names: (&str, &str),
    (mu, nu): (&Measure, &Measure),
    paths: &[Shown<'_>],
    seed: u64,
) -> Result<Page> {
    let Some(first) = paths.first() else {
        return Err(Error::shape("paths", "at least one path", "none"));
    };
    let dim = first.path.dim;
    let (shown, left): (Vec<&Shown<'_>>, Vec<&Shown<'_>>) = paths.iter().partition(|s| s.path.dim == dim);
    let view = View::new(dim, || Ok(first.path.cloud(&first.path.at(0.0)?)?.second_moment()))?;
    let steps = if first.path.len() > MANY { TIMES / 2 + 1 } else { TIMES };
    let times: Vec<f64> = (0..steps).map(|k| k as f64 / (steps - 1) as f64).collect();
    let errors = shown.iter().map(|s| s.path.errors(&times)).collect::<Result<Vec<_>>>()?;
    let mut notes: Vec<String> = left
        .iter()
        .map(|s| format!("{} is left out: its frames have dimension {}.", capital(name(s.path)), s.path.dim))
        .collect();
    if dim > 3 {
        notes.push(format!(
            "The frames have dimension {dim}; drawn are three principal axes of the first one."
        ));
    }
    let players = shown.iter().enumerate().map(|(k, s)| player(s.path, k, &view)).collect::<Result<_>>()?;
    let section = Section {
        title: heading(first.path),
        text: text(names, (mu, nu), &shown),
        players,
        start: Some(0.5),
        charts: charts(&shown, &times, &errors),
        below: below(&shown, &errors),
        table: Some(table(&shown, &errors)?),
        notes,
        ..Section::default()
    };
    Ok(Page {
        title: title.into(),
        lead: Vec::new(),
        sections: vec![section],
        foot: vec![format!("gromov {}, seed {seed}", env!("CARGO_PKG_VERSION"))],
    })
}

/// A path in words.
pub fn name(path: &Path) -> &'static str {
    match (path.kind, path.method) {
        (Kind::Intrinsic, Method::Chain) => "chain of least action",
        (Kind::Intrinsic, _) => "intrinsic geodesic",
        (Kind::Lifted, _) => "lifted path",
        (Kind::Mccann, _) => "McCann’s straight lines",
    }
}

/// The turn of a path in words, from the frame of the first cloud to that of the second: its angle for a rotation of
/// the plane or of space. Errors: none for paths.
pub fn turn(path: &Path) -> Result<String> {
    let (d, r) = (path.dim, &path.rotation);
    Ok(match (path.kind, path.reflected, d) {
        (Kind::Mccann, ..) => "none: as they stand".into(),
        (_, None, _) => "a partial isometry".into(),
        (_, Some(mirrored), 1) => if mirrored { "sign change" } else { "none" }.into(),
        (_, Some(true), _) => "a mirror image".into(),
        // y ≈ Rᵀ x
        (_, _, 2) => {
            let degrees = r[1].atan2(r[0]).to_degrees();
            // rounded first, and no minus before zero
            format!("{:.2}°", (100.0 * degrees).round() / 100.0 + 0.0)
        }
        (_, _, 3) => format!("{:.2}° about an axis", linalg::rotation_angle(r, 3)?.to_degrees()),
        _ => "a rotation".into(),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// What the length of a chain may be off by.
fn within(path: &Path) -> String {
    format!("{} %", number(100.0 * path.uncertainty, 2))
}

fn heading(path: &Path) -> String {
    match path.kind {
        Kind::Intrinsic if path.method == Method::Chain => {
            format!(
                "Discrete curve of least action, of length {} within {}",
                number(path.length, 6),
                within(path)
            )
        }
        Kind::Intrinsic => format!("Intrinsic geodesic of length {}", number(path.length, 6)),
        Kind::Lifted => format!("Lifted path of length {}", number(path.length, 6)),
        Kind::Mccann => "Displacement interpolation".into(),
    }
}

fn text(names: (&str, &str), (mu, nu): (&Measure, &Measure), shown: &[&Shown<'_>]) -> Vec<String> {
    let size = |m: &Measure| format!("{} points in dimension {}", m.len(), m.dim());
    let ends = format!("From {} ({}) to {} ({}).", names.0, size(mu), names.1, size(nu));
    let mut out = vec![ends.as_str()];
    for one in shown {
        out.push(match one.path.kind {
            Kind::Intrinsic if one.path.method == Method::Chain => {
                "Intrinsic: the shortest chain of frames found; there is no geodesic along which the second moment keeps \
                 its rank, or none was found."
            }
            Kind::Intrinsic => {
                "Intrinsic geodesic: the shortest way, for its plan, where moving costs what inner products change, \
                 among clouds of this dimension."
            }
            Kind::Lifted => {
                "Lifted path: inner products go straight from those of the one cloud to those of the other, exactly in \
                 all dimensions that this takes; principal axes are drawn."
            }
            Kind::Mccann => {
                "McCann: every particle goes straight, with the clouds as they stand: the geodesic of W2 for its optimal \
                 plan."
            }
        });
    }
    let mut out = vec![out.join(" ")];
    if mu.dim() != nu.dim() {
        let (p, q) = (mu.dim(), nu.dim());
        out.push(format!(
            "The dimensions differ ({p} and {q}): there are no straight lines between the clouds, and an intrinsic \
             geodesic would have one end at which the second moment has no inverse. The lifted path is made for this."
        ));
    }
    if shown.iter().any(|s| s.path.kind != Kind::Mccann) {
        let frame = match shown[0].path.frame {
            Frame::Second => (names.1, names.0),
            Frame::First => (names.0, names.1),
        };
        out.push(format!(
            "IGW does not see rotations and mirror images: {} is shown in the frame of {}, by the map found.",
            frame.1, frame.0
        ));
    }
    out
}

fn below(shown: &[&Shown<'_>], errors: &[Errors]) -> Vec<String> {
    let half = errors.first().map_or(0, |e| e.gram.len() / 2);
    let list: Vec<String> = shown
        .iter()
        .zip(errors)
        .map(|(s, e)| {
            let share = |x: f64| format!("{} %", number(100.0 * x, 3));
            format!("{}: {} and {}", name(s.path), share(e.gram[half]), share(e.distances[half]))
        })
        .collect();
    vec![format!(
        "Half way, inner products and pair distances are off from the mean of those at the two ends by (root mean \
         square, relative): {}.",
        list.join("; ")
    )]
}

fn charts(shown: &[&Shown<'_>], times: &[f64], errors: &[Errors]) -> Vec<Chart> {
    let chart = |title: &str, of: fn(&Errors) -> &[f64]| Chart {
        title: title.into(),
        x_label: "t".into(),
        y_label: "relative error".into(),
        follows_time: true,
        series: shown
            .iter()
            .zip(errors)
            .enumerate()
            .map(|(color, (s, e))| Series {
                name: name(s.path).into(),
                points: times.iter().copied().zip(of(e).iter().copied()).collect(),
                // between clouds that are near, the lifted path lies on the geodesic
                dashed: s.path.kind == Kind::Lifted && shown.len() > 1,
                color,
            })
            .collect(),
        ..Chart::default()
    };
    vec![
        chart("Inner products: error against (1−t) G₀ + t G₁", |e| &e.gram),
        chart("Pair distances: error against (1−t) d₀ + t d₁", |e| &e.distances),
    ]
}

fn table(shown: &[&Shown<'_>], errors: &[Errors]) -> Result<Table> {
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let percent = |values: &[f64]| format!("{} %", number(100.0 * most(values), 3));
    let mut head = vec!["quantity".to_string()];
    head.extend(shown.iter().map(|s| name(s.path).to_string()));
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |label: &str, cell: &dyn Fn(usize, &Path) -> String| {
        let cells = shown.iter().enumerate().map(|(k, s)| cell(k, s.path));
        rows.push(std::iter::once(label.to_string()).chain(cells).collect());
    };
    let root = |path: &Path| path.squared.max(0.0).sqrt();
    let turns = shown.iter().map(|s| turn(s.path)).collect::<Result<Vec<_>>>()?;
    row("plan", &|k, _| shown[k].plan.clone());
    row("IGW of this plan", &|_, p| number(root(p), 7));
    row("d_IGW of this plan, the least length", &|_, p| match p.kind {
        Kind::Intrinsic if p.method == Method::Chain => {
            let length = number(p.length, 7);
            format!("{length}: discrete curve of least action; length within {}", within(p))
        }
        Kind::Intrinsic => number(p.length, 7),
        _ => "–".into(),
    });
    row("length of the path", &|_, p| number(p.length, 7));
    row("action", &|_, p| number(p.action, 7));
    row("largest error of inner products", &|k, _| percent(&errors[k].gram));
    row("largest error of pair distances", &|k, _| percent(&errors[k].distances));
    row("turn found, first to second cloud", &|k, _| turns[k].clone());
    row("second moment outside the picture", &|_, p| match p.kind {
        Kind::Lifted => format!("{} %", number(100.0 * p.lost, 3)),
        _ => "–".into(),
    });
    row("particles", &|_, p| p.len().to_string());
    row("status", &|_, p| p.status.to_string());
    Ok(Table { head, rows })
}

fn player(path: &Path, color: usize, view: &View) -> Result<Player> {
    let times: Vec<f64> = (0..KEY_FRAMES).map(|k| k as f64 / (KEY_FRAMES - 1) as f64).collect();
    let points = view.show(&path.frames(&times)?, path.dim);
    let d = path.dim;
    let square = path.rotation.len() == d * d && path.kind != Kind::Mccann && path.frame == Frame::First;
    let frame_switch = (square && view.is_identity() && d > 1).then(|| FrameSwitch {
        label: "the second cloud’s frame".into(),
        rotation: linalg::transpose(&path.rotation, d, d),
        on: false,
    });
    let uniform = path.weights.iter().all(|w| *w == path.weights[0]);
    Ok(Player {
        label: capital(name(path)),
        color: Some(color),
        dim: view.dim,
        frames: Frames { times, points, captions: Vec::new() },
        weights: if uniform { Vec::new() } else { path.weights.clone() },
        backdrop: None,
        frame_switch,
    })
}
