// SPDX-License-Identifier: MPL-2.0
//! The builds of ONNX Runtime that are installed. `xtask` includes this file, too.
//!
//! They are published as Python wheels. The library in a wheel does not depend on the wheel's Python,
//! and needs none to run. A new version has new checksums, which `sha256sum` tells of the wheel and
//! of the library in it.

use std::env::consts::{ARCH, OS};

/// A wheel on the Python package index, and the library in it.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// What the user calls it, and the name of its folder.
    pub name: &'static str,
    /// The Python package.
    pub package: &'static str,
    pub version: &'static str,
    /// As the wheel's name and pip's `--platform` have it.
    pub platform: &'static str,
    /// Of the wheel.
    pub sha256: &'static str,
    /// Bytes of the wheel.
    pub size: u64,
    /// The library's file name, without its folder in the wheel.
    pub library: &'static str,
    /// The library has a checksum of its own, so that an installed one can be checked.
    pub library_sha256: &'static str,
}

impl Build {
    /// The wheel's file name.
    pub fn wheel(&self) -> String {
        format!(
            "{}-{}-cp312-cp312-{}.whl",
            self.package.replace('-', "_"),
            self.version,
            self.platform
        )
    }
}

/// The builds for this machine.
pub fn builds() -> &'static [Build] {
    match (OS, ARCH) {
        // Glibc's builds do not load with another C library.
        _ if !cfg!(target_env = "gnu") => &[],
        ("linux", "x86_64") => X86_64,
        ("linux", "aarch64") => AARCH64,
        _ => &[],
    }
}

/// The build of that name for this machine.
pub fn find(name: &str) -> Option<&'static Build> {
    builds().iter().find(|build| build.name == name)
}

const X86_64: &[Build] = &[
    Build {
        name: "cpu",
        package: "onnxruntime",
        version: "1.32.0",
        platform: "manylinux_2_28_x86_64",
        sha256: "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
        size: 27_780_211,
        library: "libonnxruntime.so.1.32.0",
        library_sha256: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
    },
    Build {
        name: "openvino",
        package: "onnxruntime-openvino",
        version: "1.24.1",
        platform: "manylinux_2_28_x86_64",
        sha256: "d617fac2f59a6ab5ea59a788c3e1592240a129642519aaeaa774761dfe35150e",
        size: 84_433_207,
        library: "libonnxruntime.so.1.24.1",
        library_sha256: "c7b0590c7825f7029ba17e20a5dea27f7f570d8241d60584caacd363648aa8e2",
    },
    Build {
        name: "cuda",
        package: "onnxruntime-gpu",
        version: "1.31.1",
        platform: "manylinux_2_28_x86_64",
        sha256: "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7",
        size: 255_569_273,
        library: "libonnxruntime.so.1.31.1",
        library_sha256: "5104254339ecadae808da771bd0b63b240f0dbd466514234905e54372435c303",
    },
];

const AARCH64: &[Build] = &[
    Build {
        name: "cpu",
        package: "onnxruntime",
        version: "1.32.0",
        platform: "manylinux_2_28_aarch64",
        sha256: "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
        size: 23_196_724,
        library: "libonnxruntime.so.1.32.0",
        library_sha256: "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
    },
    Build {
        name: "cuda",
        package: "onnxruntime-gpu",
        version: "1.31.1",
        platform: "manylinux_2_34_aarch64",
        sha256: "a0f1725c5a6d1ef82d63498b5ebc25e2c90c9560e91dc76db9be4a49162d4d33",
        size: 212_341_829,
        library: "libonnxruntime.so.1.31.1",
        library_sha256: "25430c15445a74ea480116a0da41533d83e59bceb1a18004c97e4873334afc90",
    },
];
