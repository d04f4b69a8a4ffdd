//! Makes schedules and timers into events, at their time.
//!
//! Each second it looks what is due. What runs is accepted into the inbox in the commit that moves its schedule on, so
//! neither a crash nor a second scheduler makes it run twice; a timer becomes an event in the commit that forgets it.
//! Only bots that work are looked at: what a silent bot, or one that is kept down, misses meanwhile is for the rule of
//! its schedule.

mod due;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};
use chrono_tz::Tz;
use futures_util::{StreamExt as _, stream};

use self::due::{Due, How, due};
use super::{
    exit::ExitGuard,
    line::Line,
    supervisor::{Clocked, Supervisor},
};
use crate::{
    base::{BotId, Breaking, Clock, Digest, Event, EventId, Millis, Point, Trigger},
    brain::{Program, Schedule},
    store::{Class, NewEvent, ScheduleMove, ScheduleMoved, ScheduleRow, Store, StoreError},
    telemetry::Metrics,
};

/// How often it looks: timers and schedules are precise to about this.
const LOOK: Duration = Duration::from_secs(1);
/// Schedules moved on at once: at nine o'clock many are due, and share the writer's commits.
const AT_ONCE: usize = 64;
/// Steps of one schedule, and of the timers, at one look: the rest comes with the next.
const STEPS: usize = 16;
/// How long the key of a run is remembered. Its row says already that it ran; this is for a row that was put back.
const REMEMBERED: Duration = Duration::from_hours(48);
/// How long a schedule rests that could not be moved on.
const REST: Duration = Duration::from_secs(5);

/// What the scheduler is made from.
#[derive(Clone)]
pub struct SchedulerDeps {
    /// Where schedules stand and events are accepted.
    pub store: Arc<dyn Store>,
    /// Who knows which bots work.
    pub supervisor: Line<Supervisor>,
    /// Time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The zone of schedules that name none.
    pub zone: Tz,
    /// Where tests break it.
    pub breaking: Breaking,
}

/// The scheduler.
pub struct Scheduler {
    deps: SchedulerDeps,
    book: Option<Book>,
    exit: ExitGuard,
}

type Key = (BotId, Arc<str>);

/// What is remembered from look to look: nothing that is not in the store too.
#[derive(Debug, Default)]
struct Book {
    /// The store was read.
    read: bool,
    rows: HashMap<Key, ScheduleRow>,
    /// Not worth another look before: the program it was said of, and the moment.
    rests: HashMap<Key, (Digest, Millis)>,
    /// The store could not do what was asked, and that was logged.
    troubled: bool,
}

impl Scheduler {
    /// A scheduler that has not looked yet.
    #[must_use]
    pub fn new(deps: SchedulerDeps, exit: ExitGuard) -> Self {
        Self { deps, book: Some(Book::default()), exit }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InScheduler);
        let Some(mut book) = self.book.take() else { return };
        let deps = self.deps.clone();
        let work = async move {
            if let Err(error) = deps.work(&mut book).await {
                // The end of the house: nobody is left to be told.
                if !matches!(error, StoreError::Closed) && !std::mem::replace(&mut book.troubled, true) {
                    tracing::error!(%error, "schedules and timers wait for the store");
                }
            } else {
                book.troubled = false;
            }
            book
        };
        ctx.spawn(work.into_actor(self).map(|book, scheduler, _| scheduler.book = Some(book)));
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK, Self::look);
    }
}

impl SchedulerDeps {
    async fn work(&self, book: &mut Book) -> Result<(), StoreError> {
        self.fire_timers().await?;
        let Some(supervisor) = self.supervisor.addr() else { return Ok(()) };
        if !book.read {
            book.learn(self.store.schedules(None).await?);
            book.read = true;
        }
        let known: HashSet<BotId> = book.rows.keys().map(|(bot, _)| bot.clone()).collect();
        let Ok(programs) = supervisor.send(Clocked { besides: known }).await else { return Ok(()) };
        self.forget_those_gone(book, &programs).await?;
        let now = self.clock.now();
        let mut jobs = Vec::new();
        for (bot, program) in &programs {
            for schedule in program.schedules() {
                let key = (bot.clone(), schedule.name.clone());
                let rests = book.rests.get(&key).is_some_and(|(of, until)| *of == program.digest() && *until > now);
                if !rests {
                    let row = book.rows.get(&key).cloned();
                    jobs.push(self.run(key, schedule, program.digest(), row, now));
                }
            }
        }
        let done: Vec<_> = stream::iter(jobs).buffer_unordered(AT_ONCE).collect().await;
        let mut first_trouble = Ok(());
        for (key, digest, row, result) in done {
            let rest = match result {
                Ok(until) => until,
                Err(error) => {
                    first_trouble = first_trouble.and(Err(error));
                    now.plus(REST)
                }
            };
            match row {
                Some(row) => drop(book.rows.insert(key.clone(), row)),
                None => drop(book.rows.remove(&key)),
            }
            book.rests.insert(key, (digest, rest));
        }
        first_trouble
    }

