//! Channels, chats and teams: named, read, spoken to.

use chrono::{DateTime, NaiveDateTime, Utc};
use nudged::domain::conversation::{ChannelPlace, Standing};
use nudged::domain::delivery::{Claim, Reason, RosterState, Settlement, State};
use nudged::domain::recipient::{PersonRecord, RecipientKind, Reference, ServiceOrigin};
use nudged::domain::thread::{BegunThread, Thread, ThreadName};
use nudged::port::connector::{Channel, Conversation, Member, Team};
use nudged::port::desk::PersonView;
use nudged::port::store::Outcome;
use nudged::port::team::{NamedTeam, Roster, RosterChange, RosterMember};

use crate::Place;
use crate::fixtures::*;

const OPS: &str = "19:ops@thread.tacv2";
const RELEASES: &str = "19:releases@thread.tacv2";

fn listed(name: &str) -> RosterMember {
    let member = Member {
        user_id: format!("29:{name}"),
        entra_object_id: None,
        name: Some(name.to_owned()),
        email: Some(format!("{name}@x")),
        user_principal_name: None,
        tenant_id: None,
        role: None,
    };
    RosterMember { member, standing: Standing::Member }
}

/// A team with the channels General and Releases.
pub(crate) fn roster(id: &str, name: &str, members: &[&str]) -> Roster {
    let general = Channel { id: id.to_owned(), name: None };
    let releases = Channel { id: RELEASES.to_owned(), name: Some("Releases".to_owned()) };
    Roster {
        team: Team { id: id.to_owned(), name: Some(name.to_owned()), entra_group_id: None },
        reference: Reference {
            conversation_id: Some(id.to_owned()),
            tenant_id: Some("t".to_owned()),
            ..Reference::default()
        },
        channels: vec![general, releases],
        members: members.iter().map(|name| listed(name)).collect(),
    }
}

fn channel(team: &str, team_name: &str, name: &str, id: &str) -> PersonRecord {
    let place = ChannelPlace {
        team_id: Some(team.to_owned()),
        team_name: Some(team_name.to_owned()),
        name: Some(name.to_owned()),
    };
    PersonRecord {
        addresses: place.addresses(),
        name: place.title(),
        channel: Some(place),
        reference: Reference { conversation_id: Some(id.to_owned()), ..Reference::default() },
        ..PersonRecord::new(RecipientKind::Channel)
    }
}

pub(crate) async fn keep(ledger: &Ledger, roster: Roster, now: &str) -> RosterChange {
    ledger.store.keep_roster(roster, NOWHERE, at(now)).await.expect("keeping")
}

/// A ledger with schedules that have a wave at nine where nobody lives who told us, expanded at eight.
async fn expanded(place: &dyn Place, people: &[PersonRecord], schedules: &[Draft]) -> Ledger {
    let ledger = Ledger::with(place, people, schedules).await;
    for schedule in schedules {
        ledger.plan(&[plan(&schedule.name, &[wave("09:00", NOWHERE)])], "00:10").await;
    }
    ledger.store.expand_due(at("09:00"), at("08:00"), u32::MAX).await.expect("expanding");
    ledger
}

async fn expand_again(ledger: &Ledger, now: &str) {
    ledger.store.expand_due(at("09:00"), at(now), u32::MAX).await.expect("expanding");
}

async fn people(ledger: &Ledger) -> Vec<PersonView> {
    ledger.store.people().await.expect("people")
}

/// Each claim's name with its conversation, in the order of the names.
async fn conversations(ledger: &Ledger) -> Vec<(String, Option<String>)> {
    let claims = ledger.claim("09:00").await;
    let mut all: Vec<_> = claims.into_iter().map(|it| (it.recipient.name, it.reference.conversation_id)).collect();
    all.sort();
    all
}

pub(crate) async fn what_is_named_by_its_id_has_a_place(place: &dyn Place) {
    let to = ["19:c@thread.tacv2", "chat:19:g@thread.v2", "chat:a:1ana", "channel:19:c@thread.tacv2"];
    let ana = PersonRecord {
        reference: Reference { conversation_id: Some("a:1ana".into()), ..Reference::default() },
        ..person("ana", NOWHERE)
    };
    let ledger = expanded(place, &[ana], &[draft("s").to(&to)]).await;
    let mut claims = ledger.claim("09:00").await;
    claims.sort_by_key(|claim| claim.recipient.name.clone());
    let got: Vec<_> = claims.iter().map(|it| (it.recipient.name.as_str(), it.recipient.kind)).collect();
    let expect = [
        ("19:c@thread.tacv2", RecipientKind::Channel),
        ("19:g@thread.v2", RecipientKind::GroupChat),
        ("ana", RecipientKind::Person),
    ];
    assert_eq!(got, expect, "a known conversation is not known twice");
    assert_eq!(claims[0].reference.conversation_id.as_deref(), Some("19:c@thread.tacv2"));
    assert_eq!(claims[0].recipient.email, None, "an id is no address for mail");
}

