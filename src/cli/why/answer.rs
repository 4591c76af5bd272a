//! The one sentence that answers the question. What it rests on is said below it.

use chrono::TimeDelta;

use crate::cli::times;
use crate::domain::delivery::{Reason, State};
use crate::domain::time::ZoneRules;
use crate::port::why::{Absent, Coming, DeliveryStory, Why};

/// Up to so long after its due instant a message is on time: it shares the limits with others.
const ON_TIME: TimeDelta = TimeDelta::minutes(1);

/// Of a delivery.
pub(super) fn delivery(why: &Why, story: &DeliveryStory, name: &str) -> String {
    let what = format!("\"{}\" of {}", why.schedule, times::civil(story.occurrence));
    let reason = story.reason.map_or("for no reason that is known".into(), |reason| reason.explain_in(story.state));
    match story.state {
        State::Sent => sent(story, name, &what),
        State::Planned | State::Claimed | State::Waiting => open(why, story, name, &what),
        State::Sending => format!("{name} is getting {what} just now: the request is on its way."),
        State::Unknown => format!("Nobody knows whether {name} got {what}: {reason}."),
        State::Failed => format!("{name} did not get {what}, for good: {reason}."),
        State::Expired => match story.superseded_by {
            Some(later) => format!(
                "{name} did not get {what}: the one of {} was due before it could be sent.",
                times::civil(later)
            ),
            None => format!("{name} did not get {what}: {reason}{}.", absence(story)),
        },
        State::Skipped | State::Cancelled => format!("{name} did not get {what}: {reason}."),
    }
}

/// Of one that can still be sent. What keeps it from that comes before the hour at which it would be.
fn open(why: &Why, story: &DeliveryStory, name: &str, what: &str) -> String {
    if let Some(reason) = story.left_out.map(Reason::explain) {
        return if story.possible_duplicate {
            format!("{name} may have got {what}, and as things stand it is not sent again: {reason}.")
        } else {
            format!("{name} will not get {what}, as things stand: {reason}.")
        };
    }
    let due = times::distance(story.due_at, why.now);
    match stands_still(why) {
        Some(still) if story.due_at > why.now => {
            return format!("{name} would get {what} {due}{}, but {still}.", moved(story));
        }
        Some(still) => return format!("{name} has not got {what} yet: {still}."),
        None => {}
    }
    match (story.state, story.held_until) {
        (State::Waiting, _) => {
            let reason = story.reason.map_or("for no reason that is known", Reason::explain);
            let again =
                story.not_before.map_or_else(String::new, |at| format!("; next try {}", times::distance(at, why.now)));
            format!("{name} has not got {what} yet: {reason}{again}.")
        }
        (_, Some(until)) if story.due_at > why.now => {
            let until = times::distance(until, why.now);
            format!("{name} is to get {what} {until}{}, when quiet hours end.", moved(story))
        }
        (_, _) if story.due_at > why.now => format!("{name} is to get {what} {due}{}.", moved(story)),
        (_, _) => format!("{name} is about to get {what}: it is due and waits for its turn."),
    }
}

/// What keeps all of a schedule from being sent.
fn stands_still(why: &Why) -> Option<String> {
    if let Some(removed) = &why.removed {
        return Some(format!(
            "no file has the schedule any more: it is cancelled at {}, unless it comes back",
            times::utc(removed.cancelled_at)
        ));
    }
    if !why.in_force && why.held_back.is_none() {
        return Some("no file has the schedule any more".to_owned());
    }
    why.paused.is_some().then(|| "the schedule is paused".to_owned())
}

fn sent(story: &DeliveryStory, name: &str, what: &str) -> String {
    let late = story.sent_at.map_or(TimeDelta::zero(), |at| at - story.due_at);
    let twice = if story.possible_duplicate { ", perhaps twice" } else { "" };
    if late < ON_TIME {
        return format!("{name} got {what} on time{}{twice}{}.", moved(story), clock_change(story));
    }
    format!("{name} got {what} {} late{twice}: {}{}.", times::span(late), delayed(story), moved(story))
}

