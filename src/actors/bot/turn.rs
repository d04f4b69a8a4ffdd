//! One turn: step until decided, then one commit. Nothing of it is visible outside before the commit.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::FutureExt as _;

use super::{
    Deps,
    reads::ReadError,
    record::{Need, Record},
};
use crate::{
    actors::retries::{End, Trouble},
    base::{Digest, Event, EventId, Lease, Millis, Point, StateScope, Version, whole_millis},
    brain::{self, Decision, DialogueStep, Effect, Fact, Facts, HandlerCall, Me, Program, Read, Step, Target, Turn},
    store::{
        Cause, Claimed, Class, DialogueChange, EventRow, Lane, NewDelivery, NewTimer, Reason, SUSPECT, StoreError,
        TurnAnswer, TurnCommit, TurnOutcome,
    },
};

/// A turn asks at most this often for more: a program that never has enough is broken, not curious.
pub(super) const STEPS: usize = 8;
/// How often a turn is stepped again because shared state changed under it.
const CONFLICTS: usize = 3;
/// After this many claims that ended with the process going down, the event is taken for the cause.
const DOUBTS: u32 = SUSPECT + 1;

/// Everything one turn needs, owned by it: the program stays the same to its end, whatever is reloaded meanwhile.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) lease: Lease,
    pub(super) row: EventRow,
    pub(super) claimed: Claimed,
    pub(super) program: Arc<Program>,
    pub(super) me: Arc<Me>,
}

/// How a turn ended, as far as the actor must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The event has its outcome.
    Done,
    /// The event waits, and its order key with it.
    Aside(Millis),
    /// The event was given back: the bot cannot work now.
    Returned,
    /// A newer incarnation holds the lease.
    Fenced,
}

/// The bot has no way to Webex now: the event is given back.
struct CannotAsk;

impl Job {
    /// Runs the turn to its end. A panic on the way is the end of this event and of nothing else: what the turn
    /// holds is its own, and nothing of it is visible before the commit.
    pub(super) async fn run(&self, deps: &Deps) -> Ended {
        let started = deps.clock.now();
        let mut record = Record::default();
        match AssertUnwindSafe(self.carry_out(deps, started, &mut record)).catch_unwind().await {
            Ok(ended) => ended,
            Err(_logged) => {
                let reason = Cause::Crashed.because("Botyard panicked on it; please report this as a fault of Botyard");
                match self.bury(deps, reason, started, &record).await {
                    // It had its outcome before.
                    Ended::Fenced => Ended::Done,
                    ended => ended,
                }
            }
        }
    }

    async fn carry_out(&self, deps: &Deps, started: Millis, record: &mut Record) -> Ended {
        let bot = Some(&self.lease.bot);
        loop {
            let Ok(commit) = self.decide_in_time(deps, started, record).await else {
                self.give_back(deps).await;
                return Ended::Returned;
            };
            let again = record.conflicts < CONFLICTS;
            let outcome = commit.outcome.clone();
            deps.breaking.pass(Point::BeforeTurnCommit, bot).await;
            let answer = self.persist(deps, commit).await;
            deps.breaking.pass(Point::AfterTurnCommit, bot).await;
            match answer {
                Ok(TurnAnswer::Committed) => return self.report(deps, &outcome, started),
                Ok(TurnAnswer::Fenced) => return Ended::Fenced,
                Ok(TurnAnswer::Conflict) if again => {
                    record.conflicts += 1;
                    deps.metrics.bots.conflicts.inc();
                }
                Ok(TurnAnswer::Conflict) => {
                    let reason = "its state kept changing while it was being handled".to_owned();
                    let commit = self.again(deps, Trouble::Conflict, &reason, started, record);
                    return self.settle(deps, commit, started).await;
                }
                Err(StoreError::Refused(reason)) => {
                    let reason = Cause::Refused.because(format!("the store refused the turn: {reason}"));
                    return self.bury(deps, reason, started, record).await;
                }
                Err(error) => {
                    tracing::error!(bot.id = %self.lease.bot, event.id = %self.row.id, error = %error, "turn could not be committed");
                    return Ended::Returned;
                }
            }
        }
    }

