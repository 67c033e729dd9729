//! How values are spread.

use vesalius_measure::series::stats::quantile;

use super::Figure;
use super::axis::Axis;
use super::plot::{Labels, Plot};

/// Bars of a histogram, about.
const BARS: usize = 30;

/// A histogram of values with their median marked; `None` of fewer than two.
pub fn histogram(title: &str, label: &str, counted: &str, values: &[f64]) -> Option<Figure> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.len() < 2 {
        return None;
    }
    let bins = Axis::of(sorted.iter().copied(), BARS)?;
    let x = Axis::of([bins.low, bins.high], 8)?;
    let count = ((bins.high - bins.low) / bins.step).round().max(1.0) as usize;
    let mut counts = vec![0_u32; count];
    for value in &sorted {
        let bin = (((value - bins.low) / bins.step) as usize).min(count - 1);
        if let Some(n) = counts.get_mut(bin) {
            *n += 1;
        }
    }
    let most = counts.iter().copied().max()?;
    // Whole counts.
    let y = Axis::of([0.0, f64::from(most)], most.min(4) as usize)?;
    let mut plot = Plot::new(Labels { title, x: label, y: counted }, (440.0, 200.0), 0.0, x, y);
    for (i, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let from = bins.low + i as f64 * bins.step;
        plot.bar(from, from + bins.step, f64::from(*n), "a");
    }
    plot.upright(quantile(&sorted, 0.5)?, "b dash", "");
    let quantiles = [0.05, 0.25, 0.5, 0.75, 0.95].map(|p| quantile(&sorted, p).unwrap_or(f64::NAN));
    let [p5, p25, p50, p75, p95] = quantiles.map(short);
    let caption = format!(
        "{title}. Median {p50} (dashed), quarters {p25} and {p75}, 5th and 95th percentile {p5} and {p95}; n = {}.",
        sorted.len()
    );
    Some(Figure { title: title.to_owned(), caption, svg: plot.finish() })
}

/// A number with about four digits.
pub fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        v if v >= 1.0 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bar() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i % 100) * 0.01).collect();
        let figure = histogram("Dice of <head>", "Dice", "frames", &values).unwrap();
        assert!(figure.caption.contains("n = 1000"), "{}", figure.caption);
        assert!(figure.svg.matches("class=\"bar a\"").count() >= 20);
        assert!(figure.svg.contains("&lt;head&gt;"));
        assert!(histogram("t", "x", "y", &[1.0]).is_none());
        let few = histogram("t", "x", "y", &[10.0, 20.0, 20.0, 30.0]).unwrap();
        assert!(
            !few.svg.contains(">0.5<") && !few.svg.contains(">1.5<") && few.svg.contains(">2<"),
            "{}",
            few.svg
        );
        assert!(histogram("t", "x", "y", &[1.0, 1.0, f64::NAN]).is_some());
    }
}
