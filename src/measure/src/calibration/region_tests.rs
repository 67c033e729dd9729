//! Each rule, and the regions of public files whose traps are known.

use super::*;
use proptest::prelude::*;

/// 100..400 × 50..350 of tissue at 0.2 mm.
const TISSUE: UltrasoundRegion = UltrasoundRegion {
    spatial_format: 1,
    data_type: 1,
    flags: 0,
    min_x0: 100,
    min_y0: 50,
    max_x1: 399,
    max_y1: 349,
    units_x: 3,
    units_y: 3,
    delta_x: 0.02,
    delta_y: 0.02,
};

const SIZE: (u32, u32) = (800, 600);

fn placed(min: (u32, u32), max: (u32, u32)) -> UltrasoundRegion {
    UltrasoundRegion { min_x0: min.0, min_y0: min.1, max_x1: max.0, max_y1: max.1, ..TISSUE }
}

fn decide(regions: &[UltrasoundRegion]) -> Result<RegionField, Refusal> {
    RegionField::decide(regions, SIZE, None)
}

fn code(regions: &[UltrasoundRegion]) -> &'static str {
    decide(regions).map_or_else(|r| r.code(), |_| "accepted")
}

fn p(x_px: f64, y_px: f64) -> PointInFrame {
    PointInFrame { x_px, y_px }
}

fn scale(field: &RegionField, points: &[PointInFrame]) -> Result<(f64, f64), Reason> {
    field.at(points.iter().copied()).map(|c| (c.mm_per_px_x().get(), c.mm_per_px_y().get()))
}

#[test]
fn a_plain_region_is_centimetres_times_ten() {
    let field = decide(&[UltrasoundRegion { delta_x: -0.03, delta_y: 0.015, ..TISSUE }]).unwrap();
    // Negative increments count by their size; the axes stay apart.
    let (x, y) = scale(&field, &[p(150.0, 60.0), p(300.0, 300.0)]).unwrap();
    assert!((x - 0.3).abs() < 1e-12 && (y - 0.15).abs() < 1e-12);
    let calibration = field.at([p(200.0, 200.0)]).unwrap();
    assert_eq!(calibration.source(), CalibrationSource::DicomRegion);
    assert_eq!(calibration.relative_uncertainty(), SCANNER_RELATIVE_UNCERTAINTY);
}

#[test]
fn points_lie_within_or_there_is_no_scale() {
    let field = decide(&[TISSUE]).unwrap();
    assert!(scale(&field, &[p(99.5, 49.5), p(399.5, 349.5)]).is_ok());
    for outside in [p(99.0, 100.0), p(400.0, 100.0), p(200.0, 49.0), p(200.0, 350.0), p(f64::NAN, 100.0)] {
        assert_eq!(scale(&field, &[p(200.0, 200.0), outside]), Err(Reason::OutsideCalibration));
        assert_eq!(scale(&field, &[outside]), Err(Reason::OutsideCalibration));
    }
    assert_eq!(scale(&field, &[]), Err(Reason::NotFound));
}

#[test]
fn regions_outside_the_picture_refuse_the_file() {
    // The last column and row may be inclusive or exclusive.
    for max in [(799, 599), (800, 600)] {
        let field = decide(&[placed((0, 0), max)]).unwrap();
        assert!(scale(&field, &[p(-0.5, -0.5), p(799.5, 599.5)]).is_ok());
        assert_eq!(scale(&field, &[p(800.0, 10.0)]), Err(Reason::OutsideCalibration));
    }
    let outside =
        [((0, 0), (801, 599)), ((0, 0), (799, 601)), ((800, 0), (800, 10)), ((5000, 9), (6000, 50))];
    for (min, max) in outside {
        assert_eq!(code(&[placed(min, max)]), "REGION_OUTSIDE_PICTURE");
        // One such region spoils the others, whatever it shows.
        assert_eq!(code(&[TISSUE, placed(min, max)]), "REGION_OUTSIDE_PICTURE");
        let trace = UltrasoundRegion { spatial_format: 4, ..placed(min, max) };
        assert_eq!(code(&[TISSUE, trace]), "REGION_OUTSIDE_PICTURE");
    }
    let text = decide(&[placed((0, 0), (801, 599))]).unwrap_err().to_string();
    assert!(text.contains("(0,0)-(801,599)") && text.contains("800x600"), "{text}");
}

