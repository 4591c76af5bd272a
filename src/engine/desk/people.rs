//! What is asked about single people.

use crate::domain::id::RecipientId;
use crate::domain::nearest::nearest;
use crate::domain::recipient::PersonRecord;
use crate::engine::desk::FrontDesk;
use crate::port::desk::{DeskError, PersonView};
use crate::port::people::{PersonChange, PersonFile, ZoneOrder};

impl FrontDesk {
    pub(super) async fn show_person(&self, who: &str) -> Result<PersonFile, DeskError> {
        let recipient = self.find_person(who).await?;
        self.file_of(recipient).await
    }

    /// Those of the records that lead to where something would be sent. Of the others it is said why they are not taken in: in
    /// the ledger they would take the place of what works, and nobody would notice before the first message.
    pub(super) fn reachable(&self, records: Vec<PersonRecord>, refused: &mut Vec<String>) -> Vec<PersonRecord> {
        let objection = |record: &PersonRecord| self.service_urls.objection(record.reference.service_url.as_deref()?);
        let mut taken = Vec::with_capacity(records.len());
        for record in records {
            match objection(&record) {
                None => taken.push(record),
                Some(why) => refused.push(format!(
                    "{}: nothing would be sent to its service URL: {why}; if it is right, add its host to trusted_hosts \
                     below [bot]",
                    record.shown()
                )),
            }
        }
        taken
    }

    pub(super) async fn change_zone(&self, order: &ZoneOrder) -> Result<PersonChange, DeskError> {
        let recipient = self.find_person(&order.who).await?;
        self.keep_house_zones().await?;
        let (fallback_zone, now) = (self.keeper.fallback_zone, self.clock.now());
        let changed = self.store.order_zone(recipient, order.zone, fallback_zone, now).await?;
        self.changed(recipient, changed).await
    }

    pub(super) async fn revive_person(&self, who: &str) -> Result<PersonChange, DeskError> {
        let recipient = self.find_person(who).await?;
        let changed = self.store.revive(recipient).await?;
        self.changed(recipient, changed).await
    }

    /// What became of somebody. A running daemon looks at what is planned once more.
    async fn changed(&self, recipient: RecipientId, changed: bool) -> Result<PersonChange, DeskError> {
        if let (Some(running), true) = (&self.daemon, changed) {
            running.replan.notify_one();
            running.work.notify_one();
        }
        let file = self.file_of(recipient).await?;
        Ok(PersonChange { schema: PersonChange::SCHEMA.to_owned(), changed, file })
    }

    pub(super) async fn file_of(&self, recipient: RecipientId) -> Result<PersonFile, DeskError> {
        let file = self.store.person(recipient, self.keeper.fallback_zone, self.clock.now()).await?;
        file.ok_or_else(|| DeskError::NotFound(format!("recipient {recipient} is not there any more")))
    }

    /// The one who is meant.
    pub(super) async fn find_person(&self, who: &str) -> Result<RecipientId, DeskError> {
        match self.store.find_people(who).await?[..] {
            [recipient] => Ok(recipient),
            [] => Err(DeskError::NotFound(self.nobody(who).await?)),
            [..] => Err(DeskError::BadRequest(format!(
                "several have the name \"{who}\"; write the address, as `nudged people list` shows it"
            ))),
        }
    }

    /// Refuses whom nobody knows, or only a schedule names.
    pub(super) async fn must_be_met(&self, who: &str) -> Result<(), DeskError> {
        for recipient in self.store.find_people(who).await? {
            if self.file_of(recipient).await?.person.is_met() {
                return Ok(());
            }
        }
        let people = self.store.people().await?;
        let met = people.iter().filter(|person| person.is_met());
        Err(DeskError::NotFound(nobody(who, met.flat_map(PersonView::names))))
    }

    pub(super) async fn nobody(&self, who: &str) -> Result<String, DeskError> {
        let people = self.store.people().await?;
        Ok(nobody(who, people.iter().flat_map(PersonView::names)))
    }
}

/// That nobody is known as `who`, and who was probably meant.
pub fn nobody<'a>(who: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(who, names) {
        Some(near) => format!("nobody is known as \"{who}\"; did you mean \"{near}\"?"),
        None => format!("nobody is known as \"{who}\"; `nudged people list` shows who is"),
    }
}
