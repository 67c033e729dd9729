//! One model on ONNX Runtime, on whichever provider was chosen.
//!
//! A session holds its own copy of the weights and the memory of the network's intermediate results (for a U-Net of
//! a million parameters at 192×288 some tens of megabytes). Workers that run at the same time need a session each;
//! what they share is the file's bytes, which an [`Engine`] reads once.

use std::cell::OnceCell;
use std::path::PathBuf;

use half::f16;
use ort::ep::ExecutionProviderDispatch;
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel};
use ort::session::{Session as OrtSession, SessionOutputs};
use ort::value::{Outlet, Shape, TensorElementType, TensorRef};

use crate::breaker::Breaker;
use crate::engine::Engine;
use crate::error::{EngineError, one_line};
use crate::import::failure;
use crate::manifest::{Element, Layout, Manifest, OutputKind, Precision};
use crate::memory;
use crate::provider::choose::{ProviderError, Ready, Selection, first_that_works, ready};
use crate::provider::options::{self, GpuOptions};
use crate::provider::{PrecisionChoice, Provider, ProviderChoice};
use crate::runtime;

/// More threads than this on one small picture only wait for each other.
pub const MAX_THREADS: usize = 64;

/// Runs of a session on a GPU before its first answer is asked for: the first chooses algorithms and plans memory, the
/// second records the launches where they are to be replayed.
pub(crate) const WARM_UP_RUNS: usize = 3;

/// How a session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    /// Threads that share the work of one picture, the caller's among them, 1 to [`MAX_THREADS`]; other numbers
    /// are brought there. With several workers, 1 each.
    pub threads: usize,
    /// Whether idle threads wait by spinning: a little faster with 2 threads and more, at the price of a core that
    /// is busy between pictures. Means nothing with 1 thread.
    pub spinning: bool,
    /// The runtime's library, where it is not to be looked for.
    pub runtime: Option<PathBuf>,
    /// What it runs on.
    pub provider: ProviderChoice,
    /// In which numbers.
    pub precision: PrecisionChoice,
    /// Whether operators that a named GPU provider lacks may run on the processor, with copies there and back. With `auto`
    /// they may where nothing else is left, and the selection says so.
    pub partly: bool,
    /// What a GPU is told; means nothing on the processor.
    pub gpu: GpuOptions,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            threads: 1,
            spinning: false,
            runtime: None,
            provider: ProviderChoice::default(),
            precision: PrecisionChoice::default(),
            partly: false,
            gpu: GpuOptions::default(),
        }
    }
}

impl SessionOptions {
    /// These options with nothing left to choose: what `selection` is.
    pub fn on(&self, selection: &Selection) -> Self {
        Self {
            provider: ProviderChoice::Named(selection.provider),
            precision: PrecisionChoice::Named(selection.precision),
            partly: selection.partly,
            ..self.clone()
        }
    }
}

/// A loaded model, checked against its manifest.
#[derive(Debug)]
pub struct Session {
    pub(crate) session: OrtSession,
    breaker: Breaker,
    selection: Selection,
    engine_name: String,
    output_name: String,
    unlikeness_name: Option<String>,
    input_shape: [usize; 4],
    /// The input in the model's numbers, where they are not f32.
    converted: Converted,
    pub(crate) output: OutputShape,
}

/// An input's numbers as the model takes them.
#[derive(Debug)]
enum Converted {
    /// The tensor itself.
    F32,
    F16(Vec<f16>),
    U8(Vec<u8>),
}

impl From<Element> for Converted {
    fn from(element: Element) -> Self {
        match element {
            Element::F32 => Self::F32,
            Element::F16 => Self::F16(Vec::new()),
            Element::U8 => Self::U8(Vec::new()),
        }
    }
}

/// The element's name in ONNX Runtime.
pub(crate) const fn element_type(element: Element) -> TensorElementType {
    match element {
        Element::F32 => TensorElementType::Float32,
        Element::F16 => TensorElementType::Float16,
        Element::U8 => TensorElementType::Uint8,
    }
}

/// What an output must look like.
#[derive(Clone, Debug)]
pub(crate) struct OutputShape {
    layout: Layout,
    channels: usize,
    height: usize,
    width: usize,
}

