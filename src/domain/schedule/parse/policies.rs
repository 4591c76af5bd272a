//! What a schedule decides about lateness, order and doubt.

use std::time::Duration;

use crate::domain::document::Table;
use crate::domain::schedule::model::{OnUnknown, Policies, Priority};
use crate::domain::schedule::when::Trigger;

/// The policies as far as they were written; some defaults depend on the trigger.
pub(super) struct Written {
    late: Option<Duration>,
    priority: Priority,
    on_unknown: OnUnknown,
}

pub(super) fn read(table: &mut Table<'_>) -> Written {
    let late = table.time_span("late").map(|late| late.value);
    let priorities = [("critical", Priority::Critical), ("normal", Priority::Normal), ("bulk", Priority::Bulk)];
    let priority = table.word("priority", &priorities).map_or(Priority::default(), |word| word.value);
    let in_doubt = [("resend", OnUnknown::Resend), ("hold", OnUnknown::Hold)];
    let on_unknown = table.word("on_unknown", &in_doubt).map_or(OnUnknown::default(), |word| word.value);
    Written { late, priority, on_unknown }
}

impl Written {
    pub(super) fn with_defaults(self, trigger: &Trigger) -> Policies {
        let late = if trigger.fires_once() { Policies::LATE_ONCE } else { Policies::LATE_RECURRING };
        let Self { late: written, priority, on_unknown } = self;
        Policies { late: written.unwrap_or(late), priority, on_unknown }
    }
}
