//! The log is written back beside the commits, begins anew, and keeps nothing that was erased.

use super::{super::engine, *};

fn log_bytes(rig: &Rig) -> u64 {
    std::fs::metadata(rig.dir.path().join("botyard.db-wal")).map_or(0, |log| log.len())
}

const MIB: u64 = 1024 * 1024;

async fn rig() -> Rig {
    Rig::with(|options| {
        options.limits.pending_per_bot = 100_000;
        options.faults.short_log = true;
    })
    .await
}

/// Accepts so many events, each of four pages and more, and never with a pause.
async fn load(rig: &Rig, bot: &BotId, events: std::ops::Range<usize>) {
    for n in events {
        let event = NewEvent { payload: vec![b'x'; 16_000], ..event(bot, &format!("m{n}"), "k") };
        rig.store.accept(event).await.unwrap();
    }
}

#[tokio::test]
async fn under_load_the_log_is_written_back_and_begins_anew() {
    here(async {
        let rig = rig().await;
        let bot = rig.bot("a").await;
        load(&rig, &bot, 0..2500).await;
        let (log, size) = (log_bytes(&rig), rig.store.size().await.unwrap());
        assert!(size.database > 30 * MIB && size.log == log, "what was written back is there: {size:?}");
        assert!(log < 20 * MIB, "{log} bytes of log for {} written", size.database);
    })
    .await;
}

#[tokio::test]
async fn somebody_who_reads_for_long_keeps_no_commit_waiting() {
    here(async {
        let rig = rig().await;
        let bot = rig.bot("a").await;
        rig.accept(&bot, "first", "k").await;
        let path = rig.dir.path().join("botyard.db");
        let mut reader = engine::connect(&path, engine::Role::Reader).await.unwrap();
        sqlx::query("BEGIN").execute(&mut reader).await.unwrap();
        let count = async |reader: &mut sqlx::SqliteConnection| -> i64 {
            sqlx::query_scalar("SELECT count(*) FROM inbox").fetch_one(reader).await.unwrap()
        };
        assert_eq!(count(&mut reader).await, 1);
        load(&rig, &bot, 0..600).await;
        assert_eq!(count(&mut reader).await, 1, "it still sees what it saw");
        let long = log_bytes(&rig);
        assert!(long > 9 * MIB, "longer than it should be, as it could not begin anew: {long}");
        sqlx::query("COMMIT").execute(&mut reader).await.unwrap();
        load(&rig, &bot, 600..3600).await;
        let bytes = log_bytes(&rig);
        assert!(bytes < long + 20 * MIB, "it began anew when the reader had gone: {bytes}");
    })
    .await;
}

#[tokio::test]
async fn what_was_erased_is_neither_in_the_file_nor_in_the_log() {
    const SECRET: &[u8] = b"the-word-that-was-said";
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let said = NewEvent { payload: SECRET.repeat(3), ..event(&lease.bot, "m1", "k") };
        let Accepted::New(seq) = rig.store.accept(said).await.unwrap() else { panic!("seen before") };
        rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
        rig.store.commit_turn(turn(&lease, seq)).await.unwrap();
        let in_files = || {
            let files = std::fs::read_dir(rig.dir.path()).unwrap().map(|file| std::fs::read(file.unwrap().path()));
            files.filter(|bytes| bytes.as_ref().unwrap().windows(SECRET.len()).any(|part| part == SECRET)).count()
        };
        assert!(in_files() > 0);
        let keep = super::house::before(rig.clock.now().plus(Duration::from_secs(1)));
        assert_eq!(rig.store.erase(keep).await.unwrap().rows, 1);
        // The log is cut off between two commits; a cut-off log is the condition that is waited for.
        rig.store.tidy().await.unwrap();
        while log_bytes(&rig) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(in_files(), 0);
    })
    .await;
}
