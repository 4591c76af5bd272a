//! A preview as people read it.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::{Row, of_wave};
use crate::cli::prose::paragraph;
use crate::cli::screen::{Screen, one_line};
use crate::cli::times;
use crate::domain::delivery::State;
use crate::domain::forecast::Forecast;
use crate::domain::plan::PlannedWave;
use crate::domain::schedule::model::Schedule;
use crate::domain::schedule::when::WhoseClock;
use crate::domain::time::ZoneRules;
use crate::port::desk::{HeldBackFile, PausedSchedule};

/// One occurrence, for whoever reads it.
pub(super) struct View<'a> {
    pub(super) screen: Screen,
    pub(super) schedule: &'a Schedule,
    pub(super) rules: &'a dyn ZoneRules,
    pub(super) now: DateTime<Utc>,
    pub(super) waves: &'a [PlannedWave],
    pub(super) people: &'a [u64],
    pub(super) rows: &'a [Row],
}

impl View<'_> {
    pub(super) fn head(
        &self,
        occurrence: NaiveDateTime,
        paused: Option<&PausedSchedule>,
        held_back: Option<&HeldBackFile>,
    ) {
        let schedule = self.schedule;
        let clock = match schedule.when.clock {
            WhoseClock::Recipient => "each recipient's own clock".to_owned(),
            WhoseClock::Zone(zone) => format!("the clock of {}", zone.name()),
        };
        let place = schedule.origin.place;
        self.screen.data(format!(
            "{} ({}:{}){}\n{} on {clock}\n",
            schedule.name,
            schedule.origin.file,
            place.line,
            schedule.title.as_deref().map_or_else(String::new, |title| format!(": {}", one_line(title, 60))),
            times::civil(occurrence),
        ));
        if !schedule.policies.jitter.is_zero() {
            let jitter = times::span(TimeDelta::from_std(schedule.policies.jitter).unwrap_or_default());
            let words = format!("each person up to {jitter} after the times below, as `jitter` says");
            self.screen.data(format!("{}\n", paragraph(&words, 0)));
        }
        if let Some(paused) = paused {
            let words = format!(
                "paused since {} ({}): nothing of it is sent until `nudged resume {}`",
                times::utc(paused.since),
                paused.why,
                schedule.name
            );
            self.screen.data(format!("{}\n", paragraph(&words, 0)));
        }
        if let Some(file) = held_back {
            let goes_on = if file.last_good_in_use { "its last good version is" } else { "nothing of it is" };
            let words = format!("not in force: {} is held back, and {goes_on}; `nudged status` says why", file.file);
            self.screen.data(format!("{}\n", paragraph(&words, 0)));
        }
        let rows: Vec<_> = self
            .waves
            .iter()
            .zip(self.people)
            .filter(|(wave, _)| self.rows.is_empty() || of_wave(wave, self.rows).next().is_some())
            .map(|(wave, people)| {
                vec![
                    times::local(wave.due_at, wave.zone, self.rules),
                    wave.zone.name().to_owned(),
                    times::utc(wave.due_at),
                    times::ahead_by(wave.due_at, self.now),
                    people.to_string(),
                    wave.note.map_or("", times::note).to_owned(),
                ]
            })
            .collect();
        self.screen.table(&["LOCAL TIME", "ZONE", "UTC", "IN", "PEOPLE", "NOTE"], &rows);
    }

    pub(super) fn end(&self, forecast: Forecast, per_second: usize) {
        let getting = self.rows.iter().filter(|row| row.is_coming()).count();
        let all = self.rows.len();
        let end = forecast.finished_at.map_or_else(String::new, |at| {
            format!("; the last one about {}, at {per_second} a second, answered within 50 ms", times::utc(at))
        });
        let have = match self.rows.iter().filter(|row| row.state == Some(State::Sent)).count() {
            0 => String::new(),
            1 => ", 1 has it already".to_owned(),
            have => format!(", {have} have it already"),
        };
        self.screen.data(format!("\n{}", paragraph(&format!("{getting} of {all} get it{have}{end}"), 0)));
        if forecast.too_late > 0 {
            let late = times::span(TimeDelta::from_std(self.schedule.policies.late).unwrap_or_default());
            let words = format!(
                "{} will expire in the queue: it may be {late} late, and that is not long enough; raise `late`, or split \
                 the audience",
                forecast.too_late
            );
            self.screen.data(paragraph(&words, 0));
        }
    }

    pub(super) fn people(&self, limit: usize) {
        let rows: Vec<_> = self
            .rows
            .iter()
            .take(limit)
            .map(|row| {
                let says = self.says(row);
                let address = row.address.as_deref().unwrap_or_default();
                vec![
                    one_line(&row.recipient, 40),
                    one_line(address, 40),
                    times::civil(row.local),
                    row.zone.name().to_owned(),
                    says,
                ]
            })
            .collect();
        self.screen.data("");
        self.screen.table(&["RECIPIENT", "ADDRESS", "LOCAL TIME", "ZONE", ""], &rows);
        if self.rows.len() > limit {
            self.screen.say(format!("{} more; see them with --limit", self.rows.len() - limit));
        }
    }

    /// What becomes of it for somebody.
    fn says(&self, row: &Row) -> String {
        match (row.state, &row.detail, row.left_out) {
            (Some(State::Sent), _, _) => {
                let ago = row.sent_at.map_or_else(String::new, |at| format!(", {}", times::distance(at, self.now)));
                format!("has it already{ago}")
            }
            (Some(state), _, Some(reason)) => format!("{state}: {}", reason.explain()),
            (Some(state), _, None) => state.to_string(),
            (None, Some(detail), _) => format!("left out: {detail}"),
            (None, None, Some(reason)) => format!("left out: {}", reason.explain()),
            (None, None, None) => {
                let notes = [
                    (row.held, "held until the end of quiet hours"),
                    (row.asked_for_zone, "then asked for their time zone, unless asked in the last 30 days"),
                ];
                let notes: Vec<_> = notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, note)| note).collect();
                notes.join("; ")
            }
        }
    }

    /// The message as the first of those listed gets it.
    pub(super) fn message(&self) {
        let Some((row, text)) =
            self.rows.iter().find_map(|row| Some((row, row.text.as_ref().or(row.summary.as_ref())?)))
        else {
            return;
        };
        let lines: Vec<_> = text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
        let what = if row.card.is_some() { "gets a card, announced as" } else { "gets" };
        self.screen.data(format!("\n{} {what}:\n{}", one_line(&row.recipient, 60), lines.join("\n")));
    }
}
