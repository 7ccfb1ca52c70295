// SPDX-License-Identifier: MPL-2.0
//! The properties that can be set.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use gst::prelude::*;

use super::super::strings::{self, NotText};
use super::super::time::clock_time;
use super::decide::IMAGENET_GROUPS;
use super::error::Error;
use crate::inference::BUILTIN;
use crate::postprocess::{Activation, Policy};
use crate::preprocess::{ColorOrder, Fit};

/// What turns the model's output into confidences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Activation")]
pub enum ActivationSetting {
    /// The model's contract or its graph tells.
    #[default]
    #[enum_value(name = "What the model's contract or its graph says", nick = "auto")]
    Auto,
    /// One of the classes is right.
    #[enum_value(name = "Softmax: one of the classes is right", nick = "softmax")]
    Softmax,
    /// Each class by itself.
    #[enum_value(name = "Sigmoid: each class by itself", nick = "sigmoid")]
    Sigmoid,
    /// The output is confidences.
    #[enum_value(name = "None: the output is confidences", nick = "none")]
    None,
}

/// How a picture becomes as large as the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Fit")]
pub enum FitSetting {
    /// The model's contract tells, else the crop.
    #[default]
    #[enum_value(name = "What the model's contract says, else crop", nick = "auto")]
    Auto,
    /// The shorter side is resized, the centre cut out.
    #[enum_value(name = "Resize the shorter side, cut out the centre", nick = "crop")]
    Crop,
    /// Both sides are resized.
    #[enum_value(
        name = "Resize both sides, whatever the aspect ratio",
        nick = "stretch"
    )]
    Stretch,
    /// The whole picture, with black beside it.
    #[enum_value(
        name = "Fit the whole picture in, with black beside it",
        nick = "letterbox"
    )]
    Letterbox,
}

/// Order of the model's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50ColorOrder")]
pub enum ColorOrderSetting {
    /// The model's contract tells, else red first.
    #[default]
    #[enum_value(name = "What the model's contract says, else rgb", nick = "auto")]
    Auto,
    /// Red first.
    #[enum_value(name = "Red, green, blue", nick = "rgb")]
    Rgb,
    /// Blue first.
    #[enum_value(name = "Blue, green, red", nick = "bgr")]
    Bgr,
}

/// When an element message is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Messages")]
pub enum Messages {
    /// Never.
    #[default]
    #[enum_value(name = "Never", nick = "none")]
    None,
    /// When the decision is another than before; without a decision layer, the best class.
    #[enum_value(
        name = "When the decision, or without one the best class, changes",
        nick = "change"
    )]
    Change,
    /// For each frame and region that was inferred.
    #[enum_value(name = "For each inferred frame and region", nick = "all")]
    All,
}

/// What is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Region")]
pub enum RegionSetting {
    /// The frame.
    #[default]
    #[enum_value(name = "The whole frame", nick = "frame")]
    Frame,
    /// What detectors have found in it.
    #[enum_value(
        name = "Each region of interest that a detector has found",
        nick = "rois"
    )]
    Rois,
    /// The frame and what detectors have found in it.
    #[enum_value(name = "The whole frame and each region of interest", nick = "both")]
    Both,
}

impl RegionSetting {
    /// Whether the whole frame is.
    pub fn has_frame(self) -> bool {
        self != Self::Rois
    }

    /// Whether regions are.
    pub fn has_regions(self) -> bool {
        self != Self::Frame
    }
}

/// The property `roi-types`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoiTypes {
    pub text: Option<Arc<str>>,
    /// None of them for all.
    types: Arc<[String]>,
}

impl RoiTypes {
    fn new(text: Option<String>) -> Self {
        let types = text.iter().flat_map(|text| text.split(','));
        let types = types.map(str::trim).filter(|name| !name.is_empty());
        Self {
            types: types.map(str::to_owned).collect(),
            text: text.map(Arc::from),
        }
    }

    /// Whether a region of this type is one of them.
    pub fn contain(&self, kind: &str) -> bool {
        self.types.is_empty()
            || self
                .types
                .iter()
                .any(|name| name.eq_ignore_ascii_case(kind))
    }
}

