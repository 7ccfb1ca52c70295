// SPDX-License-Identifier: MPL-2.0
//! A model in work: from a buffer to an answer, without pads.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::strings;
use super::super::time::Steady;
use super::convert::{Converted, Shared};
use super::decide::{Choice, Sample, groups};
use super::error::Error;
use super::pool::Pool;
use super::settings::{FrameSettings, Settings};
use super::still::{Seen, Still};
use super::subject::Part;
use crate::classifier::{Plan, count_labels};
use crate::inference::{
    Cancel, Engine, EngineOptions, Model, Port, Provider, RUN_LIMIT, Runtime, SessionOptions,
    Wishes, find_model, known_model, shared_engine,
};
use crate::meta::{Class, Classification};
use crate::paths;
use crate::postprocess::{Activation, Groups, Labels, LabelsError, confidences, top_k};
use crate::preprocess::{
    ColorOrder, Converter, ElementType, Fit, Layout, Picture, Preprocessor, Rect, Resize, Slot,
    Target, is_read, is_valid_mean, is_valid_std,
};
use crate::text;

/// What turns frames into tensors and scores into answers.
#[derive(Debug)]
pub struct Classifier {
    plan: Plan,
    names: Mutex<Names>,
    model_name: Arc<str>,
    provider_name: Arc<str>,
    preprocessors: Pool<Preprocessor>,
    converters: Arc<Pool<Converter>>,
    still: Mutex<Still>,
}

/// A frame, or a part of it, that is to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    pub buffer: &'a gst::BufferRef,
    pub info: &'a gst_video::VideoInfo,
    pub part: &'a Part,
    /// The number of its job.
    pub number: u64,
    /// None where the frame has no time.
    pub steady: Option<Steady>,
    /// What its jobs have in common, where it has to be converted.
    pub shared: Option<&'a Shared>,
}

/// How classes are called, and what is decided between them.
#[derive(Debug, Clone)]
pub struct Names {
    labels: Arc<Labels>,
    groups: Option<Arc<Groups>>,
    choice: Option<Arc<Choice>>,
}

impl Names {
    /// Reads the files that they are in. Also returns what the user is to be told of them.
    fn read(
        settings: &Settings,
        model: &Model,
        plan: &Plan,
        cancel: &Cancel,
    ) -> Result<(Self, Option<String>), Error> {
        settings.check_text()?;
        let (labels, warning) = match &settings.labels {
            Some(name) => (read_labels(name, plan.classes, cancel)?, None),
            None => plan.labels(model)?,
        };
        let groups = groups(settings, &labels, cancel)?;
        let names = Self::new(settings, Arc::new(labels), groups)?;
        Ok((names, warning))
    }

    fn new(
        settings: &Settings,
        labels: Arc<Labels>,
        groups: Option<Arc<Groups>>,
    ) -> Result<Self, Error> {
        settings.check_text()?;
        Ok(Self {
            choice: Choice::new(settings, &labels, groups.clone())?.map(Arc::new),
            labels,
            groups,
        })
    }
}

/// An answer, and what it adds to the stream's decision.
#[derive(Debug)]
pub struct Answer {
    pub classification: Classification,
    pub sample: Option<Sample>,
}

/// A classifier with its way to the engine.
#[derive(Debug)]
pub struct Loaded {
    pub classifier: Arc<Classifier>,
    pub port: Port,
    pub info: gst::Structure,
    /// What the user is to be told.
    pub warnings: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks those settings that need no file and no library.
pub fn check(settings: &Settings) -> Result<(), Error> {
    settings.check_text()?;
    Provider::parse_list(&settings.provider)?;
    provider_options(settings)?;
    find_model(settings.model.as_ref().map(|m| m.as_os_str()))?;
    Ok(())
}

impl Loaded {
    /// Loads what the settings say. `folders` are those beside the plugin where ONNX Runtime may
    /// lie; `step` is told what is about to be done, and its error ends it, as does `cancel`.
    pub fn load(
        settings: &Settings,
        folders: &[PathBuf],
        step: impl Fn(&str) -> Result<(), Error>,
        cancel: &Cancel,
    ) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        // What can be checked without loading anything comes first.
        settings.check_text()?;
        let providers = Provider::parse_list(&settings.provider)?;
        let source = find_model(settings.model.as_ref().map(|m| m.as_os_str()))?;
        step(&format!("reading {source}"))?;
        let model = known_model(source, cancel)?;
        let wishes = wishes(settings, &model, cancel);
        let model = model.with(wishes)?;
        let target = target(settings, &model)?;

