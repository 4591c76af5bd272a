//! The life of one daemon, and how it ends: at any act of its store, before it is durable or after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::sim::chance::Chance;
use crate::sim::clock::Time;

/// How badly the daemon and its disk do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Frailty {
    /// About how many acts of its store it lives; 0 means for ever.
    pub(crate) lives: usize,
    /// In how many of a thousand cases the store can't write.
    pub(crate) disk_errors: usize,
    /// In how many of a hundred cases it takes its time.
    pub(crate) slow_disk: usize,
}

/// One daemon, from its start to its death.
pub(crate) struct Life {
    pub(crate) generation: u32,
    pub(crate) frailty: Frailty,
    pub(crate) chance: Arc<Chance>,
    time: Arc<Time>,
    /// After so many acts of its store it dies.
    left: AtomicUsize,
    is_dead: AtomicBool,
    /// Rings when it has died.
    pub(crate) death: Notify,
}

impl Life {
    pub(crate) fn new(generation: u32, frailty: Frailty, chance: Arc<Chance>, time: Arc<Time>) -> Self {
        let left = if frailty.lives == 0 { usize::MAX } else { 1 + chance.below(frailty.lives * 2) };
        let (left, is_dead) = (AtomicUsize::new(left), AtomicBool::new(false));
        Self { generation, frailty, chance, time, left, is_dead, death: Notify::new() }
    }

    /// Goes on where the daemon lives. The dead wait for ever, until what is left of them is cleared away.
    pub(crate) async fn or_never(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    pub(crate) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.death.notify_one();
    }

    /// One act less to live. Returns whether this one is the last.
    pub(crate) fn is_last_act(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok_and(|left| left == 1)
    }

    /// Others may come first, or the disk takes its time.
    pub(crate) async fn hesitate(&self) {
        for _ in 0..self.chance.pick(&[0, 0, 0, 1, 2, 5]) {
            tokio::task::yield_now().await;
        }
        if self.chance.hits(self.frailty.slow_disk) {
            self.time.pass(Duration::from_millis(self.chance.pick(&[1, 5, 20, 100, 900]))).await;
        }
    }
}
