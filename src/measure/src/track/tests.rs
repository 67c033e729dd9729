use super::*;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn object(class: u8, x: f64, y: f64, size: f64) -> Observation {
    let at = |sign: f64| PointInFrame { x_px: x + sign * size / 2.0, y_px: y + sign * size / 2.0 };
    Observation {
        class,
        bounds: Bounds { min: at(-1.0), max: at(1.0) },
        center: PointInFrame { x_px: x, y_px: y },
    }
}

#[test]
fn overlap_is_intersection_over_union() {
    let (a, b) = (object(1, 0.0, 0.0, 10.0).bounds, object(1, 5.0, 0.0, 10.0).bounds);
    assert!((a.overlap(&b) - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(a.overlap(&object(1, 30.0, 0.0, 10.0).bounds), 0.0);
    assert_eq!(a.overlap(&a), 1.0);
}

#[test]
fn an_object_keeps_its_number_until_it_is_gone_too_long() {
    let mut tracker = Tracker::new(TrackRules::default());
    let first = tracker.assign(0, &[object(1, 100.0, 100.0, 40.0)]);
    assert_eq!(tracker.assign(40 * MS, &[object(1, 110.0, 102.0, 42.0)]), first);
    assert_eq!(tracker.assign(1000 * MS, &[]), []);
    // Exactly a second unseen is no gap yet.
    assert_eq!(tracker.assign(1040 * MS, &[object(1, 112.0, 102.0, 42.0)]), first);
    let later = tracker.assign(2041 * MS, &[object(1, 112.0, 102.0, 42.0)]);
    assert_ne!(later, first);
    tracker.reset();
    assert!(tracker.is_empty());
    assert_ne!(tracker.assign(2080 * MS, &[object(1, 112.0, 102.0, 42.0)]), later);
}

#[test]
fn another_class_or_place_is_another_object() {
    let mut tracker = Tracker::new(TrackRules::default());
    let a = tracker.assign(0, &[object(1, 100.0, 100.0, 40.0)])[0];
    let seen = tracker.assign(40 * MS, &[object(2, 100.0, 100.0, 40.0), object(1, 300.0, 100.0, 40.0)]);
    assert!(!seen.contains(&a) && seen[0] != seen[1]);
    // A small object that jumps by less than half its diagonal is the same; by more it is another.
    let mut tracker = Tracker::new(TrackRules { overlap: 0.9, ..TrackRules::default() });
    let a = tracker.assign(0, &[object(1, 100.0, 100.0, 40.0)])[0];
    assert_eq!(tracker.assign(40 * MS, &[object(1, 127.0, 100.0, 40.0)]), [a]);
    assert_ne!(tracker.assign(80 * MS, &[object(1, 157.0, 100.0, 40.0)]), [a]);
}

#[test]
fn two_that_pass_each_other_keep_their_numbers() {
    let mut tracker = Tracker::new(TrackRules::default());
    let mut numbers = Vec::new();
    for k in 0..=20 {
        let x = 10.0 * f64::from(k);
        let mut seen = vec![object(1, x, 100.0, 40.0), object(1, 200.0 - x, 130.0, 40.0)];
        if k % 2 == 1 {
            seen.reverse();
        }
        let mut ids = tracker.assign(u64::from(k as u32) * 40 * MS, &seen);
        if k % 2 == 1 {
            ids.reverse();
        }
        numbers.push(ids);
    }
    assert!(numbers.iter().all(|ids| *ids == numbers[0]), "{numbers:?}");
}

#[test]
fn presence_holds_between_two_limits() {
    let mut presence = Presence::new(3, 2, 4);
    let said: Vec<bool> = [1, 0, 1, 1, 0, 0, 1, 0, 0].iter().map(|&v| presence.push(v == 1)).collect();
    assert_eq!(said, [false, false, false, true, true, true, true, false, false]);
    assert_eq!((presence.delay_frames(), presence.release_frames()), (2, 2));
}

#[test]
fn a_flicker_is_not_shown_and_the_delay_is_as_stated() {
    let mut steady = Steady::new(100 * MS, 200 * MS);
    let flicker: Vec<bool> = (0..20).map(|k| steady.push(k * 40 * MS, k % 3 != 0)).collect();
    assert!(flicker.iter().all(|shown| !shown));
    steady.reset();
    let shown = (0..20_u64).find(|&k| steady.push(k * 40 * MS, true)).unwrap() * 40 * MS;
    assert_eq!((shown, steady.added_delay_ns(40 * MS)), (120 * MS, 120 * MS));
    let gone = (20..40_u64).find(|&k| !steady.push(k * 40 * MS, false)).unwrap() * 40 * MS;
    assert_eq!((gone - 800 * MS, steady.added_hold_ns(40 * MS)), (200 * MS, 200 * MS));
    assert_eq!(Steady::new(0, 0).added_delay_ns(40 * MS), 0);
}

proptest! {
    /// In every frame each object has a number of its own; numbers never come back once given up; memory is
    /// bounded by what was seen within a gap.
    #[test]
    fn numbers_are_unique(frames in proptest::collection::vec(
        (1_u64..900, proptest::collection::vec(
            (1_u8..3, 0.0..300.0_f64, 0.0..300.0_f64, 1.0..80.0_f64), 0..6)), 1..40)) {
        let mut tracker = Tracker::new(TrackRules::default());
        let (mut at_ns, mut greatest) = (0, 0);
        let mut history: Vec<(u64, usize)> = Vec::new();
        for (step, seen) in frames {
            at_ns += step * MS;
            let seen: Vec<Observation> = seen.iter().map(|&(c, x, y, s)| object(c, x, y, s)).collect();
            let ids = tracker.assign(at_ns, &seen);
            prop_assert_eq!(ids.len(), seen.len());
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(sorted.len(), ids.len());
            history.push((at_ns, seen.len()));
            let within: usize = history.iter().filter(|h| at_ns - h.0 <= 1000 * MS).map(|h| h.1).sum();
            prop_assert!(tracker.len() <= within);
            greatest = ids.iter().map(|id| id.0).max().unwrap_or(0).max(greatest);
        }
        tracker.reset();
        let next = tracker.assign(0, &[object(1, 0.0, 0.0, 10.0)]);
        prop_assert!(next[0].0 > greatest);
    }

    /// Presence changes only by as many votes as it asks for, and the delays are as stated.
    #[test]
    fn votes(on in 0_usize..8, off in 0_usize..8, of in 0_usize..8,
             votes in proptest::collection::vec(any::<bool>(), 0..60)) {
        let mut presence = Presence::new(on, off, of);
        for (i, &vote) in votes.iter().enumerate() {
            let there = presence.push(vote);
            let last = &votes[(i + 1).saturating_sub(of.max(1))..=i];
            let count = last.iter().filter(|v| **v).count();
            prop_assert!(!there || count >= 1);
            prop_assert!(there || count < of.max(1) || count == 0);
        }
        presence.reset();
        let shown = (0..20).position(|_| presence.push(true)).unwrap();
        prop_assert_eq!(shown, presence.delay_frames());
        for _ in 0..20 { presence.push(true); }
        let gone = (0..20).position(|_| !presence.push(false)).unwrap();
        prop_assert_eq!(gone, presence.release_frames());
    }

    /// What stays is shown after no more than the stated delay, whatever the frames' times.
    #[test]
    fn delays(appear_ms in 0_u64..500, steps in proptest::collection::vec(1_u64..100, 30)) {
        let mut steady = Steady::new(appear_ms * MS, 0);
        let longest = *steps.iter().max().unwrap() * MS;
        let mut at_ns = 0;
        for step in steps {
            let shown = steady.push(at_ns, true);
            prop_assert!(shown || at_ns < appear_ms * MS);
            prop_assert!(!shown || at_ns >= appear_ms * MS);
            at_ns += step * MS;
        }
        prop_assert!(steady.added_delay_ns(longest) < appear_ms * MS + longest);
    }
}
