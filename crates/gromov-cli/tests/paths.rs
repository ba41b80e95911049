//! Names and places of outputs: every option writes what can be written and refuses the rest before it works.
#![cfg(unix)]

mod common;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};

use common::{Folder, normal};

/// Options that write one file: the command, the option, the ending.
const FILES: [(&str, &str, &str); 6] = [
    ("distance a.csv b.csv --starts 2", "--plan", ".csv"),
    ("distance a.csv b.csv --starts 2", "--report", ".html"),
    ("distance a.csv b.csv --tol 0.5", "--certificate", ".npz"),
    ("distance a.csv b.csv --starts 2 --transform a.csv", "--out", ".ply"),
    ("flow a.csv --energy quadratic --step 0.01 --steps 1", "--out", ".npz"),
    ("flow a.csv --energy quadratic --step 0.01 --steps 1", "--report", ".html"),
];
const FRAMES: &str = "flow a.csv --energy quadratic --step 0.01 --steps 1";

/// Names that are written as they are, without ending.
const NAMES: [&[u8]; 16] = [
    b"a b",
    b" ",
    b"it's",
    b"\"q\"",
    b"new\nline",
    b"tab\t\r",
    b"\xff\xfe",
    b"=1+1",
    b"$HOME `x`;&|*?",
    b"-dash",
    b"--out",
    "\u{e9}\u{2603}".as_bytes(),
    "a\u{202e}b".as_bytes(),
    b"\x1b[31m",
    b"%s%n\\n",
    b"..dots..",
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.cloud("a.csv", &normal(1, 8, 3));
    folder.cloud("b.csv", &normal(2, 9, 3));
    folder
}

/// The command with `option=name`.
fn arguments(command: &str, option: &str, name: &OsStr) -> Vec<OsString> {
    let mut words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
    words.push(OsString::from_vec([option.as_bytes(), b"=", name.as_bytes()].concat()));
    words
}

fn named(name: &[u8], ending: &str) -> OsString {
    OsString::from_vec([name, ending.as_bytes()].concat())
}

/// Runs, checks the output on the terminal, and that one name is new.
fn written(folder: &Folder, words: Vec<OsString>, name: &OsStr) {
    let run = folder.run(&words);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{words:?}");
    let hidden = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!run.stdout.contains(hidden), "{words:?}: {}", run.stdout);
    assert_eq!(folder.names().len(), 3, "{words:?}: {:?}", folder.names());
    assert!(folder.path(name).exists(), "{words:?}");
}

#[test]
fn odd_names_are_written() {
    let folder = folder();
    let long = vec![b'n'; 255];
    for (command, option, ending) in FILES {
        let longest = &long[ending.len()..];
        for name in NAMES.into_iter().chain([longest]) {
            let name = named(name, ending);
            written(&folder, arguments(command, option, &name), &name);
            std::fs::remove_file(folder.path(&name)).unwrap();
        }
        let message = folder.refused(arguments(command, option, &named(&long, ending)));
        assert!(message.contains("the name is too long for this system; choose a shorter one"), "{message}");
    }
    for name in NAMES.into_iter().chain([long.as_slice()]) {
        let name = named(name, "");
        written(&folder, arguments(FRAMES, "--frames-ply", &name), &name);
        std::fs::remove_dir_all(folder.path(&name)).unwrap();
    }
    let message = folder.refused(arguments(FRAMES, "--frames-ply", &named(&long, "x")));
    assert!(message.contains("the name is too long for this system"), "{message}");
}

