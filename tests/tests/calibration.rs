//! Millimetres only where there is a scale, and never a scale that belongs to another picture.
//!
//! ```text
//! harness ── vesaliussegment engine=threshold ── vesaliusmeasure ── harness
//! ```

use gst::prelude::*;
use gstvesalius::{Measure, MeasurementMessage, Mode, add_scale};
use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::result::{FrameResult, Measurement, Reason, Validity};
use vesalius_measure::units::{MmPerPx, Unit};
use vesalius_tests::elements::{chain, measure, result, segment};
use vesalius_tests::picture::{self, Memory};
use vesalius_tests::rig::Rig;

struct Calibrated {
    rig: Rig,
    measure: Measure,
    info: gst_video::VideoInfo,
    sent: u64,
}

impl Calibrated {
    fn new(calibration: &str) -> Self {
        let segment = segment("threshold", Mode::EveryFrame);
        segment.set_property("max-in-flight", 1_u32);
        let measure = measure(calibration);
        let rig = Rig::new(&chain(&[segment.upcast_ref(), measure.upcast_ref()]));
        let info = picture::info(gst_video::VideoFormat::Gray8, 160, 120);
        Self { rig, measure, info, sent: 0 }
    }

    fn start(mut self) -> Self {
        self.rig.set_caps(&self.info);
        self
    }

    fn resize(&mut self, width: u32, height: u32) {
        self.info = picture::info(gst_video::VideoFormat::Gray8, width, height);
        self.rig.set_caps(&self.info);
    }

