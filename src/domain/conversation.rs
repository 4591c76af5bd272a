//! The ids and the names of conversations: which kind an id is of, and how channels and teams are called.
//!
//! The forms of the ids are those that Teams shows in activities and in its administration, as Microsoft's pages on
//! channel and group chat conversations with a bot describe them, read in November 2026.

use serde::{Deserialize, Serialize};

use crate::domain::recipient::{Address, RecipientKind};

/// What stands before the names of a channel, in schedules and in the list of people.
pub const CHANNEL: &str = "channel:";

/// What stands before the name or the id of a team. Its members are kept as a group of that name.
pub const TEAM: &str = "team:";

/// What stands behind the id of a channel in the conversation id of one of its threads.
const THREAD: &str = ";messageid=";

/// General: a team's first channel, of which Teams tells no name. Its id is the team's.
pub const GENERAL: &str = "General";

/// What kind of conversation an id belongs to, as far as its form says: `a:` and `…@unq.gbl.spaces` are 1:1 chats,
/// other `19:` ids are channels or chats of several people.
#[must_use]
pub fn kind_of(id: &str) -> Option<RecipientKind> {
    let id = without_thread(id);
    if id.starts_with("a:") || id.ends_with("@unq.gbl.spaces") {
        Some(RecipientKind::Person)
    } else if id.ends_with("@thread.tacv2") || id.ends_with("@thread.skype") {
        Some(RecipientKind::Channel)
    } else if id.ends_with("@thread.v2") {
        Some(RecipientKind::GroupChat)
    } else {
        None
    }
}

/// Whether the id is that of a thread in a channel: the channel's id with the message behind it that began the thread.
#[must_use]
pub fn is_thread(id: &str) -> bool {
    id.contains(THREAD)
}

/// The channel of a thread; any other id as it is.
#[must_use]
pub fn without_thread(id: &str) -> &str {
    id.split(THREAD).next().unwrap_or(id)
}

/// Whether a text is the id of a conversation that can be addressed: one of a known kind, and no thread.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let begins = text.strip_prefix("19:").or_else(|| text.strip_prefix("a:"));
    begins.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic()))
        && kind_of(text).is_some()
        && !is_thread(text)
}

/// How a name is compared: without regard to capitals and to the number of spaces. An id stays as it is.
#[must_use]
pub fn fold(name: &str) -> String {
    let name = name.trim();
    if is_id(name) {
        return name.to_owned();
    }
    name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The group that holds the members of a team, by its name or its id.
#[must_use]
pub fn team_group(team: &str) -> String {
    format!("{TEAM}{}", fold(team))
}

/// The folded names of team and channel in `channel:TEAM/CHANNEL`. A team's name may have a slash in it, a channel's
/// can't.
#[must_use]
pub fn split_channel(text: &str) -> Option<(String, String)> {
    let (team, channel) = text.strip_prefix(CHANNEL)?.rsplit_once('/')?;
    let (team, channel) = (fold(team), fold(channel));
    let plain = |name: &str| !name.is_empty() && !name.contains(char::is_control);
    (plain(&team) && plain(&channel)).then_some((team, channel))
}

/// Where a channel is, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelPlace {
    /// `19:…@thread.tacv2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// The channel's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl ChannelPlace {
    /// The addresses that follow from the names, that with the team's own name first.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        let Some(name) = &self.name else { return Vec::new() };
        let teams = [&self.team_name, &self.team_id].into_iter().flatten();
        teams.filter_map(|team| Address::new(&format!("{CHANNEL}{team}/{name}"))).collect()
    }

    /// What to call the channel where a person reads it.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        match (&self.team_name, &self.name) {
            (Some(team), Some(name)) => Some(format!("{team} / {name}")),
            (None, Some(name)) => Some(name.clone()),
            (Some(_) | None, None) => None,
        }
    }
}

/// How somebody belongs to a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    #[default]
    Member,
    /// Somebody of another organisation. Teams refuses a bot's chat with most of them.
    Guest,
    /// Somebody who joined without an account.
    Anonymous,
}

