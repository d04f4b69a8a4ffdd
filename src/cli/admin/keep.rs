//! `botyard token set`: who keeps the token. The running service; with none running the store, for the next start.

use std::sync::Arc;

use serde_json::json;

use super::{
    client::{Client, Trouble},
    health, out,
    service::{self, Absent},
    source::{self, Source, broken},
    token, unknown, user,
};
use crate::{
    app::Use,
    base::{BotId, Secret},
    brain,
    cli::{
        exit::Exit,
        failure::{Failure, Outcome},
    },
    definition::{self, Definition, LoadedSet, TokenSource},
    settings::Settings,
    store::{NewBot, Store},
};

/// Every definition there is.
type Defined = LoadedSet<Arc<Definition>>;

/// Asks for a token and has it kept.
pub(super) async fn set(settings: &Settings, bot: &BotId) -> Outcome {
    match service::find(settings).await {
        Ok(service) if health::on_simulator(&service).await => {
            // It has no use for a token, and its data dir is not the one of the service to come.
            let absent = Absent::simulated(&service);
            alone(settings, &absent, bot).await
        }
        Ok(service) => hand_over(service.client(settings.admin.token_file.as_deref())?, bot).await,
        Err(absent) => alone(settings, &absent, bot).await,
    }
}

async fn hand_over(client: Client, bot: &BotId) -> Outcome {
    let source = Source::Service(client.clone());
    if source.bot(bot).await?.is_none() {
        return Err(unknown::to(&source, bot).await);
    }
    let token = token::read(bot)?;
    put(&client, bot, &token).await?;
    out::say(&format!("the token of `{bot}` is kept, sealed; `botyard bots {bot}` shows how the bot is with it"));
    Ok(Exit::Fine)
}

async fn put(client: &Client, bot: &BotId, token: &Secret) -> Result<(), Trouble> {
    client.post(&format!("/v1/bots/{bot}/token"), &json!({ "token": token.expose() })).await.map(drop)
}

async fn alone(settings: &Settings, absent: &Absent, bot: &BotId) -> Outcome {
    Use::Serve.check(&settings.data_dir).map_err(Failure::refused)?;
    let set = definition::load(&settings.bots_dir);
    if !source::has_store(&settings.data_dir) {
        // Before one is made for a slip of the pen.
        defined(&set, bot)?;
    }
    // Before the store is opened: nobody else can have it while a person looks for a token.
    let token = token::read(bot)?;
    let store = source::open(settings, settings.data_dir.clone(), absent).await?;
    let kept = keep(&store, &set, bot, token).await;
    let closed = store.close().await;
    let elsewhere = kept?;
    closed.map_err(broken)?;
    out::say(&format!("no service is running; the token of `{bot}` is kept, sealed, for the next start"));
    if let Some(source) = elsewhere {
        out::say(&format!("its definition says `token = \"{source}\"`: what stands there goes before the kept one"));
    }
    Ok(Exit::Fine)
}

/// Keeps the token of a bot that the store or a definition knows. Answers where else its definition looks for
/// one: that place is asked first at the next start.
async fn keep(store: &dyn Store, set: &Defined, bot: &BotId, token: Secret) -> Result<Option<TokenSource>, Failure> {
    let known = store.bots().await.map_err(broken)?.into_iter().any(|row| row.bot == *bot);
    if !known {
        store.put_bot(defined(set, bot)?).await.map_err(broken)?;
    }
    store.put_token(bot.clone(), token, user::command_line()).await.map_err(broken)?;
    let source = set.definitions.get(bot).and_then(|definition| definition.token.as_ref());
    Ok(source.map(|source| source.value.clone()))
}

/// The row of a bot that has only a definition so far.
fn defined(set: &Defined, bot: &BotId) -> Result<NewBot, Failure> {
    let unusable = || Failure::problem(format!("the definition of `{bot}` cannot be used: `botyard check` says why"));
    let Some(definition) = set.definitions.get(bot) else {
        if set.refused.contains(bot) {
            return Err(unusable());
        }
        return Err(unknown::among(bot, set.definitions.keys().map(BotId::as_str)));
    };
    let program = brain::compile(definition).program.ok_or_else(unusable)?;
    Ok(NewBot {
        bot: bot.clone(),
        definition: bot.clone(),
        digest: program.digest(),
        source: definition.source.to_json(),
        kinds: program.kinds().0,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{app, base::Clock, settings::LoadOptions};

    #[tokio::test]
    async fn a_bot_that_has_only_a_definition_gets_its_row_with_its_token() {
        let dir = tempfile::tempdir().unwrap();
        let bots = dir.path().join("bots.d");
        fs::create_dir(&bots).unwrap();
        let good = "[fallback]\nreply = \"hi\"\n";
        fs::write(bots.join("plain.toml"), good).unwrap();
        fs::write(bots.join("echo.toml"), format!("token = \"env:ECHO_TOKEN\"\n{good}")).unwrap();
        fs::write(bots.join("broken.toml"), "x =").unwrap();
        fs::write(bots.join("silent.toml"), "[[command]]\npattern = \"(\"\nreply = \"x\"\n").unwrap();
        let set = definition::load(&[bots]);
        let overrides = vec![("data_dir".to_owned(), dir.path().join("data").display().to_string())];
        let settings = Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap();
        let store = app::open_store_alone(&settings, &Clock::System).await.unwrap();
        let bot = |id| BotId::parse(id).unwrap();
        let put = async |id: &'static str, token: &'static str| keep(&store, &set, &bot(id), Secret::new(token)).await;

        assert_eq!(put("plain", "one").await.unwrap(), None);
        let elsewhere = put("echo", "two").await.unwrap().map(|source| source.to_string());
        assert_eq!(elsewhere.as_deref(), Some("env:ECHO_TOKEN"));
        assert_eq!(put("plain", "three").await.unwrap(), None, "a known bot needs no new row");
        assert_eq!(store.token(bot("plain")).await.unwrap(), Some(Secret::new("three")));
        assert_eq!(store.token(bot("echo")).await.unwrap(), Some(Secret::new("two")));
        assert_eq!(store.definitions().await.unwrap().len(), 2);

        for (id, expected) in
            [("broken", "botyard check"), ("silent", "botyard check"), ("ecko", "did you mean `echo`")]
        {
            let refused = format!("{:?}", put(id, "hunter2").await.unwrap_err());
            assert!(refused.contains(expected) && !refused.contains("hunter2"), "{refused}");
        }
        store.close().await.unwrap();
    }
}
