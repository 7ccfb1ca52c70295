// SPDX-License-Identifier: MPL-2.0
//! transformers' `config.json`, with the network and its classes.

use gstresnet50::resnet50::Variant;
use gstresnet50::resnet50::weights::Naming;
use gstresnet50::text;
use serde_json::{Map, Value};

use super::config::DataConfig;
use super::image_processor;
use super::values::string;

/// Whether a `config.json` is of transformers.
pub(super) fn recognizes(config: &Value) -> bool {
    config.get("model_type").is_some() || config.get("id2label").is_some()
}

const SOURCE: &str = "Hugging Face's config.json beside the weights";

/// Reads it together with `preprocessor_config.json`. Nothing if it describes another network than a
/// ResNet.
///
/// # Errors
/// If it describes another ResNet than that of these weights.
pub(super) fn read(
    config: &Value,
    preprocessor: Option<&Value>,
    classes: usize,
) -> Result<Option<DataConfig>, String> {
    let kind = string(config, "model_type").unwrap_or("resnet");
    if kind != "resnet" {
        return Ok(None);
    }
    if let Some(activation) = string(config, "hidden_act")
        && activation != "relu"
    {
        return Err(format!(
            "{SOURCE}: hidden_act is “{}”, and ResNet50's is relu",
            text::name(activation)
        ));
    }
    let mut found = match preprocessor {
        Some(preprocessor) => DataConfig {
            source: "Hugging Face's preprocessor_config.json beside the weights".into(),
            ..image_processor::read(preprocessor)?
        },
        None => DataConfig::by_name("", "", Some(Naming::Transformers), None),
    };
    if config.get("downsample_in_bottleneck") == Some(&Value::Bool(true)) {
        found.variant = Some(Variant::V1);
    }
    if let Some(names) = config.get("id2label").and_then(Value::as_object) {
        found.labels = labels(names, classes)?;
    }
    Ok(Some(found))
}

/// The classes' names, unless they are what transformers writes where nobody gave any.
fn labels(id2label: &Map<String, Value>, classes: usize) -> Result<Option<Vec<String>>, String> {
    let of = |i: usize| id2label.get(&i.to_string())?.as_str().map(str::to_owned);
    let names: Option<Vec<String>> = (0..id2label.len()).map(of).collect();
    let Some(names) = names.filter(|names| names.len() == classes) else {
        return Err(format!(
            "{SOURCE}: id2label does not have the numbers 0 to {} of the weights' classes",
            classes - 1
        ));
    };
    let mut numbered = names.iter().enumerate();
    let is_placeholder = numbered.all(|(i, name)| *name == format!("LABEL_{i}"));
    Ok((!is_placeholder).then_some(names))
}
