//! Grey samples to 8 bits (PS3.3, C.11.1 and C.11.2).
//!
//! Samples of up to 8 bits without sign are shown as they stand, for what is measured is the stored picture, and a
//! window for looking would change it. Wider samples go through the modality's table or rescaling, then through the VOI
//! table or the first window, else the whole range of the stored bits is spread over 8. MONOCHROME1 is turned over.

use dicom_dictionary_std::tags;

use super::lut::{Lut, LutTags};
use crate::codec::Samples;
use crate::error::DicomError;
use crate::picture::{Photometric, Picture};
use crate::read::{Content, Elements};

const LUT: LutTags = LutTags { descriptor: tags::LUT_DESCRIPTOR, data: tags::LUT_DATA, segmented: None };

/// What is shown for every value that the stored bits can make.
#[derive(Debug)]
pub(crate) struct Grey {
    shown: Vec<u8>,
    /// All values of a byte, and each shown as it is.
    as_it_stands: bool,
}

impl Grey {
    pub fn new(content: &Content, picture: &Picture) -> Result<Self, DicomError> {
        let bits = picture.bits_stored;
        let inverted = picture.photometric == Photometric::Monochrome1;
        let mapping = if bits <= 8 && !picture.signed {
            Mapping::spread(0.0, f64::from((1u32 << bits) - 1))
        } else {
            Mapping::read(content, picture)?
        };
        let shown = (0..1u32 << bits).map(|code| {
            let value = mapping.shown(stored_value(code, picture));
            if inverted { 255 - value } else { value }
        });
        let shown: Vec<u8> = shown.collect();
        let as_it_stands = shown.len() == 256 && shown.iter().enumerate().all(|(i, v)| i == usize::from(*v));
        Ok(Self { shown, as_it_stands })
    }

    pub fn show(&self, samples: Samples) -> Vec<u8> {
        // Bits above the stored ones are none of the sample: there are as many values as a power of two.
        let mask = self.shown.len() - 1;
        match samples {
            Samples::Bytes(bytes) if self.as_it_stands => bytes,
            Samples::Bytes(bytes) => bytes.into_iter().map(|v| self.shown[usize::from(v) & mask]).collect(),
            Samples::Words(words) => words.into_iter().map(|v| self.shown[usize::from(v) & mask]).collect(),
        }
    }
}

/// The value of stored bits, with its sign.
fn stored_value(code: u32, picture: &Picture) -> i32 {
    let unused = i32::BITS - picture.bits_stored;
    if picture.signed { ((code << unused) as i32) >> unused } else { code as i32 }
}

enum Modality {
    Table(Lut),
    Rescale { slope: f64, intercept: f64 },
}

enum Shape {
    Linear,
    LinearExact,
    Sigmoid,
}

enum Voi {
    Table(Lut),
    Window {
        shape: Shape,
        center: f64,
        width: f64,
    },
    /// From the lowest to the highest value.
    Spread {
        lowest: f64,
        highest: f64,
    },
}

struct Mapping {
    modality: Modality,
    voi: Voi,
}

impl Mapping {
    fn spread(lowest: f64, highest: f64) -> Self {
        let modality = Modality::Rescale { slope: 1.0, intercept: 0.0 };
        Self { modality, voi: Voi::Spread { lowest, highest } }
    }

    fn read(content: &Content, picture: &Picture) -> Result<Self, DicomError> {
        let elements = &content.elements;
        let modality = match content.modality_luts.first() {
            Some(item) => Modality::Table(Lut::read(item, LUT, picture.signed)?),
            None => rescale(elements)?,
        };
        let voi = match content.voi_luts.first() {
            // What goes in has a sign if the modality's values can be below 0.
            Some(item) => Voi::Table(Lut::read(item, LUT, picture.signed)?),
            None => window(elements).unwrap_or_else(|| whole_range(&modality, picture)),
        };
        Ok(Self { modality, voi })
    }

    fn shown(&self, stored: i32) -> u8 {
        let value = match &self.modality {
            Modality::Table(lut) => f64::from(lut.entry(stored)),
            Modality::Rescale { slope, intercept } => f64::from(stored) * slope + intercept,
        };
        // From 0 to 1.
        let part = match &self.voi {
            Voi::Table(lut) => f64::from(lut.entry(value.round() as i32)) / f64::from(lut.highest()),
            Voi::Spread { lowest, highest } if highest > lowest => (value - lowest) / (highest - lowest),
            Voi::Spread { .. } => 0.0,
            Voi::Window { shape: Shape::Linear, center, width } if *width > 1.0 => {
                (value - (center - 0.5)) / (width - 1.0) + 0.5
            }
            // A window of 1: a step.
            Voi::Window { shape: Shape::Linear, center, .. } => f64::from(u8::from(value > center - 0.5)),
            Voi::Window { shape: Shape::LinearExact, center, width } => (value - center) / width + 0.5,
            Voi::Window { shape: Shape::Sigmoid, center, width } => {
                1.0 / (1.0 + (-4.0 * (value - center) / width).exp())
            }
        };
        (part * 255.0 + 0.5).floor().clamp(0.0, 255.0) as u8
    }
}

fn rescale(elements: &Elements) -> Result<Modality, DicomError> {
    let number = |tag, default: f64| match elements.has(tag) {
        false => Ok(default),
        true => {
            let attribute = Elements::attribute(tag);
            let value = elements.number(tag).filter(|n| n.is_finite());
            value.ok_or(DicomError::BadValue { attribute, expected: "a number" })
        }
    };
    let (slope, intercept) = (number(tags::RESCALE_SLOPE, 1.0)?, number(tags::RESCALE_INTERCEPT, 0.0)?);
    Ok(Modality::Rescale { slope, intercept })
}

/// The first window, unless it is one that the standard forbids.
fn window(elements: &Elements) -> Option<Voi> {
    let center = elements.number(tags::WINDOW_CENTER).filter(|n| n.is_finite())?;
    let width = elements.number(tags::WINDOW_WIDTH).filter(|n| n.is_finite())?;
    let shape = match elements.text(tags::VOILUT_FUNCTION) {
        None | Some("LINEAR") => Shape::Linear,
        Some("LINEAR_EXACT") => Shape::LinearExact,
        Some("SIGMOID") => Shape::Sigmoid,
        Some(_) => return None,
    };
    let least = if matches!(shape, Shape::Linear) { 1.0 } else { f64::MIN_POSITIVE };
    (width >= least).then_some(Voi::Window { shape, center, width })
}

fn whole_range(modality: &Modality, picture: &Picture) -> Voi {
    let span = f64::from(1u32 << picture.bits_stored);
    let (lowest, highest) = if picture.signed { (-span / 2.0, span / 2.0 - 1.0) } else { (0.0, span - 1.0) };
    match modality {
        Modality::Table(lut) => Voi::Spread { lowest: 0.0, highest: lut.highest().into() },
        Modality::Rescale { slope, intercept } => {
            let (a, b) = (lowest * slope + intercept, highest * slope + intercept);
            Voi::Spread { lowest: a.min(b), highest: a.max(b) }
        }
    }
}
