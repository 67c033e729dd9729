//! Rulers drawn here, with everything around them that could mislead.

use super::*;
use proptest::prelude::*;

/// A grey picture that is drawn into.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<f64>,
    seed: u64,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![6.0; width * height], seed: 7 }
    }

    /// 0 to 1.
    fn random(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A rectangle with edges anywhere between pixels, by coverage. Coordinates are of pixel centres.
    pub fn bar(&mut self, x: (f64, f64), y: (f64, f64), brightness: f64) {
        let cover = |i: usize, (a, b): (f64, f64)| {
            ((i as f64 + 0.5).min(b) - (i as f64 - 0.5).max(a)).clamp(0.0, 1.0)
        };
        let around = |(a, b): (f64, f64), end: usize| a.max(0.0) as usize..((b + 2.0) as usize).min(end);
        for row in around(y, self.height) {
            let down = cover(row, y);
            if down > 0.0 {
                for column in around(x, self.width) {
                    let share = down * cover(column, x);
                    let pixel = &mut self.pixels[row * self.width + column];
                    *pixel += share * (brightness - *pixel);
                }
            }
        }
    }

    /// Speckle: exponentially distributed, correlated over a few pixels.
    pub fn speckle(&mut self, x: (usize, usize), y: (usize, usize), mean: f64) {
        for row in y.0..y.1 {
            let mut value = mean;
            for column in x.0..x.1 {
                value = 0.6 * value + 0.4 * mean * -self.random().max(1e-9).ln();
                self.pixels[row * self.width + column] = value;
            }
        }
    }

    pub fn noise(&mut self, sd: f64) {
        for i in 0..self.pixels.len() {
            // Twelve uniform numbers less six are nearly normal.
            let sum: f64 = (0..12).map(|_| self.random()).sum();
            self.pixels[i] += sd * (sum - 6.0);
        }
    }

    /// Something like a line of text: blocks of strokes on a 5×7 grid.
    pub fn text(&mut self, x: f64, y: f64, letters: usize) {
        for letter in 0..letters {
            for row in 0..7 {
                for column in 0..4 {
                    if self.random() < 0.5 {
                        let (x, y) = (x + (letter * 10 + column * 2) as f64, y + (row * 2) as f64);
                        self.bar((x, x + 2.0), (y, y + 2.0), 220.0);
                    }
                }
            }
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.pixels.iter().map(|&v| v.round().clamp(0.0, 255.0) as u8).collect()
    }

    pub fn find(&self) -> Vec<Ruler> {
        let bytes = self.bytes();
        find(&Luma::new(&bytes, self.width, self.height, self.width).unwrap(), None)
    }
}

/// How a ruler is drawn.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    x: f64,
    first: f64,
    pitch: f64,
    count: usize,
    /// Length of a tick, and of a long one.
    length: (f64, f64),
    every: usize,
    thick: f64,
    brightness: f64,
    /// Ticks are rounded to whole pixels, as most scanners do.
    whole: bool,
    missing: Option<usize>,
}

const PLAIN: Drawn = Drawn {
    x: 600.0,
    first: 30.3,
    pitch: 22.37,
    count: 18,
    length: (6.0, 6.0),
    every: 5,
    thick: 1.0,
    brightness: 180.0,
    whole: false,
    missing: None,
};

impl Drawn {
    fn on(&self, canvas: &mut Canvas) {
        for i in (0..self.count).filter(|&i| Some(i) != self.missing) {
            let mut y = self.first + self.pitch * i as f64;
            if self.whole {
                y = y.round();
            }
            let length = if i % self.every == 0 { self.length.1 } else { self.length.0 };
            let x = if self.whole { self.x.round() - 0.5 } else { self.x };
            canvas.bar((x, x + length), (y - self.thick / 2.0, y + self.thick / 2.0), self.brightness);
        }
    }
}

