//! Drawing on frames where they lie on a GPU.

use gst_video::prelude::*;
use vesalius_cuda::gst_cuda::{Access, is_ours_alone};
use vesalius_cuda::kernels::Blender;
use vesalius_cuda::{BackOff, Context, CountersNow, CudaError, Recovering, Stream};
use vesalius_draw::Layer;

use crate::device::{Frames, Mapped, Sharing};
use crate::result_meta::ResultMeta;

/// Draws on the frames of one stream.
#[derive(Debug)]
pub(super) struct Canvas {
    frames: Frames,
    context: Context,
    drawing: Recovering<Drawing>,
    /// Where frames come from that are drawn on in place of those that others see as well.
    pool: Option<gst::BufferPool>,
    since: std::time::Instant,
}

/// What goes with the context.
#[derive(Debug)]
struct Drawing {
    blender: Blender,
    stream: Stream,
}

impl Canvas {
    /// Prepares for a stream with these caps; `None` where its frames lie in the computer's memory.
    ///
    /// # Errors
    ///
    /// Those of finding a context, compiling kernels and getting memory on the device.
    pub(super) fn of(
        caps: &gst::CapsRef,
        sharing: &Sharing,
        element: &impl IsA<gst::Element>,
    ) -> Result<Option<Self>, CudaError> {
        let Some(frames) = Frames::of(caps)? else { return Ok(None) };
        let context = sharing.ensure(element)?;
        let (width, height) = (frames.info().width() as usize, frames.info().height() as usize);
        let drawing = Recovering::new(BackOff::default(), {
            let context = context.clone();
            move || {
                let kernels = crate::device::kernels(&context)?;
                let stream = Stream::new(&context)?;
                Ok(Drawing { blender: Blender::new(&kernels, &stream, width, height)?, stream })
            }
        })?;
        let pool = sharing.pool(caps, frames.info().size());
        Ok(Some(Self { frames, context, drawing, pool, since: std::time::Instant::now() }))
    }

    /// What went to and fro since the context was made.
    pub(super) fn counters(&self) -> CountersNow {
        self.context.counters()
    }

    /// Draws a layer. The frame that goes on is the one that came, or a copy of it on the GPU where others see it too.
    ///
    /// # Errors
    ///
    /// The frame, as it came, and why nothing was drawn.
    pub(super) fn blend(
        &mut self,
        mut buffer: gst::Buffer,
        layer: &Layer,
    ) -> Result<gst::Buffer, (gst::Buffer, CudaError)> {
        let (frames, context, pool) = (&self.frames, &self.context, &self.pool);
        let drawn = self.drawing.act(self.since.elapsed(), |drawing| {
            if is_ours_alone(&buffer) {
                let mapped = frames.map(&mut buffer, context, Access::ReadWrite)?;
                drawing.draw(&mapped, None, layer)?;
                return Ok(None);
            }
            let pool = pool.as_ref().ok_or_else(|| no_copy("others see it too, and it cannot be copied"))?;
            let mut copy = pool.acquire_buffer(None).map_err(|_| no_copy("there is no memory for a copy"))?;
            let mapped = frames.map(&mut copy, context, Access::ReadWrite)?;
            let original = frames.map(&mut buffer, context, Access::Read)?;
            drawing.draw(&mapped, Some(&original), layer)?;
            drop(mapped);
            take_over(&buffer, &mut copy);
            Ok(Some(copy))
        });
        match drawn {
            Ok(copy) => Ok(copy.unwrap_or(buffer)),
            Err(error) => Err((buffer, error)),
        }
    }
}

fn no_copy(why: &str) -> CudaError {
    CudaError::Unfit { what: "drawing", why: why.to_owned() }
}

impl Drawing {
    /// Draws on a picture, of which it first becomes a copy where there is an original.
    fn draw(&mut self, on: &Mapped, original: Option<&Mapped>, layer: &Layer) -> Result<(), CudaError> {
        for stream in [Some(on), original].into_iter().flatten().filter_map(|mapped| mapped.stream.as_ref()) {
            self.stream.wait(&stream.fence()?)?;
        }
        let mut work = self.stream.begin();
        if let Some(original) = original {
            work.copy_picture(&original.picture, &on.picture)?;
        }
        self.blender.blend(&mut work, layer, &on.picture)?;
        // Whoever has the frame next may go by no stream at all, so it is finished when it is pushed.
        work.finish()?.block()?;
        self.stream.collect();
        Ok(())
    }
}

/// Gives a copy what the original has beside its picture.
fn take_over(original: &gst::BufferRef, copy: &mut gst::Buffer) {
    let copy = copy.make_mut();
    copy.set_pts(original.pts());
    copy.set_dts(original.dts());
    copy.set_duration(original.duration());
    copy.set_offset(original.offset());
    copy.set_offset_end(original.offset_end());
    copy.set_flags(original.flags() - gst::BufferFlags::TAG_MEMORY);
    original.foreach_meta(|meta| {
        // The copy has its own strides.
        if meta.api() != gst_video::VideoMeta::meta_api() {
            let _ = meta.transform(copy, &gst::meta::MetaTransformCopy::new(..));
        }
        std::ops::ControlFlow::Continue(())
    });
}

/// Writes down how long the drawing took.
pub(super) fn note_time(buffer: &mut gst::BufferRef, ns: u64) {
    for mut meta in buffer.iter_meta_mut::<ResultMeta>() {
        meta.update(|result| result.times.overlay_ns = Some(ns));
    }
}
