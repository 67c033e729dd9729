//! Every phantom by one face: name, options, pictures, masks, outlines, and the truth of frames and clips.
//!
//! ```
//! use vesalius_phantom::scenes::{FrameMeasures, SceneOptions};
//!
//! let phantom = SceneOptions::from_name("lv")?.prepare()?;
//! let frame = phantom.render(3);
//! let [width, height] = phantom.size_px();
//! assert_eq!(frame.pixels.len(), width as usize * height as usize * frame.format.bytes_per_px());
//! assert!(frame.mask.contains(&1));
//! assert!(matches!(frame.truth.measures, FrameMeasures::Lv(lv) if lv.volume_ml > 40.0));
//! # Ok::<(), vesalius_phantom::PhantomError>(())
//! ```
//!
//! # Truth
//!
//! Shapes are analytic, in mm; a frame shows them exactly as they stand at its presentation time. The mask asks each
//! pixel's centre whether it lies within the shape and within what the field shows. Every number in a record comes from the
//! shape by closed form, none from the mask.
//!
//! # Ultrasound of moving tissue
//!
//! The echo field of tissue at rest is made once, as for the fetal head: scatterers and reflectors filtered by the
//! point-spread function. Each frame looks up for every pixel where its tissue lies at rest. This map takes each outline to
//! its outline at rest exactly, so that what is seen and what is true do not part, and speckle moves with the tissue; it
//! stretches with it too, by as much as the tissue does.

mod bladder;
mod cut_ellipse;
mod cycles;
mod endoscope;
mod fetal_head;
mod heartbeat;
mod ivc;
mod lv;
mod lv_short_axis;
mod muscle;
mod nodule;
mod optic_nerve;
mod record;
mod scan;
mod sonograph;
mod strip;
mod timing;
mod two_planes;
mod ultrasound;
mod vessel;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::scene::FetalHeadScene;
use crate::truth::FrameTruth;

pub use bladder::{BladderClip, BladderFrame, BladderPhantom, BladderPlane, BladderScene};
pub use endoscope::{
    EndoscopeClip, EndoscopeField, EndoscopeFrame, EndoscopePhantom, EndoscopeScene, LesionTruth, ToolTruth,
};
pub use fetal_head::FetalHeadClip;
pub use ivc::{IvcClip, IvcFrame, IvcPhantom, IvcScene};
pub use lv::{Beat, LvClip, LvFrame, LvPhantom, LvScene, LvView};
pub use lv_short_axis::{LvShortAxisClip, LvShortAxisFrame, LvShortAxisPhantom, LvShortAxisScene};
pub use muscle::{MuscleClip, MuscleFrame, MusclePhantom, MuscleScene};
pub use nodule::{NoduleClip, NoduleFrame, NodulePhantom, NodulePlane, NoduleScene};
pub use optic_nerve::{OpticNerveClip, OpticNerveFrame, OpticNervePhantom, OpticNerveScene};
pub use record::{ClassRecord, ClipRecord, FrameRecord, Outline, PixelFormat, RenderedFrame, SceneClass};
pub use timing::FrameTiming;
pub use ultrasound::{DepthChange, Sway, Ultrasound};
pub use vessel::{VesselClip, VesselFrame, VesselPhantom, VesselScene};

/// What is known of a scene without rendering it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SceneInfo {
    /// Name, as [`SceneOptions::from_name`] takes it.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Classes of the mask, besides the background 0.
    pub classes: &'static [SceneClass],
    /// Layout of the picture's bytes.
    pub format: PixelFormat,
    /// Frames of a clip that shows everything the scene does, with its default options.
    pub suggested_frames: u64,
}

const FETAL_HEAD: SceneInfo = SceneInfo {
    name: "fetal-head",
    description: "fetal head in a trans-thalamic plane, convex probe: circumference, diameters",
    classes: &fetal_head::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 180,
};
const LV: SceneInfo = SceneInfo {
    name: "lv",
    description: "beating left ventricle and atrium in an apical view: volume, ejection fraction, rate",
    classes: &lv::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 300,
};
const LV_SHORT_AXIS: SceneInfo = SceneInfo {
    name: "lv-short-axis",
    description: "beating left ventricle across its axis, a ring: fractional area change, rate",
    classes: &lv_short_axis::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 300,
};

const VESSEL: SceneInfo = SceneInfo {
    name: "vessel",
    description: "pulsating carotid along its axis, linear probe: lumen diameter, distensibility, wall thickness",
    classes: &vessel::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 150,
};
const IVC: SceneInfo = SceneInfo {
    name: "ivc",
    description: "inferior vena cava while breathing, tissue sliding along it: diameters, collapsibility",
    classes: &ivc::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 300,
};

