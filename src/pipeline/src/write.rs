//! The thread that writes a run's files, one frame after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use gstvesalius::Histogram;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use vesalius_ledger::record::{FrameRecord, Outlines, RunRecord};
use vesalius_ledger::summary::{FrameCounts, Percentiles};
use vesalius_ledger::values::{DepartedObjects, ValueCollector, ValueSummary};
use vesalius_ledger::{Ledger, LedgerError};
use vesalius_measure::mask::{LabelMask, ProbabilityMap, label_source};
use vesalius_measure::result::{FrameResult, Measurement, StageTimes};

use crate::error::ReplayError;

/// Frames that may wait to be written. Few: each holds its maps, and a slow disk should slow the rest down.
const WAITING: usize = 2;

/// A frame to be written.
pub(crate) struct FrameItem {
    /// File that the frame is from, by name.
    pub(crate) input: Arc<str>,
    /// Number in the run.
    pub(crate) frame: u64,
    /// Presentation time.
    pub(crate) pts_ns: u64,
    /// Width and height in pixels.
    pub(crate) size: [u32; 2],
    pub(crate) result: Arc<FrameResult>,
    /// Name of the picture files of this frame, without ending.
    pub(crate) stem: String,
    /// The picture with the drawing on it, rows of RGB without padding.
    pub(crate) annotated: Option<Vec<u8>>,
}

impl FrameItem {
    fn record(&self) -> FrameRecord<'_> {
        FrameRecord::new(&self.input, self.frame, self.pts_ns, self.size, &self.result)
    }
}

/// What the thread has seen when it ends.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) counts: FrameCounts,
    pub(crate) values: Vec<ValueSummary>,
    pub(crate) values_left_out: u64,
    pub(crate) series: Vec<Measurement>,
    pub(crate) timing_ms: BTreeMap<&'static str, Percentiles>,
    pub(crate) error: Option<ReplayError>,
}

/// Where masks and annotated stills go.
pub(crate) struct Pictures {
    pub(crate) masks: Option<PathBuf>,
    pub(crate) annotated: Option<PathBuf>,
    /// Whether the outlines go into the records.
    pub(crate) outlines: bool,
}

/// Takes frames for the thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Intake {
    sender: crossbeam_channel::Sender<FrameItem>,
    failed: Arc<AtomicBool>,
}

impl Intake {
    /// Hands a frame over; waits while the thread has enough. `false` where nothing more can be written.
    pub(crate) fn give(&self, item: FrameItem) -> bool {
        !self.failed.load(Ordering::Acquire) && self.sender.send(item).is_ok()
    }
}

/// The thread.
pub(crate) struct Writer {
    intake: Option<Intake>,
    thread: JoinHandle<Written>,
}

