//! One pass over a file's elements: the wanted ones are kept, the others skipped, the pixel data located.

use std::io::{Seek, SeekFrom};

use dicom_core::header::{DataElementHeader, HasLength, Header};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_parser::stateful::decode::{DynStatefulDecoder, StatefulDecode};
use dicom_transfer_syntax_registry::entries;

use super::elements::Elements;
use super::wanted::{self, OF_FILE, Wanted};
use crate::error::DicomError;
use crate::source::{Range, Source};

/// Bytes before the `DICM` of a file (PS3.10, 7.1).
const PREAMBLE: u64 = 128;
/// Longest value of a wanted attribute: a vector of times of a million frames, or any look-up table, is shorter.
const LONGEST_VALUE: u32 = 1 << 24;
/// Most items that are kept of a sequence. No scanner writes as many regions.
const MOST_ITEMS: usize = 1000;
/// Transfer syntax whose elements carry no representation. All others that are read are explicit little endian.
const IMPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";

/// Where the pixels lie.
#[derive(Debug)]
pub(crate) enum PixelData {
    /// As they are, one frame after the other.
    Native(Range),
    /// In fragments, the first of which is the table of offsets.
    Encapsulated {
        /// Basic Offset Table, as many bytes as there are.
        offsets: Range,
        /// The other fragments' content, in order.
        fragments: Vec<Range>,
    },
}

/// How far a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Up to the pixel data.
    Header,
    /// With the places of the pixel data's fragments.
    All,
}

/// What is kept of a file.
#[derive(Debug)]
pub(crate) struct Content {
    /// UID of the kind of object, as the file's meta information states it.
    pub media_sop_class: String,
    /// UID of the transfer syntax.
    pub transfer_syntax: String,
    /// The wanted attributes.
    pub elements: Elements,
    /// Items of the Sequence of Ultrasound Regions.
    pub regions: Vec<Elements>,
    /// Items of the Modality LUT Sequence.
    pub modality_luts: Vec<Elements>,
    /// Items of the VOI LUT Sequence.
    pub voi_luts: Vec<Elements>,
    /// Where the pixels lie, if there are any.
    pub pixels: Option<PixelData>,
}

/// Reads a file's header and finds its pixels.
///
/// # Errors
///
/// [`DicomError::NotDicom`], [`DicomError::Damaged`], [`DicomError::CutOff`], [`DicomError::Io`].
pub(crate) fn read(source: &mut Source, extent: Extent) -> Result<Content, DicomError> {
    let Meta { transfer_syntax, media_sop_class, end } = read_meta(source)?;
    let mut content = Content {
        media_sop_class,
        transfer_syntax,
        elements: Elements::default(),
        regions: Vec::new(),
        modality_luts: Vec::new(),
        voi_luts: Vec::new(),
        pixels: None,
    };
    // A data set may be compressed, big endian or of a kind unknown: not to be read as if it were an ordinary one.
    if crate::transfer_syntax::TransferSyntax::from_uid(&content.transfer_syntax).is_none() {
        return Ok(content);
    }
    let implicit = content.transfer_syntax == IMPLICIT_LITTLE_ENDIAN;
    Walk::new(source, end, implicit)?.data_set(&mut content, extent)?;
    Ok(content)
}

/// What the file's meta information says.
struct Meta {
    transfer_syntax: String,
    media_sop_class: String,
    /// Where the data set begins.
    end: u64,
}

fn read_meta(source: &mut Source) -> Result<Meta, DicomError> {
    let mut magic = Vec::new();
    if source.length() < PREAMBLE + 4 {
        return Err(DicomError::NotDicom);
    }
    source.read_range(Range { start: PREAMBLE, length: 4 }, &mut magic)?;
    if magic != b"DICM" {
        return Err(DicomError::NotDicom);
    }
    let mut walk = Walk::new(source, PREAMBLE + 4, false)?;
    let mut elements = Elements::default();
    while let Some(Step::Element(header)) = walk.step()? {
        if header.tag().group() != 0x0002 {
            break;
        }
        walk.value(header, find(OF_FILE, header.tag()), &mut elements)?;
    }
    let uid = elements.text(tags::TRANSFER_SYNTAX_UID).unwrap_or_default();
    let is_uid = uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if uid.is_empty() || !is_uid {
        return Err(DicomError::BadValue {
            attribute: Elements::attribute(tags::TRANSFER_SYNTAX_UID),
            expected: "a UID",
        });
    }
    let media_sop_class = elements.text(tags::MEDIA_STORAGE_SOP_CLASS_UID).unwrap_or_default().to_owned();
    Ok(Meta { transfer_syntax: uid.to_owned(), media_sop_class, end: walk.after_value })
}

