//! Session descriptions as webrtcbin takes and gives them, without the bindings of its library, whose headers are large.
//!
//! Memory-safety invariants of this file:
//!
//! * [`Description`] has the public layout of `GstWebRTCSessionDescription`, the same since GStreamer 1.14;
//! * the boxed type of that name is used only once it is registered, which loading webrtcbin does;
//! * values copy what they are given and own it.
#![allow(unsafe_code)] // A boxed type of C is filled and read; this file alone does it.

use std::ffi::{c_int, c_void};

use gst::glib;
use gst::glib::translate::{ToGlibPtr, ToGlibPtrMut};

/// As `GstWebRTCSessionDescription`.
#[repr(C)]
struct Description {
    kind: c_int,
    sdp: *mut gst_sdp::ffi::GstSDPMessage,
}

/// What a description is, with the numbers of `GstWebRTCSDPType`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Asks for a session.
    Offer = 1,
    /// Agrees to one.
    #[cfg_attr(not(test), expect(dead_code, reason = "this side answers, and takes no answers but in tests"))]
    Answer = 3,
}

/// The boxed type, once webrtcbin has been loaded.
fn boxed_type() -> Option<glib::Type> {
    glib::Type::from_name("GstWebRTCSessionDescription")
}

/// A description as a value for `set-remote-description`; `None` where it is none, or webrtcbin is not there.
pub(super) fn value(kind: Kind, text: &str) -> Option<glib::Value> {
    let sdp = gst_sdp::SDPMessage::parse_buffer(text.as_bytes()).ok()?;
    let mut value = glib::Value::from_type(boxed_type()?);
    let pointer: *const gst_sdp::ffi::GstSDPMessage = sdp.to_glib_none().0;
    let description = Description { kind: kind as c_int, sdp: pointer.cast_mut() };
    // SAFETY: the value is of the boxed type that `description` has the layout of; it is copied, message and all, and `sdp` lives
    // until then.
    unsafe {
        glib::gobject_ffi::g_value_set_boxed(
            value.to_glib_none_mut().0,
            (&raw const description).cast::<c_void>(),
        );
    }
    Some(value)
}

/// The text of a description; `None` where the value holds none.
pub(super) fn text(value: &glib::Value) -> Option<String> {
    if value.type_() != boxed_type()? {
        return None;
    }
    // SAFETY: the value is of the boxed type that `Description` has the layout of, and lives while it is read.
    let description = unsafe {
        glib::gobject_ffi::g_value_get_boxed(value.to_glib_none().0).cast::<Description>().as_ref()
    }?;
    if description.sdp.is_null() {
        return None;
    }
    // SAFETY: a message that the description owns; it is only read, and the text is copied.
    let text: Option<glib::GString> =
        unsafe { glib::translate::from_glib_full(gst_sdp::ffi::gst_sdp_message_as_text(description.sdp)) };
    text.map(|text| text.to_string())
}
