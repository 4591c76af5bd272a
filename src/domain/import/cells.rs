//! CSV taken apart into cells that know where they stand. (The csv crate knows the line of a row, not the place of a
//! cell, and a problem should point at what is wrong.)

use std::ops::Range;

/// One cell: what it says, and the bytes of the file from which that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// One row with at least one cell that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// The opening quote of a cell that is never closed. It takes the rest of the file with it.
    pub(super) unclosed: Option<usize>,
}

impl Row {
    pub(super) fn span(&self) -> Range<usize> {
        match (self.cells.first(), self.cells.last()) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ => 0..0,
        }
    }
}

/// The rows of a text. Spreadsheets separate cells by commas, semicolons or tabs, depending on their language: the
/// first line shows which.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let header = text[start..].trim_start().lines().next().unwrap_or("");
    // Of equally many, the last one wins: the comma.
    let separator = ['\t', ';', ','].into_iter().max_by_key(|c| header.matches(*c).count()).unwrap_or(',');
    let mut rows = Vec::new();
    let mut at = start;
    while at < text.len() {
        let (row, end) = row(text, at, separator);
        if row.cells.iter().any(|cell| !cell.text.is_empty()) || row.unclosed.is_some() {
            rows.push(row);
        }
        at = end;
    }
    rows
}

/// The row that begins at `start`, and where the next one begins.
fn row(text: &str, start: usize, separator: char) -> (Row, usize) {
    let mut row = Row { cells: Vec::new(), unclosed: None };
    let mut at = start;
    loop {
        // White space before a quote does not belong to the cell.
        let quote = text[at..].trim_start_matches([' ', '\u{a0}']);
        let end = if quote.starts_with('"') {
            let opening = text.len() - quote.len();
            let (cell, closing) = quoted(text, opening);
            row.cells.push(cell);
            if closing.is_none() {
                row.unclosed = Some(opening);
            }
            let behind = closing.unwrap_or(text.len());
            text[behind..].find([separator, '\n']).map_or(text.len(), |offset| behind + offset)
        } else {
            let end = text[at..].find([separator, '\n']).map_or(text.len(), |offset| at + offset);
            let plain = text[at..end].trim();
            let begin = end - text[at..end].trim_start().len();
            row.cells.push(Cell { text: plain.to_owned(), span: begin..begin + plain.len() });
            end
        };
        if !text[end..].starts_with(separator) {
            return (row, (end + 1).min(text.len()));
        }
        at = end + separator.len_utf8();
    }
}

/// The cell in quotes that begins at `opening`, and where it ends, if it does.
fn quoted(text: &str, opening: usize) -> (Cell, Option<usize>) {
    let mut content = String::new();
    let mut at = opening + 1;
    while let Some(offset) = text[at..].find('"') {
        content.push_str(&text[at..at + offset]);
        at += offset + 1;
        // Two quotes stand for one.
        if !text[at..].starts_with('"') {
            let cell = Cell { text: content.trim().to_owned(), span: opening..at };
            return (cell, Some(at));
        }
        content.push('"');
        at += 1;
    }
    content.push_str(&text[at..]);
    (Cell { text: content.trim().to_owned(), span: opening..text.len() }, None)
}
