//! What does not count, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::report::document::{Block, Section, Table};
use crate::report::study::Study;
use crate::report::values::{Gathered, Key};
use crate::report::words::{Node, plural};

/// Ranges of frames that are listed.
const MOST_RANGES: usize = 200;

pub(super) fn section(study: &Study, values: &[(Key, Gathered)], of_objects: usize) -> Section {
    let mut section = Section::new("excluded", "What was excluded, and why");
    frames(&mut section, study);
    withheld(&mut section, study);
    if let Some(scores) = &study.scores {
        coverage(&mut section, Node(&scores.json));
    }
    let mut table =
        Table::new("Values without a number or with a reservation", ["value", "what", "why", "frames"]);
    for (key, gathered) in values {
        for (what, counts) in [("no number", &gathered.without), ("limited", &gathered.reservations)] {
            for (why, n) in counts {
                table.row([key.label(), what.to_owned(), why.to_string(), n.to_string()]);
            }
        }
    }
    section.table(table);
    if of_objects > 0 {
        section.text(format!(
            "{} of single objects, by number, enter no figure here: their numbers are each recording's own.",
            plural(of_objects, "value")
        ));
    }
    if section.blocks.is_empty() {
        section.text("Nothing: every frame has a result and every value a number.");
    }
    section
}

fn frames(section: &mut Section, study: &Study) {
    let mut reasons: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut ranges: Vec<(String, u64, u64, Arc<str>)> = Vec::new();
    for run in &study.runs {
        for frame in run.frames.iter().filter(|f| !f.has_result) {
            let why = frame.reason.clone().unwrap_or_else(|| "unknown".into());
            *reasons.entry(why.clone()).or_default() += 1;
            match ranges.last_mut() {
                Some((input, _, last, known))
                    if *input == frame.input && *last + 1 == frame.number && *known == why =>
                {
                    *last = frame.number;
                }
                _ => ranges.push((frame.input.clone(), frame.number, frame.number, why)),
            }
        }
    }
    let mut table = Table::new("Frames without a result", ["why", "frames"]);
    for (why, n) in &reasons {
        table.row([why.to_string(), n.to_string()]);
    }
    section.table(table);
    let mut table = Table::new("Which frames", ["recording", "first", "last", "why"]);
    for (input, first, last, why) in ranges.iter().take(MOST_RANGES) {
        table.row([input.clone(), first.to_string(), last.to_string(), why.to_string()]);
    }
    if let Some(block) = table.block() {
        let more = ranges.len().saturating_sub(MOST_RANGES);
        let more = if more > 0 { format!(", the first of {}", ranges.len()) } else { String::new() };
        section.blocks.push(Block::Details { summary: format!("Which frames{more}"), blocks: vec![block] });
    }
}

fn withheld(section: &mut Section, study: &Study) {
    let mut counts: BTreeMap<(String, Arc<str>), usize> = BTreeMap::new();
    for run in &study.runs {
        for frame in &run.frames {
            for (class, why) in run.classes.iter().zip(&frame.withheld) {
                if let Some(why) = why {
                    *counts.entry((class.replace('_', " "), why.clone())).or_default() += 1;
                }
            }
        }
    }
    let mut table =
        Table::new("Structures that were found and give no value", ["structure", "why", "frames"]);
    for ((class, why), n) in counts {
        table.row([class, why.to_string(), n.to_string()]);
    }
    section.table(table);
}

fn coverage(section: &mut Section, score: Node<'_>) {
    let c = score.at("coverage");
    let mut table = Table::new("Frames and truths", ["what", "number"]);
    for (what, key) in [
        ("frames of the run", "run_frames"),
        ("of these with a truth: scored", "matched"),
        ("scored as empty, for they have no result", "matched_without_result"),
        ("frames without a truth: not scored", "run_frames_without_truth"),
        ("truths without a frame: not scored", "truth_without_frame"),
    ] {
        table.row([what.to_owned(), c.count(key).to_string()]);
    }
    section.table(table);
    let mut table = Table::new("True values for which the run has no number", ["value", "why", "number"]);
    for v in score.list("values") {
        for (why, n) in v.members("without_value") {
            table.row([v.text("name").replace('_', " "), why.to_owned(), n.0.to_string()]);
        }
    }
    section.table(table);
}
