// SPDX-License-Identifier: MPL-2.0
//! The configuration of weights, from what lies beside them or from their names.

use gstresnet50::resnet50::weights::Naming;

use super::config::DataConfig;
use super::sidecars::Sidecars;
use super::{image_processor, timm, transformers};
use crate::model::source::Weights;

/// The configuration of weights: what their sidecars say, else what their names tell.
///
/// # Errors
/// If the sidecars describe another network than that of these weights.
pub fn find(
    sidecars: &Sidecars,
    sha256: &str,
    name: &str,
    naming: Naming,
    classes: usize,
) -> Result<DataConfig, String> {
    let fallback = DataConfig::by_name(sha256, name, Some(naming), Some(classes));
    if Weights::known(sha256).is_some() {
        return Ok(fallback);
    }
    let mut found = match (&sidecars.config, &sidecars.preprocessor) {
        (Some(config), _) if timm::recognizes(config) => timm::read(config, classes)?,
        (Some(config), preprocessor) if transformers::recognizes(config) => {
            transformers::read(config, preprocessor.as_ref(), classes)?.unwrap_or(fallback)
        }
        (_, Some(preprocessor)) => DataConfig {
            source: "preprocessor_config.json beside the weights".into(),
            ..image_processor::read(preprocessor)?
        },
        _ => fallback,
    };
    if let Some(labels) = &found.labels
        && labels.len() != classes
    {
        return Err(format!(
            "{}: it names {} classes, and the weights have {classes}",
            found.source,
            labels.len()
        ));
    }
    found.notes.splice(0..0, sidecars.notes.iter().cloned());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use gstresnet50::inference::Sides;
    use gstresnet50::preprocess::{Fit, Interpolation};
    use serde_json::{Value, json};

    use super::super::config::{MEAN, STD};
    use super::*;

    fn find_in(config: Value, preprocessor: Value, classes: usize) -> Result<DataConfig, String> {
        let bytes = |value: &Value| (!value.is_null()).then(|| value.to_string().into_bytes());
        let sidecars = Sidecars::read(|name| {
            Ok(bytes(match name {
                "config.json" => &config,
                _ => &preprocessor,
            }))
        });
        find(
            &sidecars,
            "00",
            "w.safetensors",
            Naming::Torchvision,
            classes,
        )
    }

    /// timm's file: `floor(224 / crop_pct)`, its interpolation and numbers.
    #[test]
    fn timms_config() {
        let config = json!({
            "architecture": "resnet50",
            "num_classes": 1000,
            "pretrained_cfg": {
                "input_size": [3, 224, 224], "test_input_size": [3, 288, 288],
                "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center",
                "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
            },
        });
        let found = find_in(config.clone(), Value::Null, 1000).expect("a contract");
        assert_eq!((found.crop, found.resize), (224, Sides::One(235)));
        assert_eq!(
            (found.interpolation, found.fit),
            (Interpolation::Bicubic, Fit::Crop)
        );
        assert_eq!((found.mean, found.std), ([0.5; 3], [0.25; 3]));
        assert!(
            find_in(config, Value::Null, 10)
                .expect_err("classes")
                .contains("1000 classes")
        );

        let old = json!({
            "architecture": "resnet50", "num_classes": 2, "input_size": [3, 160, 160],
            "crop_pct": 0.875, "interpolation": "lanczos", "crop_mode": "squash",
            "label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat", "n2": "dog"},
        });
        let found = find_in(old, Value::Null, 2).expect("a contract");
        assert_eq!((found.crop, found.resize), (160, Sides::Both([182, 182])));
        assert_eq!(found.labels, Some(vec!["cat".into(), "dog".into()]));
        assert_eq!(found.notes.len(), 1, "{:?}", found.notes);

        for (architecture, pool) in [("resnetblur50", "avg"), ("resnet50", "catavgmax")] {
            let other = json!({
                "architecture": architecture, "global_pool": pool, "pretrained_cfg": {},
            });
            find_in(other, Value::Null, 2).expect_err(architecture);
        }
    }

    /// The files of `microsoft/resnet-50`, and of processors of other classes.
    #[test]
    fn hugging_faces_files() {
        let config = |n: usize| {
            let labels: serde_json::Map<_, _> = (0..n)
                .map(|i| (i.to_string(), format!("c{i}").into()))
                .collect();
            json!({"model_type": "resnet", "hidden_act": "relu", "id2label": labels})
        };
        let convnext = json!({
            "crop_pct": 0.875, "do_normalize": true, "do_resize": true,
            "feature_extractor_type": "ConvNextFeatureExtractor",
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
            "resample": 3, "size": 224,
        });
        let found = find_in(config(3), convnext, 3).expect("a contract");
        assert_eq!((found.crop, found.resize), (224, Sides::One(256)));
        assert_eq!(found.interpolation, Interpolation::Bicubic);
        assert_eq!((found.mean, found.std), (MEAN, STD));
        assert_eq!(found.labels.as_ref().map(Vec::len), Some(3));
        assert!(find_in(config(3), Value::Null, 4).is_err());

        let none = find_in(config(3), Value::Null, 3).expect("a contract");
        assert_eq!(none.resize, Sides::One(256));
        assert_eq!(none.interpolation, Interpolation::Bicubic);

        let sizes = |preprocessor: Value| {
            let found = find_in(Value::Null, preprocessor, 3).expect("a contract");
            (found.crop, found.fit, found.resize)
        };
        assert_eq!(
            sizes(
                json!({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}})
            ),
            (224, Fit::Crop, Sides::One(256))
        );
        assert_eq!(
            sizes(
                json!({"size": {"height": 224, "width": 224}, "image_processor_type": "ViTImageProcessor"})
            ),
            (224, Fit::Stretch, Sides::One(224))
        );
        assert_eq!(
            sizes(
                json!({"size": {"height": 256, "width": 256}, "do_center_crop": true, "crop_size": 224})
            ),
            (224, Fit::Crop, Sides::Both([256, 256]))
        );
        assert_eq!(
            sizes(
                json!({"size": {"shortest_edge": 384}, "image_processor_type": "ConvNextImageProcessor"})
            ),
            (384, Fit::Stretch, Sides::One(384))
        );
        let bytes = json!({"size": 224, "do_rescale": false, "do_normalize": false});
        let found = find_in(Value::Null, bytes, 3).expect("a contract");
        assert_eq!((found.mean, found.std), ([0.0; 3], [1.0 / 255.0; 3]));
    }

    /// Files of another network, or that are no JSON, are left alone, and the user is told.
    #[test]
    fn other_files() {
        let vit = json!({"model_type": "vit", "id2label": {"0": "a"}});
        let found = find_in(vit, Value::Null, 1000).expect("the default");
        assert!(found.is_guess);
        let sidecars = Sidecars::read(|_| Ok(Some(b"{".to_vec())));
        assert_eq!(sidecars.notes.len(), 2);
    }
}
