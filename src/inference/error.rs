// SPDX-License-Identifier: MPL-2.0
//! Why an inference gave no result.

use std::time::Duration;

use crate::text;

/// Why an inference gave no result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// ONNX Runtime reports an error.
    #[error("ONNX Runtime: {0}")]
    Failed(String),
    /// It took too long and was cancelled.
    #[error("an inference took more than {} s and was cancelled", .0.as_secs_f32())]
    TimedOut(Duration),
    /// It took too long and does not end when it is cancelled.
    #[error("an inference has not ended for {} s, although it was cancelled: the provider hangs, and its thread is left behind", .0.as_secs_f32())]
    Hung(Duration),
    /// No thread could be started to run it on.
    #[error("{0}")]
    NoThread(String),
    /// The model belongs to the parent process: a child of `fork()` has none of its parent's
    /// threads.
    #[error("the model was loaded by the process that this one was forked from")]
    Forked,
    /// The result holds a value that is not finite, for every trial image.
    #[error(
        "the model's output for class {class} is {value} on every trial picture, so there is no result"
    )]
    NotFinite {
        /// The first class with such a value.
        class: usize,
        /// The value.
        value: f32,
    },
    /// The model has more classes than are supported.
    #[error("it has {found} classes, and {limit} are the most")]
    TooManyClasses {
        /// The number of its classes.
        found: u64,
        /// The maximum.
        limit: u64,
    },
    /// The input and output tensors would need too much memory.
    #[error(
        "an inference of {} takes {} a picture for its input and {} for its output, and there is room for {} in all",
        batch_of(*.pictures), text::bytes(*.input), text::bytes(*.output), text::bytes(*.limit)
    )]
    TooLarge {
        /// The batch size.
        pictures: u64,
        /// Whether the model itself fixes the batch size.
        is_fixed: bool,
        /// Bytes of the input for one image.
        input: u64,
        /// Bytes of the output for one image.
        output: u64,
        /// The maximum for the whole batch, in bytes.
        limit: u64,
    },
    /// The graph ends in `TopK`, and the number of classes is not known.
    #[error(
        "the output “{}” has the {best} best values of each picture, and the graph does not say of how many classes: set the property labels to a file with their names, or export the model without its TopK", text::name(.name)
    )]
    TopKWithoutClasses {
        /// The output with the values.
        name: String,
        /// The K of `TopK`.
        best: usize,
    },
    /// The graph ends in `TopK` or `ArgMax`, and only the values or only the classes are outputs.
    #[error(
        "the output “{}” has only the best values of each picture, or only their classes, and both are needed: export the model without its TopK or ArgMax", text::name(.name)
    )]
    IncompleteTopK {
        /// The output's name.
        name: String,
    },
    /// The result of a `TopK` names a class that does not exist.
    #[error("the model's output names class {class}, and it has {classes} classes")]
    UnknownClass {
        /// The class.
        class: i64,
        /// The number of classes.
        classes: usize,
    },
    /// The result for one image depends on the other images of its batch.
    #[error(
        "a picture's values change when it is inferred together with others: the model is made for one at a time"
    )]
    BatchDependent,
    /// The output has a shape that does not fit one value a class.
    #[error("the output “{}” has the shape [{}], and one value a class was expected", text::name(.name), text::list(.shape.iter(), 8))]
    OutputShape {
        /// The output's name.
        name: String,
        /// Its shape.
        shape: Vec<i64>,
    },
}

impl InferenceError {
    /// The largest batch that fits into memory, if the one that was requested does not and a smaller
    /// one may be requested.
    pub fn max_batch(&self) -> Option<u64> {
        match *self {
            Self::TooLarge {
                input,
                output,
                limit,
                is_fixed: false,
                ..
            } => Some(limit / input.saturating_add(output).max(1)),
            _ => None,
        }
    }
}

fn batch_of(count: u64) -> String {
    match count {
        1 => "1 picture".into(),
        count => format!("{count} pictures"),
    }
}
