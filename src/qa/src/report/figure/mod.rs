//! Figures as SVG: drawn in classes of the style sheet, so that they follow light, dark and print.
//!
//! * [`axis`]: round numbers along an axis; [`plot`]: a frame with axes and what is drawn in it;
//! * [`histogram`], [`agreement`] (Bland & Altman), [`curve`]: the figures of a report.

pub mod agreement;
pub mod axis;
pub mod curve;
pub mod histogram;
pub mod plot;

/// A figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it shows, in a line: read out where it cannot be seen.
    pub title: String,
    /// What stands below it.
    pub caption: String,
    /// The `svg` element, without style.
    pub svg: String,
}

/// Rules for everything in a figure.
pub const STYLE: &str = include_str!("figure.css");
/// Colours in light, dark and print.
pub const COLORS: &str = include_str!("colors.css");

impl Figure {
    /// The figure as a file of its own.
    pub fn standalone(&self) -> String {
        let style = format!("<style>{COLORS}svg{{background:var(--paper)}}{STYLE}</style>");
        match self.svg.split_once('>') {
            Some((open, rest)) => format!("{open}>{style}{rest}\n"),
            None => self.svg.clone(),
        }
    }
}
