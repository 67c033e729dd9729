//! What is drawn on pictures, against `vesalius-draw`: the same bytes, and no other touched.

use vesalius_cuda::kernels::{Blender, SourceLabels};
use vesalius_cuda::{DevicePicture, SurfaceFormat};
use vesalius_draw::{Color, Layer, Stroke, blend};
use vesalius_measure::frame::{FrameMut, PixelFormat};
use vesalius_measure::geometry::PointInFrame;

use super::{Compared, Outcome, Random, Rig, same, text};

fn color(random: &mut Random) -> Color {
    let b = random.bytes(4);
    let alpha = random.of(&[255, 255, b[3], 1, 128]);
    Color { red: b[0], green: b[1], blue: b[2], alpha }
}

/// Outlines with halos, dashes, fills, panels and text, some of it beyond the picture.
fn drawing(random: &mut Random, width: usize, height: usize) -> Layer {
    let mut layer = Layer::new(width, height).unwrap();
    let point = |random: &mut Random| PointInFrame {
        x_px: f64::from(random.unit() * 1.4 - 0.2) * width as f64,
        y_px: f64::from(random.unit() * 1.4 - 0.2) * height as f64,
    };
    for _ in 0..random.within(0, 4) {
        let points: Vec<PointInFrame> = (0..random.within(3, 12)).map(|_| point(random)).collect();
        if random.flip() {
            layer.fill([points.as_slice()], color(random));
        }
        let width_px = f64::from(random.unit()) * 6.0;
        let stroke = Stroke::new(color(random), width_px).with_halo(f64::from(random.unit()) * 3.0);
        let stroke = if random.flip() { stroke.dashed(5.0, 7.0) } else { stroke };
        layer.polyline(points, random.flip(), &stroke);
    }
    if random.flip() {
        let at = point(random);
        layer.rectangle(
            at.x_px as i64,
            at.y_px as i64,
            random.within(1, 90),
            random.within(1, 40),
            4.0,
            color(random),
        );
    }
    layer
}

/// A picture's memory with its planes' offsets and strides.
fn memory(
    random: &mut Random,
    format: PixelFormat,
    width: usize,
    height: usize,
) -> (Vec<u8>, Vec<(usize, usize)>) {
    let (mut end, mut planes) = (random.within(0, 7), Vec::new());
    for plane in 0..format.planes() {
        let layout = format.plane_layout(plane, width, height);
        let stride = layout.row_bytes + random.of(&[0, 0, 1, 13, 64]);
        planes.push((end, stride));
        end += stride * (layout.rows - 1) + layout.row_bytes + random.within(0, 9);
    }
    (random.bytes(end), planes)
}

/// The reference on the same memory.
fn draw(
    bytes: &mut [u8],
    planes: &[(usize, usize)],
    (format, width, height): (PixelFormat, usize, usize),
    colorimetry: (vesalius_measure::frame::ColorRange, vesalius_measure::frame::ColorMatrix),
    layer: &Layer,
) {
    let mut rest = bytes;
    let mut cut = 0;
    let mut views = Vec::new();
    for (plane, &(offset, stride)) in planes.iter().enumerate() {
        let layout = format.plane_layout(plane, width, height);
        let size = stride * (layout.rows - 1) + layout.row_bytes;
        let (view, after) = std::mem::take(&mut rest)[offset - cut..].split_at_mut(size);
        views.push((view, stride));
        (rest, cut) = (after, offset + size);
    }
    let mut frame = FrameMut::new(format, width, height, views).unwrap();
    frame = frame.with_colorimetry(colorimetry.0, colorimetry.1);
    blend(layer, &mut frame).unwrap();
}

pub fn run(rig: &Rig, cases: usize, seed: u64) -> Outcome<Compared> {
    let mut random = Random::new(seed);
    let mut compared = Compared { cases, values: 0 };
    for case in 0..cases {
        let format = PixelFormat::ALL[case % PixelFormat::ALL.len()];
        let (width, height) = (random.within(1, 210), random.within(1, 150));
        let colorimetry = random.colorimetry();
        let (mut bytes, planes) = memory(&mut random, format, width, height);
        let label =
            format!("case {case} of seed {seed}: {format:?} {width}x{height} {planes:?} {colorimetry:?}");
        let buffer = rig.upload(&bytes)?;
        let picture = DevicePicture::new(&buffer, SurfaceFormat::Pixels(format), width, height, &planes)
            .map_err(text)?;
        let picture = picture.with_colorimetry(colorimetry.0, colorimetry.1);
        let mut blender = Blender::new(&rig.kernels, &rig.stream, width, height).map_err(text)?;

        // Two layers one after the other: the memory of the first is used again at once.
        let layers = [drawing(&mut random, width, height), drawing(&mut random, width, height)];
        let mut work = rig.stream.begin();
        for layer in &layers {
            blender.blend(&mut work, layer, &picture).map_err(text)?;
        }
        work.finish().map_err(text)?;
        for layer in &layers {
            draw(&mut bytes, &planes, (format, width, height), colorimetry, layer);
        }
        compared.values += same(&format!("layers, {label}"), &rig.download(&buffer)?, &bytes)?;

        let pitch = width + random.of(&[0, 1, 32]);
        let colors: Vec<Color> = (0..random.within(1, 3)).map(|_| color(&mut random)).collect();
        // More labels than colours: the rest is not drawn.
        let mask: Vec<u8> = (0..pitch * height).map(|_| (random.next() % 8) as u8 % 5).collect();
        let on_device = rig.upload(&mask)?;
        let labels =
            SourceLabels::new(&on_device, pitch as u32, width as u32, height as u32).map_err(text)?;
        let mut work = rig.stream.begin();
        blender.tint(&mut work, &labels, &colors, &picture).map_err(text)?;
        work.finish().map_err(text)?;
        let mut layer = Layer::new(width, height).unwrap();
        for (y, row) in mask.chunks(pitch).enumerate() {
            for (x, &label) in row[..width].iter().enumerate() {
                if let Some(&color) = usize::from(label).checked_sub(1).and_then(|i| colors.get(i)) {
                    layer.rectangle(x as i64, y as i64, 1, 1, 0.0, color);
                }
            }
        }
        draw(&mut bytes, &planes, (format, width, height), colorimetry, &layer);
        compared.values += same(&format!("tint, {label}"), &rig.download(&buffer)?, &bytes)?;
    }
    Ok(compared)
}
