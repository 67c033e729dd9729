//! Imports: models of other frameworks' habits, each of which says in its weights how its pictures must be prepared, so
//! that the right interpretation is known.

use std::path::PathBuf;

use vesalius_engine::import::cell::{Cell, best};
use vesalius_engine::import::interpretation::{self, Interpretation, PictureFacts};
use vesalius_engine::import::npy::Array;
use vesalius_engine::import::parity::Verdict;
use vesalius_engine::import::trial::Trial;
use vesalius_engine::import::write::{Identity, Staged};
use vesalius_engine::import::{self, Said};
use vesalius_engine::manifest::{Element, Layout, Modality, OutputKind};
use vesalius_engine::{Engine, SessionOptions, Worker};
use vesalius_measure::frame::{Frame, PixelFormat};

use crate::model;
use crate::models::{run, runtime_is_missing};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/import_models").join(format!("{name}.onnx"))
}

/// 96×48 pixels of grey with a red disc and a smaller blue one.
fn picture() -> Vec<u8> {
    let pixel = |x: f64, y: f64| {
        if (x - 25.0).hypot(y - 24.0) < 15.0 {
            [200, 40, 50]
        } else if (x - 70.0).hypot(y - 20.0) < 9.0 {
            [40, 50, 190]
        } else {
            [110, 105, 100]
        }
    };
    (0..96 * 48).flat_map(|at| pixel(f64::from(at % 96), f64::from(at / 96))).collect()
}

fn frame(picture: &[u8]) -> Frame<'_> {
    Frame::new(PixelFormat::Rgb, 96, 48, &[(picture, 3 * 96)]).unwrap()
}

fn trial(name: &str, said: &Said) -> Result<(Trial, Vec<String>), String> {
    let mut warnings = Vec::new();
    let read = import::read(&file(name)).map_err(|error| error.to_string())?;
    let picture = picture();
    let trial = Trial::new(read, said, &SessionOptions::default(), Some(&frame(&picture)), &mut warnings);
    Ok((trial.map_err(|error| error.to_string())?, warnings))
}

fn cells(trial: &mut Trial, said: &Said, reference: Option<&Array>) -> (Vec<Interpretation>, Vec<Cell>) {
    let facts = PictureFacts { aspect: 2.0, is_gray: false };
    let all = interpretation::all(trial.input(), said, Some(facts), &mut Vec::new());
    let picture = picture();
    let cells = trial.cells(&all, &frame(&picture), reference, |_| {}).unwrap();
    (all, cells)
}

fn identity() -> Identity {
    Identity {
        name: "mine".to_owned(),
        version: "1".to_owned(),
        description: "Red and blue".to_owned(),
        modality: Modality::Endoscopy,
        licence: "MIT".to_owned(),
        protocol: "generic".to_owned(),
    }
}

/// What the model's makers would have got: the picture prepared as its weights ask.
fn reference_of(trial: &mut Trial, all: &[Interpretation], caption: &str) -> Array {
    let engine = tempfile::tempdir().unwrap();
    let chosen = all.iter().find(|way| way.caption() == caption).unwrap();
    let manifest = trial.manifest(&identity(), chosen);
    let staged = Staged::write(&engine.path().join("mine"), &manifest, &trial.file().bytes).unwrap();
    let mut worker = Worker::new(&Engine::open(staged.path()).unwrap(), &SessionOptions::default()).unwrap();
    let picture = picture();
    let found = worker.process(&frame(&picture), (1, 1)).unwrap();
    let maps: Vec<&[f32]> = found.classes.iter().map(|class| class.probability.values()).collect();
    let pixels = maps[0].len();
    // Channels last, background first.
    let values = (0..pixels).flat_map(|at| {
        let own: Vec<f64> = maps.iter().map(|map| f64::from(map[at])).collect();
        std::iter::once(1.0 - own.iter().sum::<f64>()).chain(own)
    });
    Array { shape: vec![1, 48, 64, 3], values: values.collect(), is_whole: false }
}

