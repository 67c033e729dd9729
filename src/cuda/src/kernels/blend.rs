//! What is drawn, onto pictures on the device.

use vesalius_draw::{Color, Layer, blend_coefficients};
use vesalius_measure::frame::{ColorMatrix, ColorRange, PixelFormat};

use super::labels::SourceLabels;
use super::{Arguments, Kernel, MAX_CLASSES, RawPicture, bytes_of};
use crate::result::CudaError;
use crate::safe::{DeviceBuffer, DevicePicture, Kernels, Launch, Stream, SurfaceFormat, Work};

/// `Matrix` of blend.cu: for Y, U and V what red, green, blue and alpha weigh, in 1/16 384.
type Matrix = [[i32; 4]; 3];

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct BlendTilesArgs {
    picture: RawPicture,
    matrix: Matrix,
    places: u64,
    pixels: u64,
    tiles: u32,
    reserved: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of blend.cu.
unsafe impl Arguments for BlendTilesArgs {
    const KERNEL: Kernel = Kernel::BlendTiles;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct TintArgs {
    picture: RawPicture,
    matrix: Matrix,
    labels: u64,
    pitch: u32,
    color: [u32; MAX_CLASSES + 1],
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of blend.cu.
unsafe impl Arguments for TintArgs {
    const KERNEL: Kernel = Kernel::TintLabels;
}

/// Puts layers, and the colours of labels, on pictures of one size, on one stream.
///
/// The bytes are those that [`vesalius_draw::blend`] gives, and no other is touched.
#[derive(Debug)]
pub struct Blender {
    kernels: Kernels,
    stream: Stream,
    /// Places of tiles, then their pixels, for as many tiles as a picture has.
    tiles: DeviceBuffer,
    capacity: usize,
    size: (usize, usize),
    /// What goes up, gathered in memory that stays.
    staged: Vec<u8>,
}

impl Blender {
    /// Prepares for pictures of a size: as much memory on the device as a picture of 4 bytes a pixel.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn new(kernels: &Kernels, stream: &Stream, width: usize, height: usize) -> Result<Self, CudaError> {
        let (tile_width, tile_height) = Layer::TILE_PX;
        let capacity = width.div_ceil(tile_width) * height.div_ceil(tile_height);
        let bytes = capacity * (8 + tile_width * tile_height * 4);
        Ok(Self {
            kernels: kernels.clone(),
            stream: stream.clone(),
            tiles: DeviceBuffer::new(stream.context(), bytes)?,
            capacity,
            size: (width, height),
            staged: Vec::new(),
        })
    }

    fn check(&self, work: &Work<'_>, picture: &DevicePicture) -> Result<(), CudaError> {
        let unfit = |why: String| CudaError::Unfit { what: "drawing", why };
        if work.stream().raw() != self.stream.raw() {
            return Err(unfit("it works on one stream, and this is another".to_owned()));
        }
        if picture.format() == SurfaceFormat::P010 {
            return Err(unfit("P010 can be read, not drawn on".to_owned()));
        }
        let size = (picture.width(), picture.height());
        if size != self.size {
            return Err(unfit(format!("it is for {:?} pixels, not {size:?}", self.size)));
        }
        Ok(())
    }

    /// Draws a layer on a picture, in place. The tiles of the layer that hold something go up: 8 KiB each.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn blend(
        &mut self,
        work: &mut Work<'_>,
        layer: &Layer,
        picture: &DevicePicture,
    ) -> Result<(), CudaError> {
        self.check(work, picture)?;
        if (layer.width(), layer.height()) != self.size {
            let why = format!("a layer of {}x{} is of another size", layer.width(), layer.height());
            return Err(CudaError::Unfit { what: "drawing", why });
        }
        let tiles = layer.drawn_tiles().take(self.capacity).count();
        if tiles == 0 {
            return Ok(());
        }
        self.staged.clear();
        for (left, top, _) in layer.drawn_tiles().take(tiles) {
            self.staged.extend(bytes_of(&[left as u32, top as u32], u32::to_ne_bytes));
        }
        let pixels_at = self.staged.len();
        for (_, _, pixels) in layer.drawn_tiles().take(tiles) {
            self.staged.extend_from_slice(pixels.as_flattened());
        }
        work.upload(&self.tiles, 0, &self.staged)?;
        work.hold_picture(picture)?;
        let arguments = BlendTilesArgs {
            picture: picture.raw(),
            matrix: matrix_of(picture),
            places: self.tiles.ptr().0,
            pixels: self.tiles.ptr().offset(pixels_at as u64).0,
            tiles: tiles as u32,
            reserved: 0,
        };
        let (tile_width, tile_height) = Layer::TILE_PX;
        let blocks = (tile_width / 2 * (tile_height / 2)) as u32;
        let shape = Launch { grid: [tiles as u32, blocks.div_ceil(256), 1], block: [256, 1, 1] };
        // SAFETY: as many tiles are there as are named; pixels outside the picture are not written; the work
        // holds both.
        unsafe { work.launch(&self.kernels, shape, &arguments) }
    }

    /// Gives each pixel the colour of its label: a fill, or of a mask of edges an outline. `colors` begins
    /// with class 1; a class without a colour is not drawn.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn tint(
        &self,
        work: &mut Work<'_>,
        labels: &SourceLabels,
        colors: &[Color],
        picture: &DevicePicture,
    ) -> Result<(), CudaError> {
        self.check(work, picture)?;
        if (labels.width as usize, labels.height as usize) != self.size {
            let why = "the mask is not of the picture's size".to_owned();
            return Err(CudaError::Unfit { what: "drawing", why });
        }
        let mut color = [0; MAX_CLASSES + 1];
        for (slot, of_class) in color.iter_mut().skip(1).zip(colors) {
            *slot = u32::from_le_bytes(of_class.premultiplied());
        }
        work.hold_picture(picture)?;
        work.hold(labels.buffer.clone());
        let arguments = TintArgs {
            picture: picture.raw(),
            matrix: matrix_of(picture),
            labels: labels.buffer.ptr().0,
            pitch: labels.pitch,
            color,
        };
        let (width, height) = (labels.width.div_ceil(2), labels.height.div_ceil(2));
        // SAFETY: the mask lies in its memory and has the picture's size; the work holds both.
        unsafe { work.launch(&self.kernels, Launch::cover(width, height), &arguments) }
    }
}

fn matrix_of(picture: &DevicePicture) -> Matrix {
    // A gray picture has the luma of BT.601 in full range, whatever it says of YUV.
    let (matrix, range) = match picture.format() {
        SurfaceFormat::Pixels(PixelFormat::Gray8) => (ColorMatrix::Bt601, ColorRange::Full),
        _ => (picture.matrix(), picture.range()),
    };
    blend_coefficients(matrix, range).map(|row| row.map(i32::from))
}
