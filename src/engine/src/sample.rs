//! A sample that is stored with an engine: pictures, and the masks that it gave on them when it was made.
//!
//! They lie in the engine's folder in `sample/`: `NAME.png`, 8 bits, gray or RGB, and `NAME.mask.png`, of the same size, gray,
//! pixel value = class. The masks are those of f32 on the processor, and there they must come out again **bit for bit**:
//! [`store`] takes no picture in which a pixel is so near to its threshold that another processor's rounding could turn it.
//! Elsewhere they are held to the tolerance of [`parity`](crate::parity).

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::mask::{LabelMask, label_source};

use crate::engine::{Engine, FrameOutput, Worker};
use crate::error::EngineError;
use crate::manifest::Precision;
use crate::parity::tolerance;
use crate::provider::choose::Selection;
use crate::provider::{PrecisionChoice, Provider, ProviderChoice};
use crate::session::SessionOptions;

/// Folder of the sample in an engine's folder.
pub const FOLDER: &str = "sample";

/// Ends the names of masks.
const MASK: &str = ".mask.png";

/// Pixels more than this are no sample but a data set.
const MOST_PIXELS: usize = 1 << 22;

/// No pixel of a stored mask is nearer to its threshold: another order of summation moved probabilities by less than a sixth
/// of it (docs/parity.md).
const MARGIN: f32 = 5e-6;

/// An 8-bit picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// [`PixelFormat::Gray8`] or [`PixelFormat::Rgb`].
    pub format: PixelFormat,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Rows without padding.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Reads a PNG, of which palettes and 16 bits become 8 bits and transparency is left out.
    ///
    /// # Errors
    ///
    /// [`SampleError`].
    pub fn read(path: &Path) -> Result<Self, SampleError> {
        let fail = |problem: String| SampleError { path: path.to_owned(), problem };
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(|error| fail(error.to_string()))?;
        let (width, height) = (reader.info().width as usize, reader.info().height as usize);
        if width.saturating_mul(height) > MOST_PIXELS {
            return Err(fail(format!(
                "{width}x{height} pixels are too many: crop or scale it to {MOST_PIXELS}"
            )));
        }
        let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
        let info = reader.next_frame(&mut bytes).map_err(|error| fail(error.to_string()))?;
        bytes.truncate(info.buffer_size());
        let (format, channels, keep) = match info.color_type {
            png::ColorType::Grayscale => (PixelFormat::Gray8, 1, 1),
            png::ColorType::GrayscaleAlpha => (PixelFormat::Gray8, 2, 1),
            png::ColorType::Rgb => (PixelFormat::Rgb, 3, 3),
            png::ColorType::Rgba => (PixelFormat::Rgb, 4, 3),
            png::ColorType::Indexed => return Err(fail("its palette was not read".to_owned())),
        };
        if channels != keep {
            bytes = bytes.chunks_exact(channels).flat_map(|pixel| pixel.iter().take(keep).copied()).collect();
        }
        Ok(Self { format, width, height, bytes })
    }

    /// Writes a PNG.
    ///
    /// # Errors
    ///
    /// [`SampleError`].
    pub fn write(&self, path: &Path) -> Result<(), SampleError> {
        let fail = |problem: String| SampleError { path: path.to_owned(), problem };
        let file = File::create(path).map_err(|error| fail(error.to_string()))?;
        let side = |side: usize| u32::try_from(side).map_err(|_| fail("it is too large".to_owned()));
        let mut encoder = png::Encoder::new(BufWriter::new(file), side(self.width)?, side(self.height)?);
        encoder.set_color(if self.format == PixelFormat::Gray8 {
            png::ColorType::Grayscale
        } else {
            png::ColorType::Rgb
        });
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().map_err(|error| fail(error.to_string()))?;
        writer.write_image_data(&self.bytes).map_err(|error| fail(error.to_string()))?;
        writer.finish().map_err(|error| fail(error.to_string()))
    }

    /// The picture as workers take it.
    ///
    /// # Errors
    ///
    /// Where its bytes are too few.
    pub fn frame(&self) -> Result<Frame<'_>, EngineError> {
        let stride = self.width * self.format.bytes_per_pixel();
        Frame::new(self.format, self.width, self.height, &[(&self.bytes, stride)]).map_err(|error| {
            EngineError::Resize {
                format: self.format,
                width: self.width,
                height: self.height,
                message: error.to_string(),
            }
        })
    }
}

/// Why a sample cannot be used. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sample: {problem} ({})", path.display())]
pub struct SampleError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// The pictures of an engine's sample in the order of their names; none where it has no sample.
///
/// # Errors
///
/// [`SampleError`] for a folder that cannot be read.
pub fn pictures(engine: &Engine) -> Result<Vec<PathBuf>, SampleError> {
    let folder = engine.folder().join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SampleError { path: folder, problem: error.to_string() }),
    };
    let is_picture = |name: &str| name.ends_with(".png") && !name.ends_with(MASK) && !name.starts_with('.');
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_picture))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

/// What an engine gives on its stored sample.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleReport {
    /// What it ran on.
    pub selection: Selection,
    /// The pictures, in the order of their names.
    pub pictures: Vec<SamplePicture>,
}

/// What an engine gives on one stored picture.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplePicture {
    /// File name.
    pub name: String,
    /// Pixels of the mask whose class is another than that of the stored one.
    pub differing_px: usize,
    /// Dice of the class that agrees least with the stored mask.
    pub dice: f64,
}

