use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::domain::time::Moment;
use crate::port::clock::Woke;

/// Shows what it was set to.
struct Still(Mutex<Duration>);

#[async_trait]
impl Clock for Still {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2027-03-01T09:00:00Z".parse().expect("an instant");
        start + TimeDelta::from_std(*self.0.lock().expect("no panic")).expect("a short time")
    }

    fn moment(&self) -> Moment {
        Moment(*self.0.lock().expect("no panic"))
    }

    async fn sleep(&self, _: Duration) {}

    async fn sleep_until(&self, _: DateTime<Utc>) -> Woke {
        unreachable!("a log does not wait")
    }
}

/// Keeps what it gets.
struct Paper(Arc<Mutex<Vec<Line>>>);

impl Sink for Paper {
    fn write(&self, line: &Line) {
        self.0.lock().expect("no panic").push(line.clone());
    }
}

/// What is written of the events of `work`, each as `form` has it.
fn written(people: People, form: impl Fn(&Line) -> String, work: impl FnOnce(&Still)) -> Vec<String> {
    let (lines, clock) = (Arc::default(), Arc::new(Still(Mutex::default())));
    let sink = Box::new(Paper(Arc::clone(&lines)));
    let log = Log { writer: Arc::new(Writer { sink, people, clock: clock.clone(), folding: Mutex::default() }) };
    tracing::subscriber::with_default(registry().with(log.layer()), || work(&clock));
    drop(log);
    let lines = lines.lock().expect("no panic");
    lines.iter().map(form).collect()
}

fn events(_: &Still) {
    tracing::info!(waves = 3, deliveries = 1_204_u64, "waves expanded");
    let error = "no answer\nfrom \"there\"";
    tracing::error!(delivery = %17, schedule = %"standup", error, "outcome not stored yet; trying again");
    tracing::warn!(refused = "ana@contoso.example: no such zone", "something was not taken in");
}

#[test]
fn people_read_one_line_an_event() {
    let lines = written(People::Masked, |line| forms::human(line, true, false), events);
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn programs_read_one_object_an_event() {
    let lines = written(People::Masked, forms::json, events);
    for line in &lines {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_journal_has_a_field_for_each_value() {
    insta::assert_snapshot!(written(People::Masked, forms::journal, events).join("\n"));
}

#[test]
fn people_are_shown_to_who_asks_for_it() {
    let lines = written(People::Shown, forms::said, events);
    assert!(lines[2].contains("ana@contoso.example"), "{lines:?}");
}

#[test]
fn what_repeats_itself_is_one_line_a_minute() {
    let lines = written(People::Masked, forms::said, |clock| {
        let fails = |delivery: u64| tracing::error!(delivery, error = "the disk is full", "store failed");
        (0..417).for_each(fails);
        tracing::error!(delivery = 1, error = "another", "store failed");
        tracing::info!("meanwhile");
        *clock.0.lock().expect("no panic") = Duration::from_mins(1);
        (500..508).for_each(fails);
    });
    let full = |delivery: u64| format!("store failed delivery={delivery} error=\"the disk is full\"");
    let mut expect: Vec<String> = (0..5).map(full).collect();
    expect.push("store failed delivery=1 error=another".into());
    expect.push("meanwhile".into());
    expect.push("store failed (… 412 times more in 60 s) error=\"the disk is full\"".into());
    expect.extend((500..505).map(full));
    // The end says what was still untold.
    expect.push("store failed (… 3 times more in 60 s) error=\"the disk is full\"".into());
    assert_eq!(lines, expect);
}
