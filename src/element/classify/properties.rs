// SPDX-License-Identifier: MPL-2.0
//! The properties of the element, a row each. `docs/properties.md` is made from them.

use std::sync::LazyLock;

use super::super::property::{Table, null, playing, read_only, ready};
use super::settings::Settings;
use super::values::{
    ActivationSetting, ColorOrderSetting, FitSetting, Messages, Mode, RegionSetting, RoiTypes,
};
use crate::classifier::IMAGENET_GROUPS;
use crate::inference::BUILTIN;

/// What has to be done when a property is set while the element runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it is read for the next frame or at the next start.
    #[default]
    None,
    /// Another model is loaded.
    Model,
    /// Other labels or groups are read.
    Names,
    /// The decision is made between other classes or groups.
    Categories,
    /// The decision has other thresholds or times, or there is one now.
    DecisionPolicy,
    /// Other regions are classified.
    Regions,
}

/// All of them, in the order in which `gst-inspect-1.0` shows them.
pub static PROPERTIES: LazyLock<Table<Settings, Effect>> = LazyLock::new(|| {
    Table::new(vec![
        playing("model", "Model", format!("Path of an ONNX image classifier (or file:///…), or {BUILTIN}. Unset: $RESNET50_MODEL, then the ResNet50 v1.5 in the user's data directory. Set again while playing, what has changed is loaded: the file, its external data or its description"))
            .path(|s: &mut Settings| &mut s.model)
            .effect(Effect::Model),
        playing("labels", "Labels", "File of class names (a path, or file:///…), UTF-8, a line each, as many as the model has classes; also a JSON or Python list or dict, lines of \"number:name\", a CSV, or one line with \";\" or \",\". Unset: the model's own, else ImageNet-1k's for 1000 classes (or 1001, the first being \"background\")")
            .path(|s: &mut Settings| &mut s.labels)
            .effect(Effect::Names),
        ready("provider", "Execution provider", "Execution provider, or several in order of preference, separated by commas: cpu, cuda, tensorrt, openvino, onednn, migraphx, rocm, coreml, directml, qnn, webgpu, xnnpack, or ONNX Runtime's own names for them (CUDAExecutionProvider). A single provider is required: if it is not available, that is an error. Falling back along a list posts a WARNING")
            .text_or("cpu", |s: &mut Settings| &mut s.provider),
        ready("provider-options", "Provider options", "Options of the first provider, by ONNX Runtime's own names, for example \"options,trt_fp16_enable=1\"; unset: none")
            .structure(|s: &mut Settings| &mut s.provider_options),
        ready("device-id", "Device", "Index of the provider's device, from 0, for cuda, tensorrt, migraphx, rocm and directml; for other providers see provider-options")
            .int(0, 0..=i32::MAX, |s: &mut Settings| &mut s.device_id),
        ready("threads", "Threads", "Threads of one inference on the CPU; 0: the number of cores divided by sessions if sessions is set, else one, or all cores with max-in-flight=1")
            .uint(0, 0..=1024, |s: &mut Settings| &mut s.threads),
        ready("sessions", "Sessions", "Maximum number of inferences at the same time; on the CPU they share the weights in memory, on a device each has its own. 0: on the CPU the number of cores divided by threads (one with max-in-flight=1), on a device one")
            .uint(0, 0..=1024, |s: &mut Settings| &mut s.sessions),
        ready("batch-size", "Batch size", "Maximum number of frames and regions in one inference, of this and of all other streams that share its model; a model with a fixed batch size keeps it")
            .uint(1, 1..=1024, |s: &mut Settings| &mut s.batch_size),
        playing("batch-timeout", "Batch timeout", "Maximum time in ns that a frame waits for others to fill the batch; 0: it does not wait")
            .nanoseconds(0, 10_000_000_000, |s: &mut Settings| &mut s.frame.batch_timeout),
        ready("max-in-flight", "Frames in flight", "Maximum number of frames of this stream in flight in mode exact; 0: enough to keep all sessions busy. With 1, and with sessions and threads 0, every mode runs one inference at a time on all cores")
            .uint(0, 0..=1024, |s: &mut Settings| &mut s.frame.max_in_flight),
        ready("mode", "Mode", "What a frame waits for before it leaves")
            .enumeration(Mode::Auto, |s: &mut Settings| &mut s.frame.mode),
        playing("max-rate", "Maximum rate", "Maximum number of frames per second of their timestamps that are inferred, with all their regions; the frames between carry the last result. 0/1: no limit")
            .fraction(gst::Fraction::new(0, 1), |s: &mut Settings| &mut s.frame.max_rate),
        playing("skip-still", "Skip still frames", "A whole frame is not inferred and carries the last result if its tensor differs from the last inferred one by less than this (mean absolute difference, where white is 1); 0.01 is a picture with a little noise. 0: all frames are inferred")
            .float(0.0, 0.0..=1.0, |s: &mut Settings| &mut s.frame.skip_still),
        playing("skip-still-max", "Skip still frames for", "Maximum age in ns of a result that skip-still carries")
            .nanoseconds(1_000_000_000, u64::MAX, |s: &mut Settings| &mut s.frame.skip_still_max),
        ready("share", "Share", "Share model and inferences with elements of equal settings in this process")
            .boolean(true, |s: &mut Settings| &mut s.share),
        playing("interval", "Interval", "Infer every Nth frame; those between carry the last result, marked as not fresh")
            .uint(1, 1..=u32::MAX, |s: &mut Settings| &mut s.frame.interval),
        playing("top-k", "Top k", "Maximum number of classes in a result")
            .uint(5, 1..=u32::MAX, |s: &mut Settings| &mut s.frame.top_k),
        playing("threshold", "Threshold", "Minimum confidence of a class in a result, from 0 (all) to 1")
            .float(0.0, 0.0..=1.0, |s: &mut Settings| &mut s.frame.threshold),
        ready("output", "Output", "Name of the model's output that is read; unset: the one that holds the classes, as far as its values, its name and the number of labels tell")
            .text(|s: &mut Settings| &mut s.output),
        ready("width", "Width", "Columns of the model's input, where its graph leaves them open; 0: the model's contract, else 224 with a WARNING")
            .uint(0, 0..=8192, |s: &mut Settings| &mut s.width),
        ready("height", "Height", "Rows of the model's input, where its graph leaves them open; 0: the model's contract, else 224 with a WARNING")
            .uint(0, 0..=8192, |s: &mut Settings| &mut s.height),
        ready("activation", "Activation", "Function that turns the model's output into confidences; auto: as its contract says, else as its graph and the values of the trial inference show. A value that contradicts them posts a WARNING")
            .enumeration(ActivationSetting::Auto, |s: &mut Settings| &mut s.activation),
        ready("fit", "Fit", "How a frame or region is fitted to the size of the model's input")
            .enumeration(FitSetting::Auto, |s: &mut Settings| &mut s.fit),
        ready("resize", "Resize", "Length in pixels of the shorter side before the crop; 0: the model's contract, else 256 for an input of 224 and in proportion for others")
            .uint(0, 0..=8192, |s: &mut Settings| &mut s.resize),
        ready("mean", "Mean", "Three numbers: mean of red, green and blue, in units where white is 1, for example \"<0.485, 0.456, 0.406>\"; empty: the model's contract, else ImageNet's")
            .numbers(|s: &mut Settings| &mut s.mean),
        ready("std", "Standard deviation", "Three numbers: standard deviation of red, green and blue, in units where white is 1, for example \"<0.229, 0.224, 0.225>\"; empty: the model's contract, else ImageNet's")
            .numbers(|s: &mut Settings| &mut s.std),
        ready("color-order", "Colour order", "Order of the channels of the model's input")
            .enumeration(ColorOrderSetting::Auto, |s: &mut Settings| &mut s.color_order),
        playing("messages", "Messages", "When an element message \"resnet50\" with the result is posted on the bus")
            .enumeration(Messages::None, |s: &mut Settings| &mut s.frame.messages),
        playing("region", "Region", "What is classified: the whole frame, or each region that a detector before this element has found (GstVideoRegionOfInterestMeta, and GstAnalyticsODMtd where built for GStreamer 1.24), or both; a region's classes are attached to the region")
            .enumeration(RegionSetting::Frame, |s: &mut Settings| &mut s.frame.region)
            .effect(Effect::Regions),
        playing("roi-types", "Region types", "Types of regions that are classified, separated by commas, for example \"face,person\"; unset: all")
            .text_as(RoiTypes::new, |types| types.text.as_deref(), |s: &mut Settings| &mut s.frame.roi_types)
            .effect(Effect::Regions),
        playing("roi-min-size", "Minimum size of a region", "Minimum length in pixels of the shorter side of a region, counting only its part within the frame; smaller regions are not classified. 0: any")
            .uint(0, 0..=8192, |s: &mut Settings| &mut s.frame.roi_min_size)
            .effect(Effect::Regions),
        playing("reclassify-interval", "Reclassification interval", "Minimum time in ns of timestamps between two inferences of a region that carries a tracker's id; in between it keeps its result. 0: it is inferred on each frame")
            .nanoseconds(0, u64::MAX - 1, |s: &mut Settings| &mut s.frame.reclassify_interval),
        playing("smoothing", "Smoothing", "Time constant in ns of stream time of the running average of the confidences that the decision is made from; 0: none")
            .nanoseconds(0, u64::MAX, |s: &mut Settings| &mut s.frame.policy.smoothing)
            .effect(Effect::DecisionPolicy),
        playing("enter-confidence", "Enter confidence", "Minimum confidence (averaged, see smoothing) at which a class or group becomes the decision, from 0 (any) to 1; if none reaches it, the decision is \"nothing\"")
            .float(0.0, 0.0..=1.0, |s: &mut Settings| &mut s.frame.policy.enter)
            .effect(Effect::DecisionPolicy),
        playing("leave-confidence", "Leave confidence", "Confidence (averaged, see smoothing) below which a decision ends, from 0 (never) to 1; a value above enter-confidence counts as enter-confidence")
            .float(0.0, 0.0..=1.0, |s: &mut Settings| &mut s.frame.policy.leave)
            .effect(Effect::DecisionPolicy),
        playing("hold-time", "Hold time", "Minimum time in ns of stream time from one change of the decision to the next")
            .nanoseconds(0, u64::MAX, |s: &mut Settings| &mut s.frame.policy.hold)
            .effect(Effect::DecisionPolicy),
        playing("groups", "Groups", format!("File of groups of classes (a path, or file:///…), a line each (\"name: 151-268, tabby\"), or {IMAGENET_GROUPS}; their confidences are summed up, and the decision is for groups. Unset: none"))
            .path(|s: &mut Settings| &mut s.groups)
            .effect(Effect::Names),
        playing("allow", "Allow", "Labels and groups, separated by commas, that the decision is limited to; unset: all")
            .text(|s: &mut Settings| &mut s.allow)
            .effect(Effect::Categories),
        playing("deny", "Deny", "Labels and groups, separated by commas, that are ignored in the decision; unset: none")
            .text(|s: &mut Settings| &mut s.deny)
            .effect(Effect::Categories),
        playing("tags", "Tags", "Send decisions as keywords in tag events, so that a recording carries them")
            .boolean(false, |s: &mut Settings| &mut s.frame.tags)
            .effect(Effect::DecisionPolicy),
        null("runtime-library", "ONNX Runtime library", "Path of libonnxruntime.so (or file:///…); unset: $ORT_DYLIB_PATH, the plugin's folder, the user's data directory, the system's loader. The library that is loaded first stays for the life of the process")
            .path(|s: &mut Settings| &mut s.runtime_library),
        read_only("active-provider", "Active provider", "Execution provider that runs the model; unset until one is loaded")
            .read_text(),
        read_only("model-info", "Model information", "The model's contract as it is in effect: input, normalization, classes; unset until the model is loaded")
            .read_structure(),
        read_only("stats", "Statistics", "Counters (frames, inferences, batches, skipped, errors; of those skipped, busy: superseded by a newer frame while the engine was busy, and still: see skip-still) and, for preprocess, queue, inference and total, the latencies p50, p95 and p99 in nanoseconds")
            .read_structure(),
    ])
});

impl Default for Settings {
    /// With the properties' defaults.
    fn default() -> Self {
        let mut settings = Self::empty();
        PROPERTIES.reset(&mut settings);
        settings
    }
}
