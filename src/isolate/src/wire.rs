//! The messages between the two processes: a head of fixed size, then text where there is any.

use crate::layout::Layout;

/// Changes whenever a message means something else.
const VERSION: u32 = 1;

/// Bytes of a head.
const HEAD: usize = 40;

/// Most bytes of a message; text beyond is cut off.
pub(crate) const MOST: usize = 32 << 10;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// To the child, first: what the memory holds, and the job's own configuration.
    Start { layout: Layout, config: String },
    /// To the parent, once: it can serve; what confines it.
    Ready { confinement: String },
    /// To the parent: it cannot serve, and why.
    Refused { why: String },
    /// To the child: the input of a slot is there.
    Call { sequence: u64, slot: u32, length: u64 },
    /// To the parent: the output of a slot is there.
    Done { sequence: u64, slot: u32, length: u64, elapsed_ns: u64 },
    /// To the parent: no output for this call, and why.
    Failed { sequence: u64, slot: u32, why: String },
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text with no more bytes than a message has room for.
fn fitting(text: &str) -> &str {
    let mut end = text.len().min(MOST - HEAD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

impl Message {
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Kind, slot, then three numbers.
        let (kind, slot, numbers, text): (u32, u32, [u64; 3], &str) = match self {
            Self::Start { layout, config } => (
                1,
                layout.slots() as u32,
                [layout.input_bytes() as u64, layout.output_bytes() as u64, 0],
                config,
            ),
            Self::Ready { confinement } => (2, 0, [0; 3], confinement),
            Self::Refused { why } => (3, 0, [0; 3], why),
            Self::Call { sequence, slot, length } => (4, *slot, [*sequence, *length, 0], ""),
            Self::Done { sequence, slot, length, elapsed_ns } => {
                (5, *slot, [*sequence, *length, *elapsed_ns], "")
            }
            Self::Failed { sequence, slot, why } => (6, *slot, [*sequence, 0, 0], why),
        };
        let text = fitting(text);
        let mut bytes = Vec::with_capacity(HEAD + text.len());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&slot.to_le_bytes());
        bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    /// `Err` says what is wrong with the bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let head = || Some((word(0)?, word(4)?, word(8)?, word(12)?, number(16)?, number(24)?, number(32)?));
        let (version, kind, slot, text_length, a, b, c) = head().ok_or("a message that is too short")?;
        if version != VERSION {
            return Err("a message of another version");
        }
        let text = bytes.get(HEAD..).unwrap_or(&[]);
        if text.len() != text_length as usize {
            return Err("a message of another length than it says");
        }
        Ok(match kind {
            1 => {
                let size = |n: u64| usize::try_from(n).map_err(|_| "a size beyond this machine's");
                let layout = Layout::new(slot as usize, size(a)?, size(b)?)
                    .map_err(|_| "shared memory that is not possible")?;
                Self::Start { layout, config: text_of(text) }
            }
            2 => Self::Ready { confinement: text_of(text) },
            3 => Self::Refused { why: text_of(text) },
            4 => Self::Call { sequence: a, slot, length: b },
            5 => Self::Done { sequence: a, slot, length: b, elapsed_ns: c },
            6 => Self::Failed { sequence: a, slot, why: text_of(text) },
            _ => return Err("a message of an unknown kind"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for message in [
            Message::Start { layout: Layout::new(2, 7, 9).unwrap(), config: "größer".to_owned() },
            Message::Ready { confinement: "none".to_owned() },
            Message::Refused { why: String::new() },
            Message::Call { sequence: u64::MAX, slot: 1, length: 7 },
            Message::Done { sequence: 3, slot: 0, length: 9, elapsed_ns: 12 },
            Message::Failed { sequence: 4, slot: 1, why: "no".to_owned() },
        ] {
            assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let bytes = Message::Refused { why: "ü".repeat(MOST) }.encode();
        assert!(bytes.len() <= MOST);
        let Ok(Message::Refused { why }) = Message::decode(&bytes) else { panic!("not understood") };
        assert!(why.len() > MOST - 100 && why.chars().all(|c| c == 'ü'));
    }

    #[test]
    fn damaged_messages_are_errors() {
        let good = Message::Start { layout: Layout::new(2, 7, 9).unwrap(), config: "x".to_owned() }.encode();
        for length in 0..good.len() {
            assert!(Message::decode(&good[..length]).is_err(), "{length}");
        }
        for (at, value) in [(0, 9), (4, 77), (8, 99), (12, 0), (16, 0)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert!(Message::decode(&bytes).is_err(), "byte {at}");
        }
    }
}
