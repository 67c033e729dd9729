//! What ran on what, and how it was set.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::compare::identity::flatten;
use crate::report::document::{Block, Section, Table};
use crate::report::study::Study;
use crate::report::words::Node;
use crate::score::run::Run;

/// Recordings that are listed.
const MOST_RECORDINGS: usize = 1000;

pub(super) fn section(study: &Study) -> Section {
    let mut section = Section::new("identity", "Configuration and identity");
    let sides: Vec<(&str, &[Run])> = match &study.comparison {
        Some(c) => vec![("reference", &study.runs), ("candidate", &c.candidate)],
        None => vec![("run", &study.runs)],
    };
    for (name, runs) in sides {
        settings(&mut section, name, runs);
        recordings(&mut section, name, runs);
    }
    if let Some(scores) = &study.scores {
        scoring(&mut section, Node(&scores.json));
    }
    section.text(format!("This page was made by vesalius {}.", env!("CARGO_PKG_VERSION")));
    section
}

fn leaves(run: &Run) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    flatten("", &run.head, &mut leaves);
    // What differs from recording to recording stands with the recordings.
    leaves.retain(|key, _| !key.starts_with("input.") && key != "started_utc" && key != "record");
    leaves
}

fn settings(section: &mut Section, name: &str, runs: &[Run]) {
    let Some(first) = runs.first() else { return };
    let known = leaves(first);
    let mut table =
        Table::new(format!("The {name}'s own words: the first line of its records"), ["what", "is"]);
    for (what, is) in &known {
        table.row([what.clone(), is.clone()]);
    }
    section.table(table);
    let mut table = Table::new(
        format!("Recordings of the {name} that were made with other settings"),
        ["recording", "what", "is", "in the first"],
    );
    for run in runs.iter().skip(1) {
        let own = leaves(run);
        let keys = own.keys().chain(known.keys()).collect::<std::collections::BTreeSet<_>>();
        for key in keys.into_iter().filter(|key| own.get(*key) != known.get(*key)) {
            let of = |leaves: &BTreeMap<String, String>| leaves.get(key).cloned().unwrap_or_default();
            table.row([run.input.clone(), key.clone(), of(&own), of(&known)]);
        }
    }
    section.table(table);
}

fn recordings(section: &mut Section, name: &str, runs: &[Run]) {
    let head = ["recording", "kind", "frames", "begun", "SHA-256"];
    let mut table = Table::new(format!("Recordings of the {name}"), head);
    for run in runs.iter().take(MOST_RECORDINGS) {
        let text =
            |pointer: &str| run.head.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        table.row([
            run.input.clone(),
            text("/input/kind"),
            run.frames.len().to_string(),
            text("/started_utc"),
            text("/input/sha256"),
        ]);
    }
    let summary = format!("Recordings of the {name}: {}", runs.len());
    section.blocks.extend(table.block().map(|block| Block::Details { summary, blocks: vec![block] }));
}

fn scoring(section: &mut Section, score: Node<'_>) {
    let mut leaves = BTreeMap::new();
    flatten("", score.at("settings").0, &mut leaves);
    let mut table = Table::new("How it was scored", ["what", "is"]);
    for (what, is) in leaves {
        table.row([what, is]);
    }
    section.table(table);
    let references: Vec<&str> = score.list("references").filter_map(|r| r.0.as_str()).collect();
    section.text(format!("Definitions are equal to those of {}.", references.join("; ")));
}
