//! An effect as it stands in JSON: one object with the fields of all effects, of which exactly one says which it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Answer, Effect, Spoil, When};

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_most: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hang: Option<When>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_body_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spoil: Option<Spoil>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<When>,
}

impl TryFrom<Wire> for Effect {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let words = wire.code.is_some() || wire.message.is_some() || wire.body.is_some();
        let waits = wire.retry_after.is_some() || wire.retry_after_most.is_some();
        if (words || waits) && wire.status.is_none() {
            return Err("code, message, retry_after, retry_after_most and body need a status");
        }
        if wire.retry_after_most.is_some_and(|most| wire.retry_after.is_none_or(|least| least > most)) {
            return Err("retry_after_most needs a retry_after that is not above it");
        }
        if wire.when.is_some() && wire.status.is_none() && wire.delay_ms.is_none() {
            return Err("only a status and a delay_ms take a when: cut and hang say it themselves, \
                        slow_body_ms and spoil always come after");
        }
        let when = wire.when.unwrap_or_default();
        match (wire.status, wire.delay_ms, wire.cut, wire.hang, wire.slow_body_ms, wire.spoil) {
            (Some(status @ 200..=599), None, None, None, None, None) => Ok(Self::Answer(Answer {
                status,
                code: wire.code,
                message: wire.message,
                retry_after: wire.retry_after,
                retry_after_most: wire.retry_after_most,
                body: wire.body,
                when,
            })),
            (Some(_), None, None, None, None, None) => Err("a status is between 200 and 599"),
            (None, Some(ms), None, None, None, None) => Ok(Self::Delay { span: Duration::from_millis(ms), when }),
            (None, None, Some(when), None, None, None) => Ok(Self::Cut(when)),
            (None, None, None, Some(when), None, None) => Ok(Self::Hang(when)),
            (None, None, None, None, Some(ms), None) => Ok(Self::SlowBody(Duration::from_millis(ms))),
            (None, None, None, None, None, Some(spoil)) => Ok(Self::Spoil(spoil)),
            _ => Err("exactly one of status, delay_ms, cut, hang, slow_body_ms and spoil"),
        }
    }
}

impl From<Effect> for Wire {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Answer(answer) => Self {
                status: Some(answer.status),
                code: answer.code,
                message: answer.message,
                retry_after: answer.retry_after,
                retry_after_most: answer.retry_after_most,
                body: answer.body,
                when: Some(answer.when),
                ..Self::default()
            },
            Effect::Delay { span, when } => Self { delay_ms: Some(ms(span)), when: Some(when), ..Self::default() },
            Effect::Cut(when) => Self { cut: Some(when), ..Self::default() },
            Effect::Hang(when) => Self { hang: Some(when), ..Self::default() },
            Effect::SlowBody(span) => Self { slow_body_ms: Some(ms(span)), ..Self::default() },
            Effect::Spoil(spoil) => Self { spoil: Some(spoil), ..Self::default() },
        }
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
