// SPDX-License-Identifier: MPL-2.0
//! The way back: activation and the names of the classes.

use std::path::Path;

use gst::prelude::*;
use support::element::{classification, element, plain, rgb, text, values};
use support::harness::{play, through};
use support::onnx::Net;

/// The activation is the property's, else the contract's, else what the graph ends with.
#[test]
fn activation() {
    let folder = tempfile::tempdir().expect("a folder");
    let logits = vec![1.0f32, 3.0, 2.0];
    let exp: Vec<f64> = logits.iter().map(|v| f64::from(*v).exp()).collect();
    let softmax: Vec<f64> = exp.iter().map(|v| v / exp.iter().sum::<f64>()).collect();
    let sigmoid: Vec<f64> = exp.iter().map(|v| v / (1.0 + v)).collect();
    let raw: Vec<f64> = logits.iter().map(|v| f64::from(*v)).collect();
    let net = Net::constant(logits);
    let probabilities = r#"{"output":"probabilities"}"#;
    for (net, property, expected) in [
        (net.clone(), "auto", &softmax),
        (net.clone(), "softmax", &softmax),
        (net.clone(), "sigmoid", &sigmoid),
        (net.clone(), "none", &raw),
        (net.clone().last("Softmax"), "auto", &softmax),
        (net.clone().last("Sigmoid"), "auto", &sigmoid),
        (net.clone().contract(probabilities), "auto", &raw),
        (net.contract(r#"{"output":"logits"}"#), "auto", &softmax),
    ] {
        let what = format!("{:?} {:?} {property}", net.last, net.contract);
        let element = element(&net.write(folder.path(), "net.onnx"));
        element.set_property_from_str("activation", property);
        let info = rgb(4, 4);
        let (mut harness, _bus) = play(&element, &info);
        let found = values(&through(&mut harness, plain(&info, [0; 3])));
        assert_eq!(found.len(), 3, "{what}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f64::from(*f) - e).abs() < 1e-6, "{what}: {found:?}");
        }
    }
}

/// Names of the classes: ImageNet's for 1000, one further on for 1001, the model's own, a file's.
#[test]
fn class_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = |net: Net, labels: Option<&Path>| {
        let element = element(&net.write(folder.path(), "net.onnx"));
        element.set_property("labels", labels.map(text));
        let info = rgb(4, 4);
        let (mut harness, _bus) = play(&element, &info);
        let buffer = through(&mut harness, plain(&info, [0; 3]));
        classification(&buffer)
            .top()
            .expect("a class")
            .label
            .to_string()
    };
    let peak = |classes: usize, at: usize| {
        let mut logits = vec![0.0; classes];
        logits[at] = 9.0;
        Net::constant(logits)
    };
    assert_eq!(name(peak(1000, 281), None), "tabby");
    assert_eq!(name(peak(1001, 282), None), "tabby");
    assert_eq!(name(peak(1001, 0), None), "background");
    assert_eq!(name(peak(5, 3), None), "class 3");
    let own = peak(2, 1).contract(r#"{"labels":["left","right"]}"#);
    assert_eq!(name(own.clone(), None), "right");
    let file = folder.path().join("labels.txt");
    std::fs::write(&file, "links\nrechts\n").expect("a file");
    assert_eq!(name(own, Some(&file)), "rechts");
}
