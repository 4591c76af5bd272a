use std::time::Duration;

use chrono::{NaiveTime, Weekday};

use super::*;
use crate::domain::message::Body;
use crate::domain::quiet::{InQuietHours, QuietHours};
use crate::domain::recipient::Address;
use crate::domain::schedule::model::{CatchUp, OnUnknown, Overlap, Priority, QuietPolicy, Target, ZoneUnknown};
use crate::domain::schedule::when::{Calendar, Days, Rhythm, Trigger, WhoseClock};
use crate::domain::thread::{NewThread, ThreadName};
use crate::domain::time::{ClockChangePolicy, FoldPolicy, GapPolicy};

// What a schedule says, in the file and beside it, in one language and in several.
mod content;
// Schedules that wait for an event.
mod events;
// Policies, topics and buttons, threads and guests.
mod policies;
// The shipped files, and what becomes of any damage to them.
mod damage;

/// The problems of a text, one a line, as `line:column: CODE message; help`.
fn problems(text: &str) -> Vec<String> {
    problems_beside(text, &Supplies::none())
}

fn problems_beside(text: &str, supplies: &Supplies) -> Vec<String> {
    let source = Source::new("x.toml", text);
    let (_, problems) = parse(&source, supplies);
    problems
        .iter()
        .map(|problem| {
            let place = source.place(problem.span.start);
            let help = problem.help.as_deref().map_or_else(String::new, |help| format!("; {help}"));
            format!("{}:{}: {} {}{help}", place.line, place.column, problem.code, problem.message)
        })
        .collect()
}

/// A schedule that is right, in which `lines` say when.
fn with_when(lines: &str) -> String {
    format!("[schedule.x]\nto = \"everyone\"\ntext = \"hi\"\n{lines}\n")
}

fn one(text: &str) -> Schedule {
    let accepted = accept(&Source::new("x.toml", text), &Supplies::none())
        .unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
    assert_eq!(accepted.schedules.len(), 1, "{text}");
    accepted.schedules.into_iter().next().expect("one schedule")
}

fn check(when: &str, expect: &[&str]) {
    assert_eq!(problems(&with_when(when)), expect, "{when}");
}

#[test]
fn a_schedule_says_everything() {
    let text = r#"
[schedule.standup]
title = "Daily stand-up"
to = ["group:platform", "Ana@Contoso.example", "everyone", "group:platform"]
except_people = "bob@contoso.example"
every = "week"
on = ["friday", "mon"]
at = ["17:30", 09:00, "09:00:00"]
zone = "Europe/Paris"
from = 2026-11-23
until = 2027-06-30
late = "30m"
priority = "critical"
on_unknown = "hold"
overlap = "keep"
catch_up = "all"
jitter = "15m"
max_people = 500
dst_gap = "skip"
dst_fold = "second"
why = "You are in the platform team."
text = "Good morning {{ person.first_name }}"
"#;
    let schedule = one(text);
    assert_eq!(schedule.name.as_str(), "standup");
    assert_eq!(schedule.display_title(), "Daily stand-up");
    assert_eq!((schedule.origin.place.line, schedule.origin.place.column), (2, 1));
    let ana = Address::new("ana@contoso.example").expect("an address");
    assert_eq!(schedule.audience.to, [Target::Group("platform".into()), Target::Person(ana), Target::Everyone]);
    assert_eq!(schedule.audience.except_people.len(), 1);
    let time = |h, m| NaiveTime::from_hms_opt(h, m, 0).expect("a time");
    assert!(matches!(&schedule.when.trigger, Trigger::Calendar(calendar) if *calendar == Calendar {
        days: Days::Weekly { rhythm: Rhythm::Each, on: vec![Weekday::Mon, Weekday::Fri] },
        times: vec![time(9, 0), time(17, 30)],
    }));
    assert_eq!(schedule.when.clock, WhoseClock::Zone(chrono_tz::Tz::Europe__Paris));
    assert_eq!(schedule.when.from.map(|at| at.to_string()).as_deref(), Some("2026-11-23 00:00:00"));
    assert_eq!(schedule.when.until.map(|at| at.to_string()).as_deref(), Some("2027-06-30 23:59:59"));
    assert_eq!(schedule.when.clock_changes, ClockChangePolicy { gap: GapPolicy::Skip, fold: FoldPolicy::Second });
    let policies = Policies {
        late: Duration::from_mins(30),
        priority: Priority::Critical,
        on_unknown: OnUnknown::Hold,
        overlap: Overlap::Keep,
        catch_up: CatchUp::All,
        jitter: Duration::from_mins(15),
        max_people: std::num::NonZeroU32::new(500),
        quiet_hours: QuietPolicy::House,
        in_quiet_hours: InQuietHours::Hold,
        zone_unknown: ZoneUnknown::Default,
    };
    assert_eq!(schedule.policies, policies);
    let Body::Text(text) = &schedule.message.own.body else { panic!("a text") };
    assert_eq!(text.as_str(), "Good morning {{ person.first_name }}");
}

