// SPDX-License-Identifier: MPL-2.0
//! The properties.

use std::sync::{Arc, LazyLock};

use crate::element::model_name;
use crate::element::property::{self, Table, playing};
use crate::element::strings::NonUtf8;

/// The values of the properties.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The classifier whose results are written; `None` for the last one.
    pub model_name: Option<Arc<str>>,
    /// Whether a line is written for changes only.
    pub only_changes: bool,
    /// Whether a line is written for frames without results.
    pub include_unclassified: bool,
    /// String properties that were set to something that is not text.
    pub not_text: NonUtf8,
}

impl property::Settings for Settings {
    fn not_text(&mut self) -> &mut NonUtf8 {
        &mut self.not_text
    }
}

impl Default for Settings {
    /// With the properties' defaults.
    fn default() -> Self {
        let mut settings = Self {
            model_name: None,
            only_changes: false,
            include_unclassified: false,
            not_text: NonUtf8::default(),
        };
        PROPERTIES.reset(&mut settings);
        settings
    }
}

/// The properties, in the order in which `gst-inspect-1.0` shows them. `docs/properties.md` is made
/// from them.
pub static PROPERTIES: LazyLock<Table<Settings>> = LazyLock::new(|| {
    Table::new(vec![
        playing("model-name", "Model name", model_name::BLURB)
            .text_as(|name| model_name::name(name.as_deref()), |name| name.as_deref(), |s: &mut Settings| &mut s.model_name),
        playing("only-changes", "Only changes", "Write a line only if the decision, or without one the best class, differs from the previous line of the frame or of the same object (a region of the same type that has the same tracking id or, without one, overlaps the last position of the object by half); a region that disappears has no line")
            .boolean(false, |s| &mut s.only_changes),
        playing("include-unclassified", "Include unclassified", "Also write a line, with model null and no results, for each buffer in which neither the frame nor a region is classified")
            .boolean(false, |s| &mut s.include_unclassified),
    ])
});
