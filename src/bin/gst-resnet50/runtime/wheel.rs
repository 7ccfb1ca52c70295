// SPDX-License-Identifier: MPL-2.0
//! Takes the libraries out of a wheel.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::builds::Build;
use super::manifest::Manifest;
use crate::digest;

/// The folder of the libraries in a wheel.
const LIBRARIES: &str = "onnxruntime/capi/";

/// What the licences of the libraries ask to be kept with them.
const LICENCES: [&str; 2] = ["onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"];

/// The name without a version, which stays when a newer build is installed.
pub const LINK: &str = "libonnxruntime.so";

/// Puts the libraries of a wheel and their licences into an empty folder. Returns what there is.
///
/// # Errors
/// If it is no wheel, or one without what is expected, or cannot be written.
pub fn unpack(build: &Build, wheel: &Path, folder: &Path) -> crate::Result<Manifest> {
    let mut archive = ZipArchive::new(File::open(wheel)?)?;
    let licences = folder.join("licences");
    fs::create_dir(&licences)?;
    for licence in LICENCES {
        let name = licence.rsplit('/').next().unwrap_or_default();
        extract(&mut archive, licence, &licences.join(name))?;
    }
    let members: Vec<String> = archive
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .filter(|name| is_library(name))
        .collect();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for member in &members {
        let name = &member[LIBRARIES.len()..];
        let sha256 = extract(&mut archive, member, &folder.join(name))?;
        // Wheels have no links: libopenvino.so is in one three times.
        let same = files.iter().find(|(_, known)| **known == sha256);
        if let Some((same, _)) = same {
            fs::remove_file(folder.join(name))?;
            symlink(same, folder.join(name))?;
        }
        files.insert(name.to_owned(), sha256);
    }
    match files.get(build.library) {
        None => return Err(format!("there is no {LIBRARIES}{} in it", build.library).into()),
        Some(sha256) if sha256 != build.library_sha256 => {
            return Err(format!(
                "the SHA-256 of its {} is {sha256}, and should be {}",
                build.library, build.library_sha256
            )
            .into());
        }
        Some(_) => {}
    }
    symlink(build.library, folder.join(LINK))?;
    Ok(Manifest::new(build, files))
}

/// Whether a member is a library of ONNX Runtime or of one of its providers, and none for Python.
fn is_library(member: &str) -> bool {
    let name = member.strip_prefix(LIBRARIES).unwrap_or_default();
    name.starts_with("lib") && name.contains(".so") && !name.contains(['/', '\\'])
}

/// Writes a member to a new file. Returns its SHA-256.
fn extract(archive: &mut ZipArchive<File>, member: &str, to: &Path) -> crate::Result<String> {
    let mut from = archive
        .by_name(member)
        .map_err(|e| format!("its {member} cannot be read: {e}"))?;
    let about = |e: io::Error| format!("{} cannot be written: {e}", to.display());
    let mut file = File::create_new(to).map_err(about)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from
            .read(&mut buffer)
            .map_err(|e| format!("its {member} cannot be read: {e}"))?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
        file.write_all(&buffer[..length]).map_err(about)?;
    }
    let mode = Permissions::from_mode(0o644);
    file.set_permissions(mode).map_err(about)?;
    // Before its folder has its name, so that not even a loss of power leaves half of it.
    file.sync_all().map_err(about)?;
    Ok(digest::hexadecimal(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries() {
        for member in [
            "onnxruntime/capi/libonnxruntime.so.1.32.0",
            "onnxruntime/capi/libonnxruntime_providers_cuda.so",
            "onnxruntime/capi/libtbb.so.12",
        ] {
            assert!(is_library(member), "{member}");
        }
        for member in [
            "onnxruntime/capi/onnxruntime_pybind11_state.cpython-312-x86_64-linux-gnu.so",
            "onnxruntime/capi/../../lib.so",
            "onnxruntime/capi/lib/../../x.so",
            "onnxruntime/LICENSE",
            "lib.so",
        ] {
            assert!(!is_library(member), "{member}");
        }
    }
}
