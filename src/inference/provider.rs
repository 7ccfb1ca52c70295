// SPDX-License-Identifier: MPL-2.0
//! Execution providers: the hardware and library that inferences run on.

use std::fmt;
use std::str::FromStr;

/// An execution provider of ONNX Runtime. Each has its registration in a file of
/// `onnxruntime/providers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// ONNX Runtime's own kernels on the CPU. It is always available.
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

/// A provider that was requested and does not run the model, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedProvider {
    /// The provider.
    pub provider: Provider,
    /// Why it is not used, as part of a sentence.
    pub reason: String,
}

/// Why a provider cannot be used as it was set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// There is no such provider.
    #[error("there is no provider “{name}”; known are {}", Provider::names())]
    Unknown {
        /// The name that was set.
        name: String,
    },
    /// The list of providers is empty.
    #[error("the list of providers is empty; known are {}", Provider::names())]
    Empty,
    /// The provider has no options.
    #[error("provider “{0}” takes no options; unset provider-options")]
    NoOptions(Provider),
    /// An option holds a zero byte, so it cannot be passed to ONNX Runtime.
    #[error("provider option “{0}” holds a zero byte")]
    ZeroByte(String),
}

impl Provider {
    /// All providers, with their names in the property `provider`.
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

    /// Its name in the property `provider`.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(provider, _)| *provider == self)
            .map_or("", |(_, name)| name)
    }

    /// Parses a list of names, separated by commas, in the order of preference.
    ///
    /// # Errors
    /// [`ProviderError::Unknown`], or [`ProviderError::Empty`] if there is no name.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, ProviderError> {
        let names = list.split(',').map(str::trim).filter(|n| !n.is_empty());
        let providers: Vec<Self> = names.map(str::parse).collect::<Result<_, _>>()?;
        if providers.is_empty() {
            return Err(ProviderError::Empty);
        }
        Ok(providers)
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
        // ONNX Runtime's own names have this suffix, and two of them differ from ours otherwise.
        const SUFFIX: &str = "ExecutionProvider";
        let at = name.len().saturating_sub(SUFFIX.len());
        let base = match name.split_at_checked(at) {
            Some((base, end)) if end.eq_ignore_ascii_case(SUFFIX) => Some(base),
            _ => None,
        };
        let ours = match base {
            Some(base) if base.eq_ignore_ascii_case("dnnl") => "onednn",
            Some(base) if base.eq_ignore_ascii_case("dml") => "directml",
            Some(base) => base,
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

    /// Lists of our names and of ONNX Runtime's, in any case.
    #[test]
    fn lists() {
        let list = Provider::parse_list("tensorrt, CUDA,cpu").expect("a list");
        assert_eq!(list, [Provider::TensorRt, Provider::Cuda, Provider::Cpu]);
        assert_eq!(Provider::parse_list(" ,"), Err(ProviderError::Empty));
        // ONNX Runtime's own names, in any case.
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
