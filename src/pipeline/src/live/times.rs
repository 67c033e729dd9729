//! A source's times, made times of one clock.
//!
//! The age of what is drawn, the pace of recordings and whether a picture is frozen are told by pictures' times. A camera's clock may
//! jump, run at another pace or be none at all; none of that may make an old outline look new.

/// A time further ahead of the clock than this is none: a picture cannot come before it was taken. What is less is rounding.
const AHEAD_NS: u64 = 10_000_000;
/// One that is further behind is none either. A picture that comes later than this comes after others were shown in its place.
const BEHIND_NS: u64 = 250_000_000;
/// Two pictures never have one time.
const STEP_NS: u64 = 1_000;

/// What a source's times are off by, and how often that had to be found out anew.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Added to the source's times to make them the clock's.
    offset_ns: i128,
    given_ns: Option<u64>,
    replaced: u64,
    late: u64,
}

impl Times {
    /// The time of a picture that comes at `now_ns` and is of `due_ns` by its source, in nanoseconds of the clock; later than all
    /// before it. Where the source's time cannot be, it is that of coming, and those of the pictures after it are counted from there.
    pub(crate) fn of_picture(&mut self, due_ns: Option<u64>, now_ns: u64) -> u64 {
        let earliest = self.earliest();
        let possible = now_ns.saturating_sub(BEHIND_NS).max(earliest)..=now_ns.saturating_add(AHEAD_NS);
        let due = due_ns.and_then(|due| u64::try_from(i128::from(due) + self.offset_ns).ok());
        let time = match due.filter(|due| possible.contains(due)) {
            Some(due) => due,
            None => {
                let time = now_ns.max(earliest);
                if let Some(due_ns) = due_ns {
                    // Neither from the future nor from before the one before.
                    self.late += u64::from(due.is_some_and(|due| due >= earliest && due < now_ns));
                    self.offset_ns = i128::from(time) - i128::from(due_ns);
                    self.replaced += 1;
                }
                time
            }
        };
        self.given_ns = Some(time);
        time
    }

    /// The time of something that is shown in a picture's place, now.
    pub(crate) fn of_other(&mut self, now_ns: u64) -> u64 {
        let time = now_ns.max(self.earliest());
        self.given_ns = Some(time);
        time
    }

    /// Another source, or the same begun anew: its times are trusted at first.
    pub(crate) fn other_source(&mut self) {
        self.offset_ns = 0;
    }

    /// Pictures whose own time could not be.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Of these, pictures that came too long after it.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }

    fn earliest(&self) -> u64 {
        self.given_ns.map_or(0, |given| given.saturating_add(STEP_NS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;
    const START: u64 = 1_000_000 * MS;

    /// Pictures every 33 ms, each coming 5 ms after its time, with what the source says instead of its time; what they get, and how
    /// many were replaced.
    fn play(pictures: u64, said: impl Fn(u64, u64) -> u64) -> (Vec<(u64, u64)>, u64) {
        let mut times = Times::default();
        let given = (0..pictures).map(|i| {
            let taken = START + i * 33 * MS;
            (taken, times.of_picture(Some(said(i, taken)), taken + 5 * MS))
        });
        (given.collect(), times.replaced())
    }

    #[test]
    fn times_that_can_be_are_kept() {
        let (given, replaced) = play(100, |_, taken| taken);
        assert!(given.iter().all(|(taken, given)| taken == given));
        assert_eq!(replaced, 0);
    }

    #[test]
    fn a_clock_that_jumps_is_followed_from_where_it_is() {
        for hour in [3_600_000 * i128::from(MS), -900_000 * i128::from(MS)] {
            let jump = |i: u64, taken: u64| {
                if i < 50 { taken } else { u64::try_from(i128::from(taken) + hour).unwrap() }
            };
            let (given, replaced) = play(100, jump);
            assert_eq!(replaced, 1);
            // After it the pace is the source's again, and not that of coming.
            assert!(given[51..].windows(2).all(|w| w[1].1 - w[0].1 == 33 * MS));
            assert!(given.iter().all(|(taken, given)| given.abs_diff(*taken) <= 5 * MS));
        }
    }

    #[test]
    fn a_clock_at_another_pace_never_goes_far_from_the_time() {
        for pace in [0.0, 0.5, 0.999, 1.001, 2.0, 60.0] {
            let (given, replaced) = play(900, |_, taken| START + ((taken - START) as f64 * pace) as u64);
            assert!(replaced > 0 || (pace - 1.0_f64).abs() < 0.01, "{pace}");
            for (taken, given) in given {
                assert!(given <= taken + 5 * MS + AHEAD_NS, "{pace}: from the future");
                assert!(given + BEHIND_NS >= taken, "{pace}: older than it is");
            }
        }
    }

    #[test]
    fn what_was_shown_meanwhile_is_before_what_comes_late() {
        let mut times = Times::default();
        times.of_picture(Some(START), START);
        let repeat = times.of_other(START + 300 * MS);
        // Taken before the repeat was shown, and comes after it.
        let late = times.of_picture(Some(START + 290 * MS), START + 310 * MS);
        assert!(late > repeat && late == START + 310 * MS, "{late}");
        // One that stood for less keeps its own time, for nothing was shown in between.
        let short = times.of_picture(Some(START + 320 * MS), START + 500 * MS);
        assert_eq!(short, START + 340 * MS, "as far from the one before as the source says");
    }

    #[test]
    fn a_source_that_does_not_keep_up_is_told_from_a_clock_that_is_none() {
        let mut times = Times::default();
        // Each picture comes 300 ms later than the one before, and is only 10 ms younger.
        for i in 0..10 {
            times.of_picture(Some(START + i * 10 * MS), START + i * 300 * MS);
        }
        assert_eq!((times.replaced(), times.late()), (9, 9));
        times.of_picture(Some(START), START + 3_300 * MS);
        assert_eq!((times.replaced(), times.late()), (10, 9), "it went back");
    }

    #[test]
    fn without_times_it_is_that_of_coming() {
        let mut times = Times::default();
        let given: Vec<_> = (0..5).map(|i| times.of_picture(None, START + i * 40 * MS)).collect();
        assert!(given.iter().enumerate().all(|(i, given)| *given == START + i as u64 * 40 * MS));
        assert_eq!(times.replaced(), 0);
    }

    proptest! {
        #[test]
        fn whatever_a_source_says_time_goes_on_and_is_near_the_clocks(
            said in prop::collection::vec((prop::option::of(any::<u64>()), 0_u64..400, any::<bool>()), 1..200)
        ) {
            let (mut times, mut now, mut before) = (Times::default(), START, 0);
            for (due, passed_ms, is_picture) in said {
                now += passed_ms * MS;
                let given = if is_picture { times.of_picture(due, now) } else { times.of_other(now) };
                prop_assert!(given > before, "{before} before {given}");
                prop_assert!(given + BEHIND_NS >= now && given <= now + AHEAD_NS + 200 * STEP_NS);
                before = given;
            }
        }
    }
}
