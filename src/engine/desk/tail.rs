//! What happens to deliveries, for whoever follows it.

use crate::engine::desk::FrontDesk;
use crate::engine::desk::trouble::LOOKED_BACK;
use crate::port::desk::DeskError;
use crate::port::tail::{TailPage, TailQuery};

/// So many are one part of an answer.
const TOLD_AT_ONCE: usize = 1_000;

impl FrontDesk {
    pub(super) async fn follow(&self, query: TailQuery) -> Result<TailPage, DeskError> {
        let now = self.clock.now();
        let is_first = query.since.is_none();
        if let (true, Some(name)) = (is_first, &query.schedule) {
            self.must_be_known(name).await?;
        }
        let limit = if is_first { TOLD_AT_ONCE.min(query.newest as usize) } else { TOLD_AT_ONCE };
        let deliveries = self.store.tail(query, now - LOOKED_BACK, limit).await?;
        let more = !is_first && deliveries.len() == limit;
        Ok(TailPage { schema: TailPage::SCHEMA.to_owned(), now, deliveries, more })
    }
}
