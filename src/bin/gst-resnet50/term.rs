// SPDX-License-Identifier: MPL-2.0
//! What is printed for people: harmless to the terminal, and in ASCII where the locale wants that.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::LazyLock;

use gstresnet50::text;

/// Prints a line. Unlike `println!` it does not panic where nobody reads any more (`| head`): the
/// files that are being written are worth more than that.
macro_rules! say {
    () => { $crate::term::say(format_args!("")) };
    ($($arg:tt)*) => { $crate::term::say(format_args!($($arg)*)) };
}

/// The same for what went wrong, on standard error.
macro_rules! complain {
    ($($arg:tt)*) => { $crate::term::complain(format_args!($($arg)*)) };
}

/// Prints to standard output, or to standard error where the former carries an output; see [`say!`].
pub fn say(line: fmt::Arguments<'_>) {
    if crate::output::has_stdout() {
        return complain(line);
    }
    let line = line.to_string();
    let _ = writeln!(io::stdout(), "{}", fit(&line));
}

/// Prints to standard error; see [`complain!`].
pub fn complain(line: fmt::Arguments<'_>) {
    let line = line.to_string();
    let _ = writeln!(io::stderr(), "{}", fit(&line));
}

/// Prints JSON, which is UTF-8 everywhere.
pub fn say_json(json: String) {
    let _ = writeln!(io::stdout(), "{}", text::json(json));
}

/// Text with nothing in it that the terminal would obey or could not show.
pub fn fit(text: &str) -> Cow<'_, str> {
    static IS_UTF8: LazyLock<bool> = LazyLock::new(|| is_utf8(|name| std::env::var(name).ok()));
    let text = text::lines(text);
    match *IS_UTF8 || text.is_ascii() {
        true => text,
        false => ascii(&text).into(),
    }
}

/// Whether the locale's characters are in UTF-8: as POSIX has it, the first variable that is set
/// says so.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    set.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// The same in ASCII: our own signs have their like, everything else its number.
fn ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '“' | '”' => ascii.push('"'),
            '‘' | '’' => ascii.push('\''),
            '–' | '—' => ascii.push('-'),
            '…' => ascii.push_str("..."),
            '→' => ascii.push_str("->"),
            '×' | '✗' => ascii.push('x'),
            '✓' => ascii.push('+'),
            c if c.is_ascii() => ascii.push(c),
            c => ascii.extend(c.escape_default()),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables are asked in the order of POSIX; without any the locale is C.
    #[test]
    fn locales() {
        let of = |variables: &[(&str, &str)]| {
            is_utf8(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[("LANG", "en_GB.UTF-8")]));
        assert!(of(&[("LC_ALL", ""), ("LANG", "C.utf8")]));
        assert!(!of(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]));
        assert!(!of(&[
            ("LC_CTYPE", "de_DE.ISO-8859-1"),
            ("LANG", "C.UTF-8")
        ]));
        assert!(!of(&[]));
    }

    #[test]
    fn signs() {
        assert_eq!(ascii("✓ “a” – 3 × 4 → …"), "+ \"a\" - 3 x 4 -> ...");
        assert_eq!(ascii("Käse"), "K\\u{e4}se");
    }
}
