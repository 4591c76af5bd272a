//! What an activity comes to: facts for the ledger, taken in as one.
//!
//! An activity is told at least once, sometimes five times and with another id. So every fact is such that taking it in
//! again changes nothing, and the news as a whole has a key by which a plain repetition is recognised.

use std::iter;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::activity::{Account, Activity, ChannelChange, ChannelTold, Happening, TeamChange};
use crate::domain::consent::{self, Typed};
use crate::domain::conversation::{self, ChannelPlace, GENERAL};
use crate::domain::event::{self, Event};
use crate::domain::ladder::ZoneEvidence;
use crate::domain::press::{Effect, Pressed};
use crate::domain::recipient::{Address, RecipientKind, Reference, ServiceOrigin, Unreachable, ZoneSource};
use crate::domain::zone_wish::{self, Answered, ZoneSaid};

/// Facts that were told together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct News {
    /// By which a repetition is recognised; none where only the facts themselves can tell.
    pub key: Option<String>,
    /// In this order. One may rest on those before it.
    pub facts: Vec<Fact>,
}

/// One thing that is true now.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A recipient, and what is known of how to reach them.
    Met(Box<Met>),
    /// A recipient who can't be reached any more, since `at`.
    Lost { who: Who, why: Unreachable, at: DateTime<Utc> },
    /// What a team is called.
    Team { id: String, name: Option<String>, entra_group_id: Option<String>, reference: Reference, at: DateTime<Utc> },
    /// The bot came into a team, with all its channels, or was taken out of it.
    TeamPresence { team_id: String, is_present: bool, at: DateTime<Utc> },
    /// Who came to a team, or left it.
    Membership { team_id: String, who: Who, is_member: bool, at: DateTime<Utc> },
    /// Somebody told the bot to stop or to start, or asked what can be said.
    Typed(Box<Typed>),
    /// Somebody pressed a button of a message.
    Pressed(Box<Pressed>),
    /// Something happened that schedules may wait for.
    Happened(Box<Event>),
    /// In which zone somebody lives, as one source says.
    ZoneTold { who: Who, said: ZoneEvidence },
    /// What somebody says of their own zone to the bot.
    ZoneSaid(Box<ZoneSaid>),
}

/// A recipient of whom Teams, or another bot, told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    pub kind: RecipientKind,
    pub name: Option<String>,
    /// Ids and names of a person; empty for a chat or a channel, which has its conversation id.
    pub addresses: Vec<Address>,
    /// With a conversation id only where the bot may speak there.
    pub reference: Reference,
    pub origin: ServiceOrigin,
    pub language: Option<String>,
    pub country: Option<String>,
    pub channel: Option<ChannelPlace>,
    /// When it was told. What is older than what is known does not take its place.
    pub at: DateTime<Utc>,
    /// Whether they were heard in the conversation itself, so that whatever kept the bot from speaking there is over.
    pub is_present: bool,
}

/// Who is meant, by everything that is known; the conversation counts first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Who {
    pub conversation_id: Option<String>,
    pub addresses: Vec<Address>,
}

/// What taking news in came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is for a bell of its own")]
pub struct TakenIn {
    /// It has been taken in before, and nothing was done.
    pub is_repetition: bool,
    pub added: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// Facts that could not be taken in, each with the reason in words.
    pub refused: Vec<String>,
    /// Whether somebody moved to another zone or may be in an audience now in which they were not: what is planned has to be looked at.
    pub replan: bool,
    /// Whether there may be something new to dispatch.
    pub work: bool,
    /// Whether a reply has been written.
    pub reply: bool,
    /// Whether somebody has got a chat of whom no e-mail address is known.
    pub stranger: bool,
    /// What came of a press, also when it was told before.
    pub effect: Option<Effect>,
    /// What is answered at once to somebody who chose a zone, also when it was told before.
    pub zone: Option<Answered>,
}

