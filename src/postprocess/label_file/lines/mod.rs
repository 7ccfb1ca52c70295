// SPDX-License-Identifier: MPL-2.0
//! Formats with one class a line, or with all classes in one line.

mod field;
mod numbered;
mod table;
mod wordnet;

use super::FormError;
use super::numbering::Misnumbered;
use field::{fields, is_quoted, unquoted};
use numbered::numbered;
use table::table;
use wordnet::synsets;

pub(super) use wordnet::is_synset;

/// A line that is not empty: its number from 1, and its trimmed text.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// The result for one format: names, `None` if the lines are not in it, or an error.
type Form = Result<Option<Vec<String>>, FormError>;

/// The names in a text that is not a list or dict.
pub(super) fn names(text: &str, classes: usize) -> Result<Vec<String>, FormError> {
    let lines: Vec<Line<'_>> = text
        .lines()
        .enumerate()
        .map(|(i, line)| Line {
            number: i + 1,
            text: line.trim(),
        })
        .filter(|line| !line.text.is_empty())
        .collect();
    refuse_others(&lines, text)?;
    if let [line] = lines[..]
        && classes != 1
    {
        return one_line(line);
    }
    if lines.len() > 1 {
        for form in [table, numbered, synsets, quoted, dashes, commas] {
            if let Some(names) = form(&lines)? {
                return Ok(names);
            }
        }
    }
    Ok(text.lines().map(|line| line.trim().to_owned()).collect())
}

/// Refuses formats that are not supported.
fn refuse_others(lines: &[Line<'_>], text: &str) -> Result<(), FormError> {
    let Some(first) = lines.first() else {
        return Ok(());
    };
    let refuse = |form, line: &Line<'_>, problem: &str| {
        Err(FormError {
            form,
            line: Some(line.number),
            problem: problem.into(),
        })
    };
    for start in ["<?xml", "<!doctype", "<html"] {
        if first
            .text
            .get(..start.len())
            .is_some_and(|s| s.eq_ignore_ascii_case(start))
        {
            return refuse("XML or HTML", first, "that is not read");
        }
    }
    let is_key = |line: &str| {
        let key = line.strip_suffix(':');
        key.is_some_and(|k| !k.is_empty() && k.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    let is_indented = |line: &str| line.starts_with([' ', '\t']) || line.starts_with("- ");
    if first.text == "---"
        || text
            .lines()
            .zip(text.lines().skip(1))
            .any(|(line, next)| is_key(line.trim_end()) && is_indented(next))
    {
        return refuse("YAML", first, "that is not read");
    }
    let is_bracket = |c: char| "[](){}".contains(c);
    for line in lines {
        let alone = line
            .text
            .chars()
            .all(|c| is_bracket(c) || ",; ".contains(c))
            && line.text.contains(is_bracket);
        if alone || line.text.ends_with(['[', '{']) || line.text.starts_with([']', '}']) {
            let form = match first.text.starts_with("item") {
                true => "a label map of TensorFlow (pbtxt)",
                false => "the code or data of a program",
            };
            return refuse(form, line, "there is a bracket that belongs to no name");
        }
    }
    Ok(())
}

/// All names in one line.
fn one_line(line: Line<'_>) -> Result<Vec<String>, FormError> {
    let separator = [';', '\t', ',']
        .into_iter()
        .find(|s| line.text.contains(*s));
    let Some(separator) = separator else {
        return Ok(vec![line.text.to_owned()]);
    };
    let mut names = fields(line.text, separator);
    names.pop_if(|last| last.is_empty());
    if names.iter().any(String::is_empty) {
        return Err(FormError {
            form: "names in one line",
            line: Some(line.number),
            problem: format!(
                "there is nothing between two “{}”",
                separator.escape_debug()
            ),
        });
    }
    // “0:red,1:green”
    let places = names.iter().map(|text| Line {
        number: line.number,
        text,
    });
    let numbered = numbered(&places.collect::<Vec<_>>())?;
    Ok(numbered.unwrap_or(names))
}

/// `"tench",`: a list without its brackets.
fn quoted(lines: &[Line<'_>]) -> Form {
    let bare = |line: &Line<'_>| {
        let text = line.text.strip_suffix(',').unwrap_or(line.text).trim_end();
        is_quoted(text).then(|| unquoted(text))
    };
    Ok(lines.iter().map(bare).collect())
}

/// `- tench`: a list of YAML or Markdown.
fn dashes(lines: &[Line<'_>]) -> Form {
    let bare = |line: &Line<'_>| {
        line.text
            .strip_prefix("- ")
            .map(|name| unquoted(name.trim()))
    };
    Ok(lines.iter().map(bare).collect())
}

/// `tench,`: a list separated by commas and line breaks.
fn commas(lines: &[Line<'_>]) -> Form {
    let last = lines.len() - 1;
    let bare = |(i, line): (usize, &Line<'_>)| {
        let name = match line.text.strip_suffix([',', ';']) {
            Some(name) => name.trim_end(),
            None if i == last => line.text,
            None => return None,
        };
        let is_one = !name.is_empty() && !name.contains([',', ';']);
        is_one.then(|| name.to_owned())
    };
    Ok(lines.iter().enumerate().map(bare).collect())
}

fn misnumbered(form: &'static str, lines: &[Line<'_>], wrong: &Misnumbered) -> FormError {
    FormError {
        form,
        line: lines.get(wrong.place()).map(|line| line.number),
        problem: wrong.to_string(),
    }
}
