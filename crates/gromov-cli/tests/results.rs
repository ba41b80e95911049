//! What the commands answer, checked against closed forms.

mod common;

use common::{Folder, has_keys, holds_text, normal, turned};
use gromov::Measure;

const DISTANCE: &str = "schema squared distance lower_bound rounding gap certified status method iterations \
    starts n m d_x d_y cross_moment reflected hits alternatives seconds";
const FLOW: &str = "schema metric scheme status steps time energy_start energy_end skew turned mirror_gain \
    relabelled unsolved rejected frames frames_missed out report seconds";
const INFO: &str = "schema n d weights_uniform mean second_moment spectrum rank duplicates";

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn distance_of_a_turned_copy_is_zero_and_certified() {
    let folder = Folder::new();
    let cloud = normal(1, 40, 3);
    folder.cloud("a.csv", &cloud);
    folder.cloud("b.csv", &turned(&cloud, 2));
    let o = folder.json("distance a.csv b.csv --json --plan plan.csv", 0);
    has_keys(&o, DISTANCE);
    assert_eq!(o["schema"], "gromov/distance/1");
    assert!(number(&o["squared"]) <= number(&o["rounding"]), "{o}");
    assert_eq!(
        (&o["certified"], &o["method"], &o["status"]),
        (&true.into(), &"local".into(), &"converged".into())
    );
    assert_eq!(
        (&o["n"], &o["m"], &o["d_x"], &o["reflected"]),
        (&40.into(), &40.into(), &3.into(), &false.into())
    );
    assert_eq!(o["cross_moment"].as_array().unwrap().len(), 3);
    assert!(o.get("scale").is_none());
    let plan = std::fs::read_to_string(folder.path("plan.csv")).unwrap();
    assert!(plan.starts_with("i,j,mass\n"));
    let mass: f64 = plan.lines().skip(1).map(|l| l.rsplit(',').next().unwrap().parse::<f64>().unwrap()).sum();
    assert!((mass - 1.0).abs() < 1e-12, "{mass}");
    let table = folder.line("distance a.csv b.csv");
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    for word in
        ["certified: zero within rounding", "status        converged", "40 points in R^3, a.csv", "rotation"]
    {
        assert!(table.stdout.contains(word), "{}", table.stdout);
    }
}

#[test]
fn distance_on_the_line_is_the_closed_form_and_local_finds_it() {
    let folder = Folder::new();
    // E x^2 = 1/2, E y^2 = 2, best E x y = -1: 1/4 + 4 - 2
    folder.text("a.csv", "0\n1\n");
    folder.text("b.tsv", "0\n-2\n");
    let o = folder.json("distance a.csv b.tsv --json", 0);
    assert_eq!((&o["squared"], &o["distance"], &o["method"]), (&2.25.into(), &1.5.into(), &"line".into()));
    assert_eq!((&o["certified"], &o["reflected"]), (&true.into(), &true.into()));
    let o = folder.json("--json distance a.csv b.tsv --method local --starts 3 --tol 1e-6", 0);
    assert!((number(&o["squared"]) - 2.25).abs() < 1e-14);
    assert_eq!((&o["method"], &o["starts"]), (&"local".into(), &3.into()));
    // |x - y| with means removed: 1/4 and 1, monotone: (1 - 1/4)^2
    let o = folder.json("distance a.csv b.tsv --json --center", 0);
    assert!((number(&o["squared"]) - 0.5625).abs() < 1e-14, "{o}");
}

