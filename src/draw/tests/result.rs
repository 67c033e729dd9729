//! Whole scenes: the same bytes everywhere, every size, every state told apart.

#![allow(clippy::unwrap_used)]

use vesalius_draw::{Corner, Layer, Style, Wording, draw_result};
use vesalius_measure::geometry::PointInFrame;
use vesalius_measure::result::{FrameResult, Mark, Reason, Unlikeness};
use vesalius_measure::track::{Bounds, TrackId};

mod scene;

use scene::Case;

fn draw(width: usize, height: usize, result: &FrameResult, style: &Style) -> Layer {
    let mut layer = Layer::new(width, height).unwrap();
    draw_result(&mut layer, result, style);
    layer
}

/// FNV-1a of all pixels (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn digest(layer: &Layer) -> u64 {
    let pixels = (0..layer.height()).flat_map(|y| (0..layer.width()).map(move |x| layer.pixel(x, y)));
    pixels.flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn missing(reason: Reason) -> FrameResult {
    FrameResult::missing(scene::head(8, 8, Case::Found).engine, 0, reason)
}

/// Drawing is exactly rounded arithmetic: these digests hold on every machine. They change when the look does:
/// look at the pictures of the example `sample_overlay` before taking new ones over.
#[test]
fn scenes_have_their_golden_digests() {
    let style = Style::default();
    let filled = Style { fill_opacity: 0.25, ..Style::default() };
    for (name, width, height, result, style, wanted) in [
        ("found", 1920, 1080, scene::head(1920, 1080, Case::Found), &style, 0xfdf9_6605_bee5_dc2e),
        ("found", 800, 540, scene::head(800, 540, Case::Found), &style, 0x9aaa_ff35_cea7_3f59),
        ("found", 207, 141, scene::head(207, 141, Case::Found), &style, 0xf36f_2d17_4728_5bca),
        ("cut", 800, 540, scene::head(800, 540, Case::Cut), &style, 0x65c3_978e_7863_8ef3),
        ("uncalibrated", 800, 540, scene::head(800, 540, Case::Uncalibrated), &style, 0xae05_8d4e_9d37_4108),
        ("nothing found", 800, 540, scene::head(800, 540, Case::NothingFound), &style, 0xa9da_1dc2_502d_d25a),
        ("missing", 800, 540, missing(Reason::Stale), &style, 0xf64f_c72a_2cc7_26bf),
        ("filled", 800, 540, scene::head(800, 540, Case::Found), &filled, 0x46f7_9472_4f36_2ce4),
    ] {
        let got = digest(&draw(width, height, &result, style));
        assert_eq!(got, wanted, "{name} {width}x{height}: {got:#018x}");
    }
}

#[test]
fn no_size_and_no_style_panics() {
    let sizes =
        [(1, 1), (1, 2000), (2000, 1), (2, 3), (16, 16), (64, 48), (208, 208), (207, 141), (333, 1111)];
    let corners = [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight];
    for (width, height) in sizes {
        for case in scene::CASES {
            for corner in corners {
                for factor in [1.0, 0.0, 8.0, f64::NAN, f64::INFINITY] {
                    let style = Style {
                        value_corner: corner,
                        text_scale: factor,
                        line_width: factor,
                        fill_opacity: factor,
                        ..Style::default()
                    };
                    draw(width, height, &scene::head(width, height, case), &style);
                }
            }
        }
        draw(width, height, &missing(Reason::NoResultYet), &Style::default());
    }
    let mut wild = scene::head(300, 200, Case::Found);
    let nowhere = PointInFrame { x_px: f64::NAN, y_px: f64::INFINITY };
    wild.marks.push(Mark::Caliper { from: nowhere, to: nowhere, name: "area" });
    wild.marks.push(Mark::Caliper {
        from: PointInFrame { x_px: 1e300, y_px: -1e300 },
        to: PointInFrame { x_px: -1e300, y_px: 5.0 },
        name: "perimeter",
    });
    draw(300, 200, &wild, &Style::default());
}

