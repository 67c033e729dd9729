//! The edge of a class's probability map: what an outline is made of, and nothing more.
//!
//! An iso-line is interpolated between pixels on either side of the threshold. Those pixels' values and one
//! bit for each of the others give the very outlines that the whole map gives, in a tenth of the bytes.

use vesalius_measure::geometry::Geometry;
use vesalius_measure::mask::ProbabilityMap;

use super::labels::Postprocessor;
use super::{Arguments, Kernel, u32s};
use crate::result::CudaError;
use crate::safe::{DeviceBuffer, Download, Fence, Launch, Work};

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct EdgeBandArgs {
    map: u64,
    inside: u64,
    band: u64,
    count: u64,
    width: u32,
    height: u32,
    content_x: u32,
    content_y: u32,
    content_width: u32,
    content_height: u32,
    capacity: u32,
    threshold: f32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of labels.cu.
unsafe impl Arguments for EdgeBandArgs {
    const KERNEL: Kernel = Kernel::EdgeBand;
}

/// One class's edge, on its way to the host or there.
#[derive(Debug)]
pub struct EdgeBand {
    width: u32,
    height: u32,
    threshold: f32,
    capacity: u32,
    download: Download,
}

/// Where the parts of a band lie in its buffer, in bytes: the count, the bits, the values.
fn layout(width: u32, height: u32, capacity: u32) -> (usize, usize, usize) {
    let bits = width.div_ceil(32) as usize * height as usize * 4;
    (8, 8 + bits, 8 + bits + 8 * capacity as usize)
}

impl EdgeBand {
    /// Bytes of a buffer for a band of up to `capacity` pixels of a map.
    pub fn bytes(width: u32, height: u32, capacity: u32) -> usize {
        layout(width, height, capacity).2
    }

    /// The map with its edge's values and elsewhere 0 or 1: it has the outlines, at the band's threshold, of
    /// the map on the device. `fence` is that of the work that made it. `None` where the edge has more pixels
    /// than the band can hold: then the whole map has to come.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn map(&self, fence: &Fence) -> Result<Option<ProbabilityMap>, CudaError> {
        let bytes = self.download.wait(fence)?;
        let (bits_at, band_at, _) = layout(self.width, self.height, self.capacity);
        let Some(count) = u32s(bytes).next().filter(|count| *count <= self.capacity) else { return Ok(None) };
        let words: Vec<u32> = u32s(bytes.get(bits_at..band_at).unwrap_or(&[])).collect();
        let (width, words_a_row) = (self.width as usize, self.width.div_ceil(32) as usize);
        let inside = |i: usize| {
            let (x, y) = (i % width, i / width);
            words.get(y * words_a_row + x / 32).is_some_and(|word| word >> (x % 32) & 1 == 1)
        };
        let high = self.threshold.max(1.0);
        let mut values: Vec<f32> =
            (0..width * self.height as usize).map(|i| if inside(i) { high } else { 0.0 }).collect();
        let band: Vec<u32> = u32s(bytes.get(band_at..).unwrap_or(&[])).take(2 * count as usize).collect();
        for pair in band.as_chunks::<2>().0 {
            let [at, value] = *pair;
            if let Some(slot) = values.get_mut(at as usize) {
                *slot = f32::from_bits(value);
            }
        }
        Ok(ProbabilityMap::new(width, self.height as usize, values).ok())
    }
}

impl Postprocessor {
    /// Brings the edge of class `class` (1 for the first) to the host, through `buffer`, which is of
    /// [`EdgeBand::bytes`] for `capacity` pixels.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a class that there is not, [`CudaError::TooSmall`],
    /// [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn edge_band(
        &self,
        work: &mut Work<'_>,
        geometry: &Geometry,
        class: usize,
        buffer: &DeviceBuffer,
        capacity: u32,
    ) -> Result<EdgeBand, CudaError> {
        self.check(work, geometry)?;
        let index = class.checked_sub(1);
        let Some((index, &threshold)) = index.and_then(|i| Some((i, self.rule.thresholds.get(i)?))) else {
            let why = format!("there is no class {class}");
            return Err(CudaError::Unfit { what: "finding an edge", why });
        };
        let (width, height) = (self.rule.width, self.rule.height);
        let (bits_at, band_at, bytes) = layout(width, height, capacity);
        buffer.require("an edge", bytes)?;
        work.fill(buffer, 0)?;
        work.hold(self.maps.clone());
        let content = geometry.content;
        let at = |offset: usize| buffer.ptr().offset(offset as u64).0;
        let arguments = EdgeBandArgs {
            map: self.maps.ptr().offset((index * self.rule.pixels() * 4) as u64).0,
            inside: at(bits_at),
            band: at(band_at),
            count: at(0),
            width,
            height,
            content_x: content.x,
            content_y: content.y,
            content_width: content.width,
            content_height: content.height,
            capacity,
            threshold,
        };
        // SAFETY: the map is one of the rule's classes, the parts lie in the buffer, which was found large
        // enough; the work holds both.
        unsafe { work.launch(&self.kernels, Launch::cover(width.div_ceil(32), height), &arguments) }?;
        let download = work.download(buffer, 0, bytes)?;
        Ok(EdgeBand { width, height, threshold, capacity, download })
    }
}
