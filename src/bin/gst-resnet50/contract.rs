// SPDX-License-Identifier: MPL-2.0
//! How the element uses a model, in words: what is in effect, whether the model says so or not.

use gstresnet50::classifier::Plan;
use gstresnet50::postprocess::Activation;
use gstresnet50::preprocess::{ColorOrder, ElementType, Fit, Layout, Resize, Target};
use gstresnet50::text;

/// What becomes of a picture: `shorter side to 256, centre of 224x224, bilinear, antialiased`.
pub fn pictures(target: &Target) -> String {
    let size = format!("{}x{}", target.width, target.height);
    let geometry = match (target.fit, target.resize) {
        (Fit::Crop, Resize::Shorter(side)) => {
            format!("shorter side to {side}, centre of {size}")
        }
        (Fit::Crop, Resize::Both { width, height }) => {
            format!("to {width}x{height}, centre of {size}")
        }
        (Fit::Stretch, _) => format!("stretched to {size}"),
        (Fit::Letterbox, _) => format!("whole into {size}, black beside it"),
    };
    let antialias = match target.antialias {
        true => "antialiased",
        false => "not antialiased",
    };
    format!("{geometry}, {}, {antialias}", target.interpolation)
}

/// The tensor: `float32 NCHW, RGB, mean 0.485 0.456 0.406, std 0.229 0.224 0.225`.
pub fn tensor(target: &Target) -> String {
    let element = match target.element {
        ElementType::F32 => "float32",
        ElementType::F16 => "float16",
        ElementType::U8 => "uint8",
    };
    let layout = match target.layout {
        Layout::Nchw => "NCHW",
        Layout::Nhwc => "NHWC",
    };
    let order = match target.order {
        ColorOrder::Rgb => "RGB",
        ColorOrder::Bgr => "BGR",
    };
    let normalization = match target.element {
        ElementType::U8 => "bytes as they are".to_owned(),
        _ => format!("mean {}, std {}", three(target.mean), three(target.std)),
    };
    format!("{element} {layout}, {order}, {normalization}")
}

/// How the output becomes a result: `1000 classes in “output”: logits, which go through softmax`.
pub fn results(plan: &Plan) -> String {
    let kind = match plan.activation {
        Activation::Softmax => "logits, which go through softmax",
        Activation::Sigmoid => "logits, which go through sigmoid",
        Activation::None => "confidences as they are",
    };
    let (classes, output) = (plan.classes, text::name(&plan.output));
    format!("{classes} classes in “{output}”: {kind}")
}

/// Three numbers without the digits that nobody needs.
fn three(numbers: [f64; 3]) -> String {
    let short = numbers.map(|n| {
        let rounded = (n * 1e6).round() / 1e6;
        rounded.to_string()
    });
    short.join(" ")
}

#[cfg(test)]
mod tests {
    use gstresnet50::inference::Contract;

    use super::*;

    /// The default is torchvision's preset, and every way to say something else has its words.
    #[test]
    fn words() {
        let target = |json: &str| {
            let contract = Contract::from_json(json).expect("a contract");
            contract.target(224, 224, Layout::Nchw, ElementType::F32)
        };
        assert_eq!(
            pictures(&target("{}")),
            "shorter side to 256, centre of 224x224, bilinear, antialiased"
        );
        assert_eq!(
            tensor(&target("{}")),
            "float32 NCHW, RGB, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
        );
        let other = r#"{"fit":"stretch","color":"bgr","mean":[0,0,0],"std":[0.003921568627,1,1]}"#;
        assert!(pictures(&target(other)).starts_with("stretched to 224x224, "));
        assert_eq!(
            tensor(&target(other)),
            "float32 NCHW, BGR, mean 0 0 0, std 0.003922 1 1"
        );
    }
}
