//! What a restored ledger sends, and what it does not: nothing twice, everybody accounted for.

use chrono_tz::Tz;
use nudged::adapter::sqlite::{OldLedger, Restored, TakenOver, back_up, restore};
use nudged::domain::consent::{Choice, Way, Wish};
use nudged::domain::delivery::{Reason, Settlement, State};
use nudged::domain::news::Who;
use nudged::domain::press::Effect;

use crate::Place;
use crate::fixtures::*;
use crate::pressing::press_of;
use crate::sqlite_file::Folder;

const RESTORED: (State, Option<Reason>) = (State::Unknown, Some(Reason::Restored));

impl Folder {
    fn backed_up(&self, now: &str) {
        back_up(&self.path(), &self.path().with_file_name("copy.db"), false, at(now)).expect("a backup");
    }

    fn restored(&self, now: &str) -> Restored {
        restore(&self.path(), &self.path().with_file_name("copy.db"), NOWHERE, at(now)).expect("a restore")
    }

    async fn opened(&self, now: &str) -> Ledger {
        let store = self.open();
        let term = store.take_over(at(now)).await.expect("taking over").term;
        Ledger { store, term }
    }
}

/// Five people in Berlin and one in Denver; `s` at 09:00 and at 12:00 there.
async fn planned(folder: &Folder, expanded: bool) -> Ledger {
    let people: Vec<_> = ["ana", "bo", "cy", "di", "ed"].map(|name| person(name, BERLIN)).into();
    let ledger = Ledger::with(folder, &people, &[draft("s"), draft("hold").hold()]).await;
    ledger.import(&[person("fay", DENVER)], "00:01").await;
    let waves = |zone: Tz| [wave("09:00", zone), wave("12:00", zone)];
    ledger.plan(&[plan("s", &[waves(BERLIN), waves(DENVER)].concat())], "00:05").await;
    if expanded {
        ledger.expand("08:00").await;
    }
    ledger
}

async fn choose(ledger: &Ledger, who: &str, wish: Wish, time: &str) {
    let who = Who { conversation_id: None, addresses: vec![address(&format!("{who}@x"))] };
    let choice = Choice { wish, topic: None, way: Way::Operator, at: at(time) };
    assert!(ledger.store.choose(who, choice).await.expect("choosing").is_some());
}

/// In every state that a delivery can be in at a backup.
#[tokio::test]
async fn what_may_have_been_sent_is_in_doubt_and_the_rest_goes_on() {
    let folder = Folder::new();
    let ledger = planned(&folder, true).await;
    let claims = ledger.claim("08:00").await;
    let of = |name: &str| claims.iter().find(|claim| claim.recipient.name == name).expect("a claim");
    ledger.sent(of("ana"), "08:00").await;
    ledger.mark(of("bo"), "08:00").await;
    ledger.send(of("cy"), "08:00", waiting("08:05", Reason::Throttled)).await;
    ledger
        .send(
            of("di"),
            "08:00",
            Settlement::Waiting { not_before: at("09:30"), reason: Reason::QuietHours, possible_duplicate: false },
        )
        .await;
    // Ed is claimed, and the rest of the day is only planned.
    folder.backed_up("08:01");
    ledger.store.close().await;

    let restored = folder.restored("09:00");
    assert_eq!((restored.made_at, restored.in_doubt), (Some(at("08:01")), 3));
    let ledger = folder.opened("09:01").await;
    ledger.expand("09:01").await;
    for who in ["bo", "cy", "ed"] {
        assert_eq!(ledger.state("s", "09:00", who).await, RESTORED, "{who}");
    }
    assert_eq!(ledger.state("s", "09:00", "ana").await.0, State::Sent);
    assert_eq!(ledger.state("s", "09:00", "di").await.0, State::Waiting, "it was to wait for longer than that");
    assert_eq!(names(&ledger.claim("09:01").await), Vec::<&str>::new());
    assert_eq!(names(&ledger.claim("09:30").await), ["di"]);
    ledger.expand("11:00").await;
    assert_eq!(ledger.claim("11:00").await.len(), 5, "what comes later goes on");
    ledger.expand("16:00").await;
    assert_eq!(names(&ledger.claim("16:00").await), ["fay"], "09:00 in Denver is 16:00 UTC");
}

