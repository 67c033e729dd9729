//! Look-up tables: palettes, modality and VOI tables have the same form (PS3.3, C.7.6.3.1.5, C.7.9 and C.11.1.1).

use dicom_core::Tag;

use crate::error::DicomError;
use crate::read::Elements;

/// Entries of the largest table, which is written as 0 entries.
const MOST_ENTRIES: usize = 1 << 16;
/// How deep segments may refer to segments. The standard allows one level.
const DEEPEST: usize = 4;

/// A look-up table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lut {
    /// The stored value that the first entry is for.
    first: i32,
    entries: Vec<u16>,
    /// Bits of an entry.
    bits: u32,
}

/// Which attributes a table is read of.
#[derive(Clone, Copy)]
pub(super) struct LutTags {
    pub descriptor: Tag,
    pub data: Tag,
    pub segmented: Option<Tag>,
}

impl Lut {
    /// Reads a table; `signed` tells how the descriptor's first mapped value is meant.
    pub fn read(elements: &Elements, tags: LutTags, signed: bool) -> Result<Self, DicomError> {
        let bad = |tag, expected| DicomError::BadValue { attribute: Elements::attribute(tag), expected };
        if !elements.has(tags.descriptor) {
            return Err(DicomError::Missing(Elements::attribute(tags.descriptor)));
        }
        let descriptor = elements.numbers(tags.descriptor);
        let Some(&[count, first, bits]) = descriptor.as_deref() else {
            return Err(bad(tags.descriptor, "three numbers"));
        };
        // Written with or without sign, whatever is meant.
        let [count, first, bits] = [count, first, bits].map(|n| n as i32 & 0xFFFF);
        let first = if signed { i32::from(first as u16 as i16) } else { first };
        let count = if count == 0 { MOST_ENTRIES } else { count as usize };
        if !(8..=16).contains(&bits) {
            return Err(bad(tags.descriptor, "a table with entries of 8 to 16 bits"));
        }
        let entries = match (elements.bytes(tags.data), tags.segmented) {
            (Some(data), _) => {
                plain(data, count).ok_or_else(|| bad(tags.data, "a table as long as its descriptor says"))
            }
            (None, Some(segmented)) => {
                let data =
                    elements.bytes(segmented).ok_or(DicomError::Missing(Elements::attribute(tags.data)))?;
                expanded(data, bits, count)
                    .ok_or_else(|| bad(segmented, "a table as long as its descriptor says"))
            }
            (None, None) => Err(DicomError::Missing(Elements::attribute(tags.data))),
        }?;
        Ok(Self { first, entries, bits: bits as u32 })
    }

    /// The entry for a stored value; values in front of the first and behind the last take these.
    pub fn entry(&self, stored: i32) -> u16 {
        let index = stored.saturating_sub(self.first).max(0) as usize;
        self.entries.get(index).or(self.entries.last()).copied().unwrap_or(0)
    }

    /// The highest value that an entry's bits can hold.
    pub fn highest(&self) -> u16 {
        ((1u32 << self.bits) - 1) as u16
    }

    /// The entry's eight highest bits.
    pub fn byte(&self, stored: i32) -> u8 {
        // Entries wider than their bits are no more than that: the mask is what makes the cast exact.
        ((self.entry(stored) & self.highest()) >> (self.bits - 8)) as u8
    }
}

/// Entries of one byte or two, whichever makes the length.
fn plain(data: &[u8], count: usize) -> Option<Vec<u16>> {
    if data.len() >= count * 2 {
        let (words, _) = data.as_chunks::<2>();
        return Some(words.iter().take(count).map(|w| u16::from_le_bytes(*w)).collect());
    }
    // An odd number of bytes is padded by one.
    let fits = data.len() == count || data.len() == count + 1;
    fits.then(|| data.iter().take(count).map(|b| u16::from(*b)).collect())
}

/// Expands a segmented table (PS3.3, C.7.9.2).
fn expanded(data: &[u8], bits: i32, count: usize) -> Option<Vec<u16>> {
    let values: Vec<u16> = if bits == 8 {
        data.iter().map(|b| u16::from(*b)).collect()
    } else {
        let (words, _) = data.as_chunks::<2>();
        words.iter().map(|w| u16::from_le_bytes(*w)).collect()
    };
    let mut entries = Vec::new();
    expand(&values, bits == 8, None, 0, count, &mut entries)?;
    (entries.len() == count).then_some(entries)
}

fn expand(
    values: &[u16],
    bytes: bool,
    segments: Option<usize>,
    depth: usize,
    limit: usize,
    out: &mut Vec<u16>,
) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    let mut rest = values;
    let mut read = 0;
    // One value left over is padding.
    while let [code, length, after @ ..] = rest {
        let length = usize::from(*length);
        if out.len() + length > limit && *code < 2 {
            return None;
        }
        rest = match code {
            // Entries as they are.
            0 => {
                out.extend_from_slice(after.get(..length)?);
                after.get(length..)?
            }
            // A line from the last entry to the one given.
            1 => {
                let (from, (to, rest)) = (f64::from(*out.last()?), after.split_first()?);
                let step = (f64::from(*to) - from) / length as f64;
                out.extend((1..=length).map(|i| (from + step * i as f64).round_ties_even() as u16));
                rest
            }
            // Segments from somewhere else in the table, again.
            2 => {
                let (place, rest) = after.split_at_checked(if bytes { 4 } else { 2 })?;
                let place = match *place {
                    // Bytes from the table's start; entries of two bytes begin at even ones.
                    [low, high] if low % 2 == 0 => ((u32::from(high) << 16) | u32::from(low)) / 2,
                    [a, b, c, d] => u32::from_le_bytes([a, b, c, d].map(|v| v as u8)),
                    _ => return None,
                };
                expand(values_at(values, place)?, bytes, Some(length), depth + 1, limit, out)?;
                rest
            }
            _ => return None,
        };
        read += 1;
        if segments == Some(read) {
            break;
        }
    }
    Some(())
}

fn values_at(values: &[u16], place: u32) -> Option<&[u16]> {
    values.get(usize::try_from(place).ok()?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_expand() {
        // Three entries, a line of four up to 90, then the first segment again.
        let words: [u16; 13] = [0, 3, 10, 20, 50, 1, 4, 90, 2, 1, 0, 0, 7];
        let data: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(expanded(&data, 16, 10).unwrap(), [10, 20, 50, 60, 70, 80, 90, 10, 20, 50]);
        assert_eq!(expanded(&data, 16, 11), None);
        assert_eq!(expanded(&data, 16, 9), None);
    }

    #[test]
    fn segments_that_call_themselves_end() {
        let words: [u16; 7] = [0, 1, 9, 2, 9, 0, 0];
        let data: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(expanded(&data, 16, 1000), None);
    }

    #[test]
    fn values_outside_take_the_nearest_entry() {
        let lut = Lut { first: -2, entries: vec![256, 512, 65535], bits: 16 };
        assert_eq!([-9, -2, -1, 0, 9].map(|v| lut.byte(v)), [1, 1, 2, 255, 255]);
    }
}
