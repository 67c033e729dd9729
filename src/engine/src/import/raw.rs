//! A model without a manifest: whatever it takes is given, whatever it gives is looked at.

use half::f16;
use ort::session::Session as OrtSession;
use ort::value::{DynValue, TensorElementType, TensorRef};

use super::ImportError;
use super::facts::{NumberKind, TensorFacts};
use super::failure;
use crate::error::{EngineError, one_line};
use crate::manifest::Element;
use crate::session::{OutputValues, SessionOptions, build};
use crate::{memory, runtime};

/// A loaded model.
#[derive(Debug)]
pub struct RawModel {
    session: OrtSession,
}

/// The numbers of one output.
#[derive(Clone, Debug, PartialEq)]
pub enum RawValues {
    /// Floating point; f16 and f64 brought to f32.
    Scores(Vec<f32>),
    /// Whole numbers.
    Labels(Vec<i64>),
}

impl RawValues {
    /// As a [`Postprocessor`](crate::postprocess::Postprocessor) takes them.
    pub fn as_output(&self) -> OutputValues<'_> {
        match self {
            Self::Scores(values) => OutputValues::F32(values),
            Self::Labels(values) => OutputValues::I64(values),
        }
    }
}

/// One output of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RawOutput {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, the last axis fastest.
    pub values: RawValues,
}

impl RawModel {
    /// Loads a model on the processor.
    ///
    /// # Errors
    ///
    /// [`ImportError::Load`] in words that say what to do, [`ImportError::Engine`] where the runtime is missing.
    pub fn load(model: &[u8], options: &SessionOptions) -> Result<Self, ImportError> {
        let environment = runtime::environment(options.runtime.as_deref()).map_err(EngineError::from)?;
        let session = build(environment, model, options, None, false)
            .map_err(|error| ImportError::Load(failure::explain(model, error.message())))?;
        memory::give_back(runtime::loaded().map(|runtime| runtime.path.as_path()));
        Ok(Self { session })
    }

    /// Its inputs and outputs as the runtime sees them, which works out shapes that the file does not state.
    pub fn tensors(&self) -> (Vec<TensorFacts>, Vec<TensorFacts>) {
        let facts = |outlet: &ort::value::Outlet| TensorFacts {
            name: outlet.name().to_owned(),
            numbers: NumberKind(outlet.dtype().tensor_type().map_or(0, onnx_number)),
            axes: outlet
                .dtype()
                .tensor_shape()
                .map(|shape| shape.iter().map(|&axis| u64::try_from(axis).ok().filter(|&n| n > 0)).collect()),
        };
        (
            self.session.inputs().iter().map(facts).collect(),
            self.session.outputs().iter().map(facts).collect(),
        )
    }

    /// Runs it on a tensor, whose numbers are brought to what it takes.
    ///
    /// # Errors
    ///
    /// [`ImportError::Run`].
    pub fn run(
        &mut self,
        shape: [usize; 4],
        tensor: &[f32],
        element: Element,
    ) -> Result<Vec<RawOutput>, ImportError> {
        let failed = |error: ort::Error| ImportError::Run(one_line(error.message()));
        let outputs = match element {
            Element::F32 => {
                let input = TensorRef::from_array_view((shape, tensor)).map_err(failed)?;
                self.session.run(ort::inputs![input]).map_err(failed)?
            }
            Element::F16 => {
                let numbers: Vec<f16> = tensor.iter().map(|&x| f16::from_f32(x)).collect();
                let input = TensorRef::from_array_view((shape, numbers.as_slice())).map_err(failed)?;
                self.session.run(ort::inputs![input]).map_err(failed)?
            }
            Element::U8 => {
                // A cast of a float saturates at 0 and 255.
                let numbers: Vec<u8> = tensor.iter().map(|&x| (x + 0.5) as u8).collect();
                let input = TensorRef::from_array_view((shape, numbers.as_slice())).map_err(failed)?;
                self.session.run(ort::inputs![input]).map_err(failed)?
            }
        };
        // Those that are no tensors, or of texts, are no pictures either.
        Ok(outputs.iter().filter_map(|(name, value)| read(name, &value)).collect())
    }
}

fn read(name: &str, value: &DynValue) -> Option<RawOutput> {
    macro_rules! numbers {
        ($type:ty, $variant:ident, $convert:expr) => {{
            let (shape, values) = value.try_extract_tensor::<$type>().ok()?;
            (shape.to_vec(), RawValues::$variant(values.iter().map($convert).collect()))
        }};
    }
    let (shape, values) = match value.dtype().tensor_type()? {
        TensorElementType::Float32 => numbers!(f32, Scores, |&x| x),
        TensorElementType::Float16 => numbers!(f16, Scores, |x| x.to_f32()),
        TensorElementType::Float64 => numbers!(f64, Scores, |&x| x as f32),
        TensorElementType::Uint8 => numbers!(u8, Labels, |&x| i64::from(x)),
        TensorElementType::Int8 => numbers!(i8, Labels, |&x| i64::from(x)),
        TensorElementType::Int32 => numbers!(i32, Labels, |&x| i64::from(x)),
        TensorElementType::Int64 => numbers!(i64, Labels, |&x| x),
        _ => return None,
    };
    let shape = shape.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<Vec<_>>>()?;
    Some(RawOutput { name: name.to_owned(), shape, values })
}

/// ONNX's number for what a tensor holds.
fn onnx_number(element: TensorElementType) -> u64 {
    match element {
        TensorElementType::Float32 => 1,
        TensorElementType::Uint8 => 2,
        TensorElementType::Int8 => 3,
        TensorElementType::Uint16 => 4,
        TensorElementType::Int16 => 5,
        TensorElementType::Int32 => 6,
        TensorElementType::Int64 => 7,
        TensorElementType::String => 8,
        TensorElementType::Bool => 9,
        TensorElementType::Float16 => 10,
        TensorElementType::Float64 => 11,
        TensorElementType::Uint32 => 12,
        TensorElementType::Uint64 => 13,
        TensorElementType::Bfloat16 => 16,
        _ => 0,
    }
}
