//! A layer on frames of every format: untouched bytes, the arithmetic against a plain reference, the same look.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use vesalius_draw::{Color, DrawError, Font, Layer, Stroke, Style, blend, draw_result, rectangles};
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, FrameMut, PixelFormat};
use vesalius_measure::geometry::PointInFrame;

mod scene;

const MATRICES: [ColorMatrix; 3] = [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020];

fn point(x_px: f64, y_px: f64) -> PointInFrame {
    PointInFrame { x_px, y_px }
}

/// Plane and offset of bytes.
type Places = Vec<(usize, usize)>;

/// A picture in memory, each plane with its stride.
#[derive(Clone, PartialEq, Eq)]
struct Picture {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: Vec<(Vec<u8>, usize)>,
}

impl Picture {
    /// Bytes that look random, padding included.
    fn new(format: PixelFormat, width: usize, height: usize, padding: usize, seed: u64) -> Self {
        let mut state = seed | 1;
        let planes = (0..format.planes())
            .map(|plane| {
                let layout = format.plane_layout(plane, width, height);
                let stride = layout.row_bytes + padding;
                let bytes = (0..stride * layout.rows).map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                });
                (bytes.collect(), stride)
            })
            .collect();
        Self { format, width, height, planes }
    }

    fn draw(&mut self, layer: &Layer, range: ColorRange, matrix: ColorMatrix) {
        let planes = self.planes.iter_mut().map(|(bytes, stride)| (bytes.as_mut_slice(), *stride));
        let mut frame = FrameMut::new(self.format, self.width, self.height, planes)
            .unwrap()
            .with_colorimetry(range, matrix);
        blend(layer, &mut frame).unwrap();
    }

    fn frame(&self) -> Frame<'_> {
        let planes: Vec<(&[u8], usize)> = self.planes.iter().map(|(b, s)| (b.as_slice(), *s)).collect();
        Frame::new(self.format, self.width, self.height, &planes).unwrap()
    }

    /// Plane and offset of the bytes that show pixel (x, y), and of those of its chroma block.
    fn bytes_of(&self, x: usize, y: usize) -> (Places, Places) {
        let stride = |plane: usize| self.planes[plane].1;
        let bpp = self.format.bytes_per_pixel();
        let first = y * stride(0) + x * bpp;
        let own = match self.format.rgb_offsets() {
            Some(offsets) => offsets.iter().map(|o| (0, first + o)).collect(),
            None => vec![(0, first)],
        };
        let (cx, cy) = (x / 2, y / 2);
        let chroma = match self.format {
            PixelFormat::I420 => vec![(1, cy * stride(1) + cx), (2, cy * stride(2) + cx)],
            PixelFormat::Nv12 => vec![(1, cy * stride(1) + 2 * cx), (1, cy * stride(1) + 2 * cx + 1)],
            _ => Vec::new(),
        };
        (own, chroma)
    }
}

/// Some of everything, clipped at the edges.
fn some_layer(width: usize, height: usize) -> Layer {
    let mut layer = Layer::new(width, height).unwrap();
    let (w, h) = (width as f64, height as f64);
    layer.rectangle(3, -2, width / 3, height / 3, 3.0, Color::BLACK.with_alpha(150));
    layer.polyline(
        [point(-5.0, 2.0), point(0.7 * w, 0.9 * h), point(1.2 * w, 0.1 * h)],
        true,
        &Stroke::new(Color::SKY_BLUE, 2.0),
    );
    layer.cross(point(w - 1.0, h - 1.0), 5.0, &Stroke::new(Color::YELLOW, 1.5));
    layer.text(2, (height / 2) as i64, "27 mm²", Font::at_least(16.0), Color::WHITE, 1);
    layer
}

/// What each byte must become, in floating point: straight from the definition of "over".
fn expected(picture: &Picture, layer: &Layer, range: ColorRange, matrix: ColorMatrix) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> =
        picture.planes.iter().map(|(b, _)| b.iter().map(|&v| f64::from(v)).collect()).collect();
    let (kr, kb) = match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    };
    let (range, kr, kb) =
        if picture.format == PixelFormat::Gray8 { (ColorRange::Full, 0.299, 0.114) } else { (range, kr, kb) };
    let (luma, chroma, black) = match range {
        ColorRange::Full => (255.0, 255.0, 0.0),
        ColorRange::Limited => (219.0, 224.0, 16.0),
    };
    // Premultiplied Y, U, V and alpha of a mean of layer pixels, all 0..1 but Y, U, V in byte values.
    let yuv = |p: [f64; 4]| {
        let [b, g, r, a] = p.map(|v| v / 255.0);
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let u = chroma * (b - y) / (2.0 * (1.0 - kb)) + 128.0 * a;
        let v = chroma * (r - y) / (2.0 * (1.0 - kr)) + 128.0 * a;
        ([luma * y + black * a, u, v], a)
    };
    let (width, height) = (picture.width, picture.height);
    for y in 0..height {
        for x in 0..width {
            let pixel = layer.pixel(x, y).map(f64::from);
            let (own, _) = picture.bytes_of(x, y);
            let source = match picture.format.rgb_offsets() {
                Some(_) => [pixel[2], pixel[1], pixel[0]],
                None => yuv(pixel).0,
            };
            for (&(plane, at), s) in own.iter().zip(source) {
                out[plane][at] = (s + out[plane][at] * (1.0 - pixel[3] / 255.0)).clamp(0.0, 255.0);
            }
        }
    }
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            let (_, chroma) = picture.bytes_of(x, y);
            let block: Vec<[u8; 4]> = [(0, 0), (1, 0), (0, 1), (1, 1)]
                .iter()
                .filter(|(dx, dy)| x + dx < width && y + dy < height)
                .map(|(dx, dy)| layer.pixel(x + dx, y + dy))
                .collect();
            let mean =
                [0, 1, 2, 3].map(|c| block.iter().map(|p| f64::from(p[c])).sum::<f64>() / block.len() as f64);
            let ([_, u, v], a) = yuv(mean);
            for (&(plane, at), s) in chroma.iter().zip([u, v]) {
                out[plane][at] = (s + out[plane][at] * (1.0 - a)).clamp(0.0, 255.0);
            }
        }
    }
    out
}

