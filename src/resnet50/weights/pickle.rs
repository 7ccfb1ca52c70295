// SPDX-License-Identifier: MPL-2.0
//! Looks at a pickle without running it.
//!
//! A pickle is a program for a machine with a stack; the comments of CPython's
//! `Lib/pickletools.py` describe its instructions. Read here are those of protocols 1 to 5 that
//! Python's pickler makes of numbers, texts, tuples, lists, dicts and tensors. (PyTorch cannot use
//! protocol 0: its storages have names that are tuples.)
//!
//! Objects live in tables and refer to each other by their index, so that nothing is ever copied
//! or followed into depth; each instruction takes time and memory in proportion to its own bytes
//! and to what it takes off the stack.

use std::collections::HashMap;
use std::ops::Range;

use super::error::WeightsError;
use super::foreign::{self, Foreign};
use super::{DType, MAX_HEADER};
use crate::text;

/// Instructions that a pickle may have, which bounds its objects: ResNet50's state dict has 12
/// thousand.
const MAX_INSTRUCTIONS: usize = 1 << 20;

/// Bytes of a storage's name, which is a number: it is looked up for each tensor.
const MAX_KEY: usize = 100;

/// Bytes of the pickle.
pub(super) type Span = Range<u32>;

/// An object, or where it is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// An integer that takes more than 64 bits, little-endian.
    Long(Span),
    Str(Span),
    Bytes,
    /// Items in [`Pickle::tuples`].
    Tuple(Span),
    /// Index into [`Pickle::lists`].
    List(u32),
    /// Index into [`Pickle::dicts`].
    Dict(u32),
    Global(Global),
    /// Index into [`Pickle::storages`].
    Storage(u32),
    /// Index into [`Pickle::tensors`].
    Tensor(u32),
    /// Data of another library, which is not made.
    Opaque,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Long(_) => "an int",
            Self::Float => "a float",
            Self::Str(_) => "a str",
            Self::Bytes => "bytes",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a class or function",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
            Self::Opaque => "an object of another library",
        }
    }
}

