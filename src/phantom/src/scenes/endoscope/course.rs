//! What the endoscope sees at a time.

use std::f64::consts::TAU;

use crate::noise::{hash_unit, hash64, smooth_step};

use super::EndoscopeScene;
use super::shape::{Field, Lesion, Shaft};

/// Shares of the tool's period: it appears, touches, lets go, is gone.
const APPEARS: f64 = 0.2;
const TOUCHES: f64 = 0.4;
const LETS_GO: f64 = 0.7;
const GONE: f64 = 0.9;
/// How much nearer to the lens a tool is that has only just entered.
const NEARER: f64 = 0.3;

/// Everything at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    /// Middle of the gut's lumen in pixels.
    pub(super) lumen_px: [f64; 2],
    /// How far the endoscope has gone along the gut, in arbitrary units.
    pub(super) travel: f64,
    pub(super) roll_rad: f64,
    pub(super) mm_per_px: f64,
    pub(super) lesion: Option<Lesion>,
    pub(super) tool: Option<Tool>,
    pub(super) is_blurred: bool,
    pub(super) is_dark: bool,
    pub(super) is_outside: bool,
    pub(super) is_withdrawal: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    pub(super) shaft: Shaft,
    pub(super) mm_per_px: f64,
    pub(super) is_touching: bool,
}

pub(super) fn sight(scene: &EndoscopeScene, field: &Field, time_s: f64) -> Sight {
    let seed = hash64(scene.seed, 0x656e_646f);
    // Slow sums of two sines; every channel has its own phase, and none exceeds 1.
    let wave = |channel: u64, period_s: f64| {
        let phase = TAU * hash_unit(seed, channel);
        let turn = TAU * time_s / period_s;
        0.7 * libm::sin(turn + phase) + 0.3 * libm::sin(2.3 * turn + 2.0 * phase)
    };
    let radius = field.radius_px;
    let mm_per_px = scene.mm_per_px * (1.0 + scene.distance_swing * wave(1, 5.0));
    let sway = [wave(2, 3.7), wave(3, 4.3)].map(|w| scene.sway * radius * w);
    let within = |stretches: &[[f64; 2]]| stretches.iter().any(|&[from, to]| (from..to).contains(&time_s));
    let has_left = scene.exit_s.is_some_and(|exit_s| time_s >= exit_s);
    let is_outside = has_left || within(&scene.outside_s);
    let is_withdrawal = scene.caecum_s.is_some_and(|caecum_s| time_s >= caecum_s);

    let lesion = (scene.has_lesion && !is_outside).then(|| {
        let (sin, cos) = libm::sincos((scene.lesion_deg + 4.0 * wave(4, 6.1)).to_radians());
        let semi_long_px = 0.5 * scene.lesion_mm / mm_per_px;
        Lesion {
            center_px: std::array::from_fn(|i| field.center_px[i] + scene.lesion_at[i] * radius + sway[i]),
            semi_long_px,
            semi_short_px: scene.lesion_ratio * semi_long_px,
            axis: [cos, sin],
        }
    });
    let tool = (scene.has_tool && !is_outside)
        .then(|| tool(scene, field, lesion.as_ref(), mm_per_px, time_s))
        .flatten();
    let speed = 0.22;
    let travel = match scene.caecum_s {
        Some(caecum_s) => speed * (caecum_s - (time_s - caecum_s).abs()),
        None => 0.35 * wave(5, 7.0),
    };
    Sight {
        lumen_px: std::array::from_fn(|i| {
            field.center_px[i]
                + radius * [0.22, -0.26][i]
                + 1.6 * sway[i]
                + 0.05 * radius * wave(6 + i as u64, 9.0)
        }),
        travel,
        roll_rad: 0.12 * wave(8, 8.0),
        mm_per_px,
        lesion,
        tool,
        is_blurred: within(&scene.blurred_s),
        is_dark: within(&scene.dark_s),
        is_outside,
        is_withdrawal,
    }
}

/// How far the tool has come at a share of its period: 0 at the border, 1 at the lesion.
fn reach(share: f64) -> f64 {
    smooth_step(APPEARS, TOUCHES, share) * (1.0 - smooth_step(LETS_GO, GONE, share))
}

fn tool(
    scene: &EndoscopeScene,
    field: &Field,
    lesion: Option<&Lesion>,
    lesion_mm_per_px: f64,
    time_s: f64,
) -> Option<Tool> {
    let share = time_s / scene.tool_period_s - (time_s / scene.tool_period_s).floor();
    let reach = reach(share);
    if reach <= 0.0 {
        return None;
    }
    let (sin, cos) = libm::sincos(scene.tool_deg.to_radians());
    let entry_px = field.border_px([cos, sin]);
    // Without a lesion the tool points a little past the field's middle.
    let (aim, goal) = match lesion {
        Some(lesion) => (lesion.center_px, lesion.edge_toward(entry_px)),
        None => (field.center_px, field.center_px),
    };
    let [dx, dy] = [aim[0] - entry_px[0], aim[1] - entry_px[1]];
    let length = (dx * dx + dy * dy).sqrt();
    if length < 1.0 {
        return None;
    }
    let mm_per_px = lesion_mm_per_px * (1.0 - NEARER * (1.0 - reach));
    Some(Tool {
        shaft: Shaft {
            tip_px: std::array::from_fn(|i| entry_px[i] + reach * (goal[i] - entry_px[i])),
            entry_px,
            direction: [dx / length, dy / length],
            half_width_px: 0.5 * scene.tool_mm / mm_per_px,
        },
        mm_per_px,
        is_touching: lesion.is_some() && (TOUCHES..=LETS_GO).contains(&share),
    })
}

/// When the tool is seen and when it touches, within `[0, end_s]`: `[from, to]` in seconds.
pub(super) fn tool_stretches(scene: &EndoscopeScene, end_s: f64) -> [Vec<[f64; 2]>; 2] {
    if !scene.has_tool {
        return [Vec::new(), Vec::new()];
    }
    let end_s = scene.exit_s.map_or(end_s, |exit_s| end_s.min(exit_s));
    let periods = (end_s / scene.tool_period_s).max(0.0) as u32;
    [[APPEARS, GONE], [TOUCHES, LETS_GO]].map(|[from, to]| {
        (0..=periods)
            .map(|k| [from, to].map(|share| (f64::from(k) + share) * scene.tool_period_s))
            .filter(|stretch| stretch[0] < end_s)
            .map(|[from, to]| [from, to.min(end_s)])
            .collect()
    })
}
