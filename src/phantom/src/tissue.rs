//! The filtered echo field in tissue coordinates, ready to be warped into any frame.

use std::borrow::Cow;

use crate::field::Beams;
use crate::noise::Random;
use crate::psf::Grid;
use crate::scene::Speckle;

/// Amplitudes at one point, relative to the mean soft tissue of the scene.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Echo {
    /// Root-mean-square amplitude of the diffuse scatterers.
    pub(crate) scatter: f64,
    /// Amplitude of the coherent reflectors.
    pub(crate) reflector: f64,
}

/// What echoes, along any beam.
pub(crate) trait Echogenic {
    /// What holds along one beam.
    type Path;

    /// Follows a beam.
    fn path(&self, lateral: f64) -> Self::Path;

    /// The echo at a range along a beam.
    fn echo(&self, path: &Self::Path, range_mm: f64) -> Echo;
}

/// What a [`TissueMap`] is made for.
pub(crate) struct TissueInput<'a> {
    pub(crate) seed: u64,
    pub(crate) size_px: [u32; 2],
    pub(crate) mm_per_px: [f64; 2],
    pub(crate) speckle: &'a Speckle,
    /// Where the point-spread function has the width that the options give, in mm.
    pub(crate) focus_mm: [f64; 2],
    /// How far motion may bring tissue into the picture, in mm.
    pub(crate) margin_mm: f64,
}

/// Complex echo amplitude in tissue coordinates, one value per picture pixel, with a margin for motion.
pub(crate) struct TissueMap {
    width: usize,
    height: usize,
    /// Column and row of the map where the picture's pixel (0, 0) lies.
    pub(crate) origin: [usize; 2],
    echo: EchoLayers,
}

enum EchoLayers {
    /// Speckle frozen into the tissue.
    Frozen(Vec<[f32; 2]>),
    /// Reflectors, and two realisations of the speckle to turn from one into the other.
    Turning { reflectors: Vec<[f32; 2]>, speckle: [Vec<[f32; 2]>; 2], turn_rad_per_frame: f64 },
}

impl TissueMap {
    pub(crate) fn new(input: &TissueInput<'_>, beams: &Beams, anatomy: &impl Echogenic) -> Self {
        let size_px = input.size_px.map(|side| side as usize);
        let pitch = input.mm_per_px;
        let margin: [usize; 2] = std::array::from_fn(|i| {
            // No more than the picture again: beyond, the border's value repeats.
            ((input.margin_mm / pitch[i]).ceil() as usize + 2).min(size_px[i])
        });
        let width = size_px[0] + 2 * margin[0];
        let height = size_px[1] + 2 * margin[1];

        let position = |column: usize, row: usize| {
            [(column as f64 - margin[0] as f64) * pitch[0], (row as f64 - margin[1] as f64) * pitch[1]]
        };
        let focus_range_mm = beams
            .coordinates(input.focus_mm)
            .1
            .clamp(beams.face_range_mm, beams.face_range_mm + beams.depth_mm)
            .max(pitch[1]);
        let (lateral, range_mm) = covered(
            beams,
            position(0, 0),
            position(width - 1, height - 1),
            margin[0] as f64 * pitch[0] + margin[1] as f64 * pitch[1],
        );
        let grid = Grid::new(input.speckle, beams, pitch, focus_range_mm, lateral, range_mm);
        let coordinates = |index: usize| beams.coordinates(position(index % width, index / width));
        let on_picture_pitch = |field: &[[f32; 2]]| -> Vec<[f32; 2]> {
            (0..width * height)
                .map(|index| {
                    let (lateral, range) = coordinates(index);
                    grid.sample(field, lateral, range)
                })
                .collect()
        };

        let strengths = strengths(anatomy, &grid);
        let speckle = |stream: u64, with_reflectors: bool| {
            let mut field = scatter(input.seed, stream, &grid, &strengths, with_reflectors);
            grid.filter(&mut field);
            field
        };
        let options = input.speckle;
        let echo = if options.decorrelation_per_frame > 0.0 {
            let mut reflectors: Vec<[f32; 2]> = strengths.iter().map(|s| [s[1], 0.0]).collect();
            grid.filter(&mut reflectors);
            EchoLayers::Turning {
                reflectors: on_picture_pitch(&reflectors),
                speckle: [on_picture_pitch(&speckle(3, false)), on_picture_pitch(&speckle(4, false))],
                turn_rad_per_frame: options.decorrelation_per_frame * std::f64::consts::FRAC_PI_2,
            }
        } else if options.compounding > 1 {
            EchoLayers::Frozen(on_picture_pitch(&compound(
                (0..options.compounding).map(|look| speckle(3 + u64::from(look), true)),
            )))
        } else {
            EchoLayers::Frozen(on_picture_pitch(&speckle(3, true)))
        };
        Self { width, height, origin: margin, echo }
    }

