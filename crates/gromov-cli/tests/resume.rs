//! Runs that are killed, stopped or refused, and go on from their checkpoint to the bytes of the whole.
#![cfg(unix)]

mod common;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, finished, normal};
use gromov::measure::sample::Source;

/// Two transport energies with a memory and one that sees rotations; frames thinned.
const FLOW: &str = "flow a.csv --energy igw:target=b.csv --energy energy-distance:target=c.csv,weight=0.5 \
                    --energy wasserstein:target=c.csv,weight=0.2 --step 0.002 --steps 300 --every 5 --quiet --out";

fn folder() -> Folder {
    let folder = Folder::new();
    for (seed, name, n, d) in [(1, "a.csv", 60, 2), (2, "b.csv", 15, 3), (3, "c.csv", 55, 2)] {
        folder.cloud(name, &normal(seed, n, d));
    }
    folder
}

fn whole(folder: &Folder) -> Vec<u8> {
    let run = folder.line(&format!("{FLOW} whole.npz --threads 1"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    std::fs::read(folder.path("whole.npz")).unwrap()
}

fn spawn(folder: &Folder, line: &str) -> Child {
    let mut command = folder.command(line.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// With `--resume` once there is something to resume.
fn with_checkpoint(folder: &Folder, line: &str) -> String {
    let resume = if folder.path("run.ck").exists() { "--resume run.ck" } else { "" };
    format!("{line} --checkpoint run.ck {resume}")
}

fn temporary(folder: &Folder) -> usize {
    folder.names().iter().filter(|name| name.ends_with(".tmp")).count()
}

#[test]
fn twenty_random_kills_lose_nothing() {
    let folder = folder();
    let clock = Instant::now();
    let whole = whole(&folder);
    let length = clock.elapsed();
    let mut s = Source::new(11, 0);
    let (mut kills, mut with_something, mut in_a_write, mut trials, mut left) = (0, 0, 0, 0, 0);
    while with_something < 20 {
        let _ = std::fs::remove_file(folder.path("run.ck"));
        let _ = std::fs::remove_file(folder.path("o.npz"));
        trials += 1;
        // up to six kills, then to the end
        for run in 0.. {
            let line = with_checkpoint(
                &folder,
                &format!("{FLOW} o.npz --checkpoint-every 1 --threads {}", 1 + run % 2),
            );
            let mut child = spawn(&folder, &line);
            if run < 6 {
                std::thread::sleep(length.mul_f64(s.unit()));
                child.kill().unwrap();
            }
            let ended = finished(child.wait_with_output().unwrap());
            if let Some(code) = ended.code {
                assert_eq!((code, ended.stderr.as_str()), (0, ""), "{line}");
                break;
            }
            kills += 1;
            with_something += usize::from(folder.path("run.ck").exists());
            in_a_write += usize::from(temporary(&folder) > left);
            left = temporary(&folder);
        }
        assert!(std::fs::read(folder.path("o.npz")).unwrap() == whole, "trial {trials}");
        // what a killed run left beside a target goes with the next write
        assert_eq!(temporary(&folder), 0, "{:?}", folder.names());
        left = 0;
    }
    println!(
        "{kills} kills in {trials} runs of {length:.1?}: {with_something} left a checkpoint, {in_a_write} a half-written file"
    );
}

#[test]
fn an_interrupted_run_goes_on_and_a_finished_one_writes_its_outputs_again() {
    let folder = folder();
    let whole = whole(&folder);
    let line =
        format!("{} --checkpoint-every 1000 --json", with_checkpoint(&folder, &format!("{FLOW} o.npz")));
    let child = spawn(&folder, &line);
    // the first checkpoint says that the searches are over
    let end = Instant::now() + Duration::from_secs(120);
    while !folder.path("run.ck").exists() {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let run = finished(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(130), ""));
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let steps = object["steps"].as_u64().unwrap();
    assert!(object["status"] == "interrupted" && object["checkpoint"] == "run.ck" && steps < 300, "{object}");
    assert!(object.get("resumed_at").is_none());
    assert_eq!(folder.read("o.npz").len(), 60);
    let again = format!("{FLOW} o.npz --checkpoint run.ck --resume run.ck --threads 2 --json");
    let object = folder.json(&again, 0);
    assert!(
        object["resumed_at"] == steps && object["steps"] == 300 && object["checkpoint"] == "run.ck",
        "{object}"
    );
    assert!(std::fs::read(folder.path("o.npz")).unwrap() == whole);
    // the run is over: its outputs are written once more, also others, and without a checkpoint
    std::fs::remove_file(folder.path("o.npz")).unwrap();
    let object = folder.json(&format!("{FLOW} o.npz --report r.html --resume run.ck --json"), 0);
    assert!(object["resumed_at"] == 300 && object.get("checkpoint").is_none(), "{object}");
    assert!(std::fs::read(folder.path("o.npz")).unwrap() == whole && folder.path("r.html").exists());
    let table = folder.line(&format!("{FLOW} o.npz --checkpoint run.ck --resume run.ck"));
    assert!(table.stdout.contains("resumed      after 300 steps\n"), "{}", table.stdout);
    assert!(table.stdout.contains("checkpoint   run.ck (300 steps; --resume run.ck goes on from there)\n"));
    // a longer run than was asked for at first
    let more = FLOW.replace("--steps 300", "--steps 306");
    assert_eq!(folder.line(&format!("{more} more.npz")).code, Some(0));
    assert_eq!(folder.json(&format!("{more} m.npz --resume run.ck --json"), 0)["resumed_at"], 300);
    assert!(std::fs::read(folder.path("m.npz")).unwrap() == std::fs::read(folder.path("more.npz")).unwrap());
}

#[test]
fn what_differs_is_named() {
    let folder = folder();
    folder.cloud("z.csv", &normal(9, 60, 2));
    folder.text("q.csv", "1,0\n0,1\n");
    let base = "flow a.csv --energy wasserstein:target=c.csv --energy quadratic:matrix=q.csv --step 0.01";
    let made = folder.line(&format!("{base} --steps 3 --checkpoint run.ck"));
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    let on = |change: &dyn Fn(&str) -> String| {
        let line = format!("{} --resume run.ck", change(&format!("{base} --steps 3")));
        folder.refused(line.split_whitespace())
    };
    let add = |more: &'static str| on(&|line| format!("{line} {more}"));
    let change = |from: &'static str, to: &'static str| on(&|line| line.replace(from, to));
    for (message, expected) in [
        (change("0.01", "0.02"), "--step: the checkpoint has 0.01, now 0.02"),
        (change("--step 0.01", ""), "--step: the checkpoint has 0.01, now none"),
        (change("--steps 3", "--steps 2"), "--steps: the checkpoint has 3 steps done, now 2"),
        (change("--steps 3", "--time 0.02"), "--time: the checkpoint has reached 0.03, now 0.02"),
        (change("--steps 3", ""), "--steps: the checkpoint has an end of its own, now none"),
        (add("--metric w2"), "--metric: the checkpoint has igw, now w2"),
        (add("--scheme rk4"), "--scheme: the checkpoint has implicit, now rk4"),
        (add("--rotation fixed"), "--rotation: the checkpoint has free, now fixed"),
        (add("--every 2"), "--every: the checkpoint has 1, now 2"),
        (add("--tol 1e-3"), "--tol: the checkpoint has 1e-6, now 0.001"),
        (add("--seed 4"), "--seed: the checkpoint has 0, now 4"),
        (add("--normalize"), "--normalize: the checkpoint has false, now true"),
        (add("--points 1000"), "--points: the checkpoint has none, now 1000"),
        (add("--center"), "--center: the checkpoint has false, now true"),
        (
            change("--energy quadratic:matrix=q.csv", ""),
            "--energy: the checkpoint has wasserstein:target=c.csv --energy quadratic:matrix=q.csv, now wasserstein:target=c.csv",
        ),
    ] {
        assert_eq!(message, expected);
    }
    assert!(change("a.csv", "z.csv").starts_with("z.csv: is not what the checkpoint was made with (SHA-256"));
    // the same cloud under another name, and longer
    folder.cloud("same.csv", &normal(1, 60, 2));
    let line = format!("{base} --steps 5 --threads 1 --max-bytes 100000 --resume run.ck --json")
        .replace("a.csv", "same.csv");
    assert_eq!(folder.json(&line, 0)["resumed_at"], 3);
    // another target, another matrix under the same name
    folder.cloud("c.csv", &normal(4, 55, 2));
    assert!(add("").starts_with("c.csv: is not what the checkpoint was made with"));
    folder.cloud("c.csv", &normal(3, 55, 2));
    folder.text("q.csv", "1,0\n0,1.5\n");
    assert!(add("").starts_with("q.csv: is not what the checkpoint was made with"));
}

#[test]
fn bad_checkpoints_and_bad_places_are_refused_before_the_work() {
    let folder = folder();
    let base = "flow a.csv --energy quadratic --step 0.01 --steps 4";
    assert_eq!(folder.line(&format!("{base} --checkpoint run.ck")).code, Some(0));
    let good = std::fs::read(folder.path("run.ck")).unwrap();
    std::fs::write(folder.path("half.ck"), &good[..good.len() / 2]).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 4;
    std::fs::write(folder.path("bad.ck"), bad).unwrap();
    folder.text("empty.ck", "");
    std::fs::create_dir(folder.path("d")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path("full.ck")).unwrap();
    for (more, words) in [
        ("--resume half.ck", "half.ck: is damaged or cut off"),
        ("--resume bad.ck", "bad.ck: is damaged or cut off"),
        ("--resume empty.ck", "empty.ck: the file is empty; a checkpoint is"),
        ("--resume a.csv", "a.csv: is no checkpoint of a flow; give a file of gromov flow --checkpoint"),
        ("--resume none.ck", "none.ck: no such file"),
        ("--resume d", "d: is a folder"),
        ("--resume run.ck --max-bytes 3000", "more than the limit of 3000; raise it with --max-bytes"),
        ("--checkpoint none/run.ck", "create it first"),
        ("--checkpoint d", "d: is a folder; give the name of a file"),
        ("--checkpoint a.csv", "a.csv: is read and would be overwritten"),
        ("--checkpoint full.ck", "full.ck: is not a regular file"),
        ("--checkpoint o.npz --out o.npz", "is given to --out and to --checkpoint"),
        ("--checkpoint f --frames-ply f", "choose two places"),
        ("--resume run.ck --report run.ck.html --out run.ck", "run.ck: frames are written as .npz or .csv"),
        ("--checkpoint c.ck --checkpoint-every 0", "0 is not in 1.."),
        ("--checkpoint c.ck --checkpoint-seconds -1", "--checkpoint-seconds: -1 is not allowed"),
        ("--checkpoint-every 3", "--checkpoint <FILE>"),
        ("--checkpoint-seconds 3", "--checkpoint <FILE>"),
    ] {
        let message = folder.refused(format!("{base} {more}").split_whitespace());
        assert!(message.contains(words), "{more}: {message}");
    }
    std::fs::copy(folder.path("run.ck"), folder.path("run.npz")).unwrap();
    let message = folder.refused(format!("{base} --resume run.npz --out run.npz").split_whitespace());
    assert!(message.contains("run.npz: is read and would be overwritten"), "{message}");
    // after a second in all, however many steps that is
    let run = folder.line(&format!("{base} --checkpoint t.ck --checkpoint-every 100 --checkpoint-seconds 0"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

/// A limit on the size of files stands for a full disk: the growing checkpoint does not fit at some step.
#[test]
fn a_checkpoint_that_cannot_be_written_ends_the_run_with_the_old_one_intact() {
    let folder = folder();
    let base = "flow a.csv --energy quadratic --metric w2 --step 0.001 --steps 400 --json --quiet";
    let whole = folder.line(&format!("{base} --out whole.npz"));
    assert_eq!(whole.code, Some(0));
    let script = format!(
        "trap '' XFSZ; ulimit -f 200; exec '{}' {base} --checkpoint run.ck --checkpoint-every 5",
        env!("CARGO_BIN_EXE_gromov")
    );
    let mut command = std::process::Command::new("sh");
    let run = finished(command.current_dir(folder.path("")).args(["-c", &script]).output().unwrap());
    assert_eq!((run.code, run.stderr.lines().count()), (Some(2), 1), "{}", run.stderr);
    assert!(run.stderr.starts_with("gromov: run.ck: cannot be written: "), "{}", run.stderr);
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let steps = object["steps"].as_u64().unwrap();
    assert!(object["status"] == "interrupted" && (10..400).contains(&steps), "{object}");
    assert!(run.stderr.contains(&format!(
        "the flow ended after {steps} steps, and a checkpoint written before is as it was"
    )));
    assert_eq!(temporary(&folder), 0);
    let on = folder.json(&format!("{base} --out o.npz --resume run.ck"), 0);
    assert_eq!(on["resumed_at"], steps - 5);
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap();
    assert!(bytes("o.npz") == bytes("whole.npz"));
}
