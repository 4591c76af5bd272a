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
//! to mean something; this leaves room for a request that is twice as fast as all before it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::time::Moment;

/// At most `max` requests in any `span`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub max: usize,
    pub span: Duration,
}

/// "Rate limiting", Teams platform documentation, 2026 text: per bot and conversation.
pub const PER_CONVERSATION: [Window; 4] = [
    Window { max: 7, span: Duration::from_secs(1) },
    Window { max: 8, span: Duration::from_secs(2) },
    Window { max: 60, span: Duration::from_secs(30) },
    Window { max: 1800, span: Duration::from_hours(1) },
];

/// The same page: per app and tenant, all calls together.
pub const PER_TENANT_PER_SECOND: usize = 50;

/// How many answers it takes before the shortest latency among them is believed.
const ANSWERS_TO_TRUST: u32 = 100;

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

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// Ask again at this moment.
    Until(Moment),
    /// The window is full of requests whose answers are out: ask again when one of them is here.
    UntilAnAnswer,
}

/// The right to make one request, to be given back with [`Book::complete`] or [`Book::cancel`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    tenant: Arc<str>,
    conversation: Arc<str>,
    at: Moment,
}

/// What was sent into one bucket.
#[derive(Debug, Default)]
struct Log {
    in_flight: usize,
    /// Until when each answered request may have arrived, ascending.
    arrived_by: VecDeque<Moment>,
    /// Teams asked for silence until then.
    quiet_until: Moment,
    /// The last of the moments that were promised to those who were sent away.
    promised: Moment,
}

impl Log {
    fn check(&self, windows: &[Window], now: Moment) -> Result<(), NotYet> {
        if self.quiet_until > now {
            return Err(NotYet::Until(self.quiet_until));
        }
        let mut wait = None;
        for window in windows {
            // A request leaves the window at the very moment `arrived_by + span`.
            let gone = self.arrived_by.partition_point(|by| by.after(window.span) <= now);
            let counted = self.arrived_by.len() - gone + self.in_flight;
            if counted < window.max {
                continue;
            }
            // So many must leave before there is room for one more; those in flight cannot.
            let must_leave = counted - window.max;
            let Some(last_to_leave) = self.arrived_by.get(gone + must_leave) else {
                return Err(NotYet::UntilAnAnswer);
            };
            wait = wait.max(Some(last_to_leave.after(window.span)));
        }
        wait.map_or(Ok(()), |until| Err(NotYet::Until(until)))
    }

    fn answered(&mut self, arrived_by: Moment) {
        self.in_flight -= 1;
        let at = self.arrived_by.partition_point(|by| *by <= arrived_by);
        self.arrived_by.insert(at, arrived_by);
    }

    fn forget(&mut self, longest: Duration, now: Moment) {
        let gone = self.arrived_by.partition_point(|by| by.after(longest) <= now);
        self.arrived_by.drain(..gone);
    }

    fn is_empty(&self, now: Moment) -> bool {
        self.in_flight == 0 && self.arrived_by.is_empty() && self.quiet_until <= now && self.promised <= now
    }
}

/// Everything that was sent lately, and the limits it must keep.
#[derive(Debug)]
pub struct Book {
    per_conversation: Vec<Window>,
    per_tenant: Vec<Window>,
    conversations: HashMap<Arc<str>, Log>,
    tenants: HashMap<Arc<str>, Log>,
    /// The shortest latency seen, and of how many answers.
    shortest: Duration,
    answers: u32,
    /// When logs were last looked through for what can be forgotten.
    swept_at: Moment,
}

impl Book {
    #[must_use]
    pub fn new(per_conversation: Vec<Window>, per_tenant: Vec<Window>) -> Self {
        Self {
            per_conversation,
            per_tenant,
            conversations: HashMap::new(),
            tenants: HashMap::new(),
            shortest: Duration::MAX,
            answers: 0,
            swept_at: Moment::default(),
        }
    }

    /// The published windows, with `per_second` requests a second for each tenant.
    #[must_use]
    pub fn published(per_second: usize) -> Self {
        Self::new(PER_CONVERSATION.to_vec(), vec![Window { max: per_second, span: Duration::from_secs(1) }])
    }

    /// What a request into `conversation` must wait for on account of that conversation alone.
    #[must_use]
    pub fn conversation_full(&self, conversation: &str, now: Moment) -> Option<NotYet> {
        self.conversations.get(conversation)?.check(&self.per_conversation, now).err()
    }

    /// A moment for one who can't wait any longer, not before `until`: each gets another, as far apart as the bucket
    /// lets requests through for longer than a burst. So a hundred who wait for one conversation do not come back all
    /// at once, of whom all but a few would be sent away again.
    pub fn promise(&mut self, bucket: Bucket, tenant: &Arc<str>, conversation: &Arc<str>, until: Moment) -> Moment {
        let (logs, key, windows) = match bucket {
            Bucket::Conversation => (&mut self.conversations, conversation, &self.per_conversation),
            Bucket::Tenant => (&mut self.tenants, tenant, &self.per_tenant),
        };
        let log = logs.entry(Arc::clone(key)).or_default();
        log.promised = until.max(log.promised.after(pace(windows)));
        log.promised
    }