#[test]
fn every_rule_has_its_code() {
    let cases: [(&str, UltrasoundRegion); 14] = [
        ("accepted", TISSUE),
        ("accepted", UltrasoundRegion { data_type: 2, ..TISSUE }),
        ("REGION_DATA_TYPE", UltrasoundRegion { data_type: 3, ..TISSUE }),
        ("REGION_UNIT", UltrasoundRegion { units_x: 4, ..TISSUE }),
        ("REGION_UNIT", UltrasoundRegion { units_y: 0, ..TISSUE }),
        ("REGION_SCALE", UltrasoundRegion { delta_x: 0.0, ..TISSUE }),
        ("REGION_SCALE", UltrasoundRegion { delta_y: f64::NAN, ..TISSUE }),
        ("REGION_SCALE", UltrasoundRegion { delta_y: f64::INFINITY, ..TISSUE }),
        ("REGION_SCALE", UltrasoundRegion { delta_x: 0.6, ..TISSUE }),
        ("REGION_SCALE", UltrasoundRegion { delta_x: 0.0009, ..TISSUE }),
        ("REGION_EMPTY", placed((100, 50), (100, 349))),
        ("REGION_EMPTY", placed((100, 50), (90, 349))),
        ("REGION_NOT_2D", UltrasoundRegion { spatial_format: 2, ..TISSUE }),
        ("REGION_NOT_2D", UltrasoundRegion { spatial_format: 0, ..TISSUE }),
    ];
    for (expected, region) in cases {
        assert_eq!(code(&[region]), expected, "{region:?}");
    }
    assert_eq!(code(&[]), "NO_REGION");
    assert!(matches!(
        decide(&[UltrasoundRegion { spatial_format: 3, ..TISSUE }]),
        Err(Refusal::NoPlane { regions: 1 })
    ));
}

#[test]
fn a_refused_region_beside_a_good_one_has_no_scale_of_its_own() {
    let other = UltrasoundRegion { units_x: 7, ..placed((500, 50), (700, 349)) };
    let field = decide(&[TISSUE, other]).unwrap();
    assert_eq!(field.refused(), [Refusal::Unit { region: 2, x: 7, y: 3 }]);
    assert!(scale(&field, &[p(200.0, 200.0)]).is_ok());
    assert_eq!(scale(&field, &[p(600.0, 200.0)]), Err(Reason::OutsideCalibration));
}

#[test]
fn two_dimensional_scales_stay_out_of_other_displays() {
    for spatial_format in [2, 3, 4] {
        // A strip over the lower part of the tissue.
        let strip = UltrasoundRegion { spatial_format, ..placed((100, 300), (399, 349)) };
        let field = decide(&[TISSUE, strip]).unwrap();
        assert!(scale(&field, &[p(150.0, 60.0), p(300.0, 290.0)]).is_ok());
        for inside in [p(200.0, 320.0), p(200.0, 299.6)] {
            assert_eq!(scale(&field, &[inside]), Err(Reason::OutsideCalibration));
        }
        assert_eq!(scale(&field, &[p(150.0, 60.0), p(300.0, 310.0)]), Err(Reason::OutsideCalibration));
    }
    // Graphics and regions of no format lie over or beneath and say nothing of scale.
    let screen = UltrasoundRegion { spatial_format: 0, units_x: 0, ..placed((0, 0), (799, 599)) };
    let field = decide(&[screen, TISSUE]).unwrap();
    assert!(scale(&field, &[p(150.0, 60.0), p(300.0, 310.0)]).is_ok());
}

#[test]
fn side_by_side_is_not_measured_across() {
    let (left, right) = (placed((0, 50), (399, 549)), placed((400, 50), (799, 549)));
    let field = decide(&[left, right]).unwrap();
    assert_eq!(field.len(), 2);
    assert!(scale(&field, &[p(10.0, 100.0), p(390.0, 500.0)]).is_ok());
    assert!(scale(&field, &[p(410.0, 100.0), p(790.0, 500.0)]).is_ok());
    assert_eq!(scale(&field, &[p(390.0, 100.0), p(410.0, 100.0)]), Err(Reason::OutsideCalibration));
    // With an exclusive end they share a column: no conflict of the file, and no scale there if they differ.
    let left = UltrasoundRegion { max_x1: 400, ..left };
    let right = UltrasoundRegion { delta_x: 0.03, delta_y: 0.03, ..right };
    let field = decide(&[left, right]).unwrap();
    assert_eq!(scale(&field, &[p(100.0, 100.0)]), Ok((0.2, 0.2)));
    assert_eq!(scale(&field, &[p(600.0, 100.0)]), Ok((0.3, 0.3)));
    assert_eq!(scale(&field, &[p(400.0, 100.0)]), Err(Reason::OutsideCalibration));
    assert_eq!(field.common_scale(), None);
}