        step("loading ONNX Runtime")?;
        let library = settings.runtime_library.as_ref();
        let library = library.map(|name| paths::named(name.as_os_str()));
        let runtime = Runtime::load(library.as_deref(), folders)?;
        if let Some(library) = library
            && !is_same_file(&library, runtime.path())
        {
            warnings.push(format!(
                "runtime-library “{}” is not used: this process has already loaded ONNX Runtime \
                 from “{}”, and it cannot be exchanged. Start a new process to change it.",
                paths::escaped(library.as_os_str()),
                paths::escaped(runtime.path().as_os_str()),
            ));
        }
        step("preparing the model and trying it")?;
        let options = EngineOptions {
            session: SessionOptions {
                providers,
                provider_options: provider_options(settings)?,
                device: settings.device_id,
                threads: settings.threads as usize,
            },
            sessions: settings.sessions as usize,
            batch: settings.batch_size as usize,
            single: settings.frame.max_in_flight == 1,
            run_limit: RUN_LIMIT,
        };
        let engine = match settings.share {
            true => shared_engine(runtime, &model, &options, cancel)?,
            false => Arc::new(Engine::load_unless(runtime, &model, &options, cancel)?),
        };
        warnings.extend(engine.warnings().iter().map(|f| {
            format!(
                "provider {} is asked for, {} runs: {}",
                f.provider,
                engine.provider(),
                f.reason
            )
        }));

        warnings.extend(engine.refused_batch().map(|reason| {
            format!(
                "batch-size={} is not possible with model “{}”, which runs one picture at a time: \
                 {reason}",
                settings.batch_size, model.source
            )
        }));
        let activation = settings.activation.into();
        let plan = Plan::new(&model, engine.findings(), target, activation);
        warnings.extend(plan.warnings.iter().cloned());
        let (names, warning) = Names::read(settings, &model, &plan, cancel)?;
        warnings.extend(warning);
        let classifier = Classifier {
            model_name: model.source.to_string().into(),
            provider_name: engine.provider().name().into(),
            plan,
            names: Mutex::new(names),
            preprocessors: Pool::default(),
            converters: Arc::default(),
            still: Mutex::default(),
        };
        Ok(Self {
            info: classifier.info(&model, &engine),
            classifier: Arc::new(classifier),
            port: engine.port(),
            warnings,
        })
    }
}

impl Classifier {
    /// Decides between other things, by the labels and groups that are in use.
    pub fn decide_anew(&self, settings: impl FnOnce() -> Settings) -> Result<(), Error> {
        // Under the lock, so that of several at a time the last one has what was set last.
        let mut names = lock(&self.names);
        let (labels, groups) = (Arc::clone(&names.labels), names.groups.clone());
        *names = Names::new(&settings(), labels, groups)?;
        Ok(())
    }

    /// Reads other names for the classes.
    pub fn read_names(
        &self,
        settings: &Settings,
        engine: &Engine,
        cancel: &Cancel,
    ) -> Result<Names, Error> {
        Ok(Names::read(settings, engine.model(), &self.plan, cancel)?.0)
    }

    /// Takes other names for the classes.
    pub fn rename(&self, names: Names) {
        *lock(&self.names) = names;
    }

    /// Writes a frame, or a part of it, into its part of the input tensor. Returns false if a
    /// whole frame looks like the one before it, as `skip-still` has it.
    pub fn fill(
        &self,
        look: Look<'_>,
        settings: &FrameSettings,
        slot: &mut Slot<'_>,
    ) -> Result<bool, Error> {
        let Look { buffer, info, .. } = look;
        check_layout(buffer, info)?;
        let rect = look.part.place.as_ref().map(|place| place.rect);
        let uncropped = uncropped(buffer, info, rect);
        let (info, rect) = match &uncropped {
            Some((whole, rect)) => (whole, Some(*rect)),
            None => (info, rect),
        };
        if is_read(info.format()) {
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
                .map_err(|e| Error::Map(e.message.to_string()))?;
            self.process(&Picture::from_frame(&frame), info, rect, slot)?;
        } else {
            let convert = || Converted::new(buffer, info, &self.converters);
            let converted = match look.shared {
                Some(shared) => shared.get(convert)?,
                None => Arc::new(convert()?),
            };
            let converter = converted.converter();
            let frame = converter.frame()?;
            self.process(&Picture::from_frame(&frame), converter.info(), rect, slot)?;
        }
        if look.part.place.is_some() {
            return Ok(true);
        }
        let mut still = lock(&self.still);
        let limit = settings.skip_still;
        if limit <= 0.0 {
            // Answers come that are not of what was kept.
            *still = Still::default();
            return Ok(true);
        }
        let seen = Seen {
            subject: look.part.subject.number,
            number: look.number,
            time: look.steady,
        };
        let longest = settings.skip_still_max;
        Ok(!still.is_still(slot, &self.plan.target, seen, limit, longest))
    }

