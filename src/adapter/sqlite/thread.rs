//! A thread that owns a connection, and group commit.
//!
//! Callers put commands into a bounded queue. The thread takes all that wait, runs them in **one** transaction and
//! answers after it is durable; so 64 senders who ask at once cost one fsync, and while that one is under way the
//! next group gathers. One command that fails is undone alone, and says so to its caller only. When the commit itself
//! fails, nothing of the group has happened, and everyone hears it.
//!
//! **A command may be run twice.** For one to be undone alone, each needs a savepoint, and SQLite copies every page that
//! is changed behind a savepoint: a third of the time of a busy ledger. So a group is run without any, as if nothing could
//! fail, which is so nearly always; where something does fail, the whole of it is rolled back and run again, now with a
//! savepoint around each. An act therefore changes nothing but the ledger, and keeps what it was given.
//!
//! **Dropping a caller's future** does not take its command back: what is in the queue is run, and only the answer
//! is lost. So a caller that was cancelled must look before it assumes.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::fault::Fault;
use crate::port::store::StoreError;

/// How many commands may wait. More senders than this in flight are not of use with any limit of Teams; whoever
/// comes after them waits for a place, which costs nothing but the wait.
const QUEUE: usize = 1024;

/// How a thread runs its commands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub name: &'static str,
    begin: &'static str,
    /// How many commands share a transaction. The bound keeps the first of a group from waiting for ever.
    group: usize,
}

impl Manner {
    pub(super) const WRITER: Manner = Manner { name: "ledger-writer", begin: "BEGIN IMMEDIATE", group: QUEUE };
    /// Each of its commands is one of SQLite's own, outside any transaction.
    pub(super) const COPIER: Manner = Manner { name: "ledger-copier", begin: "BEGIN", group: 1 };
    /// A reader sees one state of the ledger in each command.
    pub(super) const READER: Manner = Manner { name: "ledger-reader", begin: "BEGIN", group: 1 };
}

/// The cause that a whole group shares.
type Shared = Arc<dyn Error + Send + Sync>;

/// What a caller asked for, on its way through the thread.
trait Command: Send {
    /// Whether it runs inside a transaction with others.
    fn joins_group(&self) -> bool;

    /// Runs it, for the first time or again. `false` when it failed and must be undone. It never panics.
    fn run(&mut self, conn: &Connection) -> bool;

    /// Answers the caller, now that it is known whether the transaction is durable.
    fn answer(self: Box<Self>, group: Result<(), Shared>);
}

/// The one kind of command: an act, its result, and then the answer.
struct Asked<T, A> {
    doing: &'static str,
    joins_group: bool,
    act: A,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, A> Command for Asked<T, A>
where
    T: Send,
    A: Fn(&Connection) -> Result<T, Fault> + Send,
{
    fn joins_group(&self) -> bool {
        self.joins_group
    }

    fn run(&mut self, conn: &Connection) -> bool {
        // What an act did before a panic is undone.
        let result = match catch_unwind(AssertUnwindSafe(|| (self.act)(conn))) {
            Ok(result) => result.map_err(|fault| fault.while_doing(self.doing)),
            Err(panic) => {
                let words = format!("a bug in the store: {}", panic_words(&*panic));
                tracing::error!(doing = self.doing, panic = words, "a command of the ledger panicked");
                Err(Fault::Said(words).while_doing(self.doing))
            }
        };
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, group: Result<(), Shared>) {
        let doing = self.doing;
        let answer = match (self.result, group) {
            // Its own failure says more than that of the group.
            (Some(Err(error)), _) => Err(error),
            (_, Err(shared)) => Err(StoreError::Failed { doing, source: Box::new(shared) }),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(Fault::Said("it was not run".to_owned()).while_doing(doing)),
        };
        // A caller that went away does not want the answer.
        drop(self.reply.send(answer));
    }
}

fn panic_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

/// A thread with a connection. It ends when it is closed or dropped, after finishing what is in its queue.
pub(super) struct Worker {
    queue: RwLock<Option<mpsc::Sender<Box<dyn Command>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Closed by the thread when it ends.
    ended: watch::Receiver<()>,
}

impl Worker {
    pub(super) fn start(conn: Connection, manner: Manner) -> std::io::Result<Self> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let (alive, ended) = watch::channel(());
        let thread = std::thread::Builder::new().name(manner.name.to_owned()).spawn(move || {
            serve(&conn, commands, manner);
            if let Err((_, error)) = conn.close() {
                tracing::warn!(%error, thread = manner.name, "the ledger's connection did not close cleanly");
            }
            drop(alive);
        })?;
        Ok(Self { queue: RwLock::new(Some(queue)), thread: Mutex::new(Some(thread)), ended })
    }

