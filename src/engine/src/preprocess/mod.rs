//! A picture to the tensor that a manifest asks for.
//!
//! The order of work is chosen for speed: a plane is resized in the format it came in, so that colour conversion and
//! normalisation touch the few pixels of the model's picture and not the millions of the source. Resizing and the
//! conversions are linear but for rounding and clamping, so the result differs from converting first by at most one
//! step of the 8-bit scale where nothing clamps.
//!
//! * Gray from YUV and gray formats is their luma plane; limited range is expanded after the resize, without
//!   rounding: y' = (y − 16)·255/219, clamped to 0 to 255. Gray from RGB formats is full-range BT.601 luma.
//! * RGB from YUV formats uses the frame's matrix and range. Chroma samples are taken to lie in the middle of the
//!   2×2 pixels they stand for. RGB from gray repeats it.
//! * Alpha is ignored: what lies under it is the picture.

mod color;
mod plane;

use vesalius_measure::frame::{ColorRange, Frame, PixelFormat};
use vesalius_measure::geometry::{Geometry, PixelRect};

use crate::error::EngineError;
use crate::manifest::{Color, InputSection, Layout};
use color::{Tables, YuvRows};
use plane::{PlaneResizer, PlaneView};

/// Longest side of a picture; what is larger is a slip of the caller.
const MAX_SIDE: usize = 65_535;

/// Turns pictures into tensors by one manifest's rule.
///
/// Owns every buffer it works in; once it has seen a picture of some size, another of that size costs no
/// allocation but the resizer's tables of coefficients (some kilobytes).
#[derive(Debug)]
pub struct Preprocessor {
    input: InputSection,
    tables: Tables,
    resizer: PlaneResizer,
    /// The picture's planes at the content's size.
    planes: [Vec<u8>; 3],
    /// One row of the content, channel after channel.
    row: Vec<u8>,
    tensor: Vec<f32>,
    /// The content around which the border was last written.
    bordered: Option<PixelRect>,
}

impl Preprocessor {
    /// Prepares for the input that a manifest describes.
    pub fn new(input: &InputSection) -> Self {
        let values = input.width as usize * input.height as usize * input.color.channels();
        Self {
            input: input.clone(),
            tables: Tables::new(input),
            resizer: PlaneResizer::new(input.filter),
            planes: Default::default(),
            row: Vec::new(),
            tensor: vec![0.0; values],
            bordered: None,
        }
    }

    /// The input that it prepares for.
    pub fn input(&self) -> &InputSection {
        &self.input
    }

    /// The tensor that the last [`Self::process`] wrote, `[1, C, H, W]` or `[1, H, W, C]` by the manifest's layout.
    pub fn tensor(&self) -> &[f32] {
        &self.tensor
    }

    /// Writes a picture into the tensor; the geometry maps the model's pixels back to the picture's.
    ///
    /// # Errors
    ///
    /// [`EngineError::FrameTooLarge`], [`EngineError::Geometry`] for a pixel aspect ratio that is no positive
    /// fraction, [`EngineError::Resize`].
    pub fn process(
        &mut self,
        frame: &Frame<'_>,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<Geometry, EngineError> {
        let (width, height) = (frame.width(), frame.height());
        let (Some(source_width), Some(source_height)) = (side(width), side(height)) else {
            return Err(EngineError::FrameTooLarge { width, height });
        };
        let geometry = Geometry::new(
            (source_width, source_height),
            (self.input.width, self.input.height),
            self.input.resize,
            pixel_aspect_ratio,
        )?;
        self.resize_planes(frame, &geometry).map_err(|message| EngineError::Resize {
            format: frame.format(),
            width,
            height,
            message,
        })?;
        self.write_border(geometry.content);
        self.write_content(frame, geometry.content);
        Ok(geometry)
    }