    /// As [`decide`](Self::decide), cut when it takes too long. Nothing was committed then, so it can be tried again;
    /// a commit under way is never cut, because nobody would know what became of it.
    async fn decide_in_time(&self, deps: &Deps, now: Millis, record: &mut Record) -> Result<TurnCommit, CannotAsk> {
        if let Ok(decided) = tokio::time::timeout(deps.turn_limit, self.decide(deps, now, record)).await {
            return decided;
        }
        let seconds = deps.turn_limit.as_secs();
        let (trouble, reason) = match record.reading.take() {
            Some("state") => (Trouble::Store, format!("cut after {seconds} s, while reading state")),
            Some(what) => (Trouble::Webex, format!("cut after {seconds} s, while reading the {what}")),
            None => (Trouble::Stuck, format!("stuck: cut after {seconds} s without a decision")),
        };
        Ok(self.again(deps, trouble, &reason, now, record))
    }

    /// Steps until the brain has decided, and makes the commit of it.
    async fn decide(&self, deps: &Deps, now: Millis, record: &mut Record) -> Result<TurnCommit, CannotAsk> {
        if self.claimed.doubts >= DOUBTS {
            let reason =
                Cause::Crashed.because(format!("took the process down: {DOUBTS} claims of it ended with the process"));
            return Ok(self.commit(TurnOutcome::Buried { reason }, now, record, deps));
        }
        let Ok(event) = Event::decode(&self.row.payload) else {
            // Not the parser's words: they quote what they stumble over.
            let reason = Cause::Unreadable.because("this version cannot read the stored event");
            return Ok(self.commit(TurnOutcome::Buried { reason }, now, record, deps));
        };
        let mut facts = Facts::new();
        for _ in 0..STEPS {
            let turn = Turn { event: &event, me: &self.me, facts: &facts, now, zone: deps.zone };
            match brain::step(&deps.engine, &self.program, &turn) {
                Step::Done(mut decision) => {
                    if let Err(error) = self.put_envelopes(deps, &mut decision).await {
                        let reason = format!("the store could not be read: {error}");
                        return Ok(self.again(deps, Trouble::Store, &reason, now, record));
                    }
                    return Ok(self.decided(decision, &facts, now, record, deps));
                }
                Step::Fail(reason) => {
                    let reason = Cause::Failed.because(reason);
                    return Ok(self.commit(TurnOutcome::Buried { reason }, now, record, deps));
                }
                Step::Need(reads) => {
                    for read in reads {
                        match self.learn(deps, &read, record).await {
                            Ok(fact) => {
                                facts.insert(read, fact);
                            }
                            Err(ReadError::Down) => return Err(CannotAsk),
                            Err(ReadError::Later(trouble, reason)) => {
                                return Ok(self.again(deps, trouble, &reason, now, record));
                            }
                        }
                    }
                    deps.breaking.pass(Point::MidTurn, Some(&self.lease.bot)).await;
                }
            }
        }
        let reason = Cause::Failed.because(format!("no decision after {STEPS} rounds of reads"));
        Ok(self.commit(TurnOutcome::Buried { reason }, now, record, deps))
    }

    /// What is forwarded goes along with its call: the brain never sees a webhook as it came.
    async fn put_envelopes(&self, deps: &Deps, decision: &mut Decision) -> Result<(), StoreError> {
        for effect in &mut decision.effects {
            if let Effect::Call(HandlerCall { target: Target::Forward { envelope, .. }, .. }) = effect {
                let kept = deps.store.envelope(self.row.id).await?.unwrap_or_default();
                *envelope = STANDARD.encode(kept);
            }
        }
        Ok(())
    }

