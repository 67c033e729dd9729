//! Values of single objects over time.
//!
//! Statistics are over all frames since the object was first measured, and the rate and the present end of a change over
//! the last seconds, so memory does not grow with the recording. A frame without a value, or with one that the edge of
//! the picture cuts, does not enter; it counts for the coverage.

use super::config::OverTimeConfig;
use super::names::Names;
use crate::protocol::procedure::Input;
use crate::protocol::sheet::{Sheet, TakenScale, Value};
use crate::result::{Measurement, Reason};
use crate::series::crossing::{Crossings, Direction};
use crate::series::stats::{Running, median};
use crate::series::{Distribution, Sample, Series, ns_from_s, seconds_since};
use crate::track::{Steady, TrackId};
use crate::units::Unit;

/// Most samples of the last seconds that are kept, whatever the frame rate.
const MOST_SAMPLES: usize = 4096;
/// Most samples around a reference.
const MOST_AT_REFERENCE: usize = 512;
/// Objects that are followed, for each that is measured in a frame: those seen last.
const FOLLOWED_PER_MEASURED: usize = 4;

/// An object as it was measured in a frame.
pub(super) struct Sighting {
    pub(super) id: TrackId,
    pub(super) structure: String,
    /// Where its values stand among those of the frame.
    pub(super) values: std::ops::Range<usize>,
    pub(super) scale: TakenScale,
    /// Whether the picture's edge cuts it.
    pub(super) is_cut: bool,
}

/// A level and when it was crossed.
struct Level {
    crossings: Crossings,
    up: u64,
    down: u64,
    last_ns: Option<u64>,
}

/// What a change is counted from.
struct Reference {
    at_ns: u64,
    values: Vec<f64>,
    median: Option<f64>,
}

impl Reference {
    fn new(at_ns: u64) -> Self {
        Self { at_ns, values: Vec::new(), median: None }
    }

    fn take(&mut self, at_ns: u64, value: f64, width_ns: u64) {
        if at_ns.abs_diff(self.at_ns) <= width_ns && self.values.len() < MOST_AT_REFERENCE {
            self.values.push(value);
            self.median = median(&mut self.values);
        }
    }
}

/// One value of one object.
struct Curve {
    names: &'static Names,
    unit: Option<Unit>,
    values: Distribution,
    uncertainties: Running,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    /// The last seconds.
    recent: Series,
    reference: Option<Reference>,
    level: Option<Level>,
}

impl Curve {
    /// Of an object seen for the first time; `reference_ns` is what a change is counted from where that is to come.
    fn new(names: &'static Names, config: &OverTimeConfig, reference_ns: Option<u64>) -> Self {
        let level = config.levels.iter().find(|level| level.value == names.value).map(|level| Level {
            crossings: Crossings::new(level.level, level.hysteresis),
            up: 0,
            down: 0,
            last_ns: None,
        });
        let kept_ns = ns_from_s(config.window_s.max(2.0 * config.reference_width_s));
        Self {
            names,
            unit: None,
            values: Distribution::default(),
            uncertainties: Running::default(),
            first_ns: None,
            last_ns: None,
            recent: Series::new(kept_ns, MOST_SAMPLES),
            reference: reference_ns.map(Reference::new),
            level,
        }
    }

    /// Takes what a frame gave.
    fn push(&mut self, at_ns: u64, measured: Option<&Measurement>, config: &OverTimeConfig) {
        let sample = measured.and_then(|m| Some((m.value?, m)));
        if let Some((_, m)) = sample
            && self.unit.is_some_and(|unit| unit != m.unit)
        {
            // Millimetres and pixels have no common mean.
            *self = Self::new(self.names, config, None);
        }
        let value = sample.map(|(value, _)| value);
        self.values.push(value);
        self.recent.push(at_ns, value, true);
        let Some((value, m)) = sample else { return };
        self.unit = Some(m.unit);
        self.uncertainties.push(m.uncertainty);
        self.first_ns.get_or_insert(at_ns);
        self.last_ns = Some(at_ns);
        let width_ns = ns_from_s(config.reference_width_s);
        self.reference.get_or_insert_with(|| Reference::new(at_ns)).take(at_ns, value, width_ns);
        if let Some(level) = &mut self.level
            && let Some(crossing) = level.crossings.push(Sample { at_ns, value, is_clean: true })
        {
            match crossing.direction {
                Direction::Up => level.up += 1,
                Direction::Down => level.down += 1,
            }
            level.last_ns = Some(crossing.at_ns);
        }
    }

