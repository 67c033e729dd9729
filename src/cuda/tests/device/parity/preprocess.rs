//! Pictures to tensors, against the engine's own preprocessor.
//!
//! P010 and crops of odd YUV pictures, which that does not have, are brought to it: 10 bits rounded to 8, and
//! for crops the plane's part resized by the same crate with the same filter, and then converted as a picture
//! of the model's size.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use vesalius_cuda::kernels::{Floats, InputColor, InputRule, Preprocessor};
use vesalius_cuda::{DevicePicture, SurfaceFormat};
use vesalius_engine::manifest::{Color, Filter, InputSection, Layout};
use vesalius_engine::preprocess::Preprocessor as Reference;
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::geometry::{Geometry, PixelRect, ResizeRule};

use super::{Compared, Outcome, Random, Rig, same, text};

/// A picture with random strides, and the bytes between its rows random too.
struct Picture {
    format: SurfaceFormat,
    width: usize,
    height: usize,
    bytes: Vec<u8>,
    /// Offset and stride of each plane.
    planes: Vec<(usize, usize)>,
}

impl Picture {
    fn random(random: &mut Random, format: SurfaceFormat, width: usize, height: usize) -> Self {
        let (mut end, mut planes) = (random.within(0, 3) * 2, Vec::new());
        for plane in 0..format.planes() {
            let layout = format.plane_layout(plane, width, height);
            let stride = layout.row_bytes + random.of(&[0, 0, 2, 16, 62]);
            planes.push((end, stride));
            end += stride * (layout.rows - 1) + layout.row_bytes + 2 * random.within(0, 5);
        }
        Self { format, width, height, bytes: random.bytes(end), planes }
    }

    /// As 8-bit planes without padding, and the format that they are.
    fn packed(&self) -> (PixelFormat, Vec<Vec<u8>>) {
        let sample = |bytes: &[u8]| {
            let value = u16::from_le_bytes([bytes[0], bytes[1]]) >> 6;
            ((value + 2) >> 2).min(255) as u8
        };
        let planes = self.planes.iter().enumerate().map(|(plane, &(offset, stride))| {
            let layout = self.format.plane_layout(plane, self.width, self.height);
            let rows = (0..layout.rows).flat_map(|y| &self.bytes[offset + y * stride..][..layout.row_bytes]);
            let bytes: Vec<u8> = rows.copied().collect();
            if self.format == SurfaceFormat::P010 { bytes.chunks(2).map(sample).collect() } else { bytes }
        });
        let format = match self.format {
            SurfaceFormat::Pixels(format) => format,
            SurfaceFormat::P010 => PixelFormat::Nv12,
        };
        (format, planes.collect())
    }
}

fn frame<'a>(format: PixelFormat, width: usize, height: usize, planes: &'a [Vec<u8>]) -> Frame<'a> {
    let views: Vec<(&[u8], usize)> = planes
        .iter()
        .enumerate()
        .map(|(plane, bytes)| (bytes.as_slice(), format.plane_layout(plane, width, height).row_bytes))
        .collect();
    Frame::new(format, width, height, &views).unwrap()
}

/// One axis of one plane of `step`-byte pixels, rows first, as the reference does it.
fn resize_plane(
    plane: &[u8],
    row_bytes: usize,
    step: usize,
    [left, top, width, height]: [f64; 4],
    (out_width, out_height): (u32, u32),
) -> Vec<u8> {
    // Whole samples that the part touches are all that is seen of the plane.
    let (x0, y0) = (left.floor() as usize, top.floor() as usize);
    let (x1, y1) = ((left + width).ceil() as usize, (top + height).ceil() as usize);
    let rows: Vec<u8> = (y0..y1)
        .flat_map(|y| &plane[y * row_bytes + x0 * step..y * row_bytes + x1 * step])
        .copied()
        .collect();
    let columns = (x1 - x0) * step;
    let options = |left: f64, top: f64, width: f64, height: f64| {
        ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .use_alpha(false)
            .crop(left, top, width, height)
    };
    let mut squeezed = vec![0; columns * out_height as usize];
    let source = TypedImageRef::<U8>::from_buffer(columns as u32, (y1 - y0) as u32, &rows).unwrap();
    let mut target = TypedImage::<U8>::from_buffer(columns as u32, out_height, &mut squeezed).unwrap();
    let vertical = options(0.0, top - y0 as f64, columns as f64, height);
    Resizer::new().resize_typed(&source, &mut target, &vertical).unwrap();
    let mut out = vec![0; out_width as usize * out_height as usize * step];
    for channel in 0..step {
        let one: Vec<u8> = squeezed.iter().skip(channel).step_by(step).copied().collect();
        let mut resized = vec![0; out_width as usize * out_height as usize];
        let source = TypedImageRef::<U8>::from_buffer((x1 - x0) as u32, out_height, &one).unwrap();
        let mut target = TypedImage::<U8>::from_buffer(out_width, out_height, &mut resized).unwrap();
        let horizontal = options(left - x0 as f64, 0.0, width, f64::from(out_height));
        Resizer::new().resize_typed(&source, &mut target, &horizontal).unwrap();
        out.iter_mut().skip(channel).step_by(step).zip(resized).for_each(|(out, value)| *out = value);
    }
    out
}

