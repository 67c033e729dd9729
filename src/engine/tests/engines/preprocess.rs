//! Pictures to tensors.

use std::path::PathBuf;

use proptest::prelude::*;
use vesalius_engine::manifest::{Color, Filter, InputSection, Layout, Manifest};
use vesalius_engine::preprocess::Preprocessor;
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};
use vesalius_measure::geometry::ResizeRule;

/// A rule under which the tensor holds byte values.
fn byte_rule(width: u32, height: u32, color: Color, layout: Layout, resize: ResizeRule) -> InputSection {
    let text = std::fs::read_to_string(crate::model("threshold").join("manifest.toml")).unwrap();
    let mut input = Manifest::parse(&text).unwrap().input;
    let channels = color.channels();
    (input.width, input.height, input.color, input.layout, input.resize) =
        (width, height, color, layout, resize);
    (input.range, input.mean, input.std) = ([0.0, 255.0], vec![0.0; channels], vec![1.0; channels]);
    input
}

/// The picture of `make_golden.py`.
fn formula(x: usize, y: usize, c: usize) -> u8 {
    ((3 * x * x + 5 * y * y + 2 * x * y + 85 * c) / 8 % 256) as u8
}

/// A picture in one plane of `channels` bytes a pixel, rows `padding` bytes apart, the last row without padding
/// where `cut`.
fn packed(width: usize, height: usize, channels: usize, padding: usize, cut: bool) -> (Vec<u8>, usize) {
    let stride = width * channels + padding;
    let byte = |at: usize| {
        let (y, x, c) = (at / stride, at % stride / channels, at % stride % channels);
        if x < width { formula(x, y, c.min(2)) } else { 0xEE }
    };
    let bytes = stride * height - if cut { padding } else { 0 };
    ((0..bytes).map(byte).collect(), stride)
}

fn assert_near(got: &[f32], expected: impl ExactSizeIterator<Item = f32>, tolerance: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= tolerance, "{what}: value {at} is {got} and should be {expected}");
    }
}

/// Pillow's own results, made by `tests/make_golden.py`. Tolerance: one step of 8 bits, for the passes come in
/// another order and are rounded in between.
#[test]
fn resizing_is_pillows() {
    assert_eq!(compared("golden", Filter::LinearAntialias), 9);
}

/// OpenCV's own results, in the same way. Its weights have 11 bits and it rounds once.
#[test]
fn resizing_without_smoothing_is_opencvs() {
    assert_eq!(compared("golden_linear", Filter::Linear), 4);
}

/// Compares with every picture in a folder, and gives their number.
fn compared(folder: &str, filter: Filter) -> usize {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let parts: Vec<&str> = name.split('_').collect();
        let size = |text: &str| {
            let (width, height) = text.split_once('x').unwrap();
            (width.parse::<usize>().unwrap(), height.parse::<usize>().unwrap())
        };
        let ((ws, hs), (wt, ht)) = (size(parts[1]), size(parts[2]));
        let golden = std::fs::read(&path).unwrap();
        let (color, format) = match parts[0] {
            "gray" => (Color::Gray, PixelFormat::Gray8),
            _ => (Color::Rgb, PixelFormat::Rgb),
        };
        let channels = color.channels();
        // Interleaved, as the golden file is.
        let rule = byte_rule(wt as u32, ht as u32, color, Layout::Nhwc, ResizeRule::Stretch);
        let mut preprocessor = Preprocessor::new(&InputSection { filter, ..rule });
        for (padding, cut) in [(0, false), (16, false), (5, false), (5, true)] {
            let (data, stride) = packed(ws, hs, channels, padding, cut);
            let frame = Frame::new(format, ws, hs, &[(&data, stride)]).unwrap();
            preprocessor.process(&frame, (1, 1)).unwrap();
            assert_near(preprocessor.tensor(), golden.iter().map(|&b| f32::from(b)), 1.0, &name);
        }
        cases += 1;
    }
    cases
}

