//! An engine on pictures that lie on the GPU: only the maps of its classes come to the computer.
//!
//! ```text
//! DevicePicture ─ preprocess.cu ─► tensor ─ ONNX Runtime, bound to it ─► output ─ labels.cu ─► maps ─► host: outlines
//! ```
//!
//! One stream orders all of it, and the host waits once, for the maps. Kernels, sessions and clean-up give the same bits as
//! a [`Worker`](crate::Worker) does where the session runs on the same provider.
#![allow(unsafe_code)] // A session is bound to memory and to a stream; see `DeviceWorker::new`.

use std::sync::Arc;
use std::time::Instant;

use ort::value::TensorElementType;
use vesalius_cuda::kernels::{self, Floats, InputColor, InputRule, OutputRule};
use vesalius_cuda::{CudaError, DeviceBuffer, DevicePicture, Download, Fence, Kernels, Stream};
use vesalius_measure::frame::Frame;
use vesalius_measure::geometry::{Geometry, ResizeRule};

use crate::binding::{BoundSession, TensorPlace};
use crate::engine::{Engine, FrameOutput, nanos, stage_times};
use crate::error::EngineError;
use crate::manifest::{
    Activation, Color, Element, Filter, InputSection, Layout, Manifest, OutputKind, Precision,
};
use crate::postprocess::Postprocessor;
use crate::provider::choose::Selection;
use crate::provider::options::{GpuOptions, Stream as ProviderStream};
use crate::session::{OutputValues, SessionOptions};

/// Runs an engine on pictures on a device, one at a time.
#[derive(Debug)]
pub struct DeviceWorker {
    // Dropped in this order: the session lets go of tensors and stream before they go.
    session: BoundSession,
    reader: Reader,
    preprocessor: kernels::Preprocessor,
    postprocessor: Postprocessor,
    input: DeviceBuffer,
    output: DeviceBuffer,
    /// For pictures that come from the computer; made with the first, and as large as the largest.
    uploaded: Option<DeviceBuffer>,
    /// One f32 that says how unlike the training data the picture is, for engines that say so.
    unlikeness: Option<DeviceBuffer>,
    stream: Stream,
    resize: ResizeRule,
    model_size: (u32, u32),
}

/// How an output is read.
#[derive(Debug)]
enum Reader {
    /// Scores become probabilities on the device.
    Scores { kernels: Box<kernels::Postprocessor>, map_bytes: usize },
    /// Labels come over as they are.
    Labels { element: TensorElementType, bytes: usize },
}

/// What is on its way from the device, and when it will be there.
struct UnderWay {
    /// Numbers that are none, counted: four bytes, for scores.
    bad_values: Option<Download>,
    unlikeness: Option<Download>,
    values: Download,
    done: Fence,
}

