//! The recordings.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::place::Place;

/// A recording of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Its name in the archive, and that of the folder with its results.
    pub id: String,
    /// Where it is: a path, from the list's folder on, or an address.
    pub input: String,
    /// Millimetres per pixel and the like, where it has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<String>,
    /// A table of what was noted of it, as a path from the list's folder on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// The list's other columns: site, device, subject and whatever else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// A list of recordings, and where what it names is.
#[derive(Debug)]
pub struct List {
    /// Its recordings, in its order.
    pub recordings: Vec<Recording>,
    /// The folder or store that it lies in.
    pub base: Place,
}

impl List {
    /// Reads a table (CSV, UTF-8) from a file or a store.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] that names the line.
    pub fn read(address: &str) -> Result<Self, ArchiveError> {
        let (folder, name) = match address.rsplit_once('/') {
            Some((folder, name)) => (if folder.is_empty() { "/" } else { folder }, name),
            None => (".", address),
        };
        let base = Place::open(folder)?;
        let bytes = base.read(name)?.ok_or_else(|| ArchiveError::List {
            list: address.to_owned(),
            line: 0,
            message: "there is no such file".to_owned(),
        })?;
        Ok(Self { recordings: parse(address, &bytes)?, base })
    }
}

/// The recordings of a table with the header `input` and, where wanted, `id`, `calibration`, `events` and columns of one's own.
///
/// # Errors
///
/// [`ArchiveError::List`].
pub fn parse(list: &str, bytes: &[u8]) -> Result<Vec<Recording>, ArchiveError> {
    let fail = |line: u64, message: String| ArchiveError::List { list: list.to_owned(), line, message };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|e| fail(1, e.to_string()))?.clone();
    if !header.iter().any(|name| name == "input") {
        return Err(fail(1, "the header has no column 'input': it names each recording's file".to_owned()));
    }
    let mut recordings: Vec<Recording> = Vec::new();
    let mut lines: HashMap<String, u64> = HashMap::new();
    for row in reader.records() {
        let row = row.map_err(|e| fail(e.position().map_or(0, csv::Position::line), e.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let mut recording = Recording {
            id: String::new(),
            input: String::new(),
            calibration: None,
            events: None,
            attributes: BTreeMap::new(),
        };
        for (name, value) in header.iter().zip(&row).filter(|(_, value)| !value.is_empty()) {
            match name {
                "input" => recording.input = value.to_owned(),
                "id" => recording.id = value.to_owned(),
                "calibration" => recording.calibration = Some(value.to_owned()),
                "events" => recording.events = Some(value.to_owned()),
                _ => {
                    recording.attributes.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        if recording.input.is_empty() {
            return Err(fail(line, "the recording has no input".to_owned()));
        }
        if recording.id.is_empty() {
            recording.id = id_of(&recording.input);
        } else if !is_id(&recording.id) {
            let message =
                format!("'{}' cannot be an id: use letters, digits, '-', '_' and '.'", recording.id);
            return Err(fail(line, message));
        }
        if let Some(other) = lines.insert(recording.id.to_lowercase(), line) {
            let message = format!("the id '{}' is that of line {other} too: give each an id", recording.id);
            return Err(fail(line, message));
        }
        recordings.push(recording);
    }
    if recordings.is_empty() {
        return Err(fail(1, "there is no recording below the header".to_owned()));
    }
    Ok(recordings)
}

fn is_id(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= 200 && text.chars().all(good) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// An id from the way to a file: without its ending, and with nothing that a folder's name cannot hold.
fn id_of(input: &str) -> String {
    let path = input.split_once("://").map_or(input, |(_, path)| path).trim_end_matches('/');
    let stem = match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') && !stem.is_empty() && !stem.ends_with('/') => stem,
        _ => path,
    };
    let plain: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let trimmed = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let from = trimmed.len().saturating_sub(200);
    match trimmed.get(from..) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => "recording".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_its_own_columns() {
        let text = "input,calibration,site\na/one.mp4,0.2,Ward 3\n\"b/one.mp4\",,\ns3://bucket/c d.dcm,,x\n";
        let found = parse("list.csv", text.as_bytes()).unwrap();
        let ids: Vec<&str> = found.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["a-one", "b-one", "bucket-c-d"]);
        assert_eq!(found[0].calibration.as_deref(), Some("0.2"));
        assert_eq!(found[0].attributes["site"], "Ward 3");
        assert!(found[1].attributes.is_empty());
    }

    #[test]
    fn wrong_lists_say_which_line() {
        for (text, said) in [
            ("file\na.mp4\n", "line 1: the header has no column 'input'"),
            ("input\n", "line 1: there is no recording"),
            ("input,id\na.mp4,x\nb.mp4,X\n", "line 3: the id 'X' is that of line 2"),
            ("input,id\na.mp4,../up\n", "line 2: '../up' cannot be an id"),
            ("input,id\na.mp4,.hidden\n", "line 2: '.hidden' cannot be an id"),
            ("input,id\n,x\n", "line 2: the recording has no input"),
            ("input,id\na\n", "line 2"),
        ] {
            let error = parse("list.csv", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
        assert!(parse("list.csv", b"input\n\xff\xfe.mp4\n").is_err());
    }
}
