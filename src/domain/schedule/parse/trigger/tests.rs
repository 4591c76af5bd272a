use chrono::NaiveDateTime;

use crate::domain::problem::{Severity, Source};
use crate::domain::recurrence::civil_times;
use crate::domain::schedule::parse::parse;
use crate::domain::supplies::Supplies;

/// The first occurrences from 2027-01-01 on, as many as are expected, with nothing in between left out.
fn fires(when: &str, expect: &[&str]) {
    let source = Source::new("x.toml", format!("[schedule.x]\nto = \"everyone\"\ntext = \"hi\"\n{when}\n"));
    let (schedules, problems) = parse(&source, &Supplies::none());
    let errors: Vec<_> = problems.iter().filter(|problem| problem.severity() == Severity::Error).collect();
    assert!(errors.is_empty(), "{when}\n{errors:?}");
    let begin: NaiveDateTime = "2027-01-01T00:00:00".parse().expect("a time");
    let end = "2037-12-31T23:59:59".parse().expect("a time");
    let got = civil_times(&schedules[0].when, begin, end).take(expect.len());
    let got: Vec<_> = got.map(|at| at.format("%Y-%m-%d %H:%M").to_string()).collect();
    assert_eq!(got, expect, "{when}");
}

/// `line:column: CODE message; help` of all problems, where `when` begins on line 4.
fn problems(when: &str, expect: &[&str]) {
    let source = Source::new("x.toml", format!("[schedule.x]\nto = \"everyone\"\ntext = \"hi\"\n{when}\n"));
    let (_, problems) = parse(&source, &Supplies::none());
    let got: Vec<_> = problems.iter().map(|problem| problem.line(&source)).collect();
    assert_eq!(got, expect, "{when}");
}

#[test]
fn every_in_all_its_forms() {
    fires("every = \"3 days\"\nat = \"09:00\"\nfrom = 2026-12-30", &["2027-01-02 09:00", "2027-01-05 09:00"]);
    fires(
        "every = \"2 weeks\"\non = [\"tue\", \"sunday\"]\nat = \"09:00\"\nfrom = 2026-12-31",
        &["2027-01-03 09:00", "2027-01-12 09:00", "2027-01-17 09:00", "2027-01-26 09:00"],
    );
    fires(
        "every = \"month\"\non = [\"last friday\", 15]\nat = [\"09:00\", \"16:00\"]",
        &["2027-01-15 09:00", "2027-01-15 16:00", "2027-01-29 09:00", "2027-01-29 16:00", "2027-02-15 09:00"],
    );
    fires("every = \"month\"\non = \"last day\"\nat = \"09:00\"", &["2027-01-31 09:00", "2027-02-28 09:00"]);
    fires("every = \"month\"\non = 31\nat = \"09:00\"", &["2027-01-31 09:00", "2027-02-28 09:00"]);
    fires(
        "every = \"month\"\non = 31\nat = \"09:00\"\nmissing_day = \"skip\"",
        &["2027-01-31 09:00", "2027-03-31 09:00"],
    );
    fires(
        "every = \"3 months\"\non = \"first weekday\"\nat = \"09:00\"\nfrom = 2026-11-01",
        &["2027-02-01 09:00", "2027-05-03 09:00", "2027-08-02 09:00"],
    );
    fires("every = \"year\"\non = \"02-29\"\nat = \"09:00\"", &["2027-02-28 09:00", "2028-02-29 09:00"]);
    fires(
        "every = \"year\"\non = [\"last friday of november\", \"24 december\"]\nat = \"09:00\"",
        &["2027-11-26 09:00", "2027-12-24 09:00", "2028-11-24 09:00"],
    );
    fires(
        "every = \"4 years\"\non = \"07-01\"\nat = \"09:00\"\nfrom = 2024-01-01",
        &["2028-07-01 09:00", "2032-07-01 09:00"],
    );
}

