//! How far the whole picture has moved since the one before.
//!
//! Both pictures are reduced to boxes' mean luma, and every shift of whole boxes within reach is scored by
//! the mean absolute difference over what both show; the least, refined by a parabola on either axis, is the
//! shift. It says what a hand-held probe or a patient's breath did to all of the picture, for a mask of a
//! moment ago to be moved along; it is no optical flow and knows nothing of parts that move by themselves.

use super::{Arguments, Kernel, RawPicture, u32s};
use crate::result::CudaError;
use crate::safe::{DeviceBuffer, DevicePicture, Download, Fence, Kernels, Launch, Stream, Work};

/// The longer side of a reduced picture is at most this.
const LONGEST: u32 = 192;
/// Farthest shift that is looked at, in boxes.
const MAX_REACH: u32 = 32;

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ReduceLumaArgs {
    picture: RawPicture,
    out: u64,
    factor: u32,
    width: u32,
    height: u32,
    reserved: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of shift.cu.
unsafe impl Arguments for ReduceLumaArgs {
    const KERNEL: Kernel = Kernel::ReduceLuma;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ShiftScoresArgs {
    before: u64,
    now: u64,
    scores: u64,
    width: u32,
    height: u32,
    reach: u32,
    reserved: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of shift.cu.
unsafe impl Arguments for ShiftScoresArgs {
    const KERNEL: Kernel = Kernel::ShiftScores;
}

/// A shift of the whole picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// How far to the right what was seen has moved, in pixels of the picture.
    pub dx_px: f64,
    /// How far down.
    pub dy_px: f64,
    /// Mean absolute difference at the best whole shift, in luma steps.
    pub residual: f64,
    /// Mean absolute difference without a shift.
    pub residual_at_rest: f64,
    /// Whether the best shift lies at the edge of what was looked at: the true one can be farther.
    pub is_at_limit: bool,
}

/// Finds shifts from picture to picture, on one stream.
#[derive(Debug)]
pub struct ShiftFinder {
    kernels: Kernels,
    stream: Stream,
    /// Two reduced pictures: the one before and the new one, in turn.
    reduced: [DeviceBuffer; 2],
    scores: DeviceBuffer,
    size: (usize, usize),
    factor: u32,
    width: u32,
    height: u32,
    reach: u32,
    /// How many pictures have been seen.
    seen: u64,
}

/// Scores on their way to the host.
#[derive(Debug)]
pub struct ShiftScores {
    download: Download,
    factor: u32,
    width: u32,
    height: u32,
    reach: u32,
}

impl ShiftFinder {
    /// Prepares for pictures of a size and shifts of up to `reach_px` pixels along either axis.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a picture of fewer than 16 boxes, [`CudaError::Driver`].
    pub fn new(
        kernels: &Kernels,
        stream: &Stream,
        width: usize,
        height: usize,
        reach_px: u32,
    ) -> Result<Self, CudaError> {
        let size = (width, height);
        let (w, h) = (width.min(65_535) as u32, height.min(65_535) as u32);
        let factor = w.max(h).div_ceil(LONGEST).max(1);
        let (width, height) = (w / factor, h / factor);
        if width < 4 || height < 4 {
            let why = format!("a picture of {w}x{h} pixels is too small");
            return Err(CudaError::Unfit { what: "finding a shift", why });
        }
        // Half of the picture is seen in both at least.
        let reach = reach_px.div_ceil(factor).clamp(1, MAX_REACH).min(width.min(height) / 2);
        let context = stream.context();
        let reduced = || DeviceBuffer::new(context, width as usize * height as usize);
        let side = 2 * reach as usize + 1;
        Ok(Self {
            kernels: kernels.clone(),
            stream: stream.clone(),
            reduced: [reduced()?, reduced()?],
            scores: DeviceBuffer::new(context, side * side * 4)?,
            size,
            factor,
            width,
            height,
            reach,
            seen: 0,
        })
    }

    /// Pixels a box, along either axis.
    pub fn box_px(&self) -> u32 {
        self.factor
    }

    /// Forgets the picture before: at a discontinuity.
    pub fn reset(&mut self) {
        self.seen = 0;
    }

    /// Takes a picture; gives the scores against the one before, if there was one.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a picture of another size or work on another stream,
    /// [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn push(
        &mut self,
        work: &mut Work<'_>,
        picture: &DevicePicture,
    ) -> Result<Option<ShiftScores>, CudaError> {
        let unfit = |why: &str| CudaError::Unfit { what: "finding a shift", why: why.to_owned() };
        if work.stream().raw() != self.stream.raw() {
            return Err(unfit("it works on one stream, and this is another"));
        }
        if (picture.width(), picture.height()) != self.size {
            return Err(unfit("the picture is of another size"));
        }
        let [first, second] = &self.reduced;
        let (before, now) = if self.seen.is_multiple_of(2) { (second, first) } else { (first, second) };
        work.hold_picture(picture)?;
        work.hold(now.clone());
        let arguments = ReduceLumaArgs {
            picture: picture.raw(),
            out: now.ptr().0,
            factor: self.factor,
            width: self.width,
            height: self.height,
            reserved: 0,
        };
        // SAFETY: whole boxes alone are read, and there is a byte for each; the work holds both.
        unsafe { work.launch(&self.kernels, Launch::cover(self.width, self.height), &arguments) }?;
        self.seen += 1;
        if self.seen == 1 {
            return Ok(None);
        }
        work.hold(before.clone());
        let arguments = ShiftScoresArgs {
            before: before.ptr().0,
            now: now.ptr().0,
            scores: self.scores.ptr().0,
            width: self.width,
            height: self.height,
            reach: self.reach,
            reserved: 0,
        };
        let side = 2 * self.reach + 1;
        // SAFETY: both pictures are of that size, the scores have a place for each shift; the work holds all
        // of them.
        unsafe { work.launch(&self.kernels, Launch::blocks(side * side), &arguments) }?;
        let download = work.download(&self.scores, 0, self.scores.len())?;
        let Self { factor, width, height, reach, .. } = *self;
        Ok(Some(ShiftScores { download, factor, width, height, reach }))
    }
}

impl ShiftScores {
    /// The sums of absolute differences, row by row from the shift of minus the reach on either axis on.
    /// `fence` is that of the work that made them.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn sums(&self, fence: &Fence) -> Result<Vec<u32>, CudaError> {
        Ok(u32s(self.download.wait(fence)?).collect())
    }

    /// The best shift.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn shift(&self, fence: &Fence) -> Result<Shift, CudaError> {
        let sums = self.sums(fence)?;
        Ok(best_shift(&sums, (self.width, self.height), self.reach, self.factor))
    }
}

