//! All pairs on the command line: matrices, runs that are killed and go on, refusals.
#![cfg(unix)]

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Folder, finished, has_keys, normal, timeless};
use gromov::measure::sample::Source;
use gromov::pairwise::Pairwise;

/// k clouds in the folder `c`.
fn folder(k: usize) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("c")).unwrap();
    for i in 0..k {
        folder.cloud(format!("c/{i:02}.csv"), &normal(i as u64 + 1, 20 + 3 * (i % 9), 2));
    }
    folder
}

fn matrix(folder: &Folder, name: &str) -> Vec<f64> {
    let bytes = std::fs::read(folder.path(name)).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn the_matrix_is_that_of_the_library_in_any_form_and_order() {
    let folder = folder(6);
    let clouds: Vec<_> = (0..6).map(|i| Ok(folder.read(format!("c/{i:02}.csv")))).collect();
    let want = Pairwise::default().solve(&clouds, &mut ()).unwrap();
    let object = folder.json("pairwise c --out d.npy --json --threads 1", 0);
    has_keys(
        &object,
        "schema k pairs solved resumed pruned failed certified status method starts seconds out clouds",
    );
    assert_eq!(
        (&object["schema"], &object["k"], &object["pairs"]),
        (&"gromov/pairwise/1".into(), &6.into(), &15.into())
    );
    assert_eq!(
        (&object["starts"], &object["method"], &object["status"]),
        (&16.into(), &"local".into(), &"completed".into())
    );
    assert_eq!(object["clouds"][5], "c/05.csv");
    assert!(matrix(&folder, "d.npy").iter().zip(&want.distances).all(|(a, b)| a.to_bits() == b.to_bits()));
    let smallest = (0..15)
        .filter_map(|p| want.found(p / 5, p % 5 + 1))
        .map(|f| f.distance)
        .fold(f64::INFINITY, f64::min);
    assert!(object["smallest"].as_f64().unwrap() <= smallest);
    // another order, other threads
    let again =
        folder.line("pairwise c/05.csv c/04.csv c/03.csv c/02.csv c/01.csv c/00.csv --out r.npy --threads 2");
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""));
    let mut reversed = matrix(&folder, "r.npy");
    reversed.reverse();
    assert!(reversed.iter().zip(&want.distances).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert!(again.stdout.contains("solved     15 of 15 pairs\n"), "{}", again.stdout);
    // text with the names of the files
    folder.line("pairwise c --out d.csv");
    let text = std::fs::read_to_string(folder.path("d.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("c/00.csv,c/01.csv,c/02.csv,c/03.csv,c/04.csv,c/05.csv"));
    let numbers: Vec<f64> =
        lines.flat_map(|l| l.split(',').map(|x| x.parse().unwrap()).collect::<Vec<f64>>()).collect();
    assert!(numbers.iter().zip(&want.distances).all(|(a, b)| a.to_bits() == b.to_bits()));
    // two runs, one object
    let twice =
        [1, 2].map(|t| timeless(folder.json(&format!("pairwise c --prune knn:1 --json --threads {t}"), 0)));
    assert_eq!(twice[0], twice[1]);
    let (pruned, solved) = (twice[0]["pruned"].as_u64().unwrap(), twice[0]["solved"].as_u64().unwrap());
    assert_eq!(pruned + solved, 15);
}

#[test]
fn a_pair_without_a_distance_is_listed_and_the_others_are_there() {
    let folder = folder(3);
    folder.text("far.csv", "1e100,0\n-1e100,0\n0,1e100\n");
    let object = folder.json("pairwise c far.csv --out d.npy --json", 1);
    assert_eq!((&object["solved"], &object["status"]), (&3.into(), &"completed".into()));
    let failed = object["failed"].as_array().unwrap();
    assert_eq!((failed.len(), &failed[0]["a"], &failed[0]["b"]), (3, &"c/00.csv".into(), &"far.csv".into()));
    assert!(failed[0]["reason"].as_str().unwrap().contains("leaves the range of doubles"));
    let matrix = matrix(&folder, "d.npy");
    assert!(matrix[3].is_nan() && matrix[1] > 0.0 && matrix[15] == 0.0);
    let table = folder.line("pairwise c far.csv");
    assert_eq!(table.code, Some(1));
    assert!(
        table.stdout.contains("failed     c/00.csv and far.csv: the squared distance leaves"),
        "{}",
        table.stdout
    );
}

/// The pairs of the blocks of a journal, in the order of the file.
fn journal(folder: &Folder) -> Vec<(u64, u64)> {
    let text = std::fs::read_to_string(folder.path("run.jsonl")).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
    let pairs = whole.lines().skip(1).flat_map(|line| {
        let block: serde_json::Value = serde_json::from_str(line).unwrap();
        let records = block["records"].as_array().unwrap().clone();
        records.into_iter().map(|r| (r["i"].as_u64().unwrap(), r["j"].as_u64().unwrap()))
    });
    pairs.collect()
}

#[test]
fn killed_runs_go_on_to_the_same_bytes_and_nothing_is_computed_twice() {
    let folder = folder(48);
    let line = "pairwise c --quiet";
    let clock = Instant::now();
    let run = folder.line(&format!("{line} --out whole.npy --threads 1"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let length = clock.elapsed();
    let whole = std::fs::read(folder.path("whole.npy")).unwrap();
    let mut s = Source::new(3, 0);
    let (mut kills, mut with_something, mut torn) = (0, 0, 0);
    while kills < 20 || with_something < 10 {
        let _ = std::fs::remove_file(folder.path("run.jsonl"));
        let _ = std::fs::remove_file(folder.path("o.npy"));
        let mut before: Vec<(u64, u64)> = Vec::new();
        for run in 0.. {
            let threads = 1 + run % 2;
            let line = format!("{line} --out o.npy --checkpoint run.jsonl --json --threads {threads}");
            let mut child = folder
                .command(line.split_whitespace())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            if run < 5 {
                std::thread::sleep(length.mul_f64(0.4 * s.unit()));
                child.kill().unwrap();
            }
            let ended = finished(child.wait_with_output().unwrap());
            let now = journal(&folder);
            // lines that were there stay, and no pair is there twice
            assert_eq!(now[..before.len().min(now.len())], before[..]);
            let mut sorted = now.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), now.len());
            if let Some(code) = ended.code {
                assert_eq!((code, ended.stderr.as_str()), (0, ""), "{line}");
                let object: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
                // nothing that was on the disk is computed again
                assert_eq!((&object["resumed"], now.len()), (&before.len().into(), 1128));
                break;
            }
            kills += 1;
            with_something += usize::from(!now.is_empty());
            let bytes = std::fs::read(folder.path("run.jsonl")).unwrap_or_default();
            torn += usize::from(bytes.last().is_some_and(|b| *b != b'\n'));
            before = now;
        }
        assert!(std::fs::read(folder.path("o.npy")).unwrap() == whole);
    }
    println!("{kills} kills in runs of {length:.1?}: {with_something} left records, {torn} a torn line");
}

#[test]
fn ctrl_c_leaves_what_there_is_and_the_run_goes_on() {
    let folder = folder(48);
    let line = "pairwise c --starts 64 --quiet --json --checkpoint run.jsonl --out o.npy";
    let child = folder
        .command(line.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    while journal(&folder).is_empty() {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let run = finished(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(130), ""));
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let solved = object["solved"].as_u64().unwrap();
    assert!(object["status"] == "interrupted" && solved > 0 && solved < 1128, "{object}");
    let part = matrix(&folder, "o.npy");
    assert_eq!(part.iter().filter(|d| d.is_nan()).count() as u64, 2 * (1128 - solved));
    assert_eq!(journal(&folder).len() as u64, solved);
    let object = folder.json(line, 0);
    assert_eq!((object["resumed"].as_u64(), object["solved"].as_u64()), (Some(solved), Some(1128)));
    let whole = matrix(&folder, "o.npy");
    assert!(part.iter().zip(&whole).all(|(a, b)| a.is_nan() || a.to_bits() == b.to_bits()));
    // all is there: the matrix is written again
    let object = folder.json(line, 0);
    assert_eq!((object["resumed"].as_u64(), matrix(&folder, "o.npy") == whole), (Some(1128), true));
}

#[test]
fn what_is_wrong_is_said_before_the_work() {
    let folder = folder(3);
    assert_eq!(folder.line("pairwise c --checkpoint run.jsonl").code, Some(0));
    let good = std::fs::read_to_string(folder.path("run.jsonl")).unwrap();
    folder.text("bad.jsonl", &good.replacen("squared\":", "squared\":1", 1));
    folder.text("notes.txt", "mine");
    folder.text("empty.csv", "");
    std::fs::create_dir(folder.path("none")).unwrap();
    folder.cloud("other.csv", &normal(99, 20, 2));
    std::os::unix::fs::symlink("/dev/full", folder.path("full.jsonl")).unwrap();
    for (line, words) in [
        ("c/00.csv", "one cloud (c/00.csv) has no distances; give two or more"),
        ("none", "none: the folder has no file ending in .csv"),
        ("c c/01.csv", "c/01.csv: is given twice"),
        ("c empty.csv", "empty.csv: the file is empty"),
        ("c missing.csv", "missing.csv: no such file"),
        ("c --out d.txt", "d.txt: the matrix is written as .npy or .csv"),
        ("c --out c/00.csv", "c/00.csv: is read and would be overwritten"),
        ("c --out a.npy --checkpoint a.npy", "a.npy: is given to --out and to --checkpoint"),
        ("c --prune knn:0", "write knn:K with K at least 1"),
        ("c --prune 5", "write knn:K with K at least 1"),
        ("c --tol -1", "--tol: -1 is not allowed"),
        ("c --time-limit -1", "--time-limit: -1 is not allowed"),
        ("c --checkpoint bad.jsonl", "bad.jsonl:2: is damaged: the sum of the line (SHA-256) is another one"),
        ("c --checkpoint notes.txt", "notes.txt: is no journal of a run over all pairs"),
        ("c --checkpoint none", "none: is a folder"),
        ("c --checkpoint full.jsonl", "full.jsonl: is not a regular file"),
        ("c --checkpoint run.jsonl --starts 3", "--starts: the checkpoint has none, now 3"),
        ("c --checkpoint run.jsonl --seed 3", "--seed: the checkpoint has 0, now 3"),
        ("c --checkpoint run.jsonl --center", "--center: the checkpoint has false, now true"),
        ("c --checkpoint run.jsonl --prune knn:2", "--prune: the checkpoint has none, now 2"),
        ("c other.csv --checkpoint run.jsonl", "the checkpoint has 3 of them, now 4 of them"),
        (
            "c/00.csv c/01.csv other.csv --checkpoint run.jsonl",
            "other.csv: is not what the checkpoint was made with",
        ),
    ] {
        let message = folder.refused(format!("pairwise {line}").split_whitespace());
        assert!(message.contains(words), "{line}: {message}");
    }
}
