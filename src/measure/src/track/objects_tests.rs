use std::sync::Arc;

use super::*;
use crate::components::Components;
use crate::contour::Contour;
use crate::geometry::PointInFrame;
use crate::mask::ProbabilityMap;
use crate::result::{ClassInfo, ClassResult, EngineIdentity, Reason};

const MS: u64 = 1_000_000;

/// Middle and side of a square in source pixels.
type Square = (f64, f64, f64);

fn outline((x, y, side): Square) -> Contour {
    let corner = |sx: f64, sy: f64| PointInFrame { x_px: x + sx * side / 2.0, y_px: y + sy * side / 2.0 };
    Contour {
        outer: vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)],
        holes: Vec::new(),
        area_px2: side * side,
        hole_area_px2: 0.0,
        border_fraction: 0.0,
        object: None,
    }
}

/// A result with squares of one class, the largest first as they are traced.
fn result(at_ms: u64, squares: &[Square]) -> FrameResult {
    let engine = EngineIdentity {
        name: "test".into(),
        version: "1.0.0".into(),
        sha256: String::new(),
        precision: "f32".into(),
        backend: "none".into(),
        protocol: "generic".into(),
    };
    let mut result = FrameResult::missing(Arc::new(engine), at_ms * MS, Reason::InferenceFailed);
    result.status = ResultStatus::Ok;
    let mut contours: Vec<Contour> = squares.iter().copied().map(outline).collect();
    contours.sort_by(|a, b| b.area_px2.total_cmp(&a.area_px2));
    result.classes = vec![ClassResult {
        class: Arc::new(ClassInfo {
            index: 1,
            name: "cyst".into(),
            label: "Cyst".into(),
            color: [0, 0, 0],
            threshold: 0.5,
        }),
        probability: ProbabilityMap::new(1, 1, vec![0.0]).unwrap(),
        contours,
        unconfirmed: Vec::new(),
        withheld: None,
        confidence: (!squares.is_empty()).then_some(0.9),
        components: Components::default(),
    }];
    result
}

fn confirming(ms: u64) -> Objects {
    Objects::new(ObjectRules { confirm_ns: ms * MS, ..ObjectRules::default() })
}

/// Numbers of the outlines that count, and how many do not.
fn mark(objects: &mut Objects, at_ms: u64, squares: &[Square]) -> (Vec<u64>, usize) {
    let mut result = result(at_ms, squares);
    objects.mark(&mut result);
    let class = &result.classes[0];
    assert_eq!(
        class.contours.len() + class.unconfirmed.len(),
        squares.len(),
        "none is lost and none is made"
    );
    assert_eq!(class.confidence.is_some(), !class.contours.is_empty());
    (class.contours.iter().map(|c| c.object.unwrap().0).collect(), class.unconfirmed.len())
}

const A: Square = (100.0, 100.0, 40.0);
const B: Square = (300.0, 100.0, 30.0);

#[test]
fn each_outline_has_the_number_of_its_object_at_once() {
    let mut objects = Objects::new(ObjectRules::default());
    assert_eq!(mark(&mut objects, 0, &[A]), (vec![1], 0));
    assert_eq!(mark(&mut objects, 40, &[B, A]), (vec![1, 2], 0));
    // B has grown to be the larger.
    assert_eq!(mark(&mut objects, 80, &[(302.0, 100.0, 44.0), A]), (vec![2, 1], 0));
    assert_eq!(objects.counts(), ObjectCounts { objects: 2, confirmed: 2, withheld: 0, longest_delay_ns: 0 });
}

#[test]
fn what_stays_counts_after_exactly_the_time_stated() {
    // Frames 40 ms apart: 100 ms are over with the fourth.
    let mut objects = confirming(100);
    let said: Vec<_> = (0..6).map(|k| mark(&mut objects, 40 * k, &[A])).collect();
    let (not_yet, there) = ((vec![], 1), (vec![1], 0));
    let wanted = [&not_yet, &not_yet, &not_yet, &there, &there, &there];
    assert!(said.iter().eq(wanted), "{said:?}");
    assert_eq!(
        objects.counts(),
        ObjectCounts { objects: 1, confirmed: 1, withheld: 3, longest_delay_ns: 120 * MS }
    );
    // To the nanosecond.
    let mut objects = confirming(80);
    assert_eq!([0, 40, 80].map(|ms| mark(&mut objects, ms, &[A]).1), [1, 1, 0]);
}

