//! The summary of one study: what was looked at, what was found, what was measured, how it agrees with truth.

use vesalius_measure::series::stats::median;

use crate::report::document::{Block, Outcome, Section, Table};
use crate::report::figure::histogram::short;
use crate::report::study::Study;
use crate::report::values::{Gathered, Key};
use crate::report::words::{NONE, Node, interval, number, percent, plural, unit};
use crate::score::run::{Frame, Run};

/// Metrics of the first table.
const METRICS: [(&str, &str); 4] = [("dice", "Dice"), ("nsd", "NSD"), ("hd95", "HD95"), ("hd100", "HD100")];

pub(super) fn section(study: &Study, values: &[(Key, Gathered)]) -> Section {
    let mut section = Section::new("summary", "Summary");
    frames(&mut section, &study.runs);
    if let Some(scores) = &study.scores {
        masks(&mut section, Node(&scores.json));
        true_values(&mut section, Node(&scores.json));
    }
    structures(&mut section, &study.runs);
    measured(&mut section, values);
    over_time(&mut section, &study.runs);
    section
}

fn frames(section: &mut Section, runs: &[Run]) {
    let all = || runs.iter().flat_map(|r| &r.frames);
    let (n, with) = (all().count(), all().filter(|f| f.has_result).count());
    let unlike = all().filter(|f| f.is_unlike).count();
    let outcome = if with == n && unlike == 0 { Outcome::Good } else { Outcome::Open };
    let mut text = format!("{with} of {} have a result", plural(n, "frame"));
    if unlike > 0 {
        text.push_str(&format!("; unlike the engine's training data, and so without a value: {unlike}"));
    }
    if n > with {
        text.push_str(&format!("; without one, and below why: {}", n - with));
    }
    section.blocks.push(Block::Verdict(outcome, text));
}

fn masks(section: &mut Section, score: Node<'_>) {
    let (unit_of, n_units) = (score.text("unit"), score.count("n_units"));
    let bootstrap = score.at("settings/bootstrap");
    section.text(format!(
        "Against {}: {} of {} scored, mean over {unit_of}s; intervals hold the truth {:.0} % of the time (BCa, {} draws of whole {unit_of}s).",
        score.text("truth"),
        plural(score.count("coverage/matched"), "frame"),
        plural(n_units, unit_of),
        100.0 * bootstrap.num("confidence").unwrap_or(0.95),
        bootstrap.count("resamples"),
    ));
    for note in score.list("notes") {
        section.note(note.0.as_str().unwrap_or(""));
    }
    let head = ["structure", "metric", "mean", "interval", "median", "worst tenth", "worst", "frames"];
    let mut table = Table::new("Agreement of masks", head);
    for s in score.list("structures") {
        for (name, label) in METRICS {
            let Some(metric) = s.list("metrics").find(|m| m.text("name") == name) else { continue };
            let digits = if metric.text("unit") == "1" { 4 } else { 2 };
            let figure = |path: &str| number(metric.num(&format!("summary/{path}")), digits);
            let suffix = match metric.text("unit") {
                "1" => String::new(),
                u => format!(", {}", unit(u)),
            };
            let label = match name {
                "nsd" => {
                    format!("NSD within {} {}", s.num("tolerance").unwrap_or(0.0), s.text("tolerance_unit"))
                }
                _ => format!("{label}{suffix}"),
            };
            table.row([
                s.text("name").to_owned(),
                label,
                figure("mean"),
                interval(metric.interval("summary/interval"), digits),
                figure("frame_median"),
                figure("frame_worst_decile"),
                figure("worst"),
                metric.count("summary/n_frames").to_string(),
            ]);
        }
    }
    section.table(table);
    let mut table = Table::new(
        "Found or missed, by frames",
        ["structure", "in both", "missed", "false alarm", "in neither", "sensitivity", "specificity"],
    );
    for s in score.list("structures") {
        let count = |path: &str| s.count(&format!("frames/{path}")).to_string();
        let share = |path: &str| {
            let node = s.at(path);
            match node.num("value") {
                Some(v) => format!("{v:.4} ({})", interval(node.interval("interval"), 4)),
                None => NONE.to_owned(),
            }
        };
        table.row([
            s.text("name").to_owned(),
            count("both"),
            count("truth_only"),
            count("prediction_only"),
            count("neither"),
            share("frame_sensitivity"),
            share("frame_specificity"),
        ]);
    }
    section.table(table);
}

