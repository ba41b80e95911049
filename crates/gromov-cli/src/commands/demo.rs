//! `gromov demo`: two experiments on built-in clouds.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use gromov::demo::{ANGLE, Bunny, Horse, page};
use gromov::error::printable;
use gromov::solve::{Event, Observer};
use gromov::{Status, Trajectory, io};
use serde::Serialize;

use crate::args;
use crate::failure::Failure;
use crate::watch::Watch;
use crate::{job, output, trajectory};

/// Rows of a table.
const ROWS: usize = 11;
/// The flows in the order they are run.
const FLOWS: [&str; 4] = ["horse, igw", "horse, w2", "bunny, igw", "bunny, w2"];

/// The JSON object.
#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    quick: bool,
    seed: u64,
    status: Status,
    horse: HorseObject<'a>,
    bunny: Option<BunnyObject<'a>>,
    unsolved: usize,
    out: [String; 3],
    seconds: f64,
}

#[derive(Serialize)]
struct HorseObject<'a> {
    points: usize,
    angle: f64,
    angle_given: f64,
    squared: f64,
    lower_bound: f64,
    chamfer_igw: f64,
    chamfer_w2: f64,
    chamfer_ratio: f64,
    chamfer_fresh: f64,
    reached_quarter: bool,
    igw: FlowObject<'a>,
    w2: FlowObject<'a>,
}

#[derive(Serialize)]
struct BunnyObject<'a> {
    points: usize,
    /// F where the changes were measured, as a share of F at the start.
    level: f64,
    gram_change_igw: f64,
    gram_change_w2: f64,
    distance_change_igw: f64,
    distance_change_w2: f64,
    igw: FlowObject<'a>,
    w2: FlowObject<'a>,
}

#[derive(Serialize)]
struct FlowObject<'a> {
    energy: &'a str,
    status: Status,
    step: f64,
    steps: usize,
    time: f64,
    energy_start: f64,
    energy_end: f64,
    length: f64,
    turned: f64,
    relabelled: Option<usize>,
    unsolved: usize,
}

/// Options in the text `meta` of the files.
#[derive(Serialize)]
struct Options {
    quick: bool,
    flow: &'static str,
}

/// What was run.
struct Results {
    horse: Horse,
    bunny: Option<Bunny>,
}

/// Names the flow in the progress line.
struct Progress {
    watch: Watch,
    begun: usize,
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) -> ControlFlow<()> {
        if event.done == 1 {
            self.begun += 1;
            self.watch.stage(FLOWS[self.begun.min(FLOWS.len()) - 1]);
        }
        let answer = self.watch.event(event);
        if event.total == Some(event.done) {
            self.watch.stage(FLOWS.get(self.begun).copied().unwrap_or("page"));
        }
        answer
    }
}

/// Runs the command.
pub fn run(args: &args::Demo, common: &args::Common) -> Result<u8, Failure> {
    let job = job::demo(args, common)?;
    let mut progress = Progress { watch: Watch::start(common.quiet, "steps")?, begun: 0 };
    let clock = Instant::now();
    progress.watch.stage(FLOWS[0]);
    let solved = solve(&job, &mut progress);
    progress.watch.end();
    let results = solved?;
    for (path, run, flow) in
        [(&job.igw, &results.horse.igw, FLOWS[0]), (&job.w2, &results.horse.w2, FLOWS[1])]
    {
        let options = Options { quick: args.quick, flow };
        io::write_trajectory(path, run, &trajectory::meta("demo", options, common.seed, run)?)?;
    }
    output::page(&job.html, &page(&results.horse, results.bunny.as_ref())?)?;
    let seconds = clock.elapsed().as_secs_f64();
    let text = if common.json {
        output::json(&object(args, common, &job, &results, seconds))?
    } else {
        tables(&results)? + &summary(common, &job, &results, seconds)
    };
    output::print(&text)?;
    Ok(output::exit_code(results.status()))
}

fn solve(job: &job::Demo, progress: &mut Progress) -> Result<Results, Failure> {
    let horse = job.demo.horse(progress)?;
    let bunny = if horse.interrupted() { None } else { Some(job.demo.bunny(progress)?) };
    Ok(Results { horse, bunny })
}

impl Results {
    fn flows(&self) -> impl Iterator<Item = (&'static str, &Trajectory)> {
        let bunny = self.bunny.iter().flat_map(|b| [&b.igw, &b.w2]);
        FLOWS.into_iter().zip([&self.horse.igw, &self.horse.w2].into_iter().chain(bunny))
    }

