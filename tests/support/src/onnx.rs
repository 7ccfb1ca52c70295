// SPDX-License-Identifier: MPL-2.0
//! Tiny ONNX models, made as they are needed: classifiers whose output is their input, so that a
//! test sees every element of the tensor, and networks that are no classifiers at all.

use std::path::{Path, PathBuf};

use gstresnet50::onnx::{
    Attribute, Dimension, DimensionValue, Graph, Model, Node, OperatorSet, Shape, StringEntry,
    Tensor, TensorType, Type, ValueInfo, attribute_type, data_type,
};
use prost::Message;

/// A dimension that the model leaves free.
pub const FREE: i64 = -1;

/// Something that depends on the pictures, so that no Run is like the other. ONNX Runtime knows
/// only when it has seen them, and cannot compute it beforehand.
#[derive(Debug, Clone, Copy)]
pub enum Whim {
    /// A Run takes up to so many milliseconds or twice that, at the pictures' whim.
    Uneven(u16),
    /// A Run fails where a picture's last number (blue) is at least 0.5.
    Fails,
    /// A Run where a picture's last number (blue) is at least 0.5 spends minutes in a single node,
    /// and so does not end when it is told to.
    Hangs,
    /// Every Run spends minutes in a single node.
    AlwaysHangs,
    /// A node of constants takes minutes, which ONNX Runtime computes when it takes the model.
    HangsInConstants,
}

/// A classifier with a class for each element of its input.
#[derive(Debug, Clone)]
pub struct Net {
    /// The input's shape, with [`FREE`] dimensions.
    pub dims: Vec<i64>,
    /// The input's type ([`data_type`]).
    pub element: i32,
    /// The output is this instead, whatever the input is.
    pub constant: Option<Vec<f32>>,
    /// An operation behind everything else: `Softmax`, `Sigmoid`.
    pub last: Option<&'static str>,
    /// Sums of a million numbers that are made before the output is.
    pub busy: usize,
    /// What else happens before the output is there, for some pictures.
    pub whim: Option<Whim>,
    /// Megabytes of weights that every Run uses, and that change nothing.
    pub weights: usize,
    /// Metadata: the contract's JSON.
    pub contract: Option<String>,
}

impl Net {
    /// Of shape `[1, 3, height, width]`, 32-bit floats.
    pub fn nchw(height: i64, width: i64) -> Self {
        Self {
            dims: vec![1, 3, height, width],
            element: data_type::FLOAT,
            constant: None,
            last: None,
            busy: 0,
            whim: None,
            weights: 0,
            contract: None,
        }
    }

    /// Of shape `[1, height, width, 3]`, 32-bit floats.
    pub fn nhwc(height: i64, width: i64) -> Self {
        Self {
            dims: vec![1, height, width, 3],
            ..Self::nchw(height, width)
        }
    }