pub(crate) async fn a_channel_that_was_only_a_name_becomes_one(place: &dyn Place) {
    let by_name =
        [draft("s").to(&["channel:Ops/Releases"]), draft("other").to(&["channel:19:ops@thread.tacv2/Releases"])];
    let ledger = expanded(place, &[], &by_name).await;
    let claims = ledger.claim("09:00").await;
    let unread: Vec<_> = claims.iter().map(|it| (it.schedule.as_str(), it.roster == RosterState::Unread)).collect();
    assert_eq!(unread, [("s", false), ("other", true)], "of the one nobody knows the team, the other is not read yet");
    for claim in &claims {
        ledger.release(claim).await;
    }
    keep(&ledger, roster(OPS, "Ops", &[]), "08:30").await;
    expand_again(&ledger, "08:30").await;
    let id = Some(RELEASES.to_owned());
    let name = "Ops / Releases".to_owned();
    assert_eq!(conversations(&ledger).await, [(name.clone(), id.clone()), (name, id)]);
    let channels = people(&ledger).await;
    let known: Vec<_> =
        channels.iter().filter(|it| it.kind == RecipientKind::Channel).map(|it| it.name.as_str()).collect();
    assert_eq!(known.iter().filter(|name| **name == "Ops / Releases").count(), 1, "{known:?}");
}

pub(crate) async fn an_import_gives_a_channel_its_names(place: &dyn Place) {
    let named = [draft("s").to(&["channel:ops/releases"]), draft("id").to(&[RELEASES])];
    let ledger = expanded(place, &[], &named).await;
    let import = ledger.import(&[channel(OPS, "Ops", "Releases", RELEASES)], "08:30").await;
    assert_eq!(import.refused, [""; 0], "two places are not two channels");
    expand_again(&ledger, "08:30").await;
    let claims = ledger.claim("09:00").await;
    let ids: Vec<_> = claims.iter().map(|it| (it.schedule.as_str(), it.recipient.id)).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(ids[0].1, ids[1].1, "both mean the same channel");
    assert_eq!(
        ledger.counts("s", "09:00").await,
        [(State::Claimed, 1), (State::Cancelled, 1)],
        "the name's own place is left"
    );
    let again = ledger.import(&[channel(OPS, "Ops", "Releases", RELEASES)], "08:40").await;
    assert_eq!((again.unchanged, again.updated), (1, 0), "{again:?}");
}

pub(crate) async fn the_members_of_a_team_are_an_audience(place: &dyn Place) {
    let schedules = [
        draft("by-name").to(&["team:Ops"]).except(&["bo@x"]),
        draft("by-id").to(&[&format!("team:{OPS}")]),
        draft("all"),
    ];
    let ledger = expanded(place, &[person("ana", NOWHERE)], &schedules).await;
    let change = keep(&ledger, roster(OPS, "Ops", &["ana", "bo"]), "08:30").await;
    assert_eq!(change, RosterChange { joined: 2, left: 0 });
    expand_again(&ledger, "08:30").await;
    assert_eq!(ledger.counts("by-name", "09:00").await, [(State::Planned, 1)]);
    assert_eq!(ledger.counts("by-id", "09:00").await, [(State::Planned, 2)]);
    assert_eq!(ledger.counts("all", "09:00").await, [(State::Planned, 1)], "everyone is whom an import has mentioned");
    let claims = ledger.claim("09:00").await;
    let ana = claims.iter().find(|it| it.recipient.name == "ana").expect("ana");
    assert_eq!(ana.reference.conversation_id.as_deref(), Some("a:ana"), "what was known stays");
    assert_eq!(ana.reference.user_id.as_deref(), Some("29:ana"), "and what was not is added");
    let bo = claims.iter().find(|it| it.recipient.name == "bo").expect("bo");
    assert_eq!((bo.reference.tenant_id.as_deref(), bo.reference.user_id.as_deref()), (Some("t"), Some("29:bo")));
    let nothing = keep(&ledger, roster(OPS, "Ops", &["ana", "bo"]), "08:40").await;
    assert_eq!(nothing, RosterChange::default(), "the same again changes nothing");
}

