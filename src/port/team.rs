//! What crosses the ports about teams: those that schedules name, and what was read of one.

use chrono::{DateTime, Utc};

use crate::domain::conversation::Standing;
use crate::domain::recipient::Reference;
use crate::port::connector::{Channel, Member, Team};

/// A team as schedules name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTeam {
    /// The name as it is compared, or the id.
    pub word: String,
    /// None when no team of this name is known; several when they share it.
    pub teams: Vec<KnownTeam>,
}

impl NamedTeam {
    /// In words, when nobody can be reached by this name, or what is known of the team may be stale.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self.teams.as_slice() {
            [] => Some(
                "no team of this name is known; write its id, or import a reference from one of its channels".into(),
            ),
            [team] => team.trouble.clone(),
            teams => {
                let ids: Vec<&str> = teams.iter().map(|team| team.id.as_str()).collect();
                let (count, ids) = (ids.len(), ids.join(", "));
                Some(format!("{count} teams have this name ({ids}); write the id of the one that is meant"))
            }
        }
    }
}

/// A team that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTeam {
    pub id: String,
    pub name: Option<String>,
    /// With the id as that of the conversation.
    pub reference: Reference,
    /// When its channels and members were last read as a whole.
    pub read_at: Option<DateTime<Utc>>,
    pub tried_at: Option<DateTime<Utc>>,
    /// In words, when the last try to read it failed.
    pub trouble: Option<String>,
    pub channels: u64,
    pub members: u64,
}

/// All that was read of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    pub team: Team,
    /// How it was reached.
    pub reference: Reference,
    pub channels: Vec<Channel>,
    pub members: Vec<RosterMember>,
}

/// A member of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterMember {
    pub member: Member,
    pub standing: Standing,
}

/// What reading a team changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RosterChange {
    pub joined: u64,
    pub left: u64,
}
