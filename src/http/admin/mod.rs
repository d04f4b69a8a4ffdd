//! The admin listener: probes and metrics open, everything else behind a bearer token.
//!
//! It has a thread of its own, so that it answers while the ingress is busy. What it steers is behind
//! [`Steering`]; events it reads from the store.

mod asker;
mod audit;
mod backup;
mod letters;
pub mod memory;
pub mod people;
mod seal;
mod silence;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use actix_web::{
    Error, HttpRequest, HttpResponse, Resource, Route,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    error::JsonPayloadError,
    guard,
    http::header,
    middleware::{Next, from_fn},
    web::{self, Data, Json, Path, Query, ServiceConfig},
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

pub use self::asker::ASKER;
use self::asker::Asker;
use super::{
    effects::EffectsDoor,
    probes::{self, LastProbe, Readiness},
    refusal::Refusal,
    steering::Steering,
};
use crate::{
    base::{BotId, EventId, Secret, spawn::spawn},
    store::{EventQuery, EventState, Store},
    telemetry::Metrics,
};

/// Largest body of a request in bytes.
const MAX_BODY: usize = 64 * 1024;
/// How long an answer may take. A reload asks Webex about every new token.
const PATIENCE: Duration = Duration::from_secs(25);
/// Events in a list when nothing is said.
const SOME: u32 = 50;
/// Events in a list at most.
const MOST: u32 = 1000;
/// Longest bot token in bytes; Webex's have about 110.
const LONGEST_TOKEN: usize = 4096;

/// What the admin listener needs. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    /// What `Authorization: Bearer` must carry.
    pub token: Secret,
    /// Read for events, written by the readiness probe.
    pub store: Arc<dyn Store>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// The running house.
    pub steering: Arc<dyn Steering>,
    /// What `/readyz` says besides the store.
    pub readiness: Readiness,
    /// Webex is simulated; `/readyz` says so.
    pub simulator: bool,
    /// Where handlers post more answers.
    pub effects: EffectsDoor,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("simulator", &self.simulator).finish_non_exhaustive()
    }
}

impl Admin {
    /// The routes, for [`super::server::serve`].
    pub fn routes(self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        move |config| {
            config
                .app_data(Data::new(self.clone()))
                .app_data(Data::new(LastProbe::default()))
                .app_data(json_config(MAX_BODY))
                .app_data(web::QueryConfig::default().error_handler(|error, _| bad_query(&error)))
                .service(resource("/livez").route(get_or_head().to(probes::livez)))
                .service(resource("/readyz").route(get_or_head().to(probes::readyz)))
                .service(resource("/metrics").route(get_or_head().to(probes::metrics)))
                // Each call has a token of its own: that of the house opens none of them.
                .configure(self.effects.clone().routes())
                .service(
                    web::scope("")
                        .wrap(from_fn(need_token))
                        .service(resource("/v1/bots").route(web::get().to(bots)))
                        .service(resource("/v1/bots/{bot}").route(web::get().to(bot)))
                        .service(resource("/v1/bots/{bot}/token").route(web::post().to(put_token)))
                        .service(resource("/v1/bots/{bot}/pause").route(web::post().to(silence::pause_bot)))
                        .service(resource("/v1/bots/{bot}/resume").route(web::post().to(silence::resume_bot)))
                        .service(
                            resource("/v1/bots/{bot}/state")
                                .app_data(json_config(memory::MAX_BODY))
                                .route(web::get().to(memory::list))
                                .route(web::post().to(memory::edit)),
                        )
                        .service(resource("/v1/bots/{bot}/dialogues").route(web::get().to(memory::dialogues)))
                        .service(resource("/v1/bots/{bot}/dialogues/end").route(web::post().to(memory::end)))
                        .service(resource("/v1/pause").route(web::post().to(silence::pause_all)))
                        .service(resource("/v1/resume").route(web::post().to(silence::resume_all)))
                        .service(
                            resource("/v1/backup")
                                .route(web::post().to(backup::begin))
                                .route(web::get().to(backup::newest)),
                        )
                        .service(resource("/v1/events").route(web::get().to(events)))
                        .service(resource("/v1/events/{id}").route(web::get().to(event)))
                        .service(resource("/v1/audit").route(web::get().to(audit::acts)))
                        .service(resource("/v1/dead").route(web::get().to(letters::list)))
                        // Before the one that takes any id.
                        .service(resource("/v1/dead/replay").route(web::post().to(letters::replay)))
                        .service(resource("/v1/dead/drop").route(web::post().to(letters::drop)))
                        .service(resource("/v1/dead/{id}").route(web::get().to(letters::one)))
                        .service(resource("/v1/dead/{id}/rehearse").route(web::post().to(letters::rehearse)))
                        .service(resource("/v1/people/forget").route(web::post().to(people::forget)))
                        .service(resource("/v1/seal/rotate").route(web::post().to(seal::rotate)))
                        .service(resource("/v1/reload").route(web::post().to(reload)))
                        .default_service(web::to(|| async { Refusal::NotFound.response() })),
                );
        }
    }
}

