//! What echoes: scatterer strength and reflectors at every point of the section.
//!
//! All levels are amplitudes relative to the mean uterine wall. Lengths inside the head are in fractions of its
//! semi-axes, so that every head size has the same anatomy.

use crate::ellipse::PlacedEllipse;
use crate::field::Beams;
use crate::noise::{amplitude_from_db, fractal_noise, hash_unit, hash64, smooth_step, value_noise};
use crate::receiver::shadow_amplitude;
use crate::scene::{FetalHeadScene, ShadowOrigin};
use crate::tissue::{Echo, Echogenic};

/// What holds along one beam.
pub(crate) struct BeamPath {
    lateral: f64,
    origin_mm: [f64; 2],
    direction: [f64; 2],
    /// Direction in head coordinates.
    local_direction: [f64; 2],
    /// Ranges where the beam enters and leaves the head, in mm.
    crossing: Option<(f64, f64)>,
    /// Amplitude left after the near wall, and after both.
    behind_near_wall: f64,
    behind_far_wall: f64,
    /// Amplitude left by the shadows that start at the near wall.
    skull_shadow: f64,
}

/// Draws of the seed that shape one head.
struct Variation {
    texture: u64,
    /// Side of the short axis that is nearer to the probe: −1 or 1.
    near_side: f64,
    /// Side of the long axis where the face is: −1 or 1.
    front_side: f64,
    midline_shift: f64,
    plexus_gain_db: f64,
    scalp_line_db: f64,
}

pub(crate) struct Anatomy<'a> {
    scene: &'a FetalHeadScene,
    beams: &'a Beams,
    head: PlacedEllipse,
    variation: Variation,
}

impl<'a> Anatomy<'a> {
    pub(crate) fn new(scene: &'a FetalHeadScene, beams: &'a Beams, head: PlacedEllipse) -> Self {
        let seed = hash64(scene.seed, 0x616e_6174);
        let (_, direction) = beams.ray(beams.coordinates(head.center_mm).0);
        let toward_probe = -head.local_vector(direction)[1];
        let draw = |k: u64, low: f64, high: f64| low + (high - low) * hash_unit(seed, k);
        let variation = Variation {
            texture: seed,
            near_side: if toward_probe < 0.0 { -1.0 } else { 1.0 },
            front_side: if draw(1, 0.0, 1.0) < 0.5 { -1.0 } else { 1.0 },
            midline_shift: draw(2, -0.05, 0.05),
            plexus_gain_db: draw(3, 4.0, 14.0),
            scalp_line_db: draw(4, -14.0, 6.0),
        };
        Self { scene, beams, head, variation }
    }
}

impl Echogenic for Anatomy<'_> {
    type Path = BeamPath;

    fn path(&self, lateral: f64) -> BeamPath {
        let (origin_mm, direction) = self.beams.ray(lateral);
        let local_direction = self.head.local_vector(direction);
        // Bone behind the probe's face is not in the way.
        let crossing =
            self.head.crossing(origin_mm, direction).filter(|&(_, leave)| leave > self.beams.face_range_mm);
        let wall = |range: f64| {
            let point = [origin_mm[0] + range * direction[0], origin_mm[1] + range * direction[1]];
            let (_, normal) = self.head.distance_and_normal(self.head.local(point));
            let cosine = (normal[0] * local_direction[0] + normal[1] * local_direction[1]).abs();
            let oblique = (1.0 - cosine) * (1.0 - cosine);
            // Thickness and density of bone vary, and with them what comes through.
            let t = libm::atan2(normal[1], normal[0]);
            let vary = 1.0 + 0.7 * fractal_noise(self.variation.texture ^ 17, 4.0 * t, 0.5);
            amplitude_from_db(-self.scene.skull.wall_loss_db * vary - 12.0 * oblique)
        };
        let (behind_near_wall, behind_far_wall) = match crossing {
            Some((enter, leave)) => {
                // A beam that only grazes the bone loses little: no hard edge beside the shadow.
                let hit = smooth_step(0.0, 0.7 * self.head.semi_minor_mm, leave - enter);
                let near = libm::pow(wall(enter), hit);
                (near, near * libm::pow(wall(leave), hit))
            }
            None => (1.0, 1.0),
        };
        let across = self.beams.across(lateral);
        let skull_shadow = match crossing {
            Some(_) => shadow_amplitude(&self.scene.shadows, across, ShadowOrigin::Skull),
            None => 1.0,
        };
        BeamPath {
            lateral,
            origin_mm,
            direction,
            local_direction,
            crossing,
            behind_near_wall,
            behind_far_wall,
            skull_shadow,
        }
    }

    fn echo(&self, path: &BeamPath, range_mm: f64) -> Echo {
        let point = [
            path.origin_mm[0] + range_mm * path.direction[0],
            path.origin_mm[1] + range_mm * path.direction[1],
        ];
        let local = self.head.local(point);
        let (distance, normal) = self.head.distance_and_normal(local);
        let thickness = self.scene.skull.thickness_mm;
        let cosine = (normal[0] * path.local_direction[0] + normal[1] * path.local_direction[1]).abs();

        let mut echo =
            if distance > 0.0 { self.outside(path, range_mm, distance) } else { self.brain(local, path) };
        // Bone is rough: a part of its echo is diffuse, which makes it grainy.
        let bone = self.skull(local, distance, cosine);
        echo.reflector += 0.85 * bone;
        echo.scatter += 0.5 * bone;
        let passed = match path.crossing {
            // The far wall is seen through the near one, and what lies behind through both.
            Some((_, leave)) if range_mm > leave + 0.5 * thickness => path.behind_far_wall,
            Some((enter, _)) if range_mm > enter + thickness => path.behind_near_wall,
            _ => 1.0,
        };
        let shadow = match path.crossing {
            Some((enter, _)) => {
                let into = smooth_step(0.3 * thickness, 1.5 * thickness, range_mm - enter);
                1.0 + (path.skull_shadow - 1.0) * into
            }
            None => 1.0,
        };
        Echo { scatter: echo.scatter * passed * shadow, reflector: echo.reflector * passed * shadow }
    }
}