#[test]
fn centring_removes_shifts_and_a_note_tells_of_them() {
    let folder = Folder::new();
    let cloud = normal(3, 30, 2);
    let shifted: Vec<f64> = turned(&cloud, 4).points().iter().map(|x| x + 3.0).collect();
    folder.cloud("a.csv", &cloud);
    folder.cloud("b.csv", &cloud.with_points(shifted).unwrap());
    assert!(number(&folder.json("distance a.csv b.csv --json", 0)["squared"]) > 1.0);
    let o = folder.json("distance a.csv b.csv --json --center", 0);
    assert!(number(&o["squared"]) < 1e-12 && o["certified"] == true, "{o}");
    let note = "B is far from centred: its mean carries 9";
    assert!(folder.line("distance a.csv b.csv").stdout.contains(note));
    assert!(!folder.line("distance a.csv b.csv --center").stdout.contains("far from centred"));
    let shares = folder.json("distance a.csv b.csv --json", 0)["mean_share"].clone();
    assert!(number(&shares[0]) < 1e-12 && number(&shares[1]) > 0.9, "{shares}");
    // an IGW target, in both geometries
    for metric in ["igw", "w2"] {
        let flow = format!("flow a.csv --energy igw:target=b.csv --steps 1 --metric {metric}");
        assert!(folder.line(&flow).stdout.contains("note: b.csv is far from centred"), "{metric}");
    }
    for line in ["info b.csv", "flow b.csv --energy quadratic --steps 1"] {
        assert!(folder.line(line).stdout.contains("the cloud is far from centred"), "{line}");
        assert!(!folder.line(&format!("{line} --center")).stdout.contains("far from centred"), "{line}");
    }
    assert!(!folder.line("flow b.csv --energy quadratic --steps 1 --metric w2").stdout.contains("far from"));
}

#[test]
fn values_beyond_doubles_are_null_with_their_scale() {
    let folder = Folder::new();
    for (name, scale) in [("huge.csv", 1e90), ("tiny.csv", 1e-90)] {
        let cloud = normal(5, 12, 2);
        folder.cloud(
            "a.csv",
            &Measure::uniform(cloud.points().iter().map(|x| x * scale).collect(), 2).unwrap(),
        );
        let other = normal(6, 9, 2);
        folder.cloud(name, &Measure::uniform(other.points().iter().map(|x| x * scale).collect(), 2).unwrap());
        let o = folder.json(&format!("distance a.csv {name} --json"), 0);
        assert!(o["squared"].is_null() || o["squared"] == 0.0, "{o}");
        let unit = number(&o["scale"]);
        assert!(unit > 0.1 * scale && unit < 10.0 * scale, "{o}");
        let relative = number(&o["distance"]) / scale / scale;
        assert!(relative > 1e-3 && relative < 1e3, "{relative}");
    }
    folder.text("far.csv", "1e200,0\n-1e200,0\n");
    let o = folder.json("info far.csv --json", 0);
    assert!(o["second_moment"][0][0].is_null() && o["spectrum"][0].is_null());
    assert_eq!((number(&o["scale"]), &o["rank"]), (1e200, &1.into()));
}

#[test]
fn info_says_what_a_file_holds() {
    let folder = Folder::new();
    folder.text("a.csv", "x,y,w\n2,0,0.25\n-2,0,0.25\n0,1,0.2\n0,1,0.05\n0,-1,0.25\n");
    let o = folder.json("info a.csv --json", 0);
    has_keys(&o, INFO);
    assert_eq!((&o["n"], &o["d"], &o["weights_uniform"]), (&5.into(), &2.into(), &false.into()));
    assert_eq!((&o["rank"], &o["duplicates"]), (&2.into(), &1.into()));
    for (got, expected) in
        [(&o["second_moment"][0][0], 2.0), (&o["spectrum"][0], 2.0), (&o["spectrum"][1], 0.5)]
    {
        assert!((number(got) - expected).abs() < 1e-15, "{o}");
    }
    let table = folder.line("info a.csv");
    assert!(
        table.stdout.contains("rank           2 of 2") && table.stdout.contains("from 0.05"),
        "{}",
        table.stdout
    );
}