    /// Counts changes from another time on.
    fn refer_to(&mut self, at_ns: u64, width_ns: u64) {
        let mut reference = Reference::new(at_ns);
        for sample in self.recent.samples() {
            reference.take(sample.at_ns, sample.value, width_ns);
        }
        self.reference = Some(reference);
    }

    /// Change in per cent from the reference to the last seconds.
    fn change_percent(&self, now_ns: u64, width_ns: u64) -> Option<f64> {
        let before = self.reference.as_ref()?.median?;
        let near = self.recent.samples().filter(|s| now_ns.saturating_sub(s.at_ns) <= width_ns);
        let now = median(&mut near.map(|s| s.value).collect::<Vec<_>>())?;
        Some(100.0 * (now - before) / before.abs())
    }

    fn write(&self, structure: &str, now_ns: u64, config: &OverTimeConfig, sheet: &mut Sheet<'_>) {
        let Some(unit) = self.unit else { return };
        let (names, running) = (self.names, self.values.running());
        // The outline's error is common to all frames, so no mean takes it away.
        let doubt = self.uncertainties.mean();
        let length = |value: Option<f64>| value.map(|v| (v, doubt));
        let plain = |value: Option<f64>| value.map(|v| (v, None));
        let since = |from: Option<u64>, to: u64| plain(from.map(|from| seconds_since(from, to)));
        let rate = self.recent.slope(ns_from_s(config.window_s)).map(|s| (s.per_s, s.uncertainty));
        let change = self.change_percent(now_ns, ns_from_s(config.reference_width_s));
        let percent = |part: Option<f64>| plain(part.map(|p| 100.0 * p));
        let mut rows = vec![
            (names.count, Unit::One, "frames-with-a-value", plain(Some(running.count() as f64))),
            (
                names.duration,
                Unit::Second,
                "first-to-last-value",
                since(self.first_ns, self.last_ns.unwrap_or(0)),
            ),
            (names.coverage, Unit::Percent, "frames-with-a-value-of-all", percent(running.coverage())),
            (names.since_valid, Unit::Second, "since-last-value", since(self.last_ns, now_ns)),
            (names.min, unit, "of-all-values", length(running.min())),
            (names.max, unit, "of-all-values", length(running.max())),
            (names.mean, unit, "of-all-values", length(running.mean())),
            (
                names.median,
                unit,
                if self.values.is_exact() { "of-all-values" } else { "of-all-values-within-a-thousandth" },
                length(self.values.median()),
            ),
            (names.sd, unit, "of-all-values-n-1", plain(running.sd())),
            (names.change, Unit::Percent, "median-from-reference", plain(change)),
        ];
        if let Some(unit) = unit.per_second() {
            rows.push((names.rate, unit, "least-squares-slope", rate));
        }
        for (name, unit, method, number) in rows {
            let reason = number.is_none().then_some(Reason::TooFewSamples);
            sheet.write_series(structure, Value { name, unit, method, number, reason }, None);
        }
        if let Some(level) = &self.level {
            let at = level.last_ns.map(|at_ns| seconds_since(0, at_ns));
            for (name, unit, value) in [
                (names.crossings_up, Unit::One, Some(level.up as f64)),
                (names.crossings_down, Unit::One, Some(level.down as f64)),
                (names.crossed_at, Unit::Second, at),
            ] {
                let method = "level-with-hysteresis";
                let reason = value.is_none().then_some(Reason::EventMissing);
                let number = plain(value);
                sheet.write_series(structure, Value { name, unit, method, number, reason }, None);
            }
        }
    }
}

