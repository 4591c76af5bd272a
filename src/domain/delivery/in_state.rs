//! What a reason means in the state in which it left a delivery. What is tried again by itself needs nobody, and what may
//! have arrived was not "not sent".

use std::borrow::Cow;

use super::{Reason, State};

impl Reason {
    /// The reason of a delivery that is in `state`, in a sentence.
    #[must_use]
    pub fn explain_in(self, state: State) -> Cow<'static, str> {
        if state != State::Unknown || self.is_doubt() {
            return self.explain().into();
        }
        let why = match self {
            Reason::Superseded => "the next one of the schedule was due",
            Reason::TooLate => "it was past its lateness limit",
            Reason::Recalled => "it was recalled",
            Reason::CancelledByOperator => "an operator cancelled it",
            other => other.explain(),
        };
        format!("an earlier try may have arrived, and it was not tried again: {why}").into()
    }

    /// What to do about a delivery that is in `state`.
    #[must_use]
    pub fn cure_in(self, state: State) -> Cow<'static, str> {
        let cure = self.cure();
        match self {
            Reason::QuietHours if !state.is_final() => "nothing: it leaves when they end".into(),
            _ if !state.is_final() && self.is_doubt() => "nothing: it is sent again by itself, perhaps twice".into(),
            // These are final only after several tries.
            Reason::ConversationNotFound | Reason::ForeignConversation | Reason::WrongRegion if !state.is_final() => {
                "wait: it is tried again by itself".into()
            }
            Reason::Superseded if state == State::Unknown => {
                "nothing, if the newer one is enough; else ask them whether they have it".into()
            }
            Reason::TooLate if state == State::Unknown => {
                "ask them whether they have it; `nudged retry SCHEDULE --unknown --late` sends it again, perhaps twice"
                    .into()
            }
            // A retry of what has failed leaves out what may have arrived.
            _ if state == State::Unknown => cure.replace("--failed", "--unknown").into(),
            _ => cure.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_by_itself_needs_nobody() {
        let cure = |reason: Reason, state| reason.cure_in(state).into_owned();
        for reason in Reason::ALL.iter().filter(|reason| reason.is_doubt()) {
            assert_eq!(cure(*reason, State::Waiting), "nothing: it is sent again by itself, perhaps twice");
            assert_eq!(cure(*reason, State::Unknown), reason.cure());
        }
        assert_eq!(cure(Reason::QuietHours, State::Waiting), "nothing: it leaves when they end");
        assert_eq!(cure(Reason::QuietHours, State::Skipped), Reason::QuietHours.cure());
        assert_eq!(cure(Reason::ConversationNotFound, State::Waiting), "wait: it is tried again by itself");
        assert_eq!(cure(Reason::ZoneUnknown, State::Waiting), Reason::ZoneUnknown.cure(), "it waits for the operator");
    }

    #[test]
    fn what_may_have_arrived_is_not_called_unsent() {
        let superseded = Reason::Superseded.explain_in(State::Unknown);
        let words = "an earlier try may have arrived, and it was not tried again: the next one of the schedule was due";
        assert_eq!(superseded, words);
        assert_eq!(Reason::Superseded.explain_in(State::Expired), Reason::Superseded.explain());
        assert_eq!(Reason::NoAnswer.explain_in(State::Unknown), Reason::NoAnswer.explain());
        for reason in Reason::ALL {
            let (words, cure) = (reason.explain_in(State::Unknown), reason.cure_in(State::Unknown));
            assert!(!words.contains("before it was sent") && !words.contains("could not be sent"), "{reason}: {words}");
            assert!(!cure.contains("--failed") && cure.len() <= 120, "{reason}: {cure}");
        }
    }
}