fn find(list: &'static [Wanted], tag: Tag) -> Option<&'static Wanted> {
    wanted::find(list, tag)
}

/// What encloses an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Sequence(Tag),
    Pixels,
    Item,
}

/// One token, without borrowing the reader.
enum Step {
    /// An element whose value comes next.
    Element(DataElementHeader),
    /// A sequence or item begins.
    Begin(Level),
    /// The innermost sequence or item ends.
    End(Level),
    /// A fragment of pixel data.
    Fragment(Range),
}

type Decoder<'a> = DynStatefulDecoder<&'a mut Source>;

struct Walk<'a> {
    reader: LazyDataSetReader<Decoder<'a>>,
    length: u64,
    levels: Vec<Level>,
    /// Where the last value ended, in bytes from the start of the file.
    after_value: u64,
}

impl<'a> Walk<'a> {
    fn new(source: &'a mut Source, start: u64, implicit: bool) -> Result<Self, DicomError> {
        let length = source.length();
        source.seek(SeekFrom::Start(start))?;
        let syntax = if implicit {
            entries::IMPLICIT_VR_LITTLE_ENDIAN.erased()
        } else {
            entries::EXPLICIT_VR_LITTLE_ENDIAN.erased()
        };
        let reader = LazyDataSetReader::new_with_ts(source, &syntax)
            .map_err(|_| DicomError::Damaged { position: start })?;
        Ok(Self { reader, length, levels: Vec::new(), after_value: start })
    }

    fn damaged(&self) -> DicomError {
        DicomError::Damaged { position: self.after_value }
    }

    /// The piece of the source that a value takes; an error when the file ends before it does.
    fn range(&self, start: u64, length: u32) -> Result<Range, DicomError> {
        let range = Range { start, length: length.into() };
        if range.end() > self.length {
            return Err(DicomError::CutOff { needed: range.end(), length: self.length });
        }
        Ok(range)
    }

    /// The next token. The reader trusts that delimiters match, and gives up its thread when they do not: they are
    /// checked here before it goes on.
    fn step(&mut self) -> Result<Option<Step>, DicomError> {
        let damaged = self.damaged();
        let step = match self.reader.advance() {
            None => None,
            Some(Err(_)) => {
                // A header that lies at the very end is broken off rather than wrong.
                let near_end = self.after_value.saturating_add(12) >= self.length;
                let cut_off =
                    DicomError::CutOff { needed: self.length.saturating_add(1), length: self.length };
                return Err(if near_end { cut_off } else { damaged });
            }
            Some(Ok(token)) => Some(match token {
                LazyDataToken::ElementHeader(header) => Step::Element(header),
                LazyDataToken::SequenceStart { tag, .. } => Step::Begin(Level::Sequence(tag)),
                LazyDataToken::PixelSequenceStart => Step::Begin(Level::Pixels),
                LazyDataToken::ItemStart { .. } => Step::Begin(Level::Item),
                LazyDataToken::ItemEnd => Step::End(Level::Item),
                LazyDataToken::SequenceEnd => Step::End(Level::Pixels),
                LazyDataToken::LazyItemValue { len, decoder } => {
                    let range = Range { start: decoder.position(), length: len.into() };
                    if range.end() > self.length {
                        return Err(DicomError::CutOff { needed: range.end(), length: self.length });
                    }
                    decoder.skip_bytes(len).map_err(|_| damaged)?;
                    self.after_value = range.end();
                    Step::Fragment(range)
                }
                // A value without its header, or a kind of token that is new.
                _ => return Err(damaged),
            }),
        };
        match step {
            Some(Step::Begin(level)) => self.levels.push(level),
            Some(Step::End(Level::Item)) => match self.levels.pop() {
                Some(Level::Item) => {}
                _ => return Err(self.damaged()),
            },
            Some(Step::End(_)) => match self.levels.pop() {
                Some(level @ (Level::Sequence(_) | Level::Pixels)) => return Ok(Some(Step::End(level))),
                _ => return Err(self.damaged()),
            },
            _ => {}
        }
        Ok(step)
    }

    /// Where the value of an element lies that [`Self::step`] just gave, without reading it.
    fn locate(&mut self, header: DataElementHeader) -> Result<Range, DicomError> {
        let damaged = self.damaged();
        let start = match self.reader.advance() {
            Some(Ok(LazyDataToken::LazyValue { decoder, .. })) => decoder.position(),
            _ => return Err(damaged),
        };
        let length = header.length().get().ok_or(damaged)?;
        let range = self.range(start, length)?;
        self.after_value = range.end();
        Ok(range)
    }

