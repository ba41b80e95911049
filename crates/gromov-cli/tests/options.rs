//! What samples, weights columns, moved clouds, frames and large clouds mean on the command line.

mod common;

use common::{Folder, holds_text, normal, timeless, turned};
use gromov::Measure;
use gromov::io::{Faces, Mesh, ReadOptions, read_mesh, write_ply};
use gromov::measure::sample;

fn shifted(cloud: &Measure, by: &[f64]) -> Measure {
    let points = cloud.points().chunks_exact(by.len());
    cloud.with_points(points.flat_map(|p| p.iter().zip(by).map(|(x, b)| x + b)).collect()).unwrap()
}

/// A fan of triangles over the cloud, each point with a colour of its own.
fn fan(cloud: &Measure) -> Mesh {
    let n = cloud.len() as u32;
    let corners = (1..n - 1).flat_map(|k| [0, k, k + 1]).collect();
    let colors = (0..n).map(|k| [k as u8, 100, 255 - k as u8, 255]).collect();
    let faces = Faces { corners, sizes: vec![3; n as usize - 2] };
    Mesh { cloud: cloud.clone(), faces, colors: Some(colors) }
}

fn mesh(folder: &Folder, name: &str) -> Mesh {
    read_mesh(&folder.path(name), &ReadOptions::default()).unwrap()
}

#[test]
fn a_sample_is_that_of_the_library_and_is_reported_everywhere() {
    let folder = Folder::new();
    let (a, b) = (shifted(&normal(1, 60, 2), &[3.0, 1.0]), normal(2, 80, 2));
    folder.cloud("a.csv", &a);
    folder.cloud("b.csv", &b);
    folder.cloud("small.csv", &sample::subsample(&a, 25, 7).unwrap());
    folder.cloud("other.csv", &sample::subsample(&b, 25, 7).unwrap());
    let line = "distance a.csv b.csv --points 25 --seed 7";
    let o = folder.json(&format!("{line} --json --report r.html"), 0);
    let p = folder.json("distance small.csv other.csv --seed 7 --json", 0);
    assert_eq!((&o["squared"], &o["n"], &o["m"]), (&p["squared"], &25.into(), &25.into()));
    let sampled = serde_json::json!([
        {"file": "a.csv", "points": 60, "kept": 25}, {"file": "b.csv", "points": 80, "kept": 25}
    ]);
    assert!(o["sampled"] == sampled && p.get("sampled").is_none(), "{o}");
    let page = std::fs::read_to_string(folder.path("r.html")).unwrap();
    assert!(page.contains("25 of the 60 points of a.csv; 25 of the 80 points of b.csv"));
    let table = folder.line(line).stdout;
    assert!(table.contains("A             25 of 60 points in R^2, a.csv"), "{table}");
    assert!(table.contains("note          squared belongs to these samples; another --seed"), "{table}");
    // N points are enough for themselves; of one file for both there is one sample
    let o = folder.json("distance a.csv b.csv --points 60 --json", 0);
    assert_eq!((&o["n"], &o["m"], o["sampled"].as_array().unwrap().len()), (&60.into(), &60.into(), 1));
    let o = folder.json("distance a.csv a.csv --points 30 --json", 0);
    assert!(o["certified"] == true && o["sampled"].as_array().unwrap().len() == 1, "{o}");
    // the mean is that of the whole cloud
    let o = folder.json("info a.csv --points 25 --seed 7 --center --json", 0);
    let mean = sample::subsample(&a.centred(), 25, 7).unwrap().mean();
    assert_eq!((&o["n"], o["mean"][0].as_f64().unwrap()), (&25.into(), mean[0]));
    assert!(mean[0] != 0.0 && o["sampled"][0]["points"] == 60);
    assert!(folder.line("info a.csv --points 25").stdout.contains("points         25 of 60 (a sample)"));
    // clouds and targets of a flow
    let line = "flow a.csv --energy igw:target=b.csv --points 20 --steps 2";
    let o = folder.json(&format!("{line} --json --out o.npz --report r.html"), 0);
    assert_eq!(o["sampled"][1], serde_json::json!({"file": "b.csv", "points": 80, "kept": 20}));
    assert_eq!(folder.read("o.npz").len(), 20);
    for text in
        ["\"points\":20,\"sampled\":[{\"file\":\"a.csv\",\"points\":60,\"kept\":20}", "\"invert\":false"]
    {
        assert!(holds_text(&folder.path("o.npz"), text), "{text}");
    }
    let page = std::fs::read_to_string(folder.path("r.html")).unwrap();
    assert!(page.contains(
        "Computed on seeded samples, another seed gives other numbers: 20 of the 60 points of a.csv"
    ));
    let table = folder.line(line).stdout;
    for words in ["a.csv: 20 of 60 points in R^2, energy", "sampled      20 of 80 points of b.csv\n"] {
        assert!(table.contains(words), "{table}");
    }
}

