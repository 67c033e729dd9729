//! What an ONNX file says of itself, read without loading it.
//!
//! Source of the messages and their numbers: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::protobuf::{Fields, Truncated, Value, messages};

/// Operators that only move numbers about: what made them stands before.
const MOVERS: [&str; 9] =
    ["Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Cast", "Flatten", "Resize", "Dropout"];

/// Operators of quantised models.
const QUANTISED: [&str; 6] =
    ["QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"];

/// What a tensor's numbers are, ONNX's `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberKind(pub u64);

impl NumberKind {
    /// 32-bit floating point.
    pub const F32: Self = Self(1);
    /// Bytes.
    pub const U8: Self = Self(2);
    /// 32-bit whole numbers.
    pub const I32: Self = Self(6);
    /// 64-bit whole numbers.
    pub const I64: Self = Self(7);
    /// 16-bit floating point.
    pub const F16: Self = Self(10);

    /// Its name, as manifests have it.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 17] = [
            "undefined",
            "f32",
            "u8",
            "i8",
            "u16",
            "i16",
            "i32",
            "i64",
            "text",
            "bool",
            "f16",
            "f64",
            "u32",
            "u64",
            "complex of f32",
            "complex of f64",
            "bf16",
        ];
        usize::try_from(self.0).ok().and_then(|at| NAMES.get(at)).copied().unwrap_or("unknown numbers")
    }
}

impl fmt::Display for NumberKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorFacts {
    /// Its name.
    pub name: String,
    /// What its numbers are.
    pub numbers: NumberKind,
    /// Its axes' lengths, `None` for one that is free; `None` altogether where the file does not say.
    pub axes: Option<Vec<Option<u64>>>,
}

impl TensorFacts {
    /// Its shape for people: `[1, 3, ?, ?]`.
    pub fn shape_text(&self) -> String {
        let Some(axes) = &self.axes else { return "of no stated shape".to_owned() };
        let text = |axis: &Option<u64>| axis.map_or_else(|| "?".to_owned(), |n| n.to_string());
        format!("[{}]", axes.iter().map(text).collect::<Vec<_>>().join(", "))
    }
}

/// What an ONNX file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// What wrote it, with its version; empty where it does not say.
    pub producer: String,
    /// Version of ONNX's own format.
    pub ir_version: u64,
    /// Operator sets by domain, `""` for ONNX's own.
    pub opsets: BTreeMap<String, u64>,
    /// Inputs that are not constants of the model.
    pub inputs: Vec<TensorFacts>,
    /// Outputs.
    pub outputs: Vec<TensorFacts>,
    /// Operators by domain.
    pub operators: BTreeMap<String, BTreeSet<String>>,
    /// For each output the operator whose numbers it has, whatever moved them since.
    pub made_by: BTreeMap<String, String>,
    /// Files beside the model that hold its weights.
    pub external_files: BTreeSet<String>,
}

impl ModelFacts {
    /// Reads the bytes of an ONNX file. `None` where they are none.
    pub fn read(model: &[u8]) -> Option<Self> {
        read(model).ok().flatten()
    }

    /// The version of ONNX's own operators.
    pub fn opset(&self) -> u32 {
        self.opsets.get("").and_then(|&version| u32::try_from(version).ok()).unwrap_or(0)
    }

