//! The vocabulary and the science of Vesalius: no I/O, no GStreamer, no GPU.
//!
//! * [`frame`], [`geometry`], [`mask`], [`units`], [`calibration`], [`result`]: what the other crates talk in;
//! * [`components`], [`contour`], [`shape`], [`ellipse`], [`hull`], [`feret`]: from a class's probability map to outlines,
//!   areas and axes; [`uncertainty`]: how sure;
//! * [`series`]: values over time, beats and breaths; [`track`]: the same thing from frame to frame;
//! * [`flow`]: how the picture moved between two frames, and outlines carried along with it;
//! * [`picture`]: what an endoscope's picture says by itself: visible field, sharpness, glare;
//! * [`protocol`]: from outlines and a calibration to named values with units, uncertainty and validity.
//!
//! # Convention
//!
//! Pixel (i, j) covers the square [i − ½, i + ½] × [j − ½, j + ½]: the coordinates of a pixel's centre are
//! integers, x grows to the right and y downwards. Resizing maps pixel centres to pixel centres. This holds
//! for every function of every crate.

pub mod calibration;
pub mod components;
pub mod contour;
pub mod ellipse;
pub mod feret;
pub mod flow;
pub mod frame;
pub mod geometry;
pub mod hull;
pub mod live;
pub mod mask;
pub mod picture;
pub mod protocol;
pub mod result;
pub mod series;
pub mod shape;
pub mod signal;
pub mod track;
pub mod uncertainty;
pub mod units;
pub mod wide;
pub mod yuv;