    /// Grants one request into `conversation` of `tenant`, or says what to wait for.
    pub fn take(&mut self, tenant: &Arc<str>, conversation: &Arc<str>, now: Moment) -> Result<Grant, Full> {
        self.sweep(now);
        if let Some(log) = self.conversations.get(conversation) {
            log.check(&self.per_conversation, now).map_err(|wait| Full { bucket: Bucket::Conversation, wait })?;
        }
        let log = self.tenants.entry(Arc::clone(tenant)).or_default();
        log.forget(longest(&self.per_tenant), now);
        log.check(&self.per_tenant, now).map_err(|wait| Full { bucket: Bucket::Tenant, wait })?;
        log.in_flight += 1;
        self.conversations.entry(Arc::clone(conversation)).or_default().in_flight += 1;
        Ok(Grant { tenant: Arc::clone(tenant), conversation: Arc::clone(conversation), at: now })
    }

    /// The request of `grant` was answered, or can no longer be. With `retry_after`, Teams asked the whole tenant for
    /// so much silence: which of its windows was full it does not say.
    pub fn complete(&mut self, grant: &Grant, now: Moment, retry_after: Option<Duration>) {
        let latency = now.since(grant.at);
        self.shortest = self.shortest.min(latency);
        self.answers = self.answers.saturating_add(1);
        let sure = if self.answers > ANSWERS_TO_TRUST { self.shortest / 2 } else { Duration::ZERO };
        let arrived_by = Moment(now.0.saturating_sub(sure));
        if let Some(log) = self.conversations.get_mut(&grant.conversation) {
            log.answered(arrived_by);
        }
        if let Some(log) = self.tenants.get_mut(&grant.tenant) {
            log.answered(arrived_by);
            if let Some(silence) = retry_after {
                log.quiet_until = log.quiet_until.max(now.after(silence));
            }
        }
    }

    /// The request of `grant` never left.
    pub fn cancel(&mut self, grant: &Grant) {
        for (logs, key) in [(&mut self.conversations, &grant.conversation), (&mut self.tenants, &grant.tenant)] {
            if let Some(log) = logs.get_mut(key) {
                log.in_flight -= 1;
            }
        }
    }

    /// Forgets what no window can count any more, so that the book stays as small as an hour's sending.
    fn sweep(&mut self, now: Moment) {
        const EVERY: Duration = Duration::from_mins(1);
        if now.since(self.swept_at) < EVERY {
            return;
        }
        self.swept_at = now;
        for (logs, windows) in
            [(&mut self.conversations, &self.per_conversation), (&mut self.tenants, &self.per_tenant)]
        {
            let longest = longest(windows);
            logs.retain(|_, log| {
                log.forget(longest, now);
                !log.is_empty(now)
            });
        }
    }
}

/// How far apart requests are that go on for a minute. The windows of an hour are reached by whoever goes on for longer,
/// and are named then.
fn pace(windows: &[Window]) -> Duration {
    let short = windows.iter().filter(|window| window.span <= Duration::from_mins(1));
    short.map(|window| window.span / u32::try_from(window.max.max(1)).unwrap_or(u32::MAX)).max().unwrap_or_default()
}

