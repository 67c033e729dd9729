//! Damaged files of every kind: no panic, and never a scale that the header does not make.
//!
//! Bytes of the test files' headers and pixels are changed, cut out, doubled and cut off. Whatever opens is decoded as far
//! as it goes. Where millimetres come out, they are derived again from the raw regions by rules written here anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::LazyLock;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use proptest::prelude::*;
use vesalius_dicom::{Recording, Timebase};
use vesalius_measure::geometry::PointInFrame;

/// Test files, a file with regions, and the public files' headers where they are.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut made = common::Made::grey(3);
    let mut other = common::region();
    other.put(DataElement::new(tags::REGION_SPATIAL_FORMAT, VR::US, PrimitiveValue::from(2u16)));
    made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![common::region(), other]);
    made.put(tags::FRAME_INCREMENT_POINTER, VR::AT, PrimitiveValue::from(tags::FRAME_TIME));
    made.put(tags::FRAME_TIME, VR::DS, "40");
    made.put(tags::PIXEL_SPACING, VR::DS, "0.5\\0.5");
    // Several times, so that regions are damaged as often as pixels are.
    let mut seeds = vec![made.bytes(); 20];
    let folders = [Some(common::files()), common::public_files()];
    let files = folders.into_iter().flatten().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = files.map(|f| f.unwrap().path()).collect();
    files.sort();
    // Large pixels only take time.
    seeds.extend(files.iter().map(|f| std::fs::read(f).unwrap()).filter(|f| f.len() < 100_000));
    seeds
});

#[derive(Clone, Debug)]
enum Change {
    Set(u32, u8),
    Flip(u32, u8),
    Remove(u32, u8),
    Double(u32, u8),
    CutOff(u32),
}