#[test]
fn a_plan_of_samples_has_the_rows_of_the_files() {
    let folder = Folder::new();
    let (a, b) = (normal(21, 60, 2), normal(22, 90, 2));
    folder.cloud("a.csv", &a);
    folder.cloud("b.csv", &b);
    folder.json("distance a.csv b.csv --points 20 --seed 7 --starts 4 --plan p.csv --json", 0);
    let plan = std::fs::read_to_string(folder.path("p.csv")).unwrap();
    let column = |k: usize| {
        let cell = |line: &str| line.split(',').nth(k).unwrap().parse::<usize>().unwrap();
        let mut all: Vec<usize> = plan.lines().skip(1).map(cell).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let rows = |cloud| sample::subsample_rows(cloud, 20, 7).unwrap().1;
    assert_eq!((column(0), column(1)), (rows(&a), rows(&b)));
    assert!(column(1).last() > Some(&20));
    // without a sample the rows are the indices
    folder.json("distance a.csv a.csv --starts 1 --plan p.csv --json", 0);
    let plan = std::fs::read_to_string(folder.path("p.csv")).unwrap();
    assert!((0..60).all(|i| plan.contains(&format!("\n{i},"))), "{plan}");
}

#[test]
fn weights_come_from_the_column_named() {
    let folder = Folder::new();
    folder.text("a.csv", "x,mass,w\n1,0.25,5\n-1,0.75,7\n");
    let o = folder.json("info a.csv --weights-column mass --json", 0);
    assert_eq!((&o["d"], &o["mean"][0], &o["mean"][1]), (&2.into(), &(-0.5).into(), &6.5.into()));
    let line = "flow a.csv --energy quadratic --weights-column mass --metric w2 --steps 1 --out o.npz --json";
    folder.json(line, 0);
    assert!(holds_text(
        &folder.path("o.npz"),
        "\"weights_column\":\"mass\",\"invert\":false,\"points\":null"
    ));
}

#[test]
fn a_moved_copy_is_carried_onto_the_original() {
    let folder = Folder::new();
    let cloud = normal(3, 50, 3);
    let turned_copy = shifted(&turned(&cloud, 4), &[5.0, -7.0, 2.0]);
    let original = shifted(&cloud, &[-1.0, 0.5, 9.0]);
    folder.cloud("a.csv", &turned_copy);
    folder.cloud("b.csv", &original);
    write_ply(&folder.path("mesh.ply"), &fan(&turned_copy)).unwrap();
    let line = "distance a.csv b.csv --center --transform mesh.ply";
    let o = folder.json(&format!("{line} --out moved.ply --json"), 0);
    assert!(o["certified"] == true && o["moved"]["faces"] == 48 && o["moved"]["colors"] == true, "{o}");
    let moved = mesh(&folder, "moved.ply");
    assert!(moved.faces == fan(&cloud).faces && moved.colors == fan(&cloud).colors);
    // point i of the copy is some point of the original
    let order = gromov::measure::sample::Source::new(4, 78);
    assert_carried(&moved.cloud, &original, order);
    // other formats keep the points and say what they lose
    for out in ["moved.csv", "moved.tsv", "moved.npy", "moved.npz"] {
        let table = folder.line(&format!("{line} --out {out}")).stdout;
        let words = format!("moved         50 points of mesh.ply to {out}; its faces and colours are lost");
        assert!(table.contains(&words), "{table}");
        assert_eq!(folder.read(out).points(), moved.cloud.points());
    }
    // without --center nothing is shifted: a turned copy about the origin
    folder.cloud("c.csv", &turned(&cloud, 4));
    folder.cloud("d.csv", &cloud);
    folder.json("distance c.csv d.csv --transform c.csv --out moved.npy --json", 0);
    assert_carried(&folder.read("moved.npy"), &cloud, gromov::measure::sample::Source::new(4, 78));
    // into another dimension, and back into the plane
    folder.cloud("plane.csv", &normal(5, 30, 2));
    let o = folder.json("distance plane.csv d.csv --transform plane.csv --out moved.npz --json", 0);
    assert!(o["reflected"].is_null() && folder.read("moved.npz").dim() == 3);
    let table = folder.line("distance d.csv plane.csv --transform d.csv --out moved.tsv").stdout;
    assert!(table.contains("partial isometry") && folder.read("moved.tsv").dim() == 2, "{table}");
    // the map of samples moves all points
    let o = folder.json("distance a.csv b.csv --points 20 --transform a.csv --out moved.csv --json", 0);
    assert!(o["n"] == 20 && o["moved"]["points"] == 50 && folder.read("moved.csv").len() == 50);
}

/// Each point of `moved` is the point of `original` that `common::turned` put in its place.
fn assert_carried(moved: &Measure, original: &Measure, mut source: sample::Source) {
    let (n, d) = (moved.len(), moved.dim());
    source.rotation(d);
    let order = source.permutation(n);
    for (i, k) in order.iter().enumerate() {
        for (x, y) in moved.point(i).iter().zip(original.point(*k)) {
            assert!((x - y).abs() < 1e-9, "{i}: {x} {y}");
        }
    }
}

#[test]
fn frames_become_ply_files_that_keep_the_mesh() {
    let folder = Folder::new();
    let start = normal(6, 20, 3);
    write_ply(&folder.path("mesh.ply"), &fan(&start)).unwrap();
    let line = "flow mesh.ply --energy quadratic --step 0.01 --every 2 --frames-ply new/frames";
    let o = folder.json(&format!("{line} --steps 8 --out o.npz --json"), 0);
    let want = serde_json::json!(
        {"folder": "new/frames", "files": 5, "faces": 18, "colors": true, "lost": false, "removed": 0}
    );
    assert_eq!(o["frames_ply"], want);
    let frame = |k: usize| mesh(&folder, &format!("new/frames/frame_{k:04}.ply"));
    assert_eq!((&frame(0).faces, &frame(4).colors), (&fan(&start).faces, &fan(&start).colors));
    assert_eq!(frame(0).cloud.points(), start.points());
    assert_eq!(frame(4).cloud.points(), folder.read("o.npz").points());
    // a shorter run: no frame of the longer one is left among the new ones, other files are
    folder.text("new/frames/frame_12345.ply", "old");
    folder.text("new/frames/frame_12.ply", "mine");
    let table = folder.line(&format!("{line} --steps 4")).stdout;
    let words =
        "frames       3 files in new/frames, 18 faces each, with colours; 3 frames of an earlier run removed";
    assert!(table.contains(words), "{table}");
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path("new/frames")).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["frame_0000.ply", "frame_0001.ply", "frame_0002.ply", "frame_12.ply"]);
    // a sample has no faces; clouds of the plane get z = 0
    let o = folder.json(&format!("{line} --steps 1 --points 9 --json"), 0);
    assert_eq!((&o["frames_ply"]["faces"], &o["frames_ply"]["lost"]), (&0.into(), &true.into()));
    assert!(frame(0).cloud.len() == 9 && frame(0).faces.is_empty() && frame(0).colors.is_none());
    let table = folder.line(&format!("{line} --steps 1 --points 9")).stdout;
    assert!(table.contains("the faces and colours of the file are lost in a sample"), "{table}");
    folder.cloud("plane.csv", &normal(7, 12, 2));
    folder.json("flow plane.csv --energy quadratic --step 0.01 --steps 1 --frames-ply new/frames --json", 0);
    assert!(frame(1).cloud.dim() == 3 && frame(1).cloud.point(4)[2] == 0.0);
    std::fs::create_dir(folder.path("new/frames/frame_0099.ply")).unwrap();
    let message = folder.refused(format!("{line} --steps 1").split(' '));
    assert!(message.contains("new/frames/frame_0099.ply: is a folder where a frame goes"), "{message}");
}

