//! P8: `nudged why` answers why somebody got a message, did not, or will. Each story is lived through with the real planner,
//! ledger and sender, and then told; the snapshots are what an operator reads.

use chrono_tz::Tz;
use nudged::adapter::zones::ZoneData;
use nudged::cli::why_in_words;
use nudged::domain::consent::{Choice, Topic, Way, Wish};
use nudged::domain::delivery::Reason;
use nudged::domain::event::{Event, Identity};
use nudged::domain::id::ScheduleName;
use nudged::domain::news::Who;
use nudged::domain::recipient::Address;
use nudged::domain::verdict::{Evidence, Verdict};
use nudged::port::clock::Clock as _;
use nudged::port::desk::{Desk, DeskError};
use nudged::port::store::{Pause, PausedBy};
use nudged::port::why::{Absent, Account, Why, WhyQuery};

use crate::rig::{Rig, at};

const STANDUP: &str = "[schedule.standup]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"Hello\"\n";

/// Ana lives here from the eve on, and the file says `standup` and `lines`.
async fn rig_in(zone: Tz, day: &str, lines: &str) -> Rig {
    let rig = Rig::new(&format!("{day}T00:00")).await;
    rig.people(&[("ana", zone)]).await;
    rig.file_says(&format!("{STANDUP}{lines}")).await;
    rig
}

/// As above in Lisbon, whose clock shows UTC in winter.
async fn rig(lines: &str) -> Rig {
    rig_in(Tz::Europe__Lisbon, "2027-03-01", lines).await
}

async fn answer(rig: &Rig, who: &str, on: Option<&str>) -> Result<Why, DeskError> {
    let on = on.map(|date| date.parse().expect("a date"));
    rig.desk().why(WhyQuery { schedule: "standup".into(), who: who.into(), on, occurrence: None }).await
}

/// What an operator reads who asks why Ana got that of the first of March, or did not.
async fn told(rig: &Rig) -> String {
    told_of(rig, Some("2027-03-01")).await
}

async fn told_of(rig: &Rig, on: Option<&str>) -> String {
    let why = answer(rig, "ana@x", on).await.expect("an answer");
    let json = serde_json::to_value(&why).expect("JSON");
    assert_eq!(json["schema"], "nudged.why/1");
    assert_eq!(serde_json::from_value::<Why>(json).expect("the answer again"), why, "it travels over the socket");
    let text = why_in_words(&why, &ZoneData::newest());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "80 columns:\n{text}");
    text
}

/// It is this time, and what is due is sent.
async fn goes_round(rig: &Rig, now: &str) {
    rig.now_is(at(now));
    rig.expand().await;
    rig.deliver().await;
}

fn evidence(status: u16, code: Option<&str>) -> Evidence {
    Evidence {
        status: Some(status),
        error_code: code.map(str::to_owned),
        correlation_id: Some("8f1d9a52-3c0e-4b7d-9f57-6f0c2a1be0aa".to_owned()),
        ..Evidence::default()
    }
}

