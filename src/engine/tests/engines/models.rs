//! Models: right answers by hand, and every way in which an engine can be wrong.
//!
//! They need ONNX Runtime; where it is not installed they say so and pass.

use std::path::{Path, PathBuf};

use vesalius_engine::engine::verify;
use vesalius_engine::manifest::Precision;
use vesalius_engine::postprocess::Postprocessor;
use vesalius_engine::session::OutputValues;
use vesalius_engine::{Engine, EngineError, EngineErrorKind, FrameOutput, SessionOptions, Worker, runtime};
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::geometry::{Geometry, ResizeRule};

use crate::model;

pub(crate) fn runtime_is_missing() -> bool {
    match runtime::load(None) {
        Ok(_) => false,
        Err(error) => {
            println!("skipped: {error}");
            true
        }
    }
}

fn worker(name: &str) -> Result<Worker, EngineError> {
    Worker::new(&Engine::open(&model(name))?, &SessionOptions::default())
}

/// A gray picture, or RGB where `pixel` gives three bytes.
pub(crate) fn run<const N: usize>(
    worker: &mut Worker,
    (width, height): (usize, usize),
    pixel: impl Fn(usize, usize) -> [u8; N],
) -> Result<FrameOutput, EngineError> {
    let format = if N == 1 { PixelFormat::Gray8 } else { PixelFormat::Rgb };
    let data: Vec<u8> = (0..width * height).flat_map(|i| pixel(i % width, i / width)).collect();
    worker.process(&Frame::new(format, width, height, &[(&data, width * N)]).unwrap(), (1, 1))
}

#[test]
fn a_bright_rectangle_is_found_where_it_is() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker("threshold").unwrap();
    // 128×48: content 64×24 with 12 rows of border; one model pixel is 2×2 of the source.
    let inside = |x: usize, y: usize| (32..96).contains(&x) && (8..40).contains(&y);
    let found = run(&mut worker, (128, 48), |x, y| [if inside(x, y) { 230 } else { 25 }]).unwrap();
    assert_eq!((found.geometry.content.y, found.geometry.content.height), (12, 24));
    let [class] = found.classes.as_slice() else { panic!("{} classes", found.classes.len()) };
    assert_eq!(class.class.name, "bright");
    let map = &class.probability;
    // sigmoid(20·(230/255 − 0.5)) and of 25/255.
    for (x, y, expected) in
        [(32, 24, 1.0 / (1.0 + (-8.0392_f64).exp())), (2, 24, 1.0 / (1.0 + 8.0392_f64.exp()))]
    {
        assert!((f64::from(map.at(x, y)) - expected).abs() < 1e-5, "{x},{y}: {}", map.at(x, y));
    }
    assert!((0..64).all(|x| map.at(x, 3) == 0.0 && map.at(x, 44) == 0.0), "the border is no part of a map");
    assert_eq!(class.contours.len(), 1);
    // The rectangle's edges lie between pixels: ±0.1 px for the filter's slight blur of the edge.
    let (xs, ys): (Vec<f64>, Vec<f64>) = class.contours[0].outer.iter().map(|p| (p.x_px, p.y_px)).unzip();
    let bounds = |v: &[f64]| v.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let ((left, right), (top, bottom)) = (bounds(&xs), bounds(&ys));
    for (got, expected) in [(left, 31.5), (right, 95.5), (top, 7.5), (bottom, 39.5)] {
        assert!((got - expected).abs() < 0.1, "{got} should be {expected}");
    }
    let confidence = class.confidence.unwrap();
    assert!(confidence > 0.95 && confidence <= 1.0, "{confidence}");
    assert_eq!(found.classes[0].components.count, 1);
    assert!(found.times.preprocess_ns.is_some() && found.times.measure_ns.is_none());
}

#[test]
fn a_dark_picture_has_nothing_in_it() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker("threshold").unwrap();
    for size in [(1, 1), (207, 141), (64, 48), (5, 900)] {
        let found = run(&mut worker, size, |_, _| [0]).unwrap();
        assert!(found.classes[0].contours.is_empty() && found.classes[0].confidence.is_none());
        let found = run(&mut worker, size, |_, _| [255]).unwrap();
        assert_eq!(found.classes[0].contours.len(), 1, "{size:?}");
    }
}

