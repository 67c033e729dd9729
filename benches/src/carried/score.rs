//! One mask held against another, where it was and carried along.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use vesalius_measure::contour::{Contour, trace};
use vesalius_measure::flow::{Gray, Motion, Pyramid};
use vesalius_measure::geometry::{Geometry, PointInFrame, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;

/// Frames after which a mask is looked at, at the most.
pub const OLDEST: u64 = 6;

/// A frame: when it is (in frames), what motion is looked for in, and its labels.
pub struct Picture {
    pub number: u64,
    pub size: (usize, usize),
    pub pyramid: Pyramid,
    pub labels: Vec<u8>,
}

/// Overlaps by what was looked at (a structure or a scene) and age in frames.
#[derive(Default)]
pub struct Table {
    rows: BTreeMap<(String, u64), Vec<[f64; 2]>>,
    times: Vec<Duration>,
    /// Pairs of frames between which no motion was found that brings them closer.
    stay: usize,
}

impl Table {
    /// Holds every frame's mask against those after it.
    pub fn add(&mut self, pictures: &[Picture], structures: &[(u8, String)]) -> anyhow::Result<()> {
        for (i, earlier) in pictures.iter().enumerate() {
            let later = pictures.iter().skip(i + 1);
            for later in later.take_while(|p| p.number - earlier.number <= OLDEST) {
                let begun = Instant::now();
                let motion = Motion::between(&earlier.pyramid, &later.pyramid, earlier.size, || true);
                self.times.push(begun.elapsed());
                // Without a motion it stays where it was, as in the live picture.
                self.stay += usize::from(motion.is_none());
                for (class, name) in structures {
                    let contours = outlines(&earlier.labels, earlier.size, *class)?;
                    let truth: Vec<bool> = later.labels.iter().map(|label| label == class).collect();
                    // Where either shows none, no overlap is to be had: it came or went.
                    if contours.is_empty() || !truth.contains(&true) {
                        continue;
                    }
                    let moved: Vec<Contour> = match &motion {
                        Some(motion) => contours.iter().map(|c| motion.contour(c)).collect(),
                        None => contours.clone(),
                    };
                    let both = [contours, moved].map(|c| iou(&fill(&c, earlier.size), &truth));
                    self.rows.entry((name.clone(), later.number - earlier.number)).or_default().push(both);
                }
            }
        }
        Ok(())
    }

    /// Prints a line a structure and age.
    pub fn print(&mut self, of: &str) {
        println!("| {of} | frames old | pairs | where it was | carried | better in |");
        println!("|---|---|---|---|---|---|");
        for ((name, age), pairs) in &self.rows {
            let mean =
                |side: usize| pairs.iter().filter_map(|p| p.get(side)).sum::<f64>() / pairs.len() as f64;
            let better = pairs.iter().filter(|[was, carried]| carried > was).count();
            let percent = 100.0 * better as f64 / pairs.len() as f64;
            println!(
                "| {name} | {age} | {} | {:.3} | {:.3} | {percent:.0} % |",
                pairs.len(),
                mean(0),
                mean(1)
            );
        }
        self.times.sort_unstable();
        let at = |q: f64| self.times.get((self.times.len() as f64 * q) as usize).copied().unwrap_or_default();
        let (pairs, stay) = (self.times.len(), self.stay);
        println!(
            "\nmotion of one picture: p50 {:.2?}, p99 {:.2?}; {pairs} pairs of frames, without motion {stay}\n",
            at(0.5),
            at(0.99)
        );
    }
}

/// A frame made small as the live picture is.
pub fn pyramid(gray: &Gray) -> anyhow::Result<Pyramid> {
    Pyramid::new(gray).context("a frame is too small")
}

fn outlines(labels: &[u8], (width, height): (usize, usize), class: u8) -> anyhow::Result<Vec<Contour>> {
    let values: Vec<f32> = labels.iter().map(|label| f32::from(u8::from(*label == class))).collect();
    let map = ProbabilityMap::new(width, height, values)?;
    let size = (u32::try_from(width)?, u32::try_from(height)?);
    Ok(trace(&map, &Geometry::new(size, size, ResizeRule::Stretch, (1, 1))?, 0.5))
}

/// The pixels whose centres lie inside outlines and outside of their holes.
fn fill(contours: &[Contour], (width, height): (usize, usize)) -> Vec<bool> {
    let mut inside = vec![false; width * height];
    for contour in contours {
        let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); height];
        for line in std::iter::once(&contour.outer).chain(&contour.holes) {
            for (p, q) in line.iter().zip(line.iter().cycle().skip(1)) {
                cross(&mut crossings, *p, *q);
            }
        }
        for (row, crossings) in inside.chunks_exact_mut(width).zip(&mut crossings) {
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                if let [from, to] = pair {
                    let from = from.ceil().max(0.0) as usize;
                    let to = (to.floor() + 1.0).clamp(0.0, width as f64) as usize;
                    row.get_mut(from..to).unwrap_or(&mut []).fill(true);
                }
            }
        }
    }
    inside
}

/// Where a side crosses the middles of rows.
fn cross(crossings: &mut [Vec<f64>], p: PointInFrame, q: PointInFrame) {
    let (top, bottom) = if p.y_px <= q.y_px { (p, q) } else { (q, p) };
    let first = top.y_px.ceil().max(0.0) as usize;
    for (y, row) in crossings.iter_mut().enumerate().skip(first) {
        if y as f64 >= bottom.y_px {
            break;
        }
        let t = (y as f64 - top.y_px) / (bottom.y_px - top.y_px);
        row.push(top.x_px + t * (bottom.x_px - top.x_px));
    }
}

fn iou(a: &[bool], b: &[bool]) -> f64 {
    let count = |of: fn(bool, bool) -> bool| a.iter().zip(b).filter(|(a, b)| of(**a, **b)).count();
    count(|a, b| a && b) as f64 / count(|a, b| a || b).max(1) as f64
}
