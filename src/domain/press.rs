//! Presses: somebody pressed a button of a message.
//!
//! Who it was says the verified activity; of which message and what was meant says the data, and that is checked against
//! who it was.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::domain::activity::{Activity, CardAction};
use crate::domain::buttons::{Outcome, Press};
use crate::domain::consent::Whence;
use crate::domain::id::DeliveryId;
use crate::domain::news::{self, Who};
use crate::domain::recipient::Address;

/// Somebody pressed a button of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    pub delivery: DeliveryId,
    pub press: Press,
    /// Until when, of a snooze.
    pub until: Option<DateTime<Utc>>,
    /// Whoever pressed it, the ids first.
    pub by: Vec<Address>,
    /// The recipient in whose conversation it was pressed.
    pub here: Who,
    pub whence: Whence,
    pub at: DateTime<Utc>,
    /// Whether the card's new state can be answered at once.
    pub waits_for_answer: bool,
}

/// What a press came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Now, or when the same was pressed before.
    Took(Outcome),
    /// The message is not of whoever pressed, or there is no such message: nothing has changed.
    NotYours,
}

/// The press that an activity tells, if it is one of a button of ours. Only Teams says for certain who pressed.
#[must_use]
pub fn read(activity: &Activity, heard_at: DateTime<Utc>) -> Option<Pressed> {
    if !activity.is_of_teams() {
        return None;
    }
    let CardAction { data, waits_for_answer, .. } = activity.happening.card_action()?;
    let ours = data.get("nudged")?;
    Some(Pressed {
        delivery: DeliveryId(ours.get("delivery")?.as_i64()?),
        press: Press::parse(ours.get("choice")?.as_str()?)?,
        until: None,
        by: activity.from.addresses(),
        here: news::here(activity),
        whence: Whence::of(activity),
        at: activity.at.map_or(heard_at, |at| at.min(heard_at)),
        waits_for_answer,
    })
}

/// The answer to the invoke that puts a card into the place of the one that was pressed.
#[must_use]
pub fn card_answer(card: &Value) -> Value {
    json!({ "statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": card })
}

/// The answer to the invoke that says something to whoever pressed, and leaves the card as it is.
#[must_use]
pub fn toast(text: &str) -> Value {
    json!({ "statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity;
    use crate::domain::activity::CARD_ACTION;

    fn told(kind: &str, parts: &Value) -> Option<Pressed> {
        let mut all = json!({
            "type": kind, "id": "1", "channelId": "msteams", "conversation": { "id": "a:1" },
            "from": { "id": "29:1", "aadObjectId": "aaaaaaaa-0000-4000-8000-000000000001" },
            "recipient": { "id": "28:bot" },
        });
        for (key, value) in parts.as_object().expect("an object") {
            all[key] = value.clone();
        }
        let activity = activity::read(all.to_string().as_bytes()).expect("an activity");
        read(&activity, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn both_kinds_of_buttons_are_understood() {
        let data = json!({ "nudged": { "delivery": 7, "choice": "snooze 1h" } });
        let execute = json!({ "action": { "type": "Action.Execute", "verb": "nudged.snooze", "data": data } });
        let invoke = told("invoke", &json!({ "name": CARD_ACTION, "value": execute })).expect("a press");
        let submit = told("message", &json!({ "value": data, "replyToId": "5" })).expect("a press");
        assert!(invoke.waits_for_answer && !submit.waits_for_answer);
        for pressed in [invoke, submit] {
            assert_eq!((pressed.delivery, pressed.press), (DeliveryId(7), Press::parse("snooze 1h").expect("a press")));
            assert_eq!(pressed.by.len(), 2, "Entra id and Teams id");
        }
    }

    #[test]
    fn what_is_not_ours_is_no_press() {
        let check = |kind: &str, parts: Value| assert_eq!(told(kind, &parts), None, "{parts}");
        let data = |delivery: Value, choice: &str| json!({ "nudged": { "delivery": delivery, "choice": choice } });
        check("message", json!({ "text": "stop" }));
        check("message", json!({ "value": { "other": 1 } }));
        check("message", json!({ "value": data(json!("7"), "done") }));
        check("message", json!({ "value": data(json!(7), "explode") }));
        check("message", json!({ "value": data(json!(7), "snooze 400 days") }));
        check("invoke", json!({ "name": "task/fetch", "value": { "action": { "data": data(json!(7), "done") } } }));
        check("invoke", json!({ "name": CARD_ACTION, "value": data(json!(7), "done") }));
    }
}
