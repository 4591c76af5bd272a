//! What keeps the bot itself from sending, as opposed to one message or one conversation.
//!
//! A refused token is everybody's trouble at once. A refused request may be: or it is the one conversation, of another
//! bot, or the one tenant, which withdrew its consent. So it takes several conversations that refuse, of the bot's own
//! tenant or of two others, and none that accepts in between, before the bot is said to be at fault.
//!
//! While it is, the queue waits: one request now and then finds out whether it is over. It is a turn to make a request, not
//! to claim a delivery: of those that are claimed many may be over without one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::delivery::Reason;
use crate::domain::id::RecipientId;
use crate::domain::time::Moment;
use crate::domain::verdict::{Answer, Verdict};

/// How many conversations must refuse the bot's token.
const ENOUGH: usize = 3;

/// How long after the trouble began it is first tried again; each wait is twice the one before.
const FIRST_TRY: Duration = Duration::from_secs(5);

/// The longest wait. Whoever has put a new secret in place waits no longer than this.
const LONGEST: Duration = Duration::from_mins(1);

/// What is known of the bot's own state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    now: Option<Present>,
    /// Who refused since somebody last accepted, each with their tenant.
    refused_by: BTreeMap<RecipientId, (Arc<str>, bool)>,
}

/// Whose conversation a request was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    pub recipient: RecipientId,
    pub tenant: Arc<str>,
    /// Whether that is the bot's own.
    pub is_home: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Present {
    reason: Reason,
    /// In words.
    says: String,
    /// How often it was tried whether it is over.
    tries: u32,
    next_try: Moment,
}

/// How many requests may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As many as there are.
    All,
    /// One, to find out whether the bot can send again.
    One,
    /// None before this moment.
    None { until: Moment },
}

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Nothing,
    /// The bot cannot send any more.
    Began,
    /// It still cannot, for another reason.
    Turned,
    /// It can again.
    Ended,
}

impl Trouble {
    /// In words, what keeps the bot from sending.
    #[must_use]
    pub fn says(&self) -> Option<&str> {
        self.now.as_ref().map(|now| now.says.as_str())
    }

    /// Takes in the answer to a request.
    pub fn heard(&mut self, whose: Whose, answer: &Answer, at: Moment) -> Change {
        match &answer.verdict {
            Verdict::Delivered { .. } => self.accepted(),
            Verdict::OurFault { reason } => {
                let is_sure = match reason {
                    Reason::AuthRefused | Reason::NotRegistered => {
                        self.refused_by.insert(whose.recipient, (whose.tenant, whose.is_home));
                        self.refused_by.len() >= ENOUGH && self.is_not_one_tenant()
                    }
                    _ => true,
                };
                if !is_sure {
                    return Change::Nothing;
                }
                let reason = *reason;
                let says = || answer.evidence.detail.clone().unwrap_or_else(|| reason.explain().to_owned());
                match &mut self.now {
                    None => {
                        self.now = Some(Present { reason, says: says(), tries: 0, next_try: at.after(FIRST_TRY) });
                        Change::Began
                    }
                    // The words of one reason differ each time, by a trace id; that is nothing new.
                    Some(now) if now.reason == reason => Change::Nothing,
                    Some(now) => {
                        now.reason = reason;
                        now.says = says();
                        Change::Turned
                    }
                }
            }
            Verdict::Retry { .. }
            | Verdict::Recreate { .. }
            | Verdict::Elsewhere { .. }
            | Verdict::Permanent { .. }
            | Verdict::Unknown { .. } => match answer.evidence.status {
                // Whatever it was about, the token was good enough to get there.
                Some(status) if status < 500 => self.accepted(),
                Some(_) | None => Change::Nothing,
            },
        }
    }

    fn is_not_one_tenant(&self) -> bool {
        let tenants: BTreeSet<&Arc<str>> = self.refused_by.values().map(|(tenant, _)| tenant).collect();
        tenants.len() > 1 || self.refused_by.values().any(|(_, is_home)| *is_home)
    }

    /// Teams took a request, so it took the token.
    pub fn accepted(&mut self) -> Change {
        self.refused_by.clear();
        if self.now.take().is_some() { Change::Ended } else { Change::Nothing }
    }

    /// How many requests may be made at `now`.
    #[must_use]
    pub fn admission(&self, now: Moment) -> Admission {
        match &self.now {
            None => Admission::All,
            Some(present) if now < present.next_try => Admission::None { until: present.next_try },
            Some(_) => Admission::One,
        }
    }

