// SPDX-License-Identifier: MPL-2.0
//! Lists and dicts as JSON and Python write them, in one reader: what people print from either
//! often mixes both (single quotes, numbers for keys, commas before a closing bracket).

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Integer(i64),
    /// A fraction, a truth value, or nothing at all: none of them is a name or a number of a class.
    Other,
    /// A list or tuple.
    List(Vec<Literal>),
    /// A dict or object, in the order of the file.
    Dict(Vec<(Literal, Literal)>),
}

/// Where a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexpected {
    /// Bytes before that place.
    pub at: usize,
    /// What is expected, or wrong.
    pub problem: String,
}

/// Containers in containers.
const MAX_DEPTH: usize = 8;

/// Reads the value at the start of `text`, and returns it with the number of bytes up to its end.
pub(super) fn read(text: &str) -> Result<(Literal, usize), Unexpected> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn take(&mut self, c: char) -> bool {
        let is = self.peek() == Some(c);
        if is {
            self.at += c.len_utf8();
        }
        is
    }

    fn wrong<T>(&self, problem: impl Into<String>) -> Result<T, Unexpected> {
        Err(Unexpected {
            at: self.at,
            problem: problem.into(),
        })
    }

    /// Passes over white space and Python's comments.
    fn space(&mut self) {
        while let Some(c) = self.peek() {
            if c == '#' {
                let rest = &self.text[self.at..];
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if c.is_whitespace() {
                self.at += c.len_utf8();
            } else {
                return;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Literal, Unexpected> {
        if depth > MAX_DEPTH {
            return self.wrong("brackets lie too deep in brackets");
        }
        self.space();
        match self.peek() {
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some('{') => self.dict(depth),
            Some('"' | '\'') => self.string().map(Literal::Text),
            Some(c) if c == '-' || c == '+' || c.is_ascii_digit() => Ok(self.number()),
            Some(c) if c.is_alphabetic() => self.word(),
            Some(c) => {
                let c = c.escape_debug();
                self.wrong(format!("a name in quotes is expected, and “{c}” found"))
            }
            None => self.wrong("it ends before it is complete"),
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Literal, Unexpected> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.space();
            if self.take(end) {
                return Ok(Literal::List(items));
            }
            items.push(self.value(depth + 1)?);
            self.separator(end)?;
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, Unexpected> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.space();
            if self.take('}') {
                return Ok(Literal::Dict(items));
            }
            let key = self.value(depth + 1)?;
            self.space();
            if !self.take(':') {
                let set = matches!(self.peek(), Some(',' | '}')) && items.is_empty();
                return self.wrong(match set {
                    true => "a set has no order: make it a list",
                    false => "“:” is expected behind a key",
                });
            }
            let value = self.value(depth + 1)?;
            items.push((key, value));
            self.separator('}')?;
        }
    }

    /// A comma, or what closes the container, which is left.
    fn separator(&mut self, end: char) -> Result<(), Unexpected> {
        self.space();
        match self.peek() {
            Some(',') => {
                self.next();
                Ok(())
            }
            Some(c) if c == end => Ok(()),
            Some(c) => {
                let c = c.escape_debug();
                self.wrong(format!("“,” or “{end}” is expected, and “{c}” found"))
            }
            None => self.wrong(format!("“{end}” is missing at its end")),
        }
    }

    fn number(&mut self) -> Literal {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        {
            self.at += 1;
        }
        match self.text[start..self.at].parse() {
            Ok(number) => Literal::Integer(number),
            Err(_) => Literal::Other,
        }
    }

    fn word(&mut self) -> Result<Literal, Unexpected> {
        let start = self.at;
        while self.peek().is_some_and(char::is_alphanumeric) {
            self.next();
        }
        match (&self.text[start..self.at], self.peek()) {
            // Python 2's unicode strings.
            ("u" | "U", Some('"' | '\'')) => self.string().map(Literal::Text),
            ("None" | "null" | "True" | "true" | "False" | "false" | "NaN" | "nan", _) => {
                Ok(Literal::Other)
            }
            _ => {
                self.at = start;
                self.wrong("a name in quotes is expected")
            }
        }
    }

    fn string(&mut self) -> Result<String, Unexpected> {
        let start = self.at;
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None | Some('\n') => {
                    self.at = start;
                    return self.wrong("a quote is not closed on its line");
                }
                c if c == quote => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Unexpected> {
        let c = match self.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('a') => '\u{7}',
            Some('v') => '\u{b}',
            Some('x') => self.code(2)?,
            Some('u') => self.code(4)?,
            Some('U') => self.code(8)?,
            Some(c @ ('\\' | '\'' | '"' | '/')) => c,
            // What Python does not know it leaves as it is.
            Some(c) => {
                text.push('\\');
                c
            }
            None => return self.wrong("it ends before it is complete"),
        };
        text.push(c);
        Ok(())
    }

    /// A character by its number in hexadecimal digits, or by two as UTF-16 has them.
    fn code(&mut self, digits: usize) -> Result<char, Unexpected> {
        let first = self.hex(digits)?;
        let number = match first {
            0xd800..0xdc00 if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                match self.hex(4)? {
                    second @ 0xdc00..0xe000 => {
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    // No half of a character is one.
                    _ => first,
                }
            }
            _ => first,
        };
        match char::from_u32(number) {
            Some(c) => Ok(c),
            None => self.wrong("an escape that is no character"),
        }
    }

    fn hex(&mut self, digits: usize) -> Result<u32, Unexpected> {
        let code = self.text.get(self.at..self.at + digits);
        let code = code.filter(|c| c.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|c| u32::from_str_radix(c, 16).ok()) {
            Some(number) => {
                self.at += digits;
                Ok(number)
            }
            None => self.wrong(format!("{digits} hexadecimal digits are expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Literal {
        Literal::Text(t.into())
    }

    #[test]
    fn json_and_python() {
        let (value, end) = read(r#" {"a": [1, -2, 3.5, null], 'b': ('x', u"y",), 3: {}} rest"#)
            .expect("a literal");
        assert_eq!(
            end,
            r#" {"a": [1, -2, 3.5, null], 'b': ('x', u"y",), 3: {}}"#.len()
        );
        let numbers = [1, -2].map(Literal::Integer);
        let list = [&numbers[..], &[Literal::Other, Literal::Other]].concat();
        assert_eq!(
            value,
            Literal::Dict(vec![
                (text("a"), Literal::List(list)),
                (text("b"), Literal::List(vec![text("x"), text("y")])),
                (Literal::Integer(3), Literal::Dict(Vec::new())),
            ])
        );
        let (value, _) = read(r#"'it\'s \u00e9 \ud83d\ude00 \xe9 \q'"#).expect("a string");
        assert_eq!(value, text("it's é 😀 é \\q"));
    }

    #[test]
    fn wrong() {
        for (wrong, at) in [
            ("['a' 'b']", 5),
            ("['a', b]", 6),
            ("['a\n']", 1),
            ("{'a', 'b'}", 4),
            ("['a'", 4),
            (r"['\ud800\u0000']", 14),
            (r"['\ud800']", 8),
            (r"['\u00g0']", 4),
        ] {
            assert_eq!(read(wrong).expect_err(wrong).at, at, "{wrong}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
