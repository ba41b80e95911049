//! Hostile text in names, headers and arguments: pages keep their structure, JSON parses, terminals get no
//! control characters, tables of numbers hold numbers.
#![cfg(unix)]

mod common;

use common::{Folder, Run, normal};
use serde_json::Value;

/// Text that can be a file name (a slash makes folders). None begins with a dash: that would be an option.
const TEXTS: [&str; 24] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"&'",
    "]]>",
    "<!--",
    "x--!>",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{202e}gnp.exe",
    "\u{200b}\u{feff}\u{2066}",
    "=1+1",
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "${7*7}",
    "{{7*7}}",
    "javascript:alert(1)",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "a\nb\rc\td",
    "%00%0a%s%n",
    "</title><svg onload=alert(1)>",
    "</style><style>*{display:none}</style>",
    "&#60;script&#62;",
    "\\u003cscript\\u003e\\",
];

/// Tags of a page in order, each with the names of its attributes; the text of scripts and styles is skipped
/// as a browser skips it.
fn tags(html: &str) -> Vec<String> {
    let (mut out, mut rest) = (Vec::new(), html);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            out.push("comment".into());
            rest = comment.split_once("-->").map_or("", |c| c.1);
            continue;
        }
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            continue;
        }
        let (mut quote, mut end) = (None, rest.len());
        for (k, c) in rest.char_indices() {
            match (quote, c) {
                (None, '>') => {
                    end = k;
                    break;
                }
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                _ => {}
            }
        }
        let tag = names(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or("");
        for raw in ["script", "style", "title"] {
            if tag.split(' ').next() == Some(raw) {
                let close = format!("</{raw}");
                rest = rest.find(&close).map_or("", |at| &rest[at..]);
            }
        }
        out.push(tag);
    }
    out
}

/// Name of a tag and of its attributes, values left out.
fn names(tag: &str) -> String {
    let (mut out, mut quote, mut value) = (String::new(), None, false);
    for c in tag.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '=') => value = true,
            (None, c) if c.is_whitespace() => {
                value = false;
                out.push(' ');
            }
            (None, c) if !value => out.push(c),
            _ => {}
        }
    }
    out
}

fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Exit code 0, nothing on stderr, lines without control characters and marks that turn text.
fn clean(run: &Run, text: &str) {
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{text:?}");
    assert!(!run.stdout.contains(|c| c != '\n' && hidden(c)), "{text:?}: {}", run.stdout);
}

/// A folder with a cloud, a target and a plain one under names made of the text.
fn folder(text: &str) -> (Folder, [String; 2]) {
    let folder = Folder::new();
    let names = [format!("{text}.csv"), format!("{text} b.csv")];
    for (k, name) in names.iter().enumerate() {
        if let Some(parent) = folder.path(name).parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        folder.cloud(name, &normal(k as u64, 12, 2));
    }
    (folder, names)
}

/// What the commands leave for clouds of these names: pages, JSON objects, tables of numbers.
fn outputs(folder: &Folder, [a, b]: &[String; 2]) -> (Vec<String>, Vec<Value>, Vec<String>) {
    let text = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    let (mut pages, mut objects, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    let spec = format!("wasserstein:target={}", b.replace(',', ",,"));
    let sample = ["--points", "9"];
    let distance =
        [&["distance", a, b, "--starts", "2", "--report", "r.html", "--plan", "o.csv"], &sample[..]];
    let flow = ["flow", a, "--energy", &spec, "--steps", "1", "--report", "r.html", "--out", "o.csv"];
    let path = ["geodesic", a, b, "--starts", "2", "--report", "r.html", "--out", "o.csv"];
    for command in [distance.concat(), [&flow[..], &sample].concat(), [&path[..], &sample].concat()] {
        clean(&folder.run(&command), a);
        let json = folder.run([&command[..], &["--json"]].concat());
        assert_eq!((json.code, json.stdout.lines().count()), (Some(0), 1), "{a:?}");
        objects.push(serde_json::from_str(&json.stdout).unwrap());
        pages.push(text("r.html"));
        numbers.push(text("o.csv"));
    }
    clean(&folder.run(["info", a]), a);
    (pages, objects, numbers)
}

#[test]
fn names_of_files_are_text_wherever_they_are_shown() {
    let (plain, names) = folder("plain");
    let (pages, objects, numbers) = outputs(&plain, &names);
    let structure: Vec<_> = pages.iter().map(|p| tags(p)).collect();
    assert!(
        structure.iter().all(|s| s.len() > 40 && s.iter().filter(|t| t.starts_with("script")).count() > 0)
    );
    for text in TEXTS {
        let (folder, names) = folder(text);
        let (hostile, answers, rows) = outputs(&folder, &names);
        for (page, structure) in hostile.iter().zip(&structure) {
            assert!(tags(page) == *structure, "{text:?} changes the page");
            // marks without width do no harm on a page; those that turn the direction of writing do
            let harmless = |c| matches!(c, '\n' | '\u{200b}' | '\u{feff}');
            assert!(!page.contains(|c| hidden(c) && !harmless(c)), "{text:?}");
            for word in ["src=\"http", "href=\"http", "url(http", "@import"] {
                assert!(!page.contains(word), "{text:?}: {word}");
            }
        }
        for (answer, plain) in answers.iter().zip(&objects) {
            assert_eq!(answer["sampled"][0]["file"], names[0].as_str());
            let keys = |o: &Value| o.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(answer), keys(plain));
        }
        assert!(rows == numbers, "{text:?} changes rows of numbers");
    }
}

