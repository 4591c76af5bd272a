//! Attempts: one is durable before its request leaves, and its end with what became of the delivery.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params, params};

use super::cancel;
use super::fault::Fault;
use super::places;
use super::realign;
use super::recalled;
use super::rows::{micros, span};
use super::sql::{Sql, fill};
use super::threads;
use super::words::Word;
use crate::domain::delivery::{LOST_APART, LOST_IN_A_ROW, Reason, Settlement, State};
use crate::domain::id::{AttemptId, DeliveryId, Term};
use crate::domain::recipient::Unreachable;
use crate::port::store::{AttemptEnd, Outcome, StoreError};

/// A lease that ran out is lost, also when nobody has noticed yet. And nothing leaves of a schedule that was paused, or went
/// away, while it was in hand; nor to somebody who said stop meanwhile: the claim goes back, and the next one says so. Hardly anybody ever said stop, so that
/// is looked at first.
static SENDING: Sql = Sql::new(
    "
    UPDATE deliveries SET state = :sending, lease_until = :lease_until
    WHERE id = :id AND term = :term AND lease_until >= :now AND queue <> 'held' AND state IN ({before sending})
        AND NOT EXISTS (
            SELECT 1 FROM stops x
                CROSS JOIN waves w ON w.id = deliveries.wave_id CROSS JOIN schedules s ON s.id = w.schedule_id
            WHERE x.recipient_id = deliveries.recipient_id AND x.topic IN ('', s.topic)
        )",
);

pub(super) fn mark_sending(
    conn: &Connection,
    delivery: DeliveryId,
    term: Term,
    now: DateTime<Utc>,
    lease: Duration,
) -> Result<AttemptId, Fault> {
    let marked = conn.prepare_cached(SENDING.get())?.execute(named_params! {
        ":id": delivery.0, ":term": term.0, ":now": micros(now), ":sending": State::Sending.word(),
        ":lease_until": micros(now).saturating_add(span(lease)),
    })?;
    if marked == 0 {
        return Err(StoreError::LostClaim(delivery).into());
    }
    let attempt = conn
        .prepare_cached("INSERT INTO attempts (delivery_id, term, started_at) VALUES (?1, ?2, ?3)")?
        .insert(params![delivery.0, term.0, micros(now)])?;
    Ok(AttemptId(attempt))
}

/// The statement that brings a delivery into each state. They differ in the states that it may come from.
static LEAVE: LazyLock<BTreeMap<State, String>> = LazyLock::new(|| {
    let text = |state: State| {
        let text = "
            UPDATE deliveries SET
                state = :state, reason = :reason, detail = :detail,
                not_before = coalesce(:not_before, not_before),
                possible_duplicate = max(possible_duplicate, :possible_duplicate),
                activity_id = :activity_id, sent_in = :sent_in, sent_at = :sent_at, ended_at = :ended_at,
                attempts = attempts + :attempts,
                doubts = doubts + :doubts,
                term = NULL, lease_until = NULL
            WHERE id = :id AND term = :term AND state = :from AND state IN ({before STATE})";
        fill(&text.replace("STATE", state.as_str()))
    };
    State::ALL.into_iter().map(|state| (state, text(state))).collect()
});

/// An outcome with an attempt ends a sending, and only while that very attempt is under way; one without is a
/// decision about a claim of which nothing has left. So a sender that lost its lease cannot speak for the one who
/// holds the delivery now, even if both belong to the same daemon.
///
/// A lease that ran out does not matter here as long as nobody took the claim: what happened is known, and the truth
/// is better than a rescue.
pub(super) fn settle(conn: &Connection, outcome: &Outcome) -> Result<(), Fault> {
    match &outcome.attempt {
        Some(attempt) => {
            leave(conn, outcome, State::Sending)?;
            if let Some(begun) = &outcome.thread {
                threads::begin(conn, outcome.delivery, begun)?;
            }
            end_attempt(conn, outcome, attempt)?;
            recalled::after_attempt(conn, outcome.delivery, outcome.at)
        }
        None => leave(conn, outcome, State::Claimed),
    }
}

/// Nobody knows what became of a sending. Its attempt ends and counts, so that a delivery that ends the daemon each
/// time is not tried for ever.
pub(super) fn interrupt(
    conn: &Connection,
    delivery: DeliveryId,
    term: Term,
    at: DateTime<Utc>,
    settlement: Settlement,
) -> Result<(), Fault> {
    let outcome = Outcome { delivery, term, at, settlement, attempt: None, detail: None, thread: None, sent_in: None };
    leave(conn, &outcome, State::Sending)?;
    conn.prepare_cached(
        "UPDATE attempts INDEXED BY attempts_of_delivery SET ended_at = ?2, state = ?3, reason = ?4
         WHERE delivery_id = ?1 AND ended_at IS NULL",
    )?
    .execute(params![
        delivery.0,
        micros(at),
        outcome.settlement.state().word(),
        outcome.settlement.reason().map(Word::word)
    ])?;
    recalled::after_attempt(conn, delivery, at)
}

