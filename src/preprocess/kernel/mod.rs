// SPDX-License-Identifier: MPL-2.0
//! The loops over the samples, in a portable form and for AVX2.
//!
//! All arithmetic is in integers, so every backend gives bit-identical results.

mod color;
mod horizontal;
mod unpack;
mod vertical;
mod vertical_first;

pub(super) use color::{Matrix, to_rgb};
pub(super) use horizontal::{PAIR, STRIP_ROWS, horizontal, transpose};
pub(super) use unpack::{Packing, deinterleave, unpack};
pub(super) use vertical::{RingWindow, vertical};
pub(super) use vertical_first::{MAX_TAPS, PlaneWindow, vertical_first, vertical_first_weights};

/// The instructions that the loops use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Plain loops, compiled for the build's target (on aarch64 that includes NEON).
    Portable,
    /// AVX2 on x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Backend {
    /// The best backend that this CPU runs.
    pub fn detect() -> Self {
        *Self::available().last().unwrap_or(&Self::Portable)
    }

    /// All backends that this CPU runs, the best one last.
    pub fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return &[Self::Portable, Self::Avx2];
        }
        &[Self::Portable]
    }
}

/// Defines a function that calls its portable or its AVX2 form.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident, $plain:ident, $avx2:ident, ($($arg:ident: $ty:ty),*)) => {
        $(#[$doc])*
        pub(crate) fn $name(backend: Backend, $($arg: $ty),*) {
            match backend {
                Backend::Portable => $plain($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Preprocessor` only accepts a backend that this CPU runs.
                Backend::Avx2 => unsafe { $avx2($($arg),*) },
            }
        }
    };
}

use dispatch;
