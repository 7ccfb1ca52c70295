// SPDX-License-Identifier: MPL-2.0
//! The names and shapes of a ResNet50, and what differs from it.

use gstresnet50::resnet50::weights::{Naming, ResNet50Weights, WeightsError, parse};
use gstresnet50::resnet50::{
    Batch, FusedWeights, Parameter, Precision, ResNet50, Variant, synthetic_model,
    synthetic_values, to_onnx,
};
use prost::Message as _;

use super::{file_of_zeros, network, safetensors, trunk, zeros};

fn rule(naming: Naming, mut change: impl FnMut(&mut Parameter) -> bool) -> Vec<u8> {
    let mut tensors = Vec::new();
    for mut parameter in ResNet50::new(Variant::V1_5).parameters() {
        let values = synthetic_values(&parameter);
        if !change(&mut parameter) {
            continue;
        }
        let values = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        tensors.push((naming.name(&parameter.name), parameter.shape, values));
    }
    safetensors(&tensors, "F32")
}

/// A whole state dict under torchvision's and under transformers' names becomes the file that the
/// weights themselves become.
#[test]
fn whole_network() {
    let expected = synthetic_model(Variant::V1_5, Batch::Fixed(2));
    let contract = expected.metadata_props[0].value.clone();
    let expected = expected.encode_to_vec();
    for naming in [Naming::Torchvision, Naming::Transformers] {
        let dict = parse(rule(naming, |_| true).into()).expect("a state dict");
        let weights = ResNet50Weights::from_state_dict(&dict).expect("a ResNet50");
        assert_eq!(weights.naming(), naming);
        let network = ResNet50::new(Variant::V1_5);
        let model = FusedWeights::new(&network, weights.values())
            .map(|w| to_onnx(&network, Batch::Fixed(2), &contract, &w, &Precision::Fp32));
        let model = model.expect("as many values as the shapes take");
        assert!(model.encode_to_vec() == expected, "{naming:?}");
    }
}

/// Counters of batch norms do not disturb; whatever else differs is named, all at once.
#[test]
fn missing_surplus_and_wrong() {
    let zeros = |name: &str, shape: &[usize]| {
        let bytes = vec![0; shape.iter().product::<usize>() * 4];
        (name.to_owned(), shape.to_vec(), bytes)
    };
    let mut tensors: Vec<_> = ResNet50::new(Variant::V1_5)
        .parameters()
        .iter()
        .filter(|p| !p.name.starts_with("layer3"))
        .filter(|p| p.name != "conv1.weight")
        .map(|p| match p.name.as_str() {
            "fc.weight" => zeros("fc.weight", &[10, 1024]),
            "fc.bias" => zeros("fc.bias", &[10]),
            "bn1.bias" => zeros("bn1.bias", &[65]),
            name => zeros(name, &p.shape),
        })
        .collect();
    tensors.push(zeros("bn1.num_batches_tracked", &[]));
    tensors.push(zeros("layer5.0\u{1b}[31m.weight", &[1]));
    let dict = parse(safetensors(&tensors, "F32").into()).expect("a state dict");
    let error = ResNet50Weights::from_state_dict(&dict).expect_err("a mismatch");
    let WeightsError::Mismatch(mismatch) = &error else {
        panic!("{error}");
    };
    // Layer 3: six blocks with three convolutions of 5 parameters, and a projection.
    assert_eq!(mismatch.missing.len(), 1 + 6 * 15 + 5);
    assert_eq!(mismatch.surplus, ["layer5.0\\u{1b}[31m.weight"]);
    assert_eq!(
        error.to_string(),
        "these are not the weights of a ResNet50: 96 missing: conv1.weight, \
         layer3.0.conv1.weight, layer3.0.bn1.weight, layer3.0.bn1.bias, \
         layer3.0.bn1.running_mean, layer3.0.bn1.running_var, layer3.0.conv2.weight, \
         layer3.0.bn2.weight, layer3.0.bn2.bias, layer3.0.bn2.running_mean and 86 more; \
         1 surplus: layer5.0\\u{1b}[31m.weight; \
         2 wrong: bn1.bias (shape [65], expected [64]), \
         fc.weight (shape [10, 1024], expected [classes, 2048] with 2 classes or more)"
    );

    let ints: Vec<_> = tensors.into_iter().take(1).collect();
    let dict = parse(safetensors(&ints, "I32").into()).expect("a state dict");
    let error = ResNet50Weights::from_state_dict(&dict).expect_err("a mismatch");
    assert!(
        error
            .to_string()
            .contains("1 wrong: bn1.weight (int32, expected floating-point numbers)"),
        "{error}"
    );
}

