//! The picture of an explanation: four panels with their scales and what they mean.

use image::{Rgb, RgbImage};
use vesalius_draw::{Color, Font, Layer, Stroke, blend};
use vesalius_engine::explain::Explanation;
use vesalius_measure::frame::{FrameMut, PixelFormat};
use vesalius_measure::geometry::{Geometry, PointInFrame};
use vesalius_measure::mask::ProbabilityMap;

use super::Explained;

/// Largest width and height of a panel's picture in pixels.
const PANEL: (f64, f64) = (620.0, 440.0);
const MARGIN: usize = 24;
/// Height of a scale's colours, and the space that scale and text take below a picture.
const SCALE_HEIGHT: usize = 14;
const BELOW: usize = 158;
const HEAD: usize = 126;
const GROUND: Rgb<u8> = Rgb([22, 22, 24]);
const TEXT: Color = Color::opaque([235, 235, 235]);
const FAINT: Color = Color::opaque([170, 170, 170]);

/// The largest standard deviation that numbers between 0 and 1 can have.
const MOST_SPREAD: f32 = 0.5;
/// Of the importance map's colours over the gray picture.
const TINT: f32 = 0.6;

/// How numbers become colours. The maps are those of matplotlib that are even to the eye and safe for any kind of colour
/// vision (viridis and magma: S. van der Walt and N. Smith 2015; cividis: Nuñez et al. 2018, doi:10.1371/journal.pone.0199239).
struct Scale {
    colors: colorous::Gradient,
    /// What the last colour stands for.
    most: f32,
    /// Whether the gray picture shines through.
    is_tint: bool,
    ticks: Vec<(f32, String)>,
    unit: &'static str,
}

impl Scale {
    fn color(&self, value: f32, gray: u8) -> Rgb<u8> {
        let part = f64::from((value / self.most).clamp(0.0, 1.0));
        let colorous::Color { r, g, b } = self.colors.eval_continuous(part);
        if !self.is_tint {
            return Rgb([r, g, b]);
        }
        let mix = |color: u8| (f32::from(color) * TINT + f32::from(gray) * (1.0 - TINT)).round() as u8;
        Rgb([mix(r), mix(g), mix(b)])
    }
}

/// One panel.
struct Panel {
    title: String,
    meaning: String,
    content: Content,
}

enum Content {
    Picture,
    Map(ProbabilityMap, Scale),
}

/// Draws the page.
pub(super) fn draw(picture: &RgbImage, found: &Explanation, explained: &Explained) -> RgbImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    // Of pixels that are not square, the picture is shown as it is measured.
    let aspect = found.geometry.pixel_aspect().max(1e-3);
    let zoom = (PANEL.0 / (width * aspect)).min(PANEL.1 / height);
    let place = Place { zoom: (zoom * aspect, zoom), size: side(width * aspect * zoom, height * zoom) };
    let shown = image::imageops::resize(
        picture,
        place.size.0 as u32,
        place.size.1 as u32,
        image::imageops::FilterType::Triangle,
    );
    let panel_width = PANEL.0 as usize;
    let cell = (panel_width + MARGIN, place.size.1 + BELOW);
    let whole = (2 * cell.0 + MARGIN, HEAD + 2 * cell.1);
    let mut page = RgbImage::from_pixel(whole.0 as u32, whole.1 as u32, GROUND);
    // A layer of a page's size can always be.
    let Ok(mut layer) = Layer::new(whole.0, whole.1) else { return page };
    let left = (cell.0 - MARGIN - place.size.0) / 2;
    head(&mut layer, explained, whole.0);
    for (i, panel) in panels(found, explained).iter().enumerate() {
        let corner = (MARGIN + (i % 2) * cell.0, HEAD + (i / 2) * cell.1);
        let at = (corner.0 + left, corner.1 + 24);
        let font = Font::at_least(20.0).bold();
        layer.text(corner.0 as i64, corner.1 as i64 - 4, &panel.title, font, TEXT, 0);
        fill(&mut page, &shown, panel, &place, at, &found.geometry);
        outlines(&mut layer, found, explained, &place, at, matches!(panel.content, Content::Picture));
        let mut below = at.1 + place.size.1 + 8;
        if let Content::Map(_, scale) = &panel.content {
            legend(&mut page, &mut layer, scale, (corner.0, below), panel_width);
            below += SCALE_HEIGHT + 30;
        }
        paragraph(&mut layer, &panel.meaning, (corner.0, below), panel_width, Font::at_least(16.0), FAINT);
    }
    let (width, height) = (page.width() as usize, page.height() as usize);
    if let Ok(mut frame) = FrameMut::new(PixelFormat::Rgb, width, height, [(&mut *page, 3 * width)]) {
        // Layer and frame are of one size.
        let _ = blend(&layer, &mut frame);
    }
    page
}

