//! What all connections share: two locks, each held for a few lookups and never across an await.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::figures::{Counts, Figures};
use super::messages::Record;
use super::reply::Refusal;
use super::rules::Rules;
use super::token::Tokens;
use super::windows::{Call, Limiter};
use crate::port::clock::Clock;

/// Who a 1:1 conversation was created for.
#[derive(Clone)]
pub(super) struct Known {
    pub tenant: String,
    pub user: String,
}

/// Everything that changes when a request is carried out.
pub(super) struct Books {
    pub record: Record,
    /// 1:1 conversations created since the start, by id.
    pub known: HashMap<String, Known>,
    pub limiter: Limiter,
    pub rules: Rules,
    pub counts: Counts,
}

impl Books {
    /// Asks the limits, and counts what they refuse.
    pub(super) fn admit(
        &mut self,
        shared: &Shared,
        call: Call,
        conversation: &str,
        tenant: &str,
    ) -> Result<(), Refusal> {
        // The moment is read under the lock: the logs are in order of admission.
        self.limiter.admit(call, conversation, tenant, shared.moment_us()).map_err(|seconds| {
            self.counts.throttled += 1;
            Refusal::throttled(seconds)
        })
    }
}

/// The emulator without its socket.
pub(super) struct Shared {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    /// How many messages were taken.
    pub taken: watch::Sender<u64>,
    /// Cancelled when the emulator stops. Every wait of a request ends with it.
    pub stop: CancellationToken,
    requests: AtomicU64,
    tokens: Mutex<Tokens>,
    books: Mutex<Books>,
}

impl Shared {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let books = Books {
            record: Record::default(),
            known: HashMap::new(),
            limiter: Limiter::new(settings.windows),
            rules: Rules::default(),
            counts: Counts::default(),
        };
        Self {
            settings,
            clock,
            taken: watch::Sender::new(0),
            stop: CancellationToken::new(),
            requests: AtomicU64::new(0),
            tokens: Mutex::new(Tokens::default()),
            books: Mutex::new(books),
        }
    }

    /// The books. A panic under the lock leaves counts at worst one short, so a poisoned lock is taken as it is.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens that were issued.
    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The monotonic clock in microseconds.
    pub(super) fn moment_us(&self) -> u64 {
        u64::try_from(self.clock.moment().0.as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts a request and gives it its number, from 1.
    pub(super) fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Tells the watchers that the message `seq` is on record. Two connections may come here in the wrong order; the
    /// count never goes back.
    pub(super) fn announce(&self, seq: u64) {
        self.taken.send_if_modified(|seen| {
            let news = seq > *seen;
            if news {
                *seen = seq;
            }
            news
        });
    }

    /// Waits for `span` on the emulator's clock, or until it stops.
    pub(super) async fn pause(&self, span: Duration) {
        if span.is_zero() {
            return;
        }
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.clock.sleep(span) => {}
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let books = self.books();
        books.counts.show(self.requests.load(Ordering::Relaxed), books.record.taken(), books.limiter.busiest_second())
    }
}
