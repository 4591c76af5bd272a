//! The files beside the schedules that schedules refer to by their path: cards, texts and calendars.
//!
//! A supply is known by its path below the directory of the schedules, with `/` between its parts, whatever the system:
//! `cards/welcome.json`. What a supply says is understood once, here; a schedule that names it takes what was understood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::card::Card;
use crate::domain::holidays::{self, HolidayCalendar};
use crate::domain::problem::{Code, Problem, Severity, Source};
use crate::domain::template::{Form, Template};
use crate::domain::time::ZoneRules;

/// The kinds of supplies, each with its directory and the endings of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Adaptive Cards.
    Card,
    /// Texts of messages.
    Text,
    /// Holidays.
    Calendar,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Card, Kind::Text, Kind::Calendar];

    /// The directory in which its files are.
    #[must_use]
    pub fn directory(self) -> &'static str {
        match self {
            Kind::Card => "cards",
            Kind::Text => "text",
            Kind::Calendar => "calendars",
        }
    }

    /// How the names of its files end, behind the last dot.
    #[must_use]
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Kind::Card => &["json"],
            Kind::Text => &["md"],
            Kind::Calendar => &["ics", "toml"],
        }
    }

    /// The kind that a path below the directory of the schedules has; `None` when it is no supply.
    #[must_use]
    pub fn of(path: &str) -> Option<Kind> {
        let (directory, rest) = path.split_once('/')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.directory() == directory)?;
        let (_, ending) = rest.rsplit_once('.')?;
        kind.endings().contains(&ending).then_some(kind)
    }
}

/// One file.
#[derive(Debug, Clone)]
pub struct Supply {
    pub source: Source,
    pub understood: Understood,
    /// Everything that is wrong or odd in it, in the order of the file.
    pub problems: Vec<Problem>,
}

/// What a supply says.
#[derive(Debug, Clone)]
pub enum Understood {
    Card(Card),
    Text(Template),
    Calendar(Arc<HolidayCalendar>),
    /// Nothing: its problems say why.
    Not,
}

impl Supply {
    /// Whether it can be used.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.problems.iter().all(|problem| problem.severity() == Severity::Warning)
    }

    fn read(kind: Kind, source: Source, rules: &dyn ZoneRules) -> Self {
        let (understood, problems) = match kind {
            Kind::Card => {
                let (card, problems) = Card::read(&source.text);
                (card.map_or(Understood::Not, Understood::Card), problems)
            }
            Kind::Text => match read_text(&source.text) {
                Ok(template) => (Understood::Text(template), Vec::new()),
                Err(problems) => (Understood::Not, problems),
            },
            Kind::Calendar => {
                let (calendar, problems) = holidays::read(&source, rules);
                (Understood::Calendar(Arc::new(calendar)), problems)
            }
        };
        Self { source, understood, problems }
    }
}

/// What is wrong with each calendar that has the name of another one: neither is the first, wherever one has been longer.
fn twice(by_path: &BTreeMap<String, Supply>) -> Vec<(String, Problem)> {
    let mut calendars: BTreeMap<&str, Vec<(&String, &Supply)>> = BTreeMap::new();
    for (path, supply) in by_path.iter().filter(|(path, _)| Kind::of(path) == Some(Kind::Calendar)) {
        calendars.entry(holidays::name_of(path)).or_default().push((path, supply));
    }
    calendars.retain(|_, those| those.len() > 1);
    let problem = |name: &str, supply: &Supply, files: &str| {
        let end = supply.source.text.find('\n').unwrap_or(supply.source.text.len());
        let message = format!("calendar `{name}` is there twice: {files}");
        Problem::new(Code::DuplicateCalendar, 0..end, message)
            .with_help("give one of the two another name, or remove it")
    };
    let of_name = calendars.into_iter().flat_map(|(name, those)| {
        let files: Vec<&str> = those.iter().map(|(_, supply)| &*supply.source.name).collect();
        let files = files.join(" and ");
        those.into_iter().map(move |(path, supply)| (path.clone(), problem(name, supply, &files)))
    });
    of_name.collect()
}