impl DeviceWorker {
    /// Loads an engine's model into a session of its own, on a stream of its own in the context that `kernels` are
    /// loaded in. That must be the device's primary context, in which ONNX Runtime works.
    ///
    /// # Errors
    ///
    /// As [`Session::load`](crate::session::Session::load), and [`EngineError::Device`].
    pub fn new(engine: &Engine, options: &SessionOptions, kernels: &Kernels) -> Result<Self, EngineError> {
        let manifest = engine.manifest();
        let refused = |problem| EngineError::OnDevice { engine: engine.name().to_owned(), problem };
        if manifest.input.element == Element::U8 {
            return Err(refused("it takes bytes"));
        }
        if manifest.input.filter != Filter::LinearAntialias {
            return Err(refused("its resize filter is another than linear-antialias"));
        }
        let context = kernels.context();
        let stream = Stream::new(context)?;
        let rule = input_rule(&manifest.input);
        let (width, height) = (manifest.input.width, manifest.input.height);
        let pixels = width as usize * height as usize;
        let mut scores = output_rule(manifest);
        let input = DeviceBuffer::new(context, rule.bytes())?;
        if !engine.select(options)?.provider.is_gpu() && !input.is_seen_by_host() {
            let why = "the processor runs it and does not see the GPU's memory".to_owned();
            return Err(CudaError::Unfit { what: "running the engine", why }.into());
        }
        // Labels are at most whole numbers of 64 bits.
        let output = DeviceBuffer::new(context, scores.as_ref().map_or(8 * pixels, OutputRule::bytes))?;
        let unlikeness = match &manifest.output.unlikeness {
            Some(_) => Some(DeviceBuffer::new(context, 4)?),
            None => None,
        };
        let preprocessor = kernels::Preprocessor::new(kernels, &stream, &rule)?;
        // Warming up runs on whatever lies there, which must be numbers.
        let mut work = stream.begin();
        work.fill(&input, 0)?;
        work.fill(&output, 0)?;
        if let Some(unlikeness) = &unlikeness {
            work.fill(unlikeness, 0)?;
        }
        work.finish()?.block()?;
        let raw: *mut std::ffi::c_void = std::ptr::without_provenance_mut(stream.raw().0);
        // SAFETY: the stream is a field of this worker and declared after the session, so it outlives it; its context is
        // the primary one by this function's contract.
        let provider_stream = unsafe { ProviderStream::from_raw(raw) };
        let gpu = GpuOptions {
            device: context.device().ordinal,
            stream: Some(provider_stream),
            ..options.gpu.clone()
        };
        let options = SessionOptions { gpu, ..options.clone() };
        let place =
            |buffer: &DeviceBuffer| TensorPlace { address: buffer.ptr().0 as usize, bytes: buffer.len() };
        // SAFETY: all are memory of the device, aligned by its allocator to 256 bytes and more, allocations of their own, and
        // fields of this worker that are dropped after the session. Nobody touches them between `run` and the fence
        // that `process` waits for: `process` takes `&mut self`.
        let session = unsafe {
            BoundSession::load(
                engine,
                &options,
                place(&input),
                place(&output),
                unlikeness.as_ref().map(place),
            )
        }?;
        if session.output_element() == TensorElementType::Float16 {
            return Err(refused("it gives f16"));
        }
        let precision = session.selection().precision;
        if let Some(rule) = &mut scores {
            rule.temperature = manifest.temperature(precision);
        }
        let reader = match &scores {
            Some(rule) => Reader::Scores {
                kernels: Box::new(kernels::Postprocessor::new(kernels, &stream, rule)?),
                map_bytes: 4 * pixels * manifest.classes.len(),
            },
            None => {
                let element = session.output_element();
                let size = match element {
                    TensorElementType::Uint8 => 1,
                    TensorElementType::Int32 => 4,
                    _ => 8,
                };
                Reader::Labels { element, bytes: size * pixels }
            }
        };
        Ok(Self {
            session,
            reader,
            preprocessor,
            postprocessor: Postprocessor::new(manifest, precision, engine.classes()),
            input,
            output,
            uploaded: None,
            unlikeness,
            stream,
            resize: manifest.input.resize,
            model_size: (width, height),
        })
    }

    /// What it runs on, and why.
    pub fn selection(&self) -> &Selection {
        self.session.selection()
    }

    /// The stream that orders its work.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Takes a picture of the computer's memory to the device, once, and there all the way to outlines.
    ///
    /// # Errors
    ///
    /// As [`process`](Self::process).
    pub fn process_frame(
        &mut self,
        frame: &Frame<'_>,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<FrameOutput, EngineError> {
        let start = Instant::now();
        let layout = |plane| frame.format().plane_layout(plane, frame.width(), frame.height());
        let bytes = (0..frame.format().planes()).map(layout).map(|plane| plane.row_bytes * plane.rows).sum();
        let buffer = match self.uploaded.take().filter(|buffer| buffer.len() >= bytes) {
            Some(buffer) => buffer,
            None => DeviceBuffer::new(self.stream.context(), bytes)?,
        };
        let mut work = self.stream.begin();
        let picture = work.upload_picture(frame, &buffer)?;
        work.finish()?;
        self.uploaded = Some(buffer);
        let upload_ns = nanos(start.elapsed());
        let mut output = self.process(&picture, None, pixel_aspect_ratio)?;
        output.times.preprocess_ns = output.times.preprocess_ns.map(|ns| ns + upload_ns);
        Ok(output)
    }

