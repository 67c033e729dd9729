//! Lines, areas and text: coverage, halo, dashes, and geometry that no picture should get.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use vesalius_draw::{Color, Font, Layer, Stroke};
use vesalius_measure::ellipse::EllipseInFrame;
use vesalius_measure::geometry::PointInFrame;

fn point(x_px: f64, y_px: f64) -> PointInFrame {
    PointInFrame { x_px, y_px }
}

fn circle(center: PointInFrame, radius: f64) -> EllipseInFrame {
    EllipseInFrame { center, major_px: (radius, 0.0), minor_px: (0.0, radius) }
}

/// Sum of alpha over the layer, in pixels.
fn ink(layer: &Layer) -> f64 {
    let rows = (0..layer.height()).flat_map(|y| (0..layer.width()).map(move |x| (x, y)));
    rows.map(|(x, y)| f64::from(layer.pixel(x, y)[3]) / 255.0).sum()
}

/// A line of width w along a circle covers 2πr·w. 2 %: the coverage model is exact along the axes and off by less
/// than that at other angles, and alpha has 8 bits.
#[test]
fn a_circle_has_the_ink_of_its_length_and_width() {
    for (radius, width) in [(40.0, 1.0), (40.3, 2.0), (55.7, 3.0), (71.1, 4.5)] {
        let mut layer = Layer::new(200, 180).unwrap();
        layer.ellipse(&circle(point(97.3, 88.6), radius), &Stroke::new(Color::WHITE, width).with_halo(0.0));
        let wanted = 2.0 * std::f64::consts::PI * radius * width;
        assert!(
            (ink(&layer) / wanted - 1.0).abs() < 0.02,
            "r {radius} w {width}: {} of {wanted}",
            ink(&layer)
        );
    }
}

/// A hundred joints leave no trace: the same straight line in one piece and in many.
#[test]
fn joints_are_no_darker_than_the_line() {
    let stroke = Stroke::new(Color::WHITE.with_alpha(140), 2.4);
    let (mut one, mut many) = (Layer::new(130, 90).unwrap(), Layer::new(130, 90).unwrap());
    let at = |t: f64| point(4.25 + t * 120.5, 3.75 + t * 80.5);
    one.polyline([at(0.0), at(1.0)], false, &stroke);
    // Each step goes back a little first, so that no two are drawn as one.
    let steps = (0..=100).flat_map(|i| [f64::from(i) - 0.3, f64::from(i)]).skip(1);
    many.polyline(steps.map(|i| at(i / 100.0)), false, &stroke);
    for (x, y) in (0..90).flat_map(|y| (0..130).map(move |x| (x, y))) {
        // The same distance, rounded along another way.
        let difference = i16::from(one.pixel(x, y)[3]) - i16::from(many.pixel(x, y)[3]);
        assert!(difference.abs() <= 1, "({x}, {y}): {difference}");
    }
}

/// Tiles are wider than what is left for them of these pictures, and lines run over the edge.
#[test]
fn nothing_is_drawn_beyond_the_picture_nor_left_for_the_next_line() {
    for (width, height) in [(70, 33), (129, 40), (7, 5), (64, 32)] {
        let draw = |layer: &mut Layer| {
            let (right, bottom) = (width as f64, height as f64);
            let stroke = Stroke::new(Color::YELLOW, 3.0);
            layer.polyline([point(-9.0, -4.0), point(right + 9.0, bottom + 3.0)], false, &stroke);
            layer.polyline([point(right - 0.5, -5.0), point(right - 0.5, bottom + 5.0)], false, &stroke);
            layer.ellipse(&circle(point(right, bottom), 4.3), &stroke.dashed(2.0, 1.5));
        };
        let (mut fresh, mut used) = (Layer::new(width, height).unwrap(), Layer::new(width, height).unwrap());
        draw(&mut used);
        used.clear();
        assert!(used.drawn_tiles().next().is_none());
        draw(&mut fresh);
        draw(&mut used);
        for (left, top, pixels) in used.drawn_tiles() {
            for (i, pixel) in pixels.iter().enumerate() {
                let (x, y) = (left + i % Layer::TILE_PX.0, top + i / Layer::TILE_PX.0);
                if x >= width || y >= height {
                    assert_eq!(*pixel, [0; 4], "{width}x{height}: ({x}, {y})");
                } else {
                    assert_eq!(*pixel, fresh.pixel(x, y), "{width}x{height}: ({x}, {y})");
                }
            }
        }
        // A thin line over everything: what a line before had left would be drawn by it.
        fresh.clear();
        used.clear();
        for layer in [&mut fresh, &mut used] {
            layer.polyline([point(-9.0, 2.0), point(200.0, 30.0)], false, &Stroke::new(Color::WHITE, 30.0));
        }
        let mut clean = Layer::new(width, height).unwrap();
        clean.polyline([point(-9.0, 2.0), point(200.0, 30.0)], false, &Stroke::new(Color::WHITE, 30.0));
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            assert_eq!(used.pixel(x, y), clean.pixel(x, y));
            assert_eq!(fresh.pixel(x, y), clean.pixel(x, y));
        }
    }
}

