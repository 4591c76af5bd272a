//! The published rate windows, counted exactly.
//!
//! A limit such as "8 in 2 s" is a sliding window: Teams refuses a request when the two seconds before it hold eight
//! already. A leaky bucket of the same rate is no substitute (it lets almost twice the count through after a pause),
//! so what was sent is written down and counted.
//!
//! # What is counted, when
//!
//! We do not know when a request *arrives*; we only know that it arrives after we granted it and before its answer is
//! here. So a request counts from its grant until its answer and a whole window after that. Take any window of the
//! server that holds `n` arrivals, and of these the one granted last: the answers to all the others came after the
//! window began, hence less than a window before that grant, hence they were all counted then, and `n` is within the
//! limit, however much the network delays one request more than another.
//!
//! Counted like this, each request would take up the window and its own latency, and a fast network far away would
//! cost budget: at 100 ms, a tenth of it. But the latency that *every* request has is no uncertainty. If none takes
//! less than `shortest`, arrivals lie in an interval shorter by that much, and the same argument holds with the answer
//! set back by it. [`Book`] sets it back by half of the shortest latency seen, once it has seen enough answers for that
//! to mean something; this leaves room for a request that is twice as fast as all before it. Only the time on the way is
//! meant, from [`Grant::leaves`] on: how long our own disk takes before that is no matter of the network, and changes.

mod allowance;
mod conversations;
mod log;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use self::allowance::Allowance;
use self::conversations::Conversations;
use self::log::{Log, longest, pace};
pub use self::log::{NotYet, Window};
use crate::domain::time::Moment;

/// What is asked of Teams. Each kind has windows of its own in a conversation; all of them take from the budget of the
/// tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Send,
    Create,
    /// Reading the members of a conversation.
    Members,
    /// Reading conversations.
    Conversations,
}

impl Operation {
    pub const ALL: [Self; 4] = [Self::Send, Self::Create, Self::Members, Self::Conversations];
}

/// "Rate limiting", Teams platform documentation, read in November 2026: per bot and conversation, for sending and for
/// creating, each by itself.
pub const POSTING: [Window; 4] = [Window::new(7, 1), Window::new(8, 2), Window::new(60, 30), Window::new(1800, 3600)];

/// The same page: per bot and conversation, for reading members and for reading conversations, each by itself.
pub const READING: [Window; 4] =
    [Window::new(14, 1), Window::new(16, 2), Window::new(120, 30), Window::new(3600, 3600)];

/// The same page: per app and tenant, all calls together.
pub const PER_TENANT_PER_SECOND: usize = 50;

/// How many answers it takes before the shortest latency among them is believed. A machine that is busy while it starts
/// shows none of its best.
const ANSWERS_TO_TRUST: u32 = 300;

/// For how long a request counts beyond its window, before anything was measured: that of one that is answered within
/// twice this.
pub const ASSUMED_DOUBT: Duration = Duration::from_millis(25);

/// The limits that are kept.
#[derive(Debug, Clone)]
pub struct Windows {
    /// Of a conversation, for sending and for creating.
    pub posting: Vec<Window>,
    /// Of a conversation, for reading members and for reading conversations.
    pub reading: Vec<Window>,
    /// Of a tenant, for all calls.
    pub tenant: Window,
}

impl Windows {
    /// The published windows, with `per_second` requests a second for each tenant.
    #[must_use]
    pub fn published(per_second: usize) -> Self {
        Self { posting: POSTING.to_vec(), reading: READING.to_vec(), tenant: Window::new(per_second, 1) }
    }

    fn of(&self, operation: Operation) -> &[Window] {
        match operation {
            Operation::Send | Operation::Create => &self.posting,
            Operation::Members | Operation::Conversations => &self.reading,
        }
    }
}

/// Whose window is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    Conversation,
    Tenant,
}

/// Why a request must wait, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    pub bucket: Bucket,
    pub wait: NotYet,
}

/// What is asked, of which tenant and in which conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub tenant: Arc<str>,
    pub conversation: Arc<str>,
    pub operation: Operation,
}

/// The right to make one request, to be given back with [`Book::complete`] or [`Book::cancel`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    call: Call,
    at: Moment,
    left_at: Moment,
}

