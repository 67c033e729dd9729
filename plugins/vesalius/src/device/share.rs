//! One context for all elements of a pipeline: `gst.cuda.context`.
//!
//! ONNX Runtime works in the device's primary context and in no other, and GStreamer's own elements make contexts that
//! are not it. So ours is offered where nobody has offered one before; what others have is taken over.

use gst::prelude::*;
use parking_lot::Mutex;
use vesalius_cuda::gst_cuda::{GstCuda, SharedContext};
use vesalius_cuda::{Context, CudaError};

use super::{Site, site};

/// The name by which GStreamer's elements share a CUDA context.
const CONTEXT_TYPE: &str = "gst.cuda.context";

/// The GPU that is offered: the first.
const DEVICE: i32 = 0;

/// An element's part in sharing a context.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    shared: Mutex<Option<SharedContext>>,
}

impl Sharing {
    /// Takes what an element is told in `set_context`. The first stays: memory belongs to its context.
    pub(crate) fn set(&self, element: &impl IsA<gst::Element>, context: &gst::Context) {
        if context.context_type() != CONTEXT_TYPE {
            return;
        }
        let Ok(Ok(gst)) = site().map(Site::gst) else { return };
        let found = gst.from_set_context(element, context, -1);
        let mut shared = self.shared.lock();
        if shared.is_none() {
            *shared = found;
        }
    }

    /// Answers a query for a context; whether it was one and is answered.
    pub(crate) fn answer(&self, element: &impl IsA<gst::Element>, query: &mut gst::QueryRef) -> bool {
        let shared = self.shared.lock().clone();
        shared.is_some_and(|shared| shared.answer(element, query))
    }

    /// Lets go of the context.
    pub(crate) fn forget(&self) {
        *self.shared.lock() = None;
    }

    /// The context to work in: the one that was set, else the neighbours', else what the application gives when asked,
    /// else the device's primary one, which is offered to all.
    ///
    /// # Errors
    ///
    /// [`CudaError::Off`] without a driver, and those of making and sharing a context.
    pub(crate) fn ensure(&self, element: &impl IsA<gst::Element>) -> Result<Context, CudaError> {
        let site = site().map_err(|off| CudaError::Off(off.clone()))?;
        let Ok(gst) = site.gst() else { return Context::primary(&site.cuda, DEVICE) };
        let known = || self.shared.lock().clone();
        if known().is_none() {
            self.ask_neighbours(gst, element);
        }
        if known().is_none() {
            // Whoever answers does so at once, by `set_context`.
            let message = gst::message::NeedContext::builder(CONTEXT_TYPE).src(element.as_ref()).build();
            let _ = element.as_ref().post_message(message);
        }
        if let Some(shared) = known() {
            return shared.adopt(&site.cuda);
        }
        let context = Context::primary(&site.cuda, DEVICE)?;
        let offered = gst.offer(&context)?;
        let message = offered.have_context(element);
        *self.shared.lock() = Some(offered);
        if let Some(message) = message {
            let _ = element.as_ref().post_message(message);
        }
        Ok(context)
    }

    /// A pool of frames on the GPU for a stream with these caps; `None` where GStreamer has none.
    pub(crate) fn pool(&self, caps: &gst::CapsRef, bytes: usize) -> Option<gst::BufferPool> {
        let pool = self.shared.lock().clone()?.buffer_pool()?;
        let mut config = pool.config();
        config.set_params(Some(&caps.to_owned()), u32::try_from(bytes).ok()?, 0, 0);
        pool.set_config(config).ok()?;
        pool.set_active(true).ok()?;
        Some(pool)
    }

    fn ask_neighbours(&self, gst: GstCuda, element: &impl IsA<gst::Element>) {
        // Downstream first, as GStreamer's own elements ask.
        for pad in element.as_ref().src_pads().into_iter().chain(element.as_ref().sink_pads()) {
            let mut query = gst::query::Context::new(CONTEXT_TYPE);
            if !pad.peer_query(&mut query) {
                continue;
            }
            let Some(context) = query.context_owned() else { continue };
            if let Some(found) = gst.from_set_context(element, &context, -1) {
                *self.shared.lock() = Some(found);
                return;
            }
        }
    }
}

/// Whether a context is the one that ONNX Runtime works in.
pub(crate) fn is_primary(context: &Context) -> Result<bool, CudaError> {
    let site = site().map_err(|off| CudaError::Off(off.clone()))?;
    Ok(Context::primary(&site.cuda, context.device().ordinal)? == *context)
}
