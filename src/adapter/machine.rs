//! What the machine says of itself to a doctor: room on a disk, and whether its clock is kept right.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::statvfs;

/// Room on the file system of a directory, for who is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub free_bytes: u64,
    pub free_files: u64,
}

/// How much room there is where `path` is.
pub fn room(path: &Path) -> io::Result<Room> {
    let found = statvfs(path)?;
    // Some file systems have no fixed number of files, and say zero of zero.
    let free_files = if found.f_files == 0 { u64::MAX } else { found.f_favail };
    Ok(Room { free_bytes: found.f_bavail.saturating_mul(found.f_frsize), free_files })
}

/// Whether somebody keeps the clock right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKeeping {
    Synchronised,
    NotSynchronised,
    /// Neither systemd-timesyncd nor timedatectl says anything here; in a container the host keeps the clock.
    NobodySays,
}

/// What systemd-timesyncd writes when it has set the clock for the first time since the start of the machine.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// The kernel knows (`adjtimex`), and timedatectl passes it on, whoever keeps the clock: timesyncd, chrony or ntpd. It may
/// take as long as a message bus that does not answer.
#[must_use]
pub fn clock_keeping() -> ClockKeeping {
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match asked.as_ref().ok().filter(|answer| answer.status.success()).map(|answer| answer.stdout.trim_ascii()) {
        Some(b"yes") => ClockKeeping::Synchronised,
        Some(b"no") => ClockKeeping::NotSynchronised,
        Some(_) | None if Path::new(TIMESYNCD).exists() => ClockKeeping::Synchronised,
        Some(_) | None => ClockKeeping::NobodySays,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_where_tests_run() {
        let room = room(&std::env::temp_dir()).expect("it is there");
        assert!(room.free_bytes > 0 && room.free_files > 0, "{room:?}");
        super::room(Path::new("/no/such/place")).expect_err("it is not there");
    }
}
