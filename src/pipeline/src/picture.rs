//! One still, decoded as a replay does, for those who look at a single picture.

use std::path::{Path, PathBuf};

use vesalius_measure::frame::{Frame, PixelFormat};

use crate::stills;

/// Colours may differ by this much in what was grey before it was compressed.
const GRAY_TOLERANCE: u8 = 12;
/// Share of the pixels that may differ by more: a coloured mark or a logo.
const GRAY_EXCEPTIONS: f64 = 0.02;

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct StillPicture {
    format: PixelFormat,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// Why a picture cannot be had. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be read as a still (PNG, JPEG, WebP, BMP, TIFF, GIF, DICOM): {problem}", path.display())]
pub struct PictureError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl StillPicture {
    /// Reads a picture file; of a DICOM recording the first frame.
    ///
    /// # Errors
    ///
    /// [`PictureError`].
    pub fn read(path: &Path) -> Result<Self, PictureError> {
        let fail = |problem: String| PictureError { path: path.to_owned(), problem };
        let picture = stills::decode(path).map_err(fail)?;
        let format = match picture.format {
            gst_video::VideoFormat::Gray8 => PixelFormat::Gray8,
            gst_video::VideoFormat::Rgb => PixelFormat::Rgb,
            other => return Err(fail(format!("its pixels are {other:?}"))),
        };
        let still = Self {
            format,
            width: picture.width as usize,
            height: picture.height as usize,
            pixels: picture.pixels,
        };
        still.frame().map_err(|error| fail(error.to_string()))?;
        Ok(still)
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// A view of it.
    ///
    /// # Errors
    ///
    /// None that [`Self::read`] has not given.
    pub fn frame(&self) -> Result<Frame<'_>, vesalius_measure::frame::FrameError> {
        let stride = self.width * self.format.bytes_per_pixel();
        Frame::new(self.format, self.width, self.height, &[(&self.pixels, stride)])
    }

    /// Red, green and blue of each pixel, row by row.
    pub fn rgb(&self) -> Vec<u8> {
        match self.format {
            PixelFormat::Gray8 => self.pixels.iter().flat_map(|&gray| [gray; 3]).collect(),
            _ => self.pixels.clone(),
        }
    }

    /// Whether it shows no colours, but for traces of compression and small marks.
    pub fn is_gray(&self) -> bool {
        if self.format == PixelFormat::Gray8 {
            return true;
        }
        let (pixels, _) = self.pixels.as_chunks::<3>();
        let is_colored = |[r, g, b]: &&[u8; 3]| {
            let (low, high) = (*r.min(g).min(b), *r.max(g).max(b));
            high - low > GRAY_TOLERANCE
        };
        pixels.iter().filter(is_colored).count() as f64 <= GRAY_EXCEPTIONS * pixels.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_is_read_and_its_colours_seen() {
        let folder = tempfile::tempdir().unwrap();
        for (name, pixel, is_gray) in [("gray.png", [90, 95, 88], true), ("red.png", [200, 40, 30], false)] {
            let path = folder.path().join(name);
            image::RgbImage::from_pixel(9, 5, image::Rgb(pixel)).save(&path).unwrap();
            let still = StillPicture::read(&path).unwrap();
            assert_eq!((still.width(), still.height(), still.is_gray()), (9, 5, is_gray));
            assert_eq!((still.rgb()[..3].to_vec(), still.frame().unwrap().width()), (pixel.to_vec(), 9));
        }
        let path = folder.path().join("text.png");
        std::fs::write(&path, "no picture").unwrap();
        let error = StillPicture::read(&path).unwrap_err().to_string();
        assert!(error.contains("text.png") && !error.contains('\n'), "{error}");
    }
}
