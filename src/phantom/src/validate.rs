//! Ranges of the options.

use crate::error::PhantomError;
use crate::motion::ProbeMotion;
use crate::scene::{
    AcousticShadow, Annotations, FetalHeadScene, MAX_SIDE_PX, MIN_SIDE_PX, Receiver, Speckle,
};

/// Most acoustic shadows, skull drop-outs or black-outs in one scene.
const MAX_LIST: usize = 64;

/// Checks that a number is finite and within its range.
pub(crate) fn check(
    option: &'static str,
    value: f64,
    min: f64,
    max: f64,
    unit: &'static str,
) -> Result<(), PhantomError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(PhantomError::OutOfRange { option, value, min, max, unit })
    }
}

pub(crate) fn check_count(option: &'static str, count: usize, max: usize) -> Result<(), PhantomError> {
    if count <= max { Ok(()) } else { Err(PhantomError::TooMany { option, count, max }) }
}

impl FetalHeadScene {
    /// Checks every option, in the order of the fields.
    ///
    /// # Errors
    /// The first option that is not finite, out of range or in conflict with another.
    pub fn validate(&self) -> Result<(), PhantomError> {
        validate_size([self.width_px, self.height_px])?;
        check("mm_per_px_x", self.mm_per_px_x, 0.005, 20.0, "mm/[px]")?;
        check("mm_per_px_y", self.mm_per_px_y, 0.005, 20.0, "mm/[px]")?;
        check("frame_rate_hz", self.frame_rate_hz, 0.1, 1000.0, "Hz")?;
        check("head_circumference_mm", self.head_circumference_mm, 10.0, 600.0, "mm")?;
        check("cephalic_index_percent", self.cephalic_index_percent, 40.0, 100.0, "%")?;
        check("angle_deg", self.angle_deg, -360.0, 360.0, "deg")?;
        for mm in self.center_offset_mm {
            check("center_offset_mm", mm, -10_000.0, 10_000.0, "mm")?;
        }
        self.field.validate()?;
        for mm in self.probe_offset_mm {
            check("probe_offset_mm", mm, -1000.0, 1000.0, "mm")?;
        }
        self.validate_skull()?;
        self.validate_tissue()?;
        validate_speckle(&self.speckle)?;
        validate_receiver(&self.receiver)?;
        validate_shadows(&self.shadows)?;
        validate_motion(&self.motion)?;
        validate_annotations(&self.annotations)
    }

    fn validate_skull(&self) -> Result<(), PhantomError> {
        let skull = &self.skull;
        check("skull.thickness_mm", skull.thickness_mm, 0.2, 10.0, "mm")?;
        check("skull.echo_db", skull.echo_db, -20.0, 60.0, "dB")?;
        check("skull.specularity", skull.specularity, 0.0, 8.0, "1")?;
        check("skull.wall_loss_db", skull.wall_loss_db, 0.0, 60.0, "dB")?;
        check_count("skull.dropouts", skull.dropouts.len(), MAX_LIST)?;
        for dropout in &skull.dropouts {
            check("skull.dropouts.center_deg", dropout.center_deg, -360.0, 360.0, "deg")?;
            check("skull.dropouts.width_deg", dropout.width_deg, 0.1, 360.0, "deg")?;
            check("skull.dropouts.depth_db", dropout.depth_db, 0.0, 80.0, "dB")?;
        }
        Ok(())
    }

    fn validate_tissue(&self) -> Result<(), PhantomError> {
        let tissue = &self.tissue;
        check("tissue.brain_db", tissue.brain_db, -60.0, 20.0, "dB")?;
        check("tissue.midline_db", tissue.midline_db, -60.0, 50.0, "dB")?;
        check("tissue.background_spread_db", tissue.background_spread_db, 0.0, 30.0, "dB")?;
        check("tissue.fluid", tissue.fluid, 0.0, 1.0, "1")?;
        check("tissue.scalp_mm", tissue.scalp_mm, 0.0, 20.0, "mm")
    }
}

pub(crate) fn validate_size([width, height]: [u32; 2]) -> Result<(), PhantomError> {
    let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(PhantomError::PictureSize { width, height });
    }
    Ok(())
}

pub(crate) fn validate_speckle(speckle: &Speckle) -> Result<(), PhantomError> {
    check("speckle.axial_mm", speckle.axial_mm, 0.01, 50.0, "mm")?;
    check("speckle.lateral_mm", speckle.lateral_mm, 0.01, 100.0, "mm")?;
    check("speckle.compounding", f64::from(speckle.compounding), 1.0, 16.0, "1")?;
    let decorrelation = speckle.decorrelation_per_frame;
    check("speckle.decorrelation_per_frame", decorrelation, 0.0, 1.0, "1")?;
    if decorrelation > 0.0 && speckle.compounding > 1 {
        return Err(PhantomError::DecorrelationOfCompoundedSpeckle { compounding: speckle.compounding });
    }
    Ok(())
}

pub(crate) fn validate_receiver(receiver: &Receiver) -> Result<(), PhantomError> {
    check("receiver.gain_db", receiver.gain_db, -60.0, 60.0, "dB")?;
    let attenuation = receiver.attenuation_db_per_cm;
    check("receiver.attenuation_db_per_cm", attenuation, 0.0, 20.0, "dB/cm")?;
    check("receiver.tgc_db_per_cm", receiver.tgc_db_per_cm, 0.0, 20.0, "dB/cm")?;
    check("receiver.noise_db", receiver.noise_db, -200.0, 20.0, "dB")?;
    check("receiver.dynamic_range_db", receiver.dynamic_range_db, 20.0, 120.0, "dB")?;
    check("receiver.white_db", receiver.white_db, 0.0, 80.0, "dB")?;
    check("receiver.gray_gamma", receiver.gray_gamma, 0.2, 5.0, "1")?;
    check("receiver.contact_spread_db", receiver.contact_spread_db, 0.0, 20.0, "dB")
}

pub(crate) fn validate_shadows(shadows: &[AcousticShadow]) -> Result<(), PhantomError> {
    check_count("shadows", shadows.len(), MAX_LIST)?;
    for shadow in shadows {
        check("shadows.center", shadow.center, -2.0, 2.0, "1")?;
        check("shadows.width", shadow.width, 0.001, 4.0, "1")?;
        check("shadows.loss_db", shadow.loss_db, 0.0, 80.0, "dB")?;
    }
    Ok(())
}

pub(crate) fn validate_motion(motion: &ProbeMotion) -> Result<(), PhantomError> {
    check("motion.translation_mm", motion.translation_mm, 0.0, 50.0, "mm")?;
    check("motion.rotation_deg", motion.rotation_deg, 0.0, 45.0, "deg")?;
    check("motion.breathing", motion.breathing, 0.0, 0.2, "1")?;
    check("motion.period_s", motion.period_s, 0.1, 600.0, "s")
}

pub(crate) fn validate_annotations(annotations: &Annotations) -> Result<(), PhantomError> {
    check("annotations.text_lines", f64::from(annotations.text_lines), 0.0, 12.0, "1")?;
    check_count("annotations.black_outs", annotations.black_outs.len(), MAX_LIST)?;
    for black_out in &annotations.black_outs {
        for side in [black_out.left, black_out.top, black_out.right, black_out.bottom] {
            check("annotations.black_outs", side, 0.0, 1.0, "1")?;
        }
    }
    Ok(())
}
