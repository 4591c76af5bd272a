//! Schedules that can't be sent in time at the limits of Teams. It takes the people to know, so the caller asks.

use std::sync::Arc;

use chrono::TimeDelta;

use super::place::span_of;
use crate::domain::forecast::{Budget, Load, forecast};
use crate::domain::plan::PlannedWave;
use crate::domain::problem::{Code, Problem, Source};
use crate::domain::schedule::model::Schedule;

/// The warning that one occurrence of `schedule` takes longer than it may be late, at `per_second` messages a second.
/// `waves` are its waves in the order of their due instants, each with how many people it reaches.
#[must_use]
pub fn overload(
    schedule: &Schedule,
    source: &Source,
    waves: &[(PlannedWave, u64)],
    per_second: usize,
) -> Option<Problem> {
    let loads: Vec<Load> = waves.iter().flat_map(|(wave, people)| loads(schedule, wave, *people)).collect();
    let begin = loads.iter().map(|load| load.due_at).min()?;
    let per_second_for_long = f64::from(u32::try_from(per_second).unwrap_or(u32::MAX));
    let budget = Budget { per_second: per_second_for_long, quiet_until: None };
    let too_late: u64 = forecast(&loads, begin, |_| budget).iter().map(|forecast| forecast.too_late).sum();
    let (largest, people) = waves.iter().max_by_key(|(_, people)| *people)?;
    if too_late == 0 {
        return None;
    }
    let rate = u64::try_from(per_second).unwrap_or(u64::MAX).max(1);
    let takes = TimeDelta::seconds(i64::try_from(people.div_ceil(rate)).unwrap_or(i64::MAX / 1000));
    let late = TimeDelta::from_std(schedule.policies.late).unwrap_or(TimeDelta::MAX);
    let message = format!(
        "{} people share {} {}: {} at {per_second}/s, but late is {}",
        grouped(*people),
        largest.occurrence.format("%H:%M"),
        largest.zone.name(),
        minutes(takes),
        minutes(late)
    );
    let help = format!("{} would expire; raise `late`, or split the audience", grouped(too_late));
    Some(Problem::new(Code::TooManyAtOnce, span_of("late", schedule, source), message).with_help(help))
}

/// What a wave with so many people is to the one tenant that they are taken to live in.
fn loads(schedule: &Schedule, wave: &PlannedWave, people: u64) -> Vec<Load> {
    let jitter = wave.spread.jitter();
    let load = Load {
        tenant: Arc::default(),
        schedule: schedule.name.clone(),
        priority: schedule.policies.priority,
        due_at: wave.due_at,
        expire_at: wave.expire_at - jitter,
        messages: people,
        calls: people,
    };
    load.spread_over(jitter)
}

/// `120,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `40 min`, or `12 h`.
fn minutes(span: TimeDelta) -> String {
    match (span.num_hours(), span.num_minutes()) {
        (_, 0) => format!("{} s", span.num_seconds()),
        (hours, minutes) if hours > 0 && minutes % 60 == 0 => format!("{hours} h"),
        (_, minutes) => format!("{minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::WaveRecipients;
    use crate::domain::schedule::parse::parse;
    use crate::domain::supplies::Supplies;

    #[test]
    fn a_crowd_that_is_too_large_for_its_lateness_is_warned_of() {
        let check = |late: &str, people: u64, expect: Option<&str>| {
            let text =
                format!("[schedule.x]\nto = \"everyone\"\nevery = \"day\"\nat = \"09:00\"\ntext = \"hi\"\n{late}\n");
            let source = Source::new("x.toml", text);
            let (schedules, _) = parse(&source, &Supplies::none());
            let due_at = "2027-03-01T08:00:00Z".parse().expect("an instant");
            let wave = PlannedWave {
                occurrence: "2027-03-01T09:00:00".parse().expect("a time"),
                zone: chrono_tz::Tz::Europe__Paris,
                recipients: WaveRecipients::OfZone,
                spread: crate::domain::spread::Spread::default(),
                due_at,
                expire_at: due_at + schedules[0].policies.late,
                note: None,
            };
            let problem = overload(&schedules[0], &source, &[(wave, people)], 50);
            assert_eq!(problem.map(|problem| problem.line(&source)).as_deref(), expect, "{late} {people}");
        };
        check(
            "late = \"30m\"",
            120_000,
            Some(
                "6:8: N118 120,000 people share 09:00 Europe/Paris: 40 min at 50/s, but late is 30 min; \
                 29,950 would expire; raise `late`, or split the audience",
            ),
        );
        check("late = \"40m\"", 120_000, None);
        check(
            "",
            1_000_000,
            Some(
                "1:1: N118 1,000,000 people share 09:00 Europe/Paris: 333 min at 50/s, but late is 1 h; \
                 819,950 would expire; raise `late`, or split the audience",
            ),
        );
        check("", 100, None);
    }
}
