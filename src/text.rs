// SPDX-License-Identifier: MPL-2.0
//! Text of others, fit to be shown to people: names in models, labels, contracts, what ONNX Runtime
//! or a server says.
//!
//! Any of it may hold the control sequences of a terminal, or be as long as the file that it comes
//! from. What people read in a terminal, in a log or on the bus goes through here; what programs
//! read (metadata, JSON) keeps the text as it is.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Characters of a name that are shown.
const NAME: usize = 100;

/// Characters of a message that are shown.
const MESSAGE: usize = 3000;

/// A text that is escaped and cut as it is shown. Make it with [`name`] or [`message`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    text: &'a str,
    most: usize,
}

/// A name: of a tensor, a class, a file's own field. At most 100 characters of it are shown.
pub fn name(text: &str) -> Shown<'_> {
    Shown { text, most: NAME }
}

/// A text of several words: an error, a line of a file. At most 3000 characters of it are shown.
pub fn message(text: &str) -> Shown<'_> {
    let most = MESSAGE;
    Shown { text, most }
}

/// A message in one line, whatever line breaks and indentation it has.
pub fn one_line(text: &str) -> String {
    // What is not shown need not be looked at, whatever its length.
    let mut words = String::new();
    for word in text.split_whitespace() {
        if words.len() > 8 * MESSAGE {
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    message(&words).to_string()
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.text.char_indices().nth(self.most);
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

/// The first items of a list, separated by commas, and how many more there are.
pub fn list<T: fmt::Display>(items: impl ExactSizeIterator<Item = T>, most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let mut text = String::new();
    for (i, item) in items.take(most).enumerate() {
        // To a string nothing fails.
        let _ = write!(text, "{}{item}", if i == 0 { "" } else { ", " });
    }
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// Several lines with everything in them escaped that is harmful, except line breaks and tabs.
pub fn lines(text: &str) -> Cow<'_, str> {
    let is_harmful = |c| is_harmful(c) && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    // To a string nothing fails.
    let _ = escape(text, is_harmful, &mut escaped);
    Cow::Owned(escaped)
}

/// Finished JSON that is harmless in a terminal and says the same: JSON itself escapes the controls
/// of ASCII, and has an escape sequence for all others.
pub fn json(json: String) -> String {
    let is_raw = |c: char| c >= '\x7f' && is_harmful(c);
    // Nearly all of it is ASCII.
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
            // To a string nothing fails.
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

/// Whether a character does something else than to show itself: controls of both sets, breaks of
/// lines and paragraphs, and what changes the direction of the text around it or hides in it.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a terminal would obey is shown and not sent to it; everything else stays.
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

    /// What is long is cut between two characters, and its length said.
    #[test]
    fn cuts() {
        let whole = "ä".repeat(NAME);
        assert_eq!(name(&whole).to_string(), whole);
        let long = "ä".repeat(100_000);
        let cut = format!("{whole}… (100000 characters)");
        assert_eq!(name(&long).to_string(), cut);
        let escapes = "\x1b".repeat(1_000_000);
        assert!(message(&escapes).to_string().len() < 8 * MESSAGE);
        assert!(one_line(&" a".repeat(1_000_000)).len() < 2 * MESSAGE);
        assert_eq!(one_line("\n  a\r\n\tb  c \x1b[1m"), "a b c \\u{1b}[1m");
    }

    #[test]
    fn lists() {
        let list = |items: &[&str]| list(items.iter(), 3);
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["a", "b", "c"]), "a, b, c");
        assert_eq!(list(&["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }

    /// Line breaks of our own stay in a text of several lines.
    #[test]
    fn several_lines() {
        assert!(matches!(lines("a\n\tb\n"), Cow::Borrowed(_)));
        assert_eq!(lines("a\n\x1b]0;x\x07\n"), "a\n\\u{1b}]0;x\\u{7}\n");
    }

    /// JSON means the same as before, and has nothing left in it that a terminal would obey.
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
