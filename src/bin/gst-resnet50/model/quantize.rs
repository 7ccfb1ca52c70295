// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model quantize`: from float32 to 8-bit integers, and what that costs.

use std::path::PathBuf;
use std::process::ExitCode;

use gstresnet50::onnx;
use gstresnet50::resnet50::quantize::Snr;
use gstresnet50::resnet50::{Batch, Folded, Precision, ResNet50, Verdict};
use gstresnet50::resnet50::{dequantized, precision, verdict};
use prost::Message as _;

use super::count;
use super::precision::{CalibrationArgs, Frame, Network, bar};
use crate::frames;
use crate::output::{self, Output};

#[derive(Debug, clap::Args)]
#[command(
    // The file first: behind --calibrate it would be one more source.
    override_usage = "gst-resnet50 model quantize <FILE> --output <FILE> [--calibrate <URI>...] [OPTIONS]"
)]
pub struct Args {
    /// A float32 ResNet50 that `model install` or `model build` wrote
    file: PathBuf,
    /// The ONNX file to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    // The last, for its heading holds for all that follows.
    #[command(flatten)]
    calibration: CalibrationArgs,
}

/// Of so many frames, one is not calibrated on, so that it can judge.
const HELD_OUT: usize = 5;

/// With fewer frames all are needed for the calibration.
const FEW: usize = 10;

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let output = Output::new(&args.output)?;
    output.check_folder()?;
    output.check_binary()?;
    let model = output::model_files(&args.file);
    output::check(&[&output], args.calibration.files().chain(model))?;
    frames::check(&args.calibration.calibrate)?;
    let (source, batch) = read(args)?;
    let frames = source.frames(&args.calibration)?;
    let few = frames.len() < FEW;
    let (held_out, calibrated): (Vec<_>, Vec<_>) = frames
        .into_iter()
        .enumerate()
        .partition(|(i, _)| !few && i % HELD_OUT == HELD_OUT - 1);
    let frames = |part: Vec<(usize, Frame)>| part.into_iter().map(|(_, f)| f).collect::<Vec<_>>();
    let (held_out, calibrated) = (frames(held_out), frames(calibrated));

    let (model, precision) = source.int8(batch, &args.calibration, &calibrated)?;
    let bytes = model.encode_to_vec();
    output.write(&bytes)?;
    say!(
        "wrote {} ({:.1} MB): {}, int8, {} on {}",
        args.output.display(),
        bytes.len() as f64 / 1e6,
        source.architecture.variant.architecture(),
        args.calibration.method,
        count(calibrated.len(), "frame")
    );
    args.calibration.advise();
    if held_out.is_empty() {
        say!("With fewer than {FEW} frames none is held out: judged on those of the calibration.");
        report(&source, &precision, &calibrated)?;
    } else {
        report(&source, &precision, &held_out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the network out of a file of this program's.
fn read(args: &Args) -> crate::Result<(Network, Batch)> {
    let refuse = |why: &dyn std::fmt::Display| {
        format!(
            "“{}” cannot be quantized: {why}. It takes a float32 ResNet50 that `gst-resnet50 model install` or `model build` wrote{}",
            args.file.display(),
            super::weights_hint(&args.file)
        )
    };
    let file = onnx::Model::read(&args.file).map_err(|e| refuse(&e))?;
    let graph = file
        .graph
        .as_ref()
        .ok_or_else(|| refuse(&"it has no graph"))?;
    let variant = match verdict(graph) {
        Verdict::ResNet50(variant, _) => variant,
        Verdict::ResNet(depth) => return Err(refuse(&format!("it is a ResNet{depth}")).into()),
        Verdict::NotAResNet(why) => {
            return Err(refuse(&format!("it is not a ResNet: {why}")).into());
        }
    };
    let stored = precision(graph);
    if ["fp16", "int8"].contains(&stored.as_str()) {
        return Err(refuse(&format!("it is in {stored} already")).into());
    }
    let architecture = ResNet50::new(variant);
    // What a file of this program's may have otherwise: the classes, and the size of pictures.
    let last = |dims: Option<Vec<Option<u64>>>| {
        let last = dims?.last().copied().flatten()?;
        usize::try_from(last).ok()
    };
    let shape = |value: Option<&onnx::ValueInfo>| Some(value?.tensor()?.1);
    let classes = last(shape(graph.output.first())).unwrap_or(architecture.classifier.outputs);
    let side = last(shape(graph.inputs().next())).unwrap_or(architecture.side);
    let architecture = architecture.with_classes(classes).with_side(side);
    let weights = Folded::from_graph(&architecture, graph).map_err(|e| refuse(&e))?;
    let batch = graph
        .inputs()
        .next()
        .and_then(|i| i.tensor()?.1.first().copied()?);
    let batch = batch
        .and_then(|n| u32::try_from(n).ok())
        .map_or(Batch::Dynamic, Batch::Fixed);
    let contract = file.metadata(onnx::CONTRACT_KEY).unwrap_or("{}").to_owned();
    Ok((
        Network {
            architecture,
            weights,
            contract,
        },
        batch,
    ))
}

/// How near the integers come to the floats, layer by layer.
fn report(source: &Network, precision: &Precision, frames: &[Frame]) -> crate::Result<()> {
    let mut float = source.probe(&Precision::Fp32, str::to_owned)?;
    let mut integer = source.probe(precision, dequantized)?;
    let mut layers: Vec<(String, Snr)> = Vec::new();
    let mut same = 0;
    let bar = bar("comparing", frames.len() as u64)?;
    for frame in frames {
        let mut exact: Vec<(String, Vec<f32>)> = Vec::new();
        float.run(frame, |name, values| {
            exact.push((name.to_owned(), values.to_vec()))
        })?;
        layers.resize_with(exact.len(), Default::default);
        let mut i = 0;
        integer.run(frame, |_, values| {
            let (name, expected) = &exact[i];
            layers[i].0.clone_from(name);
            layers[i].1.add(expected, values);
            same += usize::from(name == "output" && best(expected) == best(values));
            i += 1;
        })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let total = frames.len();
    // The output comes first, and is the last layer.
    layers.rotate_left(1);
    say!(
        "\nagainst float32 on {}:\n{:<22} signal to noise",
        count(total, "frame"),
        "activation"
    );
    for (name, snr) in &layers {
        say!("{name:<22} {:5.1} dB", snr.decibels());
    }
    say!(
        "top-1 agreement        {same} of {total} ({:.1} %)",
        same as f64 * 100.0 / total as f64
    );
    Ok(())
}

/// The index of the largest value.
fn best(values: &[f32]) -> Option<usize> {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]))
}
