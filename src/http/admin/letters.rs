//! `/v1/dead`: dead letters, listed, shown whole, rehearsed, replayed and dropped.
//!
//! A replay and a drop go in steps: each call does one, in a moment, and says where the next begins. So nothing
//! else waits for long, whoever asks can show how far it is, and a connection that breaks has lost nothing.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Admin, Asker, MOST, Refusal, SOME, bot_id, in_time};
use crate::{
    actors::rehearsal::Rehearsal,
    base::{EventId, Millis},
    store::{Cause, LetterDetail, LetterFilter, LetterKind, LetterQuery, LetterStep, StoreError},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    bot: Option<String>,
    kind: Option<String>,
    cause: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(admin: Data<Admin>, query: Query<Which>) -> Result<HttpResponse, Refusal> {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let filter = LetterFilter {
        bot: said(&query.bot).as_deref().map(bot_id).transpose()?,
        kind: said(&query.kind).as_deref().map(kind).transpose()?,
        cause: said(&query.cause).as_deref().map(cause).transpose()?,
        since: query.since.map(Millis),
        until: query.until.map(Millis),
        ..LetterFilter::default()
    };
    let after = said(&query.after).map(|after| after.parse()).transpose();
    let after = after.map_err(|why: String| Refusal::BadRequest(format!("`after`: {why}")))?;
    let query = LetterQuery { filter, after, limit: query.limit.unwrap_or(SOME).clamp(1, MOST) };
    Ok(HttpResponse::Ok().json(in_time(admin.store.letters(query)).await?))
}

pub(super) async fn one(admin: Data<Admin>, path: Path<String>) -> Result<HttpResponse, Refusal> {
    Ok(HttpResponse::Ok().json(find(&admin, path.as_str()).await?))
}

async fn find(admin: &Admin, id: &str) -> Result<LetterDetail, Refusal> {
    let id: EventId = id.parse().map_err(|_no_id: uuid::Error| Refusal::UnknownLetter)?;
    in_time(admin.store.letter(id)).await?.ok_or(Refusal::UnknownLetter)
}

pub(super) async fn rehearse(admin: Data<Admin>, path: Path<String>) -> Result<HttpResponse, Refusal> {
    let LetterDetail { letter, content, .. } = find(&admin, path.as_str()).await?;
    let payload = match &content {
        None => Vec::new(),
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(json) => json.to_string().into_bytes(),
    };
    let rehearsal = match letter.kind {
        LetterKind::Event => in_time(admin.steering.rehearse(letter.bot, payload)).await?,
        LetterKind::Delivery => Rehearsal::of_delivery(&payload),
    };
    Ok(HttpResponse::Ok().json(rehearsal))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    #[serde(default)]
    which: LetterFilter,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    from: Option<String>,
}

impl Step {
    /// Everything is asked for by its word, and never by saying nothing.
    async fn checked(self, admin: &Admin) -> Result<LetterStep, Refusal> {
        let Self { which: filter, all, from } = self;
        if filter.is_all() != all {
            let why =
                "say in `which` what is meant (`id`, `bot`, `kind`, `cause`, `since`, `until`), or `\"all\": true`";
            return Err(Refusal::BadRequest(why.to_owned()));
        }
        if let Some(id) = filter.id {
            in_time(admin.store.letter(id)).await?.ok_or(Refusal::UnknownLetter)?;
        }
        let from = from.map(|from| from.parse()).transpose();
        let from = from.map_err(|why: String| Refusal::BadRequest(format!("`from`: {why}")))?;
        Ok(LetterStep { filter, from })
    }
}

pub(super) async fn replay(admin: Data<Admin>, Asker(by): Asker, body: Json<Step>) -> Result<HttpResponse, Refusal> {
    let step = body.into_inner().checked(&admin).await?;
    Ok(HttpResponse::Ok().json(in_time(async { admin.store.replay(step, by).await.map_err(refused) }).await?))
}

pub(super) async fn drop(admin: Data<Admin>, Asker(by): Asker, body: Json<Step>) -> Result<HttpResponse, Refusal> {
    let step = body.into_inner().checked(&admin).await?;
    Ok(HttpResponse::Ok().json(in_time(async { admin.store.drop_letters(step, by).await.map_err(refused) }).await?))
}

/// What the store refuses here is what was asked for, and its sentence says why.
fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::Refused(why) => Refusal::Conflict(why),
        other => other.into(),
    }
}

fn kind(word: &str) -> Result<LetterKind, Refusal> {
    LetterKind::parse(word).ok_or_else(|| Refusal::BadRequest("`kind` must be `event` or `delivery`".into()))
}

fn cause(word: &str) -> Result<Cause, Refusal> {
    Cause::parse(word).ok_or_else(|| {
        let known: Vec<_> = Cause::ALL.iter().map(|cause| format!("`{}`", cause.as_str())).collect();
        Refusal::BadRequest(format!("`cause` must be one of {}", known.join(", ")))
    })
}