fn side(width: f64, height: f64) -> (usize, usize) {
    ((width.round() as usize).max(1), (height.round() as usize).max(1))
}

/// Where the source picture lies in a panel.
struct Place {
    /// Panel pixels per source pixel.
    zoom: (f64, f64),
    size: (usize, usize),
}

impl Place {
    /// Centres of pixels are whole numbers in both.
    fn source(&self, x: usize, y: usize) -> PointInFrame {
        PointInFrame {
            x_px: (x as f64 + 0.5) / self.zoom.0 - 0.5,
            y_px: (y as f64 + 0.5) / self.zoom.1 - 0.5,
        }
    }

    fn panel(&self, p: PointInFrame, at: (usize, usize)) -> PointInFrame {
        PointInFrame {
            x_px: at.0 as f64 + (p.x_px + 0.5) * self.zoom.0 - 0.5,
            y_px: at.1 as f64 + (p.y_px + 0.5) * self.zoom.1 - 0.5,
        }
    }
}

fn head(layer: &mut Layer, explained: &Explained, width: usize) {
    let Explained { engine, input, frame, label, .. } = explained;
    let title = format!("Why {} says {label}", engine.name);
    layer.text(MARGIN as i64, 14, &title, Font::at_least(24.0).bold(), TEXT, 0);
    let small = Font::at_least(16.0);
    let what = format!(
        "{input}, frame {frame}  ·  {} {}, {}, {}, SHA-256 {}",
        engine.name,
        engine.version,
        engine.precision,
        engine.backend,
        engine.sha256.get(..12).unwrap_or(&engine.sha256)
    );
    layer.text(MARGIN as i64, 46, &what, small, FAINT, 0);
    let (answer, is_fine) = answer(explained);
    let color = if is_fine { TEXT } else { Color::ORANGE };
    layer.text(MARGIN as i64, 70, &answer, small.bold(), color, 0);
    let notice = "NOT FOR CLINICAL USE";
    let at = width.saturating_sub(MARGIN + small.text_width(notice));
    layer.text(at as i64, 20, notice, small.bold(), Color::ORANGE, 0);
}

/// The answer in a line, and whether it can be taken as it is.
fn answer(explained: &Explained) -> (String, bool) {
    let Explained { label, confidence, unsure, steadiness, unlikeness, unlike, .. } = explained;
    let found = match confidence {
        Some(confidence) if *unsure => format!("{label}: LOW CONFIDENCE {confidence:.2}, gives no value"),
        Some(confidence) => format!("{label}: found, confidence {confidence:.2}"),
        None => format!("{label}: not found"),
    };
    let like = match (unlikeness, unlike) {
        (Some([score, limit]), Some(true)) => {
            format!("UNLIKE TRAINING DATA ({score:.3}, limit {limit:.3}), gives no value")
        }
        (Some([score, limit]), _) => format!("like the training data ({score:.3}, limit {limit:.3})"),
        (None, _) => "this engine does not say whether the picture is like its training data".to_owned(),
    };
    let text = format!("{found}  ·  steadiness {steadiness:.2}  ·  {like}");
    (text, !unsure && *unlike != Some(true))
}

