//! The examples of `schedules/COOKBOOK.md`, as they stand there: each is right, and fires when its `# next:` says.

use std::fs;
use std::path::Path;

use chrono::NaiveDateTime;
use nudged::adapter::zones::ZoneData;
use nudged::domain::problem::Source;
use nudged::domain::recurrence::occurrences;
use nudged::domain::schedule::parse::accept;
use nudged::domain::schedule::when::Trigger;
use nudged::domain::supplies::Supplies;

/// The blocks of code in the cookbook: what stands behind the fence, where it stands, and the text.
fn blocks(page: &str) -> Vec<(String, usize, String)> {
    let mut blocks: Vec<(String, usize, String)> = Vec::new();
    let mut is_inside = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(kind) if !is_inside => {
                blocks.push((kind.to_owned(), number + 2, String::new()));
                is_inside = true;
            }
            Some(_) => is_inside = false,
            None if is_inside => {
                let (_, _, text) = blocks.last_mut().expect("inside of a block");
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules/COOKBOOK.md")).expect("the cookbook")
}

/// What the recipes refer to: the calendar that is one of them, and nothing else.
fn supplies(blocks: &[(String, usize, String)]) -> Supplies {
    let calendars = blocks.iter().filter(|(kind, _, _)| kind == "toml calendar");
    let path = "calendars/de.toml";
    let supplies = Supplies::read(
        calendars.map(|(_, _, text)| (path.to_owned(), Source::new(path, text.as_str()))),
        &ZoneData::newest(),
    );
    let calendar = supplies.get(path).expect("the cookbook has a calendar");
    assert!(calendar.problems.is_empty(), "{:?}", calendar.problems);
    supplies
}

#[test]
fn every_recipe_is_right_and_fires_when_it_says() {
    let page = page();
    let blocks = blocks(&page);
    let supplies = supplies(&blocks);
    let begin: NaiveDateTime = "2027-01-01T00:00:00".parse().expect("a time");
    let end: NaiveDateTime = "2030-01-01T00:00:00".parse().expect("a time");
    let rules = ZoneData::newest();
    let mut recipes = 0;
    for (kind, line, text) in blocks.iter().filter(|(kind, _, _)| kind == "toml") {
        recipes += 1;
        let accepted = accept(&Source::new(format!("COOKBOOK.md:{line}"), text.as_str()), &supplies)
            .unwrap_or_else(|problems| panic!("the {kind} in line {line}: {problems:#?}"));
        assert!(accepted.warnings.is_empty(), "line {line}: {:?}", accepted.warnings);
        let schedule = &accepted.schedules[0];
        if let Trigger::Event(event) = &schedule.when.trigger {
            assert!(text.starts_with(&format!("# on: {}\n", event.name)), "line {line}");
            continue;
        }
        let next = text.lines().find_map(|line| line.strip_prefix("# next: ")).unwrap_or_else(|| panic!("line {line}"));
        let count = next.split(", ").count();
        let got: Vec<_> = occurrences(&schedule.when, &rules, begin, end)
            .take(count)
            .map(|at| at.format("%Y-%m-%d %H:%M").to_string())
            .collect();
        assert_eq!(got.join(", "), next, "{}, line {line}", schedule.name);
    }
    assert!(recipes >= 12, "only {recipes} recipes");
}
