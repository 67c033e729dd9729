//! Every option out of range is an error that names it; every random scene is valid.
#![allow(clippy::unwrap_used, clippy::panic)]

use vesalius_phantom::{
    AcousticShadow, BlackOut, Dropout, FetalHeadScene, PhantomError, ScanField, ShadowOrigin,
};

/// Expects `prepare` to refuse the changed default scene and to name the option.
#[track_caller]
fn refuses(option: &str, change: impl FnOnce(&mut FetalHeadScene)) {
    let mut scene = FetalHeadScene::default();
    change(&mut scene);
    let error = scene.prepare().err().unwrap_or_else(|| panic!("{option} was accepted"));
    let text = error.to_string();
    assert!(text.contains(option), "'{text}' does not name {option}");
    assert!(!text.contains('\n'));
}

#[test]
fn out_of_range_is_refused_by_name() {
    refuses("picture size 15x540", |s| s.width_px = 15);
    refuses("picture size 800x4097", |s| s.height_px = 4097);
    for bad in [0.0, -0.2, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refuses("mm_per_px_x", |s| s.mm_per_px_x = bad);
        refuses("mm_per_px_y", |s| s.mm_per_px_y = bad);
        refuses("frame_rate_hz", |s| s.frame_rate_hz = bad);
        refuses("head_circumference_mm", |s| s.head_circumference_mm = bad);
        refuses("cephalic_index_percent", |s| s.cephalic_index_percent = bad);
        refuses("skull.thickness_mm", |s| s.skull.thickness_mm = bad);
        refuses("speckle.axial_mm", |s| s.speckle.axial_mm = bad);
        refuses("speckle.lateral_mm", |s| s.speckle.lateral_mm = bad);
        refuses("receiver.dynamic_range_db", |s| s.receiver.dynamic_range_db = bad);
        refuses("receiver.gray_gamma", |s| s.receiver.gray_gamma = bad);
        refuses("motion.period_s", |s| s.motion.period_s = bad);
    }
    for bad in [f64::NAN, f64::INFINITY, 1e9, -1e9] {
        refuses("angle_deg", |s| s.angle_deg = bad);
        refuses("center_offset_mm", |s| s.center_offset_mm[1] = bad);
        refuses("probe_offset_mm", |s| s.probe_offset_mm[0] = bad);
        refuses("skull.echo_db", |s| s.skull.echo_db = bad);
        refuses("skull.specularity", |s| s.skull.specularity = bad);
        refuses("skull.wall_loss_db", |s| s.skull.wall_loss_db = bad);
        refuses("tissue.brain_db", |s| s.tissue.brain_db = bad);
        refuses("tissue.midline_db", |s| s.tissue.midline_db = bad);
        refuses("tissue.background_spread_db", |s| s.tissue.background_spread_db = bad);
        refuses("tissue.fluid", |s| s.tissue.fluid = bad);
        refuses("tissue.scalp_mm", |s| s.tissue.scalp_mm = bad);
        refuses("speckle.decorrelation_per_frame", |s| s.speckle.decorrelation_per_frame = bad);
        refuses("receiver.gain_db", |s| s.receiver.gain_db = bad);
        refuses("receiver.attenuation_db_per_cm", |s| s.receiver.attenuation_db_per_cm = bad);
        refuses("receiver.tgc_db_per_cm", |s| s.receiver.tgc_db_per_cm = bad);
        refuses("receiver.noise_db", |s| s.receiver.noise_db = bad);
        refuses("receiver.white_db", |s| s.receiver.white_db = bad);
        refuses("receiver.contact_spread_db", |s| s.receiver.contact_spread_db = bad);
        refuses("motion.translation_mm", |s| s.motion.translation_mm = bad);
        refuses("motion.rotation_deg", |s| s.motion.rotation_deg = bad);
        refuses("motion.breathing", |s| s.motion.breathing = bad);
    }
    refuses("speckle.compounding", |s| s.speckle.compounding = 0);
    refuses("annotations.text_lines", |s| s.annotations.text_lines = 13);
    refuses("field.opening_deg", |s| {
        s.field = ScanField::Fan { opening_deg: 180.0, probe_radius_mm: 50.0, depth_mm: None };
    });
    refuses("field.depth_mm", |s| {
        s.field = ScanField::Linear { width_mm: None, depth_mm: Some(f64::NAN) };
    });
    refuses("field.width_mm", |s| {
        s.field = ScanField::Linear { width_mm: Some(0.0), depth_mm: None };
    });
}

#[test]
fn lists_are_checked() {
    let shadow = AcousticShadow { center: 0.0, width: 0.1, loss_db: 20.0, origin: ShadowOrigin::Skull };
    refuses("shadows", |s| s.shadows = vec![shadow; 65]);
    refuses("shadows.width", |s| s.shadows = vec![AcousticShadow { width: 0.0, ..shadow }]);
    let dropout = Dropout { center_deg: 0.0, width_deg: 10.0, depth_db: 20.0 };
    refuses("skull.dropouts", |s| s.skull.dropouts = vec![dropout; 65]);
    refuses("skull.dropouts.width_deg", |s| {
        s.skull.dropouts = vec![Dropout { width_deg: f64::NAN, ..dropout }];
    });
    let black_out = BlackOut { left: 0.5, top: 0.5, right: 1.5, bottom: 1.0 };
    refuses("annotations.black_outs", |s| s.annotations.black_outs = vec![black_out]);
}

#[test]
fn decorrelation_and_compounding_exclude_each_other() {
    let mut scene = FetalHeadScene::default();
    scene.speckle.decorrelation_per_frame = 0.1;
    scene.speckle.compounding = 4;
    assert_eq!(scene.validate(), Err(PhantomError::DecorrelationOfCompoundedSpeckle { compounding: 4 }));
    scene.speckle.compounding = 1;
    assert_eq!(scene.validate(), Ok(()));
}

#[test]
fn random_scenes_are_valid_repeatable_and_varied() {
    let mut sizes = std::collections::BTreeSet::new();
    let (mut linear, mut truncated, mut shadowed) = (0, 0, 0);
    for seed in (0..400).chain([u64::MAX, 1 << 63]) {
        let scene = FetalHeadScene::random(seed);
        assert_eq!(scene.validate(), Ok(()), "seed {seed}");
        assert_eq!(scene, FetalHeadScene::random(seed));
        sizes.insert((scene.width_px, scene.height_px));
        linear += u32::from(matches!(scene.field, ScanField::Linear { .. }));
        shadowed += u32::from(!scene.shadows.is_empty());
        let reach = 0.5 * f64::from(scene.height_px) * scene.mm_per_px_y;
        truncated += u32::from(scene.center_offset_mm[1].abs() + 0.4 * reach > reach);
    }
    assert!(sizes.len() >= 6, "{sizes:?}");
    assert!((20..120).contains(&linear), "{linear}");
    assert!(shadowed > 150, "{shadowed}");
    assert!(truncated < 120, "{truncated}");
}
