//! A model's output to class probabilities and outlines.
//!
//! The border of a letterbox is set to 0 whatever the network says of it: nothing is found where there was no
//! picture. Then each class is cleaned up as the manifest asks, its outlines are traced at its threshold and moved inward
//! where its labels hold more than the structure.

mod activation;

use std::sync::Arc;

use vesalius_measure::components::{Components, KeepComponents, clean};
use vesalius_measure::contour;
use vesalius_measure::geometry::Geometry;
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::result::{ClassInfo, ClassResult, Unlikeness};

use crate::error::EngineError;
use crate::manifest::{Activation, Layout, Manifest, OutputKind, Precision};
use crate::session::OutputValues;

/// How far a probability may lie outside 0 to 1 by rounding; what lies further is no probability.
const PROBABILITY_SLACK: f32 = 1e-3;

/// A class's clean-up, from the manifest.
#[derive(Clone, Debug)]
struct ClassRule {
    info: Arc<ClassInfo>,
    keep: KeepComponents,
    fill_holes: bool,
    /// In pixels of the model's picture.
    outline_inset_px: f64,
}

/// How the second output is read, from the manifest.
#[derive(Clone, Debug)]
struct UnlikenessRule {
    name: String,
    threshold: f32,
}

/// Reads outputs by one manifest's rule.
#[derive(Debug)]
pub struct Postprocessor {
    engine_name: String,
    output_name: String,
    layout: Layout,
    kind: OutputKind,
    activation: Activation,
    temperature: f32,
    unlikeness: Option<UnlikenessRule>,
    channels: usize,
    width: usize,
    height: usize,
    classes: Vec<ClassRule>,
    /// One row of the output, channel after channel.
    row: Vec<f32>,
}

/// What was found of the classes in one picture.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The classes, in the manifest's order.
    pub classes: Vec<ClassResult>,
}

impl Postprocessor {
    /// Prepares for the outputs that a manifest describes, of a model that runs in `precision`; `classes` in the manifest's
    /// order.
    pub fn new(manifest: &Manifest, precision: Precision, classes: &[Arc<ClassInfo>]) -> Self {
        let rule = |(section, info): (&crate::manifest::ClassSection, &Arc<ClassInfo>)| ClassRule {
            info: Arc::clone(info),
            keep: section.components,
            fill_holes: section.fill_holes,
            outline_inset_px: section.outline_inset_px,
        };
        Self {
            engine_name: manifest.engine.name.clone(),
            output_name: manifest.output.name.clone(),
            layout: manifest.output_layout(),
            kind: manifest.output.kind,
            activation: manifest.output.activation,
            temperature: manifest.temperature(precision),
            unlikeness: manifest.output.unlikeness.as_ref().map(|section| UnlikenessRule {
                name: section.name.clone(),
                threshold: manifest.unlikeness_threshold(precision).unwrap_or(section.threshold),
            }),
            channels: manifest.output_channels(),
            width: manifest.input.width as usize,
            height: manifest.input.height as usize,
            classes: manifest.classes.iter().zip(classes).map(rule).collect(),
            row: Vec::new(),
        }
    }

    /// Makes class results of an output. The maps are new memory, for they travel on; all else is reused.
    ///
    /// # Errors
    ///
    /// [`EngineError::TensorLength`], [`EngineError::NotFinite`] for NaN, infinity and, of a model that gives
    /// probabilities, values outside 0 to 1, [`EngineError::UnknownLabel`], [`EngineError::GeometryMismatch`].
    pub fn process(&mut self, output: OutputValues<'_>, geometry: &Geometry) -> Result<Found, EngineError> {
        let maps = self.maps(output, geometry)?;
        self.found(maps, geometry)
    }

    /// The classes' probabilities as the model gives them, before anything is cleaned up: a map of the model's size for each
    /// class, 0 outside the picture's content.
    ///
    /// # Errors
    ///
    /// As [`Self::process`].
    pub fn maps(
        &mut self,
        output: OutputValues<'_>,
        geometry: &Geometry,
    ) -> Result<Vec<Arc<[f32]>>, EngineError> {
        self.check_geometry(geometry)?;
        match output {
            OutputValues::F32(values) => self.probabilities(values, geometry),
            OutputValues::U8(values) => self.labels(values, geometry),
            OutputValues::I32(values) => self.labels(values, geometry),
            OutputValues::I64(values) => self.labels(values, geometry),
        }
    }

