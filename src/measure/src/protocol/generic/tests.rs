use crate::calibration::Scale;
use crate::protocol::scene::{self, missing, scale};
use crate::protocol::{Event, ProtocolConfig, Session};
use crate::result::{FrameResult, Measurement, Reason, Validity};
use crate::units::Unit;

const MS: u64 = 1_000_000;

/// Middle and radius of a disc in source pixels.
type Disc = (f64, f64, f64);

/// A frame of 400×300 pixels with discs of the class `cyst`.
fn frame(at_ms: u64, discs: &[Disc]) -> FrameResult {
    let inside = |x: f64, y: f64| {
        discs.iter().map(|(cx, cy, r)| r - (x - cx).hypot(y - cy)).fold(f64::NEG_INFINITY, f64::max)
    };
    scene::frame((400, 300), (200, 150), &[("cyst", &inside)], at_ms * MS)
}

fn session(settings: &str) -> Session {
    let text = format!("protocol = 'generic'\nobjects = 'each'\n{settings}");
    Session::new(&ProtocolConfig::from_toml(&text).unwrap())
}

fn of<'a>(list: &'a [Measurement], structure: &str, name: &str) -> &'a Measurement {
    list.iter()
        .find(|m| *m.structure == *structure && m.name == name)
        .unwrap_or_else(|| panic!("there is no {name} of {structure}"))
}

const FOLLOWED: &str = "[over_time]\nvalues = ['equivalent_diameter']\nwindow_s = 1.0\nhold_s = 0.1\n\
    levels = [{ value = 'equivalent_diameter', level = 70.0, hysteresis = 1.0 }]";

#[test]
fn every_object_is_measured_under_its_number() {
    let mut session = session("");
    let discs = [(100.0, 100.0, 40.0), (300.0, 150.0, 30.0)];
    let mut first = frame(0, &discs);
    session.measure(&mut first, &scale(0.2, 0.2), None);
    for (name, radius) in [("cyst#1", 40.0), ("cyst#2", 30.0)] {
        let area = of(&first.measurements, name, "area");
        let truth = std::f64::consts::PI * (0.2 * radius) * (0.2 * radius);
        assert!((area.value.unwrap() / truth - 1.0).abs() < 2e-3, "{name}: {area:?}");
        assert_eq!((area.unit, area.validity), (Unit::Mm2, Validity::Valid));
        let fraction = of(&first.measurements, name, "area_fraction").value.unwrap();
        assert!((fraction / (100.0 * truth / (400.0 * 300.0 * 0.04)) - 1.0).abs() < 2e-3);
    }
    assert_eq!(of(&first.measurements, "cyst", "objects").value, Some(2.0));
    assert_eq!(first.marks.len(), 2);
    assert!(first.series.is_empty(), "nothing is followed unless it is asked for");

    // The smaller one has become the larger, and a third has come, which the edge cuts.
    let mut second = frame(40, &[(100.0, 100.0, 40.0), (300.0, 150.0, 44.0), (398.0, 290.0, 15.0)]);
    session.measure(&mut second, &scale(0.2, 0.2), None);
    let names: Vec<&str> =
        second.measurements.iter().filter(|m| m.name == "area").map(|m| m.structure.as_ref()).collect();
    assert_eq!(names, ["cyst#2", "cyst#1", "cyst#3"]);
    assert_eq!(of(&second.measurements, "cyst#3", "area").reason, Some(Reason::Truncated));
    assert_eq!(of(&second.measurements, "cyst#2", "area").reason, None);

    let mut none = frame(80, &[]);
    session.measure(&mut none, &scale(0.2, 0.2), None);
    assert_eq!(of(&none.measurements, "cyst", "objects").value, Some(0.0));
    assert_eq!(none.measurements.len(), 2, "of what is not there nothing is said but that");
}

#[test]
fn no_more_objects_are_measured_than_asked_for() {
    let mut session = session("max_objects = 2");
    let mut result = frame(0, &[(60.0, 60.0, 20.0), (160.0, 60.0, 30.0), (300.0, 60.0, 25.0)]);
    session.measure(&mut result, &Scale::default(), None);
    assert_eq!(result.measurements.iter().filter(|m| m.name == "area").count(), 2);
    assert_eq!(of(&result.measurements, "cyst", "objects").value, Some(3.0));
}

