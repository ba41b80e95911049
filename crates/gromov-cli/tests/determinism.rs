//! One seed, one result: the same bytes for any number of threads, and twice.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Folder, normal, timeless, turned};
use gromov::Measure;

/// Every kind of output goes into the folder `out`.
const COMMANDS: [&str; 52] = [
    "distance a.csv b.csv --plan out/p.csv --report out/r.html",
    "distance a.csv b.csv --center --seed 5",
    "distance a.csv b.csv --starts 20 --tol 0",
    "distance a.csv heavy.csv",
    "distance heavy.csv a.csv --transform mesh.obj --out out/m.ply",
    "distance a.csv plane.csv --plan out/p.csv --transform big.csv --out out/m.csv",
    "distance plane.csv other.csv --report out/r.html --transform other.csv --out out/m.npz",
    "distance line.csv line2.csv --plan out/p.csv",
    "distance line.csv line2.csv --method local --report out/r.html",
    "distance a.csv turned.csv --transform a.csv --out out/m.tsv",
    "distance big.csv big2.csv --points 60 --seed 3 --transform big.csv --out out/m.npy",
    "distance big.csv plane.csv --points 500 --starts 3",
    "distance plane.csv other.csv --method global --certificate out/c.npz --report out/r.html",
    "distance a.csv plane.csv --center --points 12 --certificate out/c.npz --tol 1e-4",
    "verify certificate.npz plane.csv other.csv",
    "barycenter a.csv plane.csv heavy.csv --out out/o.npz --report out/r.html",
    "barycenter big.csv big2.csv --points 60 --lambdas 0.3,0.7 --seed 3 --out out/o.ply",
    "info a.csv",
    "info big.csv --center",
    "info heavy.csv --points 30 --seed 2",
    "flow a.csv --energy quadratic --steps 4 --out out/o.npz --report out/r.html",
    "flow big.csv --energy quadratic:center=1;0;2 --steps 3 --out out/o.npz",
    "flow big.csv --energy double-well --steps 3 --scheme heun --step 1e-3 --out out/o.npz",
    "flow a.csv --energy double-well --steps 4 --out out/o.npz",
    "flow a.csv --energy interaction:p=4,q=2 --steps 4 --out out/o.npz",
    "flow a.csv --energy energy-distance:target=b.csv --steps 4 --out out/o.npz",
    "flow a.csv --energy mmd:target=b.csv,bandwidth=0.5 --steps 4 --out out/o.npz",
    "flow a.csv --energy wasserstein:target=b.csv --steps 4 --seed 5 --out out/o.npz",
    "flow a.csv --energy igw:target=b.csv --steps 4 --out out/o.npz --report out/r.html",
    "flow a.csv --energy igw:target=plane.csv --steps 3 --out out/o.npz",
    "flow heavy.csv --energy igw:target=b.csv,weight=2 --energy quadratic --steps 3 --out out/o.npz",
    "flow a.csv --energy wasserstein:target=b.csv --metric w2 --steps 4 --out out/o.npz --report out/r.html",
    "flow a.csv --energy energy-distance:target=b.csv --metric w2 --steps 4 --out out/o.csv",
    "flow a.csv --energy mmd:target=b.csv,bandwidth=1 --metric w2 --steps 4 --out out/o.csv",
    "flow a.csv --energy interaction:p=2.5,q=1.5 --metric w2 --steps 4 --out out/o.csv",
    "flow heavy.csv --energy energy-distance:target=b.csv --scheme euler --step 0.01 --steps 3 --out out/o.npz",
    "flow a.csv --energy energy-distance:target=b.csv --scheme heun --step 0.01 --steps 3 --out out/o.npz",
    "flow a.csv --energy energy-distance:target=b.csv --scheme rk4 --step 0.01 --steps 3 --out out/o.npz",
    "flow a.csv --energy double-well --scheme euler --metric w2 --step 0.01 --steps 3 --out out/o.npz",
    "flow a.csv --energy interaction:p=2 --scheme heun --metric w2 --step 0.01 --steps 3 --out out/o.npz",
    "flow big.csv --energy quadratic --scheme rk4 --metric w2 --step 0.01 --steps 3 --out out/o.npz",
    "flow a.csv --energy energy-distance:target=b.csv --rotation fixed --steps 3 --out out/o.npz",
    "flow big.csv --energy wasserstein:target=b.csv --points 50 --steps 3 --frames-ply out/f --out out/o.npz",
    "flow mesh.obj --energy quadratic --step 0.01 --steps 3 --frames-ply out/f",
    "flow plane.csv --energy igw:target=other.csv --center --steps 3 --every 2 --frames-ply out/f",
    "flow line.csv --energy energy-distance:target=line2.csv --steps 3 --out out/o.npz --report out/r.html",
    "geodesic a.csv b.csv --starts 9 --out out/o.npz --report out/r.html",
    "geodesic heavy.csv b.csv --kind lifted --dim 6 --starts 5 --out out/o.csv",
    "geodesic plane.csv other.csv --kind mccann --starts 5 --frame second --report out/r.html --frames-ply out/f",
    "geodesic big.csv big2.csv --points 2500 --starts 2 --seed 3 --out out/o.npz --report out/r.html",
    "geodesic plane.csv a.csv --starts 5 --quiet --out out/o.npz",
    "demo --quick --out out --seed 1",
];

