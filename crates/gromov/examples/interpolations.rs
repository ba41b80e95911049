//! Three ways from a horse to a bent and turned copy of it: the flow of ½ IGW² to the copy, the geodesic of the IGW
//! geometry, and straight lines (McCann).
//!
//! `cargo run -p gromov --example interpolations [POINTS]`
//!
//! The gradient of ½ IGW² at a cloud points along the straight change of inner products, as far as clouds of this dimension
//! can follow; the geodesic is the shortest curve among them. The two need not be one: measured here is how far apart they
//! are, how much of a horse is left on the way, and what straight lines do, with the turn known and without.

#[path = "shared/mod.rs"]
mod shared;

use gromov::change::{Between, gram_change};
use gromov::demo::best_chamfer;
use gromov::energy::Igw;
use gromov::geodesic::{Kind, along::displacement_plan};
use gromov::igw::Alternating;
use gromov::measure::sample;
use gromov::report::{Chart, Frames, Page, Player, Section, Series, Table, number};
use gromov::{Flow, Geodesic, Measure, Path, Result, Trajectory};
use shared::series;

/// Bend of the target, y ↦ y + BEND x², and its turn in degrees.
const BEND: f64 = 0.4;
const ANGLE: f64 = 110.0;
/// Silhouettes between the two to which frames are compared: parts of the bend.
const BETWEEN: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Places on each way where it is measured.
const PLACES: usize = 11;
/// Places on the geodesic among which the nearest to a frame of the flow is looked for, and again around it.
const GRID: usize = 65;

fn bent(cloud: &Measure, by: f64) -> Result<Measure> {
    let points = cloud.points().chunks_exact(2).flat_map(|p| [p[0], p[1] + by * p[0] * p[0]]).collect();
    Ok(cloud.with_points(points)?.centred())
}

/// |Gram(x) − Gram(y)| of clouds with one labelling: IGW of the identity plan.
fn labelled(x: &Measure, y: &[f64]) -> Result<f64> {
    let moment = x.second_moment().iter().map(|m| m * m).sum::<f64>().sqrt();
    Ok(gram_change(x, y)? * moment)
}

/// Both clouds and the horses between them.
struct Ends {
    x: Measure,
    y: Measure,
    /// IGW of the best plan found.
    distance: f64,
    /// y in the labels of x by this plan.
    partner: Vec<f64>,
    silhouettes: Vec<Measure>,
}

/// What is measured at one place of a way.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// IGW to the start and to the target over that of the two.
    from: f64,
    to: f64,
    /// Chamfer distance to the nearest of the silhouettes between, at the best angle.
    chamfer: f64,
    /// Error of inner products against moving straight between the ends, in the labels of the way.
    gram: f64,
}

impl Place {
    fn detour(&self) -> f64 {
        self.from + self.to - 1.0
    }
}

impl Ends {
    fn new(n: usize) -> Result<Self> {
        let x = shared::horse(n, 1)?;
        let y = shared::turned(&bent(&x, BEND)?, ANGLE)?;
        let found = search().solve(&x, &y, &mut ())?;
        let mut partner = vec![f64::NAN; 2 * n];
        for (i, j, _) in found.plan.entries() {
            partner[2 * i..2 * i + 2].copy_from_slice(y.point(j));
        }
        let whole = sample::subsample(&shared::unit(&sample::horse_silhouette()?)?, 2500.max(n), 1)?;
        let silhouettes = BETWEEN.iter().map(|part| bent(&whole, part * BEND)).collect::<Result<_>>()?;
        Ok(Ends { x, y, distance: found.squared.sqrt(), partner, silhouettes })
    }

    /// `searched`: distances of the best plan found in place of those of the labels of x.
    fn place(&self, frame: &[f64], gram: f64, searched: bool) -> Result<Place> {
        let z = self.x.with_points(frame.to_vec())?;
        let (from, to) = match searched {
            true => {
                let few = Alternating { starts: Some(8), ..search() };
                let igw = |to: &Measure| {
                    Ok::<f64, gromov::Error>(few.solve(&z, to, &mut ())?.squared.max(0.0).sqrt())
                };
                (igw(&self.x)?, igw(&self.y)?)
            }
            false => (labelled(&z, self.x.points())?, labelled(&z, &self.partner)?),
        };
        let chamfer =
            self.silhouettes.iter().map(|s| best_chamfer(frame, s)).collect::<Result<Vec<f64>>>()?;
        let chamfer = chamfer.into_iter().fold(f64::INFINITY, f64::min);
        Ok(Place { from: from / self.distance, to: to / self.distance, chamfer, gram })
    }
}

