//! Schedules come into force, all or nothing; a dry run says what that does; a rename takes everything along.

use std::sync::Arc;

use chrono_tz::Tz;
use nudged::domain::consent::{Choice, Way, Wish};
use nudged::domain::delivery::{Reason, State};
use nudged::domain::news::Who;
use nudged::domain::schedule::model::Schedule;
use nudged::domain::shift::Hour;
use nudged::port::reload::{Change, PastIn, Planning, Reload, ReloadManner, ScheduleChange};
use nudged::port::store::{Document, Pause, PausedBy, PlanMark, SchedulePlan};

use crate::Place;
use crate::fixtures::*;

/// What a test says of a change: its schedule, its kind, who is new and whose delivery is cancelled.
fn told(changes: &[ScheduleChange]) -> Vec<(&str, Change, u64, u64)> {
    changes.iter().map(|it| (it.schedule.as_str(), it.change, it.added, it.cancelled)).collect()
}

/// Three people in two zones, and a schedule that speaks to them at nine.
async fn at_nine(place: &dyn Place) -> Ledger {
    let people = [person("ana", BERLIN), person("bo", BERLIN), person("kei", TOKYO)];
    let ledger = Ledger::with(place, &people, &[draft("s")]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])], "00:00").await;
    ledger
}

fn half_past() -> [SchedulePlan; 1] {
    [plan("s", &[wave("09:30", BERLIN), wave("09:30", TOKYO)])]
}

pub(crate) async fn what_moves_is_counted_with_and_without_rows(place: &dyn Place) {
    for is_expanded in [false, true] {
        let place = place.another();
        let ledger = at_nine(&*place).await;
        if is_expanded {
            ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
        }
        let edited = [draft("s").max_people(9)];
        let changes = ledger.reload(&edited, &half_past(), ReloadManner::Counted, "00:00").await;
        assert_eq!(told(&changes), [("s", Change::Changed, 0, 0)]);
        let hour = |time| Hour { time: civil(time).time(), zone: None };
        let [moved] = changes[0].moved[..] else { panic!("{changes:?}") };
        assert_eq!((moved.from, moved.to, moved.people), (hour("09:00"), hour("09:30"), 3));
        assert_eq!(ledger.counts("s", "09:30").await, [(State::Planned, 3)]);
        let again = ledger.reload(&edited, &half_past(), ReloadManner::Counted, "00:00").await;
        assert_eq!(again, [], "nothing is another than before");
    }
}

pub(crate) async fn a_dry_run_says_the_same_and_changes_nothing(place: &dyn Place) {
    let ledger = at_nine(place).await;
    ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let before = async || {
        let store = &ledger.store;
        (
            ledger.deliveries("s").await,
            ledger.occurrences("s").await,
            store.people().await.expect("people"),
            store.plan_marks().await.expect("marks"),
            store.documents("").await.expect("documents"),
        )
    };
    let was = before().await;
    let schedules = [draft("s").to(&["ana@x", "zoe@x"]), draft("t")];
    let plans = [half_past()[0].clone(), plan("t", &[wave("10:00", BERLIN)])];
    let dry = ledger.reload(&schedules, &plans, ReloadManner::DryRun, "00:00").await;
    assert_eq!(before().await, was, "nobody is made known, nothing is planned or moved");
    let done = ledger.reload(&schedules, &plans, ReloadManner::Counted, "00:00").await;
    assert_eq!(dry, done);
    assert_ne!(before().await, was);
}

/// Plans what nobody asked for.
struct Confused(Vec<SchedulePlan>);

impl Planning for Confused {
    fn plans(&self, _schedules: &[(Arc<Schedule>, Option<PlanMark>)], _zones: &[Tz]) -> Vec<SchedulePlan> {
        self.0.clone()
    }
}

pub(crate) async fn a_reload_is_all_or_nothing(place: &dyn Place) {
    let ledger = at_nine(place).await;
    let was = ledger.deliveries("s").await;
    let reload = Reload {
        keep: vec![Document { name: "file:a".into(), text: String::new(), kept_at: at("00:00") }],
        planning: Arc::new(Confused(vec![half_past()[0].clone(), plan("stranger", &[])])),
        ..in_force(vec![draft("s").max_people(9).build(), draft("t").build()], NOWHERE, at("00:00"))
    };
    ledger.store.reload(reload).await.expect_err("nobody knows the stranger, after all else has been done");
    assert_eq!(ledger.deliveries("s").await, was);
    assert_eq!(ledger.store.documents("").await.expect("documents"), []);
    let marks = ledger.store.plan_marks().await.expect("marks");
    assert_eq!(marks.iter().map(|mark| mark.schedule.as_str()).collect::<Vec<_>>(), ["s"]);
    let pause = Pause { schedule: name("t"), why: String::new(), by: PausedBy::Operator, not_believed: None };
    ledger.store.pause(pause, at("00:00")).await.expect_err("it has not become known");
}

pub(crate) async fn what_goes_and_comes_back_is_told(place: &dyn Place) {
    let ledger = at_nine(place).await;
    let gone = ledger.reload(&[], &[], ReloadManner::Counted, "00:00").await;
    assert_eq!(told(&gone), [("s", Change::Removed, 0, 3)]);
    assert_eq!(ledger.reload(&[], &[], ReloadManner::Counted, "00:01").await, [], "it is told once");
    let back = ledger.reload(&[draft("s")], &[], ReloadManner::Counted, "00:02").await;
    assert_eq!(told(&back), [("s", Change::Returned, 3, 0)]);
    let new = plan("t", &[wave("09:00", BERLIN)]);
    let uncounted = ledger.reload(&[draft("s"), draft("t")], &[new], ReloadManner::Uncounted, "00:02").await;
    assert_eq!(told(&uncounted), [("t", Change::Added, 0, 0)], "nobody asked how many");
}

