//! The meta that keeps a registration with its buffer.
//!
//! Memory-safety invariants of this file:
//!
//! * the C struct begins with a `GstMeta` and is allocated by GStreamer with the size given at registration;
//! * `meta_init` makes its Rust part valid before anybody can see it, `meta_free` drops it exactly once;
//! * its name has the address of a variable of this library in it, so a second library in the process, built
//!   otherwise, never takes this one's metas for its own;
//! * it is never copied: there is no transform.

use std::ffi::CString;
use std::sync::{Arc, OnceLock};

use gst::glib::translate::{IntoGlib, from_glib};
use gst::prelude::*;

use super::registration::Registration;

/// A buffer's registration.
#[repr(transparent)]
pub(super) struct SurfaceMeta(Inner);

#[repr(C)]
pub(super) struct Inner {
    parent: gst::ffi::GstMeta,
    registration: Arc<Registration>,
}

// SAFETY: beside GStreamer's plain header there is an `Arc` of what is `Send + Sync`.
unsafe impl Send for SurfaceMeta {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for SurfaceMeta {}

// SAFETY: `GstType` is the C struct of the registered meta, and `meta_api` its API type.
unsafe impl MetaAPI for SurfaceMeta {
    type GstType = Inner;

    fn meta_api() -> gst::glib::Type {
        types().api
    }
}

impl SurfaceMeta {
    /// The registration.
    pub(super) fn registration(&self) -> &Arc<Registration> {
        &self.0.registration
    }

    /// Keeps a registration with a buffer, in place of the one before.
    pub(super) fn keep(buffer: &mut gst::BufferRef, registration: Arc<Registration>) {
        if let Some(mut meta) = buffer.meta_mut::<Self>() {
            meta.0.registration = registration;
            return;
        }
        let info = types().info;
        if info.is_null() {
            return;
        }
        let mut parameters = Some(registration);
        // SAFETY: the buffer is ours to write, the info is that of this meta, and the parameters are what
        // `meta_init` expects.
        unsafe {
            let meta = gst::ffi::gst_buffer_add_meta(buffer.as_mut_ptr(), info, (&raw mut parameters).cast());
            if !meta.is_null() {
                // A pool keeps what has the first flag; the second forbids anybody to remove it.
                (*meta).flags |= gst::ffi::GST_META_FLAG_POOLED | gst::ffi::GST_META_FLAG_LOCKED;
            }
        }
    }
}

struct Types {
    api: gst::glib::Type,
    info: *const gst::ffi::GstMetaInfo,
}

// SAFETY: GStreamer's registered infos are immutable and live for the whole program.
unsafe impl Send for Types {}
// SAFETY: as above.
unsafe impl Sync for Types {}

fn types() -> &'static Types {
    static TYPES: OnceLock<Types> = OnceLock::new();
    TYPES.get_or_init(|| {
        let library = (&raw const TYPES) as usize;
        let name = |what: &str| CString::new(format!("VesaliusNvmm{what}-{library:x}")).unwrap_or_default();
        let (api_name, meta_name) = (name("SurfaceMetaAPI"), name("SurfaceMeta"));
        // What is in the memory is all that it says.
        let tags = [c"memory".as_ptr(), std::ptr::null()];
        // SAFETY: plain registration, of names that GStreamer copies; the list of tags ends with a null
        // pointer. The callbacks have the signatures that it asks for, and the size is the struct's own.
        unsafe {
            let api =
                gst::ffi::gst_meta_api_type_register(api_name.as_ptr(), tags.as_ptr().cast_mut().cast());
            let api: gst::glib::Type = from_glib(api);
            let info = gst::ffi::gst_meta_register(
                api.into_glib(),
                meta_name.as_ptr(),
                size_of::<Inner>(),
                Some(meta_init),
                Some(meta_free),
                None,
            );
            Types { api, info }
        }
    })
}

unsafe extern "C" fn meta_init(
    meta: *mut gst::ffi::GstMeta,
    parameters: gst::glib::ffi::gpointer,
    _buffer: *mut gst::ffi::GstBuffer,
) -> gst::glib::ffi::gboolean {
    // SAFETY: the parameters are those of `SurfaceMeta::keep`, or none.
    let registration = unsafe { parameters.cast::<Option<Arc<Registration>>>().as_mut() };
    let Some(registration) = registration.and_then(Option::take) else { return gst::glib::ffi::GFALSE };
    // SAFETY: GStreamer hands over memory of the registered size.
    unsafe { std::ptr::write(&raw mut (*meta.cast::<Inner>()).registration, registration) };
    gst::glib::ffi::GTRUE
}

unsafe extern "C" fn meta_free(meta: *mut gst::ffi::GstMeta, _buffer: *mut gst::ffi::GstBuffer) {
    // SAFETY: `meta_init` made the field valid, and GStreamer frees a meta once. Ending a registration does
    // not unwind.
    unsafe { std::ptr::drop_in_place(&raw mut (*meta.cast::<Inner>()).registration) }
}
