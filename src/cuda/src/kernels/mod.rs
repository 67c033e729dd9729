//! The kernels: their sources, what they are told, and a typed face for each.
//!
//! | face | does | reference on the CPU |
//! |---|---|---|
//! | [`Preprocessor`] | a picture to the tensor that a model takes | `vesalius-engine`'s `Preprocessor` |
//! | [`Postprocessor`] | scores to probabilities, labels and edges | its `Postprocessor`, [`label_source`](vesalius_measure::mask::label_source) |
//! | [`Blender`] | what is drawn onto the picture | [`blend`](vesalius_draw::blend) |
//! | [`ClassSums`] | count, moments, box and border contact of each class | plain sums over the mask |
//! | [`ShiftFinder`] | how far the picture has moved | plain sums over the reduced picture |
//!
//! A kernel takes one structure of plain numbers. Each is declared in the kernel's source and here, field for
//! field; tests compare their sizes and run the wrappers on sources compiled by g++.

mod blend;
mod edge;
mod input;
mod labels;
mod preprocess;
mod shift;
mod sums;
mod taps;

pub use blend::Blender;
pub use edge::EdgeBand;
pub use input::{Floats, InputColor, InputRule};
pub use labels::{OutputKind, OutputRule, Postprocessor, SourceLabels};
pub use preprocess::Preprocessor;
pub use shift::{Shift, ShiftFinder, ShiftScores};
pub use sums::{ClassSum, ClassSums, ClassSumsReader};

use crate::safe::SurfaceFormat;
use vesalius_measure::frame::PixelFormat;

/// Most classes that a mask can have.
pub const MAX_CLASSES: usize = 16;

/// A kernel source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its file's name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// Name of the header that every source includes.
pub const HEADER_NAME: &str = "common.cuh";
/// Its text.
pub const HEADER: &str = include_str!("../../kernels/common.cuh");

macro_rules! sources {
    ($($name:literal),*) => {
        /// Every source.
        pub const SOURCES: [Source; [$($name),*].len()] =
            [$(Source { name: $name, text: include_str!(concat!("../../kernels/", $name)) }),*];
    };
}
sources!("preprocess.cu", "labels.cu", "blend.cu", "reduce.cu", "shift.cu");

macro_rules! kernels {
    ($($variant:ident = $name:literal in $source:literal),* $(,)?) => {
        /// Every kernel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kernel {
            $(#[doc = concat!("`", $name, "` of `", $source, "`.")] $variant,)*
        }

        impl Kernel {
            /// Every kernel.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Its name in its source.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its source's name.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }
        }
    };
}
kernels! {
    ResizeRows = "resize_rows" in "preprocess.cu",
    WriteTensor = "write_tensor" in "preprocess.cu",
    Probabilities = "probabilities" in "labels.cu",
    LabelSource = "label_source" in "labels.cu",
    LabelEdge = "label_edge" in "labels.cu",
    EdgeBand = "edge_band" in "labels.cu",
    BlendTiles = "blend_tiles" in "blend.cu",
    TintLabels = "tint_labels" in "blend.cu",
    ClassSums = "class_sums" in "reduce.cu",
    ReduceLuma = "reduce_luma" in "shift.cu",
    ShiftScores = "shift_scores" in "shift.cu",
}

/// The structure that a kernel takes.
///
/// # Safety
///
/// It is `repr(C)`, of plain numbers, without padding, and field for field the structure of its kernel.
pub(crate) unsafe trait Arguments {
    /// The kernel that takes it.
    const KERNEL: Kernel;
}

/// Size of the structure that a kernel takes, in bytes: what a device of tests checks its kernels against.
pub const fn arguments_size(kernel: Kernel) -> usize {
    match kernel {
        Kernel::ResizeRows => size_of::<preprocess::ResizeRowsArgs>(),
        Kernel::WriteTensor => size_of::<preprocess::WriteTensorArgs>(),
        Kernel::Probabilities => size_of::<labels::ProbabilitiesArgs>(),
        Kernel::LabelSource => size_of::<labels::LabelSourceArgs>(),
        Kernel::LabelEdge => size_of::<labels::LabelEdgeArgs>(),
        Kernel::EdgeBand => size_of::<edge::EdgeBandArgs>(),
        Kernel::BlendTiles => size_of::<blend::BlendTilesArgs>(),
        Kernel::TintLabels => size_of::<blend::TintArgs>(),
        Kernel::ClassSums => size_of::<sums::ClassSumsArgs>(),
        Kernel::ReduceLuma => size_of::<shift::ReduceLumaArgs>(),
        Kernel::ShiftScores => size_of::<shift::ShiftScoresArgs>(),
    }
}

/// `Picture` of `common.cuh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct RawPicture {
    pub(crate) plane: [u64; 3],
    pub(crate) pitch: [u32; 3],
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) kind: u32,
    pub(crate) pixel_bytes: u32,
    pub(crate) offset: [u32; 3],
}

impl RawPicture {
    /// Without its planes.
    pub(crate) fn of(format: SurfaceFormat, width: u32, height: u32) -> Self {
        let (kind, pixel_bytes, offset) = match format {
            SurfaceFormat::P010 => (2, 2, [0; 3]),
            SurfaceFormat::Pixels(PixelFormat::Nv12) => (0, 1, [0; 3]),
            SurfaceFormat::Pixels(PixelFormat::I420) => (1, 1, [0; 3]),
            SurfaceFormat::Pixels(format) => match format.rgb_offsets() {
                Some(offsets) => (3, format.bytes_per_pixel() as u32, offsets.map(|o| o as u32)),
                None => (4, 1, [0; 3]),
            },
        };
        Self { plane: [0; 3], pitch: [0; 3], width, height, kind, pixel_bytes, offset }
    }
}

/// Numbers of a result that came from the device, in the machine's own order of bytes.
pub(crate) fn u32s(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|b| u32::from_ne_bytes(*b))
}

/// As [`u32s`], of 64 bits.
pub(crate) fn u64s(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|b| u64::from_ne_bytes(*b))
}

/// Numbers as the bytes that go to the device.
pub(crate) fn bytes_of<const N: usize, T: Copy>(numbers: &[T], to_bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| to_bytes(number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_stands_in_its_source() {
        for kernel in Kernel::ALL {
            let source = SOURCES.iter().find(|source| source.name == kernel.source()).unwrap();
            assert!(source.text.contains(&format!("({}, ", kernel.name())), "{kernel:?}");
            assert!(source.text.contains(&format!("#include \"{HEADER_NAME}\"")), "{}", source.name);
            // A launch passes at most 4 KiB, and whole numbers of 64 bits leave no padding at the end.
            assert!(arguments_size(kernel) <= 4096 && arguments_size(kernel).is_multiple_of(8), "{kernel:?}");
        }
        let declared: usize = SOURCES.iter().map(|s| s.text.matches("\nKERNEL").count()).sum();
        assert_eq!(declared, Kernel::ALL.len());
    }
}
