//! `botyard state`: what a bot keeps, looked at, changed, taken out and put in.

use std::{
    fs,
    io::{self, IsTerminal, Read as _, Write as _},
    path::Path,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    bot_id, out,
    out::{cut, moment, plain},
    portable, run,
    source::{self, Source, broken},
    unknown, user, when,
};
use crate::{
    base::{BotId, Clock, StateScope},
    cli::{
        args::{SettingsArgs, StateCommand, StateScopeArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    http::admin::memory::Changes,
    store::{
        MOST_OF_A_PAGE, MOST_OF_AN_EDIT, StateChange, StateEdit, StateEdited, StatePage, StateQuery, StateRow, Store,
        StoreError,
    },
};

/// Characters of a value in the table; all of it is in the JSON.
const VALUE: usize = 60;
/// Bytes of changes that go in one request: half of what the service takes.
const A_REQUEST: usize = 512 * 1024;
/// Largest file to be imported: a hundred thousand keys of some hundred bytes, and more.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// `botyard state`
pub(in crate::cli) fn state(from: &SettingsArgs, command: &StateCommand) -> Outcome {
    let settings = settings::load(from)?;
    let bot = bot_id(command.bot())?;
    let job = Job::of(command, bot)?;
    run(async {
        let source = source::find(&settings).await?;
        let told = job.run(&source).await;
        source.close().await;
        match told? {
            Some(text) => out::print(&text)?,
            None => out::say("done"),
        }
        Ok(Exit::Fine)
    })
}

/// What is to be done, with everything read that may be wrong with it.
enum Job<'a> {
    Get { query: StateQuery, one: Option<&'a str>, json: bool },
    Edit { bot: BotId, change: StateChange, json: bool },
    Export { bot: BotId, to: Option<&'a Path>, json: bool },
    Import { bot: BotId, imported: portable::Imported, dry_run: bool, json: bool },
}

impl<'a> Job<'a> {
    fn of(command: &'a StateCommand, bot: BotId) -> Result<Self, Failure> {
        Ok(match command {
            StateCommand::Get(args) => {
                let whose = scope(&args.of)?;
                // Without a key everything is shown; a key alone is that of the bot.
                let scope = if args.key.is_some() { Some(whose.unwrap_or(StateScope::Bot)) } else { whose };
                let query = StateQuery { bot, scope, key: args.key.clone(), after: None, limit: MOST_OF_A_PAGE };
                Self::Get { query, one: args.key.as_deref(), json: args.json }
            }
            StateCommand::Set(args) => {
                let value = if args.remove { None } else { Some(value(args.value.as_deref(), args.text)?) };
                let expires_at =
                    args.expires.as_deref().map(|text| when::coming("--expires", text, Clock::System.now()));
                let scope = scope(&args.of)?.unwrap_or(StateScope::Bot).column();
                let change = StateChange { scope, key: args.key.clone(), value, expires_at: expires_at.transpose()? };
                change.check().map_err(Failure::usage)?;
                if let Some(why) = portable::own(&args.key) {
                    return Err(Failure::problem(why));
                }
                Self::Edit { bot, change, json: args.json }
            }
            StateCommand::Export(args) => Self::Export { bot, to: args.file.as_deref(), json: args.json },
            StateCommand::Import(args) => {
                let text = file(&args.file)?;
                let imported = portable::read(&text, Clock::System.now()).map_err(|problems| {
                    Failure::problem(format!(
                        "`{}` cannot be imported, and nothing was:\n{problems}",
                        args.file.display()
                    ))
                })?;
                Self::Import { bot, imported, dry_run: args.dry_run, json: args.json }
            }
        })
    }

    /// Nothing to print: it was written elsewhere.
    async fn run(self, source: &Source) -> Result<Option<String>, Failure> {
        match self {
            Self::Get { query, one, json } => get(source, query, one, json).await.map(Some),
            Self::Edit { bot, change, json } => {
                let edited = edit(source, &bot, vec![change.clone()], false).await?;
                Ok(Some(if json { json!(edited).to_string() } else { edited_text(&change, edited) }))
            }
            Self::Export { bot, to, json } => export(source, bot, to, json).await,
            Self::Import { bot, imported, dry_run, json } => {
                import(source, &bot, imported, dry_run, json).await.map(Some)
            }
        }
    }
}

fn scope(of: &StateScopeArgs) -> Result<Option<StateScope>, Failure> {
    let column = match (&of.room, &of.person) {
        (Some(room), _) => format!("room:{room}"),
        (None, Some(person)) => format!("person:{person}"),
        (None, None) => return Ok(None),
    };
    StateScope::parse(&column).map(Some).map_err(Failure::usage)
}

/// JSON as it is; anything else is a text.
fn value(said: Option<&str>, text: bool) -> Result<Value, Failure> {
    let said = match said {
        Some("-") => {
            let mut read = String::new();
            io::stdin().read_to_string(&mut read).map_err(Failure::fault)?;
            read.trim_end_matches('\n').to_owned()
        }
        Some(said) => said.to_owned(),
        None => return Err(Failure::usage("say the value, or `--remove`")),
    };
    if text {
        return Ok(said.into());
    }
    Ok(serde_json::from_str(&said).unwrap_or_else(|_no_json| said.into()))
}

fn file(path: &Path) -> Result<String, Failure> {
    let unread = |error: io::Error| Failure::problem(format!("`{}` cannot be read: {error}", path.display()));
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            out::say("reading from standard input");
        }
        let mut text = String::new();
        io::stdin().take(LARGEST_FILE).read_to_string(&mut text).map_err(unread)?;
        return Ok(text);
    }
    let size = fs::metadata(path).map_err(unread)?.len();
    if size > LARGEST_FILE {
        let most = LARGEST_FILE / 1024 / 1024;
        return Err(Failure::problem(format!("`{}` is larger than {most} MiB: import it in parts", path.display())));
    }
    fs::read_to_string(path).map_err(unread)
}

async fn get(source: &Source, query: StateQuery, one: Option<&str>, json: bool) -> Result<String, Failure> {
    let (bot, scope) = (query.bot.clone(), query.scope.clone());
    let rows = all(source, query).await?;
    match one {
        None => Ok(if json { portable::document(&rows) } else { table(&rows) }),
        Some(key) => {
            let Some(row) = rows.into_iter().next() else {
                let of = scope.map_or("bot", |scope| scope.word());
                let hint = if of == "bot" {
                    format!("; `botyard state get {bot}` shows what there is")
                } else {
                    String::new()
                };
                return Err(Failure::problem(format!("`{bot}` keeps no `{}` of this {of}{hint}", plain(key))));
            };
            Ok(if json { json!(row).to_string() } else { shown(&row.value) })
        }
    }
}

/// A text is shown as it is, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn table(rows: &[StateRow]) -> String {
    if rows.is_empty() {
        return "it keeps nothing".to_owned();
    }
    let cells = rows.iter().map(|row| {
        [
            row.scope.clone(),
            row.key.clone(),
            cut(&plain(&row.value.to_string()), VALUE),
            row.version.to_string(),
            row.expires_at.map_or_else(|| "-".to_owned(), moment),
        ]
    });
    out::table(["SCOPE", "KEY", "VALUE", "VERSION", "EXPIRES"], cells)
}

