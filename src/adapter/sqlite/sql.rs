//! Statements in which the lists of states come from the domain, and the fragments that several statements share.
//!
//! SQLite uses a partial index only where the statement repeats its condition, so the conditions below are written the
//! way the indexes have them; a test compares. They are written in pairs: for `IN` with three values or more SQLite fills a
//! table each time, and for the condition of an index that is each time a row changes, which was two thirds of what a
//! message cost the ledger.

use std::sync::OnceLock;

use super::words::Word;
use crate::domain::delivery::{Reason, State};
use crate::domain::schedule::model::{CatchUp, Overlap};
use crate::domain::spread::Spread;

/// A statement with names in braces, which stand for:
///
/// - `{open}`: the states from which a delivery can be claimed;
/// - `{held}`: the states in which a daemon holds it;
/// - `{unfinished}` and `{unfinished d.}`: that the state (of the delivery `d`) is not final;
/// - `{before STATE}`: the states from which one comes to STATE;
/// - `{to expand again}`: what to set of a wave whose audience may have changed: it waits to be expanded, for those whose
///   ids are greater than `:before`;
/// - `{busy}`: the waves that have unfinished deliveries, as a common table `busy (id)`. It hops over the index from
///   one wave to the next, so it costs as much as there are such waves, and not as much as there are deliveries;
/// - `{members}` and `{members in zone}`: the ids of everyone to whom the schedule `:schedule` speaks (and who live
///   in `:zone`). Who is meant by more than one entry is there more than once;
/// - `{members in part}`, `{members in zone in part}` and `{invited in part}`: those of them whose ids are greater than
///   `:after` and not greater than `:to`;
/// - `{invited}`: the ids of those who are invited to the occurrence `:occurrence` of the schedule `:schedule`;
/// - `{meant}`: the ids of everyone whom the occurrence `:occurrence` of the schedule `:schedule` is for: those who are
///   invited to it, and where nobody is, `{members}`;
/// - `{excepted}`: the ids of those whom the schedule `:schedule` leaves out;
/// - `{spread PERSON WAVE}`: how long after the due instant of a wave a person is due, where WAVE is the alias of the
///   wave with its full stop, or a colon where the wave's numbers are parameters;
/// - `{lanes}`: the lanes of the queue `:queue` that have open deliveries, as a common table `hop (lane)` whose last row
///   is NULL. It hops over the index from one lane to the next, as `{busy}` does;
/// - `{supersede}`, `{latest}`: those words of `overlap` and `catch_up`; `{too many people}`, `{quiet hours}`: the words of those
///   reasons;
/// - `{revived}`: the reasons of deliveries that come to life again when the schedule means them again;
/// - `{in trouble}` and `{in trouble d.}`: that its state is one that an operator may want to look at;
/// - `{was served}`: whether the delivery `b` may have reached its recipient, or was recalled or cancelled;
/// - `{person}`: the columns of the recipient `r` that [`Person::read`](super::person::Person::read) reads, first;
/// - `{is member}`: whether the recipient `r` is one of them, for the schedule `:schedule`; `{is member of s}`, for the
///   schedule `s`;
/// - `{is among}`: whether the recipient `r` is one of those whom an event may name, for the schedule `:schedule`.
pub(super) struct Sql {
    text: &'static str,
    filled: OnceLock<String>,
}

impl Sql {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, filled: OnceLock::new() }
    }

    pub(super) fn get(&self) -> &str {
        self.filled.get_or_init(|| fill(self.text))
    }
}

/// `'planned', 'waiting'`
pub(super) fn listed(states: &[State]) -> String {
    states.iter().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ")
}

fn open() -> String {
    listed(State::Claimed.comes_from())
}

fn held() -> String {
    listed(&State::ALL.into_iter().filter(|state| state.is_held()).collect::<Vec<_>>())
}

/// That the state of the delivery `of`, a name with its full stop, is one of these.
fn is_one_of(of: &str, is_meant: impl Fn(State) -> bool) -> String {
    let states: Vec<State> = State::ALL.into_iter().filter(|state| is_meant(*state)).collect();
    let pairs: Vec<String> = states.chunks(2).map(|pair| format!("{of}state IN ({})", listed(pair))).collect();
    format!("({})", pairs.join(" OR "))
}