#[test]
fn what_is_not_said_has_a_default() {
    let once = one(&with_when("at = 2026-12-01T09:00:00"));
    assert_eq!(once.when.clock, WhoseClock::Recipient);
    assert_eq!(once.policies.late, Duration::from_hours(12));
    assert_eq!((once.policies.priority, once.policies.on_unknown), (Priority::Normal, OnUnknown::Resend));
    let recurring = one(&with_when("every = \"day\"\nat = \"09:00\""));
    assert_eq!(recurring.policies.late, Duration::from_hours(1));
    assert_eq!((recurring.policies.overlap, recurring.policies.catch_up), (Overlap::Supersede, CatchUp::Latest));
}

#[test]
fn every_way_of_saying_when() {
    let check = |when: &str, expect: fn(&Trigger) -> bool| {
        let schedule = one(&with_when(when));
        assert!(expect(&schedule.when.trigger), "{when}: {:?}", schedule.when.trigger);
    };
    check("at = 2026-12-01T09:00:00", |t| matches!(t, Trigger::Once(_)));
    check("at = \"2026-12-01 09:00\"", |t| matches!(t, Trigger::Once(_)));
    check("at = 2026-12-01T09:00:00+01:00\nzone = \"Europe/Berlin\"", |t| matches!(t, Trigger::Instant { .. }));
    check("every = \"day\"\nat = 09:00", |t| {
        matches!(t, Trigger::Calendar(Calendar { days: Days::Daily(Rhythm::Each), .. }))
    });
    check("every = \"weekday\"\nat = \"09:00\"", |t| {
        matches!(t, Trigger::Calendar(Calendar { days: Days::Weekdays, .. }))
    });
    check(
        "every = \"90m\"\nfrom = 2027-03-01",
        |t| matches!(t, Trigger::Elapsed { every, anchor } if every.as_secs() == 5400 && anchor.to_string() == "2027-03-01 00:00:00"),
    );
    for pattern in [
        "0 9 * * mon-fri",
        "*/15 9-17/2 * * *",
        "0 9 L * *",
        "0 9 ? jan,6 friL",
        "@daily",
        "0 9 29 2 *",
        "30 8 * * mon#1",
        "0 0 15W * ?",
    ] {
        check(&format!("cron = \"{pattern}\""), |t| matches!(t, Trigger::Cron(_)));
    }
}

