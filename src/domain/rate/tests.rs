use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Moment {
    Moment(Duration::from_millis(ms))
}

fn full(bucket: Bucket, wait: NotYet) -> Result<Grant, Full> {
    Err(Full { bucket, wait })
}

/// A call for which the tenant is "tenant".
fn to(operation: Operation, conversation: &str) -> Call {
    Call { tenant: Arc::from("tenant"), conversation: Arc::from(conversation), operation }
}

fn send(conversation: &str) -> Call {
    to(Operation::Send, conversation)
}

fn published(per_second: usize) -> Book {
    Book::new(Windows::published(per_second))
}

#[test]
fn seven_in_a_second_and_then_the_eighth() {
    for operation in [Operation::Send, Operation::Create] {
        let (mut book, call) = (published(50), to(operation, "a"));
        for n in 0..7 {
            let grant = book.take(&call, ms(n)).expect("the first seven go at once");
            book.complete(&grant, ms(n), None);
        }
        assert_eq!(book.take(&call, ms(7)), full(Bucket::Conversation, NotYet::Until(ms(1000))));
        let eighth = book.take(&call, ms(1000)).expect("the eighth goes a second after the first");
        book.complete(&eighth, ms(1000), None);
        // 8 in 2 s: the ninth waits for the first to be two seconds old.
        assert_eq!(book.take(&call, ms(1001)), full(Bucket::Conversation, NotYet::Until(ms(2000))));
    }
}

/// How many requests of each kind go into one conversation at once, one kind after the other.
#[test]
fn each_operation_has_windows_of_its_own_and_all_share_the_tenant() {
    let at_once = |book: &mut Book| {
        Operation::ALL.map(|operation| (0..100).map_while(|_| book.take(&to(operation, "a"), ms(0)).ok()).count())
    };
    assert_eq!(at_once(&mut published(1000)), [7, 7, 14, 14]);
    assert_eq!(at_once(&mut published(20)), [7, 7, 6, 0]);
}

#[test]
fn who_is_sent_away_gets_a_moment_of_their_own() {
    let mut book = published(50);
    let promised =
        [30, 30, 30, 32].map(|until| book.promise(Bucket::Conversation, &send("a"), ms(until * 1000)).0.as_millis());
    // 60 in 30 s.
    assert_eq!(promised, [30_000, 30_500, 31_000, 32_000]);
    let promised = [1, 1].map(|until| book.promise(Bucket::Tenant, &send("a"), ms(until * 1000)));
    assert_eq!(promised, [ms(1000), ms(1020)]);
}

/// Also where somebody asks without end, as only a mistake of ours lets them.
#[test]
fn nobody_is_sent_away_for_more_than_a_minute_beyond_what_they_wait_for() {
    let mut book = published(50);
    for bucket in [Bucket::Conversation, Bucket::Tenant] {
        let last = (0..10_000).map(|_| book.promise(bucket, &send("a"), ms(40_000))).last();
        assert_eq!(last, Some(ms(100_000)), "{bucket:?}");
    }
}

#[test]
fn a_full_house_in_flight_waits_for_an_answer() {
    let mut book = published(2);
    let first = book.take(&send("1"), ms(0)).expect("room");
    let second = book.take(&send("2"), ms(0)).expect("room");
    assert_eq!(book.take(&send("3"), ms(5000)), full(Bucket::Tenant, NotYet::UntilAnAnswer));
    book.cancel(&second);
    let third = book.take(&send("3"), ms(5000)).expect("a cancelled one takes no room");
    book.complete(&first, ms(5100), None);
    book.complete(&third, ms(5100), None);
}

const FIVE_SECONDS: Option<Duration> = Some(Duration::from_secs(5));

#[test]
fn retry_after_silences_the_tenant_and_nobody_else() {
    let mut book = published(50);
    let grant = book.take(&send("a"), ms(0)).expect("room");
    book.complete(&grant, ms(10), FIVE_SECONDS);
    assert_eq!(book.take(&send("b"), ms(20)), full(Bucket::Tenant, NotYet::Until(ms(5010))));
    let elsewhere = Call { tenant: Arc::from("elsewhere"), ..send("a") };
    assert!(book.take(&elsewhere, ms(20)).is_ok());
    let slowed = Slowed { tenant: Arc::from("tenant"), allowance: 25, quiet_until: Some(ms(5010)) };
    assert_eq!(book.slowed(ms(20)), [slowed]);
    // 25 of 50, and five steps of a twentieth.
    let sent = (0..60).map_while(|n| book.take(&send(&n.to_string()), ms(5010)).ok()).count();
    assert_eq!(sent, 37);
    assert_eq!(book.slowed(ms(20_000)), []);
}

