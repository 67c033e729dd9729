//! Two runs beside each other.

use crate::compare::report::Spread;
use crate::compare::value_report::ValueReport;
use crate::compare::verdict::{self, Bound, Status};
use crate::report::document::{Block, Outcome, Section, Table};
use crate::report::figure::agreement::{Agreement, bland_altman};
use crate::report::figure::histogram::histogram;
use crate::report::study::Comparison;
use crate::report::values::label;
use crate::report::words::{NONE, interval, number, plural, unit, with_unit};

fn people(value: &ValueReport) -> String {
    let label = label(&value.structure, &value.name);
    if value.over_time { format!("{label} over time") } else { label }
}

/// Values that are drawn at once.
const SHOWN: usize = 4;
/// Ranges of lacking frames that are listed.
const MOST_LOSSES: usize = 200;

pub(super) fn summary(comparison: &Comparison) -> Section {
    let mut section = Section::new("summary", "Summary");
    let r = &comparison.compared.report;
    let missed = r.verdicts.iter().filter(|v| v.status == Status::Missed).count();
    let open = r.verdicts.iter().filter(|v| v.status == Status::Undecided).count();
    let (outcome, text) = match r.outcome {
        verdict::Outcome::Parity => (Outcome::Good, "Parity: every gate is met.".to_owned()),
        verdict::Outcome::Missed => (Outcome::Bad, format!("No parity: {} missed.", plural(missed, "gate"))),
        verdict::Outcome::Undecided => {
            (Outcome::Open, format!("No gate is missed, and {open} cannot be decided."))
        }
    };
    section.blocks.push(Block::Verdict(outcome, text));
    let c = r.coverage;
    section.text(format!(
        "{} of {} in both, {} with the same record; {} in one run only, {} without a result in both. Differences are candidate less reference.",
        plural(c.paired, "frame"),
        plural(r.n_units, r.unit),
        r.same_records,
        c.in_one_only,
        c.without_result_in_both
    ));
    for note in &r.notes {
        section.note(note.clone());
    }
    let mut table = Table::new("What differs between the runs", ["what", "reference", "candidate"]);
    for d in &r.differ_in {
        table.row([d.what.clone(), d.reference.clone(), d.candidate.clone()]);
    }
    section.table(table);
    gates(&mut section, comparison);
    structures(&mut section, comparison);
    values(&mut section, comparison);
    against_truth(&mut section, comparison);
    section
}

fn gates(section: &mut Section, comparison: &Comparison) {
    let mut table = Table::new("Gates", ["of", "gate", "is", "to be", "came out", "note"]);
    for v in &comparison.compared.report.verdicts {
        let (sign, word) = match v.status {
            Status::Met => (Outcome::Good.sign(), "met"),
            Status::Missed => (Outcome::Bad.sign(), "missed"),
            Status::Undecided => (Outcome::Open.sign(), "cannot be decided"),
            Status::NotLookedAt => ("", "nothing to look at"),
        };
        let bound = match v.bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
            Bound::Above => "more than",
            Bound::Below => "less than",
        };
        let unit = unit(&v.unit);
        table.row([
            v.subject.clone(),
            v.gate.to_owned(),
            format!("{} {unit}", number(v.figure, 4)).trim().to_owned(),
            format!("{bound} {} {unit}", v.limit).trim().to_owned(),
            format!("{sign} {word}").trim().to_owned(),
            v.note.clone().unwrap_or_default(),
        ]);
    }
    section.table(table);
}

fn structures(section: &mut Section, comparison: &Comparison) {
    let r = &comparison.compared.report;
    let head = [
        "structure",
        "in both",
        "reference alone",
        "candidate alone",
        "identical",
        "Dice, mean",
        "interval",
        "median",
        "worst hundredth",
        "worst",
        "NSD, mean",
    ];
    let mut table = Table::new("Masks", head);
    for s in &r.structures {
        let dice = s.masks.as_ref().and_then(|m| m.dice);
        table.row([
            s.structure.name.replace('_', " "),
            s.frames.both.to_string(),
            s.frames.reference_only.to_string(),
            s.frames.candidate_only.to_string(),
            s.masks.as_ref().map_or_else(|| NONE.to_owned(), |m| m.identical.to_string()),
            number(dice.map(|d| d.mean), 4),
            interval(dice.and_then(|d| d.interval), 4),
            number(dice.map(|d| d.median), 4),
            number(dice.map(|d| d.worst_hundredth), 4),
            number(dice.map(|d| d.worst), 4),
            number(s.masks.as_ref().and_then(|m| m.nsd).map(|d| d.mean), 4),
        ]);
    }
    section.table(table);
}

