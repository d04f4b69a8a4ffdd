//! Damaged files: what a start sees of them, and what happens when damage shows in the middle of work.

use std::{
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    sync::Mutex,
};

use sqlx::Connection as _;

use super::*;
use crate::store::{
    StoreError,
    sqlite::engine::{self, Role},
};

/// Overwrites a piece of a file.
fn scribble(path: &Path, at: u64, length: usize) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&vec![0xa5; length]).unwrap();
}

/// A closed store with a few hundred events.
async fn filled() -> TempDir {
    let rig = Rig::new().await;
    let bot = rig.bot("a").await;
    for n in 0..300 {
        rig.accept(&bot, &format!("m{n}"), "k").await;
    }
    rig.store.close().await.unwrap();
    rig.dir
}

async fn refusal(dir: &Path) -> OpenError {
    SqliteStore::open(options(dir, &Arc::default())).await.unwrap_err()
}

async fn refused_as_damaged(dir: &Path) -> String {
    let refused = refusal(dir).await;
    assert!(matches!(refused, OpenError::Corrupt { .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("botyard restore FILE") && text.contains("keep the damaged files"), "{text}");
    text
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_the_way_to_restore() {
    here(async {
        for (at, length) in [(0, 100), (3 * 4096, 4096), (20 * 4096, 2 * 4096)] {
            let dir = filled().await;
            scribble(&dir.path().join(engine::FILE), at, length);
            refused_as_damaged(dir.path()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    here(async {
        let dir = filled().await;
        let path = dir.path().join(engine::FILE);
        let whole = fs::metadata(&path).unwrap().len();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(whole - 4096).unwrap();
        refused_as_damaged(dir.path()).await;
    })
    .await;
}

/// The files of a store as a kill leaves them, with a log of several commits.
async fn killed() -> TempDir {
    let rig = Rig::new().await;
    let bot = rig.bot("a").await;
    for n in 0..50 {
        rig.accept(&bot, &format!("m{n}"), "k").await;
    }
    let copy = tempfile::tempdir().unwrap();
    for file in ["botyard.db", "botyard.db-wal"] {
        fs::copy(rig.dir.path().join(file), copy.path().join(file)).unwrap();
    }
    copy
}

#[tokio::test]
async fn a_damaged_log_is_refused_and_left_as_it_is_instead_of_losing_what_it_holds() {
    here(async {
        for (at, length, what) in [(0, 4096, "its header"), (40_000, 4096, "is damaged, and commits follow")] {
            let dir = killed().await;
            let log = dir.path().join("botyard.db-wal");
            scribble(&log, at, length);
            let before = fs::read(&log).unwrap();
            let text = refused_as_damaged(dir.path()).await;
            assert!(text.contains("botyard.db-wal") && text.contains(what), "{text}");
            assert_eq!(fs::read(&log).unwrap(), before);
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_that_a_power_cut_tore_at_its_end_is_no_damage() {
    here(async {
        let dir = killed().await;
        let log = dir.path().join("botyard.db-wal");
        let length = fs::metadata(&log).unwrap().len();
        scribble(&log, length - 100, 100);
        let rig =
            Rig { store: SqliteStore::open(options(dir.path(), &Arc::default())).await.unwrap(), ..Rig::new().await };
        assert_eq!(rig.store.backlog().await.unwrap()[0].events, 49, "only what was never acknowledged is gone");
    })
    .await;
}

/// A store whose file is overwritten behind its back, and what it says of it. It is larger than what the writer
/// knows by heart.
async fn overwritten() -> (Rig, Lease, Arc<Mutex<Vec<String>>>) {
    let rig = Rig::new().await;
    let lease = rig.lease("a").await;
    for n in 0..200 {
        let large = NewEvent { payload: vec![7; 50_000], ..event(&lease.bot, &format!("m{n}"), "k") };
        rig.store.accept(large).await.unwrap();
    }
    rig.store.close().await.unwrap();
    let dir = rig.dir;
    let told = Arc::<Mutex<Vec<String>>>::default();
    let (bell, heard) = (Arc::default(), Arc::clone(&told));
    let mut options = options(dir.path(), &bell);
    options.on_fatal = Arc::new(move |why| heard.lock().unwrap().push(why.to_owned()));
    let clock = options.clock.clone();
    let store = SqliteStore::open(options).await.unwrap();
    let path = dir.path().join(engine::FILE);
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    // All but the first page, which says what the file is.
    scribble(&path, 4096, length - 4096);
    (Rig { dir, store, bell, clock }, lease, told)
}

#[tokio::test]
async fn damage_that_shows_while_writing_ends_the_process_and_the_next_start_looks_closer() {
    here(async {
        let (rig, lease, told) = overwritten().await;
        let claimed = rig.store.claim(lease.clone(), (1..=20).map(Seq).collect()).await;
        assert!(matches!(claimed, Err(StoreError::Corrupt(_))), "{claimed:?}");
        let next = rig.store.accept(event(&lease.bot, "new", "k")).await;
        assert!(matches!(next, Err(StoreError::Closed)), "nothing is accepted any more: {next:?}");
        assert!(told.lock().unwrap()[0].contains("is damaged"), "{told:?}");
        assert!(rig.dir.path().join("damaged").exists());
        refused_as_damaged(rig.dir.path()).await;
    })
    .await;
}

#[tokio::test]
async fn damage_that_shows_while_reading_ends_the_process() {
    here(async {
        let (rig, _, told) = overwritten().await;
        assert!(matches!(rig.store.backlog().await, Err(StoreError::Corrupt(_))));
        assert!(told.lock().unwrap()[0].contains("is damaged"), "{told:?}");
        assert!(rig.dir.path().join("damaged").exists());
    })
    .await;
}

#[tokio::test]
async fn a_note_of_damage_goes_when_a_close_look_finds_none() {
    here(async {
        let dir = filled().await;
        let note = dir.path().join("damaged");
        fs::write(&note, "database disk image is malformed\n").unwrap();
        SqliteStore::open(options(dir.path(), &Arc::default())).await.unwrap().close().await.unwrap();
        assert!(!note.exists());
    })
    .await;
}

#[tokio::test]
async fn after_a_note_of_damage_an_index_that_says_something_else_than_its_table_is_found() {
    here(async {
        let dir = filled().await;
        let path = dir.path().join(engine::FILE);
        // The index is hidden while a row is written, and then put back.
        for steps in [
            &[
                "PRAGMA writable_schema = on",
                "CREATE TABLE hidden AS SELECT * FROM sqlite_schema WHERE name = 'seen_until'",
                "DELETE FROM sqlite_schema WHERE name = 'seen_until'",
            ][..],
            &[
                "UPDATE seen SET until = 7",
                "PRAGMA writable_schema = on",
                "INSERT INTO sqlite_schema SELECT * FROM hidden",
            ],
            &["DROP TABLE hidden"],
        ] {
            let mut conn = engine::connect(&path, Role::Writer).await.unwrap();
            for step in steps {
                sqlx::query(*step).execute(&mut conn).await.unwrap();
            }
            conn.close().await.unwrap();
        }
        SqliteStore::open(options(dir.path(), &Arc::default())).await.unwrap().close().await.unwrap();
        fs::write(dir.path().join("damaged"), "").unwrap();
        let text = refused_as_damaged(dir.path()).await;
        assert!(text.contains("seen_until"), "{text}");
    })
    .await;
}
