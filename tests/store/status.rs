//! Where everything stands.

use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::port::desk::ReasonCount;
use nudged::port::store::StatusQuery;

use crate::Place;
use crate::fixtures::*;

pub(crate) async fn sums_equal_the_audience_at_every_step(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO), person("lee", DENVER)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    let audience = async |steps: &str| {
        let occurrences = ledger.occurrences("s").await;
        assert_eq!(occurrences[0].audience, 4, "{steps}");
        occurrences.into_iter().next().expect("one occurrence")
    };
    ledger.plan(&[plan("s", &[BERLIN, TOKYO, DENVER].map(|zone| wave("09:00", zone)))], "00:00").await;
    let planned = audience("planned").await;
    let waves: Vec<_> = planned.waves.iter().map(|it| (it.zone, it.people, it.expanded)).collect();
    assert_eq!(waves, [(TOKYO, 1, false), (BERLIN, 2, false), (DENVER, 1, false)], "in due order");
    ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let expanded = audience("expanded in part").await;
    let waves: Vec<_> = expanded.waves.iter().map(|it| (it.zone, it.people, it.expanded)).collect();
    assert_eq!(waves, [(TOKYO, 1, true), (BERLIN, 2, true), (DENVER, 1, false)]);
    let claims = ledger.claim("08:00").await;
    audience("claimed").await;
    ledger.send(&claims[0], "08:00", Settlement::Failed(Reason::Refused)).await;
    ledger.mark(&claims[1], "08:00").await;
    audience("sending").await;
    ledger.store.take_over(at("08:01")).await.expect("taking over");
    let rescued = audience("rescued").await;
    let counts: Vec<_> = rescued.counts.into_iter().collect();
    assert_eq!(counts, [(State::Planned, 2), (State::Waiting, 1), (State::Failed, 1)]);
    let reason = |state, reason| ReasonCount::new(state, reason, 1);
    let expect = [reason(State::Waiting, Reason::Interrupted), reason(State::Failed, Reason::Refused)];
    assert_eq!((&rescued.reasons[..], rescued.possible_duplicates), (&expect[..], 1));
    ledger.import(&[person("ana", DENVER), person("kei", BERLIN)], "08:02").await;
    audience("moved").await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", DENVER)])], "08:03").await;
    audience("planned again").await;
    ledger.expand("16:00").await;
    audience("expanded").await;
}

pub(crate) async fn recipients_are_listed_on_request(place: &dyn Place) {
    let people = [person("ana", BERLIN), person("kei", TOKYO)];
    let ledger = Ledger::with(place, &people, &[draft("s"), draft("t")]).await;
    for schedule in ["s", "t"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN), wave("09:00", TOKYO)])], "00:00").await;
    }
    ledger.expand("00:30").await;
    let all = ledger.store.status(StatusQuery::default(), at("00:00"), at("07:00")).await.expect("a status");
    assert_eq!((all.occurrences.len(), all.deliveries.len()), (2, 0));
    let listed = ledger.deliveries("s").await;
    let seen: Vec<_> = listed.iter().map(|it| (it.recipient.as_str(), it.address.as_deref(), it.due_at)).collect();
    let expect = [("kei", Some("kei@x"), at("00:00")), ("ana", Some("ana@x"), at("08:00"))];
    assert_eq!(seen, expect, "also of the wave that is not expanded");
    assert!(listed.iter().all(|it| it.state == State::Planned && it.schedule == "s"));
    assert_eq!(ledger.occurrences("nothing").await, []);
}

pub(crate) async fn old_occurrences_are_left_out(place: &dyn Place) {
    let ledger = Ledger::with(place, &[person("ana", BERLIN)], &[draft("done"), draft("open")]).await;
    for schedule in ["done", "open"] {
        ledger.plan(&[plan(schedule, &[wave("09:00", BERLIN)])], "00:00").await;
    }
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        if claim.schedule == name("done") {
            ledger.sent(&claim, "08:00").await;
        } else {
            ledger.release(&claim).await;
        }
    }
    let shown = async |ended_after| {
        let status = ledger.store.status(StatusQuery::default(), at(ended_after), at("12:00")).await;
        status.expect("a status").occurrences.into_iter().map(|it| it.schedule).collect::<Vec<_>>()
    };
    assert_eq!(shown("08:59").await, ["done", "open"]);
    assert_eq!(shown("11:00").await, ["open"], "what is open is shown, however old");
}
