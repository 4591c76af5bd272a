//! Files that are read again: what a reload says it does, what it holds, and that a dry run says the same.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use chrono_tz::Tz;
use nudged::domain::delivery::Reason;
use nudged::domain::problem::Source;
use nudged::domain::shift::{Hour, Moved};
use nudged::port::clock::Clock as _;
use nudged::port::desk::{DeliveryStatus, Desk as _, RemovedSchedule};
use nudged::port::reload::{Change, PastIn, ReloadRequest, ReloadVerdict, ScheduleChange};
use nudged::port::store::StatusQuery;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::rig::{Rig, at};

const PEOPLE: [(&str, Tz); 3] = [("kei", Tz::Asia__Tokyo), ("ana", Tz::Europe__Berlin), ("lee", Tz::America__Denver)];

pub(crate) fn daily(name: &str, time: &str, more: &str) -> String {
    format!("[schedule.{name}]\nto = \"everyone\"\ntext = \"Hello\"\nevery = \"day\"\nat = \"{time}\"\n{more}\n")
}

pub(crate) async fn rig(now: &str) -> Rig {
    let rig = Rig::new(now).await;
    rig.people(&PEOPLE).await;
    rig
}

pub(crate) async fn reload(rig: &Rig) -> ReloadVerdict {
    rig.keeper.reload_as_asked(ReloadRequest::default()).await.expect("reloading")
}

async fn prune(rig: &Rig) -> ReloadVerdict {
    rig.keeper.reload_as_asked(ReloadRequest { prune: true, ..ReloadRequest::default() }).await.expect("reloading")
}

fn only(verdict: &ReloadVerdict) -> &ScheduleChange {
    assert_eq!(verdict.changes.len(), 1, "{verdict:#?}");
    &verdict.changes[0]
}

fn hour(time: &str, zone: Option<Tz>) -> Hour {
    Hour { time: format!("{time}:00").parse().expect("a time"), zone }
}

fn names(rig: &Rig) -> Vec<String> {
    rig.keeper.cell().current().schedules.keys().map(ToString::to_string).collect()
}

/// At 22:00 UTC on Sunday 28 February nine o'clock of Monday is still to come everywhere.
#[tokio::test]
async fn an_edit_is_told_in_people_and_hours() {
    let rig = rig("2027-02-28T22:00").await;
    rig.files_are(&[("a.toml", &daily("s", "09:00", "until = 2027-03-01"))]);
    let verdict = reload(&rig).await;
    assert_eq!((only(&verdict).change, only(&verdict).added), (Change::Added, 3));
    rig.files_are(&[("a.toml", &daily("s", "09:30", "until = 2027-03-01"))]);
    let verdict = reload(&rig).await;
    let moved = Moved { from: hour("09:00", None), to: hour("09:30", None), people: 3 };
    assert_eq!((only(&verdict).change, &only(&verdict).moved[..]), (Change::Changed, &[moved][..]), "{verdict:#?}");
    assert_eq!((only(&verdict).added, only(&verdict).cancelled), (0, 0));
    // Some of them are rows by now.
    rig.now_is(at("2027-03-01T00:25"));
    rig.expand().await;
    rig.files_are(&[("a.toml", &daily("s", "09:30", "until = 2027-03-01\nzone = \"Europe/Berlin\""))]);
    let verdict = reload(&rig).await;
    let moved = Moved { from: hour("09:30", None), to: hour("09:30", Some(Tz::Europe__Berlin)), people: 3 };
    assert_eq!(only(&verdict).moved, [moved]);
    rig.files_are(&[("a.toml", "")]);
    let verdict = reload(&rig).await;
    assert_eq!((only(&verdict).change, only(&verdict).cancelled), (Change::Removed, 3));
    assert_eq!(verdict.cancelled_at, Some(at("2027-03-01T00:35")));
    assert_eq!(reload(&rig).await.changes, [], "it is told once");
}

#[tokio::test]
async fn who_is_too_late_is_told_with_the_place() {
    // It is ten o'clock in Tokyo.
    let rig = rig("2027-03-01T01:00").await;
    rig.files_are(&[("a.toml", &daily("s", "09:00", "until = 2027-03-01\nlate = \"30m\""))]);
    let verdict = reload(&rig).await;
    assert_eq!(
        (only(&verdict).added, &only(&verdict).past[..]),
        (2, &[PastIn { zone: Tz::Asia__Tokyo, people: 1 }][..])
    );
}

