//! Which provider and which numbers an engine runs in on this machine.

use std::path::Path;

use super::build::key_here;
use super::cache::{CacheError, EngineCache, Entry};
use super::probe::{Availability, Obstacle, availability};
use super::{PrecisionChoice, Provider, ProviderChoice};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::manifest::{Manifest, Precision};
use crate::parity::is_vouched_for;
use crate::session::SessionOptions;

/// Why an engine does not run as asked. Displayed as one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Something that the provider needs is missing.
    #[error("backend {} cannot run here: {}; or choose auto or cpu", provider.name(), join(obstacles))]
    Unavailable {
        /// The provider that was asked for.
        provider: Provider,
        /// What stands in the way.
        obstacles: Vec<Obstacle>,
    },
    /// The numbers cannot be had.
    #[error("engine '{engine}' cannot run in {precision} on {provider}: {problem}")]
    Precision {
        /// Name of the engine.
        engine: String,
        /// The numbers that were asked for.
        precision: Precision,
        /// The provider.
        provider: Provider,
        /// Why not, and what to do.
        problem: &'static str,
    },
    /// Nothing was compiled for this machine.
    #[error(
        "engine '{engine}' has not been compiled for TensorRT in {precision} on this GPU{}: run 'vesalius engine build \
         {engine} --provider tensorrt --precision {precision}'",
        stale.as_deref().map_or_else(String::new, |stale| format!(" (a build is stale: {stale})"))
    )]
    NotBuilt {
        /// Name of the engine.
        engine: String,
        /// The numbers.
        precision: Precision,
        /// How the nearest build differs, where there is one.
        stale: Option<String>,
    },
    /// There is nothing to compile.
    #[error("nothing is compiled ahead for {provider}: choose tensorrt, or run the engine as it is")]
    NothingToBuild {
        /// The provider that was asked for.
        provider: Provider,
    },
    /// The provider does not take the model.
    #[error("engine '{engine}' cannot be loaded on {provider} in {precision}: {message}")]
    Load {
        /// Name of the engine.
        engine: String,
        /// The provider.
        provider: Provider,
        /// The numbers.
        precision: Precision,
        /// What ONNX Runtime says.
        message: String,
    },
    /// Compiling failed.
    #[error("engine '{engine}' cannot be compiled for TensorRT in {precision}: {message}")]
    Build {
        /// Name of the engine.
        engine: String,
        /// The numbers.
        precision: Precision,
        /// What went wrong.
        message: String,
    },
    /// A plan's file cannot be read.
    #[error("the plan cannot be read: {source} ({})", path.display())]
    PlanFile {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A plan that is none.
    #[error(transparent)]
    Plan(#[from] super::plan::PlanError),
    /// A plan that nobody vouches for.
    #[error(transparent)]
    Trust(#[from] super::trust::TrustError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

fn join(obstacles: &[Obstacle]) -> String {
    obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What an engine runs on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// What runs it.
    pub provider: Provider,
    /// In which numbers.
    pub precision: Precision,
    /// Whether some of its operators run on the processor all the same, because the GPU's provider lacks them.
    pub partly: bool,
    /// Why this provider, for people.
    pub why: String,
}

impl Selection {
    /// The processor in f32, which runs everywhere.
    pub fn cpu(why: impl Into<String>) -> Self {
        Self { provider: Provider::Cpu, precision: Precision::F32, partly: false, why: why.into() }
    }
}

/// The numbers for an engine on a provider.
///
/// # Errors
///
/// [`ProviderError::Precision`] where the named ones cannot be had.
pub fn precision(
    manifest: &Manifest,
    provider: Provider,
    choice: PrecisionChoice,
) -> Result<Precision, ProviderError> {
    let has_file = |precision| manifest.model_file(precision).is_some();
    let PrecisionChoice::Named(precision) = choice else {
        let good = |precision| is_vouched_for(manifest, precision);
        return Ok(match provider {
            Provider::TensorRt if good(Precision::F16) => Precision::F16,
            Provider::Cuda if good(Precision::F16) && has_file(Precision::F16) => Precision::F16,
            Provider::Cpu if good(Precision::Int8) && has_file(Precision::Int8) && multiplies_bytes() => {
                Precision::Int8
            }
            _ => Precision::F32,
        });
    };
    let problem = match (precision, provider) {
        // TensorRT makes f16 of the f32 model.
        (Precision::F32, _) | (Precision::F16, Provider::TensorRt) => return Ok(precision),
        _ if has_file(precision) => return Ok(precision),
        (Precision::F16, _) => "its manifest names no f16 file: add one to [[precisions]], or choose f32",
        (Precision::Int8, _) => {
            "its manifest names no int8 file: add a QDQ model to [[precisions]], or choose f32"
        }
    };
    Err(ProviderError::Precision { engine: manifest.engine.name.clone(), precision, provider, problem })
}

/// Whether this processor has instructions that multiply and add 8-bit numbers: with them int8 takes six to seven tenths of
/// the time of f32. Without them it gains little, and sums of products saturate at 16 bits, so that parity figures measured
/// elsewhere say nothing here (<https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html>).
pub fn multiplies_bytes() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx512vnni") || std::arch::is_x86_feature_detected!("avxvnni")
    }
    #[cfg(target_arch = "aarch64")]
    {
        std::arch::is_aarch64_feature_detected!("dotprod")
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        false
    }
}

/// A provider that works here, with what it needs to run an engine.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) provider: Provider,
    pub(crate) precision: Precision,
    /// What was compiled ahead, for a provider that needs it.
    pub(crate) entry: Option<(EngineCache, Entry)>,
}

