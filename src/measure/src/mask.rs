//! What a network says of a picture: a probability a pixel and class, and the labels that follow.

use std::sync::Arc;

use crate::geometry::{Geometry, PointInFrame};

/// Why numbers are not a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The number of values is not width × height, or the map is empty.
    #[error("a map of {width}x{height} pixels cannot hold {values} values")]
    Size {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Values given.
        values: usize,
    },
}

/// Probability of one class at each pixel of the model's picture, row by row, 0 to 1. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityMap {
    width: usize,
    height: usize,
    values: Arc<[f32]>,
}

impl ProbabilityMap {
    /// Takes `width` × `height` values, row by row.
    ///
    /// # Errors
    ///
    /// [`MaskError::Size`] when their number differs or is zero.
    pub fn new(width: usize, height: usize, values: impl Into<Arc<[f32]>>) -> Result<Self, MaskError> {
        let values = values.into();
        if values.is_empty() || width.checked_mul(height) != Some(values.len()) {
            return Err(MaskError::Size { width, height, values: values.len() });
        }
        Ok(Self { width, height, values })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }
    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }
    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
    /// Value at a pixel; coordinates outside are clamped to the edge.
    pub fn at(&self, x: usize, y: usize) -> f32 {
        let index = y.min(self.height - 1) * self.width + x.min(self.width - 1);
        self.values.get(index).copied().unwrap_or(0.0)
    }
}

/// A class index a pixel of the source picture, row by row; 0 is background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMask {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width · height` class indices.
    pub labels: Vec<u8>,
}

/// One axis of a bilinear look-up: lower neighbour, upper neighbour and the upper one's weight, a source pixel.
fn axis_taps(
    source: usize,
    first: u32,
    count: u32,
    model_of: impl Fn(f64) -> f64,
) -> Vec<(usize, usize, f32)> {
    let (low, high) = (f64::from(first), f64::from(first + count - 1));
    (0..source)
        .map(|i| {
            // Clamped to the content, so that no border pixel takes part.
            let at = model_of(i as f64).clamp(low, high);
            let below = at.floor();
            let above = (below + 1.0).min(high);
            (below as usize, above as usize, (at - below) as f32)
        })
        .collect()
}

/// The labels of the source picture: each class's map is brought to the source's size by bilinear interpolation
/// between pixel centres; a pixel takes the most probable class of those that reach their threshold.
///
/// `classes` are (class index, threshold, map) with all maps of the size that `geometry` calls the model's.
pub fn label_source(geometry: &Geometry, classes: &[(u8, f32, &ProbabilityMap)]) -> LabelMask {
    let (width, height) = (geometry.source_width as usize, geometry.source_height as usize);
    let mut mask = LabelMask { width, height, labels: vec![0; width * height] };
    let point = |x: f64, y: f64| geometry.model_from_source(PointInFrame { x_px: x, y_px: y });
    let columns = axis_taps(width, geometry.content.x, geometry.content.width, |x| point(x, 0.0).x_px);
    let rows = axis_taps(height, geometry.content.y, geometry.content.height, |y| point(0.0, y).y_px);
    let mut blended = Vec::new();
    let mut best = vec![0.0_f32; width];
    for (labels, &(above, below, wy)) in mask.labels.chunks_exact_mut(width).zip(&rows) {
        best.fill(0.0);
        for &(index, threshold, map) in classes {
            let (Some(top), Some(bottom)) = (
                map.values.get(above * map.width..(above + 1) * map.width),
                map.values.get(below * map.width..(below + 1) * map.width),
            ) else {
                continue;
            };
            // Mixing the two rows once leaves one interpolation a pixel.
            blended.clear();
            blended.extend(top.iter().zip(bottom).map(|(t, b)| t + (b - t) * wy));
            for ((label, best), &(left, right, wx)) in labels.iter_mut().zip(&mut best).zip(&columns) {
                let (Some(l), Some(r)) = (blended.get(left), blended.get(right)) else { continue };
                let p = l + (r - l) * wx;
                if p >= threshold && p > *best {
                    *best = p;
                    *label = index;
                }
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::ResizeRule;

    #[test]
    fn a_map_is_as_large_as_it_says() {
        assert!(ProbabilityMap::new(2, 2, vec![0.0; 4]).is_ok());
        assert_eq!(
            ProbabilityMap::new(2, 2, vec![0.0; 3]),
            Err(MaskError::Size { width: 2, height: 2, values: 3 })
        );
        assert!(ProbabilityMap::new(0, 2, vec![]).is_err());
    }

    #[test]
    fn an_l_shape_stays_upright_and_in_place() {
        // An L: the left column and the bottom row of a 4×4 model picture, shown by an 8×8 source.
        let mut values = vec![0.0_f32; 16];
        for i in 0..4 {
            values[i * 4] = 1.0;
            values[12 + i] = 1.0;
        }
        let map = ProbabilityMap::new(4, 4, values).unwrap();
        let geometry = Geometry::new((8, 8), (4, 4), ResizeRule::Letterbox, (1, 1)).unwrap();
        let mask = label_source(&geometry, &[(1, 0.5, &map)]);
        for y in 0..8 {
            for x in 0..8 {
                let inside = x < 2 || y >= 6;
                assert_eq!(mask.labels[y * 8 + x] == 1, inside, "pixel {x},{y}");
            }
        }
    }

    #[test]
    fn the_border_of_a_letterbox_is_no_part_of_the_mask() {
        // A 4×2 source in a 4×4 model: rows 0 and 3 are border, set to 1 here as a careless network might.
        let mut values = vec![0.0_f32; 16];
        values[..4].fill(1.0);
        values[12..].fill(1.0);
        let map = ProbabilityMap::new(4, 4, values).unwrap();
        let geometry = Geometry::new((4, 2), (4, 4), ResizeRule::Letterbox, (1, 1)).unwrap();
        let mask = label_source(&geometry, &[(1, 0.5, &map)]);
        assert!(mask.labels.iter().all(|&l| l == 0));
    }

    #[test]
    fn the_most_probable_class_wins() {
        let a = ProbabilityMap::new(1, 1, vec![0.6]).unwrap();
        let b = ProbabilityMap::new(1, 1, vec![0.7]).unwrap();
        let geometry = Geometry::new((3, 3), (1, 1), ResizeRule::Stretch, (1, 1)).unwrap();
        let mask = label_source(&geometry, &[(1, 0.5, &a), (2, 0.5, &b)]);
        assert!(mask.labels.iter().all(|&l| l == 2));
        let mask = label_source(&geometry, &[(1, 0.5, &a), (2, 0.9, &b)]);
        assert!(mask.labels.iter().all(|&l| l == 1));
    }
}
