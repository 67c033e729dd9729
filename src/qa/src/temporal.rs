//! Whether a structure stays itself from frame to frame. Everything is on the frames' own times, never on their numbers.

use serde::Serialize;
use vesalius_measure::series::stats::median;

/// One frame of one structure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// Time, seconds.
    pub at_s: f64,
    /// Predicted area, any unit; 0 where there is none.
    pub predicted: f64,
    /// Length of its long axis, any unit; `None` where there is none.
    pub length: Option<f64>,
    /// Where that points, degrees; `None` where it points nowhere.
    pub orientation_deg: Option<f64>,
    /// True area; `None` where the frame has no truth.
    pub truth: Option<f64>,
    /// Dice of the predicted mask with that of the frame before; `None` for the first, and where both are empty.
    pub dice_with_last: Option<f64>,
    /// The same of the true masks: what the motion itself takes away.
    pub truth_dice_with_last: Option<f64>,
    /// Intersection over union with the predicted mask of the frame before, moved along with the picture.
    pub moved_iou: Option<f64>,
    /// The same of the true masks: what motion cannot be followed takes away, and what the annotators waver by.
    pub truth_moved_iou: Option<f64>,
}

/// Highest frequency of motion, Hz: what wavers faster is jitter.
pub const MOTION_HZ: f64 = 8.0;
/// A gap longer than this is a drop-out, seconds; and frames farther apart are no neighbours.
pub const DROP_OUT_S: f64 = 0.2;
/// A second difference above this part of the mean area marks a frame that does not fit its neighbours.
pub const ODD_FRAME: f64 = 0.1;
/// A true area whose standard deviation is a smaller part of its mean stands still.
const STANDS_STILL: f64 = 0.02;
/// Largest delay that is looked for, seconds.
const MAX_LAG_S: f64 = 0.5;

/// Steadiness of one structure in one clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Steadiness {
    /// Frames.
    pub n_frames: usize,
    /// Mean Dice of consecutive predicted masks.
    pub consecutive_dice: Option<f64>,
    /// Mean Dice of consecutive true masks: the motion.
    pub truth_consecutive_dice: Option<f64>,
    /// Mean intersection over union of consecutive predicted masks, the earlier one moved along with the picture; `None` where
    /// pictures were not looked at.
    pub moved_iou: Option<f64>,
    /// The same of the true masks.
    pub truth_moved_iou: Option<f64>,
    /// Root mean square of how far an area lies from the line between its neighbours', as a part of the mean area
    /// (after Painchaud et al. 2022, doi:10.1109/TMI.2022.3173669).
    pub second_difference: Option<f64>,
    /// Part of the frames for which it is above [`ODD_FRAME`].
    pub odd_frames: Option<f64>,
    /// The same as for the area, of the length of the long axis, as a part of the mean length.
    pub length_second_difference: Option<f64>,
    /// The same of where the long axis points, degrees.
    pub orientation_second_difference_deg: Option<f64>,
    /// Root mean square of what of the area wavers faster than [`MOTION_HZ`], per cent of the mean; `None` at frame rates
    /// that cannot show it.
    pub jitter_percent: Option<f64>,
    /// Times a minute that the structure comes or goes.
    pub flicker_per_min: Option<f64>,
    /// Median length of the times it is there, seconds.
    pub median_on_s: Option<f64>,
    /// Gaps longer than [`DROP_OUT_S`] within the time it is there; where there is truth, only those in which it truly is.
    pub drop_outs: usize,
    /// The longest gap, seconds.
    pub longest_gap_s: f64,
    /// Delay of the predicted area behind the true one, milliseconds; `None` where nothing moves or truth lacks.
    pub lag_ms: Option<f64>,
}

