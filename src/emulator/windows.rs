//! The rate limits of Teams (Microsoft, "Optimize your bot with rate limiting", read in November 2026), as exact
//! sliding logs over the monotonic clock. Those that all bots of a thread share are not among them: here is one bot.
//!
//! A window of `span` with `most` admits a call at moment `t` when fewer than `most` admitted calls lie in the
//! half-open interval `(t - span, t]`. A token bucket would be cheaper and lets nearly twice as many through, so an
//! emulator with buckets would pass a client that the real service refuses.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::route::thread_of;

/// Which rate limits are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Windows {
    /// Those that Teams publishes: per conversation 7 in 1 s, 8 in 2 s, 60 in 30 s and 1,800 in 3,600 s, for sending
    /// and for creating alike; twice that for asking who is there and for asking for the channels of a team; per
    /// tenant 50 calls of any kind in 1 s.
    #[default]
    Published,
    /// The published ones per conversation, and this many calls in 1 s per tenant.
    TenantPerSecond(u32),
    /// None.
    Off,
}

const SECOND_US: u64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Window {
    span_us: u64,
    most: usize,
}

const fn window(seconds: u64, most: usize) -> Window {
    Window { span_us: seconds * SECOND_US, most }
}

/// Per bot and conversation, for "send to conversation" and for "create conversation", each by itself.
const PER_CONVERSATION: [Window; 4] = [window(1, 7), window(2, 8), window(30, 60), window(3600, 1800)];
/// Per bot and conversation, for "get conversation members" and for "get conversations", each by itself.
const PER_CONVERSATION_ASKED: [Window; 4] = [window(1, 14), window(2, 16), window(30, 120), window(3600, 3600)];
/// Per bot and tenant, all calls together. Older pages said 30.
const PER_TENANT: [Window; 1] = [window(1, 50)];

/// The moments of admitted calls, oldest first, as far back as the longest window reaches.
#[derive(Default)]
struct Log(VecDeque<u64>);

impl Log {
    /// How long until all `windows` have room; zero when they have it now. Microseconds.
    fn wait_us(&self, windows: &[Window], now_us: u64) -> u64 {
        let waits = windows.iter().map(|window| match self.0.len().checked_sub(window.most) {
            // The call that must leave the window before another may enter it.
            Some(index) => self
                .0
                .get(index)
                .map_or(window.span_us, |&oldest| (oldest.saturating_add(window.span_us)).saturating_sub(now_us)),
            None => 0,
        });
        waits.max().unwrap_or(0)
    }

    fn note(&mut self, windows: &[Window], now_us: u64) {
        let Some(longest) = windows.iter().map(|window| window.span_us).max() else { return };
        while self.0.front().is_some_and(|&oldest| oldest.saturating_add(longest) <= now_us) {
            self.0.pop_front();
        }
        self.0.push_back(now_us);
    }
}

/// The calls of one tenant.
#[derive(Default)]
struct Tenant {
    admitted: Log,
    /// All calls of the last second, admitted or not.
    seen: Log,
    busiest_second: u64,
}

/// Which published row a call falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Row {
    Send,
    Create,
    /// Get conversation members.
    Members,
    /// Get conversations.
    Conversations,
    /// Under no row of its own; it counts for the tenant.
    Other,
}

impl Row {
    fn windows(self) -> &'static [Window] {
        match self {
            Self::Send | Self::Create => &PER_CONVERSATION,
            Self::Members | Self::Conversations => &PER_CONVERSATION_ASKED,
            Self::Other => &[],
        }
    }
}

/// Logs are looked through for those that no longer count when there are twice as many as after the last time.
const FEW_LOGS: usize = 1024;

/// Decides for each call whether the limits admit it.
pub(super) struct Limiter {
    per_conversation: bool,
    per_tenant: Vec<Window>,
    threads: HashMap<Row, HashMap<String, Log>>,
    tenants: HashMap<String, Tenant>,
    /// How many logs of threads there may be before they are looked through.
    most_logs: usize,
}

impl Limiter {
    pub(super) fn new(windows: Windows) -> Self {
        let (per_conversation, per_tenant) = match windows {
            Windows::Published => (true, PER_TENANT.to_vec()),
            Windows::TenantPerSecond(most) => (true, vec![window(1, usize::try_from(most).unwrap_or(usize::MAX))]),
            Windows::Off => (false, Vec::new()),
        };
        Self { per_conversation, per_tenant, threads: HashMap::new(), tenants: HashMap::new(), most_logs: FEW_LOGS }
    }