fn read_text(text: &str) -> Result<Template, Vec<Problem>> {
    if text.trim().is_empty() {
        let problem = Problem::new(Code::EmptyText, 0..text.len(), "the file is empty")
            .with_help("write what is to be said, such as Good morning {{ person.first_name }}");
        return Err(vec![problem]);
    }
    Template::read(text, Form::Markdown, |range| range)
}

/// All supplies of one directory of schedules. A clone shares them.
#[derive(Debug, Clone, Default)]
pub struct Supplies {
    by_path: Arc<BTreeMap<String, Arc<Supply>>>,
}

impl Supplies {
    /// For texts that stand alone.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Understands files, each with its path below the directory of the schedules. What is no supply is left out.
    #[must_use]
    pub fn read(files: impl IntoIterator<Item = (String, Source)>, rules: &dyn ZoneRules) -> Self {
        let files = Self::each(files.into_iter().map(|(path, source)| (path, Ok(source))), rules);
        Self { by_path: Arc::new(files.map(|(path, supply)| (path, Arc::new(supply))).collect()) }
    }

    /// The same for those that stand beside each other. Of what can't be read there is the problem, and of two calendars with
    /// one name nobody knows which is meant.
    #[must_use]
    pub fn of(
        files: impl IntoIterator<Item = (String, Result<Source, (Source, Problem)>)>,
        rules: &dyn ZoneRules,
    ) -> Self {
        let mut by_path: BTreeMap<String, Supply> = Self::each(files, rules).collect();
        for (path, problem) in twice(&by_path) {
            if let Some(supply) = by_path.get_mut(&path) {
                supply.problems.insert(0, problem);
            }
        }
        Self { by_path: Arc::new(by_path.into_iter().map(|(path, supply)| (path, Arc::new(supply))).collect()) }
    }

    fn each(
        files: impl IntoIterator<Item = (String, Result<Source, (Source, Problem)>)>,
        rules: &dyn ZoneRules,
    ) -> impl Iterator<Item = (String, Supply)> {
        files.into_iter().filter_map(|(path, text)| {
            let kind = Kind::of(&path)?;
            let supply = match text {
                Ok(source) => Supply::read(kind, source, rules),
                Err((source, problem)) => Supply { source, understood: Understood::Not, problems: vec![problem] },
            };
            Some((path, supply))
        })
    }

    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Supply> {
        self.by_path.get(path).map(Arc::as_ref)
    }