fn unfinished(of: &str) -> String {
    is_one_of(of, |state| !state.is_final())
}

fn arrived() -> String {
    listed(&State::ALL.into_iter().filter(|state| state.may_have_arrived()).collect::<Vec<_>>())
}

fn in_trouble(of: &str) -> String {
    is_one_of(of, State::wants_a_look)
}

fn revived() -> String {
    Reason::REVIVED.map(|reason| format!("'{reason}'")).join(", ")
}

/// Who was not served a second time was served before, and what was recalled is not to come back at another hour.
const WAS_SERVED: &str = "
    (b.state IN ({arrived}) OR b.possible_duplicate = 1 OR b.reason IN ('{served before edit}', '{recalled}', '{cancelled by operator}'))";

const TO_EXPAND_AGAIN: &str = "
    to_expand = 1, is_too_many = NULL, expanded_to = iif(to_expand = 1, min(expanded_to, :before), :before)";

const BUSY: &str = "
    busy (id) AS (
        SELECT min(wave_id) FROM deliveries INDEXED BY deliveries_unfinished WHERE {unfinished}
        UNION ALL
        SELECT (
            SELECT min(wave_id) FROM deliveries INDEXED BY deliveries_unfinished
            WHERE {unfinished} AND wave_id > busy.id
        )
        FROM busy WHERE busy.id IS NOT NULL
    )";

const LANES: &str = "
    hop (lane) AS (
        SELECT min(lane) FROM deliveries INDEXED BY deliveries_claimable WHERE queue = :queue AND state IN ({open})
        UNION ALL
        SELECT (
            SELECT min(lane) FROM deliveries INDEXED BY deliveries_claimable
            WHERE queue = :queue AND state IN ({open}) AND lane > hop.lane
        )
        FROM hop WHERE hop.lane IS NOT NULL
    )";

const MEMBERS: &str = "
    SELECT r.id FROM audience a CROSS JOIN recipients r
    WHERE a.schedule_id = :schedule AND a.kind = 'everyone' AND r.kind = 'person' AND r.is_known = 1
        {zone} {part r.id} AND r.id NOT IN ({excepted})
    UNION ALL
    SELECT r.id FROM audience a
        CROSS JOIN memberships m ON m.group_name = a.word CROSS JOIN recipients r ON r.id = m.recipient_id
    WHERE a.schedule_id = :schedule AND a.kind = 'group' {zone} {part m.recipient_id} AND r.id NOT IN ({excepted})
    UNION ALL
    SELECT r.id FROM audience a
        CROSS JOIN addresses p ON p.address = a.word CROSS JOIN recipients r ON r.id = p.recipient_id
    WHERE a.schedule_id = :schedule AND a.kind = 'person' {zone} {part r.id} AND r.id NOT IN ({excepted})";

const INVITED: &str = "
    SELECT i.recipient_id AS id FROM invited i
    WHERE i.occurrence_id = :occurrence {part i.recipient_id} AND i.recipient_id NOT IN ({excepted})";

const MEANT: &str = "
    SELECT of_audience.id FROM ({members}) AS of_audience
    WHERE NOT EXISTS (SELECT 1 FROM invited WHERE occurrence_id = :occurrence)
    UNION ALL {invited}";

const EXCEPTED: &str = "
    SELECT p.recipient_id FROM audience e CROSS JOIN addresses p ON p.address = e.word
    WHERE e.schedule_id = :schedule AND e.kind = 'except'";

const IS_MEMBER: &str = "(
    (
        (r.kind = 'person' AND r.is_known = 1 AND EXISTS (
            SELECT 1 FROM audience a WHERE a.schedule_id = :schedule AND a.kind = 'everyone'
        ))
        OR EXISTS (
            SELECT 1 FROM memberships m CROSS JOIN audience a
            WHERE m.recipient_id = r.id AND a.schedule_id = :schedule AND a.kind = 'group' AND a.word = m.group_name
        )
        OR EXISTS (
            SELECT 1 FROM addresses p CROSS JOIN audience a
            WHERE p.recipient_id = r.id AND a.schedule_id = :schedule AND a.kind = 'person' AND a.word = p.address
        )
    )
    AND r.id NOT IN ({excepted})
)";

