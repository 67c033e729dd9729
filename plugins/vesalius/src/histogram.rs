//! Percentiles of durations in bounded memory.

/// Sub-buckets a power of two: a percentile is at most 1/32 too high.
const STEPS: usize = 32;

/// Counts of durations by size. Takes 16 KiB however many there are; percentiles are exact to 3.2 %.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; (64 + 1) * STEPS], total: 0, max_ns: 0 }
    }
}

fn bucket(ns: u64) -> usize {
    if ns < STEPS as u64 {
        return ns as usize;
    }
    // The five bits below the leading one choose the step within its power of two.
    let power = ns.ilog2() as usize;
    let step = (ns >> (power - 5)) as usize - STEPS;
    (power - 4) * STEPS + step
}

fn upper_end(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let (power, step) = (bucket / STEPS + 4, bucket % STEPS);
    let width = 1_u64 << (power - 5);
    ((STEPS + step) as u64 * width).saturating_add(width - 1)
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, ns: u64) {
        if let Some(count) = self.counts.get_mut(bucket(ns)) {
            *count += 1;
        }
        self.total += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// How many were counted.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether none were counted.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The longest; `None` when empty.
    pub fn max_ns(&self) -> Option<u64> {
        (self.total > 0).then_some(self.max_ns)
    }

    /// The duration that the fraction `q` (0 to 1) of all do not exceed; `None` when empty.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        let rank = ((q.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(i, &count)| {
            seen += count;
            (self.total > 0 && seen >= rank).then(|| upper_end(i).min(self.max_ns))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_known_series() {
        let mut h = Histogram::default();
        assert_eq!(h.quantile_ns(0.5), None);
        for i in 1..=1000_u64 {
            h.add(i * 10_000);
        }
        for (q, exact) in [(0.5, 5_000_000.0), (0.95, 9_500_000.0), (0.99, 9_900_000.0), (0.0, 10_000.0)] {
            let got = h.quantile_ns(q).unwrap() as f64;
            assert!(got >= exact && got <= exact * 1.033, "{q}: {got} for {exact}");
        }
        assert_eq!(h.quantile_ns(1.0), Some(10_000_000));
        assert_eq!((h.len(), h.max_ns()), (1000, Some(10_000_000)));
    }

    #[test]
    fn any_duration_has_a_place() {
        let mut h = Histogram::default();
        for ns in [0, 1, 31, 32, 33, 63, 64, u64::MAX] {
            h.add(ns);
            assert!(upper_end(bucket(ns)) >= ns);
            assert!(bucket(ns) < h.counts.len());
        }
        assert_eq!(h.len(), 8);
    }
}