fn longest(windows: &[Window]) -> Duration {
    windows.iter().map(|window| window.span).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Moment {
        Moment(Duration::from_millis(ms))
    }

    fn full(bucket: Bucket, wait: NotYet) -> Result<Grant, Full> {
        Err(Full { bucket, wait })
    }

    fn keys() -> (Arc<str>, Arc<str>) {
        (Arc::from("tenant"), Arc::from("conversation"))
    }

    #[test]
    fn seven_in_a_second_and_then_the_eighth() {
        let (tenant, conversation) = keys();
        let mut book = Book::published(50);
        for n in 0..7 {
            let grant = book.take(&tenant, &conversation, ms(n)).expect("the first seven go at once");
            book.complete(&grant, ms(n), None);
        }
        assert_eq!(book.take(&tenant, &conversation, ms(7)), full(Bucket::Conversation, NotYet::Until(ms(1000))));
        let eighth = book.take(&tenant, &conversation, ms(1000)).expect("the eighth goes a second after the first");
        book.complete(&eighth, ms(1000), None);
        // 8 in 2 s: the ninth waits for the first to be two seconds old.
        assert_eq!(book.take(&tenant, &conversation, ms(1001)), full(Bucket::Conversation, NotYet::Until(ms(2000))));
    }

    #[test]
    fn who_is_sent_away_gets_a_moment_of_their_own() {
        let (tenant, conversation) = keys();
        let mut book = Book::published(50);
        let promised = [30, 30, 30, 32]
            .map(|until| book.promise(Bucket::Conversation, &tenant, &conversation, ms(until * 1000)).0.as_millis());
        // 60 in 30 s.
        assert_eq!(promised, [30_000, 30_500, 31_000, 32_000]);
        let promised = [1, 1].map(|until| book.promise(Bucket::Tenant, &tenant, &conversation, ms(until * 1000)));
        assert_eq!(promised, [ms(1000), ms(1020)]);
    }

    #[test]
    fn a_full_house_in_flight_waits_for_an_answer() {
        let (tenant, _) = keys();
        let mut book = Book::published(2);
        let talk = |n: u8| Arc::from(n.to_string());
        let first = book.take(&tenant, &talk(1), ms(0)).expect("room");
        let second = book.take(&tenant, &talk(2), ms(0)).expect("room");
        assert_eq!(book.take(&tenant, &talk(3), ms(5000)), full(Bucket::Tenant, NotYet::UntilAnAnswer));
        book.cancel(&second);
        let third = book.take(&tenant, &talk(3), ms(5000)).expect("a cancelled one takes no room");
        book.complete(&first, ms(5100), None);
        book.complete(&third, ms(5100), None);
    }

    #[test]
    fn retry_after_silences_the_tenant_and_nobody_else() {
        let (tenant, conversation) = keys();
        let mut book = Book::published(50);
        let grant = book.take(&tenant, &conversation, ms(0)).expect("room");
        book.complete(&grant, ms(10), Some(Duration::from_secs(5)));
        assert_eq!(book.take(&tenant, &Arc::from("other"), ms(20)), full(Bucket::Tenant, NotYet::Until(ms(5010))));
        assert!(book.take(&Arc::from("elsewhere"), &Arc::from("far"), ms(20)).is_ok());
    }

    #[test]
    fn what_no_window_counts_is_forgotten() {
        let (tenant, conversation) = keys();
        let mut book = Book::published(50);
        let grant = book.take(&tenant, &conversation, ms(0)).expect("room");
        book.complete(&grant, ms(10), None);
        let hour_later = ms(3_700_000);
        let other = book.take(&tenant, &Arc::from("other"), hour_later).expect("room");
        book.cancel(&other);
        assert!(!book.conversations.contains_key(&conversation));
    }

    /// Sends as fast as the book lets it through a network that takes `(there, back)` milliseconds for each request,
    /// and checks every window of the server.
    fn send_all(delays: &[(u64, u64)], gaps: &[u64]) -> Result<(), TestCaseError> {
        let (tenant, conversation) = keys();
        let windows = vec![
            Window { max: 7, span: Duration::from_secs(1) },
            Window { max: 8, span: Duration::from_secs(2) },
            Window { max: 20, span: Duration::from_secs(30) },
        ];
        let mut book = Book::new(windows.clone(), vec![Window { max: 7, span: Duration::from_secs(1) }]);
        let mut out: Vec<(u64, Grant)> = Vec::new();
        let mut arrivals = Vec::new();
        let mut now = 0;
        for ((there, back), gap) in delays.iter().zip(gaps) {
            now += gap;
            let grant = loop {
                out.sort_by_key(|(answer, _)| *answer);
                while out.first().is_some_and(|(answer, _)| *answer <= now) {
                    let (answer, grant) = out.remove(0);
                    book.complete(&grant, ms(answer), None);
                }
                match book.take(&tenant, &conversation, ms(now)) {
                    Ok(grant) => break grant,
                    Err(Full { wait: NotYet::Until(at), .. }) => {
                        now = u64::try_from(at.0.as_millis()).unwrap().max(now + 1);
                    }
                    Err(Full { wait: NotYet::UntilAnAnswer, .. }) => now = out[0].0,
                }
            };
            arrivals.push(now + there);
            out.push((now + there + back, grant));
        }
        arrivals.sort_unstable();
        for window in windows {
            let span = u64::try_from(window.span.as_millis()).unwrap();
            for group in arrivals.windows(window.max + 1) {
                prop_assert!(group[window.max] - group[0] >= span, "{} in {span} ms: {group:?}", window.max + 1);
            }
        }
        Ok(())
    }

    proptest! {
        /// Never more than the limit arrives in any window of the server, however the network delays each request.
        #[test]
        fn no_window_is_exceeded_on_an_unknown_network(
            delays in prop::collection::vec((0u64..400, 0u64..400), 1..100),
            gaps in prop::collection::vec(0u64..60, 100),
        ) {
            send_all(&delays, &gaps)?;
        }

        /// Nor on a network that has shown how fast it is, and is at times twice as fast as ever before.
        #[test]
        fn no_window_is_exceeded_on_a_known_network(
            early in prop::collection::vec((40u64..400, 40u64..400), 110),
            later in prop::collection::vec((20u64..400, 20u64..400), 1..200),
            gaps in prop::collection::vec(0u64..60, 310),
        ) {
            // One early request is as fast as any of them, so that the others are at best twice as fast.
            let delays: Vec<_> = [(40, 40)].into_iter().chain(early).chain(later).collect();
            send_all(&delays, &gaps)?;
        }
    }
}
