// SPDX-License-Identifier: MPL-2.0
//! What the project aims at, and whether a figure keeps to it.

/// A limit for a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Under(f64),
}

impl Goal {
    /// Whether a figure keeps to it. What is no number does not.
    pub fn is_reached(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(limit) => figure >= limit,
            Self::AtMost(limit) => figure <= limit,
            Self::Under(limit) => figure < limit,
        }
    }

    /// The table's word for it.
    pub fn verdict(self, figure: f64) -> &'static str {
        verdict(self.is_reached(figure))
    }
}

/// The table's word.
pub fn verdict(is_reached: bool) -> &'static str {
    match is_reached {
        true => "reached",
        false => "missed",
    }
}

/// One word for several goals, with the names of those that are missed.
pub fn verdicts(goals: &[(&str, bool)]) -> String {
    let missed = goals.iter().filter(|(_, is_reached)| !is_reached);
    let missed: Vec<_> = missed.map(|(name, _)| *name).collect();
    match missed[..] {
        [] => "reached".into(),
        _ => format!("missed: {}", missed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit itself belongs to one side or the other, and nothing is reached by chance.
    #[test]
    fn limits() {
        for (goal, below, at, above) in [
            (Goal::AtLeast(0.97), "missed", "reached", "reached"),
            (Goal::AtMost(0.97), "reached", "reached", "missed"),
            (Goal::Under(0.97), "reached", "missed", "missed"),
        ] {
            assert_eq!(goal.verdict(0.9699), below, "{goal:?}");
            assert_eq!(goal.verdict(0.97), at, "{goal:?}");
            assert_eq!(goal.verdict(0.9701), above, "{goal:?}");
            assert_eq!(goal.verdict(f64::NAN), "missed", "{goal:?}");
        }
    }

    /// What is missed is named, all of it and nothing else.
    #[test]
    fn several() {
        assert_eq!(verdicts(&[("total", true), ("delay", true)]), "reached");
        let goals = [("total", false), ("delay", true), ("memory", false)];
        assert_eq!(verdicts(&goals), "missed: total, memory");
    }
}
