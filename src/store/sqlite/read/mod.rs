//! Reading: a few connections that only look, beside the writer.
//!
//! Not sqlx's pool: it has timers of its own (acquire, idle, lifetime), and a stopped clock jumps over waits on
//! the engine's threads to whatever timer is next.

pub(super) mod audit;
pub(super) mod bots;
pub(super) mod due;
pub(super) mod letters;
pub(super) mod look;
pub(super) mod memory;
pub(super) mod person;
pub(super) mod schedules;
pub(super) mod sent;
pub(super) mod silence;
pub(super) mod size;

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::engine::{self, Role, Trouble};
use crate::store::StoreError;

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Full => Self::DiskFull,
            Trouble::Guilty(why) => Self::Refused(why),
            Trouble::Unwritable(why) => Self::Unwritable(why),
            Trouble::Corrupt(why) => Self::Corrupt(why),
            Trouble::Sync(why) | Trouble::Other(why) => Self::Engine(why),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Trouble::from(error).into()
    }
}

/// At most so many connections, opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    permits: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, count: usize) -> Self {
        Self { path, permits: Semaphore::new(count.max(1)), idle: Mutex::default() }
    }

    /// Waits for a connection.
    pub(super) async fn get(&self) -> Result<Reader<'_>, StoreError> {
        let permit = self.permits.acquire().await.or(Err(StoreError::Closed))?;
        let idle = self.idle().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => engine::connect(&self.path, Role::Reader).await?,
        };
        Ok(Reader { conn, home: self, _permit: permit })
    }

    /// Later reads answer `Closed`; connections that are out close when they come back.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for conn in idle {
            if let Err(error) = conn.close().await {
                tracing::debug!(%error, "a reader did not close cleanly");
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is out. When it is not given back, because whoever read gave up waiting, it closes and the
/// next one is opened anew.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) conn: SqliteConnection,
    home: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Reader<'_> {
    /// Gives it back.
    pub(super) fn back(self) {
        if !self.home.permits.is_closed() {
            self.home.idle().push(self.conn);
        }
    }
}
