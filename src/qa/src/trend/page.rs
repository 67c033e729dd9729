//! A patient's course for people: as lines, and as a page.

use std::fmt::Write;

use super::change::{Change, Verdict};
use super::{Followed, Trend};
use crate::report::document::{Block, Document, Outcome, Section, Table};
use crate::report::figure::Figure;
use crate::report::figure::axis::Axis;
use crate::report::figure::histogram::short;
use crate::report::figure::plot::{Labels, Plot};
use crate::report::words::{NONE, number, plural, unit, with_unit};
use crate::score::settings::Limit;

fn label(v: &Followed) -> String {
    crate::report::values::label(&v.structure, &v.name)
}

/// The course as lines: what changed from the first date to the last.
pub fn text(trend: &Trend) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut out, trend);
    out
}

fn write_text(out: &mut String, trend: &Trend) -> std::fmt::Result {
    let labels: Vec<&str> = trend.visits.iter().map(|v| v.label.as_str()).collect();
    writeln!(out, "{} dates: {}", labels.len(), labels.join(", "))?;
    for note in &trend.notes {
        writeln!(out, "note: {note}")?;
    }
    for v in &trend.values {
        let values: Vec<String> =
            v.standings.iter().map(|s| s.value.map_or_else(|| NONE.to_owned(), short)).collect();
        let Some(last) = v.from_first.last() else { continue };
        let why = if last.why.is_empty() { String::new() } else { format!(" ({})", last.why) };
        writeln!(
            out,
            "  {:<36} {} {:<4} {}{why}",
            label(v),
            values.join(" → "),
            unit(&v.unit),
            last.verdict.text()
        )?;
    }
    for rule in &trend.rules {
        let met = match rule.is_met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "cannot be told: not all it asks for was measured",
        };
        writeln!(
            out,
            "{}, {}, {} to {}: {met}",
            rule.rule, rule.structure, rule.between[0], rule.between[1]
        )?;
    }
    Ok(())
}

/// The course as a page.
pub fn document(trend: &Trend, title: Option<&str>) -> Document {
    let first = trend.visits.first().map_or("", |v| v.label.as_str());
    let last = trend.visits.last().map_or("", |v| v.label.as_str());
    Document {
        title: title.map_or_else(|| format!("Course from {first} to {last}"), ToOwned::to_owned),
        lead: vec![
            format!(
                "{}; that all are of one patient is the word of whoever asked",
                plural(trend.visits.len(), "date")
            ),
            "Not for clinical use: no decision about a patient may rest on it.".to_owned(),
        ],
        sections: vec![summary(trend), values(trend), how(trend), identity(trend)],
    }
}

fn summary(trend: &Trend) -> Section {
    let mut section = Section::new("summary", "Summary");
    for note in &trend.notes {
        section.note(note.clone());
    }
    for rule in &trend.rules {
        let between =
            format!("{}, {} to {}", rule.structure.replace('_', " "), rule.between[0], rule.between[1]);
        let (outcome, word) = match rule.is_met {
            Some(true) => (Outcome::Bad, "met"),
            Some(false) => (Outcome::Good, "not met"),
            None => (Outcome::Open, "cannot be told: not all it asks for was measured"),
        };
        section.blocks.push(Block::Verdict(outcome, format!("{} ({between}): {word}", rule.rule)));
    }
    let head = ["value", "unit", "first", "last", "change", "in per cent", "first to last", "why"];
    let mut table = Table::new("From the first date to the last", head);
    for v in &trend.values {
        let Some(change) = v.from_first.last() else { continue };
        let value =
            |s: Option<&super::Standing>| s.and_then(|s| s.value).map_or_else(|| NONE.to_owned(), short);
        table.row([
            label(v),
            unit(&v.unit).to_owned(),
            value(v.standings.first()),
            value(v.standings.last()),
            signed(change.difference, 3),
            signed(change.percent, 1),
            verdict(change),
            change.why.clone(),
        ]);
    }
    section.table(table);
    section
}

fn signed(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |v| format!("{v:+.digits$}"))
}

fn verdict(change: &Change) -> String {
    let sign = match change.verdict {
        Verdict::RealChange => "▲",
        Verdict::NoChange => "=",
        Verdict::CannotTell => "?",
    };
    let sign = if change.verdict == Verdict::RealChange && change.difference.is_some_and(|d| d < 0.0) {
        "▼"
    } else {
        sign
    };
    format!("{sign} {}", change.verdict.text())
}