/// What rounding four coefficients to 1/16 384 can move a byte by.
const COEFFICIENTS: f64 = 4.0 * 0.5 / 16_384.0 * 255.0;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Bytes under transparent pixels (for chroma: blocks), the fourth byte of a pixel and padding stay as they
    /// were; every other byte is within 1 of the definition (two roundings of at most ½ each) and what the coefficients'
    /// own rounding to 1/16 384 adds: four of them, each off by half of that at most, times 255.
    #[test]
    fn blending_is_the_definition_and_touches_nothing_else(
        (width, height) in (1_usize..150, 1_usize..80),
        padding in 0_usize..9,
        seed in any::<u64>(),
        format in 0_usize..9,
        limited in any::<bool>(),
        matrix in 0_usize..3,
    ) {
        let format = PixelFormat::ALL[format];
        let range = if limited { ColorRange::Limited } else { ColorRange::Full };
        let before = Picture::new(format, width, height, padding, seed);
        let layer = some_layer(width, height);
        let mut after = before.clone();
        after.draw(&layer, range, MATRICES[matrix]);
        let reference = expected(&before, &layer, range, MATRICES[matrix]);

        let mut may_change: Vec<Vec<bool>> = before.planes.iter().map(|(b, _)| vec![false; b.len()]).collect();
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            if layer.pixel(x, y)[3] > 0 {
                let (own, chroma) = before.bytes_of(x, y);
                for (plane, at) in own.into_iter().chain(chroma) {
                    may_change[plane][at] = true;
                }
            }
        }
        for plane in 0..before.planes.len() {
            for at in 0..before.planes[plane].0.len() {
                let (old, new) = (before.planes[plane].0[at], after.planes[plane].0[at]);
                if may_change[plane][at] {
                    let wanted = reference[plane][at];
                    prop_assert!((f64::from(new) - wanted).abs() <= 1.0 + COEFFICIENTS, "{format:?} plane {plane} byte {at}: {new}, wanted {wanted}");
                } else {
                    prop_assert_eq!(old, new, "{:?} plane {} byte {}", format, plane, at);
                }
            }
        }
    }

    /// The rectangles are disjoint, hold every drawn pixel, and composing them is blending.
    #[test]
    fn rectangles_compose_to_the_same_picture((width, height) in (1_usize..400, 1_usize..300), seed in any::<u64>()) {
        let layer = some_layer(width, height);
        let before = Picture::new(PixelFormat::Bgr, width, height, 0, seed);
        let mut blended = before.clone();
        blended.draw(&layer, ColorRange::Full, ColorMatrix::Bt601);
        let mut composed = before.planes[0].0.clone();
        let mut held = vec![false; width * height];
        for rectangle in rectangles(&layer) {
            prop_assert!(rectangle.width > 0 && rectangle.height > 0);
            prop_assert_eq!(rectangle.bgra.len(), 4 * rectangle.width * rectangle.height);
            for (i, pixel) in rectangle.bgra.chunks_exact(4).enumerate() {
                let (x, y) = (rectangle.x + i % rectangle.width, rectangle.y + i / rectangle.width);
                prop_assert!(x < width && y < height);
                prop_assert!(!std::mem::replace(&mut held[y * width + x], true), "({x}, {y}) is held twice");
                prop_assert_eq!(pixel, layer.pixel(x, y));
                for (d, s) in composed[3 * (y * width + x)..].iter_mut().zip(&pixel[..3]) {
                    let rest = 255 - u32::from(pixel[3]);
                    *d = (u32::from(*s) + (u32::from(*d) * rest + 127) / 255) as u8;
                }
            }
        }
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            prop_assert!(held[y * width + x] || layer.pixel(x, y) == [0; 4]);
        }
        prop_assert_eq!(&composed, &blended.planes[0].0);
    }
}