fn json_config(most: usize) -> web::JsonConfig {
    web::JsonConfig::default().limit(most).error_handler(|error, _| json_refused(&error))
}

/// A path whose other methods are refused in our own shape.
fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(|| async { Refusal::MethodNotAllowed.response() }))
}

/// Some monitors only look at the status.
fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Lets through who carries the token, from wherever: loopback is no proof of anything.
async fn need_token(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let wanted = request.app_data::<Data<Admin>>().map(|admin| &admin.token);
    if wanted.is_some_and(|wanted| bearer(request.request()).as_ref() == Some(wanted)) {
        next.call(request).await
    } else {
        Ok(request.into_response(Refusal::Unauthorized.response()))
    }
}

/// The bearer token of a request. As a [`Secret`] it is compared in constant time.
pub(super) fn bearer(request: &HttpRequest) -> Option<Secret> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// What serde says can quote the body, and the body can be a token: only the place is told.
fn json_refused(error: &JsonPayloadError) -> Error {
    match error {
        JsonPayloadError::ContentType => Refusal::NotJson,
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => Refusal::BodyTooLarge,
        JsonPayloadError::Deserialize(error) => Refusal::BadRequest(format!(
            "the body is not what this path takes (line {}, column {})",
            error.line(),
            error.column()
        )),
        _ => Refusal::BrokenBody,
    }
    .into()
}

fn bad_query(error: &actix_web::error::QueryPayloadError) -> Error {
    Refusal::BadRequest(format!("the query cannot be used: {error}")).into()
}

/// Waits for an answer, but not for ever.
async fn in_time<T, E: Into<Refusal>>(answer: impl Future<Output = Result<T, E>>) -> Result<T, Refusal> {
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Refusal::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

async fn bots(admin: Data<Admin>) -> Result<HttpResponse, Refusal> {
    let bots = in_time(admin.steering.bots()).await?;
    Ok(HttpResponse::Ok().json(json!({ "bots": bots })))
}

async fn bot(admin: Data<Admin>, path: Path<String>) -> Result<HttpResponse, Refusal> {
    let status = in_time(admin.steering.bot(bot_id(path.as_str())?)).await?;
    Ok(HttpResponse::Ok().json(status))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: Secret,
}

async fn put_token(
    admin: Data<Admin>,
    path: Path<String>,
    asker: Asker,
    body: Json<NewToken>,
) -> Result<HttpResponse, Refusal> {
    let token = body.into_inner().token;
    let text = token.expose();
    if text.is_empty() || text.len() > LONGEST_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::BadRequest("`token` must be one word of printable characters".into()));
    }
    in_time(admin.steering.put_token(bot_id(path.as_str())?, token, asker.0)).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    bot: Option<String>,
    state: Option<String>,
    limit: Option<u32>,
}

async fn events(admin: Data<Admin>, query: Query<Which>) -> Result<HttpResponse, Refusal> {
    let query = EventQuery {
        bot: query.bot.as_deref().filter(|bot| !bot.is_empty()).map(bot_id).transpose()?,
        state: query.state.as_deref().filter(|state| !state.is_empty()).map(event_state).transpose()?,
        limit: query.limit.unwrap_or(SOME).min(MOST),
    };
    let events = in_time(admin.store.events(query)).await?;
    Ok(HttpResponse::Ok().json(json!({ "events": events })))
}

async fn event(admin: Data<Admin>, path: Path<String>) -> Result<HttpResponse, Refusal> {
    let id: EventId = path.parse().map_err(|_no_id: uuid::Error| Refusal::UnknownEvent)?;
    let event = in_time(admin.store.event(id)).await?.ok_or(Refusal::UnknownEvent)?;
    Ok(HttpResponse::Ok().json(event))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct How {
    wait: bool,
    confirm: bool,
}

async fn reload(admin: Data<Admin>, body: Json<How>) -> Result<HttpResponse, Refusal> {
    let confirm = body.confirm;
    if body.wait {
        let report = in_time(admin.steering.reload(confirm)).await?;
        return Ok(HttpResponse::Ok().json(report));
    }
    spawn(async move {
        if let Err(error) = admin.steering.reload(confirm).await {
            tracing::warn!(%error, "a reload that nobody waited for could not be done");
        }
    });
    Ok(HttpResponse::Accepted().json(json!({ "accepted": true })))
}

/// A text that is no bot id names no bot.
fn bot_id(text: &str) -> Result<BotId, Refusal> {
    BotId::parse(text).map_err(|_no_id| Refusal::UnknownBot)
}

fn event_state(word: &str) -> Result<EventState, Refusal> {
    Ok(match word {
        "waiting" => EventState::Waiting,
        "claimed" => EventState::Claimed,
        "finished" => EventState::Finished,
        "buried" => EventState::Buried,
        _ => {
            let known = "`waiting`, `claimed`, `finished`, `buried`";
            return Err(Refusal::BadRequest(format!("`state` must be one of {known}")));
        }
    })
}
