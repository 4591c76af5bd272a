//! `nudged why`: why somebody gets a message, got it, or did not.

// The first line: the answer.
mod answer;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::Args;

use self::answer::{absent, coming, delivery};
use crate::adapter::zones::ZoneData;
use crate::cli::people::show::source;
use crate::cli::prose::{Sheet, paragraph};
use crate::cli::screen::{Screen, one_line};
use crate::cli::{Common, Ended, Exit, desk, recall, times};
use crate::domain::consent::{Choice, Way, Wish};
use crate::domain::delivery::{Reason, State};
use crate::domain::event::Cause;
use crate::domain::time::ZoneRules;
use crate::port::why::{Account, Attempt, Coming, DeliveryStory, Why, WhyQuery};

#[derive(Debug, Args)]
#[command(after_help = "Without --on it tells of the next one and of the one that ended last.\n\n\
                        Examples:\n  nudged why standup ana@contoso.example\n  \
                        nudged why standup 'Ana Silva' --on 2027-03-14\n  \
                        nudged why standup ana@contoso.example --json | jq .accounts")]
pub(super) struct WhyArgs {
    /// The schedule
    schedule: String,
    /// A person, chat or channel: an address, the id of a conversation, or a name
    who: String,
    /// The date, as it stands in the schedule, such as 2027-03-14
    #[arg(long, value_name = "DATE", value_parser = times::date)]
    on: Option<NaiveDate>,
}

pub(super) async fn run(screen: Screen, common: &Common, args: &WhyArgs) -> Ended {
    let any = desk::open(screen, common).await?;
    let query = WhyQuery { schedule: args.schedule.clone(), who: args.who.clone(), on: args.on, occurrence: None };
    let asked = any.desk.why(query).await;
    any.close().await;
    let why = asked.map_err(|error| desk::failed(screen, &error))?;
    if screen.json {
        screen.json(&why);
    } else {
        screen.data(told(&why, &ZoneData::newest()));
    }
    Ok(Exit::Done)
}

/// The answer for people: for each account one sentence that answers, and below it what it rests on.
#[must_use]
pub fn told(why: &Why, rules: &dyn ZoneRules) -> String {
    let mut parts: Vec<String> = why.accounts.iter().map(|account| account_text(why, account, rules)).collect();
    if let Some(notes) = notes(why) {
        parts.push(notes);
    }
    parts.join("\n\n")
}

fn account_text(why: &Why, account: &Account, rules: &dyn ZoneRules) -> String {
    let name = one_line(&why.person.person.name, 40);
    let mut sheet = Sheet::default();
    let answer = match account {
        Account::Delivery(story) => {
            delivery_facts(&mut sheet, why, story, rules);
            delivery(why, story, &name)
        }
        Account::Coming(it) => {
            coming_facts(&mut sheet, why, it, rules);
            coming(why, it, &name, rules)
        }
        Account::Absent(it) => {
            absent_facts(&mut sheet, why);
            absent(why, it, &name)
        }
    };
    format!("{}\n\n{}", paragraph(&answer, 0), sheet.text())
}

fn delivery_facts(sheet: &mut Sheet, why: &Why, story: &DeliveryStory, rules: &dyn ZoneRules) {
    sheet.say("occurrence", &occurrence(story.occurrence, story.cause, story.on_own_clock, story.zone));
    sheet.say("due", &both_clocks(story.due_at, story.zone, rules));
    zone(sheet, why, story.on_own_clock.then_some(story.zone));
    if let Some(former) = story.moved_from {
        sheet.say("moved", &format!("with them from {}", both_clocks(former.due_at, former.zone, rules)));
    }
    if let Some(note) = story.note {
        sheet.say("clock change", times::note(note));
    }
    if story.planned_at > story.due_at {
        sheet.say("planned", &format!("only at {}, after it was due", times::utc(story.planned_at)));
    }
    if let Some(earlier) = story.instead_of {
        sheet.say("instead of", &format!("the one at {}, since the schedule was edited", times::civil(earlier)));
    }
    sheet.say("until", &format!("{}; after that it is not sent any more", times::utc(story.expire_at)));
    if let Some(until) = story.open_until.filter(|until| *until > story.expire_at) {
        sheet.say("", &format!("but an operator asked for it again: until {}", times::utc(until)));
    }
    for hold in &story.holds {
        let words = format!("from {} until {}: {}", times::utc(hold.at), times::utc(hold.until), hold.reason.explain());
        sheet.say("held", &words);
    }
    let between = |since, until| format!("from {} until {}", times::utc(since), times::utc(until));
    if let Some(span) = story.downtime {
        sheet.say("not running", &between(span.since, span.until));
    }
    if let Some(span) = story.paused {
        sheet.say("paused", &between(span.since, span.until));
    }
    if let Some(until) = story.held_until {
        sheet.say("held", &format!("until {}: {}", times::utc(until), Reason::QuietHours.explain()));
    }
    choices(sheet, why, story.reason.or(story.left_out) == Some(Reason::OptedOut));
    attempts(sheet, story);
    sheet.say("state", &state(story));
    if let Some(detail) = &story.detail {
        sheet.say("", &one_line(detail, 200));
    }
    if let Some(recalled) = story.recall {
        let done = if recalled.deletes { "deleted" } else { "replaced" };
        sheet.say("recall", recall::result(recalled.state, done));
    }
    // Of quiet hours that only hold it the end is known.
    let passes_by_itself = story.state == State::Waiting && story.reason == Some(Reason::QuietHours);
    if let Some(reason) = story.reason.filter(|_| story.state != State::Sent && !passes_by_itself) {
        sheet.say("what to do", &reason.cure_in(story.state));
    } else if let Some(reason) = story.left_out {
        sheet.say("what to do", reason.cure());
    }
}

