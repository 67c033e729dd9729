//! A value over time with beats and states.

use super::Figure;
use super::axis::Axis;
use super::plot::{Labels, Plot};

/// A curve over time.
#[derive(Clone, Debug, Default)]
pub struct Curve<'a> {
    /// What the figure shows.
    pub title: String,
    /// Name and unit of the value.
    pub label: String,
    /// Times in seconds with values; not finite where there is none.
    pub values: Vec<(f64, f64)>,
    /// The same of truth or of another run, and what that is.
    pub other: Option<(&'a str, Vec<(f64, f64)>)>,
    /// Instants such as beats: their sign, what it stands for, and when.
    pub instants: &'a [Instants],
    /// Times in which something held, and what.
    pub states: &'a [State],
}

/// Instants of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Instants {
    /// Kind, as the run has it.
    pub name: String,
    /// Times, seconds.
    pub at_s: Vec<f64>,
}

/// Times in which something held.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What.
    pub name: String,
    /// From when to when, seconds.
    pub spans: Vec<(f64, f64)>,
}

const CLASSES: [&str; 4] = ["d", "b", "c", "a"];

/// Draws it; `None` where there is no value at all.
pub fn curve(c: &Curve<'_>) -> Option<Figure> {
    let others = c.other.iter().flat_map(|(_, values)| values);
    let y = Axis::of(c.values.iter().chain(others).map(|p| p.1), 4)?;
    let ends = c.states.iter().flat_map(|s| &s.spans).flat_map(|s| [s.0, s.1]);
    let x = Axis::of(c.values.iter().map(|p| p.0).chain(ends), 9)?;
    let below = 14.0 * c.states.len() as f64 + if c.states.is_empty() { 0.0 } else { 8.0 };
    let labels = Labels { title: &c.title, x: "time, s", y: &c.label };
    let mut plot = Plot::new(labels, (760.0, 190.0), below, x, y);
    for (instants, class) in c.instants.iter().zip(["c", "d dash", "a fine", "b fine"]) {
        for at in &instants.at_s {
            plot.upright(*at, class, "");
        }
    }
    if let Some((_, values)) = &c.other {
        plot.curve(values, "b");
    }
    plot.curve(&c.values, "a");
    for (row, (state, class)) in c.states.iter().zip(CLASSES.iter().cycle()).enumerate() {
        plot.strip(row, &state.spans, class, &state.name);
    }
    let mut caption = c.title.clone();
    if let Some((name, _)) = &c.other {
        caption.push_str(&format!("; dashed: {name}"));
    }
    let lines = ["green lines", "dashed rose lines", "fine blue lines", "fine orange lines"];
    for (instants, line) in c.instants.iter().zip(lines) {
        caption.push_str(&format!("; {line}: {} ({})", instants.name.replace('_', " "), instants.at_s.len()));
    }
    Some(Figure { title: c.title.clone(), caption: format!("{caption}."), svg: plot.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_and_states_are_marked() {
        let instants = [Instants { name: "end_diastole_time".to_owned(), at_s: vec![0.5, 1.5] }];
        let states = [State { name: "no result: INFERENCE_FAILED".to_owned(), spans: vec![(0.8, 1.0)] }];
        let figure = curve(&Curve {
            title: "area of <lv>".to_owned(),
            label: "area, mm2".to_owned(),
            values: (0..50).map(|i| (f64::from(i) * 0.04, f64::from(i % 10))).collect(),
            other: Some(("truth", vec![(0.0, 3.0), (1.9, 4.0)])),
            instants: &instants,
            states: &states,
        })
        .unwrap();
        assert_eq!(figure.svg.matches("class=\"mark c\"").count(), 2);
        assert_eq!(figure.svg.matches("class=\"state d\"").count(), 1);
        assert!(figure.svg.contains("no result: INFERENCE_FAILED"));
        assert!(figure.caption.contains("end diastole time (2)") && figure.caption.contains("dashed: truth"));
        assert!(curve(&Curve::default()).is_none());
    }
}
