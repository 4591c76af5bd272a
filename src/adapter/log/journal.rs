//! The journal's own door.

use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;

use super::line::Line;
use super::{Sink, forms};

const DOOR: &str = "/run/systemd/journal/socket";

/// A connection to the journal.
pub(super) struct Journal(UnixDatagram);

impl Journal {
    pub(super) fn open() -> io::Result<Self> {
        let door = UnixDatagram::unbound()?;
        door.connect(DOOR)?;
        Ok(Self(door))
    }
}

impl Sink for Journal {
    fn write(&self, line: &Line) {
        // What the journal does not take, being restarted or since it is too long, goes where the service manager looks too.
        if self.0.send(forms::journal(line).as_bytes()).is_err() {
            let _ = writeln!(io::stderr().lock(), "{}", forms::human(line, false, false));
        }
    }
}

/// Whether stderr leads to the journal: the service manager says by device and inode what it connected, and whoever was
/// started by such a service with another stderr has the same variable. From systemd's page on execution environments
/// (`JOURNAL_STREAM`, read in November 2026).
#[must_use]
pub fn is_stderr_the_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
}
