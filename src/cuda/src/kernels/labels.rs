//! What a model gives to probabilities and labels, at the model's size and at the source's.

use vesalius_measure::geometry::{Geometry, PointInFrame};

use super::preprocess::is_within;
use super::{Arguments, Kernel, MAX_CLASSES};
use crate::result::CudaError;
use crate::safe::{DeviceBuffer, Download, Kernels, Launch, Stream, Work};

/// What a model's numbers are, and what makes probabilities of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Scores, each channel by itself: 1/(1 + e⁻ˣ).
    Sigmoid,
    /// Scores that add up to 1 over the channels: softmax.
    Softmax,
    /// Probabilities already.
    Probabilities,
}

/// How a model's output is read: the output section of an engine's manifest. The numbers are floats of 32
/// bits.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRule {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether channels are the last axis (NHWC) instead of the second (NCHW).
    pub channels_last: bool,
    /// What the numbers are.
    pub kind: OutputKind,
    /// Scores are divided by it before they become probabilities; 1 leaves them as they are.
    pub temperature: f32,
    /// Channels; those beyond the classes come first and are background.
    pub channels: u32,
    /// The threshold of each class in probability; class 1 is the first.
    pub thresholds: Vec<f32>,
}

impl OutputRule {
    /// Bytes of the output.
    pub fn bytes(&self) -> usize {
        self.pixels() * self.channels as usize * 4
    }

