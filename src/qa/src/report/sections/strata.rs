//! Where it goes well and where it does not: by size, by how sure the engine was, by how usual the picture is, by picture size.

use std::collections::BTreeMap;

use vesalius_measure::series::stats::quantile;

use crate::aggregate::{Better, MetricSummary, Sample, summarise};
use crate::report::document::{Section, Table};
use crate::report::scores::Row;
use crate::report::study::Study;
use crate::report::words::{Node, interval, number};
use crate::score::run::{Frame, Run};

/// Fewer frames than these are marked as few.
const FEW: usize = 10;
const THIRDS: [&str; 3] = ["lowest third", "middle third", "highest third"];

/// A way to take frames apart.
struct Way {
    name: &'static str,
    /// The group of each row; `None` where it cannot be told.
    of: Vec<Option<String>>,
}

pub(super) fn section(study: &Study) -> Section {
    let mut section = Section::new("strata", "Strata");
    match &study.scores {
        Some(scores) => {
            of_table(&mut section, Node(&scores.json));
            of_scores(&mut section, study, &scores.rows);
        }
        None => of_runs(&mut section, study),
    }
    section
}

fn few(n: usize) -> String {
    if n < FEW { format!("{n}, few") } else { n.to_string() }
}

/// The strata that the table of truth has, as the scoring has them.
fn of_table(section: &mut Section, score: Node<'_>) {
    let by = score.text("settings/by").to_owned();
    let mut table = Table::new(
        format!("By {by}"),
        ["stratum", "structure", "mean Dice", "interval", "mean NSD", "interval", "frames"],
    );
    for (name, structures) in score.members("strata") {
        for s in structures.0.as_array().into_iter().flatten().map(Node) {
            let metric = |name: &str| s.list("metrics").find(|m| m.text("name") == name);
            let figure = |name: &str| number(metric(name).and_then(|m| m.num("summary/mean")), 4);
            let of = |name: &str| interval(metric(name).and_then(|m| m.interval("summary/interval")), 4);
            let n = metric("dice").map_or(0, |m| m.count("summary/n_frames"));
            table.row([
                name.to_owned(),
                s.text("name").replace('_', " "),
                figure("dice"),
                of("dice"),
                figure("nsd"),
                of("nsd"),
                few(n),
            ]);
        }
    }
    section.table(table);
}

/// Values by thirds; `None` where nothing varies.
fn thirds(values: &[Option<f64>]) -> Option<Vec<Option<String>>> {
    let mut sorted: Vec<f64> = values.iter().copied().flatten().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = (quantile(&sorted, 1.0 / 3.0)?, quantile(&sorted, 2.0 / 3.0)?);
    if sorted.first() == sorted.last() {
        return None;
    }
    let third = |v: f64| THIRDS.get(usize::from(v > low) + usize::from(v > high)).copied();
    Some(values.iter().map(|v| v.and_then(third).map(str::to_owned)).collect())
}

fn size_of(frame: &Frame) -> Option<String> {
    let [width, height] = frame.size;
    (width > 0).then(|| format!("{width}×{height}"))
}

/// Groups of picture sizes, where there are a few.
fn picture_sizes(sizes: Vec<Option<String>>) -> Option<Way> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    sizes.iter().flatten().for_each(|s| *counts.entry(s).or_default() += 1);
    // Sizes of a picture or two each say nothing.
    let usual = counts.iter().max_by_key(|(_, n)| **n).map(|(s, _)| (*s).clone())?;
    let of = match counts.len() {
        0 | 1 => return None,
        2..=6 => sizes,
        _ => sizes
            .into_iter()
            .map(|s| s.map(|s| if s == usual { s } else { "other sizes".to_owned() }))
            .collect(),
    };
    Some(Way { name: "picture size", of })
}

