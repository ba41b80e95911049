//! Journals: the records of a run over all pairs, in a file that only grows.
//!
//! Lines of JSON. The first has the format, the version of the program, the options that change results, by name, and
//! the SHA-256 of the numbers of each cloud; each other line has the records of one block and the start of the SHA-256
//! of their text. A line is written, flushed and synced to the disk before the run goes on, so that a killed run loses
//! the blocks under way alone. Numbers have as many digits as they need to come back to the same bits.
//!
//! What a killed program left of its last line is cut off. Everything else that is not as it was written is an error
//! that names the line; other options, other clouds or another version are errors that name both. A run holds a lock on
//! its journal while it lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::limits::{LONGEST_LINE, Source, shorten};
use super::{ReadOptions, check_writable, is_stream};
use crate::error::{Error, Result, printable};
use crate::pairwise::{Cloud, Pairwise, Record, fingerprint};

/// Format of the file.
/// Records of one line.
const RECORDS_OF_A_LINE: usize = 4096;
const FORMAT: u32 = 1;
/// How the first line of every format begins.
const MAGIC: &str = "{\"gromov_journal\":";
/// How the other lines begin; sixteen digits of a sum and [`MIDDLE`] follow.
const START: &str = "{\"sha256\":\"";
const MIDDLE: &str = "\",\"records\":";
const DIGITS: usize = 16;

/// The first line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    gromov_journal: u32,
    version: String,
    options: Vec<(String, String)>,
    clouds: Vec<String>,
}

impl Header {
    fn new(options: &Pairwise, clouds: &[Cloud]) -> Self {
        Header {
            gromov_journal: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            options: options.texts(),
            clouds: clouds.iter().map(fingerprint).collect(),
        }
    }

    fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers") + "\n"
    }
}

/// A journal that is open for more records.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal of a run, or begins one where there is no file or an empty one, and returns the records in it;
    /// only limits are taken from `reading`. Memory and time are proportional to the file. Errors:
    /// [`Error::File`]: a place that cannot be written; a file that is no journal, is damaged, or is in use; a journal
    /// of another version. [`Error::Resumed`]: one of other options or clouds.
    ///
    /// ```
    /// use gromov::{Pairwise, io::{Journal, ReadOptions}, measure::sample};
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("run.jsonl");
    /// let clouds: Vec<_> = (1..=3).map(|seed| Ok(sample::ball(20, 2, seed).unwrap())).collect();
    /// let options = Pairwise::default();
    /// for known in [0, 3] {
    ///     let (mut journal, records) = Journal::open(&path, &options, &clouds, &ReadOptions::default())?;
    ///     assert_eq!(records.len(), known);
    ///     options.solve_from(&clouds, records, &mut (), Some(&mut |new| journal.append(new)))?;
    /// }
    /// # Ok::<(), gromov::Error>(())
    /// ```
    pub fn open(
        path: &Path,
        options: &Pairwise,
        clouds: &[Cloud],
        reading: &ReadOptions,
    ) -> Result<(Self, Vec<Record>)> {
        let fault = |problem: String| Error::file(path, None, printable(&problem));
        check_writable(path)?;
        if is_stream(path) || path.metadata().is_ok_and(|found| !found.is_file()) {
            let problem = "is not a regular file, and a run cannot go on from it; give the name of a file";
            return Err(fault(problem.into()));
        }
        let failed = |e: std::io::Error| fault(format!("cannot be opened for writing: {e}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let problem = "is in use by another run; wait for it, or give this one a journal of its own";
                return Err(fault(problem.into()));
            }
            Ok(()) => {}
            // file systems without locks
            Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(fault(format!("cannot be locked: {e}"))),
        }
        let header = Header::new(options, clouds);
        let source = Source { path, content: None, options: reading, member: None };
        let size = file.metadata().map_err(failed)?.len();
        source.check_bytes(size, "the file has")?;
        let (records, whole) = Reader::new(&source, &header).read(BufReader::new(&file), size)?;
        let mut journal = Journal { path: path.to_path_buf(), file };
        let kept = if whole < size { journal.file.set_len(whole) } else { Ok(()) };
        kept.map_err(|e| journal.failed(&e))?;
        journal.file.seek(SeekFrom::Start(whole)).map_err(|e| journal.failed(&e))?;
        if whole == 0 {
            let line = header.line();
            if line.len() as u64 > LONGEST_LINE {
                return Err(fault(format!("{} clouds are too many for a journal", clouds.len())));
            }
            journal.write(&line)?;
            sync_folder(path);
        }
        Ok((journal, records))
    }

    /// Adds the records of a block, which are on the disk when this returns. Errors: [`Error::File`] with the text of
    /// the operating system; a part of the line that was written is cut off when the journal is opened again.
    pub fn append(&mut self, records: &[Record]) -> Result<()> {
        // lines that are far from too long to be read
        let lines = records.chunks(RECORDS_OF_A_LINE).map(|records| {
            let body = serde_json::to_string(records).expect("finite numbers and texts");
            format!("{START}{}{MIDDLE}{body}}}\n", sum(body.as_bytes()))
        });
        self.write(&lines.collect::<String>())
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| self.failed(&e))
    }

    fn failed(&self, e: &std::io::Error) -> Error {
        Error::file(&self.path, None, printable(&format!("cannot be written: {e}")))
    }
}

