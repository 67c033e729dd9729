//! What runs an engine: the processor, by ONNX Runtime's own provider or by OpenVINO's, or a GPU by its CUDA or TensorRT
//! provider.
//!
//! * [`choose`]: which of them for an engine on this machine, and why; [`probe`]: what of each is here;
//! * [`options`]: what the providers are told;
//! * [`build`]: compiling ahead for TensorRT, into a [`cache`];
//! * [`plan`], [`trust`]: plans that `trtexec` made.

pub mod build;
pub mod cache;
pub mod choose;
pub mod options;
pub mod plan;
pub mod probe;
pub mod trust;

use std::fmt;
use std::str::FromStr;

use ort::ep::ExecutionProvider as _;
use serde::{Deserialize, Serialize};

use crate::manifest::Precision;

/// What runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by CUDA and cuDNN.
    Cuda,
    /// An NVIDIA GPU by TensorRT, compiled ahead.
    TensorRt,
    /// The processor by Intel's OpenVINO.
    OpenVino,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino];

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::OpenVino => "openvino",
        }
    }

    /// Its name as a backend, in results and messages.
    pub const fn backend(self) -> &'static str {
        match self {
            Self::Cpu => "onnxruntime-cpu",
            Self::Cuda => "onnxruntime-cuda",
            Self::TensorRt => "onnxruntime-tensorrt",
            Self::OpenVino => "onnxruntime-openvino",
        }
    }

    /// Its name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cpu => "the processor",
            Self::Cuda => "CUDA",
            Self::TensorRt => "TensorRT",
            Self::OpenVino => "OpenVINO",
        }
    }

    /// Whether it has to be compiled for before it runs.
    pub const fn compiles_ahead(self) -> bool {
        matches!(self, Self::TensorRt)
    }

    /// Whether it runs on a GPU, its tensors in that GPU's memory.
    pub const fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }

    /// The file beside ONNX Runtime that holds it.
    const fn file_name(self) -> Option<&'static str> {
        match self {
            Self::Cpu => None,
            Self::Cuda => Some("libonnxruntime_providers_cuda.so"),
            Self::TensorRt => Some("libonnxruntime_providers_tensorrt.so"),
            Self::OpenVino => Some("libonnxruntime_providers_openvino.so"),
        }
    }

    /// What to do where libraries that it needs are missing.
    const fn libraries_remedy(self) -> &'static str {
        match self {
            Self::Cpu => "",
            Self::Cuda => {
                "install CUDA and cuDNN in these versions, or put the libraries beside libonnxruntime.so, see docs/gpu.md"
            }
            Self::TensorRt => {
                "install TensorRT, CUDA and cuDNN in these versions, or put the libraries beside libonnxruntime.so, see \
                 docs/gpu.md"
            }
            Self::OpenVino => {
                "install the whole Python package onnxruntime-openvino, whose libraries lie beside each other, see \
                 docs/parity.md"
            }
        }
    }

    /// Whether the ONNX Runtime that is loaded was built with it.
    fn is_offered(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => ort::ep::CUDA::is_available().unwrap_or(false),
            Self::TensorRt => ort::ep::TensorRT::is_available().unwrap_or(false),
            Self::OpenVino => ort::ep::OpenVINO::is_available().unwrap_or(false),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderChoice {
    /// The fastest that works here; it says which and why.
    #[default]
    Auto,
    /// This one; it is an error where it does not work.
    Named(Provider),
}

/// The numbers asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// The fastest that the manifest vouches for by parity figures: f16 on a GPU, int8 on a processor with instructions for
    /// it; f32 otherwise.
    #[default]
    Auto,
    /// These; it is an error where they cannot be had.
    Named(Precision),
}

/// A name that is none. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} '{}': choose {known}", name.escape_debug())]
pub struct UnknownName {
    /// `backend` or `precision`.
    pub what: &'static str,
    /// What was given.
    pub name: String,
    /// What there is.
    pub known: &'static str,
}

/// The word for choosing by itself.
const AUTO: &str = "auto";

impl FromStr for ProviderChoice {
    type Err = UnknownName;

    /// `auto`, `cpu`, `cuda`, `tensorrt` and `openvino`, or the names of backends such as `onnxruntime-cuda`.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        if name == AUTO {
            return Ok(Self::Auto);
        }
        let found = Provider::ALL.into_iter().find(|p| [p.name(), p.backend()].contains(&name));
        found.map(Self::Named).ok_or_else(|| UnknownName {
            what: "backend",
            name: name.to_owned(),
            known: "auto, cpu, openvino, cuda or tensorrt",
        })
    }
}

impl fmt::Display for ProviderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => AUTO,
            Self::Named(provider) => provider.name(),
        })
    }
}

impl FromStr for PrecisionChoice {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        if name == AUTO {
            return Ok(Self::Auto);
        }
        let found = Precision::ALL.into_iter().find(|precision| precision.name() == name);
        found.map(Self::Named).ok_or_else(|| UnknownName {
            what: "precision",
            name: name.to_owned(),
            known: "auto, f32, f16 or int8",
        })
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => AUTO,
            Self::Named(precision) => precision.name(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["auto", "cpu", "cuda", "tensorrt", "openvino"] {
            assert_eq!(text.parse::<ProviderChoice>().unwrap().to_string(), text);
        }
        for provider in Provider::ALL {
            assert_eq!(provider.backend().parse(), Ok(ProviderChoice::Named(provider)));
        }
        for text in ["auto", "f32", "f16", "int8"] {
            assert_eq!(text.parse::<PrecisionChoice>().unwrap().to_string(), text);
        }
        let error = "abacus".parse::<ProviderChoice>().unwrap_err().to_string();
        assert_eq!(error, "there is no backend 'abacus': choose auto, cpu, openvino, cuda or tensorrt");
        let error = "f8".parse::<PrecisionChoice>().unwrap_err().to_string();
        assert_eq!(error, "there is no precision 'f8': choose auto, f32, f16 or int8");
        assert!("CUDA".parse::<ProviderChoice>().is_err() && "".parse::<PrecisionChoice>().is_err());
    }
}
