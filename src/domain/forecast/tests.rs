use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    format!("2027-03-01T{text}Z").parse().expect("an instant")
}

/// Messages of the tenant "t".
fn load(schedule: &str, due: &str, late_minutes: i64, messages: u64) -> Load {
    Load {
        tenant: Arc::from("t"),
        schedule: ScheduleName::new(schedule).expect("a name"),
        priority: Priority::Normal,
        due_at: at(due),
        expire_at: at(due) + TimeDelta::minutes(late_minutes),
        messages,
        calls: messages,
    }
}

const FIFTY: Budget = Budget { per_second: 50.0, quiet_until: None };

/// When each load is finished, to the second, and how many of it are too late.
fn ends(loads: &[Load]) -> Vec<(String, u64)> {
    let forecasts = forecast(loads, at("08:00:00"), |_| FIFTY);
    let time = |at: Option<DateTime<Utc>>| at.map_or_else(String::new, |at| at.format("%H:%M:%S").to_string());
    forecasts.into_iter().map(|forecast| (time(forecast.finished_at), forecast.too_late)).collect()
}

#[track_caller]
fn check(loads: &[Load], expect: &[(&str, u64)]) {
    let expect: Vec<_> = expect.iter().map(|(time, late)| ((*time).to_owned(), *late)).collect();
    assert_eq!(ends(loads), expect);
}

#[test]
fn a_run_ends_when_its_budget_says() {
    check(&[], &[]);
    check(&[load("s", "09:00:00", 60, 0)], &[("", 0)]);
    check(&[load("s", "09:00:00", 60, 50)], &[("09:00:00", 0)]);
    check(&[load("s", "09:00:00", 60, 100)], &[("09:00:01", 0)]);
    // 120,000 at 50/s take 40 minutes, and 30 minutes' worth of them are in time.
    check(&[load("s", "09:00:00", 60, 120_000)], &[("09:39:59", 0)]);
    check(&[load("s", "09:00:00", 30, 120_000)], &[("09:30:00", 120_000 - 30 * 60 * 50 - 50)]);
    // Each of them needs a conversation.
    let creations = Load { calls: 6000, ..load("s", "09:00:00", 60, 3000) };
    check(&[creations], &[("09:01:59", 0)]);
}

#[test]
fn waves_of_one_schedule_go_one_after_the_other() {
    check(&[load("s", "09:00:00", 60, 6000), load("s", "09:01:00", 60, 3000)], &[("09:01:59", 0), ("09:02:59", 0)]);
    check(&[load("s", "09:00:00", 60, 3000), load("s", "10:00:00", 60, 3000)], &[("09:00:59", 0), ("10:00:59", 0)]);
    // What queues too long never leaves.
    check(&[load("s", "09:00:00", 60, 90_000), load("s", "09:01:00", 1, 7)], &[("09:29:59", 0), ("", 7)]);
}

#[test]
fn schedules_of_one_tenant_share_its_budget() {
    // The crowd's 30 minutes become those of both, and the team waits for nobody.
    check(
        &[load("crowd", "09:00:00", 60, 90_000), load("team", "09:01:00", 1, 25)],
        &[("09:30:00", 0), ("09:01:01", 0)],
    );
    check(&[load("a", "09:00:00", 60, 3000), load("b", "09:00:00", 60, 6000)], &[("09:01:59", 0), ("09:02:59", 0)]);
    let elsewhere = Load { tenant: Arc::from("u"), ..load("b", "09:00:00", 60, 6000) };
    check(&[load("a", "09:00:00", 60, 6000), elsewhere], &[("09:01:59", 0), ("09:01:59", 0)]);
}

#[test]
fn the_more_urgent_go_first() {
    let bulk = Load { priority: Priority::Bulk, ..load("bulk", "09:00:00", 60, 3000) };
    let critical = Load { priority: Priority::Critical, ..load("alarm", "09:00:30", 60, 1500) };
    check(&[bulk, load("s", "09:00:00", 60, 3000), critical], &[("09:02:29", 0), ("09:01:29", 0), ("09:01:00", 0)]);
}

#[test]
fn a_silent_tenant_begins_when_its_silence_ends() {
    let quiet = Budget { per_second: 50.0, quiet_until: Some(at("09:10:00")) };
    let loads = [load("s", "09:00:00", 60, 3000), load("t", "09:00:00", 5, 10)];
    let forecasts = forecast(&loads, at("09:00:01"), |_| quiet);
    assert_eq!(forecasts[0], Forecast { finished_at: Some(at("09:10:59")), too_late: 0 });
    assert_eq!(forecasts[1], Forecast { finished_at: None, too_late: 10 });
}

