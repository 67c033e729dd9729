//! What flow must find, on textures that move in a known way.

use std::sync::Arc;

use super::*;
use crate::components::Components;
use crate::contour::Contour;
use crate::ellipse::EllipseInFrame;
use crate::frame::{Frame, PixelFormat};
use crate::geometry::PointInFrame;
use crate::mask::{LabelMask, ProbabilityMap};
use crate::result::{ClassInfo, ClassResult, EngineIdentity, FrameResult, Mark, Reason, ResultStatus};

const W: usize = 128;
const H: usize = 96;

/// A number from 0 to 1 for a place, the same each time.
fn speckle(x: i64, y: i64, octave: i64) -> f32 {
    let n = (x * 374_761_393 + y * 668_265_263 + octave * 974_634_777) & 0xffff_ffff;
    let n = ((n ^ (n >> 13)) * 1_274_126_177) & 0xffff_ffff;
    ((n ^ (n >> 16)) & 0xffff) as f32 / 65_535.0
}

/// A texture with detail at several sizes that never repeats, the coarse the stronger, as in pictures of tissue.
fn texture(x: f32, y: f32) -> f32 {
    let octaves = [(5.0, 22.0), (10.0, 36.0), (20.0, 54.0), (40.0, 80.0)];
    let of = |octave: i64, cell: f32| {
        let (u, v) = (x / cell + 100.0, y / cell + 100.0);
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (fu, fv) = (smooth(u - u.floor()), smooth(v - v.floor()));
        let at = |i: i64, j: i64| speckle(u.floor() as i64 + i, v.floor() as i64 + j, octave);
        let (top, bottom) = (at(0, 0) * (1.0 - fu) + at(1, 0) * fu, at(0, 1) * (1.0 - fu) + at(1, 1) * fu);
        top * (1.0 - fv) + bottom * fv - 0.5
    };
    (0..).zip(octaves).map(|(octave, (cell, strength))| strength * of(octave, cell)).sum()
}

/// The texture, looked at from elsewhere: `at` says where a pixel's content lies in it.
fn picture(at: impl Fn(f32, f32) -> (f32, f32), gain: f32) -> Gray {
    let pixel = |i: usize| {
        let (x, y) = at((i % W) as f32, (i / W) as f32);
        (gain * (128.0 + texture(x, y))).clamp(0.0, 255.0) as u8
    };
    Gray::new(W, H, &(0..W * H).map(pixel).collect::<Vec<_>>()).unwrap()
}

/// How far the flow is off, pixels, away from the edges: mean and 95th percentile.
fn off(flow: &Flow, was: impl Fn(f32, f32) -> (f32, f32)) -> (f32, f32) {
    let mut all: Vec<f32> = (16..H - 16)
        .flat_map(|y| (16..W - 16).map(move |x| (x, y)))
        .map(|(x, y)| {
            let (wx, wy) = was(x as f32, y as f32);
            (flow.x.at(x, y) + x as f32 - wx).hypot(flow.y.at(x, y) + y as f32 - wy)
        })
        .collect();
    all.sort_by(f32::total_cmp);
    (all.iter().sum::<f32>() / all.len() as f32, all[all.len() * 95 / 100])
}

fn disc(cx: f32, cy: f32) -> LabelMask {
    // Twice the picture's size, as masks are larger than what motion is looked for in.
    let inside = |i: usize| {
        let (x, y) = ((i % (2 * W)) as f32, (i / (2 * W)) as f32);
        (x - cx).hypot(y - cy) < 40.0
    };
    LabelMask { width: 2 * W, height: 2 * H, labels: (0..4 * W * H).map(|i| u8::from(inside(i))).collect() }
}

#[test]
fn what_moves_with_the_picture_fits_and_what_stays_behind_does_not() {
    // Six pixels to the right and three up, and a little darker.
    let earlier = picture(|x, y| (x, y), 1.0);
    let later = picture(|x, y| (x - 6.0, y + 3.0), 0.8);
    let flow = flow(&earlier, &later).unwrap();
    let (mean, most) = off(&flow, |x, y| (x - 6.0, y + 3.0));
    assert!(mean < 0.5 && most < 1.5, "{mean} {most}");
    // Twelve and six pixels of the masks.
    let (then, along, behind) = (disc(120.0, 100.0), disc(132.0, 94.0), disc(120.0, 100.0));
    let iou = |now: &LabelMask| flow.moved_iou(&then, now, &[1, 2]);
    assert!(iou(&along)[0].unwrap() > 0.95, "{:?}", iou(&along));
    assert!(iou(&behind)[0].unwrap() < 0.8, "{:?}", iou(&behind));
    assert_eq!(iou(&along)[1], None);
}