#[test]
fn colour_over_tissue_shares_its_scale_or_refuses_the_file() {
    let colour = UltrasoundRegion { data_type: 2, ..placed((150, 100), (300, 200)) };
    let field = decide(&[colour, TISSUE]).unwrap();
    assert!(scale(&field, &[p(160.0, 110.0), p(290.0, 190.0)]).is_ok());
    // From the colour into the tissue around it.
    assert!(scale(&field, &[p(160.0, 110.0), p(390.0, 340.0)]).is_ok());
    assert!(field.common_scale().is_some());
    // 0.1 % is the limit.
    assert_eq!(code(&[TISSUE, UltrasoundRegion { delta_x: 0.020_019, ..colour }]), "accepted");
    let other = UltrasoundRegion { delta_x: 0.020_021, ..colour };
    assert_eq!(code(&[TISSUE, other]), "REGION_OVERLAP");
    assert_eq!(code(&[TISSUE, UltrasoundRegion { flags: 2, ..other }]), "REGION_SCALING_PROTECTED");
    // A sign is no difference.
    assert_eq!(code(&[TISSUE, UltrasoundRegion { delta_x: -0.02, ..colour }]), "accepted");
}

#[test]
fn pixel_spacing_confirms_or_refuses_and_alone_only_proposes() {
    let oblong = UltrasoundRegion { delta_x: 0.03, delta_y: 0.015, ..TISSUE };
    let with = |row_mm: f64, column_mm: f64| {
        RegionField::decide(&[oblong], SIZE, Some(PixelSpacing { row_mm, column_mm }))
            .map_or_else(|r| r.code(), |_| "accepted")
    };
    // Row spacing is y.
    assert_eq!(with(0.15, 0.3), "accepted");
    assert_eq!(with(0.1507, 0.3014), "accepted");
    assert_eq!(with(0.3, 0.15), "PIXEL_SPACING_DIFFERS");
    assert_eq!(with(0.151, 0.3), "PIXEL_SPACING_DIFFERS");
    assert_eq!(with(f64::NAN, 0.3), "PIXEL_SPACING_DIFFERS");
    let spacing = PixelSpacing { row_mm: 0.15, column_mm: 0.3 };
    assert_eq!(RegionField::decide(&[], SIZE, Some(spacing)), Err(Refusal::PixelSpacingAlone(spacing)));
    let proposal = pixel_spacing_proposal(spacing).unwrap();
    assert_eq!((proposal.mm_per_px_x(), proposal.mm_per_px_y()), (MmPerPx(0.3), MmPerPx(0.15)));
    assert_eq!(proposal.source(), CalibrationSource::PixelSpacing);
    for row_mm in [0.0, -0.15, f64::NAN, 1e6] {
        assert!(pixel_spacing_proposal(PixelSpacing { row_mm, ..spacing }).is_err());
    }
}

