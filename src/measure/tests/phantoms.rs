//! Nodule, muscle, optic nerve and endoscope on the project's phantoms: their masks are measured, and their
//! truth, which comes from the shapes by closed form, is what must come out. `--nocapture` prints the errors
//! found.
#![allow(clippy::panic, clippy::unwrap_used)]

mod common;

use common::{measured, number, of_maps, same, scale};
use vesalius_measure::calibration::Scale;
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::protocol::{Event, ProtocolConfig, Session};
use vesalius_measure::result::{FrameResult, Reason};
use vesalius_measure::units::Unit;
use vesalius_phantom::scenes::{
    EndoscopeField, EndoscopeScene, FrameMeasures, FrameRecord, Phantom, SceneOptions,
};

/// A frame's mask as an engine would give it: a map a class.
fn result(phantom: &dyn Phantom, mask: &[u8], pts_ns: u64) -> FrameResult {
    let [width, height] = phantom.size_px();
    let map = |index: u8| {
        let values: Vec<f32> = mask.iter().map(|&label| f32::from(u8::from(label == index))).collect();
        ProbabilityMap::new(width as usize, height as usize, values).unwrap()
    };
    let classes = phantom.info().classes.iter().map(|class| (class.name, map(class.index)));
    of_maps(same(width, height), pts_ns, classes.collect())
}

/// Measures frames of a phantom by their masks alone.
fn measure(phantom: &dyn Phantom, settings: &str, check: &mut dyn FnMut(&FrameResult, &FrameRecord)) {
    let mut session = Session::new(&ProtocolConfig::from_toml(settings).unwrap());
    for index in 0..40 {
        let truth = phantom.truth(index);
        let scale = scale(truth.mm_per_px_x.unwrap(), truth.mm_per_px_y.unwrap());
        let mut result = result(phantom, &phantom.mask(index), truth.pts_ns);
        session.measure(&mut result, &scale, None);
        check(&result, &truth);
    }
}

#[test]
fn a_nodules_diameters_are_those_of_the_phantom() {
    let phantom = SceneOptions::from_name("nodule").unwrap().prepare().unwrap();
    let structure = phantom.info().classes[0].name;
    let (mut worst_px, mut worst_ratio) = (0.0_f64, 0.0_f64);
    let settings = format!("protocol = 'nodule-thyroid'\nstructure = '{structure}'");
    measure(&*phantom, &settings, &mut |result, truth| {
        let FrameMeasures::Nodule(n) = &truth.measures else { panic!() };
        if measured(result, "ap_diameter").reason == Some(Reason::Truncated) {
            return;
        }
        for (name, of, mm_per_px) in [
            ("ap_diameter", n.depth_extent_mm, truth.mm_per_px_y.unwrap()),
            ("transverse_diameter", n.width_extent_mm, truth.mm_per_px_x.unwrap()),
            ("max_diameter", n.feret_max_mm, truth.mm_per_px_x.unwrap()),
        ] {
            worst_px = worst_px.max((number(result, name) - of).abs() / mm_per_px);
        }
        let ratio = number(result, "taller_than_wide_ratio") / n.taller_than_wide - 1.0;
        worst_ratio = worst_ratio.max(ratio.abs());
    });
    println!("nodule phantom: diameters {worst_px:.3} px, ratio {:.2} %", 100.0 * worst_ratio);
    // The masks are binary: half a pixel at each end is what they do not know.
    assert!(worst_px < 1.0 && worst_ratio < 0.015, "{worst_px} {worst_ratio}");
}

#[test]
fn a_muscle_is_as_thick_as_the_phantom() {
    let phantom = SceneOptions::from_name("muscle").unwrap().prepare().unwrap();
    let structure = phantom.info().classes[0].name;
    let mut worst = 0.0_f64;
    measure(
        &*phantom,
        &format!("protocol = 'muscle-thickness'\nstructure = '{structure}'"),
        &mut |r, truth| {
            let FrameMeasures::Muscle(m) = &truth.measures else { panic!() };
            let error = number(r, "muscle_thickness") - m.thickness_mm;
            worst = worst.max(error.abs() / truth.mm_per_px_y.unwrap());
        },
    );
    println!("muscle phantom: {worst:.3} px");
    assert!(worst <= 0.5, "{worst}");
}

#[test]
fn a_nerves_sheath_is_as_wide_as_the_phantom() {
    let phantom = SceneOptions::from_name("optic-nerve").unwrap().prepare().unwrap();
    let [globe, sheath] = phantom.info().classes else { panic!() };
    let settings =
        format!("protocol = 'optic-nerve-sheath'\nglobe = '{}'\nsheath = '{}'", globe.name, sheath.name);
    let mut worst = 0.0_f64;
    measure(&*phantom, &settings, &mut |result, truth| {
        let FrameMeasures::OpticNerve(nerve) = &truth.measures else { panic!() };
        let error = number(result, "optic_nerve_sheath_diameter") - nerve.sheath_mm;
        worst = worst.max(error.abs());
    });
    println!("optic nerve phantom: {worst:.4} mm");
    // Binary masks of 0.06 to 0.1 mm a pixel; 0.03 mm is the goal for what a network says.
    assert!(worst <= 0.06, "{worst}");
}

