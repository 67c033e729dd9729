//! What echoes in an apical view of the heart at rest.

use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::tissue::Echo;

use super::LvView;
use super::phantom::Placement;

/// Anatomy around the resting ventricle and atrium.
pub(super) struct HeartAnatomy {
    pub(super) rest: Placement,
    pub(super) view: LvView,
    pub(super) wall_mm: f64,
    pub(super) seed: u64,
}

/// Signed distance to an ellipse in mm to first order, positive outside, and its unit normal.
fn ellipse_distance(u: f64, v: f64, a: f64, b: f64) -> (f64, [f64; 2]) {
    let (gu, gv) = (u / (a * a), v / (b * b));
    let gradient = (gu * gu + gv * gv).sqrt();
    let level = (u * gu + v * gv).sqrt();
    if gradient <= f64::MIN_POSITIVE {
        return (-a.min(b), [0.0, 1.0]);
    }
    ((level - 1.0) * level / gradient, [gu / gradient, gv / gradient])
}

/// A smooth bump of unit height: 1 at 0, 1/e at `width`.
fn bump(offset: f64, width: f64) -> f64 {
    let x = offset / width;
    libm::exp(-x * x)
}

impl Medium for HeartAnatomy {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [u, v] = self.rest.ventricle_local(point_mm);
        let shape = &self.rest.shape;
        let beam = self.rest.local_vector(beam);
        let depth = (point_mm[0] * point_mm[0] + point_mm[1] * point_mm[1]).sqrt();
        let texture = hash64(self.seed, 0x6c76);
        let incidence = |normal: [f64; 2]| (normal[0] * beam[0] + normal[1] * beam[1]).abs();

        // Lung and mediastinum: hazy, darker with depth.
        let mut db = -15.0 + 10.0 * fractal_noise(texture, u / 21.0, v / 15.0) - 0.06 * depth;
        let mut reflector = 0.0;

        let valve = u - shape.ventricle.h;
        let (lv, lv_normal) = ellipse_distance(u, v, shape.ventricle.a, shape.ventricle.b);
        let [au, av] = self.rest.atrium_local(point_mm);
        let (la, la_normal) = ellipse_distance(au, av, shape.atrium.a, shape.atrium.b);
        let above = 1.0 - smooth_step(-1.0, 2.5, valve);

        // Right heart, in the four-chamber plane: septal side, thin walls.
        if self.view == LvView::FourChamber {
            let annulus = shape.ventricle.half_cut();
            let septum = shape.ventricle.b + self.wall_mm;
            let (rv, rv_normal) =
                ellipse_distance(u - shape.ventricle.h + 32.0, v + septum + 7.0 - 0.12 * u, 44.0, 15.0);
            let (ra, ra_normal) = ellipse_distance(
                valve - 22.0 + 3.0 * value_noise(texture ^ 5, u / 14.0, v / 14.0),
                v + annulus + 23.0,
                23.0,
                19.0,
            );
            for (distance, normal, thickness, low) in
                [(rv, rv_normal, 4.5, valve < 2.0), (ra, ra_normal, 2.5, valve > -2.0)]
            {
                let wall = smooth_step(thickness + 1.5, thickness, distance) * f64::from(u8::from(low));
                db += wall * (-7.0 - db);
                let cavity = smooth_step(0.4, -0.4, distance) * f64::from(u8::from(low));
                db += cavity * (-36.0 - db);
                reflector += bump(distance, 0.8)
                    * f64::from(u8::from(low))
                    * amplitude_from_db(-9.0 + 11.0 * incidence(normal));
            }
            // Tricuspid line.
            let tricuspid = smooth_step(19.0, 16.0, (v + annulus + 24.0).abs());
            reflector += 1.2 * tricuspid * bump(valve - 0.2 * (v + annulus), 0.9);
        }

        // Left atrium: thin wall, dark cavity.
        let below = 1.0 - above;
        let wall = smooth_step(3.8, 2.2, la) * below;
        db += wall * (-6.0 - db);
        let cavity = smooth_step(0.8, -0.2, la) * below;
        db += cavity * (-38.0 - db);
        reflector += below * bump(la - 0.9, 0.9) * amplitude_from_db(-8.0 + 14.0 * incidence(la_normal));

        // Heart muscle, brighter where fibres lie across the beam; the wall thins at the apex.
        let apex = smooth_step(-0.6 * shape.ventricle.a, -shape.ventricle.a, u);
        let thickness = self.wall_mm * (1.0 - 0.35 * apex);
        let muscle = smooth_step(thickness + 0.7, thickness - 0.7, lv) * above;
        let fibres = fractal_noise(texture ^ 1, u / 9.0, lv / 2.6);
        let muscle_db = -6.5
            + 5.5 * fibres
            + 2.0 * value_noise(texture ^ 2, u / 24.0, v / 24.0)
            + 3.5 * (incidence(lv_normal) - 0.5);
        db += muscle * (muscle_db - db);
        // Inner and outer lining.
        reflector += above * bump(lv - 1.0, 0.9) * amplitude_from_db(-4.0 + 11.0 * incidence(lv_normal));
        let lateral = if self.view == LvView::FourChamber { smooth_step(-6.0, 6.0, v) } else { 1.0 };
        reflector += above
            * lateral
            * bump(lv - thickness - 1.0, 1.2)
            * amplitude_from_db(5.0 + 12.0 * incidence(lv_normal) + 3.0 * fibres);
        // A log-compressed edge is seen inside of where the wall's echo starts: it starts beyond the border by as much.
        let blood = smooth_step(0.7, 0.0, lv) * above;
        // Where the chambers meet there is nothing but blood.
        let hollow = (smooth_step(0.7, 0.0, lv) * f64::from(u8::from(valve <= 0.7)))
            .max(smooth_step(0.8, -0.2, la) * f64::from(u8::from(valve >= -0.7)));
        db += hollow * (-36.0 - db);
        reflector *= 1.0 - hollow;
        // Fine muscle ridges near the apex belong to the cavity.
        let ridges = smooth_step(-5.5, -1.0, lv) * blood * smooth_step(0.1, -0.5, u / shape.ventricle.a);
        db += 15.0 * ridges * smooth_step(0.0, 0.6, value_noise(texture ^ 3, u / 6.0, v / 3.0));
        // Fibrous ring.
        for side in [-1.0, 1.0] {
            let ring_v = v - side * (shape.ventricle.half_cut() + 1.5);
            let near = libm::exp(-(valve * valve + ring_v * ring_v) / 6.0);
            reflector += 4.0 * near;
            db += near * (-2.0 - db).max(0.0);
        }

        // Interfaces are rough: their echo varies along them.
        reflector *= amplitude_from_db(6.0 * fractal_noise(texture ^ 6, u / 4.5, v / 4.5) - 1.0);

        // Chest wall: bright sheets, and their reverberation haze into the apex.
        let near = 1.0 - smooth_step(7.0, 14.0, depth);
        let sheets = value_noise(texture ^ 4, point_mm[0] / 30.0, depth / 1.4);
        db += near * (5.0 + 6.0 * sheets - db);
        reflector = reflector * (1.0 - near) + near * 0.6 * amplitude_from_db(7.0 * sheets);
        let haze = amplitude_from_db(-17.0 - 0.45 * depth + 3.0 * sheets);
        let scatter = amplitude_from_db(db);
        Echo { scatter: (scatter * scatter + haze * haze).sqrt(), reflector }
    }
}
