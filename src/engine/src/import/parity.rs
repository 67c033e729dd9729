//! A model's output beside the one that its makers' own program gave for the same picture.

use super::npy::Array;
use super::output::OutputForm;
use super::raw::{RawOutput, RawValues};
use crate::manifest::{Layout, OutputKind};

/// Mean difference of probabilities below which two outputs are the same but for rounding.
pub const SAME_PROBABILITY: f64 = 0.002;
/// Share of pixels of another class below which they are.
pub const SAME_LABELS: f64 = 0.002;
/// Mean difference and share below which the picture was prepared in the same way by another resizer.
pub const CLOSE_PROBABILITY: f64 = 0.02;
/// As [`CLOSE_PROBABILITY`], for the share of pixels of another class.
pub const CLOSE_LABELS: f64 = 0.02;

/// How far an output is from a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Largest absolute difference of two numbers, in the reference's own: scores, probabilities or labels.
    pub largest: f64,
    /// Mean absolute difference in the same.
    pub mean: f64,
    /// Mean absolute difference of probabilities.
    pub mean_probability: f64,
    /// Share of the pixels that belong to another class.
    pub other_class: f64,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same but for rounding.
    Same,
    /// The same preparation, but the picture was resized by another filter or rounded otherwise.
    Close,
    /// Something else was done.
    Differs,
}

impl Difference {
    /// What it means.
    pub fn verdict(&self) -> Verdict {
        if self.mean_probability <= SAME_PROBABILITY && self.other_class <= SAME_LABELS {
            Verdict::Same
        } else if self.mean_probability <= CLOSE_PROBABILITY && self.other_class <= CLOSE_LABELS {
            Verdict::Close
        } else {
            Verdict::Differs
        }
    }
}

/// A reference brought to the output's order: a number for each of the output's, or a label for each of its pixels.
#[derive(Clone, Debug)]
pub struct Reference {
    values: Vec<f64>,
    /// Whether these are labels.
    labels: bool,
    /// Whether these are probabilities, where the model gives scores.
    probabilities: bool,
}

impl Reference {
    /// Fits an array to an output.
    ///
    /// # Errors
    ///
    /// Why it does not fit, in a few words.
    pub fn new(array: &Array, output: &RawOutput, form: &OutputForm) -> Result<Self, String> {
        let squeezed = |shape: &[usize]| shape.iter().copied().filter(|&axis| axis != 1).collect::<Vec<_>>();
        let (found, wanted) = (squeezed(&array.shape), squeezed(&output.shape));
        if array.values.iter().any(|value| !value.is_finite()) {
            return Err("it holds numbers that are not finite".to_owned());
        }
        let pixels = output.shape.iter().product::<usize>() / form.channels.max(1);
        let per_pixel = form.channels > 1 && array.is_whole && array.values.len() == pixels;
        let transposed = match (form.layout, output.shape.as_slice()) {
            (Layout::Nchw, &[_, c, h, w]) => squeezed(&[h, w, c]),
            (Layout::Nhwc, &[_, h, w, c]) => squeezed(&[c, h, w]),
            _ => wanted.clone(),
        };
        let values = if found == wanted || per_pixel {
            array.values.clone()
        } else if found == transposed && form.channels > 1 {
            turned(&array.values, form.layout, form.channels)
        } else {
            return Err(format!(
                "its shape is {:?} and the output's {:?}: save the tensor as the model gave it",
                array.shape, output.shape
            ));
        };
        let labels = form.kind == OutputKind::Labels || array.is_whole;
        let in_unit = values.iter().all(|value| (-1e-3..=1.001).contains(value));
        Ok(Self { values, labels, probabilities: !labels && in_unit && form.kind == OutputKind::Logits })
    }

    /// Compares an output with it.
    pub fn difference(&self, output: &RawOutput, form: &OutputForm) -> Option<Difference> {
        let own: Vec<f64> = match &output.values {
            RawValues::Scores(values) => values.iter().map(|&value| f64::from(value)).collect(),
            RawValues::Labels(values) => values.iter().map(|&label| label as f64).collect(),
        };
        let own_labels = labels(&own, form, form.kind);
        if self.labels {
            if own_labels.len() != self.values.len() {
                return None;
            }
            let pairs = || own_labels.iter().map(|&label| label as f64).zip(self.values.iter().copied());
            let (largest, mean) = distances(pairs());
            let other = share(pairs().map(|(a, b)| a != b));
            return Some(Difference { largest, mean, mean_probability: other, other_class: other });
        }
        if own.len() != self.values.len() {
            return None;
        }
        let kind_of_reference = if self.probabilities { OutputKind::Probabilities } else { form.kind };
        let own_probabilities = probabilities(&own, form, form.kind);
        let (largest, mean) = if self.probabilities {
            distances(own_probabilities.iter().copied().zip(self.values.iter().copied()))
        } else {
            distances(own.iter().copied().zip(self.values.iter().copied()))
        };
        let theirs = probabilities(&self.values, form, kind_of_reference);
        let (_, mean_probability) = distances(own_probabilities.iter().copied().zip(theirs));
        let their_labels = labels(&self.values, form, kind_of_reference);
        let other_class = share(own_labels.iter().zip(&their_labels).map(|(a, b)| a != b));
        Some(Difference { largest, mean, mean_probability, other_class })
    }
}

