//! Compiling an engine ahead for TensorRT on this GPU, and taking in what `trtexec` compiled.

use std::path::Path;

use super::Provider;
use super::cache::{BuildKey, Built, EngineCache, Entry};
use super::choose::{ProviderError, precision, require};
use super::options::{self, Profile};
use super::plan;
use super::probe::Availability;
use super::trust::TrustList;
use crate::engine::Engine;
use crate::error::{EngineError, one_line};
use crate::manifest::{Manifest, Precision};
use crate::runtime;
use crate::session::{self, Session, SessionOptions};

/// Where a build stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildStep {
    /// TensorRT compiles: seconds to many minutes, and it does not say how far it is.
    Compiling,
    /// What was compiled is run.
    Trying,
}

/// The key of a build made here and now.
///
/// # Errors
///
/// [`ProviderError::Precision`] where the engine has no model to build from.
pub fn key_here(
    manifest: &Manifest,
    precision: Precision,
    found: &Availability,
) -> Result<BuildKey, ProviderError> {
    let provider = found.provider;
    // TensorRT makes f16 of the f32 model.
    let source = if precision == Precision::F16 { Precision::F32 } else { precision };
    let (_, sha256) = manifest.model_file(source).ok_or_else(|| ProviderError::Precision {
        engine: manifest.engine.name.clone(),
        precision,
        provider,
        problem: "its manifest names no file for it",
    })?;
    let unknown = || "unknown".to_owned();
    let gpu = found.gpu.as_ref();
    Ok(BuildKey {
        model_sha256: sha256.to_owned(),
        provider,
        precision,
        onnxruntime: runtime::loaded().map_or_else(unknown, |runtime| runtime.version.clone()),
        tensorrt: found.tensorrt.clone().unwrap_or_else(unknown),
        cuda: found.cuda.clone().unwrap_or_else(unknown),
        gpu: gpu.map_or_else(unknown, |gpu| gpu.name.clone()),
        compute_capability: gpu.map_or_else(unknown, |gpu| {
            let (major, minor) = gpu.compute_capability;
            format!("{major}.{minor}")
        }),
        plan_sha256: None,
    })
}

/// Whether a build fits this machine, and how it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildState {
    /// It is what would be loaded.
    Current,
    /// Something that it depends on has changed; it is not loaded.
    Stale {
        /// What differs.
        differences: Vec<String>,
    },
    /// The provider does not run here, so nothing can be said.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// Compares a build with what would be built now. `manifest` is that of its engine, `None` where that is gone.
pub fn state(built: &Built, manifest: Option<&Manifest>, found: &Availability) -> BuildState {
    let Some(manifest) = manifest else {
        return BuildState::Stale { differences: vec!["its engine is gone".to_owned()] };
    };
    if !found.works() {
        let why =
            found.obstacles.iter().map(|obstacle| obstacle.what.as_str()).collect::<Vec<_>>().join(", ");
        return BuildState::Unknown { why };
    }
    match key_here(manifest, built.key.precision, found) {
        Ok(now) if now.digest() == built.key.digest() => BuildState::Current,
        Ok(now) => BuildState::Stale { differences: built.key.differences(&now) },
        Err(error) => BuildState::Stale { differences: vec![error.to_string()] },
    }
}

/// Compiles an engine for TensorRT on this GPU into the user's cache, and runs it there before it is shown.
///
/// # Errors
///
/// [`EngineError::Provider`] where the provider cannot run here, there is nothing to compile for it, or TensorRT does
/// not take the whole model; and whatever stops the engine from being used.
pub fn build(
    engine: &Engine,
    provider: Provider,
    options: &SessionOptions,
    tell: &mut dyn FnMut(BuildStep),
) -> Result<Entry, EngineError> {
    if !provider.compiles_ahead() {
        return Err(ProviderError::NothingToBuild { provider }.into());
    }
    let precision = precision(engine.manifest(), provider, options.precision)?;
    let found = require(provider, options.runtime.as_deref(), options.gpu.device)?;
    let key = key_here(engine.manifest(), precision, &found)?;
    EngineCache::standard().map_err(ProviderError::from)?.build(engine.name(), &key, |folder, timing| {
        tell(BuildStep::Compiling);
        let model = compile(engine, precision, options, folder, timing)?;
        tell(BuildStep::Trying);
        Session::from_compiled(engine, &model, precision, options)?;
        Ok(model)
    })
}

