//! What people and programs see: the one place that writes to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::escape::{escape, escape_json};

/// Standard output and standard error.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    /// For people, or as JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read this.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person watches.
    pub(crate) fn is_watched(&self) -> bool {
        !self.json && io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// One line, or several. Whatever a terminal would obey is shown, wherever it came from; in JSON it stays the same value.
    pub(crate) fn line(&self, text: &str) {
        let text = if self.json { escape_json(text) } else { escape(text) };
        self.raw(format!("{text}\n").as_bytes());
    }

    /// A value as JSON on one line.
    pub(crate) fn json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(&text),
            Err(error) => self.complain(&format!("error: {error}")),
        }
    }

    /// Bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        // Whoever read this has gone away: nothing is left to do.
        if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// A line beside the output: what goes on, what went wrong.
    pub(crate) fn complain(&self, text: &str) {
        // Nobody is left to tell when standard error is gone too.
        let _ = writeln!(io::stderr().lock(), "{}", escape(text));
    }

    /// Says what goes on, to people only.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            self.complain(text);
        }
    }

    /// Rows in columns, the first row the heading.
    pub(crate) fn table(&self, rows: &[Vec<String>]) {
        self.line(&columns(rows));
    }
}

/// Bytes as people read them: `1.1 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1_024.0 && unit + 1 < UNITS.len() {
        amount /= 1_024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{amount:.1} {}", UNITS[unit]) }
}

/// Rows in columns; numbers to the right.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let is_number = |column: usize| {
        let mut cells = rows.iter().skip(1).filter_map(|row| row.get(column)).peekable();
        cells.peek().is_some()
            && cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit()) && cell.len() < 12)
    };
    let numeric: Vec<bool> = (0..count).map(is_number).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(at, cell)| {
            let pad = " ".repeat(widths[at].saturating_sub(cell.chars().count()));
            if numeric[at] { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 1_023, 1_024, 1_573_392].map(size), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]);
    }

    #[test]
    fn columns_line_up_and_numbers_go_to_the_right() {
        let rows = [["step", "ms"], ["a", "5"], ["long", "120"]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        assert_eq!(columns(&rows), "step   ms\na       5\nlong  120");
    }
}
