//! Writing in one step: a temporary file beside the target, flushed to the disk, then renamed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, Result, printable};

/// Ending of temporary files.
const SUFFIX: &str = ".tmp";

/// Where the bytes go.
enum Target {
    /// A name in a folder, with the permissions of the file that is there now.
    File { path: PathBuf, folder: PathBuf, old: Option<fs::Permissions> },
    /// A device, a pipe or a stream of this process: cannot be renamed over.
    Stream,
}

/// Checks, before the work starts, that `path` can be written: its folder exists and takes new files,
/// and the target is neither a folder nor write-protected. Leaves nothing behind and changes nothing.
/// Devices and open streams such as `/dev/stdout` are accepted as they are; named pipes and sockets are
/// refused, because opening one may wait for ever. Errors: [`Error::File`], with what to do.
pub fn check_writable(path: &Path) -> Result<()> {
    match target(path)? {
        Target::Stream => Ok(()),
        Target::File { folder, .. } => {
            tempfile::tempfile_in(&folder).map(|_| ()).map_err(|e| denied(path, &e))
        }
    }
}

/// True for devices and open streams such as `/dev/stdout`, also where they lead to a regular file: they are written
/// directly, not in one step.
pub fn is_stream(path: &Path) -> bool {
    matches!(target(path), Ok(Target::Stream))
}

/// Writes a file in one step: `f` fills a temporary file in the same folder, which is flushed to the
/// disk and renamed to `path`. When anything fails the old file stays and the temporary file is
/// removed; one that a killed program left of the same target goes with the next write. A new file gets the usual permissions, a replaced one keeps its own; a symbolic link
/// keeps pointing to the file replaced. Devices and open streams (`/dev/stdout`) are written
/// directly. Errors: [`Error::File`] with the text of the operating system.
pub fn write_atomic(path: &Path, f: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let failed = |e: std::io::Error| Error::file(path, None, printable(&format!("cannot be written: {e}")));
    match target(path)? {
        Target::Stream => {
            let mut out = BufWriter::new(fs::OpenOptions::new().write(true).open(path).map_err(failed)?);
            f(&mut out).and_then(|()| out.flush()).map_err(failed)
        }
        Target::File { path: resolved, folder, old } => {
            let prefix = prefix(&resolved);
            sweep(&folder, &prefix);
            let temporary = new_file(&folder, &prefix).map_err(|e| denied(path, &e))?;
            fill(&temporary, old, f).map_err(failed)?;
            temporary.persist(resolved).map(|_| ()).map_err(|e| failed(e.error))
        }
    }
}

fn fill(
    temporary: &NamedTempFile,
    old: Option<fs::Permissions>,
    f: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let file: &File = temporary.as_file();
    let mut out = BufWriter::with_capacity(1 << 16, file);
    f(&mut out)?;
    out.flush()?;
    if let Some(old) = old {
        file.set_permissions(old)?;
    }
    file.sync_all()
}

