//! A calibration that a source knows and attaches to its frames, one by one.

use std::sync::Once;

use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_measure::units::MmPerPx;

const NAME: &str = "VesaliusCalibration";
const SCALE_X: &str = "mm-per-px-x";
const SCALE_Y: &str = "mm-per-px-y";
const SOURCE: &str = "source";
const UNCERTAINTY: &str = "relative-uncertainty";

fn ensure_registered() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if gst::glib::Type::from_name("VesaliusCalibrationAPI").is_none() {
            // What scales, crops or turns the picture drops it: the scale would be another one.
            gst::meta::CustomMeta::register(NAME, &["video", "size", "orientation"]);
        }
    });
}

fn source_of(name: &str) -> Option<CalibrationSource> {
    [CalibrationSource::Operator, CalibrationSource::Table, CalibrationSource::Phantom]
        .into_iter()
        .find(|source| source.as_str() == name)
}

/// Attaches a calibration of this very frame. `vesaliusmeasure` prefers it to its own property.
///
/// # Errors
///
/// When GStreamer refuses the meta.
pub fn add_calibration(
    buffer: &mut gst::BufferRef,
    calibration: &Calibration,
) -> Result<(), gst::glib::BoolError> {
    ensure_registered();
    let mut meta = gst::meta::CustomMeta::add(buffer, NAME)?;
    let structure = meta.mut_structure();
    structure.set(SCALE_X, calibration.mm_per_px_x().get());
    structure.set(SCALE_Y, calibration.mm_per_px_y().get());
    structure.set(SOURCE, calibration.source().as_str());
    structure.set(UNCERTAINTY, calibration.relative_uncertainty());
    Ok(())
}

/// The calibration attached to a frame. One that is not valid counts as none.
pub fn calibration_of(buffer: &gst::BufferRef) -> Option<Calibration> {
    ensure_registered();
    let meta = gst::meta::CustomMeta::from_buffer(buffer, NAME).ok()?;
    let structure = meta.structure();
    let number = |field| structure.get::<f64>(field).ok();
    let source = source_of(structure.get::<&str>(SOURCE).ok()?)?;
    Calibration::new(
        MmPerPx(number(SCALE_X)?),
        MmPerPx(number(SCALE_Y)?),
        source,
        number(UNCERTAINTY).unwrap_or(0.0),
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        gst::init().unwrap();
        let calibration =
            Calibration::new(MmPerPx(0.3), MmPerPx(0.15), CalibrationSource::Table, 0.01).unwrap();
        let mut buffer = gst::Buffer::new();
        assert_eq!(calibration_of(&buffer), None);
        add_calibration(buffer.make_mut(), &calibration).unwrap();
        assert_eq!(calibration_of(&buffer), Some(calibration));
    }
}