fn of_scores(section: &mut Section, study: &Study, rows: &[Row]) {
    let mut structures: Vec<&str> = Vec::new();
    for row in rows {
        if !structures.contains(&row.structure.as_str()) {
            structures.push(&row.structure);
        }
    }
    for structure in structures {
        let some: Vec<&Row> = rows.iter().filter(|r| r.structure == structure).collect();
        let frames: Vec<Option<&Frame>> = some
            .iter()
            .map(|r| {
                let frames = &study.runs.get(r.run)?.frames;
                frames.binary_search_by_key(&r.frame, |f| f.number).ok().and_then(|i| frames.get(i))
            })
            .collect();
        let class = |r: &Row| study.runs.get(r.run)?.classes.iter().position(|c| c == structure);
        let confidence = |(r, f): (&&Row, &Option<&Frame>)| {
            (*f)?.confidence.get(class(r)?).copied().flatten().map(f64::from)
        };
        let confidences: Vec<Option<f64>> = some.iter().zip(&frames).map(confidence).collect();
        let sizes: Vec<Option<f64>> =
            some.iter().map(|r| (r.true_pixels > 0).then_some(r.true_pixels as f64)).collect();
        let unlike: Vec<Option<f64>> =
            frames.iter().map(|f| f.and_then(|f| f.unlikeness).map(f64::from)).collect();
        let ways = [
            thirds(&sizes).map(|of| Way { name: "true size", of }),
            thirds(&confidences).map(|of| Way { name: "confidence", of }),
            thirds(&unlike).map(|of| Way { name: "unlikeness", of }),
            picture_sizes(frames.iter().map(|f| f.and_then(size_of)).collect()),
        ];
        let head = ["by", "stratum", "mean Dice", "interval", "mean NSD", "interval", "frames"];
        let mut table = Table::new(structure.replace('_', " "), head);
        for way in ways.into_iter().flatten() {
            let mut groups: BTreeMap<&String, Vec<&Row>> = BTreeMap::new();
            for (group, row) in way.of.iter().zip(&some) {
                if let Some(group) = group {
                    groups.entry(group).or_default().push(row);
                }
            }
            let mut groups: Vec<_> = groups.into_iter().collect();
            groups.sort_by_key(|(name, _)| THIRDS.iter().position(|t| t == name));
            for (group, rows) in groups {
                let summary = |pick: fn(&Row) -> Option<f64>| -> Option<MetricSummary> {
                    let sample = |r: &&Row| Sample { patient: r.patient, video: r.video, value: pick(r) };
                    let samples: Vec<Sample> = rows.iter().map(sample).collect();
                    summarise(&samples, Better::Higher, &study.settings.bootstrap)
                };
                let (dice, nsd) = (summary(|r| r.dice), summary(|r| r.nsd));
                let mean = |s: &Option<MetricSummary>| number(s.as_ref().map(|s| s.mean), 4);
                let of = |s: &Option<MetricSummary>| interval(s.as_ref().and_then(|s| s.interval), 4);
                table.row([
                    way.name.to_owned(),
                    group.clone(),
                    mean(&dice),
                    of(&dice),
                    mean(&nsd),
                    of(&nsd),
                    few(dice.as_ref().map_or(0, |s| s.n_frames)),
                ]);
            }
        }
        section.table(table);
    }
    if !section.blocks.is_empty() {
        section.text("Confidence is the engine's own, unlikeness its distance of the picture from those of training; strata that overlap are not independent.");
    }
}

/// Without truth: how often structures are found and values are there.
fn of_runs(section: &mut Section, study: &Study) {
    let all: Vec<(&Run, &Frame)> =
        study.runs.iter().flat_map(|run| run.frames.iter().map(move |f| (run, f))).collect();
    let unlike: Vec<Option<f64>> = all.iter().map(|(_, f)| f.unlikeness.map(f64::from)).collect();
    let sharp = |f: &Frame| f.values.iter().find(|v| &*v.name == "sharpness").and_then(|v| v.value);
    let sharpness: Vec<Option<f64>> = all.iter().map(|(_, f)| sharp(f)).collect();
    let ways = [
        thirds(&unlike).map(|of| Way { name: "unlikeness", of }),
        thirds(&sharpness).map(|of| Way { name: "sharpness", of }),
        picture_sizes(all.iter().map(|(_, f)| size_of(f)).collect()),
    ];
    let head =
        ["by", "stratum", "frames", "with a result", "structures found a frame", "values with a number"];
    let mut table = Table::new("What was found and measured", head);
    for way in ways.into_iter().flatten() {
        let mut groups: BTreeMap<&String, [usize; 5]> = BTreeMap::new();
        for (group, (_, frame)) in way.of.iter().zip(&all) {
            let Some(group) = group else { continue };
            let [n, with, found, numbers, values] = groups.entry(group).or_default();
            *n += 1;
            *with += usize::from(frame.has_result);
            *found += frame.found.iter().filter(|f| **f).count();
            *numbers += frame.values.iter().filter(|v| v.usable().is_some()).count();
            *values += frame.values.len();
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(name, _)| THIRDS.iter().position(|t| t == name));
        for (group, [n, with, found, numbers, values]) in groups {
            table.row([
                way.name.to_owned(),
                group.clone(),
                few(n),
                crate::report::words::percent(with, n),
                number(found as f64 / n.max(1) as f64, 2),
                crate::report::words::percent(numbers, values),
            ]);
        }
    }
    section.table(table);
}
