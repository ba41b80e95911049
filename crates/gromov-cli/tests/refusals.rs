//! Exit codes and messages: wrong usage and input are refused before anything is written.

mod common;

use common::{Folder, normal};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(1, 12, 2));
    folder.cloud("b.csv", &normal(2, 10, 3));
    folder.text("bad.csv", "x,y\n1,2\n3,nan\n");
    folder.text("sum.csv", "x,w\n1,0.5\n2,0.6\n");
    folder.text("wide.csv", "1,2,3\n4,5,6\n");
    folder.text("line.csv", "1\n4\n");
    folder.text("heavy.csv", "x,w\n1,0.25\n4,0.75\n");
    folder.text("three.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n");
    folder
}

#[test]
fn usage_is_checked_with_one_line_each() {
    let folder = folder();
    let cases = [
        ("", "requires a subcommand"),
        ("frobnicate", "unrecognized subcommand 'frobnicate'; try 'gromov --help'"),
        ("info", "not provided: <CLOUD>; try 'gromov info --help'"),
        ("info a.csv b.csv", "unexpected argument 'b.csv'"),
        ("distance a.csv", "not provided: <B>"),
        ("flow a.csv", "not provided: --energy <SPEC>"),
        ("distance a.csv b.csv --method exact", "invalid value 'exact' for '--method"),
        ("distance a.csv b.csv --starts 0", "0 is not in 1..=1000000"),
        ("distance a.csv b.csv --starts 99999999999", "is not in 1..=1000000"),
        ("distance a.csv b.csv --tol -1", "--tol: -1 is not allowed; give a number >= 0"),
        ("distance a.csv b.csv --tol nan", "--tol: NaN"),
        ("distance a.csv b.csv --tol x", "invalid value 'x' for '--tol <X>'"),
        ("distance a.csv b.csv --time-limit -1", "--time-limit: -1 is not allowed; give seconds, 0 or more"),
        ("distance a.csv b.csv --time-limit inf", "--time-limit: inf"),
        ("distance a.csv b.csv --plan p.txt", "p.txt: a plan is written as .csv; give --plan a name"),
        ("info a.csv --threads 0", "0 is not in 1..=1024"),
        ("info a.csv --seed -1", "invalid value '-1' for '--seed <N>'"),
        ("info a.csv --max-bytes 0", "invalid value '0' for '--max-bytes <N>'"),
        (
            "flow a.csv --energy quadratic --steps 3 --time 1",
            "'--steps <N>' cannot be used with '--time <T>'",
        ),
        ("flow a.csv --energy quadratic --steps -1", "invalid value '-1' for '--steps <N>'"),
        ("flow a.csv --energy quadratic --step 0", "--step: 0 is not allowed; give a positive number"),
        ("flow a.csv --energy quadratic --step -1", "--step: -1 is not allowed"),
        ("flow a.csv --energy quadratic --time inf", "--time: inf is not allowed"),
        ("flow a.csv --energy quadratic --every 0", "--every: 0 is not allowed; give at least 1"),
        ("flow a.csv --energy quadratic --tol -2", "--tol: -2 is not allowed"),
        (
            "flow a.csv --energy quadratic --rtol 0",
            "--rtol: 0 is not allowed; give a number of at least 1e-13",
        ),
        (
            "flow a.csv --energy quadratic --scheme rk4 --rtol 1e-6",
            "--rtol: 0.000001 is not allowed; give none with the rk4 scheme, whose steps are fixed; or the adaptive",
        ),
        ("flow a.csv --energy quadratic --atol 1", "--atol: 1 is not allowed; give rtol with it"),
        (
            "flow a.csv --energy quadratic --frame-times 0.1,0.2",
            "--frame-times: times with the implicit scheme is not allowed; give the adaptive scheme",
        ),
        (
            "flow a.csv --energy quadratic --scheme adaptive --frame-times 0.2,0.1",
            "--frame-times: 0.1 at entry 1 is not allowed; give increasing numbers >= 0",
        ),
        (
            "flow a.csv --energy quadratic --scheme adaptive --frame-times 0.1 --every 2",
            "'--frame-times <T1,T2,...>' cannot be used with '--every <K>'",
        ),
        (
            "flow a.csv --energy quadratic --energy-tol 1",
            "--energy-tol: 1 is not allowed; give a number in [0, 1)",
        ),
        ("flow a.csv --energy quadratic --metric w3", "invalid value 'w3' for '--metric"),
        ("flow a.csv --energy quadratic --scheme leapfrog", "invalid value 'leapfrog' for '--scheme"),
        (
            "flow a.csv --energy quadratic --metric w2 --rotation free",
            "--rotation has no meaning with --metric w2",
        ),
        (
            "flow a.csv --energy quadratic --out o.txt",
            "o.txt: frames are written as .npz or .csv; give --out",
        ),
        (
            "flow a.csv --energy quadratic --report r.npz",
            "r.npz: a report is written as .html; give --report",
        ),
        ("distance a.csv b.csv --report html", "html: a report is written as .html; give --report"),
        ("flow a.csv --energy quadratic --out npz", "npz: frames are written as .npz or .csv"),
        (
            "flow a.csv --energy enthalpy",
            "there is no energy 'enthalpy'; use one of quadratic (center, matrix, weight), double-well (weight), \
          interaction (p, q, weight), energy-distance (target, batch, weight), mmd",
        ),
        ("flow a.csv --energy igw", "the target is missing; write igw:target=FILE"),
        ("flow a.csv --energy igw:goal=b.csv", "igw has no key 'goal'; it has target, weight"),
        ("flow a.csv --energy quadratic:weight=x", "weight 'x' is not a finite number"),
        ("distance a.csv b.csv --time-limit -1e300", "--time-limit: -1e300 is not allowed"),
        ("flow a.csv --energy quadratic --step -1e300", "--step: -1e300 is not allowed"),
        (
            "flow a.csv --energy quadratic --every x",
            "invalid digit found in string; try 'gromov flow --help'",
        ),
        ("info a.csv --points 0", "invalid value '0' for '--points <N>'"),
        ("info a.csv --points -3", "invalid value '-3' for '--points <N>'"),
        (
            "distance a.csv b.csv --transform a.csv",
            "not provided: --out <FILE>; try 'gromov distance --help'",
        ),
        ("distance a.csv b.csv --out o.csv", "not provided: --transform <FILE>; try 'gromov distance"),
        (
            "distance a.csv b.csv --transform a.csv --out o.png",
            "o.png: clouds are not written as .png; formats that are written: .csv .tsv .npy .npz .ply",
        ),
        ("distance a.csv b.csv --transform a.csv --out csv", "csv: the name has no ending"),
        (
            "distance a.csv b.csv --transform a.csv --out o.csv --plan o.csv",
            "o.csv: is given to --plan and to --out; give each a file of its own",
        ),
        ("info a.csv --invert", "--invert concerns pictures, but no input is a .png; leave it out"),
        ("distance a.csv b.csv --invert --transform a.csv --out o.csv", "--invert concerns pictures"),
        ("flow a.csv --energy igw:target=b.csv --invert", "--invert concerns pictures"),
        // a picture among the inputs is enough; the files are looked for afterwards
        ("distance a.csv none.PNG --invert", "none.PNG: no such file"),
        ("distance a.csv b.csv --invert --transform none.png --out o.csv", "none.png: no such file"),
        ("flow a.csv --energy igw:target=none.png --invert", "none.png: no such file"),
        ("barycenter", "not provided: <CLOUD>...; try 'gromov barycenter --help'"),
        ("barycenter a.csv b.csv --lambdas 0.5", "--lambdas: 1 given for 2 clouds; give one each"),
        ("barycenter a.csv b.csv --lambdas 0.5,0.6", "--lambdas: a sum of 1.1 is not allowed"),
        ("barycenter a.csv b.csv --lambdas 1.5,-0.5", "--lambdas: -0.5 is not allowed; give numbers >= 0"),
        ("barycenter a.csv b.csv --lambdas 1,x", "invalid value 'x' for '--lambdas"),
        ("barycenter a.csv --n-points 0", "0 is not in 1..=1000000"),
        ("barycenter a.csv --dim 9999", "9999 is not in 1..=4096"),
        ("barycenter a.csv --tol -1", "--tol: -1 is not allowed"),
        ("barycenter a.csv --time-limit -1", "--time-limit: -1 is not allowed"),
        ("barycenter a.csv --out o.xyz", "o.xyz: clouds are not written as .xyz"),
        ("barycenter a.csv --report o.txt", "o.txt: a report is written as .html"),
        ("barycenter a.csv --invert", "--invert concerns pictures"),
        ("completions", "not provided: <SHELL>"),
        (
            "completions sh",
            "invalid value 'sh' for '<SHELL>' [possible values: bash, elvish, fish, powershell, zsh]",
        ),
    ];
    for (line, words) in cases {
        let message = folder.refused(line.split_whitespace());
        assert!(message.contains(words), "{line}: {message}");
    }
}

