//! The contact sheet: a model's findings on one picture, once for each way to prepare it.

use image::imageops::FilterType;
use vesalius_draw::{Color, Font, Layer, Stroke, blend};
use vesalius_engine::import::cell::Cell;
use vesalius_engine::import::parity::Verdict;
use vesalius_engine::manifest::ClassSection;
use vesalius_measure::contour::Contour;
use vesalius_measure::frame::{FrameMut, PixelFormat};
use vesalius_measure::geometry::PointInFrame;
use vesalius_pipeline::picture::StillPicture;

/// Longest side of a picture on the sheet.
const CELL_PX: u32 = 340;
const GAP_PX: usize = 14;
/// Height of a line of a caption.
const LINE_PX: f64 = 16.0;
const CAPTION_LINES: usize = 3;
const MAX_LEGEND: usize = 16;
const GROUND: u8 = 28;
const FILL: u8 = 56;
const DIM: Color = Color::opaque([190, 190, 190]);

/// Draws the sheet; `best` is the number of the cell to look at first.
///
/// # Errors
///
/// Where it would be too large to draw.
pub fn draw(
    title: &str,
    picture: &StillPicture,
    classes: &[ClassSection],
    cells: &[Cell],
    best: Option<usize>,
) -> anyhow::Result<image::RgbImage> {
    let (width, height) = (u32::try_from(picture.width())?, u32::try_from(picture.height())?);
    let scale = f64::from(CELL_PX) / f64::from(width.max(height));
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let original = image::RgbImage::from_raw(width, height, picture.rgb())
        .ok_or_else(|| anyhow::anyhow!("the picture has not the size that it says"))?;
    let small = image::imageops::resize(&original, side(width), side(height), FilterType::Triangle);

    let rows = rows(cells);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1);
    let font = Font::at_least(LINE_PX);
    let line = font.line_height();
    // A caption is as wide as its text, which is longer than a tall picture is wide.
    let cell_width = (small.width() as usize).max(font.text_width("#18 BGR · imagenet · letterbox "));
    let cell_height = small.height() as usize + CAPTION_LINES * line + 6;
    let legend = legend(title, classes);
    let head = (legend.len() + 1) * line + GAP_PX;
    let sheet_width = (columns * (cell_width + GAP_PX) + GAP_PX).max(font.text_width(title) + 2 * GAP_PX);
    let sheet_height = head + rows.len() * (cell_height + GAP_PX) + GAP_PX;

    let mut sheet = image::RgbImage::from_pixel(
        u32::try_from(sheet_width)?,
        u32::try_from(sheet_height)?,
        image::Rgb([GROUND; 3]),
    );
    let mut layer = Layer::new(sheet_width, sheet_height)?;
    for (number, (text, color)) in legend.iter().enumerate() {
        let y = GAP_PX / 2 + number * line;
        layer.text(GAP_PX as i64, y as i64, text, font, *color, 0);
    }
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let x = GAP_PX + column * (cell_width + GAP_PX);
            let y = head + row * (cell_height + GAP_PX);
            image::imageops::replace(&mut sheet, &small, x as i64, y as i64);
            let place = Place { x, y, width: small.width() as usize, height: small.height() as usize, scale };
            outlines(&mut layer, cell, &place);
            caption(&mut layer, cell, classes, &place, font, best == Some(cell.number));
        }
    }
    let stride = 3 * sheet_width;
    let mut frame = FrameMut::new(PixelFormat::Rgb, sheet_width, sheet_height, [(&mut *sheet, stride)])?;
    blend(&layer, &mut frame)?;
    Ok(sheet)
}

/// A row for each order of colours and resize rule, so that the presets stand side by side.
fn rows(cells: &[Cell]) -> Vec<Vec<&Cell>> {
    let mut rows: Vec<Vec<&Cell>> = Vec::new();
    for cell in cells {
        let key = |cell: &Cell| (cell.interpretation.color, cell.interpretation.resize);
        match rows.last_mut().filter(|row| row.last().is_some_and(|last| key(last) == key(cell))) {
            Some(row) => row.push(cell),
            None => rows.push(vec![cell]),
        }
    }
    rows
}

