// SPDX-License-Identifier: MPL-2.0
//! The engines of this process: streams that ask for the same share one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use super::engine::{Engine, EngineOptions};
use super::model::{Model, ModelSource};
use super::runtime::Runtime;
use super::session::SessionError;

/// What makes two engines the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    model: ModelSource,
    /// A file that was replaced under its name is another model.
    version: Option<(u64, SystemTime)>,
    runtime: PathBuf,
    options: EngineOptions,
}

/// An engine, or the place where one is being loaded: whoever wants the same waits for its lock.
type Cell = Arc<Mutex<Weak<Engine>>>;

/// Weak, so that an engine ends with the last stream that uses it.
static ENGINES: Mutex<Vec<(Key, Cell)>> = Mutex::new(Vec::new());

/// The engine for this model and these options: one that is there, else a new one.
///
/// # Errors
/// [`SessionError`].
pub fn shared_engine(
    runtime: &Runtime,
    model: &Model,
    options: &EngineOptions,
) -> Result<Arc<Engine>, SessionError> {
    let version = match &model.source {
        ModelSource::File(path) => std::fs::metadata(path)
            .and_then(|m| Ok((m.len(), m.modified()?)))
            .ok(),
        ModelSource::Builtin => None,
    };
    let key = Key {
        model: model.source.clone(),
        version,
        runtime: runtime.path().to_owned(),
        options: options.clone(),
    };
    let cell = {
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended; one that is being loaded has another owner of its cell.
        engines.retain(|(_, cell)| {
            let is_alive = |cell: &Cell| {
                let engine = cell.try_lock();
                engine.map_or(true, |engine| engine.strong_count() > 0)
            };
            Arc::strong_count(cell) > 1 || is_alive(cell)
        });
        match engines.iter().find(|(of, _)| *of == key) {
            Some((_, cell)) => Arc::clone(cell),
            None => {
                let cell = Cell::default();
                engines.push((key, Arc::clone(&cell)));
                cell
            }
        }
    };
    let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = cell.upgrade() {
        return Ok(engine);
    }
    let engine = Arc::new(Engine::load(runtime, model, options)?);
    *cell = Arc::downgrade(&engine);
    Ok(engine)
}
