//! Frames to draw on, where others hold the ones that came: their memory is used again and again, so that the picture's thread does
//! not wait for the system to give some.

use gst::prelude::*;

/// Frames that are kept for the next ones. What is held elsewhere beyond these gets memory of its own, which goes with it.
const KEPT: u32 = 8;

/// Memory for copies of frames of one size.
#[derive(Default)]
pub(super) struct Copies {
    pool: Option<(usize, gst::BufferPool)>,
}

impl Copies {
    /// A copy of a frame, with all that goes with it; `None` where there is no room or the frame cannot be read.
    pub(super) fn of(&mut self, frame: &gst::BufferRef) -> Option<gst::Buffer> {
        let size = frame.size();
        if self.pool.as_ref().is_none_or(|(of, _)| *of != size) {
            self.forget();
            let pool = gst::BufferPool::new();
            let mut config = pool.config();
            config.set_params(None, u32::try_from(size).ok()?, 0, KEPT);
            pool.set_config(config).ok()?;
            pool.set_active(true).ok()?;
            self.pool = Some((size, pool));
        }
        let (_, pool) = self.pool.as_ref()?;
        let at_once = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
        let mut copy = pool.acquire_buffer(Some(&at_once)).ok()?;
        {
            let copy = copy.get_mut()?;
            // Where the planes lie is the same, for their bytes are.
            let all =
                gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS | gst::BufferCopyFlags::META;
            frame.copy_into(copy, all, ..).ok()?;
            let from = frame.map_readable().ok()?;
            copy.map_writable().ok()?.get_mut(..size)?.copy_from_slice(&from);
        }
        Some(copy)
    }

    /// Gives the memory back; frames that are still held go when they are let go.
    pub(super) fn forget(&mut self) {
        if let Some((_, pool)) = self.pool.take() {
            let _ = pool.set_active(false);
        }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_frame_and_its_memory_comes_back() {
        gst::init().unwrap();
        let mut frame = gst::Buffer::from_slice((0..=255).collect::<Vec<u8>>());
        {
            let frame = frame.get_mut().unwrap();
            frame.set_pts(gst::ClockTime::from_seconds(3));
            frame.set_offset(7);
            gst::ReferenceTimestampMeta::add(
                frame,
                &gst::Caps::new_empty_simple("timestamp/x-unix"),
                gst::ClockTime::SECOND,
                None,
            );
        }
        let mut copies = Copies::default();
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let mut copy = copies.of(&frame).unwrap();
            assert_eq!((copy.pts(), copy.offset(), copy.size()), (frame.pts(), 7, 256));
            assert_eq!(copy.iter_meta::<gst::ReferenceTimestampMeta>().count(), 1);
            assert_eq!(*copy.map_readable().unwrap(), *frame.map_readable().unwrap());
            let copy = copy.get_mut().unwrap();
            copy.map_writable().unwrap()[0] = 9;
            places.insert(copy.map_readable().unwrap().as_ptr() as usize);
        }
        assert_eq!(places.len(), 1);
        assert_eq!(frame.map_readable().unwrap()[0], 0);
        let held: Vec<_> = (0..KEPT).map(|_| copies.of(&frame).unwrap()).collect();
        assert!(copies.of(&frame).is_none(), "whoever holds more gets memory of its own");
        // Another size, while those are held.
        let small = gst::Buffer::from_slice([1_u8, 2, 3]);
        assert_eq!(copies.of(&small).unwrap().size(), 3);
        drop(held);
        assert!(copies.of(&frame).is_some());
    }
}