/// The tensor of a part of a picture: its planes resized to the content by the filter that the reference
/// uses, then put through the reference as a picture that needs no resize, and the border around it.
fn reference(
    picture: &Picture,
    colorimetry: (vesalius_measure::frame::ColorRange, vesalius_measure::frame::ColorMatrix),
    geometry: &Geometry,
    section: &InputSection,
) -> Vec<f32> {
    let (format, planes) = picture.packed();
    let crop = geometry.crop;
    let whole = (crop.x, crop.y) == (0, 0)
        && (crop.width as usize, crop.height as usize) == (picture.width, picture.height);
    let mut reference = Reference::new(section);
    if whole {
        let frame = frame(format, picture.width, picture.height, &planes);
        let frame = frame.with_colorimetry(colorimetry.0, colorimetry.1);
        assert_eq!(reference.process(&frame, (1, 1)).unwrap(), *geometry);
        return reference.tensor().to_vec();
    }
    let content = geometry.content;
    let size = (content.width, content.height);
    let part = |per: f64| [crop.x, crop.y, crop.width, crop.height].map(|v| f64::from(v) / per);
    let mut resized = Vec::new();
    for (plane, bytes) in planes.iter().enumerate() {
        let row_bytes = format.plane_layout(plane, picture.width, picture.height).row_bytes;
        let (step, per) = match (plane, format) {
            (0, _) => (format.bytes_per_pixel(), 1.0),
            (_, PixelFormat::Nv12) => (2, 2.0),
            _ => (1, 2.0),
        };
        resized.push(resize_plane(bytes, row_bytes, step, part(per), size));
    }
    let (w, h) = (size.0 as usize, size.1 as usize);
    let channels = section.color.channels();
    let is_yuv = planes.len() > 1 && channels > 1;
    // Without a resize left to do the reference only converts; YUV pixel by pixel, for here each has a chroma
    // of its own.
    let side = |whole: usize| if is_yuv { 1 } else { whole as u32 };
    let inner =
        InputSection { width: side(w), height: side(h), resize: ResizeRule::Stretch, ..section.clone() };
    let mut converter = Reference::new(&inner);
    let mut convert = |format: PixelFormat, w: usize, h: usize, planes: &[Vec<u8>]| {
        let frame = frame(format, w, h, planes).with_colorimetry(colorimetry.0, colorimetry.1);
        converter.process(&frame, (1, 1)).unwrap();
        converter.tensor().to_vec()
    };
    let converted: Vec<f32> = if is_yuv {
        let chroma = |i: usize, of: usize| match format {
            PixelFormat::Nv12 => resized[1][2 * i + of],
            _ => resized[1 + of][i],
        };
        let pixels: Vec<Vec<f32>> = (0..w * h)
            .map(|i| {
                let planes = [vec![resized[0][i]], vec![chroma(i, 0)], vec![chroma(i, 1)]];
                convert(PixelFormat::I420, 1, 1, &planes)
            })
            .collect();
        match section.layout {
            Layout::Nchw => (0..3).flat_map(|c| pixels.iter().map(move |p| p[c])).collect(),
            Layout::Nhwc => pixels.concat(),
        }
    } else if planes.len() > 1 {
        // Gray from YUV is its luma, whose range counts.
        let neutral = vec![128; w.div_ceil(2) * h.div_ceil(2)];
        convert(PixelFormat::I420, w, h, &[resized[0].clone(), neutral.clone(), neutral])
    } else {
        convert(format, w, h, &resized)
    };
    // The border: a picture of pad bytes in full range.
    let gray = vec![vec![section.pad; 4]];
    let stretched = InputSection { resize: ResizeRule::Stretch, ..section.clone() };
    let mut border = Reference::new(&stretched);
    border.process(&self::frame(PixelFormat::Gray8, 2, 2, &gray), (1, 1)).unwrap();
    let mut tensor = border.tensor().to_vec();
    let (mw, mh) = (section.width as usize, section.height as usize);
    for c in 0..channels {
        for y in 0..h {
            for x in 0..w {
                let (tx, ty) = (x + content.x as usize, y + content.y as usize);
                let (to, from) = match section.layout {
                    Layout::Nchw => ((c * mh + ty) * mw + tx, (c * h + y) * w + x),
                    Layout::Nhwc => ((ty * mw + tx) * channels + c, (y * w + x) * channels + c),
                };
                tensor[to] = converted[from];
            }
        }
    }
    tensor
}