const ENDOSCOPE: SceneInfo = SceneInfo {
    name: "endoscope",
    description: "colonoscope in colour: a lesion of known size, a tool of known width, blur, darkness, out of body",
    classes: &endoscope::CLASSES,
    format: PixelFormat::Rgb24,
    suggested_frames: 300,
};

const NODULE: SceneInfo = SceneInfo {
    name: "nodule",
    description: "thyroid nodule in a transverse or longitudinal plane, or both in turn: three diameters, volume, taller than wide",
    classes: &nodule::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 100,
};

const BLADDER: SceneInfo = SceneInfo {
    name: "bladder",
    description: "full bladder in a transverse or sagittal plane, or both in turn, convex probe: width, height, length, volume",
    classes: &bladder::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 100,
};

const MUSCLE: SceneInfo = SceneInfo {
    name: "muscle",
    description: "contracting muscle between its aponeuroses, linear probe: thickness",
    classes: &muscle::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 100,
};

const OPTIC_NERVE: SceneInfo = SceneInfo {
    name: "optic-nerve",
    description: "eye and optic nerve, linear probe: sheath width 3 mm behind the globe",
    classes: &optic_nerve::CLASSES,
    format: PixelFormat::Gray8,
    suggested_frames: 100,
};

/// A prepared scene of any kind. Frames may be asked for in any order, by any number of threads; the same options and
/// number give the same bytes on every machine.
pub trait Phantom: Send + Sync {
    /// Name, description, classes.
    fn info(&self) -> &'static SceneInfo;

    /// Width and height in pixels.
    fn size_px(&self) -> [u32; 2];

    /// Nominal frames per second.
    fn frame_rate_hz(&self) -> f64;

    /// Presentation time of a frame in nanoseconds. Times rise strictly with the number; they need not be evenly spaced.
    fn pts_ns(&self, frame_index: u64) -> u64;

    /// The truth of a frame, without rendering it.
    fn truth(&self, frame_index: u64) -> FrameRecord;

    /// The analytic outlines of a frame's classes.
    fn outlines(&self, frame_index: u64) -> Vec<Outline>;

    /// The class of every pixel, without rendering the picture.
    fn mask(&self, frame_index: u64) -> Vec<u8>;

    /// The picture of a frame with its mask and truth.
    fn render(&self, frame_index: u64) -> RenderedFrame;

    /// The truth over the first `frames` frames.
    fn clip(&self, frames: u64) -> ClipRecord;
}

/// The options of any scene, tagged by its name: `{"scene": "lv", "ef_percent": 35}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scene", rename_all = "kebab-case")]
pub enum SceneOptions {
    /// `fetal-head`.
    FetalHead(FetalHeadScene),
    /// `lv`.
    Lv(LvScene),
    /// `lv-short-axis`.
    LvShortAxis(LvShortAxisScene),
    /// `vessel`.
    Vessel(VesselScene),
    /// `ivc`.
    Ivc(IvcScene),
    /// `endoscope`.
    Endoscope(EndoscopeScene),
    /// `nodule`.
    Nodule(NoduleScene),
    /// `bladder`.
    Bladder(BladderScene),
    /// `muscle`.
    Muscle(MuscleScene),
    /// `optic-nerve`.
    OpticNerve(OpticNerveScene),
}

impl SceneOptions {
    /// Every scene there is.
    pub const CATALOGUE: &'static [SceneInfo] =
        &[FETAL_HEAD, LV, LV_SHORT_AXIS, VESSEL, IVC, ENDOSCOPE, NODULE, BLADDER, MUSCLE, OPTIC_NERVE];

    /// The default options of the scene with a name.
    ///
    /// # Errors
    /// [`PhantomError::UnknownScene`] with the names there are.
    pub fn from_name(name: &str) -> Result<Self, PhantomError> {
        Ok(match name {
            "fetal-head" => Self::FetalHead(FetalHeadScene::default()),
            "lv" => Self::Lv(LvScene::default()),
            "lv-short-axis" => Self::LvShortAxis(LvShortAxisScene::default()),
            "vessel" => Self::Vessel(VesselScene::default()),
            "ivc" => Self::Ivc(IvcScene::default()),
            "endoscope" => Self::Endoscope(EndoscopeScene::default()),
            "nodule" => Self::Nodule(NoduleScene::default()),
            "bladder" => Self::Bladder(BladderScene::default()),
            "muscle" => Self::Muscle(MuscleScene::default()),
            "optic-nerve" => Self::OpticNerve(OpticNerveScene::default()),
            _ => {
                let names: Vec<&str> = Self::CATALOGUE.iter().map(|info| info.name).collect();
                return Err(PhantomError::UnknownScene { name: name.to_owned(), known: names.join(", ") });
            }
        })
    }

