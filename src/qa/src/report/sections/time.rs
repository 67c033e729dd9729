//! Values over time, with beats and states.

use std::collections::{BTreeMap, BTreeSet};

use vesalius_measure::track::TrackId;

use crate::report::document::{Block, Section, Table};
use crate::report::figure::Figure;
use crate::report::figure::curve::{Curve, Instants, State, curve};
use crate::report::scores::Row;
use crate::report::study::Study;
use crate::report::values::{Gathered, Key, over_time};
use crate::report::words::{Node, number, with_unit};
use crate::score::run::Run;
use crate::stats::mean;

/// Recordings that are drawn, and values of each.
const MOST_RECORDINGS: usize = 200;
const MOST_VALUES: usize = 6;
/// States of a recording that are shown.
const MOST_STATES: usize = 8;
/// A recording of these few is open from the start.
const OPEN: usize = 1;

pub(super) fn section(study: &Study, values: &[(Key, Gathered)]) -> Section {
    let mut section = Section::new("time", "Over time");
    steadiness(&mut section, study);
    let clips: Vec<(usize, &Run)> = study.runs.iter().enumerate().filter(|(_, run)| run.is_clip).collect();
    let keys: Vec<&Key> = values.iter().filter(|(_, g)| g.numbers.len() > 1).map(|(key, _)| key).collect();
    for &(number, run) in clips.iter().take(MOST_RECORDINGS) {
        let figures = recording(study, number, run, &keys);
        if figures.is_empty() {
            continue;
        }
        let blocks: Vec<Block> = figures.into_iter().map(Block::Figure).collect();
        if clips.len() <= OPEN {
            section.heading(run.input.clone());
            section.blocks.extend(blocks);
        } else {
            section.blocks.push(Block::Details { summary: run.input.clone(), blocks });
        }
    }
    if clips.len() > MOST_RECORDINGS {
        section.note(format!("{} more recordings are not drawn.", clips.len() - MOST_RECORDINGS));
    }
    if clips.iter().any(|(_, run)| values_of(run, &keys).count() > MOST_VALUES) {
        section.note(format!(
            "Of each recording the first {MOST_VALUES} values are drawn; measurements.csv has all."
        ));
    }
    section
}

fn values_of<'a>(run: &'a Run, keys: &'a [&'a Key]) -> impl Iterator<Item = &'a Key> {
    let named: BTreeSet<Key> = run
        .frames
        .iter()
        .flat_map(|f| &f.values)
        .filter(|v| TrackId::of_name(&v.structure).is_none() && v.usable().is_some())
        .map(Key::of)
        .collect();
    keys.iter().copied().filter(move |key| named.contains(*key))
}

fn recording(study: &Study, number: usize, run: &Run, keys: &[&Key]) -> Vec<Figure> {
    let instants: Vec<Instants> = run
        .instants
        .iter()
        .map(|(name, at_s)| Instants { name: name.to_string(), at_s: at_s.clone() })
        .collect();
    let states = states(run);
    let other = study.comparison.as_ref().and_then(|c| {
        let paired = c.candidate.iter().find(|other| other.input == run.input);
        paired.map(|run| ("the candidate", run))
    });
    let mut figures = areas(study, number, &instants, &states);
    for key in values_of(run, keys).take(MOST_VALUES) {
        let label = key.label();
        figures.extend(curve(&Curve {
            title: format!("{label}, {}", run.input),
            label: with_unit(if label.len() < 24 { &label } else { "value" }, &key.unit),
            values: over_time(run, key),
            other: other.map(|(name, run)| (name, over_time(run, key))),
            instants: &instants,
            states: &states,
        }));
    }
    figures
}

/// Predicted beside true areas of a scored recording.
fn areas(study: &Study, run: usize, instants: &[Instants], states: &[State]) -> Vec<Figure> {
    let Some(scores) = &study.scores else { return Vec::new() };
    let mut structures: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in scores.rows.iter().filter(|row| row.run == run) {
        structures.entry(&row.structure).or_default().push(row);
    }
    let of = |name: &str, rows: &[&Row]| {
        let name = name.replace('_', " ");
        let area = |pick: fn(&Row) -> u64| rows.iter().map(|row| (row.time_s, pick(row) as f64)).collect();
        curve(&Curve {
            title: format!("area of {name}"),
            label: "area, px²".to_owned(),
            values: area(|row| row.predicted_pixels),
            other: Some(("truth", area(|row| row.true_pixels))),
            instants,
            states,
        })
    };
    structures.iter().filter_map(|(name, rows)| of(name, rows)).collect()
}