    /// What the number of the second output means; `None` for an engine without one.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFinite`].
    pub fn unlikeness(&self, score: Option<f32>) -> Result<Option<Unlikeness>, EngineError> {
        let (Some(score), Some(rule)) = (score, &self.unlikeness) else { return Ok(None) };
        if score.is_finite() {
            return Ok(Some(Unlikeness { score, threshold: rule.threshold }));
        }
        Err(EngineError::NotFinite {
            engine: self.engine_name.clone(),
            output: rule.name.clone(),
            kind: "finite number",
            found: score,
        })
    }

    /// As [`Self::process`], of probabilities that were made elsewhere: a map of the model's size for each class.
    /// `has_bad_values` where the numbers that they were made of were not all numbers, or no probabilities.
    ///
    /// # Errors
    ///
    /// [`EngineError::TensorLength`], [`EngineError::NotFinite`], [`EngineError::GeometryMismatch`].
    pub fn process_maps(
        &mut self,
        maps: Vec<Arc<[f32]>>,
        has_bad_values: bool,
        geometry: &Geometry,
    ) -> Result<Found, EngineError> {
        self.check_geometry(geometry)?;
        let pixels = self.width * self.height;
        let expected = pixels * self.classes.len();
        let found = maps.iter().map(|map| map.len()).sum();
        if found != expected || maps.iter().any(|map| map.len() != pixels) {
            return Err(EngineError::TensorLength { engine: self.engine_name.clone(), expected, found });
        }
        if has_bad_values {
            return Err(self.not_finite(f32::NAN));
        }
        self.found(maps, geometry)
    }

    /// Cleans and traces the classes' maps.
    fn found(&self, maps: Vec<Arc<[f32]>>, geometry: &Geometry) -> Result<Found, EngineError> {
        let mut found = Found::default();
        for (rule, mut map) in self.classes.iter().zip(maps) {
            let (components, confidence) = clean_up(rule, self.width, &mut map);
            let probability = ProbabilityMap::new(self.width, self.height, map)?;
            let edges = contour::trace(&probability, geometry, rule.info.threshold);
            let contours: Vec<_> =
                edges.into_iter().map(|edge| edge.inset(rule.outline_inset_px, geometry)).collect();
            found.classes.push(ClassResult {
                class: Arc::clone(&rule.info),
                probability,
                confidence: confidence.filter(|_| !contours.is_empty()),
                contours,
                unconfirmed: Vec::new(),
                withheld: None,
                components,
            });
        }
        Ok(found)
    }

    fn check_geometry(&self, geometry: &Geometry) -> Result<(), EngineError> {
        let (expected, content) = ((self.width, self.height), geometry.content);
        let found = (geometry.model_width as usize, geometry.model_height as usize);
        let inside = |first: u32, count: u32, all: usize| count > 0 && first as usize + count as usize <= all;
        if found == expected
            && inside(content.x, content.width, self.width)
            && inside(content.y, content.height, self.height)
        {
            return Ok(());
        }
        Err(EngineError::GeometryMismatch { engine: self.engine_name.clone(), expected, found })
    }

    fn check_length(&self, found: usize) -> Result<(), EngineError> {
        let expected = self.width * self.height * self.channels;
        if found == expected {
            return Ok(());
        }
        Err(EngineError::TensorLength { engine: self.engine_name.clone(), expected, found })
    }

    /// New maps of zeros, one a class.
    fn empty_maps(&self) -> Vec<Arc<[f32]>> {
        let map = || std::iter::repeat_n(0.0, self.width * self.height).collect();
        self.classes.iter().map(|_| map()).collect()
    }

    fn probabilities(&mut self, values: &[f32], geometry: &Geometry) -> Result<Vec<Arc<[f32]>>, EngineError> {
        self.check_length(values.len())?;
        self.check_values(values)?;
        let mut maps = self.empty_maps();
        let content = geometry.content;
        let (left, width) = (content.x as usize, content.width as usize);
        self.row.resize(width * self.channels, 0.0);
        for y in content.y as usize..(content.y + content.height) as usize {
            self.read_row(values, y, left, width);
            if self.kind == OutputKind::Logits && self.temperature != 1.0 {
                self.row.iter_mut().for_each(|score| *score /= self.temperature);
            }
            match (self.kind, self.activation) {
                (OutputKind::Logits, Activation::Sigmoid) => activation::sigmoid(&mut self.row),
                (OutputKind::Logits, _) => activation::softmax(&mut self.row, width),
                _ => self.row.iter_mut().for_each(|p| *p = p.clamp(0.0, 1.0)),
            }
            // Channel 0 of a softmax is background.
            let first = self.channels - self.classes.len().min(self.channels);
            let start = y * self.width + left;
            for (map, channel) in maps.iter_mut().zip(self.row.chunks_exact(width).skip(first)) {
                // The map is not shared yet.
                let line = Arc::get_mut(map).and_then(|map| map.get_mut(start..start + width));
                if let Some(line) = line {
                    line.copy_from_slice(channel);
                }
            }
        }
        Ok(maps)
    }

