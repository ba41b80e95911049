//! Frames of a flow or a path as PLY files of one folder: frame_0000.ply, frame_0001.ply, ...

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use gromov::{Measure, io};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

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
    /// True if the cloud had faces or colours that the frames cannot keep.
    pub lost: bool,
    /// Why.
    #[serde(skip)]
    reason: String,
    /// Frames of an earlier run that were removed, because this one has no frame of their name.
    pub removed: usize,
}

/// Frames of moving points.
pub struct Moving<'a> {
    /// A cloud of the same weights.
    pub start: Measure,
    /// All frames, one after another.
    pub points: &'a [f64],
}

impl Moving<'_> {
    fn count(&self) -> usize {
        self.points.len() / self.start.points().len()
    }
}

/// The number of a frame's file name; `None` for other names.
pub fn number(name: &OsStr) -> Option<&str> {
    let digits = name.to_str()?.strip_prefix("frame_")?.strip_suffix(".ply")?;
    (digits.len() >= DIGITS && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// Checks that frames can be written in the folder, or that it can be created. Creates nothing. Returns
/// the folder, links followed.
pub fn check_folder(folder: &Path) -> Result<PathBuf, Failure> {
    if folder.as_os_str().is_empty() {
        return Err(Failure::new("--frames-ply: the name of the folder is empty"));
    }
    // without a slash at the end
    let folder: &Path = &folder.components().collect::<PathBuf>();
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {
            for old in stale(folder, |_| true)? {
                check_old(&old)?;
            }
            io::check_writable(&folder.join(name(0, 1)))?;
            folder.canonicalize().map_err(|e| Failure::file(folder, format!("cannot be used: {e}")))
        }
        Ok(_) => Err(Failure::file(folder, "is not a folder; give --frames-ply the name of a folder")),
        Err(e) if e.kind() == ErrorKind::InvalidFilename => {
            Err(Failure::file(folder, "the name is too long for this system; choose a shorter one"))
        }
        Err(_) => check_new(folder),
    }
}

/// Checks that a file can be replaced by a frame, or removed.
fn check_old(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(io::check_writable(path)?),
        Ok(found) if found.is_dir() => {
            Err(Failure::file(path, "is a folder where a frame goes; move it away"))
        }
        Ok(_) => Err(Failure::file(path, "is no file where a frame goes; move it away")),
        Err(e) => {
            let problem = format!("cannot be looked up where a frame goes: {e}; move it away");
            Err(Failure::file(path, problem))
        }
    }
}

/// Checks that a folder that is not there can be created.
fn check_new(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |problem: String| Failure::file(folder, format!("cannot be created: {problem}"));
    let (above, found) = above(folder, |p| fs::metadata(p)).map_err(|e| failed(e.to_string()))?;
    if fs::symlink_metadata(folder).is_ok() || !found.is_dir() {
        let above = gromov::error::printable(&above.to_string_lossy());
        return Err(failed(format!("{above} is not a folder; choose another place")));
    }
    let below = folder.strip_prefix(&above).unwrap_or(folder);
    // the first name that is missing: nothing is there that could be in the way
    let first = below.components().find(|part| matches!(part, Component::Normal(_)));
    io::check_writable(&first.map_or(above.join(below), |part| above.join(part)))
        .map_err(|e| failed(e.to_string()))?;
    let mut resolved = above.canonicalize().map_err(|e| failed(e.to_string()))?;
    // what is not there holds no links: `..` is the name before it
    for part in below.components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            Component::Normal(name) => resolved.push(name),
            _ => {}
        }
    }
    Ok(resolved)
}

