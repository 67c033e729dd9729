//! The part of a picture that is kept; the rest is blanked.

use serde::Serialize;
use vesalius_measure::calibration::region::UltrasoundRegion;
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::picture::{Field, FieldFinder, FieldShape, PictureLevels, WorkingPicture};

/// A rectangle in pixels of the picture; the sides are the first and the last pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rectangle {
    /// First column.
    pub x0: u32,
    /// First row.
    pub y0: u32,
    /// Last column.
    pub x1: u32,
    /// Last row.
    pub y1: u32,
}

/// What tells which part of a picture is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// A rectangle that the operator stated.
    Stated,
    /// The file's ultrasound regions, and the scanned field within them.
    RegionsAndField,
    /// The file's ultrasound regions; no field was found in the pictures.
    Regions,
    /// The field that the pictures show; the file has no regions to rely on.
    Field,
    /// All but a strip at the top, as the operator stated.
    StripAtTop,
}

/// The pixels that are kept.
#[derive(Clone, Debug)]
pub(super) struct Area {
    width: usize,
    kept: Vec<bool>,
    pub(super) because: Because,
}

/// Formats of regions whose pixels are kept: 2D, M-mode, spectral (PS3.3, C.8.5.5.1.1). Wave forms and graphics carry text.
const TWO_D: u16 = 1;
const KEPT_FORMATS: [u16; 3] = [TWO_D, 2, 3];

/// What is known of a picture's parts.
pub(super) struct Known<'a> {
    /// Width and height.
    pub(super) size: (u32, u32),
    pub(super) stated: Option<Rectangle>,
    /// Part of the height at the top that goes, where nothing better is known.
    pub(super) strip: Option<f64>,
    pub(super) regions: &'a [UltrasoundRegion],
    pub(super) field: Option<&'a FoundField>,
}

impl Area {
    /// Decides what is kept. `None` where nothing tells: then nothing may be handed on.
    pub(super) fn decide(known: &Known<'_>) -> Option<Self> {
        let (width, height) = (known.size.0 as usize, known.size.1 as usize);
        let of = |because, keep: &dyn Fn(u32, u32) -> bool| {
            let mut kept = Vec::with_capacity(width * height);
            for y in 0..known.size.1 {
                kept.extend((0..known.size.0).map(|x| keep(x, y)));
            }
            Self { width, kept, because }
        };
        if let Some(r) = known.stated {
            return Some(of(Because::Stated, &|x, y| inside(&r, x, y)));
        }
        let regions = trusted(known.regions, known.size);
        match (regions.is_empty(), known.field) {
            (false, Some(field)) => Some(of(Because::RegionsAndField, &|x, y| {
                regions
                    .iter()
                    .any(|(r, format)| inside(r, x, y) && (*format != TWO_D || field.contains(x, y)))
            })),
            (false, None) => Some(of(Because::Regions, &|x, y| regions.iter().any(|(r, _)| inside(r, x, y)))),
            (true, Some(field)) => Some(of(Because::Field, &|x, y| field.contains(x, y))),
            (true, None) => {
                let top = (known.strip? * f64::from(known.size.1)).ceil() as u32;
                Some(of(Because::StripAtTop, &|_, y| y >= top))
            }
        }
    }

    /// Whether a pixel is kept.
    pub(super) fn keeps(&self, index: usize) -> bool {
        self.kept.get(index).copied().unwrap_or(false)
    }

    /// Width of the picture.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Part of the picture that is kept, 0 to 1.
    pub(super) fn fraction(&self) -> f64 {
        self.kept.iter().filter(|k| **k).count() as f64 / self.kept.len().max(1) as f64
    }

    /// Takes rectangles out of what is kept.
    pub(super) fn take_out(&mut self, boxes: &[Rectangle]) {
        let width = self.width.max(1);
        for (i, kept) in self.kept.iter_mut().enumerate() {
            let (x, y) = ((i % width) as u32, (i / width) as u32);
            *kept &= !boxes.iter().any(|b| inside(b, x, y));
        }
    }

    /// Makes every pixel that is not kept black: `bytes` a pixel, rows from the top.
    pub(super) fn blank(&self, pixels: &mut [u8], bytes: usize) {
        for (pixel, kept) in pixels.chunks_exact_mut(bytes.max(1)).zip(&self.kept) {
            if !kept {
                pixel.fill(0);
            }
        }
    }
}

fn inside(r: &Rectangle, x: u32, y: u32) -> bool {
    (r.x0..=r.x1).contains(&x) && (r.y0..=r.y1).contains(&y)
}

/// The regions whose pixels are kept. Where one of them all lies outside of the picture, the picture was cut or scaled after
/// they were written, and none of them tells where it is.
fn trusted(regions: &[UltrasoundRegion], (width, height): (u32, u32)) -> Vec<(Rectangle, u16)> {
    let is_within = |r: &UltrasoundRegion| {
        // The last column and row may be given as one past it.
        r.min_x0 < r.max_x1 && r.min_y0 < r.max_y1 && r.max_x1 <= width && r.max_y1 <= height
    };
    if !regions.iter().all(is_within) {
        return Vec::new();
    }
    let kept = regions.iter().filter(|r| KEPT_FORMATS.contains(&r.spatial_format));
    kept.map(|r| (Rectangle { x0: r.min_x0, y0: r.min_y0, x1: r.max_x1, y1: r.max_y1 }, r.spatial_format))
        .collect()
}