/// Regions as they stand in files of pydicom's and fo-dicom's test sets and dicom-test-files.
#[test]
fn public_files() {
    let tissue =
        |flags, min, max, cm: f64| UltrasoundRegion { flags, delta_x: cm, delta_y: cm, ..placed(min, max) };
    // examples_ybr_color: halved after it was made.
    let halved = tissue(2, (84, 31), (595, 414), 0.051_049_705_594_778_06);
    assert_eq!(
        RegionField::decide(&[halved], (320, 240), None).unwrap_err().to_string(),
        "region 1 (84,31)-(595,414) lies outside the picture of 320x240: it was cropped or resized, no scale"
    );
    // examples_palette: cut below; OBXXXX1A has the same regions in a picture that holds them.
    let scan = tissue(3, (120, 60), (800, 518), 0.026_228_787_661_969_98);
    let trace = UltrasoundRegion {
        spatial_format: 4,
        data_type: 10,
        units_x: 4,
        units_y: 0,
        delta_x: 0.009_6,
        delta_y: 0.0,
        ..tissue(3, (176, 522), (743, 576), 0.0)
    };
    assert_eq!(
        RegionField::decide(&[scan, trace], (800, 350), None).unwrap_err().code(),
        "REGION_OUTSIDE_PICTURE"
    );
    let field = RegionField::decide(&[scan, trace], (800, 600), None).unwrap();
    assert!(scale(&field, &[p(130.0, 70.0), p(790.0, 510.0)]).is_ok());
    assert_eq!(scale(&field, &[p(300.0, 540.0)]), Err(Reason::OutsideCalibration));
    // DIRW0007: a background region over all, a negative increment.
    let screen = UltrasoundRegion {
        spatial_format: 0,
        data_type: 0,
        units_x: 0,
        units_y: 0,
        ..tissue(3, (0, 32), (575, 431), 1.0)
    };
    let scan = UltrasoundRegion { delta_x: -0.052_478, ..tissue(3, (27, 48), (548, 391), 0.052_478) };
    let field = RegionField::decide(&[screen, scan], (576, 456), None).unwrap();
    let (x, y) = scale(&field, &[p(30.0, 50.0), p(500.0, 300.0)]).unwrap();
    assert!((x - 0.524_78).abs() < 1e-9 && x == y);
    // gdcm-US-ALOKA-16: two pictures side by side and a grey bar in one.
    let (left, right) =
        (tissue(2, (32, 24), (335, 415), 0.038_265), tissue(2, (336, 24), (639, 415), 0.038_265));
    let bar = UltrasoundRegion { spatial_format: 0, data_type: 13, ..tissue(0, (32, 40), (63, 103), 0.0) };
    let field = RegionField::decide(&[left, right, bar], (640, 480), None).unwrap();
    assert!(scale(&field, &[p(100.0, 100.0), p(300.0, 300.0)]).is_ok());
    assert_eq!(scale(&field, &[p(300.0, 100.0), p(340.0, 100.0)]), Err(Reason::OutsideCalibration));
}

fn any_region() -> impl Strategy<Value = UltrasoundRegion> {
    let corner = || (0_u32..900, 0_u32..700);
    (0_u16..7, 0_u16..20, 0_u32..4, corner(), corner(), 0_u16..5, 0_u16..5, -0.6..0.6_f64, any::<bool>())
        .prop_map(|(spatial_format, data_type, flags, min, max, units_x, units_y, delta, usual)| {
            UltrasoundRegion {
                spatial_format: if usual { 1 } else { spatial_format },
                data_type: if usual { 1 } else { data_type },
                flags,
                units_x: if usual { 3 } else { units_x },
                units_y: if usual { 3 } else { units_y },
                delta_x: delta,
                delta_y: if usual { 0.02 } else { delta },
                ..placed(min, max)
            }
        })
}

proptest! {
    /// Whatever stands in a file: a scale is given only for points within a region that carries exactly it, and
    /// none of an inverted or outer region is ever used.
    #[test]
    fn no_scale_that_no_region_carries(
        regions in proptest::collection::vec(any_region(), 0..5),
        points in proptest::collection::vec((-10.0..810.0_f64, -10.0..610.0_f64), 1..4),
    ) {
        let Ok(field) = decide(&regions) else { return Ok(()) };
        prop_assert!(regions.iter().all(|r| !is_spatial(r) || (r.max_x1 <= 800 && r.max_y1 <= 600)));
        let points: Vec<_> = points.iter().map(|&(x, y)| p(x, y)).collect();
        if let Ok((x, y)) = scale(&field, &points) {
            let carried = regions.iter().any(|r| {
                r.spatial_format == 1 && r.units_x == 3 && r.units_y == 3
                    && (x - 10.0 * r.delta_x.abs()).abs() < 1e-12 && (y - 10.0 * r.delta_y.abs()).abs() < 1e-12
                    && points.iter().all(|p| {
                        p.x_px >= f64::from(r.min_x0) - 0.5 && p.x_px <= f64::from(r.max_x1) + 0.5
                            && p.y_px >= f64::from(r.min_y0) - 0.5 && p.y_px <= f64::from(r.max_y1) + 0.5
                    })
            });
            prop_assert!(carried);
            let in_foreign = |r: &&UltrasoundRegion| {
                matches!(r.spatial_format, 2..=4) && points.iter().any(|p| {
                    p.x_px > f64::from(r.min_x0) - 0.5 && p.x_px < f64::from(r.max_x1) + 0.5
                        && p.y_px > f64::from(r.min_y0) - 0.5 && p.y_px < f64::from(r.max_y1) + 0.5
                })
            };
            prop_assert!(!regions.iter().any(|r| in_foreign(&r)));
        }
    }
}