    /// Three classes: how red, green and blue the picture is.
    pub fn color() -> Self {
        Self::nchw(1, 1).contract(r#"{"mean":[0,0,0],"std":[1,1,1],"output":"probabilities"}"#)
    }

    /// Gives these logits for every picture.
    pub fn constant(logits: Vec<f32>) -> Self {
        Self {
            constant: Some(logits),
            ..Self::nchw(4, 4)
        }
    }

    pub fn batch(mut self, batch: i64) -> Self {
        self.dims[0] = batch;
        self
    }

    pub fn element(mut self, element: i32) -> Self {
        self.element = element;
        self
    }

    pub fn last(mut self, operation: &'static str) -> Self {
        self.last = Some(operation);
        self
    }

    /// Takes a millisecond or two for each step, and ends between two when it is told to.
    pub fn busy(mut self, steps: usize) -> Self {
        self.busy = steps;
        self
    }

    pub fn whim(mut self, whim: Whim) -> Self {
        self.whim = Some(whim);
        self
    }

    pub fn weights(mut self, megabytes: usize) -> Self {
        self.weights = megabytes;
        self
    }

    pub fn contract(mut self, json: &str) -> Self {
        self.contract = Some(json.into());
        self
    }

    /// The ONNX model.
    pub fn model(&self) -> Model {
        let mut nodes = Vec::new();
        let mut value = "x".to_owned();
        let mut element = self.element;
        let then = |nodes: &mut Vec<Node>, value: &mut String, op: &str, attributes: &[_]| {
            let output = format!("v{}", nodes.len());
            let input = std::mem::replace(value, output.clone());
            nodes.push(node(op, &[&input], &output, attributes));
        };
        if element == data_type::UINT8 {
            then(
                &mut nodes,
                &mut value,
                "Cast",
                &[("to", data_type::FLOAT.into())],
            );
            element = data_type::FLOAT;
        }
        then(&mut nodes, &mut value, "Flatten", &[("axis", 1)]);
        let mut classes = self.dims[1..].iter().product::<i64>();
        if self.dims[1..].contains(&FREE) {
            classes = FREE;
        }
        let mut initializer = Vec::new();
        if let Some(logits) = &self.constant {
            classes = logits.len() as i64;
            element = data_type::FLOAT;
            initializer.push(Tensor {
                dims: vec![1, classes],
                data_type: element,
                name: "logits".into(),
                raw_data: logits.iter().flat_map(|v| v.to_le_bytes()).collect(),
                ..Tensor::default()
            });
            nodes = vec![node("Identity", &["logits"], "v0", &[])];
        }
        if self.busy > 0 {
            for (name, value) in [("zero", 0.0), ("one", 1.0), ("million", 1e6)] {
                initializer.push(floats(name, &[], &[value]));
            }
            // From the input, so that nothing can be computed before there is one.
            let input = value.clone();
            nodes.push(node("ReduceMax", &[&input], "sum0", &[("keepdims", 0)]));
            for i in 0..self.busy {
                let [sum, nothing, limit, range] =
                    ["sum", "nothing", "limit", "range"].map(|n| format!("{n}{i}"));
                nodes.push(node("Mul", &[&sum, "zero"], &nothing, &[]));
                nodes.push(node("Add", &[&nothing, "million"], &limit, &[]));
                nodes.push(node("Range", &["zero", &limit, "one"], &range, &[]));
                let next = format!("sum{}", i + 1);
                nodes.push(node("ReduceSum", &[&range], &next, &[("keepdims", 0)]));
            }
            let sum = format!("sum{}", self.busy);
            nodes.push(node("Mul", &[&sum, "zero"], "nothing", &[]));
            let output = format!("v{}", nodes.len());
            let input = std::mem::replace(&mut value, output.clone());
            nodes.push(node("Add", &[&input, "nothing"], &output, &[]));
        }
        if let Some(whim) = self.whim {
            let features = self.dims[1..].iter().product::<i64>() as usize;
            let nothing = whim.nodes(&value, features, &mut nodes, &mut initializer);
            let output = format!("v{}", nodes.len());
            let input = std::mem::replace(&mut value, output.clone());
            nodes.push(node("Add", &[&input, &nothing], &output, &[]));
        }
        if self.weights > 0 {
            let features = self.dims[1..].iter().product::<i64>();
            let (middle, last) = (1024, 256 * self.weights as i64);
            for (name, rows, columns) in [("few", features, middle), ("many", middle, last)] {
                let values = vec![1.0; (rows * columns) as usize];
                initializer.push(floats(name, &[rows, columns], &values));
            }
            initializer.push(floats("weightless", &[], &[0.0]));
            nodes.push(node("MatMul", &[&value, "few"], "wide", &[]));
            nodes.push(node("MatMul", &["wide", "many"], "wider", &[]));
            nodes.push(node("ReduceMax", &["wider"], "widest", &[("keepdims", 0)]));
            nodes.push(node("Mul", &["widest", "weightless"], "no weight", &[]));
            let output = format!("v{}", nodes.len());
            let input = std::mem::replace(&mut value, output.clone());
            nodes.push(node("Add", &[&input, "no weight"], &output, &[]));
        }
        if let Some(op) = self.last {
            then(&mut nodes, &mut value, op, &[]);
        }
        if let Some(last) = nodes.last_mut() {
            last.output = vec!["y".into()];
        }
        Model {
            ir_version: 8,
            producer_name: "tests".into(),
            producer_version: String::new(),
            graph: Some(Graph {
                node: nodes,
                name: "net".into(),
                initializer,
                input: vec![tensor("x", self.element, &self.dims)],
                output: vec![tensor("y", element, &[self.dims[0], classes])],
                ..Graph::default()
            }),
            opset_import: vec![OperatorSet {
                domain: String::new(),
                version: 13,
            }],
            metadata_props: self
                .contract
                .iter()
                .map(|json| StringEntry {
                    key: "resnet50.contract".into(),
                    value: json.clone(),
                })
                .collect(),
            ..Model::default()
        }
    }

    /// Writes it as `folder/name` and returns the path.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        write(&self.model(), folder, name)
    }
}