fn values(trend: &Trend) -> Section {
    let mut section = Section::new("values", "Values, date by date");
    for v in &trend.values {
        let name = label(v);
        let mut blocks: Vec<Block> = figure(trend, v).map(Block::Figure).into_iter().collect();
        let head = [
            "date",
            "value",
            "standard uncertainty",
            "frames",
            "state",
            "from the last date",
            "from the first",
            "real beyond",
        ];
        let mut table = Table::new(with_unit(&name, &v.unit), head);
        for (i, (visit, s)) in trend.visits.iter().zip(&v.standings).enumerate() {
            let of = |changes: &[Change]| {
                let Some(change) = i.checked_sub(1).and_then(|i| changes.get(i)) else {
                    return String::new();
                };
                format!("{} {}", signed(change.difference, 3), verdict(change))
            };
            let beyond = i.checked_sub(1).and_then(|i| v.from_first.get(i)).and_then(|c| c.real_beyond);
            table.row([
                visit.label.clone(),
                s.value.map_or_else(|| NONE.to_owned(), short),
                s.uncertainty.map_or_else(|| NONE.to_owned(), short),
                s.n_frames.map_or_else(|| "over time".to_owned(), |n| n.to_string()),
                s.reason
                    .clone()
                    .unwrap_or_else(|| if s.value.is_some() { "valid" } else { "not measured" }.to_owned()),
                of(&v.from_last),
                of(&v.from_first),
                number(beyond, 3),
            ]);
        }
        blocks.extend(table.block());
        section.blocks.push(Block::Heading(name));
        section.blocks.extend(blocks);
    }
    section
}

/// The value over the dates, with its own 95 % interval and the limits around the first.
fn figure(trend: &Trend, v: &Followed) -> Option<Figure> {
    let at =
        |i: usize| trend.visits.get(i).and_then(|visit| visit.day).map_or(i as f64 + 1.0, |day| day as f64);
    let points: Vec<(f64, f64, f64)> = v
        .standings
        .iter()
        .enumerate()
        .filter_map(|(i, s)| Some((at(i), s.value?, 1.96 * s.uncertainty.unwrap_or(0.0))))
        .collect();
    let (_, base, _) = *points.first()?;
    let limits = v.from_first.iter().find_map(|c| c.same_within.zip(c.real_beyond));
    let ends = points.iter().flat_map(|p| [p.1 - p.2, p.1 + p.2]);
    let around = limits.into_iter().flat_map(|(_, real)| [base - real, base + real]);
    let y = Axis::of(ends.chain(around), 5)?;
    let x = Axis::of(points.iter().map(|p| p.0), 7)?;
    let title = format!("{} over the dates", label(v));
    let first = trend.visits.first()?;
    let days =
        if first.day.is_some() { format!("days since {}", first.label) } else { "examination".to_owned() };
    let axis = with_unit(&v.name.replace('_', " "), &v.unit);
    let mut plot = Plot::new(Labels { title: &title, x: &days, y: &axis }, (640.0, 240.0), 0.0, x, y);
    if let Some((same, real)) = limits {
        plot.band(base - same, base + same, "c");
        plot.level(base + real, "b dash", "real change beyond");
        plot.level(base - real, "b dash", "");
    }
    let line: Vec<(f64, f64)> = points.iter().map(|p| (p.0, p.1)).collect();
    plot.curve(&line, "a");
    for &(x, y, reach) in &points {
        plot.line((x, y - reach), (x, y + reach), "a");
    }
    plot.points(&line, "a");
    let caption = match limits {
        Some(_) => format!(
            "{title}. Bars: the measurement's own 95 %. Band: no change from the first. Dashed: beyond, a real change."
        ),
        None => format!(
            "{title}. Bars: the measurement's own 95 %. How far it differs without a change is not known."
        ),
    };
    Some(Figure { title, caption, svg: plot.finish() })
}

fn how(trend: &Trend) -> Section {
    let mut section = Section::new("how", "How it is told");
    section.text("A change is real where it is beyond what measurements of an unchanged structure by different observers differ by in routine, 95 % of them. It is none where it is within what careful measurements with one procedure differ by. Between the two it cannot be told. Neither limit is ever less than 1.96 times the uncertainty of the difference. Values with a reservation, in pixels, or by different engines or protocols are not judged.");
    let mut table = Table::new(
        "What a value differs by without a change",
        ["value", "careful", "in routine", "from", "caution"],
    );
    let text = |limit: Limit, unit_of: &str| match limit {
        Limit::Absolute(v) => format!("±{v} {}", unit(unit_of)),
        Limit::Percent(v) => format!("±{v} %"),
    };
    for v in &trend.values {
        if let Some(error) = &v.error {
            table.row([
                label(v),
                error.repeated.map_or_else(|| NONE.to_owned(), |limit| text(limit, &v.unit)),
                text(error.between, &v.unit),
                error.source.to_owned(),
                error.caution.unwrap_or("").to_owned(),
            ]);
        }
    }
    section.table(table);
    section
}

fn identity(trend: &Trend) -> Section {
    let mut section = Section::new("identity", "Configuration and identity");
    let mut table = Table::new("The runs", ["date", "recordings", "engine", "protocol", "model's SHA-256"]);
    for visit in &trend.visits {
        table.row([
            visit.label.clone(),
            visit.inputs.join(", "),
            visit.engine.clone(),
            visit.protocol.clone(),
            visit.engine_sha256.clone(),
        ]);
    }
    section.table(table);
    section.text(format!("This page was made by vesalius {}.", trend.software));
    section
}
