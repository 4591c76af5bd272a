//! What Teams answers, and what becomes of the message, of its recipient and of its schedule: through the real sender and
//! the real ledger, with answers that the test writes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use chrono_tz::Tz;
use nudged::adapter::zones::ZoneData;
use nudged::domain::delivery::{Reason, State};
use nudged::domain::id::{RecipientId, ScheduleName};
use nudged::domain::message::Said;
use nudged::domain::problem::Source;
use nudged::domain::recipient::{Reference, Unreachable};
use nudged::domain::verdict::{Answer, Evidence, Verdict};
use nudged::engine::catalog::CatalogKeeper;
use nudged::engine::sender::LEASE;
use nudged::engine::watch::Credit;
use nudged::port::clock::Clock;
use nudged::port::connector::{Channel, Connector, Conversation, MemberPage, OutgoingActivity, Posted, Team};
use nudged::port::desk::Reach;
use nudged::port::store::{Pause, PausedBy};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::rig::{Files, Rig, at};

/// One request: what was asked, of which conversation or person, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked(&'static str, String, Option<String>);

/// Teams, as the test has it answer.
#[derive(Default)]
pub(crate) struct FakeTeams {
    /// The answers to sends; delivered when there are none left.
    sends: Mutex<VecDeque<Verdict>>,
    /// The answers to every send that is not scripted.
    always: Mutex<Option<Verdict>>,
    creates: Mutex<VecDeque<&'static str>>,
    /// How many threads were begun; each has the next number.
    threads: Mutex<u32>,
    /// The pages of the one roster there is, or the answer to who asks for it.
    roster: Mutex<Option<Result<Vec<MemberPage>, Verdict>>>,
    asked: Mutex<Vec<Asked>>,
    /// Rung by each request.
    pub(crate) rung: Notify,
    /// The conversation in which nothing is answered.
    silent: Mutex<Option<&'static str>>,
    /// Rung when the silence ends.
    speaks: Notify,
    said: Mutex<Vec<Said>>,
    /// What is seen of the answers to sends.
    evidence: Mutex<Evidence>,
}

impl FakeTeams {
    pub(crate) fn answers(&self, verdicts: &[Verdict]) {
        self.sends.lock().expect("no panic with it").extend(verdicts.iter().cloned());
    }

    fn always(&self, verdict: Option<Verdict>) {
        *self.always.lock().expect("no panic with it") = verdict;
    }

    /// What is seen of every answer from now on.
    pub(crate) fn sees(&self, evidence: Evidence) {
        *self.evidence.lock().expect("no panic with it") = evidence;
    }

    pub(crate) fn creates(&self, id: &'static str) {
        self.creates.lock().expect("no panic with it").push_back(id);
    }

    /// The requests since it was asked last, in words such as `send a:ana`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().expect("no panic with it"));
        asked
            .into_iter()
            .map(|Asked(what, whom, place)| match place {
                None => format!("{what} {whom}"),
                Some(place) => format!("{what} {whom} at {place}"),
            })
            .collect()
    }

    /// What was said since it was asked last.
    pub(crate) fn said(&self) -> Vec<Said> {
        std::mem::take(&mut *self.said.lock().expect("no panic with it"))
    }

    /// The roster of the team Ops, with the channels General and Releases.
    pub(crate) fn has_roster(&self, roster: Result<Vec<MemberPage>, Verdict>) {
        *self.roster.lock().expect("no panic with it") = Some(roster);
    }

    fn roster(&self) -> Result<Vec<MemberPage>, Answer> {
        let roster = self.roster.lock().expect("no panic with it").clone().expect("a scripted roster");
        roster.map_err(|verdict| Answer { verdict, evidence: Evidence::default() })
    }

    fn note(&self, what: &'static str, whom: Option<&String>, reference: &Reference) {
        let asked = Asked(what, whom.cloned().unwrap_or_default(), reference.service_url.clone());
        self.asked.lock().expect("no panic with it").push(asked);
        self.rung.notify_one();
    }

    pub(crate) fn falls_silent_in(&self, conversation: &'static str) {
        *self.silent.lock().expect("no panic with it") = Some(conversation);
    }

    /// Comes back when whoever asks there gets an answer.
    async fn may_be_silent(&self, reference: &Reference) {
        let silent = *self.silent.lock().expect("no panic with it");
        if silent.is_some() && reference.conversation_id.as_deref() == silent {
            self.speaks.notified().await;
        }
    }

    /// Waits until somebody asks in the silent conversation.
    async fn is_asked_in_vain(&self) {
        let silent = self.silent.lock().expect("no panic with it").expect("a silent conversation");
        while !self.asked().contains(&format!("send {silent}")) {
            self.rung.notified().await;
        }
    }

    /// Answers in the silent conversation, now and from now on.
    pub(crate) fn speaks_again(&self) {
        *self.silent.lock().expect("no panic with it") = None;
        self.speaks.notify_one();
    }
}