    async fn fire_timers(&self) -> Result<(), StoreError> {
        // Looked for first: a look costs next to nothing, a commit costs the disk.
        if self.store.next_timer().await?.is_none_or(|due| due > self.clock.now()) {
            return Ok(());
        }
        for _ in 0..STEPS {
            let fired = self.store.fire_timers().await?;
            self.metrics.scheduler.timers.inc_by(fired.fired);
            if !fired.more {
                break;
            }
        }
        Ok(())
    }

    /// One that is no longer in its definition begins anew when it comes back.
    async fn forget_those_gone(&self, book: &mut Book, programs: &[(BotId, Arc<Program>)]) -> Result<(), StoreError> {
        let programs: HashMap<&BotId, &Arc<Program>> = programs.iter().map(|(bot, program)| (bot, program)).collect();
        let is_gone = |(bot, name): &Key| {
            programs.get(bot).is_some_and(|program| program.schedules().iter().all(|has| has.name != *name))
        };
        let gone: Vec<Key> = book.rows.keys().filter(|key| is_gone(key)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.store.drop_schedules(gone.iter().map(|(bot, name)| (bot.clone(), name.to_string())).collect()).await?;
        for key in gone {
            book.rows.remove(&key);
            book.rests.remove(&key);
        }
        Ok(())
    }

    /// Moves one schedule on as far as it is due; answers where it stands then, and when to look at it again.
    async fn run(
        &self,
        key: Key,
        schedule: &Schedule,
        digest: Digest,
        mut row: Option<ScheduleRow>,
        now: Millis,
    ) -> (Key, Digest, Option<ScheduleRow>, Result<Millis, StoreError>) {
        let bot = &key.0;
        let mut until = now;
        for _ in 0..STEPS {
            let (through, runs, how) = match due(bot, schedule, row.as_ref(), now, self.zone) {
                Due::Wait(at) => {
                    until = at.unwrap_or(Millis(i64::MAX));
                    break;
                }
                Due::Begin => (now, Vec::new(), None),
                Due::Move { through, runs, how } => (through, runs, Some(how)),
            };
            let to = ScheduleRow {
                bot: bot.clone(),
                name: schedule.name.to_string(),
                plan: schedule.plan.text(self.zone),
                through,
            };
            let events = runs.iter().map(|planned| event(bot, schedule, *planned, now, self.zone)).collect();
            let step = ScheduleMove { to: to.clone(), from: row.as_ref().map(|row| row.through), runs: events };
            let moved = self.store.move_schedule(step).await;
            self.breaking.pass(Point::AfterSchedule, Some(bot)).await;
            match moved {
                Ok(ScheduleMoved::Done) => {
                    row = Some(to);
                    self.count(bot, schedule, &runs, how);
                }
                // Somebody moved it: the end of a hold, or a former scheduler whose answer was lost.
                Ok(ScheduleMoved::Elsewhere) => match self.store.schedules(Some(bot.clone())).await {
                    Ok(rows) => row = rows.into_iter().find(|row| row.name == *schedule.name),
                    Err(error) => return (key, digest, row, Err(error)),
                },
                Ok(ScheduleMoved::Full | ScheduleMoved::Gone) => {
                    until = now.plus(REST);
                    break;
                }
                Err(error) => return (key, digest, row, Err(error)),
            }
        }
        (key, digest, row, Ok(until))
    }

    fn count(&self, bot: &BotId, schedule: &Schedule, runs: &[Millis], how: Option<How>) {
        let counters = &self.metrics.scheduler;
        let ran = runs.len() as u64;
        match how {
            None => {}
            Some(How::OnTime) => drop(counters.on_time.inc_by(ran)),
            Some(How::MadeUp) => {
                counters.made_up.inc_by(ran);
                tracing::warn!(
                    bot.id = %bot,
                    schedule = %schedule.name,
                    made_up = ran,
                    "runs of a schedule were missed; its `missed` says what is made up for"
                );
                if ran == 0 {
                    counters.skipped.inc();
                }
            }
        }
    }
}

impl Book {
    fn learn(&mut self, rows: Vec<ScheduleRow>) {
        self.rows = rows.into_iter().map(|row| ((row.bot.clone(), row.name.as_str().into()), row)).collect();
    }
}

fn event(bot: &BotId, schedule: &Schedule, planned: Millis, now: Millis, house: Tz) -> NewEvent {
    let name = &schedule.name;
    // Only where it is asked for: rows are small.
    let zone = if schedule.plan.per_person { house.name().to_owned() } else { String::new() };
    let trigger = Trigger::Schedule { name: name.to_string(), planned, zone, person: None };
    let event = Event { at: planned, actor: None, trigger };
    NewEvent {
        bot: bot.clone(),
        id: EventId::new(),
        kind: event.kind(),
        order_key: event.order_key(),
        dedupe_key: format!("schedule/{name}/{}", planned.0),
        seen_until: now.plus(REMEMBERED),
        class: Class::Background,
        due_at: now,
        payload: event.encode(),
        envelope: None,
        answers: None,
    }
}

impl std::fmt::Debug for SchedulerDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedulerDeps").field("zone", &self.zone).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("deps", &self.deps).finish_non_exhaustive()
    }
}