#[test]
fn who_is_spread_over_a_span_ends_with_it() {
    let hour = TimeDelta::hours(1);
    let slices = load("s", "09:00:00", 60, 7205).spread_over(hour);
    assert_eq!(slices.iter().map(|slice| slice.messages).sum::<u64>(), 7205);
    let end = forecast(&slices, at("08:00:00"), |_| FIFTY).into_iter().fold(Forecast::default(), Forecast::and);
    let end = end.finished_at.expect("an end");
    assert!(end > at("09:58:00") && end < at("10:00:00"), "{end}");
    assert_eq!(load("s", "09:00:00", 60, 7).spread_over(TimeDelta::zero()), [load("s", "09:00:00", 60, 7)]);
}

/// The same, message by message: at each fiftieth of a second one leaves, of the most urgent, each schedule in turn.
fn walk(loads: &[Load]) -> Vec<(f64, u64)> {
    let begin = at("09:00:00");
    let seconds = |at: DateTime<Utc>| (at - begin).as_seconds_f64();
    let mut left: Vec<u64> = loads.iter().map(|load| load.messages).collect();
    let mut last = vec![0.0; loads.len()];
    // When each schedule had its last turn.
    let mut turns: BTreeMap<&ScheduleName, u32> = BTreeMap::new();
    // A window is empty at first and after each pause, so as many may go at once.
    let (mut room, mut tick) = (50.0_f64, 0_u32);
    while tick < 50 * 600 {
        let now = f64::from(tick) / 50.0;
        let waiting: Vec<_> = (0..loads.len())
            .filter(|index| {
                left[*index] > 0 && seconds(loads[*index].due_at) <= now && now <= seconds(loads[*index].expire_at)
            })
            .collect();
        let turn = |index: &usize| turns.get(&loads[*index].schedule).copied().unwrap_or_default();
        let next = waiting.into_iter().min_by_key(|index| (loads[*index].priority, turn(index), loads[*index].due_at));
        if let Some(next) = next.filter(|_| room >= 1.0) {
            room -= 1.0;
            left[next] -= 1;
            last[next] = now;
            let number = turns.values().max().copied().unwrap_or_default() + 1;
            turns.insert(&loads[next].schedule, number);
            continue;
        }
        room = (room + 1.0).min(50.0);
        tick += 1;
    }
    last.into_iter().zip(left).collect()
}

proptest! {
    /// The streams of the model end when single messages would.
    #[test]
    fn it_says_what_a_walk_through_the_queue_says(
        mut drawn in prop::collection::vec((0u64..3, 0usize..3, 0i64..40, 5i64..60, 1u64..900), 1..7)
    ) {
        drawn.sort_by_key(|(_, _, due, _, _)| *due);
        let priorities = [Priority::Critical, Priority::Normal, Priority::Bulk];
        let loads: Vec<Load> = drawn
            .iter()
            .map(|(schedule, priority, due, late, messages)| {
                // A schedule has one priority.
                let name = format!("s-{schedule}-{priority}");
                let due_at = at("09:00:00") + TimeDelta::seconds(*due);
                let expire_at = due_at + TimeDelta::seconds(*late);
                Load { priority: priorities[*priority], due_at, expire_at, ..load(&name, "09:00:00", 1, *messages) }
            })
            .collect();
        // Who would end just when something more urgent begins may be before it in one and after it in the other.
        let with = |more: i64| {
            let loads: Vec<_> = loads
                .iter()
                .map(|load| {
                    let messages = load.messages.saturating_add_signed(more).max(1);
                    Load { messages, calls: messages, ..load.clone() }
                })
                .collect();
            forecast(&loads, at("08:59:00"), |_| FIFTY)
        };
        let begin = at("09:00:00");
        let seconds = |at: DateTime<Utc>| (at - begin).as_seconds_f64();
        for (((fewer, more), (last, left)), load) in with(-3).into_iter().zip(with(3)).zip(walk(&loads)).zip(&loads) {
            prop_assert!(fewer.too_late <= left + 60 && left <= more.too_late + 60, "{fewer:?} {left} {more:?}: {load:?}");
            if let (Some(early), Some(late), 0, 0) = (fewer.finished_at, more.finished_at, left, more.too_late) {
                let (early, late) = (seconds(early) - 1.5, seconds(late) + 1.5);
                prop_assert!(early <= last && last <= late, "{early} {last} {late}: {load:?}");
            }
        }
    }
}