pub(crate) async fn who_leaves_a_team_leaves_its_audience(place: &dyn Place) {
    let ledger = expanded(place, &[], &[draft("s").to(&["team:ops"])]).await;
    keep(&ledger, roster(OPS, "Ops", &["ana", "bo"]), "08:10").await;
    expand_again(&ledger, "08:10").await;
    let change = keep(&ledger, roster(OPS, "Ops", &["ana", "cy"]), "08:20").await;
    assert_eq!(change, RosterChange { joined: 1, left: 1 });
    expand_again(&ledger, "08:20").await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Planned, None));
    assert_eq!(ledger.state("s", "09:00", "bo").await, (State::Cancelled, Some(Reason::LeftAudience)));
    assert_eq!(ledger.state("s", "09:00", "cy").await, (State::Planned, None));
    keep(&ledger, roster(OPS, "Operations", &["ana", "cy"]), "08:30").await;
    expand_again(&ledger, "08:30").await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::LeftAudience)), "renamed");
}

pub(crate) async fn guests_are_told_to_claims(place: &dyn Place) {
    let known = person("known", NOWHERE);
    let ledger = expanded(place, &[known], &[draft("s").to(&["team:Ops"])]).await;
    let mut roster = roster(OPS, "Ops", &["ana", "guest", "known"]);
    for member in roster.members.iter_mut().skip(1) {
        member.standing = Standing::Guest;
    }
    keep(&ledger, roster, "08:30").await;
    expand_again(&ledger, "08:30").await;
    let mut claims: Vec<_> =
        ledger.claim("09:00").await.into_iter().map(|it| (it.recipient.name, it.standing)).collect();
    claims.sort_by(|a, b| a.0.cmp(&b.0));
    let expect = [("ana", Standing::Member), ("guest", Standing::Guest), ("known", Standing::Member)];
    assert_eq!(claims, expect.map(|(name, standing)| (name.to_owned(), standing)), "whom an import mentions is meant");
}

async fn named(ledger: &Ledger) -> Vec<NamedTeam> {
    ledger.store.named_teams().await.expect("teams")
}

pub(crate) async fn a_name_that_two_teams_share_means_neither(place: &dyn Place) {
    let ledger = expanded(place, &[], &[draft("s").to(&["team:Ops", "channel:Ops/Releases"])]).await;
    assert_eq!(named(&ledger).await, [NamedTeam { word: "ops".into(), teams: Vec::new() }]);
    keep(&ledger, roster(OPS, "Ops", &["ana"]), "08:10").await;
    expand_again(&ledger, "08:10").await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Planned, None));

    ledger.import(&[channel("19:other@thread.tacv2", "Ops", "Releases", "19:x@thread.tacv2")], "08:20").await;
    expand_again(&ledger, "08:20").await;
    assert_eq!(named(&ledger).await[0].teams.len(), 2);
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::LeftAudience)));
    assert_eq!(conversations(&ledger).await, [("channel:ops/releases".to_owned(), None)], "a place of its own again");
}

pub(crate) async fn a_channel_that_is_renamed_leaves_its_name(place: &dyn Place) {
    let ledger = expanded(place, &[], &[draft("s").to(&["channel:Ops/Releases"])]).await;
    keep(&ledger, roster(OPS, "Ops", &[]), "08:10").await;
    let mut renamed = roster(OPS, "Ops", &[]);
    renamed.channels[1].name = Some("Trains".into());
    keep(&ledger, renamed, "08:20").await;
    expand_again(&ledger, "08:20").await;
    assert_eq!(conversations(&ledger).await, [("channel:ops/releases".to_owned(), None)]);
    let addresses = |people: &[PersonView]| {
        people.iter().find(|it| it.name == "Ops / Trains").map(|it| it.addresses.clone()).unwrap_or_default()
    };
    let expect = ["channel:ops/trains", "channel:19:ops@thread.tacv2/trains"];
    assert_eq!(addresses(&people(&ledger).await), expect);
    // One that is gone has no name at all.
    let mut gone = roster(OPS, "Ops", &[]);
    gone.channels.truncate(1);
    keep(&ledger, gone, "08:30").await;
    assert_eq!(addresses(&people(&ledger).await), [""; 0]);
}

pub(crate) async fn an_import_leaves_rosters_alone(place: &dyn Place) {
    let ledger = expanded(place, &[], &[draft("s").to(&["team:Ops"])]).await;
    keep(&ledger, roster(OPS, "Ops", &["ana"]), "08:10").await;
    ledger.import(&[member("ana", NOWHERE, &["g"])], "08:20").await;
    expand_again(&ledger, "08:20").await;
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1)]);
    let groups = people(&ledger).await.into_iter().find(|it| it.name == "ana").expect("ana").groups;
    assert_eq!(groups, ["g", "team:19:ops@thread.tacv2", "team:ops"]);
}

