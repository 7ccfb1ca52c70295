// SPDX-License-Identifier: MPL-2.0
//! What can be decided for, and what one result adds to a decision.

use std::sync::Arc;

use super::error::Error;
use super::options::NameOptions;
use crate::meta::Group;
use crate::postprocess::{Categories, DecisionSettings, Groups, Labels};

/// What can be decided for, by a model's labels and the properties `groups`, `allow` and `deny`.
#[derive(Debug)]
pub struct DecisionRule {
    /// The classes or groups that are decided between.
    pub categories: Arc<Categories>,
    groups: Option<Arc<Groups>>,
}

impl DecisionRule {
    /// None where no decision is wanted.
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

/// What a result adds to a decision.
#[derive(Debug)]
pub struct DecisionSample {
    /// What is decided between.
    pub rule: Arc<DecisionRule>,
    /// Of all classes.
    pub confidences: Vec<f32>,
    /// How the decision is made.
    pub policy: DecisionSettings,
}
