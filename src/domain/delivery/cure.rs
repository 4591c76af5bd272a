//! What a person can do about each reason.

use super::Reason;

impl Reason {
    /// What to do about it, in a sentence for the operator. Where there is nothing to do it says so.
    #[must_use]
    pub fn cure(self) -> &'static str {
        match self {
            Reason::PastWhenPlanned => "put schedules into force earlier, or raise `late`",
            Reason::TooLate => {
                "raise `late` if it is still worth having then; `nudged retry SCHEDULE --late` sends what failed anyway"
            }
            Reason::Superseded => "nothing, if the newer one is enough; `overlap = \"keep\"` sends both",
            Reason::Missed => "nothing, if it is not worth having later; `catch_up = \"latest\"` sends the last one",
            Reason::QuietHours => "raise `late` so that it can wait for the end of the quiet hours, or move its hour",
            Reason::Holiday => "nothing: the schedule excepts the holidays of each recipient",
            Reason::ZoneUnknown => "say where they live with `nudged people zone`, or set `zone_unknown = \"default\"`",
            Reason::DailyLimit => "nothing, or raise `per_person_per_day` in the configuration",
            Reason::OptedOut => "nothing: it is their choice; at their wish, `nudged people start`",
            Reason::Guest => "nothing, or write `guests = true` in the schedule",
            Reason::Anonymous => "nothing: they have no account to write to",
            Reason::RosterUnread => "wait: the team is being read; `nudged status` tells what is in the way",
            Reason::NotIntroduced => {
                "wait: Teams is being asked; or import the Entra id of whom the schedule leaves out"
            }
            Reason::ThreadGone => "nothing: it begins a new thread",
            Reason::UnknownRecipient | Reason::NoReference => {
                "import a reference with `nudged people import`, or have them install the app or write to the bot"
            }
            Reason::Blocked => "ask them to unblock the app in Teams and to write to it",
            Reason::Uninstalled => "have the app installed again; its first sign of life lifts the mark",
            Reason::DisabledByAdmin => {
                "ask the administrator to allow the app in Teams, then `nudged people revive WHO`"
            }
            Reason::NotAMember | Reason::OtherTenant => {
                "import a reference from where they belong, then `nudged people revive WHO`"
            }
            Reason::Gone => "import a fresh reference, or have them write to the bot",
            Reason::ScheduleChanged => "nothing: the schedule means something else now",
            Reason::ScheduleRemoved => "nothing, or put the schedule back",
            Reason::Done => "nothing: they are done with it",
            Reason::Recalled => "nothing: it was taken back on purpose",
            Reason::CancelledByOperator => "nothing: it was cancelled on purpose",
            Reason::TooManyPeople => "raise `max_people` if so many are meant, or mend the audience",
            Reason::LeftAudience => "nothing, or put them back into the group",
            Reason::ServedBeforeEdit => "nothing: they had it at its earlier hour",
            Reason::EarlierInHand => "wait: it is decided within seconds",
            Reason::UntrustedHost => {
                "import a reference with a service URL of Teams; `nudged people show WHO` shows the one that is stored"
            }
            Reason::TemplateFailed => "mend the text; `nudged preview SCHEDULE --who WHO` shows what is wrong with it",
            Reason::TooLarge => "shorten the text or the card, then `nudged retry SCHEDULE --failed`",
            Reason::ConversationNotFound => {
                "have them write to the bot, or import a fresh reference; then `nudged retry SCHEDULE --failed`"
            }
            Reason::ConversationLost => "wait: it is asked for once more",
            Reason::ForeignConversation => "import references of this bot; those of another bot can't be used",
            Reason::WrongRegion => "have them write to the bot: that tells where they are served",
            Reason::NotAllowed => {
                "ask the team's owner to let the bot post there, then `nudged retry SCHEDULE --failed`"
            }
            Reason::Malformed | Reason::Refused => {
                "look at the detail; mend the message or the reference, then `nudged retry SCHEDULE --failed`"
            }
            Reason::ActivityNotFound => "nothing: there is nothing left to take back",
            Reason::Throttled => "wait: it goes on by itself",
            Reason::NotConnected => "look at the network between here and Teams; it goes on by itself",
            Reason::Busy | Reason::TryAgain => "wait: it is tried again by itself",
            Reason::TokenRefused | Reason::CredentialUnusable => {
                "put the right credential into its place; it is noticed by itself"
            }
            Reason::TokenUnavailable => "look at the network to the identity provider; it goes on by itself",
            Reason::AuthRefused | Reason::NotRegistered => {
                "check the bot's registration: app id, tenant, and the Teams channel; it goes on by itself"
            }
            Reason::NoAnswer | Reason::ServerError | Reason::Interrupted | Reason::Restored => {
                "ask them whether they have it; `nudged retry SCHEDULE --unknown` sends it again, perhaps twice"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_cure_of_one_line_for_the_operator() {
        for reason in Reason::ALL {
            let cure = reason.cure();
            assert!(!cure.is_empty() && cure.len() <= 120 && !cure.ends_with('.'), "{reason}: {cure}");
            let nothing = cure.starts_with("nothing") || cure.starts_with("wait");
            assert!(nothing || cure.chars().next().is_some_and(char::is_lowercase), "{reason}: {cure}");
        }
    }

    #[test]
    fn what_is_in_doubt_is_never_sent_again_without_saying_so() {
        for reason in Reason::ALL.iter().filter(|reason| reason.is_doubt()) {
            assert!(reason.cure().contains("perhaps twice"), "{reason}: {}", reason.cure());
        }
    }
}
