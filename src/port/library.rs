//! Where the schedule files are, and what stands beside them.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;

use crate::domain::problem::{Code, Place, Problem, Source};
use crate::domain::supplies::Supplies;
use crate::domain::time::ZoneRules;

/// A file that could not be read, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableFile {
    pub name: String,
    pub why: String,
    /// What to do about it.
    pub cure: String,
    /// Where the fault stands, with the text as far as it can be shown, when it is in the text.
    pub at: Option<Box<(Source, Range<usize>)>>,
}

impl UnreadableFile {
    #[must_use]
    pub fn new(name: impl Into<String>, why: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into(), cure: cure.into(), at: None }
    }

    /// The problem of a file that stands among others, and the text in which it has its place.
    #[must_use]
    pub fn problem(&self) -> (Source, Problem) {
        let nowhere = || (Source::new(self.name.as_str(), ""), 0..0);
        let (source, span) = self.at.as_deref().cloned().unwrap_or_else(nowhere);
        let what = format!("this can't be read: {}", self.why);
        (source, Problem::new(Code::Unreadable, span, what).with_help(self.cure.as_str()))
    }

    /// The same without the name of the file, for where that stands already.
    #[must_use]
    pub fn line(&self) -> String {
        let place = self.at.as_deref().map_or_else(String::new, |(source, span)| {
            let Place { line, column } = source.place(span.start);
            format!("{line}:{column}: ")
        });
        format!("{place}it can't be read: {}; {}", self.why, self.cure)
    }
}

/// For where the file was named alone.
impl fmt::Display for UnreadableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, why, cure, at } = self;
        let place = at.as_deref().map(|(source, span)| source.place(span.start));
        let place = place.map_or_else(String::new, |Place { line, column }| format!(":{line}:{column}"));
        write!(f, "{name}{place} can't be read: {why}; {cure}")
    }
}

/// A file that schedules may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSupply {
    /// Its path below the directory of the schedules, such as `cards/welcome.json`.
    pub path: String,
    pub text: Result<Source, UnreadableFile>,
}

/// What a look at the schedule files found.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Every readable file, in the order of the names.
    pub files: Vec<Source>,
    /// What could not be read besides supplies.
    pub unreadable: Vec<UnreadableFile>,
    /// Every supply, in the order of the paths.
    pub supplies: Vec<FoundSupply>,
}

impl Shelf {
    /// The supplies, understood. One that can't be read is there all the same, and says nothing.
    #[must_use]
    pub fn understand(&self, rules: &dyn ZoneRules) -> Supplies {
        let read = |supply: &FoundSupply| {
            (supply.path.clone(), supply.text.clone().map_err(|unreadable| unreadable.problem()))
        };
        Supplies::of(self.supplies.iter().map(read), rules)
    }
}

/// Tells when the files may be others than before.
#[async_trait]
pub trait FileWatch: Send + Sync {
    /// Waits until something has changed since this was last asked; at first, since the watch began. Cancel-safe.
    async fn changed(&self);
}

/// The schedule files of one directory and those below it, with their supplies.
#[async_trait]
pub trait Library: Send + Sync {
    async fn read(&self) -> Shelf;
}
