//! The line to Teams, tried without a message: a token, and a knock at the Connector's door.

use std::time::Duration;

use async_trait::async_trait;

use super::client::TeamsConnector;
use super::http::NoReply;
use super::verdict::{DETAIL_CHARS_MAX, cut};
use crate::domain::verdict::{Answer, Verdict};
use crate::port::line::{Line, LineReport, Step};

#[async_trait]
impl Line for TeamsConnector {
    fn token_left(&self) -> Option<Duration> {
        self.tokens.left()
    }

    async fn probe(&self) -> LineReport {
        let token = match self.tokens.get().await {
            Ok(_) => Step::Ok { detail: good_for(self.tokens.left().unwrap_or_default()) },
            Err(answer) => Step::Failed { why: why(&answer) },
        };
        let host = self.default_service.as_ref().and_then(|place| place.as_url().host_str()).map(str::to_owned);
        LineReport { token, host, connector: self.knock().await }
    }
}

impl TeamsConnector {
    /// Whoever answers at all, with any status, has been reached.
    async fn knock(&self) -> Step {
        let Some(place) = &self.default_service else { return Step::Nothing };
        let began = self.clock.moment();
        match self.doors.knock(place).await {
            Ok(_) => Step::Ok { detail: format!("{} ms", self.clock.moment().since(began).as_millis()) },
            Err(NoReply::NotConnected(text) | NoReply::Lost(text) | NoReply::NoTls(text)) => {
                Step::Failed { why: cut(&text, DETAIL_CHARS_MAX) }
            }
        }
    }
}

fn good_for(left: Duration) -> String {
    format!("good for {} min", left.as_secs() / 60)
}

/// Why there is no token. Nothing of what was shown for it is in these words.
fn why(answer: &Answer) -> String {
    match (&answer.evidence.detail, &answer.verdict) {
        (Some(detail), _) => detail.clone(),
        (None, Verdict::OurFault { reason }) => reason.explain().to_owned(),
        (None, _) => "no token could be had".to_owned(),
    }
}