fn search() -> Alternating {
    Alternating { seed: 1, ..Alternating::default() }
}

/// One way from x to y.
struct Way {
    label: &'static str,
    frames: Vec<Vec<f64>>,
    places: Vec<Place>,
    /// Length in the IGW metric over IGW of the two clouds.
    length: f64,
}

/// k / (PLACES − 1).
fn parts() -> Vec<f64> {
    (0..PLACES).map(|k| k as f64 / (PLACES - 1) as f64).collect()
}

/// The flow where it has gone 0, 0.1, ... of the distance, linear between frames; the last frame for all of it.
fn along_flow(ends: &Ends, run: &Trajectory) -> Result<Way> {
    let left: Vec<f64> = run.energies.iter().map(|e| (e / run.energies[0]).sqrt()).collect();
    let between = Between::new(ends.x.weights(), (ends.x.points(), 2), (&ends.partner, 2))?;
    let (mut frames, mut places) = (Vec::new(), Vec::new());
    for part in parts() {
        let f = left.iter().position(|l| *l <= 1.0 - part).unwrap_or(left.len() - 1).max(1);
        let s = ((left[f - 1] - (1.0 - part)) / (left[f - 1] - left[f])).min(1.0);
        let frame: Vec<f64> =
            run.frame(f - 1).iter().zip(run.frame(f)).map(|(a, b)| a + s * (b - a)).collect();
        places.push(ends.place(&frame, between.gram_error((&frame, 2), part)?, false)?);
        frames.push(frame);
    }
    let length = run.length_at(run.frames() - 1) / ends.distance;
    Ok(Way { label: "flow of ½ IGW²", frames, places, length })
}

fn along_path(ends: &Ends, label: &'static str, path: &Path, searched: bool) -> Result<Way> {
    let frames: Vec<Vec<f64>> = parts().iter().map(|t| path.at(*t)).collect::<Result<_>>()?;
    let errors = path.errors(&parts())?;
    let place = |(frame, gram): (&Vec<f64>, &f64)| ends.place(frame, *gram, searched);
    let places = frames.iter().zip(&errors.gram).map(place).collect::<Result<_>>()?;
    Ok(Way { label, frames, places, length: path.length / ends.distance })
}

/// For each frame of the flow: (share of the way gone, IGW to the nearest place on the geodesic over IGW of the two).
fn apart(ends: &Ends, run: &Trajectory, geodesic: &Path) -> Result<Vec<(f64, f64)>> {
    let one = |f: usize| {
        let z = ends.x.with_points(run.frame(f).to_vec())?;
        let (mut low, mut high, mut best) = (0.0, 1.0, f64::INFINITY);
        for _ in 0..2 {
            let place = |k: usize| (low + (high - low) * k as f64 / (GRID - 1) as f64).clamp(0.0, 1.0);
            let far = |k: usize| labelled(&z, &geodesic.at(place(k))?);
            let all = (0..GRID).map(far).collect::<Result<Vec<f64>>>()?;
            let near = (0..GRID).min_by(|a, b| all[*a].total_cmp(&all[*b])).unwrap_or(0);
            (best, low, high) = (all[near], place(near.saturating_sub(1)), place((near + 1).min(GRID - 1)));
        }
        Ok((1.0 - (run.energies[f] / run.energies[0]).sqrt(), best / ends.distance))
    };
    (0..run.frames()).map(one).collect()
}

/// What a way comes to half way.
fn half(way: &Way) -> Place {
    way.places[PLACES / 2]
}