/// The functions and classes whose effect is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    /// `collections.defaultdict(function)`.
    DefaultDict,
    /// A class or function that makes other data.
    Data,
    /// `torch.Size(tuple)`.
    Size,
    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])`, and
    /// its predecessor with the first four.
    Tensor,
    /// `_rebuild_parameter(tensor, requires_grad, hooks)` and its kin.
    Parameter,
    /// The class of storages with elements of a type.
    Storage(DType),
}

impl Global {
    fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("torch", "Size") => Self::Size,
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => Self::Tensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter", "Parameter") => Self::Parameter,
            // torch.cuda: files of before 0.4 name the device's classes.
            ("torch" | "torch.cuda", _) => Self::Storage(match name.strip_suffix("Storage")? {
                "Half" => DType::F16,
                "BFloat16" => DType::BF16,
                "Float" => DType::F32,
                "Double" => DType::F64,
                "Char" => DType::I8,
                "Short" => DType::I16,
                "Int" => DType::I32,
                "Long" => DType::I64,
                "Byte" => DType::U8,
                "Bool" => DType::Bool,
                _ => return None,
            }),
            _ => return None,
        })
    }

    fn name(self) -> String {
        match self {
            Self::OrderedDict => "collections.OrderedDict".into(),
            Self::DefaultDict => "collections.defaultdict".into(),
            Self::Data => "a class or function of another library".into(),
            Self::Size => "torch.Size".into(),
            Self::Tensor => "torch._utils._rebuild_tensor_v2".into(),
            Self::Parameter => "torch._utils._rebuild_parameter".into(),
            Self::Storage(dtype) => format!("the class of {dtype} storages"),
        }
    }
}

/// Names of the raw numbers behind tensors: PyTorch's "persistent id".
#[derive(Debug)]
pub(super) struct StorageId {
    pub dtype: DType,
    /// Its name in the file.
    pub key: Span,
    /// Elements of it.
    pub elements: u64,
    /// If this is a part of it: the first element, and how many.
    pub view: Option<(u64, u64)>,
}

/// The arguments of a tensor.
#[derive(Debug)]
pub(super) struct TensorId {
    pub storage: u32,
    pub offset: Value,
    pub size: Value,
    pub stride: Value,
}

/// A pickle's objects.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    bytes: &'a [u8],
    /// What messages call it.
    part: &'static str,
    /// What the program returns.
    pub root: Value,
    /// Bytes up to the end of the program.
    pub end: usize,
    pub tuples: Vec<Value>,
    pub lists: Vec<Vec<Value>>,
    pub dicts: Vec<Vec<(Value, Value)>>,
    pub storages: Vec<StorageId>,
    pub tensors: Vec<TensorId>,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the start of `bytes`, which messages call `part`.
    pub(super) fn read(bytes: &'a [u8], part: &'static str) -> Result<Self, WeightsError> {
        let mut machine = Machine {
            pickle: Self {
                bytes: &bytes[..bytes.len().min(MAX_HEADER)],
                part,
                root: Value::None,
                end: 0,
                tuples: Vec::new(),
                lists: Vec::new(),
                dicts: Vec::new(),
                storages: Vec::new(),
                tensors: Vec::new(),
            },
            whole: bytes.len(),
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        for _ in 0..MAX_INSTRUCTIONS {
            if let Some(root) = machine.step()? {
                machine.pickle.root = root;
                machine.pickle.end = machine.at;
                return Ok(machine.pickle);
            }
        }
        Err(WeightsError::TooLarge {
            part: part.into(),
            unit: "instructions",
            found: MAX_INSTRUCTIONS as u64 + 1,
            limit: MAX_INSTRUCTIONS as u64,
        })
    }

    pub(super) fn text(&self, span: &Span) -> &'a str {
        // Checked when the span was made.
        std::str::from_utf8(self.raw(span)).unwrap_or_default()
    }

    pub(super) fn raw(&self, span: &Span) -> &'a [u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    pub(super) fn tuple(&self, span: &Span) -> &[Value] {
        &self.tuples[span.start as usize..span.end as usize]
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> WeightsError {
        WeightsError::malformed(self.part, problem)
    }
}

struct Machine<'a> {
    pickle: Pickle<'a>,
    /// Bytes of which the pickle is the start.
    whole: usize,
    at: usize,
    stack: Vec<Value>,
    /// Lengths of the stack; what lies below the last of them is out of reach.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

type Step<T> = Result<T, WeightsError>;

impl Machine<'_> {
    /// Does what the next instruction says; the last one returns an object.
    fn step(&mut self) -> Step<Option<Value>> {
        let start = self.at;
        let [code] = self.array()?;
        let value = match code {
            // PROTO, FRAME
            0x80 => {
                let [protocol] = self.array()?;
                if protocol > 5 {
                    return Err(self.wrong(format!("protocol {protocol}, and 5 is the last")));
                }
                return Ok(None);
            }
            0x95 => {
                self.array::<8>()?;
                return Ok(None);
            }
            b'.' => return self.pop().map(Some),

            b'(' => {
                self.marks.push(self.stack.len());
                return Ok(None);
            }
            // POP, POP_MARK
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
                return Ok(None);
            }
            b'1' => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
                return Ok(None);
            }
            b'2' => self.top()?.clone(),

            // Constants
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.array().map(u8::from_le_bytes)?.into()),
            b'M' => Value::Int(self.array().map(u16::from_le_bytes)?.into()),
            b'J' => Value::Int(self.array().map(i32::from_le_bytes)?.into()),
            b'I' | b'L' => self.decimal()?,
            0x8a => {
                let len = self.len::<1>()?;
                self.long(len)?
            }
            0x8b => {
                let len = self.len::<4>()?;
                self.long(len)?
            }
            b'G' => {
                self.array::<8>()?;
                Value::Float
            }
            // BINUNICODE, and what Python 2 writes for its str
            b'X' | b'T' => {
                let len = self.len::<4>()?;
                self.str(len)?
            }
            0x8c | b'U' => {
                let len = self.len::<1>()?;
                self.str(len)?
            }
            0x8d => {
                let len = self.len::<8>()?;
                self.str(len)?
            }
            // BINBYTES, SHORT_BINBYTES, BINBYTES8 and BYTEARRAY8
            b'B' | b'C' | 0x8e | 0x96 => {
                let len = match code {
                    b'B' => self.len::<4>()?,
                    b'C' => self.len::<1>()?,
                    _ => self.len::<8>()?,
                };
                self.span(len)?;
                Value::Bytes
            }

            // Sets: EMPTY_SET, FROZENSET and ADDITEMS
            0x8f => Value::Opaque,
            0x91 => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
                Value::Opaque
            }
            0x90 => {
                let mark = self.mark()?;
                self.stack.truncate(mark);
                return match self.top()? {
                    Value::Opaque => Ok(None),
                    other => {
                        let kind = other.kind();
                        Err(self.wrong(format!("items for {kind}, where a set is expected")))
                    }
                };
            }

            // Tuples
            b')' => self.make_tuple(self.stack.len()),
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let from = self.reach(count)?;
                self.make_tuple(from)
            }
            b't' => {
                let mark = self.mark()?;
                self.make_tuple(mark)
            }

            // Lists
            b']' => self.make_list(self.stack.len()),
            b'l' => {
                let mark = self.mark()?;
                self.make_list(mark)
            }
            b'a' => {
                let from = self.reach(1)?;
                return self.extend_list(from);
            }
            b'e' => {
                let mark = self.mark()?;
                return self.extend_list(mark);
            }

            // Dicts
            b'}' => self.make_dict(),
            b'd' => {
                let mark = self.mark()?;
                let items = self.stack.split_off(mark);
                let dict = self.make_dict();
                self.stack.push(dict);
                self.stack.extend(items);
                return self.extend_dict(mark + 1);
            }
            b's' => {
                let from = self.reach(2)?;
                return self.extend_dict(from);
            }
            b'u' => {
                let mark = self.mark()?;
                return self.extend_dict(mark);
            }

            // The memo
            b'h' => {
                let index = self.len::<1>()?;
                self.get(index)?
            }
            b'j' => {
                let index = self.len::<4>()?;
                self.get(index)?
            }
            b'q' => {
                let index = self.len::<1>()?;
                return self.put(index);
            }
            b'r' => {
                let index = self.len::<4>()?;
                return self.put(index);
            }
            0x94 => return self.put(self.memo.len() as u64),

            // Functions and classes
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(&module, &name)?
            }
            0x93 => {
                let name = self.pop_str()?;
                let module = self.pop_str()?;
                self.global(&module, &name)?
            }
            b'i' => {
                let module = self.line()?;
                let name = self.line()?;
                return Err(call(&module, &name));
            }
            b'R' => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.reduce(function, arguments)?
            }
            // NEWOBJ, NEWOBJ_EX, OBJ: instances of classes, which are not made.
            0x81 | 0x92 | b'o' => self.new_object(code)?,
            b'b' => {
                // Attributes of an object: a state dict's versions.
                self.pop()?;
                return match self.top()? {
                    Value::Dict(_) | Value::Tensor(_) | Value::Opaque => Ok(None),
                    other => {
                        let kind = other.kind();
                        Err(self.wrong(format!("attributes for {kind}")))
                    }
                };
            }
            b'Q' => {
                let id = self.pop()?;
                self.storage(id)?
            }
            _ => {
                return Err(self.pickle.malformed(format!(
                    "byte {start} is 0x{code:02x}, an instruction that torch.save does not write"
                )));
            }
        };
        self.stack.push(value);
        Ok(None)
    }

    fn wrong(&self, problem: impl std::fmt::Display) -> WeightsError {
        self.pickle
            .malformed(format!("before byte {}: {problem}", self.at))
    }

    // Bytes of the program

    fn span(&mut self, len: u64) -> Step<Span> {
        let left = self.pickle.bytes.len() - self.at;
        if len > left as u64 {
            return Err(if self.pickle.bytes.len() < self.whole {
                WeightsError::TooLarge {
                    part: self.pickle.part.into(),
                    unit: "bytes",
                    found: self.at as u64 + len,
                    limit: MAX_HEADER as u64,
                }
            } else {
                let end = (self.at as u64).saturating_add(len);
                WeightsError::truncated(self.pickle.part, end, self.whole as u64)
            });
        }
        let start = self.at;
        self.at += len as usize;
        // A header is far shorter than 4 GiB.
        Ok(start as u32..self.at as u32)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let span = self.span(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(self.pickle.raw(&span));
        Ok(array)
    }

    /// An unsigned number of N bytes.
    fn len<const N: usize>(&mut self) -> Step<u64> {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self.array::<N>()?);
        Ok(u64::from_le_bytes(bytes))
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.pickle.bytes[self.at..];
        let Some(len) = rest.iter().position(|b| *b == b'\n') else {
            // As if the line feed came right behind.
            self.span(rest.len() as u64 + 1)?;
            return Err(self.wrong("a line without end"));
        };
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len + 1;
        Ok(line)
    }

    fn str(&mut self, len: u64) -> Step<Value> {
        let span = self.span(len)?;
        match std::str::from_utf8(self.pickle.raw(&span)) {
            Ok(_) => Ok(Value::Str(span)),
            Err(_) => Err(self.wrong("a text that is not UTF-8")),
        }
    }

    fn long(&mut self, len: u64) -> Step<Value> {
        let span = self.span(len)?;
        let raw = self.pickle.raw(&span);
        if raw.len() > 8 {
            return Ok(Value::Long(span));
        }
        let negative = raw.last().is_some_and(|b| *b >= 0x80);
        let mut bytes = [if negative { 0xff } else { 0 }; 8];
        bytes[..raw.len()].copy_from_slice(raw);
        Ok(Value::Int(i64::from_le_bytes(bytes)))
    }

    /// INT and LONG, as protocol 1 has them: `12\n`, `12L\n`, and `00\n`, `01\n` for bools.
    fn decimal(&mut self) -> Step<Value> {
        let line = self.line()?;
        Ok(match line.as_str() {
            "00" => Value::Bool(false),
            "01" => Value::Bool(true),
            text => match text.trim_end_matches('L').parse() {
                Ok(number) => Value::Int(number),
                Err(_) => return Err(self.wrong(format!("\"{}\" for a number", text::name(text)))),
            },
        })
    }

    // The stack

    /// Index of the last `count` objects.
    fn reach(&self, count: usize) -> Step<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= floor => Ok(from),
            _ => Err(self.wrong("an instruction takes more objects than there are")),
        }
    }

    fn mark(&mut self) -> Step<usize> {
        let mark = self.marks.pop();
        mark.ok_or_else(|| self.wrong("an instruction needs a mark, and there is none"))
    }

    fn pop(&mut self) -> Step<Value> {
        let from = self.reach(1)?;
        // The end is there, and nothing moves.
        Ok(self.stack.swap_remove(from))
    }

    fn pop_str(&mut self) -> Step<String> {
        match self.pop()? {
            Value::Str(span) => Ok(self.pickle.text(&span).to_owned()),
            other => Err(self.wrong(format!("{} where a name is expected", other.kind()))),
        }
    }

    fn top(&self) -> Step<&Value> {
        self.reach(1).map(|from| &self.stack[from])
    }

    fn get(&self, index: u64) -> Step<Value> {
        let value = u32::try_from(index).ok().and_then(|i| self.memo.get(&i));
        value
            .cloned()
            .ok_or_else(|| self.wrong(format!("memo {index} is empty")))
    }

    fn put(&mut self, index: u64) -> Step<Option<Value>> {
        let value = self.top()?.clone();
        // Its operand has 32 bits at most.
        self.memo.insert(index as u32, value);
        Ok(None)
    }

    // Objects

    fn make_tuple(&mut self, from: usize) -> Value {
        let start = self.pickle.tuples.len() as u32;
        self.pickle.tuples.extend(self.stack.drain(from..));
        Value::Tuple(start..self.pickle.tuples.len() as u32)
    }

    fn make_list(&mut self, from: usize) -> Value {
        let items = self.stack.drain(from..).collect();
        self.pickle.lists.push(items);
        Value::List(self.pickle.lists.len() as u32 - 1)
    }

    fn make_dict(&mut self) -> Value {
        self.pickle.dicts.push(Vec::new());
        Value::Dict(self.pickle.dicts.len() as u32 - 1)
    }

    /// Moves the objects from an index on into the list before them.
    fn extend_list(&mut self, from: usize) -> Step<Option<Value>> {
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
    fn extend_dict(&mut self, from: usize) -> Step<Option<Value>> {
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

    fn global(&self, module: &str, name: &str) -> Step<Value> {
        if let Some(global) = Global::find(module, name) {
            return Ok(Value::Global(global));
        }
        let full_name = || text::name(&format!("{module}.{name}")).to_string();
        match foreign::find(module, name) {
            Some(Foreign::Data) => Ok(Value::Global(Global::Data)),
            Some(Foreign::Network) => Err(WeightsError::WholeModule { name: full_name() }),
            Some(Foreign::Script) => Err(WeightsError::TorchScript),
            None => Err(call(module, name)),
        }
    }

    fn new_object(&mut self, code: u8) -> Step<Value> {
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

    fn reduce(&mut self, function: Value, arguments: Value) -> Step<Value> {
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
                // Taken, so that a list serves once: copies of it would have no bound.
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
    fn storage(&mut self, id: Value) -> Step<Value> {
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

fn call(module: &str, name: &str) -> WeightsError {
    WeightsError::Call {
        name: text::name(&format!("{module}.{name}")).to_string(),
    }
}
