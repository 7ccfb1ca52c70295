// SPDX-License-Identifier: MPL-2.0
//! Whether two names stand for one file.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use gstresnet50::{onnx, paths};

use super::place::Place;
use super::{Output, place};

/// Refuses, before anything is written, an output that is one of the inputs, and two outputs that
/// are one file. Links and the ways to write a name do not matter.
///
/// # Errors
/// What would be overwritten, and by which name it is read.
pub fn check(outputs: &[&Output], inputs: impl IntoIterator<Item = PathBuf>) -> Result<(), String> {
    for (i, output) in outputs.iter().enumerate() {
        if outputs[..i].iter().any(|other| is_same(output, other)) {
            return Err(format!(
                "“{}” would be written twice at the same time: name two files",
                output.named.display()
            ));
        }
        let words = metadata_of_descriptor(1);
        if let (Place::File(_), Some(words), Some(file)) = (&output.place, words, metadata(output))
            && key(&words) == key(&file)
        {
            return Err(format!(
                "“{}” is where standard output goes, too: name another file, or “-” for standard output",
                output.named.display()
            ));
        }
    }
    // What is not there yet is no input.
    let there: Vec<_> = outputs
        .iter()
        .filter_map(|output| Some((output, key(&metadata(output)?)?)))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    for input in inputs {
        // Some are named by their URIs.
        let input = paths::from_path_or_uri(input.as_os_str());
        let Some(read) = input.metadata().ok().and_then(|m| key(&m)) else {
            continue;
        };
        if let Some((output, _)) = there.iter().find(|(_, written)| *written == read) {
            return Err(format!(
                "“{}” is read (as “{}”) and would be overwritten: name another file",
                output.named.display(),
                input.display()
            ));
        }
    }
    Ok(())
}

/// Device and inode. Terminals, /dev/null and their like can be read and written at a time, and by
/// several.
fn key(metadata: &Metadata) -> Option<(u64, u64)> {
    (!metadata.file_type().is_char_device()).then(|| (metadata.dev(), metadata.ino()))
}

fn is_same(one: &Output, other: &Output) -> bool {
    if one.is_stdout() && other.is_stdout() {
        return true;
    }
    match (metadata(one), metadata(other)) {
        (Some(one), Some(other)) => key(&one).is_some_and(|one| Some(one) == key(&other)),
        (None, None) => one.place == other.place,
        _ => false,
    }
}

/// What is there, if anything is.
fn metadata(output: &Output) -> Option<Metadata> {
    match &output.place {
        Place::Descriptor(number) => metadata_of_descriptor(*number),
        Place::File(path) | Place::Stream(path) | Place::Socket(path) => path.metadata().ok(),
    }
}

fn metadata_of_descriptor(number: i32) -> Option<Metadata> {
    let file = std::fs::File::from(place::descriptor(number).ok()?);
    file.metadata().ok()
}

/// The files that are read with a model: itself, what lies beside it, and its external data.
pub fn model_files(model: &Path) -> Vec<PathBuf> {
    let model = &paths::from_path_or_uri(model.as_os_str());
    let mut appended = model.as_os_str().to_owned();
    appended.push(".modelinfo");
    let mut files = vec![
        model.to_owned(),
        appended.into(),
        model.with_extension("modelinfo"),
    ];
    // What cannot be read is refused where it is needed.
    if let Ok(bytes) = gstresnet50::files::read(model, onnx::MAX_FILE) {
        let folder = model.parent().unwrap_or(Path::new("."));
        let places = onnx::external_files(Bytes::from(bytes)).unwrap_or_else(|place| vec![place]);
        files.extend(places.into_iter().map(|place| folder.join(place)));
    }
    files
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A file is found to be read by whatever name it is written, and what is not read is not.
    #[test]
    fn one_file_of_many_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "").expect("written");
        std::fs::hard_link(path("a"), path("hard")).expect("a link");
        symlink("a", path("soft")).expect("a link");
        symlink(folder.path(), path("self")).expect("a link");
        std::fs::write(path("other"), "").expect("written");
        let output = |name: &str| Output::new(&path(name)).expect("an output");
        for name in ["a", "hard", "soft", "self/soft", "self/self/hard"] {
            let error = check(&[&output(name)], [path("a")]).expect_err(name);
            assert!(error.contains("would be overwritten"), "{error}");
        }
        for name in ["other", "new"] {
            assert_eq!(check(&[&output(name)], [path("a"), path("new")]), Ok(()));
        }
        for (one, two) in [("a", "hard"), ("new", "self/new"), ("soft", "a")] {
            let error = check(&[&output(one), &output(two)], []).expect_err(one);
            assert!(error.contains("twice"), "{error}");
        }
        assert_eq!(check(&[&output("a"), &output("other")], []), Ok(()));
    }
}
