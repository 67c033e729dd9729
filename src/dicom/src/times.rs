//! When frames were taken (PS3.3, C.7.6.5, <https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.7.6.5.html>).

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::read::Elements;

const NS_PER_MS: f64 = 1e6;
/// Longest recording whose times are believed, in milliseconds: a week.
const LONGEST_MS: f64 = 7.0 * 24.0 * 3600.0 * 1000.0;
/// Relative difference to Effective Duration from which on it is said.
const DURATION_TOLERANCE: f64 = 0.02;

/// What the times of frames rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timebase {
    /// Frame Time (0018,1063): the same for all frames, as acquired.
    FrameTime,
    /// Frame Time Vector (0018,1065): one increment a frame, as acquired.
    FrameTimeVector,
    /// A wish for the display, not what was acquired. Nothing over time may be trusted to it without saying so.
    Nominal(NominalRate),
    /// There are no times.
    None,
}

/// Where a nominal rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NominalRate {
    /// Cine Rate (0018,0040).
    CineRate,
    /// Recommended Display Frame Rate (0008,2144).
    RecommendedDisplayFrameRate,
}

/// Why acquired times cannot be had, or not be trusted as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeProblem {
    /// The vector has another length than the recording. Which frame an increment belongs to is not guessed.
    #[error("Frame Time Vector (0018,1065) has {vector} entries for {frames} frames")]
    VectorLength {
        /// Entries of the vector.
        vector: usize,
        /// Frames of the recording.
        frames: usize,
    },
    /// An increment that no clock makes.
    #[error(
        "Frame Time Vector (0018,1065) holds an increment that is not a number, negative or longer than a week"
    )]
    BadVector,
    /// Two frames at the same time.
    #[error(
        "Frame Time Vector (0018,1065) holds an increment of 0 after the first: two frames at the same time"
    )]
    ZeroIncrement,
    /// A Frame Time that no clock makes.
    #[error("Frame Time (0018,1063) is not a number above 0")]
    BadFrameTime,
    /// A Frame Delay that no clock makes.
    #[error("Frame Delay (0018,1066) is not a number from 0 on")]
    BadFrameDelay,
    /// The pointer names an attribute that is missing.
    #[error("Frame Increment Pointer (0028,0009) points to times that are missing")]
    PointsToNothing,
    /// The pointer names something that is no time.
    #[error("Frame Increment Pointer (0028,0009) points to something that is no time")]
    PointsElsewhere,
    /// Both kinds of times and no pointer that says which holds.
    #[error(
        "Frame Time and Frame Time Vector are both there and no Frame Increment Pointer says which holds"
    )]
    Ambiguous,
    /// A nominal rate that cannot be one.
    #[error("the frame rate for display is not a number above 0")]
    BadRate,
}

/// Something about the times that a reader of results should know.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeNote {
    /// The first increment is not 0, as the standard has it; times count from the first frame all the same.
    #[error(
        "the first entry of Frame Time Vector (0018,1065) is {first_ms} ms and should be 0; times count from the first frame"
    )]
    FirstIncrement {
        /// The first increment.
        first_ms: f64,
    },
    /// Effective Duration and the frames' times differ by more than 2 %.
    #[error("Effective Duration (0018,0072) says {said_s} s, the frames' times make {made_s:.3} s")]
    Duration {
        /// As the header says, in seconds.
        said_s: f64,
        /// As the frames' times make it, in seconds.
        made_s: f64,
    },
    /// Times without a Frame Increment Pointer.
    #[error("Frame Increment Pointer (0028,0009) is missing; the only times in the file were taken")]
    NoPointer,
}

/// When a frame is shown, from the start of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTime {
    /// Presentation time, in nanoseconds.
    pub pts_ns: u64,
    /// Until the next frame; the last frame lasts as long as the one before it. In nanoseconds.
    pub duration_ns: u64,
}