/// The numbers of one run, borrowed from the runtime.
#[derive(Debug)]
pub struct Output<'s> {
    outputs: SessionOutputs<'s>,
    engine_name: &'s str,
    output_name: &'s str,
    unlikeness_name: Option<&'s str>,
    shape: &'s OutputShape,
    /// Scores that the model gives in f16.
    widened: OnceCell<Vec<f32>>,
}

/// The numbers of an output tensor, in the order of its layout.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum OutputValues<'a> {
    /// Scores or probabilities.
    F32(&'a [f32]),
    /// Labels.
    U8(&'a [u8]),
    /// Labels.
    I32(&'a [i32]),
    /// Labels.
    I64(&'a [i64]),
}

impl Session {
    /// Loads an engine's model on what `options` ask for. `auto` takes TensorRT where the engine was compiled for this GPU,
    /// else CUDA, else ONNX Runtime's own provider on the processor, and [`Self::selection`] says why; a provider that is named and does not work is an
    /// error.
    ///
    /// # Errors
    ///
    /// [`EngineError`] where the runtime or the provider is missing, the model's file is not the manifest's, is damaged,
    /// or has tensors of other names, types or shapes.
    pub fn load(engine: &Engine, options: &SessionOptions) -> Result<Self, EngineError> {
        // Frames that come from the computer's memory are copied to where there is room.
        let options =
            &SessionOptions { gpu: GpuOptions { graph: false, ..options.gpu.clone() }, ..options.clone() };
        Self::load_as_asked(engine, options, true)
    }

    /// As [`Self::load`], but launches are recorded where `options` say so, and nothing is run yet unless `warm_up` does.
    pub(crate) fn load_as_asked(
        engine: &Engine,
        options: &SessionOptions,
        warm_up: bool,
    ) -> Result<Self, EngineError> {
        let attempt = |provider| {
            let ready = ready(engine, provider, options)?;
            let mut session = Self::load_ready(engine, &ready, options)?;
            if warm_up && provider != Provider::Cpu {
                session.warm_up()?;
            }
            let partly = session.selection.partly;
            Ok((session, ready.precision, partly))
        };
        let (mut session, selection) = first_that_works(options.provider, attempt)?;
        session.selection = told(selection, options);
        Ok(session)
    }

    /// What [`Self::load`] would take. Only what is not certain is tried by loading it: a GPU that nobody asked for by name.
    pub(crate) fn select(engine: &Engine, options: &SessionOptions) -> Result<Selection, EngineError> {
        let attempt = |provider| {
            let ready = ready(engine, provider, options)?;
            if provider == Provider::Cpu || options.provider != ProviderChoice::Auto {
                return Ok(((), ready.precision, options.partly && provider != Provider::Cpu));
            }
            let mut session = Self::load_ready(engine, &ready, options)?;
            session.warm_up()?;
            Ok(((), ready.precision, session.selection.partly))
        };
        first_that_works(options.provider, attempt).map(|((), selection)| told(selection, options))
    }

    fn load_ready(engine: &Engine, ready: &Ready, options: &SessionOptions) -> Result<Self, EngineError> {
        let precision = ready.precision;
        match ready.provider {
            Provider::TensorRt => {
                let (cache, entry) = ready.entry.as_ref().ok_or_else(|| ProviderError::NotBuilt {
                    engine: engine.name().to_owned(),
                    precision,
                    stale: None,
                })?;
                Self::compiled(engine, &cache.load(entry)?, precision, options)
            }
            other @ (Provider::Cuda | Provider::OpenVino) => {
                let environment = runtime::environment(options.runtime.as_deref())?;
                let bytes = engine.model_bytes(precision)?;
                let attempt = |whole| {
                    let provider = match other {
                        Provider::OpenVino => {
                            let threads = options.threads.clamp(1, MAX_THREADS);
                            options::openvino_provider(&options::openvino(threads))
                        }
                        _ => options::cuda_provider(&options::cuda(&options.gpu)),
                    };
                    build(environment, &bytes, options, Some(provider), whole)
                };
                let may_be_partly = options.partly || options.provider == ProviderChoice::Auto;
                let (built, partly) = match attempt(true) {
                    Err(_) if may_be_partly => (attempt(false), true),
                    whole => (whole, false),
                };
                let built = built.map_err(|error| load_error(engine, other, precision, &error))?;
                Self::checked(engine, built, other, precision, partly)
            }
            Provider::Cpu => {
                let environment = runtime::environment(options.runtime.as_deref())?;
                let bytes = engine.model_bytes(precision)?;
                let built = build(environment, &bytes, options, None, false).map_err(|error| {
                    let file = engine.manifest().model_file(precision).map_or("", |(file, _)| file);
                    EngineError::ModelLoad {
                        engine: engine.name().to_owned(),
                        message: failure::explain(&bytes, error.message()),
                        path: engine.folder().join(file),
                    }
                })?;
                drop(bytes);
                memory::give_back(runtime::loaded().map(|runtime| runtime.path.as_path()));
                Self::checked(engine, built, Provider::Cpu, precision, false)
            }
        }
    }

    /// Loads what TensorRT compiled.
    fn compiled(
        engine: &Engine,
        model: &[u8],
        precision: Precision,
        options: &SessionOptions,
    ) -> Result<Self, EngineError> {
        let environment = runtime::environment(options.runtime.as_deref())?;
        let provider = options::tensorrt_provider(&options::tensorrt(&options.gpu));
        let built = build(environment, model, options, Some(provider), true)
            .map_err(|error| load_error(engine, Provider::TensorRt, precision, &error))?;
        Self::checked(engine, built, Provider::TensorRt, precision, false)
    }

    /// Loads what TensorRT compiled, and runs it: a build is shown only when it has worked.
    pub(crate) fn from_compiled(
        engine: &Engine,
        model: &[u8],
        precision: Precision,
        options: &SessionOptions,
    ) -> Result<Self, EngineError> {
        let mut session = Self::compiled(engine, model, precision, options)?;
        session.warm_up()?;
        Ok(session)
    }

    fn checked(
        engine: &Engine,
        session: OrtSession,
        provider: Provider,
        precision: Precision,
        partly: bool,
    ) -> Result<Self, EngineError> {
        let manifest = engine.manifest();
        let selection = Selection { provider, precision, partly, why: "asked for".to_owned() };
        let (input_shape, output) = check(&session, manifest)?;
        let breaker = Breaker::new().map_err(|error| EngineError::Run {
            engine: engine.name().to_owned(),
            message: one_line(error.message()),
        })?;
        Ok(Self {
            session,
            breaker,
            selection,
            engine_name: engine.name().to_owned(),
            output_name: manifest.output.name.clone(),
            unlikeness_name: manifest.output.unlikeness.as_ref().map(|section| section.name.clone()),
            input_shape,
            converted: manifest.input.element.into(),
            output,
        })
    }

    /// What it runs on, and why.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// What ends its runs.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Name of its engine.
    pub(crate) fn engine_name(&self) -> &str {
        &self.engine_name
    }

    /// Runs the model a few times on nothing, so that the first answer that is waited for takes as long as the others.
    ///
    /// # Errors
    ///
    /// As [`Self::run`], and [`EngineError::TensorShape`].
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        let nothing = vec![0.0; self.input_shape.iter().product()];
        for _ in 0..WARM_UP_RUNS {
            self.run(&nothing)?.values()?;
        }
        Ok(())
    }

    /// Shape of the tensor it takes.
    pub fn input_shape(&self) -> [usize; 4] {
        self.input_shape
    }

    /// Runs the model on one tensor of [`Self::input_shape`], read where it lies; for a model that takes f16 or u8 its numbers
    /// are rounded to those.
    ///
    /// # Errors
    ///
    /// [`EngineError::TensorLength`] for a tensor of another length, [`EngineError::Run`] where the runtime fails.
    pub fn run(&mut self, tensor: &[f32]) -> Result<Output<'_>, EngineError> {
        let expected = self.input_shape.iter().product();
        if tensor.len() != expected {
            let engine = self.engine_name.clone();
            return Err(EngineError::TensorLength { engine, expected, found: tensor.len() });
        }
        let failed = |error: ort::Error| EngineError::Run {
            engine: self.engine_name.clone(),
            message: one_line(error.message()),
        };
        let shape = self.input_shape;
        let input = match &mut self.converted {
            Converted::F32 => TensorRef::from_array_view((shape, tensor)).map_err(failed)?.into_dyn(),
            Converted::F16(numbers) => {
                numbers.clear();
                numbers.extend(tensor.iter().map(|&x| f16::from_f32(x)));
                TensorRef::from_array_view((shape, numbers.as_slice())).map_err(failed)?.into_dyn()
            }
            Converted::U8(numbers) => {
                numbers.clear();
                // A cast of a float saturates at 0 and 255.
                numbers.extend(tensor.iter().map(|&x| (x + 0.5) as u8));
                TensorRef::from_array_view((shape, numbers.as_slice())).map_err(failed)?.into_dyn()
            }
        };
        let outputs =
            self.session.run_with_options(ort::inputs![input], self.breaker.begin()).map_err(failed)?;
        Ok(Output {
            outputs,
            engine_name: &self.engine_name,
            output_name: &self.output_name,
            unlikeness_name: self.unlikeness_name.as_deref(),
            shape: &self.output,
            widened: OnceCell::new(),
        })
    }
}

impl Output<'_> {
    /// The numbers; as many as the manifest implies.
    ///
    /// # Errors
    ///
    /// [`EngineError::TensorShape`] where a model with free axes gave another shape.
    pub fn values(&self) -> Result<OutputValues<'_>, EngineError> {
        let failed = |error: ort::Error| EngineError::Run {
            engine: self.engine_name.to_owned(),
            message: one_line(error.message()),
        };
        let value = self.outputs.get(self.output_name).ok_or_else(|| EngineError::Run {
            engine: self.engine_name.to_owned(),
            message: format!("it gave no '{}'", self.output_name),
        })?;
        let shape_fits = |shape: &Shape| {
            if self.shape.fits(shape) {
                return Ok(());
            }
            Err(EngineError::TensorShape {
                engine: self.engine_name.to_owned(),
                role: "output",
                name: self.output_name.to_owned(),
                expected: self.shape.to_string(),
                found: shape_text(shape),
            })
        };
        macro_rules! values {
            ($variant:ident, $type:ty) => {{
                let (shape, values) = value.try_extract_tensor::<$type>().map_err(failed)?;
                shape_fits(shape)?;
                Ok(OutputValues::$variant(values))
            }};
        }
        match value.dtype().tensor_type() {
            Some(TensorElementType::Uint8) => values!(U8, u8),
            Some(TensorElementType::Int32) => values!(I32, i32),
            Some(TensorElementType::Int64) => values!(I64, i64),
            Some(TensorElementType::Float16) => {
                let (shape, values) = value.try_extract_tensor::<f16>().map_err(failed)?;
                shape_fits(shape)?;
                let widened = || values.iter().map(|x| x.to_f32()).collect();
                Ok(OutputValues::F32(self.widened.get_or_init(widened)))
            }
            _ => values!(F32, f32),
        }
    }

    /// The number of the second output, as it is; `None` for an engine without one.
    ///
    /// # Errors
    ///
    /// [`EngineError::Run`] where the model did not give it.
    pub fn unlikeness(&self) -> Result<Option<f32>, EngineError> {
        let Some(name) = self.unlikeness_name else { return Ok(None) };
        let failed = |message: String| EngineError::Run { engine: self.engine_name.to_owned(), message };
        let value = self.outputs.get(name).ok_or_else(|| failed(format!("it gave no '{name}'")))?;
        let (_, values) =
            value.try_extract_tensor::<f32>().map_err(|error| failed(one_line(error.message())))?;
        match values {
            [score] => Ok(Some(*score)),
            other => Err(failed(format!("it gave {} numbers in '{name}', which holds one", other.len()))),
        }
    }

    /// The output's shape.
    pub fn shape(&self) -> Vec<usize> {
        let value = self.outputs.get(self.output_name);
        let shape = value.and_then(|value| value.dtype().tensor_shape());
        shape.map_or_else(Vec::new, |shape| shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect())
    }
}

