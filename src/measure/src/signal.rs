//! Whether a picture is live: frozen, black, colour bars, or no picture at all.
//!
//! A result on a picture that stands still is not wrong, but whoever looks must know that what they see is not now.
//! [`SignalWatch`] looks at each frame as it passes, and is asked between frames too, since the worst fault sends none.

use crate::frame::Frame;
use crate::picture::{Row, WorkingPicture};
use crate::wide::with_wide_instructions;

/// From when on a picture is no longer called live.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalRules {
    /// Mean absolute difference of luma, in steps of 8 bits, below which two pictures are the same.
    pub same_below: f64,
    /// A picture is frozen when it has been the same for longer, nanoseconds.
    pub frozen_after_ns: u64,
    /// The signal has stalled when no frame came for longer, nanoseconds.
    pub stalled_after_ns: u64,
    /// A black picture or colour bars count when they have been there for longer, nanoseconds.
    pub test_picture_after_ns: u64,
    /// Mean luma up to which a picture without structure is black, full range.
    pub black_mean: f64,
    /// Largest part of pixels, 0 to 1, that may be brighter than that by 24 and more in a black picture: a cursor.
    pub black_exceptions: f64,
}

impl Default for SignalRules {
    fn default() -> Self {
        Self {
            same_below: 0.1,
            frozen_after_ns: 500_000_000,
            stalled_after_ns: 250_000_000,
            test_picture_after_ns: 250_000_000,
            black_mean: 12.0,
            black_exceptions: 0.001,
        }
    }
}

/// What a signal is like; times in nanoseconds of the clock that the watch is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// No frame has come yet.
    None,
    /// Pictures that change.
    Live,
    /// The same picture since this time. A scanner's own freeze looks the same, and may be wanted.
    Frozen {
        /// When the first of the equal pictures came.
        since_ns: u64,
    },
    /// Nothing but black since this time.
    Black {
        /// When it began.
        since_ns: u64,
    },
    /// Colour bars since this time.
    ColorBars {
        /// When they began.
        since_ns: u64,
    },
    /// No frame since this time.
    Stalled {
        /// When the last one came.
        since_ns: u64,
    },
}

impl Signal {
    /// Whether what is seen is now.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }
}

/// What one picture looks like by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Picture,
    Black,
    ColorBars,
}

/// Follows one signal.
#[derive(Clone, Debug)]
pub struct SignalWatch {
    rules: SignalRules,
    /// Luma alone.
    picture: WorkingPicture,
    /// What is looked at for colour bars.
    bars: WorkingPicture,
    /// Luma of the first of equal pictures, and when it came: compared with that one and not with the picture before, so that
    /// a slow change is a change.
    still: WorkingPicture,
    still_since_ns: u64,
    look: Look,
    look_since_ns: u64,
    last_ns: Option<u64>,
}

impl SignalWatch {
    /// A watch that has seen nothing.
    pub fn new(rules: SignalRules) -> Self {
        Self {
            rules,
            picture: WorkingPicture::default(),
            bars: WorkingPicture::default(),
            still: WorkingPicture::default(),
            still_since_ns: 0,
            look: Look::Picture,
            look_since_ns: 0,
            last_ns: None,
        }
    }

    /// Forgets everything: another source, another size.
    pub fn reset(&mut self) {
        self.last_ns = None;
        self.look = Look::Picture;
    }

    /// Looks at a frame that came at a time; says what the signal is like with it.
    pub fn frame(&mut self, frame: &Frame<'_>, at_ns: u64) -> Signal {
        self.picture.take_luma(frame);
        let look = self.look_of(frame);
        if self.last_ns.is_none() || look != self.look {
            (self.look, self.look_since_ns) = (look, at_ns);
        }
        if self.last_ns.is_none() || self.difference() >= self.rules.same_below {
            std::mem::swap(&mut self.still, &mut self.picture);
            self.still_since_ns = at_ns;
        }
        self.last_ns = Some(at_ns);
        self.at(at_ns)
    }

