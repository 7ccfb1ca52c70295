// SPDX-License-Identifier: MPL-2.0
//! The names of classes and groups, and the rule of the decision.

use std::path::Path;
use std::sync::Arc;

use super::decision::DecisionRule;
use super::error::Error;
use super::options::{IMAGENET_GROUPS, NameOptions};
use super::plan::{Plan, count_labels};
use crate::inference::{CancelToken, Model};
use crate::paths;
use crate::postprocess::{Groups, Labels, LabelsError};

/// The names of the classes, of the groups, and the rule of the decision.
#[derive(Debug, Clone)]
pub struct Names {
    /// Of the classes.
    pub labels: Arc<Labels>,
    /// Of the groups, where there are any.
    pub groups: Option<Arc<Groups>>,
    /// `None` if no decision is made.
    pub rule: Option<Arc<DecisionRule>>,
}

impl Names {
    /// Reads the files with the names. Also returns a warning for the user, if there is one.
    pub(super) fn read(
        options: &NameOptions,
        model: &Model,
        plan: &Plan,
        cancel: &CancelToken,
    ) -> Result<(Self, Option<String>), Error> {
        let (labels, warning) = match &options.labels {
            Some(name) => (read_labels(name, plan.classes, cancel)?, None),
            None => plan.labels(model)?,
        };
        let groups = read_groups(options, &labels, cancel)?;
        let names = Self::new(options, Arc::new(labels), groups)?;
        Ok((names, warning))
    }

    /// From labels and groups that were read before.
    pub(super) fn new(
        options: &NameOptions,
        labels: Arc<Labels>,
        groups: Option<Arc<Groups>>,
    ) -> Result<Self, Error> {
        let rule = DecisionRule::new(options, &labels, groups.clone())?;
        Ok(Self {
            rule: rule.map(Arc::new),
            labels,
            groups,
        })
    }
}

/// The number of labels, which helps to choose between several outputs. `None` for a model with a
/// single output, so that elements with different labels can share an engine.
pub(super) fn number_of_labels(
    options: &NameOptions,
    model: &Model,
    cancel: &CancelToken,
) -> Option<usize> {
    match (&model.signature.outputs[..], &options.labels) {
        ([_], _) => None,
        (_, Some(name)) => match read_labels(name, usize::MAX, cancel) {
            Err(LabelsError::WrongLength { found, .. }) => Some(found),
            // Other errors are reported when the names are read again to be used.
            _ => None,
        },
        (_, None) => count_labels(model),
    }
}

fn read_labels(name: &Path, classes: usize, cancel: &CancelToken) -> Result<Labels, LabelsError> {
    let path = paths::from_path_or_uri(name.as_os_str());
    Labels::read_cancellable(&path, classes, &|| cancel.is_cancelled())
}

fn read_groups(
    options: &NameOptions,
    labels: &Labels,
    cancel: &CancelToken,
) -> Result<Option<Arc<Groups>>, Error> {
    let groups = match &options.groups {
        None => return Ok(None),
        Some(name) if name.as_os_str() == IMAGENET_GROUPS => {
            Groups::imagenet(labels.names().len())?
        }
        Some(name) => {
            let path = paths::from_path_or_uri(name.as_os_str());
            Groups::read_cancellable(&path, labels, &|| cancel.is_cancelled())?
        }
    };
    Ok(Some(Arc::new(groups)))
}
