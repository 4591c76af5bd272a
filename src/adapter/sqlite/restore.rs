//! A ledger is restored from a backup.
//!
//! The trap is what was sent since the backup was made: the backup has it still to be sent. Nobody knows which of it left,
//! so none of it is sent by itself: every delivery that may have been tried until the moment of the restore ends as
//! `unknown: restored`, and whatever was due until then is expanded at once and ends so too ([`Reason::Restored`]); of what
//! the backup had not planned yet, the expansion sees to that when it is. What is due later goes on. Replies that wait are
//! dropped for the same reason.
//!
//! What people said is kept for ever, so whatever of it can still be read in the old ledger is taken over: who is known,
//! and every stop and start.
//!
//! Nothing is deleted: what stood in the ledger's place is moved aside. The ledger goes first and its log after it, so that
//! no ledger is ever opened without its log or with that of another one, whenever this is interrupted: what stands there in
//! between is refused.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, named_params};
use serde::Serialize;

use super::copy::{self, CopyError, failed};
use super::fault::Fault;
use super::rows::{Of, micros};
use super::sql::Sql;
use super::words::Word;
use super::{consent, expand, migrations, open, people, person_file, refusal, rescue};
use crate::domain::delivery::{Reason, Settlement, State};
use crate::domain::news::Who;
use crate::port::store::StoreError;

/// What came of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// When the backup was made; when its daemon was last seen, where it is a ledger that was copied by other means.
    pub made_at: Option<DateTime<Utc>>,
    /// Deliveries that became `unknown: restored`.
    pub in_doubt: u64,
    /// What stood in its place, where it is now. Empty where nothing did.
    pub set_aside: Vec<PathBuf>,
    /// `None` where there was no old ledger.
    pub old_ledger: Option<OldLedger>,
}

/// What the old ledger told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OldLedger {
    Read(TakenOver),
    /// In words. What people said since the backup is not known.
    Unreadable(String),
}

/// What was taken over from the old ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    /// Recipients whom the backup did not know.
    pub people: u64,
    /// Stops and starts that the backup did not know, of those whom it did.
    pub choices: u64,
    /// Recipients who could not be taken over, with the reason in words.
    pub refused: Vec<String>,
}

/// What a ledger is called while it is being made.
const BEING_MADE: &str = "restoring";
/// The copy of the old ledger, of which is read what people said.
const OLD: &str = "old";

/// Puts the backup `from` in the place of `ledger`. The caller makes sure that nobody works on the ledger.
pub fn restore(ledger: &Path, from: &Path, fallback_zone: Tz, now: DateTime<Utc>) -> Result<Restored, CopyError> {
    let (made, old) = (being_made(ledger), beside(ledger, OLD));
    let was_interrupted = !ledger.exists() && (made.exists() || refusal::log(ledger).exists());
    let mut is_moving = false;
    let restored = (|| {
        let mut conn = copy::copy(from, &made)?;
        copy::check(&conn, from)?;
        migrations::migrate(&mut conn).map_err(failed("migrating", &made))?;
        let old_ledger = ledger.exists().then(|| read_old(ledger, &old));
        let doing = "bringing up to date";
        let transaction = conn.transaction().map_err(failed(doing, &made))?;
        let in_act = |fault: Fault| failed(doing, &made)(Box::new(fault.while_doing("restoring")));
        let made_at = made_at(&transaction).map_err(in_act)?;
        let before = restored(&transaction).map_err(in_act)?;
        doubt(&transaction, now).map_err(in_act)?;
        // In the zones of the backup and for its hours: who moves, or is meant at another hour of that day by an edit of
        // today, has a row of it already. Nothing else would keep them from being served there once more.
        expand::expand_due(&transaction, now, now, u32::MAX).map_err(in_act)?;
        let old_ledger = match old_ledger {
            None if was_interrupted => {
                let words = "a restore before this one was interrupted; it is the newest of those set aside beside it";
                Some(OldLedger::Unreadable(words.to_owned()))
            }
            None => None,
            Some(Err(why)) => Some(OldLedger::Unreadable(why)),
            Some(Ok(old)) => Some(match take_over(&transaction, &old, fallback_zone, now) {
                Ok(taken) => OldLedger::Read(taken),
                Err(TakingFailed::Old(error)) => OldLedger::Unreadable(error.to_string()),
                Err(TakingFailed::New(fault)) => return Err(in_act(fault)),
            }),
        };
        // Whom the old ledger knows elsewhere has moved, perhaps to an hour before this one.
        doubt(&transaction, now).map_err(in_act)?;
        let in_doubt = restored(&transaction).map_err(in_act)? - before;
        transaction.commit().map_err(failed(doing, &made))?;
        copy::check(&conn, &made)?;
        conn.close().map_err(|(_, error)| failed("closing", &made)(error))?;
        open::give_to_its_owner(&made).map_err(failed("giving its owner", &made))?;
        copy::make_durable(&made)?;
        let aside = room_aside(ledger, now);
        is_moving = true;
        let set_aside = set_aside(ledger, &aside)?;
        fs::rename(&made, ledger).map_err(failed("naming", ledger))?;
        copy::sync_names(ledger)?;
        Ok(Restored { made_at, in_doubt, set_aside, old_ledger })
    })();
    // Where all went well there is none; else it is of no use to anybody, and the error says what is wrong. Except that
    // nobody begins an empty ledger while the new one is there and the old one may have been moved.
    let _ = fs::remove_file(&old);
    if !is_moving {
        let _ = fs::remove_file(&made);
    }
    restored
}

/// Where a restore makes the new ledger. It is there without the old one when a restore was interrupted.
pub(super) fn being_made(ledger: &Path) -> PathBuf {
    beside(ledger, BEING_MADE)
}

