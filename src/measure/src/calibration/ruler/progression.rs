//! Marks in a line that are equally spaced, and whether they are a ruler.

use super::marks::{self, Mark, level};
use super::{Ruler, RulerAxis};
use crate::calibration::luma::Luma;
use crate::geometry::PixelRect;

const LEAST_TICKS: usize = 4;
/// Fewer ticks than this must be perfect: all there, and closer to their places.
const FEW_TICKS: usize = 8;
const MOST_RESIDUAL_PX: f64 = 0.5;
const FEW_RESIDUAL_PX: f64 = 0.4;
/// A mark further than this from the next place, by the ticks before, is another mark: both they and it are rounded.
const MOST_ASTRAY_PX: f64 = 2.0;
/// The same as a share of the pitch.
const MOST_ASTRAY: f64 = 0.25;
/// A tick is no further than this from its place by all ticks.
const MOST_OFF_PX: f64 = 1.25;
/// Ticks closer than this cannot be told from texture.
const LEAST_PITCH_PX: f64 = 5.0;
/// A ruler shorter than this part of the picture is a legend, a list or chance.
const LEAST_LENGTH: f64 = 0.12;
/// The same for few ticks: focus marks come in threes to fives, equally spaced, and close together.
const FEW_LENGTH: f64 = 0.25;
/// Between ticks the brightness varies by no more than this share of a tick's.
const MOST_BETWEEN: f64 = 0.35;
/// The faintest tick has at least this share of the median's brightness.
const LEAST_LIKE: f64 = 0.5;
/// A line of more marks than this is texture.
const MOST_IN_LINE: usize = 300;
/// What a position is uncertain by, however well the ticks fit: scanners draw them on whole pixels, 1/√12, and rounding
/// can lean the whole line.
const POSITION_SD_PX: f64 = 0.29;

/// Which of a mark's columns the marks of a ruler share, in half pixels.
const KEYS: [fn(&Mark) -> usize; 3] = [|m| 2 * m.x0, |m| 2 * m.x1, |m| m.x0 + m.x1];

/// Every ruler that runs down `search`.
pub(super) fn rulers(luma: &Luma, search: PixelRect, axis: RulerAxis) -> Vec<Ruler> {
    let marks = marks::find(luma, search);
    let mut found: Vec<Ruler> = Vec::new();
    for key in KEYS {
        let mut sorted: Vec<&Mark> = marks.iter().collect();
        sorted.sort_by_key(|m| key(m));
        let mut start = 0;
        while let Some(&first) = sorted.get(start) {
            // Columns that differ by one: an end drawn anti-aliased falls on either side.
            let line: Vec<&Mark> =
                sorted.iter().skip(start).copied().take_while(|m| key(m) <= key(first) + 2).collect();
            if (LEAST_TICKS..=MOST_IN_LINE).contains(&line.len()) {
                found.extend(best_in_line(luma, line, axis, f64::from(search.height)));
            }
            start += sorted.iter().skip(start).take_while(|m| key(m) == key(first)).count();
        }
    }
    // The same ruler is met in several lines; the most complete is kept.
    found.sort_by(|a, b| b.ticks.len().cmp(&a.ticks.len()).then(a.residual_px.total_cmp(&b.residual_px)));
    let mut kept: Vec<Ruler> = Vec::new();
    for ruler in found {
        let same = |k: &Ruler| {
            ruler.reach_px.0 <= k.reach_px.1 + 2.0
                && k.reach_px.0 <= ruler.reach_px.1 + 2.0
                && ruler.first_px < end(k)
                && k.first_px < end(&ruler)
        };
        if !kept.iter().any(same) {
            kept.push(ruler);
        }
    }
    kept
}

fn end(ruler: &Ruler) -> f64 {
    ruler.ticks.last().map_or(ruler.first_px, |t| t.1)
}

/// The longest progression among marks in a line that is a ruler.
fn best_in_line(luma: &Luma, mut line: Vec<&Mark>, axis: RulerAxis, height: f64) -> Option<Ruler> {
    line.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut best: Option<Ruler> = None;
    for (i, first) in line.iter().enumerate() {
        for second in line.iter().skip(i + 1).take(3) {
            let chain = follow(&line, i, second.y - first.y);
            if chain.len() < LEAST_TICKS.max(best.as_ref().map_or(0, |b| b.ticks.len() + 1)) {
                continue;
            }
            if let Some(ruler) = judge(luma, &line, &chain, axis, height) {
                best = Some(ruler);
            }
        }
    }
    best
}