impl Whim {
    /// Adds what it does with `flat`, which has so many features a picture. Returns the name of a
    /// scalar that is 0 in the end, and nobody knows before.
    fn nodes(
        self,
        flat: &str,
        features: usize,
        nodes: &mut Vec<Node>,
        initializers: &mut Vec<Tensor>,
    ) -> String {
        let mut then = |op: &str, inputs: &[&str], attributes: &[_]| {
            let output = format!("whim{}", nodes.len());
            nodes.push(node(op, inputs, &output, attributes));
            output
        };
        initializers.push(floats("whim nothing", &[], &[0.0]));
        let weights: Vec<f32> = (0..features)
            .map(|i| match self {
                Self::Uneven(_) => 40.0 + 31.0 * i as f32,
                // The scaled numbers are cut off after the point.
                _ => 2.0 * f32::from(u8::from(i + 1 == features)),
            })
            .collect();
        initializers.push(floats("whim weights", &[features as i64, 1], &weights));
        let weighed = then("MatMul", &[flat, "whim weights"], &[]);
        let worst = then("ReduceMax", &[&weighed], &[("keepdims", 0)]);
        let number = match self {
            Self::Uneven(most) => {
                let most = 1e6 * f32::from(most);
                initializers.push(floats("whim one", &[], &[1.0]));
                initializers.push(floats("whim most", &[], &[most]));
                let whole = then("Floor", &[&worst], &[]);
                let part = then("Sub", &[&worst, &whole], &[]);
                let part = then("Mul", &[&part, "whim most"], &[]);
                let length = then("Add", &[&part, "whim one"], &[]);
                let range = then("Range", &["whim nothing", &length, "whim one"], &[]);
                then("ReduceSum", &[&range], &[("keepdims", 0)])
            }
            Self::Fails => {
                initializers.push(floats("whim only", &[1], &[0.0]));
                let index = then("Cast", &[&worst], &[("to", data_type::INT64.into())]);
                then("Gather", &["whim only", &index], &[])
            }
            Self::Hangs | Self::AlwaysHangs | Self::HangsInConstants => {
                // Each number of a large picture is compared with all those around it.
                const AROUND: i64 = 400;
                const SIDE: f32 = 2000.0;
                initializers.push(floats("whim side", &[], &[SIDE]));
                initializers.push(floats("whim least", &[4], &[1.0; 4]));
                initializers.push(floats("whim plane", &[4], &[0.0, 0.0, 1.0, 1.0]));
                initializers.push(floats("whim one", &[], &[1.0]));
                let is_on = match self {
                    Self::HangsInConstants => "whim one".to_owned(),
                    Self::AlwaysHangs => {
                        let nothing = then("Mul", &[&worst, "whim nothing"], &[]);
                        then("Add", &[&nothing, "whim one"], &[])
                    }
                    _ => then("Floor", &[&worst], &[]),
                };
                let side = then("Mul", &[&is_on, "whim side"], &[]);
                let plane = then("Mul", &["whim plane", &side], &[]);
                let shape = then("Add", &[&plane, "whim least"], &[]);
                let shape = then("Cast", &[&shape], &[("to", data_type::INT64.into())]);
                let picture = then("ConstantOfShape", &[&shape], &[]);
                let pooled = then("MaxPool", &[&picture], &[]);
                let pool = nodes.last_mut().expect("it has just been added");
                for (name, ints) in [
                    ("kernel_shape", vec![AROUND; 2]),
                    ("pads", vec![AROUND - 1; 4]),
                ] {
                    pool.attribute.push(Attribute {
                        name: name.into(),
                        ints,
                        r#type: attribute_type::INTS,
                        ..Default::default()
                    });
                }
                let output = format!("whim{}", nodes.len());
                nodes.push(node("ReduceMax", &[&pooled], &output, &[("keepdims", 0)]));
                output
            }
        };
        let nothing = "whim end".to_owned();
        nodes.push(node("Mul", &[&number, "whim nothing"], &nothing, &[]));
        nothing
    }
}

