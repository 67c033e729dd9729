//! Engines on this provider or that. What needs a GPU says so and passes where there is none; what must happen without
//! one is tested where there is none.
#![allow(unsafe_code)] // Sessions are bound to memory of the test's own.

use std::path::Path;

use vesalius_engine::binding::{BoundSession, TensorPlace};
use vesalius_engine::engine::verify;
use vesalius_engine::manifest::{Manifest, Precision};
use vesalius_engine::provider::build::{self, BuildStep};
use vesalius_engine::provider::choose::ProviderError;
use vesalius_engine::provider::options::{self, GpuOptions, Profile, Stream};
use vesalius_engine::provider::plan::wrap;
use vesalius_engine::provider::probe::{availability, driver};
use vesalius_engine::provider::trust::{TrustError, TrustList};
use vesalius_engine::session::{OutputValues, Session};
use vesalius_engine::{
    Engine, EngineError, EngineErrorKind, PrecisionChoice, Provider, ProviderChoice, SessionOptions, Standby,
    Worker, runtime,
};

use crate::model;
use crate::models::{run, runtime_is_missing, with_manifest};

fn on(provider: Provider) -> SessionOptions {
    SessionOptions { provider: ProviderChoice::Named(provider), ..SessionOptions::default() }
}

fn open(name: &str) -> Engine {
    Engine::open(&model(name)).unwrap()
}

#[test]
fn a_gpu_that_is_named_and_missing_is_an_error_that_says_what_to_do() {
    if runtime_is_missing() || driver(0).is_ok() {
        return;
    }
    for provider in [Provider::Cuda, Provider::TensorRt] {
        let error = Worker::new(&open("threshold"), &on(provider)).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), EngineErrorKind::Backend);
        let text = error.to_string();
        assert!(text.starts_with(&format!("backend {provider} cannot run here: ")), "{text}");
        assert!(text.contains("NVIDIA driver") && text.contains("install the driver"), "{text}");
        assert!(text.ends_with("or choose auto or cpu") && !text.contains('\n'), "{text}");
        // Compiling ahead needs the GPU too, or is not done at all.
        let error = build::build(&open("threshold"), provider, &on(provider), &mut |_| {}).unwrap_err();
        let expected =
            if provider == Provider::Cuda { "nothing is compiled ahead for cuda" } else { "NVIDIA driver" };
        assert!(error.to_string().contains(expected), "{error}");
        let found = availability(provider, None, 0).unwrap();
        assert!(!found.works() && found.gpu.is_none() && found.tensorrt.is_none(), "{found:?}");
    }
    let found = availability(Provider::Cpu, None, 0).unwrap();
    assert!(found.works() && found.offered, "{found:?}");
}

#[test]
fn auto_takes_what_there_is_and_says_why() {
    if runtime_is_missing() {
        return;
    }
    let engine = open("threshold");
    let worker = Worker::new(&engine, &SessionOptions::default()).unwrap();
    let taken = worker.selection();
    if driver(0).is_err() {
        assert_eq!((taken.provider, taken.precision), (Provider::Cpu, Precision::F32));
        assert!(
            taken.why.starts_with("not tensorrt or cuda: ") && taken.why.contains("NVIDIA driver"),
            "{}",
            taken.why
        );
    }
    assert_eq!(&engine.select(&SessionOptions::default()).unwrap(), taken);
    let identity = engine.identity_on(taken);
    assert_eq!(identity.backend, taken.provider.backend());
    // The choice, once made, is what the next session is asked for.
    let pinned = SessionOptions::default().on(taken);
    let again = Worker::new(&engine, &pinned).unwrap();
    assert_eq!((again.selection().provider, again.selection().why.as_str()), (taken.provider, "asked for"));
}