    /// What the signal is like at a time, whether or not a frame came.
    pub fn at(&self, now_ns: u64) -> Signal {
        let Some(last_ns) = self.last_ns else { return Signal::None };
        let longer = |since_ns: u64, limit_ns: u64| now_ns.saturating_sub(since_ns) > limit_ns;
        if longer(last_ns, self.rules.stalled_after_ns) {
            return Signal::Stalled { since_ns: last_ns };
        }
        let since_ns = self.look_since_ns;
        match self.look {
            Look::Black if longer(since_ns, self.rules.test_picture_after_ns) => Signal::Black { since_ns },
            Look::ColorBars if longer(since_ns, self.rules.test_picture_after_ns) => {
                Signal::ColorBars { since_ns }
            }
            _ if longer(self.still_since_ns, self.rules.frozen_after_ns) => {
                Signal::Frozen { since_ns: self.still_since_ns }
            }
            _ => Signal::Live,
        }
    }

    /// Mean absolute difference of luma to the first of equal pictures.
    fn difference(&self) -> f64 {
        let size = |picture: &WorkingPicture| (picture.width(), picture.height());
        let (width, height) = size(&self.picture);
        if size(&self.still) != (width, height) || width * height == 0 {
            return f64::INFINITY;
        }
        let luma = |y| (self.still.row(y).luma, self.picture.row(y).luma);
        let sum: u64 = (0..height).map(luma).map(|(still, now)| row_difference(still, now)).sum();
        sum as f64 / (width * height) as f64
    }

    fn look_of(&mut self, frame: &Frame<'_>) -> Look {
        if self.is_black() {
            return Look::Black;
        }
        // One row says of nearly every picture that it is none of bars.
        self.bars.take_row(frame, first_row_of_bars(self.picture.height()));
        if !is_row_of_bars(self.bars.row(0)) {
            return Look::Picture;
        }
        self.bars.take(frame);
        if has_color_bars(&self.bars) { Look::ColorBars } else { Look::Picture }
    }

    fn is_black(&self) -> bool {
        let limit = (self.rules.black_mean + 24.0).clamp(0.0, 255.0) as u8;
        let count = (self.picture.width() * self.picture.height()) as f64;
        let (most, mut sum, mut bright) = (self.rules.black_mean * count, 0, 0);
        for y in 0..self.picture.height() {
            let [row_sum, row_bright] = light(self.picture.row(y).luma, limit);
            (sum, bright) = (sum + row_sum, bright + row_bright);
            // A few rows of nearly every picture are as much light as a black one may have.
            if sum as f64 > most {
                return false;
            }
        }
        count > 0.0 && bright as f64 <= self.rules.black_exceptions * count
    }
}

/// Sum of a row's luma, and how many of its pixels have at least as much as a limit.
fn light(luma: &[u8], limit: u8) -> [u64; 2] {
    with_wide_instructions(move || {
        let (mut sum, mut bright) = (0_u32, 0_u32);
        for &v in luma {
            sum += u32::from(v);
            bright += u32::from(v >= limit);
        }
        [sum, bright].map(u64::from)
    })
}

fn row_difference(a: &[u8], b: &[u8]) -> u64 {
    with_wide_instructions(move || {
        u64::from(a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>())
    })
}

/// A bar is at least this part of the width; seven or eight of them fill it.
const LEAST_BAR: f64 = 0.08;
/// A primary colour above this is on, and below it is off, in bars of 75 and of 100 %.
const ON: u8 = 96;
/// Colours of neighbouring pixels that differ by more, all three added, are of two bars.
const STEP: u16 = 60;
/// Rows of bars differ by no more than this on average, all three colours added.
const ROW_NOISE: u64 = 12;

