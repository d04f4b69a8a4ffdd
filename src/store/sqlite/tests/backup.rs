//! Copies of the store, and what a start on one does.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use sqlx::Connection as _;

use super::*;
use crate::store::{
    ActKind, AuditQuery, BackupError, BackupOrder, BackupProgress, BackupTaken, By, DeliveryOutcome, DeliveryResult,
    NewTimer, ScheduleMove, ScheduleMoved, ScheduleRow, Whom,
    sqlite::{
        backup::{PutBack, RestoreError, RestoreOrder, restore},
        engine::{self, Role},
    },
};

fn order(file: PathBuf) -> BackupOrder {
    BackupOrder {
        file,
        force: false,
        instance: "main".into(),
        purpose: "serve".into(),
        by: By::admin(Some("alice")),
        progress: BackupProgress::default(),
    }
}

async fn backed_up(rig: &Rig, file: PathBuf) -> BackupTaken {
    rig.store.backup(order(file)).await.unwrap().unwrap()
}

fn restoring(data_dir: PathBuf, file: PathBuf) -> RestoreOrder {
    RestoreOrder {
        data_dir,
        file,
        seal: key(),
        clock: Clock::following_tokio(),
        by: By::command_line(Some("bob")),
        force: false,
        instance: "main".into(),
        purpose: Some("serve".into()),
    }
}

/// Opens what stands in a data dir now.
async fn opened(dir: TempDir, bell: &Arc<Bell>) -> Rig {
    let options = options(dir.path(), bell);
    let clock = options.clock.clone();
    let store = SqliteStore::open(options).await.unwrap();
    Rig { dir, store, bell: Arc::clone(bell), clock }
}

/// A store that was started on a copy put there by hand.
async fn started_on(file: &Path, bell: &Arc<Bell>) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(file, dir.path().join(engine::FILE)).unwrap();
    opened(dir, bell).await
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_backup_is_one_whole_file_for_its_owner_and_written_down() {
    here(async {
        let (rig, out) = (Rig::new().await, tempfile::tempdir().unwrap());
        let lease = rig.lease("echo").await;
        rig.promised(&lease, "m1", &["x"]).await;
        rig.accept(&lease.bot, "m2", "k").await;
        let file = out.path().join("b.db");
        let taken = backed_up(&rig, file.clone()).await;
        assert_eq!((taken.bots, taken.pending, taken.schema), (1, 2, engine::NEWEST));
        assert_eq!(names(out.path()), ["b.db"], "no log, no draft");
        let meta = fs::metadata(&file).unwrap();
        assert_eq!((meta.permissions().mode() & 0o777, meta.len()), (0o600, taken.bytes));
        let acts = rig.store.audit(AuditQuery { kind: Some(ActKind::Backup), limit: 9, ..AuditQuery::default() });
        let acts = acts.await.unwrap();
        assert_eq!((acts.len(), acts[0].subject.as_str()), (1, file.to_str().unwrap()));
        assert_eq!(rig.store.silence().await.unwrap().restored, None, "only the copy says that it is one");

        let again = rig.store.backup(order(file.clone())).await.unwrap().unwrap_err();
        assert!(matches!(&again, BackupError::Place(why) if why.contains("--force")), "{again}");
        rig.accept(&lease.bot, "m3", "k").await;
        let forced = BackupOrder { force: true, ..order(file) };
        assert_eq!(rig.store.backup(forced).await.unwrap().unwrap().pending, 3);
    })
    .await;
}

