//! One patient at several dates: what has changed, against what measuring again would change.
//!
//! * [`date`]: when; [`limits`]: by how much a value differs when nothing has changed; [`change`]: the three answers;
//! * [`page`]: all of it for people.
//!
//! That the runs are of one patient is the word of whoever asks: runs do not know whom they are of.

pub mod change;
pub mod date;
pub mod limits;
pub mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;
use vesalius_measure::series::stats::median;
use vesalius_measure::track::TrackId;

use crate::report::values::Key;
use crate::score::run::{Run, RunValue};
use crate::score::{ScoreError, Settings};
use change::{Change, Standing, judge};
use date::Date;
use limits::Error;

/// What can be wrong with runs that are to be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrendError {
    /// A run cannot be read.
    #[error(transparent)]
    Run(#[from] ScoreError),
    /// One date alone.
    #[error(
        "one run alone shows no change: give two or more, each as DATE=RUN, such as 2026-03-01=out/march"
    )]
    One,
    /// Dates are missing.
    #[error(
        "'{0}' has no date and others have one: write all as DATE=RUN, such as 2026-03-01=out/march, or none"
    )]
    Undated(String),
    /// Two runs of one date.
    #[error("two runs are dated {0}: put the runs of one date into one folder, and give that")]
    SameDate(String),
    /// A date that is none.
    #[error("'{0}' begins with no day that there is: write DATE=RUN as in 2026-03-01=out/march")]
    Date(String),
    /// Nothing to follow.
    #[error("no value is measured at two dates: give runs in which the same structure is measured")]
    Nothing,
}

/// One date.
#[derive(Clone, Debug, Serialize)]
pub struct Visit {
    /// The date, or the number in the order given.
    pub label: String,
    /// Days since the first date; `None` where no dates are known.
    pub day: Option<i64>,
    /// What was looked at, and with which engine.
    pub inputs: Vec<String>,
    /// Engine, version and precision.
    pub engine: String,
    /// SHA-256 of the model.
    pub engine_sha256: String,
    /// What is measured.
    pub protocol: String,
}

/// One value over the dates.
#[derive(Clone, Debug, Serialize)]
pub struct Followed {
    /// Structure; empty for the whole picture.
    pub structure: String,
    /// Name.
    pub name: String,
    /// Unit, as UCUM code.
    pub unit: String,
    /// By how much it differs when nothing has changed.
    pub error: Option<Error>,
    /// As it stands at each date.
    pub standings: Vec<Standing>,
    /// From each date to the next.
    pub from_last: Vec<Change>,
    /// From the first date to each later one.
    pub from_first: Vec<Change>,
}

/// A published rule of growth.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// The rule.
    pub rule: &'static str,
    /// Structure.
    pub structure: String,
    /// From which date to which.
    pub between: [String; 2],
    /// Whether it is met; `None` where what it asks for was not measured.
    pub is_met: Option<bool>,
}

/// One patient over several dates.
#[derive(Clone, Debug, Serialize)]
pub struct Trend {
    /// Always `trend`.
    pub record: &'static str,
    /// Version of this software.
    pub software: &'static str,
    /// The dates.
    pub visits: Vec<Visit>,
    /// The values.
    pub values: Vec<Followed>,
    /// Rules of growth, where the protocol has some.
    pub rules: Vec<Rule>,
    /// What should be known.
    pub notes: Vec<String>,
}

/// A run and its date, as given: `DATE=RUN` or `RUN`.
fn dated(text: &str) -> Result<(Option<Date>, PathBuf), TrendError> {
    let Some((date, path)) = text.split_once('=') else { return Ok((None, text.into())) };
    match Date::parse(date) {
        Some(date) => Ok((Some(date), path.into())),
        // A path may have an equals sign of its own.
        None if PathBuf::from(text).exists() => Ok((None, text.into())),
        None => Err(TrendError::Date(text.to_owned())),
    }
}

