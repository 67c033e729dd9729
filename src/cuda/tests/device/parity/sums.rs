//! Sums over classes, against plain sums; and what they say, against outlines measured by `vesalius-measure`.

use vesalius_cuda::kernels::{ClassSum, ClassSums, SourceLabels};
use vesalius_measure::geometry::PixelRect;

use super::{Compared, Outcome, Random, Rig, same, text};

fn reference(mask: &[u8], pitch: usize, field: PixelRect, class: u8) -> ClassSum {
    let mut sum = ClassSum::default();
    let (left, top) = (field.x as usize, field.y as usize);
    let (right, bottom) = (left + field.width as usize, top + field.height as usize);
    for y in top..bottom {
        for x in left..right {
            if mask[y * pitch + x] != class {
                continue;
            }
            let (px, py) = (x as u64, y as u64);
            sum.count += 1;
            sum.x += px;
            sum.y += py;
            sum.xx += px * px;
            sum.xy += px * py;
            sum.yy += py * py;
            let b = sum.bounds.unwrap_or([x as u32, y as u32, x as u32, y as u32]);
            sum.bounds =
                Some([b[0].min(x as u32), b[1].min(y as u32), b[2].max(x as u32), b[3].max(y as u32)]);
            for (contact, is) in
                sum.contact.iter_mut().zip([x == left, x + 1 == right, y == top, y + 1 == bottom])
            {
                *contact += u64::from(is);
            }
        }
    }
    sum
}

pub fn run(rig: &Rig, cases: usize, seed: u64) -> Outcome<Compared> {
    let mut random = Random::new(seed);
    let mut compared = Compared { cases, values: 0 };
    for case in 0..cases {
        let (width, height) = (random.within(1, 330), random.within(1, 220));
        let pitch = width + random.of(&[0, 0, 1, 64]);
        let classes = random.within(1, 16);
        // Blobs, noise, or one class everywhere.
        let mask: Vec<u8> = match case % 3 {
            0 => random.field(pitch, height).iter().map(|p| (p * classes as f32 * 1.1) as u8).collect(),
            1 => (0..pitch * height).map(|_| random.within(0, classes + 2) as u8).collect(),
            _ => vec![classes as u8; pitch * height],
        };
        let (w, h) = (random.within(1, width), random.within(1, height));
        let field = if random.flip() {
            PixelRect { x: 0, y: 0, width: width as u32, height: height as u32 }
        } else {
            let (x, y) = (random.within(0, width - w), random.within(0, height - h));
            PixelRect { x: x as u32, y: y as u32, width: w as u32, height: h as u32 }
        };
        let label =
            format!("case {case} of seed {seed}: {width}x{height} of {pitch}, {classes} classes, {field:?}");
        let buffer = rig.upload(&mask)?;
        let labels = SourceLabels::new(&buffer, pitch as u32, width as u32, height as u32).map_err(text)?;
        let sums = ClassSums::new(&rig.kernels, &rig.stream, classes).map_err(text)?;
        let mut work = rig.stream.begin();
        // Twice: what was summed before is forgotten.
        sums.sum(&mut work, &labels, field).map_err(text)?;
        let reader = sums.sum(&mut work, &labels, field).map_err(text)?;
        let fence = work.finish().map_err(text)?;
        let expected: Vec<ClassSum> =
            (1..=classes).map(|class| reference(&mask, pitch, field, class as u8)).collect();
        compared.values += 14 * same(&label, &reader.read(&fence).map_err(text)?, &expected)?;
    }
    Ok(compared)
}
