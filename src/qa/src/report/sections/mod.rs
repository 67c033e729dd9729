//! What a report says, section by section.

mod agreement;
mod compared;
mod distributions;
mod excluded;
mod identity;
mod strata;
mod summary;
mod time;
pub mod worst;

use super::document::{Document, Section};
use super::pictures::Pictures;
use super::study::Study;
use super::values::gather;
use super::words::plural;

/// Puts a report together.
pub fn document(study: &Study, pictures: &Pictures) -> Document {
    let (values, of_objects) = gather(&study.runs);
    let sections: Vec<Option<Section>> = match &study.comparison {
        Some(comparison) => vec![
            compared::summary(comparison).some(),
            compared::agreement(comparison).some(),
            compared::distributions(comparison).some(),
            time::section(study, &values).some(),
            worst::section(study, pictures).some(),
            compared::losses(comparison).some(),
            identity::section(study).some(),
        ],
        None => vec![
            summary::section(study, &values).some(),
            agreement::section(study).some(),
            distributions::section(study, &values).some(),
            time::section(study, &values).some(),
            worst::section(study, pictures).some(),
            strata::section(study).some(),
            excluded::section(study, &values, of_objects).some(),
            identity::section(study).some(),
        ],
    };
    Document { title: title(study), lead: lead(study), sections: sections.into_iter().flatten().collect() }
}

fn engine(run: &crate::score::run::Run) -> String {
    let e = &run.engine;
    let precision = if e.precision.is_empty() { String::new() } else { format!(", {}", e.precision) };
    format!("{} {}{precision}", e.name, e.version)
}

fn title(study: &Study) -> String {
    if let Some(title) = &study.title {
        return title.clone();
    }
    let Some(first) = study.runs.first() else { return "Report".to_owned() };
    match &study.comparison {
        Some(c) => {
            format!("{} beside {}", c.candidate.first().map(engine).unwrap_or_default(), engine(first))
        }
        None if study.scores.is_some() => format!("{} against truth", engine(first)),
        None => engine(first),
    }
}

fn lead(study: &Study) -> Vec<String> {
    let frames = study.runs.iter().map(|r| r.frames.len()).sum();
    let begun = study.runs.iter().filter_map(|r| r.head.get("started_utc")?.as_str());
    let (first, last) = (begun.clone().min(), begun.max());
    let when = match (first, last) {
        (Some(first), Some(last)) if first == last => format!("; run at {first}"),
        (Some(first), Some(last)) => format!("; run from {first} to {last}"),
        _ => String::new(),
    };
    let inputs = match study.runs.as_slice() {
        [one] => one.input.clone(),
        many => plural(many.len(), "recording"),
    };
    vec![
        format!("{inputs}, {}{when}", plural(frames, "frame")),
        "Not for clinical use: no decision about a patient may rest on it.".to_owned(),
    ]
}
