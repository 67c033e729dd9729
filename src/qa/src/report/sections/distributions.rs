//! How scores and values are spread over the frames.

use std::collections::BTreeMap;

use crate::report::document::{Block, Section, Table};
use crate::report::figure::histogram::histogram;
use crate::report::study::Study;
use crate::report::values::{Gathered, Key};
use crate::report::words::{number, plural, with_unit};
use crate::stats::mean;

/// Values that are drawn at once; the others are drawn where they are asked for.
const SHOWN: usize = 6;
/// Recordings that are listed.
const MOST_RECORDINGS: usize = 1000;

pub(super) fn section(study: &Study, values: &[(Key, Gathered)]) -> Section {
    let mut section = Section::new("distributions", "Distributions");
    scores(&mut section, study);
    let mut figures = values.iter().filter_map(|(key, g)| {
        let label = key.label();
        histogram(&label, &with_unit(&label, &key.unit), "frames", &g.numbers).map(Block::Figure)
    });
    let first: Vec<Block> = figures.by_ref().take(SHOWN).collect();
    if !first.is_empty() {
        section.heading("Values");
        section.blocks.extend(first);
    }
    let rest: Vec<Block> = figures.collect();
    if !rest.is_empty() {
        section
            .blocks
            .push(Block::Details { summary: format!("{} more", plural(rest.len(), "value")), blocks: rest });
    }
    section
}

fn scores(section: &mut Section, study: &Study) {
    let Some(scores) = &study.scores else { return };
    let mut structures: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
    let mut recordings: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    for row in &scores.rows {
        let [dice, nsd] = structures.entry(&row.structure).or_default();
        dice.extend(row.dice);
        nsd.extend(row.nsd);
        if let Some(d) = row.dice {
            recordings.entry((row.run, &row.structure)).or_default().push(d);
        }
    }
    for (name, [dice, nsd]) in &structures {
        let name = name.replace('_', " ");
        section.heading(name.clone());
        for (metric, values) in [("Dice", dice), ("NSD", nsd)] {
            section.figure(histogram(&format!("{metric} of {name}"), metric, "frames", values));
        }
    }
    if study.runs.len() < 2 {
        return;
    }
    let mut rows: Vec<(f64, Vec<String>)> = recordings
        .iter()
        .filter_map(|(&(run, structure), dice)| {
            let (mean, worst) = (mean(dice)?, dice.iter().copied().fold(f64::INFINITY, f64::min));
            let input = study.runs.get(run).map(|r| r.input.clone())?;
            let cells = [
                input,
                structure.replace('_', " "),
                number(mean, 4),
                number(worst, 4),
                dice.len().to_string(),
            ];
            Some((mean, cells.to_vec()))
        })
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let head = ["recording", "structure", "mean Dice", "worst frame", "frames"];
    let mut table = Table::new("Recordings, the worst first", head);
    table.rows = rows.into_iter().take(MOST_RECORDINGS).map(|r| r.1).collect();
    if let Some(block) = table.block() {
        section.blocks.push(Block::Details { summary: "By recording".to_owned(), blocks: vec![block] });
    }
}
