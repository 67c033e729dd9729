//! What echoes in a limb at rest.

use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::tissue::Echo;

use super::phantom::Belly;

pub(super) struct LimbAnatomy {
    pub(super) rest: Belly,
    pub(super) pennation_rad: f64,
    pub(super) seed: u64,
}

impl Medium for LimbAnatomy {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [x, depth] = point_mm;
        let texture = hash64(self.seed, 0x6d75_7363);
        let [s, q] = self.rest.deep.local(point_mm);
        let thickness = self.rest.thickness_at(s);
        let above = -q - thickness;
        let incidence = self.rest.deep.local_vector(beam)[1].abs();

        // Fibre bundles: dark, with bright sheaths along their direction that start and end.
        let (sin, cos) = libm::sincos(self.pennation_rad);
        let bundles = |k: u64, sign: f64, base: f64| {
            let along = s * cos + sign * (q + base) * sin;
            let across = (q + base) * cos - sign * s * sin;
            let sheath = value_noise(texture ^ k, along / 22.0, across / 0.95);
            let fine = fractal_noise(texture ^ (k + 1), along / 7.0, across / 0.5);
            (
                -9.5 + 3.0 * fine + 2.5 * value_noise(texture ^ (k + 2), along / 18.0, across / 6.0),
                smooth_step(0.25, 0.85, sheath) * (0.5 + 0.5 * fine),
            )
        };
        let (mut db, sheath) = bundles(10, 1.0, 0.0);
        let mut reflector = 2.0 * sheath;
        db += 5.0 * sheath;
        // The muscle below runs the other way and is darker.
        let below = smooth_step(0.0, 0.5, q);
        let (deep_db, deep_sheath) = bundles(20, -0.6, 3.0);
        db += below * (deep_db - 2.0 - 0.12 * q - db);
        reflector += below * (1.1 * deep_sheath - reflector);

        // Fat above, in lobules between bright septa; skin on top.
        let fat = smooth_step(0.0, 0.4, above);
        let septum = value_noise(texture ^ 30, x / 11.0, depth / 1.6);
        db += fat * (-10.0 + 3.0 * fractal_noise(texture ^ 31, x / 4.0, depth / 1.5) - db);
        reflector += fat * (1.6 * (1.0 - (septum / 0.13).abs()).max(0.0) - reflector);
        let skin = 1.0 - smooth_step(1.5, 2.2, depth);
        let sheets = value_noise(texture ^ 32, x / 15.0, depth / 0.5);
        db += skin * (5.0 + 4.0 * sheets - db);
        reflector = reflector * (1.0 - skin) + skin * 0.8 * amplitude_from_db(5.0 * sheets);

        // Aponeuroses: bright bands outside the muscle, their inner edge on the border.
        let rough = |k: u64| amplitude_from_db(6.0 * fractal_noise(texture ^ k, s / 4.0, 0.3));
        let band = |outside: f64, width: f64| {
            smooth_step(-0.12, 0.08, outside) * smooth_step(width + 0.25, width, outside)
        };
        let specular = 0.25 + 0.75 * incidence * incidence;
        for (outside, width, k) in [(above, 0.55, 33), (q, 0.7, 34)] {
            let band = band(outside, width);
            reflector += 3.2 * band * specular * rough(k);
            db += band * (3.0 - db);
        }
        Echo { scatter: amplitude_from_db(db), reflector }
    }
}
