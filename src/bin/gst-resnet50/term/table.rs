// SPDX-License-Identifier: MPL-2.0
//! Columns that fit the terminal.

use std::io::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, presets};
use console::Style;

use super::{fit, paint, width};

/// Rows under a header; cells that are too long for the terminal go on in the next line.
#[derive(Debug)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Which columns hold numbers.
    numbers: Vec<bool>,
}

impl Table {
    /// An empty one. A title that ends in `>` is that of a column of numbers.
    pub fn new(titles: &[&str]) -> Self {
        Self {
            header: titles
                .iter()
                .map(|t| fit(t.trim_end_matches('>')).into_owned())
                .collect(),
            rows: Vec::new(),
            numbers: titles.iter().map(|t| t.ends_with('>')).collect(),
        }
    }

    /// Adds a row, of as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| fit(&cell).into_owned());
        self.rows.push(cells.collect());
    }

    /// Prints it.
    pub fn say(&self) {
        let mut out = super::out();
        for (i, line) in self.lines(width()).into_iter().enumerate() {
            let line = match i {
                0 => paint(&line, Style::new().bold()),
                _ => line,
            };
            let _ = writeln!(out, "{line}");
        }
    }

    /// Its lines for a terminal of so many columns, or for anything else. The header is one line
    /// where there is room for it.
    fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(&self.header);
        for row in &self.rows {
            table.add_row(row);
        }
        let last = self.header.len().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if i == last { 0 } else { 2 }));
            if self.numbers.get(i) == Some(&true) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        lines(&mut table, width)
    }
}

/// Text in lines of at most so many columns. Fewer than a word or two are not worth a break.
pub fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    const MIN_WIDTH: usize = 20;
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).add_row([text]);
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    lines(&mut table, width.filter(|width| *width >= MIN_WIDTH))
}

fn lines(table: &mut comfy_table::Table, width: Option<usize>) -> Vec<String> {
    match width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width.try_into().unwrap_or(u16::MAX));
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As wide as the terminal at most, whatever is in the cells; anywhere else as wide as they
    /// are, for what reads it goes by lines.
    #[test]
    fn widths() {
        let mut table = Table::new(&["source", "frames>", "best class"]);
        let long = "a/very/long/path".repeat(10);
        table.row([long.clone(), "7".into(), "tabby, tabby cat".into()]);
        table.row(["b.jpg".into(), "1234".into(), "猫".into()]);
        let lines = table.lines(Some(60));
        assert!(lines.len() > 3, "{lines:#?}");
        let widest = lines.iter().map(|l| console::measure_text_width(l)).max();
        assert!(widest <= Some(60), "{lines:#?}");
        let lines = table.lines(None);
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert_eq!(lines[1], format!("{long}       7  tabby, tabby cat"));
    }

    #[test]
    fn wraps() {
        assert_eq!(wrap("a b c", None), ["a b c"]);
        let text = "words that go on and on until there is no more room for them";
        let lines = wrap(text, Some(24));
        assert!(lines.iter().all(|l| l.len() <= 24), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrap(text, Some(3)), [text]);
    }
}
