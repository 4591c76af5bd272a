//! Who receives, where they live, and how they are reached.

use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::consent::{Choice, Stopped};
use crate::domain::conversation::{self, ChannelPlace, Standing};
use crate::domain::id::RecipientId;
use crate::domain::ladder::ZoneEvidence;
use crate::domain::quiet::QuietHours;

/// What kind of conversation a recipient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientKind {
    /// A 1:1 chat with a person.
    Person,
    GroupChat,
    Channel,
}

/// One name by which a recipient is known. A person: an e-mail address or UPN, an Entra object id, or a `29:` id. A
/// conversation: its id, or for a channel `channel:TEAM/CHANNEL`.
///
/// E-mail addresses, object ids and names are kept in lower case, since neither Teams nor people tell cases apart there;
/// an id of Teams is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// Which of its forms an [`Address`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// An e-mail address or user principal name. Never accepted by Teams on the wire.
    Email,
    /// An Entra object id: a GUID.
    EntraObject,
    /// A Teams user id, different for each bot.
    TeamsUser,
    /// The id of a conversation.
    Conversation,
    /// A channel by the names of its team and its own.
    ChannelName,
}

impl AddressKind {
    /// Whether it says who a person is.
    #[must_use]
    pub fn is_of_person(self) -> bool {
        match self {
            AddressKind::Email | AddressKind::EntraObject | AddressKind::TeamsUser => true,
            AddressKind::Conversation | AddressKind::ChannelName => false,
        }
    }
}

impl Address {
    /// `None` when the text has none of the forms.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with(conversation::CHANNEL) {
            let (team, channel) = conversation::split_channel(text)?;
            return Some(Self(format!("{}{team}/{channel}", conversation::CHANNEL)));
        }
        if conversation::is_id(text) { Some(Self(text.to_owned())) } else { Self::of_person(text) }
    }

    /// `None` when the text has none of the forms that say who a person is.
    #[must_use]
    pub fn of_person(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("29:") {
            let plain = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic());
            return plain.then(|| Self(text.to_owned()));
        }
        if uuid::Uuid::try_parse(text).is_ok_and(|_| text.len() == 36) {
            return Some(Self(text.to_ascii_lowercase()));
        }
        let (user, host) = text.split_once('@')?;
        let plain = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | ':'))
        };
        (plain(user) && plain(host)).then(|| Self(text.to_lowercase()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn kind(&self) -> AddressKind {
        if self.0.starts_with("29:") {
            AddressKind::TeamsUser
        } else if self.0.starts_with(conversation::CHANNEL) {
            AddressKind::ChannelName
        } else if self.0.contains(':') {
            AddressKind::Conversation
        } else if self.0.contains('@') {
            AddressKind::Email
        } else {
            AddressKind::EntraObject
        }
    }

    /// What kind of recipient has an address of this form.
    #[must_use]
    pub fn recipient_kind(&self) -> RecipientKind {
        match self.kind() {
            AddressKind::Email | AddressKind::EntraObject | AddressKind::TeamsUser => RecipientKind::Person,
            AddressKind::ChannelName => RecipientKind::Channel,
            // An address is made only of ids whose kind is known.
            AddressKind::Conversation => conversation::kind_of(&self.0).unwrap_or(RecipientKind::GroupChat),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or_else(|| {
            format!("{text:?} is no e-mail address, Entra object id, 29: id, conversation id or channel name")
        })
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a person's zone was learned. The better source wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneSource {
    /// Nobody told us: the `fallback_zone` of the configuration.
    Fallback,
    /// The configuration says it of a group.
    Group,
    /// The directory of the organisation has it, as an import says.
    Directory,
    /// The person's Teams client said it, some time ago.
    Client,
    /// The operator wrote it: in an import, or with `nudged people zone`.
    Operator,
    /// The person chose it.
    Own,
}

/// A recipient as templates, policies and senders see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub id: RecipientId,
    pub kind: RecipientKind,
    /// The name to show; the first address where no name is known.
    pub name: String,
    pub email: Option<String>,
    pub zone: Tz,
    pub zone_source: ZoneSource,
    /// BCP 47, when known.
    pub language: Option<String>,
    pub details: Details,
}

/// What else may be known of a person, for those schedules that ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Details {
    /// When this person is not to be disturbed, on their own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Where this person lives, by its two letters (ISO 3166-1) in lower case: for the holidays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl Details {
    /// These, and what `before` knew besides.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self {
            quiet_hours: self.quiet_hours.or_else(|| before.quiet_hours.clone()),
            country: self.country.or_else(|| before.country.clone()),
        }
    }
}