/// Looks at a clip's frames in the order of time. `None` for fewer than three, or times that do not rise.
pub fn steadiness(clip: &[Moment]) -> Option<Steadiness> {
    let rises = clip.windows(2).all(|w| matches!(w, [a, b] if b.at_s > a.at_s));
    if clip.len() < 3 || !rises || clip.iter().any(|m| !m.at_s.is_finite() || !m.predicted.is_finite()) {
        return None;
    }
    let mean_of = |values: Vec<f64>| crate::stats::mean(&values);
    let second = second_differences(clip, |m| (m.predicted > 0.0).then_some(m.predicted), |d| d);
    let length = second_differences(clip, |m| m.length, |d| d);
    let orientation = second_differences(clip, |m| m.orientation_deg, half_turn);
    let mean_length = mean_of(clip.iter().filter_map(|m| m.length).collect());
    let relative = |d: f64, of: Option<f64>| of.map(|of| d / of);
    let second: Vec<f64> = second.into_iter().filter_map(|d| relative(d, mean_area(clip))).collect();
    let rms = |v: &[f64]| mean_of(v.iter().map(|v| v * v).collect()).map(f64::sqrt);
    let on_off = OnOff::of(clip);
    Some(Steadiness {
        n_frames: clip.len(),
        consecutive_dice: mean_of(clip.iter().filter_map(|m| m.dice_with_last).collect()),
        truth_consecutive_dice: mean_of(clip.iter().filter_map(|m| m.truth_dice_with_last).collect()),
        moved_iou: mean_of(clip.iter().filter_map(|m| m.moved_iou).collect()),
        truth_moved_iou: mean_of(clip.iter().filter_map(|m| m.truth_moved_iou).collect()),
        second_difference: rms(&second),
        odd_frames: mean_of(second.iter().map(|d| f64::from(u8::from(d.abs() > ODD_FRAME))).collect()),
        length_second_difference: rms(&length).and_then(|d| relative(d, mean_length)),
        orientation_second_difference_deg: rms(&orientation),
        jitter_percent: jitter_percent(clip),
        flicker_per_min: on_off.flicker_per_min,
        median_on_s: on_off.median_on_s,
        drop_outs: on_off.drop_outs,
        longest_gap_s: on_off.longest_gap_s,
        lag_ms: lag_ms(clip),
    })
}

fn mean_area(clip: &[Moment]) -> Option<f64> {
    let there: Vec<f64> = clip.iter().map(|m| m.predicted).filter(|a| *a > 0.0).collect();
    crate::stats::mean(&there)
}

/// An axis is the same after half a turn: a difference of directions, −90 to 90 degrees.
fn half_turn(degrees: f64) -> f64 {
    degrees - 180.0 * (degrees / 180.0).round()
}

/// Most time between frames that count as neighbours, seconds: [`DROP_OUT_S`], and more where a clip is slower.
fn neighbours_s(clip: &[Moment]) -> f64 {
    let mut steps: Vec<f64> = clip.iter().zip(clip.iter().skip(1)).map(|(a, b)| b.at_s - a.at_s).collect();
    median(&mut steps).map_or(DROP_OUT_S, |step| DROP_OUT_S.max(1.5 * step))
}

/// How far each value lies from the line between its neighbours', where all three are there. `difference` brings a difference
/// of two values to the nearest way round.
fn second_differences(
    clip: &[Moment],
    value: impl Fn(&Moment) -> Option<f64>,
    difference: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let most = neighbours_s(clip);
    clip.windows(3)
        .filter_map(|w| {
            let [a, b, c] = w else { return None };
            let (va, vb, vc) = (value(a)?, value(b)?, value(c)?);
            let near = b.at_s - a.at_s <= most && c.at_s - b.at_s <= most;
            let line = difference(vc - va) * (b.at_s - a.at_s) / (c.at_s - a.at_s);
            near.then(|| difference(difference(vb - va) - line))
        })
        .collect()
}

/// The curve of `value` read at equal distances of the median frame time, by straight lines.
fn resampled(clip: &[Moment], value: impl Fn(&Moment) -> f64) -> Option<(f64, Vec<f64>)> {
    let mut steps: Vec<f64> = clip
        .windows(2)
        .map(|w| w.iter().rev().map(|m| m.at_s).reduce(|a, b| a - b))
        .collect::<Option<_>>()?;
    let step = median(&mut steps)?;
    let (first, last) = (clip.first()?.at_s, clip.last()?.at_s);
    let count = ((last - first) / step + 1e-6) as usize + 1;
    let mut out = Vec::with_capacity(count);
    let mut i = 0;
    for n in 0..count {
        let at = first + n as f64 * step;
        while clip.get(i + 1).is_some_and(|m| m.at_s <= at) {
            i += 1;
        }
        let a = clip.get(i)?;
        out.push(match clip.get(i + 1) {
            Some(b) => value(a) + (value(b) - value(a)) * ((at - a.at_s) / (b.at_s - a.at_s)).clamp(0.0, 1.0),
            None => value(a),
        });
    }
    Some((step, out))
}

/// What wavers faster than [`MOTION_HZ`]: the curve less its low-pass by a windowed sinc (Hamming), symmetrical and so without
/// delay, over the part of the clip where the window fits.
fn jitter_percent(clip: &[Moment]) -> Option<f64> {
    let mean = mean_area(clip)?;
    // A gap is no jitter.
    if clip.iter().any(|m| m.predicted <= 0.0) {
        return None;
    }
    let (step, curve) = resampled(clip, |m| m.predicted)?;
    let cut = MOTION_HZ * step;
    if cut >= 0.45 {
        return None;
    }
    let half = (2.0 / cut).ceil() as usize;
    let mut kernel: Vec<f64> = (0..=2 * half)
        .map(|i| {
            let n = i as f64 - half as f64;
            let turn = std::f64::consts::TAU * cut * n;
            let sinc = if i == half { 2.0 * cut } else { turn.sin() / (std::f64::consts::PI * n) };
            sinc * (0.54 + 0.46 * (std::f64::consts::PI * n / (half as f64 + 1.0)).cos())
        })
        .collect();
    let sum: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);
    let fast: Vec<f64> = curve
        .windows(kernel.len())
        .filter_map(|w| {
            let slow: f64 = w.iter().zip(&kernel).map(|(v, k)| v * k).sum();
            w.get(half).map(|v| (v - slow).powi(2))
        })
        .collect();
    crate::stats::mean(&fast).map(|square| 100.0 * square.sqrt() / mean)
}