fn change() -> impl Strategy<Value = Change> {
    // Most of what decides lies in front.
    let place = || prop_oneof![3 => 0u32..2000, 1 => any::<u32>()];
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(p, v)| Change::Set(p, v)),
        4 => (place(), 0u8..8).prop_map(|(p, b)| Change::Flip(p, b)),
        1 => (place(), 1u8..20).prop_map(|(p, n)| Change::Remove(p, n)),
        1 => (place(), 1u8..20).prop_map(|(p, n)| Change::Double(p, n)),
        1 => any::<u32>().prop_map(Change::CutOff),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let at = |place: u32, bytes: &[u8]| place as usize % bytes.len();
    match *change {
        Change::Set(place, value) => {
            let at = at(place, bytes);
            bytes[at] = value;
        }
        Change::Flip(place, bit) => {
            let at = at(place, bytes);
            bytes[at] ^= 1 << bit;
        }
        Change::Remove(place, n) => {
            let at = at(place, bytes);
            let end = (at + usize::from(n)).min(bytes.len());
            bytes.drain(at..end);
        }
        Change::Double(place, n) => {
            let at = at(place, bytes);
            let end = (at + usize::from(n)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        Change::CutOff(place) => bytes.truncate(at(place, bytes)),
    }
}

/// Everything a reader does with a file, and the checks that hold for any.
fn exercise(bytes: Vec<u8>) {
    let Ok(mut recording) = Recording::from_bytes(bytes) else { return };
    let (width, height) = recording.size();
    assert!(recording.describe().to_string().lines().count() > 5);
    let times = recording.times();
    match times.timebase {
        Timebase::None => assert!(times.frames.is_empty()),
        _ => {
            assert_eq!(times.frames.len(), recording.frame_count());
            assert!(times.frames.is_sorted_by(|a, b| a.pts_ns < b.pts_ns));
        }
    }
    if let Ok(field) = recording.calibration() {
        let good: Vec<_> = recording
            .regions()
            .iter()
            .filter(|r| {
                r.spatial_format == 1
                    && matches!(r.data_type, 1 | 2)
                    && (r.units_x, r.units_y) == (3, 3)
                    && [r.delta_x, r.delta_y].iter().all(|d| (0.001..=0.5).contains(&d.abs()))
                    && r.min_x0 < r.max_x1
                    && r.min_y0 < r.max_y1
                    && r.max_x1 <= width
                    && r.max_y1 <= height
            })
            .collect();
        assert!(!good.is_empty(), "a scale without a region that makes one");
        for r in recording.regions() {
            let middle = PointInFrame {
                x_px: (f64::from(r.min_x0) + f64::from(r.max_x1)) / 2.0,
                y_px: (f64::from(r.min_y0) + f64::from(r.max_y1)) / 2.0,
            };
            let Ok(scale) = field.at([middle]) else { continue };
            let (x, y) = (scale.mm_per_px_x().get(), scale.mm_per_px_y().get());
            let near = |found: f64, cm: f64| (found / (cm.abs() * 10.0) - 1.0).abs() < 2e-3;
            let holds = |g: &&&vesalius_measure::calibration::region::UltrasoundRegion| {
                let inside =
                    |p: f64, min: u32, max: u32| p >= f64::from(min) - 0.5 && p <= f64::from(max) + 0.5;
                inside(middle.x_px, g.min_x0, g.max_x1) && inside(middle.y_px, g.min_y0, g.max_y1)
            };
            let mut around = good.iter().filter(holds).peekable();
            assert!(around.peek().is_some(), "a scale where no region lies");
            assert!(around.all(|g| near(x, g.delta_x) && near(y, g.delta_y)), "not the region's scale");
        }
    }
    // A damaged size may ask for much memory, which is no fault but slow.
    if u64::from(width) * u64::from(height) > 1 << 18 {
        return;
    }
    let expected = (width * height) as usize * recording.layout().bytes();
    for frame in recording.frames().take(3).flatten() {
        assert_eq!(frame.data.len(), expected);
    }
    let _ = recording.video();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_errors_or_right(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = seed.get(&SEEDS).clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        exercise(bytes);
    }

    /// Regions of any values: where there is a scale, it is the region's.
    #[test]
    fn any_region_is_refused_or_right(
        codes in prop::array::uniform4(prop_oneof![4 => Just(1u16), 4 => Just(3), 2 => 0u16..13, 1 => any::<u16>()]),
        places in prop::array::uniform4(prop_oneof![6 => 0u32..9, 1 => any::<u32>()]),
        deltas in prop::array::uniform2(prop_oneof![4 => -0.6f64..0.6, 1 => any::<f64>()]),
        second in any::<bool>(),
        removed in prop_oneof![4 => Just(None), 1 => (0usize..11).prop_map(Some)],
    ) {
        let mut item = common::region();
        let [format, kind, x, y] = codes;
        for (tag, code) in [
            (tags::REGION_SPATIAL_FORMAT, format),
            (tags::REGION_DATA_TYPE, kind),
            (tags::PHYSICAL_UNITS_X_DIRECTION, x),
            (tags::PHYSICAL_UNITS_Y_DIRECTION, y),
        ] {
            item.put(DataElement::new(tag, VR::US, PrimitiveValue::from(code)));
        }
        const PLACES: [Tag; 4] = [
            tags::REGION_LOCATION_MIN_X0,
            tags::REGION_LOCATION_MIN_Y0,
            tags::REGION_LOCATION_MAX_X1,
            tags::REGION_LOCATION_MAX_Y1,
        ];
        for (tag, place) in PLACES.into_iter().zip(places) {
            item.put(DataElement::new(tag, VR::UL, PrimitiveValue::from(place)));
        }
        for (tag, delta) in [tags::PHYSICAL_DELTA_X, tags::PHYSICAL_DELTA_Y].into_iter().zip(deltas) {
            item.put(DataElement::new(tag, VR::FD, PrimitiveValue::from(delta)));
        }
        if let Some(tag) = removed.and_then(|i| item.iter().map(|e| e.header().tag).nth(i)) {
            item.remove_element(tag);
        }
        let mut made = common::Made::grey(1);
        let items = if second { vec![common::region(), item] } else { vec![item] };
        made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, items);
        exercise(made.bytes());
    }
}
