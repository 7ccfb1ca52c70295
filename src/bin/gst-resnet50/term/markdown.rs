// SPDX-License-Identifier: MPL-2.0
//! A report in Markdown, shortened for a terminal.

use std::io::Write as _;

use console::{Style, measure_text_width};

use super::{Table, fit, out, paint, width};

/// What of a report is shown.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Heading(String),
    /// A line of a list, or a goal.
    Line(String),
    /// Rows of cells, the titles first.
    Table(Vec<Vec<String>>),
}

/// Prints a report without its explanations, and of its tables the columns that the terminal has
/// room for.
pub fn say_short(report: &str) {
    for part in parts(report) {
        match part {
            Part::Heading(text) => {
                let text = paint(&fit(&text), Style::new().bold());
                let _ = writeln!(out(), "\n{text}");
            }
            Part::Line(text) => super::say(format_args!("{text}")),
            Part::Table(rows) => table(&rows),
        }
    }
}

fn table(rows: &[Vec<String>]) {
    let Some((titles, rows)) = rows.split_first() else {
        return;
    };
    let shown = columns(titles, rows, width().unwrap_or(usize::MAX));
    let pick = |row: &[String]| -> Vec<String> {
        let cell = |i: &usize| row.get(*i).cloned().unwrap_or_default();
        shown.iter().map(cell).collect()
    };
    let titles = pick(titles);
    let mut table = Table::new(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for row in rows {
        table.row(pick(row));
    }
    table.say();
}

/// The columns that there is room for: the first one, those of the goals, and then from the left.
fn columns(titles: &[String], rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let is_goal = |i: usize| titles[i].starts_with("goal");
    let mut order: Vec<usize> = (0..titles.len()).collect();
    order.sort_by_key(|i| (*i > 0, !is_goal(*i)));
    let widest = |i: usize| {
        let cells = rows.iter().filter_map(|row| row.get(i));
        let cells = cells.map(|cell| measure_text_width(cell));
        cells.max().unwrap_or(0).max(measure_text_width(&titles[i]))
    };
    let mut room = width;
    let mut shown = Vec::new();
    for i in order {
        let needed = widest(i) + 2;
        // The first has to be there, and two more say something.
        if needed > room && shown.len() >= 3 {
            continue;
        }
        room = room.saturating_sub(needed);
        shown.push(i);
    }
    shown.sort_unstable();
    shown
}

fn parts(report: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for line in report.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            parts.push(Part::Heading(heading.trim_matches([' ', '#']).to_owned()));
        } else if line.starts_with("- ") {
            parts.push(Part::Line(line.to_owned()));
        } else if line.starts_with("Goal") {
            // What follows is how it is measured.
            let goal = line.split_once(". ").map_or(line, |(goal, _)| goal);
            parts.push(Part::Line(goal.trim_end_matches('.').to_owned()));
        } else if let Some(row) = line.strip_prefix('|') {
            let row = row.trim_end().trim_end_matches('|');
            let cells: Vec<String> = row.split('|').map(|c| c.trim().replace('`', "")).collect();
            let is_rule = cells
                .iter()
                .all(|c| !c.is_empty() && c.chars().all(|c| matches!(c, '-' | ':')));
            match parts.last_mut() {
                _ if is_rule => {}
                Some(Part::Table(rows)) => rows.push(cells),
                _ => parts.push(Part::Table(vec![cells])),
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Explanations are left out, everything else stays.
    #[test]
    fn short() {
        let report = "## Overlay\n\nGoal: under 1 ms a frame. So it is measured.\n\nOne frame \
                      through `it`.\n\n| frame | ms | goal |\n|---|---|---|\n| `NV12` | 0.2 | \
                      reached |\n\nMore.\n- Load: 1.0\n";
        let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        assert_eq!(
            parts(report),
            [
                Part::Heading("Overlay".into()),
                Part::Line("Goal: under 1 ms a frame".into()),
                Part::Table(vec![
                    cells(["frame", "ms", "goal"]),
                    cells(["NV12", "0.2", "reached"])
                ]),
                Part::Line("- Load: 1.0".into()),
            ]
        );
    }

    /// What there is no room for is left out, but never the first column or the goal.
    #[test]
    fn room() {
        let titles = ["what", "one", "two", "three", "goals"].map(str::to_owned);
        let rows = [titles.to_vec()];
        assert_eq!(columns(&titles, &rows, usize::MAX), [0, 1, 2, 3, 4]);
        assert_eq!(columns(&titles, &rows, 25), [0, 1, 2, 4]);
        assert_eq!(columns(&titles, &rows, 10), [0, 1, 4]);
    }
}