#[tokio::test]
async fn delivered() {
    let rig = rig("").await;
    rig.teams.sees(evidence(201, None));
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn delivered_late() {
    let rig = rig("").await;
    rig.teams.sees(evidence(429, Some("Throttled")));
    rig.teams.answers(&[Verdict::Retry { reason: Reason::Throttled, after: Some(std::time::Duration::from_mins(3)) }]);
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!("not_yet_delivered", told(&rig).await);
    rig.teams.sees(evidence(201, None));
    goes_round(&rig, "2027-03-01T09:04").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn delivered_late_after_a_downtime() {
    let mut rig = rig("").await;
    rig.expand().await;
    rig.down_until(at("2027-03-01T09:20")).await;
    goes_round(&rig, "2027-03-01T09:20").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn delivered_late_after_a_pause() {
    let rig = rig("").await;
    let schedule = ScheduleName::new("standup").expect("a name");
    let pause = Pause { schedule, why: "the office is closed".into(), by: PausedBy::Operator, not_believed: None };
    rig.store.pause(pause, at("2027-03-01T08:50")).await.expect("pausing");
    goes_round(&rig, "2027-03-01T09:10").await;
    insta::assert_snapshot!("paused", told(&rig).await);
    rig.now_is(at("2027-03-01T09:30"));
    rig.resume("standup").await;
    rig.deliver().await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn moved_zone() {
    let rig = rig("").await;
    rig.people(&[("bo", Tz::America__New_York)]).await;
    rig.plan().await;
    rig.now_is(at("2027-03-01T08:55"));
    rig.expand().await;
    rig.people(&[("ana", Tz::America__New_York)]).await;
    goes_round(&rig, "2027-03-01T14:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn shifted_over_a_gap() {
    let rig = Rig::new("2027-03-27T12:00").await;
    rig.people(&[("ana", Tz::Europe__Berlin)]).await;
    rig.file_says(&STANDUP.replace("09:00", "02:30")).await;
    goes_round(&rig, "2027-03-28T01:30").await;
    insta::assert_snapshot!(told_of(&rig, Some("2027-03-28")).await);
}

#[tokio::test]
async fn opted_out() {
    let rig = rig("").await;
    let choice = Choice { wish: Wish::Stop, topic: Topic::new("standup"), way: Way::Typed, at: at("2027-03-01T08:00") };
    let who = Who { addresses: vec![Address::new("ana@x").expect("an address")], ..Who::default() };
    rig.store.choose(who, choice).await.expect("choosing");
    insta::assert_snapshot!("will_not_get_what_they_stopped", told(&rig).await);
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn quiet_hours() {
    let rig = rig("late = \"4h\"\nquiet_hours = \"08:00-11:30\"\n").await;
    insta::assert_snapshot!("quiet_hours_to_come", told(&rig).await);
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!("quiet_hours_hold", told(&rig).await);
    goes_round(&rig, "2027-03-01T11:30").await;
    insta::assert_snapshot!("quiet_hours_are_over", told(&rig).await);
}

#[tokio::test]
async fn quiet_hours_that_are_too_long() {
    let rig = rig("quiet_hours = \"08:00-11:30\"\n").await;
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn uninstalled() {
    let rig = rig("").await;
    rig.teams.sees(evidence(403, Some("BotNotInConversationRoster")));
    rig.teams.answers(&[Verdict::Permanent { reason: Reason::Uninstalled }]);
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn expired() {
    let rig = rig("").await;
    rig.now_is(at("2027-03-01T08:55"));
    rig.expand().await;
    goes_round(&rig, "2027-03-01T10:30").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn superseded() {
    let rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(&STANDUP.replace("\"09:00\"", "[\"09:00\", \"09:20\"]")).await;
    goes_round(&rig, "2027-03-01T09:21").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn failed_for_good() {
    let rig = rig("").await;
    rig.teams.sees(evidence(413, Some("MessageSizeTooBig")));
    rig.teams.answers(&[Verdict::Permanent { reason: Reason::TooLarge }]);
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn unknown() {
    let rig = rig("on_unknown = \"hold\"\n").await;
    rig.teams.answers(&[Verdict::Unknown { reason: Reason::NoAnswer, after: None }]);
    goes_round(&rig, "2027-03-01T09:00").await;
    insta::assert_snapshot!(told(&rig).await);
}

#[tokio::test]
async fn not_in_the_audience() {
    let rig = rig("").await;
    rig.file_says(&STANDUP.replace("everyone", "group:platform")).await;
    insta::assert_snapshot!(told_of(&rig, None).await);
    rig.file_says(&format!("{STANDUP}except_people = [\"ana@x\"]\n")).await;
    insta::assert_snapshot!("excepted", told_of(&rig, None).await);
}

#[tokio::test]
async fn who_is_only_named_is_no_part_of_everyone() {
    let rig = rig("").await;
    let other = STANDUP.replace("standup", "other");
    rig.file_says(&format!("{STANDUP}\n{other}except_people = \"mira@x\"\n")).await;
    let why = answer(&rig, "mira@x", None).await.expect("an answer");
    let absent = Account::Absent(Absent::NotInAudience { to: vec!["everyone".into()] });
    assert_eq!(why.accounts, [absent]);
}

#[tokio::test]
async fn the_file_is_held_back() {
    let rig = Rig::new("2027-03-01T06:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.files_are(&[("file.toml", &STANDUP.replace("every =", "evry ="))]);
    insta::assert_snapshot!(told_of(&rig, None).await);
    rig.file_says(STANDUP).await;
    rig.files_are(&[("file.toml", &STANDUP.replace("09:00", "9 o'clock"))]);
    insta::assert_snapshot!("the_last_good_version_goes_on", told_of(&rig, None).await);
}

/// What is asked of dates on which nothing comes, and of the days ahead.
#[tokio::test]
async fn other_days() {
    let lines = "from = 2027-02-15\nuntil = 2027-04-30\nexcept = [2027-03-10]\n";
    let rig = rig(lines).await;
    rig.file_says(&format!("{STANDUP}{lines}").replace("\"day\"", "\"weekday\"")).await;
    let mut lines = Vec::new();
    for day in ["2027-01-15", "2027-02-17", "2027-02-20", "2027-03-09", "2027-03-10", "2027-05-03"] {
        let told = told_of(&rig, Some(day)).await;
        lines.push(format!("{day}: {}", told.split("\n\n").next().expect("a first line").replace('\n', " ")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn what_is_next_and_what_was_last() {
    let rig = rig("").await;
    goes_round(&rig, "2027-03-01T09:00").await;
    rig.now_is(at("2027-03-01T12:00"));
    insta::assert_snapshot!(told_of(&rig, None).await);
}

/// What was sent once does not come again, although it might still be sent by its limit.
#[tokio::test]
async fn once_is_once() {
    let rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(&STANDUP.replace("every = \"day\"\nat = \"09:00\"", "at = 2027-03-01T09:00:00")).await;
    goes_round(&rig, "2027-03-01T09:00").await;
    rig.now_is(at("2027-03-01T09:01"));
    insta::assert_snapshot!(told_of(&rig, None).await);
}

/// Once a week: the next one is beyond the plan, and the last one is not past its limit.
#[tokio::test]
async fn the_next_is_not_the_one_that_was() {
    let rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(&STANDUP.replace("\"day\"", "\"week\"\non = \"monday\"")).await;
    goes_round(&rig, "2027-03-01T09:00").await;
    rig.now_is(at("2027-03-01T09:01"));
    let told = told_of(&rig, None).await;
    assert!(told.starts_with("ana will get \"standup\" of Mon 2027-03-08 09:00"), "{told}");
}

/// An event brought something: that it did not is not said.
#[tokio::test]
async fn what_an_event_brought() {
    let rig = Rig::new("2027-03-01T09:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says("[schedule.standup]\nto = \"everyone\"\nevent = \"deploy\"\ntext = \"Hello\"\n").await;
    let before = told_of(&rig, None).await;
    assert!(before.contains("that has brought nothing for ana."), "{before}");
    let (now, data) = (rig.clock.now(), serde_json::json!({}));
    let identity = Identity::Key("1".into());
    let event = Event { name: "deploy".into(), identity, at: now, data, people: Vec::new(), conversation: None };
    rig.store.happen(event, now).await.expect("taken in");
    goes_round(&rig, "2027-03-01T09:01").await;
    let told = told_of(&rig, None).await;
    assert!(told.starts_with("ana got \"standup\"") && !told.contains("brought nothing"), "{told}");
}

/// What is expanded and not due yet: whatever keeps it from leaving comes before the hour at which it would.
#[tokio::test]
async fn what_is_about_to_leave_and_will_not() {
    let rig = rig("late = \"4h\"\n").await;
    rig.now_is(at("2027-03-01T08:55"));
    rig.expand().await;
    let first_line = async |rig: &Rig| {
        let told = told(rig).await;
        told.split("\n\n").next().expect("a first line").replace('\n', " ")
    };
    assert_eq!(first_line(&rig).await, "ana is to get \"standup\" of Mon 2027-03-01 09:00 in 5 min.");

    let schedule = ScheduleName::new("standup").expect("a name");
    let pause = Pause { schedule, why: "the office is closed".into(), by: PausedBy::Operator, not_believed: None };
    rig.store.pause(pause, at("2027-03-01T08:55")).await.expect("pausing");
    let paused = "ana would get \"standup\" of Mon 2027-03-01 09:00 in 5 min, but the schedule is paused.";
    assert_eq!(first_line(&rig).await, paused);
    rig.resume("standup").await;

    rig.file_says(&format!("{STANDUP}late = \"4h\"\nquiet_hours = \"08:00-11:30\"\n")).await;
    let quiet = "ana is to get \"standup\" of Mon 2027-03-01 09:00 in 2 h 35 min, when quiet hours end.";
    assert_eq!(first_line(&rig).await, quiet);

    let choice = Choice { wish: Wish::Stop, topic: None, way: Way::Typed, at: at("2027-03-01T08:56") };
    let who = Who { addresses: vec![Address::new("ana@x").expect("an address")], ..Who::default() };
    rig.store.choose(who, choice).await.expect("choosing");
    insta::assert_snapshot!(told(&rig).await);
}

/// Until its grace is over it may come back, and what was planned is there to be told.
#[tokio::test]
async fn of_a_schedule_that_no_file_has_any_more() {
    let rig = rig("").await;
    rig.now_is(at("2027-03-01T08:45"));
    rig.file_says("").await;
    insta::assert_snapshot!("removed_before_it_was_expanded", told(&rig).await);
    rig.file_says(STANDUP).await;
    rig.now_is(at("2027-03-01T08:55"));
    rig.expand().await;
    rig.file_says("").await;
    insta::assert_snapshot!("removed_after_it_was_expanded", told(&rig).await);
    rig.now_is(at("2027-03-01T09:06"));
    rig.plan().await;
    insta::assert_snapshot!("removed_for_good", told(&rig).await);
}

/// Of a date so many are told at most; who asks about one of them is told of that one.
#[tokio::test]
async fn one_of_many() {
    let rig = Rig::new("2027-03-01T00:00").await;
    rig.people(&[("ana", Tz::Europe__Lisbon)]).await;
    rig.file_says(&STANDUP.replace("\"day\"\nat = \"09:00\"", "\"5m\"\nfrom = 2027-03-01T00:00:00\nzone = \"UTC\""))
        .await;
    goes_round(&rig, "2027-03-01T12:00").await;
    let why = answer(&rig, "ana@x", Some("2027-03-01")).await.expect("an answer");
    let last = "2027-03-01T11:55:00".parse().expect("a civil time");
    let is_told =
        |why: &Why| why.accounts.iter().any(|it| matches!(it, Account::Delivery(told) if told.occurrence == last));
    assert!(!is_told(&why), "there are more than are told at once");
    let query = WhyQuery { schedule: "standup".into(), who: "ana@x".into(), on: None, occurrence: Some(last) };
    let why = rig.desk().why(query).await.expect("an answer");
    assert_eq!((why.accounts.len(), is_told(&why)), (1, true), "{:?}", why.accounts);
}

#[tokio::test]
async fn a_slip_of_the_pen_is_told_as_such() {
    let rig = rig("").await;
    let why = |schedule: &str, who: &str| {
        let (desk, query) =
            (rig.desk(), WhyQuery { schedule: schedule.into(), who: who.into(), on: None, occurrence: None });
        async move { desk.why(query).await.expect_err("nobody knows it").to_string() }
    };
    assert_eq!(why("standpu", "ana@x").await, "there is no schedule \"standpu\"; did you mean \"standup\"?");
    assert_eq!(why("standpu", "anna@x").await, "there is no schedule \"standpu\"; did you mean \"standup\"?");
    assert_eq!(why("standup", "anna@x").await, "nobody is known as \"anna@x\"; did you mean \"ana@x\"?");
}

/// By the count from January it is the day before.
#[tokio::test]
async fn elapsed_time_that_comes_to_a_day_off_on_the_clock() {
    let rig = rig("").await;
    let nightly =
        "[schedule.standup]\nto = \"everyone\"\nevery = \"24h\"\nfrom = 2027-01-04T23:30:00\ntext = \"Hello\"\n";
    rig.file_says(&format!("{nightly}except = [2027-07-14]\n")).await;
    let why = answer(&rig, "ana@x", Some("2027-07-13")).await.expect("an answer");
    let date = "2027-07-14".parse().expect("a date");
    assert_eq!(why.accounts, [Account::Absent(Absent::ExceptedDate { date })]);
}