    /// Copies the content's part of an output row, channel after channel.
    fn read_row(&mut self, values: &[f32], y: usize, left: usize, width: usize) {
        let channels = self.channels;
        for (channel, out) in self.row.chunks_exact_mut(width).enumerate() {
            match self.layout {
                Layout::Nchw => {
                    let start = (channel * self.height + y) * self.width + left;
                    if let Some(line) = values.get(start..start + width) {
                        out.copy_from_slice(line);
                    }
                }
                Layout::Nhwc => {
                    let start = (y * self.width + left) * channels;
                    let line = values.get(start..start + width * channels).unwrap_or(&[]);
                    for (out, value) in out.iter_mut().zip(line.iter().skip(channel).step_by(channels)) {
                        *out = *value;
                    }
                }
            }
        }
    }

    fn check_values(&self, values: &[f32]) -> Result<(), EngineError> {
        let probabilities = self.kind == OutputKind::Probabilities;
        let good = |value: f32| {
            if probabilities {
                // False for NaN and infinity too.
                (value - 0.5).abs() <= 0.5 + PROBABILITY_SLACK
            } else {
                value.abs() < f32::INFINITY
            }
        };
        // Folded without a way out, so that it vectorises.
        if values.iter().fold(true, |all, &value| all & good(value)) {
            return Ok(());
        }
        Err(self.not_finite(values.iter().copied().find(|&value| !good(value)).unwrap_or(f32::NAN)))
    }

    fn not_finite(&self, found: f32) -> EngineError {
        let probabilities = self.kind == OutputKind::Probabilities;
        EngineError::NotFinite {
            engine: self.engine_name.clone(),
            output: self.output_name.clone(),
            kind: if probabilities { "probability" } else { "finite number" },
            found,
        }
    }

    fn labels<T: Copy + Into<i64>>(
        &self,
        labels: &[T],
        geometry: &Geometry,
    ) -> Result<Vec<Arc<[f32]>>, EngineError> {
        self.check_length(labels.len())?;
        let classes = self.classes.len();
        let mut maps = self.empty_maps();
        let content = geometry.content;
        for y in content.y as usize..(content.y + content.height) as usize {
            let start = y * self.width + content.x as usize;
            let line = labels.get(start..start + content.width as usize).unwrap_or(&[]);
            for (at, &label) in (start..).zip(line) {
                let found = label.into();
                if found == 0 {
                    continue;
                }
                let map = usize::try_from(found).ok().and_then(|index| maps.get_mut(index.checked_sub(1)?));
                let Some(map) = map else {
                    return Err(EngineError::UnknownLabel {
                        engine: self.engine_name.clone(),
                        found,
                        classes,
                    });
                };
                if let Some(value) = Arc::get_mut(map).and_then(|map| map.get_mut(at)) {
                    *value = 1.0;
                }
            }
        }
        Ok(maps)
    }
}

/// Cleans a class's map; gives the pieces that there were and the mean probability of the pixels that are left,
/// without those of filled holes.
fn clean_up(rule: &ClassRule, width: usize, map: &mut Arc<[f32]>) -> (Components, Option<f32>) {
    let threshold = rule.info.threshold;
    // Never shared at this point; were it, there would be nothing to clean in place.
    let Some(values) = Arc::get_mut(map) else { return (Components::default(), None) };
    let before = values.iter().filter(|&&p| p >= threshold).count();
    let components = clean(values, width, threshold, rule.keep, rule.fill_holes);
    let kept = match rule.keep {
        KeepComponents::Largest => components.largest_px,
        KeepComponents::All => before,
    };
    let (count, sum) = values
        .iter()
        .filter(|&&p| p >= threshold)
        .fold((0_usize, 0.0_f64), |(count, sum), &p| (count + 1, sum + f64::from(p)));
    // Filled pixels are exactly 1.
    let filled = count.saturating_sub(kept);
    let confidence = (kept > 0).then(|| ((sum - filled as f64) / kept as f64) as f32);
    (components, confidence)
}
