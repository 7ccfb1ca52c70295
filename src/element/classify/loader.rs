// SPDX-License-Identifier: MPL-2.0
//! Threads that load. Loading can take seconds, and a file may hang for ever.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::stream::LoadTicket;
use crate::classifier::{Error, Loaded, NameOptions, Names, Options};

fn spawn(ticket: LoadTicket, work: impl FnOnce(&LoadTicket) + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("resnet50-load".into());
    thread.spawn(move || {
        work(&ticket);
        // The ticket is dropped last: whoever waits for it waits for all of the work.
        drop(ticket);
    })?;
    Ok(())
}

/// Loads a model. `step` is told what comes next, and ends the work by an error; `done` gets the
/// result.
///
/// # Errors
/// If the system has no thread for it.
pub fn load_model(
    options: Result<Options, Error>,
    folders: Vec<PathBuf>,
    ticket: LoadTicket,
    step: impl Fn(&str) -> Result<(), Error> + Send + 'static,
    done: impl FnOnce(Result<Loaded, Error>) + Send + 'static,
) -> io::Result<()> {
    spawn(ticket, move |ticket| {
        let load = |options: Options| Loaded::load(&options, &folders, step, &ticket.cancel);
        done(options.and_then(load));
    })
}

/// Reads labels and groups for the model in use; `done` gets them and that model.
///
/// # Errors
/// If the system has no thread for it.
pub fn load_names(
    options: Result<NameOptions, Error>,
    in_use: Arc<Loaded>,
    ticket: LoadTicket,
    done: impl FnOnce(Result<Names, Error>, &Loaded) + Send + 'static,
) -> io::Result<()> {
    spawn(ticket, move |ticket| {
        let read = |options: NameOptions| {
            let model = in_use.stream.engine().model();
            in_use
                .classifier
                .read_names(&options, model, &ticket.cancel)
        };
        done(options.and_then(read), &in_use);
        // An engine may end here.
        drop(in_use);
    })
}
