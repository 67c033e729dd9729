use super::*;
use crate::protocol::scene::{self, value};
use crate::protocol::{ProtocolConfig, Session};
use crate::result::{FrameResult, Validity};

const SOURCE: (u32, u32) = (800, 600);
const MODEL: (u32, u32) = (256, 192);
const MM: f64 = 0.2;

fn session(settings: &str) -> Session {
    Session::new(&ProtocolConfig::from_toml(&format!("protocol = 'ivc'\n{settings}")).unwrap())
}

/// A vein that opens into an atrium on its right at `junction_mm` and narrows away from it by 0.1 mm a
/// millimetre; 20 mm from the junction it is `diameter_mm` wide.
fn vein(junction_mm: f64, diameter_mm: f64, with_atrium: bool, pts_ns: u64) -> FrameResult {
    let inside = |x: f64, y: f64| {
        let way = junction_mm - x * MM;
        let half = (diameter_mm + 0.1 * (20.0 - way)) / 2.0;
        ((half - (y * MM - 60.0).abs()) / MM).min(way / MM).min(x - 30.0)
    };
    let atrium = |x: f64, y: f64| (18.0 - (x * MM - junction_mm - 18.0).hypot(y * MM - 60.0)) / MM;
    let mut classes: Vec<(&str, scene::Inside<'_>)> = vec![("inferior_vena_cava", &inside)];
    if with_atrium {
        classes.push(("right_atrium", &atrium));
    }
    scene::frame(SOURCE, MODEL, &classes, pts_ns)
}

#[test]
fn the_site_keeps_its_way_from_the_junction() {
    // The vein slides 12 mm along itself; the diameter 20 mm from the junction stays.
    for junction_mm in [80.0, 84.0, 88.0, 92.0] {
        let mut result = vein(junction_mm, 18.0, true, 0);
        session("").measure(&mut result, &scene::scale(MM, MM), None);
        let m = value(&result.measurements, "diameter");
        assert!((m.value.unwrap() - 18.0).abs() < 0.15, "{junction_mm}: {m:?}");
        assert_eq!((m.validity, m.method), (Validity::Valid, "across-the-axis-from-atrial-junction"));
        let Some(Mark::Caliper { from, to, .. }) = result.marks.first() else { panic!("no caliper") };
        let at = (from.x_px + to.x_px) / 2.0 * MM;
        assert!((junction_mm - at - 20.0).abs() < 0.5, "{at}");
    }
}

#[test]
fn without_a_landmark_the_place_is_uncertain_and_said_to_be() {
    let mut result = vein(84.0, 18.0, false, 0);
    session("").measure(&mut result, &scene::scale(MM, MM), None);
    let m = value(&result.measurements, "diameter");
    assert_eq!((m.validity, m.reason), (Validity::Limited, Some(Reason::AxisAmbiguous)));
    // A site beyond what is seen is not where it was asked for.
    let mut result = vein(84.0, 18.0, true, 0);
    session("site_mm = 90").measure(&mut result, &scene::scale(MM, MM), None);
    assert_eq!(value(&result.measurements, "diameter").reason, Some(Reason::ShapeMismatch));
}

fn breathe(with_atrium: bool, slide_mm: f64) -> FrameResult {
    let mut s = session("window_s = 30");
    let mut last = scene::missing(0);
    // 15 frames a second, 20 breaths a minute, 14 seconds.
    for frame in 0..210_u64 {
        let t = frame as f64 / 15.0;
        let breath = 0.5 + 0.5 * (std::f64::consts::TAU * (t / 3.0 + 0.3)).cos();
        let junction_mm = 84.0 + slide_mm * breath;
        last = vein(junction_mm, 12.0 + 6.0 * breath, with_atrium, frame * 1_000_000_000 / 15);
        s.measure(&mut last, &scene::scale(MM, MM), None);
    }
    last
}

#[test]
fn collapsibility_of_a_vein_that_slides() {
    let result = breathe(true, 8.0);
    let get = |name: &str| value(&result.series, name);
    let index = get("collapsibility");
    assert!((index.value.unwrap() - 1.0 / 3.0).abs() < 0.01, "{index:?}");
    assert_eq!((index.validity, index.unit), (Validity::Valid, Unit::One));
    assert!((get("distensibility").value.unwrap() - 0.5).abs() < 0.02);
    assert!((get("diameter_max").value.unwrap() - 18.0).abs() < 0.15, "{:?}", get("diameter_max"));
    assert!((get("diameter_min").value.unwrap() - 12.0).abs() < 0.15);
    assert!((get("breath_rate").value.unwrap() - 20.0).abs() < 0.2);
    assert_eq!((get("breaths_used").value, get("coverage").value), (Some(3.0), Some(100.0)));
    assert!(!result.series.iter().any(|m| m.name.contains("pressure")));
}

#[test]
fn without_a_landmark_sliding_mixes_with_collapse() {
    let index = breathe(false, 8.0).series.into_iter().find(|m| m.name == "collapsibility").unwrap();
    assert_eq!((index.validity, index.reason), (Validity::Limited, Some(Reason::AxisAmbiguous)));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for wrong in
        ["site_mm = 0.0", "least_per_minute = 50.0", "segment_mm = nan", "window_s = 1e9", "structure = ''"]
    {
        let error = ProtocolConfig::from_toml(&format!("protocol = 'ivc'\n{wrong}")).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}
