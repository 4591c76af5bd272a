//! Whom an event makes a schedule speak to.
//!
//! Data that came from outside names addresses, and an address is no permission: whom the schedule does not allow, or
//! nobody knows, is told to whoever sent the data. They are given no row: a row needs a recipient, and what somebody
//! writes into an event must not make any.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, ToSql, named_params};

use super::super::fault::Fault;
use super::super::news;
use super::super::people;
use super::super::sql::Sql;
use super::listeners::Listener;
use crate::domain::event::{DataPath, Event, EventTarget, MOST_NAMED, Named};
use crate::domain::schedule::when::OncePer;
use crate::port::event::{Refusal, RefusedPerson};

/// Who in the end is spoken to, and who was named and is not.
#[derive(Default)]
pub(super) struct Guests {
    pub invited: BTreeSet<i64>,
    pub refused: Vec<RefusedPerson>,
    /// The same refusals, each of which is told once.
    told: HashSet<(String, Refusal)>,
}

/// Everybody to whom `to` speaks without the event. Who leaves or joins later makes no difference: it is about those who
/// were there when it happened.
static MEMBERS: Sql = Sql::new("SELECT DISTINCT member.id FROM ({members}) AS member");

static IS_EXCEPTED: Sql = Sql::new("SELECT 1 WHERE :id IN ({excepted})");

static IS_ALLOWED: Sql = Sql::new("SELECT 1 FROM recipients r WHERE r.id = :id AND {is among}");

/// Finds out whom `event` makes the schedule of `listener` speak to. Whom it says something once, it says it once.
pub(super) fn guests(conn: &Connection, listener: &Listener, event: &Event) -> Result<Guests, Fault> {
    let mut guests = Guests::default();
    let schedule = named_params! { ":schedule": listener.schedule };
    let mut members = conn.prepare_cached(MEMBERS.get())?;
    for member in members.query_map(schedule, |row| row.get(0))? {
        guests.invited.insert(member?);
    }
    for brought in &listener.brings {
        match brought {
            EventTarget::Person => {
                for who in &event.people {
                    guests.add(conn, listener, news::find(conn, who)?)?;
                }
            }
            EventTarget::Conversation => {
                let place = event.conversation.as_ref().map(|who| news::find(conn, who)).transpose()?;
                guests.add(conn, listener, place.flatten())?;
            }
            EventTarget::Data(path) => guests.add_named(conn, listener, path, event)?,
        }
    }
    match listener.once_per {
        OncePer::Event => {}
        OncePer::Person => guests.once(conn, listener)?,
    }
    Ok(guests)
}

impl Guests {
    /// Somebody of whom Teams told. Whom the ledger could not take in is not there, and that has been said.
    fn add(&mut self, conn: &Connection, listener: &Listener, id: Option<i64>) -> Result<(), Fault> {
        let Some(id) = id else { return Ok(()) };
        if !is(conn, &IS_EXCEPTED, listener, id)? {
            self.invited.insert(id);
        }
        Ok(())
    }

    fn add_named(
        &mut self,
        conn: &Connection,
        listener: &Listener,
        path: &DataPath,
        event: &Event,
    ) -> Result<(), Fault> {
        let found = path.follow(&event.data);
        if found.is_empty() {
            self.refuse(listener, path.to_string(), Refusal::NobodyNamed);
        }
        if found.len() > MOST_NAMED {
            self.refuse(listener, path.to_string(), Refusal::TooManyNamed);
            return Ok(());
        }
        for Named { text, address } in found.into_iter().map(Named::read) {
            let id = match &address {
                Some(address) => people::owner_of(conn, address)?,
                None => None,
            };
            let why = match (address, id) {
                (None, _) => Refusal::NotAnAddress,
                (Some(_), None) => Refusal::UnknownRecipient,
                (Some(_), Some(id)) if is(conn, &IS_EXCEPTED, listener, id)? => Refusal::Excepted,
                (Some(_), Some(id)) if !is(conn, &IS_ALLOWED, listener, id)? => Refusal::NotAllowedAudience,
                (Some(_), Some(id)) => {
                    self.invited.insert(id);
                    continue;
                }
            };
            self.refuse(listener, text, why);
        }
        Ok(())
    }

    fn refuse(&mut self, listener: &Listener, who: String, why: Refusal) {
        if self.told.insert((who.clone(), why)) {
            self.refused.push(RefusedPerson { schedule: listener.name.clone(), who, why });
        }
    }

    /// Leaves out whom the schedule has spoken to before, and remembers the others for ever.
    fn once(&mut self, conn: &Connection, listener: &Listener) -> Result<(), Fault> {
        let mut remember =
            conn.prepare_cached("INSERT INTO once (schedule_id, recipient_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
        let mut before = Vec::new();
        for id in &self.invited {
            if remember.execute((listener.schedule, id))? == 0 {
                before.push(*id);
            }
        }
        for id in before {
            self.invited.remove(&id);
            self.refuse(listener, name(conn, id)?, Refusal::OnceBefore);
        }
        Ok(())
    }
}

fn is(conn: &Connection, what: &Sql, listener: &Listener, id: i64) -> Result<bool, Fault> {
    let parameters: &[(&str, &dyn ToSql)] = &[(":schedule", &listener.schedule), (":id", &id)];
    Ok(conn.prepare_cached(what.get())?.exists(parameters)?)
}

/// By what somebody is known: the first address, else the name.
fn name(conn: &Connection, id: i64) -> Result<String, Fault> {
    let mut statement = conn.prepare_cached(
        "SELECT coalesce(
            (SELECT address FROM addresses WHERE recipient_id = r.id ORDER BY position LIMIT 1), r.name, ''
         ) FROM recipients r WHERE r.id = ?1",
    )?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::super::super::sql::assert_scans_nothing;
    use super::*;

    #[test]
    fn asking_for_somebody_costs_what_is_known_of_them() {
        assert_scans_nothing(MEMBERS.get());
        assert_scans_nothing(IS_EXCEPTED.get());
        assert_scans_nothing(IS_ALLOWED.get());
    }
}
