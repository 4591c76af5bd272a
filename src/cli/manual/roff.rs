//! Markdown as a manual page: headings, paragraphs, lists, code and tables, which is all that the references have.
//!
//! A table becomes a list of terms, since 80 columns hold no four columns of sentences: the first cell is the term, what
//! the others say stands below it, each behind the words at the head of its column.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A page `name` of a `section`. The first heading of the Markdown gives way to the page's own name.
pub(super) fn page(name: &str, section: &str, about: &str, source: &str, markdown: &str) -> String {
    let roff = format!(
        ".TH \"{name}\" \"{section}\" \"\" \"{source}\" \"nudged\"\n.SH NAME\n{} \\- {}\n.SH DESCRIPTION\n",
        escaped(name),
        escaped(about)
    );
    let mut writer = Writer { roff, ..Writer::default() };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        writer.take(event);
    }
    writer.roff.push_str(".SH SEE ALSO\n\\fBnudged\\fR(1), \\fBnudged.toml\\fR(5), \\fBnudged-schedule\\fR(5)\n");
    writer.roff
}

/// A page of a command in which the lines that are moved in, as examples are, stay as they are: a command that goes on in a
/// line of its own can't be pasted.
pub(super) fn with_examples(page: &[u8]) -> Vec<u8> {
    let (mut shown, mut is_example) = (Vec::with_capacity(page.len()), false);
    for line in page.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"  ") != is_example {
            is_example = !is_example;
            shown.extend_from_slice(if is_example { b".nf\n" } else { b".fi\n" });
        }
        shown.extend_from_slice(line);
    }
    shown
}

#[derive(Default)]
struct Writer {
    roff: String,
    /// What belongs to the line, cell or heading that is being read.
    words: String,
    is_code: bool,
    /// What precedes the text of the item that has begun.
    item: bool,
    heads: Vec<String>,
    cells: Vec<String>,
    is_title: bool,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => self.roff.push_str(&code(&text)),
            Event::Text(text) => self.words.push_str(&escaped(&text)),
            Event::Code(text) => self.words.extend([KEY, &escaped(&text), "\\fR"]),
            Event::SoftBreak | Event::HardBreak => self.words.push(' '),
            // The references have none of these; a new one is seen in their test.
            Event::Html(_) | Event::InlineHtml(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
            Event::FootnoteReference(_) | Event::Rule | Event::TaskListMarker(_) => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.is_title = *level == HeadingLevel::H1,
            Tag::CodeBlock(_) => {
                self.is_code = true;
                self.roff.push_str(".PP\n.RS 4\n.nf\n");
            }
            Tag::Item => self.item = true,
            Tag::Strong => self.words.push_str("\\fB"),
            Tag::Emphasis => self.words.push_str("\\fI"),
            Tag::Table(_) => {
                self.heads.clear();
                self.cells.clear();
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let words = std::mem::take(&mut self.words);
                if !std::mem::take(&mut self.is_title) {
                    let quoted = |title: &str| title.replace('"', "\\(dq");
                    if level == HeadingLevel::H2 {
                        // In capitals as is the custom, in which an escape would mean something else.
                        let title = words.replace("\\fB", "").replace("\\fR", "").to_uppercase();
                        self.roff.extend([".SH \"", &quoted(&title), "\"\n"]);
                    } else {
                        self.roff.extend([".SS \"", &quoted(&words), "\"\n"]);
                    }
                }
            }
            TagEnd::Paragraph => self.paragraph(),
            TagEnd::Item if !self.words.is_empty() => self.paragraph(),
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.roff.push_str(".fi\n.RE\n");
            }
            TagEnd::Strong | TagEnd::Emphasis => self.words.push_str("\\fR"),
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.words)),
            TagEnd::TableHead => self.heads = std::mem::take(&mut self.cells),
            TagEnd::TableRow => self.row(),
            _ => {}
        }
    }

    fn paragraph(&mut self) {
        let words = std::mem::take(&mut self.words);
        let before = if std::mem::take(&mut self.item) { ".IP \\(bu 2\n" } else { ".PP\n" };
        self.roff.push_str(before);
        self.line(&words);
    }

    /// A line of text that is no request.
    fn line(&mut self, words: &str) {
        if words.starts_with(['.', '\'']) {
            self.roff.push_str("\\&");
        }
        self.roff.push_str(words);
        self.roff.push('\n');
    }

    fn row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        let Some((term, others)) = cells.split_first() else { return };
        self.roff.push_str(".TP\n");
        // A head that is a key is part of what is written; one that says "key" is not.
        match self.heads.first().filter(|head| head.contains(KEY)).cloned() {
            Some(head) if !term.is_empty() => self.line(&format!("{head}: {term}")),
            _ => self.line(if term.is_empty() { "\\ " } else { term }),
        }
        let last = others.len().saturating_sub(1);
        for (number, (head, cell)) in self.heads.clone().iter().skip(1).zip(others).enumerate() {
            if cell.is_empty() {
                continue;
            }
            // What the last column says needs no head.
            if number == last {
                self.line(cell);
            } else {
                self.line(&format!("{head}: {cell}"));
                self.roff.push_str(".br\n");
            }
        }
    }
}

/// How a key or a value begins that is shown as it is written.
const KEY: &str = "\\fB";

/// Text in which nothing is a request or an escape.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga").replace('…', "...")
}

/// Lines of code, as they are.
fn code(text: &str) -> String {
    let line = |line: &str| format!("{}{}\n", if line.starts_with(['.', '\'']) { "\\&" } else { "" }, escaped(line));
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_at_the_head_of_a_table_stands_at_each_of_its_rows() {
        let table = "| `every` | `on` | what |\n|---|---|---|\n| `\"day\"` | | each day |\n";
        let page = page("things", "5", "of all kinds", "test 1", table);
        assert!(page.contains(".TP\n\\fBevery\\fR: \\fB\"day\"\\fR\neach day\n"), "{page}");
    }

    #[test]
    fn examples_are_not_filled() {
        let page = with_examples(b".SH EXTRA\nExamples:\n  nudged one\n    two\n\nMore of it.\n  three\n");
        let expect = ".SH EXTRA\nExamples:\n.nf\n  nudged one\n    two\n.fi\n\nMore of it.\n.nf\n  three\n";
        assert_eq!(String::from_utf8(page).expect("text"), expect);
    }

    #[test]
    fn a_reference_becomes_a_page() {
        let markdown = "# Things\n\nThey are *here*,\nin `a-b`.\n\n## Where `x` is\n\n- one\n- .two\n\n\
                        | key | default | what |\n|---|---|---|\n| `a` | 1 | it's \\a |\n| | | more |\n\n```toml\n.a = 'b'\n```\n";
        insta::assert_snapshot!(page("things", "5", "of all kinds", "test 1", markdown));
    }
}
