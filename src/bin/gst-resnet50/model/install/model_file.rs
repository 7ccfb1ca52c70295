// SPDX-License-Identifier: MPL-2.0
//! The ONNX file that is installed.

use std::path::Path;

use gstresnet50::preprocess::Fit;
use gstresnet50::resnet50::Batch;
use prost::Message as _;

use super::args::Args;
use super::convert::Installable;
use crate::model::precision::Name;
use crate::output::Output;

/// Writes the model, and prints what it is.
pub(super) fn write(output: &Output, installable: &Installable, args: &Args) -> crate::Result<()> {
    let Installable {
        network,
        config,
        notes,
    } = installable;
    let model = network.model(Batch::Dynamic, &args.precision)?;
    if let Some(folder) = output.file().and_then(Path::parent) {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    output.write(&model.encode_to_vec())?;
    say!(
        "wrote {}: {} in {}, {} classes, resize {}",
        output.named().display(),
        network.architecture.variant.architecture(),
        args.precision.precision,
        network.architecture.classifier.outputs,
        config.resize
    );
    let antialias = match config.antialias {
        true => "",
        false => " without antialiasing",
    };
    let fit = match config.fit {
        Fit::Crop => format!("resize {}, crop {}", config.resize, config.crop),
        Fit::Stretch => format!("stretched to {}", config.crop),
        Fit::Letterbox => format!("fitted into {}", config.crop),
    };
    say!(
        "pictures: {fit}, {}{antialias}, mean {:?}, std {:?}; as {}",
        config.interpolation,
        config.mean,
        config.std,
        config.source
    );
    for note in notes {
        say!("{note}");
    }
    if args.precision.precision == Name::Int8 {
        args.precision.calibration.print_advice();
    }
    if config.is_guess && !args.says_resize() {
        say!(
            "These weights are not known here: if they were published with another resize than 256, give --resize. Those of timm were, and with another --interpolation."
        );
    }
    Ok(())
}