    /// Every supply with its path, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Supply)> {
        self.by_path.iter().map(|(path, supply)| (path.as_str(), supply.as_ref()))
    }

    /// These, and of `others` those whose paths are not among them.
    #[must_use]
    pub fn or(&self, others: &Supplies) -> Supplies {
        let mut by_path = BTreeMap::clone(&others.by_path);
        by_path.extend(self.by_path.iter().map(|(path, supply)| (path.clone(), Arc::clone(supply))));
        Self { by_path: Arc::new(by_path) }
    }

    /// The one of this path, or none.
    #[must_use]
    pub fn only(&self, path: &str) -> Supplies {
        let only = self.by_path.get_key_value(path);
        Self { by_path: Arc::new(only.map(|(path, supply)| (path.clone(), Arc::clone(supply))).into_iter().collect()) }
    }

    /// The calendars of which `others` have none of that name.
    #[must_use]
    pub fn calendars_missing_in(&self, others: &Supplies) -> Supplies {
        let is_calendar = |path: &str| Kind::of(path) == Some(Kind::Calendar);
        let there: BTreeSet<&str> =
            others.iter().map(|(path, _)| path).filter(|path| is_calendar(path)).map(holidays::name_of).collect();
        let missing = |path: &str| is_calendar(path) && !there.contains(holidays::name_of(path));
        let missing = self.by_path.iter().filter(|(path, _)| missing(path));
        Self { by_path: Arc::new(missing.map(|(path, supply)| (path.clone(), Arc::clone(supply))).collect()) }
    }

    /// Those that can be used.
    #[must_use]
    pub fn good(&self) -> Supplies {
        let good = self.by_path.iter().filter(|(_, supply)| supply.is_good());
        Self { by_path: Arc::new(good.map(|(path, supply)| (path.clone(), Arc::clone(supply))).collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::known::KnownRules;

    fn read(files: &[(&str, &str)]) -> Supplies {
        Supplies::read(files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(*path, *text))), &KnownRules)
    }

    #[test]
    fn the_path_says_what_a_file_is() {
        let check = |path: &str, expect: Option<Kind>| assert_eq!(Kind::of(path), expect, "{path}");
        check("cards/welcome.json", Some(Kind::Card));
        check("cards/deep/er/welcome.json", Some(Kind::Card));
        check("text/news.md", Some(Kind::Text));
        check("calendars/de.ics", Some(Kind::Calendar));
        check("calendars/de.toml", Some(Kind::Calendar));
        for other in ["cards/readme.md", "team/cards/x.json", "standup.toml", "cards", "cards/json", "Cards/x.json"] {
            check(other, None);
        }
    }

    #[test]
    fn each_is_understood_for_what_it_is() {
        let supplies = read(&[
            ("text/good.md", "Hi {{ person.first_name }}\n"),
            ("text/bad.md", "Hi\n{{ person.firstname }}\n"),
            ("text/empty.md", "\n"),
            ("cards/bad.json", "{"),
            ("calendars/de.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n"),
            ("cards/notes.txt", "no supply"),
        ]);
        let got: Vec<String> = supplies
            .iter()
            .map(|(path, supply)| {
                let problems: Vec<_> = supply.problems.iter().map(|problem| problem.line(&supply.source)).collect();
                format!("{path}: {}", problems.join(" | "))
            })
            .collect();
        insta::assert_snapshot!(got.join("\n"), @r"
        calendars/de.ics: 
        cards/bad.json: 1:1: N134 this is not JSON: EOF while parsing an object; look for a missing quote, comma or bracket just before it
        text/bad.md: 2:4: N131 unknown name `person.firstname` in the text; did you mean `person.first_name`?
        text/empty.md: 1:1: N132 the file is empty; write what is to be said, such as Good morning {{ person.first_name }}
        text/good.md:
        ");
        assert!(matches!(supplies.get("text/good.md").map(|supply| &supply.understood), Some(Understood::Text(_))));
        assert_eq!(
            supplies.good().iter().map(|(path, _)| path).collect::<Vec<_>>(),
            ["calendars/de.ics", "text/good.md"]
        );
    }

    /// Which of them would be meant?
    #[test]
    fn two_calendars_of_one_name_are_both_refused() {
        let files = [
            ("calendars/de.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n"),
            ("calendars/de.toml", "days = [2027-03-01]\n"),
            ("calendars/eu/fr.toml", "days = [2027-03-01]\n"),
            ("text/de.md", "Guten Tag\n"),
        ];
        let supplies =
            Supplies::of(files.map(|(path, text)| (path.to_owned(), Ok(Source::new(path, text)))), &KnownRules);
        let lines = supplies.iter().flat_map(|(path, supply)| {
            supply.problems.iter().map(move |problem| format!("{path}: {}", problem.line(&supply.source)))
        });
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        calendars/de.ics: 1:1: N192 calendar `de` is there twice: calendars/de.ics and calendars/de.toml; give one of the two another name, or remove it
        calendars/de.toml: 1:1: N192 calendar `de` is there twice: calendars/de.ics and calendars/de.toml; give one of the two another name, or remove it
        ");
        assert_eq!(
            supplies.good().iter().map(|(path, _)| path).collect::<Vec<_>>(),
            ["calendars/eu/fr.toml", "text/de.md"]
        );
    }

    #[test]
    fn the_first_of_two_shadows_the_other() {
        let both = read(&[("text/a.md", "new")]).or(&read(&[("text/a.md", "old"), ("text/b.md", "old")]));
        let texts: Vec<_> = both.iter().map(|(path, supply)| format!("{path} {}", supply.source.text)).collect();
        assert_eq!(texts, ["text/a.md new", "text/b.md old"]);
    }
}
