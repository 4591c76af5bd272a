//! The ledger, read from outside by a connection that cannot write.

use std::path::Path;

use nudged::domain::delivery::State;
use rusqlite::{Connection, OpenFlags, Row, params};

use crate::witness::Key;

/// How a delivery stands.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) key: Key,
    pub(crate) schedule: String,
    pub(crate) state: State,
    pub(crate) reason: Option<String>,
    pub(crate) possible_duplicate: bool,
    /// Microseconds since 1970, UTC.
    pub(crate) due_at: i64,
    pub(crate) expire_at: i64,
    pub(crate) activity_id: Option<String>,
    /// The attempt that is under way.
    pub(crate) attempt: Option<i64>,
}

impl Delivery {
    /// Whether the ledger says that a copy may have arrived of which it does not know.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.possible_duplicate || self.state == State::Unknown
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state: String = row.get("state")?;
        Ok(Self {
            key: Key { text: row.get("text")?, conversation: row.get("conversation")? },
            schedule: row.get("schedule")?,
            state: State::parse(&state).expect("a state"),
            reason: row.get("reason")?,
            possible_duplicate: row.get("possible_duplicate")?,
            due_at: row.get("due_at")?,
            expire_at: row.get("expire_at")?,
            activity_id: row.get("activity_id")?,
            attempt: row.get("attempt")?,
        })
    }
}

/// Each delivery with the text that its message has.
const DELIVERIES: &str = "
    SELECT s.name AS schedule, coalesce(r.conversation_id, 'nowhere:' || r.id) AS conversation,
        s.name || '@' || coalesce(json_extract(e.data, '$.number'), substr(o.civil, 1, 16)) AS text,
        d.state, d.reason, d.possible_duplicate, d.due_at,
        max(d.expire_at, coalesce(d.open_until, d.expire_at)) AS expire_at, d.activity_id,
        (SELECT a.id FROM attempts a WHERE a.delivery_id = d.id AND a.ended_at IS NULL) AS attempt
    FROM deliveries d
        CROSS JOIN occurrences o ON o.id = d.occurrence_id
        CROSS JOIN schedules s ON s.id = o.schedule_id
        CROSS JOIN recipients r ON r.id = d.recipient_id
        LEFT JOIN events e ON e.id = o.event_id";

/// The deliveries of one schedule for one person.
const OF_ONE: &str = "
    WHERE d.id IN (
        SELECT x.id FROM deliveries x
        WHERE x.recipient_id = (SELECT id FROM recipients WHERE conversation_id = ?1)
            AND x.occurrence_id IN (SELECT id FROM occurrences WHERE schedule_id = (SELECT id FROM schedules WHERE name = ?2))
    )";

pub(crate) struct Ledger {
    conn: Connection,
}

impl Ledger {
    /// `None` when there is nothing that can be read yet. Whoever opens it closes it before the next daemon starts: as
    /// long as somebody has it open, that one would find the log in order and not put it in order by itself.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).ok()?;
        conn.busy_timeout(std::time::Duration::from_secs(5)).ok()?;
        let ledger = Self { conn };
        ledger.number("SELECT count(*) FROM daemon").map(|_| ledger)
    }

    /// What a question comes to, if it can be answered just now.
    pub(crate) fn number(&self, question: &str) -> Option<i64> {
        self.conn.prepare_cached(question).ok()?.query_row([], |row| row.get(0)).ok()
    }

    /// The same with a word in it.
    pub(crate) fn number_of(&self, question: &str, word: &str) -> Option<i64> {
        self.conn.prepare_cached(question).ok()?.query_row([word], |row| row.get(0)).ok()
    }

    pub(crate) fn rows(&self) -> Vec<Delivery> {
        self.select("", params![])
    }

    /// Those of which a request may be under way.
    pub(crate) fn sending(&self) -> Vec<Delivery> {
        self.select(" WHERE d.state = 'sending'", params![])
    }

    /// Those of which it is said that they may have arrived unnoticed.
    pub(crate) fn in_doubt(&self) -> Vec<Delivery> {
        self.select(" WHERE d.possible_duplicate = 1 OR d.state = 'unknown'", params![])
    }

    pub(crate) fn delivery(&self, key: &Key) -> Option<Delivery> {
        let schedule = key.text.split('@').next().unwrap_or_default();
        let rows = self.select(OF_ONE, params![key.conversation, schedule]);
        rows.into_iter().find(|row| row.key == *key)
    }

    /// The activity ids of messages that were taken back.
    pub(crate) fn taken_back(&self) -> Vec<String> {
        let question = "SELECT d.activity_id FROM recalled t JOIN deliveries d ON d.id = t.delivery_id
            WHERE t.state = 'done' AND d.activity_id IS NOT NULL";
        let mut statement = self.conn.prepare(question).expect("a question");
        let ids = statement.query_map([], |row| row.get(0)).expect("an answer");
        ids.collect::<Result<_, _>>().expect("ids")
    }

    /// What SQLite finds wrong with the file; "ok" where it is sound.
    pub(crate) fn integrity(&self) -> String {
        self.conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("an answer")
    }

    fn select(&self, which: &str, params: &[&dyn rusqlite::ToSql]) -> Vec<Delivery> {
        let mut statement = self.conn.prepare_cached(&format!("{DELIVERIES}{which}")).expect("a question");
        let rows = statement.query_map(params, Delivery::read).expect("an answer");
        rows.collect::<Result<_, _>>().expect("deliveries")
    }
}
