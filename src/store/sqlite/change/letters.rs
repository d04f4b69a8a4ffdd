//! Dead letters on the move: replayed or dropped, a bounded step at a time.
//!
//! A replay gives the row a new number, the next there is. Not a new row that names the old one: the event would
//! have two ids, one of which ended well and one badly, and every story, handler and dedupe would have to know of
//! both. And not the old number: it would stand before what waits in its order key, perhaps beside one that is in
//! its turn right now. With the next number it stands behind what is pending, as if it had come just now; what an
//! old claim of it still tries to commit finds nobody under its number.
//!
//! Nothing is sent twice by this: a buried event has no effects (its commit could not carry any), and a delivery
//! that may have arrived is left out unless it is asked for.

use std::collections::HashMap;

use sqlx::{FromRow, SqliteConnection};

use super::{Change, Stop, audit};
use crate::{
    base::{BotId, Seq},
    store::{
        Act, ActKind, By, Class, DeliveryRow, EventRow, LetterFilter, LetterKind, LettersMoved, StepPlace, Wake,
        sqlite::{
            batch::{Round, json},
            book::Book,
            engine::{self, Numbered, Trouble},
            read::letters::Chosen,
            uuid_column::Id,
        },
    },
};

const EVENTS: &str = "
    SELECT t.seq, t.public_id, NULL AS event, t.bot, t.order_key, t.class, t.payload, 0 AS doubtful, 0 AS lane
    FROM inbox AS t WHERE t.seq IN (SELECT value FROM json_each($1)) AND t.finished_at IS NOT NULL AND t.state = 3";

const DELIVERIES: &str = "
    SELECT t.seq, t.public_id, t.event, t.bot, t.order_key, t.class, t.payload, t.doubtful, t.lane
    FROM outbox AS t WHERE t.seq IN (SELECT value FROM json_each($1)) AND t.finished_at IS NOT NULL AND t.state = 3";

/// Attempts and doubts begin anew: what they counted is over. The reason stays until there is another.
const REPLAY_EVENTS: &str = "
    UPDATE inbox SET
        seq = t.next, state = 0, attempt = 0, doubts = 0, due_at = $2, claimed_at = NULL, finished_at = NULL,
        replays = replays + 1, replayed_at = $2
    FROM (SELECT value->>0 AS seq, value->>1 AS next FROM json_each($1)) AS t WHERE inbox.seq = t.seq";

const REPLAY_DELIVERIES: &str = "
    UPDATE outbox SET
        seq = t.next, state = 0, attempt = 0, due_at = $2, marked_at = NULL, finished_at = NULL,
        replays = replays + 1, replayed_at = $2
    FROM (SELECT value->>0 AS seq, value->>1 AS next FROM json_each($1)) AS t WHERE outbox.seq = t.seq";

#[derive(FromRow)]
struct Row {
    seq: i64,
    public_id: Id,
    event: Option<Id>,
    bot: String,
    order_key: String,
    class: i64,
    payload: Vec<u8>,
    doubtful: bool,
    lane: i64,
}

/// Makes dead letters pending again.
pub(in super::super) struct ReplayLetters {
    pub(in super::super) filter: LetterFilter,
    pub(in super::super) chosen: Chosen,
    pub(in super::super) by: By,
}

/// What a step of a replay came to, and what it has to ring for.
pub(in super::super) struct Replayed {
    pub(in super::super) moved: LettersMoved,
    wakes: Vec<Wake>,
}