#[test]
fn a_quadratic_flow_takes_half_the_time_from_the_spectrum() {
    let folder = Folder::new();
    let cloud = normal(7, 50, 3);
    folder.cloud("a.csv", &cloud);
    let o =
        folder.json("flow a.csv --energy quadratic --step 0.01 --steps 12 --every 5 --json --out o.npz", 0);
    has_keys(&o, FLOW);
    assert_eq!((&o["schema"], &o["status"]), (&"gromov/flow/1".into(), &"completed".into()));
    assert_eq!((&o["steps"], &o["frames"], &o["out"]), (&12.into(), &4.into(), &"o.npz".into()));
    let (before, after) = (cloud.spectrum().unwrap(), folder.read("o.npz").spectrum().unwrap());
    for (a, b) in before.iter().zip(&after) {
        assert!((a - b - 0.06).abs() < 1e-8, "{before:?} {after:?}");
    }
    let drop = number(&o["energy_start"]) - number(&o["energy_end"]);
    assert!((drop - 0.5 * 3.0 * 0.06).abs() < 1e-8, "{o}");
    assert!(holds_text(&folder.path("o.npz"), "\"status\":\"completed\""));
    assert!(holds_text(&folder.path("o.npz"), "\"command\":\"flow\""));
    assert!(o["unsolved"] == 0 && holds_text(&folder.path("o.npz"), "\"unsolved\":0,"));
    // the frames as rows; a second energy and a weight add up
    let o = folder.json("flow a.csv --energy quadratic --step 0.01 --time 0.045 --json --out o.csv", 0);
    assert_eq!((&o["steps"], number(&o["time"])), (&5.into(), 0.045));
    let rows = std::fs::read_to_string(folder.path("o.csv")).unwrap();
    assert!(rows.starts_with("time,i,x1,x2,x3,w\n0.0,0,"));
    assert_eq!(rows.lines().count(), 1 + 6 * 50);
    let sum =
        "flow a.csv --energy quadratic:weight=0.25 --energy quadratic:weight=0.75 --step 0.01 --time 0.045";
    let p = folder.json(&format!("{sum} --json"), 0);
    assert!((number(&o["energy_end"]) - number(&p["energy_end"])).abs() < 1e-10);
    let table = folder.line("flow a.csv --energy quadratic --step 0.001 --steps 60");
    let rows = table.stdout.lines().skip_while(|l| !l.contains("gram change")).take_while(|l| !l.is_empty());
    assert_eq!(rows.count(), 21, "{}", table.stdout);
    for words in [
        "completed after 60 steps",
        "0.00100000 (as asked for)",
        "0 of 60 steps not solved to tolerance",
        "out          none",
    ] {
        assert!(table.stdout.contains(words), "{}", table.stdout);
    }
}

#[test]
fn adaptive_flows_keep_frames_at_any_time() {
    let folder = Folder::new();
    let cloud = normal(12, 50, 3);
    folder.cloud("a.csv", &cloud);
    let line = "flow a.csv --energy quadratic --scheme adaptive --rtol 1e-8 --frame-times 0.013,0.1";
    let o = folder.json(&format!("{line} --time 0.2 --out o.npz --json"), 0);
    has_keys(&o, FLOW);
    assert_eq!((&o["scheme"], &o["frames"], &o["time"]), (&"adaptive".into(), &4.into(), &0.2.into()));
    assert!(o["frames_missed"] == 0 && number(&o["steps"]) < 40.0, "{o}");
    for (a, b) in cloud.spectrum().unwrap().iter().zip(folder.read("o.npz").spectrum().unwrap()) {
        assert!((a - b - 0.1).abs() < 1e-6, "{a} {b}");
    }
    for text in ["\"rtol\":1e-8", "\"frame_times\":[0.013,0.1]", "\"rejected\":", "\"error\":"] {
        assert!(holds_text(&folder.path("o.npz"), text), "{text}");
    }
    let o = folder.json(&format!("{line} --time 0.2 --out o.csv --json"), 0);
    let rows = std::fs::read_to_string(folder.path("o.csv")).unwrap();
    assert!(rows.contains("\n0.013,0,") && rows.contains("\n0.1,0,") && rows.lines().count() == 1 + 4 * 50);
    assert!((number(&o["energy_start"]) - number(&o["energy_end"]) - 0.15).abs() < 1e-6, "{o}");
    let table = folder.line(&format!("{line} --steps 1 --atol 1e-9")).stdout;
    for words in ["adaptive scheme", "rtol         1e-8, atol 1e-9; longest step", "rejected ", "trial steps"]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
    assert!(table.contains("no frame at"), "{table}");
    // the implicit scheme under control, and the energy as a stop
    let o = folder.json("flow a.csv --energy quadratic --metric w2 --rtol 1e-3 --energy-tol 0.01 --json", 0);
    assert!(
        o["status"] == "converged" && number(&o["energy_end"]) < 0.05 * number(&o["energy_start"]),
        "{o}"
    );
}

