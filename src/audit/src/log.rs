//! The log as it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{LONGEST_LINE, NONE_BEFORE, SCHEMA, close_line, hash, link};

/// Why nothing can be recorded, or the record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The file cannot be opened, read or written.
    #[error("the audit log {} cannot be {what}: {source}", path.display())]
    File {
        /// The log.
        path: PathBuf,
        /// `opened`, `read` or `written`.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{}: is no audit log; name another file", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// What is to be recorded is no object.
    #[error("what is to be recorded is no set of named values")]
    NoObject,
}

/// A log that lines are added to. Several processes may add to one file: each line is written under the file's lock.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: File,
}

impl AuditLog {
    /// Opens a log, or begins one where there is no file.
    ///
    /// # Errors
    ///
    /// [`AuditError`]: also where the file is something else, so that nothing is added to it.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        let fail = |what| move |source| AuditError::File { path: path.to_owned(), what, source };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(fail("opened"))?;
        }
        let file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fail("opened"))?;
        let log = Self { path: path.to_owned(), file };
        log.under_lock(|log| log.last().map(|_| ()))?;
        Ok(log)
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line and waits until it is on the disk. Its number, version and hashes are put around the values of `record`.
    ///
    /// # Errors
    ///
    /// [`AuditError`]; nothing was added then, or, where the disk failed half-way, the beginning of a line, which
    /// [`verify`](crate::verify()) tells apart from a change.
    pub fn append(&self, record: &Value) -> Result<(), AuditError> {
        let Value::Object(values) = record else { return Err(AuditError::NoObject) };
        self.under_lock(|log| {
            let (number, previous, is_cut) = log.last()?;
            let mut line = Map::new();
            line.insert("record".to_owned(), "audit".into());
            line.insert("schema".to_owned(), SCHEMA.into());
            line.insert("number".to_owned(), number.into());
            line.insert("previous".to_owned(), previous.into());
            for (name, value) in values {
                line.entry(name.clone()).or_insert_with(|| value.clone());
            }
            let said = Value::Object(line).to_string();
            let mut bytes = Vec::new();
            if is_cut {
                bytes.push(b'\n');
            }
            // The closing brace goes behind the hash.
            bytes.extend(close_line(said.strip_suffix('}').unwrap_or(&said)).bytes());
            bytes.push(b'\n');
            let mut file = &log.file;
            file.write_all(&bytes)
                .and_then(|()| log.file.sync_data())
                .map_err(|source| log.fail("written", source))
        })
    }

    fn fail(&self, what: &'static str, source: io::Error) -> AuditError {
        AuditError::File { path: self.path.clone(), what, source }
    }

    fn under_lock<T>(&self, act: impl FnOnce(&Self) -> Result<T, AuditError>) -> Result<T, AuditError> {
        self.file.lock().map_err(|source| self.fail("opened", source))?;
        let done = act(self);
        let _ = self.file.unlock();
        done
    }

    /// The number that the next line has, the hash that it names, and whether the last line has no end.
    ///
    /// A line that was cut off, or altered, is named by the hash of all that stands there, so that the chain goes on and
    /// whoever verifies it sees the line.
    fn last(&self) -> Result<(u64, String, bool), AuditError> {
        let read = |source| self.fail("read", source);
        let mut file = &self.file;
        let length = file.seek(SeekFrom::End(0)).map_err(read)?;
        if length == 0 {
            return Ok((1, NONE_BEFORE.to_owned(), false));
        }
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        file.take(LONGEST_LINE).read_to_end(&mut head).map_err(read)?;
        if !is_of_a_log(&String::from_utf8_lossy(&head)) {
            return Err(AuditError::NoLog { path: self.path.clone() });
        }
        // Two lines are enough: one that was cut off, and the one before.
        let from = length.saturating_sub(2 * LONGEST_LINE);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(read)?;
        file.take(length - from).read_to_end(&mut tail).map_err(read)?;
        let text = String::from_utf8_lossy(&tail);
        let is_cut = !text.ends_with('\n');
        let mut lines = text.lines().rev();
        let last = lines.next().unwrap_or_default();
        if let Some((link, own)) = link(last) {
            return Ok((link.number + 1, own.to_owned(), is_cut));
        }
        let before = lines.find_map(link).map_or(0, |(link, _)| link.number);
        Ok((before + 2, hash(last), is_cut))
    }
}

/// Whether a file that begins so is a log: its first line is a record, or the beginning of one.
fn is_of_a_log(head: &str) -> bool {
    match head.split_once('\n') {
        Some((first, _)) => {
            serde_json::from_str::<Value>(first).is_ok_and(|v| v["record"] == "audit")
                || (first.starts_with('{') && !first.ends_with('}'))
        }
        None => head.starts_with('{'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify;
    use serde_json::json;

    #[test]
    fn lines_follow_each_other_from_several_writers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/audit.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let log = AuditLog::open(path).unwrap();
                    for n in 0..5 {
                        log.append(&json!({ "writer": writer, "n": n, "number": 99 })).unwrap();
                    }
                });
            }
        });
        let verified = verify(&path).unwrap();
        assert_eq!((verified.lines, verified.faults.len()), (20, 0));
    }

    #[test]
    fn a_line_without_its_end_is_closed_and_the_chain_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        log.append(&json!({ "event": "a" })).unwrap();
        log.append(&json!({ "event": "b" })).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 40]).unwrap();
        AuditLog::open(&path).unwrap().append(&json!({ "event": "c" })).unwrap();
        let verified = verify(&path).unwrap();
        assert_eq!((verified.lines, verified.cut_off, verified.faults), (3, vec![2], vec![]));
    }

    #[test]
    fn another_file_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        for text in ["{\"record\":\"run\"}\n", "# Notes\n\nof last week\n"] {
            std::fs::write(&path, text).unwrap();
            let error = AuditLog::open(&path).unwrap_err().to_string();
            assert!(error.contains("no audit log") && !error.contains('\n'), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let log = AuditLog::open(&folder.path().join("a")).unwrap();
        assert!(matches!(log.append(&json!([1])), Err(AuditError::NoObject)));
    }
}
