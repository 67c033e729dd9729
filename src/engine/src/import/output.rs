//! What a model gives: worked out from the numbers that it gave on trial, and from the operator that made them.

use super::input::InputForm;
use super::raw::{RawOutput, RawValues};
use super::{ImportError, Said};
use crate::manifest::{Activation, Layout, OutputKind};

/// How far probabilities may be from adding up to 1: f16 has three digits.
const SUM_SLACK: f32 = 0.01;

/// A model's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputForm {
    /// Name of the tensor.
    pub name: String,
    /// Order of its axes; the input's where there is but one channel.
    pub layout: Layout,
    /// Channels; 1 for labels.
    pub channels: usize,
    /// What its numbers are.
    pub kind: OutputKind,
    /// What makes probabilities of them.
    pub activation: Activation,
    /// Largest label that was seen.
    pub largest_label: usize,
    /// What that was concluded from, for people.
    pub evidence: String,
}

/// An output's shape, read as a picture's.
fn picture(shape: &[usize], input: &InputForm) -> Option<(Layout, usize)> {
    let size = (input.height as usize, input.width as usize);
    let channels_first = |shape: &[usize]| match shape {
        &[1, channels, height, width] if (height, width) == size => Some((Layout::Nchw, channels)),
        _ => None,
    };
    let channels_last = |shape: &[usize]| match shape {
        &[1, height, width, channels] if (height, width) == size => Some((Layout::Nhwc, channels)),
        _ => None,
    };
    match shape {
        &[1, height, width] if (height, width) == size => Some((input.layout, 1)),
        // Of a shape that can be read both ways the input's order is the likelier.
        _ if input.layout == Layout::Nhwc => channels_last(shape).or_else(|| channels_first(shape)),
        _ => channels_first(shape).or_else(|| channels_last(shape)),
    }
}

