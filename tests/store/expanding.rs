//! Waves become deliveries.

use std::time::Duration;

use chrono::TimeDelta;
use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::domain::id::Term;
use nudged::domain::recipient::{PersonRecord, RecipientKind};
use nudged::domain::share::Rooms;
use nudged::port::round::{Expanded, Round, TooManyPeople, WentRound};
use nudged::port::store::{Abandoned, SchedulePlan, StoreError};

use crate::Place;
use crate::fixtures::*;

pub(crate) async fn a_wave_becomes_one_delivery_for_each_recipient(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])], "00:00").await;
    assert_eq!(ledger.expand("07:59").await, made(1, 1), "Tokyo's hour has come");
    assert_eq!(ledger.expand("08:00").await, made(1, 2));
    let ana = ledger.delivery("s", "09:00", "ana").await;
    assert_eq!((ana.zone, ana.due_at, ana.not_before), (BERLIN, at("08:00"), Some(at("08:00"))));
    assert_eq!((ana.state, ana.attempts, ana.possible_duplicate), (State::Planned, 0, false));
}

pub(crate) async fn expanding_twice_makes_nothing_twice(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claim = ledger.claim_one("08:00").await;
    ledger.sent(&claim, "08:00").await;
    assert_eq!(ledger.expand("08:00").await, Expanded::default());
    // Also when the wave is made to be expanded again, here by somebody new.
    ledger.import(&[person("bo", BERLIN)], "08:01").await;
    assert_eq!(ledger.expand("08:01").await, made(1, 1));
    assert_eq!(ledger.claim("08:01").await.len(), 1);
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Sent);
}

pub(crate) async fn a_wave_for_all_takes_every_zone(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave_for_all("12:00")])], "00:00").await;
    assert_eq!(ledger.expand("12:00").await, made(1, 3));
    assert_eq!(ledger.claim("11:59").await, []);
    assert_eq!(ledger.claim("12:00").await.len(), 3);
}

pub(crate) async fn people_meant_twice_are_there_once(place: &dyn Place) {
    let people = [member("ana", BERLIN, &["a", "b"]), member("bo", BERLIN, &["b"]), person("cy", BERLIN)];
    let to = ["group:a", "group:b", "ana@x", "bo@x", "everyone"];
    let schedules = [draft("groups").to(&to[..2]), draft("all").to(&to), draft("people").to(&to[2..4])];
    let ledger = Ledger::with(place, &people, &schedules).await;
    for (schedule, expect) in [("groups", 2), ("all", 3), ("people", 2)] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN)])], "00:00").await;
        assert_eq!(ledger.counts(schedule, "09:00").await, [(State::Planned, expect)], "{schedule} before");
    }
    assert_eq!(ledger.expand("08:00").await, made(3, 7));
    for (schedule, expect) in [("groups", 2), ("all", 3), ("people", 2)] {
        assert_eq!(ledger.counts(schedule, "09:00").await, [(State::Planned, expect)], "{schedule} after");
    }
}

pub(crate) async fn everyone_means_known_persons(place: &dyn Place) {
    let chat = PersonRecord { kind: RecipientKind::GroupChat, addresses: Vec::new(), ..member("chat", BERLIN, &["g"]) };
    let stranger = PersonRecord { zone: None, ..person("kei", NOWHERE) };
    let schedules = [draft("all"), draft("named").to(&["dee@x"]), draft("group").to(&["group:g"])];
    let ledger = Ledger::with(place, &[person("ana", BERLIN), chat, stranger], &schedules).await;
    for schedule in ["all", "named", "group"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN), wave("09:00", NOWHERE)])], "00:00").await;
    }
    ledger.expand("09:00").await;
    let names = async |schedule| {
        let deliveries = ledger.deliveries(schedule).await;
        deliveries.into_iter().map(|delivery| delivery.recipient).collect::<Vec<_>>()
    };
    assert_eq!(names("all").await, ["ana", "kei"]);
    assert_eq!(names("named").await, ["dee@x"], "who is only named has a delivery, in the fallback zone");
    assert_eq!(names("group").await, ["chat"]);
}

pub(crate) async fn exceptions_are_left_out(place: &dyn Place) {
    let people = ["ana", "bo", "cy"].map(|name| member(name, BERLIN, &["g"]));
    let two_names = PersonRecord { addresses: vec![address("bo@x"), address("29:bo")], ..people[1].clone() };
    let schedules = [
        draft("all").except(&["29:bo"]),
        draft("group").to(&["group:g", "bo@x"]).except(&["bo@x", "cy@x", "nobody@x"]),
    ];
    let ledger = Ledger::with(place, &[people[0].clone(), two_names, people[2].clone()], &schedules).await;
    for schedule in ["all", "group"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN)])], "00:00").await;
    }
    assert_eq!(ledger.counts("all", "09:00").await, [(State::Planned, 2)]);
    assert_eq!(ledger.expand("08:00").await.deliveries, 3);
    assert_eq!(names(&ledger.claim("08:00").await).iter().filter(|name| **name == "bo").count(), 0);
    assert_eq!(ledger.counts("group", "09:00").await.iter().map(|it| it.1).sum::<u64>(), 1);
}