    /// Brings the planes that the model's colours need to the content's size.
    fn resize_planes(&mut self, frame: &Frame<'_>, geometry: &Geometry) -> Result<(), String> {
        let size = (geometry.content.width, geometry.content.height);
        let (width, height) = (frame.width() as f64, frame.height() as f64);
        let format = frame.format();
        let count = if self.input.color == Color::Gray { 1 } else { format.planes() };
        for (index, out) in self.planes.iter_mut().enumerate().take(count) {
            let (data, stride) = frame.plane(index);
            let layout = format.plane_layout(index, frame.width(), frame.height());
            // Of an odd picture's last chroma sample only half lies inside it.
            let (pixel_bytes, crop) = match (index, format) {
                (0, _) => (format.bytes_per_pixel(), (width, height)),
                (_, PixelFormat::Nv12) => (2, (width / 2.0, height / 2.0)),
                _ => (1, (width / 2.0, height / 2.0)),
            };
            let view = PlaneView { data, stride, layout, pixel_bytes, crop };
            self.resizer.resize(&view, size, out)?;
        }
        Ok(())
    }

    /// Writes the letterbox's border; it stays until the content moves.
    fn write_border(&mut self, content: PixelRect) {
        if self.bordered == Some(content) {
            return;
        }
        let pad = self.tables.pad();
        let channels = self.input.color.channels();
        match self.input.layout {
            Layout::Nchw => {
                let plane = (self.tensor.len() / channels).max(1);
                for (values, pad) in self.tensor.chunks_exact_mut(plane).zip(pad) {
                    values.fill(pad);
                }
            }
            Layout::Nhwc => {
                for pixel in self.tensor.chunks_exact_mut(channels) {
                    for (value, pad) in pixel.iter_mut().zip(pad) {
                        *value = pad;
                    }
                }
            }
        }
        self.bordered = Some(content);
    }

    fn write_content(&mut self, frame: &Frame<'_>, content: PixelRect) {
        let format = frame.format();
        let width = content.width as usize;
        let channels = self.input.color.channels();
        self.row.resize(width * channels, 0);
        // Limited luma is expanded by the table; every conversion to RGB gives full range.
        let luma_as_is = format.is_luma_first() && (channels == 1 || format == PixelFormat::Gray8);
        let tables = if luma_as_is && frame.range() == ColorRange::Limited {
            self.tables.limited()
        } else {
            self.tables.full()
        };
        let yuv = YuvRows::new(frame.matrix(), frame.range());
        let swap = self.input.color == Color::Bgr;
        for y in 0..content.height as usize {
            let line = |plane: usize, pixel_bytes: usize| {
                let bytes = width * pixel_bytes;
                self.planes.get(plane).and_then(|p| p.get(y * bytes..(y + 1) * bytes)).unwrap_or(&[])
            };
            let packed = line(0, format.bytes_per_pixel());
            let row = self.row.as_mut_slice();
            match (format.rgb_offsets(), channels) {
                (None, 1) => row.copy_from_slice(packed),
                (Some(offsets), 1) => color::luma_from_packed(packed, format.bytes_per_pixel(), offsets, row),
                (Some(offsets), _) => {
                    color::planar_from_packed(packed, format.bytes_per_pixel(), offsets, row)
                }
                (None, _) if format == PixelFormat::Gray8 => {
                    row.chunks_exact_mut(width).for_each(|c| c.copy_from_slice(packed))
                }
                (None, _) if format == PixelFormat::Nv12 => yuv.convert_interleaved(packed, line(1, 2), row),
                (None, _) => yuv.convert_planar(packed, line(1, 1), line(2, 1), row),
            }
            let (x, y) = (content.x as usize, content.y as usize + y);
            let (model_width, model_height) = (self.input.width as usize, self.input.height as usize);
            for (channel, table) in tables.iter().enumerate().take(channels) {
                let from = if swap { channels - 1 - channel } else { channel };
                let Some(bytes) = row.get(from * width..(from + 1) * width) else { continue };
                match self.input.layout {
                    Layout::Nchw => {
                        let start = (channel * model_height + y) * model_width + x;
                        let Some(out) = self.tensor.get_mut(start..start + width) else { continue };
                        for (value, &byte) in out.iter_mut().zip(bytes) {
                            *value = table[usize::from(byte)];
                        }
                    }
                    Layout::Nhwc => {
                        let start = (y * model_width + x) * channels;
                        let Some(out) = self.tensor.get_mut(start..start + width * channels) else {
                            continue;
                        };
                        for (value, &byte) in out.iter_mut().skip(channel).step_by(channels).zip(bytes) {
                            *value = table[usize::from(byte)];
                        }
                    }
                }
            }
        }
    }
}

fn side(pixels: usize) -> Option<u32> {
    u32::try_from(pixels).ok().filter(|_| pixels <= MAX_SIDE)
}
