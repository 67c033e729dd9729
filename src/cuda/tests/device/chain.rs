//! A frame's whole way on the device, and what is refused on it.

use vesalius_cuda::kernels::{
    Blender, ClassSums, EdgeBand, Floats, InputColor, InputRule, OutputKind, OutputRule, Postprocessor,
    Preprocessor, ShiftFinder, SourceLabels,
};
use vesalius_cuda::{CudaError, DeviceBuffer, DevicePicture, Kernels, Pool, Stream, SurfaceFormat};
use vesalius_draw::{Color, Layer, Stroke};
use vesalius_measure::frame::PixelFormat;
use vesalius_measure::geometry::{Geometry, PixelRect, PointInFrame, ResizeRule};

use crate::host::HostDevice;

const WIDTH: usize = 321;
const HEIGHT: usize = 203;
const MODEL: (u32, u32) = (64, 48);

fn input() -> InputRule {
    InputRule {
        width: MODEL.0,
        height: MODEL.1,
        channels_last: false,
        color: InputColor::Gray,
        range: [0.0, 1.0],
        mean: [0.5; 3],
        std: [0.25; 3],
        pad: 0,
        floats: Floats::F32,
    }
}

/// The tensor itself is the output: bright is inside.
fn output() -> OutputRule {
    OutputRule {
        width: MODEL.0,
        height: MODEL.1,
        channels_last: false,
        kind: OutputKind::Sigmoid,
        temperature: 1.0,
        channels: 1,
        thresholds: vec![0.5],
    }
}

fn geometry() -> Geometry {
    Geometry::new((WIDTH as u32, HEIGHT as u32), MODEL, ResizeRule::Letterbox, (1, 1)).unwrap()
}

fn nv12(buffer: &DeviceBuffer) -> DevicePicture {
    let planes = [(0, WIDTH + 1), ((WIDTH + 1) * HEIGHT, WIDTH + 1)];
    DevicePicture::new(buffer, SurfaceFormat::Pixels(PixelFormat::Nv12), WIDTH, HEIGHT, &planes).unwrap()
}

const FRAME_BYTES: usize = (WIDTH + 1) * HEIGHT + (WIDTH + 1) * HEIGHT.div_ceil(2);

/// A bright disc of a radius on dark ground.
fn disc(radius: f64) -> Vec<u8> {
    let mut bytes = vec![128; FRAME_BYTES];
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let inside = (x as f64 - 150.0).hypot(y as f64 - 100.0) < radius;
            bytes[y * (WIDTH + 1) + x] = if inside { 240 } else { 20 };
        }
    }
    bytes
}