impl Standing {
    #[must_use]
    pub fn is_member(&self) -> bool {
        *self == Self::Member
    }

    /// What a roster says of somebody. `home` is the tenant of the bot; a guest is of another one, or carries the mark
    /// that Entra puts into the principal names of guests.
    #[must_use]
    pub fn of(role: Option<&str>, tenant: Option<&str>, principal: Option<&str>, home: Option<&str>) -> Self {
        let is_of_another_tenant = tenant.zip(home).is_some_and(|(tenant, home)| !tenant.eq_ignore_ascii_case(home));
        let has_mark = principal.is_some_and(|name| name.to_ascii_uppercase().contains("#EXT#"));
        match role.map(str::to_ascii_lowercase).as_deref() {
            Some("anonymous") => Self::Anonymous,
            Some("guest") => Self::Guest,
            Some(_) | None if is_of_another_tenant || has_mark => Self::Guest,
            Some(_) | None => Self::Member,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_an_id_says_its_kind() {
        let check = |id: &str, kind, addressable: bool| {
            assert_eq!(kind_of(id), kind, "{id}");
            assert_eq!(is_id(id), addressable, "{id}");
        };
        check("a:1abc", Some(RecipientKind::Person), true);
        check("19:x@unq.gbl.spaces", Some(RecipientKind::Person), true);
        check("19:x@thread.tacv2", Some(RecipientKind::Channel), true);
        check("19:x@thread.skype", Some(RecipientKind::Channel), true);
        check("19:x@thread.v2", Some(RecipientKind::GroupChat), true);
        check("19:meeting_x@thread.v2", Some(RecipientKind::GroupChat), true);
        check("19:x@thread.tacv2;messageid=1", Some(RecipientKind::Channel), false);
        check("x@thread.v2", Some(RecipientKind::GroupChat), false);
        check("19:x", None, false);
        check("19:a b@thread.v2", Some(RecipientKind::GroupChat), false);
        check("a:", Some(RecipientKind::Person), false);
    }

    #[test]
    fn names_are_compared_as_people_write_them() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let got = split_channel(text);
            let got = got.as_ref().map(|(team, channel)| (team.as_str(), channel.as_str()));
            assert_eq!(got, expect, "{text}");
        };
        check("channel:Ops/Release  Train", Some(("ops", "release train")));
        check("channel:R&D / Lab/General", Some(("r&d / lab", "general")));
        check("channel:19:Ab@thread.tacv2/General", Some(("19:Ab@thread.tacv2", "general")));
        check("channel:Ops", None);
        check("channel:/x", None);
        check("channel:x/", None);
        check("team:Ops/x", None);
    }

    #[test]
    fn a_channel_has_a_name_by_its_team_and_by_the_teams_id() {
        let place = ChannelPlace {
            team_id: Some("19:T@thread.tacv2".into()),
            team_name: Some("Ops".into()),
            name: Some("Releases".into()),
        };
        let addresses: Vec<String> = place.addresses().into_iter().map(String::from).collect();
        assert_eq!(addresses, ["channel:ops/releases", "channel:19:T@thread.tacv2/releases"]);
        assert_eq!(place.title().as_deref(), Some("Ops / Releases"));
        assert_eq!(ChannelPlace { name: None, ..place }.addresses(), []);
    }

    #[test]
    fn guests_are_told_from_members() {
        let check = |role, tenant, principal, expect| {
            assert_eq!(
                Standing::of(role, tenant, principal, Some("HOME")),
                expect,
                "{role:?} {tenant:?} {principal:?}"
            );
        };
        check(Some("user"), Some("home"), Some("ana@contoso.example"), Standing::Member);
        check(None, None, None, Standing::Member);
        check(Some("user"), Some("other"), None, Standing::Guest);
        check(Some("user"), None, Some("bob_fabrikam.example#EXT#@contoso.example"), Standing::Guest);
        check(Some("guest"), Some("home"), None, Standing::Guest);
        check(Some("anonymous"), Some("other"), None, Standing::Anonymous);
        assert_eq!(Standing::of(None, Some("other"), None, None), Standing::Member, "no home, no guests");
    }
}
