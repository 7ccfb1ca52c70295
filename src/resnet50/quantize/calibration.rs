// SPDX-License-Identifier: MPL-2.0
//! The ranges of all activations of the network.

use std::collections::BTreeMap;

use super::{Histogram, Method, QuantizationParameters};
use crate::resnet50::ResNet50;

/// The values of the network's activations on calibration images.
#[derive(Debug, Clone)]
pub struct Calibration {
    tensors: BTreeMap<String, Histogram>,
}

/// Why there are no scales.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// A value is not finite.
    #[error("“{0}” has values that are not finite: the weights or the picture are damaged")]
    NotFinite(String),
    /// No values of an activation were seen.
    #[error("no values of “{0}” were seen")]
    Unseen(String),
}

impl Calibration {
    /// Before the first image.
    pub fn new(network: &ResNet50) -> Self {
        let names = network.activations().into_iter();
        Self {
            tensors: names.map(|name| (name, Histogram::default())).collect(),
        }
    }

    /// Takes the values of one activation. Tensors that are not quantized are ignored.
    ///
    /// # Errors
    /// [`CalibrationError::NotFinite`] if a value is NaN or infinite.
    pub fn observe(&mut self, name: &str, values: &[f32]) -> Result<(), CalibrationError> {
        let finite = self.tensors.get_mut(name).is_none_or(|t| t.observe(values));
        let error = || CalibrationError::NotFinite(name.to_owned());
        finite.then_some(()).ok_or_else(error)
    }

    /// Chooses the scales.
    ///
    /// # Errors
    /// [`CalibrationError::Unseen`] if an activation has no values.
    pub fn scales(&self, method: Method) -> Result<Scales, CalibrationError> {
        let scale = |(name, histogram): (&String, &Histogram)| {
            let (min, max) = histogram
                .range(method)
                .ok_or_else(|| CalibrationError::Unseen(name.clone()))?;
            Ok((name.clone(), QuantizationParameters::of_range(min, max)))
        };
        let tensors: Result<_, _> = self.tensors.iter().map(scale).collect();
        Ok(Scales { tensors: tensors? })
    }
}

/// Scale and zero point of each activation of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    tensors: BTreeMap<String, QuantizationParameters>,
}

impl Scales {
    /// Those of one activation.
    ///
    /// # Panics
    /// If the network has no activation of that name; both variants have the same.
    pub fn of(&self, name: &str) -> QuantizationParameters {
        self.tensors[name]
    }
}
