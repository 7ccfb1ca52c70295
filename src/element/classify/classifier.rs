// SPDX-License-Identifier: MPL-2.0
//! A model in work: from a buffer to an answer, without pads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::settings::{FrameSettings, Settings};
use crate::inference::{
    ContractLabels, Model, OutputKind, Provider, Runtime, Session, SessionOptions, find_model,
};
use crate::meta::{Class, Classification};
use crate::postprocess::{Activation, Labels, Score, top_k};
use crate::preprocess::{
    ColorOrder, ElementType, Fit, Layout, Picture, Preprocessor, Target, is_valid_mean,
    is_valid_std,
};

/// A loaded model with everything around it.
#[derive(Debug)]
pub struct Classifier {
    model: Model,
    session: Session,
    target: Target,
    activation: Activation,
    labels: Labels,
    model_name: Arc<str>,
    provider_name: Arc<str>,
    format: Option<(gst_video::VideoInfo, Preprocessor)>,
    scores: Vec<Score>,
}

/// A fresh answer and what it took.
#[derive(Debug)]
pub struct Answer {
    pub classification: Classification,
    pub preprocess: Duration,
    pub inference: Duration,
}

impl Classifier {
    /// Loads what the settings say. Returns it with what the user should be warned of.
    /// `folders` are those beside the plugin where ONNX Runtime may lie.
    pub fn load(settings: &Settings, folders: &[PathBuf]) -> Result<(Self, Vec<String>), Error> {
        let mut warnings = Vec::new();
        // What can be checked without loading anything comes first.
        let providers = Provider::parse_list(&settings.provider)?;
        let model = Model::read(find_model(settings.model.as_deref())?)?;
        let target = target(settings, &model)?;

        let library = settings.runtime_library.as_ref().map(PathBuf::from);
        let runtime = Runtime::load(library.as_deref(), folders)?;
        if let Some(library) = library
            && !is_same_file(&library, runtime.path())
        {
            warnings.push(format!(
                "runtime-library “{}” is not used: this process has already loaded ONNX Runtime \
                 from “{}”, and it cannot be exchanged. Start a new process to change it.",
                library.display(),
                runtime.path().display(),
            ));
        }
        if target.mean.iter().chain(&target.std).any(|v| *v > 2.0) {
            warnings.push(format!(
                "mean {:?} and std {:?} are large for numbers where white is 1: divide those for \
                 bytes by 255",
                target.mean, target.std
            ));
        }
        if model.contract.trained == Some(false) {
            warnings.push(format!(
                "the weights of model “{}” are not trained: its answers mean nothing",
                model.source
            ));
        }
        let options = SessionOptions {
            providers,
            provider_options: provider_options(settings)?,
            device: settings.device_id,
            threads: settings.threads as usize,
        };
        let (session, passed) = Session::load(runtime, &model, &options)?;
        warnings.extend(passed.iter().map(|f| {
            format!(
                "provider {} is asked for, {} runs: {}",
                f.provider,
                session.provider(),
                f.reason
            )
        }));

        let activation =
            Option::from(settings.activation).unwrap_or_else(|| match model.output_kind() {
                OutputKind::Logits => Activation::Softmax,
                OutputKind::Probabilities => Activation::None,
            });
        let labels = labels(settings, &model, session.classes())?;
        let classifier = Self {
            model_name: model.source.to_string().into(),
            provider_name: session.provider().name().into(),
            model,
            session,
            target,
            activation,
            labels,
            format: None,
            scores: Vec::new(),
        };
        Ok((classifier, warnings))
    }

    /// Takes other names for the classes.
    pub fn reload_labels(&mut self, settings: &Settings) -> Result<(), Error> {
        self.labels = labels(settings, &self.model, self.session.classes())?;
        Ok(())
    }

    /// Prepares for frames of `info`.
    pub fn set_format(&mut self, info: &gst_video::VideoInfo) {
        self.format = Some((info.clone(), Preprocessor::new(info, &self.target)));
    }

