//! Flows from checkpoints: the bits of a run that was never stopped, or a refusal.

use std::path::Path;

use gromov::energy::{
    DoubleWell, EnergyDistance, Entropy, Igw, Interaction, Mmd, Quadratic, SampledEnergyDistance, Sum,
    Wasserstein,
};
use gromov::flow::{Checkpoint, Keeper, Metric, Rotation, Scheme, State, fingerprint};
use gromov::igw::Alternating;
use gromov::io::{Limits, ReadOptions, read_checkpoint, read_checkpoint_bytes, write_checkpoint};
use gromov::measure::sample::Source;
use gromov::solve::Event;
use gromov::{Energy, Error, Flow, Measure, Status, Trajectory};
use sha2::{Digest, Sha256};

const NAMES: [&str; 10] = [
    "quadratic",
    "well",
    "interaction",
    "distance",
    "batches",
    "mmd",
    "wasserstein",
    "igw",
    "sum",
    "diffusion",
];

fn cloud(seed: u64, n: usize, d: usize, weighted: bool) -> Measure {
    let mut s = Source::new(seed, 31);
    let points = (0..n * d).map(|k| s.normal() / (1.0 + (k % d) as f64)).collect();
    let w = (0..n).map(|_| if weighted { 0.2 + s.unit() } else { 1.0 }).collect();
    Measure::normalized(points, d, w).unwrap()
}

fn energy(name: &str) -> Box<dyn Energy> {
    let (same, other) = (cloud(2, 17, 2, false), cloud(3, 15, 3, true));
    let search = Alternating { starts: Some(8), ..Alternating::default() };
    match name {
        "quadratic" => Box::new(Quadratic::new(None, None).unwrap()),
        "well" => Box::new(DoubleWell),
        "interaction" => Box::new(Interaction::new(4.0, 2.0).unwrap()),
        "distance" => Box::new(EnergyDistance::new(same)),
        "batches" => Box::new(SampledEnergyDistance::new(same, 6, 5).unwrap()),
        "diffusion" => {
            let mut sum = Sum::default();
            sum.add(0.1, Box::new(Entropy));
            sum.add(1.0, Box::new(EnergyDistance::new(same)));
            Box::new(sum)
        }
        "mmd" => Box::new(Mmd::new(same, 0.7).unwrap()),
        "wasserstein" => Box::new(Wasserstein::new(same)),
        "igw" => Box::new(Igw::new(other, search)),
        _ => {
            let mut sum = Sum::default();
            sum.add(0.5, Box::new(Igw::new(other, search)));
            sum.add(1.0, Box::new(EnergyDistance::new(same.clone())));
            sum.add(0.3, Box::new(Wasserstein::new(same)));
            Box::new(sum)
        }
    }
}

fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    postcard::to_stdvec(checkpoint).unwrap()
}

/// A run with a checkpoint before each step and at the end.
fn run(flow: &Flow, rho: &Measure, name: &str) -> (Trajectory, Vec<Checkpoint>) {
    let mut energy = energy(name);
    let mut state = State::new(flow, rho, &mut *energy, &mut ()).unwrap();
    let mut all = vec![state.checkpoint().unwrap()];
    while state.status().is_none() {
        state.step().unwrap();
        all.push(state.checkpoint().unwrap());
    }
    (state.finish(), all)
}

fn resumed(flow: &Flow, from: &Checkpoint, rho: &Measure, name: &str) -> gromov::Result<Trajectory> {
    flow.solve_from(Some(from.clone()), rho, &mut *energy(name), &mut (), None)
}

/// Every number to the last bit, by its shortest text.
fn text(run: &Trajectory) -> String {
    format!("{run:?}")
}