/// What kept a message that was sent late.
fn delayed(story: &DeliveryStory) -> String {
    if let Some(hold) = story.holds.last() {
        return hold.reason.explain().to_owned();
    }
    if let Some(span) = story.downtime {
        return format!("nudged was not running until {}", times::utc(span.until));
    }
    if let Some(span) = story.paused {
        return format!("the schedule was paused until {}", times::utc(span.until));
    }
    let failed = story.attempts.iter().rev().find_map(|attempt| attempt.reason);
    if let Some(reason) = failed {
        return format!("{}, and a later try got through", reason.explain());
    }
    if story.planned_at > story.due_at {
        return "it was planned only after it was due".to_owned();
    }
    "it waited for its turn".to_owned()
}

/// That nobody was there, where that may be why something was too late.
fn absence(story: &DeliveryStory) -> String {
    match (story.downtime, story.paused) {
        (Some(span), _) => format!("; nudged was not running until {}", times::utc(span.until)),
        (None, Some(span)) => format!("; the schedule was paused until {}", times::utc(span.until)),
        (None, None) => String::new(),
    }
}

fn clock_change(story: &DeliveryStory) -> String {
    story.note.map_or_else(String::new, |note| format!(": {}", times::note(note)))
}

fn moved(story: &DeliveryStory) -> String {
    story.moved_from.map_or_else(String::new, |former| {
        format!(", on the clock of {}: it moved with them from {}", story.zone.name(), former.zone.name())
    })
}

/// Of what is not a delivery yet.
pub(super) fn coming(why: &Why, coming: &Coming, name: &str, rules: &dyn ZoneRules) -> String {
    let what = format!("\"{}\" of {}", why.schedule, times::civil(coming.occurrence));
    let at = coming.held_until.unwrap_or(coming.due_at);
    let when = format!("{} {}", times::local(at, coming.zone, rules), coming.zone.name());
    match coming.left_out {
        Some(reason) => format!("{name} will not get {what}, as things stand: {}.", reason.explain()),
        None => match stands_still(why) {
            Some(still) => format!("{name} would get {what} at {when}, but {still}."),
            None if coming.held_until.is_some() => format!("{name} will get {what} at {when}, when quiet hours end."),
            None => format!("{name} will get {what} at {when}."),
        },
    }
}

/// Of what is not, and will not be.
pub(super) fn absent(why: &Why, absent: &Absent, name: &str) -> String {
    let schedule = &why.schedule;
    match absent {
        Absent::HeldBack => {
            format!("{name} gets nothing of \"{schedule}\": its file is held back, and it never had a good version.")
        }
        Absent::NotInForce => {
            format!(
                "{name} gets nothing of \"{schedule}\": no file has it any more, and the ledger has nothing of theirs."
            )
        }
        Absent::Excepted { address } => {
            format!("{name} is not in the audience of \"{schedule}\": `except_people` names {address}.")
        }
        Absent::NotInAudience { to } => {
            format!("{name} is not in the audience of \"{schedule}\", which speaks to {}.", to.join(", "))
        }
        Absent::AwaitsEvent { event } => {
            format!("\"{schedule}\" speaks when \"{event}\" happens, and that has brought nothing for {name}.")
        }
        Absent::BeforeFrom { from } => {
            format!("{name} gets nothing of \"{schedule}\" then: it begins on {}.", times::civil(*from))
        }
        Absent::AfterUntil { until } => {
            format!("{name} gets nothing of \"{schedule}\" then: it ended on {}.", times::civil(*until))
        }
        Absent::ExceptedDate { date } => {
            format!(
                "{name} gets nothing of \"{schedule}\" on {}: `except` names that date.",
                date.format("%a %Y-%m-%d")
            )
        }
        Absent::Holiday { date, calendar } => format!(
            "{name} gets nothing of \"{schedule}\" on {}: it is a holiday in the calendar \"{calendar}\".",
            date.format("%a %Y-%m-%d")
        ),
        Absent::NotThatDay { date, next } => {
            let next = next.map_or_else(
                || "and on none after it".to_owned(),
                |next| format!("the next is {}", times::civil(next)),
            );
            format!("\"{schedule}\" does not fire on {}; {next}.", date.format("%a %Y-%m-%d"))
        }
        Absent::SkippedInGap { occurrence } => format!(
            "{name} gets nothing of \"{schedule}\" at {}: their clock skips that hour, and the schedule skips it too.",
            times::civil(*occurrence)
        ),
        Absent::NothingAhead => format!("{name} gets nothing more of \"{schedule}\": it will not fire any more."),
        Absent::NoRow { occurrence } => format!(
            "{name} got nothing of \"{schedule}\" at {}: they were not in its audience then, or it was not in force.",
            times::civil(*occurrence)
        ),
    }
}