    /// Classifies a frame. [`Self::set_format`] must have been called.
    pub fn classify(
        &mut self,
        buffer: &gst::BufferRef,
        settings: FrameSettings,
    ) -> Result<Answer, Error> {
        let begun = Instant::now();
        let (info, preprocessor) = self
            .format
            .as_mut()
            .ok_or_else(|| Error::Map("there were no caps before it".into()))?;
        {
            check_layout(buffer, info)?;
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
                .map_err(|e| Error::Map(e.message.to_string()))?;
            preprocessor.process(&Picture::from_frame(&frame), &mut self.session.slot())?;
        }
        let preprocess = begun.elapsed();

        let begun = Instant::now();
        let output = self.session.run()?;
        let inference = begun.elapsed();

        let FrameSettings {
            top_k: k,
            threshold,
            ..
        } = settings;
        top_k(
            output,
            self.activation,
            k as usize,
            threshold,
            &mut self.scores,
        )?;
        let results = self.scores.iter().map(|score| Class {
            index: score.index as i32,
            label: self.labels.name(score.index),
            confidence: score.confidence,
        });
        Ok(Answer {
            classification: Classification {
                model: Arc::clone(&self.model_name),
                provider: Arc::clone(&self.provider_name),
                fresh: true,
                age: Some(gst::ClockTime::ZERO),
                inference_time: gst::ClockTime::try_from(inference).unwrap_or(gst::ClockTime::MAX),
                results: results.collect(),
            },
            preprocess,
            inference,
        })
    }

    /// The provider that runs.
    pub fn provider(&self) -> Provider {
        self.session.provider()
    }

    /// The property `model-info`.
    pub fn info(&self) -> gst::Structure {
        let (signature, target) = (&self.model.signature, &self.target);
        let array = |numbers: [f64; 3]| gst::Array::new(numbers);
        let mut info = gst::Structure::builder("resnet50-model")
            .field("model", &*self.model_name)
            .field("provider", &*self.provider_name)
            .field("threads", self.session.threads() as u32)
            .field("input", &signature.input)
            .field(
                "layout",
                match target.layout {
                    Layout::Nchw => "nchw",
                    Layout::Nhwc => "nhwc",
                },
            )
            .field(
                "type",
                match target.element {
                    ElementType::F32 => "float32",
                    ElementType::F16 => "float16",
                    ElementType::U8 => "uint8",
                },
            )
            .field("batch", signature.batch.unwrap_or(0))
            .field("width", target.width)
            .field("height", target.height)
            .field(
                "fit",
                match target.fit {
                    Fit::Crop => "crop",
                    Fit::Stretch => "stretch",
                    Fit::Letterbox => "letterbox",
                },
            )
            .field("resize", target.resize)
            .field(
                "color-order",
                match target.order {
                    ColorOrder::Rgb => "rgb",
                    ColorOrder::Bgr => "bgr",
                },
            )
            .field("output", &signature.output)
            .field("classes", self.session.classes() as u32)
            .field(
                "activation",
                match self.activation {
                    Activation::Softmax => "softmax",
                    Activation::Sigmoid => "sigmoid",
                    Activation::None => "none",
                },
            );
        // Bytes go to the model as they are.
        if target.element != ElementType::U8 {
            info = info
                .field("mean", array(target.mean))
                .field("std", array(target.std));
        }
        let contract = &self.model.contract;
        for (name, value) in [
            ("architecture", &contract.architecture),
            ("source", &contract.source),
            ("weights-sha256", &contract.weights_sha256),
        ] {
            info = info.field_if_some(name, value.as_deref());
        }
        info.build()
    }
}

/// Whether two paths lead to one file, through links too.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(a) == real(b)
}

