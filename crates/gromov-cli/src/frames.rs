//! Frames of a flow as PLY files of one folder: frame_0000.ply, frame_0001.ply, ...

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use gromov::{Trajectory, io};
use serde::Serialize;

use crate::failure::Failure;

/// Digits of a number, at least.
const DIGITS: usize = 4;

/// What was written.
#[derive(Debug, Serialize)]
pub struct Written {
    /// The folder.
    pub folder: String,
    /// Number of files.
    pub files: usize,
    /// Faces in each.
    pub faces: usize,
    /// True if the points of each have colours.
    pub colors: bool,
    /// True if the cloud had faces or colours that its sample cannot keep.
    pub lost: bool,
    /// Frames of an earlier run that were removed, because this one has no frame of their name.
    pub removed: usize,
}

/// The number of a frame's file name; `None` for other names.
pub fn number(name: &OsStr) -> Option<&str> {
    let digits = name.to_str()?.strip_prefix("frame_")?.strip_suffix(".ply")?;
    (digits.len() >= DIGITS && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// Checks that files can be written in the folder, or that it can be created. Creates nothing.
pub fn check_folder(folder: &Path) -> Result<(), Failure> {
    if folder.as_os_str().is_empty() {
        return Err(Failure::new("--frames-ply: the name of the folder is empty"));
    }
    // without a slash at the end
    let folder: &Path = &folder.components().collect::<PathBuf>();
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {
            let old = stale(folder, |_| true)?;
            if let Some(odd) = old.iter().find(|p| p.is_dir()) {
                return Err(Failure::file(odd, "is a folder where a frame goes; move it away"));
            }
            Ok(io::check_writable(&folder.join(name(0, 1)))?)
        }
        Ok(_) => Err(Failure::file(folder, "is not a folder; give --frames-ply the name of a folder")),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidFilename => {
            Err(Failure::file(folder, "the name is too long for this system; choose a shorter one"))
        }
        Err(_) => {
            let mut above = folder;
            while !above.exists() {
                above = above.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            }
            let created = fs::symlink_metadata(folder).is_err() && above.is_dir();
            let probe = if created { io::check_writable(&above.join("frames")).err() } else { None };
            match (created, probe) {
                (true, None) => Ok(()),
                (true, Some(e)) => Err(Failure::file(folder, format!("cannot be created: {e}"))),
                (false, _) => {
                    let above = gromov::error::printable(&above.to_string_lossy());
                    let problem = format!("cannot be created: {above} is not a folder; choose another place");
                    Err(Failure::file(folder, problem))
                }
            }
        }
    }
}

/// Writes all frames, with the faces and colours of `mesh` (whose cloud the flow began with). Frames of an
/// earlier run that would stand among them are removed first.
pub fn write(folder: &Path, run: &Trajectory, mut mesh: io::Mesh, lost: bool) -> Result<Written, Failure> {
    let failed = |e: std::io::Error| Failure::file(folder, format!("the folder cannot be created: {e}"));
    fs::create_dir_all(folder).map_err(failed)?;
    let count = run.frames();
    let last = name(count - 1, count);
    let is_new = |digits: &str| {
        let width = last.len() - "frame_.ply".len();
        digits.len() == width && digits.parse::<usize>().is_ok_and(|k| k < count)
    };
    let old = stale(folder, |digits| !is_new(digits))?;
    for path in &old {
        fs::remove_file(path)
            .map_err(|e| Failure::file(path, format!("an old frame cannot be removed: {e}")))?;
    }
    let start = run.start()?;
    for k in 0..count {
        mesh.cloud = start.with_points(run.frame(k).to_vec())?;
        io::write_ply(&folder.join(name(k, count)), &mesh)?;
    }
    Ok(Written {
        folder: folder.to_string_lossy().into_owned(),
        files: count,
        faces: mesh.faces.len(),
        colors: mesh.colors.is_some(),
        lost,
        removed: old.len(),
    })
}

fn name(k: usize, count: usize) -> String {
    let width = (count - 1).to_string().len().max(DIGITS);
    format!("frame_{k:0width$}.ply")
}

/// Files of frames whose number is one of `which`.
fn stale(folder: &Path, which: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| Failure::file(folder, format!("the folder cannot be read: {e}"));
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if number(&entry.file_name()).is_some_and(&which) {
            out.push(entry.path());
        }
    }
    Ok(out)
}

impl Written {
    /// A line of the table.
    pub fn text(&self) -> String {
        let folder = gromov::error::printable(&self.folder);
        let mut text = format!("{} files in {folder}", self.files);
        if self.faces > 0 {
            text += &format!(", {} faces each", self.faces);
        }
        if self.colors {
            text += ", with colours";
        }
        if self.lost {
            text += "; the faces and colours of the file are lost in a sample (--points)";
        }
        if self.removed > 0 {
            text += &format!("; {} frames of an earlier run removed", self.removed);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_frames_are_wide_enough_and_recognised() {
        assert_eq!(name(7, 11), "frame_0007.ply");
        assert_eq!((name(0, 10_000), name(0, 10_001)), ("frame_0000.ply".into(), "frame_00000.ply".into()));
        assert_eq!(number(OsStr::new("frame_00012.ply")), Some("00012"));
        for other in ["frame_012.ply", "frame_00x2.ply", "frame_0012.PLY", "a_frame_0012.ply", "frame_.ply"] {
            assert_eq!(number(OsStr::new(other)), None, "{other}");
        }
    }
}
