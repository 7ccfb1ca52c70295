// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 runtime`: ONNX Runtime from a package index, with made-up builds of it.

mod failures;
mod install;
mod list;

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::http::{Exchange, Reply, Server};
use support::program::{command, stdout};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A library that says it is an ONNX Runtime of this version, and has its interface.
fn library(version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("a.c"), folder.path().join("a.so"));
    let code = format!(
        "typedef struct {{ const void *(*get_api)(unsigned); const char *(*version)(void); }} Base;
         static const void *get_api(unsigned version) {{ (void)version; return get_api; }}
         static const char *version(void) {{ return \"{version}\"; }}
         static const Base base = {{ get_api, version }};
         const Base *OrtGetApiBase(void) {{ return &base; }}"
    );
    std::fs::write(&source, code).expect("written");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("a C compiler, as building this project needs one");
    assert!(status.success());
    std::fs::read(library).expect("compiled")
}

/// A build, its wheel, and what describes it to the program.
struct Build {
    name: &'static str,
    version: &'static str,
    library: Vec<u8>,
    wheel: Bytes,
}

impl Build {
    fn new(name: &'static str, version: &'static str) -> Self {
        Self::of(name, version, library(version))
    }

    /// With a provider beside the library, another name of it, and things that are not wanted.
    fn of(name: &'static str, version: &'static str, library: Vec<u8>) -> Self {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let main = format!("onnxruntime/capi/libonnxruntime.so.{version}");
        for (member, content) in [
            (main.as_str(), library.as_slice()),
            (
                "onnxruntime/capi/libonnxruntime_providers_x.so",
                b"provider",
            ),
            ("onnxruntime/capi/libx.so", b"x"),
            ("onnxruntime/capi/libx.so.1", b"x"),
            ("onnxruntime/capi/onnxruntime_pybind11_state.so", b"python"),
            ("onnxruntime/LICENSE", b"MIT"),
            ("onnxruntime/ThirdPartyNotices.txt", b"others"),
            ("onnxruntime/__init__.py", b""),
        ] {
            zip.start_file(member, SimpleFileOptions::default())
                .expect("a member");
            zip.write_all(content).expect("written");
        }
        let wheel = zip.finish().expect("a wheel").into_inner().into();
        Self {
            name,
            version,
            library,
            wheel,
        }
    }

    fn file_name(&self) -> String {
        format!(
            "onnxruntime_{}-{}-cp312-cp312-any.whl",
            self.name, self.version
        )
    }

    fn description(&self) -> Value {
        json!({
            "name": self.name,
            "package": format!("onnxruntime-{}", self.name),
            "version": self.version,
            "platform": "any",
            "sha256": sha256(&self.wheel),
            "size": self.wheel.len(),
            "library": format!("libonnxruntime.so.{}", self.version),
            "library_sha256": sha256(&self.library),
        })
    }

    /// An index that has the wheel in a folder of its own, as mirrors do.
    fn index(&self) -> Server {
        let (name, wheel) = (self.file_name(), self.wheel.clone());
        let package = format!("/simple/onnxruntime-{}/", self.name);
        Server::start(move |_, asked| serve(asked, &package, &name, &wheel))
    }

    /// The command that installs it.
    fn install(&self, home: &Path, args: &[&str]) -> Command {
        self.install_as(home, &self.description(), args)
    }

    /// The same with another description.
    fn install_as(&self, home: &Path, description: &Value, args: &[&str]) -> Command {
        let file = home.join("build.json");
        std::fs::write(&file, description.to_string()).expect("written");
        let file = file.to_str().expect("a path of text");
        let first = ["runtime", "install", "--pause", "1", "--build", file];
        runtime(home, &[&first, args].concat())
    }

    fn folder(&self, home: &Path) -> PathBuf {
        home.join("gst-resnet50/runtime").join(self.name)
    }
}

/// The pages of an index.
fn serve(asked: &Exchange, package: &str, name: &str, wheel: &Bytes) -> Reply {
    let path = asked.line.split(' ').nth(1).unwrap_or_default();
    if path == package {
        let page = format!(
            "<!DOCTYPE html><a href=\"../../files/other-1.whl#sha256=00\">other-1.whl</a>\n\
             <a href=\"../../files/{name}#sha256=00\" data-requires-python=\"&gt;=3\">{name}</a>"
        );
        Reply::whole(&Bytes::from(page))
    } else if path == format!("/files/{name}") {
        Reply::file(asked, wheel, "v")
    } else {
        Reply::new(404, "")
    }
}

/// The program, with a home of its own and no other library or index than the test's.
fn runtime(home: &Path, args: &[&str]) -> Command {
    let mut command = command(home, args);
    for name in [
        "ORT_DYLIB_PATH",
        "LD_LIBRARY_PATH",
        "PIP_INDEX_URL",
        "PIP_CONFIG_FILE",
        "VIRTUAL_ENV",
        "XDG_CONFIG_HOME",
    ] {
        command.env_remove(name);
    }
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("it runs")
}

/// What `runtime list --json` says.
fn list(mut command: Command) -> Value {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

/// The libraries of such a list that are in a folder.
fn below<'a>(list: &'a Value, folder: &Path) -> Vec<&'a Value> {
    let libraries = list["libraries"].as_array().expect("a list");
    let is_below = |it: &&Value| Path::new(it["path"].as_str().expect("text")).starts_with(folder);
    libraries.iter().filter(is_below).collect()
}

/// The names of what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