#[async_trait]
impl Connector for FakeTeams {
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer {
        self.note("send", reference.conversation_id.as_ref(), reference);
        self.said.lock().expect("no panic with it").push(activity.said.clone());
        self.may_be_silent(reference).await;
        let scripted = self.sends.lock().expect("no panic with it").pop_front();
        let verdict = scripted.or_else(|| self.always.lock().expect("no panic with it").clone());
        let verdict = verdict.unwrap_or(Verdict::Delivered { activity_id: Some("1".into()) });
        Answer { verdict, evidence: self.evidence.lock().expect("no panic with it").clone() }
    }

    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer> {
        self.note("create", reference.user_id.as_ref(), reference);
        let id = self.creates.lock().expect("no panic with it").pop_front().expect("a scripted conversation");
        Ok(Conversation { conversation_id: id.into(), service_url: None })
    }

    async fn post_in_channel(&self, channel: &Reference, activity: &OutgoingActivity) -> Posted {
        let mut answer = self.continue_conversation(channel, activity).await;
        if let Some(asked) = self.asked.lock().expect("no panic with it").last_mut() {
            asked.0 = "post";
        }
        let Verdict::Delivered { activity_id } = &mut answer.verdict else { return Posted { answer, thread: None } };
        let mut number = self.threads.lock().expect("no panic with it");
        *number += 1;
        *activity_id = Some(number.to_string());
        let channel = channel.conversation_id.as_deref().expect("a channel");
        let conversation_id = format!("{channel};messageid={number}");
        Posted { answer, thread: Some(Conversation { conversation_id, service_url: None }) }
    }

    async fn update_activity(&self, reference: &Reference, id: &str, activity: &OutgoingActivity) -> Answer {
        self.note("update", Some(&id.to_owned()), reference);
        self.said.lock().expect("no panic with it").push(activity.said.clone());
        self.may_be_silent(reference).await;
        Answer { verdict: Verdict::Delivered { activity_id: None }, evidence: Evidence::default() }
    }

    async fn delete_activity(&self, _: &Reference, _: &str) -> Answer {
        unreachable!("nothing is deleted here")
    }

    async fn members(&self, team: &Reference, from: Option<&str>) -> Result<MemberPage, Answer> {
        self.note("members", team.conversation_id.as_ref(), team);
        let page = from.map_or(0, |from| from.parse::<usize>().expect("our own continuation"));
        let pages = self.roster()?;
        let unavailable = Verdict::Permanent { reason: Reason::Refused };
        pages.get(page).cloned().ok_or(Answer { verdict: unavailable, evidence: Evidence::default() })
    }

    async fn channels(&self, team: &Reference) -> Result<Vec<Channel>, Answer> {
        self.note("channels", team.conversation_id.as_ref(), team);
        let general = Channel { id: team.conversation_id.clone().expect("a team"), name: None };
        Ok(vec![general, Channel { id: "19:releases@thread.tacv2".into(), name: Some("Releases".into()) }])
    }

    async fn team(&self, team: &Reference) -> Result<Team, Answer> {
        self.note("team", team.conversation_id.as_ref(), team);
        self.roster()?;
        let id = team.conversation_id.clone().expect("a team");
        Ok(Team { id, name: Some("Ops".into()), entra_group_id: None })
    }
}

const FILE: &str = r#"
[schedule.s]
to = "everyone"
at = 2027-03-01T09:00:00
late = "2h"
text = "hello"
"#;

