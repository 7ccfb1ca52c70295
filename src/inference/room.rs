// SPDX-License-Identifier: MPL-2.0
//! Whether there is memory for what a model's file asks for, known before any of it is taken: an
//! allocation that fails ends the process.

use super::session::RunError;

/// The most that the tensors of one Run take.
const MOST: u128 = 4 << 30;

/// The most classes: each has a name, and a place in every answer.
const MOST_CLASSES: u64 = 1 << 24;

/// Whether a model may have so many classes.
///
/// # Errors
/// [`RunError::Classes`].
pub(super) fn check_classes(found: u64) -> Result<(), RunError> {
    match found > MOST_CLASSES {
        true => Err(RunError::Classes {
            found,
            limit: MOST_CLASSES,
        }),
        false => Ok(()),
    }
}

/// What the tensors of a Run take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Bytes of the input and of the output for one picture.
    pub input: u128,
    pub output: u128,
}

impl Room {
    /// Of so many elements and classes, each of so many bytes. The answers are kept a second time,
    /// as 32-bit floats.
    pub fn new(elements: usize, element: usize, classes: usize, class: usize) -> Self {
        let of = |count: usize, bytes: usize| count as u128 * bytes as u128;
        Self {
            input: of(elements, element),
            output: of(classes, class + size_of::<f32>()),
        }
    }

    /// Whether so many pictures a Run may be asked for, by the model (`is_fixed`) or by the user, in
    /// so many sessions.
    ///
    /// # Errors
    /// [`RunError::TooLarge`].
    pub fn check(self, pictures: u64, is_fixed: bool, sessions: usize) -> Result<(), RunError> {
        let one = self.input + self.output;
        let available = available().map_or(u128::MAX, |bytes| bytes / sessions.max(1) as u128);
        let limit = MOST.min(available);
        let bytes = one.saturating_mul(pictures.into());
        if bytes <= limit {
            return Ok(());
        }
        let shorten = |bytes: u128| u64::try_from(bytes).unwrap_or(u64::MAX);
        Err(RunError::TooLarge {
            pictures,
            is_fixed,
            input: shorten(self.input),
            output: shorten(self.output),
            limit: shorten(limit),
        })
    }
}

/// Bytes that the system has to give, as far as it says.
fn available() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let number = line.trim_start_matches(':').trim().strip_suffix("kB")?;
        Some(number.trim().parse::<u128>().ok()? * 1024)
    };
    Some(of("MemAvailable")? + of("SwapFree").unwrap_or(0))
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ResNet50 fits in any batch that can be asked for; what no machine has is refused, with
    /// numbers that do not overflow.
    #[test]
    fn limits() {
        let resnet50 = Room::new(3 * 224 * 224, 4, 1000, 4);
        assert!(resnet50.check(256, false, 1).is_ok());
        let wide = Room::new(3, 4, 10_000_000, 4);
        assert!(wide.check(1, false, 1).is_ok());
        for (room, pictures) in [
            (wide, 1024),
            (resnet50, u64::MAX),
            (Room::new(usize::MAX, 4, usize::MAX, 4), u64::MAX),
        ] {
            let error = room.check(pictures, false, 1).expect_err("too large");
            assert!(matches!(error, RunError::TooLarge { .. }), "{error}");
        }
    }

    /// The system says how much there is.
    #[cfg(target_os = "linux")]
    #[test]
    fn memory_of_this_machine() {
        assert!(available().expect("Linux tells") > 1 << 20);
    }
}
