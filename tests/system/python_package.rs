// SPDX-License-Identifier: MPL-2.0
//! The modules of the wheel, around the plugin that the tests have: what they set, and what they say where
//! the system lacks a library.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{example, plugin, source};

/// The package as pip installs it, with the names of libraries that it looks for.
struct Package {
    folder: tempfile::TempDir,
}

impl Package {
    fn new(libraries: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let package = folder.path().join("gst_plugin_resnet50");
        for (name, from) in [
            ("plugins", plugin::folder().to_owned()),
            ("presets", source("plugin-meta/presets")),
        ] {
            copy(&from, &package.join(name));
        }
        for name in ["__init__.py", "__main__.py"] {
            let from = source("python/gst_plugin_resnet50").join(name);
            std::fs::copy(from, package.join(name)).expect("copied");
        }
        let libraries = format!("LIBRARIES = {libraries:?}\n");
        std::fs::write(package.join("_libraries.py"), libraries).expect("written");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("gst_plugin_resnet50").join(name)
    }

    /// Runs Python with the package, in an environment in which nothing else names the plugin.
    fn python(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut python = example::python();
        python
            .args(arguments)
            .env("PYTHONPATH", self.folder.path())
            .env("HOME", self.folder.path())
            .env("GST_REGISTRY", self.folder.path().join("registry.bin"))
            .env_remove("GST_PLUGIN_PATH")
            .env_remove("GST_PLUGIN_PATH_1_0")
            .env_remove("GST_PRESET_PATH")
            .envs(environment.iter().copied());
        python.output().expect("it runs")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in from.read_dir().expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn text(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// `register()` makes the element and its presets known, whether GStreamer runs already or not, once or
/// twice.
#[test]
fn registers_before_and_after_init() {
    let package = Package::new(&["libgstreamer-1.0.so.0"]);
    for order in [
        "register(); Gst.init(None)",
        "Gst.init(None); register()",
        "register(); Gst.init(None); register()",
    ] {
        let program = format!(
            "import gi\n\
             gi.require_version('Gst', '1.0')\n\
             from gi.repository import Gst\n\
             from gst_plugin_resnet50 import register\n\
             {order}\n\
             element = Gst.ElementFactory.make('resnet50')\n\
             print(element.get_factory().get_plugin().get_filename())\n\
             print(element.get_preset_names())\n"
        );
        let output = package.python(&["-c", &program], &[]);
        let text = text(&output);
        assert!(output.status.success(), "{order}: {text}");
        let file = package.path("plugins/libgstresnet50.so");
        let file = file.canonicalize().expect("it is there");
        assert!(text.contains(&*file.to_string_lossy()), "{order}: {text}");
        assert!(text.contains("live-camera"), "{order}: {text}");
    }
}

/// What the package prints a shell can evaluate; what was set before stays behind it, and GStreamer looks
/// at the variable that it is in.
#[test]
fn prints_the_environment() {
    let package = Package::new(&[]);
    let folder = |name: &str| {
        let folder = package.path(name).canonicalize().expect("it is there");
        folder.to_string_lossy().into_owned()
    };
    let (plugins, presets) = (folder("plugins"), folder("presets"));
    let run = |environment: &[(&str, &str)]| {
        let output = package.python(&["-m", "gst_plugin_resnet50"], environment);
        let script = text(&output);
        assert!(output.status.success(), "{script}");
        let mut sh = Command::new("sh");
        sh.args(["-euc", &format!("{script}\nenv")]);
        let output = sh.env_clear().output().expect("a shell");
        text(&output)
    };
    let has = |text: &str, line: &str| {
        assert!(text.lines().any(|it| it == line), "no {line} in {text}");
    };
    let plain = run(&[]);
    has(&plain, &format!("GST_PLUGIN_PATH={plugins}"));
    has(&plain, &format!("GST_PRESET_PATH={presets}"));
    let quoted = format!("{plugins}:/it's there");
    has(
        &run(&[("GST_PLUGIN_PATH", &quoted)]),
        &format!("GST_PLUGIN_PATH={quoted}"),
    );
    let newer = run(&[("GST_PLUGIN_PATH_1_0", "/a")]);
    has(&newer, &format!("GST_PLUGIN_PATH_1_0={plugins}:/a"));
    assert!(!newer.contains("GST_PLUGIN_PATH="), "{newer}");
}

/// A library that the system lacks is named in one error, with the remedy, by all three ways in.
#[test]
fn names_what_the_system_lacks() {
    let package = Package::new(&["libgstreamer-1.0.so.0", "libnone.so.7", "libneither.so"]);
    let program = "from gst_plugin_resnet50.__main__ import program; program()";
    let register = "import gst_plugin_resnet50; gst_plugin_resnet50.register()";
    for arguments in [
        &["-m", "gst_plugin_resnet50"][..],
        &["-c", program],
        &["-c", register],
    ] {
        let output = package.python(arguments, &[]);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(
            text.contains("has no libnone.so.7, libneither.so, which"),
            "{arguments:?}: {text}"
        );
        assert!(text.contains("apt-get install gstreamer1.0-"), "{text}");
    }
}