/// A field that pictures show: a scanned sector, or the round picture of an endoscope.
#[derive(Clone, Debug)]
pub(super) struct FoundField {
    field: Field,
    factor: u32,
}

impl FoundField {
    fn contains(&self, x: u32, y: u32) -> bool {
        let (first, end) = self.field.span((y / self.factor) as usize);
        ((first as u32)..(end as u32)).contains(&(x / self.factor))
    }
}

/// Looks for the field in picture after picture.
pub(super) struct FieldSearch {
    finder: FieldFinder,
    picture: WorkingPicture,
    frames: u64,
}

/// Time between pictures as the search counts it, so that each has its say whatever the recording's own times are.
const STEP_NS: u64 = 500_000_000;

impl FieldSearch {
    pub(super) fn new() -> Self {
        let levels = PictureLevels::default();
        Self { finder: FieldFinder::new(levels.black_luma), picture: WorkingPicture::default(), frames: 0 }
    }

    /// Looks at a picture of `bytes` (1 or 3) a pixel.
    pub(super) fn look(&mut self, pixels: &[u8], (width, height): (u32, u32), bytes: usize) {
        let format = if bytes == 1 { PixelFormat::Gray8 } else { PixelFormat::Rgb };
        let (width, height) = (width as usize, height as usize);
        if let Ok(frame) = Frame::new(format, width, height, &[(pixels, width * bytes)]) {
            self.picture.take(&frame);
            self.finder.push(&self.picture, self.frames * STEP_NS);
            self.frames += 1;
        }
    }

    /// The field, where one was found that is not the whole picture.
    pub(super) fn found(&self) -> Option<FoundField> {
        let field = self.finder.field();
        let is_part = self.finder.is_found() && field.shape() != FieldShape::Whole;
        is_part.then(|| FoundField { field: field.clone(), factor: self.picture.factor().max(1) as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(rect: [u32; 4], spatial_format: u16) -> UltrasoundRegion {
        UltrasoundRegion {
            spatial_format,
            data_type: 1,
            flags: 0,
            min_x0: rect[0],
            min_y0: rect[1],
            max_x1: rect[2],
            max_y1: rect[3],
            units_x: 3,
            units_y: 3,
            delta_x: 0.05,
            delta_y: 0.05,
        }
    }

    fn known(regions: &[UltrasoundRegion]) -> Known<'_> {
        Known { size: (10, 8), stated: None, strip: None, regions, field: None }
    }

    #[test]
    fn what_nothing_tells_of_is_not_handed_on() {
        assert!(Area::decide(&known(&[])).is_none());
        // A region outside of the picture: cut or scaled, and none of them is to be relied on.
        assert!(Area::decide(&known(&[region([0, 0, 4, 4], 1), region([8, 0, 20, 4], 4)])).is_none());
        // Wave forms and graphics are not kept.
        assert!(Area::decide(&known(&[region([0, 0, 4, 4], 4)])).is_none());
    }

    #[test]
    fn regions_are_kept_and_the_rest_is_black_in_every_channel() {
        let regions = [region([2, 1, 4, 3], 1), region([7, 5, 10, 8], 3)];
        let area = Area::decide(&known(&regions)).unwrap();
        assert_eq!(area.because, Because::Regions);
        let mut pixels = vec![9; 10 * 8 * 3];
        area.blank(&mut pixels, 3);
        let kept = |x: usize, y: usize| pixels[3 * (10 * y + x)..][..3] == [9, 9, 9];
        assert!(kept(2, 1) && kept(4, 3) && kept(9, 7));
        assert!(!kept(1, 1) && !kept(5, 3) && !kept(0, 0) && !kept(6, 7));
        assert_eq!(pixels.iter().filter(|v| **v == 9).count(), 3 * (9 + 9));
        let mut stripped = known(&[]);
        stripped.strip = Some(0.12);
        assert!((Area::decide(&stripped).unwrap().fraction() - 7.0 / 8.0).abs() < 1e-9);
    }

    #[test]
    fn a_sector_is_found_and_text_beside_it_is_not_part_of_it() {
        let (width, height) = (400_u32, 300_u32);
        let lit = |x: i64, y: i64| (x - 200).abs() * 2 < y && (x - 200).pow(2) + y * y < 290 * 290 && y > 20;
        let mut pixels = vec![0_u8; (width * height) as usize];
        for y in 0..height {
            for x in 0..width {
                let speckle = (x * 7919 + y * 104_729) % 97;
                let text = y < 12 && x < 90 && x % 8 < 5;
                let value = if text {
                    230
                } else if lit(x.into(), y.into()) {
                    60 + speckle
                } else {
                    0
                };
                pixels[(y * width + x) as usize] = value as u8;
            }
        }
        let mut search = FieldSearch::new();
        for _ in 0..4 {
            search.look(&pixels, (width, height), 1);
        }
        let field = search.found().unwrap();
        assert!(field.contains(200, 200) && field.contains(150, 250));
        assert!(!field.contains(20, 5) && !field.contains(85, 8) && !field.contains(20, 200));
    }
}
