//! The stages of one frame on one core, everything but decoding, encoding and the network itself.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use vesalius_draw::{Layer, Style, blend, draw_result};
use vesalius_engine::manifest::Precision;
use vesalius_engine::postprocess::Postprocessor;
use vesalius_engine::preprocess::Preprocessor;
use vesalius_engine::session::Session;
use vesalius_engine::{Engine, PrecisionChoice, Registry, SessionOptions};
use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::components::{Components, KeepComponents, clean};
use vesalius_measure::contour::trace;
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, FrameMut, PixelFormat};
use vesalius_measure::geometry::{Geometry, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::protocol;
use vesalius_measure::protocol::ProtocolConfig;
use vesalius_measure::result::{ClassResult, FrameResult, Reason, ResultStatus};
use vesalius_phantom::FetalHeadScene;

use crate::series::Series;

const FRAMES: usize = 300;
const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;

/// A 1080p phantom as I420 in limited range: luma, then neutral chroma.
fn picture() -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let scene = FetalHeadScene {
        width_px: WIDTH as u32,
        height_px: HEIGHT as u32,
        mm_per_px_x: 0.1,
        mm_per_px_y: 0.1,
        ..FetalHeadScene::default()
    };
    let full = scene.prepare()?.render(0).gray8;
    let luma = full.iter().map(|&v| (16.0 + f64::from(v) * 219.0 / 255.0).round() as u8).collect();
    Ok((luma, vec![128; WIDTH.div_ceil(2) * HEIGHT.div_ceil(2)]))
}

/// Measures and prints.
pub fn run(engine: &str) -> anyhow::Result<()> {
    let engine = Engine::open(&Registry::standard().find(engine)?)?;
    let mut preprocessor = Preprocessor::new(&engine.manifest().input);
    let options =
        SessionOptions { precision: PrecisionChoice::Named(Precision::F32), ..SessionOptions::default() };
    let mut session = Session::load(&engine, &options)?;
    let mut postprocessor = Postprocessor::new(engine.manifest(), Precision::F32, engine.classes());
    let scale = Scale::Uniform(Arc::new(Calibration::parse("0.1", CalibrationSource::Phantom)?));
    let mut protocol = protocol::Session::new(&ProtocolConfig::from_name(&engine.identity().protocol)?);
    let style = Style::default();
    let mut layer = Layer::new(WIDTH, HEIGHT)?;
    let (luma, chroma) = picture()?;
    let half = WIDTH.div_ceil(2);

    let names = ["pre-processing", "clean-up, contour", "values", "drawing", "blending", "all of these"];
    let mut series = vec![Series::default(); names.len()];
    for i in 0..FRAMES + 20 {
        let (mut y, mut u, mut v) = (luma.clone(), chroma.clone(), chroma.clone());
        let mut times = Vec::new();
        let start = Instant::now();
        let geometry = {
            let planes = [(y.as_slice(), WIDTH), (u.as_slice(), half), (v.as_slice(), half)];
            let frame = Frame::new(PixelFormat::I420, WIDTH, HEIGHT, &planes)?
                .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
            preprocessor.process(&frame, (1, 1))?
        };
        times.push(start.elapsed());
        let output = session.run(preprocessor.tensor())?;
        let values = output.values()?;
        let start = Instant::now();
        let found = postprocessor.process(values, &geometry)?;
        times.push(start.elapsed());
        let mut result = FrameResult::missing(engine.identity().clone(), 0, Reason::NoResultYet);
        result.status = ResultStatus::Ok;
        result.geometry = Some(geometry);
        result.classes = found.classes;
        let start = Instant::now();
        protocol.measure(&mut result, &scale, None);
        times.push(start.elapsed());
        let start = Instant::now();
        layer.clear();
        draw_result(&mut layer, &result, &style);
        times.push(start.elapsed());
        let start = Instant::now();
        let planes = [(y.as_mut_slice(), WIDTH), (u.as_mut_slice(), half), (v.as_mut_slice(), half)];
        let mut frame = FrameMut::new(PixelFormat::I420, WIDTH, HEIGHT, planes)?
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
        blend(&layer, &mut frame)?;
        times.push(start.elapsed());
        anyhow::ensure!(result.found_something(), "nothing was found in the picture that is measured with");
        times.push(times.iter().sum());
        // The first frames warm caches and the allocator.
        if i >= 20 {
            for (series, time) in series.iter_mut().zip(times) {
                series.add(time);
            }
        }
    }
    println!("one 1080p I420 frame, one core, {FRAMES} frames      p50 ms   p95 ms   p99 ms");
    for (name, series) in names.iter().zip(&series) {
        let q = |q| series.quantile_ms(q);
        println!("  {name:<44} {:>7.3}  {:>7.3}  {:>7.3}", q(0.5), q(0.95), q(0.99));
    }
    mask_to_values()
}

