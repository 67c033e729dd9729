//! What runs measured: each value over all frames.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use vesalius_measure::series::stats::{quantile, standard_deviation};
use vesalius_measure::track::TrackId;

use crate::score::run::{Run, RunValue};

/// A value by structure, name and unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Structure; empty for the whole picture.
    pub structure: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Unit, as UCUM code.
    pub unit: Arc<str>,
}

impl Key {
    /// Of a value.
    pub fn of(value: &RunValue) -> Self {
        Self { structure: value.structure.clone(), name: value.name.clone(), unit: value.unit.clone() }
    }

    /// With the structure before it, for people.
    pub fn label(&self) -> String {
        label(&self.structure, &self.name)
    }
}

/// A value's name with its structure before it, unless it begins with that.
pub fn label(structure: &str, name: &str) -> String {
    let (structure, name) = (structure.replace('_', " "), name.replace('_', " "));
    let has_it = structure.is_empty() || name == structure || name.starts_with(&format!("{structure} "));
    if has_it { name } else { format!("{structure} {name}") }
}

/// One value over all frames.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Numbers to rely on, limited ones too, in the order of frames.
    pub numbers: Vec<f64>,
    /// Of these, those with a reservation.
    pub limited: usize,
    /// Frames in which there is no number, by why not.
    pub without: BTreeMap<Arc<str>, usize>,
    /// Reservations, by which.
    pub reservations: BTreeMap<Arc<str>, usize>,
}

/// Figures of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation; `None` of one.
    pub sd: Option<f64>,
    /// 5th percentile, median, 95th percentile.
    pub percentiles: [f64; 3],
}

impl Gathered {
    /// Frames without a number.
    pub fn n_without(&self) -> usize {
        self.without.values().sum()
    }

    /// Its figures; `None` without a number.
    pub fn spread(&self) -> Option<Spread> {
        let mut sorted = self.numbers.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Spread {
            mean: crate::stats::mean(&sorted)?,
            sd: standard_deviation(&sorted),
            percentiles: [quantile(&sorted, 0.05)?, quantile(&sorted, 0.5)?, quantile(&sorted, 0.95)?],
        })
    }
}

/// Every value of the runs' frames, in the order in which they come; those of single objects are left out and counted, for
/// their numbers say nothing from run to run.
pub fn gather(runs: &[Run]) -> (Vec<(Key, Gathered)>, usize) {
    let (mut places, mut all): (HashMap<Key, usize>, Vec<(Key, Gathered)>) = Default::default();
    let mut of_objects = 0;
    for value in runs.iter().flat_map(|r| &r.frames).flat_map(|f| &f.values) {
        if TrackId::of_name(&value.structure).is_some() {
            of_objects += 1;
            continue;
        }
        let key = Key::of(value);
        let place = *places.entry(key.clone()).or_insert_with(|| {
            all.push((key, Gathered::default()));
            all.len() - 1
        });
        let Some((_, gathered)) = all.get_mut(place) else { continue };
        let reason = || value.reason.clone().unwrap_or_else(|| value.validity.clone());
        match value.usable() {
            Some(number) => {
                gathered.numbers.push(number);
                if &*value.validity != "valid" {
                    gathered.limited += 1;
                    *gathered.reservations.entry(reason()).or_default() += 1;
                }
            }
            None => *gathered.without.entry(reason()).or_default() += 1,
        }
    }
    (all, of_objects)
}

/// A value's numbers over a run, frame by frame: not a number where there is none.
pub fn over_time(run: &Run, key: &Key) -> Vec<(f64, f64)> {
    let number = |values: &[RunValue]| {
        let named =
            values.iter().find(|v| v.name == key.name && v.structure == key.structure && v.unit == key.unit);
        named.and_then(RunValue::usable).unwrap_or(f64::NAN)
    };
    run.frames.iter().map(|f| (f.at_s, number(&f.values))).collect()
}
