//! Who is in a team, and what its channels are called: read from Teams for the teams that schedules name, at start, when a
//! team is named for the first time, and then daily.
//!
//! A roster is taken in as a whole or not at all: half of one would look as if the other half had left. One that can't be
//! read leaves what is known as it was, says so, and is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::conversation::Standing;
use crate::domain::delivery::Reason;
use crate::domain::rate::Operation;
use crate::domain::recipient::Reference;
use crate::domain::verdict::{Answer, Verdict};
use crate::engine::inquiry::Inquirer;
use crate::port::connector::{Member, Team};
use crate::port::store::{Store, StoreError};
use crate::port::team::{KnownTeam, NamedTeam, Roster, RosterMember};

/// How old a roster may become. A little less than a day, so that one that is used is not older than that.
const READ_EVERY: TimeDelta = TimeDelta::hours(23);

/// How long after a try that failed the next one is made.
const TRY_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// More people than this are in no team, as Microsoft has it: whoever lists more is not believed, and must not
/// fill the memory.
const MEMBERS_MAX: usize = 25_000;

/// More pages than this no team has: there are 50 on each at least.
const PAGES_MAX: usize = 1_000;

/// Reads rosters.
pub struct Rosters {
    pub store: Arc<dyn Store>,
    pub inquirer: Inquirer,
    /// The zone of people and channels of whom none is known.
    pub fallback_zone: Tz,
    /// Rings when schedules may name other teams, and now and then.
    pub wanted: Arc<Notify>,
    /// Rung when somebody came to an audience or left it.
    pub work: Arc<Notify>,
    /// Rung when people came who may live where nobody lived.
    pub replan: Arc<Notify>,
    /// The names that mean no team, or several, with what has been said of each.
    pub unknown: Mutex<BTreeMap<String, String>>,
}

impl Rosters {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                passed = self.pass() => {
                    if let Err(error) = passed {
                        tracing::error!(%error, "rosters could not be looked after; the next beat tries again");
                    }
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// Reads every roster whose time has come.
    pub async fn pass(&self) -> Result<(), StoreError> {
        let named = self.store.named_teams().await?;
        self.tell_unknown(&named);
        let mut seen = BTreeSet::new();
        for team in named.into_iter().flat_map(|named| named.teams) {
            if is_due(&team, self.inquirer.clock.now()) && seen.insert(team.id.clone()) {
                self.refresh(&team).await?;
            }
        }
        Ok(())
    }