pub(crate) async fn a_newcomer_joins_an_expanded_wave(place: &dyn Place) {
    let schedules = [draft("zones"), draft("all"), draft("group").to(&["group:g"])];
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &schedules).await;
    ledger.plan(&[plan("zones", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.plan(&[plan("all", &[wave_for_all("08:00")])], "00:00").await;
    ledger.plan(&[plan("group", &[wave("09:00", BERLIN)])], "00:00").await;
    assert_eq!(ledger.expand("08:00").await, made(3, 2));

    ledger.import(&[person("new", BERLIN), member("ana", BERLIN, &["g"])], "08:30").await;
    assert!(ledger.next_wake(Duration::ZERO).await.expect("something") <= at("08:30"), "it is to be expanded at once");
    for (schedule, audience) in [("zones", 2), ("all", 2), ("group", 1)] {
        let time = if schedule == "all" { "08:00" } else { "09:00" };
        assert_eq!(ledger.counts(schedule, time).await, [(State::Planned, audience)], "{schedule}");
    }
    assert_eq!(ledger.expand("08:30").await, made(3, 3));
    let claims = ledger.claim("08:30").await;
    let newcomer = claims.iter().find(|claim| claim.recipient.name == "new").expect("the new-comer");
    assert_eq!(newcomer.planned_at, at("08:30"), "a late-comer was not planned before they came");
    let first = claims.iter().find(|claim| claim.recipient.name == "ana" && claim.schedule == name("zones"));
    assert_eq!(first.expect("the first one").planned_at, at("00:00"));
}

pub(crate) async fn a_newcomer_does_not_join_what_has_ended(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("10:00", BERLIN)])], "00:00").await;
    ledger.expand("09:00").await;
    let claims = ledger.claim("09:00").await;
    assert_eq!(claims.len(), 2);
    for claim in &claims {
        ledger.sent(claim, "09:00").await;
    }
    ledger.plan(&[plan("s", &[])], "09:00").await;
    ledger.import(&[person("new", BERLIN)], "09:30").await;
    assert_eq!(ledger.expand("09:30").await, Expanded::default(), "one is over, the other is not meant any more");
}

pub(crate) async fn who_leaves_the_group_is_cancelled_and_may_come_back(place: &dyn Place) {
    let people = ["ana", "bo"].map(|name| member(name, BERLIN, &["g"]));
    let ledger = Ledger::with(place, &people, &[draft("s").to(&["group:g"])]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.store.expand_due(at("08:00"), at("07:50"), u32::MAX).await.expect("expanding");
    ledger.import(&[member("ana", BERLIN, &[])], "07:51").await;
    ledger.store.expand_due(at("08:00"), at("07:51"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::LeftAudience)));
    assert_eq!(ledger.state("s", "09:00", "bo").await.0, State::Planned);
    ledger.import(&[member("ana", BERLIN, &["g"])], "07:52").await;
    ledger.store.expand_due(at("08:00"), at("07:52"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.claim("08:00").await.len(), 2);
}

pub(crate) async fn an_edited_audience_is_followed(place: &dyn Place) {
    let people = ["ana", "bo", "cy"].map(|name| person(name, BERLIN));
    let ledger = Ledger::with(place, &people, &[draft("s").to(&["ana@x", "bo@x"])]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.store.expand_due(at("08:00"), at("07:50"), u32::MAX).await.expect("expanding");
    ledger.sync(&[draft("s").to(&["bo@x", "cy@x"])], "07:51").await;
    ledger.store.expand_due(at("08:00"), at("07:51"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::LeftAudience)));
    let mut claimed = ledger.claim("08:00").await;
    claimed.sort_by(|a, b| a.recipient.name.cmp(&b.recipient.name));
    assert_eq!(names(&claimed), ["bo", "cy"]);
}

pub(crate) async fn too_many_people_stop_an_occurrence(place: &dyn Place) {
    let people = [member("ana", BERLIN, &["g"]), person("bo", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let drafts = |to: &[&str], most| [draft("s").to(to).max_people(most), draft("free")];
    let ledger = Ledger::with(place, &people, &drafts(&["everyone"], 3)).await;
    let waves = [BERLIN, TOKYO, DENVER].map(|zone| wave("09:00", zone));
    ledger.plan(&[plan("s", &waves), plan("free", &waves)], "00:00").await;
    let tokyo = ledger.expand("00:00").await;
    let expect = TooManyPeople { schedule: name("s"), occurrence: civil("09:00"), max_people: 3, people: 4 };
    assert_eq!(tokyo, Expanded { too_many: vec![expect.clone()], ..made(2, 2) });
    assert_eq!(ledger.expand("08:00").await, made(2, 4), "it is said once");
    assert!(ledger.claim("08:00").await.iter().all(|claim| claim.schedule == name("free")));
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1), (State::Skipped, 3)]);
    let stopped = (State::Skipped, Some(Reason::TooManyPeople));
    assert_eq!(ledger.state("s", "09:00", "kei").await, stopped);

    // The audience is put right: for Berlin in time, for Tokyo not.
    ledger.sync(&drafts(&["group:g"], 3), "08:01").await;
    assert_eq!(ledger.expand("08:01").await, made(1, 1));
    assert_eq!(names(&ledger.claim("08:01").await), ["ana"]);
    assert_eq!(ledger.state("s", "09:00", "bo").await, stopped, "and nobody else");

    // Another day, the limit is raised.
    ledger.sync(&drafts(&["everyone"], 3), "08:02").await;
    ledger.plan(&[plan("s", &[wave_for_all("12:00")])], "08:02").await;
    assert_eq!(ledger.expand("12:00").await.too_many.len(), 1);
    ledger.sync(&drafts(&["everyone"], 4), "12:01").await;
    assert_eq!(ledger.expand("12:01").await, made(1, 4));
    assert_eq!(ledger.claim("12:01").await.len(), 4);
}