#[test]
fn cron_with_days_of_two_kinds_says_which() {
    fires("cron = \"0 9 13 * fri\"\ndays = \"both\"", &["2027-08-13 09:00", "2028-10-13 09:00"]);
    fires("cron = \"0 9 13 * fri\"\ndays = \"either\"", &["2027-01-01 09:00", "2027-01-08 09:00", "2027-01-13 09:00"]);
    problems(
        "cron = \"0 9 13 * fri\"\nfrom = 2027-06-01",
        &["4:13: N112 a day of the month and a day of the week together can mean both or either; \
           add days = \"both\" (2027-08-13, 2028-10-13, 2029-04-13 …) or days = \"either\" \
           (2027-06-04, 2027-06-11, 2027-06-13 …)"],
    );
    problems("cron = \"0 9 13 * fri\"\ndays = \"bot\"", &["5:8: N007 `days` can't be \"bot\"; did you mean \"both\"?"]);
    problems(
        "every = \"day\"\nat = \"09:00\"\ndays = \"both\"",
        &["6:8: N006 `days` is for a schedule with `cron`; remove it"],
    );
}

#[test]
fn cron_in_all_its_forms() {
    fires("cron = \"*/30 9 * * 1-5\"", &["2027-01-01 09:00", "2027-01-01 09:30", "2027-01-04 09:00"]);
    fires("cron = \"0 0 9 * * mon\"", &["2027-01-04 09:00", "2027-01-11 09:00"]);
    fires("cron = \"0 9 L * *\"", &["2027-01-31 09:00", "2027-02-28 09:00"]);
    fires("cron = \"0 9 LW * *\"", &["2027-01-29 09:00", "2027-02-26 09:00"]);
    // The workday nearest to the 16th, a Saturday, and to the 1st, which must not leave the month.
    fires("cron = \"0 9 16W jan *\"", &["2027-01-15 09:00"]);
    fires("cron = \"0 9 1W may *\"", &["2027-05-03 09:00"]);
    fires("cron = \"0 9 * * friL\"", &["2027-01-29 09:00", "2027-02-26 09:00"]);
    fires("cron = \"0 9 * * mon#2\"", &["2027-01-11 09:00", "2027-02-08 09:00"]);
    fires("cron = \"0 9 * * 7\"", &["2027-01-03 09:00"]);
    for (nickname, expect) in [
        ("@yearly", "2027-01-01 00:00"),
        ("@Monthly", "2027-01-01 00:00"),
        ("@weekly", "2027-01-03 00:00"),
        ("@midnight", "2027-01-01 00:00"),
        ("@hourly", "2027-01-01 00:00"),
    ] {
        fires(&format!("cron = \"{nickname}\""), &[expect]);
    }
    problems(
        "cron = \"0 9 1,31 * *\"",
        &[
            "4:13: N113 cron leaves out the months that have no day 31; for the last day of each month write `L` as the day",
        ],
    );
    let leaves_out = |pattern: &str, at: &str, day: u32| {
        let help = "for the last day of each month write `L` as the day";
        let problem = format!("{at}: N113 cron leaves out the months that have no day {day}; {help}");
        problems(&format!("cron = \"{pattern}\""), &[&problem]);
    };
    leaves_out("0 9 29-31 * *", "4:13", 29);
    leaves_out("0 9 30-31/1,29 * *", "4:13", 30);
    leaves_out("0 9 31W * *", "4:13", 31);
    leaves_out("0 9 31 1,2,3 *", "4:13", 31);
    leaves_out("0 9 30 jan-mar *", "4:13", 30);
    leaves_out("0 0 9 31 */3 *", "4:15", 31);
    // What fires in each of the months leaves none out.
    for pattern in ["0 9 28-31 * *", "0 9 */10 * *", "0 9 31 1,3,5 *", "0 9 30W 4,6 *", "0 9 L * *", "0 9 LW * *"] {
        problems(&format!("cron = \"{pattern}\""), &[]);
    }
}

