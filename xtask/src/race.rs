// SPDX-License-Identifier: MPL-2.0
//! The race against others, in a system whose GStreamer has `onnxinference`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::debian::{Purpose, Python};
use crate::project::{self, Project};
use crate::systems::{Bind, Root, SID, quietly};
use crate::{builds, debian, onnxruntime, process, setup};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rounds; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How many seconds a turn measures
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// A folder with Debian sid and its GStreamer, instead of a new one that is kept in the cache
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Write neither docs/PERFORMANCE.md nor README.md
    #[arg(long)]
    dry_run: bool,
}

/// What the loop in Python needs from PyPI, with the ONNX Runtime that this project installs.
const WHEELS: [&str; 2] = ["opencv-python-headless", "numpy"];

/// Where Debian has its ONNX Runtime.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu";

/// A model description as GStreamer's element needs it, with ImageNet's mean and standard deviation.
const MODELINFO: &str = "[modelinfo]
version=1.0
group-id=classification-generic-out

[input]
id=input
type=float32
dims=-1,3,224,224
dir=input
ranges=-2.1179,2.2489;-2.0357,2.4286;-1.8044,2.6400

[output]
id=classification-generic-out
group-id=classification-generic-out
type=float32
dims=-1,1000
dir=output
";

pub fn run(args: &Args) -> Result<ExitCode> {
    setup::run(Purpose::Use, None, Python::Nothing)?;
    let project = Project::find()?;
    println!("race: building");
    let mut build = project.cargo("build");
    build.args([
        "--release",
        "--lib",
        "--bin",
        "gst-resnet50",
        "--bench",
        "race",
    ]);
    process::run(build.args(project::plugin()))?;
    let plugins = project.stage_plugin("release", "race/plugins")?;
    let folder = project.target.join("race");
    let models = models(&project, &folder)?;

    let root = match &args.root {
        Some(folder) => Root::existing(folder)?,
        None => Root::kept(&SID, &debian::packages_elsewhere())?,
    };
    let data = onnxruntime::data_dir(|name| std::env::var_os(name))?;
    let mut binds = vec![Bind::writable(&project.root), Bind::read_only(&data)];
    if !project.target.starts_with(&project.root) {
        binds.push(Bind::writable(&project.target));
    }
    // Pip in there has this machine's variables, and so needs the folder that this one may name.
    let wheels = std::env::var_os("PIP_FIND_LINKS").map(PathBuf::from);
    if let Some(wheels) = wheels.filter(|it| it.is_absolute() && it.is_dir()) {
        binds.push(Bind::read_only(wheels));
    }
    let command = |program: &str| root.command(&binds, &project.root, program);
    let python = python(&root, &folder, &command)?;

    let race = newest(&project.target.join("release/deps"), "race-")?;
    let library = newest(
        &root.folder().join(LIBRARIES.trim_start_matches('/')),
        "libonnxruntime.so.",
    )?;
    let library = Path::new(LIBRARIES).join(library.file_name().context("a file has a name")?);
    let mut race = command(&race.display().to_string());
    race.env("GST_PLUGIN_PATH", &plugins)
        .env("GST_REGISTRY", folder.join("registry.bin"))
        .arg("--models")
        .arg(&models)
        .arg("--python")
        .arg(&python)
        .arg("--system-runtime")
        .arg(&library)
        .arg("--own-runtime")
        .arg(data.join("libonnxruntime.so"))
        .args(["--rounds", &args.rounds.to_string()])
        .args(["--seconds", &args.seconds.to_string()]);
    if !args.dry_run {
        let readme = project.root.join("README.md");
        race.arg("--readme").arg(readme);
        race.arg("--write")
            .arg(project.root.join("docs/PERFORMANCE.md"));
    }
    let status = process::status(&mut race)?;
    Ok(process::exit_code(status))
}

/// The folder with the models and their labels.
fn models(project: &Project, folder: &Path) -> Result<PathBuf> {
    let models = folder.join("models");
    fs::create_dir_all(&models)?;
    for precision in ["int8", "fp32"] {
        let file = models.join(format!("{precision}.onnx"));
        // Untrained weights are as fast as trained ones.
        let mut build = Command::new(project.target.join("release/gst-resnet50"));
        build.args(["model", "build", "--init", "rule", "--batch", "dynamic"]);
        build
            .args(["--precision", precision, "--output"])
            .arg(&file);
        if !file.exists() {
            quietly(&mut build)?;
        }
        fs::write(
            models.join(format!("{precision}.onnx.modelinfo")),
            MODELINFO,
        )?;
    }
    let labels = project.root.join("plugin-meta/imagenet-1k.txt");
    fs::copy(labels, models.join("labels.txt"))?;
    Ok(models)
}

/// A Python with OpenCV and onnxruntime, in a virtual environment that is kept.
fn python(root: &Root, folder: &Path, command: &dyn Fn(&str) -> Command) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let name = python.display().to_string();
    let is_ready = || process::succeeds(command(&name).args(["-c", "import cv2, onnxruntime"]));
    if is_ready() {
        return Ok(python);
    }
    if !process::succeeds(command("python3").args(["-c", "import ensurepip"])) {
        root.install(&["python3-venv"])?;
    }
    quietly(
        command("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    )?;
    // The certificates of this machine, for its package index may have one of its own.
    let certificates = folder.join("certificates.crt");
    let has_certificates = fs::copy("/etc/ssl/certs/ca-certificates.crt", &certificates).is_ok();
    let mut pip = command(&name);
    for (name, value) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PIP_") {
            pip.env(name, value);
        }
    }
    if has_certificates {
        pip.env("PIP_CERT", &certificates);
    }
    pip.args(["-m", "pip", "install", "--quiet"]).args(WHEELS);
    let build = builds::find("cpu").context("no ONNX Runtime is known for this machine")?;
    quietly(pip.arg(format!("{}=={}", build.package, build.version)))?;
    Ok(python)
}

/// The newest file in a folder whose name begins so and is that of no other kind of file.
fn newest(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    let files = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.ends_with(".d") && !rest.ends_with(".o"))
    });
    let newest = files.max_by_key(|entry| entry.metadata().and_then(|m| m.modified()).ok());
    match newest {
        Some(entry) => Ok(entry.path()),
        None => bail!("there is no {prefix}… in {}", folder.display()),
    }
}
