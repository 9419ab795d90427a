//! Text in aligned columns.

use std::io::{self, Write};

use super::terminal::{Palette, Tone};

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(super) fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Plain,
        }
    }
}

/// A heading and rows of as many cells. Cells are ASCII: a byte is a column.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    heading: [&'static str; N],
    rows: Vec<[Cell; N]>,
}

/// Between two columns.
const GAP: &str = "  ";

impl<const N: usize> Table<N> {
    /// A heading that begins with `>` sets its column flush right.
    pub(super) const fn new(heading: [&'static str; N]) -> Self {
        Self {
            heading,
            rows: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, row: [Cell; N]) {
        self.rows.push(row);
    }

    /// Prints the table below an empty line; one without rows leaves no trace.
    pub(super) fn print_below(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        self.print(out, palette)
    }

    pub(super) fn print(&self, out: &mut impl Write, palette: Palette) -> io::Result<()> {
        let heading = self
            .heading
            .map(|title| Cell::toned(Tone::Heading, title.trim_start_matches('>')));
        self.print_row(out, palette, &heading)?;
        self.rows
            .iter()
            .try_for_each(|row| self.print_row(out, palette, row))
    }

    fn print_row(&self, out: &mut impl Write, palette: Palette, row: &[Cell; N]) -> io::Result<()> {
        let filled = row
            .iter()
            .rposition(|cell| !cell.text.is_empty())
            .map_or(0, |last| last + 1);
        for (column, cell) in row.iter().enumerate().take(filled) {
            let gap = if column == 0 { "" } else { GAP };
            let padding = " ".repeat(self.width(column) - cell.text.len());
            let text = palette.paint(cell.tone, &cell.text);
            match (self.is_flush_right(column), column + 1 == filled) {
                (true, _) => write!(out, "{gap}{padding}{text}")?,
                (false, true) => write!(out, "{gap}{text}")?,
                (false, false) => write!(out, "{gap}{text}{padding}")?,
            }
        }
        writeln!(out)
    }

    fn is_flush_right(&self, column: usize) -> bool {
        self.heading
            .get(column)
            .is_some_and(|title| title.starts_with('>'))
    }

    fn width(&self, column: usize) -> usize {
        let title = self
            .heading
            .get(column)
            .map_or(0, |title| title.trim_start_matches('>').len());
        let cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.text.len());
        cells.fold(title, usize::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_end_with_their_last_word() {
        let mut table = Table::new(["GATE", ">COUNT", "REASON"]);
        table.push(["impidMatch".into(), "7".into(), "impid_unknown".into()]);
        table.push(["bidSanity".into(), "1234567".into(), "".into()]);
        let mut out = Vec::new();
        table.print(&mut out, Palette::PLAIN).unwrap();
        let expected = "GATE          COUNT  REASON\nimpidMatch        7  impid_unknown\nbidSanity   1234567\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
