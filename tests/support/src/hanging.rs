// SPDX-License-Identifier: MPL-2.0
//! Files that hang, as on a mount whose server does not answer, and other files that are none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child;
use crate::element::text;

/// A library that makes the opening for reading of each file wait for ever whose name ends in
/// `hangs`.
const CODE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
static void look(const char *path, int flags) {
    size_t n = strlen(path);
    if ((flags & O_ACCMODE) != O_RDONLY) return;
    while (n >= 5 && strcmp(path + n - 5, "hangs") == 0) pause();
}
#define OPEN(NAME) int NAME(const char *path, int flags, ...) { \
    va_list more; va_start(more, flags); int mode = va_arg(more, int); va_end(more); \
    look(path, flags); \
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #NAME); \
    return real(path, flags, mode); }
OPEN(open)
OPEN(open64)
"#;

/// [`child::run`] where files whose names end in `hangs` do. A child that waits for one ends with an
/// error after two minutes.
pub fn run(name: &str, body: impl FnOnce()) {
    let folder = tempfile::tempdir().expect("a folder");
    let prepare = |child: &mut Command| {
        let source = folder.path().join("hanging.c");
        let library = folder.path().join("libhanging.so");
        std::fs::write(&source, CODE).expect("a file");
        let status = Command::new("cc")
            .args([
                "-shared",
                "-fPIC",
                "-o",
                text(&library),
                text(&source),
                "-ldl",
            ])
            .status()
            .expect("a C compiler, as building this project needs one");
        assert!(status.success());
        child.env("LD_PRELOAD", &library);
    };
    child::run(name, prepare, || {
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_secs(120));
            eprintln!("something hangs that must not");
            std::process::abort();
        });
        body();
    });
}

/// A FIFO without anybody at its other end.
pub fn fifo(path: &Path) -> PathBuf {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "a FIFO");
    path.to_owned()
}
