//! Contours, calipers, values and status drawn on a video frame in its own pixel format.
//!
//! Two steps. First the picture of what is known is drawn on a [`Layer`]: a sparse canvas of the frame's size,
//! premultiplied, that holds memory only where something is drawn. Then the layer is put on the frame: by
//! [`blend`], in place and in the frame's own format, or as [`rectangles`] for somebody else to compose.
//!
//! ```
//! use vesalius_draw::{Color, Layer, Stroke, blend};
//! use vesalius_measure::frame::{FrameMut, PixelFormat};
//! use vesalius_measure::geometry::PointInFrame;
//!
//! let mut layer = Layer::new(64, 48)?;
//! let line = [PointInFrame { x_px: 5.0, y_px: 5.0 }, PointInFrame { x_px: 50.0, y_px: 30.0 }];
//! layer.polyline(line, false, &Stroke::new(Color::SKY_BLUE, 2.0));
//! let mut gray = vec![90; 64 * 48];
//! let mut frame = FrameMut::new(PixelFormat::Gray8, 64, 48, [(gray.as_mut_slice(), 64)])?;
//! blend(&layer, &mut frame)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`draw_result`] draws a whole [`FrameResult`](vesalius_measure::result::FrameResult) as scanners do: outlines
//! rather than fills, numbered calipers linked to a list of values, units always, no digit that the uncertainty
//! does not support, the state of the engine, and the notice that this is not for clinical use.
//!
//! # Conventions
//!
//! Pixel (i, j) covers the square [i − ½, i + ½] × [j − ½, j + ½]; x grows to the right, y downwards. Points are
//! in pixels of the frame. Points far outside are clipped, vertices that are not finite are left out: no input
//! makes drawing fail or hang.
//!
//! # The same pixels everywhere
//!
//! Nothing here depends on the machine, its mathematics library or the order of work: geometry uses only the
//! operations that IEEE 754 rounds exactly (+, −, ×, ÷, √), and everything from coverage on is integer arithmetic,
//! written down where it is done, so that another implementation (a GPU's) can give the same bytes.
//!
//! # Text
//!
//! The glyphs are those of Noto Sans Mono (SIL Open Font License 1.1), rasterised ahead and anti-aliased by the
//! crate [`noto-sans-mono-bitmap`](https://docs.rs/noto-sans-mono-bitmap) (MIT). Latin-1 is covered; other
//! characters appear as "?".

mod blend;
mod board;
mod capsule;
mod card;
mod chord;
mod clear;
mod color;
mod fill;
mod format;
mod ink;
mod layer;
mod panel;
mod rectangles;
mod scene;
mod stroke;
mod text;
mod tile;

pub use blend::{blend, blend_coefficients};
pub use card::draw_card;
pub use clear::{KeepClear, NoKeepClear};
pub use color::Color;
pub use format::{format_measurement, short_label};
pub use layer::{DrawError, Layer, MAX_SIDE_PX};
pub use rectangles::{OverlayRectangle, rectangles};
pub use scene::{Corner, Style, Wording, draw_result};
pub use stroke::{Dash, Stroke};
pub use text::Font;
