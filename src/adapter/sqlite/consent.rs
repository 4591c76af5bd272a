//! Who stopped what: every change for ever, and what is in force.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::fault::Fault;
use super::news::{self, Taking};
use super::replies::{self, NewReply};
use super::rows::{Of, civil_text, micros};
use super::sql::Sql;
use super::words::Word;
use crate::domain::consent::{Answer, Choice, Command, Stopped, Topic, Typed, Way, Wish};
use crate::domain::nearest::near;
use crate::domain::news::Who;

/// What a choice came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    Changed,
    /// It was so already.
    Unchanged,
    /// Something later has been said about the same thing.
    Stale,
}

/// A start about everything is about each topic.
const LATEST: &str = "
    SELECT max(at) FROM consents
    WHERE recipient_id = :recipient AND (topic = :topic OR (topic = '' AND wish = 'start'))";

const STOP: &str = "
    INSERT INTO stops (recipient_id, topic, since) VALUES (:recipient, :topic, :at)
    ON CONFLICT (recipient_id, topic) DO NOTHING RETURNING topic";

/// What was stopped after this was said stays stopped.
const START: &str = "
    DELETE FROM stops
    WHERE recipient_id = :recipient AND (topic = :topic OR :topic = '') AND since <= :at RETURNING topic";

const KEEP: &str = "
    INSERT INTO consents (recipient_id, topic, wish, way, at) VALUES (:recipient, :topic, :wish, :way, :at)";

/// Takes a choice in. Taken in again it changes nothing.
pub(super) fn choose(conn: &Connection, recipient: i64, choice: &Choice) -> Result<Chosen, Fault> {
    let (topic, at) = (word(choice.topic.as_ref()), micros(choice.at));
    let latest: Option<i64> = conn
        .prepare_cached(LATEST)?
        .query_row(named_params! { ":recipient": recipient, ":topic": topic }, |row| row.get(0))?;
    if latest.is_some_and(|latest| at < latest) {
        return Ok(Chosen::Stale);
    }
    let mut change = conn.prepare_cached(match choice.wish {
        Wish::Stop => STOP,
        Wish::Start => START,
    })?;
    let named = named_params! { ":recipient": recipient, ":topic": topic, ":at": at };
    let changed: Vec<String> = change.query_map(named, |row| row.get(0))?.collect::<Result<_, _>>()?;
    // What changed nothing is kept as well: something older that is told later must not undo it.
    let is_news = latest.is_none_or(|latest| latest < at) && !changed.iter().any(|changed| changed == topic);
    for topic in changed.iter().map(String::as_str).chain(is_news.then_some(topic)) {
        conn.prepare_cached(KEEP)?.execute(named_params! {
            ":recipient": recipient, ":topic": topic, ":wish": choice.wish.word(), ":way": choice.way.word(),
            ":at": at,
        })?;
    }
    Ok(if changed.is_empty() { Chosen::Unchanged } else { Chosen::Changed })
}

/// A choice of the operator for somebody. Returns whether that is a change; `None` when nobody is known so.
pub(super) fn choose_for(conn: &Connection, who: &Who, choice: &Choice) -> Result<Option<bool>, Fault> {
    let Some(recipient) = news::find(conn, who)? else { return Ok(None) };
    Ok(Some(choose(conn, recipient, choice)? == Chosen::Changed))
}

const STOPS: &str = "SELECT topic, since FROM stops WHERE recipient_id = ?1 ORDER BY topic";

/// What is stopped.
pub(super) fn stops(conn: &Connection, recipient: i64) -> Result<Vec<Stopped>, Fault> {
    let of = Of { table: "stops", id: recipient };
    let mut statement = conn.prepare_cached(STOPS)?;
    let mut rows = statement.query([recipient])?;
    let mut stops = Vec::new();
    while let Some(row) = rows.next()? {
        stops.push(stopped(of, row)?);
    }
    Ok(stops)
}

/// What everybody has stopped, by recipient.
pub(super) fn all_stops(conn: &Connection) -> Result<HashMap<i64, Vec<Stopped>>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT topic, since, recipient_id FROM stops ORDER BY recipient_id, topic")?;
    let mut rows = statement.query([])?;
    let mut stops: HashMap<i64, Vec<Stopped>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let recipient = row.get(2)?;
        stops.entry(recipient).or_default().push(stopped(Of { table: "stops", id: recipient }, row)?);
    }
    Ok(stops)
}