    /// Writes a picture, or a part of it, into the tensor.
    fn process(
        &self,
        picture: &Picture<'_>,
        info: &gst_video::VideoInfo,
        rect: Option<Rect>,
        slot: &mut Slot<'_>,
    ) -> Result<(), Error> {
        // What is made for one place is of no use for another, and objects move.
        if let Some(rect) = rect {
            let mut preprocessor = Preprocessor::of_part(info, rect, &self.plan.target);
            return Ok(preprocessor.process(picture, slot)?);
        }
        let preprocessor = self.preprocessors.take(info);
        let mut preprocessor =
            preprocessor.unwrap_or_else(|| Preprocessor::new(info, &self.plan.target));
        preprocessor.process(picture, slot)?;
        self.preprocessors.give(info, preprocessor);
        Ok(())
    }

    /// The answer that the scores of a frame are.
    pub fn answer(
        &self,
        scores: &[f32],
        settings: &FrameSettings,
        inference: Duration,
    ) -> Result<Answer, Error> {
        let mut best = Vec::new();
        let scores = &self.plan.scores(scores);
        let activation = self.plan.activation;
        let k = self.plan.most.min(settings.top_k as usize);
        let threshold = settings.threshold;
        top_k(scores, activation, k, threshold, &mut best)?;
        let Names { labels, choice, .. } = lock(&self.names).clone();
        let sample = match choice {
            None => None,
            Some(choice) => {
                let mut all = Vec::with_capacity(scores.len());
                confidences(scores, activation, &mut all)?;
                Some(Sample {
                    choice,
                    confidences: all,
                    policy: settings.policy,
                })
            }
        };
        let groups = sample
            .as_ref()
            .map(|s| s.choice.groups(&s.confidences, k, threshold));
        let results = best.iter().map(|score| Class {
            index: score.index as i32,
            label: labels.name(score.index),
            confidence: score.confidence,
        });
        let classification = Classification {
            // Several elements may share the classifier: the stream knows whose it is.
            element: Arc::default(),
            model: Arc::clone(&self.model_name),
            provider: Arc::clone(&self.provider_name),
            fresh: true,
            age: Some(gst::ClockTime::ZERO),
            inference_time: gst::ClockTime::try_from(inference).unwrap_or(gst::ClockTime::MAX),
            results: results.collect(),
            groups: groups.unwrap_or_default(),
            decision: None,
        };
        Ok(Answer {
            classification,
            sample,
        })
    }

