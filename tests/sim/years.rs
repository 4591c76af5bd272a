//! One large world for years: thousands of people in all kinds of zones, hundreds of schedules, and now and then
//! something goes wrong.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use nudged::engine::dispatcher::EXPAND_AT_ONCE;
use std::time::Duration;

use crate::sim::chance::Chance;
use crate::sim::civil::{Gap, Twists};
use crate::sim::generation::Rhythm;
use crate::sim::life::Frailty;
use crate::sim::plan::{Plan, When};
use crate::sim::run::{Mood, Pace, Report, run_in};
use crate::sim::teams::Weather;
use crate::sim::world::{Person, TENANTS, World};

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) days: i64,
    pub(crate) people: usize,
    pub(crate) zones: usize,
    pub(crate) schedules: usize,
}

/// Some of each kind: east and west, half hours and quarters, with and without summer time, north and south.
const ZONES: [Tz; 40] = [
    Tz::Pacific__Kiritimati,
    Tz::Pacific__Chatham,
    Tz::Pacific__Auckland,
    Tz::Pacific__Apia,
    Tz::Australia__Lord_Howe,
    Tz::Australia__Sydney,
    Tz::Australia__Adelaide,
    Tz::Australia__Eucla,
    Tz::Asia__Tokyo,
    Tz::Asia__Shanghai,
    Tz::Asia__Ho_Chi_Minh,
    Tz::Asia__Yangon,
    Tz::Asia__Dhaka,
    Tz::Asia__Kathmandu,
    Tz::Asia__Kolkata,
    Tz::Asia__Karachi,
    Tz::Asia__Kabul,
    Tz::Asia__Dubai,
    Tz::Asia__Jerusalem,
    Tz::Asia__Beirut,
    Tz::Africa__Cairo,
    Tz::Africa__Nairobi,
    Tz::Europe__Istanbul,
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::Europe__Dublin,
    Tz::Africa__Casablanca,
    Tz::Atlantic__Azores,
    Tz::America__Nuuk,
    Tz::America__Sao_Paulo,
    Tz::America__St_Johns,
    Tz::America__Halifax,
    Tz::America__Santiago,
    Tz::America__Havana,
    Tz::America__New_York,
    Tz::America__Denver,
    Tz::America__Phoenix,
    Tz::America__Los_Angeles,
    Tz::Pacific__Marquesas,
    Tz::Pacific__Pago_Pago,
];

/// A plan about each hour, by which horizons are pushed out, and upkeep and pruning in turn, each once a day.
const RHYTHM: Rhythm = Rhythm { plans: 12, upkeeps: 149 };

/// Lives through all of it. `tell` is told the hour, now and then.
pub(crate) fn years(seed: u64, size: Size, tell: impl Fn(DateTime<Utc>) + Send + 'static) -> Report {
    let mood = Mood {
        people: true,
        clock: true,
        daemon: true,
        outages: true,
        weather: Weather { throttled: 1, in_doubt: 1, refused: 1, slow: 1 },
        frailty: Frailty { lives: 20_000, disk_errors: 0, slow_disk: 0 },
    };
    let pace = Pace {
        minutes: &[30, 60, 240, 600, 1200],
        senders: 16,
        rhythm: RHYTHM,
        expand_at_once: EXPAND_AT_ONCE,
        tell: Box::new(tell),
    };
    run_in(world(seed, size), seed, mood, pace)
}

fn world(seed: u64, size: Size) -> World {
    let chance = Chance::new(seed, "years");
    let begins_at: DateTime<Utc> = "2026-11-21T18:00:00Z".parse().expect("an instant");
    let zones: Vec<Tz> = ZONES.into_iter().take(size.zones).collect();
    let mut people: Vec<Person> = (0..size.people).map(|number| person(number, &zones, &chance)).collect();
    let mut plans = Vec::new();
    for number in 0..size.schedules {
        // A team lives in a place or a few, not in all of the world; and many speak on one clock.
        let places: Vec<Tz> = (0..chance.pick(&[1, 1, 2, 4])).map(|_| chance.pick(&zones)).collect();
        let (plan, members) = schedule(number, chance.hits(60).then_some(places[0]), &chance);
        let near: Vec<usize> = (0..people.len()).filter(|who| places.contains(&people[*who].zone)).collect();
        for _ in 0..members.min(near.len()) {
            let groups = &mut people[chance.pick(&near)].groups;
            if !groups.contains(&plan.name) {
                groups.push(plan.name.clone());
            }
        }
        plans.push(plan);
    }
    World { begins_at, ends_at: begins_at + TimeDelta::days(size.days), zones, people, plans, per_second: 50 }
}

fn person(number: usize, zones: &[Tz], chance: &Chance) -> Person {
    Person {
        name: format!("p{number}"),
        zone: chance.pick(zones),
        is_placed: true,
        tenant: TENANTS[usize::from(chance.hits(25))],
        groups: Vec::new(),
        is_met: chance.hits(80),
        is_plain: chance.hits(95),
    }
}

/// A schedule for a group of its own, and how many are in that: a few people each day, some each month, many each week.
fn schedule(number: usize, zone: Option<Tz>, chance: &Chance) -> (Plan, usize) {
    let hour = u32::try_from(chance.below(24)).expect("an hour");
    let time = NaiveTime::from_hms_opt(hour, chance.pick(&[0, 0, 0, 30]), 0).expect("a time of day");
    let days = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let (when, members) = match number % 20 {
        0 => (When::Daily(time), 5),
        1 => (When::Weekdays(time), 5),
        2..=9 => (When::Weekly(chance.pick(&days), time), 25),
        _ => (When::Monthly(u32::try_from(chance.between(1, 28)).expect("a day"), time), 30),
    };
    let name = format!("s{number}");
    let plan = Plan {
        group: Some(name.clone()),
        name,
        renamed_from: None,
        when,
        zone,
        twists: Twists { gap: chance.pick(&[Gap::Shift, Gap::FirstValid, Gap::Skip]), second: chance.hits(30) },
        late: Duration::from_mins(chance.pick(&[30, 60, 240])),
        jitter: Duration::ZERO,
        quiet: None,
        hold: chance.hits(30),
        holds_for_zone: false,
        priority: chance.pick(&["critical", "normal", "normal", "bulk"]),
        keeps_all: chance.hits(30),
        edition: 0,
        is_plain: chance.hits(90),
    };
    (plan, members)
}
