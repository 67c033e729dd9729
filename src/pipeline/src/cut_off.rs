//! Recordings that end before their container says. Demuxers take most of these for complete, and somebody who
//! measures half a recording should know it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that the container promises, where that is more than there are.
///
/// Looks at the top level alone: boxes of ISO base media files (ISO/IEC 14496-12, 4.2: MP4, MOV), the `RIFF` chunk of
/// AVI (Microsoft, "AVI RIFF File Reference"), the Segment of Matroska (RFC 9559, 4.5). Streams that are made to be
/// joined anywhere (MPEG-PS, MPEG-TS) promise nothing.
///
/// # Errors
///
/// Those of reading the file.
pub(crate) fn promised_bytes(path: &Path) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = [0; 12];
    let found = read_up_to(&mut file, &mut head)?;
    let end = match head.get(..found) {
        Some([b'R', b'I', b'F', b'F', a, b, c, d, ..]) => {
            let size = u32::from_le_bytes([*a, *b, *c, *d]);
            // A size of 0 or of all ones is one that was never filled in.
            (size != 0 && size != u32::MAX).then(|| u64::from(size) + 8)
        }
        Some([0x1a, 0x45, 0xdf, 0xa3, ..]) => matroska_end(&mut file, length)?,
        Some([_, _, _, _, b'f', b't', b'y', b'p', ..]) => media_end(&mut file, length, |_, _| ())?,
        _ => None,
    };
    Ok(end.filter(|end| *end > length))
}

/// Reads until the buffer is full or the file ends.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while let Some(free) = buffer.get_mut(found..)
        && !free.is_empty()
    {
        match file.read(free)? {
            0 => break,
            n => found += n,
        }
    }
    Ok(found)
}

/// Boxes that stand at the top level; anything else after the last of them is none of the recording.
const BOXES: [&[u8; 4]; 15] = [
    b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"styp", b"sidx", b"ssix",
    b"emsg", b"meta", b"udta", b"uuid",
];

/// Whether an MP4 file has the description of its tracks, without which nothing in it can be played.
pub(crate) fn has_movie_box(path: &Path) -> bool {
    let walked = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        let mut found = false;
        media_end(&mut file, length, |kind, end| found |= kind == b"moov" && end <= length)?;
        Ok(found)
    });
    walked.unwrap_or(false)
}

/// Where the last box ends by its own header. `see` is told of each box, and where it ends.
fn media_end(file: &mut File, length: u64, mut see: impl FnMut(&[u8; 4], u64)) -> io::Result<Option<u64>> {
    let mut at = 0_u64;
    while at < length {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; 16];
        let found = read_up_to(file, &mut header)?;
        let [s0, s1, s2, s3, kind @ .., l0, l1, l2, l3, l4, l5, l6, l7] = header;
        if found < 8 || !BOXES.contains(&&kind) {
            break;
        }
        let size = match u32::from_be_bytes([s0, s1, s2, s3]) {
            // To the end of the file, wherever that is.
            0 => break,
            1 => u64::from_be_bytes([l0, l1, l2, l3, l4, l5, l6, l7]),
            size => u64::from(size),
        };
        if size < 8 {
            break;
        }
        at = at.saturating_add(size);
        see(&kind, at);
    }
    Ok(Some(at))
}

/// Where the Segment ends by its header; `None` where its size was not known when it was written.
fn matroska_end(file: &mut File, length: u64) -> io::Result<Option<u64>> {
    /// Identifier of the Segment.
    const SEGMENT: u64 = 0x1853_8067;
    file.seek(SeekFrom::Start(0))?;
    let mut at = 0_u64;
    // The EBML header, perhaps a Void, the Segment.
    for _ in 0..4 {
        let (Some((id, id_bytes)), Some((size, size_bytes))) = (number(file, false)?, number(file, true)?)
        else {
            return Ok(None);
        };
        let unknown = size == (1 << (7 * size_bytes)) - 1;
        let end = at.saturating_add(id_bytes + size_bytes).saturating_add(size);
        if id == SEGMENT {
            return Ok((!unknown).then_some(end));
        }
        // File systems refuse to seek beyond what they could hold.
        if end >= length {
            break;
        }
        at = end;
        file.seek(SeekFrom::Start(at))?;
    }
    Ok(None)
}

/// A number of variable length (RFC 8794, 4) and how many bytes it takes, with or without its length marker.
fn number(file: &mut File, without_marker: bool) -> io::Result<Option<(u64, u64)>> {
    let mut first = [0; 1];
    if read_up_to(file, &mut first)? == 0 || first == [0] {
        return Ok(None);
    }
    let [first] = first;
    let more = first.leading_zeros() as usize;
    let mut value = u64::from(if without_marker { first & (0x7f_u8 >> more) } else { first });
    let mut rest = [0; 7];
    let Some(rest) = rest.get_mut(..more) else { return Ok(None) };
    if read_up_to(file, rest)? < more {
        return Ok(None);
    }
    for byte in rest {
        value = value << 8 | u64::from(*byte);
    }
    Ok(Some((value, more as u64 + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        promised_bytes(&path).unwrap()
    }

    #[test]
    fn iso_media() {
        let mut whole = b"\0\0\0\x0cftypisom\0\0\0\x10mdat12345678".to_vec();
        assert_eq!(of(&whole), None);
        assert_eq!(of(&whole[..20]), Some(28));
        assert_eq!(of(&whole[..16]), None, "cut within the header of a box: there is nothing to go by");
        whole.extend(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14abcd");
        assert_eq!(of(&whole), None);
        assert_eq!(of(&whole[..46]), Some(48));
        whole.extend(b"no box, but what a camera leaves");
        assert_eq!(of(&whole), None);
        assert_eq!(of(b"\0\0\0\x0cftypisom\0\0\0\0mdat123"), None, "a box to the end of the file");
    }

    #[test]
    fn avi() {
        assert_eq!(of(b"RIFF\x08\0\0\0AVI 1234"), None);
        assert_eq!(of(b"RIFF\x09\0\0\0AVI 1234"), Some(17));
        assert_eq!(of(b"RIFF\0\0\0\0AVI 1234"), None, "a size that was never filled in");
    }

    #[test]
    fn matroska() {
        // An EBML header of two bytes, then a Segment of four.
        let whole = b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x40\x04abcd";
        assert_eq!(of(whole), None);
        assert_eq!(of(&whole[..15]), Some(17));
        assert_eq!(of(b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\xffabcd"), None, "a size that was not known");
        assert_eq!(of(b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xffab"), None, "no Segment at all");
    }

    #[test]
    fn anything_else_promises_nothing() {
        for bytes in [&b""[..], b"R", b"RIFF", b"\x1a\x45\xdf\xa3", b"\0\0\0\x08ftyp", b"text", &[0; 64]] {
            assert_eq!(of(bytes), None, "{bytes:?}");
        }
    }
}
