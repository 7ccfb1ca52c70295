// SPDX-License-Identifier: MPL-2.0
//! The `.modelinfo` file beside a model: GStreamer's description of a model's tensors.

use std::path::{Path, PathBuf};

use super::contract::{Contract, ContractError, MAX_SIDE, OutputKind, Sides};
use crate::preprocess::ColorOrder;
use crate::{files, text};

/// The section for the whole file.
pub(super) const HEADER: &str = "modelinfo";

/// The tensor id of an output with values before the softmax, which is also the id of its group.
pub(super) const LOGITS_ID: &str = "classification-generic-out";

/// The tensor id of an output with confidences.
pub(super) const CONFIDENCES_ID: &str = "classification-generic-softmaxed-out";

/// The maximum size of a `.modelinfo` in bytes. They have a few lines.
const MAX_MODELINFO_SIZE: u64 = 1 << 20;

impl Contract {
    /// Reads the `.modelinfo` beside a model, in GStreamer 1.28's format: `model.onnx.modelinfo` or
    /// `model.modelinfo`. From the section of the input it takes `ranges`, the values of black and
    /// white for each channel, the height and width in `dims`, and the colour order in `caps`
    /// (format 1.1). The section is the one with the input's name, or else the first one with
    /// `dir=input`. An output with the id `classification-generic-softmaxed-out` holds
    /// probabilities. `None` if there is no such file.
    ///
    /// # Errors
    /// [`ContractError`] if the file cannot be read or is invalid.
    pub fn from_modelinfo(model: &Path, input: &str) -> Result<Option<Self>, ContractError> {
        Self::from_modelinfo_cancellable(model, input, &|| false)
    }