fn panels(found: &Explanation, explained: &Explained) -> [Panel; 4] {
    let label = &explained.label;
    let most = found.importance.values().iter().copied().fold(0.0, f32::max);
    let percent = |part: f32| format!("{:.0} %", 100.0 * part);
    let top = round_up(most);
    [
        Panel {
            title: "1  Picture, and what the engine found".to_owned(),
            meaning: format!(
                "The outline of {label} as it is measured. Dashed: the engine is unsure or the picture is unlike its training \
                 data, and no value is given."
            ),
            content: Content::Picture,
        },
        Panel {
            title: "2  Probability".to_owned(),
            meaning: format!(
                "How probable it is that a place belongs to {label}, before anything is cleaned up. The outline runs where it \
                 is {}.",
                percent(found.class.class.threshold)
            ),
            content: Content::Map(
                found.probability.clone(),
                Scale {
                    colors: colorous::CIVIDIS,
                    most: 1.0,
                    is_tint: false,
                    ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(|p| (p, percent(p))).to_vec(),
                    unit: "probability",
                },
            ),
        },
        Panel {
            title: "3  Uncertainty".to_owned(),
            meaning: format!(
                "How much the answer changes when the picture is mirrored, shifted or scaled a little ({} framings). Bright \
                 along the outline is usual; bright areas are places where the answer hangs on how the picture was framed.",
                found.framings
            ),
            content: Content::Map(
                found.spread.clone(),
                Scale {
                    colors: colorous::VIRIDIS,
                    most: MOST_SPREAD,
                    is_tint: false,
                    ticks: [0.0, 0.125, 0.25, 0.375, 0.5].map(|s| (s, fine_percent(s))).to_vec(),
                    unit: "standard deviation of the probability",
                },
            ),
        },
        Panel {
            title: "4  What the answer rests on".to_owned(),
            meaning: format!(
                "Bright: blurring this place changes the answer. It should be the borders and the inside of {label}; bright text, \
                 marks or far-off tissue mean that the answer rests on the wrong thing. ({} spots, one at a time.)",
                found.spots
            ),
            content: Content::Map(
                found.importance.clone(),
                Scale {
                    colors: colorous::MAGMA,
                    most: top,
                    is_tint: true,
                    ticks: (0_u8..=4)
                        .map(|i| top * f32::from(i) / 4.0)
                        .map(|v| (v, fine_percent(v)))
                        .collect(),
                    unit: "part of the area that changes",
                },
            ),
        },
    ]
}