#[derive(Default)]
struct OnOff {
    flicker_per_min: Option<f64>,
    median_on_s: Option<f64>,
    drop_outs: usize,
    longest_gap_s: f64,
}

impl OnOff {
    fn of(clip: &[Moment]) -> Self {
        let (Some(first), Some(last)) = (clip.first(), clip.last()) else { return Self::default() };
        let length = last.at_s - first.at_s;
        let (mut changes, mut on_s, mut out) = (0_u32, Vec::new(), Self::default());
        // Where the run under way began, and whether a gap in it truly had something to show.
        let (mut since, mut was_on, mut missed, mut seen_on) =
            (first.at_s, first.predicted > 0.0, false, false);
        for m in clip {
            let on = m.predicted > 0.0;
            if on != was_on {
                changes += 1;
                let run = m.at_s - since;
                if was_on {
                    on_s.push(run);
                } else if seen_on && missed {
                    out.longest_gap_s = out.longest_gap_s.max(run);
                    out.drop_outs += usize::from(run > DROP_OUT_S);
                }
                (since, was_on, missed) = (m.at_s, on, false);
            }
            seen_on |= on;
            missed |= !on && m.truth.is_none_or(|t| t > 0.0);
        }
        if was_on {
            on_s.push(last.at_s - since);
        }
        out.flicker_per_min = (length > 0.0).then(|| f64::from(changes) * 60.0 / length);
        out.median_on_s = median(&mut on_s);
        out
    }
}

