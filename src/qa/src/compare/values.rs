//! Values of both runs, frame by frame.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use vesalius_measure::track::TrackId;

use super::masks::Structure;
use super::pairing::Pairing;
use crate::score::run::RunValue;

/// One value of both runs over all frames.
#[derive(Clone, Debug)]
pub struct ValueStudy {
    /// Structure, as the reference calls it; empty for the whole picture.
    pub structure: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Unit, as UCUM code.
    pub unit: Arc<str>,
    /// Whether it is a value over time, of which the last of each clip counts.
    pub over_time: bool,
    /// The frames (or clips) in which one run at least names it.
    pub rows: Vec<ValueRow>,
}

/// One value in one frame.
#[derive(Clone, Debug)]
pub struct ValueRow {
    /// Number of the frame among those compared; of a value over time, its clip's last one.
    pub frame: usize,
    /// Number of the patient, clip or still.
    pub unit: usize,
    /// In the reference.
    pub reference: Option<f64>,
    /// In the candidate.
    pub candidate: Option<f64>,
    /// Validity in the reference, or the reason why there is none.
    pub reference_state: Arc<str>,
    /// The same in the candidate.
    pub candidate_state: Arc<str>,
}

impl ValueRow {
    /// Both numbers, where both are there.
    pub fn both(&self) -> Option<(f64, f64)> {
        self.reference.zip(self.candidate)
    }
}

impl ValueStudy {
    /// The candidate's less the reference's. Directions of axes are the same after half a turn.
    pub fn difference(&self, reference: f64, candidate: f64) -> f64 {
        let d = candidate - reference;
        if &*self.unit == "deg" && &*self.name == "orientation" { d - 180.0 * (d / 180.0).round() } else { d }
    }

    /// Why differences have no per cent, if they have none: angles and places have no zero to count from.
    pub fn no_percent(&self) -> Option<&'static str> {
        let is_place = ["_x", "_y", "_x_px", "_y_px"].iter().any(|end| self.name.ends_with(end));
        match &*self.unit {
            "deg" => Some("an angle has no per cent"),
            _ if is_place => Some("a place has no per cent"),
            _ => None,
        }
    }
}

type Key = (Arc<str>, Arc<str>, Arc<str>, bool);

/// Gathers every value of the paired frames, and the values over time of the paired clips. Values of single objects are left
/// out: their numbers are each run's own.
pub fn studies(pairing: &Pairing<'_>, structures: &[Structure]) -> Vec<ValueStudy> {
    let mut gathered = Gathered { places: HashMap::new(), studies: Vec::new(), structures };
    for (i, frame) in pairing.frames.iter().enumerate() {
        gathered.add([&frame.reference.values, &frame.candidate.values], i, frame.unit, false);
    }
    // Of each pair of runs the last frame stands for the whole.
    let mut last: BTreeMap<*const crate::score::run::Run, (usize, usize)> = BTreeMap::new();
    for (i, frame) in pairing.frames.iter().enumerate() {
        last.insert(std::ptr::from_ref(frame.runs.reference), (i, frame.unit));
    }
    for runs in &pairing.runs {
        if let Some(&(frame, unit)) = last.get(&std::ptr::from_ref(runs.reference)) {
            gathered.add([&runs.reference.series, &runs.candidate.series], frame, unit, true);
        }
    }
    gathered.studies
}

struct Gathered<'a> {
    places: HashMap<Key, usize>,
    studies: Vec<ValueStudy>,
    structures: &'a [Structure],
}

/// What stands for a value that a run does not name.
const NOT_NAMED: &str = "NOT_MEASURED";

fn state(value: Option<&RunValue>) -> Arc<str> {
    match value {
        None => NOT_NAMED.into(),
        Some(v) if v.usable().is_some() => v.validity.clone(),
        Some(v) => v.reason.clone().unwrap_or_else(|| v.validity.clone()),
    }
}

impl Gathered<'_> {
    /// What the reference calls a structure of the candidate.
    fn name_in_reference(&self, structure: &Arc<str>) -> Arc<str> {
        match self.structures.iter().find(|s| s.candidate_name == **structure) {
            Some(s) if s.name != s.candidate_name => s.name.as_str().into(),
            _ => structure.clone(),
        }
    }

    fn add(&mut self, [reference, candidate]: [&[RunValue]; 2], frame: usize, unit: usize, over_time: bool) {
        let single = |v: &&RunValue| TrackId::of_name(&v.structure).is_none();
        let key = |structure: Arc<str>, v: &RunValue| (structure, v.name.clone(), v.unit.clone(), over_time);
        let mut there: HashMap<Key, &RunValue> = HashMap::with_capacity(candidate.len());
        let mut order: Vec<Key> = Vec::with_capacity(reference.len());
        for v in candidate.iter().filter(single) {
            let key = key(self.name_in_reference(&v.structure), v);
            order.push(key.clone());
            there.entry(key).or_insert(v);
        }
        let mut done: HashSet<Key> = HashSet::with_capacity(reference.len());
        for v in reference.iter().filter(single) {
            let key = key(v.structure.clone(), v);
            if done.insert(key.clone()) {
                let other = there.get(&key).copied();
                self.push(key, Some(v), other, frame, unit);
            }
        }
        for key in order {
            if done.insert(key.clone())
                && let Some(v) = there.get(&key).copied()
            {
                self.push(key, None, Some(v), frame, unit);
            }
        }
    }

    fn push(
        &mut self,
        key: Key,
        reference: Option<&RunValue>,
        candidate: Option<&RunValue>,
        frame: usize,
        unit: usize,
    ) {
        let place = match self.places.get(&key) {
            Some(&place) => place,
            None => {
                let (structure, name, unit, over_time) = key.clone();
                self.studies.push(ValueStudy { structure, name, unit, over_time, rows: Vec::new() });
                self.places.insert(key, self.studies.len() - 1);
                self.studies.len() - 1
            }
        };
        let row = ValueRow {
            frame,
            unit,
            reference: reference.and_then(RunValue::usable),
            candidate: candidate.and_then(RunValue::usable),
            reference_state: state(reference),
            candidate_state: state(candidate),
        };
        if let Some(study) = self.studies.get_mut(place) {
            study.rows.push(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_counts_from_zero_has_a_per_cent() {
        let study = |name: &str, unit: &str| ValueStudy {
            structure: "".into(),
            name: name.into(),
            unit: unit.into(),
            over_time: false,
            rows: Vec::new(),
        };
        for (name, unit) in [("orientation", "deg"), ("tip_x", "1"), ("tip_y_px", "[px]")] {
            assert!(study(name, unit).no_percent().is_some(), "{name}");
        }
        for (name, unit) in [("area", "mm2"), ("area_fraction", "1"), ("diameter_max", "mm")] {
            assert_eq!(study(name, unit).no_percent(), None, "{name}");
        }
    }
}
