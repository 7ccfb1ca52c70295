// SPDX-License-Identifier: MPL-2.0
//! The formats of a labels file.
//!
//! A plain list has one name a line, in the order of the classes. Other programs write other formats. A
//! text is in one of them if every line agrees and the numbers are those of the classes, each once. A
//! text that is almost in one of them is refused, so that brackets and numbers never become names.

mod lines;
mod literal;
mod numbering;

use std::fmt;

use literal::{Literal, Unexpected};
use numbering::by_number;

/// Why a text is not a list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError {
    /// What it looks like.
    pub form: &'static str,
    /// The wrong line, from 1.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "looks like {}, but ", self.form)?;
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}. A file with one name a line will do", self.problem)
    }
}

impl std::error::Error for FormError {}

const LITERAL: &str = "a list or dict as JSON or Python has it";

/// The error for UTF-16 text, if these bytes are such.
pub(super) fn utf16(bytes: &[u8]) -> Option<FormError> {
    let marks = [[0xff, 0xfe], [0xfe, 0xff]];
    let is = bytes.len() >= 4 && marks.iter().any(|mark| bytes.starts_with(mark));
    is.then(|| FormError {
        form: "UTF-16 text",
        line: None,
        problem: "UTF-8 is read: save it as that".into(),
    })
}

/// The names in the text of a file for a model of `classes` classes, in their order.
///
/// The number matters only for a single line, which is the name of a single class or the names of
/// several. Whether there are as many names as classes is for the caller to check.
///
/// # Errors
/// [`FormError`] for a text that is in one of the known forms but for a part of it, or in a form
/// that is known not to be read.
pub(super) fn names(text: &str, classes: usize) -> Result<Vec<String>, FormError> {
    let text = text.trim_start_matches('\u{feff}').trim_end();
    if text.contains('\0') {
        return Err(FormError {
            form: "UTF-16 text or no text at all",
            line: None,
            problem: "it has bytes of zero: save it as UTF-8".into(),
        });
    }
    match literal_start(text) {
        Some(start) => of_literals(text, start),
        None => lines::names(text, classes),
    }
}

/// Where the list or dict begins that a text consists of: at its start, or behind the name that it
/// is assigned to (`classes = [`, `names: {`).
fn literal_start(text: &str) -> Option<usize> {
    let indent = text.len() - text.trim_start().len();
    let first = text[indent..].lines().next()?;
    if first.starts_with(['[', '{']) {
        return Some(indent);
    }
    let is_tuple = |from: &str| {
        let inner = from.strip_prefix('(').map(str::trim_start);
        inner.is_some_and(|inner| inner.starts_with(['"', '\'', '[', '(']))
    };
    if is_tuple(first) {
        return Some(indent);
    }
    let at = first.find(['=', ':'])?;
    let is_name = first[..at]
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | '"'));
    let value = first[at + 1..].trim_start();
    let is_named = is_name && first.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_named && (value.starts_with(['[', '{']) || is_tuple(value)))
        .then(|| indent + first.len() - value.len())
}

/// The names in a text of one literal from `start` on, or of one a line.
fn of_literals(text: &str, start: usize) -> Result<Vec<String>, FormError> {
    let line_of = |at: usize| Some(1 + text[..at].matches('\n').count());
    let mut values = Vec::new();
    let mut at = start;
    loop {
        let (value, len) =
            literal::read(&text[at..]).map_err(|Unexpected { at: more, problem }| FormError {
                form: LITERAL,
                line: line_of(at + more),
                problem,
            })?;
        values.push(value);
        at += len;
        // A statement's end in some languages.
        let rest = text[at..].trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        at = text.len() - rest.len();
        if rest.is_empty() {
            break;
        }
        if !rest.starts_with(['[', '{']) {
            return Err(FormError {
                form: LITERAL,
                line: line_of(at),
                problem: "something follows behind it".into(),
            });
        }
    }
    let value = match values.len() {
        1 => values.swap_remove(0),
        _ => Literal::List(values),
    };
    of_value(value, true).map_err(|problem| FormError {
        form: LITERAL,
        line: None,
        problem,
    })
}