    async fn refresh(&self, team: &KnownTeam) -> Result<(), StoreError> {
        match self.read(team).await {
            Ok(roster) => {
                let (channels, members) = (roster.channels.len(), roster.members.len());
                let guests = roster.members.iter().filter(|member| !member.standing.is_member()).count();
                let change = self.store.keep_roster(roster, self.fallback_zone, self.inquirer.clock.now()).await?;
                let (joined, left) = (change.joined, change.left);
                tracing::info!(team = team.id, channels, members, guests, joined, left, "team read");
                if joined > 0 {
                    self.replan.notify_one();
                }
                self.work.notify_one();
            }
            Err(answer) => {
                let trouble = in_words(&answer);
                tracing::warn!(
                    team = team.id, status = answer.evidence.status, trouble, known_since = ?team.read_at,
                    "the team could not be read; what is known of it stays"
                );
                self.store.roster_failed(team.id.clone(), trouble, self.inquirer.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// Reads a team, and once more at another place where Teams says that it is served there.
    async fn read(&self, team: &KnownTeam) -> Result<Roster, Answer> {
        match self.read_at(team, team.reference.clone()).await {
            Err(Answer { verdict: Verdict::Elsewhere { instead: Some(place), .. }, .. }) => {
                let elsewhere = Reference { service_url: Some(place), ..team.reference.clone() };
                self.read_at(team, elsewhere).await
            }
            read => read,
        }
    }

    async fn read_at(&self, team: &KnownTeam, reference: Reference) -> Result<Roster, Answer> {
        let connector = &self.inquirer.connector;
        let ask = Operation::Conversations;
        let said = self.inquirer.ask(&reference, ask, || connector.team(&reference)).await?;
        let channels = self.inquirer.ask(&reference, ask, || connector.channels(&reference)).await?;
        let mut members = Vec::new();
        let mut continuation: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let from = continuation.as_deref();
            let page =
                self.inquirer.ask(&reference, Operation::Members, || connector.members(&reference, from)).await?;
            members.extend(page.members.into_iter().filter(is_person).map(|member| self.listed(member, &reference)));
            if members.len() > MEMBERS_MAX {
                return Err(too_long("it lists more members than a team can have"));
            }
            match page.continuation {
                None => {
                    let team = Team { id: team.id.clone(), ..said };
                    return Ok(Roster { team, reference, channels, members });
                }
                Some(next) => continuation = Some(next),
            }
        }
        Err(too_long("the list of members does not end"))
    }

    /// A member as they are kept. A guest is a guest in the tenant of the team; their e-mail addresses count where both the
    /// team and they are of the bot's own tenant.
    fn listed(&self, mut member: Member, team: &Reference) -> RosterMember {
        let home = team.tenant_id.as_deref().or(self.inquirer.home_tenant.as_deref());
        let (role, tenant) = (member.role.as_deref(), member.tenant_id.as_deref());
        let standing = Standing::of(role, tenant, member.user_principal_name.as_deref(), home);
        if ![team.tenant_id.as_deref(), tenant].into_iter().all(|tenant| self.inquirer.is_of_the_house(tenant)) {
            member.email = None;
            member.user_principal_name = None;
        }
        RosterMember { member, standing }
    }

    /// Says once of each name that nobody can be reached by it, and once more when that is for another reason: a team that
    /// somebody made under a name of another one has taken it from that.
    fn tell_unknown(&self, named: &[NamedTeam]) {
        let mut told = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        for (team, trouble) in not_yet_told(&mut told, named) {
            tracing::warn!(team, trouble, "schedules name a team that is not known by that");
        }
    }
}

/// What is to be said of names that mean no team, or several; from now on it has been.
fn not_yet_told(told: &mut BTreeMap<String, String>, named: &[NamedTeam]) -> Vec<(String, String)> {
    let unclear = named.iter().filter(|named| named.teams.len() != 1);
    let now: BTreeMap<_, _> = unclear.filter_map(|named| Some((named.word.clone(), named.trouble()?))).collect();
    let is_news = |(word, trouble): &(&String, &String)| told.get(*word) != Some(*trouble);
    let news = now.iter().filter(is_news).map(|(word, trouble)| (word.clone(), trouble.clone())).collect();
    *told = now;
    news
}

fn is_due(team: &KnownTeam, now: DateTime<Utc>) -> bool {
    let passed = |since: Option<DateTime<Utc>>, span| since.is_none_or(|since| since > now || now - since >= span);
    passed(team.read_at, READ_EVERY) && (team.tried_at == team.read_at || passed(team.tried_at, TRY_AGAIN))
}

fn too_long(detail: &str) -> Answer {
    Answer::without_request(Verdict::Permanent { reason: Reason::ServerError }, detail)
}

/// Bots are listed under an id of their own kind.
fn is_person(member: &Member) -> bool {
    !member.user_id.starts_with("28:")
}

/// Why a roster could not be read.
fn in_words(answer: &Answer) -> String {
    let reason = match &answer.verdict {
        Verdict::Delivered { .. } => "the answer could not be read",
        Verdict::Retry { reason, .. }
        | Verdict::Recreate { reason, .. }
        | Verdict::Elsewhere { reason, .. }
        | Verdict::Permanent { reason }
        | Verdict::OurFault { reason }
        | Verdict::Unknown { reason, .. } => reason.explain(),
    };
    match &answer.evidence.detail {
        Some(detail) => format!("{reason} ({detail})"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(id: &str) -> KnownTeam {
        KnownTeam {
            id: id.to_owned(),
            name: Some("Ops".to_owned()),
            reference: Reference::default(),
            read_at: None,
            tried_at: None,
            trouble: None,
            channels: 0,
            members: 0,
        }
    }

    #[test]
    fn a_name_that_somebody_gives_to_another_team_is_told_of_with_both_ids() {
        let mut told = BTreeMap::new();
        let mut hear = |ids: &[&str]| {
            let named = NamedTeam { word: "ops".to_owned(), teams: ids.iter().map(|id| team(id)).collect() };
            not_yet_told(&mut told, &[named])
        };
        assert_eq!(hear(&[]).len(), 1, "nobody is called that");
        assert_eq!(hear(&[]), [], "it has been said");
        let both = hear(&["19:first@thread.tacv2", "19:other@thread.tacv2"]);
        let expect = "2 teams have this name (19:first@thread.tacv2, 19:other@thread.tacv2); write the id of the one \
                      that is meant";
        assert_eq!(both, [("ops".to_owned(), expect.to_owned())]);
        assert_eq!(hear(&["19:first@thread.tacv2"]), []);
    }
}