/// One colour in every format, range and matrix, given as the bytes that stand for it.
#[test]
fn one_colour_in_every_format() {
    let (width, height) = (207, 141);
    // Full-range RGB; BT.709 limited-range YUV of it, rounded.
    let rgb = [180_u8, 100, 40];
    let yuv = [113_u8, 94, 166];
    for format in PixelFormat::ALL {
        let planes: Vec<(Vec<u8>, usize)> = (0..format.planes())
            .map(|plane| {
                let layout = format.plane_layout(plane, width, height);
                let pixel: Vec<u8> = match (format, plane) {
                    (PixelFormat::Gray8, _) | (PixelFormat::I420 | PixelFormat::Nv12, 0) => vec![yuv[0]],
                    (PixelFormat::Nv12, _) => vec![yuv[1], yuv[2]],
                    (PixelFormat::I420, plane) => vec![yuv[plane]],
                    _ => {
                        let mut pixel = vec![7; format.bytes_per_pixel()];
                        for (offset, value) in format.rgb_offsets().unwrap().into_iter().zip(rgb) {
                            pixel[offset] = value;
                        }
                        pixel
                    }
                };
                let stride = layout.row_bytes + 3;
                let row = pixel.iter().copied().cycle().take(layout.row_bytes).chain([0; 3]);
                (row.cycle().take(stride * layout.rows).collect(), stride)
            })
            .collect();
        let views: Vec<(&[u8], usize)> =
            planes.iter().map(|(data, stride)| (data.as_slice(), *stride)).collect();
        let frame = Frame::new(format, width, height, &views)
            .unwrap()
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
        // Luma planes are expanded: (113 − 16)·255/219; of RGB the BT.601 luma is taken.
        let gray = if format.is_luma_first() { 112.95 } else { 117.08 };
        let has_color = format != PixelFormat::Gray8;
        let expected = if has_color { rgb.map(f32::from) } else { [gray; 3] };
        for (color, expected) in [
            (Color::Gray, vec![gray]),
            (Color::Rgb, expected.to_vec()),
            (Color::Bgr, expected.iter().rev().copied().collect()),
        ] {
            let rule = byte_rule(12, 9, color, Layout::Nhwc, ResizeRule::Stretch);
            let mut preprocessor = Preprocessor::new(&rule);
            preprocessor.process(&frame, (1, 1)).unwrap();
            // YUV in 8 bits holds this RGB to 2 steps.
            let values: Vec<f32> = expected.iter().copied().cycle().take(12 * 9 * expected.len()).collect();
            assert_near(preprocessor.tensor(), values.into_iter(), 2.0, &format!("{format:?} to {color:?}"));
        }
    }
}

/// Odd sizes: an I420 picture with a sharp edge in colour and luma at the same place keeps them together.
#[test]
fn chroma_lies_where_luma_does() {
    let (width, height) = (161, 81);
    let chroma = PixelFormat::I420.plane_layout(1, width, height);
    // Left half blue, right half red; the edge at column 80 is an edge between chroma samples.
    let luma: Vec<u8> = (0..width * height).map(|i| if i % width < 80 { 41 } else { 81 }).collect();
    let u: Vec<u8> = (0..chroma.row_bytes * chroma.rows)
        .map(|i| if i % chroma.row_bytes < 40 { 240 } else { 90 })
        .collect();
    let v: Vec<u8> = (0..chroma.row_bytes * chroma.rows)
        .map(|i| if i % chroma.row_bytes < 40 { 110 } else { 240 })
        .collect();
    let frame = Frame::new(
        PixelFormat::I420,
        width,
        height,
        &[(&luma, width), (&u, chroma.row_bytes), (&v, chroma.row_bytes)],
    )
    .unwrap()
    .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt601);
    let rule = byte_rule(23, 9, Color::Rgb, Layout::Nchw, ResizeRule::Stretch);
    let mut preprocessor = Preprocessor::new(&rule);
    preprocessor.process(&frame, (1, 1)).unwrap();
    let red = &preprocessor.tensor()[..23 * 9];
    // Seven source columns a model column: column 11 is the source's 77 to 83, of which 4 of 7 are red, weighted by
    // the triangle; the columns beyond the filter's reach are pure.
    for row in red.chunks(23) {
        assert!(row[..10].iter().all(|&v| v <= 2.0) && row[13..].iter().all(|&v| v >= 252.0), "{row:?}");
        assert!(row[11] > 100.0 && row[11] < 200.0, "{row:?}");
    }
}

