//! What a schedule says: in the file or beside it, in one language or in several.

use super::*;
use crate::domain::time::known::KnownRules;

/// A directory with one good and one broken supply of each kind.
fn supplies() -> Supplies {
    let card =
        r#"{ "type": "AdaptiveCard", "version": "1.5", "body": [{ "type": "Image", "url": "https://x.example" }] }"#;
    let files = [
        ("cards/good.json", card),
        ("cards/bad.json", "{"),
        ("text/good.md", "Hello {{ person.first_name }}"),
        ("text/bad.md", "{{ nmae }}"),
        ("calendars/de.ics", ""),
    ];
    Supplies::read(files.map(|(path, text)| (path.to_owned(), Source::new(path, text))), &KnownRules)
}

const HEAD: &str = "[schedule.x]\nto = \"everyone\"\nat = 2026-12-01T09:00:00\n";

#[test]
fn contents_stand_in_the_file_or_beside_it() {
    let check = |contents: &str, expect: &[&str]| {
        assert_eq!(problems_beside(&format!("{HEAD}{contents}\n"), &supplies()), expect, "{contents}");
    };
    check("text_file = \"text/good.md\"", &[]);
    check("card = \"cards/good.json\"\nsummary = \"News for {{ person.name }}\"\nwhy = \"x\"\nstop = \"\"", &[]);
    check(
        "card = \"cards/good.json\"",
        &["1:1: N004 a card needs a summary, which notifications and lists of chats show; add summary = \"…\""],
    );
    check(
        "card = \"cards/good.json\"\nsummary = \" \"",
        &["5:11: N132 `summary` is empty; write the line that notifications are to show"],
    );
    check(
        "text = \"hi\"\ncard = \"cards/good.json\"\nsummary = \"x\"",
        &[
            "5:8: N006 `text` already says what is said, so `card` can't stand beside it; remove one of the two: Teams makes two posts of a text with a card; for the line in notifications write `summary`",
        ],
    );
    check(
        "text = \"hi\"\ntext_file = \"text/good.md\"\nsummary = \"x\"",
        &["5:13: N006 `text` already says what is said, so `text_file` can't stand beside it; remove one of the two"],
    );
    check(
        "text = \"hi\"\nsummary = \"x\"",
        &["5:11: N006 `summary` stands without `card`; remove it; a text is its own summary"],
    );
    check(
        "card = \"cards/godo.json\"\nsummary = \"x\"",
        &["4:8: N133 there is no file cards/godo.json; did you mean \"cards/good.json\"?"],
    );
    check(
        "text_file = \"text/nothing-like-it.md\"",
        &["4:13: N133 there is no file text/nothing-like-it.md; put it there, below the directory of the schedules"],
    );
    for path in ["x.json", "../cards/good.json", "cards/good.md", "text/good.md", "/cards/good.json"] {
        check(
            &format!("card = \"{path}\"\nsummary = \"x\""),
            &["4:8: N133 `card` must name a .json file below cards/; write for example card = \"cards/welcome.json\""],
        );
    }
    // What is wrong in a supply is said there.
    check(
        "card = \"cards/bad.json\"\nsummary = \"{{ x }}\"\nwhy = \"{{ y }}\"",
        &[
            "4:8: N133 cards/bad.json has problems of its own; mend that file first",
            "5:15: N131 unknown name `x` in the text; the names are person.name, person.first_name, person.last_name, person.email, person.zone, person.language, schedule.name, schedule.title, occurrence.date, occurrence.time, occurrence.weekday, local.date, local.time, local.weekday",
            "6:11: N131 unknown name `y` in the text; the names are person.name, person.first_name, person.last_name, person.email, person.zone, person.language, schedule.name, schedule.title, occurrence.date, occurrence.time, occurrence.weekday, local.date, local.time, local.weekday",
        ],
    );
    check(
        "card = 5\nsummary = \"x\"",
        &["4:8: N005 `card` must be a text in quotes, not a number; write card = \"5\""],
    );
    check("txet = \"hi\"\ntext = \"ho\"", &["4:1: N003 unknown key `txet`; did you mean `text`?"]);
}