#[tokio::test]
async fn what_was_not_expanded_yet_is_accounted_for() {
    let folder = Folder::new();
    let ledger = planned(&folder, false).await;
    folder.backed_up("07:00");
    ledger.store.close().await;
    assert_eq!(folder.restored("08:30").in_doubt, 5);
    let ledger = folder.opened("08:31").await;
    ledger.store.expand_due(at("16:30"), at("08:31"), u32::MAX).await.expect("expanding");
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 1), (State::Unknown, 5)]);
    assert_eq!(ledger.state("s", "09:00", "ana").await, RESTORED);
    assert_eq!(names(&ledger.claim("08:31").await), Vec::<&str>::new());
    // A wave that is planned only now, for an hour before the restore, is in doubt as well; and so is who joins late.
    ledger.plan(&[plan("hold", &[wave("09:15", BERLIN)])], "08:32").await;
    ledger.import(&[person("gil", BERLIN)], "08:33").await;
    ledger.expand("08:34").await;
    assert_eq!(ledger.counts("hold", "09:15").await, [(State::Unknown, 6)]);
    ledger.expand("11:00").await;
    assert_eq!(ledger.claim("11:00").await.len(), 6, "at noon everybody gets it");
}

#[tokio::test]
async fn nobody_missed_anything_before_a_restore() {
    let folder = Folder::new();
    let ledger = planned(&folder, true).await;
    folder.backed_up("07:00");
    ledger.store.close().await;
    folder.restored("08:30");
    let store = folder.open();
    let taken = store.take_over(at("08:31")).await.expect("taking over");
    assert_eq!(taken.went_round_at, Some(at("08:30")));
}

#[tokio::test]
async fn what_people_said_is_taken_over_from_the_old_ledger() {
    let folder = Folder::new();
    let ledger = planned(&folder, true).await;
    choose(&ledger, "ana", Wish::Stop, "06:00").await;
    choose(&ledger, "bo", Wish::Stop, "06:01").await;
    folder.backed_up("07:00");
    choose(&ledger, "ana", Wish::Start, "07:01").await;
    choose(&ledger, "cy", Wish::Stop, "07:02").await;
    ledger.import(&[person("gil", BERLIN)], "07:03").await;
    choose(&ledger, "gil", Wish::Stop, "07:04").await;
    ledger.store.close().await;
    let restored = folder.restored("07:30");
    let taken = TakenOver { people: 1, choices: 2, refused: Vec::new() };
    assert_eq!(restored.old_ledger, Some(OldLedger::Read(taken)));
    let ledger = folder.opened("07:31").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    let mut stopped: Vec<_> = claims.iter().filter(|it| it.opted_out).map(|it| it.recipient.name.as_str()).collect();
    stopped.sort_unstable();
    assert_eq!(stopped, ["bo", "cy", "gil"]);
}

/// The backup knows of no move, and had nobody's delivery as a row yet.
#[tokio::test]
async fn a_move_after_the_backup_serves_nobody_twice() {
    let folder = Folder::new();
    let ledger = planned(&folder, false).await;
    folder.backed_up("07:00");
    // At 09:00 in Berlin, which is 08:00 UTC, all five get it; afterwards Ana goes to Denver.
    ledger.expand("08:00").await;
    for claim in ledger.claim("08:00").await {
        ledger.sent(&claim, "08:00").await;
    }
    ledger.import(&[person("ana", DENVER)], "08:10").await;
    ledger.store.close().await;
    folder.restored("08:30");
    let ledger = folder.opened("08:31").await;
    ledger.expand("16:00").await;
    assert_eq!(ledger.state("s", "09:00", "ana").await, RESTORED);
    let claims = ledger.claim("16:00").await;
    let morning: Vec<_> = claims.into_iter().filter(|claim| claim.occurrence == civil("09:00")).collect();
    assert_eq!(names(&morning), ["fay"], "09:00 in Denver");
}

