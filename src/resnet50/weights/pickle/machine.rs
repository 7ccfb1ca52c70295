// SPDX-License-Identifier: MPL-2.0
//! The stack machine that interprets a pickle.

use std::collections::HashMap;

use super::{Pickle, Value};
use crate::resnet50::weights::error::WeightsError;

pub(super) struct Machine<'a> {
    pub(super) pickle: Pickle<'a>,
    /// The number of bytes of which the pickle is the start.
    pub(super) whole: usize,
    pub(super) at: usize,
    pub(super) stack: Vec<Value>,
    /// Marks: lengths of the stack. Objects below the last mark cannot be popped.
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u32, Value>,
}

pub(super) type Step<T> = Result<T, WeightsError>;

impl<'a> Machine<'a> {
    /// Before the first instruction. The pickle is the start of `whole` bytes.
    pub(super) fn new(pickle: Pickle<'a>, whole: usize) -> Self {
        Self {
            pickle,
            whole,
            at: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    /// The pickle, whose program returns `root`.
    pub(super) fn finish(mut self, root: Value) -> Pickle<'a> {
        self.pickle.root = root;
        self.pickle.end = self.at;
        self.pickle
    }
}

impl Machine<'_> {
    /// Executes the next instruction. The last one returns an object.
    pub(super) fn step(&mut self) -> Step<Option<Value>> {
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
                return Err(WeightsError::call(&module, &name));
            }
            b'R' => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.reduce(function, arguments)?
            }
            // NEWOBJ, NEWOBJ_EX, OBJ: instances of classes, which are not created.
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

    pub(super) fn wrong(&self, problem: impl std::fmt::Display) -> WeightsError {
        self.pickle
            .malformed(format!("before byte {}: {problem}", self.at))
    }

    /// The index of the first of the last `count` objects.
    pub(super) fn reach(&self, count: usize) -> Step<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= floor => Ok(from),
            _ => Err(self.wrong("an instruction takes more objects than there are")),
        }
    }

    pub(super) fn mark(&mut self) -> Step<usize> {
        let mark = self.marks.pop();
        mark.ok_or_else(|| self.wrong("an instruction needs a mark, and there is none"))
    }

    pub(super) fn pop(&mut self) -> Step<Value> {
        let from = self.reach(1)?;
        // It is the last object, so nothing moves.
        Ok(self.stack.swap_remove(from))
    }

    pub(super) fn pop_str(&mut self) -> Step<String> {
        match self.pop()? {
            Value::Str(span) => Ok(self.pickle.text(&span).to_owned()),
            other => Err(self.wrong(format!("{} where a name is expected", other.kind()))),
        }
    }

    pub(super) fn top(&self) -> Step<&Value> {
        self.reach(1).map(|from| &self.stack[from])
    }

    pub(super) fn get(&self, index: u64) -> Step<Value> {
        let value = u32::try_from(index).ok().and_then(|i| self.memo.get(&i));
        value
            .cloned()
            .ok_or_else(|| self.wrong(format!("memo {index} is empty")))
    }

    pub(super) fn put(&mut self, index: u64) -> Step<Option<Value>> {
        let value = self.top()?.clone();
        // Its operand has 32 bits at most.
        self.memo.insert(index as u32, value);
        Ok(None)
    }
}
