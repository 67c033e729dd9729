//! What the fuzz targets do with their input. `tests/tests/fuzz_seeds.rs` does the same with every committed seed.
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo +nightly fuzz run dicom_calibration -- fuzz/seeds/dicom_calibration -max_total_time=600
//! ```

use vesalius_dicom::{Recording, Timebase};
use vesalius_engine::manifest::Manifest;
use vesalius_measure::geometry::PointInFrame;

/// Most pixels of a picture that is decoded: a damaged size may ask for much memory, which is no fault but slow.
const MOST_PIXELS: u64 = 1 << 18;

/// From any bytes to a scale: header, times, regions, decision, description and the first frames.
///
/// # Panics
///
/// When a scale comes out that no region of the file makes, or times that do not rise.
pub fn dicom_calibration(bytes: &[u8]) {
    let Ok(mut recording) = Recording::from_bytes(bytes) else { return };
    let (width, height) = recording.size();
    let _ = recording.describe().to_string();
    let times = recording.times();
    assert!(times.frames.is_sorted_by(|a, b| a.pts_ns < b.pts_ns));
    assert_eq!(times.timebase == Timebase::None, times.frames.is_empty());
    if let Ok(field) = recording.calibration() {
        let regions = recording.regions();
        let makes_scale = |i: usize, x_px: f64, y_px: f64, mm: [f64; 2]| {
            let r = &regions[i];
            let inside = |p: f64, min: u32, max: u32| p >= f64::from(min) - 0.5 && p <= f64::from(max) + 0.5;
            let same = |mm: f64, cm: f64| {
                (0.001..=0.5).contains(&cm.abs()) && (mm / (cm.abs() * 10.0) - 1.0).abs() < 2e-3
            };
            r.spatial_format == 1
                && (r.units_x, r.units_y) == (3, 3)
                && r.max_x1 <= width
                && r.max_y1 <= height
                && inside(x_px, r.min_x0, r.max_x1)
                && inside(y_px, r.min_y0, r.max_y1)
                && same(mm[0], r.delta_x)
                && same(mm[1], r.delta_y)
        };
        for y in 0..5 {
            for x in 0..5 {
                let (x_px, y_px) =
                    (f64::from(width - 1) * f64::from(x) / 4.0, f64::from(height - 1) * f64::from(y) / 4.0);
                let Ok(scale) = field.at([PointInFrame { x_px, y_px }]) else { continue };
                let mm = [scale.mm_per_px_x().get(), scale.mm_per_px_y().get()];
                assert!((0..regions.len()).any(|i| makes_scale(i, x_px, y_px, mm)), "no region makes {mm:?}");
            }
        }
    }
    if u64::from(width) * u64::from(height) <= MOST_PIXELS {
        let expected = (width * height) as usize * recording.layout().bytes();
        for frame in recording.frames().take(2).flatten() {
            assert_eq!(frame.data.len(), expected);
        }
    }
    let _ = recording.video();
}

/// From any text to a manifest: what is accepted can be written and read again.
///
/// # Panics
///
/// When it cannot.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Manifest::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(manifest) => {
            let written = manifest.to_toml().expect("a manifest that was read can be written");
            assert_eq!(Manifest::parse(&written).expect("and read again"), manifest);
        }
    }
}