/// Whether a provider would run an engine here.
pub(crate) fn ready(
    engine: &Engine,
    provider: Provider,
    options: &SessionOptions,
) -> Result<Ready, EngineError> {
    let found = require(provider, options.runtime.as_deref(), options.gpu.device)?;
    let precision = precision(engine.manifest(), provider, options.precision)?;
    let entry = if provider.compiles_ahead() { Some(compiled(engine, precision, &found)?) } else { None };
    Ok(Ready { provider, precision, entry })
}

/// What is here of a provider that works.
pub(crate) fn require(
    provider: Provider,
    runtime: Option<&Path>,
    device: i32,
) -> Result<Availability, EngineError> {
    let found = availability(provider, runtime, device)?;
    if found.works() {
        return Ok(found);
    }
    Err(ProviderError::Unavailable { provider, obstacles: found.obstacles }.into())
}

fn compiled(
    engine: &Engine,
    precision: Precision,
    found: &Availability,
) -> Result<(EngineCache, Entry), ProviderError> {
    let cache = EngineCache::standard()?;
    let key = key_here(engine.manifest(), precision, found)?;
    if let Some(entry) = cache.find(engine.name(), &key) {
        return Ok((cache, entry));
    }
    let nearest = cache.list().into_iter().filter(|entry| {
        let built = &entry.built;
        built.engine == engine.name()
            && built.key.provider == key.provider
            && built.key.precision == precision
    });
    // Of several that are stale, the one that is stale the least.
    let stale = nearest.map(|entry| entry.built.key.differences(&key)).min_by_key(Vec::len);
    Err(ProviderError::NotBuilt {
        engine: engine.name().to_owned(),
        precision,
        stale: stale.map(|differences| differences.join(", ")),
    })
}

/// Tries the providers in the order that `choice` implies until one takes the engine. `attempt` makes whatever is to be
/// made on a provider, such as a session, and says whether some of it runs elsewhere; for `auto`, one that fails on a GPU gives way to the next, and the selection
/// says why.
///
/// # Errors
///
/// `attempt`'s, and those of a provider that was named and does not work here.
pub(crate) fn first_that_works<T>(
    choice: ProviderChoice,
    mut attempt: impl FnMut(Provider) -> Result<(T, Precision, bool), EngineError>,
) -> Result<(T, Selection), EngineError> {
    let mut refusals = Vec::new();
    let order: &[Provider] = match &choice {
        ProviderChoice::Named(provider) => std::slice::from_ref(provider),
        ProviderChoice::Auto => &[Provider::TensorRt, Provider::Cuda, Provider::Cpu],
    };
    for &provider in order {
        match attempt(provider) {
            Ok((made, precision, partly)) => {
                let mut why = match choice {
                    ProviderChoice::Named(_) => "asked for".to_owned(),
                    ProviderChoice::Auto if refusals.is_empty() => "the fastest that works here".to_owned(),
                    ProviderChoice::Auto => told(&refusals),
                };
                if partly {
                    why.push_str("; some of its operators run on the processor");
                }
                return Ok((made, Selection { provider, precision, partly, why }));
            }
            Err(error) if choice == ProviderChoice::Auto && provider != Provider::Cpu => {
                refusals.push((provider, refusal(&error)));
            }
            Err(error) => return Err(error),
        }
    }
    // The last one of each order returns.
    Err(ProviderError::Unavailable { provider: Provider::Cpu, obstacles: Vec::new() }.into())
}

