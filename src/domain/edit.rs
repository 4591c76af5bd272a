//! What an edit does to a date on which something may have been sent already.
//!
//! The key of a delivery is civil, so an edit from 09:00 to 10:00 makes another occurrence, and whoever was served at
//! 09:00 must not be served again at 10:00. So an occurrence that the new revision no longer means is *replaced* by one
//! of the same date that is new under it, and who has the first does not get the second.
//!
//! Which one is replaced by which is not written in any file. It is worked out for each date: of all that went and all
//! that came, the two that are nearest to each other belong together, then the two nearest of the rest, and so on. So of
//! 09:00 and 16:00 only the first has moved when 10:00 and 16:00 are meant now; and of an hour that became two, the
//! nearer one takes its place and the other is an addition.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime};

/// All that a schedule means on a run of dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    pub first: NaiveDate,
    pub last: NaiveDate,
    /// Every occurrence from the first date to the last, ascending. A date without any is a date on which nothing is
    /// meant.
    pub times: Vec<NaiveDateTime>,
}

/// What the ledger remembers of an occurrence between one edit and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub occurrence: NaiveDateTime,
    /// Whether the schedule meant it when it was last planned as a whole.
    pub is_meant: bool,
    /// Of one that is not meant: the occurrence that is sent in its place. It may be one that is not meant any more
    /// either, when nothing came in the place of that.
    pub replaced_by: Option<NaiveDateTime>,
}

/// What is to be remembered after an edit: one for each of `before`, in the same order. `planned` are the occurrences
/// that the new revision can still send.
#[must_use]
pub fn follow(before: &[Remembered], meant: &Meant, planned: &BTreeSet<NaiveDateTime>) -> Vec<Remembered> {
    let mut dates: BTreeMap<NaiveDate, (Vec<&Remembered>, Vec<NaiveDateTime>)> = BTreeMap::new();
    for one in before {
        dates.entry(one.occurrence.date()).or_default().0.push(one);
    }
    for time in &meant.times {
        if let Some((_, times)) = dates.get_mut(&time.date()) {
            times.push(*time);
        }
    }
    let mut replaced = BTreeMap::new();
    for (before, meant) in dates.values() {
        replaced.extend(follow_on_date(before, meant, planned));
    }
    before
        .iter()
        .map(|one| Remembered {
            occurrence: one.occurrence,
            is_meant: !replaced.contains_key(&one.occurrence),
            replaced_by: replaced.get(&one.occurrence).copied().flatten(),
        })
        .collect()
}

/// What replaces each occurrence of a date that is not meant, if anything.
fn follow_on_date(
    before: &[&Remembered],
    meant: &[NaiveDateTime],
    planned: &BTreeSet<NaiveDateTime>,
) -> BTreeMap<NaiveDateTime, Option<NaiveDateTime>> {
    let is_meant = |time: NaiveDateTime| meant.binary_search(&time).is_ok();
    let gone: Vec<&&Remembered> = before.iter().filter(|one| !is_meant(one.occurrence)).collect();
    let is_gone = |time: NaiveDateTime| gone.iter().any(|one| one.occurrence == time);
    // What stands for one in whose place nothing has come yet: itself; or what had come, and the ledger has forgotten or never
    // had. That may stand for several, and whatever takes its place takes the place of all of them.
    let stands_for = |one: &Remembered| match one.replaced_by {
        None => Some(one.occurrence),
        Some(by) => (!is_meant(by) && !is_gone(by)).then_some(by),
    };
    let open: BTreeSet<NaiveDateTime> = gone.iter().filter_map(|one| stands_for(one)).collect();
    let open: Vec<NaiveDateTime> = open.into_iter().collect();
    let earliest = before.iter().map(|one| one.occurrence).min();
    let came: Vec<NaiveDateTime> = meant
        .iter()
        .copied()
        .filter(|time| match before.iter().find(|one| one.occurrence == *time) {
            Some(known) => !known.is_meant,
            // One that can't be sent any more is new as well, and takes the place of what stood nearest to it; unless
            // it lies before all that the ledger knows of the date: then it may have been meant all along.
            None => planned.contains(time) || Some(*time) > earliest,
        })
        .collect();
    let pairs: BTreeMap<_, _> = nearest_pairs(&open, &came).into_iter().collect();
    gone.iter()
        .map(|one| {
            let by = match one.replaced_by {
                Some(by) if is_meant(by) => Some(by),
                Some(by) => {
                    let next = gone.iter().find(|it| it.occurrence == by).and_then(|it| stands_for(it)).unwrap_or(by);
                    Some(pairs.get(&next).copied().unwrap_or(by))
                }
                None => pairs.get(&one.occurrence).copied(),
            };
            (one.occurrence, by)
        })
        .collect()
}

