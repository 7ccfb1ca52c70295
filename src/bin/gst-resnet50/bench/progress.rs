// SPDX-License-Identifier: MPL-2.0
//! What is being measured, for those who wait at a terminal.
//!
//! It is drawn between two measurements and never during one: a drawing thread would take CPU time
//! from what is measured.

use std::sync::LazyLock;

use gstresnet50::sync::Mutex;
use indicatif::{ProgressBar, ProgressStyle};

/// On standard error, and only where that is a terminal.
static BAR: LazyLock<ProgressBar> = LazyLock::new(|| {
    let bar = ProgressBar::no_length();
    match ProgressStyle::with_template("{elapsed_precise} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
});

static SECTION: Mutex<&str> = Mutex::new("");

/// A part of the report begins.
pub fn section(name: &'static str) {
    *SECTION.lock() = name;
    show(format!("measuring: {name}"));
}

/// A part of it: one row of a table, or one round of several.
pub fn step(what: &str) {
    let section = *SECTION.lock();
    show(format!("measuring: {section}: {what}"));
}

/// The same, as one of several.
pub fn step_of(what: &str, number: usize, all: usize) {
    step(&format!("{what} ({number} of {all})"));
}

fn show(text: String) {
    BAR.set_message(crate::term::fit(&text).into_owned());
    BAR.tick();
}

/// Takes it away for as long as something is printed.
pub fn pause(print: impl FnOnce()) {
    BAR.suspend(print);
}

/// Takes it away.
pub fn finish() {
    BAR.finish_and_clear();
}
