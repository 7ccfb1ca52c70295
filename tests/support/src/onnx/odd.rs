// SPDX-License-Identifier: MPL-2.0
//! Networks that are no classifiers of pictures, or no good ones.

use gstresnet50::onnx::Model;

use super::text::Text;

const PICTURE: &str = "x: float 1,3,4,4";
const CLASSES: &str = "y: float 1,48";

fn model(inputs: &[&str], nodes: &str, output: &str) -> Model {
    let text = Text::default().inputs(inputs).outputs(&[output]);
    text.nodes(nodes).model()
}

/// Two inputs, added up.
pub fn two_inputs() -> Model {
    let nodes = "sum = Add(x, z)\ny = Flatten(sum) axis=1";
    model(&[PICTURE, "z: float 1,3,4,4"], nodes, CLASSES)
}

/// An input of 48 numbers, which is no picture.
pub fn rank_two() -> Model {
    model(&["x: float 1,48"], "y = Flatten(x) axis=1", CLASSES)
}

/// An input of four channels.
pub fn four_channels() -> Model {
    let input = "x: float 1,4,4,4";
    model(&[input], "y = Flatten(x) axis=1", "y: float 1,64")
}

/// An input of 64-bit integers.
pub fn integers() -> Model {
    let input = "x: i64 1,3,4,4";
    model(&[input], "y = Flatten(x) axis=1", "y: i64 1,48")
}

/// A picture in, a picture out.
pub fn no_classes() -> Model {
    model(&[PICTURE], "y = Identity(x)", "y: float 1,3,4,4")
}

/// Promises a batch of one and gives an empty one.
pub fn empty_batch() -> Model {
    let nodes = "flat = Flatten(x) axis=1\ny = Slice(flat, #[0], #[0])";
    model(&[PICTURE], nodes, "y: float d0,48")
}

/// Three classes that are no numbers where the picture has one number only, such as a black one.
pub fn standardized() -> Model {
    let nodes = "mean = ReduceMean(x) keepdims=1
        from_mean = Sub(x, mean)
        deviation = ReduceL2(from_mean) keepdims=1
        standardized = Div(from_mean, deviation)
        y = Flatten(standardized) axis=1";
    model(&[PICTURE], nodes, CLASSES)
}

/// The logarithm of the pixels, which is no finite number from 0 down, and that of so much less
/// them.
pub fn logarithm(most: f32) -> Model {
    let nodes = format!(
        "less = Sub(#{most:?}, x)
        upper = Log(less)
        lower = Log(x)
        both = Add(lower, upper)
        y = Flatten(both) axis=1"
    );
    Text::default()
        .inputs(&["x: float 1,3,1,1"])
        .outputs(&["y: float 1,3"])
        .metadata("resnet50.contract", r#"{"mean":[0,0,0],"std":[1,1,1]}"#)
        .nodes(&nodes)
        .model()
}

/// Boxes with their scores, as a detector gives them.
pub fn boxes() -> Model {
    model(&[PICTURE], "y = Flatten(x) axis=2", "y: float 1,3,16")
}

/// Says that it gives 48 classes, but its graph needs an operation that there is not.
pub fn unknown_operation() -> Model {
    model(&[PICTURE], "y = Fluctuate(x) axis=1", CLASSES)
}