/// Lets TensorRT compile a model, the result in `folder`.
fn compile(
    engine: &Engine,
    precision: Precision,
    options: &SessionOptions,
    folder: &Path,
    timing: &Path,
) -> Result<Vec<u8>, EngineError> {
    let failed = |message: &str| ProviderError::Build {
        engine: engine.name().to_owned(),
        precision,
        message: one_line(message),
    };
    let source = if precision == Precision::F16 { Precision::F32 } else { precision };
    let bytes = engine.model_bytes(source)?;
    let input = &engine.manifest().input;
    let free = plan::has_free_axes(&bytes, &input.name).map_err(|error| failed(&error.to_string()))?;
    let profile = free.unwrap_or(false).then(|| Profile {
        input: input.name.clone(),
        shape: session::input_shape(engine.manifest()).to_vec(),
    });
    let context = folder.join("context.onnx");
    let map = options::tensorrt_build(&options.gpu, precision, profile.as_ref(), &context, timing);
    let environment = runtime::environment(options.runtime.as_deref())?;
    // No other provider is there to take what TensorRT leaves: the whole model or nothing.
    let built = session::build(environment, &bytes, options, Some(options::tensorrt_provider(&map)), true);
    drop(built.map_err(|error| failed(error.message()))?);
    let model = std::fs::read(&context)
        .map_err(|_| failed("TensorRT did not take the whole model, or could not write what it compiled"))?;
    plan::unwrap(&model).map_err(|error| failed(&error.to_string()))?;
    Ok(model)
}

/// Wraps a plan of `trtexec` for an engine, without a GPU: what [`import`] puts into the cache.
///
/// # Errors
///
/// [`ProviderError::Trust`] for a plan that neither the engine's manifest nor `trusted` has, [`ProviderError::Plan`] for
/// what is none, [`ProviderError::PlanFile`].
pub fn wrap(
    engine: &Engine,
    path: &Path,
    precision: Precision,
    trusted: &TrustList,
    compute_capability: Option<(i32, i32)>,
) -> Result<(Vec<u8>, String), ProviderError> {
    let bytes =
        std::fs::read(path).map_err(|source| ProviderError::PlanFile { path: path.to_owned(), source })?;
    let sha256 = trusted.check(&bytes, engine.manifest(), precision)?;
    Ok((plan::wrap(&bytes, engine.manifest(), compute_capability)?, sha256))
}

