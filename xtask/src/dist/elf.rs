// SPDX-License-Identifier: MPL-2.0
//! What a program or library asks of the system that it is loaded on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::Endianness;
use object::elf::{DT_NEEDED, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _};

/// What must be there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The libraries that it is linked to, by their sonames.
    pub libraries: BTreeSet<String>,
    /// The versions of symbols that it is linked to, such as `GLIBC_2.34`.
    pub versions: BTreeSet<String>,
}

impl Needs {
    pub fn read(file: &Path) -> Result<Self> {
        let data = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&data).with_context(|| format!("cannot understand {}", file.display()))
    }

    fn parse(data: &[u8]) -> Result<Self> {
        let header = FileHeader64::<Endianness>::parse(data)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, data)?;
        let mut needs = Self::default();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Some((entries, link)) = sections.dynamic(endian, data)? {
            let strings = sections.strings(endian, data, link)?;
            for entry in entries.iter().filter(|it| it.tag(endian) == DT_NEEDED) {
                needs.libraries.insert(text(entry.string(endian, strings)?));
            }
        }
        if let Some((mut libraries, link)) = sections.gnu_verneed(endian, data)? {
            let strings = sections.strings(endian, data, link)?;
            while let Some((_, mut versions)) = libraries.next()? {
                while let Some(version) = versions.next()? {
                    needs.versions.insert(text(version.name(endian, strings)?));
                }
            }
        }
        Ok(needs)
    }

    /// The needs of both.
    pub fn and(mut self, other: Self) -> Self {
        self.libraries.extend(other.libraries);
        self.versions.extend(other.versions);
        self
    }

    /// The oldest version of GNU's C library that has all symbols.
    pub fn glibc(&self) -> Option<(u32, u32)> {
        let versions = self.versions.iter();
        let versions = versions.filter_map(|it| it.strip_prefix("GLIBC_"));
        let versions = versions.filter_map(|version| {
            let mut numbers = version.split('.').map(|it| it.parse().ok());
            Some((numbers.next()??, numbers.next()??))
        });
        versions.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest version counts, by number; what is not the C library's does not.
    #[test]
    fn the_newest_symbol_decides() {
        let versions = [
            "GLIBC_2.2.5",
            "GLIBC_2.34",
            "GLIBC_2.9",
            "GCC_9.1",
            "GLIBC_PRIVATE",
        ];
        let needs = Needs {
            versions: versions.map(str::to_owned).into(),
            ..Needs::default()
        };
        assert_eq!(needs.glibc(), Some((2, 34)));
        assert_eq!(Needs::default().glibc(), None);
    }

    /// This very program is linked to the C library, and runs on the one that is here.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    fn reads_this_program() -> Result<()> {
        let needs = Needs::read(&std::env::current_exe()?)?;
        assert!(needs.libraries.contains("libc.so.6"), "{needs:?}");
        let glibc = needs.glibc().context("a version")?;
        assert!(((2, 17)..(3, 0)).contains(&glibc), "{glibc:?}");
        Ok(())
    }

    /// What is no such file is an error, not a package without needs.
    #[test]
    fn refuses_what_is_no_library() {
        assert!(Needs::parse(b"#!/bin/sh\n").is_err());
    }
}