    /// The field as it stands in a frame, for [`sample`](Self::sample).
    pub(crate) fn echo_at(&self, frame_index: u64) -> Cow<'_, [[f32; 2]]> {
        match &self.echo {
            EchoLayers::Frozen(echo) => Cow::Borrowed(echo),
            EchoLayers::Turning { reflectors, speckle, turn_rad_per_frame } => {
                Cow::Owned(turn(reflectors, speckle, turn_rad_per_frame * frame_index as f64))
            }
        }
    }

    /// Linear interpolation at map coordinates; the border repeats.
    #[inline]
    pub(crate) fn sample(&self, echo: &[[f32; 2]], x: f32, y: f32) -> [f32; 2] {
        let x = x.clamp(0.0, (self.width - 2) as f32);
        let y = y.clamp(0.0, (self.height - 2) as f32);
        // Both are non-negative: truncation is the floor.
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = (x - column as f32, y - row as f32);
        let at = row * self.width + column;
        let (Some([a, b]), Some([c, d])) =
            (echo.get(at..at + 2), echo.get(at + self.width..at + self.width + 2))
        else {
            return [0.0; 2];
        };
        let lerp = |i: usize| {
            let top = a[i] + (b[i] - a[i]) * fx;
            let bottom = c[i] + (d[i] - c[i]) * fx;
            top + (bottom - top) * fy
        };
        [lerp(0), lerp(1)]
    }
}

/// Beam coordinates `(lowest, highest)` that the rectangle between two points (mm) and the field, widened by what motion
/// may bring in, have in common.
fn covered(
    beams: &Beams,
    top_left_mm: [f64; 2],
    bottom_right_mm: [f64; 2],
    reach_mm: f64,
) -> ((f64, f64), (f64, f64)) {
    const STEPS: u32 = 64;
    let mut lateral = (f64::INFINITY, f64::NEG_INFINITY);
    let mut range_mm = lateral;
    for row in 0..=STEPS {
        for column in 0..=STEPS {
            let share = [column, row].map(|k| f64::from(k) / f64::from(STEPS));
            let point =
                std::array::from_fn(|i| top_left_mm[i] + share[i] * (bottom_right_mm[i] - top_left_mm[i]));
            let (l, r) = beams.coordinates(point);
            lateral = (lateral.0.min(l), lateral.1.max(l));
            range_mm = (range_mm.0.min(r), range_mm.1.max(r));
        }
    }
    // Near the face a given reach is a wider angle; a fifth of the depth down is near enough to matter.
    let widest =
        beams.half_width + reach_mm / beams.mm_per_lateral(beams.face_range_mm + 0.2 * beams.depth_mm);
    let near_mm = (beams.face_range_mm - reach_mm).max(0.0);
    let far_mm = beams.face_range_mm + beams.depth_mm + reach_mm;
    let meet = |a: (f64, f64), low: f64, high: f64| {
        let low = a.0.max(low);
        (low, a.1.min(high).max(low))
    };
    (meet(lateral, -widest, widest), meet(range_mm, near_mm, far_mm))
}

/// Scatterer and reflector amplitude at every grid point.
fn strengths(anatomy: &impl Echogenic, grid: &Grid) -> Vec<[f32; 2]> {
    let mut strengths = Vec::with_capacity(grid.lines * grid.samples);
    for line in 0..grid.lines {
        let path = anatomy.path(grid.lateral(line));
        strengths.extend((0..grid.samples).map(|sample| {
            let echo = anatomy.echo(&path, grid.range_mm(sample));
            [echo.scatter as f32, echo.reflector as f32]
        }));
    }
    strengths
}

/// A field of random scatterers, with or without the reflectors, before the point-spread function.
fn scatter(
    seed: u64,
    stream: u64,
    grid: &Grid,
    strengths: &[[f32; 2]],
    with_reflectors: bool,
) -> Vec<[f32; 2]> {
    let mut random = Random::new(seed, stream);
    let normalization = grid.speckle_normalization();
    strengths
        .iter()
        .map(|&[scatter, reflector]| {
            let [re, im] = random.complex_gaussian();
            let amplitude = normalization * f64::from(scatter);
            let reflector = if with_reflectors { reflector } else { 0.0 };
            [(amplitude * re) as f32 + reflector, (amplitude * im) as f32]
        })
        .collect()
}

/// Mean power of several looks, as a real amplitude.
fn compound(looks: impl ExactSizeIterator<Item = Vec<[f32; 2]>>) -> Vec<[f32; 2]> {
    let share = 1.0 / looks.len() as f32;
    let mut power: Vec<f32> = Vec::new();
    for look in looks {
        power.resize(look.len(), 0.0);
        for (sum, z) in power.iter_mut().zip(&look) {
            *sum += share * (z[0] * z[0] + z[1] * z[1]);
        }
    }
    power.into_iter().map(|p| [p.sqrt(), 0.0]).collect()
}

/// Reflectors plus the mixture of two speckle realisations at an angle.
fn turn(reflectors: &[[f32; 2]], speckle: &[Vec<[f32; 2]>; 2], angle_rad: f64) -> Vec<[f32; 2]> {
    let (sin, cos) = libm::sincos(angle_rad);
    let (sin, cos) = (sin as f32, cos as f32);
    reflectors
        .iter()
        .zip(&speckle[0])
        .zip(&speckle[1])
        .map(|((c, s), t)| [c[0] + cos * s[0] + sin * t[0], c[1] + cos * s[1] + sin * t[1]])
        .collect()
}