    /// Runs `act` in a transaction and returns when that is durable.
    pub(super) async fn call<T, A>(&self, doing: &'static str, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.ask(doing, true, act).await
    }

    /// Runs `act` between transactions, for what SQLite does not do inside one.
    pub(super) async fn call_alone<T, A>(&self, doing: &'static str, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.ask(doing, false, act).await
    }

    async fn ask<T, A>(&self, doing: &'static str, joins_group: bool, act: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        A: Fn(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let asked = Asked { doing, joins_group, act, result: None, reply };
        queue.send(Box::new(asked)).await.map_err(|_| StoreError::Closed)?;
        // Else the thread could not end while we wait for it.
        drop(queue);
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Something to ring from anywhere, for an act that runs between transactions. Rung again before it has begun, it is
    /// run once.
    pub(super) fn bell(
        &self,
        doing: &'static str,
        act: impl Fn(&Connection) -> Result<(), Fault> + Send + Sync + 'static,
    ) -> Bell {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        Bell { queue: queue.as_ref().map(mpsc::Sender::downgrade), is_rung: Arc::default(), doing, act: Arc::new(act) }
    }

    /// Takes no more commands, finishes those in the queue and ends the thread.
    pub(super) async fn close(&self) {
        self.shut();
        // An error is what we wait for: it means that the thread's end is gone.
        while self.ended.clone().changed().await.is_ok() {}
        self.join();
    }

    fn shut(&self) {
        *self.queue.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of the ledger ended in a panic");
        }
    }
}

/// What a thread does when it is rung for.
type Chore = dyn Fn(&Connection) -> Result<(), Fault> + Send + Sync;

/// Asks a thread for one act, and waits for nothing. It does not keep the thread alive.
pub(super) struct Bell {
    queue: Option<mpsc::WeakSender<Box<dyn Command>>>,
    is_rung: Arc<AtomicBool>,
    doing: &'static str,
    act: Arc<Chore>,
}

