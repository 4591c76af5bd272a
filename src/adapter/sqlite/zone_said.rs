//! What somebody says of their own zone: kept, and answered once, however often it is told.

use rusqlite::Connection;

use super::consent::language_of;
use super::fault::Fault;
use super::news::{self, Taking};
use super::replies::{self, NewReply};
use super::zones;
use crate::domain::ladder::ZoneEvidence;
use crate::domain::recipient::ZoneSource;
use crate::domain::zone_wish::{Answered, ZoneAnswer, ZoneSaid, ZoneWish};

pub(super) fn take_in(conn: &Connection, said: &ZoneSaid, taking: &mut Taking) -> Result<(), Fault> {
    let Some(recipient) = news::find(conn, &said.who)? else { return Ok(()) };
    let source = ZoneSource::Own;
    let is_change = match said.wish {
        ZoneWish::Choose(zone) => zones::hear(conn, recipient, &ZoneEvidence { source, zone, said_at: said.at })?,
        ZoneWish::Auto => zones::unsay(conn, recipient, source, said.at)?,
        ZoneWish::Ask | ZoneWish::Unclear(_) => false,
    };
    if is_change {
        taking.voices.insert(recipient);
    }
    let about = said.wish.about();
    if !said.waits_for_answer && !is_change && replies::was_just_answered(conn, recipient, &about, taking.now)? {
        return Ok(());
    }
    let zone = zones::explain(conn, recipient, taking.fallback_zone, taking.now)?.zone;
    let answer = match said.wish {
        ZoneWish::Choose(chosen) if chosen == zone => ZoneAnswer::Chosen(zone),
        // Something later was said already.
        ZoneWish::Choose(_) | ZoneWish::Ask => ZoneAnswer::Now(zone),
        ZoneWish::Auto => ZoneAnswer::Auto(zone),
        ZoneWish::Unclear(near) => ZoneAnswer::Unclear(near),
    };
    let language = match &said.whence.language {
        Some(language) => Some(language.clone()),
        None => language_of(conn, recipient)?,
    };
    if said.waits_for_answer {
        taking.taken.zone = Some(Answered { answer, language });
        return Ok(());
    }
    let text = answer.in_language(language.as_deref());
    let reply = NewReply { recipient, whence: &said.whence, about: &about, text: &text, within: None };
    taking.taken.reply |= replies::ask(conn, &reply, taking.now)?;
    Ok(())
}