/// Resumes a run at every step, in memory and through a file in turns; how often.
fn resume_everywhere(flow: &Flow, rho: &Measure, name: &str, path: &Path) -> usize {
    let (whole, all) = run(flow, rho, name);
    for (step, checkpoint) in all.iter().enumerate() {
        let case = format!("{name} {flow:?} {step}");
        assert!(checkpoint.steps() == step.min(whole.steps()), "{case}");
        let from = if step % 2 == 0 {
            checkpoint.clone()
        } else {
            write_checkpoint(path, checkpoint, &Vec::new()).unwrap();
            let back = read_checkpoint(path, &ReadOptions::default()).unwrap().0;
            assert_eq!(bytes(&back), bytes(checkpoint), "{case}");
            back
        };
        assert_eq!(text(&resumed(flow, &from, rho, name).unwrap()), text(&whole), "{case}");
        // and the next checkpoint is the same
        if let Some(next) = all.get(step + 1) {
            let mut energy = energy(name);
            let mut state = State::resume(flow, from, rho, &mut *energy).unwrap();
            state.step().unwrap();
            assert_eq!(bytes(&state.checkpoint().unwrap()), bytes(next), "{case}");
        }
    }
    all.len()
}

#[test]
fn steps_of_controlled_length_and_frames_at_asked_times_are_resumed_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ck");
    let rho = cloud(1, 18, 2, false);
    let base = Flow { time: Some(0.3), step: Some(0.01), every: 2, ..Flow::default() };
    let frame_times = Some(vec![0.05, 0.1, 0.1001, 0.25, 0.3]);
    let cases = [
        Flow { scheme: Scheme::Adaptive, rtol: Some(1e-4), ..base.clone() },
        Flow { scheme: Scheme::Adaptive, frame_times, every: 1, ..base.clone() },
        Flow { scheme: Scheme::Implicit, rtol: Some(1e-2), ..base.clone() },
    ];
    for name in ["distance", "igw"] {
        for flow in &cases {
            assert!(resume_everywhere(flow, &rho, name, &path) > 3);
        }
    }
    let (_, all) = run(&cases[0], &rho, "distance");
    let longer = Flow { time: Some(0.4), ..cases[0].clone() };
    let text = resumed(&longer, &all[1], &rho, "distance").unwrap_err().to_string();
    assert!(text.contains("0.3") && text.contains("0.4") && text.contains("controlled"), "{text}");
    let other = Flow { rtol: Some(1e-5), ..cases[0].clone() };
    let text = resumed(&other, &all[1], &rho, "distance").unwrap_err().to_string();
    assert_eq!(text, "rtol: the checkpoint has 0.0001, now 1e-5");
}

