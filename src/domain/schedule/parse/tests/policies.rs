//! What a schedule decides besides when, to whom and what.

use super::*;

#[test]
fn policies_are_checked() {
    let check = |line: &str, expect: &[&str]| {
        assert_eq!(problems(&with_when(&format!("every = \"day\"\nat = \"09:00\"\n{line}"))), expect, "{line}");
    };
    check("overlap = \"keep\"\ncatch_up = \"none\"\njitter = \"24h\"", &[]);
    check("overlap = \"skip\"", &["6:11: N007 `overlap` can't be \"skip\"; write \"supersede\" or \"keep\""]);
    check("catch_up = \"lates\"", &["6:12: N007 `catch_up` can't be \"lates\"; did you mean \"latest\"?"]);
    let jitter = "6:10: N180 `jitter` can't be longer than a day; write for example jitter = \"15m\"";
    check("jitter = \"25h\"", &[jitter]);
    for number in [0, -1, 5_000_000_000_i64] {
        let problem =
            format!("6:14: N181 `max_people` can't be {number}; write for example max_people = 500, without quotes");
        check(&format!("max_people = {number}"), &[&problem]);
    }
}

#[test]
fn topics_and_buttons_are_checked() {
    let check = |text: &str, problems: &[&str]| check(&format!("at = 2026-12-01T09:00:00\n{text}"), problems);
    check("topic = \"Company news\"\nbuttons = [\"done\", \"snooze: 1h, tomorrow 09:00\", \"stop\"]", &[]);
    check("buttons = \"done\"", &[]);
    check(
        "topic = \"news/all\"",
        &[
            "5:9: N200 `news/all` can't be a topic: people could not type it; use letters, digits, spaces, - and _, at most 80, such as topic = \"company news\"",
        ],
    );
    let example = "write for example buttons = [\"done\", \"snooze: 1h, tomorrow 09:00\", \"stop\"]";
    check("buttons = [\"dome\"]", &[&format!("5:12: N201 `dome` is not understood as a button; {example}")]);
    check("buttons = [1]", &[&format!("5:12: N005 `buttons` must be a list of texts, not a number; {example}")]);
    check(
        "buttons = [\"snooze: 1h, someday\"]",
        &[
            "5:12: N201 `someday` is not understood as a time to snooze until; write a span of at most 30 days, such as 1h, or a time such as tomorrow 09:00",
        ],
    );
    check("buttons = [\"done\", \"done\"]", &["5:20: N201 the button `done` is there already; remove one of the two"]);
    check(
        "buttons = [\"done\", \"stop\", \"snooze: 1h, 2h, 3h, 4h, 5h\"]",
        &["5:11: N201 Teams shows 6 buttons at most, and these are 7; remove some"],
    );
}

#[test]
fn a_zone_may_be_unknown_only_where_it_matters() {
    let daily = "every = \"day\"\nat = \"09:00\"";
    let of = |lines: &str| one(&with_when(&format!("{daily}\n{lines}"))).policies.zone_unknown;
    assert_eq!(of(""), ZoneUnknown::Default);
    assert_eq!(of("zone_unknown = \"hold\""), ZoneUnknown::Hold);
    assert_eq!(of("zone_unknown = \"ask\""), ZoneUnknown::Ask);
    assert_eq!(of("zone_unknown = \"skip\"\nzone = \"recipient\""), ZoneUnknown::Skip);
    check(
        &format!("{daily}\nzone_unknown = \"skipp\""),
        &["6:16: N007 `zone_unknown` can't be \"skipp\"; did you mean \"skip\"?"],
    );
    check(
        &format!("{daily}\nzone = \"Asia/Tokyo\"\nzone_unknown = \"skip\""),
        &["7:16: N006 `zone_unknown` is about each recipient's own clock, and this goes by that of Asia/Tokyo; \
           remove `zone_unknown`, or the line `zone`"],
    );
}

#[test]
fn a_thread_has_a_name_and_a_span() {
    let text = |lines: &str| {
        format!("[schedule.x]\nto = \"channel:Ops/Releases\"\nat = 2026-12-01T09:00:00\ntext = \"hi\"\n{lines}\n")
    };
    let read = |lines: &str| one(&text(lines)).thread;
    let thread = |new| Some(ThreadPolicy { name: ThreadName::new("release").expect("a name"), new });
    assert_eq!(read(""), None);
    assert_eq!(read("thread = \"release\""), thread(NewThread::Never));
    assert_eq!(read("thread = { name = \"release\", new = \"daily\" }"), thread(NewThread::Daily));
    let check = |lines: &str, expect: &str| assert_eq!(problems(&text(lines)), [expect], "{lines}");
    check("thread = \"\"", "5:10: N140 \"\" can't be the name of a thread; write a name such as \"release\"");
    check(
        "thread = { new = \"daily\" }",
        "5:10: N004 the thread has no name; write for example thread = \"release\", or thread = { name = \"release\", new = \"daily\" }",
    );
    check(
        "thread = { name = \"release\", new = \"dayly\" }",
        "5:36: N007 `new` can't be \"dayly\"; did you mean \"daily\"?",
    );
    check(
        "thread = true",
        "5:10: N005 `thread` must be a name in quotes, or a table, not true or false; write for example thread = \"release\", or thread = { name = \"release\", new = \"daily\" }",
    );
    let to_people = text("thread = \"release\"").replace("channel:Ops/Releases", "everyone");
    assert_eq!(
        problems(&to_people),
        [
            "5:10: N006 `thread` is for channels, and `to` names none; remove it, or write for example to = \"channel:Operations/Releases\""
        ]
    );
}

#[test]
fn guests_are_members_of_teams() {
    let text =
        |to: &str| format!("[schedule.x]\nto = \"{to}\"\nguests = true\nat = 2026-12-01T09:00:00\ntext = \"hi\"\n");
    assert!(one(&text("team:Ops")).audience.guests);
    assert_eq!(
        problems(&text("ana@contoso.example")),
        ["3:10: N006 `guests` is for members of teams, and `to` names no team; remove it"]
    );
}