fn values(section: &mut Section, comparison: &Comparison) {
    let head = [
        "value",
        "unit",
        "both",
        "in one alone",
        "bias",
        "limits of agreement",
        "largest",
        "bias, %",
        "limits, %",
    ];
    let mut table = Table::new("Values, candidate less reference", head);
    for v in &comparison.compared.report.values {
        let figures = |s: Option<Spread>| {
            let limits = interval(s.and_then(|s| s.limits), 3);
            (number(s.map(|s| s.bias), 3), limits, number(s.map(|s| s.max_absolute), 3))
        };
        let (bias, limits, largest) = figures(v.difference);
        let (bias_percent, limits_percent, _) = figures(v.percent);
        table.row([
            people(v),
            unit(&v.unit).to_owned(),
            v.both.to_string(),
            (v.reference_only + v.candidate_only).to_string(),
            bias,
            limits,
            largest,
            bias_percent,
            limits_percent,
        ]);
    }
    section.table(table);
}

fn against_truth(section: &mut Section, comparison: &Comparison) {
    let Some(truth) = &comparison.compared.report.truth else { return };
    let head = ["structure", "metric", "change", "interval", "frames"];
    let mut table = Table::new("Agreement with truth, candidate less reference", head);
    for d in &truth.differences {
        table.row([
            d.structure.replace('_', " "),
            d.metric.to_owned(),
            format!("{:+.4}", d.mean),
            interval(d.interval, 4),
            d.n_frames.to_string(),
        ]);
    }
    section.table(table);
}

pub(super) fn agreement(comparison: &Comparison) -> Section {
    let mut section = Section::new("agreement", "Values beside each other");
    let compared = &comparison.compared;
    let mut figures = compared.values.iter().zip(&compared.report.values).filter_map(|(study, report)| {
        let pairs: Vec<(f64, f64)> = study
            .rows
            .iter()
            .filter_map(|row| row.both())
            .map(|(a, b)| (a + study.difference(a, b), a))
            .collect();
        let spread = report.difference.filter(|_| !study.over_time)?;
        let name = people(report);
        bland_altman(&Agreement {
            title: format!("{name}: differences beside sizes"),
            difference: with_unit("candidate less reference", &study.unit),
            size: with_unit("mean of both", &study.unit),
            pairs: &pairs,
            bias: spread.bias,
            bias_interval: spread.bias_interval,
            limits: spread.limits,
            limits_intervals: None,
        })
        .map(Block::Figure)
    });
    let first: Vec<Block> = figures.by_ref().take(SHOWN).collect();
    let rest: Vec<Block> = figures.collect();
    section.blocks.extend(first);
    if !rest.is_empty() {
        let summary = format!("{} more", plural(rest.len(), "value"));
        section.blocks.push(Block::Details { summary, blocks: rest });
    }
    section
}

pub(super) fn distributions(comparison: &Comparison) -> Section {
    let mut section = Section::new("distributions", "Distributions");
    let compared = &comparison.compared;
    for (i, s) in compared.report.structures.iter().enumerate() {
        let dice: Vec<f64> =
            compared.frames.iter().filter_map(|f| f.structures.get(i)?.masks.as_ref()?.dice).collect();
        let name = s.structure.name.replace('_', " ");
        section.figure(histogram(&format!("Dice of the two masks of {name}"), "Dice", "frames", &dice));
    }
    section
}

pub(super) fn losses(comparison: &Comparison) -> Section {
    let mut section = Section::new("excluded", "What one run lacks, and why");
    let r = &comparison.compared.report;
    let mut table =
        Table::new("Frames that one run has nothing for", ["run", "recording", "first", "last", "why"]);
    for loss in r.losses.iter().take(MOST_LOSSES) {
        table.row([
            loss.lacking.to_owned(),
            loss.input.clone(),
            loss.first.to_string(),
            loss.last.to_string(),
            loss.why.clone(),
        ]);
    }
    section.table(table);
    if r.losses.len() > MOST_LOSSES {
        section.text(format!("{} more ranges are not listed.", r.losses.len() - MOST_LOSSES));
    }
    let mut table =
        Table::new("Values whose state differs, reference -> candidate", ["value", "change", "frames"]);
    for v in &r.values {
        for (change, n) in &v.changed_states {
            table.row([people(v), change.clone(), n.to_string()]);
        }
    }
    section.table(table);
    if section.blocks.is_empty() {
        section.text("Nothing: every frame and every value of one run is in the other, in the same state.");
    }
    section
}
