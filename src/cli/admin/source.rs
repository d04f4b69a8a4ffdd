//! Who answers a look: the running service, or, with none running, the store itself.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::{
    client::{Client, Trouble},
    out,
    service::{self, Absent},
};
use crate::{
    actors::report::{BotState, BotStatus, WebhookSummary},
    app::{self, StartError},
    base::{BotId, Clock, EventId},
    cli::failure::Failure,
    settings::Settings,
    store::{
        BacklogRow, BotRow, EventDetail, EventQuery, EventSummary, Store, StoreError,
        sqlite::{OpenError, SqliteStore},
    },
};

/// The database in a data dir. Opening would make one, and a look must not.
const STORE_FILE: &str = "botyard.db";

/// Who answers.
#[derive(Debug)]
pub(super) enum Source {
    /// The running service.
    Service(Client),
    /// The store, which nobody else has open.
    Store(SqliteStore),
}

/// An answer as data for people and as JSON for scripts.
#[derive(Debug)]
pub(super) struct Told<T> {
    pub(super) json: String,
    pub(super) data: T,
}

/// A bot, and whether it is only remembered.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) status: BotStatus,
    /// No service runs, so neither does the bot; nothing keeps it down.
    pub(super) stopped: bool,
}

impl Known {
    /// The word for how it is.
    pub(super) fn state(&self) -> &'static str {
        if self.stopped { "stopped" } else { self.status.state.as_str() }
    }

    fn json(&self) -> serde_json::Value {
        let mut json = json!(self.status);
        json["state"] = json!(self.state());
        json
    }
}

/// Whether there is a store in a data dir.
pub(super) fn has_store(data_dir: &Path) -> bool {
    data_dir.join(STORE_FILE).exists()
}

/// Finds who answers.
pub(super) async fn find(settings: &Settings) -> Result<Source, Failure> {
    match service::find(settings).await {
        Ok(service) => Ok(Source::Service(service.client(settings.admin.token_file.as_deref())?)),
        Err(absent) => {
            let dir = service::data_dirs(settings).into_iter().find(|dir| has_store(dir));
            let Some(dir) = dir else { return Err(absent.failure()) };
            let store = open(settings, dir.clone(), &absent).await?;
            out::say(&format!("no service is running; this is what the store in `{}` says", dir.display()));
            Ok(Source::Store(store))
        }
    }
}

/// Opens the store of a data dir that no running service was found for.
pub(super) async fn open(settings: &Settings, data_dir: PathBuf, absent: &Absent) -> Result<SqliteStore, Failure> {
    let settings = Settings { data_dir, ..settings.clone() };
    app::open_store_alone(&settings, &Clock::System).await.map_err(|error| match error {
        StartError::Open(OpenError::Locked { path, holder, .. }) => Failure::problem(format!(
            "the data dir `{}` is in use by {holder}, but its admin API does not answer: {absent}; if that service \
             is just being started or stopped, try again; else look at its log, and give this command the same \
             `admin.listen` (BOTYARD_ADMIN__LISTEN)",
            path.display()
        )),
        other => Failure::refused(other),
    })
}

impl Source {
    /// How every bot is, by id.
    pub(super) async fn bots(&self) -> Result<Told<Vec<Known>>, Failure> {
        #[derive(Deserialize)]
        struct List {
            bots: Vec<BotStatus>,
        }
        match self {
            Self::Service(client) => {
                let answered = client.get("/v1/bots").await?;
                let List { bots } = answered.read()?;
                Ok(Told { json: answered.json(), data: bots.into_iter().map(running).collect() })
            }
            Self::Store(store) => {
                let data = remembered(store).await.map_err(broken)?;
                let list: Vec<_> = data.iter().map(Known::json).collect();
                Ok(Told { json: json!({ "bots": list }).to_string(), data })
            }
        }
    }

