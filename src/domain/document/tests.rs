use super::*;
use crate::domain::problem::Source;

/// Reads `title`, `late`, `at`, `to`, `count` and every `[part.NAME]`, and lists what is wrong, one problem a line.
fn problems(text: &str) -> String {
    let ((), problems) = read(text, |document| {
        let mut root = document.root();
        read_keys(&mut root);
        if let Some(mut parts) = root.table("part") {
            for (_, value) in parts.entries() {
                if let Some(mut part) = value.table() {
                    read_keys(&mut part);
                    part.missing("title", "there is no title", "add title = \"…\"");
                    part.finish(&["card"]);
                }
            }
        }
        root.finish(&["card"]);
    });
    let source = Source::new("x", text);
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = source.place(problem.span.start);
            let (code, message, help) = (problem.code, &problem.message, problem.help.as_deref().unwrap_or("-"));
            format!("{}:{} {code} {:?} {message}; {help}\n", place.line, place.column, &text[problem.span.clone()])
        })
        .collect();
    lines.concat()
}

fn read_keys(table: &mut Table<'_>) {
    table.text("title");
    table.time_span("late");
    if let Some(at) = table.value("at") {
        for item in at.items() {
            let _ = item.civil();
        }
    }
    table.value("to");
    table.integer("count", 1..=10);
}

fn check(text: &str, expect: &str) {
    assert_eq!(problems(text), expect, "{text}");
}

#[test]
fn unknown_keys_name_the_nearest() {
    check("titel = \"a\"\n", "1:1 N003 \"titel\" unknown key `titel`; did you mean `title`?\n");
    check(
        "colour = 1\n",
        "1:1 N003 \"colour\" unknown key `colour`; the keys here are title, late, at, to, count, part\n",
    );
    check("card = 1\n", "1:1 N003 \"card\" unknown key `card`; `card` is not supported yet; remove it\n");
}

#[test]
fn types_are_checked() {
    check("title = 5\n", "1:9 N005 \"5\" `title` must be a text in quotes, not a number; write title = \"5\"\n");
    check(
        "count = \"5\"\n",
        "1:9 N005 \"\\\"5\\\"\" `count` must be a whole number, not a text; write a number from 1 to 10, without quotes\n",
    );
    check("count = 11\n", "1:9 N140 \"11\" `count` can't be 11; write a number from 1 to 10\n");
    check(
        "late = 90\n",
        "1:8 N005 \"90\" `late` must be a span of time in quotes, not a number; write for example \"90m\", \"1h30m\", \"12h\" or \"2 days\"\n",
    );
    check(
        "late = \"soon\"\n",
        "1:8 N105 \"\\\"soon\\\"\" \"soon\" is not understood as a span of time; write for example \"90m\", \"1h30m\", \"12h\" or \"2 days\"\n",
    );
    check(
        "part = 1\n",
        "1:8 N005 \"1\" `part` must be a table, not a number; write [part] on a line of its own, and its keys below\n",
    );
}

#[test]
fn dates_and_times_that_are_not_toml_are_explained() {
    check("at = 9:00\n", "1:6 N104 \"9:00\" `9:00` is not understood as a time; write \"09:00\"\n");
    check("at = 9 am\n", "1:6 N104 \"9 am\" `9 am` is not understood as a time; write \"09:00\"\n");
    check("at = \"9 am\"\n", "1:7 N104 \"9 am\" `9 am` is not understood as a time; write \"09:00\"\n");
    check(
        "at = [09:00, 9:30, 25:00]\n",
        "1:14 N104 \"9:30\" `9:30` is not understood as a time; write \"09:30\"\n1:20 N104 \"25:00\" `25:00` is not understood as a time; hours go from 00 to 23, minutes and seconds from 00 to 59, and there are no fractions\n",
    );
    check(
        "at = 2026-02-30\n",
        "1:6 N103 \"2026-02-30\" 2026-02-30 is not in the calendar; February 2026 has 28 days\n",
    );
    check(
        "at = 2026-02-30T09:00:00\n",
        "1:6 N103 \"2026-02-30\" 2026-02-30 is not in the calendar; February 2026 has 28 days\n",
    );
    check(
        "at = \"2026-02-30T09:00\"\n",
        "1:7 N103 \"2026-02-30\" 2026-02-30 is not in the calendar; February 2026 has 28 days\n",
    );
    check(
        "at = 09:00:60\n",
        "1:6 N104 \"09:00:60\" `09:00:60` is not understood as a time; hours go from 00 to 23, minutes and seconds from 00 to 59, and there are no fractions\n",
    );
    check(
        "at = 2026-12-01T09:00:00+0100\n",
        "1:25 N104 \"+0100\" `+0100` is not an offset from UTC; write it as in `+01:00`, or leave it out for the recipient's own clock\n",
    );
}

