//! The HTTP surface: headers and the journal around the operations; who is let in is `gate`.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, ServiceConfig},
};
use bytes::Bytes;

use super::{
    api::{self, Reply, Request},
    control,
    gate::{self, Pass},
    intake::{self, Incoming, Intake},
    refusal::Refusal,
    shared::{Counts, Shared},
    world::What,
};

/// Largest body of the control API: a state document holds all files, in base64.
const MOST_CONTROL_BODY: usize = 512 << 20;
/// Characters of a path in the journal; an id has some 80.
const LONGEST_PATH: usize = 2_048;

/// Everything that is served.
pub(crate) fn routes(shared: Arc<Shared>, intake: Intake) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::from(shared))
            .app_data(web::Data::new(intake))
            .service(web::scope("/v1").default_service(web::to(webex)))
            .service(web::scope("/sim").default_service(web::to(steer)))
            .default_service(web::to(nowhere));
    }
}

/// One request to the simulated Webex.
async fn webex(
    request: HttpRequest,
    payload: web::Payload,
    shared: web::Data<Shared>,
    intake: web::Data<Intake>,
) -> HttpResponse {
    Counts::add(&shared.counts.requests);
    let tracking_id = tracking_id(&request);
    let path = request.path().strip_prefix("/v1").unwrap_or_default();
    let (method, content_type) = (request.method().as_str(), text(&request, &header::CONTENT_TYPE));
    let (body, mut pass) = match intake.read(content_type, api::takes_files(method, path), payload).await {
        Ok(body) => {
            let pass = gate::admit(&shared, bearer(&request), method, path, request.query_string()).await;
            (body, pass)
        }
        Err(refusal) => (Incoming::default(), Pass::unread(refusal)),
    };
    let base = format!("http://{}/v1", host(&request, &shared));
    let mut fetched = None;
    let outcome = loop {
        let outcome = shared.act(|world| {
            let Incoming { bytes, form } = &body;
            let (query, form, fetched) = (request.query_string(), form.as_ref(), fetched.as_ref());
            let asked = Request { method, path, query, content_type, body: bytes, form, fetched, base: &base };
            let outcome = pass.through(world, &asked);
            if !matches!(&outcome, Ok(Reply { fetch: Some(_), .. })) {
                world.note(|_| What::Request {
                    person: pass.person,
                    method: method.to_owned(),
                    path: journalled(&request),
                    status: outcome.as_ref().map_or_else(|refusal| refusal.status, |reply| reply.status),
                    tracking_id: tracking_id.clone(),
                    fault: pass.fault(),
                });
            }
            outcome
        });
        match outcome {
            Ok(Reply { fetch: Some(url), .. }) => match intake.fetch(&url).await {
                Ok(file) => fetched = Some(file),
                Err(refusal) => pass.refuse(refusal),
            },
            outcome => break outcome,
        }
    };
    pass.send(respond(outcome, &tracking_id))
}

/// One request to the control API.
async fn steer(request: HttpRequest, payload: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    // A page in a browser can post a form, plain text or nothing anywhere without being asked; JSON it cannot, and
    // it says where it comes from.
    if request.headers().contains_key(header::ORIGIN) {
        let refusal = Refusal::forbidden("the control API is not for pages in a browser");
        return respond(Err(refusal), &tracking_id(&request));
    }
    let json = text(&request, &header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    let answer = match intake::whole(payload, MOST_CONTROL_BODY).await {
        Ok(body) if body.is_empty() || json => {
            let path = request.path().strip_prefix("/sim").unwrap_or_default();
            control::answer(&shared, request.method().as_str(), path, request.query_string(), &body).await
        }
        Ok(_) => Err(Refusal::new(415, "the control API takes `Content-Type: application/json`")),
        Err(refusal) => Err(refusal),
    };
    respond(answer.map(Reply::json), &tracking_id(&request))
}

async fn nowhere(request: HttpRequest) -> HttpResponse {
    let refusal = Refusal::missing("The Webex API is below `/v1`, the control API below `/sim`.");
    respond(Err(refusal), &tracking_id(&request))
}

fn respond(outcome: Result<Reply, Refusal>, tracking_id: &str) -> HttpResponse {
    let status = outcome.as_ref().map_or_else(|refusal| refusal.status, |reply| reply.status);
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response.insert_header(("TrackingID", tracking_id)).insert_header((header::CACHE_CONTROL, "no-cache"));
    let mut content_type = "application/json;charset=UTF-8".to_owned();
    let body = match outcome {
        Ok(Reply { body, next, download, .. }) => {
            if let Some(download) = download {
                content_type = download.media_type;
                response.insert_header((header::CONTENT_DISPOSITION, download.disposition));
            }
            if let Some(next) = next {
                response.insert_header((header::LINK, format!("<{next}>; rel=\"next\"")));
            }
            body
        }
        Err(refusal) => {
            if let Some(retry_after) = &refusal.retry_after {
                response.insert_header((header::RETRY_AFTER, retry_after.as_str()));
            }
            if let Some(allow) = &refusal.allow {
                response.insert_header((header::ALLOW, allow.as_str()));
            }
            serde_json::to_vec(&refusal.body(tracking_id)).ok().map(Bytes::from)
        }
    };
    match body {
        Some(body) => response.insert_header((header::CONTENT_TYPE, content_type)).body(body),
        None => response.finish(),
    }
}

/// The path with the query, as the journal keeps it: cut off where it is longer than any that is meant.
fn journalled(request: &HttpRequest) -> String {
    let path = request.uri().to_string();
    path.strip_prefix("/v1").unwrap_or(&path).chars().take(LONGEST_PATH).collect()
}

/// The client's own, when it sent a usable one.
fn tracking_id(request: &HttpRequest) -> String {
    let sent = request.headers().get("trackingid").and_then(|value| value.to_str().ok());
    let sent = sent.filter(|id| (1..=200).contains(&id.len()));
    sent.map_or_else(|| format!("ROUTER_{}", uuid::Uuid::new_v4()), str::to_owned)
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = text(request, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the client called us, so that it can follow our links; a strange one is replaced by our address.
fn host(request: &HttpRequest, shared: &Shared) -> String {
    let sent = text(request, &header::HOST)
        .filter(|host| host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]_".contains(c)) && !host.is_empty());
    sent.map_or_else(|| shared.addr.to_string(), str::to_owned)
}

fn text<'a>(request: &'a HttpRequest, name: &header::HeaderName) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}
