//! A model of Teams: what arrives is counted against the published limits, and what is answered, when, and whether the
//! answer ever comes, chance decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use nudged::domain::delivery::Reason;
use nudged::domain::message::Said;
use nudged::domain::recipient::Reference;
use nudged::domain::verdict::{Answer, Evidence, Verdict};
use nudged::port::connector::{Channel, Connector, Conversation, MemberPage, OutgoingActivity, Posted, Team};

use crate::sim::chance::Chance;
use crate::sim::clock::Time;
use crate::sim::life::Life;
use crate::sim::truth::{End, SLACK, Truth};
use crate::sim::windows::Windows;

/// How well Teams is: in how many of a hundred cases each of these happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Weather {
    pub(crate) throttled: usize,
    /// An answer that says nothing, or none, of a message that arrived or did not.
    pub(crate) in_doubt: usize,
    /// Refused, and worth another try.
    pub(crate) refused: usize,
    pub(crate) slow: usize,
}

/// What a whole outage looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    NoConnection,
    /// Answers of 503 that say nothing.
    Unavailable,
    /// The bot's token is refused.
    TokenRefused,
}

/// Teams as it really is, whoever asks.
pub(crate) struct Teams {
    time: Arc<Time>,
    truth: Arc<Mutex<Truth>>,
    chance: Chance,
    windows: Mutex<Windows>,
    pub(crate) weather: Mutex<(Weather, Option<Outage>)>,
    /// Who has blocked the bot.
    pub(crate) blocked: Mutex<Vec<String>>,
}

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq)]
struct Fate {
    /// Whether it gets as far as Teams at all.
    reaches: bool,
    /// Whether its message is there afterwards.
    arrives: bool,
    after: Duration,
    answers_after: Duration,
    verdict: Verdict,
}

impl Teams {
    pub(crate) fn new(
        seed: u64,
        time: Arc<Time>,
        truth: Arc<Mutex<Truth>>,
        per_second: usize,
        weather: Weather,
    ) -> Self {
        Self {
            time,
            truth,
            chance: Chance::new(seed, "teams"),
            windows: Mutex::new(Windows::new(per_second)),
            weather: Mutex::new((weather, None)),
            blocked: Mutex::default(),
        }
    }

    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, name: &str) -> Fate {
        let (weather, outage) = *self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = |least, most| Duration::from_millis(self.chance.between(least, most) as u64);
        let slow = self.chance.hits(weather.slow);
        let delivered = Fate {
            reaches: true,
            arrives: true,
            after: if slow { millis(100, 4000) } else { millis(1, 60) },
            answers_after: if slow { millis(100, 6000) } else { millis(1, 60) },
            verdict: Verdict::Delivered { activity_id: self.chance.hits(90).then(|| "1".into()) },
        };
        let refused = |verdict| Fate { arrives: false, verdict, ..delivered.clone() };
        let retry = |reason, after| refused(Verdict::Retry { reason, after });
        let doubt = |reason| Fate {
            arrives: self.chance.hits(50),
            verdict: Verdict::Unknown { reason, after: None },
            ..delivered.clone()
        };
        match outage {
            Some(Outage::NoConnection) => return Fate { reaches: false, ..retry(Reason::NotConnected, None) },
            Some(Outage::Unavailable) => return doubt(Reason::ServerError),
            Some(Outage::TokenRefused) => return refused(Verdict::OurFault { reason: Reason::AuthRefused }),
            None => {}
        }
        if self.blocked.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|blocked| blocked == name) {
            return refused(Verdict::Permanent { reason: Reason::Blocked });
        }
        let draw = self.chance.below(100);
        let Weather { throttled, in_doubt, refused: again, slow: _ } = weather;
        if draw < throttled {
            let after = self.chance.pick(&[None, Some(1), Some(3), Some(20), Some(90)]);
            return retry(Reason::Throttled, after.map(Duration::from_secs));
        }
        if draw < throttled + in_doubt {
            return match self.chance.below(3) {
                0 => doubt(Reason::ServerError),
                1 => Fate { answers_after: Duration::from_secs(30), ..doubt(Reason::NoAnswer) },
                _ => doubt(Reason::NoAnswer),
            };
        }
        if draw < throttled + in_doubt + again {
            return match self.chance.below(6) {
                0 => Fate { reaches: false, ..retry(Reason::NotConnected, None) },
                1 => retry(Reason::Busy, None),
                2 => retry(Reason::TryAgain, None),
                3 | 4 => refused(Verdict::Permanent { reason: Reason::Refused }),
                _ => {
                    let after = Some(Duration::from_secs(30));
                    refused(Verdict::Recreate { reason: Reason::ConversationNotFound, after })
                }
            };
        }
        delivered
    }

    /// A request gets to Teams.
    fn reaches(&self, tenant: &str, conversation: &str) {
        let at = self.time.mono();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(beyond) = windows.arrives(tenant, conversation, at) {
            drop(windows);
            self.truth().violation(at, format!("P5: {beyond}"));
        }
    }
}

