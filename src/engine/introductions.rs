//! Introductions: of people whose chat is there and whose e-mail address is not, Teams is asked for it, while a schedule
//! or an import names somebody whom nobody has met. What comes of it is news like any other (`adapter/sqlite/meet.rs`
//! makes one of the two).

use std::sync::Arc;

use chrono_tz::Tz;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::delivery::Reason;
use crate::domain::introduction::{self, Stranger};
use crate::domain::news::TakenIn;
use crate::domain::rate::Operation;
use crate::domain::recipient::{AddressKind, Reference};
use crate::domain::verdict::{Answer, Evidence, Verdict};
use crate::engine::inquiry::Inquirer;
use crate::port::connector::Member;
use crate::port::store::{Store, StoreError};

/// How many strangers are looked up at once.
const AT_ONCE: usize = 50;

/// Asks who strangers are.
pub struct Introductions {
    pub store: Arc<dyn Store>,
    pub inquirer: Inquirer,
    pub fallback_zone: Tz,
    /// Rings when there may be a stranger, or somebody who is awaited, and now and then.
    pub wanted: Arc<Notify>,
    /// Rung when somebody came to an audience.
    pub work: Arc<Notify>,
    /// Rung when somebody lives where nobody lived.
    pub replan: Arc<Notify>,
}

impl Introductions {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                passed = self.pass() => {
                    if let Err(error) = passed {
                        tracing::error!(%error, "strangers could not be looked after; the next beat tries again");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wanted.notified() => {}
            }
        }
    }

    /// Asks of everybody whose time has come.
    pub async fn pass(&self) -> Result<(), StoreError> {
        loop {
            let strangers = self.store.strangers(self.inquirer.clock.now(), AT_ONCE).await?;
            if strangers.is_empty() {
                return Ok(());
            }
            for stranger in &strangers {
                if !self.meet(stranger).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Returns whether it makes sense to go on with others.
    async fn meet(&self, stranger: &Stranger) -> Result<bool, StoreError> {
        let recipient = stranger.recipient;
        if !self.inquirer.is_of_the_house(stranger.reference.tenant_id.as_deref()) {
            self.store.settle_stranger(recipient, None).await?;
            return Ok(true);
        }
        let asked = self.who_is_it(stranger).await;
        let now = self.inquirer.clock.now();
        let again_at = now + introduction::wait_after(stranger.tries);
        match asked {
            Ok(Some(member)) => {
                let addresses = member.addresses();
                let has_a_name = addresses.iter().any(|address| address.kind() == AddressKind::Email);
                let news = introduction::made(stranger, member.name, addresses, now);
                self.tell(&self.store.take_in(news, self.fallback_zone, now).await?);
                self.store.settle_stranger(recipient, (!has_a_name).then_some(again_at)).await?;
            }
            Ok(None) => {
                tracing::info!(%recipient, %again_at, "Teams lists nobody who could be this; it is asked again");
                self.store.settle_stranger(recipient, Some(again_at)).await?;
            }
            // It says nothing about them, and the next one would be answered the same; or nobody was asked, and nobody
            // would be: all are of one tenant.
            Err(
                Answer { verdict: Verdict::OurFault { .. }, .. }
                | Answer {
                    verdict: Verdict::Retry { reason: Reason::Throttled, .. },
                    evidence: Evidence { status: None, .. },
                },
            ) => return Ok(false),
            Err(answer) => {
                let (status, detail) = (answer.evidence.status, answer.evidence.detail);
                tracing::info!(%recipient, status, detail, %again_at, "Teams does not say who this is; it is asked again");
                self.store.settle_stranger(recipient, Some(again_at)).await?;
            }
        }
        Ok(true)
    }

    fn tell(&self, taken: &TakenIn) {
        for refused in &taken.refused {
            tracing::warn!(refused, "an introduction was not taken in");
        }
        if taken.replan {
            self.replan.notify_one();
        }
        if taken.work {
            self.work.notify_one();
        }
    }

    /// The person of the chat, if Teams lists them.
    async fn who_is_it(&self, stranger: &Stranger) -> Result<Option<Member>, Answer> {
        let reference = &stranger.reference;
        let members = || self.inquirer.connector.members(reference, None);
        let page = self.inquirer.ask(reference, Operation::Members, members).await?;
        let is_of_the_house = |member: &Member| self.inquirer.is_of_the_house(member.tenant_id.as_deref());
        let people = page.members.into_iter().filter(is_of_the_house);
        Ok(people.into_iter().find(|member| is_they(reference, member)))
    }
}

/// By one of the ids. A chat of which none is known has nobody else in it.
fn is_they(reference: &Reference, member: &Member) -> bool {
    let is_known = reference.user_id.is_some() || reference.entra_object_id.is_some();
    let has_object_id = match (&reference.entra_object_id, &member.entra_object_id) {
        (Some(theirs), Some(id)) => theirs.eq_ignore_ascii_case(id),
        (None, _) | (_, None) => false,
    };
    !is_known || has_object_id || reference.user_id.as_ref() == Some(&member.user_id)
}