/// Says why numbers other than f32 were chosen where nobody named them.
fn told(mut selection: Selection, options: &SessionOptions) -> Selection {
    if options.precision == PrecisionChoice::Auto && selection.precision != Precision::F32 {
        selection.why.push_str(&format!(
            "; in {} for the engine's parity figures pass the gates and it is faster here",
            selection.precision
        ));
    }
    selection
}

fn load_error(engine: &Engine, provider: Provider, precision: Precision, error: &ort::Error) -> EngineError {
    let (engine, message) = (engine.name().to_owned(), one_line(error.message()));
    ProviderError::Load { engine, provider, precision, message }.into()
}

/// A session of ONNX Runtime. With a provider, `whole` makes it an error that some operator would run elsewhere.
pub(crate) fn build(
    environment: &ort::environment::Environment,
    bytes: &[u8],
    options: &SessionOptions,
    provider: Option<ExecutionProviderDispatch>,
    whole: bool,
) -> Result<OrtSession, ort::Error> {
    let mut builder = OrtSession::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(options.threads.clamp(1, MAX_THREADS))?
        .with_inter_threads(1)?
        .with_intra_op_spinning(options.spinning)?
        // A planned block of memory a session costs megabytes and gains no time that could be measured.
        .with_memory_pattern(false)?;
    builder = match provider {
        Some(provider) => builder.with_execution_providers([provider])?,
        // The backend is named in every result: nothing is to be chosen behind its back.
        None => builder.with_auto_device(AutoDevicePolicy::PreferCPU)?,
    };
    if whole {
        builder = builder.with_disable_cpu_fallback()?;
    }
    if !runtime::log_is_wanted() {
        builder = builder.with_log_level(ort::logging::LogLevel::Fatal)?;
    }
    builder.commit_from_memory(bytes)
}

