//! The files that are shipped are right, and no damage to them, or to any text, makes the parser fail.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::domain::time::known::KnownRules;

fn files(directory: &str, ending: &str) -> Vec<Source> {
    let directory = format!("{}/schedules/{directory}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<Source> = fs::read_dir(directory)
        .expect("the examples are shipped")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .map(|path| Source::new(path.display().to_string(), fs::read_to_string(&path).expect("a text")))
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn shipped() -> Vec<Source> {
    files("", "toml")
}

fn shipped_supplies() -> Supplies {
    let cards = files("cards", "json").into_iter();
    Supplies::read(
        cards.map(|card| (format!("cards/{}", card.name.rsplit('/').next().unwrap_or_default()), card)),
        &KnownRules,
    )
}

#[test]
fn every_shipped_file_is_right() {
    let files = shipped();
    assert!(files.len() >= 5);
    let supplies = shipped_supplies();
    for (path, supply) in supplies.iter() {
        assert!(supply.problems.is_empty(), "{path}: {:#?}", supply.problems);
    }
    let mut schedules = Vec::new();
    for file in &files {
        let (found, problems) = parse(file, &supplies);
        assert!(problems.is_empty(), "{}: {problems:#?}", file.name);
        assert!(!found.is_empty(), "{}", file.name);
        schedules.extend(found);
    }
    assert!(duplicates(&schedules).is_empty());
    let demo = "2027-03-01T00:00:00Z".parse().expect("an instant");
    for schedule in &schedules {
        assert!(!nothing_ahead(schedule, demo), "{} is over before the demo", schedule.name);
    }
}

/// Whatever the text, problems lie inside it and read well.
fn is_well_behaved(text: &str) {
    let (_, problems) = parse(&Source::new("x.toml", text), &Supplies::none());
    let mut last = 0;
    for problem in problems {
        assert!(text.get(problem.span.clone()).is_some(), "{problem:?} outside of {text:?}");
        assert!(problem.span.start >= last, "not in order: {problem:?}");
        last = problem.span.start;
        for words in [Some(&problem.message), problem.help.as_ref()].into_iter().flatten() {
            assert!(!words.contains('\n') && !words.is_empty(), "{words:?}");
        }
    }
}

/// A shipped file with a few places replaced by other bytes.
fn mutated() -> impl Strategy<Value = String> {
    let texts: Vec<String> = shipped().iter().map(|file| file.text.to_string()).collect();
    let splices = prop::collection::vec(
        (any::<prop::sample::Index>(), 0_usize..12, "[\\[\\]\"'={}%#\n,. \\\\a0-9:é-]{0,4}"),
        1..6,
    );
    (prop::sample::select(texts), splices).prop_map(|(text, splices)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, length, replacement) in splices {
            let start = at.index(chars.len() + 1);
            let end = (start + length).min(chars.len());
            chars.splice(start..end, replacement.chars());
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn any_text_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        is_well_behaved(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_toml_like_text_is_survived(text in "([\\[\\]\"'={}%#\n,. \\\\:-]|schedule|[a-z0-9é]|at|text|every|\"\"\"){0,80}") {
        is_well_behaved(&text);
    }

    #[test]
    fn any_damage_to_an_example_is_survived(text in mutated()) {
        is_well_behaved(&text);
    }

    #[test]
    fn any_cron_pattern_is_survived(pattern in "[0-9*,/#LW?a-z@+ -]{0,24}") {
        is_well_behaved(&with_when(&format!("cron = \"{pattern}\"")));
    }
}