impl Change for ReplayLetters {
    type Answer = Replayed;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Replayed, Stop> {
        let Chosen { kind, rows: places, from, next } = &self.chosen;
        let mut rows = load(tx, &self.chosen).await?;
        let mut moved = LettersMoved { next: next.map(|next| next.to_string()), ..LettersMoved::default() };
        let mut pending: HashMap<BotId, u64> = HashMap::new();
        let mut taken: Vec<(BotId, Row)> = Vec::with_capacity(rows.len());
        let mut before = *from;
        for &(at, seq) in places {
            let begin = std::mem::replace(&mut before, StepPlace { at, seq, ..*from });
            let Some(row) = rows.remove(&seq) else { continue };
            let bot = known(&row.bot)?;
            let waiting = match round.book.pending(&bot) {
                Some(pending) if !round.book.is_retired(&bot) => Some(pending),
                _ => None,
            };
            let Some(waiting) = waiting else {
                self.leave(&row, &format!("its bot `{bot}` is retired: put its definition back, and replay it then"))?;
                moved.retired += 1;
                continue;
            };
            if row.payload.is_empty() {
                self.leave(&row, "its content was erased, there is nothing left to replay")?;
                moved.erased += 1;
                continue;
            }
            if row.doubtful && !self.filter.doubtful && self.filter.id.is_none() {
                moved.doubtful += 1;
                continue;
            }
            let more = pending.entry(bot.clone()).or_default();
            if waiting + *more >= round.pending_per_bot {
                self.leave(&row, &format!("its bot `{bot}` has too many events waiting: replay it when it has less"))?;
                // The order of what is left must not depend on when there is room again: nothing overtakes this one.
                moved.full = Some(bot);
                moved.next = Some(begin.to_string());
                break;
            }
            *more += 1;
            taken.push((bot, row));
        }
        let wakes = self.requeue(tx, round, *kind, taken).await?;
        count(&mut moved, *kind, wakes.iter().map(Wake::rows).sum());
        let only = if self.filter.id.is_some() { wakes.first().map(|wake| &wake.bot) } else { None };
        tell(tx, round, ActKind::Replay, &self.by, &self.filter, only, &moved).await?;
        Ok(Replayed { moved, wakes })
    }

    fn note(&self, replayed: &Replayed, book: &mut Book) {
        for wake in &replayed.wakes {
            book.more(&wake.bot, wake.rows());
        }
    }

    fn wakes(&self, replayed: &mut Replayed) -> Vec<Wake> {
        std::mem::take(&mut replayed.wakes)
    }
}

impl ReplayLetters {
    /// One of many is left and counted; one that was asked for by its id is refused with the sentence.
    fn leave(&self, row: &Row, why: &str) -> Result<(), Stop> {
        match self.filter.id {
            None => Ok(()),
            Some(_) => Err(Stop::Refused(format!("dead letter `{}` cannot be replayed: {why}", row.public_id.0))),
        }
    }

    /// Puts the rows behind all others; answers them as the bell hands them along.
    async fn requeue(
        &self,
        tx: &mut SqliteConnection,
        round: &Round<'_>,
        kind: LetterKind,
        rows: Vec<(BotId, Row)>,
    ) -> Result<Vec<Wake>, Stop> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (table, text) = match kind {
            LetterKind::Event => (Numbered::Inbox, REPLAY_EVENTS),
            LetterKind::Delivery => (Numbered::Outbox, REPLAY_DELIVERIES),
        };
        let first = engine::take_numbers(tx, table, rows.len()).await?;
        let numbers: Vec<(i64, i64)> = rows.iter().map(|(_, row)| row.seq).zip(first..).collect();
        sqlx::query(text).bind(json(&numbers).map_err(Stop::Trouble)?).bind(round.now.0).execute(tx).await?;
        let mut wakes: Vec<Wake> = Vec::new();
        for ((bot, row), (_, seq)) in rows.into_iter().zip(numbers) {
            let at = wakes.iter().position(|wake| wake.bot == bot).unwrap_or_else(|| {
                wakes.push(Wake::of(bot.clone()));
                wakes.len() - 1
            });
            let class = if row.class == 0 { Class::Interactive } else { Class::Background };
            let (seq, id, order_key, payload) = (Seq(seq), row.public_id.0, row.order_key, row.payload);
            match row.event {
                None => wakes[at].events.push(EventRow {
                    seq,
                    id,
                    order_key,
                    class,
                    attempt: 0,
                    accepted_at: round.now,
                    payload,
                }),
                Some(Id(event)) => {
                    let of_lane = if row.lane == 0 { &mut wakes[at].deliveries } else { &mut wakes[at].calls };
                    of_lane.push(DeliveryRow {
                        seq,
                        id,
                        bot,
                        event,
                        order_key,
                        class,
                        attempt: 0,
                        doubtful: false,
                        created_at: round.now,
                        payload,
                    });
                }
            }
        }
        Ok(wakes)
    }
}

