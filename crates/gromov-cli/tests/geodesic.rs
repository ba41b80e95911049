//! `gromov geodesic`: what it answers, writes, shows and refuses.

mod common;

use common::{Folder, has_keys, holds_text, normal, turned};
use gromov::Measure;

const KEYS: &str = "schema squared d_igw kind plan frame frames status length action method rotation reflected residual \
    uncertainty iterations lost n m d_x d_y d particles search out report seconds";

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Two clouds of 40 points, the second the first stretched and turned, in the same order; others for refusals.
fn folder() -> (Folder, Measure) {
    let folder = Folder::new();
    let a = normal(1, 40, 2);
    folder.cloud("a.csv", &a);
    folder.cloud("b.csv", &stretched(&a));
    folder.cloud("few.csv", &normal(2, 30, 2));
    folder.cloud("space.csv", &normal(3, 40, 3));
    let weights = (1..=40).map(|k| f64::from(k) / 820.0).collect();
    folder.cloud("heavy.csv", &Measure::weighted(a.points().to_vec(), 2, weights).unwrap());
    (folder, a)
}

/// diag(2, 1), then a turn by 30 degrees.
fn stretched(a: &Measure) -> Measure {
    let (s, c) = 30f64.to_radians().sin_cos();
    a.linear_image(&[2.0 * c, -s, 2.0 * s, c], 2).unwrap()
}

#[test]
fn a_geodesic_of_rows_is_the_librarys() {
    let (folder, a) = folder();
    let o = folder.json("geodesic a.csv b.csv --plan identity --json --out o.npz --frames 5", 0);
    has_keys(&o, KEYS);
    let path = gromov::Geodesic::default().labelled(&a, stretched(&a).points(), &mut ()).unwrap();
    assert_eq!((&o["schema"], &o["kind"]), (&"gromov/geodesic/1".into(), &"intrinsic".into()));
    assert_eq!((&o["status"], &o["plan"]), (&"converged".into(), &"identity".into()));
    assert_eq!((&o["frames"], &o["particles"], &o["d"]), (&5.into(), &40.into(), &2.into()));
    assert!(o["search"].is_null() && o["reflected"] == false, "{o}");
    for (key, value) in [("squared", path.squared), ("d_igw", path.length), ("action", path.action)] {
        assert!((number(&o[key]) - value).abs() < 1e-12, "{key} {o}");
    }
    assert!(number(&o["d_igw"]) >= number(&o["squared"]).sqrt() && number(&o["residual"]) < 1e-11);
    // the last frame has the moment of B, in the frame of A
    let end = folder.read("o.npz");
    let (got, expected) = (end.spectrum().unwrap(), stretched(&a).spectrum().unwrap());
    assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?} {expected:?}");
    assert!(holds_text(&folder.path("o.npz"), "\"command\":\"geodesic\""));
    assert!(holds_text(&folder.path("o.npz"), "\"kind\":\"intrinsic\",\"plan\":\"identity\""));
    // in the frame of B the path ends at B
    folder.json("geodesic a.csv b.csv --plan identity --json --out o.npz --frame second", 0);
    for (x, y) in folder.read("o.npz").points().iter().zip(stretched(&a).points()) {
        assert!((x - y).abs() < 1e-12, "{x} {y}");
    }
}

