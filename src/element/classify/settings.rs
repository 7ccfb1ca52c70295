// SPDX-License-Identifier: MPL-2.0
//! The values of the properties.

use std::path::PathBuf;
use std::time::Duration;

use super::super::property;
use super::super::strings::NonUtf8;
use super::provider_options;
use super::values::{
    ActivationSetting, ColorOrderSetting, FitSetting, Messages, Mode, RegionSetting, RoiTypes,
};
use crate::classifier::{
    EngineSettings, Error, NameOptions, Options, ResultOptions, TensorOptions,
};
use crate::postprocess::DecisionSettings;

/// The values of all properties. They are not checked here: some depend on others, so they are checked
/// together when the element starts.
#[derive(Debug, Clone)]
pub struct Settings {
    pub model: Option<PathBuf>,
    pub labels: Option<PathBuf>,
    pub provider: String,
    pub provider_options: Option<gst::Structure>,
    pub device_id: i32,
    pub threads: u32,
    pub sessions: u32,
    pub batch_size: u32,
    pub share: bool,
    pub output: Option<String>,
    pub activation: ActivationSetting,
    pub width: u32,
    pub height: u32,
    pub fit: FitSetting,
    pub resize: u32,
    /// Elements that are not numbers are NaN.
    pub mean: Option<Vec<f64>>,
    pub std: Option<Vec<f64>>,
    pub color_order: ColorOrderSetting,
    pub groups: Option<PathBuf>,
    pub allow: Option<String>,
    pub deny: Option<String>,
    pub runtime_library: Option<PathBuf>,
    pub frame: FrameSettings,
    pub not_text: NonUtf8,
}

/// The settings that are used for each frame. Cheap to clone: strings are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameSettings {
    pub mode: Mode,
    pub max_in_flight: u32,
    pub interval: u32,
    pub top_k: u32,
    pub threshold: f32,
    pub messages: Messages,
    /// Maximum number of inferences a second; numerator 0: no limit.
    pub max_rate: gst::Fraction,
    pub batch_timeout: Duration,
    pub skip_still: f32,
    pub skip_still_max: gst::ClockTime,
    pub region: RegionSetting,
    pub roi_types: RoiTypes,
    /// In pixels.
    pub roi_min_size: u32,
    pub reclassify_interval: gst::ClockTime,
    pub policy: DecisionSettings,
    pub tags: bool,
}

impl property::Settings for Settings {
    fn not_text(&mut self) -> &mut NonUtf8 {
        &mut self.not_text
    }
}

impl Settings {
    /// With every field empty. The properties have the defaults.
    pub(super) fn empty() -> Self {
        Self {
            model: None,
            labels: None,
            provider: String::new(),
            provider_options: None,
            device_id: 0,
            threads: 0,
            sessions: 0,
            batch_size: 0,
            share: false,
            output: None,
            activation: ActivationSetting::default(),
            width: 0,
            height: 0,
            fit: FitSetting::default(),
            resize: 0,
            mean: None,
            std: None,
            color_order: ColorOrderSetting::default(),
            groups: None,
            allow: None,
            deny: None,
            runtime_library: None,
            frame: FrameSettings {
                mode: Mode::default(),
                max_in_flight: 0,
                interval: 0,
                top_k: 0,
                threshold: 0.0,
                messages: Messages::default(),
                max_rate: gst::Fraction::new(0, 1),
                batch_timeout: Duration::ZERO,
                skip_still: 0.0,
                skip_still_max: gst::ClockTime::ZERO,
                region: RegionSetting::default(),
                roi_types: RoiTypes::default(),
                roi_min_size: 0,
                reclassify_interval: gst::ClockTime::ZERO,
                policy: DecisionSettings::default(),
                tags: false,
            },
            not_text: NonUtf8::default(),
        }
    }

    /// Whether a property requires a decision.
    pub fn decides(&self) -> bool {
        let lists = [&self.allow, &self.deny];
        self.groups.is_some()
            || lists.iter().any(|list| list.is_some())
            || self.frame.tags
            || self.frame.policy != DecisionSettings::default()
    }

    /// Checks that string properties are UTF-8.
    ///
    /// # Errors
    /// [`Error::Setting`] with the first property that is not.
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

    /// The options of the classifier.
    ///
    /// # Errors
    /// [`Error::Setting`] with a property that is no text, or a provider's option that has a wrong
    /// type.
    pub fn options(&self) -> Result<Options, Error> {
        Ok(Options {
            names: self.name_options()?,
            model: self.model.clone(),
            tensors: TensorOptions {
                output: self.output.clone(),
                activation: self.activation.into(),
                width: self.width,
                height: self.height,
                fit: self.fit.into(),
                resize: self.resize,
                mean: self.mean.clone(),
                std: self.std.clone(),
                color_order: self.color_order.into(),
            },
            engine: EngineSettings {
                runtime_library: self.runtime_library.clone(),
                provider: self.provider.clone(),
                provider_options: provider_options::to_strings(self.provider_options.as_ref())?,
                device_id: self.device_id,
                threads: self.threads as usize,
                sessions: self.sessions as usize,
                batch_size: self.batch_size as usize,
                single: self.frame.max_in_flight == 1,
                share: self.share,
            },
        })
    }

    /// The names of classes and groups, and the options of the decision.
    ///
    /// # Errors
    /// [`Error::Setting`] with a property that is no text.
    pub fn name_options(&self) -> Result<NameOptions, Error> {
        self.check_text()?;
        Ok(NameOptions {
            labels: self.labels.clone(),
            groups: self.groups.clone(),
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            decides: self.decides(),
        })
    }
}

impl FrameSettings {
    /// Which part of a model's output becomes a result.
    pub fn result_options(&self) -> ResultOptions {
        ResultOptions {
            top_k: self.top_k as usize,
            threshold: self.threshold,
            policy: self.policy,
        }
    }
}