    async fn learn(&self, deps: &Deps, read: &Read, record: &mut Record) -> Result<Fact, ReadError> {
        let asked = deps.clock.now();
        record.reading = Some(read.kind());
        let answered = deps.read(&self.lease, read).await?;
        record.reading = None;
        let lagging = match (read, &answered.fact) {
            (Read::Message(_), Fact::Missing) => Some("Webex does not show the message yet"),
            (Read::Sent(_), Fact::Missing) => Some("that the card was sent is not written down yet"),
            _ => None,
        };
        record.needed(Need {
            cached: answered.from_cache,
            missing: answered.fact == Fact::Missing,
            read: read.kind(),
            took_ms: whole_millis(deps.clock.now().since(asked)),
        });
        if let Some(reason) = lagging
            && !Trouble::NotThereYet.is_over(self.claimed.attempt, Duration::ZERO, 0)
        {
            return Err(ReadError::Later(Trouble::NotThereYet, reason.to_owned()));
        }
        Ok(answered.fact)
    }

    fn decided(&self, decision: Decision, facts: &Facts, now: Millis, record: &Record, deps: &Deps) -> TurnCommit {
        let outcome = match &decision.buried {
            Some(reason) => TurnOutcome::Buried { reason: Cause::Failed.because(reason.clone()) },
            None => TurnOutcome::Finished,
        };
        let took = deps.clock.now().since(now);
        let told = record.told(&self.program, took, Some((&decision.rule, &decision.notes)));
        let mut commit = self.commit_with(outcome, told);
        for effect in decision.effects {
            match effect {
                Effect::Say(delivery) => commit.deliveries.push(NewDelivery {
                    id: EventId::new(),
                    order_key: delivery.to.order_key(),
                    class: Class::Interactive,
                    lane: Lane::Webex,
                    due_at: now,
                    takes_place: delivery.takes_place().map(str::to_owned),
                    payload: delivery.encode(),
                }),
                Effect::Remember(operation) => commit.state.push(operation),
                Effect::Dialogue(DialogueStep { room, person, read, value }) => {
                    commit.dialogue = Some(DialogueChange { room, person, read, value });
                }
                Effect::Call(call) => {
                    let id = EventId::new();
                    // What stands in no line waits for no other: a key that nobody else has.
                    let alone = || Digest::of([b"call".as_slice(), id.0.as_bytes()]).mark();
                    commit.deliveries.push(NewDelivery {
                        id,
                        order_key: call.line().map_or_else(alone, str::to_owned),
                        class: Class::Interactive,
                        lane: Lane::Calls,
                        due_at: now,
                        takes_place: None,
                        payload: call.encode(),
                    });
                }
                Effect::Timer(timer) => commit.timers.push(NewTimer {
                    order_key: timer.event.order_key(),
                    payload: timer.event.encode(),
                    name: timer.name,
                    due_at: timer.at,
                }),
                // What was set before it in this turn goes too; what is set after it stays.
                Effect::CancelTimer(name) => {
                    commit.timers.retain(|timer| timer.name != name);
                    commit.cancelled.push(name);
                }
            }
        }
        commit.reads = versions(facts);
        commit
    }

    /// Tried again after a while, or buried when the table of retries says that it is over.
    fn again(&self, deps: &Deps, trouble: Trouble, reason: &str, now: Millis, record: &Record) -> TurnCommit {
        let (tries, waited) = (self.claimed.attempt, deps.clock.now().since(self.row.accepted_at));
        let outcome = if trouble.is_over(tries, waited, deps.event_attempts) {
            let reason = match trouble.schedule().end {
                End::Age(_) => Cause::TooOld.because(format!("gave up after {tries} attempts in a day: {reason}")),
                _ => Cause::GaveUp.because(format!("gave up after {tries} attempts: {reason}")),
            };
            TurnOutcome::Buried { reason }
        } else {
            let wait = trouble.wait(tries, self.row.seq.0.unsigned_abs());
            let at = deps.clock.now().plus(wait.max(Duration::from_millis(1)));
            TurnOutcome::Retry { at, reason: reason.to_owned() }
        };
        self.commit(outcome, now, record, deps)
    }

    async fn bury(&self, deps: &Deps, reason: Reason, started: Millis, record: &Record) -> Ended {
        let commit = self.commit(TurnOutcome::Buried { reason }, started, record, deps);
        self.settle(deps, commit, started).await
    }

