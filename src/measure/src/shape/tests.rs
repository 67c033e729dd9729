//! Tolerances: area and axes 0.1 %, perimeter 1 % on the analytic ellipse, as the project's specification of
//! measurements sets them; circumference follows the axes.

use super::*;
use crate::calibration::CalibrationSource;
use crate::contour::trace;
use crate::geometry::ResizeRule;
use crate::mask::ProbabilityMap;
use crate::units::MmPerPx;
use proptest::prelude::*;

/// An ellipse in mm, seen by pixels of a size.
#[derive(Clone, Copy, Debug)]
struct Scene {
    axes_mm: (f64, f64),
    angle_rad: f64,
    mm_per_px: (f64, f64),
    /// Sub-pixel shift of the centre.
    shift_px: (f64, f64),
}

impl Scene {
    fn size(&self) -> (u32, u32) {
        let reach = self.axes_mm.0.max(self.axes_mm.1);
        ((reach / self.mm_per_px.0) as u32 + 12, (reach / self.mm_per_px.1) as u32 + 12)
    }

    /// Fraction of each pixel inside the ellipse, from `grid`² samples; with 1 a binary mask.
    fn map(&self, grid: usize) -> ProbabilityMap {
        let (width, height) = self.size();
        let center = (f64::from(width) / 2.0 + self.shift_px.0, f64::from(height) / 2.0 + self.shift_px.1);
        let (sin, cos) = self.angle_rad.sin_cos();
        let inside = |x: f64, y: f64| {
            let (dx, dy) = ((x - center.0) * self.mm_per_px.0, (y - center.1) * self.mm_per_px.1);
            let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
            (2.0 * u / self.axes_mm.0).powi(2) + (2.0 * v / self.axes_mm.1).powi(2) <= 1.0
        };
        let offset = |k: usize| (k as f64 + 0.5) / grid as f64 - 0.5;
        let values: Vec<f32> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| {
                let hits = (0..grid * grid)
                    .filter(|k| inside(f64::from(x) + offset(k % grid), f64::from(y) + offset(k / grid)))
                    .count();
                hits as f32 / (grid * grid) as f32
            })
            .collect();
        ProbabilityMap::new(width as usize, height as usize, values).unwrap()
    }

    fn measure(&self, grid: usize) -> Shape {
        let geometry = Geometry::new(self.size(), self.size(), ResizeRule::Stretch, (1, 1)).unwrap();
        let calibration = Calibration::new(
            MmPerPx(self.mm_per_px.0),
            MmPerPx(self.mm_per_px.1),
            CalibrationSource::Phantom,
            0.0,
        )
        .unwrap();
        let contours = trace(&self.map(grid), &geometry, 0.5);
        assert_eq!(contours.len(), 1);
        Shape::of(&contours[0], &Plane::new(&geometry, Some(&calibration))).unwrap()
    }
}

fn off(measured: f64, truth: f64) -> f64 {
    (measured / truth - 1.0).abs()
}

