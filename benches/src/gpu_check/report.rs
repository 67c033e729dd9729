//! What was found, as one table and one JSON file.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As claimed.
    Passed,
    /// Not as claimed.
    Failed,
    /// Measured, with no claim to hold it against.
    Measured,
    /// Could not be done here.
    Skipped,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Measured => "measured",
            Self::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    verdict: Verdict,
    /// In words.
    found: String,
    /// In numbers.
    numbers: Value,
}

impl Row {
    /// A check and how it ended.
    pub fn new(what: impl Into<String>, verdict: Verdict, found: String) -> Self {
        Self { what: what.into(), verdict, found, numbers: Value::Null }
    }

    /// With its numbers.
    #[must_use]
    pub fn with(mut self, numbers: Value) -> Self {
        self.numbers = numbers;
        self
    }
}

/// All checks.
#[derive(Clone, Debug, Default)]
pub struct Report {
    facts: Vec<(String, String)>,
    rows: Vec<Row>,
}

impl Report {
    /// Notes what the machine is.
    pub fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), value.to_owned()));
    }

    /// Notes a check.
    pub fn row(&mut self, row: Row) {
        println!("{}: {}", row.what, row.verdict.word());
        self.rows.push(row);
    }

    /// Whether anything was not as claimed.
    pub fn has_failed(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Failed)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// As Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from("\n| machine | |\n|---|---|\n");
        // Writing to a string does not fail.
        for (name, value) in &self.facts {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text.push_str("\n| check | verdict | found |\n|---|---|---|\n");
        for row in &self.rows {
            let found = row.found.replace('|', "\\|").replace('\n', "<br>");
            let _ = writeln!(text, "| {} | {} | {found} |", row.what, row.verdict.word());
        }
        let _ = writeln!(
            text,
            "\n{} passed, {} failed, {} measured, {} skipped\n",
            self.count(Verdict::Passed),
            self.count(Verdict::Failed),
            self.count(Verdict::Measured),
            self.count(Verdict::Skipped)
        );
        text
    }

    /// Writes `gpu-check.json` and `gpu-check.md` into a folder.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let facts: serde_json::Map<String, Value> =
            self.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "check": row.what,
                    "verdict": row.verdict.word(),
                    "found": row.found,
                    "numbers": row.numbers,
                })
            })
            .collect();
        let all = json!({ "schema": 1, "machine": facts, "checks": rows });
        std::fs::write(folder.join("gpu-check.json"), serde_json::to_string_pretty(&all)? + "\n")?;
        std::fs::write(folder.join("gpu-check.md"), self.table())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_counted_and_what_failed_fails() {
        let mut report = Report::default();
        report.fact("GPU", "none");
        report.row(Row::new("a", Verdict::Skipped, "no | GPU".to_owned()));
        assert!(!report.has_failed());
        report.row(Row::new("b", Verdict::Failed, "x\ny".to_owned()).with(json!({ "p50_ms": 0.5 })));
        assert!(report.has_failed());
        let table = report.table();
        assert!(table.contains("| a | skipped | no \\| GPU |"), "{table}");
        assert!(table.contains("0 passed, 1 failed, 0 measured, 1 skipped"), "{table}");
        let folder = tempfile::tempdir().unwrap();
        report.write(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("gpu-check.json")).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["checks"][1]["numbers"]["p50_ms"], 0.5);
    }
}