    /// How one bot is.
    pub(super) async fn bot(&self, bot: &BotId) -> Result<Option<Told<Known>>, Failure> {
        match self {
            Self::Service(client) => {
                let Some(answered) = unless(client.get(&format!("/v1/bots/{bot}")).await, "unknown_bot")? else {
                    return Ok(None);
                };
                Ok(Some(Told { data: running(answered.read()?), json: answered.json() }))
            }
            Self::Store(_) => {
                let known = self.bots().await?.data.into_iter().find(|known| known.status.id == *bot);
                Ok(known.map(|known| Told { json: known.json().to_string(), data: known }))
            }
        }
    }

    /// The newest events.
    pub(super) async fn events(&self, query: EventQuery) -> Result<Told<Vec<EventSummary>>, Failure> {
        #[derive(Deserialize)]
        struct List {
            events: Vec<EventSummary>,
        }
        match self {
            Self::Service(client) => {
                let answered = client.get(&events_path(&query)).await?;
                let List { events } = answered.read()?;
                Ok(Told { json: answered.json(), data: events })
            }
            Self::Store(store) => {
                let data = store.events(query).await.map_err(broken)?;
                Ok(Told { json: json!({ "events": data }).to_string(), data })
            }
        }
    }

    /// One event with its story.
    pub(super) async fn event(&self, id: EventId) -> Result<Option<Told<EventDetail>>, Failure> {
        match self {
            Self::Service(client) => {
                let Some(answered) = unless(client.get(&format!("/v1/events/{id}")).await, "unknown_event")? else {
                    return Ok(None);
                };
                Ok(Some(Told { data: answered.read()?, json: answered.json() }))
            }
            Self::Store(store) => {
                let found = store.event(id).await.map_err(broken)?;
                Ok(found.map(|data| Told { json: json!(data).to_string(), data }))
            }
        }
    }

    /// Lets go of the store.
    pub(super) async fn close(self) {
        if let Self::Store(store) = self {
            // It was only read, or what was written is committed already.
            let _ = store.close().await;
        }
    }
}

/// Turns one refusal into "there is none".
pub(super) fn unless<T>(answer: Result<T, Trouble>, word: &str) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(trouble) if trouble.is(word) => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

fn events_path(query: &EventQuery) -> String {
    let mut path = format!("/v1/events?limit={}", query.limit);
    if let Some(bot) = &query.bot {
        path = format!("{path}&bot={bot}");
    }
    if let Some(state) = query.state {
        path = format!("{path}&state={}", state.as_str());
    }
    path
}

pub(super) fn broken(error: StoreError) -> Failure {
    Failure::fault(error)
}

fn running(status: BotStatus) -> Known {
    Known { status, stopped: false }
}

async fn remembered(store: &SqliteStore) -> Result<Vec<Known>, StoreError> {
    let (rows, backlog, silence) = (store.bots().await?, store.backlog().await?, store.silence().await?);
    let mut known: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let row = BotRow { hold: silence.of(&row.bot).or(row.hold), ..row };
            let pending = backlog.iter().find(|pending| pending.bot == row.bot);
            from_row(row, pending)
        })
        .collect();
    known.sort_by(|a, b| a.status.id.cmp(&b.status.id));
    Ok(known)
}

