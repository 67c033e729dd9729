//! What an engine's decision on one picture rests on, and how sure it is.
//!
//! * **Probability**: the class's map as the model gives it, before anything is cleaned up.
//! * **Uncertainty** by test-time augmentation (Wang et al. 2019, doi:10.1016/j.neucom.2019.01.103): the picture is mirrored,
//!   shifted and scaled a little, each answer is mapped back, and their standard deviation at each pixel says where the answer
//!   hangs on the framing.
//! * **Importance** by occlusion (Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53): a soft-edged spot of the picture is
//!   blurred at a time (Fong & Vedaldi 2017, doi:10.1109/ICCV.2017.371), and the importance of the place is how much of the
//!   structure's area changes with it. Unlike gradients it needs nothing of the model but answers, so it is the same on every
//!   provider and precision.
//!
//! All of it happens on the model's own input, whose pixels lie where the [`Geometry`] says. `warp` and `occlude` are pure.

mod occlude;
mod warp;

use std::sync::Arc;

use vesalius_measure::frame::Frame;
use vesalius_measure::geometry::{Geometry, PixelRect};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::result::{ClassResult, Unlikeness};

use crate::engine::Worker;
use crate::error::EngineError;
use crate::manifest::{InputSection, Layout};
use crate::parity::Agreement;
use occlude::Spots;
use warp::Warp;

/// What is told while it goes on: runs that are done, and how many there will be.
pub type Tell<'a> = &'a mut dyn FnMut(usize, usize);

/// What a decision rests on. All maps are of the model's size, 0 outside the picture's content.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Where the maps' pixels lie in the picture.
    pub geometry: Geometry,
    /// The class that is explained, as the engine gives it.
    pub class: ClassResult,
    /// How unlike the training data the picture is, where the engine says.
    pub unlikeness: Option<Unlikeness>,
    /// The class's probability, before clean-up.
    pub probability: ProbabilityMap,
    /// Mean of the probabilities over all framings.
    pub mean: ProbabilityMap,
    /// Their standard deviation, 0 to 0.5.
    pub spread: ProbabilityMap,
    /// The part of the structure's area that changes when a spot there is blurred, 0 upwards: 0.1 is a tenth of the area.
    pub importance: ProbabilityMap,
    /// The least Dice of the mask of a framing with that of the picture as it is.
    pub steadiness: f64,
    /// Framings, the picture as it is among them.
    pub framings: usize,
    /// Spots that were blurred, one at a time.
    pub spots: usize,
    /// Side of a spot in pixels of the model's picture.
    pub spot_px: usize,
}

impl Worker {
    /// Explains what the engine says of a class in a picture; of the class that takes the largest part of it where none is
    /// named. Takes a run for each framing and each spot, some 100 to 300.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoSuchClass`], and as [`Self::process`].
    pub fn explain(
        &mut self,
        frame: &Frame<'_>,
        pixel_aspect_ratio: (i32, i32),
        class: Option<&str>,
        tell: Tell<'_>,
    ) -> Result<Explanation, EngineError> {
        let found = self.process(frame, pixel_aspect_ratio)?;
        let (index, chosen) = choose(&found.classes, class, self.session.engine_name())?;
        let (geometry, content) = (found.geometry, found.geometry.content);
        let input = self.preprocessor.input().clone();
        let width = input.width as usize;
        let picture = Planes::of(self.preprocessor.tensor(), &input);
        let (warps, spots) = (warp::framings(content), Spots::over(content));
        let total = warps.len() + spots.count();
        let mut done = 0;
        let mut answer = |planes: &Planes| -> Result<Arc<[f32]>, EngineError> {
            let output = self.session.run(&planes.tensor(&input))?;
            let mut maps = self.postprocessor.maps(output.values()?, &geometry)?;
            done += 1;
            tell(done, total);
            Ok(maps.swap_remove(index))
        };

        let plain = answer(&picture)?;
        let threshold = chosen.class.threshold;
        let (mut sums, mut steadiness) = (warp::Sums::new(plain.len()), 1.0_f64);
        sums.add(&plain, None);
        for warp in warps.iter().filter(|warp| **warp != Warp::NONE) {
            let there = answer(&picture.map(|plane| warp.apply(plane, width, content)))?;
            let (back, seen) = warp.undo(&there, width, content);
            steadiness = steadiness.min(dice(&plain, &back, &seen, threshold));
            sums.add(&back, Some(&seen));
        }
        let blurred = picture.map(|plane| spots.blur(plane, width, content));
        let mut importance = occlude::Importance::new(&plain, width, threshold, content);
        for spot in spots.all() {
            let hide = |plane: &[f32], blur: &[f32]| spots.hide(plane, blur, width, content, spot);
            importance.add(&answer(&picture.zip(&blurred, hide))?, &spots, spot);
        }

        let map = |values: Vec<f32>| ProbabilityMap::new(width, input.height as usize, values);
        let (mean, spread) = sums.mean_and_spread();
        Ok(Explanation {
            geometry,
            unlikeness: found.unlikeness,
            probability: map(plain.to_vec())?,
            mean: map(mean)?,
            spread: map(spread)?,
            importance: map(importance.map())?,
            steadiness,
            framings: warps.len(),
            spots: spots.count(),
            spot_px: spots.side(),
            class: chosen,
        })
    }
}

