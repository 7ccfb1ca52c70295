// SPDX-License-Identifier: MPL-2.0
//! What can be wrong with a file of weights.

use std::fmt;
use std::path::PathBuf;

use crate::files::FileError;
use crate::paths;
use crate::text;

/// Why a file of weights was refused. Names and other text from the file are escaped and shortened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// It cannot be read.
    #[error("{}{} cannot be read: {source}", paths::escaped(path.as_os_str()), paths::searched_folder(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        source: FileError,
    },
    /// It has an unknown format.
    #[error(
        "neither a file of torch.save (zip or the older stream) nor safetensors: it starts with \
         \"{start}\""
    )]
    UnknownFormat {
        /// The first bytes.
        start: String,
    },
    /// A tar archive, which PyTorch wrote before 0.1.10.
    #[error(
        "a tar archive, as PyTorch before 0.1.10 wrote it: load it with PyTorch and save it again"
    )]
    TorchTar,
    /// It was written on a big-endian machine.
    #[error("the file's numbers are big-endian: save it again on a little-endian machine")]
    BigEndian,
    /// A part ends before it is complete.
    #[error("{part} is cut off: {expected} bytes expected, {found} found")]
    Truncated {
        /// The part.
        part: String,
        /// Bytes expected.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A part exceeds its limit.
    #[error("{part} has {found} {unit}, and {limit} are the limit")]
    TooLarge {
        /// The part.
        part: String,
        /// What is counted.
        unit: &'static str,
        /// What it has, or more.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A part contradicts its format or another part.
    #[error("{part}: {problem}")]
    Malformed {
        /// The part.
        part: String,
        /// What was expected and found.
        problem: String,
    },
    /// A pickle calls a function or class that does not belong to tensors.
    #[error("the pickle wants to call {name}; only tensors are read, and nothing is executed")]
    Call {
        /// Module and name.
        name: String,
    },
    /// A pickle holds the objects of a network and not only its tensors.
    #[error(
        "it has a whole network, an object of {name}, which only the program that wrote it can \
         make: load it there and save its tensors with torch.save(model.state_dict(), FILE)"
    )]
    WholeModule {
        /// Module and name of the class.
        name: String,
    },
    /// An archive of torch.jit.save.
    #[error(
        "a TorchScript archive: load it with torch.jit.load and save its tensors with \
         torch.save(model.state_dict(), FILE)"
    )]
    TorchScript,
    /// An entry of a zip archive is compressed or encrypted.
    #[error(
        "entry \"{entry}\" of the archive is compressed or encrypted (method {method}); torch \
         stores its entries as they are"
    )]
    Compressed {
        /// The entry.
        entry: String,
        /// Its method of compression: 8 is deflate.
        method: u16,
    },
    /// A name occurs twice that must be unique.
    #[error("{part} has \"{name}\" twice")]
    Duplicate {
        /// The part.
        part: String,
        /// The name.
        name: String,
    },
    /// The object in the file has no tensors by name.
    #[error("no state dict: {found}")]
    NoStateDict {
        /// What was found.
        found: String,
    },
    /// No tensor has this name.
    #[error("there is no tensor \"{name}\"")]
    NoTensor {
        /// The name.
        name: String,
    },
    /// The numbers of a tensor are not floating-point numbers.
    #[error("tensor \"{name}\" has {dtype} elements, and floating-point numbers are expected")]
    NotFloat {
        /// The tensor.
        name: String,
        /// What it has.
        dtype: super::DType,
    },
    /// The tensors are not a ResNet50's.
    #[error("these are not the weights of a ResNet50: {0}")]
    Mismatch(Mismatch),
}

impl WeightsError {
    pub(super) fn malformed(part: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed {
            part: part.into(),
            problem: problem.into(),
        }
    }

    pub(super) fn truncated(part: impl Into<String>, expected: u64, found: u64) -> Self {
        Self::Truncated {
            part: part.into(),
            expected,
            found,
        }
    }

    pub(super) fn call(module: &str, name: &str) -> Self {
        Self::Call {
            name: text::name(&format!("{module}.{name}")).to_string(),
        }
    }

    pub(super) fn duplicate(part: impl Into<String>, name: &str) -> Self {
        Self::Duplicate {
            part: part.into(),
            name: text::name(name).to_string(),
        }
    }
}

/// How the tensors of a file differ from a ResNet50's parameters. Names are the file's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Mismatch {
    /// Parameters that are not in the file.
    pub missing: Vec<String>,
    /// Tensors that ResNet50 does not have.
    pub surplus: Vec<String>,
    /// Parameters of another shape or type, with what was found and expected.
    pub wrong: Vec<String>,
}

impl Mismatch {
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.wrong.is_empty()
    }
}

/// The maximum number of names that are printed.
const MAX_LISTED: usize = 10;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (what, names) in [
            ("missing", &self.missing),
            ("surplus", &self.surplus),
            ("wrong", &self.wrong),
        ] {
            if names.is_empty() {
                continue;
            }
            write!(f, "{separator}{} {what}: ", names.len())?;
            write!(f, "{}", text::list(names.iter(), MAX_LISTED))?;
            separator = "; ";
        }
        Ok(())
    }
}