/// Follows one patient through runs, each given as `DATE=RUN`, or all without dates in their order.
///
/// # Errors
///
/// [`TrendError`].
pub fn follow(runs: &[String], settings: &Settings) -> Result<Trend, TrendError> {
    let mut given = runs.iter().map(|text| dated(text)).collect::<Result<Vec<_>, _>>()?;
    if given.len() < 2 {
        return Err(TrendError::One);
    }
    if given.iter().any(|(date, _)| date.is_some()) {
        if let Some((_, path)) = given.iter().find(|(date, _)| date.is_none()) {
            return Err(TrendError::Undated(path.display().to_string()));
        }
        given.sort_by_key(|(date, _)| *date);
        for pair in given.windows(2) {
            if let [(Some(a), _), (Some(b), _)] = pair
                && a == b
            {
                return Err(TrendError::SameDate(a.to_string()));
            }
        }
    }
    let first_day = given.first().and_then(|(date, _)| *date).map(Date::days);
    let mut visits = Vec::new();
    let mut standings: Vec<BTreeMap<Key, Standing>> = Vec::new();
    let mut order: Vec<Key> = Vec::new();
    for (i, (date, path)) in given.iter().enumerate() {
        let runs = Run::read_all(path)?;
        visits.push(visit(
            &runs,
            date.map_or_else(|| format!("{}.", i + 1), |d| d.to_string()),
            date.and_then(|d| Some(d.days() - first_day?)),
        ));
        standings.push(stand(&runs, &mut order));
    }
    let values: Vec<Followed> =
        order.iter().filter_map(|key| followed(key, &visits, &standings, settings)).collect();
    if values.is_empty() {
        return Err(TrendError::Nothing);
    }
    let rules = rules(&visits, &values);
    let notes = notes(&visits, first_day.is_some());
    Ok(Trend { record: "trend", software: env!("CARGO_PKG_VERSION"), visits, values, rules, notes })
}

fn visit(runs: &[Run], label: String, day: Option<i64>) -> Visit {
    let first = runs.first();
    let protocol = first.and_then(|run| {
        let named = run.head.pointer("/configuration/protocol/protocol");
        named.or_else(|| run.head.pointer("/engine/protocol"))?.as_str().map(ToOwned::to_owned)
    });
    let engine =
        first.map(|run| format!("{} {} {}", run.engine.name, run.engine.version, run.engine.precision));
    Visit {
        label,
        day,
        inputs: runs.iter().map(|run| run.input.clone()).collect(),
        engine: engine.unwrap_or_default().trim().to_owned(),
        engine_sha256: first.map(|run| run.engine.sha256.clone()).unwrap_or_default(),
        protocol: protocol.unwrap_or_default(),
    }
}

/// Every value of the runs of one date: of frames the median, of values over time as they stand at the end.
fn stand(runs: &[Run], order: &mut Vec<Key>) -> BTreeMap<Key, Standing> {
    let of_whole = |v: &&RunValue| TrackId::of_name(&v.structure).is_none();
    let mut frames: BTreeMap<Key, Vec<&RunValue>> = BTreeMap::new();
    let mut ends: BTreeMap<Key, Vec<&RunValue>> = BTreeMap::new();
    for run in runs {
        for v in run.series.iter().filter(of_whole) {
            ends.entry(note(Key::of(v), order)).or_default().push(v);
        }
        for v in run.frames.iter().flat_map(|f| &f.values).filter(of_whole) {
            frames.entry(note(Key::of(v), order)).or_default().push(v);
        }
    }
    let mut standings: BTreeMap<Key, Standing> =
        frames.into_iter().map(|(key, values)| (key, summed(&values, true))).collect();
    standings.extend(ends.into_iter().map(|(key, values)| (key, summed(&values, false))));
    standings
}

fn note(key: Key, order: &mut Vec<Key>) -> Key {
    if !order.contains(&key) {
        order.push(key.clone());
    }
    key
}

/// The valid numbers' median or, without any, the limited ones' with their most frequent reservation.
fn summed(values: &[&RunValue], of_frames: bool) -> Standing {
    let valid: Vec<&&RunValue> =
        values.iter().filter(|v| v.usable().is_some() && &*v.validity == "valid").collect();
    let usable: Vec<&&RunValue> = values.iter().filter(|v| v.usable().is_some()).collect();
    let taken = if valid.is_empty() { &usable } else { &valid };
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    values.iter().filter_map(|v| v.reason.as_deref()).for_each(|r| *reasons.entry(r).or_default() += 1);
    let reason = reasons.into_iter().max_by_key(|(_, n)| *n).map(|(r, _)| r.to_owned());
    let mut numbers: Vec<f64> = taken.iter().filter_map(|v| v.usable()).collect();
    let mut uncertainties: Vec<f64> = taken.iter().filter_map(|v| v.uncertainty).collect();
    Standing {
        value: median(&mut numbers),
        // What the frames have in common, the scale above all, does not shrink with their number.
        uncertainty: median(&mut uncertainties),
        n_frames: of_frames.then_some(taken.len()),
        reason: reason.filter(|_| valid.is_empty()),
    }
}