/// Makes the name of a new file last, where folders can be synced.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// The records of a journal in memory, as [`Journal::open`] reads them from a file; `name` is for messages.
pub fn read_journal_bytes(
    name: &Path,
    content: &[u8],
    options: &Pairwise,
    clouds: &[Cloud],
    reading: &ReadOptions,
) -> Result<Vec<Record>> {
    let source = Source { path: name, content: Some(content), options: reading, member: None };
    source.check_bytes(content.len() as u64, "the file has")?;
    let header = Header::new(options, clouds);
    Ok(Reader::new(&source, &header).read(content, content.len() as u64)?.0)
}

fn sum(body: &[u8]) -> String {
    let digits = Sha256::digest(body);
    digits[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Reader<'a> {
    source: &'a Source<'a>,
    header: &'a Header,
    /// Which pairs have a record, (k, k).
    known: Vec<bool>,
    records: Vec<Record>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>, header: &'a Header) -> Self {
        Reader { source, header, known: Vec::new(), records: Vec::new() }
    }

    /// The records, and the bytes up to the end of the last whole line.
    fn read(mut self, mut text: impl BufRead, size: u64) -> Result<(Vec<Record>, u64)> {
        let (mut line, mut number, mut whole) = (Vec::new(), 0usize, 0u64);
        loop {
            line.clear();
            number += 1;
            let most = LONGEST_LINE.min(size - whole);
            let read = text.by_ref().take(most).read_until(b'\n', &mut line);
            read.map_err(|e| self.source.fault(format!("cannot be read: {e}")))?;
            let is_whole = line.last() == Some(&b'\n');
            match number {
                1 if !is_whole => {
                    self.check_torn_header(&line)?;
                    return Ok((Vec::new(), 0));
                }
                1 => self.check_header(&line[..line.len() - 1])?,
                _ if line.is_empty() => break,
                _ if !is_whole && (line.len() as u64) < LONGEST_LINE => break,
                _ => self.block(number, line.strip_suffix(b"\n").unwrap_or(&line))?,
            }
            whole += line.len() as u64;
        }
        Ok((self.records, whole))
    }

    fn no_journal(&self) -> Error {
        self.source.fault("is no journal of a run over all pairs; give another file, or a new name")
    }

    /// A first line without an end is dropped where it is the beginning of the one of this run; other files stay.
    fn check_torn_header(&self, line: &[u8]) -> Result<()> {
        if self.header.line().as_bytes().starts_with(line) { Ok(()) } else { Err(self.no_journal()) }
    }

    fn check_header(&self, line: &[u8]) -> Result<()> {
        if !line.starts_with(MAGIC.as_bytes()) {
            return Err(self.no_journal());
        }
        let format = format!("{MAGIC}{FORMAT},");
        if !line.starts_with(format.as_bytes()) {
            let problem = "is a journal of another format, of another version of gromov";
            return Err(self.source.fault(format!("{problem}; go on with that version")));
        }
        let then: Header = serde_json::from_slice(line)
            .map_err(|e| self.damaged(1, &format!("its first line cannot be read: {e}")))?;
        let now = self.header;
        if then.version != now.version {
            let (then, now) = (shorten(&then.version), &now.version);
            let problem =
                format!("is a journal of gromov {then}, and this is {now}; go on with that version");
            return Err(self.source.fault(problem));
        }
        let resumed = |what: String, then: String, now: String| Err(Error::Resumed { what, then, now });
        for (name, now) in &now.options {
            let then = then.options.iter().find(|t| t.0 == *name).map_or("nothing", |t| t.1.as_str());
            if then != now {
                return resumed(name.clone(), shorten(then), now.clone());
            }
        }
        if then.options.len() != now.options.len() {
            let count = |header: &Header| format!("{} options", header.options.len());
            return resumed("options".into(), count(&then), count(now));
        }
        let short = |sum: &str| sum.chars().take(12).collect::<String>();
        let different = then.clouds.iter().zip(&now.clouds).position(|(a, b)| a != b);
        if let Some(k) = different {
            let digits = |header: &Header| format!("SHA-256 {}...", printable(&short(&header.clouds[k])));
            return resumed(format!("cloud {k}"), digits(&then), digits(now));
        }
        if then.clouds.len() != now.clouds.len() {
            let count = |header: &Header| format!("{} of them", header.clouds.len());
            return resumed("clouds".into(), count(&then), count(now));
        }
        Ok(())
    }

    fn damaged(&self, line: usize, problem: &str) -> Error {
        let problem = format!("is damaged: {}", shorten_more(problem));
        self.source.fault_at(Some(line.to_string()), format!("{problem}; take an older copy, or start again"))
    }

    /// The records of a line.
    fn block(&mut self, number: usize, line: &[u8]) -> Result<()> {
        let start = START.len() + DIGITS + MIDDLE.len();
        let framed = line.starts_with(START.as_bytes())
            && line.get(start - MIDDLE.len()..start) == Some(MIDDLE.as_bytes())
            && line.last() == Some(&b'}');
        let body = line.len().checked_sub(1).and_then(|end| line.get(start..end)).filter(|_| framed);
        let Some(body) = body else {
            return Err(self.damaged(number, "the line is no block of records"));
        };
        if line[START.len()..][..DIGITS] != *sum(body).as_bytes() {
            return Err(self.damaged(number, "the sum of the line (SHA-256) is another one"));
        }
        let records: Vec<Record> = serde_json::from_slice(body)
            .map_err(|e| self.damaged(number, &format!("the line has no records: {e}")))?;
        let k = self.header.clouds.len();
        for record in records {
            let Record { i, j, outcome } = &record;
            if i >= j || *j >= k || outcome.as_ref().is_ok_and(|found| !found.is_finite()) {
                return Err(self.damaged(number, &format!("the pair ({i}, {j}) is none of {k} clouds")));
            }
            if self.known.is_empty() {
                self.known = vec![false; k * k];
            }
            if std::mem::replace(&mut self.known[i * k + j], true) {
                return Err(self.damaged(number, &format!("the pair ({i}, {j}) is there twice")));
            }
            self.records.push(record);
        }
        Ok(())
    }
}

