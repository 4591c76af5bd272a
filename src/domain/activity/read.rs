//! JSON → activity.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{
    Account, Activity, ChannelChange, ChannelTold, Client, ConversationTold, Happening, TEAMS, TeamChange, TeamTold,
};
use crate::domain::bounds;
use crate::domain::conversation;
use crate::domain::recipient::RecipientKind;

/// More text than any command to the bot.
const LONGEST_TEXT: usize = 32_768;

/// As many as one activity is believed to name.
const MOST_ACCOUNTS: usize = 1_000;

/// Why a body is no activity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("the body is no JSON object")]
    NotAnObject,
    #[error("`{0}` is missing or not what it should be")]
    Without(&'static str),
}

/// Reads the body of a request to the bot.
pub fn read(body: &[u8]) -> Result<Activity, Unreadable> {
    // The parser itself refuses what is nested deeper than 128 levels.
    let value: Value = serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
    let root = Object::of(&value).ok_or(Unreadable::NotAnObject)?;
    let kind = root.name("type").ok_or(Unreadable::Without("type"))?;
    let surface = root.name("channelId").ok_or(Unreadable::Without("channelId"))?;
    let conversation = root.object("conversation").ok_or(Unreadable::Without("conversation"))?;
    let data = root.object("channelData").unwrap_or_default();
    let bot_id = root.object("recipient").and_then(|bot| bot.id("id"));
    Ok(Activity {
        id: root.id("id"),
        at: root.text("timestamp", 64).and_then(|text| text.parse::<DateTime<Utc>>().ok()).filter(is_of_our_days),
        surface: surface.to_owned(),
        service_url: root.id("serviceUrl"),
        from: teller(root, bot_id.as_deref()),
        tenant_id: data.object("tenant").and_then(|tenant| tenant.id("id")).or_else(|| conversation.id("tenantId")),
        team: team(data),
        channel: channel(data, conversation),
        client: client(root),
        happening: happening(kind, root, data, bot_id.as_deref()),
        conversation: told(conversation)?,
        bot_id,
    })
}

/// Whether it may be when something happened that Teams tells: it is younger than 2016.
fn is_of_our_days(at: &DateTime<Utc>) -> bool {
    (2016..2200).contains(&at.year())
}

/// An object of which nothing is believed before it has been looked at.
#[derive(Clone, Copy, Default)]
struct Object<'a>(Option<&'a Map<String, Value>>);

impl<'a> Object<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(|map| Self(Some(map)))
    }

    fn value(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|value| !value.is_null())
    }

    fn object(self, key: &str) -> Option<Self> {
        self.value(key).and_then(Self::of)
    }

    fn list(self, key: &str) -> impl Iterator<Item = Self> {
        let list = self.value(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().take(MOST_ACCOUNTS).filter_map(Self::of)
    }

    fn text(self, key: &str, longest: usize) -> Option<&'a str> {
        bounds::text(self.value(key)?.as_str()?, longest)
    }

    fn name(self, key: &str) -> Option<&'a str> {
        bounds::name(self.value(key)?.as_str()?)
    }

    fn id(self, key: &str) -> Option<String> {
        bounds::id(self.value(key)?.as_str()?).map(str::to_owned)
    }
}

fn account(object: Object<'_>) -> Account {
    Account {
        id: object.id("id"),
        entra_object_id: object.id("aadObjectId").or_else(|| object.id("objectId")),
        name: object.name("name").map(str::to_owned),
        principal_name: object.id("userPrincipalName").or_else(|| object.id("email")),
    }
}

/// Who did it. An install does not always say it; in a chat of two it was the one who is not the bot.
fn teller(root: Object<'_>, bot_id: Option<&str>) -> Account {
    let from = root.object("from").map(account).unwrap_or_default();
    if from.id.as_deref().is_some_and(|id| Some(id) != bot_id) {
        return from;
    }
    let is_personal = root.object("conversation").and_then(|it| it.name("conversationType")) == Some("personal");
    let mut others = root.list("membersAdded").map(account).filter(|it| it.id.is_some() && it.id.as_deref() != bot_id);
    others.next().filter(|_| is_personal).unwrap_or(from)
}

fn told(conversation: Object<'_>) -> Result<ConversationTold, Unreadable> {
    let id = conversation.id("id").ok_or(Unreadable::Without("conversation.id"))?;
    let said = match conversation.name("conversationType") {
        Some("personal") => Some(RecipientKind::Person),
        Some("groupChat") => Some(RecipientKind::GroupChat),
        Some("channel") => Some(RecipientKind::Channel),
        Some(_) | None => None,
    };
    // Install events have been seen that call the id of a meeting personal: where the form of an id is known, it counts.
    let kind = conversation::kind_of(&id).or(said);
    Ok(ConversationTold { id, kind, name: conversation.name("name").map(str::to_owned) })
}

fn team(data: Object<'_>) -> Option<TeamTold> {
    let team = data.object("team")?;
    Some(TeamTold {
        id: team.id("id").filter(|id| is_channel(id))?,
        name: team.name("name").map(str::to_owned),
        entra_group_id: team.id("aadGroupId"),
    })
}