/// The frames' times.
///
/// By Frame Time, frame n (from 1) is at Frame Delay + Frame Time·(n−1). By Frame Time Vector, it is at the sum of the
/// increments up to and with the n-th, of which the first is taken as 0: the standard says it is, and some scanners
/// write the usual increment there.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// What they rest on.
    pub timebase: Timebase,
    /// Why acquired times are not there, where the file tries to give some.
    pub problem: Option<TimeProblem>,
    /// What else to know.
    pub notes: Vec<TimeNote>,
    /// One a frame; empty when there are none.
    pub frames: Vec<FrameTime>,
}

impl Times {
    fn none(problem: Option<TimeProblem>) -> Self {
        Self { timebase: Timebase::None, problem, notes: Vec::new(), frames: Vec::new() }
    }

    /// Whether times are those of the acquisition.
    pub fn are_acquired(&self) -> bool {
        matches!(self.timebase, Timebase::FrameTime | Timebase::FrameTimeVector)
    }

    /// Whether all frames last equally long, to a microsecond. `None` where there are no times.
    pub fn is_constant(&self) -> Option<bool> {
        let first = self.frames.first()?.duration_ns;
        Some(self.frames.iter().all(|f| f.duration_ns.abs_diff(first) <= 1000))
    }

    /// The whole recording, in nanoseconds.
    pub fn duration_ns(&self) -> Option<u64> {
        let (first, last) = (self.frames.first()?, self.frames.last()?);
        Some((last.pts_ns - first.pts_ns).saturating_add(last.duration_ns))
    }

    /// Reads the times of a recording of so many frames.
    pub(crate) fn read(elements: &Elements, frames: usize) -> Self {
        let mut times = match acquired(elements, frames) {
            Ok(Some(times)) => times,
            Ok(None) => nominal(elements, frames, None),
            // Increments that cannot be matched to frames are a contradiction: a rate for display does not mend it.
            Err(problem @ TimeProblem::VectorLength { .. }) => Self::none(Some(problem)),
            Err(problem) => nominal(elements, frames, Some(problem)),
        };
        times.cross_check(elements);
        times
    }

    /// Sets Effective Duration against the frames' times. Whether it holds the last frame's own time is not laid down.
    fn cross_check(&mut self, elements: &Elements) {
        let Some(said_s) = elements.number(tags::EFFECTIVE_DURATION).filter(|s| s.is_finite() && *s > 0.0)
        else {
            return;
        };
        let (Some(made), Some(last)) = (self.duration_ns(), self.frames.last()) else { return };
        let made_s = made as f64 / 1e9;
        let without_last_s = made_s - last.duration_ns as f64 / 1e9;
        let shortest = without_last_s * (1.0 - DURATION_TOLERANCE);
        let longest = made_s * (1.0 + DURATION_TOLERANCE);
        if !(shortest..=longest).contains(&said_s) {
            self.notes.push(TimeNote::Duration { said_s, made_s });
        }
    }
}

/// The times of the acquisition, or none where the file does not try to give any.
fn acquired(elements: &Elements, frames: usize) -> Result<Option<Times>, TimeProblem> {
    const TIMES: [Tag; 2] = [tags::FRAME_TIME, tags::FRAME_TIME_VECTOR];
    let pointers = elements.pointers(tags::FRAME_INCREMENT_POINTER);
    if let Some(pointer) = pointers.iter().find(|p| TIMES.contains(p)) {
        if !elements.has(*pointer) {
            return Err(TimeProblem::PointsToNothing);
        }
        return by(*pointer, elements, frames).map(Some);
    }
    if !pointers.is_empty() {
        return Err(TimeProblem::PointsElsewhere);
    }
    let mut there = TIMES.into_iter().filter(|t| elements.has(*t));
    match (there.next(), there.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(TimeProblem::Ambiguous),
        (Some(only), None) => {
            let mut times = by(only, elements, frames)?;
            if frames > 1 {
                times.notes.push(TimeNote::NoPointer);
            }
            Ok(Some(times))
        }
    }
}

fn by(tag: Tag, elements: &Elements, frames: usize) -> Result<Times, TimeProblem> {
    if tag == tags::FRAME_TIME { by_frame_time(elements, frames) } else { by_vector(elements, frames) }
}