/// In its grace a schedule that is gone is told with the hour at which it is over, and not after it.
#[tokio::test]
async fn what_is_gone_is_told_until_it_is_over() {
    let rig = rig("2027-03-01T08:00").await;
    let (a, b) = (daily("a", "09:00", ""), daily("b", "09:00", ""));
    rig.files_are(&[("a.toml", &a), ("b.toml", &b)]);
    reload(&rig).await;
    rig.plan().await;
    let removed = async |rig: &Rig| rig.desk().status(StatusQuery::default()).await.expect("a status").removed;
    assert_eq!(removed(&rig).await, []);
    rig.files_are(&[("a.toml", &a)]);
    reload(&rig).await;
    let gone =
        RemovedSchedule { schedule: "b".into(), since: at("2027-03-01T08:00"), cancelled_at: at("2027-03-01T08:10") };
    assert_eq!(removed(&rig).await, [gone]);
    rig.now_is(at("2027-03-01T08:11"));
    rig.plan().await;
    assert_eq!(removed(&rig).await, [], "it is cancelled");
}

/// What `nudged send` makes is no schedule of a file, and counted as none.
#[tokio::test]
async fn a_send_is_not_counted_among_the_schedules() {
    let rig = rig("2027-03-01T08:00").await;
    rig.files_are(&[("a.toml", &daily("a", "09:00", ""))]);
    let verdict = reload(&rig).await;
    let sent = "[schedule.sent]\nto = \"everyone\"\nat = 2027-03-01T08:00:00Z\nzone = \"UTC\"\ntext = \"Hello\"\n";
    rig.keeper.add(&Source::new("send:sent", sent)).await.expect("added");
    let catalog = rig.keeper.cell().current();
    assert_eq!((catalog.schedules.len(), catalog.of_files(), verdict.schedules), (2, 1, 1));
    assert_eq!(reload(&rig).await.schedules, 1);
}

/// P1 over a rename: the ledger knows by the name what it has sent.
#[tokio::test]
async fn a_renamed_schedule_serves_nobody_twice() {
    let rig = rig("2027-02-28T22:00").await;
    rig.files_are(&[("a.toml", &daily("old", "09:00", "until = 2027-03-01"))]);
    reload(&rig).await;
    rig.now_is(at("2027-03-01T00:05"));
    assert_eq!(rig.go_round().await.len(), 1, "Kei");
    rig.files_are(&[("b.toml", &daily("new", "09:00", "until = 2027-03-01\nrenamed_from = \"old\""))]);
    let verdict = reload(&rig).await;
    let change = only(&verdict);
    assert_eq!((change.change, change.renamed_from.as_deref()), (Change::Renamed, Some("old")));
    assert_eq!((change.added, change.cancelled, &change.moved[..]), (0, 0, &[][..]), "{verdict:#?}");
    rig.plan().await;
    let mut got = Vec::new();
    for quarter in 0..100 {
        rig.now_is(at("2027-03-01T00:05") + TimeDelta::minutes(15 * quarter));
        got.extend(rig.go_round().await.into_iter().map(|(_, name)| name));
    }
    assert_eq!(got, ["ana", "lee"], "each of the others once");
    assert_eq!(reload(&rig).await.changes, [], "it has been renamed once");
}

