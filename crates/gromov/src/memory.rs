//! What a run will take in memory, before it begins, and what there is.
//!
//! Options say what their run needs ([`Flow::need`](crate::Flow::need), [`Geodesic::need`](crate::Geodesic::need),
//! [`Barycenter::need`](crate::Barycenter::need), [`Pairwise::need`](crate::pairwise::Pairwise::need),
//! [`Alternating::need`](crate::igw::Alternating::need)), counted from the arrays they hold; tests keep each within a
//! factor of two of the measured peak. [`Need::check`] refuses a run that does not fit, with numbers, where the system
//! would kill it.

use crate::error::{Error, Result};

/// Bytes of a number.
pub(crate) const WORD: usize = 8;

/// What a run will take, in bytes: an estimate, for the largest moment.
///
/// ```
/// use gromov::memory::Need;
/// let need = Need::default().and("frames", 3e9).and("solver", 1e9);
/// assert_eq!(need.bytes(), 4e9);
/// let error = need.check("flow", Some(2_000_000_000), "keep fewer frames").unwrap_err().to_string();
/// assert!(error.starts_with("flow: takes about 4.0 GB of memory (frames 3.0 GB, solver 1.0 GB), the limit is 2.0 GB"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Need {
    /// What takes it, and how much.
    pub parts: Vec<(&'static str, f64)>,
}

impl Need {
    /// With another part.
    pub fn and(mut self, part: &'static str, bytes: f64) -> Self {
        self.parts.push((part, bytes));
        self
    }

    /// All of it, in bytes.
    pub fn bytes(&self) -> f64 {
        self.parts.iter().map(|p| p.1).sum()
    }

    /// [`Error::Memory`] where it is more than the limit, in bytes; without a limit nothing is refused.
    pub fn check(&self, what: &'static str, limit: Option<u64>, advice: &'static str) -> Result<()> {
        match limit {
            Some(limit) if self.bytes() > limit as f64 => {
                let parts: Vec<_> = self.parts.iter().map(|p| format!("{} {}", p.0, in_words(p.1))).collect();
                Err(Error::Memory {
                    what,
                    needed: in_words(self.bytes()),
                    parts: parts.join(", "),
                    limit: in_words(limit as f64),
                    advice,
                })
            }
            _ => Ok(()),
        }
    }
}

/// The memory that is free to be used now, in bytes, within the limits of a control group; `None` where the system
/// does not tell.
pub fn available() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let free = system.available_memory();
    let group = system.cgroup_limits().map_or(u64::MAX, |group| group.free_memory);
    Some(free.min(group)).filter(|bytes| *bytes > 0)
}

/// A number of bytes in decimal units: `3.2 GB`.
pub fn in_words(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut scaled = bytes;
    for unit in units {
        if scaled < 999.5 {
            let digits = usize::from(scaled < 9.95 && unit != "B");
            return format!("{scaled:.digits$} {unit}");
        }
        scaled /= 1000.0;
    }
    format!("{bytes:.1e} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_words() {
        let said = [0.0, 999.0, 1e3, 9.96e3, 1.5e6, 999.6e6, 33e9, 7e20].map(in_words);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "10 kB", "1.5 MB", "1.0 GB", "33 GB", "7.0e20 B"]);
    }

    #[test]
    fn this_machine_has_memory() {
        let free = available().unwrap();
        assert!(free > 1 << 20 && free < 1 << 50, "{free}");
    }
}
