//! From a frame's result to its picture.

use vesalius_measure::contour::Contour;
use vesalius_measure::geometry::PointInFrame;
use vesalius_measure::result::{
    ClassResult, FrameResult, LEAST_CONFIDENCE, Mark, Measurement, Reason, ResultStatus,
};
use vesalius_measure::track::{Bounds, TrackId};

use crate::board::draw_text;
use crate::clear::KeepClear;
use crate::color::Color;
use crate::fill::MAX_FILL_OPACITY;
use crate::layer::Layer;
use crate::panel;
use crate::stroke::Stroke;
use crate::text::Font;

/// Height of the picture that widths are given for.
const NOMINAL_HEIGHT_PX: f64 = 1080.0;
/// Lines of values, as a part of the picture's height: 32 px at 1080 p, where capitals and digits have 23 px.
const VALUE_LINE: f64 = 0.0295;
/// Lines of status and notice: 24 px at 1080 p.
const STATUS_LINE: f64 = 0.022;

/// A corner of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Corner {
    /// Top left.
    TopLeft,
    /// Top right.
    TopRight,
    /// Bottom left.
    #[default]
    BottomLeft,
    /// Bottom right.
    BottomRight,
}

impl Corner {
    /// The corner beside it, left for right.
    pub(crate) const fn across(self) -> Self {
        match self {
            Self::TopLeft => Self::TopRight,
            Self::TopRight => Self::TopLeft,
            Self::BottomLeft => Self::BottomRight,
            Self::BottomRight => Self::BottomLeft,
        }
    }

    /// The corner above or below it.
    pub(crate) const fn along(self) -> Self {
        match self {
            Self::TopLeft => Self::BottomLeft,
            Self::TopRight => Self::BottomRight,
            Self::BottomLeft => Self::TopLeft,
            Self::BottomRight => Self::TopRight,
        }
    }

    /// First column and row of a box in the corner, `margin` from the edges.
    pub(crate) fn place(self, picture: (usize, usize), size: (usize, usize), margin: usize) -> (i64, i64) {
        let far = |whole: usize, part: usize| whole as i64 - (part + margin) as i64;
        let near = margin as i64;
        let x = match self {
            Self::TopLeft | Self::BottomLeft => near,
            Self::TopRight | Self::BottomRight => far(picture.0, size.0),
        };
        let y = match self {
            Self::TopLeft | Self::TopRight => near,
            Self::BottomLeft | Self::BottomRight => far(picture.1, size.1),
        };
        (x, y)
    }
}

/// What the status line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The engine ran and found something.
    pub running: String,
    /// The engine ran and found nothing.
    pub nothing_found: String,
    /// The engine ran on a picture unlike its training data.
    pub unlike_training: String,
    /// There is no result for this frame; the reason follows.
    pub no_result: String,
}

impl Default for Wording {
    fn default() -> Self {
        Self {
            running: "running".to_owned(),
            nothing_found: "running, nothing found".to_owned(),
            unlike_training: "UNLIKE TRAINING DATA".to_owned(),
            no_result: "NO RESULT".to_owned(),
        }
    }
}

/// What is drawn, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// Times the usual width of lines (2 px at 1080 rows, in proportion to the picture's shorter side).
    pub line_width: f64,
    /// Times the usual size of text.
    pub text_scale: f64,
    /// Outlines of what was found.
    pub show_contour: bool,
    /// The ellipse that was measured.
    pub show_ellipse: bool,
    /// "+" marks with a dotted line and a number.
    pub show_calipers: bool,
    /// The list of values.
    pub show_values: bool,
    /// Engine and state.
    pub show_status: bool,
    /// Opacity of the inside of outlines, 0 to 0.3.
    pub fill_opacity: f64,
    /// Outlines whose confidence is below this are dashed.
    pub uncertain_below: f32,
    /// Always on the picture; empty for none, which is the integrator's responsibility.
    pub notice: String,
    /// Where the list of values stands. Status and notice stand across from it, left for right.
    pub value_corner: Corner,
    /// Parts of the picture on which nothing is drawn.
    pub keep_clear: Vec<KeepClear>,
    /// What the status line says.
    pub wording: Wording,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            line_width: 1.0,
            text_scale: 1.0,
            show_contour: true,
            show_ellipse: true,
            show_calipers: true,
            show_values: true,
            show_status: true,
            fill_opacity: 0.0,
            uncertain_below: LEAST_CONFIDENCE,
            notice: "NOT FOR CLINICAL USE".to_owned(),
            value_corner: Corner::default(),
            keep_clear: Vec::new(),
            wording: Wording::default(),
        }
    }
}

/// Sizes that follow from the picture and the style.
pub(crate) struct Sizes {
    /// Pixels per pixel of a picture of 1080 rows.
    scale: f64,
    line_px: f64,
    halo_px: f64,
    text_halo_px: usize,
    /// Between text and the edge of the picture.
    pub(crate) margin: usize,
    pub(crate) values: Font,
    pub(crate) status: Font,
}

