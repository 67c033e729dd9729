//! Scales from distances that the operator knows: two points and millimetres.
//!
//! A click is one pixel off (SD 1 px in x and y each), so a span of L pixels gives a scale with a relative standard
//! uncertainty of √2/L: 2.8 % over 50 pixels, 1.4 % over 100, 0.47 % over 300. Hence spans of at least 200 pixels, and
//! repeats: their spread shows what one number hides.

use super::{Calibration, CalibrationError, CalibrationSource};
use crate::geometry::PointInFrame;
use crate::units::{Mm, MmPerPx};

/// Standard deviation of a click along each axis, in pixels.
pub const CLICK_SD_PX: f64 = 1.0;
/// Length of a span from which its scale is fully trusted, in pixels.
pub const FULL_TRUST_PX: f64 = 200.0;
/// Largest difference of repeats, as a fraction of their mean.
pub const MOST_SPREAD: f64 = 0.02;
/// Below this a span is a slip of the hand: 7 % and worse.
const LEAST_PX: f64 = 20.0;
/// How many times longer a span is along its own axis than across it, to count as along that axis.
const ALONG_AN_AXIS: f64 = 2.0;

/// Two points of the source picture and how far apart they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaliperSpan {
    /// One point.
    pub from: PointInFrame,
    /// The other.
    pub to: PointInFrame,
    /// Their distance.
    pub distance: Mm,
}

impl CaliperSpan {
    fn dx(&self) -> f64 {
        (self.to.x_px - self.from.x_px).abs()
    }

    fn dy(&self) -> f64 {
        (self.to.y_px - self.from.y_px).abs()
    }

    /// Distance in pixels as they are counted, whatever their shape.
    fn span_px(&self) -> f64 {
        self.dx().hypot(self.dy())
    }
}

/// Why spans give no scale.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CaliperError {
    /// There are none.
    #[error("no distance was given: place a caliper and state its length in mm")]
    Nothing,
    /// A coordinate or length is not a positive number.
    #[error("caliper {number} has no length: place both ends and state the distance in mm")]
    Value {
        /// Which, from 1.
        number: usize,
    },
    /// Too short to mean anything.
    #[error("caliper {number} spans {span_px:.0} pixels: choose a distance of 200 or more")]
    Short {
        /// Which, from 1.
        number: usize,
        /// Its length in pixels.
        span_px: f64,
    },
    /// Repeats differ.
    #[error("the calipers differ by {:.1} %, more than 2 %: measure again", 100.0 * spread)]
    Spread {
        /// Largest less smallest scale over their mean.
        spread: f64,
    },
    /// Both axes need a span of their own.
    #[error("scales of both axes need one caliper across and one down")]
    OneAxis,
    /// The pixel aspect ratio is not a positive number.
    #[error("{0} is no pixel aspect ratio")]
    Aspect(f64),
    /// The numbers are no scale.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
}

/// A scale from calipers, with what an operator needs to judge it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaliperScale {
    /// The scale, to be proposed.
    pub calibration: Calibration,
    /// Largest less smallest scale of the repeats over their mean, 0 for one.
    pub spread: f64,
    /// Whether the longest span of each axis that is measured reaches [`FULL_TRUST_PX`].
    pub full_trust: bool,
}

fn check(spans: &[CaliperSpan]) -> Result<(), CaliperError> {
    if spans.is_empty() {
        return Err(CaliperError::Nothing);
    }
    for (number, span) in (1..).zip(spans) {
        let (span_px, mm) = (span.span_px(), span.distance.get());
        if !(span_px.is_finite() && span_px > 0.0 && mm.is_finite() && mm > 0.0) {
            return Err(CaliperError::Value { number });
        }
        if span_px < LEAST_PX {
            return Err(CaliperError::Short { number, span_px });
        }
    }
    Ok(())
}

