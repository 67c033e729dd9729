//! What echoes around an artery at rest.

use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::scenes::strip::{Axis, bump};
use crate::tissue::Echo;

use super::pulse::Bore;

pub(super) struct NeckAnatomy {
    pub(super) axis: Axis,
    pub(super) rest: Bore,
    pub(super) seed: u64,
}

impl Medium for NeckAnatomy {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [x, depth] = point_mm;
        let [s, q] = self.axis.local(point_mm);
        let incidence = self.axis.local_vector(beam)[1].abs();
        let texture = hash64(self.seed, 0x7665_7373);
        let radius = 0.5 * self.rest.diameter_mm;
        let away = q.abs() - radius;
        let far = smooth_step(-0.2, 0.2, q);

        // Muscle bundles and connective tissue, in layers.
        let layer = value_noise(texture, x / 30.0, depth / 2.1);
        let fibres = fractal_noise(texture ^ 1, x / 6.0 + depth / 3.0, depth / 0.7);
        let mut db = -7.0 + 5.0 * layer + 4.0 * fibres;
        let ridge = 1.0 - (value_noise(texture ^ 2, x / 22.0, depth / 1.5) / 0.16).abs();
        let mut reflector = 1.3 * ridge.max(0.0) * smooth_step(-0.2, 0.5, layer);

        // Skin and fat.
        let near = 1.0 - smooth_step(2.2, 3.4, depth);
        let sheets = value_noise(texture ^ 3, x / 14.0, depth / 0.5);
        db += near * (4.0 + 5.0 * sheets - db);
        reflector = reflector * (1.0 - near) + near * 0.8 * amplitude_from_db(5.0 * sheets);
        reflector += 1.3
            * amplitude_from_db(6.0 * fibres)
            * bump(depth - 4.0 - 0.5 * value_noise(texture ^ 4, x / 12.0, 0.5), 0.25);

        // Adventitia: bright and rough outside the wall, brightest at its border.
        let outside = away - self.rest.wall_mm;
        let sheath = smooth_step(-0.08, 0.05, outside) * (1.0 - smooth_step(0.5, 1.8, outside));
        db += sheath * (7.0 + 3.0 * fibres - db);
        // Media: nearly no echo.
        let wall = smooth_step(-0.05, 0.05, away) * (1.0 - smooth_step(-0.05, 0.05, outside));
        db += wall * (-20.0 - db);
        reflector *= 1.0 - wall;
        // Lumen, with reverberation under the near wall.
        let lumen = smooth_step(0.05, -0.05, away);
        let haze = (1.0 - far) * bump(away, 0.9) * 10.0;
        db += lumen * (-38.0 + haze - db);
        reflector *= 1.0 - lumen;
        // The two interfaces: thin, and broken where the beam meets them at an angle. Those of the near wall are duller.
        let rough = amplitude_from_db(3.0 * fractal_noise(texture ^ 5, s / 3.0, far));
        let dull = 0.45 + 0.55 * far;
        let specular = incidence * incidence * incidence * incidence;
        reflector += rough * dull * specular * (5.0 * bump(away, 0.07) + 14.0 * bump(outside, 0.09));
        Echo { scatter: amplitude_from_db(db), reflector }
    }
}