#[tokio::test]
async fn an_edit_after_a_restore_serves_nobody_twice() {
    let folder = Folder::new();
    let ledger = planned(&folder, false).await;
    folder.backed_up("07:00");
    ledger.store.close().await;
    folder.restored("08:30");
    let ledger = folder.opened("08:31").await;
    // What was 09:00 in the backup is 11:00 in the files of today.
    let waves = |zone: Tz| [wave("11:00", zone), wave("12:00", zone)];
    ledger.plan(&[plan("s", &[waves(BERLIN), waves(DENVER)].concat())], "08:31").await;
    ledger.expand("10:00").await;
    assert_eq!(ledger.claim("10:00").await.len(), 0);
    assert_eq!(ledger.counts("s", "11:00").await, [(State::Planned, 1), (State::Skipped, 5)]);
}

/// Nothing is deleted, twice in a row neither, and a ledger that is not there is no reason not to restore.
#[tokio::test]
async fn what_stood_there_is_moved_aside() {
    let folder = Folder::new();
    planned(&folder, true).await.store.close().await;
    folder.backed_up("07:00");
    let before = std::fs::read(folder.path()).expect("the ledger");
    let first = folder.restored("07:30");
    assert_eq!(std::fs::read(&first.set_aside[0]).expect("the old ledger"), before);
    let again = folder.restored("07:30");
    assert_ne!(again.set_aside[0], first.set_aside[0], "within a second");
    assert_eq!(std::fs::read(&first.set_aside[0]).expect("the old ledger"), before, "it is not overwritten");
    std::fs::remove_file(folder.path()).expect("gone");
    let from_nothing = folder.restored("07:31");
    assert_eq!((from_nothing.set_aside, from_nothing.old_ledger), (Vec::new(), None));
}

/// Numbers of deliveries come again after a restore: of what was sent since the backup only the cards are left.
#[tokio::test]
async fn a_card_from_before_the_restore_is_not_taken_for_what_was_sent_after_it() {
    let folder = Folder::new();
    let schedules = [draft("old").topic("builds"), draft("new").topic("releases")];
    let ledger = Ledger::with(&folder, &[person("ana", BERLIN)], &schedules).await;
    folder.backed_up("00:02");
    ledger.plan(&[plan("old", &[wave("09:00", BERLIN)])], "00:05").await;
    ledger.expand("08:00").await;
    let lost = ledger.claim_one("08:00").await;
    ledger.sent(&lost, "08:00").await;
    ledger.store.close().await;

    folder.restored("08:30");
    let ledger = folder.opened("08:31").await;
    ledger.plan(&[plan("new", &[wave("10:00", BERLIN)])], "08:31").await;
    ledger.expand("09:00").await;
    let now = ledger.claim_one("09:00").await;
    ledger.send(&now, "09:00", Settlement::Sent { activity_id: Some("2".into()) }).await;
    assert_eq!(now.id, lost.id, "the number has come again");
    let press = async |choice: &str| {
        let data = serde_json::json!({
            "delivery": lost.id.0, "choice": choice, "occurrence": "2027-03-01T09:00:00", "topic": "builds",
        });
        press_of(&ledger, "ana", data, Some("1"), "09:10", "10:10").await.effect
    };
    assert_eq!(press("snooze 1h").await, Some(Effect::NotYours));
    assert_eq!(press("stop").await, Some(Effect::Stopped));
    let people = ledger.store.people().await.expect("people");
    let stopped: Vec<_> = people[0].stops.iter().map(|stop| stop.topic.clone()).collect();
    assert_eq!(stopped, [Some(topic("builds"))], "what the card is about, and nothing else");
}
