// SPDX-License-Identifier: MPL-2.0
//! The parts of a line: numbers, separators, and names with or without quotes.

use crate::postprocess::label_file::literal::{self, Literal};

/// Digits as a number; no model has more classes than seven digits say.
pub(super) fn index(text: &str) -> Option<i64> {
    let is = (1..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is)
}

/// Whether a text is one string in quotes.
pub(super) fn is_quoted(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(['"', '\''])
        && literal::read(text).is_ok_and(|(_, len)| len == text.len())
}

/// A text without its quotes.
pub(super) fn unquoted(text: &str) -> String {
    // As tables write a quote within quotes.
    if let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'))
        && inner.replace("\"\"", "").find('"').is_none()
        && !inner.contains('\\')
    {
        return inner.replace("\"\"", "\"").trim().to_owned();
    }
    match literal::read(text) {
        Ok((Literal::Text(name), len)) if len == text.len() => name.trim().to_owned(),
        _ => text.to_owned(),
    }
}

/// The fields of a line, without their quotes.
pub(super) fn fields(line: &str, separator: char) -> Vec<String> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut in_quotes = false;
    for (at, c) in line.char_indices() {
        if c == '"' {
            in_quotes = !in_quotes;
        } else if c == separator && !in_quotes {
            fields.push(unquoted(line[start..at].trim()));
            start = at + separator.len_utf8();
        }
    }
    fields.push(unquoted(line[start..].trim()));
    fields
}

/// What stands between a number and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `:` or `=`.
    Sign,
    /// `.` or `)`, as lists for people have them.
    Point,
    Space,
}

/// The number, mark and name of a line, if it has them.
pub(super) fn marked(text: &str) -> Option<(i64, Mark, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = index(&text[..digits])?;
    let rest = text[digits..].trim_start();
    let is_apart = rest.len() < text.len() - digits;
    let (mark, name) = if let Some(name) = rest.strip_prefix([':', '=']) {
        (Mark::Sign, name)
    } else if let Some(name) = rest.strip_prefix(['.', ')'])
        && name.starts_with(char::is_whitespace)
    {
        (Mark::Point, name)
    } else if is_apart {
        (Mark::Space, rest)
    } else {
        return None;
    };
    let name = name.trim();
    (!name.is_empty()).then_some((number, mark, name))
}
