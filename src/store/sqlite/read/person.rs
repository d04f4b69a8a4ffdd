//! Looks for a person in what is stored: one part of it, some thousand rows. Erases nothing.

use sqlx::SqliteConnection;

use super::due::known;
use crate::{
    base::{Event, Trigger},
    store::{ForgetAt, ForgetStep, Forgotten, StoreError, sqlite::mention::Mentions},
};

/// Numbers that one look passes, and rows that it takes of them: a few megabytes.
const WINDOW: i64 = 5000;
const ROWS: i64 = 1000;
/// Names one person can have; more are a mistake.
const NAMES: usize = 16;

/// What belongs to the person.
#[derive(Debug, Default)]
pub(in super::super) struct Found {
    pub(in super::super) names: Vec<String>,
    pub(in super::super) events: Vec<i64>,
    pub(in super::super) deliveries: Vec<i64>,
    pub(in super::super) sent: Vec<i64>,
    /// Bot, scope, key.
    pub(in super::super) state: Vec<(String, String, String)>,
    /// Bot, room, person.
    pub(in super::super) dialogues: Vec<(String, String, String)>,
    /// Bot, name.
    pub(in super::super) timers: Vec<(String, String)>,
    pub(in super::super) left: u64,
    pub(in super::super) definitions: Vec<String>,
    pub(in super::super) next: Option<ForgetAt>,
}

impl Found {
    /// What there is to tell besides what was erased.
    pub(in super::super) fn told(&self) -> Forgotten {
        let Self { names, left, definitions, next, .. } = self;
        Forgotten {
            names: names.clone(),
            left: *left,
            definitions: definitions.clone(),
            next: next.clone(),
            ..Forgotten::default()
        }
    }

    /// What would be erased.
    pub(in super::super) fn counted(&self) -> Forgotten {
        Forgotten {
            events: self.events.len() as u64,
            deliveries: self.deliveries.len() as u64,
            sent: self.sent.len() as u64,
            state: self.state.len() as u64,
            dialogues: self.dialogues.len() as u64,
            timers: self.timers.len() as u64,
            ..self.told()
        }
    }
}

pub(in super::super) async fn look(conn: &mut SqliteConnection, step: &ForgetStep) -> Result<Found, StoreError> {
    let person = Person { is_named: Mentions::of(&step.names).map_err(StoreError::Refused)?, names: &step.names };
    let mut found = Found { names: step.names.clone(), ..Found::default() };
    match &step.at {
        ForgetAt::Names(after) => person.names(conn, *after, &mut found).await?,
        ForgetAt::Deliveries(after) => person.deliveries(conn, *after, &mut found).await?,
        ForgetAt::Events(after) => person.events(conn, *after, &mut found).await?,
        ForgetAt::Sent(after) => person.sent(conn, *after, &mut found).await?,
        ForgetAt::State(bot, scope, key) => person.state(conn, (bot, scope, key), &mut found).await?,
        ForgetAt::Dialogues(bot, room, whose) => person.dialogues(conn, (bot, room, whose), &mut found).await?,
        ForgetAt::Timers(bot, name) => person.timers(conn, (bot, name), &mut found).await?,
        ForgetAt::Definitions(bot) => person.definitions(conn, bot, &mut found).await?,
    }
    Ok(found)
}

struct Person<'a> {
    names: &'a [String],
    is_named: Mentions,
}

/// Where a look over numbered rows goes on, if there is more.
fn after<T>(rows: &[(i64, T)], begun: i64, newest: Option<i64>) -> Option<i64> {
    let whole = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= ROWS;
    let last = rows.last().filter(|_| whole).map_or(begun + WINDOW, |(seq, _)| *seq);
    (last < newest?).then_some(last)
}

/// The number before the next one that is there: rows of long ago are gone, and need not be passed.
macro_rules! begin {
    ($conn:expr, $table:literal, $after:expr) => {{
        let edges: (Option<i64>, Option<i64>) = sqlx::query_as(concat!(
            "SELECT (SELECT seq FROM ",
            $table,
            " WHERE seq > $1 ORDER BY seq LIMIT 1), (SELECT max(seq) FROM ",
            $table,
            ")"
        ))
        .bind($after)
        .fetch_one(&mut *$conn)
        .await?;
        (edges.0.map_or($after, |first| first - 1), edges.1)
    }};
}

