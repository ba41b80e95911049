//! Who may use whom, read from the source: arrows go from right to left in [`LAYERS`], never back.
//!
//! The checker knows comments, strings, groups of imports, names re-exported by the crate root and
//! chains of `super`; it reads no macros and no types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A module may use the modules of earlier rows; modules of one row do not see each other.
const LAYERS: [&[&str]; 9] = [
    &["error", "linalg"],
    &["solve", "measure", "memory", "minimise"],
    &["ot", "mobility", "certificate"],
    &["igw", "verify"],
    &["energy", "change", "pairwise"],
    &["flow", "geodesic"],
    &["barycenter"],
    &["io", "report"],
    &["demo"],
];

/// Arrows inside a row.
const NEIGHBOURS: [(&str, &str); 1] = [("linalg", "error")];

/// Modules that know less than their place allows.
const NARROW: [(&str, &[&str]); 7] = [
    ("solve", &[]),
    ("memory", &["error"]),
    ("minimise", &["error"]),
    ("certificate", &["error"]),
    ("verify", &["error", "measure", "certificate"]),
    ("io", &["error", "measure"]),
    ("report", &["error", "measure"]),
];

/// Files of narrow modules that may use every earlier row: they turn solutions into files and pages.
const WIDE_FILES: [&str; 10] = [
    "io/certificate.rs",
    "io/checkpoint.rs",
    "io/journal.rs",
    "io/path.rs",
    "io/trajectory.rs",
    "report/barycenter.rs",
    "report/distance.rs",
    "report/flow.rs",
    "report/geodesic.rs",
    "report/view.rs",
];

/// Linear algebra is the library's; the program holds no numerics.
const NOT_IN_THE_PROGRAM: [&str; 4] = ["faer", "linalg", "nalgebra", "ndarray"];

const LONGEST_FILE: usize = 600;

/// A word, `::`, or one character, and its line.
#[derive(Debug, Clone, PartialEq)]
struct Token {
    line: usize,
    text: String,
}