/// What an activity comes to: nothing, unless it is of Teams. `at` is when it was heard, for one that does not say when it
/// was.
#[must_use]
pub fn of(activity: &Activity, origin: ServiceOrigin, heard_at: DateTime<Utc>) -> News {
    if !activity.is_of_teams() {
        return News::default();
    }
    if matches!(&activity.happening, Happening::Other(what) if what == "event") {
        // A bot that passes on all that it hears passes on its own proactive turns too, which its SDK dresses up as an event
        // from the person. Nobody said anything.
        return News { key: key(activity), facts: Vec::new() };
    }
    let teller = Teller { activity, origin, at: activity.at.map_or(heard_at, |at| at.min(heard_at)) };
    let mut facts = Vec::new();
    facts.extend(teller.team());
    facts.extend(teller.conversation());
    facts.extend(teller.person());
    facts.extend(teller.zone());
    facts.extend(teller.change());
    facts.extend(zone_wish::said(activity, heard_at).map(|said| Fact::ZoneSaid(Box::new(said))));
    facts.extend(consent::typed(activity, heard_at).map(|typed| Fact::Typed(Box::new(typed))));
    facts.extend(event::told(activity, teller.at).map(|event| Fact::Happened(Box::new(event))));
    News { key: key(activity), facts }
}

/// The recipient whose conversation it was told in.
#[must_use]
pub fn here(activity: &Activity) -> Who {
    Who {
        conversation_id: Some(conversation::without_thread(&activity.conversation.id).to_owned()),
        addresses: match activity.conversation.kind {
            Some(RecipientKind::Person) => activity.from.addresses(),
            Some(RecipientKind::GroupChat | RecipientKind::Channel) | None => Vec::new(),
        },
    }
}

/// By what a repetition is recognised. Ids are unique in a conversation only, and an edit of a message has the id of
/// the message.
fn key(activity: &Activity) -> Option<String> {
    let id = activity.id.as_ref()?;
    Some(format!("{} {} {id}", activity.happening.word(), activity.conversation.id))
}

/// An activity on its way to become facts.
struct Teller<'a> {
    activity: &'a Activity,
    origin: ServiceOrigin,
    at: DateTime<Utc>,
}

