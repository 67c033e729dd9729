//! A frame with axes and what is drawn in it.

use std::fmt::Write;

use super::axis::Axis;
use crate::report::html::escape;

const LEFT: f64 = 70.0;
/// Left of the ticks' texts: what the axis is called.
const LABEL: f64 = 22.0;
/// Width of a digit, at most, and room between the texts of two ticks.
const DIGIT: f64 = 7.5;
const ROOM: f64 = 10.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// More points than these are drawn as cells that are the darker the more points they hold.
const MOST_POINTS: usize = 1500;
/// Side of such a cell.
const CELL: f64 = 5.0;

/// A figure that is being drawn. Writing to a `String` cannot fail, so what `write!` returns is dropped.
#[derive(Debug)]
pub struct Plot {
    svg: String,
    x: Axis,
    y: Axis,
    left: f64,
    width: f64,
    height: f64,
}

/// What axes are called.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// What the figure shows.
    pub title: &'a str,
    /// Along the bottom.
    pub x: &'a str,
    /// Along the left.
    pub y: &'a str,
}

impl Plot {
    /// A frame of `size` pixels with axes; `below` more pixels are left free under the axis for [`strip`](Self::strip).
    pub fn new(labels: Labels<'_>, size: (f64, f64), below: f64, x: Axis, y: Axis) -> Self {
        let (width, height) = size;
        // As wide as the widest text wants.
        let left = (LABEL + widest(&y.ticks().collect::<Vec<_>>()) + 6.0).max(LEFT);
        let mut plot = Self { svg: String::new(), x, y, left, width, height };
        let _ = write!(
            plot.svg,
            r#"<svg class="fig" xmlns="http://www.w3.org/2000/svg" width="{width}" height="{}" viewBox="0 0 {width} {}" role="img" aria-label="{}">"#,
            height + below,
            height + below,
            escape(labels.title)
        );
        let (left, right, top, bottom) = plot.area();
        for (value, text) in plot.y.ticks().collect::<Vec<_>>() {
            let y = plot.at_y(value);
            let _ = write!(
                plot.svg,
                r#"<path class="grid" d="M{left} {y:.1}H{right}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#,
                left - 6.0,
                y + 4.0
            );
        }
        for (value, text) in plot.ticks_along() {
            let x = plot.at_x(value);
            let _ = write!(
                plot.svg,
                r#"<path class="grid" d="M{x:.1} {bottom}v4"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
                bottom + 17.0
            );
        }
        let middle = f64::midpoint(top, bottom);
        let _ = write!(
            plot.svg,
            r#"<rect class="frame" x="{left}" y="{top}" width="{:.1}" height="{:.1}"/><text class="faint" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text><text class="faint" transform="translate(13 {middle:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            right - left,
            bottom - top,
            f64::midpoint(left, right),
            bottom + 33.0,
            escape(labels.x),
            escape(labels.y)
        );
        plot
    }

