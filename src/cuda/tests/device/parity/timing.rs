//! How long each kernel takes on a device, by events.

use vesalius_cuda::kernels::{
    Blender, ClassSums, EdgeBand, Floats, InputColor, InputRule, OutputKind, OutputRule, Postprocessor,
    Preprocessor, ShiftFinder, SourceLabels,
};
use vesalius_cuda::{CudaError, DevicePicture, SurfaceFormat, Timer, Work};
use vesalius_draw::{Color, Layer, Stroke};
use vesalius_measure::frame::{ColorMatrix, ColorRange, PixelFormat};
use vesalius_measure::geometry::{Geometry, PixelRect, PointInFrame, ResizeRule};

use super::{Outcome, Random, Rig, text};

/// The case that is timed: a network of 256×256 on full HD.
const SIZE: (usize, usize) = (1920, 1080);
const MODEL: (u32, u32) = (256, 256);

/// What one piece of work takes on the device, in microseconds.
#[derive(Clone, Debug)]
pub struct Timed {
    pub name: String,
    pub p50_us: f32,
    pub p99_us: f32,
}

struct Clock<'a> {
    rig: &'a Rig,
    runs: usize,
    timed: Vec<Timed>,
}

impl Clock<'_> {
    fn measure(
        &mut self,
        name: &str,
        mut act: impl FnMut(&mut Work<'_>) -> Result<(), CudaError>,
    ) -> Outcome<()> {
        let (rig, runs) = (self.rig, self.runs);
        let timer = Timer::new(rig.stream.context()).map_err(text)?;
        let warm_up = runs.min(10);
        let mut times = Vec::new();
        for run in 0..warm_up + runs {
            let time = timer.measure(&rig.stream, || {
                let mut work = rig.stream.begin();
                act(&mut work)?;
                work.finish().map(drop)
            });
            let time = time.map_err(text)?;
            if run >= warm_up {
                times.push(time * 1000.0);
            }
        }
        times.sort_by(f32::total_cmp);
        let (p50_us, p99_us) = (times[runs / 2], times[runs * 99 / 100]);
        self.timed.push(Timed { name: name.to_owned(), p50_us, p99_us });
        Ok(())
    }
}

/// Every kernel on a frame of full HD with a network of 256×256, `runs` times each.
pub fn time(rig: &Rig, runs: usize) -> Outcome<Vec<Timed>> {
    let mut clock = Clock { rig, runs, timed: Vec::new() };
    let (width, height) = SIZE;
    let layouts = |format: PixelFormat| {
        let mut end = 0;
        let planes: Vec<(usize, usize)> = (0..format.planes())
            .map(|plane| {
                let layout = format.plane_layout(plane, width, height);
                let at = (end, layout.row_bytes);
                end += layout.row_bytes * layout.rows;
                at
            })
            .collect();
        (planes, end)
    };
    let mut random = Random::new(7);
    let geometry =
        Geometry::new((width as u32, height as u32), MODEL, ResizeRule::Letterbox, (1, 1)).unwrap();
    let picture = |format: PixelFormat, random: &mut Random| -> Outcome<DevicePicture> {
        let (planes, bytes) = layouts(format);
        let buffer = rig.upload(&random.bytes(bytes))?;
        let picture = DevicePicture::new(&buffer, SurfaceFormat::Pixels(format), width, height, &planes);
        Ok(picture.map_err(text)?.with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709))
    };
    let (nv12, rgba) = (picture(PixelFormat::Nv12, &mut random)?, picture(PixelFormat::Rgba, &mut random)?);

    let rule = InputRule {
        width: MODEL.0,
        height: MODEL.1,
        channels_last: false,
        color: InputColor::Rgb,
        range: [0.0, 1.0],
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        pad: 0,
        floats: Floats::F32,
    };
    let tensor = rig.buffer(rule.bytes())?;
    for (name, picture) in [("NV12", &nv12), ("RGBA", &rgba)] {
        let mut preprocessor = Preprocessor::new(&rig.kernels, &rig.stream, &rule).map_err(text)?;
        clock.measure(&format!("preprocess {name}"), |work| {
            preprocessor.process(work, picture, &geometry, &tensor)
        })?;
    }

    let rule = OutputRule {
        width: MODEL.0,
        height: MODEL.1,
        channels_last: false,
        kind: OutputKind::Softmax,
        temperature: 1.0,
        channels: 3,
        thresholds: vec![0.5; 2],
    };
    let pixels = (MODEL.0 * MODEL.1) as usize;
    let scores: Vec<u8> = (0..3)
        .flat_map(|_| random.field(MODEL.0 as usize, MODEL.1 as usize))
        .flat_map(|v| ((v - 0.5) * 10.0).to_ne_bytes())
        .collect();
    let output = rig.upload(&scores)?;
    let mut post = Postprocessor::new(&rig.kernels, &rig.stream, &rule).map_err(text)?;
    clock
        .measure("probabilities and labels", |work| post.probabilities(work, &output, &geometry).map(drop))?;
    let mask = || {
        SourceLabels::new(&rig.buffer(width * height)?, width as u32, width as u32, height as u32)
            .map_err(text)
    };
    let (labels, edges) = (mask()?, mask()?);
    clock.measure("labels of the source", |work| post.label_source(work, &geometry, &labels))?;
    clock.measure("edges of the source", |work| post.edges(work, &labels, &edges))?;
    let capacity = pixels as u32 / 8;
    let band = rig.buffer(EdgeBand::bytes(MODEL.0, MODEL.1, capacity))?;
    clock.measure("edge of a class to the host", |work| {
        post.edge_band(work, &geometry, 1, &band, capacity).map(drop)
    })?;
    let sums = ClassSums::new(&rig.kernels, &rig.stream, 2).map_err(text)?;
    let field = PixelRect { x: 0, y: 0, width: width as u32, height: height as u32 };
    clock.measure("sums of the source's classes to the host", |work| {
        sums.sum(work, &labels, field).map(drop)
    })?;

    let mut layer = Layer::new(width, height).unwrap();
    let points: Vec<PointInFrame> = (0..200)
        .map(|i| {
            let angle = f64::from(i) * std::f64::consts::TAU / 200.0;
            PointInFrame { x_px: 960.0 + 300.0 * angle.cos(), y_px: 540.0 + 220.0 * angle.sin() }
        })
        .collect();
    layer.fill([points.as_slice()], Color::SKY_BLUE.with_alpha(60));
    layer.polyline(points, true, &Stroke::new(Color::SKY_BLUE, 3.0));
    let tiles = layer.drawn_tiles().count();
    for (name, picture) in [("NV12", &nv12), ("RGBA", &rgba)] {
        let mut blender = Blender::new(&rig.kernels, &rig.stream, width, height).map_err(text)?;
        clock.measure(&format!("blend {name}, {tiles} tiles with upload"), |work| {
            blender.blend(work, &layer, picture)
        })?;
        clock.measure(&format!("tint {name}"), |work| {
            blender.tint(work, &labels, &[Color::SKY_BLUE.with_alpha(60), Color::ORANGE], picture)
        })?;
    }
    let mut finder = ShiftFinder::new(&rig.kernels, &rig.stream, width, height, 64).map_err(text)?;
    clock.measure("shift of the picture to the host", |work| finder.push(work, &nv12).map(drop))?;
    Ok(clock.timed)
}