    /// Interrupted if one flow was, else the first that is no success.
    fn status(&self) -> Status {
        let mut all = self.flows().map(|f| f.1.status).filter(|s| !s.is_success()).collect::<Vec<_>>();
        all.sort_by_key(|s| *s != Status::Interrupted);
        all.first().copied().unwrap_or(Status::Completed)
    }

    fn unsolved(&self) -> usize {
        self.flows().map(|f| f.1.unsolved()).sum()
    }
}

fn flow_object(run: &Trajectory) -> FlowObject<'_> {
    let last = run.frames() - 1;
    FlowObject {
        energy: &run.energy,
        status: run.status,
        step: run.step,
        steps: run.steps(),
        time: run.times[last],
        energy_start: run.energies[0],
        energy_end: run.energies[last],
        length: run.length_at(last),
        turned: run.turned(),
        relabelled: run.relabelled(),
        unsolved: run.unsolved(),
    }
}

fn object<'a>(
    args: &args::Demo,
    common: &args::Common,
    job: &job::Demo,
    results: &'a Results,
    seconds: f64,
) -> Object<'a> {
    let h = &results.horse;
    let horse = HorseObject {
        points: h.igw.n,
        angle: h.angle,
        angle_given: ANGLE,
        squared: h.squared.0,
        lower_bound: h.squared.1,
        chamfer_igw: h.chamfer.0,
        chamfer_w2: h.chamfer.1,
        chamfer_ratio: h.chamfer.0 / h.chamfer.1,
        chamfer_fresh: h.chamfer_fresh,
        reached_quarter: h.reached,
        igw: flow_object(&h.igw),
        w2: flow_object(&h.w2),
    };
    let bunny = results.bunny.as_ref().map(|b| BunnyObject {
        points: b.igw.n,
        level: b.level,
        gram_change_igw: b.gram.0,
        gram_change_w2: b.gram.1,
        distance_change_igw: b.distances.0,
        distance_change_w2: b.distances.1,
        igw: flow_object(&b.igw),
        w2: flow_object(&b.w2),
    });
    Object {
        schema: "gromov/demo/1",
        quick: args.quick,
        seed: common.seed,
        status: results.status(),
        horse,
        bunny,
        unsolved: results.unsolved(),
        out: [&job.html, &job.igw, &job.w2].map(|p| p.to_string_lossy().into_owned()),
        seconds,
    }
}

fn tables(results: &Results) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, run) in results.flows() {
        text += &format!("{name}: {} points in R^{}, energy {}\n", run.n, run.d, run.energy);
        text += &trajectory::table(run, ROWS)?;
        text += &format!("{}{}; {}\n\n", run.status, output::advice(run.status), trajectory::unsolved(run));
    }
    Ok(text)
}

fn summary(common: &args::Common, job: &job::Demo, results: &Results, seconds: f64) -> String {
    let short = |x: f64| output::number(x, 4);
    let h = &results.horse;
    let place = if h.reached { "at F0/4" } else { "at the last frame" };
    let mut pairs = vec![
        ("angle found", format!("{:.1} degrees; given {ANGLE:.1}", h.angle)),
        (
            "chamfer",
            format!(
                "distance to a horse {place}: igw {}, w2 {}, ratio {}; a fresh sample {}",
                short(h.chamfer.0),
                short(h.chamfer.1),
                output::number(h.chamfer.0 / h.chamfer.1, 3),
                short(h.chamfer_fresh)
            ),
        ),
    ];
    if let Some(b) = &results.bunny {
        let level = 100.0 * b.level;
        let change = |x: (f64, f64)| {
            let percent = 100.0 * (x.0 / x.1 - 1.0);
            format!("igw {}, w2 {} ({percent:+.0} %) at {level:.0} % of F0", short(x.0), short(x.1))
        };
        pairs.push(("gram change", change(b.gram)));
        pairs.push(("distance change", change(b.distances)));
    }
    pairs.push(("status", format!("{}{}", results.status(), output::advice(results.status()))));
    pairs.push(("unsolved", format!("{} steps not solved to tolerance, in all", results.unsolved())));
    pairs.push(("seed", common.seed.to_string()));
    let shown = |path: &Path| printable(&path.to_string_lossy());
    pairs.push(("page", shown(&job.html)));
    pairs.push(("horse, igw", format!("{} ({})", shown(&job.igw), output::count(h.igw.frames(), "frame"))));
    pairs.push(("horse, w2", format!("{} ({})", shown(&job.w2), output::count(h.w2.frames(), "frame"))));
    pairs.push(("seconds", format!("{seconds:.3}")));
    output::lines(&pairs)
}
