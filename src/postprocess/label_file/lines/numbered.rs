// SPDX-License-Identifier: MPL-2.0
//! Lines that begin with the number of their class.

use super::field::{Mark, is_quoted, marked, unquoted};
use super::wordnet::without_synsets;
use super::{Form, Line, misnumbered};
use crate::postprocess::label_file::FormError;
use crate::postprocess::label_file::numbering::by_number;

/// `0: tench`, `0 tench`, `0. tench`.
pub(super) fn numbered(lines: &[Line<'_>]) -> Form {
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
