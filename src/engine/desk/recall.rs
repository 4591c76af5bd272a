//! Recalls: what is asked for is understood and checked here, and begun in the store.

use crate::domain::id::ScheduleName;
use crate::domain::recall::Remedy;
use crate::domain::schedule::model::Target;
use crate::domain::schedule::parse::read_target;
use crate::engine::desk::{FrontDesk, checked, unknown_schedule};
use crate::port::desk::{DeskError, RecallQuery, RecallRequest};
use crate::port::recall::{NoRecall, RecallOrder, RecallReport};

impl FrontDesk {
    pub(super) async fn begin_recall(&self, request: RecallRequest) -> Result<RecallReport, DeskError> {
        let Some(running) = &self.daemon else {
            return Err(DeskError::NoDaemon("messages can only be recalled by a running daemon".into()));
        };
        let order = self.order(&request)?;
        let now = self.clock.now();
        let begun = if request.dry_run {
            self.store.try_recall(order, now).await?
        } else {
            self.store.begin_recall(order, now).await?
        };
        let report = begun.map_err(|none| DeskError::NotFound(self.in_words(&request.schedule, &none)))?;
        if let Some(recall) = report.recall {
            running.recall.notify_one();
            tracing::warn!(
                %recall, schedule = report.schedule, occurrence = %report.occurrence, counts = ?report.counts,
                "messages are recalled"
            );
        }
        Ok(report)
    }

    pub(super) async fn report_recall(&self, query: RecallQuery) -> Result<RecallReport, DeskError> {
        let report = self.store.recall_report(query.recall, query.in_full).await?;
        report.ok_or_else(|| DeskError::NotFound(format!("there is no recall {}", query.recall)))
    }

    fn order(&self, request: &RecallRequest) -> Result<RecallOrder, DeskError> {
        let schedule = ScheduleName::new(&request.schedule)
            .ok_or_else(|| DeskError::NotFound(self.in_words(&request.schedule, &NoRecall::UnknownSchedule)))?;
        let target = |word: &String| {
            read_target(word).map_err(|refused| DeskError::BadRequest(format!("{}; {}", refused.message, refused.help)))
        };
        let who = request.who.iter().map(target).collect::<Result<Vec<Target>, _>>()?;
        match &request.remedy {
            Remedy::Delete => {}
            // As if a person had written it into a schedule.
            Remedy::Replace(text) => {
                let text = toml::Value::from(text.as_str());
                checked(
                    "the text",
                    format!(
                        "[schedule.{schedule}]\nto = \"everyone\"\nat = 2000-01-01T00:00:00Z\nzone = \"UTC\"\ntext = {text}\n"
                    ),
                )?;
            }
        }
        Ok(RecallOrder { schedule, occurrence: request.occurrence, who, remedy: request.remedy.clone() })
    }

    /// Why there is nothing to recall, and what to do about it.
    fn in_words(&self, schedule: &str, none: &NoRecall) -> String {
        match none {
            NoRecall::UnknownSchedule => unknown_schedule(schedule, self.keeper.cell().current().names()),
            NoRecall::NothingSent => format!(
                "nothing of \"{schedule}\" has been sent yet; to stop one in advance, name it with --occurrence"
            ),
            NoRecall::UnknownOccurrence { known } if known.is_empty() => {
                format!(
                    "\"{schedule}\" has no such occurrence, and nothing of it has been sent yet; `nudged status {schedule}` \
                     shows what is planned"
                )
            }
            NoRecall::UnknownOccurrence { known } => {
                let known: Vec<_> = known.iter().map(|civil| civil.format("%Y-%m-%dT%H:%M").to_string()).collect();
                format!(
                    "\"{schedule}\" has no such occurrence; the latest of which anything was sent: {}",
                    known.join(", ")
                )
            }
            NoRecall::Nobody(Target::Group(group)) => format!("nobody is in the group \"{group}\""),
            NoRecall::Nobody(Target::Team(team)) => format!("nobody is known of the team \"{team}\""),
            NoRecall::Nobody(Target::Person(address) | Target::Conversation(address)) => {
                format!("nobody is known as {address}")
            }
            NoRecall::Nobody(Target::Everyone) => "nobody is known".to_owned(),
            NoRecall::Nobody(Target::Event(target)) => format!("`event:{target}` names nobody here"),
            NoRecall::NothingThere(occurrence) => format!(
                "of \"{schedule}\" at {} nothing was sent to them and nothing is still to be sent",
                occurrence.format("%Y-%m-%d %H:%M")
            ),
        }
    }
}