#[test]
fn a_turn_and_a_zoom_are_followed() {
    let turn = |degrees: f32, zoom: f32| {
        let (sin, cos) = degrees.to_radians().sin_cos();
        move |x: f32, y: f32| {
            let (x, y) = ((x - 64.0) * zoom, (y - 48.0) * zoom);
            (64.0 + x * cos + y * sin, 48.0 + y * cos - x * sin)
        }
    };
    let earlier = picture(|x, y| (x, y), 1.0);
    let later = picture(turn(4.0, 0.96), 1.0);
    let flow = flow(&earlier, &later).unwrap();
    let (mean, most) = off(&flow, turn(4.0, 0.96));
    assert!(mean < 0.3 && most < 1.0, "{mean} {most}");
}

#[test]
fn a_picture_without_structure_stays_and_sizes_must_agree() {
    let flat = Gray::new(W, H, &[90; W * H]).unwrap();
    let still = flow(&flat, &flat).unwrap();
    assert!(still.x.values.iter().chain(&still.y.values).all(|v| v.abs() < 1e-3));
    let mask = disc(100.0, 100.0);
    assert_eq!(still.moved_iou(&mask, &mask, &[1]), [Some(1.0)]);
    let other = Gray::new(64, 64, &[90; 4096]).unwrap();
    assert!(flow(&flat, &other).is_none());
    assert!(Gray::new(4, 4, &[0; 15]).is_none());
    let small = LabelMask { width: 2, height: 2, labels: vec![1; 4] };
    assert_eq!(still.moved_iou(&small, &mask, &[1]), [None]);
}

fn ellipse(center: (f64, f64)) -> EllipseInFrame {
    let center = PointInFrame { x_px: center.0, y_px: center.1 };
    EllipseInFrame { center, major_px: (30.0, 4.0), minor_px: (-3.0, 20.0) }
}

/// A result with an outline that has a hole, and every kind of mark.
fn found() -> FrameResult {
    let at = |x_px: f64, y_px: f64| PointInFrame { x_px, y_px };
    let circle = |radius: f64| {
        let place = |i: i32| f64::from(i).to_radians().sin_cos();
        (0..360)
            .step_by(6)
            .map(|i| at(128.0 + radius * place(i).1, 96.0 + radius * place(i).0))
            .collect::<Vec<_>>()
    };
    let contour = Contour {
        outer: circle(40.0),
        holes: vec![circle(10.0)],
        area_px2: 4712.0,
        hole_area_px2: 314.0,
        border_fraction: 0.0,
        object: None,
    };
    let class = ClassInfo {
        index: 1,
        name: "disc".to_owned(),
        label: "Disc".to_owned(),
        color: [0; 3],
        threshold: 0.5,
    };
    let engine = EngineIdentity {
        name: "test".to_owned(),
        version: String::new(),
        sha256: String::new(),
        precision: String::new(),
        backend: String::new(),
        protocol: String::new(),
    };
    let mut result = FrameResult::missing(Arc::new(engine), 0, Reason::NoResultYet);
    result.status = ResultStatus::Ok;
    result.classes = vec![ClassResult {
        class: Arc::new(class),
        probability: ProbabilityMap::new(1, 1, vec![1.0]).unwrap(),
        contours: vec![contour],
        unconfirmed: Vec::new(),
        confidence: Some(0.9),
        withheld: None,
        components: Components::default(),
    }];
    result.marks = vec![
        Mark::Ellipse(ellipse((128.0, 96.0))),
        Mark::Caliper { from: at(100.0, 90.0), to: at(150.0, 100.0), name: "length" },
        Mark::Line { points: vec![at(100.0, 90.0), at(120.0, 95.0)], name: "axis" },
        Mark::Point { at: at(128.0, 96.0), name: "tip" },
    ];
    result
}

fn pyramid(picture: &Gray) -> Pyramid {
    Pyramid::new(picture).unwrap()
}

