//! The writer: the one task that writes. It takes what queued while it was committing, makes that one
//! transaction, answers, rings, and takes again; there is no timer to linger for more.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::SqliteConnection;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    Faults,
    batch::{Answers, Batch, Round},
    book::Book,
    damage,
    engine::{self, Trouble},
    lock::Lock,
    log::{self, Gate},
    read::Readers,
    request::Request,
};
use crate::{
    base::{Clock, Point},
    store::{Doorbell, EraseAtEnd, StoreError},
};

/// Requests of one commit at most. Beyond it a larger batch saves nothing more and only makes its first wait.
const BATCH: usize = 512;

/// When nothing came for so long, the pages that the last burst left in memory are given back.
const REST: Duration = Duration::from_secs(1);

/// After fewer requests there is nothing worth giving back.
const WARM: usize = 1024;

/// Ends of turns and sends that are kept while the disk is full; they are as many as turns and sends in flight.
const KEPT: usize = 65_536;

/// How long until a full disk is tried again: at first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What is called when the disk does not confirm a write; the process must end then.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// The writer and all it owns. The lock goes last: the next process must find everything closed.
pub(super) struct Writer {
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) conn: SqliteConnection,
    /// Between this and what writes the log back.
    pub(super) gate: Arc<Gate>,
    pub(super) readers: Arc<Readers>,
    pub(super) book: Book,
    pub(super) clock: Clock,
    pub(super) doorbell: Arc<dyn Doorbell>,
    pub(super) pending_per_bot: u64,
    pub(super) keys_per_bot: u64,
    pub(super) erase: EraseAtEnd,
    pub(super) faults: Faults,
    /// Whether the database may grow: false while the fault `disk_full` is on.
    pub(super) grows: bool,
    /// Whether it may be written: false while the fault `read_only` is on.
    pub(super) writes: bool,
    /// Whether it was said that the disk is full: once, however often it is tried.
    pub(super) told_full: bool,
    /// Where a note is left when the database turns out to be damaged.
    pub(super) data_dir: PathBuf,
    pub(super) on_fatal: OnFatal,
    pub(super) lock: Lock,
}

/// The disk is full, or cannot be written for another reason: since a try that failed, until one that succeeds.
struct Full {
    why: StoreError,
    kept: Batch,
    again: Instant,
    pause: Duration,
}

impl Full {
    fn new(why: StoreError) -> Self {
        Self { why, kept: Batch::default(), again: Instant::now() + LOOK_AGAIN.0, pause: LOOK_AGAIN.0 }
    }

    /// Still no room.
    fn wait_longer(mut self) -> Self {
        self.pause = (self.pause * 2).min(LOOK_AGAIN.1);
        self.again = Instant::now() + self.pause;
        self
    }

    fn keep(&mut self, batch: Batch) {
        if self.kept.len() < KEPT {
            batch.keep_outcomes(&self.why, &mut self.kept);
        } else {
            batch.fail(&self.why);
        }
    }
}

/// Whether the writer may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Dead,
}

impl Writer {
    /// Runs until the store is closed, or the last handle to it is gone. Beside it, `log` writes the log back.
    pub(super) async fn run(self, log: SqliteConnection) {
        let (gate, on_fatal) = (Arc::clone(&self.gate), Arc::clone(&self.on_fatal));
        let work = async {
            let done = self.work().await;
            gate.close();
            done
        };
        let ((writer, health, closers), ()) = tokio::join!(work, log::keep(&gate, log, &on_fatal));
        writer.end(health).await;
        for done in closers {
            // Whoever asked may have gone; it is closed all the same.
            let _: Result<(), ()> = done.send(());
        }
    }