    /// Pixels of a map.
    pub(super) fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    fn thresholds(&self) -> [f32; MAX_CLASSES] {
        let mut all = [f32::INFINITY; MAX_CLASSES];
        all.iter_mut().zip(&self.thresholds).for_each(|(slot, &threshold)| *slot = threshold);
        all
    }
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ProbabilitiesArgs {
    output: u64,
    maps: u64,
    labels: u64,
    bad_values: u64,
    width: u32,
    height: u32,
    content_x: u32,
    content_y: u32,
    content_width: u32,
    content_height: u32,
    channels: u32,
    classes: u32,
    kind: u32,
    nhwc: u32,
    temperature: f32,
    /// Always 0: keeps the size a multiple of 8.
    spare: u32,
    threshold: [f32; MAX_CLASSES],
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of labels.cu.
unsafe impl Arguments for ProbabilitiesArgs {
    const KERNEL: Kernel = Kernel::Probabilities;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct LabelSourceArgs {
    maps: u64,
    columns: u64,
    rows: u64,
    labels: u64,
    pitch: u32,
    width: u32,
    height: u32,
    model_width: u32,
    model_height: u32,
    classes: u32,
    threshold: [f32; MAX_CLASSES],
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of labels.cu.
unsafe impl Arguments for LabelSourceArgs {
    const KERNEL: Kernel = Kernel::LabelSource;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct LabelEdgeArgs {
    labels: u64,
    edges: u64,
    pitch: u32,
    edge_pitch: u32,
    width: u32,
    height: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of labels.cu.
unsafe impl Arguments for LabelEdgeArgs {
    const KERNEL: Kernel = Kernel::LabelEdge;
}

/// The axis taps of one geometry, on the device.
#[derive(Debug)]
struct SourceTaps {
    geometry: Geometry,
    columns: DeviceBuffer,
    rows: DeviceBuffer,
}

/// A mask of labels on the device: a class index a pixel, 0 for background.
#[derive(Clone, Debug)]
pub struct SourceLabels {
    /// Its memory, row by row.
    pub buffer: DeviceBuffer,
    /// Bytes from one row to the next.
    pub pitch: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl SourceLabels {
    /// Checks that the mask lies in its memory.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::TooSmall`].
    pub fn new(buffer: &DeviceBuffer, pitch: u32, width: u32, height: u32) -> Result<Self, CudaError> {
        if width == 0 || height == 0 || pitch < width {
            let why = format!("{width}x{height} pixels in rows of {pitch} bytes are no mask");
            return Err(CudaError::Unfit { what: "labelling", why });
        }
        buffer.require("a mask", pitch as usize * (height as usize - 1) + width as usize)?;
        Ok(Self { buffer: buffer.clone(), pitch, width, height })
    }
}

/// Reads a model's outputs by one rule, on one stream.
#[derive(Debug)]
pub struct Postprocessor {
    pub(super) kernels: Kernels,
    pub(super) stream: Stream,
    pub(super) rule: OutputRule,
    pub(super) maps: DeviceBuffer,
    labels: DeviceBuffer,
    bad_values: DeviceBuffer,
    taps: Option<SourceTaps>,
}

impl Postprocessor {
    /// Prepares for a rule.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a rule without pixels, with more than [`MAX_CLASSES`] classes, none, fewer
    /// channels than classes, or a temperature that is not positive; [`CudaError::Driver`].
    pub fn new(kernels: &Kernels, stream: &Stream, rule: &OutputRule) -> Result<Self, CudaError> {
        let classes = rule.thresholds.len();
        if !(1..=MAX_CLASSES).contains(&classes)
            || (rule.channels as usize) < classes
            || rule.channels as usize > MAX_CLASSES + 1
            || !(1..=65_535).contains(&rule.width)
            || !(1..=65_535).contains(&rule.height)
            || !rule.temperature.is_finite()
            || rule.temperature <= 0.0
        {
            let why = format!(
                "{classes} classes of {} channels of {}x{} at a temperature of {} are too few or too many",
                rule.channels, rule.width, rule.height, rule.temperature
            );
            return Err(CudaError::Unfit { what: "postprocessing", why });
        }
        let context = stream.context();
        Ok(Self {
            kernels: kernels.clone(),
            stream: stream.clone(),
            rule: rule.clone(),
            maps: DeviceBuffer::new(context, rule.pixels() * classes * 4)?,
            labels: DeviceBuffer::new(context, rule.pixels())?,
            bad_values: DeviceBuffer::new(context, 4)?,
            taps: None,
        })
    }

    /// The classes' maps, one after the other, as [`Self::probabilities`] last wrote them.
    pub fn maps(&self) -> &DeviceBuffer {
        &self.maps
    }

    /// The labels at the model's size, as [`Self::probabilities`] last wrote them.
    ///
    /// # Errors
    ///
    /// None for a rule that was accepted.
    pub fn labels(&self) -> Result<SourceLabels, CudaError> {
        SourceLabels::new(&self.labels, self.rule.width, self.rule.width, self.rule.height)
    }

    pub(super) fn check(&self, work: &Work<'_>, geometry: &Geometry) -> Result<(), CudaError> {
        let unfit = |why: &str| CudaError::Unfit { what: "postprocessing", why: why.to_owned() };
        if work.stream().raw() != self.stream.raw() {
            return Err(unfit("it works on one stream, and this is another"));
        }
        if (geometry.model_width, geometry.model_height) != (self.rule.width, self.rule.height) {
            return Err(unfit("the geometry is of a model of another size"));
        }
        if is_within(geometry) { Ok(()) } else { Err(unfit("the geometry reaches beyond its pictures")) }
    }

    /// Makes probability maps and labels of an output. What comes back counts the values that are no numbers
    /// or, of a model that gives probabilities, lie outside 0 to 1: four bytes, of which any but 0 makes the
    /// output void.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn probabilities(
        &mut self,
        work: &mut Work<'_>,
        output: &DeviceBuffer,
        geometry: &Geometry,
    ) -> Result<Download, CudaError> {
        self.check(work, geometry)?;
        output.require("the output", self.rule.bytes())?;
        for buffer in [output, &self.maps, &self.labels, &self.bad_values] {
            work.hold(buffer.clone());
        }
        work.fill(&self.bad_values, 0)?;
        let (rule, content) = (&self.rule, geometry.content);
        let arguments = ProbabilitiesArgs {
            output: output.ptr().0,
            maps: self.maps.ptr().0,
            labels: self.labels.ptr().0,
            bad_values: self.bad_values.ptr().0,
            width: rule.width,
            height: rule.height,
            content_x: content.x,
            content_y: content.y,
            content_width: content.width,
            content_height: content.height,
            channels: rule.channels,
            classes: rule.thresholds.len() as u32,
            kind: match rule.kind {
                OutputKind::Sigmoid => 0,
                OutputKind::Softmax => 1,
                OutputKind::Probabilities => 2,
            },
            nhwc: u32::from(rule.channels_last),
            temperature: rule.temperature,
            spare: 0,
            threshold: rule.thresholds(),
        };
        // SAFETY: output, maps and labels have been found or made large enough; the work holds them.
        unsafe { work.launch(&self.kernels, Launch::cover(rule.width, rule.height), &arguments) }?;
        work.download(&self.bad_values, 0, 4)
    }

    /// Labels the source: each class's map is brought to the source's size by bilinear interpolation between
    /// pixel centres; a pixel takes the most probable class of those that reach their threshold.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn label_source(
        &mut self,
        work: &mut Work<'_>,
        geometry: &Geometry,
        labels: &SourceLabels,
    ) -> Result<(), CudaError> {
        self.check(work, geometry)?;
        if (labels.width, labels.height) != (geometry.source_width, geometry.source_height) {
            let why = "the mask is not of the source's size".to_owned();
            return Err(CudaError::Unfit { what: "labelling", why });
        }
        if self.taps.as_ref().is_none_or(|taps| taps.geometry != *geometry) {
            self.taps = Some(self.source_taps(work, geometry)?);
        }
        let Some(taps) = &self.taps else { return Ok(()) };
        for buffer in [&self.maps, &taps.columns, &taps.rows, &labels.buffer] {
            work.hold(buffer.clone());
        }
        let arguments = LabelSourceArgs {
            maps: self.maps.ptr().0,
            columns: taps.columns.ptr().0,
            rows: taps.rows.ptr().0,
            labels: labels.buffer.ptr().0,
            pitch: labels.pitch,
            width: labels.width,
            height: labels.height,
            model_width: self.rule.width,
            model_height: self.rule.height,
            classes: self.rule.thresholds.len() as u32,
            threshold: self.rule.thresholds(),
        };
        // SAFETY: taps lie within the content and that within the maps; the mask lies in its memory; the work
        // holds all of them.
        unsafe { work.launch(&self.kernels, Launch::cover(labels.width, labels.height), &arguments) }
    }

    fn source_taps(&self, work: &mut Work<'_>, geometry: &Geometry) -> Result<SourceTaps, CudaError> {
        let point = |x: f64, y: f64| geometry.model_from_source(PointInFrame { x_px: x, y_px: y });
        let content = geometry.content;
        let columns = axis_taps(geometry.source_width, content.x, content.width, |x| point(x, 0.0).x_px);
        let rows = axis_taps(geometry.source_height, content.y, content.height, |y| point(0.0, y).y_px);
        let mut upload = |bytes: &[u8]| {
            let buffer = DeviceBuffer::new(self.stream.context(), bytes.len())?;
            work.upload(&buffer, 0, bytes)?;
            Ok::<_, CudaError>(buffer)
        };
        Ok(SourceTaps { geometry: *geometry, columns: upload(&columns)?, rows: upload(&rows)? })
    }

    /// Keeps the labels of pixels that have a neighbour above, below, left or right with another label, and
    /// clears the rest: outlines one pixel wide, inside. The picture's edge is none.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] when the masks differ in size, [`CudaError::OtherContext`],
    /// [`CudaError::Driver`].
    pub fn edges(
        &self,
        work: &mut Work<'_>,
        labels: &SourceLabels,
        edges: &SourceLabels,
    ) -> Result<(), CudaError> {
        if (labels.width, labels.height) != (edges.width, edges.height)
            || labels.buffer.ptr() == edges.buffer.ptr()
        {
            let why = "a mask and its edges are two, of one size".to_owned();
            return Err(CudaError::Unfit { what: "finding edges", why });
        }
        work.hold(labels.buffer.clone());
        work.hold(edges.buffer.clone());
        let arguments = LabelEdgeArgs {
            labels: labels.buffer.ptr().0,
            edges: edges.buffer.ptr().0,
            pitch: labels.pitch,
            edge_pitch: edges.pitch,
            width: labels.width,
            height: labels.height,
        };
        // SAFETY: both masks lie in their memory; the work holds them.
        unsafe { work.launch(&self.kernels, Launch::cover(labels.width, labels.height), &arguments) }
    }
}

/// `AxisTap` of labels.cu for each source pixel of an axis: lower neighbour, upper neighbour, the upper one's
/// weight.
fn axis_taps(source: u32, first: u32, count: u32, model_of: impl Fn(f64) -> f64) -> Vec<u8> {
    let (low, high) = (f64::from(first), f64::from(first + count - 1));
    (0..source)
        .flat_map(|i| {
            // Clamped to the content, so that no border pixel takes part.
            let at = model_of(f64::from(i)).clamp(low, high);
            let below = at.floor();
            let above = (below + 1.0).min(high);
            let weight = (at - below) as f32;
            [below as u32, above as u32, weight.to_bits()].map(u32::to_ne_bytes)
        })
        .flatten()
        .collect()
}
