// SPDX-License-Identifier: MPL-2.0
//! Files of weights: what PyTorch and safetensors write, and what nobody should have written.

mod archives;
mod damaged;
mod networks;
mod pickles;
mod published;
mod training;

use std::path::PathBuf;

use bytes::Bytes;
use gstresnet50::resnet50::weights::{Naming, parse};
use gstresnet50::resnet50::{ResNet50, Variant};

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
