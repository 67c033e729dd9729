//! Markers of a JPEG-LS stream (T.87, Annex C) and the parameters that follow from them.

/// How components share a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interleave {
    /// One component.
    None,
    /// Line after line.
    Line,
    /// Sample after sample.
    Sample,
}

/// Preset coding parameters (T.87, C.2.4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preset {
    pub maximum: i32,
    pub thresholds: [i32; 3],
    pub reset: i32,
}

/// One scan.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub components: usize,
    pub interleave: Interleave,
    pub near: i32,
    pub preset: Preset,
    /// Entropy-coded bytes, up to and maybe past their end.
    pub data: &'a [u8],
}

/// A stream's header and its scans.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub columns: u32,
    pub rows: u32,
    pub components: usize,
    pub bits: u8,
    pub scans: Vec<Scan<'a>>,
}

struct Frame {
    columns: u32,
    rows: u32,
    components: usize,
    bits: u8,
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl<'a> Stream<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err("its JPEG-LS stream does not begin like one".into());
        }
        let mut rest = bytes.get(2..).unwrap_or_default();
        let mut frame = None;
        let mut own = [0u16; 5];
        let mut scans = Vec::new();
        loop {
            let marker = match rest {
                [0xFF, 0xFF, ..] => {
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                [0xFF, 0xD9, ..] => break,
                [0xFF, marker, ..] => *marker,
                _ => return Err("its JPEG-LS stream is cut off or damaged".into()),
            };
            let after = rest.get(2..).unwrap_or_default();
            let length = usize::from(word(after, 0).unwrap_or(0));
            let content = after.get(2..length).ok_or("a marker of its JPEG-LS stream is cut off")?;
            let behind = after.get(length..).unwrap_or_default();
            rest = behind;
            match marker {
                0xF7 => {
                    frame = Some(read_frame(content).ok_or("the header of its JPEG-LS stream is damaged")?)
                }
                0xF8 => own = read_preset(content)?,
                0xDD if content.iter().any(|b| *b != 0) => {
                    return Err("JPEG-LS with restart intervals is not supported".into());
                }
                0xE8 if content.starts_with(b"mrfx") && content.get(4).is_some_and(|t| *t != 0) => {
                    return Err("JPEG-LS with a colour transform is not supported".into());
                }
                0xDA => {
                    let frame = frame.as_ref().ok_or("its JPEG-LS stream has a scan before its header")?;
                    scans.push(read_scan(content, frame, own, behind)?);
                    rest = next_marker(behind);
                    // A stream may lack its end where it was cut into fragments.
                    if rest.is_empty() {
                        break;
                    }
                }
                _ => {}
            }
        }
        let Frame { columns, rows, components, bits } = frame.ok_or("its JPEG-LS stream has no header")?;
        Ok(Self { columns, rows, components, bits, scans })
    }
}

fn read_frame(content: &[u8]) -> Option<Frame> {
    let (&bits, &components) = (content.first()?, content.get(5)?);
    let (rows, columns) = (word(content, 1)?, word(content, 3)?);
    let parts = content.get(6..6 + usize::from(components) * 3)?;
    let full_size = parts.iter().skip(1).step_by(3).all(|sampling| *sampling == 0x11);
    if !(2..=16).contains(&bits) || rows == 0 || columns == 0 || components == 0 || !full_size {
        return None;
    }
    Some(Frame { columns: columns.into(), rows: rows.into(), components: components.into(), bits })
}

/// MAXVAL, T1, T2, T3 and RESET; 0 where the default holds.
fn read_preset(content: &[u8]) -> Result<[u16; 5], String> {
    match (content.first(), content.get(1..11)) {
        (Some(1), Some(values)) => {
            let mut preset = [0; 5];
            for (value, at) in preset.iter_mut().zip((0..).step_by(2)) {
                *value = word(values, at).unwrap_or(0);
            }
            Ok(preset)
        }
        (Some(1), None) | (None, _) => Err("a marker of its JPEG-LS stream is cut off".into()),
        _ => Err("JPEG-LS with mapping tables or oversize is not supported".into()),
    }
}