/// A conversation that has used half of a window, by our own book, is to blame, and pays alone.
#[test]
fn a_busy_conversation_takes_the_blame() {
    let mut book = published(50);
    let grants: Vec<_> = (0..4).map(|_| book.take(&send("busy"), ms(0)).expect("room")).collect();
    for grant in &grants[1..] {
        book.complete(grant, ms(10), None);
    }
    book.complete(&grants[0], ms(10), FIVE_SECONDS);
    assert_eq!(book.take(&send("busy"), ms(3000)), full(Bucket::Conversation, NotYet::Until(ms(5010))));
    assert!(book.take(&send("other"), ms(20)).is_ok());
    assert_eq!(book.slowed(ms(20)), []);
}

#[test]
fn what_no_window_counts_is_forgotten() {
    let mut book = published(50);
    let grant = book.take(&send("a"), ms(0)).expect("room");
    book.complete(&grant, ms(10), None);
    let hour_later = ms(3_700_000);
    let other = book.take(&send("other"), hour_later).expect("room");
    book.cancel(&other);
    assert_eq!(book.conversations[0].count(), (1, 0), "the other one");
}

/// A conversation that got one message rests, in less memory, and its message counts as before.
#[test]
fn who_rests_is_not_forgotten() {
    let windows = Windows { posting: vec![Window::new(2, 3600)], ..Windows::published(50) };
    let mut book = Book::new(windows);
    let send_at = |book: &mut Book, name: &str, second: u64| {
        book.take(&send(name), ms(second * 1000)).map(|grant| book.complete(&grant, ms(second * 1000), None))
    };
    send_at(&mut book, "a", 0).expect("room");
    send_at(&mut book, "b", 100).expect("room");
    send_at(&mut book, "b", 200).expect("room");
    assert_eq!(book.conversations[0].count(), (1, 1), "a rests");
    send_at(&mut book, "a", 300).expect("room");
    assert_eq!(book.conversations[0].count(), (2, 0), "a is awake");
    let wait = NotYet::Until(ms(3_600_000));
    assert_eq!(send_at(&mut book, "a", 400), Err(Full { bucket: Bucket::Conversation, wait }));
    send_at(&mut book, "c", 7200).expect("room");
    assert_eq!(book.conversations[0].count(), (1, 0), "an hour later nothing counts");
}

/// Only the time on the way makes it surer when a request arrived.
#[test]
fn what_our_own_disk_takes_is_not_latency() {
    let mut book = published(1);
    let mut now = 0;
    for n in 0..2 * u64::from(ANSWERS_TO_TRUST) {
        let mut grant = book.take(&send(&n.to_string()), ms(now)).expect("room");
        grant.leaves(ms(now + 100));
        now += 110;
        book.complete(&grant, ms(now), None);
        let doubt = if n < u64::from(ANSWERS_TO_TRUST) { 0 } else { 5 };
        assert_eq!(book.take(&send("next"), ms(now)), full(Bucket::Tenant, NotYet::Until(ms(now - doubt + 1000))));
        now += 1000;
    }
}

/// What is used is measured where as much is sent as can be, and assumed until then.
#[test]
fn the_usable_rate_is_what_is_measured() {
    let rate = |doubt_ms| usable_per_second(Window::new(50, 1), Duration::from_millis(doubt_ms));
    assert!((rate(0) - 50.0).abs() < 1e-9 && (rate(250) - 40.0).abs() < 1e-9);
    let mut book = published(50);
    // Somebody always waits; each answer takes a fifth of a second.
    let (mut now, mut out, mut sent) = (0, VecDeque::new(), 0);
    while sent < 5000 {
        while out.front().is_some_and(|(answer, _)| *answer <= now) {
            let (answer, grant) = out.pop_front().expect("it was seen");
            book.complete(&grant, ms(answer), None);
        }
        match book.take(&send(&sent.to_string()), ms(now)) {
            Ok(grant) => {
                sent += 1;
                out.push_back((now + 200, grant));
            }
            Err(_) => now += 1,
        }
        if sent == 50 {
            assert!((book.usable_per_second() - rate(25)).abs() < 1e-3, "nothing is known yet");
        }
    }
    for (answer, grant) in out {
        book.complete(&grant, ms(answer), None);
    }
    assert!((book.usable_per_second() - rate(100)).abs() < 0.1, "{}", book.usable_per_second());
    // A pause tells nothing.
    for n in 0..500 {
        let at = now + (n + 1) * 5000;
        let grants: Vec<_> = (0..50).map(|k| book.take(&send(&format!("{n} {k}")), ms(at)).expect("room")).collect();
        assert!(book.take(&send("one more"), ms(at)).is_err());
        for grant in grants {
            book.complete(&grant, ms(at + 10), None);
        }
    }
    assert!((book.usable_per_second() - rate(100)).abs() < 0.5, "{}", book.usable_per_second());
}

