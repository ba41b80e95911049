//! Certified distances: the optimum, its certificate, and what `verify` says of it.

mod common;

use common::{Folder, has_keys, holds_text, normal};
use gromov::Measure;
use gromov::certificate::Certificate;
use gromov::io::{ReadOptions, read_certificate, write_certificate};
use gromov::measure::sample::ball;
use serde_json::Value;

fn shifted(cloud: &Measure, by: f64) -> Measure {
    cloud.with_points(cloud.points().iter().map(|x| x + by).collect()).unwrap()
}

fn folder() -> Folder {
    let folder = Folder::new();
    for (name, cloud) in [
        ("a.csv", normal(1, 14, 2)),
        ("b.csv", normal(2, 17, 2)),
        ("c.csv", normal(3, 14, 2)),
        ("far.csv", shifted(&normal(4, 40, 2), 3.0)),
        ("space.csv", normal(5, 9, 3)),
        ("seven.csv", normal(6, 9, 7)),
        // not certified within a second
        ("ball.csv", ball(200, 3, 1).unwrap()),
        ("ball2.csv", ball(200, 3, 2).unwrap()),
    ] {
        folder.cloud(name, &cloud);
    }
    folder
}

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} in {object}"))
}

fn certificate(folder: &Folder, name: &str) -> Certificate {
    read_certificate(&folder.path(name), &ReadOptions::default()).unwrap()
}

#[test]
fn the_optimum_has_a_certificate_that_is_accepted() {
    let folder = folder();
    let line = "distance a.csv b.csv --method global --certificate c.npz";
    let o = folder.json(&format!("{line} --json"), 0);
    has_keys(&o, "nodes gap_absolute mean_share");
    assert_eq!(
        (&o["method"], &o["status"], &o["certificate"]),
        (&"global".into(), &"converged".into(), &"c.npz".into())
    );
    let (squared, lower) = (number(&o, "squared"), number(&o, "lower_bound"));
    assert!(o["certified"] == true && squared - lower <= 1e-9 * squared + number(&o, "rounding"), "{o}");
    assert!(
        (number(&o, "gap_absolute") - (squared - lower)).abs() < 1e-15 && number(&o, "nodes") >= 1.0,
        "{o}"
    );
    // the search finds nothing better, and auto with a certificate is the same run
    let local = folder.json("distance a.csv b.csv --method local --json", 0);
    assert!(number(&local, "squared") >= lower && local["method"] == "local" && local["nodes"] == 0);
    // auto proves what is cheap to prove, and says when it gave up
    let auto = folder.json("distance a.csv b.csv --json", 0);
    assert!(
        auto["method"] == "global" && auto["certified"] == true && number(&auto, "nodes") >= 1.0,
        "{auto}"
    );
    assert!((number(&auto, "squared") - squared).abs() <= 1e-9 * squared && number(&auto, "starts") == 128.0);
    let auto = folder.json("distance a.csv b.csv --certificate auto.npz --json", 0);
    assert_eq!((&auto["squared"], &auto["method"]), (&o["squared"], &"global".into()));
    assert!(holds_text(
        &folder.path("auto.npz"),
        "\"command\":\"distance\",\"a\":\"a.csv\",\"b\":\"b.csv\",\"tol\":1e-9"
    ));
    let v = folder.json("verify c.npz a.csv b.csv --json", 0);
    has_keys(&v, "schema accepted reason squared lower_bound gap certified tol cuts leaves n m seconds");
    assert_eq!(
        (&v["schema"], &v["accepted"], &v["certified"]),
        (&"gromov/verify/1".into(), &true.into(), &true.into())
    );
    assert!(v["reason"].is_null() && v["n"] == 14 && v["m"] == 17, "{v}");
    assert!(
        (number(&v, "squared") - squared).abs() <= 1e-12
            && (number(&v, "lower_bound") - lower).abs() <= 1e-12
    );
    let (boxes, cuts) = (v["leaves"].to_string(), v["cuts"].to_string());
    let table = folder.line(line).stdout;
    for words in [
        "method        global: ",
        " transport problems\n",
        " relative, ",
        " absolute, certified: this is the optimum",
    ] {
        assert!(table.contains(words), "{table}");
    }
    let plural =
        |n: &str, one: &str, many: &str| if n == "1" { format!("1 {one}") } else { format!("{n} {many}") };
    let row = format!("certificate   {}, {cuts} cuts in c.npz", plural(&boxes, "box", "boxes"));
    assert!(table.contains(&row), "{table}");
    let table = folder.line("verify c.npz a.csv b.csv").stdout;
    for words in
        ["verdict      accepted: ", "optimal      yes, within 1e-9", "A            14 points in R^2, a.csv"]
    {
        assert!(table.contains(words), "{table}");
    }
}

