//! Permission to send, within the published windows. The counting is [`crate::domain::rate`]; here is the waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::rate::{Book, Bucket, Full, Grant, NotYet};
use crate::port::clock::Clock;

/// Hands out permits.
pub struct Limiter {
    book: Mutex<Book>,
    /// Rings when a permit comes back, for those who wait for an answer.
    returned: Notify,
    /// One queue for each tenant: whoever waits for its windows waits in turn.
    queues: Mutex<HashMap<Arc<str>, Arc<tokio::sync::Mutex<()>>>>,
    clock: Arc<dyn Clock>,
}

/// The right to make one request. Dropped, it says that the request never left.
pub struct Permit {
    limiter: Arc<Limiter>,
    grant: Option<Grant>,
}

impl Limiter {
    #[must_use]
    pub fn new(book: Book, clock: Arc<dyn Clock>) -> Self {
        Self { book: Mutex::new(book), returned: Notify::new(), queues: Mutex::default(), clock }
    }

    /// Waits until one more request into `conversation` of `tenant` is within every window. Cancel-safe.
    pub async fn permit(self: &Arc<Self>, tenant: &Arc<str>, conversation: &Arc<str>) -> Permit {
        let queue = self.queue(tenant);
        let mut turn = Some(queue.lock().await);
        loop {
            // Interest is registered before asking, so that an answer in between is not missed.
            let returned = self.returned.notified();
            let asked = self.book().take(tenant, conversation, self.clock.moment());
            let full = match asked {
                Ok(grant) => return Permit { limiter: Arc::clone(self), grant: Some(grant) },
                Err(full) => full,
            };
            // Who waits for a busy conversation must not hold up the rest of the tenant.
            if full.bucket == Bucket::Conversation {
                turn = None;
            }
            self.wait(full, returned).await;
            if turn.is_none() {
                turn = Some(queue.lock().await);
            }
        }
    }

    async fn wait(&self, full: Full, returned: impl Future<Output = ()>) {
        match full.wait {
            NotYet::Until(moment) => self.clock.sleep(moment.since(self.clock.moment())).await,
            NotYet::UntilAnAnswer => returned.await,
        }
    }

    fn queue(&self, tenant: &Arc<str>) -> Arc<tokio::sync::Mutex<()>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(Arc::clone(tenant)).or_default())
    }

    /// The book is a plain value that every one of its functions leaves consistent, so a panic elsewhere while it was
    /// held is no reason to stop sending.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The request was answered, or can no longer be. `retry_after` is what Teams asked for.
    pub fn complete(mut self, retry_after: Option<Duration>) {
        if let Some(grant) = self.grant.take() {
            let now = self.limiter.clock.moment();
            self.limiter.book().complete(&grant, now, retry_after);
            self.limiter.returned.notify_waiters();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            self.limiter.book().cancel(&grant);
            self.limiter.returned.notify_waiters();
        }
    }
}
