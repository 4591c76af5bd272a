//! What all connections share: two locks, each held for a few lookups and never across an await.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::conditions::Condition;
use super::conversations::personal_id;
use super::directory::{Directory, DirectoryError, Register};
use super::figures::{Counts, Figures};
use super::log::Log;
use super::matching::{Operation, Subject};
use super::placements::Placements;
use super::record::Record;
use super::reply::Refusal;
use super::route::thread_of;
use super::rules::Rules;
use super::signer::Signer;
use super::teller;
use super::token::Vault;
use super::windows::{Limiter, Row};
use crate::port::clock::Clock;

/// Who a 1:1 conversation was created for.
#[derive(Clone)]
pub(super) struct Known {
    pub tenant: String,
    pub user: String,
}

/// Everything that changes when a request is carried out.
pub(super) struct Books {
    pub record: Record,
    pub log: Log,
    /// 1:1 conversations created since the start, by id.
    pub known: HashMap<String, Known>,
    pub register: Register,
    pub limiter: Limiter,
    pub rules: Rules,
    pub placements: Placements,
    /// Conversations in which a request is being carried out.
    in_hand: HashSet<String>,
    pub counts: Counts,
    own_tenant: String,
}

impl Books {
    /// What a request is about. `user` and `tenant` are those it names itself.
    pub(super) fn subject(
        &self,
        operation: Operation,
        conversation: &str,
        user: Option<&str>,
        tenant: Option<&str>,
    ) -> Subject {
        let place = self.register.place(thread_of(conversation));
        let known = self.known.get(conversation);
        let tenant = tenant
            .or_else(|| known.map(|known| known.tenant.as_str()))
            .or_else(|| place?.tenant())
            .unwrap_or(&self.own_tenant)
            .to_owned();
        let user = self.person_of(conversation).or_else(|| user.map(str::to_owned));
        let user = user.map_or_else(Vec::new, |user| match self.register.person(&user) {
            Some(person) => person.ids().map(str::to_owned).collect(),
            None => vec![user],
        });
        Subject { operation, conversation: Some(conversation.to_owned()), user, tenant }
    }

    /// Whom a 1:1 conversation is with, as far as is known.
    pub(super) fn person_of(&self, conversation: &str) -> Option<String> {
        let known = self.known.get(conversation).map(|known| known.user.clone());
        known.or_else(|| self.register.place(conversation)?.person().map(|person| person.id.clone()))
    }

    /// Asks the limits, then the conditions, and counts what they refuse.
    pub(super) fn let_in(&mut self, shared: &Shared, row: Row, subject: &Subject) -> Result<(), Refusal> {
        let conversation = subject.conversation.as_deref().unwrap_or_default();
        // The moment is read under the lock: the logs are in order of admission.
        if let Err(seconds) = self.limiter.admit(row, conversation, &subject.tenant, shared.moment_us()) {
            self.counts.throttled += 1;
            return Err(Refusal::throttled(seconds));
        }
        let Some(condition) = self.placements.meet(subject) else { return Ok(()) };
        self.counts.conditions_met += 1;
        Err(condition.refuse(subject.operation))
    }

    /// Whether the bot is where the conversation is, as far as the directory knows.
    pub(super) fn may_speak(&self, conversation: &str) -> Result<(), Refusal> {
        match self.register.place(thread_of(conversation)) {
            Some(place) if place.installed() => Ok(()),
            Some(_) => Err(Condition::NotInRoster.into()),
            None if self.register.directory().strict && !self.known.contains_key(conversation) => {
                Err(Condition::ConversationNotFound.into())
            }
            None => Ok(()),
        }
    }
}

/// The emulator without its socket.
pub(super) struct Shared {
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    /// How many messages were taken.
    pub taken: watch::Sender<u64>,
    /// How many requests have arrived.
    pub arrived: watch::Sender<u64>,
    /// How many requests came to an end: were answered, cut or given up.
    pub ended: watch::Sender<u64>,
    /// Cancelled when the emulator stops. Every wait of a request ends with it.
    pub stop: CancellationToken,
    vault: Mutex<Vault>,
    books: Mutex<Books>,
    /// Which edition of keys there is, and the keys once they were needed.
    signer: Mutex<(u64, Option<Signer>)>,
    /// For calling bots.
    bots: OnceLock<reqwest::Client>,
}

