//! The values of a whole run, in memory that does not grow with it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;
use vesalius_measure::result::{Measurement, Validity};
use vesalius_measure::series::{Distribution, MEDIAN_ERROR};
use vesalius_measure::track::TrackId;
use vesalius_measure::units::Unit;

/// Values by structure, name and unit that are gathered at the most. Only objects that are named one by one come near it.
pub const MOST_VALUES: usize = 2048;

/// Objects that went away whose values over time are kept, the last ones.
pub const MOST_DEPARTED: usize = 256;

/// One value over a run. Invalid ones do not enter; missing is not zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueSummary {
    /// Class or object by name.
    pub structure: String,
    /// Name of the value.
    pub name: &'static str,
    /// Unit.
    pub unit: Unit,
    /// Frames in which it is valid.
    pub valid: u64,
    /// Frames in which it is there with a reservation.
    pub limited: u64,
    /// Frames in which it is not there.
    pub invalid: u64,
    /// Over the valid frames or, where there are none, the limited ones: which of the two.
    pub over: Option<Validity>,
    /// Median.
    pub median: Option<f64>,
    /// How far the median may be off, as a part of it; there for long runs alone, in short ones it is exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_error: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation over the frames (n − 1), from two frames on.
    pub sd: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
}

type Key = (Arc<str>, &'static str, Unit);

/// Gathers the values of a run.
#[derive(Debug, Default)]
pub struct ValueCollector {
    places: HashMap<Key, usize>,
    values: Vec<Collected>,
    left_out: u64,
}

#[derive(Debug)]
struct Collected {
    key: Key,
    valid: Distribution,
    limited: Distribution,
    invalid: u64,
}

impl ValueCollector {
    /// Takes a frame's values.
    pub fn add(&mut self, values: &[Measurement]) {
        for m in values {
            let key = (m.structure.clone(), m.name, m.unit);
            let place = match self.places.get(&key) {
                Some(&place) => place,
                None if self.values.len() >= MOST_VALUES => {
                    self.left_out += 1;
                    continue;
                }
                None => {
                    let (valid, limited) = Default::default();
                    self.places.insert(key.clone(), self.values.len());
                    self.values.push(Collected { key, valid, limited, invalid: 0 });
                    self.values.len() - 1
                }
            };
            let Some(collected) = self.values.get_mut(place) else { continue };
            match (m.value, m.validity) {
                (Some(_), Validity::Valid) => collected.valid.push(m.value),
                (Some(_), Validity::Limited) => collected.limited.push(m.value),
                _ => collected.invalid += 1,
            }
        }
    }

    /// The distributions, in the order in which the values first came.
    pub fn summaries(&self) -> Vec<ValueSummary> {
        self.values.iter().map(Collected::summary).collect()
    }

    /// Values that are in no distribution, for there were [`MOST_VALUES`] already.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl Collected {
    fn summary(&self) -> ValueSummary {
        let (valid, limited) = (self.valid.running().count(), self.limited.running().count());
        let (over, values) = match (valid, limited) {
            (0, 0) => (None, &self.valid),
            (0, _) => (Some(Validity::Limited), &self.limited),
            _ => (Some(Validity::Valid), &self.valid),
        };
        let running = values.running();
        ValueSummary {
            structure: self.key.0.to_string(),
            name: self.key.1,
            unit: self.key.2,
            valid,
            limited,
            invalid: self.invalid,
            over,
            median: values.median(),
            median_error: (!values.is_exact()).then_some(MEDIAN_ERROR),
            mean: running.mean(),
            sd: running.sd(),
            min: running.min(),
            max: running.max(),
        }
    }
}

/// The values over time of an object that went away, as they stood with the last frame that had them.
#[derive(Clone, Debug)]
pub struct Departed {
    /// File that the frame is from.
    pub input: Arc<str>,
    /// Number of the frame in the run.
    pub frame: u64,
    /// Its presentation time, nanoseconds.
    pub pts_ns: u64,
    /// The values.
    pub series: Vec<Measurement>,
}

/// Keeps what is known of objects that went away before the end.
#[derive(Debug, Default)]
pub struct DepartedObjects {
    kept: VecDeque<Departed>,
}

impl DepartedObjects {
    /// Compares the values over time of a frame with those of the one before.
    pub fn compare(
        &mut self,
        input: &Arc<str>,
        frame: u64,
        pts_ns: u64,
        before: &[Measurement],
        now: &[Measurement],
    ) {
        let of_objects = |m: &&Measurement| TrackId::of_name(&m.structure).is_some();
        let mut known: Option<&str> = None;
        for m in before.iter().filter(of_objects) {
            // The values of one object stand together.
            if known == Some(&m.structure) {
                continue;
            }
            known = Some(&m.structure);
            if now.iter().any(|other| other.structure == m.structure) {
                continue;
            }
            let series = before.iter().filter(|other| other.structure == m.structure).cloned().collect();
            if self.kept.len() >= MOST_DEPARTED {
                self.kept.pop_front();
            }
            self.kept.push_back(Departed { input: input.clone(), frame, pts_ns, series });
        }
    }

    /// Those that are kept, in the order in which they went.
    pub fn kept(&self) -> impl Iterator<Item = &Departed> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::result::Reason;

    fn of(structure: &str, value: Option<f64>, validity: Validity) -> Measurement {
        Measurement {
            structure: structure.into(),
            name: "bpd",
            value,
            unit: Unit::Mm,
            uncertainty: None,
            validity,
            reason: (validity != Validity::Valid).then_some(Reason::Truncated),
            method: "test",
            calibration_id: None,
        }
    }

    fn m(value: Option<f64>, validity: Validity) -> Measurement {
        of("head", value, validity)
    }

    #[test]
    fn missing_is_not_zero() {
        let mut collector = ValueCollector::default();
        for v in [3.0, 1.0, 2.0, 4.0] {
            collector.add(&[m(Some(v), Validity::Valid)]);
        }
        collector.add(&[m(None, Validity::Invalid)]);
        collector.add(&[m(Some(100.0), Validity::Limited)]);
        let s = &collector.summaries()[0];
        assert_eq!((s.valid, s.limited, s.invalid), (4, 1, 1));
        assert_eq!((s.median, s.mean, s.min, s.max), (Some(2.5), Some(2.5), Some(1.0), Some(4.0)));
        assert!((s.sd.unwrap() - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(s.median_error, None);
    }

    #[test]
    fn without_valid_ones_the_limited_ones_speak_and_say_so() {
        let mut collector = ValueCollector::default();
        collector.add(&[m(Some(7.0), Validity::Limited)]);
        let s = &collector.summaries()[0];
        assert_eq!((s.over, s.median, s.sd), (Some(Validity::Limited), Some(7.0), None));
        let mut nothing = ValueCollector::default();
        nothing.add(&[m(None, Validity::Invalid)]);
        assert_eq!((nothing.summaries()[0].over, nothing.summaries()[0].median), (None, None));
    }

    #[test]
    fn an_hour_of_many_objects_is_bounded_and_says_what_it_leaves_out() {
        let mut collector = ValueCollector::default();
        for frame in 0..108_000_u32 {
            collector.add(&[m(Some(80.0 + 10.0 * (f64::from(frame) * 0.1).sin()), Validity::Valid)]);
        }
        let s = &collector.summaries()[0];
        assert_eq!((s.valid, s.median_error), (108_000, Some(MEDIAN_ERROR)));
        assert!((s.median.unwrap() / 80.0 - 1.0).abs() <= 1.1 * MEDIAN_ERROR, "{s:?}");
        assert!((s.mean.unwrap() - 80.0).abs() < 1e-3 && s.max.unwrap() <= 90.0, "{s:?}");
        for object in 0..2 * MOST_VALUES as u64 {
            collector.add(&[of(&TrackId(object).name("speck"), Some(1.0), Validity::Valid)]);
        }
        assert_eq!(collector.summaries().len(), MOST_VALUES);
        assert_eq!(collector.left_out(), MOST_VALUES as u64 + 1);
    }

    #[test]
    fn an_object_that_went_away_is_remembered_as_it_was() {
        let mut departed = DepartedObjects::default();
        let input: Arc<str> = "clip".into();
        let both = [of("a#1", Some(1.0), Validity::Valid), of("a#2", Some(2.0), Validity::Valid)];
        departed.compare(&input, 0, 0, &both, &both);
        departed.compare(&input, 1, 40, &both, &both[1..]);
        // What belongs to no single object ends with the last frame.
        departed.compare(&input, 2, 80, &[m(Some(3.0), Validity::Valid)], &[]);
        let kept: Vec<_> = departed.kept().map(|d| (d.frame, d.pts_ns, d.series.clone())).collect();
        assert_eq!(kept, [(1, 40, vec![both[0].clone()])]);
    }
}