impl Bell {
    pub(super) fn ring(&self) {
        let Some(queue) = self.queue.as_ref().and_then(mpsc::WeakSender::upgrade) else { return };
        if self.is_rung.swap(true, Ordering::Relaxed) {
            return;
        }
        let (is_rung, doing, act) = (Arc::clone(&self.is_rung), self.doing, Arc::clone(&self.act));
        let run = move |conn: &Connection| {
            is_rung.store(false, Ordering::Relaxed);
            act(conn).inspect_err(|fault| tracing::warn!(?fault, doing, "the ledger could not do this; it tries again"))
        };
        // Nobody waits for the answer.
        let (reply, _) = oneshot::channel();
        let asked = Asked { doing, joins_group: false, act: run, result: None, reply };
        if queue.try_send(Box::new(asked)).is_err() {
            self.is_rung.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shut();
        self.join();
    }
}

fn serve(conn: &Connection, mut commands: mpsc::Receiver<Box<dyn Command>>, manner: Manner) {
    let mut group: Vec<Box<dyn Command>> = Vec::new();
    while let Some(first) = commands.blocking_recv() {
        let mut alone = None;
        let mut next = Some(first);
        while let Some(command) = next {
            if !command.joins_group() {
                alone = Some(command);
                break;
            }
            group.push(command);
            next = if group.len() < manner.group { commands.try_recv().ok() } else { None };
        }
        if !group.is_empty() {
            let outcome = run_group(conn, &mut group, manner);
            for command in group.drain(..) {
                command.answer(outcome.clone());
            }
        }
        if let Some(mut command) = alone {
            command.run(conn);
            command.answer(Ok(()));
        }
    }
}

/// Runs the group in one transaction. An error means that nothing of it has happened.
fn run_group(conn: &Connection, group: &mut [Box<dyn Command>], manner: Manner) -> Result<(), Shared> {
    let outcome = try_group(conn, group, manner);
    if outcome.is_err()
        && !conn.is_autocommit()
        && let Err(error) = step(conn, "ROLLBACK")
    {
        tracing::error!(%error, "a transaction of the ledger could not be rolled back");
    }
    outcome
}

fn try_group(conn: &Connection, group: &mut [Box<dyn Command>], manner: Manner) -> Result<(), Shared> {
    step(conn, manner.begin)?;
    let failed = group.iter_mut().any(|command| !command.run(conn));
    if !failed {
        return step(conn, "COMMIT");
    }
    is_still_open(conn)?;
    step(conn, "ROLLBACK")?;
    // Nobody else is to be kept.
    if group.len() == 1 {
        return Ok(());
    }
    step(conn, manner.begin)?;
    for command in group.iter_mut() {
        step(conn, "SAVEPOINT command")?;
        let kept = command.run(conn);
        is_still_open(conn)?;
        if !kept {
            step(conn, "ROLLBACK TO command")?;
        }
        step(conn, "RELEASE command")?;
    }
    step(conn, "COMMIT")
}

/// After some failures (a full disk, an I/O error) SQLite rolls the whole transaction back by itself.
fn is_still_open(conn: &Connection) -> Result<(), Shared> {
    if conn.is_autocommit() {
        let words = "the transaction was lost when another command in it failed";
        return Err(Arc::from(Box::<dyn Error + Send + Sync>::from(words)));
    }
    Ok(())
}

fn step(conn: &Connection, sql: &'static str) -> Result<(), Shared> {
    let done = conn.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    done.map(drop).map_err(|error| Arc::new(error) as Shared)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::mpsc as blocking;

    use super::*;

    const TABLES: &str = "
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE words (word TEXT, parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
        PRAGMA journal_mode = WAL;
        PRAGMA foreign_keys = ON;";

    struct Bench {
        folder: tempfile::TempDir,
        worker: Arc<Worker>,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::TempDir::new().expect("a folder");
            let conn = Connection::open(Self::path(folder.path())).expect("a database");
            conn.execute_batch(TABLES).expect("the tables");
            let worker = Worker::start(conn, Manner::WRITER).expect("a thread");
            Self { folder, worker: Arc::new(worker) }
        }

        fn path(folder: &Path) -> PathBuf {
            folder.join("words.db")
        }

        /// What another connection sees.
        fn seen(&self) -> Vec<String> {
            seen(&Self::path(self.folder.path()))
        }

        /// Keeps the thread busy until the sender is used, so that what is asked meanwhile becomes one group.
        async fn hold(&self) -> (blocking::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
            let (go, wait) = blocking::channel::<()>();
            let (busy, is_busy) = oneshot::channel();
            let worker = self.worker.clone();
            let busy = Mutex::new(Some(busy));
            let held = tokio::task::spawn_blocking(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(worker.call("holding", move |_| {
                    if let Some(busy) = busy.lock().expect("nobody panics").take() {
                        busy.send(()).expect("somebody waits");
                    }
                    wait.recv().map_err(|_| Fault::Said("nobody said go".into()))
                }))
            });
            is_busy.await.expect("the thread is busy");
            (go, held)
        }
    }

