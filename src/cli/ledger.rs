//! What the ledger knows of what is ahead, for commands that look at the files: what became of an occurrence so far, what
//! people ordered, and where something else is in force than the files say.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDateTime;

use crate::domain::delivery::Reason;
use crate::domain::schedule::model::Schedule;
use crate::port::desk::{
    DeliveryStatus, Desk, DeskError, HeldBackFile, OccurrenceStatus, PausedSchedule, PersonView, Status,
};
use crate::port::store::StatusQuery;

/// The ledger's part of what is ahead.
pub(super) struct Ledger {
    status: Status,
    /// The occurrences that an operator cancelled, by schedule.
    cancelled: HashMap<String, Vec<NaiveDateTime>>,
}

impl Ledger {
    /// Asks for everything, or `about` one schedule and each of its deliveries.
    pub(super) async fn ask(desk: &dyn Desk, about: Option<&str>) -> Result<Self, DeskError> {
        let status = match desk.status(StatusQuery { schedule: about.map(str::to_owned) }).await {
            // Nobody knows it yet: it stands in files that are not in force.
            Err(DeskError::NotFound(_)) => desk.status(StatusQuery::default()).await?,
            other => other?,
        };
        let mut cancelled: HashMap<String, Vec<NaiveDateTime>> = HashMap::new();
        let by_operator =
            |it: &&OccurrenceStatus| it.reasons.iter().any(|count| count.reason == Reason::CancelledByOperator);
        for it in status.occurrences.iter().filter(|it| !it.test).filter(by_operator) {
            cancelled.entry(it.schedule.clone()).or_default().push(it.occurrence);
        }
        Ok(Self { status, cancelled })
    }

    /// Since when nothing of the schedule is sent, and why.
    pub(super) fn paused(&self, schedule: &str) -> Option<&PausedSchedule> {
        self.status.paused.iter().find(|paused| paused.schedule == schedule)
    }

    /// Whether an operator cancelled the occurrence. That holds for whoever joins it, too.
    pub(super) fn is_cancelled(&self, schedule: &str, occurrence: NaiveDateTime) -> bool {
        self.cancelled.get(schedule).is_some_and(|occurrences| occurrences.contains(&occurrence))
    }

    /// The files that are held back whose last good version goes on.
    pub(super) fn going_on(&self) -> impl Iterator<Item = &HeldBackFile> {
        self.status.held_back.iter().filter(|file| file.last_good_in_use)
    }

    /// What is planned of schedules in files that are held back, of which the files have none of the name.
    pub(super) fn in_force_otherwise(&self, files: &[Arc<Schedule>]) -> Vec<&OccurrenceStatus> {
        let names: BTreeSet<&str> = self.going_on().flat_map(|file| &file.schedules).map(String::as_str).collect();
        let is_in_files = |name: &str| files.iter().any(|schedule| schedule.name.as_str() == name);
        let is_meant = |it: &&OccurrenceStatus| names.contains(&*it.schedule) && !is_in_files(&it.schedule) && !it.test;
        self.status.occurrences.iter().filter(is_meant).collect()
    }

    /// The file that is held back in which a schedule stands.
    pub(super) fn held_back(&self, schedule: &str) -> Option<&HeldBackFile> {
        self.status.held_back.iter().find(|file| file.schedules.iter().any(|name| name == schedule))
    }

    /// What became so far of an occurrence for each recipient.
    pub(super) fn deliveries(&self, schedule: &Schedule, occurrence: NaiveDateTime) -> Deliveries<'_> {
        let of_it = self
            .status
            .deliveries
            .iter()
            .filter(|it| it.occurrence == occurrence && it.schedule == schedule.name.as_str());
        Deliveries(of_it.map(|it| (it.address.as_deref().unwrap_or(&it.recipient), it)).collect())
    }
}

/// Deliveries by the address of the recipient, or by the name of one without any.
#[derive(Default)]
pub(super) struct Deliveries<'a>(HashMap<&'a str, &'a DeliveryStatus>);

impl Deliveries<'_> {
    /// The delivery that is over, and stays so when the schedule is read again.
    pub(super) fn ended(&self, person: &PersonView) -> Option<&DeliveryStatus> {
        let key = person.addresses.first().unwrap_or(&person.name).as_str();
        let may_come_back = |it: &DeliveryStatus| it.reason.is_some_and(|reason| Reason::REVIVED.contains(&reason));
        self.0.get(key).copied().filter(|it| it.state.is_final() && !may_come_back(it))
    }
}