#[test]
fn the_border_is_the_pad_value_and_follows_the_content() {
    let mut rule = byte_rule(40, 40, Color::Rgb, Layout::Nchw, ResizeRule::Letterbox);
    (rule.pad, rule.range, rule.mean, rule.std) = (51, [0.0, 1.0], vec![0.1, 0.2, 0.3], vec![0.5, 1.0, 2.0]);
    let mut preprocessor = Preprocessor::new(&rule);
    let expect = |byte: f32, channel: usize| (byte / 255.0 - rule.mean[channel]) / rule.std[channel];
    for (width, height) in [(80, 20), (20, 80), (1, 1), (207, 141), (3, 1000)] {
        let data = vec![200; width * height];
        let frame = Frame::new(PixelFormat::Gray8, width, height, &[(&data, width)]).unwrap();
        let geometry = preprocessor.process(&frame, (1, 1)).unwrap();
        let content = geometry.content;
        for (at, &value) in preprocessor.tensor().iter().enumerate() {
            let (channel, y, x) = (at / 1600, (at / 40 % 40) as u32, (at % 40) as u32);
            let inside = (content.x..content.x + content.width).contains(&x)
                && (content.y..content.y + content.height).contains(&y);
            let expected = expect(if inside { 200.0 } else { 51.0 }, channel);
            assert!(
                (value - expected).abs() < 1e-5,
                "{width}x{height}: {x},{y},{channel} is {value}, not {expected}"
            );
        }
    }
}

/// Both layouts hold the same numbers.
#[test]
fn layouts_differ_in_order_alone() {
    let (data, stride) = packed(61, 47, 3, 1, false);
    let frame = Frame::new(PixelFormat::Bgr, 61, 47, &[(&data, stride)]).unwrap();
    let tensor = |layout| {
        let mut preprocessor =
            Preprocessor::new(&byte_rule(20, 30, Color::Rgb, layout, ResizeRule::Letterbox));
        preprocessor.process(&frame, (1, 1)).unwrap();
        preprocessor.tensor().to_vec()
    };
    let (planar, interleaved) = (tensor(Layout::Nchw), tensor(Layout::Nhwc));
    for (at, value) in planar.iter().enumerate() {
        assert_eq!(*value, interleaved[at % 600 * 3 + at / 600]);
    }
}

#[test]
fn a_pixel_aspect_ratio_that_is_none_is_an_error() {
    let mut preprocessor =
        Preprocessor::new(&byte_rule(8, 8, Color::Gray, Layout::Nchw, ResizeRule::Stretch));
    let frame = Frame::new(PixelFormat::Gray8, 1, 1, &[(&[9], 1)]).unwrap();
    assert!(preprocessor.process(&frame, (0, 1)).is_err());
    assert!(preprocessor.process(&frame, (4, 3)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any size in any format gives a finite tensor within the range of bytes, whatever came before.
    #[test]
    fn any_picture_fits(sizes in proptest::collection::vec((1_usize..300, 1_usize..300, 0_usize..9, 0_usize..7), 1..4),
                        model in (1_u32..70, 1_u32..70), color in 0_usize..3, letterbox: bool, limited: bool) {
        let color = [Color::Gray, Color::Rgb, Color::Bgr][color];
        let resize = if letterbox { ResizeRule::Letterbox } else { ResizeRule::Stretch };
        let mut preprocessor = Preprocessor::new(&byte_rule(model.0, model.1, color, Layout::Nchw, resize));
        for (width, height, format, padding) in sizes {
            let format = PixelFormat::ALL[format];
            let planes: Vec<(Vec<u8>, usize)> = (0..format.planes()).map(|plane| {
                let layout = format.plane_layout(plane, width, height);
                let stride = layout.row_bytes + padding;
                ((0..stride * (layout.rows - 1) + layout.row_bytes).map(|i| (i * 31) as u8).collect(), stride)
            }).collect();
            let views: Vec<(&[u8], usize)> = planes.iter().map(|(data, stride)| (data.as_slice(), *stride)).collect();
            let range = if limited { ColorRange::Limited } else { ColorRange::Full };
            let frame = Frame::new(format, width, height, &views).unwrap().with_colorimetry(range, ColorMatrix::Bt2020);
            let geometry = preprocessor.process(&frame, (1, 1)).unwrap();
            prop_assert_eq!((geometry.source_width as usize, geometry.source_height as usize), (width, height));
            prop_assert!(preprocessor.tensor().iter().all(|v| (0.0..=255.0).contains(v)));
        }
    }
}
