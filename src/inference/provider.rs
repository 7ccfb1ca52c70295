// SPDX-License-Identifier: MPL-2.0
//! Execution providers: what a session runs on.

use std::fmt;
use std::str::FromStr;

use ort::ep::{
    self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProvider as _,
    ExecutionProviderDispatch,
};

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// ONNX Runtime's own kernels, on the processor. Always there.
    Cpu,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA TensorRT; what it cannot run goes to CUDA.
    TensorRt,
    /// Intel OpenVINO.
    OpenVino,
    /// Intel oneDNN.
    OneDnn,
    /// AMD MIGraphX.
    MiGraphX,
    /// AMD ROCm.
    Rocm,
    /// Apple Core ML.
    CoreMl,
    /// Microsoft DirectML.
    DirectMl,
    /// Qualcomm AI Engine Direct.
    Qnn,
    /// WebGPU.
    WebGpu,
    /// XNNPACK.
    Xnnpack,
}

/// A name that is none of a provider, or a setting that it does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// No such provider.
    #[error("there is no provider “{name}”; known are {}", Provider::names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// An empty list.
    #[error("the list of providers is empty; known are {}", Provider::names())]
    Empty,
    /// It has no options of its own.
    #[error("provider “{0}” takes no options; unset provider-options")]
    NoOptions(Provider),
    /// An option that ONNX Runtime could not be handed.
    #[error("provider option “{0}” holds a zero byte")]
    ZeroByte(String),
}