/// So many people, to whom one message is due at 09:00.
async fn rig(people: usize) -> Rig {
    let names: Vec<String> = (0..people).map(|number| format!("p{number}")).collect();
    let people: Vec<_> = names.iter().map(|name| (name.as_str(), Tz::UTC)).collect();
    let rig = Rig::new("2027-03-01T08:00").await;
    rig.people(&people).await;
    rig.file_says(FILE).await;
    rig.now_is(at("2027-03-01T09:00"));
    rig.expand().await;
    rig
}

async fn state(rig: &Rig) -> (State, Option<Reason>) {
    let delivery = rig.deliveries("s").await.remove(0);
    (delivery.state, delivery.reason)
}

fn not_found() -> Verdict {
    Verdict::Recreate { reason: Reason::ConversationNotFound, after: None }
}

fn uninstalled() -> Verdict {
    Verdict::Permanent { reason: Reason::Uninstalled }
}

#[tokio::test]
async fn a_single_not_found_costs_nothing_but_a_while() {
    let rig = rig(1).await;
    rig.teams.answers(&[not_found()]);
    rig.deliver().await;
    assert_eq!(state(&rig).await, (State::Waiting, Some(Reason::ConversationNotFound)));
    rig.pass_minutes(1).await;
    assert_eq!(state(&rig).await, (State::Sent, None));
    assert_eq!(rig.teams.asked(), ["send a:p0", "send a:p0"]);
    assert_eq!(rig.reach().await, [Reach::Conversation]);
}

#[tokio::test]
async fn a_conversation_that_stays_lost_is_asked_for_once() {
    let rig = rig(1).await;
    rig.teams.always(Some(not_found()));
    rig.teams.creates("a:p0");
    rig.deliver().await;
    rig.pass_minutes(1).await;
    assert_eq!(state(&rig).await, (State::Waiting, Some(Reason::ConversationLost)));
    rig.pass_minutes(1).await;
    assert_eq!(state(&rig).await, (State::Failed, Some(Reason::ConversationNotFound)));
    assert_eq!(rig.teams.asked(), ["send a:p0", "send a:p0", "create 29:p0", "send a:p0"]);
    assert_eq!(rig.reach().await, [Reach::Conversation], "one occurrence does not kill a reference");
}

#[tokio::test]
async fn an_id_that_teams_cannot_read_is_replaced() {
    let rig = rig(1).await;
    rig.teams.answers(&[Verdict::Recreate { reason: Reason::ForeignConversation, after: None }]);
    rig.teams.creates("a:new");
    rig.deliver().await;
    rig.pass_minutes(1).await;
    assert_eq!(state(&rig).await, (State::Sent, None));
    assert_eq!(rig.teams.asked(), ["send a:p0", "create 29:p0", "send a:new"]);
}

#[tokio::test]
async fn a_wrong_region_is_left_for_the_next_place_on_the_way() {
    let rig = rig(1).await;
    let elsewhere =
        |instead: Option<&str>| Verdict::Elsewhere { reason: Reason::WrongRegion, instead: instead.map(str::to_owned) };
    rig.teams.answers(&[elsewhere(Some("https://global/")), elsewhere(None)]);
    rig.deliver().await;
    assert_eq!(state(&rig).await, (State::Waiting, Some(Reason::WrongRegion)));
    rig.pass_minutes(1).await;
    assert_eq!(state(&rig).await, (State::Failed, Some(Reason::WrongRegion)), "that was the end of the way");
    assert_eq!(rig.teams.asked(), ["send a:p0", "send a:p0 at https://global/"]);
}

