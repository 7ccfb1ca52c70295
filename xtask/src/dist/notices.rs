// SPDX-License-Identifier: MPL-2.0
//! The licences of the crates that are linked in, which their authors ask to be kept with a binary.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::project::Project;

/// The file in which they are.
pub const FILE: &str = "THIRD-PARTY.txt";

/// The text of that file, for a build with these arguments.
pub fn collect(project: &Project, arguments: &[String]) -> Result<String> {
    let host = host(project)?;
    let mut metadata = project.cargo("metadata");
    metadata
        .args(["--format-version", "1", "--filter-platform", &host])
        .args(arguments);
    let output = process::output(&mut metadata)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}", process::line(&metadata), stderr.trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let linked = linked(&metadata).context("`cargo metadata` has no such package")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    // Of the registry; the others are our own.
    let packages = packages.filter(|it| linked.contains(&id(it)) && !it["source"].is_null());
    let mut crates = Vec::new();
    for package in packages {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let folder = Path::new(package["manifest_path"].as_str().context("no path")?);
        let folder = folder.parent().context("no folder")?;
        crates.push(Crate {
            name: format!("{} {}", text("name"), text("version")),
            licence: text("license"),
            home: text("repository"),
            texts: texts(folder)?,
        });
    }
    Ok(write(&crates))
}

/// The triple that is built for.
fn host(project: &Project) -> Result<String> {
    let output = process::output(project.cargo("--version").arg("--verbose"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("cargo does not tell its host")?.to_owned())
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_default()
}

/// The IDs of the packages that the plugin's own is linked with, itself included: those that only
/// its build or its tests need are not.
fn linked(metadata: &Value) -> Option<BTreeSet<&str>> {
    let nodes = metadata["resolve"]["nodes"].as_array()?;
    let nodes: HashMap<&str, &Value> = nodes.iter().map(|it| (id(it), it)).collect();
    let packages = metadata["packages"].as_array()?;
    let root = packages
        .iter()
        .find(|it| it["name"] == "gst-plugin-resnet50")?;
    let mut linked = BTreeSet::new();
    let mut waiting = vec![id(root)];
    while let Some(next) = waiting.pop() {
        if !linked.insert(next) {
            continue;
        }
        let dependencies = nodes.get(next)?["deps"].as_array()?;
        for dependency in dependencies {
            let mut kinds = dependency["dep_kinds"].as_array()?.iter();
            if kinds.any(|it| it["kind"].is_null()) {
                waiting.push(dependency["pkg"].as_str()?);
            }
        }
    }
    Some(linked)
}

#[derive(Debug)]
struct Crate {
    /// With its version.
    name: String,
    licence: String,
    home: String,
    texts: Vec<String>,
}

/// The licences and notices that lie in a crate's folder.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries
        .iter()
        .filter(|it| is_licence(&it.file_name().to_string_lossy()))
        .map(fs::DirEntry::path)
        .filter(|it| it.is_file())
        .collect();
    files.sort();
    let read = |file: &std::path::PathBuf| {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    files.iter().map(read).collect()
}

fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let stems = [
        "LICENSE",
        "LICENCE",
        "COPYING",
        "COPYRIGHT",
        "NOTICE",
        "UNLICENSE",
    ];
    stems.iter().any(|stem| name.starts_with(stem)) && !name.ends_with(".RS")
}

/// A list of all crates, then each text once, with the crates that it is of.
fn write(crates: &[Crate]) -> String {
    let mut text = String::from("The binaries are linked with these Rust crates:\n\n");
    let mut texts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for it in crates {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}: {} {}", it.name, it.licence, it.home);
        for one in &it.texts {
            texts.entry(one).or_default().push(&it.name);
        }
    }
    for (licence, crates) in texts {
        let rule = "-".repeat(72);
        let _ = write!(
            text,
            "\n{rule}\n{}\n{rule}\n\n{licence}\n",
            crates.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that several crates share is there once, with all their names.
    #[test]
    fn each_text_once() {
        let one = |name: &str, texts: &[&str]| Crate {
            name: name.to_owned(),
            licence: "MIT".to_owned(),
            home: "home".to_owned(),
            texts: texts.iter().map(|it| (*it).to_owned()).collect(),
        };
        let text = write(&[one("a 1", &["T"]), one("b 2", &["T", "U"]), one("c 3", &[])]);
        assert!(text.contains("c 3: MIT home\n"), "{text}");
        assert_eq!(text.matches("\n\nT\n").count(), 1, "{text}");
        assert!(
            text.contains("\na 1, b 2\n") && text.contains("\nb 2\n"),
            "{text}"
        );
    }

    /// Source files that are named alike are not texts of a licence.
    #[test]
    fn knows_licences_by_name() {
        for name in [
            "LICENSE",
            "LICENSE-MIT",
            "license.md",
            "COPYING",
            "Copyright",
            "NOTICE.txt",
        ] {
            assert!(is_licence(name), "{name}");
        }
        for name in ["license.rs", "README.md", "src"] {
            assert!(!is_licence(name), "{name}");
        }
    }

    /// What the program is linked with is found, and what only the tests need is not.
    #[test]
    fn of_what_is_linked() -> Result<()> {
        let arguments = ["--offline", "--features", "gst-plugin-resnet50/cli"].map(str::to_owned);
        let text = collect(&Project::find()?, &arguments)?;
        for name in ["\ngstreamer 0.", "\nclap 4.", "\nort 2."] {
            assert!(text.contains(name), "{name}");
        }
        for name in [
            "\nproptest ",
            "\ngstreamer-check ",
            "\ngst-plugin-version-helper ",
        ] {
            assert!(!text.contains(name), "{name}");
        }
        assert!(text.contains("Permission is hereby granted"));
        Ok(())
    }
}