fn weights_of(tensors: &[(String, Vec<usize>)]) -> Result<ResNet50Weights, String> {
    let dict = parse(file_of_zeros(&zeros(tensors))).map_err(|e| e.to_string())?;
    ResNet50Weights::from_state_dict(&dict).map_err(|e| e.to_string())
}

/// A network of somebody's own classes is found behind whatever wrappers put before its names and
/// whatever its last layer is called.
#[test]
fn fine_tuned_networks() {
    use Naming::{Children, Torchvision, Transformers};
    for (naming, prefix, head, classes) in [
        (Torchvision, "", "fc", 2),
        (Torchvision, "module.", "module.fc", 37),
        (Torchvision, "model.", "model.fc", 3),
        (Torchvision, "backbone.", "backbone.fc", 3),
        (Torchvision, "net.", "net.fc", 3),
        (Torchvision, "encoder.", "encoder.fc", 3),
        (Torchvision, "_orig_mod.", "_orig_mod.fc", 3),
        (
            Torchvision,
            "_orig_mod.module.model.",
            "_orig_mod.module.model.fc",
            3,
        ),
        (
            Torchvision,
            "model.net.backbone.",
            "model.net.backbone.fc",
            3,
        ),
        (Torchvision, "student.encoder.", "student.encoder.fc", 3),
        (Torchvision, "", "fc.1", 5),
        (Torchvision, "", "fc.0", 5),
        (Torchvision, "", "head.fc", 5),
        (Torchvision, "model.", "model.classifier.1", 5),
        (Torchvision, "backbone.", "head", 5),
        (Torchvision, "module.encoder.", "module.classifier", 5),
        (Torchvision, "", "last_linear", 1100),
        (Transformers, "", "classifier.1", 4),
        (Transformers, "model.", "model.classifier.1", 4),
        (Transformers, "module.", "module.head", 4),
        (Children, "features.", "fc", 6),
        (Children, "", "fc", 6),
        (Children, "model.feature_extractor.", "model.classifier", 6),
    ] {
        let weights = weights_of(&network(naming, prefix, head, classes));
        let weights = weights.unwrap_or_else(|e| panic!("{naming:?} {prefix} {head}: {e}"));
        assert_eq!(weights.classes(), classes, "{prefix} {head}");
        assert_eq!(weights.naming(), naming, "{prefix} {head}");
        assert!(weights.others().is_empty() && weights.ignored().is_empty());
        let architecture = ResNet50::new(Variant::V1_5).with_classes(classes);
        for parameter in architecture.parameters() {
            let values = weights.values()(&parameter);
            let expected: usize = parameter.shape.iter().product();
            assert_eq!(values.len(), expected, "{prefix} {head} {}", parameter.name);
        }
    }
}

