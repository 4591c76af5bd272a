//! When what is open will be finished: the ledger's numbers, the limiter's measurements, and
//! [`forecast`](crate::domain::forecast) between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use crate::domain::forecast::{Budget, Forecast, Load, forecast};
use crate::domain::time::Moment;
use crate::engine::limiter::Limiter;
use crate::port::clock::Clock;
use crate::port::store::{Store, StoreError};

/// What becomes of each occurrence, by schedule and civil time.
pub type Outlook = BTreeMap<(String, NaiveDateTime), Forecast>;

/// What becomes of everything that is planned, from now on, if nothing is changed and Teams takes what it is sent.
/// Recipients of whom no tenant is known are of `home`.
pub async fn outlook(
    store: &dyn Store,
    limiter: &Limiter,
    clock: &dyn Clock,
    home: Arc<str>,
) -> Result<Outlook, StoreError> {
    let now = clock.now();
    let (occurrences, loads): (Vec<NaiveDateTime>, Vec<Load>) =
        store.loads(now, home).await?.into_iter().map(|it| (it.occurrence, it.load)).unzip();
    let per_second = limiter.usable_per_second();
    let silences = silences(limiter, clock, now);
    let budget = |tenant: &str| Budget { per_second, quiet_until: silences.get(tenant).copied() };
    let mut outlook = Outlook::new();
    for ((occurrence, load), end) in occurrences.into_iter().zip(&loads).zip(forecast(&loads, now, budget)) {
        let so_far = outlook.entry((load.schedule.to_string(), occurrence)).or_default();
        *so_far = so_far.and(end);
    }
    Ok(outlook)
}

/// Until when tenants asked for silence.
fn silences(limiter: &Limiter, clock: &dyn Clock, now: DateTime<Utc>) -> BTreeMap<Arc<str>, DateTime<Utc>> {
    let moment = clock.moment();
    let until = |until: Moment| {
        let left = TimeDelta::from_std(until.since(moment)).unwrap_or(TimeDelta::MAX);
        now.checked_add_signed(left).unwrap_or(DateTime::<Utc>::MAX_UTC)
    };
    let silent = limiter.slowed().into_iter();
    silent.filter_map(|slowed| Some((slowed.tenant, until(slowed.quiet_until?)))).collect()
}