/// What a frame waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstResnet50Mode")]
pub enum Mode {
    /// Live in a live pipeline, else exact.
    #[default]
    #[enum_value(name = "live in a live pipeline, else exact", nick = "auto")]
    Auto,
    /// Each chosen frame leaves with its own answer.
    #[enum_value(name = "Each chosen frame waits for its own answer", nick = "exact")]
    Exact,
    /// Frames leave at once with the newest answer.
    #[enum_value(
        name = "Frames leave at once with the newest answer there is",
        nick = "live"
    )]
    Live,
}

const DEFAULT_PROVIDER: &str = "cpu";
const DEFAULT_DEVICE_ID: i32 = 0;
const DEFAULT_THREADS: u32 = 0;
const DEFAULT_SESSIONS: u32 = 0;
const DEFAULT_BATCH_SIZE: u32 = 1;
const DEFAULT_BATCH_TIMEOUT: u64 = 0;
const DEFAULT_MAX_IN_FLIGHT: u32 = 0;
const DEFAULT_SHARE: bool = true;
const DEFAULT_SKIP_STILL: f32 = 0.0;
const DEFAULT_SKIP_STILL_MAX: u64 = 1_000_000_000;
const DEFAULT_INTERVAL: u32 = 1;
const DEFAULT_TOP_K: u32 = 5;
const DEFAULT_THRESHOLD: f32 = 0.0;
const DEFAULT_RESIZE: u32 = 0;
const DEFAULT_WIDTH: u32 = 0;
const DEFAULT_HEIGHT: u32 = 0;
const DEFAULT_ROI_MIN_SIZE: u32 = 0;
const DEFAULT_RECLASSIFY_INTERVAL: u64 = 0;
const DEFAULT_SMOOTHING: u64 = 0;
const DEFAULT_ENTER_CONFIDENCE: f32 = 0.0;
const DEFAULT_LEAVE_CONFIDENCE: f32 = 0.0;
const DEFAULT_HOLD_TIME: u64 = 0;
const DEFAULT_TAGS: bool = false;

/// Properties that name files. Their bytes are taken as they are; those of all others are text.
const PATHS: [&str; 4] = ["model", "labels", "groups", "runtime-library"];

/// Everything that can be set. Nothing is checked here: what a value means may depend on
/// another, so `start` checks them together and names the one that is wrong.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Paths are of any bytes.
    pub model: Option<PathBuf>,
    pub labels: Option<PathBuf>,
    pub provider: String,
    pub provider_options: Option<gst::Structure>,
    pub device_id: i32,
    pub threads: u32,
    pub sessions: u32,
    pub batch_size: u32,
    pub share: bool,
    /// The name of the model's output that is read.
    pub output: Option<String>,
    pub activation: ActivationSetting,
    /// Of the model's input, where the model leaves them open.
    pub width: u32,
    pub height: u32,
    pub fit: FitSetting,
    pub resize: u32,
    /// Elements that are no numbers are NaN.
    pub mean: Option<Vec<f64>>,
    pub std: Option<Vec<f64>>,
    pub color_order: ColorOrderSetting,
    pub groups: Option<PathBuf>,
    pub allow: Option<String>,
    pub deny: Option<String>,
    pub runtime_library: Option<PathBuf>,
    pub frame: FrameSettings,
    pub not_text: NotText,
}

