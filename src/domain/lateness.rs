//! How late messages are: by how many of them within which span of their due instant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many messages were how late, in steps of a tenth of a second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    by_tenth: BTreeMap<u64, u64>,
}

/// How late messages are, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// How many were sent.
    pub messages: u64,
    /// Half of them left within so many milliseconds of their due instant.
    pub p50_ms: u64,
    /// 99 of 100 did.
    pub p99_ms: u64,
}

impl Histogram {
    /// `count` messages were late by `tenth` full tenths of a second.
    pub fn add(&mut self, tenth: u64, count: u64) {
        *self.by_tenth.entry(tenth).or_default() += count;
    }

    pub fn merge(&mut self, other: &Self) {
        for (tenth, count) in &other.by_tenth {
            self.add(*tenth, *count);
        }
    }

    /// The numbers; `None` when nothing was sent.
    #[must_use]
    pub fn lateness(&self) -> Option<Lateness> {
        let messages = self.by_tenth.values().sum();
        Some(Lateness { messages, p50_ms: self.within(50, messages)?, p99_ms: self.within(99, messages)? })
    }

    /// Within how many milliseconds so many of a hundred were sent: the end of the tenth in which the last of them was.
    fn within(&self, percent: u64, messages: u64) -> Option<u64> {
        let wanted = (messages * percent).div_ceil(100);
        let mut seen = 0;
        self.by_tenth.iter().find_map(|(tenth, count)| {
            seen += count;
            (seen >= wanted).then_some((tenth + 1) * 100)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_tenth_of_a_second() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.lateness(), None);
        histogram.add(0, 98);
        histogram.add(7, 1);
        let mut other = Histogram::default();
        other.add(600, 1);
        histogram.merge(&other);
        assert_eq!(histogram.lateness(), Some(Lateness { messages: 100, p50_ms: 100, p99_ms: 800 }));
        histogram.add(600, 1);
        assert_eq!(histogram.lateness().map(|it| it.p99_ms), Some(60_100));
    }
}
