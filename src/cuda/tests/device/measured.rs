//! What the sums over a mask say, against what `vesalius-measure` says of the mask's outlines.

use vesalius_cuda::kernels::{ClassSums, SourceLabels};
use vesalius_cuda::{DeviceBuffer, Stream};
use vesalius_measure::contour;
use vesalius_measure::geometry::{Geometry, PixelRect, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::shape::{Plane, Shape};
use vesalius_measure::track::Bounds;

use crate::host::HostDevice;
use crate::parity::Random;

#[test]
fn sums_agree_with_the_outlines_of_the_same_mask() {
    let device = HostDevice::default();
    let mut random = Random::new(11);
    {
        let context = device.context();
        let kernels = device.kernels(&context).unwrap();
        let stream = Stream::new(&context).unwrap();
        let sums = ClassSums::new(&kernels, &stream, 1).unwrap();
        let mut compared = 0;
        for case in 0..30 {
            let (width, height) = (random.within(60, 200), random.within(60, 200));
            // One ellipse, turned, at times cut by the picture's edge.
            let (cx, cy) = (random.unit() * width as f32, random.unit() * height as f32);
            let (a, b) = (8.0 + random.unit() * 30.0, 8.0 + random.unit() * 30.0);
            let (sin, cos) = (random.unit() * 3.0).sin_cos();
            let inside = |i: usize| {
                let (x, y) = ((i % width) as f32 - cx, (i / width) as f32 - cy);
                ((x * cos + y * sin) / a).powi(2) + ((y * cos - x * sin) / b).powi(2) < 1.0
            };
            let mask: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i))).collect();
            if mask.iter().filter(|&&label| label == 1).count() < 50 {
                continue;
            }
            compared += 1;
            let buffer = DeviceBuffer::new(&context, mask.len()).unwrap();
            let labels = SourceLabels::new(&buffer, width as u32, width as u32, height as u32).unwrap();
            let field = PixelRect { x: 0, y: 0, width: width as u32, height: height as u32 };
            let mut work = stream.begin();
            work.upload(&buffer, 0, &mask).unwrap();
            let reader = sums.sum(&mut work, &labels, field).unwrap();
            let sum = reader.read(&work.finish().unwrap()).unwrap()[0];

            let size = (width as u32, height as u32);
            let geometry = Geometry::new(size, size, ResizeRule::Stretch, (1, 1)).unwrap();
            let values: Vec<f32> = mask.iter().map(|&label| f32::from(label)).collect();
            let map = ProbabilityMap::new(width, height, values).unwrap();
            let outlines = contour::trace(&map, &geometry, 0.5);
            let outline = &outlines[0];
            assert_eq!(outlines.len(), 1, "case {case}");
            // Of a binary map the area of the outline is the number of pixels.
            assert!((outline.area_px2 - sum.count as f64).abs() < 1e-6, "case {case}: {sum:?}");
            let shape = Shape::of(outline, &Plane::new(&geometry, None)).unwrap();
            let (x, y) = sum.centroid().unwrap();
            let (dx, dy) = (shape.centroid.0 - x, shape.centroid.1 - y);
            assert!(dx.hypot(dy) < 0.05, "case {case}: {dx} {dy}");
            let bounds = Bounds::of(&outline.outer).unwrap();
            let [left, top, right, bottom] = sum.bounds.unwrap().map(f64::from);
            let expected = [left - 0.5, top - 0.5, right + 0.5, bottom + 0.5];
            let found = [bounds.min.x_px, bounds.min.y_px, bounds.max.x_px, bounds.max.y_px];
            assert_eq!(found, expected, "case {case}");
            let touches = sum.contact.iter().any(|&pixels| pixels > 0);
            // An outline counts as cut from two pixels off the edge on, contact is on it.
            assert!(!touches || outline.border_fraction > 0.0, "case {case}");
            // Second moments: an ellipse's axes by either way, the pixels' own extent added.
            if let (false, Some(ellipse)) = (touches, shape.ellipse) {
                let [xx, xy, yy] = sum.central_moments().unwrap();
                let (xx, yy) = (xx + 1.0 / 12.0, yy + 1.0 / 12.0);
                let root = ((xx - yy).powi(2) / 4.0 + xy * xy).sqrt();
                let axes = [1.0, -1.0].map(|sign| 4.0 * ((xx + yy) / 2.0 + sign * root).sqrt());
                let of_outlines = [2.0 * ellipse.semi_major, 2.0 * ellipse.semi_minor];
                for (found, of_outline) in axes.iter().zip(of_outlines) {
                    assert!(
                        (found - of_outline).abs() < 0.01 * of_outline,
                        "case {case}: {axes:?} {ellipse:?}"
                    );
                }
            }
        }
        assert!(compared > 20, "{compared} of 30");
    }
    device.finish();
}
