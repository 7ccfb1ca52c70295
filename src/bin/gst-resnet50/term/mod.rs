// SPDX-License-Identifier: MPL-2.0
//! What is printed for people: harmless to the terminal, as wide as it is, in colour where it has
//! one, and in ASCII where the locale wants that.

mod markdown;
mod table;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::LazyLock;

use console::{Style, Term};
use gstresnet50::text;

pub use markdown::say_short;
pub use table::Table;

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

/// Where people read what is printed: standard output, or standard error where the former carries an
/// output.
fn out() -> Term {
    match crate::output::has_stdout() {
        true => Term::stderr(),
        false => Term::stdout(),
    }
}

/// Prints for people; see [`say!`]. What is longer than the terminal is wide goes on under
/// its beginning.
pub fn say(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    let text = fit(&text);
    let mut out = out();
    let Some(width) = width() else {
        let _ = writeln!(out, "{text}");
        return;
    };
    for line in text.split('\n') {
        if console::measure_text_width(line) <= width {
            let _ = writeln!(out, "{line}");
            continue;
        }
        let words = line.trim_start();
        let indent = line.len() - words.len();
        for part in table::wrap(words, Some(width.saturating_sub(indent))) {
            let _ = writeln!(out, "{:indent$}{part}", "");
        }
    }
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

/// What stands before a line of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// All is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Something is missing that not everybody needs.
    Note,
}

/// Columns of a fact's name.
const NAME: usize = 13;

/// Prints what something is, `name          text`, the text over as many lines as it takes.
pub fn fact(name: &str, text: &str) {
    print(None, &format!("{name:<NAME$} "), text);
}

/// The same with a mark before it.
pub fn marked(mark: Mark, name: &str, text: &str) {
    let (sign, style) = match mark {
        Mark::Good => ("✓", Style::new().green()),
        Mark::Bad => ("✗", Style::new().red().bold()),
        Mark::Note => ("-", Style::new().yellow()),
    };
    print(Some((sign, style)), &format!(" {name:<NAME$} "), text);
}

/// What is to be done about a thing that is wrong, under its line.
pub fn remedy(text: &str) {
    print(None, &format!("  {:<NAME$} → ", ""), text);
}

fn print(mark: Option<(&str, Style)>, before: &str, text: &str) {
    let (sign, style) = mark.unwrap_or_default();
    let (sign, before, text) = (fit(sign), fit(before), fit(text));
    let indent = console::measure_text_width(&sign) + console::measure_text_width(&before);
    let room = width().map(|width| width.saturating_sub(indent));
    let mut lines = table::wrap(&text, room).into_iter();
    let mut out = out();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "{}{before}{first}", paint(&sign, style));
    for line in lines {
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
}

/// Columns of the terminal that people read, if it is one.
pub fn width() -> Option<usize> {
    let (_, columns) = out().size_checked()?;
    Some(columns.into()).filter(|columns| *columns > 0)
}

/// Text in a style, where it goes to a terminal that shows colours and the user has not
/// said otherwise (<https://no-color.org>).
fn paint(text: &str, style: Style) -> String {
    static IS_WANTED: LazyLock<bool> = LazyLock::new(|| {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        !is_set("NO_COLOR") && !is_dumb
    });
    match out().is_term() && *IS_WANTED {
        true => style.force_styling(true).apply_to(text).to_string(),
        false => text.to_owned(),
    }
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