#[test]
fn single_frames_of_flicker_never_count() {
    let mut objects = confirming(100);
    for k in 0..200 {
        // A stays; a speck shows in every third frame, and another once in a while where nothing was.
        let mut seen = vec![A];
        seen.extend((k % 3 == 0).then_some(B));
        seen.extend((k % 17 == 0).then_some((300.0, 300.0 + 20.0 * k as f64, 12.0)));
        let (ids, _) = mark(&mut objects, 40 * k, &seen);
        assert_eq!(ids, if k < 3 { vec![] } else { vec![1] }, "frame {k}");
    }
    let counts = objects.counts();
    assert_eq!((counts.confirmed, counts.longest_delay_ns), (1, 120 * MS));
    assert_eq!(counts.withheld, 3 + 67 + 12);
}

#[test]
fn one_missed_frame_is_let_pass_and_two_begin_again() {
    let run = |missed: &[u64]| {
        let mut objects = confirming(160);
        (0..40).find(|k| {
            let seen: &[Square] = if missed.contains(k) { &[] } else { &[A] };
            !mark(&mut objects, 40 * k, seen).0.is_empty()
        })
    };
    assert_eq!(run(&[]), Some(4));
    assert_eq!(run(&[2]), Some(4), "one missed frame does not delay");
    assert_eq!(run(&[4]), Some(5), "but for where it would have been confirmed");
    assert_eq!(run(&[2, 3]), Some(8), "after two in a row it begins anew");
    assert_eq!(run(&[1, 3]), Some(6), "of two apart, the time counts from after the first");
    assert_eq!(
        run(&(0..40).filter(|k| k % 2 == 1).collect::<Vec<_>>()),
        None,
        "every other frame is flicker"
    );
}

#[test]
fn variable_and_dropped_frames_go_by_their_times() {
    let mut objects = confirming(100);
    let times = [0, 10, 20, 35, 99, 100, 400];
    let counted: Vec<bool> = times.iter().map(|&ms| !mark(&mut objects, ms, &[A]).0.is_empty()).collect();
    assert_eq!(counted, [false, false, false, false, false, true, true]);
    // Frames that never came are not missed: there were 300 ms without one.
    assert_eq!(objects.counts().longest_delay_ns, 100 * MS);
    // A frame without an answer says nothing either way.
    let mut objects = confirming(100);
    mark(&mut objects, 0, &[A]);
    for ms in [20, 40, 60] {
        let mut failed = result(ms, &[]);
        failed.status = ResultStatus::Missing(Reason::InferenceFailed);
        objects.mark(&mut failed);
    }
    assert_eq!(mark(&mut objects, 100, &[A]), (vec![1], 0));
}

#[test]
fn what_counted_once_comes_back_at_once_within_the_gap_and_not_after_it() {
    let mut objects = confirming(80);
    for k in 0..5 {
        mark(&mut objects, 40 * k, &[A]);
    }
    for k in 5..25 {
        assert_eq!(mark(&mut objects, 40 * k, &[]), (vec![], 0), "nothing is held");
    }
    assert_eq!(mark(&mut objects, 1160, &[A]), (vec![1], 0));
    assert_eq!(mark(&mut objects, 2161, &[A]), (vec![], 1), "a new object after the gap");
    assert_eq!(mark(&mut objects, 2241, &[A]), (vec![2], 0));
}

