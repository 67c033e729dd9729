//! Shifts of the whole picture, against plain sums, and against shifts that are known.

use vesalius_cuda::kernels::ShiftFinder;
use vesalius_cuda::{DevicePicture, SurfaceFormat};
use vesalius_measure::frame::PixelFormat;

use super::{Compared, Outcome, Random, Rig, same, text};

/// A smooth pattern that is nowhere the same, at a point.
fn pattern(x: f64, y: f64) -> f64 {
    let wave = |fx: f64, fy: f64, p: f64| (x * fx + y * fy + p).sin();
    128.0 + 40.0 * wave(0.031, 0.047, 0.3) + 30.0 * wave(-0.071, 0.023, 1.1) + 25.0 * wave(0.013, -0.083, 2.2)
}

fn luma(format: SurfaceFormat, pixel: &[u8]) -> u32 {
    match format {
        SurfaceFormat::P010 => {
            let v = u32::from(u16::from_le_bytes([pixel[0], pixel[1]]) >> 6);
            ((v + 2) >> 2).min(255)
        }
        SurfaceFormat::Pixels(format) => match format.rgb_offsets() {
            Some([r, g, b]) => {
                let at = |offset: usize| u32::from(pixel[offset]);
                (19_595 * at(r) + 38_470 * at(g) + 7_471 * at(b) + 32_768) >> 16
            }
            None => u32::from(pixel[0]),
        },
    }
}

/// First planes of two pictures, the second moved by (dx, dy), of one brightness in every channel.
fn pictures(
    format: SurfaceFormat,
    (width, height): (usize, usize),
    stride: usize,
    (dx, dy): (f64, f64),
) -> [Vec<u8>; 2] {
    let unit = match format {
        SurfaceFormat::P010 => 2,
        SurfaceFormat::Pixels(format) => format.bytes_per_pixel(),
    };
    [(0.0, 0.0), (dx, dy)].map(|(dx, dy)| {
        let mut bytes = vec![0; stride * height];
        for y in 0..height {
            for x in 0..width {
                let value = pattern(x as f64 - dx, y as f64 - dy).round() as u16;
                let at = &mut bytes[y * stride + x * unit..][..unit];
                match format {
                    SurfaceFormat::P010 => at.copy_from_slice(&(value << 8).to_le_bytes()),
                    SurfaceFormat::Pixels(_) => at.fill(value as u8),
                }
            }
        }
        bytes
    })
}

/// The reduced picture: mean luma of boxes.
fn reduce(
    format: SurfaceFormat,
    bytes: &[u8],
    stride: usize,
    width: usize,
    size: (usize, usize),
    f: usize,
) -> Vec<u8> {
    let unit = format.plane_layout(0, width, 1).row_bytes / width;
    let mean = |bx: usize, by: usize| {
        let pixels = (0..f * f).map(|i| (bx * f + i % f, by * f + i / f));
        let sum: u32 = pixels.map(|(x, y)| luma(format, &bytes[y * stride + x * unit..][..unit])).sum();
        let count = (f * f) as u32;
        ((sum + count / 2) / count) as u8
    };
    (0..size.1).flat_map(|y| (0..size.0).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect()
}

pub fn run(rig: &Rig, cases: usize, seed: u64) -> Outcome<Compared> {
    let mut random = Random::new(seed);
    let mut compared = Compared { cases, values: 0 };
    for case in 0..cases {
        let format = match PixelFormat::ALL.get(case % 10) {
            Some(&format) => SurfaceFormat::Pixels(format),
            None => SurfaceFormat::P010,
        };
        let (width, height) = (random.within(150, 500), random.within(120, 300));
        let moved = random.unit() * 24.0 - 12.0;
        let by = (f64::from(moved).round(), f64::from(random.unit() * 24.0 - 12.0).round());
        let stride = format.plane_layout(0, width, height).row_bytes + random.of(&[0, 2, 30]);
        let pair = pictures(format, (width, height), stride, by);
        let label = format!("case {case} of seed {seed}: {format:?} {width}x{height} moved by {by:?}");
        let mut finder = ShiftFinder::new(&rig.kernels, &rig.stream, width, height, 20).map_err(text)?;
        let mut found = None;
        for bytes in &pair {
            // The planes of chroma are not looked at, but have to be there.
            let mut planes = vec![(0, stride)];
            let mut all = bytes.clone();
            for plane in 1..format.planes() {
                let layout = format.plane_layout(plane, width, height);
                planes.push((all.len(), layout.row_bytes));
                all.resize(all.len() + layout.row_bytes * layout.rows, 77);
            }
            let buffer = rig.upload(&all)?;
            let picture = DevicePicture::new(&buffer, format, width, height, &planes).map_err(text)?;
            let mut work = rig.stream.begin();
            let scores = finder.push(&mut work, &picture).map_err(text)?;
            let fence = work.finish().map_err(text)?;
            found = scores.map(|scores| (scores, fence));
        }
        let (scores, fence) = found.ok_or(format!("no scores, {label}"))?;

        let factor = finder.box_px() as usize;
        let size = (width / factor, height / factor);
        let [before, now] = pair.map(|bytes| reduce(format, &bytes, stride, width, size, factor));
        let sums = scores.sums(&fence).map_err(text)?;
        let side = sums.len().isqrt() as i64;
        let mut expected = Vec::new();
        for i in 0..side * side {
            let (dx, dy) = (i % side - side / 2, i / side - side / 2);
            let mut sum = 0_u32;
            for y in 0..size.1 as i64 {
                for x in 0..size.0 as i64 {
                    let (nx, ny) = (x + dx, y + dy);
                    if (0..size.0 as i64).contains(&nx) && (0..size.1 as i64).contains(&ny) {
                        let at = |x: i64, y: i64| y as usize * size.0 + x as usize;
                        sum += u32::from(before[at(x, y)].abs_diff(now[at(nx, ny)]));
                    }
                }
            }
            expected.push(sum);
        }
        compared.values += same(&label, &sums, &expected)?;

        let shift = scores.shift(&fence).map_err(text)?;
        let off = (shift.dx_px - by.0).hypot(shift.dy_px - by.1);
        // A parabola through sums of absolute differences is off by up to a fifth of a box.
        if off > 0.35 * factor as f64 || shift.is_at_limit {
            return Err(format!("{shift:?} is {off:.2} px off, boxes of {factor}, {label}"));
        }
    }
    Ok(compared)
}
