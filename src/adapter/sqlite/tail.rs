//! What has ended, in the order in which it did.

use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, ToSql, named_params};

use super::export::{self, ledger_rows};
use super::fault::Fault;
use super::rows::micros;
use super::sql::Sql;
use crate::port::export::LedgerRow;
use crate::port::tail::TailQuery;

static SINCE: Sql = ledger_rows!(
    "deliveries d INDEXED BY deliveries_by_end",
    "d.ended_at >= :since AND (d.ended_at > :since OR d.id > :after) ORDER BY d.ended_at, d.id LIMIT :limit"
);

static FAILED_SINCE: Sql = ledger_rows!(
    "deliveries d INDEXED BY deliveries_in_trouble",
    "{in trouble d.} AND d.ended_at >= :since AND (d.ended_at > :since OR d.id > :after)
     ORDER BY d.ended_at, d.id LIMIT :limit"
);

static NEWEST: Sql = ledger_rows!(
    "deliveries d INDEXED BY deliveries_by_end",
    "d.ended_at >= :since ORDER BY d.ended_at DESC, d.id DESC LIMIT :limit"
);

static NEWEST_FAILED: Sql = ledger_rows!(
    "deliveries d INDEXED BY deliveries_in_trouble",
    "{in trouble d.} AND d.ended_at >= :since ORDER BY d.ended_at DESC, d.id DESC LIMIT :limit"
);

/// What has ended since the mark of the query, `limit` at most.
pub(super) fn since(
    conn: &Connection,
    query: &TailQuery,
    since: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<LedgerRow>, Fault> {
    let statement = conn.prepare_cached(if query.failures { &FAILED_SINCE } else { &SINCE }.get())?;
    read(
        statement,
        named_params! {
            ":schedule": query.schedule, ":since": micros(since), ":after": query.after, ":limit": count(limit),
        },
    )
}

/// What ended last, `limit` at most and not before `since`, in the order in which it ended.
pub(super) fn newest(
    conn: &Connection,
    query: &TailQuery,
    since: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<LedgerRow>, Fault> {
    let statement = conn.prepare_cached(if query.failures { &NEWEST_FAILED } else { &NEWEST }.get())?;
    let mut rows = read(
        statement,
        named_params! {
            ":schedule": query.schedule, ":since": micros(since), ":limit": count(limit),
        },
    )?;
    rows.reverse();
    Ok(rows)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn read(mut statement: CachedStatement<'_>, parameters: &[(&str, &dyn ToSql)]) -> Result<Vec<LedgerRow>, Fault> {
    let mut rows = statement.query(parameters)?;
    let mut ended = Vec::new();
    while let Some(row) = rows.next()? {
        ended.push(export::delivery(row)?);
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::super::sql::{assert_scans_nothing, steps};
    use super::*;

    /// Neither a scan, nor a sort of all that it found before the first row comes out.
    #[test]
    fn following_costs_what_has_ended() {
        for statement in [&SINCE, &FAILED_SINCE, &NEWEST, &NEWEST_FAILED] {
            assert_scans_nothing(statement.get());
            let sorts = steps(statement.get()).into_iter().any(|step| step.contains("USE TEMP B-TREE"));
            assert!(!sorts, "{}", statement.get());
        }
    }
}
