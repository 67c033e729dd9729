//! What an operator states about the scale of a video, in words or by what stands in the picture.

use std::sync::Arc;

use super::caliper::{self, CaliperError, CaliperSpan};
use super::luma::Luma;
use super::profile::{self, AmbiguousProfiles, Profile};
use super::state::Event;
use super::{Calibration, CalibrationError, CalibrationSource, ruler};
use crate::geometry::PointInFrame;
use crate::units::Mm;

/// Rulers whose pitches differ by more than this show different units, and which one is meant cannot be known.
const SAME_PITCH: f64 = 0.01;

/// A statement about the scale.
///
/// As text:
///
/// * `0.2` or `0.2,0.3`: millimetres per pixel, of both axes or of x and y;
/// * `ruler:10`: the ruler in the picture has a tick every 10 mm;
/// * `caliper:100,50,100,450=80`: from point (100, 50) to point (100, 450), in pixels, it is 80 mm; further spans of the
///   same kind after `;`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Statement {
    /// The scale itself.
    Scale(Arc<Calibration>),
    /// Distances that are known.
    Caliper(Vec<CaliperSpan>),
    /// The distance of neighbouring ticks of the ruler in the picture.
    Ruler(Mm),
    /// Profiles of devices, of which one fits the picture.
    Profiles(Vec<Profile>),
}

/// Why a statement gives no scale.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The numbers are no scale.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// The distances give no scale.
    #[error(transparent)]
    Caliper(#[from] CaliperError),
    /// The profiles contradict one another.
    #[error(transparent)]
    Profiles(#[from] AmbiguousProfiles),
    /// The text is none of the forms.
    #[error(
        "'{text}' is no calibration: give MM_PER_PX, X,Y, ruler:MM_PER_TICK, or caliper:X,Y,X,Y=MM with points in pixels"
    )]
    Text {
        /// What was given.
        text: String,
    },
    /// No ruler was found.
    #[error("no ruler of at least four even ticks is seen in the picture: state the scale itself")]
    NoRuler,
    /// More than one was, and they differ.
    #[error(
        "rulers with {first_px:.1} and {second_px:.1} pixels a tick are seen in the picture: state the scale itself"
    )]
    Rulers {
        /// Pitch of one in pixels.
        first_px: f64,
        /// Pitch of another.
        second_px: f64,
    },
    /// No profile fits.
    #[error("no device profile fits the picture")]
    NoProfile,
}

impl std::str::FromStr for Statement {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let unreadable = || StatementError::Text { text: text.to_owned() };
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| unreadable());
        if let Some(tick) = text.trim().strip_prefix("ruler:") {
            let tick = number(tick)?;
            if !(tick.is_finite() && tick > 0.0) {
                return Err(unreadable());
            }
            return Ok(Self::Ruler(Mm(tick)));
        }
        if let Some(spans) = text.trim().strip_prefix("caliper:") {
            let span = |text: &str| {
                let (points, distance) = text.split_once('=').ok_or_else(unreadable)?;
                let points: Vec<f64> = points.split(',').map(number).collect::<Result<_, _>>()?;
                let &[x0, y0, x1, y1] = points.as_slice() else { return Err(unreadable()) };
                let point = |x_px, y_px| PointInFrame { x_px, y_px };
                Ok(CaliperSpan { from: point(x0, y0), to: point(x1, y1), distance: Mm(number(distance)?) })
            };
            return spans.split(';').map(span).collect::<Result<_, _>>().map(Self::Caliper);
        }
        if text.contains(':') {
            return Err(unreadable());
        }
        Ok(Self::Scale(Arc::new(Calibration::parse(text, CalibrationSource::Operator)?)))
    }
}

impl Statement {
    /// Whether the picture must be looked at.
    pub const fn needs_picture(&self) -> bool {
        matches!(self, Self::Ruler(_) | Self::Profiles(_))
    }