impl Sizes {
    fn new(layer: &Layer, style: &Style) -> Self {
        let side = layer.width().min(layer.height()) as f64;
        let scale = side / NOMINAL_HEIGHT_PX;
        let text = side * style.text_scale.clamp(0.1, 10.0);
        Self {
            scale,
            // A line thinner than this breaks up into grey.
            line_px: (2.0 * scale * style.line_width.clamp(0.1, 20.0)).max(1.25),
            halo_px: scale.max(0.75),
            text_halo_px: (scale.round() as usize).max(1),
            margin: (12.0 * scale) as usize,
            values: Font::at_least(text * VALUE_LINE),
            status: Font::at_least(text * STATUS_LINE),
        }
    }

    fn stroke(&self, color: Color, width: f64) -> Stroke {
        Stroke::new(color, (self.line_px * width).max(1.0)).with_halo(self.halo_px)
    }
}

/// Draws a result on a layer: outlines, ellipse, calipers, values, status and notice, as the style says.
///
/// A result of an earlier frame is drawn where the picture has moved to since, if that is known, and the status says so.
/// A result without an answer ([`ResultStatus::Missing`]) draws its status and the notice alone. Text that does
/// not fit is left out rather than cut: first values that others tell as well, then the list, the status and last
/// the notice. Text stands where nothing is to be kept clear, as near to its corner as there is room; only the notice, where there is none at all,
/// stands in its corner all the same.
/// The layer is not cleared first.
pub fn draw_result(layer: &mut Layer, result: &FrameResult, style: &Style) {
    let carried = result.motion.as_ref().map(|motion| motion.carried(result));
    let result = carried.as_ref().unwrap_or(result);
    let sizes = Sizes::new(layer, style);
    if result.status == ResultStatus::Ok {
        // Beneath the outline, so that it shows where the two part.
        draw_ellipses(layer, result, style, &sizes);
        for class in &result.classes {
            draw_class(layer, result, class, style, &sizes);
        }
        draw_lines(layer, result, style, &sizes);
        draw_calipers(layer, result, style, &sizes);
        draw_object_numbers(layer, result, style, &sizes);
    }
    let picture = (layer.width(), layer.height());
    style.keep_clear.iter().for_each(|clear| layer.erase(clear.area(picture)));
    draw_text(layer, result, style, &sizes);
}

fn draw_class(layer: &mut Layer, result: &FrameResult, class: &ClassResult, style: &Style, sizes: &Sizes) {
    let color = Color::opaque(class.class.color);
    let fill = (style.fill_opacity.clamp(0.0, MAX_FILL_OPACITY) * 255.0) as u8;
    let solid = sizes.stroke(color, 1.0);
    let dashed = solid.dashed(10.0 * sizes.line_px / 2.0, 9.0 * sizes.line_px / 2.0);
    let is_class_uncertain = is_uncertain(result, class, style);
    for contour in &class.contours {
        let stroke =
            if is_class_uncertain || is_object_uncertain(result, class, contour) { &dashed } else { &solid };
        let outlines = || std::iter::once(&contour.outer).chain(&contour.holes);
        if fill > 0 {
            layer.fill(outlines().map(Vec::as_slice), color.with_alpha(fill));
        }
        if style.show_contour {
            for outline in outlines() {
                layer.polyline(outline.iter().copied(), true, stroke);
            }
        }
    }
}

/// Whether the outline itself is in doubt. A missing calibration leaves it as good as it was.
fn is_uncertain(result: &FrameResult, class: &ClassResult, style: &Style) -> bool {
    class.withheld.is_some()
        || result.is_unlike_training()
        || class.confidence.is_some_and(|c| c < style.uncertain_below)
        || is_doubtful(result, &class.class.name)
}

/// Whether the outline of an object that is measured by itself is in doubt.
fn is_object_uncertain(result: &FrameResult, class: &ClassResult, contour: &Contour) -> bool {
    contour.object.is_some_and(|id| is_doubtful(result, &id.name(&class.class.name)))
}

fn is_doubtful(result: &FrameResult, structure: &str) -> bool {
    let doubtful = |reason: Option<Reason>| {
        matches!(
            reason,
            Some(Reason::Truncated | Reason::SeveralPieces | Reason::ShapeMismatch | Reason::Stale)
        )
    };
    result.measurements.iter().any(|m| *m.structure == *structure && doubtful(m.reason))
}

pub(crate) const CALIPER_COLOR: Color = Color::YELLOW;

