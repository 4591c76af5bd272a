//! Channels and teams through the real sender and the real ledger: which post begins a thread and which goes on with it,
//! and when rosters are read.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use nudged::domain::activity;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::id::ScheduleName;
use nudged::domain::message::Said;
use nudged::domain::rate::{Book, Operation, Windows};
use nudged::domain::recipient::{RecipientKind, Reference};
use nudged::domain::schedule::model::Priority;
use nudged::domain::verdict::Verdict;
use nudged::engine::inquiry::Inquirer;
use nudged::engine::limiter::{Limiter, Request};
use nudged::port::clock::Clock;
use nudged::port::connector::{Member, MemberPage, Team};
use nudged::port::ear::{Ear, Via};
use nudged::port::rehearsal::TestOrder;
use nudged::port::team::Roster;
use serde_json::json;

use crate::rig::{Rig, at};

const CHANNEL: &str = "19:c@thread.tacv2";

/// A schedule for the channel at these hours of 2027-03-01, with these lines besides.
fn to_channel(name: &str, hours: &str, lines: &str) -> String {
    format!(
        "[schedule.{name}]\nto = \"{CHANNEL}\"\nevery = \"day\"\nat = {hours}\nfrom = 2027-03-01\ntext = \"hello\"\n{lines}\n"
    )
}

async fn rig(text: &str) -> Rig {
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.file_says(text).await;
    rig
}

/// What is asked of Teams when the clock shows this.
async fn at_hour(rig: &Rig, now: &str) -> Vec<String> {
    rig.now_is(at(now));
    rig.plan().await;
    rig.expand().await;
    rig.deliver().await;
    rig.teams.asked()
}