/// The part that is looked at for each frame. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameSettings {
    pub mode: Mode,
    pub max_in_flight: u32,
    pub interval: u32,
    pub top_k: u32,
    pub threshold: f32,
    pub messages: Messages,
    /// Most inferences a second; numerator 0: any number.
    pub max_rate: gst::Fraction,
    pub batch_timeout: Duration,
    pub skip_still: f32,
    pub skip_still_max: gst::ClockTime,
    pub region: RegionSetting,
    pub roi_types: RoiTypes,
    /// In pixels.
    pub roi_min_size: u32,
    pub reclassify_interval: gst::ClockTime,
    pub policy: Policy,
    pub tags: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: None,
            labels: None,
            provider: DEFAULT_PROVIDER.into(),
            provider_options: None,
            device_id: DEFAULT_DEVICE_ID,
            threads: DEFAULT_THREADS,
            sessions: DEFAULT_SESSIONS,
            batch_size: DEFAULT_BATCH_SIZE,
            share: DEFAULT_SHARE,
            output: None,
            activation: ActivationSetting::default(),
            width: DEFAULT_WIDTH,
            height: DEFAULT_HEIGHT,
            fit: FitSetting::default(),
            resize: DEFAULT_RESIZE,
            mean: None,
            std: None,
            color_order: ColorOrderSetting::default(),
            groups: None,
            allow: None,
            deny: None,
            runtime_library: None,
            not_text: NotText::default(),
            frame: FrameSettings {
                mode: Mode::default(),
                max_in_flight: DEFAULT_MAX_IN_FLIGHT,
                interval: DEFAULT_INTERVAL,
                top_k: DEFAULT_TOP_K,
                threshold: DEFAULT_THRESHOLD,
                messages: Messages::default(),
                max_rate: gst::Fraction::new(0, 1),
                batch_timeout: Duration::from_nanos(DEFAULT_BATCH_TIMEOUT),
                skip_still: DEFAULT_SKIP_STILL,
                skip_still_max: gst::ClockTime::from_nseconds(DEFAULT_SKIP_STILL_MAX),
                region: RegionSetting::default(),
                roi_types: RoiTypes::default(),
                roi_min_size: DEFAULT_ROI_MIN_SIZE,
                reclassify_interval: gst::ClockTime::from_nseconds(DEFAULT_RECLASSIFY_INTERVAL),
                policy: Policy {
                    smoothing: DEFAULT_SMOOTHING,
                    enter: DEFAULT_ENTER_CONFIDENCE,
                    leave: DEFAULT_LEAVE_CONFIDENCE,
                    hold: DEFAULT_HOLD_TIME,
                },
                tags: DEFAULT_TAGS,
            },
        }
    }
}

impl Settings {
    /// Whether anything asks for a decision.
    pub fn decides(&self) -> bool {
        let lists = [&self.allow, &self.deny];
        self.groups.is_some()
            || lists.iter().any(|list| list.is_some())
            || self.frame.tags
            || self.frame.policy != Policy::default()
    }

    /// Whether what is to be text is text.
    pub fn check_text(&self) -> Result<(), Error> {
        match self.not_text.first() {
            None => Ok(()),
            Some((property, found)) => Err(Error::Setting {
                property,
                found,
                expected: "UTF-8 text".into(),
            }),
        }
    }

    /// Stores a property.
    pub fn set(&mut self, name: &'static str, value: &glib::Value) {
        fn get<'v, T: glib::value::FromValue<'v>>(value: &'v glib::Value) -> T {
            value
                .get()
                .unwrap_or_else(|_| unreachable!("GObject checks the type"))
        }
        if !PATHS.contains(&name) && self.not_text.take(name, value) {
            return;
        }
        // An empty string is what a program writes that has nothing to say.
        let bytes = || strings::bytes_of(value).filter(|s| !s.is_empty());
        let path = || bytes().map(PathBuf::from);
        let text = || bytes().and_then(|text| text.into_string().ok());
        match name {
            "model" => self.model = path(),
            "labels" => self.labels = path(),
            "provider" => self.provider = text().unwrap_or_else(|| DEFAULT_PROVIDER.into()),
            "provider-options" => self.provider_options = get(value),
            "device-id" => self.device_id = get(value),
            "threads" => self.threads = get(value),
            "sessions" => self.sessions = get(value),
            "batch-size" => self.batch_size = get(value),
            "batch-timeout" => self.frame.batch_timeout = Duration::from_nanos(get(value)),
            "max-in-flight" => self.frame.max_in_flight = get(value),
            "mode" => self.frame.mode = get(value),
            "max-rate" => self.frame.max_rate = get(value),
            "skip-still" => self.frame.skip_still = get(value),
            "skip-still-max" => {
                self.frame.skip_still_max = clock_time(get(value));
            }
            "share" => self.share = get(value),
            "output" => self.output = text(),
            "activation" => self.activation = get(value),
            "width" => self.width = get(value),
            "height" => self.height = get(value),
            "fit" => self.fit = get(value),
            "resize" => self.resize = get(value),
            "mean" => self.mean = numbers(&get(value)),
            "std" => self.std = numbers(&get(value)),
            "color-order" => self.color_order = get(value),
            "runtime-library" => self.runtime_library = path(),
            "interval" => self.frame.interval = get(value),
            "top-k" => self.frame.top_k = get(value),
            "threshold" => self.frame.threshold = get(value),
            "messages" => self.frame.messages = get(value),
            "region" => self.frame.region = get(value),
            "roi-types" => self.frame.roi_types = RoiTypes::new(text()),
            "roi-min-size" => self.frame.roi_min_size = get(value),
            "reclassify-interval" => {
                self.frame.reclassify_interval = clock_time(get(value));
            }
            "smoothing" => self.frame.policy.smoothing = get(value),
            "enter-confidence" => self.frame.policy.enter = get(value),
            "leave-confidence" => self.frame.policy.leave = get(value),
            "hold-time" => self.frame.policy.hold = get(value),
            "groups" => self.groups = path(),
            "allow" => self.allow = text(),
            "deny" => self.deny = text(),
            "tags" => self.frame.tags = get(value),
            _ => unreachable!("no such property: {name}"),
        }
    }

