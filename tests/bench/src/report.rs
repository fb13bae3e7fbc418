//! How figures are printed: tables for people, one line of JSON for programs.

use crate::figure::{Count, Figure, Row};
use crate::machine::Machine;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Width of the printed tables, in characters.
const WIDTH: u16 = 150;

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this form.
    pub version: u32,
    /// What it was measured on.
    pub machine: Machine,
    /// The figures, in the order in which they were taken.
    pub figures: Vec<Figure>,
}

impl Report {
    /// A report of these figures.
    pub fn new(machine: Machine, figures: Vec<Figure>) -> Self {
        Self {
            version: 2,
            machine,
            figures,
        }
    }

    /// The report in one line of JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{}", self.machine)?;
        for figure in &self.figures {
            writeln!(formatter, "\n{}: {}", figure.name, figure.title)?;
            if !figure.rows.is_empty() {
                writeln!(formatter, "{}", table(figure).trim_fmt())?;
            }
            if !figure.counts.is_empty() {
                writeln!(formatter, "{}", counts(figure).trim_fmt())?;
            }
            for note in &figure.notes {
                writeln!(formatter, "  {note}")?;
            }
        }
        Ok(())
    }
}

fn table(figure: &Figure) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header([
            "what", "runs", "median", "min", "max", "baseline", "takes", "ratio", "aim",
        ])
        .add_rows(figure.rows.iter().map(cells));
    for column in [1, 2, 3, 4, 6, 7] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn counts(figure: &Figure) -> Table {
    let cells = |count: &Count| {
        [
            count.what.clone(),
            format!("{:.0} {}", count.value, count.unit),
            count.aim.clone().unwrap_or_default(),
        ]
    };
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(["what", "counted", "aim"])
        .add_rows(figure.counts.iter().map(cells));
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cells(row: &Row) -> [String; 9] {
    let baseline = row.baseline.as_ref();
    [
        row.what.clone(),
        row.runs.to_string(),
        time(row.median_ms),
        time(row.min_ms),
        time(row.max_ms),
        baseline.map_or(String::new(), |baseline| baseline.what.clone()),
        baseline.map_or(String::new(), |baseline| time(baseline.median_ms)),
        row.ratio
            .map_or(String::new(), |ratio| format!("{ratio:.2} ×")),
        row.aim.clone().unwrap_or_default(),
    ]
}

fn time(millis: f64) -> String {
    match millis {
        0.0..10.0 => format!("{millis:.3} ms"),
        10.0..1_000.0 => format!("{millis:.1} ms"),
        _ => format!("{:.2} s", millis / 1_000.0),
    }
}