pub(crate) async fn too_many_people_stop_what_was_open(place: &dyn Place) {
    let people = ["ana", "bo", "cy"].map(|name| person(name, BERLIN));
    let ledger = Ledger::with(place, &people, &[draft("s").max_people(3)]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        match claim.recipient.name.as_str() {
            "ana" => ledger.sent(&claim, "08:00").await,
            "bo" => {
                let doubt =
                    Settlement::Waiting { not_before: at("08:05"), reason: Reason::NoAnswer, possible_duplicate: true };
                ledger.send(&claim, "08:00", doubt).await;
            }
            _ => ledger.release(&claim).await,
        }
    }
    ledger.import(&[person("di", BERLIN)], "08:01").await;
    assert_eq!(ledger.expand("08:01").await.too_many.len(), 1);
    let stopped = (State::Skipped, Some(Reason::TooManyPeople));
    assert_eq!(ledger.state("s", "09:00", "di").await, stopped);
    assert_eq!(ledger.state("s", "09:00", "cy").await, stopped);
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Sent, None));
    assert_eq!(ledger.state("s", "09:00", "bo").await.0, State::Waiting, "a copy may have arrived");
}

pub(crate) async fn what_is_over_is_accounted_for_at_once(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    let (tokyo, berlin) = (wave("09:00", TOKYO), wave("09:00", BERLIN));
    // Tokyo's was planned when it could still be sent, and nobody came; Berlin's came with an edit when it was over; Denver's was
    // to come since the first plan, and nobody was there to go on with that.
    ledger.plan(&[plan("s", std::slice::from_ref(&tokyo))], "00:00").await;
    ledger.plan(&[plan("s", &[tokyo, berlin])], "09:30").await;
    let denver = later(wave("09:00", DENVER), TimeDelta::hours(-8));
    ledger.plan(&[SchedulePlan { replaces: None, ..plan("s", &[denver]) }], "09:30").await;
    assert_eq!(ledger.expand("09:30").await, made(3, 3));
    assert_eq!(ledger.state("s", "09:00", "kei").await, (State::Expired, Some(Reason::TooLate)));
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Expired, Some(Reason::PastWhenPlanned)));
    assert_eq!(ledger.state("s", "09:00", "lee").await, (State::Expired, Some(Reason::TooLate)));
    assert_eq!(ledger.claim("09:30").await, []);
}

pub(crate) async fn what_was_over_long_ago_is_given_up(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("kei", TOKYO)];
    let ledger = Ledger::with(place, &people, &[draft("s"), draft("t")]).await;
    let times = ["09:00", "10:00", "18:00"];
    let waves: Vec<_> = times.iter().flat_map(|time| [wave(time, BERLIN), wave(time, TOKYO)]).collect();
    ledger.plan(&[plan("s", &waves), plan("t", &[wave("18:00", BERLIN)])], "00:00").await;
    // Of 09:00 one zone was expanded in time.
    ledger.expand("00:00").await;
    let abandon = async |before| ledger.store.abandon(at(before)).await.expect("giving up");
    assert_eq!(abandon("02:00").await, [], "at 10:00 it is over in Tokyo at two");
    let given_up = abandon("12:00").await;
    assert_eq!(given_up, [Abandoned { schedule: name("s"), occurrences: 3 }]);
    assert_eq!(abandon("12:00").await, []);
    let left: Vec<_> = ledger.occurrences("s").await.iter().map(|it| (it.occurrence, it.audience)).collect();
    assert_eq!(left, [(civil("09:00"), 1), (civil("18:00"), 1)], "what has rows stays, and what is to come");
    assert_eq!(ledger.expand("17:00").await.deliveries, 2, "six in the evening in Berlin, of both");
}