    /// Admits a call, or says in how many whole seconds, rounded up, there is room for it. A call that is not
    /// admitted takes up no room.
    pub(super) fn admit(&mut self, row: Row, conversation: &str, tenant: &str, now_us: u64) -> Result<(), u64> {
        let tenant = entry(&mut self.tenants, tenant);
        tenant.see(now_us);
        let windows = if self.per_conversation { row.windows() } else { &[] };
        let thread = thread_of(conversation);
        let logs = self.threads.entry(row).or_default();
        let in_thread = logs.get(thread).map_or(0, |log| log.wait_us(windows, now_us));
        let wait_us = in_thread.max(tenant.admitted.wait_us(&self.per_tenant, now_us));
        if wait_us > 0 {
            return Err(wait_us.div_ceil(SECOND_US));
        }
        tenant.admitted.note(&self.per_tenant, now_us);
        if !windows.is_empty() {
            entry(logs, thread).note(windows, now_us);
            self.forget_old_logs(now_us);
        }
        Ok(())
    }

    /// Forgets the threads in which nothing has happened for as long as any window reaches, so that a run through
    /// many conversations does not fill the memory. Each look at all of them is paid for by as many new ones.
    fn forget_old_logs(&mut self, now_us: u64) {
        if self.threads.values().map(HashMap::len).sum::<usize>() <= self.most_logs {
            return;
        }
        for (row, logs) in &mut self.threads {
            let longest = row.windows().iter().map(|window| window.span_us).max().unwrap_or(0);
            logs.retain(|_, log| log.0.back().is_some_and(|&last| last.saturating_add(longest) > now_us));
        }
        self.most_logs = (2 * self.threads.values().map(HashMap::len).sum::<usize>()).max(FEW_LOGS);
    }

    /// The most calls that came in any one second, by tenant.
    pub(super) fn busiest_second(&self) -> BTreeMap<String, u64> {
        self.tenants.iter().map(|(tenant, calls)| (tenant.clone(), calls.busiest_second)).collect()
    }
}

impl Tenant {
    fn see(&mut self, now_us: u64) {
        self.seen.note(&[window(1, 0)], now_us);
        self.busiest_second = self.busiest_second.max(self.seen.0.len() as u64);
    }
}

