//! Runs that leave checkpoints, and runs that go on from one: what must be the same, and where they go.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gromov::flow::Checkpoint;
use gromov::io;

use crate::args;
use crate::failure::Failure;
use crate::outputs::Outputs;
use crate::reading::Reading;

/// Where checkpoints go, and when.
pub struct Keep {
    /// The file.
    pub path: PathBuf,
    /// Steps between two of them.
    pub every: usize,
    /// Time after which one is written all the same.
    pub after: Option<Duration>,
}

impl Keep {
    /// The options as typed, their file found writable. Errors: as for any output; a device or a stream.
    pub fn new(args: &args::Resume, outputs: &mut Outputs) -> Result<Option<Self>, Failure> {
        if let Some(path) = &args.resume
            && !args.checkpoint.as_ref().is_some_and(|other| is_same(path, other))
        {
            outputs.check_input(path)?;
        }
        let after =
            args.checkpoint_seconds.map(|given| super::seconds("--checkpoint-seconds", given)).transpose()?;
        let Some(path) = &args.checkpoint else {
            return Ok(None);
        };
        if io::is_stream(path) || path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let problem =
                "is not a regular file, and a run cannot be resumed from it; give --checkpoint a file";
            return Err(Failure::file(path, problem));
        }
        outputs.add(path, "--checkpoint")?;
        Ok(Some(Keep { path: path.clone(), every: args.checkpoint_every as usize, after }))
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// What a resumed run must have in common with the first, beside the options of the flow, which the library compares:
/// energies, how clouds are read, and what was read.
pub fn texts(args: &args::Flow, reading: &Reading) -> io::Texts {
    let r = &args.reading;
    let energies: Vec<_> = args.energy.iter().map(|e| e.to_string_lossy()).collect();
    let given = |name: Option<String>| name.unwrap_or_else(|| "none".into());
    let mut texts = vec![
        ("--energy".to_string(), energies.join(" --energy ")),
        ("--center".into(), r.center.to_string()),
        ("--normalize".into(), r.normalize.to_string()),
        ("--weights-column".into(), given(r.weights_column.clone())),
        ("--invert".into(), r.invert.to_string()),
        ("--points".into(), given(r.points.map(|n| n.to_string()))),
    ];
    texts.extend(
        reading.read.iter().enumerate().map(|(k, (_, sum))| (format!("input {}", k + 1), sum.clone())),
    );
    texts
}

/// Reads the checkpoint that a run goes on from. Errors: those of the file; texts that differ.
pub fn read(path: &Path, texts: &io::Texts, reading: &Reading) -> Result<Checkpoint, Failure> {
    let (checkpoint, then) = reading.checkpoint(path)?;
    let inputs = texts.len() - reading.read.len();
    for (k, (name, now)) in texts.iter().enumerate() {
        let then = then.iter().find(|t| t.0 == *name).map_or("nothing", |t| t.1.as_str());
        if then == now {
            continue;
        }
        return Err(match k.checked_sub(inputs) {
            None => Failure::new(format!("{name}: the checkpoint has {then}, now {now}")),
            Some(input) => {
                let short = |sum: &str| sum.chars().take(12).collect::<String>();
                let (then, now) = (short(then), short(now));
                let problem = format!(
                    "is not what the checkpoint was made with (SHA-256 of its numbers {then}..., now {now}...); give the same file"
                );
                Failure::file(Path::new(&reading.read[input].0), problem)
            }
        });
    }
    Ok(checkpoint)
}
