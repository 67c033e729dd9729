//! Profiles of devices: the scale of one device, probe and depth, known by what its picture looks like.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::luma::Luma;
use super::state::Event;
use super::{Calibration, CalibrationError, CalibrationSource};
use crate::geometry::PixelRect;
use crate::units::MmPerPx;

/// Scales closer than this are the same.
const SAME_SCALE: f64 = 0.01;

/// What is known of one setting of one device, as it is kept in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Device, probe and depth, for people.
    pub device: String,
    /// The part of the picture that is looked at, where it is not the whole.
    #[serde(default)]
    pub crop: Option<PixelRect>,
    /// Scale along x, in mm a pixel of the whole picture.
    pub mm_per_px_x: f64,
    /// Scale along y.
    pub mm_per_px_y: f64,
    /// Relative standard uncertainty of the scale, 0 to 1.
    pub relative_uncertainty: f64,
    /// Whether the scale comes into force without being confirmed. Holds only where the fingerprint has a ruler: the
    /// sides of a sector can be the same at every depth.
    #[serde(default)]
    pub trusted: bool,
    /// What the picture looks like, its size included.
    pub fingerprint: Fingerprint,
}

/// Profiles of different scales fit the same picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profiles '{first}' and '{second}' both fit the picture and differ in scale: choose one by hand")]
pub struct AmbiguousProfiles {
    /// One.
    pub first: String,
    /// Another.
    pub second: String,
}

impl Profile {
    /// The scale.
    ///
    /// # Errors
    ///
    /// [`CalibrationError`] where the numbers are no scale.
    pub fn calibration(&self) -> Result<Calibration, CalibrationError> {
        Calibration::new(
            MmPerPx(self.mm_per_px_x),
            MmPerPx(self.mm_per_px_y),
            CalibrationSource::Profile,
            self.relative_uncertainty,
        )
    }

    /// Whether a picture, of which `crop` is looked at, is of this profile's device and setting.
    pub fn fits(&self, picture: &Luma, crop: Option<PixelRect>) -> bool {
        self.crop == crop && self.fingerprint.fits(picture)
    }

    /// What happens to the scale of a picture that this profile fits: it comes into force where the profile is trusted
    /// and has a ruler, and else is proposed.
    ///
    /// # Errors
    ///
    /// [`CalibrationError`] where the numbers are no scale.
    pub fn event(&self) -> Result<Event, CalibrationError> {
        let calibration = Arc::new(self.calibration()?);
        Ok(if self.trusted && !self.fingerprint.rulers.is_empty() {
            Event::Adopt(calibration)
        } else {
            Event::Propose(calibration)
        })
    }

    fn has_scale_of(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| (a / b - 1.0).abs() <= SAME_SCALE;
        same(self.mm_per_px_x, other.mm_per_px_x) && same(self.mm_per_px_y, other.mm_per_px_y)
    }
}

/// The profile that fits a picture, the first of those with the same scale.
///
/// # Errors
///
/// [`AmbiguousProfiles`] where profiles of different scales fit.
pub fn select<'a>(
    profiles: &'a [Profile],
    picture: &Luma,
    crop: Option<PixelRect>,
) -> Result<Option<&'a Profile>, AmbiguousProfiles> {
    let mut fitting = profiles.iter().filter(|p| p.fits(picture, crop));
    let Some(first) = fitting.next() else { return Ok(None) };
    match fitting.find(|other| !first.has_scale_of(other)) {
        None => Ok(Some(first)),
        Some(second) => Err(AmbiguousProfiles { first: first.device.clone(), second: second.device.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::fingerprint::tests::{Field, luma};

    fn profile(device: &str, field: Field, ruler: bool, mm: f64) -> Profile {
        let bytes = field.picture(0, ruler);
        Profile {
            device: device.to_owned(),
            crop: None,
            mm_per_px_x: mm,
            mm_per_px_y: mm,
            relative_uncertainty: 0.01,
            trusted: true,
            fingerprint: Fingerprint::of(&luma(&bytes)),
        }
    }

    #[test]
    fn the_profile_of_the_depth_in_use_is_found() {
        let profiles =
            [80.0, 120.0, 160.0].map(|d| profile(&format!("{d} mm"), Field::curved(d), true, d / 440.0));
        for (depth, expected) in
            [(80.0, Some("80 mm")), (120.0, Some("120 mm")), (160.0, Some("160 mm")), (100.0, None)]
        {
            let bytes = Field::curved(depth).picture(7, true);
            let found = select(&profiles, &luma(&bytes), None).unwrap();
            assert_eq!(found.map(|p| p.device.as_str()), expected, "{depth}");
        }
        // Another crop is another picture.
        let bytes = Field::curved(80.0).picture(7, true);
        let crop = Some(PixelRect { x: 0, y: 0, width: 600, height: 480 });
        assert_eq!(select(&profiles, &luma(&bytes), crop), Ok(None));
        assert!(matches!(profiles[0].event(), Ok(Event::Adopt(_))));
    }

    #[test]
    fn without_a_ruler_the_operator_is_asked() {
        let sector = profile("sector", Field::phased(100.0), false, 0.2);
        assert!(matches!(sector.event(), Ok(Event::Propose(_))));
        let careful = Profile { trusted: false, ..profile("linear", Field::curved(100.0), true, 0.2) };
        assert!(matches!(careful.event(), Ok(Event::Propose(_))));
        // Sectors of two depths cannot be told apart without a ruler.
        let deeper = profile("deeper sector", Field::phased(200.0), false, 0.4);
        let bytes = Field::phased(100.0).picture(3, false);
        let error = select(&[sector.clone(), deeper], &luma(&bytes), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "profiles 'sector' and 'deeper sector' both fit the picture and differ in scale: choose one by hand"
        );
        assert_eq!(select(&[sector.clone(), sector.clone()], &luma(&bytes), None), Ok(Some(&sector)));
    }

    #[test]
    fn what_cannot_be_recognised_never_fits() {
        let dark = vec![2; 640 * 480];
        let blank = Profile {
            fingerprint: Fingerprint::of(&luma(&dark)),
            ..profile("blank", Field::curved(100.0), true, 0.2)
        };
        assert!(!blank.fits(&luma(&dark), None));
        let broken = Profile { mm_per_px_x: 0.0, ..blank };
        assert!(broken.event().is_err());
    }

    #[test]
    fn files_are_strict() {
        let kept = profile("curved", Field::curved(100.0), true, 0.2);
        let text = serde_json::to_string(&kept).unwrap();
        let back: Profile = serde_json::from_str(&text).unwrap();
        assert_eq!(back.device, "curved");
        assert!(serde_json::from_str::<Profile>(&text.replacen("trusted", "trusting", 1)).is_err());
    }
}