/// A request on its way. Where its daemon dies meanwhile, it may get there all the same.
struct Flight<'a> {
    teams: &'a Teams,
    number: Option<usize>,
    tenant: &'a str,
    conversation: &'a str,
    fate: Fate,
    is_on_its_way: bool,
}

impl Flight<'_> {
    fn lands(&mut self) {
        self.is_on_its_way = false;
        if self.fate.reaches {
            self.teams.reaches(self.tenant, self.conversation);
        }
        if let Some(number) = self.number.filter(|_| self.fate.arrives) {
            self.teams.truth().arrived(self.teams.time.mono(), number);
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if self.is_on_its_way && self.teams.chance.hits(50) {
            self.lands();
        }
    }
}

/// Teams as one daemon sees it.
pub(crate) struct Wire {
    pub(crate) teams: Arc<Teams>,
    pub(crate) life: Arc<Life>,
}

/// The name of the person whose 1:1 chat this is.
fn name_of(conversation: &str) -> &str {
    conversation.trim_start_matches("a:")
}

fn answer(verdict: Verdict) -> Answer {
    Answer { verdict, evidence: Evidence::default() }
}

fn nobody() -> Answer {
    answer(Verdict::Permanent { reason: Reason::Refused })
}

#[async_trait]
impl Connector for Wire {
    async fn continue_conversation(&self, reference: &Reference, activity: &OutgoingActivity) -> Answer {
        self.life.or_never().await;
        let teams = &self.teams;
        let conversation = reference.conversation_id.as_deref().unwrap_or_default();
        let name = name_of(conversation);
        let tenant = reference.tenant_id.as_deref().unwrap_or("home");
        let text = match &activity.said {
            Said::Text(text) => text,
            Said::Card { summary, .. } => summary,
        };
        let now = (teams.time.mono(), teams.time.walls(SLACK));
        let number = teams.truth().leaves((now.0, &now.1), self.life.generation, name, text);
        let fate = teams.fate(name);
        let (after, answers_after, verdict) = (fate.after, fate.answers_after, fate.verdict.clone());
        let mut flight = Flight { teams, number, tenant, conversation, fate, is_on_its_way: true };
        teams.time.pass(after).await;
        self.life.or_never().await;
        flight.lands();
        teams.time.pass(answers_after).await;
        self.life.or_never().await;
        let end = match &verdict {
            Verdict::Delivered { .. } => End::Delivered,
            Verdict::Unknown { .. } => End::InDoubt,
            Verdict::Retry { .. }
            | Verdict::Recreate { .. }
            | Verdict::Elsewhere { .. }
            | Verdict::Permanent { .. }
            | Verdict::OurFault { .. } => End::Refused,
        };
        let silence = match &verdict {
            Verdict::Retry { reason: Reason::Throttled, after } => *after,
            _ => None,
        };
        if let Some(number) = number {
            teams.truth().answered(teams.time.mono(), number, end, silence);
        }
        answer(verdict)
    }

    async fn create_conversation(&self, reference: &Reference) -> Result<Conversation, Answer> {
        self.life.or_never().await;
        let teams = &self.teams;
        let user = reference.user_id.as_deref().unwrap_or_default();
        let name = user.trim_start_matches("29:");
        let fate = teams.fate(name);
        teams.time.pass(fate.after).await;
        if fate.reaches {
            teams.reaches(reference.tenant_id.as_deref().unwrap_or("home"), &format!("create {user}"));
        }
        teams.time.pass(fate.answers_after).await;
        self.life.or_never().await;
        match fate.verdict {
            Verdict::Delivered { .. } => Ok(Conversation { conversation_id: format!("a:{name}"), service_url: None }),
            // To make the same conversation again does no harm, so nothing is in doubt.
            Verdict::Unknown { reason, after } => Err(answer(Verdict::Retry { reason, after })),
            verdict => Err(answer(verdict)),
        }
    }

    async fn post_in_channel(&self, _: &Reference, _: &OutgoingActivity) -> Posted {
        Posted { answer: nobody(), thread: None }
    }

    async fn update_activity(&self, _: &Reference, _: &str, _: &OutgoingActivity) -> Answer {
        answer(Verdict::Delivered { activity_id: None })
    }

    async fn delete_activity(&self, _: &Reference, _: &str) -> Answer {
        answer(Verdict::Delivered { activity_id: None })
    }

    async fn members(&self, _: &Reference, _: Option<&str>) -> Result<MemberPage, Answer> {
        Err(nobody())
    }

    async fn channels(&self, _: &Reference) -> Result<Vec<Channel>, Answer> {
        Err(nobody())
    }

    async fn team(&self, _: &Reference) -> Result<Team, Answer> {
        Err(nobody())
    }
}
