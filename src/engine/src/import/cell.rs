//! One interpretation tried on a picture: what the model finds, and figures that help to tell right from wrong.
//!
//! No figure proves that a picture was prepared rightly: networks can be sure of nonsense. The score orders the cells of a
//! contact sheet for somebody who then looks at them.

use vesalius_measure::geometry::Geometry;
use vesalius_measure::result::ClassResult;

use super::interpretation::Interpretation;
use super::parity::Difference;

/// Share of the picture below which next to nothing was found, or all but nothing is one class.
const NEXT_TO_NOTHING: f64 = 0.005;

/// So many pieces halve the score: a network that is given what it was not trained on answers in crumbs.
const CRUMBS: f64 = 20.0;

/// Figures of one interpretation, over the pixels of the model's picture that show the source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellFigures {
    /// Mean probability of each pixel's likeliest class, background included.
    pub confidence: f64,
    /// Mean entropy of a pixel's probabilities, as a part of the largest possible: 0 is sure, 1 knows nothing.
    pub entropy: f64,
    /// Share of the pixels that belong to a class.
    pub found: f64,
    /// Share of the pixels of each class, in the manifest's order.
    pub shares: [f64; MAX_SHARES],
    /// Pieces of all classes together.
    pub pieces: usize,
    /// What the cells are ordered by, 0 to 1.
    pub score: f64,
}

/// Classes whose shares are kept.
pub const MAX_SHARES: usize = 16;

/// One interpretation of a model's input.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its number on the contact sheet, from 1.
    pub number: usize,
    /// How the picture was prepared.
    pub interpretation: Interpretation,
    /// What was found, or why nothing could be.
    pub result: Result<CellResult, String>,
    /// How far the output is from a reference, where there is one.
    pub difference: Option<Difference>,
}

/// What an interpretation found.
#[derive(Clone, Debug)]
pub struct CellResult {
    /// Classes with their outlines in the picture.
    pub classes: Vec<ClassResult>,
    /// The figures.
    pub figures: CellFigures,
}

impl Cell {
    /// The score, 0 where nothing could be found.
    pub fn score(&self) -> f64 {
        self.result.as_ref().map_or(0.0, |result| result.figures.score)
    }
}

impl CellFigures {
    /// Takes them of what was found.
    pub fn new(classes: &[ClassResult], geometry: &Geometry) -> Self {
        let content = geometry.content;
        let (left, top) = (content.x as usize, content.y as usize);
        let (width, height) = (content.width as usize, content.height as usize);
        let mut labels = vec![0_usize; width * height];
        let mut shares = [0.0; MAX_SHARES];
        let (mut confidence, mut entropy) = (0.0, 0.0);
        let largest_entropy = ((classes.len() + 1) as f64).ln();
        for (at, label) in labels.iter_mut().enumerate() {
            let (x, y) = (left + at % width.max(1), top + at / width.max(1));
            let (mut best, mut rest, mut own) = (0.0_f64, 1.0, 0.0);
            for (index, class) in (1..).zip(classes) {
                let p = f64::from(class.probability.at(x, y));
                rest -= p;
                own -= plogp(p);
                if p > best {
                    (best, *label) = (p, index);
                }
            }
            let background = rest.clamp(0.0, 1.0);
            own -= plogp(background);
            if background >= best {
                (best, *label) = (background, 0);
            }
            confidence += best;
            entropy += own / largest_entropy;
            if let Some(share) = label.checked_sub(1).and_then(|class| shares.get_mut(class)) {
                *share += 1.0;
            }
        }
        let pixels = labels.len().max(1) as f64;
        let found = labels.iter().filter(|&&label| label > 0).count() as f64 / pixels;
        let mut figures = Self {
            confidence: confidence / pixels,
            entropy: entropy / pixels,
            found,
            shares: shares.map(|share| share / pixels),
            pieces: classes.iter().map(|class| class.components.count).sum(),
            score: 0.0,
        };
        figures.score = figures.ordering();
        figures
    }

    /// Sure, in few pieces, and neither nothing nor one class all over. Of 46 pictures that the two engines of this project
    /// were tried on, it puts the right colours and normalisation first in all; stretch and letterbox it cannot tell apart.
    fn ordering(&self) -> f64 {
        let sure = 1.0 - self.entropy;
        let tidy = 1.0 / (1.0 + self.pieces as f64 / CRUMBS);
        let all_over = self.shares.iter().copied().fold(1.0 - self.found, f64::max);
        let something = ((1.0 - all_over) / NEXT_TO_NOTHING).min(1.0);
        sure * tidy * something
    }
}

fn plogp(p: f64) -> f64 {
    if p <= 0.0 { 0.0 } else { p * p.ln() }
}

/// The cell to look at first: the one nearest to the reference, else the one with the highest score.
pub fn best(cells: &[Cell]) -> Option<&Cell> {
    let by_difference = cells
        .iter()
        .filter_map(|cell| Some((cell, cell.difference.as_ref()?.mean_probability)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    // Of equals the first: the most usual.
    let by_score = || cells.iter().rev().max_by(|a, b| a.score().total_cmp(&b.score()));
    by_difference.map(|(cell, _)| cell).or_else(by_score)
}