#[test]
fn options_of_other_commands_are_unknown() {
    let folder = folder();
    for (command, options) in [
        ("distance a.csv b.csv", "--checkpoint --metric --energy --frames-ply"),
        ("flow a.csv --energy quadratic", "--certificate --starts --plan --large"),
        ("pairwise a.csv b.csv", "--certificate --plan --large --report"),
        ("demo", "--report --steps --transform"),
        ("info a.csv", "--report --out --tol --step"),
    ] {
        for option in options.split_whitespace() {
            let message = folder.refused(format!("{command} {option} x").split_whitespace());
            assert!(message.contains(&format!("unexpected argument '{option}'")), "{message}");
        }
    }
    // options of reading where nothing is read
    for command in ["demo", "completions bash"] {
        for option in ["center", "normalize", "weights-column", "invert", "points", "max-bytes"] {
            for line in [format!("{command} --{option}=1"), format!("--{option}=1 {command}")] {
                let message = folder.refused(line.split(' '));
                assert!(message.contains(&format!("unexpected argument '--{option}'")), "{line}: {message}");
            }
        }
    }
    assert!(folder.refused(["merge", "a.csv", "b.csv"]).contains("unrecognized subcommand"));
}

#[test]
fn wrong_input_is_named_with_its_file() {
    let folder = folder();
    let cases = [
        ("info none.csv", "none.csv: no such file"),
        ("info .", ".: is a folder"),
        ("info a.doc", "a.doc: no such file"),
        ("info bad.csv", "bad.csv:3: column 2 (y): 'nan' is not a finite number"),
        (
            "info sum.csv",
            "the sum is 1.1, not 1 (within 1e-9); ask for normalization to rescale (--normalize, in Python normalize=True)",
        ),
        ("info a.csv --max-bytes 10", "more than the limit of 10; raise it with --max-bytes"),
        ("distance a.csv bad.csv", "bad.csv:3"),
        ("flow bad.csv --energy quadratic", "bad.csv:3"),
        ("flow a.csv --energy igw:target=bad.csv", "bad.csv:3"),
        ("flow a.csv --energy quadratic:matrix=bad.csv", "bad.csv:3"),
        (
            "flow a.csv --energy quadratic:matrix=wide.csv",
            "wide.csv: holds 2 rows and 3 columns; give a square",
        ),
        ("flow b.csv --energy quadratic:center=1;2;3,matrix=none.npy", "none.npy: no such file"),
        (
            "flow a.csv --energy wasserstein:target=b.csv",
            "a.csv: its points have 2 coordinates, and energy \
          'wasserstein:target=b.csv' needs 3",
        ),
        ("flow a.csv --energy quadratic --energy quadratic:center=1", "energy 'quadratic:center=1' needs 1"),
        ("info a.csv --weights-column mass", "a.csv: "),
        (
            "info three.obj --weights-column w",
            "--weights-column concerns files with names (.csv .tsv .npz .ply), but no input is one",
        ),
        ("distance a.csv b.csv --transform none.ply --out o.ply", "none.ply: no such file"),
        (
            "distance a.csv b.csv --transform b.csv --out o.csv",
            "b.csv: its points have 3 coordinates, those of a.csv have 2; give one of 2",
        ),
        (
            "distance b.csv line.csv --transform b.csv --out o.ply",
            "o.ply: vertices of .ply have 2 or 3 coordinates, not 1; write .npz",
        ),
        (
            "distance line.csv a.csv --transform heavy.csv --out o.npy",
            "o.npy: the cloud has weights, which .npy cannot hold; write .npz, .csv",
        ),
        ("barycenter a.csv bad.csv", "bad.csv:3"),
        (
            "barycenter a.csv b.csv --dim 4 --out o.ply",
            "o.ply: vertices of .ply have 2 or 3 coordinates, not 4",
        ),
        ("barycenter heavy.csv line.csv --out o.npy", "o.npy: the cloud has weights, which .npy cannot hold"),
        (
            "flow line.csv --energy quadratic --frames-ply f",
            "line.csv: its points have d = 1 coordinates, and --frames-ply needs 2 or 3; use --out",
        ),
    ];
    for (line, words) in cases {
        let message = folder.refused(line.split_whitespace());
        assert!(message.contains(words), "{line}: {message}");
    }
    folder.text("huge.csv", "1e70,0\n0,1e70\n");
    let message = folder.refused("flow huge.csv --energy quadratic".split(' '));
    assert!(message.contains("outside the range [1e-60, 1e60]; rescale the data"), "{message}");
    // turned by 45 degrees these points leave doubles: no plan and no page of a run that is refused
    folder.text("cross.csv", "2,0\n0,1\n-2,0\n0,-1\n");
    folder.text("slanted.csv", "2,2\n-1,1\n-2,-2\n1,-1\n");
    folder.text("edge.csv", "1.7e308,1.7e308\n1.7e308,-1.7e308\n");
    let line = "distance cross.csv slanted.csv --plan p.csv --report r.html --transform edge.csv --out o.csv";
    let message = folder.refused(line.split(' '));
    assert!(message.starts_with("edge.csv: cannot be moved: "), "{message}");
}

