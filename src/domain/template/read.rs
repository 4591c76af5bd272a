//! A template, or everything that is wrong with it at its place in the file.

use std::ops::Range;

use super::{Form, Template, UnknownName, VOCABULARY};
use crate::domain::document::excerpt;
use crate::domain::problem::{Code, Problem};

impl Template {
    /// Parses a text of which `place` knows where its parts stand in the file. Here a name that nudged does not know
    /// is a problem.
    pub fn read(text: &str, form: Form, place: impl Fn(Range<usize>) -> Range<usize>) -> Result<Self, Vec<Problem>> {
        let template = Self::parse_as(text, form).map_err(|problem| {
            let mut shown = Problem::new(Code::BadTemplate, place(problem.range), problem.message);
            shown.help = problem.help;
            vec![shown]
        })?;
        let unknown = template.unknown_names();
        if unknown.is_empty() {
            return Ok(template);
        }
        Err(unknown.iter().map(|name| unknown_name(name, &place)).collect())
    }
}

fn unknown_name(unknown: &UnknownName, place: impl Fn(Range<usize>) -> Range<usize>) -> Problem {
    let what = if unknown.is_filter { "filter" } else { "name" };
    let help = match &unknown.nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if unknown.is_filter => {
            "remove it; `upper`, `lower` and `default(\"…\")` are among those that exist".into()
        }
        None => format!("the names are {}", VOCABULARY.join(", ")),
    };
    let message = format!("unknown {what} `{}` in the text", excerpt(&unknown.name));
    Problem::new(Code::UnknownTemplateName, place(unknown.range.clone()), message).with_help(help)
}
