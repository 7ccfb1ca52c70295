// SPDX-License-Identifier: MPL-2.0
//! Checks that run one after the other, and what becomes of them.

use std::time::Instant;

use anyhow::Result;

/// One check.
pub struct Step<'a> {
    pub name: &'static str,
    /// What to do when it fails.
    pub hint: &'static str,
    pub run: Box<dyn Fn() -> Result<()> + 'a>,
}

/// Why a step could not do its work, where that is no failure: the machine lacks what it needs.
#[derive(Debug)]
pub struct Skipped(pub String);

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skipped {}

/// Runs the steps up to the first that fails; the last line printed sums up.
pub fn all(steps: &[Step]) -> bool {
    let mut summary = Vec::new();
    for step in steps {
        println!("==> {}", step.name);
        let started = Instant::now();
        let result = (step.run)();
        let seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                println!("    {} ok, {seconds:.1} s", step.name);
                summary.push(format!("{} ok", step.name));
            }
            Err(error) if error.is::<Skipped>() => {
                println!("    {} skipped: {error:#}", step.name);
                summary.push(format!("{} SKIPPED", step.name));
            }
            Err(error) => {
                println!("    {} failed, {seconds:.1} s: {error:#}", step.name);
                println!("    to fix it: {}", step.hint);
                summary.push(format!("{} FAILED", step.name));
                break;
            }
        }
    }
    let passed = !summary.iter().any(|line| line.ends_with("FAILED"));
    let rest = steps.iter().skip(summary.len());
    summary.extend(rest.map(|step| format!("{} not run", step.name)));
    println!("{}", summary.join(", "));
    passed
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    fn step<'a>(name: &'static str, run: impl Fn() -> Result<()> + 'a) -> Step<'a> {
        Step {
            name,
            hint: "",
            run: Box::new(run),
        }
    }

    /// The first failure ends the run and decides it.
    #[test]
    fn stops_at_the_first_failure() {
        let reached = Cell::new(0);
        let count = || {
            reached.set(reached.get() + 1);
            Ok(())
        };
        let steps = [
            step("one", count),
            step("two", || bail!("on purpose")),
            step("three", count),
        ];
        assert!(!all(&steps));
        assert_eq!(reached.get(), 1);
    }

    /// What cannot be done on this machine is no failure, and the next step runs.
    #[test]
    fn goes_on_after_what_is_skipped() {
        let reached = Cell::new(false);
        let steps = [
            step("one", || Err(Skipped("no network".to_owned()).into())),
            step("two", || {
                reached.set(true);
                Ok(())
            }),
        ];
        assert!(all(&steps));
        assert!(reached.get());
    }

    /// Without a failure every step runs.
    #[test]
    fn passes_when_all_do() {
        let reached = Cell::new(0);
        let count = || {
            reached.set(reached.get() + 1);
            Ok(())
        };
        assert!(all(&[step("one", count), step("two", count)]));
        assert_eq!(reached.get(), 2);
    }
}
