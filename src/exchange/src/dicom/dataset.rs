//! Short ways to fill a data set.

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::InMemDicomObject;

use super::code::Code;

/// A data set that is being filled.
#[derive(Clone, Debug)]
pub(crate) struct DataSet(InMemDicomObject);

impl DataSet {
    pub fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    pub fn into_inner(self) -> InMemDicomObject {
        self.0
    }

    pub fn value(&mut self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
        self.0.put(DataElement::new(tag, vr, value.into()));
    }

    /// A text, cut to what its representation may hold.
    pub fn text(&mut self, tag: Tag, vr: VR, text: &str) {
        let most = match vr {
            VR::CS | VR::SH | VR::AE | VR::DS => 16,
            VR::IS => 12,
            VR::LO | VR::UI | VR::PN => 64,
            VR::ST => 1024,
            VR::LT => 10_240,
            _ => usize::MAX,
        };
        let text: String = text.chars().take(most).collect();
        self.value(tag, vr, text);
    }

    /// Several texts in one element.
    pub fn texts(&mut self, tag: Tag, vr: VR, texts: &[&str]) {
        self.value(tag, vr, PrimitiveValue::Strs(texts.iter().map(|t| (*t).to_owned()).collect()));
    }

    /// An element without a value.
    pub fn empty(&mut self, tag: Tag, vr: VR) {
        self.value(tag, vr, PrimitiveValue::Empty);
    }

    pub fn short(&mut self, tag: Tag, value: u16) {
        self.value(tag, VR::US, PrimitiveValue::from(value));
    }

    pub fn shorts(&mut self, tag: Tag, values: &[u16]) {
        self.value(tag, VR::US, PrimitiveValue::U16(values.iter().copied().collect()));
    }

    pub fn longs(&mut self, tag: Tag, values: &[u32]) {
        self.value(tag, VR::UL, PrimitiveValue::U32(values.iter().copied().collect()));
    }

    pub fn tag(&mut self, tag: Tag, value: Tag) {
        self.value(tag, VR::AT, PrimitiveValue::Tags([value].into_iter().collect()));
    }

    pub fn whole(&mut self, tag: Tag, value: u64) {
        self.text(tag, VR::IS, &value.to_string());
    }

    pub fn decimal(&mut self, tag: Tag, value: f64) {
        self.text(tag, VR::DS, &decimal(value));
    }

    pub fn sequence(&mut self, tag: Tag, items: Vec<InMemDicomObject>) {
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
    }

    /// A sequence of one item.
    pub fn item(&mut self, tag: Tag, fill: impl FnOnce(&mut Self)) {
        let mut item = Self::new();
        fill(&mut item);
        self.sequence(tag, vec![item.0]);
    }

    pub fn code(&mut self, tag: Tag, code: &Code) {
        self.sequence(tag, vec![code.item()]);
    }

    pub fn bytes(&mut self, tag: Tag, vr: VR, bytes: Vec<u8>) {
        self.value(tag, vr, PrimitiveValue::from(bytes));
    }

    /// Takes over elements of another data set.
    pub fn merge(&mut self, other: &InMemDicomObject) {
        for element in other.iter() {
            self.0.put(element.clone());
        }
    }
}

/// A number as a Decimal String: at most 16 characters, and as exact as these allow (PS3.5, 6.2).
pub(crate) fn decimal(value: f64) -> String {
    let plain = value.to_string();
    if plain.len() <= 16 {
        return plain;
    }
    let shorter = |text: String| (text.len() <= 16).then_some(text);
    let plain = || (0..=14).rev().find_map(|digits| shorter(format!("{value:.digits$}")));
    let with_exponent = || (0..=14).rev().find_map(|digits| shorter(format!("{value:.digits$e}")));
    // Small numbers lose digits without an exponent.
    let found = if value.abs() >= 1e-3 { plain().or_else(with_exponent) } else { with_exponent() };
    found.unwrap_or_else(|| "0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_into_sixteen_characters_and_stay_what_they_are() {
        for value in
            [0.0, -1.5, 33.333_333_333_333_336, 1.0 / 3.0, 1e-9 / 3.0, -2e12 / 3.0, 1e300, 123_456_789.123]
        {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().unwrap();
            assert!((back - value).abs() <= value.abs() * 1e-8, "{value} as {text}");
        }
    }
}
