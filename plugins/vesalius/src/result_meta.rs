//! The meta that carries a frame's result along the pipeline.
//!
//! Memory-safety invariants of this file:
//!
//! * the C struct begins with a `GstMeta` and is allocated by GStreamer with the size given at registration;
//! * `meta_init` makes its Rust part valid before anybody can see it, `meta_free` drops it exactly once;
//! * the Rust part is `Send + Sync` (an `Arc` of plain data).
#![allow(unsafe_code)] // A GstMeta is made of C callbacks; this file alone holds them.

use std::sync::{Arc, OnceLock};

use gst::prelude::*;
use vesalius_measure::result::FrameResult;

/// A frame's [`FrameResult`], attached to its buffer.
///
/// Tagged `video`, `size` and `orientation`: it goes with a change of pixel format; what scales, crops or turns the
/// picture drops it rather than carry coordinates that no longer fit.
#[repr(transparent)]
pub struct ResultMeta(imp::ResultMeta);

// SAFETY: the only content is an `Arc<FrameResult>`, which is `Send + Sync`, and GStreamer's own plain header.
unsafe impl Send for ResultMeta {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for ResultMeta {}

impl ResultMeta {
    /// Attaches a result to a buffer.
    pub fn add(
        buffer: &mut gst::BufferRef,
        result: Arc<FrameResult>,
    ) -> gst::MetaRefMut<'_, Self, gst::meta::Standalone> {
        // `meta_init` takes the result out of the parameters; it must not be dropped here as well.
        let mut params = std::mem::ManuallyDrop::new(imp::ResultMetaParams { result });
        // SAFETY: `buffer` is a writable buffer, the info is that of this meta, and `params` outlives the call and
        // is what `meta_init` expects.
        unsafe {
            let meta = gst::ffi::gst_buffer_add_meta(
                buffer.as_mut_ptr(),
                imp::meta_info(),
                (&raw mut *params).cast(),
            );
            Self::from_mut_ptr(buffer, meta.cast())
        }
    }

    /// The result.
    pub fn result(&self) -> &Arc<FrameResult> {
        &self.0.result
    }

    /// Replaces the result by a changed one. Copies it only where somebody else holds it too.
    pub fn update(&mut self, change: impl FnOnce(&mut FrameResult)) {
        change(Arc::make_mut(&mut self.0.result));
    }
}

// SAFETY: `GstType` is the C struct of the registered meta, and `meta_api` its API type.
unsafe impl MetaAPI for ResultMeta {
    type GstType = imp::ResultMeta;

    fn meta_api() -> gst::glib::Type {
        imp::meta_api_type()
    }
}

impl std::fmt::Debug for ResultMeta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultMeta").field("result", &self.0.result).finish()
    }
}

mod imp {
    use super::{Arc, FrameResult, OnceLock};
    use gst::glib::translate::{IntoGlib, from_glib};
    use gst::meta::MetaTransform;
    use std::ffi::CStr;

    /// Names carry the version: two builds in one process must not read each other's memory.
    const API_NAME: &CStr = match CStr::from_bytes_with_nul(
        concat!(
            "VesaliusResultMetaAPI-",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "-",
            env!("CARGO_PKG_VERSION_MINOR"),
            "-",
            env!("CARGO_PKG_VERSION_PATCH"),
            "\0"
        )
        .as_bytes(),
    ) {
        Ok(name) => name,
        Err(_) => c"VesaliusResultMetaAPI",
    };
    const META_NAME: &CStr = match CStr::from_bytes_with_nul(
        concat!(
            "VesaliusResultMeta-",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "-",
            env!("CARGO_PKG_VERSION_MINOR"),
            "-",
            env!("CARGO_PKG_VERSION_PATCH"),
            "\0"
        )
        .as_bytes(),
    ) {
        Ok(name) => name,
        Err(_) => c"VesaliusResultMeta",
    };

    pub(super) struct ResultMetaParams {
        pub(super) result: Arc<FrameResult>,
    }

    #[repr(C)]
    pub struct ResultMeta {
        parent: gst::ffi::GstMeta,
        pub(super) result: Arc<FrameResult>,
    }

    pub(super) fn meta_api_type() -> gst::glib::Type {
        static TYPE: OnceLock<gst::glib::Type> = OnceLock::new();
        *TYPE.get_or_init(|| {
            // SAFETY: plain look-up and registration with strings that live for the whole program; the tag list
            // ends with a null pointer.
            let api: gst::glib::Type = unsafe {
                let known = gst::glib::gobject_ffi::g_type_from_name(API_NAME.as_ptr());
                from_glib(if known == gst::glib::gobject_ffi::G_TYPE_INVALID {
                    let tags =
                        [c"video".as_ptr(), c"size".as_ptr(), c"orientation".as_ptr(), std::ptr::null()];
                    gst::ffi::gst_meta_api_type_register(API_NAME.as_ptr(), tags.as_ptr().cast_mut().cast())
                } else {
                    known
                })
            };
            api
        })
    }

    struct InfoPtr(*const gst::ffi::GstMetaInfo);
    // SAFETY: GStreamer's registered infos are immutable and live for the whole program.
    unsafe impl Send for InfoPtr {}
    // SAFETY: as above.
    unsafe impl Sync for InfoPtr {}

