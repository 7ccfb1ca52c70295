// SPDX-License-Identifier: MPL-2.0
//! The functions and classes of a pickle.

use crate::resnet50::weights::DType;

/// The functions and classes whose effect is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::resnet50::weights) enum Global {
    OrderedDict,
    /// `collections.defaultdict(function)`.
    DefaultDict,
    /// A class or function for other data.
    Data,
    /// `torch.Size(tuple)`.
    Size,
    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`, and
    /// its predecessor with the first four.
    Tensor,
    /// `_rebuild_parameter(tensor, requires_grad, hooks)` and similar functions.
    Parameter,
    /// The class of storages with elements of a type.
    Storage(DType),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("torch", "Size") => Self::Size,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter", "Parameter") => Self::Parameter,
            // torch.cuda: files of PyTorch before 0.4 use the classes of the device.
            ("torch" | "torch.cuda", _) => Self::Storage(match name.strip_suffix("Storage")? {
                "Half" => DType::F16,
                "BFloat16" => DType::BF16,
                "Float" => DType::F32,
                "Double" => DType::F64,
                "Char" => DType::I8,
                "Short" => DType::I16,
                "Int" => DType::I32,
                "Long" => DType::I64,
                "Byte" => DType::U8,
                "Bool" => DType::Bool,
                _ => return None,
            }),
            _ => return None,
        })
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::OrderedDict => "collections.OrderedDict".into(),
            Self::DefaultDict => "collections.defaultdict".into(),
            Self::Data => "a class or function of another library".into(),
            Self::Size => "torch.Size".into(),
            Self::Tensor => "torch._utils._rebuild_tensor_v2".into(),
            Self::Parameter => "torch._utils._rebuild_parameter".into(),
            Self::Storage(dtype) => format!("the class of {dtype} storages"),
        }
    }
}
