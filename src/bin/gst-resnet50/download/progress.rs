// SPDX-License-Identifier: MPL-2.0
//! What the user sees of a download: a bar at a terminal, and lines anywhere.

use std::time::Instant;

use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressStyle};

use super::Url;

const BAR: &str =
    "{decimal_bytes} of {decimal_total_bytes} {wide_bar} {decimal_bytes_per_sec}, {eta} left";

/// For servers that do not say how much will come.
const COUNTER: &str = "{spinner} {decimal_bytes}, {decimal_bytes_per_sec}";

/// It writes to stderr, the bar only where that is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    begun: Instant,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            bar: ProgressBar::no_length(),
            begun: Instant::now(),
        }
    }

    /// Bytes begin to arrive: those from `from` on, of `total`.
    pub fn start(&self, url: &Url, from: u64, total: Option<u64>) {
        let size = total.map_or("of unknown size".into(), |t| DecimalBytes(t).to_string());
        match from {
            0 => self.line(&format!("downloading {url} ({size})")),
            _ => self.line(&format!(
                "downloading {url} ({size}) from {} on",
                DecimalBytes(from)
            )),
        }
        let template = match total {
            Some(total) => {
                self.bar.set_length(total);
                BAR
            }
            None => COUNTER,
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_position(from);
        // The rate is that of this connection.
        self.bar.reset_eta();
    }

    pub fn arrived(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Says something above the bar.
    pub fn line(&self, text: &str) {
        self.bar.suspend(|| complain!("{text}"));
    }

    pub fn finish(self, bytes: u64) {
        self.bar.finish_and_clear();
        self.line(&format!(
            "downloaded {} in {}",
            DecimalBytes(bytes),
            HumanDuration(self.begun.elapsed())
        ));
    }
}
