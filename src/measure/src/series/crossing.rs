//! Levels crossed, with hysteresis.

use super::{Sample, ns_from_s, seconds_since};

/// Which way a level was crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From below to above.
    Up,
    /// From above to below.
    Down,
}

/// A level that was crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Which way.
    pub direction: Direction,
    /// When the level itself was last passed before the hysteresis was left, interpolated between samples,
    /// nanoseconds.
    pub at_ns: u64,
}

/// Tells when a level is crossed. A value counts as above once it exceeds the level by half the hysteresis,
/// and as below once it falls short by as much; between the two it keeps the side it was on, so noise does
/// not cross.
#[derive(Clone, Debug)]
pub struct Crossings {
    level: f64,
    half_hysteresis: f64,
    side: Option<Direction>,
    last: Option<Sample>,
    passed_ns: Option<u64>,
}

impl Crossings {
    /// A level, and how wide the band around it is in which nothing changes.
    pub fn new(level: f64, hysteresis: f64) -> Self {
        Self { level, half_hysteresis: hysteresis.abs() / 2.0, side: None, last: None, passed_ns: None }
    }

    /// Takes the next sample; says if the level was crossed. The first side taken is no crossing.
    pub fn push(&mut self, sample: Sample) -> Option<Crossing> {
        if let Some(last) = self.last.replace(sample) {
            let (from, to) = (last.value - self.level, sample.value - self.level);
            if (from < 0.0) != (to < 0.0) {
                let along = (from / (from - to)).clamp(0.0, 1.0);
                let step_s = seconds_since(last.at_ns, sample.at_ns);
                self.passed_ns = Some(last.at_ns.saturating_add(ns_from_s(along * step_s)));
            }
        }
        let side = if sample.value > self.level + self.half_hysteresis {
            Direction::Up
        } else if sample.value < self.level - self.half_hysteresis {
            Direction::Down
        } else {
            return None;
        };
        let before = self.side.replace(side)?;
        (before != side).then(|| Crossing { direction: side, at_ns: self.passed_ns.unwrap_or(sample.at_ns) })
    }

    /// Forgets which side it was on.
    pub fn reset(&mut self) {
        (self.side, self.last, self.passed_ns) = (None, None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[f64], hysteresis: f64) -> Vec<(Direction, f64)> {
        let mut crossings = Crossings::new(10.0, hysteresis);
        values
            .iter()
            .enumerate()
            .filter_map(|(i, &value)| {
                crossings.push(Sample { at_ns: i as u64 * 1_000_000_000, value, is_clean: true })
            })
            .map(|c| (c.direction, seconds_since(0, c.at_ns)))
            .collect()
    }

    #[test]
    fn a_level_is_crossed_where_the_line_between_samples_crosses_it() {
        let found = run(&[8.0, 12.0, 13.0, 9.0], 0.0);
        assert_eq!(found, [(Direction::Up, 0.5), (Direction::Down, 2.75)]);
    }

    #[test]
    fn noise_about_the_level_does_not_cross_it() {
        assert_eq!(run(&[8.0, 10.4, 9.6, 10.3, 9.8, 8.0], 1.0), []);
        // It leaves the band upwards at the end: crossed when it last went through the level.
        assert_eq!(run(&[8.0, 10.4, 9.6, 10.4, 12.0], 1.0), [(Direction::Up, 2.5)]);
        assert_eq!(run(&[12.0, 12.0], 1.0), [], "the first side is no crossing");
    }
}
