//! Pictures that are decoded here rather than by GStreamer, and fed to the chain with their own times.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use gst::prelude::*;

use crate::error::ReplayError;
use crate::source::Met;
use crate::stills::{Picture, sample};

/// Name of the element that feeds, by which its errors are known.
pub(crate) const ELEMENT: &str = "fed";

/// A picture and when it is shown.
pub(crate) struct Timed {
    pub(crate) picture: Picture,
    pub(crate) pts: gst::ClockTime,
    pub(crate) duration: gst::ClockTime,
    /// Whether nothing may be measured over time from the picture before to this one.
    pub(crate) discont: bool,
}

/// Decodes in the feeding thread and hands over one picture after the other, until there are none or one is not taken.
pub(crate) type Pictures = Box<dyn FnOnce(&mut dyn FnMut(Timed) -> bool) -> Result<(), String> + Send>;

/// Pictures and the element that gives them.
pub(crate) struct Fed {
    source: gst_app::AppSrc,
    path: PathBuf,
    pictures: Pictures,
}

impl Fed {
    /// Pictures of one format and size.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NotAVideo`] where GStreamer has no such pictures.
    pub(crate) fn new(
        path: &Path,
        format: gst_video::VideoFormat,
        (width, height): (u32, u32),
        pixel_aspect_ratio: gst::Fraction,
        pictures: Pictures,
    ) -> Result<Self, ReplayError> {
        let fail = |message: String| ReplayError::NotAVideo { path: path.to_owned(), message };
        let info = gst_video::VideoInfo::builder(format, width, height)
            .fps(gst::Fraction::new(0, 1))
            .par(pixel_aspect_ratio)
            .build()
            .map_err(|e| fail(e.to_string()))?;
        let source = gst_app::AppSrc::builder()
            .name(ELEMENT)
            .caps(&info.to_caps().map_err(|e| fail(e.to_string()))?)
            .format(gst::Format::Time)
            .block(true)
            .max_buffers(2)
            .build();
        Ok(Self { source, path: path.to_owned(), pictures })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn element(&self) -> &gst::Element {
        self.source.upcast_ref()
    }

    /// Starts to feed, in a thread that ends with the pictures, with `stop`, or with the pipeline. What is wrong with the
    /// file is left in `met` before the end of the stream: the frames before it are used, as far as they go.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Read`].
    pub(crate) fn feed(self, stop: Arc<AtomicBool>, met: Arc<Met>) -> Result<JoinHandle<()>, ReplayError> {
        let path = self.path.clone();
        let work = move || {
            if let Err(message) = push(&self.source, self.pictures, &stop) {
                *met.broken.lock() = Some(message);
            }
            let _ = self.source.end_of_stream();
        };
        std::thread::Builder::new()
            .name("vesalius-feed".to_owned())
            .spawn(work)
            .map_err(|source| ReplayError::Read { path, source })
    }
}

fn push(source: &gst_app::AppSrc, pictures: Pictures, stop: &AtomicBool) -> Result<(), String> {
    let mut refused = None;
    let ended = pictures(&mut |Timed { picture, pts, duration, discont }| {
        let mut buffer = match sample(picture) {
            Ok((buffer, _)) => buffer,
            Err(message) => {
                refused = Some(message);
                return false;
            }
        };
        let writable = buffer.make_mut();
        writable.set_pts(pts);
        writable.set_duration(duration);
        if discont {
            writable.set_flags(gst::BufferFlags::DISCONT);
        }
        !stop.load(Ordering::Acquire) && source.push_buffer(buffer).is_ok()
    });
    refused.map_or(ended, Err)
}
