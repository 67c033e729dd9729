//! Models whose tensors stay where they are: on the GPU, between the kernels that fill the input and those that read the
//! output, without a copy and without a wait.
#![allow(unsafe_code)] // ONNX Runtime is given addresses. Invariants: see `BoundSession::load`.

use std::ffi::{CString, c_void};
use std::fmt;

use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, NoSelectedOutputs, RunOptions};
use ort::value::{DynValueRefMut, Shape, TensorElementType, TensorRefMut};
use ort::{AsPointer, ortsys};

use crate::engine::Engine;
use crate::error::{EngineError, one_line};
use crate::provider::choose::Selection;
use crate::session::{Session, SessionOptions, element_type};

/// A tensor's place: in the memory of what the session runs on, the GPU's or, for the processor, the computer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorPlace {
    /// Address of the first number, a `CUdeviceptr` on a GPU.
    pub address: usize,
    /// Bytes from there on that belong to it.
    pub bytes: usize,
}

/// A session that reads its input and writes its output at fixed places.
pub struct BoundSession {
    // Dropped in this order: the binding before the values it refers to, and both before the session.
    binding: IoBinding,
    run_options: Option<RunOptions<NoSelectedOutputs>>,
    _input: DynValueRefMut<'static>,
    _output: DynValueRefMut<'static>,
    _unlikeness: Option<DynValueRefMut<'static>>,
    element: TensorElementType,
    session: Session,
}

impl fmt::Debug for BoundSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSession").field("session", &self.session).finish_non_exhaustive()
    }
}

impl BoundSession {
    /// Loads an engine, see [`Session::load`], and binds its tensors to places, which get the shapes of the manifest: one
    /// f32 for `unlikeness`, where the engine has that output and it is wanted. Then it is run a few times on whatever lies there.
    ///
    /// With `options.gpu.stream` the work is queued on that stream, after what is queued already, and [`Self::run`]
    /// does not wait for it. With `options.gpu.graph` the launches are recorded; then all runs must come from the thread
    /// that loaded it.
    ///
    /// # Errors
    ///
    /// As [`Session::load`], and [`EngineError::TensorLength`] for a place that is too small.
    ///
    /// # Safety
    ///
    /// All places must be memory of the GPU `options.gpu.device`, or the computer's where the processor runs the
    /// engine, aligned for their numbers, not overlapping, holding valid numbers (any bytes are), and stay so until
    /// this session is dropped. Nobody may touch them while a run is under way: between [`Self::run`] and the moment
    /// when it returns or, with a stream, when what it queued there is done.
    pub unsafe fn load(
        engine: &Engine,
        options: &SessionOptions,
        input: TensorPlace,
        output: TensorPlace,
        unlikeness: Option<TensorPlace>,
    ) -> Result<Self, EngineError> {
        let session = Session::load_as_asked(engine, options, false)?;
        let failed = |error: ort::Error| EngineError::Run {
            engine: engine.name().to_owned(),
            message: one_line(error.message()),
        };
        let manifest = engine.manifest();
        let provider = session.selection().provider;
        let device = if provider.is_gpu() { AllocationDevice::CUDA } else { AllocationDevice::CPU };
        let memory = || {
            let index = if device == AllocationDevice::CPU { 0 } else { options.gpu.device };
            MemoryInfo::new(device.clone(), index, AllocatorType::Device, MemoryType::Default).map_err(failed)
        };
        let declared = session.session.outputs().iter().find(|outlet| outlet.name() == manifest.output.name);
        let declared = declared.map(|outlet| outlet.dtype());
        let element = declared.and_then(|kind| kind.tensor_type()).unwrap_or(TensorElementType::Float32);
        // Labels may lack the channel's axis; axes that are free are the manifest's.
        let shape = declared.and_then(|kind| kind.tensor_shape()).map(|shape| shape.to_vec());
        let shape = shape.filter(|shape| !shape.is_empty() && shape.iter().all(|&axis| axis > 0));
        let shape = shape.unwrap_or_else(|| axes(&session.output.dimensions()));
        let second = unlikeness.zip(manifest.output.unlikeness.as_ref());
        let second_shape = second.map(|(_, section)| declared_scalar(&session, &section.name));
        // SAFETY: the caller's: see above. The lengths are compared before.
        let (input, output, unlikeness) = unsafe {
            (
                tensor(
                    engine,
                    memory()?,
                    input,
                    element_type(manifest.input.element),
                    axes(&session.input_shape()),
                )?,
                tensor(engine, memory()?, output, element, shape)?,
                match second.zip(second_shape) {
                    Some(((place, _), shape)) => {
                        Some(tensor(engine, memory()?, place, TensorElementType::Float32, shape)?)
                    }
                    None => None,
                },
            )
        };
        let mut binding = session.session.create_binding().map_err(failed)?;
        bind(&mut binding, &manifest.input.name, &input, true).map_err(failed)?;
        bind(&mut binding, &manifest.output.name, &output, false).map_err(failed)?;
        if let Some((value, section)) = unlikeness.as_ref().zip(manifest.output.unlikeness.as_ref()) {
            bind(&mut binding, &section.name, value, false).map_err(failed)?;
        }
        let run_options = match options.gpu.stream {
            None => None,
            Some(_) => {
                let mut run_options = RunOptions::new().map_err(failed)?;
                // The caller's stream keeps the order; nobody has to wait here.
                run_options.disable_device_sync().map_err(failed)?;
                Some(run_options)
            }
        };
        let mut bound = Self {
            binding,
            run_options,
            _input: input,
            _output: output,
            _unlikeness: unlikeness,
            element,
            session,
        };
        for _ in 0..crate::session::WARM_UP_RUNS {
            bound.run()?;
        }
        Ok(bound)
    }

