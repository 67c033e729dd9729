//! What the types of a manifest cannot say: how its values must fit together.

use vesalius_measure::protocol::ProtocolConfig;

use super::{
    Activation, ClassSection, Element, MOST_INSET_PX, Manifest, ManifestError, OutputKind, Precision,
    PrecisionSection,
};

/// Pictures larger than this on a side are no input of a segmentation network.
const SIDES: std::ops::RangeInclusive<u32> = 1..=4096;

/// Temperatures beyond these make every probability 0, 1 or a half.
const TEMPERATURES: std::ops::RangeInclusive<f32> = 0.01..=100.0;

/// ONNX operator sets that ONNX Runtime documents as supported.
/// Source: <https://onnxruntime.ai/docs/reference/compatibility.html>.
const OPSETS: std::ops::RangeInclusive<u32> = 7..=64;

fn fail(key: impl Into<String>, problem: impl Into<String>) -> Result<(), ManifestError> {
    Err(ManifestError::new(key, problem))
}

fn is_kebab(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn is_snake(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn one_line(key: &str, text: &str) -> Result<(), ManifestError> {
    if text.trim().is_empty() {
        return fail(key, "is empty: write one line");
    }
    if text.chars().any(char::is_control) {
        return fail(key, "has a line break or control character: write one line");
    }
    Ok(())
}

fn plain_file_name(key: &str, file: &str) -> Result<(), ManifestError> {
    let plain = !file.is_empty()
        && !file.starts_with('.')
        && !file.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    if plain {
        return Ok(());
    }
    fail(
        key,
        format!("'{}' is no plain file name: put the model into the manifest's folder", file.escape_debug()),
    )
}

fn sha256(key: &str, hash: &str) -> Result<(), ManifestError> {
    if crate::provider::trust::is_sha256(hash) {
        return Ok(());
    }
    fail(key, "is no SHA-256: write the 64 lower-case digits that sha256sum prints")
}

impl Manifest {
    pub(super) fn validate(&self) -> Result<(), ManifestError> {
        self.validate_identity()?;
        self.validate_input()?;
        self.validate_output()?;
        self.validate_classes()?;
        self.validate_figures()
    }

    fn validate_identity(&self) -> Result<(), ManifestError> {
        let engine = &self.engine;
        if !is_kebab(&engine.name) {
            return fail(
                "engine.name",
                format!(
                    "'{}' is no name: use lower-case letters, digits, '-' and '_'",
                    engine.name.escape_debug()
                ),
            );
        }
        one_line("engine.version", &engine.version)?;
        one_line("engine.description", &engine.description)?;
        one_line("engine.licence", &engine.licence)?;
        if let Err(error) = ProtocolConfig::from_name(&engine.protocol) {
            return fail("engine.protocol", error.to_string());
        }

        plain_file_name("model.file", &self.model.file)?;
        sha256("model.sha256", &self.model.sha256)?;
        if !OPSETS.contains(&self.model.opset) {
            return fail(
                "model.opset",
                format!(
                    "{} is not supported: export with an opset from {} on",
                    self.model.opset,
                    OPSETS.start()
                ),
            );
        }
        Ok(())
    }

    fn validate_input(&self) -> Result<(), ManifestError> {
        let input = &self.input;
        one_line("input.name", &input.name)?;
        for (key, side) in [("input.width", input.width), ("input.height", input.height)] {
            if !SIDES.contains(&side) {
                return fail(key, format!("{side} is not in {} to {}", SIDES.start(), SIDES.end()));
            }
        }
        let [low, high] = input.range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return fail(
                "input.range",
                format!("[{low}, {high}] is no range: write [min, max] with min below max"),
            );
        }
        let channels = input.color.channels();
        for (key, values) in [("input.mean", &input.mean), ("input.std", &input.std)] {
            if values.len() != channels {
                return fail(
                    key,
                    format!(
                        "has {} values and the input {channels} channels: write one a channel",
                        values.len()
                    ),
                );
            }
            if values.iter().any(|v| !v.is_finite()) {
                return fail(key, "has a value that is not finite");
            }
        }
        if input.std.contains(&0.0) {
            return fail("input.std", "has a zero: each channel is divided by it");
        }
        let as_they_are = input.range == [0.0, 255.0]
            && input.mean.iter().all(|&mean| mean == 0.0)
            && input.std.iter().all(|&std| std == 1.0);
        if input.element == Element::U8 && !as_they_are {
            return fail(
                "input.element",
                "\"u8\" gives the model the bytes as they are: write range = [0.0, 255.0], mean 0.0 and std 1.0",
            );
        }
        Ok(())
    }

    fn validate_output(&self) -> Result<(), ManifestError> {
        let output = &self.output;
        one_line("output.name", &output.name)?;
        self.validate_temperature("output", output.temperature)?;
        if let Some(unlikeness) = &output.unlikeness {
            one_line("output.unlikeness.name", &unlikeness.name)?;
            if unlikeness.name == output.name {
                return fail("output.unlikeness.name", "is output.name: the number is an output of its own");
            }
            if !unlikeness.threshold.is_finite() {
                return fail("output.unlikeness.threshold", "is not finite");
            }
            if let Some((set, value)) = unlikeness.auroc.iter().find(|(_, v)| !(0.0..=1.0).contains(*v)) {
                return fail(format!("output.unlikeness.auroc.{set}"), format!("{value} is not in 0 to 1"));
            }
        }
        match (output.kind, output.activation) {
            (OutputKind::Labels, Activation::None)
            | (OutputKind::Logits | OutputKind::Probabilities, Activation::Sigmoid | Activation::Softmax) => {
            }
            (OutputKind::Labels, _) => {
                return fail("output.activation", "labels have no activation: write \"none\"");
            }
            (_, Activation::None) => {
                return fail(
                    "output.activation",
                    "\"none\" is for labels: write \"sigmoid\" or \"softmax\", also where the model has applied it",
                );
            }
        }
        if output.activation == Activation::Sigmoid && self.classes.len() != 1 {
            return fail(
                "output.activation",
                format!(
                    "\"sigmoid\" is for exactly one class and there are {}: write \"softmax\"",
                    self.classes.len()
                ),
            );
        }
        Ok(())
    }

    fn validate_threshold(&self, key: &str, precision: &PrecisionSection) -> Result<(), ManifestError> {
        let has_output = self.output.unlikeness.is_some();
        match (precision.name, precision.unlikeness_threshold) {
            (_, Some(_)) if !has_output => fail(key, "there is no output.unlikeness: remove it"),
            (Precision::F32, Some(_)) => fail(key, "that of f32 is output.unlikeness.threshold: remove it"),
            (_, Some(threshold)) if !threshold.is_finite() => fail(key, "is not finite"),
            (Precision::Int8, None) if has_output => {
                fail(key, "is missing: int8 rounds what the number is made of, so measure its own")
            }
            _ => Ok(()),
        }
    }

    fn validate_temperature(&self, table: &str, temperature: Option<f32>) -> Result<(), ManifestError> {
        let Some(temperature) = temperature else { return Ok(()) };
        let key = format!("{table}.temperature");
        if self.output.kind != OutputKind::Logits {
            return fail(key, "is for logits alone: remove it");
        }
        // Also false for NaN.
        if !TEMPERATURES.contains(&temperature) {
            let (low, high) = (TEMPERATURES.start(), TEMPERATURES.end());
            return fail(key, format!("{temperature} is not in {low} to {high}"));
        }
        Ok(())
    }

    fn validate_classes(&self) -> Result<(), ManifestError> {
        if self.classes.is_empty() || self.classes.len() > 255 {
            return fail("classes", format!("{} of them: list 1 to 255", self.classes.len()));
        }
        for (position, class) in self.classes.iter().enumerate() {
            validate_class(position, class)?;
            let earlier = self.classes.iter().take(position);
            if earlier.into_iter().any(|other| other.name == class.name) {
                return fail(format!("classes[{position}].name"), format!("'{}' stands twice", class.name));
            }
        }
        Ok(())
    }

    fn validate_figures(&self) -> Result<(), ManifestError> {
        for (position, precision) in self.precisions.iter().enumerate() {
            let key = format!("precisions[{position}]");
            if self.precisions.iter().take(position).any(|other| other.name == precision.name) {
                return fail(key, "stands twice");
            }
            validate_precision(&key, precision, &self.model.file)?;
            self.validate_temperature(&key, precision.temperature)?;
            self.validate_threshold(&format!("{key}.unlikeness_threshold"), precision)?;
        }
        for (position, plan) in self.plans.iter().enumerate() {
            let key = format!("plans[{position}]");
            sha256(&format!("{key}.sha256"), &plan.sha256)?;
            one_line(&format!("{key}.made_with"), &plan.made_with)?;
            if self.plans.iter().take(position).any(|other| other.sha256 == plan.sha256) {
                return fail(key, "stands twice");
            }
        }
        if let Some(scores) = &self.scores {
            one_line("scores.data", &scores.data)?;
            one_line("scores.split", &scores.split)?;
            if let Some((name, value)) = scores.values.iter().find(|(_, v)| !v.is_finite()) {
                return fail(format!("scores.values.{name}"), format!("{value} is not finite"));
            }
        }
        Ok(())
    }
}

fn validate_precision(
    key: &str,
    precision: &PrecisionSection,
    model_file: &str,
) -> Result<(), ManifestError> {
    let PrecisionSection { name, file, sha256: hash, parity, temperature, unlikeness_threshold: _ } =
        precision;
    if parity.values().any(|v| !v.is_finite()) {
        return fail(format!("{key}.parity"), "has a value that is not finite");
    }
    if *name == Precision::F32 {
        if !parity.is_empty() {
            return fail(format!("{key}.parity"), "f32 is what the others are compared with: remove it");
        }
        if file.is_some() || hash.is_some() {
            return fail(format!("{key}.file"), "the f32 file is model.file: remove it");
        }
        if temperature.is_some() {
            return fail(format!("{key}.temperature"), "that of f32 is output.temperature: remove it");
        }
        return Ok(());
    }
    if parity.is_empty() {
        return fail(
            format!("{key}.parity"),
            format!(
                "is missing: {name} is listed with how far it is from f32, such as {{ dice_drop = 0.001 }}"
            ),
        );
    }
    match (file, hash) {
        (Some(file), Some(hash)) => {
            plain_file_name(&format!("{key}.file"), file)?;
            sha256(&format!("{key}.sha256"), hash)?;
            if file == model_file {
                return fail(format!("{key}.file"), "is model.file, which holds f32");
            }
            Ok(())
        }
        (Some(_), None) => fail(format!("{key}.sha256"), "is missing: write the SHA-256 of the file"),
        (None, Some(_)) => fail(format!("{key}.file"), "is missing: write the file that the SHA-256 is of"),
        (None, None) if *name == Precision::Int8 => {
            fail(format!("{key}.file"), "is missing: int8 needs a quantised (QDQ) model file of its own")
        }
        (None, None) => Ok(()),
    }
}

fn validate_class(position: usize, class: &ClassSection) -> Result<(), ManifestError> {
    let key = |field: &str| format!("classes[{position}].{field}");
    if usize::from(class.index) != position + 1 {
        return fail(
            key("index"),
            format!(
                "{} is not {}: number the classes in order from 1 (0 is background)",
                class.index,
                position + 1
            ),
        );
    }
    if !is_snake(&class.name) {
        return fail(
            key("name"),
            format!(
                "'{}' is not snake_case: use lower-case letters, digits and '_'",
                class.name.escape_debug()
            ),
        );
    }
    one_line(&key("label"), &class.label)?;
    if class.rgb().is_none() {
        return fail(
            key("color"),
            format!("'{}' is no colour: write #RRGGBB in hexadecimal", class.color.escape_debug()),
        );
    }
    // Also false for NaN.
    if !(class.threshold > 0.0 && class.threshold < 1.0) {
        return fail(key("threshold"), format!("{} is not between 0 and 1, both excluded", class.threshold));
    }
    if !(0.0..=MOST_INSET_PX).contains(&class.outline_inset_px) {
        let inset = class.outline_inset_px;
        return fail(key("outline_inset_px"), format!("{inset} is not in 0 to {MOST_INSET_PX}"));
    }
    Ok(())
}
