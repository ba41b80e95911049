//! Memory is forecast, and a run that does not fit is refused before it begins.

mod common;

use common::{Folder, normal};

const RUNS: [(&str, &str); 5] = [
    ("distance", "distance a.csv b.csv"),
    ("flow", "flow a.csv --energy quadratic --steps 1000 --out f.npz"),
    ("geodesic", "geodesic a.csv b.csv --out p.npz"),
    ("barycenter", "barycenter a.csv b.csv --out c.csv"),
    ("pairwise", "pairwise a.csv b.csv --out d.npy --checkpoint j.jsonl"),
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(1, 60, 2));
    folder.cloud("b.csv", &normal(2, 80, 2));
    folder
}

#[test]
fn a_forecast_says_bytes_and_computes_nothing() {
    let folder = folder();
    let before = folder.names();
    for (command, line) in RUNS {
        let o = folder.json(&format!("{line} --forecast --json"), 0);
        assert!(o["schema"] == "gromov/forecast/1" && o["command"] == command && o["fits"] == true, "{o}");
        let parts: f64 = o["parts"].as_array().unwrap().iter().map(|p| p["bytes"].as_f64().unwrap()).sum();
        assert!(parts > 0.0 && parts == o["bytes"].as_f64().unwrap(), "{o}");
        assert!(folder.line(&format!("{line} --forecast")).stdout.contains("verdict  fits"));
        let o = folder.json(&format!("{line} --forecast --max-memory 10 --json"), 0);
        assert!(o["fits"] == false && o["limit"] == 10, "{o}");
    }
    assert_eq!(folder.names(), before);
    // 1,002 frames of 60 points in the plane
    let o = folder.json("flow a.csv --energy quadratic --steps 1000 --forecast --json", 0);
    assert_eq!(o["parts"][0]["bytes"], 1002.0 * 60.0 * 2.0 * 8.0);
}

#[test]
fn a_run_above_the_limit_is_refused_with_numbers() {
    let folder = folder();
    for (command, line) in RUNS {
        let text = folder.refused(format!("{line} --max-memory 10").split(' '));
        assert!(text.contains(&format!("{command}: takes about ")), "{text}");
        assert!(
            text.contains("the limit is 10 B; ") && text.contains("--max-memory raises the limit"),
            "{text}"
        );
    }
    assert_eq!(folder.line(&format!("{} --max-memory 100000000", RUNS[0].1)).code, Some(0));
}
