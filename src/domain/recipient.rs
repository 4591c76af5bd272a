//! Who receives, where they live, and how they are reached.

use std::fmt;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::id::RecipientId;
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

/// One name by which a person is known: an e-mail address or UPN, an Entra object id, or a `29:` id.
///
/// E-mail addresses and object ids are kept in lower case, since neither Teams nor people tell cases apart there;
/// a `29:` id is kept as it is.
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
}

impl Address {
    /// `None` when the text has none of the three forms.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("29:") {
            let plain = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic());
            return plain.then(|| Self(text.to_owned()));
        }
        if uuid::Uuid::try_parse(text).is_ok_and(|_| text.len() == 36) {
            return Some(Self(text.to_ascii_lowercase()));
        }
        let (user, host) = text.split_once('@')?;
        let plain =
            |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
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
        } else if self.0.contains('@') {
            AddressKind::Email
        } else {
            AddressKind::EntraObject
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or_else(|| format!("{text:?} is no e-mail address, Entra object id or 29: id"))
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
    /// The operator wrote it, in an import.
    Operator,
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
    pub service_url: Option<String>,
    pub conversation_id: Option<String>,
    pub tenant_id: Option<String>,
    /// `28:` and the app id.
    pub bot_id: Option<String>,
    /// The `29:` id of the person.
    pub user_id: Option<String>,
    pub entra_object_id: Option<String>,
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
}

impl Reference {
    /// The way to the recipient, or `None` when too little is known. `home_tenant` is the bot's own, which holds
    /// for a person of whom no tenant is known.
    #[must_use]
    pub fn route(&self, home_tenant: Option<&str>) -> Option<Route> {
        let tenant_id = self.tenant_id.as_deref().or(home_tenant).map(str::to_owned);
        if let Some(conversation_id) = self.conversation_id.clone() {
            return Some(Route::Continue { conversation_id, tenant_id });
        }
        let user_id = self.user_id.clone().or_else(|| self.entra_object_id.clone())?;
        Some(Route::Create { user_id, tenant_id: tenant_id? })
    }
}

/// What an import says of one recipient. A field that is `None` leaves what the store knows as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRecord {
    pub kind: RecipientKind,
    /// Every name by which this recipient is known; empty only for a chat or a channel.
    pub addresses: Vec<Address>,
    pub name: Option<String>,
    pub zone: Option<Tz>,
    pub language: Option<String>,
    #[serde(default)]
    pub details: Details,
    /// The groups this person is in, in full: it replaces what was known.
    pub groups: Option<Vec<String>>,
    pub reference: Reference,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_three_forms() {
        let check = |text: &str, expect: Option<(AddressKind, &str)>| {
            let got = Address::new(text);
            assert_eq!(got.as_ref().map(|a| (a.kind(), a.as_str())), expect, "{text:?}");
        };
        check("Ana@Contoso.example", Some((AddressKind::Email, "ana@contoso.example")));
        check(
            "AAAAAAAA-0000-4000-8000-000000000001",
            Some((AddressKind::EntraObject, "aaaaaaaa-0000-4000-8000-000000000001")),
        );
        check("29:1bC-d_E", Some((AddressKind::TeamsUser, "29:1bC-d_E")));
        for bad in ["", "ana", "@x", "a@", "a b@c", "a@b@c", "29:", "29:a b", "28:app"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_conversation_is_continued_and_otherwise_created() {
        let known = Reference {
            conversation_id: Some("a:1".into()),
            user_id: Some("29:1".into()),
            tenant_id: Some("t".into()),
            ..Reference::default()
        };
        assert_eq!(
            known.route(None),
            Some(Route::Continue { conversation_id: "a:1".into(), tenant_id: Some("t".into()) })
        );
        let person_only = Reference { entra_object_id: Some("e".into()), ..Reference::default() };
        assert_eq!(person_only.route(None), None, "no tenant, no conversation");
        assert_eq!(
            person_only.route(Some("home")),
            Some(Route::Create { user_id: "e".into(), tenant_id: "home".into() })
        );
    }
}
