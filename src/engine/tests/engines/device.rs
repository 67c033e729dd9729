//! The way of a picture over a device, bit for bit that over the processor: on a device of tests, whose kernels g++
//! compiled and which does work as late as its order allows.
#![allow(unsafe_code)] // The device of tests.

#[path = "../../../cuda/tests/device/host/mod.rs"]
#[allow(dead_code)] // What the tests of the kernels need besides.
mod host;

use std::path::Path;

use proptest::prelude::*;
use vesalius_cuda::{DeviceBuffer, Kernels, Stream};
use vesalius_engine::{DeviceWorker, Engine, EngineError, FrameOutput, SessionOptions, Worker};
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};

use crate::model;
use crate::models::runtime_is_missing;
use host::HostDevice;

/// Bytes of a picture of some format: soft blobs, so that maps cross their thresholds, with noise of a seed.
struct Picture {
    format: PixelFormat,
    size: (usize, usize),
    planes: Vec<(Vec<u8>, usize)>,
}

impl Picture {
    fn new(format: PixelFormat, size: (usize, usize), seed: u64) -> Self {
        let mut state = seed | 1;
        let mut noise = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 59) as f64
        };
        let planes = (0..format.planes()).map(|plane| {
            let layout = format.plane_layout(plane, size.0, size.1);
            let stride = layout.row_bytes + 5;
            let bytes = (0..stride * layout.rows).map(|i| {
                let (x, y) = ((i % stride) as f64, (i / stride) as f64);
                let wave = (x * 0.11).sin() * (y * 0.17 + plane as f64).cos();
                (128.0 + 100.0 * wave + noise()).clamp(0.0, 255.0) as u8
            });
            (bytes.collect(), stride)
        });
        Self { format, size, planes: planes.collect() }
    }

    fn frame(&self) -> Frame<'_> {
        let planes: Vec<(&[u8], usize)> = self.planes.iter().map(|(b, s)| (b.as_slice(), *s)).collect();
        Frame::new(self.format, self.size.0, self.size.1, &planes)
            .unwrap()
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709)
    }
}

/// A device with kernels, and what is uploaded through it.
struct Rig {
    device: HostDevice,
    kernels: Kernels,
    stream: Stream,
}

impl Rig {
    fn new() -> Self {
        let device = HostDevice::default();
        let context = device.context();
        let kernels = device.kernels(&context).unwrap();
        let stream = Stream::new(&context).unwrap();
        Self { device, kernels, stream }
    }

    /// A picture through a worker, uploaded on another stream than the worker's, and not waited for.
    fn run(&self, worker: &mut DeviceWorker, picture: &Picture) -> Result<FrameOutput, EngineError> {
        let bytes = picture.planes.iter().map(|(bytes, _)| bytes.len()).sum();
        let buffer = DeviceBuffer::new(self.kernels.context(), bytes)?;
        let mut work = self.stream.begin();
        let uploaded = work.upload_picture(&picture.frame(), &buffer)?;
        let written = work.finish()?;
        worker.process(&uploaded, Some(&written), (1, 1))
    }

    /// Everything must have been given back in order.
    fn finish(self) {
        let device = self.device.clone();
        drop(self);
        device.finish();
    }
}

fn both(folder: &Path, rig: &Rig) -> (Worker, DeviceWorker) {
    let engine = Engine::open(folder).unwrap();
    let options = SessionOptions::default();
    (Worker::new(&engine, &options).unwrap(), DeviceWorker::new(&engine, &options, &rig.kernels).unwrap())
}

fn assert_same(found: &FrameOutput, expected: &FrameOutput, case: &str) {
    assert_eq!(found.geometry, expected.geometry, "{case}");
    assert_eq!(found.classes.len(), expected.classes.len(), "{case}");
    assert_eq!(found.unlikeness, expected.unlikeness, "{case}");
    for (a, b) in found.classes.iter().zip(&expected.classes) {
        let bits = |map: &[f32]| map.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let (x, y) = (bits(a.probability.values()), bits(b.probability.values()));
        let differing = x.iter().zip(&y).filter(|(a, b)| a != b).count();
        assert_eq!(differing, 0, "{case}: {differing} of {} values of '{}' differ", x.len(), a.class.name);
        assert_eq!(a.contours, b.contours, "{case}");
        assert_eq!((a.confidence, a.components), (b.confidence, b.components), "{case}");
    }
}