fn from_row(row: BotRow, pending: Option<&BacklogRow>) -> Known {
    let (state, reason) = match row.hold {
        _ if row.retired_at.is_some() => (Some(BotState::Retired), Some("its definition is gone".to_owned())),
        Some(hold) => (Some(BotState::from(hold.kind)), Some(hold.reason)),
        None => (None, None),
    };
    let status = BotStatus {
        id: row.bot,
        state: state.unwrap_or(BotState::Starting),
        reason,
        digest: Some(row.digest.short()),
        name: row.identity.as_ref().map(|identity| identity.display_name.clone()),
        email: row.identity.map(|identity| identity.email),
        waiting: pending.map_or(0, |row| row.events),
        deliveries: pending.map_or(0, |row| row.deliveries),
        buried: pending.map_or(0, |row| row.buried),
        webhooks: WebhookSummary::default(),
        last_error: None,
        diagnostics: Vec::new(),
    };
    Known { status, stopped: state.is_none() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{Digest, Millis},
        settings::LoadOptions,
        store::{Class, EventState, Hold, HoldKind, NewBot, NewEvent},
    };

    fn settings(data_dir: &Path) -> Settings {
        // Port 0: there is nobody to ask, so that no service of this machine answers a test.
        let overrides = [("data_dir", data_dir.to_str().unwrap()), ("admin.listen", "127.0.0.1:0")];
        let overrides = overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
    }

    fn bot(id: &str) -> BotId {
        BotId::parse(id).unwrap()
    }

    async fn filled(settings: &Settings) -> EventId {
        let store = app::open_store_alone(settings, &Clock::System).await.unwrap();
        for id in ["oncall", "echo"] {
            let (bot, digest) = (bot(id), Digest([7; 32]));
            let new = NewBot { bot: bot.clone(), definition: bot, digest, source: "{}".into(), kinds: 1 };
            store.put_bot(new).await.unwrap();
        }
        let hold = Hold { kind: HoldKind::Parked, reason: "Webex refuses its token".into(), since: Millis(1) };
        store.put_hold(bot("oncall"), Some(hold)).await.unwrap();
        let event = NewEvent {
            bot: bot("echo"),
            id: EventId::new(),
            kind: "messages.created",
            order_key: "room|person".into(),
            dedupe_key: "key".into(),
            seen_until: Millis(i64::MAX / 2),
            class: Class::Interactive,
            due_at: Millis(0),
            payload: Vec::new(),
            envelope: None,
            answers: None,
        };
        let id = event.id;
        store.accept(event).await.unwrap();
        store.close().await.unwrap();
        id
    }

    #[tokio::test]
    async fn with_no_service_running_the_store_answers_in_the_shape_of_the_admin_api() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let event = filled(&settings).await;
        let source = find(&settings).await.unwrap();
        assert!(matches!(source, Source::Store(_)));

        let told = source.bots().await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&told.json).unwrap();
        let words: Vec<_> = told.data.iter().map(|known| (known.status.id.as_str(), known.state())).collect();
        assert_eq!(words, [("echo", "stopped"), ("oncall", "parked")]);
        assert_eq!((&json["bots"][0]["state"], &json["bots"][0]["waiting"]), (&json!("stopped"), &json!(1)));
        let one = source.bot(&bot("oncall")).await.unwrap().unwrap();
        assert_eq!(one.data.status.reason.as_deref(), Some("Webex refuses its token"));
        assert!(source.bot(&bot("nobody")).await.unwrap().is_none());

        let query = EventQuery { bot: Some(bot("echo")), state: Some(EventState::Waiting), limit: 5 };
        let listed = source.events(query).await.unwrap();
        assert_eq!(listed.data.iter().map(|event| event.id).collect::<Vec<_>>(), [event]);
        assert!(listed.json.starts_with("{\"events\":[{"), "{}", listed.json);
        let story = source.event(event).await.unwrap().unwrap();
        assert_eq!((story.data.order_key.as_str(), &*story.data.summary.kind), ("room|person", "messages.created"));
        assert!(source.event(EventId::new()).await.unwrap().is_none());
        source.close().await;
    }

    #[tokio::test]
    async fn a_look_makes_no_store() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("data");
        let text = format!("{:?}", find(&settings(&missing)).await.unwrap_err());
        assert!(text.contains("botyard serve") && !missing.exists(), "{text}");
    }

    #[tokio::test]
    async fn a_service_that_holds_the_store_but_does_not_answer_is_said_to_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let held = app::open_store_alone(&settings, &Clock::System).await.unwrap();
        let text = format!("{:?}", find(&settings).await.unwrap_err());
        assert!(text.contains("in use by") && text.contains("does not answer"), "{text}");
        assert!(text.contains("BOTYARD_ADMIN__LISTEN"), "{text}");
        held.close().await.unwrap();
    }

    #[test]
    fn the_query_says_what_is_wanted() {
        let query = EventQuery { bot: Some(bot("echo")), state: Some(EventState::Buried), limit: 7 };
        assert_eq!(events_path(&query), "/v1/events?limit=7&bot=echo&state=buried");
        assert_eq!(events_path(&EventQuery { bot: None, state: None, limit: 1 }), "/v1/events?limit=1");
    }
}