/// Takes a delivery out of the hands of its holder, from the state `from`.
fn leave(conn: &Connection, outcome: &Outcome, from: State) -> Result<(), Fault> {
    let (delivery, settlement) = (outcome.delivery, &outcome.settlement);
    let (not_before, possible_duplicate) = match settlement {
        Settlement::Waiting { not_before, possible_duplicate, .. } => (Some(micros(*not_before)), *possible_duplicate),
        _ => (None, false),
    };
    let (activity_id, sent_at) = match settlement {
        Settlement::Sent { activity_id } => (activity_id.as_deref(), Some(micros(outcome.at))),
        _ => (None, None),
    };
    let seen = outcome.attempt.as_ref().and_then(|attempt| attempt.evidence.detail.as_deref());
    // Every state has its statement.
    let left = conn.prepare_cached(&LEAVE[&settlement.state()])?.execute(named_params! {
        ":id": delivery.0,
        ":term": outcome.term.0,
        ":from": from.word(),
        ":state": settlement.state().word(),
        ":reason": settlement.reason().map(Word::word),
        ":detail": seen.or(outcome.detail.as_deref()),
        ":not_before": not_before,
        ":possible_duplicate": possible_duplicate,
        ":activity_id": activity_id,
        ":sent_in": outcome.sent_in,
        ":sent_at": sent_at,
        ":ended_at": settlement.state().is_final().then(|| micros(outcome.at)),
        ":attempts": from == State::Sending,
        ":doubts": from == State::Sending && settlement.reason().is_some_and(Reason::is_doubt),
    })?;
    if left == 0 {
        return Err(StoreError::LostClaim(delivery).into());
    }
    judge(conn, outcome)?;
    if settlement.is_over_for_sure() {
        places::give_back(conn, delivery)?;
    }
    if let (Settlement::Waiting { not_before, reason, .. }, State::Claimed) = (settlement, from) {
        conn.prepare_cached(HOLD)?.execute(params![
            delivery.0,
            reason.word(),
            micros(outcome.at),
            micros(*not_before)
        ])?;
    }
    if settlement.state() == State::Waiting {
        realign::after_return(conn, delivery)?;
        cancel::after_return(conn, delivery, outcome.at)?;
    }
    Ok(())
}

/// That it was decided to wait, for whoever asks why.
const HOLD: &str = "
    INSERT INTO holds (delivery_id, reason, held_at, held_until) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (delivery_id, reason) DO UPDATE SET held_until = excluded.held_until";

const MARK: &str = "
    UPDATE recipients SET unreachable = ?2
    WHERE id = (SELECT recipient_id FROM deliveries WHERE id = ?1 AND queue <> 'held') AND unreachable IS NOT ?2";

const COUNT_LOST: &str = "
    UPDATE recipients SET lost = lost + 1, lost_at = ?4, unreachable = iif(lost + 1 >= ?2, ?3, unreachable)
    WHERE id = (SELECT recipient_id FROM deliveries WHERE id = ?1) AND (lost = 0 OR lost_at <= ?5)";

const FOUND: &str = "
    UPDATE recipients SET lost = 0
    WHERE id = (SELECT recipient_id FROM deliveries WHERE id = ?1) AND lost > 0";

/// What the end of a delivery says about its recipient.
fn judge(conn: &Connection, outcome: &Outcome) -> Result<(), Fault> {
    let delivery = outcome.delivery;
    match &outcome.settlement {
        Settlement::Sent { .. } => {
            conn.prepare_cached(FOUND)?.execute([delivery.0])?;
        }
        Settlement::Failed(Reason::ConversationNotFound) => {
            let (at, before) = (micros(outcome.at), micros(outcome.at - LOST_APART));
            let gone = Unreachable::Gone.word();
            conn.prepare_cached(COUNT_LOST)?.execute(params![delivery.0, LOST_IN_A_ROW, gone, at, before])?;
        }
        Settlement::Skipped(reason)
        | Settlement::Failed(reason)
        | Settlement::Unknown(reason)
        | Settlement::Expired(reason) => {
            if let Some(why) = reason.unreachable() {
                conn.prepare_cached(MARK)?.execute(params![delivery.0, why.word()])?;
            }
        }
        // It is not over.
        Settlement::Waiting { .. } => {}
    }
    Ok(())
}

const END_ATTEMPT: &str = "
    UPDATE attempts SET
        ended_at = :at, state = :state, reason = :reason, status = :status, error_code = :error_code,
        correlation_id = :correlation_id, detail = :detail, latency_us = :latency
    WHERE id = :id AND delivery_id = :delivery AND ended_at IS NULL";

fn end_attempt(conn: &Connection, outcome: &Outcome, attempt: &AttemptEnd) -> Result<(), Fault> {
    let ended = conn.prepare_cached(END_ATTEMPT)?.execute(named_params! {
        ":id": attempt.attempt.0,
        ":delivery": outcome.delivery.0,
        ":at": micros(outcome.at),
        ":state": outcome.settlement.state().word(),
        ":reason": outcome.settlement.reason().map(Word::word),
        ":status": attempt.evidence.status,
        ":error_code": attempt.evidence.error_code,
        ":correlation_id": attempt.evidence.correlation_id,
        ":detail": attempt.evidence.detail,
        ":latency": span(attempt.latency),
    })?;
    if ended == 0 { Err(StoreError::LostClaim(outcome.delivery).into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::sql::{assert_fills_no_table, assert_scans_nothing};
    use super::*;

    #[test]
    fn what_a_message_costs_is_no_table_of_its_own() {
        assert_fills_no_table(SENDING.get());
        assert_fills_no_table(&LEAVE[&State::Sent]);
        [END_ATTEMPT, FOUND].into_iter().for_each(assert_fills_no_table);
    }

    #[test]
    fn settling_costs_the_same_however_many_there_are() {
        assert_scans_nothing(SENDING.get());
        assert_scans_nothing(END_ATTEMPT);
        [HOLD, MARK, COUNT_LOST, FOUND].into_iter().for_each(assert_scans_nothing);
        LEAVE.values().for_each(|sql| assert_scans_nothing(sql));
    }
}
