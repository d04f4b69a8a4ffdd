//! How much room the store takes. Cheap: counters of the engine, edges of two tables, and what the disk says.

use std::path::Path;

use sqlx::SqliteConnection;

use crate::store::{StoreError, StoreSize, sqlite::engine};

pub(in super::super) async fn size(conn: &mut SqliteConnection, path: &Path) -> Result<StoreSize, StoreError> {
    let (pages, page_size) = (engine::pages(conn).await?, engine::page_size(conn).await?);
    // Counting rows would walk the tables; numbers are given without gaps, and rows go from the oldest on.
    let (events, deliveries): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT max(seq) FROM inbox) - (SELECT min(seq) FROM inbox) + 1,
                (SELECT max(seq) FROM outbox) - (SELECT min(seq) FROM outbox) + 1",
    )
    .fetch_one(conn)
    .await?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let log = std::fs::metadata(engine::log_of(path)).map_or(0, |log| log.len());
    let disk = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::Engine(format!("the disk does not say how full it is: {error}")))?;
    Ok(StoreSize {
        database: count(pages.all * page_size),
        log,
        free: count(pages.free * page_size),
        disk_free: disk.f_bavail.saturating_mul(disk.f_frsize),
        events: count(events.unwrap_or_default()),
        deliveries: count(deliveries.unwrap_or_default()),
    })
}
