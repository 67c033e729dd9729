//! Where a mask's pixels lie in the picture they came from.

use serde::{Deserialize, Serialize};

/// A point in the source picture, in pixels; see the crate's convention.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointInFrame {
    /// To the right.
    pub x_px: f64,
    /// Downwards.
    pub y_px: f64,
}

/// A point in a model's input or output, in pixels of that tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointInModel {
    /// To the right.
    pub x_px: f64,
    /// Downwards.
    pub y_px: f64,
}

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelRect {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// How a picture is brought to the size a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizeRule {
    /// Same scale on both axes (but for rounding to whole pixels), centred, the rest filled with a border.
    Letterbox,
    /// Each axis with a scale of its own, no border.
    Stretch,
}

/// Why a geometry cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A width or height is zero.
    #[error(
        "a geometry needs pictures of at least 1x1 pixels (source {source_size:?}, model {model_size:?})"
    )]
    Empty {
        /// Width and height of the source picture.
        source_size: (u32, u32),
        /// Width and height of the model's picture.
        model_size: (u32, u32),
    },
    /// The pixel aspect ratio is not a positive fraction.
    #[error("{0}/{1} is no pixel aspect ratio")]
    PixelAspectRatio(i32, i32),
    /// The part to be seen is empty or reaches beyond the picture.
    #[error(
        "the part {}x{} at {},{} does not lie within a picture of {}x{} pixels",
        crop.width, crop.height, crop.x, crop.y, source_size.0, source_size.1
    )]
    Crop {
        /// The part that was asked for.
        crop: PixelRect,
        /// Width and height of the source picture.
        source_size: (u32, u32),
    },
}

/// The record that travels with every mask: the one mapping between a model's pixels and the source's.
///
/// Pixel centres map to pixel centres: `x_source = (x_model − pad_x + ½) / scale_x − ½ + crop.x`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Width of the source picture in pixels.
    pub source_width: u32,
    /// Height of the source picture in pixels.
    pub source_height: u32,
    /// The part of the source that the model saw.
    pub crop: PixelRect,
    /// Width of the model's picture in pixels, border included.
    pub model_width: u32,
    /// Height of the model's picture in pixels, border included.
    pub model_height: u32,
    /// The part of the model's picture that shows the crop; the rest is border and never part of a mask.
    pub content: PixelRect,
    /// Width of a source pixel over its height, as numerator and denominator.
    pub pixel_aspect_ratio: (i32, i32),
}

