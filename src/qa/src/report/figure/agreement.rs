//! The plot of Bland & Altman (1986, doi:10.1016/S0140-6736(86)90837-8): differences beside sizes.

use super::Figure;
use super::axis::Axis;
use super::histogram::short;
use super::plot::{Labels, Plot};
use crate::stats::Interval;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Agreement<'a> {
    /// What the figure shows.
    pub title: String,
    /// What differences are of, with the unit: `measured less true, mm`.
    pub difference: String,
    /// What sizes are of.
    pub size: String,
    /// The two values of each pair: the one that is looked at, and the one it is held against.
    pub pairs: &'a [(f64, f64)],
    /// Mean difference.
    pub bias: f64,
    /// Its interval.
    pub bias_interval: Option<Interval>,
    /// Limits of agreement.
    pub limits: Option<Interval>,
    /// Intervals of these.
    pub limits_intervals: Option<[Interval; 2]>,
}

/// Draws it; `None` without pairs.
pub fn bland_altman(a: &Agreement<'_>) -> Option<Figure> {
    let points: Vec<(f64, f64)> = a.pairs.iter().map(|&(m, t)| (f64::midpoint(m, t), m - t)).collect();
    let x = Axis::of(points.iter().map(|p| p.0), 7)?;
    let ends = |i: Interval| [i.low, i.high];
    let lines = a.limits.into_iter().chain(a.limits_intervals.into_iter().flatten()).flat_map(ends);
    let y = Axis::of(points.iter().map(|p| p.1).chain(lines).chain([0.0]), 6)?;
    let labels = Labels { title: &a.title, x: &a.size, y: &a.difference };
    let mut plot = Plot::new(labels, (640.0, 320.0), 0.0, x, y);
    for band in a.limits_intervals.into_iter().flatten() {
        plot.band(band.low, band.high, "b");
    }
    if let Some(band) = a.bias_interval {
        plot.band(band.low, band.high, "a");
    }
    plot.points(&points, "a");
    plot.level(0.0, "fine", "");
    plot.level(a.bias, "a", &format!("bias {}", short(a.bias)));
    if let Some(limits) = a.limits {
        plot.level(limits.high, "b dash", &short(limits.high));
        plot.level(limits.low, "b dash", &short(limits.low));
    }
    let limits = a.limits.map_or_else(
        || "no limits of agreement: too few".to_owned(),
        |l| format!("95 % limits of agreement {} to {} (dashed)", short(l.low), short(l.high)),
    );
    let bands = if a.limits_intervals.is_some() { "; bands are 95 % intervals" } else { "" };
    let caption =
        format!("{}. Bias {} (line), {limits}{bands}; n = {}.", a.title, short(a.bias), points.len());
    Some(Figure { title: a.title.clone(), caption, svg: plot.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_what_is_given() {
        let pairs = [(10.0, 9.0), (20.0, 20.5), (30.0, 29.0)];
        let figure = bland_altman(&Agreement {
            title: "Width".to_owned(),
            difference: "measured less true, mm".to_owned(),
            size: "mean of both, mm".to_owned(),
            pairs: &pairs,
            bias: 0.5,
            bias_interval: None,
            limits: Some(Interval { low: -1.2, high: 2.2 }),
            limits_intervals: None,
        })
        .unwrap();
        assert_eq!(figure.svg.matches("<circle").count(), 3);
        assert!(figure.caption.contains("Bias 0.5000") && figure.caption.contains("-1.200 to 2.200"));
    }
}
