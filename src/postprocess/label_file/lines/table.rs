// SPDX-License-Identifier: MPL-2.0
//! Tables of numbers and names.

use super::field::{fields, index, unquoted};
use super::wordnet::without_synsets;
use super::{Form, Line, misnumbered};
use crate::postprocess::label_file::FormError;
use crate::postprocess::label_file::numbering::by_number;

/// A table of numbers and names, with a line of headings or without.
pub(super) fn table(lines: &[Line<'_>]) -> Form {
    for separator in [',', ';', '\t'] {
        let headings = fields(lines[0].text, separator);
        let is_table = is_heading(&headings);
        if !is_table && !lines.iter().all(|line| line.text.contains(separator)) {
            continue;
        }
        let has_headings = headings.iter().all(|h| index(h).is_none());
        let rows = if has_headings { &lines[1..] } else { lines };
        if rows.len() < 2 && !is_table {
            continue;
        }
        // More than two columns are told apart by their headings alone.
        let pairs = if has_headings && headings.len() > 2 {
            columns(&headings, rows, separator)
        } else {
            number_first(rows, separator).or_else(|| number_last(rows, separator))
        };
        let Some(pairs) = pairs else {
            if !is_table {
                continue;
            }
            let odd = rows.iter().find(|row| {
                let fields = fields(row.text, separator);
                fields.len() < headings.len() || fields.iter().all(|f| index(f).is_none())
            });
            return Err(FormError {
                form: "a table (CSV)",
                line: odd.map(|row| row.number),
                problem: "each line should have the number of a class and its name".into(),
            });
        };
        return match by_number(pairs) {
            Ok(names) => Ok(Some(without_synsets(names))),
            Err(wrong) if is_table => Err(misnumbered("a table (CSV)", rows, &wrong)),
            Err(wrong) if !has_headings && is_likely(rows, separator) => {
                Err(misnumbered("lines of “number,name”", rows, &wrong))
            }
            Err(_) => Ok(None),
        };
    }
    Ok(None)
}

const NUMBERS: [&str; 9] = [
    "index",
    "idx",
    "id",
    "class_id",
    "class_index",
    "class_idx",
    "label_id",
    "number",
    "no",
];

const NAMES: [&str; 8] = [
    "name",
    "label",
    "class",
    "class_name",
    "label_name",
    "display_name",
    "category",
    "title",
];

fn is_one_of(heading: &str, words: &[&str]) -> bool {
    words.iter().any(|word| heading.eq_ignore_ascii_case(word))
}

/// Whether these are headings of numbers and names.
fn is_heading(headings: &[String]) -> bool {
    let count = |known: &dyn Fn(&str) -> bool| headings.iter().filter(|h| known(h)).count();
    // “class” may be either.
    let (numbers, names) = (
        |h: &str| is_one_of(h, &NUMBERS),
        |h: &str| is_one_of(h, &NAMES),
    );
    count(&names) > 0 && count(&|h| numbers(h) || names(h)) > 1
}

/// The columns of numbers and names by their headings.
fn columns(headings: &[String], rows: &[Line<'_>], separator: char) -> Option<Vec<(i64, String)>> {
    let only = |words: &[&str]| {
        let mut found = (0..headings.len()).filter(|i| is_one_of(&headings[*i], words));
        found.next().filter(|_| found.next().is_none())
    };
    let (number, name) = (only(&NUMBERS)?, only(&NAMES)?);
    rows.iter()
        .map(|row| {
            let mut fields = fields(row.text, separator);
            if fields.len() != headings.len() {
                return None;
            }
            Some((index(&fields[number])?, std::mem::take(&mut fields[name])))
        })
        .collect()
}

fn number_first(rows: &[Line<'_>], separator: char) -> Option<Vec<(i64, String)>> {
    let pair = |row: &Line<'_>| {
        let (number, name) = row.text.split_once(separator)?;
        let name = unquoted(name.trim());
        Some((index(&unquoted(number.trim()))?, name)).filter(|(_, name)| !name.is_empty())
    };
    rows.iter().map(pair).collect()
}

fn number_last(rows: &[Line<'_>], separator: char) -> Option<Vec<(i64, String)>> {
    let pair = |row: &Line<'_>| {
        let (name, number) = row.text.rsplit_once(separator)?;
        let name = unquoted(name.trim());
        Some((index(&unquoted(number.trim()))?, name)).filter(|(_, name)| !name.is_empty())
    };
    let pairs: Vec<_> = rows.iter().map(pair).collect::<Option<_>>()?;
    // “room, 0”, “room, 1”: the number is a part of the name.
    let mut names: Vec<&str> = pairs.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    let distinct = names.windows(2).all(|pair| pair[0] != pair[1]);
    let mut numbers: Vec<i64> = pairs.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    let complete = numbers.iter().zip(0..).all(|(number, i)| *number == i);
    (distinct && complete).then_some(pairs)
}

/// Whether numbers in front are probably those of classes.
fn is_likely(rows: &[Line<'_>], separator: char) -> bool {
    let numbers = rows.iter().filter_map(|row| {
        let (number, name) = row.text.split_once(separator)?;
        let is_word = !name.trim().starts_with(|c: char| c.is_ascii_digit());
        index(number.trim()).filter(|_| is_word)
    });
    let small = numbers.filter(|n| *n <= rows.len() as i64).count();
    small * 2 > rows.len()
}