#[test]
fn outlines_and_marks_are_carried_and_values_are_not() {
    let earlier = pyramid(&picture(|x, y| (x, y), 1.0));
    let later = pyramid(&picture(|x, y| (x - 6.0, y + 3.0), 0.9));
    // The picture itself is twice as large: 12 pixels to the right and 6 up.
    let motion = Motion::between(&earlier, &later, (2 * W, 2 * H), || true).unwrap();
    let found = found();
    let carried = motion.carried(&found);
    let moved = |was: PointInFrame, is: PointInFrame| {
        let off = (is.x_px - was.x_px - 12.0).hypot(is.y_px - was.y_px + 6.0);
        assert!(off < 2.0, "{was:?} {is:?}");
    };
    let (was, is) = (&found.classes[0].contours[0], &carried.classes[0].contours[0]);
    assert_eq!((was.outer.len(), is.holes.len(), was.area_px2), (is.outer.len(), 1, is.area_px2));
    was.outer
        .iter()
        .zip(&is.outer)
        .chain(was.holes[0].iter().zip(&is.holes[0]))
        .for_each(|(a, b)| moved(*a, *b));
    assert_eq!(carried.marks.len(), found.marks.len());
    for (was, is) in found.marks.iter().zip(&carried.marks) {
        match (was, is) {
            (Mark::Ellipse(a), Mark::Ellipse(b)) => {
                moved(a.center, b.center);
                assert!(
                    (a.major_px.0 - b.major_px.0).abs() < 1.0 && (a.minor_px.1 - b.minor_px.1).abs() < 1.0
                );
            }
            (Mark::Caliper { from, to, .. }, Mark::Caliper { from: f, to: t, name }) => {
                moved(*from, *f);
                moved(*to, *t);
                assert_eq!(*name, "length");
            }
            (Mark::Line { points: a, .. }, Mark::Line { points: b, .. }) => {
                a.iter().zip(b).for_each(|(a, b)| moved(*a, *b));
            }
            (Mark::Point { at: a, .. }, Mark::Point { at: b, .. }) => moved(*a, *b),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_lies_along_the_edge_of_the_picture_stays_there() {
    let earlier = pyramid(&picture(|x, y| (x, y), 1.0));
    let later = pyramid(&picture(|x, y| (x - 6.0, y), 1.0));
    let motion = Motion::between(&earlier, &later, (W, H), || true).unwrap();
    let at = |x_px: f64, y_px: f64| PointInFrame { x_px, y_px };
    let cut = Contour {
        outer: vec![at(-0.5, 30.0), at(60.0, 30.0), at(60.0, 60.0), at(-0.5, 60.0)],
        ..found().classes[0].contours[0].clone()
    };
    let carried = motion.contour(&cut).outer;
    assert!(carried[0].x_px == -0.5 && carried[3].x_px == -0.5, "{carried:?}");
    assert!((carried[1].x_px - 66.0).abs() < 1.5 && (carried[2].x_px - 66.0).abs() < 1.5, "{carried:?}");
}

#[test]
fn what_takes_too_long_is_given_up_and_what_does_not_fit_is_no_motion() {
    let earlier = pyramid(&picture(|x, y| (x, y), 1.0));
    let later = pyramid(&picture(|x, y| (x - 6.0, y + 3.0), 1.0));
    let mut asked = 0;
    let given_up = Motion::between(&earlier, &later, (W, H), || {
        asked += 1;
        asked < 5
    });
    assert!(given_up.is_none() && asked == 5);
    let still = Motion::between(&earlier, &earlier, (W, H), || true).unwrap();
    let p = PointInFrame { x_px: 40.25, y_px: 30.0 };
    let at = still.point(p);
    assert!((at.x_px - p.x_px).abs() < 0.01 && (at.y_px - p.y_px).abs() < 0.01, "{at:?}");
    let other = pyramid(&Gray::new(64, 64, &[7; 4096]).unwrap());
    assert!(Motion::between(&earlier, &other, (W, H), || true).is_none());
}

#[test]
fn a_frame_of_any_format_is_made_small_alike() {
    let level = |x: usize, y: usize| ((x / 20 * 37 + y / 20 * 11) % 200) as u8;
    let (w, h) = (400, 240);
    let gray: Vec<u8> = (0..w * h).map(|i| level(i % w, i / w)).collect();
    let of = |format, bytes: usize, pixels: &[u8]| {
        let frame = Frame::new(format, w, h, &[(pixels, w * bytes)]).unwrap();
        Gray::of_frame(&frame, 100)
    };
    let small = of(PixelFormat::Gray8, 1, &gray);
    assert_eq!((small.width(), small.height()), (100, 60));
    // A block of 20 pixels is 5 small ones.
    assert!((small.at(2, 2) - f32::from(level(10, 10)) / 255.0).abs() < 1e-3);
    for (format, bytes) in [(PixelFormat::Rgb, 3), (PixelFormat::Bgra, 4)] {
        let pixels: Vec<u8> = gray.iter().flat_map(|v| vec![*v; bytes]).collect();
        let other = of(format, bytes, &pixels);
        assert!(small.values.iter().zip(&other.values).all(|(a, b)| (a - b).abs() < 0.005), "{format:?}");
    }
    let tiny = [9_u8; 6];
    let frame = Frame::new(PixelFormat::Gray8, 3, 2, &[(&tiny, 3)]).unwrap();
    let small = Gray::of_frame(&frame, 100);
    assert_eq!((small.width(), small.height()), (3, 2));
    assert!(Pyramid::new(&small).is_none());
}