fn print(ways: &[Way]) {
    println!(
        "half way                   IGW from  IGW to  detour   Chamfer  of a sample  inner products  length/IGW"
    );
    for way in ways {
        let p = half(way);
        println!(
            "{:25}  {:.4}    {:.4}  {:6.2} %  {:.4}   {:.2}         {:6.2} %        {:.5}",
            way.label,
            p.from,
            p.to,
            100.0 * p.detour(),
            p.chamfer,
            p.chamfer / ways[0].places[0].chamfer,
            100.0 * p.gram,
            way.length
        );
    }
}

fn check(ways: &[Way; 4], most: f64) {
    let own = ways[0].places[0].chamfer;
    for way in &ways[..2] {
        // no two places are farther apart than the way between them is long; the flow's frames are interpolated
        let (worst, longer) = (way.places.iter().map(Place::detour).fold(0.0, f64::max), way.length - 1.0);
        assert!(worst <= longer + 1e-3, "{}: {worst}, {longer}", way.label);
        // d_IGW ≥ IGW; half way there is as much of a horse as in the sample, give or take a tenth
        assert!(longer > 0.0 && longer < 0.02, "{}: {longer}", way.label);
        assert!(half(way).chamfer < 1.1 * own, "{}: {:?}", way.label, half(way));
    }
    assert!(half(&ways[2]).chamfer > 2.0 * own && half(&ways[2]).detour() > 1.0);
    assert!(half(&ways[3]).chamfer < 1.2 * own && half(&ways[3]).detour() > half(&ways[1]).detour());
    // both curves lie within the ellipse of IGW that their lengths allow: half axis √(1.0076² − 1) / 2 = 0.06
    assert!(most > 0.0 && most < 0.01, "{most}");
}

fn charts(ways: &[Way; 4], apart: Vec<(f64, f64)>) -> Vec<Chart> {
    // the flow in blue under the dashed geodesic, straight lines in orange
    let curve = |of: &dyn Fn(&Place) -> f64| -> Vec<Series> {
        let one = |(way, (color, dashed)): (&Way, (usize, bool))| Series {
            dashed,
            ..series(way.label, color, parts().into_iter().zip(way.places.iter().map(of)).collect())
        };
        ways.iter().zip([(0, false), (2, true), (1, false), (3, false)]).map(one).collect()
    };
    let chart = |title: &str, y: &str, series| Chart {
        title: title.into(),
        x_label: "share of the way; t for straight lines".into(),
        y_label: y.into(),
        follows_time: true,
        series,
        ..Chart::default()
    };
    vec![
        chart("Distance left", "IGW to the target / IGW of the two", curve(&|p| p.to)),
        chart(
            "How much of a horse is there",
            "Chamfer distance to the nearest horse between",
            curve(&|p| p.chamfer),
        ),
        chart("Inner products against (1−t) G₀ + t G₁", "relative error", curve(&|p| p.gram)),
        Chart {
            x_label: "share of the way".into(),
            ..chart(
                "The flow’s distance from the geodesic",
                "IGW to its nearest place / IGW of the two",
                vec![series("flow of ½ IGW²", 0, apart)],
            )
        },
    ]
}

fn table(ways: &[Way; 4]) -> Table {
    let head = [
        "half way",
        "IGW from the start / of the two",
        "IGW to the target / of the two",
        "sum − 1",
        "Chamfer to a horse between",
        "error of inner products",
        "length in IGW / IGW of the two",
    ];
    let row = |way: &Way| {
        let p = half(way);
        vec![
            way.label.into(),
            number(p.from, 4),
            number(p.to, 4),
            format!("{:.2} %", 100.0 * p.detour()),
            number(p.chamfer, 3),
            format!("{:.2} %", 100.0 * p.gram),
            number(way.length, 5),
        ]
    };
    Table { head: head.map(String::from).to_vec(), rows: ways.iter().map(row).collect() }
}

