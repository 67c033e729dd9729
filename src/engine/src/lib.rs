//! Engines: what a model file needs around it to be run on pictures, without GStreamer.
//!
//! An engine is a folder with a `manifest.toml` and the model it names.
//!
//! * [`manifest`]: the contract, read strictly; [`registry`]: where engines are found;
//! * [`runtime`]: ONNX Runtime, found and loaded once a process; [`session`]: one model on it;
//! * [`provider`]: what it runs on, the processor or a GPU, and what is compiled ahead; [`binding`]: tensors that stay there;
//! * [`preprocess`]: a picture to a tensor and the [`Geometry`](vesalius_measure::geometry::Geometry) that maps back;
//! * [`postprocess`]: a tensor to class probabilities and outlines;
//! * [`parity`]: how far fewer bits and other providers may be from f32 on the processor; [`sample`]: masks stored with an
//!   engine that must come out again; [`explain`]: what a decision rests on, and how sure it is;
//! * [`engine`]: the face: an [`Engine`], the [`Worker`]s that run it, [`verify`](engine::verify) to try it;
//!   [`standby`]: a worker that is made ready while another serves; [`apart`]: one in a process of its own;
//! * [`import`]: anyone's own ONNX model, made an engine; [`bench`](mod@bench): how fast one is on this machine.
//!
//! ```no_run
//! use vesalius_engine::{Engine, Registry, SessionOptions, Worker};
//! use vesalius_measure::frame::{Frame, PixelFormat};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = Registry::standard().find("fetal-head")?;
//! let engine = Engine::open(&folder)?;
//! let mut worker = Worker::new(&engine, &SessionOptions::default())?;
//! let picture = vec![0_u8; 800 * 540];
//! let frame = Frame::new(PixelFormat::Gray8, 800, 540, &[(&picture, 800)])?;
//! let found = worker.process(&frame, (1, 1))?;
//! for class in &found.classes {
//!     println!("{}: {} outlines", class.class.label, class.contours.len());
//! }
//! # Ok(())
//! # }
//! ```

pub mod apart;
pub mod bench;
pub mod binding;
mod breaker;
pub mod device;
pub mod engine;
pub mod error;
pub mod explain;
pub mod import;
pub mod manifest;
mod memory;
pub mod parity;
pub mod postprocess;
pub mod preprocess;
mod protobuf;
pub mod provider;
pub mod registry;
pub mod runtime;
pub mod sample;
pub mod session;
pub mod standby;

pub use binding::BoundSession;
pub use breaker::Breaker;
pub use device::DeviceWorker;
pub use engine::{Engine, FrameOutput, Worker};
pub use error::{EngineError, EngineErrorKind};
pub use manifest::Manifest;
pub use memory::{KEPT_BYTES, return_large_memory, share_heaps, trim_heaps};
pub use provider::choose::{ProviderError, Selection};
pub use provider::{PrecisionChoice, Provider, ProviderChoice};
pub use registry::Registry;
pub use session::SessionOptions;
pub use standby::Standby;