impl Shared {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let books = Books {
            record: Record::new(settings.messages_kept),
            log: Log::new(settings.requests_kept),
            known: HashMap::new(),
            register: Register::default(),
            limiter: Limiter::new(settings.windows),
            rules: Rules::default(),
            placements: Placements::default(),
            in_hand: HashSet::new(),
            counts: Counts::default(),
            own_tenant: settings.tenant_id.clone(),
        };
        Self {
            clock,
            taken: watch::Sender::new(0),
            arrived: watch::Sender::new(0),
            ended: watch::Sender::new(0),
            stop: CancellationToken::new(),
            vault: Mutex::new(Vault::new(&settings)),
            books: Mutex::new(books),
            signer: Mutex::new((1, None)),
            bots: OnceLock::new(),
            settings,
        }
    }

    /// The books. A panic under the lock leaves counts at worst one short, so a poisoned lock is taken as it is.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token service accepts, and the tokens that it gave out.
    pub(super) fn vault(&self) -> MutexGuard<'_, Vault> {
        self.vault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the keys for what a bot is told.
    pub(super) fn with_signer<T>(&self, act: impl FnOnce(&Signer) -> T) -> T {
        let mut signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        let (edition, keys) = &mut *signer;
        act(keys.get_or_insert_with(|| Signer::new(*edition)))
    }

    /// The next keys have other ids, and those there were are forgotten.
    pub(super) fn roll_keys(&self) {
        let mut signer = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        *signer = (signer.0 + 1, None);
    }

    /// The client that calls bots.
    pub(super) fn bots(&self) -> reqwest::Result<reqwest::Client> {
        if let Some(client) = self.bots.get() {
            return Ok(client.clone());
        }
        let client = teller::client()?;
        Ok(self.bots.get_or_init(|| client).clone())
    }

    /// The monotonic clock in microseconds.
    pub(super) fn moment_us(&self) -> u64 {
        u64::try_from(self.clock.moment().0.as_micros()).unwrap_or(u64::MAX)
    }

    /// Puts another directory in the place of the one there is.
    pub(super) fn set_directory(&self, directory: Directory) -> Result<(), DirectoryError> {
        let Settings { app_id, tenant_id, .. } = &self.settings;
        let register = Register::new(directory, |person| {
            personal_id(app_id, person.tenant_id.as_deref().unwrap_or(tenant_id), &person.id)
        })?;
        self.books().register = register;
        Ok(())
    }

    /// Tells the watchers that the message `seq` is on record. Two connections may come here in the wrong order; the
    /// count never goes back.
    pub(super) fn announce(&self, seq: u64) {
        self.taken.send_if_modified(|seen| {
            let news = seq > *seen;
            if news {
                *seen = seq;
            }
            news
        });
    }

    /// Begins with a request in a conversation. With `refuse_overlap`, only one at a time.
    pub(super) fn take_in_hand(&self, conversation: &str) -> Result<Option<InHand<'_>>, Refusal> {
        if !self.settings.refuse_overlap {
            return Ok(None);
        }
        let thread = thread_of(conversation).to_owned();
        if !self.books().in_hand.insert(thread.clone()) {
            return Err(Condition::PreconditionFailed.into());
        }
        Ok(Some(InHand { shared: self, thread }))
    }

    /// Waits for `span` on the emulator's clock, or until it stops.
    pub(super) async fn pause(&self, span: Duration) {
        pause(&*self.clock, &self.stop, span).await;
    }

    pub(super) fn figures(&self) -> Figures {
        let books = self.books();
        books.counts.show(books.log.count(), books.record.taken(), books.limiter.busiest_second())
    }
}

/// A request that is being carried out in a conversation.
pub(super) struct InHand<'shared> {
    shared: &'shared Shared,
    thread: String,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.shared.books().in_hand.remove(&self.thread);
    }
}

/// Waits for `span`, or until the emulator stops.
pub(super) async fn pause(clock: &dyn Clock, stop: &CancellationToken, span: Duration) {
    if span.is_zero() {
        return;
    }
    tokio::select! {
        () = stop.cancelled() => {}
        () = clock.sleep(span) => {}
    }
}
