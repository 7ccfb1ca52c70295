// SPDX-License-Identifier: MPL-2.0
//! The program `gst-resnet50`, and weights for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use bytes::Bytes;
use gstresnet50::resnet50::{ResNet50, Variant, synthetic_values};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// The program with a home of its own, and nothing of the environment that would change what it
/// does.
pub fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(crate::built("gst-resnet50"));
    command
        .args(args)
        .env("HOME", home)
        .env("XDG_DATA_HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("RESNET50_MODEL")
        .env_remove("RESNET50_WEIGHTS_URL");
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        command
            .env_remove(proxy)
            .env_remove(proxy.to_ascii_lowercase());
    }
    command
}

/// Runs it to its end.
pub fn program(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().expect("it runs")
}

/// What it printed to stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it printed to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All parameters of the network, as a safetensors file with torchvision's names.
pub fn weights() -> &'static Bytes {
    static FILE: OnceLock<Bytes> = OnceLock::new();
    FILE.get_or_init(|| weights_of(1000, str::to_owned))
}

/// The same for a number of classes, with the names that `name` gives from torchvision's.
pub fn weights_of(classes: usize, name: impl Fn(&str) -> String) -> Bytes {
    let network = ResNet50::new(Variant::V1_5).with_classes(classes);
    let values: Vec<(String, Vec<usize>, Vec<u8>)> = network
        .parameters()
        .iter()
        .map(|p| {
            let bytes = synthetic_values(p)
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect();
            (name(&p.name), p.shape.clone(), bytes)
        })
        .collect();
    let views: BTreeMap<&str, TensorView<'_>> = values
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor");
            (name.as_str(), view)
        })
        .collect();
    safetensors::serialize(views, None).expect("a file").into()
}