#[test]
fn a_frame_is_measured_and_drawn_on_without_copy_wait_or_allocation() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let kernels: Kernels = device.kernels(&context).unwrap();
        // Frames come on a stream of the decoder's, and leave it by fences.
        let (decoder, stream) = (Stream::new(&context).unwrap(), Stream::new(&context).unwrap());
        let frames = Pool::new(&context, FRAME_BYTES, 3).unwrap();
        let mut preprocessor = Preprocessor::new(&kernels, &stream, &input()).unwrap();
        let mut post = Postprocessor::new(&kernels, &stream, &output()).unwrap();
        let mut blender = Blender::new(&kernels, &stream, WIDTH, HEIGHT).unwrap();
        let sums = ClassSums::new(&kernels, &stream, 1).unwrap();
        let mut shifts = ShiftFinder::new(&kernels, &stream, WIDTH, HEIGHT, 16).unwrap();
        let tensor = DeviceBuffer::new(&context, input().bytes()).unwrap();
        let mask = || {
            let buffer = DeviceBuffer::new(&context, WIDTH * HEIGHT).unwrap();
            SourceLabels::new(&buffer, WIDTH as u32, WIDTH as u32, HEIGHT as u32).unwrap()
        };
        let (labels, edges) = (mask(), mask());
        let capacity = MODEL.0 * MODEL.1;
        let band = DeviceBuffer::new(&context, EdgeBand::bytes(MODEL.0, MODEL.1, capacity)).unwrap();
        let field = PixelRect { x: 0, y: 0, width: WIDTH as u32, height: HEIGHT as u32 };
        let mut layer = Layer::new(WIDTH, HEIGHT).unwrap();
        let line = [PointInFrame { x_px: 5.0, y_px: 5.0 }, PointInFrame { x_px: 90.0, y_px: 60.0 }];
        layer.polyline(line, false, &Stroke::new(Color::YELLOW, 3.0));

        let mut after_first = None;
        for (number, radius) in [60.0, 40.0, 20.0, 50.0].into_iter().enumerate() {
            let frame = frames.take().unwrap();
            // What the decoder does; its copy is the test's own and not counted as a frame.
            let mut work = decoder.begin();
            work.upload(&frame, 0, &disc(radius)).unwrap();
            let decoded = work.finish().unwrap();

            let before = context.counters();
            stream.wait(&decoded).unwrap();
            let mut work = stream.begin();
            let picture = nv12(&frame);
            preprocessor.process(&mut work, &picture, &geometry(), &tensor).unwrap();
            let bad = post.probabilities(&mut work, &tensor, &geometry()).unwrap();
            post.label_source(&mut work, &geometry(), &labels).unwrap();
            post.edges(&mut work, &labels, &edges).unwrap();
            let edge = post.edge_band(&mut work, &geometry(), 1, &band, capacity).unwrap();
            let reader = sums.sum(&mut work, &labels, field).unwrap();
            shifts.push(&mut work, &picture).unwrap();
            blender.tint(&mut work, &labels, &[Color::SKY_BLUE.with_alpha(70)], &picture).unwrap();
            blender.tint(&mut work, &edges, &[Color::ORANGE], &picture).unwrap();
            blender.blend(&mut work, &layer, &picture).unwrap();
            let done = work.finish().unwrap();
            // The frame is let go of here; the work has it.
            drop((frame, picture));
            let after = context.counters();
            assert_eq!((after.frames_uploaded, after.frames_downloaded), (0, 0));
            assert_eq!(after.host_waits, before.host_waits, "handing in waited");
            if number > 0 {
                assert_eq!(after.allocations, before.allocations, "frame {number} allocated");
            }
            after_first.get_or_insert(after.allocations);

            // A few hundred bytes come back, and the host waits for those.
            assert_eq!(bad.wait(&done).unwrap(), [0; 4]);
            let sum = reader.read(&done).unwrap()[0];
            let area = std::f64::consts::PI * radius * radius;
            assert!((sum.count as f64 - area).abs() < 0.06 * area, "{} pixels of {area:.0}", sum.count);
            let (x, y) = sum.centroid().unwrap();
            assert!((x - 150.0).abs() < 1.0 && (y - 100.0).abs() < 1.0, "{x} {y}");
            let map = edge.map(&done).unwrap().unwrap();
            let outlines = vesalius_measure::contour::trace(&map, &geometry(), 0.5);
            assert!((outlines[0].area_px2 - area).abs() < 0.06 * area);
            stream.collect();
            decoder.collect();
        }
        assert_eq!(frames.free(), 3);
    }
    device.finish();
}

