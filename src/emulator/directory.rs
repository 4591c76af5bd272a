//! The directory: who and what there is in the tenants, and where the bot is installed.
//!
//! It may be empty, and what it does not name is taken as it comes, unless it says that it is `strict`. What it names
//! is held to: a person without the app cannot be written to, a guest has no chat with the bot.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The people, teams and group chats that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// Whether people and conversations that are neither named here nor created since are refused.
    pub strict: bool,
    pub people: Vec<Person>,
    pub teams: Vec<Team>,
    pub chats: Vec<Chat>,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The pairwise id that this bot knows: `29:` and more.
    pub id: String,
    /// The object id in Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aad_object_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A guest is known by `#EXT#` in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// The emulator's own tenant if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    #[serde(default)]
    pub user_role: UserRole,
    /// Whether the app is installed for them.
    #[serde(default = "yes")]
    pub installed: bool,
}

/// What Teams says that somebody is. Guests are users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserRole {
    #[default]
    User,
    /// Somebody without an account, in a meeting.
    Anonymous,
}

/// A team. Its id is also that of its General channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// `19:…@thread.tacv2`
    pub id: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aad_group_id: Option<String>,
    /// The emulator's own tenant if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Whether the app is installed in it.
    #[serde(default = "yes")]
    pub installed: bool,
    /// All but General.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// People, by any of their ids.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A channel other than General.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    pub id: String,
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: ChannelType,
}

/// Who may see a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelType {
    #[default]
    Standard,
    Private,
    Shared,
}

/// A group chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// `19:…@thread.v2`
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The emulator's own tenant if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Whether the app is installed in it.
    #[serde(default = "yes")]
    pub installed: bool,
    /// People, by any of their ids.
    #[serde(default)]
    pub members: Vec<String>,
}

fn yes() -> bool {
    true
}

/// Why a directory cannot be taken. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DirectoryError {
    #[error("the id '{id}' of {what} must begin with '{start}'")]
    BadId { id: String, what: &'static str, start: &'static str },
    #[error("'{0}' is the id of two entries")]
    Twice(String),
    #[error("'{member}', a member of '{place}', is none of the people")]
    NoSuchMember { member: String, place: String },
}

impl Person {
    /// A person for whom the app is installed, with nothing but an id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            aad_object_id: None,
            name: None,
            given_name: None,
            surname: None,
            email: None,
            user_principal_name: None,
            tenant_id: None,
            user_role: UserRole::User,
            installed: true,
        }
    }

    /// Whether Teams has no chat between this person and a bot: guests, and people without an account.
    pub(super) fn is_outsider(&self) -> bool {
        let guest = self.user_principal_name.as_ref().is_some_and(|name| name.to_ascii_uppercase().contains("#EXT#"));
        guest || self.user_role == UserRole::Anonymous
    }

    /// All that the person can be named by.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        let more = [&self.aad_object_id, &self.user_principal_name];
        std::iter::once(self.id.as_str()).chain(more.into_iter().filter_map(Option::as_deref))
    }
}

/// A place of the directory.
#[derive(Debug, Clone, Copy)]
enum Place {
    Team(usize),
    Chat(usize),
    /// The 1:1 chat with a person.
    Personal(usize),
}

/// A conversation that the directory knows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'directory> {
    /// A channel of the team.
    Channel(&'directory Team),
    Chat(&'directory Chat),
    Personal(&'directory Person),
}

impl<'directory> Found<'directory> {
    /// Whom a 1:1 chat is with.
    pub(super) fn person(&self) -> Option<&'directory Person> {
        match self {
            Self::Personal(person) => Some(person),
            Self::Channel(_) | Self::Chat(_) => None,
        }
    }

    pub(super) fn installed(&self) -> bool {
        match self {
            Self::Channel(team) => team.installed,
            Self::Chat(chat) => chat.installed,
            Self::Personal(person) => person.installed,
        }
    }

    pub(super) fn tenant(&self) -> Option<&'directory str> {
        match self {
            Self::Channel(team) => team.tenant_id.as_deref(),
            Self::Chat(chat) => chat.tenant_id.as_deref(),
            Self::Personal(person) => person.tenant_id.as_deref(),
        }
    }
}

/// A directory that can be looked things up in.
#[derive(Default)]
pub(super) struct Register {
    directory: Directory,
    /// By every id that they have.
    people: HashMap<String, usize>,
    places: HashMap<String, Place>,
}

impl Register {
    /// Checks a directory. `chat_with` is the id of the 1:1 chat with a person.
    pub(super) fn new(directory: Directory, chat_with: impl Fn(&Person) -> String) -> Result<Self, DirectoryError> {
        let (mut people, mut places) = (HashMap::new(), HashMap::new());
        for (index, person) in directory.people.iter().enumerate() {
            begins(&person.id, "a person", "29:")?;
            for id in person.ids() {
                if people.insert(key(id), index).is_some() {
                    return Err(DirectoryError::Twice(id.to_owned()));
                }
            }
            places.insert(chat_with(person), Place::Personal(index));
        }
        let mut enter = |id: &str, what, place| {
            begins(id, what, "19:")?;
            match places.insert(id.to_owned(), place) {
                Some(_) => Err(DirectoryError::Twice(id.to_owned())),
                None => Ok(()),
            }
        };
        for (index, team) in directory.teams.iter().enumerate() {
            enter(&team.id, "a team", Place::Team(index))?;
            for channel in &team.channels {
                enter(&channel.id, "a channel", Place::Team(index))?;
            }
        }
        for (index, chat) in directory.chats.iter().enumerate() {
            enter(&chat.id, "a chat", Place::Chat(index))?;
        }
        let rosters = directory.teams.iter().map(|team| (&team.id, &team.members));
        for (place, members) in rosters.chain(directory.chats.iter().map(|chat| (&chat.id, &chat.members))) {
            if let Some(member) = members.iter().find(|member| !people.contains_key(&key(member))) {
                return Err(DirectoryError::NoSuchMember { member: member.clone(), place: place.clone() });
            }
        }
        Ok(Self { directory, people, places })
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The person of that id, whichever of their ids it is.
    pub(super) fn person(&self, id: &str) -> Option<&Person> {
        self.people.get(&key(id)).map(|index| &self.directory.people[*index])
    }

    /// The conversation of a thread's id.
    pub(super) fn place(&self, thread: &str) -> Option<Found<'_>> {
        self.places.get(thread).map(|place| match place {
            Place::Team(index) => Found::Channel(&self.directory.teams[*index]),
            Place::Chat(index) => Found::Chat(&self.directory.chats[*index]),
            Place::Personal(index) => Found::Personal(&self.directory.people[*index]),
        })
    }

    /// The people of a conversation, in the order in which it names them.
    pub(super) fn members(&self, found: Found<'_>) -> Vec<&Person> {
        let named = |ids: &[String]| ids.iter().filter_map(|id| self.person(id)).collect();
        match found {
            Found::Channel(team) => named(&team.members),
            Found::Chat(chat) => named(&chat.members),
            Found::Personal(person) => self.person(&person.id).into_iter().collect(),
        }
    }
}

/// Ids and names of Entra are the same in either case; pairwise ids are not.
fn key(id: &str) -> String {
    if id.starts_with("29:") { id.to_owned() } else { id.to_lowercase() }
}

fn begins(id: &str, what: &'static str, start: &'static str) -> Result<(), DirectoryError> {
    if id.strip_prefix(start).is_some_and(|rest| !rest.is_empty()) {
        return Ok(());
    }
    Err(DirectoryError::BadId { id: id.to_owned(), what, start })
}