/// Marks from `start` on that are a whole number of pitches apart, the pitch being mended as they are found. At most one
/// tick may be missing between two.
fn follow<'a>(line: &[&'a Mark], start: usize, pitch: f64) -> Vec<(u32, &'a Mark)> {
    let Some(&first) = line.get(start) else { return Vec::new() };
    let mut chain = vec![(0_u32, first)];
    if pitch < LEAST_PITCH_PX {
        return chain;
    }
    let (mut line_from, mut pitch, mut number, mut from) = (first.y, pitch, 0_u32, start + 1);
    'ticks: loop {
        let astray = MOST_ASTRAY_PX.min(MOST_ASTRAY * pitch);
        for step in 1..=2_u32 {
            // From all ticks so far, not from the last: each is rounded.
            let expected = line_from + pitch * f64::from(number + step);
            let near = |m: &Mark| (m.y - expected).abs();
            let rest = line.iter().enumerate().skip(from).take_while(|(_, m)| m.y < expected + astray);
            let nearest = rest.min_by(|a, b| near(a.1).total_cmp(&near(b.1)));
            if let Some((i, &mark)) = nearest.filter(|(_, m)| near(m) < astray) {
                (number, from) = (number + step, i + 1);
                chain.push((number, mark));
                (line_from, pitch, ..) = fit(&chain);
                continue 'ticks;
            }
        }
        return chain;
    }
}

/// Position = first + pitch · number by least squares, the residual, and the sum of squares of the numbers about their
/// mean.
fn fit(chain: &[(u32, &Mark)]) -> (f64, f64, f64, f64) {
    let n = chain.len() as f64;
    let (mx, my) = chain.iter().fold((0.0, 0.0), |(x, y), (i, m)| (x + f64::from(*i) / n, y + m.y / n));
    let (sxx, sxy) = chain.iter().fold((0.0, 0.0), |(xx, xy), (i, m)| {
        let d = f64::from(*i) - mx;
        (xx + d * d, xy + d * (m.y - my))
    });
    let pitch = sxy / sxx;
    let first = my - pitch * mx;
    let squares: f64 = chain.iter().map(|(i, m)| (m.y - first - pitch * f64::from(*i)).powi(2)).sum();
    (first, pitch, (squares / n).sqrt(), sxx)
}

fn judge(luma: &Luma, line: &[&Mark], chain: &[(u32, &Mark)], axis: RulerAxis, height: f64) -> Option<Ruler> {
    let (first, pitch, residual, sxx) = fit(chain);
    let count = chain.len();
    let last = chain.last()?;
    let few = count < FEW_TICKS;
    if residual >= if few { FEW_RESIDUAL_PX } else { MOST_RESIDUAL_PX } {
        return None;
    }
    if last.1.y - first < if few { FEW_LENGTH } else { LEAST_LENGTH } * height {
        return None;
    }
    if chain.iter().any(|(i, m)| (m.y - first - pitch * f64::from(*i)).abs() > MOST_OFF_PX) {
        return None;
    }
    // A part of a longer progression: that one was judged, and was none.
    let astray = MOST_ASTRAY_PX.min(MOST_ASTRAY * pitch);
    let ends = [first - pitch, first + pitch * f64::from(last.0 + 1)];
    if line.iter().any(|m| ends.iter().any(|end| (end - m.y).abs() < astray)) {
        return None;
    }
    let missing = last.0 as usize + 1 - count;
    // Marks of the line between its ends that are not ticks.
    let within = line.iter().filter(|m| m.y >= chain.first().map_or(0.0, |c| c.1.y) && m.y <= last.1.y);
    let strangers = within.count() - count;
    let allowed = if few { 0 } else { count / 6 };
    if missing > allowed || strangers > allowed {
        return None;
    }
    let mut contrasts: Vec<f64> = chain.iter().map(|(_, m)| m.contrast).collect();
    contrasts.sort_by(f64::total_cmp);
    let contrast = *contrasts.get(count / 2)?;
    if *contrasts.first()? < LEAST_LIKE * contrast {
        return None;
    }
    let major_every = lengths(chain)?;
    if few && major_every.is_some() {
        return None;
    }
    let x0 = chain.iter().map(|(_, m)| m.x0).min()?;
    let x1 = chain.iter().map(|(_, m)| m.x1).max()?;
    let shared = shared_columns(chain)?;
    // A caret or cursor may stand between two ticks of many.
    if filled_gaps(luma, chain, shared, contrast) > if few { 0 } else { count / 5 } {
        return None;
    }
    let spread = (residual * (count as f64 / (count as f64 - 2.0)).sqrt()).max(POSITION_SD_PX);
    // Ticks that a scanner set on whole pixels are off by half of one at most, and not independently: along a ruler whose
    // pitch is nearly whole they drift and jump. Of the slope that this can make at the worst, as of a uniform error.
    let index = |i: u32| f64::from(i);
    let middle = chain.iter().map(|(i, _)| index(*i)).sum::<f64>() / count as f64;
    let drift = 0.5 * chain.iter().map(|(i, _)| (index(*i) - middle).abs()).sum::<f64>() / sxx;
    let rounding = drift / 3.0_f64.sqrt();
    Some(Ruler {
        axis,
        pitch_px: pitch,
        pitch_uncertainty_px: (spread / sxx.sqrt()).hypot(rounding),
        first_px: first,
        across_px: (x0 + x1) as f64 / 2.0,
        reach_px: (x0 as f64, x1 as f64),
        shared_px: (shared.0 as u32, shared.1 as u32),
        ticks: chain.iter().map(|(i, m)| (*i, m.y)).collect(),
        residual_px: residual,
        major_every,
        contrast,
    })
}

