//! A scale that a source knows and attaches to its frames, one by one.

use std::sync::{Arc, Once};

use gst::glib;
use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::units::MmPerPx;

const NAME: &str = "VesaliusCalibration";
const SCALE_X: &str = "mm-per-px-x";
const SCALE_Y: &str = "mm-per-px-y";
const SOURCE: &str = "source";
const UNCERTAINTY: &str = "relative-uncertainty";
/// A scale that plain numbers cannot say: one for each region of the picture.
const SCALE: &str = "scale";

/// Carries a [`Scale`] in a structure.
#[derive(Clone, Debug, glib::Boxed)]
#[boxed_type(name = "VesaliusScale")]
struct BoxedScale(Scale);

fn ensure_registered() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if glib::Type::from_name("VesaliusCalibrationAPI").is_none() {
            // What scales, crops or turns the picture drops it: the scale would be another one.
            gst::meta::CustomMeta::register(NAME, &["video", "size", "orientation"]);
        }
    });
}

/// Attaches the scale of this very frame. `vesaliusmeasure` prefers it to its own property; [`Scale::None`] says that the
/// source knows that there is none.
///
/// A scale that is the same everywhere stands in the meta `VesaliusCalibration` as plain numbers (`mm-per-px-x`,
/// `mm-per-px-y`, `relative-uncertainty`) and a `source`, for sources written in any language.
///
/// # Errors
///
/// When GStreamer refuses the meta.
pub fn add_scale(buffer: &mut gst::BufferRef, scale: &Scale) -> Result<(), glib::BoolError> {
    ensure_registered();
    let mut meta = gst::meta::CustomMeta::add(buffer, NAME)?;
    let structure = meta.mut_structure();
    match scale {
        Scale::Uniform(calibration) => {
            structure.set(SCALE_X, calibration.mm_per_px_x().get());
            structure.set(SCALE_Y, calibration.mm_per_px_y().get());
            structure.set(SOURCE, calibration.source().as_str());
            structure.set(UNCERTAINTY, calibration.relative_uncertainty());
        }
        other => structure.set(SCALE, BoxedScale(other.clone())),
    }
    Ok(())
}

/// The scale attached to a frame; `None` where none is. Numbers that are no scale count as [`Scale::None`].
pub fn scale_of(buffer: &gst::BufferRef) -> Option<Scale> {
    ensure_registered();
    let meta = gst::meta::CustomMeta::from_buffer(buffer, NAME).ok()?;
    let structure = meta.structure();
    if let Ok(BoxedScale(scale)) = structure.get::<BoxedScale>(SCALE) {
        return Some(scale);
    }
    let number = |field| structure.get::<f64>(field).ok();
    let calibration = || {
        let source = structure.get::<&str>(SOURCE).ok().and_then(CalibrationSource::from_name)?;
        let (x, y) = (MmPerPx(number(SCALE_X)?), MmPerPx(number(SCALE_Y)?));
        Calibration::new(x, y, source, number(UNCERTAINTY).unwrap_or(0.0)).ok()
    };
    Some(calibration().map(Arc::new).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::calibration::region::{RegionField, UltrasoundRegion};
    use vesalius_measure::result::Reason;

    #[test]
    fn there_and_back() {
        gst::init().unwrap();
        let calibration =
            Calibration::new(MmPerPx(0.3), MmPerPx(0.15), CalibrationSource::Table, 0.01).unwrap();
        let region = UltrasoundRegion {
            spatial_format: 1,
            data_type: 1,
            flags: 0,
            min_x0: 0,
            min_y0: 0,
            max_x1: 99,
            max_y1: 79,
            units_x: 3,
            units_y: 3,
            delta_x: 0.02,
            delta_y: 0.02,
        };
        let regions = RegionField::decide(&[region], (100, 80), None).unwrap();
        for scale in [
            Scale::Uniform(Arc::new(calibration)),
            Scale::Regions(Arc::new(regions)),
            Scale::None(Reason::CalibrationExpired),
        ] {
            let mut buffer = gst::Buffer::new();
            assert_eq!(scale_of(&buffer), None);
            add_scale(buffer.make_mut(), &scale).unwrap();
            assert_eq!(scale_of(&buffer), Some(scale.clone()));
            assert_eq!(scale_of(&buffer.copy()), Some(scale));
        }
    }

    #[test]
    fn numbers_that_are_no_scale_give_no_millimetres() {
        gst::init().unwrap();
        ensure_registered();
        for (x, source) in [(0.0, "operator"), (f64::NAN, "operator"), (0.2, "guess")] {
            let mut buffer = gst::Buffer::new();
            let mut meta = gst::meta::CustomMeta::add(buffer.make_mut(), NAME).unwrap();
            let structure = meta.mut_structure();
            structure.set(SCALE_X, x);
            structure.set(SCALE_Y, 0.2);
            structure.set(SOURCE, source);
            assert_eq!(scale_of(&buffer), Some(Scale::None(Reason::NoCalibration)), "{x} {source}");
        }
    }
}