pub(crate) async fn who_is_too_late_is_told(place: &dyn Place) {
    let ledger = at_nine(place).await;
    // Nine o'clock in Tokyo was at midnight UTC.
    let over = [plan("t", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])];
    let changes = ledger.reload(&[draft("s"), draft("t")], &over, ReloadManner::Counted, "02:00").await;
    assert_eq!(told(&changes), [("t", Change::Added, 2, 0)]);
    assert_eq!(changes[0].past, [PastIn { zone: TOKYO, people: 1 }]);
}

pub(crate) async fn who_was_served_before_an_edit_is_not_new(place: &dyn Place) {
    let ledger = at_nine(place).await;
    ledger.store.expand_due(at("00:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let claim = ledger.claim_one("00:00").await;
    ledger.sent(&claim, "00:00").await;
    let changes = ledger.reload(&[draft("s").max_people(9)], &half_past(), ReloadManner::Counted, "00:10").await;
    assert_eq!(told(&changes), [("s", Change::Changed, 0, 0)], "Kei has it");
    assert_eq!(changes[0].moved[0].people, 2);
}

pub(crate) async fn a_rename_takes_everything_along(place: &dyn Place) {
    let ledger = at_nine(place).await;
    ledger.store.expand_due(at("00:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let claim = ledger.claim_one("00:00").await;
    ledger.sent(&claim, "00:00").await;
    let who = || Who { conversation_id: None, addresses: vec![address("ana@x")] };
    let stop = Choice { wish: Wish::Stop, topic: Some(topic("s")), way: Way::Operator, at: at("00:05") };
    assert_eq!(ledger.store.choose(who(), stop).await.expect("a choice"), Some(true));

    let new = [draft("new").renamed_from("s")];
    let plans = [plan("new", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])];
    let changes = ledger.reload(&new, &plans, ReloadManner::Counted, "00:10").await;
    assert_eq!(told(&changes), [("new", Change::Renamed, 0, 0)]);
    assert_eq!((changes[0].renamed_from.as_deref(), &changes[0].moved[..]), (Some("s"), &[][..]));
    assert_eq!(ledger.counts("s", "09:00").await, []);
    assert_eq!(ledger.counts("new", "09:00").await, [(State::Planned, 2), (State::Sent, 1)]);
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    let stopped: Vec<_> = claims.iter().map(|claim| (claim.recipient.name.as_str(), claim.opted_out)).collect();
    assert_eq!(stopped, [("ana", true), ("bo", false)], "what was stopped under the old name stays so");

    assert_eq!(ledger.reload(&new, &plans, ReloadManner::Counted, "08:10").await, [], "once");
    // The old name is free again, for another schedule.
    let both = [draft("new").renamed_from("s"), draft("s")];
    let changes = ledger.reload(&both, &plans, ReloadManner::Counted, "08:10").await;
    assert_eq!(told(&changes), [("s", Change::Added, 0, 0)]);
}

pub(crate) async fn what_is_held_is_held_under_its_new_name(place: &dyn Place) {
    let ledger = at_nine(place).await;
    let pause = Pause { schedule: name("s"), why: "a holiday".into(), by: PausedBy::Operator, not_believed: None };
    ledger.store.pause(pause, at("00:00")).await.expect("pausing");
    let plans = [plan("new", &[wave("09:00", BERLIN), wave("09:00", TOKYO)])];
    ledger.reload(&[draft("new").renamed_from("s")], &plans, ReloadManner::Counted, "00:10").await;
    let held = ledger.store.paused().await.expect("paused");
    assert_eq!((held[0].schedule.as_str(), held[0].why.as_str()), ("new", "a holiday"));
    ledger.expand("08:00").await;
    assert_eq!(ledger.claim("08:00").await, [], "nothing of it leaves");
    ledger.store.resume(name("new"), at("08:01")).await.expect("resuming");
    assert_eq!(ledger.claim("08:01").await.len(), 2, "Kei's hour is long over");
}

/// Two schedules that stand there are two, whatever one says that it was called.
pub(crate) async fn a_name_that_is_in_use_is_not_taken(place: &dyn Place) {
    let ledger = at_nine(place).await;
    let both = [draft("new").renamed_from("s"), draft("s")];
    let changes = ledger.reload(&both, &[], ReloadManner::Counted, "00:00").await;
    assert_eq!(told(&changes), [("new", Change::Added, 0, 0)]);
    assert_eq!(ledger.counts("s", "09:00").await, [(State::Planned, 3)], "its own stay its own");
}

pub(crate) async fn nobody_is_renamed_into_somebody_else(place: &dyn Place) {
    let ledger = at_nine(place).await;
    ledger.sync(&[draft("s"), draft("t")], "00:00").await;
    ledger.store.expand_due(at("08:00"), at("00:00"), u32::MAX).await.expect("expanding");
    let changes = ledger.reload(&[draft("t").renamed_from("s")], &[], ReloadManner::Counted, "00:00").await;
    assert_eq!(told(&changes), [("s", Change::Removed, 0, 3), ("t", Change::Changed, 0, 0)]);
    ledger.store.retire_missing(at("00:20"), at("00:20")).await.expect("retiring");
    assert_eq!(ledger.state("s", "09:00", "ana").await, (State::Cancelled, Some(Reason::ScheduleRemoved)));
}
