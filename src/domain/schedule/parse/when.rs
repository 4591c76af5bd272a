//! When, and on whose clock: the trigger with its bounds and its rules for clock changes.

use super::beside::Beside;
use super::{except, trigger};
use crate::domain::document::{Placed, Table, zone};
use crate::domain::problem::{Code, Problem};
use crate::domain::recurrence::civil_times;
use crate::domain::schedule::when::{Trigger, When, WhoseClock};
use crate::domain::time::{ClockChangePolicy, FoldPolicy, GapPolicy};

pub(super) fn read(table: &mut Table<'_>, beside: &Beside<'_>) -> Option<When> {
    let clock = read_clock(table);
    let from = trigger::read_bound(table, "from", trigger::Bound::Begin);
    let until = trigger::read_bound(table, "until", trigger::Bound::End);
    let trigger = trigger::read(table, clock.as_ref().ok(), from.as_ref());
    if let (Some(from), Some(until)) = (&from, &until)
        && until.at < from.at
    {
        table.report(
            Problem::new(Code::EndsBeforeItBegins, until.span.clone(), "`until` is before `from`")
                .with_help("change one of the two; `until` is the last day, or the last moment, on which it is sent"),
        );
    }
    let gaps = [("shift", GapPolicy::Shift), ("first-valid", GapPolicy::FirstValid), ("skip", GapPolicy::Skip)];
    let gap = table.word("dst_gap", &gaps).map_or(GapPolicy::default(), |word| word.value);
    let folds = [("first", FoldPolicy::First), ("second", FoldPolicy::Second)];
    let fold = table.word("dst_fold", &folds).map_or(FoldPolicy::default(), |word| word.value);
    let exceptions = except::read(table, beside);
    let when = When {
        trigger: trigger?,
        clock: clock.ok()?.value,
        from: from.as_ref().map(|from| from.at),
        until: until.as_ref().map(|until| until.at),
        exceptions: exceptions?,
        clock_changes: ClockChangePolicy { gap, fold },
    };
    if let (Some(from), Some(until)) = (&from, &until)
        && from.at <= until.at
        && !matches!(when.trigger, Trigger::Event(_))
        && civil_times(&when, from.at, until.at).next().is_none()
    {
        let message = "nothing falls between `from` and `until`; nothing will be sent";
        table.report(Problem::new(Code::NeverFires, until.span.clone(), message).with_help("change one of the two"));
    }
    Some(when)
}

/// That the zone was named and not understood.
struct BadZone;

/// Whose clock: each recipient's own where nothing is said.
fn read_clock(table: &mut Table<'_>) -> Result<Placed<WhoseClock>, BadZone> {
    const RECIPIENT: &str = "recipient";
    if !table.has("zone") {
        return Ok(Placed { value: WhoseClock::Recipient, span: table.span() });
    }
    let text = table.text("zone").ok_or(BadZone)?;
    if text.value == RECIPIENT {
        return Ok(Placed { value: WhoseClock::Recipient, span: text.span });
    }
    match zone::read(text.value, text.span.clone(), Some(RECIPIENT)) {
        Ok(zone) => {
            if let Some(warning) = zone::without_seasons(zone, text.span.clone()) {
                table.report(warning);
            }
            Ok(Placed { value: WhoseClock::Zone(zone), span: text.span })
        }
        Err(problem) => {
            table.report(problem);
            Err(BadZone)
        }
    }
}
