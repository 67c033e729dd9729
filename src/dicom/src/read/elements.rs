//! Values of attributes, by type.

use std::collections::BTreeMap;

use dicom_core::{Tag, VR};

use super::wanted;
use crate::error::{Attribute, DicomError};

/// One value as it stands in the file, little endian.
#[derive(Clone, Debug)]
struct Element {
    vr: VR,
    bytes: Vec<u8>,
}

/// The attributes that were read of a file or of a sequence's item.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements(BTreeMap<Tag, Element>);

fn whole<const N: usize>(bytes: &[u8]) -> Option<Vec<[u8; N]>> {
    let (values, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| values.to_vec())
}

fn is_padding(c: char) -> bool {
    c == ' ' || c == '\0'
}

impl Elements {
    /// Keeps a value. A second one with the same tag is not written by the standard; the first stays.
    pub fn insert(&mut self, tag: Tag, vr: VR, bytes: Vec<u8>) {
        self.0.entry(tag).or_insert(Element { vr, bytes });
    }

    /// Whether there is a value, be it unreadable.
    pub fn has(&self, tag: Tag) -> bool {
        self.0.get(&tag).is_some_and(|e| !e.bytes.is_empty())
    }

    /// The bytes as they stand.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        self.0.get(&tag).map(|e| e.bytes.as_slice()).filter(|b| !b.is_empty())
    }

    /// The first text value, without padding.
    pub fn text(&self, tag: Tag) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(tag)?).ok()?;
        let first = text.split('\\').next()?.trim_matches(is_padding);
        (!first.is_empty()).then_some(first)
    }

    /// All numbers; none when one of them cannot be read. Not a number and infinite come through.
    pub fn numbers(&self, tag: Tag) -> Option<Vec<f64>> {
        let element = self.0.get(&tag)?;
        let bytes = element.bytes.as_slice();
        match element.vr {
            VR::DS | VR::IS => {
                let text = std::str::from_utf8(bytes).ok()?;
                text.split('\\').map(|n| n.trim_matches(is_padding).parse().ok()).collect()
            }
            VR::US => Some(whole(bytes)?.into_iter().map(|b| u16::from_le_bytes(b).into()).collect()),
            VR::SS => Some(whole(bytes)?.into_iter().map(|b| i16::from_le_bytes(b).into()).collect()),
            VR::UL => Some(whole(bytes)?.into_iter().map(|b| u32::from_le_bytes(b).into()).collect()),
            VR::SL => Some(whole(bytes)?.into_iter().map(|b| i32::from_le_bytes(b).into()).collect()),
            VR::FL => Some(whole(bytes)?.into_iter().map(|b| f32::from_le_bytes(b).into()).collect()),
            VR::FD => Some(whole(bytes)?.into_iter().map(f64::from_le_bytes).collect()),
            _ => None,
        }
    }

    /// One number.
    pub fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    /// Two numbers, neither more nor less.
    pub fn pair(&self, tag: Tag) -> Option<[f64; 2]> {
        self.numbers(tag)?.try_into().ok()
    }

    /// One whole number from 0 to 2³²−1.
    pub fn whole_number(&self, tag: Tag) -> Option<u32> {
        let number = self.number(tag)?;
        // Exact: f64 holds every u32.
        (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
    }

    /// One whole number that must be readable where it is there.
    pub fn optional_count(&self, tag: Tag) -> Result<Option<u32>, DicomError> {
        if !self.has(tag) {
            return Ok(None);
        }
        let attribute = wanted::attribute(tag);
        self.whole_number(tag).map(Some).ok_or(DicomError::BadValue { attribute, expected: "a whole number" })
    }

    /// One whole number that must be there.
    pub fn count(&self, tag: Tag) -> Result<u32, DicomError> {
        self.optional_count(tag)?.ok_or_else(|| DicomError::Missing(wanted::attribute(tag)))
    }

    /// Tags that an attribute points to.
    pub fn pointers(&self, tag: Tag) -> Vec<Tag> {
        let pairs = self.bytes(tag).and_then(whole::<4>).unwrap_or_default();
        pairs
            .into_iter()
            .map(|[a, b, c, d]| Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
            .collect()
    }

    /// 64-bit words, as offset tables have them.
    pub fn words_64(&self, tag: Tag) -> Option<Vec<u64>> {
        Some(whole(self.bytes(tag)?)?.into_iter().map(u64::from_le_bytes).collect())
    }

    /// The attribute's name for messages.
    pub fn attribute(tag: Tag) -> Attribute {
        wanted::attribute(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_dictionary_std::tags;

    fn elements(vr: VR, bytes: &[u8]) -> Elements {
        let mut elements = Elements::default();
        elements.insert(tags::ROWS, vr, bytes.to_vec());
        elements
    }

    #[test]
    fn numbers_are_read_by_their_representation() {
        assert_eq!(elements(VR::DS, b"33.333\\ 5e1 ").numbers(tags::ROWS), Some(vec![33.333, 50.0]));
        assert_eq!(elements(VR::IS, b"-7 ").number(tags::ROWS), Some(-7.0));
        assert_eq!(elements(VR::US, &[1, 2, 255, 255]).numbers(tags::ROWS), Some(vec![513.0, 65535.0]));
        assert_eq!(elements(VR::SS, &[255, 255]).number(tags::ROWS), Some(-1.0));
        assert_eq!(elements(VR::FD, &0.05f64.to_le_bytes()).number(tags::ROWS), Some(0.05));
    }

    #[test]
    fn what_is_not_a_number_is_none() {
        assert_eq!(elements(VR::IS, b"1A").number(tags::ROWS), None);
        assert_eq!(elements(VR::DS, b"1\\\\2").numbers(tags::ROWS), None);
        assert_eq!(elements(VR::US, &[1]).number(tags::ROWS), None);
        assert_eq!(elements(VR::LO, b"12").number(tags::ROWS), None);
        assert_eq!(elements(VR::DS, b"1.5").whole_number(tags::ROWS), None);
        assert_eq!(elements(VR::DS, b"NaN").whole_number(tags::ROWS), None);
        assert_eq!(elements(VR::SL, &(-3i32).to_le_bytes()).whole_number(tags::ROWS), None);
        assert!(elements(VR::IS, b"1A").count(tags::ROWS).is_err());
    }
}