    fn seen(path: &Path) -> Vec<String> {
        let conn = Connection::open(path).expect("the database");
        let mut statement = conn.prepare("SELECT word FROM words ORDER BY rowid").expect("the table");
        let words = statement.query_map([], |row| row.get(0)).expect("rows");
        words.collect::<Result<_, _>>().expect("words")
    }

    fn write(conn: &Connection, word: &str) -> Result<(), Fault> {
        conn.execute("INSERT INTO words (word) VALUES (?1)", [word])?;
        Ok(())
    }

    #[tokio::test]
    async fn what_waits_together_is_committed_together() {
        let bench = Bench::new();
        let (go, held) = bench.hold().await;
        let path = Bench::path(bench.folder.path());
        let (worker, look) = (&bench.worker, path.clone());
        let asked = async {
            tokio::join!(
                worker.call("first", |conn| write(conn, "first")),
                worker.call("failing", |conn| {
                    write(conn, "undone")?;
                    Err::<(), _>(Fault::Said("on purpose".into()))
                }),
                worker.call("panicking", |conn| {
                    write(conn, "undone too")?;
                    panic!("on purpose");
                    #[expect(unreachable_code, reason = "it gives the act its type")]
                    Ok(())
                }),
                worker.call("looking", move |conn| {
                    write(conn, "last")?;
                    Ok(seen(&look))
                }),
                async {
                    go.send(()).expect("the thread waits");
                },
            )
        };
        let (first, failing, panicking, looking, ()) = asked.await;
        first.expect("the first");
        assert_eq!(failing.expect_err("it fails").to_string(), "failing: on purpose");
        let panicking: Result<(), StoreError> = panicking;
        assert_eq!(panicking.expect_err("it panics").to_string(), "panicking: a bug in the store: on purpose");
        assert_eq!(looking.expect("the last"), [""; 0], "nothing was committed while the group ran");
        assert_eq!(bench.seen(), ["first", "last"]);
        held.await.expect("the task").expect("the first command");
        bench.worker.call("after a panic", |conn| write(conn, "more")).await.expect("the thread lives on");
    }

    #[tokio::test]
    async fn when_the_commit_fails_nobody_is_told_that_it_worked() {
        let bench = Bench::new();
        let (go, held) = bench.hold().await;
        let worker = &bench.worker;
        let (good, bad, own, ()) = tokio::join!(
            worker.call("good", |conn| write(conn, "good")),
            // Found out by the commit only: the constraint is deferred.
            worker.call("bad", |conn| {
                conn.execute("INSERT INTO words VALUES ('bad', 4711)", [])?;
                Ok(())
            }),
            worker.call("own", |_| Err::<(), _>(Fault::Said("its own".into()))),
            async {
                go.send(()).expect("the thread waits");
            },
        );
        assert!(good.expect_err("the group").to_string().starts_with("good: FOREIGN KEY"));
        assert!(bad.expect_err("the group").to_string().starts_with("bad: FOREIGN KEY"));
        assert_eq!(own.expect_err("its own").to_string(), "own: its own");
        assert_eq!(bench.seen(), [""; 0]);
        held.await.expect("the task").expect("it was in an earlier group");
        bench.worker.call("afterwards", |conn| write(conn, "more")).await.expect("the thread lives on");
    }

    #[tokio::test]
    async fn what_was_asked_is_finished_before_closing() {
        let bench = Bench::new();
        let (go, held) = bench.hold().await;
        let worker = &bench.worker;
        let (asked, (), ()) =
            tokio::join!(worker.call("asked before", |conn| write(conn, "before")), worker.close(), async {
                go.send(()).expect("the thread waits");
            },);
        asked.expect("it was in the queue");
        assert!(matches!(worker.call("later", |_| Ok(())).await, Err(StoreError::Closed)));
        worker.close().await;
        held.await.expect("the task").expect("the first command");
        assert_eq!(bench.seen(), ["before"]);
    }
}
