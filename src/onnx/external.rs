// SPDX-License-Identifier: MPL-2.0
//! The files beside a model's own that hold its weights (ONNX's external data).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use prost::Message;

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// The key of the entry of `external_data` that holds the file's name.
const LOCATION: &[u8] = b"location";

/// The parts of the schema that may contain a tensor. Everything else is skipped, and a tensor's data
/// is shared with the file.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "20")]
    training: Vec<Training>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Training {
    #[prost(message, optional, tag = "1")]
    initialization: Option<Graph>,
    #[prost(message, optional, tag = "2")]
    algorithm: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(message, repeated, tag = "7")]
    node: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<SparseTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, tag = "5")]
    t: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    g: Option<Graph>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<Graph>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<SparseTensor>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<SparseTensor>,
}

#[derive(Clone, PartialEq, Message)]
struct SparseTensor {
    #[prost(message, optional, tag = "1")]
    values: Option<Tensor>,
    #[prost(message, optional, tag = "2")]
    indices: Option<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

/// File names may be any bytes, so these are not strings.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// The files with external data of a model, each once, sorted, as paths relative to the model's folder.
///
/// # Errors
/// A path outside the model's folder, as the model has it: nothing there may be read.
pub fn external_files(contents: Bytes) -> Result<Vec<PathBuf>, PathBuf> {
    // If this fails it is not a model, for which `Model::parse` has a better error.
    let Ok(model) = Model::decode(contents) else {
        return Ok(Vec::new());
    };
    let mut found = BTreeSet::new();
    let training = model.training.iter();
    let training = training.flat_map(|t| t.initialization.iter().chain(&t.algorithm));
    for graph in model.graph.iter().chain(training) {
        of_graph(graph, &mut found);
    }
    for function in &model.functions {
        of_nodes(&function.node, &mut found);
    }
    found
        .into_iter()
        .map(|location| within(location).ok_or_else(|| location.into()))
        .collect()
}

fn of_graph<'m>(graph: &'m Graph, found: &mut BTreeSet<&'m OsStr>) {
    let tensors = graph.initializer.iter();
    tensors.for_each(|tensor| of_tensor(tensor, found));
    let sparse = graph.sparse_initializer.iter();
    sparse.for_each(|tensor| of_sparse(tensor, found));
    of_nodes(&graph.node, found);
}

/// The decoder limits how deeply graphs are nested.
fn of_nodes<'m>(nodes: &'m [Node], found: &mut BTreeSet<&'m OsStr>) {
    for attribute in nodes.iter().flat_map(|node| &node.attribute) {
        for tensor in attribute.t.iter().chain(&attribute.tensors) {
            of_tensor(tensor, found);
        }
        let sparse = attribute.sparse_tensor.iter();
        for tensor in sparse.chain(&attribute.sparse_tensors) {
            of_sparse(tensor, found);
        }
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            of_graph(graph, found);
        }
    }
}

fn of_sparse<'m>(tensor: &'m SparseTensor, found: &mut BTreeSet<&'m OsStr>) {
    let tensors = tensor.values.iter().chain(&tensor.indices);
    tensors.for_each(|tensor| of_tensor(tensor, found));
}

fn of_tensor<'m>(tensor: &'m Tensor, found: &mut BTreeSet<&'m OsStr>) {
    if tensor.data_location != EXTERNAL {
        return;
    }
    let entries = tensor.external_data.iter();
    let locations = entries.filter(|entry| entry.key == LOCATION);
    found.extend(locations.map(|entry| OsStr::from_bytes(&entry.value)));
}

/// A path within the folder; `None` if it leads out of it.
fn within(location: &OsStr) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(location).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path).filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(location: &str) -> Tensor {
        let entry = |key: &'static [u8], value: &str| Entry {
            key: Bytes::from_static(key),
            value: value.to_owned().into(),
        };
        Tensor {
            external_data: vec![entry(b"offset", "0"), entry(LOCATION, location)],
            data_location: EXTERNAL,
        }
    }

    fn found(model: &Model) -> Result<Vec<String>, PathBuf> {
        let files = external_files(model.encode_to_vec().into())?;
        Ok(files.iter().map(|f| f.display().to_string()).collect())
    }

    /// Files are found wherever a model may have a tensor, each once.
    #[test]
    fn files_of_all_tensors() {
        let sparse = |values: &str, indices: &str| SparseTensor {
            values: Some(tensor(values)),
            indices: Some(tensor(indices)),
        };
        let graph = |name: &str| Graph {
            initializer: vec![tensor(name), tensor(name)],
            ..Graph::default()
        };
        let node = Node {
            attribute: vec![Attribute {
                t: Some(tensor("t")),
                g: Some(graph("g")),
                tensors: vec![tensor("u")],
                graphs: vec![graph("h")],
                sparse_tensor: Some(sparse("v", "i")),
                sparse_tensors: vec![sparse("w", "j")],
            }],
        };
        let mut own = tensor("in the file itself");
        own.data_location = 0;
        let model = Model {
            graph: Some(Graph {
                node: vec![node],
                initializer: vec![own, tensor("a/./b/../c")],
                sparse_initializer: vec![sparse("x", "k")],
            }),
            training: vec![Training {
                initialization: Some(graph("m")),
                algorithm: Some(graph("n")),
            }],
            functions: vec![Function {
                node: vec![Node {
                    attribute: vec![Attribute {
                        t: Some(tensor("f")),
                        ..Attribute::default()
                    }],
                }],
            }],
        };
        let expected = "a/c f g h i j k m n t u v w x";
        assert_eq!(found(&model).expect("all within").join(" "), expected);
        assert_eq!(external_files(Bytes::from_static(b"none")), Ok(Vec::new()));
    }

    /// A path outside the model's folder is refused.
    #[test]
    fn places_outside_are_refused() {
        for location in ["/etc/passwd", "../a", "a/../../b", ".", "", "a/.."] {
            let model = Model {
                graph: Some(Graph {
                    initializer: vec![tensor("a"), tensor(location)],
                    ..Graph::default()
                }),
                ..Model::default()
            };
            assert_eq!(found(&model), Err(location.into()));
        }
    }
}
