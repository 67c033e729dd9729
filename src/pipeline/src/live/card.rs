//! The picture that is shown while there is none.

use vesalius_draw::{Layer, blend, draw_card};

/// Size and format of a card before any picture has come.
pub(crate) fn default_info() -> Option<gst_video::VideoInfo> {
    gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 1280, 720).build().ok()
}

/// A dark picture that says that there is no signal, in the format of the pictures that were; `None` where that cannot be made.
pub(crate) fn no_signal(info: &gst_video::VideoInfo, why: &str) -> Option<gst::Buffer> {
    card(info, "NO SIGNAL", why)
}

/// The picture that takes the place of one that may not leave the room, and tells nothing of it.
pub(crate) fn private(info: &gst_video::VideoInfo) -> Option<gst::Buffer> {
    card(info, "PRIVACY", "not known to be inside of the body")
}

fn card(info: &gst_video::VideoInfo, title: &str, why: &str) -> Option<gst::Buffer> {
    let mut buffer = gst::Buffer::with_size(info.size()).ok()?;
    {
        let writable = buffer.get_mut()?;
        let mut mapped = gst_video::VideoFrameRef::from_buffer_ref_writable(writable, info).ok()?;
        let yuv = info.is_yuv();
        for (plane, data) in mapped.planes_data_mut().into_iter().enumerate() {
            data.fill(match (yuv, plane) {
                (true, 0) => 24,
                (true, _) => 128,
                _ => 12,
            });
        }
        let mut layer = Layer::new(info.width() as usize, info.height() as usize).ok()?;
        draw_card(&mut layer, title, why);
        let mut frame = gstvesalius::view_mut(&mut mapped).ok()?;
        blend(&layer, &mut frame).ok()?;
    }
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_card() {
        gst::init().unwrap();
        for format in gstvesalius::FORMATS {
            let info = gst_video::VideoInfo::builder(format, 321, 241).build().unwrap();
            let buffer = no_signal(&info, "the cable is out").unwrap();
            let bytes = buffer.map_readable().unwrap();
            assert!(bytes.iter().any(|&b| b > 180), "{format}: the words are bright");
        }
    }
}
