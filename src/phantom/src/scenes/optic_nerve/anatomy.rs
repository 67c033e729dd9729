//! What echoes in an orbit.

use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::scenes::strip::bump;
use crate::tissue::Echo;

use super::phantom::Orbit;

/// Half the width of the nerve itself, in mm.
const NERVE_MM: f64 = 1.55;

pub(super) struct OrbitAnatomy {
    pub(super) orbit: Orbit,
    pub(super) seed: u64,
}

impl Medium for OrbitAnatomy {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let orbit = &self.orbit;
        let texture = hash64(self.seed, 0x6f72_6269);
        let [x, depth] = point_mm;
        let [s, q] = orbit.nerve.local(point_mm);
        let from_center = (s * s + q * q).sqrt();
        let globe = from_center - orbit.radius_mm;
        let behind = s - orbit.radius_mm;
        let along = orbit.nerve.local_vector(beam);
        let incidence = ((s * along[0] + q * along[1]) / from_center.max(1e-6)).abs();

        // Fat: bright and coarse, darker far behind and to the sides.
        let coarse = fractal_noise(texture, x / 2.2, depth / 1.5);
        let mut db = 3.5 + 5.0 * coarse - 0.35 * globe.max(0.0) - 0.012 * q * q;
        let mut reflector = 1.6 * smooth_step(0.35, 0.8, coarse);
        // Straight eye muscles: dark bands along the walls of the orbit.
        let band = (q.abs() - 10.5 + 0.35 * behind).abs();
        let muscle = smooth_step(2.0, 1.3, band) * smooth_step(-2.0, 1.0, behind + 3.0);
        db -= 9.0 * muscle;

        // The sheath: outer border, fluid, the nerve with its own lining.
        let half = orbit.half_width(behind);
        let outside = q.abs() - half;
        let seen =
            smooth_step(orbit.length_mm + 0.6, orbit.length_mm - 0.6, behind) * smooth_step(-0.3, 0.3, globe);
        let inside = smooth_step(0.1, -0.1, outside) * seen;
        db += inside * (-12.0 + 2.5 * coarse - db);
        reflector *= 1.0 - inside;
        reflector += 1.2 * seen * bump(outside - 0.12, 0.16) * amplitude_from_db(4.0 * coarse);
        let nerve_half = NERVE_MM.min(0.7 * half);
        let nerve = smooth_step(0.12, -0.12, q.abs() - nerve_half) * seen;
        db += nerve * (-17.0 + 3.0 * coarse - db);
        db += 5.0 * seen * bump(q.abs() - nerve_half - 0.15, 0.22);
        reflector += 0.5 * seen * bump(q.abs() - nerve_half - 0.1, 0.15);

        // The globe: its coats, black inside.
        let coat =
            smooth_step(-0.05, 0.1, globe) * smooth_step(1.5, 1.0, globe) * (1.0 - 0.8 * seen * inside);
        db += coat * (5.0 - db).max(0.0) * 0.7;
        let vitreous = smooth_step(0.08, -0.08, globe);
        db += vitreous * (-40.0 - db);
        reflector *= 1.0 - vitreous;
        reflector += 3.4 * bump(globe - 0.15, 0.2) * (0.12 + 0.88 * incidence * incidence * incidence);
        // The front of the eye looks to the probe: lens, iris, cornea.
        let [fx, fy] = [x - orbit.center_mm[0], depth - orbit.center_mm[1]];
        let front = fy + orbit.radius_mm;
        let [lx, ly] = [fx / 4.7, (front - 4.6) / 1.9];
        let lens = ((lx * lx + ly * ly).sqrt() - 1.0) * 1.9;
        reflector += vitreous
            * 2.2
            * bump(lens, 0.16)
            * (0.1 + 0.9 * (ly.abs() / (lx * lx + ly * ly).sqrt().max(0.2)).min(1.0));
        let iris = smooth_step(2.0, 2.6, fx.abs())
            * smooth_step(6.6, 6.0, fx.abs())
            * bump(front - 3.0 - 0.04 * fx.abs(), 0.35);
        reflector += vitreous * 2.4 * iris;
        db += vitreous * 24.0 * iris;
        let body = smooth_step(5.6, 6.4, fx.abs()) * bump(front - 4.2, 1.1) * vitreous;
        db += 26.0 * body;

        // Lid and gel.
        let lid_depth = orbit.center_mm[1] - orbit.radius_mm + 0.03 * fx * fx;
        let lid = smooth_step(-3.2, -2.6, depth - lid_depth)
            * smooth_step(-0.05, -0.35, globe.min(depth - lid_depth))
            * (1.0 - vitreous);
        let before = smooth_step(0.1, -0.1, depth - lid_depth) * (1.0 - vitreous);
        db += before * (-9.0 + 6.0 * value_noise(texture ^ 1, x / 14.0, depth / 0.5) - db);
        reflector *= 1.0 - before;
        reflector +=
            before * lid * 0.8 * amplitude_from_db(5.0 * value_noise(texture ^ 2, x / 10.0, depth / 0.6));
        let gel = before * smooth_step(-2.7, -3.1, depth - lid_depth);
        db += gel * (-30.0 - db);
        Echo { scatter: amplitude_from_db(db), reflector }
    }
}
