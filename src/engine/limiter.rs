//! Permission to send, within the published windows. The counting is [`crate::domain::rate`]; here is the waiting.
//!
//! Nobody waits here for long. No more is claimed for a tenant than its budget sends within moments, so the budget lets
//! everybody through who asks. Who meets a busy conversation, or a tenant that asked for silence, is sent away with the
//! moment at which to come back, and gives the delivery back to the store until then; so these never keep the senders
//! from everybody else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::domain::rate::{Book, Bucket, Call, Full, Grant, NotYet, Operation, Slowed, Window};
use crate::domain::schedule::model::Priority;
use crate::domain::time::Moment;
use crate::port::clock::Clock;

/// How long somebody may wait for a window. In a run that uses the whole budget of a tenant everybody waits for a part
/// of its one second, so a longer wait is one for the end of a silence. A conversation is rarely busy, and who waits for one takes up a place that others could use.
fn patience(bucket: Bucket) -> Duration {
    match bucket {
        Bucket::Tenant => Duration::from_secs(1),
        Bucket::Conversation => Duration::from_millis(250),
    }
}

/// How many priorities there are.
const RANKS: usize = 3;

/// Hands out permits.
pub struct Limiter {
    book: Mutex<Book>,
    /// Rings when a permit comes back, for those who wait for an answer.
    returned: Notify,
    /// One queue for each tenant: whoever waits for its windows waits in turn.
    queues: Mutex<HashMap<Arc<str>, Arc<Queue>>>,
    /// One for each request that may be under way at once.
    connections: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

/// Those who wait for the windows of one tenant. In each priority one stands at the front and the others behind, in
/// the order in which they came; of those at the front the highest priority goes first.
#[derive(Default)]
struct Queue {
    turns: [Arc<tokio::sync::Mutex<()>>; RANKS],
    at_the_front: [AtomicUsize; RANKS],
    /// Rings when somebody comes to the front, or leaves it.
    changed: Notify,
}

/// A place at the front of a queue.
struct Front {
    queue: Arc<Queue>,
    rank: usize,
    _turn: tokio::sync::OwnedMutexGuard<()>,
}

/// The right to make one request. Dropped, it says that the request never left.
pub struct Permit {
    limiter: Arc<Limiter>,
    grant: Option<Grant>,
    _connection: Option<OwnedSemaphorePermit>,
}

/// That the wait would be too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Later {
    /// When to come back.
    pub at: Moment,
}

/// For whom a permit is asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub tenant: Arc<str>,
    pub conversation: Arc<str>,
    pub operation: Operation,
    pub priority: Priority,
}

impl Request {
    fn call(&self) -> Call {
        Call {
            tenant: Arc::clone(&self.tenant),
            conversation: Arc::clone(&self.conversation),
            operation: self.operation,
        }
    }
}

impl Limiter {
    /// `connections` requests may be under way at once, whoever they are for.
    #[must_use]
    pub fn new(book: Book, connections: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            book: Mutex::new(book),
            returned: Notify::new(),
            queues: Mutex::default(),
            connections: Arc::new(Semaphore::new(connections)),
            clock,
        }
    }

    /// Waits until one more request is within every window, or says when to come back. Cancel-safe.
    pub async fn permit(self: &Arc<Self>, request: &Request) -> Result<Permit, Later> {
        let call = request.call();
        let queue = self.queue(&request.tenant);
        let mut front = None;
        loop {
            // Interest is registered before asking, so that an answer in between is not missed.
            let returned = self.returned.notified();
            // Who waits for a busy conversation must not hold up the rest of the tenant.
            if let Some(wait) = self.conversation_full(&call) {
                front = None;
                self.wait(Full { bucket: Bucket::Conversation, wait }, &call, returned).await?;
                continue;
            }
            let Some(own) = &front else {
                front = Some(queue.front(request.priority).await);
                continue;
            };
            let changed = queue.changed.notified();
            if own.comes_after_another() {
                changed.await;
                continue;
            }
            let connection = Arc::clone(&self.connections).acquire_owned().await.ok();
            let asked = self.book().take(&call, self.clock.moment());
            let full = match asked {
                Ok(grant) => {
                    return Ok(Permit { limiter: Arc::clone(self), grant: Some(grant), _connection: connection });
                }
                Err(full) => full,
            };
            drop(connection);
            match full.bucket {
                // Seen above, the next time round.
                Bucket::Conversation => {}
                // Somebody who is more urgent may come meanwhile.
                Bucket::Tenant => tokio::select! {
                    biased;
                    waited = self.wait(full, &call, returned) => waited?,
                    () = changed => {}
                },
            }
        }
    }

    /// How many requests a window of one tenant holds at best.
    #[must_use]
    pub fn per_tenant(&self) -> Window {
        self.book().per_tenant()
    }

    /// How many requests a second one tenant gets for long, as far as it has been measured.
    #[must_use]
    pub fn usable_per_second(&self) -> f64 {
        self.book().usable_per_second()
    }

    /// The tenants that get less than the budget for now.
    #[must_use]
    pub fn slowed(&self) -> Vec<Slowed> {
        self.book().slowed(self.clock.moment())
    }

    fn conversation_full(&self, call: &Call) -> Option<NotYet> {
        self.book().conversation_full(call, self.clock.moment())
    }

    async fn wait(&self, full: Full, call: &Call, returned: impl Future<Output = ()>) -> Result<(), Later> {
        match full.wait {
            NotYet::UntilAnAnswer => returned.await,
            NotYet::Until(moment) => {
                let now = self.clock.moment();
                if moment.since(now) > patience(full.bucket) {
                    let at = self.book().promise(full.bucket, call, moment);
                    return Err(Later { at });
                }
                self.clock.sleep(moment.since(now)).await;
            }
        }
        Ok(())
    }

    fn queue(&self, tenant: &Arc<str>) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(Arc::clone(tenant)).or_default())
    }

    /// The book is a plain value that every one of its functions leaves consistent, so a panic elsewhere while it was
    /// held is no reason to stop sending.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lowest is the most urgent.
fn rank(priority: Priority) -> usize {
    match priority {
        Priority::Critical => 0,
        Priority::Normal => 1,
        Priority::Bulk => 2,
    }
}

impl Queue {
    /// Waits for a place at the front.
    async fn front(self: &Arc<Self>, priority: Priority) -> Front {
        let rank = rank(priority);
        let turn = Arc::clone(&self.turns[rank]).lock_owned().await;
        self.at_the_front[rank].fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
        Front { queue: Arc::clone(self), rank, _turn: turn }
    }
}

impl Front {
    fn comes_after_another(&self) -> bool {
        self.queue.at_the_front[..self.rank].iter().any(|count| count.load(Ordering::SeqCst) > 0)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.queue.at_the_front[self.rank].fetch_sub(1, Ordering::SeqCst);
        self.queue.changed.notify_waiters();
    }
}

impl Permit {
    /// The request leaves now.
    pub fn leaves(&mut self) {
        if let Some(grant) = &mut self.grant {
            grant.leaves(self.limiter.clock.moment());
        }
    }

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