#[test]
fn outputs_that_cannot_be_written_are_found_before_the_inputs_are_read() {
    let folder = folder();
    std::fs::create_dir(folder.path("folder.npz")).unwrap();
    for (line, words) in [
        ("flow none.csv --energy quadratic --out no/o.npz", "no/o.npz: its folder no cannot be used"),
        ("flow none.csv --energy quadratic --out folder.npz", "folder.npz: is a folder"),
        ("flow none.csv --energy quadratic --out a.csv/o.csv", "a.csv/o.csv: a.csv is not a folder"),
        ("distance none.csv a.csv --plan no/p.csv", "no/p.csv: its folder no cannot be used"),
        ("distance none.csv a.csv --report no/p.html", "no/p.html: its folder no cannot be used"),
        ("flow none.csv --energy quadratic --report a.csv/p.html", "a.csv/p.html: a.csv is not a folder"),
        (
            "distance none.csv a.csv --transform a.csv --out no/p.csv",
            "no/p.csv: its folder no cannot be used",
        ),
        ("flow none.csv --energy quadratic --frames-ply a.csv", "a.csv: is not a folder; give --frames-ply"),
        (
            "flow none.csv --energy quadratic --frames-ply a.csv/x/y",
            "a.csv/x/y: cannot be created: a.csv is not",
        ),
        ("barycenter none.csv --out no/o.csv", "no/o.csv: its folder no cannot be used"),
        ("barycenter none.csv --report no/o.html", "no/o.html: its folder no cannot be used"),
        ("demo --out a.csv", "a.csv: the folder cannot be created: "),
        ("demo --out a.csv/x", "a.csv/x: the folder cannot be created: "),
    ] {
        let message = folder.refused(line.split_whitespace());
        assert!(message.contains(words), "{line}: {message}");
    }
}

