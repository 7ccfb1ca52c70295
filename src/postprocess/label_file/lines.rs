// SPDX-License-Identifier: MPL-2.0
//! Forms that have a class a line, or all of them in one.

use super::numbered::{Misnumbered, by_number};
use super::{FormError, literal};

/// A line that is not empty: its number from 1 on, and its text without the space around it.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

/// What a form makes of the lines: names, nothing because they are not in it, or an error.
type Outcome = Result<Option<Vec<String>>, FormError>;

/// The names in a text that is no list or dict of a program.
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

/// Refuses what is written in a form that is not read.
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

/// A table of numbers and names, with a line of headings or without.
fn table(lines: &[Line<'_>]) -> Outcome {
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

/// What stands between a number and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// `:` or `=`.
    Sign,
    /// `.` or `)`, as lists for people have them.
    Point,
    Space,
}

/// The number, mark and name of a line, if it has them.
fn marked(text: &str) -> Option<(i64, Mark, &str)> {
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

/// `0: tench`, `0 tench`, `0. tench`.
fn numbered(lines: &[Line<'_>]) -> Outcome {
    const FORM: &str = "lines of “number:name” or “number name”";
    let marks: Vec<_> = lines.iter().map(|line| marked(line.text)).collect();
    let in_place = marks
        .iter()
        .zip(0..)
        .filter(|(mark, i)| matches!(mark, Some((n, ..)) if n == i))
        .count();
    let mostly_in_place = in_place > 1 && in_place * 2 > lines.len();
    let first = marks.iter().flatten().next().map(|(_, mark, _)| *mark);
    let other = marks
        .iter()
        .position(|m| m.as_ref().map(|(_, mark, _)| *mark) != first);
    if let Some(other) = other.filter(|_| mostly_in_place) {
        return Err(FormError {
            form: FORM,
            line: Some(lines[other].number),
            problem: "it is not like the others".into(),
        });
    }
    let Some(pairs) = marks.into_iter().collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    if other.is_some() {
        return Ok(None);
    }
    let has_words = pairs
        .iter()
        .all(|(.., name)| !name.starts_with(|c: char| c.is_ascii_digit()));
    let pairs = pairs.into_iter().map(|(n, _, name)| (n, name.to_owned()));
    let pairs: Vec<_> = pairs.collect();
    // As many as there are lines, or fewer: “1: a” is a number, “4:3” and “1984: a book” are not.
    let count = lines.len() as i64;
    let mostly_small = pairs.iter().filter(|(n, _)| *n <= count).count() * 2 > lines.len();
    // “0 red”, “0 green”, “1 blue”; but not “1 star” to “5 stars”.
    let all_classes = pairs.iter().all(|(n, _)| *n < count) && pairs.iter().any(|(n, _)| *n == 0);
    match by_number(pairs) {
        Ok(names) => {
            let dashed = names.iter().all(|name| name.starts_with("- "));
            let names = names.into_iter().map(|name| {
                let name = if dashed { name[2..].trim() } else { &name };
                unquoted(
                    name.strip_suffix(',')
                        .filter(|n| is_quoted(n))
                        .unwrap_or(name),
                )
            });
            Ok(Some(without_synsets(names.collect())))
        }
        Err(wrong) => {
            let sure = match first {
                Some(Mark::Sign) => has_words && mostly_small,
                _ => mostly_in_place || (all_classes && count > 2),
            };
            match sure {
                true => Err(misnumbered(FORM, lines, &wrong)),
                false => Ok(None),
            }
        }
    }
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

/// Whether it is a number of WordNet's: `n01440764`.
pub(super) fn is_synset(text: &str) -> bool {
    text.len() == 9 && text.starts_with('n') && text.bytes().skip(1).all(|b| b.is_ascii_digit())
}

/// A number of WordNet's, and the name behind it.
fn synset(text: &str) -> Option<(&str, &str)> {
    let number = text.get(..9).filter(|n| is_synset(n))?;
    let rest = &text[9..];
    let name = rest.trim_start_matches([' ', '\t', ',', ':', ';']);
    (name.len() < rest.len() && !name.is_empty()).then(|| (number, name.trim()))
}

/// `n01440764 tench`.
fn synsets(lines: &[Line<'_>]) -> Outcome {
    const FORM: &str = "lines of WordNet's numbers and names";
    let refuse = |line: usize, problem: &str| {
        Err(FormError {
            form: FORM,
            line: Some(lines[line].number),
            problem: problem.into(),
        })
    };
    let pairs: Vec<_> = lines.iter().map(|line| synset(line.text)).collect();
    let count = pairs.iter().flatten().count();
    if count * 2 <= lines.len() {
        return Ok(None);
    }
    if let Some(other) = pairs.iter().position(Option::is_none) {
        return refuse(other, "it is not like the others");
    }
    let mut numbers = std::collections::HashSet::new();
    let again = pairs
        .iter()
        .flatten()
        .position(|(n, _)| !numbers.insert(*n));
    if let Some(again) = again {
        return refuse(again, "its number is there twice");
    }
    let names: Vec<&str> = pairs.into_iter().flatten().map(|(_, name)| name).collect();
    // ImageNet's development kit has numbers of its own between them, from 1 on, in another order.
    let marks: Option<Vec<_>> = names.iter().map(|name| marked(name)).collect();
    if let Some(marks) = marks {
        let pairs = marks.into_iter().map(|(n, _, name)| (n, name.to_owned()));
        return match by_number(pairs.collect()) {
            Ok(names) => Ok(Some(names)),
            Err(wrong) => Err(misnumbered(FORM, lines, &wrong)),
        };
    }
    Ok(Some(names.into_iter().map(unquoted).collect()))
}

/// `"tench",`: a list whose brackets got lost.
fn quoted(lines: &[Line<'_>]) -> Outcome {
    let bare = |line: &Line<'_>| {
        let text = line.text.strip_suffix(',').unwrap_or(line.text).trim_end();
        is_quoted(text).then(|| unquoted(text))
    };
    Ok(lines.iter().map(bare).collect())
}

/// `- tench`: a list as YAML and Markdown have it.
fn dashes(lines: &[Line<'_>]) -> Outcome {
    let bare = |line: &Line<'_>| {
        line.text
            .strip_prefix("- ")
            .map(|name| unquoted(name.trim()))
    };
    Ok(lines.iter().map(bare).collect())
}

/// `tench,`: a list in one line that was broken into lines.
fn commas(lines: &[Line<'_>]) -> Outcome {
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

/// Takes the numbers of WordNet off, if every name has one.
fn without_synsets(names: Vec<String>) -> Vec<String> {
    let bare: Option<Vec<_>> = names
        .iter()
        .map(|name| synset(name).map(|(_, name)| name.to_owned()))
        .collect();
    bare.unwrap_or(names)
}

fn misnumbered(form: &'static str, lines: &[Line<'_>], wrong: &Misnumbered) -> FormError {
    FormError {
        form,
        line: lines.get(wrong.place()).map(|line| line.number),
        problem: wrong.to_string(),
    }
}

/// Digits as a number; no model has more classes than seven digits say.
fn index(text: &str) -> Option<i64> {
    let is = (1..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is)
}

/// Whether a text is one string in quotes.
fn is_quoted(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(['"', '\''])
        && literal::read(text).is_ok_and(|(_, len)| len == text.len())
}

/// A text without its quotes.
fn unquoted(text: &str) -> String {
    // As tables write a quote within quotes.
    if let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'))
        && inner.replace("\"\"", "").find('"').is_none()
        && !inner.contains('\\')
    {
        return inner.replace("\"\"", "\"").trim().to_owned();
    }
    match literal::read(text) {
        Ok((literal::Literal::Text(name), len)) if len == text.len() => name.trim().to_owned(),
        _ => text.to_owned(),
    }
}

/// The fields of a line, without their quotes.
fn fields(line: &str, separator: char) -> Vec<String> {
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
