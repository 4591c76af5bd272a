//! The paths that need nothing but a processor.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use nudged::adapter::zones::ZoneData;
use nudged::domain::id::RecipientId;
use nudged::domain::plan::{Window, plan};
use nudged::domain::problem::Source;
use nudged::domain::rate::{Book, Call, Operation, Windows};
use nudged::domain::recipient::{Details, Recipient, RecipientKind, ZoneSource};
use nudged::domain::schedule::model::Schedule;
use nudged::domain::schedule::parse;
use nudged::domain::supplies::Supplies;
use nudged::domain::template::Facts;
use nudged::domain::time::Moment;

const ZONES: usize = 40;

/// A file of as many schedules as are asked for.
fn source(schedules: usize) -> Source {
    let mut text = String::new();
    for n in 0..schedules {
        write!(
            text,
            "[schedule.reminder-{n}]\ntitle = \"Reminder {n}\"\nto = [\"group:team-{n}\", \"ana@contoso.example\"]\n\
             every = \"weekday\"\nat = \"09:00\"\nlate = \"30m\"\nwhy = \"You are in team {n}.\"\n\
             text = \"\"\"\nGood morning {{{{ person.first_name }}}}, it is {{{{ local.weekday }}}}.\n\"\"\"\n\n"
        )
        .expect("a string takes it");
    }
    Source::new("schedules/file.toml", text)
}

pub(crate) fn schedules(count: usize) -> Vec<Schedule> {
    parse::accept(&source(count), &Supplies::none()).expect("nothing is wrong").schedules
}

pub(crate) fn check(times: usize) {
    assert_eq!(schedules(times).len(), times);
}

pub(crate) fn plan_waves(times: usize) {
    let schedule = &schedules(1)[0];
    let rules = ZoneData::newest();
    let zones: Vec<Tz> =
        TZ_VARIANTS.iter().copied().filter(|zone| zone.name().contains('/')).step_by(13).take(ZONES).collect();
    let now: DateTime<Utc> = "2026-11-23T06:00:00Z".parse().expect("an instant");
    let mut planned = 0;
    while planned < times {
        let window = Window::Open { now, until: now + TimeDelta::hours(48) };
        planned += black_box(plan(schedule, &zones, &rules, window)).len();
    }
}

pub(crate) fn render(times: usize) {
    let schedule = &schedules(1)[0];
    let civil = "2026-11-23T09:00:00".parse().expect("a civil time");
    for n in 0..times {
        let recipient = Recipient {
            id: RecipientId(1),
            kind: RecipientKind::Person,
            name: format!("Person {n}"),
            email: None,
            zone: Tz::Europe__Lisbon,
            zone_source: ZoneSource::Operator,
            language: None,
            details: Details::default(),
        };
        let facts = Facts {
            recipient: &recipient,
            schedule: &schedule.name,
            title: schedule.display_title(),
            occurrence: civil,
            local: civil,
            event: None,
        };
        black_box(schedule.message.render(&facts, None)).expect("it renders");
    }
}

pub(crate) fn permit(times: usize) {
    let mut book = Book::new(Windows::published(50));
    let tenant: Arc<str> = Arc::from("tenant");
    let mut now = Duration::from_secs(1000);
    for n in 0..times {
        let conversation = Arc::from(format!("a:{}", n % 1000));
        let call = Call { tenant: Arc::clone(&tenant), conversation, operation: Operation::Send };
        let grant = loop {
            match book.take(&call, Moment(now)) {
                Ok(grant) => break grant,
                Err(_) => now += Duration::from_millis(10),
            }
        };
        book.complete(&grant, Moment(now + Duration::from_millis(5)), None);
    }
}
