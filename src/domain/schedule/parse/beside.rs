//! The supplies that a schedule may use, and a note of those that it does use.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::domain::document::{Placed, Table, excerpt};
use crate::domain::nearest::nearest;
use crate::domain::problem::{Code, Problem};
use crate::domain::supplies::{Kind, Supplies, Supply};

/// What stands beside the file in which a schedule is written.
pub(super) struct Beside<'s> {
    supplies: &'s Supplies,
    used: RefCell<BTreeSet<String>>,
}

impl<'s> Beside<'s> {
    pub(super) fn new(supplies: &'s Supplies) -> Self {
        Self { supplies, used: RefCell::default() }
    }

    /// The supply of this path, which from now on is used: a schedule means something else when it changes.
    pub(super) fn get(&self, path: &str) -> Option<&'s Supply> {
        self.used.borrow_mut().insert(path.to_owned());
        self.supplies.get(path)
    }

    /// The paths of all that is used, whether it is there or not, in their order.
    pub(super) fn used(self) -> Vec<String> {
        self.used.into_inner().into_iter().collect()
    }

    /// Appends what the used supplies say.
    pub(super) fn write_canonical(&self, out: &mut String) {
        use std::fmt::Write;
        for path in self.used.borrow().iter() {
            let text = self.supplies.get(path).map_or("", |supply| &*supply.source.text);
            // Writing to a string can't fail.
            let _ = write!(out, "f{}:{path}={}:{text};", path.len(), text.len());
        }
    }

    /// The paths of all calendars that there are.
    pub(super) fn calendars(&self) -> impl Iterator<Item = &'s str> {
        self.supplies.iter().map(|(path, _)| path).filter(|path| Kind::of(path) == Some(Kind::Calendar))
    }

    /// The good supply that `key` names; where it is not there or not good, that is a problem.
    pub(super) fn read(&self, table: &mut Table<'_>, key: &'static str, kind: Kind) -> Option<&'s Supply> {
        let path = table.text(key)?;
        let directory = kind.directory();
        if Kind::of(path.value) != Some(kind) {
            let ending = kind.endings().join(" or .");
            let message = format!("`{key}` must name a .{ending} file below {directory}/");
            let help = format!("write for example {key} = \"{directory}/welcome.{}\"", kind.endings()[0]);
            table.report(Problem::new(Code::MissingSupply, path.span, message).with_help(help));
            return None;
        }
        match self.get(path.value) {
            Some(supply) if supply.is_good() => Some(supply),
            found => {
                table.report(self.not_usable(&path, found));
                None
            }
        }
    }

    fn not_usable(&self, path: &Placed<&str>, found: Option<&Supply>) -> Problem {
        let name = excerpt(path.value);
        if found.is_some() {
            return Problem::new(Code::MissingSupply, path.span.clone(), format!("{name} has problems of its own"))
                .with_help("mend that file first");
        }
        let kind = Kind::of(path.value);
        let others = self.supplies.iter().map(|(path, _)| path).filter(|path| Kind::of(path) == kind);
        let help = match nearest(path.value, others) {
            Some(other) => format!("did you mean \"{other}\"?"),
            None => "put it there, below the directory of the schedules".to_owned(),
        };
        Problem::new(Code::MissingSupply, path.span.clone(), format!("there is no file {name}")).with_help(help)
    }
}