fn followed(
    key: &Key,
    visits: &[Visit],
    standings: &[BTreeMap<Key, Standing>],
    settings: &Settings,
) -> Option<Followed> {
    let missing = || Standing { value: None, uncertainty: None, n_frames: None, reason: None };
    let all: Vec<Standing> = standings.iter().map(|s| s.get(key).cloned().unwrap_or_else(missing)).collect();
    if all.iter().filter(|s| s.value.is_some()).count() < 2 {
        return None;
    }
    let protocol = visits.first().map_or("", |v| v.protocol.as_str());
    let said = settings.limits.iter().rev().find(|(name, _)| **name == *key.name).map(|(_, limit)| Error {
        repeated: Some(*limit),
        between: *limit,
        source: "as told with --limit",
        caution: None,
    });
    let error = said.or_else(|| limits::known(protocol, &key.name));
    let has_percent = !matches!(&*key.unit, "%" | "deg");
    let between = |a: usize, b: usize| {
        let (from, to) = (all.get(a)?, all.get(b)?);
        let obstacle = obstacle(visits.get(a)?, visits.get(b)?, &key.unit);
        Some(judge(from, to, error.as_ref(), has_percent, obstacle))
    };
    let later = 1..all.len();
    Some(Followed {
        structure: key.structure.to_string(),
        name: key.name.to_string(),
        unit: key.unit.to_string(),
        error,
        from_last: later.clone().filter_map(|i| between(i - 1, i)).collect(),
        from_first: later.filter_map(|i| between(0, i)).collect(),
        standings: all,
    })
}

/// Why two dates cannot be held against each other.
fn obstacle(a: &Visit, b: &Visit, unit: &str) -> Option<String> {
    if unit.starts_with("[px]") {
        return Some("in pixels, which are of another size in every recording: a scale is needed".to_owned());
    }
    if a.protocol != b.protocol {
        return Some(format!("measured by different protocols, {} and {}", a.protocol, b.protocol));
    }
    (a.engine_sha256 != b.engine_sha256)
        .then(|| format!("outlined by different engines, {} and {}", a.engine, b.engine))
}

fn notes(visits: &[Visit], are_dated: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if !are_dated {
        notes.push(
            "without dates, in the order given: nothing is said of how fast anything changes".to_owned(),
        );
    }
    let engines: BTreeSet<&str> = visits.iter().map(|v| v.engine_sha256.as_str()).collect();
    if engines.len() > 1 {
        notes.push(
            "the engine is not the same at all dates: replay the earlier recordings with the later engine"
                .to_owned(),
        );
    }
    notes
}

/// More than a fifth and two millimetres in two dimensions, or more than half in volume.
const ACR: &str = "growth by ACR TI-RADS 2017: > 20 % and ≥ 2 mm in two dimensions, or > 50 % in volume";
/// More than a fifth in diameter within six months.
const BREAST: &str = "growth of a BI-RADS 3 lesion: > 20 % in diameter within 6 months";
const SIX_MONTHS_DAYS: i64 = 184;

fn rules(visits: &[Visit], values: &[Followed]) -> Vec<Rule> {
    let protocol = visits.first().map_or("", |v| v.protocol.as_str());
    let structures: BTreeSet<&str> = values.iter().map(|v| v.structure.as_str()).collect();
    let mut rules = Vec::new();
    for (i, visit) in visits.iter().enumerate().skip(1) {
        let Some(first) = visits.first() else { break };
        for structure in &structures {
            let change = |names: &[&str]| {
                names.iter().find_map(|name| {
                    let v = values
                        .iter()
                        .find(|v| v.structure == *structure && v.name == *name && v.unit != "[px]")?;
                    let change = v.from_first.get(i - 1)?;
                    Some((change.percent?, change.difference?))
                })
            };
            let (rule, is_met) = match protocol {
                "nodule-thyroid" => (ACR, acr(&change)),
                "nodule-breast" => {
                    let within = visit.day.zip(first.day).map(|(b, a)| b - a <= SIX_MONTHS_DAYS);
                    let grown = change(&["max_diameter"]).map(|(percent, _)| percent > 20.0);
                    let met = match (grown, within) {
                        (Some(false), _) => Some(false),
                        (Some(true), Some(within)) => Some(within),
                        _ => None,
                    };
                    (BREAST, met)
                }
                _ => continue,
            };
            rules.push(Rule {
                rule,
                structure: (*structure).to_owned(),
                between: [first.label.clone(), visit.label.clone()],
                is_met,
            });
        }
    }
    rules
}

fn acr(change: &impl Fn(&[&str]) -> Option<(f64, f64)>) -> Option<bool> {
    let dimensions = [
        change(&["ap_diameter_median", "ap_diameter"]),
        change(&["transverse_diameter_median", "transverse_diameter"]),
        change(&["longitudinal_diameter_median", "longitudinal_diameter"]),
    ];
    let known = dimensions.iter().flatten().count();
    let grown = dimensions.iter().flatten().filter(|(percent, mm)| *percent > 20.0 && *mm >= 2.0).count();
    let volume = change(&["volume"]).map(|(percent, _)| percent > 50.0);
    if grown >= 2 || volume == Some(true) {
        return Some(true);
    }
    // A dimension that is not known could be the second, and so could the volume.
    (grown + (3 - known) < 2 && volume == Some(false)).then_some(false)
}
