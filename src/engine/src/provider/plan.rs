//! TensorRT plans in a form that ONNX Runtime loads: an ONNX model with one `EPContext` node that holds the plan.
//!
//! Sources: the operator, <https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html>; ONNX's messages,
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>. Of those a handful of fields is needed.

use crate::manifest::{Element, Layout, Manifest, OutputKind};
use crate::protobuf::{Fields, Message, Truncated, Value, messages};

/// Name by which ONNX Runtime's TensorRT provider knows itself.
pub(crate) const TENSORRT_EP: &str = "TensorrtExecutionProvider";

/// Version of ONNX's intermediate representation: that of opset 17, which every ONNX Runtime of today reads.
const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;
/// The domain of the operator, and its version.
const DOMAIN: &str = "com.microsoft";
const DOMAIN_VERSION: u64 = 1;

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const FLOAT16: u64 = 10;
const INT64: u64 = 7;
/// `AttributeProto.AttributeType`.
const ATTRIBUTE_INT: u64 = 2;
const ATTRIBUTE_STRING: u64 = 3;

/// Protobuf cannot hold more in a message.
pub const MAX_PLAN_BYTES: usize = 2_000_000_000;

impl From<Truncated> for PlanError {
    fn from(_: Truncated) -> Self {
        Self::NoModel
    }
}

/// Why bytes are no plan or no model. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not what TensorRT writes.
    #[error("it is no TensorRT plan: {0}")]
    NoPlan(&'static str),
    /// Not what ONNX writes.
    #[error("it is no whole ONNX model")]
    NoModel,
    /// Not all of the model was compiled.
    #[error("TensorRT did not take the whole model: {nodes} nodes are left where one should be")]
    NotWhole {
        /// Nodes of the graph.
        nodes: usize,
    },
}

fn integer_attribute(name: &str, value: u64) -> Message {
    Message::default().bytes(1, name).int(3, value).int(20, ATTRIBUTE_INT)
}

fn text_attribute(name: &str, value: &[u8]) -> Message {
    Message::default().bytes(1, name).bytes(4, value).int(20, ATTRIBUTE_STRING)
}

/// A `ValueInfoProto`.
fn tensor(name: &str, element: u64, shape: &[usize]) -> Message {
    let shape = shape
        .iter()
        .fold(Message::default(), |shape, axis| shape.message(1, Message::default().int(1, *axis as u64)));
    let tensor = Message::default().int(1, element).message(2, shape);
    Message::default().bytes(1, name).message(2, Message::default().message(1, tensor))
}

/// Wraps a plan that `trtexec` wrote for an engine's model as an ONNX model that the TensorRT provider runs. The plan's
/// tensors must have the manifest's names and shapes; its output is f32, or whole numbers of 64 bits for labels.
///
/// `compute_capability` is that of the GPU the plan was made for, such as `(8, 9)`; where it is not known the provider
/// does not compare it.
///
/// # Errors
///
/// [`PlanError::NoPlan`] for bytes that cannot be a plan.
pub fn wrap(
    plan: &[u8],
    manifest: &Manifest,
    compute_capability: Option<(i32, i32)>,
) -> Result<Vec<u8>, PlanError> {
    check_plan(plan)?;
    let (input, output) = (&manifest.input, &manifest.output);
    let (width, height) = (input.width as usize, input.height as usize);
    let shape = |layout, channels| match layout {
        Layout::Nchw => [1, channels, height, width],
        Layout::Nhwc => [1, height, width, channels],
    };
    let mut node = Message::default().bytes(1, &input.name).bytes(2, &output.name);
    if let Some(unlikeness) = &output.unlikeness {
        node = node.bytes(2, &unlikeness.name);
    }
    let mut node = node
        .bytes(3, "plan")
        .bytes(4, "EPContext")
        .message(5, integer_attribute("main_context", 1))
        .message(5, integer_attribute("embed_mode", 1))
        .message(5, text_attribute("ep_cache_context", plan))
        .message(5, text_attribute("source", TENSORRT_EP.as_bytes()));
    if let Some((major, minor)) = compute_capability {
        let text = format!("{}", major * 10 + minor);
        node = node.message(5, text_attribute("hardware_architecture", text.as_bytes()));
    }
    let node = node.bytes(7, DOMAIN);
    let element = match input.element {
        Element::F32 => FLOAT,
        Element::F16 => FLOAT16,
        Element::U8 => UINT8,
    };
    let kind = if output.kind == OutputKind::Labels { INT64 } else { FLOAT };
    let mut graph = Message::default()
        .message(1, node)
        .bytes(2, "plan")
        .message(11, tensor(&input.name, element, &shape(input.layout, input.color.channels())))
        .message(
            12,
            tensor(&output.name, kind, &shape(manifest.output_layout(), manifest.output_channels())),
        );
    if let Some(unlikeness) = &output.unlikeness {
        graph = graph.message(12, tensor(&unlikeness.name, FLOAT, &[1]));
    }
    let opset = |domain: &str, version| Message::default().bytes(1, domain).int(2, version);
    let model = Message::default()
        .int(1, IR_VERSION)
        .bytes(2, "vesalius")
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .message(7, graph)
        .message(8, opset("", OPSET))
        .message(8, opset(DOMAIN, DOMAIN_VERSION));
    Ok(model.0)
}

