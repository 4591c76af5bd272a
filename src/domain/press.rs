//! Presses: somebody pressed a button of a message.
//!
//! Who it was says the verified activity; of which message and what was meant says the data, and that is checked against
//! who it was.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};

use crate::domain::activity::{Activity, CardAction};
use crate::domain::buttons::{Outcome, Press};
use crate::domain::consent::{Topic, Whence};
use crate::domain::id::DeliveryId;
use crate::domain::news::{self, Who};
use crate::domain::recipient::Address;

/// Somebody pressed a button of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    pub delivery: DeliveryId,
    /// Of which occurrence and about what the message is, as the button says; older buttons say only the number.
    pub occurrence: Option<NaiveDateTime>,
    pub topic: Option<Topic>,
    /// The message whose button it was, as the client says. Some have been seen to name another one (issue 6139 of
    /// MicrosoftDocs/msteams-docs).
    pub within: Option<String>,
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

/// What is known of a delivery, by which its buttons can be told from those of another that had its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub occurrence: NaiveDateTime,
    pub topic: Option<Topic>,
    pub activity_id: Option<String>,
    /// Whether there may be another copy, of which no id is known.
    pub possible_duplicate: bool,
}

impl Pressed {
    /// Whether the button is one of the message. One sign is enough: a topic may have been edited since, and an id may
    /// be unknown or wrong.
    #[must_use]
    pub fn is_of(&self, message: &Message) -> bool {
        let ids = self.within.as_ref().zip(message.activity_id.as_ref());
        if ids.is_some_and(|(told, kept)| told == kept) {
            return true;
        }
        match self.occurrence {
            Some(occurrence) => occurrence == message.occurrence && self.topic == message.topic,
            None => ids.is_none() || message.possible_duplicate,
        }
    }
}

/// What a press came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Now, or when the same was pressed before.
    Took(Outcome),
    /// The message is not known as one of theirs, but its button says what to stop: where it stands, that is stopped.
    Stopped,
    /// The message is not of whoever pressed, or there is no such message: nothing has changed.
    NotYours,
}

/// The press that an activity tells, if it is one of a button of ours. Only Teams says for certain who pressed.
#[must_use]
pub fn read(activity: &Activity, heard_at: DateTime<Utc>) -> Option<Pressed> {
    if !activity.is_of_teams() {
        return None;
    }
    let CardAction { data, reply_to, waits_for_answer, .. } = activity.happening.card_action()?;
    let ours = data.get("nudged")?;
    let text = |key| ours.get(key).and_then(Value::as_str);
    Some(Pressed {
        delivery: DeliveryId(ours.get("delivery")?.as_i64()?),
        occurrence: text("occurrence").and_then(|text| text.parse().ok()),
        topic: text("topic").and_then(Topic::new),
        within: reply_to.map(str::to_owned),
        press: Press::parse(text("choice")?)?,
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
    use crate::domain::buttons::{Buttons, Stamp};
    use crate::domain::message::Said;

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
        let press = Press::parse("snooze 1h").expect("a press");
        let occurrence = "2027-03-01T09:00:00.000001".parse().expect("a time");
        let stamp = Stamp { delivery: DeliveryId(7), occurrence, topic: Topic::new("news").expect("a topic") };
        let Said::Card { card, .. } = Buttons(vec![press]).put_below(Said::Text("Hello".to_owned()), &stamp, None)
        else {
            panic!("a card")
        };
        let action = &card["body"][1]["actions"][0];
        let (execute, data) = (json!({ "action": action }), &action["fallback"]["data"]);
        let invoke = json!({ "name": CARD_ACTION, "value": execute, "replyToId": "5" });
        let invoke = told("invoke", &invoke).expect("a press");
        let submit = told("message", &json!({ "value": data, "replyToId": "5" })).expect("a press");
        assert!(invoke.waits_for_answer && !submit.waits_for_answer);
        for pressed in [invoke, submit] {
            assert_eq!((pressed.delivery, pressed.press), (DeliveryId(7), press));
            assert_eq!(pressed.by.len(), 2, "Entra id and Teams id");
            assert_eq!((pressed.occurrence, pressed.topic), (Some(stamp.occurrence), Some(stamp.topic.clone())));
            assert_eq!(pressed.within.as_deref(), Some("5"));
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
