//! Schedules that move on, and timers that become events: each with what it makes pending, in one commit.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{Change, Stop};
use crate::{
    base::{BotId, Event, EventId, Millis},
    store::{
        Accepted, Class, EventRow, NewEvent, ScheduleMove, ScheduleMoved, StoreError, TimersFired, Wake,
        sqlite::{
            batch::{self, Round},
            book::Book,
        },
    },
};

/// Timers of one commit: a few milliseconds of the writer.
const TIMERS: i64 = 256;

/// The first that are due, of bots that have room for more.
const DUE: &str = "
    SELECT bot, name, due_at, order_key, payload FROM timers
    WHERE due_at <= $1 AND bot NOT IN (SELECT value FROM jsonb_each($2)) ORDER BY due_at LIMIT $3";

pub(in super::super) struct MoveSchedule(pub(in super::super) ScheduleMove);

/// What was accepted, and whom to tell.
#[derive(Debug)]
pub(in super::super) struct Ran {
    pub(in super::super) moved: ScheduleMoved,
    wakes: Vec<Wake>,
}

impl Change for MoveSchedule {
    type Answer = Ran;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Ran, Stop> {
        let ScheduleMove { to, from, runs } = &self.0;
        let ends = |moved| Ok(Ran { moved, wakes: Vec::new() });
        if !round.book.knows(&to.bot) || round.book.is_retired(&to.bot) {
            return ends(ScheduleMoved::Gone);
        }
        let stands: Option<i64> = sqlx::query_scalar("SELECT through FROM schedules WHERE bot = $1 AND name = $2")
            .bind(to.bot.as_str())
            .bind(&to.name)
            .fetch_optional(&mut *tx)
            .await?;
        if stands.map(Millis) != *from {
            return ends(ScheduleMoved::Elsewhere);
        }
        if round.book.room(&to.bot, round.pending_per_bot) < runs.len() as u64 {
            return ends(ScheduleMoved::Full);
        }
        sqlx::query(
            "INSERT INTO schedules (bot, name, plan, through) VALUES ($1, $2, $3, $4)
             ON CONFLICT (bot, name) DO UPDATE SET plan = excluded.plan, through = excluded.through",
        )
        .bind(to.bot.as_str())
        .bind(&to.name)
        .bind(&to.plan)
        .bind(to.through.0)
        .execute(&mut *tx)
        .await?;
        let (wakes, _) = accept(tx, round, runs).await?;
        Ok(Ran { moved: ScheduleMoved::Done, wakes })
    }

    fn note(&self, ran: &Ran, book: &mut Book) {
        note(&ran.wakes, book);
    }

    fn wakes(&self, ran: &mut Ran) -> Vec<Wake> {
        std::mem::take(&mut ran.wakes)
    }
}

/// Schedules that are no longer in their definitions.
pub(in super::super) struct DropSchedules(pub(in super::super) Vec<(BotId, String)>);

impl Change for DropSchedules {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<(), Stop> {
        sqlx::query("DELETE FROM schedules WHERE (bot, name) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))")
            .bind(batch::json(&self.0)?)
            .execute(tx)
            .await?;
        Ok(())
    }
}

/// Moves timers that are due into the inbox, the first to be due first, a bounded number of them. Those of a bot that
/// has left are dropped; those of one that has no room wait.
pub(in super::super) struct FireTimers;

/// What was fired, and whom to tell.
#[derive(Debug)]
pub(in super::super) struct Fired {
    pub(in super::super) timers: TimersFired,
    wakes: Vec<Wake>,
}

impl Change for FireTimers {
    type Answer = Fired;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Fired, Stop> {
        type Row = (String, String, i64, String, Vec<u8>);
        let full: Vec<&BotId> = round.book.full(round.pending_per_bot).collect();
        let due: Vec<Row> =
            sqlx::query_as(DUE).bind(round.now.0).bind(batch::json(&full)?).bind(TIMERS).fetch_all(&mut *tx).await?;
        let more = due.len() >= usize::try_from(TIMERS).unwrap_or_default();
        let (mut events, mut names) = (Vec::with_capacity(due.len()), Vec::with_capacity(due.len()));
        for (bot, name, due_at, order_key, payload) in due {
            let whose =
                BotId::parse(&bot).map_err(|error| Stop::Refused(format!("a stored bot id is none: {error}")))?;
            let id = EventId::new();
            // One that cannot be read is accepted all the same: its turn buries it, and there people look.
            let kind = Event::decode(&payload).map_or("timer", |event| event.kind());
            events.push(NewEvent {
                bot: whose,
                id,
                kind,
                order_key,
                // Setting and firing are commits: nobody can bring the same one again.
                dedupe_key: format!("timer/{}", id.0),
                seen_until: round.now,
                class: if kind == "schedule" { Class::Background } else { Class::Interactive },
                due_at: Millis(due_at),
                payload,
                envelope: None,
                answers: None,
            });
            names.push((bot, name));
        }
        if events.is_empty() {
            return Ok(Fired { timers: TimersFired::default(), wakes: Vec::new() });
        }
        let (wakes, waiting) = accept(tx, round, &events).await?;
        for index in waiting.into_iter().rev() {
            names.remove(index);
        }
        sqlx::query("DELETE FROM timers WHERE (bot, name) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))")
            .bind(batch::json(&names)?)
            .execute(tx)
            .await?;
        let fired = wakes.iter().map(|wake| wake.events.len() as u64).sum();
        Ok(Fired { timers: TimersFired { fired, more }, wakes })
    }

    fn note(&self, fired: &Fired, book: &mut Book) {
        note(&fired.wakes, book);
    }

    fn wakes(&self, fired: &mut Fired) -> Vec<Wake> {
        std::mem::take(&mut fired.wakes)
    }
}

fn note(wakes: &[Wake], book: &mut Book) {
    for wake in wakes {
        book.more(&wake.bot, wake.events.len());
    }
}

/// Accepts events; answers whom to tell, and the places of those for which there was no room.
async fn accept(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[NewEvent],
) -> Result<(Vec<Wake>, Vec<usize>), Stop> {
    let refs: Vec<&NewEvent> = events.iter().collect();
    let answers = batch::accept_events(tx, round, &refs).await?;
    let (mut wakes, mut full) = (BTreeMap::<BotId, Vec<EventRow>>::new(), Vec::new());
    for (index, (event, answer)) in events.iter().zip(answers).enumerate() {
        match answer {
            Ok(Accepted::New(seq)) => wakes.entry(event.bot.clone()).or_default().push(EventRow {
                seq,
                id: event.id,
                order_key: event.order_key.clone(),
                class: event.class,
                attempt: 0,
                accepted_at: round.now,
                payload: event.payload.clone(),
            }),
            Err(StoreError::BotFull(_)) => full.push(index),
            Ok(Accepted::Duplicate) | Err(_) => {}
        }
    }
    let wakes = wakes.into_iter().map(|(bot, events)| Wake { events, ..Wake::of(bot) });
    Ok((wakes.collect(), full))
}
