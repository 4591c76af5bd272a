//! How long does it take to check ten thousand schedules, and to plan their next 48 hours in 40 zones? Against the least
//! that could be done in the same run: only parsing the same TOML, and only adding up as many instants as are planned.
//!
//! `cargo bench --bench catalog` prints the table. Times are of this machine; the ratios are what counts.

#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use nudged::adapter::clock::SystemClock;
use nudged::adapter::zones::ZoneData;
use nudged::domain::plan::{Window, plan};
use nudged::domain::problem::Source;
use nudged::domain::schedule::model::Schedule;
use nudged::domain::schedule::parse;
use nudged::domain::supplies::Supplies;
use nudged::domain::time::ZoneRules as _;
use nudged::engine::cores;
use nudged::port::clock::Clock as _;

const SCHEDULES: usize = 10_000;
const PER_FILE: usize = 100;
const ZONES: usize = 40;
const RUNS: usize = 5;

/// Ways to say when, as people use them.
const WHENS: [&str; 8] = [
    "every = \"weekday\"\nat = \"09:00\"",
    "every = \"day\"\nat = [\"08:30\", \"13:15\"]\nexcept = [2026-12-24, \"2026-12-28 to 2026-12-31\"]",
    "every = \"2 weeks\"\non = [\"tuesday\", \"thursday\"]\nat = \"10:00\"\nfrom = 2026-11-02",
    "every = \"month\"\non = \"last friday\"\nat = \"15:00\"",
    "cron = \"*/30 9-17 * * mon-fri\"",
    "rrule = \"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1\"\nfrom = 2026-01-01T16:00:00",
    "every = \"95m\"\nfrom = 2026-11-23T07:00:00",
    "at = 2027-03-01T09:30:00",
];

fn files() -> Vec<Source> {
    (0..SCHEDULES / PER_FILE)
        .map(|file| {
            let mut text = String::new();
            for n in 0..PER_FILE {
                let _ = write!(
                    text,
                    "# A reminder among many.\n[schedule.reminder-{file}-{n}]\ntitle = \"Reminder {n}\"\nto = [\"group:team-{n}\", \
                     \"ana@contoso.example\"]\n{}\nlate = \"30m\"\nwhy = \"You are in team {n}.\"\n\
                     text = \"\"\"\nGood morning {{{{ person.first_name }}}}, it is {{{{ local.weekday }}}}.\n\"\"\"\n\n",
                    WHENS[n % WHENS.len()]
                );
            }
            Source::new(format!("schedules/file-{file:03}.toml"), text)
        })
        .collect()
}

/// Zones of different clocks, spread over the earth.
fn zones(rules: &ZoneData, now: DateTime<Utc>) -> Vec<Tz> {
    let mut by_offset: Vec<Tz> = TZ_VARIANTS.iter().copied().filter(|zone| zone.name().contains('/')).collect();
    by_offset.sort_by_key(|zone| (rules.offset_at(now, *zone).local_minus_utc(), zone.name()));
    let step = by_offset.len() / ZONES;
    by_offset.into_iter().step_by(step).take(ZONES).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let clock = SystemClock::new();
    let began = clock.moment();
    let done = work();
    (clock.moment().since(began), done)
}

fn check(source: &Source) -> Vec<Schedule> {
    parse::accept(source, &Supplies::none()).expect("nothing is wrong").schedules
}

fn main() {
    let files = files();
    let now: DateTime<Utc> = "2026-11-23T06:00:00Z".parse().expect("an instant");
    let rules = Arc::new(ZoneData::newest());
    let zones = zones(&rules, now);
    let window = Window::Open { now, until: now + TimeDelta::hours(48) };
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    println!("{SCHEDULES} schedules in {} files ({} KiB), {} zones, 48 h", files.len(), bytes / 1024, zones.len());
    println!("milliseconds; a ratio is to the bare work beside it");
    println!(
        "{:>4}  {:>9} {:>9} {:>6}  {:>9} {:>9} {:>9} {:>6}",
        "run", "check", "bare TOML", "ratio", "waves", "plan", "bare sum", "ratio"
    );
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    for run in 1..=RUNS {
        let (bare, _) = timed(|| cores::map(&files, |file| toml::de::DeTable::parse(&file.text).is_ok()));
        let (checked, schedules) = timed(|| cores::map(&files, check));
        let schedules: Vec<Schedule> = schedules.into_iter().flatten().collect();
        assert_eq!(schedules.len(), SCHEDULES);
        let (planned, waves) = timed(|| {
            cores::map(&schedules, |schedule| plan(schedule, &zones, &*rules, window).len()).iter().sum::<usize>()
        });
        let (sum, _) = timed(|| {
            let mut at = now;
            for n in 0..waves {
                at = black_box(at + TimeDelta::seconds(i64::try_from(n % 60).unwrap_or(0)));
            }
            at
        });
        println!(
            "{run:>4}  {:>9.1} {:>9.1} {:>6.1}  {waves:>9} {:>9.1} {:>9.2} {:>6.0}",
            millis(checked),
            millis(bare),
            checked.as_secs_f64() / bare.as_secs_f64(),
            millis(planned),
            millis(sum),
            planned.as_secs_f64() / sum.as_secs_f64(),
        );
    }
    println!("goals: check 1000, plan 2000");
}
