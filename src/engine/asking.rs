//! What people are asked behind a message that reached them.

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::domain::delivery::Claim;
use crate::domain::policy::without_zone;
use crate::domain::schedule::model::{Schedule, ZoneUnknown};
use crate::port::store::Store;

/// Has the recipient of a message that arrived asked in which zone they live, where its schedule wants to know it and
/// nobody does. Rings `questions` when there is one to send. A store that can't write now loses nothing: the next message
/// asks.
pub(super) async fn behind(
    store: &dyn Store,
    questions: &Notify,
    claim: &Claim,
    schedule: &Schedule,
    now: DateTime<Utc>,
) {
    let person = &claim.recipient;
    match without_zone(schedule, person.kind, person.zone_source) {
        ZoneUnknown::Ask => {}
        ZoneUnknown::Default | ZoneUnknown::Hold | ZoneUnknown::Skip => return,
    }
    match store.ask_zone(person.id, now).await {
        Ok(true) => questions.notify_one(),
        Ok(false) => {}
        Err(error) => tracing::warn!(delivery = %claim.id, %error, "nobody is asked for a zone behind this message"),
    }
}
