// SPDX-License-Identifier: MPL-2.0
//! Selection of one of several classifiers by name.

use std::path::Path;

/// How well the structure of a classification matches a name; `None` if it does not.
///
/// The element's name counts most, then the model as in the metadata, then the name of the model's
/// file, with or without its extension.
fn match_rank(structure: &gst::StructureRef, name: &str) -> Option<u8> {
    let text = |field| structure.get::<&str>(field).unwrap_or_default();
    if text("element") == name {
        return Some(3);
    }
    let model = text("model");
    if model == name {
        return Some(2);
    }
    let file = Path::new(model);
    let parts = [file.file_name(), file.file_stem()];
    let is_file = parts.into_iter().flatten().any(|part| part == name);
    is_file.then_some(1)
}

/// Selects a structure, of those with the last classifier's first: without a name that of the last
/// classifier, else the best match.
pub(super) fn select<'a>(
    mut structures: impl Iterator<Item = &'a gst::StructureRef>,
    name: Option<&str>,
) -> Option<&'a gst::StructureRef> {
    let Some(name) = name else {
        return structures.next();
    };
    let mut best = None;
    for structure in structures {
        let match_rank = match_rank(structure, name);
        if match_rank > best.map(|(match_rank, _)| match_rank).unwrap_or_default() {
            best = Some((match_rank, structure));
        }
    }
    best.map(|(_, structure)| structure)
}

/// Whether a name matches a classifier with this element name or model.
pub fn name_matches(element: &str, model: Option<&str>, name: &str) -> bool {
    let structure = gst::Structure::builder("classifier")
        .field("element", element)
        .field_if_some("model", model)
        .build();
    match_rank(&structure, name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element's name takes precedence over a model, a model over its file's name, and the first of
    /// equal matches counts.
    #[test]
    fn the_best_fit() {
        gst::init().expect("GStreamer");
        let classifiers = [
            ("third", "/models/plain.onnx"),
            ("second", "builtin:plain.onnx"),
            ("first", "/models/plain.onnx"),
            ("plain", "/models/other.v2.onnx"),
        ];
        let structures = classifiers.map(|(element, model)| {
            gst::Structure::builder("c")
                .field("element", element)
                .field("model", model)
                .build()
        });
        let found = |name| {
            let structures = structures.iter().map(AsRef::as_ref);
            select(structures, name).map(|s| s.get::<String>("element").expect("a name"))
        };
        for (name, expected) in [
            (None, Some("third")),
            (Some("first"), Some("first")),
            (Some("plain"), Some("plain")),
            (Some("plain.onnx"), Some("third")),
            (Some("/models/plain.onnx"), Some("third")),
            (Some("builtin:plain.onnx"), Some("second")),
            (Some("other.v2"), Some("plain")),
            (Some("other"), None),
            (Some(""), None),
        ] {
            assert_eq!(found(name).as_deref(), expected, "{name:?}");
        }
        assert!(name_matches("first", None, "first"));
        assert!(name_matches("first", Some("/a/b.onnx"), "b"));
        assert!(!name_matches("first", None, "b"));
    }
}