/// Keys of the names in files that hold other data as well.
const MEMBERS: [&str; 7] = [
    "id2label",
    "names",
    "labels",
    "classes",
    "class_names",
    "categories",
    "label_names",
];

fn of_value(value: Literal, is_outermost: bool) -> Result<Vec<String>, String> {
    match value {
        Literal::List(items) if items.is_empty() => Err("it is empty".into()),
        Literal::Dict(items) if items.is_empty() => Err("it is empty".into()),
        Literal::List(items) => of_list(items),
        Literal::Dict(items) => {
            let is_number = |value: &Literal| number(value).is_some();
            if items.iter().all(|(_, v)| matches!(v, Literal::Integer(_))) {
                let pairs = items.into_iter().map(|(key, value)| match key {
                    Literal::Text(name) => Ok((number(&value).unwrap_or(-1), name)),
                    // Folders whose names are numbers.
                    Literal::Integer(name) => Ok((number(&value).unwrap_or(-1), name.to_string())),
                    _ => Err("a key is no name".to_owned()),
                });
                by_number(pairs.collect::<Result<_, _>>()?).map_err(|w| w.to_string())
            } else if items.iter().all(|(key, _)| is_number(key)) {
                let pairs = items.into_iter().map(|(key, value)| {
                    let number = number(&key).unwrap_or(-1);
                    match name(value) {
                        Some(name) => Ok((number, name)),
                        None => Err(format!("what stands for class {number} is no name")),
                    }
                });
                by_number(pairs.collect::<Result<_, _>>()?).map_err(|w| w.to_string())
            } else {
                let is_member = |key: &Literal| matches!(key, Literal::Text(key) if MEMBERS.contains(&key.as_str()));
                let mut members: Vec<Literal> = items
                    .into_iter()
                    .filter(|(key, value)| {
                        is_member(key) && matches!(value, Literal::List(_) | Literal::Dict(_))
                    })
                    .map(|(_, value)| value)
                    .collect();
                match (members.pop(), members.is_empty(), is_outermost) {
                    (Some(member), true, true) => of_value(member, false),
                    _ => Err("neither its keys nor its values are the numbers of classes".into()),
                }
            }
        }
        Literal::Text(_) | Literal::Integer(_) | Literal::Other => Err("it has no names".into()),
    }
}

fn of_list(items: Vec<Literal>) -> Result<Vec<String>, String> {
    let numbered = |item: &Literal| match item {
        Literal::List(pair) => match pair.as_slice() {
            [Literal::Integer(number), Literal::Text(name)]
            | [Literal::Text(name), Literal::Integer(number)] => Some((*number, name.clone())),
            _ => None,
        },
        Literal::Dict(fields) => {
            let field = |keys: &[&str]| {
                let is = |key: &Literal| matches!(key, Literal::Text(key) if keys.contains(&key.as_str()));
                let mut found = fields.iter().filter(|(key, _)| is(key)).map(|(_, v)| v);
                found.next().filter(|_| found.next().is_none())
            };
            let number = number(field(&["id", "index", "idx", "class_id"])?)?;
            match field(&["name", "label", "class", "class_name", "display_name"])? {
                Literal::Text(name) => Some((number, name.clone())),
                _ => None,
            }
        }
        _ => None,
    };
    if let Some(pairs) = items.iter().map(numbered).collect::<Option<Vec<_>>>() {
        return by_number(pairs).map_err(|w| w.to_string());
    }
    let names = items.into_iter().enumerate().map(|(i, item)| {
        name(item).ok_or_else(|| format!("element {} is no name in quotes", i + 1))
    });
    names.collect()
}

/// The number of a class.
fn number(value: &Literal) -> Option<i64> {
    match value {
        Literal::Integer(number) => Some(*number),
        Literal::Text(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// A name, or the name in a pair with its WordNet number (`["n01440764", "tench"]`).
fn name(value: Literal) -> Option<String> {
    match value {
        Literal::Text(name) => Some(name.trim().to_owned()),
        Literal::List(mut pair) => match (pair.pop(), pair.pop(), pair.is_empty()) {
            (Some(Literal::Text(name)), Some(Literal::Text(synset)), true)
                if lines::is_synset(&synset) =>
            {
                Some(name.trim().to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
