//! Biplane volumes and ejection fraction from two runs, one of each apical plane.
//!
//! V = (π/4)·Σ aᵢ·bᵢ·(L/20), with the widths aᵢ of the four-chamber and bᵢ of the two-chamber view and the
//! longer of the two axes (Lang et al. 2015, doi:10.1016/j.echo.2014.10.003). Where the axes differ by more
//! than a tenth, one view is foreshortened.

use super::discs::{DISCS, PlaneDiscs};
use crate::result::Reason;

/// The axes of two good views differ by less than this fraction of the longer.
const GREATEST_DIFFERENCE: f64 = 0.1;

/// A volume from two planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BiplaneVolume {
    /// The volume, millilitres.
    pub volume_ml: f64,
    /// Difference of the two axes as a fraction of the longer.
    pub axis_difference: f64,
}

/// Left ventricular function from two planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Biplane {
    /// At end diastole.
    pub end_diastole: BiplaneVolume,
    /// At end systole.
    pub end_systole: BiplaneVolume,
    /// 100·(EDV − ESV)/EDV, per cent.
    pub ejection_fraction: f64,
    /// EDV − ESV, millilitres.
    pub stroke_volume_ml: f64,
    /// [`Reason::ShapeMismatch`] where the axes differ by more than a tenth in either phase: a view is
    /// foreshortened.
    pub reason: Option<Reason>,
}

/// The volume at one moment from its two planes. `None` where a length is not positive or not finite.
pub fn volume(four_chamber: &PlaneDiscs, two_chamber: &PlaneDiscs) -> Option<BiplaneVolume> {
    let (a, b) = (four_chamber.length.get(), two_chamber.length.get());
    let longer = a.max(b);
    if !(a > 0.0 && b > 0.0 && longer.is_finite()) {
        return None;
    }
    let products: f64 =
        four_chamber.diameters.iter().zip(&two_chamber.diameters).map(|(a, b)| a.get() * b.get()).sum();
    let volume_ml = std::f64::consts::FRAC_PI_4 * products * longer / DISCS as f64 / 1000.0;
    let axis_difference = (a - b).abs() / longer;
    (volume_ml.is_finite() && volume_ml > 0.0).then_some(BiplaneVolume { volume_ml, axis_difference })
}

/// Function from end diastole and end systole, each as (four-chamber, two-chamber). `None` where a volume
/// cannot be had.
pub fn biplane(
    end_diastole: (&PlaneDiscs, &PlaneDiscs),
    end_systole: (&PlaneDiscs, &PlaneDiscs),
) -> Option<Biplane> {
    let end_diastole = volume(end_diastole.0, end_diastole.1)?;
    let end_systole = volume(end_systole.0, end_systole.1)?;
    let stroke_volume_ml = end_diastole.volume_ml - end_systole.volume_ml;
    let differs = |v: &BiplaneVolume| v.axis_difference > GREATEST_DIFFERENCE;
    Some(Biplane {
        end_diastole,
        end_systole,
        ejection_fraction: 100.0 * stroke_volume_ml / end_diastole.volume_ml,
        stroke_volume_ml,
        reason: (differs(&end_diastole) || differs(&end_systole)).then_some(Reason::ShapeMismatch),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Mm;

    /// An ellipsoid with the given axis and widths.
    fn plane(length: f64, width: f64) -> PlaneDiscs {
        let diameters = std::array::from_fn(|i| {
            let z = (i as f64 + 0.5) / DISCS as f64 * 2.0 - 1.0;
            Mm(width * (1.0 - z * z).sqrt())
        });
        PlaneDiscs { length: Mm(length), diameters }
    }

    #[test]
    fn an_ellipsoid_with_three_axes() {
        // π/6·90·50·44 = 103.67 mL; the middle of a disc reads 0.125 % more than its mean.
        let v = volume(&plane(90.0, 50.0), &plane(90.0, 44.0)).unwrap();
        assert!((v.volume_ml / 103.672_557 - 1.00125).abs() < 1e-5, "{v:?}");
        let f = biplane((&plane(90.0, 50.0), &plane(88.0, 44.0)), (&plane(76.0, 36.0), &plane(75.0, 30.0)))
            .unwrap();
        // (90·50·44 − 76·36·30) / (90·50·44), whatever the discs.
        assert!((f.ejection_fraction - 100.0 * (1.0 - 82_080.0 / 198_000.0)).abs() < 1e-9, "{f:?}");
        assert_eq!(f.reason, None);
    }

    #[test]
    fn a_foreshortened_view_is_said_and_the_longer_axis_taken() {
        let f = biplane((&plane(90.0, 50.0), &plane(80.0, 50.0)), (&plane(76.0, 36.0), &plane(76.0, 30.0)))
            .unwrap();
        assert_eq!(f.reason, Some(Reason::ShapeMismatch));
        assert!((f.end_diastole.axis_difference - 1.0 / 9.0).abs() < 1e-12);
        assert!((f.end_diastole.volume_ml / 117.81 - 1.00125).abs() < 1e-4, "{f:?}");
    }

    #[test]
    fn nothing_gives_nothing() {
        for length in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(volume(&plane(length, 50.0), &plane(80.0, 50.0)), None, "{length}");
        }
        assert_eq!(volume(&plane(90.0, f64::NAN), &plane(80.0, 50.0)), None);
    }
}