#[test]
fn a_line_has_a_dark_rim_that_spares_its_neighbour() {
    let mut layer = Layer::new(80, 40).unwrap();
    let white = Stroke::new(Color::WHITE, 2.0);
    layer.polyline([point(5.0, 10.5), point(75.0, 10.5)], false, &white);
    // Rows 10 and 11 are the line, 9 and 12 its halo.
    for (y, wanted) in
        [(8, [0; 4]), (9, [0, 0, 0, 176]), (10, [255; 4]), (11, [255; 4]), (12, [0, 0, 0, 176])]
    {
        assert_eq!(layer.pixel(40, y), wanted, "row {y}");
    }
    layer.polyline([point(5.0, 13.5), point(75.0, 13.5)], false, &white);
    assert_eq!(layer.pixel(40, 11), [255; 4]);
    assert_eq!(layer.pixel(40, 13), [255; 4]);
    layer.clear();
    layer.text(10, 5, "8", Font::at_least(24.0), Color::WHITE, 1);
    let rim = (0..40).flat_map(|y| (0..80).map(move |x| (x, y))).any(|(x, y)| {
        let [b, _, _, a] = layer.pixel(x, y);
        b == 0 && a >= 150
    });
    assert!(rim, "text has no halo");
}

#[test]
fn dashes_have_their_lengths_and_go_on_around_corners() {
    let mut layer = Layer::new(240, 40).unwrap();
    let stroke = Stroke::new(Color::WHITE, 2.0).with_halo(0.0).dashed(8.0, 12.0);
    // From −100 000: clipping must not shift the pattern. 100 010 is half a period past a whole number of them.
    layer.polyline([point(-100_000.0, 20.5), point(10.0, 20.5), point(300.0, 20.5)], false, &stroke);
    for period in 0..11 {
        let start = 20 * period;
        // Round ends of radius 1 lie outside the 8 px.
        for x in [start + 1, start + 4, start + 7] {
            assert_eq!(layer.pixel(x, 20)[3], 255, "x {x}");
        }
        for x in [start + 11, start + 14, start + 17] {
            assert_eq!(layer.pixel(x, 20)[3], 0, "x {x}");
        }
    }
    layer.clear();
    let dots = Stroke::new(Color::WHITE, 2.0).with_halo(0.0).dashed(0.0, 10.0);
    layer.polyline([point(5.0, 20.0), point(205.5, 20.0)], false, &dots);
    // 21 discs of diameter 2; so small a disc's coverage is off by a sixth at most.
    let wanted = 21.0 * std::f64::consts::PI;
    assert!((ink(&layer) / wanted - 1.0).abs() < 0.17, "{} of {wanted}", ink(&layer));
}

