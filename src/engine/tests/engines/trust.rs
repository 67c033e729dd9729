//! What an engine says of itself: calibrated probabilities, pictures unlike its training data, what an answer rests on, and
//! the sample that is stored with it.

use std::path::{Path, PathBuf};

use vesalius_engine::engine::verify;
use vesalius_engine::manifest::{Manifest, Precision};
use vesalius_engine::sample::{self, Picture, SampleError};
use vesalius_engine::{
    Engine, EngineError, EngineErrorKind, PrecisionChoice, Provider, ProviderChoice, SessionOptions, Worker,
};
use vesalius_measure::frame::{Frame, PixelFormat};

use crate::model;
use crate::models::{run, runtime_is_missing, with_manifest};

fn worker(folder: &Path) -> Worker {
    Worker::new(&Engine::open(folder).unwrap(), &SessionOptions::default()).unwrap()
}

/// 20·(level − 0.5), divided by the temperature.
fn sigmoid_of(level: f64, temperature: f64) -> f64 {
    1.0 / (1.0 + (-20.0 * (level - 0.5) / temperature).exp())
}

#[test]
fn logits_are_divided_by_the_temperature() {
    if runtime_is_missing() {
        return;
    }
    let level = 140.0 / 255.0;
    for (name, temperature) in [("threshold", 1.0), ("unlike", 2.0)] {
        let found = run(&mut worker(&model(name)), (64, 48), |_, _| [140]).unwrap();
        let p = f64::from(found.classes[0].probability.at(30, 20));
        assert!((p - sigmoid_of(level, temperature)).abs() < 1e-6, "{name}: {p}");
    }
    // Red scores 8·(r − b): softmax over (0, s, −s) at 1.5.
    let found = run(&mut worker(&model("unlike-rgb")), (32, 32), |_, _| [90, 0, 60]).unwrap();
    let s = 8.0 * 30.0 / 255.0 / 1.5_f64;
    let expected = s.exp() / (1.0 + s.exp() + (-s).exp());
    assert!((f64::from(found.classes[0].probability.at(9, 9)) - expected).abs() < 1e-6);
}

#[test]
fn a_precision_has_its_own_temperature() {
    if runtime_is_missing() {
        return;
    }
    let (_keep, folder) = with_manifest("unlike", |text| {
        let hash = Manifest::parse(&text).unwrap().model.sha256;
        let listed = format!(
            "name = \"f32\"\n[[precisions]]\nname = \"int8\"\nfile = \"model.onnx.q\"\nsha256 = \"{hash}\"\n\
             temperature = 4.0\nunlikeness_threshold = 0.6\nparity = {{ dice_drop = 0.001 }}"
        );
        text.replace("name = \"f32\"", &listed)
    });
    std::fs::copy(folder.join("model.onnx"), folder.join("model.onnx.q")).unwrap();
    let engine = Engine::open(&folder).unwrap();
    for (precision, temperature) in [(Precision::F32, 2.0), (Precision::Int8, 4.0)] {
        let precision = PrecisionChoice::Named(precision);
        let provider = ProviderChoice::Named(Provider::Cpu);
        let options = SessionOptions { precision, provider, ..SessionOptions::default() };
        let found = run(&mut Worker::new(&engine, &options).unwrap(), (64, 48), |_, _| [140]).unwrap();
        let p = f64::from(found.classes[0].probability.at(30, 20));
        assert!((p - sigmoid_of(140.0 / 255.0, temperature)).abs() < 1e-6, "{temperature}: {p}");
        assert!(found.unlikeness.is_some(), "fewer bits carry the second output too");
    }
}

#[test]
fn a_picture_unlike_the_training_data_is_told() {
    if runtime_is_missing() {
        return;
    }
    let mut one = worker(&model("unlike"));
    for (level, is_unlike) in [(0, false), (150, false), (156, true), (255, true)] {
        let unlikeness = run(&mut one, (64, 48), |_, _| [level]).unwrap().unlikeness.unwrap();
        assert_eq!(unlikeness.is_unlike(), is_unlike, "{level}: {unlikeness:?}");
        // The mean of some thousand numbers.
        assert!((unlikeness.score - f32::from(level) / 255.0).abs() < 1e-5 && unlikeness.threshold == 0.6);
    }
    let mut other = worker(&model("unlike-rgb"));
    let unlikeness = run(&mut other, (32, 32), |_, _| [10, 240, 10]).unwrap().unlikeness.unwrap();
    assert!(unlikeness.is_unlike(), "{unlikeness:?}");
    // An engine that says nothing of it has no number.
    assert!(run(&mut worker(&model("threshold")), (64, 48), |_, _| [255]).unwrap().unlikeness.is_none());
}

