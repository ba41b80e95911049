//! Runs the real program in a fresh folder.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gromov::Measure;
use gromov::measure::sample::Source;
use serde_json::Value;

/// A fresh folder with clouds in it; commands run inside.
pub struct Folder(tempfile::TempDir);

/// What a run left.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a cloud as CSV.
    pub fn cloud(&self, name: impl AsRef<Path>, cloud: &Measure) {
        let row = |i: usize| cloud.point(i).iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(",");
        let mut text = (1..=cloud.dim()).map(|k| format!("x{k},")).collect::<String>() + "w\n";
        for i in 0..cloud.len() {
            text += &format!("{},{:?}\n", row(i), cloud.weights()[i]);
        }
        self.text(name, &text);
    }

    pub fn text(&self, name: impl AsRef<Path>, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: impl AsRef<Path>) -> Measure {
        gromov::io::read(&self.path(name), &gromov::io::ReadOptions::default()).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gromov"));
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        finished(self.command(arguments).output().unwrap())
    }

    /// Arguments separated by blanks.
    pub fn line(&self, line: &str) -> Run {
        self.run(line.split_whitespace())
    }

    /// The JSON of a run that must exit with `code`.
    pub fn json(&self, line: &str, code: i32) -> Value {
        let run = self.line(line);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{line}");
        assert_eq!(run.stdout.lines().count(), 1);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// Names of all files and folders at any depth, with the content of files; links are not followed.
    pub fn tree(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let mut all = Vec::new();
        let mut folders = vec![self.0.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let (path, kind) = entry.map(|e| (e.path(), e.file_type().unwrap())).unwrap();
                all.push((path.clone(), kind.is_file().then(|| std::fs::read(&path).unwrap())));
                if kind.is_dir() {
                    folders.push(path);
                }
            }
        }
        all.sort();
        all
    }

    /// A run that must be refused: exit 2, nothing on stdout, one line on stderr, no file new or changed.
    pub fn refused<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let before = self.tree();
        let run = self.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
        assert!(run.stderr.starts_with("gromov: ") && run.stderr.ends_with('\n'), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.trim_end().chars().all(|c| !c.is_control()), "{}", run.stderr);
        assert!(self.tree() == before, "{}: {:?}", run.stderr, self.names());
        run.stderr.trim_end().strip_prefix("gromov: ").unwrap().to_string()
    }
}

pub fn finished(output: Output) -> Run {
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A centred normal cloud with axes of different lengths.
pub fn normal(seed: u64, n: usize, d: usize) -> Measure {
    let mut s = Source::new(seed, 77);
    let points = (0..n * d).map(|k| s.normal() / (1.0 + (k % d) as f64)).collect();
    Measure::uniform(points, d).unwrap().centred()
}

/// The cloud turned, its points in another order.
pub fn turned(cloud: &Measure, seed: u64) -> Measure {
    let mut s = Source::new(seed, 78);
    let turn = s.rotation(cloud.dim());
    let order = s.permutation(cloud.len());
    let points = order.iter().flat_map(|i| cloud.point(*i).to_vec()).collect();
    cloud.with_points(points).unwrap().linear_image(&turn, cloud.dim()).unwrap()
}

/// The object without its clock time.
pub fn timeless(mut object: Value) -> Value {
    assert!(object["seconds"].is_f64() || object["schema"] == "gromov/info/1");
    object.as_object_mut().unwrap().remove("seconds");
    object
}

pub fn has_keys(object: &Value, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(object.get(key).is_some(), "{key} in {object}");
    }
}

/// True if the archive holds this text as a text array (four bytes a character).
pub fn holds_text(archive: &Path, text: &str) -> bool {
    let codes: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    std::fs::read(archive).unwrap().windows(codes.len()).any(|w| w == codes)
}
