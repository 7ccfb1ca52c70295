// SPDX-License-Identifier: MPL-2.0
//! The bytes of a pickle: operands of its instructions.

use super::machine::{Machine, Step};
use super::{Span, Value};
use crate::resnet50::weights::MAX_HEADER;
use crate::resnet50::weights::error::WeightsError;
use crate::text;

impl Machine<'_> {
    pub(super) fn span(&mut self, len: u64) -> Step<Span> {
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
        // The pickle is far shorter than 4 GiB.
        Ok(start as u32..self.at as u32)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let span = self.span(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(self.pickle.raw(&span));
        Ok(array)
    }

    /// An unsigned number of N bytes.
    pub(super) fn len<const N: usize>(&mut self) -> Step<u64> {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self.array::<N>()?);
        Ok(u64::from_le_bytes(bytes))
    }

    pub(super) fn line(&mut self) -> Step<String> {
        let rest = &self.pickle.bytes[self.at..];
        let Some(len) = rest.iter().position(|b| *b == b'\n') else {
            // Report the position as if the line feed came next.
            self.span(rest.len() as u64 + 1)?;
            return Err(self.wrong("a line without end"));
        };
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len + 1;
        Ok(line)
    }

    pub(super) fn str(&mut self, len: u64) -> Step<Value> {
        let span = self.span(len)?;
        match std::str::from_utf8(self.pickle.raw(&span)) {
            Ok(_) => Ok(Value::Str(span)),
            Err(_) => Err(self.wrong("a text that is not UTF-8")),
        }
    }

    pub(super) fn long(&mut self, len: u64) -> Step<Value> {
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
    pub(super) fn decimal(&mut self) -> Step<Value> {
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
}