impl Grant {
    /// The request leaves now.
    pub fn leaves(&mut self, now: Moment) {
        self.left_at = now;
    }
}

/// A tenant that gets less than the budget for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slowed {
    pub tenant: Arc<str>,
    /// How many requests its window may hold.
    pub allowance: usize,
    /// Until when it asked for silence.
    pub quiet_until: Option<Moment>,
}

#[derive(Debug, Default)]
struct Tenant {
    log: Log,
    allowance: Allowance,
    run: Run,
}

/// What went through a window from the last time that it was full. Where it is full again and again, as much is sent as
/// can be.
#[derive(Debug, Default)]
struct Run {
    full_at: Option<Moment>,
    granted: u32,
}

impl Run {
    /// The window, which is `span` long, is full. Returns the pace in the light of this.
    fn full(&mut self, now: Moment, span: Duration, pace: Duration) -> Duration {
        if self.full_at.is_some() && self.granted == 0 {
            return pace;
        }
        let before = std::mem::replace(self, Self { full_at: Some(now), granted: 0 });
        match before.full_at.map(|full_at| now.since(full_at)) {
            // After a longer while than this nobody was waiting for a part of it.
            Some(took) if took <= 2 * span => average(pace, took, before.granted),
            Some(_) | None => pace,
        }
    }
}

/// Everything that was sent lately, and the limits it must keep.
#[derive(Debug)]
pub struct Book {
    windows: Windows,
    /// For each of [`Operation::ALL`].
    conversations: [Conversations; Operation::ALL.len()],
    tenants: HashMap<Arc<str>, Tenant>,
    /// The shortest latency seen, and of how many answers.
    shortest: Duration,
    answers: u32,
    /// How far apart requests to one tenant were lately, where as many as could be were made.
    pace: Duration,
    /// When logs were last looked through for what can be forgotten.
    swept_at: Moment,
}

