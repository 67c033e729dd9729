use super::*;
use crate::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};
use crate::geometry::PointInFrame;

const MS: u64 = 1_000_000;

/// An RGB picture of a function.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    fn of(width: usize, height: usize, f: impl Fn(f64, f64) -> [u8; 3]) -> Self {
        let rgb = (0..width * height).flat_map(|i| f((i % width) as f64, (i / width) as f64)).collect();
        Self { width, height, rgb }
    }

    fn frame(&self) -> Frame<'_> {
        Frame::new(PixelFormat::Rgb, self.width, self.height, &[(&self.rgb, 3 * self.width)]).unwrap()
    }

    fn working(&self) -> WorkingPicture {
        let mut picture = WorkingPicture::default();
        picture.take(&self.frame());
        picture
    }

    /// The same picture in another format: memory and stride of each plane.
    fn planes(&self, format: PixelFormat) -> Vec<(Vec<u8>, usize)> {
        let (w, h) = (self.width, self.height);
        let px = |x: usize, y: usize| {
            let i = 3 * (y.min(h - 1) * w + x.min(w - 1));
            [f64::from(self.rgb[i]), f64::from(self.rgb[i + 1]), f64::from(self.rgb[i + 2])]
        };
        let yuv = |x, y| {
            let [r, g, b] = px(x, y);
            let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
            [luma, (b - luma) / 1.8556, (r - luma) / 1.5748]
        };
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        let chroma =
            |c: usize, i: usize| (128.0 + yuv(2 * (i % cw), 2 * (i / cw))[c] * 224.0 / 255.0).round() as u8;
        // Rows are padded, as decoders do.
        let padded = |values: Vec<u8>, row: usize| {
            let rows = values.chunks(row).flat_map(|r| r.iter().copied().chain([77; 5]));
            (rows.collect::<Vec<u8>>(), row + 5)
        };
        if let Some(offsets) = format.rgb_offsets() {
            let bytes = format.bytes_per_pixel();
            let values = (0..w * h)
                .flat_map(|i| {
                    let mut pixel = vec![200_u8; bytes];
                    for (c, at) in offsets.into_iter().enumerate() {
                        pixel[at] = self.rgb[3 * i + c];
                    }
                    pixel
                })
                .collect();
            return vec![padded(values, w * bytes)];
        }
        let luma = |limited: bool| -> Vec<u8> {
            (0..w * h)
                .map(|i| {
                    let y = yuv(i % w, i / w)[0];
                    (if limited { 16.0 + y * 219.0 / 255.0 } else { y }).round() as u8
                })
                .collect()
        };
        match format {
            PixelFormat::Nv12 => {
                let pairs = (0..cw * ch).flat_map(|i| [chroma(1, i), chroma(2, i)]).collect();
                vec![padded(luma(true), w), padded(pairs, 2 * cw)]
            }
            PixelFormat::I420 => {
                let plane = |c| padded((0..cw * ch).map(|i| chroma(c, i)).collect(), cw);
                vec![padded(luma(true), w), plane(1), plane(2)]
            }
            _ => vec![padded(luma(false), w)],
        }
    }
}

/// Reddish tissue with vessels a few pixels wide.
fn tissue(x: f64, y: f64) -> [u8; 3] {
    let wave = (x * 0.31).sin() * (y * 0.23).cos();
    [(170.0 + 40.0 * wave) as u8, (85.0 + 35.0 * wave) as u8, (70.0 + 25.0 * wave) as u8]
}

fn field_of(picture: &Picture) -> Field {
    let mut finder = FieldFinder::new(20);
    finder.push(&picture.working(), 0);
    finder.field().clone()
}

#[test]
fn every_format_gives_the_same_picture() {
    for (width, height) in [(160, 121), (1283, 722), (1920, 1081), (2561, 240), (3203, 206), (3840, 218)] {
        let smooth = |x: f64, y: f64| {
            [(90.0 + 60.0 * (x / 90.0).sin()) as u8, (80.0 + 50.0 * (y / 80.0).cos()) as u8, 70]
        };
        let picture = Picture::of(width, height, smooth);
        let truth = picture.working();
        for format in PixelFormat::ALL {
            let planes = picture.planes(format);
            let views: Vec<(&[u8], usize)> = planes.iter().map(|(p, s)| (p.as_slice(), *s)).collect();
            let frame = Frame::new(format, width, height, &views)
                .unwrap()
                .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
            let mut found = WorkingPicture::default();
            found.take(&frame);
            assert_eq!((found.width(), found.height()), (truth.width(), truth.height()), "{format:?}");
            let mut lean = WorkingPicture::default();
            lean.take_luma(&frame);
            for y in 0..truth.height() {
                let (a, b) = (found.row(y), truth.row(y));
                assert_eq!(lean.row(y), Row { luma: a.luma, red: &[], green: &[], blue: &[] }, "{format:?}");
                let colours = [(a.red, b.red), (a.green, b.green), (a.blue, b.blue)];
                for (i, (a, b)) in colours.into_iter().enumerate() {
                    assert_eq!(a.len(), b.len());
                    let worst = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                    // YUV: rounding of three bytes, and chroma of a neighbour.
                    let most = match format {
                        PixelFormat::Gray8 => 255,
                        PixelFormat::Nv12 | PixelFormat::I420 => 6,
                        _ => 0,
                    };
                    assert!(worst <= most, "{format:?} {width}x{height} colour {i} row {y}: {worst}");
                }
                if format == PixelFormat::Gray8 {
                    assert_eq!(a.luma, a.red);
                }
            }
        }
    }
}

