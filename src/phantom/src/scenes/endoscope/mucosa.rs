//! The colours: a folded tube of mucosa, the lesion, the tool, highlights; and a room, seen from outside of the body.

use std::f64::consts::TAU;

use crate::noise::{Random, fractal_noise, hash_unit, hash64, smooth_step};

use super::course::{Sight, Tool};
use super::shape::{Field, Lesion};

/// Cells of the mucosa's texture: around the gut, along it.
const AROUND: usize = 512;
const ALONG: usize = 512;
/// Samples of sensor noise kept.
const NOISE_LENGTH: usize = 1 << 16;
/// From here on a highlight counts as one.
const SPECULAR: f32 = 0.5;

type Colour = [f32; 3];

/// Textures of one scene.
pub(super) struct Mucosa {
    seed: u64,
    highlights: f32,
    /// Tone, vessel, wetness, fold, over the unrolled wall, which repeats both ways.
    wall: Vec<[f32; 4]>,
    noise: Vec<f32>,
}

/// Value noise that repeats after `period` cells each way.
fn periodic_noise(seed: u64, x: f64, y: f64, period: [u64; 2]) -> f64 {
    let (x0, y0) = (x.floor(), y.floor());
    let fade = |t: f64| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (fade(x - x0), fade(y - y0));
    let corner = |dx: u64, dy: u64| {
        let cell = (x0 as u64 + dx) % period[0] + 4096 * ((y0 as u64 + dy) % period[1]);
        2.0 * hash_unit(seed, cell) - 1.0
    };
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fx;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fx;
    top + (bottom - top) * fy
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

fn step(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn bump(offset: f32, width: f32) -> f32 {
    // A cheap bell: 1 at 0, 0 from twice the width on.
    let t = (1.0 - (offset / (2.0 * width)).abs()).max(0.0);
    t * t * (3.0 - 2.0 * t)
}

impl Mucosa {
    pub(super) fn new(seed: u64, highlights: f64) -> Self {
        let texture = hash64(seed, 0x6d75_636f);
        let octaves = |salt: u64, x: f64, y: f64, cells: [u64; 2]| {
            [1_u64, 2, 4]
                .into_iter()
                .map(|scale| {
                    let factor = scale as f64;
                    let period = cells.map(|c| c * scale);
                    periodic_noise(
                        texture ^ (salt + scale),
                        x * period[0] as f64,
                        y * period[1] as f64,
                        period,
                    ) / factor
                })
                .sum::<f64>()
                / 1.75
        };
        let wall = (0..AROUND * ALONG)
            .map(|index| {
                let x = (index % AROUND) as f64 / AROUND as f64;
                let y = (index / AROUND) as f64 / ALONG as f64;
                let tone = octaves(10, x, y, [9, 12]);
                // Vessels branch along the zero lines of a noise field.
                let vein = octaves(20, x, y, [7, 8]);
                let vessel = (1.0 - vein.abs() / 0.035).max(0.0)
                    + 0.6 * (1.0 - octaves(30, x, y, [14, 16]).abs() / 0.03).max(0.0);
                let wet = octaves(40, x, y, [22, 30]);
                let fold = octaves(50, x, y, [5, 4]);
                [tone as f32, (vessel as f32).min(1.0), wet as f32, fold as f32]
            })
            .collect();
        let mut random = Random::new(texture, 1);
        let noise = (0..NOISE_LENGTH).map(|_| random.normal() as f32).collect();
        Self { seed: texture, highlights: highlights as f32, wall, noise }
    }

    /// The wall at `around` and `along`, each counted in whole repeats.
    fn wall(&self, around: f64, along: f64) -> [f32; 4] {
        let x = (around - around.floor()) * AROUND as f64;
        let y = (along - along.floor()) * ALONG as f64;
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = ((x - column as f64) as f32, (y - row as f64) as f32);
        let at = |dx: usize, dy: usize| {
            let index = ((row + dy) % ALONG) * AROUND + (column + dx) % AROUND;
            self.wall.get(index).copied().unwrap_or_default()
        };
        let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
        std::array::from_fn(|i| {
            let top = a[i] + (b[i] - a[i]) * fx;
            let bottom = c[i] + (d[i] - c[i]) * fx;
            top + (bottom - top) * fy
        })
    }

    /// Paints a picture and returns it with the share of the field's pixels that carry a highlight.
    pub(super) fn paint(
        &self,
        size_px: [u32; 2],
        field: &Field,
        sight: &Sight,
        frame_index: u64,
    ) -> (Vec<u8>, f64) {
        let [width, height] = size_px.map(|side| side as usize);
        let mut colours: Vec<Colour> = vec![[0.0; 3]; width * height];
        let (mut inside, mut specular) = (0_u64, 0_u64);
        for (y, row) in colours.chunks_exact_mut(width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let point = [x as f64, y as f64];
                if !field.contains(point[0], point[1]) {
                    continue;
                }
                inside += 1;
                if sight.is_outside {
                    *pixel = self.room(field, sight, point);
                    continue;
                }
                let (colour, shine) = self.body(field, sight, point);
                specular += u64::from(shine > SPECULAR);
                *pixel = mix(colour, [252.0, 252.0, 248.0], (1.6 * shine).min(1.0));
            }
        }
        if sight.is_blurred {
            let radius = (field.radius_px / 45.0).ceil() as usize;
            for _ in 0..2 {
                blur(&mut colours, width, radius);
            }
        }
        let light: f32 = if sight.is_dark { 0.12 } else { 1.0 };
        let mut pixels = Vec::with_capacity(3 * width * height);
        for (y, row) in colours.chunks_exact(width).enumerate() {
            let noise_at = hash64(self.seed ^ frame_index.rotate_left(32), y as u64) as usize;
            for (x, colour) in row.iter().enumerate() {
                if !field.contains(x as f64, y as f64) {
                    pixels.extend([0, 0, 0]);
                    continue;
                }
                for (channel, value) in colour.iter().enumerate() {
                    let at = noise_at.wrapping_add(3 * x + channel) & (NOISE_LENGTH - 1);
                    let noise = self.noise.get(at).copied().unwrap_or(0.0);
                    // The conversion saturates.
                    pixels.push((light * value + 1.8 * noise).round() as u8);
                }
            }
        }
        let share = if sight.is_outside || inside == 0 { 0.0 } else { specular as f64 / inside as f64 };
        (pixels, share)
    }

    /// Colour and highlight of a point inside the body.
    fn body(&self, field: &Field, sight: &Sight, point: [f64; 2]) -> (Colour, f32) {
        let [dx, dy] = std::array::from_fn(|i| (point[i] - sight.lumen_px[i]) / field.radius_px);
        let away = (dx * dx + dy * dy).sqrt();
        let around = (libm::atan2(dy, dx) + sight.roll_rad) / TAU;
        // A straight tube in perspective: distance along it goes with one over the distance from the vanishing point.
        let depth = 0.34 / (away + 0.05);
        let [tone, vessel, wet, fold] = self.wall(around, 0.42 * (depth + sight.travel));
        let bend = 0.13 * libm::cos(3.0 * TAU * around + 0.8);
        let ring = 1.25 * (depth + sight.travel) + 0.16 * f64::from(fold) + bend;
        let ring = (ring - ring.floor()) as f32;
        let away = away as f32;

        // Folds catch the light on the near side and throw a shadow behind.
        let relief = 0.30 * bump(ring - 0.12, 0.07) - 0.42 * bump(ring - 0.3, 0.11) + 0.10 * ring;
        let lit = step(0.02, 0.5, away) * (1.0 - 0.28 * step(0.7, 1.6, away));
        let middle = std::array::from_fn::<f64, 2, _>(|i| (point[i] - field.center_px[i]) / field.radius_px);
        let rim = (middle[0] * middle[0] + middle[1] * middle[1]) as f32;
        let vignette = 1.0 - 0.34 * rim;
        let mut light = (0.10 + 0.90 * lit) * (1.0 + relief) * vignette;
        let mut colour = mix([206.0, 104.0, 84.0], [228.0, 150.0, 122.0], 0.5 + 0.5 * tone);
        colour = mix(colour, [160.0, 52.0, 48.0], 0.5 * vessel);
        // A film of fluid shines where the wall faces the lens.
        let facing = bump(ring - 0.13, 0.09) * step(0.2, 0.4, away) + 0.14 * bump(ring - 0.62, 0.2);
        let mut shine = self.highlights * 2.2 * facing * step(0.22, 0.5, wet) * vignette;

        if let Some(lesion) = &sight.lesion {
            self.lesion(lesion, point, &mut colour, &mut light, &mut shine);
        }
        if let Some(tool) = &sight.tool {
            tool_shadow(tool, point, &mut light, &mut shine);
        }
        let mut colour = colour.map(|channel| channel * light.max(0.0) * 1.08);
        if let Some(tool) = &sight.tool {
            shaft(tool, point, &mut colour, &mut shine, self.highlights);
        }
        (colour, shine.clamp(0.0, 1.0))
    }

    /// A dome with a pitted surface, a rim and a cast shadow.
    fn lesion(
        &self,
        lesion: &Lesion,
        point: [f64; 2],
        colour: &mut Colour,
        light: &mut f32,
        shine: &mut f32,
    ) {
        let [u, v] = lesion.local(point[0], point[1]);
        let level2 = u * u + v * v;
        if level2 > 2.6 {
            return;
        }
        let level = level2.sqrt() as f32;
        // Half a pixel to either side of the outline.
        let edge = (0.5 / lesion.semi_short_px) as f32;
        let cover = step(1.0 + edge, 1.0 - edge, level);
        // Shadow below it, away from the light above.
        let (px, py) = (point[0] - lesion.center_px[0], point[1] - lesion.center_px[1]);
        let below = step(-0.2, 0.8, (py / lesion.semi_short_px) as f32);
        *light *= 1.0 - 0.42 * (1.0 - cover) * step(1.5, 1.0, level) * (0.35 + 0.65 * below);
        if cover <= 0.0 {
            return;
        }
        let pits = fractal_noise(self.seed ^ 7, 7.0 * u, 7.0 * v) as f32;
        let lobes = fractal_noise(self.seed ^ 8, 2.1 * u + 5.0, 2.1 * v) as f32;
        let head = mix([196.0, 74.0, 66.0], [224.0, 128.0, 108.0], 0.5 + 0.5 * lobes);
        let head = mix(head, [232.0, 170.0, 150.0], 0.45 * step(0.1, 0.6, pits));
        // Height of a dome; light comes from the lens, a little from above.
        let slope = (-py / lesion.semi_short_px) as f32;
        let dome = (1.0 - (level2 as f32).min(1.0)).sqrt();
        let shade = 0.52 + 0.46 * dome + 0.20 * slope + 0.07 * pits;
        *colour = mix(*colour, head, cover);
        *light = *light * (1.0 - cover) + cover * shade;
        let spot = |x: f64, y: f64, size: f64| {
            let (ex, ey) =
                ((px / lesion.semi_long_px - x) / size, (py / lesion.semi_short_px - y) / (0.7 * size));
            bump((ex * ex + ey * ey).sqrt() as f32, 0.6)
        };
        let wet = 2.0 * self.highlights * (spot(-0.3, -0.36, 0.16) + 0.8 * spot(0.2, -0.5, 0.09));
        *shine = *shine * (1.0 - cover) + cover * wet * (1.0 + 0.3 * pits);
    }

    /// An endoscopy room, out of focus: wall, window, screen, a gloved hand.
    fn room(&self, field: &Field, sight: &Sight, point: [f64; 2]) -> Colour {
        let [x, y] = std::array::from_fn(|i| {
            ((point[i] - field.center_px[i]) / field.radius_px
                + 2.0 * (sight.lumen_px[i] - field.center_px[i]) / field.radius_px
                - [0.44, -0.52][i]) as f32
        });
        let soft = |low: f32, high: f32, edge: f32, v: f32| {
            step(low - edge, low + edge, v) * step(high + edge, high - edge, v)
        };
        let mut colour = mix([150.0, 160.0, 158.0], [206.0, 212.0, 208.0], step(1.0, -1.2, y));
        // Floor.
        colour = mix(colour, [96.0, 104.0, 112.0], step(0.35, 0.6, y + 0.1 * x));
        let window = soft(-0.2, 0.5, 0.06, x) * soft(-0.95, -0.35, 0.06, y);
        colour = mix(colour, [246.0, 250.0, 252.0], window);
        let screen = soft(-1.2, -0.5, 0.05, x) * soft(-0.5, 0.1, 0.05, y);
        colour = mix(colour, [36.0, 66.0, 104.0], screen);
        let [hx, hy] = [(x - 0.5) / 0.5, (y - 0.75) / 0.38];
        let hand = step(1.15, 0.85, (hx * hx + hy * hy).sqrt());
        colour = mix(colour, [74.0, 122.0, 176.0], hand);
        let uneven = fractal_noise(self.seed ^ 9, f64::from(3.0 * x), f64::from(3.0 * y)) as f32;
        colour.map(|channel| channel * (1.0 + 0.06 * uneven))
    }
}

/// The tool darkens the mucosa beside it.
fn tool_shadow(tool: &Tool, point: [f64; 2], light: &mut f32, shine: &mut f32) {
    let [back, across] = tool.shaft.local(point[0], point[1]);
    let w = tool.shaft.half_width_px;
    let beside = ((across - 0.8 * w) / w) as f32;
    let dim = 0.45 * bump(beside, 0.45) * step(-0.2, 0.6, (back / w) as f32);
    *light *= 1.0 - dim;
    *shine *= 1.0 - dim;
}

/// A round metal shaft with a coil, a dark sleeve behind and a bright line along it.
fn shaft(tool: &Tool, point: [f64; 2], colour: &mut Colour, shine: &mut f32, highlights: f32) {
    let [back, across] = tool.shaft.local(point[0], point[1]);
    let w = tool.shaft.half_width_px;
    // Half a pixel to either side of the outline.
    let cover = (smooth_step(w + 0.5, w - 0.5, across.abs()) * smooth_step(-0.5, 0.5, back)) as f32;
    if cover <= 0.0 {
        return;
    }
    let round = (1.0 - (across / w) * (across / w)).max(0.0).sqrt() as f32;
    let turns = back / (0.55 * w);
    let coil = (0.5 + 0.5 * libm::sin(TAU * turns + 0.8 * across / w)) as f32;
    let sleeve = smooth_step(5.2 * w, 5.6 * w, back) as f32;
    let metal = mix([92.0, 98.0, 106.0], [198.0, 204.0, 210.0], round * (0.62 + 0.38 * coil));
    let plastic = mix([22.0, 34.0, 62.0], [74.0, 112.0, 176.0], round);
    let tip = smooth_step(1.1 * w, 0.9 * w, back) as f32;
    let metal = mix(metal, [150.0, 152.0, 150.0], 0.5 * tip);
    let nearer = (1.0 - 0.0012 * back.min(200.0)) as f32;
    let own = mix(metal, plastic, sleeve).map(|channel| channel * nearer);
    *colour = mix(*colour, own, cover);
    let line = bump((across / w + 0.35) as f32, 0.09) * (0.5 + 0.5 * coil.max(sleeve));
    *shine = *shine * (1.0 - cover) + cover * line * highlights * 1.5;
}

/// A box filter each way; the border repeats.
fn blur(colours: &mut [Colour], width: usize, radius: usize) {
    let height = colours.len() / width.max(1);
    let source = colours.to_vec();
    let at = |x: usize, y: usize| source.get(y * width + x).copied().unwrap_or_default();
    let share = 1.0 / (2 * radius + 1) as f32;
    let mut lines = vec![[0.0_f32; 3]; colours.len()];
    for (y, row) in lines.chunks_exact_mut(width).enumerate() {
        let mut sum = [0.0_f32; 3];
        for k in 0..=2 * radius {
            let value = at(k.saturating_sub(radius).min(width - 1), y);
            sum = std::array::from_fn(|i| sum[i] + value[i]);
        }
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = sum.map(|s| s * share);
            let (new, old) = (at((x + radius + 1).min(width - 1), y), at(x.saturating_sub(radius), y));
            sum = std::array::from_fn(|i| sum[i] + new[i] - old[i]);
        }
    }
    let line = |x: usize, y: usize| lines.get(y * width + x).copied().unwrap_or_default();
    for x in 0..width {
        let mut sum = [0.0_f32; 3];
        for k in 0..=2 * radius {
            let value = line(x, k.saturating_sub(radius).min(height - 1));
            sum = std::array::from_fn(|i| sum[i] + value[i]);
        }
        for y in 0..height {
            if let Some(pixel) = colours.get_mut(y * width + x) {
                *pixel = sum.map(|s| s * share);
            }
            let (new, old) = (line(x, (y + radius + 1).min(height - 1)), line(x, y.saturating_sub(radius)));
            sum = std::array::from_fn(|i| sum[i] + new[i] - old[i]);
        }
    }
}