impl Book {
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        Self {
            conversations: Default::default(),
            tenants: HashMap::new(),
            shortest: Duration::MAX,
            answers: 0,
            pace: (windows.tenant.span + ASSUMED_DOUBT) / whole(windows.tenant.max),
            windows,
            swept_at: Moment::default(),
        }
    }

    /// What a request into the conversation of `call` must wait for on account of that conversation alone.
    #[must_use]
    pub fn conversation_full(&self, call: &Call, now: Moment) -> Option<NotYet> {
        let log = self.conversations[call.operation as usize].get(&call.conversation)?;
        log.check(self.windows.of(call.operation), now).err()
    }

    /// A moment for one who can't wait any longer, not before `until` and at most a minute after it: each gets another, as
    /// far apart as the bucket lets requests through for longer than a burst. So a hundred who wait for one conversation do
    /// not come back all at once, of whom all but a few would be sent away again.
    pub fn promise(&mut self, bucket: Bucket, call: &Call, until: Moment) -> Moment {
        match bucket {
            Bucket::Conversation => {
                let log = self.conversations[call.operation as usize].wake(&call.conversation);
                log.promise(until, pace(self.windows.of(call.operation)))
            }
            Bucket::Tenant => {
                let tenant = self.tenants.entry(Arc::clone(&call.tenant)).or_default();
                tenant.log.promise(until, pace(&[self.windows.tenant]))
            }
        }
    }

    /// Grants one request, or says what to wait for.
    pub fn take(&mut self, call: &Call, now: Moment) -> Result<Grant, Full> {
        self.sweep(now);
        if let Some(wait) = self.conversation_full(call, now) {
            return Err(Full { bucket: Bucket::Conversation, wait });
        }
        let full = self.windows.tenant;
        let tenant = self.tenants.entry(Arc::clone(&call.tenant)).or_default();
        tenant.log.forget(full.span, now);
        let window = Window { max: tenant.allowance.of(full.max, now), ..full };
        if let Err(wait) = tenant.log.check(&[window], now) {
            if window == full && tenant.log.quiet_until(now).is_none() {
                self.pace = tenant.run.full(now, full.span, self.pace);
            }
            return Err(Full { bucket: Bucket::Tenant, wait });
        }
        tenant.run.granted += 1;
        tenant.log.granted();
        self.conversations[call.operation as usize].wake(&call.conversation).granted();
        Ok(Grant { call: call.clone(), at: now, left_at: now })
    }

    /// The request of `grant` was answered, or can no longer be. With `retry_after`, Teams refused it and asked for so
    /// much silence. Which limit was full it does not say: where the conversation has used half of one of its windows
    /// or more, by this book, it is that of the conversation; else it is that of the whole tenant, which is also slowed
    /// down.
    pub fn complete(&mut self, grant: &Grant, now: Moment, retry_after: Option<Duration>) {
        self.shortest = self.shortest.min(now.since(grant.left_at));
        self.answers = self.answers.saturating_add(1);
        let sure = if self.answers > ANSWERS_TO_TRUST { self.shortest / 2 } else { Duration::ZERO };
        let arrived_by = Moment(now.0.saturating_sub(sure));
        let silent_until = retry_after.map(|silence| now.after(silence));
        let call = &grant.call;
        let mut is_of_conversation = false;
        if let Some(log) = self.conversations[call.operation as usize].get_mut(&call.conversation) {
            log.answered(arrived_by);
            is_of_conversation = log.is_half_full(self.windows.of(call.operation), now);
            if let Some(until) = silent_until.filter(|_| is_of_conversation) {
                log.silence(until);
            }
        }
        if let Some(tenant) = self.tenants.get_mut(&call.tenant) {
            tenant.log.answered(arrived_by);
            if let Some(until) = silent_until.filter(|_| !is_of_conversation) {
                tenant.log.silence(until);
                tenant.allowance.cut(self.windows.tenant.max, grant.at, now);
            }
        }
    }

    /// The request of `grant` never left.
    pub fn cancel(&mut self, grant: &Grant) {
        let call = &grant.call;
        if let Some(log) = self.conversations[call.operation as usize].get_mut(&call.conversation) {
            log.cancelled();
        }
        if let Some(tenant) = self.tenants.get_mut(&call.tenant) {
            tenant.log.cancelled();
        }
    }

    /// How many requests a window of one tenant holds at best.
    #[must_use]
    pub fn per_tenant(&self) -> Window {
        self.windows.tenant
    }

    /// How many requests a second one tenant gets for long. Somewhat less than its window holds: each request counts
    /// for the window and for as long as we did not know when it arrived, and who waits is not woken at once.
    #[must_use]
    pub fn usable_per_second(&self) -> f64 {
        1.0 / self.pace.as_secs_f64()
    }

    /// The tenants that get less than the budget for now.
    #[must_use]
    pub fn slowed(&self, now: Moment) -> Vec<Slowed> {
        let full = self.windows.tenant.max;
        let slowed = self.tenants.iter().map(|(name, tenant)| Slowed {
            tenant: Arc::clone(name),
            allowance: tenant.allowance.of(full, now),
            quiet_until: tenant.log.quiet_until(now),
        });
        slowed.filter(|slowed| slowed.allowance < full || slowed.quiet_until.is_some()).collect()
    }

    /// Forgets what no window can count any more, so that the book stays as small as an hour's sending.
    fn sweep(&mut self, now: Moment) {
        const EVERY: Duration = Duration::from_mins(1);
        if now.since(self.swept_at) < EVERY {
            return;
        }
        self.swept_at = now;
        for operation in Operation::ALL {
            let longest = longest(self.windows.of(operation));
            self.conversations[operation as usize].sweep(longest, now);
        }
        let Window { max, span } = self.windows.tenant;
        self.tenants.retain(|_, tenant| {
            tenant.log.forget(span, now);
            !(tenant.log.is_empty(now) && tenant.allowance.is_full(max, now))
        });
    }
}

/// How many requests a second go through `window` when each counts for `doubt` longer.
#[must_use]
pub fn usable_per_second(window: Window, doubt: Duration) -> f64 {
    f64::from(whole(window.max)) / (window.span + doubt).as_secs_f64()
}

/// The average after `count` more that took so long together, of about as many as make ten seconds' worth of the published
/// budget. So the first ones of a run, which wait for a token and for connections, don't count for much.
fn average(so_far: Duration, took: Duration, count: u32) -> Duration {
    const OF: u32 = 500;
    (so_far * OF + took) / (OF + count)
}

/// A divisor.
fn whole(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).max(1)
}
