//! Weights that lie in files beside a model, taken into it.
//!
//! An engine is one file with one hash. Exporters put large weights into a file of their own (PyTorch's newer one always
//! does), so an import puts them back. Source: <https://github.com/onnx/onnx/blob/main/docs/ExternalData.md>.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::ImportError;
use crate::protobuf::{Fields, Message, Truncated, Value};

/// Where a tensor's bytes lie.
#[derive(Default)]
struct Place {
    file: String,
    offset: u64,
    length: Option<u64>,
}

/// The model with the weights that lie beside it in `folder`.
///
/// # Errors
///
/// [`ImportError::External`] for a file that is missing, too short, or not below the folder.
pub(super) fn take_in(model: &[u8], folder: &Path) -> Result<Vec<u8>, ImportError> {
    let mut files = Files { folder, read: BTreeMap::new() };
    // Graph of a model, tensors of a graph: the others are copied as they are.
    rewritten(model, 7, |graph| rewritten(graph, 5, |tensor| files.tensor(tensor)))
}

/// A message with the messages in one of its fields made anew.
fn rewritten(
    message: &[u8],
    number: u64,
    mut change: impl FnMut(&[u8]) -> Result<Vec<u8>, ImportError>,
) -> Result<Vec<u8>, ImportError> {
    let mut made = Message::default();
    for (field, value, encoded) in Fields::encoded(message)? {
        made = match value {
            Value::Bytes(inner) if field == number => made.bytes(number, change(inner)?),
            _ => made.copied(encoded),
        };
    }
    Ok(made.0)
}

impl From<Truncated> for ImportError {
    fn from(_: Truncated) -> Self {
        Self::NoModel
    }
}

struct Files<'f> {
    folder: &'f Path,
    read: BTreeMap<String, Vec<u8>>,
}

impl Files<'_> {
    /// A tensor with its own bytes.
    fn tensor(&mut self, tensor: &[u8]) -> Result<Vec<u8>, ImportError> {
        let fields = Fields::encoded(tensor)?;
        if !fields.iter().any(|(field, value, _)| *field == 14 && *value == Value::Int(1)) {
            return Ok(tensor.to_vec());
        }
        let mut place = Place::default();
        let mut made = Message::default();
        for (field, value, encoded) in fields {
            match (field, value) {
                (13, Value::Bytes(entry)) => note(entry, &mut place)?,
                (13 | 14, _) => {}
                _ => made = made.copied(encoded),
            }
        }
        Ok(made.bytes(9, self.bytes(&place)?).0)
    }

    fn bytes(&mut self, place: &Place) -> Result<&[u8], ImportError> {
        let problem = |problem: String| ImportError::External { file: place.file.clone(), problem };
        let path = Path::new(&place.file);
        // A model that somebody sends must not be able to name any file of this machine.
        if place.file.is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(problem("it does not lie beside the model".to_owned()));
        }
        if !self.read.contains_key(&place.file) {
            let bytes = std::fs::read(self.folder.join(path)).map_err(|error| problem(error.to_string()))?;
            self.read.insert(place.file.clone(), bytes);
        }
        let all = self.read.get(&place.file).map_or(&[][..], Vec::as_slice);
        let length = place.length.unwrap_or((all.len() as u64).saturating_sub(place.offset));
        let end = place.offset.checked_add(length).and_then(|end| usize::try_from(end).ok());
        let part = usize::try_from(place.offset).ok().zip(end).and_then(|(from, to)| all.get(from..to));
        part.ok_or_else(|| problem(format!("it ends before the weights do ({} bytes)", all.len())))
    }
}

/// Reads a `StringStringEntryProto`.
fn note(entry: &[u8], place: &mut Place) -> Result<(), ImportError> {
    let (mut key, mut text) = (String::new(), String::new());
    for (field, value) in Fields::all(entry)? {
        match (field, value) {
            (1, Value::Bytes(bytes)) => key = String::from_utf8_lossy(bytes).into_owned(),
            (2, Value::Bytes(bytes)) => text = String::from_utf8_lossy(bytes).into_owned(),
            _ => {}
        }
    }
    match key.as_str() {
        "location" => place.file = text,
        "offset" => place.offset = text.parse().map_err(|_| ImportError::NoModel)?,
        "length" => place.length = Some(text.parse().map_err(|_| ImportError::NoModel)?),
        _ => {}
    }
    Ok(())
}