/// The nearest place above a folder that can be looked up; the error of the last look where there is none.
fn above<T>(folder: &Path, look: impl Fn(&Path) -> std::io::Result<T>) -> std::io::Result<(PathBuf, T)> {
    let mut failed = ErrorKind::NotFound.into();
    for above in folder.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match look(above) {
            Ok(found) => return Ok((above.to_path_buf(), found)),
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

/// Writes all frames, with the faces and colours of `mesh` (`lost` says why some are not in it), into a
/// temporary folder inside `folder`; then each replaces the file of its name (a link is replaced, not
/// followed), and last the other frames of an earlier run are removed. When a frame cannot be written, those of
/// the earlier run are all there.
pub fn write(
    folder: &Path,
    run: &Moving<'_>,
    mesh: io::Mesh,
    lost: Option<String>,
) -> Result<Written, Failure> {
    let failed = |e: std::io::Error| Failure::file(folder, format!("the folder cannot be created: {e}"));
    let created = !folder.is_dir();
    fs::create_dir_all(folder).map_err(failed)?;
    let (faces, colors) = (mesh.faces.len(), mesh.colors.is_some());
    let removed = replace(folder, run, mesh).inspect_err(|_| {
        if created {
            // it is empty, unless somebody else uses it
            let _ = fs::remove_dir(folder);
        }
    })?;
    let folder = folder.to_string_lossy().into_owned();
    let (lost, reason) = (lost.is_some(), lost.unwrap_or_default());
    Ok(Written { folder, files: run.count(), faces, colors, lost, reason, removed })
}

/// Writes, renames, removes; the number of files removed.
fn replace(folder: &Path, run: &Moving<'_>, mut mesh: io::Mesh) -> Result<usize, Failure> {
    let count = run.count();
    let temporary = tempfile::Builder::new().prefix(".gromov-").suffix(".tmp").tempdir_in(folder);
    let temporary = temporary
        .map_err(|e| Failure::file(folder, format!("a temporary folder cannot be created in it: {e}")))?;
    for (k, frame) in run.points.chunks_exact(run.start.points().len()).enumerate() {
        mesh.cloud = run.start.with_points(frame.to_vec())?;
        io::write_ply(&temporary.path().join(name(k, count)), &mesh)?;
    }
    for k in 0..count {
        let (new, path) = (temporary.path().join(name(k, count)), folder.join(name(k, count)));
        let permissions = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|m| m.permissions());
        permissions
            .map_or(Ok(()), |old| fs::set_permissions(&new, old))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|e| Failure::file(&path, format!("the frame cannot be put in place: {e}")))?;
    }
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
    Ok(old.len())
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
            text += &format!("; {}", self.reason);
        }
        if self.removed > 0 {
            text += &format!("; {} of an earlier run removed", output::count(self.removed, "frame"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_where_nothing_can_be_looked_up_is_an_error() {
        let nowhere = |_: &Path| -> std::io::Result<()> { Err(ErrorKind::PermissionDenied.into()) };
        for folder in ["a", "a/b/c", "/a/b", "../a"] {
            let error = above(Path::new(folder), nowhere).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{folder}");
        }
        let here = |p: &Path| if p == Path::new(".") { Ok(()) } else { Err(ErrorKind::NotFound.into()) };
        assert_eq!(above(Path::new("a/b/c"), here).unwrap().0, Path::new("."));
    }

    #[test]
    fn frames_of_an_earlier_run_stay_where_one_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let cloud = gromov::Measure::uniform(vec![1.0, 0.0, 0.0, 1.0, -1.0, -1.0], 2).unwrap();
        let mut energy = gromov::energy::Quadratic::new(None, None).unwrap();
        let flow = gromov::Flow { step: Some(0.01), steps: Some(3), ..Default::default() };
        let mut run = flow.solve(&cloud, &mut energy, &mut ()).unwrap();
        let mesh = io::Mesh { cloud, faces: io::Faces::default(), colors: None };
        let put = |folder: &Path, run: &gromov::Trajectory| {
            let moving = Moving { start: mesh.cloud.clone(), points: &run.points };
            write(folder, &moving, mesh.clone(), None)
        };
        assert_eq!(put(folder.path(), &run).unwrap().files, 4);
        let state = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut all: Vec<_> = entries
                .map(|e| e.unwrap().path())
                .map(|path| (path.clone(), fs::read(path).unwrap()))
                .collect();
            all.sort();
            all
        };
        fs::write(folder.path().join("frame_0007.ply"), "old").unwrap();
        let before = state();
        run.points.iter_mut().for_each(|x| *x *= 2.0);
        *run.points.last_mut().unwrap() = f64::NAN;
        put(folder.path(), &run).unwrap_err();
        assert_eq!((state() == before, before.len()), (true, 5));
        *run.points.last_mut().unwrap() = 0.0;
        assert_eq!(put(folder.path(), &run).unwrap().removed, 1);
        assert!(state().len() == 4 && state() != before[..4]);
        // a folder that was made for frames that cannot be written is taken away
        *run.points.last_mut().unwrap() = f64::NAN;
        let new = folder.path().join("new");
        put(&new, &run).unwrap_err();
        assert!(!new.exists());
    }

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