/// What can be said of a plan without the library that reads it: it is not another kind of file that somebody might give
/// in its stead. The letters that plans begin with are those by which Netron knows them
/// (<https://github.com/lutzroeder/netron/blob/main/source/tensorrt.js>).
fn check_plan(plan: &[u8]) -> Result<(), PlanError> {
    if plan.len() > MAX_PLAN_BYTES {
        return Err(PlanError::NoPlan("it is larger than 2 GB"));
    }
    if plan.starts_with(b"ftrt") || plan.starts_with(b"ptrt") {
        return Ok(());
    }
    Err(PlanError::NoPlan("it does not begin as one; give the file that 'trtexec --saveEngine' wrote"))
}

fn graph(model: &[u8]) -> Result<Vec<(u64, Value<'_>)>, PlanError> {
    let fields = Fields::all(model)?;
    let graph = messages(&fields, 7).next().ok_or(PlanError::NoModel)?;
    Ok(Fields::all(graph)?)
}

/// Makes sure that a model is one `EPContext` node for TensorRT with a plan inside, and returns the plan.
///
/// # Errors
///
/// [`PlanError::NoModel`], and [`PlanError::NotWhole`] where there are other nodes, as when TensorRT took part of a
/// model.
pub fn unwrap(model: &[u8]) -> Result<&[u8], PlanError> {
    let graph = graph(model)?;
    let nodes: Vec<_> = graph.iter().filter(|(field, _)| *field == 1).collect();
    let [(_, Value::Bytes(node))] = nodes.as_slice() else {
        return Err(PlanError::NotWhole { nodes: nodes.len() });
    };
    let node = Fields::all(node)?;
    let is = |field, text: &str| node.iter().any(|(f, v)| *f == field && *v == Value::Bytes(text.as_bytes()));
    if !is(4, "EPContext") || !is(7, DOMAIN) {
        return Err(PlanError::NotWhole { nodes: 1 });
    }
    let mut plan = None;
    for (field, value) in &node {
        let (5, Value::Bytes(attribute)) = (field, value) else { continue };
        let attribute = Fields::all(attribute)?;
        if attribute.contains(&(1, Value::Bytes(b"ep_cache_context"))) {
            plan = attribute.iter().find_map(|(field, value)| match value {
                Value::Bytes(bytes) if *field == 4 => Some(*bytes),
                _ => None,
            });
        }
        // A plan in another file would not be the one whose hash was checked.
        if attribute.contains(&(1, Value::Bytes(b"embed_mode"))) && attribute.contains(&(3, Value::Int(0))) {
            return Err(PlanError::NoPlan("the model only names the file that holds it"));
        }
    }
    plan.filter(|plan| !plan.is_empty()).ok_or(PlanError::NoPlan("the model's node holds none"))
}