#[test]
fn a_reference_finds_the_one_right_way() {
    if runtime_is_missing() {
        return;
    }
    let said = Said { classes: vec!["red".to_owned(), "blue".to_owned()], ..Said::default() };
    let (mut keras, warnings) = trial("bgr-imagenet-nhwc", &said).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let (input, output) = (keras.input().clone(), keras.output().clone());
    assert_eq!(
        (input.layout, input.element, input.width, input.height),
        (Layout::Nhwc, Element::F32, 64, 48)
    );
    assert_eq!((output.layout, output.kind, output.channels), (Layout::Nhwc, OutputKind::Probabilities, 3));
    let (all, found) = cells(&mut keras, &said, None);
    assert_eq!((all.len(), found.len()), (18, 18));
    // A wrong order of colours takes red for blue, and a wrong normalisation loses both.
    let shares = |caption: &str| {
        let cell = found.iter().find(|cell| cell.interpretation.caption() == caption).unwrap();
        let figures = cell.result.as_ref().unwrap().figures;
        (figures.shares[0], figures.shares[1])
    };
    let (red, blue) = shares("BGR · imagenet · stretch");
    // Discs of 15 and 9 pixels' radius in 96×48.
    assert!((red - 0.153).abs() < 0.02 && (blue - 0.055).abs() < 0.02, "{red} {blue}");
    let (wrong_red, wrong_blue) = shares("RGB · imagenet · stretch");
    assert!((wrong_red - blue).abs() < 0.02 && (wrong_blue - red).abs() < 0.02, "{wrong_red} {wrong_blue}");

    for right in ["BGR · imagenet · stretch", "BGR · imagenet · letterbox"] {
        let reference = reference_of(&mut keras, &all, right);
        let (_, compared) = cells(&mut keras, &said, Some(&reference));
        let nearest = best(&compared).unwrap();
        assert_eq!(nearest.interpretation.caption(), right);
        let verdicts: Vec<_> = compared.iter().map(|cell| cell.difference.unwrap().verdict()).collect();
        let same = verdicts.iter().filter(|verdict| **verdict == Verdict::Same).count();
        // A letterbox's border counts as background in results, whatever the model says there.
        if right.ends_with("stretch") {
            assert_eq!((same, nearest.difference.unwrap().verdict()), (1, Verdict::Same), "{verdicts:?}");
        }
    }
}