/// What held when: frames without a result by their reason, pictures unlike training, structures withheld or not found.
fn states(run: &Run) -> Vec<State> {
    let mut states: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let step = match run.frames.as_slice() {
        [first, .., last] => (last.at_s - first.at_s) / (run.frames.len() - 1) as f64,
        _ => 0.0,
    };
    for (i, frame) in run.frames.iter().enumerate() {
        let until = run.frames.get(i + 1).map_or(frame.at_s + step, |next| next.at_s);
        let mut hold = |name: String| {
            let spans = states.entry(name).or_default();
            match spans.last_mut().filter(|span| (span.1 - frame.at_s).abs() < 1e-9) {
                Some(span) => span.1 = until,
                None => spans.push((frame.at_s, until)),
            }
        };
        if !frame.has_result {
            hold(format!("no result: {}", frame.reason.as_deref().unwrap_or("unknown")));
            continue;
        }
        if frame.is_unlike {
            hold("unlike training".to_owned());
        }
        for (class, _) in run.classes.iter().zip(&frame.found).filter(|(_, found)| !**found) {
            hold(format!("{} not found", class.replace('_', " ")));
        }
        for (class, why) in run.classes.iter().zip(&frame.withheld) {
            if let Some(why) = why.as_ref().filter(|_| !frame.is_unlike) {
                hold(format!("{} withheld: {why}", class.replace('_', " ")));
            }
        }
    }
    // What was never found is no state: the summary says so.
    let never = |class: usize| !run.frames.iter().any(|f| f.found.get(class) == Some(&true));
    for (_, class) in run.classes.iter().enumerate().filter(|(i, _)| never(*i)) {
        states.remove(&format!("{} not found", class.replace('_', " ")));
    }
    states.into_iter().take(MOST_STATES).map(|(name, spans)| State { name, spans }).collect()
}

/// Names in `score.json`, heads, and digits of what is averaged over recordings; shares are in per cent.
const MEANS: [(&str, &str, usize); 7] = [
    ("consecutive_dice", "Dice of neighbours", 4),
    ("truth_consecutive_dice", "of true ones", 4),
    ("moved_iou", "IoU moved along", 4),
    ("truth_moved_iou", "of true ones", 4),
    ("odd_frames", "odd frames, %", 1),
    ("orientation_second_difference_deg", "axis, °", 1),
    ("flicker_per_min", "on/off per min", 1),
];

fn figure(clip: Node<'_>, name: &str) -> Option<f64> {
    let factor = if name == "odd_frames" { 100.0 } else { 1.0 };
    clip.num(name).map(|v| factor * v)
}

fn steadiness(section: &mut Section, study: &Study) {
    let Some(scores) = &study.scores else { return };
    let head = |second: &str| {
        let means = MEANS.iter().map(|(_, head, _)| (*head).to_owned());
        let fixed = ["structure".to_owned(), second.to_owned()];
        fixed.into_iter().chain(means).chain(["gaps over 0.2 s".to_owned()]).collect::<Vec<_>>()
    };
    let caption = "From frame to frame, mean over recordings that show the structure; odd frames lie off the line between their neighbours by more than a tenth of the mean area";
    let mut means = Table { caption: caption.to_owned(), head: head("recordings"), rows: Vec::new() };
    let mut each = Table {
        caption: "From frame to frame, by recording".to_owned(),
        head: head("recording")
            .into_iter()
            .chain(["frames", "jitter, %", "delay, ms"].map(str::to_owned))
            .collect(),
        rows: Vec::new(),
    };
    for s in Node(&scores.json).list("structures") {
        let name = s.text("name").replace('_', " ");
        // Of what is neither in truth nor in the prediction there is nothing to be steady.
        let is_there = |t: &Node<'_>| t.num("consecutive_dice").or(t.num("truth_consecutive_dice")).is_some();
        let clips: Vec<Node<'_>> = s.list("temporal").filter(is_there).collect();
        if clips.is_empty() {
            continue;
        }
        let mut row = vec![name.clone(), clips.len().to_string()];
        row.extend(MEANS.iter().map(|&(key, _, digits)| {
            let known: Vec<f64> = clips.iter().filter_map(|t| figure(*t, key)).collect();
            number(mean(&known), digits)
        }));
        row.push(clips.iter().map(|t| t.count("drop_outs")).sum::<usize>().to_string());
        means.rows.push(row);
        for t in clips {
            let mut row = vec![name.clone(), t.text("input").to_owned()];
            row.extend(MEANS.iter().map(|&(key, _, digits)| number(figure(t, key), digits)));
            row.extend([
                t.count("drop_outs").to_string(),
                t.count("n_frames").to_string(),
                number(t.num("jitter_percent"), 2),
                number(t.num("lag_ms"), 0),
            ]);
            each.rows.push(row);
        }
    }
    section.table(means);
    if let Some(block) = each.block() {
        section.blocks.push(Block::Details { summary: "By recording".to_owned(), blocks: vec![block] });
    }
}