fn page(n: usize, ways: &[Way; 4], apart: Vec<(f64, f64)>, left: f64) -> Page {
    let most = apart.iter().map(|a| a.1).fold(0.0, f64::max);
    let player = |(way, color): (&Way, usize)| Player {
        label: way.label.into(),
        color: Some(color),
        dim: 2,
        frames: Frames { times: parts(), points: way.frames.concat(), captions: Vec::new() },
        ..Player::default()
    };
    let own = ways[0].places[0].chamfer;
    let ratio = |k: usize| number(half(&ways[k]).chamfer / own, 3);
    let section = Section {
        text: vec![format!(
            "{n} points of a horse and the same points bent (y + {BEND} x²) and turned by {ANGLE}°. The two IGW ways are shown \
             in the frame of the first cloud, where they have gone the same share of the distance; straight lines, along the \
             optimal plan of W2, have no such share, because the distance rises first: they are shown at equal t."
        )],
        players: [0, 1, 2].map(|k| &ways[k]).into_iter().zip([0, 2, 1]).map(player).collect(),
        time_label: "share of the way".into(),
        start: Some(0.5),
        below: vec![
            format!(
                "The flow ends at F = {left:.0e} F₀. No frame of it is farther than {:.2} % of the distance from the \
                 geodesic: a different curve, by little. Between these clouds the straight change of inner \
                 products nearly stays among clouds of the plane (the geodesic is {:.2} % longer than IGW).",
                100.0 * most,
                100.0 * (ways[1].length - 1.0)
            ),
            format!(
                "How much of a horse is there half way: the Chamfer distance to the nearest of five silhouettes between the \
                 two, over that of the sample to its own silhouette, is {} on the flow, {} on the geodesic, {} on \
                 straight lines. Told the turn, straight lines keep the horse too ({}), with as small an error of inner products \
                 ({:.2} % against {:.2} %), but are {:.1} % longer than IGW. So the gain here is the turn, which IGW does not \
                 need to be told, and not the bend.",
                ratio(0),
                ratio(1),
                ratio(2),
                ratio(3),
                100.0 * half(&ways[3]).gram,
                100.0 * half(&ways[1]).gram,
                100.0 * (ways[3].length - 1.0)
            ),
        ],
        charts: charts(ways, apart),
        table: Some(table(ways)),
        notes: vec![
            "Distances of the two IGW ways are those of their labelling; for straight lines they are searched from eight \
             starts at each place, the best found."
                .into(),
        ],
        ..Section::default()
    };
    Page {
        title: "The flow of ½ IGW² runs close to the geodesic, and both keep the horse whole; straight lines do if told the \
                turn"
            .into(),
        sections: vec![section],
        foot: vec![format!(
            "gromov {}. {n} points of rms radius 1, seed 1. Horse: scikit-image, public domain.",
            env!("CARGO_PKG_VERSION")
        )],
        ..Page::default()
    }
}

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(200);
    let ends = Ends::new(n)?;
    let flow = Flow { step: Some(0.025), steps: Some(440), ..Flow::default() };
    let run = flow.solve(&ends.x, &mut Igw::new(ends.y.clone(), search()), &mut ())?;
    let geodesic = Geodesic::default().labelled(&ends.x, &ends.partner, &mut ())?;
    let straight = Geodesic { kind: Kind::Mccann, ..Geodesic::default() };
    let mccann =
        |y: &Measure| straight.solve(&ends.x, y, &displacement_plan(&ends.x, y, &mut ())?.0, &mut ());
    let (given, told) = (mccann(&ends.y)?, mccann(&shared::turned(&ends.y, -ANGLE)?)?);
    let ways = [
        along_flow(&ends, &run)?,
        along_path(&ends, "geodesic", &geodesic, false)?,
        along_path(&ends, "straight lines", &given, true)?,
        along_path(&ends, "straight, told the turn", &told, true)?,
    ];
    let apart = apart(&ends, &run, &geodesic)?;
    let most = apart.iter().map(|a| a.1).fold(0.0, f64::max);
    let left = run.energies[run.frames() - 1] / run.energies[0];
    println!("{n} points, IGW {:.5}; the flow ends at F = {left:.1e} F₀", ends.distance);
    print(&ways);
    println!("the flow stays within {:.3} % of IGW of the geodesic", 100.0 * most);
    // exact labels exist: nothing keeps F from zero, and no label changes on the way
    assert!(left <= 1e-8 && run.relabelled() == Some(0), "{left}");
    check(&ways, most);
    shared::write(&page(n, &ways, apart, left), "interpolations.html")
}
