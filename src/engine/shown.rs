//! Messages that are shown already, made once more with what came of a press in the place of their buttons.

use std::sync::Arc;

use crate::domain::buttons::{self, Outcome};
use crate::domain::message::Said;
use crate::domain::template::{Facts, Template};
use crate::domain::time::ZoneRules;
use crate::engine::catalog::CatalogCell;
use crate::port::reply::Delivered;

/// Makes shown messages once more.
pub struct Shown {
    pub catalog: Arc<CatalogCell>,
    pub zones: Arc<dyn ZoneRules>,
    /// How to stop a message whose schedule does not say it.
    pub house_stop: Option<Template>,
}

impl Shown {
    /// The message with what came of a press in the place of its buttons. Where its schedule is gone or says something else
    /// by now, or it was taken back, or can't be made any more, the outcome alone.
    #[must_use]
    pub fn after(&self, delivered: &Delivered, outcome: &Outcome) -> Said {
        let line = outcome.line(&delivered.recipient, self.zones.as_ref());
        let alone = || buttons::line_alone(&line);
        if delivered.is_recalled || delivered.is_outdated {
            return alone();
        }
        let Some(schedule) = self.catalog.get(&delivered.schedule) else { return alone() };
        let facts = Facts {
            recipient: &delivered.recipient,
            schedule: &delivered.schedule,
            title: schedule.display_title(),
            occurrence: delivered.occurrence,
            local: self.zones.civil(delivered.due_at, delivered.recipient.zone),
            event: delivered.event.as_deref(),
        };
        match schedule.message.render(&facts, self.house_stop.as_ref()) {
            Ok(said) => buttons::with_line(said, &line),
            Err(_) => alone(),
        }
    }
}