/// What is known of how to reach a recipient in Teams: the stored conversation reference.
///
/// Two strings are enough to continue a conversation, `service_url` and `conversation_id`; a user id and a tenant id
/// are enough to create one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reference {
    /// Where the Connector of this conversation listens. Checked against the trusted hosts before every use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// `28:` and the app id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_id: Option<String>,
    /// The `29:` id of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entra_object_id: Option<String>,
}

/// How the service URL of a recipient is known. Of those of whom none is known, the one that last worked in their tenant
/// is used, and then that of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceOrigin {
    /// An import said it.
    Imported,
    /// Teams named it, or answered there when the team was read.
    Answered,
    /// An activity named it, with a token that vouches for it.
    Heard,
    /// Another bot forwarded it.
    Forwarded,
}

/// Why a reference must not be used, until the other side shows that it may be again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// The person blocked the bot: that is an opt-out.
    Blocked,
    /// The app is not installed for this person or in this conversation.
    Uninstalled,
    /// A tenant administrator disabled the app.
    DisabledByAdmin,
    /// The person is not in that tenant or conversation.
    NotAMember,
    /// The person belongs to another tenant: a guest.
    OtherTenant,
    /// Teams did not know the conversation on several occasions in a row.
    Gone,
}

/// Which way leads to a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A conversation is known: continue it.
    Continue { conversation_id: String, tenant_id: Option<String> },
    /// None is known yet, but the person is: create it once, store its id, then continue it.
    Create { user_id: String, tenant_id: String },
    /// A channel: begin a thread in it, or reply in one that the schedule goes on with.
    Post { channel_id: String, tenant_id: Option<String> },
}

impl Reference {
    /// The way to the recipient of this kind, or `None` when too little is known. `home_tenant` is the bot's own, which
    /// holds for a recipient of whom no tenant is known.
    #[must_use]
    pub fn route(&self, kind: RecipientKind, home_tenant: Option<&str>) -> Option<Route> {
        let tenant_id = self.tenant_id.as_deref().or(home_tenant).map(str::to_owned);
        let conversation_id = self.conversation_id.clone();
        match kind {
            RecipientKind::Channel => conversation_id.map(|channel_id| Route::Post { channel_id, tenant_id }),
            RecipientKind::GroupChat => {
                conversation_id.map(|conversation_id| Route::Continue { conversation_id, tenant_id })
            }
            RecipientKind::Person => {
                if let Some(conversation_id) = conversation_id {
                    return Some(Route::Continue { conversation_id, tenant_id });
                }
                let user_id = self.user_id.clone().or_else(|| self.entra_object_id.clone())?;
                Some(Route::Create { user_id, tenant_id: tenant_id? })
            }
        }
    }
}

/// What an import says of one recipient. A field that is `None` leaves what the store knows as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRecord {
    pub kind: RecipientKind,
    /// Every name by which this recipient is known; it may be empty only for a chat or a channel.
    pub addresses: Vec<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The operator's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Tz>,
    /// What the directory of the organisation has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory_zone: Option<Tz>,
    /// What was said of the zone before, with its time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZoneEvidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(default)]
    pub details: Details,
    /// The groups this person is in, in full: it replaces what was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Of a channel: its team and its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelPlace>,
    pub reference: Reference,
    /// What another ledger knew besides. It counts for those whom this one does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// What an export carries along that no import file says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Whether an import had mentioned them. Those of whom only a schedule or a roster speaks are not `everyone`.
    pub is_known: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_origin: Option<ServiceOrigin>,
    /// When something was last told of them, and when in the conversation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<Unreachable>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable_since: Option<DateTime<Utc>>,
    #[serde(default)]
    pub hearsay: Hearsay,
    /// What is stopped, and every choice that was ever made. These count for those whom the ledger knows, too: a stop must
    /// not get lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stopped>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// Which of these Teams told. What an operator wrote does not change by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hearsay {
    pub name: bool,
    pub language: bool,
    pub country: bool,
}