/// Whether the upper part of a picture shows vertical bars of at least six of the eight combinations of full red, green and
/// blue, as EBU and SMPTE bars do (ITU-R BT.471, SMPTE EG 1).
fn has_color_bars(picture: &WorkingPicture) -> bool {
    let first_y = first_row_of_bars(picture.height());
    let first = picture.row(first_y);
    let differs = |y: usize| {
        let row = picture.row(y);
        let sum = row_difference(first.red, row.red)
            + row_difference(first.green, row.green)
            + row_difference(first.blue, row.blue);
        sum > ROW_NOISE * picture.width() as u64
    };
    is_row_of_bars(first) && !(first_y..picture.height() * 55 / 100).step_by(8).any(differs)
}

/// Where bars are looked for first, of so many rows.
fn first_row_of_bars(height: usize) -> usize {
    height / 10
}

fn is_row_of_bars(first: Row<'_>) -> bool {
    let width = first.luma.len();
    if width < 64 {
        return false;
    }
    let pixel = |x: usize| {
        Some([first.red.get(x).copied()?, first.green.get(x).copied()?, first.blue.get(x).copied()?])
    };
    let mut combinations = 0_u8;
    let (mut covered, mut start) = (0_usize, 0_usize);
    for x in 1..=width {
        // Over two pixels, for edges are rarely between two.
        let ends = match (pixel(x), x.checked_sub(2).and_then(pixel)) {
            (Some(a), Some(b)) => {
                a.iter().zip(&b).map(|(a, b)| u16::from(a.abs_diff(*b))).sum::<u16>() > STEP
            }
            (None, _) => true,
            _ => false,
        };
        if !ends {
            continue;
        }
        let length = x - start;
        if length as f64 >= LEAST_BAR * width as f64 {
            covered += length;
            if let Some(colour) = pixel(start + length / 2) {
                let code = colour.iter().fold(0, |code, &v| 2 * code + usize::from(v > ON));
                combinations |= 1 << code;
            }
        }
        start = x;
    }
    covered as f64 >= 0.85 * width as f64 && combinations.count_ones() >= 6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    const SIZE: (usize, usize) = (320, 200);
    const MS: u64 = 1_000_000;

    /// An RGB picture by a function of the place.
    fn rgb(of: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
        (0..SIZE.0 * SIZE.1).flat_map(|i| of(i % SIZE.0, i / SIZE.0)).collect()
    }

    fn scene(shift: usize) -> Vec<u8> {
        rgb(|x, y| {
            let v = (60.0 + 50.0 * ((x + shift) as f64 / 17.0).sin() * (y as f64 / 23.0).cos()) as u8;
            [v.saturating_add(60), v, v / 2]
        })
    }

    fn bars(level: u8) -> Vec<u8> {
        const ORDER: [[u8; 3]; 7] =
            [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1]];
        rgb(|x, y| {
            if y > SIZE.1 * 2 / 3 {
                return [(x % 250) as u8; 3];
            }
            ORDER[(x * 7 / SIZE.0).min(6)].map(|on| on * level)
        })
    }

    fn watch() -> SignalWatch {
        SignalWatch::new(SignalRules::default())
    }

    /// Shows pictures every 40 ms from a time on; gives the last answer.
    fn show(watch: &mut SignalWatch, from_ms: u64, pictures: impl Iterator<Item = Vec<u8>>) -> Signal {
        let mut last = Signal::None;
        for (i, picture) in (0..).zip(pictures) {
            let frame = Frame::new(PixelFormat::Rgb, SIZE.0, SIZE.1, &[(&picture, SIZE.0 * 3)]).unwrap();
            last = watch.frame(&frame, (from_ms + 40 * i) * MS);
        }
        last
    }

    #[test]
    fn what_moves_is_live() {
        let mut watch = watch();
        assert_eq!(watch.at(0), Signal::None);
        assert_eq!(show(&mut watch, 0, (0..50).map(scene)), Signal::Live);
    }

    #[test]
    fn a_frozen_picture_is_told_within_half_a_second() {
        let mut watch = watch();
        show(&mut watch, 0, (0..25).map(scene));
        // The last one that moved came at 960 ms.
        assert_eq!(show(&mut watch, 1000, (0..12).map(|_| scene(24))), Signal::Live);
        assert_eq!(show(&mut watch, 1480, (0..1).map(|_| scene(24))), Signal::Frozen { since_ns: 960 * MS });
        assert_eq!(show(&mut watch, 1520, (0..1).map(|_| scene(30))), Signal::Live);
    }

    #[test]
    fn a_clock_in_the_corner_does_not_hide_a_freeze_and_a_slow_change_is_none() {
        let mut clocked = watch();
        let clock = |i: usize| {
            let mut picture = scene(0);
            // Ten pixels of 64 000 change by 200.
            picture[..30].fill(if i.is_multiple_of(2) { 0 } else { 200 });
            picture
        };
        assert!(matches!(show(&mut clocked, 0, (0..20).map(clock)), Signal::Frozen { .. }));
        // One in twenty pixels brighter by 1 each frame: 0.05 a frame, and after two it shows.
        let mut slow = watch();
        let drift = |i: usize| {
            let mut picture = scene(0);
            picture.chunks_exact_mut(3).step_by(20).for_each(|p| p.iter_mut().for_each(|v| *v += i as u8));
            picture
        };
        assert_eq!(show(&mut slow, 0, (0..30).map(drift)), Signal::Live);
    }

    #[test]
    fn no_frame_is_a_stall_and_a_frame_ends_it() {
        let mut watch = watch();
        show(&mut watch, 0, (0..5).map(scene));
        assert_eq!(watch.at(410 * MS), Signal::Live);
        assert_eq!(watch.at(411 * MS), Signal::Stalled { since_ns: 160 * MS });
        assert_eq!(show(&mut watch, 900, (7..8).map(scene)), Signal::Live);
    }

    #[test]
    fn black_is_black_with_noise_and_a_cursor_and_a_dark_scene_is_not() {
        let noise = |i: usize| rgb(move |x, y| [(x * 7 + y * 13 + i * 5) as u8 % 12; 3]);
        let mut black = watch();
        show(&mut black, 0, (0..5).map(scene));
        let cursor = |i: usize| {
            let mut picture = noise(i);
            picture[..60].fill(255);
            picture
        };
        assert_eq!(show(&mut black, 200, (0..8).map(cursor)), Signal::Black { since_ns: 200 * MS });
        // A dark lumen with one lit wall.
        let dark =
            |i: usize| rgb(move |x, y| if x < 12 { [90, 40, 30] } else { [((x + y + i) % 9) as u8; 3] });
        assert_eq!(show(&mut watch(), 0, (0..20).map(dark)), Signal::Live);
    }

    #[test]
    fn bars_are_told_from_pictures() {
        for level in [191, 255] {
            let mut watch = watch();
            assert_eq!(show(&mut watch, 0, (0..8).map(|_| bars(level))), Signal::ColorBars { since_ns: 0 });
        }
        // Vertical structure alone does not make bars.
        let stripes =
            |i: usize| rgb(move |x, _| if (x / 40 + i).is_multiple_of(2) { [200; 3] } else { [10; 3] });
        assert_eq!(show(&mut watch(), 0, (0..20).map(stripes)), Signal::Live);
    }

    #[test]
    fn another_size_is_another_picture() {
        let mut watch = watch();
        show(&mut watch, 0, (0..20).map(|_| scene(0)));
        let small = vec![100_u8; 64 * 48];
        let frame = Frame::new(PixelFormat::Gray8, 64, 48, &[(&small, 64)]).unwrap();
        assert_eq!(watch.frame(&frame, 800 * MS), Signal::Live);
        watch.reset();
        assert_eq!(watch.at(0), Signal::None);
    }
}