#[test]
fn there_is_exactly_one_trigger() {
    check(
        "",
        &[
            "1:1: N004 it does not say when; add at = 2026-12-01T09:00:00 for once, or every = \"weekday\" and at = \"09:00\" for again and again",
        ],
    );
    check(
        "cron = \"@daily\"\nat = \"09:00\"",
        &["5:6: N006 `cron` already says when, so `at` can't stand beside it; remove one of the two"],
    );
    check(
        "at = \"09:00\"",
        &[
            "4:6: N107 `at` is a time of day, but nothing says on which days; add every = \"day\" or \"weekday\", or a date, as in at = 2026-12-01T09:00:00",
        ],
    );
    check(
        "at = 2026-12-01",
        &["4:6: N104 `at` needs a time of day as well; write for example at = 2026-12-01T09:00:00"],
    );
    check(
        "at = [\"09:00\", \"10:00\"]",
        &[
            "4:6: N107 a list in `at` is for times of day, and needs `every`; add every = \"day\" or every = \"weekday\"",
        ],
    );
    check("on = \"monday\"", &["4:6: N107 `on` stands without `every`; add every = \"week\" and at = \"09:00\""]);
    check(
        "at = 2026-12-01T09:00:00\nuntil = 2026-12-02",
        &["5:9: N006 `at` with a date is sent once, so `until` can't stand beside it; remove one of the two"],
    );
    check(
        "at = 2026-12-01T09:00:00+01:00",
        &[
            "4:6: N102 `at` fixes one instant for everybody, but `zone` is each recipient's own; remove the offset, as in 2026-12-01T09:00:00, to send at each recipient's own 09:00; or set zone to a city, such as \"Europe/Berlin\"",
        ],
    );
}

#[test]
fn every_needs_what_fits_it() {
    check("every = \"day\"", &["4:9: N107 every = \"day\" needs a time of day; add at = \"09:00\""]);
    check(
        "every = \"day\"\nat = 2026-12-01T09:00:00",
        &[
            "5:6: N107 `every` needs a time of day in `at`, not a date; write at = \"09:00\", and the first day in `from`; or remove `every` to send it once",
        ],
    );
    check(
        "every = \"day\"\non = \"monday\"\nat = \"09:00\"",
        &["5:6: N107 `on` does not fit every = \"day\"; write every = \"week\", or remove `on`"],
    );
    check(
        "every = \"week\"\nat = \"09:00\"",
        &["4:9: N107 every = \"week\" needs `on`; add on = \"monday\", or a list of days"],
    );
    check(
        "every = \"week\"\non = [\"mondya\", \"first monday\"]\nat = \"9:00\"",
        &[
            "5:7: N007 \"mondya\" is no day of the week; did you mean \"monday\"?",
            "5:17: N007 \"first monday\" is no day of the week; for \"first monday\" write every = \"month\"",
            "6:7: N104 `9:00` is not understood as a time; write \"09:00\"",
        ],
    );
    check("every = \"wekday\"\nat = \"09:00\"", &["4:9: N007 `every` can't be \"wekday\"; did you mean \"weekday\"?"]);
    check(
        "every = \"monday\"\nat = \"09:00\"",
        &["4:9: N007 `every` can't be \"monday\"; write every = \"week\" and on = \"monday\""],
    );
    check(
        "every = \"2 weeks\"\nfrom = 2026-12-01",
        &[
            "4:9: N107 every = \"2 weeks\" needs `on`; add on = \"monday\", or a list of days",
            "4:9: N107 every = \"2 weeks\" needs a time of day; add at = \"09:00\"",
        ],
    );
    check(
        "every = \"90m\"",
        &["4:9: N107 every = \"90m\" needs a beginning to count from; add for example from = 2026-12-01T09:00:00"],
    );
    check(
        "every = \"30s\"\nfrom = 2026-12-01",
        &["4:9: N105 `every` must be a minute at least; write for example \"90m\""],
    );
    check(
        "every = \"90m\"\nfrom = 2026-12-01\nat = \"09:00\"",
        &[
            "6:6: N107 `at` does not fit every = \"90m\", which counts from `from`; remove `at`, and put the first time into `from`, as in from = 2026-12-01T09:00:00",
        ],
    );
}

#[test]
fn bounds_are_civil() {
    check(
        "every = \"day\"\nat = \"09:00\"\nfrom = 2027-01-02\nuntil = 2027-01-01",
        &[
            "7:9: N109 `until` is before `from`; change one of the two; `until` is the last day, or the last moment, on which it is sent",
        ],
    );
    check(
        "every = \"day\"\nat = \"09:00\"\nfrom = \"09:00\"",
        &["6:8: N104 `from` needs a date; write for example from = 2026-12-01"],
    );
    check(
        "every = \"day\"\nat = \"09:00\"\nuntil = 2027-01-01T09:00:00Z",
        &[
            "6:9: N104 `until` is a time on the schedule's own clock, and takes no offset from UTC; write until = 2027-01-01T09:00:00",
        ],
    );
    assert!(problems(&with_when("every = \"day\"\nat = \"09:00\"\nfrom = 2027-01-01\nuntil = 2027-01-01")).is_empty());
}