#[test]
fn other_languages_have_headers_of_their_own() {
    let check = |contents: &str, expect: &[&str]| {
        assert_eq!(problems_beside(&format!("{HEAD}text = \"Hi\"\n{contents}\n"), &supplies()), expect, "{contents}");
    };
    check(
        "[schedule.x.say.fr]\ntext = \"Salut\"\nwhy = \"x\"\n[schedule.x.say.pt-BR]\ntext_file = \"text/good.md\"",
        &[],
    );
    check("say.fr.text = \"Salut\"", &[]);
    check(
        "[schedule.x.say.french]\ntext = \"Salut\"",
        &["5:17: N136 `french` is not understood as a language; did you mean `fr`?"],
    );
    check(
        "[schedule.x.say.xx]\ntext = \"Salut\"\n[schedule.x.say.xy]\ntext = \"{{ z }}\"",
        &[
            "5:17: N136 `xx` is not understood as a language; write its code, such as fr, de or pt-BR",
            "7:17: N136 `xy` is not understood as a language; write its code, such as fr, de or pt-BR",
            "8:12: N131 unknown name `z` in the text; the names are person.name, person.first_name, person.last_name, person.email, person.zone, person.language, schedule.name, schedule.title, occurrence.date, occurrence.time, occurrence.weekday, local.date, local.time, local.weekday",
        ],
    );
    check(
        "[schedule.x.say.pt-BR]\ntext = \"Oi\"\n[schedule.x.say.pt-br]\ntext = \"Oi\"",
        &["7:17: N006 the language pt-BR is there already; remove one of the two"],
    );
    check(
        "[schedule.x.say.fr]",
        &["5:1: N004 there is nothing to say; add text = \"Good morning {{ person.first_name }}\""],
    );
    check(
        "[schedule.x.say.fr]\ntxet = \"Salut\"",
        &[
            "5:1: N004 there is nothing to say; add text = \"Good morning {{ person.first_name }}\"",
            "6:1: N003 unknown key `txet`; did you mean `text`?",
        ],
    );
    check(
        "say.fr = \"Salut\"",
        &[
            "5:10: N005 `fr` must be a table, not a text; write a header of its own, such as [schedule.standup.say.fr], and `text` below it",
        ],
    );
    check(
        "say = \"Salut\"",
        &[
            "5:7: N005 `say` must be a table, not a text; write a header of its own, such as [schedule.standup.say.fr], and `text` below it",
        ],
    );
}

#[test]
fn a_variant_says_why_as_the_schedule_does_unless_it_says_it_itself() {
    let text = format!(
        "{HEAD}text = \"Hi\"\nwhy = \"because\"\nstop = \"stop\"\n[schedule.x.say.fr]\ntext = \"Salut\"\nwhy = \"parce que\"\n"
    );
    let message = one(&text).message;
    let french = message.for_language(Some("fr-CA"));
    let words = [&french.why, &french.stop].map(|part| part.as_ref().map(|part| part.as_str().to_owned()));
    assert_eq!(words, [Some("parce que".to_owned()), Some("stop".to_owned())]);
}

#[test]
fn messages_that_teams_would_refuse_are_found_before() {
    let check = |length: usize, expect: &[&str]| {
        let text = format!("{HEAD}text = \"{}\"\n", "x".repeat(length));
        assert_eq!(problems(&text), expect, "{length}");
        // In a language it is the same, and at its own place.
        let text = format!("{HEAD}text = \"Hi\"\n[schedule.x.say.fr]\ntext = \"{}\"\n", "x".repeat(length));
        let expect: Vec<String> = expect.iter().map(|line| line.replace("4:8", "6:8")).collect();
        assert_eq!(problems(&text), expect, "{length}");
    };
    check(30_000, &[]);
    check(31_000, &["4:8: N138 this message becomes up to 65 KB, and Teams takes 80; shorten it, or link to a page"]);
    check(40_000, &["4:8: N137 this message becomes up to 83 KB, and Teams takes 80; shorten it, or link to a page"]);
    let huge = "x".repeat(200_000);
    assert_eq!(
        problems(&format!("{HEAD}text = \"{huge}\"\n")),
        ["4:9: N130 the text becomes too long; shorten it, or link to a page"]
    );
    // What is short for a short name need not be short for a long one.
    let long = "{% for c in person.name %}{% for d in person.name %}{{ d }}{% endfor %}{% endfor %}";
    assert_eq!(
        problems(&format!("{HEAD}text = \"{long}\"\n")),
        ["4:8: N130 for a long name, the text takes too long to make; is there a loop in it?; shorten the loops"]
    );
}

#[test]
fn a_revision_covers_what_is_used_beside() {
    let text = format!("{HEAD}text_file = \"text/a.md\"\n");
    let revision = |a: &str, b: &str| {
        let files = [("text/a.md", a), ("text/b.md", b)];
        let supplies =
            Supplies::read(files.map(|(path, text)| (path.to_owned(), Source::new(path, text))), &KnownRules);
        let schedules = accept(&Source::new("x.toml", text.as_str()), &supplies).expect("good").schedules;
        assert_eq!(schedules[0].supplies, ["text/a.md"]);
        schedules[0].revision.clone()
    };
    assert_eq!(revision("one", "x"), revision("one", "y"));
    assert_ne!(revision("one", "x"), revision("two", "x"));
}
