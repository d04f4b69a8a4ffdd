//! `POST /v1/people/forget`: a person is forgotten, some steps a request, so that a large store keeps nobody waiting.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    web::{Data, Json},
};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Admin, Asker, Refusal, in_time};
use crate::{
    store::{By, ForgetAt, ForgetStep, Forgotten, Store, StoreError},
    webex::ids,
};

/// Steps go on for so long in one request; then the caller asks again.
const A_REQUEST: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whom {
    /// As `names` of the answer before, when it goes on.
    names: Vec<String>,
    #[serde(default)]
    dry_run: bool,
    /// As `next` of the answer before.
    at: Option<ForgetAt>,
}

pub(super) async fn forget(admin: Data<Admin>, asker: Asker, whom: Json<Whom>) -> Result<HttpResponse, Refusal> {
    let Whom { names, dry_run, at } = whom.into_inner();
    let names = person(&names).map_err(Refusal::BadRequest)?;
    if let Some(bot) = in_time(bot_among(admin.store.as_ref(), &names)).await? {
        return Err(Refusal::Conflict(format!("this is no person but the bot `{bot}`")));
    }
    let first = ForgetStep { names, at: at.unwrap_or_default(), dry_run };
    let forgotten = in_time(steps(admin.store.as_ref(), first, &asker.0, A_REQUEST)).await?;
    if !dry_run {
        // What is erased must not be remembered elsewhere, nor stand in the log.
        admin.steering.forget_facts();
        in_time(admin.store.tidy()).await?;
    }
    Ok(HttpResponse::Ok().json(forgotten))
}

/// Every form of every name.
///
/// # Errors
/// A sentence, when one of them is no name of a person.
pub fn person(given: &[String]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for name in given {
        for form in ids::person_names(name)? {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&form)) {
                names.push(form);
            }
        }
    }
    if names.is_empty() { Err("`names` is empty: name a person by address or id".to_owned()) } else { Ok(names) }
}

/// The bot of this house that has one of the names. To forget it would be to erase every event of it.
///
/// # Errors
/// When the store cannot be read.
pub async fn bot_among(store: &dyn Store, names: &[String]) -> Result<Option<String>, StoreError> {
    let is = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let bots = store.bots().await?;
    let mut found = bots.into_iter().filter_map(|bot| Some((bot.bot, bot.identity?)));
    Ok(found.find(|(_, own)| is(&own.person_id) || is(&own.email)).map(|(bot, _)| bot.to_string()))
}

/// Goes on from a step until all was looked at, or for so long.
///
/// # Errors
/// Those of the store; what was done until then is done.
pub async fn steps(store: &dyn Store, first: ForgetStep, by: &By, long: Duration) -> Result<Forgotten, StoreError> {
    let begun = Instant::now();
    let ForgetStep { names, at, dry_run } = first;
    let mut all = Forgotten { names, next: Some(at), ..Forgotten::default() };
    while let Some(at) = all.next.take() {
        let step = ForgetStep { names: all.names.clone(), at, dry_run };
        all.add(store.forget_person(step, by.clone()).await?);
        if begun.elapsed() >= long {
            break;
        }
    }
    Ok(all)
}