#[test]
fn cron_faults_point_at_the_field() {
    let check = |pattern: &str, expect: &str| check(&format!("cron = \"{pattern}\""), &[expect]);
    check("0 25 * * *", "4:11: N108 `25` is not understood as the hour; the hour goes from 0 to 23");
    check("0 9 * * monday", "4:17: N108 `monday` is not understood as the day of the week; did you mean `mon`?");
    check("0 9 * febr *", "4:15: N108 `febr` is not understood as the month; did you mean `feb`?");
    check("0 9, * * *", "4:13: N108 the hour is empty next to a comma; remove the comma");
    check(", 9 * * *", "4:9: N108 the minute is empty next to a comma; remove the comma");
    check(
        "5/10 * * * *",
        "4:9: N108 `5/10` is not understood as steps of the minute; write for example `*/15`, or `9-17/2`",
    );
    check(
        "*/0 * * * *",
        "4:9: N108 `*/0` is not understood as steps of the minute; write for example `*/15`, or `9-17/2`",
    );
    check(
        "0 9 * * fri-mon",
        "4:17: N108 `fri-mon` ends before it begins; write the two parts one by one, as in `fri,sat,sun,mon` or `22,23,0,1`",
    );
    check(
        "0 9 * *",
        "4:9: N108 a cron pattern has five fields, and this has 4; write minute, hour, day, month and day of the week, as in \"0 9 * * mon-fri\"",
    );
    check(
        "0 0 9 * * mon 2027",
        "4:9: N108 a cron pattern has five fields, and this has 7; write minute, hour, day, month and day of the week, as in \"0 9 * * mon-fri\"",
    );
    check("60 0 9 * * mon", "4:9: N108 `60` is not understood as the second; the second goes from 0 to 59");
    check(
        "* 0 9 * * mon-fri",
        "4:9: N108 `*` as the second fires more than once a minute; write one second, such as `0`, or leave the field out",
    );
    check(
        "0,30 */5 9 * * *",
        "4:9: N108 `0,30` as the second fires more than once a minute; write one second, such as `0`, or leave the field out",
    );
    check("@dayly", "4:9: N108 unknown cron pattern \"@dayly\"; did you mean \"@daily\"?");
    check(
        "0 9 31 2 *",
        "4:9: N108 this cron pattern never fires: there is no such day; check the day and the month; for the last day of each month write `L` as the day",
    );
    check(
        "0 9 31 4,6 *",
        "4:9: N108 this cron pattern never fires: there is no such day; check the day and the month; for the last day of each month write `L` as the day",
    );
    check(
        "0 9 1-7 * mon",
        "4:13: N112 a day of the month and a day of the week together can mean both or either; add days = \"both\" (2027-01-04, 2027-02-01, 2027-03-01 …) or days = \"either\" (2027-01-01, 2027-01-02, 2027-01-03 …)",
    );
}

