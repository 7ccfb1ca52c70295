// SPDX-License-Identifier: MPL-2.0
//! The contract in effect, as the property `model-info` shows it.

use super::Classifier;
use crate::inference::{Engine, Model};
use crate::postprocess::Activation;
use crate::preprocess::{ColorOrder, ElementType, Fit, Layout, Resize};
use crate::text;

impl Classifier {
    /// Describes model, engine and pre-processing in a structure `resnet50-model`.
    pub(super) fn describe(&self, model: &Model, engine: &Engine) -> gst::Structure {
        let (signature, target) = (&model.signature, &self.plan().target);
        let array = |numbers: [f64; 3]| gst::Array::new(numbers);
        let mut info = gst::Structure::builder("resnet50-model")
            .field("model", self.model_name())
            .field("provider", self.provider_name())
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
            .field("output", text::name(&self.plan().output).to_string())
            .field("classes", self.plan().classes as u32)
            .field(
                "activation",
                match self.plan().activation {
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
