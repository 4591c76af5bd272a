//! The time zones of Windows, as Exchange and directories write them: "W. Europe Standard Time".
//!
//! The table is `windowsZones` of Unicode CLDR, the same that Microsoft's own programs go by. One name covers several
//! places; the country says which one is meant, and without it the row of the world counts.

use chrono_tz::Tz;

use crate::domain::nearest::nearest;

const TABLE: &str = include_str!("cldr-48.txt");

/// The row of the world.
const WORLD: &str = "001";

fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> + Clone {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (name, rest) = line.split_once(';')?;
        let (country, zone) = rest.split_once(';')?;
        Some((name, country, zone))
    })
}

/// The zone that is meant by `name` in `country` (two letters in either case). `None` when Windows has no such zone.
#[must_use]
pub fn zone(name: &str, country: Option<&str>) -> Option<Tz> {
    let of = |wanted: &str| {
        rows()
            .find(|(known, country, _)| known.eq_ignore_ascii_case(name) && country.eq_ignore_ascii_case(wanted))
            .and_then(|(_, _, zone)| zone.parse().ok())
    };
    country.and_then(of).or_else(|| of(WORLD))
}

/// The name that was probably meant.
#[must_use]
pub fn nearest_name(name: &str) -> Option<&'static str> {
    nearest(name, rows().filter(|(_, country, _)| *country == WORLD).map(|(name, _, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_zone_that_we_know() {
        for (name, country, zone) in rows() {
            assert!(zone.parse::<Tz>().is_ok(), "{name} {country}: {zone}");
            assert!(super::zone(name, None).is_some(), "{name} has no row of the world");
        }
        assert!(rows().count() > 300);
    }

    #[test]
    fn the_country_says_which_place_is_meant() {
        let check = |name: &str, country: Option<&str>, expect: Option<Tz>| {
            assert_eq!(zone(name, country), expect, "{name} {country:?}");
        };
        check("W. Europe Standard Time", None, Some(Tz::Europe__Berlin));
        check("W. Europe Standard Time", Some("DE"), Some(Tz::Europe__Berlin));
        check("W. Europe Standard Time", Some("it"), Some(Tz::Europe__Rome));
        check("w. europe standard time", Some("fr"), Some(Tz::Europe__Berlin));
        check("Pacific Standard Time", Some("CA"), Some(Tz::America__Vancouver));
        check("UTC", None, Some(Tz::Etc__UTC));
        check("Europe/Berlin", None, None);
        assert_eq!(nearest_name("W Europe Standard Time"), Some("W. Europe Standard Time"));
    }
}
