//! Readiness, status and watchdog for the service manager. Without one, all of it is silence.

use std::time::Duration;

use sd_notify::NotifyState;

/// The line to the service manager.
#[derive(Debug, Clone, Copy)]
pub struct ServiceManager;

impl ServiceManager {
    /// The start goes on, and is heard of again within this time. Then it may take longer than `TimeoutStartSec=`.
    pub fn starting(self, again_within: Duration) {
        let again_within = u32::try_from(again_within.as_micros()).unwrap_or(u32::MAX);
        Self::tell(&[NotifyState::ExtendTimeoutUsec(again_within)]);
    }

    /// The daemon serves.
    pub fn ready(self, status: &str) {
        Self::tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// One line on what comes next, shown by `systemctl status`.
    pub fn status(self, status: &str) {
        Self::tell(&[NotifyState::Status(status)]);
    }

    /// The daemon begins to stop.
    pub fn stopping(self) {
        Self::tell(&[NotifyState::Stopping]);
    }

    /// Everything that matters has just proved to be alive.
    pub fn alive(self) {
        Self::tell(&[NotifyState::Watchdog]);
    }

    /// After how long without [`Self::alive`] the service manager would kill the daemon. `None` when nobody waits for
    /// it.
    #[must_use]
    pub fn watchdog(self) -> Option<Duration> {
        sd_notify::watchdog_enabled()
    }

    fn tell(states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::debug!(%error, "the service manager did not listen");
        }
    }
}
