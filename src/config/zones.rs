//! The zones of groups, and how long a Teams client is believed.

use chrono::TimeDelta;

use crate::domain::document::{Table, excerpt};
use crate::domain::ladder::HouseZones;
use crate::domain::problem::{Code, Problem};

pub(super) fn read(root: &mut Table<'_>) -> HouseZones {
    let mut house = HouseZones::default();
    if let Some(age) = root.time_span("client_zone_max_age") {
        house.client_max_age = TimeDelta::from_std(age.value).unwrap_or(TimeDelta::MAX);
    }
    let Some(mut groups) = root.table("groups") else { return house };
    for (name, value) in groups.entries() {
        let Some(mut group) = value.table() else {
            let message = format!("the group `{}` must be a table", excerpt(name.value));
            let help =
                format!("write [groups.{}] on a line of its own, and zone = \"Europe/Berlin\" below", name.value);
            value.report(Problem::new(Code::WrongType, name.span, message).with_help(help));
            continue;
        };
        if let Some(zone) = group.zone("zone") {
            house.groups.push((name.value.to_owned(), zone.value));
        }
        let message = format!("the group `{}` has no zone", excerpt(name.value));
        group.missing("zone", message, "write zone = \"Europe/Berlin\" below its header");
        group.finish(&[]);
    }
    house
}