    /// [`Self::from_modelinfo`], which ends as soon as `is_cancelled` returns true.
    pub(super) fn from_modelinfo_cancellable(
        model: &Path,
        input: &str,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, ContractError> {
        let candidates = modelinfo_files(model).into_iter();
        let Some(path) = candidates.filter(|p| !p.is_dir()).find(|p| p.exists()) else {
            return Ok(None);
        };
        let failed = |message: String| ContractError::ModelInfo {
            path: path.clone(),
            message,
        };
        let text = files::read_cancellable(&path, MAX_MODELINFO_SIZE, is_cancelled)
            .map_err(|e| failed(e.to_string()))?;
        Self::parse_modelinfo(text, input).map(Some).map_err(failed)
    }

    /// Parses the section of `input` in the contents of a `.modelinfo`.
    ///
    /// # Errors
    /// Why it is invalid, as part of a sentence.
    pub fn parse_modelinfo(contents: Vec<u8>, input: &str) -> Result<Self, String> {
        let file = glib::KeyFile::new();
        file.load_from_bytes(&glib::Bytes::from_owned(contents), glib::KeyFileFlags::NONE)
            .map_err(|e| e.to_string())?;
        check_version(&file)?;
        let Some(input) = input_section(&file, input) else {
            return Err(format!(
                "it has no section [{}] for the model's input",
                text::name(input)
            ));
        };
        let input = input.as_str();
        let ranges = match file.string(input, "ranges") {
            Ok(ranges) => ranges,
            // Without ranges the tensor takes the bytes as they are.
            Err(error) if error.matches(glib::KeyFileError::KeyNotFound) => "0,255".into(),
            Err(error) => return Err(error.to_string()),
        };
        let ranges = ranges.as_str();
        let wrong = || {
            format!(
                "“ranges={}” is not three pairs “min,max;min,max;min,max”",
                text::name(ranges)
            )
        };
        let pairs: Vec<(f64, f64)> = ranges
            .trim_end_matches(';')
            .split(';')
            .map(|pair| {
                let (min, max) = pair.split_once(',')?;
                Some((min.trim().parse().ok()?, max.trim().parse().ok()?))
            })
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let pairs: [(f64, f64); 3] = match pairs[..] {
            [all] => [all; 3],
            [r, g, b] => [r, g, b],
            _ => return Err(wrong()),
        };
        // value * (max - min) + min = (value - mean) / std
        let contract = Self {
            crop: file
                .string(input, "dims")
                .ok()
                .and_then(|dims| sides_of(&dims)),
            // Adding zero turns -0.0, which would be shown as such, into 0.0.
            mean: Some(pairs.map(|(min, max)| -min / (max - min) + 0.0)),
            std: Some(pairs.map(|(min, max)| 1.0 / (max - min))),
            color: file
                .string(input, "caps")
                .ok()
                .and_then(|caps| color_of(&caps)),
            output: has_confidences(&file).then_some(OutputKind::Probabilities),
            ..Self::default()
        };
        contract.check().map_err(|e| e.to_string())?;
        Ok(contract)
    }
}

/// Refuses a file of another major version. GStreamer requires a version, but files without one are
/// read as version 1.
fn check_version(file: &glib::KeyFile) -> Result<(), String> {
    let Ok(version) = file.string(HEADER, "version") else {
        return Ok(());
    };
    match version.split('.').next().map(str::trim) {
        Some("1") => Ok(()),
        _ => Err(format!(
            "its version is {}, and only version 1 is known",
            text::name(&version)
        )),
    }
}

/// The section that describes the input: GStreamer matches it by name, and otherwise by direction.
fn input_section(file: &glib::KeyFile, input: &str) -> Option<String> {
    // GLib's strings cannot hold zero bytes.
    if !input.contains('\0') && file.has_group(input) {
        return Some(input.to_owned());
    }
    let groups = file.groups();
    let mut groups = groups.iter().map(|group| group.as_str());
    let found = groups.find(|group| is(file, group, "dir", "input"))?;
    Some(found.to_owned())
}

/// Whether a key has this value.
fn is(file: &glib::KeyFile, group: &str, key: &str, value: &str) -> bool {
    file.string(group, key)
        .is_ok_and(|found| found.trim() == value)
}

/// Whether an output holds confidences. One with the id for logits may also do so, since GStreamer's
/// first decoder knew no other id: then the model itself tells.
fn has_confidences(file: &glib::KeyFile) -> bool {
    let groups = file.groups();
    groups.iter().any(|group| {
        let group = group.as_str();
        is(file, group, "dir", "output") && is(file, group, "id", CONFIDENCES_ID)
    })
}

/// The colour order of the caps that an input expects.
fn color_of(caps: &str) -> Option<ColorOrder> {
    let caps: gst::Caps = caps.parse().ok()?;
    let format = caps.structure(0)?.get::<&str>("format").ok()?;
    match format {
        _ if format.starts_with("RGB") => Some(ColorOrder::Rgb),
        _ if format.starts_with("BGR") => Some(ColorOrder::Bgr),
        _ => None,
    }
}

/// Height and width from the dimensions of an input, written as `-1,3,224,224`.
fn sides_of(dims: &str) -> Option<Sides> {
    let dims = dims.split(',').map(|d| d.trim().parse().ok());
    let dims: Vec<i64> = dims.collect::<Option<_>>()?;
    let sides = match dims[..] {
        [_, 3, height, width] | [_, height, width, 3] => [height, width],
        _ => return None,
    };
    let side = |side: i64| {
        u32::try_from(side)
            .ok()
            .filter(|s| (1..=MAX_SIDE).contains(s))
    };
    Some(Sides::Both([side(sides[0])?, side(sides[1])?]))
}

/// The paths that a model's `.modelinfo` may have.
pub(in crate::inference) fn modelinfo_files(model: &Path) -> [PathBuf; 2] {
    let mut appended = model.as_os_str().to_owned();
    appended.push(".modelinfo");
    [appended.into(), model.with_extension("modelinfo")]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a file, and what is refused.
    #[test]
    fn modelinfo() {
        gst::init().expect("GStreamer");
        let dir = tempfile::tempdir().expect("a folder");
        let model = dir.path().join("net.onnx");
        assert!(
            Contract::from_modelinfo(&model, "x")
                .expect("none")
                .is_none()
        );
        let info = dir.path().join("net.modelinfo");
        let write = |text: &str| std::fs::write(&info, text).expect("a file");
        write("[x]\ndir=input\n");
        let contract = Contract::from_modelinfo(&model, "x")
            .expect("read")
            .expect("there");
        assert_eq!(
            (contract.mean, contract.std),
            (Some([0.0; 3]), Some([1.0 / 255.0; 3]))
        );
        write("[modelinfo]\nversion=1.0\n[x]\ndir=input\nranges=-1.0,1.0;0.0,1.0;0.0,255.0\n");
        let contract = Contract::from_modelinfo(&model, "x")
            .expect("read")
            .expect("there");
        assert_eq!(contract.mean, Some([0.5, 0.0, 0.0]));
        assert_eq!(contract.crop, None);
        for (dims, crop) in [
            ("-1,3,48,192", Some(Sides::Both([48, 192]))),
            ("1,64,64,3", Some(Sides::Both([64, 64]))),
            ("-1,3,-1,-1", None),
            ("1,1000", None),
        ] {
            write(&format!("[x]\ndims={dims}\n"));
            let contract = Contract::from_modelinfo(&model, "x").expect("read");
            assert_eq!(contract.expect("there").crop, crop, "{dims}");
        }
        assert_eq!(contract.std, Some([0.5, 1.0, 1.0 / 255.0]));
        // By direction, where the name is another.
        write(
            "[modelinfo]\nversion=1.1\n[y]\ndir=output\n[z]\ndir=input\nranges=0,1\ncaps=video/x-raw, format=BGR\n",
        );
        let contract = Contract::from_modelinfo(&model, "x").expect("read");
        let contract = contract.expect("there");
        assert_eq!(contract.std, Some([1.0; 3]));
        assert_eq!(contract.color, Some(ColorOrder::Bgr));
        assert_eq!(contract.output, None);
        for (id, output) in [
            (LOGITS_ID, None),
            (CONFIDENCES_ID, Some(OutputKind::Probabilities)),
        ] {
            write(&format!("[x]\n[y]\ndir=output\nid={id}\n"));
            let contract = Contract::from_modelinfo(&model, "x").expect("read");
            assert_eq!(contract.expect("there").output, output, "{id}");
        }
        for wrong in [
            "[modelinfo]\nversion=2.0\n[x]\n",
            "[y]\n",
            "[x]\nranges=1\n",
            "[x]\nranges=1,0\n",
            "[x]\nranges=\\q\n",
            "no key file",
        ] {
            write(wrong);
            assert!(Contract::from_modelinfo(&model, "x").is_err(), "{wrong}");
        }
    }
}
