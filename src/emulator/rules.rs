//! The queue of fault rules, and acting on them.

use std::sync::Arc;

use hyper::StatusCode;

use super::faults::{Answer, Effect, Fault, Spoil, When};
use super::matching::{Operation, Subject, Turns};
use super::payload::Payload;
use super::reply::{Cut, Reply, empty, error_body, garbage, json, raw, with_retry_after};
use super::state::{Shared, pause};
use super::token;

/// What proxies answer that want somebody to log in first.
const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>";

/// The rules, in the order in which they were added.
#[derive(Default)]
pub(super) struct Rules {
    queue: Vec<(Fault, Turns)>,
    added: u64,
}

impl Rules {
    pub(super) fn add(&mut self, fault: Fault) {
        self.added += 1;
        let seed = fault.seed.unwrap_or(self.added);
        let turns = Turns::new(fault.matching.clone(), fault.times, fault.every, fault.share, seed);
        self.queue.push((fault, turns));
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// The rules that are not used up.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.queue.iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// What to do to a request: the first rule that matches it and whose turn it is decides, and has then acted once.
    fn pick(&mut self, subject: &Subject) -> Option<Effect> {
        let index = self.queue.iter_mut().position(|(_, turns)| turns.take(subject))?;
        let (fault, turns) = &mut self.queue[index];
        let mut effect = fault.effect.clone();
        if let Effect::Answer(Answer { retry_after: Some(seconds), retry_after_most: Some(most), .. }) = &mut effect {
            *seconds = turns.dice.between(*seconds, *most);
        }
        if turns.used_up() {
            self.queue.remove(index);
        }
        Some(effect)
    }
}

impl Shared {
    /// Carries a request out, unless and except as a rule says otherwise. `act` must not block.
    pub(super) async fn under_faults(
        &self,
        subject: &Subject,
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
                effect => self.apply(effect, subject.operation, Reply::default()).await?,
            },
            Some(effect) => {
                let reply = act();
                if reply.status().is_success() { self.apply(effect, subject.operation, reply).await? } else { reply }
            }
        };
        self.pause(self.settings.latency).await;
        Ok(reply)
    }

    /// What the client sees of a rule, given the true answer.
    async fn apply(&self, effect: Effect, operation: Operation, reply: Reply) -> Result<Reply, Cut> {
        match effect {
            Effect::Answer(answer) => Ok(self.answer(&answer, operation)),
            Effect::Delay { span, .. } => {
                self.pause(span).await;
                Ok(reply)
            }
            Effect::Cut(_) => Err(Cut),
            Effect::Hang(_) => {
                self.stop.cancelled().await;
                Err(Cut)
            }
            Effect::SlowBody(span) => {
                let (clock, stop) = (Arc::clone(&self.clock), self.stop.clone());
                Ok(reply.map(|body| body.slowly(async move { pause(&*clock, &stop, span).await })))
            }
            Effect::Spoil(Spoil::Half) => Ok(reply.map(Payload::broken_off)),
            Effect::Spoil(Spoil::Garbage) => Ok(garbage(reply.status())),
            Effect::Spoil(Spoil::Html) => Ok(raw(StatusCode::OK, LOGIN_PAGE.to_owned())),
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

/// The code that most often comes with a status.
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
