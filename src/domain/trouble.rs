//! What keeps the bot itself from sending, as opposed to one message or one conversation.
//!
//! A refused token is everybody's trouble at once. A refused request may be: or it is the one conversation, of another
//! bot or in a tenant that withdrew its consent. So it takes several conversations that refuse, and none that accepts
//! in between, before the bot is said to be at fault.

use std::collections::BTreeSet;

use crate::domain::delivery::Reason;
use crate::domain::id::RecipientId;
use crate::domain::verdict::{Answer, Verdict};

/// How many conversations must refuse the bot's token.
const ENOUGH: usize = 3;

/// What is known of the bot's own state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// In words, and for which reason; `None` while the bot can send.
    says: Option<(Reason, String)>,
    /// Who refused since somebody last accepted.
    refused_by: BTreeSet<RecipientId>,
}

impl Trouble {
    /// In words, what keeps the bot from sending.
    #[must_use]
    pub fn says(&self) -> Option<&str> {
        self.says.as_ref().map(|(_, words)| words.as_str())
    }

    /// Takes in the answer to a request for `recipient`. Returns whether what there is to say has changed.
    pub fn heard(&mut self, recipient: RecipientId, answer: &Answer) -> bool {
        let before = self.says.clone();
        match &answer.verdict {
            Verdict::Delivered { .. } => *self = Self::default(),
            Verdict::OurFault { reason } => {
                let is_sure = match reason {
                    Reason::AuthRefused => {
                        self.refused_by.insert(recipient);
                        self.refused_by.len() >= ENOUGH
                    }
                    _ => true,
                };
                // Said anew only for another reason: the words of one differ each time, by a trace id.
                if is_sure && self.says.as_ref().is_none_or(|(said, _)| said != reason) {
                    let words = answer.evidence.detail.clone().unwrap_or_else(|| reason.explain().to_owned());
                    self.says = Some((*reason, words));
                }
            }
            Verdict::Retry { .. } | Verdict::Permanent { .. } | Verdict::Unknown { .. } => {}
        }
        self.says != before
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

    #[test]
    fn one_conversation_is_not_the_bot() {
        let delivered = answer(Verdict::Delivered { activity_id: None });
        let mut trouble = Trouble::default();
        for _ in 0..10 {
            assert!(!trouble.heard(RecipientId(1), &refused(Reason::AuthRefused)));
        }
        assert!(!trouble.heard(RecipientId(2), &refused(Reason::AuthRefused)));
        assert!(!trouble.heard(RecipientId(3), &delivered), "one that accepts clears it");
        assert!(!trouble.heard(RecipientId(2), &refused(Reason::AuthRefused)));
        assert!(!trouble.heard(RecipientId(4), &refused(Reason::AuthRefused)));
        assert!(trouble.heard(RecipientId(5), &refused(Reason::AuthRefused)), "three in a row");
        assert_eq!(trouble.says(), Some(Reason::AuthRefused.explain()));
        assert!(!trouble.heard(RecipientId(6), &refused(Reason::AuthRefused)), "said once");
        assert!(trouble.heard(RecipientId(1), &delivered));
        assert_eq!(trouble.says(), None);
    }

    #[test]
    fn a_refused_token_is_everybodys_trouble() {
        let mut trouble = Trouble::default();
        assert!(trouble.heard(RecipientId(1), &refused(Reason::TokenRefused)));
        assert!(!trouble.heard(RecipientId(2), &refused(Reason::TokenRefused)));
        assert_eq!(trouble.says(), Some(Reason::TokenRefused.explain()));
        assert!(trouble.heard(RecipientId(2), &refused(Reason::CredentialUnusable)), "it is another trouble by now");
        assert_eq!(trouble.says(), Some(Reason::CredentialUnusable.explain()));
    }
}
