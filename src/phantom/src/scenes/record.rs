//! What is exactly known of any scene: outlines, classes, and the records of a frame and of a clip.

use serde::{Deserialize, Serialize};

use super::{ClipMeasures, FrameMeasures};

/// Layout of a picture's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PixelFormat {
    /// One byte a pixel.
    Gray8,
    /// Three bytes a pixel: red, green, blue.
    Rgb24,
}

impl PixelFormat {
    /// Bytes of one pixel.
    #[must_use]
    pub fn bytes_per_px(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgb24 => 3,
        }
    }
}

/// One picture of any scene and what is exactly known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedFrame {
    /// The picture, row by row without padding.
    pub pixels: Vec<u8>,
    /// Layout of `pixels`.
    pub format: PixelFormat,
    /// The class of each pixel, row by row: 0 is background. A pixel has the class whose analytic outline holds its
    /// *centre* and which the field shows.
    pub mask: Vec<u8>,
    /// The truth of this picture.
    pub truth: FrameRecord,
}

/// A class that a scene shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SceneClass {
    /// Value in the mask, from 1.
    pub index: u8,
    /// Name.
    pub name: &'static str,
}

/// The analytic outline of one class, as a dense polygon on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// Value of the class in the mask.
    pub class: u8,
    /// Corners in pixels (pixel centres are whole numbers), closed: the last joins the first. They may lie outside the
    /// picture.
    pub points_px: Vec<[f64; 2]>,
}

/// What is known of one class in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRecord {
    /// Value in the mask.
    pub index: u8,
    /// Name.
    pub name: String,
    /// Area in mm² of the whole outline, by closed form, seen or not. In an endoscope's picture at the depth that the
    /// scene states.
    pub area_mm2: f64,
    /// Share of the outline's points that fall on pixels which the field shows, 0 to 1. Points cut by the field's edge
    /// on purpose (a vessel that goes on) count as seen.
    pub visible_outline_fraction: f64,
    /// Whether the structure goes on beyond the field or the picture.
    pub truncated: bool,
}

/// The exact truth of one frame of any scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// Number of the frame as it arrives, from 0.
    pub frame_index: u64,
    /// Presentation time in nanoseconds. The scene is shown exactly as it stands then.
    pub pts_ns: u64,
    /// Picture width in pixels.
    pub width_px: u32,
    /// Picture height in pixels.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm, where the picture has one.
    pub mm_per_px_x: Option<f64>,
    /// Vertical pixel pitch in mm, where the picture has one.
    pub mm_per_px_y: Option<f64>,
    /// The classes that this frame shows or could show.
    pub classes: Vec<ClassRecord>,
    /// What the scene measures.
    pub measures: FrameMeasures,
}

/// The exact truth of the first frames of a scene, as one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipRecord {
    /// Name of the scene.
    pub scene: String,
    /// Frames.
    pub frames: u64,
    /// Time of the first frame in nanoseconds.
    pub first_pts_ns: u64,
    /// Time of the last frame in nanoseconds.
    pub last_pts_ns: u64,
    /// What the scene measures over time.
    pub measures: ClipMeasures,
}
