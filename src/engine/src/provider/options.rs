//! What ONNX Runtime's other providers are told, as the keys and values that they document.
//!
//! Sources: <https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html>,
//! <https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html>,
//! <https://onnxruntime.ai/docs/execution-providers/OpenVINO-ExecutionProvider.html>; every key stands in the provider
//! libraries of ONNX Runtime 1.31, OpenVINO's in those of 1.24.

use std::collections::BTreeMap;
use std::path::Path;

use ort::ep::{
    ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProviderDispatch, OpenVINO, TensorRT,
};

use crate::manifest::Precision;

/// Options by key.
pub type OptionMap = BTreeMap<&'static str, String>;

/// A CUDA stream of the caller's that sessions queue their work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(usize);

impl Stream {
    /// Takes a `CUstream` of the GPU that sessions will run on.
    ///
    /// # Safety
    ///
    /// The stream must outlive every session made with it, and its context must be the GPU's primary context.
    #[allow(unsafe_code)] // Whoever gives the pointer answers for it.
    pub unsafe fn from_raw(stream: *mut std::ffi::c_void) -> Self {
        Self(stream.addr())
    }
}

/// What a session on a GPU is told besides its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// Index of the GPU among the driver's.
    pub device: i32,
    /// The caller's stream; without it the provider makes its own.
    pub stream: Option<Stream>,
    /// Whether the launches of a run are recorded once and replayed. The tensors must then keep their places, so this
    /// is for [`BoundSession`](crate::BoundSession) and ignored where frames come from the computer's memory.
    pub graph: bool,
}

/// Shapes for which a model with free axes is compiled: an engine has one, so smallest, likeliest and largest agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Name of the input.
    pub input: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Profile {
    /// `image:1x1x192x288`.
    fn text(&self) -> String {
        let axes: Vec<_> = self.shape.iter().map(ToString::to_string).collect();
        format!("{}:{}", self.input, axes.join("x"))
    }
}

fn flag(on: bool) -> String {
    if on { "1" } else { "0" }.to_owned()
}

fn common(gpu: &GpuOptions) -> OptionMap {
    let mut map = OptionMap::from([("device_id", gpu.device.to_string())]);
    if let Some(Stream(address)) = gpu.stream {
        map.insert("has_user_compute_stream", flag(true));
        map.insert("user_compute_stream", address.to_string());
    }
    map
}

/// Options of the CUDA provider.
pub fn cuda(gpu: &GpuOptions) -> OptionMap {
    let mut map = common(gpu);
    // By rule and not by trial: trials choose by the clock, and the same input should give the same bytes.
    map.insert("cudnn_conv_algo_search", "HEURISTIC".to_owned());
    map.insert("cudnn_conv_use_max_workspace", flag(true));
    // f32 means f32; the provider's own default rounds to 10 bits.
    map.insert("use_tf32", flag(false));
    // As much as is needed, not the next power of two: other programs use the GPU too.
    map.insert("arena_extend_strategy", "kSameAsRequested".to_owned());
    map.insert("enable_cuda_graph", flag(gpu.graph));
    map
}

/// Options of the TensorRT provider that runs what was compiled before. It writes no file.
pub fn tensorrt(gpu: &GpuOptions) -> OptionMap {
    let mut map = common(gpu);
    map.insert("trt_cuda_graph_enable", flag(gpu.graph));
    map.insert("trt_engine_cache_enable", flag(false));
    map
}

/// Options of the TensorRT provider that compiles a model into the file `context`, the plan inside it.
pub fn tensorrt_build(
    gpu: &GpuOptions,
    precision: Precision,
    profile: Option<&Profile>,
    context: &Path,
    timing: &Path,
) -> OptionMap {
    let mut map = OptionMap::from([("device_id", gpu.device.to_string())]);
    map.insert("trt_fp16_enable", flag(precision == Precision::F16));
    // Scales come from the model's QDQ nodes; there is no calibration table. What INT8 gains nothing from may be f16.
    map.insert("trt_int8_enable", flag(precision == Precision::Int8));
    if precision == Precision::Int8 {
        map.insert("trt_fp16_enable", flag(true));
    }
    map.insert("trt_dump_ep_context_model", flag(true));
    map.insert("trt_ep_context_file_path", context.display().to_string());
    map.insert("trt_ep_context_embed_mode", flag(true));
    map.insert("trt_engine_cache_enable", flag(false));
    map.insert("trt_timing_cache_enable", flag(true));
    map.insert("trt_timing_cache_path", timing.display().to_string());
    if let Some(profile) = profile {
        for key in ["trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes"] {
            map.insert(key, profile.text());
        }
    }
    map
}