fn coming_facts(sheet: &mut Sheet, why: &Why, coming: &Coming, rules: &dyn ZoneRules) {
    sheet.say("occurrence", &occurrence(coming.occurrence, Cause::Plan, coming.on_own_clock, coming.zone));
    let distance = times::distance(coming.due_at, why.now);
    sheet.say("due", &format!("{}, {distance}", both_clocks(coming.due_at, coming.zone, rules)));
    zone(sheet, why, coming.on_own_clock.then_some(coming.zone));
    if let Some(note) = coming.note {
        sheet.say("clock change", times::note(note));
    }
    if let Some(until) = coming.held_until {
        sheet.say("held", &format!("until {}: {}", times::utc(until), Reason::QuietHours.explain()));
    }
    sheet.say("until", &format!("{}; after that it is not sent any more", times::utc(coming.expire_at)));
    let planned = if coming.planned { "yes" } else { "not yet: the plan looks two days ahead" };
    sheet.say("planned", planned);
    choices(sheet, why, coming.left_out == Some(Reason::OptedOut));
    if let Some(reason) = coming.left_out {
        sheet.say("what to do", reason.cure());
    }
}

fn absent_facts(sheet: &mut Sheet, why: &Why) {
    let person = &why.person.person;
    let list = |words: &[String]| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    sheet.say("known as", &list(&person.addresses));
    sheet.say("groups", &list(&person.groups));
    zone(sheet, why, None);
}

/// `Mon 2027-03-01 09:00 on their own clock`.
fn occurrence(civil: NaiveDateTime, cause: Cause, on_own_clock: bool, zone: Tz) -> String {
    match cause {
        Cause::Plan if on_own_clock => format!("{} on their own clock", times::civil(civil)),
        Cause::Plan => format!("{} on the clock of {}", times::civil(civil), zone.name()),
        Cause::Event => format!("something happened at {}", times::utc(civil.and_utc())),
        Cause::Test => format!("a test, asked for at {}", times::utc(civil.and_utc())),
        Cause::Snooze => format!("put off by themselves at {}", times::utc(civil.and_utc())),
    }
}

/// `Mon 2027-03-01 09:00 Europe/Lisbon = 2027-03-01 09:00Z`.
fn both_clocks(at: DateTime<Utc>, zone: Tz, rules: &dyn ZoneRules) -> String {
    format!("{} {} = {}", times::local(at, zone, rules), zone.name(), times::utc(at))
}

/// Which zone is known, who said so and when; and where the delivery has another, that too.
fn zone(sheet: &mut Sheet, why: &Why, of_delivery: Option<Tz>) {
    let (person, said) = (&why.person.person, why.person.zone_said_at);
    let age = said.map_or_else(String::new, |at| format!(" at {}", times::utc(at)));
    let is_another = of_delivery.is_some_and(|zone| zone != person.zone);
    let now = if is_another { " now" } else { "" };
    sheet.say("zone", &format!("{}{now}: {}{age}", person.zone.name(), source(person.zone_source)));
}

