//! What a model takes: worked out from its input's shape, the rest as it was said or by a stated default.

use super::facts::{NumberKind, TensorFacts};
use super::{ImportError, Said};
use crate::manifest::{Element, Layout};

/// Width and height of a model whose file leaves them free and whose user does not say.
const DEFAULT_SIZE: (u32, u32) = (256, 256);

/// A model's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputForm {
    /// Name of the tensor.
    pub name: String,
    /// Its numbers.
    pub element: Element,
    /// Order of its axes.
    pub layout: Layout,
    /// 1 or 3.
    pub channels: usize,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl InputForm {
    /// Works it out. What was assumed is told to `warnings`.
    ///
    /// # Errors
    ///
    /// [`ImportError::Input`] where it is no picture's tensor, or what was said contradicts it.
    pub fn new(inputs: &[TensorFacts], said: &Said, warnings: &mut Vec<String>) -> Result<Self, ImportError> {
        let input = only(inputs, said)?;
        let fail = |problem: String| {
            Err(ImportError::Input { name: input.name.clone(), shape: input.shape_text(), problem })
        };
        let element = match input.numbers {
            NumberKind::F32 => Element::F32,
            NumberKind::F16 => Element::F16,
            NumberKind::U8 => Element::U8,
            other => return fail(format!("its numbers are {other}: export it with f32, f16 or u8")),
        };
        let Some(&[batch, a, b, c]) = input.axes.as_deref() else {
            return fail("a picture has four axes there, [1, C, H, W] or [1, H, W, C]".to_owned());
        };
        if batch.is_some_and(|n| n != 1) {
            return fail(
                "it takes several pictures at once: export it with a batch of 1, or a free one".to_owned(),
            );
        }
        let is_color = |axis: Option<u64>| matches!(axis, Some(1 | 3));
        let may_be = |axis: Option<u64>| axis.is_none() || is_color(axis);
        let layout = match (said.layout, is_color(a), is_color(c)) {
            (Some(layout), _, _) => layout,
            (None, true, false) => Layout::Nchw,
            (None, false, true) => Layout::Nhwc,
            (None, false, false) if may_be(a) || may_be(c) => {
                warnings.push(
                    "the file does not say which axis holds the channels: nchw taken (--layout)".to_owned(),
                );
                Layout::Nchw
            }
            (None, false, false) => {
                return fail(
                    "no axis of 1 or 3 channels: only grey and colour pictures can be given".to_owned(),
                );
            }
            (None, true, true) => {
                return fail("say which axis holds the channels, --layout nchw or nhwc".to_owned());
            }
        };
        let (channels, height, width) = match layout {
            Layout::Nchw => (a, b, c),
            Layout::Nhwc => (c, a, b),
        };
        let channels = match (channels, said.color) {
            (Some(found @ (1 | 3)), color) => {
                if color.is_some_and(|color| color.channels() as u64 != found) {
                    return fail(format!(
                        "it has {found} channels, which is not the colour order that was given"
                    ));
                }
                found as usize
            }
            (None, Some(color)) => color.channels(),
            (None, None) => {
                warnings.push("the file leaves the number of channels free: 3 taken (--color)".to_owned());
                3
            }
            (Some(found), _) => {
                return fail(format!("it has {found} channels: only 1 (grey) and 3 (colour) can be given"));
            }
        };
        let side = |found: Option<u64>, said: Option<u32>, default: u32, what: &str| match (found, said) {
            (Some(found), Some(said)) if found != u64::from(said) => {
                Err(format!("its {what} is {found}, and {said} was given"))
            }
            (Some(found), _) => {
                u32::try_from(found).map_err(|_| format!("its {what} of {found} is no picture's"))
            }
            (None, Some(said)) => Ok(said),
            (None, None) => Ok(default),
        };
        let is_free = said.size.is_none() && (width.is_none() || height.is_none());
        let sides = side(width, said.size.map(|s| s.0), DEFAULT_SIZE.0, "width")
            .and_then(|w| Ok((w, side(height, said.size.map(|s| s.1), DEFAULT_SIZE.1, "height")?)));
        let (width, height) = match sides {
            Ok(sides) => sides,
            Err(problem) => return fail(problem),
        };
        if is_free {
            warnings
                .push(format!("the file leaves the picture's size free: {width}x{height} taken (--size)"));
        }
        Ok(Self { name: input.name.clone(), element, layout, channels, width, height })
    }

    /// Shape of the tensor.
    pub fn shape(&self) -> [usize; 4] {
        let (width, height) = (self.width as usize, self.height as usize);
        match self.layout {
            Layout::Nchw => [1, self.channels, height, width],
            Layout::Nhwc => [1, height, width, self.channels],
        }
    }
}