#[test]
fn the_optimal_plan_is_that_of_distance() {
    let (folder, a) = folder();
    folder.cloud("turned.csv", &turned(&a, 4));
    let o = folder.json("geodesic a.csv turned.csv --json --out o.csv --frames 3", 0);
    assert!(number(&o["squared"]) < 1e-12 && number(&o["d_igw"]) < 1e-6, "{o}");
    let search = &o["search"];
    has_keys(search, "lower_bound gap certified status method starts hits");
    assert_eq!(search["certified"], true);
    let rows = std::fs::read_to_string(folder.path("o.csv")).unwrap();
    assert!(rows.starts_with("time,i,x1,x2,w\n0.0,0,") && rows.lines().count() == 1 + 3 * 40);
    let d = folder.json("distance a.csv few.csv --starts 9 --seed 2 --method local --json", 0);
    let o = folder.json("geodesic a.csv few.csv --starts 9 --seed 2 --method local --json", 0);
    assert_eq!((&o["squared"], &o["search"]["hits"]), (&d["squared"], &d["hits"]));
    assert!(o["particles"].as_u64().unwrap() > 40, "{o}");
    // a search that was ended has an answer and its status
    let o = folder.json("geodesic a.csv few.csv --time-limit 0 --method local --json", 1);
    assert_eq!((&o["status"], &o["search"]["status"]), (&"time_cap".into(), &"time_cap".into()));
    assert!(number(&o["d_igw"]) > 0.0);
}

#[test]
fn kinds_have_their_lengths_and_dimensions() {
    let (folder, _) = folder();
    let intrinsic = folder.json("geodesic a.csv b.csv --plan identity --json", 0);
    let lifted = folder.json("geodesic a.csv b.csv --plan identity --kind lifted --json", 0);
    let straight = folder.json("geodesic a.csv b.csv --plan identity --kind mccann --json", 0);
    let [d, l, s] = [&intrinsic, &lifted, &straight].map(|o| number(&o["length"]));
    assert!(l < d && d < s, "{l} {d} {s}");
    assert!((l * l - number(&lifted["squared"])).abs() < 1e-12 && number(&lifted["lost"]) > 0.0);
    assert!(lifted["d_igw"].is_null() && straight["d_igw"].is_null());
    assert_eq!((&straight["method"], &straight["rotation"][0][0]), (&"closed".into(), &1.0.into()));
    let whole = folder.json("geodesic a.csv b.csv --plan identity --kind lifted --dim 4 --json", 0);
    assert_eq!((&whole["d"], &whole["lost"], &whole["reflected"]), (&4.into(), &0.0.into(), &().into()));
    // different dimensions: a lifted path, or a chain that says what it is
    let o = folder.json("geodesic a.csv space.csv --kind lifted --starts 4 --json", 0);
    assert_eq!((&o["status"], &o["d"]), (&"completed".into(), &3.into()));
    let line = "geodesic a.csv space.csv --starts 4 --method local";
    let o = folder.json(&format!("{line} --json --quiet --out o.npz"), 1);
    assert_eq!((&o["status"], &o["method"]), (&"singular".into(), &"chain".into()));
    assert!(number(&o["uncertainty"]) > 0.0 && folder.read("o.npz").dim() == 3);
    let off = number(&o["uncertainty"]);
    let note = "d_x = 2 and d_y = 3 differ: an intrinsic geodesic has an end at which Sigma has no inverse, so this is \
                a discrete curve of least action; length within ";
    let told = folder.line(&format!("{line} --json")).stderr;
    let within =
        told.strip_prefix(&format!("gromov: note: {note}")).and_then(|s| s.split(',').next()).unwrap();
    assert!((within.parse::<f64>().unwrap() / off - 1.0).abs() < 0.1, "{told} {off}");
    assert!(told.ends_with(", relative; --kind lifted is made for such clouds\n"), "{told}");
    let table = folder.line(line);
    assert_eq!((table.code, table.stderr.as_str()), (Some(1), ""));
    for words in [note, "singular (a chain of frames: see the note)", "length of a chain", "partial isometry"]
    {
        assert!(table.stdout.contains(words), "{words}: {}", table.stdout);
    }
}

