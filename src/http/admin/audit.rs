//! `GET /v1/audit`: who did what, newest first.

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use serde::Deserialize;
use serde_json::json;

use super::{Admin, MOST, Refusal, SOME, bot_id, in_time};
use crate::store::{ActKind, AuditQuery};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    bot: Option<String>,
    act: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

pub(super) async fn acts(admin: Data<Admin>, query: Query<Which>) -> Result<HttpResponse, Refusal> {
    let query = AuditQuery {
        bot: query.bot.as_deref().filter(|bot| !bot.is_empty()).map(bot_id).transpose()?,
        kind: query.act.as_deref().filter(|act| !act.is_empty()).map(kind).transpose()?,
        before: query.before,
        limit: query.limit.unwrap_or(SOME).min(MOST),
    };
    let acts = in_time(admin.store.audit(query)).await?;
    Ok(HttpResponse::Ok().json(json!({ "acts": acts })))
}

fn kind(word: &str) -> Result<ActKind, Refusal> {
    ActKind::parse(word).ok_or_else(|| {
        let known: Vec<_> = ActKind::ALL.iter().map(|kind| format!("`{}`", kind.word())).collect();
        Refusal::BadRequest(format!("`act` must be one of {}", known.join(", ")))
    })
}
