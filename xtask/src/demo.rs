// SPDX-License-Identifier: MPL-2.0
//! The plugin at work, from a fresh clone, in one command.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::debian::{Purpose, Python};
use crate::project::{self, Project};
use crate::{process, setup};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file or URI that GStreamer can play [default: the repository's demo/clip.webm]
    uri: Option<OsString>,
    /// The model to classify with [default: the program's own]
    #[arg(long, value_name = "MODEL")]
    model: Option<OsString>,
    /// Where the results go [default: demo-output in the repository]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Stop after this many frames
    #[arg(long, value_name = "N")]
    max_frames: Option<u64>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let project = Project::find()?;
    // A mistyped path should not cost a build first.
    let input = match &args.uri {
        Some(uri) => input(uri)?,
        None => project.root.join("demo/clip.webm").into_os_string(),
    };
    let output = match &args.output {
        Some(folder) => std::path::absolute(folder)?,
        None => project.root.join("demo-output"),
    };

    // The clip of our own needs no decoder but the one of the set good.
    let purpose = match &args.uri {
        Some(_) => Purpose::Use,
        None => Purpose::Demo,
    };
    setup::run(purpose, None, Python::Nothing)?;
    println!("demo: building the plugin and its program");
    process::run(
        project
            .cargo("build")
            .arg("--release")
            .args(project::plugin()),
    )?;
    let plugins = project.stage_plugin("release", "gstreamer-1.0")?;

    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let results = output.join("classification.jsonl");
    let annotated = output.join("annotated.webm");
    let mut classify = Command::new(project.target.join("release/gst-resnet50"));
    classify
        .arg("classify")
        .arg(&input)
        .arg("--json")
        .arg(&results)
        .arg("--annotate")
        .arg(&annotated)
        .env("GST_PLUGIN_PATH", search_path(&plugins)?)
        .env_remove(SPECIFIC);
    if let Some(model) = &args.model {
        classify.arg("--model").arg(model);
    }
    if let Some(frames) = args.max_frames {
        classify.arg("--max-frames").arg(frames.to_string());
    }
    println!("demo: classifying {}", input.to_string_lossy());
    // In the place of this program, so that Ctrl-C is the program's own affair.
    let error = classify.exec();
    Err(error).with_context(|| format!("cannot run `{}`", process::line(&classify)))
}

/// A URI as it is; a path made absolute, and only if there is something.
fn input(given: &OsString) -> Result<OsString> {
    if given.to_str().is_some_and(is_uri) {
        return Ok(given.clone());
    }
    let path = std::path::absolute(given)?;
    if !path.exists() {
        bail!("there is no file {}", path.display());
    }
    Ok(path.into_os_string())
}

/// RFC 3986's scheme, and the two slashes without which it is more likely a file's name.
fn is_uri(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// GStreamer ignores `GST_PLUGIN_PATH` where this one is set.
const SPECIFIC: &str = "GST_PLUGIN_PATH_1_0";

/// Our folder first, before any that the user has.
fn search_path(ours: &Path) -> Result<OsString> {
    let theirs = env::var_os(SPECIFIC).or_else(|| env::var_os("GST_PLUGIN_PATH"));
    let theirs = theirs.unwrap_or_default();
    let theirs = env::split_paths(&theirs).filter(|path| !path.as_os_str().is_empty());
    let all = std::iter::once(ours.to_path_buf()).chain(theirs);
    Ok(env::join_paths(all)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Schemes pass; paths do not, even with odd characters.
    #[test]
    fn tells_uris_from_paths() {
        for uri in ["file:///a.mp4", "rtsp://camera/1", "http+ssl.2-x://h"] {
            assert!(is_uri(uri), "{uri}");
        }
        for path in ["a.mp4", "/a/b.mp4", "./x://y", "://a", "1x://y", "C:a"] {
            assert!(!is_uri(path), "{path}");
        }
    }

    /// A missing file is refused by its full name, before anything is built.
    #[test]
    fn refuses_a_missing_file() -> Result<()> {
        let error = input(&OsString::from("no/such.mp4")).expect_err("there is none");
        let full = env::current_dir()?.join("no/such.mp4");
        assert!(error.to_string().contains(&full.display().to_string()));
        Ok(())
    }

    /// An existing file becomes absolute, for the program may run elsewhere.
    #[test]
    fn makes_paths_absolute() -> Result<()> {
        let path = PathBuf::from(input(&OsString::from("Cargo.toml"))?);
        assert!(path.is_absolute() && path.is_file());
        Ok(())
    }
}
