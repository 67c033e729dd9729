//! What echoes in a neck with a thyroid nodule.

use crate::ellipse::PlacedEllipse;
use crate::noise::{amplitude_from_db, fractal_noise, hash_unit, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::scenes::strip::bump;
use crate::tissue::Echo;

use super::{NodulePlane, NoduleScene};

/// Side of the cells that hold at most one calcification each, in mm.
const CELL_MM: f64 = 1.3;

pub(super) struct NeckSection<'a> {
    pub(super) scene: &'a NoduleScene,
    pub(super) plane: NodulePlane,
    pub(super) nodule: PlacedEllipse,
}

impl Medium for NeckSection<'_> {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [x, depth] = point_mm;
        let texture = hash64(self.scene.seed, 0x6e6f_6475 + self.plane as u64);
        let grain = fractal_noise(texture, x / 3.0, depth / 2.0);
        let center = self.scene.center_mm;

        // Strap muscles: dark, with fine bright strands.
        let strands = value_noise(texture ^ 1, x / 9.0, depth / 0.55);
        let mut db = -11.0 + 6.0 * strands;
        let mut reflector = 0.5 * smooth_step(0.4, 0.9, strands);

        // The gland: even and bright, in a thin capsule. Along the neck it is long.
        let half = match self.plane {
            NodulePlane::Transverse => [17.0, 11.5],
            NodulePlane::Longitudinal => [34.0, 11.0],
        };
        let [gx, gy] = [(x - center[0] + 1.0) / half[0], (depth - center[1] - 0.5) / half[1]];
        let gland = ((gx * gx + gy * gy).sqrt() - 1.0) * half[1]
            + 0.7 * value_noise(texture ^ 2, x / 7.0, depth / 7.0);
        let in_gland = smooth_step(0.25, -0.25, gland);
        db += in_gland * (-0.5 + 3.0 * grain - db);
        reflector *= 1.0 - in_gland;
        reflector += 1.6 * bump(gland - 0.2, 0.25) * amplitude_from_db(5.0 * grain);

        // Behind: long neck muscle, then the vertebra's line and its shadow.
        let behind = smooth_step(0.3, 1.0, gland) * smooth_step(center[1] + 5.0, center[1] + 8.0, depth);
        db += behind * (-12.0 + 7.0 * value_noise(texture ^ 3, x / 12.0, depth / 0.9) - db);

        if self.plane == NodulePlane::Transverse {
            // Common carotid beside the gland, windpipe on the other side with its bright front and nothing behind.
            let [cx, cy] = [x - center[0] - 19.5, depth - center[1] - 2.5];
            let artery = (cx * cx + cy * cy).sqrt() - 3.4;
            let lumen = smooth_step(0.1, -0.1, artery);
            db += lumen * (-36.0 - db);
            reflector = reflector * (1.0 - lumen)
                + 2.0 * bump(artery - 0.2, 0.25) * (0.25 + 0.75 * (cy / 3.4).abs().min(1.0));
            db += bump(artery - 0.5, 0.7) * 5.0;
            let [tx, ty] = [x - center[0] + 26.0, depth - center[1] - 6.0];
            let pipe = (tx * tx + ty * ty).sqrt() - 11.0;
            let air = smooth_step(0.3, -0.3, pipe);
            let rings = value_noise(texture ^ 4, depth / 1.4, 0.5);
            db += air * (-22.0 + 6.0 * rings + 0.9 * pipe - db);
            reflector = reflector * (1.0 - air) + 7.0 * bump(pipe, 0.35) * smooth_step(2.0, -6.0, ty);
        }

        // The nodule: it covers what was there. A dark rim, an even inside, small bright points.
        let local = self.nodule.local(point_mm);
        let (away, normal) = self.nodule.distance_and_normal(local);
        let inside = smooth_step(0.12, -0.12, away);
        let mottled = fractal_noise(texture ^ 5, x / 1.8, depth / 1.4);
        db += inside
            * (self.scene.echo_db - 0.5
                + 3.5 * mottled
                + 1.5 * value_noise(texture ^ 6, x / 5.0, depth / 5.0)
                - db);
        reflector *= 1.0 - inside;
        let beam = self.nodule.local_vector(beam);
        let incidence = (normal[0] * beam[0] + normal[1] * beam[1]).abs();
        reflector += bump(away - 0.1, 0.22) * (0.25 + 1.2 * incidence * incidence);
        // A dark halo just inside.
        db -= 4.0 * inside * bump(away + 0.55, 0.4);
        if self.scene.calcified && away < -1.0 {
            let cell = [(x / CELL_MM).floor(), (depth / CELL_MM).floor()];
            let number =
                (cell[0] as i64 as u64).wrapping_mul(0x9E37_79B1) ^ (cell[1] as i64 as u64).rotate_left(32);
            if hash_unit(texture ^ 7, number) < 0.12 {
                let place = |k: u64| 0.25 + 0.5 * hash_unit(texture ^ (8 + k), number);
                let [px, py] = [(cell[0] + place(0)) * CELL_MM - x, (cell[1] + place(1)) * CELL_MM - depth];
                reflector += 14.0 * libm::exp(-(px * px + py * py) / 0.02);
            }
        }
        // Sound is weakened less in the nodule: what lies behind is a little brighter.
        let under =
            (x - self.nodule.center_mm[0]) / (0.8 * self.nodule.semi_major_mm.max(self.nodule.semi_minor_mm));
        let enhanced = smooth_step(0.5, 2.0, away)
            * f64::from(u8::from(depth > self.nodule.center_mm[1]))
            * (1.0 - smooth_step(0.5, 1.1, under.abs()));
        db += 3.0 * enhanced;

        // Skin and fat.
        let near = 1.0 - smooth_step(2.6, 3.6, depth);
        let sheets = value_noise(texture ^ 11, x / 16.0, depth / 0.55);
        db += near * (4.0 + 5.0 * sheets - db);
        reflector = reflector * (1.0 - near) + near * 0.8 * amplitude_from_db(5.0 * sheets);
        reflector += 1.4
            * amplitude_from_db(5.0 * grain)
            * bump(depth - 4.2 - 0.5 * value_noise(texture ^ 12, x / 14.0, 0.5), 0.25);
        Echo { scatter: amplitude_from_db(db), reflector }
    }
}
