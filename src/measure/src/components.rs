//! Clean-up of a class's probability map: pieces and holes.
//!
//! Pieces are 8-connected sets of pixels at or above the threshold, holes 4-connected sets below it that do not
//! reach the map's edge. Labelling is by runs and union-find (Rosenfeld & Pfaltz 1966, doi:10.1145/321356.321357).

use serde::{Deserialize, Serialize};

/// Which pieces of a class are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepComponents {
    /// Every piece.
    #[default]
    All,
    /// The one with the most pixels; of equals, the one found first from the top.
    Largest,
}

/// Pieces found by [`clean`], before anything was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Components {
    /// How many.
    pub count: usize,
    /// Pixels of the largest.
    pub largest_px: usize,
    /// Pixels of the second largest, 0 where there is one alone.
    pub second_px: usize,
}

/// A horizontal run of pixels of one kind.
#[derive(Clone, Copy)]
struct Run {
    row: usize,
    first: usize,
    /// One past the last.
    end: usize,
    parent: u32,
}

fn root(runs: &mut [Run], mut i: u32) -> u32 {
    loop {
        let Some(parent) = runs.get(i as usize).map(|r| r.parent) else { return i };
        if parent == i {
            return i;
        }
        // Halve the path on the way up.
        let grand = runs.get(parent as usize).map_or(parent, |r| r.parent);
        if let Some(run) = runs.get_mut(i as usize) {
            run.parent = grand;
        }
        i = grand;
    }
}

/// Runs of the pixels for which `inside` holds, joined into sets; each run's `parent` is its set's root.
fn label(values: &[f32], width: usize, reach: usize, inside: impl Fn(f32) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut above, mut above_end) = (0, 0);
    for (row, line) in values.chunks_exact(width).enumerate() {
        let row_start = runs.len();
        let mut x = 0;
        while let Some(skip) = line.get(x..).and_then(|rest| rest.iter().position(|&v| inside(v))) {
            let first = x + skip;
            let rest = line.get(first..).unwrap_or(&[]);
            let end = first + rest.iter().position(|&v| !inside(v)).unwrap_or(rest.len());
            let this = runs.len() as u32;
            runs.push(Run { row, first, end, parent: this });
            // A run of the row above touches if it ends no earlier than we start and starts before we end,
            // each widened by `reach` (1 for 8-connectivity, 0 for 4).
            while above < above_end && runs.get(above).is_some_and(|r| r.end + reach <= first) {
                above += 1;
            }
            let mut i = above;
            while i < above_end && runs.get(i).is_some_and(|r| r.first < end + reach) {
                let (a, b) = (root(&mut runs, i as u32), root(&mut runs, this));
                // The earlier root wins, so that ties are decided from the top.
                let (low, high) = (a.min(b), a.max(b));
                if let Some(run) = runs.get_mut(high as usize) {
                    run.parent = low;
                }
                i += 1;
            }
            x = end;
        }
        above = row_start;
        above_end = runs.len();
    }
    for i in 0..runs.len() {
        let r = root(&mut runs, i as u32);
        if let Some(run) = runs.get_mut(i) {
            run.parent = r;
        }
    }
    runs
}

fn fill(values: &mut [f32], width: usize, run: &Run, value: f32) {
    let line = run.row * width;
    if let Some(pixels) = values.get_mut(line + run.first..line + run.end) {
        pixels.fill(value);
    }
}