#[test]
fn large_clouds_wait_for_a_word() {
    let folder = Folder::new();
    folder.cloud("big.csv", &normal(8, 20_001, 2));
    // points in one place make short work
    folder.cloud("more.csv", &Measure::uniform([1.0, 0.0].repeat(13), 2).unwrap());
    let message = folder.refused("distance big.csv more.csv --starts 2 --plan p.csv".split(' '));
    assert!(message.starts_with("clouds of 20001 and 13 points: the search takes about "), "{message}");
    assert!(message.contains(" of memory; give --points N (a sample of each) or --large"), "{message}");
    let line = "distance big.csv more.csv --starts 1 --json --large";
    let run = folder.line(line);
    assert!(run.code == Some(0) && run.stderr.starts_with("gromov: note: clouds of 20001 and 13 points: "));
    assert_eq!(run.stderr.lines().count(), 1);
    let quiet = folder.line(&format!("{line} --quiet"));
    assert!(quiet.stderr.is_empty() && quiet.code == run.code);
    let object = |text: &str| timeless(serde_json::from_str(text).unwrap());
    assert_eq!(object(&run.stdout), object(&quiet.stdout));
    assert_eq!(folder.json("distance big.csv more.csv --points 500 --starts 2 --json", 0)["n"], 500);
    // the line is exact and fast
    folder.cloud("long.csv", &normal(10, 20_001, 1));
    assert_eq!(folder.json("distance long.csv long.csv --json", 0)["method"], "line");
    assert!(folder.refused("distance long.csv long.csv --method local".split(' ')).contains("--large"));
}

#[test]
fn completions_know_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = folder.line(&format!("completions {shell}"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        for word in ["distance", "verify", "flow", "info", "demo", "completions", "frames-ply", "certificate"]
        {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
        folder.text(format!("{shell}.txt"), &run.stdout);
    }
    let bash = std::process::Command::new("bash").arg("-n").arg(folder.path("bash.txt")).output();
    match bash {
        Ok(read) => assert!(read.status.success() && read.stderr.is_empty(), "{read:?}"),
        Err(e) => println!("bash is not here to read its script: {e}"),
    }
}
