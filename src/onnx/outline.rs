// SPDX-License-Identifier: MPL-2.0
//! A model without its weights, read without reading them.
//!
//! What a model says of itself is a small part of its file; nearly all the rest is the weights, which
//! ONNX Runtime reads itself. Skipping them here saves the time and, while ONNX Runtime loads the
//! model, the memory of a second copy.

use std::io::{self, BufReader, Read, Seek};

use prost::encoding::{WireType, encode_key, encode_varint};

use crate::files::FileError;

/// Initializers with more bytes of raw data than this lose them.
pub const MAX_OUTLINE_DATA: u64 = 128 << 10;

/// Bytes between two checks for cancellation.
const CHUNK_SIZE: u64 = 1 << 20;

/// A message that is not copied as it is.
#[derive(Debug, Clone, Copy)]
enum Message {
    Model,
    Graph,
    Initializer,
}

impl Message {
    /// The message in one of its fields.
    fn inner(self, field: u32) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Graph, 5) => Some(Self::Initializer),
            _ => None,
        }
    }

    /// Whether a field holds the elements of a tensor as bytes.
    fn is_raw_data(self, field: u32) -> bool {
        matches!((self, field), (Self::Initializer, 9))
    }
}

/// Why there is no outline.
enum Failure {
    File(FileError),
    /// It is not a protobuf message, or it ends early.
    Malformed,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Malformed,
            _ => Self::File(error.into()),
        }
    }
}

/// The contents of an ONNX file of `size` bytes, but for the raw data of initializers of more than
/// [`MAX_OUTLINE_DATA`] bytes. `None` if it is malformed. `is_cancelled` is called now and then.
///
/// # Errors
/// [`FileError`] if it cannot be read.
pub fn outline(
    file: impl Read + Seek,
    size: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Option<Vec<u8>>, FileError> {
    let mut reader = Reader {
        file: BufReader::with_capacity(1 << 14, file),
        position: 0,
        is_cancelled,
    };
    let mut outline = Vec::new();
    match reader.message(Message::Model, size, &mut outline) {
        Ok(()) => Ok(Some(outline)),
        Err(Failure::Malformed) => Ok(None),
        Err(Failure::File(error)) => Err(error),
    }
}

struct Reader<'r, F> {
    file: BufReader<F>,
    /// The number of bytes that were read or skipped.
    position: u64,
    is_cancelled: &'r dyn Fn() -> bool,
}