/// Pairs what went with what came, the nearest first, until one side is used up. Of two at the same distance the later
/// one is taken. Both are ascending and have nothing in common.
pub(in crate::domain) fn nearest_pairs(
    went: &[NaiveDateTime],
    came: &[NaiveDateTime],
) -> Vec<(NaiveDateTime, NaiveDateTime)> {
    let mut left: Vec<(NaiveDateTime, bool)> =
        went.iter().map(|time| (*time, false)).chain(came.iter().map(|time| (*time, true))).collect();
    left.sort_unstable();
    let mut pairs = Vec::new();
    loop {
        // The nearest of the other side is a neighbour; two that are nearest to each other are a pair.
        let gap = |at: usize| {
            let (a, b) = (left.get(at)?, left.get(at + 1)?);
            (a.1 != b.1).then(|| b.0 - a.0)
        };
        let is_pair = |at: usize| {
            let before = at.checked_sub(1).and_then(gap);
            gap(at).is_some_and(|here| before.is_none_or(|it| here <= it) && gap(at + 1).is_none_or(|it| here < it))
        };
        let found: Vec<usize> = (0..left.len()).filter(|at| is_pair(*at)).collect();
        if found.is_empty() {
            return pairs;
        }
        for at in found.into_iter().rev() {
            let (second, first) = (left.remove(at + 1), left.remove(at));
            pairs.push(if first.1 { (second.0, first.0) } else { (first.0, second.0) });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2027, 3, 1).expect("a day")
    }

    fn time(text: &str) -> NaiveDateTime {
        day().and_time(format!("{text}:00").parse().expect("a time"))
    }

    fn times(text: &str) -> Vec<NaiveDateTime> {
        text.split_whitespace().map(time).collect()
    }

    /// A ledger through a chain of revisions, of which every occurrence has been expanded.
    fn edited(revisions: &[&str]) -> Vec<Remembered> {
        let mut ledger: Vec<Remembered> = Vec::new();
        for revision in revisions {
            let meant = Meant { first: day(), last: day(), times: times(revision) };
            ledger = follow(&ledger, &meant, &meant.times.iter().copied().collect());
            for occurrence in meant.times {
                if ledger.iter().all(|known| known.occurrence != occurrence) {
                    ledger.push(Remembered { occurrence, is_meant: true, replaced_by: None });
                }
            }
            ledger.sort_by_key(|one| one.occurrence);
        }
        ledger
    }

    /// `09:00→10:00` for what is replaced, `09:00→` for what is not meant and not replaced either.
    fn check(revisions: &[&str], expect: &str) {
        let short = |time: NaiveDateTime| time.format("%H:%M").to_string();
        let gone = edited(revisions).into_iter().filter(|one| !one.is_meant);
        let got: Vec<_> = gone
            .map(|one| format!("{}→{}", short(one.occurrence), one.replaced_by.map_or_else(String::new, short)))
            .collect();
        assert_eq!(got.join(" "), expect, "{revisions:?}");
    }

    #[test]
    fn what_moved_is_replaced_and_what_stays_is_not() {
        check(&["09:00", "10:00"], "09:00→10:00");
        check(&["09:00", "09:00"], "");
        check(&["09:00", ""], "09:00→");
        check(&["09:00 16:00", "10:00 16:00"], "09:00→10:00");
        check(&["09:00 16:00", "10:00 17:00"], "09:00→10:00 16:00→17:00");
        check(&["09:00 10:00", "11:00 12:00"], "09:00→12:00 10:00→11:00");
        check(&["09:00", "10:00 16:00"], "09:00→10:00");
        check(&["09:00 16:00", "12:00"], "09:00→12:00 16:00→");
        check(&["09:00", "08:30 09:30"], "09:00→09:30");
        check(&["09:00 09:15 09:30 09:45", "09:00 09:10 09:20 09:30 09:40 09:50"], "09:15→09:20 09:45→09:50");
    }

    #[test]
    fn chains_lead_to_what_is_meant_now() {
        check(&["09:00", "10:00", "09:30"], "09:00→09:30 10:00→09:30");
        check(&["09:00", "10:00", "09:00"], "10:00→09:00");
        check(&["09:00", "10:00", "09:30", "09:00"], "09:30→09:00 10:00→09:00");
        check(&["09:00", "10:00", "", "11:00"], "09:00→11:00 10:00→11:00");
        check(&["09:00", "10:00", ""], "09:00→10:00 10:00→");
        check(&["09:00", "10:00", "09:00 10:00"], "");
        check(&["09:00", "", "09:00"], "");
    }

    #[test]
    fn one_that_the_ledger_has_forgotten_is_nobodys_place() {
        let before = [Remembered { occurrence: time("09:00"), is_meant: false, replaced_by: Some(time("10:00")) }];
        let meant = Meant { first: day(), last: day(), times: times("11:00") };
        let after = follow(&before, &meant, &BTreeSet::from([time("11:00")]));
        assert_eq!(after[0].replaced_by, Some(time("11:00")));
    }

    /// 04:15 could not be sent any more when it was meant, so the ledger never had it; what came after it takes the place of
    /// both that it had taken the place of.
    #[test]
    fn one_that_the_ledger_never_had_stands_for_all_whose_place_it_took() {
        let remembered =
            |of: &str, by: &str| Remembered { occurrence: time(of), is_meant: false, replaced_by: Some(time(by)) };
        let before = [remembered("00:00", "04:15"), remembered("09:00", "04:15")];
        let follow_to = |revision: &str| -> Vec<_> {
            let meant = Meant { first: day(), last: day(), times: times(revision) };
            let after = follow(&before, &meant, &meant.times.iter().copied().collect());
            after.into_iter().map(|one| one.replaced_by).collect()
        };
        assert_eq!(follow_to("08:30"), [Some(time("08:30")); 2]);
        assert_eq!(follow_to("04:15"), [Some(time("04:15")); 2], "it is meant again");
        assert_eq!(follow_to(""), [Some(time("04:15")); 2], "it stands there until something comes");
    }

    /// 09:00 was over when the schedule came, so the ledger never had it: it is not what 16:00 has moved to.
    #[test]
    fn what_was_over_from_the_beginning_takes_no_place() {
        let before = [Remembered { occurrence: time("16:00"), is_meant: true, replaced_by: None }];
        let meant = Meant { first: day(), last: day(), times: times("09:00 23:59") };
        let after = follow(&before, &meant, &BTreeSet::from([time("23:59")]));
        assert_eq!(after[0].replaced_by, Some(time("23:59")));
    }

    proptest! {
        /// After any chain of edits: what is meant is replaced by nothing, what is replaced leads to one that is meant
        /// or was the last of its line.
        #[test]
        fn edits_leave_order(chain in prop::collection::vec(prop::collection::btree_set(0u32..24, 0..5), 1..6)) {
            let revisions: Vec<String> = chain
                .iter()
                .map(|hours| hours.iter().map(|hour| format!("{hour:02}:00")).collect::<Vec<_>>().join(" "))
                .collect();
            let ledger = edited(&revisions.iter().map(String::as_str).collect::<Vec<_>>());
            let last = times(revisions.last().expect("one"));
            for one in &ledger {
                prop_assert_eq!(one.is_meant, last.contains(&one.occurrence));
                prop_assert!(!one.is_meant || one.replaced_by.is_none());
                let Some(by) = one.replaced_by else { continue };
                let target = ledger.iter().find(|it| it.occurrence == by).expect("the ledger knows it");
                prop_assert!(target.replaced_by.is_none(), "{:?} leads to {:?}", one, target);
            }
        }
    }
}
