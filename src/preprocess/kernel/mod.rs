// SPDX-License-Identifier: MPL-2.0
//! The loops that touch every sample, in a portable form and for AVX2.
//!
//! All arithmetic is in integers, so that every backend gives the same result to the last bit.

mod across;
mod color;
mod down;
mod fine;
mod unpack;

pub(super) use across::{GROUP, PAIR, across, turn};
pub(super) use color::{Matrix, to_rgb};
pub(super) use down::{Rows, down};
pub(super) use fine::{Fine, LONGEST, down_fine, fine_weights};
pub(super) use unpack::{Packing, pick, unpack};

/// Which instructions the loops use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Plain loops for the build's target (on aarch64 that includes NEON).
    Portable,
    /// AVX2 on x86-64.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Backend {
    /// The best backend that this processor runs.
    pub fn detect() -> Self {
        *Self::available().last().unwrap_or(&Self::Portable)
    }

    /// Every backend that this processor runs, the best last.
    pub fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return &[Self::Portable, Self::Avx2];
        }
        &[Self::Portable]
    }
}

/// Gives a function with an AVX2 twin a common entry. The twin is compiled from the same loops
/// with the wider instructions allowed.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident, $plain:ident, $avx2:ident, ($($arg:ident: $ty:ty),*)) => {
        $(#[$doc])*
        pub(crate) fn $name(backend: Backend, $($arg: $ty),*) {
            match backend {
                Backend::Portable => $plain($($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a Preprocessor is made only with a backend that the processor runs.
                Backend::Avx2 => unsafe { $avx2($($arg),*) },
            }
        }
    };
}

use dispatch;
