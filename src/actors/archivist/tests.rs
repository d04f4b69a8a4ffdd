//! The archivist with a store in memory, under Tokio's paused clock.

use actix::Addr;
use tokio::time::{advance, pause};

use super::*;
use crate::actors::testing::{store::FakeStore, until};

struct House {
    dir: tempfile::TempDir,
    store: FakeStore,
    metrics: Arc<Metrics>,
    archivist: Addr<Archivist>,
}

fn house(schedule: impl FnOnce(&Path) -> Option<Schedule>) -> House {
    pause();
    let (dir, store, metrics) = (tempfile::tempdir().unwrap(), FakeStore::default(), Arc::new(Metrics::new()));
    let deps = ArchivistDeps {
        store: Arc::new(store.clone()),
        clock: Clock::following_tokio(),
        metrics: Arc::clone(&metrics),
        instance: InstanceName::parse("main").unwrap(),
        purpose: "serve",
        schedule: schedule(dir.path()),
    };
    let archivist = Archivist::new(deps, ExitGuard::unwatched()).start();
    House { dir, store, metrics, archivist }
}

fn hourly(dir: &Path) -> Schedule {
    Schedule { every: Duration::from_hours(1), keep: 2, dir: dir.join("backups") }
}

impl House {
    fn made(&self) -> Vec<String> {
        let mut names = names(&self.dir.path().join("backups")).unwrap_or_default();
        names.sort();
        names
    }
}

#[actix::test]
async fn a_schedule_makes_its_folder_and_keeps_the_newest_and_every_stranger() {
    let house = house(|dir| Some(hourly(dir)));
    until("the first", || house.made().len() == 1).await;
    assert_eq!(house.made(), ["botyard-main-20260101T000100Z.db"], "a minute after the start");
    fs::write(house.dir.path().join("backups/holiday.jpg"), "").unwrap();
    for last in ["botyard-main-20260101T010100Z.db", "botyard-main-20260101T020100Z.db"] {
        advance(Duration::from_mins(50)).await;
        until("the next", || house.made().contains(&last.to_owned())).await;
    }
    until("the oldest is gone", || house.made().len() == 3).await;
    assert_eq!(house.made(), ["botyard-main-20260101T010100Z.db", "botyard-main-20260101T020100Z.db", "holiday.jpg"]);
    assert!(house.metrics.render().contains("botyard_backup_last_success_timestamp_seconds 1000"));
}

#[actix::test]
async fn a_restart_makes_none_too_many() {
    let house = house(|dir| {
        let schedule = hourly(dir);
        made(&dir.join("backups")).unwrap();
        fs::write(dir.join("backups/botyard-main-20251231T233000Z.db"), "").unwrap();
        Some(schedule)
    });
    advance(Duration::from_mins(20)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.made().len(), 1);
    until("the next is due", || house.made().len() == 2).await;
    assert_eq!(house.made()[1], "botyard-main-20260101T003000Z.db");
}

#[actix::test]
async fn what_fails_is_counted_rests_and_deletes_nothing() {
    let house = house(|dir| Some(hourly(dir)));
    house.store.fails(Some(StoreError::DiskFull));
    let failures = || house.metrics.backups.failures.get();
    until("it failed", || failures() == 1).await;
    let report = house.archivist.send(Newest).await.unwrap().unwrap();
    assert_eq!(
        (report.state, report.error.as_deref()),
        (BackupState::Failed, Some("the disk that holds the data dir is full"))
    );
    advance(Duration::from_mins(8)).await;
    assert_eq!(failures(), 1, "it rests");
    until("it is tried again", || failures() == 2).await;
    house.store.fails(None);
    until("it is made", || house.made().len() == 1).await;
}

#[actix::test]
async fn one_at_a_time_and_its_end_can_be_asked_for() {
    let house = house(|_| None);
    assert_eq!(house.archivist.send(Newest).await.unwrap(), None);
    let word = |name: &str| BackUp { file: house.dir.path().join(name), force: false, by: By::admin(None) };
    let (first, second) = tokio::join!(house.archivist.send(word("a.db")), house.archivist.send(word("b.db")));
    let first = first.unwrap().unwrap();
    assert_eq!((first.id, first.state), (1, BackupState::Running));
    assert!(second.unwrap().unwrap_err().to_string().contains("a.db"));
    let mut newest = first;
    while newest.state == BackupState::Running {
        newest = house.archivist.send(Newest).await.unwrap().unwrap();
    }
    assert_eq!((newest.id, newest.state), (1, BackupState::Done));
    assert_eq!(newest.taken.unwrap().file, house.dir.path().join("a.db"));
}