/// Every page.
async fn all(source: &Source, mut query: StateQuery) -> Result<Vec<StateRow>, Failure> {
    let mut rows = Vec::new();
    if source.bot(&query.bot).await?.is_none() {
        return Err(unknown::to(source, &query.bot).await);
    }
    loop {
        let page: StatePage = match source {
            Source::Service(client) => client.get(&path(&query)).await?.read()?,
            Source::Store(store) => store.list_state(query.clone()).await.map_err(broken)?,
        };
        rows.extend(page.state);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(rows),
        }
    }
}

fn path(query: &StateQuery) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut path = format!("/v1/bots/{}/state?limit={}", query.bot, query.limit);
    let mut say = |name: &str, text: &str| path.push_str(&format!("&{name}={}", encoded(text)));
    if let Some(scope) = &query.scope {
        say("scope", &scope.column());
    }
    if let Some(key) = &query.key {
        say("key", key);
    }
    if let Some((scope, key)) = &query.after {
        say("after_scope", scope);
        say("after_key", key);
    }
    path
}

async fn edit(source: &Source, bot: &BotId, changes: Vec<StateChange>, import: bool) -> Result<StateEdited, Failure> {
    if source.bot(bot).await?.is_none() {
        return Err(unknown::to(source, bot).await);
    }
    match source {
        Source::Service(client) => {
            let body = json!(Changes { changes, import });
            Ok(client.post(&format!("/v1/bots/{bot}/state"), &body).await?.read()?)
        }
        Source::Store(store) => {
            let edit = StateEdit { bot: bot.clone(), changes, import, by: user::command_line() };
            store.edit_state(edit).await.map_err(|error| match error {
                StoreError::Refused(why) => Failure::problem(why),
                other => broken(other),
            })
        }
    }
}