#[tokio::test]
async fn what_somebody_is_called_now_is_not_taken_from_them() {
    let rig = rig("2027-02-28T22:00").await;
    let (a, b) = (daily("s", "09:00", ""), daily("t", "10:00", ""));
    rig.files_are(&[("m.toml", &a), ("z.toml", &b)]);
    reload(&rig).await;
    // A newcomer before it in the order of the names.
    rig.files_are(&[("a.toml", &daily("s", "23:00", "")), ("m.toml", &a), ("z.toml", &b)]);
    let verdict = reload(&rig).await;
    assert_eq!(verdict.changes, []);
    let [held] = &verdict.held_back[..] else { panic!("{verdict:#?}") };
    assert_eq!(held.file, "a.toml");
    assert!(
        held.problems[0].starts_with("1:1: N121 schedule `s` is there twice: m.toml:1:1 and a.toml:1:1"),
        "{held:?}"
    );
    // A file that takes over a name while its old file is broken waits until that is mended.
    let broken = "[schedule.t]\nto = everyone\n";
    rig.files_are(&[("m.toml", &format!("{a}{b}")), ("z.toml", broken)]);
    let verdict = reload(&rig).await;
    assert_eq!(verdict.held_back.len(), 2, "{verdict:#?}");
    assert_eq!(names(&rig), ["s", "t"], "both go on as they were");
    rig.files_are(&[("m.toml", &format!("{a}{b}")), ("z.toml", "")]);
    let verdict = reload(&rig).await;
    assert_eq!((verdict.held_back.len(), names(&rig).len()), (0, 2), "{verdict:#?}");
    // Nobody becomes what is still there.
    rig.files_are(&[("m.toml", &format!("{a}{b}")), ("n.toml", &daily("u", "09:00", "renamed_from = \"t\""))]);
    let verdict = reload(&rig).await;
    let [held] = &verdict.held_back[..] else { panic!("{verdict:#?}") };
    assert!(held.problems[0].starts_with("6:16: N125 `t` is still there: m.toml:7:1"), "{held:?}");
}

/// Half of the files are gone, as if a checkout had stopped: they go on, over a restart too, until they are back or
/// somebody says that it is meant.
#[tokio::test]
async fn many_schedules_do_not_go_unasked() {
    let mut rig = rig("2027-02-28T22:00").await;
    let texts: Vec<(String, String)> =
        (0..10).map(|n| (format!("{n}.toml"), daily(&format!("s{n}"), "09:00", ""))).collect();
    let all: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    rig.files_are(&all);
    reload(&rig).await;
    rig.files_are(&all[5..]);
    let verdict = reload(&rig).await;
    let guard = verdict.guard.as_ref().expect("it is held");
    assert_eq!((guard.schedules.len(), guard.of), (5, 10));
    assert_eq!((verdict.changes.len(), verdict.held_back.len(), verdict.schedules), (0, 5, 10));
    let words = &verdict.held_back[0].problems[0];
    assert!(words.contains("5 of 10 schedules") && words.contains("`nudged reload --prune`"), "{words}");
    rig.down_until(at("2027-02-28T23:00")).await;
    assert_eq!(names(&rig).len(), 10, "also after a restart");
    assert_eq!(rig.keeper.cell().current().held_back.len(), 5, "and it is still said");
    // One more edit does not change that; what it says comes into force.
    let edited = daily("s9", "10:00", "");
    let mut files = all[5..].to_vec();
    files[4].1 = &edited;
    rig.files_are(&files);
    let verdict = reload(&rig).await;
    assert_eq!((only(&verdict).schedule.as_str(), verdict.schedules), ("s9", 10));
    // Back again, all is as before.
    rig.files_are(&all);
    let verdict = reload(&rig).await;
    assert_eq!((verdict.held_back.len(), verdict.guard), (0, None));
    rig.files_are(&all[5..]);
    let verdict = prune(&rig).await;
    assert_eq!((verdict.changes.len(), verdict.held_back.len(), verdict.schedules), (5, 0, 5), "{verdict:#?}");
    assert!(verdict.changes.iter().all(|change| change.change == Change::Removed), "{verdict:#?}");
    // All at once need no number.
    rig.files_are(&[]);
    assert_eq!(reload(&rig).await.schedules, 5);
    assert_eq!(prune(&rig).await.schedules, 0);
    rig.down_until(at("2027-03-01T00:00")).await;
    assert_eq!(names(&rig), Vec::<String>::new(), "they do not come back");
}

#[tokio::test]
async fn what_is_cancelled_after_the_grace_was_told() {
    let rig = rig("2027-02-28T22:00").await;
    let both = [("a.toml", daily("s", "09:00", "")), ("b.toml", daily("t", "09:00", ""))];
    rig.files_are(&[(both[0].0, &both[0].1), (both[1].0, &both[1].1)]);
    reload(&rig).await;
    rig.now_is(at("2027-02-28T23:55"));
    rig.expand().await;
    rig.files_are(&[(both[0].0, &both[0].1)]);
    let told = only(&reload(&rig).await).cancelled;
    rig.now_is(at("2027-03-01T00:06"));
    rig.plan().await;
    let cancelled =
        rig.deliveries("t").await.iter().filter(|it| it.reason == Some(Reason::ScheduleRemoved)).count() as u64;
    assert_eq!(cancelled, 1, "what was a row by then; the rest of what was told had no rows yet");
    assert!(told > cancelled);
}

