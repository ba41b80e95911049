//! A sample page: made-up motions of the horse and of the bunny, curves, a table, a matching.
//!
//! `cargo run -p gromov --example page -- page.html`

use gromov::measure::{Measure, sample};
use gromov::report::{Chart, Cloud, FrameSwitch, Frames, Matching, Page, Player, Section, Series, Table};

const FRAMES: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "page.html".into());
    let page = Page {
        title: "A sample page".into(),
        lead: vec![
            "Made-up motions that exercise every part of a report: two horses side by side, a bunny that \
             turns under the mouse, curves with a marker, a table, and the lines of a plan."
                .into(),
        ],
        sections: vec![horses()?, bunnies()?, matching()?, line()],
        foot: vec!["Drawn by the example page of gromov. Seed 0.".into()],
    };
    let html = page.render()?;
    std::fs::write(&path, &html)?;
    assert!(html.len() < 1_000_000, "the page has {} bytes", html.len());
    println!("{} bytes, less than a megabyte", html.len());
    Ok(())
}

/// Frames of a motion (t, point) -> point for t in [0, 1].
fn motion(cloud: &Measure, step: impl Fn(f64, &[f64]) -> Vec<f64>) -> Frames {
    let times: Vec<f64> = (0..FRAMES).map(|k| k as f64 / (FRAMES - 1) as f64).collect();
    let captions = times.iter().map(|t| format!("F = {:.3}", energy(*t))).collect();
    let at = |t: f64| cloud.points().chunks_exact(cloud.dim()).flat_map(|x| step(t, x)).collect::<Vec<_>>();
    let points = times.iter().flat_map(|&t| at(t)).collect();
    Frames { times, points, captions }
}

fn energy(t: f64) -> f64 {
    0.4 * (-4.0 * t).exp()
}

fn turn(x: &[f64], angle: f64) -> Vec<f64> {
    let (s, c) = angle.sin_cos();
    let mut out = vec![c * x[0] - s * x[1], s * x[0] + c * x[1]];
    out.extend(&x[2..]);
    out
}

fn curves(title: &str, y_label: &str, log_y: bool, rates: [f64; 2]) -> Chart {
    let curve = |rate: f64| {
        (0..=100).map(|i| f64::from(i) / 100.0).map(|t| (t, 0.4 * (-rate * t).exp() + 1e-6)).collect()
    };
    let series = vec![
        Series { name: "bend".into(), points: curve(rates[0]), dashed: false, color: 0 },
        Series { name: "shrink".into(), points: curve(rates[1]), dashed: true, color: 1 },
    ];
    Chart {
        title: title.into(),
        x_label: "time t".into(),
        y_label: y_label.into(),
        log_y,
        follows_time: true,
        series,
        ..Default::default()
    }
}

fn horses() -> gromov::Result<Section> {
    let horse = sample::horse(1000, 0)?;
    let target =
        Cloud { points: horse.linear_image(&[0.0, -0.6, 0.6, 0.0], 2)?.points().to_vec(), weights: vec![] };
    let bend = |t: f64, x: &[f64]| turn(x, 1.6 * t + 0.9 * t * x[0]);
    let shrink = |t: f64, x: &[f64]| vec![x[0] * (1.0 - 0.45 * t), x[1] * (1.0 - 0.7 * t) - 0.2 * t];
    let rotation = vec![0.0, 1.0, -1.0, 0.0];
    let switch =
        FrameSwitch { label: "seen in the target’s frame (turned by −90°)".into(), rotation, on: false };
    Ok(Section {
        title: "A horse that bends, a horse that shrinks".into(),
        text: vec!["Both clouds start as the same 1,000 points. Grey: a target that does not move.".into()],
        players: vec![
            Player {
                label: "Bend".into(),
                color: Some(0),
                dim: 2,
                frames: motion(&horse, bend),
                backdrop: Some(target.clone()),
                frame_switch: Some(switch),
                ..Default::default()
            },
            Player {
                label: "Shrink".into(),
                color: Some(1),
                dim: 2,
                frames: motion(&horse, shrink),
                backdrop: Some(target),
                ..Default::default()
            },
        ],
        start: Some(0.45),
        charts: vec![
            curves("Energy", "F", true, [9.0, 5.0]),
            curves("Change of inner products", "relative change", false, [2.0, 3.5]),
        ],
        ..Default::default()
    })
}

fn bunnies() -> gromov::Result<Section> {
    let bunny = sample::bunny()?;
    let player = |label: &str, color, frames| Player {
        label: label.into(),
        color: Some(color),
        dim: 3,
        frames,
        ..Default::default()
    };
    let twist = motion(&bunny, |t, x| turn(x, 1.2 * t * x[2]));
    let flatten = motion(&bunny, |t, x| vec![x[0] * (1.0 + 0.3 * t), x[1], x[2] * (1.0 - 0.75 * t)]);
    Ok(Section {
        title: "The same in space".into(),
        text: vec!["The 1,839 vertices of the Stanford bunny. Both pictures share one camera.".into()],
        players: vec![player("Twist", 0, twist), player("Flatten", 1, flatten)],
        table: Some(Table {
            head: ["motion", "energy at t = 0.5", "second moment", "status"].map(String::from).to_vec(),
            rows: vec![
                ["twist", "0.0541", "1.000", "completed"].map(String::from).to_vec(),
                ["flatten", "0.0541", "0.812", "completed"].map(String::from).to_vec(),
            ],
        }),
        ..Default::default()
    })
}

fn matching() -> gromov::Result<Section> {
    let horse = sample::horse(600, 1)?;
    let moved = |x: &[f64]| {
        let y = turn(x, 1.92);
        vec![y[0] + 2.6, y[1]]
    };
    let y: Vec<f64> = horse.points().chunks_exact(2).flat_map(moved).collect();
    Ok(Section {
        title: "A plan".into(),
        matching: Some(Matching {
            label: "A horse and its copy turned by 110°".into(),
            dim: 2,
            x: Cloud { points: horse.points().to_vec(), weights: vec![] },
            y: Cloud { points: y, weights: vec![] },
            x_label: "horse".into(),
            y_label: "turned horse".into(),
            lines: (0..600).map(|i| (i, i, 1.0 / 600.0)).collect(),
            seed: 0,
        }),
        notes: vec!["The turned horse is drawn 2.6 to the right of its place.".into()],
        ..Default::default()
    })
}

fn line() -> Section {
    let at = |t: f64| (0..60).map(move |i| (f64::from(i) - 29.5) / 30.0 * (1.0 - 0.6 * t) + 0.5 * t * t);
    let times: Vec<f64> = (0..FRAMES).map(|k| k as f64 / (FRAMES - 1) as f64).collect();
    let points = times.iter().flat_map(|&t| at(t)).collect();
    let backdrop = Some(Cloud { points: at(1.0).step_by(2).collect(), weights: vec![] });
    let frames = Frames { times, points, captions: vec![] };
    let player = Player { label: "Sixty points".into(), dim: 1, frames, backdrop, ..Default::default() };
    Section {
        title: "On a line".into(),
        text: vec!["In one dimension each point is a tick; the target hangs below the line.".into()],
        players: vec![player],
        ..Default::default()
    }
}