#[test]
fn analytic_ellipses() {
    struct Case {
        name: &'static str,
        axes_mm: (f64, f64),
        mm_per_px: (f64, f64),
        area: f64,
        perimeter: f64,
    }
    let cases = [
        Case {
            name: "60×40 mm, 0.2 mm",
            axes_mm: (60.0, 40.0),
            mm_per_px: (0.2, 0.2),
            area: 1e-3,
            perimeter: 1e-2,
        },
        Case {
            name: "60×40, 0.30×0.15",
            axes_mm: (60.0, 40.0),
            mm_per_px: (0.3, 0.15),
            area: 1e-3,
            perimeter: 1e-2,
        },
        // 50×30 pixels: the iso-line of box coverage scatters by 0.5 square pixels about a mean 0.45 inside the shape,
        // however large it is, which shows at this one; a linear ramp's does not.
        Case {
            name: "10×6 mm, 0.2 mm",
            axes_mm: (10.0, 6.0),
            mm_per_px: (0.2, 0.2),
            area: 2e-3,
            perimeter: 1e-2,
        },
        Case {
            name: "100×78, 0.35 mm",
            axes_mm: (100.0, 78.0),
            mm_per_px: (0.35, 0.35),
            area: 1e-3,
            perimeter: 1e-2,
        },
    ];
    let mut failures = Vec::new();
    for case in &cases {
        // Angles and sub-pixel places that no grid direction favours.
        for step in 0..20 {
            let t = f64::from(step);
            let scene = Scene {
                axes_mm: case.axes_mm,
                angle_rad: -1.5 + t * 0.157,
                mm_per_px: case.mm_per_px,
                shift_px: ((t * 0.37) % 1.0 - 0.5, (t * 0.61) % 1.0 - 0.5),
            };
            let (a, b) = case.axes_mm;
            let truth_area = std::f64::consts::PI * a * b / 4.0;
            let truth_perimeter = crate::ellipse::circumference(a / 2.0, b / 2.0);
            // A network's map is soft; coverage by samples stands for it, more of them where they are few.
            let soft = scene.measure(if a > 20.0 { 8 } else { 24 });
            let ellipse = soft.ellipse.unwrap();
            let errors = [
                ("area", off(soft.area, truth_area), case.area),
                ("major", off(2.0 * ellipse.semi_major, a), case.area),
                ("minor", off(2.0 * ellipse.semi_minor, b), case.area),
                ("circumference", off(ellipse.circumference(), truth_perimeter), case.area),
                ("perimeter", off(soft.perimeter, truth_perimeter), case.perimeter),
            ];
            for (what, error, tolerance) in errors {
                if error > tolerance {
                    failures.push(format!("{} step {step}: {what} off by {:.3} %", case.name, 100.0 * error));
                }
            }
            // The same outline from a binary mask: perimeter must not see the staircase. On 10×6 mm at 0.2 mm the
            // mask itself is off by more (see the specification's table), so that case is soft alone.
            if case.axes_mm.0 > 20.0 {
                let binary = scene.measure(1);
                if off(binary.perimeter, truth_perimeter) > 1e-2 {
                    failures.push(format!(
                        "{} step {step}: binary perimeter off by {:.3} %",
                        case.name,
                        100.0 * off(binary.perimeter, truth_perimeter)
                    ));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_small_soft_circle_is_not_shrunk() {
    // 20 pixels across: five-point smoothing alone would take 0.6 % off.
    let scene = Scene { axes_mm: (4.0, 4.0), angle_rad: 0.0, mm_per_px: (0.2, 0.2), shift_px: (0.2, -0.3) };
    let shape = scene.measure(8);
    assert!(off(shape.perimeter, 4.0 * std::f64::consts::PI) < 0.01, "{}", shape.perimeter);
}

#[test]
fn a_hole_is_not_area() {
    let map: Vec<f32> = (0..60 * 60)
        .map(|i| {
            let r = (f64::from(i % 60) - 29.7).hypot(f64::from(i / 60) - 29.4);
            ((20.5 - r).clamp(0.0, 1.0) * (r - 9.5).clamp(0.0, 1.0)) as f32
        })
        .collect();
    let map = ProbabilityMap::new(60, 60, map).unwrap();
    let geometry = Geometry::new((60, 60), (60, 60), ResizeRule::Stretch, (1, 1)).unwrap();
    let contours = trace(&map, &geometry, 0.5);
    let shape = Shape::of(&contours[0], &Plane::new(&geometry, None)).unwrap();
    let truth = std::f64::consts::PI * (400.0 - 100.0);
    assert!(off(shape.area, truth) < 5e-3, "{} for {truth}", shape.area);
    assert!((shape.centroid.0 - 29.7).abs() < 0.02 && (shape.centroid.1 - 29.4).abs() < 0.02);
}

#[test]
fn uncalibrated_lengths_are_rows_and_carry_the_pixel_aspect() {
    let geometry = Geometry::new((720, 576), (720, 576), ResizeRule::Stretch, (16, 15)).unwrap();
    let plane = Plane::new(&geometry, None);
    assert_eq!((plane.length, plane.area), (Unit::Px, Unit::Px2));
    let (x, y) = plane.from_frame(PointInFrame { x_px: 15.0, y_px: 16.0 });
    assert!((x - 16.0).abs() < 1e-12 && (y - 16.0).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The same head seen through a letterboxed or stretched model, at another size and with other pixels,
    /// measures the same: 0.5 % with a map of a quarter of the resolution and more.
    #[test]
    fn resizing_changes_nothing(angle in -1.5..1.5_f64, ratio in 0.6..1.0_f64, letterbox: bool,
                                aspect in 0.75..1.6_f64, flip: bool) {
        let (width, height) = (800_u32, 540_u32);
        // At least 81 mm of height: the head is never cut.
        let mm_per_px = (0.2, 0.2 * aspect);
        let (a, b) = (70.0_f64, 70.0 * ratio);
        let rule = if letterbox { ResizeRule::Letterbox } else { ResizeRule::Stretch };
        let geometry = Geometry::new((width, height), (288, 192), rule, (1, 1)).unwrap();
        let (sin, cos) = (if flip { -angle } else { angle }).sin_cos();
        // A soft edge of the distance in model pixels, drawn in the model's own picture.
        let values: Vec<f32> = (0..192 * 288)
            .map(|i| {
                let p = geometry.source_from_model(crate::geometry::PointInModel {
                    x_px: f64::from(i % 288),
                    y_px: f64::from(i / 288),
                });
                let (dx, dy) = ((p.x_px - 395.2) * mm_per_px.0, (p.y_px - 268.7) * mm_per_px.1);
                let (u, v) = ((dx * cos + dy * sin) / (a / 2.0), (dy * cos - dx * sin) / (b / 2.0));
                (0.5 + (1.0 - u.hypot(v)) * 20.0).clamp(0.0, 1.0) as f32
            })
            .collect();
        let map = ProbabilityMap::new(288, 192, values).unwrap();
        let calibration = Calibration::new(
            MmPerPx(mm_per_px.0), MmPerPx(mm_per_px.1), CalibrationSource::Phantom, 0.0).unwrap();
        let plane = Plane::new(&geometry, Some(&calibration));
        let contours = trace(&map, &geometry, 0.5);
        prop_assert_eq!(contours.len(), 1);
        let shape = Shape::of(&contours[0], &plane).unwrap();
        let ellipse = shape.ellipse.unwrap();
        prop_assert!(off(2.0 * ellipse.semi_major, a) < 5e-3, "{} for {a}", 2.0 * ellipse.semi_major);
        prop_assert!(off(2.0 * ellipse.semi_minor, b) < 5e-3, "{} for {b}", 2.0 * ellipse.semi_minor);
        prop_assert!(off(shape.area, std::f64::consts::PI * a * b / 4.0) < 5e-3);
        // The fit to the boundary sees the same ellipse.
        let fit = ellipse_of_free_boundary(&contours[0], &plane, &geometry).unwrap();
        prop_assert!(off(fit.circumference(), ellipse.circumference()) < 5e-3);
    }
}
