// SPDX-License-Identifier: MPL-2.0
//! The plugin as a file, in the hands of GStreamer's own programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A folder with nothing but the plugin in it: the one that `cargo xtask test` names, or one with
/// the file that cargo has built together with the test program.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::var_os("RESNET50_TEST_PLUGIN_DIR").map_or_else(stage, Into::into);
        let file = folder.join(FILE);
        assert!(
            file.is_file(),
            "{} is missing: run the tests with `cargo xtask test`, which builds it",
            file.display()
        );
        folder
    })
}

const FILE: &str = "libgstresnet50.so";

/// Links the file beside the test program into a folder of its own, for GStreamer would load all
/// the libraries that lie around it.
fn stage() -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let built = test.with_file_name(FILE);
    let folder = test.with_file_name("gstreamer-1.0-test");
    std::fs::create_dir_all(&folder).expect("a folder");
    // In one step, for other tests may do the same.
    let link =
        tempfile::Builder::new().make_in(&folder, |path| std::os::unix::fs::symlink(&built, path));
    let link = link.expect("a link").into_temp_path();
    link.persist(folder.join(FILE)).expect("it is renamed");
    folder
}

/// Lets a program find the plugin, with a registry of its own.
pub fn prepare<'a>(command: &'a mut Command, registry: &Path) -> &'a mut Command {
    command
        .env("GST_PLUGIN_PATH", folder())
        .env("GST_REGISTRY", registry.join("registry.bin"))
        .env("G_DEBUG", "fatal-warnings")
        .env("LC_ALL", "C.UTF-8")
        // Where these are set, GStreamer ignores the ones above.
        .env_remove("GST_PLUGIN_PATH_1_0")
        .env_remove("GST_REGISTRY_1_0")
        .env_remove("GST_REGISTRY_UPDATE")
}

/// Runs a program, which must be there.
pub fn output(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    command
        .output()
        .unwrap_or_else(|error| panic!("{}", missing(&program, &error)))
}

/// What to say where a program cannot be run.
fn missing(program: &OsStr, error: &std::io::Error) -> String {
    let name = program.to_string_lossy();
    let package = match &*name {
        "gst-inspect-1.0" | "gst-launch-1.0" => "gstreamer1.0-tools",
        name => name,
    };
    format!("{name} does not run ({error}): install Debian's {package} (`cargo xtask setup` does)")
}