#[test]
fn rules_begin_at_from_and_take_their_times_from_at() {
    let monthly = "rrule = \"FREQ=MONTHLY;BYDAY=-1FR\"";
    fires(&format!("{monthly}\nfrom = 2027-01-01T09:00:00"), &["2027-01-29 09:00", "2027-02-26 09:00"]);
    fires(
        &format!("{monthly}\nfrom = 2027-01-01\nat = [\"16:00\", \"08:00\"]"),
        &["2027-01-29 08:00", "2027-01-29 16:00", "2027-02-26 08:00"],
    );
    fires(
        "rrule = \"FREQ=WEEKLY;COUNT=3\"\nfrom = 2026-12-25T09:00:00\nuntil = 2027-12-31",
        &["2027-01-01 09:00", "2027-01-08 09:00"],
    );
    problems(
        "rrule = \"FREQ=DAILY\"\nat = \"09:00\"",
        &["4:9: N004 a recurrence rule needs a day to begin with; add for example from = 2026-12-01"],
    );
    problems(
        "rrule = \"FREQ=DAILY\"\nfrom = 2027-01-01",
        &["4:10: N111 this rule has no time of day; add at = \"09:00\""],
    );
    problems(
        "rrule = \"FREQ=DAYLY;BYDAY=XX\"\nfrom = 2027-01-01T09:00:00",
        &[
            "4:10: N111 FREQ can't be \"DAYLY\"; did you mean DAILY?",
            "4:21: N111 BYDAY can't be \"XX\"; write days as in MO,WE, or with a number as in 1MO or -1FR",
        ],
    );
    problems(
        "rrule = \"FREQ=DAILY;UNTIL=20270301T000000Z\"\nfrom = 2027-01-01T09:00:00",
        &[
            "4:21: N111 UNTIL names an instant in UTC; leave out the Z: a schedule goes by the clocks of its recipients, \
           and so does its end",
        ],
    );
    problems(
        "rrule = \"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\"\nfrom = 2027-01-01T09:00:00",
        &["4:10: N111 this rule never fires: there is no such day; check the days and the months"],
    );
}