#[test]
fn files_and_links_are_replaced_and_what_is_no_file_is_refused() {
    for (command, option, ending) in FILES {
        let folder = folder();
        let name = |stem: &str| named(stem.as_bytes(), ending);
        let write = |stem: &str| {
            let run = folder.run(arguments(command, option, &name(stem)));
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{option} {stem}");
        };
        let refused = |stem: &str, words: &str| {
            let message = folder.refused(arguments(command, option, &name(stem)));
            assert!(message.contains(words), "{option} {stem}: {message}");
        };
        let bytes = |stem: &str| std::fs::read(folder.path(name(stem))).unwrap();
        // an existing file, through a link, through a link to nothing, through folders
        write("new");
        std::fs::write(folder.path(name("old")), "old").unwrap();
        symlink(name("old"), folder.path(name("link"))).unwrap();
        write("link");
        assert!(bytes("old") == bytes("new") && folder.path(name("link")).is_symlink());
        symlink(name("later"), folder.path(name("dangling"))).unwrap();
        write("dangling");
        assert!(bytes("later") == bytes("new"));
        std::fs::create_dir(folder.path("sub")).unwrap();
        write("./sub/../sub/x");
        assert!(bytes("sub/x") == bytes("new"));
        // links in a circle, folders, trailing slashes, places that do not exist
        symlink(name("circle"), folder.path(name("circle"))).unwrap();
        refused("circle", "is a symbolic link that leads back to itself");
        std::fs::create_dir(folder.path(name("folder"))).unwrap();
        refused("folder", "is a folder; give the name of a file");
        refused("no/x", "its folder no cannot be used: ");
        refused("a.csv/x", "a.csv is not a folder");
        let slash = named(format!("x{ending}").as_bytes(), "/");
        let message = folder.refused(arguments(command, option, &slash));
        assert!(message.contains("is the name of a folder; give the name of a file"), "{message}");
        for odd in ["", "-", "."] {
            let message = folder.refused(arguments(command, option, OsStr::new(odd)));
            let words = ["written as", "no ending", "a value is required"];
            assert!(words.iter().any(|w| message.contains(w)), "{option} '{odd}': {message}");
        }
        // a pipe nobody reads is not waited for; a full disk is found when it is full
        let pipe = folder.path(name("pipe"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        refused("pipe", "is a named pipe or a socket; give the name of a file, or /dev/stdout");
        symlink("/dev/full", folder.path(name("full"))).unwrap();
        refused("full", "cannot be written: No space left");
        symlink("/dev/null", folder.path(name("null"))).unwrap();
        write("null");
        symlink("/dev/stdout", folder.path(name("stdout"))).unwrap();
        let run = folder.command(arguments(command, option, &name("stdout"))).output().unwrap();
        assert!(run.status.success() && run.stdout.starts_with(&bytes("new")), "{option}");
        // a file that is write-protected is kept, also for root
        std::fs::write(folder.path(name("kept")), "old").unwrap();
        std::fs::set_permissions(folder.path(name("kept")), PermissionsExt::from_mode(0o444)).unwrap();
        refused("kept", "is write-protected");
        assert_eq!(bytes("kept"), b"old");
        closed_folder(&folder, |place| {
            refused(&format!("{place}/x"), "its folder takes no new file: ");
        });
    }
}

/// Calls `test` with a folder that may not be written; root may write everywhere.
fn closed_folder(folder: &Folder, test: impl Fn(&str)) {
    let closed = folder.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).unwrap();
    match std::fs::write(closed.join("probe"), "") {
        Ok(()) => println!("skipped: this user may write into a closed folder"),
        Err(_) => test("closed"),
    }
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn folders_of_frames_are_created_and_what_is_no_folder_is_refused() {
    let folder = folder();
    let write = |name: &str| {
        let run = folder.run(arguments(FRAMES, "--frames-ply", OsStr::new(name)));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name}");
        assert_eq!(std::fs::read_dir(folder.path(name)).unwrap().count(), 2, "{name}");
    };
    let refused = |name: &str, words: &str| {
        let message = folder.refused(arguments(FRAMES, "--frames-ply", OsStr::new(name)));
        assert!(message.contains(words), "'{name}': {message}");
    };
    // a folder of an earlier run is not in the way of the next
    for name in ["frames", "frames2", "run 1", "frames/deep/er", "sub/deep"] {
        let run = folder.run(arguments(FRAMES, "--frames-ply", OsStr::new(name)));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name}");
    }
    write("new/a/b");
    write("new/a/b/");
    write("./new/../other");
    symlink("other", folder.path("link")).unwrap();
    write("link");
    refused("a.csv", "is not a folder");
    refused("a.csv/", "is not a folder");
    refused("a.csv/x", "cannot be created: a.csv is not a folder");
    symlink("nothing", folder.path("dangling")).unwrap();
    refused("dangling", "cannot be created: ");
    symlink("circle", folder.path("circle")).unwrap();
    refused("circle", "cannot be created: ");
    refused("/dev/full", "is not a folder");
    refused("", "a value is required");
    let pipe = folder.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    refused("pipe", "is not a folder");
    closed_folder(&folder, |place| {
        refused(place, "its folder takes no new file: ");
        refused(&format!("{place}/x"), "cannot be created: ");
    });
    // every frame of an earlier run is looked at before the work, not only the first
    std::fs::create_dir(folder.path("full")).unwrap();
    symlink("/dev/full", folder.path("full/frame_0001.ply")).unwrap();
    refused("full", "full/frame_0001.ply: is no file where a frame goes; move it away");
    std::fs::create_dir(folder.path("kept")).unwrap();
    let kept = folder.path("kept/frame_0001.ply");
    std::fs::write(&kept, "old").unwrap();
    std::fs::set_permissions(&kept, PermissionsExt::from_mode(0o444)).unwrap();
    refused("kept", "kept/frame_0001.ply: is write-protected; choose another name");
}

#[test]
fn frames_and_another_output_have_two_places() {
    let folder = folder();
    symlink(".", folder.path("link")).unwrap();
    for (file, frames) in [
        ("--out x.npz", "x.npz"),
        ("--out x.npz", "x.npz/"),
        ("--out x.npz", "link/x.npz/f"),
        ("--out x.csv", "./new/../x.csv"),
        ("--report x.html", "x.html/a/b"),
    ] {
        let message = folder.refused(format!("{FRAMES} {file} --frames-ply {frames}").split(' '));
        let option = file.split(' ').next().unwrap();
        assert!(
            message.contains(&format!("is given to {option} as a file and to --frames-ply as a folder")),
            "{message}"
        );
    }
    // among the frames there is room for a file
    std::fs::create_dir(folder.path("f")).unwrap();
    assert_eq!(folder.line(&format!("{FRAMES} --out f/x.npz --frames-ply f")).code, Some(0));
    assert_eq!(std::fs::read_dir(folder.path("f")).unwrap().count(), 3);
}
