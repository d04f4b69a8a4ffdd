//! The real program on the database of an older one, and of a newer one.

use std::{fs, os::unix::process::ExitStatusExt as _, path::Path};

use botyard::base::breaking::VARIABLE;
use rustix::process::Signal;
use sqlx::{
    ConnectOptions as _, Connection as _, SqlStr, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use crate::support::program::Ground;

async fn open(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap()
}

/// The newest migration that a database knows.
async fn schema(path: &Path) -> i64 {
    let mut conn = open(path).await;
    let newest = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    newest
}

/// A data dir as the very first program left it.
async fn old() -> Ground {
    let ground = Ground::new();
    fs::create_dir(ground.path("data")).unwrap();
    ground.write("data/seal.key", &"ab".repeat(32));
    ground.mode("data/seal.key", 0o600);
    let mut conn = open(&ground.path("data/botyard.db")).await;
    let text = SqlStr::from_static(include_str!("../../migrations/0001_init.sql"));
    let first = Migration::new(1, "init".into(), MigrationType::Simple, text, false);
    Migrator::with_migrations(vec![first]).run(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    ground
}

#[actix::test]
async fn an_older_database_is_brought_up_to_date_after_a_snapshot_that_is_named() {
    let ground = old().await;
    let service = ground.serve(&[]);
    let said = service.logged("the snapshot is the way back").await;
    assert!(said.contains("snapshot=data/botyard.db.schema-1"), "{said}");
    service.serves().await;
    service.stop().await;
    assert!(ground.path("data/botyard.db.schema-1").exists());
    let again = ground.serve(&[]);
    again.serves().await;
    let log = again.stop().await;
    assert!(log.iter().all(|line| !line.contains("snapshot")), "{log:#?}");
}

#[actix::test]
async fn a_stop_between_two_steps_leaves_the_old_schema_and_the_next_start_does_all_of_them() {
    let ground = old().await;
    let service = ground.serve(&[(VARIABLE, "migrating:4=abort")]);
    let (status, log) = service.ended().await;
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{log:#?}");
    assert_eq!(schema(&ground.path("data/botyard.db")).await, 1);
    assert_eq!(schema(&ground.path("data/botyard.db.schema-1")).await, 1);
    let service = ground.serve(&[]);
    service.serves().await;
    service.stop().await;
    assert_eq!(schema(&ground.path("data/botyard.db.schema-1")).await, 1, "the way back is the old one still");
    assert!(schema(&ground.path("data/botyard.db")).await > 4);
}

#[actix::test]
async fn a_database_of_a_newer_program_is_refused_with_both_ways_on() {
    let ground = old().await;
    let path = ground.path("data/botyard.db");
    let mut conn = open(&path).await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'later', 1, x'00', 0)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    conn.close().await.unwrap();
    let before = fs::read(&path).unwrap();
    let (status, log) = ground.serve(&[]).ended().await;
    assert_eq!(status.code(), Some(78), "{log:#?}");
    let last = log.last().unwrap();
    for words in ["newer version", "schema 999", "run that version", "botyard restore FILE"] {
        assert!(last.contains(words), "`{words}` is missing in: {last}");
    }
    assert_eq!(fs::read(&path).unwrap(), before, "it is left alone");
}