/// What they chose, where it matters or is still in force.
fn choices(sheet: &mut Sheet, why: &Why, always: bool) {
    let is_stopped = !why.person.stops.is_empty();
    let Some(last) = why.choices.last().filter(|last| always || (is_stopped && last.wish == Wish::Stop)) else {
        return;
    };
    let stop = why.choices.iter().rev().find(|choice| choice.wish == Wish::Stop);
    for choice in stop.into_iter().chain((Some(last) != stop).then_some(last)) {
        sheet.say("consent", &chosen(choice));
    }
}

/// `stopped "standup" at 2027-03-01 08:00Z: typed it to the bot`.
fn chosen(choice: &Choice) -> String {
    let verb = match choice.wish {
        Wish::Stop => "stopped",
        Wish::Start => "started",
    };
    let what = choice.topic.as_ref().map_or_else(|| "everything".to_owned(), |topic| format!("\"{topic}\""));
    let way = match choice.way {
        Way::Typed => "typed it to the bot",
        Way::Button => "pressed the button of a message",
        Way::Operator => "an operator said it for them",
    };
    format!("{verb} {what} at {}: {way}", times::utc(choice.at))
}

fn attempts(sheet: &mut Sheet, story: &DeliveryStory) {
    for (number, attempt) in story.attempts.iter().enumerate() {
        sheet.say(&format!("attempt {}", number + 1), &attempted(attempt));
        if let Some(id) = &attempt.correlation_id {
            sheet.say("", &format!("correlation id {id}"));
        }
    }
    let gone = story.attempts_made.saturating_sub(u32::try_from(story.attempts.len()).unwrap_or(u32::MAX));
    if gone > 0 {
        sheet.say("attempts", &format!("{gone} more, of which the details are not kept any longer"));
    }
}

/// `2027-03-01 09:00:01Z, 502 ServiceError in 120 ms: waiting, Teams asked us to slow down`.
fn attempted(attempt: &Attempt) -> String {
    let code = attempt.error_code.as_deref().map_or_else(String::new, |code| format!(" {}", one_line(code, 60)));
    let answer = match (attempt.status, attempt.ended_at) {
        (Some(status), _) => format!("{status}{code}"),
        (None, Some(_)) => "no answer".to_owned(),
        (None, None) => "on its way".to_owned(),
    };
    let latency = attempt.latency_ms.map_or_else(String::new, |latency| format!(" after {latency} ms"));
    let end = match (attempt.state, attempt.reason) {
        (Some(state), Some(reason)) => format!(": {state}, {}", reason.explain()),
        (Some(state), None) => format!(": {state}"),
        (None, _) => String::new(),
    };
    format!("{}, {answer}{latency}{end}", times::utc(attempt.started_at))
}

fn state(story: &DeliveryStory) -> String {
    let mut words = match (story.state, story.sent_at, story.ended_at, story.not_before) {
        (State::Sent, Some(at), _, _) => format!("sent at {}, {}", times::utc(at), lateness(at - story.due_at)),
        (state, _, Some(at), _) => format!("{state} since {}", times::utc(at)),
        (state @ (State::Planned | State::Waiting), _, _, Some(at)) => format!("{state} until {}", times::utc(at)),
        (state, _, _, _) => state.to_string(),
    };
    if let Some(reason) = story.reason {
        words = format!("{words}: {}", reason.explain_in(story.state));
    }
    if story.possible_duplicate {
        words.push_str("; two copies may have arrived");
    }
    words
}

/// `2 s after it was due`.
fn lateness(late: TimeDelta) -> String {
    if late < TimeDelta::seconds(1) { "on time".to_owned() } else { format!("{} after it was due", times::span(late)) }
}

/// What concerns everything that is told: that the schedule is paused, its file held back, not in force.
fn notes(why: &Why) -> Option<String> {
    let mut lines = Vec::new();
    if let Some(paused) = &why.paused {
        let words = format!(
            "\"{}\" is paused since {}: {}; `nudged resume {}` lets it go on.",
            why.schedule,
            times::utc(paused.since),
            one_line(&paused.why, 120),
            why.schedule
        );
        lines.push(paragraph(&words, 0));
    }
    if let Some(file) = &why.held_back {
        let instead = if file.last_good_in_use {
            "and its last good version is in use, of which this tells"
        } else {
            "and none of it is in use"
        };
        lines.push(paragraph(&format!("{} is held back, {instead}:", file.file), 0));
        lines.extend(file.problems.iter().map(|problem| paragraph(problem, 2)));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
