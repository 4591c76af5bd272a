//! What went wrong, what is sent again, and what is ended before it is sent.

use chrono::TimeDelta;

use crate::domain::id::ScheduleName;
use crate::domain::schedule::model::Target;
use crate::domain::schedule::parse::read_target;
use crate::engine::desk::FrontDesk;
use crate::port::desk::DeskError;
use crate::port::trouble::{
    CancelOrder, CancelReport, CancelRequest, Failures, FailuresQuery, NothingThere, Retried, RetryOrder, RetryReport,
    RetryRequest,
};

/// How far back is looked where nobody says since when.
pub(super) const LOOKED_BACK: TimeDelta = TimeDelta::hours(24);

impl FrontDesk {
    pub(super) async fn list_failures(&self, query: FailuresQuery) -> Result<Failures, DeskError> {
        let now = self.clock.now();
        let since = query.since.unwrap_or(now - LOOKED_BACK);
        let asked_for = query.schedule.clone();
        let failures = self.store.failures(query, since, now).await?;
        if let Some(name) = asked_for.filter(|_| failures.reasons.is_empty()) {
            self.must_be_known(&name).await?;
        }
        Ok(failures)
    }

    pub(super) async fn send_again(&self, request: RetryRequest) -> Result<RetryReport, DeskError> {
        let now = self.clock.now();
        let name = self.schedule(&request.schedule).await?;
        let late = self.catalog().await?.schedules.get(&name).map(|schedule| schedule.policies.open_for());
        let order = RetryOrder {
            schedule: name,
            who: targets(&request.who)?,
            on: request.on,
            which: request.which,
            late_until: late.filter(|_| request.late).and_then(|late| now.checked_add_signed(late)),
            dry_run: request.dry_run,
        };
        let done = self.store.retry(order, now).await?;
        let report = done.map_err(|nothing| {
            let what = match request.which {
                Retried::Failed => "has failed",
                Retried::Unknown => "is unknown",
            };
            in_words(&request.schedule, what, &nothing)
        })?;
        if let (Some(running), false) = (&self.daemon, report.dry_run) {
            running.work.notify_one();
            tracing::warn!(
                schedule = report.schedule, which = ?report.which, retried = report.retried,
                "an operator has deliveries sent again"
            );
        }
        Ok(report)
    }

    pub(super) async fn cancel_occurrences(&self, request: CancelRequest) -> Result<CancelReport, DeskError> {
        // A schedule that lost its file may still have something open.
        let name = match ScheduleName::new(&request.schedule) {
            Some(name) if self.has_heard_of(name.as_str()).await? => name,
            Some(_) | None => self.schedule(&request.schedule).await?,
        };
        let order = CancelOrder { schedule: name, on: request.on, dry_run: request.dry_run };
        let done = self.store.cancel(order, self.clock.now()).await?;
        let report = done.map_err(|nothing| {
            let when = match request.on {
                Some(date) => format!("is planned or open on {date}; the plan looks two days ahead, for later days write `except` into the file"),
                None => "is planned or open; the plan looks two days ahead".to_owned(),
            };
            in_words(&request.schedule, &when, &nothing)
        })?;
        if !report.dry_run {
            tracing::warn!(schedule = report.schedule, occurrences = ?report.occurrences, "an operator cancelled");
        }
        Ok(report)
    }
}

fn targets(who: &[String]) -> Result<Vec<Target>, DeskError> {
    let target = |word: &String| {
        read_target(word).map_err(|refused| DeskError::BadRequest(format!("{}; {}", refused.message, refused.help)))
    };
    who.iter().map(target).collect()
}

fn in_words(schedule: &str, what: &str, nothing: &NothingThere) -> DeskError {
    DeskError::NotFound(match nothing {
        NothingThere::UnknownSchedule => format!("nothing of \"{schedule}\" is in the ledger yet"),
        NothingThere::Nobody(target) => format!("nobody is known as {target}"),
        NothingThere::Nothing => format!("nothing of \"{schedule}\" {what}"),
    })
}
