//! A schedule's message, sent to one person now.

use chrono::TimeDelta;

use crate::domain::recipient::Address;
use crate::engine::desk::{FrontDesk, unknown_schedule};
use crate::port::desk::DeskError;
use crate::port::rehearsal::{TestOrder, TestReceipt, TestRequest};

/// For how long a test may wait for its turn: whoever asked for it is looking.
const OPEN_FOR: TimeDelta = TimeDelta::minutes(10);

impl FrontDesk {
    pub(super) async fn rehearse(&self, request: TestRequest) -> Result<TestReceipt, DeskError> {
        let Some(running) = &self.daemon else {
            return Err(DeskError::NoDaemon("a test can only be sent by a running daemon".into()));
        };
        let name = self.schedule(&request.schedule).await?;
        let catalog = self.catalog().await?;
        let missing = || DeskError::NotFound(unknown_schedule(&request.schedule, catalog.names()));
        let schedule = catalog.schedules.get(&name).ok_or_else(missing)?;
        if self.store.paused().await?.iter().any(|paused| paused.schedule == name) {
            let words = format!("\"{name}\" is paused, so nothing of it is sent; `nudged resume {name}` lets it go on");
            return Err(DeskError::BadRequest(words));
        }
        let recipient = self.find_person(&request.to).await?;
        let file = self.file_of(recipient).await?;
        let addresses: Vec<_> = file.person.addresses.iter().filter_map(|address| Address::new(address)).collect();
        if let Some(address) = schedule.audience.except_people.iter().find(|address| addresses.contains(address)) {
            let words = format!("`except_people` of \"{name}\" names {address}; test it on somebody else");
            return Err(DeskError::BadRequest(words));
        }
        let now = self.clock.now();
        let order = TestOrder { schedule: name, recipient, expire_at: now + OPEN_FOR };
        let occurrence = self.store.rehearse(order, now).await?.ok_or_else(missing)?;
        running.work.notify_one();
        Ok(TestReceipt { schema: TestReceipt::SCHEMA.to_owned(), schedule: request.schedule, occurrence })
    }
}