/// Shape of the tensor that a manifest describes.
pub(crate) fn input_shape(manifest: &Manifest) -> [usize; 4] {
    let (width, height) = (manifest.input.width as usize, manifest.input.height as usize);
    let channels = manifest.input.color.channels();
    match manifest.input.layout {
        Layout::Nchw => [1, channels, height, width],
        Layout::Nhwc => [1, height, width, channels],
    }
}

/// Checks a model's tensors against its manifest.
fn check(session: &OrtSession, manifest: &Manifest) -> Result<([usize; 4], OutputShape), EngineError> {
    let engine = &manifest.engine.name;
    if session.inputs().len() > 1 {
        return Err(EngineError::InputCount {
            engine: engine.clone(),
            count: session.inputs().len(),
            names: names(session.inputs()),
        });
    }
    let input = outlet(engine, "input", session.inputs(), &manifest.input.name)?;
    let expected = match manifest.input.element {
        Element::F32 => "a tensor of f32",
        Element::F16 => "a tensor of f16",
        Element::U8 => "a tensor of u8",
    };
    check_type(engine, "input", input, &[element_type(manifest.input.element)], expected)?;
    let (width, height) = (manifest.input.width as usize, manifest.input.height as usize);
    let input_shape = input_shape(manifest);
    let found = input.dtype().tensor_shape();
    if !found.is_some_and(|found| matches(found, &input_shape)) {
        return Err(EngineError::TensorShape {
            engine: engine.clone(),
            role: "input",
            name: input.name().to_owned(),
            expected: format!("{input_shape:?}"),
            found: found.map_or_else(String::new, shape_text),
        });
    }

    let output = outlet(engine, "output", session.outputs(), &manifest.output.name)?;
    let (types, expected): (&[TensorElementType], _) = match manifest.output.kind {
        OutputKind::Logits | OutputKind::Probabilities => {
            (&[TensorElementType::Float32, TensorElementType::Float16], "a tensor of f32 or f16")
        }
        OutputKind::Labels => (
            &[TensorElementType::Uint8, TensorElementType::Int32, TensorElementType::Int64],
            "a tensor of u8, i32 or i64",
        ),
    };
    check_type(engine, "output", output, types, expected)?;
    let shape =
        OutputShape { layout: manifest.output_layout(), channels: manifest.output_channels(), height, width };
    let found = output.dtype().tensor_shape();
    if !found.is_some_and(|found| shape.could_fit(found)) {
        return Err(EngineError::TensorShape {
            engine: engine.clone(),
            role: "output",
            name: output.name().to_owned(),
            expected: shape.to_string(),
            found: found.map_or_else(String::new, shape_text),
        });
    }
    if let Some(section) = &manifest.output.unlikeness {
        check_unlikeness(session, engine, &section.name)?;
    }
    Ok((input_shape, shape))
}