fn draw_ellipses(layer: &mut Layer, result: &FrameResult, style: &Style, sizes: &Sizes) {
    if !style.show_ellipse {
        return;
    }
    let thin = sizes.stroke(Color::WHITE.with_alpha(210), 0.5);
    let uncertain = result.classes.iter().any(|class| {
        is_uncertain(result, class, style)
            || class.contours.iter().any(|contour| is_object_uncertain(result, class, contour))
    });
    let stroke = if uncertain { thin.dashed(0.0, 4.0 * sizes.line_px) } else { thin };
    for mark in &result.marks {
        if let Mark::Ellipse(ellipse) = mark {
            layer.ellipse(ellipse, &stroke);
        }
    }
}

/// Lines and places that explain a value: thin, so that calipers and outlines lead.
fn draw_lines(layer: &mut Layer, result: &FrameResult, style: &Style, sizes: &Sizes) {
    if !style.show_calipers {
        return;
    }
    let thin = sizes.stroke(Color::WHITE.with_alpha(170), 0.5);
    for mark in &result.marks {
        match mark {
            Mark::Line { points, .. } => layer.polyline(points.iter().copied(), false, &thin),
            Mark::Point { at, .. } => layer.disc(*at, 3.0 * sizes.line_px, CALIPER_COLOR, sizes.halo_px),
            _ => {}
        }
    }
}

fn draw_calipers(layer: &mut Layer, result: &FrameResult, style: &Style, sizes: &Sizes) {
    if !style.show_calipers {
        return;
    }
    let names = panel::caliper_names(result);
    let calipers = || {
        result.marks.iter().filter_map(|mark| match mark {
            Mark::Caliper { from, to, name } => Some((*from, *to, *name)),
            _ => None,
        })
    };
    for (from, to, _) in calipers() {
        let dots = sizes.stroke(CALIPER_COLOR, 1.0).dashed(0.0, 4.0 * sizes.line_px);
        layer.polyline([from, to], false, &dots);
    }
    for (from, to, name) in calipers() {
        let arm = (11.0 * sizes.scale).max(4.0);
        for end in [from, to] {
            layer.cross(end, arm, &sizes.stroke(CALIPER_COLOR, 1.0));
        }
        let number = names.iter().position(|n| *n == name).map_or_else(String::new, |i| (i + 1).to_string());
        draw_number(layer, from, to, &number, arm, sizes);
    }
}

/// Writes their numbers above the outlines of objects that are measured one by one.
fn draw_object_numbers(layer: &mut Layer, result: &FrameResult, style: &Style, sizes: &Sizes) {
    if !style.show_values {
        return;
    }
    let font = sizes.status.bold();
    let of_object = |m: &&Measurement| TrackId::of_name(&m.structure).is_some();
    let measured: Vec<&str> =
        result.measurements.iter().filter(of_object).map(|m| m.structure.as_ref()).collect();
    for class in result.classes.iter().filter(|_| !measured.is_empty()) {
        for contour in &class.contours {
            let Some(id) = contour.object else { continue };
            if !measured.contains(&id.name(&class.class.name).as_str()) {
                continue;
            }
            let Some(bounds) = Bounds::of(&contour.outer) else { continue };
            let text = format!("#{}", id.0);
            let (width, height) = (font.text_width(&text) as f64, font.line_height() as f64);
            let (room_x, room_y) = (layer.width() as f64 - width, layer.height() as f64 - height);
            if room_x < 0.0 || room_y < 0.0 {
                continue;
            }
            let gap = 2.0 * sizes.line_px;
            let above = bounds.min.y_px - gap - height;
            let y = if above >= 0.0 { above } else { bounds.max.y_px + gap };
            let x = (bounds.min.x_px + bounds.max.x_px - width) / 2.0;
            let at = |v: f64, room: f64| v.round().clamp(0.0, room) as i64;
            let color = Color::opaque(class.class.color);
            layer.text(at(x, room_x), at(y, room_y), &text, font, color, sizes.text_halo_px);
        }
    }
}

/// Writes a caliper's number beyond its first end, inside the picture.
fn draw_number(
    layer: &mut Layer,
    from: PointInFrame,
    to: PointInFrame,
    number: &str,
    arm: f64,
    sizes: &Sizes,
) {
    let font = sizes.values.bold();
    let (width, height) = (font.text_width(number) as f64, font.line_height() as f64);
    let (dx, dy) = (from.x_px - to.x_px, from.y_px - to.y_px);
    let whole = (dx * dx + dy * dy).sqrt();
    let room_x = layer.width() as f64 - width;
    let room_y = layer.height() as f64 - height;
    if !whole.is_finite() || room_x < 0.0 || room_y < 0.0 {
        return;
    }
    let (ux, uy) = if whole > 0.0 { (dx / whole, dy / whole) } else { (0.0, -1.0) };
    let beyond = arm + 0.5 * height;
    let x = (from.x_px + ux * beyond - width / 2.0).round().clamp(0.0, room_x);
    let y = (from.y_px + uy * beyond - height / 2.0).round().clamp(0.0, room_y);
    layer.text(x as i64, y as i64, number, font, CALIPER_COLOR, sizes.text_halo_px);
}