#[test]
fn a_flow_resumed_at_any_step_has_the_bits_of_the_whole() {
    let (mut runs, mut resumes) = (0, 0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ck");
    for (k, name) in NAMES.into_iter().enumerate() {
        for (metric, rotation) in
            [(Metric::Igw, Rotation::Free), (Metric::Igw, Rotation::Fixed), (Metric::W2, Rotation::Free)]
        {
            for &scheme in Scheme::ALL {
                if name == "diffusion" && scheme != Scheme::Langevin {
                    continue;
                }
                let rho = cloud(1, 18, 2, k % 2 == 1);
                // past the age at which curvatures are renewed
                let flow = Flow { metric, rotation, scheme, steps: Some(13), every: 3, ..Flow::default() };
                resumes += resume_everywhere(&flow, &rho, name, &path);
                runs += 1;
            }
        }
    }
    println!("{runs} runs, {resumes} resumed");
    assert!(resumes > 8 * runs);
}

#[test]
fn every_end_is_met_and_another_one_is_that_of_a_run_from_the_start() {
    let rho = cloud(1, 18, 2, false);
    let steps = |n| Flow { step: Some(0.125), steps: Some(n), every: 2, ..Flow::default() };
    let time = |t| Flow { step: Some(0.125), time: Some(t), every: 2, ..Flow::default() };
    let open = |tol| Flow { step: Some(0.125), tol, every: 2, ..Flow::default() };
    let refused = |flow: &Flow, from: &Checkpoint| match resumed(flow, from, &rho, "distance") {
        Err(e @ Error::Resumed { .. }) => e.to_string(),
        other => panic!("{other:?}"),
    };
    let same = |flow: &Flow, from: &Checkpoint| {
        let whole = run(flow, &rho, "distance").0;
        assert_eq!(text(&resumed(flow, from, &rho, "distance").unwrap()), text(&whole), "{flow:?}");
        whole
    };
    let five = run(&steps(5), &rho, "distance").1;
    let last = five.last().unwrap();
    assert_eq!((last.status(), last.steps(), last.time()), (Some(Status::Completed), 5, 0.625));
    for flow in [steps(5), steps(9), time(0.625), time(1.0), time(0.7)] {
        assert_eq!(same(&flow, last).status, Status::Completed);
    }
    assert_eq!(refused(&steps(4), last), "steps: the checkpoint has 5 steps done, now 4");
    assert_eq!(refused(&time(0.5), last), "time: the checkpoint has reached 0.625, now 0.5");
    assert_eq!(refused(&open(1e-6), last), "steps: the checkpoint has an end of its own, now none");
    // a last step that was shortened, and the checkpoint before it
    let short = run(&time(0.3), &rho, "distance").1;
    assert_eq!(short.len(), 4);
    same(&time(0.3), &short[3]);
    let message = refused(&time(1.0), &short[3]);
    assert_eq!(message, "time: the checkpoint has a step shortened to end at 0.3, now 1.0");
    same(&time(1.0), &short[2]);
    // to convergence
    let whole = run(&open(0.9), &rho, "distance");
    assert!(whole.0.status == Status::Converged && whole.0.steps() > 1, "{:?}", whole.0.status);
    for from in &whole.1 {
        same(&open(0.9), from);
    }
    let further = Flow { tol: 0.9, ..steps(whole.0.steps() + 3) };
    let on = same(&further, whole.1.last().unwrap());
    assert_eq!(on.steps(), whole.0.steps() + 3);
    // a critical cloud has converged before its first step
    let still = Measure::uniform(vec![1.0, 0.0, -1.0, 0.0], 2).unwrap();
    let (whole, all) = run(&Flow { metric: Metric::W2, ..steps(3) }, &still, "well");
    assert_eq!((whole.status, all.len()), (Status::Converged, 1));
    let flow = Flow { metric: Metric::W2, ..steps(3) };
    assert_eq!(text(&resumed(&flow, &all[0], &still, "well").unwrap()), text(&whole));
}

#[test]
fn a_keeper_gets_what_it_asks_for_and_its_failure_interrupts() {
    let rho = cloud(1, 18, 2, false);
    let flow = Flow { steps: Some(7), ..Flow::default() };
    let whole = run(&flow, &rho, "sum").0;
    for (every, after, expected) in [
        (3, None, vec![0, 3, 6, 7]),
        (100, None, vec![0, 7]),
        (100, Some(std::time::Duration::ZERO), (0..=7).collect()),
    ] {
        let mut steps = Vec::new();
        let mut keeper = Keeper::new(every, after, |c| {
            steps.push(c.steps());
            Ok(())
        });
        let run = flow.solve_from(None, &rho, &mut *energy("sum"), &mut (), Some(&mut keeper)).unwrap();
        assert_eq!(text(&run), text(&whole));
        drop(keeper);
        assert_eq!(steps, expected);
    }
    // the third checkpoint fails: the flow ends there, and the second goes on
    let mut kept = Vec::new();
    let full = || Error::File { path: "x".into(), place: None, problem: "full".into() };
    let mut keeper = Keeper::new(2, None, |c| {
        kept.push(c.clone());
        if c.steps() < 4 { Ok(()) } else { Err(full()) }
    });
    let run = flow.solve_from(None, &rho, &mut *energy("sum"), &mut (), Some(&mut keeper)).unwrap();
    assert_eq!((run.status, run.steps(), keeper.failed.clone()), (Status::Interrupted, 4, Some(full())));
    drop(keeper);
    assert_eq!(text(&resumed(&flow, &kept[1], &rho, "sum").unwrap()), text(&whole));
    // an interrupted flow leaves a checkpoint that goes on
    let mut kept = None;
    let mut keeper = Keeper::new(100, None, |c| {
        kept = Some(c.clone());
        Ok(())
    });
    let mut stop = |event: &Event| {
        if event.done == 3 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    };
    let run = flow.solve_from(None, &rho, &mut *energy("sum"), &mut stop, Some(&mut keeper)).unwrap();
    assert_eq!((run.status, run.steps()), (Status::Interrupted, 3));
    drop(keeper);
    let kept = kept.unwrap();
    assert_eq!((kept.steps(), kept.status()), (3, None));
    assert_eq!(text(&resumed(&flow, &kept, &rho, "sum").unwrap()), text(&whole));
    // one that was interrupted in its first search has nothing to go on from
    let mut taken = 0;
    let mut keeper = Keeper::new(1, None, |_| {
        taken += 1;
        Ok(())
    });
    let mut at_once = |_: &Event| std::ops::ControlFlow::Break(());
    let mut long = Igw::new(cloud(3, 15, 3, true), Alternating::default());
    let run = flow.solve_from(None, &rho, &mut long, &mut at_once, Some(&mut keeper)).unwrap();
    drop(keeper);
    assert_eq!((run.status, run.steps(), taken), (Status::Interrupted, 0, 0));
}

#[test]
fn anything_else_is_refused_by_name() {
    let rho = cloud(1, 18, 2, false);
    let flow = Flow { step: Some(0.1), steps: Some(4), ..Flow::default() };
    let from = &run(&flow, &rho, "wasserstein").1[2];
    let base = || flow.clone();
    for (what, other) in [
        ("metric: the checkpoint has igw, now w2", Flow { metric: Metric::W2, ..base() }),
        ("scheme: the checkpoint has implicit, now heun", Flow { scheme: Scheme::Heun, ..base() }),
        ("step: the checkpoint has 0.1, now 0.2", Flow { step: Some(0.2), ..base() }),
        ("step: the checkpoint has 0.1, now none", Flow { step: None, ..base() }),
        ("every: the checkpoint has 1, now 2", Flow { every: 2, ..base() }),
        ("rotation: the checkpoint has free, now fixed", Flow { rotation: Rotation::Fixed, ..base() }),
        ("tol: the checkpoint has 1e-6, now 1e-7", Flow { tol: 1e-7, ..base() }),
        ("inner_tol: the checkpoint has 1e-8, now 1e-9", Flow { inner_tol: 1e-9, ..base() }),
        ("max_inner: the checkpoint has 200, now 100", Flow { max_inner: 100, ..base() }),
        ("floor: the checkpoint has 1e-12, now 0.0", Flow { floor: 0.0, ..base() }),
        ("seed: the checkpoint has 0, now 1", Flow { seed: 1, ..base() }),
    ] {
        assert_eq!(resumed(&other, from, &rho, "wasserstein").unwrap_err().to_string(), what);
    }
    let clouds = |rho: &Measure| resumed(&flow, from, rho, "wasserstein").unwrap_err().to_string();
    assert!(clouds(&cloud(1, 19, 2, false)).starts_with("cloud: the checkpoint has 18 points, now 19"));
    assert!(clouds(&cloud(1, 18, 2, true)).starts_with("cloud: the checkpoint has other weights"));
    let mut points = rho.points().to_vec();
    points[35] = f64::from_bits(points[35].to_bits() + 1);
    let moved = rho.with_points(points).unwrap();
    assert!(clouds(&moved).starts_with("cloud: the checkpoint has other points"));
    let other = resumed(&flow, from, &rho, "well").unwrap_err().to_string();
    assert_eq!(other, "energy: the checkpoint has wasserstein, now double-well");
    assert_ne!(fingerprint(&[rho.points()]), fingerprint(&[moved.points()]));
    assert_ne!(fingerprint(&[&[1.0], &[2.0]]), fingerprint(&[&[1.0, 2.0], &[]]));
    let zero = "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc";
    assert_eq!(fingerprint(&[&[]]), zero);
}

#[test]
fn files_that_are_no_checkpoint_or_no_whole_one_are_refused() {
    let rho = cloud(1, 18, 2, false);
    let flow = Flow { steps: Some(3), ..Flow::default() };
    let checkpoint = &run(&flow, &rho, "sum").1[2];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ck");
    let texts = vec![("--center".to_string(), "true".to_string())];
    write_checkpoint(&path, checkpoint, &texts).unwrap();
    let good = std::fs::read(&path).unwrap();
    let (back, told) = read_checkpoint(&path, &ReadOptions::default()).unwrap();
    assert_eq!((bytes(&back), told), (bytes(checkpoint), texts));
    let refused = |bytes: &[u8]| {
        let error = read_checkpoint_bytes(Path::new("run.ck"), bytes, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error:?}");
        error.to_string()
    };
    for end in (1..good.len()).step_by(41).chain([good.len() - 1]) {
        let message = refused(&good[..end]);
        assert!(
            message.contains("is damaged or cut off")
                || message.contains("is no checkpoint")
                || message.contains("another format"),
            "{end} {message}"
        );
    }
    for at in (0..good.len()).step_by(37) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        refused(&bad);
    }
    let line = good.iter().position(|b| *b == b'\n').unwrap();
    let with_line = |text: &str| [text.as_bytes(), &good[line..]].concat();
    let version = env!("CARGO_PKG_VERSION");
    assert!(std::str::from_utf8(&good[..line]).unwrap().ends_with(&format!("format 1, version {version}")));
    let other = "gromov checkpoint of a flow, format 1, version 9.9.9";
    assert!(
        refused(&with_line(other))
            .contains(&format!("is a checkpoint of gromov 9.9.9, and this is {version}"))
    );
    assert!(refused(&with_line("gromov checkpoint of a flow, format 2")).contains("of another format"));
    assert!(refused(b"x,y\n1,2\n").contains("is no checkpoint of a flow"));
    assert!(refused(b"").contains("the file is empty"));
    // a right sum over nonsense, and over lengths of no file
    let forged = |body: &[u8]| {
        let mut all = [&good[..=line], body].concat();
        let sum = Sha256::digest(&all);
        all.extend(sum);
        all
    };
    assert!(refused(&forged(&[])).contains("holds no checkpoint that can be read"));
    assert!(refused(&forged(&[0xff; 400])).contains("holds no checkpoint that can be read"));
    let huge = [&[0][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &[7; 90]].concat();
    assert!(refused(&forged(&huge)).contains("holds no checkpoint that can be read"));
    let more = [&good[line + 1..good.len() - 32], &[0]].concat();
    assert!(refused(&forged(&more)).contains("holds 1 bytes behind its checkpoint"));
    let small = ReadOptions { limits: Limits { bytes: 100, ..Limits::default() }, ..ReadOptions::default() };
    assert!(read_checkpoint(&path, &small).unwrap_err().to_string().contains("raise it with --max-bytes"));
    let missing = read_checkpoint(&dir.path().join("none"), &ReadOptions::default()).unwrap_err();
    assert!(missing.to_string().contains("no such file"));
}

/// Prints what a checkpoint of a long run costs; `cargo test -p gromov --test resume cost -- --ignored --nocapture`.
#[test]
#[ignore = "a print of costs"]
fn cost() {
    let rho = cloud(5, 5000, 3, false);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ck");
    for steps in [50, 100, 200] {
        let flow = Flow { scheme: Scheme::Euler, step: Some(1e-4), steps: Some(steps), ..Flow::default() };
        let mut state_energy = Quadratic::new(None, None).unwrap();
        let mut state = State::new(&flow, &rho, &mut state_energy, &mut ()).unwrap();
        while state.status().is_none() {
            state.step().unwrap();
        }
        let clock = std::time::Instant::now();
        let checkpoint = state.checkpoint().unwrap();
        let copied = clock.elapsed();
        write_checkpoint(&path, &checkpoint, &Vec::new()).unwrap();
        let written = clock.elapsed();
        read_checkpoint(&path, &ReadOptions::default()).unwrap();
        let read = clock.elapsed() - written;
        let size = std::fs::metadata(&path).unwrap().len() as f64 / f64::from(1 << 20);
        println!(
            "{steps} frames: {size:.1} MiB, copied in {copied:.0?}, with the file {written:.0?}, read in {read:.0?}"
        );
    }
}