const FORMATS: [PixelFormat; 6] = [
    PixelFormat::Nv12,
    PixelFormat::I420,
    PixelFormat::Rgba,
    PixelFormat::Bgra,
    PixelFormat::Rgb,
    PixelFormat::Gray8,
];

#[test]
fn a_device_gives_the_bits_of_the_processor() {
    if runtime_is_missing() {
        return;
    }
    let rig = Rig::new();
    for name in ["threshold", "rgb-softmax", "nhwc-probabilities", "labels", "planes", "unlike", "unlike-rgb"]
    {
        let (mut worker, mut on_device) = both(&model(name), &rig);
        let mut outlines = 0;
        for (i, format) in FORMATS.into_iter().enumerate() {
            for size in [(128, 96), (131, 77), (40, 300)] {
                let picture = Picture::new(format, size, 7 + i as u64);
                let case = format!("{name}, {format:?}, {size:?}");
                let expected = worker.process(&picture.frame(), (1, 1)).unwrap();
                let found = rig.run(&mut on_device, &picture).unwrap();
                assert_same(&found, &expected, &case);
                outlines += found.classes.iter().map(|class| class.contours.len()).sum::<usize>();
            }
        }
        assert!(outlines >= 18, "{name}: {outlines} outlines compare little");
    }
    rig.finish();
}

#[test]
fn a_shipped_engine_too_and_a_frame_costs_one_wait() {
    if runtime_is_missing() {
        return;
    }
    let rig = Rig::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../engines/fetal-head");
    let (mut worker, mut on_device) = both(&folder, &rig);
    let picture = Picture::new(PixelFormat::Nv12, (801, 539), 3);
    let expected = worker.process(&picture.frame(), (1, 1)).unwrap();
    assert_same(&rig.run(&mut on_device, &picture).unwrap(), &expected, "fetal-head");
    let before = rig.kernels.context().counters();
    rig.run(&mut on_device, &picture).unwrap();
    let after = rig.kernels.context().counters();
    // One for the maps; one each to read the count of bad values and the unlikeness, behind the same fence; and one that only
    // the processor needs between kernels and session.
    assert_eq!(after.host_waits - before.host_waits, 4);
    assert_eq!(after.frames_uploaded - before.frames_uploaded, 1, "the test's own");
    assert_eq!(after.frames_downloaded, before.frames_downloaded);
    // A picture of the computer's memory goes up by itself, once, into memory that stays.
    for allocations in [1, 0] {
        let before = rig.kernels.context().counters();
        let found = on_device.process_frame(&picture.frame(), (1, 1)).unwrap();
        let after = rig.kernels.context().counters();
        assert_same(&found, &expected, "from the computer's memory");
        assert_eq!(after.frames_uploaded - before.frames_uploaded, 1);
        assert_eq!(after.allocations - before.allocations, allocations);
    }
    drop((worker, on_device));
    rig.finish();
}

#[test]
fn numbers_that_are_none_are_an_error_and_the_next_picture_is_fine() {
    if runtime_is_missing() {
        return;
    }
    let rig = Rig::new();
    let (_, mut on_device) = both(&model("nan"), &rig);
    let picture = Picture::new(PixelFormat::Gray8, (64, 48), 1);
    for _ in 0..2 {
        let error = rig.run(&mut on_device, &picture).unwrap_err();
        assert!(matches!(error, EngineError::NotFinite { .. }), "{error}");
    }
    drop(on_device);
    rig.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_picture_gives_the_same_bits(
        format in 0..FORMATS.len(), width in 2..200_usize, height in 2..200_usize, seed in any::<u64>(),
    ) {
        if runtime_is_missing() {
            return Ok(());
        }
        let rig = Rig::new();
        let (mut worker, mut on_device) = both(&model("rgb-softmax"), &rig);
        let picture = Picture::new(FORMATS[format], (width, height), seed);
        let expected = worker.process(&picture.frame(), (1, 1)).unwrap();
        assert_same(&rig.run(&mut on_device, &picture).unwrap(), &expected, "random");
        drop((worker, on_device));
        rig.finish();
    }
}
