//! What two runs are, and in what they differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::gates::Base;
use crate::score::run::{Engine, Run};

/// One of the two.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// Runs.
    pub n_runs: usize,
    /// Engine.
    pub engine: Engine,
    /// What ran it.
    pub backend: String,
    /// Software by name and version.
    pub software: BTreeMap<String, String>,
    /// When the first run began.
    pub started_utc: String,
    /// SHA-256 of the inputs, by name.
    pub inputs: BTreeMap<String, String>,
}

/// One thing in which the runs differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What, such as `engine.precision`.
    pub what: String,
    /// In the reference; empty where it says nothing.
    pub reference: String,
    /// In the candidate.
    pub candidate: String,
}

fn text(run: &Run, pointer: &str) -> String {
    run.head.pointer(pointer).map(plain).unwrap_or_default()
}

/// A value as people write it: text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// What a run's runs are; `None` of none.
pub fn side(runs: &[Run]) -> Option<Side> {
    let first = runs.first()?;
    let software = first.head.get("software").and_then(Value::as_object);
    Some(Side {
        n_runs: runs.len(),
        engine: first.engine.clone(),
        backend: text(first, "/engine/backend"),
        software: software.into_iter().flatten().map(|(k, v)| (k.clone(), plain(v))).collect(),
        started_utc: text(first, "/started_utc"),
        inputs: runs.iter().map(|r| (r.input.clone(), text(r, "/input/sha256"))).collect(),
    })
}

/// Every leaf of what two runs say of themselves that is not the same, by its path. When they began does not count, nor what
/// only says which files were written.
pub fn differences(reference: &Run, candidate: &Run) -> Vec<Difference> {
    const LEFT_OUT: [&str; 4] =
        ["started_utc", "configuration.annotated", "configuration.masks", "configuration.backend_why"];
    let [a, b] = [reference, candidate].map(|run| {
        let mut leaves = BTreeMap::new();
        flatten("", &run.head, &mut leaves);
        leaves
    });
    let all: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let of = |side: &BTreeMap<String, String>, key: &str| side.get(key).cloned().unwrap_or_default();
    all.into_iter()
        .filter(|key| a.get(*key) != b.get(*key) && !LEFT_OUT.contains(&key.as_str()))
        .map(|key| Difference { what: key.clone(), reference: of(&a, key), candidate: of(&b, key) })
        .collect()
}

/// Every leaf of a value by its path.
pub fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            flatten(&path, value, leaves);
        }),
        Value::Null => {}
        leaf => {
            leaves.insert(path.to_owned(), plain(leaf));
        }
    }
}

/// The usual gates that suit what differs, and why.
pub fn suited(runs: &[Vec<Run>; 2]) -> (Base, &'static str) {
    let [Some(a), Some(b)] = [runs[0].first(), runs[1].first()] else {
        return (Base::F16, "nothing is known of the runs");
    };
    let same = |pointer: &str| a.head.pointer(pointer) == b.head.pointer(pointer);
    if b.engine.precision == "int8" && a.engine.precision != "int8" {
        (Base::Int8, "the candidate runs in int8")
    } else if a.engine == b.engine
        && same("/engine/backend")
        && same("/software")
        && same("/configuration/protocol")
    {
        (Base::Exact, "engine, backend, software and protocol are the same")
    } else {
        (Base::F16, "engine, backend, software or protocol differ")
    }
}