/// The value under `key`, made when it is missing. The key is only copied then.
fn entry<'map, V: Default>(map: &'map mut HashMap<String, V>, key: &str) -> &'map mut V {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), V::default());
    }
    // It was inserted above if it was not there.
    map.get_mut(key).expect("the key is in the map")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: &str = "a:1ana";
    const CONTOSO: &str = "contoso";

    fn at(seconds: f64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive test moments")]
        let us = (seconds * 1e6).round() as u64;
        us
    }

    /// Admits calls at the given seconds and checks that the last one, and only it, is refused with `expect`.
    #[track_caller]
    fn check(windows: Windows, row: Row, seconds: &[f64], expect: Result<(), u64>) {
        let mut limiter = Limiter::new(windows);
        let (last, before) = seconds.split_last().unwrap();
        for second in before {
            assert_eq!(limiter.admit(row, ANA, CONTOSO, at(*second)), Ok(()), "at {second} s");
        }
        assert_eq!(limiter.admit(row, ANA, CONTOSO, at(*last)), expect, "at {last} s");
    }

    /// `count` calls, `step` seconds apart, from `start` on.
    fn calls(start: f64, step: f64, count: u32) -> Vec<f64> {
        (0..count).map(|n| start + step * f64::from(n)).collect()
    }

    fn then(mut seconds: Vec<f64>, last: f64) -> Vec<f64> {
        seconds.push(last);
        seconds
    }

    #[test]
    fn seven_in_a_second() {
        for row in [Row::Send, Row::Create] {
            check(Windows::Published, row, &then(calls(10.0, 0.1, 7), 10.999_999), Err(1));
            check(Windows::Published, row, &then(calls(10.0, 0.1, 7), 11.0), Ok(()));
        }
    }

    #[test]
    fn eight_in_two_seconds() {
        // One every 0.25 s is below 7 in 1 s.
        check(Windows::Published, Row::Send, &then(calls(10.0, 0.25, 8), 11.999_999), Err(1));
        check(Windows::Published, Row::Send, &then(calls(10.0, 0.25, 8), 12.0), Ok(()));
        check(Windows::Published, Row::Send, &then(calls(10.0, 0.15, 7), 11.06), Ok(()));
        let early = then(calls(10.0, 0.15, 7), 11.0);
        check(Windows::Published, Row::Send, &then(early, 11.0), Err(1));
    }

    #[test]
    fn sixty_in_thirty_seconds() {
        // One every 0.3 s: 7 in 2 s at most, 60 within 18 s, and 12 s to wait for the next.
        check(Windows::Published, Row::Send, &then(calls(0.0, 0.3, 60), 18.0), Err(12));
        check(Windows::Published, Row::Send, &then(calls(0.0, 0.3, 60), 30.0), Ok(()));
    }

    #[test]
    fn eighteen_hundred_in_an_hour() {
        // One every 0.6 s: 50 in 30 s, 1,800 within 18 minutes.
        check(Windows::Published, Row::Send, &then(calls(0.0, 0.6, 1800), 1080.0), Err(2520));
        check(Windows::Published, Row::Send, &then(calls(0.0, 0.6, 1800), 3599.5), Err(1));
        check(Windows::Published, Row::Send, &then(calls(0.0, 0.6, 1800), 3600.0), Ok(()));
    }

    #[test]
    fn fifty_a_second_in_a_tenant() {
        let mut limiter = Limiter::new(Windows::Published);
        for n in 0..50 {
            let row = if n % 2 == 0 { Row::Send } else { Row::Create };
            assert_eq!(limiter.admit(row, &format!("a:{n}"), CONTOSO, at(5.0)), Ok(()));
        }
        assert_eq!(limiter.admit(Row::Send, "a:one more", CONTOSO, at(5.5)), Err(1));
        assert_eq!(limiter.admit(Row::Send, "a:one more", "fabrikam", at(5.5)), Ok(()));
        assert_eq!(limiter.admit(Row::Send, "a:one more", CONTOSO, at(6.0)), Ok(()));
        assert_eq!(limiter.busiest_second()[CONTOSO], 51);
        assert_eq!(limiter.busiest_second()["fabrikam"], 1);
    }

    #[test]
    fn a_refused_call_takes_up_no_room() {
        let mut limiter = Limiter::new(Windows::TenantPerSecond(1));
        assert_eq!(limiter.admit(Row::Send, ANA, CONTOSO, at(0.0)), Ok(()));
        for tenth in 1..10 {
            assert_eq!(limiter.admit(Row::Send, ANA, CONTOSO, at(f64::from(tenth) / 10.0)), Err(1));
        }
        assert_eq!(limiter.admit(Row::Send, ANA, CONTOSO, at(1.0)), Ok(()));
    }

    #[test]
    fn sends_and_creates_have_their_own_room_and_the_posts_of_a_channel_share_it() {
        let mut limiter = Limiter::new(Windows::Published);
        for n in 0..7 {
            let post = format!("19:x@thread.tacv2;messageid={n}");
            assert_eq!(limiter.admit(Row::Send, &post, CONTOSO, at(1.0)), Ok(()));
        }
        assert_eq!(limiter.admit(Row::Send, "19:x@thread.tacv2", CONTOSO, at(1.5)), Err(1));
        assert_eq!(limiter.admit(Row::Create, "19:x@thread.tacv2", CONTOSO, at(1.5)), Ok(()));
        assert_eq!(limiter.admit(Row::Send, "19:y@thread.tacv2", CONTOSO, at(1.5)), Ok(()));
    }

    #[test]
    fn asking_has_twice_the_room() {
        for row in [Row::Members, Row::Conversations] {
            check(Windows::Published, row, &then(calls(10.0, 0.05, 14), 10.9), Err(1));
            check(Windows::Published, row, &then(calls(10.0, 0.125, 16), 11.999_999), Err(1));
            check(Windows::Published, row, &then(calls(0.0, 0.15, 120), 18.0), Err(12));
            check(Windows::Published, row, &then(calls(0.0, 0.3, 3600), 1080.0), Err(2520));
        }
        check(Windows::Published, Row::Other, &calls(1.0, 0.01, 50), Ok(()));
        check(Windows::Published, Row::Other, &then(calls(1.0, 0.01, 50), 1.9), Err(1));
    }

    #[test]
    fn conversations_in_which_nothing_happens_are_forgotten() {
        let mut limiter = Limiter::new(Windows::Published);
        // Two a second: 7,200 of them have spoken within any hour.
        for n in 0..50_000_u32 {
            assert_eq!(limiter.admit(Row::Send, &format!("a:{n}"), CONTOSO, at(f64::from(n) / 2.0)), Ok(()));
        }
        let kept: usize = limiter.threads.values().map(HashMap::len).sum();
        assert!((7_200..=14_400).contains(&kept), "those of the last hour, and at most as many again: {kept}");
    }

    #[test]
    fn off_means_off() {
        check(Windows::Off, Row::Send, &calls(1.0, 0.0, 5000), Ok(()));
    }

    #[test]
    fn a_tenant_that_may_send_nothing_is_told_to_wait() {
        check(Windows::TenantPerSecond(0), Row::Send, &[1.0], Err(1));
    }
}
