//! A card in the place of a picture.

use crate::color::Color;
use crate::layer::Layer;
use crate::text::Font;

/// Writes a word large in the middle of a layer, and a line small beneath it.
///
/// What does not fit is left out, the line first.
pub fn draw_card(layer: &mut Layer, word: &str, line: &str) {
    let (width, height) = (layer.width(), layer.height());
    let side = width.min(height) as f64;
    let fits = |text: &str, line_px: f64| {
        let font = Font::at_least(line_px);
        (font.text_width(text) <= width && 2 * font.line_height() <= height).then_some(font)
    };
    let mut middle = |text: &str, font: Font, y: i64, color: Color| {
        layer.text((width - font.text_width(text)) as i64 / 2, y, text, font, color, 0);
    };
    let Some(font) = [0.12, 0.08, 0.05, 0.0].into_iter().find_map(|part| fits(word, part * side)) else {
        return;
    };
    let line_height = font.line_height();
    let y = (height / 2).saturating_sub(line_height) as i64;
    middle(word, font.bold(), y, Color::opaque([240, 240, 240]));
    if let Some(font) = fits(line, 0.03 * side) {
        middle(line, font, y + (line_height + line_height / 4) as i64, Color::opaque([170, 170, 170]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_stands_in_the_middle_and_no_size_is_too_small_to_try() {
        let mut layer = Layer::new(640, 480).unwrap();
        draw_card(&mut layer, "NO SIGNAL", "waiting");
        let drawn: Vec<usize> = (0..480 * 640).filter(|i| layer.pixel(i % 640, i / 640)[3] > 0).collect();
        let columns = || drawn.iter().map(|i| i % 640);
        let (left, right) = (columns().min().unwrap(), columns().max().unwrap());
        assert!(left.abs_diff(640 - right) < 20, "{left} to {right}");
        for (width, height) in [(1, 1), (16, 16), (100, 20), (4000, 40)] {
            draw_card(&mut Layer::new(width, height).unwrap(), "NO SIGNAL", "waiting");
        }
    }
}
