//! Where a bot's token comes from. However it is given, it ends up sealed in the store, and the bot takes it
//! from there; so a bot whose variable is no longer set runs on with the token it had.

use std::{path::PathBuf, sync::Arc};

use crate::{
    base::{BotId, Secret},
    definition::TokenSource,
    store::{By, Store, StoreError},
};

/// Where tokens come from in this process.
#[derive(Debug, Clone)]
pub enum TokenPolicy {
    /// From what the definitions name: `env:` and `file:` below these folders; or from the store.
    Definitions {
        /// Folders that `file:` may read from.
        secret_dirs: Vec<PathBuf>,
    },
    /// From the simulator, which makes a bot of any token `sim-bot-<name>`; definitions are not asked.
    Simulated,
}

/// What became of looking for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// The store holds another one than before.
    New,
    /// The store holds the one it held.
    Same,
    /// The store did not answer.
    Unknown,
    /// There is none, and what to do about it.
    Missing(String),
}

impl TokenPolicy {
    /// Reads the token at its source and keeps it in the store.
    pub(super) async fn take(&self, store: &Arc<dyn Store>, bot: &BotId, source: Option<&TokenSource>) -> Token {
        let found = match (self, source) {
            (Self::Simulated, _) => Ok(Some(Secret::new(format!("sim-bot-{bot}")))),
            (Self::Definitions { secret_dirs }, Some(source)) => {
                source.read(secret_dirs, |name| std::env::var(name).ok()).map(Some).map_err(|error| error.to_string())
            }
            (Self::Definitions { .. }, None) => Ok(None),
        };
        match self.keep(store, bot, found).await {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(bot.id = %bot, error = %error, "its token could not be kept; it is tried again in a moment");
                Token::Unknown
            }
        }
    }

    /// Why a token that is put by command would not last: the place that the definition names holds another one,
    /// and the next look would put that back.
    pub(super) fn overrules(&self, source: Option<&TokenSource>, token: &Secret) -> Option<String> {
        let (Self::Definitions { secret_dirs }, Some(source)) = (self, source) else { return None };
        let found = source.read(secret_dirs, |name| std::env::var(name).ok()).ok()?;
        let place = match source {
            TokenSource::Env(name) => format!("env:{name}"),
            TokenSource::File(path) => format!("file:{}", path.display()),
        };
        (found != *token).then(|| {
            format!(
                "its definition takes the token from `{place}`, which holds another one: change it there, or take \
                 `token` out of the definition and set it again"
            )
        })
    }

    /// The secret of a hook that other programs post to, from where its definition says.
    pub(in crate::actors) fn hook_secret(
        &self,
        bot: &BotId,
        hook: &str,
        source: &TokenSource,
    ) -> Result<Secret, String> {
        let read = |dirs: &[PathBuf]| source.read(dirs, |name| std::env::var(name).ok());
        match self {
            Self::Definitions { secret_dirs } => read(secret_dirs).map_err(|error| error.to_string()),
            // On the simulator a definition needs no secrets; one that is there counts all the same.
            Self::Simulated => Ok(read(&[]).unwrap_or_else(|_none| Secret::new(format!("sim-{bot}-{hook}")))),
        }
    }

    async fn keep(
        &self,
        store: &Arc<dyn Store>,
        bot: &BotId,
        found: Result<Option<Secret>, String>,
    ) -> Result<Token, StoreError> {
        let sealed = store.token(bot.clone()).await?;
        Ok(match (found, sealed) {
            (Ok(Some(token)), Some(sealed)) if token == sealed => Token::Same,
            (Ok(Some(token)), _) => {
                store.put_token(bot.clone(), token, By::house("definition")).await?;
                Token::New
            }
            (Ok(None), Some(_)) => Token::Same,
            (Err(reason), Some(_)) => {
                tracing::warn!(bot.id = %bot, reason, "token cannot be read where its definition says; the one in the store is used");
                Token::Same
            }
            (Ok(None), None) => Token::Missing(format!(
                "it has no token: add `token = \"env:NAME\"` to its definition, or run `botyard token set {bot}`"
            )),
            (Err(reason), None) => Token::Missing(format!("{reason}; or run `botyard token set {bot}`")),
        })
    }
}