/// Windows of one kind for everything, small enough to be met often.
fn small(tenant: usize) -> Windows {
    let windows = vec![Window::new(7, 1), Window::new(8, 2), Window::new(20, 30)];
    Windows { posting: windows.clone(), reading: windows, tenant: Window::new(tenant, 1) }
}

/// Sends as fast as the book lets it through a network that takes `(there, back)` milliseconds for each request,
/// and checks every window of the server.
fn send_all(delays: &[(u64, u64)], gaps: &[u64]) -> Result<(), TestCaseError> {
    let windows = small(7);
    let mut book = Book::new(windows.clone());
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
            match book.take(&send("a"), ms(now)) {
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
    for window in windows.posting {
        let span = u64::try_from(window.span.as_millis()).unwrap();
        for group in arrivals.windows(window.max + 1) {
            prop_assert!(group[window.max] - group[0] >= span, "{} in {span} ms: {group:?}", window.max + 1);
        }
    }
    Ok(())
}

/// How much of a tenant's budget a crowd uses that is always there, each in a conversation of its own, on a network that
/// takes `(there, back)` milliseconds for each request, one after the other.
fn used(delays: &[(u64, u64)], per_second: u32) -> f64 {
    const SECONDS: u32 = 15;
    let mut book = published(per_second as usize);
    let mut out: Vec<(u64, Grant)> = Vec::new();
    let mut now = 0;
    // The first second's worth goes at once and takes no time.
    for (n, (there, back)) in (0..=per_second * SECONDS).zip(delays.iter().cycle()) {
        let grant = loop {
            out.sort_by_key(|(answer, _)| *answer);
            while out.first().is_some_and(|(answer, _)| *answer <= now) {
                let (answer, grant) = out.remove(0);
                book.complete(&grant, ms(answer), None);
            }
            match book.take(&send(&n.to_string()), ms(now)) {
                Ok(grant) => break grant,
                Err(Full { wait: NotYet::Until(at), .. }) => {
                    now = u64::try_from(at.0.as_millis()).unwrap().max(now + 1);
                }
                Err(Full { wait: NotYet::UntilAnAnswer, .. }) => now = out[0].0,
            }
        };
        out.push((now + there + back, grant));
    }
    f64::from(SECONDS) / ms(now).0.as_secs_f64()
}

proptest! {
    /// Never far below either: what an answer takes is all that is lost, and this is of 40 ms at most.
    #[test]
    fn a_crowd_uses_the_budget(delays in prop::collection::vec((0u64..20, 0u64..20), 50..300), per_second in 30u32..100) {
        let used = used(&delays, per_second);
        prop_assert!(used >= 0.95, "{used}");
    }

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
        early in prop::collection::vec((40u64..400, 40u64..400), 310),
        later in prop::collection::vec((20u64..400, 20u64..400), 1..200),
        gaps in prop::collection::vec(0u64..60, 511),
    ) {
        // One early request is as fast as any of them, so that the others are at best twice as fast.
        let delays: Vec<_> = [(40, 40)].into_iter().chain(early).chain(later).collect();
        send_all(&delays, &gaps)?;
    }

    /// After a refusal nothing goes before its `Retry-After` is over, never more than the allowance of the time goes in
    /// a second, and in the end it is the full budget again.
    #[test]
    fn refusals_slow_the_tenant_down(refused in prop::collection::vec((0u64..300, 0u64..4), 1..20)) {
        const FULL: usize = 40;
        let mut book = Book::new(Windows::published(FULL));
        let mut sent: Vec<u64> = Vec::new();
        let mut quiet_until = 0;
        // Every request goes to another conversation, and is answered at once.
        let mut go = |book: &mut Book, now: u64, retry_after: Option<u64>| {
            let Ok(grant) = book.take(&send(&format!("{now} {}", sent.len())), ms(now)) else { return Ok(false) };
            prop_assert!(now >= quiet_until, "{now} is before {quiet_until}");
            sent.push(now);
            let slowed = book.slowed(ms(now));
            let allowance = slowed.first().map_or(FULL, |slowed| slowed.allowance);
            let in_a_second = sent.iter().filter(|at| **at + 1000 > now).count();
            prop_assert!(in_a_second <= allowance, "{in_a_second} in the second before {now}, of {allowance}");
            book.complete(&grant, ms(now), retry_after.map(Duration::from_secs));
            quiet_until = quiet_until.max(retry_after.map_or(0, |seconds| now + 1000 * seconds));
            Ok(true)
        };
        let mut now = 0;
        for (requests, retry_after) in refused {
            for _ in 0..requests {
                now += 10;
                go(&mut book, now, None)?;
            }
            while !go(&mut book, now, Some(retry_after))? {
                now += 10;
            }
        }
        now += 30_000;
        let mut at_once = 0;
        while go(&mut book, now, None)? {
            at_once += 1;
        }
        prop_assert_eq!(at_once, FULL);
    }
}
