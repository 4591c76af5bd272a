//! One person in each state of a delivery, so that an act can be held against all of them.

use std::fmt::Debug;

use nudged::domain::delivery::{Claim, Reason, Settlement, State};
use nudged::port::store::StoreError;

use crate::Place;
use crate::fixtures::*;

/// A ledger in which the schedule `s` spoke at nine in Berlin, which is 08:00 UTC, to one person for each state. They are
/// called as their states are, and the daemon has their claims in hand where the state says so.
pub(crate) async fn one_in_each(place: &dyn Place, draft: Draft) -> (Ledger, Vec<Claim>) {
    let people = State::ALL.map(|state| member(state.as_str(), BERLIN, &["g"]));
    let ledger = Ledger::with(place, &people, &[draft.to(&["group:g"])]).await;
    ledger.plan(&[plan("s", &[wave("09:00", BERLIN)])], "00:00").await;
    ledger.expand("08:00").await;
    let claims = ledger.claim("08:00").await;
    for claim in &claims {
        bring(&ledger, claim).await;
    }
    // Whoever leaves the audience comes back with it.
    ledger.import(&[member(State::Cancelled.as_str(), BERLIN, &[])], "08:00").await;
    ledger.expand("08:00").await;
    for state in State::ALL {
        assert_eq!(ledger.state("s", "09:00", state.as_str()).await.0, state);
    }
    (ledger, claims)
}

/// The state that a person is called after.
pub(crate) fn state_of(claim: &Claim) -> State {
    State::parse(&claim.recipient.name).expect("a state")
}

/// The claim of the one who is in this state.
pub(crate) fn claim_of(claims: &[Claim], state: State) -> &Claim {
    claims.iter().find(|claim| state_of(claim) == state).expect("one in each state")
}

async fn bring(ledger: &Ledger, claim: &Claim) {
    let settlement = match state_of(claim) {
        State::Claimed => return,
        State::Planned | State::Cancelled => return ledger.release(claim).await,
        State::Sending => {
            ledger.mark(claim, "08:00").await;
            return;
        }
        State::Waiting => waiting("08:10", Reason::Throttled),
        State::Sent => sent(),
        State::Skipped => Settlement::Skipped(Reason::OptedOut),
        State::Failed => Settlement::Failed(Reason::Refused),
        State::Unknown => Settlement::Unknown(Reason::NoAnswer),
        State::Expired => Settlement::Expired(Reason::TooLate),
    };
    ledger.send(claim, "08:00", settlement).await;
}

/// What an order of an operator comes to, after it was tried out: both must say the same, but for being a dry run, and the
/// trying must change nothing.
pub(crate) async fn tried_and_done<Report, No>(
    ledger: &Ledger,
    tried: impl Future<Output = Result<Result<Report, No>, StoreError>>,
    done: impl Future<Output = Result<Result<Report, No>, StoreError>>,
    as_tried: impl FnOnce(Report) -> Report,
) -> Result<Report, No>
where
    Report: Clone + Debug + PartialEq,
    No: Clone + Debug + PartialEq,
{
    let before = ledger.deliveries("s").await;
    let told = tried.await.expect("trying out");
    assert_eq!(ledger.deliveries("s").await, before, "a dry run changes nothing");
    let done = done.await.expect("doing it");
    assert_eq!(told, done.clone().map(as_tried), "a dry run says what is going to happen");
    done
}

/// Everybody's state, by their name.
pub(crate) async fn states(ledger: &Ledger) -> Vec<(String, State, Option<Reason>)> {
    let deliveries = ledger.deliveries("s").await;
    deliveries.into_iter().map(|it| (it.recipient, it.state, it.reason)).collect()
}
