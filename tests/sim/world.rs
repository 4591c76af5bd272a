//! A small world that a seed makes: a few people in a few zones, some schedules for them, and a night on which clocks
//! change somewhere.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nudged::domain::recipient::{Address, PersonRecord, RecipientKind, Reference};

use crate::sim::chance::Chance;
use crate::sim::plan::Plan;

/// Somebody to whom messages go.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) zone: Tz,
    /// Whether anybody has said so; else it is the zone of those of whom nobody knows.
    pub(crate) is_placed: bool,
    pub(crate) tenant: &'static str,
    pub(crate) groups: Vec<String>,
    /// Whether the import knows their conversation; else it has to be created.
    pub(crate) is_met: bool,
    /// Nothing happens to them in the whole run, so that it can be said beforehand what they get.
    pub(crate) is_plain: bool,
}

impl Person {
    pub(crate) fn address(&self) -> Address {
        Address::new(&format!("{}@x.example", self.name)).expect("an address")
    }

    /// Teams gives the same conversation for a person each time.
    pub(crate) fn conversation(&self) -> String {
        format!("a:{}", self.name)
    }

    /// As an import says it.
    pub(crate) fn record(&self) -> PersonRecord {
        PersonRecord {
            addresses: vec![self.address()],
            name: Some(self.name.clone()),
            zone: self.is_placed.then_some(self.zone),
            groups: Some(self.groups.clone()),
            reference: Reference {
                conversation_id: self.is_met.then(|| self.conversation()),
                user_id: Some(format!("29:{}", self.name)),
                tenant_id: Some(self.tenant.to_owned()),
                service_url: Some("https://smba.trafficmanager.net/emea/".into()),
                ..Reference::default()
            },
            ..PersonRecord::new(RecipientKind::Person)
        }
    }
}

/// Where those live of whom nobody knows.
pub(crate) const FALLBACK: Tz = Tz::UTC;

pub(crate) const GROUPS: [&str; 2] = ["red", "blue"];
pub(crate) const HOME: &str = "home";
pub(crate) const TENANTS: [&str; 2] = [HOME, "away"];

/// Where clocks change in the night that begins then, and where they do not.
const NIGHTS: [(&str, [Tz; 3]); 8] = [
    ("2026-10-24T18:00:00Z", [Tz::Europe__Berlin, Tz::Europe__London, Tz::Atlantic__Azores]),
    ("2027-03-27T18:00:00Z", [Tz::Europe__Berlin, Tz::Europe__Dublin, Tz::Africa__Cairo]),
    ("2026-11-01T00:00:00Z", [Tz::America__New_York, Tz::America__St_Johns, Tz::America__Los_Angeles]),
    ("2027-03-14T00:00:00Z", [Tz::America__New_York, Tz::America__St_Johns, Tz::America__Havana]),
    ("2026-10-03T08:00:00Z", [Tz::Australia__Lord_Howe, Tz::Australia__Sydney, Tz::Australia__Brisbane]),
    ("2027-04-03T06:00:00Z", [Tz::Australia__Lord_Howe, Tz::Pacific__Auckland, Tz::Pacific__Chatham]),
    ("2027-09-04T18:00:00Z", [Tz::America__Santiago, Tz::Pacific__Easter, Tz::America__Asuncion]),
    ("2026-12-31T06:00:00Z", [Tz::Pacific__Kiritimati, Tz::Pacific__Pago_Pago, Tz::Asia__Tokyo]),
];

/// How long a night is, at the most, until all of its clocks have changed.
const NIGHT_HOURS: usize = 9;

const ANYWHERE: [Tz; 6] =
    [Tz::UTC, Tz::Asia__Kolkata, Tz::Asia__Kathmandu, Tz::Asia__Tokyo, Tz::America__Denver, Tz::Africa__Casablanca];

/// Where a run begins.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) begins_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) zones: Vec<Tz>,
    pub(crate) people: Vec<Person>,
    pub(crate) plans: Vec<Plan>,
    /// Requests a second for each tenant.
    pub(crate) per_second: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = Chance::new(seed, "world");
        let (night, nearby) = chance.pick(&NIGHTS);
        let night: DateTime<Utc> = night.parse().expect("an instant");
        let hours = chance.between(2, 4);
        // A part of the night: what a seed costs are its hours, and thousands of them cover all parts of each.
        let seconds = chance.below(5400) + 3600 * chance.below(NIGHT_HOURS - hours + 1);
        let begins_at = night + TimeDelta::seconds(i64::try_from(seconds).expect("a small number"));
        let mut zones = nearby.to_vec();
        zones.push(chance.pick(&ANYWHERE));
        zones.push(chance.pick(&ANYWHERE));
        let mut people = (0..chance.between(4, 12)).map(|number| person(number, &zones, &chance)).collect::<Vec<_>>();
        let plans = (0..chance.between(2, 5)).map(|number| Plan::new(number, begins_at, hours, &zones, &chance));
        let mut plans: Vec<Plan> = plans.collect();
        let unknown = Chance::new(seed, "unknown zones");
        for person in people.iter_mut().filter(|_| unknown.hits(20)) {
            (person.zone, person.is_placed) = (FALLBACK, false);
        }
        for plan in plans.iter_mut().filter(|plan| plan.zone.is_none()) {
            plan.holds_for_zone = unknown.hits(40);
        }
        Self {
            begins_at,
            ends_at: begins_at + TimeDelta::hours(i64::try_from(hours).expect("a small number")),
            plans,
            zones,
            people,
            per_second: chance.pick(&[3, 10, 50]),
        }
    }
}

fn person(number: usize, zones: &[Tz], chance: &Chance) -> Person {
    Person {
        name: format!("p{number}"),
        zone: chance.pick(zones),
        is_placed: true,
        tenant: TENANTS[usize::from(chance.hits(25))],
        groups: GROUPS.into_iter().filter(|_| chance.hits(50)).map(str::to_owned).collect(),
        is_met: chance.hits(80),
        is_plain: chance.hits(50),
    }
}