impl Anatomy<'_> {
    /// Bone: a band inside the outer border, brightest at right angles to the beam.
    fn skull(&self, local: [f64; 2], distance: f64, cosine: f64) -> f64 {
        let skull = &self.scene.skull;
        let edge = 0.3 * skull.thickness_mm;
        // At the border the amplitude is 12 dB down, which is about where a log-compressed edge is seen.
        let outer = smooth_step(-0.35 * edge, edge, -distance);
        // The inner table is weaker than the outer and fades into the brain.
        let inner = 1.0 - smooth_step(0.35 * skull.thickness_mm, 1.3 * skull.thickness_mm, -distance);
        let profile = outer * inner;
        if profile <= 0.0 {
            return 0.0;
        }
        let t = libm::atan2(local[1] / self.head.semi_minor_mm, local[0] / self.head.semi_major_mm);
        let mut loss_db = 0.0;
        for dropout in &skull.dropouts {
            let turn = (t.to_degrees() - dropout.center_deg) / 360.0;
            let away_deg = 360.0 * (turn - turn.round()).abs();
            let half = 0.5 * dropout.width_deg;
            loss_db += dropout.depth_db * (1.0 - smooth_step(0.6 * half, 1.2 * half, away_deg));
        }
        let texture = self.variation.texture;
        let ripple_db = 5.0 * fractal_noise(texture ^ 1, 3.0 * t, 0.5)
            + 5.0 * value_noise(texture ^ 2, 0.4 * self.head.semi_major_mm * t, distance);
        let incidence = 0.02 + 0.98 * libm::pow(cosine, skull.specularity);
        profile * incidence * amplitude_from_db(skull.echo_db + ripple_db - loss_db)
    }

    /// Uterine wall, placenta, fluid, abdominal layers, and the scalp around the skull.
    fn outside(&self, path: &BeamPath, range_mm: f64, distance: f64) -> Echo {
        let tissue = &self.scene.tissue;
        let texture = self.variation.texture;
        let depth = range_mm - self.beams.face_range_mm;
        let middle = self.beams.face_range_mm + 0.5 * self.beams.depth_mm;
        let x = path.lateral * self.beams.mm_per_lateral(middle);
        // Uterine tissue is layered across the beam.
        let level = fractal_noise(texture ^ 3, x / 26.0, depth / 12.0)
            + 0.5 * value_noise(texture ^ 19, x / 70.0, depth / 60.0);
        let fibres = value_noise(texture ^ 4, x / 7.0, depth / 1.6);
        let mut db = tissue.background_spread_db * (level + 0.45 * fibres);

        // Skin, fat and muscle: bright sheets near the probe.
        let near = 1.0 - smooth_step(6.0, 16.0, depth);
        let sheets = value_noise(texture ^ 5, x / 40.0, depth / 1.1);
        db += near * (4.0 + 7.0 * sheets);
        let mut reflector = near * amplitude_from_db(8.0 * sheets - 2.0) * 0.5;

        // Fluid where a slow field exceeds a threshold; its wall is a weak reflector.
        // Fluid gathers beside the head.
        let beside = libm::exp(-distance / (0.35 * self.head.semi_minor_mm));
        let pocket = 0.8 * fractal_noise(texture ^ 6, x / 55.0 + 0.3, depth / 38.0)
            + 0.12 * value_noise(texture ^ 18, x / 9.0, depth / 7.0)
            + tissue.fluid * (1.2 + 0.7 * beside)
            - 0.95;
        let fluid = smooth_step(-0.04, 0.08, pocket) * (1.0 - near);
        db -= 30.0 * fluid;
        let wall = (1.0 - (pocket / 0.04).abs()).max(0.0) * (1.0 - near);
        reflector += wall * amplitude_from_db(1.0 + 6.0 * fibres);

        // Scalp: a fluid film, then a thin line.
        if tissue.scalp_mm > 0.0 {
            let film = 1.0 - smooth_step(0.5 * tissue.scalp_mm, tissue.scalp_mm, distance);
            db -= film * (10.0 + 4.0 * value_noise(texture ^ 7, x / 15.0, depth / 15.0));
            let line = (1.0 - ((distance - tissue.scalp_mm) / 0.7).abs()).max(0.0);
            reflector += line * amplitude_from_db(self.variation.scalp_line_db);
        }
        Echo { scatter: amplitude_from_db(db), reflector }
    }

    /// Brain: dark, with a mid-line, ventricle walls, thalami, choroid plexus and gyri.
    fn brain(&self, local: [f64; 2], path: &BeamPath) -> Echo {
        let tissue = &self.scene.tissue;
        let v = &self.variation;
        let (a, b) = (self.head.semi_major_mm, self.head.semi_minor_mm);
        let along = v.front_side * local[0] / a;
        let toward_probe = v.near_side * local[1] / b;
        let radius = along * along + toward_probe * toward_probe;
        let texture = fractal_noise(v.texture ^ 8, 4.0 * along, 4.0 * toward_probe);
        let mut db = tissue.brain_db + 6.0 * texture;

        // Reverberation hazes the near half, the rim under the bone is fluid.
        db += 2.5 * smooth_step(0.0, 0.9, toward_probe);
        db -= 7.0 * smooth_step(0.72, 0.86, radius.sqrt());
        let blob = |cx: f64, cy: f64, rx: f64, ry: f64| {
            let (dx, dy) = ((along - cx) / rx, (toward_probe - cy) / ry);
            1.0 - smooth_step(0.7, 1.1, (dx * dx + dy * dy).sqrt())
        };
        db -= 6.0 * (blob(0.02, 0.17, 0.2, 0.14) + blob(0.02, -0.17, 0.2, 0.14));
        db -= 9.0 * blob(-0.42, -0.36, 0.3, 0.16);
        db += (v.plexus_gain_db + 8.0) * blob(-0.4, -0.4, 0.17, 0.1);
        let cavum = blob(0.42, v.midline_shift, 0.13, 0.09);
        db -= 8.0 * cavum;

        // Thin reflectors: their echo fades with obliqueness, and breaks up along their length.
        let across_beam = path.local_direction[1].abs();
        let line = |offset_mm: f64, half_width_mm: f64| (1.0 - (offset_mm / half_width_mm).abs()).max(0.0);
        let width_mm = (0.011 * b).clamp(0.25, 0.7);
        let breaks = |k: u64| smooth_step(-0.25, 0.5, fractal_noise(v.texture ^ k, 6.0 * along, 0.5));
        let within = |low: f64, high: f64| {
            smooth_step(low - 0.04, low + 0.04, along) * (1.0 - smooth_step(high - 0.04, high + 0.04, along))
        };
        let curve = v.midline_shift + 0.05 * fractal_noise(v.texture ^ 9, 2.5 * along, 0.0);
        let mut lines = line(b * (toward_probe - curve), width_mm)
            * (within(-0.9, 0.28) + within(0.56, 0.92))
            * (0.12 + 0.88 * breaks(10));
        for side in [-1.0, 1.0] {
            // Walls of the cavum septi pellucidi, of the lateral ventricles, and the insula.
            lines += 0.8 * line(b * (toward_probe - curve - 0.09 * side), width_mm) * within(0.3, 0.54);
            let bow = 0.34
                + 0.16 * (along + 0.35) * (along + 0.35)
                + 0.06 * value_noise(v.texture ^ 20, 3.0 * along, side);
            lines += 0.5
                * line(b * (toward_probe.abs() - bow) * 0.9, width_mm)
                * within(-0.75, -0.05)
                * breaks(if side < 0.0 { 11 } else { 12 })
                * f64::from(u8::from(side * toward_probe > 0.0));
            lines += 0.35
                * line(b * (toward_probe.abs() - 0.58 + 0.1 * along), width_mm)
                * within(0.1, 0.4)
                * breaks(if side < 0.0 { 13 } else { 14 })
                * f64::from(u8::from(side * toward_probe > 0.0));
        }
        // Sulci: short bright segments on the ridges of a noise field.
        let ridge = 1.0 - (value_noise(v.texture ^ 15, 5.0 * along, 7.0 * toward_probe) / 0.12).abs();
        let gyri = ridge.max(0.0)
            * smooth_step(0.1, 0.6, value_noise(v.texture ^ 16, 3.5 * along, 3.5 * toward_probe))
            * (1.0 - smooth_step(0.6, 0.8, radius.sqrt()));
        Echo {
            scatter: amplitude_from_db(db + 7.0 * gyri),
            reflector: (lines * (0.15 + 0.85 * across_beam) + 0.2 * gyri)
                * amplitude_from_db(tissue.midline_db),
        }
    }
}
