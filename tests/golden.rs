//! Recurrence rules and cron patterns against implementations that are not ours: the answers beside this file were made
//! by `golden/generate.py`.

use std::fs;
use std::path::Path;

use chrono::NaiveDateTime;
use nudged::domain::problem::{Severity, Source};
use nudged::domain::recurrence::civil_times;
use nudged::domain::schedule::parse::parse;
use nudged::domain::schedule::when::When;
use nudged::domain::supplies::Supplies;

fn civil(text: &str) -> NaiveDateTime {
    text.parse().unwrap_or_else(|error| panic!("{text:?} is a civil time: {error}"))
}

/// What the schedule file says when, if it is understood.
fn when(lines: &str) -> Result<When, String> {
    let source = Source::new("x.toml", format!("[schedule.x]\nto = \"everyone\"\ntext = \"hi\"\n{lines}\n"));
    let (schedules, problems) = parse(&source, &Supplies::none());
    if let Some(problem) = problems.iter().find(|problem| problem.severity() == Severity::Error) {
        return Err(problem.line(&source));
    }
    Ok(schedules.into_iter().next().expect("a schedule without errors").when)
}

/// Asks every question of a golden file. `lines` makes the schedule of the fields before the answer, and the last of
/// them is where it begins.
fn check(file: &str, lines: impl Fn(&[&str]) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let text = fs::read_to_string(&path).expect("the golden file");
    let mut asked = 0;
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (answer, question) = fields.split_last().expect("an answer");
        let begin = civil(question.last().expect("a beginning"));
        let expect: Vec<_> = answer.split(' ').map(civil).collect();
        let last = *expect.last().expect("an occurrence");
        // A little further than the answer goes, so that what comes too much is seen; where the answer was cut off,
        // no further.
        let is_cut = expect.len() == 24;
        let end = if is_cut { last } else { civil("2037-12-31T23:59:59") };
        asked += 1;
        match when(&lines(question)) {
            Ok(when) => {
                let got: Vec<_> = civil_times(&when, begin, end).take(expect.len() + 1).collect();
                if got != expect {
                    wrong.push(format!("{question:?}\n  expected {expect:?}\n  got      {got:?}"));
                }
                // Walking from the middle finds the same as walking from the beginning.
                let middle = expect.len() / 2;
                let from_middle: Vec<_> = civil_times(&when, expect[middle], end).take(expect.len() - middle).collect();
                if from_middle != expect[middle..] {
                    wrong.push(format!("{question:?} from {}\n  got {from_middle:?}", expect[middle]));
                }
            }
            Err(problem) => wrong.push(format!("{question:?}\n  {problem}")),
        }
    }
    assert!(asked >= 1000, "only {asked} questions in {file}");
    let shown = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {asked} are wrong:\n{shown}", wrong.len());
}

#[test]
fn rules_are_walked_as_dateutil_walks_them() {
    check("rules.tsv", |question| format!("rrule = \"{}\"\nfrom = {}", question[0], question[1]));
}

#[test]
fn patterns_are_walked_as_croniter_walks_them() {
    check("cron.tsv", |question| {
        let days = if question[1] == "-" { String::new() } else { format!("\ndays = \"{}\"", question[1]) };
        format!("cron = \"{}\"{days}", question[0])
    });
}