/// Whether an input of a model has axes without a fixed length; `None` where it has no such input.
///
/// # Errors
///
/// [`PlanError::NoModel`].
pub fn has_free_axes(model: &[u8], input: &str) -> Result<Option<bool>, PlanError> {
    let graph = graph(model)?;
    for value in messages(&graph, 11) {
        let value = Fields::all(value)?;
        if !value.contains(&(1, Value::Bytes(input.as_bytes()))) {
            continue;
        }
        let mut free = false;
        for kind in messages(&value, 2) {
            for tensor in messages(&Fields::all(kind)?, 1) {
                let tensor = Fields::all(tensor)?;
                free |= messages(&tensor, 2).next().is_none();
                for shape in messages(&tensor, 2) {
                    for axis in messages(&Fields::all(shape)?, 1) {
                        free |= !Fields::all(axis)?
                            .iter()
                            .any(|(field, v)| *field == 1 && matches!(v, Value::Int(1..)));
                    }
                }
            }
        }
        return Ok(Some(free));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../../tests/models/rgb-softmax/manifest.toml");
    const MODEL: &[u8] = include_bytes!("../../tests/models/rgb-softmax/model.onnx");

    fn plan() -> Vec<u8> {
        [&b"ftrt"[..], &(0..100_000_u32).map(|i| ((i * 31) >> 3) as u8).collect::<Vec<_>>()].concat()
    }

    #[test]
    fn a_plan_comes_back_from_its_model() {
        let manifest = Manifest::parse(MANIFEST).unwrap();
        let plan = plan();
        for capability in [None, Some((8, 9))] {
            let model = wrap(&plan, &manifest, capability).unwrap();
            assert_eq!(unwrap(&model).unwrap(), plan);
            assert_eq!(has_free_axes(&model, &manifest.input.name), Ok(Some(false)));
            // Cut anywhere in its graph, which 25 bytes follow, it is no model any more, and nothing panics.
            for length in (0..model.len() - 70).step_by(997).chain(model.len() - 70..model.len() - 25) {
                assert!(unwrap(&model[..length]).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        let manifest = Manifest::parse(MANIFEST).unwrap();
        for bytes in [&b""[..], b"ftr", MODEL, b"\x7fELF"] {
            assert!(matches!(wrap(bytes, &manifest, None), Err(PlanError::NoPlan(_))));
        }
    }

    #[test]
    fn a_model_of_other_nodes_is_no_plan() {
        assert!(matches!(unwrap(MODEL), Err(PlanError::NotWhole { .. })));
        for bytes in [&b""[..], b"no model", &[0xff; 40]] {
            assert!(unwrap(bytes).is_err());
            assert!(has_free_axes(bytes, "image").is_err());
        }
        let input = Manifest::parse(MANIFEST).unwrap().input.name;
        assert_eq!(has_free_axes(MODEL, &input), Ok(Some(false)));
        assert_eq!(has_free_axes(MODEL, "other"), Ok(None));
        let axis = Message::default().bytes(2, "height");
        let shape = Message::default().message(1, Message::default().int(1, 1)).message(1, axis);
        let tensor = Message::default().int(1, FLOAT).message(2, shape);
        let value = Message::default().bytes(1, "x").message(2, Message::default().message(1, tensor));
        let model = Message::default().message(7, Message::default().message(11, value));
        assert_eq!(has_free_axes(&model.0, "x"), Ok(Some(true)));
    }

    #[test]
    fn a_plan_in_another_file_is_refused() {
        let node = Message::default()
            .bytes(4, "EPContext")
            .message(5, integer_attribute("embed_mode", 0))
            .message(5, text_attribute("ep_cache_context", b"other.plan"))
            .bytes(7, DOMAIN);
        let model = Message::default().message(7, Message::default().message(1, node));
        assert!(matches!(unwrap(&model.0), Err(PlanError::NoPlan(_))));
    }
}