fn stopped(of: Of, row: &Row<'_>) -> Result<Stopped, Fault> {
    Ok(Stopped { topic: topic(of, &row.get::<_, String>(0)?)?, since: of.instant(row, 1, "since")? })
}

const CHOICES: &str = "SELECT topic, wish, way, at FROM consents WHERE recipient_id = ?1 ORDER BY at, id";

/// Every choice that was made, in its order.
pub(super) fn choices(conn: &Connection, recipient: i64) -> Result<Vec<Choice>, Fault> {
    let of = Of { table: "consents", id: recipient };
    let mut statement = conn.prepare_cached(CHOICES)?;
    let mut rows = statement.query([recipient])?;
    let mut choices = Vec::new();
    while let Some(row) = rows.next()? {
        choices.push(Choice {
            wish: of.word(row, 1, "wish")?,
            topic: topic(of, &row.get::<_, String>(0)?)?,
            way: of.word(row, 2, "way")?,
            at: of.instant(row, 3, "at")?,
        });
    }
    Ok(choices)
}

fn topic(of: Of, text: &str) -> Result<Option<Topic>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    Topic::new(text).map(Some).ok_or_else(|| of.corrupt("topic", text))
}

/// What another ledger knew of somebody who is new to this one.
pub(super) fn restore(conn: &Connection, recipient: i64, stops: &[Stopped], choices: &[Choice]) -> Result<(), Fault> {
    for stop in stops {
        let named = named_params! {
            ":recipient": recipient, ":topic": word(stop.topic.as_ref()), ":at": micros(stop.since),
        };
        let mut statement = conn.prepare_cached(STOP)?;
        statement.query(named)?.next()?;
    }
    for choice in choices {
        conn.prepare_cached(KEEP)?.execute(named_params! {
            ":recipient": recipient, ":topic": word(choice.topic.as_ref()), ":wish": choice.wish.word(),
            ":way": choice.way.word(), ":at": micros(choice.at),
        })?;
    }
    Ok(())
}

/// Does what somebody typed, or says by a button, and writes the reply to it: one, however often it is told.
pub(super) fn take_in(conn: &Connection, typed: &Typed, way: Way, taking: &mut Taking) -> Result<(), Fault> {
    let now = taking.now;
    let Some(recipient) = news::find(conn, &typed.who)? else { return Ok(()) };
    let Some((answer, is_change)) = obey(conn, recipient, typed, way, now)? else { return Ok(()) };
    let about = typed.command.about();
    if !is_change && replies::was_just_answered(conn, recipient, &about, now)? {
        return Ok(());
    }
    let language = match &typed.whence.language {
        Some(language) => Some(language.clone()),
        None => language_of(conn, recipient)?,
    };
    let text = answer.in_language(language.as_deref());
    let reply = NewReply { recipient, whence: &typed.whence, about: &about, text: &text, within: None };
    taking.taken.reply |= replies::ask(conn, &reply, now)?;
    Ok(())
}

/// What a command comes to, and whether that is a change; `None` when it is out of date.
fn obey(
    conn: &Connection,
    recipient: i64,
    typed: &Typed,
    way: Way,
    now: DateTime<Utc>,
) -> Result<Option<(Answer, bool)>, Fault> {
    let (wish, topic) = match &typed.command {
        Command::Help => return Ok(Some((Answer::Help, false))),
        Command::Stop(topic) => (Wish::Stop, topic.clone()),
        Command::Start(topic) => (Wish::Start, topic.clone()),
    };
    if let Some(topic) = &topic
        && !is_known(conn, recipient, topic, way, now)?
    {
        return Ok(Some((Answer::NoSuchTopic { near: nearest(conn, recipient, topic, now)? }, false)));
    }
    let chosen = choose(conn, recipient, &Choice { wish, topic: topic.clone(), way, at: typed.at })?;
    let is_change = match chosen {
        Chosen::Changed => true,
        Chosen::Unchanged => false,
        Chosen::Stale => return Ok(None),
    };
    let answer = match (wish, is_change) {
        (Wish::Start, _) if topic.is_some() && is_stopped(conn, recipient, None)? => Answer::AllIsStopped,
        (Wish::Stop, true) => Answer::Stopped(topic),
        (Wish::Stop, false) => Answer::WasStopped(topic),
        (Wish::Start, true) => Answer::Started(topic),
        (Wish::Start, false) => Answer::WasStarted(topic),
    };
    Ok(Some((answer, is_change)))
}

const OF_SCHEDULE: &str = "SELECT 1 FROM schedules WHERE topic = ?1 AND retired_at IS NULL";