#[test]
fn a_precision_runs_its_own_file() {
    if runtime_is_missing() {
        return;
    }
    // The model as it is stands for a quantised one: what counts is which file is read.
    let (_keep, folder) = with_manifest("threshold", |text| {
        let hash = Manifest::parse(&text).unwrap().model.sha256;
        let listed = format!(
            "name = \"f32\"\n[[precisions]]\nname = \"int8\"\nfile = \"q.onnx\"\nsha256 = \"{hash}\"\n\
             parity = {{ dice_drop = 0.001 }}"
        );
        text.replace("name = \"f32\"", &listed)
    });
    let engine = Engine::open(&folder).unwrap();
    let options = SessionOptions { precision: PrecisionChoice::Named(Precision::Int8), ..on(Provider::Cpu) };
    let error = verify(&engine, &options).unwrap_err().to_string();
    assert!(error.contains("q.onnx"), "{error}");
    std::fs::copy(folder.join("model.onnx"), folder.join("q.onnx")).unwrap();
    std::fs::remove_file(folder.join("model.onnx")).unwrap();
    let seen = verify(&engine, &options).unwrap();
    assert_eq!(seen.selection.precision, Precision::Int8);
    assert_eq!(engine.identity_on(&seen.selection).precision, "int8");
    assert!(verify(&engine, &on(Provider::Cpu)).unwrap_err().to_string().contains("model.onnx"));
    std::fs::write(folder.join("q.onnx"), "changed").unwrap();
    assert!(matches!(verify(&engine, &options), Err(EngineError::HashMismatch { .. })));
    let half = SessionOptions { precision: PrecisionChoice::Named(Precision::F16), ..on(Provider::Cpu) };
    let error = verify(&engine, &half).unwrap_err();
    assert!(matches!(error, EngineError::Provider(ProviderError::Precision { .. })), "{error}");
}

