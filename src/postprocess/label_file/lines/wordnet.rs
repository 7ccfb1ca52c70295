// SPDX-License-Identifier: MPL-2.0
//! Lines that begin with the number of a WordNet synset.

use super::field::{marked, unquoted};
use super::{Form, Line, misnumbered};
use crate::postprocess::label_file::FormError;
use crate::postprocess::label_file::numbering::by_number;

/// Whether it is a number of WordNet's: `n01440764`.
pub(in crate::postprocess::label_file) fn is_synset(text: &str) -> bool {
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
pub(super) fn synsets(lines: &[Line<'_>]) -> Form {
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

/// Takes the numbers of WordNet off, if every name has one.
pub(super) fn without_synsets(names: Vec<String>) -> Vec<String> {
    let bare: Option<Vec<_>> = names
        .iter()
        .map(|name| synset(name).map(|(_, name)| name.to_owned()))
        .collect();
    bare.unwrap_or(names)
}
