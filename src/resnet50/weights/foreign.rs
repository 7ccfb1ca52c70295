// SPDX-License-Identifier: MPL-2.0
//! Classes and functions of other libraries in a pickle.
//!
//! A checkpoint holds more than tensors: options, dates, paths, metrics. None of these objects are
//! created; those that are known to be data are skipped. Everything else is refused by its name.

/// The kind of a class or function that does not belong to tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It creates data.
    Data,
    /// It is a part of a network, in a file with all objects of the network.
    Network,
    /// It is a part of a TorchScript archive.
    Script,
}

/// Looks it up by module and name.
pub(super) fn find(module: &str, name: &str) -> Option<Foreign> {
    let within = |package: &str| {
        let rest = module.strip_prefix(package);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_data = match module {
        "builtins" | "__builtin__" => matches!(
            name,
            "set"
                | "frozenset"
                | "slice"
                | "complex"
                | "range"
                | "xrange"
                | "bytearray"
                | "list"
                | "dict"
                | "tuple"
                | "int"
                | "long"
                | "float"
                | "bool"
                | "str"
                | "unicode"
                | "bytes"
                | "object"
        ),
        "collections" => matches!(name, "Counter" | "deque"),
        "copyreg" | "copy_reg" => name == "_reconstructor",
        "_codecs" => name == "encode",
        "torch" => {
            name == "device"
                || name.strip_prefix("bfloat").is_some_and(is_digits)
                || ["float", "int", "uint", "complex"]
                    .iter()
                    .any(|kind| name.strip_prefix(kind).is_some_and(is_digits))
                || name == "bool"
        }
        "torch.torch_version" => name == "TorchVersion",
        _ => {
            ["torch.optim", "torch.amp", "torch.cuda.amp"]
                .iter()
                .any(|m| within(m))
                || [
                    "argparse",
                    "datetime",
                    "decimal",
                    "enum",
                    "fractions",
                    "lightning",
                    "lightning_fabric",
                    "mmengine",
                    "numpy",
                    "omegaconf",
                    "pathlib",
                    "pytorch_lightning",
                    "types",
                    "typing",
                    "uuid",
                    "yacs",
                ]
                .iter()
                .any(|package| within(package))
        }
    };
    if is_data {
        return Some(Foreign::Data);
    }
    let is_class = name.starts_with(|c: char| c.is_ascii_uppercase());
    if within("__torch__") {
        return Some(Foreign::Script);
    }
    let of_networks = [
        "__main__",
        "torch.nn",
        "torchvision",
        "timm",
        "transformers",
        "ultralytics",
    ];
    let is_network = of_networks.iter().any(|package| within(package));
    (is_network && is_class).then_some(Foreign::Network)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown() {
        for (module, name) in [
            ("argparse", "Namespace"),
            ("numpy.core.multiarray", "scalar"),
            ("numpy", "dtype"),
            ("torch", "float32"),
            ("torch", "device"),
            ("builtins", "set"),
            ("pathlib", "PosixPath"),
            ("lightning_fabric.utilities.data", "AttributeDict"),
        ] {
            assert_eq!(find(module, name), Some(Foreign::Data), "{module}.{name}");
        }
        for (module, name) in [
            ("os", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("numpyx", "load"),
            ("torch", "load"),
            ("torch", "float"),
            ("torch.storage", "_load_from_bytes"),
            ("__main__", "run"),
        ] {
            assert_eq!(find(module, name), None, "{module}.{name}");
        }
        assert_eq!(
            find("torchvision.models.resnet", "ResNet"),
            Some(Foreign::Network)
        );
        assert_eq!(find("__torch__.models", "Net"), Some(Foreign::Script));
    }
}