/// The formula of [`Spread::offset`], in the unit of the instants.
fn spread(person: &str, wave: &str) -> String {
    let (factor, modulus) = (Spread::FACTOR, Spread::MODULUS);
    let mix = |number: &str| {
        let moved = format!("(({number} * {factor} + {wave}salt) % {modulus})");
        format!("({moved} * {moved} % {modulus})")
    };
    let place = mix(&mix(&format!("{person} % {modulus}")));
    // Without jitter, which is how most are, nothing is worked out.
    format!("iif({wave}jitter = 0, 0, {place} * ({wave}jitter / 1000) / {modulus} * 1000)")
}

/// Puts the formula in the place of each `{spread PERSON WAVE}`.
fn fill_spread(mut text: String) -> String {
    const NAME: &str = "{spread ";
    while let Some(from) = text.find(NAME) {
        let Some(length) = text[from..].find('}') else { break };
        let words = text[from + NAME.len()..from + length].split_once(' ');
        let formula = words.map(|(person, wave)| spread(person, wave)).unwrap_or_default();
        text.replace_range(from..=from + length, &formula);
    }
    text
}

/// Everyone of `text`, or those of them who live in the zone `:zone`, and all of these or a part.
fn some(text: &str, is_in_zone: bool, is_in_part: bool) -> String {
    let mut some = text.replace("{zone}", if is_in_zone { "AND r.zone = :zone" } else { "" });
    for id in ["r.id", "m.recipient_id", "i.recipient_id"] {
        let part = if is_in_part { format!("AND {id} > :after AND {id} <= :to") } else { String::new() };
        some = some.replace(&format!("{{part {id}}}"), &part);
    }
    some
}

/// Puts what they stand for in the place of the names.
pub(super) fn fill(text: &str) -> String {
    let mut filled = text
        .replace("{meant}", MEANT)
        .replace("{invited in part}", &some(INVITED, false, true))
        .replace("{invited}", &some(INVITED, false, false))
        .replace("{busy}", BUSY)
        .replace("{lanes}", LANES)
        .replace("{members in zone in part}", &some(MEMBERS, true, true))
        .replace("{members in part}", &some(MEMBERS, false, true))
        .replace("{members in zone}", &some(MEMBERS, true, false))
        .replace("{members}", &some(MEMBERS, false, false))
        .replace("{is member}", IS_MEMBER)
        .replace("{is member of s}", &IS_MEMBER.replace("{excepted}", EXCEPTED).replace(":schedule", "s.id"))
        .replace("{is among}", &IS_MEMBER.replace("a.kind = '", "a.kind = 'among-"))
        .replace("{excepted}", EXCEPTED)
        .replace("{to expand again}", TO_EXPAND_AGAIN)
        .replace("{was served}", WAS_SERVED)
        .replace("{arrived}", &arrived())
        .replace("{served before edit}", Reason::ServedBeforeEdit.as_str())
        .replace("{revived}", &revived())
        .replace("{recalled}", Reason::Recalled.as_str())
        .replace("{cancelled by operator}", Reason::CancelledByOperator.as_str())
        .replace("{in trouble}", &in_trouble(""))
        .replace("{in trouble d.}", &in_trouble("d."))
        .replace("{zone unknown}", Reason::ZoneUnknown.as_str())
        .replace("{quiet hours}", Reason::QuietHours.as_str())
        .replace("{too many people}", Reason::TooManyPeople.as_str())
        .replace("{supersede}", Overlap::Supersede.word())
        .replace("{latest}", CatchUp::Latest.word())
        .replace("{person}", super::person::COLUMNS)
        .replace("{open}", &open())
        .replace("{held}", &held())
        .replace("{unfinished}", &unfinished(""))
        .replace("{unfinished d.}", &unfinished("d."));
    filled = fill_spread(filled);
    for state in State::ALL {
        filled = filled.replace(&format!("{{before {state}}}"), &listed(state.comes_from()));
    }
    filled
}

