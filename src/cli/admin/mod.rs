//! The commands that look at and steer a running service, by its admin API. With none running, those that can
//! open the store.

mod audit;
mod backup;
mod bots;
mod client;
mod dead;
mod dialogues;
mod events;
mod findings;
mod forget;
mod health;
mod keep;
mod letters;
mod out;
mod portable;
mod reload;
mod replay;
mod restore;
mod seal;
mod service;
mod silence;
mod source;
mod state;
mod story;
mod token;
mod unknown;
mod user;
mod when;

use std::future::Future;

use serde_json::json;

pub(super) use self::{
    audit::audit,
    backup::backup,
    dead::dead,
    dialogues::dialogues,
    forget::forget,
    replay::replay,
    restore::restore,
    seal::seal,
    silence::{pause, resume},
    state::state,
};
use self::{
    client::Trouble,
    events::Wanted,
    source::{Source, Told},
};
use super::{
    args::{BotsArgs, EventsArgs, ReloadArgs, SettingsArgs, TokenCommand},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::{
    actors::report::ReloadReport,
    base::BotId,
    store::{EventQuery, EventState},
};

/// How far back the beginning of an id is looked for: the most that the admin API lists.
const NEWEST: u32 = 1000;

/// Runs a command to its end on this thread.
fn run(command: impl Future<Output = Outcome>) -> Outcome {
    actix_rt::System::new().block_on(command)
}

fn bot_id(text: &str) -> Result<BotId, Failure> {
    BotId::parse(text).map_err(|error| Failure::problem(format!("there is no bot `{}`: {error}", out::plain(text))))
}

/// `botyard bots`
pub(super) fn bots(from: &SettingsArgs, args: &BotsArgs) -> Outcome {
    let settings = settings::load(from)?;
    let bot = args.bot.as_deref().map(bot_id).transpose()?;
    run(async {
        let source = source::find(&settings).await?;
        let told = show_bots(&source, bot.as_ref(), args.json).await;
        source.close().await;
        out::print(&told?)?;
        Ok(Exit::Fine)
    })
}

async fn show_bots(source: &Source, bot: Option<&BotId>, json: bool) -> Result<String, Failure> {
    let Some(bot) = bot else {
        let Told { json: raw, data } = source.bots().await?;
        return Ok(if json { raw } else { bots::table(&data) });
    };
    match source.bot(bot).await? {
        Some(told) if json => Ok(told.json),
        Some(told) => Ok(bots::card(&told.data, out::colour())),
        None => Err(unknown::to(source, bot).await),
    }
}

/// `botyard events`
pub(super) fn events(from: &SettingsArgs, args: &EventsArgs) -> Outcome {
    let settings = settings::load(from)?;
    let bot = args.bot.as_deref().map(bot_id).transpose()?;
    let wanted = args.id.as_deref().map(events::wanted).transpose().map_err(Failure::problem)?;
    let state = args.state.as_deref().and_then(EventState::parse);
    run(async {
        let source = source::find(&settings).await?;
        let told = match wanted {
            Some(wanted) => show_event(&source, bot, wanted, args.json).await,
            None => show_events(&source, EventQuery { bot, state, limit: args.limit }, args.json).await,
        };
        source.close().await;
        out::print(&told?)?;
        Ok(Exit::Fine)
    })
}

async fn show_events(source: &Source, query: EventQuery, json: bool) -> Result<String, Failure> {
    let bot = query.bot.clone();
    let told = source.events(query).await?;
    // Nothing of a bot that is not there is a slip of the pen, not an answer.
    if let Some(bot) = bot
        && told.data.is_empty()
        && source.bot(&bot).await?.is_none()
    {
        return Err(unknown::to(source, &bot).await);
    }
    Ok(if json { told.json } else { events::table(&told.data) })
}

async fn show_event(source: &Source, bot: Option<BotId>, wanted: Wanted, json: bool) -> Result<String, Failure> {
    let id = match wanted {
        Wanted::Id(id) => id,
        Wanted::Prefix(prefix) => {
            let newest = source.events(EventQuery { bot: bot.clone(), state: None, limit: NEWEST }).await?.data;
            events::only(&prefix, &newest).map_err(Failure::problem)?
        }
    };
    let Some(told) = source.event(id).await? else {
        return Err(Failure::problem(format!(
            "there is no event `{id}`: it was never accepted here, or it is older than what is kept (`retention`)"
        )));
    };
    let of = &told.data.summary.bot;
    match bot {
        Some(bot) if bot != *of => Err(Failure::problem(format!("event `{id}` is of bot `{of}`, not of `{bot}`"))),
        _ if json => Ok(told.json),
        _ => Ok(story::text(&told.data)),
    }
}

/// `botyard reload`
pub(super) fn reload(from: &SettingsArgs, args: &ReloadArgs) -> Outcome {
    let settings = settings::load(from)?;
    run(async {
        let service = service::find(&settings).await.map_err(|absent| absent.failure())?;
        let client = service.client(settings.admin.token_file.as_deref())?;
        let how = json!({ "wait": args.wait, "confirm": args.confirm_removals });
        let answered = client.post("/v1/reload", &how).await.map_err(goes_on)?;
        if !args.wait {
            let said = if args.json {
                answered.json()
            } else {
                "it looks at `bots.d` now; `--wait` shows what comes of it".to_owned()
            };
            out::print(&said)?;
            return Ok(Exit::Fine);
        }
        let report: ReloadReport = answered.read()?;
        out::print(&if args.json { answered.json() } else { reload::text(&report, out::colour()) })?;
        Ok(if report.refused.is_empty() { Exit::Fine } else { Exit::Problem })
    })
}

/// A reload that nobody waits for any more is not given up.
fn goes_on(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Slow { .. } => Failure::problem(format!("{trouble}; the reload may go on: `botyard bots` shows it")),
        _ if trouble.is("unavailable") => {
            Failure::problem(format!("the reload is not done yet ({trouble}), but it goes on: `botyard bots` shows it"))
        }
        _ => trouble.into(),
    }
}

/// `botyard token`
pub(super) fn token(from: &SettingsArgs, command: &TokenCommand) -> Outcome {
    let TokenCommand::Set { bot } = command;
    let settings = settings::load(from)?;
    let bot = bot_id(bot)?;
    run(keep::set(&settings, &bot))
}

/// `botyard healthcheck`
pub(super) fn healthcheck(from: &SettingsArgs) -> Outcome {
    let settings = settings::load(from)?;
    run(async {
        out::print(&health::check(&settings).await?)?;
        Ok(Exit::Fine)
    })
}