/// Numbers that a model has within it.
fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    Tensor {
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        name: name.into(),
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

/// Writes a model as `folder/name` and returns the path.
pub fn write(model: &Model, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, model.encode_to_vec()).expect("a model file");
    path
}

/// The graph of a model that [`Net::model`] has made.
fn graph(model: &mut Model) -> &mut Graph {
    model.graph.as_mut().expect("it has a graph")
}

/// Two inputs, added up.
pub fn two_inputs() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    graph
        .input
        .push(tensor("z", data_type::FLOAT, &[1, 3, 4, 4]));
    graph.node = vec![
        node("Add", &["x", "z"], "sum", &[]),
        node("Flatten", &["sum"], "y", &[("axis", 1)]),
    ];
    model
}

/// An input of 48 numbers, which is no picture.
pub fn rank_two() -> Model {
    let mut model = Net::nchw(4, 4).model();
    graph(&mut model).input = vec![tensor("x", data_type::FLOAT, &[1, 48])];
    model
}

/// An input of four channels.
pub fn four_channels() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    graph.input = vec![tensor("x", data_type::FLOAT, &[1, 4, 4, 4])];
    graph.output = vec![tensor("y", data_type::FLOAT, &[1, 64])];
    model
}

/// An input of 64-bit integers.
pub fn integers() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    graph.input = vec![tensor("x", data_type::INT64, &[1, 3, 4, 4])];
    graph.output = vec![tensor("y", data_type::INT64, &[1, 48])];
    model
}

/// A picture in, a picture out.
pub fn no_classes() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    graph.node = vec![node("Identity", &["x"], "y", &[])];
    graph.output = vec![tensor("y", data_type::FLOAT, &[1, 3, 4, 4])];
    model
}

/// Promises a batch of one and gives an empty one.
pub fn empty_batch() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    let bounds = |name: &str, value: i64| Tensor {
        dims: vec![1],
        data_type: data_type::INT64,
        name: name.into(),
        raw_data: value.to_le_bytes().to_vec().into(),
        ..Tensor::default()
    };
    graph.initializer = vec![bounds("none", 0)];
    graph.node = vec![
        node("Flatten", &["x"], "flat", &[("axis", 1)]),
        node("Slice", &["flat", "none", "none"], "y", &[]),
    ];
    graph.output = vec![tensor("y", data_type::FLOAT, &[FREE, 48])];
    model
}

/// Three classes that are no numbers where the picture has one number only, such as a black one.
pub fn standardized() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    let axes = [("keepdims", 1)];
    graph.node = vec![
        node("ReduceMean", &["x"], "mean", &axes),
        node("Sub", &["x", "mean"], "from mean", &[]),
        node("ReduceL2", &["from mean"], "deviation", &axes),
        node("Div", &["from mean", "deviation"], "standardized", &[]),
        node("Flatten", &["standardized"], "y", &[("axis", 1)]),
    ];
    model
}

