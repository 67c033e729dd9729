//! Varied scenes, for training and for tests.

use crate::ellipse::semi_axes_from_circumference;
use crate::field::ScanField;
use crate::motion::ProbeMotion;
use crate::noise::Random;
use crate::scene::{
    AcousticShadow, Annotations, BlackOut, Dropout, FetalHeadScene, Receiver, ShadowOrigin, SkullRing,
    Speckle, Tissue,
};

/// Picture sizes of common scanners, captures and data sets.
const SIZES: [[u32; 2]; 8] =
    [[800, 540], [800, 540], [800, 540], [640, 480], [768, 576], [720, 576], [1024, 768], [512, 512]];

impl FetalHeadScene {
    /// A scene drawn at random: field, size, place (sometimes cut by the border), gain, speckle, shadows, drop-outs,
    /// burnt-in marks. It is valid for every seed, and the same seed draws the same scene.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut r = Random::new(seed, 1);
        let [width_px, height_px] = SIZES.get(r.below(SIZES.len())).copied().unwrap_or([800, 540]);
        let head_circumference_mm = 60.0 + 285.0 * r.unit().sqrt();
        let cephalic_index_percent = (78.0 + 4.5 * r.normal()).clamp(66.0, 92.0);
        let (semi_major_mm, _) = semi_axes_from_circumference(head_circumference_mm, cephalic_index_percent);

        // The head takes a drawn share of the picture; the pixel pitch follows.
        let shorter_px = f64::from(width_px).min(1.4 * f64::from(height_px));
        let long_axis_px = shorter_px * r.range(0.4, 0.86);
        let mm_per_px_x = 2.0 * semi_major_mm / long_axis_px;
        let anisotropy = if r.chance(0.15) { r.range(0.85, 1.18) } else { 1.0 };
        let mm_per_px_y = mm_per_px_x * anisotropy;
        let picture_mm = [f64::from(width_px) * mm_per_px_x, f64::from(height_px) * mm_per_px_y];

        let angle_deg = if r.chance(0.8) { 16.0 * r.normal() } else { r.range(-90.0, 90.0) };
        let spread = if r.chance(0.25) { 0.12 } else { 0.05 };
        let center_offset_mm =
            [spread * r.normal() * picture_mm[0], (0.02 + spread * r.normal()) * picture_mm[1]];
        let (field, probe_offset_mm) = random_field(&mut r, picture_mm);
        Self {
            width_px,
            height_px,
            mm_per_px_x,
            mm_per_px_y,
            seed,
            head_circumference_mm,
            cephalic_index_percent,
            angle_deg: angle_deg.clamp(-360.0, 360.0),
            center_offset_mm,
            field,
            probe_offset_mm,
            skull: random_skull(&mut r, semi_major_mm),
            tissue: Tissue {
                // The younger the brain, the more of it is choroid plexus.
                brain_db: r.range(-18.0, -3.0) + if head_circumference_mm < 130.0 { 8.0 } else { 0.0 },
                midline_db: r.range(8.0, 22.0),
                background_spread_db: r.range(6.0, 18.0),
                fluid: r.range(0.0, 0.9),
                scalp_mm: r.range(0.2, 0.09 * semi_major_mm + 0.5),
            },
            speckle: Speckle {
                axial_mm: r.range(2.0, 4.5) * mm_per_px_y,
                lateral_mm: r.range(5.0, 14.0) * mm_per_px_x,
                compounding: 1 + r.below(6) as u8,
                decorrelation_per_frame: 0.0,
            },
            receiver: random_receiver(&mut r, picture_mm[1]),
            shadows: random_shadows(&mut r),
            motion: ProbeMotion::default(),
            annotations: random_annotations(&mut r),
            ..Self::default()
        }
    }
}

