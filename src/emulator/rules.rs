//! The queue of fault rules, and acting on them.

use hyper::StatusCode;

use super::faults::{Answer, Effect, Fault, Matching, Operation, When};
use super::reply::{Cut, Reply, empty, error_body, json, raw, with_retry_after};
use super::state::Shared;
use super::token;

/// What rules are matched against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'request> {
    pub operation: Operation,
    pub conversation: Option<&'request str>,
    pub user: Option<&'request str>,
}

/// The rules, in the order in which they were added.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

struct Rule {
    fault: Fault,
    matched: u64,
    acted: u32,
}

impl Rules {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(Rule { fault, matched: 0, acted: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The rules that are not used up.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.0.iter().map(|rule| rule.fault.clone()).collect()
    }

    /// What to do to a request: the first rule that matches it and whose turn it is decides, and has then acted once.
    fn pick(&mut self, subject: Subject<'_>) -> Option<Effect> {
        let index = self.0.iter_mut().position(|rule| rule.is_due(subject))?;
        let rule = &mut self.0[index];
        rule.acted += 1;
        let effect = rule.fault.effect.clone();
        if rule.fault.times.is_some_and(|times| rule.acted >= times.get()) {
            self.0.remove(index);
        }
        Some(effect)
    }
}

impl Rule {
    /// Counts the request if it matches, and says whether it is the turn of this rule.
    fn is_due(&mut self, subject: Subject<'_>) -> bool {
        if !self.fault.matching.covers(subject) {
            return false;
        }
        self.matched += 1;
        self.fault.every.is_none_or(|every| self.matched.is_multiple_of(u64::from(every.get())))
    }
}

impl Matching {
    fn covers(&self, subject: Subject<'_>) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| wanted.is_none() || wanted.as_deref() == found;
        self.operation.is_none_or(|operation| operation == subject.operation)
            && same(&self.conversation, subject.conversation)
            && same(&self.user, subject.user)
    }
}

impl Shared {
    /// Carries a request out, unless and except as a rule says otherwise. `act` must not block.
    pub(super) async fn under_faults(
        &self,
        subject: Subject<'_>,
        act: impl FnOnce() -> Reply + Send,
    ) -> Result<Reply, Cut> {
        let effect = {
            let mut books = self.books();
            let effect = books.rules.pick(subject);
            books.counts.faults_acted += u64::from(effect.is_some());
            effect
        };
        let reply = match effect {
            None => act(),
            Some(effect) if effect.when() == When::Before => match effect {
                Effect::Delay { span, .. } => {
                    self.pause(span).await;
                    act()
                }
                effect => self.instead(&effect, subject.operation).await?,
            },
            Some(effect) => {
                let reply = act();
                match effect {
                    _ if !reply.status().is_success() => reply,
                    Effect::Delay { span, .. } => {
                        self.pause(span).await;
                        reply
                    }
                    effect => self.instead(&effect, subject.operation).await?,
                }
            }
        };
        self.pause(self.settings.latency).await;
        Ok(reply)
    }

    /// What the client sees of a rule that does not let the true answer through.
    async fn instead(&self, effect: &Effect, operation: Operation) -> Result<Reply, Cut> {
        match effect {
            Effect::Answer(answer) => Ok(self.answer(answer, operation)),
            Effect::Hang(_) => {
                self.stop.cancelled().await;
                Err(Cut)
            }
            Effect::Cut(_) | Effect::Delay { .. } => Err(Cut),
        }
    }

    fn answer(&self, answer: &Answer, operation: Operation) -> Reply {
        let status = StatusCode::from_u16(answer.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let in_words = answer.code.is_some() || answer.message.is_some();
        let message = answer.message.as_deref().unwrap_or("A fault rule of the emulator says so");
        let reply = match (&answer.body, operation) {
            (Some(body), _) if body.is_empty() => empty(status),
            (Some(body), _) => raw(status, body.clone()),
            (None, _) if status.is_success() && !in_words => empty(status),
            (None, Operation::Token) => {
                let error = answer.code.as_deref().unwrap_or("temporarily_unavailable");
                token::failure(self, status, error, message, None)
            }
            (None, _) => {
                let code = answer.code.as_deref().unwrap_or(usual_code(status));
                json(status, &error_body(code, message))
            }
        };
        with_retry_after(reply, answer.retry_after)
    }
}

impl Effect {
    fn when(&self) -> When {
        match self {
            Self::Answer(answer) => answer.when,
            Self::Delay { when, .. } | Self::Cut(when) | Self::Hang(when) => *when,
        }
    }
}

/// The code that most often comes with a status (dossier §8).
fn usual_code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "BadArgument",
        401 => "AuthorizationError",
        403 => "BotNotInConversationRoster",
        404 => "ConversationNotFound",
        412 => "PreconditionFailed",
        413 => "MessageSizeTooBig",
        429 => "Throttled",
        _ => "ServiceError",
    }
}
