// SPDX-License-Identifier: MPL-2.0
//! Writes the `.modelinfo` with which GStreamer 1.28's `onnxinference` and `classifiertensordecoder`
//! run a model.

use std::fmt::Write as _;

use super::contract::OutputKind;
use super::file::Model;
use super::modelinfo::{CONFIDENCES_ID, HEADER, LOGITS_ID};
use crate::onnx::{self, ValueInfo, data_type, type_name};
use crate::preprocess::{ColorOrder, ElementType, Layout};
use crate::text;

/// Why GStreamer's elements cannot run a model, or why its `.modelinfo` cannot say how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelInfoError {
    /// The input has a type that `onnxinference` does not fill.
    #[error("its input is {0}, and onnxinference fills inputs of float32 and uint8 only")]
    InputType(&'static str),
    /// Planes of bytes.
    #[error("its input is uint8 as [N, 3, H, W], and onnxinference fills [N, H, W, 3] with bytes")]
    BytePlanes,
    /// The graph does not say which dimension holds the channels.
    #[error(
        "its input {0} does not fix the three channels in its second or last dimension, which is \
         how onnxinference recognizes pictures"
    )]
    Channels(String),
    /// The batch size is fixed to more than 1.
    #[error("it takes batches of {0}, and onnxinference runs one picture at a time")]
    Batch(u64),
    /// The channels are in the order blue, green, red.
    #[error("it takes BGR, and onnxinference always gives RGB")]
    ColorOrder,
    /// There is more than one output.
    #[error(
        "it has {0} outputs, and classifiertensordecoder takes the tensor of a model with one \
         (export the model with its classes only)"
    )]
    Outputs(usize),
    /// The output has a type or shape that `classifiertensordecoder` does not take.
    #[error(
        "its output is {0}, and classifiertensordecoder takes float32 [1, classes] or [classes], \
         with the number of classes in the graph, and at least two"
    )]
    Output(String),
    /// The output holds the best values only.
    #[error(
        "its output holds the best values of a TopK or ArgMax, and classifiertensordecoder takes \
         one value for each class"
    )]
    TopK,
    /// A tensor has a name that no section can have.
    #[error("its tensor “{}” has a name that no section of a .modelinfo can have", text::name(.0))]
    Name(String),
}

impl Model {
    /// The contents of its `.modelinfo`, in GStreamer 1.28's format. `file` is the ONNX file that
    /// this description was read from. How a picture is cropped and resized is not part of it: see
    /// [`Self::target`].
    ///
    /// # Errors
    /// [`ModelInfoError`] if these elements cannot run the model.
    pub fn modelinfo(&self, file: &onnx::Model) -> Result<String, ModelInfoError> {
        let graph = file.graph.as_ref();
        let input = graph.and_then(|g| g.inputs().next());
        let outputs = graph.map_or(&[][..], |g| &g.output);
        let Some(input) = input else {
            return Err(ModelInfoError::Channels("is missing and".into()));
        };
        let [output] = outputs else {
            return Err(ModelInfoError::Outputs(outputs.len()));
        };
        let ranges = self.ranges(input)?;
        let id = self.tensor_id(output)?;

        let mut text = String::new();
        // To a string nothing fails.
        let _ = write!(text, "[{HEADER}]\nversion=1.0\ngroup-id={id}\n\n");
        for (direction, value) in [("input", input), ("output", output)] {
            let (element, dims) = value.tensor().unwrap_or_default();
            let dims = dims
                .iter()
                .map(|d| d.map_or("-1".into(), |d| d.to_string()));
            let dims: Vec<String> = dims.collect();
            let _ = write!(
                text,
                "[{}]\ndir={direction}\ntype={}\ndims={}\n",
                section(&value.name)?,
                type_name(element),
                dims.join(",")
            );
            let _ = match direction {
                "input" => write!(text, "ranges={ranges}\n\n"),
                _ => writeln!(text, "id={id}"),
            };
        }
        Ok(text)
    }

