// SPDX-License-Identifier: MPL-2.0
//! Escapes text from others before it is shown to people: names in models, labels, contracts, messages
//! of ONNX Runtime or of a server.
//!
//! Such text may hold control sequences for a terminal, or be as long as the file that it comes from.
//! What people read in a terminal, in a log or on the bus is escaped and shortened here. What programs
//! read (metadata, JSON) keeps the text as it is.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// The maximum number of characters that are shown of a name.
const MAX_NAME: usize = 100;

/// The maximum number of characters that are shown of a message.
const MAX_MESSAGE: usize = 3000;

/// A text that is displayed escaped and shortened. See [`name`] and [`message`].
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a> {
    text: &'a str,
    max_chars: usize,
}

/// Displays a name, of a tensor or a class for example: at most 100 characters of it.
pub fn name(text: &str) -> Escaped<'_> {
    Escaped {
        text,
        max_chars: MAX_NAME,
    }
}

/// Displays a text of several words, such as an error or a line of a file: at most 3000 characters of
/// it.
pub fn message(text: &str) -> Escaped<'_> {
    Escaped {
        text,
        max_chars: MAX_MESSAGE,
    }
}

/// A message in one line, without its line breaks and indentation.
pub fn one_line(text: &str) -> String {
    // The rest is not shown, and may be very long.
    let mut words = String::new();
    for word in text.split_whitespace() {
        if words.len() > 8 * MAX_MESSAGE {
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    message(&words).to_string()
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.text.char_indices().nth(self.max_chars);
        let shown = end.map_or(self.text, |(end, _)| &self.text[..end]);
        escape(shown, is_harmful, f)?;
        match end {
            Some(_) => write!(f, "… ({} characters)", self.text.chars().count()),
            None => Ok(()),
        }
    }
}

/// A number of bytes in a unit that suits it: `1.5 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// The first `max` items of a list, separated by commas, and how many more there are.
pub fn list<T: fmt::Display>(items: impl ExactSizeIterator<Item = T>, max: usize) -> String {
    let more = items.len().saturating_sub(max);
    let mut text = String::new();
    for (i, item) in items.take(max).enumerate() {
        // Writing to a string does not fail.
        let _ = write!(text, "{}{item}", if i == 0 { "" } else { ", " });
    }
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// Several lines of text in which everything harmful is escaped, except line breaks and tabs.
pub fn lines(text: &str) -> Cow<'_, str> {
    let is_harmful = |c| is_harmful(c) && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let _ = escape(text, is_harmful, &mut escaped);
    Cow::Owned(escaped)
}

/// The same JSON with escape sequences for everything that is harmful in a terminal. JSON itself
/// escapes only the control characters of ASCII.
pub fn json(json: String) -> String {
    let is_raw = |c: char| c >= '\x7f' && is_harmful(c);
    // Most JSON is ASCII.
    if json.bytes().all(|b| b < 0x7f) || !json.contains(is_raw) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if !is_raw(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

/// Writes each character that is harmful as an escape sequence such as `\n` or `\u{1b}`.
fn escape(text: &str, is_harmful: impl Fn(char) -> bool, f: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(&is_harmful) {
        f.write_str(&rest[..at])?;
        rest = &rest[at..];
        let harmful = rest.chars().next().unwrap_or_default();
        write!(f, "{}", harmful.escape_default())?;
        rest = &rest[harmful.len_utf8()..];
    }
    f.write_str(rest)
}

/// Whether a character does more than to show itself: control characters, line and paragraph
/// separators, and invisible ones, some of which change the direction of the text around them.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Control sequences are escaped; everything else stays as it is.
    #[test]
    fn escapes() {
        for (text, shown) in [
            ("conv1/weight:0", "conv1/weight:0"),
            ("Käse, 猫, 🐈, a\\b", "Käse, 猫, 🐈, a\\b"),
            ("in\nput\r\x1b[31mred", "in\\nput\\r\\u{1b}[31mred"),
            ("\u{9b}31m\x7f\u{85}\0", "\\u{9b}31m\\u{7f}\\u{85}\\u{0}"),
            ("\u{202e}gnp.exe\u{2066}", "\\u{202e}gnp.exe\\u{2066}"),
            ("a\u{2028}b\u{2029}c\t", "a\\u{2028}b\\u{2029}c\\t"),
            ("", ""),
        ] {
            assert_eq!(name(text).to_string(), shown);
            assert_eq!(message(text).to_string(), shown);
        }
    }

    /// A long text is cut between two characters, and its length is added.
    #[test]
    fn cuts() {
        let whole = "ä".repeat(MAX_NAME);
        assert_eq!(name(&whole).to_string(), whole);
        let long = "ä".repeat(100_000);
        let cut = format!("{whole}… (100000 characters)");
        assert_eq!(name(&long).to_string(), cut);
        let escapes = "\x1b".repeat(1_000_000);
        assert!(message(&escapes).to_string().len() < 8 * MAX_MESSAGE);
        assert!(one_line(&" a".repeat(1_000_000)).len() < 2 * MAX_MESSAGE);
        assert_eq!(one_line("\n  a\r\n\tb  c \x1b[1m"), "a b c \\u{1b}[1m");
    }

    /// A list that is short enough, and one that is not.
    #[test]
    fn lists() {
        let list = |items: &[&str]| list(items.iter(), 3);
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a", "b", "c"]), "a, b, c");
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }

    /// Line breaks stay in a text of several lines.
    #[test]
    fn several_lines() {
        assert!(matches!(lines("a\n\tb\n"), Cow::Borrowed(_)));
        assert_eq!(lines("a\n\x1b]0;x\x07\n"), "a\n\\u{1b}]0;x\\u{7}\n");
    }

    /// Escaped JSON means the same, and is harmless in a terminal.
    #[test]
    fn json_stays_json() {
        let label = "\x1b[1mKäse\u{9b}2J\x7f\u{202e}🐈";
        let text = serde_json::to_string(label).expect("JSON");
        assert!(text.contains('\u{9b}'), "{text:?}");
        let escaped = json(text);
        assert!(!escaped.contains(is_harmful), "{escaped:?}");
        let read: String = serde_json::from_str(&escaped).expect("still JSON");
        assert_eq!(read, label);
        let plain = "{\"a\":\"Käse\"}\n".to_owned();
        assert_eq!(json(plain.clone()), plain);
    }
}
