// SPDX-License-Identifier: MPL-2.0
//! The registrations of all providers.

use ort::ep::ExecutionProviderDispatch;

use super::registration::{Config, Registration};
use super::{
    coreml, cpu, cuda, directml, migraphx, onednn, openvino, qnn, rocm, tensorrt, webgpu, xnnpack,
};
use crate::inference::provider::{Provider, ProviderError};

/// A provider's registration.
fn registration(provider: Provider) -> Registration {
    match provider {
        Provider::Cpu => cpu::CPU,
        Provider::Cuda => cuda::CUDA,
        Provider::TensorRt => tensorrt::TENSORRT,
        Provider::OpenVino => openvino::OPENVINO,
        Provider::OneDnn => onednn::ONEDNN,
        Provider::MiGraphX => migraphx::MIGRAPHX,
        Provider::Rocm => rocm::ROCM,
        Provider::CoreMl => coreml::COREML,
        Provider::DirectMl => directml::DIRECTML,
        Provider::Qnn => qnn::QNN,
        Provider::WebGpu => webgpu::WEBGPU,
        Provider::Xnnpack => xnnpack::XNNPACK,
    }
}

/// Whether the loaded library was built with a provider. ONNX Runtime must be loaded.
pub fn is_available(provider: Provider) -> bool {
    (registration(provider).is_available)().unwrap_or(false)
}

/// The execution providers that a session registers for a provider, in order. If one of them cannot
/// be had, there is no session: by itself `ort` would silently go on without it.
///
/// # Errors
/// [`ProviderError`] for options that the provider does not take.
pub fn dispatches(
    provider: Provider,
    device: i32,
    options: &[(String, String)],
) -> Result<Vec<ExecutionProviderDispatch>, ProviderError> {
    let has_zero = |(k, v): &&(String, String)| k.contains('\0') || v.contains('\0');
    if let Some((key, _)) = options.iter().find(has_zero) {
        return Err(ProviderError::ZeroByte(key.clone()));
    }
    let config = Config {
        provider,
        device,
        options,
    };
    let dispatches = (registration(provider).dispatches)(&config)?;
    let dispatches = dispatches.into_iter();
    Ok(dispatches.map(|d| d.error_on_failure()).collect())
}
