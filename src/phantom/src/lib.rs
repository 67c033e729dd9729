//! Digital ultrasound and endoscopy phantoms with exactly known truth.
//!
//! A [`FetalHeadScene`] describes a fetal head as a convex or linear probe shows it; [`FetalHeadScene::prepare`] checks
//! it and computes what does not change; [`FetalHeadPhantom::render`] gives the picture of any frame with its
//! [`FrameTruth`]. The crate reads and writes nothing: pictures are bytes in memory.
//!
//! ```
//! use vesalius_phantom::FetalHeadScene;
//!
//! let scene = FetalHeadScene { width_px: 160, height_px: 108, mm_per_px_x: 1.0, mm_per_px_y: 1.0, ..Default::default() };
//! let phantom = scene.prepare()?;
//! let frame = phantom.render(12);
//! assert_eq!(frame.gray8.len(), 160 * 108);
//! assert_eq!(frame.truth.mask().len(), 160 * 108);
//! # Ok::<(), vesalius_phantom::PhantomError>(())
//! ```
//!
//! The module [`scenes`] holds this and every other phantom by one face: a beating ventricle along and across its axis, a
//! pulsating artery, a breathing vena cava, a nodule and a bladder in two planes, a muscle, an optic nerve, and an endoscope's field with a lesion and a tool.
//!
//! # Coordinates and units
//!
//! Pixel (i, j) covers `[i−½, i+½] × [j−½, j+½]`: pixel centres are whole numbers, x runs right, y down. Millimetres are
//! pixels times the pitch of their axis. The head is an ellipse in millimetre space, and every size in the truth is
//! computed there. The truth is the *outer* border of the skull (biometry after ISUOG, DOI 10.1002/uog.20272).
//!
//! # How a picture comes about
//!
//! 1. **Anatomy.** Over beams and depths, each point gets the strength of its diffuse scatterers and of its coherent
//!    reflectors: uterine wall, fluid, abdominal layers, scalp, bone, brain, mid-line, cavum septi pellucidi, thalami,
//!    choroid plexus. A reflector's echo fades with the angle between its normal and the beam; bone weakens what lies
//!    behind it, more where the beam hits it obliquely; shadows take what they are told to.
//! 2. **Speckle.** Scatterers are a complex Gaussian field. Field and reflectors are filtered together by a separable
//!    Gaussian point-spread function, narrow along the beam and wide across it; in a fan it widens with depth, as beams
//!    do. The envelope of such a field is Rayleigh distributed, with mean over standard deviation 1.91 (C. B. Burckhardt,
//!    *Speckle in ultrasound B-mode scans*, IEEE Trans. Sonics Ultrason. 25, 1978; R. F. Wagner et al., *Statistics of
//!    speckle in ultrasound B-scans*, IEEE Trans. Sonics Ultrason. 30, 1983); with reflectors it is Rician.
//!    Compounding averages the power of independent looks, which divides the contrast by the root of their number
//!    (Trahey, Smith, von Ramm, IEEE Trans. UFFC 33, 1986).
//! 3. **Motion.** The filtered field belongs to the tissue and moves with it as a rigid body (plus a small change of
//!    scale, the probe's tilt), so that speckle stays coherent over time. On demand it turns steadily into another
//!    realisation. Field borders, gain and contact belong to the probe and stay in the picture.
//! 4. **Receiver.** Attenuation (0.5 dB/cm/MHz in soft tissue, both ways), time-gain compensation, gain; electronic
//!    noise is complex Gaussian, new in every frame, and is lifted by gain and compensation as the signal is.
//! 5. **Display.** The power is log-compressed to the displayed range (fully developed speckle then has a standard
//!    deviation of 5.57 dB, the logarithm of Wagner's exponential intensity), mapped by the gray map and rounded to 8
//!    bits.
//!
//! What it is not: no wave propagation, no refraction, no multiple reflection, no elevation of the beam. It serves to
//! test software against known sizes, not to judge scanners or to train sonographers.
//!
//! # Determinism
//!
//! A frame depends on the scene and the frame's number alone. Random numbers come from ChaCha8 and SplitMix64, functions
//! beyond basic arithmetic from `libm` in Rust rather than from the platform, so that the bytes are the same on every
//! machine and for any order of rendering.

mod anatomy;
mod annotations;
mod display;
mod ellipse;
mod error;
mod field;
mod motion;
mod noise;
mod psf;
mod random;
mod receiver;
mod render;
mod scene;
pub mod scenes;
mod tissue;
mod truth;
mod validate;

pub use ellipse::{
    circumference_ramanujan_ii, normalize_axis_deg, perimeter_exact, semi_axes_from_circumference,
};
pub use error::PhantomError;
pub use field::ScanField;
pub use motion::ProbeMotion;
pub use render::{FetalHeadPhantom, PhantomFrame};
pub use scene::{
    AcousticShadow, Annotations, BlackOut, Dropout, FetalHeadScene, MAX_SIDE_PX, MIN_SIDE_PX, Receiver,
    ShadowOrigin, SkullRing, Speckle, Tissue,
};
pub use truth::FrameTruth;