    /// Whether it computes in 8-bit integers.
    pub fn is_quantised(&self) -> bool {
        self.operators.values().flatten().any(|name| QUANTISED.contains(&name.as_str()))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn first_text(fields: &[(u64, Value<'_>)], number: u64) -> String {
    messages(fields, number).next().map(text).unwrap_or_default()
}

fn first_int(fields: &[(u64, Value<'_>)], number: u64) -> Option<u64> {
    fields.iter().find_map(|(field, value)| match value {
        Value::Int(int) if *field == number => Some(*int),
        _ => None,
    })
}

fn read(model: &[u8]) -> Result<Option<ModelFacts>, Truncated> {
    let model = Fields::all(model)?;
    let Some(graph) = messages(&model, 7).next() else { return Ok(None) };
    let mut facts = ModelFacts {
        ir_version: first_int(&model, 1).unwrap_or(0),
        producer: format!("{} {}", first_text(&model, 2), first_text(&model, 3)).trim().to_owned(),
        ..ModelFacts::default()
    };
    for opset in messages(&model, 8) {
        let opset = Fields::all(opset)?;
        let domain = first_text(&opset, 1);
        // Both names stand for ONNX's own.
        let domain = if domain == "ai.onnx" { String::new() } else { domain };
        facts.opsets.insert(domain, first_int(&opset, 2).unwrap_or(0));
    }
    let graph = Fields::all(graph)?;
    let mut constants = BTreeSet::new();
    for tensor in messages(&graph, 5) {
        let tensor = Fields::all(tensor)?;
        constants.insert(first_text(&tensor, 8));
        facts.external_files.extend(external_file(&tensor)?);
    }
    for value in messages(&graph, 11) {
        facts.inputs.extend(Some(tensor_facts(value)?).filter(|tensor| !constants.contains(&tensor.name)));
    }
    for value in messages(&graph, 12) {
        facts.outputs.push(tensor_facts(value)?);
    }
    let mut makers = BTreeMap::new();
    for node in messages(&graph, 1) {
        let node = Fields::all(node)?;
        let operator = first_text(&node, 4);
        for output in messages(&node, 2) {
            makers.insert(text(output), (operator.clone(), first_text(&node, 1)));
        }
        operators_of(&node, &mut facts)?;
    }
    for output in &facts.outputs {
        let mut name = output.name.clone();
        // Each step goes to a tensor that was made before, so their number is bounded by that of the nodes.
        for _ in 0..=makers.len() {
            let Some((operator, from)) = makers.get(&name) else { break };
            facts.made_by.insert(output.name.clone(), operator.clone());
            if !MOVERS.contains(&operator.as_str()) {
                break;
            }
            name.clone_from(from);
        }
    }
    Ok(Some(facts))
}

/// Notes a node's operator, and those of the graphs inside it (loops and branches).
fn operators_of(node: &[(u64, Value<'_>)], facts: &mut ModelFacts) -> Result<(), Truncated> {
    let domain = first_text(node, 7);
    let domain = if domain == "ai.onnx" { String::new() } else { domain };
    facts.operators.entry(domain).or_default().insert(first_text(node, 4));
    for attribute in messages(node, 5) {
        let attribute = Fields::all(attribute)?;
        for graph in messages(&attribute, 6) {
            for inner in messages(&Fields::all(graph)?, 1) {
                // A graph inside a message is shorter than the message: this ends.
                operators_of(&Fields::all(inner)?, facts)?;
            }
        }
    }
    Ok(())
}

/// The file that holds a tensor's numbers, where the model does not hold them itself.
fn external_file(tensor: &[(u64, Value<'_>)]) -> Result<Option<String>, Truncated> {
    if first_int(tensor, 14) != Some(1) {
        return Ok(None);
    }
    for entry in messages(tensor, 13) {
        let entry = Fields::all(entry)?;
        if first_text(&entry, 1) == "location" {
            return Ok(Some(first_text(&entry, 2)));
        }
    }
    Ok(Some(String::new()))
}

fn tensor_facts(value: &[u8]) -> Result<TensorFacts, Truncated> {
    let value = Fields::all(value)?;
    let name = first_text(&value, 1);
    let kind = messages(&value, 2).next().map(Fields::all).transpose()?.unwrap_or_default();
    let Some(tensor) = messages(&kind, 1).next() else {
        return Ok(TensorFacts { name, numbers: NumberKind(0), axes: None });
    };
    let tensor = Fields::all(tensor)?;
    let mut axes = None;
    for shape in messages(&tensor, 2) {
        let mut lengths = Vec::new();
        for axis in messages(&Fields::all(shape)?, 1) {
            // 0 and negative numbers are written for axes without a length too.
            lengths.push(first_int(&Fields::all(axis)?, 1).filter(|&n| (1..1 << 31).contains(&n)));
        }
        axes = Some(lengths);
    }
    Ok(TensorFacts { name, numbers: NumberKind(first_int(&tensor, 1).unwrap_or(0)), axes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str) -> ModelFacts {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name);
        ModelFacts::read(&std::fs::read(path.join("model.onnx")).unwrap()).unwrap()
    }

    #[test]
    fn a_model_says_what_it_takes_and_gives() {
        let model = facts("nhwc-probabilities");
        assert_eq!((model.opset(), model.ir_version, model.producer.as_str()), (17, 8, "vesalius tests"));
        let [input] = model.inputs.as_slice() else { panic!("{model:?}") };
        assert_eq!((input.name.as_str(), input.numbers), ("image", NumberKind::F32));
        assert_eq!(input.shape_text(), "[?, 24, 40, 3]");
        assert_eq!(model.made_by.get("blue").map(String::as_str), Some("Slice"));
        assert!(!model.is_quantised() && model.external_files.is_empty());

        let labels = facts("labels");
        assert_eq!(labels.outputs.first().map(|output| output.numbers), Some(NumberKind::I64));
        // Squeeze and Cast only move what Min made.
        assert_eq!(labels.made_by.get("labels").map(String::as_str), Some("Min"));
        // Operators inside a loop count.
        assert!(
            facts("slow").operators.get("").is_some_and(|all| all.contains("Conv") && all.contains("Loop"))
        );
    }

    #[test]
    fn other_files_are_none() {
        for bytes in [&b""[..], b"no model at all", &[0xff; 64], b"\x89PNG\r\n\x1a\n"] {
            assert_eq!(ModelFacts::read(bytes), None);
        }
    }
}