impl<F: Read + Seek> Reader<'_, F> {
    /// Copies a message that ends at `end`, in parts.
    fn message(&mut self, message: Message, end: u64, to: &mut Vec<u8>) -> Result<(), Failure> {
        while self.position < end {
            if (self.is_cancelled)() {
                return Err(Failure::File(FileError::Cancelled));
            }
            let key = u32::try_from(self.varint()?).map_err(|_| Failure::Malformed)?;
            let field = key >> 3;
            if field == 0 {
                return Err(Failure::Malformed);
            }
            let wire_type =
                WireType::try_from(u64::from(key & 7)).map_err(|_| Failure::Malformed)?;
            let length = match wire_type {
                WireType::Varint => {
                    let value = self.varint()?;
                    encode_key(field, wire_type, to);
                    encode_varint(value, to);
                    continue;
                }
                WireType::SixtyFourBit => 8,
                WireType::ThirtyTwoBit => 4,
                WireType::LengthDelimited => self.varint()?,
                // ONNX has no groups.
                WireType::StartGroup | WireType::EndGroup => return Err(Failure::Malformed),
            };
            if length > end.saturating_sub(self.position) {
                return Err(Failure::Malformed);
            }
            if wire_type != WireType::LengthDelimited {
                encode_key(field, wire_type, to);
                self.copy(length, to)?;
            } else if let Some(inner) = message.inner(field) {
                let mut part = Vec::new();
                self.message(inner, self.position + length, &mut part)?;
                encode_key(field, wire_type, to);
                encode_varint(part.len() as u64, to);
                to.append(&mut part);
            } else if message.is_raw_data(field) && length > MAX_OUTLINE_DATA {
                // The largest file is far from the largest number.
                self.file.seek_relative(length as i64)?;
                self.position += length;
            } else {
                encode_key(field, wire_type, to);
                encode_varint(length, to);
                self.copy(length, to)?;
            }
        }
        match self.position == end {
            true => Ok(()),
            false => Err(Failure::Malformed),
        }
    }

    fn copy(&mut self, length: u64, to: &mut Vec<u8>) -> Result<(), Failure> {
        let mut rest = length;
        while rest > 0 {
            if (self.is_cancelled)() {
                return Err(Failure::File(FileError::Cancelled));
            }
            let chunk = rest.min(CHUNK_SIZE);
            let read = (&mut self.file).take(chunk).read_to_end(to)?;
            if read as u64 != chunk {
                return Err(Failure::Malformed);
            }
            self.position += chunk;
            rest -= chunk;
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, Failure> {
        let mut value = 0;
        for place in 0..10 {
            let mut byte = [0];
            self.file.read_exact(&mut byte)?;
            self.position += 1;
            value |= u64::from(byte[0] & 0x7f) << (7 * place);
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(Failure::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Cursor;

    use prost::Message as _;

    use super::*;
    use crate::onnx::{Graph, Model, Node, StringEntry, Tensor, ValueInfo};

    const LARGE: usize = MAX_OUTLINE_DATA as usize + 1;

    /// A model with initializers of these sizes in bytes.
    fn model(sizes: &[usize]) -> Model {
        let tensor = |size: &usize| Tensor {
            name: format!("of {size}"),
            dims: vec![*size as i64],
            raw_data: vec![7; *size].into(),
            ..Tensor::default()
        };
        Model {
            ir_version: 8,
            metadata_props: vec![StringEntry {
                key: "key".into(),
                value: "value".into(),
            }],
            graph: Some(Graph {
                name: "net".into(),
                node: vec![Node::default()],
                initializer: sizes.iter().map(tensor).collect(),
                output: vec![ValueInfo::default()],
                ..Graph::default()
            }),
            ..Model::default()
        }
    }

    fn outlined(bytes: &[u8]) -> Option<Vec<u8>> {
        let size = bytes.len() as u64;
        outline(Cursor::new(bytes), size, &|| false).expect("it can be read")
    }

    /// Everything is there but the data of large initializers.
    #[test]
    fn only_large_data_is_left_out() {
        let full = model(&[0, 3, LARGE - 1, LARGE, 5, 3 * LARGE]);
        let outline = outlined(&full.encode_to_vec()).expect("an outline");
        assert!(outline.len() < LARGE + 1000, "{}", outline.len());
        let mut expected = full;
        for tensor in &mut expected.graph.as_mut().expect("a graph").initializer {
            if tensor.raw_data.len() >= LARGE {
                tensor.raw_data.clear();
            }
        }
        assert_eq!(Model::decode(&outline[..]).expect("a model"), expected);
    }

    /// A file that ends early, wherever that is, or that is no message at all, has no outline.
    #[test]
    fn malformed_files() {
        let bytes = model(&[3, LARGE, 5]).encode_to_vec();
        let whole = outlined(&bytes).expect("an outline");
        for end in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
            let part = outlined(&bytes[..end]);
            // An end between two fields of the model itself leaves a smaller model.
            assert!(part.is_none_or(|part| whole.starts_with(&part)), "{end}");
        }
        for bytes in [&b"\xff\xff\xff"[..], &[0, 1], &[0x0b, 0x0c], &[0xff; 11]] {
            assert_eq!(outlined(bytes), None, "{bytes:?}");
        }
        // The size may have been larger when it was asked for.
        let size = bytes.len() as u64 + 1;
        let shorter = outline(Cursor::new(&bytes), size, &|| false).expect("it can be read");
        assert_eq!(shorter, None);
    }

    /// Cancelling ends it.
    #[test]
    fn cancelled() {
        let bytes = model(&[3; 100]).encode_to_vec();
        let checks = Cell::new(0);
        let is_cancelled = || {
            checks.set(checks.get() + 1);
            checks.get() > 10
        };
        let result = outline(Cursor::new(&bytes), bytes.len() as u64, &is_cancelled);
        assert!(matches!(result, Err(FileError::Cancelled)), "{result:?}");
    }
}