fn fine_percent(part: f32) -> String {
    let percent = 100.0 * part;
    let is_whole = (percent - percent.round()).abs() < 0.01;
    if is_whole { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// The next of 1, 2, 4, 6, 8 times a power of ten, of which quarters are plain numbers; a hundredth at least.
fn round_up(value: f32) -> f32 {
    let value = value.max(0.01);
    let power = 10_f32.powf(value.log10().floor());
    let step = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().find(|step| step * power >= value * 0.999);
    step.unwrap_or(10.0) * power
}

/// Puts a panel's picture or map on the page.
fn fill(
    page: &mut RgbImage,
    shown: &RgbImage,
    panel: &Panel,
    place: &Place,
    at: (usize, usize),
    geometry: &Geometry,
) {
    for (x, y, pixel) in shown.enumerate_pixels() {
        let color = match &panel.content {
            Content::Picture => *pixel,
            Content::Map(map, scale) => {
                let value = value_at(map, geometry, place.source(x as usize, y as usize));
                scale.color(value, image::Pixel::to_luma(pixel).0[0])
            }
        };
        if let Some(to) = page.get_pixel_mut_checked(x + at.0 as u32, y + at.1 as u32) {
            *to = color;
        }
    }
}

/// A map's value at a place of the source, bilinear between the centres of the content's pixels.
fn value_at(map: &ProbabilityMap, geometry: &Geometry, p: PointInFrame) -> f32 {
    let content = geometry.content;
    let p = geometry.model_from_source(p);
    let clamp = |v: f64, first: u32, count: u32| v.clamp(f64::from(first), f64::from(first + count - 1));
    let (x, y) = (clamp(p.x_px, content.x, content.width), clamp(p.y_px, content.y, content.height));
    let (left, top, right, bottom) =
        (x.floor() as usize, y.floor() as usize, x.ceil() as usize, y.ceil() as usize);
    let (fx, fy) = ((x - x.floor()) as f32, (y - y.floor()) as f32);
    let upper = map.at(left, top) + (map.at(right, top) - map.at(left, top)) * fx;
    let lower = map.at(left, bottom) + (map.at(right, bottom) - map.at(left, bottom)) * fx;
    upper + (lower - upper) * fy
}

/// The structure's outlines, in its colour on the picture and white on the maps.
fn outlines(
    layer: &mut Layer,
    found: &Explanation,
    explained: &Explained,
    place: &Place,
    at: (usize, usize),
    is_picture: bool,
) {
    let color = if is_picture { Color::opaque(found.class.class.color) } else { Color::WHITE };
    let solid = Stroke::new(color, if is_picture { 2.5 } else { 1.25 });
    let is_doubtful = explained.unsure || explained.unlike == Some(true);
    let stroke = if is_doubtful { solid.dashed(9.0, 8.0) } else { solid };
    for contour in &found.class.contours {
        for outline in std::iter::once(&contour.outer).chain(&contour.holes) {
            layer.polyline(outline.iter().map(|p| place.panel(*p, at)), true, &stroke);
        }
    }
}

fn legend(page: &mut RgbImage, layer: &mut Layer, scale: &Scale, at: (usize, usize), width: usize) {
    let font = Font::at_least(16.0);
    let unit_width = font.text_width(scale.unit);
    let bar = width.saturating_sub(unit_width + 2 * MARGIN).max(100);
    for x in 0..bar {
        let value = scale.most * x as f32 / (bar - 1) as f32;
        for y in 0..SCALE_HEIGHT {
            if let Some(pixel) = page.get_pixel_mut_checked((at.0 + x) as u32, (at.1 + y) as u32) {
                // Over the gray of tissue.
                *pixel = scale.color(value, 90);
            }
        }
    }
    let top = (at.1 + SCALE_HEIGHT + 2) as i64;
    for (value, text) in &scale.ticks {
        let middle = at.0 as f64 + f64::from(value / scale.most) * bar as f64;
        let half = font.text_width(text) as f64 / 2.0;
        let x = (middle - half).clamp(at.0 as f64, (at.0 + bar) as f64 - 2.0 * half);
        layer.text(x.round() as i64, top, text, font, TEXT, 0);
    }
    layer.text((at.0 + bar + MARGIN / 2) as i64, at.1 as i64 - 2, scale.unit, font, TEXT, 0);
}

/// Writes text in as many lines as it needs.
fn paragraph(layer: &mut Layer, text: &str, at: (usize, usize), width: usize, font: Font, color: Color) {
    let columns = width / font.text_width(" ").max(1);
    let mut line = String::new();
    let mut y = at.1 as i64;
    let mut write = |line: &str| {
        layer.text(at.0 as i64, y, line, font, color, 0);
        y += font.line_height() as i64;
    };
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > columns {
            write(&line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    write(&line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_in_plain_numbers() {
        for (value, top) in
            [(0.0, 0.01), (0.011, 0.02), (0.07, 0.08), (0.1, 0.1), (0.33, 0.4), (0.83, 1.0), (1.7, 2.0)]
        {
            assert!((round_up(value) - top).abs() < 1e-6, "{value}: {}", round_up(value));
        }
        assert_eq!([0.0, 0.02, 0.015, 0.6 * 0.25].map(fine_percent), ["0 %", "2 %", "1.5 %", "15 %"]);
    }

    /// Even to the eye: each map grows brighter all the way, so that it reads in gray too.
    #[test]
    fn maps_grow_brighter_all_the_way() {
        for colors in [colorous::CIVIDIS, colorous::VIRIDIS, colorous::MAGMA] {
            let bright = |i: usize| {
                let colorous::Color { r, g, b } = colors.eval_rational(i, 32);
                0.2126 * f64::from(r).powf(2.2)
                    + 0.7152 * f64::from(g).powf(2.2)
                    + 0.0722 * f64::from(b).powf(2.2)
            };
            assert!((1..32).all(|i| bright(i) > bright(i - 1)));
        }
    }

    #[test]
    fn a_place_goes_there_and_back() {
        let place = Place { zoom: (0.7, 0.9), size: (70, 90) };
        let p = place.panel(place.source(12, 34), (100, 200));
        assert!((p.x_px - 112.0).abs() < 1e-9 && (p.y_px - 234.0).abs() < 1e-9);
    }
}
