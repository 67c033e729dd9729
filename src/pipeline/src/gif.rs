//! GIF as a recording. GStreamer's way to it (libav's demuxer and decoder) does not come to an end in versions in use,
//! and loses the frames' times, so the pictures are decoded here and fed to the chain.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder};

use crate::error::ReplayError;
use crate::fed::{Fed, Timed};
use crate::stills::Picture;

/// What a viewer makes of a delay of nothing (as browsers do), milliseconds.
const NO_DELAY_MS: u64 = 100;

/// Whether a file is a GIF by its first bytes.
pub(crate) fn is_gif(path: &Path) -> bool {
    let mut head = [0; 6];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && matches!(&head, b"GIF87a" | b"GIF89a")
}

/// Opens a GIF.
///
/// # Errors
///
/// [`ReplayError::NotAVideo`].
pub(crate) fn open(path: &Path) -> Result<Fed, ReplayError> {
    let fail = |message: String| ReplayError::NotAVideo { path: path.to_owned(), message };
    let size = decoder(path).map_err(fail)?.dimensions();
    let file = path.to_owned();
    // The iterator over frames cannot change threads, so it is made in the one that uses it.
    let pictures = move |give: &mut dyn FnMut(Timed) -> bool| {
        let mut pts = gst::ClockTime::ZERO;
        for frame in decoder(&file)?.into_frames() {
            let frame = frame.map_err(|e| e.to_string().replace('\n', " "))?;
            let delay_ms = match frame.delay().numer_denom_ms() {
                (0, _) => NO_DELAY_MS,
                (numerator, denominator) => u64::from(numerator) / u64::from(denominator.max(1)),
            };
            let duration = gst::ClockTime::from_mseconds(delay_ms);
            // What was never painted is black, as on an empty screen.
            let rgb = DynamicImage::from(frame.into_buffer()).into_rgb8();
            let picture = Picture {
                format: gst_video::VideoFormat::Rgb,
                width: rgb.width(),
                height: rgb.height(),
                pixels: rgb.into_raw(),
            };
            if !give(Timed { picture, pts, duration, discont: false }) {
                break;
            }
            pts += duration;
        }
        Ok(())
    };
    Fed::new(path, gst_video::VideoFormat::Rgb, size, gst::Fraction::new(1, 1), Box::new(pictures))
}

fn decoder(path: &Path) -> Result<GifDecoder<BufReader<File>>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    GifDecoder::new(BufReader::new(file)).map_err(|e| e.to_string())
}
