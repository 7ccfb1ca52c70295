// SPDX-License-Identifier: MPL-2.0
//! What the user is told when something is wrong: the thing, what was expected, what was found,
//! what to do.

use crate::inference::{InferenceError, ModelError, ProviderError, RuntimeError, SessionError};
use crate::postprocess::{CategoriesError, GroupsError, LabelsError, NotFinite};
use crate::preprocess::{self, ConvertError};
use crate::text;

/// Everything that can go wrong from loading a model to a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ONNX Runtime cannot be loaded.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The model cannot be read, or is no image classifier.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A provider is not known.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// No session can be made for the model.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The labels cannot be read, or do not fit the model.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// The groups cannot be read, or do not fit the labels.
    #[error(transparent)]
    Groups(#[from] GroupsError),
    /// `allow` or `deny` names what is neither a label nor a group.
    #[error(transparent)]
    Categories(#[from] CategoriesError),
    /// An option has an invalid value.
    #[error("property “{property}” is {found}, and must be {expected}")]
    Setting {
        /// Its name.
        property: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// A frame's memory cannot be read.
    #[error("a frame cannot be mapped for reading: {0}")]
    Map(String),
    /// A frame contradicts its caps.
    #[error("a frame does not hold what its caps promise: {0}")]
    Frame(#[from] preprocess::Error),
    /// A frame cannot be converted to a format that is read.
    #[error("a frame cannot be converted: {0}")]
    Convert(#[from] ConvertError),
    /// A frame's memory contradicts its caps.
    #[error("a frame does not hold what its caps promise: expected {expected}, found {found}")]
    Layout {
        /// What the caps say.
        expected: String,
        /// What the memory holds.
        found: String,
    },
    /// The inference failed.
    #[error(transparent)]
    Run(#[from] InferenceError),
    /// The thread that loads the model could not be started.
    #[error("no thread can be started to load the model: {0}")]
    Thread(String),
    /// The element was stopped, or another model was set. This is not reported to the user.
    #[error("loading the model was cancelled")]
    Cancelled,
    /// The engine ended before the result was there.
    #[error("a result was lost: the engine has ended")]
    Lost,
    /// A score of the model is not finite.
    #[error("{0}, so there is no result")]
    NotFinite(#[from] NotFinite),
}

const BROKEN: &str = "The model's weights or its normalization (mean, std) are broken";

const THREADS: &str = "End other programs, or raise the limit of threads (ulimit -u)";

impl Error {
    /// Whether the labels or groups are invalid, or do not fit the model. Setting others may fix it.
    pub fn is_of_names(&self) -> bool {
        matches!(
            self,
            Self::Labels(_) | Self::Groups(_) | Self::Categories(_)
        )
    }

    /// What to do about it.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Runtime(RuntimeError::Forked) => {
                "Fork before the pipeline is created, or after its model is loaded"
            }
            Self::Runtime(_) => {
                "Install it with “gst-resnet50 runtime install” (or with “cargo xtask setup” in the \
                 plugin's source tree), or set the property runtime-library or $ORT_DYLIB_PATH to a \
                 libonnxruntime.so"
            }
            Self::Model(ModelError::None(_)) => {
                "Install it with “gst-resnet50 model install” (a download of 103 MB), set \
                 model=/path/to/resnet50.onnx, or model=builtin:efficientnet-lite0 for the small \
                 model that the plugin carries"
            }
            Self::Model(ModelError::UnknownBuiltin(_)) => {
                "The only one is builtin:efficientnet-lite0, where the plugin was built with the \
                 feature builtin-model; for a file give its path"
            }
            Self::Model(ModelError::Read { .. }) => "Check the path and its permissions",
            Self::Model(ModelError::External { .. }) => {
                "Put the file into the model's folder, under the name that the model has for it"
            }
            Self::Model(ModelError::ExternalOutside { .. }) => {
                "Export it again, with its weights in its own folder: no other file is read for it"
            }
            Self::Model(ModelError::NotAModel { .. }) => {
                "Check that the file is whole and in ONNX format; a .pth, .pt, .tflite or .engine \
                 file must be exported to ONNX first"
            }
            Self::Model(ModelError::WrongShape { .. } | ModelError::TooLarge { .. }) => {
                "Set the property model to the ONNX file of an image classifier"
            }
            Self::Model(ModelError::Contract { .. }) => {
                "Fix the description, or remove it and set mean, std, resize and color-order"
            }
            Self::Provider(_) => "Change the property provider or provider-options",
            Self::Session(SessionError::Providers(_)) => {
                "Install an ONNX Runtime with this provider and what it depends on, or add cpu to \
                 the list, as in provider=cuda,cpu"
            }
            Self::Session(SessionError::Settings(_)) => {
                "Change the property provider or provider-options"
            }
            Self::Session(SessionError::Refused { .. }) => {
                "Check that the file is whole, with its external data in its folder, and that \
                 this ONNX Runtime supports its opset"
            }
            Self::Session(SessionError::TimedOut { .. } | SessionError::Unfinished { .. }) => {
                "Its graph may compute for ever: try another model, or restart the program where \
                 the machine is overloaded"
            }
            Self::Session(SessionError::Memory { error, .. }) => match error.max_batch() {
                Some(1..) => "Lower the property batch-size or sessions",
                _ => "Use a model with a smaller input and output",
            },
            Self::Session(SessionError::Trial { error, .. }) => match error {
                InferenceError::TimedOut(_) | InferenceError::Hung(_) => {
                    "Its graph may compute for ever: try another model, or restart the program \
                     where the machine is overloaded"
                }
                InferenceError::NotFinite { .. } => BROKEN,
                InferenceError::NoThread(_) => THREADS,
                _ => {
                    "Check that the model is an image classifier with one value a class in its output"
                }
            },
            Self::Labels(LabelsError::Own(_)) => "Set the property labels to a file with the names",
            Self::Labels(LabelsError::WrongLength { .. }) => {
                "Use the file that belongs to this model, one name a line"
            }
            Self::Labels(LabelsError::Form { .. }) => {
                "Fix it, or write only the names, in the order of the classes"
            }
            Self::Labels(_) => "Check the path, its permissions and that the file is UTF-8 text",
            Self::Groups(GroupsError::Read { .. }) => {
                "Check the path and its permissions, or set imagenet-groups for the built-in ones"
            }
            Self::Groups(GroupsError::NotText(_)) => "Use a file of UTF-8 text",
            Self::Groups(GroupsError::NotImagenet(_)) => "Or unset the property groups",
            Self::Groups(_) => "Fix the file that the property groups names",
            Self::Categories(CategoriesError::WithoutGroups { .. }) => "Or change the property",
            Self::Categories(_)
            | Self::Setting { .. }
            | Self::Model(ModelError::Override { .. }) => "Change the property or unset it",
            Self::Map(_) => {
                "The memory must be readable by the CPU: put gldownload, cudadownload or \
                 the like before the element"
            }
            Self::Convert(ConvertError::Unknown { .. }) => "Put videoconvert before the element",
            Self::Convert(ConvertError::Memory(_)) => {
                "Put videoscale before the element, or end other programs"
            }
            Self::Frame(_) | Self::Convert(ConvertError::Short { .. }) | Self::Layout { .. } => {
                "The element upstream sends broken buffers: report it there"
            }
            Self::Run(InferenceError::TimedOut(_) | InferenceError::Hung(_)) => {
                "The provider hangs or the machine is overloaded: restart the program, or try \
                 another provider"
            }
            Self::Run(InferenceError::Forked) => {
                "Create the pipeline in the child process, or fork before it is created"
            }
            Self::Run(InferenceError::NoThread(_)) | Self::Thread(_) => THREADS,
            Self::Run(_) => "See GST_DEBUG=onnxruntime:5",
            Self::Cancelled | Self::Session(SessionError::Cancelled) => {
                "Set the element to PAUSED to load it again"
            }
            Self::Lost => "Report it with the log of GST_DEBUG=resnet50:6,onnxruntime:5",
            Self::NotFinite(_) => BROKEN,
        }
    }

    /// What is wrong and what to do about it.
    pub fn text(&self) -> String {
        // Names in the text may come from a file and contain anything.
        let what = text::message(&self.to_string()).to_string();
        // Messages of ONNX Runtime end in a full stop already.
        let what = what.trim_end_matches('.');
        let stop = if what.ends_with('?') { "" } else { "." };
        format!("{what}{stop} {}.", self.remedy())
    }

    /// The message for the bus.
    pub fn message(&self) -> gst::ErrorMessage {
        let text = self.text();
        match self {
            Self::Model(
                ModelError::None(_)
                | ModelError::UnknownBuiltin(_)
                | ModelError::Read { .. }
                | ModelError::External { .. },
            )
            | Self::Labels(LabelsError::Read { .. })
            | Self::Groups(GroupsError::Read { .. }) => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{}", text))
            }
            Self::Runtime(_)
            | Self::Provider(_)
            | Self::Session(SessionError::Providers(_) | SessionError::Settings(_)) => {
                gst::error_msg!(gst::LibraryError::Init, ("{}", text))
            }
            Self::Session(SessionError::Trial {
                error:
                    InferenceError::NotFinite { .. }
                    | InferenceError::TimedOut(_)
                    | InferenceError::Hung(_)
                    | InferenceError::NoThread(_),
                ..
            }) => {
                gst::error_msg!(gst::StreamError::Failed, ("{}", text))
            }
            Self::Session(SessionError::TimedOut { .. } | SessionError::Unfinished { .. }) => {
                gst::error_msg!(gst::StreamError::Failed, ("{}", text))
            }
            Self::Session(SessionError::Memory { error, .. })
                if error.max_batch().is_some_and(|maximum| maximum > 0) =>
            {
                gst::error_msg!(gst::ResourceError::Settings, ("{}", text))
            }
            Self::Model(ModelError::Override { .. }) => {
                gst::error_msg!(gst::ResourceError::Settings, ("{}", text))
            }
            Self::Model(_) | Self::Session(_) => {
                gst::error_msg!(gst::StreamError::WrongType, ("{}", text))
            }
            Self::Setting { .. } | Self::Labels(_) | Self::Groups(_) | Self::Categories(_) => {
                gst::error_msg!(gst::ResourceError::Settings, ("{}", text))
            }
            Self::Convert(ConvertError::Unknown { .. }) => {
                gst::error_msg!(gst::StreamError::Format, ("{}", text))
            }
            Self::Convert(ConvertError::Memory(_)) => {
                gst::error_msg!(gst::ResourceError::NoSpaceLeft, ("{}", text))
            }
            Self::Map(_) | Self::Frame(_) | Self::Convert(_) | Self::Layout { .. } => {
                gst::error_msg!(gst::ResourceError::Read, ("{}", text))
            }
            Self::Run(_) | Self::Lost | Self::Cancelled | Self::Thread(_) | Self::NotFinite(_) => {
                gst::error_msg!(gst::StreamError::Failed, ("{}", text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every message has one full stop between what is wrong and what to do.
    #[test]
    fn punctuation() {
        let unknown = |nearest: Option<&str>| {
            Error::from(CategoriesError::Unknown {
                list: "allow",
                name: "taby".into(),
                nearest: nearest.map(Into::into),
            })
            .text()
        };
        assert_eq!(
            unknown(None),
            "allow: “taby” is neither a label of the model nor a group. Change the property or unset it."
        );
        let text = unknown(Some("tabby"));
        let end = "; did you mean “tabby”? Change the property or unset it.";
        assert!(text.ends_with(end), "{text}");
        let without = CategoriesError::WithoutGroups {
            list: "allow",
            name: "dog".into(),
        };
        let text = Error::from(without).text();
        let end = ": set groups=imagenet-groups. Or change the property.";
        assert!(text.ends_with(end), "{text}");
    }
}
