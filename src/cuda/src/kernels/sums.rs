//! What is measured of a mask on the device: some hundred bytes a class come back, whatever the picture's
//! size.

use vesalius_measure::geometry::PixelRect;

use super::labels::SourceLabels;
use super::{Arguments, Kernel, MAX_CLASSES, u64s};
use crate::result::CudaError;
use crate::safe::{DeviceBuffer, Download, Fence, Kernels, Launch, Stream, Work};

/// Numbers a class, as in reduce.cu.
const FIELDS: usize = 14;
/// A tile that a block of threads walks over.
const TILE: (u32, u32) = (64, 32);

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ClassSumsArgs {
    labels: u64,
    sums: u64,
    pitch: u32,
    width: u32,
    height: u32,
    classes: u32,
    field_x: u32,
    field_y: u32,
    field_width: u32,
    field_height: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of reduce.cu.
unsafe impl Arguments for ClassSumsArgs {
    const KERNEL: Kernel = Kernel::ClassSums;
}

/// Sums over the pixels of one class, exact. Coordinates are those of pixel centres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSum {
    /// Pixels.
    pub count: u64,
    /// Sum of x.
    pub x: u64,
    /// Sum of y.
    pub y: u64,
    /// Sum of x².
    pub xx: u64,
    /// Sum of x·y.
    pub xy: u64,
    /// Sum of y².
    pub yy: u64,
    /// First and last column and row that have a pixel: left, top, right, bottom. `None` without pixels.
    pub bounds: Option<[u32; 4]>,
    /// Pixels on the field's first column, last column, first row and last row.
    pub contact: [u64; 4],
}

impl ClassSum {
    /// Centroid, x and y in pixels; `None` without pixels.
    pub fn centroid(&self) -> Option<(f64, f64)> {
        let count = self.count as f64;
        (self.count > 0).then(|| (self.x as f64 / count, self.y as f64 / count))
    }

    /// Central second moments a pixel: xx, xy and yy in square pixels; `None` without pixels.
    ///
    /// The pixels' own extent (1/12 on xx and yy) is not in them.
    pub fn central_moments(&self) -> Option<[f64; 3]> {
        let n = i128::from(self.count);
        // Whole numbers until the division: the difference of large sums would lose digits in floats.
        let central = |sum: u64, a: u64, b: u64| {
            (n * i128::from(sum) - i128::from(a) * i128::from(b)) as f64 / (n as f64 * n as f64)
        };
        (n > 0).then(|| {
            [
                central(self.xx, self.x, self.x),
                central(self.xy, self.x, self.y),
                central(self.yy, self.y, self.y),
            ]
        })
    }

    fn from_fields(fields: &[u64; FIELDS]) -> Self {
        let [count, x, y, xx, xy, yy, left, top, right, bottom, contact @ ..] = *fields;
        let mirrored = |v: u64| (u64::from(u32::MAX) - v) as u32;
        let bounds = (count > 0).then(|| [mirrored(left), mirrored(top), right as u32, bottom as u32]);
        Self { count, x, y, xx, xy, yy, bounds, contact }
    }
}

/// Sums over masks of up to some classes, on one stream.
#[derive(Debug)]
pub struct ClassSums {
    kernels: Kernels,
    stream: Stream,
    sums: DeviceBuffer,
    classes: usize,
}

/// Sums on their way to the host.
#[derive(Debug)]
pub struct ClassSumsReader {
    download: Download,
}

impl ClassSumsReader {
    /// One sum a class, class 1 first. `fence` is that of the work that made them.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn read(&self, fence: &Fence) -> Result<Vec<ClassSum>, CudaError> {
        let numbers: Vec<u64> = u64s(self.download.wait(fence)?).collect();
        Ok(numbers.as_chunks::<FIELDS>().0.iter().map(ClassSum::from_fields).collect())
    }
}

impl ClassSums {
    /// Prepares for masks of `classes` classes.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for none or more than [`MAX_CLASSES`], [`CudaError::Driver`].
    pub fn new(kernels: &Kernels, stream: &Stream, classes: usize) -> Result<Self, CudaError> {
        if !(1..=MAX_CLASSES).contains(&classes) {
            let why = format!("{classes} classes are not 1 to {MAX_CLASSES}");
            return Err(CudaError::Unfit { what: "summing", why });
        }
        let sums = DeviceBuffer::new(stream.context(), classes * FIELDS * 8)?;
        Ok(Self { kernels: kernels.clone(), stream: stream.clone(), sums, classes })
    }

    /// Sums over a mask. Pixels outside `field` do not count, and contact is counted at its edges: the whole
    /// picture, or the part of it that the model saw.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a field that is empty or reaches beyond the mask or work on another stream,
    /// [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn sum(
        &self,
        work: &mut Work<'_>,
        labels: &SourceLabels,
        field: PixelRect,
    ) -> Result<ClassSumsReader, CudaError> {
        let unfit = |why: &str| CudaError::Unfit { what: "summing", why: why.to_owned() };
        if work.stream().raw() != self.stream.raw() {
            return Err(unfit("it works on one stream, and this is another"));
        }
        let inside = |first: u32, count: u32, size: u32| {
            count > 0 && first.checked_add(count).is_some_and(|end| end <= size)
        };
        if !inside(field.x, field.width, labels.width) || !inside(field.y, field.height, labels.height) {
            return Err(unfit("the field does not lie within the mask"));
        }
        work.fill(&self.sums, 0)?;
        work.hold(labels.buffer.clone());
        let arguments = ClassSumsArgs {
            labels: labels.buffer.ptr().0,
            sums: self.sums.ptr().0,
            pitch: labels.pitch,
            width: labels.width,
            height: labels.height,
            classes: self.classes as u32,
            field_x: field.x,
            field_y: field.y,
            field_width: field.width,
            field_height: field.height,
        };
        let tiles = labels.width.div_ceil(TILE.0) * labels.height.div_ceil(TILE.1);
        // SAFETY: the mask lies in its memory, the sums have a place for each class; the work holds both.
        unsafe { work.launch(&self.kernels, Launch::blocks(tiles), &arguments) }?;
        Ok(ClassSumsReader { download: work.download(&self.sums, 0, self.sums.len())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_bar() {
        // Pixels (10, 5), (11, 5), (12, 5).
        let sum = ClassSum { count: 3, x: 33, y: 15, xx: 365, xy: 165, yy: 75, ..ClassSum::default() };
        assert_eq!(sum.centroid(), Some((11.0, 5.0)));
        let [xx, xy, yy] = sum.central_moments().unwrap();
        assert!((xx - 2.0 / 3.0).abs() < 1e-12 && xy == 0.0 && yy == 0.0);
        assert_eq!(ClassSum::default().centroid(), None);
    }
}
