//! The demonstration and the pages of flows and distances.

mod common;

use common::{Folder, has_keys, holds_text, normal, timeless, turned};

fn text(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path(name)).unwrap()
}

#[test]
fn the_demonstration_writes_its_page_and_its_flows() {
    let folder = Folder::new();
    let run = folder.line("demo --quick --out new/folder");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    for name in ["horse, igw", "horse, w2", "bunny, igw", "bunny, w2"] {
        assert!(run.stdout.contains(&format!("{name}: ")), "{}", run.stdout);
    }
    let rows = run
        .stdout
        .lines()
        .skip_while(|l| !l.contains("gram change"))
        .take_while(|l| !l.starts_with("completed"));
    assert_eq!(rows.count(), 12, "{}", run.stdout);
    let html = text(&folder, "new/folder/demo.html");
    assert!(html.len() < 1_000_000, "{}", html.len());
    for words in
        ["A horse that turns", "One energy, two geometries", "given: 110°", "<svg", "default-src 'none'"]
    {
        assert!(html.contains(words), "{words}");
    }
    for name in ["igw", "w2"] {
        let path = format!("new/folder/{name}.npz");
        let cloud = folder.read(&path);
        assert_eq!((cloud.len(), cloud.dim()), (300, 2));
        assert!(holds_text(&folder.path(&path), &format!("\"flow\":\"horse, {name}\"")));
    }
    // once more, into the folder as it is: the same numbers, the same bytes
    let o = folder.json("demo --quick --out new/folder --json", 0);
    has_keys(&o, "schema quick seed status horse bunny unsolved out seconds");
    assert_eq!((&o["schema"], &o["status"]), (&"gromov/demo/1".into(), &"completed".into()));
    assert!(html == text(&folder, "new/folder/demo.html"));
    let number = |a: &str, b: &str| o[a][b].as_f64().unwrap();
    assert!((number("horse", "angle") - 110.0).abs() < 5.0, "{o}");
    assert!(number("horse", "chamfer_ratio") < 0.4, "{o}");
    assert!(number("bunny", "gram_change_igw") < number("bunny", "gram_change_w2"), "{o}");
    assert!(run.stdout.contains(&format!("{:.1} degrees; given 110.0", number("horse", "angle"))));
    timeless(o);
    let left = std::fs::read_dir(folder.path("new/folder")).unwrap().count();
    assert_eq!(left, 3);
}

#[test]
fn a_flow_has_a_page_with_its_target_behind() {
    let folder = Folder::new();
    let cloud = normal(1, 40, 2);
    folder.cloud("a&b.csv", &cloud);
    folder.cloud("target.csv", &turned(&cloud, 2).linear_image(&[0.5, 0.0, 0.0, 0.7], 2).unwrap());
    folder.cloud("space.csv", &normal(3, 30, 3));
    let page = |rest: &str| {
        let o = folder.json(&format!("flow a&b.csv {rest} --steps 3 --report r.html --json"), 0);
        assert_eq!(o["report"], "r.html");
        text(&folder, "r.html")
    };
    let html = page("--energy igw:target=target.csv");
    for words in [
        "<h1>Flow of a&amp;b.csv</h1>",
        "½ IGW²(·, target)",
        "brought into the frame of the cloud by the rotation or mirror image found",
        "the target’s frame (",
        "Colour: where the point started",
        "<td>steps not solved to tolerance</td>",
        "<td>implicit</td>",
        "<td>completed</td>",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert!(html == page("--energy igw:target=target.csv"));
    let html = page("--energy wasserstein:target=target.csv --metric w2");
    assert!(html.contains("Grey: the target.") && html.contains("Wasserstein (W2)"));
    // no target, one of another dimension, two of them, one whose orientation another energy undoes
    for energies in [
        "--energy quadratic",
        "--energy igw:target=space.csv",
        "--energy wasserstein:target=target.csv --energy igw:target=target.csv",
        "--energy igw:target=target.csv --energy quadratic:center=1;0",
    ] {
        let html = page(energies);
        assert!(!html.contains("Grey: the target") && !html.contains("class=\"switch\""), "{energies}");
    }
    let table = folder.line("flow a&b.csv --energy quadratic --steps 1 --report r.html").stdout;
    assert!(table.contains("report       r.html"), "{table}");
}

#[test]
fn a_distance_has_a_page_for_any_dimensions_and_sizes() {
    let folder = Folder::new();
    for d in [1, 2, 3, 5] {
        folder.cloud(format!("{d}.csv"), &normal(d as u64, 20, d));
    }
    let small: Vec<f64> = normal(9, 20, 2).points().iter().map(|x| x * 1e-90).collect();
    folder.cloud("small.csv", &normal(9, 20, 2).with_points(small).unwrap());
    for pair in ["1 1", "2 2", "2 3", "3 5", "5 2", "5 5", "1 5", "small small", "small 2"] {
        let (a, b) = pair.split_once(' ').unwrap();
        let run = folder.line(&format!("distance {a}.csv {b}.csv --starts 3 --report r.html"));
        assert!(run.code == Some(0) && run.stdout.contains("report        r.html"), "{pair}: {}", run.stderr);
        let html = text(&folder, "r.html");
        assert!(
            html.contains(&format!("<h1>{a}.csv and {b}.csv</h1>")) && html.contains("lower bound"),
            "{pair}"
        );
        assert!(html.contains("20 points in dimension") && html.contains("lines of the plan"), "{pair}");
        std::fs::remove_file(folder.path("r.html")).unwrap();
    }
}

#[test]
fn the_page_and_the_table_of_a_distance_tell_the_same_angle() {
    let folder = Folder::new();
    let cloud = normal(5, 30, 2);
    folder.cloud("a.csv", &cloud);
    let (sin, cos) = 0.7f64.sin_cos();
    folder.cloud("b.csv", &cloud.linear_image(&[cos, -sin, sin, cos], 2).unwrap());
    let table = folder.line("distance a.csv b.csv --report d.html").stdout;
    assert!(table.contains("rotation by 40.11 degrees"), "{table}");
    assert!(text(&folder, "d.html").contains("a rotation, by 40.11° from the first to the second"));
}

#[test]
fn a_barycentre_has_a_page_for_any_dimensions_and_sizes() {
    let folder = Folder::new();
    for d in [1, 2, 3, 5] {
        folder.cloud(format!("{d}.csv"), &normal(d as u64, 20 + d, d));
    }
    for clouds in ["1.csv", "2.csv 2.csv", "1.csv 2.csv 3.csv", "3.csv 5.csv", "5.csv 2.csv --dim 2"] {
        let line = format!("barycenter {clouds} --starts 1 --report r.html");
        let run = folder.line(&line);
        assert!(run.code == Some(0) && run.stdout.contains("report       r.html"), "{line}: {}", run.stderr);
        let html = text(&folder, "r.html");
        for words in
            ["<h1>Barycentre of ", "lower bound", "Grey: each cloud", "from the cloud (0) to the barycentre"]
        {
            assert!(html.contains(words), "{line}: {words}");
        }
        folder.line(&line);
        assert!(html == text(&folder, "r.html"), "{line}");
        std::fs::remove_file(folder.path("r.html")).unwrap();
    }
}