pub(crate) async fn next_wake_is_the_earliest_thing_to_do(place: &dyn Place) {
    let lead = Duration::from_mins(10);
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    assert_eq!(ledger.next_wake(lead).await, None);
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("15:00", BERLIN)])], "00:00").await;
    assert_eq!(ledger.next_wake(lead).await, Some(at("07:50")));
    let expanded =
        ledger.store.expand_due(at("07:50") + TimeDelta::minutes(10), at("07:50"), u32::MAX).await.expect("expanding");
    assert_eq!(expanded.waves, 1, "what next_wake announces is there to be expanded");
    assert_eq!(ledger.next_wake(lead).await, Some(at("08:00")));
    let claim = ledger.claim_one("08:00").await;
    assert_eq!(ledger.next_wake(lead).await, Some(at("13:50")), "a sender has the claim");
    ledger.send(&claim, "08:00", waiting("08:07", Reason::Throttled)).await;
    assert_eq!(ledger.next_wake(lead).await, Some(at("08:07")));
    ledger.sync(&[], "08:01").await;
    assert_eq!(ledger.next_wake(lead).await, None, "nothing of a missing schedule");
}

async fn go_round(ledger: &Ledger, term: Term, now: &str, expand_at_once: u32) -> Result<WentRound, StoreError> {
    let (now, lead, rooms) = (at(now), Duration::from_mins(10), Rooms::for_anybody(100));
    ledger.store.go_round(Round { term, now, lead, expand_at_once, rooms, lease: LEASE }).await
}

pub(crate) async fn a_round_expands_claims_and_says_when_there_is_more(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("15:00", BERLIN)])], "00:00").await;
    let went = go_round(&ledger, ledger.term, "07:50", u32::MAX).await.expect("a round");
    assert_eq!((went.expanded.deliveries, went.claims.len(), went.next_at), (1, 0, Some(at("08:00"))));
    let went = go_round(&ledger, ledger.term, "08:00", u32::MAX).await.expect("a round");
    assert_eq!((went.expanded.waves, went.claims.len(), went.next_at), (0, 1, Some(at("13:50"))));

    // It takes the claim of the one before along.
    let successor = ledger.store.take_over(at("13:00")).await.expect("taking over").term;
    assert!(go_round(&ledger, ledger.term, "14:00", u32::MAX).await.is_err(), "another daemon has taken over");
    let went = go_round(&ledger, successor, "14:00", u32::MAX).await.expect("a round");
    let expect = (1, 2);
    assert_eq!((went.expanded.deliveries, went.claims.len()), expect, "nothing is kept of a round that fails");
}

pub(crate) async fn a_round_that_leaves_something_to_expand_is_followed_at_once(place: &dyn Place) {
    let ledger = Ledger::with(place, &["ana", "bo"].map(|name| person(name, BERLIN)), &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    let went = go_round(&ledger, ledger.term, "08:00", 1).await.expect("a round");
    assert_eq!((went.expanded.has_more, went.claims.len(), went.next_at), (true, 1, Some(at("08:00"))));
    let went = go_round(&ledger, ledger.term, "08:00", u32::MAX).await.expect("a round");
    assert_eq!((went.expanded.has_more, went.claims.len(), went.next_at), (false, 1, None));
}

/// Two hours fell due while nobody served, and the people of the second are written down in parts.
pub(crate) async fn nothing_is_claimed_before_the_later_ones_are_expanded(place: &dyn Place) {
    // The first may have been expanded already by a daemon that ended before it was due.
    for was_expanded in [false, true] {
        let place = place.another();
        let people = ["ana", "bo", "cy"].map(|name| person(name, BERLIN));
        let ledger = Ledger::with(place.as_ref(), &people, &[draft("s")]).await;
        ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:30", BERLIN)])], "00:00").await;
        if was_expanded {
            ledger.expand("08:00").await;
        }
        let mut claims = Vec::new();
        let mut has_more = true;
        while has_more {
            let went = go_round(&ledger, ledger.term, "08:40", 1).await.expect("a round");
            has_more = went.expanded.has_more;
            claims.extend(went.claims);
        }
        let expect = |claim: &Claim| claim.later_is_due == (claim.occurrence == civil("09:00"));
        assert!(claims.len() == 6 && claims.iter().all(expect), "{claims:?}");
    }
}
