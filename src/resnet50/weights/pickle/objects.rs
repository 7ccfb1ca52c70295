// SPDX-License-Identifier: MPL-2.0
//! The objects that the instructions of a pickle create.

use super::machine::{Machine, Step};
use super::{Global, StorageId, TensorId, Value};
use crate::resnet50::weights::error::WeightsError;
use crate::resnet50::weights::foreign::{self, Foreign};
use crate::text;

/// The maximum length of a storage's name, which is a number. It is looked up for each tensor.
const MAX_KEY: usize = 100;

impl Machine<'_> {
    pub(super) fn make_tuple(&mut self, from: usize) -> Value {
        let start = self.pickle.tuples.len() as u32;
        self.pickle.tuples.extend(self.stack.drain(from..));
        Value::Tuple(start..self.pickle.tuples.len() as u32)
    }

    pub(super) fn make_list(&mut self, from: usize) -> Value {
        let items = self.stack.drain(from..).collect();
        self.pickle.lists.push(items);
        Value::List(self.pickle.lists.len() as u32 - 1)
    }

    pub(super) fn make_dict(&mut self) -> Value {
        self.pickle.dicts.push(Vec::new());
        Value::Dict(self.pickle.dicts.len() as u32 - 1)
    }

    /// Moves the objects from an index on into the list before them.
    pub(super) fn extend_list(&mut self, from: usize) -> Step<Option<Value>> {
        let items = self.stack.split_off(from);
        match self.top()?.clone() {
            Value::List(list) => {
                self.pickle.lists[list as usize].extend(items);
                Ok(None)
            }
            Value::Opaque => Ok(None),
            other => Err(self.wrong(format!(
                "items for {}, where a list is expected",
                other.kind()
            ))),
        }
    }

    /// Moves the keys and values from an index on into the dict before them.
    pub(super) fn extend_dict(&mut self, from: usize) -> Step<Option<Value>> {
        let mut items = self.stack.split_off(from).into_iter();
        if items.len() % 2 == 1 {
            return Err(self.wrong("a key without a value"));
        }
        match self.top()?.clone() {
            Value::Dict(dict) => {
                let dict = &mut self.pickle.dicts[dict as usize];
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    dict.push((key, value));
                }
                Ok(None)
            }
            Value::Opaque => Ok(None),
            other => Err(self.wrong(format!(
                "keys for {}, where a dict is expected",
                other.kind()
            ))),
        }
    }

    pub(super) fn global(&self, module: &str, name: &str) -> Step<Value> {
        if let Some(global) = Global::find(module, name) {
            return Ok(Value::Global(global));
        }
        let full_name = || text::name(&format!("{module}.{name}")).to_string();
        match foreign::find(module, name) {
            Some(Foreign::Data) => Ok(Value::Global(Global::Data)),
            Some(Foreign::Network) => Err(WeightsError::WholeModule { name: full_name() }),
            Some(Foreign::Script) => Err(WeightsError::TorchScript),
            None => Err(WeightsError::call(module, name)),
        }
    }

    pub(super) fn new_object(&mut self, code: u8) -> Step<Value> {
        let class = match code {
            // class, arguments; class, arguments, keywords; mark, class, arguments …
            0x81 => self.stack.iter().rev().nth(1),
            0x92 => self.stack.iter().rev().nth(2),
            _ => self.marks.last().and_then(|mark| self.stack.get(*mark)),
        };
        let class = match class {
            Some(Value::Global(global)) => *global,
            _ => return Err(self.wrong("an object of something that is not a class")),
        };
        if class != Global::Data {
            return Err(WeightsError::Call { name: class.name() });
        }
        let from = match code {
            0x81 => self.reach(2)?,
            0x92 => self.reach(3)?,
            _ => self.mark()?,
        };
        self.stack.truncate(from);
        Ok(Value::Opaque)
    }

    pub(super) fn reduce(&mut self, function: Value, arguments: Value) -> Step<Value> {
        let Value::Global(global) = function else {
            return Err(self.wrong(format!("a call of {}", function.kind())));
        };
        let Value::Tuple(arguments) = arguments else {
            return Err(self.wrong(format!("{} as a call's arguments", arguments.kind())));
        };
        match (global, self.pickle.tuple(&arguments)) {
            (Global::OrderedDict, []) => Ok(self.make_dict()),
            // Python 2's, from a list of pairs.
            (Global::OrderedDict, [Value::List(pairs)]) => {
                let mut dict = Vec::new();
                // Take it, so that each list is used once; copies would have no limit.
                let pairs = *pairs as usize;
                for pair in &std::mem::take(&mut self.pickle.lists[pairs]) {
                    let pair = match pair {
                        Value::List(pair) => self.pickle.lists[*pair as usize].as_slice(),
                        Value::Tuple(pair) => self.pickle.tuple(pair),
                        _ => &[],
                    };
                    let [key, value] = pair else {
                        return Err(self.wrong("an OrderedDict of something that is not pairs"));
                    };
                    dict.push((key.clone(), value.clone()));
                }
                self.pickle.dicts.push(dict);
                Ok(Value::Dict(self.pickle.dicts.len() as u32 - 1))
            }
            (Global::DefaultDict, [] | [_]) => Ok(self.make_dict()),
            (Global::Data, _) => Ok(Value::Opaque),
            (Global::Size, [Value::Tuple(size)]) => Ok(Value::Tuple(size.clone())),
            (Global::Parameter, [Value::Tensor(tensor), ..]) => Ok(Value::Tensor(*tensor)),
            (Global::Tensor, [Value::Storage(storage), offset, size, stride, ..]) => {
                let tensor = TensorId {
                    storage: *storage,
                    offset: offset.clone(),
                    size: size.clone(),
                    stride: stride.clone(),
                };
                self.pickle.tensors.push(tensor);
                Ok(Value::Tensor(self.pickle.tensors.len() as u32 - 1))
            }
            (Global::Storage(_), _) => Err(WeightsError::Call {
                name: global.name(),
            }),
            (_, arguments) => {
                let kinds: Vec<_> = arguments.iter().take(8).map(Value::kind).collect();
                Err(self.wrong(format!(
                    "{} is called with {}",
                    global.name(),
                    if kinds.is_empty() {
                        "nothing".into()
                    } else {
                        kinds.join(", ")
                    }
                )))
            }
        }
    }

    /// `("storage", class, key, device, elements)`, in old files with
    /// `None` or `(key of the view, offset, elements)` behind.
    pub(super) fn storage(&mut self, id: Value) -> Step<Value> {
        let Value::Tuple(id) = id else {
            return Err(self.wrong(format!("{} for a storage's id", id.kind())));
        };
        let number = |value: &Value| match value {
            Value::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        };
        let (dtype, key, elements, rest) = match self.pickle.tuple(&id) {
            [
                Value::Str(tag),
                Value::Global(Global::Storage(dtype)),
                Value::Str(key),
                _,
                elements,
                rest @ ..,
            ] if self.pickle.text(tag) == "storage" => (*dtype, key.clone(), elements, rest),
            _ => return Err(self.wrong("a storage's id is expected, and something else found")),
        };
        if key.len() > MAX_KEY {
            return Err(self.wrong(format!("a storage's name of {} bytes", key.len())));
        }
        let view = match rest {
            [] | [Value::None] => Some(None),
            [Value::Tuple(view)] => match self.pickle.tuple(view) {
                [_, offset, elements] => number(offset).zip(number(elements)).map(Some),
                _ => None,
            },
            _ => None,
        };
        let (Some(elements), Some(view)) = (number(elements), view) else {
            return Err(self.wrong("a storage's id has no size that makes sense"));
        };
        self.pickle.storages.push(StorageId {
            dtype,
            key,
            elements,
            view,
        });
        Ok(Value::Storage(self.pickle.storages.len() as u32 - 1))
    }
}