/// On mid-gray, a drawing in YUV brought back to RGB is the drawing in RGB, where the layer has even colour:
/// within 3 (8-bit YUV loses up to 2, the blend 1). Gray formats show the luma.
#[test]
fn every_format_looks_the_same() {
    let (width, height) = (96, 64);
    let mut layer = Layer::new(width, height).unwrap();
    layer.rectangle(8, 8, 60, 40, 0.0, Color::ORANGE.with_alpha(180));
    layer.rectangle(20, 16, 30, 20, 0.0, Color::SKY_BLUE);
    for format in PixelFormat::ALL {
        for (range, gray) in [(ColorRange::Full, 128_u8), (ColorRange::Limited, 126)] {
            if format.rgb_offsets().is_some() && range == ColorRange::Limited {
                continue;
            }
            for matrix in MATRICES {
                let mut picture = Picture::new(format, width, height, 0, 1);
                for (plane, (bytes, _)) in picture.planes.iter_mut().enumerate() {
                    bytes.fill(if plane == 0 { gray } else { 128 });
                }
                picture.draw(&layer, range, matrix);
                let (kr, kb) = match matrix {
                    ColorMatrix::Bt601 => (0.299, 0.114),
                    ColorMatrix::Bt709 => (0.2126, 0.0722),
                    ColorMatrix::Bt2020 => (0.2627, 0.0593),
                };
                for (x, y) in [(2, 2), (10, 10), (30, 24)] {
                    let [b, g, r, a] = layer.pixel(x, y).map(f64::from);
                    // 126 in limited range is 128 in full.
                    let wanted = [r, g, b].map(|s| s + 128.0 * (1.0 - a / 255.0));
                    let (own, chroma) = picture.bytes_of(x, y);
                    let byte = |&(plane, at): &(usize, usize)| f64::from(picture.planes[plane].0[at]);
                    let own: Vec<f64> = own.iter().map(byte).collect();
                    if format == PixelFormat::Gray8 {
                        let background = f64::from(gray) * (1.0 - a / 255.0);
                        let luma = 0.299 * r + 0.587 * g + 0.114 * b + background;
                        assert!((own[0] - luma).abs() <= 1.0, "{format:?}: {own:?}, wanted {luma}");
                        continue;
                    }
                    let rgb = if chroma.is_empty() {
                        [own[0], own[1], own[2]]
                    } else {
                        let (y_scale, c_scale, black) = match range {
                            ColorRange::Full => (1.0, 1.0, 0.0),
                            ColorRange::Limited => (255.0 / 219.0, 255.0 / 224.0, 16.0),
                        };
                        let luma = (own[0] - black) * y_scale;
                        let (u, v) = (byte(&chroma[0]) - 128.0, byte(&chroma[1]) - 128.0);
                        let red = luma + 2.0 * (1.0 - kr) * v * c_scale;
                        let blue = luma + 2.0 * (1.0 - kb) * u * c_scale;
                        [red, (luma - kr * red - kb * blue) / (1.0 - kr - kb), blue]
                    };
                    for (got, want) in rgb.iter().zip(wanted) {
                        assert!(
                            (got - want).abs() <= 3.0,
                            "{format:?} {range:?} {matrix:?} ({x}, {y}): {rgb:?}, wanted {wanted:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_layer_changes_nothing_and_sizes_must_agree() {
    let mut layer = Layer::new(33, 17).unwrap();
    draw_result(&mut layer, &scene::head(33, 17, scene::Case::Found), &Style::default());
    layer.clear();
    assert!(layer.is_empty() && rectangles(&layer).is_empty());
    for format in PixelFormat::ALL {
        let before = Picture::new(format, 33, 17, 3, 7);
        let mut after = before.clone();
        after.draw(&layer, ColorRange::Limited, ColorMatrix::Bt709);
        assert!(before == after);
        assert_eq!(after.frame().row(0, 0).len(), format.plane_layout(0, 33, 17).row_bytes);
    }
    let mut gray = [0_u8; 12];
    let mut frame = FrameMut::new(PixelFormat::Gray8, 4, 3, [(gray.as_mut_slice(), 4)]).unwrap();
    let mismatch = DrawError::Mismatch { layer_width: 33, layer_height: 17, width: 4, height: 3 };
    assert_eq!(blend(&layer, &mut frame), Err(mismatch));
    assert!(Layer::new(0, 5).is_err() && Layer::new(5, 1 << 20).is_err());
}

#[test]
fn a_reused_layer_is_as_good_as_new() {
    let mut layer = some_layer(500, 300);
    for case in scene::CASES {
        let result = scene::head(500, 300, case);
        layer.clear();
        draw_result(&mut layer, &result, &Style::default());
        let mut fresh = Layer::new(500, 300).unwrap();
        draw_result(&mut fresh, &result, &Style::default());
        for (x, y) in (0..300).flat_map(|y| (0..500).map(move |x| (x, y))) {
            assert_eq!(layer.pixel(x, y), fresh.pixel(x, y), "({x}, {y})");
        }
    }
}
