//! GStreamer's `.modelinfo` files: what its inference elements are told of a model, from 1.28 on.
//!
//! A key file beside the model (`model.onnx.modelinfo` or `model.modelinfo`): a section `[modelinfo]` with the format's
//! version and a section for each tensor, called as the tensor is. Of an input it says what bytes 0 and 255 become in each
//! channel (`ranges`) and, from format 1.1 on, the pixel format (`caps`); of the resize rule, of activations and of classes
//! it says nothing. Source: GStreamer, `gst-plugins-bad/gst-libs/gst/analytics/modelinfo.c`, formats 1.0 and 1.1.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::facts::{NumberKind, TensorFacts};
use super::normalisation::Normalisation;
use super::{GivenNormalisation, ImportError, Said};
use crate::manifest::{Color, Manifest};

/// The format that is written.
const VERSION: &str = "1.1";

/// What a file says of one tensor.
#[derive(Clone, Debug, Default, PartialEq)]
struct Section {
    name: String,
    keys: Vec<(String, String)>,
}

impl Section {
    fn get(&self, key: &str) -> Option<&str> {
        self.keys.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// A `.modelinfo` file.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Where it was read from.
    pub path: PathBuf,
    sections: Vec<Section>,
}

impl ModelInfo {
    /// Reads the file beside a model; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`ImportError::ModelInfo`] for a file that is no such, or of a format that is not known.
    pub fn beside(model: &Path) -> Result<Option<Self>, ImportError> {
        let mut whole = model.as_os_str().to_owned();
        whole.push(".modelinfo");
        for path in [PathBuf::from(whole), model.with_extension("modelinfo")] {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&text, &path).map(Some),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(ImportError::ModelInfo { path, problem: error.to_string() }),
            }
        }
        Ok(None)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// [`ImportError::ModelInfo`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ImportError> {
        let fail = |problem: String| Err(ImportError::ModelInfo { path: path.to_owned(), problem });
        let mut sections: Vec<Section> = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                sections.push(Section { name: name.to_owned(), keys: Vec::new() });
            } else if let (Some((key, value)), Some(section)) = (line.split_once('='), sections.last_mut()) {
                section.keys.push((key.trim().to_owned(), value.trim().to_owned()));
            } else {
                return fail(format!("line {number} is neither a [section] nor key=value"));
            }
        }
        let head = sections.iter().find(|section| section.name == "modelinfo");
        match head.and_then(|head| head.get("version")) {
            Some(version) if version.split('.').next() == Some("1") => {}
            Some(version) => return fail(format!("its format {version} is not known: 1.0 and 1.1 are")),
            None => return fail("it has no [modelinfo] section with a version".to_owned()),
        }
        Ok(Self { path: path.to_owned(), sections })
    }

    /// Adds what it says of the model's input to what was said; what was said goes first. Gives what was taken from it.
    ///
    /// # Errors
    ///
    /// [`ImportError::ModelInfo`] for values that cannot be read.
    pub fn add_to(&self, said: &mut Said) -> Result<Vec<&'static str>, ImportError> {
        let fail = |problem: String| ImportError::ModelInfo { path: self.path.clone(), problem };
        let inputs = self.sections.iter().filter(|section| section.get("dir") == Some("input"));
        let mut named = inputs.filter(|section| said.input.as_ref().is_none_or(|name| *name == section.name));
        let (Some(input), None) = (named.next(), named.next()) else { return Ok(Vec::new()) };
        let mut taken = Vec::new();
        let filled = |text: &&str| !text.starts_with("PLACEHOLDER");
        if let Some(caps) = input.get("caps").filter(filled) {
            let color = color_of(caps).ok_or_else(|| {
                fail(format!("its caps '{}' are none of GRAY8, RGB and BGR", caps.escape_debug()))
            })?;
            if said.color.is_none() {
                said.color = Some(color);
                taken.push("colour order");
            }
        }
        if let Some(ranges) = input.get("ranges").filter(filled) {
            let ends = ends_of(ranges).ok_or_else(|| {
                fail(format!("its ranges '{}' are no pairs of numbers", ranges.escape_debug()))
            })?;
            if said.normalisation.is_none() {
                said.normalisation = Some(GivenNormalisation::Numbers(Normalisation::from_ends(&ends)));
                taken.push("normalisation");
            }
        }
        Ok(taken)
    }
}

fn color_of(caps: &str) -> Option<Color> {
    let (_, format) = caps.split_once("format")?;
    let format = format.trim_start().strip_prefix('=')?.trim_start();
    let format = format.strip_prefix("(string)").unwrap_or(format).trim_start();
    let format = format.trim_matches(['"', '{', ' ']).split([',', ';', '"', ' ', '}']).next()?;
    match format {
        "GRAY8" => Some(Color::Gray),
        "RGB" | "RGBx" | "RGBA" | "RGBP" => Some(Color::Rgb),
        "BGR" | "BGRx" | "BGRA" | "BGRP" => Some(Color::Bgr),
        _ => None,
    }
}

fn ends_of(ranges: &str) -> Option<Vec<[f32; 2]>> {
    let pair = |pair: &str| -> Option<[f32; 2]> {
        let (low, high) = pair.split_once(',')?;
        let (low, high): (f32, f32) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low.is_finite() && high.is_finite() && low < high).then_some([low, high])
    };
    let all: Option<Vec<_>> = ranges.split(';').filter(|text| !text.trim().is_empty()).map(pair).collect();
    all.filter(|all| !all.is_empty())
}