/// One object.
struct Followed {
    id: TrackId,
    structure: String,
    seen_ns: u64,
    scale: TakenScale,
    presence: Steady,
    is_present: bool,
    curves: Vec<Curve>,
}

/// The objects that are followed.
pub(super) struct OverTime {
    config: OverTimeConfig,
    most: usize,
    names: Vec<&'static Names>,
    objects: Vec<Followed>,
    /// When the reference was marked.
    marked_ns: Option<u64>,
}

impl OverTime {
    pub(super) fn new(config: &OverTimeConfig, max_objects: usize) -> Self {
        Self {
            config: config.clone(),
            most: max_objects * FOLLOWED_PER_MEASURED,
            names: config.values.iter().filter_map(|name| Names::of(name)).collect(),
            objects: Vec::new(),
            marked_ns: None,
        }
    }

    /// Whether anything is followed.
    pub(super) fn is_on(&self) -> bool {
        !self.names.is_empty()
    }

    /// Takes a frame's sightings.
    pub(super) fn push(&mut self, input: &Input<'_>, sightings: Vec<Sighting>, sheet: &Sheet<'_>) {
        let now_ns = input.pts_ns();
        let config = &self.config;
        let width_ns = ns_from_s(config.reference_width_s);
        let to_come = self.marked_ns.filter(|at_ns| at_ns.saturating_add(width_ns) >= now_ns);
        self.objects.retain(|object| now_ns.saturating_sub(object.seen_ns) <= input.gap_ns);
        for sighting in sightings {
            let index =
                self.objects.iter().position(|object| object.id == sighting.id).unwrap_or_else(|| {
                    self.objects.push(Followed {
                        id: sighting.id,
                        structure: sighting.structure,
                        seen_ns: now_ns,
                        scale: sighting.scale.clone(),
                        presence: Steady::new(0, ns_from_s(config.hold_s)),
                        is_present: true,
                        curves: self.names.iter().map(|names| Curve::new(names, config, to_come)).collect(),
                    });
                    self.objects.len() - 1
                });
            let Some(object) = self.objects.get_mut(index) else { continue };
            (object.seen_ns, object.scale) = (now_ns, sighting.scale);
            object.is_present = object.presence.push(now_ns, true);
            let values = sheet.measurements.get(sighting.values).unwrap_or_default();
            for curve in &mut object.curves {
                let measured = values.iter().find(|m| m.name == curve.names.value);
                curve.push(now_ns, measured.filter(|_| !sighting.is_cut), config);
            }
        }
        for object in self.objects.iter_mut().filter(|object| object.seen_ns != now_ns) {
            object.is_present = object.presence.push(now_ns, false);
            for curve in &mut object.curves {
                curve.push(now_ns, None, config);
            }
        }
        if self.objects.len() > self.most {
            self.objects.sort_by_key(|object| std::cmp::Reverse(object.seen_ns));
            self.objects.truncate(self.most);
        }
    }

    /// Writes the values over time as they stand at a frame.
    pub(super) fn write(&self, now_ns: u64, sheet: &mut Sheet<'_>) {
        for object in &self.objects {
            sheet.take_again(&object.scale);
            let present = Value {
                name: "present",
                unit: Unit::One,
                method: "seen-or-held",
                number: Some((f64::from(u8::from(object.is_present)), None)),
                reason: None,
            };
            sheet.write_series(&object.structure, present, None);
            for curve in &object.curves {
                curve.write(&object.structure, now_ns, &self.config, sheet);
            }
        }
    }

    /// Counts changes from a moment that was marked.
    pub(super) fn mark(&mut self, name: &str, at_ns: u64) {
        if name == self.config.reference {
            self.marked_ns = Some(at_ns);
            let width_ns = ns_from_s(self.config.reference_width_s);
            for curve in self.objects.iter_mut().flat_map(|object| &mut object.curves) {
                curve.refer_to(at_ns, width_ns);
            }
        }
    }

    pub(super) fn reset(&mut self) {
        self.objects.clear();
        self.marked_ns = None;
    }
}