/// Delay of the predicted curve behind the true one: the shift at which they go together best, between frames by a parabola.
fn lag_ms(clip: &[Moment]) -> Option<f64> {
    if clip.iter().any(|m| m.truth.is_none()) {
        return None;
    }
    let (step, predicted) = resampled(clip, |m| m.predicted)?;
    let (_, truth) = resampled(clip, |m| m.truth.unwrap_or(0.0))?;
    let swing = crate::stats::variance(&truth)?.sqrt() / crate::stats::mean(&truth)?;
    if swing.is_nan() || swing < STANDS_STILL {
        return None;
    }
    let reach = ((MAX_LAG_S / step) as usize).min(truth.len() / 4);
    let correlation = |shift: isize| -> Option<f64> {
        let pairs: Vec<(f64, f64)> = (0..truth.len())
            .filter_map(|i| Some((*predicted.get(i.checked_add_signed(shift)?)?, *truth.get(i)?)))
            .collect();
        let n = pairs.len() as f64;
        let (mp, mt) = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
        let (mut pp, mut tt, mut pt) = (0.0, 0.0, 0.0);
        for (p, t) in pairs {
            pp += (p - mp).powi(2);
            tt += (t - mt).powi(2);
            pt += (p - mp) * (t - mt);
        }
        let r = pt / (pp * tt).sqrt();
        r.is_finite().then_some(r)
    };
    let reach = reach as isize;
    let best = (-reach..=reach)
        .filter_map(|shift| Some((shift, correlation(shift)?)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    // Curves that hardly go together have no delay.
    if best.1 < 0.5 {
        return None;
    }
    let (before, after) = (correlation(best.0 - 1), correlation(best.0 + 1));
    let between = match (before, after) {
        (Some(a), Some(c)) if a - 2.0 * best.1 + c < 0.0 => 0.5 * (a - c) / (a - 2.0 * best.1 + c),
        _ => 0.0,
    };
    Some((best.0 as f64 + between) * step * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn clip(frames: usize, fps: f64, area: impl Fn(f64) -> f64) -> Vec<Moment> {
        (0..frames)
            .map(|i| {
                let at_s = i as f64 / fps;
                Moment { at_s, predicted: area(at_s), ..Moment::default() }
            })
            .collect()
    }

    #[test]
    fn fast_wavering_is_jitter_and_a_heartbeat_is_not() {
        let beat = clip(300, 50.0, |t| 1000.0 + 200.0 * (TAU * 1.2 * t).sin());
        assert!(steadiness(&beat).unwrap().jitter_percent.unwrap() < 0.15);
        let wavers =
            clip(300, 50.0, |t| 1000.0 + 200.0 * (TAU * 1.2 * t).sin() + 20.0 * (TAU * 17.0 * t).sin());
        let jitter = steadiness(&wavers).unwrap().jitter_percent.unwrap();
        // 20 of 1000, by √2.
        assert!((jitter - 1.414).abs() < 0.05, "{jitter}");
        assert_eq!(steadiness(&clip(30, 10.0, |_| 1.0)).unwrap().jitter_percent, None);
    }

    #[test]
    fn a_frame_that_does_not_fit_is_odd() {
        let mut even = clip(101, 25.0, |t| 1000.0 + 10.0 * t);
        let calm = steadiness(&even).unwrap();
        assert!(calm.second_difference.unwrap() < 1e-12 && calm.odd_frames == Some(0.0));
        even[50].predicted *= 1.3;
        let s = steadiness(&even).unwrap();
        // The frame itself by 0.3, its two neighbours by 0.15 the other way.
        assert!((s.odd_frames.unwrap() - 3.0 / 99.0).abs() < 1e-12);
    }

    #[test]
    fn an_axis_that_turns_steadily_is_calm_through_half_a_turn() {
        let mut turning = clip(100, 25.0, |_| 1000.0);
        for (i, m) in turning.iter_mut().enumerate() {
            m.length = Some(50.0);
            m.orientation_deg = Some((4.0 * i as f64).rem_euclid(180.0));
        }
        let calm = steadiness(&turning).unwrap();
        assert!(calm.orientation_second_difference_deg.unwrap() < 1e-9);
        assert!(calm.length_second_difference.unwrap() < 1e-12);
        turning[50].orientation_deg = Some(turning[50].orientation_deg.unwrap() + 12.0);
        turning[50].length = Some(60.0);
        let s = steadiness(&turning).unwrap();
        // One frame by 12 degrees, its neighbours by 6: the root of (144 + 36 + 36)/98.
        assert!((s.orientation_second_difference_deg.unwrap() - (216.0_f64 / 98.0).sqrt()).abs() < 1e-9);
        assert!((s.length_second_difference.unwrap() - (150.0_f64 / 98.0).sqrt() / 50.1).abs() < 1e-9);
    }

    #[test]
    fn frames_far_apart_are_no_neighbours() {
        let mut broken = clip(40, 25.0, |t| if t < 0.8 { 1000.0 } else { 2000.0 });
        for m in broken.iter_mut().skip(20) {
            m.at_s += 1.0;
        }
        assert_eq!(steadiness(&broken).unwrap().odd_frames, Some(0.0));
    }

    #[test]
    fn uneven_times_are_no_jitter() {
        let mut steady = clip(60, 30.0, |_| 0.0);
        for (i, m) in steady.iter_mut().enumerate() {
            m.at_s += if i % 3 == 0 { 0.009 } else { 0.0 };
            m.predicted = 500.0 + 40.0 * m.at_s;
        }
        assert!(steadiness(&steady).unwrap().second_difference.unwrap() < 1e-12);
    }

    #[test]
    fn gaps_are_counted_where_something_was_to_be_seen() {
        let mut m = clip(100, 20.0, |t| f64::from(u8::from(!(1.0..1.5).contains(&t))));
        let s = steadiness(&m).unwrap();
        assert_eq!((s.drop_outs, s.consecutive_dice), (1, None));
        assert!((s.longest_gap_s - 0.5).abs() < 1e-9);
        // Two changes in 4.95 s; times of 1 s and 3.45 s.
        assert!((s.flicker_per_min.unwrap() - 2.0 * 60.0 / 4.95).abs() < 1e-9);
        assert!((s.median_on_s.unwrap() - (1.0 + 3.45) / 2.0).abs() < 1e-9);
        for m in &mut m {
            m.truth = Some(m.predicted);
        }
        assert_eq!(steadiness(&m).unwrap().drop_outs, 0);
    }

    #[test]
    fn a_delay_is_found_between_frames() {
        let curve = |t: f64| 1000.0 + 300.0 * (TAU * 1.1 * t).sin() + 90.0 * (TAU * 2.2 * t).cos();
        let mut late = clip(200, 40.0, |t| curve(t - 0.06));
        for m in &mut late {
            m.truth = Some(curve(m.at_s));
        }
        let lag = steadiness(&late).unwrap().lag_ms.unwrap();
        assert!((lag - 60.0).abs() < 2.0, "{lag}");
    }

    #[test]
    fn times_that_do_not_rise_are_no_clip() {
        let mut m = clip(5, 20.0, |_| 1.0);
        m[3].at_s = m[2].at_s;
        assert_eq!(steadiness(&m), None);
        assert_eq!(steadiness(&m[..2]), None);
    }
}
