//! Outputs as bytes in shared memory: 16 bytes that say what follows, then the numbers as they are.

use crate::session::OutputValues;

/// Bytes before the numbers: kind, whether there is an unlikeness, the unlikeness, and nothing.
pub(super) const HEADER: usize = 16;

const KINDS: [u32; 4] = [1, 2, 3, 4];

/// Writes an output; the bytes that it took, or `None` where there is no room.
pub(super) fn write(values: OutputValues<'_>, unlikeness: Option<f32>, to: &mut [u8]) -> Option<usize> {
    let [f32_kind, u8_kind, i32_kind, i64_kind] = KINDS;
    let (kind, bytes): (u32, &[u8]) = match values {
        OutputValues::F32(values) => (f32_kind, bytemuck::cast_slice(values)),
        OutputValues::U8(values) => (u8_kind, values),
        OutputValues::I32(values) => (i32_kind, bytemuck::cast_slice(values)),
        OutputValues::I64(values) => (i64_kind, bytemuck::cast_slice(values)),
    };
    let length = HEADER + bytes.len();
    let (header, numbers) = to.get_mut(..length)?.split_at_mut_checked(HEADER)?;
    let words = [kind, u32::from(unlikeness.is_some()), unlikeness.unwrap_or(0.0).to_bits(), 0];
    header.copy_from_slice(bytemuck::cast_slice(&words));
    numbers.copy_from_slice(bytes);
    Some(length)
}

/// An output that was read.
#[derive(Debug)]
pub(super) struct Answer {
    numbers: Numbers,
    pub(super) unlikeness: Option<f32>,
}

#[derive(Debug)]
enum Numbers {
    F32(Vec<f32>),
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

impl Answer {
    /// `None` for bytes that are no answer. Any bytes of the right length are numbers; whether they make sense is looked at
    /// later, as with a session of this process.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (header, bytes) = bytes.split_at_checked(HEADER)?;
        let word = |i: usize| header.as_chunks::<4>().0.get(i).map(|word| u32::from_ne_bytes(*word));
        let [f32_kind, u8_kind, i32_kind, i64_kind] = KINDS;
        let numbers = match word(0)? {
            kind if kind == f32_kind => Numbers::F32(whole(bytes, f32::from_ne_bytes)?),
            kind if kind == u8_kind => Numbers::U8(bytes.to_vec()),
            kind if kind == i32_kind => Numbers::I32(whole(bytes, i32::from_ne_bytes)?),
            kind if kind == i64_kind => Numbers::I64(whole(bytes, i64::from_ne_bytes)?),
            _ => return None,
        };
        let unlikeness = if word(1)? == 0 { None } else { Some(f32::from_bits(word(2)?)) };
        Some(Self { numbers, unlikeness })
    }

    pub(super) fn values(&self) -> OutputValues<'_> {
        match &self.numbers {
            Numbers::F32(values) => OutputValues::F32(values),
            Numbers::U8(values) => OutputValues::U8(values),
            Numbers::I32(values) => OutputValues::I32(values),
            Numbers::I64(values) => OutputValues::I64(values),
        }
    }
}

fn whole<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (chunks, []) = bytes.as_chunks::<N>() else { return None };
    Some(chunks.iter().map(|chunk| read(*chunk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut memory = [0xFF; 64];
        let length = write(OutputValues::F32(&[0.5, -2.0]), Some(1.25), &mut memory).unwrap();
        let answer = Answer::read(&memory[..length]).unwrap();
        assert!(matches!(answer.values(), OutputValues::F32([0.5, -2.0])));
        assert_eq!(answer.unlikeness, Some(1.25));
        let length = write(OutputValues::I64(&[7, -1]), None, &mut memory).unwrap();
        let answer = Answer::read(&memory[..length]).unwrap();
        assert!(matches!(answer.values(), OutputValues::I64([7, -1])) && answer.unlikeness.is_none());
        let length = write(OutputValues::U8(&[1, 2, 3]), None, &mut memory).unwrap();
        assert!(matches!(Answer::read(&memory[..length]).unwrap().values(), OutputValues::U8([1, 2, 3])));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let mut memory = [0; 20];
        assert!(write(OutputValues::F32(&[0.0; 2]), None, &mut memory).is_none(), "there is no room");
        let length = write(OutputValues::F32(&[0.0]), None, &mut memory).unwrap();
        assert!(Answer::read(&memory[..length - 1]).is_none(), "half a number");
        assert!(Answer::read(&memory[..HEADER - 1]).is_none());
        memory[0] = 99;
        assert!(Answer::read(&memory).is_none(), "an unknown kind");
    }
}
