//! Many recipients of one schedule that can't be reached, all at once and for the same reason.
//!
//! In two incidents of 2023 (public threads of May and September) Teams answered thousands of valid references as if
//! they were dead; and an app that an administrator switched off by mistake looks the same. To believe it is to mark
//! thousands of people as unreachable within minutes. So it is believed of a few; when it goes on, the schedule is
//! paused and a person decides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::domain::delivery::Reason;
use crate::domain::id::RecipientId;
use crate::domain::time::Moment;
use crate::domain::verdict::Verdict;

/// How far back is looked, and in what steps.
const SPAN: Duration = Duration::from_mins(5);
const STEP: Duration = Duration::from_secs(10);

/// How many recipients it takes.
const ENOUGH: usize = 5;

/// And what share of the attempts: one in so many.
const ONE_IN: usize = 5;

/// What was seen of one schedule lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surge {
    steps: VecDeque<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    began: Moment,
    attempts: usize,
    lost: BTreeMap<Reason, BTreeSet<RecipientId>>,
}

/// Too many were lost for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooManyLost {
    pub reason: Reason,
    /// Of whom it was said, the last one too.
    pub recipients: BTreeSet<RecipientId>,
    pub attempts: usize,
}

impl Surge {
    /// Takes in a verdict; says so when it is one too many.
    pub fn saw(&mut self, recipient: RecipientId, verdict: &Verdict, now: Moment) -> Option<TooManyLost> {
        while self.steps.front().is_some_and(|step| step.began.after(SPAN) <= now) {
            self.steps.pop_front();
        }
        if self.steps.back().is_none_or(|step| step.began.after(STEP) <= now) {
            self.steps.push_back(Step { began: now, attempts: 0, lost: BTreeMap::new() });
        }
        let step = self.steps.back_mut()?;
        step.attempts += 1;
        let reason = lost_for(verdict)?;
        step.lost.entry(reason).or_default().insert(recipient);

        let attempts = self.steps.iter().map(|step| step.attempts).sum();
        let sets = self.steps.iter().filter_map(|step| step.lost.get(&reason));
        let recipients: BTreeSet<RecipientId> = sets.flatten().copied().collect();
        let is_too_many = recipients.len() >= ENOUGH && recipients.len() * ONE_IN > attempts;
        is_too_many.then_some(TooManyLost { reason, recipients, attempts })
    }

    /// Whether nothing was seen for so long that there is nothing to remember.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        self.steps.back().is_none_or(|step| step.began.after(SPAN) <= now)
    }
}

/// For what reason a verdict says that its recipient can't be reached, now or ever.
fn lost_for(verdict: &Verdict) -> Option<Reason> {
    match verdict {
        Verdict::Permanent { reason } => match reason {
            Reason::NotAllowed | Reason::WrongRegion => Some(*reason),
            // Each person decides about that for themselves.
            Reason::Blocked => None,
            _ => reason.unreachable().map(|_| *reason),
        },
        Verdict::Recreate { reason, .. } => Some(*reason),
        // There may be another place to ask.
        Verdict::Elsewhere { .. } => None,
        Verdict::Delivered { .. } | Verdict::Retry { .. } | Verdict::OurFault { .. } | Verdict::Unknown { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn delivered() -> Verdict {
        Verdict::Delivered { activity_id: None }
    }

    fn uninstalled() -> Verdict {
        Verdict::Permanent { reason: Reason::Uninstalled }
    }

    #[test]
    fn five_of_a_few_are_too_many() {
        let mut surge = Surge::default();
        for who in 1..=4 {
            assert_eq!(surge.saw(RecipientId(who), &uninstalled(), at(1)), None);
            assert_eq!(
                surge.saw(RecipientId(who), &uninstalled(), at(1)),
                None,
                "the same person does not count twice"
            );
        }
        let last = surge.saw(RecipientId(5), &uninstalled(), at(2)).expect("too many");
        assert_eq!((last.reason, last.recipients.len(), last.attempts), (Reason::Uninstalled, 5, 9));
        assert!(!surge.is_over(at(200)) && surge.is_over(at(400)));
    }

    #[test]
    fn five_of_many_or_over_a_long_time_or_for_many_reasons_are_not() {
        let mut among_many = Surge::default();
        for who in 0..1000 {
            let verdict = if who % 10 == 0 { uninstalled() } else { delivered() };
            assert_eq!(among_many.saw(RecipientId(who), &verdict, at(1)), None, "one in ten");
        }
        let mut slow = Surge::default();
        for who in 0..20_u64 {
            let who_id = RecipientId(i64::try_from(who).expect("small"));
            assert_eq!(slow.saw(who_id, &uninstalled(), at(who * 100)), None, "one in a hundred seconds");
        }
        let mut mixed = Surge::default();
        for (who, reason) in
            [Reason::Uninstalled, Reason::NotAMember, Reason::Gone, Reason::OtherTenant].iter().enumerate()
        {
            for n in 0..4 {
                let who = RecipientId(i64::try_from(who * 10 + n).expect("small"));
                assert_eq!(mixed.saw(who, &Verdict::Permanent { reason: *reason }, at(1)), None);
            }
        }
        let mut blocked = Surge::default();
        for who in 0..20 {
            let verdict = Verdict::Permanent { reason: Reason::Blocked };
            assert_eq!(blocked.saw(RecipientId(who), &verdict, at(1)), None, "people may do that");
        }
    }
}
