//! GIF as a recording. GStreamer's way to it (libav's demuxer and decoder) does not come to an end in versions in use,
//! and loses the frames' times, so the pictures are decoded here and fed to the chain.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use gst::prelude::*;
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder};

use crate::error::ReplayError;
use crate::source::Met;
use crate::stills::{Picture, sample};

/// Name of the element that feeds, by which its errors are known.
pub(crate) const ELEMENT: &str = "gifdecoder";

/// What a viewer makes of a delay of nothing (as browsers do), milliseconds.
const NO_DELAY_MS: u64 = 100;

/// Whether a file is a GIF by its first bytes.
pub(crate) fn is_gif(path: &Path) -> bool {
    let mut head = [0; 6];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && matches!(&head, b"GIF87a" | b"GIF89a")
}

/// A GIF and the element that gives its frames.
pub(crate) struct Gif {
    source: gst_app::AppSrc,
    path: PathBuf,
}

impl Gif {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NotAVideo`].
    pub(crate) fn open(path: &Path) -> Result<Self, ReplayError> {
        let fail = |message: String| ReplayError::NotAVideo { path: path.to_owned(), message };
        let (width, height) = decoder(path).map_err(fail)?.dimensions();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
            .fps(gst::Fraction::new(0, 1))
            .build()
            .map_err(|e| fail(e.to_string()))?;
        let source = gst_app::AppSrc::builder()
            .name(ELEMENT)
            .caps(&info.to_caps().map_err(|e| fail(e.to_string()))?)
            .format(gst::Format::Time)
            .block(true)
            .max_buffers(2)
            .build();
        Ok(Self { source, path: path.to_owned() })
    }

    pub(crate) fn element(&self) -> &gst::Element {
        self.source.upcast_ref()
    }

    /// Starts to feed, in a thread that ends with the file, with `stop`, or with the pipeline. What is wrong with the file
    /// is left in `met` before the end of the stream: the frames before it are used, as far as they go.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Read`].
    pub(crate) fn feed(self, stop: Arc<AtomicBool>, met: Arc<Met>) -> Result<JoinHandle<()>, ReplayError> {
        let path = self.path.clone();
        let work = move || {
            if let Err(message) = push(&self, &stop) {
                *met.broken.lock() = Some(message);
            }
            let _ = self.source.end_of_stream();
        };
        std::thread::Builder::new()
            .name("vesalius-gif".to_owned())
            .spawn(work)
            .map_err(|source| ReplayError::Read { path, source })
    }
}

fn decoder(path: &Path) -> Result<GifDecoder<BufReader<File>>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    GifDecoder::new(BufReader::new(file)).map_err(|e| e.to_string())
}

fn push(gif: &Gif, stop: &AtomicBool) -> Result<(), String> {
    let mut pts = gst::ClockTime::ZERO;
    for frame in decoder(&gif.path)?.into_frames() {
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
        let (mut buffer, _) = sample(&picture)?;
        let writable = buffer.make_mut();
        writable.set_pts(pts);
        writable.set_duration(duration);
        pts += duration;
        if stop.load(Ordering::Acquire) || gif.source.push_buffer(buffer).is_err() {
            break;
        }
    }
    Ok(())
}