    /// What it runs on, and why.
    pub fn selection(&self) -> &Selection {
        self.session.selection()
    }

    /// What the numbers of its output are.
    pub(crate) fn output_element(&self) -> TensorElementType {
        self.element
    }

    /// Runs the model once. With a stream it returns when the work is queued, otherwise when it is done.
    ///
    /// # Errors
    ///
    /// [`EngineError::Run`].
    pub fn run(&mut self) -> Result<(), EngineError> {
        let ran = match &self.run_options {
            Some(options) => self.session.session.run_binding_with_options(&self.binding, options),
            None => self.session.session.run_binding(&self.binding),
        };
        let message = ran.err().map(|error| one_line(error.message()));
        message.map_or(Ok(()), |message| {
            Err(EngineError::Run { engine: self.session.engine_name().to_owned(), message })
        })
    }
}

/// Tells a binding where a tensor lies. `ort` would copy an input first that is not its own.
fn bind(
    binding: &mut IoBinding,
    name: &str,
    value: &DynValueRefMut<'static>,
    is_input: bool,
) -> Result<(), ort::Error> {
    let name = CString::new(name).map_err(|_| ort::Error::new("a tensor's name holds a zero byte"))?;
    // SAFETY: binding and value are alive, the name ends in a zero and is copied, and the value outlives the binding.
    if is_input {
        ortsys![unsafe BindInput(binding.ptr_mut(), name.as_ptr(), value.ptr())?];
    } else {
        ortsys![unsafe BindOutput(binding.ptr_mut(), name.as_ptr(), value.ptr())?];
    }
    Ok(())
}

/// The shape of an output that holds one number, as the model declares it.
fn declared_scalar(session: &Session, name: &str) -> Vec<i64> {
    let outlet = session.session.outputs().iter().find(|outlet| outlet.name() == name);
    let axes = outlet.and_then(|outlet| outlet.dtype().tensor_shape()).map_or(1, |shape| shape.len());
    vec![1; axes.max(1)]
}

fn axes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&axis| i64::try_from(axis).unwrap_or(i64::MAX)).collect()
}

/// # Safety
///
/// As [`BoundSession::load`].
unsafe fn tensor(
    engine: &Engine,
    memory: MemoryInfo<'static>,
    place: TensorPlace,
    element: TensorElementType,
    shape: Vec<i64>,
) -> Result<DynValueRefMut<'static>, EngineError> {
    let failed = |error: ort::Error| EngineError::Run {
        engine: engine.name().to_owned(),
        message: one_line(error.message()),
    };
    let count: usize = shape.iter().map(|&axis| usize::try_from(axis).unwrap_or(0)).product();
    let address: *mut c_void = std::ptr::with_exposed_provenance_mut(place.address);
    let axes = Shape::new(shape);
    macro_rules! tensor {
        ($type:ty) => {{
            let found = place.bytes / size_of::<$type>();
            if found < count || address.is_null() {
                return Err(EngineError::TensorLength {
                    engine: engine.name().to_owned(),
                    expected: count,
                    found,
                });
            }
            // SAFETY: as the caller's; the place holds as many numbers as the shape says.
            unsafe { TensorRefMut::<$type>::from_raw(memory, address, axes) }.map_err(failed)?.into_dyn()
        }};
    }
    Ok(match element {
        TensorElementType::Uint8 => tensor!(u8),
        TensorElementType::Float16 => tensor!(half::f16),
        TensorElementType::Int32 => tensor!(i32),
        TensorElementType::Int64 => tensor!(i64),
        _ => tensor!(f32),
    })
}
