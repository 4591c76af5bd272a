//! Buttons that were pressed, and what came of it: once, however often it is told.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, named_params, params};

use super::consent;
use super::events::{self, NewOccurrence};
use super::fault::Fault;
use super::news::{self, Taking};
use super::people;
use super::person::{COLUMN_COUNT, Person};
use super::realign;
use super::replies::{self, NewReply};
use super::rows::{Of, civil_text, micros};
use super::sql::Sql;
use crate::domain::buttons::{Outcome, Press, Verb};
use crate::domain::consent::{Choice, Command, Topic, Typed, Way, Whence, Wish};
use crate::domain::delivery::Reason;
use crate::domain::event::Cause;
use crate::domain::id::{DeliveryId, ScheduleName};
use crate::domain::press::{Effect, Message, Pressed};
use crate::domain::recipient::RecipientKind;
use crate::port::reply::Delivered;

static DELIVERED: Sql = Sql::new(
    "
    SELECT {person}, s.id, s.name, o.id, coalesce(z.civil, o.civil), d.id, coalesce(z.due_at, d.due_at), d.activity_id,
        o.event_id, EXISTS (SELECT 1 FROM recalled q WHERE q.delivery_id = d.id),
        d.sent_at IS NOT NULL AND d.sent_at < s.revised_at
    FROM deliveries d
        CROSS JOIN occurrences o ON o.id = d.occurrence_id CROSS JOIN schedules s ON s.id = o.schedule_id
        CROSS JOIN recipients r ON r.id = d.recipient_id
        LEFT JOIN snoozes z ON z.occurrence_id = o.id
    WHERE d.id = ?1",
);

