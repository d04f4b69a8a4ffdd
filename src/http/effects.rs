//! Where handlers post further answers to a call, and fetch the files of its message.
//!
//! It is on the admin listener, which is not on the internet; but it is not the admin API: a call's own token opens it
//! for that call alone, and the admin token opens nothing here.

use std::{fmt, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes, Data, Path, ServiceConfig, resource},
};
use serde_json::json;

use super::{Refusal, admin::bearer};
use crate::{
    actors::{
        api::{Api, Call, CallClass, CallError},
        line::Line,
        runner::{EffectsError, OpenCalls},
    },
    base::EventId,
    webex::Request,
};

/// How long a program waits for a file.
const PATIENCE: Duration = Duration::from_secs(25);

/// What this door needs. Cheap to clone.
#[derive(Clone)]
pub struct EffectsDoor {
    open: OpenCalls,
    api: Line<Api>,
}

impl EffectsDoor {
    /// A door to these calls; files are fetched through the api.
    #[must_use]
    pub fn new(open: OpenCalls, api: Line<Api>) -> Self {
        Self { open, api }
    }

    /// The routes of this door, for [`super::server::serve`] where there is no other, or to stand beside others.
    pub fn routes(self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        move |config| {
            config
                .app_data(Data::new(self.clone()))
                .service(resource("/effects/{call}").route(web::post().to(post)))
                .service(resource("/effects/{call}/files/{number}").route(web::get().to(file)));
        }
    }
}

impl fmt::Debug for EffectsDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EffectsDoor").field("open", &self.open).finish_non_exhaustive()
    }
}

impl From<EffectsError> for Refusal {
    fn from(error: EffectsError) -> Self {
        match error {
            EffectsError::Unknown => Self::UnknownCall,
            EffectsError::Answer(error) => Self::BadRequest(error.to_string()),
            error @ EffectsError::TooMany => Self::BadRequest(error.to_string()),
            EffectsError::Store(error) => error.into(),
        }
    }
}

fn call(id: &str) -> Result<EventId, Refusal> {
    id.parse().map_err(|_no_id: uuid::Error| Refusal::UnknownCall)
}

/// `POST /effects/{call}`: 2xx after the commit, as for a webhook.
async fn post(
    door: Data<EffectsDoor>,
    request: HttpRequest,
    path: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let token = bearer(&request).ok_or(Refusal::UnknownCall)?;
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let json = text("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    let again = text("idempotency-key");
    let posted = door.open.post(call(&path)?, &token, &body, json, again).await?;
    Ok(HttpResponse::Accepted().json(json!({ "event": posted.event, "done": posted.done })))
}

/// `GET /effects/{call}/files/{number}`: fetched with the bot's token, which stays here.
async fn file(
    door: Data<EffectsDoor>,
    request: HttpRequest,
    path: Path<(String, usize)>,
) -> Result<HttpResponse, Refusal> {
    let token = bearer(&request).ok_or(Refusal::UnknownCall)?;
    let (id, number) = path.into_inner();
    let (bot, url) = door.open.file(call(&id)?, &token, number).ok_or(Refusal::UnknownCall)?;
    // The token goes to the API's own address whatever host the link names.
    let at = url.find("/contents/").ok_or(Refusal::UnknownCall)?;
    let path = url.get(at..).unwrap_or_default().to_owned();
    let unavailable = |why: String| Refusal::Unavailable(format!("the file cannot be fetched now: {why}"));
    let api = door.api.addr().ok_or_else(|| unavailable("the house is starting or ending".into()))?;
    let request = Request { method: "GET", path, body: None };
    let asked = api.send(Call { bot, request, class: CallClass::Turn, deadline: PATIENCE }).await;
    let reply = match asked.map_err(|error| unavailable(error.to_string()))? {
        Ok(reply) => reply,
        Err(CallError::TooLarge) => {
            return Err(Refusal::NoFile("the file is larger than 1 MiB, and no larger one is passed on".into()));
        }
        Err(error) => return Err(unavailable(error.to_string())),
    };
    if let Some(why) = kept_back(reply.status) {
        return Err(Refusal::NoFile(format!("{why} (Webex answered {})", reply.status)));
    }
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/octet-stream")).body(reply.body))
}

/// Why Webex gives a file out to nobody, now or later. While it is scanned (423) the api waits.
fn kept_back(status: u16) -> Option<&'static str> {
    match status {
        200 => None,
        404 => Some("the file is gone, or not for the bot to see"),
        410 => Some("the scan found malware in the file, and it is not given out"),
        428 => Some("the file could not be scanned for malware, and is not given out"),
        _ => Some("the file is not given out"),
    }
}