/// How SQLite goes about a statement, one line for each step. For tests that hold the cost of statements in place.
#[cfg(test)]
pub(super) fn steps(sql: &str) -> Vec<String> {
    let mut conn = rusqlite::Connection::open_in_memory().expect("a database");
    super::migrations::migrate(&mut conn).expect("the schema");
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
    let steps = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>();
    steps.expect("the steps")
}

/// Fails when the statement goes through a whole table, other than the one of the schedules (`s`), or a
/// whole index, other than those of the waves that wait to be expanded.
#[cfg(test)]
pub(super) fn assert_scans_nothing(sql: &str) {
    for step in steps(sql) {
        // Everyone is everyone: where a schedule speaks to all and no zone is asked for, they are all looked at.
        let everyone = "r USING COVERING INDEX recipients_of_zone";
        let through = [everyone, "busy", "hop", "member", "meant", "each", "live", "json_each", "CONSTANT ROW"];
        let fine = step.strip_prefix("SCAN ").is_none_or(|rest| {
            through.contains(&rest)
                || rest.starts_with("s USING")
                || rest.starts_with("(subquery")
                || rest.ends_with(" waves_to_expand")
                || rest.ends_with(" waves_in_parts")
                // Of a channel that is only known by its name.
                || rest.ends_with(" teams_unread")
                || rest.contains(" VIRTUAL TABLE")
        });
        assert!(fine, "{step}: {sql}");
    }
}

/// Fails when SQLite fills a table of its own each time it runs the statement.
#[cfg(test)]
pub(super) fn assert_fills_no_table(sql: &str) {
    let mut conn = rusqlite::Connection::open_in_memory().expect("a database");
    super::migrations::migrate(&mut conn).expect("the schema");
    let mut statement = conn.prepare(&format!("EXPLAIN {sql}")).expect("a statement");
    let codes = statement.raw_query().mapped(|row| row.get::<_, String>(1)).collect::<Result<Vec<_>, _>>();
    let fills = codes.expect("the codes").iter().filter(|code| *code == "OpenEphemeral").count();
    assert_eq!(fills, 0, "tables for {sql}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::migrations;
    use super::*;
    use crate::domain::id::RecipientId;

    #[test]
    fn the_indexes_know_the_states_of_the_domain() {
        let schema = migrations::ALL.join("\n");
        let is_in = |states: String| format!("state IN ({states})");
        for (index, condition) in [
            ("claimable", is_in(open())),
            ("held", is_in(held())),
            ("unfinished", unfinished("")),
            ("in_trouble", in_trouble("")),
        ] {
            let from = schema.rfind(&format!("CREATE INDEX deliveries_{index} ")).expect("the index");
            let statement = &schema[from..from + schema[from..].find(';').expect("its end")];
            assert!(statement.ends_with(&format!("WHERE {condition}")), "{statement}");
        }
    }

    proptest! {
        #[test]
        fn the_ledger_spreads_people_as_the_domain_does(
            person in 1..i64::MAX,
            jitter_ms in 0..=86_400_000_u64,
            day in 1..28_u32,
        ) {
            let day = chrono::NaiveDate::from_ymd_opt(2027, 2, day).expect("a day").and_time(chrono::NaiveTime::MIN);
            let name = crate::domain::id::ScheduleName::new("s").expect("a name");
            let spread = Spread::of(&name, day, Duration::from_millis(jitter_ms));
            let conn = rusqlite::Connection::open_in_memory().expect("a database");
            let jitter = spread.jitter().num_microseconds();
            let parameters = rusqlite::named_params! { ":id": person, ":salt": spread.salt(), ":jitter": jitter };
            let sql = fill("SELECT {spread :id :}");
            let offset: i64 = conn.query_row(&sql, parameters, |row| row.get(0)).expect("a whole number");
            prop_assert_eq!(Some(offset), spread.offset(RecipientId(person)).num_microseconds());
        }
    }

    #[test]
    fn every_name_is_filled_in() {
        let filled = fill(
            "{busy} {lanes} {members} {members in zone} {invited} {meant} {is member} {is among} {before sent} {held} {was served} {spread r.id w.} {supersede} \
             {unfinished} {unfinished d.} {in trouble} {in trouble d.}",
        );
        assert!(!filled.contains('{') && !filled.contains('}'), "{filled}");
    }
}