/// Deletes dead letters. What `seen` knows of them stays: they do not come in again.
pub(in super::super) struct DropLetters {
    pub(in super::super) filter: LetterFilter,
    pub(in super::super) chosen: Chosen,
    pub(in super::super) by: By,
}

impl Change for DropLetters {
    type Answer = LettersMoved;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<LettersMoved, Stop> {
        let Chosen { kind, rows, next, .. } = &self.chosen;
        let text = match kind {
            LetterKind::Event => {
                "DELETE FROM inbox
                 WHERE seq IN (SELECT value FROM json_each($1)) AND finished_at IS NOT NULL AND state = 3 RETURNING bot"
            }
            LetterKind::Delivery => {
                "DELETE FROM outbox
                 WHERE seq IN (SELECT value FROM json_each($1)) AND finished_at IS NOT NULL AND state = 3 RETURNING bot"
            }
        };
        let numbers: Vec<i64> = rows.iter().map(|&(_, seq)| seq).collect();
        let gone: Vec<String> =
            sqlx::query_scalar(text).bind(json(&numbers).map_err(Stop::Trouble)?).fetch_all(&mut *tx).await?;
        let mut moved = LettersMoved { next: next.map(|next| next.to_string()), ..LettersMoved::default() };
        count(&mut moved, *kind, gone.len());
        let only = match (self.filter.id, gone.first()) {
            (Some(_), Some(bot)) => Some(known(bot)?),
            _ => None,
        };
        tell(tx, round, ActKind::Drop, &self.by, &self.filter, only.as_ref(), &moved).await?;
        Ok(moved)
    }
}

/// The row of the audit; a step that moved nothing has none.
async fn tell(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    kind: ActKind,
    by: &By,
    filter: &LetterFilter,
    only: Option<&BotId>,
    moved: &LettersMoved,
) -> Result<(), Stop> {
    if moved.moved() == 0 {
        return Ok(());
    }
    let act = Act {
        by: by.clone(),
        kind,
        bot: filter.bot.as_ref().or(only).cloned(),
        subject: filter.to_string(),
        rows: moved.moved(),
        note: moved.next.is_some().then(|| "a part of it".to_owned()),
    };
    audit::write(tx, round, &act).await
}

/// The chosen rows that are still dead, by number.
async fn load(tx: &mut SqliteConnection, chosen: &Chosen) -> Result<HashMap<i64, Row>, Stop> {
    let text = match chosen.kind {
        LetterKind::Event => EVENTS,
        LetterKind::Delivery => DELIVERIES,
    };
    let numbers: Vec<i64> = chosen.rows.iter().map(|&(_, seq)| seq).collect();
    let rows: Vec<Row> = sqlx::query_as(text).bind(json(&numbers).map_err(Stop::Trouble)?).fetch_all(tx).await?;
    Ok(rows.into_iter().map(|row| (row.seq, row)).collect())
}

fn known(bot: &str) -> Result<BotId, Stop> {
    BotId::parse(bot).map_err(|error| Stop::Trouble(Trouble::Other(format!("a stored bot id is none: {error}"))))
}

fn count(moved: &mut LettersMoved, kind: LetterKind, rows: usize) {
    match kind {
        LetterKind::Event => moved.events = rows as u64,
        LetterKind::Delivery => moved.deliveries = rows as u64,
    }
}