#[test]
fn a_certificate_of_centred_clouds_and_samples_is_checked_on_the_files() {
    let folder = folder();
    folder.json("distance far.csv b.csv --center --certificate c.npz --json", 0);
    assert!(certificate(&folder, "c.npz").center);
    for options in ["", " --center"] {
        let v = folder.json(&format!("verify c.npz far.csv b.csv --json{options}"), 0);
        assert_eq!((&v["accepted"], &v["certified"]), (&true.into(), &true.into()), "{options}: {v}");
    }
    // a sample is centred with its whole cloud: the reading options say it again
    let options = "--center --points 10 --seed 4";
    folder.json(&format!("distance far.csv b.csv {options} --certificate s.npz --json"), 0);
    assert!(!certificate(&folder, "s.npz").center);
    let v = folder.json(&format!("verify s.npz far.csv b.csv {options} --json"), 0);
    assert!(v["accepted"] == true && v["n"] == 10, "{v}");
    let other = folder.json("verify s.npz far.csv b.csv --center --points 10 --seed 5 --json", 1);
    assert_eq!(other["accepted"], false);
    let message = folder.refused("verify s.npz far.csv b.csv".split(' '));
    assert!(
        message.contains("A: expected 10 points of dimension 2, as in the certificate, got 40"),
        "{message}"
    );
    assert!(message.contains("reading options of the run (--points, --seed"), "{message}");
}

#[test]
fn what_proves_nothing_is_rejected() {
    let folder = folder();
    folder.json("distance a.csv b.csv --certificate c.npz --json", 0);
    let run = folder.line("verify c.npz c.csv b.csv");
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""));
    assert!(
        run.stdout.contains("verdict      rejected: the plan has another value")
            && run.stdout.contains("note ")
    );
    let good = certificate(&folder, "c.npz");
    type Change = fn(&mut Certificate);
    let changes: [(Change, &str); 5] = [
        (|c| c.squared *= 1.0 - 1e-6, "the plan has another value"),
        (|c| c.lower_bound *= 1.0 + 1e-6, "a smaller lower bound is proved"),
        (|c| c.plan[0].2 *= 0.5, "too little of point"),
        (|c| c.multipliers[0].value = -1.0, "expected a number >= 0"),
        (|c| c.potentials.iter_mut().for_each(|v| *v = 0.0), "a smaller lower bound is proved"),
    ];
    for (change, reason) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        write_certificate(&folder.path("bad.npz"), &bad, "").unwrap();
        let v = folder.json("verify bad.npz a.csv b.csv --json", 1);
        assert!(v["accepted"] == false && v["certified"] == false, "{v}");
        assert!(v["reason"].as_str().unwrap().contains(reason), "{reason}: {v}");
    }
    // no certificates
    let bytes = std::fs::read(folder.path("c.npz")).unwrap();
    std::fs::write(folder.path("short.npz"), &bytes[..bytes.len() / 2]).unwrap();
    for (line, words) in [
        ("verify none.npz a.csv b.csv", "none.npz: no such file"),
        ("verify short.npz a.csv b.csv", "short.npz: is not an NPZ archive, or is cut short"),
        ("verify a.csv b.csv c.npz", "a.csv: a certificate is the .npz of gromov distance --certificate"),
        ("verify c.npz a.csv none.csv", "none.csv: no such file"),
        ("verify c.npz a.csv", "not provided: <B>"),
        ("verify c.npz b.csv a.csv", "A: expected 14 points of dimension 2"),
    ] {
        let message = folder.refused(line.split(' '));
        assert!(message.contains(words), "{line}: {message}");
    }
}

