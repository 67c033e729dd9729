//! Pictures as Multi-frame True Color Secondary Capture (PS3.3, A.8.5): what people look at, and the stand-in for a
//! recording that is no DICOM file, for masks and values to refer to.
//!
//! Frames are written one after the other, losslessly (RLE), so memory does not grow with their number.

use std::io::Write;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::code::Code;
use super::dataset::{DataSet, decimal};
use super::equipment::Software;
use super::file::WriteError;
use super::frames::FrameWriter;
use super::object::{Identity, Series, begin};
use super::origin::{Lossy, Made, Origin};
use super::uid::Uid;

/// SOP Class UID of what is written here.
pub const CLASS_UID: &str = uids::MULTI_FRAME_TRUE_COLOR_SECONDARY_CAPTURE_IMAGE_STORAGE;

/// What a capture shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Shows {
    /// The recording with outlines and values drawn on it. The text says how it was made.
    Annotated {
        /// Derivation Description.
        description: String,
    },
    /// The recording as it is. Nobody has looked whether text that says who is burned into it.
    Recording,
}

/// What a capture is and belongs to.
#[derive(Clone, Copy, Debug)]
pub struct CaptureOf<'a> {
    /// Patient, study and recording.
    pub origin: &'a Origin,
    /// The new series.
    pub series: &'a Series,
    /// Its own SOP Instance UID.
    pub instance_uid: &'a Uid,
    /// When the run was; `None` where it is not known when the pictures were taken.
    pub made: Option<&'a Made>,
    /// The program.
    pub software: &'a Software,
    /// Rows and columns.
    pub size: (u16, u16),
    /// When each frame is shown, nanoseconds, in order: as many as there are frames.
    pub pts_ns: &'a [u64],
    /// What encodings have lost before.
    pub lossy: Option<&'a Lossy>,
    /// What it shows.
    pub shows: &'a Shows,
}

/// A capture that is being written.
#[derive(Debug)]
pub struct Capture<W: Write> {
    writer: FrameWriter<W>,
    width: usize,
    bytes: usize,
    frames: usize,
    left: usize,
}

impl<W: Write> Capture<W> {
    /// Writes everything that stands before the frames.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn begin(of: &CaptureOf<'_>, to: W) -> Result<Self, WriteError> {
        let writer = FrameWriter::begin(header(of), 3, to)?;
        let (rows, columns) = (usize::from(of.size.0), usize::from(of.size.1));
        let frames = of.pts_ns.len();
        Ok(Self { writer, width: columns, bytes: 3 * rows * columns, frames, left: frames })
    }

    /// Writes the next frame: red, green and blue of each pixel, rows from the top.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooLarge`] where the frame has another size or there are more than was said.
    pub fn frame(&mut self, rgb: &[u8]) -> Result<(), WriteError> {
        if rgb.len() != self.bytes || self.left == 0 {
            return Err(WriteError::TooLarge(format!(
                "a frame does not fit: {} bytes, where {} frames of {} are written",
                rgb.len(),
                self.frames,
                self.bytes
            )));
        }
        self.left -= 1;
        self.writer.frame(rgb, self.width)
    }

    /// Ends the file and hands back what it was written to.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooLarge`] where frames are missing.
    pub fn finish(self) -> Result<W, WriteError> {
        if self.left > 0 {
            return Err(WriteError::TooLarge(format!("{} of {} frames are missing", self.left, self.frames)));
        }
        self.writer.finish()
    }
}

fn header(of: &CaptureOf<'_>) -> InMemDicomObject {
    let modality = &of.origin.image.modality;
    let identity = Identity { class_uid: CLASS_UID, instance_uid: of.instance_uid, modality };
    let mut object = begin(of.origin, of.series, &identity, of.made, of.software);
    of.origin.write_body(&mut object, true);
    object.empty(tags::PATIENT_ORIENTATION, VR::CS);
    object.texts(tags::IMAGE_TYPE, VR::CS, &["DERIVED", "SECONDARY"]);
    object.text(tags::CONVERSION_TYPE, VR::CS, "WSD");
    // Of a recording nobody has looked; what is drawn on it is text in any case.
    object.text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    if let Shows::Annotated { description } = of.shows {
        object.text(tags::DERIVATION_DESCRIPTION, VR::ST, description);
        object.item(tags::SOURCE_IMAGE_SEQUENCE, |source| {
            of.origin.image.reference(source, None);
            source.code(
                tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                &Code::dcm("121322", "Source image for image processing operation"),
            );
        });
    }
    Lossy::write(of.lossy, &mut object);
    write_pixels(&mut object, of);
    write_times(&mut object, of.pts_ns);
    object.into_inner()
}

fn write_pixels(object: &mut DataSet, of: &CaptureOf<'_>) {
    object.short(tags::SAMPLES_PER_PIXEL, 3);
    object.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    object.short(tags::PLANAR_CONFIGURATION, 0);
    object.short(tags::PIXEL_REPRESENTATION, 0);
    object.short(tags::BITS_ALLOCATED, 8);
    object.short(tags::BITS_STORED, 8);
    object.short(tags::HIGH_BIT, 7);
    object.short(tags::ROWS, of.size.0);
    object.short(tags::COLUMNS, of.size.1);
    object.whole(tags::NUMBER_OF_FRAMES, of.pts_ns.len() as u64);
}

/// Longest value of an element with a length of 16 bits.
const LONGEST_VECTOR: usize = 65_534;

/// Frame Time where frames come evenly, to a microsecond, and Frame Time Vector where they do not (PS3.3, C.7.6.5).
fn write_times(object: &mut DataSet, pts_ns: &[u64]) {
    let steps: Vec<u64> =
        pts_ns.iter().zip(pts_ns.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a)).collect();
    // One frame has no time, and must not have the attribute.
    let (Some(least), Some(most)) = (steps.iter().min(), steps.iter().max()) else { return };
    let ms = |ns: f64| ns / 1e6;
    if most - least <= 1_000 {
        let all = pts_ns.last().zip(pts_ns.first()).map_or(0, |(last, first)| last.saturating_sub(*first));
        object.tag(tags::FRAME_INCREMENT_POINTER, tags::FRAME_TIME);
        object.decimal(tags::FRAME_TIME, ms(all as f64 / steps.len() as f64));
        return;
    }
    // The first step is 0 by definition.
    let vector: Vec<String> = [0].iter().chain(&steps).map(|&step| decimal(ms(step as f64))).collect();
    if vector.iter().map(|step| step.len() + 1).sum::<usize>() > LONGEST_VECTOR {
        object.tag(tags::FRAME_INCREMENT_POINTER, tags::FRAME_TIME);
        object.decimal(tags::FRAME_TIME, ms(steps.iter().sum::<u64>() as f64 / steps.len() as f64));
        object.text(
            tags::IMAGE_COMMENTS,
            VR::LT,
            "Frame Time is the mean of times that vary: they are too many for a Frame Time Vector",
        );
        return;
    }
    object.tag(tags::FRAME_INCREMENT_POINTER, tags::FRAME_TIME_VECTOR);
    object.texts(tags::FRAME_TIME_VECTOR, VR::DS, &vector.iter().map(String::as_str).collect::<Vec<_>>());
}
