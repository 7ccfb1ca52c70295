// SPDX-License-Identifier: MPL-2.0
//! The first library that can be used.

use std::path::PathBuf;

use super::candidate::LibraryCandidate;
use super::probe::probe_library;
use crate::inference::onnxruntime::runtime_error::{Attempt, RuntimeError};
use crate::text;

/// A library that can be used.
#[derive(Debug)]
pub(in crate::inference::onnxruntime) struct Choice {
    /// Its file, or a name for the system's loader.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
    /// The libraries before it, which are there and cannot be used.
    pub skipped: Vec<Attempt>,
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
        let probed = match &candidate.problem {
            Some(problem) => Err(problem.clone()),
            None => probe_library(&candidate.path),
        };
        match probed {
            Ok(version) => {
                return Ok(Choice {
                    path: candidate.path,
                    version,
                    skipped,
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