fn load_error(folder: &Path) -> String {
    let error = verify(&Engine::open(folder).unwrap(), &SessionOptions::default()).unwrap_err();
    assert_eq!(error.kind(), EngineErrorKind::BadEngine);
    error.to_string()
}

#[test]
fn a_second_output_that_is_none_is_an_error() {
    if runtime_is_missing() {
        return;
    }
    let named = |text: String, name: &str| {
        text.replace(
            "[output.unlikeness]\nname = \"unlikeness\"",
            &format!("[output.unlikeness]\nname = \"{name}\""),
        )
    };
    let (_keep, folder) = with_manifest("unlike", |text| named(text, "surprise"));
    let text = load_error(&folder);
    assert!(text.contains("'surprise'") && text.contains("'unlikeness'") && !text.contains('\n'), "{text}");
    // The mask is no number.
    let (_keep, folder) = with_manifest("unlike", |text| {
        named(text, "logits").replace("name = \"logits\"\nkind", "name = \"unlikeness\"\nkind")
    });
    let text = load_error(&folder);
    assert!(text.contains("has the shape"), "{text}");
    let (_keep, folder) = with_manifest("threshold", |text| {
        text.replace("\"sigmoid\"", "\"sigmoid\"\n[output.unlikeness]\nname = \"x\"\nthreshold = 1")
    });
    assert!(load_error(&folder).contains("export the model with it"));
}

/// A gray picture with a bright rectangle on a ramp.
fn rectangle(width: usize, height: usize) -> Picture {
    let inside =
        |x: usize, y: usize| (width / 4..width / 2).contains(&x) && (height / 3..2 * height / 3).contains(&y);
    let level = |x: usize, y: usize| if inside(x, y) { 230 } else { 20 + (60 * x / width) as u8 };
    let bytes = (0..width * height).map(|i| level(i % width, i / width)).collect();
    Picture { format: PixelFormat::Gray8, width, height, bytes }
}

#[test]
fn an_explanation_says_where_the_answer_comes_from() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker(&model("threshold"));
    let picture = rectangle(128, 72);
    let mut told = Vec::new();
    let mut tell = |done, total| told.push((done, total));
    let found = worker.explain(&picture.frame().unwrap(), (1, 1), None, &mut tell).unwrap();
    assert_eq!(told.len(), found.framings + found.spots);
    assert_eq!(told.last(), Some(&(told.len(), told.len())));
    let content = found.geometry.content;
    assert_eq!((content.width, content.height), (64, 36));
    // The rectangle is 16…32 by 12…24 of the content, which begins in row 6.
    let inside = |x: usize, y: usize| (17..31).contains(&x) && (19..29).contains(&y);
    let mean_of = |values: &[f32], keep: &dyn Fn(usize, usize) -> bool| {
        let kept: Vec<f32> = (0..64 * 48)
            .filter(|i| (6..42).contains(&(i / 64)) && keep(i % 64, i / 64))
            .map(|i| values[i])
            .collect();
        f64::from(kept.iter().sum::<f32>()) / kept.len() as f64
    };
    let far = |x: usize, y: usize| x > 44 || !(10..=37).contains(&y);
    assert!(mean_of(found.probability.values(), &inside) > 0.95);
    assert!(mean_of(found.mean.values(), &inside) > 0.9);
    // A threshold on brightness is sure of itself however the picture is framed, but for the edge.
    assert!(mean_of(found.spread.values(), &inside) < 0.05 && mean_of(found.spread.values(), &far) < 0.02);
    assert!(found.steadiness > 0.9, "{}", found.steadiness);
    let (in_it, far_from_it) =
        (mean_of(found.importance.values(), &inside), mean_of(found.importance.values(), &far));
    assert!(in_it > 20.0 * far_from_it.max(1e-6), "{in_it} in it, {far_from_it} far from it");
    for map in [&found.probability, &found.mean, &found.spread, &found.importance] {
        assert!((0..64).all(|x| map.at(x, 3) == 0.0), "outside the content there is nothing");
    }
    let error = worker.explain(&picture.frame().unwrap(), (1, 1), Some("dark"), &mut |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "engine 'threshold' has no structure 'dark': it has bright");
}