    /// Commits an outcome that carries no effects.
    async fn settle(&self, deps: &Deps, commit: TurnCommit, started: Millis) -> Ended {
        let outcome = commit.outcome.clone();
        match self.persist(deps, commit).await {
            Ok(TurnAnswer::Committed) => self.report(deps, &outcome, started),
            Ok(TurnAnswer::Fenced) => Ended::Fenced,
            Ok(TurnAnswer::Conflict) | Err(_) => Ended::Returned,
        }
    }

    /// Commits, however often the store fails on the way: an event whose end is not written stays claimed, and
    /// its order key with it.
    async fn persist(&self, deps: &Deps, commit: TurnCommit) -> Result<TurnAnswer, StoreError> {
        for attempt in 1.. {
            match deps.store.commit_turn(commit.clone()).await {
                Err(error) if passes(&error) => self.wait_for_the_store(attempt, &error).await,
                answer => return answer,
            }
        }
        Err(StoreError::Closed)
    }

    /// Gives the event back, however often the store fails on the way.
    async fn give_back(&self, deps: &Deps) {
        for attempt in 1.. {
            match deps.store.release(self.lease.clone(), vec![self.row.seq]).await {
                Err(error) if passes(&error) => self.wait_for_the_store(attempt, &error).await,
                _ => return,
            }
        }
    }

    async fn wait_for_the_store(&self, attempt: u32, error: &StoreError) {
        if attempt == 1 {
            tracing::error!(bot.id = %self.lease.bot, event.id = %self.row.id, error = %error, "the end of a turn waits for the store");
        }
        tokio::time::sleep(Trouble::Outcome.wait(attempt, self.row.seq.0.unsigned_abs())).await;
    }

    fn commit(&self, outcome: TurnOutcome, started: Millis, record: &Record, deps: &Deps) -> TurnCommit {
        let took = deps.clock.now().since(started);
        self.commit_with(outcome, record.told(&self.program, took, None))
    }

    /// A commit that changes nothing yet.
    fn commit_with(&self, outcome: TurnOutcome, record: Option<String>) -> TurnCommit {
        TurnCommit {
            lease: self.lease.clone(),
            event: self.row.seq,
            attempt: self.claimed.attempt,
            reads: Vec::new(),
            state: Vec::new(),
            dialogue: None,
            deliveries: Vec::new(),
            timers: Vec::new(),
            cancelled: Vec::new(),
            outcome,
            record,
        }
    }

    /// Logs and counts how the turn ended; a failure is logged here and nowhere else.
    fn report(&self, deps: &Deps, outcome: &TurnOutcome, started: Millis) -> Ended {
        let (bot, event, attempt) = (&self.lease.bot, &self.row.id, self.claimed.attempt);
        deps.metrics.bots.turn_took(deps.clock.now().since(started));
        match outcome {
            TurnOutcome::Finished => {
                deps.metrics.bots.finished.inc();
                tracing::debug!(bot.id = %bot, event.id = %event, turn.attempt = attempt, "turn finished");
                Ended::Done
            }
            TurnOutcome::Retry { at, reason } => {
                deps.metrics.bots.retried.inc();
                tracing::warn!(bot.id = %bot, event.id = %event, turn.attempt = attempt, retry.at = %at, reason, "turn will be tried again");
                Ended::Aside(*at)
            }
            TurnOutcome::Buried { reason } => {
                deps.metrics.bots.buried.inc();
                tracing::error!(bot.id = %bot, event.id = %event, turn.attempt = attempt, cause = reason.cause.as_str(), reason = reason.text, "event buried");
                Ended::Done
            }
        }
    }
}

/// Whether trying the same again may help.
fn passes(error: &StoreError) -> bool {
    !matches!(error, StoreError::Closed | StoreError::Refused(_))
}

/// The versions of shared state that the decision rests on.
fn versions(facts: &Facts) -> Vec<(StateScope, String, Version)> {
    facts
        .iter()
        .filter_map(|(read, fact)| match (read, fact) {
            (Read::State(scope, key), Fact::State(version, _)) => Some((scope.clone(), key.clone(), *version)),
            _ => None,
        })
        .collect()
}