/// A scanner's own header, ruler and ECG stay as they are, and what there is to say is said beside them.
#[test]
fn nothing_is_drawn_on_what_is_kept_clear() {
    let (width, height) = (800, 540);
    let scene = scene::head(width, height, Case::Found);
    let drawn_in = |layer: &Layer, left: usize, top: usize, right: usize, bottom: usize| {
        let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| layer.pixel(x, y) != [0; 4]).count()
    };
    let plain = draw(width, height, &scene, &Style::default());
    let text = Style { show_contour: false, show_ellipse: false, show_calipers: false, ..Style::default() };
    let text_px = drawn_in(&draw(width, height, &scene, &text), 0, 0, width, height);
    // Through the middle of the head, too: an outline is no better there than text.
    for (clear, area) in [
        (vec!["0,0.85,1,0.15"], (0, 459, 800, 540)),
        (vec!["0,0.7,0.5,0.3", "0.5,0.7,0.5,0.3"], (0, 378, 800, 540)),
        (vec!["0,0,0.06,1"], (0, 0, 48, 540)),
        (vec!["0.4,0.4,0.2,0.2"], (320, 216, 480, 324)),
    ] {
        let (left, top, right, bottom) = area;
        assert!(drawn_in(&plain, left, top, right, bottom) > 0, "{clear:?}: nothing was to be kept away");
        let keep_clear = clear.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let kept = draw(width, height, &scene, &Style { keep_clear: keep_clear.clone(), ..Style::default() });
        assert_eq!(drawn_in(&kept, left, top, right, bottom), 0, "{clear:?}");
        let moved = draw(width, height, &scene, &Style { keep_clear, ..text.clone() });
        assert_eq!(drawn_in(&moved, 0, 0, width, height), text_px, "{clear:?}: no text is lost");
    }
    // The notice has to be somewhere.
    let all = Style { keep_clear: vec!["0,0,1,1".parse().unwrap()], ..Style::default() };
    let left = drawn_in(&draw(width, height, &scene, &all), 0, 0, width, height);
    let notice_alone = Style { show_status: false, show_values: false, ..text };
    assert_eq!(left, drawn_in(&draw(width, height, &scene, &notice_alone), 0, 0, width, height));
}

/// "Running, nothing found", "no result" and "found" differ on the picture, and no mask of a missing result is
/// drawn.
#[test]
fn states_look_different() {
    let digests: Vec<u64> = [
        scene::head(800, 540, Case::Found),
        scene::head(800, 540, Case::NothingFound),
        missing(Reason::Stale),
        missing(Reason::InferenceFailed),
    ]
    .iter()
    .map(|result| digest(&draw(800, 540, result, &Style::default())))
    .collect();
    for (i, a) in digests.iter().enumerate() {
        assert!(digests.iter().skip(i + 1).all(|b| a != b));
    }
    let mut stale = scene::head(800, 540, Case::Found);
    stale.status = vesalius_measure::result::ResultStatus::Missing(Reason::Stale);
    assert_eq!(digest(&draw(800, 540, &stale, &Style::default())), digests[2]);
}

/// Without anything to show the layer stays empty: switched off is off.
#[test]
fn everything_can_be_switched_off() {
    let off = Style {
        show_contour: false,
        show_ellipse: false,
        show_calipers: false,
        show_values: false,
        show_status: false,
        notice: String::new(),
        ..Style::default()
    };
    assert!(draw(800, 540, &scene::head(800, 540, Case::Found), &off).is_empty());
    // The status goes without the notice, too, and the notice without the status.
    let status = Style { show_status: true, ..off.clone() };
    let notice = Style { notice: "NOT FOR CLINICAL USE".to_owned(), ..off };
    assert!(!draw(800, 540, &scene::head(800, 540, Case::Found), &status).is_empty());
    assert!(!draw(800, 540, &scene::head(800, 540, Case::Found), &notice).is_empty());
}

/// The panels cover a quarter of the picture at most, at any size.
#[test]
fn text_leaves_the_picture_to_be_seen() {
    let text_alone =
        Style { show_contour: false, show_ellipse: false, show_calipers: false, ..Style::default() };
    for (width, height) in
        [(64, 48), (160, 120), (208, 208), (320, 240), (500, 141), (800, 540), (1920, 1080)]
    {
        for case in scene::CASES {
            let layer = draw(width, height, &scene::head(width, height, case), &text_alone);
            let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let covered = pixels.filter(|&(x, y)| layer.pixel(x, y)[3] > 0).count();
            assert!(covered as f64 <= 0.25 * (width * height) as f64, "{width}x{height} {case:?}: {covered}");
        }
    }
}

