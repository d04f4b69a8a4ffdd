//! Opening: what is refused, and with which words.

use std::os::unix::fs::PermissionsExt as _;

use sqlx::Connection as _;

use super::*;
use crate::store::sqlite::{
    HOT_READS, HOT_WRITES, PASSES,
    engine::{self, Role},
};

async fn refusal(dir: &Path, change: impl FnOnce(&mut OpenOptions)) -> OpenError {
    let mut options = options(dir, &Arc::default());
    change(&mut options);
    SqliteStore::open(options).await.unwrap_err()
}

#[tokio::test]
async fn a_store_opens_again_after_an_unclean_stop() {
    let rig = here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        rig.accept(&lease.bot, "m1", "k").await;
        // The files as they are in the middle of work: log not written back, nothing closed.
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(rig.dir.path()).unwrap() {
            let file = file.unwrap();
            if file.file_name() != "botyard.db-shm" {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        assert!(std::fs::metadata(copy.path().join("botyard.db-wal")).unwrap().len() > 0);
        let store = SqliteStore::open(options(copy.path(), &rig.bell)).await.unwrap();
        let rig = Rig { dir: copy, store, ..rig };
        assert_eq!(rig.due(&lease).await.len(), 1);
        assert_eq!(rig.store.accept(event(&lease.bot, "m1", "k")).await.unwrap(), Accepted::Duplicate);
        assert_eq!(rig.accept(&lease.bot, "m2", "k").await, Seq(2));
        rig
    })
    .await;
    drop(rig);
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_data_dir_and_gets_it_when_the_first_is_gone() {
    here(async {
        let rig = Rig::new().await;
        let refused = refusal(rig.dir.path(), |_| {}).await;
        assert!(matches!(&refused, OpenError::Locked { .. }));
        let text = refused.to_string();
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        assert!(text.contains("BOTYARD_DATA_DIR"), "{text}");
        // The last handle goes, without `close`: the writer ends and lets go.
        let Rig { dir, store, .. } = rig;
        drop(store);
        let patient = OpenOptions { lock_wait: Duration::from_secs(30), ..options(dir.path(), &Arc::default()) };
        SqliteStore::open(patient).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_wrong_seal_key_is_refused_naming_its_setting() {
    here(async {
        let rig = Rig::new().await;
        rig.store.close().await.unwrap();
        let refused = refusal(rig.dir.path(), |options| options.seal = SealKey::from_bytes([8; 32])).await;
        assert!(matches!(&refused, OpenError::WrongKey { .. }));
        assert!(refused.to_string().contains("`seal.key_file` (BOTYARD_SEAL__KEY_FILE)"), "{refused}");
        assert!(refused.to_string().contains(&format!("the key `{}`", key().name())), "{refused}");
        let kept = rig.dir.path().join(format!("seal.key.old-{}", key().name()));
        std::fs::write(&kept, "").unwrap();
        let refused = refusal(rig.dir.path(), |options| options.seal = SealKey::from_bytes([8; 32])).await;
        assert!(refused.to_string().contains(&format!("kept in `{}`", kept.display())), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_left_alone() {
    here(async {
        let rig = Rig::new().await;
        rig.store.close().await.unwrap();
        let mut conn = engine::connect(&rig.dir.path().join(engine::FILE), Role::Writer).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'later', 1, x'00', 0)",
        )
        .execute(&mut conn)
        .await
        .unwrap();
        conn.close().await.unwrap();
        let refused = refusal(rig.dir.path(), |_| {}).await;
        assert!(matches!(&refused, OpenError::Newer { found: 99, .. }), "{refused}");
        let text = refused.to_string();
        assert!(text.contains("run that version") && text.contains("botyard restore FILE"), "{text}");
        let snapshot = rig.dir.path().join(format!("botyard.db.schema-{}", engine::NEWEST));
        std::fs::write(&snapshot, "").unwrap();
        let text = refusal(rig.dir.path(), |_| {}).await.to_string();
        assert!(text.contains(&format!("botyard restore --force {}", snapshot.display())), "{text}");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_database_is_called_so() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(engine::FILE), "not a database, but long enough to be looked at".repeat(100))
            .unwrap();
        let refused = refusal(dir.path(), |_| {}).await;
        assert!(matches!(&refused, OpenError::Corrupt { .. }), "{refused}");
        assert!(refused.to_string().contains("put back a backup"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_data_dir_that_cannot_be_made_is_refused_with_a_fix() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let refused = refusal(&dir.path().join("file/data"), |_| {}).await;
        assert!(matches!(&refused, OpenError::Unwritable(_)));
        assert!(refused.to_string().contains("name a folder"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    here(async {
        let rig = Rig::new().await;
        rig.bot("a").await;
        for file in std::fs::read_dir(rig.dir.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.path().display());
        }
    })
    .await;
}

#[tokio::test]
async fn the_writer_may_have_a_thread_of_its_own() {
    let rig = Rig::with(|options| options.writer = WriterHost::Thread).await;
    let bot = rig.bot("a").await;
    rig.accept(&bot, "m1", "k").await;
    rig.store.close().await.unwrap();
}

#[tokio::test]
async fn no_look_up_of_pending_work_walks_a_whole_table() {
    here(async {
        let rig = Rig::new().await;
        rig.bot("a").await;
        let mut conn = engine::connect(&rig.dir.path().join(engine::FILE), Role::Reader).await.unwrap();
        for text in HOT_READS.iter().chain(HOT_WRITES).chain(PASSES) {
            // Which of what waits is the oldest is not known without sorting: numbers alone, out of an index.
            let may_sort = HOT_READS.contains(text);
            let text = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(text).fetch_all(&mut conn).await.unwrap();
            for (_, _, _, line) in &plan {
                let tables = [
                    "inbox",
                    "outbox",
                    "seen",
                    "state",
                    "dialogues",
                    "bots",
                    "e",
                    "p",
                    "d",
                    "s",
                    "b",
                    "o",
                    "n",
                    "h",
                    "r",
                ];
                let words: Vec<_> = line.split(' ').take(2).collect();
                let walks = words[0] == "SCAN" && tables.contains(&words[1]);
                let sorts = line.contains("TEMP B-TREE") && !(may_sort && line == "USE TEMP B-TREE FOR ORDER BY");
                assert!(!walks && !sorts, "{plan:#?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_of_before_is_written_anew_once_and_can_then_become_smaller() {
    here(async {
        let rig = Rig::new().await;
        let bot = rig.bot("a").await;
        for n in 0..400 {
            let event = NewEvent { payload: vec![b'x'; 60_000], ..event(&bot, &format!("m{n}"), "k") };
            rig.store.accept(event).await.unwrap();
        }
        rig.store.close().await.unwrap();
        let path = rig.dir.path().join(engine::FILE);
        let mut conn = engine::connect(&path, Role::Writer).await.unwrap();
        sqlx::query("PRAGMA auto_vacuum = none").execute(&mut conn).await.unwrap();
        sqlx::query("VACUUM").execute(&mut conn).await.unwrap();
        sqlx::Connection::close(conn).await.unwrap();

        let rig = rig.reopened().await;
        let before = rig.store.size().await.unwrap();
        assert!(before.database > 20 * 1024 * 1024 && before.free < 1024 * 1024, "{before:?}");
        let mut conn = engine::connect(&path, Role::Writer).await.unwrap();
        sqlx::query("DELETE FROM inbox WHERE seq > 5").execute(&mut conn).await.unwrap();
        sqlx::Connection::close(conn).await.unwrap();
        let mut pages = 0;
        loop {
            let tidied = rig.store.tidy().await.unwrap();
            assert!(tidied.pages <= 256, "bounded");
            pages += tidied.pages;
            if !tidied.more {
                break;
            }
        }
        let after = rig.store.size().await.unwrap();
        // Pages of the map of pages go along.
        assert!(pages > 0 && after.database <= before.database - pages * 4096, "{pages} of {before:?}: {after:?}");
        assert!(after.free <= 5 * 1024 * 1024 && after.database < before.database / 2, "{after:?}");
        assert!(after.disk_free > 0 && after.events == 5, "{after:?}");
        assert_eq!(rig.store.tidy().await.unwrap().pages, 0, "what is left is for what comes next");
    })
    .await;
}
