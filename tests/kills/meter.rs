//! What a process takes of the machine, as the kernel counts it.

use crate::rig::{Running, read};

/// The most memory that it ever had in use, in MiB. `None` where the kernel does not say it in this way.
pub(crate) fn peak_mib(daemon: &Running) -> Option<u64> {
    let path = std::path::PathBuf::from(format!("/proc/{}/status", daemon.id()));
    let status = path.exists().then(|| read(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

/// How many file descriptors it has open.
pub(crate) fn descriptors(daemon: &Running) -> Option<usize> {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).ok().map(Iterator::count)
}

/// The most of both that were seen.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Meter {
    pub(crate) mib: u64,
    pub(crate) descriptors: usize,
}

impl Meter {
    pub(crate) fn look(&mut self, daemon: &Running) {
        self.mib = self.mib.max(peak_mib(daemon).unwrap_or_default());
        self.descriptors = self.descriptors.max(descriptors(daemon).unwrap_or_default());
    }
}
