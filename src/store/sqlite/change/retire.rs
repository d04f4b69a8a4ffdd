//! A bot leaves for good: what it has pending is buried, so that it can be replayed when the bot is back, and
//! nothing is accepted for it any more.

use sqlx::SqliteConnection;

use super::{Change, Stop, bots::unknown};
use crate::{
    base::{BotId, Millis},
    store::sqlite::{batch::Round, book::Book},
};

/// Rows of one table that one call buries at most, as in the other changes that keep house.
const STEP: i64 = 1000;

const EVENTS: &str = "
    UPDATE inbox SET state = 3, cause = 'removed', reason = 'its bot was removed before it was handled', finished_at = $2
    WHERE seq IN (SELECT seq FROM inbox WHERE bot = $1 AND finished_at IS NULL ORDER BY order_key, seq LIMIT $3)";

/// What is on the wire may arrive: it is given up as doubtful. Epoch and attempt stay, so that the outcome of its
/// last try, should it still come, finds it.
const DELIVERIES: &str = "
    UPDATE outbox SET
        state = 3, cause = 'removed', finished_at = $2, doubtful = max(doubtful, state = 1),
        reason = CASE state WHEN 1 THEN 'its bot was removed while it was on its way' ELSE 'its bot was removed before it was sent' END
    WHERE seq IN (SELECT seq FROM outbox WHERE bot = $1 AND finished_at IS NULL ORDER BY order_key, seq LIMIT $3)";

/// One step of retiring a bot. The last one buries what is left and retires in the same commit, so that a bot that
/// is retired has nothing pending, whatever came in meanwhile.
pub(in super::super) struct Retire {
    pub(in super::super) bot: BotId,
    pub(in super::super) at: Millis,
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Retired {
    buried: usize,
    /// There is more to bury; the bot is not retired yet.
    pub(in super::super) more: bool,
}

impl Change for Retire {
    type Answer = Retired;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Retired, Stop> {
        if !round.book.knows(&self.bot) {
            return Err(unknown(&self.bot));
        }
        let (mut buried, mut more) = (0, false);
        for step in [EVENTS, DELIVERIES] {
            let done = sqlx::query(step).bind(self.bot.as_str()).bind(round.now.0).bind(STEP).execute(&mut *tx).await?;
            more |= done.rows_affected() >= STEP.unsigned_abs();
            buried += usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
        }
        if !more {
            sqlx::query("UPDATE bots SET retired_at = $2 WHERE bot = $1")
                .bind(self.bot.as_str())
                .bind(self.at.0)
                .execute(tx)
                .await?;
        }
        Ok(Retired { buried, more })
    }

    fn note(&self, retired: &Retired, book: &mut Book) {
        book.fewer(&self.bot, retired.buried);
        if !retired.more {
            book.retire(&self.bot);
        }
    }
}
