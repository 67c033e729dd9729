//! Intraclass correlation: how much of the spread of values is the patients' own.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::Interval;

/// ICC(2,1): two-way random effects, absolute agreement, single measurements (Shrout & Fleiss 1979,
/// doi:10.1037/0033-2909.86.2.420; interval by McGraw & Wong 1996, doi:10.1037/1082-989X.1.1.30).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Icc {
    /// The coefficient, at most 1.
    pub value: f64,
    /// Its interval; `None` where the spread does not allow one.
    pub interval: Option<Interval>,
    /// Rows: patients, or whatever was measured.
    pub targets: usize,
}

/// ICC(2,1) of a table: a row a target, a column a method, all rows of one length. `None` for fewer than two rows or columns,
/// for a value that is not finite, and where nothing varies.
pub fn icc_2_1<const METHODS: usize>(table: &[[f64; METHODS]], confidence: f64) -> Option<Icc> {
    let (n, k) = (table.len() as f64, METHODS as f64);
    if table.len() < 2 || METHODS < 2 || table.iter().flatten().any(|v| !v.is_finite()) {
        return None;
    }
    let grand = table.iter().flatten().sum::<f64>() / (n * k);
    let row_mean = |row: &[f64; METHODS]| row.iter().sum::<f64>() / k;
    let mut columns = [0.0; METHODS];
    for row in table {
        for (sum, value) in columns.iter_mut().zip(row) {
            *sum += value / n;
        }
    }
    let between_rows = k * table.iter().map(|row| (row_mean(row) - grand).powi(2)).sum::<f64>() / (n - 1.0);
    let between_columns = n * columns.iter().map(|c| (c - grand).powi(2)).sum::<f64>() / (k - 1.0);
    let residual = table
        .iter()
        .flat_map(|row| {
            let mean = row_mean(row);
            row.iter().zip(&columns).map(move |(v, c)| (v - mean - c + grand).powi(2))
        })
        .sum::<f64>()
        / ((n - 1.0) * (k - 1.0));
    let value = (between_rows - residual)
        / (between_rows + (k - 1.0) * residual + k * (between_columns - residual) / n);
    if !value.is_finite() {
        return None;
    }
    let interval = interval([n, k], [between_rows, between_columns, residual], value, confidence);
    Some(Icc { value, interval, targets: table.len() })
}

fn interval(
    [n, k]: [f64; 2],
    [rows, columns, residual]: [f64; 3],
    icc: f64,
    confidence: f64,
) -> Option<Interval> {
    let a = k * icc / (n * (1.0 - icc));
    let b = 1.0 + k * icc * (n - 1.0) / (n * (1.0 - icc));
    let freedom = (a * columns + b * residual).powi(2)
        / ((a * columns).powi(2) / (k - 1.0) + (b * residual).powi(2) / ((n - 1.0) * (k - 1.0)));
    let p = 1.0 - (1.0 - confidence) / 2.0;
    let low_f = FisherSnedecor::new(n - 1.0, freedom).ok()?.inverse_cdf(p);
    let high_f = FisherSnedecor::new(freedom, n - 1.0).ok()?.inverse_cdf(p);
    let noise = k * columns + (k * n - k - n) * residual;
    let low = n * (rows - low_f * residual) / (low_f * noise + n * rows);
    let high = n * (high_f * rows - residual) / (noise + n * high_f * rows);
    (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_shrout_and_fleiss() {
        let table = [
            [9., 2., 5., 8.],
            [6., 1., 3., 2.],
            [8., 4., 6., 8.],
            [7., 1., 2., 6.],
            [10., 5., 6., 9.],
            [6., 2., 4., 7.],
        ];
        let icc = icc_2_1(&table, 0.95).unwrap();
        // Printed as 0.29; the interval by pingouin 0.7.0 is 0.02 to 0.76.
        assert!((icc.value - 0.2898).abs() < 5e-5, "{icc:?}");
        let interval = icc.interval.unwrap();
        assert!((interval.low - 0.02).abs() < 0.005 && (interval.high - 0.76).abs() < 0.005, "{icc:?}");
    }

    #[test]
    fn a_constant_shift_is_no_agreement() {
        let table: Vec<[f64; 2]> = (0..10).map(|i| [f64::from(i), f64::from(i) + 5.0]).collect();
        assert!(icc_2_1(&table, 0.95).unwrap().value < 0.5);
        assert_eq!(icc_2_1(&[[1.0, 1.0]; 5], 0.95), None);
        assert_eq!(icc_2_1(&[[1.0, f64::NAN], [2.0, 2.0]], 0.95), None);
    }
}