#[test]
fn recipients_are_understood_or_explained() {
    let check = |to: &str, expect: &[&str]| {
        let text = format!("[schedule.x]\nat = 2026-12-01T09:00:00\ntext = \"hi\"\n{to}\n");
        assert_eq!(problems(&text), expect, "{to}");
    };
    check(
        "",
        &[
            "1:1: N004 it does not say to whom; add `to`; write \"everyone\", \"group:NAME\", \"team:NAME\", \"channel:TEAM/CHANNEL\" or an address such as \"ana@contoso.example\"",
        ],
    );
    check(
        "to = []",
        &[
            "4:6: N123 `to` names nobody; write \"everyone\", \"group:NAME\", \"team:NAME\", \"channel:TEAM/CHANNEL\" or an address such as \"ana@contoso.example\"",
        ],
    );
    check("to = \"everyon\"", &["4:6: N122 \"everyon\" is not understood as a recipient; did you mean \"everyone\"?"]);
    check(
        "to = \"platform\"",
        &[
            "4:6: N122 \"platform\" is not understood as a recipient; for a group write \"group:platform\"; for a person the address, such as \"ana@contoso.example\"",
        ],
    );
    check(
        "to = \"gruop:platform\"",
        &["4:6: N122 \"gruop:platform\" is not understood as a recipient; did you mean \"group:platform\"?"],
    );
    check(
        "to = [\"event:data.owner\", 5]",
        &[
            "4:7: N122 \"event:data.owner\" is for a schedule with `event`; add event = \"NAME\" in the place of a time, or write an address",
            "4:27: N005 `to` must be a text in quotes, or a list of them, not a number; write \"everyone\", \"group:NAME\", \"team:NAME\", \"channel:TEAM/CHANNEL\" or an address such as \"ana@contoso.example\"",
        ],
    );
    check("to = \"group:\"", &["4:6: N122 the group has no name; write for example \"group:platform\""]);
    check(
        "to = \"everyone\"\nexcept_people = [\"group:x\"]",
        &["5:18: N122 \"group:x\" is not a person; `except_people` takes addresses, such as \"ana@contoso.example\""],
    );
}

#[test]
fn keys_names_and_zones_are_checked() {
    check(
        "at = 2026-12-01T09:00:00\ncanary = 5",
        &["5:1: N003 unknown key `canary`; `canary` is not supported yet; remove it"],
    );
    check(
        "at = 2026-12-01T09:00:00\nzone = \"CET\"",
        &[
            "5:8: N110 \"CET\" is not a place, so its clock may differ from the people's in summer; use a city, such as \"Europe/Berlin\", so that summer time is right",
        ],
    );
    check(
        "at = 2026-12-01T09:00:00\npriority = \"hihg\"\nlate = \"soon\"",
        &[
            "5:12: N007 `priority` can't be \"hihg\"; write \"critical\", \"normal\" or \"bulk\"",
            "6:8: N105 \"soon\" is not understood as a span of time; write for example \"90m\", \"1h30m\", \"12h\" or \"2 days\"",
        ],
    );
    let bad_name = problems("[schedule.\"Stand up!\"]\nto = \"everyone\"\ntext = \"hi\"\nat = 2026-12-01T09:00:00\n");
    assert_eq!(
        bad_name,
        [
            "1:11: N120 `Stand up!` can't be the name of a schedule; use letters, digits, - and _, at most 80, such as [schedule.stand-up]"
        ]
    );
    assert_eq!(
        problems("title = \"x\"\n"),
        ["1:1: N003 unknown key `title`; put it below a header with a name, such as [schedule.standup]"]
    );
    assert_eq!(
        problems("[schedule]\ntitle = \"x\"\n"),
        [
            "2:1: N005 `title` does not belong to a schedule; put it below a header with a name, such as [schedule.standup]"
        ]
    );
    assert_eq!(problems("[shedule.x]\n"), ["1:2: N003 unknown key `shedule`; did you mean `schedule`?"]);
    let twice = format!("{0}{0}", with_when("at = 2026-12-01T09:00:00"));
    assert_eq!(
        problems(&twice),
        ["5:11: N121 [schedule.x] is there already, in line 1; give it another name, or join the two"]
    );
}

