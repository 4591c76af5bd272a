//! What a schedule says, as the oracle knows it: simple enough that a few lines can tell what must come of it.

use std::fmt::Write;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use crate::sim::chance::Chance;
use crate::sim::civil::{Gap, Twists, instant};
use crate::sim::world::{GROUPS, Person};

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// Each day at this time.
    Daily(NaiveTime),
    /// Monday to Friday at this time.
    Weekdays(NaiveTime),
    /// On this day of each week at this time.
    Weekly(Weekday, NaiveTime),
    /// On this day of each month, which all have, at this time.
    Monthly(u32, NaiveTime),
    /// Once, at this civil time.
    Once(NaiveDateTime),
    /// So many minutes after that moment, again and again.
    Elapsed { from: NaiveDateTime, minutes: i64 },
    /// When a program says so.
    Event,
}

impl When {
    /// Whether each recipient gets one for each date at most.
    pub(crate) fn is_once_a_day(&self) -> bool {
        match self {
            When::Daily(_) | When::Weekdays(_) | When::Weekly(..) | When::Monthly(..) | When::Once(_) => true,
            When::Elapsed { .. } | When::Event => false,
        }
    }

    /// The time of day of one that has the same each time.
    pub(crate) fn time_of_day(&mut self) -> Option<&mut NaiveTime> {
        match self {
            When::Daily(time) | When::Weekdays(time) | When::Weekly(_, time) | When::Monthly(_, time) => Some(time),
            When::Once(_) | When::Elapsed { .. } | When::Event => None,
        }
    }
}

/// What a schedule was called first. It keeps its place under each of its names: `s0`, `s0-1`, `s0-2`.
pub(crate) fn root(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a line of a file of its own, or none")]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// What it was called before.
    pub(crate) renamed_from: Option<String>,
    pub(crate) when: When,
    /// A group, or everybody.
    pub(crate) group: Option<String>,
    /// A place whose clock counts for all; else each recipient's own.
    pub(crate) zone: Option<Tz>,
    pub(crate) twists: Twists,
    pub(crate) late: Duration,
    pub(crate) jitter: Duration,
    /// On each recipient's own clock, from, to.
    pub(crate) quiet: Option<(NaiveTime, NaiveTime)>,
    pub(crate) hold: bool,
    /// Whether those of whose zone nobody knows wait until somebody does.
    pub(crate) holds_for_zone: bool,
    pub(crate) priority: &'static str,
    /// `overlap = "keep"` and `catch_up = "all"`: nothing is given up because another came.
    pub(crate) keeps_all: bool,
    /// Grows with each edit.
    pub(crate) edition: u32,
    /// Nobody edits, pauses or recalls it.
    pub(crate) is_plain: bool,
}

impl Plan {
    pub(crate) fn new(number: usize, begins_at: DateTime<Utc>, hours: usize, zones: &[Tz], chance: &Chance) -> Self {
        let minutes = |most: usize| TimeDelta::minutes(i64::try_from(chance.below(most)).expect("a small number"));
        let time = (begins_at + minutes(hours * 60)).time();
        let time = NaiveTime::from_hms_opt(time.hour(), chance.pick(&[0, 0, 30, 30, 17]), 0);
        let in_the_night = ["00:00:00", "01:30:00", "02:00:00", "02:30:00", "03:00:00"].map(|time| time.parse().ok());
        // Many want the same hour.
        let rush = (begins_at + TimeDelta::minutes(60)).time().with_minute(30).and_then(|time| time.with_second(0));
        let time = match chance.below(10) {
            0..=3 => chance.pick(&in_the_night),
            4..=6 => rush,
            _ => time,
        };
        let time = time.expect("a time of day");
        let when = match chance.below(10) {
            0..=4 => When::Daily(time),
            5 => When::Weekdays(time),
            6 => When::Once((begins_at + minutes(hours * 60)).date_naive().and_time(time)),
            7 => When::Elapsed { from: begins_at.date_naive().and_time(time), minutes: chance.pick(&[45, 90, 240]) },
            8 => When::Event,
            _ => When::Daily(time),
        };
        let place = matches!(when, When::Elapsed { .. }) || chance.hits(25);
        let late = chance.pick(&[2, 10, 30, 60, 60]);
        let quiet = |from: &str, to: &str| Some((from.parse().ok()?, to.parse().ok()?));
        Self {
            name: format!("s{number}"),
            renamed_from: None,
            group: if chance.hits(50) { None } else { Some(chance.pick(&GROUPS).to_owned()) },
            zone: (place && when != When::Event).then(|| chance.pick(zones)),
            twists: Twists {
                gap: chance.pick(&[Gap::Shift, Gap::Shift, Gap::FirstValid, Gap::Skip]),
                second: chance.hits(30),
            },
            late: Duration::from_mins(late),
            jitter: if chance.hits(20) { Duration::from_mins(chance.pick(&[1, 10])) } else { Duration::ZERO },
            quiet: if chance.hits(25) {
                chance.pick(&[quiet("22:00:00", "06:00:00"), quiet("02:00:00", "02:45:00")])
            } else {
                None
            },
            hold: chance.hits(40),
            holds_for_zone: false,
            priority: chance.pick(&["critical", "normal", "normal", "bulk"]),
            keeps_all: chance.hits(50),
            edition: 0,
            is_plain: chance.hits(50),
            when,
        }
    }

    /// What it was called first.
    pub(crate) fn root(&self) -> &str {
        root(&self.name)
    }