    /// Somebody makes the one request; the next one is due after a longer wait.
    pub fn take_turn(&mut self, now: Moment) {
        if let Some(present) = &mut self.now {
            present.tries = present.tries.saturating_add(1);
            let wait = FIRST_TRY.saturating_mul(1 << present.tries.min(10)).min(LONGEST);
            present.next_try = now.after(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::Evidence;

    fn answer(verdict: Verdict) -> Answer {
        Answer { verdict, evidence: Evidence::default() }
    }

    fn refused(reason: Reason) -> Answer {
        answer(Verdict::OurFault { reason })
    }

    fn home(recipient: i64) -> Whose {
        Whose { recipient: RecipientId(recipient), tenant: Arc::from("home"), is_home: true }
    }

    fn of_tenant(recipient: i64, tenant: &str) -> Whose {
        Whose { recipient: RecipientId(recipient), tenant: Arc::from(tenant), is_home: false }
    }

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn one_conversation_is_not_the_bot() {
        let delivered = answer(Verdict::Delivered { activity_id: None });
        let mut trouble = Trouble::default();
        let mut hear = |who, answer: &Answer| trouble.heard(home(who), answer, at(0));
        for _ in 0..10 {
            assert_eq!(hear(1, &refused(Reason::AuthRefused)), Change::Nothing);
        }
        assert_eq!(hear(2, &refused(Reason::AuthRefused)), Change::Nothing);
        assert_eq!(hear(3, &delivered), Change::Nothing, "one that accepts clears it");
        assert_eq!(hear(2, &refused(Reason::AuthRefused)), Change::Nothing);
        assert_eq!(hear(4, &refused(Reason::AuthRefused)), Change::Nothing);
        assert_eq!(hear(5, &refused(Reason::AuthRefused)), Change::Began, "three in a row");
        assert_eq!(hear(6, &refused(Reason::AuthRefused)), Change::Nothing, "said once");
        assert_eq!(hear(1, &delivered), Change::Ended);
        assert_eq!(trouble.says(), None);
    }

    #[test]
    fn one_tenant_is_not_the_bot_unless_it_is_its_own() {
        for reason in [Reason::AuthRefused, Reason::NotRegistered] {
            let mut trouble = Trouble::default();
            for who in 0..10 {
                assert_eq!(trouble.heard(of_tenant(who, "fabrikam"), &refused(reason), at(0)), Change::Nothing);
            }
            assert_eq!(trouble.heard(of_tenant(10, "tailspin"), &refused(reason), at(0)), Change::Began);
        }
    }

    #[test]
    fn whatever_shows_that_the_token_is_good_ends_it() {
        let mut trouble = Trouble::default();
        let mut answered = answer(Verdict::Permanent { reason: Reason::Blocked });
        trouble.heard(home(1), &refused(Reason::TokenRefused), at(0));
        assert_eq!(trouble.heard(home(1), &answered, at(1)), Change::Nothing, "nothing was asked");
        answered.evidence.status = Some(502);
        assert_eq!(trouble.heard(home(1), &answered, at(1)), Change::Nothing, "that may be the edge");
        answered.evidence.status = Some(403);
        assert_eq!(trouble.heard(home(1), &answered, at(1)), Change::Ended);
    }

    #[test]
    fn a_refused_token_is_everybodys_trouble() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.heard(home(1), &refused(Reason::TokenRefused), at(0)), Change::Began);
        assert_eq!(trouble.heard(home(2), &refused(Reason::TokenRefused), at(0)), Change::Nothing);
        assert_eq!(trouble.says(), Some(Reason::TokenRefused.explain()));
        assert_eq!(trouble.heard(home(2), &refused(Reason::CredentialUnusable), at(0)), Change::Turned);
        assert_eq!(trouble.says(), Some(Reason::CredentialUnusable.explain()));
    }

    #[test]
    fn while_it_lasts_one_is_let_through_now_and_then() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.admission(at(99)), Admission::All);
        trouble.heard(home(1), &refused(Reason::TokenRefused), at(100));
        assert_eq!(trouble.admission(at(104)), Admission::None { until: at(105) });
        assert_eq!(trouble.admission(at(105)), Admission::One);
        assert_eq!(trouble.admission(at(106)), Admission::One, "until somebody takes the turn");
        for (turn, next) in [(106, 116), (116, 136), (136, 176), (176, 236), (236, 296), (296, 356)] {
            assert_eq!(trouble.admission(at(turn)), Admission::One);
            trouble.take_turn(at(turn));
            trouble.heard(home(1), &refused(Reason::TokenRefused), at(turn));
            assert_eq!(
                trouble.admission(at(next - 1)),
                Admission::None { until: at(next) },
                "never longer than a minute"
            );
        }
        assert_eq!(trouble.accepted(), Change::Ended);
        assert_eq!(trouble.admission(at(300)), Admission::All);
        trouble.take_turn(at(300));
        assert_eq!(trouble.admission(at(300)), Admission::All);
    }
}
