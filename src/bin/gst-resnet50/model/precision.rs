// SPDX-License-Identifier: MPL-2.0
//! The network in the numbers that the user wants, and the calibration that 8 bits need.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use gstresnet50::inference::{Contract, Runtime, TensorInspector};
use gstresnet50::onnx::{self, StringEntry};
use gstresnet50::preprocess::{ElementType, Layout, Picture, Preprocessor, Slot, Target};
use gstresnet50::resnet50::quantize::{Calibration, Method};
use gstresnet50::resnet50::{Batch, FusedWeights, Precision, ResNet50, precision, to_onnx};
use indicatif::{ProgressBar, ProgressStyle};
use prost::Message as _;

use crate::{frames, source};

#[derive(Debug, clap::Args)]
pub struct PrecisionArgs {
    /// The numbers to compute with; int8 is calibrated on frames
    #[arg(long, value_enum, default_value = "fp32")]
    pub precision: Name,
    #[command(flatten)]
    pub calibration: CalibrationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    Fp32,
    Fp16,
    Int8,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        })
    }
}

#[derive(Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Calibration of int8")]
pub struct CalibrationArgs {
    /// Videos and pictures like those that will be classified, as files or URIs, pictures first
    /// [default: four photographs of this program's]
    #[arg(long, value_name = "URI", num_args = 1..)]
    pub calibrate: Vec<OsString>,
    /// Frames to calibrate on, spread over all of them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub frames: u32,
    /// How an activation's range is chosen: minmax, percentile or entropy
    #[arg(long, default_value_t = Method::default())]
    pub method: Method,
    /// Weights of 7 bits, for x86 CPUs without VNNI, which would saturate
    #[arg(long)]
    pub reduce_range: bool,
}

impl Default for CalibrationArgs {
    fn default() -> Self {
        Self {
            calibrate: Vec::new(),
            frames: 100,
            method: Method::default(),
            reduce_range: false,
        }
    }
}

impl CalibrationArgs {
    /// The files among the sources.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.calibrate.iter().filter_map(source::file_of)
    }

    /// Advises to calibrate on the user's own pictures, unless that was done.
    pub fn print_advice(&self) {
        if self.calibrate.is_empty() {
            say!(
                "Calibrated on four photographs of this program's: enough for a first try. For use, give --calibrate with videos and pictures like those that will be classified."
            );
        }
    }
}

impl PrecisionArgs {
    /// Refuses, before any work is done, what could have no effect and sources that are not there.
    pub fn check(&self) -> crate::Result<()> {
        if self.precision != Name::Int8 && self.calibration != CalibrationArgs::default() {
            return Err(format!(
                "--calibrate, --frames, --method and --reduce-range are for --precision int8, and this is {}",
                self.precision
            )
            .into());
        }
        frames::check(&self.calibration.calibrate)
    }

    /// Whether a model is already what these make of its weights, as far as it tells.
    pub fn made(&self, model: &onnx::Model) -> bool {
        let Some(graph) = &model.graph else {
            return false;
        };
        if precision(graph) != self.precision.to_string() {
            return false;
        }
        let calibration = &self.calibration;
        let says = |key: &str| {
            let text = model.metadata(QUANTIZATION_KEY)?;
            let said: serde_json::Value = serde_json::from_str(text).ok()?;
            said.get(key).cloned()
        };
        self.precision != Name::Int8
            || (calibration.calibrate.is_empty()
                && says("own_photographs") == Some(true.into())
                && says("method") == Some(calibration.method.name().into())
                && says("reduce_range") == Some(calibration.reduce_range.into()))
    }
}

/// The metadata property that says how a model was quantized, as JSON.
pub const QUANTIZATION_KEY: &str = "resnet50.quantization";

/// The network with its weights.
#[derive(Debug)]
pub struct Network {
    pub architecture: ResNet50,
    pub weights: FusedWeights,
    /// As JSON.
    pub contract: String,
}

/// The input tensor of one frame.
pub type Frame = Vec<f32>;

impl Network {
    /// The model in a precision.
    pub fn model(&self, batch: Batch, args: &PrecisionArgs) -> crate::Result<onnx::Model> {
        match args.precision {
            Name::Fp32 => Ok(self.write(batch, &Precision::Fp32)),
            Name::Fp16 => Ok(self.write(batch, &Precision::Fp16)),
            Name::Int8 => {
                let frames = self.frames(&args.calibration)?;
                Ok(self.int8(batch, &args.calibration, &frames)?.0)
            }
        }
    }

