//! When, and on whose clock: the trigger with its bounds and its rules for clock changes.

use super::trigger;
use crate::domain::document::{Placed, Table, zone};
use crate::domain::problem::{Code, Problem};
use crate::domain::schedule::model::{When, WhoseClock};
use crate::domain::time::{ClockChangePolicy, FoldPolicy, GapPolicy};

pub(super) fn read(table: &mut Table<'_>) -> Option<When> {
    let clock = read_clock(table);
    let from = trigger::read_bound(table, "from", trigger::Bound::Begin);
    let until = trigger::read_bound(table, "until", trigger::Bound::End);
    let trigger = trigger::read(table, clock.as_ref().ok(), from.as_ref());
    if let (Some(from), Some(until)) = (&from, &until)
        && until.value < from.value
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
    Some(When {
        trigger: trigger?,
        clock: clock.ok()?.value,
        from: from.map(|from| from.value),
        until: until.map(|until| until.value),
        clock_changes: ClockChangePolicy { gap, fold },
    })
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