/// Every how many ticks a longer one stands; `None` inside where all are alike. Nothing where lengths follow no rule,
/// as those of letters and specks.
fn lengths(chain: &[(u32, &Mark)]) -> Option<Option<u32>> {
    let length = |m: &Mark| m.x1 - m.x0 + 1;
    let mut sorted: Vec<usize> = chain.iter().map(|(_, m)| length(m)).collect();
    sorted.sort_unstable();
    let shortest = *sorted.first()?;
    // Ends that are anti-aliased differ by a pixel, thick ones by a quarter.
    let tolerance = 1 + shortest / 4;
    let is_long = |m: &Mark| length(m) > shortest + tolerance;
    let long: Vec<(u32, usize)> =
        chain.iter().filter(|(_, m)| is_long(m)).map(|(i, m)| (*i, length(m))).collect();
    let [(a, _), rest @ ..] = long.as_slice() else { return Some(None) };
    let Some((b, _)) = rest.first() else {
        // One long tick alone: the zero, or a caret. Of a few ticks it says nothing.
        return (chain.len() >= FEW_TICKS).then_some(None);
    };
    let every = b - a;
    let regular = long.iter().all(|(i, _)| (i - a) % every == 0)
        && chain.iter().filter(|(i, m)| *i >= *a && (i - a) % every == 0 && !is_long(m)).count() == 0
        && chain.iter().all(|(i, m)| *i > *a || i == a || !is_long(m));
    // Long ones are of one length, or of two (5 and 10).
    let longest = long.iter().map(|l| l.1).max()?;
    let least = long.iter().map(|l| l.1).min()?;
    let classes = long.iter().all(|l| l.1 + tolerance >= longest || l.1 <= least + tolerance);
    (regular && classes && every >= 2).then_some(Some(every))
}

/// The columns that all ticks share; where ends differ by the rounding of dots, those between.
fn shared_columns(chain: &[(u32, &Mark)]) -> Option<(usize, usize)> {
    let x0 = chain.iter().map(|(_, m)| m.x0).max()?;
    let x1 = chain.iter().map(|(_, m)| m.x1).min()?;
    Some((x0.min(x1), x1.max(x0)))
}

/// Between how many neighbouring ticks the columns that all of them share are not even.
fn filled_gaps(luma: &Luma, chain: &[(u32, &Mark)], columns: (usize, usize), contrast: f64) -> usize {
    let reach = marks::reach(luma) as f64;
    let is_filled = |a: &Mark, b: &Mark| {
        let margin = (reach - 1.0).min((b.y - a.y) / 3.0);
        let (from, to) = ((a.y + margin).ceil() as usize, (b.y - margin).floor() as usize);
        let (low, high) = (from..=to).fold((f64::INFINITY, 0.0_f64), |(low, high), y| {
            let v = level(luma, columns, y);
            (low.min(v), high.max(v))
        });
        high - low > MOST_BETWEEN * contrast
    };
    // A missing tick's place may hold what hid it, and is counted as missing.
    let gaps = chain.windows(2).filter(|pair| match pair {
        [(i, a), (j, b)] => j - i == 1 && is_filled(a, b),
        _ => false,
    });
    gaps.count()
}