/// A temporary file with the permissions of any new file (0666 less the umask), not the private ones
/// that temporary files have by default.
fn new_file(folder: &Path, prefix: &str) -> std::io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(prefix).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    loop {
        let file = builder.tempfile_in(folder)?;
        // held while this program lives; where files cannot be locked none is swept either
        let _ = file.as_file().lock();
        // another program may have swept it before it was locked
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// How the temporary files of a target begin: a part of the SHA-256 of its name, which may be long.
fn prefix(target: &Path) -> String {
    let sum = Sha256::digest(target.file_name().unwrap_or_default().as_encoded_bytes());
    let digits: String = sum[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!(".gromov-{digits}-")
}

/// Removes temporary files of a target that no living program holds.
fn sweep(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.as_encoded_bytes();
        let is_ours = name.starts_with(prefix.as_bytes()) && name.ends_with(SUFFIX.as_bytes());
        if !is_ours {
            continue;
        }
        // the lock is held until the file is gone: who has just made it will see that
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

fn denied(path: &Path, e: &std::io::Error) -> Error {
    Error::file(
        path,
        None,
        printable(&format!(
            "its folder takes no new file: {e}; choose another folder or change its permissions"
        )),
    )
}

/// Follows symbolic links to the file to be replaced, and refuses what cannot be one.
fn target(path: &Path) -> Result<Target> {
    let fault = |problem: &str| Error::file(path, None, problem);
    if path.as_os_str().is_empty() {
        return Err(fault("the name of the output file is empty"));
    }
    let mut named_pipe = false;
    let old = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(fault("is a folder; give the name of a file")),
        Ok(found) if waits_for_a_reader(&found) => {
            named_pipe = true;
            None
        }
        Ok(found) if !found.is_file() => return Ok(Target::Stream),
        Ok(found) if found.permissions().readonly() => {
            return Err(fault("is write-protected; choose another name or change its permissions"));
        }
        Ok(found) => Some(found.permissions()),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidFilename => {
            return Err(fault("the name is too long for this system; choose a shorter one"));
        }
        Err(_) => None,
    };
    if old.is_none() && path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(fault("is the name of a folder; give the name of a file"));
    }
    let mut resolved = path.to_path_buf();
    for _ in 0..40 {
        if is_stream_name(&resolved) {
            return Ok(Target::Stream);
        }
        let folder = match resolved.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        match fs::read_link(&resolved) {
            Ok(next) => resolved = folder.join(next),
            Err(_) if named_pipe => {
                return Err(fault("is a named pipe or a socket; give the name of a file, or /dev/stdout"));
            }
            Err(_) if folder.is_dir() => return Ok(Target::File { path: resolved, folder, old }),
            Err(_) => return Err(no_folder(path, &folder)),
        }
    }
    Err(fault("is a symbolic link that leads back to itself; choose another name"))
}

fn no_folder(path: &Path, folder: &Path) -> Error {
    let shown = printable(&folder.to_string_lossy());
    let problem = match fs::metadata(folder) {
        Ok(_) => format!("{shown} is not a folder; choose another place"),
        Err(e) => format!("its folder {shown} cannot be used: {e}; create it first"),
    };
    Error::file(path, None, printable(&problem))
}

/// Named pipes and sockets: opening one waits until somebody reads, perhaps for ever.
#[cfg(unix)]
fn waits_for_a_reader(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_fifo() || found.file_type().is_socket()
}

#[cfg(not(unix))]
fn waits_for_a_reader(_: &fs::Metadata) -> bool {
    false
}

/// Names of open streams: even when the stream leads to a regular file, that file must not be
/// replaced under it.
fn is_stream_name(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name))
        || ["/dev/fd", "/proc"].iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failure_keeps_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        write_atomic(&path, |out| out.write_all(b"old")).unwrap();
        let broken = |out: &mut dyn Write| {
            out.write_all(&[b'x'; 100_000])?;
            Err(std::io::Error::other("no\nspace"))
        };
        let text = write_atomic(&path, broken).unwrap_err().to_string();
        assert!(text.ends_with("a.csv: cannot be written: no\\nspace"), "{text}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert!(write_atomic(&dir.path().join("b.csv"), broken).is_err());
        check_writable(&path).unwrap();
        check_writable(&dir.path().join("b.csv")).unwrap();
        assert_eq!(names(dir.path()), ["a.csv"]);
        write_atomic(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn targets_that_cannot_be_written_are_found_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        let cases = [
            (dir.path().to_path_buf(), "is a folder"),
            (dir.path().join("none/a.csv"), "create it first"),
            (file.join("a.csv"), "is not a folder"),
            (dir.path().join("b/"), "name of a folder"),
            (PathBuf::new(), "empty"),
            (dir.path().join("n".repeat(256)), "too long"),
        ];
        for (path, word) in cases {
            let text = check_writable(&path).unwrap_err().to_string();
            assert!(text.contains(word) && !text.contains('\n'), "{text}");
            assert_eq!(write_atomic(&path, |_| Ok(())).unwrap_err().to_string(), text);
        }
        assert_eq!(names(dir.path()), ["file"]);
    }

    #[test]
    fn what_a_killed_program_left_goes_and_what_is_written_now_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a.npz"), dir.path().join("b.npz"));
        let begin = |path: &Path| new_file(dir.path(), &prefix(path)).unwrap().keep().unwrap();
        // closed as by a kill, held by a program, of another target
        let (dead, living, foreign) = (begin(&path), begin(&path), begin(&other));
        drop((dead.0, foreign.0));
        write_atomic(&path, |out| out.write_all(b"1")).unwrap();
        let left = |file: &PathBuf| file.exists();
        assert_eq!((left(&dead.1), left(&living.1), left(&foreign.1)), (false, true, true));
        drop(living.0);
        write_atomic(&path, |out| out.write_all(b"2")).unwrap();
        write_atomic(&other, |out| out.write_all(b"3")).unwrap();
        assert_eq!(names(dir.path()), ["a.npz", "b.npz"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_links_and_odd_names() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let plain = dir.path().join("plain");
        fs::write(&plain, "").unwrap();
        let path = dir.path().join("it's \"odd\"\n\u{e9}.csv");
        write_atomic(&path, |out| out.write_all(b"1")).unwrap();
        assert_eq!(mode(&path), mode(&plain));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = dir.path().join("link");
        symlink(path.file_name().unwrap(), &link).unwrap();
        write_atomic(&link, |out| out.write_all(b"2")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"2".to_vec(), 0o640));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        let text = check_writable(&path).unwrap_err().to_string();
        assert!(text.contains("write-protected") && !text.contains('\n'), "{text}");
        symlink("new", dir.path().join("dangling")).unwrap();
        write_atomic(&dir.path().join("dangling"), |out| out.write_all(b"3")).unwrap();
        assert_eq!(fs::read(dir.path().join("new")).unwrap(), b"3");
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(check_writable(&dir.path().join("loop")).unwrap_err().to_string().contains("back to itself"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_one_error() {
        for (path, stream) in [("/dev/stdout", true), ("/dev/null", true), ("/dev/shm/a.ck", false)] {
            assert_eq!(is_stream(Path::new(path)), stream, "{path}");
        }
        let full = Path::new("/dev/full");
        check_writable(full).unwrap();
        let text = write_atomic(full, |out| out.write_all(b"x")).unwrap_err().to_string();
        assert!(text.starts_with("/dev/full: cannot be written: No space left"), "{text}");
        write_atomic(Path::new("/dev/null"), |out| out.write_all(b"x")).unwrap();
    }
}