/// Checks the output that says how unlike the training data a picture is.
fn check_unlikeness(session: &OrtSession, engine: &str, name: &str) -> Result<(), EngineError> {
    let output =
        session.outputs().iter().find(|o| o.name() == name).ok_or_else(|| EngineError::NoUnlikeness {
            engine: engine.to_owned(),
            name: name.to_owned(),
            found: names(session.outputs()),
        })?;
    check_type(engine, "output", output, &[TensorElementType::Float32], "a tensor of f32")?;
    let found = output.dtype().tensor_shape();
    if found.is_some_and(|found| found.is_empty() || matches(found, &[1]) || matches(found, &[1, 1])) {
        return Ok(());
    }
    Err(EngineError::TensorShape {
        engine: engine.to_owned(),
        role: "output",
        name: name.to_owned(),
        expected: "[1] or [1, 1]".to_owned(),
        found: found.map_or_else(String::new, shape_text),
    })
}

fn names(outlets: &[Outlet]) -> String {
    outlets.iter().map(|o| format!("'{}'", o.name().escape_debug())).collect::<Vec<_>>().join(", ")
}

fn outlet<'s>(
    engine: &str,
    role: &'static str,
    outlets: &'s [Outlet],
    name: &str,
) -> Result<&'s Outlet, EngineError> {
    outlets.iter().find(|o| o.name() == name).ok_or_else(|| EngineError::TensorName {
        engine: engine.to_owned(),
        role,
        expected: name.to_owned(),
        found: if outlets.is_empty() { "none".to_owned() } else { names(outlets) },
    })
}

