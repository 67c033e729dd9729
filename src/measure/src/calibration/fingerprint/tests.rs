//! Synthetic fields at several depths, with content that moves.

use super::*;
use proptest::prelude::*;

/// A scanned field on black: apex, half angle, and the distances at which it begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    apex: (f64, f64),
    half_angle: f64,
    near: f64,
    far: f64,
    /// Pixels a centimetre, as the ruler at the right shows it; 0 for none.
    cm_px: f64,
}

impl Field {
    /// A curved probe of radius 60 mm and 35° to either side, its depth filling the picture's height.
    pub(crate) fn curved(depth_mm: f64) -> Self {
        let px_per_mm = 440.0 / (depth_mm + 60.0 * (1.0 - 35_f64.to_radians().cos()));
        Self {
            apex: (320.0, 20.0 - 60.0 * px_per_mm * 35_f64.to_radians().cos()),
            half_angle: 35_f64.to_radians(),
            near: 60.0 * px_per_mm,
            far: (60.0 + depth_mm) * px_per_mm,
            cm_px: 10.0 * px_per_mm,
        }
    }

    /// A phased array: a sector from a point at the skin.
    pub(crate) fn phased(depth_mm: f64) -> Self {
        let px_per_mm = 440.0 / depth_mm;
        Self { apex: (320.0, 15.0), half_angle: 0.7, near: 5.0, far: 440.0, cm_px: 10.0 * px_per_mm }
    }

    /// One picture. `frame` moves the content: bright layers, a shadow and dark cysts.
    pub(crate) fn picture(&self, frame: u32, ruler: bool) -> Vec<u8> {
        let (width, height) = (640_usize, 480_usize);
        let t = f64::from(frame);
        let mut state = 0x9E37_79B9_u32.wrapping_mul(frame + 1);
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            f64::from(state) / f64::from(u32::MAX)
        };
        let mut out = vec![2_u8; width * height];
        for y in 0..height {
            for x in 0..width {
                let (dx, dy) = (x as f64 - self.apex.0, y as f64 - self.apex.1);
                let (r, angle) = (dx.hypot(dy), dx.atan2(dy));
                if angle.abs() > self.half_angle || r < self.near || r > self.far {
                    continue;
                }
                let depth = (r - self.near) / (self.far - self.near);
                let layer = 40.0 * ((depth * 20.0 + 0.3 * t).sin()).max(0.0);
                let shadow =
                    if (angle - 0.5 * (0.1 * t).sin()).abs() < 0.12 && depth > 0.3 { 0.1 } else { 1.0 };
                let cyst = (angle * 4.0 - (0.2 * t).cos()).hypot(depth * 4.0 - 2.0) < 0.5;
                let mean = (70.0 - 50.0 * depth + layer) * shadow * if cyst { 0.05 } else { 1.0 };
                let v = mean * (0.4 + 1.2 * random());
                out[y * width + x] = v.clamp(0.0, 255.0) as u8;
            }
        }
        if ruler {
            let mut y = 20.0;
            while y < 460.0 {
                let row = y as usize;
                for x in 622..630 {
                    out[row * width + x] = 190;
                    out[(row + 1) * width + x] = 190;
                }
                y += self.cm_px;
            }
        }
        out
    }

    fn print(&self, ruler: bool) -> Fingerprint {
        let bytes = self.picture(0, ruler);
        Fingerprint::of(&luma(&bytes))
    }
}

pub(crate) fn luma(bytes: &[u8]) -> Luma<'_> {
    Luma::new(bytes, 640, 480, 640).unwrap()
}

#[test]
fn moving_content_is_no_change() {
    for (name, field) in [("curved", Field::curved(120.0)), ("phased", Field::phased(150.0))] {
        for ruler in [false, true] {
            let print = field.print(ruler);
            assert!(print.left.is_some() && print.right.is_some(), "{name}: {print:?}");
            assert_eq!(print.rulers.len(), usize::from(ruler), "{name}");
            for frame in 1..40 {
                let bytes = field.picture(frame, ruler);
                assert_eq!(print.check(&luma(&bytes)), Comparison::Same, "{name} {ruler} {frame}");
            }
        }
    }
}

#[test]
fn another_depth_is_seen_in_one_frame() {
    let from = Field::curved(120.0).print(false);
    for depth in [60.0, 80.0, 100.0, 110.0, 130.0, 140.0, 160.0, 200.0] {
        for frame in [3, 17] {
            let bytes = Field::curved(depth).picture(frame, false);
            let found = from.check(&luma(&bytes));
            assert_eq!(found, Comparison::Changed(Change::Field), "120 to {depth} mm, frame {frame}");
        }
    }
    // A phased array's sector looks the same at every depth: its ruler does not.
    let from = Field::phased(150.0).print(true);
    for depth in [75.0, 100.0, 140.0, 145.0, 155.0, 160.0, 180.0, 300.0] {
        let bytes = Field::phased(depth).picture(5, true);
        assert_eq!(from.check(&luma(&bytes)), Comparison::Changed(Change::Ruler), "150 to {depth} mm");
    }
    // A ruler that is gone is no ruler that stays.
    let bytes = Field::phased(150.0).picture(5, false);
    assert_eq!(from.check(&luma(&bytes)), Comparison::Changed(Change::Ruler));
}

#[test]
fn a_picture_that_shows_nothing_says_so() {
    let print = Field::curved(120.0).print(false);
    let dark = vec![3; 640 * 480];
    assert_eq!(print.check(&luma(&dark)), Comparison::Unclear);
    let print = Fingerprint::of(&luma(&dark));
    assert!(!print.is_informative());
    assert_eq!(print.check(&luma(&dark)), Comparison::Unclear);
    // A field that fills the picture tells nothing either.
    let full = vec![90; 640 * 480];
    assert!(!Fingerprint::of(&luma(&full)).is_informative());
    assert_eq!(print.check(&Luma::new(&full, 320, 480, 640).unwrap()), Comparison::Changed(Change::Size));
}

#[test]
fn a_fingerprint_is_kept_in_files() {
    let print = Field::curved(120.0).print(true);
    let text = serde_json::to_string(&print).unwrap();
    let back: Fingerprint = serde_json::from_str(&text).unwrap();
    assert_eq!(back.size_px, print.size_px);
    let bytes = Field::curved(120.0).picture(9, true);
    assert_eq!(back.check(&luma(&bytes)), Comparison::Same);
    assert!(serde_json::from_str::<Fingerprint>(&text.replace("left", "links")).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 30 * 20)) {
        let luma = Luma::new(&bytes, 30, 20, 30).unwrap();
        let print = Fingerprint::of(&luma);
        let _ = print.check(&luma);
    }
}
