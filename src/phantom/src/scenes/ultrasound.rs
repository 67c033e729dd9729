//! Options that every ultrasound scene has.

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::field::ScanField;
use crate::motion::ProbeMotion;
use crate::scene::{AcousticShadow, Annotations, Receiver, ShadowOrigin, Speckle};
use crate::validate::{
    check, validate_annotations, validate_motion, validate_receiver, validate_shadows, validate_size,
    validate_speckle,
};

use super::timing::{FrameClock, FrameTiming};

/// Probe, receiver and display of a scene. What is absent is as the scene needs it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ultrasound {
    /// Shape of the scanned field.
    pub field: Option<ScanField>,
    /// Speckle and resolution. `decorrelation_per_frame` must be 0: speckle belongs to the tissue here.
    pub speckle: Option<Speckle>,
    /// Gain, compensation and display.
    pub receiver: Option<Receiver>,
    /// Wedges or strips without sound, from the probe on (at most 64). `ShadowOrigin::Skull` is refused.
    pub shadows: Vec<AcousticShadow>,
    /// What a scanner burns into the picture.
    pub annotations: Annotations,
    /// How the probe moves over the tissue. Still by default.
    pub sway: Sway,
    /// A change of the displayed depth during the clip.
    pub depth_change: Option<DepthChange>,
}

/// How the tissue moves under the probe as a rigid body: sizes stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sway {
    /// Largest shift along x, in mm, and two and a half times the largest along y (0 to 50). Default 0.
    pub translation_mm: f64,
    /// Largest turn about the middle of the field, in degrees (0 to 45). Default 0.
    pub rotation_deg: f64,
    /// Period of the slow component, in seconds (0.1 to 600). Default 5.
    pub period_s: f64,
}

impl Default for Sway {
    fn default() -> Self {
        Self { translation_mm: 0.0, rotation_deg: 0.0, period_s: 5.0 }
    }
}

impl Sway {
    pub(crate) fn motion(&self) -> ProbeMotion {
        ProbeMotion {
            translation_mm: self.translation_mm,
            rotation_deg: self.rotation_deg,
            breathing: 0.0,
            period_s: self.period_s,
        }
    }
}

/// The user turns the depth knob: from a frame on the picture shows more or less depth on as many pixels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthChange {
    /// First frame with the new depth.
    pub at_frame: u64,
    /// New mm per pixel, both ways, over the old (0.25 to 4).
    pub factor: f64,
}

/// What a scene shows its anatomy with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) size_px: [u32; 2],
    pub(crate) mm_per_px: [f64; 2],
    pub(crate) seed: u64,
    pub(crate) field: ScanField,
    pub(crate) speckle: Speckle,
    pub(crate) receiver: Receiver,
    pub(crate) options: Ultrasound,
}

/// The fields that every ultrasound scene has, to be checked and prepared alike.
pub(crate) struct Common<'a> {
    pub(crate) size_px: [u32; 2],
    pub(crate) mm_per_px: [f64; 2],
    pub(crate) frame_rate_hz: f64,
    pub(crate) seed: u64,
    pub(crate) timing: &'a FrameTiming,
    pub(crate) ultrasound: &'a Ultrasound,
}

impl Common<'_> {
    pub(crate) fn validate(&self) -> Result<(), PhantomError> {
        validate_size(self.size_px)?;
        check("mm_per_px_x", self.mm_per_px[0], 0.005, 20.0, "mm/[px]")?;
        check("mm_per_px_y", self.mm_per_px[1], 0.005, 20.0, "mm/[px]")?;
        check("frame_rate_hz", self.frame_rate_hz, 0.1, 1000.0, "Hz")?;
        self.timing.validate()?;
        let options = self.ultrasound;
        if let Some(field) = &options.field {
            field.validate()?;
        }
        if let Some(speckle) = &options.speckle {
            validate_speckle(speckle)?;
            check("speckle.decorrelation_per_frame", speckle.decorrelation_per_frame, 0.0, 0.0, "1")?;
        }
        if let Some(receiver) = &options.receiver {
            validate_receiver(receiver)?;
        }
        validate_shadows(&options.shadows)?;
        if options.shadows.iter().any(|shadow| shadow.origin == ShadowOrigin::Skull) {
            return Err(PhantomError::Conflict {
                option: "ultrasound.shadows",
                reason: "only the fetal head has a skull: set origin = \"probe\"",
            });
        }
        validate_annotations(&options.annotations)?;
        validate_motion(&options.sway.motion())?;
        if let Some(change) = &options.depth_change {
            check("ultrasound.depth_change.factor", change.factor, 0.25, 4.0, "1")?;
            for pitch in self.mm_per_px {
                let option = "ultrasound.depth_change.factor x mm_per_px";
                check(option, pitch * change.factor, 0.005, 20.0, "mm/[px]")?;
            }
        }
        Ok(())
    }

    /// The same for a scene that only a linear probe shows.
    pub(crate) fn validate_linear(&self) -> Result<(), PhantomError> {
        self.validate()?;
        if matches!(self.ultrasound.field, Some(ScanField::Fan { .. })) {
            return Err(PhantomError::Conflict {
                option: "ultrasound.field",
                reason: "this scene is seen by a linear probe: set shape = \"linear\"",
            });
        }
        Ok(())
    }

    pub(crate) fn clock(&self) -> FrameClock {
        FrameClock::new(self.frame_rate_hz, self.timing, self.seed)
    }

    pub(crate) fn setup(&self, field: ScanField, speckle: Speckle, receiver: Receiver) -> Setup {
        let options = self.ultrasound.clone();
        Setup {
            size_px: self.size_px,
            mm_per_px: self.mm_per_px,
            seed: self.seed,
            field: options.field.unwrap_or(field),
            speckle: options.speckle.unwrap_or(speckle),
            receiver: options.receiver.unwrap_or(receiver),
            options,
        }
    }
}