#[test]
fn softmax_tells_red_from_blue() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker("rgb-softmax").unwrap();
    // A red square with a gray hole, a smaller red one, and a blue one.
    let pixel = |x: usize, y: usize| match (x, y) {
        (14..18, 14..18) => [128, 128, 128],
        (4..24, 4..24) | (28..32, 28..32) => [230, 20, 20],
        (40..60, 40..60) => [20, 20, 230],
        _ => [100, 100, 100],
    };
    let found = run(&mut worker, (64, 64), pixel).unwrap();
    let [red, blue] = found.classes.as_slice() else { panic!() };
    assert_eq!((red.class.name.as_str(), blue.class.name.as_str()), ("red", "blue"));
    // "largest" and "fill_holes" for red: one outline without a hole, of 20×20; "all" for blue.
    assert_eq!(
        (red.contours.len(), red.contours[0].holes.len(), found.classes[0].components.count),
        (1, 0, 2)
    );
    assert_eq!(blue.contours.len(), 1);
    // At 2:1 the filter's triangle spreads an edge by less than 3 source pixels, and this steep softmax calls red
    // whatever has a share of 5 % of it: the square of 20 grows, and stays below 26.
    let area = red.contours[0].area_px2;
    assert!((400.0..676.0).contains(&area), "{area}");
    // Score 8·(2·230/255 − 2·20/255) against 0 and its negative, in the middle of the square.
    let score = 8.0 * 2.0 * 210.0 / 255.0_f64;
    let expected = score.exp() / (1.0 + score.exp() + (-score).exp());
    assert!((f64::from(red.probability.at(4, 4)) - expected).abs() < 1e-5);
    let confidence = red.confidence.unwrap();
    assert!((0.9..=1.0).contains(&confidence), "{confidence}");
}

#[test]
fn probabilities_in_nhwc_are_taken_as_they_are() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker("nhwc-probabilities").unwrap();
    let found = run(&mut worker, (40, 24), |x, _| [255, 0, (x * 6) as u8]).unwrap();
    for x in 0..40 {
        assert!((found.classes[0].probability.at(x, 11) - (x * 6) as f32 / 255.0).abs() < 1e-6);
    }
}

#[test]
fn labels_become_maps_of_zero_and_one() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker("labels").unwrap();
    let found = run(&mut worker, (16, 16), |x, _| [[0, 128, 255][x / 6]]).unwrap();
    for (x, expected) in [(2, [0.0, 0.0]), (8, [1.0, 0.0]), (14, [0.0, 1.0])] {
        for (class, expected) in found.classes.iter().zip(expected) {
            assert_eq!(class.probability.at(x, 8), expected, "{x} {}", class.class.name);
        }
    }
}

#[test]
fn nan_is_an_error_and_the_worker_lives_on() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker("nan").unwrap();
    for _ in 0..2 {
        let error = run(&mut worker, (64, 48), |_, _| [9]).unwrap_err();
        assert!(matches!(error, EngineError::NotFinite { .. }), "{error}");
        assert_eq!(error.kind(), EngineErrorKind::Inference);
        assert!(!error.to_string().contains('\n'));
    }
}

/// An engine's folder with its manifest's text changed.
pub(crate) fn with_manifest(name: &str, change: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(model(name).join("manifest.toml")).unwrap();
    std::fs::copy(model(name).join("model.onnx"), folder.path().join("model.onnx")).unwrap();
    std::fs::write(folder.path().join("manifest.toml"), change(text)).unwrap();
    let path = folder.path().to_owned();
    (folder, path)
}

