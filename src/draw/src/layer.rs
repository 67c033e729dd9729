//! The sparse canvas: tiles that exist only where something is drawn.

use crate::color::{Color, Pixel, over};

/// The longest side of a layer, in pixels.
pub const MAX_SIDE_PX: usize = 32_768;

/// Tiles are even in size, so that no 2×2 chroma block lies in two of them.
pub(crate) const TILE_WIDTH: usize = 64;
pub(crate) const TILE_HEIGHT: usize = 32;
const NO_TILE: u32 = u32::MAX;

/// Fixed-point unit of [`Tile::reach`]: 1/256 pixel.
pub(crate) const REACH_UNIT: f32 = 256.0;

/// Why something cannot be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// A layer's sides are limited.
    #[error("cannot draw on {width}x{height} pixels: a side may have 1 to {MAX_SIDE_PX}")]
    Size {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// Layer and frame differ.
    #[error("a layer of {layer_width}x{layer_height} pixels does not fit a frame of {width}x{height}")]
    Mismatch {
        /// Width of the layer in pixels.
        layer_width: usize,
        /// Height of the layer in pixels.
        layer_height: usize,
        /// Width of the frame in pixels.
        width: usize,
        /// Height of the frame in pixels.
        height: usize,
    },
}

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
    reach: [u16; TILE_WIDTH * TILE_HEIGHT],
    reached: [Span; TILE_HEIGHT],
    has_reach: bool,
}

impl Tile {
    fn new() -> Self {
        Self {
            left: 0,
            top: 0,
            pixels: [[0; 4]; TILE_WIDTH * TILE_HEIGHT],
            drawn: [Span::EMPTY; TILE_HEIGHT],
            reach: [0; TILE_WIDTH * TILE_HEIGHT],
            reached: [Span::EMPTY; TILE_HEIGHT],
            has_reach: false,
        }
    }

    fn clear(&mut self) {
        for (row, span) in self.pixels.chunks_exact_mut(TILE_WIDTH).zip(&mut self.drawn) {
            if let Some(run) = row.get_mut(span.start()..span.end()) {
                run.fill([0; 4]);
            }
            *span = Span::EMPTY;
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

    /// Reaches `start..end` of a row, to be raised.
    fn reach_mut(&mut self, row: usize, start: usize, end: usize) -> &mut [u16] {
        if let Some(span) = self.reached.get_mut(row) {
            span.extend(start, end);
        }
        self.reach.get_mut(row * TILE_WIDTH + start..row * TILE_WIDTH + end).unwrap_or(&mut [])
    }

    /// Turns reaches into colour and forgets them.
    ///
    /// Coverage (0..=256) of the halo is the reach itself, that of the core the reach less the halo's width. The
    /// halo goes beneath everything already drawn, so that it never darkens a neighbouring line; the core goes over.
    fn ink(&mut self, core: Color, halo: Color, halo_reach: u16) {
        self.has_reach = false;
        let full_core = core.cover(256);
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
                let outer = std::mem::take(reach);
                if outer == 0 {
                    continue;
                }
                let inner = outer.saturating_sub(halo_reach);
                if inner >= 256 {
                    *pixel = over(full_core, *pixel);
                    continue;
                }
                if halo_reach > 0 {
                    *pixel = over(*pixel, halo.cover(outer));
                }
                if inner > 0 {
                    *pixel = over(core.cover(inner), *pixel);
                }
            }
        }
    }
}

/// A sparse canvas of a frame's size, premultiplied, 8 bits a channel.
///
/// Made once for a stream and reused: [`clear`](Self::clear) keeps the memory, and drawing allocates only where it
/// never drew before.
#[derive(Clone)]
pub struct Layer {
    width: usize,
    height: usize,
    columns: usize,
    index: Vec<u32>,
    tiles: Vec<Box<Tile>>,
    used: usize,
    reached: Vec<u32>,
    pub(crate) scratch: crate::text::Scratch,
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layer({}x{}, {} tiles drawn of {})", self.width, self.height, self.used, self.index.len())
    }
}

impl Layer {
    /// An empty layer of `width` × `height` pixels.
    ///
    /// # Errors
    ///
    /// [`DrawError::Size`] when a side is 0 or longer than [`MAX_SIDE_PX`].
    pub fn new(width: usize, height: usize) -> Result<Self, DrawError> {
        if width == 0 || height == 0 || width > MAX_SIDE_PX || height > MAX_SIDE_PX {
            return Err(DrawError::Size { width, height });
        }
        let columns = width.div_ceil(TILE_WIDTH);
        Ok(Self {
            width,
            height,
            columns,
            index: vec![NO_TILE; columns * height.div_ceil(TILE_HEIGHT)],
            tiles: Vec::new(),
            used: 0,
            reached: Vec::new(),
            scratch: crate::text::Scratch::default(),
        })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether nothing has been drawn.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Forgets everything drawn and keeps the memory.
    pub fn clear(&mut self) {
        for tile in self.tiles.iter_mut().take(self.used) {
            let cell = tile.top / TILE_HEIGHT * self.columns + tile.left / TILE_WIDTH;
            if let Some(slot) = self.index.get_mut(cell) {
                *slot = NO_TILE;
            }
            tile.clear();
        }
        self.used = 0;
    }

    /// Premultiplied blue, green, red and alpha of a pixel; transparent outside the picture.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 4] {
        let tile = (x < self.width).then(|| self.tile_at(x / TILE_WIDTH, y / TILE_HEIGHT)).flatten();
        tile.and_then(|t| t.row(y % TILE_HEIGHT).1.get(x % TILE_WIDTH)).copied().unwrap_or([0; 4])
    }