/// Each kind of work by itself: were anything of it not held, the device would find it freed.
#[test]
fn whatever_work_touches_can_be_let_go_of_at_once() {
    type Act = fn(&Kernels, &Stream);
    fn mask_of_frame(stream: &Stream) -> SourceLabels {
        let buffer = DeviceBuffer::new(stream.context(), WIDTH * HEIGHT).unwrap();
        let mut work = stream.begin();
        work.fill(&buffer, 1).unwrap();
        work.finish().unwrap();
        SourceLabels::new(&buffer, WIDTH as u32, WIDTH as u32, HEIGHT as u32).unwrap()
    }
    fn frame(stream: &Stream) -> DeviceBuffer {
        DeviceBuffer::new(stream.context(), FRAME_BYTES).unwrap()
    }
    let acts: [(&str, Act); 8] = [
        ("preprocess", |kernels, stream| {
            let tensor = DeviceBuffer::new(stream.context(), input().bytes()).unwrap();
            let rule = InputRule { color: InputColor::Rgb, ..input() };
            let tensor_rgb = DeviceBuffer::new(stream.context(), rule.bytes()).unwrap();
            for (rule, tensor) in [(input(), tensor), (rule, tensor_rgb)] {
                let mut preprocessor = Preprocessor::new(kernels, stream, &rule).unwrap();
                let mut work = stream.begin();
                preprocessor.process(&mut work, &nv12(&frame(stream)), &geometry(), &tensor).unwrap();
                work.finish().unwrap();
            }
        }),
        ("probabilities", |kernels, stream| {
            let scores = DeviceBuffer::new(stream.context(), output().bytes()).unwrap();
            let mut post = Postprocessor::new(kernels, stream, &output()).unwrap();
            let mut work = stream.begin();
            post.probabilities(&mut work, &scores, &geometry()).unwrap();
            work.finish().unwrap();
        }),
        ("labels", |kernels, stream| {
            let mut post = Postprocessor::new(kernels, stream, &output()).unwrap();
            let mut work = stream.begin();
            post.label_source(&mut work, &geometry(), &mask_of_frame(stream)).unwrap();
            work.finish().unwrap();
        }),
        ("edges", |kernels, stream| {
            let post = Postprocessor::new(kernels, stream, &output()).unwrap();
            let mut work = stream.begin();
            post.edges(&mut work, &mask_of_frame(stream), &mask_of_frame(stream)).unwrap();
            work.finish().unwrap();
        }),
        ("edge band", |kernels, stream| {
            let post = Postprocessor::new(kernels, stream, &output()).unwrap();
            let band = DeviceBuffer::new(stream.context(), EdgeBand::bytes(MODEL.0, MODEL.1, 64)).unwrap();
            let mut work = stream.begin();
            post.edge_band(&mut work, &geometry(), 1, &band, 64).unwrap();
            work.finish().unwrap();
        }),
        ("blend and tint", |kernels, stream| {
            let mut blender = Blender::new(kernels, stream, WIDTH, HEIGHT).unwrap();
            let mut layer = Layer::new(WIDTH, HEIGHT).unwrap();
            layer.rectangle(3, 3, 50, 50, 0.0, Color::WHITE);
            let mut work = stream.begin();
            blender.blend(&mut work, &layer, &nv12(&frame(stream))).unwrap();
            blender.tint(&mut work, &mask_of_frame(stream), &[Color::WHITE], &nv12(&frame(stream))).unwrap();
            work.finish().unwrap();
        }),
        ("sums", |kernels, stream| {
            let sums = ClassSums::new(kernels, stream, 2).unwrap();
            let field = PixelRect { x: 0, y: 0, width: WIDTH as u32, height: HEIGHT as u32 };
            let mut work = stream.begin();
            sums.sum(&mut work, &mask_of_frame(stream), field).unwrap();
            work.finish().unwrap();
        }),
        ("shift", |kernels, stream| {
            let mut shifts = ShiftFinder::new(kernels, stream, WIDTH, HEIGHT, 16).unwrap();
            for _ in 0..3 {
                let mut work = stream.begin();
                shifts.push(&mut work, &nv12(&frame(stream))).unwrap();
                work.finish().unwrap();
            }
        }),
    ];
    for (name, act) in acts {
        let device = HostDevice::default();
        {
            let context = device.context();
            let stream = Stream::new(&context).unwrap();
            // The kernels too are let go of before anything of it is done.
            act(&device.kernels(&context).unwrap(), &stream);
            assert!(stream.in_flight() > 0, "{name} was done early");
            stream.synchronize().unwrap();
        }
        println!("{name}: {:?}", device.breaches());
        device.finish();
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_launched() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let kernels = device.kernels(&context).unwrap();
        let (stream, other) = (Stream::new(&context).unwrap(), Stream::new(&context).unwrap());
        let frame = DeviceBuffer::new(&context, FRAME_BYTES).unwrap();
        let picture = nv12(&frame);
        let tensor = DeviceBuffer::new(&context, input().bytes()).unwrap();
        let small = DeviceBuffer::new(&context, input().bytes() - 1).unwrap();
        let mut preprocessor = Preprocessor::new(&kernels, &stream, &input()).unwrap();
        let mut post = Postprocessor::new(&kernels, &stream, &output()).unwrap();
        let launches = context.counters().launches;

        let is_unfit = |result: Result<(), CudaError>| matches!(result, Err(CudaError::Unfit { .. }));
        let mut work = stream.begin();
        let of_size = |source: (u32, u32), model: (u32, u32)| {
            Geometry::new(source, model, ResizeRule::Letterbox, (1, 1)).unwrap()
        };
        let good = geometry();
        for bad in [
            of_size((100, 100), MODEL),
            of_size((WIDTH as u32, HEIGHT as u32), (10, 10)),
            Geometry { crop: PixelRect { x: 1, ..good.crop }, ..good },
            Geometry { crop: PixelRect { width: 0, ..good.crop }, ..good },
            Geometry { content: PixelRect { y: u32::MAX, ..good.content }, ..good },
        ] {
            assert!(is_unfit(preprocessor.process(&mut work, &picture, &bad, &tensor)), "{bad:?}");
        }
        let short = preprocessor.process(&mut work, &picture, &good, &small);
        assert!(matches!(short, Err(CudaError::TooSmall { .. })));
        assert!(matches!(post.probabilities(&mut work, &small, &good), Err(CudaError::TooSmall { .. })));
        assert!(matches!(post.edge_band(&mut work, &good, 0, &frame, 4), Err(CudaError::Unfit { .. })));
        assert!(matches!(post.edge_band(&mut work, &good, 2, &frame, 4), Err(CudaError::Unfit { .. })));
        assert!(matches!(
            post.edge_band(&mut work, &good, 1, &tensor, 1 << 20),
            Err(CudaError::TooSmall { .. })
        ));
        let labels = post.labels().unwrap();
        assert!(is_unfit(post.label_source(&mut work, &good, &labels)), "a mask of the model's size");
        assert!(is_unfit(post.edges(&mut work, &labels, &labels)), "a mask onto itself");
        let sums = ClassSums::new(&kernels, &stream, 1).unwrap();
        for field in [
            PixelRect { x: 0, y: 0, width: MODEL.0 + 1, height: 1 },
            PixelRect { x: 0, y: 0, width: 0, height: 1 },
            PixelRect { x: u32::MAX, y: 0, width: 2, height: 1 },
        ] {
            assert!(sums.sum(&mut work, &labels, field).is_err(), "{field:?}");
        }
        let mut blender = Blender::new(&kernels, &stream, WIDTH, HEIGHT).unwrap();
        let layer = Layer::new(WIDTH + 1, HEIGHT).unwrap();
        assert!(is_unfit(blender.blend(&mut work, &layer, &picture)));
        assert!(is_unfit(blender.tint(&mut work, &labels, &[Color::WHITE], &picture)));
        let wide = DeviceBuffer::new(&context, 2 * FRAME_BYTES).unwrap();
        let planes = [(0, 2 * WIDTH + 2), ((2 * WIDTH + 2) * HEIGHT, 2 * WIDTH + 2)];
        let p010 = DevicePicture::new(&wide, SurfaceFormat::P010, WIDTH, HEIGHT, &planes).unwrap();
        let layer = Layer::new(WIDTH, HEIGHT).unwrap();
        assert!(is_unfit(blender.blend(&mut work, &layer, &p010)), "P010 is drawn on");
        drop(work);

        let mut elsewhere = other.begin();
        assert!(is_unfit(preprocessor.process(&mut elsewhere, &picture, &good, &tensor)));
        assert!(matches!(post.probabilities(&mut elsewhere, &tensor, &good), Err(CudaError::Unfit { .. })));
        assert!(matches!(sums.sum(&mut elsewhere, &labels, good.content), Err(CudaError::Unfit { .. })));
        drop(elsewhere);
        assert_eq!(context.counters().launches, launches);

        for (width, height, planes) in [
            (0, 5, vec![(0, 10), (50, 10)]),
            (9, 5, vec![(0, 8), (50, 10)]),
            (9, 5, vec![(0, 10)]),
            (9, 5, vec![(0, 10), (FRAME_BYTES - 5, 10)]),
            (70_000, 5, vec![(0, 70_000), (350_000, 70_000)]),
            (9, 5, vec![(0, usize::MAX), (0, 10)]),
            (9, 5, vec![(usize::MAX, 10), (0, 10)]),
        ] {
            let made = DevicePicture::new(&frame, PixelFormat::Nv12.into(), width, height, &planes);
            assert!(made.is_err(), "{width}x{height} {planes:?}");
        }
        for planes in [[(1, 20), (100, 20)], [(0, 21), (200, 20)]] {
            assert!(DevicePicture::new(&frame, SurfaceFormat::P010, 9, 5, &planes).is_err(), "{planes:?}");
        }
    }
    device.finish();
}