impl Provider {
    /// All of them, with the names that the property `provider` has for them.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Cpu, "cpu"),
        (Self::Cuda, "cuda"),
        (Self::TensorRt, "tensorrt"),
        (Self::OpenVino, "openvino"),
        (Self::OneDnn, "onednn"),
        (Self::MiGraphX, "migraphx"),
        (Self::Rocm, "rocm"),
        (Self::CoreMl, "coreml"),
        (Self::DirectMl, "directml"),
        (Self::Qnn, "qnn"),
        (Self::WebGpu, "webgpu"),
        (Self::Xnnpack, "xnnpack"),
    ];

    fn names() -> String {
        Self::ALL
            .iter()
            .map(|(_, name)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(provider, _)| *provider == self)
            .map_or("", |(_, name)| name)
    }

    /// Whether the loaded library has it. ONNX Runtime must be loaded.
    pub(super) fn is_built_in(self) -> bool {
        let found = match self {
            Self::Cpu => Ok(true),
            Self::Cuda => ep::CUDA::is_available(),
            Self::TensorRt => ep::TensorRT::is_available(),
            Self::OpenVino => ep::OpenVINO::is_available(),
            Self::OneDnn => ep::OneDNN::is_available(),
            Self::MiGraphX => ep::MIGraphX::is_available(),
            Self::Rocm => ep::ROCm::is_available(),
            Self::CoreMl => ep::CoreML::is_available(),
            Self::DirectMl => ep::DirectML::is_available(),
            Self::Qnn => ep::QNN::is_available(),
            Self::WebGpu => ep::WebGPU::is_available(),
            Self::Xnnpack => ep::XNNPACK::is_available(),
        };
        found.unwrap_or(false)
    }

    /// An ordered list, separated by commas.
    ///
    /// # Errors
    /// [`ProviderError`] for an unknown name or no name at all.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, ProviderError> {
        let names = list.split(',').map(str::trim).filter(|n| !n.is_empty());
        let providers: Vec<Self> = names.map(str::parse).collect::<Result<_, _>>()?;
        if providers.is_empty() {
            return Err(ProviderError::Empty);
        }
        Ok(providers)
    }

    /// What a session registers for it, in order. Nothing for [`Self::Cpu`], which is there
    /// anyway. Each is a demand: `ort` would otherwise pass over one that cannot be had.
    pub(super) fn dispatches(
        self,
        device: i32,
        options: &[(String, String)],
    ) -> Result<Vec<ExecutionProviderDispatch>, ProviderError> {
        if let Some((key, _)) = options
            .iter()
            .find(|(k, v)| k.contains('\0') || v.contains('\0'))
        {
            return Err(ProviderError::ZeroByte(key.clone()));
        }
        // The options of the user come last and win.
        macro_rules! with_options {
            ($provider:expr) => {
                options
                    .iter()
                    .fold($provider, |p, (k, v)| p.with_arbitrary_config(k, v))
                    .build()
            };
        }
        macro_rules! without_options {
            ($provider:expr) => {
                if options.is_empty() {
                    $provider.build()
                } else {
                    return Err(ProviderError::NoOptions(self));
                }
            };
        }
        // TF32 is ONNX Runtime's default; set here so that it stays so: it moves the third or
        // fourth digit of a logit and triples the speed. The heuristic search spares the first
        // Run the seconds that trying every convolution takes.
        let cuda = || {
            ep::CUDA::default()
                .with_device_id(device)
                .with_tf32(true)
                .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic)
        };
        let dispatches = match self {
            Self::Cpu if !options.is_empty() => return Err(ProviderError::NoOptions(self)),
            Self::Cpu => vec![],
            Self::Cuda => vec![with_options!(cuda())],
            Self::TensorRt => vec![
                with_options!(ep::TensorRT::default().with_device_id(device)),
                cuda().build(),
            ],
            Self::OpenVino => vec![with_options!(ep::OpenVINO::default())],
            Self::OneDnn => vec![with_options!(ep::OneDNN::default())],
            Self::MiGraphX => vec![without_options!(
                ep::MIGraphX::default().with_device_id(device)
            )],
            Self::Rocm => vec![with_options!(ep::ROCm::default().with_device_id(device))],
            Self::CoreMl => vec![with_options!(ep::CoreML::default())],
            Self::DirectMl => vec![without_options!(
                ep::DirectML::default().with_device_id(device)
            )],
            Self::Qnn => vec![with_options!(ep::QNN::default())],
            Self::WebGpu => vec![with_options!(ep::WebGPU::default())],
            Self::Xnnpack => vec![with_options!(ep::XNNPACK::default())],
        };
        Ok(dispatches
            .into_iter()
            .map(|d| d.error_on_failure())
            .collect())
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = ProviderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        // ONNX Runtime's own names end so, and some of them begin otherwise than ours.
        const LONG: &str = "ExecutionProvider";
        let at = name.len().saturating_sub(LONG.len());
        let long = name.split_at_checked(at);
        let begin = match long {
            Some((begin, end)) if end.eq_ignore_ascii_case(LONG) => Some(begin),
            _ => None,
        };
        let ours = match begin {
            Some(begin) if begin.eq_ignore_ascii_case("dnnl") => "onednn",
            Some(begin) if begin.eq_ignore_ascii_case("dml") => "directml",
            Some(begin) => begin,
            None => name,
        };
        Self::ALL
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(ours))
            .map(|(provider, _)| *provider)
            .ok_or_else(|| ProviderError::Unknown {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let list = Provider::parse_list("tensorrt, CUDA,cpu").expect("a list");
        assert_eq!(list, [Provider::TensorRt, Provider::Cuda, Provider::Cpu]);
        assert_eq!(Provider::parse_list(" ,"), Err(ProviderError::Empty));
        // ONNX Runtime's own names, however they are written.
        let list = "TensorrtExecutionProvider,CUDAExecutionProvider, cpuexecutionprovider";
        let list = Provider::parse_list(list).expect("a list");
        assert_eq!(list, [Provider::TensorRt, Provider::Cuda, Provider::Cpu]);
        for (provider, name) in [
            (Provider::Cpu, "CPUExecutionProvider"),
            (Provider::Cuda, "CUDAExecutionProvider"),
            (Provider::TensorRt, "TensorrtExecutionProvider"),
            (Provider::OpenVino, "OpenVINOExecutionProvider"),
            (Provider::OneDnn, "DnnlExecutionProvider"),
            (Provider::MiGraphX, "MIGraphXExecutionProvider"),
            (Provider::Rocm, "ROCMExecutionProvider"),
            (Provider::CoreMl, "CoreMLExecutionProvider"),
            (Provider::DirectMl, "DmlExecutionProvider"),
            (Provider::Qnn, "QNNExecutionProvider"),
            (Provider::WebGpu, "WebGpuExecutionProvider"),
            (Provider::Xnnpack, "XnnpackExecutionProvider"),
        ] {
            assert_eq!(name.parse(), Ok(provider), "{name}");
            assert_eq!(name.to_uppercase().parse(), Ok(provider), "{name}");
        }
        for wrong in [
            "ExecutionProvider",
            "AzureExecutionProvider",
            "CUDAProvider",
        ] {
            assert!(wrong.parse::<Provider>().is_err(), "{wrong}");
        }
        let error = Provider::parse_list("gpu")
            .expect_err("no such provider")
            .to_string();
        assert!(error.contains("“gpu”") && error.contains("cuda"), "{error}");
    }
}
