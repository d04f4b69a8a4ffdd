//! A store of an older program: the snapshot before its migration, and a migration that is interrupted.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use sqlx::{Connection as _, SqliteConnection};

use super::*;
use crate::store::sqlite::engine::{self, Role};

/// A data dir as the first program left it, with a bot in it.
async fn old() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = raw(dir.path()).await;
    engine::migrate_to(&mut conn, 1).await;
    sqlx::query("INSERT INTO bots (bot, definition, kinds, created_at) VALUES ('veteran', 'veteran', 5, 0)")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    dir
}

async fn raw(dir: &Path) -> SqliteConnection {
    let path = dir.join(engine::FILE);
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path).unwrap();
    engine::connect(&path, Role::Writer).await.unwrap()
}

async fn open(dir: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(options(dir, &Arc::default())).await
}

fn snapshot(dir: &Path) -> PathBuf {
    dir.join("botyard.db.schema-1")
}

/// How many bots a file holds, and of which schema it is.
async fn holds(file: &Path) -> (i64, i64) {
    let mut conn = engine::connect_frozen(file).await.unwrap();
    let bots = sqlx::query_scalar("SELECT count(*) FROM bots").fetch_one(&mut conn).await.unwrap();
    (bots, engine::schema(&mut conn).await.unwrap().unwrap())
}

#[tokio::test]
async fn before_a_migration_a_snapshot_is_made_that_is_what_the_older_program_left() {
    here(async {
        let dir = old().await;
        let store = open(dir.path()).await.unwrap();
        store.put_bot(new_bot("newcomer")).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(holds(&snapshot(dir.path())).await, (1, 1));
        assert_eq!(holds(&dir.path().join(engine::FILE)).await, (2, engine::NEWEST));
        let mode = fs::metadata(snapshot(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let made = fs::metadata(snapshot(dir.path())).unwrap().modified().unwrap();
        open(dir.path()).await.unwrap().close().await.unwrap();
        assert_eq!(fs::metadata(snapshot(dir.path())).unwrap().modified().unwrap(), made, "the next start makes none");
    })
    .await;
}

#[tokio::test]
async fn a_new_store_needs_no_snapshot() {
    here(async {
        let rig = Rig::new().await;
        rig.store.close().await.unwrap();
        let names: Vec<_> = fs::read_dir(rig.dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().contains("schema")), "{names:?}");
    })
    .await;
}

#[tokio::test]
async fn the_snapshot_put_back_opens_and_is_brought_up_to_date_again() {
    here(async {
        let dir = old().await;
        open(dir.path()).await.unwrap().close().await.unwrap();
        fs::copy(snapshot(dir.path()), dir.path().join(engine::FILE)).unwrap();
        let store = open(dir.path()).await.unwrap();
        assert_eq!(store.backlog().await.unwrap().len(), 1);
        store.close().await.unwrap();
        assert_eq!(holds(&snapshot(dir.path())).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_is_killed_leaves_the_old_schema_and_the_next_start_goes_on() {
    here(async {
        let dir = old().await;
        let killed = tempfile::tempdir().unwrap();
        {
            let mut conn = raw(dir.path()).await;
            let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.unwrap();
            engine::migrate_to(&mut tx, engine::NEWEST).await;
            // More than the cache holds, so that pages of it reach the log before its end.
            sqlx::query("CREATE TABLE half (x BLOB)").execute(&mut *tx).await.unwrap();
            sqlx::query(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                 INSERT INTO half SELECT randomblob(4000) FROM n",
            )
            .execute(&mut *tx)
            .await
            .unwrap();
            for file in ["botyard.db", "botyard.db-wal"] {
                fs::copy(dir.path().join(file), killed.path().join(file)).unwrap();
            }
        }
        assert!(fs::metadata(killed.path().join("botyard.db-wal")).unwrap().len() > 1_000_000, "it was on its way");
        let store = open(killed.path()).await.unwrap();
        assert_eq!(store.backlog().await.unwrap().len(), 1);
        store.close().await.unwrap();
        assert_eq!(holds(&snapshot(killed.path())).await, (1, 1));
        assert_eq!(holds(&killed.path().join(engine::FILE)).await, (1, engine::NEWEST));
    })
    .await;
}

#[tokio::test]
async fn a_step_that_fails_undoes_the_steps_before_it() {
    here(async {
        let dir = old().await;
        let mut conn = raw(dir.path()).await;
        // In the way of the last step.
        sqlx::query("CREATE TABLE audit (x)").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let refused = open(dir.path()).await.unwrap_err().to_string();
        assert!(refused.contains("audit"), "{refused}");
        assert_eq!(holds(&dir.path().join(engine::FILE)).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_is_written_down_as_half_done_is_refused_with_the_way_back() {
    here(async {
        let dir = old().await;
        open(dir.path()).await.unwrap().close().await.unwrap();
        let good = fs::read(snapshot(dir.path())).unwrap();
        fs::write(dir.path().join(engine::FILE), &good).unwrap();
        let mut conn = raw(dir.path()).await;
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (2, 'audit', 0, x'00', 0)",
        )
        .execute(&mut conn)
        .await
        .unwrap();
        conn.close().await.unwrap();
        let refused = open(dir.path()).await.unwrap_err();
        assert!(matches!(refused, OpenError::Schema { .. }), "{refused}");
        let text = refused.to_string();
        let way = format!("botyard restore --force {}", snapshot(dir.path()).display());
        assert!(text.contains("migration 2 is half done") && text.contains(&way), "{text}");
        assert_eq!(fs::read(snapshot(dir.path())).unwrap(), good, "the way back is left as it is");
        let mut conn = raw(dir.path()).await;
        sqlx::query("UPDATE _sqlx_migrations SET success = 1, checksum = x'00'").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let text = open(dir.path()).await.unwrap_err().to_string();
        assert!(text.contains("has been modified") && text.contains("botyard restore"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn with_a_wrong_key_nothing_is_migrated() {
    here(async {
        let dir = old().await;
        let mut conn = raw(dir.path()).await;
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES ('seal.check', CAST(x'01aaaaaaaaaaaaaaaa' || zeroblob(40) AS BLOB))",
        )
        .execute(&mut conn)
        .await
        .unwrap();
        conn.close().await.unwrap();
        let refused = open(dir.path()).await.unwrap_err();
        assert!(matches!(&refused, OpenError::WrongKey { wanted, .. } if wanted == "aaaaaaaaaaaaaaaa"), "{refused}");
        assert!(!snapshot(dir.path()).exists());
        assert_eq!(holds(&dir.path().join(engine::FILE)).await.1, 1);
    })
    .await;
}