#[test]
fn values_over_time_go_by_presentation_time() {
    let mut session = session(FOLLOWED);
    let radius = |ms: u64| 30.0 + 5.0 * ms as f64 / 1000.0;
    // 30 to 40 frames a second, some dropped, and every tenth without a result.
    let times: Vec<u64> =
        (0..60_u64).map(|k| 29 * k + (k * k) % 7).filter(|ms| !(400..520).contains(ms)).collect();
    let (mut last, mut valid, mut total) = (None, Vec::new(), 0);
    for (i, &ms) in times.iter().enumerate() {
        let is_there = i % 10 != 9;
        let mut result = if is_there { frame(ms, &[(150.0, 150.0, radius(ms))]) } else { missing(ms * MS) };
        session.measure(&mut result, &Scale::default(), None);
        // A result that stands on another frame too is no sample of its own.
        if i % 4 == 0 && is_there {
            let mut again = frame(ms, &[(150.0, 150.0, radius(ms))]);
            session.measure(&mut again, &Scale::default(), None);
            assert_eq!(again.series, result.series);
        }
        total += 1;
        valid.extend(is_there.then_some(ms));
        last = Some(result);
    }
    let (result, now) = (last.unwrap(), *times.last().unwrap());
    let value = |name: &str| of(&result.series, "cyst#1", name).value.unwrap();
    let near = |name: &str, truth: f64, tolerance: f64| {
        assert!((value(name) - truth).abs() <= tolerance, "{name}: {} for {truth}", value(name));
    };
    let diameters: Vec<f64> = valid.iter().map(|&ms| 2.0 * radius(ms)).collect();
    let count = diameters.len() as f64;
    let mean = diameters.iter().sum::<f64>() / count;
    assert_eq!(value("equivalent_diameter_count"), count);
    near("equivalent_diameter_coverage", 100.0 * count / f64::from(total), 1e-9);
    let (first_ms, last_ms) = (valid[0], *valid.last().unwrap());
    near("equivalent_diameter_duration", (last_ms - first_ms) as f64 / 1000.0, 1e-9);
    near("equivalent_diameter_since_valid", (now - last_ms) as f64 / 1000.0, 1e-9);
    near("equivalent_diameter_min", diameters[0], 0.1);
    near("equivalent_diameter_max", *diameters.last().unwrap(), 0.1);
    near("equivalent_diameter_mean", mean, 0.1);
    near("equivalent_diameter_median", diameters[diameters.len() / 2], 0.5);
    let variance = diameters.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0);
    near("equivalent_diameter_sd", variance.sqrt(), 0.05);
    // 10 px a second.
    near("equivalent_diameter_rate", 10.0, 0.1);
    assert_eq!(of(&result.series, "cyst#1", "equivalent_diameter_rate").unit, Unit::PxPerSecond);
    // From the median of the first quarter of a second to that of the last.
    let near_to = |at: u64| -> f64 {
        let mut near: Vec<f64> =
            valid.iter().filter(|ms| ms.abs_diff(at) <= 250).map(|&ms| 2.0 * radius(ms)).collect();
        crate::series::stats::median(&mut near).unwrap()
    };
    near("equivalent_diameter_change", 100.0 * (near_to(now) / near_to(valid[0]) - 1.0), 0.1);
    // 70 px are passed at 1 s, and the band is left soon after.
    near("equivalent_diameter_crossings_up", 1.0, 0.0);
    near("equivalent_diameter_crossings_down", 0.0, 0.0);
    near("equivalent_diameter_crossed_at", 1.0, 0.01);
    // Without a scale lengths have their reason, and times and shares have none.
    assert_eq!(of(&result.series, "cyst#1", "equivalent_diameter_max").reason, Some(Reason::NoCalibration));
    assert_eq!(of(&result.series, "cyst#1", "equivalent_diameter_coverage").reason, None);

    // From a moment that was marked: now.
    session.event(&Event::Mark("something else".to_owned()), now * MS);
    session.event(&Event::Mark("reference".to_owned()), now * MS);
    let mut result = frame(now + 1, &[(150.0, 150.0, radius(now))]);
    session.measure(&mut result, &Scale::default(), None);
    let change = of(&result.series, "cyst#1", "equivalent_diameter_change").value.unwrap();
    assert!(change.abs() < 1.0, "{change} % since now");
}

#[test]
fn what_the_edge_cuts_does_not_enter() {
    let mut session = session(FOLLOWED);
    for k in 0..20_u64 {
        // Every other frame shows less than half of it.
        let x = if k % 2 == 0 { 60.0 } else { 10.0 };
        let mut result = frame(40 * k, &[(x, 150.0, 40.0)]);
        session.measure(&mut result, &Scale::default(), None);
        if k == 19 {
            let value = |name: &str| of(&result.series, "cyst#1", name).value.unwrap();
            assert_eq!(value("equivalent_diameter_count"), 10.0);
            assert_eq!(value("equivalent_diameter_coverage"), 50.0);
            assert!((value("equivalent_diameter_min") - 80.0).abs() < 0.2);
        }
    }
}