#[test]
fn arguments_of_any_text_are_refused_on_one_line() {
    let (folder, _) = folder("plain");
    let long = "x".repeat(100_000);
    for text in TEXTS.into_iter().chain([long.as_str()]) {
        let text = &format!("x{text}");
        let key = format!("quadratic:{text}=1");
        let target = format!("igw:target={text}");
        let number = format!("quadratic:weight={text}");
        for command in [
            ["flow", "plain.csv", "--energy", text].as_slice(),
            &["flow", "plain.csv", "--energy", &key],
            &["flow", "plain.csv", "--energy", &target],
            &["flow", "plain.csv", "--energy", &number],
            &["flow", "plain.csv", "--energy", "quadratic", "--scheme", text],
            &["info", "plain.csv", "--weights-column", text],
            &["info", text],
            &["info", "plain.csv", text],
            &["distance", "plain.csv", "plain.csv", "--tol", text],
            &["distance", "plain.csv", "plain.csv", "--transform", "plain.csv", "--out", text],
            &[text],
            &["completions", text],
        ] {
            let message = folder.refused(command);
            assert!(!message.contains(hidden), "{text:?}: {message}");
        }
    }
}

#[test]
fn headers_of_any_text_are_shown_on_one_line_or_not_at_all() {
    let folder = Folder::new();
    let long = "x".repeat(1_000_000);
    for text in TEXTS.into_iter().chain(["a\u{0}b", &long]) {
        let quoted = format!("\"{}\"", text.replace('"', "\"\""));
        folder.text("good.csv", &format!("{quoted},y\n1,2\n3,4\n"));
        folder.text("bad.csv", &format!("{quoted},y\n1,2\nx{quoted},4\n"));
        folder.text("bad.tsv", &format!("{quoted}\ty\n1\t2\n3\t\n"));
        let header = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n";
        folder.text("word.ply", &format!("{header}comment {text}\nproperty {text} q\nend_header\n1 2 3\n"));
        folder.text("value.ply", &format!("{header}property float {text}\nend_header\n1 2 {text}\n"));
        folder.text("a.obj", &format!("v 1 2 3\nv {text} 2 3\n"));
        folder.text("a.xyz", &format!("1\n{text}\n{text} 1 2 {text}\n"));
        clean(&folder.line("info good.csv"), text);
        let column = folder.refused(["info", "good.csv", "--weights-column", "mass"]);
        assert!(!column.contains(hidden) && column.len() < 4000, "{text:?}: {}", column.len());
        for name in ["bad.csv", "bad.tsv", "word.ply", "value.ply", "a.obj", "a.xyz"] {
            let message = folder.refused(["info", name]);
            assert!(message.starts_with(name), "{text:?}: {message}");
            assert!(!message.contains(hidden) && message.len() < 4000, "{text:?}: {}", message.len());
        }
    }
}

#[test]
fn the_reader_of_pages_sees_what_a_browser_sees() {
    assert_eq!(tags("<p class=\"a>b\">1 < 2</p>"), ["p class", "/p"]);
    assert_eq!(tags("<script>let a = '<b>';</script><b>"), ["script", "/script", "b"]);
    assert_eq!(tags("<script>'</script><img src=x onerror=y>'"), ["script", "/script", "img src onerror"]);
    assert_eq!(tags("<!-- <b> --><a href='x' b=\"'\">"), ["comment", "a href b"]);
}