impl Geometry {
    /// The whole source brought to `model_size` by `rule`.
    ///
    /// A letterbox takes s = min(Wm/Ws, Hm/Hs), a content of round(Ws·s) × round(Hs·s) pixels (at least 1 × 1)
    /// and half of what is left, rounded down, as border on the left and on top.
    ///
    /// # Errors
    ///
    /// [`GeometryError`] when a size is zero or the aspect ratio is no positive fraction.
    pub fn new(
        source_size: (u32, u32),
        model_size: (u32, u32),
        rule: ResizeRule,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<Self, GeometryError> {
        let whole = PixelRect { x: 0, y: 0, width: source_size.0, height: source_size.1 };
        Self::of_crop(source_size, whole, model_size, rule, pixel_aspect_ratio)
    }

    /// A part of the source brought to `model_size` by `rule`, as [`Geometry::new`] does with the whole.
    ///
    /// # Errors
    ///
    /// [`GeometryError`] when a size is zero, the aspect ratio is no positive fraction, or the part is empty or
    /// reaches beyond the source.
    pub fn of_crop(
        source_size: (u32, u32),
        crop: PixelRect,
        model_size: (u32, u32),
        rule: ResizeRule,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<Self, GeometryError> {
        let ((source_width, source_height), (model_width, model_height)) = (source_size, model_size);
        if source_width == 0 || source_height == 0 || model_width == 0 || model_height == 0 {
            return Err(GeometryError::Empty { source_size, model_size });
        }
        let (par_n, par_d) = pixel_aspect_ratio;
        if par_n <= 0 || par_d <= 0 {
            return Err(GeometryError::PixelAspectRatio(par_n, par_d));
        }
        let within = |first: u32, count: u32, size: u32| {
            count > 0 && first.checked_add(count).is_some_and(|end| end <= size)
        };
        if !(within(crop.x, crop.width, source_width) && within(crop.y, crop.height, source_height)) {
            return Err(GeometryError::Crop { crop, source_size });
        }
        let content = match rule {
            ResizeRule::Stretch => PixelRect { x: 0, y: 0, width: model_width, height: model_height },
            ResizeRule::Letterbox => {
                let scale = (f64::from(model_width) / f64::from(crop.width))
                    .min(f64::from(model_height) / f64::from(crop.height));
                let fit = |source: u32, model: u32| {
                    // In 1..=model, so the cast cannot lose anything.
                    (f64::from(source) * scale).round().clamp(1.0, f64::from(model)) as u32
                };
                let (width, height) = (fit(crop.width, model_width), fit(crop.height, model_height));
                PixelRect { x: (model_width - width) / 2, y: (model_height - height) / 2, width, height }
            }
        };
        Ok(Self { source_width, source_height, crop, model_width, model_height, content, pixel_aspect_ratio })
    }

    /// Model pixels a source pixel, along x.
    pub fn scale_x(&self) -> f64 {
        f64::from(self.content.width) / f64::from(self.crop.width)
    }

    /// Model pixels a source pixel, along y.
    pub fn scale_y(&self) -> f64 {
        f64::from(self.content.height) / f64::from(self.crop.height)
    }

    /// Width of a source pixel over its height.
    pub fn pixel_aspect(&self) -> f64 {
        f64::from(self.pixel_aspect_ratio.0) / f64::from(self.pixel_aspect_ratio.1)
    }

    /// Where a point of the model's picture lies in the source.
    pub fn source_from_model(&self, p: PointInModel) -> PointInFrame {
        PointInFrame {
            x_px: (p.x_px - f64::from(self.content.x) + 0.5) / self.scale_x() - 0.5 + f64::from(self.crop.x),
            y_px: (p.y_px - f64::from(self.content.y) + 0.5) / self.scale_y() - 0.5 + f64::from(self.crop.y),
        }
    }

    /// Where a point of the source lies in the model's picture.
    pub fn model_from_source(&self, p: PointInFrame) -> PointInModel {
        PointInModel {
            x_px: (p.x_px - f64::from(self.crop.x) + 0.5) * self.scale_x() - 0.5 + f64::from(self.content.x),
            y_px: (p.y_px - f64::from(self.crop.y) + 0.5) * self.scale_y() - 0.5 + f64::from(self.content.y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn full_hd_in_a_square_model() {
        // The worked example of a 1920×1080 picture in a 512×512 model: scale 0.26667, 512×288, 112 rows of border.
        let g = Geometry::new((1920, 1080), (512, 512), ResizeRule::Letterbox, (1, 1)).unwrap();
        assert_eq!(g.content, PixelRect { x: 0, y: 112, width: 512, height: 288 });
        assert!((g.scale_x() - 0.266_666_7).abs() < 1e-6);
        let g = Geometry::new((1920, 1080), (512, 512), ResizeRule::Stretch, (1, 1)).unwrap();
        assert!((1.0 / g.scale_x() - 3.75).abs() < 1e-12 && (1.0 / g.scale_y() - 2.109_375).abs() < 1e-12);
    }

    /// A square outline one source pixel wide, near each corner and in each kind of geometry, goes to the model and
    /// back: half a source pixel is the limit that the specification sets, rounding is all that there is.
    #[test]
    fn a_square_of_one_pixel_comes_back_to_all_four_corners() {
        let crop = PixelRect { x: 240, y: 60, width: 1280, height: 960 };
        let size = (1920, 1080);
        for g in [
            Geometry::new(size, (512, 512), ResizeRule::Letterbox, (1, 1)).unwrap(),
            Geometry::new(size, (512, 512), ResizeRule::Stretch, (1, 1)).unwrap(),
            Geometry::of_crop(size, crop, (512, 512), ResizeRule::Letterbox, (1, 1)).unwrap(),
            Geometry::of_crop(size, crop, (256, 384), ResizeRule::Stretch, (16, 15)).unwrap(),
        ] {
            let (left, top) = (f64::from(g.crop.x), f64::from(g.crop.y));
            let (right, bottom) =
                (left + f64::from(g.crop.width) - 1.0, top + f64::from(g.crop.height) - 1.0);
            let content = g.content;
            for (cx, cy) in [(left, top), (right, top), (left, bottom), (right, bottom)] {
                for (dx, dy) in [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)] {
                    let p = PointInFrame { x_px: cx + dx, y_px: cy + dy };
                    let m = g.model_from_source(p);
                    let within = |v: f64, first: u32, count: u32| {
                        v > f64::from(first) - 0.5 - 1e-9 && v < f64::from(first + count) - 0.5 + 1e-9
                    };
                    assert!(
                        within(m.x_px, content.x, content.width) && within(m.y_px, content.y, content.height)
                    );
                    let q = g.source_from_model(m);
                    assert!((p.x_px - q.x_px).abs() < 1e-9 && (p.y_px - q.y_px).abs() < 1e-9, "{g:?}");
                }
            }
        }
    }

    #[test]
    fn a_part_is_seen_as_a_picture_of_its_own() {
        let crop = PixelRect { x: 100, y: 50, width: 960, height: 540 };
        let part = Geometry::of_crop((1920, 1080), crop, (512, 512), ResizeRule::Letterbox, (4, 3)).unwrap();
        let own = Geometry::new((960, 540), (512, 512), ResizeRule::Letterbox, (4, 3)).unwrap();
        assert_eq!((part.content, part.scale_x()), (own.content, own.scale_x()));
        let m = PointInModel { x_px: 17.25, y_px: 200.5 };
        let (a, b) = (part.source_from_model(m), own.source_from_model(m));
        assert!((a.x_px - b.x_px - 100.0).abs() < 1e-9 && (a.y_px - b.y_px - 50.0).abs() < 1e-9);
        assert_eq!(part.pixel_aspect(), 4.0 / 3.0);
        // The whole as a part is the whole.
        let whole = PixelRect { x: 0, y: 0, width: 1920, height: 1080 };
        assert_eq!(
            Geometry::of_crop((1920, 1080), whole, (512, 512), ResizeRule::Stretch, (1, 1)),
            Geometry::new((1920, 1080), (512, 512), ResizeRule::Stretch, (1, 1))
        );
        for (x, y, width, height) in [(0, 0, 0, 5), (1900, 0, 21, 5), (0, 1080, 1, 1), (u32::MAX, 0, 2, 2)] {
            let crop = PixelRect { x, y, width, height };
            assert_eq!(
                Geometry::of_crop((1920, 1080), crop, (512, 512), ResizeRule::Stretch, (1, 1)),
                Err(GeometryError::Crop { crop, source_size: (1920, 1080) })
            );
        }
    }

    #[test]
    fn corners_of_the_content_are_corners_of_the_source() {
        let g = Geometry::new((800, 540), (288, 192), ResizeRule::Letterbox, (1, 1)).unwrap();
        let content = g.content;
        let top_left = g.source_from_model(PointInModel {
            x_px: f64::from(content.x) - 0.5,
            y_px: f64::from(content.y) - 0.5,
        });
        assert!((top_left.x_px + 0.5).abs() < 1e-9 && (top_left.y_px + 0.5).abs() < 1e-9);
        let bottom_right = g.source_from_model(PointInModel {
            x_px: f64::from(content.x + content.width) - 0.5,
            y_px: f64::from(content.y + content.height) - 0.5,
        });
        assert!((bottom_right.x_px - 799.5).abs() < 1e-9 && (bottom_right.y_px - 539.5).abs() < 1e-9);
    }

    #[test]
    fn impossible_geometries_are_refused() {
        assert!(Geometry::new((0, 5), (8, 8), ResizeRule::Stretch, (1, 1)).is_err());
        assert!(Geometry::new((5, 5), (8, 0), ResizeRule::Stretch, (1, 1)).is_err());
        assert_eq!(
            Geometry::new((5, 5), (8, 8), ResizeRule::Stretch, (0, 1)),
            Err(GeometryError::PixelAspectRatio(0, 1))
        );
    }

    proptest! {
        #[test]
        fn there_and_back(ws in 1_u32..4096, hs in 1_u32..4096, wm in 1_u32..1024, hm in 1_u32..1024,
                          x in -10.0..4100.0_f64, y in -10.0..4100.0_f64, letterbox: bool) {
            let rule = if letterbox { ResizeRule::Letterbox } else { ResizeRule::Stretch };
            let g = Geometry::new((ws, hs), (wm, hm), rule, (1, 1)).unwrap();
            prop_assert!(g.content.x + g.content.width <= wm && g.content.y + g.content.height <= hm);
            prop_assert!(g.content.width >= 1 && g.content.height >= 1);
            let p = PointInFrame { x_px: x, y_px: y };
            let q = g.source_from_model(g.model_from_source(p));
            // Relative to coordinates of up to 4096 and scales down to 1/4096, f64 leaves 1e-8.
            prop_assert!((p.x_px - q.x_px).abs() < 1e-7 && (p.y_px - q.y_px).abs() < 1e-7);
        }
    }
}