fn folder() -> Folder {
    let folder = Folder::new();
    let a = normal(1, 70, 3);
    let weights = (0..70).map(|k| 1.0 + f64::from(k % 5)).collect();
    let heavy = Measure::normalized(normal(3, 70, 3).points().to_vec(), 3, weights).unwrap();
    for (name, cloud) in [
        ("a.csv", &a),
        ("b.csv", &normal(2, 60, 3)),
        ("turned.csv", &turned(&a, 4)),
        ("heavy.csv", &heavy),
        ("plane.csv", &normal(5, 50, 2)),
        ("other.csv", &normal(6, 40, 2)),
        ("line.csv", &normal(7, 90, 1)),
        ("line2.csv", &normal(8, 80, 1)),
        ("big.csv", &normal(9, 9000, 3)),
        ("big2.csv", &normal(10, 9000, 3)),
    ] {
        folder.cloud(name, cloud);
    }
    folder.json("distance plane.csv other.csv --certificate certificate.npz --json", 0);
    folder.text("mesh.obj", "v 0 0 1\nv 1 0 0\nv 0 1 0\nv -1 -1 -2\nf 1 2 3\nf 1 3 4\n");
    folder
}

/// Every file below a folder with its bytes; the folder is removed.
fn take(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            take(&path, files);
        } else {
            files.insert(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// The JSON without its clock time, and every file written.
fn results(folder: &Folder, command: &str, threads: &str) -> (String, BTreeMap<String, Vec<u8>>) {
    std::fs::create_dir(folder.path("out")).unwrap();
    let run = folder.line(&format!("{command} --json {threads}"));
    assert!(matches!(run.code, Some(0 | 1)) && run.stderr.is_empty(), "{command}: {}", run.stderr);
    let mut files = BTreeMap::new();
    take(&folder.path("out"), &mut files);
    (timeless(serde_json::from_str(&run.stdout).unwrap()).to_string(), files)
}

#[test]
fn results_do_not_depend_on_threads_or_on_the_run() {
    let folder = folder();
    let mut written = 0;
    for command in COMMANDS {
        let first = results(&folder, command, "--threads 1");
        // the demonstration is long: pages.rs runs it twice
        let others: &[&str] = match command.starts_with("demo") {
            true => &["--threads 3"],
            false => &["--threads 1", "--threads 2", "--threads 3"],
        };
        for threads in others {
            let other = results(&folder, command, threads);
            assert_eq!(first.0, other.0, "{command} {threads}");
            let differ: Vec<_> = first.1.iter().filter(|(k, v)| other.1.get(*k) != Some(v)).collect();
            let names: Vec<_> = differ.iter().map(|f| f.0).collect();
            assert!(names.is_empty() && first.1.len() == other.1.len(), "{command} {threads}: {names:?}");
        }
        written += first.1.len();
        assert!(!command.contains("out/") || !first.1.is_empty(), "{command}");
    }
    println!("{} commands, {written} files", COMMANDS.len());
    assert_eq!(folder.names().len(), 12);
    // of the many samples of 50 points the two seeds draw different ones
    let mean =
        |seed: u32| folder.json(&format!("info big.csv --points 50 --json --seed {seed}"), 0)["mean"].clone();
    assert_ne!(mean(6), mean(7));
}