    /// The property `model-info`.
    fn info(&self, model: &Model, engine: &Engine) -> gst::Structure {
        let (signature, target) = (&model.signature, &self.plan.target);
        let array = |numbers: [f64; 3]| gst::Array::new(numbers);
        let mut info = gst::Structure::builder("resnet50-model")
            .field("model", &*self.model_name)
            .field("provider", &*self.provider_name)
            .field("sessions", engine.sessions() as u32)
            .field("threads", engine.threads() as u32)
            .field("batch-size", engine.batch() as u32)
            .field("input", text::name(&signature.input).to_string())
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
            .field("resize", target.resize.shorter())
            .field("interpolation", target.interpolation.name())
            .field("antialias", target.antialias)
            .field(
                "color-order",
                match target.order {
                    ColorOrder::Rgb => "rgb",
                    ColorOrder::Bgr => "bgr",
                },
            )
            .field("output", text::name(&self.plan.output).to_string())
            .field("classes", self.plan.classes as u32)
            .field(
                "activation",
                match self.plan.activation {
                    Activation::Softmax => "softmax",
                    Activation::Sigmoid => "sigmoid",
                    Activation::None => "none",
                },
            );
        if let Resize::Both { width, height } = target.resize {
            info = info
                .field("resize-width", width)
                .field("resize-height", height);
        }
        // Bytes go to the model as they are.
        if target.element != ElementType::U8 {
            info = info
                .field("mean", array(target.mean))
                .field("std", array(target.std));
        }
        let contract = &model.contract;
        for (name, value) in [
            ("architecture", &contract.architecture),
            ("source", &contract.source),
            ("weights-sha256", &contract.weights_sha256),
        ] {
            let value = value.as_deref().map(|v| text::name(v).to_string());
            info = info.field_if_some(name, value);
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

/// A buffer's memory as a frame of its own, and where in it this part of the frame lies, if the
/// frame is only a part of it. Nobody was told that this element knows of GstVideoCropMeta, yet some
/// always have it so. Without one, the frame lies in the upper left of what a GstVideoMeta
/// describes, and only a converter needs to be told.
fn uncropped(
    buffer: &gst::BufferRef,
    info: &gst_video::VideoInfo,
    part: Option<Rect>,
) -> Option<(gst_video::VideoInfo, Rect)> {
    let memory = buffer.meta::<gst_video::VideoMeta>()?;
    let is_larger = (memory.width(), memory.height()) != (info.width(), info.height());
    let (left, top) = match buffer.meta::<gst_video::VideoCropMeta>() {
        Some(crop) => (crop.rect().0, crop.rect().1),
        None if is_larger && !is_read(info.format()) => (0, 0),
        None => return None,
    };
    let whole = gst_video::VideoInfo::builder(info.format(), memory.width(), memory.height())
        .colorimetry(&info.colorimetry())
        .chroma_site(info.chroma_site())
        .par(info.par())
        .build();
    let part = part.unwrap_or(Rect::whole(info.width(), info.height()));
    let place = Rect {
        x: part.x.checked_add(left)?,
        y: part.y.checked_add(top)?,
        ..part
    };
    // One that says otherwise than its memory is not believed.
    let fits = place.clip(memory.width(), memory.height()) == Some(place);
    Some((whole.ok().filter(|_| fits)?, place))
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
        resize => Resize::Shorter(resize),
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
        _ => {
            let numbers = match value.len() {
                1 => "1 number".to_owned(),
                count => format!("{count} numbers"),
            };
            Err(wrong(
                format!("{value:?} ({numbers})"),
                format!("3 {what}, for red, green and blue"),
            ))
        }
    }
}

/// What the properties ask of a model.
fn wishes(settings: &Settings, model: &Model, cancel: &Cancel) -> Wishes {
    // Labels tell outputs apart, and where there is nothing to tell apart, elements with different
    // labels share an engine.
    let labels = match (&model.signature.outputs[..], &settings.labels) {
        ([_], _) => None,
        (_, Some(name)) => match read_labels(name, usize::MAX, cancel) {
            Err(LabelsError::WrongLength { found, .. }) => Some(found),
            // Whatever is wrong with it is said once its number is known.
            _ => None,
        },
        (_, None) => count_labels(model),
    };
    Wishes {
        output: settings.output.clone(),
        width: settings.width,
        height: settings.height,
        labels,
    }
}

fn read_labels(name: &Path, classes: usize, cancel: &Cancel) -> Result<Labels, LabelsError> {
    let path = paths::named(name.as_os_str());
    Labels::read_unless(&path, classes, &|| cancel.is_cancelled())
}

/// The options as strings, which is how ONNX Runtime takes them all.
fn provider_options(settings: &Settings) -> Result<Vec<(String, String)>, Error> {
    let Some(options) = &settings.provider_options else {
        return Ok(Vec::new());
    };
    options
        .iter()
        .map(|(name, value)| {
            let wrong = |found: String, expected: &str| Error::Setting {
                property: "provider-options",
                found,
                expected: expected.into(),
            };
            let of_bytes = |text: &OsStr| {
                let found = format!("“{}”", paths::escaped(text));
                let text = text.to_str().map(str::to_owned);
                text.ok_or_else(|| wrong(found, "of UTF-8 text"))
            };
            // The bindings take for granted that it is text.
            let name = of_bytes(OsStr::from_bytes(name.as_bytes()))?;
            // GLib writes booleans as TRUE and FALSE, and the providers want 1 and 0.
            let value = if let Ok(flag) = value.get::<bool>() {
                u8::from(flag).to_string()
            } else {
                let text = value.transform::<String>().ok();
                let text = text.and_then(|text| strings::bytes_of(&text));
                let text = text.ok_or_else(|| {
                    let found = format!("{name} of type {}", value.type_());
                    wrong(found, "strings, numbers and booleans")
                })?;
                of_bytes(&text)?
            };
            Ok((name, value))
        })
        .collect()
}