impl Person<'_> {
    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// An event tells a person's id and address together: so one leads to the other.
    async fn names(&self, conn: &mut SqliteConnection, from: i64, found: &mut Found) -> Result<(), StoreError> {
        let (rows, next) = self.stored_events(conn, from).await?;
        for (_, payload) in rows.iter().filter(|(_, payload)| self.is_named.are_in_json(payload)) {
            let Ok(event) = Event::decode(payload) else { continue };
            let (Trigger::Message { person, email, .. } | Trigger::Membership { person, email, .. }) = &event.trigger
            else {
                continue;
            };
            let both: Vec<&String> = email.iter().chain([person]).filter(|name| name.len() > 2).collect();
            if both.iter().any(|name| self.is(name)) {
                for name in both {
                    let is_new = !found.names.iter().any(|known| known.eq_ignore_ascii_case(name));
                    if is_new && found.names.len() < NAMES {
                        found.names.push(name.clone());
                    }
                }
            }
        }
        // A name that is new may stand in events that were passed.
        found.next = Some(match next {
            _ if found.names.len() > self.names.len() => ForgetAt::Names(0),
            Some(next) => ForgetAt::Names(next),
            None => ForgetAt::Deliveries(0),
        });
        Ok(())
    }

    async fn stored_events(
        &self,
        conn: &mut SqliteConnection,
        from: i64,
    ) -> Result<(Vec<(i64, Vec<u8>)>, Option<i64>), StoreError> {
        let (begun, newest) = begin!(conn, "inbox", from);
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT seq, payload FROM inbox
             WHERE seq > $1 AND seq <= $1 + $2 AND erased_at IS NULL ORDER BY seq LIMIT +$3",
        )
        .bind(begun)
        .bind(WINDOW)
        .bind(ROWS)
        .fetch_all(conn)
        .await?;
        let next = after(&rows, begun, newest);
        Ok((rows, next))
    }

    async fn events(&self, conn: &mut SqliteConnection, from: i64, found: &mut Found) -> Result<(), StoreError> {
        let (rows, next) = self.stored_events(conn, from).await?;
        let named = rows.into_iter().filter(|(_, payload)| self.is_named.are_in_json(payload));
        found.events = named.map(|(seq, _)| seq).collect();
        found.next = Some(next.map_or(ForgetAt::Sent(0), ForgetAt::Events));
        Ok(())
    }

    async fn sent(&self, conn: &mut SqliteConnection, from: i64, found: &mut Found) -> Result<(), StoreError> {
        type Row = (i64, Option<String>, Option<String>, Option<String>);
        let rows: Vec<Row> =
            sqlx::query_as("SELECT seq, person, key, context FROM sent WHERE seq > $1 ORDER BY seq LIMIT +$2")
                .bind(from)
                .bind(ROWS)
                .fetch_all(conn)
                .await?;
        found.next = Some(match rows.last() {
            Some((last, ..)) => ForgetAt::Sent(*last),
            None => ForgetAt::State(String::new(), String::new(), String::new()),
        });
        let theirs = rows.into_iter().filter(|(_, person, key, context)| {
            person.as_deref().is_some_and(|person| self.is(person))
                || key.as_deref().is_some_and(|key| self.is_named.are_in(key))
                || context.as_deref().is_some_and(|context| self.is_named.are_in_json(context.as_bytes()))
        });
        found.sent = theirs.map(|(seq, ..)| seq).collect();
        Ok(())
    }

    /// Before the events: what answered one of the person is known by it.
    async fn deliveries(&self, conn: &mut SqliteConnection, from: i64, found: &mut Found) -> Result<(), StoreError> {
        let (begun, newest) = begin!(conn, "outbox", from);
        let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT d.seq, d.payload, e.payload FROM outbox AS d LEFT JOIN inbox AS e ON e.public_id = d.event
             WHERE d.seq > $1 AND d.seq <= $1 + $2 AND d.erased_at IS NULL ORDER BY d.seq LIMIT +$3",
        )
        .bind(begun)
        .bind(WINDOW)
        .bind(ROWS)
        .fetch_all(conn)
        .await?;
        let rows: Vec<(i64, bool)> = rows
            .into_iter()
            .map(|(seq, text, event)| {
                let asked = event.is_some_and(|event| self.is_named.are_in_json(&event));
                (seq, asked || self.is_named.are_in_json(&text))
            })
            .collect();
        let next = after(&rows, begun, newest);
        found.deliveries = rows.into_iter().filter(|(_, theirs)| *theirs).map(|(seq, _)| seq).collect();
        found.next = Some(next.map_or(ForgetAt::Events(0), ForgetAt::Deliveries));
        Ok(())
    }

    async fn state(
        &self,
        conn: &mut SqliteConnection,
        (bot, scope, key): (&str, &str, &str),
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let rows: Vec<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT bot, scope, key, value FROM state WHERE (bot, scope, key) > ($1, $2, $3)
             ORDER BY bot, scope, key LIMIT +$4",
        )
        .bind(bot)
        .bind(scope)
        .bind(key)
        .bind(ROWS)
        .fetch_all(conn)
        .await?;
        found.next = Some(match rows.last() {
            Some((bot, scope, key, _)) => ForgetAt::State(bot.clone(), scope.clone(), key.clone()),
            None => ForgetAt::Dialogues(String::new(), String::new(), String::new()),
        });
        for (bot, scope, key, value) in rows {
            if scope.strip_prefix("person:").is_some_and(|person| self.is(person)) {
                found.state.push((bot, scope, key));
            } else if self.is_named.are_in(&key)
                || value.is_some_and(|value| self.is_named.are_in_json(value.as_bytes()))
            {
                found.left += 1;
            }
        }
        Ok(())
    }

    async fn dialogues(
        &self,
        conn: &mut SqliteConnection,
        (bot, room, whose): (&str, &str, &str),
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let rows: Vec<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT bot, room, person, value FROM dialogues WHERE (bot, room, person) > ($1, $2, $3)
             ORDER BY bot, room, person LIMIT +$4",
        )
        .bind(bot)
        .bind(room)
        .bind(whose)
        .bind(ROWS)
        .fetch_all(conn)
        .await?;
        found.next = Some(match rows.last() {
            Some((bot, room, person, _)) => ForgetAt::Dialogues(bot.clone(), room.clone(), person.clone()),
            None => ForgetAt::Timers(String::new(), String::new()),
        });
        for (bot, room, person, value) in rows {
            if self.is(&person) {
                found.dialogues.push((bot, room, person));
            } else if value.is_some_and(|value| self.is_named.are_in_json(value.as_bytes())) {
                found.left += 1;
            }
        }
        Ok(())
    }

    async fn timers(
        &self,
        conn: &mut SqliteConnection,
        (bot, name): (&str, &str),
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let rows: Vec<(String, String, Vec<u8>)> = sqlx::query_as(
            "SELECT bot, name, payload FROM timers WHERE (bot, name) > ($1, $2) ORDER BY bot, name LIMIT +$3",
        )
        .bind(bot)
        .bind(name)
        .bind(ROWS)
        .fetch_all(conn)
        .await?;
        found.next = Some(match rows.last() {
            Some((bot, name, _)) => ForgetAt::Timers(bot.clone(), name.clone()),
            None => ForgetAt::Definitions(String::new()),
        });
        let theirs = |name: &str, payload: &[u8]| self.is_named.are_in(name) || self.is_named.are_in_json(payload);
        let rows = rows.into_iter().filter(|(_, name, payload)| theirs(name, payload));
        found.timers = rows.map(|(bot, name, _)| (bot, name)).collect();
        Ok(())
    }

    async fn definitions(&self, conn: &mut SqliteConnection, bot: &str, found: &mut Found) -> Result<(), StoreError> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT bot, source FROM definitions WHERE bot > $1 ORDER BY bot LIMIT +$2")
                .bind(bot)
                .bind(ROWS)
                .fetch_all(conn)
                .await?;
        found.next = rows.last().map(|(bot, _)| ForgetAt::Definitions(bot.clone()));
        for (bot, source) in rows {
            if self.is_named.are_in_json(source.as_bytes()) {
                found.definitions.push(known(&bot)?.to_string());
            }
        }
        Ok(())
    }
}
