//! What echoes around the vena cava at rest.

use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::scenes::strip::{Axis, bump};
use crate::tissue::Echo;

use super::breath::{Profile, Vein};

pub(super) struct LiverAnatomy {
    pub(super) axis: Axis,
    pub(super) profile: Profile,
    pub(super) rest: Vein,
    pub(super) seed: u64,
}

impl Medium for LiverAnatomy {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [s, q] = self.axis.local(point_mm);
        let along = s - self.rest.slide_mm;
        let beam = self.axis.local_vector(beam);
        let texture = hash64(self.seed, 0x6976_6300);
        let depth = point_mm[1];
        let x = point_mm[0];
        let mouth = 0.5 * self.rest.diameter_mm * self.profile.at(0.0);
        let radius = 0.5 * self.rest.diameter_mm * self.profile.at(along);

        // Liver: fine and even.
        let grain = fractal_noise(texture, along / 5.0, q / 4.0);
        let mut db = -5.5 + 3.5 * grain + 3.0 * value_noise(texture ^ 1, along / 26.0, q / 20.0);
        let mut reflector = 0.0;

        // Hepatic vein: it runs into the cava from above. Portal branches: bright walls.
        let vein_axis = -9.0 - 0.62 * (along - 16.0) - 0.006 * (along - 16.0) * (along - 16.0);
        let vein = (q - vein_axis).abs() - 3.1 - 0.02 * (along - 16.0).abs();
        let here = smooth_step(12.0, 16.0, along) * (1.0 - smooth_step(52.0, 60.0, along));
        db += here * smooth_step(0.5, -0.5, vein) * (-32.0 - db);
        for (k, [centre_s, centre_q, size]) in
            [[52.0, -24.0, 4.2], [30.0, -42.0, 2.6], [8.0, -34.0, 2.2], [66.0, -36.0, 3.0]]
                .into_iter()
                .enumerate()
        {
            let turn = 0.5 * k as f64;
            let (sin, cos) = libm::sincos(turn);
            let [ds, dq] = [along - centre_s, q - centre_q];
            let [a, b] = [(ds * cos + dq * sin) / 2.6, dq * cos - ds * sin];
            let ring = (a * a + b * b).sqrt() - size;
            db += smooth_step(0.5, -0.5, ring) * (-30.0 - db);
            reflector += 0.9 * bump(ring - 0.5, 0.8);
            db += bump(ring - 1.0, 1.4) * 6.0;
        }

        // Behind the vein: caudate rim, then the spine's muscle, darker and striped.
        let behind = smooth_step(13.0, 17.0, q + 2.0 * value_noise(texture ^ 2, along / 18.0, 0.5));
        let stripes = fractal_noise(texture ^ 3, along / 16.0, q / 2.4);
        db += behind * (-11.0 + 7.0 * stripes - db);
        reflector += behind * 1.2 * smooth_step(0.3, 0.8, stripes);

        // Diaphragm: a bright arc beyond the liver on the heart's side; beyond it, the heart.
        let [dx, dy] = [along - 46.0, q + 14.0];
        let arc = (dx * dx + dy * dy).sqrt() - 62.0 - 2.0 * value_noise(texture ^ 4, q / 20.0, 0.5);
        let heart_side = smooth_step(4.0, -8.0, along) * smooth_step(14.0, 6.0, q);
        let incidence = ((dx * beam[0] + dy * beam[1]) / (dx * dx + dy * dy).sqrt().max(1.0)).abs();
        reflector += heart_side * bump(arc, 1.1) * (1.5 + 4.5 * incidence) * amplitude_from_db(6.0 * grain);
        let beyond = heart_side * smooth_step(0.5, 2.5, arc);
        db += beyond * (-20.0 + 4.0 * grain - db);
        // Right atrium: the vein opens into it.
        let [rs, rq] = [(along + 21.0) / 22.0, (q - 1.0) / 19.0];
        let atrium = ((rs * rs + rq * rq).sqrt() - 1.0) * 20.0
            + 2.2 * value_noise(texture ^ 8, along / 17.0, q / 17.0);
        let in_atrium = smooth_step(0.5, -0.5, atrium) * smooth_step(0.5, -0.5, along);
        reflector *= 1.0 - in_atrium;
        db += in_atrium * (-34.0 - db);
        reflector += 0.9
            * bump(atrium - 0.5, 0.9)
            * smooth_step(0.0, -2.5, along)
            * smooth_step(mouth - 1.0, mouth + 1.5, q.abs())
            * amplitude_from_db(8.0 * grain);

        // Nothing lies across the vein's mouth.
        let neck = smooth_step(-7.0, -6.0, along)
            * smooth_step(1.0, 0.0, along)
            * smooth_step(mouth + 1.15, mouth + 0.45, q.abs());
        db += neck * (-34.0 - db);
        reflector *= 1.0 - neck;

        // The vein itself: dark, with a thin bright wall.
        if radius > 0.0 {
            let away = q.abs() - radius;
            // A log-compressed edge is seen where the wall's echo has fallen by some 25 dB, which is well inside of it: the
            // wall's echo starts beyond the border by as much.
            let lumen = smooth_step(1.15, 0.45, away);
            db += lumen * (-35.0 + 3.0 * grain - db);
            reflector *= 1.0 - lumen;
            let rough = amplitude_from_db(4.0 * fractal_noise(texture ^ 5, along / 6.0, q.signum()));
            reflector += rough * bump(away - 1.2, 0.6) * (0.3 + 1.7 * beam[1] * beam[1]);
        }

        // Skin, fat and muscle of the abdominal wall.
        let near = 1.0 - smooth_step(11.0, 15.0, depth);
        let sheets = value_noise(texture ^ 6, x / 34.0, depth / 1.5);
        db += near * (1.0 + 7.0 * sheets - db);
        reflector = reflector * (1.0 - near) + near * 0.9 * amplitude_from_db(7.0 * sheets);
        reflector += 1.4
            * amplitude_from_db(7.0 * grain)
            * bump(depth - 16.0 - value_noise(texture ^ 7, x / 25.0, 0.5), 0.8);
        Echo { scatter: amplitude_from_db(db), reflector }
    }
}