#[test]
fn rules_that_no_kernel_can_follow_are_refused() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let kernels = device.kernels(&context).unwrap();
        let stream = Stream::new(&context).unwrap();
        for rule in [
            OutputRule { thresholds: vec![], ..output() },
            OutputRule { thresholds: vec![0.5; 17], channels: 17, ..output() },
            OutputRule { thresholds: vec![0.5; 2], ..output() },
            OutputRule { width: 0, ..output() },
            OutputRule { temperature: 0.0, ..output() },
            OutputRule { temperature: f32::NAN, ..output() },
            OutputRule { channels: 40, ..output() },
        ] {
            assert!(Postprocessor::new(&kernels, &stream, &rule).is_err(), "{rule:?}");
        }
        for rule in [InputRule { width: 0, ..input() }, InputRule { height: 70_000, ..input() }] {
            assert!(Preprocessor::new(&kernels, &stream, &rule).is_err(), "{rule:?}");
        }
        assert!(ClassSums::new(&kernels, &stream, 0).is_err());
        assert!(ClassSums::new(&kernels, &stream, 17).is_err());
        assert!(ShiftFinder::new(&kernels, &stream, 3, 100, 10).is_err());
    }
    device.finish();
}

#[test]
fn values_that_are_none_are_counted() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let kernels = device.kernels(&context).unwrap();
        let stream = Stream::new(&context).unwrap();
        let pixels = (MODEL.0 * MODEL.1) as usize;
        let cases = [
            (OutputKind::Sigmoid, vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX], 3),
            (OutputKind::Probabilities, vec![f32::NAN, 1.01, -0.01, 1.0005, -0.0005, 1.0], 3),
        ];
        for (kind, values, bad) in cases {
            let rule = OutputRule { kind, ..output() };
            let mut post = Postprocessor::new(&kernels, &stream, &rule).unwrap();
            let mut all = vec![0.25_f32; pixels];
            all[..values.len()].copy_from_slice(&values);
            let bytes: Vec<u8> = all.iter().flat_map(|v| v.to_ne_bytes()).collect();
            let buffer = DeviceBuffer::new(&context, bytes.len()).unwrap();
            let mut work = stream.begin();
            work.upload(&buffer, 0, &bytes).unwrap();
            let found = post.probabilities(&mut work, &buffer, &geometry()).unwrap();
            let fence = work.finish().unwrap();
            assert_eq!(found.wait(&fence).unwrap(), u32::to_ne_bytes(bad), "{kind:?}");
        }
    }
    device.finish();
}

#[test]
fn an_edge_that_does_not_fit_its_band_says_so() {
    let device = HostDevice::default();
    {
        let context = device.context();
        let kernels = device.kernels(&context).unwrap();
        let stream = Stream::new(&context).unwrap();
        let mut post = Postprocessor::new(&kernels, &stream, &output()).unwrap();
        let checks: Vec<u8> = (0..MODEL.0 * MODEL.1)
            .flat_map(|i| {
                (if (i % MODEL.0 + i / MODEL.0).is_multiple_of(2) { 9.0_f32 } else { -9.0 }).to_ne_bytes()
            })
            .collect();
        let buffer = DeviceBuffer::new(&context, checks.len()).unwrap();
        let capacity = 100;
        let band = DeviceBuffer::new(&context, EdgeBand::bytes(MODEL.0, MODEL.1, capacity)).unwrap();
        let mut work = stream.begin();
        work.upload(&buffer, 0, &checks).unwrap();
        post.probabilities(&mut work, &buffer, &geometry()).unwrap();
        let edge = post.edge_band(&mut work, &geometry(), 1, &band, capacity).unwrap();
        let fence = work.finish().unwrap();
        assert_eq!(edge.map(&fence).unwrap(), None);
    }
    device.finish();
}