/// The text of a `.modelinfo` file for an engine's model, whose tensors are `input` and `outputs`.
///
/// # Errors
///
/// What cannot be written, in a few words.
pub fn write(manifest: &Manifest, input: &TensorFacts, outputs: &[TensorFacts]) -> Result<String, String> {
    let mut text = format!(
        "# {}; GStreamer resizes before this, by the rule of the elements in front\n[modelinfo]\nversion={VERSION}\ngroup-id={}\n",
        manifest.engine.description, manifest.engine.name
    );
    let normalisation = Normalisation::of(&manifest.input);
    let ranges: Vec<_> = normalisation.ends().iter().map(|[low, high]| format!("{low:?},{high:?}")).collect();
    let format = match manifest.input.color {
        Color::Gray => "GRAY8",
        Color::Rgb => "RGB",
        Color::Bgr => "BGR",
    };
    section(&mut text, input, "input")?;
    let _ = writeln!(text, "ranges={}\ncaps=video/x-raw, format={format}", ranges.join(";"));
    for output in outputs {
        section(&mut text, output, "output")?;
    }
    Ok(text)
}

fn section(text: &mut String, tensor: &TensorFacts, direction: &str) -> Result<(), String> {
    if tensor.name.is_empty() || tensor.name.contains(['[', ']']) || tensor.name.chars().any(char::is_control)
    {
        return Err(format!("a key file cannot name the tensor '{}'", tensor.name.escape_debug()));
    }
    let kind = match tensor.numbers {
        NumberKind::F32 => "float32",
        NumberKind::F16 => "float16",
        NumberKind::U8 => "uint8",
        NumberKind::I32 => "int32",
        NumberKind::I64 => "int64",
        other => return Err(format!("'{}' holds {other}", tensor.name.escape_debug())),
    };
    let _ = writeln!(text, "\n[{0}]\nid={0}\ndir={direction}\ntype={kind}", tensor.name);
    if let Some(axes) = &tensor.axes {
        let axes: Vec<_> = axes
            .iter()
            .map(|axis| axis.map_or_else(|| "-1".to_owned(), |length| length.to_string()))
            .collect();
        let _ = writeln!(text, "dims={}", axes.join(","));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN_BY_OTHERS: &str = "\
[modelinfo]
version = 1.0
group-id=deeplab

# the input
[image]
id=deeplab-in
type=float32
dir=input
dims=-1,3,512,512
ranges=-1.0,1.0;-1.0,1.0;-1.0,1.0
caps=video/x-raw, format=(string)BGR

[logits]
type=float32
dir=output
dims=-1,21,512,512
";

    fn parse(text: &str) -> Result<ModelInfo, String> {
        ModelInfo::parse(text, Path::new("m.modelinfo")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_of_others_says_colours_and_normalisation() {
        let info = parse(WRITTEN_BY_OTHERS).unwrap();
        let mut said = Said::default();
        assert_eq!(info.add_to(&mut said).unwrap(), ["colour order", "normalisation"]);
        assert_eq!(said.color, Some(Color::Bgr));
        let normalisation =
            said.normalisation.as_ref().and_then(|given| given.for_color(Color::Bgr)).unwrap();
        assert_eq!((normalisation.name.as_str(), normalisation.ends()), ("signed", vec![[-1.0, 1.0]; 3]));
        // What was said goes first.
        let mut said = Said { color: Some(Color::Rgb), ..Said::default() };
        assert_eq!(info.add_to(&mut said).unwrap(), ["normalisation"]);
        assert_eq!(said.color, Some(Color::Rgb));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = include_str!("../../tests/models/rgb-softmax/manifest.toml");
        let mut manifest = Manifest::parse(text).unwrap();
        let imagenet = Normalisation::preset("imagenet", Color::Rgb).unwrap();
        (manifest.input.range, manifest.input.mean, manifest.input.std) =
            (imagenet.range, imagenet.mean.clone(), imagenet.std.clone());
        let tensor = |name: &str| TensorFacts {
            name: name.to_owned(),
            numbers: NumberKind::F32,
            axes: Some(vec![None, Some(3), Some(32), Some(32)]),
        };
        let text = write(&manifest, &tensor("pixels"), &[tensor("scores")]).unwrap();
        assert!(
            text.contains("[pixels]\nid=pixels\ndir=input\ntype=float32\ndims=-1,3,32,32\nranges="),
            "{text}"
        );
        assert!(text.contains("version=1.1") && text.contains("caps=video/x-raw, format=RGB\n"), "{text}");
        let mut said = Said::default();
        parse(&text).unwrap().add_to(&mut said).unwrap();
        let read = said.normalisation.unwrap().for_color(Color::Rgb).unwrap();
        assert_eq!((read, said.color), (imagenet, Some(Color::Rgb)));
        assert!(write(&manifest, &tensor("a]b"), &[]).unwrap_err().contains("a]b"));
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, words) in [
            ("hello", "line 1"),
            ("[image]\ndir=input", "no [modelinfo] section"),
            ("[modelinfo]\nversion=2.0", "2.0 is not known"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words) && error.contains("m.modelinfo"), "{error}");
        }
        for (from, to, words) in
            [("format=(string)BGR", "format=NV12", "NV12"), ("-1.0,1.0;", "1.0,-1.0;", "pairs")]
        {
            let info = parse(&WRITTEN_BY_OTHERS.replace(from, to)).unwrap();
            let error = info.add_to(&mut Said::default()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
