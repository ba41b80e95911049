//! The commands of the README's section on files of one's own, exactly as they are written there.

mod common;

use common::{Folder, normal};
use gromov::io::{Faces, Mesh, write_ply};

/// A dark ellipse, lying on its side, off the middle of a white picture.
fn picture() -> Vec<u8> {
    let (width, height) = (80u32, 60u32);
    let grey = |x: u32, y: u32| {
        let (a, b) = ((f64::from(x) - 30.0) / 25.0, (f64::from(y) - 35.0) / 12.0);
        if a * a + b * b < 1.0 { 0 } else { 255 }
    };
    let pixels: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| grey(x, y))).collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    out
}

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.path("shape.png"), picture()).unwrap();
    // as long as the ellipse, upright
    let points = normal(1, 400, 2);
    let upright: String = points
        .points()
        .chunks_exact(2)
        .map(|p| format!("{:.3},{:.3}\n", 9.0 + 12.0 * p[1], 12.0 * p[0]))
        .collect();
    folder.text("points.csv", &upright);
    for (seed, name) in [(2, "mesh.ply"), (3, "other.ply")] {
        let faces = Faces { corners: (0..60).collect(), sizes: vec![3; 20] };
        write_ply(&folder.path(name), &Mesh { cloud: normal(seed, 60, 3), faces, colors: None }).unwrap();
    }
    folder
}

#[test]
fn the_commands_for_files_of_ones_own_run_as_written() {
    let readme = include_str!("../../../README.md");
    let section = readme.split("\n## ").find(|s| s.starts_with("From your own files\n")).unwrap();
    let blocks = section.split("```").skip(1).step_by(2);
    let commands: Vec<&str> = blocks.flat_map(|b| b.strip_prefix("sh\n").unwrap().lines()).collect();
    assert_eq!(commands.len(), 8);
    let folder = folder();
    for line in commands {
        let clock = std::time::Instant::now();
        let run = folder.line(line.strip_prefix("gromov ").unwrap());
        assert!(
            matches!(run.code, Some(0)) && run.stderr.is_empty(),
            "{line}: {} {}",
            run.stdout,
            run.stderr
        );
        assert!(!run.stdout.contains("far from centred"), "{line}");
        println!("{line}: {:.1} s", clock.elapsed().as_secs_f64());
    }
    for (name, least) in [
        ("distance.html", 10_000),
        ("flow.html", 10_000),
        ("plan.csv", 1000),
        ("flow.npz", 1000),
        ("frames/frame_0010.ply", 100),
    ] {
        assert!(std::fs::metadata(folder.path(name)).unwrap().len() > least, "{name}");
    }
    let (shape, moved) = (folder.read("shape.png"), folder.read("moved.csv"));
    // all pixels are moved, upright now, with the mean of the points
    assert_eq!(shape.len(), moved.len());
    let (lying, upright) = (shape.centred().second_moment(), moved.centred().second_moment());
    assert!(lying[0] > 3.0 * lying[3] && upright[3] > 3.0 * upright[0], "{lying:?} {upright:?}");
    let mean = folder.read("points.csv").mean();
    assert!(moved.mean().iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-9));
    // and what the section warns of
    assert!(folder.line("info shape.png").stdout.contains("the cloud is far from centred"));
    let light = folder.json("info shape.png --invert --json", 0);
    assert_eq!(light["n"].as_u64().unwrap() + shape.len() as u64, 80 * 60);
}

/// Runs the first shell block of a section.
fn run_section(title: &str) -> Folder {
    let readme = include_str!("../../../README.md");
    let section = readme.split("\n## ").find(|s| s.starts_with(&format!("{title}\n"))).unwrap();
    let block = section.split("```sh\n").nth(1).and_then(|s| s.split("```").next()).unwrap();
    let folder = folder();
    for line in block.lines() {
        let run = folder.line(line.strip_prefix("gromov ").unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{line}: {}", run.stdout);
    }
    folder
}

#[test]
fn the_command_for_a_path_runs_as_written() {
    let folder = run_section("A path between two clouds");
    assert!(std::fs::metadata(folder.path("path.html")).unwrap().len() > 10_000);
    assert_eq!((folder.read("path.npz").dim(), folder.names().len()), (2, 6));
}

#[test]
fn the_commands_for_long_runs_run_as_written() {
    let folder = run_section("Long runs");
    let long = std::fs::read(folder.path("long.npz")).unwrap();
    assert_eq!(folder.read("long.npz").len(), 60);
    let once = folder.line("flow mesh.ply --energy igw:target=other.ply --center --steps 30 --out once.npz");
    assert!(once.code == Some(0) && std::fs::read(folder.path("once.npz")).unwrap() == long);
}

#[test]
fn the_command_for_a_barycentre_runs_as_written() {
    let folder = run_section("A barycentre of clouds");
    assert!(std::fs::metadata(folder.path("mean.html")).unwrap().len() > 10_000);
    let mean = folder.read("mean.npz");
    assert_eq!((mean.len(), mean.dim(), folder.names().len()), (150, 2, 6));
}

#[test]
fn the_command_for_all_pairs_runs_as_written() {
    let folder = run_section("All pairs of clouds");
    // three by three behind a header of 128 bytes; a first line and one block
    assert_eq!(std::fs::metadata(folder.path("distances.npy")).unwrap().len(), 128 + 72);
    assert_eq!(std::fs::read_to_string(folder.path("run.jsonl")).unwrap().lines().count(), 2);
}