    /// Takes a picture all the way to outlines, after the work before `written` where that is on another stream. An
    /// error leaves the worker fit for the next picture, unless it is [sticky](CudaError::is_sticky).
    ///
    /// # Errors
    ///
    /// [`EngineError`] of kind [`Frame`](crate::error::EngineErrorKind::Frame) or
    /// [`Inference`](crate::error::EngineErrorKind::Inference).
    pub fn process(
        &mut self,
        picture: &DevicePicture,
        written: Option<&Fence>,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<FrameOutput, EngineError> {
        let start = Instant::now();
        let size = (picture.width() as u32, picture.height() as u32);
        let geometry = Geometry::new(size, self.model_size, self.resize, pixel_aspect_ratio)?;
        if let Some(written) = written {
            self.stream.wait(written)?;
        }
        let mut work = self.stream.begin();
        self.preprocessor.process(&mut work, picture, &geometry, &self.input)?;
        let prepared = work.finish()?;
        let queued = Instant::now();
        if !self.selection().provider.is_gpu() {
            // The processor knows nothing of streams: this is how the order is proven without a GPU.
            prepared.block()?;
        }
        if let Err(error) = self.session.run() {
            // A lost context is told by the driver; ONNX Runtime has only words for it.
            self.stream.synchronize()?;
            return Err(error);
        }
        let under_way = self.fetch(&geometry)?;
        let bytes = under_way.values.wait(&under_way.done)?;
        // All of it is done: the picture is given back now, and not with the next one.
        self.stream.collect();
        let inferred = Instant::now();
        let found = match &self.reader {
            Reader::Scores { .. } => {
                let bad = under_way.bad_values.as_ref().map(|bad| bad.wait(&under_way.done)).transpose()?;
                let bad = bad.is_some_and(|count| count.iter().any(|&b| b != 0));
                let maps = bytes.chunks_exact(4 * self.pixels()).map(floats).collect();
                self.postprocessor.process_maps(maps, bad, &geometry)?
            }
            Reader::Labels { element, .. } => match element {
                TensorElementType::Uint8 => self.postprocessor.process(OutputValues::U8(bytes), &geometry)?,
                TensorElementType::Int32 => {
                    let labels: Vec<i32> =
                        bytes.as_chunks().0.iter().map(|b| i32::from_ne_bytes(*b)).collect();
                    self.postprocessor.process(OutputValues::I32(&labels), &geometry)?
                }
                _ => {
                    let labels: Vec<i64> =
                        bytes.as_chunks().0.iter().map(|b| i64::from_ne_bytes(*b)).collect();
                    self.postprocessor.process(OutputValues::I64(&labels), &geometry)?
                }
            },
        };
        let score = under_way.unlikeness.as_ref().map(|number| number.wait(&under_way.done)).transpose()?;
        let score = score.and_then(|bytes| bytes.first_chunk().map(|b| f32::from_ne_bytes(*b)));
        let unlikeness = self.postprocessor.unlikeness(score)?;
        let times = stage_times(start, queued, inferred);
        Ok(FrameOutput { geometry, classes: found.classes, unlikeness, times })
    }

    /// Pixels of the model's picture, at least one.
    fn pixels(&self) -> usize {
        self.model_size.0 as usize * self.model_size.1 as usize
    }

    /// Queues what is read of the output.
    fn fetch(&mut self, geometry: &Geometry) -> Result<UnderWay, CudaError> {
        let mut work = self.stream.begin();
        let (bad_values, values) = match &mut self.reader {
            Reader::Scores { kernels, map_bytes } => {
                let bad = kernels.probabilities(&mut work, &self.output, geometry)?;
                (Some(bad), work.download(kernels.maps(), 0, *map_bytes)?)
            }
            Reader::Labels { bytes, .. } => (None, work.download(&self.output, 0, *bytes)?),
        };
        let unlikeness = match &self.unlikeness {
            Some(number) => Some(work.download(number, 0, 4)?),
            None => None,
        };
        Ok(UnderWay { bad_values, unlikeness, values, done: work.finish()? })
    }
}

fn floats(bytes: &[u8]) -> Arc<[f32]> {
    bytes.as_chunks().0.iter().map(|b| f32::from_ne_bytes(*b)).collect()
}

fn input_rule(input: &InputSection) -> InputRule {
    // One number for all channels is written once; the manifest's check sees to one or as many as there are.
    let each = |numbers: &[f32], missing: f32| {
        let first = numbers.first().copied().unwrap_or(missing);
        std::array::from_fn(|channel| numbers.get(channel).copied().unwrap_or(first))
    };
    InputRule {
        width: input.width,
        height: input.height,
        channels_last: input.layout == Layout::Nhwc,
        color: match input.color {
            Color::Gray => InputColor::Gray,
            Color::Rgb => InputColor::Rgb,
            Color::Bgr => InputColor::Bgr,
        },
        range: input.range,
        mean: each(&input.mean, 0.0),
        std: each(&input.std, 1.0),
        pad: input.pad,
        floats: if input.element == Element::F16 { Floats::F16 } else { Floats::F32 },
    }
}

/// `None` for a model that gives labels. The temperature is that of f32 until it is known what the model runs in.
fn output_rule(manifest: &Manifest) -> Option<OutputRule> {
    let kind = match (manifest.output.kind, manifest.output.activation) {
        (OutputKind::Labels, _) => return None,
        (OutputKind::Probabilities, _) => kernels::OutputKind::Probabilities,
        (OutputKind::Logits, Activation::Sigmoid) => kernels::OutputKind::Sigmoid,
        (OutputKind::Logits, _) => kernels::OutputKind::Softmax,
    };
    Some(OutputRule {
        width: manifest.input.width,
        height: manifest.input.height,
        channels_last: manifest.output_layout() == Layout::Nhwc,
        kind,
        temperature: manifest.temperature(Precision::F32),
        channels: u32::try_from(manifest.output_channels()).unwrap_or(u32::MAX),
        thresholds: manifest.classes.iter().map(|class| class.threshold).collect(),
    })
}