fn edited_text(change: &StateChange, edited: StateEdited) -> String {
    let key = plain(&change.key);
    match (&change.value, edited.removed) {
        (Some(_), _) => format!("`{key}` is set"),
        (None, 0) => format!("there is no `{key}`: nothing was removed"),
        (None, _) => format!("`{key}` is removed"),
    }
}

async fn export(source: &Source, bot: BotId, to: Option<&Path>, json: bool) -> Result<Option<String>, Failure> {
    let query = StateQuery { bot, scope: None, key: None, after: None, limit: MOST_OF_A_PAGE };
    let rows = all(source, query).await?;
    let text = if json { portable::document(&rows) } else { portable::lines(&rows) };
    let Some(path) = to else { return Ok(Some(text)) };
    write_new(path, &text)?;
    out::say(&format!("{} written to `{}`", counted(rows.len()), path.display()));
    Ok(None)
}

/// For its owner only: it is what people said. Nothing that is there is replaced.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| Failure::problem(format!("`{}` cannot be written: {error}", path.display())))
}

async fn import(
    source: &Source,
    bot: &BotId,
    imported: portable::Imported,
    dry_run: bool,
    json: bool,
) -> Result<String, Failure> {
    let portable::Imported { changes, expired } = imported;
    let count = changes.len();
    let mut done = StateEdited::default();
    if !dry_run {
        for part in parts(changes) {
            let step = edit(source, bot, part, true).await.map_err(|failure| match done.set {
                0 => failure,
                set => failure.after(&format!("{} of {} imported, then: ", set, counted(count))),
            })?;
            done.set += step.set;
            done.removed += step.removed;
        }
    }
    if json {
        return Ok(json!({ "set": done.set, "expired": expired, "dry_run": dry_run }).to_string());
    }
    let left = if expired > 0 { format!("; {} had expired", counted(expired)) } else { String::new() };
    Ok(if dry_run {
        format!("{} would be imported{left}", counted(count))
    } else {
        format!("{} imported{left}", counted(count))
    })
}

fn counted(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

/// Changes as one request can carry them.
fn parts(changes: Vec<StateChange>) -> Vec<Vec<StateChange>> {
    let mut parts: Vec<Vec<StateChange>> = Vec::new();
    let mut room = 0;
    for change in changes {
        let size = json!(change).to_string().len();
        match parts.last_mut() {
            Some(part) if part.len() < MOST_OF_AN_EDIT && size <= room => part.push(change),
            _ => {
                parts.push(vec![change]);
                room = A_REQUEST;
            }
        }
        room = room.saturating_sub(size);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;

    #[test]
    fn a_value_is_json_or_else_a_text() {
        let read = |said: &str, text| value(Some(said), text).unwrap();
        assert_eq!(read("[1, 2]", false), json!([1, 2]));
        assert_eq!(read("hello world", false), json!("hello world"));
        assert_eq!(read("12", true), json!("12"));
        assert!(value(None, false).is_err());
    }

    #[test]
    fn memory_is_a_table() {
        let row = |scope: &str, key: &str, value, expires_at| StateRow {
            scope: scope.into(),
            key: key.into(),
            value,
            version: 2,
            expires_at,
        };
        let rows = [
            row("bot", "count", json!(7), None),
            row("room:R", "topic", json!("a\u{1b}[2J"), Some(Millis(1_767_225_600_000))),
        ];
        insta::assert_snapshot!("memory", table(&rows));
        assert_eq!(table(&[]), "it keeps nothing");
    }

    #[test]
    fn what_one_request_cannot_carry_goes_in_several() {
        let change = |size: usize| StateChange {
            scope: "bot".into(),
            key: "k".into(),
            value: Some(json!("x".repeat(size))),
            expires_at: None,
        };
        let sizes = |changes: Vec<StateChange>| parts(changes).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![change(1); 1201]), [500, 500, 201]);
        assert_eq!(sizes(vec![change(60_000); 10]), [8, 2]);
        assert_eq!(sizes(Vec::new()), [0_usize; 0]);
    }

    #[test]
    fn ids_and_keys_are_encoded_in_a_path() {
        let query = StateQuery {
            bot: BotId::parse("echo").unwrap(),
            scope: Some(StateScope::Room("R+/=".into())),
            key: Some("a b&c".into()),
            after: None,
            limit: 5,
        };
        assert_eq!(path(&query), "/v1/bots/echo/state?limit=5&scope=room%3AR%2B%2F%3D&key=a%20b%26c");
    }
}