fn legend(title: &str, classes: &[ClassSection]) -> Vec<(String, Color)> {
    let mut lines = vec![(title.to_owned(), Color::WHITE)];
    // More would push the pictures off the screen.
    for class in classes.iter().take(MAX_LEGEND) {
        lines.push((format!("{} {}", class.index, class.label), color_of(classes, class.index)));
    }
    if classes.len() > MAX_LEGEND {
        lines.push((format!("and {} more", classes.len() - MAX_LEGEND), DIM));
    }
    lines
}

fn color_of(classes: &[ClassSection], index: u8) -> Color {
    let class = classes.iter().find(|class| class.index == index);
    class.and_then(ClassSection::rgb).map_or(Color::WHITE, Color::opaque)
}

/// Where a cell's picture lies on the sheet.
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    scale: f64,
}

impl Place {
    /// Pixel centres to pixel centres.
    fn of(&self, p: &PointInFrame) -> PointInFrame {
        let at = |v: f64, start: usize, length: usize| {
            ((v + 0.5) * self.scale - 0.5).clamp(0.0, length as f64 - 1.0) + start as f64
        };
        PointInFrame { x_px: at(p.x_px, self.x, self.width), y_px: at(p.y_px, self.y, self.height) }
    }
}

fn outlines(layer: &mut Layer, cell: &Cell, place: &Place) {
    let Ok(result) = &cell.result else { return };
    for class in &result.classes {
        let color = Color::opaque(class.class.color);
        let moved = |ring: &Vec<PointInFrame>| ring.iter().map(|p| place.of(p)).collect::<Vec<_>>();
        let rings = |contour: &Contour| {
            std::iter::once(&contour.outer).chain(&contour.holes).map(moved).collect::<Vec<_>>()
        };
        let all: Vec<Vec<PointInFrame>> = class.contours.iter().flat_map(rings).collect();
        layer.fill(all.iter().map(Vec::as_slice), color.with_alpha(FILL));
        for ring in all {
            layer.polyline(ring, true, &Stroke::new(color, 1.5));
        }
    }
}

fn caption(
    layer: &mut Layer,
    cell: &Cell,
    classes: &[ClassSection],
    place: &Place,
    font: Font,
    is_best: bool,
) {
    let line = font.line_height() as i64;
    let (x, y) = (place.x as i64, (place.y + place.height + 4) as i64);
    let (color, first) = if is_best { (Color::YELLOW, font.bold()) } else { (Color::WHITE, font) };
    layer.text(x, y, &format!("#{} {}", cell.number, cell.interpretation.caption()), first, color, 0);
    if is_best {
        frame(layer, place);
    }
    let (second, third) = match &cell.result {
        Err(problem) => ("no answer:".to_owned(), problem.clone()),
        Ok(result) => {
            let figures = &result.figures;
            let sure = format!("sure {:.0} %  score {:.2}", 100.0 * (1.0 - figures.entropy), figures.score);
            let shares = classes
                .iter()
                .zip(figures.shares)
                .map(|(c, share)| format!("{}:{:.0}", c.index, 100.0 * share));
            (sure, format!("% of picture {}", shares.collect::<Vec<_>>().join(" ")))
        }
    };
    let third = cell.difference.as_ref().map_or(third, |difference| {
        let word = match difference.verdict() {
            Verdict::Same => "SAME",
            Verdict::Close => "close",
            Verdict::Differs => "differs",
        };
        format!("{word}: max {:.3} mean {:.4}", difference.largest, difference.mean)
    });
    layer.text(x, y + line, &second, font, DIM, 0);
    layer.text(x, y + 2 * line, &third, font, DIM, 0);
}

/// A line around the cell to look at first.
fn frame(layer: &mut Layer, place: &Place) {
    let (left, top) = (place.x as f64 - 2.0, place.y as f64 - 2.0);
    let (right, bottom) = (left + place.width as f64 + 3.0, top + place.height as f64 + 3.0);
    let corner = |x_px, y_px| PointInFrame { x_px, y_px };
    let corners = [corner(left, top), corner(right, top), corner(right, bottom), corner(left, bottom)];
    layer.polyline(corners, true, &Stroke::new(Color::YELLOW, 2.0).with_halo(0.0));
}