/// What random edits consist of. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Edit {
    Add { file: usize, hour: usize },
    Remove { which: usize },
    Time { which: usize, hour: usize },
    Zone { which: usize, zone: usize },
    Audience { which: usize, to: usize },
    Rename { which: usize },
    Break { file: usize },
    Mend,
    Wait { minutes: i64 },
    Expand,
    Send,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (0..3_usize, 0..4_usize).prop_map(|(file, hour)| Edit::Add { file, hour }),
        1 => (0..9_usize).prop_map(|which| Edit::Remove { which }),
        4 => (0..9_usize, 0..4_usize).prop_map(|(which, hour)| Edit::Time { which, hour }),
        2 => (0..9_usize, 0..3_usize).prop_map(|(which, zone)| Edit::Zone { which, zone }),
        2 => (0..9_usize, 0..3_usize).prop_map(|(which, to)| Edit::Audience { which, to }),
        2 => (0..9_usize).prop_map(|which| Edit::Rename { which }),
        1 => (0..3_usize).prop_map(|file| Edit::Break { file }),
        2 => Just(Edit::Mend),
        3 => (1..400_i64).prop_map(|minutes| Edit::Wait { minutes }),
        2 => Just(Edit::Expand),
        1 => Just(Edit::Send),
    ]
}

const FILES: [&str; 3] = ["a.toml", "b.toml", "c.toml"];
const HOURS: [&str; 4] = ["\"09:00\"", "\"09:30\"", "\"23:45\"", "[\"09:00\", \"15:00\"]"];
const ZONES: [&str; 3] = ["", "zone = \"Europe/Berlin\"", "zone = \"Asia/Tokyo\""];
const AUDIENCES: [&str; 3] = ["\"everyone\"", "[\"kei@x\", \"lee@x\"]", "[\"kei@x\", \"new@x\"]"];

#[derive(Debug, Clone)]
struct Written {
    name: String,
    file: usize,
    hour: usize,
    zone: usize,
    to: usize,
    renamed_from: Option<String>,
}

impl Written {
    fn toml(&self) -> String {
        let renamed = self.renamed_from.as_ref().map_or_else(String::new, |old| format!("renamed_from = \"{old}\"\n"));
        format!(
            "[schedule.{}]\nto = {}\ntext = \"Hello\"\nevery = \"day\"\nat = {}\n{}\n{renamed}",
            self.name, AUDIENCES[self.to], HOURS[self.hour], ZONES[self.zone]
        )
    }
}

#[derive(Debug, Default)]
struct Desk {
    schedules: Vec<Written>,
    broken: [bool; 3],
    made: usize,
}

impl Desk {
    fn perform(&mut self, edit: &Edit) {
        let count = self.schedules.len();
        let at = |which: usize| which.checked_rem(count);
        match edit {
            Edit::Add { file, hour } => {
                self.made += 1;
                let name = format!("s{}", self.made);
                self.schedules.push(Written { name, file: *file, hour: *hour, zone: 0, to: 0, renamed_from: None });
            }
            Edit::Remove { which } => {
                if let Some(at) = at(*which) {
                    self.schedules.remove(at);
                }
            }
            Edit::Time { which, hour } => {
                if let Some(at) = at(*which) {
                    self.schedules[at].hour = *hour;
                }
            }
            Edit::Zone { which, zone } => {
                if let Some(at) = at(*which) {
                    self.schedules[at].zone = *zone;
                }
            }
            Edit::Audience { which, to } => {
                if let Some(at) = at(*which) {
                    self.schedules[at].to = *to;
                }
            }
            Edit::Rename { which } => {
                if let Some(at) = at(*which) {
                    self.made += 1;
                    let new = format!("s{}", self.made);
                    let old = std::mem::replace(&mut self.schedules[at].name, new);
                    self.schedules[at].renamed_from = Some(old);
                }
            }
            Edit::Break { file } => self.broken[*file] = true,
            Edit::Mend => self.broken = [false; 3],
            Edit::Wait { .. } | Edit::Expand | Edit::Send => {}
        }
    }