    /// The values of black and white for each channel.
    fn ranges(&self, input: &ValueInfo) -> Result<String, ModelInfoError> {
        let target = self.target();
        let dims = input.tensor().map(|(_, dims)| dims).unwrap_or_default();
        // One channel in the second dimension would be taken for a grey picture.
        let layout = match dims[..] {
            [_, Some(3), ..] => Layout::Nchw,
            [_, Some(1), ..] => return Err(ModelInfoError::Channels(input.to_string())),
            [_, _, _, Some(3)] => Layout::Nhwc,
            _ => return Err(ModelInfoError::Channels(input.to_string())),
        };
        if let Some(batch) = dims[0].filter(|batch| *batch != 1) {
            return Err(ModelInfoError::Batch(batch));
        }
        match (target.element, layout) {
            (ElementType::F16, _) => return Err(ModelInfoError::InputType("float16")),
            (ElementType::U8, Layout::Nchw) => return Err(ModelInfoError::BytePlanes),
            (ElementType::U8, Layout::Nhwc) | (ElementType::F32, _) => {}
        }
        if target.order == ColorOrder::Bgr {
            return Err(ModelInfoError::ColorOrder);
        }
        if target.element == ElementType::U8 {
            return Ok("0.0,255.0;0.0,255.0;0.0,255.0".into());
        }
        let channels = target.mean.iter().zip(target.std);
        let ranges =
            channels.map(|(mean, std)| format!("{:?},{:?}", -mean / std + 0.0, (1.0 - mean) / std));
        Ok(ranges.collect::<Vec<_>>().join(";"))
    }

    /// The tensor id, which says what the values of the output mean.
    fn tensor_id(&self, output: &ValueInfo) -> Result<&'static str, ModelInfoError> {
        let known = self.signature.outputs.first();
        if known.is_some_and(|o| o.top_k.is_some()) {
            return Err(ModelInfoError::TopK);
        }
        let is_taken = match output.tensor() {
            Some((data_type::FLOAT, dims)) => match dims[..] {
                [Some(classes)] | [None | Some(1), Some(classes)] => classes > 1,
                _ => false,
            },
            _ => false,
        };
        if !is_taken {
            return Err(ModelInfoError::Output(output.to_string()));
        }
        let kind = self.contract.output;
        let is_unit = known.is_some_and(|o| o.is_unit);
        Ok(match kind {
            Some(OutputKind::Probabilities) => CONFIDENCES_ID,
            None if is_unit => CONFIDENCES_ID,
            None | Some(OutputKind::Logits) => LOGITS_ID,
        })
    }
}

