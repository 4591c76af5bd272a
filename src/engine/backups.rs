//! The daily backups: when one is due, which are kept, and what went wrong. A failing backup is told and stops nothing.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::port::backup::{Backup, BackupError, Backups};
use crate::port::clock::Clock;
use crate::port::desk::BackupStatus;

/// A beat that comes twice makes one backup.
const SAME_DAY: TimeDelta = TimeDelta::hours(12);

/// A beat may be lost. After so long without a backup the next chance makes one.
const OVERDUE: TimeDelta = TimeDelta::hours(25);

/// Whoever makes the daily backups.
pub struct DailyBackups {
    pub backups: Arc<dyn Backups>,
    pub clock: Arc<dyn Clock>,
    /// So many of the newest ones.
    pub keep: usize,
    /// What was last seen; nothing before the first look.
    pub seen: Mutex<BackupStatus>,
}

impl DailyBackups {
    #[must_use]
    pub fn new(backups: Arc<dyn Backups>, clock: Arc<dyn Clock>, keep: usize) -> Self {
        Self { backups, clock, keep, seen: Mutex::default() }
    }

    /// What is known of the backups.
    #[must_use]
    pub fn status(&self) -> BackupStatus {
        // A plain value that no panic leaves half-changed.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sees what is there: the newest may be a day from its next one.
    pub async fn look(&self) {
        let seen = match self.past(self.clock.now()).await {
            Ok(mut past) => told(past.pop(), None),
            Err(error) => told(None, Some(error.to_string())),
        };
        self.keep(seen);
    }

    /// It is the time of the day.
    pub async fn at_its_time(&self) {
        self.look_after(SAME_DAY).await;
    }

    /// A chance to make up for a backup that was missed.
    pub async fn if_overdue(&self) {
        self.look_after(OVERDUE).await;
    }

    /// Makes a backup where the newest is as old as that, and removes those that are no longer kept.
    async fn look_after(&self, age: TimeDelta) {
        let now = self.clock.now();
        let (newest, trouble) = match self.make_if(age, now).await {
            Ok(past) => {
                let trouble = self.remove_oldest_of(&past).await.err();
                if let Some(error) = &trouble {
                    tracing::warn!(%error, "an old backup could not be removed; the next chance tries again");
                }
                (past.last().cloned(), trouble.map(|error| format!("an old one stays: {error}")))
            }
            Err(error) => {
                tracing::warn!(%error, "no backup was made; the next chance tries again");
                (self.past(now).await.ok().and_then(|mut past| past.pop()), Some(format!("no newer one: {error}")))
            }
        };
        self.keep(told(newest, trouble));
    }

    fn keep(&self, seen: BackupStatus) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// Those that are there. One from the future was made before the clock was put right: it says nothing of how old the
    /// newest is, and takes no place from one that does.
    async fn past(&self, now: DateTime<Utc>) -> Result<Vec<Backup>, BackupError> {
        let mut backups = self.backups.list().await?;
        backups.retain(|backup| backup.made_at <= now);
        Ok(backups)
    }

    /// Returns those that are there then.
    async fn make_if(&self, age: TimeDelta, now: DateTime<Utc>) -> Result<Vec<Backup>, BackupError> {
        let mut past = self.past(now).await?;
        if past.last().is_none_or(|newest| now - newest.made_at >= age) {
            let made = self.backups.make(now).await?;
            tracing::info!(path = %made.path.display(), bytes = made.bytes, "the ledger is backed up");
            past.push(made);
        }
        Ok(past)
    }

    /// Removes the oldest where there are more than are kept.
    async fn remove_oldest_of(&self, past: &[Backup]) -> Result<(), BackupError> {
        for old in &past[..past.len().saturating_sub(self.keep)] {
            self.backups.remove(old).await?;
        }
        Ok(())
    }
}

fn told(newest: Option<Backup>, trouble: Option<String>) -> BackupStatus {
    BackupStatus {
        last_at: newest.as_ref().map(|newest| newest.made_at),
        bytes: newest.as_ref().map(|newest| newest.bytes),
        path: newest.map(|newest| newest.path),
        trouble,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::domain::time::Moment;

    /// Backups that are only names, and a time that stands still until it is set.
    #[derive(Default)]
    struct Shelf {
        there: Mutex<Vec<Backup>>,
        is_full: Mutex<bool>,
        keeps_all: Mutex<bool>,
    }

    #[async_trait]
    impl Backups for Shelf {
        async fn list(&self) -> Result<Vec<Backup>, BackupError> {
            Ok(self.there.lock().expect("no panic").clone())
        }

        async fn make(&self, now: DateTime<Utc>) -> Result<Backup, BackupError> {
            if *self.is_full.lock().expect("no panic") {
                return Err(BackupError("no room".to_owned()));
            }
            let backup = Backup { path: now.to_rfc3339().into(), made_at: now, bytes: 1 };
            self.there.lock().expect("no panic").push(backup.clone());
            Ok(backup)
        }

        async fn remove(&self, backup: &Backup) -> Result<(), BackupError> {
            if *self.keeps_all.lock().expect("no panic") {
                return Err(BackupError("not permitted".to_owned()));
            }
            self.there.lock().expect("no panic").retain(|it| it != backup);
            Ok(())
        }
    }

    struct Still(Mutex<DateTime<Utc>>);

    #[async_trait]
    impl Clock for Still {
        fn now(&self) -> DateTime<Utc> {
            *self.0.lock().expect("no panic")
        }

        fn moment(&self) -> Moment {
            unreachable!("only the time of day counts")
        }

        async fn sleep(&self, _: std::time::Duration) {}

        async fn sleep_until(&self, _: DateTime<Utc>) -> crate::port::clock::Woke {
            unreachable!("nobody waits")
        }
    }

    #[tokio::test]
    async fn one_a_day_is_made_and_the_newest_are_kept() {
        let start: DateTime<Utc> = "2027-03-01T03:40:00Z".parse().expect("an instant");
        let (shelf, clock) = (Arc::new(Shelf::default()), Arc::new(Still(Mutex::new(start))));
        let daily = DailyBackups::new(shelf.clone(), clock.clone(), 3);
        let made = || shelf.there.lock().expect("no panic").iter().map(|it| it.made_at).collect::<Vec<_>>();
        let day = |days: i64| start + TimeDelta::days(days);
        let go = |to: DateTime<Utc>| *clock.0.lock().expect("no panic") = to;

        daily.look().await;
        assert_eq!((made().len(), daily.status()), (0, BackupStatus::default()), "to look makes none");
        daily.at_its_time().await;
        daily.at_its_time().await;
        daily.if_overdue().await;
        let restarted = DailyBackups::new(shelf.clone(), clock.clone(), 3);
        restarted.look().await;
        assert_eq!(restarted.status().last_at, Some(start), "a restart knows what is there");
        assert_eq!(made(), [start], "a doubled beat makes no second one");
        go(day(1));
        daily.if_overdue().await;
        assert_eq!(made().len(), 1, "it is not overdue yet");
        for days in 1..5 {
            go(day(days));
            daily.at_its_time().await;
        }
        assert_eq!(made(), [day(2), day(3), day(4)]);
        go(day(5) + TimeDelta::hours(1));
        daily.if_overdue().await;
        assert_eq!(made().last(), Some(&clock.now()), "a lost beat is made up for");

        // Full: it is said, nothing is removed, and it is over when there is room again.
        *shelf.is_full.lock().expect("no panic") = true;
        go(day(7));
        daily.at_its_time().await;
        let status = daily.status();
        assert_eq!((made().len(), status.trouble.as_deref()), (3, Some("no newer one: no room")));
        assert_eq!(status.last_at, Some(day(5) + TimeDelta::hours(1)));
        *shelf.is_full.lock().expect("no panic") = false;
        daily.if_overdue().await;
        assert_eq!((daily.status().trouble, daily.status().last_at), (None, Some(day(7))));

        // One that can't be removed is another trouble than one that can't be made.
        *shelf.keeps_all.lock().expect("no panic") = true;
        go(day(8));
        daily.at_its_time().await;
        let status = daily.status();
        assert_eq!(status.trouble.as_deref(), Some("an old one stays: not permitted"));
        assert_eq!(status.last_at, Some(day(8)));
        *shelf.keeps_all.lock().expect("no panic") = false;

        // The clock goes back two days: what was made later takes nobody's place.
        go(day(6));
        daily.at_its_time().await;
        assert_eq!(made(), [day(4), day(5) + TimeDelta::hours(1), day(7), day(8), day(6)]);
        assert_eq!(daily.status().last_at, Some(day(6)));
    }
}
