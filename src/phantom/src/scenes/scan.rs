//! What is the same in every scene of an ultrasound probe: the frame, its mask, its truth.
//!
//! A scene says what is its own by [`Scan`]; whatever does so is a [`Phantom`].

use super::record::{ClipRecord, FrameRecord, Outline, PixelFormat, RenderedFrame, SceneClass};
use super::sonograph::{Rigid, Sonograph, Stroke};
use super::timing::FrameClock;
use super::{ClipMeasures, FrameMeasures, Phantom, SceneInfo, clip_record};

/// A frame: its time, where the probe is, and the state that the scene is in.
pub(crate) struct Moment<S> {
    pub(crate) frame_index: u64,
    pub(crate) time_s: f64,
    pub(crate) sway: Rigid,
    pub(crate) state: S,
}

/// One class as it stands in a frame.
pub(crate) struct Shape {
    pub(crate) class: SceneClass,
    /// By closed form, in mm².
    pub(crate) area_mm2: f64,
    /// Outline in probe space, in mm.
    pub(crate) points_mm: Vec<[f64; 2]>,
}

impl Shape {
    /// A class whose outline is given in tissue space.
    pub(crate) fn of_tissue(
        class: SceneClass,
        area_mm2: f64,
        sway: &Rigid,
        points_mm: impl IntoIterator<Item = [f64; 2]>,
    ) -> Self {
        let points_mm = points_mm.into_iter().map(|point| sway.probe_from_tissue(point)).collect();
        Self { class, area_mm2, points_mm }
    }
}

/// A prepared scene of an ultrasound probe: what is its own.
pub(crate) trait Scan: Send + Sync {
    /// What changes from frame to frame, besides the probe's place.
    type State;

    const INFO: &'static SceneInfo;
    /// Whether its structures go on beyond the field on purpose and so are never seen whole.
    const GOES_ON: bool = false;

    fn clock(&self) -> &FrameClock;

    /// What a frame is drawn from.
    fn picture(&self, frame_index: u64) -> &Sonograph;

    fn state(&self, frame_index: u64, time_s: f64) -> Self::State;

    /// The class at a point of tissue space, 0 where there is none.
    fn class_at(&self, state: &Self::State, point_mm: [f64; 2]) -> u8;

    /// Where a point of tissue space rests when nothing deforms. As it is, where nothing does.
    fn rest_from_now(&self, _state: &Self::State, point_mm: [f64; 2]) -> [f64; 2] {
        point_mm
    }

    /// Reflectors that move on their own.
    fn strokes(&self, _moment: &Moment<Self::State>) -> Vec<Stroke> {
        Vec::new()
    }

    /// Its classes with their outlines, in the order of their numbers.
    fn shapes(&self, moment: &Moment<Self::State>) -> Vec<Shape>;

    fn measures(&self, moment: &Moment<Self::State>) -> FrameMeasures;

    /// The truth over the first `frames` frames.
    fn clip_measures(&self, frames: u64) -> ClipMeasures;

    /// Everything at one frame.
    fn moment(&self, frame_index: u64) -> Moment<Self::State> {
        let time_s = self.clock().time_s(frame_index);
        Moment {
            frame_index,
            time_s,
            sway: self.picture(frame_index).sway(time_s),
            state: self.state(frame_index, time_s),
        }
    }

    /// Pixels of a point of tissue space.
    fn pixel(&self, moment: &Moment<Self::State>, point_mm: [f64; 2]) -> [f64; 2] {
        let point = moment.sway.probe_from_tissue(point_mm);
        self.picture(moment.frame_index).pixel_from_probe(moment.frame_index, point)
    }

    fn mask_at(&self, moment: &Moment<Self::State>) -> Vec<u8> {
        let class_at = |point| self.class_at(&moment.state, point);
        self.picture(moment.frame_index).mask(moment.frame_index, &moment.sway, class_at)
    }

    /// The record of a frame.
    fn record(&self, moment: &Moment<Self::State>) -> FrameRecord {
        let (index, picture) = (moment.frame_index, self.picture(moment.frame_index));
        let classes = self
            .shapes(moment)
            .iter()
            .map(|shape| {
                let mut class = picture.class_record(index, shape);
                class.truncated |= Self::GOES_ON;
                class
            })
            .collect();
        picture.record(index, self.clock().pts_ns(index), classes, self.measures(moment))
    }
}

impl<T: Scan> Phantom for T {
    fn info(&self) -> &'static SceneInfo {
        T::INFO
    }

    fn size_px(&self) -> [u32; 2] {
        self.picture(0).size_px()
    }

    fn frame_rate_hz(&self) -> f64 {
        self.clock().rate_hz()
    }

    fn pts_ns(&self, frame_index: u64) -> u64 {
        self.clock().pts_ns(frame_index)
    }

    fn truth(&self, frame_index: u64) -> FrameRecord {
        self.record(&self.moment(frame_index))
    }

    fn outlines(&self, frame_index: u64) -> Vec<Outline> {
        let shapes = self.shapes(&self.moment(frame_index));
        shapes.iter().map(|shape| self.picture(frame_index).outline(frame_index, shape)).collect()
    }

    fn mask(&self, frame_index: u64) -> Vec<u8> {
        self.mask_at(&self.moment(frame_index))
    }

    fn render(&self, frame_index: u64) -> RenderedFrame {
        let moment = self.moment(frame_index);
        let pixels = self.picture(frame_index).paint(
            frame_index,
            &moment.sway,
            |point| self.rest_from_now(&moment.state, point),
            &self.strokes(&moment),
        );
        RenderedFrame {
            pixels,
            format: PixelFormat::Gray8,
            mask: self.mask_at(&moment),
            truth: self.record(&moment),
        }
    }

    fn clip(&self, frames: u64) -> ClipRecord {
        clip_record(self, frames, self.clip_measures(frames))
    }
}

/// The face of a scene of an ultrasound probe: its options are checked and prepared, its phantom knows them.
///
/// `$probe` is how [`Common`](super::ultrasound::Common) checks them: `validate`, or `validate_linear` where a linear probe
/// alone shows the scene. The scene has its own check, `fn check_own`, and the phantom `fn new` and a field `scene`.
macro_rules! face {
    ($scene:ident, $phantom:ident, $probe:ident) => {
        impl $scene {
            fn common(&self) -> $crate::scenes::ultrasound::Common<'_> {
                $crate::scenes::ultrasound::Common {
                    size_px: [self.width_px, self.height_px],
                    mm_per_px: [self.mm_per_px_x, self.mm_per_px_y],
                    frame_rate_hz: self.frame_rate_hz,
                    seed: self.seed,
                    timing: &self.timing,
                    ultrasound: &self.ultrasound,
                }
            }

            /// Checks every option.
            ///
            /// # Errors
            /// The first option that is not finite, out of range or in conflict with another.
            pub fn validate(&self) -> Result<(), $crate::error::PhantomError> {
                self.common().$probe()?;
                self.check_own()
            }

            /// Checks the scene and computes what does not change from frame to frame.
            ///
            /// # Errors
            /// What [`validate`](Self::validate) finds.
            pub fn prepare(&self) -> Result<$phantom, $crate::error::PhantomError> {
                self.validate()?;
                Ok($phantom::new(self))
            }
        }

        impl $phantom {
            /// The scene this was prepared from.
            #[must_use]
            pub fn scene(&self) -> &$scene {
                &self.scene
            }
        }

        impl std::fmt::Debug for $phantom {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($phantom)).field("scene", &self.scene).finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use face;