fn list<'o>(outputs: impl IntoIterator<Item = &'o RawOutput>) -> String {
    let text = |output: &RawOutput| format!("'{}' {:?}", output.name, output.shape);
    outputs.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

/// The output that holds the segmentation: the one that was named, or the only one that can.
///
/// # Errors
///
/// [`ImportError::Output`] where there is none, or more than one.
pub fn choose(
    outputs: &[RawOutput],
    input: &InputForm,
    said: &Said,
    warnings: &mut Vec<String>,
) -> Result<String, ImportError> {
    let fail = |problem: String| Err(ImportError::Output(problem));
    if let Some(name) = &said.output {
        let Some(output) = outputs.iter().find(|output| output.name == *name) else {
            return fail(format!("there is no output '{name}': it has {}", list(outputs)));
        };
        if picture(&output.shape, input).is_none() {
            return fail(format!("{} {}", list([output]), no_map(input)));
        }
        return Ok(name.clone());
    }
    let maps: Vec<&RawOutput> =
        outputs.iter().filter(|output| picture(&output.shape, input).is_some()).collect();
    match maps.as_slice() {
        [] => fail(format!("{} {}", list(outputs), no_map(input))),
        [one] => {
            if outputs.len() > 1 {
                warnings.push(format!(
                    "of {} outputs '{}' taken, the only one of the input's size",
                    outputs.len(),
                    one.name
                ));
            }
            Ok(one.name.clone())
        }
        several => fail(format!(
            "there are several, {}: name the segmentation by --output",
            list(several.iter().copied())
        )),
    }
}

fn no_map(input: &InputForm) -> String {
    format!(
        "holds no map of the input's {}x{} pixels: export the model with its output resized to its input",
        input.width, input.height
    )
}

/// The lowest and highest value, whether each pixel's add up to 1, and whether all are whole numbers.
struct Seen {
    low: f32,
    high: f32,
    add_up: bool,
    whole: bool,
}

fn look(values: &[f32], layout: Layout, channels: usize, seen: &mut Seen) {
    let pixels = values.len() / channels.max(1);
    for &value in values {
        seen.low = seen.low.min(value);
        seen.high = seen.high.max(value);
        seen.whole &= value.fract() == 0.0;
    }
    let sum = |pixel: usize| -> f32 {
        let at = |channel: usize| match layout {
            Layout::Nchw => channel * pixels + pixel,
            Layout::Nhwc => pixel * channels + channel,
        };
        (0..channels).filter_map(|channel| values.get(at(channel))).sum()
    };
    seen.add_up &= (0..pixels).all(|pixel| (sum(pixel) - 1.0).abs() <= SUM_SLACK);
}

impl OutputForm {
    /// Works it out from what the output gave on several trials, all of one shape; `made_by` is the operator that made it.
    ///
    /// # Errors
    ///
    /// [`ImportError::Output`] where it cannot be read as classes.
    pub fn new(
        trials: &[&RawOutput],
        input: &InputForm,
        made_by: Option<&str>,
        said: &Said,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ImportError> {
        let Some(first) = trials.first() else { return Err(ImportError::Output("it gave none".to_owned())) };
        let fail = |problem: String| {
            Err(ImportError::Output(format!("'{}' {:?} {problem}", first.name, first.shape)))
        };
        let Some((layout, channels)) = picture(&first.shape, input) else { return fail(no_map(input)) };
        // With one channel the two orders are the same.
        let layout = if channels == 1 { input.layout } else { layout };
        let mut seen = Seen { low: f32::INFINITY, high: f32::NEG_INFINITY, add_up: true, whole: true };
        let (mut labels, mut largest) = (false, 0_i64);
        for trial in trials {
            match &trial.values {
                RawValues::Scores(values) => look(values, layout, channels, &mut seen),
                RawValues::Labels(values) => {
                    labels = true;
                    largest = values.iter().fold(largest, |most, &label| most.max(label));
                    if values.iter().any(|&label| label < 0) {
                        return fail("holds negative labels: export it with labels from 0 on".to_owned());
                    }
                }
            }
        }
        let made = made_by.unwrap_or("an unknown operator");
        let form = |kind, activation, evidence: String| Self {
            name: first.name.clone(),
            layout,
            channels,
            kind,
            activation,
            largest_label: usize::try_from(largest).unwrap_or(usize::MAX),
            evidence,
        };
        if labels {
            if channels != 1 {
                return fail(format!("holds whole numbers in {channels} channels: labels have one"));
            }
            return Ok(form(OutputKind::Labels, Activation::None, format!("whole numbers, made by {made}")));
        }
        if !(seen.low.is_finite() && seen.high.is_finite()) {
            return fail("holds numbers that are not finite on every trial".to_owned());
        }
        let between = format!("{:.3} to {:.3}, made by {made}", seen.low, seen.high);
        let in_unit = seen.low >= -1e-3 && seen.high <= 1.001;
        let activation = if channels == 1 { Activation::Sigmoid } else { Activation::Softmax };
        let kind = match (said.kind, channels) {
            (Some(kind), _) => kind,
            (None, 1) if matches!(made_by, Some("ArgMax" | "Round" | "Floor")) && seen.whole => {
                return fail(
                    "holds labels as floating-point numbers: cast them to u8, i32 or i64".to_owned(),
                );
            }
            (None, 1) if made_by == Some("Sigmoid") || made_by == Some("HardSigmoid") => {
                OutputKind::Probabilities
            }
            (None, 1) if in_unit => {
                warnings.push(format!(
                    "'{}' lies in {between}: taken as probabilities (--kind logits)",
                    first.name
                ));
                OutputKind::Probabilities
            }
            (None, _) if in_unit && seen.add_up && channels > 1 => OutputKind::Probabilities,
            (None, _) if channels > 1 && (in_unit || made_by == Some("Sigmoid")) => {
                return fail(format!(
                    "holds {channels} channels from {between} that do not add up to 1: classes that are not exclusive \
                     cannot be read; export one channel, or a softmax"
                ));
            }
            _ => OutputKind::Logits,
        };
        if kind == OutputKind::Probabilities && !in_unit {
            return fail(format!("lies in {between}, which are no probabilities: --kind logits"));
        }
        let sums = if channels > 1 && seen.add_up { ", adding up to 1" } else { "" };
        Ok(form(kind, activation, format!("{between}{sums}")))
    }

    /// How many classes it has besides the background; `None` where labels do not say.
    pub fn classes(&self) -> Option<usize> {
        match self.kind {
            OutputKind::Labels => None,
            _ if self.channels == 1 => Some(1),
            _ => Some(self.channels - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Element;

    fn input(layout: Layout) -> InputForm {
        InputForm { name: "x".to_owned(), element: Element::F32, layout, channels: 3, width: 4, height: 2 }
    }

    fn output(shape: &[usize], values: impl Fn(usize) -> f32) -> RawOutput {
        let values = (0..shape.iter().product()).map(values).collect();
        RawOutput { name: "y".to_owned(), shape: shape.to_vec(), values: RawValues::Scores(values) }
    }

    fn form(output: &RawOutput, made_by: &str) -> Result<(OutputForm, usize), String> {
        let mut warnings = Vec::new();
        let form =
            OutputForm::new(&[output], &input(Layout::Nchw), Some(made_by), &Said::default(), &mut warnings);
        Ok((form.map_err(|error| error.to_string())?, warnings.len()))
    }

    #[test]
    fn numbers_and_operators_say_what_an_output_is() {
        let (logits, _) = form(&output(&[1, 1, 2, 4], |i| i as f32 - 4.0), "Conv").unwrap();
        assert_eq!((logits.kind, logits.activation), (OutputKind::Logits, Activation::Sigmoid));
        let (sigmoid, warnings) = form(&output(&[1, 1, 2, 4], |i| i as f32 / 8.0), "Sigmoid").unwrap();
        assert_eq!((sigmoid.kind, sigmoid.classes(), warnings), (OutputKind::Probabilities, Some(1), 0));
        // In range, but nothing says that it must stay there.
        let (_, warnings) = form(&output(&[1, 1, 2, 4], |i| i as f32 / 8.0), "Conv").unwrap();
        assert_eq!(warnings, 1);
        // Two channels of p and 1 − p, the channels last while the input has them first.
        let (softmax, _) =
            form(&output(&[1, 2, 4, 2], |i| if i % 2 == 0 { 0.25 } else { 0.75 }), "Mul").unwrap();
        assert_eq!(
            (softmax.layout, softmax.channels, softmax.kind),
            (Layout::Nhwc, 2, OutputKind::Probabilities)
        );
        let (scores, _) = form(&output(&[1, 7, 2, 4], |i| i as f32), "Conv").unwrap();
        assert_eq!(
            (scores.kind, scores.activation, scores.classes()),
            (OutputKind::Logits, Activation::Softmax, Some(6))
        );
        let labels = RawOutput {
            values: RawValues::Labels(vec![0, 1, 2, 0, 0, 0, 0, 5]),
            ..output(&[1, 2, 4], |_| 0.0)
        };
        let (labels, _) = form(&labels, "ArgMax").unwrap();
        assert_eq!((labels.kind, labels.largest_label, labels.classes()), (OutputKind::Labels, 5, None));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_in_one_line() {
        for (output, made_by, words) in [
            (output(&[1, 3, 2, 4], |i| i as f32 / 24.0), "Sigmoid", "do not add up to 1"),
            (output(&[1, 1, 1, 2], |_| 0.0), "Conv", "no map of the input's 4x2"),
            (output(&[1, 1, 2, 4], |_| f32::NAN), "Conv", "not finite"),
            (output(&[1, 1, 2, 4], |i| i as f32), "ArgMax", "cast them"),
        ] {
            let error = form(&output, made_by).unwrap_err();
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn one_of_several_outputs_is_taken_or_asked_for() {
        let (map, other) = (output(&[1, 1, 2, 4], |_| 0.0), output(&[1, 10], |_| 0.0));
        let other = RawOutput { name: "z".to_owned(), ..other };
        let form = input(Layout::Nchw);
        let mut warnings = Vec::new();
        let taken = choose(&[other.clone(), map.clone()], &form, &Said::default(), &mut warnings).unwrap();
        assert_eq!((taken.as_str(), warnings.len()), ("y", 1));
        let twin = RawOutput { name: "aux".to_owned(), ..map.clone() };
        let error =
            choose(&[map.clone(), twin], &form, &Said::default(), &mut warnings).unwrap_err().to_string();
        assert!(error.contains("'y' [1, 1, 2, 4], 'aux'") && error.contains("--output"), "{error}");
        for (name, words) in [("none", "there is no output 'none'"), ("z", "no map")] {
            let said = Said { output: Some(name.to_owned()), ..Said::default() };
            let error =
                choose(&[map.clone(), other.clone()], &form, &said, &mut warnings).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
