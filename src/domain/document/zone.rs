//! Time zones by their IANA names.

use std::ops::Range;

use chrono_tz::Tz;

use crate::domain::nearest::nearest_name;
use crate::domain::problem::{Code, Problem};

/// The zone called `name`, which stands at `span`; otherwise the problem with the nearest right name. `also` is
/// another word that is allowed in this place.
pub fn read(name: &str, span: Range<usize>, also: Option<&str>) -> Result<Tz, Problem> {
    if let Ok(zone) = name.parse::<Tz>() {
        return Ok(zone);
    }
    let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).chain(also);
    // An abbreviation is near to many short names, but to none that is meant.
    let meant = city_of(name).or_else(|| nearest_name(name, '/', names));
    let help = match (meant, also) {
        (Some(meant), _) => format!("did you mean \"{meant}\"?"),
        (None, Some(also)) => format!("write \"{also}\" or a region and a city, such as \"Europe/Berlin\""),
        (None, None) => "write a region and a city, such as \"Europe/Berlin\"".into(),
    };
    let name = super::civil::excerpt(name);
    Err(Problem::new(Code::UnknownZone, span, format!("unknown time zone \"{name}\"")).with_help(help))
}

/// The warning for a zone that is not a place, so that its clock may not change with the seasons as its people's do.
#[must_use]
pub fn without_seasons(zone: Tz, span: Range<usize>) -> Option<Problem> {
    let name = zone.name();
    let help = if let Some(offset) = name.strip_prefix("Etc/GMT").filter(|rest| rest.starts_with(['+', '-'])) {
        let (hours, side) = offset.split_at(1);
        let side_word = if hours == "+" { "behind" } else { "ahead of" };
        format!("use a city, such as \"Europe/Berlin\"; and note that \"{name}\" is {side} h {side_word} UTC")
    } else {
        let city = city_of(name)?;
        format!("use a city, such as \"{city}\", so that summer time is right")
    };
    let message = format!("\"{name}\" is not a place, so its clock may differ from the people's in summer");
    Some(Problem::new(Code::ZoneWithoutSeasons, span, message).with_help(help))
}

/// The best known city whose clock people mean by an abbreviation. Several have more than one meaning in the world;
/// it is only a hint.
fn city_of(abbreviation: &str) -> Option<&'static str> {
    Some(match abbreviation.trim().to_ascii_uppercase().as_str() {
        "CET" | "CEST" | "MET" | "MEZ" | "MESZ" => "Europe/Berlin",
        "EET" | "EEST" => "Europe/Helsinki",
        "WET" | "WEST" => "Europe/Lisbon",
        "GMT" | "BST" => "Europe/London",
        "MSK" => "Europe/Moscow",
        "EST" | "EDT" | "ET" | "EST5EDT" => "America/New_York",
        "CST" | "CDT" | "CT" | "CST6CDT" => "America/Chicago",
        "MST" | "MDT" | "MT" | "MST7MDT" => "America/Denver",
        "PST" | "PDT" | "PT" | "PST8PDT" => "America/Los_Angeles",
        "HST" => "Pacific/Honolulu",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "SGT" => "Asia/Singapore",
        "AEST" | "AEDT" => "Australia/Sydney",
        "NZST" | "NZDT" => "Pacific/Auckland",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expect: &str) {
        let got = match read(name, 0..1, Some("recipient")) {
            Err(problem) => format!("{} {}", problem.code, problem.help.unwrap_or_default()),
            Ok(zone) => match without_seasons(zone, 0..1) {
                None => "ok".into(),
                Some(problem) => format!("{} {}", problem.code, problem.help.unwrap_or_default()),
            },
        };
        assert_eq!(got, expect, "{name:?}");
    }

    #[test]
    fn a_zone_is_a_place() {
        check("Europe/Paris", "ok");
        check("UTC", "ok");
        check("Europe/Pariss", r#"N101 did you mean "Europe/Paris"?"#);
        check("europe/paris", r#"N101 did you mean "Europe/Paris"?"#);
        check("recipent", r#"N101 did you mean "recipient"?"#);
        check("CEST", r#"N101 did you mean "Europe/Berlin"?"#);
        check("the moon", r#"N101 write "recipient" or a region and a city, such as "Europe/Berlin""#);
        check("CET", r#"N110 use a city, such as "Europe/Berlin", so that summer time is right"#);
        check("EST", r#"N110 use a city, such as "America/New_York", so that summer time is right"#);
        check("Etc/GMT+5", r#"N110 use a city, such as "Europe/Berlin"; and note that "Etc/GMT+5" is 5 h behind UTC"#);
    }
}