impl Writer {
    /// Begins the run's files and starts the thread.
    pub(crate) fn start(folder: &Path, run: &RunRecord, pictures: Pictures) -> Result<Self, ReplayError> {
        for folder in [&pictures.masks, &pictures.annotated].into_iter().flatten() {
            std::fs::create_dir_all(folder)
                .map_err(|source| ReplayError::Output { path: folder.clone(), source })?;
        }
        let ledger = Ledger::create(folder, run)?;
        let (sender, receiver) = crossbeam_channel::bounded(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = failed.clone();
        let thread = std::thread::Builder::new()
            .name("vesalius-write".to_owned())
            .spawn(move || work(ledger, &pictures, &receiver, &flag))
            .map_err(|source| ReplayError::Output { path: folder.to_owned(), source })?;
        Ok(Self { intake: Some(Intake { sender, failed }), thread })
    }

    pub(crate) fn intake(&self) -> Option<Intake> {
        self.intake.clone()
    }

    /// Waits until everything is written. All intakes must be gone by then.
    pub(crate) fn finish(mut self) -> Written {
        self.intake = None;
        self.thread.join().unwrap_or_default()
    }
}

fn work(
    mut ledger: Ledger,
    pictures: &Pictures,
    receiver: &crossbeam_channel::Receiver<FrameItem>,
    failed: &AtomicBool,
) -> Written {
    let mut written = Written::default();
    let mut values = ValueCollector::default();
    let mut times = Times::default();
    let mut departed = DepartedObjects::default();
    let mut last: Option<FrameItem> = None;
    for item in receiver {
        if written.error.is_some() {
            continue;
        }
        // A value over time is written when it changes.
        let as_before = last.as_ref().is_some_and(|last| last.result.series == item.result.series);
        match write_frame(&mut ledger, pictures, &item, !as_before) {
            Ok(()) => {
                written.counts.add(&item.result);
                values.add(&item.result.measurements);
                times.add(&item.result.times);
                if let Some(last) = &last {
                    let series = (&last.result.series, &item.result.series);
                    departed.compare(&last.input, last.frame, last.pts_ns, series.0, series.1);
                }
                last = Some(item);
            }
            Err(error) => {
                failed.store(true, Ordering::Release);
                written.error = Some(error);
            }
        }
    }
    if let Some(last) = last {
        for object in departed.kept() {
            if let Err(error) = ledger.departed(object) {
                written.error.get_or_insert(error.into());
            }
            written.series.extend_from_slice(&object.series);
        }
        if let Err(error) = ledger.series(&last.record()) {
            written.error.get_or_insert(error.into());
        }
        written.series.extend_from_slice(&last.result.series);
    }
    if let Err(error) = ledger.finish() {
        written.error.get_or_insert(error.into());
    }
    written.values = values.summaries();
    written.values_left_out = values.left_out();
    written.timing_ms = times.summary();
    written
}

fn write_frame(
    ledger: &mut Ledger,
    pictures: &Pictures,
    item: &FrameItem,
    with_series: bool,
) -> Result<(), ReplayError> {
    if let Some(folder) = &pictures.masks {
        let mask = labels(&item.result, item.size);
        let path = folder.join(format!("{}.png", item.stem));
        png(&path, &mask.labels, (mask.width, mask.height), ExtendedColorType::L8)?;
    }
    if let (Some(folder), Some(rgb)) = (&pictures.annotated, &item.annotated) {
        let path = folder.join(format!("{}.png", item.stem));
        let [width, height] = item.size.map(|side| side as usize);
        png(&path, rgb, (width, height), ExtendedColorType::Rgb8)?;
    }
    let mut record = item.record();
    if !with_series {
        record.series = &[];
    }
    if pictures.outlines {
        record.outlines = Outlines::of(&item.result);
    }
    ledger.frame(&record).map_err(|error: LedgerError| error.into())
}

/// The label mask of a frame; all background where there is no result.
fn labels(result: &FrameResult, [width, height]: [u32; 2]) -> LabelMask {
    let classes: Vec<(u8, f32, &ProbabilityMap)> =
        result.classes.iter().map(|c| (c.class.index, c.class.threshold, &c.probability)).collect();
    match &result.geometry {
        Some(geometry) => label_source(geometry, &classes),
        None => {
            let (width, height) = (width as usize, height as usize);
            LabelMask { width, height, labels: vec![0; width * height] }
        }
    }
}

fn png(
    path: &Path,
    pixels: &[u8],
    (width, height): (usize, usize),
    color: ExtendedColorType,
) -> Result<(), ReplayError> {
    let fail = |source: std::io::Error| ReplayError::Output { path: path.to_owned(), source };
    let file = BufWriter::new(File::create(path).map_err(fail)?);
    // Masks are flat and compress well anyhow; speed is what counts here.
    PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Up)
        .write_image(pixels, width as u32, height as u32, color)
        .map_err(|e| fail(std::io::Error::other(e.to_string())))
}

/// Times of a run by stage.
#[derive(Default)]
struct Times {
    stages: BTreeMap<&'static str, Histogram>,
}

impl Times {
    fn add(&mut self, times: &StageTimes) {
        for (stage, ns) in [
            ("preprocess", times.preprocess_ns),
            ("inference", times.inference_ns),
            ("postprocess", times.postprocess_ns),
            ("measure", times.measure_ns),
            ("overlay", times.overlay_ns),
        ] {
            if let Some(ns) = ns {
                self.stages.entry(stage).or_default().add(ns);
            }
        }
    }

    fn summary(&self) -> BTreeMap<&'static str, Percentiles> {
        let ms = |ns: Option<u64>| ns.map_or(0.0, |ns| ns as f64 / 1e6);
        self.stages
            .iter()
            .map(|(&stage, h)| {
                let at = |q| ms(h.quantile_ns(q));
                (stage, Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: ms(h.max_ns()) })
            })
            .collect()
    }
}