#[test]
fn a_run_that_is_ended_early_has_both_bounds() {
    let folder = folder();
    let line =
        "distance ball.csv ball2.csv --method global --time-limit 1 --certificate c.npz --report r.html";
    let o = folder.json(&format!("{line} --json"), 1);
    assert_eq!((&o["status"], &o["certified"]), (&"time_cap".into(), &false.into()), "{o}");
    assert!(number(&o, "lower_bound") < number(&o, "squared"), "{o}");
    let v = folder.json("verify c.npz ball.csv ball2.csv --json", 0);
    assert_eq!((&v["accepted"], &v["certified"]), (&true.into(), &false.into()), "{v}");
    let page = std::fs::read_to_string(folder.path("r.html")).unwrap();
    for words in ["The search was ended early", "<td>boxes</td>", "<td>transport problems</td>", "row by row"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn the_page_of_a_global_search_draws_its_bounds() {
    let folder = folder();
    let line = "distance a.csv far.csv --report r.html";
    folder.json(&format!("{line} --method global --json"), 0);
    let page = std::fs::read_to_string(folder.path("r.html")).unwrap();
    for words in
        ["Bounds of IGW²", "Relative gap", "transport problems solved", "far.csv is far from centred"]
    {
        assert!(page.contains(words), "{words}");
    }
    folder.json(&format!("{line} --center --method local --json"), 0);
    let page = std::fs::read_to_string(folder.path("r.html")).unwrap();
    assert!(
        !page.contains("Relative gap") && !page.contains("far from centred") && page.contains("both means")
    );
}

#[test]
fn zero_is_not_shown_with_digits() {
    let folder = folder();
    folder.text("square.csv", "1,1\n-1,1\n-1,-1\n1,-1\n");
    for method in ["local", "global"] {
        let table = folder.line(&format!("distance square.csv square.csv --method {method}")).stdout;
        for words in [
            "distance      0 within ",
            "squared       0 within ",
            "lower bound   0 within ",
            "gap           0 within rounding, certified",
        ] {
            assert!(table.contains(words), "{table}");
        }
    }
}

#[test]
fn usage_of_certificates_is_checked_before_the_work() {
    let folder = folder();
    for (line, words) in [
        (
            "distance a.csv b.csv --method local --certificate c.npz",
            "--certificate needs --method global or auto, not --method local",
        ),
        (
            "distance a.csv b.csv --certificate c.csv",
            "c.csv: a certificate is written as .npz; give --certificate a name",
        ),
        ("distance none.csv b.csv --certificate no/c.npz", "no/c.npz: its folder no cannot be used"),
        (
            "distance a.csv b.csv --certificate x.npz --transform a.csv --out x.npz",
            "x.npz: is given to --certificate and to --out",
        ),
        ("distance a.csv b.csv --method global --tol -1", "--tol: -1 is not allowed"),
        ("distance a.csv b.csv --method global --time-limit -1", "--time-limit: -1 is not allowed"),
        (
            "distance seven.csv seven.csv --method global",
            "d_x d_y = 7 * 7 is more than the 36 of the global method; use --method local",
        ),
        ("verify c.npz a.csv b.csv --invert", "--invert concerns pictures"),
    ] {
        let message = folder.refused(line.split(' '));
        assert!(message.contains(words), "{line}: {message}");
    }
    folder.json("distance a.csv space.csv --method global --tol 1e-3 --starts 3 --json", 0);
}
