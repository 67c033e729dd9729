//! What echoes in a pelvis with a full bladder.

use crate::ellipse::PlacedEllipse;
use crate::noise::{amplitude_from_db, fractal_noise, hash64, smooth_step, value_noise};
use crate::scenes::sonograph::Medium;
use crate::scenes::strip::bump;
use crate::tissue::Echo;

use super::BladderPlane;

/// Radius of the probe's face.
pub(super) const FACE_RADIUS_MM: f64 = 55.0;
/// Thickness of the bladder's wall when full.
const WALL_MM: f64 = 3.0;

pub(super) struct PelvisSection {
    pub(super) seed: u64,
    pub(super) plane: BladderPlane,
    pub(super) body: PlacedEllipse,
}

impl Medium for PelvisSection {
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo {
        let [x, y] = point_mm;
        let texture = hash64(self.seed, 0x626c_6164 + self.plane as u64);
        // Layers follow the face of the probe, which presses on them.
        let under = (x * x + (y + FACE_RADIUS_MM) * (y + FACE_RADIUS_MM)).sqrt() - FACE_RADIUS_MM;
        let grain = fractal_noise(texture, x / 7.0, y / 5.0);
        let [center_x, center_y] = self.body.center_mm;

        // Bowel and fat around the bladder.
        let loops = value_noise(texture ^ 1, x / 17.0, y / 13.0);
        let mut db = -9.0 + 5.0 * loops + 4.0 * grain;
        let mut reflector = 1.2 * smooth_step(0.35, 0.8, value_noise(texture ^ 2, x / 13.0, y / 1.8));

        // Behind: uterus or prostate, in the middle across the body, toward the pubic bone along it.
        let local = self.body.local(point_mm);
        let (away, normal) = self.body.distance_and_normal(local);
        let (organ_x, half) = match self.plane {
            BladderPlane::Transverse => (center_x + 1.0, [26.0, 17.0]),
            BladderPlane::Sagittal => (center_x + 0.42 * self.body.semi_major_mm, [30.0, 16.0]),
        };
        let organ_y = center_y + self.body.semi_minor_mm + 12.0;
        let [ox, oy] = [(x - organ_x) / half[0], (y - organ_y) / half[1]];
        let organ =
            ((ox * ox + oy * oy).sqrt() - 1.0) * half[1] + 1.5 * value_noise(texture ^ 3, x / 9.0, y / 9.0);
        let in_organ = smooth_step(0.6, -0.6, organ);
        db += in_organ * (-13.0 + 3.0 * fractal_noise(texture ^ 4, x / 4.0, y / 3.0) - db);
        reflector = reflector * (1.0 - in_organ) + 1.8 * bump(organ, 0.8);

        // What lies behind urine is weakened less.
        let beside =
            (x - center_x) / (0.85 * self.body.semi_major_mm * (1.0 + 0.004 * (y - center_y).max(0.0)));
        let behind = smooth_step(1.0, 4.0, away)
            * f64::from(u8::from(y > center_y))
            * (1.0 - smooth_step(0.7, 1.1, beside.abs()));
        db += 6.0 * behind;

        // The wall: a dark layer between two thin lines; then urine, hazy under the near wall by reverberation.
        let wall = smooth_step(WALL_MM + 0.8, WALL_MM - 0.8, away);
        db += wall * (-8.0 + 2.0 * grain - db);
        reflector *= 1.0 - 0.8 * wall;
        let along_beam = self.body.local_vector(beam);
        let incidence = (normal[0] * along_beam[0] + normal[1] * along_beam[1]).abs();
        let facing = incidence * incidence;
        reflector += bump(away - WALL_MM, 0.7) * (0.3 + 1.6 * facing);
        let urine = smooth_step(0.7, 0.0, away);
        let near_wall = smooth_step(center_y, center_y - 0.6 * self.body.semi_minor_mm, y);
        let haze = near_wall * 20.0 * bump(away, 10.0);
        db += urine * (-42.0 + haze + 3.0 * value_noise(texture ^ 5, x / 20.0, y / 2.0) * near_wall - db);
        reflector *= 1.0 - urine;
        // A log-compressed edge is seen inside of where the wall's echo starts: it starts beyond the border by as much.
        reflector += bump(away - 1.0, 0.8) * (0.4 + 2.6 * facing);

        // Abdominal wall: skin, fat, the muscle between its bright sheets.
        let sheets = value_noise(texture ^ 6, x / 40.0, under / 1.1);
        let wall_mm = 15.0 + 0.8 * value_noise(texture ^ 7, x / 30.0, 0.5);
        let near = 1.0 - smooth_step(wall_mm - 0.8, wall_mm + 0.8, under);
        let muscle = smooth_step(8.0, 9.0, under);
        let layers = (3.0 + 5.0 * sheets) * (1.0 - muscle) + (-8.0 + 4.0 * sheets) * muscle;
        db += near * (layers - db);
        reflector = reflector * (1.0 - near) + near * 0.5 * amplitude_from_db(6.0 * sheets);
        for (depth, strength) in [(8.5, 1.6), (15.0, 2.2)] {
            let bend = 0.8 * value_noise(texture ^ 8, x / 25.0, depth);
            reflector += strength * amplitude_from_db(4.0 * grain) * bump(under - depth - bend, 0.6);
        }

        // Along the body the pubic bone stands at the right: a bright front, and nothing behind it.
        if self.plane == BladderPlane::Sagittal {
            let bone = smooth_step(0.52, 0.56, x / (y + FACE_RADIUS_MM)) * smooth_step(17.0, 19.0, under);
            let front = bump(under - 19.0, 1.2) * smooth_step(0.51, 0.56, x / (y + FACE_RADIUS_MM));
            db += bone * (-48.0 - db);
            reflector = reflector * (1.0 - bone) + 9.0 * front;
        }
        Echo { scatter: amplitude_from_db(db), reflector }
    }
}