fn random_field(r: &mut Random, picture_mm: [f64; 2]) -> (ScanField, [f64; 2]) {
    if r.chance(0.12) {
        let width_mm = picture_mm[0] * r.range(0.75, 1.0);
        return (ScanField::Linear { width_mm: Some(width_mm), depth_mm: None }, [0.0, 0.0]);
    }
    let opening_deg = r.range(50.0, 90.0);
    // Zoomed pictures cut the near field off: the face lies above the picture.
    let cut = if r.chance(0.65) { r.range(0.0, 0.55) } else { 0.0 };
    // A radius that lets the sector reach most of the picture's width at half depth.
    let half_tangent = libm::tan(0.5 * f64::to_radians(opening_deg));
    let wanted = r.range(0.62, 1.15) * picture_mm[0] * 0.5 / half_tangent - picture_mm[1] * (0.5 + cut);
    (
        ScanField::Fan {
            opening_deg,
            probe_radius_mm: wanted.clamp(8.0, 70.0),
            depth_mm: if r.chance(0.5) { Some(picture_mm[1] * (cut + r.range(0.9, 1.3))) } else { None },
        },
        [0.05 * r.normal() * picture_mm[0], -cut * picture_mm[1]],
    )
}

fn random_skull(r: &mut Random, semi_major_mm: f64) -> SkullRing {
    let dropouts = (0..r.below(5))
        .map(|_| Dropout {
            center_deg: r.range(0.0, 360.0),
            width_deg: r.range(5.0, 45.0),
            depth_db: r.range(6.0, 35.0),
        })
        .collect();
    SkullRing {
        // 1 mm in the first trimester, up to 4 mm at term.
        thickness_mm: (semi_major_mm * r.range(0.03, 0.06)).clamp(0.6, 3.5),
        echo_db: r.range(16.0, 34.0),
        specularity: r.range(1.0, 4.0),
        wall_loss_db: r.range(1.0, 6.0),
        dropouts,
    }
}

fn random_receiver(r: &mut Random, picture_height_mm: f64) -> Receiver {
    let attenuation_db_per_cm = r.range(2.0, 4.5);
    // Compensation off by up to 12 dB over the picture's depth, either way.
    let error_db_per_cm = r.range(-12.0, 8.0) / (picture_height_mm / 10.0).max(1.0);
    let dynamic_range_db = r.range(50.0, 75.0);
    let tgc_db_per_cm = (attenuation_db_per_cm + error_db_per_cm).clamp(0.0, 20.0);
    // At the bottom of the picture noise shows in fluid, now and then also in shadowed tissue.
    let noise_at_bottom_db = r.range(-55.0, -26.0);
    Receiver {
        gain_db: r.range(-13.0, 4.0),
        attenuation_db_per_cm,
        tgc_db_per_cm,
        noise_db: (noise_at_bottom_db - tgc_db_per_cm * picture_height_mm / 10.0).max(-200.0),
        dynamic_range_db,
        white_db: dynamic_range_db * r.range(0.42, 0.58),
        gray_gamma: r.range(0.9, 1.7),
        contact_spread_db: r.range(0.0, 5.0),
    }
}

fn random_shadows(r: &mut Random) -> Vec<AcousticShadow> {
    (0..r.below(4))
        .map(|_| AcousticShadow {
            center: r.range(-1.0, 1.0),
            width: r.range(0.04, 0.5),
            loss_db: r.range(5.0, 30.0),
            origin: if r.chance(0.6) { ShadowOrigin::Skull } else { ShadowOrigin::Probe },
        })
        .collect()
}

fn random_annotations(r: &mut Random) -> Annotations {
    let mut black_outs = Vec::new();
    if r.chance(0.5) {
        // Where a scanner's parameter box was removed.
        black_outs.push(BlackOut {
            left: r.range(0.7, 0.85),
            top: r.range(0.78, 0.92),
            right: 1.0,
            bottom: r.range(0.95, 1.0),
        });
    }
    if r.chance(0.25) {
        black_outs.push(BlackOut {
            left: r.range(0.82, 0.95),
            top: 0.0,
            right: 1.0,
            bottom: r.range(0.06, 0.2),
        });
    }
    Annotations {
        depth_ruler: r.chance(0.5),
        gray_bar: r.chance(0.6),
        text_lines: if r.chance(0.4) { 1 + r.below(5) as u8 } else { 0 },
        black_outs,
    }
}