/// The channel that the activity is about. A conversation in a channel says its id even where nothing else does.
fn channel(data: Object<'_>, conversation: Object<'_>) -> Option<ChannelTold> {
    let selected = || data.object("settings").and_then(|settings| settings.object("selectedChannel"));
    if let Some(told) = data.object("channel").or_else(selected)
        && let Some(id) = told.id("id").filter(|id| is_channel(id))
    {
        return Some(ChannelTold { id, name: told.name("name").map(str::to_owned) });
    }
    let id = conversation.id("id")?;
    let id = conversation::without_thread(&id);
    is_channel(id).then(|| ChannelTold { id: id.to_owned(), name: None })
}

/// Whether this is the id of a channel, or of a team, which is that of its first channel.
fn is_channel(id: &str) -> bool {
    conversation::is_id(id) && conversation::kind_of(id) == Some(RecipientKind::Channel)
}

/// Newer clients say the zone at the root, older ones in an entity of their own.
fn client(root: Object<'_>) -> Client {
    let info = root.list("entities").find(|entity| entity.name("type") == Some("clientInfo")).unwrap_or_default();
    let zone = |text: Option<&str>| text.and_then(|text| text.parse::<Tz>().ok());
    Client {
        language: root.name("locale").or_else(|| info.name("locale")).map(str::to_owned),
        zone: zone(root.name("localTimezone")).or_else(|| zone(info.name("timezone"))),
        country: info
            .name("country")
            .filter(|country| country.len() == 2 && country.chars().all(|c| c.is_ascii_alphabetic()))
            .map(str::to_ascii_lowercase),
    }
}

fn happening(kind: &str, root: Object<'_>, data: Object<'_>, bot_id: Option<&str>) -> Happening {
    match kind {
        "message" => {
            let (text, mentions_bot) = said(root);
            Happening::Message {
                text,
                mentions_bot,
                value: root.value("value").cloned(),
                reply_to: root.id("replyToId"),
            }
        }
        "invoke" => Happening::Invoke {
            name: root.name("name").unwrap_or_default().to_owned(),
            value: root.value("value").cloned().unwrap_or_default(),
            reply_to: root.id("replyToId"),
        },
        "installationUpdate" => match root.name("action") {
            Some("add") => Happening::Installed { is_upgrade: false },
            Some("add-upgrade") => Happening::Installed { is_upgrade: true },
            Some("remove") => Happening::Removed,
            // `remove-upgrade` is followed by `add-upgrade`: the app is on its way back.
            other => Happening::Other(format!("installationUpdate {}", other.unwrap_or_default())),
        },
        "conversationUpdate" => conversation_update(root, data, bot_id),
        other => Happening::Other(other.to_owned()),
    }
}

fn conversation_update(root: Object<'_>, data: Object<'_>, bot_id: Option<&str>) -> Happening {
    let named = |key| root.list(key).map(account).collect::<Vec<_>>();
    let is_bot = |account: &Account| account.id.is_some() && account.id.as_deref() == bot_id;
    let (mut added, mut removed) = (named("membersAdded"), named("membersRemoved"));
    if added.iter().any(is_bot) {
        return Happening::Installed { is_upgrade: false };
    }
    if removed.iter().any(is_bot) {
        return Happening::Removed;
    }
    let is_person = |account: &Account| account.id.as_deref().is_none_or(|id| !id.starts_with("28:"));
    added.retain(is_person);
    removed.retain(is_person);
    match data.name("eventType") {
        _ if !added.is_empty() => Happening::Joined(added),
        _ if !removed.is_empty() => Happening::Left(removed),
        Some("channelCreated" | "channelRestored" | "channelRenamed") => Happening::Channel(ChannelChange::Named),
        Some("channelDeleted") => Happening::Channel(ChannelChange::Deleted),
        Some("teamRenamed" | "teamRestored" | "teamUnarchived") => Happening::Team(TeamChange::Named),
        Some("teamArchived") => Happening::Team(TeamChange::Archived),
        Some("teamDeleted" | "teamHardDeleted") => Happening::Team(TeamChange::Deleted),
        Some(other) => Happening::Other(format!("conversationUpdate {other}")),
        None => Happening::Other("conversationUpdate".to_owned()),
    }
}

/// What was written to the bot, without its own name before it: in channels it hears only what mentions it. And whether
/// it was mentioned.
fn said(root: Object<'_>) -> (String, bool) {
    let mut mentions_bot = false;
    let mut text = root.text("text", LONGEST_TEXT).unwrap_or_default().to_owned();
    let bot_id = root.object("recipient").and_then(|bot| bot.id("id"));
    for entity in root.list("entities").filter(|entity| entity.name("type") == Some("mention")) {
        let mentioned = entity.object("mentioned").and_then(|mentioned| mentioned.id("id"));
        if mentioned.is_none() || mentioned != bot_id {
            continue;
        }
        mentions_bot = true;
        if let Some(mention) = entity.text("text", LONGEST_TEXT) {
            text = text.replacen(mention, " ", 1);
        }
    }
    (text.replace("&nbsp;", " ").trim().to_owned(), mentions_bot)
}

impl Activity {
    /// Whether it came by Teams itself, so that who it is from is who they are.
    #[must_use]
    pub fn is_of_teams(&self) -> bool {
        self.surface == TEAMS
    }

    /// Leaves out the e-mail addresses by which people are said to go.
    pub fn forget_principal_names(&mut self) {
        self.from.principal_name = None;
        if let Happening::Joined(accounts) | Happening::Left(accounts) = &mut self.happening {
            for account in accounts {
                account.principal_name = None;
            }
        }
    }
}
