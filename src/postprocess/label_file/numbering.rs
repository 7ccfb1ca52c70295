// SPDX-License-Identifier: MPL-2.0
//! Names with class numbers.

use std::fmt;

/// Why numbers are not class numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misnumbered {
    /// A number occurs twice: the index of the second, and the number.
    Twice(usize, i64),
    /// The numbers begin with 1.
    FromOne,
    /// A number is out of range: its index, the number, and the number of classes.
    Outside(usize, i64, usize),
}

impl Misnumbered {
    /// The index of the wrong pair.
    pub fn place(&self) -> usize {
        match self {
            Self::Twice(place, _) | Self::Outside(place, ..) => *place,
            Self::FromOne => 0,
        }
    }
}

impl fmt::Display for Misnumbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(_, number) => write!(f, "number {number} is there twice"),
            Self::FromOne => f.write_str("the numbers begin with 1, and those of classes with 0"),
            Self::Outside(_, number, count) => write!(
                f,
                "number {number}, and {count} names have the numbers 0 to {}",
                count - 1
            ),
        }
    }
}

/// The names in the order of their numbers, which must be 0 to the number of names less one.
pub(super) fn by_number(pairs: Vec<(i64, String)>) -> Result<Vec<String>, Misnumbered> {
    let count = pairs.len();
    let last = count as i64;
    let from_one =
        pairs.iter().all(|(n, _)| (1..=last).contains(n)) && pairs.iter().any(|(n, _)| *n == last);
    if from_one {
        return Err(Misnumbered::FromOne);
    }
    let mut names: Vec<Option<String>> = vec![None; count];
    for (place, (number, name)) in pairs.into_iter().enumerate() {
        let slot = usize::try_from(number).ok().and_then(|n| names.get_mut(n));
        let Some(slot) = slot else {
            return Err(Misnumbered::Outside(place, number, count));
        };
        if slot.replace(name).is_some() {
            return Err(Misnumbered::Twice(place, number));
        }
    }
    // There is exactly one name for each number.
    Ok(names.into_iter().flatten().collect())
}