/// A 256×256 map to values: clean-up, outline, protocol.
fn mask_to_values() -> anyhow::Result<()> {
    let side = 256_usize;
    let geometry = Geometry::new((800, 800), (256, 256), ResizeRule::Letterbox, (1, 1))?;
    let values: Vec<f32> = (0..side * side)
        .map(|i| {
            let (x, y) = ((i % side) as f64 - 127.3, (i / side) as f64 - 126.8);
            (0.5 + (1.0 - (x / 100.0).hypot(y / 78.0)) * 12.0).clamp(0.0, 1.0) as f32
        })
        .collect();
    let scale = Scale::Uniform(Arc::new(Calibration::parse("0.1", CalibrationSource::Phantom)?));
    let engine = Engine::open(&Registry::standard().find("fetal-head")?)?;
    let class = engine.classes().first().context("an engine has a class")?.clone();
    let mut protocol = protocol::Session::new(&ProtocolConfig::from_name("fetal-head")?);
    let mut series = Series::default();
    for frame in 0..500 {
        let mut map = values.clone();
        let start = Instant::now();
        let components = clean(&mut map, side, 0.5, KeepComponents::Largest, true);
        let probability = ProbabilityMap::new(side, side, map)?;
        let contours = trace(&probability, &geometry, 0.5);
        let mut result = FrameResult::missing(engine.identity().clone(), frame, Reason::NoResultYet);
        result.status = ResultStatus::Ok;
        result.geometry = Some(geometry);
        result.classes = vec![ClassResult {
            class: class.clone(),
            probability,
            contours,
            unconfirmed: Vec::new(),
            withheld: None,
            confidence: None,
            components,
        }];
        protocol.measure(&mut result, &scale, None);
        series.add(start.elapsed());
        anyhow::ensure!(result.measurements.iter().all(|m| m.value.is_some()), "a value is missing");
    }
    let q = |q| series.quantile_ms(q);
    println!(
        "  {:<44} {:>7.3}  {:>7.3}  {:>7.3}",
        "a 256x256 mask to seven values",
        q(0.5),
        q(0.95),
        q(0.99)
    );
    for (name, classes) in [("all measures of a 512x512 mask", 1), ("of six classes", 6)] {
        let series = all_measures(classes)?;
        let q = |q| series.quantile_ms(q);
        println!("  {name:<44} {:>7.3}  {:>7.3}  {:>7.3}", q(0.5), q(0.95), q(0.99));
    }
    Ok(())
}

/// Outlines and every shape measure of `classes` masks of 512×512.
fn all_measures(classes: usize) -> anyhow::Result<Series> {
    let side = 512_usize;
    let geometry = Geometry::new((800, 800), (512, 512), ResizeRule::Letterbox, (1, 1))?;
    let maps: Vec<ProbabilityMap> = (0..classes)
        .map(|class| {
            let turn = class as f64;
            let values: Vec<f32> = (0..side * side)
                .map(|i| {
                    let (x, y) = ((i % side) as f64 - 256.0 - 3.0 * turn, (i / side) as f64 - 250.0);
                    (0.5 + (1.0 - (x / 190.0).hypot(y / (120.0 + 10.0 * turn))) * 20.0).clamp(0.0, 1.0) as f32
                })
                .collect();
            ProbabilityMap::new(side, side, values)
        })
        .collect::<Result<_, _>>()?;
    let engine = Engine::open(&Registry::standard().find("fetal-head")?)?;
    let class = engine.classes().first().context("an engine has a class")?.clone();
    let scale = Scale::Uniform(Arc::new(Calibration::parse("0.1", CalibrationSource::Phantom)?));
    let mut protocol = protocol::Session::new(&ProtocolConfig::from_name("generic")?);
    let mut series = Series::default();
    for frame in 0..200 {
        let start = Instant::now();
        let mut result = FrameResult::missing(engine.identity().clone(), frame, Reason::NoResultYet);
        result.status = ResultStatus::Ok;
        result.geometry = Some(geometry);
        for probability in &maps {
            let contours = trace(probability, &geometry, 0.5);
            let (probability, components) = (probability.clone(), Components::default());
            let class = class.clone();
            result.classes.push(ClassResult {
                class,
                probability,
                contours,
                unconfirmed: Vec::new(),
                withheld: None,
                confidence: None,
                components,
            });
        }
        protocol.measure(&mut result, &scale, None);
        series.add(start.elapsed());
        anyhow::ensure!(result.measurements.len() >= 15 * classes, "a value is missing");
    }
    Ok(series)
}