    /// The result of the next frame; `own` is a calibration that the frame brings along.
    fn next_with(&mut self, own: Option<&Calibration>) -> std::sync::Arc<FrameResult> {
        let mut frame = picture::frame(&self.info, self.sent, Memory::Plain);
        if let Some(own) = own {
            let scale = Scale::Uniform(std::sync::Arc::new(own.clone()));
            add_scale(frame.get_mut().unwrap(), &scale).unwrap();
        }
        self.sent += 1;
        assert_eq!(self.rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
        result(self.rig.frames().last().unwrap())
    }

    fn next(&mut self) -> std::sync::Arc<FrameResult> {
        self.next_with(None)
    }
}

fn area(result: &FrameResult) -> &Measurement {
    result.measurements.iter().find(|m| m.name == "area").expect("every protocol measures the area")
}

/// Id of the calibration that all values rest on; `None` where there are pixels alone.
fn scale_of(result: &FrameResult) -> Option<String> {
    assert!(!result.measurements.is_empty());
    let ids: Vec<_> = result.measurements.iter().map(|m| m.calibration_id.as_deref()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let area = area(result);
    assert_eq!(area.unit, if ids[0].is_some() { Unit::Mm2 } else { Unit::Px2 });
    let validity = if ids[0].is_some() { Validity::Valid } else { Validity::Limited };
    assert_eq!(area.validity, validity, "{:?}", area.reason);
    match ids[0] {
        Some(_) => assert_eq!(area.reason, None),
        None => assert!(matches!(area.reason, Some(Reason::NoCalibration | Reason::CalibrationExpired))),
    }
    ids[0].map(str::to_owned)
}

#[test]
fn the_scale_of_each_axis_is_in_the_area() {
    let mut case = Calibrated::new("").start();
    let px2 = area(&case.next()).value.unwrap();
    let mut case = Calibrated::new("0.5,0.25").start();
    let mm2 = area(&case.next()).value.unwrap();
    // The texture differs by nothing: both are frame 0.
    assert!((mm2 - px2 * 0.125).abs() < 1e-9 * px2, "{px2} px², {mm2} mm²");
}

#[test]
fn the_property_changes_while_playing() {
    let mut case = Calibrated::new("0.2").start();
    assert_eq!(scale_of(&case.next()).as_deref(), Some("operator:0.2x0.2"));
    case.measure.set_property("calibration", "0.3,0.4");
    assert_eq!(scale_of(&case.next()).as_deref(), Some("operator:0.3x0.4"));
    assert_eq!(case.rig.complaints(), Vec::<String>::new());
    for invalid in ["0", "-1", "NaN", "many", "1,2,3"] {
        case.measure.set_property("calibration", invalid);
        assert_eq!(scale_of(&case.next()), None, "{invalid}");
        let complaints = case.rig.complaints();
        let [complaint] = complaints.as_slice() else { panic!("{invalid}: {complaints:?}") };
        assert!(complaint.starts_with("warning: ") && complaint.contains("is no calibration"), "{complaint}");
        let after = case.next();
        assert_eq!(scale_of(&after), None, "{invalid} stays invalid");
        assert_eq!(area(&after).reason, Some(Reason::CalibrationExpired), "there was one before {invalid}");
        case.measure.set_property("calibration", "0.2");
        assert_eq!(scale_of(&case.next()).as_deref(), Some("operator:0.2x0.2"), "after {invalid}");
    }
    case.measure.set_property("calibration", "");
    assert_eq!(scale_of(&case.next()), None);
    assert_eq!(case.rig.complaints(), Vec::<String>::new());
}

#[test]
fn the_property_set_before_the_first_caps_holds() {
    let case = Calibrated::new("");
    // The elements are in PLAYING already and know no picture yet.
    case.measure.set_property("calibration", "0.2");
    let mut case = case.start();
    assert_eq!(scale_of(&case.next()).as_deref(), Some("operator:0.2x0.2"));
}

#[test]
fn a_scale_does_not_outlive_the_size_of_its_picture() {
    let mut case = Calibrated::new("0.2").start();
    assert!(scale_of(&case.next()).is_some());
    case.resize(80, 60);
    let complaints = case.rig.complaints();
    let expected = "warning: the calibration no longer holds (picture changed): set it again";
    assert_eq!(complaints, [expected]);
    let after = case.next();
    assert_eq!(scale_of(&after), None);
    assert_eq!(area(&after).reason, Some(Reason::CalibrationExpired));
    case.resize(160, 120);
    assert_eq!(scale_of(&case.next()), None, "what was given up does not come back by itself");
    case.measure.set_property("calibration", "0.2");
    assert!(scale_of(&case.next()).is_some());
    assert_eq!(case.rig.complaints(), Vec::<String>::new());
}

#[test]
fn a_scale_stays_where_only_the_format_changes() {
    let mut case = Calibrated::new("0.2").start();
    case.info = picture::info(gst_video::VideoFormat::Nv12, 160, 120);
    let info = case.info.clone();
    case.rig.set_caps(&info);
    assert!(scale_of(&case.next()).is_some());
    assert_eq!(case.rig.complaints(), Vec::<String>::new());
}

#[test]
fn a_frames_own_scale_comes_before_the_property() {
    let own = Calibration::new(MmPerPx(0.7), MmPerPx(0.6), CalibrationSource::Table, 0.01).unwrap();
    for property in ["", "0.2"] {
        let mut case = Calibrated::new(property).start();
        assert_eq!(scale_of(&case.next_with(Some(&own))).as_deref(), Some("table:0.7x0.6"), "'{property}'");
        let after = scale_of(&case.next());
        assert_eq!(after.is_some(), !property.is_empty(), "it is that frame's alone: {after:?}");
        case.resize(80, 60);
        assert_eq!(scale_of(&case.next_with(Some(&own))).as_deref(), Some("table:0.7x0.6"), "'{property}'");
    }
}

#[test]
fn a_scale_or_protocol_that_is_none_does_not_start() {
    for (property, value, complaint) in [
        ("calibration", "0", "0 mm per pixel along x is no calibration"),
        ("calibration", "x", "'x' is no calibration"),
        ("protocol", "heart", "there is no protocol 'heart'"),
    ] {
        let measure = measure("");
        let bus = gst::Bus::new();
        measure.set_bus(Some(&bus));
        measure.set_property(property, value);
        assert!(measure.set_state(gst::State::Paused).is_err(), "{property}={value}");
        let message = bus.pop_filtered(&[gst::MessageType::Error]).expect("an error is posted");
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        let text = error.error().message().to_owned();
        assert!(text.starts_with(complaint) && !text.contains('\n'), "{text}");
        measure.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn every_value_is_posted_and_can_be_read_back() {
    let mut case = Calibrated::new("0.2").start();
    let result = case.next();
    let posted: Vec<_> = std::iter::from_fn(|| case.rig.bus.pop_filtered(&[gst::MessageType::Element]))
        .filter_map(|message| MeasurementMessage::try_from(message.structure()?).ok())
        .collect();
    let expected: Vec<_> = result.measurements.iter().map(|m| MeasurementMessage::new(&result, m)).collect();
    assert!(!expected.is_empty());
    assert_eq!(posted, expected);
    case.measure.set_property("post-messages", false);
    case.next();
    assert!(case.rig.bus.pop_filtered(&[gst::MessageType::Element]).is_none());
}