    /// Width and height of a tile in pixels; both even.
    pub const TILE_PX: (usize, usize) = (TILE_WIDTH, TILE_HEIGHT);

    /// The tiles that hold something, for whoever blends elsewhere (a GPU): first column, first row and the tile's
    /// pixels, row by row, premultiplied blue, green, red and alpha. A tile can reach beyond the picture; its pixels
    /// there are transparent.
    pub fn drawn_tiles(&self) -> impl Iterator<Item = (usize, usize, &[[u8; 4]])> {
        self.tiles().map(|tile| (tile.left, tile.top, tile.pixels.as_slice()))
    }

    /// The tiles that hold something.
    pub(crate) fn tiles(&self) -> impl Iterator<Item = &Tile> {
        self.tiles.iter().take(self.used).map(Box::as_ref)
    }

    /// The tile of a column and row of the grid.
    pub(crate) fn tile_at(&self, column: usize, row: usize) -> Option<&Tile> {
        let slot = *self.index.get(row * self.columns + column)?;
        self.tiles.get(slot as usize).map(Box::as_ref)
    }

    /// Columns and rows of the grid of tiles.
    pub(crate) fn grid(&self) -> (usize, usize) {
        (self.columns, self.index.len() / self.columns)
    }

    fn slot(&mut self, column: usize, row: usize) -> u32 {
        let Some(slot) = self.index.get_mut(row * self.columns + column) else { return NO_TILE };
        if *slot == NO_TILE {
            if self.used == self.tiles.len() {
                self.tiles.push(Box::new(Tile::new()));
            }
            if let Some(tile) = self.tiles.get_mut(self.used) {
                (tile.left, tile.top) = (column * TILE_WIDTH, row * TILE_HEIGHT);
            }
            *slot = self.used as u32;
            self.used += 1;
        }
        *slot
    }

    /// Calls `each` with the tile, the row in it and the run of columns in it, for every tile that pixels
    /// `start..end` of picture row `y` lie in. What lies outside the picture is left out.
    fn for_row(
        &mut self,
        y: i64,
        start: i64,
        end: i64,
        mut each: impl FnMut(&mut Tile, u32, usize, usize, usize),
    ) {
        let (Ok(y), end) = (usize::try_from(y), end.clamp(0, self.width as i64) as usize) else { return };
        let mut x = start.max(0) as usize;
        if y >= self.height || x >= end {
            return;
        }
        while x < end {
            let slot = self.slot(x / TILE_WIDTH, y / TILE_HEIGHT);
            let left = x - x % TILE_WIDTH;
            let stop = end.min(left + TILE_WIDTH);
            if let Some(tile) = self.tiles.get_mut(slot as usize) {
                each(tile, slot, y % TILE_HEIGHT, x - left, stop - left);
            }
            x = stop;
        }
    }

    /// Lets `raise` raise the reach of pixels `start..end` of row `y`; it gets the x of the first pixel of a run.
    pub(crate) fn reach_row(
        &mut self,
        y: i64,
        start: i64,
        end: i64,
        mut raise: impl FnMut(usize, &mut [u16]),
    ) {
        let mut reached = std::mem::take(&mut self.reached);
        self.for_row(y, start, end, |tile, slot, row, from, to| {
            if !std::mem::replace(&mut tile.has_reach, true) {
                reached.push(slot);
            }
            raise(tile.left + from, tile.reach_mut(row, from, to));
        });
        self.reached = reached;
    }

    /// Lets `paint` change pixels `start..end` of row `y`; it gets the x of the first pixel of a run.
    pub(crate) fn paint_row(
        &mut self,
        y: i64,
        start: i64,
        end: i64,
        mut paint: impl FnMut(usize, &mut [Pixel]),
    ) {
        self.for_row(y, start, end, |tile, _, row, from, to| {
            paint(tile.left + from, tile.pixels_mut(row, from, to));
        });
    }

    /// Makes pixels `start..end` of row `y` transparent again, where something is drawn.
    pub(crate) fn erase_row(&mut self, y: i64, start: i64, end: i64) {
        let (Ok(y), Ok(start), Ok(end)) = (usize::try_from(y), usize::try_from(start), usize::try_from(end))
        else {
            return;
        };
        for tile in self.tiles.iter_mut().take(self.used) {
            let run = start.max(tile.left)..end.min(tile.left + TILE_WIDTH);
            let Some(row) = y.checked_sub(tile.top).filter(|&row| row < TILE_HEIGHT && !run.is_empty())
            else {
                continue;
            };
            let (from, to) =
                (row * TILE_WIDTH + run.start - tile.left, row * TILE_WIDTH + run.end - tile.left);
            if let Some(pixels) = tile.pixels.get_mut(from..to) {
                pixels.fill([0; 4]);
            }
        }
    }

    /// Colours what has been reached since the last call.
    pub(crate) fn ink(&mut self, core: Color, halo: Color, halo_px: f64) {
        let halo_reach = (halo_px * f64::from(REACH_UNIT)) as u16;
        for slot in self.reached.drain(..) {
            if let Some(tile) = self.tiles.get_mut(slot as usize) {
                tile.ink(core, halo, halo_reach);
            }
        }
    }
}