/// A rule, as the reference has it and as the kernels do.
fn rules(random: &mut Random) -> (InputSection, InputRule) {
    let color = random.of(&[Color::Gray, Color::Rgb, Color::Bgr]);
    let value = |random: &mut Random| random.unit() + 0.1;
    let values = |random: &mut Random| [value(random), value(random), value(random)];
    let (mean, std) = (values(random), values(random));
    let section = InputSection {
        element: vesalius_engine::manifest::Element::F32,
        name: "x".to_owned(),
        layout: random.of(&[Layout::Nchw, Layout::Nhwc]),
        width: random.within(1, 90) as u32,
        height: random.within(1, 70) as u32,
        color,
        range: random.of(&[[0.0, 1.0], [-1.0, 1.0], [0.0, 255.0]]),
        mean: mean[..color.channels()].to_vec(),
        std: std[..color.channels()].to_vec(),
        resize: random.of(&[ResizeRule::Letterbox, ResizeRule::Stretch]),
        filter: Filter::LinearAntialias,
        pad: random.within(0, 255) as u8,
    };
    let rule = InputRule {
        width: section.width,
        height: section.height,
        channels_last: section.layout == Layout::Nhwc,
        color: match color {
            Color::Gray => InputColor::Gray,
            Color::Rgb => InputColor::Rgb,
            Color::Bgr => InputColor::Bgr,
        },
        range: section.range,
        mean,
        std,
        pad: section.pad,
        floats: random.of(&[Floats::F32, Floats::F16]),
    };
    (section, rule)
}

pub fn run(rig: &Rig, cases: usize, seed: u64) -> Outcome<Compared> {
    let mut random = Random::new(seed);
    let mut compared = Compared { cases, values: 0 };
    for case in 0..cases {
        let (mut section, mut rule) = rules(&mut random);
        // Formats in turn, so that few cases have all of them.
        let format = match PixelFormat::ALL.get(case % 10) {
            Some(&format) => SurfaceFormat::Pixels(format),
            None => SurfaceFormat::P010,
        };
        // Now and then nothing is resized: many different colours are converted, to RGB.
        let is_plain = case % 10 < 2 && case % 3 == 0;
        let (width, height) =
            if is_plain { (500, 400) } else { (random.within(1, 260), random.within(1, 200)) };
        if is_plain {
            (section.width, section.height, section.color) = (500, 400, Color::Rgb);
            (rule.width, rule.height, rule.color) = (500, 400, InputColor::Rgb);
            (section.mean, section.std) = (rule.mean.to_vec(), rule.std.to_vec());
        }
        let picture = Picture::random(&mut random, format, width, height);
        let colorimetry = random.colorimetry();
        let crop = if is_plain || random.flip() {
            PixelRect { x: 0, y: 0, width: width as u32, height: height as u32 }
        } else {
            let (w, h) = (random.within(1, width), random.within(1, height));
            let (x, y) = (random.within(0, width - w), random.within(0, height - h));
            PixelRect { x: x as u32, y: y as u32, width: w as u32, height: h as u32 }
        };
        let size = (width as u32, height as u32);
        let model = (section.width, section.height);
        let geometry = Geometry::of_crop(size, crop, model, section.resize, (1, 1)).unwrap();
        let label = format!(
            "case {case} of seed {seed}: {format:?} {width}x{height} {:?} {crop:?} {colorimetry:?} {rule:?}",
            picture.planes
        );

        let buffer = rig.upload(&picture.bytes)?;
        let on_device = DevicePicture::new(&buffer, format, width, height, &picture.planes).map_err(text)?;
        let on_device = on_device.with_colorimetry(colorimetry.0, colorimetry.1);
        let tensor = rig.buffer(rule.bytes())?;
        let mut preprocessor = Preprocessor::new(&rig.kernels, &rig.stream, &rule).map_err(text)?;
        // Twice: the second time nothing is prepared any more.
        for _ in 0..2 {
            let mut work = rig.stream.begin();
            preprocessor.process(&mut work, &on_device, &geometry, &tensor).map_err(text)?;
            work.finish().map_err(text)?;
        }
        let found = rig.download(&tensor)?;
        let expected: Vec<u8> = reference(&picture, colorimetry, &geometry, &section)
            .iter()
            .flat_map(|&value| match rule.floats {
                Floats::F32 => value.to_ne_bytes().to_vec(),
                Floats::F16 => half::f16::from_f32(value).to_ne_bytes().to_vec(),
            })
            .collect();
        let unit = rule.floats.bytes();
        let group = |bytes: &[u8]| -> Vec<Vec<u8>> { bytes.chunks(unit).map(<[u8]>::to_vec).collect() };
        compared.values += same(&label, &group(&found), &group(&expected))?;
    }
    Ok(compared)
}