    /// Gives a property back.
    pub fn get(&self, name: &str) -> glib::Value {
        if let Some(not_text) = self.not_text.get(name) {
            return not_text;
        }
        let path = |path: &Option<PathBuf>| strings::value_of(path.as_ref().map(|p| p.as_os_str()));
        let array = |numbers: &Option<Vec<f64>>| {
            gst::Array::new(numbers.iter().flatten().map(|n| n.to_send_value())).to_value()
        };
        match name {
            "model" => path(&self.model),
            "labels" => path(&self.labels),
            "provider" => self.provider.to_value(),
            "provider-options" => self.provider_options.to_value(),
            "device-id" => self.device_id.to_value(),
            "threads" => self.threads.to_value(),
            "sessions" => self.sessions.to_value(),
            "batch-size" => self.batch_size.to_value(),
            "batch-timeout" => (self.frame.batch_timeout.as_nanos() as u64).to_value(),
            "max-in-flight" => self.frame.max_in_flight.to_value(),
            "mode" => self.frame.mode.to_value(),
            "max-rate" => self.frame.max_rate.to_value(),
            "skip-still" => self.frame.skip_still.to_value(),
            "skip-still-max" => self.frame.skip_still_max.nseconds().to_value(),
            "share" => self.share.to_value(),
            "output" => self.output.to_value(),
            "activation" => self.activation.to_value(),
            "width" => self.width.to_value(),
            "height" => self.height.to_value(),
            "fit" => self.fit.to_value(),
            "resize" => self.resize.to_value(),
            "mean" => array(&self.mean),
            "std" => array(&self.std),
            "color-order" => self.color_order.to_value(),
            "runtime-library" => path(&self.runtime_library),
            "interval" => self.frame.interval.to_value(),
            "top-k" => self.frame.top_k.to_value(),
            "threshold" => self.frame.threshold.to_value(),
            "messages" => self.frame.messages.to_value(),
            "region" => self.frame.region.to_value(),
            "roi-types" => self.frame.roi_types.text.as_deref().to_value(),
            "roi-min-size" => self.frame.roi_min_size.to_value(),
            "reclassify-interval" => self.frame.reclassify_interval.nseconds().to_value(),
            "smoothing" => self.frame.policy.smoothing.to_value(),
            "enter-confidence" => self.frame.policy.enter.to_value(),
            "leave-confidence" => self.frame.policy.leave.to_value(),
            "hold-time" => self.frame.policy.hold.to_value(),
            "groups" => path(&self.groups),
            "allow" => self.allow.to_value(),
            "deny" => self.deny.to_value(),
            "tags" => self.frame.tags.to_value(),
            _ => unreachable!("no such property: {name}"),
        }
    }
}

/// An array's numbers; nothing for an empty one, which is how a program unsets it.
fn numbers(array: &gst::Array) -> Option<Vec<f64>> {
    let number = |v: &glib::SendValue| match v.transform::<f64>() {
        Ok(number) => number.get().unwrap_or(f64::NAN),
        Err(_) => f64::NAN,
    };
    (!array.is_empty()).then(|| array.iter().map(number).collect())
}

impl From<FitSetting> for Option<Fit> {
    fn from(fit: FitSetting) -> Self {
        match fit {
            FitSetting::Auto => None,
            FitSetting::Crop => Some(Fit::Crop),
            FitSetting::Stretch => Some(Fit::Stretch),
            FitSetting::Letterbox => Some(Fit::Letterbox),
        }
    }
}