    /// Ticks of the lower axis, so many that their texts do not run into each other: all, or those at multiples of 2, 5, 10 …
    /// steps.
    fn ticks_along(&self) -> Vec<(f64, String)> {
        let ticks: Vec<_> = self.x.ticks().collect();
        let (left, right, ..) = self.area();
        let apart = (right - left) * self.x.step / (self.x.high - self.x.low);
        let needed = (widest(&ticks) + ROOM) / apart;
        let every = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|n| f64::from(*n) >= needed).unwrap_or(100);
        let is_multiple = |value: f64| (value / self.x.step).round() as i64 % i64::from(every) == 0;
        ticks.into_iter().filter(|(value, _)| is_multiple(*value)).collect()
    }

    /// Left, right, top and bottom of the frame.
    fn area(&self) -> (f64, f64, f64, f64) {
        (self.left, self.width - RIGHT, TOP, self.height - BOTTOM)
    }

    fn at_x(&self, value: f64) -> f64 {
        let (left, right, ..) = self.area();
        left + self.x.place(value) * (right - left)
    }

    fn at_y(&self, value: f64) -> f64 {
        let (.., top, bottom) = self.area();
        bottom - self.y.place(value) * (bottom - top)
    }

    /// Points; of very many, where they are dense.
    pub fn points(&mut self, points: &[(f64, f64)], class: &str) {
        if points.len() <= MOST_POINTS {
            for &(x, y) in points {
                let (x, y) = (self.at_x(x), self.at_y(y));
                let _ = write!(self.svg, r#"<circle class="dot {class}" cx="{x:.1}" cy="{y:.1}" r="2.5"/>"#);
            }
            return;
        }
        let mut cells: std::collections::BTreeMap<(i32, i32), u32> = std::collections::BTreeMap::new();
        for &(x, y) in points {
            *cells.entry(((self.at_x(x) / CELL) as i32, (self.at_y(y) / CELL) as i32)).or_default() += 1;
        }
        let most = f64::from(cells.values().copied().max().unwrap_or(1)).ln_1p();
        for ((x, y), n) in cells {
            let opacity = 0.15 + 0.85 * f64::from(n).ln_1p() / most;
            let (x, y) = (f64::from(x) * CELL, f64::from(y) * CELL);
            let _ = write!(
                self.svg,
                r#"<rect class="cell {class}" x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill-opacity="{opacity:.2}"/>"#
            );
        }
    }

    /// A curve, broken where a value is not finite. Of more points than the frame has columns each column keeps its lowest
    /// and its highest.
    pub fn curve(&mut self, points: &[(f64, f64)], class: &str) {
        let mut path = String::new();
        let (mut pen_is_down, mut column) = (false, Column::default());
        for &(x, y) in points {
            if !(x.is_finite() && y.is_finite()) {
                column.flush(&mut path, &mut pen_is_down);
                pen_is_down = false;
                continue;
            }
            let (x, y) = (self.at_x(x), self.at_y(y));
            if column.x as i64 != x as i64 || column.n == 0 {
                column.flush(&mut path, &mut pen_is_down);
                column = Column { x, first: y, low: y, high: y, last: y, n: 1 };
            } else {
                column.add(y);
            }
        }
        column.flush(&mut path, &mut pen_is_down);
        if !path.is_empty() {
            let _ = write!(self.svg, r#"<path class="curve {class}" d="{path}"/>"#);
        }
    }

    /// A bar from `from` to `to` along the axis, `height` high.
    pub fn bar(&mut self, from: f64, to: f64, height: f64, class: &str) {
        let (left, right, top, bottom) = (self.at_x(from), self.at_x(to), self.at_y(height), self.area().3);
        let _ = write!(
            self.svg,
            r#"<rect class="bar {class}" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"/>"#,
            (right - left).max(0.5),
            bottom - top
        );
    }

    /// A line across at a value, with its text at the right.
    pub fn level(&mut self, value: f64, class: &str, text: &str) {
        let ((left, right, ..), y) = (self.area(), self.at_y(value));
        let _ = write!(
            self.svg,
            r#"<path class="mark {class}" d="M{left} {y:.1}H{right}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            right - 4.0,
            y - 4.0,
            escape(text)
        );
    }

    /// A band across between two values.
    pub fn band(&mut self, low: f64, high: f64, class: &str) {
        let ((left, right, ..), top, bottom) = (self.area(), self.at_y(high), self.at_y(low));
        let _ = write!(
            self.svg,
            r#"<rect class="band {class}" x="{left}" y="{top:.1}" width="{:.1}" height="{:.1}"/>"#,
            right - left,
            (bottom - top).max(0.5)
        );
    }

    /// A line up at a value, with a text at its top where there is one.
    pub fn upright(&mut self, value: f64, class: &str, text: &str) {
        let ((.., top, bottom), x) = (self.area(), self.at_x(value));
        let _ = write!(self.svg, r#"<path class="mark {class}" d="M{x:.1} {top}V{bottom}"/>"#);
        if !text.is_empty() {
            let _ =
                write!(self.svg, r#"<text x="{:.1}" y="{:.1}">{}</text>"#, x + 3.0, top + 12.0, escape(text));
        }
    }

    /// A line from one point to another.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (self.at_x(from.0), self.at_y(from.1), self.at_x(to.0), self.at_y(to.1));
        let _ = write!(self.svg, r#"<path class="mark {class}" d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"/>"#);
    }

    /// Spans below the axis, in row `row` of such, with what they are called at the left.
    pub fn strip(&mut self, row: usize, spans: &[(f64, f64)], class: &str, text: &str) {
        let y = self.height + 14.0 * row as f64;
        let _ = write!(
            self.svg,
            r#"<text class="faint" x="{}" y="{:.1}" font-size="10">{}</text>"#,
            self.left,
            y - 1.0,
            escape(text)
        );
        for &(from, to) in spans {
            let (from, to) = (self.at_x(from), self.at_x(to));
            let _ = write!(
                self.svg,
                r#"<rect class="state {class}" x="{from:.1}" y="{y:.1}" width="{:.1}" height="4"/>"#,
                (to - from).max(1.0)
            );
        }
    }

    /// The figure.
    pub fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// Width of the widest text.
fn widest(ticks: &[(f64, String)]) -> f64 {
    DIGIT * ticks.iter().map(|(_, text)| text.len()).max().unwrap_or(0) as f64
}

/// What of a curve falls into one column of pixels.
#[derive(Default)]
struct Column {
    x: f64,
    first: f64,
    low: f64,
    high: f64,
    last: f64,
    n: usize,
}

impl Column {
    fn add(&mut self, y: f64) {
        (self.low, self.high) = (self.low.min(y), self.high.max(y));
        self.last = y;
        self.n += 1;
    }

    fn flush(&mut self, path: &mut String, pen_is_down: &mut bool) {
        if self.n == 0 {
            return;
        }
        let mut point = |y: f64| {
            let command = if std::mem::replace(pen_is_down, true) { 'L' } else { 'M' };
            let _ = write!(path, "{command}{:.1} {y:.1}", self.x);
        };
        point(self.first);
        if self.n > 1 {
            point(self.low);
            point(self.high);
            point(self.last);
        }
        self.n = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        let axis = || Axis::of([0.0, 10.0], 5).unwrap();
        Plot::new(Labels { title: "a < b & \"c\"", x: "x", y: "y" }, (640.0, 260.0), 0.0, axis(), axis())
    }

    #[test]
    fn texts_are_escaped() {
        let mut p = plot();
        p.level(1.0, "a", "<script>");
        let svg = p.finish();
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;") && svg.contains("&lt;script&gt;"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
    }

    /// Where ticks' texts stand along the lower axis, and how wide they are at the most.
    fn along(low: f64, high: f64) -> Vec<(f64, f64)> {
        let (x, y) = (Axis::of([low, high], 8).unwrap(), Axis::of([0.0, 10.0], 4).unwrap());
        let p = Plot::new(Labels { title: "t", x: "x", y: "y" }, (440.0, 200.0), 0.0, x, y);
        p.ticks_along().iter().map(|(value, text)| (p.at_x(*value), DIGIT * text.len() as f64)).collect()
    }

    #[test]
    fn texts_of_ticks_do_not_run_into_each_other() {
        for (low, high) in [(0.0, 1.0), (0.97, 0.9985), (1e6, 1.2e6), (-16000.0, 17800.0), (123.456, 123.458)]
        {
            let ticks = along(low, high);
            assert!(ticks.len() >= 2, "{low} to {high}: {ticks:?}");
            for pair in ticks.windows(2) {
                assert!(pair[1].0 - pair[0].0 >= pair[0].1.max(pair[1].1), "{low} to {high}: {ticks:?}");
            }
        }
        assert_eq!(along(0.0, 8.0).len(), 9, "short ones all stay");
    }

    #[test]
    fn wide_texts_at_the_left_get_their_room() {
        let (x, y) = (Axis::of([0.0, 1.0], 5).unwrap(), Axis::of([0.0, 12_000_000.0], 4).unwrap());
        let p = Plot::new(Labels { title: "t", x: "x", y: "y" }, (440.0, 200.0), 0.0, x, y);
        assert!(p.left >= LABEL + 8.0 * DIGIT && plot().left == LEFT);
    }

    #[test]
    fn a_gap_breaks_a_curve_and_a_long_one_stays_short_with_its_peaks() {
        let mut p = plot();
        p.curve(&[(0.0, 0.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 2.0)], "a");
        let svg = p.finish();
        let path = svg.split("curve a\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 2), "{path}");

        let mut p = plot();
        let mut long: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i) * 1e-4, 5.0)).collect();
        long[50_000].1 = 10.0;
        p.curve(&long, "a");
        let svg = p.finish();
        assert!(svg.len() < 40_000, "{}", svg.len());
        assert!(svg.contains(" 12.0L"), "the peak is at the top of the frame");
    }

    #[test]
    fn many_points_become_cells() {
        let mut p = plot();
        let many: Vec<(f64, f64)> =
            (0..20_000).map(|i| (f64::from(i % 100) * 0.1, f64::from(i % 7))).collect();
        p.points(&many, "a");
        let svg = p.finish();
        assert!(svg.contains("class=\"cell a\"") && !svg.contains("<circle") && svg.len() < 120_000);
    }
}
