//! A message was deleted at Webex: what is stored of it goes.

use sqlx::SqliteConnection;

use super::{Change, Stop, erase};
use crate::{
    base::BotId,
    store::{
        DeletedMessage, Obeyed,
        sqlite::{
            batch::{self, Round},
            book::Book,
        },
    },
};

/// Finds the event by the key it was accepted with, erases what may be erased now, and puts down the rest.
pub(in super::super) struct ObeyDeletion(pub(in super::super) DeletedMessage);

#[derive(sqlx::FromRow)]
struct Found {
    seq: i64,
    pending: bool,
    free: bool,
}

impl Change for ObeyDeletion {
    type Answer = Obeyed;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Obeyed, Stop> {
        let DeletedMessage { bot, key, seen_until, handled } = &self.0;
        if !round.book.knows(bot) {
            return Err(Stop::Refused(format!("there is no bot `{bot}`")));
        }
        // A deletion can overtake its message: the key is taken now, so that an event that comes late is a duplicate.
        let event: Option<Vec<u8>> = sqlx::query_scalar(
            "INSERT INTO seen (bot, key, until) VALUES ($1, $2, $3)
             ON CONFLICT (bot, key) DO UPDATE SET until = max(until, excluded.until)
             RETURNING event",
        )
        .bind(bot.as_str())
        .bind(batch::mark(key))
        .bind(seen_until.0)
        .fetch_one(&mut *tx)
        .await?;
        let Some(event) = event else { return Ok(Obeyed::Unknown) };
        let found: Option<Found> = sqlx::query_as(
            "SELECT e.seq, e.finished_at IS NULL AS pending, e.state = 0 OR e.epoch < b.epoch AS free
             FROM inbox AS e JOIN bots AS b ON b.bot = e.bot
             WHERE e.public_id = $1 AND e.bot = $2",
        )
        .bind(event)
        .bind(bot.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(Found { seq, pending, free }) = found else { return Ok(Obeyed::Unknown) };
        // Nobody can be answered about a message that is not there any more, and a turn could not read it: an event
        // that waits is over. Not so if the program has a rule for deletions: it may keep an account of messages,
        // and must see that one came before it hears that it went; both in their order, since they have one key.
        // And not in the middle of a turn: what that decides is committed, then erased.
        let finished = pending && free && !handled;
        if finished {
            end(tx, round, &[seq], "its message was deleted").await?;
        }
        let family = erase::family(tx, &[seq]).await?;
        let rows = erase::events(tx, round, &family).await? + erase::answers(tx, round, &family).await?;
        let later = erase::later(tx, &family).await? > 0;
        Ok(Obeyed::Erased { rows: rows + u64::from(finished), finished, later })
    }

    fn note(&self, answer: &Obeyed, book: &mut Book) {
        if matches!(answer, Obeyed::Erased { finished: true, .. }) {
            book.fewer(&self.0.bot, 1);
        }
    }
}

/// Finishes waiting events without a turn, and erases them; answers whose they were. The reason is ours, and stays.
pub(super) async fn end(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    seqs: &[i64],
    reason: &str,
) -> Result<Vec<BotId>, Stop> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let ended: Vec<String> = sqlx::query_scalar(
        "UPDATE inbox SET state = 2, finished_at = $2, reason = $3, payload = x'', envelope = NULL, erased_at = $2
         WHERE seq IN (SELECT value FROM jsonb_each($1)) AND finished_at IS NULL
         RETURNING bot",
    )
    .bind(batch::json(seqs)?)
    .bind(round.now.0)
    .bind(reason)
    .fetch_all(tx)
    .await?;
    Ok(ended.iter().filter_map(|bot| BotId::parse(bot).ok()).collect())
}