impl From<ColorOrderSetting> for Option<ColorOrder> {
    fn from(order: ColorOrderSetting) -> Self {
        match order {
            ColorOrderSetting::Auto => None,
            ColorOrderSetting::Rgb => Some(ColorOrder::Rgb),
            ColorOrderSetting::Bgr => Some(ColorOrder::Bgr),
        }
    }
}

impl From<ActivationSetting> for Option<Activation> {
    fn from(activation: ActivationSetting) -> Self {
        match activation {
            ActivationSetting::Auto => None,
            ActivationSetting::Softmax => Some(Activation::Softmax),
            ActivationSetting::Sigmoid => Some(Activation::Sigmoid),
            ActivationSetting::None => Some(Activation::None),
        }
    }
}

/// The properties, those that can only be read included.
pub fn properties() -> &'static [glib::ParamSpec] {
    static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
        let array = |name: &'static str, nick, blurb| {
            // Without a type of its elements: GObject would silently replace the integers that
            // gst-launch makes of "<0, 0, 0>" by the default.
            gst::ParamSpecArray::builder(name)
                .nick(nick)
                .blurb(blurb)
                .mutable_ready()
                .build()
        };
        let confidence = |name: &'static str, nick, blurb, default| {
            glib::ParamSpecFloat::builder(name)
                .nick(nick)
                .blurb(blurb)
                .minimum(0.0)
                .maximum(1.0)
                .default_value(default)
                .mutable_playing()
                .build()
        };
        vec![
            glib::ParamSpecString::builder("model")
                .nick("Model")
                .blurb(BLURB_MODEL.as_str())
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("labels")
                .nick("Labels")
                .blurb("File of class names (a path, or file:///…), UTF-8, a line each, as many as the model has classes; also a JSON or Python list or dict, lines of \"number:name\", a CSV, or one line with \";\" or \",\". Unset: the model's own, else ImageNet-1k's for 1000 classes (or 1001, the first being \"background\")")
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("provider")
                .nick("Execution provider")
                .blurb("Execution provider, or several in order of preference, separated by commas: cpu, cuda, tensorrt, openvino, onednn, migraphx, rocm, coreml, directml, qnn, webgpu, xnnpack, or ONNX Runtime's own names for them (CUDAExecutionProvider). A single one is a demand, and an error where it cannot be had; falling back along a list posts a WARNING")
                .default_value(DEFAULT_PROVIDER)
                .mutable_ready()
                .build(),
            glib::ParamSpecBoxed::builder::<gst::Structure>("provider-options")
                .nick("Provider options")
                .blurb("Options of the (first) provider, by the names that ONNX Runtime has for them, for example \"options,trt_fp16_enable=1\"; unset: none")
                .mutable_ready()
                .build(),
            glib::ParamSpecInt::builder("device-id")
                .nick("Device")
                .blurb("Which of several devices of the provider, from 0, for cuda, tensorrt, migraphx, rocm and directml; others have provider-options for it")
                .minimum(0)
                .default_value(DEFAULT_DEVICE_ID)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("threads")
                .nick("Threads")
                .blurb("Threads of one Run on the processor; 0: as many as there are cores divided by sessions where that is set, else one, for Runs side by side, or with max-in-flight=1 as many as there are cores")
                .maximum(1024)
                .default_value(DEFAULT_THREADS)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("sessions")
                .nick("Sessions")
                .blurb("Runs that may go on at the same time; on the processor the weights are in memory once for all of them, on a device once for each. 0: on the processor as many as there are cores divided by threads (one if max-in-flight=1), on a device one")
                .maximum(1024)
                .default_value(DEFAULT_SESSIONS)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("batch-size")
                .nick("Batch size")
                .blurb("Most frames and regions of one Run, of this stream and of others with an equal element; a model with a fixed batch has its own")
                .minimum(1)
                .maximum(1024)
                .default_value(DEFAULT_BATCH_SIZE)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt64::builder("batch-timeout")
                .nick("Batch timeout")
                .blurb("Longest time in ns that a frame waits for others to fill the batch; 0: it takes those that are there")
                .maximum(10_000_000_000)
                .default_value(DEFAULT_BATCH_TIMEOUT)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("max-in-flight")
                .nick("Frames in flight")
                .blurb("Most frames of this stream that are under way in mode exact; 0: what keeps all sessions busy. 1: one at a time, and in every mode one Run at a time with all cores for it, where sessions and threads are 0")
                .maximum(1024)
                .default_value(DEFAULT_MAX_IN_FLIGHT)
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder::<Mode>("mode")
                .nick("Mode")
                .blurb("Whether a frame waits for its own answer (exact), or leaves at once with the newest one (live)")
                .mutable_ready()
                .build(),
            gst::ParamSpecFraction::builder("max-rate")
                .nick("Maximum rate")
                .blurb("Most frames a second that are inferred, with all their regions, by timestamps; the frames between carry the last answer. 0/1: no limit")
                .minimum(gst::Fraction::new(0, 1))
                .maximum(gst::Fraction::new(i32::MAX, 1))
                .default_value(gst::Fraction::new(0, 1))
                .mutable_playing()
                .build(),
            glib::ParamSpecFloat::builder("skip-still")
                .nick("Skip still frames")
                .blurb("A frame whose tensor differs from the last inferred one by less than this (mean absolute difference, white is 1) is not inferred and carries that answer, whole frames only; 0: all are inferred. 0.01 is a picture with a little noise")
                .minimum(0.0)
                .maximum(1.0)
                .default_value(DEFAULT_SKIP_STILL)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("skip-still-max")
                .nick("Skip still frames for")
                .blurb("Longest time in ns that skip-still carries an answer over")
                .default_value(DEFAULT_SKIP_STILL_MAX)
                .mutable_playing()
                .build(),
            glib::ParamSpecBoolean::builder("share")
                .nick("Share")
                .blurb("Share model and Runs with elements of equal settings in this process")
                .default_value(DEFAULT_SHARE)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("interval")
                .nick("Interval")
                .blurb("Infer every Nth frame; those between carry the last answer, marked as not fresh")
                .minimum(1)
                .default_value(DEFAULT_INTERVAL)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("top-k")
                .nick("Top k")
                .blurb("Most classes of an answer")
                .minimum(1)
                .default_value(DEFAULT_TOP_K)
                .mutable_playing()
                .build(),
            glib::ParamSpecFloat::builder("threshold")
                .nick("Threshold")
                .blurb("Least confidence of a class in an answer, from 0 (all) to 1")
                .minimum(0.0)
                .maximum(1.0)
                .default_value(DEFAULT_THRESHOLD)
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("output")
                .nick("Output")
                .blurb("Name of the model's output that is read; unset: the one that holds the classes, as far as its values, its name and the number of labels tell")
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("width")
                .nick("Width")
                .blurb("Columns of the model's input, where its graph leaves them open; 0: the model's contract, else 224 with a WARNING")
                .maximum(8192)
                .default_value(DEFAULT_WIDTH)
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("height")
                .nick("Height")
                .blurb("Rows of the model's input, where its graph leaves them open; 0: the model's contract, else 224 with a WARNING")
                .maximum(8192)
                .default_value(DEFAULT_HEIGHT)
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder::<ActivationSetting>("activation")
                .nick("Activation")
                .blurb("What turns the model's output into confidences; auto: what its contract says, else what its graph and the values of the trial inference show. Another than that posts a WARNING")
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder::<FitSetting>("fit")
                .nick("Fit")
                .blurb("How a picture becomes as large as the model's input")
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("resize")
                .nick("Resize")
                .blurb("Length in pixels of the shorter side before the crop; 0: the model's contract, else 256 for an input of 224 and in proportion for others")
                .maximum(8192)
                .default_value(DEFAULT_RESIZE)
                .mutable_ready()
                .build(),
            array("mean", "Mean", "Three numbers: mean of red, green and blue, in units where white is 1, for example \"<0.485, 0.456, 0.406>\"; empty: the model's contract, else ImageNet's"),
            array("std", "Standard deviation", "Three numbers: standard deviation of red, green and blue, in units where white is 1, for example \"<0.229, 0.224, 0.225>\"; empty: the model's contract, else ImageNet's"),
            glib::ParamSpecEnum::builder::<ColorOrderSetting>("color-order")
                .nick("Colour order")
                .blurb("Order of the channels of the model's input")
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder::<Messages>("messages")
                .nick("Messages")
                .blurb("When an element message \"resnet50\" with the answer is posted on the bus")
                .mutable_playing()
                .build(),
            glib::ParamSpecEnum::builder::<RegionSetting>("region")
                .nick("Region")
                .blurb("What is classified: the whole frame, or each region that a detector before this element has found (GstVideoRegionOfInterestMeta), or both; a region's classes go onto the region")
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("roi-types")
                .nick("Region types")
                .blurb("Types of regions that are classified, separated by commas, for example \"face,person\"; unset: all")
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt::builder("roi-min-size")
                .nick("Least size of a region")
                .blurb("Least length in pixels of the shorter side of a region that is classified, as far as it lies within the frame; 0: any")
                .maximum(8192)
                .default_value(DEFAULT_ROI_MIN_SIZE)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("reclassify-interval")
                .nick("Reclassification interval")
                .blurb("Least time in ns of buffer time until a region that carries a tracker's id is classified again; meanwhile it keeps its answer. 0: it is classified each time")
                .maximum(u64::MAX - 1)
                .default_value(DEFAULT_RECLASSIFY_INTERVAL)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("smoothing")
                .nick("Smoothing")
                .blurb("Time constant in ns of stream time of the running average of the confidences that the decision is made from; 0: none")
                .default_value(DEFAULT_SMOOTHING)
                .mutable_playing()
                .build(),
            confidence("enter-confidence", "Enter confidence", "Least (averaged) confidence that a class or group is decided for with, from 0 (any) to 1; where none has it, the decision is \"nothing\"", DEFAULT_ENTER_CONFIDENCE),
            confidence("leave-confidence", "Leave confidence", "(Averaged) confidence below which a decision is given up, from 0 (never) to 1; above enter-confidence it counts as that", DEFAULT_LEAVE_CONFIDENCE),
            glib::ParamSpecUInt64::builder("hold-time")
                .nick("Hold time")
                .blurb("Least time in ns of stream time from one change of the decision to the next")
                .default_value(DEFAULT_HOLD_TIME)
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("groups")
                .nick("Groups")
                .blurb(BLURB_GROUPS.as_str())
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("allow")
                .nick("Allow")
                .blurb("Labels and groups, separated by commas, that alone can be decided for; unset: all")
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("deny")
                .nick("Deny")
                .blurb("Labels and groups, separated by commas, that count for nothing in the decision; unset: none")
                .mutable_playing()
                .build(),
            glib::ParamSpecBoolean::builder("tags")
                .nick("Tags")
                .blurb("Send what is decided for as keywords in tag events, so that a recording carries them")
                .default_value(DEFAULT_TAGS)
                .mutable_playing()
                .build(),
            glib::ParamSpecString::builder("runtime-library")
                .nick("ONNX Runtime library")
                .blurb("Path of libonnxruntime.so (or file:///…); unset: $ORT_DYLIB_PATH, beside the plugin, the user's data directory, the system's loader. The first one loaded stays for the life of the process")
                .build(),
            glib::ParamSpecString::builder("active-provider")
                .nick("Active provider")
                .blurb("Execution provider that runs the model; unset until one is loaded")
                .read_only()
                .build(),
            glib::ParamSpecBoxed::builder::<gst::Structure>("model-info")
                .nick("Model information")
                .blurb("The model's contract as it is in effect: input, normalization, classes; unset until the model is loaded")
                .read_only()
                .build(),
            glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                .nick("Statistics")
                .blurb("Counters (frames, inferences, batches, skipped, errors; of those skipped, busy: superseded by a newer frame while the engine was busy, and still: see skip-still) and, for preprocess, queue, inference and total, the latencies p50, p95 and p99 in nanoseconds")
                .read_only()
                .build(),
        ]
    });
    &PROPERTIES
}

static BLURB_GROUPS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "File of groups of classes (a path, or file:///…), a line each (\"name: 151-268, tabby\"), or {IMAGENET_GROUPS}; their confidences are summed up, and the decision is for groups. Unset: none"
    )
});

static BLURB_MODEL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "Path of an ONNX image classifier (or file:///…), or {BUILTIN}. Unset: $RESNET50_MODEL, then the ResNet50 v1.5 in the user's data directory"
    )
});
