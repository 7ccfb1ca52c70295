// SPDX-License-Identifier: MPL-2.0
//! Allocations whose size comes from a model's file, which fail with an error instead of aborting the
//! process.

use crate::inference::error::InferenceError;
use crate::text;

/// Memory for so many values.
///
/// # Errors
/// [`InferenceError::Failed`] if there is none.
pub(super) fn reserved<T>(values: usize) -> Result<Vec<T>, InferenceError> {
    let mut memory = Vec::new();
    let bytes = text::bytes((values as u64).saturating_mul(size_of::<T>() as u64));
    let failed = |_| InferenceError::Failed(format!("{bytes} of memory cannot be allocated"));
    memory.try_reserve_exact(values).map_err(failed)?;
    Ok(memory)
}

/// So many values, all `zero`.
///
/// # Errors
/// [`InferenceError::Failed`] if there is no memory.
pub(super) fn zeros<T: Clone>(values: usize, zero: T) -> Result<Vec<T>, InferenceError> {
    let mut memory = reserved(values)?;
    memory.resize(values, zero);
    Ok(memory)
}