#[tokio::test]
async fn commits_go_on_while_a_backup_is_made_and_all_that_was_accepted_before_is_in_it() {
    let (rig, out) = (Rig::with(|options| options.writer = WriterHost::Thread).await, tempfile::tempdir().unwrap());
    let bot = rig.bot("echo").await;
    let payload = vec![7; 20_000];
    for number in 0..200 {
        let event = NewEvent { payload: payload.clone(), ..event(&bot, &format!("m{number}"), "k") };
        rig.store.accept(event).await.unwrap();
    }
    let order = order(out.path().join("b.db"));
    let progress = order.progress.clone();
    let copying = rig.store.backup(order);
    let accepting = async {
        let mut meanwhile = 0;
        while progress.look().0 == crate::store::BackupStage::Copying {
            rig.store.accept(event(&bot, &format!("n{meanwhile}"), "k")).await.unwrap();
            meanwhile += 1;
        }
        meanwhile
    };
    let (taken, meanwhile) = tokio::join!(copying, accepting);
    let taken = taken.unwrap().unwrap();
    assert!(meanwhile > 0, "something was committed while it was copied");
    assert!((200..=200 + meanwhile).contains(&taken.pending), "{taken:?} {meanwhile}");
    assert_eq!(rig.store.backlog().await.unwrap()[0].events, 200 + meanwhile);
    rig.store.close().await.unwrap();
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_behind() {
    here(async {
        let (rig, out) = (Rig::new().await, tempfile::tempdir().unwrap());
        let bot = rig.bot("echo").await;
        for number in 0..50 {
            let event = NewEvent { payload: vec![7; 9_000], ..event(&bot, &format!("m{number}"), "k") };
            rig.store.accept(event).await.unwrap();
        }
        let rig = rig.reopened().await;
        // Pages in the middle of the file are overwritten by somebody else: whatever they hold, it is some of the data.
        let path = rig.dir.path().join(engine::FILE);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 8 * 4096].fill(0xff);
        fs::write(&path, bytes).unwrap();
        let failed = rig.store.backup(order(out.path().join("b.db"))).await.unwrap().unwrap_err();
        assert!(failed.to_string().contains("damaged"), "{failed}");
        assert_eq!(names(out.path()), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_store_that_closes_breaks_a_copy_off() {
    here(async {
        let (rig, out) = (Rig::new().await, tempfile::tempdir().unwrap());
        rig.store.close().await.unwrap();
        let late = rig.store.backup(order(out.path().join("b.db"))).await.unwrap().unwrap_err();
        assert!(matches!(late, BackupError::Stopped), "{late}");
        assert_eq!(names(out.path()), [""; 0]);

        let path = rig.dir.path().join(engine::FILE);
        let mut conn = engine::connect(&path, Role::Writer).await.unwrap();
        let many = "INSERT INTO seen (bot, key, until)
                    SELECT 'echo', value, 1 FROM (WITH RECURSIVE n(value) AS
                        (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 20000) SELECT value FROM n)";
        sqlx::query(many).execute(&mut conn).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut copier = engine::connect_copier(&path, Arc::clone(&stop)).await.unwrap();
        stop.store(true, Ordering::Relaxed);
        let copied = engine::copy_into(&mut copier, &out.path().join("half.db")).await;
        assert!(copied.unwrap_err().to_string().contains("interrupted"));
    })
    .await;
}

/// Echo's outbox at the time of a backup: `sent` is over, `sending` is on its way, `waiting` waits, `later` waits for
/// a moment to come; and an event waits.
async fn busy() -> (Rig, Lease) {
    let rig = Rig::new().await;
    let lease = rig.lease("echo").await;
    let seqs = rig.promised(&lease, "m1", &["sent", "sending", "waiting"]).await;
    rig.store.mark(lease.clone(), seqs[..2].to_vec()).await.unwrap();
    let sent = DeliveryResult {
        seq: seqs[0],
        epoch: lease.epoch,
        attempt: 1,
        outcome: DeliveryOutcome::Sent { remote_id: None },
        doubtful: false,
        tracking_id: None,
        sent: Vec::new(),
        failure: None,
        then: Vec::new(),
    };
    assert!(rig.store.record(sent).await.unwrap());
    let seq = rig.claimed(&lease, "m2").await;
    let later = NewDelivery { due_at: rig.clock.now().plus(Duration::from_hours(9)), ..delivery("later") };
    let timers = [("past", Millis(1)), ("future", Millis(i64::MAX))].map(|(name, due_at)| NewTimer {
        name: name.into(),
        due_at,
        order_key: "k".into(),
        payload: b"wake".to_vec(),
    });
    let commit = TurnCommit { deliveries: vec![later], timers: timers.into(), ..turn(&lease, seq) };
    assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
    rig.accept(&lease.bot, "waits", "k").await;
    let to = ScheduleRow { bot: lease.bot.clone(), name: "s".into(), plan: "p".into(), through: Millis(1) };
    let begins = ScheduleMove { to, from: None, runs: Vec::new() };
    assert_eq!(rig.store.move_schedule(begins).await.unwrap(), ScheduleMoved::Done);
    (rig, lease)
}

#[tokio::test]
async fn a_start_on_a_backup_is_held_and_what_waited_is_doubtful() {
    here(async {
        let ((rig, old), out) = (busy().await, tempfile::tempdir().unwrap());
        let taken = backed_up(&rig, out.path().join("b.db")).await;
        let rig = started_on(&taken.file, &rig.bell).await;
        let restored = rig.store.silence().await.unwrap().restored.unwrap();
        assert_eq!((restored.taken_at, restored.instance.as_str()), (taken.taken_at, "main"));
        assert_eq!((restored.purpose.as_str(), restored.doubtful), ("serve", 2));
        // It stays held over restarts, and is recognised once.
        let rig = rig.reopened().await;
        assert_eq!(rig.store.silence().await.unwrap().restored, Some(restored));
        let acts = rig.store.audit(AuditQuery { kind: Some(ActKind::Restore), limit: 9, ..AuditQuery::default() });
        let acts = acts.await.unwrap();
        assert_eq!((acts.len(), acts[0].who.as_str(), acts[0].rows), (1, "house:start", 2));

        // Meanwhile events are stored.
        rig.accept(&old.bot, "new", "n").await;
        let stood = rig.store.schedules(None).await.unwrap();
        assert_eq!(stood[0].through, Millis(1), "as the backup has it");
        let lifted = rig.store.resume(Whom::All, By::admin(None)).await.unwrap();
        assert_eq!(
            (lifted.restored.is_some(), lifted.timers),
            (true, 1),
            "the timer that came due is not caught up with"
        );
        let stands = rig.store.schedules(None).await.unwrap();
        assert!(stands[0].through >= Millis(1_767_225_600_000), "nor are runs of its schedules");
        let lease = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        assert!(lease.epoch > old.epoch);
        let due = rig.due_deliveries(&lease).await;
        let doubts: Vec<_> = due.iter().map(|row| (row.order_key.as_str(), row.doubtful)).collect();
        assert_eq!(doubts, [("sending", true), ("waiting", true)]);
        // Either way to deal with it is open: marked and sent, or marked and skipped.
        let seqs: Vec<_> = due.iter().map(|row| row.seq).collect();
        let marked = rig.store.mark(lease.clone(), seqs).await.unwrap();
        for (mark, outcome) in marked.iter().zip([DeliveryOutcome::Sent { remote_id: None }, DeliveryOutcome::Skipped])
        {
            let (seq, attempt) = (mark.seq, mark.attempt);
            let result = DeliveryResult {
                seq,
                epoch: lease.epoch,
                attempt,
                outcome,
                doubtful: false,
                tracking_id: None,
                sent: Vec::new(),
                failure: None,
                then: Vec::new(),
            };
            assert!(rig.store.record(result).await.unwrap());
        }
        assert_eq!(rig.due_deliveries(&lease).await.len(), 0, "what is due later could not have been sent");
    })
    .await;
}

#[tokio::test]
async fn what_a_restored_event_promises_is_doubtful_and_what_a_new_one_does_is_not() {
    here(async {
        let ((rig, old), out) = (busy().await, tempfile::tempdir().unwrap());
        let taken = backed_up(&rig, out.path().join("b.db")).await;
        let rig = started_on(&taken.file, &rig.bell).await.reopened().await;
        let new = rig.accept(&old.bot, "new", "n").await;
        rig.store.resume(Whom::All, By::admin(None)).await.unwrap();
        let lease = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        let restored = rig.due(&lease).await[0].seq;
        assert!(restored < new);
        let mut told = Vec::new();
        for (seq, to) in [(restored, "again"), (new, "first")] {
            assert_eq!(rig.store.claim(lease.clone(), vec![seq]).await.unwrap().len(), 1);
            rig.bell.take();
            let commit = TurnCommit { deliveries: vec![delivery(to)], ..turn(&lease, seq) };
            assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
            let handed = rig.bell.take().remove(0).deliveries.remove(0);
            told.push((handed.order_key, handed.doubtful));
        }
        let expected = [("again".to_owned(), true), ("first".to_owned(), false)];
        assert_eq!(told, expected, "handed along");
        let due: Vec<_> =
            rig.due_deliveries(&lease).await.into_iter().map(|row| (row.order_key, row.doubtful)).collect();
        assert_eq!(due[2..], expected, "read from the store");
        let all = rig.due_deliveries(&lease).await.iter().map(|row| row.seq).collect();
        assert_eq!(rig.store.mark(lease, all).await.unwrap().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_restore_puts_the_file_in_place_and_keeps_what_stood_there() {
    here(async {
        let ((rig, lease), out) = (busy().await, tempfile::tempdir().unwrap());
        let taken = backed_up(&rig, out.path().join("b.db")).await;
        rig.accept(&lease.bot, "after", "k").await;
        let Rig { dir, store, bell, .. } = rig;
        let in_use = restore(restoring(dir.path().to_owned(), taken.file.clone())).await.unwrap_err();
        assert!(matches!(&in_use, RestoreError::InUse { .. }), "{in_use}");
        drop(store);
        // As after a kill: the log was not written back.
        let patient = OpenOptions { lock_wait: Duration::from_secs(30), ..options(dir.path(), &bell) };
        SqliteStore::open(patient).await.unwrap().close().await.unwrap();
        fs::write(dir.path().join("botyard.db-wal"), "a log that must not be played into the backup").unwrap();

        let PutBack { replaced, taken_at, bots, .. } =
            restore(restoring(dir.path().to_owned(), taken.file.clone())).await.unwrap();
        assert_eq!((taken_at, bots), (taken.taken_at, 1));
        assert_eq!(names(&replaced.unwrap()), ["botyard.db", "botyard.db-wal"]);
        assert_eq!(names(out.path()), ["b.db"], "the backup itself is not touched");
        let rig = opened(dir, &bell).await;
        assert!(rig.store.silence().await.unwrap().restored.is_some());
        assert_eq!(rig.store.backlog().await.unwrap()[0].events, 1, "what came after the backup is not there");
        let acts = rig.store.audit(AuditQuery { kind: Some(ActKind::Restore), limit: 9, ..AuditQuery::default() });
        assert_eq!(acts.await.unwrap()[0].who.as_str(), "cli:bob");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_put_back_is_said_before_anything_is_touched() {
    here(async {
        let ((rig, _), out) = (busy().await, tempfile::tempdir().unwrap());
        let taken = backed_up(&rig, out.path().join("b.db")).await;
        let live = rig.dir.path().join(engine::FILE);
        rig.store.close().await.unwrap();
        let whole = fs::read(&taken.file).unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = out.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let half = file("half.db", &whole[..whole.len() / 2]);
        let text = file("text.db", b"not a database, but long enough to be looked at");
        let logged = file("logged.db", &whole);
        file("logged.db-wal", b"log");
        let newer = file("newer.db", &whole);
        let mut conn = engine::connect_copy(&newer).await.unwrap();
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'later', 1, x'00', 0)",
        )
        .execute(&mut conn)
        .await
        .unwrap();
        conn.close().await.unwrap();
        let foreign = file("foreign.db", b"");
        let mut conn = engine::connect_copy(&foreign).await.unwrap();
        sqlx::query("CREATE TABLE t (a)").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();

        let fresh = tempfile::tempdir().unwrap();
        let data = fresh.path().join("data");
        for (file, said) in [
            (&half, "damaged"),
            (&text, "no database"),
            (&logged, "a log beside it"),
            (&newer, "newer version of this program wrote it (schema 99"),
            (&foreign, "no store of Botyard"),
            (&live, "does not say that it is a backup"),
            (&out.path().join("none.db"), "No such file"),
        ] {
            let refused = restore(restoring(data.clone(), file.clone())).await.unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
        let other_key =
            RestoreOrder { seal: SealKey::from_bytes([8; 32]), ..restoring(data.clone(), taken.file.clone()) };
        let refused = restore(other_key).await.unwrap_err().to_string();
        assert!(refused.contains("another key") && refused.contains("BOTYARD_SEAL__KEY_FILE"), "{refused}");
        let for_dev = RestoreOrder { purpose: Some("simulator".into()), ..restoring(data.clone(), taken.file.clone()) };
        assert!(restore(for_dev).await.unwrap_err().to_string().contains("taken of a `serve`"));
        assert_eq!(names(&data), ["lock"], "nothing but the lock was made");

        let forced = RestoreOrder { force: true, ..restoring(data.clone(), live) };
        restore(forced).await.unwrap();
        assert_eq!(names(&data), ["botyard.db", "lock"]);
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_was_broken_off_keeps_the_house_from_starting_and_can_be_done_again() {
    here(async {
        let ((rig, _), out) = (busy().await, tempfile::tempdir().unwrap());
        let taken = backed_up(&rig, out.path().join("b.db")).await;
        rig.store.close().await.unwrap();
        // Killed when the old database was away and the new one not there.
        fs::write(rig.dir.path().join("restore.unfinished"), "").unwrap();
        fs::remove_file(rig.dir.path().join(engine::FILE)).unwrap();
        let refused = SqliteStore::open(options(rig.dir.path(), &rig.bell)).await.unwrap_err();
        assert!(matches!(&refused, OpenError::Unfinished { .. }), "{refused}");
        assert!(!rig.dir.path().join(engine::FILE).exists(), "no empty store is made");
        restore(restoring(rig.dir.path().to_owned(), taken.file)).await.unwrap();
        let Rig { dir, bell, .. } = rig;
        assert!(opened(dir, &bell).await.store.silence().await.unwrap().restored.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_backup_of_an_older_schema_is_brought_up_to_date_by_its_start() {
    here(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(engine::FILE);
        fs::write(&path, "").unwrap();
        let mut conn = engine::connect(&path, Role::Writer).await.unwrap();
        engine::migrate(&mut conn, &crate::base::Breaking::default()).await.unwrap();
        // As a program wrote it that knew no pauses.
        for text in [
            "ALTER TABLE bots DROP COLUMN paused_at",
            "ALTER TABLE bots DROP COLUMN paused_by",
            "DELETE FROM _sqlx_migrations WHERE version = 4",
        ] {
            sqlx::query(text).execute(&mut conn).await.unwrap();
        }
        let mark = r#"{"taken_at":5,"instance":"main","purpose":"serve","version":"0.0.9"}"#;
        sqlx::query("INSERT INTO meta (key, value) VALUES ('backup', $1)")
            .bind(mark.as_bytes())
            .execute(&mut conn)
            .await
            .unwrap();
        conn.close().await.unwrap();
        let rig = opened(dir, &Arc::default()).await;
        assert_eq!(rig.store.silence().await.unwrap().restored.unwrap().taken_at, Millis(5));
    })
    .await;
}
