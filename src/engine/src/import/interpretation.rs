//! The ways in which a picture may have been prepared for a model, as far as the model's file leaves them open.

use super::Said;
use super::input::InputForm;
use super::normalisation::{Normalisation, PRESETS};
use crate::manifest::{Color, Element, Filter};
use vesalius_measure::geometry::ResizeRule;

/// Sides of a picture and of a model that differ less than this in proportion are resized alike by both rules, as far as
/// an eye can tell.
const SAME_SHAPE: f64 = 0.03;

/// One way to prepare a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpretation {
    /// Order of the channels.
    pub color: Color,
    /// Bytes to numbers.
    pub normalisation: Normalisation,
    /// How it is brought to the model's size.
    pub resize: ResizeRule,
    /// How pixels are mixed in doing so.
    pub filter: Filter,
}

impl Interpretation {
    /// In a few words: `RGB · imagenet · stretch`.
    pub fn caption(&self) -> String {
        let (color, resize) = (color_name(self.color), resize_name(self.resize));
        let filter = if self.filter == Filter::Linear { " · linear" } else { "" };
        format!("{} · {} · {resize}{filter}", color.to_uppercase(), self.normalisation.name)
    }

    /// The same with the other filter. The two differ too little to be seen and enough to be measured.
    #[must_use]
    pub fn other_filter(&self) -> Self {
        let filter = match self.filter {
            Filter::LinearAntialias => Filter::Linear,
            Filter::Linear => Filter::LinearAntialias,
        };
        Self { filter, ..self.clone() }
    }
}

/// Its name in manifests and options.
pub fn color_name(color: Color) -> &'static str {
    match color {
        Color::Gray => "gray",
        Color::Rgb => "rgb",
        Color::Bgr => "bgr",
    }
}

/// Its name in manifests and options.
pub fn resize_name(resize: ResizeRule) -> &'static str {
    match resize {
        ResizeRule::Letterbox => "letterbox",
        ResizeRule::Stretch => "stretch",
    }
}

/// What a picture can show of the open questions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureFacts {
    /// Width over height, as it is shown.
    pub aspect: f64,
    /// Whether it has no colours.
    pub is_gray: bool,
}

/// All that is open, most usual first. What the picture cannot show is not tried, and told to `warnings`.
pub fn all(
    input: &InputForm,
    said: &Said,
    picture: Option<PictureFacts>,
    warnings: &mut Vec<String>,
) -> Vec<Interpretation> {
    let colors: &[Color] = match (said.color, input.channels) {
        (Some(color), _) => &[color],
        (None, 1) => &[Color::Gray],
        (None, _) if picture.is_some_and(|picture| picture.is_gray) => {
            warnings.push(
                "the picture is grey and cannot show the colour order: rgb taken (--color, or a picture with colours)"
                    .to_owned(),
            );
            &[Color::Rgb]
        }
        (None, _) => &[Color::Rgb, Color::Bgr],
    };
    let shape = f64::from(input.width) / f64::from(input.height);
    let resizes: &[ResizeRule] = match (said.resize, picture) {
        (Some(resize), _) => &[resize],
        (None, Some(picture)) if (picture.aspect / shape - 1.0).abs() < SAME_SHAPE => {
            warnings.push(
                "the picture has the model's shape and cannot show the resize rule: stretch taken (--resize, or a picture \
                 of another shape)"
                    .to_owned(),
            );
            &[ResizeRule::Stretch]
        }
        (None, _) => &[ResizeRule::Stretch, ResizeRule::Letterbox],
    };
    let mut all = Vec::new();
    for &color in colors {
        for &resize in resizes {
            for normalisation in normalisations(input, said, color) {
                all.push(Interpretation {
                    color,
                    normalisation,
                    resize,
                    filter: said.filter.unwrap_or_default(),
                });
            }
        }
    }
    all
}

fn normalisations(input: &InputForm, said: &Said, color: Color) -> Vec<Normalisation> {
    if input.element == Element::U8 {
        return Normalisation::preset("bytes", color).into_iter().collect();
    }
    if let Some(given) = &said.normalisation {
        return given.for_color(color).into_iter().collect();
    }
    // Networks of that school take blue first.
    let usual = |name: &&&str| **name != "caffe" || color == Color::Bgr;
    PRESETS.iter().filter(usual).filter_map(|name| Normalisation::preset(name, color)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::GivenNormalisation;
    use crate::manifest::Layout;

    fn input(channels: usize, element: Element) -> InputForm {
        InputForm { name: "x".to_owned(), element, layout: Layout::Nchw, channels, width: 256, height: 256 }
    }

    #[test]
    fn what_is_open_is_tried_and_nothing_else() {
        let wide = PictureFacts { aspect: 1.6, is_gray: false };
        let count = |input: &InputForm, said: &Said, picture| {
            let mut warnings = Vec::new();
            (all(input, said, Some(picture), &mut warnings).len(), warnings.len())
        };
        let nothing = Said::default();
        // RGB with four presets and BGR with five, by two rules.
        assert_eq!(count(&input(3, Element::F32), &nothing, wide), (18, 0));
        assert_eq!(count(&input(1, Element::F32), &nothing, wide), (6, 0));
        assert_eq!(count(&input(3, Element::U8), &nothing, wide), (4, 0));
        let square = PictureFacts { aspect: 1.0, is_gray: true };
        assert_eq!(count(&input(3, Element::F32), &nothing, square), (4, 2));
        let said = Said {
            color: Some(Color::Bgr),
            resize: Some(ResizeRule::Stretch),
            normalisation: Some(GivenNormalisation::Preset("caffe".to_owned())),
            ..Said::default()
        };
        assert_eq!(count(&input(3, Element::F32), &said, wide), (1, 0));
        let captions: Vec<_> = all(&input(3, Element::F32), &said, None, &mut Vec::new())
            .iter()
            .map(Interpretation::caption)
            .collect();
        assert_eq!(captions, ["BGR · caffe · stretch"]);
    }
}