#[test]
fn areas_are_covered_exactly() {
    let mut layer = Layer::new(100, 80).unwrap();
    let opacity = f64::from((255.0 * 0.3) as u8) / 255.0;
    let square =
        |low: f64, high: f64| [point(low, low), point(high, low), point(high, high), point(low, high)];
    let (outer, hole) = (square(10.25, 60.75), square(20.0, 30.5));
    layer.fill([outer.as_slice(), hole.as_slice()], Color::WHITE);
    // ¼ px of sub-row along y: at most 2·50.5/8 px² of area, and alpha has 8 bits.
    let wanted = (50.5 * 50.5 - 10.5 * 10.5) * opacity;
    assert!((ink(&layer) - wanted).abs() < 8.0 * opacity, "{} of {wanted}", ink(&layer));
    assert_eq!(layer.pixel(25, 25)[3], 0);
    assert_eq!(layer.pixel(40, 40)[3], 76);
    layer.clear();
    layer.rectangle(-5, 70, 1000, 1000, 0.0, Color::BLACK.with_alpha(100));
    assert!((ink(&layer) - 100.0 * 10.0 * 100.0 / 255.0).abs() < 1e-6);
    layer.clear();
    layer.rectangle(10, 10, 40, 30, 10.0, Color::BLACK);
    let wanted = 1200.0 - (4.0 - std::f64::consts::PI) * 100.0;
    assert!((ink(&layer) - wanted).abs() < 5.0, "{} of {wanted}", ink(&layer));
}

#[test]
fn text_grows_with_what_is_asked_for() {
    for (wanted, got) in
        [(1.0, 16), (16.0, 16), (16.1, 20), (23.8, 24), (31.9, 32), (33.0, 40), (63.7, 64), (1e9, 512)]
    {
        assert_eq!(Font::at_least(wanted).line_height(), got);
    }
    // NaN is no size: the largest is as good as any, as long as it ends.
    assert!(Font::at_least(f64::NAN).line_height() > 0);
    let width = |font: Font, text: &str| {
        let mut layer = Layer::new(400, 80).unwrap();
        layer.text(4, 4, text, font, Color::WHITE, 0);
        ink(&layer)
    };
    let (small, large) = (Font::at_least(32.0), Font::at_least(64.0));
    // Twice the size is four times the ink.
    let ratio = width(large, "8m²±") / width(small, "8m²±");
    assert!((ratio / 4.0 - 1.0).abs() < 0.02, "{ratio}");
    assert!(width(small, "±") > 5.0 && width(small, "²") > 5.0);
    assert_eq!(width(small, "\u{4e2d}"), width(small, "?"));
}

fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(0.0),
        Just(1e300),
        -1e9..1e9,
        -300.0..600.0,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No coordinate, width or pattern makes drawing panic or hang, and nothing is drawn outside the picture.
    #[test]
    fn any_geometry_is_drawn_or_left_out(
        coordinates in proptest::collection::vec((wild(), wild()), 0..6),
        width in wild(),
        halo in wild(),
        dash in proptest::option::of((wild(), wild())),
        closed in any::<bool>(),
        (w, h) in (1_usize..200, 1_usize..100),
    ) {
        let mut layer = Layer::new(w, h).unwrap();
        let points: Vec<PointInFrame> = coordinates.iter().map(|&(x, y)| point(x, y)).collect();
        let mut stroke = Stroke::new(Color::PURPLE, width).with_halo(halo);
        if let Some((on, off)) = dash {
            stroke = stroke.dashed(on, off);
        }
        layer.polyline(points.iter().copied(), closed, &stroke);
        layer.fill([points.as_slice()], Color::GREEN);
        if let [a, b, c, ..] = points[..] {
            let ellipse = EllipseInFrame { center: a, major_px: (b.x_px, b.y_px), minor_px: (c.x_px, c.y_px) };
            layer.ellipse(&ellipse, &stroke);
            layer.cross(a, b.x_px, &stroke);
            layer.rectangle(a.x_px as i64, a.y_px as i64, b.x_px as usize, b.y_px as usize, c.x_px, Color::BLUE);
            layer.text(a.x_px as i64, a.y_px as i64, "mm", Font::at_least(b.x_px), Color::WHITE, c.x_px as usize);
        }
        for y in 0..h + 40 {
            for x in (0..w + 70).filter(|&x| x >= w || y >= h) {
                prop_assert_eq!(layer.pixel(x, y), [0; 4]);
            }
        }
    }
}