impl PersonRecord {
    /// A recipient of whom nothing is known yet.
    #[must_use]
    pub fn new(kind: RecipientKind) -> Self {
        Self {
            kind,
            addresses: Vec::new(),
            name: None,
            zone: None,
            directory_zone: None,
            zones: Vec::new(),
            language: None,
            details: Details::default(),
            groups: None,
            channel: None,
            reference: Reference::default(),
            kept: None,
        }
    }

    /// By what people know whom it is about.
    #[must_use]
    pub fn shown(&self) -> &str {
        let address = self.addresses.first().map(Address::as_str);
        let known = address.or(self.reference.conversation_id.as_deref()).or(self.name.as_deref());
        known.unwrap_or("a record without a name")
    }

    /// A conversation of which only the id is known.
    #[must_use]
    pub fn of_conversation(id: &Address) -> Self {
        let reference = Reference { conversation_id: Some(id.as_str().to_owned()), ..Reference::default() };
        Self { addresses: vec![id.clone()], reference, ..Self::new(id.recipient_kind()) }
    }
}

/// Whether what a tenant says of people's e-mail addresses is believed: only what the bot's own one says, or one that
/// nobody named. What another one writes into its directory nobody has verified: whoever administers it could take any
/// address, and with it the messages of whoever has it here.
#[must_use]
pub fn is_of_the_house(tenant: Option<&str>, home: Option<&str>) -> bool {
    tenant.is_none_or(|tenant| home.is_some_and(|home| home.eq_ignore_ascii_case(tenant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_five_forms() {
        let check = |text: &str, expect: Option<(AddressKind, &str)>| {
            let got = Address::new(text);
            assert_eq!(got.as_ref().map(|a| (a.kind(), a.as_str())), expect, "{text:?}");
            let is_of_person = expect.is_some_and(|(kind, _)| kind.is_of_person());
            assert_eq!(Address::of_person(text).is_some(), is_of_person, "{text:?}");
        };
        check("Ana@Contoso.example", Some((AddressKind::Email, "ana@contoso.example")));
        check(
            "AAAAAAAA-0000-4000-8000-000000000001",
            Some((AddressKind::EntraObject, "aaaaaaaa-0000-4000-8000-000000000001")),
        );
        check("29:1bC-d_E", Some((AddressKind::TeamsUser, "29:1bC-d_E")));
        check("19:Ab@thread.tacv2", Some((AddressKind::Conversation, "19:Ab@thread.tacv2")));
        check("a:1Bc", Some((AddressKind::Conversation, "a:1Bc")));
        check("channel:Ops/Release Train", Some((AddressKind::ChannelName, "channel:ops/release train")));
        for bad in ["", "ana", "@x", "a@", "a b@c", "a@b@c", "29:", "29:a b", "28:app", "19:x", "team:a@b", "channel:x"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn each_kind_of_recipient_has_its_way() {
        let check = |kind, reference: &Reference, home, expect: Option<Route>| {
            assert_eq!(reference.route(kind, home), expect, "{kind:?} {reference:?} {home:?}");
        };
        let known = Reference {
            conversation_id: Some("x".into()),
            user_id: Some("29:1".into()),
            tenant_id: Some("t".into()),
            ..Reference::default()
        };
        let tenant_id = Some("t".to_owned());
        let on = Route::Continue { conversation_id: "x".into(), tenant_id: tenant_id.clone() };
        check(RecipientKind::Person, &known, None, Some(on.clone()));
        check(RecipientKind::GroupChat, &known, None, Some(on));
        check(RecipientKind::Channel, &known, None, Some(Route::Post { channel_id: "x".into(), tenant_id }));
        let person_only = Reference { entra_object_id: Some("e".into()), ..Reference::default() };
        check(RecipientKind::Person, &person_only, None, None);
        let created = Route::Create { user_id: "e".into(), tenant_id: "home".into() };
        check(RecipientKind::Person, &person_only, Some("home"), Some(created));
        // Chats of several people and channels are never created.
        check(RecipientKind::GroupChat, &person_only, Some("home"), None);
        check(RecipientKind::Channel, &person_only, Some("home"), None);
    }
}