fn true_values(section: &mut Section, score: Node<'_>) {
    let head = [
        "value",
        "unit",
        "pairs",
        "no value",
        "bias",
        "95 % limits of agreement",
        "mean absolute difference",
        "largest",
        "ICC(2,1)",
        "within the limit",
    ];
    let mut table = Table::new("Agreement of values, measured less true", head);
    for v in score.list("values") {
        let a = v.at("agreement");
        let with = |value: Option<f64>, i, digits: usize| match value {
            Some(v) => format!("{v:.digits$} ({})", interval(i, digits)),
            None => NONE.to_owned(),
        };
        let without: usize =
            v.members("without_value").map(|(_, n)| n.0.as_u64().unwrap_or(0) as usize).sum();
        let limit = match (v.num("limit/percent"), v.num("limit/absolute"), v.num("within_limit/value")) {
            (Some(limit), _, Some(share)) => format!("{:.1} % within {limit} %", 100.0 * share),
            (_, Some(limit), Some(share)) => {
                format!("{:.1} % within {limit} {}", 100.0 * share, unit(v.text("unit")))
            }
            _ => NONE.to_owned(),
        };
        table.row([
            v.text("name").replace('_', " "),
            unit(v.text("unit")).to_owned(),
            a.count("n_pairs").to_string(),
            without.to_string(),
            with(a.num("bias"), a.interval("bias_interval"), 2),
            interval(a.interval("limits"), 2),
            with(a.num("mae"), v.interval("mae_interval"), 2),
            number(a.num("max_absolute"), 2),
            with(a.num("icc/value"), a.interval("icc/interval"), 4),
            limit,
        ]);
    }
    section.table(table);
}

fn structures(section: &mut Section, runs: &[Run]) {
    let classes =
        runs.iter().find(|r| !r.classes.is_empty()).map(|r| r.classes.as_slice()).unwrap_or_default();
    let mut table = Table::new(
        "Structures",
        ["structure", "found in frames", "of those with a result", "median confidence", "withheld"],
    );
    let with_result: Vec<&Frame> = runs.iter().flat_map(|r| &r.frames).filter(|f| f.has_result).collect();
    for (i, name) in classes.iter().enumerate() {
        let found = with_result.iter().filter(|f| f.found.get(i) == Some(&true)).count();
        let confidence = |f: &&Frame| f.confidence.get(i).copied().flatten().map(f64::from);
        let mut confidences: Vec<f64> = with_result.iter().filter_map(confidence).collect();
        let withheld = with_result.iter().filter(|f| f.withheld.get(i).is_some_and(Option::is_some)).count();
        table.row([
            name.replace('_', " "),
            found.to_string(),
            percent(found, with_result.len()),
            number(median(&mut confidences), 3),
            withheld.to_string(),
        ]);
    }
    section.table(table);
}

fn measured(section: &mut Section, values: &[(Key, Gathered)]) {
    let head = [
        "value",
        "unit",
        "frames",
        "of these limited",
        "without",
        "median",
        "5th to 95th percentile",
        "mean",
        "SD",
    ];
    let mut table = Table::new("Values over all frames", head);
    for (key, g) in values {
        let spread = g.spread();
        let figure = |v: Option<f64>| v.map_or_else(|| NONE.to_owned(), short);
        table.row([
            key.label(),
            unit(&key.unit).to_owned(),
            g.numbers.len().to_string(),
            g.limited.to_string(),
            g.n_without().to_string(),
            figure(spread.map(|s| s.percentiles[1])),
            spread.map_or_else(
                || NONE.to_owned(),
                |s| format!("{} to {}", short(s.percentiles[0]), short(s.percentiles[2])),
            ),
            figure(spread.map(|s| s.mean)),
            figure(spread.and_then(|s| s.sd)),
        ]);
    }
    section.table(table);
}

/// Clips whose values over time are listed.
const MOST_CLIPS: usize = 200;

fn over_time(section: &mut Section, runs: &[Run]) {
    let head = ["value", "recording", "unit", "at the end", "standard uncertainty", "state"];
    let mut table = Table::new("Values over time, as they stand at the end of each recording", head);
    for run in runs.iter().filter(|r| r.is_clip).take(MOST_CLIPS) {
        let of_whole = |v: &&crate::score::run::RunValue| {
            vesalius_measure::track::TrackId::of_name(&v.structure).is_none()
        };
        for v in run.series.iter().filter(of_whole) {
            table.row([
                Key::of(v).label(),
                run.input.clone(),
                unit(&v.unit).to_owned(),
                v.usable().map_or_else(|| NONE.to_owned(), short),
                v.uncertainty.map_or_else(|| NONE.to_owned(), short),
                v.reason.as_ref().map_or_else(|| v.validity.to_string(), |r| format!("{}: {r}", v.validity)),
            ]);
        }
    }
    if let Some(block) = table.block() {
        section.blocks.push(Block::Details { summary: "Values over time".to_owned(), blocks: vec![block] });
    }
}
