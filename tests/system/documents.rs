// SPDX-License-Identifier: MPL-2.0
//! What the documents tell people to do is possible: links lead somewhere, pipelines can be built.
//! (Unit tests of `gst-resnet50` and of `xtask` do the same with the commands of these.)

use std::path::{Path, PathBuf};

use gst::prelude::*;

use support::markdown::{Document, documents};
use support::{init, source};

fn all() -> Vec<Document> {
    let documents = documents(&source(""));
    assert!(documents.len() >= 15, "{}", documents.len());
    documents
}

/// Each link within the project leads to a file that is there, and to a heading that is in it.
#[test]
fn links_lead_somewhere() {
    let documents = all();
    let mut broken = Vec::new();
    for document in &documents {
        let folder = document.path.parent().expect("a folder");
        for link in document.links() {
            // Other sites are not asked; names of Rust items are checked by rustdoc.
            if link.contains("://") || link.contains("::") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = match file {
                "" => document.path.clone(),
                file => normal(&folder.join(file)),
            };
            let is_there = source(&path.to_string_lossy()).exists();
            let target = documents.iter().find(|other| other.path == path);
            let has_anchor = anchor.is_empty()
                || target.is_some_and(|it| it.anchors().iter().any(|name| name == anchor));
            if !is_there || !has_anchor {
                broken.push(format!("{}: {link}", document.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A path without `..`, as the documents are listed.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part.as_os_str().to_str() {
            Some("..") => assert!(normal.pop(), "{} leads out", path.display()),
            _ => normal.push(part),
        }
    }
    normal
}

/// Each block of code says in which language it is, or that it is none.
#[test]
fn blocks_have_a_language() {
    for document in all() {
        for block in document.blocks() {
            assert!(
                !block.language.is_empty(),
                "{}: {:?}",
                document.path.display(),
                block.lines
            );
        }
    }
}

/// The files and folders that docs/architecture.md names are there.
#[test]
fn the_architecture_is_up_to_date() {
    let document = all()
        .into_iter()
        .find(|document| document.path == Path::new("docs/architecture.md"))
        .expect("docs/architecture.md");
    let mut missing = Vec::new();
    for line in document.prose() {
        for name in line.split('`').skip(1).step_by(2) {
            let is_path = name.contains('/') && !name.contains([' ', '<']);
            // A folder within the one that the line begins with is named alone.
            if is_path && name.matches('/').count() > 1 && !source(name).exists() {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The first screen fits on one, and the rest of the README is short.
#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(source("README.md")).expect("the README");
    assert!(text.lines().count() <= 130);
}

/// The README's figures are those of the last measurement.
#[test]
fn the_readme_quotes_the_measurement() {
    let read = |name: &str| std::fs::read_to_string(source(name)).expect("UTF-8");
    let measured = read("docs/PERFORMANCE.md");
    let readme = read("README.md");
    let reasons = readme.lines().filter(|line| line.starts_with("- **"));
    let mut quoted = 0;
    for word in reasons.take(3).flat_map(|line| line.split([' ', ',', ';'])) {
        if word.contains('.') && word.parse::<f64>().is_ok() {
            assert!(
                measured.contains(&format!("| {word} ")),
                "README.md says {word}, and docs/PERFORMANCE.md does not"
            );
            quoted += 1;
        }
    }
    assert!(quoted >= 5, "{quoted}");
}

/// The pipelines that people are told to type.
fn pipelines() -> Vec<String> {
    let root = source("").to_string_lossy().into_owned();
    let mut pipelines = Vec::new();
    for document in all() {
        let commands = document.commands("gst-launch-1.0");
        for command in commands.iter().filter(|it| it.is_complete) {
            let options = |word: &&String| word.starts_with('-');
            let words = command.words.iter().skip(1).skip_while(options);
            let words: Vec<_> = words
                .map(|word| word.replace("$PWD", root.trim_end_matches('/')))
                .collect();
            pipelines.push(words.join(" "));
        }
    }
    assert!(pipelines.len() >= 10, "{pipelines:#?}");
    pipelines
}

/// Each pipeline has properties that exist, with values that they can have; those whose elements
/// are installed can be built.
#[test]
fn pipelines_can_be_built() {
    init();
    for line in pipelines() {
        let mut is_installed = true;
        for part in line.split(" ! ") {
            let mut words = part.split(' ');
            let factory = words.next().expect("a name");
            let Some(factory) = gst::ElementFactory::find(factory) else {
                // Of ours each is there; of others a machine may lack some.
                assert!(!factory.starts_with("resnet50"), "{line}: no {factory}");
                is_installed = false;
                continue;
            };
            let element = factory.create().build().expect("an element");
            for word in words {
                let (name, value) = word.split_once('=').expect("name=value");
                if name == "@preset" {
                    let presets = source("plugin-meta/presets/GstResnet50.prs");
                    let presets = std::fs::read_to_string(presets).expect("the presets");
                    assert!(presets.contains(&format!("[{value}]")), "{line}: {word}");
                    is_installed = false;
                    continue;
                }
                let spec = element.find_property(name);
                let spec = spec.unwrap_or_else(|| panic!("{line}: no property {name}"));
                let parsed = glib::Value::deserialize_with_pspec(value, &spec);
                assert!(parsed.is_ok(), "{line}: {word}");
            }
        }
        if is_installed {
            let built = gst::parse::launch(&line);
            assert!(built.is_ok(), "{line}: {built:?}");
        }
    }
}

/// The examples that people are told to run are there.
#[test]
fn examples_are_there() {
    let mut found = 0;
    for document in all() {
        for command in document.commands("cargo run") {
            let mut words = command.words.iter();
            if words.any(|word| word == "--example") {
                let name = words.next().expect("a name");
                assert!(source(&format!("examples/{name}.rs")).exists(), "{name}");
                found += 1;
            }
        }
    }
    assert!(found >= 5, "{found}");
}
