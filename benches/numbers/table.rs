//! The table: what was to be reached, what was measured, and beside what.

use std::fmt::Write as _;

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

    pub(crate) fn least(&self) -> f64 {
        self.0[0]
    }

    pub(crate) fn greatest(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// The median, and the least and the greatest where there was more than one run.
    pub(crate) fn show(&self, digits: usize, unit: &str) -> String {
        let (least, greatest) = (self.least(), self.greatest());
        let spread =
            if self.0.len() > 1 { format!(" ({least:.digits$}–{greatest:.digits$})") } else { String::new() };
        format!("{:.digits$}{spread}{unit}", self.median())
    }
}

pub(crate) fn show(rows: &[Row]) -> String {
    let header = ["what", "goal", "measured", "baseline", "ratio", ""].map(str::to_owned);
    let cells = |row: &Row| {
        let verdict = if row.is_met { "met" } else { "NOT MET" }.to_owned();
        let Row { what, goal, measured, baseline, ratio, .. } = row;
        [what.clone(), goal.clone(), measured.clone(), baseline.clone(), ratio.clone(), verdict]
    };
    let lines: Vec<[String; 6]> = std::iter::once(header).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let aligned = |line: &[String; 6]| {
        let mut text = format!("{:<1$}", line[0], widths[0]);
        for (cell, width) in line.iter().zip(widths).skip(1).take(4) {
            write!(text, "  {cell:>width$}").expect("a string takes it");
        }
        format!("{text}  {}", line[5]).trim_end().to_owned()
    };
    lines.iter().map(aligned).collect::<Vec<_>>().join("\n")
}