    pub(super) fn meta_info() -> *const gst::ffi::GstMetaInfo {
        static INFO: OnceLock<InfoPtr> = OnceLock::new();
        // SAFETY: the callbacks have the signatures that GStreamer asks for, and the size is the struct's own. A
        // meta of this name that is registered already is used only if it is of the same size.
        let info = INFO.get_or_init(|| unsafe {
            let known = gst::ffi::gst_meta_get_info(META_NAME.as_ptr());
            if !known.is_null() && (*known).size == size_of::<ResultMeta>() {
                return InfoPtr(known);
            }
            InfoPtr(gst::ffi::gst_meta_register(
                meta_api_type().into_glib(),
                META_NAME.as_ptr(),
                size_of::<ResultMeta>(),
                Some(meta_init),
                Some(meta_free),
                Some(meta_transform),
            ))
        });
        info.0
    }

    unsafe extern "C" fn meta_init(
        meta: *mut gst::ffi::GstMeta,
        params: gst::glib::ffi::gpointer,
        _buffer: *mut gst::ffi::GstBuffer,
    ) -> gst::glib::ffi::gboolean {
        if params.is_null() {
            return gst::glib::ffi::GFALSE;
        }
        // SAFETY: GStreamer hands over memory of the registered size, and the parameters are those of
        // `ResultMeta::add` or `meta_transform`, which do not use them again.
        unsafe {
            let meta = &mut *meta.cast::<ResultMeta>();
            let params = std::ptr::read(params.cast::<ResultMetaParams>());
            std::ptr::write(&raw mut meta.result, params.result);
        }
        gst::glib::ffi::GTRUE
    }

    unsafe extern "C" fn meta_free(meta: *mut gst::ffi::GstMeta, _buffer: *mut gst::ffi::GstBuffer) {
        // SAFETY: `meta_init` made the field valid, and GStreamer frees a meta once. Dropping plain data does not
        // unwind.
        unsafe { std::ptr::drop_in_place(&raw mut (*meta.cast::<ResultMeta>()).result) }
    }

    unsafe extern "C" fn meta_transform(
        target: *mut gst::ffi::GstBuffer,
        meta: *mut gst::ffi::GstMeta,
        _buffer: *mut gst::ffi::GstBuffer,
        kind: gst::glib::ffi::GQuark,
        data: gst::glib::ffi::gpointer,
    ) -> gst::glib::ffi::gboolean {
        // SAFETY: GStreamer passes a writable target and, for each of its transforms, that transform's own data.
        unsafe {
            if data.is_null() {
                return gst::glib::ffi::GFALSE;
            }
            let fits = if kind == gst::meta::MetaTransformCopy::quark().into_glib() {
                // A part of a buffer is not the frame that was measured.
                (*data.cast::<gst::ffi::GstMetaTransformCopy>()).region == gst::glib::ffi::GFALSE
            } else if kind == gst_video::ffi::gst_video_meta_transform_scale_get_quark() {
                // Another pixel format is the same picture; another size is not.
                let change = &*data.cast::<gst_video::ffi::GstVideoMetaTransform>();
                !change.in_info.is_null()
                    && !change.out_info.is_null()
                    && (*change.in_info).width == (*change.out_info).width
                    && (*change.in_info).height == (*change.out_info).height
            } else {
                false
            };
            if !fits {
                return gst::glib::ffi::GFALSE;
            }
            let result = Arc::clone(&(*meta.cast::<ResultMeta>()).result);
            let mut params = std::mem::ManuallyDrop::new(ResultMetaParams { result });
            gst::ffi::gst_buffer_add_meta(target, meta_info(), (&raw mut *params).cast());
        }
        gst::glib::ffi::GTRUE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::result::{EngineIdentity, Reason};

    fn result(pts: u64) -> Arc<FrameResult> {
        let engine = EngineIdentity {
            name: "e".into(),
            version: "1".into(),
            sha256: String::new(),
            precision: "f32".into(),
            backend: "none".into(),
            protocol: "generic".into(),
        };
        Arc::new(FrameResult::missing(Arc::new(engine), pts, Reason::NoResultYet))
    }

    #[test]
    fn a_result_travels_with_copies_and_is_freed_with_the_last() {
        gst::init().unwrap();
        let shared = result(7);
        let mut buffer = gst::Buffer::with_size(16).unwrap();
        ResultMeta::add(buffer.make_mut(), shared.clone());
        let copy = buffer.copy();
        assert_eq!(Arc::strong_count(&shared), 3);
        assert_eq!(copy.meta::<ResultMeta>().unwrap().result().source_pts_ns, 7);
        // Half a buffer is no frame.
        let part =
            buffer.copy_region(gst::BufferCopyFlags::META | gst::BufferCopyFlags::MEMORY, 0..8).unwrap();
        assert!(part.meta::<ResultMeta>().is_none());
        drop((buffer, copy, part));
        assert_eq!(Arc::strong_count(&shared), 1);
    }

    #[test]
    fn an_update_leaves_other_holders_alone() {
        gst::init().unwrap();
        let shared = result(7);
        let mut buffer = gst::Buffer::new();
        let mut meta = ResultMeta::add(buffer.make_mut(), shared.clone());
        meta.update(|r| r.age_ns = 5);
        assert_eq!((meta.result().age_ns, shared.age_ns), (5, 0));
    }
}
