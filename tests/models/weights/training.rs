// SPDX-License-Identifier: MPL-2.0
//! Checkpoints of training programs, and objects that are no weights.

use gstresnet50::resnet50::weights::{Naming, ResNet50Weights, parse};

use super::{LARGEST, archive, error, file_of_zeros, int, network, object, tensor, trunk, zeros};

/// The state dict of a network is found in the checkpoints of training programs, averaged weights
/// first, and it is said where; optimizers and other objects are passed over.
#[test]
fn checkpoints_of_training() {
    let inner = |prefix: &str| {
        zeros(&network(
            Naming::Torchvision,
            prefix,
            &format!("{prefix}fc"),
            3,
        ))
    };
    let optimizer = || object(&[("state", b"}".to_vec()), ("param_groups", b"]".to_vec())]);
    // argparse.Namespace(lr=1), as protocol 2 has it.
    let options = || {
        let attributes = object(&[("lr", int(1))]);
        [b"cargparse\nNamespace\n)\x81", &attributes[..], b"b"].concat()
    };
    let number =
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(X\x02\0\0\0f8\x89\x88tRX\0\0\0\0tR";
    for (file, entry, others) in [
        (
            object(&[("state_dict", inner("")), ("optimizer", optimizer())]),
            "state_dict",
            &[][..],
        ),
        (
            object(&[("epoch", int(3)), ("model", inner("module."))]),
            "model",
            &[],
        ),
        (
            object(&[("args", options()), ("model_state_dict", inner(""))]),
            "model_state_dict",
            &[],
        ),
        (
            object(&[("best", number.to_vec()), ("net", inner(""))]),
            "net",
            &[],
        ),
        (
            object(&[("weights", inner("")), ("ema_decay", int(1))]),
            "weights",
            &[],
        ),
        (
            object(&[
                ("model", inner("")),
                ("model_ema", inner("module.")),
                ("args", options()),
            ]),
            "model_ema",
            &["model"],
        ),
        (
            object(&[("state_dict", inner("")), ("state_dict_ema", inner(""))]),
            "state_dict_ema",
            &["state_dict"],
        ),
        (
            object(&[("ema_state_dict", inner(""))]),
            "ema_state_dict",
            &[],
        ),
        (
            object(&[
                ("ema", object(&[("module", inner(""))])),
                ("model", inner("")),
            ]),
            "ema.module",
            &["model"],
        ),
        // Lightning's.
        (
            object(&[
                ("state_dict", inner("model.")),
                ("hyper_parameters", options()),
                ("optimizer_states", b"]".to_vec()),
            ]),
            "state_dict",
            &[],
        ),
        (
            object(&[(
                "checkpoint",
                object(&[("student", object(&[("model", inner(""))]))]),
            )]),
            "checkpoint.student.model",
            &[],
        ),
        // Tensors in other dicts beside it.
        (
            object(&[
                ("state_dict", inner("model.")),
                (
                    "hyper_parameters",
                    object(&[("class_weights", tensor("0", LARGEST, 0, &[3], &[1]))]),
                ),
            ]),
            "state_dict",
            &[],
        ),
        // Tensors beside the state dict.
        (
            object(&[
                ("state_dict", inner("")),
                ("mean", tensor("0", LARGEST, 0, &[3], &[1])),
            ]),
            "state_dict",
            &[],
        ),
    ] {
        let dict = parse(file_of_zeros(&file)).unwrap_or_else(|e| panic!("{entry}: {e}"));
        assert_eq!(dict.entry(), Some(entry));
        assert_eq!(dict.other_entries(), others, "{entry}");
        let weights = ResNet50Weights::from_state_dict(&dict);
        let weights = weights.unwrap_or_else(|e| panic!("{entry}: {e}"));
        assert_eq!(weights.classes(), 3);
    }
    let plain = parse(file_of_zeros(&inner(""))).expect("a state dict");
    assert_eq!(plain.entry(), None);

    // A network whose parts have dicts of their own.
    let head = zeros(&[("weight".into(), vec![3, 2048]), ("bias".into(), vec![3])]);
    let parts = object(&[
        ("backbone", zeros(&trunk(Naming::Torchvision, ""))),
        ("head", head),
    ]);
    let dict = parse(file_of_zeros(&object(&[("model", parts)]))).expect("a state dict");
    let weights = ResNet50Weights::from_state_dict(&dict).expect("a ResNet50");
    assert_eq!((weights.classes(), weights.prefix()), (3, "backbone."));
}

/// A whole network as an object, and a TorchScript archive, are refused with what to do.
#[test]
fn whole_objects() {
    for class in [
        "torchvision.models.resnet\nResNet",
        "__main__\nNet",
        "timm.models.resnet\nResNet",
    ] {
        let program = [b"c", class.as_bytes(), b"\n)\x81}b"].concat();
        let error = error(archive(&program));
        let name = class.replace('\n', ".");
        assert!(error.contains(&format!("an object of {name}")), "{error}");
        assert!(
            error.contains("torch.save(model.state_dict(), FILE)"),
            "{error}"
        );
    }
    let script = error(archive(
        b"c__torch__.torchvision.models.resnet\nResNet\n)\x81}b",
    ));
    assert!(
        script.contains("TorchScript") && script.contains("torch.jit.load"),
        "{script}"
    );
}