    fn texts(&self) -> Vec<(&'static str, String)> {
        let text = |file: usize| {
            let own = self.schedules.iter().filter(|schedule| schedule.file == file).map(Written::toml);
            let broken = if self.broken[file] { "[schedule." } else { "" };
            format!("{}{broken}", own.collect::<String>())
        };
        FILES.iter().enumerate().map(|(file, name)| (*name, text(file))).collect()
    }
}

/// How many people are still to get something of each schedule, as `status` counts them. For whom it is too late already, it
/// is no loss when they are not meant any more.
async fn open(rig: &Rig) -> BTreeMap<String, u64> {
    let mut open = BTreeMap::new();
    for occurrence in rig.occurrences().await {
        let waves = occurrence.waves.iter().filter(|wave| wave.expire_at >= rig.clock.now());
        *open.entry(occurrence.schedule.clone()).or_default() += waves.map(|wave| wave.people).sum::<u64>();
    }
    open
}

/// Every delivery that there is.
async fn rows(rig: &Rig) -> Vec<DeliveryStatus> {
    let schedules: BTreeSet<String> = rig.occurrences().await.into_iter().map(|it| it.schedule).collect();
    let mut rows = Vec::new();
    for schedule in schedules {
        rows.extend(rig.deliveries(&schedule).await);
    }
    rows
}

/// A dry run names exactly what the reload then does: the verdicts are the same, the dry run leaves no trace, the ledger is what
/// was told, and the planner has nothing left to move.
#[test]
fn a_dry_run_names_exactly_what_the_reload_does() {
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let edits = proptest::collection::vec((edit(), any::<bool>()), 1..14);
    let outcome = runner.run(&edits, |edits| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(&edits));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// With each edit, whether the files are read after it.
async fn check(edits: &[(Edit, bool)]) {
    let rig = rig("2027-02-28T12:00").await;
    let mut desk = Desk::default();
    // What was cancelled as a row and is meant again comes to life when it is expanded; a status does not count it before.
    let mut has_rows = false;
    for (edit, is_read) in edits {
        desk.perform(edit);
        match edit {
            Edit::Wait { minutes } => {
                rig.now_is(rig.clock.now() + TimeDelta::minutes(*minutes));
                rig.plan().await;
            }
            Edit::Expand => {
                rig.expand().await;
                has_rows = true;
            }
            Edit::Send => {
                rig.go_round().await;
                has_rows = true;
            }
            Edit::Add { .. }
            | Edit::Remove { .. }
            | Edit::Time { .. }
            | Edit::Zone { .. }
            | Edit::Audience { .. }
            | Edit::Rename { .. }
            | Edit::Break { .. }
            | Edit::Mend => {}
        }
        if !is_read {
            continue;
        }
        let texts = desk.texts();
        rig.files_are(&texts.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>());
        let before = (rig.occurrences().await, rows(&rig).await);
        let was_open = open(&rig).await;
        let request = ReloadRequest { dry_run: true, ..ReloadRequest::default() };
        let told = rig.keeper.reload_as_asked(request).await.expect("a dry run");
        assert_eq!((rig.occurrences().await, rows(&rig).await), before, "a dry run leaves no trace");
        let done = reload(&rig).await;
        assert_eq!(ReloadVerdict { dry_run: false, ..told }, done, "after {edit:?}");
        let is_open = open(&rig).await;
        for change in done.changes.iter().filter(|_| !has_rows) {
            let old = change.renamed_from.as_ref().unwrap_or(&change.schedule);
            let was = was_open.get(old).copied().unwrap_or_default();
            let is = is_open.get(&change.schedule).copied().unwrap_or_default();
            match change.change {
                // It stands there until the grace is over; who is too late is not cancelled.
                Change::Removed => assert!(change.cancelled <= was, "{change:#?}, of {was}"),
                Change::Returned => {}
                Change::Added | Change::Changed | Change::Renamed => {
                    assert_eq!(was + change.added, is + change.cancelled, "{change:#?} after {edit:?}");
                }
            }
        }
        let planned = rig.planner.pass().await.expect("planning");
        assert_eq!(
            (planned.moved_waves, planned.withdrawn_waves, planned.cancelled_deliveries),
            (0, 0, 0),
            "the reload has planned it all: {planned:?} after {edit:?}"
        );
    }
}
