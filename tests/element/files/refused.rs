// SPDX-License-Identifier: MPL-2.0
//! Files of the wrong kind or size, and paths that lead nowhere.

use gst::prelude::*;
use gstresnet50::inference::BUILTIN;
use support::element::*;
use support::hanging;
use support::onnx::{self, Net};

use super::{does_not_start, label, wait_for_warning};
use crate::color;

/// What is no regular file is refused by its kind, at once: a FIFO would be waited for.
#[test]
fn a_fifo_is_no_file() {
    let (_, folder) = color();
    let fifo = hanging::fifo(&folder.path().join("fifo"));
    let words = [text(&fifo), "a FIFO (named pipe)", "not a regular file"];
    for property in ["model", "labels", "groups"] {
        let (element, _folder) = color();
        element.set_property(property, text(&fifo));
        does_not_start(&element, &words);
    }
    // A model's description and its external data.
    let (element, model) = color();
    hanging::fifo(&model.path().join("color.onnx.modelinfo"));
    let plain = Net::nchw(1, 1).write(model.path(), "color.onnx");
    element.set_property("model", text(&plain));
    does_not_start(&element, &["color.onnx.modelinfo", "a FIFO (named pipe)"]);
    let outside = onnx::write_external(folder.path(), "outside.onnx", 4, "fifo");
    element.set_property("model", text(&outside));
    does_not_start(
        &element,
        &[text(&outside), "external data", words[0], words[1]],
    );

    // While playing, too.
    let (element, _folder) = color();
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    for property in ["labels", "groups", "model"] {
        element.set_property(property, text(&fifo));
        wait_for_warning(&rig, &words);
        assert_eq!(label(&rig), "class 1");
    }
    assert!(rig.errors().is_empty());
}

/// A file that is larger than any of its kind is refused with its size and the limit, before it is
/// read.
#[test]
fn a_file_beyond_the_limit_is_refused() {
    let (_, folder) = color();
    let huge = folder.path().join("huge");
    let file = std::fs::File::create(&huge).expect("a file");
    file.set_len(1 << 40).expect("a hole");
    let size = (1u64 << 40).to_string();
    for (property, limit) in [
        ("model", i32::MAX as u64),
        ("labels", 64 << 20),
        ("groups", 64 << 20),
    ] {
        let (element, _folder) = color();
        element.set_property(property, text(&huge));
        does_not_start(&element, &[text(&huge), &size, &limit.to_string()]);
    }
    let outside = onnx::write_external(folder.path(), "outside.onnx", 4, "huge");
    does_not_start(&element(&outside), &[text(&huge), &size]);
}

/// A relative path that leads nowhere is shown with the folder that it was looked for in, and the
/// name of the model that the plugin carries gets a hint at how it is written.
#[test]
fn what_was_meant() {
    let here = std::env::current_dir().expect("a folder");
    for property in ["model", "labels", "groups"] {
        let (element, _folder) = color();
        element.set_property(property, "no/such.file");
        let words = ["“no/such.file”", "looked for in the folder", text(&here)];
        does_not_start(&element, &words);
    }
    for name in [
        "efficientnet-lite0",
        "EfficientNet-Lite0",
        "efficientnet_lite0",
    ] {
        let (element, _folder) = color();
        element.set_property("model", name);
        let hint = format!("did you mean “{BUILTIN}”");
        does_not_start(&element, &[name, &hint]);
    }
}
