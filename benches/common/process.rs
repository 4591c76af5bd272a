//! What the kernel says of a process.

use std::fs;
use std::time::Duration;

/// So much memory is or was resident.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now_mib: f64,
    pub(crate) most_mib: f64,
}

pub(crate) fn memory(process: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the kernel's word");
    let mib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        let kib: f64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
        kib / 1024.0
    };
    Memory { now_mib: mib("VmRSS:"), most_mib: mib("VmHWM:") }
}

/// For how long its threads have been on a processor. Threads that have ended are not counted.
pub(crate) fn processor_time(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let nanos = threads.map(|thread| {
        let path = thread.expect("a thread").path().join("schedstat");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().next().map_or(0, |nanos| nanos.parse().expect("nanoseconds"))
    });
    Duration::from_nanos(nanos.sum())
}
