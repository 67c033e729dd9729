//! What echoes in a short axis of the heart at rest.

use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::scenes::strip::bump;
use crate::tissue::Echo;

use super::phantom::Ring;

/// Where the papillary muscles stand, in degrees clockwise from +x on the screen, and their size over the cavity's.
const PAPILLARY: [(f64, f64); 2] = [(38.0, 0.2), (142.0, 0.22)];

pub(super) struct ChestSection {
    pub(super) rest: Ring,
    pub(super) seed: u64,
}

impl Medium for ChestSection {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [x, y] = point_mm;
        let texture = hash64(self.seed, 0x7361_7869);
        let depth = (x * x + y * y).sqrt();
        let ring = &self.rest;
        let (cavity_mm, outer_mm) = (ring.cavity_mm(), ring.outer_mm());
        let radius = ring.radius2(point_mm).sqrt();
        let (inner, outer) = (radius - cavity_mm, radius - outer_mm);
        let [dx, dy] = ring.offset(point_mm);
        let far = (dx * dx + dy * dy).sqrt().max(1e-9);
        let incidence = ((dx * beam[0] + dy * beam[1]) / far).abs();
        let facing = incidence * incidence;

        // Lung: hazy, darker with depth.
        let mut db = -15.0 + 10.0 * fractal_noise(texture, x / 21.0, y / 15.0) - 0.06 * depth;
        let mut reflector = 0.0;

        // The right ventricle lies over the upper left of the ring, a crescent with a thin wall.
        let [rx, ry] =
            [(dx + 0.62 * outer_mm) / (1.05 * outer_mm), (dy + 0.62 * outer_mm) / (0.8 * outer_mm)];
        let right = ((rx * rx + ry * ry).sqrt() - 1.0) * 0.9 * outer_mm;
        let wall = smooth_step(5.5, 4.0, right);
        db += wall * (-7.0 + 3.0 * fractal_noise(texture ^ 1, x / 8.0, y / 5.0) - db);
        let blood = smooth_step(0.5, -0.5, right);
        db += blood * (-36.0 - db);
        reflector += bump(right - 0.8, 0.8) * (0.3 + 1.2 * facing);

        // The muscle of the left ventricle, brighter where its fibres lie across the beam.
        let muscle = smooth_step(0.7, -0.7, outer);
        let angle = libm::atan2(dy, dx);
        let fibres = fractal_noise(texture ^ 2, 4.0 * angle, radius / 2.6);
        db += muscle
            * (-7.0
                + 5.0 * fibres
                + 2.0 * value_noise(texture ^ 3, x / 24.0, y / 24.0)
                + 4.5 * (facing - 0.4)
                - db);
        reflector *= 1.0 - muscle;
        // Outer and inner lining. A log-compressed edge is seen inside of where the wall's echo starts: it starts beyond
        // the border by as much.
        reflector += bump(outer - 0.8, 1.1) * (0.5 + 3.0 * facing);
        reflector += bump(inner - 1.0, 0.9) * amplitude_from_db(-5.0 + 10.0 * incidence);
        let hollow = smooth_step(0.7, 0.0, inner);
        db += hollow * (-36.0 - db);
        reflector *= 1.0 - hollow;

        // Papillary muscles stand in the cavity, and belong to it.
        for (degrees, size) in PAPILLARY {
            let (sin, cos) = libm::sincos(f64::to_radians(degrees));
            let away = 0.66 * cavity_mm;
            let [px, py] = [dx - away * cos, dy - away * sin];
            let head = (px * px + py * py).sqrt() - size * cavity_mm
                + 0.8 * value_noise(texture ^ 4, x / 4.0, y / 4.0);
            let inside = smooth_step(0.6, -0.6, head) * smooth_step(-0.8, -2.2, inner);
            db += inside * (-8.0 + 4.0 * fractal_noise(texture ^ 5, x / 5.0, y / 3.0) - db);
            reflector += 0.7 * inside * bump(head, 0.9) * (0.3 + facing);
        }

        // Interfaces are rough: their echo varies along them.
        reflector *= amplitude_from_db(6.0 * fractal_noise(texture ^ 6, x / 4.5, y / 4.5) - 1.0);

        // Chest wall: bright sheets, and their reverberation haze.
        let near = 1.0 - smooth_step(8.0, 15.0, depth);
        let sheets = value_noise(texture ^ 7, x / 30.0, depth / 1.4);
        db += near * (5.0 + 6.0 * sheets - db);
        reflector = reflector * (1.0 - near) + near * 0.6 * amplitude_from_db(7.0 * sheets);
        let haze = amplitude_from_db(-17.0 - 0.45 * depth + 3.0 * sheets);
        let scatter = amplitude_from_db(db);
        Echo { scatter: (scatter * scatter + haze * haze).sqrt(), reflector }
    }
}