#[test]
fn an_answer_with_a_reservation_exits_with_one_and_writes_everything() {
    let folder = folder();
    let o = folder.json("flow a.csv --energy quadratic --json --out o.npz", 1);
    assert_eq!(o["status"], "singular");
    assert!(o["steps"].as_u64().unwrap() > 0);
    assert_eq!(folder.read("o.npz").len(), 12);
    let o = folder.json("distance a.csv b.csv --time-limit 0 --json --plan p.csv", 1);
    assert_eq!((&o["status"], &o["starts"]), (&"time_cap".into(), &8.into()));
    assert!(folder.path("p.csv").exists());
    let table = folder.line("distance a.csv b.csv --time-limit 0");
    assert_eq!((table.code, table.stderr.as_str()), (Some(1), ""));
    assert!(table.stdout.contains("time_cap (raise --time-limit to search on)"), "{}", table.stdout);
    let o = folder.json("barycenter a.csv b.csv --time-limit 0 --json --out m.csv", 1);
    assert_eq!((&o["status"], &o["starts"]), (&"time_cap".into(), &1.into()));
    assert_eq!((folder.read("m.csv").len(), folder.read("m.csv").dim()), (12, 3));
    let o =
        folder.json("flow a.csv --energy quadratic --metric w2 --scheme rk4 --step 1e9 --steps 99 --json", 1);
    assert_eq!((&o["status"], o["energy_rises"] == o["steps"]), (&"stalled".into(), true));
    folder.text("flat.csv", "1,0\n-1,0\n");
    assert_eq!(folder.json("flow flat.csv --energy quadratic --json", 1)["status"], "singular");
}

