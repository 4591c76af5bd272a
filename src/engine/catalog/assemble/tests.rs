//! What comes into force, what is held back and what is forgotten.

use super::*;
use crate::domain::message::Body;
use crate::domain::schedule::when::RecipientHolidays;
use crate::domain::time::known::KnownRules;
use crate::port::library::{FoundSupply, UnreadableFile};

fn file(name: &str, schedules: &[&str]) -> Source {
    let one = |name: &&str| {
        format!("[schedule.{name}]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n")
    };
    Source::new(name, schedules.iter().map(one).collect::<String>())
}

fn kept(source: &Source) -> Document {
    let kept_at = chrono::DateTime::UNIX_EPOCH;
    Document { name: format!("{LAST_GOOD}{}", source.name), text: source.text.to_string(), kept_at }
}

/// What is in force, what is held back (`+` with its last good version), what is newly kept, what is forgotten.
type Outcome = [Vec<String>; 4];

fn look(shelf: &Shelf, kept: &[Document], kept_supplies: &[Document]) -> Outcome {
    outcome(assemble(shelf, kept, kept_supplies, &[], &KnownRules, false))
}

fn outcome(assembled: Assembled) -> Outcome {
    let held = assembled.catalog.held_back.iter();
    [
        assembled.catalog.schedules.keys().map(ToString::to_string).collect::<Vec<_>>(),
        held.map(|file| format!("{}{}", file.file, if file.last_good_in_use { "+" } else { "" })).collect(),
        assembled.newly_good.iter().map(|(name, _)| name.clone()).collect(),
        assembled.gone,
    ]
}

#[track_caller]
fn expect(outcome: &Outcome, expect: [&[&str]; 4]) {
    assert_eq!(*outcome, expect.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>()));
}

#[track_caller]
fn check(files: &[Source], unreadable: &[&str], kept: &[Document], wanted: [&[&str]; 4]) {
    let unreadable = unreadable.iter().map(|name| UnreadableFile::new(*name, "x", "y"));
    let shelf = Shelf { files: files.to_vec(), unreadable: unreadable.collect(), supplies: Vec::new() };
    expect(&look(&shelf, kept, &[]), wanted);
}