/// The name of a tensor as the name of a section.
fn section(name: &str) -> Result<&str, ModelInfoError> {
    let is_section = |c: char| !matches!(c, '[' | ']') && !c.is_control();
    match !name.is_empty() && name != HEADER && name.chars().all(is_section) {
        true => Ok(name),
        false => Err(ModelInfoError::Name(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Contract, ModelSource};
    use crate::onnx::{Dimension, DimensionValue, Graph, Shape, TensorType, Type};

    fn value(name: &str, elem_type: i32, dims: &[i64]) -> ValueInfo {
        let dim = dims.iter().map(|d| Dimension {
            value: Some(match d {
                -1 => DimensionValue::Param("n".into()),
                d => DimensionValue::Value(*d),
            }),
        });
        let shape = Some(Shape { dim: dim.collect() });
        ValueInfo {
            name: name.into(),
            r#type: Some(Type {
                tensor_type: Some(TensorType { elem_type, shape }),
            }),
        }
    }

    /// What is written for a graph with this input and output, and this contract.
    fn written(
        input: ValueInfo,
        outputs: Vec<ValueInfo>,
        contract: &str,
    ) -> Result<String, ModelInfoError> {
        use prost::Message as _;
        let file = onnx::Model {
            graph: Some(Graph {
                input: vec![input],
                output: outputs,
                ..Graph::default()
            }),
            metadata_props: vec![onnx::StringEntry {
                key: onnx::CONTRACT_KEY.into(),
                value: contract.into(),
            }],
            ..onnx::Model::default()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("net.onnx");
        std::fs::write(&path, file.encode_to_vec()).expect("a file");
        let model = Model::read(ModelSource::File(path)).expect("a model");
        model.modelinfo(&file)
    }

    fn images() -> ValueInfo {
        value("images", data_type::FLOAT, &[-1, 3, 224, 224])
    }

    fn scores() -> Vec<ValueInfo> {
        vec![value("scores", data_type::FLOAT, &[-1, 1000])]
    }

    /// The form that GStreamer 1.28 runs, and it is read as the same contract.
    #[test]
    fn form() {
        gst::init().expect("GStreamer");
        let json = r#"{"mean":[0.5,0.25,0],"std":[0.5,0.25,1],"output":"logits"}"#;
        let text = written(images(), scores(), json).expect("a .modelinfo");
        let expected = "[modelinfo]\nversion=1.0\ngroup-id=classification-generic-out\n\n\
            [images]\ndir=input\ntype=float32\ndims=-1,3,224,224\n\
            ranges=-1.0,1.0;-1.0,3.0;0.0,1.0\n\n\
            [scores]\ndir=output\ntype=float32\ndims=-1,1000\nid=classification-generic-out\n";
        assert_eq!(text, expected);
        let read = Contract::parse_modelinfo(text.into_bytes(), "images").expect("a contract");
        assert_eq!(read.mean, Some([0.5, 0.25, 0.0]));
        assert_eq!(read.std, Some([0.5, 0.25, 1.0]));

        let json = r#"{"output":"probabilities"}"#;
        let text = written(images(), scores(), json).expect("a .modelinfo");
        assert_eq!(text.matches(CONFIDENCES_ID).count(), 2, "{text}");
        let read = Contract::parse_modelinfo(text.into_bytes(), "images").expect("a contract");
        assert_eq!(read.output, Some(OutputKind::Probabilities));
        let std = read.std.expect("it has ranges");
        assert!((std[0] - 0.229).abs() < 1e-12, "{std:?}");
    }

    /// Bytes are taken as they are, whatever the contract says.
    #[test]
    fn bytes() {
        let input = value("x", data_type::UINT8, &[1, 224, 224, 3]);
        let output = vec![value("y", data_type::FLOAT, &[1000])];
        let text = written(input, output, "{}").expect("a .modelinfo");
        assert!(
            text.contains("\ntype=uint8\ndims=1,224,224,3\nranges=0.0,255.0;"),
            "{text}"
        );
        assert!(text.contains("\ndims=1000\n"), "{text}");
    }

    /// What GStreamer's elements cannot run is refused with the reason.
    #[test]
    fn refusals() {
        let input = |elem_type, dims: &[i64]| value("x", elem_type, dims);
        let float = data_type::FLOAT;
        let planes = [-1, 3, 8, 8];
        for (input, expected) in [
            (input(data_type::FLOAT16, &planes), "its input is float16"),
            (input(data_type::UINT8, &planes), "[N, H, W, 3] with bytes"),
            (input(float, &[-1, -1, 8, 8]), "three channels"),
            (input(float, &[4, 3, 8, 8]), "batches of 4"),
            (value("a]b", float, &planes), "“a]b” has a name"),
            (value("modelinfo", float, &planes), "has a name"),
        ] {
            let error = written(input, scores(), "{}").expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
        let output = |elem_type, dims: &[i64]| vec![value("y", elem_type, dims)];
        for (outputs, expected) in [
            (
                output(data_type::FLOAT16, &[-1, 10]),
                "its output is “y” float16",
            ),
            (output(float, &[-1, -1]), "[any, any]"),
            (output(float, &[-1, 10, 1, 1]), "[any, 10, 1, 1]"),
            (output(float, &[-1, 1]), "at least two"),
            ([scores(), output(float, &[-1, 10])].concat(), "2 outputs"),
        ] {
            let error = written(images(), outputs, "{}").expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = written(images(), scores(), r#"{"color":"bgr"}"#).expect_err("BGR");
        assert_eq!(error, ModelInfoError::ColorOrder);
    }
}