    /// The same under its next name.
    pub(crate) fn renamed(self) -> Self {
        let times = self.name.split_once('-').and_then(|(_, times)| times.parse().ok()).unwrap_or(0_u32);
        Self { name: format!("{}-{}", self.root(), times + 1), renamed_from: Some(self.name), ..self }
    }

    /// As a writer writes it.
    pub(crate) fn toml(&self) -> String {
        let to = self.group.as_ref().map_or_else(|| "everyone".to_owned(), |group| format!("group:{group}"));
        let mut text = format!("[schedule.{}]\nto = \"{to}\"\n", self.name);
        let mut line = |key: &str, value: &str| writeln!(text, "{key} = {value}").expect("room");
        match &self.when {
            When::Daily(time) => line("every", &format!("\"day\"\nat = {time}")),
            When::Weekdays(time) => line("every", &format!("\"weekday\"\nat = {time}")),
            When::Weekly(day, time) => {
                let day = format!("{day:?}").to_lowercase();
                line("every", &format!("\"week\"\non = \"{day}\"\nat = {time}"));
            }
            When::Monthly(day, time) => line("every", &format!("\"month\"\non = {day}\nat = {time}")),
            When::Once(civil) => line("at", &civil.format("%Y-%m-%dT%H:%M:%S").to_string()),
            When::Elapsed { from, minutes } => {
                line("every", &format!("\"{minutes}m\"\nfrom = {}", from.format("%Y-%m-%dT%H:%M:%S")));
            }
            When::Event => line("event", &format!("\"{}\"", self.root())),
        }
        if let Some(before) = &self.renamed_from {
            line("renamed_from", &format!("\"{before}\""));
        }
        if let Some(zone) = self.zone {
            line("zone", &format!("\"{zone}\""));
        }
        if self.when != When::Event {
            let gap = match self.twists.gap {
                Gap::Shift => "shift",
                Gap::FirstValid => "first-valid",
                Gap::Skip => "skip",
            };
            line("dst_gap", &format!("\"{gap}\""));
            line("dst_fold", if self.twists.second { "\"second\"" } else { "\"first\"" });
        }
        if self.keeps_all && self.when != When::Event {
            line("overlap", "\"keep\"\ncatch_up = \"all\"");
        }
        line("late", &format!("\"{}m\"", self.late.as_secs() / 60));
        if self.jitter > Duration::ZERO {
            line("jitter", &format!("\"{}m\"", self.jitter.as_secs() / 60));
        }
        if let Some((from, to)) = self.quiet {
            line("quiet_hours", &format!("\"{}-{}\"", from.format("%H:%M"), to.format("%H:%M")));
        }
        if self.holds_for_zone {
            line("zone_unknown", "\"hold\"");
        }
        line("on_unknown", if self.hold { "\"hold\"" } else { "\"resend\"" });
        line("priority", &format!("\"{}\"", self.priority));
        let says = "{{ schedule.name }}|{{ occurrence.date | safe }}|{{ occurrence.time | safe }}";
        line("text", &format!("\"{says}|{}\"", self.edition));
        text
    }

    /// Whether it speaks to this person.
    pub(crate) fn is_for(&self, person: &Person) -> bool {
        self.group.as_ref().is_none_or(|group| person.groups.contains(group))
    }

    /// The occurrences that fall on one of the days around these instants.
    pub(crate) fn occurrences(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<NaiveDateTime> {
        let days = from.date_naive().pred_opt().into_iter().flat_map(|day| day.iter_days());
        let days = days.take_while(|day| *day <= to.date_naive() + TimeDelta::days(1));
        match &self.when {
            When::Daily(time) => days.map(|day| day.and_time(*time)).collect(),
            When::Weekdays(time) => days
                .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
                .map(|day| day.and_time(*time))
                .collect(),
            When::Weekly(on, time) => days.filter(|day| day.weekday() == *on).map(|day| day.and_time(*time)).collect(),
            When::Monthly(on, time) => days.filter(|day| day.day() == *on).map(|day| day.and_time(*time)).collect(),
            When::Once(civil) => vec![*civil],
            When::Elapsed { .. } | When::Event => Vec::new(),
        }
    }

    /// When an occurrence is due for somebody who lives in `zone`; `None` where it is left out. The jitter comes on top.
    pub(crate) fn due(&self, occurrence: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
        match &self.when {
            When::Daily(_) | When::Weekdays(_) | When::Weekly(..) | When::Monthly(..) | When::Once(_) => {
                instant(occurrence, self.zone.unwrap_or(zone), self.twists)
            }
            When::Elapsed { from, .. } => {
                // A beginning is never skipped: else a span that begins in a gap would be silent for ever.
                let gap = if self.twists.gap == Gap::Skip { Gap::Shift } else { self.twists.gap };
                let begins = instant(*from, self.zone.unwrap_or(zone), Twists { gap, ..self.twists })?;
                Some(begins + (occurrence - *from))
            }
            // It is some microseconds later where several happened at one instant.
            When::Event => Some(occurrence.and_utc() - TimeDelta::milliseconds(1)),
        }
    }

    /// Until when it may be sent that was due then.
    pub(crate) fn over(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        due + TimeDelta::from_std(self.jitter + self.late).expect("a short time")
    }

    /// Whether it is to be kept from somebody whose wall clock shows this.
    pub(crate) fn is_quiet(&self, local: NaiveDateTime) -> bool {
        let Some((from, to)) = self.quiet else { return false };
        let time = local.time();
        if from < to { from <= time && time < to } else { from <= time || time < to }
    }
}
