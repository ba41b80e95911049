//! Checkpoints of flows as files: a line of text with format and version, the checkpoint and the texts of the run in
//! the format of `postcard`, and the SHA-256 of all before it.
//!
//! Doubles keep their bits. A file of another version of the program is refused: the bytes of a resumed run are
//! promised for one version alone. The sum is checked before anything is taken apart, and no length in the file is
//! trusted: memory is proportional to the size of the file. A checkpoint of n points in R^d with k frames has some
//! 8 n d (k + 2) bytes.

use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::limits::{Source, shorten};
use super::{ReadOptions, write_atomic};
use crate::error::Result;
use crate::flow::Checkpoint;

/// The first line up to the version of the program.
const MAGIC: &str = "gromov checkpoint of a flow, format 1, version ";
/// Bytes of the sum.
const SUM: usize = 32;
/// Longest first line that is looked at.
const LINE: usize = 100;

/// Names and values that a run wants to find again when it is resumed: its options, the sums of its files.
pub type Texts = Vec<(String, String)>;

/// Writes a checkpoint and the texts of the run in one step: the old file stays until the new one is complete.
/// Errors: those of [`write_atomic`].
pub fn write_checkpoint(path: &Path, checkpoint: &Checkpoint, texts: &Texts) -> Result<()> {
    write_atomic(path, |out| {
        let mut summed = Summed { out, sum: Sha256::new() };
        writeln!(summed, "{MAGIC}{}", env!("CARGO_PKG_VERSION"))?;
        let mut buffer = std::io::BufWriter::with_capacity(1 << 16, summed);
        postcard::to_io(&(texts, checkpoint), &mut buffer).map_err(std::io::Error::other)?;
        let summed = buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let sum = summed.sum.finalize();
        summed.out.write_all(&sum)
    })
}

/// Reads a checkpoint and the texts of its run. Errors: [`Error::File`](crate::Error::File): what [`super::read`]
/// refuses of any file; a file that is no checkpoint, of another version, cut off or damaged.
pub fn read_checkpoint(path: &Path, options: &ReadOptions) -> Result<(Checkpoint, Texts)> {
    read_from(&Source { path, content: None, options, member: None })
}

/// As [`read_checkpoint`], from bytes in memory; `name` is for messages.
pub fn read_checkpoint_bytes(
    name: &Path,
    content: &[u8],
    options: &ReadOptions,
) -> Result<(Checkpoint, Texts)> {
    read_from(&Source { path: name, content: Some(content), options, member: None })
}

fn read_from(source: &Source<'_>) -> Result<(Checkpoint, Texts)> {
    let (stream, size) = source.stream()?;
    if size == 0 {
        return Err(source.fault("the file is empty; a checkpoint is a file of gromov flow --checkpoint"));
    }
    source.check_bytes(size, "the file has")?;
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(stream, size), &mut bytes);
    read.map_err(|e| source.fault(format!("cannot be read: {e}")))?;
    let line = bytes.iter().take(LINE).position(|b| *b == b'\n').unwrap_or(0);
    let version = std::str::from_utf8(&bytes[..line]).ok().and_then(|l| l.strip_prefix(MAGIC));
    let Some(version) = version else {
        let problem = match bytes.starts_with(b"gromov checkpoint") {
            true => {
                "is a checkpoint of another format, of another version of gromov; resume it with that version"
            }
            false => "is no checkpoint of a flow; give a file of gromov flow --checkpoint",
        };
        return Err(source.fault(problem));
    };
    let this = env!("CARGO_PKG_VERSION");
    if version != this {
        let version = shorten(version);
        let problem =
            format!("is a checkpoint of gromov {version}, and this is {this}; resume it with that version");
        return Err(source.fault(problem));
    }
    let damaged =
        "is damaged or cut off: its sum (SHA-256) is another one; take an older copy, or start again";
    let Some(end) = bytes.len().checked_sub(SUM).filter(|end| *end > line) else {
        return Err(source.fault(damaged));
    };
    if Sha256::digest(&bytes[..end])[..] != bytes[end..] {
        return Err(source.fault(damaged));
    }
    let unpacked: postcard::Result<((Texts, Checkpoint), &[u8])> =
        postcard::take_from_bytes(&bytes[line + 1..end]);
    match unpacked {
        Ok(((texts, checkpoint), [])) => Ok((checkpoint, texts)),
        Ok((_, rest)) => Err(source.fault(format!("holds {} bytes behind its checkpoint", rest.len()))),
        Err(e) => Err(source.fault(format!("holds no checkpoint that can be read: {e}"))),
    }
}

/// Bytes on their way to a file, summed up.
struct Summed<'a> {
    out: &'a mut dyn Write,
    sum: Sha256,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
