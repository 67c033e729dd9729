//! Which bytes of the file are which frame.

use dicom_dictionary_std::tags;

use crate::error::DicomError;
use crate::picture::Picture;
use crate::read::{Elements, PixelData};
use crate::source::{Range, Source};
use crate::transfer_syntax::Coding;

/// An item begins with its tag and length; offsets point to that.
const ITEM_HEADER: u64 = 8;
/// Most frames of a recording: ten hours at 60 a second. A header that claims more is damaged or means harm.
const MOST_FRAMES: u32 = 10 * 3600 * 60;

/// The pieces of the file of each frame. For video: of the whole stream, as if it were one frame.
#[derive(Debug)]
pub(crate) struct Frames {
    /// The pieces of all frames, in order.
    pieces: Vec<Range>,
    /// For each frame, one past its last piece.
    ends: Vec<usize>,
}

impl Frames {
    /// Number of frames that the pieces make; a video stream is one.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The pieces of a frame.
    pub fn pieces(&self, frame: usize) -> Option<&[Range]> {
        let end = *self.ends.get(frame)?;
        let start = frame.checked_sub(1).and_then(|f| self.ends.get(f)).copied().unwrap_or(0);
        self.pieces.get(start..end)
    }

    fn one_each(pieces: Vec<Range>) -> Self {
        let ends = (1..=pieces.len()).collect();
        Self { pieces, ends }
    }

    fn all_in_one(pieces: Vec<Range>) -> Self {
        Self { ends: vec![pieces.len()], pieces }
    }
}

/// Number of Frames (0028,0008), 1 where it is not said.
pub(crate) fn frame_count(elements: &Elements) -> Result<usize, DicomError> {
    let attribute = Elements::attribute(tags::NUMBER_OF_FRAMES);
    match elements.optional_count(tags::NUMBER_OF_FRAMES)?.unwrap_or(1) {
        0 => Err(DicomError::BadValue { attribute, expected: "a number of frames: it is 0" }),
        n if n > MOST_FRAMES => {
            Err(DicomError::BadValue { attribute, expected: "a number of frames: it is far too high" })
        }
        n => Ok(n as usize),
    }
}

/// Finds each frame's pieces.
///
/// # Errors
///
/// [`DicomError::FrameCount`] when header and pixel data disagree; which is right is not guessed.
pub(crate) fn find(
    source: &mut Source,
    pixels: PixelData,
    elements: &Elements,
    picture: &Picture,
    (coding, frames): (Coding, usize),
) -> Result<Frames, DicomError> {
    match (pixels, coding) {
        (PixelData::Native(range), Coding::Native) => native(range, frames, picture),
        (PixelData::Native(_), _) => Err(DicomError::Pixels {
            what: "the transfer syntax says that frames are encoded, and the pixel data is not in fragments"
                .into(),
        }),
        (PixelData::Encapsulated { .. }, Coding::Native) => Err(DicomError::Pixels {
            what: "the transfer syntax says that frames are not encoded, and the pixel data is in fragments"
                .into(),
        }),
        (PixelData::Encapsulated { fragments, .. }, coding) if coding.is_video() => {
            if fragments.iter().all(|f| f.length == 0) {
                return Err(DicomError::FrameCount { said: frames, held: "none".into() });
            }
            Ok(Frames::all_in_one(fragments))
        }
        (PixelData::Encapsulated { offsets, fragments }, coding) => {
            encapsulated(source, offsets, fragments, elements, frames, coding)
        }
    }
}

fn native(range: Range, said: usize, picture: &Picture) -> Result<Frames, DicomError> {
    let length = picture.native_bytes();
    let needed = length.checked_mul(said as u64);
    // One byte may follow: values have an even length.
    let fits = needed.is_some_and(|n| range.length == n || (range.length == n + 1 && n % 2 == 1));
    if !fits {
        let held = match (range.length / length, range.length % length) {
            (n, 0 | 1) => n.to_string(),
            (n, rest) => format!("{n} and {rest} bytes of {length}"),
        };
        return Err(DicomError::FrameCount { said, held });
    }
    let pieces = (0..said as u64).map(|i| Range { start: range.start + i * length, length }).collect();
    Ok(Frames::one_each(pieces))
}