/// Takes a plan of `trtexec` into the user's cache as the build of an engine, and runs it before it is shown. A plan does
/// not say in which numbers it runs, so `precision` does.
///
/// # Errors
///
/// As [`wrap`] and [`build()`].
pub fn import(
    engine: &Engine,
    path: &Path,
    precision: Precision,
    options: &SessionOptions,
    trusted: &TrustList,
    tell: &mut dyn FnMut(BuildStep),
) -> Result<Entry, EngineError> {
    // Trust before all else: without it nothing about the plan matters.
    let (_, plan_sha256) = wrap(engine, path, precision, trusted, None)?;
    let found = require(Provider::TensorRt, options.runtime.as_deref(), options.gpu.device)?;
    let capability = found.gpu.as_ref().map(|gpu| gpu.compute_capability);
    let (model, _) = wrap(engine, path, precision, trusted, capability)?;
    let key = BuildKey { plan_sha256: Some(plan_sha256), ..key_here(engine.manifest(), precision, &found)? };
    EngineCache::standard().map_err(ProviderError::from)?.build(engine.name(), &key, |_, _| {
        tell(BuildStep::Trying);
        Session::from_compiled(engine, &model, precision, options)?;
        Ok(model)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::probe::{Gpu, Obstacle};

    const MANIFEST: &str = include_str!("../../tests/models/threshold/manifest.toml");

    fn found() -> Availability {
        let gpu = Gpu {
            index: 0,
            name: "NVIDIA L4".to_owned(),
            compute_capability: (8, 9),
            memory_bytes: 24 << 30,
            driver_cuda: (13, 0),
        };
        Availability {
            provider: Provider::TensorRt,
            offered: true,
            gpu: Some(gpu),
            tensorrt: Some("10.9.0".to_owned()),
            cuda: Some("13".to_owned()),
            obstacles: Vec::new(),
        }
    }

    fn built(key: BuildKey) -> Built {
        Built {
            schema: 1,
            engine: "threshold".to_owned(),
            key,
            built_at_s: 0,
            took_ms: 0,
            file: "x.onnx".to_owned(),
            sha256: String::new(),
            bytes: 0,
        }
    }

    #[test]
    fn a_build_is_current_until_something_changes() {
        let manifest = Manifest::parse(MANIFEST).unwrap();
        let key = key_here(&manifest, Precision::F16, &found()).unwrap();
        assert_eq!(key.model_sha256, manifest.model.sha256, "f16 is made of the f32 model");
        assert_eq!((key.compute_capability.as_str(), key.gpu.as_str()), ("8.9", "NVIDIA L4"));
        let built = built(key);
        assert_eq!(state(&built, Some(&manifest), &found()), BuildState::Current);

        let newer = Availability { tensorrt: Some("10.13.2".to_owned()), ..found() };
        let stale = |differences: &[&str]| BuildState::Stale {
            differences: differences.iter().map(|d| (*d).to_owned()).collect(),
        };
        assert_eq!(state(&built, Some(&manifest), &newer), stale(&["TensorRT 10.9.0 → 10.13.2"]));
        let mut other_gpu = found();
        other_gpu.gpu = other_gpu.gpu.map(|gpu| Gpu {
            name: "NVIDIA H100".to_owned(),
            compute_capability: (9, 0),
            ..gpu
        });
        let expected = stale(&["GPU NVIDIA L4 → NVIDIA H100", "compute capability 8.9 → 9.0"]);
        assert_eq!(state(&built, Some(&manifest), &other_gpu), expected);
        let mut other_model = manifest.clone();
        other_model.model.sha256 = "ef".repeat(32);
        let BuildState::Stale { differences } = state(&built, Some(&other_model), &found()) else { panic!() };
        assert!(differences[0].starts_with("model ") && differences[0].ends_with("→ efefefefefef"));
        assert_eq!(state(&built, None, &found()), stale(&["its engine is gone"]));
        // A driver that is newer, and the GPU's place among others, change nothing.
        let mut moved = found();
        moved.gpu = moved.gpu.map(|gpu| Gpu { index: 1, driver_cuda: (13, 1), ..gpu });
        assert_eq!(state(&built, Some(&manifest), &moved), BuildState::Current);

        let obstacle = Obstacle { what: "no driver".to_owned(), remedy: "x".to_owned() };
        let none = Availability { gpu: None, obstacles: vec![obstacle], ..found() };
        let unknown = BuildState::Unknown { why: "no driver".to_owned() };
        assert_eq!(state(&built, Some(&manifest), &none), unknown);
    }

    #[test]
    fn int8_is_built_from_its_own_file() {
        let listed = format!(
            "name = \"f32\"\n[[precisions]]\nname = \"int8\"\nfile = \"q.onnx\"\nsha256 = \"{}\"\nparity = {{ d = 0.1 }}",
            "cd".repeat(32)
        );
        let manifest = Manifest::parse(&MANIFEST.replace("name = \"f32\"", &listed)).unwrap();
        let key = key_here(&manifest, Precision::Int8, &found()).unwrap();
        assert_eq!(key.model_sha256, "cd".repeat(32));
        let plain = Manifest::parse(MANIFEST).unwrap();
        assert!(key_here(&plain, Precision::Int8, &found()).is_err());
    }
}
