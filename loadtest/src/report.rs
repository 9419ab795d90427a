//! What a run leaves behind: a table for a person, a line of JSON, and a page with the plots.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::error::Error;
use crate::plot::{Page, Plot};

/// Where results go.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArgs {
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Folder of the page with the plots
    #[arg(long, value_name = "FOLDER", default_value = "target/loadtest")]
    pub(crate) plots: PathBuf,
}

/// The result of a scenario.
#[derive(Debug)]
pub(crate) struct Report<J> {
    /// Name of the scenario, and of its page.
    pub(crate) name: &'static str,
    /// What was measured, in a sentence.
    pub(crate) title: String,
    pub(crate) table: Table,
    /// What a reader must know to believe the table.
    pub(crate) notes: Vec<String>,
    pub(crate) plots: Vec<Plot>,
    pub(crate) json: J,
}

impl<J: Serialize> Report<J> {
    /// Prints the report and writes its page.
    pub(crate) fn publish(self, args: &ReportArgs) -> Result<(), Error> {
        let json = serde_json::to_string(&self.json).map_err(Error::Json)?;
        let text = self.text();
        let page = Page {
            title: self.title,
            text: text.clone(),
            plots: self.plots,
        };
        let path = args.plots.join(self.name).with_extension("html");
        write_page(&path, &page).map_err(Error::system("write the plot"))?;
        let out = &mut io::stdout();
        let printed = if args.json {
            writeln!(out, "{json}")
        } else {
            writeln!(out, "{text}\nplot: {}\n{json}", path.display())
        };
        printed.map_err(Error::system("print the result"))
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n{}", self.title, self.table);
        for note in &self.notes {
            text.push('\n');
            text.push_str(note);
        }
        text
    }
}

fn write_page(path: &Path, page: &Page) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, page.to_string())
}

/// Text in columns: the first to the left, the others to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self {
            rows: vec![heads.map(str::to_owned).to_vec()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(String::len).max().unwrap_or_default()
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                match column {
                    0 => write!(f, "{cell:<width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// A number with as many digits after the point, or a dash.
pub(crate) fn told(value: impl Into<Option<f64>>, digits: usize) -> String {
    match value.into() {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["what", "us"]);
        table.row(["a".to_owned(), told(12.345, 1)]);
        table.row(["longer".to_owned(), told(None, 1)]);
        assert_eq!(
            table.to_string(),
            "what      us\na       12.3\nlonger     -\n"
        );
    }
}