#[test]
fn slips_of_form_are_explained_once_and_hide_nothing() {
    check(
        "title = Hello world\ncount = 0\n",
        "1:9 N002 \"Hello world\" text must stand in quotes; write \"Hello world\"\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check("title = “Hello”\n", "1:9 N002 \"“Hello”\" these are not plain quotes; write \"Hello\"\n");
    check(
        "title\ncount = 0\n",
        "1:1 N002 \"title\" `title` has no value; write `title = …`, or begin the line with # for a comment\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check(
        "at 09:00\ncount = 0\n",
        "1:1 N002 \"at\" `at` has no value; write `at = …`, or begin the line with # for a comment\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check(
        "title =\ncount = 0\n",
        "1:8 N002 \"\" nothing stands behind `title =`; give it a value, or remove the line\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check(
        "[part.a\ntitle = \"x\"\ncount = 0\n[part.b]\ncount = 11\ntitle = 'b'\n",
        "1:8 N002 \"\" the header is not closed; end it with `]`; names are made of letters, digits, - and _\n3:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n5:9 N140 \"11\" `count` can't be 11; write a number from 1 to 10\n",
    );
    check(
        "title = \"abc\ncount = 0\n",
        "1:13 N002 \"\" the text is not closed; end it with the quote that it began with, on the same line\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check("to = [\"a\", \ncount = 0\n", "2:7 N002 \"=\" the list is not closed; end it with `]`\n");
    check(
        "to = [\"a\" \"b\"]\ncount = 0\n",
        "1:11 N002 \"\" a comma is missing between two entries; write for example [\"one\", \"two\"]\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check(
        "title = 'it's'\ncount = 0\n",
        "1:13 N002 \"\" something stands behind the value; put each key on a line of its own; a comment begins with #\n2:9 N140 \"0\" `count` can't be 0; write a number from 1 to 10\n",
    );
    check("title = \"a\"\ntitle = \"b\"\n", "2:1 N008 \"title\" `title` is set twice; remove one of the two\n");
}

#[test]
fn a_damaged_key_is_not_missing_as_well() {
    check("[part.a]\ntitle = Hello\n", "2:9 N002 \"Hello\" text must stand in quotes; write \"Hello\"\n");
    check(
        "[part.a]\ntitle\n",
        "2:1 N002 \"title\" `title` has no value; write `title = …`, or begin the line with # for a comment\n",
    );
    check("[part.a]\ncount = 1\n", "1:1 N004 \"[part.a]\" there is no title; add title = \"…\"\n");
    // The text that was not closed swallows the title.
    check(
        "[part.a]\nto = \"\"\"x\ntitle = \"t\"\n",
        "4:1 N002 \"\" the text is not closed; end it with the three quotes that it began with\n",
    );
    check(
        "[part.a]\ntitle = \"a\"\n[part.a]\ntitle = 5\ncount = 3\n",
        "3:7 N008 \"a\" [part.a] is there already, in line 1; give it another name, or join the two\n",
    );
}

#[test]
fn a_canonical_form_ignores_layout_and_keeps_meaning() {
    let canonical = |text: &str| {
        read(text, |document| {
            let mut out = String::new();
            let mut root = document.root();
            for (_, value) in root.entries() {
                value.write_canonical(&mut out);
            }
            out
        })
        .0
    };
    let one = canonical("[a]\nx = 1 # one\ny = [\"b\", 09:00:00]\n");
    assert_eq!(one, canonical("[a]\n\ny = [\n  'b',\n  09:00:00,\n]\nx = 0x1"), "layout");
    assert_ne!(one, canonical("[a]\nx = 1\ny = [\"c\", 09:00:00]\n"));
    assert_ne!(canonical("a = {x = \"1\"}"), canonical("a = {x = 1}"));
    assert_ne!(canonical("a = {x = [\"1\", \"2\"]}"), canonical("a = {x = [\"1;s1:2\"]}"));
}

/// One line for each of a hundred thousand slips helps nobody, and to make them takes minutes.
#[test]
fn after_two_hundred_problems_there_is_one_that_says_so() {
    let check = |line: &str, code: &str| {
        let said = problems(&line.repeat(50_000));
        assert!((2..=201).contains(&said.lines().count()), "{line}: {}", said.lines().count());
        let last = said.lines().find(|line| line.contains("more than this is wrong")).expect("it is said");
        assert!(last.contains(code), "{last}");
    };
    for slip in ["key\n", "x = what\n", "[part.a]\n", "[part.a\n", "x = 1\n"] {
        check(slip, " N00");
    }
    // In one line.
    problems(&"a b ".repeat(50_000));
    problems(&format!("x = [{}]", "a ".repeat(50_000)));
    // What cannot be cut off without cutting off that the file is wrong.
    let ((), said) = read(&format!("at = [{}]\ncolour = 1\n", "1, ".repeat(50_000)), |document| {
        let mut root = document.root();
        for item in root.value("at").expect("it is there").items() {
            document.report(Problem::new(Code::NothingAhead, item.span(), "odd"));
        }
        root.finish(&[]);
    });
    let last = said.last().expect("there are some");
    assert_eq!((said.len(), last.code), (201, Code::UnknownKey));
}

/// A file of ten thousand schedules, as people write them, and none that fills the memory.
#[test]
fn a_file_has_its_bounds() {
    let schedule = "# A reminder among many.\n[part.reminder]\ntitle = \"Reminder\"\nto = [\"group:team\", \"ana@contoso.example\"]\n\
                    at = [\"08:30\", \"13:15\"]\nexcept = [2026-12-24, \"2026-12-28 to 2026-12-31\"]\nlate = \"30m\"\n\
                    why = \"You are in a team.\"\ntext = \"\"\"\nGood morning {{ person.first_name }}.\n\"\"\"\n\n";
    assert_eq!(syntax::excess(&schedule.repeat(10_000)), None);
    let ((), said) = read(&format!("x = [{}]", "0,".repeat(600_000)), |document| {
        assert!(!document.root().has("x"), "nothing of it is read");
        document.root().missing("title", "there is no title", "add one");
    });
    let said: Vec<_> = said.iter().map(|problem| (problem.code, problem.message.as_str())).collect();
    assert_eq!(said, [(Code::Unreadable, "a file has at most a million words, signs and spaces")]);
}
