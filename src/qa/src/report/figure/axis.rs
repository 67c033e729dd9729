//! Round numbers along an axis.

/// Values that an axis shows, from end to end in whole steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// From tick to tick: 1, 2 or 5 times a power of ten.
    pub step: f64,
}

impl Axis {
    /// An axis with about `count` ticks that holds all of `values` that are finite; `None` where none is.
    pub fn of(values: impl IntoIterator<Item = f64>, count: usize) -> Option<Self> {
        let finite = values.into_iter().filter(|v| v.is_finite());
        let ends = finite.fold(None, |ends: Option<(f64, f64)>, v| {
            Some(ends.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
        });
        let (mut low, mut high) = ends?;
        // Values so close that their difference is rounding are one.
        if high - low <= 1e-9 * high.abs().max(low.abs()) {
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.05 };
            (low, high) = (low - room, high + room);
        }
        let rough = (high - low) / count.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().find(|s| s * power >= rough * 0.999).unwrap_or(10.0) * power;
        if !(step.is_finite() && step > 0.0) {
            return None;
        }
        let axis = Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step };
        (axis.high > axis.low).then_some(axis)
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper.
    pub fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The ticks with their texts.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, String)> + '_ {
        let n = ((self.high - self.low) / self.step).round() as usize;
        let digits = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        (0..=n.min(100)).map(move |i| {
            let value = self.low + i as f64 * self.step;
            // No "-0".
            let value = if value.abs() < self.step * 1e-6 { 0.0 } else { value };
            (value, format!("{value:.digits$}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_everything() {
        let axis = Axis::of([3.2, 17.9, f64::NAN], 5).unwrap();
        assert_eq!((axis.low, axis.high, axis.step), (0.0, 20.0, 5.0));
        assert_eq!(axis.ticks().map(|t| t.1).collect::<Vec<_>>(), ["0", "5", "10", "15", "20"]);
        let fine = Axis::of([0.981, 0.992], 5).unwrap();
        assert!(fine.low <= 0.981 && fine.high >= 0.992 && fine.ticks().count() <= 8);
        assert!(fine.ticks().any(|t| t.1 == "0.990"));
        let around = Axis::of([-1.0, 1.0], 4).unwrap();
        assert!(around.ticks().any(|t| t.1 == "0.0" || t.1 == "0"));
        assert!((around.place(0.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn one_value_and_none() {
        let axis = Axis::of([7.0], 5).unwrap();
        assert!(axis.low < 7.0 && axis.high > 7.0);
        assert!(Axis::of([0.0, 0.0], 5).is_some());
        assert_eq!(Axis::of([f64::INFINITY], 5), None);
        assert_eq!(Axis::of([], 5), None);
    }
}