#[test]
fn help_and_version_are_results() {
    let folder = Folder::new();
    let version = folder.line("--version");
    assert_eq!(
        (version.code, version.stdout.as_str()),
        (Some(0), concat!("gromov ", env!("CARGO_PKG_VERSION"), "\n"))
    );
    assert_eq!(folder.line("flow --version").code, Some(0));
    for (line, words) in [
        ("--help", "Exit codes: 0 done"),
        ("distance --help", "gromov distance a.csv b.csv"),
        ("flow --help", "gromov flow horse.csv --energy quadratic"),
        ("geodesic --help", "gromov geodesic a.csv b.csv --kind lifted"),
        ("verify --help", "gromov verify ab.npz a.csv b.csv"),
        ("barycenter --help", "gromov barycenter a.csv b.csv c.csv --center"),
        ("help info", "gromov info a.csv"),
        ("demo --help", "gromov demo --quick"),
        ("flow -h", "[default: implicit]"),
    ] {
        let help = folder.line(line);
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
        assert!(help.stdout.contains(words), "{}", help.stdout);
    }
    let flow = folder.line("flow --help").stdout;
    for word in
        ["energy-distance", "wasserstein", "igw", "target=a,,b.csv", "length^4", "--threads", "[default: 1]"]
    {
        assert!(flow.contains(word), "{word}");
    }
    assert!(flow.contains("--report <FILE.html>"));
    let top = folder.line("--help").stdout;
    for ending in [".csv", ".tsv", ".npy", ".npz", ".ply", ".obj", ".xyz", ".png"] {
        assert!(top.contains(ending), "{ending}");
    }
}

#[test]
fn an_output_that_is_also_an_input_is_refused_and_kept() {
    let folder = Folder::new();
    folder.text("a.csv", "1,0\n0,1\n-1,-1\n");
    folder.text("b.csv", "2,0\n0,1\n-1,-1\n");
    folder.text("c.csv", "2,0\n0,1\n-1,-1\n");
    std::fs::create_dir(folder.path("frames")).unwrap();
    std::fs::copy(folder.path("a.csv"), folder.path("frames/frame_0003.ply")).unwrap();
    for line in [
        "flow a.csv --energy quadratic --steps 1 --out a.csv",
        "flow a.csv --energy wasserstein:target=b.csv --steps 1 --out b.csv",
        "flow a.csv --energy quadratic:matrix=b.csv --steps 1 --out ./b.csv",
        "distance a.csv b.csv --plan b.csv",
        "barycenter a.csv b.csv --out b.csv",
        "distance a.csv b.csv --transform c.csv --out c.csv",
        "distance a.csv b.csv --transform c.csv --out a.csv",
        "flow frames/frame_0003.ply --energy quadratic --steps 1 --frames-ply frames",
    ] {
        let message = folder.refused(line.split_whitespace());
        assert!(message.contains("is read and would be overwritten"), "{line}: {message}");
    }
}

#[test]
fn a_mean_beyond_doubles_is_named() {
    let folder = Folder::new();
    folder.text("far.csv", "1.7e308,1\n-1.7e308,2\n-1.7e308,3\n");
    let message = folder.refused("info far.csv --center".split(' '));
    assert!(message.contains("far.csv: its coordinates minus their mean leave the range"), "{message}");
}