impl Teller<'_> {
    fn team(&self) -> Option<Fact> {
        let team = self.activity.team.as_ref()?;
        Some(Fact::Team {
            id: team.id.clone(),
            name: team.name.clone(),
            entra_group_id: team.entra_group_id.clone(),
            reference: self.reference(None),
            at: self.at,
        })
    }

    /// The chat or the channel itself. That of a person is met with the person.
    fn conversation(&self) -> Option<Fact> {
        let activity = self.activity;
        if !self.can_be_answered() {
            return None;
        }
        let (kind, name) = (activity.conversation.kind?, activity.conversation.name.clone());
        match kind {
            RecipientKind::Person => None,
            RecipientKind::GroupChat => {
                let id = activity.conversation.id.clone();
                Some(self.met(kind, name, Vec::new(), self.reference(Some(id)), None))
            }
            RecipientKind::Channel => {
                let channel = activity.channel.as_ref()?;
                // Of General, Teams tells no name; its id is that of the team.
                let is_general = activity.team.as_ref().is_some_and(|team| team.id == channel.id);
                let general = || is_general.then(|| GENERAL.to_owned());
                let place = ChannelPlace {
                    team_id: activity.team.as_ref().map(|team| team.id.clone()),
                    team_name: activity.team.as_ref().and_then(|team| team.name.clone()),
                    name: channel.name.clone().or_else(general),
                };
                let reference = self.reference(Some(channel.id.clone()));
                Some(self.met(kind, place.title(), Vec::new(), reference, Some(place)))
            }
        }
    }

    /// Whoever did it, with their chat where it was done there.
    fn person(&self) -> Option<Fact> {
        let activity = self.activity;
        let is_their_chat = activity.conversation.kind == Some(RecipientKind::Person) && self.can_be_answered();
        let conversation = is_their_chat.then(|| activity.conversation.id.clone());
        self.account(&activity.from, conversation)
    }

    /// What the client of whoever did it says of their zone.
    fn zone(&self) -> Option<Fact> {
        let zone = self.activity.client.zone?;
        let addresses = self.activity.from.addresses();
        let who = Who { conversation_id: None, addresses };
        let said = ZoneEvidence { source: ZoneSource::Client, zone, said_at: self.at };
        (!who.addresses.is_empty()).then_some(Fact::ZoneTold { who, said })
    }

    fn account(&self, account: &Account, conversation: Option<String>) -> Option<Fact> {
        let addresses = account.addresses();
        if addresses.is_empty() {
            return None;
        }
        let reference = Reference {
            user_id: account.id.clone(),
            entra_object_id: account.entra_object_id.clone().map(|id| id.to_ascii_lowercase()),
            ..self.reference(conversation)
        };
        Some(self.met(RecipientKind::Person, account.name.clone(), addresses, reference, None))
    }

    /// What has changed by it.
    fn change(&self) -> Vec<Fact> {
        let activity = self.activity;
        let team_id = activity.team.as_ref().map(|team| team.id.clone());
        match &activity.happening {
            Happening::Removed => {
                let lost = Fact::Lost { who: self.here(), why: Unreachable::Uninstalled, at: self.at };
                iter::once(lost).chain(team_id.map(|team_id| self.presence(team_id, false))).collect()
            }
            Happening::Installed { .. } => team_id.map(|team_id| self.presence(team_id, true)).into_iter().collect(),
            Happening::Team(TeamChange::Deleted) => {
                team_id.map(|team_id| self.presence(team_id, false)).into_iter().collect()
            }
            Happening::Joined(accounts) => {
                let mut facts = Vec::new();
                for account in accounts {
                    facts.extend(self.account(account, None));
                    facts.extend(self.membership(account, true));
                }
                facts
            }
            Happening::Left(accounts) => {
                accounts.iter().filter_map(|account| self.membership(account, false)).collect()
            }
            Happening::Channel(ChannelChange::Deleted) => {
                let gone = |id: &String| Who { conversation_id: Some(id.clone()), addresses: Vec::new() };
                let lost =
                    |channel: &ChannelTold| Fact::Lost { who: gone(&channel.id), why: Unreachable::Gone, at: self.at };
                activity.channel.iter().map(lost).collect()
            }
            Happening::Channel(ChannelChange::Named)
            | Happening::Team(TeamChange::Named | TeamChange::Archived)
            | Happening::Message { .. }
            | Happening::Invoke { .. }
            | Happening::Other(_) => Vec::new(),
        }
    }

    fn membership(&self, account: &Account, is_member: bool) -> Option<Fact> {
        let team_id = self.activity.team.as_ref()?.id.clone();
        let who = Who { conversation_id: None, addresses: account.addresses() };
        let is_somebody = !who.addresses.is_empty();
        is_somebody.then_some(Fact::Membership { team_id, who, is_member, at: self.at })
    }

    fn presence(&self, team_id: String, is_present: bool) -> Fact {
        Fact::TeamPresence { team_id, is_present, at: self.at }
    }

    /// Whether the bot may speak in the conversation from now on, and everything is known that it takes. Half a
    /// reference is none.
    fn can_be_answered(&self) -> bool {
        self.activity.service_url.is_some() && !self.removes_the_conversation()
    }

    /// Whether the bot can't speak in the conversation after this.
    fn removes_the_conversation(&self) -> bool {
        match self.activity.happening {
            Happening::Removed | Happening::Channel(ChannelChange::Deleted) | Happening::Team(TeamChange::Deleted) => {
                true
            }
            Happening::Channel(ChannelChange::Named)
            | Happening::Team(TeamChange::Named | TeamChange::Archived)
            | Happening::Installed { .. }
            | Happening::Message { .. }
            | Happening::Invoke { .. }
            | Happening::Joined(_)
            | Happening::Left(_)
            | Happening::Other(_) => false,
        }
    }

    fn here(&self) -> Who {
        here(self.activity)
    }

    fn reference(&self, conversation_id: Option<String>) -> Reference {
        Reference {
            service_url: self.activity.service_url.clone(),
            conversation_id,
            tenant_id: self.activity.tenant_id.clone(),
            bot_id: self.activity.bot_id.clone(),
            user_id: None,
            entra_object_id: None,
        }
    }

    fn met(
        &self,
        kind: RecipientKind,
        name: Option<String>,
        addresses: Vec<Address>,
        reference: Reference,
        channel: Option<ChannelPlace>,
    ) -> Fact {
        let is_present = reference.conversation_id.is_some();
        let client = Some(&self.activity.client).filter(|_| kind == RecipientKind::Person);
        Fact::Met(Box::new(Met {
            kind,
            name,
            addresses,
            reference,
            origin: self.origin,
            language: client.and_then(|client| client.language.clone()),
            country: client.and_then(|client| client.country.clone()),
            channel,
            at: self.at,
            is_present,
        }))
    }
}