#[tokio::test]
async fn without_a_thread_each_post_stands_alone() {
    let rig = rig(&to_channel("s", "[\"09:00\", \"10:00\"]", "")).await;
    assert_eq!(at_hour(&rig, "2027-03-01T09:00").await, [format!("post {CHANNEL}")]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:00").await, [format!("post {CHANNEL}")]);
}

#[tokio::test]
async fn a_thread_is_begun_once_and_shared_by_name() {
    let first = to_channel("first", "[\"09:00\", \"10:00\"]", "thread = \"release\"");
    let second = to_channel("second", "\"10:00\"", "thread = \"release\"");
    let alone = to_channel("alone", "\"10:00\"", "thread = \"other\"");
    let rig = rig(&format!("{first}{second}{alone}")).await;
    assert_eq!(at_hour(&rig, "2027-03-01T09:00").await, [format!("post {CHANNEL}")]);
    let mut asked = at_hour(&rig, "2027-03-01T10:00").await;
    asked.sort();
    let reply = format!("send {CHANNEL};messageid=1");
    assert_eq!(asked, [format!("post {CHANNEL}"), reply.clone(), reply]);
}

/// Else the message of the day would stand below a test.
#[tokio::test]
async fn a_test_neither_begins_a_thread_nor_stands_in_one() {
    let rig = rig(&to_channel("s", "\"09:00\"", "thread = \"t\"")).await;
    let channel = rig.store.find_people(CHANNEL).await.expect("people")[0];
    for (now, is_test) in [("2027-03-01T08:30", true), ("2027-03-01T09:00", false), ("2027-03-01T09:30", true)] {
        rig.now_is(at(now));
        if is_test {
            let schedule = ScheduleName::new("s").expect("a name");
            let order = TestOrder { schedule, recipient: channel, expire_at: at(now) + TimeDelta::minutes(10) };
            rig.store.rehearse(order, at(now)).await.expect("a test").expect("in force");
        }
        assert_eq!(at_hour(&rig, now).await, [format!("post {CHANNEL}")], "{now}");
    }
    assert_eq!(
        at_hour(&rig, "2027-03-02T09:00").await,
        [format!("send {CHANNEL};messageid=2")],
        "below the first real one"
    );
}

#[tokio::test]
async fn a_thread_is_begun_anew_when_its_span_is_over() {
    let rig = rig(&to_channel("s", "[\"09:00\", \"10:00\"]", "thread = { name = \"t\", new = \"daily\" }")).await;
    assert_eq!(at_hour(&rig, "2027-03-01T09:00").await, [format!("post {CHANNEL}")]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:00").await, [format!("send {CHANNEL};messageid=1")]);
    assert_eq!(at_hour(&rig, "2027-03-02T09:00").await, [format!("post {CHANNEL}")]);
    assert_eq!(at_hour(&rig, "2027-03-02T10:00").await, [format!("send {CHANNEL};messageid=2")]);
}

#[tokio::test]
async fn what_was_put_off_stays_in_the_thread_of_its_day() {
    let lines = "zone = \"America/Denver\"\nthread = { name = \"t\", new = \"daily\" }\nbuttons = [\"snooze: 1h\"]";
    let rig = rig(&to_channel("s", "\"17:00\"", lines)).await;
    assert_eq!(at_hour(&rig, "2027-03-02T00:00").await, [format!("post {CHANNEL}")]);
    let Said::Card { card, .. } = rig.teams.said().remove(0) else { panic!("a card") };
    // Half past five there, and the next day already in UTC.
    rig.now_is(at("2027-03-02T00:30"));
    let pressed = json!({
        "type": "message", "id": "5", "channelId": "msteams", "timestamp": rig.clock.now().to_rfc3339(),
        "from": { "id": "29:ana" }, "recipient": { "id": "28:bot" },
        "conversation": { "id": format!("{CHANNEL};messageid=1"), "conversationType": "channel" },
        "value": card["body"][1]["actions"][0]["data"],
    });
    let pressed = activity::read(pressed.to_string().as_bytes()).expect("an activity");
    rig.listener().hear(pressed, Via::Endpoint).await.expect("heard");
    assert_eq!(at_hour(&rig, "2027-03-02T01:30").await, [format!("send {CHANNEL};messageid=1")]);
    assert_eq!(at_hour(&rig, "2027-03-03T00:00").await, [format!("post {CHANNEL}")], "the next day has its own");
}

#[tokio::test]
async fn a_thread_that_is_gone_is_begun_anew_once() {
    let rig = rig(&to_channel("s", "[\"09:00\", \"10:00\", \"11:00\"]", "thread = \"t\"")).await;
    at_hour(&rig, "2027-03-01T09:00").await;
    rig.teams.answers(&[Verdict::Permanent { reason: Reason::ActivityNotFound }]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:00").await, [format!("send {CHANNEL};messageid=1")]);
    let waiting = rig.deliveries("s").await.into_iter().find(|it| it.state == State::Waiting).expect("one waits");
    assert_eq!(waiting.reason, Some(Reason::ThreadGone));
    assert_eq!(at_hour(&rig, "2027-03-01T10:05").await, [format!("post {CHANNEL}")]);
    assert_eq!(at_hour(&rig, "2027-03-01T11:00").await, [format!("send {CHANNEL};messageid=2")]);
}

#[tokio::test]
async fn a_thread_that_is_gone_is_begun_anew_once_for_all_who_share_it() {
    let of = |name: &str, hours: &str| to_channel(name, hours, "thread = \"t\"");
    let rig = rig(&format!("{}{}", of("first", "[\"09:00\", \"10:00\"]"), of("second", "\"10:00\""))).await;
    at_hour(&rig, "2027-03-01T09:00").await;
    let gone = Verdict::Permanent { reason: Reason::ActivityNotFound };
    rig.teams.answers(&[gone.clone(), gone]);
    let reply = |number: u32| format!("send {CHANNEL};messageid={number}");
    assert_eq!(at_hour(&rig, "2027-03-01T10:00").await, [reply(1), reply(1)]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:05").await, [format!("post {CHANNEL}"), reply(2)]);
}

/// One begins the second thread, and the other does not find that either.
#[tokio::test]
async fn who_is_turned_away_from_two_threads_begins_a_third() {
    let of = |name: &str, hours: &str| to_channel(name, hours, "thread = \"t\"");
    let rig = rig(&format!("{}{}", of("first", "[\"09:00\", \"10:00\"]"), of("second", "\"10:00\""))).await;
    at_hour(&rig, "2027-03-01T09:00").await;
    let lost = Verdict::Recreate { reason: Reason::ConversationNotFound, after: None };
    let found = Verdict::Delivered { activity_id: None };
    rig.teams.answers(&[lost.clone(), lost.clone(), lost.clone(), lost.clone(), found, lost]);
    let reply = |number: u32| format!("send {CHANNEL};messageid={number}");
    assert_eq!(at_hour(&rig, "2027-03-01T10:00").await, [reply(1), reply(1)]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:05").await, [reply(1), reply(1)]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:10").await, [format!("post {CHANNEL}"), reply(2)]);
    assert_eq!(at_hour(&rig, "2027-03-01T10:15").await, [format!("post {CHANNEL}")]);
    for name in ["first", "second"] {
        assert!(rig.deliveries(name).await.iter().all(|it| matches!(it.state, State::Sent | State::Planned)), "{name}");
    }
}

#[tokio::test]
async fn a_thread_that_is_not_found_time_and_again_is_begun_anew() {
    let rig = rig(&to_channel("s", "[\"09:00\", \"10:00\"]", "thread = \"t\"")).await;
    at_hour(&rig, "2027-03-01T09:00").await;
    let lost = Verdict::Recreate { reason: Reason::ConversationNotFound, after: None };
    rig.teams.answers(&[lost.clone(), lost]);
    let reply = [format!("send {CHANNEL};messageid=1")];
    assert_eq!(at_hour(&rig, "2027-03-01T10:00").await, reply);
    assert_eq!(at_hour(&rig, "2027-03-01T10:05").await, reply, "Teams says so of threads that are there, too");
    assert_eq!(at_hour(&rig, "2027-03-01T10:10").await, [format!("post {CHANNEL}")]);
    assert!(rig.deliveries("s").await.iter().all(|it| it.state != State::Waiting));
}

#[tokio::test]
async fn a_post_in_doubt_begins_no_thread() {
    let rig = rig(&to_channel("s", "\"09:00\"", "thread = \"t\"\non_unknown = \"hold\"")).await;
    rig.teams.answers(&[Verdict::Unknown { reason: Reason::NoAnswer, after: None }]);
    assert_eq!(at_hour(&rig, "2027-03-01T09:00").await, [format!("post {CHANNEL}")]);
    assert_eq!(rig.deliveries("s").await[0].state, State::Unknown);
    assert_eq!(at_hour(&rig, "2027-03-02T09:00").await, [format!("post {CHANNEL}")], "there is none to go on with");
}

fn member(name: &str, tenant: &str) -> Member {
    Member {
        user_id: format!("29:{name}"),
        entra_object_id: None,
        name: Some(name.to_owned()),
        email: Some(format!("{name}@x")),
        user_principal_name: None,
        tenant_id: Some(tenant.to_owned()),
        role: Some("user".to_owned()),
    }
}

fn pages(pages: &[&[Member]]) -> Vec<MemberPage> {
    let last = pages.len() - 1;
    let page = |(number, members): (usize, &&[Member])| MemberPage {
        members: members.to_vec(),
        continuation: (number < last).then(|| (number + 1).to_string()),
    };
    pages.iter().enumerate().map(page).collect()
}

const TO_TEAM: &str = r#"
[schedule.s]
to = ["team:19:ops@thread.tacv2", "channel:19:ops@thread.tacv2/Releases"]
at = 2027-03-01T09:00:00
late = "2h"
text = "hello"
"#;

async fn states(rig: &Rig) -> Vec<(String, State, Option<Reason>)> {
    let mut states: Vec<_> =
        rig.deliveries("s").await.into_iter().map(|it| (it.recipient, it.state, it.reason)).collect();
    states.sort();
    states
}

#[tokio::test]
async fn a_roster_is_read_page_by_page_and_guests_are_accounted_for() {
    let rig = rig(TO_TEAM).await;
    rig.teams.has_roster(Ok(pages(&[&[member("ana", "home")], &[member("gus", "elsewhere")]])));
    rig.read_rosters().await;
    let team = "19:ops@thread.tacv2";
    let expect = ["team", "channels", "members", "members"].map(|what| format!("{what} {team}"));
    assert_eq!(rig.teams.asked(), expect);
    rig.read_rosters().await;
    assert_eq!(rig.teams.asked(), [""; 0], "it was read a moment ago");

    rig.now_is(at("2027-03-01T08:55"));
    rig.plan().await;
    rig.expand().await;
    let planned = states(&rig).await;
    assert_eq!(planned.len(), 3, "{planned:?}");
    rig.now_is(at("2027-03-01T09:00"));
    rig.teams.creates("a:ana");
    rig.deliver().await;
    let expect = [
        ("Ops / Releases".to_owned(), State::Sent, None),
        ("ana".to_owned(), State::Sent, None),
        ("gus".to_owned(), State::Skipped, Some(Reason::Guest)),
    ];
    assert_eq!(states(&rig).await, expect);
    let mut asked = rig.teams.asked();
    asked.sort();
    assert_eq!(asked, ["create 29:ana", "post 19:releases@thread.tacv2", "send a:ana"]);
}

/// Whoever administers a tenant may write any address into its directory, and call a team what they like.
#[tokio::test]
async fn what_another_tenant_writes_into_a_roster_gives_nobody_an_e_mail_address() {
    for (team, ana, is_believed) in [
        ("home", "home", true),
        ("home", "elsewhere", false),
        ("elsewhere", "elsewhere", false),
        ("elsewhere", "home", false),
    ] {
        let rig =
            rig(&format!("{TO_TEAM}\n[schedule.to_her]\nto = \"ana@x\"\nevery = \"day\"\nat = 09:00\ntext = \"hi\"\n"))
                .await;
        let installed = json!({
            "type": "installationUpdate", "action": "add", "id": "f:1", "channelId": "msteams",
            "serviceUrl": "https://smba.trafficmanager.net/emea/",
            "from": { "id": "29:mallory" }, "recipient": { "id": "28:bot" },
            "conversation": { "id": "19:ops@thread.tacv2", "conversationType": "channel", "tenantId": team },
            "channelData": { "team": { "id": "19:ops@thread.tacv2", "name": "Ops" } },
        });
        let installed = activity::read(installed.to_string().as_bytes()).expect("an activity");
        rig.listener().hear(installed, Via::Endpoint).await.expect("heard");
        let named = Member { user_principal_name: Some("ana@x".to_owned()), email: None, ..member("ana", ana) };
        for listed in [member("ana", ana), named] {
            rig.teams.has_roster(Ok(pages(&[&[listed]])));
            rig.read_rosters().await;
            let people = rig.store.people().await.expect("people");
            let same = people.iter().find(|it| it.addresses.contains(&"29:ana".to_owned())).expect("she is listed");
            assert_eq!(same.addresses.contains(&"ana@x".to_owned()), is_believed, "{ana} in a team of {team}");
            rig.now_is(rig.clock.now() + TimeDelta::days(1));
        }
    }
}

#[tokio::test]
async fn a_roster_that_is_half_read_is_not_kept() {
    let rig = rig(TO_TEAM).await;
    let mut half = pages(&[&[member("ana", "home")], &[member("bo", "home")]]);
    half.pop();
    rig.teams.has_roster(Ok(half));
    rig.read_rosters().await;
    let people = rig.store.people().await.expect("people");
    assert!(people.iter().all(|it| it.kind != RecipientKind::Person), "{people:?}");
    let team = rig.store.named_teams().await.expect("teams").remove(0).teams.remove(0);
    assert_eq!(team.read_at, None);
    assert_eq!(team.trouble.as_deref(), Some(Reason::Refused.explain()));
    rig.teams.asked();
    rig.read_rosters().await;
    assert_eq!(rig.teams.asked(), [""; 0], "it is left in peace for a while");
    rig.now_is(at("2027-03-01T08:06"));
    rig.teams.has_roster(Ok(pages(&[&[member("ana", "home")]])));
    rig.read_rosters().await;
    assert_eq!(rig.store.named_teams().await.expect("teams")[0].trouble(), None);
}

#[tokio::test]
async fn a_failing_refresh_keeps_the_old_roster() {
    let rig = rig(TO_TEAM).await;
    rig.teams.has_roster(Ok(pages(&[&[member("ana", "home")]])));
    rig.read_rosters().await;
    rig.now_is(at("2027-03-02T08:00"));
    rig.teams.has_roster(Err(Verdict::Permanent { reason: Reason::Uninstalled }));
    rig.read_rosters().await;
    let team = rig.store.named_teams().await.expect("teams").remove(0).teams.remove(0);
    assert_eq!((team.read_at, team.members), (Some(at("2027-03-01T08:00")), 1));
    assert_eq!(team.trouble.as_deref(), Some(Reason::Uninstalled.explain()));
}

/// Teams has no team of more people: whoever lists more would have our memory.
#[tokio::test]
async fn a_list_of_more_members_than_a_team_can_have_is_not_kept() {
    let rig = rig(TO_TEAM).await;
    rig.teams.has_roster(Ok(pages(&[&[member("ana", "home")]])));
    rig.read_rosters().await;
    rig.now_is(at("2027-03-02T08:00"));
    let crowd: Vec<_> = (0..12_501).map(|number| member(&number.to_string(), "home")).collect();
    rig.teams.has_roster(Ok(pages(&[&crowd, &crowd, &[]])));
    rig.teams.asked();
    rig.read_rosters().await;
    assert_eq!(rig.teams.asked().iter().filter(|asked| asked.starts_with("members")).count(), 2);
    let team = rig.store.named_teams().await.expect("teams").remove(0).teams.remove(0);
    assert_eq!((team.read_at, team.members), (Some(at("2027-03-01T08:00")), 1));
    assert!(team.trouble.expect("why").contains("more members than a team can have"));
}

/// A team that has been read in another tenant, which is silent when it is to be read again.
#[tokio::test]
async fn a_silent_tenant_holds_up_nobody_elses_roster() {
    const FAR: &str = "19:far@thread.tacv2";
    const OPS: &str = "19:ops@thread.tacv2";
    let rig = rig(&TO_TEAM.replace("[\"team:", &format!("[\"team:{FAR}\", \"team:"))).await;
    let reference =
        Reference { conversation_id: Some(FAR.to_owned()), tenant_id: Some("far".to_owned()), ..Reference::default() };
    let team = Team { id: FAR.to_owned(), name: Some("Far".to_owned()), entra_group_id: None };
    let roster = Roster { team, reference, channels: Vec::new(), members: Vec::new() };
    rig.store.keep_roster(roster, Tz::UTC, at("2027-02-27T08:00")).await.expect("keeping");
    rig.teams.has_roster(Ok(pages(&[&[]])));
    rig.silence("far", Duration::from_mins(20)).await;
    rig.at_once(rig.read_rosters()).await;
    assert_eq!(rig.teams.asked(), ["team", "channels", "members"].map(|what| format!("{what} {OPS}")));
    let trouble = async || {
        let named = rig.store.named_teams().await.expect("teams");
        named.iter().find(|it| it.word == FAR).expect("it is named").teams[0].trouble.clone()
    };
    let said = trouble().await.expect("why it could not be read");
    assert!(said.contains("1200 s"), "{said}");

    rig.now_is(at("2027-03-01T08:21"));
    rig.at_once(rig.read_rosters()).await;
    assert_eq!(rig.teams.asked(), ["team", "channels", "members"].map(|what| format!("{what} {FAR}")));
    assert_eq!(trouble().await, None);
}

/// The window of the tenant is full of a request that is not answered.
#[tokio::test]
async fn a_question_does_not_wait_for_its_turn_for_long() {
    let rig = rig(TO_TEAM).await;
    let limiter = Arc::new(Limiter::new(Book::new(Windows::published(1)), 64, rig.clock.clone()));
    let inquirer = Inquirer { limiter: limiter.clone(), ..rig.inquirer() };
    let (operation, priority) = (Operation::Send, Priority::Normal);
    let request = Request { tenant: "home".into(), conversation: "a:ana".into(), operation, priority };
    let _under_way = limiter.permit(&request).await.expect("the first one");
    let reference = Reference::default();
    let asked = inquirer.ask(&reference, Operation::Members, async || Ok(()));
    let a_minute_later = async { rig.now_is(at("2027-03-01T08:01")) };
    let (answered, ()) = rig.at_once(async { tokio::join!(asked, a_minute_later) }).await;
    let verdict = answered.expect_err("it was nobody's turn").verdict;
    assert!(matches!(verdict, Verdict::Retry { reason: Reason::Throttled, .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_channel_waits_until_its_team_has_been_read() {
    let rig = rig(TO_TEAM).await;
    rig.now_is(at("2027-03-01T09:00"));
    rig.expand().await;
    rig.deliver().await;
    let name = "channel:19:ops@thread.tacv2/releases".to_owned();
    assert_eq!(states(&rig).await, [(name, State::Waiting, Some(Reason::RosterUnread))]);
    rig.teams.has_roster(Ok(pages(&[&[]])));
    rig.read_rosters().await;
    rig.pass_minutes(1).await;
    assert_eq!(states(&rig).await, [("Ops / Releases".to_owned(), State::Sent, None)]);
}