fn by_frame_time(elements: &Elements, frames: usize) -> Result<Times, TimeProblem> {
    let step = elements.number(tags::FRAME_TIME).filter(|t| *t > 0.0).ok_or(TimeProblem::BadFrameTime)?;
    let delay = if elements.has(tags::FRAME_DELAY) {
        let delay = elements.number(tags::FRAME_DELAY);
        delay.filter(|d| (0.0..=LONGEST_MS).contains(d)).ok_or(TimeProblem::BadFrameDelay)?
    } else {
        0.0
    };
    let frames = evenly(delay, step, frames).ok_or(TimeProblem::BadFrameTime)?;
    Ok(Times { timebase: Timebase::FrameTime, problem: None, notes: Vec::new(), frames })
}

fn by_vector(elements: &Elements, frames: usize) -> Result<Times, TimeProblem> {
    let increments = elements.numbers(tags::FRAME_TIME_VECTOR).ok_or(TimeProblem::BadVector)?;
    if increments.len() != frames {
        return Err(TimeProblem::VectorLength { vector: increments.len(), frames });
    }
    if !increments.iter().all(|i| (0.0..=LONGEST_MS).contains(i)) {
        return Err(TimeProblem::BadVector);
    }
    let mut notes = Vec::new();
    if let Some(&first_ms) = increments.first().filter(|f| **f != 0.0) {
        notes.push(TimeNote::FirstIncrement { first_ms });
    }
    let mut at = 0.0;
    let mut starts = Vec::with_capacity(frames);
    for (i, increment) in increments.into_iter().enumerate() {
        if i > 0 {
            at += increment;
        }
        starts.push(nanoseconds(at).ok_or(TimeProblem::BadVector)?);
    }
    if starts.is_sorted_by(|a, b| a < b) {
        Ok(Times { timebase: Timebase::FrameTimeVector, problem: None, notes, frames: until_next(&starts) })
    } else {
        Err(TimeProblem::ZeroIncrement)
    }
}

fn nominal(elements: &Elements, frames: usize, problem: Option<TimeProblem>) -> Times {
    // A single frame has no rate, whatever the header says.
    if frames < 2 {
        return Times::none(problem);
    }
    let rates = [
        (tags::CINE_RATE, NominalRate::CineRate),
        (tags::RECOMMENDED_DISPLAY_FRAME_RATE, NominalRate::RecommendedDisplayFrameRate),
    ];
    let Some((tag, source)) = rates.into_iter().find(|(tag, _)| elements.has(*tag)) else {
        return Times::none(problem);
    };
    let rate = elements.number(tag).filter(|r| r.is_finite() && *r > 0.0);
    match rate.and_then(|rate| evenly(0.0, 1000.0 / rate, frames)) {
        Some(frames) => Times { timebase: Timebase::Nominal(source), problem, notes: Vec::new(), frames },
        None => Times::none(problem.or(Some(TimeProblem::BadRate))),
    }
}

fn nanoseconds(ms: f64) -> Option<u64> {
    // Exact to a nanosecond: a week has 6·10¹⁴ of them.
    (0.0..=LONGEST_MS).contains(&ms).then(|| (ms * NS_PER_MS).round() as u64)
}

/// Frames at the same distance from each other, each start rounded by itself so that errors do not add up.
fn evenly(first_ms: f64, step_ms: f64, frames: usize) -> Option<Vec<FrameTime>> {
    let starts: Option<Vec<u64>> = (0..=frames).map(|i| nanoseconds(first_ms + step_ms * i as f64)).collect();
    let starts = starts?;
    // Less than a nanosecond between two frames is no frame rate.
    if !starts.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut times = until_next(&starts);
    times.truncate(frames);
    Some(times)
}

fn until_next(starts: &[u64]) -> Vec<FrameTime> {
    let mut times: Vec<FrameTime> = starts
        .iter()
        .zip(starts.iter().skip(1))
        .map(|(&pts_ns, &next)| FrameTime { pts_ns, duration_ns: next.saturating_sub(pts_ns) })
        .collect();
    if let Some(&pts_ns) = starts.last() {
        let duration_ns = times.last().map_or(0, |t| t.duration_ns);
        times.push(FrameTime { pts_ns, duration_ns });
    }
    times
}

#[cfg(test)]
#[path = "times_tests.rs"]
mod tests;