#[tokio::test]
async fn when_too_many_are_lost_at_once_the_schedule_waits_and_nobody_is_marked() {
    let rig = rig(20).await;
    rig.teams.always(Some(uninstalled()));
    rig.deliver().await;
    assert_eq!(rig.teams.asked().len(), 5, "the fifth is one too many");
    assert_eq!(rig.reach().await, vec![Reach::Conversation; 20], "and what was said of the first four is taken back");
    let paused = rig.store.paused().await.expect("paused").remove(0);
    assert_eq!(paused.why, format!("5 of 5 could not be reached: {}", Reason::Uninstalled.explain()));
    rig.pass_minutes(10).await;
    assert_eq!(rig.teams.asked(), [""; 0], "it stays paused");

    // Somebody has looked: the app was really removed for all but a few.
    rig.resume("s").await;
    rig.teams.answers(&[Verdict::Delivered { activity_id: None }]);
    rig.deliver().await;
    assert_eq!(rig.teams.asked().len(), 20, "nobody was lost by it");
    let states: Vec<_> = rig.deliveries("s").await.into_iter().map(|it| (it.state, it.reason)).collect();
    let count = |wanted| states.iter().filter(|it| **it == wanted).count();
    assert_eq!(count((State::Sent, None)), 1);
    assert_eq!(count((State::Skipped, Some(Reason::Uninstalled))), 19);
    let marked = rig.reach().await.iter().filter(|it| **it == Reach::Unreachable(Unreachable::Uninstalled)).count();
    assert_eq!(marked, 19, "what is said now is believed");
}

/// A rig of so many of whom four are lost; what is done then, is done while the fifth is being asked.
async fn rig_with_a_fifth_loss_during(people: usize, act: impl AsyncFnOnce(&Rig)) -> Rig {
    let rig = rig(people).await;
    rig.teams.always(Some(uninstalled()));
    rig.teams.falls_silent_in("a:p4");
    let meanwhile = async {
        rig.teams.is_asked_in_vain().await;
        act(&rig).await;
        rig.teams.speaks_again();
    };
    tokio::join!(rig.deliver(), meanwhile);
    rig.teams.always(None);
    rig
}

async fn sent(rig: &Rig) -> usize {
    rig.deliveries("s").await.iter().filter(|it| it.state == State::Sent).count()
}

#[tokio::test]
async fn a_schedule_that_somebody_held_while_too_many_were_lost_goes_on_when_it_is_resumed() {
    let rig = rig_with_a_fifth_loss_during(20, async |rig| {
        let (schedule, why) = (ScheduleName::new("s").expect("a name"), "a holiday".to_owned());
        let pause = Pause { schedule, why, by: PausedBy::Operator, not_believed: None };
        assert!(rig.store.pause(pause, rig.clock.now()).await.expect("pausing"));
    })
    .await;
    let paused = rig.store.paused().await.expect("paused").remove(0);
    let lost = format!("5 of 5 could not be reached: {}", Reason::Uninstalled.explain());
    assert_eq!(paused.why, format!("a holiday; {lost}"), "who resumes it is told both");
    rig.resume("s").await;
    rig.pass_minutes(1).await;
    assert_eq!(sent(&rig).await, 20);
}

/// Else it would be in doubt, and no one could see that, or end it.
#[tokio::test]
async fn a_schedule_is_held_also_where_the_last_outcome_could_not_be_stored() {
    let rig = rig_with_a_fifth_loss_during(20, async |rig| {
        rig.store.take_over(rig.clock.now()).await.expect("taking over");
    })
    .await;
    let paused = rig.store.paused().await.expect("paused");
    assert_eq!(paused.len(), 1);
}

/// Nobody else knows what Teams has answered, and the disk is full until somebody comes.
#[tokio::test]
async fn what_teams_answered_outlives_a_full_disk() {
    let rig = rig(1).await;
    let disk = Connection::open(rig.ledger()).expect("the ledger");
    let full = "CREATE TRIGGER full BEFORE UPDATE OF sent_at ON deliveries BEGIN SELECT RAISE(ABORT, 'full'); END";
    disk.execute_batch(full).expect("a full disk");
    let half_an_hour = async {
        while rig.planner.health.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        for _ in 0..900 {
            // Everybody who asked the ledger before has an answer now.
            rig.store.next_wake(Duration::ZERO, rig.clock.now()).await.expect("it can be read");
            rig.now_is(rig.clock.now() + TimeDelta::seconds(2));
        }
        assert_eq!(rig.planner.health.oldest_request(), None, "no request hangs: it was answered");
        assert_eq!(rig.planner.health.requests().len(), 1, "and nobody takes it for abandoned");
        disk.execute_batch("DROP TRIGGER full").expect("room again");
        loop {
            rig.store.next_wake(Duration::ZERO, rig.clock.now()).await.expect("it can be read");
            rig.now_is(rig.clock.now() + TimeDelta::seconds(2));
        }
    };
    tokio::select! {
        () = rig.deliver() => {}
        () = half_an_hour => unreachable!("it has no end"),
    }
    assert_eq!((sent(&rig).await, rig.teams.asked().len()), (1, 1));
}

