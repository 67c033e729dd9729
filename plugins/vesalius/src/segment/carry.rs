//! Outlines carried along with the picture from the frame that they were found in to the one at hand.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vesalius_measure::flow::{Gray, Motion, Pyramid};
use vesalius_measure::frame::Frame;

/// Frames that are remembered at the most, however many a second come: at 240 a second they last for the usual greatest age.
const REMEMBERED: usize = 64;

/// Why outlines stay where they were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stays {
    /// It would have taken longer than the picture can be held up for.
    Late,
    /// The frame is not remembered, or nothing that was found brings the two pictures closer.
    Unknown,
}

/// The pictures that a result may be of, made small.
#[derive(Default)]
pub(super) struct Carrier {
    size: (usize, usize),
    pictures: VecDeque<(u64, Pyramid)>,
}

impl Carrier {
    /// Takes a frame in, and lets go of those that are older than any result that may be shown.
    pub(super) fn take(&mut self, frame: &Frame<'_>, pts_ns: u64, max_age: Duration) {
        let size = (frame.width(), frame.height());
        if size != self.size || self.pictures.back().is_some_and(|(last, _)| *last >= pts_ns) {
            self.forget();
            self.size = size;
        }
        let is_old = |at_ns: u64| u128::from(pts_ns.saturating_sub(at_ns)) > max_age.as_nanos();
        while self.pictures.len() >= REMEMBERED || self.pictures.front().is_some_and(|(at, _)| is_old(*at)) {
            self.pictures.pop_front();
        }
        if let Some(pyramid) = Pyramid::new(&Gray::of_frame(frame, Motion::SIDE)) {
            self.pictures.push_back((pts_ns, pyramid));
        }
    }

    /// How the picture moved from a frame that was taken in to the one that was taken in last, found out until `until` and no longer.
    pub(super) fn motion(&self, source_pts_ns: u64, until: Instant) -> Result<Motion, Stays> {
        let (_, later) = self.pictures.back().ok_or(Stays::Unknown)?;
        let earlier = self.pictures.iter().find(|(at_ns, _)| *at_ns == source_pts_ns);
        let (_, earlier) = earlier.ok_or(Stays::Unknown)?;
        let mut is_late = false;
        let motion = Motion::between(earlier, later, self.size, || {
            is_late = Instant::now() >= until;
            !is_late
        });
        motion.ok_or(if is_late { Stays::Late } else { Stays::Unknown })
    }

    /// Another stream, or another picture: nothing before it moved into it.
    pub(super) fn forget(&mut self) {
        self.pictures.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::frame::PixelFormat;
    use vesalius_measure::geometry::PointInFrame;

    const SIZE: (usize, usize) = (320, 240);
    const MS: u64 = 1_000_000;

    /// A texture that does not repeat, moved to the right.
    fn picture(shift: f64) -> Vec<u8> {
        let level = |x: f64, y: f64| {
            let wave =
                (x / 17.0).sin() * (y / 23.0).cos() + (x / 41.0 + y / 31.0).sin() + (x * y / 9000.0).cos();
            (128.0 + 30.0 * wave) as u8
        };
        (0..SIZE.0 * SIZE.1).map(|i| level((i % SIZE.0) as f64 - shift, (i / SIZE.0) as f64)).collect()
    }

    fn take(carrier: &mut Carrier, shift: f64, at_ms: u64) {
        let pixels = picture(shift);
        let frame = Frame::new(PixelFormat::Gray8, SIZE.0, SIZE.1, &[(&pixels, SIZE.0)]).unwrap();
        carrier.take(&frame, at_ms * MS, Duration::from_millis(200));
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_place_is_found_again_where_the_picture_has_moved_to() {
        let mut carrier = Carrier::default();
        for i in 0..4_u64 {
            take(&mut carrier, 4.0 * i as f64, 40 * i);
        }
        let place = PointInFrame { x_px: 150.0, y_px: 110.0 };
        for (from, dx) in [(0, 12.0), (40, 8.0), (80, 4.0)] {
            let at = carrier.motion(from * MS, soon()).unwrap().point(place);
            assert!((at.x_px - 150.0 - dx).abs() < 1.0 && (at.y_px - 110.0).abs() < 1.0, "{from} {at:?}");
        }
        assert_eq!(carrier.motion(41 * MS, soon()).err(), Some(Stays::Unknown));
    }

    #[test]
    fn what_takes_too_long_is_given_up() {
        let mut carrier = Carrier::default();
        take(&mut carrier, 0.0, 0);
        take(&mut carrier, 4.0, 40);
        let begun = Instant::now();
        assert_eq!(carrier.motion(0, begun).err(), Some(Stays::Late));
    }

    #[test]
    fn no_more_is_remembered_than_may_be_asked_for() {
        let mut carrier = Carrier::default();
        (0..40).for_each(|i| take(&mut carrier, 0.0, 10 * i));
        assert_eq!(carrier.pictures.len(), 21);
        assert_eq!(carrier.motion(180 * MS, soon()).err(), Some(Stays::Unknown));
        assert!(carrier.motion(190 * MS, soon()).is_ok());
        // Time goes back: another stream.
        take(&mut carrier, 0.0, 5);
        assert_eq!(carrier.pictures.len(), 1);
    }
}