pub(crate) async fn what_could_not_be_read_stays_as_it_was(place: &dyn Place) {
    let ledger = Ledger::with(place, &[], &[draft("s").to(&[&format!("team:{OPS}")])]).await;
    let team = named(&ledger).await.remove(0).teams.remove(0);
    assert_eq!((team.read_at, team.tried_at, team.trouble), (None, None, None));
    keep(&ledger, roster(OPS, "Ops", &["ana"]), "01:00").await;
    ledger.store.roster_failed(OPS.into(), "no answer".into(), at("02:00")).await.expect("kept");
    let team = named(&ledger).await.remove(0).teams.remove(0);
    assert_eq!((team.read_at, team.tried_at), (Some(at("01:00")), Some(at("02:00"))));
    assert_eq!((team.trouble.as_deref(), team.members, team.channels), (Some("no answer"), 1, 2));
    keep(&ledger, roster(OPS, "Ops", &["ana"]), "03:00").await;
    assert_eq!(named(&ledger).await[0].teams[0].trouble, None);
    ledger.sync(&[], "04:00").await;
    assert_eq!(named(&ledger).await, [], "nobody names it any more");
}

fn begun(name: &ThreadName, number: u32, with: NaiveDateTime) -> BegunThread {
    let conversation_id = format!("{RELEASES};messageid={number}");
    BegunThread { name: name.clone(), thread: Thread { conversation_id, service_url: None, begun_with: with } }
}

pub(crate) async fn a_thread_is_kept_with_its_outcome(place: &dyn Place) {
    let ledger = expanded(place, &[], &[draft("s").to(&[RELEASES])]).await;
    let claim = ledger.claim_one("09:00").await;
    let release = ThreadName::new("release").expect("a name");
    let thread = async |claim: &Claim| {
        ledger.store.thread(claim.recipient.id, release.clone()).await.expect("a look").map(|it| it.conversation_id)
    };
    assert_eq!(thread(&claim).await, None);
    let attempt = ledger.mark(&claim, "09:00").await;
    let outcome = attempted(&claim, attempt, "09:00", sent());
    let stale = Outcome {
        term: nudged::domain::id::Term(99),
        thread: Some(begun(&release, 9, civil("09:00"))),
        ..outcome.clone()
    };
    assert_lost(ledger.store.settle(stale).await, &claim);
    assert_eq!(thread(&claim).await, None, "who lost the claim begins nothing");
    ledger.settle(Outcome { thread: Some(begun(&release, 1, civil("09:00"))), ..outcome }).await;
    assert_eq!(thread(&claim).await, Some(format!("{RELEASES};messageid=1")));
    let other = ThreadName::new("other").expect("a name");
    assert_eq!(ledger.store.thread(claim.recipient.id, other).await.expect("a look"), None);

    ledger.plan(&[plan("s", &[wave("09:00", NOWHERE), wave("10:00", NOWHERE)])], "09:10").await;
    ledger.expand("10:00").await;
    let claim = ledger.claim_one("10:00").await;
    let attempt = ledger.mark(&claim, "10:00").await;
    let outcome = attempted(&claim, attempt, "10:00", Settlement::Sent { activity_id: None });
    ledger.settle(Outcome { thread: Some(begun(&release, 2, civil("10:00"))), ..outcome }).await;
    let kept = ledger.store.thread(claim.recipient.id, release.clone()).await.expect("a look").expect("a thread");
    assert_eq!(kept, begun(&release, 2, civil("10:00")).thread, "the newer one takes its place");
}

pub(crate) async fn service_urls_have_an_origin(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", NOWHERE)], &[]).await;
    let service = async || people(&ledger).await.remove(0).service.map(|service| (service.url, service.origin));
    let imported = ("https://smba.example/".to_owned(), ServiceOrigin::Imported);
    assert_eq!(service().await, Some(imported.clone()));
    let claimed: DateTime<Utc> = at("08:00");
    ledger.sync(&[draft("s")], "00:00").await;
    ledger.plan(&[plan("s", &[wave("08:00", NOWHERE)])], "00:10").await;
    ledger.store.expand_due(claimed, claimed, u32::MAX).await.expect("expanding");
    let ana = ledger.claim_one("08:00").await.recipient.id;
    let same_place = Conversation { conversation_id: "a:2".into(), service_url: None };
    ledger.store.remember_conversation(ana, same_place).await.expect("remembering");
    assert_eq!(service().await, Some(imported));
    let elsewhere = Conversation { conversation_id: "a:2".into(), service_url: Some("https://other/".into()) };
    ledger.store.remember_conversation(ana, elsewhere).await.expect("remembering");
    assert_eq!(service().await, Some(("https://other/".to_owned(), ServiceOrigin::Answered)));
}
