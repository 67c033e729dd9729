//! A piece of the canvas.

use std::ops::Range;

use crate::color::Pixel;
use crate::ink::{CLEAR, Ink};

/// Tiles are even in size, so that no 2×2 chroma block lies in two of them.
pub(crate) const TILE_WIDTH: usize = 64;
pub(crate) const TILE_HEIGHT: usize = 32;
/// Reaches are raised this many at a time.
pub(crate) const TILE_BLOCK: usize = 8;

/// Fixed-point unit of [`Tile::reach`]: 1/256 pixel.
pub(crate) const REACH_UNIT: f32 = 256.0;

/// A run of pixels in a tile's row, `start..end`; empty where `start >= end`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u8,
    end: u8,
}

impl Span {
    const EMPTY: Self = Self { start: TILE_WIDTH as u8, end: 0 };

    fn extend(&mut self, start: usize, end: usize) {
        self.start = self.start.min(start as u8);
        self.end = self.end.max(end as u8);
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    pub(crate) fn start(self) -> usize {
        usize::from(self.start)
    }

    pub(crate) fn end(self) -> usize {
        usize::from(self.end)
    }
}

/// One piece of the canvas. Outside `drawn` every pixel is transparent, outside `reached` every reach is 0.
#[derive(Clone)]
pub(crate) struct Tile {
    /// Picture coordinates of the first pixel.
    pub(crate) left: usize,
    pub(crate) top: usize,
    pixels: [Pixel; TILE_WIDTH * TILE_HEIGHT],
    drawn: [Span; TILE_HEIGHT],
    /// How far inside the outer edge of the primitive being drawn a pixel's centre lies, 1/256 px. The union of
    /// the primitive's parts is the greatest of their reaches, so joints are no darker than the rest.
    reach: [i16; TILE_WIDTH * TILE_HEIGHT],
    reached: [Span; TILE_HEIGHT],
    pub(crate) has_reach: bool,
}

impl Tile {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            left: 0,
            top: 0,
            pixels: [CLEAR; TILE_WIDTH * TILE_HEIGHT],
            drawn: [Span::EMPTY; TILE_HEIGHT],
            reach: [0; TILE_WIDTH * TILE_HEIGHT],
            reached: [Span::EMPTY; TILE_HEIGHT],
            has_reach: false,
        }
    }

    /// Makes every pixel transparent.
    pub(crate) fn clear(&mut self) {
        for (row, span) in self.pixels.chunks_exact_mut(TILE_WIDTH).zip(&mut self.drawn) {
            if let Some(run) = row.get_mut(span.start()..span.end()) {
                run.fill(CLEAR);
            }
            *span = Span::EMPTY;
        }
    }

    /// All pixels, row by row.
    pub(crate) fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    /// Makes pixels of a row transparent again.
    pub(crate) fn erase(&mut self, row: usize, columns: Range<usize>) {
        let at = row * TILE_WIDTH;
        if let Some(pixels) = self.pixels.get_mut(at + columns.start..at + columns.end) {
            pixels.fill(CLEAR);
        }
    }

    /// A row's drawn run and all 64 pixels of the row.
    pub(crate) fn row(&self, row: usize) -> (Span, &[Pixel]) {
        let pixels = self.pixels.get(row * TILE_WIDTH..(row + 1) * TILE_WIDTH).unwrap_or(&[]);
        (self.drawn.get(row).copied().unwrap_or(Span::EMPTY), pixels)
    }

    /// Pixels `start..end` of a row, to be drawn on.
    pub(crate) fn pixels_mut(&mut self, row: usize, start: usize, end: usize) -> &mut [Pixel] {
        if let Some(span) = self.drawn.get_mut(row) {
            span.extend(start, end);
        }
        self.pixels.get_mut(row * TILE_WIDTH + start..row * TILE_WIDTH + end).unwrap_or(&mut [])
    }

    /// Columns of the picture as columns of the tile, of which `width` are the picture's.
    pub(crate) fn columns(&self, columns: &Range<usize>, width: usize) -> Range<usize> {
        let within = |x: usize| x.saturating_sub(self.left).min(width);
        within(columns.start)..within(columns.end)
    }

    /// The blocks of reaches that some columns of a row lie in, each with its first column, to be raised. What they have
    /// outside of these columns must not be raised above 0.
    #[inline]
    pub(crate) fn reach_blocks(
        &mut self,
        row: usize,
        columns: &Range<usize>,
    ) -> impl Iterator<Item = (usize, &mut [i16; TILE_BLOCK])> {
        let (mut first, mut end) = (0, 0);
        if let Some(span) = self.reached.get_mut(row).filter(|_| !columns.is_empty()) {
            span.extend(columns.start, columns.end);
            first = columns.start - columns.start % TILE_BLOCK;
            end = columns.end.next_multiple_of(TILE_BLOCK);
        }
        let blocks = self.reach.get_mut(row * TILE_WIDTH + first..row * TILE_WIDTH + end);
        let blocks = blocks.unwrap_or(&mut []).as_chunks_mut().0;
        (first..).step_by(TILE_BLOCK).zip(blocks)
    }

    /// Turns reaches into colour and forgets them.
    pub(crate) fn ink(&mut self, ink: &Ink) {
        self.has_reach = false;
        let rows = self.reach.chunks_exact_mut(TILE_WIDTH).zip(self.pixels.chunks_exact_mut(TILE_WIDTH));
        for ((reaches, pixels), (reached, drawn)) in rows.zip(self.reached.iter_mut().zip(&mut self.drawn)) {
            if reached.is_empty() {
                continue;
            }
            let run = reached.start()..reached.end();
            *drawn = drawn.union(*reached);
            *reached = Span::EMPTY;
            let (Some(reaches), Some(pixels)) = (reaches.get_mut(run.clone()), pixels.get_mut(run)) else {
                continue;
            };
            for (reach, pixel) in reaches.iter_mut().zip(pixels) {
                let reach = std::mem::take(reach) as u16;
                if *pixel == CLEAR {
                    *pixel = ink.alone(reach);
                } else if reach > 0 {
                    *pixel = ink.on(*pixel, reach);
                }
            }
        }
    }
}
