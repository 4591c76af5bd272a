//! What a message costs the ledger, against what the ledger holds. Nothing that is not due may cost.

use crate::instructions;
use crate::ledger::World;
use crate::{USUAL, send_in};

/// What this program is told to be that with: people, schedules, zones and how many are sent.
pub(crate) const ROLE: &str = "world";

/// How many messages are sent in the shorter run.
const TIMES: usize = 256;

pub(crate) fn be(words: &[&str]) {
    let [people, schedules, zones, times] = words else { panic!("{ROLE} PEOPLE SCHEDULES ZONES TIMES: {words:?}") };
    let number = |word: &str| word.parse().expect("a number");
    send_in(World { people: number(people), schedules: number(schedules), zones: number(zones) }, number(times));
}

pub(crate) fn show() {
    println!("{:>8} {:>10} {:>6}  instructions for a message", "people", "schedules", "zones");
    let usual = USUAL;
    let people = [1_000, 3_000, 10_000, 30_000].map(|people| World { people, ..usual });
    let schedules = [10, 100, 1_000, 10_000].map(|schedules| World { schedules, ..usual });
    let zones = [10, 20, 40].map(|zones| World { zones, ..usual });
    for world in people.into_iter().chain(schedules).chain(zones) {
        let World { people, schedules, zones } = world;
        let count = |times: usize| {
            instructions(&[ROLE, &people.to_string(), &schedules.to_string(), &zones.to_string(), &times.to_string()])
        };
        let each = count(TIMES * 2).saturating_sub(count(TIMES)) / TIMES as u64;
        println!("{people:>8} {schedules:>10} {zones:>6}  {each}");
    }
}
