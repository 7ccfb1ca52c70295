// SPDX-License-Identifier: MPL-2.0
//! What `torch.save` writes since PyTorch 1.6: a zip archive, in a folder of which are `data.pkl`,
//! the pickle of the object; `data/<key>`, the bytes of each storage; `byteorder`; and what is not
//! needed here. See `_save` in PyTorch's `torch/serialization.py`.
//!
//! Entries are not compressed and start at multiples of 64 bytes. So only the directory of the archive
//! is read (PKWARE's APPNOTE, 4.3), nothing is decompressed, and storages are views. Checksums are
//! ignored: PyTorch can write archives without them (`set_crc32_options`), and reads any.
//!
//! The crate `zip` is not used, although it can tell where the bytes of an entry are: it keeps the last
//! of several entries of one name and accepts entries that overlap, and both are errors here.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::error::WeightsError;
use super::pickle::Pickle;
use super::{StateDict, torch_object};
use crate::text;

const DIRECTORY: &str = "the directory of the zip archive";

/// The maximum number of entries. An archive has one for each tensor, and a few others.
const MAX_ENTRIES: u64 = 1 << 16;

/// Reads a zip archive.
pub(super) fn read(file: &Bytes) -> Result<StateDict, WeightsError> {
    let entries = entries(file)?;
    let mut roots = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.strip_suffix('/').is_some_and(|f| !f.contains('/')));
    let root = match (roots.next(), roots.next()) {
        (Some(root), None) => root,
        (None, _) => {
            return Err(WeightsError::malformed(
                DIRECTORY,
                "no entry <folder>/data.pkl, so that it is not a file of torch.save",
            ));
        }
        (Some(a), Some(b)) => {
            return Err(WeightsError::malformed(
                DIRECTORY,
                format!(
                    "a data.pkl in \"{}\" and in \"{}\"",
                    text::name(a),
                    text::name(b)
                ),
            ));
        }
    };
    let entry = |name: String| {
        let name = format!("{root}{name}");
        entries
            .get(name.as_str())
            .map(|range| file.slice(range.clone()))
    };
    if entry("byteorder".into()).is_some_and(|order| order != "little") {
        return Err(WeightsError::BigEndian);
    }
    let pickle = entry("data.pkl".into()).unwrap_or_default();
    let pickle = Pickle::read(&pickle, "data.pkl")?;
    torch_object::state_dict(&pickle, |id| {
        let key = pickle.text(&id.key);
        let part = || format!("entry \"data/{}\" of the archive", text::name(key));
        let Some(bytes) = entry(format!("data/{key}")) else {
            return Err(WeightsError::malformed(part(), "it does not exist"));
        };
        let (size, there) = (id.dtype.size() as u64, bytes.len() as u64);
        if id.elements.checked_mul(size) != Some(there) {
            return Err(WeightsError::malformed(
                part(),
                format!(
                    "{there} bytes, and {} elements of {} are expected",
                    id.elements, id.dtype
                ),
            ));
        }
        Ok(bytes)
    })
}

/// Consecutive little-endian fields.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], WeightsError> {
        let Some((bytes, rest)) = self.0.split_at_checked(len) else {
            let (expected, found) = (len as u64, self.0.len() as u64);
            return Err(WeightsError::truncated(DIRECTORY, expected, found));
        };
        self.0 = rest;
        Ok(bytes)
    }

    /// An unsigned number of `len` bytes, at most 8.
    fn number(&mut self, len: usize) -> Result<u64, WeightsError> {
        let mut number = [0; 8];
        number[..len].copy_from_slice(self.bytes(len)?);
        Ok(u64::from_le_bytes(number))
    }
}

