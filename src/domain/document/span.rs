//! Spans of time such as `90m`, `1h30m` or `2 days`.

use std::time::Duration;

/// Ten years: nothing that nudged does lasts longer, and no sum of two such spans overflows.
const LONGEST: Duration = Duration::from_hours(24 * 3653);

/// The help for a text that is no span.
pub const EXAMPLES: &str = "write for example \"90m\", \"1h30m\", \"12h\" or \"2 days\"";

/// A span of time that is more than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    pub length: Duration,
    /// Whether it was written in days or weeks, which people count on the calendar and not on a stop-watch.
    pub in_days: bool,
}

impl TimeSpan {
    /// `None` when `text` is no span: numbers, each followed by its unit, the parts joined or with spaces between.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut length = Duration::ZERO;
        let mut in_days = false;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: u32 = rest[..digits].parse().ok()?;
            rest = rest[digits..].trim_start();
            let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let unit = unit(&rest[..letters].to_ascii_lowercase())?;
            in_days |= unit >= DAY;
            length = length.checked_add(unit.checked_mul(number)?)?;
            rest = rest[letters..].trim_start();
        }
        (!length.is_zero() && length <= LONGEST).then_some(Self { length, in_days })
    }
}

const DAY: Duration = Duration::from_hours(24);

fn unit(name: &str) -> Option<Duration> {
    match name {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(Duration::from_secs(1)),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(Duration::from_mins(1)),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(Duration::from_hours(1)),
        "d" | "day" | "days" => Some(DAY),
        "w" | "week" | "weeks" => Some(7 * DAY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_units() {
        let check = |text: &str, minutes: Option<u64>| {
            let got = TimeSpan::read(text).map(|span| span.length);
            assert_eq!(got, minutes.map(Duration::from_mins), "{text:?}");
        };
        check("90m", Some(90));
        check("1h", Some(60));
        check("1h30m", Some(90));
        check("1 hour 30 min", Some(90));
        check("2 days", Some(2 * 24 * 60));
        check("1W", Some(7 * 24 * 60));
        check("120s", Some(2));
        for bad in ["", "h", "1", "1x", "-1h", "1.5h", "0m", "1h30", "99999999999h", "4294967295w", "1 fortnight", "½h"]
        {
            check(bad, None);
        }
    }
}