#[test]
fn two_that_touch_and_part_again_are_two_numbers() {
    let mut objects = Objects::new(ObjectRules::default());
    assert_eq!(mark(&mut objects, 0, &[A, (145.0, 100.0, 30.0)]), (vec![1, 2], 0));
    // One outline around both: the better match goes on.
    let (merged, _) = mark(&mut objects, 40, &[(118.0, 100.0, 76.0)]);
    assert_eq!(merged, [1]);
    let (parted, _) = mark(&mut objects, 80, &[A, (145.0, 100.0, 30.0)]);
    assert_eq!(parted, [1, 2]);
    // One that falls in two: the number goes on with the better match, the other piece is new.
    let mut objects = Objects::new(ObjectRules::default());
    mark(&mut objects, 0, &[(100.0, 100.0, 80.0)]);
    assert_eq!(mark(&mut objects, 40, &[(90.0, 100.0, 60.0), (132.0, 100.0, 12.0)]), (vec![1, 2], 0));
}

#[test]
fn two_that_pass_each_other_count_and_keep_their_numbers() {
    let mut objects = confirming(120);
    for k in 0..=20_u64 {
        let x = 10.0 * k as f64;
        let (ids, _) = mark(&mut objects, 40 * k, &[(x, 100.0, 40.0), (200.0 - x, 130.0, 36.0)]);
        assert_eq!(ids, if k < 3 { vec![] } else { vec![1, 2] }, "frame {k}");
    }
}

#[test]
fn a_result_on_several_frames_is_one_sighting() {
    let mut objects = confirming(80);
    for _ in 0..10 {
        assert_eq!(mark(&mut objects, 0, &[A]), (vec![], 1));
    }
    mark(&mut objects, 40, &[A]);
    for _ in 0..3 {
        assert_eq!(mark(&mut objects, 80, &[A]), (vec![1], 0));
    }
    assert_eq!(objects.counts().withheld, 2, "a sighting is counted once");
    // Another stage may have marked the result before.
    let mut twice = result(120, &[A, B]);
    objects.mark(&mut twice);
    assert_eq!((twice.classes[0].contours.len(), twice.classes[0].unconfirmed.len()), (1, 1));
    Objects::new(ObjectRules::default()).mark(&mut twice);
    assert_eq!(twice.classes[0].contours.len(), 2);
    assert!(twice.classes[0].contours[0].area_px2 > twice.classes[0].contours[1].area_px2);
}

#[test]
fn a_reset_and_a_step_back_begin_anew_with_new_numbers() {
    let mut objects = confirming(40);
    mark(&mut objects, 1000, &[A]);
    assert_eq!(mark(&mut objects, 1040, &[A]), (vec![1], 0));
    assert_eq!(mark(&mut objects, 500, &[A]), (vec![], 1), "a step back");
    assert_eq!(mark(&mut objects, 540, &[A]), (vec![2], 0));
    objects.reset();
    assert_eq!(mark(&mut objects, 580, &[A]), (vec![], 1));
    assert_eq!(mark(&mut objects, 620, &[A]), (vec![3], 0));
    assert_eq!(objects.counts().objects, 3, "counts go on");
}

#[test]
fn noise_is_followed_no_further_than_is_of_use() {
    let mut objects = Objects::new(ObjectRules::default());
    let specks = |k: u64| -> Vec<Square> {
        (0..500).map(|i| (20.0 * f64::from(i % 40), 20.0 * f64::from(i / 40) + 7.0 * k as f64, 2.0)).collect()
    };
    for k in 0..50 {
        let mut noise = result(33 * k, &specks(k));
        objects.mark(&mut noise);
        assert_eq!(noise.classes[0].contours.iter().filter(|c| c.object.is_some()).count(), MOST_OUTLINES);
        assert!(objects.tracker.len() <= 256 + MOST_OUTLINES);
    }
    let mut objects = confirming(40);
    let mut noise = result(0, &specks(0));
    objects.mark(&mut noise);
    let mut noise = result(40, &specks(0));
    objects.mark(&mut noise);
    let class = &noise.classes[0];
    assert_eq!((class.contours.len(), class.unconfirmed.len()), (MOST_OUTLINES, 500 - MOST_OUTLINES));
}