/// A message of a parser, at most 120 characters.
fn shorten_more(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample;

    fn clouds() -> Vec<Cloud> {
        let mut clouds: Vec<Cloud> = (1..=5).map(|s| Ok(sample::ball(9, 2, s).unwrap())).collect();
        clouds[2] = Err("it's \"none\"\n".into());
        clouds
    }

    fn options() -> Pairwise {
        Pairwise { starts: Some(2), block: 3, ..Pairwise::default() }
    }

    fn open(path: &Path, options: &Pairwise, clouds: &[Cloud]) -> Result<(Journal, Vec<Record>)> {
        Journal::open(path, options, clouds, &ReadOptions::default())
    }

    /// A whole journal, and its records.
    fn written(path: &Path) -> (Vec<u8>, Vec<Record>) {
        let (mut journal, known) = open(path, &options(), &clouds()).unwrap();
        assert!(known.is_empty());
        let mut all = Vec::new();
        let mut keep = |new: &[Record]| {
            all.extend_from_slice(new);
            journal.append(new)
        };
        // one thread writes blocks in their order
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let solution =
            pool.install(|| options().solve_from(&clouds(), known, &mut (), Some(&mut keep))).unwrap();
        assert_eq!((solution.unkept, solution.failed.len(), all.len()), (None, 4, 10));
        (std::fs::read(path).unwrap(), all)
    }

    #[test]
    fn records_come_back_to_the_bit_from_any_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let (bytes, all) = written(&path);
        assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 5, "a first line and four blocks");
        let bits = |r: &Record| {
            r.outcome
                .as_ref()
                .map(|f| [f.squared, f.distance, f.lower_bound, f.rounding].map(f64::to_bits))
                .ok()
        };
        for cut in (0..=bytes.len()).rev().step_by(3) {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (journal, known) = open(&path, &options(), &clouds()).unwrap();
            drop(journal);
            let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            assert_eq!(known.len(), [0, 0, 3, 6, 9, 10][lines]);
            assert_eq!(known, all[..known.len()]);
            assert!(known.iter().zip(&all).all(|(a, b)| bits(a) == bits(b)));
            // torn lines are gone, whole ones stay
            let end = bytes[..cut].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            let want = if lines == 0 { bytes.iter().position(|b| *b == b'\n').unwrap() + 1 } else { end };
            assert!(std::fs::read(&path).unwrap() == bytes[..want], "{cut}");
        }
        // hard numbers
        let mut found = *all[0].outcome.as_ref().unwrap();
        (found.squared, found.distance) = (5e-324, f64::MAX);
        (found.lower_bound, found.rounding) = (-1.0 / 3.0, 0.1 + 0.2);
        let record = Record { i: 0, j: 1, outcome: Ok(found) };
        open(&path, &options(), &clouds()).unwrap().0.append(std::slice::from_ref(&record)).unwrap();
        let back = open(&path, &options(), &clouds()).unwrap().1.remove(0);
        assert_eq!((bits(&back), &back), (bits(&record), &record));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (bytes, all) = written(&dir.path().join("a.jsonl"));
        let read = |bytes: &[u8]| {
            read_journal_bytes(Path::new("a"), bytes, &options(), &clouds(), &ReadOptions::default())
        };
        assert_eq!(read(&bytes).unwrap(), all);
        let last_line = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').unwrap();
        for at in 0..bytes.len() - 1 {
            for flip in [1u8, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let error = read(&damaged).expect_err("a flipped bit");
                let line = 1 + bytes[..at].iter().filter(|b| **b == b'\n').count();
                let text = error.to_string();
                assert!(!text.contains(char::is_control) && text.len() < 400, "{text}");
                let named = text.starts_with(&format!("a:{line}: is damaged"));
                // two lines made one are named by the first
                assert!(named || line == 1 || bytes[at] == b'\n', "{at} of line {line}: {text}");
            }
        }
        // without its end the last line is taken for torn
        assert_eq!(read(&bytes[..bytes.len() - 1]).unwrap(), all[..9]);
        let twice = [&bytes, &bytes[last_line + 1..]].concat();
        assert!(
            read(&twice)
                .unwrap_err()
                .to_string()
                .starts_with("a:6: is damaged: the pair (3, 4) is there twice")
        );
        let limits = super::super::Limits { bytes: 100, ..Default::default() };
        let small = ReadOptions { limits, ..ReadOptions::default() };
        let error = read_journal_bytes(Path::new("a"), &bytes, &options(), &clouds(), &small).unwrap_err();
        assert!(error.to_string().contains("more than the limit of 100"));
    }

    #[test]
    fn other_runs_are_refused_with_both_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let (bytes, _) = written(&path);
        let text =
            |options: &Pairwise, clouds: &[Cloud]| open(&path, options, clouds).unwrap_err().to_string();
        let default = options();
        for (options, expected) in [
            (Pairwise { starts: None, ..default.clone() }, "starts: the checkpoint has 2, now none"),
            (Pairwise { seed: 7, ..default.clone() }, "seed: the checkpoint has 0, now 7"),
            (Pairwise { tol: 0.5, ..default.clone() }, "tol: the checkpoint has 1e-9, now 0.5"),
            (Pairwise { prune: Some(3), ..default.clone() }, "prune: the checkpoint has none, now 3"),
            (Pairwise { center: true, ..default.clone() }, "center: the checkpoint has false, now true"),
        ] {
            assert_eq!(text(&options, &clouds()), expected);
        }
        let mut other = clouds();
        other[3] = Ok(sample::ball(9, 2, 77).unwrap());
        let message = text(&default, &other);
        let sums = [&clouds()[3], &other[3]].map(|c| fingerprint(c)[..12].to_string());
        let [then, now] = sums;
        assert_eq!(message, format!("cloud 3: the checkpoint has SHA-256 {then}..., now SHA-256 {now}..."));
        assert_eq!(text(&default, &clouds()[..4]), "clouds: the checkpoint has 5 of them, now 4 of them");
        // blocks of another size are the same run
        open(&path, &Pairwise { block: 1, ..default.clone() }, &clouds()).unwrap();
        for (from, to, expected) in [
            ("\"version\":\"", "\"version\":\"9.", "is a journal of gromov 9.0"),
            ("{\"gromov_journal\":1,", "{\"gromov_journal\":2,", "is a journal of another format"),
            ("{\"gromov_journal\":1,", "{\"gromov\":1,", "is no journal of a run over all pairs"),
        ] {
            let changed = String::from_utf8(bytes.clone()).unwrap().replacen(from, to, 1);
            std::fs::write(&path, &changed).unwrap();
            let message = text(&default, &clouds());
            assert!(message.contains(expected), "{message}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), changed, "a refused file stays as it is");
        }
        for foreign in ["1,2", "1,2\n3,4\n", "\n"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(text(&default, &clouds()).contains("is no journal"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn one_run_a_journal_and_real_files_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let first = open(&path, &options(), &clouds()).unwrap();
        let text = open(&path, &options(), &clouds()).unwrap_err().to_string();
        assert!(
            text.ends_with("is in use by another run; wait for it, or give this one a journal of its own")
        );
        drop(first);
        open(&path, &options(), &clouds()).unwrap();
        let text = |path: &Path| open(path, &options(), &clouds()).unwrap_err().to_string();
        assert!(text(dir.path()).contains("is a folder"));
        assert!(text(&dir.path().join("none/a")).contains("create it first"));
        #[cfg(target_os = "linux")]
        {
            assert!(text(Path::new("/dev/null")).contains("is not a regular file"));
            let full = dir.path().join("full");
            std::os::unix::fs::symlink("/dev/full", &full).unwrap();
            assert!(text(&full).contains("is not a regular file"));
        }
    }
}