fn check_type(
    engine: &str,
    role: &'static str,
    outlet: &Outlet,
    types: &[TensorElementType],
    expected: &'static str,
) -> Result<(), EngineError> {
    let found = outlet.dtype().tensor_type();
    if found.is_some_and(|found| types.contains(&found)) {
        return Ok(());
    }
    Err(EngineError::TensorType {
        engine: engine.to_owned(),
        role,
        name: outlet.name().to_owned(),
        expected,
        found: found.map_or_else(|| "no tensor".to_owned(), |found| format!("a tensor of {found}")),
    })
}

/// Whether every axis is free (negative) or of the wanted length.
fn matches(found: &Shape, wanted: &[usize]) -> bool {
    found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(&f, &w)| f < 0 || usize::try_from(f) == Ok(w))
}

fn shape_text(shape: &Shape) -> String {
    let axes = shape.iter().map(|&axis| if axis < 0 { "?".to_owned() } else { axis.to_string() });
    format!("[{}]", axes.collect::<Vec<_>>().join(", "))
}

impl OutputShape {
    pub(crate) fn dimensions(&self) -> [usize; 4] {
        match self.layout {
            Layout::Nchw => [1, self.channels, self.height, self.width],
            Layout::Nhwc => [1, self.height, self.width, self.channels],
        }
    }

    /// Whether a declared shape, which can have free axes, allows this one. A shape that is not declared at all has
    /// no axes.
    fn could_fit(&self, declared: &Shape) -> bool {
        // Labels as ArgMax gives them, and scores whose one channel was squeezed away.
        let without_channel = self.channels == 1 && matches(declared, &[1, self.height, self.width]);
        declared.is_empty() || matches(declared, &self.dimensions()) || without_channel
    }

    fn fits(&self, shape: &Shape) -> bool {
        shape.iter().all(|&axis| axis >= 0) && !shape.is_empty() && self.could_fit(shape)
    }
}

impl std::fmt::Display for OutputShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.dimensions())
    }
}