/// The logarithm of the pixels, which is no finite number from 0 down, and that of so much less
/// them.
pub fn logarithm(most: f32) -> Model {
    let net = Net::nchw(1, 1).contract(r#"{"mean":[0,0,0],"std":[1,1,1]}"#);
    let mut model = net.model();
    let graph = graph(&mut model);
    graph.initializer = vec![floats("most", &[], &[most])];
    graph.node = vec![
        node("Sub", &["most", "x"], "less", &[]),
        node("Log", &["less"], "upper", &[]),
        node("Log", &["x"], "lower", &[]),
        node("Add", &["lower", "upper"], "both", &[]),
        node("Flatten", &["both"], "y", &[("axis", 1)]),
    ];
    model
}

/// Boxes with their scores, as a detector gives them.
pub fn boxes() -> Model {
    let mut model = Net::nchw(4, 4).model();
    let graph = graph(&mut model);
    graph.node = vec![node("Flatten", &["x"], "y", &[("axis", 2)])];
    graph.output = vec![tensor("y", data_type::FLOAT, &[1, 3, 16])];
    model
}

/// Says that it gives 48 classes, but its graph needs an operation that there is not.
pub fn unknown_operation() -> Model {
    let mut model = Net::nchw(4, 4).model();
    graph(&mut model).node[0].op_type = "Fluctuate".into();
    model
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) -> Node {
    Node {
        input: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: vec![output.into()],
        name: format!("{op} {output}"),
        op_type: op.into(),
        attribute: attributes
            .iter()
            .map(|(name, i)| Attribute {
                name: (*name).into(),
                i: *i,
                r#type: attribute_type::INT,
                ..Default::default()
            })
            .collect(),
        domain: String::new(),
    }
}

fn tensor(name: &str, elem_type: i32, dims: &[i64]) -> ValueInfo {
    let dim = dims.iter().enumerate().map(|(i, d)| Dimension {
        value: Some(match *d {
            FREE => DimensionValue::Param(format!("d{i}")),
            d => DimensionValue::Value(d),
        }),
    });
    ValueInfo {
        name: name.into(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type,
                shape: Some(Shape { dim: dim.collect() }),
            }),
        }),
    }
}

/// A tensor whose numbers are in a file beside the model.
#[derive(Clone, PartialEq, Message)]
struct ExternalTensor {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringEntry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ExternalGraph {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<ExternalTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct ExternalModel {
    #[prost(message, optional, tag = "7")]
    graph: Option<ExternalGraph>,
}

/// Writes a model that gives the same `classes` logits for every picture, which are in the file
/// `place` beside it.
pub fn write_external(folder: &Path, name: &str, classes: usize, place: &str) -> PathBuf {
    let mut model = Net::constant(vec![0.0; classes]).model();
    let tensors = &mut graph(&mut model).initializer;
    let position = tensors.iter().position(|tensor| tensor.name == "logits");
    let logits = tensors.remove(position.expect("it is a constant net's"));
    let outside = ExternalTensor {
        dims: logits.dims,
        data_type: logits.data_type,
        name: logits.name,
        external_data: vec![StringEntry {
            key: "location".into(),
            value: place.into(),
        }],
        data_location: 1,
    };
    // Two messages one behind the other are one with the fields of both.
    let mut bytes = model.encode_to_vec();
    bytes.extend(
        ExternalModel {
            graph: Some(ExternalGraph {
                initializer: vec![outside],
            }),
        }
        .encode_to_vec(),
    );
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a model file");
    path
}

/// Puts logits of which class `best` is the greatest where [`write_external`] looks for them, as
/// files in use are to be replaced: in one step.
pub fn write_logits(file: &Path, classes: usize, best: usize) {
    let logits = (0..classes).map(|class| if class == best { 9f32 } else { 0.0 });
    let bytes: Vec<u8> = logits.flat_map(f32::to_le_bytes).collect();
    let new = file.with_extension("new");
    std::fs::write(&new, bytes).expect("written");
    std::fs::rename(new, file).expect("it takes the place of the old one");
}
