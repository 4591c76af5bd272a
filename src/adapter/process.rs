//! What the kernel says of this process, read from `/proc/self`.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::port::vitals::{Process, ProcessFigures};

/// The process in which this runs.
#[derive(Debug, Clone, Copy)]
pub struct OwnProcess;

impl Process for OwnProcess {
    fn figures(&self) -> ProcessFigures {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let seconds = u64::try_from(cpu.tv_sec).ok();
        ProcessFigures {
            cpu: seconds.zip(u32::try_from(cpu.tv_nsec).ok()).map(|(seconds, nanos)| Duration::new(seconds, nanos)),
            resident_bytes: number_after(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024),
            // The directory itself is open while it is counted.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|open| (open.count() as u64).saturating_sub(1)),
            most_files: number_after(&limits, "Max open files"),
        }
    }
}

/// The first number of the line that begins with `name`. A limit that there is not is no number.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_is_asked() {
        let ProcessFigures { cpu, resident_bytes, open_files, most_files } = OwnProcess.figures();
        assert!(cpu.is_some_and(|cpu| cpu > Duration::ZERO));
        assert!(resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(open_files.is_some_and(|files| files > 2));
        assert!(most_files.is_none_or(|most| Some(most) > open_files));
    }

    #[test]
    fn a_line_is_read_by_its_name() {
        assert_eq!(number_after("VmPeak:\t  9 kB\nVmRSS:\t  7340 kB\n", "VmRSS:"), Some(7340));
        assert_eq!(number_after("Max open files            unlimited            unlimited\n", "Max open files"), None);
    }
}