#[test]
fn texts_are_checked_at_their_place() {
    let check = |text: &str, expect: &[&str]| {
        let file = format!("[schedule.x]\nto = \"everyone\"\nat = 2026-12-01T09:00:00\n{text}\n");
        assert_eq!(problems(&file), expect, "{text}");
    };
    check("", &["1:1: N004 there is nothing to say; add text = \"Good morning {{ person.first_name }}\""]);
    check(
        "text = \" \"",
        &[
            "4:8: N132 `text` is empty; write what is to be said, such as text = \"Good morning {{ person.first_name }}\"",
        ],
    );
    check(
        "text = \"Hi {{ person.firstname }}\"",
        &["4:15: N131 unknown name `person.firstname` in the text; did you mean `person.first_name`?"],
    );
    check(
        "text = \"\"\"\nHi\n\n{{ nmae }}, {{ person.name | uper }}\"\"\"",
        &[
            "7:4: N131 unknown name `nmae` in the text; did you mean `person.name`?",
            "7:30: N131 unknown filter `uper` in the text; did you mean `upper`?",
        ],
    );
    check(
        "text = \"Hi {{ person.name\"",
        &[
            "4:22: N130 unexpected end of input, expected end of variable block; close it with }} right after the name, as in {{ person.first_name }}",
        ],
    );
}

#[test]
fn five_mistakes_of_five_kinds_come_at_once() {
    let text = r#"# The weekly call.
[schedule.call]
to    = "everyone"
cron  = "0 25 * * mon"
zone  = "Europe/Pariss"
from  = 2026-02-30
texxt = "never"
text  = "Hi {{ person.firstname }}"
"#;
    insta::assert_snapshot!(problems(text).join("\n"), @r#"
    4:12: N108 `25` is not understood as the hour; the hour goes from 0 to 23
    5:9: N101 unknown time zone "Europe/Pariss"; did you mean "Europe/Paris"?
    6:9: N103 2026-02-30 is not in the calendar; February 2026 has 28 days
    7:1: N003 unknown key `texxt`; did you mean `text`?
    8:16: N131 unknown name `person.firstname` in the text; did you mean `person.first_name`?
    "#);
}

#[test]
fn damaged_keys_make_no_echoes() {
    check("every = \"day\"\nat = 9:00", &["5:6: N104 `9:00` is not understood as a time; write \"09:00\""]);
    check("every = day\nat = \"09:00\"", &["4:9: N002 text must stand in quotes; write \"day\""]);
    check("at", &["4:1: N002 `at` has no value; write `at = …`, or begin the line with # for a comment"]);
    // As other formats have it.
    check("at: \"09:00\"", &["4:1: N002 between a key and its value stands `=`; write `at = \"09:00\"`"]);
    check("at:", &["4:1: N002 between a key and its value stands `=`; write `at = …`"]);
    let once = |line: &str| format!("at = 2026-12-01T09:00:00\n{line}");
    check(&once("max_people: 5"), &["5:1: N002 between a key and its value stands `=`; write `max_people = 5`"]);
    check(
        &once("zone: Europe/Paris"),
        &["5:1: N002 between a key and its value stands `=`; write `zone = \"Europe/Paris\"`"],
    );
    check("cron = 0 9 * * *", &["4:8: N002 text must stand in quotes; write \"0 9 * * *\""]);
    check(
        "zone = Europe/Paris\nat = 2026-12-01T09:00:00+01:00",
        &["4:8: N002 text must stand in quotes; write \"Europe/Paris\""],
    );
    assert_eq!(
        problems("[schedule.x\nto = \"everyone\"\ntext = \"hi\"\nat = 2026-12-01T09:00:00\n"),
        ["1:12: N002 the header is not closed; end it with `]`; names are made of letters, digits, - and _"]
    );
}

#[test]
fn a_broken_file_is_refused_whole_and_an_odd_one_is_not() {
    let good = with_when("at = 2026-12-01T09:00:00");
    let both = format!("{good}\n[schedule.y]\nto = \"everyone\"\n");
    let (schedules, _) = parse(&Source::new("x.toml", both.as_str()), &Supplies::none());
    assert_eq!(schedules.len(), 1, "what is right is read");
    let accept = |text: String| accept(&Source::new("x.toml", text), &Supplies::none());
    assert!(accept(both).is_err());
    let odd = accept(with_when("at = 2026-12-01T09:00:00\nzone = \"EST\"")).expect("only odd");
    assert_eq!((odd.schedules.len(), odd.warnings.len()), (1, 1));
    assert!(accept("# nothing yet\n".to_owned()).is_ok_and(|accepted| accepted.schedules.is_empty()));
}

#[test]
fn a_revision_is_what_a_schedule_says() {
    let revision = |text: &str| one(text).revision.0;
    let one_way = revision("[schedule.x]\nto = [\"everyone\"]\nat = 2026-12-01T09:00:00\ntext = \"hi\"\n");
    assert_eq!(one_way.len(), 16);
    assert_eq!(
        one_way,
        revision("# hi\n[schedule]\nx.text = 'hi' # !\nx.at = 2026-12-01T09:00:00\nx.to = [ 'everyone', ]\n")
    );
    assert_ne!(one_way, revision("[schedule.x]\nto = [\"everyone\"]\nat = 2026-12-01T09:00:00\ntext = \"ho\"\n"));
    assert_ne!(one_way, revision("[schedule.y]\nto = [\"everyone\"]\nat = 2026-12-01T09:00:00\ntext = \"hi\"\n"));
}

#[test]
fn one_name_in_two_files_is_found() {
    let file = |name: &str, text: &str| accept(&Source::new(name, text), &Supplies::none()).expect("good").schedules;
    let text = with_when("at = 2026-12-01T09:00:00");
    let mut all = file("a.toml", &text);
    all.extend(file("b.toml", &format!("# one line\n{text}")));
    let found = duplicates(&all);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message(), "schedule `x` is there twice: a.toml:1:1 and b.toml:2:1");
}

