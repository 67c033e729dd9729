//! What people noted of a recording, for protocols that ask: a table of times and events.

use std::path::Path;

use serde::Deserialize;
use vesalius_measure::protocol::Event;

use crate::error::ReplayError;

/// Something noted, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct NotedEvent {
    /// Time from the beginning of the recording, nanoseconds.
    pub at_ns: u64,
    /// What happened.
    pub event: Event,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    time_s: f64,
    event: String,
}

/// Reads a CSV with the header `time_s,event`: seconds from the beginning, and `withdraw`,
/// `confirm-tool WIDTH_MM CLASS` or any name of a moment, such as `caecum` or `exit`. Sorted by time.
///
/// # Errors
///
/// [`ReplayError::Events`].
pub fn read(path: &Path) -> Result<Vec<NotedEvent>, ReplayError> {
    let fail = |message: String| ReplayError::Events { path: path.to_owned(), message };
    let one_line = |e: csv::Error| e.to_string().replace('\n', " ");
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| fail(format!("cannot be read as a table: {}", one_line(e))))?;
    let mut events = Vec::new();
    for (line, row) in (2..).zip(reader.deserialize::<Row>()) {
        let Row { time_s, event } =
            row.map_err(|e| fail(format!("line {line}: {}; the header is time_s,event", one_line(e))))?;
        if !(0.0..1e9).contains(&time_s) {
            return Err(fail(format!("line {line}: {time_s} is no time in seconds")));
        }
        let event = parse(&event).map_err(|message| fail(format!("line {line}: {message}")))?;
        events.push(NotedEvent { at_ns: (time_s * 1e9).round() as u64, event });
    }
    events.sort_by_key(|e| e.at_ns);
    Ok(events)
}

fn parse(text: &str) -> Result<Event, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["withdraw"] => Ok(Event::Withdraw),
        ["confirm-tool", width, class] => match width.parse::<f64>() {
            Ok(width_mm) if width_mm.is_finite() && width_mm > 0.0 => {
                Ok(Event::ConfirmTool { width_mm, class: (*class).to_owned() })
            }
            _ => Err(format!("'{width}' is no width in mm")),
        },
        ["confirm-tool", ..] => Err("write confirm-tool WIDTH_MM CLASS".to_owned()),
        [name] => Ok(Event::Mark((*name).to_owned())),
        _ => Err(format!("'{text}' is no event")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(content: &str) -> Result<Vec<NotedEvent>, ReplayError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.csv");
        std::fs::write(&path, content).unwrap();
        read(&path)
    }

    #[test]
    fn events_come_in_the_order_of_time() {
        let events =
            table("time_s,event\n4.5,exit\n1,caecum\n2,confirm-tool 2.4 tool\n3,withdraw\n").unwrap();
        let at: Vec<u64> = events.iter().map(|e| e.at_ns / 100_000_000).collect();
        assert_eq!(at, [10, 20, 30, 45]);
        assert_eq!(events[0].event, Event::Mark("caecum".to_owned()));
        assert_eq!(events[1].event, Event::ConfirmTool { width_mm: 2.4, class: "tool".to_owned() });
    }

    #[test]
    fn every_fault_is_one_line() {
        for content in [
            "time,event\n1,a\n",
            "time_s,event\nx,a\n",
            "time_s,event\n-1,a\n",
            "time_s,event\nnan,a\n",
            "time_s,event\n1,\n",
            "time_s,event\n1,confirm-tool 0 a\n",
            "time_s,event\n1,confirm-tool 2\n",
            "time_s,event\n1,two words\n",
        ] {
            let error = table(content).unwrap_err().to_string();
            assert!(error.contains("events.csv") && !error.contains('\n'), "{content:?}: {error}");
        }
    }
}
