//! What programs say has happened.

use crate::domain::event::{self, Event, Identity, LARGEST_DATA, LONGEST_KEY};
use crate::domain::nearest::nearest;
use crate::engine::desk::FrontDesk;
use crate::port::desk::DeskError;
use crate::port::event::{EventAnswer, EventReceipt, EventRequest};

impl FrontDesk {
    pub(super) async fn take_event(&self, request: EventRequest) -> Result<EventReceipt, DeskError> {
        let Some(running) = &self.daemon else {
            return Err(DeskError::NoDaemon("an event can only be taken in by a running daemon".into()));
        };
        check(&request)?;
        let EventRequest { name, key, data } = request;
        let now = self.clock.now();
        let identity = Identity::Key(key);
        let event = Event { name: name.clone(), identity, at: now, data, people: Vec::new(), conversation: None };
        match self.store.happen(event, now).await? {
            EventAnswer::Taken(receipt) => {
                if !receipt.is_repetition {
                    let (occurrences, refused) = (receipt.occurrences.len(), receipt.refused.len());
                    tracing::info!(event = name, occurrences, refused, "an event was taken in");
                    running.work.notify_one();
                }
                Ok(receipt)
            }
            EventAnswer::KeyIsTaken => {
                let words =
                    format!("this key was used for another \"{name}\" with other data; take a new key for each");
                Err(DeskError::BadRequest(words))
            }
            EventAnswer::NobodyListens { known } => Err(DeskError::NotFound(nobody_listens(&name, &known))),
        }
    }
}

/// Whether the request makes sense by itself.
fn check(request: &EventRequest) -> Result<(), DeskError> {
    let bad = |words: String| Err(DeskError::BadRequest(words));
    if event::is_of_teams(&request.name) {
        return bad(format!("only Teams says \"{}\"; call the event by another name", request.name));
    }
    if !event::is_name(&request.name) {
        return bad("this can't be the name of an event; write small letters, such as build-failed".into());
    }
    if !event::is_key(&request.key) {
        let what = "the key (Idempotency-Key) must have";
        return bad(format!("{what} 1 to {LONGEST_KEY} printable ASCII characters, and no space at its ends"));
    }
    if !request.data.is_object() {
        return bad("the data of an event is a JSON object, such as {\"authors\": [\"ana@contoso.example\"]}".into());
    }
    if request.data.to_string().len() > LARGEST_DATA {
        return bad(format!("the data of an event may have {} KiB; send what the message needs", LARGEST_DATA >> 10));
    }
    Ok(())
}

fn nobody_listens(name: &str, known: &[String]) -> String {
    let names: Vec<&str> = known.iter().map(String::as_str).filter(|known| !event::is_of_teams(known)).collect();
    let rest = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if names.is_empty() => format!("write event = \"{name}\" in a schedule"),
        None => format!("those that are waited for are {}", names.join(", ")),
    };
    format!("no schedule waits for \"{name}\" now; {rest}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let refused = |change: fn(&mut EventRequest)| {
            let mut request = EventRequest { name: "build-failed".into(), key: "7".into(), data: json!({}) };
            change(&mut request);
            check(&request).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused(|_| {}), "");
        assert!(refused(|request| request.name = "install".into()).starts_with("only Teams says \"install\""));
        assert!(refused(|request| request.name = "Build Failed".into()).contains("small letters"));
        assert!(refused(|request| request.key = "\n".into()).contains("Idempotency-Key"));
        assert!(refused(|request| request.data = json!([])).contains("JSON object"));
        let many = "x".repeat(LARGEST_DATA);
        assert!(check(&EventRequest { name: "e".into(), key: "k".into(), data: json!({ "x": many }) }).is_err());
    }

    #[test]
    fn the_nearest_event_is_named() {
        let known = ["build-failed".to_owned(), "install".to_owned()];
        assert!(nobody_listens("buld-failed", &known).ends_with("did you mean \"build-failed\"?"));
        assert!(nobody_listens("order", &known).ends_with("those that are waited for are build-failed"));
        assert!(nobody_listens("order", &known[1..]).ends_with("write event = \"order\" in a schedule"));
    }
}