/// Whether the recipient may know of this topic: they have it on a card, something is sent to them about it, or they stopped
/// it. By anything else a guess would find out what others get.
fn is_known(conn: &Connection, recipient: i64, topic: &Topic, way: Way, now: DateTime<Utc>) -> Result<bool, Fault> {
    let is_known = match way {
        Way::Typed => is_theirs(conn, recipient, topic.as_str(), now)?,
        Way::Button | Way::Operator => conn.prepare_cached(OF_SCHEDULE)?.exists([topic.as_str()])?,
    };
    Ok(is_known || is_stopped(conn, recipient, Some(topic))?)
}

/// For how long after its occurrence a message shows its recipient what it is about, when nothing more comes.
const SHOWN: TimeDelta = TimeDelta::days(90);

static THEIRS: Sql = Sql::new(
    "
    SELECT 1 FROM schedules s CROSS JOIN recipients r
    WHERE s.topic = :topic AND s.retired_at IS NULL AND r.id = :recipient AND ({is member of s} OR EXISTS (
        SELECT 1 FROM occurrences o CROSS JOIN deliveries d ON d.occurrence_id = o.id AND d.recipient_id = r.id
        WHERE o.schedule_id = s.id AND o.civil >= :since
    ))",
);

/// Whether a schedule of this topic is for the recipient, or was a while ago.
fn is_theirs(conn: &Connection, recipient: i64, topic: &str, now: DateTime<Utc>) -> Result<bool, Fault> {
    let since = civil_text((now - SHOWN).naive_utc());
    let named = named_params! { ":recipient": recipient, ":topic": topic, ":since": since };
    Ok(conn.prepare_cached(THEIRS.get())?.exists(named)?)
}

const IN_FORCE: &str = "SELECT 1 FROM stops WHERE recipient_id = ?1 AND topic = ?2";

pub(super) fn is_stopped(conn: &Connection, recipient: i64, topic: Option<&Topic>) -> Result<bool, Fault> {
    Ok(conn.prepare_cached(IN_FORCE)?.exists(params![recipient, word(topic)])?)
}

/// Two recipients turn out to be one: what either stopped is stopped.
pub(super) fn carry_over(conn: &Connection, from: i64, to: i64) -> Result<(), Fault> {
    for sql in [CARRY_STOPS, FORGET_STOPS, CARRY_CONSENTS] {
        conn.prepare_cached(sql)?.execute(named_params! { ":from": from, ":to": to })?;
    }
    Ok(())
}

const CARRY_STOPS: &str = "
    INSERT INTO stops (recipient_id, topic, since) SELECT :to, topic, since FROM stops WHERE recipient_id = :from
    ON CONFLICT DO NOTHING";

const FORGET_STOPS: &str = "DELETE FROM stops WHERE recipient_id = :from AND recipient_id <> :to";

const CARRY_CONSENTS: &str = "UPDATE consents SET recipient_id = :to WHERE recipient_id = :from";

/// The topic that was most probably meant, of those that are the recipient's.
fn nearest(conn: &Connection, recipient: i64, topic: &Topic, now: DateTime<Utc>) -> Result<Option<Topic>, Fault> {
    let mut statement =
        conn.prepare_cached("SELECT DISTINCT topic FROM schedules WHERE retired_at IS NULL ORDER BY topic")?;
    let topics: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for near in near(topic.as_str(), topics.iter().map(String::as_str)) {
        if is_theirs(conn, recipient, near, now)? {
            return Ok(Topic::new(near));
        }
    }
    Ok(None)
}

pub(super) fn language_of(conn: &Connection, recipient: i64) -> Result<Option<String>, Fault> {
    let mut statement = conn.prepare_cached("SELECT language FROM recipients WHERE id = ?1")?;
    Ok(statement.query_row([recipient], |row| row.get(0)).optional()?.flatten())
}

/// A topic as it stands in a column.
fn word(topic: Option<&Topic>) -> &str {
    topic.map_or("", Topic::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn consent_costs_what_one_person_said() {
        [LATEST, STOP, START, KEEP, OF_SCHEDULE, IN_FORCE].into_iter().for_each(assert_scans_nothing);
        [STOPS, CHOICES].into_iter().for_each(assert_scans_nothing);
        [CARRY_STOPS, FORGET_STOPS, CARRY_CONSENTS].into_iter().for_each(assert_scans_nothing);
        assert_scans_nothing(THEIRS.get());
    }
}