/// A message that was sent; `None` where there is no such delivery.
pub(super) fn delivered(conn: &Connection, delivery: DeliveryId) -> Result<Option<Delivered>, Fault> {
    const OWN: usize = COLUMN_COUNT;
    let mut statement = conn.prepare_cached(DELIVERED.get())?;
    let mut rows = statement.query([delivery.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let name: String = row.get(OWN + 1)?;
    let schedule = Of { table: "schedules", id: row.get(OWN)? };
    let occurrence = Of { table: "occurrences", id: row.get(OWN + 2)? };
    let of = Of { table: "deliveries", id: row.get(OWN + 4)? };
    Ok(Some(Delivered {
        delivery: DeliveryId(of.id),
        schedule: ScheduleName::new(&name).ok_or_else(|| schedule.corrupt("name", &name))?,
        occurrence: occurrence.civil(row, OWN + 3, "civil")?,
        due_at: of.instant(row, OWN + 5, "due_at")?,
        recipient: Person::read(row)?.recipient,
        activity_id: row.get(OWN + 6)?,
        event: match row.get(OWN + 7)? {
            Some(event) => events::facts(conn, event)?,
            None => None,
        },
        is_recalled: row.get(OWN + 8)?,
        is_outdated: row.get(OWN + 9)?,
    }))
}

/// What a press needs to know of its delivery.
struct Subject {
    recipient: i64,
    kind: RecipientKind,
    schedule: i64,
    /// Whether the schedule was taken away for good: nothing of it is sent any more.
    is_retired: bool,
    event: Option<i64>,
    /// For how long after its due instant it was to be sent.
    late: i64,
    /// Where its message stands.
    stands_in: Option<String>,
    /// Whether that was taken back, or has another text by now.
    is_recalled: bool,
    message: Message,
}

/// A message that may stand somewhere: nobody presses the buttons of what never left.
static SUBJECT: Sql = Sql::new(
    "
    SELECT r.id, r.kind, s.id, s.topic, o.event_id, d.expire_at - d.due_at, coalesce(d.sent_in, r.conversation_id),
        d.activity_id, s.retired_at IS NOT NULL, o.id, o.civil, d.possible_duplicate,
        EXISTS (SELECT 1 FROM recalled q WHERE q.delivery_id = d.id)
    FROM deliveries d
        CROSS JOIN occurrences o ON o.id = d.occurrence_id CROSS JOIN schedules s ON s.id = o.schedule_id
        CROSS JOIN recipients r ON r.id = d.recipient_id
    WHERE d.id = ?1 AND (d.state IN ({arrived}) OR d.state = 'sending' OR d.possible_duplicate = 1)",
);

fn subject(conn: &Connection, delivery: DeliveryId) -> Result<Option<Subject>, Fault> {
    let mut statement = conn.prepare_cached(SUBJECT.get())?;
    let mut rows = statement.query([delivery.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let recipient = Of { table: "recipients", id: row.get(0)? };
    let occurrence = Of { table: "occurrences", id: row.get(9)? };
    let topic: String = row.get(3)?;
    Ok(Some(Subject {
        recipient: recipient.id,
        kind: recipient.word(row, 1, "kind")?,
        schedule: row.get(2)?,
        event: row.get(4)?,
        late: row.get(5)?,
        stands_in: row.get(6)?,
        is_recalled: row.get(12)?,
        message: Message {
            occurrence: occurrence.civil(row, 10, "civil")?,
            topic: Topic::new(&topic),
            activity_id: row.get(7)?,
            possible_duplicate: row.get(11)?,
        },
        is_retired: row.get(8)?,
    }))
}

/// Takes a press in. What it came to is in `taking`, also when it is told again.
pub(super) fn take_in(conn: &Connection, pressed: &Pressed, taking: &mut Taking) -> Result<(), Fault> {
    let effect = match subject(conn, pressed.delivery)? {
        Some(subject) if pressed.is_of(&subject.message) && is_theirs(conn, &subject, pressed)? => {
            let outcome = press(conn, &subject, pressed, taking)?;
            show(conn, &subject, pressed, &outcome, taking)?;
            Effect::Took(outcome)
        }
        Some(_) | None => stop_there(conn, pressed, taking)?,
    };
    taking.taken.effect = Some(effect);
    Ok(())
}

/// The message is not known, or not any more. A stop counts all the same, as if it had been typed where the button
/// stands: what it is about it says itself, and whom it is for is no part of its data.
fn stop_there(conn: &Connection, pressed: &Pressed, taking: &mut Taking) -> Result<Effect, Fault> {
    let (Press::Stop, Some(topic)) = (pressed.press, &pressed.topic) else { return Ok(Effect::NotYours) };
    let Some(recipient) = news::find(conn, &pressed.here)? else { return Ok(Effect::NotYours) };
    let command = Command::Stop(Some(topic.clone()));
    let typed = Typed { who: pressed.here.clone(), command, at: pressed.at, whence: pressed.whence.clone() };
    consent::take_in(conn, &typed, Way::Button, taking)?;
    let is_stopped = consent::is_stopped(conn, recipient, Some(topic))?;
    Ok(if is_stopped { Effect::Stopped } else { Effect::NotYours })
}

/// A message in a person's chat is theirs alone; one in a group chat or a channel is of everybody there.
fn is_theirs(conn: &Connection, subject: &Subject, pressed: &Pressed) -> Result<bool, Fault> {
    match subject.kind {
        RecipientKind::Person => {
            for address in &pressed.by {
                if people::owner_of(conn, address)? == Some(subject.recipient) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        RecipientKind::GroupChat | RecipientKind::Channel => {
            Ok(news::find(conn, &pressed.here)? == Some(subject.recipient))
        }
    }
}

fn press(conn: &Connection, subject: &Subject, pressed: &Pressed, taking: &mut Taking) -> Result<Outcome, Fault> {
    match pressed.press {
        Press::Done => done(conn, pressed, taking),
        Press::Stop => stop(conn, subject, pressed),
        Press::Snooze(_) => snooze(conn, subject, pressed, taking),
    }
}

fn done(conn: &Connection, pressed: &Pressed, taking: &Taking) -> Result<Outcome, Fault> {
    if !was_pressed(conn, pressed, Verb::Done)? {
        keep(conn, pressed)?;
        for wave in open_snoozes(conn, pressed.delivery)? {
            realign::withdraw(conn, wave, Reason::Done, taking.now)?;
        }
    }
    Ok(Outcome::Done)
}

fn stop(conn: &Connection, subject: &Subject, pressed: &Pressed) -> Result<Outcome, Fault> {
    // Told again with a newer time it can't be told from somebody who changed their mind twice. It is believed: who once
    // too often says stop can say start.
    let (topic, at) = (subject.message.topic.clone(), pressed.at);
    consent::choose(conn, subject.recipient, &Choice { wish: Wish::Stop, topic, way: Way::Button, at })?;
    keep(conn, pressed)?;
    Ok(Outcome::Stopped)
}

fn snooze(conn: &Connection, subject: &Subject, pressed: &Pressed, taking: &mut Taking) -> Result<Outcome, Fault> {
    if was_pressed(conn, pressed, Verb::Done)? {
        return Ok(Outcome::Done);
    }
    let is_stopped = consent::is_stopped(conn, subject.recipient, None)?
        || consent::is_stopped(conn, subject.recipient, subject.message.topic.as_ref())?;
    if is_stopped {
        return Ok(Outcome::Stopped);
    }
    if let Some(until) = snoozed_until(conn, pressed.delivery)? {
        return Ok(Outcome::Snoozed { until });
    }
    if subject.is_retired {
        return Ok(Outcome::Over);
    }
    let until = pressed.until.unwrap_or(pressed.at);
    let (occurrence, _) = events::make_occurrence(
        conn,
        &NewOccurrence {
            schedule: subject.schedule,
            cause: Cause::Snooze,
            event: subject.event,
            at: pressed.at,
            due_at: until,
            expire_at: until + TimeDelta::microseconds(subject.late),
            jitter: std::time::Duration::ZERO,
            now: taking.now,
            invited: &[subject.recipient],
        },
    )?;
    let Some(first) = delivered(conn, pressed.delivery)? else { return Ok(Outcome::Snoozed { until }) };
    conn.prepare_cached(KEEP_SNOOZE)?.execute(named_params! {
        ":occurrence": occurrence, ":delivery": pressed.delivery.0, ":until": micros(until),
        ":civil": civil_text(first.occurrence), ":due": micros(first.due_at),
    })?;
    keep(conn, pressed)?;
    taking.taken.work = true;
    Ok(Outcome::Snoozed { until })
}

const KEEP_SNOOZE: &str = "
    INSERT INTO snoozes (occurrence_id, delivery_id, until, civil, due_at)
    VALUES (:occurrence, :delivery, :until, :civil, :due)";

const SNOOZED: &str = "SELECT occurrence_id, until FROM snoozes WHERE delivery_id = ?1 ORDER BY occurrence_id LIMIT 1";

fn snoozed_until(conn: &Connection, delivery: DeliveryId) -> Result<Option<DateTime<Utc>>, Fault> {
    let mut statement = conn.prepare_cached(SNOOZED)?;
    let mut rows = statement.query([delivery.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Of { table: "snoozes", id: row.get(0)? }.instant(row, 1, "until").map(Some)
}

/// The waves of snoozes, and of snoozes of those, of which something may still come.
const OPEN_SNOOZES: &str = "
    WITH RECURSIVE live (delivery_id, occurrence_id) AS (
        SELECT z.delivery_id, z.occurrence_id FROM snoozes z WHERE z.delivery_id = ?1
        UNION
        SELECT z.delivery_id, z.occurrence_id
        FROM live CROSS JOIN deliveries d ON d.occurrence_id = live.occurrence_id
            CROSS JOIN snoozes z ON z.delivery_id = d.id
    )
    SELECT w.id FROM live CROSS JOIN waves w ON w.occurrence_id = live.occurrence_id WHERE w.withdrawn_at IS NULL";

/// The waves of what was put off of a delivery, and of what was put off of that, as far as nobody withdrew them.
pub(super) fn open_snoozes(conn: &Connection, delivery: DeliveryId) -> Result<Vec<i64>, Fault> {
    let mut statement = conn.prepare_cached(OPEN_SNOOZES)?;
    Ok(statement.query_map([delivery.0], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

const KEEP: &str = "INSERT INTO presses (delivery_id, who, verb, at) VALUES (?1, ?2, ?3, ?4)";

fn keep(conn: &Connection, pressed: &Pressed) -> Result<(), Fault> {
    let verb = pressed.press.verb().as_str();
    conn.prepare_cached(KEEP)?.execute(params![pressed.delivery.0, by(pressed), verb, micros(pressed.at)])?;
    Ok(())
}

const PRESSED: &str = "SELECT 1 FROM presses WHERE delivery_id = ?1 AND verb = ?2";

fn was_pressed(conn: &Connection, pressed: &Pressed, verb: Verb) -> Result<bool, Fault> {
    Ok(conn.prepare_cached(PRESSED)?.exists(params![pressed.delivery.0, verb.as_str()])?)
}

fn by(pressed: &Pressed) -> &str {
    pressed.by.first().map_or("", |address| address.as_str())
}

/// Where the answer to the press does not show everybody the new state, the message is updated.
fn show(
    conn: &Connection,
    subject: &Subject,
    pressed: &Pressed,
    outcome: &Outcome,
    taking: &mut Taking,
) -> Result<(), Fault> {
    let is_shown = pressed.waits_for_answer && subject.kind == RecipientKind::Person;
    let about = format!("{} of {}", pressed.press, pressed.delivery);
    if is_shown
        || subject.is_recalled
        || subject.message.activity_id.is_none()
        || replies::was_just_answered(conn, subject.recipient, &about, taking.now)?
    {
        return Ok(());
    }
    let whence = Whence { conversation_id: subject.stands_in.clone(), language: None, ..pressed.whence.clone() };
    let reply = NewReply {
        recipient: subject.recipient,
        whence: &whence,
        about: &about,
        text: &outcome.to_string(),
        within: Some(pressed.delivery),
    };
    taking.taken.reply |= replies::ask(conn, &reply, taking.now)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn a_press_costs_one_delivery() {
        assert_scans_nothing(DELIVERED.get());
        assert_scans_nothing(SUBJECT.get());
        for sql in [KEEP_SNOOZE, SNOOZED, OPEN_SNOOZES, KEEP, PRESSED] {
            assert_scans_nothing(sql);
        }
    }
}