#[test]
fn an_endoscopy_from_caecum_to_exit() {
    for field in [EndoscopeField::Octagon, EndoscopeField::Circle] {
        let scene = EndoscopeScene {
            field,
            blurred_s: vec![[6.0, 7.0]],
            dark_s: vec![[8.0, 8.6]],
            outside_s: vec![[0.0, 0.5]],
            caecum_s: Some(2.0),
            exit_s: Some(10.0),
            ..EndoscopeScene::default()
        };
        let phantom = SceneOptions::Endoscope(scene).prepare().unwrap();
        walk(&*phantom, field);
    }
}

/// What was found over a clip.
#[derive(Default, Debug)]
struct Found {
    frames: u32,
    clear_as_true: u32,
    inside_as_true: u32,
    tips: Vec<f64>,
    sizes: Vec<f64>,
    field: Vec<f64>,
}

fn walk(phantom: &dyn Phantom, field: EndoscopeField) {
    let [lesion, tool] = phantom.info().classes else { panic!() };
    // The limit of sharpness is each scope's own: this one's blurred pictures have 0.045 and its sharp ones
    // 0.074. It was chosen on this clip, so that `clear` here tests the wiring and not the limit.
    let settings = format!(
        "protocol = 'endoscopy'\nlesions = ['{}']\ntools = ['{}']\n[picture]\nmin_sharpness = 0.06",
        lesion.name, tool.name
    );
    let mut session = Session::new(&ProtocolConfig::from_toml(&settings).unwrap());
    let [width, height] = phantom.size_px().map(|px| px as usize);
    let (mut found, mut was_withdrawal, mut was_touching) = (Found::default(), false, false);
    let mut was_exit = false;
    let mut last = None;
    for index in 0..330 {
        let frame = phantom.render(index);
        let FrameMeasures::Endoscope(truth) = &frame.truth.measures else { panic!() };
        let pts_ns = frame.truth.pts_ns;
        if truth.is_withdrawal && !was_withdrawal {
            session.event(&Event::Mark("caecum".into()), pts_ns);
        }
        let is_at_exit = truth.is_out_of_body && was_withdrawal;
        if is_at_exit && !was_exit {
            session.event(&Event::Mark("exit".into()), pts_ns);
        }
        was_exit |= is_at_exit;
        was_withdrawal |= truth.is_withdrawal;
        let is_touching = truth.tool.is_some_and(|t| t.is_touching);
        if is_touching != was_touching {
            let confirm = Event::ConfirmTool { width_mm: 2.4, class: tool.name.to_owned() };
            session.event(if is_touching { &confirm } else { &Event::Withdraw }, pts_ns);
        }
        was_touching = is_touching;
        let mut result = result(phantom, &frame.mask, pts_ns);
        let picture = Frame::new(PixelFormat::Rgb, width, height, &[(&frame.pixels, 3 * width)]).unwrap();
        session.measure(&mut result, &Scale::default(), Some(&picture));
        let is_so = |name: &str| measured(&result, name).value == Some(1.0);
        let is_good = !(truth.is_blurred || truth.is_dark || truth.is_out_of_body);
        found.frames += 1;
        found.clear_as_true += u32::from(is_so("clear") == is_good);
        found.inside_as_true += u32::from(is_so("inside_body") != truth.is_out_of_body);
        if !truth.is_out_of_body {
            let area = number(&result, "field_fraction") / 100.0 * (width * height) as f64;
            found.field.push(area / truth.field_area_px - 1.0);
        }
        let diameter = measured(&result, "max_diameter");
        if let (Some(value), Some(lesion), Unit::Mm, None) =
            (diameter.value, truth.lesion, diameter.unit, diameter.reason)
        {
            found.sizes.push(value / lesion.feret_mm - 1.0);
        }
        if let (Some(tool), Some(x), Some(y)) = (
            truth.tool.filter(|_| is_good && measured(&result, "tip_x").reason.is_none()),
            measured(&result, "tip_x_px").value,
            measured(&result, "tip_y_px").value,
        ) {
            found.tips.push((x - tool.tip_px[0]).hypot(y - tool.tip_px[1]));
        }
        last = Some(measured(&result, "withdrawal_time").clone());
    }
    let quantile = |values: &[f64], q: f64| {
        let mut sorted: Vec<f64> = values.iter().map(|v| v.abs()).collect();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * q) as usize]
    };
    let of = |values: &[f64]| (values.len(), quantile(values, 0.5), quantile(values, 1.0));
    let last = last.unwrap();
    println!(
        "endoscope phantom, {field:?}: clear as true {} and inside as true {} of {}; \
         number, median and worst: field area {:.4?}, tip {:.2?} px, size by tool {:.4?}; withdrawal {:?} s",
        found.clear_as_true,
        found.inside_as_true,
        found.frames,
        of(&found.field),
        of(&found.tips),
        of(&found.sizes),
        last.value
    );
    let (clear, inside) = (found.frames - found.clear_as_true, found.frames - found.inside_as_true);
    // Five frames to believe in outside, thirteen to believe in inside again.
    assert!(inside <= 18 && clear <= 20, "{inside} {clear}");
    assert!(quantile(&found.field, 1.0) < 5e-3);
    assert!(found.tips.len() > 80 && quantile(&found.tips, 0.5) < 0.5 && quantile(&found.tips, 1.0) < 1.5);
    // Binary masks of a tool of 32 pixels: half a pixel is 1.6 %.
    assert!(
        found.sizes.len() > 30 && quantile(&found.sizes, 0.5) < 5e-3 && quantile(&found.sizes, 1.0) < 0.02
    );
    assert!((last.value.unwrap() - 8.0).abs() < 1.0 / 30.0 && last.reason.is_none(), "{last:?}");
}