/// Another schedule may get its name; and whatever holds it then, people can see.
#[tokio::test]
async fn a_doubt_ends_with_what_was_in_flight() {
    let rig = rig(1).await;
    let schedule = ScheduleName::new("s").expect("a name");
    let saw = |who| rig.watch.saw(&schedule, RecipientId(who), &uninstalled());
    (1..=5).for_each(|who| drop(saw(who)));
    rig.now_is(rig.clock.now() + LEASE - TimeDelta::seconds(1));
    assert_eq!((rig.watch.is_doubted(&schedule), saw(6)), (true, Credit::Doubted));
    rig.now_is(rig.clock.now() + TimeDelta::seconds(1));
    assert_eq!((rig.watch.is_doubted(&schedule), saw(7)), (false, Credit::Believed));
}

#[tokio::test]
async fn what_is_in_doubt_is_not_claimed_again_at_once() {
    let rig = rig(20).await;
    let schedule = ScheduleName::new("s").expect("a name");
    (1..=5).for_each(|who| drop(rig.watch.saw(&schedule, RecipientId(who), &uninstalled())));
    rig.deliver().await;
    assert_eq!(rig.teams.asked(), [""; 0]);
    assert_eq!(rig.claim().await, [], "they would be given back and claimed without end");
    rig.now_is(rig.clock.now() + LEASE);
    rig.deliver().await;
    assert_eq!(sent(&rig).await, 20);
}

#[tokio::test]
async fn what_the_daemon_does_not_know_of_yet_is_not_claimed_again_at_once() {
    let rig = rig(20).await;
    let (now, zones) = (rig.clock.now(), Arc::new(ZoneData::newest()));
    let elsewhere =
        CatalogKeeper::new(Arc::new(Files::default()), rig.store.clone(), rig.clock.clone(), zones.clone(), Tz::UTC);
    let text = "[schedule.t]\nto = \"everyone\"\nat = 2027-03-01T09:00:00Z\nzone = \"UTC\"\ntext = \"hello\"\n";
    elsewhere.add(&Source::new("send:t", text)).await.expect("adding");
    rig.store.expand_due(now, now, u32::MAX).await.expect("expanding");
    rig.deliver().await;
    assert_eq!(rig.claim().await, [], "they would be given back and claimed without end");
}

#[tokio::test]
async fn while_the_bot_cannot_send_the_queue_waits() {
    let rig = rig(20).await;
    rig.teams.always(Some(Verdict::OurFault { reason: Reason::TokenRefused }));
    rig.deliver().await;
    assert_eq!(rig.teams.asked().len(), 1, "one finds out for all");
    let states: Vec<_> = rig.deliveries("s").await.into_iter().map(|it| (it.state, it.attempts)).collect();
    assert_eq!(states.iter().filter(|it| **it == (State::Planned, 0)).count(), 19, "{states:?}");
    rig.deliver().await;
    assert_eq!(rig.teams.asked(), [""; 0], "and not at once again");
    rig.pass_minutes(1).await;
    assert_eq!(rig.teams.asked().len(), 1, "one finds out again");
    rig.teams.always(None);
    rig.pass_minutes(1).await;
    let sent = rig.deliveries("s").await.into_iter().filter(|it| it.state == State::Sent).count();
    assert_eq!(sent, 20);
}

#[tokio::test]
async fn what_was_in_flight_when_a_schedule_was_paused_is_not_believed_either() {
    let rig = rig(6).await;
    let schedule = ScheduleName::new("s").expect("a name");
    let saw = |who| rig.watch.saw(&schedule, RecipientId(who), &uninstalled());
    assert!((1..5).all(|who| saw(who) == Credit::Believed));
    assert!(matches!(saw(5), Credit::OneTooMany(_)));
    assert_eq!(saw(6), Credit::Doubted);
    rig.watch.resume(rig.store.as_ref(), schedule.clone(), rig.clock.now()).await.expect("resuming");
    assert_eq!(saw(6), Credit::Believed, "somebody has looked");
}