#[test]
fn the_table_says_what_was_chosen() {
    let (folder, _) = folder();
    let table = folder.line("geodesic a.csv b.csv --plan identity").stdout;
    for words in [
        "(IGW^2 of the plan)",
        "(intrinsic length for this plan)",
        "kind        intrinsic",
        "plan        row i to row i; 40 particles",
        "status      converged",
        "method      shooting, ",
        "degrees",
        "out         none (--out FILE.npz keeps the frames)",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let table = folder.line("geodesic a.csv few.csv --starts 3 --method local --kind lifted").stdout;
    for words in [
        "none: it is the length of --kind intrinsic",
        "lifted, in 2 dimensions",
        "plan        the best found for IGW, not certified (relative gap ",
        "of 3 starts)",
        "% of the second moment at most, outside the 2 dimensions shown",
        "closed form",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let table = folder.line("geodesic a.csv few.csv --kind mccann").stdout;
    assert!(table.contains("optimal for W2; ") && table.contains("none: as they stand"), "{table}");
    let shifted: Vec<f64> = normal(1, 40, 2).points().iter().map(|x| x + 3.0).collect();
    folder.cloud("far.csv", &Measure::uniform(shifted, 2).unwrap());
    let line = "geodesic a.csv far.csv --plan identity";
    assert!(folder.line(line).stdout.contains("B is far from centred"));
    assert!(!folder.line(&format!("{line} --center")).stdout.contains("far from centred"));
}

#[test]
fn frames_keep_faces_where_points_stay_whole_and_colours_always() {
    let (folder, _) = folder();
    let vertices = |z: f64| format!("v 0 0 {z} 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nv -1 -1 -2 1 1 1\n");
    folder.text("a.obj", &(vertices(1.0) + "f 1 2 3\nf 1 3 4\n"));
    folder.text("b.obj", &vertices(2.0));
    folder.text("three.csv", "0,0,1\n1,0,0\n0,1,-1\n");
    let o = folder.json("geodesic a.obj b.obj --plan identity --frames-ply f --frames 3 --json", 0);
    let written = &o["frames_ply"];
    assert_eq!((&written["files"], &written["faces"]), (&3.into(), &2.into()));
    assert_eq!((&written["colors"], &written["lost"]), (&true.into(), &false.into()));
    assert_eq!(folder.read("f/frame_0002.ply").len(), 4);
    // the plan of fewer points splits some: colours stay, faces go
    let line = "geodesic a.obj three.csv --kind mccann --frames-ply f --frames 2";
    let o = folder.json(&format!("{line} --json"), 0);
    let written = &o["frames_ply"];
    assert_eq!((&written["faces"], &written["colors"]), (&0.into(), &true.into()));
    assert_eq!((&written["lost"], &written["removed"]), (&true.into(), &1.into()));
    let table = folder.line(line).stdout;
    let words = "2 files in f, with colours; the faces of A are lost: the plan splits 1 point of it over several \
                 particles";
    assert!(table.contains(words), "{table}");
    let table = folder.line("geodesic a.obj three.csv --kind mccann --frames-ply f --points 3").stdout;
    assert!(table.contains("the faces and colours of the file are lost in a sample (--points)"), "{table}");
}

#[test]
fn the_page_has_all_kinds_and_says_what_is_left_out() {
    let (folder, _) = folder();
    let page = |line: &str, code: i32| {
        let o = folder.json(&format!("{line} --starts 4 --report r.html --json --quiet"), code);
        assert_eq!(o["report"], "r.html");
        std::fs::read_to_string(folder.path("r.html")).unwrap()
    };
    let html = page("geodesic a.csv few.csv", 0);
    for words in [
        "<h1>From a.csv to few.csv</h1>",
        "Intrinsic geodesic of length ",
        "Lifted path: inner products go straight",
        "McCann: every particle goes straight",
        "few.csv is shown in the frame of a.csv",
        "Inner products: error against (1−t) G₀ + t G₁",
        "Pair distances: error against (1−t) d₀ + t d₁",
        "d_IGW of this plan",
        "optimal for W2",
        "turn found, first to second cloud",
        "<td>converged</td>",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert!(html == page("geodesic a.csv few.csv", 0) && html.len() < 1_000_000);
    assert!(page("geodesic a.csv few.csv --kind mccann", 0).contains("<h2>Displacement interpolation</h2>"));
    let html = page("geodesic a.csv space.csv --kind lifted", 0);
    assert!(html.contains("The dimensions differ (2 and 3): there are no straight lines between the clouds"));
    assert!(!html.contains("McCann:") && !html.contains("Intrinsic geodesic:"));
    let html = page("geodesic a.csv space.csv", 1);
    for words in [
        "Intrinsic: the shortest chain of frames found",
        "<h2>Discrete curve of least action, of length ",
        ": discrete curve of least action; length within ",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert!(!html.contains("Intrinsic geodesic of length "));
    let html = page("geodesic a.csv few.csv --kind lifted --dim 4", 0);
    assert!(html.contains("Intrinsic geodesic is left out: its frames have dimension 2."), "left out");
    assert!(html.contains("The frames have dimension 4; drawn are three principal axes of the first one."));
    let o = folder.json("geodesic a.csv b.csv --plan identity --report r.html --json", 0);
    assert!(o["report"] == "r.html" && !folder.line("geodesic --help").stdout.is_empty());
}

#[test]
fn what_is_refused_has_its_own_words() {
    let (folder, _) = folder();
    for (line, words) in [
        ("a.csv", "not provided: <B>"),
        ("a.csv b.csv --kind straight", "invalid value 'straight' for '--kind <KIND>'"),
        ("a.csv b.csv --plan best", "invalid value 'best' for '--plan <PLAN>'"),
        ("a.csv b.csv --frames 1", "1 is not in 2..=100000"),
        ("a.csv b.csv --frame third", "invalid value 'third' for '--frame <FRAME>'"),
        ("a.csv b.csv --tol -1", "--tol: -1 is not allowed; give a number >= 0"),
        ("a.csv b.csv --time-limit -1", "--time-limit: -1 is not allowed; give seconds, 0 or more"),
        (
            "a.csv b.csv --plan identity --starts 3",
            "--starts has no meaning with --plan identity: no IGW plan is sought; leave it out",
        ),
        (
            "a.csv b.csv --kind mccann --method local",
            "--method has no meaning with --kind mccann without --report: no IGW plan is sought; leave it out",
        ),
        ("a.csv b.csv --dim 2", "--dim has a meaning with --kind lifted only; leave it out"),
        (
            "a.csv space.csv --kind lifted --dim 4",
            "--dim: 4 is not allowed; give 3 (principal axes) or 5 (all of the path)",
        ),
        (
            "a.csv space.csv --kind mccann",
            "--kind mccann needs clouds of the same dimension, and A has d = 2, B d = 3; use --kind lifted",
        ),
        (
            "a.csv few.csv --plan identity",
            "--plan identity pairs row i of A with row i of B, but A has 40 and B 30; use --plan optimal",
        ),
        (
            "a.csv heavy.csv --plan identity",
            "row i of B, but row 0 (from 0) has weight 0.025 in A and 0.00121",
        ),
        (
            "a.csv b.csv --plan identity --points 9",
            "and the rows of samples (--points) do not belong together; leave one of the two out",
        ),
        (
            "a.csv b.csv --out o.txt",
            "o.txt: frames are written as .npz or .csv; give --out a name that ends so",
        ),
        (
            "a.csv b.csv --report r.csv",
            "r.csv: a report is written as .html; give --report a name that ends so",
        ),
        ("a.csv b.csv --out b.csv", "b.csv: is read and would be overwritten; give the output another name"),
        ("a.csv b.csv --out no/o.npz", "no/o.npz"),
        (
            "a.csv b.csv --kind lifted --dim 4 --frames-ply f",
            "a.csv: the frames have d = 4 coordinates, and --frames-ply needs 2 or 3; use --out",
        ),
        ("a.csv b.csv --invert", "--invert concerns pictures, but no input is a .png; leave it out"),
    ] {
        let message = folder.refused(format!("geodesic {line}").split(' '));
        assert!(message.contains(words), "{line}: {message}");
    }
    folder.cloud("big.csv", &normal(9, 20_001, 2));
    let message = folder.refused(["geodesic", "a.csv", "big.csv"]);
    assert!(
        message.contains("the search takes about") && message.ends_with("--large (all the same)"),
        "{message}"
    );
}