fn load_error(folder: &Path) -> EngineError {
    let engine = Engine::open(folder).unwrap();
    let error = Worker::new(&engine, &SessionOptions::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::BadEngine, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn engines_that_are_wrong_say_how() {
    if runtime_is_missing() {
        return;
    }
    let error = load_error(&model("wrong-shape")).to_string();
    assert!(error.contains("[1, 1, 48, 64]") && error.contains("[1, 1, 32, 32]"), "{error}");
    let error = load_error(&model("corrupt"));
    assert!(matches!(error, EngineError::ModelLoad { .. }), "{error}");

    let (_keep, folder) =
        with_manifest("threshold", |text| text.replacen("name = \"image\"", "name = \"x\"", 1));
    let error = load_error(&folder).to_string();
    assert!(error.contains("input 'x'") && error.contains("'image'"), "{error}");
    let (_keep, folder) =
        with_manifest("threshold", |text| text.replacen("name = \"logits\"", "name = \"y\"", 1));
    let error = load_error(&folder).to_string();
    assert!(error.contains("output 'y'") && error.contains("'logits'"), "{error}");
    let as_labels = |text: String| {
        text.replace("kind = \"logits\"", "kind = \"labels\"").replace("\"sigmoid\"", "\"none\"")
    };
    let (_keep, folder) = with_manifest("threshold", as_labels);
    assert!(matches!(load_error(&folder), EngineError::TensorType { .. }));
    let softmax = |text: String| text.replace("\"sigmoid\"", "\"softmax\"");
    let (_keep, folder) = with_manifest("threshold", softmax);
    let error = load_error(&folder).to_string();
    assert!(error.contains("output 'logits'") && error.contains("[1, 2, 48, 64]"), "{error}");
}

#[test]
fn a_model_that_is_not_the_manifests_is_refused() {
    if runtime_is_missing() {
        return;
    }
    let (_keep, folder) = with_manifest("threshold", |text| text);
    let mut bytes = std::fs::read(folder.join("model.onnx")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(folder.join("model.onnx"), bytes).unwrap();
    let error = load_error(&folder);
    let EngineError::HashMismatch { expected, found, .. } = &error else { panic!("{error}") };
    let text = error.to_string();
    assert!(
        text.contains(&expected[..12]) && text.contains(&found[..12]) && !text.contains(expected),
        "{text}"
    );

    std::fs::remove_file(folder.join("model.onnx")).unwrap();
    assert!(matches!(load_error(&folder), EngineError::ModelFile { .. }));
    assert_eq!(Engine::open(&folder.join("none")).unwrap_err().kind(), EngineErrorKind::BadEngine);
}

#[test]
fn several_workers_at_once_agree() {
    if runtime_is_missing() {
        return;
    }
    let engine = Engine::open(&model("threshold")).unwrap();
    let maps: Vec<Vec<f32>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut worker = Worker::new(&engine, &SessionOptions::default()).unwrap();
                    let found = run(&mut worker, (300, 200), |x, y| [(x * 7 + y * 3) as u8]).unwrap();
                    found.classes[0].probability.values().to_vec()
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    assert!(maps.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn verify_reports_shapes_and_times() {
    if runtime_is_missing() {
        return;
    }
    let engine = Engine::open(&model("rgb-softmax")).unwrap();
    let seen = verify(&engine, &SessionOptions::default()).unwrap();
    assert_eq!((seen.input_shape, seen.output_shape.as_slice()), ([1, 3, 32, 32], &[1, 3, 32, 32][..]));
    assert_eq!(seen.sha256, engine.manifest().model.sha256);
    assert!(seen.best_run <= seen.first_run.max(seen.load) && !seen.best_run.is_zero());
    let error = verify(&Engine::open(&model("nan")).unwrap(), &SessionOptions::default()).unwrap_err();
    assert!(matches!(error, EngineError::NotFinite { .. }));
}

/// A manifest may say that its masks hold a margin; the outline that is measured lies inside it, the mask does not shrink.
#[test]
fn outlines_lie_inside_the_margin_of_the_labels() {
    let engine = Engine::open(&model("nhwc-probabilities")).unwrap();
    let geometry = Geometry::new((80, 48), (40, 24), ResizeRule::Stretch, (1, 1)).unwrap();
    let inside = |i: usize| (10..30).contains(&(i % 40)) && (6..18).contains(&(i / 40));
    let values: Vec<f32> = (0..40 * 24).map(|i| f32::from(u8::from(inside(i)))).collect();
    let found = |inset_px: f64| {
        let mut manifest = engine.manifest().clone();
        manifest.classes[0].outline_inset_px = inset_px;
        let mut postprocessor = Postprocessor::new(&manifest, Precision::F32, engine.classes());
        let found = postprocessor.process(OutputValues::F32(&values), &geometry).unwrap();
        found.classes.into_iter().next().unwrap()
    };
    let (edge, inset) = (found(0.0), found(0.75));
    assert_eq!(edge.probability, inset.probability);
    // A rectangle of 40 by 24 source pixels, two of them a pixel of the model's.
    let left = |found: &vesalius_measure::result::ClassResult| {
        // Away from the corners, which become rounder.
        let side = found.contours[0].outer.iter().filter(|p| (18.0..29.0).contains(&p.y_px));
        side.map(|p| p.x_px).fold(f64::MAX, f64::min)
    };
    assert!((left(&edge) - 19.5).abs() < 1e-9 && (left(&inset) - 21.0).abs() < 1e-9, "{}", left(&inset));
    let area = inset.contours[0].area_px2;
    assert!((area - 37.0 * 21.0).abs() < 4.0, "{area}");
}

/// What no good model gives, handed to the post-processing without one.
#[test]
fn outputs_that_are_wrong_are_errors() {
    let postprocessor = |name: &str| {
        let engine = Engine::open(&model(name)).unwrap();
        Postprocessor::new(engine.manifest(), Precision::F32, engine.classes())
    };
    let geometry =
        |width, height| Geometry::new((640, 480), (width, height), ResizeRule::Stretch, (1, 1)).unwrap();

    let mut labels = postprocessor("labels");
    let mut values = vec![0_i64; 256];
    assert!(labels.process(OutputValues::I64(&values), &geometry(16, 16)).is_ok());
    for wrong in [3, -1, i64::MAX, i64::MIN] {
        values[100] = wrong;
        let error = labels.process(OutputValues::I64(&values), &geometry(16, 16)).unwrap_err();
        assert!(matches!(error, EngineError::UnknownLabel { found, .. } if found == wrong), "{error}");
    }

    let mut probabilities = postprocessor("nhwc-probabilities");
    for (value, good) in [(0.0, true), (1.000_1, true), (-0.1, false), (1.1, false), (f32::INFINITY, false)] {
        let mut values = vec![0.5; 40 * 24];
        values[7] = value;
        let result = probabilities.process(OutputValues::F32(&values), &geometry(40, 24));
        assert_eq!(result.is_ok(), good, "{value}");
    }
    let error = probabilities.process(OutputValues::F32(&[0.5; 9]), &geometry(40, 24)).unwrap_err();
    assert!(matches!(error, EngineError::TensorLength { expected: 960, found: 9, .. }), "{error}");

    let mut outside = geometry(40, 24);
    outside.content.width = 0;
    for geometry in [geometry(24, 40), outside] {
        let error = probabilities.process(OutputValues::F32(&[0.5; 960]), &geometry).unwrap_err();
        assert!(matches!(error, EngineError::GeometryMismatch { .. }), "{error}");
    }
}