/// ONNX Runtime reads the model that a plan is wrapped in, knows its operator and whose it is, and misses nothing but who
/// runs it.
#[test]
fn a_wrapped_plan_is_a_model_to_onnx_runtime() {
    if runtime_is_missing() {
        return;
    }
    let (_keep, folder) = with_manifest("rgb-softmax", |text| text);
    let manifest = Manifest::read(&folder.join("manifest.toml")).unwrap();
    let wrapped = wrap(b"ftrt, but not by TensorRT", &manifest, Some((8, 9))).unwrap();
    std::fs::write(folder.join("model.onnx"), &wrapped).unwrap();
    let hash = sha256(&folder.join("model.onnx"));
    let text = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    std::fs::write(folder.join("manifest.toml"), text.replace(&manifest.model.sha256, &hash)).unwrap();
    let engine = Engine::open(&folder).unwrap();
    let error = Worker::new(&engine, &on(Provider::Cpu)).map(|_| ()).unwrap_err();
    assert!(matches!(error, EngineError::ModelLoad { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("EPContext"), "{text}");
    // Older ones say that nobody implements the operator, newer ones read who made the node.
    assert!(text.contains("implementation") || text.contains("'TensorrtExecutionProvider'"), "{text}");
}

/// Every option that is set is one that the provider's library knows by that name: it stands in the file. Where the ONNX
/// Runtime that is loaded has no such library beside it there is nothing to compare with.
#[test]
fn options_are_those_that_the_providers_know() {
    if runtime_is_missing() {
        return;
    }
    let library = runtime::load(None).unwrap().path.clone();
    let gpu = GpuOptions {
        // SAFETY: no session is made with it.
        stream: Some(unsafe { Stream::from_raw(std::ptr::without_provenance_mut(16)) }),
        ..GpuOptions::default()
    };
    let profile = Profile { input: "image".to_owned(), shape: vec![1] };
    let build =
        options::tensorrt_build(&gpu, Precision::Int8, Some(&profile), Path::new("a"), Path::new("b"));
    let mut tensorrt = options::tensorrt(&gpu);
    tensorrt.extend(build);
    for (file, map) in [
        ("libonnxruntime_providers_cuda.so", options::cuda(&gpu)),
        ("libonnxruntime_providers_tensorrt.so", tensorrt),
    ] {
        let Ok(bytes) = std::fs::read(library.with_file_name(file)) else {
            println!("skipped: there is no {file} beside {}", library.display());
            continue;
        };
        let texts: std::collections::HashSet<&[u8]> =
            bytes.split(|byte| *byte == 0).filter(|text| text.len() < 64).collect();
        for key in map.keys() {
            // Linkers keep a text that ends another inside that one.
            let is_known = texts.iter().any(|text| text.ends_with(key.as_bytes()));
            assert!(is_known, "{file} does not know '{key}'");
        }
    }
}

fn sha256(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_plan_that_nobody_vouches_for_is_refused_before_all_else() {
    let engine = open("threshold");
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("mine.plan");
    std::fs::write(&plan, b"ftrt 0123456789").unwrap();
    let list = folder.path().join("trusted-plans.txt");
    std::fs::write(&list, format!("{}  mine.plan\n", sha256(&plan))).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(&list, mode(0o644)).unwrap();
    let trusted = TrustList::read(&list).unwrap();
    let (model, hash) = build::wrap(&engine, &plan, Precision::F16, &trusted, None).unwrap();
    assert_eq!(hash, sha256(&plan));
    assert!(model.windows(15).any(|part| part == b"ftrt 0123456789"));

    std::fs::write(&plan, b"ftrt 0123456788").unwrap();
    let error = build::wrap(&engine, &plan, Precision::F16, &trusted, None).unwrap_err();
    assert!(matches!(error, ProviderError::Trust(TrustError::Unknown { .. })), "{error}");
    let mut steps = Vec::new();
    let mut tell = |step: BuildStep| steps.push(step);
    let error =
        build::import(&engine, &plan, Precision::F16, &SessionOptions::default(), &trusted, &mut tell)
            .unwrap_err();
    assert!(error.to_string().contains("is not trusted: a plan is code"), "{error}");
    assert!(steps.is_empty());
    let none = folder.path().join("none.plan");
    let error = build::wrap(&engine, &none, Precision::F16, &trusted, None).unwrap_err();
    assert!(matches!(error, ProviderError::PlanFile { .. }), "{error}");
}

/// Where tensors lie when they are bound: on the processor in two vectors, by the code that binds a GPU's memory.
#[test]
fn bound_tensors_are_read_and_written_where_they_lie() {
    if runtime_is_missing() {
        return;
    }
    for (name, inputs, outputs) in
        [("threshold", 48 * 64, 48 * 64), ("rgb-softmax", 3 * 32 * 32, 3 * 32 * 32)]
    {
        let engine = open(name);
        let mut input: Vec<f32> = vec![0.25; inputs];
        let mut output: Vec<f32> = vec![f32::NAN; outputs];
        let place = |values: &mut Vec<f32>| TensorPlace {
            address: values.as_mut_ptr().expose_provenance(),
            bytes: values.len() * 4,
        };
        let (at, to) = (place(&mut input), place(&mut output));
        // SAFETY: two vectors that outlive the session, aligned for f32, used between runs only.
        let mut bound = unsafe { BoundSession::load(&engine, &on(Provider::Cpu), at, to, None) }.unwrap();
        assert_eq!(bound.selection().provider, Provider::Cpu);
        let mut session = Session::load(&engine, &on(Provider::Cpu)).unwrap();
        for round in 0..3_u32 {
            for (i, value) in input.iter_mut().enumerate() {
                *value = ((i as u32 * 37 + round * 101) % 256) as f32 / 255.0;
            }
            output.fill(f32::NAN);
            bound.run().unwrap();
            let expected = session.run(&input).unwrap();
            let OutputValues::F32(expected) = expected.values().unwrap() else { panic!() };
            assert_eq!(output, expected, "{name} {round}");
        }
        drop(bound);
        let small = TensorPlace { bytes: inputs * 4 - 1, ..at };
        // SAFETY: as above; it is refused.
        let error = unsafe { BoundSession::load(&engine, &on(Provider::Cpu), small, to, None) }.unwrap_err();
        assert!(matches!(error, EngineError::TensorLength { .. }), "{error}");
    }
    // The second output has a place of its own, whatever its shape, and may be left out.
    for (name, inputs, outputs) in [("unlike", 48 * 64, 48 * 64), ("unlike-rgb", 3 * 32 * 32, 3 * 32 * 32)] {
        let engine = open(name);
        let (mut input, mut output) = (vec![0.25_f32; inputs], vec![f32::NAN; outputs]);
        let mut score = vec![f32::NAN; 1];
        let place = |values: &mut Vec<f32>| TensorPlace {
            address: values.as_mut_ptr().expose_provenance(),
            bytes: values.len() * 4,
        };
        let (at, to, number) = (place(&mut input), place(&mut output), place(&mut score));
        // SAFETY: three vectors that outlive the session, aligned for f32, used between runs only.
        let bound = unsafe { BoundSession::load(&engine, &on(Provider::Cpu), at, to, Some(number)) };
        let mut bound = bound.unwrap();
        for level in [0.25_f32, 0.875] {
            input.fill(level);
            (output[0], score[0]) = (f32::NAN, f32::NAN);
            bound.run().unwrap();
            assert!((score[0] - level).abs() < 1e-6 && output[0].is_finite(), "{name}: {score:?}");
        }
        drop(bound);
        // SAFETY: as above.
        let bound = unsafe { BoundSession::load(&engine, &on(Provider::Cpu), at, to, None) };
        bound.unwrap().run().unwrap();
        let none = TensorPlace { bytes: 3, ..number };
        // SAFETY: as above; it is refused.
        let error =
            unsafe { BoundSession::load(&engine, &on(Provider::Cpu), at, to, Some(none)) }.unwrap_err();
        assert!(matches!(error, EngineError::TensorLength { expected: 1, .. }), "{error}");
    }
    // Labels are written as what they are.
    let engine = open("labels");
    let (mut input, mut labels) = (vec![0.5_f32; 256], vec![-1_i64; 256]);
    let at = TensorPlace { address: input.as_mut_ptr().expose_provenance(), bytes: 1024 };
    let to = TensorPlace { address: labels.as_mut_ptr().expose_provenance(), bytes: 2048 };
    // SAFETY: as above.
    let bound = unsafe { BoundSession::load(&engine, &on(Provider::Cpu), at, to, None) };
    let mut bound = bound.unwrap();
    bound.run().unwrap();
    assert!(labels.iter().all(|label| (0..=2).contains(label)), "{:?}", &labels[..8]);
}

#[test]
fn the_old_worker_serves_until_the_new_one_is_ready() {
    if runtime_is_missing() {
        return;
    }
    let options = on(Provider::Cpu);
    let mut serving = Worker::new(&open("threshold"), &options).unwrap();
    let mut standby = Standby::start(&open("nhwc-probabilities"), &options).unwrap();
    let mut served = 0;
    let next = loop {
        let found = run(&mut serving, (64, 48), |x, _| [if x < 32 { 230 } else { 25 }]).unwrap();
        assert_eq!(found.classes[0].contours.len(), 1);
        served += 1;
        if let Some(made) = standby.take() {
            break made.unwrap();
        }
    };
    assert!(served >= 1);
    serving = next;
    let found = run(&mut serving, (40, 24), |x, _| [255, 0, (x * 6) as u8]).unwrap();
    assert!((found.classes[0].probability.at(20, 11) - 120.0 / 255.0).abs() < 1e-6);
    assert!(standby.take().is_none(), "a worker is handed over once");
    // One that cannot be made, or gives nonsense when it is tried, says so and leaves the old one alone.
    for bad in ["corrupt", "nan"] {
        assert!(Standby::start(&open(bad), &options).unwrap().wait().is_err(), "{bad}");
    }
    assert!(run(&mut serving, (40, 24), |_, _| [0, 0, 9]).is_ok());
}