#[test]
fn a_flow_turns_to_its_target_and_converges() {
    let folder = Folder::new();
    let cloud = normal(8, 30, 2);
    let target: Vec<f64> = turned(&cloud, 9).points().iter().map(|x| 0.5 * x).collect();
    folder.cloud("a.csv", &cloud);
    folder.cloud("b,c.csv", &cloud.with_points(target).unwrap());
    let line = "flow a.csv --energy wasserstein:target=b,,c.csv";
    let o = folder.json(&format!("{line} --json --steps 2"), 0);
    // the first turn finds the rotation; what is left is 1/2 E |x - x / 2|^2
    let left = 0.125 * cloud.rms_radius().powi(2);
    let turn = &o["first_turn"];
    assert!((number(&turn["energy_after"]) - left).abs() < 1e-12 && number(&o["turned"]) > 0.0, "{o}");
    assert!(number(&turn["energy_before"]) > left + 0.01 && number(&o["energy_end"]) < left, "{o}");
    let fixed = folder.json(&format!("{line} --json --rotation fixed --steps 3"), 0);
    assert!(fixed["rotation"] == "fixed" && number(&fixed["energy_end"]) > left, "{fixed}");
    assert!(fixed["first_turn"].is_null());
    let table = folder.line(&format!("{line} --steps 2"));
    assert!(table.stdout.contains("first turn") && table.stdout.contains("(drop 0."), "{}", table.stdout);
    // W2 towards half of the cloud, in closed form: z = x / 2 + (x / 2) / (1 + tau)
    let half: Vec<f64> = cloud.points().iter().map(|x| 0.5 * x).collect();
    folder.cloud("half.csv", &cloud.with_points(half).unwrap());
    let line =
        "flow a.csv --energy wasserstein:target=half.csv --metric w2 --step 0.25 --steps 4 --out h.npz";
    let o = folder.json(&format!("{line} --json"), 0);
    assert!(o["rotation"].is_null());
    let factor = 0.5 + 0.5 / 1.25f64.powi(4);
    for (x, z) in cloud.points().iter().zip(folder.read("h.npz").points()) {
        assert!((z - factor * x).abs() < 1e-6, "{z} {}", factor * x);
    }
    // each step halves the distance to the centre: 2^-20 < 1e-6
    let o = folder.json("flow a.csv --energy quadratic:center=1;2 --metric w2 --step 1 --json", 0);
    assert_eq!((&o["status"], &o["steps"]), (&"converged".into(), &20.into()));
    let o =
        folder.json("flow a.csv --energy igw:target=half.csv --steps 3 --json --scheme rk4 --step 0.01", 0);
    assert!(number(&o["energy_end"]) < number(&o["energy_start"]) && o["energy_rises"] == 0);
}

