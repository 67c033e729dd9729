//! Whether a log is as it was written.

use std::collections::HashSet;
use std::fmt;
use std::io::{BufRead, Read};
use std::path::Path;

use serde_json::Value;

use crate::log::AuditError;
use crate::{LONGEST_LINE, Link, NONE_BEFORE, hash, link};

/// Faults that are told; of a file that is something else there would be as many as lines.
const MOST_FAULTS: usize = 20;

/// Something that was done to a log. Lines are counted from 1 as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The line does not hold to its own hash, or is no record.
    Altered {
        /// The line.
        line: u64,
    },
    /// Records that were before this line are not there any more.
    Removed {
        /// The line that follows.
        line: u64,
        /// The first and the last record that are missing, by number.
        records: (u64, u64),
    },
    /// A record stands where another belongs.
    Reordered {
        /// The line.
        line: u64,
        /// The record that stands there.
        record: u64,
        /// The record that belongs there.
        expected: u64,
    },
    /// The line holds to its own hash and does not follow the one before it: one of them was replaced by another.
    Replaced {
        /// The line.
        line: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { line } => write!(f, "line {line} was altered: it does not hold to its own hash"),
            Self::Removed { line, records: (first, last) } if first == last => {
                write!(f, "record {first} was removed: it is missing before line {line}")
            }
            Self::Removed { line, records: (first, last) } => {
                write!(f, "records {first} to {last} were removed: they are missing before line {line}")
            }
            Self::Reordered { line, record, expected } => {
                write!(f, "line {line} was moved: it is record {record}, where {expected} belongs")
            }
            Self::Replaced { line } => {
                write!(f, "line {line} does not follow line {}: one of them was replaced", line - 1)
            }
        }
    }
}

/// What a log was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Lines.
    pub lines: u64,
    /// Hash of the last line: note it elsewhere.
    pub last: String,
    /// Lines that were cut off while they were written, as a power failure does.
    pub cut_off: Vec<u64>,
    /// What was done to it, in the order of lines; at most twenty.
    pub faults: Vec<Fault>,
    hashes: HashSet<String>,
}

impl Verified {
    /// Whether a line with this hash is there: what was noted earlier still holds, and nothing up to it was changed.
    pub fn holds(&self, hash: &str) -> bool {
        self.hashes.contains(hash)
    }
}

/// A line as it was found.
struct Found {
    /// What it says of itself, where it holds to its own hash.
    link: Option<Link>,
    /// Its own hash or, where it does not hold to it, that of all that stands there.
    own: String,
    /// Whether it could be the beginning of a record.
    is_piece: bool,
}

/// Reads a log and follows its chain.
///
/// # Errors
///
/// [`AuditError::File`] where it cannot be read; faults are no errors here.
pub fn verify(path: &Path) -> Result<Verified, AuditError> {
    let found = read(path)?;
    let numbers: HashSet<u64> = found.iter().filter_map(|f| f.link.as_ref().map(|l| l.number)).collect();
    let mut verified = Verified {
        lines: found.len() as u64,
        last: found.last().map_or_else(|| NONE_BEFORE.to_owned(), |f| f.own.clone()),
        cut_off: Vec::new(),
        faults: Vec::new(),
        hashes: found.iter().filter(|f| f.link.is_some()).map(|f| f.own.clone()).collect(),
    };
    let (mut expected, mut previous) = (1, NONE_BEFORE);
    for (i, this) in found.iter().enumerate() {
        let line = i as u64 + 1;
        let fault = match &this.link {
            None => {
                let next = found.get(i + 1).and_then(|f| f.link.as_ref());
                let is_known = next.is_none_or(|next| next.previous == this.own);
                expected += 1;
                if this.is_piece && is_known {
                    verified.cut_off.push(line);
                    None
                } else {
                    Some(Fault::Altered { line })
                }
            }
            Some(link) => {
                let number = link.number;
                let was_altered_before =
                    i > 0 && found.get(i - 1).is_some_and(|f| f.link.is_none() && !f.is_piece);
                let fault = if number > expected && !numbers.contains(&expected) {
                    Some(Fault::Removed { line, records: (expected, number - 1) })
                } else if number != expected {
                    Some(Fault::Reordered { line, record: number, expected })
                } else if link.previous != previous && !was_altered_before {
                    Some(Fault::Replaced { line })
                } else {
                    None
                };
                expected = number + 1;
                fault
            }
        };
        previous = &this.own;
        verified.faults.extend(fault.filter(|_| verified.faults.len() < MOST_FAULTS));
    }
    Ok(verified)
}