#[test]
fn days_off_are_left_out() {
    fires(
        "every = \"day\"\nat = \"09:00\"\nexcept = [2027-01-01, \"2027-01-03 to 2027-01-05\"]",
        &["2027-01-02 09:00", "2027-01-06 09:00"],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nexcept = [\"calendar:de\", \"xmas\", \"2027-01-05 to 2027-01-03\", 09:00]",
        &[
            "6:11: N191 there is no calendar \"de\"; put it into calendars/de.ics or calendars/de.toml beside the \
             schedules",
            "6:26: N116 \"xmas\" is neither a date nor a calendar; write a date as in 2026-12-24, or \"calendar:NAME\"",
            "6:34: N103 this range ends before it begins; check the year",
            "6:62: N103 a date is needed here, without a time of day; write it as in 2026-12-24",
        ],
    );
    problems(
        "at = 2027-01-01T09:00:00\nexcept = 2027-01-01",
        &["5:10: N006 `at` with a date is sent once, so `except` can't stand beside it; remove one of the two"],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nif_holiday = \"next workday\"",
        &["6:14: N116 `if_holiday` needs to know the holidays; add except = \"calendar:NAME\", or remove it"],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nfrom = 2027-01-01\nuntil = 2027-01-02\nexcept = \"2027-01-01 to 2027-01-02\"",
        &["7:9: N117 nothing falls between `from` and `until`; nothing will be sent; change one of the two"],
    );
}

#[test]
fn events_have_a_name_and_no_calendar() {
    problems("event = \"install\"\nafter = \"10m\"\nonce_per = \"person\"", &[]);
    problems(
        "event = \"install\"\nzone = \"Europe/Berlin\"",
        &[
            "5:8: N006 an event happens at one instant for everybody, so `zone` can't stand beside it; remove one of the two",
        ],
    );
    problems(
        "event = \"Build Failed\"\nonce_per = \"persn\"",
        &[
            "4:9: N115 `event` can't be \"Build Failed\"; write \"install\", \"member-added\", or a name in small letters, \
             such as \"build-failed\"",
            "5:12: N007 `once_per` can't be \"persn\"; did you mean \"person\"?",
        ],
    );
    problems(
        "event = \"install\"\nat = \"09:00\"",
        &["5:6: N006 `event` already says when, so `at` can't stand beside it; remove one of the two"],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nafter = \"1h\"",
        &["6:9: N006 `after` is for a schedule with `event`; remove it"],
    );
}

#[test]
fn what_does_not_fit_is_explained() {
    problems(
        "every = \"2 weeks\"\non = \"monday\"\nat = \"09:00\"",
        &["4:9: N107 every = \"2 weeks\" needs a day to count from; add for example from = 2026-12-01"],
    );
    problems(
        "every = \"month\"\nat = \"09:00\"",
        &["4:9: N107 every = \"month\" needs `on`; add on = 15, \"last day\" or \"first monday\""],
    );
    problems(
        "every = \"month\"\non = [\"last firday\", 32]\nat = \"09:00\"",
        &[
            "5:7: N007 \"last firday\" is not understood as a day of the month; did you mean \"last friday\"?",
            "5:22: N007 there is no day \"32\"; a month has the days 1 to 31; for the last one write \"last day\"",
        ],
    );
    problems(
        "every = \"year\"\non = \"02-30\"\nat = \"09:00\"",
        &["5:6: N007 there is no day \"02-30\"; February has 29 days at most"],
    );
    problems(
        "every = \"fortnight\"\nat = \"09:00\"",
        &["4:9: N007 `every` can't be \"fortnight\"; write \"2 weeks\", and a day of the first of them in `from`"],
    );
    problems(
        "every = \"day\"\nat = [\"09:00:30\", \"09:00\", \"10:00\", \"09:01:29\"]",
        &[
            "5:7: N107 09:00:30 is less than a minute after 09:00:00; leave a minute between two times, or remove one",
            "5:37: N107 09:01:29 is less than a minute after 09:00:30; leave a minute between two times, or remove one",
        ],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nmissing_day = \"skip\"",
        &["6:15: N107 `missing_day` does not fit every = \"day\"; remove it, or write every = \"month\""],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nrrule = \"FREQ=DAILY\"\nfrom = 2027-01-01",
        &["4:9: N006 `rrule` already says when, so `every` can't stand beside it; remove one of the two"],
    );
}

#[test]
fn quiet_hours_are_read_and_weighed_against_the_times() {
    problems(
        "every = \"day\"\nat = \"09:00\"\nquiet_hours = [\"20:00-08:00\", { hours = \"00:00-24:00\", days = [\"sat\"] }]",
        &[],
    );
    problems("every = \"day\"\nat = \"07:30\"\nquiet_hours = \"20:00-08:00\"", &[]);
    problems("every = \"day\"\nat = \"07:01\"\nquiet_hours = \"20:00-08:00\"", &[]);
    let night = "at = 2027-03-01T20:00:00\nquiet_hours = \"20:00-08:00\"";
    problems(
        night,
        &[
            "5:15: N171 20:00 is in these quiet hours, and may not wait until they end; change the one or the other, or raise \
         `late`; as it is, it is never sent",
        ],
    );
    // Who is due a little later has a little more time.
    problems(&format!("{night}\njitter = \"10m\""), &[]);
    problems(&format!("{night}\nlate = \"13h\""), &[]);
    problems(
        "every = \"day\"\nat = [\"09:00\", \"06:30\"]\nquiet_hours = \"20:00-08:00\"",
        &[
            "6:15: N171 06:30 is in these quiet hours, and may not wait until they end; change the one or the other, or raise \
         `late`; as it is, it is never sent",
        ],
    );
    problems(
        "every = \"day\"\nat = \"09:00\"\nquiet_hours = [\"8pm-8am\", { days = \"sunday\" }, { hours = \"20:00-08:00\", days = \"sonday\" }]",
        &[
            "6:16: N170 \"8pm-8am\" is not understood as quiet hours; write for example \"20:00-08:00\", or { hours = \
         \"00:00-24:00\", days = [\"saturday\", \"sunday\"] }",
            "6:27: N004 it does not say from when to when; write for example \"20:00-08:00\", or { hours = \"00:00-24:00\", \
         days = [\"saturday\", \"sunday\"] }",
            "6:80: N170 this is no day of the week; write days = [\"saturday\", \"sunday\"]",
        ],
    );
}