/// The class by name, or that of the largest area; of none found the first.
fn choose(
    classes: &[ClassResult],
    name: Option<&str>,
    engine: &str,
) -> Result<(usize, ClassResult), EngineError> {
    let area = |class: &ClassResult| class.contours.iter().map(|c| c.area_px2).sum::<f64>();
    let index = match name {
        Some(name) => classes.iter().position(|class| class.class.name == name),
        None => (0..classes.len()).rev().max_by(|&a, &b| {
            let of = |i: usize| classes.get(i).map_or(0.0, area);
            of(a).total_cmp(&of(b))
        }),
    };
    index.and_then(|index| Some((index, classes.get(index)?.clone()))).ok_or_else(|| {
        EngineError::NoSuchClass {
            engine: engine.to_owned(),
            name: name.unwrap_or_default().to_owned(),
            known: classes.iter().map(|class| class.class.name.clone()).collect::<Vec<_>>().join(", "),
        }
    })
}

/// Dice of two masks where both are known; 1 where neither has a pixel.
fn dice(a: &[f32], b: &[f32], seen: &[bool], threshold: f32) -> f64 {
    let (mut both, mut all) = (0_usize, 0_usize);
    for ((a, b), _) in a.iter().zip(b).zip(seen).filter(|(_, seen)| **seen) {
        let (a, b) = (*a >= threshold, *b >= threshold);
        both += usize::from(a && b);
        all += usize::from(a) + usize::from(b);
    }
    if all == 0 { Agreement::PERFECT.dice } else { 2.0 * both as f64 / all as f64 }
}

/// A tensor channel by channel, rows one after the other.
#[derive(Clone, Debug, PartialEq)]
struct Planes(Vec<Vec<f32>>);

impl Planes {
    fn of(tensor: &[f32], input: &InputSection) -> Self {
        let (channels, pixels) = (input.color.channels(), input.width as usize * input.height as usize);
        Self(match input.layout {
            Layout::Nchw => tensor.chunks_exact(pixels).map(<[f32]>::to_vec).collect(),
            Layout::Nhwc => (0..channels)
                .map(|channel| tensor.iter().skip(channel).step_by(channels).copied().collect())
                .collect(),
        })
    }

    fn tensor(&self, input: &InputSection) -> Vec<f32> {
        match input.layout {
            Layout::Nchw => self.0.concat(),
            Layout::Nhwc => {
                let mut tensor = vec![0.0; self.0.iter().map(Vec::len).sum()];
                for (channel, plane) in self.0.iter().enumerate() {
                    for (out, value) in tensor.iter_mut().skip(channel).step_by(self.0.len()).zip(plane) {
                        *out = *value;
                    }
                }
                tensor
            }
        }
    }

    fn map(&self, change: impl Fn(&[f32]) -> Vec<f32>) -> Self {
        Self(self.0.iter().map(|plane| change(plane)).collect())
    }

    fn zip(&self, other: &Self, join: impl Fn(&[f32], &[f32]) -> Vec<f32>) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| join(a, b)).collect())
    }
}

/// The rows and columns of a picture's content.
fn pixels_of(content: PixelRect) -> impl Iterator<Item = (usize, usize)> + Clone {
    let (left, top) = (content.x as usize, content.y as usize);
    let (width, height) = (content.width as usize, content.height as usize);
    (top..top + height).flat_map(move |y| (left..left + width).map(move |x| (x, y)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    #[test]
    fn a_tensor_of_either_layout_comes_back() {
        for text in [
            include_str!("../../tests/models/nhwc-probabilities/manifest.toml"),
            include_str!("../../tests/models/rgb-softmax/manifest.toml"),
        ] {
            let input = Manifest::parse(text).unwrap().input;
            let tensor: Vec<f32> = (0..input.width * input.height * 3).map(|i| i as f32).collect();
            let planes = Planes::of(&tensor, &input);
            assert_eq!((planes.0.len(), planes.tensor(&input)), (3, tensor));
        }
    }

    #[test]
    fn dice_counts_what_is_seen() {
        let (a, b) = ([1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(dice(&a, &b, &[true; 4], 0.5), 0.5);
        assert_eq!(dice(&a, &b, &[true, false, true, false], 0.5), 1.0);
        assert_eq!(dice(&b, &b, &[false; 4], 0.5), 1.0);
    }
}