/// What only training needs is passed over: counters, losses, metrics, and other copies of the
/// network, of which the averaged one is taken.
#[test]
fn tensors_that_do_not_belong() {
    let own = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let mut tensors = network(Naming::Torchvision, "model.", "model.fc", 3);
    tensors.extend([
        own("model.bn1.num_batches_tracked", &[]),
        own("n_averaged", &[1]),
        own("class_weights", &[3]),
        own("criterion.weight", &[3]),
        own("train_acc.tp", &[3]),
    ]);
    let weights = weights_of(&tensors).expect("a ResNet50");
    assert_eq!(weights.prefix(), "model.");
    assert_eq!(
        weights.ignored(),
        ["class_weights", "criterion.weight", "train_acc.tp"]
    );

    let averaged = network(
        Naming::Torchvision,
        "ema_model.module.",
        "ema_model.module.fc",
        3,
    );
    tensors.extend(averaged);
    tensors.push(own("ema_model.n_averaged", &[]));
    let weights = weights_of(&tensors).expect("a ResNet50");
    assert_eq!(weights.prefix(), "ema_model.module.");
    assert_eq!(weights.others(), ["model."]);

    // An average of the learned parameters alone is not whole.
    let mut tensors = network(Naming::Torchvision, "model.", "model.fc", 3);
    let learned = network(Naming::Torchvision, "ema.", "ema.fc", 3);
    tensors.extend(
        learned
            .into_iter()
            .filter(|(name, _)| !name.contains("running")),
    );
    let weights = weights_of(&tensors).expect("a ResNet50");
    assert_eq!(weights.prefix(), "model.");
}

/// What makes a network another one is named in the file's own names: layers too many, heads of
/// several layers or of one class, layers that are missing.
#[test]
fn what_differs() {
    let own = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let with = |more: &[(String, Vec<usize>)]| {
        let tensors = [
            network(Naming::Torchvision, "net.", "net.fc", 3),
            more.to_vec(),
        ]
        .concat();
        weights_of(&tensors).expect_err("another network")
    };
    let deeper = with(&[own("net.layer3.6.conv1.weight", &[256, 1024, 1, 1])]);
    assert!(
        deeper.contains("1 surplus: net.layer3.6.conv1.weight"),
        "{deeper}"
    );
    let attentive = with(&[own("net.layer1.0.se.fc1.weight", &[16, 256, 1, 1])]);
    assert!(
        attentive.contains("1 surplus: net.layer1.0.se.fc1.weight"),
        "{attentive}"
    );
    let two = with(&[own("net.fc2.weight", &[4, 2048]), own("net.fc2.bias", &[4])]);
    assert!(
        two.contains("2 surplus: net.fc2.bias, net.fc2.weight"),
        "{two}"
    );
    let own_mean = with(&[own("net.normalize.mean", &[3, 1, 1])]);
    assert!(own_mean.contains("net.normalize.mean"), "{own_mean}");

    let mut layered = network(Naming::Torchvision, "", "fc.0", 512);
    layered.extend([own("fc.3.weight", &[10, 512]), own("fc.3.bias", &[10])]);
    let layered = weights_of(&layered).expect_err("two layers");
    assert!(
        layered.contains("2 surplus: fc.3.bias, fc.3.weight"),
        "{layered}"
    );

    let one = weights_of(&network(Naming::Torchvision, "", "fc", 1)).expect_err("one class");
    assert!(
        one.contains(
            "fc.weight (shape [1, 2048], expected [classes, 2048] with 2 classes or more)"
        ),
        "{one}"
    );

    let none = weights_of(&trunk(Naming::Torchvision, "net.")).expect_err("no head");
    assert!(
        none.contains("2 missing: net.fc.weight, net.fc.bias"),
        "{none}"
    );

    let mut wrong = network(Naming::Torchvision, "net.", "net.fc", 3);
    for (name, shape) in &mut wrong {
        if name == "net.layer2.0.conv2.weight" {
            *shape = vec![128, 4, 3, 3];
        }
    }
    wrong.retain(|(name, _)| name != "net.bn1.bias");
    let wrong = weights_of(&wrong).expect_err("a ResNeXt");
    assert!(wrong.contains("1 missing: net.bn1.bias; 1 wrong: net.layer2.0.conv2.weight (shape [128, 4, 3, 3], expected [128, 128, 3, 3])"), "{wrong}");
}