/// Compares a buffer with its caps, for GStreamer answers an attempt to map one that contradicts
/// them with a CRITICAL or without a reason.
fn check_layout(buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> Result<(), Error> {
    let wrong = |expected: String, found: String| Error::Layout { expected, found };
    let Some(meta) = buffer.meta::<gst_video::VideoMeta>() else {
        if buffer.size() < info.size() {
            let bytes = |size: usize| format!("{size} bytes");
            return Err(wrong(bytes(info.size()), bytes(buffer.size())));
        }
        return Ok(());
    };
    let fits = meta.format() == info.format()
        && meta.n_planes() == info.n_planes()
        && meta.width() >= info.width()
        && meta.height() >= info.height();
    if !fits {
        let text = |format, width, height, planes| {
            format!("{format:?} {width}x{height} in {planes} planes")
        };
        return Err(wrong(
            text(info.format(), info.width(), info.height(), info.n_planes()),
            text(meta.format(), meta.width(), meta.height(), meta.n_planes()),
        ));
    }
    Ok(())
}

/// What pre-processing is to do: the properties, else the model's contract, else the defaults.
fn target(settings: &Settings, model: &Model) -> Result<Target, Error> {
    let own = model.target();
    let fit = Option::from(settings.fit).unwrap_or(own.fit);
    let side = own.width.min(own.height);
    let resize = match settings.resize {
        0 => own.resize,
        resize if fit == Fit::Crop && resize < side => {
            return Err(Error::Setting {
                property: "resize",
                found: resize.to_string(),
                expected: format!("at least {side}, the shorter side of the model's input"),
            });
        }
        resize => resize,
    };
    let element = own.element;
    let mean = triple(
        "mean",
        &settings.mean,
        element,
        "finite numbers",
        is_valid_mean,
    )?;
    let std = triple(
        "std",
        &settings.std,
        element,
        "finite numbers above 0",
        is_valid_std,
    )?;
    Ok(Target {
        order: Option::from(settings.color_order).unwrap_or(own.order),
        fit,
        resize,
        mean: mean.unwrap_or(own.mean),
        std: std.unwrap_or(own.std),
        ..own
    })
}

/// Checks `mean` or `std`.
fn triple(
    property: &'static str,
    value: &Option<Vec<f64>>,
    element: ElementType,
    what: &str,
    valid: impl Fn(f64) -> bool,
) -> Result<Option<[f64; 3]>, Error> {
    let Some(value) = value else {
        return Ok(None);
    };
    let wrong = |found: String, expected: String| Error::Setting {
        property,
        found,
        expected,
    };
    if element == ElementType::U8 {
        return Err(wrong(
            format!("{value:?}"),
            "unset: the model takes bytes and normalizes them itself".into(),
        ));
    }
    match value[..] {
        [r, g, b] if [r, g, b].into_iter().all(&valid) => Ok(Some([r, g, b])),
        [_, _, _] => Err(wrong(format!("{value:?}"), what.into())),
        _ => Err(wrong(
            format!("{value:?} ({} numbers)", value.len()),
            format!("3 {what}, for red, green and blue"),
        )),
    }
}

fn labels(settings: &Settings, model: &Model, classes: usize) -> Result<Labels, Error> {
    Ok(match (&settings.labels, &model.contract.labels) {
        (Some(path), _) => Labels::read(path.as_ref(), classes)?,
        (None, Some(ContractLabels::Names(names))) => Labels::from_names(names.clone(), classes)?,
        // There is one known list; the contract says that it is this model's.
        (None, Some(ContractLabels::Known(_))) => Labels::imagenet(classes)?,
        (None, None) => Labels::default_for(classes),
    })
}

/// The options as strings, which is how ONNX Runtime takes them all.
fn provider_options(settings: &Settings) -> Result<Vec<(String, String)>, Error> {
    let Some(options) = &settings.provider_options else {
        return Ok(Vec::new());
    };
    options
        .iter()
        .map(|(name, value)| {
            // GLib writes booleans as TRUE and FALSE, and the providers want 1 and 0.
            let text = if let Ok(flag) = value.get::<bool>() {
                Some(u8::from(flag).to_string())
            } else {
                value.transform::<String>().ok().and_then(|v| v.get().ok())
            };
            text.map(|text| (name.to_string(), text))
                .ok_or_else(|| Error::Setting {
                    property: "provider-options",
                    found: format!("{name} of type {}", value.type_()),
                    expected: "strings, numbers and booleans".into(),
                })
        })
        .collect()
}
