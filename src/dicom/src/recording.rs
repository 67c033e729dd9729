//! One DICOM file with pictures.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dicom_dictionary_std::tags;
use vesalius_measure::calibration::region::UltrasoundRegion;

use crate::codec;
use crate::colour::Display;
use crate::error::DicomError;
use crate::facts::{Facts, Note};
use crate::fragments::{self, Frames};
use crate::picture::Picture;
use crate::read::{self, Content, Extent};
use crate::source::Source;
use crate::spacing::{self, Spacing};
use crate::times::Times;
use crate::transfer_syntax::{self, TransferSyntax};
use crate::video::VideoStream;

/// The bytes of a pixel in a decoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One byte of grey.
    Gray8,
    /// Red, green and blue, a byte each.
    Rgb8,
}

impl Layout {
    /// Bytes of a pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
        }
    }
}

/// A frame as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedFrame {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What the bytes are.
    pub layout: Layout,
    /// Rows from the top, without padding.
    pub data: Vec<u8>,
}

/// A DICOM file with pictures, open for reading.
///
/// Holds what is needed to show and measure, and none of what identifies a patient: such attributes are skipped unread.
/// Frames are read from the file and decoded one at a time.
pub struct Recording {
    source: Source,
    facts: Facts,
    frames: Frames,
    times: Times,
    regions: Vec<UltrasoundRegion>,
    spacing: Spacing,
    display: Display,
    /// A frame's bytes from the file, kept so that they are not allocated anew for each.
    encoded: Vec<u8>,
}

/// The facts, not the pixels.
impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("facts", &self.facts)
            .field("times", &self.times.timebase)
            .field("regions", &self.regions)
            .field("spacing", &self.spacing)
            .finish_non_exhaustive()
    }
}

impl Recording {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    ///
    /// [`DicomError`]: one line that does not name the file.
    pub fn open(path: &Path) -> Result<Self, DicomError> {
        Self::read(Source::open(path)?)
    }

    /// Reads a file that is in memory.
    ///
    /// # Errors
    ///
    /// [`DicomError`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, DicomError> {
        Self::read(Source::from_bytes(bytes.into()))
    }

    fn read(mut source: Source) -> Result<Self, DicomError> {
        let mut content = read::read(&mut source, Extent::All)?;
        let syntax =
            TransferSyntax::from_uid(&content.transfer_syntax).ok_or_else(|| DicomError::TransferSyntax {
                name: transfer_syntax::name(&content.transfer_syntax).to_owned(),
                uid: content.transfer_syntax.clone(),
            })?;
        let pixels = content.pixels.take().ok_or(DicomError::NoPixelData)?;
        let count = fragments::frame_count(&content.elements)?;
        let picture = Picture::read(&content.elements, syntax.coding)?;
        let frames =
            fragments::find(&mut source, pixels, &content.elements, &picture, (syntax.coding, count))?;
        let display = Display::new(&content, &picture)?;
        let times = Times::read(&content.elements, count);
        let spacing = Spacing::read(&content.elements);
        let regions: Vec<_> = content.regions.iter().map(spacing::region).collect();
        let notes = notes(&content, &spacing, syntax);
        let facts = Facts::read(&content.elements, syntax, picture, count, notes);
        Ok(Self { source, facts, frames, times, regions, spacing, display, encoded: Vec::new() })
    }

    /// What the recording is.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        self.facts.frames
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.facts.picture.columns, self.facts.picture.rows)
    }

    /// When the frames were taken.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// The Sequence of Ultrasound Regions as it stands, unjudged.
    pub fn regions(&self) -> &[UltrasoundRegion] {
        &self.regions
    }

    /// Sizes of pixels outside of the regions, unjudged.
    pub fn spacing(&self) -> &Spacing {
        &self.spacing
    }

    /// The bytes of a pixel in the frames of [`Self::frame`].
    pub fn layout(&self) -> Layout {
        if self.display.has_colour() { Layout::Rgb8 } else { Layout::Gray8 }
    }

    /// Decodes one frame, counted from 0.
    ///
    /// # Errors
    ///
    /// [`DicomError::NoSuchFrame`], [`DicomError::Frame`] when it is damaged, [`DicomError::IsVideo`] for video streams.
    pub fn frame(&mut self, frame: usize) -> Result<DecodedFrame, DicomError> {
        let syntax = self.facts.transfer_syntax;
        if syntax.coding.is_video() {
            return Err(DicomError::IsVideo { name: syntax.name().to_owned() });
        }
        let missing = DicomError::NoSuchFrame { frame, frames: self.frames.len() };
        let pieces = self.frames.pieces(frame).ok_or(missing)?;
        self.encoded.clear();
        for piece in pieces {
            self.source.read_range(*piece, &mut self.encoded)?;
        }
        let decoded = codec::decode(syntax.coding, &self.facts.picture, &self.encoded);
        let shown = decoded.and_then(|decoded| self.display.show(decoded));
        let data = shown.map_err(|what| DicomError::Frame { frame, what })?;
        let (width, height) = self.size();
        Ok(DecodedFrame { width, height, layout: self.layout(), data })
    }

    /// Decodes all frames, one after the other.
    pub fn frames(&mut self) -> impl Iterator<Item = Result<DecodedFrame, DicomError>> {
        (0..self.frames.len()).map(|frame| self.frame(frame))
    }

    /// The video stream of a recording that is one.
    ///
    /// Its fragments are put together; nothing in them is changed. The n-th picture in the order of presentation is frame
    /// n: its time is that of [`Self::times`] where [`Times::are_acquired`], and the stream's own time stamps, where it
    /// has any, are only to be set against these.
    ///
    /// # Errors
    ///
    /// [`DicomError::Io`].
    pub fn video(&mut self) -> Result<Option<VideoStream>, DicomError> {
        let coding = self.facts.transfer_syntax.coding;
        if !coding.is_video() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for piece in self.frames.pieces(0).unwrap_or_default() {
            self.source.read_range(*piece, &mut bytes)?;
        }
        Ok(VideoStream::new(coding, bytes))
    }
}

fn notes(content: &Content, spacing: &Spacing, syntax: TransferSyntax) -> Vec<Note> {
    let elements = &content.elements;
    let mut notes = Vec::new();
    if elements.has(tags::PIXEL_ASPECT_RATIO) && spacing.aspect.is_none() {
        notes.push(Note::BadPixelAspect);
    }
    if elements.has(tags::PIXEL_SPACING) && spacing.pixel_mm.is_none() {
        notes.push(Note::BadPixelSpacing);
    }
    if syntax.coding == (transfer_syntax::Coding::H264 { stereo: true }) {
        notes.push(Note::Stereo);
    }
    notes
}