    pub fn write(&self, batch: Batch, precision: &Precision) -> onnx::Model {
        to_onnx(
            &self.architecture,
            batch,
            &self.contract,
            &self.weights,
            precision,
        )
    }

    /// The input tensors of the frames to calibrate on, through the element's pre-processing.
    pub fn frames(&self, args: &CalibrationArgs) -> crate::Result<Vec<Frame>> {
        let target = self.target()?;
        let inputs = match args.calibrate.as_slice() {
            [] => frames::photos(),
            named => named.to_vec(),
        };
        let bar = bar("reading frames", u64::from(args.frames))?;
        let mut tensors = Vec::new();
        let mut prepared: Option<(gst_video::VideoInfo, Preprocessor)> = None;
        frames::take(&inputs, args.frames as usize, |_, info, buffer| {
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)?;
            if prepared.as_ref().is_none_or(|(of, _)| of != info) {
                prepared = Some((info.clone(), Preprocessor::new(info, &target)));
            }
            let mut tensor = vec![0f32; target.elements()];
            if let Some((_, preprocessor)) = &mut prepared {
                preprocessor.process(&Picture::from_frame(&frame), &mut Slot::F32(&mut tensor))?;
            }
            tensors.push(tensor);
            bar.inc(1);
            Ok(())
        })?;
        bar.finish_and_clear();
        if !args.calibrate.is_empty() && tensors.len() < args.frames as usize {
            complain!(
                "warning: the sources gave {} of {} frames: a picture gives one, and leaves its share to the videos that are named after it",
                tensors.len(),
                args.frames
            );
        }
        Ok(tensors)
    }

    /// The model in 8 bits, calibrated on `frames`.
    pub fn int8(
        &self,
        batch: Batch,
        args: &CalibrationArgs,
        frames: &[Frame],
    ) -> crate::Result<(onnx::Model, Precision)> {
        let mut probe = self.probe(&Precision::Fp32, str::to_owned)?;
        let mut calibration = Calibration::new(&self.architecture);
        let bar = bar("calibrating", frames.len() as u64)?;
        for frame in frames {
            let mut outcome = calibration.observe("input", frame);
            probe.run(frame, |name, values| {
                if outcome.is_ok() {
                    outcome = calibration.observe(name, values);
                }
            })?;
            outcome?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        let precision = Precision::Int8 {
            scales: calibration.scales(args.method)?,
            weight_bits: if args.reduce_range { 7 } else { 8 },
        };
        let mut model = self.write(batch, &precision);
        model.metadata_props.push(StringEntry {
            key: QUANTIZATION_KEY.into(),
            value: serde_json::json!({
                "method": args.method.name(),
                "frames": frames.len(),
                "own_photographs": args.calibrate.is_empty(),
                "reduce_range": args.reduce_range,
            })
            .to_string(),
        });
        Ok((model, precision))
    }

    /// The model with every activation among its outputs; `visible` gives the name under which
    /// the graph has an activation as a float.
    pub fn probe(
        &self,
        precision: &Precision,
        visible: impl Fn(&str) -> String,
    ) -> crate::Result<TensorInspector> {
        let mut model = self.write(Batch::Fixed(1), precision);
        if let Some(graph) = &mut model.graph {
            let names = self.architecture.activations();
            let inner = names.iter().filter(|name| *name != "input");
            let outputs = inner.map(|name| onnx::ValueInfo {
                name: visible(name),
                r#type: None,
            });
            graph.output.extend(outputs);
        }
        let runtime = Runtime::load(None, &[])?;
        let side = self.architecture.side;
        Ok(TensorInspector::load(
            runtime,
            model.encode_to_vec(),
            "input",
            [1, 3, side, side],
        )?)
    }

    fn target(&self) -> crate::Result<Target> {
        let contract = Contract::from_json(&self.contract)?;
        let side = self.architecture.side as u32;
        Ok(contract.target(side, side, Layout::Nchw, ElementType::F32))
    }
}

/// A bar that counts frames.
pub fn bar(what: &'static str, frames: u64) -> crate::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}")?;
    Ok(ProgressBar::new(frames)
        .with_style(style)
        .with_message(what))
}
