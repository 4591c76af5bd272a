//! Problems as a writer meets them: one line that says what, where and what to do; then the excerpt.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use crate::cli::screen::{Screen, plain_name};
use crate::domain::problem::{Place, Problem, Severity, Source};

/// So many files are named one by one where something is wrong with many: a directory that lost its rights is one fault.
pub(super) const FILES_SHOWN: usize = 10;

/// What is said of the files behind the first [`FILES_SHOWN`] of `count`.
pub(super) fn more_files(count: usize) -> Option<String> {
    let more = count.saturating_sub(FILES_SHOWN);
    let files = if more == 1 { "file" } else { "files" };
    (more > 0).then(|| format!("{more} more {files}; `nudged check` names them all"))
}

/// A problem as `--json` prints it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ProblemView {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// The place just after the last character that is wrong.
    pub end: Place,
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub help: Option<String>,
}

impl ProblemView {
    #[must_use]
    pub(super) fn new(source: &Source, problem: &Problem) -> Self {
        let Place { line, column } = source.place(problem.span.start);
        Self {
            file: source.name.to_string(),
            line,
            column,
            end: source.place(problem.span.end),
            code: problem.code.as_str(),
            severity: problem.severity(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}

/// The line and the excerpt.
#[must_use]
pub(super) fn render(source: &Source, problem: &Problem) -> String {
    let headline = headline(source, problem);
    match excerpt(source, problem, false) {
        Some(excerpt) => format!("{headline}\n{excerpt}"),
        None => headline,
    }
}

fn headline(source: &Source, problem: &Problem) -> String {
    let severity = match problem.severity() {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let Place { line, column } = source.place(problem.span.start);
    let help = problem.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
    let name = plain_name(&source.name);
    format!("{name}:{line}:{column}: {severity} {}: {}{help}", problem.code, problem.message)
}

/// The lines of the file that are wrong, with a mark below; nothing where there is no text to show.
pub(super) fn excerpt(source: &Source, problem: &Problem, colour: bool) -> Option<String> {
    if source.text.is_empty() {
        return None;
    }
    let level = match problem.severity() {
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    };
    let snippet =
        Snippet::source(&*source.text).line_start(1).annotation(AnnotationKind::Primary.span(problem.span.clone()));
    let group = annotate_snippets::Group::with_level(level).element(snippet);
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    Some(renderer.render(&[group]))
}

/// Shows all problems of one file.
pub(super) fn show(screen: Screen, source: &Source, problems: &[Problem]) {
    for problem in problems {
        screen.data(headline(source, problem));
        if let Some(excerpt) = excerpt(source, problem, screen.has_colour()) {
            screen.excerpt(&excerpt);
        }
    }
}