    async fn work(mut self) -> (Self, Health, Vec<oneshot::Sender<()>>) {
        let mut queue = Vec::with_capacity(BATCH);
        let mut full: Option<Full> = None;
        let mut closers = Vec::new();
        let mut health = Health::Well;
        let mut warm = 0;
        while health == Health::Well {
            let again = full.as_ref().map(|full| full.again);
            let taken = tokio::select! {
                biased;
                () = until(again) => None,
                taken = self.requests.recv_many(&mut queue, BATCH) => Some(taken),
                () = tokio::time::sleep(REST), if warm >= WARM => {
                    engine::give_back_memory(&mut self.conn).await;
                    warm = 0;
                    continue;
                }
            };
            match taken {
                None => health = self.try_again(&mut full).await,
                Some(0) => break,
                Some(_) => {
                    warm += queue.len();
                    let batch = self.sort(&mut queue, &mut closers);
                    health = self.take(batch, &mut full).await;
                }
            }
        }
        if let Some(full) = full {
            // The turns go on where they are: their events are still claimed, and the next process finds them so.
            full.kept.fail(&StoreError::Closed);
        }
        (self, health, closers)
    }

    /// Requests by kind. After a `Close` nothing new gets into the queue, and what is in it is still done.
    fn sort(&mut self, queue: &mut Vec<Request>, closers: &mut Vec<oneshot::Sender<()>>) -> Batch {
        let mut batch = Batch::default();
        for request in queue.drain(..) {
            if let Some(done) = batch.push(request) {
                self.requests.close();
                closers.push(done);
            }
        }
        batch
    }

    /// One batch, from queue to answers.
    async fn take(&mut self, batch: Batch, full: &mut Option<Full>) -> Health {
        if batch.len() == 0 {
            return Health::Well;
        }
        if let Some(full) = full {
            // Until the next try, nobody waits for a transaction that fails.
            full.keep(batch);
            return Health::Well;
        }
        match self.carry_out(batch).await {
            Ended::Answered => Health::Well,
            Ended::Unfit(batch) => {
                for single in batch.singles() {
                    if self.alone(single, full).await == Health::Dead {
                        return Health::Dead;
                    }
                }
                Health::Well
            }
            Ended::NoRoom(batch, why) => {
                self.enter(full, why).keep(batch);
                Health::Well
            }
            Ended::Dead => Health::Dead,
        }
    }

    /// A batch of one: now it is known who is guilty.
    async fn alone(&mut self, single: Batch, full: &mut Option<Full>) -> Health {
        if let Some(full) = full {
            full.keep(single);
            return Health::Well;
        }
        match self.carry_out(single).await {
            Ended::Answered => {}
            // A batch of one is answered when it is unfit, see `carry_out`.
            Ended::Unfit(single) => single.fail(&StoreError::Engine("a request was refused".into())),
            Ended::NoRoom(single, why) => self.enter(full, why).keep(single),
            Ended::Dead => return Health::Dead,
        }
        Health::Well
    }