/// Options of the OpenVINO provider on the processor.
pub fn openvino(threads: usize) -> OptionMap {
    OptionMap::from([
        ("device_type", "CPU".to_owned()),
        // Else bfloat16 where the processor has it, with 8 bits of mantissa: f32 means f32.
        ("precision", "FP32".to_owned()),
        ("num_of_threads", threads.to_string()),
        ("num_streams", "1".to_owned()),
    ])
}

/// The OpenVINO provider with options; it is an error of the session where it cannot be registered.
pub(crate) fn openvino_provider(map: &OptionMap) -> ExecutionProviderDispatch {
    with_options(OpenVINO::default(), map).build().error_on_failure()
}

/// The CUDA provider with options; it is an error of the session where it cannot be registered.
pub(crate) fn cuda_provider(map: &OptionMap) -> ExecutionProviderDispatch {
    with_options(CUDA::default(), map).build().error_on_failure()
}

/// The TensorRT provider with options; it is an error of the session where it cannot be registered.
pub(crate) fn tensorrt_provider(map: &OptionMap) -> ExecutionProviderDispatch {
    with_options(TensorRT::default(), map).build().error_on_failure()
}

/// `ort` panics at a NUL in a value, which no number has and no path on Linux.
fn with_options<P: ArbitrarilyConfigurableExecutionProvider>(provider: P, map: &OptionMap) -> P {
    map.iter().fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(*key, value.replace('\0', ""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(map: &OptionMap) -> String {
        map.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    #[test]
    fn cuda_is_told_this() {
        let expected = "arena_extend_strategy=kSameAsRequested\ncudnn_conv_algo_search=HEURISTIC\n\
                        cudnn_conv_use_max_workspace=1\ndevice_id=0\nenable_cuda_graph=0\nuse_tf32=0\n";
        assert_eq!(text(&cuda(&GpuOptions::default())), expected);
        // SAFETY: no session is made with it.
        #[allow(unsafe_code)]
        let stream = unsafe { Stream::from_raw(std::ptr::without_provenance_mut(4660)) };
        let ours = cuda(&GpuOptions { device: 1, stream: Some(stream), graph: true });
        let expected = "arena_extend_strategy=kSameAsRequested\ncudnn_conv_algo_search=HEURISTIC\n\
                        cudnn_conv_use_max_workspace=1\ndevice_id=1\nenable_cuda_graph=1\n\
                        has_user_compute_stream=1\nuse_tf32=0\nuser_compute_stream=4660\n";
        assert_eq!(text(&ours), expected);
    }

    #[test]
    fn tensorrt_that_runs_is_told_this() {
        let expected = "device_id=0\ntrt_cuda_graph_enable=0\ntrt_engine_cache_enable=0\n";
        assert_eq!(text(&tensorrt(&GpuOptions::default())), expected);
        // SAFETY: no session is made with it.
        #[allow(unsafe_code)]
        let stream = unsafe { Stream::from_raw(std::ptr::without_provenance_mut(16)) };
        let ours = tensorrt(&GpuOptions { device: 2, stream: Some(stream), graph: true });
        let expected = "device_id=2\nhas_user_compute_stream=1\ntrt_cuda_graph_enable=1\n\
                        trt_engine_cache_enable=0\nuser_compute_stream=16\n";
        assert_eq!(text(&ours), expected);
    }

    #[test]
    fn tensorrt_that_compiles_is_told_this() {
        let build = |precision, profile: Option<&Profile>| {
            let (context, timing) = (Path::new("/c/.partial/model.onnx"), Path::new("/c/timing"));
            text(&tensorrt_build(&GpuOptions::default(), precision, profile, context, timing))
        };
        let expected = |f16, int8, profile: &str| {
            format!(
                "device_id=0\ntrt_dump_ep_context_model=1\ntrt_engine_cache_enable=0\ntrt_ep_context_embed_mode=1\n\
                 trt_ep_context_file_path=/c/.partial/model.onnx\ntrt_fp16_enable={f16}\ntrt_int8_enable={int8}\n\
                 {profile}trt_timing_cache_enable=1\ntrt_timing_cache_path=/c/timing\n"
            )
        };
        assert_eq!(build(Precision::F32, None), expected(0, 0, ""));
        assert_eq!(build(Precision::F16, None), expected(1, 0, ""));
        assert_eq!(build(Precision::Int8, None), expected(1, 1, ""));
        let profile = Profile { input: "image".to_owned(), shape: vec![1, 1, 192, 288] };
        let shapes = "trt_profile_max_shapes=image:1x1x192x288\ntrt_profile_min_shapes=image:1x1x192x288\n\
                      trt_profile_opt_shapes=image:1x1x192x288\n";
        assert_eq!(build(Precision::F32, Some(&profile)), expected(0, 0, shapes));
    }
}