    /// What follows from it for a picture, of which a pixel is `pixel_aspect` times as wide as high. What an operator
    /// states comes into force; a profile does where it is trusted, and is else proposed.
    ///
    /// # Errors
    ///
    /// [`StatementError`] where there is no scale, or none in this picture.
    pub fn event(&self, picture: Option<&Luma>, pixel_aspect: f64) -> Result<Event, StatementError> {
        let calibration = match self {
            Self::Scale(calibration) => calibration.clone(),
            Self::Caliper(spans) => {
                // Spans of both axes tell them apart; spans of one leave the other to the shape of a pixel.
                let scale = caliper::per_axis(spans).or_else(|_| caliper::isotropic(spans, pixel_aspect))?;
                Arc::new(scale.calibration)
            }
            Self::Ruler(tick) => {
                let rulers = picture.map(|luma| ruler::find(luma, None)).unwrap_or_default();
                let first = rulers.first().ok_or(StatementError::NoRuler)?;
                // Rulers across and down agree once the shape of a pixel is taken into account.
                let pitch = |r: &ruler::Ruler| match r.axis {
                    ruler::RulerAxis::Vertical => r.pitch_px,
                    ruler::RulerAxis::Horizontal => r.pitch_px * pixel_aspect,
                };
                let differs = |r: &&ruler::Ruler| (pitch(r) / pitch(first) - 1.0).abs() > SAME_PITCH;
                if let Some(other) = rulers.iter().find(differs) {
                    return Err(StatementError::Rulers {
                        first_px: first.pitch_px,
                        second_px: other.pitch_px,
                    });
                }
                Arc::new(first.calibration(*tick, pixel_aspect)?)
            }
            Self::Profiles(profiles) => {
                let picture = picture.ok_or(StatementError::NoProfile)?;
                let fitting = profile::select(profiles, picture, None)?.ok_or(StatementError::NoProfile)?;
                return Ok(fitting.event()?);
            }
        };
        Ok(Event::Adopt(calibration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MmPerPx;

    fn scale_of(text: &str) -> Result<Arc<Calibration>, StatementError> {
        match text.parse::<Statement>()?.event(None, 1.0)? {
            Event::Adopt(calibration) => Ok(calibration),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn scales_and_distances() {
        assert_eq!(scale_of("0.2").unwrap().mm_per_px_x(), MmPerPx(0.2));
        assert_eq!(scale_of("0.2, 0.3").unwrap().mm_per_px_y(), MmPerPx(0.3));
        let caliper = scale_of("caliper:100,50,100,450=80").unwrap();
        assert!((caliper.mm_per_px_x().get() - 0.2).abs() < 1e-12);
        assert_eq!(caliper.source(), CalibrationSource::Caliper);
        // √2 pixels of 400.
        assert!((caliper.relative_uncertainty() - 2.0_f64.sqrt() / 400.0).abs() < 1e-12);
        let both = scale_of("caliper:100,50,100,450=80;50,60,350,60=90").unwrap();
        assert!(
            (both.mm_per_px_x().get() - 0.3).abs() < 1e-9 && (both.mm_per_px_y().get() - 0.2).abs() < 1e-9
        );
    }

    #[test]
    fn what_is_no_statement_is_one_line() {
        for text in [
            "",
            "many",
            "0",
            "nan",
            "ruler:",
            "ruler:0",
            "ruler:-1",
            "ruler:x",
            "caliper:",
            "caliper:1,2,3=4",
            "caliper:1,2,3,4",
            "caliper:1,2,1,2=5",
            "caliper:0,0,0,400=0",
            "caliper:0,0,0,400=80;0,0,0,400=90",
            "guess:3",
            "0.2,0.3,0.4",
        ] {
            let error = scale_of(text).unwrap_err().to_string();
            assert!(!error.is_empty() && !error.contains('\n'), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_ruler_gives_the_scale_of_its_picture() {
        let (width, height) = (200, 300);
        let mut bytes = vec![0_u8; width * height];
        for tick in 0..6 {
            let y = 20 + 45 * tick;
            for x in 180..192 {
                bytes[y * width + x] = 220;
            }
        }
        let luma = Luma::new(&bytes, width, height, width).unwrap();
        let statement: Statement = "ruler:10".parse().unwrap();
        let Ok(Event::Adopt(calibration)) = statement.event(Some(&luma), 1.0) else { panic!("no scale") };
        assert!((calibration.mm_per_px_y().get() / (10.0 / 45.0) - 1.0).abs() < 1e-3);
        assert_eq!(calibration.source(), CalibrationSource::Ruler);
        let empty = vec![0_u8; width * height];
        let dark = Luma::new(&empty, width, height, width).unwrap();
        assert_eq!(statement.event(Some(&dark), 1.0), Err(StatementError::NoRuler));
        assert_eq!(statement.event(None, 1.0), Err(StatementError::NoRuler));
    }
}
