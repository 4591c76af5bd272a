//! What keeps the bot itself from sending, as opposed to one message or one conversation.
//!
//! A refused token is everybody's trouble at once. A refused request may be: or it is the one conversation, of another
//! bot or in a tenant that withdrew its consent. So it takes several conversations that refuse, and none that accepts
//! in between, before the bot is said to be at fault.
//!
//! While it is, the queue waits: nothing is claimed but one delivery now and then, which finds out whether it is over.

use std::collections::BTreeSet;
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
    /// Who refused since somebody last accepted.
    refused_by: BTreeSet<RecipientId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Present {
    /// In words.
    says: String,
    /// How often it was tried whether it is over.
    tries: u32,
    next_try: Moment,
}

/// What may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As much as there is room for.
    All,
    /// One delivery, to find out whether the bot can send again; the next one at this moment.
    One { next: Moment },
    /// Nothing before this moment.
    Nothing { until: Moment },
}

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Nothing,
    /// The bot cannot send any more.
    Began,
    /// It can again.
    Ended,
}

impl Trouble {
    /// In words, what keeps the bot from sending.
    #[must_use]
    pub fn says(&self) -> Option<&str> {
        self.now.as_ref().map(|now| now.says.as_str())
    }

    /// Takes in the answer to a request for `recipient`.
    pub fn heard(&mut self, recipient: RecipientId, answer: &Answer, at: Moment) -> Change {
        match &answer.verdict {
            Verdict::Delivered { .. } => {
                self.refused_by.clear();
                if self.now.take().is_some() { Change::Ended } else { Change::Nothing }
            }
            Verdict::OurFault { reason } => {
                let is_sure = match reason {
                    Reason::AuthRefused => {
                        self.refused_by.insert(recipient);
                        self.refused_by.len() >= ENOUGH
                    }
                    _ => true,
                };
                if !is_sure || self.now.is_some() {
                    return Change::Nothing;
                }
                let says = answer.evidence.detail.clone().unwrap_or_else(|| reason.explain().to_owned());
                self.now = Some(Present { says, tries: 0, next_try: at.after(FIRST_TRY) });
                Change::Began
            }
            Verdict::Retry { .. }
            | Verdict::Recreate { .. }
            | Verdict::Elsewhere { .. }
            | Verdict::Permanent { .. }
            | Verdict::Unknown { .. } => Change::Nothing,
        }
    }

    /// What may be claimed at `now`. To be let through is to have used the turn.
    pub fn admit(&mut self, now: Moment) -> Admission {
        let Some(present) = &mut self.now else { return Admission::All };
        if now < present.next_try {
            return Admission::Nothing { until: present.next_try };
        }
        present.tries = present.tries.saturating_add(1);
        let wait = FIRST_TRY.saturating_mul(1 << present.tries.min(10)).min(LONGEST);
        present.next_try = now.after(wait);
        Admission::One { next: present.next_try }
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

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn one_conversation_is_not_the_bot() {
        let delivered = answer(Verdict::Delivered { activity_id: None });
        let mut trouble = Trouble::default();
        let mut hear = |who, answer: &Answer| trouble.heard(RecipientId(who), answer, at(0));
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
    fn a_refused_token_is_everybodys_trouble() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.heard(RecipientId(1), &refused(Reason::TokenRefused), at(0)), Change::Began);
        assert_eq!(trouble.heard(RecipientId(2), &refused(Reason::TokenRefused), at(0)), Change::Nothing);
        assert_eq!(trouble.says(), Some(Reason::TokenRefused.explain()));
    }

    #[test]
    fn while_it_lasts_one_is_let_through_now_and_then() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.admit(at(99)), Admission::All);
        trouble.heard(RecipientId(1), &refused(Reason::TokenRefused), at(100));
        assert_eq!(trouble.admit(at(104)), Admission::Nothing { until: at(105) });
        assert_eq!(trouble.admit(at(105)), Admission::One { next: at(115) });
        assert_eq!(trouble.admit(at(105)), Admission::Nothing { until: at(115) }, "its turn is used");
        trouble.heard(RecipientId(1), &refused(Reason::TokenRefused), at(106));
        assert_eq!(trouble.admit(at(115)), Admission::One { next: at(135) });
        assert_eq!(trouble.admit(at(135)), Admission::One { next: at(175) });
        for start in [175, 235, 295] {
            assert_eq!(trouble.admit(at(start)), Admission::One { next: at(start + 60) }, "never longer");
        }
        trouble.heard(RecipientId(1), &answer(Verdict::Delivered { activity_id: None }), at(300));
        assert_eq!(trouble.admit(at(300)), Admission::All);
    }
}
