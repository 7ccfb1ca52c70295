// SPDX-License-Identifier: MPL-2.0
//! The network against torchvision's.

use std::time::Duration;

use gstresnet50::inference::{
    Model, ModelSource, Provider, Runtime, Session, SessionOptions, Signature,
};
use gstresnet50::onnx::{
    self, Dimension, DimensionValue, Graph, Node, Shape, Tensor, TensorType, Type, ValueInfo,
    data_type,
};
use gstresnet50::preprocess::Slot;
use gstresnet50::resnet50::{
    ArchitectureMatch, Batch, Variant, match_architecture, precision, size, synthetic_model,
};
use prost::Message;
use support::{data, golden_tensor};

/// Both variants, with the deterministic weights and their batch norms folded, give torchvision's
/// logits within 1e-3 of the largest one, and each is far from the other's.
#[test]
fn logits_of_torchvision() {
    gst::init().expect("GStreamer");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let golden = std::fs::read(data("resnet50_logits.json")).expect("golden logits");
    let golden: serde_json::Value = serde_json::from_slice(&golden).expect("JSON");
    let dir = tempfile::tempdir().expect("a folder");

    for (variant, key, other) in [(Variant::V1_5, "v1.5", "v1"), (Variant::V1, "v1", "v1.5")] {
        let model = synthetic_model(variant, Batch::Dynamic);
        let path = dir.path().join(format!("{key}.onnx"));
        std::fs::write(&path, model.encode_to_vec()).expect("a file");
        let model = Model::read(ModelSource::File(path)).expect("a classifier");
        let options = SessionOptions {
            providers: vec![Provider::Cpu],
            provider_options: Vec::new(),
            device: 0,
            threads: 0,
        };
        let (mut session, _) = Session::load(runtime, &model, &options).expect("a session");
        for photo in ["chelsea", "coffee"] {
            let Slot::F32(slot) = session.slot() else {
                panic!("the model takes floats");
            };
            slot.copy_from_slice(&golden_tensor(&format!("{photo}_resize256")));
            let logits = session.run().expect("a Run").to_vec();
            let distance = |key: &str| {
                let expected: Vec<f32> =
                    serde_json::from_value(golden["logits"][photo][key].clone())
                        .expect("1000 floats");
                assert_eq!(expected.len(), 1000);
                let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
                let worst = logits
                    .iter()
                    .zip(&expected)
                    .fold(0f32, |m, (a, b)| m.max((a - b).abs()));
                worst / largest
            };
            assert!(distance(key) < 1e-3, "{key} {photo}: {}", distance(key));
            assert!(distance(other) > 1e-2, "{key} {photo}: {}", distance(other));
        }
    }
}

/// The graph alone tells which ResNet50 a file is and names the layer that tells; another writer's
/// graph, unfolded and with other names, is read as well; another network is none.
#[test]
fn verdicts() {
    for (variant, layer) in [
        (Variant::V1_5, "layer2.0.conv2"),
        (Variant::V1, "layer2.0.conv1"),
    ] {
        let graph = synthetic_model(variant, Batch::Dynamic)
            .graph
            .expect("a graph");
        let ArchitectureMatch::ResNet50(found, telling) = match_architecture(&graph) else {
            panic!("{:?}", match_architecture(&graph));
        };
        assert_eq!(found, variant);
        assert!(telling.contains(layer), "{telling}");
        let counted = size(&graph, 224);
        // Folding makes of each batch norm's two numbers a channel one: 26 560 fewer.
        assert_eq!(counted.parameters, 25_557_032 - 26_560);
        let giga = if variant == Variant::V1 { 3.86 } else { 4.09 };
        assert!((counted.macs.expect("known") as f64 / 1e9 - giga).abs() < 0.005);
    }

    // ONNX's own test data: Caffe2's ResNet50, its weights left out.
    let other = onnx::Model::read(&data("light_resnet50.onnx")).expect("a model");
    let graph = other.graph.expect("a graph");
    let ArchitectureMatch::ResNet50(Variant::V1_5, telling) = match_architecture(&graph) else {
        panic!("{:?}", match_architecture(&graph));
    };
    assert!(telling.contains("res3_0_branch2b_w_0"), "{telling}");
    assert_eq!(size(&graph, 224).parameters, 25_557_032);

    let none = onnx::Model::read(&data("efficientnet-lite0.onnx")).expect("a model");
    let graph = none.graph.expect("a graph");
    assert!(
        matches!(match_architecture(&graph), ArchitectureMatch::NotAResNet(_)),
        "{:?}",
        match_architecture(&graph)
    );
    // Published: 4.7 million parameters, 0.407 G.
    let counted = size(&graph, 224);
    assert!(
        (4_600_000..4_700_000).contains(&counted.parameters),
        "{counted:?}"
    );
}

/// A graph of the given size in one respect.
type Make = fn(usize) -> Graph;

