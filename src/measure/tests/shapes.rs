//! Masks that OpenCV and scikit-image have measured (`oracle/shapes.py` wrote `oracle/shapes.json`; the versions stand
//! in the file): ellipses, rings, L-shapes and blobs, with square and with oblong pixels.
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_measure::contour::trace;
use vesalius_measure::geometry::{Geometry, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::shape::{Morphology, Plane, ellipse_of_free_boundary};
use vesalius_measure::units::MmPerPx;

#[derive(Deserialize)]
struct Oracle {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    mm_per_px: (f64, f64),
    width: usize,
    runs: Vec<usize>,
    perimeter_mm: f64,
    pixels: usize,
    holes: usize,
    hole_pixels: usize,
    centroid_mm: (f64, f64),
    covariance_mm2: [f64; 3],
    fitted_centre_mm: (f64, f64),
    fitted_axes_mm: (f64, f64),
    max_feret_mm: f64,
    min_feret_mm: f64,
    hull_mm2: f64,
    solidity: f64,
}

impl Case {
    fn values(&self) -> Vec<f32> {
        let run = |(i, &n): (usize, &usize)| std::iter::repeat_n((i % 2) as f32, n);
        self.runs.iter().enumerate().flat_map(run).collect()
    }
}

#[test]
fn agrees_with_opencv_and_scikit_image() {
    let oracle: Oracle = serde_json::from_str(include_str!("oracle/shapes.json")).unwrap();
    assert_eq!(oracle.cases.len(), 24);
    let mut failures = Vec::new();
    let mut worst = std::collections::BTreeMap::new();
    for case in &oracle.cases {
        let values = case.values();
        let (width, height) = (case.width, values.len() / case.width);
        let size = (width as u32, height as u32);
        let map = ProbabilityMap::new(width, height, values).unwrap();
        let geometry = Geometry::new(size, size, ResizeRule::Stretch, (1, 1)).unwrap();
        let (sx, sy) = case.mm_per_px;
        let scale = Calibration::new(MmPerPx(sx), MmPerPx(sy), CalibrationSource::Phantom, 0.0).unwrap();
        let plane = Plane::new(&geometry, Some(&scale));
        let contours = trace(&map, &geometry, 0.5);
        assert_eq!(contours.len(), 1, "{}", case.name);
        let contour = &contours[0];
        let m = Morphology::of(contour, &plane).unwrap();
        let ellipse = m.shape.ellipse.unwrap();
        let fit = ellipse_of_free_boundary(contour, &plane, &geometry).unwrap();
        assert_eq!(m.holes, case.holes, "{}", case.name);

        let coarse = sx.max(sy);
        let [xx, xy, yy] = case.covariance_mm2;
        let (mean, spread) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
        let axes = (4.0 * (mean + spread).sqrt(), 4.0 * (mean - spread).sqrt());
        let orientation = 0.5 * (2.0 * xy).atan2(xx - yy);
        let turn = m.shape.orientation_rad().map_or(0.0, |v| (v - orientation).sin().abs());
        let relative = |a: f64, b: f64| (a / b - 1.0).abs();
        let mut check = |what: &'static str, error: f64, tolerance: f64| {
            let most = worst.entry(what).or_insert(0.0_f64);
            *most = most.max(error / tolerance);
            if error > tolerance || error.is_nan() {
                failures.push(format!("{}: {what} off by {error:.5} of {tolerance:.5}", case.name));
            }
        };
        // Area: the same definition, so rounding alone.
        check("area", relative(m.shape.area, case.pixels as f64 * sx * sy), 1e-9);
        check("hole area", (m.shape.hole_area / (sx * sy) - case.hole_pixels as f64).abs(), 1e-6);
        // Moments: polygon against pixels, which share the area; 0.1 % is the project's tolerance for axes.
        check("major axis", relative(2.0 * ellipse.semi_major, axes.0), 1e-3);
        check("minor axis", relative(2.0 * ellipse.semi_minor, axes.1), 1e-3);
        check("orientation", turn, 2e-3);
        check("centroid x", (m.shape.centroid.0 - case.centroid_mm.0).abs() / sx, 0.02);
        check("centroid y", (m.shape.centroid.1 - case.centroid_mm.1).abs() / sy, 0.02);
        // The same method on the same vertices, which OpenCV takes and solves in f32.
        check("fitted major axis", relative(2.0 * fit.semi_major, case.fitted_axes_mm.0), 1e-3);
        check("fitted minor axis", relative(2.0 * fit.semi_minor, case.fitted_axes_mm.1), 1e-3);
        check("fitted centre x", (fit.center_x - case.fitted_centre_mm.0).abs() / sx, 0.05);
        check("fitted centre y", (fit.center_y - case.fitted_centre_mm.1).abs() / sy, 0.05);
        // Of the shape itself: a binary mask leaves its tips open by half a pixel at either end. The sharp corners of an
        // L have no pixel of their own in the last half pixel, and are rounded a little.
        let is_l = case.name.starts_with('l');
        let tips = if is_l { 1.6 } else { 0.9 };
        check("max Feret", (m.feret.max.length() - case.max_feret_mm).abs() / coarse, tips);
        check("min Feret", (m.feret.min.length() - case.min_feret_mm).abs() / coarse, 0.9);
        check("hull", relative(m.hull.area(), case.hull_mm2), 0.01);
        // A hull of pixels' corners is larger by up to half a pixel all around.
        check("solidity", (m.solidity - case.solidity).abs(), 0.035);
        // Crofton's formula with four directions is off by up to 1 % itself (an L along the axes by more: 5 %).
        let crofton = if is_l { 0.06 } else { 0.015 };
        check("perimeter", relative(m.shape.perimeter, case.perimeter_mm), crofton);
    }
    for (what, share) in &worst {
        println!("{what}: {:.0} % of the tolerance", 100.0 * share);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
