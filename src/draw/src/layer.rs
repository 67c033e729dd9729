//! The sparse canvas: tiles that exist only where something is drawn.

use std::ops::Range;

use crate::color::{Color, Pixel};
use crate::ink::Ink;
use crate::tile::{REACH_UNIT, TILE_HEIGHT, TILE_WIDTH, Tile};

/// The longest side of a layer, in pixels.
pub const MAX_SIDE_PX: usize = 32_768;

const NO_TILE: u32 = u32::MAX;

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

/// Inks that are kept, the last used first.
const MOST_INKS: usize = 8;

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
    inks: Vec<Ink>,
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
            inks: Vec::new(),
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
        self.tiles().map(|tile| (tile.left, tile.top, tile.pixels()))
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

    /// Lets `raise` raise reaches in each tile that some columns of row `y` lie in; it gets how many of the tile's columns
    /// are the picture's.
    pub(crate) fn reach_tiles(
        &mut self,
        y: usize,
        columns: &Range<usize>,
        mut raise: impl FnMut(&mut Tile, usize),
    ) {
        if y >= self.height || columns.is_empty() {
            return;
        }
        for column in columns.start / TILE_WIDTH..columns.end.min(self.width).div_ceil(TILE_WIDTH) {
            let slot = self.slot(column, y / TILE_HEIGHT);
            if let Some(tile) = self.tiles.get_mut(slot as usize) {
                if !std::mem::replace(&mut tile.has_reach, true) {
                    self.reached.push(slot);
                }
                raise(tile, TILE_WIDTH.min(self.width - tile.left));
            }
        }
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
            tile.erase(row, run.start - tile.left..run.end - tile.left);
        }
    }

    /// Colours what has been reached since the last call.
    pub(crate) fn ink(&mut self, core: Color, halo: Color, halo_px: f64) {
        let halo_reach = (halo_px * f64::from(REACH_UNIT)) as u16;
        match self.inks.iter().position(|ink| ink.is_of(core, halo, halo_reach)) {
            Some(place) => self.inks.get_mut(..=place).unwrap_or(&mut []).rotate_right(1),
            None => {
                self.inks.truncate(MOST_INKS - 1);
                self.inks.insert(0, Ink::new(core, halo, halo_reach));
            }
        }
        let Some(ink) = self.inks.first() else { return };
        for slot in self.reached.drain(..) {
            if let Some(tile) = self.tiles.get_mut(slot as usize) {
                tile.ink(ink);
            }
        }
    }
}
