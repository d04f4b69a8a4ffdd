//! Forgets what was found of a person: one step, and its line in the audit.

use sqlx::SqliteConnection;

use super::{Change, Stop, audit, deletion, erase};
use crate::{
    base::{BotId, Digest},
    store::{
        Act, ActKind, By, Forgotten,
        sqlite::{
            batch::{self, Round},
            book::Book,
            read::person::Found,
        },
    },
};

/// What stands where something of the person stood.
const FORGOTTEN: &str = "the person was forgotten";

pub(in super::super) struct ForgetFound {
    pub(in super::super) found: Found,
    pub(in super::super) by: By,
    /// The first step is written down whatever it found: that somebody asked.
    pub(in super::super) first: bool,
}

/// What was done, and whose rows are pending no more.
pub(in super::super) struct Done {
    pub(in super::super) forgotten: Forgotten,
    ended: Vec<BotId>,
}

impl Change for ForgetFound {
    type Answer = Done;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Done, Stop> {
        let Found { sent, state, dialogues, timers, .. } = &self.found;
        let mut done = Done { forgotten: Forgotten::default(), ended: Vec::new() };
        self.deliveries(tx, round, &mut done).await?;
        self.events(tx, round, &mut done).await?;
        let told = &mut done.forgotten;
        // A press of such a card finds nothing any more, and a later message of such a key is a new one.
        told.sent =
            delete(tx, "DELETE FROM sent WHERE seq IN (SELECT value FROM jsonb_each($1))", batch::json(sent)?).await?;
        // A turn that has read one of these finds at its commit that it is not what it read, and steps again.
        told.state = delete(
            tx,
            "DELETE FROM state WHERE (bot, scope, key) IN (
                SELECT value->>0, value->>1, value->>2 FROM jsonb_each($1))",
            batch::json(state)?,
        )
        .await?;
        told.dialogues = delete(
            tx,
            "DELETE FROM dialogues WHERE (bot, room, person) IN (
                SELECT value->>0, value->>1, value->>2 FROM jsonb_each($1))",
            batch::json(dialogues)?,
        )
        .await?;
        told.timers = delete(
            tx,
            "DELETE FROM timers WHERE (bot, name) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))",
            batch::json(timers)?,
        )
        .await?;
        if self.first || done.forgotten.rows() > 0 {
            audit::write(tx, round, &self.act(done.forgotten.rows())).await?;
        }
        Ok(done)
    }

    fn note(&self, done: &Done, book: &mut Book) {
        for bot in &done.ended {
            book.fewer(bot, 1);
        }
    }
}

impl ForgetFound {
    /// Of the names only a mark is kept: the audit must not keep the very name that is to be forgotten. Whoever
    /// knows the name can find its mark; nobody finds the name by the mark, unless by guessing.
    fn act(&self, rows: u64) -> Act {
        let asked = self.found.names.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        Act {
            by: self.by.clone(),
            kind: ActKind::Forget,
            bot: None,
            subject: Digest::of([asked.as_bytes()]).mark(),
            rows,
            note: self.first.then(|| "asked for; what it erased follows".to_owned()),
        }
    }

    async fn deliveries(&self, tx: &mut SqliteConnection, round: &Round<'_>, done: &mut Done) -> Result<(), Stop> {
        let seqs = &self.found.deliveries;
        if seqs.is_empty() {
            return Ok(());
        }
        // What still waits is not said any more.
        let skipped: Vec<String> = sqlx::query_scalar(
            "UPDATE outbox SET state = 4, finished_at = $2, reason = $3, payload = x'', erased_at = $2
             FROM bots AS b
             WHERE outbox.seq IN (SELECT value FROM jsonb_each($1)) AND outbox.finished_at IS NULL
               AND b.bot = outbox.bot AND (outbox.state = 0 OR outbox.epoch < b.epoch)
             RETURNING outbox.bot",
        )
        .bind(batch::json(seqs)?)
        .bind(round.now.0)
        .bind(FORGOTTEN)
        .fetch_all(&mut *tx)
        .await?;
        let erased = erase::deliveries(tx, round, seqs).await?;
        let on_their_way: Vec<i64> = sqlx::query_scalar(
            "SELECT e.seq FROM jsonb_each($1) AS t JOIN outbox AS d ON d.seq = t.value
             JOIN inbox AS e ON e.public_id = d.event WHERE d.finished_at IS NULL",
        )
        .bind(batch::json(seqs)?)
        .fetch_all(&mut *tx)
        .await?;
        done.forgotten.later += erase::later(tx, &on_their_way).await?;
        done.forgotten.deliveries = erased + skipped.len() as u64;
        done.ended.extend(skipped.iter().filter_map(|bot| BotId::parse(bot).ok()));
        unmark(
            tx,
            "UPDATE outbox SET order_key = 'forgotten'
             WHERE seq IN (SELECT value FROM jsonb_each($1)) AND erased_at IS NOT NULL",
            seqs,
        )
        .await
    }

    async fn events(&self, tx: &mut SqliteConnection, round: &Round<'_>, done: &mut Done) -> Result<(), Stop> {
        let seqs = &self.found.events;
        if seqs.is_empty() {
            return Ok(());
        }
        let free: Vec<i64> = sqlx::query_scalar(
            "SELECT e.seq FROM jsonb_each($1) AS t JOIN inbox AS e ON e.seq = t.value JOIN bots AS b ON b.bot = e.bot
             WHERE e.finished_at IS NULL AND (e.state = 0 OR e.epoch < b.epoch)",
        )
        .bind(batch::json(seqs)?)
        .fetch_all(&mut *tx)
        .await?;
        let ended = deletion::end(tx, round, &free, FORGOTTEN).await?;
        let erased = erase::events(tx, round, seqs).await?;
        done.forgotten.deliveries += erase::answers(tx, round, seqs).await?;
        done.forgotten.later += erase::later(tx, seqs).await?;
        done.forgotten.finished = ended.len() as u64;
        done.forgotten.events = erased + ended.len() as u64;
        done.ended.extend(ended);
        unmark(
            tx,
            "UPDATE inbox SET order_key = 'forgotten'
             WHERE seq IN (SELECT value FROM jsonb_each($1)) AND erased_at IS NOT NULL",
            seqs,
        )
        .await
    }
}

/// What a row kept its order with is a mark of room and person: it goes too, when no order is to be kept any more.
async fn unmark(tx: &mut SqliteConnection, text: &'static str, seqs: &[i64]) -> Result<(), Stop> {
    sqlx::query(text).bind(batch::json(seqs)?).execute(tx).await?;
    Ok(())
}

async fn delete(tx: &mut SqliteConnection, text: &'static str, keys: String) -> Result<u64, Stop> {
    Ok(sqlx::query(text).bind(keys).execute(tx).await?.rows_affected())
}
