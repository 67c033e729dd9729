//! Protobuf's encoding (<https://protobuf.dev/programming-guides/encoding/>), as much of it as ONNX files need.
//!
//! ONNX Runtime reads models; these few fields are read and written beside it: what a file says of itself before it is
//! loaded, and the models that hold what was compiled.

/// A message under construction.
#[derive(Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(crate) fn int(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn message(self, field: u64, value: Self) -> Self {
        self.bytes(field, value.0)
    }

    /// A field as [`Fields::encoded`] gave it.
    pub(crate) fn copied(mut self, field: &[u8]) -> Self {
        self.0.extend_from_slice(field);
        self
    }
}

/// A message ends in the middle of a field, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is cut off or no protobuf message")]
pub(crate) struct Truncated;

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Int(u64),
    Bytes(&'a [u8]),
    /// Of a type that is not read here.
    Other,
}

/// A field's number, its value, and the bytes that say both.
pub(crate) type Encoded<'a> = (u64, Value<'a>, &'a [u8]);

/// The fields of a message, in order.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Int(self.varint()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    /// All fields of a message; an error where it is cut off.
    pub(crate) fn all(bytes: &'a [u8]) -> Result<Vec<(u64, Value<'a>)>, Truncated> {
        let mut fields = Fields(bytes);
        let mut all = Vec::new();
        while !fields.0.is_empty() {
            all.push(fields.field().ok_or(Truncated)?);
        }
        Ok(all)
    }

    /// All fields of a message as they stand in it, each with its number, to be copied whatever they are.
    pub(crate) fn encoded(bytes: &'a [u8]) -> Result<Vec<Encoded<'a>>, Truncated> {
        let mut fields = Fields(bytes);
        let mut all = Vec::new();
        while !fields.0.is_empty() {
            let before = fields.0;
            let (number, value) = fields.field().ok_or(Truncated)?;
            let length = before.len() - fields.0.len();
            all.push((number, value, before.get(..length).unwrap_or(before)));
        }
        Ok(all)
    }
}

/// The messages, texts or blocks of bytes in a field.
pub(crate) fn messages<'f, 'a>(
    fields: &'f [(u64, Value<'a>)],
    number: u64,
) -> impl Iterator<Item = &'a [u8]> + use<'f, 'a> {
    fields.iter().filter_map(move |(field, value)| match value {
        Value::Bytes(bytes) if *field == number => Some(*bytes),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte of a tiny one, by hand from the rules of the encoding.
    #[test]
    fn a_message_is_encoded_by_the_book() {
        let message = Message::default().int(1, 300).bytes(2, "ab").message(16, Message::default().int(3, 1));
        assert_eq!(message.0, [0x08, 0xac, 0x02, 0x12, 2, b'a', b'b', 0x82, 0x01, 2, 0x18, 1]);
    }

    #[test]
    fn fields_come_back_and_what_is_cut_off_is_an_error() {
        let message = Message::default().int(1, 300).bytes(2, "ab").message(16, Message::default().int(3, 1));
        let fields = Fields::all(&message.0).unwrap();
        assert_eq!(fields.first(), Some(&(1, Value::Int(300))));
        assert_eq!(messages(&fields, 2).collect::<Vec<_>>(), [b"ab"]);
        let inner = messages(&fields, 16).next().unwrap();
        assert_eq!(Fields::all(inner), Ok(vec![(3, Value::Int(1))]));
        let copy = Fields::encoded(&message.0).unwrap();
        let copy = copy.iter().fold(Message::default(), |copy, (_, _, field)| copy.copied(field));
        assert_eq!(copy.0, message.0);
        for length in [1, 2, 4, 5, 6, message.0.len() - 1] {
            assert_eq!(Fields::all(&message.0[..length]), Err(Truncated), "{length}");
        }
        assert_eq!(Fields::all(&[0xff; 12]), Err(Truncated));
    }
}