fn encapsulated(
    source: &mut Source,
    offsets: Range,
    fragments: Vec<Range>,
    elements: &Elements,
    said: usize,
    coding: Coding,
) -> Result<Frames, DicomError> {
    let held = |held: String| DicomError::FrameCount { said, held };
    if fragments.len() < said {
        return Err(held(fragments.len().to_string()));
    }
    let starts = match elements.words_64(tags::EXTENDED_OFFSET_TABLE) {
        Some(starts) => starts,
        None => basic_offsets(source, offsets)?,
    };
    // No table: whatever the fragments are made of.
    if starts.is_empty() {
        return without_table(source, fragments, said, coding).map_err(|e| e.unwrap_or_else(&held));
    }
    if starts.len() != said {
        return Err(held(format!("a table of {} frames", starts.len())));
    }
    let first = fragments.first().map_or(0, |f| f.start.saturating_sub(ITEM_HEADER));
    // Offsets count from the first fragment's item on.
    let position = |f: &Range| f.start.saturating_sub(ITEM_HEADER).saturating_sub(first);
    let mut begins = Vec::with_capacity(said);
    for start in starts {
        match fragments.binary_search_by_key(&start, position) {
            Ok(index) if begins.last().is_none_or(|&last| last < index) => begins.push(index),
            _ => return Err(held("a table of offsets that point between fragments".into())),
        }
    }
    if begins.first() != Some(&0) {
        return Err(held("a table of offsets that leaves out the first fragment".into()));
    }
    let ends = begins.into_iter().skip(1).chain([fragments.len()]).collect();
    Ok(Frames { pieces: fragments, ends })
}

fn basic_offsets(source: &mut Source, offsets: Range) -> Result<Vec<u64>, DicomError> {
    let mut bytes = Vec::new();
    source.read_range(offsets, &mut bytes)?;
    let (words, _) = bytes.as_chunks::<4>();
    Ok(words.iter().map(|w| u32::from_le_bytes(*w).into()).collect())
}

/// Frames without a table of offsets: one fragment each, or as many as begin like a frame.
///
/// The error's inner half is what the pixel data holds.
fn without_table(
    source: &mut Source,
    fragments: Vec<Range>,
    said: usize,
    coding: Coding,
) -> Result<Frames, Result<DicomError, String>> {
    if said == 1 && coding != Coding::RunLength {
        // Several frames may hide in the fragments of a file that forgets to count them.
        let begins = frame_begins(source, &fragments, coding).map_err(|e| Ok(e.into()))?;
        return match begins.len() {
            0 | 1 => Ok(Frames::all_in_one(fragments)),
            n => Err(Err(n.to_string())),
        };
    }
    if fragments.len() == said {
        return Ok(Frames::one_each(fragments));
    }
    if coding == Coding::RunLength {
        return Err(Err(fragments.len().to_string()));
    }
    let begins = frame_begins(source, &fragments, coding).map_err(|e| Ok(e.into()))?;
    if begins.len() != said || begins.first() != Some(&0) {
        return Err(Err(format!("{} in {} fragments", begins.len(), fragments.len())));
    }
    let ends = begins.into_iter().skip(1).chain([fragments.len()]).collect();
    Ok(Frames { pieces: fragments, ends })
}

/// The fragments that begin as an encoded frame does.
fn frame_begins(source: &mut Source, fragments: &[Range], coding: Coding) -> std::io::Result<Vec<usize>> {
    let magic: &[u8] = match coding {
        // SOC and SIZ.
        Coding::Jpeg2000 => &[0xFF, 0x4F, 0xFF, 0x51],
        // SOI and whatever marker.
        _ => &[0xFF, 0xD8, 0xFF],
    };
    let mut begins = Vec::new();
    let mut start = Vec::new();
    for (i, fragment) in fragments.iter().enumerate() {
        start.clear();
        let length = fragment.length.min(magic.len() as u64);
        source.read_range(Range { start: fragment.start, length }, &mut start)?;
        if start == magic {
            begins.push(i);
        }
    }
    Ok(begins)
}