/// Why not those that gave way, in one line.
fn told(refusals: &[(Provider, String)]) -> String {
    match refusals {
        [(a, why), (b, same)] if why == same => format!("not {a} or {b}: {why}"),
        all => all.iter().map(|(p, why)| format!("not {p}: {why}")).collect::<Vec<_>>().join("; "),
    }
}

/// Why a provider gave way, by the first thing that stood in its way, and without what to do: that is for those who name
/// it.
fn refusal(error: &EngineError) -> String {
    match error {
        EngineError::Provider(ProviderError::Unavailable { obstacles, .. }) => {
            obstacles.first().map(|obstacle| obstacle.what.clone()).unwrap_or_default()
        }
        EngineError::Provider(ProviderError::NotBuilt { stale: None, .. }) => {
            "not compiled for this GPU".to_owned()
        }
        EngineError::Provider(ProviderError::NotBuilt { stale: Some(stale), .. }) => {
            format!("its build is stale ({stale})")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../../tests/models/threshold/manifest.toml");

    fn manifest(precisions: &str) -> Manifest {
        let text = MANIFEST.replace("name = \"f32\"", &format!("name = \"f32\"\n{precisions}"));
        Manifest::parse(&text.replace("$H", &"ab".repeat(32))).unwrap()
    }

    #[test]
    fn precisions_follow_from_the_manifest() {
        use Precision::{F16, F32, Int8};
        use PrecisionChoice::{Auto, Named};
        const F16_LISTED: &str = "[[precisions]]\nname = \"f16\"\n";
        const F16_FILE: &str = "[[precisions]]\nname = \"f16\"\nfile = \"h.onnx\"\nsha256 = \"$H\"\n";
        const INT8_FILE: &str = "[[precisions]]\nname = \"int8\"\nfile = \"q.onnx\"\nsha256 = \"$H\"\n";
        const POOR: &str = "parity = { dice_median = 0.5 }";
        const GOOD: &str = "parity = { dice_median = 0.9992, dice_p1 = 0.9958, presence_flips = 0.0, hc_bias_percent = 0.1, \
                            hc_loa_percent = 0.2, dice_change_low = -0.001 }";
        let fast = if multiplies_bytes() { Int8 } else { F32 };
        // Listed; its figures; asked for; on CPU, CUDA, TensorRT, OpenVINO.
        let cases = [
            ("", "", Auto, [Some(F32), Some(F32), Some(F32), Some(F32)]),
            (F16_LISTED, GOOD, Auto, [Some(F32), Some(F32), Some(F16), Some(F32)]),
            (F16_LISTED, POOR, Auto, [Some(F32), Some(F32), Some(F32), Some(F32)]),
            (F16_FILE, GOOD, Auto, [Some(F32), Some(F16), Some(F16), Some(F32)]),
            (F16_FILE, POOR, Auto, [Some(F32), Some(F32), Some(F32), Some(F32)]),
            (INT8_FILE, GOOD, Auto, [Some(fast), Some(F32), Some(F32), Some(F32)]),
            (INT8_FILE, POOR, Auto, [Some(F32), Some(F32), Some(F32), Some(F32)]),
            ("", "", Named(F32), [Some(F32), Some(F32), Some(F32), Some(F32)]),
            ("", "", Named(F16), [None, None, Some(F16), None]),
            (F16_FILE, POOR, Named(F16), [Some(F16), Some(F16), Some(F16), Some(F16)]),
            ("", "", Named(Int8), [None, None, None, None]),
            (INT8_FILE, POOR, Named(Int8), [Some(Int8), Some(Int8), Some(Int8), Some(Int8)]),
        ];
        for (listed, figures, choice, expected) in cases {
            let manifest = manifest(&format!("{listed}{figures}"));
            for (provider, expected) in Provider::ALL.into_iter().zip(expected) {
                let got = precision(&manifest, provider, choice);
                assert_eq!(got.as_ref().ok(), expected.as_ref(), "{listed} {choice} {provider}: {got:?}");
                if let Err(error) = got {
                    let text = error.to_string();
                    assert!(
                        text.contains("[[precisions]]") && text.contains("f32") && !text.contains('\n'),
                        "{text}"
                    );
                }
            }
        }
    }

    fn missing(provider: Provider) -> EngineError {
        let obstacle = Obstacle { what: format!("no {provider} chip"), remedy: "solder one".to_owned() };
        ProviderError::Unavailable { provider, obstacles: vec![obstacle] }.into()
    }

    #[test]
    fn only_auto_falls_back_and_it_says_why() {
        let attempt = |works: Provider| {
            move |provider| {
                if provider == works { Ok(((), Precision::F32, false)) } else { Err(missing(provider)) }
            }
        };
        let auto = |works| first_that_works(ProviderChoice::Auto, attempt(works)).unwrap().1;
        let taken = auto(Provider::TensorRt);
        assert_eq!((taken.provider, taken.why.as_str()), (Provider::TensorRt, "the fastest that works here"));
        let taken = auto(Provider::Cuda);
        assert_eq!((taken.provider, taken.why.as_str()), (Provider::Cuda, "not tensorrt: no tensorrt chip"));
        let taken = auto(Provider::Cpu);
        assert_eq!(taken.provider, Provider::Cpu);
        assert_eq!(taken.why, "not tensorrt: no tensorrt chip; not cuda: no cuda chip");

        for provider in [Provider::Cuda, Provider::TensorRt] {
            let named = ProviderChoice::Named(provider);
            let error = first_that_works(named, attempt(Provider::Cpu)).unwrap_err().to_string();
            let expected = format!(
                "backend {provider} cannot run here: no {provider} chip: solder one; or choose auto or cpu"
            );
            assert_eq!(error, expected);
            assert_eq!(first_that_works(named, attempt(provider)).unwrap().1.why, "asked for");
        }
        let alike = [Provider::TensorRt, Provider::Cuda].map(|provider| (provider, "no driver".to_owned()));
        assert_eq!(told(&alike), "not tensorrt or cuda: no driver");
        let partly = |provider| {
            if provider == Provider::Cuda { Ok(((), Precision::F32, true)) } else { Err(missing(provider)) }
        };
        let taken = first_that_works(ProviderChoice::Auto, partly).unwrap().1;
        assert!(
            taken.partly && taken.why.ends_with("; some of its operators run on the processor"),
            "{}",
            taken.why
        );
        // What is wrong with the engine itself is wrong on the processor too, and is told.
        let broken = |_| -> Result<((), Precision, bool), EngineError> {
            Err(EngineError::Run { engine: "x".to_owned(), message: "broken".to_owned() })
        };
        let error = first_that_works(ProviderChoice::Auto, broken).unwrap_err();
        assert!(matches!(error, EngineError::Run { .. }), "{error}");
    }

    #[test]
    fn what_is_not_built_says_the_command() {
        let not_built = |stale: Option<&str>| ProviderError::NotBuilt {
            engine: "head".to_owned(),
            precision: Precision::F16,
            stale: stale.map(str::to_owned),
        };
        let command = "run 'vesalius engine build head --provider tensorrt --precision f16'";
        let text = not_built(None).to_string();
        assert!(text.ends_with(command) && !text.contains("stale"), "{text}");
        let text = not_built(Some("TensorRT 10.9.0 → 10.13.2")).to_string();
        assert!(
            text.contains("(a build is stale: TensorRT 10.9.0 → 10.13.2)") && text.ends_with(command),
            "{text}"
        );
    }
}