/// Tokens of Rust source without comments, strings and characters.
fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    while i < text.len() {
        let start = i;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        match (at(i), at(i + 1)) {
            ('/', '/') => i = find(&text, i, "\n").unwrap_or(text.len()),
            ('/', '*') => i = end_of_comment(&text, i),
            ('r', '"' | '#') if raw_string(&text, i).is_some() => {
                i = raw_string(&text, i).unwrap_or(text.len());
            }
            ('"', _) => i = end_of_string(&text, i),
            ('\'', '\\') => i = find(&text, i + 3, "'").map_or(text.len(), |e| e + 1),
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (':', ':') => {
                out.push(Token { line, text: "::".into() });
                i += 2;
            }
            (c, _) if is_word(c) => {
                while is_word(at(i)) {
                    i += 1;
                }
                out.push(Token { line, text: text[start..i].iter().collect() });
            }
            (c, _) => {
                if !c.is_whitespace() {
                    out.push(Token { line, text: c.to_string() });
                }
                i += 1;
            }
        }
        line += text[start..i].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// Position of `what` at or after `from`.
fn find(text: &[char], from: usize, what: &str) -> Option<usize> {
    let what: Vec<char> = what.chars().collect();
    (from..text.len()).find(|&i| text[i..].starts_with(&what))
}

/// Behind a block comment, nested ones included.
fn end_of_comment(text: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < text.len() {
        match &text[i..(i + 2).min(text.len())] {
            ['/', '*'] => (depth, i) = (depth + 1, i + 2),
            ['*', '/'] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    text.len()
}

/// Behind a string that starts at `start`.
fn end_of_string(text: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < text.len() && text[i] != '"' {
        i += if text[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(text.len())
}

/// Behind a raw string that starts at `start`, if one does.
fn raw_string(text: &[char], start: usize) -> Option<usize> {
    let hashes = text[start + 1..].iter().take_while(|c| **c == '#').count();
    if text.get(start + 1 + hashes) != Some(&'"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(find(text, start + 2 + hashes, &end)? + end.len())
}

/// What is used below the crate root by a file: (line, first name of the path).
fn paths(file: &str, source: &str) -> Vec<(usize, String)> {
    let tokens = tokens(source);
    let text = |i: usize| tokens.get(i).map_or("", |t| t.text.as_str());
    let (mut found, mut braces, mut inner) = (Vec::new(), 0, Vec::new());
    for i in 0..tokens.len() {
        match text(i) {
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                inner.retain(|depth| *depth <= braces);
            }
            "mod" if text(i + 2) == "{" => inner.push(braces + 1),
            "crate" if text(i + 1) == "::" => root(&tokens, i + 2, &mut found),
            "super" if text(i + 1) == "::" && (i == 0 || text(i - 1) != "::") => {
                let ups = (i..).step_by(2).take_while(|&k| text(k) == "super").count();
                if ups == depth(file) + inner.len() {
                    root(&tokens, i + 2 * ups, &mut found);
                }
            }
            _ => {}
        }
    }
    found
}

/// Modules between the crate root and the inside of a file: 1 for `mobility.rs` and `igw/mod.rs`.
fn depth(file: &str) -> usize {
    file.trim_end_matches("/mod.rs").split('/').count()
}

/// The names at `i`, behind `crate::`: one, or those of a group.
fn root(tokens: &[Token], i: usize, found: &mut Vec<(usize, String)>) {
    let name = |t: &Token| (t.line, t.text.clone());
    if tokens.get(i).is_none_or(|t| t.text != "{") {
        found.extend(tokens.get(i).map(name));
        return;
    }
    let mut braces = 0;
    for pair in tokens[i..].windows(2) {
        match pair[0].text.as_str() {
            "{" => braces += 1,
            "}" => braces -= 1,
            _ => {}
        }
        if braces == 0 {
            return;
        }
        let first = matches!(pair[0].text.as_str(), "{" | ",") && braces == 1;
        if first && pair[1].text != "}" && pair[1].text != "self" {
            found.push(name(&pair[1]));
        }
    }
}

/// Names that `lib.rs` re-exports, with the module they come from.
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let tokens = tokens(lib);
    let mut out = BTreeMap::new();
    for i in 0..tokens.len().saturating_sub(3) {
        if tokens[i].text != "pub" || tokens[i + 1].text != "use" {
            continue;
        }
        let module = tokens[i + 2].text.clone();
        let names = tokens[i + 4..].iter().take_while(|t| t.text != ";");
        out.extend(names.map(|t| (t.text.clone(), module.clone())));
    }
    out
}

/// What a file (path below `src`) may use, or a message.
fn allowed(file: &str) -> Result<Vec<&'static str>, String> {
    let layer = layer(file);
    let Some(row) = LAYERS.iter().position(|row| row.contains(&layer)) else {
        return Err(format!("{file}: the module {layer} has no place in LAYERS of tests/layers.rs"));
    };
    let narrow = NARROW.iter().find(|n| n.0 == layer && !WIDE_FILES.contains(&file));
    if let Some((_, known)) = narrow {
        return Ok(known.to_vec());
    }
    let neighbours = NEIGHBOURS.iter().filter(|n| n.0 == layer).map(|n| n.1);
    Ok(LAYERS[..row].concat().into_iter().chain(neighbours).collect())
}

fn layer(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// Every forbidden arrow of a file, one message each.
fn forbidden(file: &str, source: &str, reexports: &BTreeMap<String, String>) -> Vec<String> {
    let known = match allowed(file) {
        Ok(known) => known,
        Err(message) => return vec![message],
    };
    let from = layer(file);
    let mut out = Vec::new();
    for (line, name) in paths(file, source) {
        let to = reexports.get(&name).unwrap_or(&name).as_str();
        if to != from && !known.contains(&to) {
            let list = if known.is_empty() { "nothing".into() } else { known.join(", ") };
            out.push(format!("{file}:{line}: {from} -> {to} is forbidden; it may use {list}"));
        }
    }
    out
}

/// Words of the program's source that belong to the library's inside.
fn numerics(file: &str, source: &str) -> Vec<String> {
    let refused = tokens(source).into_iter().filter(|t| NOT_IN_THE_PROGRAM.contains(&t.text.as_str()));
    refused.map(|t| format!("{file}:{}: the program uses {}", t.line, t.text)).collect()
}

fn too_long(file: &str, source: &str) -> Option<String> {
    let lines = source.lines().count();
    let message =
        || format!("{file}:{lines}: more than {LONGEST_FILE} lines; split it by part of the algorithm");
    (lines > LONGEST_FILE).then(message)
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rust files of a crate: path below `src` with forward slashes, source.
fn sources(name: &str) -> Vec<(String, String)> {
    let top = crates().join(name).join("src");
    let (mut folders, mut out) = (vec![top.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(&top).unwrap().to_string_lossy().replace('\\', "/");
                out.push((below, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    out.sort();
    out
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn arrows_go_from_right_to_left() {
    let files = sources("gromov");
    let lib = files.iter().find(|f| f.0 == "lib.rs").unwrap();
    let reexports = reexports(&lib.1);
    let modules = files.iter().filter(|f| f.0 != "lib.rs");
    let problems: Vec<String> = modules.clone().flat_map(|(f, s)| forbidden(f, s, &reexports)).collect();
    assert_none(&problems);
    // the reader does read: most files use at least the errors
    let arrows: usize = modules.map(|(f, s)| paths(f, s).len()).sum();
    assert!(arrows > 100, "only {arrows} arrows were seen");
}

#[test]
fn the_program_holds_no_linear_algebra() {
    let mut files = sources("gromov-cli");
    let manifest = std::fs::read_to_string(crates().join("gromov-cli/Cargo.toml")).unwrap();
    files.push(("../Cargo.toml".into(), manifest));
    let problems: Vec<String> = files.iter().flat_map(|(f, s)| numerics(f, s)).collect();
    assert_none(&problems);
}

#[test]
fn no_file_is_too_long() {
    let files = ["gromov", "gromov-cli"].map(sources).concat();
    let problems: Vec<String> = files.iter().filter_map(|(f, s)| too_long(f, s)).collect();
    assert_none(&problems);
}

/// Forbidden arrows of a made-up file.
fn check(file: &str, source: &str) -> Vec<String> {
    let lib = "pub use flow::{Flow, Trajectory};\npub use measure::Measure;";
    forbidden(file, source, &reexports(lib))
}

#[test]
fn a_reversed_arrow_is_found() {
    assert_none(&check("igw/align.rs", "use crate::ot::Plan;\nuse crate::Measure;"));
    let want =
        "ot/exact.rs:2: ot -> igw is forbidden; it may use error, linalg, solve, measure, memory, minimise";
    assert_eq!(check("ot/exact.rs", "use crate::linalg;\nuse crate::igw::Solution;"), [want]);
    let found = |file, source| check(file, source).len();
    // in a group, in an expression, through the crate root, through super, in a row, in a test
    assert_eq!(
        found("ot/mod.rs", "use crate::{error::{Error, Result},\n igw::{align, line}, Flow, measure};"),
        2
    );
    assert_eq!(found("linalg.rs", "fn f() { crate::measure::sample::gaussian(1, 1, 0) }"), 1);
    assert_eq!(found("measure/mod.rs", "use crate::Trajectory;"), 1);
    assert_eq!(found("ot/exact.rs", "use super::super::igw;"), 1);
    assert_eq!(
        found("mobility.rs", "use super::flow; mod tests { use super::*; use super::super::igw; }"),
        2
    );
    assert_eq!(
        found("ot/exact.rs", "mod tests { fn f() {} use super::super::igw; } use super::super::flow;"),
        1
    );
    assert_eq!(found("ot/line.rs", "use crate::mobility;"), 1);
    assert_eq!(found("energy/sum.rs", "#[cfg(test)]\nmod tests {\n    use crate::flow;\n}"), 1);
    assert_eq!(found("solve.rs", "use crate::measure::Measure;"), 1);
    // everything, and a module nobody has placed
    assert_eq!(found("ot/mod.rs", "use crate::*;"), 1);
    assert_eq!(found("spline/mod.rs", "use crate::error;"), 1);
    assert_eq!(found("geodesic/mod.rs", "use crate::flow;"), 1);
    assert_eq!(found("geodesic/mod.rs", "use crate::barycenter;"), 1);
    assert_none(&check("barycenter/free.rs", "use crate::{flow, geodesic, igw};"));
}

#[test]
fn exceptions_are_those_written_down() {
    assert_none(&check("io/trajectory.rs", "use crate::flow::Trajectory;"));
    assert_none(&check("io/certificate.rs", "use crate::certificate::Certificate;"));
    assert_eq!(check("io/npz.rs", "use crate::flow::Trajectory;").len(), 1);
    // what checks a certificate shares no code with what makes it
    assert_none(&check("verify.rs", "use crate::certificate::Certificate;\nuse crate::Measure;"));
    assert_eq!(check("verify.rs", "use crate::{igw, linalg, ot};").len(), 3);
    assert_none(&check("report/flow.rs", "use crate::{flow::change, linalg};"));
    assert_none(&check("report/distance.rs", "use crate::igw::Solution;"));
    assert_none(&check("report/geodesic.rs", "use crate::{change, geodesic::Path};"));
    assert_none(&check("io/path.rs", "use crate::geodesic::Path;"));
    assert_eq!(check("report/html.rs", "use crate::igw::Solution;").len(), 1);
    assert_eq!(check("report/flow.rs", "use crate::io;").len(), 1);
    assert_none(&check("linalg.rs", "use crate::error::Error;"));
    assert_eq!(check("error.rs", "use crate::linalg;").len(), 1);
}

#[test]
fn comments_and_strings_are_no_arrows() {
    let source = "//! [`flow`](crate::flow)\n/* crate::flow /* nested */ crate::flow */\n\
                  const A: &str = \"crate::flow \\\" crate::flow\";\nconst B: &str = r#\"crate::\"flow\"#;\n\
                  const C: [char; 3] = ['\"', '\\'', '\\u{41}'];\nfn f<'a>(x: &'a str) {}\n\
                  pub(crate) fn g() { super::exact::h() }\n";
    assert_none(&check("ot/tree.rs", source));
    assert_eq!(check("ot/tree.rs", &format!("{source}use crate::flow;"))[0].split(':').nth(1), Some("8"));
}

#[test]
fn numerics_and_length_are_found() {
    assert_eq!(numerics("job.rs", "\nuse faer::Mat;"), ["job.rs:2: the program uses faer"]);
    assert!(numerics("job.rs", "// faer\nuse gromov::Measure;").is_empty());
    assert_eq!(too_long("a.rs", &"\n".repeat(LONGEST_FILE)), None);
    assert!(too_long("a.rs", &"\n".repeat(LONGEST_FILE + 1)).is_some_and(|m| m.starts_with("a.rs:601:")));
}