/// A file may have as much of anything as it likes: to look at it takes time in proportion to it,
/// and not to its square.
#[test]
fn a_graph_is_looked_at_in_time_in_proportion_to_its_size() {
    const SMALL: usize = 4_000;
    const TIMES: usize = 8;
    let graphs: [(&str, Make); 8] = [
        ("inputs", |n| Graph {
            input: (0..n).map(|i| value(&format!("x{i}"), 1)).collect(),
            initializer: (0..n / 2).map(|i| constant(&format!("x{i}"), 1)).collect(),
            ..Graph::default()
        }),
        ("operations that change nothing, behind everything", |n| {
            let mut nodes = chain("Identity", n);
            nodes.push(node("Identity", &[&format!("c{}", n - 1)], "y"));
            of(nodes)
        }),
        ("sums of two long ways", |n| {
            let mut nodes = chain("Relu", n);
            let end = format!("c{}", n - 1);
            nodes.extend((0..n).map(|i| node("Add", &[&end, &end], &format!("sum{i}"))));
            of(nodes)
        }),
        ("convolutions whose weights are nowhere", |n| {
            let mut nodes = chain("Conv", n);
            let end = format!("c{}", n - 1);
            nodes.extend((0..n).map(|i| node("Add", &[&end, &end], &format!("sum{i}"))));
            of(nodes)
        }),
        ("sums whose ways begin at a long name", |n| {
            let long = "long".repeat(n);
            let mut nodes = vec![
                node("Relu", &[&long], "a"),
                node("Relu", &[&long], "b"),
                node("Conv", &["b", "w"], "c"),
                node("Conv", &["c", "w"], "d"),
            ];
            nodes.extend((0..n).map(|i| node("Add", &["a", "d"], &format!("sum{i}"))));
            let mut graph = of(nodes);
            graph.initializer = vec![constant("w", 4)];
            graph
        }),
        ("constants of one shape", |n| {
            let made = (0..n).map(|i| node("ConstantOfShape", &["s"], &format!("made{i}")));
            let mut graph = of(made.collect());
            graph.initializer = (0..n).map(|i| constant(&format!("w{i}"), 1)).collect();
            graph.initializer.push(Tensor {
                data_type: data_type::INT64,
                int64_data: vec![1; n],
                ..constant("s", 1)
            });
            graph
        }),
        ("dimensions of an input", |n| {
            let mut graph = of(chain("Relu", n));
            graph.input = vec![value("x", n)];
            graph
        }),
        ("dimensions of a constant", |n| {
            let mut graph = of(chain("DequantizeLinear", n));
            graph.initializer = vec![constant("x", n)];
            graph
        }),
    ];
    for (what, make) in graphs {
        let [small, large] = [SMALL, SMALL * TIMES].map(|n| {
            let model = onnx::Model {
                graph: Some(make(n)),
                ..onnx::Model::default()
            };
            let graph = model.graph.as_ref().expect("it has one");
            // Once is enough for what is slow, and the rest is too short to be measured once.
            let mut least = Duration::MAX;
            for _ in 0..5 {
                let time = processor_time(|| {
                    let _ = Signature::of(&model).map_err(|e| e.to_string());
                    let _ = (
                        match_architecture(graph),
                        size(graph, 224),
                        precision(graph),
                    );
                });
                least = least.min(time);
                if time > Duration::from_secs(1) {
                    break;
                }
            }
            least
        });
        let growth = large.as_secs_f64() / small.as_secs_f64();
        // The caches' share grows too; the square would be 64 times as long.
        let most = 4.0 * TIMES as f64;
        assert!(
            growth < most,
            "{TIMES} times as many {what}: {small:?}, {large:?}"
        );
    }
}

/// The time that this thread spends on a work, whatever else the machine does.
fn processor_time(work: impl FnOnce()) -> Duration {
    let now = || {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the clock exists on Linux, and the pointer is to a timespec of ours.
        let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        assert_eq!(result, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let begun = now();
    work();
    now() - begun
}

/// A classifier's graph with these nodes.
fn of(node: Vec<Node>) -> Graph {
    let picture = [1, 3, 4, 4].map(Some);
    Graph {
        node,
        input: vec![with_dims("x", &picture)],
        output: vec![with_dims("y", &[Some(1), Some(4)])],
        ..Graph::default()
    }
}

/// Each takes what the one before it gives, the first one `x`; the last one gives `c{n - 1}`.
fn chain(op: &str, n: usize) -> Vec<Node> {
    let mut before = "x".to_owned();
    let nodes = (0..n).map(|i| {
        let output = format!("c{i}");
        let input = std::mem::replace(&mut before, output.clone());
        node(op, &[&input, "scale"], &output)
    });
    nodes.collect()
}

fn node(op: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        input: inputs.iter().map(|i| (*i).to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: op.to_owned(),
        ..Node::default()
    }
}

/// An input of so many dimensions, each of them 1.
fn value(name: &str, rank: usize) -> ValueInfo {
    with_dims(name, &vec![Some(1); rank])
}

fn with_dims(name: &str, dims: &[Option<i64>]) -> ValueInfo {
    let dim = |d: &Option<i64>| Dimension {
        value: d.map(DimensionValue::Value),
    };
    let shape = Shape {
        dim: dims.iter().map(dim).collect(),
    };
    ValueInfo {
        name: name.to_owned(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: data_type::FLOAT,
                shape: Some(shape),
            }),
        }),
    }
}

/// A constant of so many dimensions, each of them 1.
fn constant(name: &str, rank: usize) -> Tensor {
    Tensor {
        dims: vec![1; rank],
        data_type: data_type::FLOAT,
        name: name.to_owned(),
        ..Tensor::default()
    }
}
