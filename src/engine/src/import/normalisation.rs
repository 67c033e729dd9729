//! What frameworks make of a picture's bytes before a network sees them.

use crate::manifest::{Color, InputSection};

/// Bytes to numbers: `(range.0 + (range.1 − range.0)·byte/255 − mean)/std`, mean and deviation a channel each.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// Its name for people.
    pub name: String,
    /// What bytes 0 and 255 become first.
    pub range: [f32; 2],
    /// Subtracted then.
    pub mean: Vec<f32>,
    /// Divided by at last.
    pub std: Vec<f32>,
}

/// The presets by name, in the order in which they are tried.
pub const PRESETS: [&str; 5] = ["unit", "imagenet", "signed", "bytes", "caffe"];

impl Normalisation {
    /// A preset for an input of some colours; `None` for a name that is none, and for presets of three channels where there
    /// is one.
    ///
    /// * `unit`: 0 to 1 (torchvision's `ToTensor`, Keras' `Rescaling(1/255)`);
    /// * `imagenet`: 0 to 1, then ImageNet's mean and deviation
    ///   (<https://docs.pytorch.org/vision/stable/models.html>);
    /// * `signed`: −1 to 1 (Keras' `mode="tf"`, mean and deviation of 0.5);
    /// * `bytes`: 0 to 255, for models that normalise themselves;
    /// * `caffe`: 0 to 255 less ImageNet's mean of bytes (Keras' `mode="caffe"`,
    ///   <https://keras.io/api/applications/>).
    pub fn preset(name: &str, color: Color) -> Option<Self> {
        let channels = color.channels();
        let all = |value: f32| vec![value; channels];
        // Red, green, blue; turned round for networks that take blue first.
        let each = |mut rgb: Vec<f32>| {
            if color == Color::Bgr {
                rgb.reverse();
            }
            (rgb.len() == channels).then_some(rgb)
        };
        let (range, mean, std) = match name {
            "unit" => ([0.0, 1.0], all(0.0), all(1.0)),
            "imagenet" => ([0.0, 1.0], each(vec![0.485, 0.456, 0.406])?, each(vec![0.229, 0.224, 0.225])?),
            "signed" => ([0.0, 1.0], all(0.5), all(0.5)),
            "bytes" => ([0.0, 255.0], all(0.0), all(1.0)),
            "caffe" => ([0.0, 255.0], each(vec![123.68, 116.779, 103.939])?, all(1.0)),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), range, mean, std })
    }

    /// A preset's numbers whatever its name, where these are a preset's.
    #[must_use]
    pub fn named(mut self, color: Color) -> Self {
        let same = |preset: &Self| {
            let ends = |n: &Self| n.ends().concat();
            ends(preset).iter().zip(&ends(&self)).all(|(a, b)| (a - b).abs() <= 1e-3 * a.abs().max(1.0))
        };
        if let Some(preset) = PRESETS.iter().filter_map(|name| Self::preset(name, color)).find(same) {
            return preset;
        }
        "given".clone_into(&mut self.name);
        self
    }

    /// What bytes 0 and 255 become in each channel.
    pub fn ends(&self) -> Vec<[f32; 2]> {
        let end = |value: f32, mean: f32, std: f32| (value - mean) / std;
        let [low, high] = self.range;
        self.mean.iter().zip(&self.std).map(|(&m, &s)| [end(low, m, s), end(high, m, s)]).collect()
    }

    /// From what bytes 0 and 255 become in each channel.
    pub fn from_ends(ends: &[[f32; 2]]) -> Self {
        let first = ends.first().copied().unwrap_or([0.0, 1.0]);
        let name = "given".to_owned();
        if ends.iter().all(|&end| end == first) {
            let count = ends.len();
            return Self { name, range: first, mean: vec![0.0; count], std: vec![1.0; count] };
        }
        let mean = ends.iter().map(|[low, high]| -low / (high - low)).collect();
        let std = ends.iter().map(|[low, high]| 1.0 / (high - low)).collect();
        Self { name, range: [0.0, 1.0], mean, std }
    }

    /// What a manifest says.
    pub fn of(input: &InputSection) -> Self {
        let (range, mean, std) = (input.range, input.mean.clone(), input.std.clone());
        Self { name: "given".to_owned(), range, mean, std }.named(input.color)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_those_of_the_frameworks() {
        let ends = |name, color| Normalisation::preset(name, color).unwrap().ends();
        assert_eq!(ends("unit", Color::Gray), [[0.0, 1.0]]);
        assert_eq!(ends("signed", Color::Rgb), [[-1.0, 1.0]; 3]);
        // keras.applications.imagenet_utils: blue less 103.939 comes first.
        assert!((ends("caffe", Color::Bgr)[0][0] + 103.939).abs() < 1e-4);
        assert!((ends("imagenet", Color::Rgb)[0][1] - (1.0 - 0.485) / 0.229).abs() < 1e-6);
        assert_eq!(Normalisation::preset("imagenet", Color::Gray), None);
        assert_eq!(Normalisation::preset("none", Color::Rgb), None);
    }

    #[test]
    fn numbers_find_their_preset_by_what_they_do() {
        for color in [Color::Gray, Color::Rgb, Color::Bgr] {
            for preset in PRESETS.iter().filter_map(|name| Normalisation::preset(name, color)) {
                let again = Normalisation::from_ends(&preset.ends()).named(color);
                assert_eq!(again, preset);
            }
        }
        let odd = Normalisation::from_ends(&[[0.0, 3.0]]).named(Color::Gray);
        assert_eq!((odd.name.as_str(), odd.range), ("given", [0.0, 3.0]));
    }
}