#[test]
fn an_imported_engine_runs_as_any_other() {
    if runtime_is_missing() {
        return;
    }
    let said = Said { size: Some((64, 32)), ..Said::default() };
    // Free size, channels last in and first out.
    let (trial, warnings) = trial("rgb-signed-free", &said).unwrap();
    assert_eq!(warnings.len(), 1, "only the names are missing: {warnings:?}");
    let way = interpretation::all(trial.input(), &said, None, &mut Vec::new())
        .into_iter()
        .find(|way| way.caption() == "RGB · signed · stretch")
        .unwrap();
    let manifest = trial.manifest(&identity(), &way);
    assert_eq!((manifest.input.layout, manifest.output.layout), (Layout::Nhwc, Some(Layout::Nchw)));
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("mine");
    let staged = Staged::write(&target, &manifest, &trial.file().bytes).unwrap();
    let mut worker = Worker::new(&Engine::open(staged.path()).unwrap(), &SessionOptions::default()).unwrap();
    let picture = picture();
    let found = worker.process(&frame(&picture), (1, 1)).unwrap();
    let [red, blue] = found.classes.as_slice() else { panic!("{} classes", found.classes.len()) };
    assert_eq!((red.contours.len(), blue.contours.len()), (1, 1));
    let area = red.contours[0].area_px2;
    let exact = std::f64::consts::PI * 15.0 * 15.0;
    assert!((area / exact - 1.0).abs() < 0.06, "{area} for {exact}");
    staged.place().unwrap();
    assert!(target.join("model.onnx").is_file());
    // A second import keeps the old manifest.
    Staged::write(&target, &manifest, &trial.file().bytes).unwrap().place().unwrap();
    assert!(target.join("manifest.toml.old").is_file());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn weights_beside_a_model_are_taken_in() {
    if runtime_is_missing() {
        return;
    }
    let read = import::read(&file("external")).unwrap();
    assert_eq!(read.taken_in, ["external.weights"]);
    let (trial, _) = trial("external", &Said::default()).unwrap();
    assert_eq!((trial.output().kind, trial.file().facts.external_files.len()), (OutputKind::Logits, 0));

    // Missing, too short, or somewhere else.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("external.onnx");
    std::fs::copy(file("external"), &copy).unwrap();
    let error = import::read(&copy).unwrap_err().to_string();
    assert!(error.contains("'external.weights'") && !error.contains('\n'), "{error}");
    std::fs::write(folder.path().join("external.weights"), [0; 7]).unwrap();
    let error = import::read(&copy).unwrap_err().to_string();
    assert!(error.contains("ends before"), "{error}");
    let bytes = std::fs::read(&copy).unwrap();
    let at = bytes.windows(16).position(|part| part == b"external.weights").unwrap();
    let mut elsewhere = bytes.clone();
    elsewhere[at..at + 16].copy_from_slice(b"../../etc/passwd");
    std::fs::write(&copy, elsewhere).unwrap();
    let error = import::read(&copy).unwrap_err().to_string();
    assert!(error.contains("does not lie beside"), "{error}");
}

#[test]
fn what_cannot_be_an_engine_says_why_in_one_line() {
    if runtime_is_missing() {
        return;
    }
    let nothing = Said::default();
    let two = Said {
        classes: vec!["a".to_owned(), "b".to_owned()],
        output: Some("main".to_owned()),
        ..Said::default()
    };
    for (name, said, words) in [
        ("three-outputs", &nothing, &["'main'", "'aux'", "--output"][..]),
        ("three-outputs", &two, &["one channel", "2 names"]),
        ("sigmoids", &nothing, &["do not add up to 1"]),
        ("half-size", &nothing, &["'small' [1, 1, 24, 32]", "64x48"]),
        ("custom-operators", &nothing, &["com.example:Outline", "com.example:Sharpen"]),
        ("opset-99", &nothing, &["opset 99", "too new"]),
        ("ir-99", &nothing, &["IR version 99"]),
        ("two-inputs", &nothing, &["several inputs", "'other'"]),
        ("no-such-file", &nothing, &["cannot be read"]),
    ] {
        let error = trial(name, said).map(|_| ()).unwrap_err();
        assert!(words.iter().all(|word| error.contains(word)), "{name}: {error}");
        assert!(!error.contains('\n') && !error.contains("onnxruntime_src"), "{name}: {error}");
    }
    assert!(import::read(&model("corrupt").join("model.onnx")).is_err());
    assert!(import::read(&file("quantised")).unwrap().facts.is_quantised());
    let named = Said { output: Some("main".to_owned()), ..Said::default() };
    assert!(trial("three-outputs", &named).is_ok());
}

#[test]
fn bytes_and_half_floats_give_what_they_should() {
    if runtime_is_missing() {
        return;
    }
    let worker =
        |name: &str| Worker::new(&Engine::open(&model(name)).unwrap(), &SessionOptions::default()).unwrap();
    // Bytes as they are: 101 is above 100 and 100 is not.
    let mut bytes = worker("u8-labels");
    let found = run(&mut bytes, (30, 20), |x, _| {
        if x < 10 {
            [101, 0, 0]
        } else if x < 20 {
            [100, 0, 101]
        } else {
            [100, 0, 100]
        }
    });
    let found = found.unwrap();
    for (x, expected) in [(5, [1.0, 0.0]), (15, [0.0, 1.0]), (25, [0.0, 0.0])] {
        for (class, expected) in found.classes.iter().zip(expected) {
            assert_eq!(class.probability.at(x, 10), expected, "{x} {}", class.class.name);
        }
    }
    let engine = Engine::open(&model("f16")).unwrap();
    assert_eq!(engine.identity().precision, "f16");
    let mut half = worker("f16");
    let found = run(&mut half, (64, 48), |x, _| [(x * 4) as u8]).unwrap();
    for x in [0_usize, 20, 31, 33, 60] {
        let exact = 1.0 / (1.0 + (-20.0 * ((x * 4) as f64 / 255.0 - 0.5)).exp());
        // Eleven bits of a value near 1/2, times 20.
        let got = f64::from(found.classes[0].probability.at(x, 20));
        assert!((got - exact).abs() < 5e-3, "{x}: {got} for {exact}");
    }
    // Numbers of another kind than the manifest says are refused.
    let (_keep, folder) = crate::models::with_manifest("f16", |text| text.replace("element = \"f16\"", ""));
    let error =
        Worker::new(&Engine::open(&folder).unwrap(), &SessionOptions::default()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("f16"), "{error}");
}