/// An array of the other order of axes.
fn turned(values: &[f64], to: Layout, channels: usize) -> Vec<f64> {
    let pixels = values.len() / channels.max(1);
    let from = |at: usize| match to {
        Layout::Nchw => (at % pixels) * channels + at / pixels,
        Layout::Nhwc => (at % channels) * pixels + at / channels,
    };
    (0..values.len()).filter_map(|at| values.get(from(at)).copied()).collect()
}

fn at(form: &OutputForm, pixels: usize, pixel: usize, channel: usize) -> usize {
    match form.layout {
        Layout::Nchw => channel * pixels + pixel,
        Layout::Nhwc => pixel * form.channels + channel,
    }
}

fn probabilities(values: &[f64], form: &OutputForm, kind: OutputKind) -> Vec<f64> {
    if kind != OutputKind::Logits {
        return values.to_vec();
    }
    if form.channels == 1 {
        return values.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
    }
    let pixels = values.len() / form.channels;
    let mut out = values.to_vec();
    for pixel in 0..pixels {
        let index = |channel| at(form, pixels, pixel, channel);
        let read = |channel| values.get(index(channel)).copied().unwrap_or(0.0);
        let largest = (0..form.channels).map(read).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..form.channels).map(|channel| (read(channel) - largest).exp()).sum();
        for channel in 0..form.channels {
            if let Some(value) = out.get_mut(index(channel)) {
                *value = (read(channel) - largest).exp() / sum;
            }
        }
    }
    out
}

fn labels(values: &[f64], form: &OutputForm, kind: OutputKind) -> Vec<usize> {
    if kind == OutputKind::Labels {
        return values.iter().map(|&value| value.max(0.0) as usize).collect();
    }
    if form.channels == 1 {
        let threshold = if kind == OutputKind::Logits { 0.0 } else { 0.5 };
        return values.iter().map(|&value| usize::from(value >= threshold)).collect();
    }
    let pixels = values.len() / form.channels;
    let label = |pixel: usize| {
        let read =
            |channel| values.get(at(form, pixels, pixel, channel)).copied().unwrap_or(f64::NEG_INFINITY);
        (0..form.channels).rev().max_by(|&a, &b| read(a).total_cmp(&read(b))).unwrap_or(0)
    };
    (0..pixels).map(label).collect()
}

/// Largest and mean distance.
fn distances(pairs: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let (mut largest, mut sum, mut count) = (0.0_f64, 0.0, 0_usize);
    for (a, b) in pairs {
        let distance = (a - b).abs();
        largest = largest.max(distance);
        sum += distance;
        count += 1;
    }
    (largest, sum / count.max(1) as f64)
}

fn share(all: impl Iterator<Item = bool>) -> f64 {
    let (yes, count) = all.fold((0_usize, 0_usize), |(yes, count), is| (yes + usize::from(is), count + 1));
    yes as f64 / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Activation;

    fn softmax(values: Vec<f32>) -> (RawOutput, OutputForm) {
        let form = OutputForm {
            name: "y".to_owned(),
            layout: Layout::Nchw,
            channels: 2,
            kind: OutputKind::Logits,
            activation: Activation::Softmax,
            largest_label: 0,
            evidence: String::new(),
        };
        (RawOutput { name: "y".to_owned(), shape: vec![1, 2, 1, 3], values: RawValues::Scores(values) }, form)
    }

    fn difference(shape: &[usize], values: &[f64], is_whole: bool) -> Result<Difference, String> {
        let (output, form) = softmax(vec![0.0, 0.0, 2.0, -3.0, 3.0, 2.5]);
        let array = Array { shape: shape.to_vec(), values: values.to_vec(), is_whole };
        let reference = Reference::new(&array, &output, &form)?;
        Ok(reference.difference(&output, &form).expect("it fits"))
    }

    #[test]
    fn the_same_numbers_are_the_same_in_any_order_of_axes() {
        let first = difference(&[1, 2, 1, 3], &[0.0, 0.0, 2.0, -3.0, 3.0, 2.5], false).unwrap();
        assert_eq!((first.largest, first.other_class, first.verdict()), (0.0, 0.0, Verdict::Same));
        let last = difference(&[1, 3, 2], &[0.0, -3.0, 0.0, 3.0, 2.0, 2.5], false).unwrap();
        assert_eq!(last, first);
        let labels = difference(&[1, 3], &[0.0, 1.0, 1.0], true).unwrap();
        assert_eq!(labels.verdict(), Verdict::Same);
        // Softmax of the scores, by hand.
        let p = |d: f64| 1.0 / (1.0 + d.exp());
        let probabilities = [p(-3.0), p(3.0), p(0.5), p(3.0), p(-3.0), p(-0.5)];
        let after = difference(&[2, 1, 3], &probabilities, false).unwrap();
        assert!(after.largest < 1e-6 && after.verdict() == Verdict::Same, "{after:?}");
    }

    #[test]
    fn other_numbers_are_measured() {
        let other = difference(&[1, 2, 1, 3], &[0.0, 0.0, 2.0, -3.0, 3.0, 1.5], false).unwrap();
        assert_eq!((other.largest, other.mean), (1.0, 1.0 / 6.0));
        assert!((other.other_class - 1.0 / 3.0).abs() < 1e-12 && other.verdict() == Verdict::Differs);
        let error = difference(&[1, 1, 4], &[0.0; 4], false).unwrap_err();
        assert!(error.contains("[1, 1, 4]") && error.contains("[1, 2, 1, 3]"), "{error}");
        assert!(difference(&[6], &[f64::NAN; 6], false).is_err());
    }
}