/// A doubtful outline is dashed: it has much less ink than a solid one, and a missing scale is no doubt about it.
#[test]
fn doubt_is_dashed() {
    let outline = Style {
        show_ellipse: false,
        show_calipers: false,
        show_values: false,
        show_status: false,
        notice: String::new(),
        ..Style::default()
    };
    let ink = |result: &FrameResult| -> u64 {
        let layer = draw(1000, 700, result, &outline);
        let pixels = (0..700).flat_map(|y| (0..1000).map(move |x| (x, y)));
        pixels.map(|(x, y)| u64::from(layer.pixel(x, y)[3])).sum()
    };
    let solid = ink(&scene::head(1000, 700, Case::Found));
    let mut doubtful = scene::head(1000, 700, Case::Found);
    doubtful.classes[0].confidence = Some(0.4);
    let dashed = ink(&doubtful);
    assert!(dashed < solid * 9 / 10 && dashed > solid / 3, "{dashed} of {solid}");
    assert_eq!(ink(&scene::head(1000, 700, Case::Uncalibrated)), solid);
    // What gives no value, and what is unlike the training data, whatever the engine's confidence.
    let mut withheld = scene::head(1000, 700, Case::Found);
    withheld.classes[0].withheld = Some(Reason::LowConfidence);
    assert_eq!(ink(&withheld), dashed);
    let mut unlike = scene::head(1000, 700, Case::Found);
    for (score, expected) in [(0.5, solid), (0.6, dashed)] {
        unlike.unlikeness = Some(Unlikeness { score, threshold: 0.5 });
        assert_eq!(ink(&unlike), expected, "{score}");
    }
}

/// A picture unlike the training data is told in the status, whether something was found or not.
#[test]
fn unlike_training_data_is_said() {
    let mut seen = Vec::new();
    for case in [Case::Found, Case::NothingFound] {
        let status = Style {
            show_contour: false,
            show_ellipse: false,
            show_calipers: false,
            show_values: false,
            ..Style::default()
        };
        let mut result = scene::head(800, 540, case);
        seen.push(digest(&draw(800, 540, &result, &status)));
        result.unlikeness = Some(Unlikeness { score: 2.0, threshold: 1.0 });
        let unlike = draw(800, 540, &result, &status);
        let words =
            Style { wording: Wording { unlike_training: String::new(), ..Wording::default() }, ..status };
        assert_ne!(digest(&unlike), digest(&draw(800, 540, &result, &words)), "the words are there");
        seen.push(digest(&unlike));
    }
    assert_eq!(seen[1], seen[3], "found or not, the words are the same");
    assert!(seen[0] != seen[1] && seen[2] != seen[3] && seen[0] != seen[2]);
}

#[test]
fn an_object_that_is_measured_by_itself_has_its_number_above_its_outline() {
    let style = Style { show_calipers: false, show_ellipse: false, ..Style::default() };
    let mut result = scene::head(800, 540, Case::Found);
    let number = TrackId(3);
    result.classes[0].contours[0].object = Some(number);
    let bounds = Bounds::of(&result.classes[0].contours[0].outer).unwrap();
    let (middle, top) = ((bounds.min.x_px + bounds.max.x_px) / 2.0, bounds.min.y_px);
    // Drawn pixels in a box of 60×20 right above the outline and its halo.
    let drawn = |result: &FrameResult| {
        let layer = draw(800, 540, result, &style);
        let columns = (middle - 30.0) as usize..(middle + 30.0) as usize;
        let rows = (top - 24.0) as usize..(top - 4.0) as usize;
        rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
            .filter(|&(x, y)| layer.pixel(x, y)[3] > 0)
            .count()
    };
    assert_eq!(drawn(&result), 0, "the class is measured as a whole");
    for measurement in &mut result.measurements {
        measurement.structure = number.name("head").into();
    }
    assert!(drawn(&result) > 60, "{} pixels", drawn(&result));
}