fn the_one(canvas: &Canvas) -> Ruler {
    let found = canvas.find();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

#[test]
fn rulers_are_found_sub_pixel() {
    let cases = [
        ("anti-aliased", PLAIN),
        ("on whole pixels", Drawn { whole: true, ..PLAIN }),
        ("dots", Drawn { whole: true, length: (2.0, 2.0), thick: 2.0, ..PLAIN }),
        ("thick", Drawn { thick: 2.6, length: (9.0, 9.0), ..PLAIN }),
        ("long and short", Drawn { length: (5.0, 11.0), ..PLAIN }),
        ("long and short, whole", Drawn { length: (5.0, 11.0), whole: true, ..PLAIN }),
        ("dim", Drawn { brightness: 60.0, ..PLAIN }),
        ("one missing", Drawn { missing: Some(7), ..PLAIN }),
        ("four", Drawn { count: 4, pitch: 60.0, ..PLAIN }),
        ("dense", Drawn { pitch: 7.41, count: 50, ..PLAIN }),
        ("at the left", Drawn { x: 4.0, ..PLAIN }),
        ("at the right", Drawn { x: 628.0, ..PLAIN }),
    ];
    for (name, drawn) in cases {
        let mut canvas = Canvas::new(640, 480);
        canvas.speckle((120, 500), (20, 470), 60.0);
        drawn.on(&mut canvas);
        canvas.noise(2.0);
        let found = canvas.find();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        let ruler = &found[0];
        assert_eq!(ruler.axis, RulerAxis::Vertical, "{name}");
        let off = ruler.pitch_px - drawn.pitch;
        // What is said of the uncertainty holds, and it is small.
        assert!(off.abs() < 4.0 * ruler.pitch_uncertainty_px, "{name}: {off} {ruler:?}");
        assert!(off.abs() < 0.005 * drawn.pitch, "{name}: {off}");
        assert!(ruler.residual_px < 0.5, "{name}");
        assert_eq!(ruler.ticks.len(), drawn.count - usize::from(drawn.missing.is_some()), "{name}");
        assert!((ruler.first_px - drawn.first).abs() < 0.5, "{name}");
        let long = (drawn.length.0 != drawn.length.1).then_some(5);
        assert_eq!(ruler.major_every, long, "{name}");
    }
}

#[test]
fn the_scale_follows_from_the_unit_of_a_tick() {
    let mut canvas = Canvas::new(640, 480);
    PLAIN.on(&mut canvas);
    let ruler = the_one(&canvas);
    let scale = ruler.calibration(Mm(5.0), 1.0).unwrap();
    assert!((scale.mm_per_px_y().get() - 5.0 / 22.37).abs() < 1e-4);
    assert_eq!(scale.mm_per_px_x(), scale.mm_per_px_y());
    assert_eq!(scale.source(), CalibrationSource::Ruler);
    assert!(scale.relative_uncertainty() > 0.0 && scale.relative_uncertainty() < 4e-3);
    let oblong = ruler.calibration(Mm(5.0), 1.5).unwrap();
    assert!((oblong.mm_per_px_x().get() / oblong.mm_per_px_y().get() - 1.5).abs() < 1e-12);
    assert!(ruler.calibration(Mm(0.0), 1.0).is_err());
    assert!(ruler.calibration(Mm(f64::NAN), 1.0).is_err());
}

#[test]
fn across_and_down() {
    let mut canvas = Canvas::new(640, 480);
    PLAIN.on(&mut canvas);
    for i in 0..12 {
        let x = 50.2 + 31.4 * f64::from(i);
        canvas.bar((x - 0.5, x + 0.5), (460.0, 466.0), 180.0);
    }
    let found = canvas.find();
    assert_eq!(
        found.iter().map(|r| r.axis).collect::<Vec<_>>(),
        [RulerAxis::Vertical, RulerAxis::Horizontal]
    );
    assert!((found[1].pitch_px - 31.4).abs() < 0.05);
    let scale = found[1].calibration(Mm(10.0), 2.0).unwrap();
    assert!((scale.mm_per_px_x().get() - 10.0 / 31.4).abs() < 1e-3);
    assert!((scale.mm_per_px_y().get() - 5.0 / 31.4).abs() < 1e-3);
    // A search rectangle that holds only one.
    let bytes = canvas.bytes();
    let luma = Luma::new(&bytes, 640, 480, 640).unwrap();
    let bottom = PixelRect { x: 0, y: 440, width: 560, height: 40 };
    assert_eq!(find(&luma, Some(bottom)).len(), 1);
    assert!(find(&luma, Some(PixelRect { x: 0, y: 0, width: 500, height: 400 })).is_empty());
    // One beyond the picture is not looked at, and nothing breaks.
    assert!(find(&luma, Some(PixelRect { x: 900, y: 900, width: u32::MAX, height: u32::MAX })).is_empty());
}

#[test]
fn a_ruler_with_an_axis_line_and_numbers() {
    let mut canvas = Canvas::new(640, 480);
    canvas.bar((606.0, 607.0), (20.0, 440.0), 180.0);
    PLAIN.on(&mut canvas);
    for i in 0..4 {
        canvas.text(612.0, 24.0 + 111.85 * f64::from(i), 2);
    }
    let ruler = the_one(&canvas);
    assert!((ruler.pitch_px - 22.37).abs() < 0.05);
}

#[test]
fn what_is_no_ruler_is_not_found() {
    let mut pictures: Vec<(String, Canvas)> = Vec::new();
    for seed in 0..12 {
        let mut canvas = Canvas::new(640, 480);
        canvas.seed = seed;
        canvas.speckle((0, 640), (0, 480), 40.0 + 8.0 * seed as f64);
        pictures.push((format!("speckle {seed}"), canvas));
        let mut canvas = Canvas::new(640, 480);
        canvas.seed = seed;
        for line in 0..20 {
            canvas.text(10.0, 20.0 + 22.0 * f64::from(line), 8);
        }
        pictures.push((format!("a list of text {seed}"), canvas));
        let mut canvas = Canvas::new(640, 480);
        canvas.noise(12.0);
        pictures.push((format!("noise {seed}"), canvas));
    }
    let mut three = Canvas::new(640, 480);
    Drawn { count: 3, pitch: 80.0, ..PLAIN }.on(&mut three);
    pictures.push(("three ticks".to_owned(), three));
    let mut short = Canvas::new(640, 480);
    Drawn { count: 5, pitch: 8.0, ..PLAIN }.on(&mut short);
    pictures.push(("a legend".to_owned(), short));
    // Distances that grow by a twentieth each.
    let mut uneven = Canvas::new(640, 480);
    for i in 0..12 {
        let i = f64::from(i);
        let y = 30.0 + 25.0 * i + 0.6 * i * i;
        uneven.bar((600.0, 606.0), (y, y + 1.0), 180.0);
    }
    pictures.push(("uneven".to_owned(), uneven));
    // A stack of lines with no rule in their lengths, like a histogram.
    let mut bars = Canvas::new(640, 480);
    for i in 0..15 {
        let length = 5.0 + 30.0 * bars.random();
        let y = 30.0 + 25.0 * f64::from(i);
        bars.bar((500.0, 500.0 + length), (y, y + 1.0), 180.0);
    }
    pictures.push(("a histogram".to_owned(), bars));
    // A grey wedge, in steps.
    let mut wedge = Canvas::new(640, 480);
    for i in 0..16 {
        wedge.bar(
            (10.0, 24.0),
            (20.0 + 16.0 * f64::from(i), 36.0 + 16.0 * f64::from(i)),
            255.0 - 16.0 * f64::from(i),
        );
    }
    pictures.push(("a grey wedge".to_owned(), wedge));
    for (name, canvas) in pictures {
        let found = canvas.find();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn nearly_all_are_found() {
    let mut dice = Canvas::new(1, 1);
    let mut missed = Vec::new();
    for seed in 0..150 {
        let mut between = |low: f64, high: f64| low + (high - low) * dice.random();
        let (first, pitch) = (between(15.0, 40.0), between(6.0, 55.0));
        let drawn = Drawn {
            x: between(2.0, 90.0),
            first,
            pitch,
            count: ((400.0 - first) / pitch) as usize,
            length: (6.0, if pitch < 45.0 && seed % 2 == 0 { 13.0 } else { 6.0 }),
            thick: between(1.0, 2.5),
            brightness: between(100.0, 250.0),
            whole: seed % 3 == 0,
            ..PLAIN
        };
        let mut canvas = Canvas::new(400, 420);
        canvas.seed = seed;
        canvas.speckle((120, 400), (0, 420), 50.0);
        drawn.on(&mut canvas);
        canvas.noise(1.0);
        if canvas.find().is_empty() {
            missed.push(drawn);
        }
    }
    assert!(missed.len() <= 3, "{} missed: {missed:#?}", missed.len());
}

#[test]
fn small_and_empty_pictures_are_survived() {
    for (width, height) in [(1, 1), (3, 200), (200, 3), (8, 8)] {
        let bytes = vec![0; width * height];
        assert!(find(&Luma::new(&bytes, width, height, width).unwrap(), None).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is found is what was drawn.
    #[test]
    fn nothing_but_the_ruler(
        first in 15.0..40.0_f64, pitch in 6.0..60.0_f64, x in 2.0..90.0_f64, thick in 1.0..2.5_f64,
        brightness in 50.0..250.0_f64, whole: bool, long: bool, seed: u64, noise in 0.0..5.0_f64,
    ) {
        let count = ((400.0 - first) / pitch) as usize;
        let length = (6.0, if long { 13.0 } else { 6.0 });
        let drawn = Drawn { x, first, pitch, count, length, thick, brightness, whole, ..PLAIN };
        let mut canvas = Canvas::new(400, 420);
        canvas.seed = seed;
        canvas.speckle((120, 400), (0, 420), 50.0);
        drawn.on(&mut canvas);
        canvas.noise(noise);
        let found = canvas.find();
        prop_assert!(found.len() <= 1, "{found:?}");
        for ruler in &found {
            prop_assert!((ruler.pitch_px / pitch - 1.0).abs() < 0.01, "{ruler:?}");
            prop_assert!((ruler.pitch_px - pitch).abs() < 5.0 * ruler.pitch_uncertainty_px);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 30 * 20)) {
        let _ = find(&Luma::new(&bytes, 30, 20, 30).unwrap(), None);
    }
}

/// A ruler of nearly 14 pixels on whole ones: ten ticks at 14, a jump, fourteen more.
#[test]
fn ticks_on_whole_pixels_leave_the_pitch_as_uncertain_as_it_is() {
    let (first, pitch) = (39.398_316_590_152_52, 14.010_613_410_765_952);
    let drawn = Drawn {
        x: 2.0,
        first,
        pitch,
        count: 25,
        length: (6.0, 6.0),
        thick: 1.0,
        brightness: 50.0,
        whole: true,
        ..PLAIN
    };
    let mut canvas = Canvas::new(400, 420);
    canvas.speckle((120, 400), (0, 420), 50.0);
    drawn.on(&mut canvas);
    let found = canvas.find();
    let [ruler] = found.as_slice() else { panic!("{found:?}") };
    assert!((ruler.pitch_px - pitch).abs() < 2.0 * ruler.pitch_uncertainty_px, "{ruler:?}");
    assert!(ruler.relative_uncertainty() < 5e-3, "{ruler:?}");
}