impl SampleReport {
    /// Whether it is what it must be: the stored masks bit for bit in f32 on the processor, within the tolerance elsewhere.
    pub fn passes(&self) -> bool {
        let Selection { provider, precision, .. } = self.selection;
        let least = tolerance(provider, precision).dice;
        let exact = (provider, precision) == (Provider::Cpu, Precision::F32);
        self.pictures.iter().all(|picture| picture.dice >= least && (!exact || picture.differing_px == 0))
    }

    /// The picture that agrees least.
    pub fn worst(&self) -> Option<&SamplePicture> {
        self.pictures.iter().min_by(|a, b| a.dice.total_cmp(&b.dice))
    }
}

/// Runs an engine on its stored sample; `None` where it has none.
///
/// # Errors
///
/// [`EngineError`] for a sample that cannot be read, and whatever would stop the engine from being used.
pub fn check(engine: &Engine, options: &SessionOptions) -> Result<Option<SampleReport>, EngineError> {
    let paths = pictures(engine)?;
    if paths.is_empty() {
        return Ok(None);
    }
    let mut worker = Worker::new(engine, options)?;
    let mut report = SampleReport { selection: worker.selection().clone(), pictures: Vec::new() };
    for path in paths {
        let stored = stored_mask(&path)?;
        let picture = Picture::read(&path)?;
        let output = worker.process(&picture.frame()?, (1, 1))?;
        let mask = labels(&output, 0.0);
        if (stored.width, stored.height) != (mask.width, mask.height) {
            let problem = "its mask is of another size: store the sample again".to_owned();
            return Err(SampleError { path, problem }.into());
        }
        let differing_px = stored.bytes.iter().zip(&mask.labels).filter(|(a, b)| a != b).count();
        report.pictures.push(SamplePicture {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            differing_px,
            dice: least_dice(&stored.bytes, &mask.labels),
        });
    }
    Ok(Some(report))
}

fn mask_path(picture: &Path) -> PathBuf {
    let stem = picture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    picture.with_file_name(stem + MASK)
}

fn stored_mask(picture: &Path) -> Result<Picture, SampleError> {
    let path = mask_path(picture);
    let mask = Picture::read(&path)?;
    if mask.format == PixelFormat::Gray8 {
        return Ok(mask);
    }
    Err(SampleError { path, problem: "it is no mask: masks are gray".to_owned() })
}

/// The labels at the picture's size, each threshold moved up by `shift`.
fn labels(output: &FrameOutput, shift: f32) -> LabelMask {
    let classes: Vec<_> = output
        .classes
        .iter()
        .map(|class| (class.class.index, class.class.threshold + shift, &class.probability))
        .collect();
    label_source(&output.geometry, &classes)
}

fn least_dice(a: &[u8], b: &[u8]) -> f64 {
    let (mut both, mut all) = ([0_u64; 256], [0_u64; 256]);
    let mut count = |counts: bool, label: u8| {
        let slots = if counts { &mut both } else { &mut all };
        if let Some(slot) = slots.get_mut(usize::from(label)) {
            *slot += 1;
        }
    };
    for (&a, &b) in a.iter().zip(b) {
        count(false, a);
        count(false, b);
        if a == b {
            count(true, a);
        }
    }
    let dice = |(both, all): (&u64, &u64)| 2.0 * *both as f64 / *all as f64;
    both.iter().zip(&all).skip(1).filter(|(_, all)| **all > 0).map(dice).fold(1.0, f64::min)
}

/// Stores pictures and the masks that an engine gives on them in f32 on the processor, in place of what is stored. Each is
/// named after its file. Those with a pixel too near to its threshold are left out and named in the answer.
///
/// # Errors
///
/// [`EngineError`] where nothing could be stored; then what was stored stays.
pub fn store(engine: &Engine, pictures: &[PathBuf], runtime: Option<&Path>) -> Result<Stored, EngineError> {
    let options = SessionOptions {
        runtime: runtime.map(Path::to_owned),
        provider: ProviderChoice::Named(Provider::Cpu),
        precision: PrecisionChoice::Named(Precision::F32),
        ..SessionOptions::default()
    };
    let mut worker = Worker::new(engine, &options)?;
    let (mut good, mut near) = (Vec::new(), Vec::new());
    for path in pictures {
        let picture = Picture::read(path)?;
        let output = worker.process(&picture.frame()?, (1, 1))?;
        let mask = labels(&output, 0.0);
        let is_firm = [-MARGIN, MARGIN].into_iter().all(|shift| labels(&output, shift) == mask);
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            let problem = "its name is no text".to_owned();
            return Err(SampleError { path: path.clone(), problem }.into());
        };
        if is_firm { good.push((stem.to_owned(), picture, mask)) } else { near.push(path.clone()) }
    }
    let folder = engine.folder().join(FOLDER);
    let fail = |problem: String| SampleError { path: folder.clone(), problem };
    if good.is_empty() {
        let problem = "no picture can be stored: each has a pixel too near to its threshold, so give others";
        return Err(fail(problem.to_owned()).into());
    }
    std::fs::create_dir_all(&folder).map_err(|error| fail(error.to_string()))?;
    for old in self::pictures(engine)? {
        for path in [mask_path(&old), old] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(SampleError { path, problem: error.to_string() }.into());
                }
                _ => {}
            }
        }
    }
    let mut stored = Stored { names: Vec::new(), left_out: near };
    for (stem, picture, mask) in good {
        let path = folder.join(format!("{stem}.png"));
        picture.write(&path)?;
        let LabelMask { width, height, labels } = mask;
        Picture { format: PixelFormat::Gray8, width, height, bytes: labels }.write(&mask_path(&path))?;
        stored.names.push(stem);
    }
    Ok(stored)
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Names of the pictures.
    pub names: Vec<String>,
    /// Pictures that cannot be stored, for a pixel is too near to its threshold.
    pub left_out: Vec<PathBuf>,
}
