//! Boxes of text: status, notice and the list of values.

use vesalius_measure::ellipse::EllipseInFrame;
use vesalius_measure::geometry::PointInFrame;
use vesalius_measure::live::{AiState, LiveState, SignalState};
use vesalius_measure::result::{FrameResult, Reason, ResultStatus};

use crate::clear::{Area, place};
use crate::color::Color;
use crate::layer::Layer;
use crate::panel;
use crate::scene::{CALIPER_COLOR, Sizes, Style};
use crate::stroke::Stroke;
use crate::text::Font;

/// Text may cover this part of the picture.
const MAX_TEXT_AREA: f64 = 0.25;
const PANEL_COLOR: Color = Color::BLACK.with_alpha(150);
const TEXT_COLOR: Color = Color::opaque([240, 240, 240]);

/// How the engine is doing: a sign that differs in shape, not in colour alone, and words.
enum Sign {
    Dot,
    Ring,
    Triangle,
    Cross,
}

/// Beside a live picture: one word for the engine that is the same on every screen, and first what keeps the picture from
/// being one.
fn live_status(result: &FrameResult, live: &LiveState) -> (Sign, Color, String) {
    let name = &result.engine.name;
    let ai = live.ai.as_str();
    if live.signal != SignalState::Live {
        let signal = live.signal.as_str();
        let text = match live.ai {
            AiState::Off => format!("{signal}, AI OFF"),
            AiState::Fault => format!("{signal}, AI FAULT"),
            _ => signal.to_owned(),
        };
        return (Sign::Cross, Color::ORANGE, text);
    }
    let carried = carried(result);
    let figures = format!("{:.0}/s, {} ms old{carried}", live.rate_hz, result.age_ns / 1_000_000);
    match (live.ai, result.status) {
        (AiState::Off, _) => (Sign::Ring, TEXT_COLOR, "AI OFF".to_owned()),
        (AiState::Loading, _) => (Sign::Ring, Color::ORANGE, format!("{name}: LOADING")),
        (_, ResultStatus::Missing(reason)) => {
            (Sign::Cross, Color::ORANGE, format!("{name}: {ai} ({})", reason.display()))
        }
        (_, ResultStatus::Ok) if !result.found_something() => {
            (Sign::Ring, TEXT_COLOR, format!("{name}: {ai}, nothing found, {figures}"))
        }
        (state, ResultStatus::Ok) => {
            let lacks = |reason| result.measurements.iter().any(|m| m.reason == Some(reason));
            let scale = match () {
                () if lacks(Reason::CalibrationExpired) => ", CALIBRATION EXPIRED",
                () if lacks(Reason::NoCalibration) => ", NO CALIBRATION",
                () => "",
            };
            let color = if state == AiState::Running { Color::GREEN.lighter() } else { Color::ORANGE };
            (Sign::Dot, color, format!("{name}: {ai}, {figures}{scale}"))
        }
    }
}

/// Whether outlines are not where they were found, in words.
fn carried(result: &FrameResult) -> &'static str {
    if result.motion.is_some() { ", carried" } else { "" }
}

fn status(result: &FrameResult, style: &Style) -> (Sign, Color, String) {
    if let Some(live) = &result.live {
        return live_status(result, live);
    }
    let name = &result.engine.name;
    match result.status {
        ResultStatus::Missing(reason) => {
            let text = format!("{name}: {} ({})", style.wording.no_result, reason.display());
            (Sign::Cross, Color::ORANGE, text)
        }
        ResultStatus::Ok => {
            let age = match result.age_ns / 1_000_000 {
                0 => String::new(),
                age_ms => format!(", {age_ms} ms old{}", carried(result)),
            };
            if result.is_unlike_training() {
                (Sign::Triangle, Color::ORANGE, format!("{name}: {}{age}", style.wording.unlike_training))
            } else if result.found_something() {
                (Sign::Dot, Color::GREEN.lighter(), format!("{name}: {}{age}", style.wording.running))
            } else {
                (Sign::Ring, TEXT_COLOR, format!("{name}: {}{age}", style.wording.nothing_found))
            }
        }
    }
}

/// A box for lines of text on a translucent ground.
#[derive(Clone, Copy)]
struct Board {
    font: Font,
    pad: usize,
    size: (usize, usize),
}

impl Board {
    /// A box for `lines` lines of up to `columns` characters.
    fn new(font: Font, columns: usize, lines: usize) -> Self {
        let pad = font.line_height() / 4;
        let width = font.text_width(" ") * columns + 2 * pad;
        Self { font, pad, size: (width, font.line_height() * lines + 2 * pad) }
    }

    fn area(&self) -> f64 {
        self.size.0 as f64 * self.size.1 as f64
    }

    /// Whether it has room in the picture, where text already covers `taken` pixels.
    fn fits(&self, picture: (usize, usize), sizes: &Sizes, taken: f64) -> bool {
        let room = picture.0 as f64 * picture.1 as f64 * MAX_TEXT_AREA - taken;
        let border = 2 * sizes.margin;
        self.size.0 + border <= picture.0 && self.size.1 + border <= picture.1 && self.area() <= room
    }

    fn ground(&self, layer: &mut Layer, at: (i64, i64)) {
        layer.rectangle(at.0, at.1, self.size.0, self.size.1, self.pad as f64, PANEL_COLOR);
    }

    /// First column and row of the characters of a line.
    fn line(&self, at: (i64, i64), line: usize) -> (i64, i64) {
        (at.0 + self.pad as i64, at.1 + (self.pad + line * self.font.line_height()) as i64)
    }
}

