//! The engine that a model becomes: its manifest, and the folder that holds both.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use vesalius_measure::components::KeepComponents;

use super::input::InputForm;
use super::interpretation::Interpretation;
use super::output::OutputForm;
use super::{ImportError, ModelFile, Said};
use crate::manifest::{
    ClassSection, Element, EngineSection, FILE_NAME, InputSection, Manifest, Modality, ModelSection,
    OutputKind, OutputSection, Precision, PrecisionSection, SCHEMA, Task,
};

/// The model's name in an engine's folder.
const MODEL_FILE: &str = "model.onnx";

/// Colours that people with any colour vision tell apart. Source: M. Okabe and K. Ito, *Color Universal Design*, 2008,
/// <https://jfly.uni-koeln.de/color/>.
const COLORS: [&str; 7] = ["#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2"];

/// Names under which a list of classes may hold the background first.
const BACKGROUND: [&str; 6] = ["background", "bg", "void", "none", "unlabelled", "unlabeled"];

/// What an engine is, apart from its tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Name, as in the folder's name.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// On which pictures.
    pub modality: Modality,
    /// Licence of the weights.
    pub licence: String,
    /// The measuring protocol.
    pub protocol: String,
}

/// A name made of any text: lower-case letters, digits and, for the rest, `between`.
pub fn plain_name(text: &str, between: char) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with(between) {
            name.push(between);
        }
    }
    name.trim_end_matches(between).to_owned()
}

/// The classes of an output, with the names that were given, else numbered.
///
/// # Errors
///
/// [`ImportError::Classes`] where names and channels do not fit together.
pub fn classes(
    output: &OutputForm,
    said: &Said,
    warnings: &mut Vec<String>,
) -> Result<Vec<ClassSection>, ImportError> {
    let mut names: Vec<String> = said.classes.clone();
    let fail = |problem: String| Err(ImportError::Classes(problem));
    let is_background = |name: &String| BACKGROUND.contains(&name.trim().to_lowercase().as_str());
    let count = output.classes();
    // Lists of others begin with what no outline is drawn of.
    let has_background = names.first().is_some_and(is_background);
    if has_background && count.is_none_or(|count| names.len() == count + 1) {
        names.remove(0);
    }
    let count = match count {
        Some(count) => {
            if !names.is_empty() && names.len() != count {
                let channels = if output.channels == 1 {
                    "one channel, which is one class".to_owned()
                } else {
                    format!("{} channels, which are the background and {count} classes", output.channels)
                };
                return fail(format!(
                    "'{}' has {channels}, and {} names were given",
                    output.name,
                    names.len()
                ));
            }
            count
        }
        None if names.is_empty() => {
            let count = output.largest_label.max(1);
            warnings.push(format!(
                "labels do not say how many classes there are: {count} taken, the largest seen (--classes)"
            ));
            count
        }
        None if names.len() < output.largest_label => {
            return fail(format!(
                "label {} was given on trial, and {} names were given",
                output.largest_label,
                names.len()
            ));
        }
        None => names.len(),
    };
    if count > 255 {
        return fail(format!("it has {count} classes, and a mask can hold 255"));
    }
    if names.is_empty() {
        warnings.push(format!(
            "nobody named the {}: numbered (--classes NAME,…)",
            if count == 1 { "class" } else { "classes" }
        ));
        names = (1..=count).map(|index| format!("Class {index}")).collect();
    }
    let mut classes: Vec<ClassSection> = Vec::with_capacity(count);
    for (index, label) in (1..=255_u8).zip(&names) {
        let name = plain_name(label, '_');
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return fail(format!("'{}' is no name of a class: begin it with a letter", label.escape_debug()));
        }
        if classes.iter().any(|class| class.name == name) {
            return fail(format!("two classes are called '{name}'"));
        }
        let color = COLORS.get((usize::from(index) - 1) % COLORS.len()).copied().unwrap_or("#56B4E9");
        classes.push(ClassSection {
            index,
            name,
            label: capitalised(label.trim()),
            color: color.to_owned(),
            threshold: 0.5,
            components: KeepComponents::All,
            fill_holes: false,
            outline_inset_px: 0.0,
        });
    }
    Ok(classes)
}