/// Relative standard uncertainty of one span's scale, with pixels `aspect` times as wide as high.
fn relative(span: &CaliperSpan, aspect: f64) -> f64 {
    // L² = (a·dx)² + dy² in rows; both ends move in x and in y.
    let (x, y) = (aspect * span.dx(), span.dy());
    let length = x.hypot(y);
    std::f64::consts::SQRT_2 * CLICK_SD_PX * (aspect * x / length).hypot(y / length) / length
}

fn spread_of(scales: impl Iterator<Item = f64> + Clone) -> f64 {
    let (low, high) = scales.clone().fold((f64::INFINITY, 0.0_f64), |(l, h), s| (l.min(s), h.max(s)));
    let count = scales.clone().count() as f64;
    (high - low) * count / scales.sum::<f64>()
}

/// One scale for both axes, `pixel_aspect` being the width of a pixel over its height. Several spans are repeats, of
/// the same distance or of others: they are averaged by their weights.
///
/// # Errors
///
/// [`CaliperError`] where there is no usable span, or repeats differ by more than 2 %.
pub fn isotropic(spans: &[CaliperSpan], pixel_aspect: f64) -> Result<CaliperScale, CaliperError> {
    check(spans)?;
    if !(pixel_aspect.is_finite() && pixel_aspect > 0.0) {
        return Err(CaliperError::Aspect(pixel_aspect));
    }
    let scale = |s: &CaliperSpan| s.distance.get() / (pixel_aspect * s.dx()).hypot(s.dy());
    let spread = spread_of(spans.iter().map(scale));
    if spread > MOST_SPREAD {
        return Err(CaliperError::Spread { spread });
    }
    let weight = |s: &CaliperSpan| relative(s, pixel_aspect).powi(-2);
    let total: f64 = spans.iter().map(weight).sum();
    let mean = spans.iter().map(|s| weight(s) * scale(s)).sum::<f64>() / total;
    // The spread that was seen counts where it is larger than what clicks explain.
    let n = spans.len() as f64;
    let seen = if spans.len() < 2 {
        0.0
    } else {
        let squares: f64 = spans.iter().map(|s| (scale(s) / mean - 1.0).powi(2)).sum();
        (squares / (n - 1.0) / n).sqrt()
    };
    let calibration = Calibration::new(
        MmPerPx(mean * pixel_aspect),
        MmPerPx(mean),
        CalibrationSource::Caliper,
        total.sqrt().recip().max(seen),
    )?;
    let longest = spans.iter().map(CaliperSpan::span_px).fold(0.0, f64::max);
    Ok(CaliperScale { calibration, spread, full_trust: longest >= FULL_TRUST_PX })
}