#[test]
fn what_comes_into_force() {
    let (a, b) = (file("a", &["one", "two"]), file("b", &["three"]));
    let broken = Source::new("a", "[schedule.one]\n");
    let none: &[&str] = &[];
    check(&[a.clone(), b.clone()], &[], &[], [&["one", "three", "two"], none, &["file:a", "file:b"], none]);
    check(&[a.clone(), b.clone()], &[], &[kept(&a)], [&["one", "three", "two"], none, &["file:b"], none]);
    // A file is refused whole, and its last good version goes on.
    check(&[broken.clone(), b.clone()], &[], &[], [&["three"], &["a"], &["file:b"], none]);
    check(&[broken, b.clone()], &[], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+"], none, none]);
    check(std::slice::from_ref(&b), &["a"], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+"], none, none]);
    // The second file of a double name is held back whole.
    check(&[a.clone(), file("c", &["four", "two"])], &[], &[], [&["one", "two"], &["c"], &["file:a"], none]);
    // A removed file is forgotten; all at once they are not removed, but out of sight.
    check(std::slice::from_ref(&b), &[], &[kept(&a), kept(&b)], [&["three"], none, none, &["file:a"]]);
    check(&[], &[], &[kept(&a), kept(&b)], [&["one", "three", "two"], &["a+", "b+"], none, none]);
    check(&[], &["schedules"], &[kept(&a)], [&["one", "two"], &["schedules+"], none, none]);
    check(&[], &["schedules"], &[], [none, &["schedules"], none, none]);
}

const PATH: &str = "text/news.md";

/// A shelf with the schedule `news`, whose text is a supply; and with that supply, unless it is `None`.
fn with_supply(text: Option<&str>) -> Shelf {
    let supply = text.map(|text| FoundSupply { path: PATH.into(), text: Ok(Source::new("d/text/news.md", text)) });
    Shelf { files: vec![news("")], unreadable: Vec::new(), supplies: supply.into_iter().collect() }
}

fn news(more: &str) -> Source {
    let text = "[schedule.news]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext_file = \"text/news.md\"\n";
    Source::new("a", format!("{text}{more}"))
}

fn kept_supply(text: &str) -> Document {
    let kept_at = chrono::DateTime::UNIX_EPOCH;
    Document { name: format!("{LAST_GOOD_SUPPLY}{PATH}"), text: text.to_owned(), kept_at }
}

/// What the schedule `news` says.
fn said(shelf: &Shelf, kept: &[Document], kept_supplies: &[Document]) -> String {
    let assembled = assemble(shelf, kept, kept_supplies, &[], &KnownRules, false);
    let schedule = assembled.catalog.schedules.values().next().expect("news is in force");
    match &schedule.message.own.body {
        Body::Text(text) => text.as_str().to_owned(),
        Body::Card { .. } => panic!("a text was kept"),
    }
}

#[test]
fn supplies_keep_their_last_good_version_too() {
    let none: &[&str] = &[];
    let supply = "supply:text/news.md";
    let (kept_news, old) = ([kept(&news(""))], [kept_supply("old")]);
    let broken = "{{ person.firstname }}";
    // New ones are kept; the same ones are not kept again.
    expect(&look(&with_supply(Some("new")), &[], &[]), [&["news"], none, &["file:a", supply], none]);
    expect(&look(&with_supply(Some("new")), &kept_news, &old), [&["news"], none, &[supply], none]);
    expect(&look(&with_supply(Some("old")), &kept_news, &old), [&["news"], none, none, none]);
    assert_eq!(said(&with_supply(Some("new")), &kept_news, &old), "new");
    // A broken one is held back, and its last good version goes on: the schedule does not notice.
    expect(&look(&with_supply(Some(broken)), &[], &[]), [none, &["d/text/news.md", "a"], none, none]);
    expect(&look(&with_supply(Some(broken)), &kept_news, &old), [&["news"], &["d/text/news.md+"], none, none]);
    assert_eq!(said(&with_supply(Some(broken)), &kept_news, &old), "old");
    let mut unreadable = with_supply(Some("x"));
    unreadable.supplies[0].text = Err(UnreadableFile::new("d/text/news.md", "x", "y"));
    expect(&look(&unreadable, &kept_news, &old), [&["news"], &["d/text/news.md+"], none, none]);
    // One that went away takes nothing with it: the schedule is held back, and goes on with both as they were.
    expect(&look(&with_supply(None), &kept_news, &old), [&["news"], &["a+"], none, none]);
    assert_eq!(said(&with_supply(None), &kept_news, &old), "old");
    // What does not fit those who use it is not in use, and not kept in place of what does.
    let huge = "x".repeat(50_000);
    expect(&look(&with_supply(Some(&huge)), &kept_news, &old), [&["news"], &["a+"], none, none]);
    assert_eq!(said(&with_supply(Some(&huge)), &kept_news, &old), "old");
    // A schedule with a fault of its own goes on with what its supply says now.
    let mut faulty = with_supply(Some("new"));
    faulty.files = vec![news("texxt = 1\n")];
    expect(&look(&faulty, &kept_news, &old), [&["news"], &["a+"], &[supply], none]);
    assert_eq!(said(&faulty, &kept_news, &old), "new");
    // What neither has a file nor is needed is forgotten; not while nothing can be seen.
    let mut other = with_supply(None);
    other.files = vec![file("a", &["one"])];
    expect(&look(&other, &kept_news, &old), [&["one"], none, &["file:a"], &[supply]]);
    expect(&look(&Shelf::default(), &kept_news, &old), [&["news"], &["a+"], none, none]);
}

/// Where a directory below can't be read, nothing is known of its files, so they go on.
#[test]
fn what_is_out_of_sight_goes_on() {
    let (a, b) = (file("d/a", &["one"]), file("d/team/b", &["two"]));
    let none: &[&str] = &[];
    let kept = [kept(&a), kept(&b)];
    check(std::slice::from_ref(&a), &["d/team"], &kept, [&["one", "two"], &["d/team+"], none, none]);
    check(std::slice::from_ref(&a), &["d/tea"], &kept, [&["one"], &["d/tea"], none, none]);
}

/// A name belongs to the file that had it, also where another one comes before it and says it too.
#[test]
fn a_newcomer_does_not_take_a_name() {
    let (old, new) = (file("m", &["one", "two"]), file("a", &["one"]));
    let none: &[&str] = &[];
    check(&[new.clone(), old.clone()], &[], &[kept(&old)], [&["one", "two"], &["a"], none, none]);
    // Nor while the old file is broken and goes on as it was.
    let broken = Source::new("m", "[schedule.one]\n");
    check(&[new, broken], &[], &[kept(&old)], [&["one", "two"], &["a", "m+"], none, none]);
}

/// The calendars of the recipients' own holidays that are in force, and the outcome.
fn of_recipients(shelf: &Shelf, kept_supplies: &[Document], prune: bool) -> (Vec<String>, Outcome) {
    let assembled = assemble(shelf, &[kept(&daily())], kept_supplies, &[], &KnownRules, prune);
    let exceptions = assembled.catalog.schedules.values().map(|schedule| &schedule.when.exceptions.of_recipient);
    let calendars = exceptions.flat_map(|own| match own {
        RecipientHolidays::Left(calendars) => calendars.as_slice(),
        RecipientHolidays::Ignored => &[],
    });
    (calendars.map(|calendar| calendar.name.clone()).collect(), outcome(assembled))
}

/// A schedule on whose recipients' own holidays nothing is sent.
fn daily() -> Source {
    let rest = "except = \"calendar:recipient\"\n";
    Source::new("a", format!("{}{rest}", file("a", &["daily"]).text))
}

/// The day off of a country goes on where its file can't be seen any more, as what is planned does (P6).
#[test]
fn a_calendar_that_goes_away_does_not_end_its_holidays() {
    let none: &[&str] = &[];
    let de = "supply:calendars/de.toml";
    let text = "days = [2027-03-01]\n";
    let kept_at = chrono::DateTime::UNIX_EPOCH;
    let kept_de = [Document { name: de.to_owned(), text: text.to_owned(), kept_at }];
    let found = |path: &str, text: &str| FoundSupply { path: path.into(), text: Ok(Source::new(path, text)) };
    let shelf = |file: Source, supplies| Shelf { files: vec![file], unreadable: Vec::new(), supplies };
    let check = |shelf: &Shelf, prune, calendars: &[&str], wanted| {
        let (got, outcome) = of_recipients(shelf, &kept_de, prune);
        assert_eq!(got, calendars);
        expect(&outcome, wanted);
    };
    let there = shelf(daily(), vec![found("calendars/de.toml", text)]);
    check(&there, false, &["de"], [&["daily"], none, none, none]);
    // It alone is gone, or all that there was.
    let alone = shelf(daily(), Vec::new());
    check(&alone, false, &["de"], [&["daily"], &["calendars/de.toml+"], none, none]);
    check(&Shelf::default(), false, &["de"], [&["daily"], &["a+"], none, none]);
    let out_of_sight = Shelf { unreadable: vec![UnreadableFile::new("d", "x", "y")], ..Shelf::default() };
    check(&out_of_sight, false, &["de"], [&["daily"], &["d+"], none, none]);
    check(&out_of_sight, true, &["de"], [&["daily"], &["d+"], none, none]);
    let broken = shelf(Source::new("a", "[schedule.daily]\n"), Vec::new());
    check(&broken, false, &["de"], [&["daily"], &["calendars/de.toml+", "a+"], none, none]);
    let forgotten: &[&str] = &[de];
    // It is meant, or another one has its name, or nobody asks for it.
    check(&alone, true, &[], [&["daily"], none, none, forgotten]);
    let ics = shelf(daily(), vec![found("calendars/de.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n")]);
    check(&ics, false, &["de"], [&["daily"], none, &["supply:calendars/de.ics"], forgotten]);
    check(&shelf(file("a", &["daily"]), Vec::new()), false, &[], [&["daily"], none, &["file:a"], forgotten]);
    // One that can't be used takes nobody's place.
    let broken = shelf(daily(), vec![found("calendars/de.ics", "x")]);
    check(&broken, false, &["de"], [&["daily"], &["calendars/de.ics", "calendars/de.toml+"], none, none]);
}