#[test]
fn a_class_is_explained_by_name_or_the_largest_is() {
    if runtime_is_missing() {
        return;
    }
    let mut worker = worker(&model("rgb-softmax"));
    let red = |x: usize, y: usize| (4..12).contains(&x) && (4..12).contains(&y);
    let blue = |x: usize, y: usize| (14..30).contains(&x) && (8..30).contains(&y);
    let bytes: Vec<u8> = (0..32 * 32)
        .flat_map(|i| match (i % 32, i / 32) {
            (x, y) if red(x, y) => [230, 20, 20],
            (x, y) if blue(x, y) => [20, 20, 230],
            _ => [90, 90, 90],
        })
        .collect();
    let frame = Frame::new(PixelFormat::Rgb, 32, 32, &[(&bytes, 96)]).unwrap();
    let explain = |worker: &mut Worker, name| worker.explain(&frame, (1, 1), name, &mut |_, _| {}).unwrap();
    assert_eq!(explain(&mut worker, None).class.class.name, "blue");
    let found = explain(&mut worker, Some("red"));
    assert!(
        found.class.class.name == "red"
            && found.probability.at(8, 8) > 0.9
            && found.probability.at(20, 20) < 0.1
    );
}

fn at(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[test]
fn a_stored_sample_comes_out_again_and_a_changed_one_is_told() {
    if runtime_is_missing() {
        return;
    }
    let (_keep, folder) = with_manifest("threshold", |text| text);
    let engine = Engine::open(&folder).unwrap();
    let options = SessionOptions::default();
    assert_eq!(sample::check(&engine, &options).unwrap(), None);
    let pictures = tempfile::tempdir().unwrap();
    rectangle(96, 64).write(&at(pictures.path(), "one.png")).unwrap();
    rectangle(200, 90).write(&at(pictures.path(), "two.png")).unwrap();
    // Brightness of exactly a half all over: no pixel is sure of its side.
    let bytes = [127, 128].repeat(32 * 24);
    let even = Picture { format: PixelFormat::Gray8, width: 64, height: 24, bytes };
    even.write(&at(pictures.path(), "even.png")).unwrap();
    let paths = ["one.png", "two.png", "even.png"].map(|name| at(pictures.path(), name));
    let firm = sample::store(&engine, &paths, None).unwrap();
    assert!(firm.names.starts_with(&["one".to_owned(), "two".to_owned()]), "{firm:?}");
    let report = sample::check(&engine, &options).unwrap().unwrap();
    assert!(report.passes() && report.pictures.iter().all(|p| p.differing_px == 0), "{report:?}");

    let mask = at(&folder, "sample/two.mask.png");
    let mut stored = Picture::read(&mask).unwrap();
    assert!(stored.bytes.contains(&1) && stored.bytes.contains(&0));
    stored.bytes[7] ^= 1;
    stored.write(&mask).unwrap();
    let report = sample::check(&engine, &options).unwrap().unwrap();
    assert!(!report.passes(), "one pixel of one mask is enough");
    assert_eq!(report.worst().map(|p| (p.name.as_str(), p.differing_px)), Some(("two.png", 1)));
    let SampleError { path, .. } = {
        std::fs::remove_file(&mask).unwrap();
        match sample::check(&engine, &options).unwrap_err() {
            EngineError::Sample(error) => error,
            other => panic!("{other}"),
        }
    };
    assert_eq!(path, mask);
    // Storing anew takes the old ones away.
    sample::store(&engine, &paths[..1], None).unwrap();
    assert_eq!(sample::pictures(&engine).unwrap(), [at(&folder, "sample/one.png")]);
}