    fn enter<'a>(&mut self, full: &'a mut Option<Full>, why: StoreError) -> &'a mut Full {
        if !std::mem::replace(&mut self.told_full, true) {
            tracing::error!("{why}: events are refused, ends of turns and sends wait for room");
        }
        full.get_or_insert_with(|| Full::new(why))
    }

    /// Is there room again? What was kept goes first.
    async fn try_again(&mut self, full: &mut Option<Full>) -> Health {
        let Some(mut was) = full.take() else { return Health::Well };
        let mut kept = std::mem::take(&mut was.kept);
        if kept.len() == 0 {
            // With nothing to store, a trial: else the next event would be the one, and be refused for nothing.
            kept = Batch::trial();
        }
        let mut now = None;
        let health = self.take(kept, &mut now).await;
        *full = now.map(|now| Full { kept: now.kept, why: now.why, ..was }.wait_longer());
        if full.is_none() && health == Health::Well {
            self.told_full = false;
            tracing::info!("the disk has room again: what waited for it is stored");
        }
        health
    }

    async fn carry_out(&mut self, mut batch: Batch) -> Ended {
        let gate = Arc::clone(&self.gate);
        let _pass = gate.enter().await;
        if gate.is_broken() {
            batch.fail(&StoreError::Engine("the disk did not confirm a write".into()));
            return Ended::Dead;
        }
        self.mind_the_disk().await;
        let now = self.clock.now();
        let round = Round {
            now,
            book: &self.book,
            pending_per_bot: self.pending_per_bot,
            keys_per_bot: self.keys_per_bot,
            erase: self.erase,
        };
        match transaction(&mut self.conn, &mut batch, &round, &mut self.faults).await {
            Ok(answers) => {
                self.gate.wrote(batch.len(), batch.changes());
                if self.erase != EraseAtEnd::default() {
                    self.gate.erased();
                }
                let wakes = batch.settle(answers, now, &mut self.book);
                for bot in wakes.bots() {
                    self.faults.breaking.pass(Point::BeforeRing, Some(bot)).await;
                }
                wakes.ring(self.doorbell.as_ref());
                Ended::Answered
            }
            Err(Trouble::Guilty(why)) if batch.len() == 1 => {
                batch.fail(&StoreError::Refused(why));
                Ended::Answered
            }
            Err(Trouble::Guilty(why)) => {
                tracing::debug!(requests = batch.len(), why, "one of a batch is unfit: each is done alone");
                Ended::Unfit(batch)
            }
            Err(Trouble::Full) => Ended::NoRoom(batch, StoreError::DiskFull),
            Err(Trouble::Unwritable(why)) => Ended::NoRoom(batch, StoreError::Unwritable(why)),
            Err(Trouble::Sync(why)) => {
                // What the file holds is not known now, and asking again may hide it: only a restart reads the truth.
                tracing::error!(error = why, "the disk did not confirm a write: the process must end");
                batch.fail(&StoreError::Engine(why.clone()));
                (self.on_fatal)(&why);
                Ended::Dead
            }
            Err(Trouble::Corrupt(why)) => {
                // What is read and written from now on rests on what is not known to be true.
                tracing::error!(error = why, "the database is damaged: the process must end");
                damage::remember(&self.data_dir, &why);
                batch.fail(&StoreError::Corrupt(why.clone()));
                (self.on_fatal)(&damage::sentence(&why));
                Ended::Dead
            }
            Err(Trouble::Other(why)) => {
                tracing::error!(error = why, requests = batch.len(), "a batch could not be stored");
                batch.fail(&StoreError::Engine(why));
                Ended::Answered
            }
        }
    }

    /// The faults `disk_full` and `read_only`.
    async fn mind_the_disk(&mut self) {
        let is_on = |fault: &Option<Arc<AtomicBool>>| fault.as_ref().is_some_and(|on| on.load(Ordering::Relaxed));
        let (grows, writes) = (!is_on(&self.faults.disk_full), !is_on(&self.faults.read_only));
        if self.grows != grows {
            self.grows = grows;
            engine::let_grow(&mut self.conn, grows).await;
        }
        if self.writes != writes {
            self.writes = writes;
            engine::let_write(&mut self.conn, writes).await;
        }
    }

    async fn end(mut self, health: Health) {
        // From here on verbs answer `Closed`; those already queued are dropped, which says the same.
        self.requests.close();
        self.readers.close().await;
        if health == Health::Well {
            engine::close(self.conn).await;
        }
        drop(self.lock);
    }
}

/// How a try of a batch ended.
enum Ended {
    /// Everybody has an answer.
    Answered,
    /// Somebody in it is guilty.
    Unfit(Batch),
    /// The disk is full, or cannot be written.
    NoRoom(Batch, StoreError),
    /// The writer may not go on.
    Dead,
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn transaction(
    conn: &mut SqliteConnection,
    batch: &mut Batch,
    round: &Round<'_>,
    faults: &mut Faults,
) -> Result<Answers, Trouble> {
    let answers = match batch.run(conn, round).await {
        Ok(answers) => answers,
        Err(trouble) => {
            engine::rollback(conn).await;
            return Err(trouble);
        }
    };
    for bot in batch.accepting() {
        faults.breaking.pass(Point::BeforeAccept, Some(bot)).await;
    }
    if let Some(delay) = faults.sync_delay {
        tokio::time::sleep(delay).await;
    }
    if faults.sync_fails() {
        engine::rollback(conn).await;
        return Err(Trouble::Sync("a failed sync, as asked for".into()));
    }
    match engine::commit(conn).await {
        Ok(()) => Ok(answers),
        Err(error) => {
            engine::rollback(conn).await;
            Err(error.into())
        }
    }
}