#[test]
fn points_go_to_the_working_picture_and_back() {
    let picture = Picture::of(1920, 1080, |_, _| [0; 3]).working();
    assert_eq!((picture.factor(), picture.width(), picture.height()), (3, 640, 360));
    // The middle of the first block of 3 × 3 is the centre of its middle pixel.
    let p = picture.to_frame((0.0, 0.0));
    assert_eq!((p.x_px, p.y_px), (1.0, 1.0));
    let (x, y) = picture.from_frame(PointInFrame { x_px: 1919.0, y_px: 1079.0 });
    assert!((picture.to_frame((x, y)).x_px - 1919.0).abs() < 1e-9 && (y - 359.333_333).abs() < 1e-5);
}

#[test]
fn degenerate_pictures_are_survived() {
    for (width, height) in [(1, 1), (1, 2000), (2000, 1), (3, 2), (641, 5)] {
        let mut analysis = PictureAnalysis::new(PictureLevels::default());
        for value in [0, 255] {
            let picture = Picture::of(width, height, |_, _| [value; 3]);
            for i in 0..3 {
                analysis.look(&picture.frame(), i * 40 * MS);
            }
            assert!(analysis.quality().sharpness.is_finite());
        }
    }
}

#[test]
fn the_fields_of_common_scopes_are_found() {
    struct Case {
        name: &'static str,
        shape: FieldShape,
        inside: fn(f64, f64) -> bool,
    }
    fn disc(x: f64, y: f64, r: f64) -> bool {
        (x - 320.0).hypot(y - 250.0) <= r
    }
    let cases = [
        Case { name: "whole", shape: FieldShape::Whole, inside: |_, _| true },
        Case {
            name: "rectangle",
            shape: FieldShape::Rectangle,
            inside: |x, y| (100.0..=560.0).contains(&x) && (30.0..=470.0).contains(&y),
        },
        Case { name: "disc", shape: FieldShape::Disc, inside: |x, y| disc(x, y, 220.0) },
        Case {
            name: "disc cut above and below",
            shape: FieldShape::Disc,
            inside: |x, y| disc(x, y, 290.0) && (40.0..=460.0).contains(&y),
        },
        Case {
            name: "disc larger than the picture",
            shape: FieldShape::Disc,
            inside: |x, y| disc(x, y, 310.0),
        },
        Case {
            name: "octagon",
            shape: FieldShape::Octagon,
            inside: |x, y| {
                (90.0..=550.0).contains(&x)
                    && (20.0..=480.0).contains(&y)
                    && (x - 320.0).abs() + (y - 250.0).abs() <= 360.0
            },
        },
    ];
    let mut failures = Vec::new();
    for case in &cases {
        // A lumen that is black up to the field's border, a patient's name beside it, noise of a few levels.
        let picture = Picture::of(640, 500, |x, y| {
            let noise = ((x * 12.9898 + y * 78.233).sin() * 43_758.545).fract().abs() * 8.0;
            let is_text = x < 60.0 && (20.0..60.0).contains(&y) && (x / 6.0).fract() < 0.5;
            let is_lumen = (x - 300.0).hypot(y - 330.0) < 60.0;
            if (case.inside)(x, y) && !is_lumen {
                tissue(x, y)
            } else if is_text && case.shape != FieldShape::Whole {
                [230; 3]
            } else {
                [noise as u8; 3]
            }
        });
        let field = field_of(&picture);
        let (mut both, mut either) = (0.0, 0.0);
        for y in 0..500 {
            for x in 0..640 {
                let (a, b) = (field.contains((x.into(), y.into())), (case.inside)(x.into(), y.into()));
                both += f64::from(u8::from(a && b));
                either += f64::from(u8::from(a || b));
            }
        }
        println!("field, {}: {:?}, overlap {:.4}", case.name, field.shape(), both / either);
        if field.shape() != case.shape || both / either < 0.99 {
            failures.push(format!("{}: {:?}, {:.4}", case.name, field.shape(), both / either));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_dark_part_of_the_disc_is_field_all_the_same() {
    // A quarter of the field is black in this frame, up to its border.
    let is_inside = |x: f64, y: f64| (x - 320.0).hypot(y - 250.0) <= 230.0;
    let picture =
        Picture::of(640, 500, |x, y| if is_inside(x, y) && y < 370.0 { tissue(x, y) } else { [4; 3] });
    let field = field_of(&picture);
    assert!(field.contains((320.0, 300.0)));
    // Lit once, it stays known.
    let all = Picture::of(640, 500, |x, y| if is_inside(x, y) { tissue(x, y) } else { [4; 3] });
    let mut finder = FieldFinder::new(20);
    for i in 0..60_u64 {
        let lit = (10..14).contains(&i);
        finder.push(&if lit { &all } else { &picture }.working(), i * 40 * MS);
    }
    assert_eq!(finder.field().shape(), FieldShape::Disc);
    let truth = std::f64::consts::PI * 230.0 * 230.0;
    assert!((finder.field().area_px() as f64 / truth - 1.0).abs() < 0.01, "{}", finder.field().area_px());
}

#[test]
fn a_flash_does_not_move_the_field_and_another_scope_does() {
    let scope = |r: f64| {
        Picture::of(
            640,
            500,
            move |x, y| {
                if (x - 320.0).hypot(y - 250.0) <= r { tissue(x, y) } else { [4; 3] }
            },
        )
        .working()
    };
    let (wide, narrow, flash) =
        (scope(230.0), scope(150.0), Picture::of(640, 500, |_, _| [255; 3]).working());
    let mut finder = FieldFinder::new(20);
    let mut changes = Vec::new();
    for i in 0..400_u64 {
        let picture = match i {
            50 => &flash,
            0..150 => &wide,
            _ => &narrow,
        };
        if finder.push(picture, i * 40 * MS) {
            changes.push(i);
        }
    }
    assert_eq!(changes.len(), 1, "{changes:?}");
    // Twice five seconds, and half a second to look again.
    assert!(changes[0] > 150 && (changes[0] - 150) * 40 <= 10_500, "{changes:?}");
    assert_eq!(finder.field().width_px(), 301.0);
    // A black picture tells nothing of the field.
    let black = Picture::of(640, 500, |_, _| [3; 3]).working();
    for i in 400..420 {
        assert!(!finder.push(&black, i * 40 * MS));
    }
    assert_eq!(finder.field().width_px(), 301.0);
}

#[test]
fn quality_of_pictures_with_known_content() {
    let look = |f: &dyn Fn(f64, f64) -> [u8; 3]| {
        let mut analysis = PictureAnalysis::new(PictureLevels::default());
        analysis.look(&Picture::of(512, 512, f).frame(), 0);
        *analysis.quality()
    };
    let block = |x: f64, y: f64, left: f64| (left..left + 64.0).contains(&x) && (128.0..256.0).contains(&y);
    let q = look(&|x, y| match (block(x, y, 100.0), block(x, y, 300.0)) {
        (true, _) => [5; 3],
        (_, true) => [255; 3],
        _ => tissue(x, y),
    });
    assert_eq!((q.dark_fraction, q.bright_fraction), (0.031_25, 0.031_25));
    // A square of glare of 40 × 40 and two pixels around it.
    let glare = |x: f64, y: f64| (200.0..240.0).contains(&x) && (300.0..340.0).contains(&y);
    let q = look(&|x, y| if glare(x, y) { [250, 248, 240] } else { tissue(x, y) });
    assert_eq!(q.specular_fraction, 44.0 * 44.0 / (512.0 * 512.0));
    assert_eq!(q.visible_px, 512 * 512 - 44 * 44);
    // As bright, but as red as lit mucosa: none.
    let q = look(&|x, y| if glare(x, y) { [255, 205, 195] } else { tissue(x, y) });
    assert_eq!(q.specular_fraction, 0.0);
    // A uniform picture has no sharpness; a sine has what its Laplacian has.
    assert_eq!(look(&|_, _| [100; 3]).sharpness, 0.0);
    let step = 0.8_f64;
    let q = look(&|x, _| [(120.0 + 60.0 * (step * x).sin()).round() as u8; 3]);
    let truth = 60.0 * 2.0 * (1.0 - step.cos()) / std::f64::consts::SQRT_2 / 120.0;
    assert!((q.sharpness / truth - 1.0).abs() < 0.01, "{} for {truth}", q.sharpness);
    assert_eq!(look(&tissue).red_fraction, 1.0);
    assert_eq!(look(&|_, _| [120, 130, 140]).red_fraction, 0.0);
}

#[test]
fn glare_and_the_fields_border_do_not_make_a_picture_sharp() {
    let blurred = |x: f64, y: f64| {
        if (x - 256.0).hypot(y - 256.0) > 200.0 {
            [2; 3]
        } else {
            [(150.0 + 20.0 * (x / 40.0).sin()) as u8, 80, 70]
        }
    };
    let mut analysis = PictureAnalysis::new(PictureLevels::default());
    analysis.look(&Picture::of(512, 512, blurred).frame(), 0);
    let without = analysis.quality().sharpness;
    let speckled = |x: f64, y: f64| {
        let is_glare = (x % 50.0) < 4.0 && (y % 50.0) < 4.0 && (x - 256.0).hypot(y - 256.0) < 180.0;
        if is_glare { [254; 3] } else { blurred(x, y) }
    };
    let mut analysis = PictureAnalysis::new(PictureLevels::default());
    analysis.look(&Picture::of(512, 512, speckled).frame(), 0);
    let with = analysis.quality().sharpness;
    assert!(without < 0.03 && (with - without).abs() < 0.1 * without + 1e-3, "{without} {with}");
}