fn read(path: &Path) -> Result<Vec<Found>, AuditError> {
    let fail = |source| AuditError::File { path: path.to_owned(), what: "read", source };
    let mut file = std::io::BufReader::new(std::fs::File::open(path).map_err(fail)?);
    let (mut found, mut bytes) = (Vec::new(), Vec::new());
    loop {
        bytes.clear();
        let read = file.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes).map_err(fail)?;
        if read == 0 {
            return Ok(found);
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        found.push(match link(text) {
            Some((link, own)) => {
                let own = own.to_owned();
                Found { link: Some(link), own, is_piece: false }
            }
            None => Found {
                link: None,
                own: hash(text),
                is_piece: text.starts_with('{') && serde_json::from_str::<Value>(text).is_err(),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AuditLog;
    use serde_json::json;

    /// A log of six lines after its lines were changed.
    fn after(change: impl FnOnce(&mut Vec<String>)) -> Verified {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        for n in 1..=6 {
            log.append(&json!({ "event": format!("e{n}") })).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        change(&mut lines);
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        verify(&path).unwrap()
    }

    #[test]
    fn what_was_done_is_found_and_named_by_its_line() {
        assert_eq!(after(|_| {}).faults, []);
        let altered = after(|lines| lines[2] = lines[2].replace("e3", "e9"));
        assert_eq!(altered.faults, [Fault::Altered { line: 3 }]);
        let removed = after(|lines| drop(lines.drain(1..3)));
        assert_eq!(removed.faults, [Fault::Removed { line: 2, records: (2, 3) }]);
        let first = after(|lines| drop(lines.remove(0)));
        assert_eq!(first.faults, [Fault::Removed { line: 1, records: (1, 1) }]);
        let reordered = after(|lines| lines.swap(2, 3));
        assert_eq!(reordered.faults[0], Fault::Reordered { line: 3, record: 4, expected: 3 });
        let last = after(|lines| {
            let text = lines[5].replace("e6", "e7");
            lines[5] = text;
        });
        assert_eq!(last.faults, [Fault::Altered { line: 6 }]);
        let twice = after(|lines| {
            let copy = lines[1].clone();
            lines.insert(2, copy);
        });
        assert_eq!(twice.faults[0], Fault::Reordered { line: 3, record: 2, expected: 3 });
        let foreign = after(|lines| lines[3] = "{\"record\":\"run\"}".to_owned());
        assert_eq!(foreign.faults, [Fault::Altered { line: 4 }]);
    }

    #[test]
    fn a_line_made_anew_with_a_hash_of_its_own_breaks_the_chain() {
        let replaced = after(|lines| {
            let (said, _) = crate::open_line(&lines[2]).unwrap();
            lines[2] = crate::close_line(&said.replace("e3", "e9"));
        });
        assert_eq!(replaced.faults, [Fault::Replaced { line: 4 }]);
    }

    #[test]
    fn a_missing_end_shows_against_a_hash_that_was_noted() {
        let whole = after(|_| {});
        let shorter = after(|lines| lines.truncate(4));
        assert_eq!((shorter.faults.len(), shorter.lines), (0, 4));
        assert!(whole.holds(&whole.last) && !shorter.holds(&whole.last));
        let cut = after(|lines| {
            let half = lines[5][..30].to_owned();
            lines[5] = half;
        });
        assert_eq!((cut.cut_off, cut.faults.len()), (vec![6], 0));
    }
}
