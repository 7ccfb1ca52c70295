// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model modelinfo`: the description with which GStreamer 1.28's own elements run a
//! model.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gstresnet50::inference::{ContractLabels, Model, ModelSource, did_you_mean};
use gstresnet50::onnx;
use gstresnet50::paths;
use gstresnet50::postprocess::Labels;
use gstresnet50::preprocess::{Fit, Resize, Target};

use crate::output::{self, Output};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ONNX file
    file: PathBuf,
    /// The file to write, - is standard output [default: FILE.modelinfo, where onnxinference looks]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also write the names of the classes, for labels-file= of classifiertensordecoder
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let path = paths::from_path_or_uri(args.file.as_os_str());
    let source = ModelSource::File(path.clone());
    let refuse = |why: &dyn std::fmt::Display| {
        let named = paths::quoted_with_folder(&path);
        format!("{named} cannot be described for onnxinference: {why}")
    };
    let file = source.open().map_err(|e| {
        let hint = match &e {
            onnx::ReadError::File(error) => did_you_mean(&path, error),
            _ => super::weights_hint(&path),
        };
        format!("{}{hint}", refuse(&e))
    })?;
    let model = Model::read(source)?;
    let text = model.modelinfo(&file).map_err(|e| refuse(&e))?;

    let info = Output::new(&info_file(args, &path)?)?;
    let labels = args.labels.as_deref().map(Output::new).transpose()?;
    let outputs: Vec<&Output> = [Some(&info), labels.as_ref()]
        .into_iter()
        .flatten()
        .collect();
    for output in &outputs {
        output.check_folder()?;
    }
    output::check(&outputs, [path.clone()])?;
    if let Some(labels) = &labels {
        labels.write(names(&model)?.as_bytes())?;
    }
    info.write(text.as_bytes())?;
    if output::has_stdout() {
        return Ok(ExitCode::SUCCESS);
    }
    for output in &outputs {
        say!("wrote {}", output.named().display());
    }
    say!("Pictures are cropped and resized before onnxinference. As resnet50 does it:");
    say!("");
    say!("  {}", line(&path, &model.target(), args.labels.as_deref()));
    Ok(ExitCode::SUCCESS)
}

/// Where the `.modelinfo` goes. One that is there already is replaced only if it is named.
fn info_file(args: &Args, model: &Path) -> Result<PathBuf, String> {
    if let Some(output) = &args.output {
        return Ok(output.clone());
    }
    let mut appended = model.as_os_str().to_owned();
    appended.push(".modelinfo");
    let found = [PathBuf::from(&appended), model.with_extension("modelinfo")];
    match found.iter().find(|file| file.exists()) {
        Some(file) => Err(format!(
            "“{}” is there already: `--output` names the file to write, this one or another",
            file.display()
        )),
        None => Ok(appended.into()),
    }
}

/// The names of the classes, a line each. The decoder stops at an empty line.
fn names(model: &Model) -> crate::Result<String> {
    let classes = model.signature.classes().unwrap_or_default();
    let classes = usize::try_from(classes)?;
    let labels = match &model.contract.labels {
        Some(ContractLabels::Names(names)) => Labels::from_names(names.clone(), classes)?,
        Some(ContractLabels::Text(text)) => Labels::from_text(text, classes)?,
        Some(ContractLabels::Known(_)) => Labels::imagenet(classes)?,
        None => Labels::default_for(classes),
    };
    let mut text = String::new();
    for (index, name) in labels.names().iter().enumerate() {
        let name: String = name.split(char::is_control).collect::<Vec<_>>().join(" ");
        // To a string nothing fails.
        let _ = match name.trim() {
            "" => writeln!(text, "class {index}"),
            name => writeln!(text, "{name}"),
        };
    }
    Ok(text)
}

/// A line for gst-launch that classifies a picture.
fn line(model: &Path, target: &Target, labels: Option<&Path>) -> String {
    let quoted = |path: &Path| format!("\"{}\"", path.display());
    let labels = labels.map(|labels| format!(" labels-file={}", quoted(labels)));
    format!(
        "gst-launch-1.0 filesrc location=photo.jpg ! decodebin ! {} ! onnxinference model-file={} ! classifiertensordecoder{} ! resnet50overlay ! videoconvert ! autovideosink",
        fit(target),
        quoted(model),
        labels.unwrap_or_default()
    )
}

/// The elements that make a picture the input, as near to the contract as they come. Their
/// interpolation is not antialiased.
fn fit(target: &Target) -> String {
    let Target { width, height, .. } = *target;
    let scale = |width, height, borders| {
        format!(
            "videoconvertscale add-borders={borders} ! video/x-raw,format=RGB,width={width},height={height},pixel-aspect-ratio=1/1"
        )
    };
    let crop = |from: (u32, u32)| {
        let (x, y) = (from.0.saturating_sub(width), from.1.saturating_sub(height));
        let (left, top) = (x / 2, y / 2);
        let (right, bottom) = (x - left, y - top);
        match (x, y) {
            (0, 0) => String::new(),
            _ => format!(" ! videocrop left={left} right={right} top={top} bottom={bottom}"),
        }
    };
    match (target.fit, target.resize) {
        (Fit::Stretch, _) => scale(width, height, false),
        (Fit::Letterbox, _) => scale(width, height, true),
        (
            Fit::Crop,
            Resize::Both {
                width: w,
                height: h,
            },
        ) => {
            let (w, h) = (w.max(width), h.max(height));
            format!("{}{}", scale(w, h, false), crop((w, h)))
        }
        // The shorter side of the picture becomes that of its centre with the input's shape.
        (Fit::Crop, Resize::Shorter(side)) => {
            let short = u64::from(width.min(height)).max(1);
            let grown = |length: u32| {
                let length = u64::from(length) * u64::from(side) / short;
                u32::try_from(length).unwrap_or(u32::MAX)
            };
            let (w, h) = (grown(width).max(width), grown(height).max(height));
            format!(
                "aspectratiocrop aspect-ratio={width}/{height} ! {}{}",
                scale(w, h, false),
                crop((w, h))
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use gstresnet50::inference::Contract;
    use gstresnet50::preprocess::{ElementType, Layout};

    use super::*;

    /// The elements for each way to fit a picture.
    #[test]
    fn fits() {
        let fit = |json: &str, width, height| {
            let contract = Contract::from_json(json).expect("a contract");
            fit(&contract.target(width, height, Layout::Nchw, ElementType::F32))
        };
        let square = fit("{}", 224, 224);
        assert!(square.starts_with("aspectratiocrop aspect-ratio=224/224 ! "));
        assert!(square.contains(",width=256,height=256,"), "{square}");
        assert!(square.ends_with("! videocrop left=16 right=16 top=16 bottom=16"));
        let whole = fit(r#"{"resize":224}"#, 224, 224);
        assert!(!whole.contains("videocrop"), "{whole}");
        let both = fit(r#"{"resize":[64,256]}"#, 192, 49);
        assert!(both.contains(",width=256,height=64,"), "{both}");
        assert!(
            both.ends_with("! videocrop left=32 right=32 top=7 bottom=8"),
            "{both}"
        );
        assert!(!both.contains("aspectratiocrop"), "{both}");
        for (name, borders) in [
            ("stretch", "add-borders=false"),
            ("letterbox", "add-borders=true"),
        ] {
            let text = fit(&format!(r#"{{"fit":"{name}"}}"#), 224, 224);
            assert!(text.contains(borders) && !text.contains("crop"), "{text}");
        }
    }
}