#[test]
fn what_the_quiet_hours_of_the_house_never_let_through_is_known() {
    let house = [QuietHours::read("20:00-08:00").expect("quiet hours")];
    let check = |when: &str, expect: bool| {
        let text = with_when(when);
        let problem = always_quiet(&one(&text), &Source::new("x.toml", text.as_str()), &house);
        assert_eq!(problem.is_some(), expect, "{when}");
        if let Some(problem) = problem {
            assert_eq!((problem.code, problem.severity()), (Code::AlwaysQuiet, Severity::Warning));
            assert_eq!(&text[problem.span], "2026-12-01T20:00:00", "at the value");
        }
    };
    let evening = "at = 2026-12-01T20:00:00";
    check(evening, true);
    check(&format!("{evening}\nin_quiet_hours = \"drop\""), true);
    check(&format!("{evening}\nlate = \"13h\""), false);
    check(&format!("{evening}\nquiet_hours = \"none\""), false);
    check(&format!("{evening}\npriority = \"critical\""), false);
    check(&format!("{evening}\nzone = \"Europe/Berlin\""), false);
    check("at = 2026-12-01T20:01:00", false);
}

#[test]
fn what_has_passed_everywhere_is_known() {
    let check = |when: &str, now: &str, expect: bool| {
        let text = with_when(when);
        let schedule = one(&text);
        let now = now.parse().expect("an instant");
        assert_eq!(nothing_ahead(&schedule, now), expect, "{when} at {now}");
        let problem = nothing_ahead_problem(&schedule, &Source::new("x.toml", text.as_str()));
        assert_eq!((problem.code, problem.severity()), (Code::NothingAhead, Severity::Warning));
        assert!(when.contains(&text[problem.span]), "at the value");
    };
    let once = "at = 2026-12-01T09:00:00\nlate = \"1h\"";
    check(once, "2026-12-01T21:30:00Z", false);
    check(once, "2026-12-01T22:00:01Z", true);
    let instant = "at = 2026-12-01T09:00:00+01:00\nzone = \"Europe/Berlin\"\nlate = \"1h\"";
    check(instant, "2026-12-01T09:00:00Z", false);
    check(instant, "2026-12-01T09:00:01Z", true);
    let until = "every = \"day\"\nat = \"09:00\"\nuntil = 2026-12-01";
    check(until, "2026-12-02T12:00:00Z", false);
    check(until, "2026-12-02T13:00:00Z", true);
    let endless = one(&with_when("every = \"day\"\nat = \"09:00\""));
    assert!(!nothing_ahead(&endless, "2999-01-01T00:00:00Z".parse().expect("an instant")));
}
