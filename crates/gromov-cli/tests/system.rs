//! The program among others: pipes, signals, odd names, full disks.
#![cfg(unix)]

mod common;

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Folder, Run, finished, holds_text, normal};

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(3, 20, 2));
    for line in
        ["info a.csv", "info a.csv --json", "--help", "flow a.csv --energy quadratic --steps 2 --out o.npz"]
    {
        let mut child =
            folder.command(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{line}");
    }
    assert!(folder.path("o.npz").exists());
    let mut command = folder.command(["info", "none.csv"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(command.stderr(writer).status().unwrap().code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_one_line_and_exit_two() {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(3, 20, 2));
    for line in ["info a.csv", "info a.csv --json", "--help", "--version", "distance a.csv a.csv"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = finished(folder.command(line.split(' ')).stdout(full).output().unwrap());
        assert_eq!(run.code, Some(2), "{line}");
        assert!(run.stderr.starts_with("gromov: stdout: cannot be written: No space left"), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
    }
    std::os::unix::fs::symlink("/dev/full", folder.path("full.csv")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path("full.npz")).unwrap();
    for line in [
        "distance a.csv a.csv --plan full.csv",
        "flow a.csv --energy quadratic --steps 1 --out full.csv",
        "flow a.csv --energy quadratic --steps 1 --out full.npz",
    ] {
        let message = folder.refused(line.split(' '));
        assert!(message.contains("cannot be written: No space left"), "{message}");
    }
    assert_eq!(folder.names(), ["a.csv", "full.csv", "full.npz"]);
}

#[test]
fn odd_names_work_and_stay_on_one_line() {
    let folder = Folder::new();
    let cloud = normal(4, 10, 2);
    folder.cloud("start.csv", &normal(9, 10, 2));
    let names: [&[u8]; 7] = [
        b"a b.csv",
        b"it's \"q\".csv",
        b"new\nline.csv",
        b"\xff\xfe.csv",
        b"a,b.csv",
        b"=1+1.csv",
        b"\x1b[31m.csv",
    ];
    for name in names {
        let name = OsString::from_vec(name.to_vec());
        folder.cloud(&name, &cloud);
        let mut spec = b"wasserstein:target=".to_vec();
        spec.extend(
            name.as_encoded_bytes().iter().flat_map(|b| if *b == b',' { vec![*b; 2] } else { vec![*b] }),
        );
        let spec = OsString::from_vec(spec);
        let out = OsString::from_vec([b"out ", name.as_encoded_bytes(), b".npz"].concat());
        let word = OsStr::new;
        for json in [true, false] {
            let mut arguments =
                vec![word("flow"), word("start.csv"), word("--energy"), &spec, word("--out"), &out];
            arguments.extend([word("--steps"), word("1"), word("--metric"), word("w2")]);
            if json {
                arguments.push(word("--json"));
            }
            let run = folder.run(arguments);
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name:?}");
            assert!(run.stdout.chars().all(|c| c == '\n' || !c.is_control()), "{}", run.stdout);
            assert_eq!(folder.read(&out).len(), 10);
        }
        let table = folder.run([word("distance"), &name, &name]);
        assert!(table.code == Some(0) && table.stdout.chars().all(|c| c == '\n' || !c.is_control()));
        let gone = OsString::from_vec([b"gone ", name.as_encoded_bytes()].concat());
        assert!(folder.refused([word("info"), &gone]).contains("no such file"));
        assert!(folder.refused([word("info"), &name, &gone]).contains("unexpected argument"));
        assert!(
            folder.refused([word("flow"), &name, word("--energy"), &gone]).contains("there is no energy")
        );
    }
    folder.cloud("-", &cloud);
    folder.cloud("-a.csv", &cloud);
    assert_eq!(folder.run(["info", "--", "-a.csv"]).code, Some(0));
    assert!(folder.refused(["info", "-"]).contains("has no ending that tells the format"));
}

#[test]
fn an_existing_output_is_replaced_and_a_link_followed() {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(5, 10, 2));
    folder.text("old.csv", "old");
    std::os::unix::fs::symlink("old.csv", folder.path("link.csv")).unwrap();
    assert_eq!(folder.line("flow a.csv --energy quadratic --steps 1 --out link.csv").code, Some(0));
    assert!(std::fs::read_to_string(folder.path("old.csv")).unwrap().starts_with("time,i,x1,x2,w\n"));
    assert!(std::fs::symlink_metadata(folder.path("link.csv")).unwrap().is_symlink());
    folder.text("kept.csv", "old");
    assert_eq!(folder.line("flow bad.csv --energy quadratic --steps 1 --out kept.csv").code, Some(2));
    assert_eq!(std::fs::read_to_string(folder.path("kept.csv")).unwrap(), "old");
    assert_eq!(folder.names(), ["a.csv", "kept.csv", "link.csv", "old.csv"]);
}

#[test]
fn quiet_silences_progress_and_stdout_has_the_results_alone() {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(6, 10, 2));
    for command in ["flow a.csv --energy quadratic --steps 2", "distance a.csv a.csv", "info a.csv"] {
        let (loud, quiet) = (folder.line(command), folder.line(&format!("{command} --quiet")));
        // stderr is no terminal here: no progress line in either
        assert_eq!((loud.stderr.as_str(), quiet.stderr.as_str()), ("", ""));
        let lines = |text: &str| {
            text.lines().filter(|l| !l.starts_with("seconds")).map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(lines(&loud.stdout), lines(&quiet.stdout));
    }
}

/// Waits until the process has a handler for signal 2 (SIGINT).
#[cfg(target_os = "linux")]
fn wait_for_handler(id: u32) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
        if caught.and_then(|c| u64::from_str_radix(c.trim(), 16).ok()).is_some_and(|c| c & 2 != 0) {
            return;
        }
        assert!(Instant::now() < end, "no handler: {status}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts the command and interrupts it once it works; what it left, and that it ended in time.
#[cfg(target_os = "linux")]
fn interrupted(folder: &Folder, command: &str) -> Run {
    let mut command = folder.command(command.split(' '));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // the work begins after the handler: it hears the signal after its first iteration, and is not over then
    wait_for_handler(child.id());
    let sent = Instant::now();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let run = finished(child.wait_with_output().unwrap());
    assert!(sent.elapsed() < Duration::from_secs(30));
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    run
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_forecast_ends_without_an_answer() {
    let folder = Folder::new();
    folder.cloud("big.csv", &normal(8, 20_001, 2));
    for (large, note) in
        [("", "gromov: note: interrupted during the forecast; nothing was written\n"), (" --quiet", "")]
    {
        let run = interrupted(&folder, &format!("distance big.csv big.csv --plan p.csv{large}"));
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", note));
    }
    assert_eq!(folder.names(), ["big.csv"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_demonstration_writes_what_it_has() {
    let folder = Folder::new();
    let run = interrupted(&folder, "demo --quick --json");
    assert_eq!(run.stderr, "");
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(object["status"] == "interrupted" && object["bunny"].is_null(), "{object}");
    assert_eq!(folder.names(), ["demo.html", "igw.npz", "w2.npz"]);
    assert_eq!(folder.read("igw.npz").len(), 300);
    assert!(std::fs::read_to_string(folder.path("demo.html")).unwrap().contains("was stopped early"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_writes_what_it_has_and_exits_with_130() {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(7, 150, 3));
    folder.cloud("b.csv", &normal(8, 400, 3));
    for (command, out) in [
        (
            "flow a.csv --energy energy-distance:target=b.csv --scheme rk4 --rotation fixed --step 1e-6 --steps 100000000 --every 50 --out o.npz --frames-ply f",
            "o.npz",
        ),
        ("distance a.csv b.csv --starts 1000000 --plan p.csv", "p.csv"),
        ("distance a.csv b.csv --method global --certificate c.npz", "c.npz"),
        ("barycenter a.csv b.csv --starts 1000000 --tol 0 --report r.html --out m.npz", "m.npz"),
        ("geodesic a.csv b.csv --starts 1000000 --out g.npz", "g.npz"),
    ] {
        let run = interrupted(&folder, &format!("{command} --json"));
        assert_eq!(run.stderr, "", "{command}");
        let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(object["status"], "interrupted", "{command}");
        assert!(folder.path(out).exists(), "{command}");
        if out == "c.npz" {
            assert!(object["lower_bound"].as_f64() <= object["squared"].as_f64(), "{object}");
            assert_eq!(folder.json("verify c.npz a.csv b.csv --json", 0)["accepted"], true);
        }
        if out == "m.npz" {
            assert_eq!((folder.read(out).len(), folder.read(out).dim()), (400, 3));
            assert!(folder.path("r.html").exists());
        }
        if out == "o.npz" {
            assert!(object["steps"].as_u64().unwrap() > 0, "{object}");
            assert_eq!((folder.read(out).len(), folder.read(out).dim()), (150, 3));
            assert!(holds_text(&folder.path(out), "\"status\":\"interrupted\""));
            let frames = std::fs::read_dir(folder.path("f")).unwrap().count();
            assert!(
                object["frames"] == frames && object["frames_ply"]["files"] == frames,
                "{frames} {object}"
            );
        }
    }
    assert_eq!(
        folder.names(),
        ["a.csv", "b.csv", "c.npz", "f", "g.npz", "m.npz", "o.npz", "p.csv", "r.html"]
    );
}
