// SPDX-License-Identifier: MPL-2.0
//! The first library that can be used.

use std::path::PathBuf;

use super::candidate::LibraryCandidate;
use super::probe::load;
use crate::inference::onnxruntime::runtime_error::{Attempt, RuntimeError};
use crate::text;

/// A library that can be used, and is loaded.
#[derive(Debug)]
pub(in crate::inference::onnxruntime) struct Choice {
    /// Its file, or a name for the system's loader.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// The libraries before it, which are there and cannot be used.
    pub skipped: Vec<Attempt>,
    /// It stays loaded as long as this lives: relocating it twice takes a noticeable time.
    pub handle: libloading::Library,
}

/// The first usable library.
///
/// # Errors
/// [`RuntimeError::NotFound`].
pub(in crate::inference::onnxruntime) fn choose(
    candidates: Vec<LibraryCandidate>,
) -> Result<Choice, RuntimeError> {
    let mut skipped = Vec::new();
    let mut missing = Vec::new();
    for candidate in candidates {
        let loaded = match &candidate.problem {
            Some(problem) => Err(problem.clone()),
            None => load(&candidate.path),
        };
        match loaded {
            Ok((handle, version)) => {
                return Ok(Choice {
                    path: candidate.path,
                    version,
                    skipped,
                    handle,
                });
            }
            Err(reason) => {
                let attempt = Attempt {
                    place: candidate.place(),
                    // What the system says may have line breaks or double spaces in it.
                    reason: text::one_line(&reason),
                };
                match candidate.is_missing {
                    true => missing.push(attempt),
                    false => skipped.push(attempt),
                }
            }
        }
    }
    // What is there tells more than what is not.
    let tried = skipped.into_iter().chain(missing).collect();
    Err(RuntimeError::NotFound { tried })
}
