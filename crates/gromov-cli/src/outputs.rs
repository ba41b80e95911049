//! Files to be written: each can be written, no two are one file, and none is read.

use std::path::{Path, PathBuf};

use gromov::io;

use crate::failure::Failure;
use crate::frames;

/// The outputs of a command.
#[derive(Debug, Default)]
pub struct Outputs {
    files: Vec<(PathBuf, &'static str)>,
    frames: Option<PathBuf>,
}

impl Outputs {
    /// Adds the file of an option. Errors: it cannot be written, or another option has the same file.
    pub fn add(&mut self, path: &Path, option: &'static str) -> Result<(), Failure> {
        io::check_writable(path)?;
        let Some(file) = resolved(path) else {
            return Ok(());
        };
        if let Some((_, other)) = self.files.iter().find(|f| f.0 == file) {
            let problem = format!("is given to {other} and to {option}; give each a file of its own");
            return Err(Failure::file(path, problem));
        }
        if self.frames.as_ref() == Some(&file) {
            let problem =
                format!("is given to {option} as a file and to --frames-ply as a folder; choose two places");
            return Err(Failure::file(path, problem));
        }
        self.files.push((file, option));
        Ok(())
    }

    /// Adds a folder of frames, after all files. Errors: it cannot be written or created, or it is the file of
    /// another option or inside it. A file may be in the folder: frames have other names.
    pub fn add_frames(&mut self, folder: &Path) -> Result<(), Failure> {
        let place = frames::check_folder(folder)?;
        if let Some((_, other)) = self.files.iter().find(|f| place.starts_with(&f.0)) {
            let problem =
                format!("is given to {other} as a file and to --frames-ply as a folder; choose two places");
            return Err(Failure::file(folder, problem));
        }
        self.frames = Some(place);
        Ok(())
    }

    /// Refuses an input that would be overwritten.
    pub fn check_input(&self, path: &Path) -> Result<(), Failure> {
        let Ok(file) = path.canonicalize() else {
            return Ok(());
        };
        let frame = || file.file_name().and_then(frames::number).is_some();
        let in_frames = || self.frames.is_some() && file.parent() == self.frames.as_deref() && frame();
        if self.files.iter().any(|f| f.0 == file) || in_frames() {
            let problem = "is read and would be overwritten; give the output another name";
            return Err(Failure::file(path, problem));
        }
        Ok(())
    }
}

/// The file a path leads to, links followed; `None` for devices and streams, which many may share.
fn resolved(path: &Path) -> Option<PathBuf> {
    match path.metadata() {
        Ok(found) if !found.is_file() => None,
        Ok(_) => path.canonicalize().ok(),
        Err(_) => {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
            let folder = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
            Some(folder.join(path.file_name()?))
        }
    }
}
