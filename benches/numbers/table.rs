//! The table: what was to be reached, what was measured, and beside what.

use comfy_table::{CellAlignment, Table, presets};

/// One number to reach.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) goal: String,
    pub(crate) measured: String,
    /// What the least that could be done takes in the same run.
    pub(crate) baseline: String,
    pub(crate) ratio: String,
    pub(crate) is_met: bool,
}

/// Several runs of the same.
#[derive(Debug, Default)]
pub(crate) struct Runs(Vec<f64>);

impl Runs {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    pub(crate) fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The median, and the least and the greatest where there was more than one run.
    pub(crate) fn show(&self, digits: usize, unit: &str) -> String {
        let (least, greatest) = (self.0[0], self.0[self.0.len() - 1]);
        let spread =
            if self.0.len() > 1 { format!(" ({least:.digits$}–{greatest:.digits$})") } else { String::new() };
        format!("{:.digits$}{spread}{unit}", self.median())
    }
}

pub(crate) fn show(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["what", "goal", "measured", "baseline", "ratio", ""]);
    for row in rows {
        let verdict = if row.is_met { "met" } else { "NOT MET" };
        table.add_row([&row.what, &row.goal, &row.measured, &row.baseline, &row.ratio, verdict]);
    }
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
