// SPDX-License-Identifier: MPL-2.0
//! `gst-resnet50 model quantize`: from float32 to 8-bit integers, and what that costs.

use std::path::PathBuf;
use std::process::ExitCode;

use gstresnet50::onnx;
use gstresnet50::resnet50::quantize::Snr;
use gstresnet50::resnet50::{ArchitectureMatch, Batch, FusedWeights, Precision, ResNet50};
use gstresnet50::resnet50::{dequantized, match_architecture, precision};
use prost::Message as _;

use super::count;
use super::precision::{CalibrationArgs, Frame, Network, bar};
use crate::frames;
use crate::output::{self, Output};
use crate::term::{self, Mark, Table};

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

/// Of this many frames, one is held out of the calibration, for the comparison.
const HELD_OUT: usize = 5;

/// With fewer frames all are used for the calibration, and none is held out for the comparison.
const MIN_FRAMES_TO_HOLD_OUT: usize = 10;

pub fn run(args: &Args) -> crate::Result<ExitCode> {
    let output = Output::new(&args.output)?;
    output.check_folder()?;
    output.check_binary()?;
    let model = output::model_files(&args.file);
    output::check(&[&output], args.calibration.files().chain(model))?;
    frames::check(&args.calibration.calibrate)?;
    let (source, batch) = read(args)?;
    let frames = source.frames(&args.calibration)?;
    let few = frames.len() < MIN_FRAMES_TO_HOLD_OUT;
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
    args.calibration.print_advice();
    if held_out.is_empty() {
        say!(
            "With fewer than {MIN_FRAMES_TO_HOLD_OUT} frames none is held out: judged on those of the calibration."
        );
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
    let variant = match match_architecture(graph) {
        ArchitectureMatch::ResNet50(variant, _) => variant,
        ArchitectureMatch::ResNet(depth) => {
            return Err(refuse(&format!("it is a ResNet{depth}")).into());
        }
        ArchitectureMatch::NotAResNet(why) => {
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
    let weights = FusedWeights::from_graph(&architecture, graph).map_err(|e| refuse(&e))?;
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

/// Compares the int8 model with the float32 one, layer by layer.
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
    say!("\nagainst float32 on {}:", count(total, "frame"));
    let mut table = Table::new(&["activation", "signal to noise>"]);
    for (name, snr) in &layers {
        table.row([name.clone(), format!("{:.1} dB", snr.decibels())]);
    }
    table.say();
    say!(
        "top-1 agreement        {same} of {total} ({:.1} %)",
        same as f64 * 100.0 / total as f64
    );
    let output = layers.last().map_or(0.0, |(_, snr)| snr.decibels());
    let (mark, text) = judge(output, same as f64 / total as f64);
    term::marked(mark, "verdict", &text);
    Ok(())
}

/// Signal to noise of the output in decibels. From the first on the classes are those of the float
/// model except for close calls; below the second the result is mostly noise.
const GOOD_DECIBELS: f64 = 20.0;
const MIN_DECIBELS: f64 = 12.0;

/// The shares of frames with the same best class that go with them.
const GOOD_AGREEMENT: f64 = 0.95;
const MIN_AGREEMENT: f64 = 0.8;

/// Whether the int8 model may replace the float32 one, by these figures.
fn judge(decibels: f64, agreement: f64) -> (Mark, String) {
    let figures = format!(
        "{decibels:.1} dB at the output, {:.1} % of the frames with the same best class",
        agreement * 100.0
    );
    let remedy = "calibrate on more frames like those that will be classified (--calibrate), or \
                  try another --method, or --reduce-range on a CPU without VNNI";
    if decibels >= GOOD_DECIBELS && agreement >= GOOD_AGREEMENT {
        (Mark::Good, format!("good: {figures}"))
    } else if decibels >= MIN_DECIBELS && agreement >= MIN_AGREEMENT {
        (
            Mark::Note,
            format!(
                "doubtful: {figures}. Check it on videos of yours with `gst-resnet50 model check --against`; {remedy}"
            ),
        )
    } else {
        (
            Mark::Bad,
            format!("bad: {figures}. Do not use it: {remedy}"),
        )
    }
}

/// The index of the largest value.
fn best(values: &[f32]) -> Option<usize> {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both figures have to be good for a good verdict, and one bad one is enough for a bad one.
    #[test]
    fn verdicts() {
        for (decibels, agreement, verdict) in [
            (37.0, 1.0, "good"),
            (f64::INFINITY, 1.0, "good"),
            (20.0, 0.95, "good"),
            (37.0, 0.9, "doubtful"),
            (15.0, 1.0, "doubtful"),
            (11.9, 1.0, "bad"),
            (37.0, 0.5, "bad"),
            (f64::NAN, 1.0, "bad"),
        ] {
            let (_, text) = judge(decibels, agreement);
            assert!(text.starts_with(verdict), "{decibels} {agreement}: {text}");
        }
    }
}