#[test]
fn an_object_that_is_gone_is_present_for_the_hold_and_known_for_the_gap() {
    let mut session = session(FOLLOWED);
    for k in 0..10 {
        session.measure(&mut frame(40 * k, &[(150.0, 150.0, 30.0)]), &Scale::default(), None);
    }
    // Last seen at 360 ms.
    for (ms, present) in [(400, 1.0), (440, 1.0), (500, 0.0), (1340, 0.0)] {
        let mut result = frame(ms, &[]);
        session.measure(&mut result, &Scale::default(), None);
        assert_eq!(of(&result.series, "cyst#1", "present").value, Some(present), "{ms} ms");
        let since = of(&result.series, "cyst#1", "equivalent_diameter_since_valid").value.unwrap();
        assert!((since - (ms - 360) as f64 / 1000.0).abs() < 1e-9, "{since} s at {ms} ms");
        assert!(result.measurements.iter().all(|m| *m.structure == *"cyst"), "nothing is measured any more");
    }
    let mut result = frame(1380, &[]);
    session.measure(&mut result, &Scale::default(), None);
    assert!(result.series.is_empty());
}

#[test]
fn another_scale_keeps_the_number_and_begins_the_series_anew() {
    let mut session = session(FOLLOWED);
    let discs = [(150.0, 150.0, 30.0)];
    for k in 0..5 {
        session.measure(&mut frame(40 * k, &discs), &Scale::default(), None);
    }
    let mut result = frame(200, &discs);
    session.measure(&mut result, &scale(0.1, 0.1), None);
    assert_eq!(of(&result.series, "cyst#1", "equivalent_diameter_count").value, Some(1.0));
    let max = of(&result.series, "cyst#1", "equivalent_diameter_max");
    assert!((max.value.unwrap() - 6.0).abs() < 0.02 && max.unit == Unit::Mm, "{max:?}");
    // A discontinuity ends the object itself.
    session.reset();
    let mut result = frame(240, &discs);
    session.measure(&mut result, &scale(0.1, 0.1), None);
    assert_eq!(of(&result.series, "cyst#2", "equivalent_diameter_count").value, Some(1.0));
}

#[test]
fn a_noisy_network_does_not_fill_the_memory() {
    let mut session = session(&format!("max_objects = 2\n{FOLLOWED}"));
    for k in 0..60_u64 {
        // Two new objects in every frame.
        let at = |n: u64| (30.0 + 40.0 * ((7 * k + 13 * n) % 9) as f64, 40.0 + 40.0 * (k % 6) as f64, 9.0);
        let mut result = frame(33 * k, &[at(0), at(1)]);
        session.measure(&mut result, &Scale::default(), None);
        let mut names: Vec<&str> = result.series.iter().map(|m| m.structure.as_ref()).collect();
        names.dedup();
        assert!(names.len() <= 8, "{} objects are followed", names.len());
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (text, says) in [
        ("[over_time]\nvalues = ['area']", "each"),
        ("objects = 'each'\n[over_time]\nvalues = ['colour']", "colour"),
        ("objects = 'each'\n[over_time]\nvalues = ['area', 'area']", "twice"),
        ("objects = 'each'\n[over_time]\nvalues = ['area']\nwindow_s = 0.0", "window_s"),
        ("objects = 'each'\n[over_time]\nlevels = [{ value = 'area', level = 1.0 }]", "not among"),
        ("objects = 'each'\nmax_objects = 0", "max_objects"),
        (
            "objects = 'each'\n[over_time]\nvalues = ['area']\nlevels = [{ value = 'area', level = nan }]",
            "numbers",
        ),
    ] {
        let error = ProtocolConfig::from_toml(&format!("protocol = 'generic'\n{text}")).unwrap_err();
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
}

#[test]
fn values_that_are_withheld_are_no_samples_over_time() {
    let mut session = session(FOLLOWED);
    let mut last = frame(0, &[]);
    for at_ms in (0..2000).step_by(40) {
        // Every third frame the engine is unsure, and what it sees is far too large.
        let is_unsure = at_ms % 120 == 0;
        let radius = if is_unsure { 60.0 } else { 30.0 };
        let mut result = frame(at_ms, &[(200.0, 150.0, radius)]);
        if is_unsure {
            result.classes[0].confidence = Some(0.55);
        }
        session.measure(&mut result, &scale(0.2, 0.2), None);
        let has_value = result.measurements.iter().any(|m| m.value.is_some());
        assert_eq!(has_value, !is_unsure, "{at_ms} ms");
        assert_eq!(result.classes[0].contours.len(), 1);
        last = result;
    }
    let most = of(&last.series, "cyst#1", "equivalent_diameter_max").value.unwrap();
    assert!((most - 12.0).abs() < 0.2, "{most} mm, of a disc of 12");
}