/// `nudged.db.WORD`.
fn beside(ledger: &Path, word: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(format!(".{word}"));
    name.into()
}

/// A copy of the old ledger that can be read, or in words why there is none.
fn read_old(ledger: &Path, copy_at: &Path) -> Result<Connection, String> {
    let mut copy = copy::copy(ledger, copy_at).map_err(|error| error.to_string())?;
    migrations::migrate(&mut copy).map_err(|error| error.to_string())?;
    Ok(copy)
}

fn made_at(conn: &Connection) -> Result<Option<DateTime<Utc>>, Fault> {
    conn.query_row("SELECT coalesce(backed_up_at, went_round_at) FROM daemon WHERE id = 1", [], |row| {
        Ok(Of { table: "daemon", id: 1 }.instant_if_any(row, 0, "backed_up_at"))
    })?
}

/// What was to wait until after the restore was certainly not tried before it.
static DOUBT: Sql = Sql::new(
    "
    UPDATE deliveries INDEXED BY deliveries_unfinished
    SET state = :unknown, reason = :restored, detail = NULL, ended_at = :now
    WHERE {unfinished} AND state IN ({open}) AND state IN ({before unknown}) AND not_before <= :now",
);

const DROP_REPLIES: &str = "
    UPDATE replies SET state = 'dropped', ended_at = ?1 WHERE state IN ('waiting', 'sending')";

/// From `now` on nobody missed anything: what was due until then is in doubt.
const REMEMBER: &str = "
    UPDATE daemon SET restored_at = ?1, went_round_at = max(coalesce(went_round_at, ?1), ?1) WHERE id = 1";

/// Ends everything that may have been tried since the backup was made.
fn doubt(conn: &Connection, now: DateTime<Utc>) -> Result<(), Fault> {
    rescue::end_all(conn, now, &Settlement::Unknown(Reason::Restored))?;
    conn.execute(
        DOUBT.get(),
        named_params! {
            ":unknown": State::Unknown.word(), ":restored": Reason::Restored.word(), ":now": micros(now),
        },
    )?;
    conn.execute(DROP_REPLIES, [micros(now)])?;
    conn.execute(REMEMBER, [micros(now)])?;
    Ok(())
}

/// How many deliveries are in doubt because of a restore, this one or an earlier one.
fn restored(conn: &Connection) -> Result<u64, Fault> {
    let count: i64 = conn.query_row(
        "SELECT count(*) FROM deliveries WHERE state = ?1 AND reason = ?2",
        [State::Unknown.word(), Reason::Restored.word()],
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}

/// On which side taking over failed.
enum TakingFailed {
    Old(StoreError),
    New(Fault),
}

/// So many recipients are read at a time.
const AT_ONCE: usize = 5_000;

/// Takes over whom the old ledger knows and what they said. Everything is read before anything is written.
fn take_over(
    conn: &Connection,
    old: &Connection,
    fallback_zone: Tz,
    now: DateTime<Utc>,
) -> Result<TakenOver, TakingFailed> {
    let mut records = Vec::new();
    let mut after = 0;
    loop {
        let page = person_file::export(old, after, AT_ONCE)
            .map_err(|fault| TakingFailed::Old(fault.while_doing("reading the old ledger")))?;
        records.extend(page.records);
        let Some(next) = page.next else { break };
        after = next;
    }
    let mut taken = TakenOver::default();
    // First whom the backup knows: an import leaves what they said as it is.
    for record in &records {
        let who =
            Who { conversation_id: record.reference.conversation_id.clone(), addresses: record.addresses.clone() };
        for choice in record.kept.iter().flat_map(|kept| &kept.choices) {
            let changed = consent::choose_for(conn, &who, choice).map_err(TakingFailed::New)?;
            taken.choices += u64::from(changed == Some(true));
        }
    }
    let report = people::import_people(conn, &records, fallback_zone, now).map_err(TakingFailed::New)?;
    (taken.people, taken.refused) = (report.added, report.refused);
    Ok(taken)
}

/// A name of which nothing is there yet: of two restores within a second, the second gets a number.
fn room_aside(ledger: &Path, now: DateTime<Utc>) -> PathBuf {
    let first = format!("before-restore-{}", now.format("%Y%m%dT%H%M%SZ"));
    let mut aside = beside(ledger, &first);
    let mut number = 1;
    while aside.exists() || refusal::log(&aside).exists() {
        number += 1;
        aside = beside(ledger, &format!("{first}-{number}"));
    }
    aside
}

/// Moves what stands in the ledger's place aside, the ledger first: one without its log would be an older one, and a log
/// without its ledger is refused. Returns where it is now.
fn set_aside(ledger: &Path, aside: &Path) -> Result<Vec<PathBuf>, CopyError> {
    let mut moved = Vec::new();
    // What is shared about a log belongs to processes that live; SQLite makes it anew.
    match fs::remove_file(refusal::shared(ledger)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed("removing", ledger)(error)),
        Ok(()) | Err(_) => {}
    }
    for (from, to) in [(ledger.to_owned(), aside.to_owned()), (refusal::log(ledger), refusal::log(aside))] {
        let Ok(about) = fs::metadata(&from) else { continue };
        if about.len() == 0 {
            // A log without anything in it is made by whoever looks into a ledger.
            fs::remove_file(&from).map_err(failed("removing", &from))?;
        } else {
            fs::rename(&from, &to).map_err(failed("moving aside", &from))?;
            copy::sync_names(&to)?;
            moved.push(to);
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::super::sql::steps;
    use super::*;

    #[test]
    fn doubting_costs_what_is_open() {
        assert_eq!(steps(DOUBT.get()), ["SCAN deliveries USING INDEX deliveries_unfinished"]);
    }
}