/// Draws status, notice and values: all that is text.
pub(crate) fn draw_text(layer: &mut Layer, result: &FrameResult, style: &Style, sizes: &Sizes) {
    let picture = (layer.width(), layer.height());
    let mut clear: Vec<Area> = style.keep_clear.iter().map(|clear| clear.area(picture)).collect();
    let side = draw_status(layer, result, style, sizes, &clear);
    // Where nothing was found the status says so: a list of empty lines would add nothing.
    if style.show_values && result.status == ResultStatus::Ok && result.found_something() {
        clear.extend(side.map(|(board, at)| Area::of(at, board.size).grown(sizes.margin)));
        draw_values(layer, result, style, sizes, side.map_or(0.0, |(board, _)| board.area()), &clear);
    }
}

/// Status and notice share a box; where both do not fit, the notice stays. Returns the box.
fn draw_status(
    layer: &mut Layer,
    result: &FrameResult,
    style: &Style,
    sizes: &Sizes,
    clear: &[Area],
) -> Option<(Board, (i64, i64))> {
    let (picture, font) = ((layer.width(), layer.height()), sizes.status);
    let corner = style.value_corner.across();
    let free = |board: &Board| place(corner, picture, board.size, sizes.margin, clear);
    let notice = (!style.notice.is_empty()).then_some(style.notice.as_str());
    let notice_columns = style.notice.chars().count();
    let (sign, color, said) = status(result, style);
    let both =
        Board::new(font, (said.chars().count() + 2).max(notice_columns), 1 + usize::from(notice.is_some()));
    let at_both = free(&both).filter(|_| style.show_status && both.fits(picture, sizes, 0.0));
    let (board, at, notice_line) = if let Some(at) = at_both {
        both.ground(layer, at);
        let (x, y) = both.line(at, 0);
        draw_sign(layer, sign, color, (x, y), sizes);
        let indent = 2 * font.text_width(" ") as i64;
        let is_fine = result.status == ResultStatus::Ok && !result.is_unlike_training();
        let color = if is_fine { TEXT_COLOR } else { color };
        layer.text(x + indent, y, &said, font, color, 0);
        (both, at, both.line(at, 1))
    } else {
        let alone = Board::new(font, notice_columns, 1);
        if notice.is_none() || !alone.fits(picture, sizes, 0.0) {
            return None;
        }
        let at = free(&alone).unwrap_or_else(|| corner.place(picture, alone.size, sizes.margin));
        alone.ground(layer, at);
        (alone, at, alone.line(at, 0))
    };
    if let Some(notice) = notice {
        layer.text(notice_line.0, notice_line.1, notice, font, TEXT_COLOR, 0);
    }
    Some((board, at))
}

/// The list of values in as many lines as there is room for clear of `taken`, where text covers `text_px` pixels already.
fn draw_values(
    layer: &mut Layer,
    result: &FrameResult,
    style: &Style,
    sizes: &Sizes,
    text_px: f64,
    taken: &[Area],
) {
    let (picture, font) = ((layer.width(), layer.height()), sizes.values);
    for limit in (1..=panel::MAX_LINES).rev() {
        let lines = panel::lines(result, limit);
        let columns = |line: &panel::Line| line.number.chars().count() + line.text.chars().count();
        let board = Board::new(font, lines.iter().map(columns).max().unwrap_or(0), lines.len());
        if lines.is_empty() || !board.fits(picture, sizes, text_px) {
            continue;
        }
        // Side by side with the other box where the picture is wide enough, else clear of it.
        let Some(at) = place(style.value_corner, picture, board.size, sizes.margin, taken) else { continue };
        board.ground(layer, at);
        for (i, line) in lines.iter().enumerate() {
            let (x, y) = board.line(at, i);
            let color = if line.valid { TEXT_COLOR } else { Color::ORANGE };
            layer.text(x, y, &line.number, font.bold(), CALIPER_COLOR, 0);
            layer.text(x + font.text_width(&line.number) as i64, y, &line.text, font, color, 0);
        }
        return;
    }
}

/// Draws the sign of the engine's state in a line's first character cell.
fn draw_sign(layer: &mut Layer, sign: Sign, color: Color, at: (i64, i64), sizes: &Sizes) {
    let line = sizes.status.line_height() as f64;
    let center = PointInFrame { x_px: at.0 as f64 + 0.28 * line, y_px: at.1 as f64 + 0.52 * line };
    let radius = 0.22 * line;
    let stroke = Stroke::new(color, (0.09 * line).max(1.25)).with_halo(0.0);
    match sign {
        Sign::Dot => layer.disc(center, 2.0 * radius, color, 0.0),
        Sign::Ring => layer
            .ellipse(&EllipseInFrame { center, major_px: (radius, 0.0), minor_px: (0.0, radius) }, &stroke),
        Sign::Triangle => {
            let corner = |x: f64, y: f64| PointInFrame {
                x_px: center.x_px + x * radius,
                y_px: center.y_px + y * radius,
            };
            layer.polyline([corner(0.0, -1.0), corner(1.0, 0.9), corner(-1.0, 0.9)], true, &stroke);
        }
        Sign::Cross => {
            let corner = |sx: f64, sy: f64| PointInFrame {
                x_px: center.x_px + sx * radius,
                y_px: center.y_px + sy * radius,
            };
            layer.polyline([corner(-1.0, -1.0), corner(1.0, 1.0)], false, &stroke);
            layer.polyline([corner(-1.0, 1.0), corner(1.0, -1.0)], false, &stroke);
        }
    }
}