fn read_scan<'a>(content: &[u8], frame: &Frame, own: [u16; 5], data: &'a [u8]) -> Result<Scan<'a>, String> {
    let damaged = || "a scan's header in its JPEG-LS stream is damaged".to_owned();
    let count = usize::from(*content.first().ok_or_else(damaged)?);
    let parts = content.get(1..1 + count * 2).ok_or_else(damaged)?;
    if parts.iter().skip(1).step_by(2).any(|table| *table != 0) {
        return Err("JPEG-LS with mapping tables is not supported".into());
    }
    let &[near, interleave, transform] = content.get(1 + count * 2..4 + count * 2).ok_or_else(damaged)?
    else {
        return Err(damaged());
    };
    let interleave = match interleave {
        _ if count == 1 => Interleave::None,
        1 => Interleave::Line,
        2 => Interleave::Sample,
        _ => return Err(damaged()),
    };
    if count == 0 || count > frame.components || transform != 0 {
        return Err(damaged());
    }
    let near = i32::from(near);
    let preset = preset(frame.bits, near, own).ok_or_else(damaged)?;
    Ok(Scan { components: count, interleave, near, preset, data })
}

/// The parameters in force: what the stream sets, else the defaults (T.87, C.2.4.1.1.1).
fn preset(bits: u8, near: i32, own: [u16; 5]) -> Option<Preset> {
    let [maximum, t1, t2, t3, reset] = own.map(i32::from);
    let highest = (1 << bits) - 1;
    let maximum = if maximum == 0 { highest } else { maximum };
    // Below 3 the default thresholds are not in order; NEAR has a bound of its own.
    if !(3..=highest).contains(&maximum) || near > 255.min(maximum / 2) {
        return None;
    }
    let clamp = |value: i32, least: i32| if value > maximum || value < least { least } else { value };
    let defaults = |least: [i32; 3]| {
        let [a, b, c] = if maximum >= 128 {
            let factor = (maximum.min(4095) + 128) / 256;
            [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
        } else {
            let factor = 256 / (maximum + 1);
            [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
        };
        let t1 = clamp(a, least[0]);
        let t2 = clamp(b, t1);
        [t1, t2, clamp(c, t2)]
    };
    let [d1, d2, d3] = defaults([near + 1, 0, 0]);
    let thresholds =
        [if t1 == 0 { d1 } else { t1 }, if t2 == 0 { d2 } else { t2 }, if t3 == 0 { d3 } else { t3 }];
    let reset = if reset == 0 { 64 } else { reset };
    let ordered = near < thresholds[0] && thresholds.is_sorted() && thresholds[2] <= maximum;
    (ordered && (3..=maximum.max(255)).contains(&reset)).then_some(Preset { maximum, thresholds, reset })
}

/// What follows a scan's bytes: in them, 0xFF is followed by a byte below 0x80.
fn next_marker(data: &[u8]) -> &[u8] {
    let at = data.windows(2).position(|pair| matches!(pair, [0xFF, 0x80..=0xFF]));
    at.and_then(|at| data.get(at..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T.87, Table C.2.
    #[test]
    fn defaults_are_those_of_the_standard() {
        assert_eq!(preset(8, 0, [0; 5]), Some(Preset { maximum: 255, thresholds: [3, 7, 21], reset: 64 }));
        assert_eq!(
            preset(12, 0, [0; 5]),
            Some(Preset { maximum: 4095, thresholds: [18, 67, 276], reset: 64 })
        );
        assert_eq!(preset(16, 0, [0; 5]).map(|p| p.thresholds), Some([18, 67, 276]));
        assert_eq!(preset(8, 3, [0; 5]).map(|p| p.thresholds), Some([12, 22, 42]));
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        assert_eq!(preset(8, 0, [0, 9, 8, 7, 0]), None);
        assert_eq!(preset(8, 0, [256, 0, 0, 0, 0]), None);
        assert_eq!(preset(8, 200, [0; 5]), None);
    }
}