    /// Keeps the value of an element that [`Self::step`] just gave, or skips it.
    fn value(
        &mut self,
        header: DataElementHeader,
        wanted: Option<&Wanted>,
        into: &mut Elements,
    ) -> Result<(), DicomError> {
        let damaged = self.damaged();
        let (position, length) = (self.length, header.length().get());
        let mut bytes = Vec::new();
        let end = match self.reader.advance() {
            Some(Ok(LazyDataToken::LazyValue { decoder, .. })) => {
                let length = length.ok_or(damaged)?;
                let end = decoder.position().saturating_add(length.into());
                if end > position {
                    return Err(DicomError::CutOff { needed: end, length: position });
                }
                let done = match wanted {
                    Some(w) if length > LONGEST_VALUE => {
                        return Err(DicomError::BadValue {
                            attribute: w.attribute,
                            expected: "a value of its kind: it is far too long",
                        });
                    }
                    Some(_) => decoder.read_to(length, &mut bytes),
                    None => decoder.skip_bytes(length),
                };
                done.map_err(|_| self.damaged())?;
                end
            }
            _ => return Err(damaged),
        };
        self.after_value = end;
        if let Some(w) = wanted {
            let vr = if header.vr() == VR::UN { w.vr } else { header.vr() };
            into.insert(w.attribute.tag, vr, bytes);
        }
        Ok(())
    }

    fn data_set(&mut self, content: &mut Content, extent: Extent) -> Result<(), DicomError> {
        let mut fragments = Vec::new();
        let mut items = 0;
        while let Some(step) = self.step()? {
            match (step, self.levels.as_slice()) {
                (Step::Begin(Level::Pixels), [Level::Pixels]) if extent == Extent::Header => return Ok(()),
                (Step::Element(header), []) if header.tag() == tags::PIXEL_DATA => {
                    if extent == Extent::Header {
                        return Ok(());
                    }
                    content.pixels = Some(PixelData::Native(self.locate(header)?));
                    return Ok(());
                }
                (Step::Element(header), []) => {
                    self.value(header, find(OF_FILE, header.tag()), &mut content.elements)?;
                }
                (Step::Element(header), &[Level::Sequence(sequence), Level::Item]) => {
                    let wanted = wanted::of_items(sequence).and_then(|list| find(list, header.tag()));
                    let mut skipped = Elements::default();
                    let item = items_of(content, sequence).and_then(|i| i.last_mut()).unwrap_or(&mut skipped);
                    self.value(header, wanted, item)?;
                }
                (Step::Element(header), _) => self.value(header, None, &mut Elements::default())?,
                (Step::Begin(Level::Item), &[Level::Sequence(sequence), Level::Item]) => {
                    if let Some(items) = items_of(content, sequence) {
                        if items.len() >= MOST_ITEMS {
                            return Err(self.damaged());
                        }
                        items.push(Elements::default());
                    }
                }
                // The table of offsets may be empty, and has no content then.
                (Step::Begin(Level::Item), [Level::Pixels, Level::Item]) => {
                    items += 1;
                }
                (Step::Fragment(range), [Level::Pixels, Level::Item]) => {
                    if fragments.is_empty() && items > 1 {
                        fragments.push(Range { start: range.start, length: 0 });
                    }
                    fragments.push(range);
                }
                (Step::End(Level::Pixels), []) => {
                    let mut fragments = fragments.into_iter();
                    let offsets = fragments.next().unwrap_or(Range { start: self.after_value, length: 0 });
                    let fragments = fragments.collect();
                    content.pixels = Some(PixelData::Encapsulated { offsets, fragments });
                    return Ok(());
                }
                _ => {}
            }
        }
        // The reader takes the end of the file for the end of the data set, wherever it is.
        if self.levels.is_empty() { Ok(()) } else { Err(self.cut_off()) }
    }

    fn cut_off(&self) -> DicomError {
        DicomError::CutOff { needed: self.length.saturating_add(1), length: self.length }
    }
}

/// The kept items of a sequence.
fn items_of(content: &mut Content, sequence: Tag) -> Option<&mut Vec<Elements>> {
    match sequence {
        tags::SEQUENCE_OF_ULTRASOUND_REGIONS => Some(&mut content.regions),
        tags::MODALITY_LUT_SEQUENCE => Some(&mut content.modality_luts),
        tags::VOILUT_SEQUENCE => Some(&mut content.voi_luts),
        _ => None,
    }
}
