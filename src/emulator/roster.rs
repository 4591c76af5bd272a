//! Questions: who is in a conversation, what a team is, which channels it has (Microsoft, "Get Teams specific context
//! for your bot", read in November 2026).

use std::borrow::Cow;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::conditions::Condition;
use super::directory::{Found, Person, Team, UserRole};
use super::matching::{Operation, Subject};
use super::reply::{Refusal, Reply, json};
use super::route::{Question, conversation_id, other_id, thread_of};
use super::state::{Books, Shared};
use super::windows::Row;

/// A page holds no fewer and no more, whatever `pageSize` says; and the fewest if it says nothing, so that a client
/// which does not ask for the next page is found out.
const PAGE: std::ops::RangeInclusive<usize> = 50..=500;

/// What is asked, with its ids decoded.
pub(super) struct Asking {
    /// The conversation, or the team.
    place: String,
    wanted: Wanted,
}

enum Wanted {
    Members,
    Page { size: usize, from: usize },
    Member(String),
    Team,
    Channels,
}

/// Somebody as Teams describes them. The object id stands under both names that have been seen.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Account<'person> {
    id: Cow<'person, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'person str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<&'person str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    surname: Option<&'person str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'person str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_principal_name: Option<&'person str>,
    tenant_id: &'person str,
    user_role: UserRole,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<&'person str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aad_object_id: Option<&'person str>,
}

impl<'person> Account<'person> {
    fn of(person: &'person Person, own_tenant: &'person str) -> Self {
        let object_id = person.aad_object_id.as_deref();
        Self {
            id: Cow::Borrowed(&person.id),
            name: person.name.as_deref(),
            given_name: person.given_name.as_deref(),
            surname: person.surname.as_deref(),
            email: person.email.as_deref(),
            user_principal_name: person.user_principal_name.as_deref(),
            tenant_id: person.tenant_id.as_deref().unwrap_or(own_tenant),
            user_role: person.user_role,
            object_id,
            aad_object_id: object_id,
        }
    }

    /// Somebody of whom only the id is known, from the creation of the chat.
    fn stranger(id: String, tenant_id: &'person str) -> Self {
        Self {
            id: Cow::Owned(id),
            name: None,
            given_name: None,
            surname: None,
            email: None,
            user_principal_name: None,
            tenant_id,
            user_role: UserRole::User,
            object_id: None,
            aad_object_id: None,
        }
    }
}

impl Asking {
    pub(super) fn read(question: Question<'_>, query: Option<&str>) -> Result<Self, Refusal> {
        let (place, wanted) = match question {
            Question::Members { conversation } => (conversation, Wanted::Members),
            Question::MembersByPage { conversation } => (conversation, page(query.unwrap_or_default())?),
            Question::Member { conversation, member } => (conversation, Wanted::Member(other_id(member))),
            Question::Team { team } => (team, Wanted::Team),
            Question::Channels { team } => (team, Wanted::Channels),
        };
        Ok(Self { place: conversation_id(place)?.into_owned(), wanted })
    }

    pub(super) fn subject(&self, books: &Books) -> Subject {
        let (operation, user) = match &self.wanted {
            Wanted::Members | Wanted::Page { .. } => (Operation::Members, None),
            Wanted::Member(member) => (Operation::Members, Some(member.as_str())),
            Wanted::Team | Wanted::Channels => (Operation::Team, None),
        };
        books.subject(operation, &self.place, user, None)
    }

    pub(super) fn carry_out(self, shared: &Shared, subject: &Subject) -> Result<Reply, Refusal> {
        let row = match self.wanted {
            Wanted::Members | Wanted::Page { .. } | Wanted::Member(_) => Row::Members,
            Wanted::Channels => Row::Conversations,
            Wanted::Team => Row::Other,
        };
        let mut books = shared.books();
        books.let_in(shared, row, subject)?;
        books.may_speak(&self.place)?;
        match self.wanted {
            Wanted::Members => Ok(json(StatusCode::OK, &self.accounts(shared, &books)?)),
            Wanted::Page { size, from } => {
                let all = self.accounts(shared, &books)?;
                let to = from.saturating_add(size).min(all.len());
                let members = all.get(from..to).ok_or(Condition::BadArgument)?;
                let mut body = json!({ "members": members });
                if to < all.len() {
                    body["continuationToken"] = json!(format!("from-{to}"));
                }
                Ok(json(StatusCode::OK, &body))
            }
            Wanted::Member(ref wanted) => {
                let all = self.accounts(shared, &books)?;
                let id = books.register.person(wanted).map_or(wanted, |person| &person.id);
                let found = all.iter().find(|account| account.id == id.as_str()).ok_or(Condition::MemberNotFound)?;
                Ok(json(StatusCode::OK, found))
            }
            Wanted::Team => {
                let team = self.team(&books)?;
                let body = json!({
                    "id": team.id,
                    "name": team.name,
                    "aadGroupId": team.aad_group_id,
                    "type": "standard",
                    "channelCount": team.channels.len() + 1,
                    "memberCount": team.members.len(),
                });
                Ok(json(StatusCode::OK, &body))
            }
            Wanted::Channels => {
                let team = self.team(&books)?;
                // General has no name and the id of the team.
                let general = json!({ "id": team.id, "name": null, "type": "standard" });
                let others = team
                    .channels
                    .iter()
                    .map(|channel| json!({ "id": channel.id, "name": channel.name, "type": channel.kind }));
                let conversations: Vec<_> = std::iter::once(general).chain(others).collect();
                Ok(json(StatusCode::OK, &json!({ "conversations": conversations })))
            }
        }
    }

    fn accounts<'books>(&self, shared: &'books Shared, books: &'books Books) -> Result<Vec<Account<'books>>, Refusal> {
        if let Some(found) = books.register.place(thread_of(&self.place)) {
            let people = books.register.members(found);
            return Ok(people.into_iter().map(|person| Account::of(person, &shared.settings.tenant_id)).collect());
        }
        let known = books.known.get(&self.place).ok_or(Condition::ConversationNotFound)?;
        Ok(vec![Account::stranger(known.user.clone(), &known.tenant)])
    }

    fn team<'books>(&self, books: &'books Books) -> Result<&'books Team, Refusal> {
        match books.register.place(&self.place) {
            Some(Found::Channel(team)) if team.id == self.place => Ok(team),
            Some(Found::Channel(_) | Found::Chat(_) | Found::Personal(_)) | None => {
                Err(Condition::ConversationNotFound.into())
            }
        }
    }
}

fn page(query: &str) -> Result<Wanted, Refusal> {
    let field = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).filter(|value| !value.is_empty())
    };
    let size = match field("pageSize") {
        Some(size) => size.parse::<usize>().map_err(|_| Condition::BadArgument)?.clamp(*PAGE.start(), *PAGE.end()),
        None => *PAGE.start(),
    };
    let from = match field("continuationToken") {
        Some(token) => token.strip_prefix("from-").and_then(|from| from.parse().ok()).ok_or(Condition::BadArgument)?,
        None => 0,
    };
    Ok(Wanted::Page { size, from })
}