fn capitalised(label: &str) -> String {
    let label = label.replace('_', " ");
    let mut letters = label.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The manifest of a model, its picture prepared as `interpretation` says.
pub fn manifest(
    file: &ModelFile,
    input: &InputForm,
    output: &OutputForm,
    classes: &[ClassSection],
    identity: &Identity,
    interpretation: &Interpretation,
    pad: u8,
) -> Manifest {
    let normalisation = &interpretation.normalisation;
    let f32 = PrecisionSection {
        name: Precision::F32,
        file: None,
        sha256: None,
        temperature: None,
        unlikeness_threshold: None,
        parity: BTreeMap::new(),
    };
    Manifest {
        schema: SCHEMA,
        engine: EngineSection {
            name: identity.name.clone(),
            version: identity.version.clone(),
            description: identity.description.clone(),
            task: Task::Segmentation,
            modality: identity.modality,
            licence: identity.licence.clone(),
            protocol: identity.protocol.clone(),
        },
        model: ModelSection {
            file: MODEL_FILE.to_owned(),
            sha256: file.sha256.clone(),
            opset: file.facts.opset(),
        },
        input: InputSection {
            name: input.name.clone(),
            layout: input.layout,
            element: input.element,
            width: input.width,
            height: input.height,
            color: interpretation.color,
            range: normalisation.range,
            mean: normalisation.mean.clone(),
            std: normalisation.std.clone(),
            resize: interpretation.resize,
            filter: interpretation.filter,
            pad,
        },
        output: OutputSection {
            name: output.name.clone(),
            kind: output.kind,
            activation: output.activation,
            temperature: None,
            unlikeness: None,
            layout: (output.layout != input.layout && output.kind != OutputKind::Labels)
                .then_some(output.layout),
        },
        classes: classes.to_vec(),
        // A model of f16 has no f32 to be compared with.
        precisions: (input.element != Element::F16).then_some(f32).into_iter().collect(),
        plans: Vec::new(),
        scores: None,
    }
}

/// An engine's folder in the making: it takes its place when it is whole and was tried.
#[derive(Debug)]
pub struct Staged {
    staging: PathBuf,
    folder: PathBuf,
}

impl Staged {
    /// Writes manifest and model beside `folder`.
    ///
    /// # Errors
    ///
    /// Those of the file system, and a manifest that is not valid.
    pub fn write(folder: &Path, manifest: &Manifest, model: &[u8]) -> io::Result<Self> {
        let text = manifest.to_toml().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let parent =
            folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent)?;
        let staging = parent.join(format!(".{}.importing-{}", manifest.engine.name, std::process::id()));
        let staged = Self { staging, folder: folder.to_owned() };
        std::fs::create_dir_all(&staged.staging)?;
        std::fs::write(staged.staging.join(&manifest.model.file), model)?;
        std::fs::write(staged.staging.join(FILE_NAME), text)?;
        Ok(staged)
    }

    /// Where it lies so far.
    pub fn path(&self) -> &Path {
        &self.staging
    }

    /// Puts it where it belongs. What lay there is replaced; its manifest, which somebody may have written in, is kept as
    /// `manifest.toml.old`.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn place(self) -> io::Result<()> {
        if self.folder.exists() {
            let old = self.folder.join(FILE_NAME);
            if old.is_file() {
                std::fs::copy(old, self.staging.join(format!("{FILE_NAME}.old")))?;
            }
            let mut aside = self.staging.clone().into_os_string();
            aside.push("-old");
            std::fs::rename(&self.folder, &aside)?;
            if let Err(error) = std::fs::rename(&self.staging, &self.folder) {
                // What was there goes back.
                std::fs::rename(&aside, &self.folder)?;
                return Err(error);
            }
            return std::fs::remove_dir_all(aside);
        }
        std::fs::rename(&self.staging, &self.folder)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already where it was put in place.
        let _ = std::fs::remove_dir_all(&self.staging);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Activation, Layout};

    fn output(channels: usize, kind: OutputKind) -> OutputForm {
        OutputForm {
            name: "y".to_owned(),
            layout: Layout::Nchw,
            channels,
            kind,
            activation: Activation::Softmax,
            largest_label: 3,
            evidence: String::new(),
        }
    }

    fn named(output: &OutputForm, names: &[&str]) -> Result<(Vec<String>, usize), String> {
        let said = Said { classes: names.iter().map(|&name| name.to_owned()).collect(), ..Said::default() };
        let mut warnings = Vec::new();
        let classes = classes(output, &said, &mut warnings).map_err(|error| error.to_string())?;
        Ok((classes.into_iter().map(|class| class.name).collect(), warnings.len()))
    }

    #[test]
    fn names_and_channels_fit_together() {
        let three = output(3, OutputKind::Logits);
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(named(&three, &["Vocal folds", "tool"]), Ok((names(&["vocal_folds", "tool"]), 0)));
        assert_eq!(named(&three, &["background", "a", "b"]), Ok((names(&["a", "b"]), 0)));
        assert_eq!(named(&three, &[]), Ok((names(&["class_1", "class_2"]), 1)));
        assert_eq!(
            named(&output(1, OutputKind::Labels), &[]).unwrap(),
            (names(&["class_1", "class_2", "class_3"]), 2)
        );
        for (output, given, words) in [
            (&three, &["a"][..], "3 channels"),
            (&three, &["a", "b", "c"], "3 names"),
            (&three, &["a", "A"], "two classes"),
            (&three, &["a", "1"], "begin it with a letter"),
            (&output(1, OutputKind::Labels), &["a"], "label 3"),
            (&output(1, OutputKind::Logits), &["a", "b"], "one channel"),
        ] {
            let error = named(output, given).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn any_text_gives_a_name() {
        assert_eq!(plain_name("My Model (v2).final", '-'), "my-model-v2-final");
        assert_eq!(plain_name("__x__", '_'), "x");
        assert_eq!(plain_name("Ω", '-'), "");
    }
}