/// A scale per axis, from at least one span across and one down (each twice as long along its axis as across it).
///
/// Solves mm² = (s_x·dx)² + (s_y·dy)² for the squares of both scales by least squares, each span with the weight that
/// its clicks leave it.
///
/// # Errors
///
/// [`CaliperError`] where a span is unusable, an axis has none, or the spans differ from the common solution by more
/// than 2 %.
pub fn per_axis(spans: &[CaliperSpan]) -> Result<CaliperScale, CaliperError> {
    check(spans)?;
    let across = || spans.iter().filter(|s| s.dx() >= ALONG_AN_AXIS * s.dy());
    let down = || spans.iter().filter(|s| s.dy() >= ALONG_AN_AXIS * s.dx());
    let (Some(x), Some(y)) = (across().next(), down().next()) else { return Err(CaliperError::OneAxis) };
    // Starting values, good enough for the weights; the solution is then found twice.
    let (mut sx, mut sy) = (x.distance.get() / x.span_px(), y.distance.get() / y.span_px());
    let (mut uncertainty, mut spread) = (0.0, 0.0);
    for _ in 0..3 {
        let (mut aa, mut ab, mut bb, mut ac, mut bc) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for s in spans {
            let (a, b, c) = (s.dx().powi(2), s.dy().powi(2), s.distance.get().powi(2));
            let sd =
                2.0 * std::f64::consts::SQRT_2 * CLICK_SD_PX * (sx * sx * s.dx()).hypot(sy * sy * s.dy());
            let w = sd.powi(-2);
            aa += w * a * a;
            ab += w * a * b;
            bb += w * b * b;
            ac += w * a * c;
            bc += w * b * c;
        }
        let det = aa * bb - ab * ab;
        let (qx, qy) = ((ac * bb - bc * ab) / det, (bc * aa - ac * ab) / det);
        if !(qx > 0.0 && qy > 0.0 && qx.is_finite() && qy.is_finite()) {
            return Err(CaliperError::OneAxis);
        }
        (sx, sy) = (qx.sqrt(), qy.sqrt());
        // s = √q: half the relative uncertainty of the square.
        uncertainty = 0.5 * ((bb / det).sqrt() / qx).max((aa / det).sqrt() / qy);
        spread = spread_of(spans.iter().map(|s| s.distance.get() / (sx * s.dx()).hypot(sy * s.dy())));
    }
    if spread > MOST_SPREAD {
        return Err(CaliperError::Spread { spread });
    }
    let calibration =
        Calibration::new(MmPerPx(sx), MmPerPx(sy), CalibrationSource::Caliper, uncertainty.min(1.0))?;
    let longest = |spans: &mut dyn Iterator<Item = &CaliperSpan>| {
        spans.map(CaliperSpan::span_px).fold(0.0, f64::max) >= FULL_TRUST_PX
    };
    let full_trust = longest(&mut across()) && longest(&mut down());
    Ok(CaliperScale { calibration, spread, full_trust })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(dx: f64, dy: f64, mm: f64) -> CaliperSpan {
        let from = PointInFrame { x_px: 100.5, y_px: 80.25 };
        CaliperSpan { from, to: PointInFrame { x_px: 100.5 + dx, y_px: 80.25 + dy }, distance: Mm(mm) }
    }

    #[test]
    fn the_uncertainty_of_one_span() {
        // The specification's figures for a click SD of one pixel an end.
        for (px, percent) in [(50.0, 2.8), (100.0, 1.4), (300.0, 0.47)] {
            let found = isotropic(&[span(0.0, px, 10.0)], 1.0).unwrap();
            let u = 100.0 * found.calibration.relative_uncertainty();
            assert!((u / percent - 1.0).abs() < 0.015, "{px} px: {u} %");
            assert_eq!(found.full_trust, px >= 200.0);
            assert_eq!(found.spread, 0.0);
            assert_eq!(found.calibration.mm_per_px_y(), MmPerPx(10.0 / px));
        }
        let oblique = isotropic(&[span(-180.0, 240.0, 60.0)], 1.0).unwrap();
        assert!((oblique.calibration.mm_per_px_x().get() - 0.2).abs() < 1e-12);
        assert!((oblique.calibration.relative_uncertainty() - 2.0_f64.sqrt() / 300.0).abs() < 1e-12);
    }

    #[test]
    fn the_pixel_aspect_is_carried() {
        // 16:15 pixels: 300 across are 320 rows long.
        let found = isotropic(&[span(300.0, 0.0, 64.0)], 16.0 / 15.0).unwrap().calibration;
        assert!((found.mm_per_px_y().get() - 0.2).abs() < 1e-12);
        assert!((found.mm_per_px_x().get() - 64.0 / 300.0).abs() < 1e-12);
        assert!(isotropic(&[span(300.0, 0.0, 64.0)], 0.0).is_err());
        assert!(isotropic(&[span(300.0, 0.0, 64.0)], f64::NAN).is_err());
    }

    #[test]
    fn repeats() {
        let two = [span(0.0, 300.0, 60.0), span(0.0, 303.0, 60.0)];
        let found = isotropic(&two, 1.0).unwrap();
        assert!((found.spread - 0.00995).abs() < 1e-4, "{}", found.spread);
        assert!(found.calibration.relative_uncertainty() > 0.0033);
        // 2 % is the limit.
        assert!(isotropic(&[span(0.0, 300.0, 60.0), span(0.0, 305.9, 60.0)], 1.0).is_ok());
        let error = isotropic(&[span(0.0, 300.0, 60.0), span(0.0, 306.2, 60.0)], 1.0).unwrap_err();
        assert!(matches!(error, CaliperError::Spread { .. }), "{error}");
        assert_eq!(
            isotropic(&[span(0.0, 300.0, 60.0), span(0.0, 400.0, 60.0)], 1.0).unwrap_err().to_string(),
            "the calipers differ by 28.6 %, more than 2 %: measure again"
        );
        // Four that agree are twice as sure as one.
        let four = isotropic(&[span(0.0, 300.0, 60.0); 4], 1.0).unwrap();
        assert!((four.calibration.relative_uncertainty() - 2.0_f64.sqrt() / 600.0).abs() < 1e-12);
    }

    #[test]
    fn slips_are_refused() {
        assert_eq!(isotropic(&[], 1.0), Err(CaliperError::Nothing));
        for bad in
            [span(0.0, 0.0, 10.0), span(0.0, 300.0, 0.0), span(0.0, 300.0, -1.0), span(0.0, f64::NAN, 1.0)]
        {
            assert_eq!(isotropic(&[bad], 1.0), Err(CaliperError::Value { number: 1 }));
            assert_eq!(per_axis(&[span(300.0, 0.0, 10.0), bad]), Err(CaliperError::Value { number: 2 }));
        }
        assert!(matches!(isotropic(&[span(3.0, 4.0, 1.0)], 1.0), Err(CaliperError::Short { .. })));
        // Centimetres for millimetres is plausible, metres are not.
        assert!(matches!(isotropic(&[span(0.0, 300.0, 9000.0)], 1.0), Err(CaliperError::Calibration(_))));
    }

    #[test]
    fn two_axes() {
        let found = per_axis(&[span(300.0, 0.0, 90.0), span(0.0, 400.0, 60.0)]).unwrap();
        let scale = &found.calibration;
        assert!((scale.mm_per_px_x().get() - 0.3).abs() < 1e-9);
        assert!((scale.mm_per_px_y().get() - 0.15).abs() < 1e-9);
        // The shorter span decides: √2/300.
        assert!((scale.relative_uncertainty() - 2.0_f64.sqrt() / 300.0).abs() < 1e-9);
        assert!(found.full_trust);
        assert!(!per_axis(&[span(300.0, 0.0, 90.0), span(0.0, 150.0, 22.5)]).unwrap().full_trust);
        assert_eq!(per_axis(&[span(300.0, 0.0, 90.0)]), Err(CaliperError::OneAxis));
        // Both diagonals are at right angles and tell the axes nothing.
        assert_eq!(
            per_axis(&[span(200.0, 200.0, 60.0), span(-200.0, 200.0, 60.0)]),
            Err(CaliperError::OneAxis)
        );
        let off = [span(300.0, 0.0, 90.0), span(0.0, 400.0, 60.0), span(300.0, 0.0, 93.0)];
        assert!(matches!(per_axis(&off), Err(CaliperError::Spread { .. })));
    }

    proptest! {
        /// Spans that clicks have displaced give back the scale within what is said of it.
        #[test]
        fn slightly_oblique_spans(sx in 0.05..0.5_f64, ratio in 0.5..2.0_f64, lean in -80.0..80.0_f64,
                                  e in proptest::array::uniform4(-1.0..1.0_f64)) {
            let sy = sx * ratio;
            let mm = |dx: f64, dy: f64| (sx * dx).hypot(sy * dy);
            let spans = [
                span(300.0 + e[0], lean + e[1], mm(300.0, lean)),
                span(-lean + e[2], 300.0 + e[3], mm(-lean, 300.0)),
            ];
            let c = per_axis(&spans).unwrap().calibration;
            let u = c.relative_uncertainty();
            prop_assert!(u > 0.003 && u < 0.02);
            prop_assert!((c.mm_per_px_x().get() / sx - 1.0).abs() < 3.0 * u);
            prop_assert!((c.mm_per_px_y().get() / sy - 1.0).abs() < 3.0 * u);
        }
    }
}