fn only<'t>(inputs: &'t [TensorFacts], said: &Said) -> Result<&'t TensorFacts, ImportError> {
    let named = |input: &&TensorFacts| said.input.as_ref().is_none_or(|name| *name == input.name);
    match inputs {
        [] => Err(ImportError::NoInput),
        [only] if named(&only) => Ok(only),
        [only] => Err(ImportError::Input {
            name: only.name.clone(),
            shape: only.shape_text(),
            problem: "it is the only input, and another was named".to_owned(),
        }),
        several => Err(ImportError::InputCount(
            several
                .iter()
                .map(|input| format!("'{}' {}", input.name, input.shape_text()))
                .collect::<Vec<_>>()
                .join(", "),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Color;

    fn form(axes: &[i64], numbers: NumberKind, said: &Said) -> Result<(InputForm, usize), String> {
        let axes = axes.iter().map(|&n| u64::try_from(n).ok()).collect();
        let input = TensorFacts { name: "x".to_owned(), numbers, axes: Some(axes) };
        let mut warnings = Vec::new();
        let form = InputForm::new(&[input], said, &mut warnings).map_err(|error| error.to_string())?;
        Ok((form, warnings.len()))
    }

    #[test]
    fn shapes_say_what_they_can() {
        let nothing = Said::default();
        let (nchw, warnings) = form(&[1, 3, 192, 288], NumberKind::F32, &nothing).unwrap();
        assert_eq!(
            (nchw.layout, nchw.channels, nchw.width, nchw.height, warnings),
            (Layout::Nchw, 3, 288, 192, 0)
        );
        let (nhwc, warnings) = form(&[-1, 224, 160, 1], NumberKind::U8, &nothing).unwrap();
        assert_eq!(
            (nhwc.layout, nhwc.element, nhwc.width, nhwc.height),
            (Layout::Nhwc, Element::U8, 160, 224)
        );
        assert_eq!((nhwc.channels, warnings, nhwc.shape()), (1, 0, [1, 224, 160, 1]));
        // Free sizes are taken from what is said, else by a default that is told.
        let (free, warnings) = form(&[-1, 3, -1, -1], NumberKind::F16, &nothing).unwrap();
        assert_eq!((free.width, free.height, free.element, warnings), (256, 256, Element::F16, 1));
        let said = Said { size: Some((320, 240)), ..Said::default() };
        let (free, warnings) = form(&[-1, 3, -1, -1], NumberKind::F32, &said).unwrap();
        assert_eq!((free.width, free.height, warnings), (320, 240, 0));
        let said = Said {
            layout: Some(Layout::Nhwc),
            color: Some(Color::Gray),
            size: Some((8, 9)),
            ..Said::default()
        };
        let (free, warnings) = form(&[-1, -1, -1, -1], NumberKind::F32, &said).unwrap();
        assert_eq!((free.layout, free.channels, free.width, warnings), (Layout::Nhwc, 1, 8, 0));
    }

    #[test]
    fn what_is_no_picture_is_an_error_in_one_line() {
        let nothing = Said::default();
        let said = Said { size: Some((9, 9)), color: Some(Color::Gray), ..Said::default() };
        for (axes, numbers, said, words) in [
            (&[1, 3, 8][..], NumberKind::F32, &nothing, "four axes"),
            (&[8, 3, 8, 8], NumberKind::F32, &nothing, "several pictures"),
            (&[1, 4, 8, 8], NumberKind::F32, &nothing, "1 or 3 channels"),
            (&[1, 3, 8, 3], NumberKind::F32, &nothing, "--layout"),
            (&[1, 3, 8, 8], NumberKind(11), &nothing, "f64"),
            (&[1, 3, 8, 8], NumberKind::F32, &said, "3 channels"),
            (&[1, 1, 8, 8], NumberKind::F32, &said, "width is 8, and 9"),
        ] {
            let error = form(axes, numbers, said).unwrap_err();
            assert!(error.contains(words) && !error.contains('\n'), "{error}");
        }
        let mut named = Said { input: Some("y".to_owned()), ..Said::default() };
        assert!(form(&[1, 3, 8, 8], NumberKind::F32, &named).unwrap_err().contains("another was named"));
        named.input = Some("x".to_owned());
        assert!(form(&[1, 3, 8, 8], NumberKind::F32, &named).is_ok());
    }
}
