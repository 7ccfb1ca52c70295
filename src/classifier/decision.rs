// SPDX-License-Identifier: MPL-2.0
//! The classes or groups that a decision is made between, and the sample of one result.

use std::sync::Arc;

use super::error::Error;
use super::options::NameOptions;
use crate::meta::Group;
use crate::postprocess::{Categories, DecisionSettings, Groups, Labels};

/// The categories of the decision, from a model's labels and the properties `groups`, `allow` and
/// `deny`.
#[derive(Debug)]
pub struct DecisionRule {
    /// The classes or groups that are decided between.
    pub categories: Arc<Categories>,
    groups: Option<Arc<Groups>>,
}

impl DecisionRule {
    /// `None` if the options ask for no decision.
    pub(super) fn new(
        options: &NameOptions,
        labels: &Labels,
        groups: Option<Arc<Groups>>,
    ) -> Result<Option<Self>, Error> {
        if !options.decides {
            return Ok(None);
        }
        let (allow, deny) = (
            options.allow.as_deref().unwrap_or_default(),
            options.deny.as_deref().unwrap_or_default(),
        );
        let categories = Categories::new(labels, groups.as_deref(), allow, deny)?;
        Ok(Some(Self {
            categories: Arc::new(categories),
            groups,
        }))
    }

    /// The `maximum` best groups of a result whose confidence is not below `threshold`.
    pub(super) fn groups(&self, confidences: &[f32], maximum: usize, threshold: f32) -> Vec<Group> {
        let Some(groups) = &self.groups else {
            return Vec::new();
        };
        let mut sums = Vec::new();
        groups.sum(confidences, &mut sums);
        let sums = sums.into_iter().take(maximum);
        sums.filter(|(_, confidence)| *confidence >= threshold)
            .map(|(index, confidence)| Group {
                label: groups.name(index),
                confidence,
            })
            .collect()
    }
}

/// One result as a sample for the decision over time.
#[derive(Debug)]
pub struct DecisionSample {
    /// What is decided between.
    pub rule: Arc<DecisionRule>,
    /// The confidences of all classes, each from 0 to 1.
    pub confidences: Vec<f32>,
    /// How the decision is made.
    pub policy: DecisionSettings,
}