/// The range of the bytes of each entry.
fn entries(file: &[u8]) -> Result<BTreeMap<&str, Range<usize>>, WeightsError> {
    let bad = |problem: String| WeightsError::malformed(DIRECTORY, problem);
    let (count, directory) = directory(file)?;
    let mut fields = Fields(&file[directory.clone()]);
    let mut entries = BTreeMap::new();
    let mut occupied = Vec::new();
    for _ in 0..count {
        if fields.bytes(4)? != b"PK\x01\x02" {
            return Err(bad(format!(
                "{count} entries expected, and {} found",
                entries.len()
            )));
        }
        fields.bytes(4)?;
        let flags = fields.number(2)?;
        let method = fields.number(2)? as u16;
        fields.bytes(8)?;
        let mut compressed = fields.number(4)?;
        let mut size = fields.number(4)?;
        let (name, extra, comment) = (fields.number(2)?, fields.number(2)?, fields.number(2)?);
        fields.bytes(8)?;
        let mut offset = fields.number(4)?;
        let name = fields.bytes(name as usize)?;
        let name = std::str::from_utf8(name).map_err(|_| {
            bad(format!(
                "the name \"{}\" is not UTF-8",
                text::name(&String::from_utf8_lossy(name))
            ))
        })?;
        let mut extra = Fields(fields.bytes(extra as usize)?);
        fields.bytes(comment as usize)?;

        // Zip64: a field of all ones has its value in an extra field, in this order.
        while extra.0.len() >= 4 {
            let (id, len) = (extra.number(2)?, extra.number(2)?);
            let mut large = Fields(extra.bytes(len as usize)?);
            if id == 1 {
                for field in [&mut size, &mut compressed, &mut offset] {
                    if *field == u64::from(u32::MAX) {
                        *field = large.number(8)?;
                    }
                }
            }
        }
        if method != 0 || flags & 1 != 0 {
            return Err(WeightsError::Compressed {
                entry: text::name(name).to_string(),
                method,
            });
        }
        if size != compressed {
            return Err(bad(format!(
                "entry \"{}\" is stored as it is, and has {compressed} bytes of {size}",
                text::name(name)
            )));
        }

        // The local header has the same name, and other extra fields for padding.
        let within = usize::try_from(offset)
            .ok()
            .filter(|o| *o <= directory.start);
        let start = within.ok_or_else(|| {
            bad(format!(
                "entry \"{}\" starts at {offset}, behind all entries",
                text::name(name)
            ))
        })?;
        let mut local = Fields(&file[start..directory.start]);
        let signature = local.bytes(4)?;
        local.bytes(22)?;
        let (name_len, extra_len) = (local.number(2)?, local.number(2)?);
        if signature != b"PK\x03\x04" || local.bytes(name_len as usize)? != name.as_bytes() {
            return Err(bad(format!(
                "there is no entry \"{}\" at {start}",
                text::name(name)
            )));
        }
        local.bytes(extra_len as usize)?;
        if size > local.0.len() as u64 {
            return Err(WeightsError::truncated(
                format!("entry \"{}\" of the archive", text::name(name)),
                size,
                local.0.len() as u64,
            ));
        }
        let from = directory.start - local.0.len();
        let bytes = from..from + size as usize;
        occupied.push((start, bytes.end, name));
        if entries.insert(name, bytes).is_some() {
            return Err(WeightsError::duplicate(DIRECTORY, name));
        }
    }
    occupied.sort_unstable();
    for pair in occupied.windows(2) {
        if pair[1].0 < pair[0].1 {
            return Err(bad(format!(
                "entries \"{}\" and \"{}\" overlap",
                text::name(pair[0].2),
                text::name(pair[1].2)
            )));
        }
    }
    Ok(entries)
}

/// The number of entries, and the range of their directory.
fn directory(file: &[u8]) -> Result<(u64, Range<usize>), WeightsError> {
    /// Length of the end record without its comment, and the maximum length of the comment.
    const END: usize = 22;
    const COMMENT: usize = u16::MAX as usize;

    // Search backward, because a comment may follow it.
    let last = file.len().saturating_sub(END);
    let first = last.saturating_sub(COMMENT);
    let end = (first..=last)
        .rev()
        .find(|at| file[*at..].starts_with(b"PK\x05\x06"));
    let Some(end) = end else {
        return Err(WeightsError::malformed(
            DIRECTORY,
            "it is not at the end of the file, which may be cut off",
        ));
    };
    let mut fields = Fields(&file[end + 4..]);
    fields.bytes(6)?;
    let mut count = fields.number(2)?;
    let mut len = fields.number(4)?;
    let mut start = fields.number(4)?;

    // Zip64: a locator before it points to another end record with larger fields.
    let locator = end.checked_sub(20).map(|at| &file[at..end]);
    if let Some(locator) = locator.filter(|l| l.starts_with(b"PK\x06\x07")) {
        let at = Fields(&locator[8..]).number(8)?;
        let at = usize::try_from(at).ok().and_then(|at| file.get(at..end));
        let mut fields = Fields(at.unwrap_or_default());
        if fields.bytes(4).ok() != Some(b"PK\x06\x06") {
            return Err(WeightsError::malformed(
                DIRECTORY,
                "its 64-bit end is not where its locator says",
            ));
        }
        fields.bytes(28)?;
        count = fields.number(8)?;
        len = fields.number(8)?;
        start = fields.number(8)?;
    }
    if count > MAX_ENTRIES {
        return Err(WeightsError::TooLarge {
            part: DIRECTORY.into(),
            unit: "entries",
            found: count,
            limit: MAX_ENTRIES,
        });
    }
    match start.checked_add(len) {
        Some(stop) if stop <= end as u64 => Ok((count, start as usize..stop as usize)),
        _ => Err(WeightsError::malformed(
            DIRECTORY,
            format!("{len} bytes at {start}, and the directory's end is at {end}"),
        )),
    }
}
