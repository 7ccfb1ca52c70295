// SPDX-License-Identifier: MPL-2.0
//! Limits on the memory that a model may ask for. They are checked before anything is allocated,
//! because a failed allocation aborts the process.

use super::error::InferenceError;

/// The maximum for the tensors of one inference, in bytes.
const MAX_TENSOR_BYTES: u128 = 4 << 30;

/// The maximum number of classes. Each has a label, and a value in every result.
const MAX_CLASSES: u64 = 1 << 24;

/// Whether a model may have so many classes.
///
/// # Errors
/// [`InferenceError::TooManyClasses`].
pub(super) fn check_classes(found: u64) -> Result<(), InferenceError> {
    match found > MAX_CLASSES {
        true => Err(InferenceError::TooManyClasses {
            found,
            limit: MAX_CLASSES,
        }),
        false => Ok(()),
    }
}

/// The memory that the tensors of one image take, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct TensorMemory {
    input: u128,
    output: u128,
}

impl TensorMemory {
    /// For an input of `elements` and an output of `classes`, with the bytes of one element of each.
    /// The result is kept a second time, as `f32`.
    pub fn new(elements: usize, element: usize, classes: usize, class: usize) -> Self {
        let of = |count: usize, bytes: usize| count as u128 * bytes as u128;
        Self {
            input: of(elements, element),
            output: of(classes, class + size_of::<f32>()),
        }
    }

    /// Whether each of `sessions` may have tensors for a batch of `images`, which the model itself
    /// (`is_fixed`) or the user asks for.
    ///
    /// # Errors
    /// [`InferenceError::TooLarge`].
    pub fn check(self, images: u64, is_fixed: bool, sessions: usize) -> Result<(), InferenceError> {
        let one = self.input + self.output;
        let available = available().map_or(u128::MAX, |bytes| bytes / sessions.max(1) as u128);
        let limit = MAX_TENSOR_BYTES.min(available);
        let bytes = one.saturating_mul(images.into());
        if bytes <= limit {
            return Ok(());
        }
        let shorten = |bytes: u128| u64::try_from(bytes).unwrap_or(u64::MAX);
        Err(InferenceError::TooLarge {
            pictures: images,
            is_fixed,
            input: shorten(self.input),
            output: shorten(self.output),
            limit: shorten(limit),
        })
    }
}

/// The memory that the system can still give, in bytes, as far as it says.
fn available() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let number = line.trim_start_matches(':').trim().strip_suffix("kB")?;
        Some(number.trim().parse::<u128>().ok()? * 1024)
    };
    Some(of("MemAvailable")? + of("SwapFree").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ResNet50 fits with every batch size that can be set; what no machine has is refused, and the
    /// numbers do not overflow.
    #[test]
    fn limits() {
        let resnet50 = TensorMemory::new(3 * 224 * 224, 4, 1000, 4);
        assert!(resnet50.check(256, false, 1).is_ok());
        let wide = TensorMemory::new(3, 4, 10_000_000, 4);
        assert!(wide.check(1, false, 1).is_ok());
        for (memory, images) in [
            (wide, 1024),
            (resnet50, u64::MAX),
            (TensorMemory::new(usize::MAX, 4, usize::MAX, 4), u64::MAX),
        ] {
            let error = memory.check(images, false, 1).expect_err("too large");
            assert!(matches!(error, InferenceError::TooLarge { .. }), "{error}");
        }
    }

    /// The system says how much memory it has.
    #[cfg(target_os = "linux")]
    #[test]
    fn memory_of_this_machine() {
        assert!(available().expect("Linux tells") > 1 << 20);
    }
}
