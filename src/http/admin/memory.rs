//! `/v1/bots/{bot}/state` and `/v1/bots/{bot}/dialogues`: what a bot keeps, looked at and changed by hand.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Admin, Asker, Refusal, bot_id, in_time};
use crate::{
    base::{BotId, StateScope},
    store::{
        DialogueQuery, EndDialogue, MOST_OF_A_PAGE, MOST_OF_AN_EDIT, StateChange, StateEdit, StateQuery, StoreError,
    },
};

/// Largest body of an edit: some values of the largest kind.
pub(super) const MAX_BODY: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    scope: Option<String>,
    key: Option<String>,
    after_scope: Option<String>,
    after_key: Option<String>,
    limit: Option<u32>,
}

/// The bot of a path, if there is one of that name.
async fn known(admin: &Admin, path: &str) -> Result<BotId, Refusal> {
    let bot = bot_id(path)?;
    in_time(admin.steering.bot(bot.clone())).await?;
    Ok(bot)
}

pub(super) async fn list(admin: Data<Admin>, path: Path<String>, which: Query<Which>) -> Result<HttpResponse, Refusal> {
    let which = which.into_inner();
    let scope = which.scope.filter(|scope| !scope.is_empty());
    let scope = scope.as_deref().map(StateScope::parse).transpose();
    let query = StateQuery {
        bot: known(&admin, path.as_str()).await?,
        scope: scope.map_err(|why| Refusal::BadRequest(format!("`scope`: {why}")))?,
        key: which.key.filter(|key| !key.is_empty()),
        after: which.after_scope.map(|scope| (scope, which.after_key.unwrap_or_default())),
        limit: which.limit.unwrap_or(MOST_OF_A_PAGE),
    };
    Ok(HttpResponse::Ok().json(in_time(admin.store.list_state(query)).await?))
}

/// Changes of a bot's memory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// All of them or none.
    pub changes: Vec<StateChange>,
    /// They are part of an import, for the audit.
    #[serde(default)]
    pub import: bool,
}

pub(super) async fn edit(
    admin: Data<Admin>,
    path: Path<String>,
    asker: Asker,
    body: Json<Changes>,
) -> Result<HttpResponse, Refusal> {
    let bot = known(&admin, path.as_str()).await?;
    let Changes { changes, import } = body.into_inner();
    if changes.len() > MOST_OF_AN_EDIT {
        return Err(Refusal::BadRequest(format!(
            "`changes` has {} items, and may have {MOST_OF_AN_EDIT}",
            changes.len()
        )));
    }
    let edit = StateEdit { bot, changes, import, by: asker.0 };
    let edited = in_time(async { admin.store.edit_state(edit).await.map_err(told) }).await?;
    Ok(HttpResponse::Ok().json(edited))
}

/// What the store refuses is wrong with what was asked, and it says so without repeating a value.
fn told(error: StoreError) -> Refusal {
    match error {
        StoreError::Refused(why) => Refusal::BadRequest(why),
        other => other.into(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after_room: Option<String>,
    after_person: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn dialogues(
    admin: Data<Admin>,
    path: Path<String>,
    page: Query<Page>,
) -> Result<HttpResponse, Refusal> {
    let page = page.into_inner();
    let query = DialogueQuery {
        bot: known(&admin, path.as_str()).await?,
        after: page.after_room.map(|room| (room, page.after_person.unwrap_or_default())),
        limit: page.limit.unwrap_or(MOST_OF_A_PAGE),
    };
    Ok(HttpResponse::Ok().json(in_time(admin.store.list_dialogues(query)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    room: String,
    person: String,
}

pub(super) async fn end(
    admin: Data<Admin>,
    path: Path<String>,
    asker: Asker,
    whose: Json<Whose>,
) -> Result<HttpResponse, Refusal> {
    let bot = known(&admin, path.as_str()).await?;
    let Whose { room, person } = whose.into_inner();
    let end = EndDialogue { bot, room, person, by: asker.0 };
    let ended = in_time(async { admin.store.end_dialogue(end).await.map_err(told) }).await?;
    Ok(HttpResponse::Ok().json(json!({ "ended": ended })))
}
