//! The frames to look at first.

use crate::compare::masks::Presence;
use crate::report::document::{Block, Section, Table};
use crate::report::pictures::{Pictures, Shot, path};
use crate::report::study::{Comparison, Study};
use crate::report::words::{number, plural};
use crate::score::label_png;
use crate::score::run::{Frame, Run};

/// Frames of a structure that are shown.
const WORST: usize = 20;

/// A frame to look at.
#[derive(Clone, Debug)]
pub struct Look {
    /// Number of the run.
    pub run: usize,
    /// Number of the frame in it.
    pub frame: u64,
    /// Structure by name.
    structure: String,
    /// What stands below it.
    caption: String,
    /// Of a comparison, the run of the candidate and the number of the frame there.
    candidate: Option<(usize, u64)>,
}

/// The frames to look at, structure by structure.
pub fn looks(study: &Study) -> Vec<Look> {
    match (&study.comparison, &study.scores) {
        (Some(comparison), _) => of_comparison(study, comparison),
        (None, Some(_)) => of_scores(study),
        (None, None) => of_runs(study),
    }
}

fn frame_of(run: &Run, number: u64) -> Option<&Frame> {
    run.frames.iter().find(|f| f.number == number)
}

fn of_scores(study: &Study) -> Vec<Look> {
    let Some(scores) = &study.scores else { return Vec::new() };
    let mut structures: Vec<&str> = Vec::new();
    for row in &scores.rows {
        if !structures.contains(&row.structure.as_str()) {
            structures.push(&row.structure);
        }
    }
    let mut looks = Vec::new();
    for structure in structures {
        let mut rows: Vec<_> =
            scores.rows.iter().filter(|r| r.structure == structure && r.nsd.is_some()).collect();
        rows.sort_by(|a, b| {
            let (a, b) = (
                (a.nsd.unwrap_or(0.0), -a.hd100.unwrap_or(0.0)),
                (b.nsd.unwrap_or(0.0), -b.hd100.unwrap_or(0.0)),
            );
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        looks.extend(rows.into_iter().take(WORST).map(|r| {
            let presence = match r.presence.as_str() {
                "truth_only" => "missed, ",
                "prediction_only" => "false alarm, ",
                _ => "",
            };
            let figures = format!(
                "{presence}NSD {}, Dice {}, HD100 {}",
                number(r.nsd, 3),
                number(r.dice, 3),
                number(r.hd100, 1)
            );
            Look {
                run: r.run,
                frame: r.frame,
                structure: structure.to_owned(),
                caption: format!("{}: {figures}", place(&study.runs, r.run, &r.input, r.frame)),
                candidate: None,
            }
        }));
    }
    looks
}

fn place(runs: &[Run], run: usize, input: &str, frame: u64) -> String {
    match runs.get(run) {
        Some(run) if run.is_clip => format!("{input} frame {frame}"),
        Some(run) if runs.len() > 1 => format!("{}/{input}", run.input),
        _ => input.to_owned(),
    }
}

/// Without truth: those of which the engine was least sure.
fn of_runs(study: &Study) -> Vec<Look> {
    let classes =
        study.runs.iter().find(|r| !r.classes.is_empty()).map(|r| r.classes.as_slice()).unwrap_or_default();
    let mut looks = Vec::new();
    for (class, structure) in classes.iter().enumerate() {
        let mut frames: Vec<(f32, usize, &Frame)> = Vec::new();
        for (number, run) in study.runs.iter().enumerate() {
            let confidence = |f: &Frame| f.confidence.get(class).copied().flatten();
            frames.extend(run.frames.iter().filter_map(|f| Some((confidence(f)?, number, f))));
        }
        frames.sort_by(|a, b| a.0.total_cmp(&b.0));
        looks.extend(frames.into_iter().take(WORST).map(|(confidence, run, frame)| Look {
            run,
            frame: frame.number,
            structure: structure.clone(),
            caption: format!(
                "{}: confidence {confidence:.3}{}",
                place(&study.runs, run, &frame.input, frame.number),
                if frame.is_unlike { ", unlike training" } else { "" }
            ),
            candidate: None,
        }));
    }
    looks
}

fn of_comparison(study: &Study, comparison: &Comparison) -> Vec<Look> {
    let report = &comparison.compared.report;
    let run_of = |runs: &[Run], input: &str, frame: u64| {
        let has = |run: &Run| frame_of(run, frame).is_some_and(|f| f.input == input);
        runs.iter().position(has)
    };
    let mut looks = Vec::new();
    for s in &report.structures {
        looks.extend(s.worst.iter().filter_map(|w| {
            let run = run_of(&study.runs, &w.input, w.reference_frame)?;
            let candidate = run_of(&comparison.candidate, &w.input, w.candidate_frame);
            let presence = match w.presence {
                Presence::ReferenceOnly => "in the reference alone, ",
                Presence::CandidateOnly => "in the candidate alone, ",
                Presence::Both | Presence::Neither => "",
            };
            let figures = format!(
                "{presence}Dice {}, HD100 {}, area {} %",
                number(w.dice, 4),
                number(w.hd100, 1),
                number(w.area_percent, 2)
            );
            Some(Look {
                run,
                frame: w.reference_frame,
                structure: s.structure.name.clone(),
                caption: format!("{}: {figures}", place(&study.runs, run, &w.input, w.reference_frame)),
                candidate: candidate.map(|run| (run, w.candidate_frame)),
            })
        }));
    }
    looks
}

pub(super) fn section(study: &Study, pictures: &Pictures) -> Section {
    let mut section = Section::new("worst", "Frames to look at first");
    let all = looks(study);
    if all.is_empty() {
        return section;
    }
    let (what, lines) = match (&study.comparison, &study.scores) {
        (Some(_), _) => {
            ("the lowest Dice of the two masks", "Solid blue: the candidate. Dashed yellow: the reference.")
        }
        (None, Some(_)) => {
            ("the lowest NSD, then the largest HD100", "Solid blue: the run. Dashed yellow: truth.")
        }
        (None, None) => ("the lowest confidence of the engine", "Solid blue: the run."),
    };
    section.text(format!("Of each structure up to {WORST} frames, by {what}. {lines}"));
    if pictures.is_empty() {
        section.note("Without pictures: give the recordings with --pictures to have the outlines over them.");
    }
    let mut structures: Vec<&str> = all.iter().map(|l| l.structure.as_str()).collect();
    structures.dedup();
    for structure in structures {
        let of: Vec<&Look> = all.iter().filter(|l| l.structure == structure).collect();
        let shots: Vec<Shot> = of.iter().filter_map(|look| shot(study, look, pictures)).collect();
        let name = structure.replace('_', " ");
        let summary = format!("{name}: {}", plural(of.len(), "frame"));
        let block = if shots.is_empty() {
            let mut table = Table::new(format!("{name}, the worst first"), ["frame"]);
            of.iter().for_each(|look| table.row([look.caption.clone()]));
            Block::Table(table)
        } else {
            Block::Pictures(shots)
        };
        section.blocks.push(Block::Details { summary, blocks: vec![block] });
    }
    section
}

/// A frame with its outlines; `None` where there is neither a picture nor a mask.
fn shot(study: &Study, look: &Look, pictures: &Pictures) -> Option<Shot> {
    let run = study.runs.get(look.run)?;
    let frame = frame_of(run, look.frame)?;
    let class = |run: &Run, name: &str| {
        let place = run.classes.iter().position(|c| c == name)?;
        u8::try_from(place + 1).ok()
    };
    let own = class(run, &look.structure).unwrap_or(1);
    // A mask that is not there or cannot be read is no outline; scoring has said what is wrong with it.
    let mask = label_png::read(&run.mask(frame)).ok();
    let mut size = mask.as_ref().map(|m| [m.width, m.height]);
    let mut outlines = Vec::new();
    match (&study.comparison, look.candidate) {
        (Some(comparison), Some((number, frame))) => {
            outlines.extend(mask.map(|m| ("true", path(&m, own))));
            let other = comparison.candidate.get(number)?;
            let called = comparison
                .compared
                .report
                .structures
                .iter()
                .find(|s| s.structure.name == look.structure)
                .map(|s| s.structure.candidate_index);
            let mask = frame_of(other, frame).and_then(|f| label_png::read(&other.mask(f)).ok());
            outlines.extend(mask.map(|m| ("is", path(&m, called.unwrap_or(own)))));
        }
        _ => {
            outlines.extend(mask.map(|m| ("is", path(&m, own))));
            let truth = study.truth_masks.get(&(look.run, look.frame));
            if let Some(mut mask) = truth.and_then(|path| label_png::read(path).ok()) {
                size = size.or(Some([mask.width, mask.height]));
                study.settings.rename(&mut mask);
                outlines.push(("true", path(&mask, own)));
            }
        }
    }
    outlines.retain(|(_, path)| !path.is_empty());
    let picture = pictures.get(&(look.run, look.frame)).cloned();
    let [width, height] = frame.size;
    let said = (width > 0 && height > 0).then_some([width as usize, height as usize]);
    let size = size.or(said)?;
    if picture.is_none() && outlines.is_empty() {
        return None;
    }
    let title = format!("{}, {}", look.structure.replace('_', " "), look.caption);
    Some(Shot { caption: look.caption.clone(), title, size, picture, outlines })
}