    /// Name, description, classes.
    #[must_use]
    pub fn info(&self) -> &'static SceneInfo {
        match self {
            Self::FetalHead(_) => &FETAL_HEAD,
            Self::Lv(_) => &LV,
            Self::LvShortAxis(_) => &LV_SHORT_AXIS,
            Self::Vessel(_) => &VESSEL,
            Self::Ivc(_) => &IVC,
            Self::Endoscope(_) => &ENDOSCOPE,
            Self::Nodule(_) => &NODULE,
            Self::Bladder(_) => &BLADDER,
            Self::Muscle(_) => &MUSCLE,
            Self::OpticNerve(_) => &OPTIC_NERVE,
        }
    }

    /// Checks every option.
    ///
    /// # Errors
    /// The first option that is not finite, out of range or in conflict with another.
    pub fn validate(&self) -> Result<(), PhantomError> {
        match self {
            Self::FetalHead(scene) => scene.validate(),
            Self::Lv(scene) => scene.validate(),
            Self::LvShortAxis(scene) => scene.validate(),
            Self::Vessel(scene) => scene.validate(),
            Self::Ivc(scene) => scene.validate(),
            Self::Endoscope(scene) => scene.validate(),
            Self::Nodule(scene) => scene.validate(),
            Self::Bladder(scene) => scene.validate(),
            Self::Muscle(scene) => scene.validate(),
            Self::OpticNerve(scene) => scene.validate(),
        }
    }

    /// Checks the options and computes what does not change from frame to frame.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn prepare(&self) -> Result<Box<dyn Phantom>, PhantomError> {
        Ok(match self {
            Self::FetalHead(scene) => Box::new(scene.prepare()?),
            Self::Lv(scene) => Box::new(scene.prepare()?),
            Self::LvShortAxis(scene) => Box::new(scene.prepare()?),
            Self::Vessel(scene) => Box::new(scene.prepare()?),
            Self::Ivc(scene) => Box::new(scene.prepare()?),
            Self::Endoscope(scene) => Box::new(scene.prepare()?),
            Self::Nodule(scene) => Box::new(scene.prepare()?),
            Self::Bladder(scene) => Box::new(scene.prepare()?),
            Self::Muscle(scene) => Box::new(scene.prepare()?),
            Self::OpticNerve(scene) => Box::new(scene.prepare()?),
        })
    }
}

/// What a scene measures in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scene", rename_all = "kebab-case")]
pub enum FrameMeasures {
    /// `fetal-head`.
    FetalHead(FrameTruth),
    /// `lv`.
    Lv(LvFrame),
    /// `lv-short-axis`.
    LvShortAxis(LvShortAxisFrame),
    /// `vessel`.
    Vessel(VesselFrame),
    /// `ivc`.
    Ivc(IvcFrame),
    /// `endoscope`.
    Endoscope(EndoscopeFrame),
    /// `nodule`.
    Nodule(NoduleFrame),
    /// `bladder`.
    Bladder(BladderFrame),
    /// `muscle`.
    Muscle(MuscleFrame),
    /// `optic-nerve`.
    OpticNerve(OpticNerveFrame),
}

/// What a scene measures over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scene", rename_all = "kebab-case")]
pub enum ClipMeasures {
    /// `fetal-head`.
    FetalHead(FetalHeadClip),
    /// `lv`.
    Lv(LvClip),
    /// `lv-short-axis`.
    LvShortAxis(LvShortAxisClip),
    /// `vessel`.
    Vessel(VesselClip),
    /// `ivc`.
    Ivc(IvcClip),
    /// `endoscope`.
    Endoscope(EndoscopeClip),
    /// `nodule`.
    Nodule(NoduleClip),
    /// `bladder`.
    Bladder(BladderClip),
    /// `muscle`.
    Muscle(MuscleClip),
    /// `optic-nerve`.
    OpticNerve(OpticNerveClip),
}

fn clip_record(phantom: &dyn Phantom, frames: u64, measures: ClipMeasures) -> ClipRecord {
    ClipRecord {
        scene: phantom.info().name.to_owned(),
        frames,
        first_pts_ns: phantom.pts_ns(0),
        last_pts_ns: phantom.pts_ns(frames.saturating_sub(1)),
        measures,
    }
}

/// Seconds in nanoseconds, to the nearest.
fn nanoseconds(time_s: f64) -> i64 {
    (1e9 * time_s).round() as i64
}

fn milliseconds(time_s: f64) -> f64 {
    1000.0 * time_s
}

/// Median; of an even number the mean of the middle two. Absent for none. Sorts its argument.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.checked_sub(1)?).map(|lower| 0.5 * (lower + upper))
}
