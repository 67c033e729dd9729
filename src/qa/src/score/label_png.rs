//! Label masks in PNG files: grey or palette, where the number in the file is the class.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use vesalius_measure::mask::LabelMask;

use super::error::ScoreError;
use crate::metrics::pair::MAX_SIDE;

/// Reads a label mask. A palette's colours do not matter, its numbers do.
///
/// # Errors
///
/// [`ScoreError::Read`] and [`ScoreError::Mask`].
pub fn read(path: &Path) -> Result<LabelMask, ScoreError> {
    let bad = |message: String| ScoreError::Mask { path: path.to_owned(), message };
    let file =
        File::open(path).map_err(|e| ScoreError::Read { path: path.to_owned(), message: e.to_string() })?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    // As stored: a palette's numbers are the labels, not its colours.
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(|e| bad(e.to_string()))?;
    let info = reader.info();
    let (width, height) = (info.width as usize, info.height as usize);
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(bad(format!("{width}x{height} pixels are too many")));
    }
    let (color, depth) = (info.color_type, info.bit_depth);
    if !matches!(color, png::ColorType::Grayscale | png::ColorType::Indexed) {
        return Err(bad("it is a colour picture: write class numbers, as a grey or palette PNG".to_owned()));
    }
    if depth == png::BitDepth::Sixteen {
        return Err(bad("it has 16 bits: write 8, classes are 0 to 255".to_owned()));
    }
    let size = reader.output_buffer_size().ok_or_else(|| bad("it is too large".to_owned()))?;
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes).map_err(|e| bad(e.to_string()))?;
    let labels = unpack(&bytes, frame.line_size, (width, height), depth as usize);
    Ok(LabelMask { width, height, labels })
}

/// Rows of pixels of 1, 2, 4 or 8 bits, the first in the highest bits.
fn unpack(bytes: &[u8], line: usize, (width, height): (usize, usize), bits: usize) -> Vec<u8> {
    let mut labels = Vec::with_capacity(width * height);
    for row in bytes.chunks_exact(line.max(1)).take(height) {
        if bits == 8 {
            labels.extend(row.iter().take(width));
        } else {
            let a_byte = 8 / bits;
            let mask = ((1_u16 << bits) - 1) as u8;
            labels.extend((0..width).map(|x| {
                let byte = row.get(x / a_byte).copied().unwrap_or(0);
                byte >> (8 - bits - (x % a_byte) * bits) & mask
            }));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(
        color: png::ColorType,
        depth: png::BitDepth,
        data: &[u8],
        width: u32,
    ) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.png");
        let mut encoder = png::Encoder::new(File::create(&path).unwrap(), width, 2);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        (folder, path)
    }

    #[test]
    fn the_number_in_the_file_is_the_class_at_every_depth() {
        use png::{BitDepth, ColorType};
        let expected = [0, 1, 2, 3, 1, 3, 2, 1, 0, 0];
        let (_keep, path) = write(ColorType::Indexed, BitDepth::Eight, &expected, 5);
        assert_eq!(read(&path).unwrap().labels, expected);
        // Two bits a pixel: 0 1 2 3 | 1; 3 2 1 0 | 0.
        let packed = [0b00_01_10_11, 0b01_00_00_00, 0b11_10_01_00, 0];
        let (_keep, path) = write(ColorType::Indexed, BitDepth::Two, &packed, 5);
        assert_eq!(read(&path).unwrap().labels, expected);
        let (_keep, path) = write(ColorType::Grayscale, BitDepth::One, &[0b1010_0000, 0b0100_0000], 3);
        assert_eq!(read(&path).unwrap().labels, [1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn what_is_no_label_mask_is_one_line() {
        let (_keep, path) = write(png::ColorType::Rgb, png::BitDepth::Eight, &[7; 18], 3);
        assert!(read(&path).unwrap_err().to_string().contains("colour picture"));
        let (folder, path) = write(png::ColorType::Grayscale, png::BitDepth::Sixteen, &[0; 12], 3);
        assert!(read(&path).unwrap_err().to_string().contains("16 bits"));
        std::fs::write(&path, b"GIF89a").unwrap();
        assert!(!read(&path).unwrap_err().to_string().contains('\n'));
        assert!(matches!(read(&folder.path().join("none.png")), Err(ScoreError::Read { .. })));
    }
}