/// Removes pieces (set to 0) and fills holes (set to 1) of a map of rows of `width` values, in place, and says
/// what pieces there were. `threshold` is in probability.
pub fn clean(
    values: &mut [f32],
    width: usize,
    threshold: f32,
    keep: KeepComponents,
    fill_holes: bool,
) -> Components {
    if width == 0 {
        return Components::default();
    }
    let runs = label(values, width, 1, |v| v >= threshold);
    let mut sizes = vec![0_usize; runs.len()];
    for run in &runs {
        if let Some(size) = sizes.get_mut(run.parent as usize) {
            *size += run.end - run.first;
        }
    }
    let mut found = Components::default();
    let mut largest = None;
    for (i, &size) in sizes.iter().enumerate().filter(|&(_, &size)| size > 0) {
        found.count += 1;
        if size > found.largest_px {
            found.second_px = found.largest_px;
            found.largest_px = size;
            largest = Some(i as u32);
        } else if size > found.second_px {
            found.second_px = size;
        }
    }
    if keep == KeepComponents::Largest && found.count > 1 {
        for run in runs.iter().filter(|run| Some(run.parent) != largest) {
            fill(values, width, run, 0.0);
        }
    }
    if fill_holes && found.count > 0 {
        let rows = values.len() / width;
        let gaps = label(values, width, 0, |v| v < threshold);
        let mut open = vec![false; gaps.len()];
        for gap in &gaps {
            let reaches_edge = gap.row == 0 || gap.row + 1 == rows || gap.first == 0 || gap.end == width;
            if let (true, Some(open)) = (reaches_edge, open.get_mut(gap.parent as usize)) {
                *open = true;
            }
        }
        for gap in gaps.iter().filter(|gap| open.get(gap.parent as usize) == Some(&false)) {
            fill(values, width, gap, 1.0);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(picture: &[&str]) -> (Vec<f32>, usize) {
        let values = picture.iter().flat_map(|l| l.bytes()).map(|b| if b == b'#' { 0.9 } else { 0.1 });
        (values.collect(), picture[0].len())
    }

    fn show(values: &[f32], width: usize) -> Vec<String> {
        values.chunks(width).map(|l| l.iter().map(|&v| if v >= 0.5 { '#' } else { '.' }).collect()).collect()
    }

    #[test]
    fn the_largest_piece_stays_and_its_holes_close() {
        let (mut values, width) = parse(&[
            "##......", //
            "##..####", //
            "....#..#", //
            "#...####", //
            ".#......",
        ]);
        let found = clean(&mut values, width, 0.5, KeepComponents::Largest, true);
        assert_eq!(found, Components { count: 3, largest_px: 10, second_px: 4 });
        assert_eq!(show(&values, width), ["........", "....####", "....####", "....####", "........"]);
    }

    #[test]
    fn diagonal_neighbours_are_one_piece_and_leave_no_hole_open() {
        let (mut values, width) = parse(&[
            ".#.", //
            "#.#", //
            ".#.",
        ]);
        let found = clean(&mut values, width, 0.5, KeepComponents::All, true);
        assert_eq!(found.count, 1);
        assert_eq!(show(&values, width), [".#.", "###", ".#."]);
    }

    #[test]
    fn nothing_is_no_piece() {
        assert_eq!(clean(&mut [0.0; 12], 4, 0.5, KeepComponents::Largest, true), Components::default());
        assert_eq!(clean(&mut [], 0, 0.5, KeepComponents::Largest, true), Components::default());
    }

    /// Flood fill: slow, and plainly right.
    fn oracle(values: &[f32], width: usize) -> Vec<usize> {
        let height = values.len() / width;
        let mut seen = vec![false; values.len()];
        let mut sizes = Vec::new();
        for start in 0..values.len() {
            if seen[start] || values[start] < 0.5 {
                continue;
            }
            let (mut stack, mut size) = (vec![start], 0);
            seen[start] = true;
            while let Some(i) = stack.pop() {
                size += 1;
                let (x, y) = (i % width, i / width);
                for ny in y.saturating_sub(1)..(y + 2).min(height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(width) {
                        let n = ny * width + nx;
                        if !seen[n] && values[n] >= 0.5 {
                            seen[n] = true;
                            stack.push(n);
                        }
                    }
                }
            }
            sizes.push(size);
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }

    proptest! {
        #[test]
        fn pieces_equal_a_flood_fill(width in 1_usize..20, bits in proptest::collection::vec(any::<bool>(), 1..300)) {
            let height = bits.len().div_ceil(width);
            let mut values: Vec<f32> = bits.iter().map(|&b| f32::from(u8::from(b))).collect();
            values.resize(width * height, 0.0);
            let sizes = oracle(&values, width);
            let found = clean(&mut values, width, 0.5, KeepComponents::Largest, false);
            prop_assert_eq!(found.count, sizes.len());
            prop_assert_eq!(found.largest_px, sizes.first().copied().unwrap_or(0));
            prop_assert_eq!(found.second_px, sizes.get(1).copied().unwrap_or(0));
            prop_assert_eq!(values.iter().filter(|&&v| v >= 0.5).count(), found.largest_px);
        }
    }
}
