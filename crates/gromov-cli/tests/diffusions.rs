//! Diffusions and energies from batches, on the command line.

mod common;

use common::{Folder, has_keys, normal, timeless};
use serde_json::Value;

fn folder() -> Folder {
    let folder = Folder::new();
    for (seed, name, n) in [(1, "a.csv", 6000), (2, "b.csv", 900), (3, "small.csv", 40)] {
        folder.cloud(name, &normal(seed, n, 2));
    }
    folder.text("cov.csv", "2,0.5\n0.5,1\n");
    folder
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn a_diffusion_reports_estimates_with_errors_beside_the_exact_moments() {
    let folder = folder();
    for (energies, metric) in [
        ("--energy entropy", "igw"),
        ("--energy entropy --energy quadratic:matrix=cov.csv,weight=0.5", "igw"),
        ("--energy kl-gaussian:cov=cov.csv", "w2"),
        ("--energy kl-gaussian", "igw"),
    ] {
        let line =
            format!("flow a.csv {energies} --scheme langevin --metric {metric} --time 0.1 --every 1000");
        let object = folder.json(&format!("{line} --json"), 0);
        has_keys(&object, "statistics exact_spectrum energy_start energy_end stiff status");
        assert!(object["energy_end"].is_null() && object["status"] == "completed" && object["stiff"] == 0);
        let exact = numbers(&object["exact_spectrum"]);
        for (found, exact) in object["statistics"]["spectrum"].as_array().unwrap().iter().zip(&exact) {
            let z = (found["value"].as_f64().unwrap() - exact) / found["error"].as_f64().unwrap();
            assert!(z.abs() < 4.5, "{line}: {found} {exact}");
        }
        assert!(object["statistics"]["energy"]["error"].as_f64().unwrap() > 0.0);
        assert_eq!(timeless(object), timeless(folder.json(&format!("{line} --json --threads 1"), 0)));
    }
    let run =
        folder.line("flow a.csv --energy entropy --scheme langevin --steps 3 --out d.npz --report d.html");
    assert_eq!(run.code, Some(0));
    for word in ["+-", "regular", "exact", "0.03 of the least eigenvalue"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    let page = std::fs::read_to_string(folder.path("d.html")).unwrap();
    for word in ["Energy, estimated from the particles", "exact", "particles have none", "diffusion"] {
        assert!(page.contains(word), "{word}");
    }
    // the last frame is read back
    assert_eq!(folder.read("d.npz").len(), 6000);
}

#[test]
fn what_no_particle_can_tell_is_refused() {
    let folder = folder();
    for (line, words) in [
        ("flow small.csv --energy entropy", "--scheme: implicit is not allowed; give langevin"),
        ("flow small.csv --energy kl-gaussian --scheme rk4", "--scheme: rk4 is not allowed; give langevin"),
        ("flow small.csv --energy entropy:weight=-1 --scheme langevin", "weight -1 is not allowed"),
        (
            "flow small.csv --energy entropy --scheme langevin --energy-tol 0.1",
            "--energy-tol: 0.1 is not allowed",
        ),
        ("flow small.csv --energy kl-gaussian:mean=1;2;3 --scheme langevin", "mean"),
        ("flow small.csv --energy kl-gaussian:cov=b.csv --scheme langevin", "give a square matrix"),
        ("flow small.csv --energy energy-distance:target=b.csv,batch=99999999999", "batch: 99999999999"),
        ("flow small.csv --energy quadratic --checkpoint /dev/stdout", "not a regular file"),
    ] {
        let text = folder.refused(line.split_whitespace());
        assert!(text.contains(words), "{line}: {text}");
    }
}

#[test]
fn an_entropy_without_weight_is_none_and_long_steps_are_told() {
    let folder = folder();
    let line = "flow small.csv --energy quadratic --scheme langevin --steps 3 --step 0.01 --json";
    let (alone, beside) = (
        folder.json(line, 0),
        folder.json(&line.replace("--scheme", "--energy entropy:weight=0 --scheme"), 0),
    );
    for key in ["energy_start", "energy_end", "status", "steps", "exact_spectrum"] {
        assert_eq!(alone[key], beside[key], "{key}");
    }
    let run = folder.line("flow small.csv --energy kl-gaussian --scheme langevin --steps 2 --step 5");
    assert!(run.stdout.contains("of the least eigenvalue squared / a: too long"), "{}", run.stdout);
}

#[test]
fn batches_tell_their_error_and_end_where_all_pairs_do() {
    let folder = folder();
    let line = "flow b.csv --energy energy-distance:target=a.csv --metric w2 --scheme heun --step 0.2 --steps 10 --json";
    let shifted = folder.read("b.csv");
    let moved = shifted.with_points(shifted.points().iter().map(|x| 2.0 * x + 1.0).collect()).unwrap();
    folder.cloud("b.csv", &moved);
    let exact = folder.json(line, 0);
    let sampled = folder.json(&line.replace("target=a.csv", "target=a.csv,batch=60"), 0);
    let (end, found) = (exact["energy_end"].as_f64().unwrap(), sampled["energy_end"].as_f64().unwrap());
    let error = sampled["sampling_error"].as_f64().unwrap();
    assert!((found - end).abs() < 5.0 * error + 0.05 * end, "{found} {end} {error}");
    assert!(exact.get("sampling_error").is_none() && sampled["energy_rises"] == 0);
    let again =
        folder.json(&format!("{} --threads 1", line.replace("target=a.csv", "target=a.csv,batch=60")), 0);
    assert_eq!(timeless(sampled), timeless(again));
}
