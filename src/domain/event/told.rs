//! What Teams tells, as an event.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{Event, INSTALL, Identity, MEMBER_ADDED};
use crate::domain::activity::{Account, Activity, Happening};
use crate::domain::conversation;
use crate::domain::news::Who;
use crate::domain::recipient::RecipientKind;

/// The event that an activity tells of, if it does. `at` is when it happened.
///
/// An upgrade of the app is no install. Who installs it in a team or a group chat is not welcomed for that: the event is
/// about the conversation. Who appears in their own chat has not joined anything.
#[must_use]
pub fn told(activity: &Activity, at: DateTime<Utc>) -> Option<Event> {
    let kind = activity.conversation.kind?;
    let is_their_chat = kind == RecipientKind::Person;
    let (name, accounts): (_, &[Account]) = match &activity.happening {
        Happening::Installed { is_upgrade: false } if is_their_chat => (INSTALL, std::slice::from_ref(&activity.from)),
        Happening::Installed { is_upgrade: false } => (INSTALL, &[]),
        Happening::Joined(accounts) if !is_their_chat => (MEMBER_ADDED, accounts),
        Happening::Installed { is_upgrade: true }
        | Happening::Joined(_)
        | Happening::Message { .. }
        | Happening::Invoke { .. }
        | Happening::Removed
        | Happening::Left(_)
        | Happening::Channel(_)
        | Happening::Team(_)
        | Happening::Other(_) => return None,
    };
    let conversation_id = conversation::without_thread(&activity.conversation.id).to_owned();
    let people: Vec<Who> = accounts
        .iter()
        .map(|account| Who {
            conversation_id: is_their_chat.then(|| conversation_id.clone()),
            addresses: account.addresses(),
        })
        .filter(|who| is_their_chat || !who.addresses.is_empty())
        .collect();
    let mut about = vec![conversation_id.clone()];
    if !is_their_chat {
        about.extend(people.iter().filter_map(|who| who.addresses.first()).map(ToString::to_string));
        about[1..].sort_unstable();
    }
    Some(Event {
        name: name.to_owned(),
        identity: Identity::About(about.join(" ")),
        at,
        data: data(activity, kind, accounts),
        people,
        conversation: Some(Who { conversation_id: Some(conversation_id), addresses: Vec::new() }),
    })
}

/// What a text may say of it. What Teams did not tell is not there.
fn data(activity: &Activity, kind: RecipientKind, accounts: &[Account]) -> Value {
    let mut data = Map::new();
    let word = match kind {
        RecipientKind::Person => "person",
        RecipientKind::GroupChat => "group-chat",
        RecipientKind::Channel => "team",
    };
    data.insert("conversation".into(), json!({ "kind": word, "name": activity.conversation.name }));
    // Always an object, so that `default` helps in a text where there is no team.
    let team = activity.team.as_ref();
    data.insert(
        "team".into(),
        json!({ "id": team.map(|team| &team.id), "name": team.and_then(|team| team.name.as_ref()) }),
    );
    if let Some(by) = &activity.from.name {
        data.insert("by".into(), json!(by));
    }
    let names: Vec<&str> = accounts.iter().filter_map(|account| account.name.as_deref()).collect();
    data.insert("people".into(), json!(names));
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity::read;

    fn heard(change: &Value) -> Option<Event> {
        let mut body = json!({
            "type": "installationUpdate", "action": "add", "id": "f:1", "channelId": "msteams",
            "timestamp": "2027-03-01T08:00:00.000Z", "serviceUrl": "https://smba.trafficmanager.net/emea/",
            "from": { "id": "29:ana", "aadObjectId": "11111111-2222-4333-8444-555555555555", "name": "Ana" },
            "recipient": { "id": "28:bot" },
            "conversation": { "id": "a:ana", "conversationType": "personal", "tenantId": "t" },
        });
        for (key, value) in change.as_object().expect("changes") {
            body[key] = value.clone();
        }
        let activity = read(body.to_string().as_bytes()).expect("an activity");
        told(&activity, activity.at.expect("its time"))
    }

    #[test]
    fn an_install_is_about_whose_chat_it_is() {
        let event = heard(&json!({})).expect("an event");
        assert_eq!((event.name.as_str(), event.people.len()), ("install", 1));
        assert_eq!(event.people[0].conversation_id.as_deref(), Some("a:ana"));
        assert_eq!(event.identity, Identity::About("a:ana".into()));
        assert_eq!(event.data["conversation"]["kind"], "person");
    }

    #[test]
    fn an_upgrade_is_no_install() {
        assert_eq!(heard(&json!({ "action": "add-upgrade" })), None);
        assert_eq!(heard(&json!({ "action": "remove" })), None);
    }

    #[test]
    fn an_install_in_a_team_welcomes_nobody_person_by_person() {
        let event = heard(&json!({
            "conversation": { "id": "19:t@thread.tacv2", "conversationType": "channel" },
            "channelData": { "team": { "id": "19:t@thread.tacv2", "name": "Ops" } },
        }));
        let event = event.expect("an event");
        assert_eq!(event.people, []);
        assert_eq!(event.data["team"]["name"], "Ops");
        let place = event.conversation.expect("a conversation");
        assert_eq!(place.conversation_id.as_deref(), Some("19:t@thread.tacv2"));
    }

    #[test]
    fn who_joins_a_team_is_whom_it_is_about() {
        let joined = json!({
            "type": "conversationUpdate", "action": null,
            "membersAdded": [{ "id": "29:cy" }, { "id": "29:bo" }],
            "conversation": { "id": "19:t@thread.tacv2", "conversationType": "channel" },
            "channelData": { "eventType": "teamMemberAdded", "team": { "id": "19:t@thread.tacv2" } },
        });
        let event = heard(&joined).expect("an event");
        assert_eq!((event.name.as_str(), event.people.len()), ("member-added", 2));
        assert_eq!(event.identity, Identity::About("19:t@thread.tacv2 29:bo 29:cy".into()));
        let mut in_chat = joined;
        in_chat["conversation"] = json!({ "id": "a:ana", "conversationType": "personal" });
        assert_eq!(heard(&in_chat), None);
    }
}
