//! The log of requests: all that came to the token service and to the Connector, whatever became of it.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use hyper::header::HeaderMap;
use serde::Serialize;

/// The headers that are kept. `Authorization` and `X-IDENTITY-HEADER` are secrets and are not among them.
const HEADERS: &[&str] = &[
    "accept",
    "accept-language",
    "client-request-id",
    "content-length",
    "content-type",
    "metadata",
    "traceparent",
    "user-agent",
    "x-ms-client-request-id",
    "x-ms-conversation-id",
    "x-ms-tenant-id",
];

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// The number of the request, from 1, in order of arrival. It is in the answer's `MS-CV`.
    pub number: u64,
    /// What the wall clock showed when its last byte had arrived.
    pub arrived_at: DateTime<Utc>,
    /// What the monotonic clock showed then, in microseconds.
    pub arrived_moment_us: u64,
    pub method: String,
    /// Still encoded, without the query.
    pub path: String,
    pub query: Option<String>,
    /// Those of its headers that say something, by their names in lower case.
    pub headers: BTreeMap<&'static str, String>,
    /// What its bearer token is worth. The token itself is not kept.
    pub token: TokenSeen,
    /// The length of its body in bytes.
    pub body_bytes: usize,
    /// The status of the answer; none while there is no answer, and none for ever if the connection was cut.
    pub status: Option<u16>,
    /// The whole seconds for which the answer asked the client to wait, if it did.
    pub retry_after: Option<u64>,
}

/// What a bearer token is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenSeen {
    /// There is none.
    None,
    /// It was never issued here, or for something else than the Connector.
    Unknown,
    /// It was good once, or what it was got with has been withdrawn.
    Expired,
    Good,
}

/// The last requests, in order of arrival.
pub(super) struct Log {
    kept: VecDeque<LoggedRequest>,
    most: usize,
    count: u64,
}

impl Log {
    /// A log that keeps the last `most` requests.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), most, count: 0 }
    }

    /// Gives a request its number, and notes it.
    pub(super) fn note(&mut self, request: impl FnOnce(u64) -> LoggedRequest) -> u64 {
        self.count += 1;
        self.kept.push_back(request(self.count));
        while self.kept.len() > self.most {
            self.kept.pop_front();
        }
        self.count
    }

    /// Notes what a request was answered with, if it is still kept.
    pub(super) fn answered(&mut self, number: u64, status: u16, retry_after: Option<u64>) {
        // Numbers follow each other without a gap.
        let first = self.kept.front().map_or(number, |request| request.number);
        let index = number.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some(request) = index.and_then(|index| self.kept.get_mut(index)) {
            request.status = Some(status);
            request.retry_after = retry_after;
        }
    }

    /// At most `limit` requests with a number above `after`.
    pub(super) fn page(&self, after: u64, limit: usize) -> Vec<LoggedRequest> {
        let start = self.kept.partition_point(|request| request.number <= after);
        self.kept.iter().skip(start).take(limit).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.kept = VecDeque::new();
    }

    /// How many there were since the start.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

/// The headers of a request that are kept.
pub(super) fn telling(headers: &HeaderMap) -> BTreeMap<&'static str, String> {
    let found = HEADERS.iter().filter_map(|name| {
        let value = headers.get(*name)?;
        Some((*name, String::from_utf8_lossy(value.as_bytes()).into_owned()))
    });
    found.collect()
}
