//! Introductions: of people whose chat is there and whose e-mail address is not, Teams is asked for it, while a schedule
//! or an import names somebody whom nobody has met. What comes of it is news like any other (`adapter/sqlite/meet.rs`
//! makes one of the two).

use std::sync::Arc;

use chrono_tz::Tz;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::introduction::{self, Stranger};
use crate::domain::rate::Operation;
use crate::domain::verdict::Answer;
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
                self.meet(stranger).await?;
            }
        }
    }

    async fn meet(&self, stranger: &Stranger) -> Result<(), StoreError> {
        let asked = self.who_is_it(stranger).await;
        let now = self.inquirer.clock.now();
        let recipient = stranger.recipient;
        let again_at = match asked {
            Ok(Some(member)) => {
                let news = introduction::made(stranger, member.name.clone(), member.addresses(), now);
                let taken = self.store.take_in(news, self.fallback_zone, now).await?;
                for refused in &taken.refused {
                    tracing::warn!(refused, "an introduction was not taken in");
                }
                if taken.replan {
                    self.replan.notify_one();
                }
                if taken.work {
                    self.work.notify_one();
                }
                None
            }
            Ok(None) => None,
            Err(answer) => {
                let wait = introduction::wait_after(stranger.tries);
                let (status, detail) = (answer.evidence.status, answer.evidence.detail);
                tracing::info!(%recipient, status, detail, minutes = wait.num_minutes(), "Teams does not say who this is; it is asked again");
                Some(now + wait)
            }
        };
        self.store.settle_stranger(recipient, again_at).await
    }

    /// The person of the chat, if Teams lists them.
    async fn who_is_it(&self, stranger: &Stranger) -> Result<Option<Member>, Answer> {
        let reference = &stranger.reference;
        let members = || self.inquirer.connector.members(reference, None);
        let page = self.inquirer.ask(reference, Operation::Members, members).await?;
        let entra_object_id = reference.entra_object_id.as_deref();
        let is_they = |member: &Member| {
            let has_their_id = |id: &str| entra_object_id.is_some_and(|theirs| theirs.eq_ignore_ascii_case(id));
            reference.user_id.as_ref() == Some(&member.user_id)
                || member.entra_object_id.as_deref().is_some_and(has_their_id)
        };
        Ok(page.members.into_iter().find(is_they))
    }
}