#[test]
fn centres_matrices_and_centred_targets_mean_what_they_say() {
    let folder = Folder::new();
    let cloud = normal(10, 20, 2);
    folder.cloud("a.csv", &cloud);
    folder.text("q.csv", "2,0\n0,1\n");
    let sigma = cloud.second_moment();
    let line = "flow a.csv --energy quadratic:center=1;-2,matrix=q.csv --rotation fixed --steps 0 --json";
    let o = folder.json(line, 0);
    // 1/2 E [2 (x - 1)^2 + (y + 2)^2] for a centred cloud
    let expected = sigma[0] + 1.0 + 0.5 * (sigma[3] + 4.0);
    assert!((number(&o["energy_start"]) - expected).abs() < 1e-12, "{o}");
    let shifted: Vec<f64> = cloud.points().iter().map(|x| x + 5.0).collect();
    folder.cloud("shifted.csv", &cloud.with_points(shifted).unwrap());
    let line = "flow a.csv --energy wasserstein:target=shifted.csv --metric w2 --steps 0 --json";
    assert!((number(&folder.json(line, 0)["energy_start"]) - 25.0).abs() < 1e-10);
    assert!(number(&folder.json(&format!("{line} --center"), 0)["energy_start"]) < 1e-20);
    folder.text("heavy.csv", "x,w\n1,2\n-1,6\n");
    let o = folder.json("info heavy.csv --normalize --json", 0);
    assert_eq!(o["mean"][0], -0.5);
}

const BARYCENTER: &str = "schema objective lower_bound rounding status iterations starts hits n d clouds lambdas \
    squared rotations trace out report seconds";

#[test]
fn the_barycentre_of_turned_copies_is_the_cloud() {
    let folder = Folder::new();
    let cloud = normal(21, 25, 3);
    folder.cloud("a.csv", &cloud);
    folder.cloud("b.csv", &turned(&cloud, 22));
    folder.cloud("c.csv", &turned(&cloud, 23));
    for out in ["o.csv", "o.npz", "o.ply", "o.npy"] {
        let line = format!("barycenter a.csv b.csv c.csv --lambdas 0.5,0.25,0.25 --json --out {out}");
        let o = folder.json(&line, 0);
        has_keys(&o, BARYCENTER);
        assert_eq!((&o["schema"], &o["status"]), (&"gromov/barycenter/1".into(), &"converged".into()));
        assert_eq!((&o["n"], &o["d"], &o["out"]), (&25.into(), &3.into(), &out.into()));
        assert!(number(&o["objective"]) <= 1e-10 && number(&o["squared"][2]) <= 1e-10, "{o}");
        let p = folder.json(&format!("distance a.csv {out} --json"), 0);
        assert!(number(&p["squared"]) <= 1e-10, "{out}: {p}");
    }
    let table = folder.line("barycenter a.csv b.csv").stdout;
    for words in ["objective    0 within", "25 points in R^3", "cloud        lambda 0.5", "out          none"]
    {
        assert!(table.contains(words), "{table}");
    }
}

#[test]
fn a_barycentre_on_the_line_averages_variances() {
    let folder = Folder::new();
    // ± 1 and ± 3: variances 1 and 9, so that 0.25 and 0.75 give 7, at 0.25 36 + 0.75 4
    folder.text("a.csv", "1\n-1\n");
    folder.text("b.csv", "3\n-3\n");
    let o = folder.json("barycenter a.csv b.csv --lambdas 0.25,0.75 --json --out o.csv", 0);
    assert!((number(&o["objective"]) - 12.0).abs() < 1e-13, "{o}");
    assert!((number(&o["lower_bound"]) - 12.0).abs() < 1e-13, "{o}");
    assert!((folder.read("o.csv").points()[0].abs() - 7f64.sqrt()).abs() < 1e-14);
    assert!(
        folder.line("barycenter a.csv b.csv").stdout.contains("met within rounding: this is the optimum")
    );
    let o = folder.json("barycenter a.csv b.csv --n-points 5 --dim 2 --starts 3 --json", 0);
    assert_eq!((&o["n"], &o["d"], &o["starts"]), (&5.into(), &2.into(), &3.into()));
    folder.text("far.csv", "1e90\n-3e90\n");
    let o = folder.json("barycenter far.csv a.csv --json", 0);
    assert!(o["objective"].is_null() && number(&o["scale"]) > 1e89, "{o}");
}