/// The best of shifts by their sums; of equals, the one nearest to rest.
fn best_shift(sums: &[u32], (width, height): (u32, u32), reach: u32, factor: u32) -> Shift {
    let (reach, side) = (i64::from(reach), 2 * i64::from(reach) + 1);
    let mean = |dx: i64, dy: i64| {
        let sum = usize::try_from((dy + reach) * side + dx + reach).ok().and_then(|i| sums.get(i)).copied();
        let pixels = (i64::from(width) - dx.abs()) * (i64::from(height) - dy.abs());
        f64::from(sum.unwrap_or(u32::MAX)) / pixels.max(1) as f64
    };
    let shifts = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
    let far = |(x, y): (i64, i64)| x * x + y * y;
    let (dx, dy) = shifts.fold((0, 0), |best, next| {
        let order = mean(next.0, next.1).total_cmp(&mean(best.0, best.1));
        if order.then(far(next).cmp(&far(best))).is_lt() { next } else { best }
    });
    let is_at_limit = dx.abs() == reach || dy.abs() == reach;
    // The vertex of the parabola through three scores.
    let refine = |before: f64, at: f64, after: f64| {
        let bend = before - 2.0 * at + after;
        if bend > 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
    };
    let at = mean(dx, dy);
    let (fx, fy) = if is_at_limit || at == 0.0 {
        (0.0, 0.0)
    } else {
        (refine(mean(dx - 1, dy), at, mean(dx + 1, dy)), refine(mean(dx, dy - 1), at, mean(dx, dy + 1)))
    };
    let factor = f64::from(factor);
    Shift {
        dx_px: (dx as f64 + fx) * factor,
        dy_px: (dy as f64 + fy) * factor,
        residual: at,
        residual_at_rest: mean(0, 0),
        is_at_limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equals_the_nearest_to_rest_is_taken() {
        // All zero: a picture without anything in it has not moved.
        let shift = best_shift(&[0; 25], (20, 20), 2, 4);
        assert_eq!((shift.dx_px, shift.dy_px, shift.is_at_limit), (0.0, 0.0, false));
        let mut sums = [1000; 25];
        // (1, -1) and (2, 2) are equally good for their areas.
        sums[8] = 0;
        sums[24] = 0;
        let shift = best_shift(&sums, (20, 20), 2, 4);
        assert_eq!((shift.dx_px, shift.dy_px), (4.0, -4.0));
        assert!(shift.residual_at_rest > 2.0);
    }

    #[test]
    fn a_shift_at_the_limit_says_so() {
        let mut sums = [1000; 25];
        sums[14] = 10;
        let shift = best_shift(&sums, (20, 20), 2, 4);
        assert_eq!((shift.dx_px, shift.dy_px, shift.is_at_limit), (8.0, 0.0, true));
    }
}
