//! Where webhooks come in: verify the raw bytes, store the event, answer 200 after the commit. In that order,
//! and nothing else: no bot is ever waited for.
//!
//! A request costs one look at the route, one MAC, one parse and one row; nothing is logged above debug, and
//! what the caller did wrong is counted, not told to anybody but the caller.

use std::{fmt, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderMap},
    },
    web::{self, BytesMut, Payload, ServiceConfig},
};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout};

use super::{inbound, pace::Pace, refusal::Refusal};
use crate::{
    actors::{
        intake::Intake,
        routes::{Route, RouteReader, Routes},
    },
    base::{BotId, Breaking, Clock, Event, EventId, Millis, Point},
    brain::Engine,
    settings::Settings,
    store::{Accepted, Class, DeletedMessage, NewEvent, Store, StoreError},
    telemetry::{Metrics, ingress::RequestRefused},
    webex::{Dedupe, Envelope, SignatureError, SignatureHeaders, signature},
};

/// What the ingress needs. Cheap to clone.
#[derive(Clone)]
pub struct Ingress {
    /// Every bot the store knows.
    pub routes: Routes,
    /// Where events are accepted.
    pub store: Arc<dyn Store>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// When an event was accepted.
    pub clock: Clock,
    /// A path prefix that the proxy in front does not strip; may be empty.
    pub base_path: String,
    /// Largest body in bytes.
    pub max_body: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How long a webhook's key is remembered, to know it when it comes again.
    pub seen_for: Duration,
    /// Whether what is stored of a message is erased when it is deleted at Webex.
    pub follow_deletions: bool,
    /// Renders what tells posts apart.
    pub engine: Arc<Engine>,
    /// What is on its way into the store.
    pub intake: Intake,
    /// How fast the events of one bot are taken in.
    pub pace: Arc<Pace>,
    /// Where tests break it.
    pub breaking: Breaking,
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress").field("base_path", &self.base_path).finish_non_exhaustive()
    }
}

/// One HTTP worker's share: the same, with a reader of the routes of its own.
pub(super) struct Door {
    pub(super) routes: RouteReader,
    pub(super) ingress: Ingress,
    /// Only programs of the house's own reach it.
    pub(super) internal: bool,
}

impl Ingress {
    /// An ingress as the settings say.
    #[must_use]
    pub fn new(
        settings: &Settings,
        routes: Routes,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        Self {
            engine: Arc::default(),
            routes,
            store,
            metrics,
            clock,
            base_path: settings.base_path.clone(),
            max_body: settings.ingress.max_body_bytes,
            body_time: Duration::from_secs(settings.ingress.header_seconds),
            seen_for: Duration::from_secs(settings.retention.seen_hours.saturating_mul(3600)),
            follow_deletions: settings.retention.follow_deletions,
            intake: Intake::default(),
            pace: Arc::new(Pace::new(settings.ingress.per_bot_per_second)),
            breaking: Breaking::default(),
        }
    }

    /// The routes, for [`super::server::serve`].
    pub fn routes(self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        self.metrics.ingress.declare_codes(Refusal::INGRESS.iter().map(Refusal::code));
        move |config| {
            let base = normal_base(&self.base_path);
            let door = Door { routes: self.routes.reader(), ingress: self.clone(), internal: false };
            config
                .app_data(web::Data::new(door))
                // A fixed prefix: a pattern would be a regular expression, run for every webhook.
                .service(web::scope(&format!("{base}/hooks")).default_service(web::to(hook)))
                .service(web::resource(format!("{base}/in/{{bot}}/{{name}}")).to(inbound::post))
                .service(web::resource(format!("{base}/")).to(greet))
                .default_service(web::to(nowhere));
        }
    }

    /// The routes of the internal listener: hooks alone, those without authentication too.
    pub fn internal_routes(self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        move |config| {
            let door = Door { routes: self.routes.reader(), ingress: self.clone(), internal: true };
            config
                .app_data(web::Data::new(door))
                .service(web::resource("/in/{bot}/{name}").to(inbound::post))
                .default_service(web::to(nowhere));
        }
    }
}

/// `/botyard` for `botyard`, `/botyard/`, …; nothing for `/`.
fn normal_base(path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() { String::new() } else { format!("/{path}") }
}

/// For whoever looks whether the address is right, with a browser.
async fn greet(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return door.wrong_method("GET, HEAD");
    }
    HttpResponse::Ok().content_type(header::ContentType::plaintext()).body("Botyard is here.\n")
}

async fn nowhere(door: web::Data<Door>) -> HttpResponse {
    door.refuse(&Refusal::NotFound, None, None)
}

async fn hook(request: HttpRequest, body: Payload, door: web::Data<Door>) -> HttpResponse {
    let bot = request.match_info().unprocessed().strip_prefix('/').unwrap_or_default();
    if bot.is_empty() || bot.contains('/') {
        return nowhere(door).await;
    }
    if request.method() != Method::POST {
        return door.wrong_method("POST");
    }
    let Some((bot, route)) = door.routes.get(bot) else {
        return door.refuse(&Refusal::UnknownBot, None, None);
    };
    match door.receive(&request, body, &bot, &route).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(Trouble { refusal, fault }) => door.refuse(&refusal, Some(&bot), fault.as_deref()),
    }
}

/// Why a webhook was not stored; `fault` is for the log alone.
pub(super) struct Trouble {
    pub(super) refusal: Refusal,
    pub(super) fault: Option<String>,
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, fault: None }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        // The other reasons are load: they are many, and the store says them once.
        let fault = matches!(error, StoreError::Refused(_) | StoreError::Engine(_)).then(|| error.to_string());
        Self { refusal: error.into(), fault }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull => Refusal::DiskFull,
            StoreError::Unwritable(_) => Refusal::Unwritable,
            StoreError::BotFull(_) => Refusal::BotFull,
            StoreError::Overloaded => Refusal::Overloaded,
            StoreError::Closed => Refusal::Closing,
            StoreError::Refused(_) | StoreError::Corrupt(_) | StoreError::Engine(_) => Refusal::StoreFailed,
        }
    }
}

impl Door {
    /// The whole way of one webhook. What can be refused without reading the body is.
    async fn receive(&self, request: &HttpRequest, body: Payload, bot: &BotId, route: &Route) -> Result<(), Trouble> {
        let ingress = &self.ingress;
        let headers = request.headers();
        if !is_json(headers) {
            return Err(Refusal::NotJson.into());
        }
        let signatures = SignatureHeaders {
            spark: signature_header(headers, "x-spark-signature"),
            webex: signature_header(headers, "x-webex-signature"),
        };
        if signatures.spark.is_none() && signatures.webex.is_none() {
            return Err(Refusal::MissingSignature.into());
        }
        let body = self.read(headers, body, ingress.max_body).await?;
        signature::verify(signatures, &body, &route.secrets).map_err(|error| match error {
            SignatureError::Missing => Refusal::MissingSignature,
            SignatureError::Malformed | SignatureError::Wrong => Refusal::BadSignature,
        })?;
        let verified = Instant::now();
        let counters = &ingress.metrics.ingress;
        let envelope = Envelope::parse(&body).map_err(|_not_ours_to_tell| Refusal::BadEnvelope)?;
        let now = ingress.clock.now();
        let wanted = envelope.kind().is_some_and(|kind| route.kinds.contains(kind));
        if let Some(key) = envelope.deleted_message().filter(|_| ingress.obeys_deletions(route)) {
            // Whoever is named as its person, author or deleter: what is stored is found by the message's id alone.
            let deleted =
                DeletedMessage { bot: bot.clone(), key, seen_until: now.plus(ingress.seen_for), handled: wanted };
            ingress.store.obey_deletion(deleted).await?;
            counters.deleted.inc();
            // Without a rule for it there is nothing to handle: it is obeyed, and that is all.
            if !wanted {
                return Ok(());
            }
        }
        if !wanted {
            counters.unwanted.inc();
            return Ok(());
        }
        if route.me.as_deref().is_some_and(|me| envelope.is_own_echo(me)) {
            counters.own.inc();
            return Ok(());
        }
        let envelope_to_keep = route.kinds.keeps_envelopes().then(|| body.to_vec());
        let dedupe = envelope.dedupe();
        let Some(event) = envelope.into_event(now) else {
            counters.unwanted.inc();
            return Ok(());
        };
        ingress.pace.wait(bot).await?;
        ingress.breaking.pass(Point::AfterVerify, Some(bot)).await;
        let on_its_way = ingress.intake.enter();
        let accepted = ingress.store.accept(ingress.as_new(bot, &event, dedupe, now, envelope_to_keep)).await;
        drop(on_its_way);
        ingress.breaking.pass(Point::AfterAccept, Some(bot)).await;
        match accepted {
            Ok(Accepted::New(_)) => counters.stored.inc(),
            Ok(Accepted::Duplicate) => counters.duplicate.inc(),
            Err(error) => return Err(error.into()),
        };
        counters.accept_seconds.observe(verified.elapsed().as_secs_f64());
        Ok(())
    }

    /// The raw body, within its limits of size and time.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Payload, limit: usize) -> Result<BytesMut, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > limit) {
            return Err(Refusal::BodyTooLarge);
        }
        let whole = gathered(body, announced.unwrap_or_default(), limit);
        timeout(self.ingress.body_time, whole).await.unwrap_or(Err(Refusal::SlowBody))
    }

    pub(super) fn wrong_method(&self, allowed: &'static str) -> HttpResponse {
        let mut response = self.refuse(&Refusal::MethodNotAllowed, None, None);
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
        response
    }

    pub(super) fn refuse(&self, refusal: &Refusal, bot: Option<&BotId>, fault: Option<&str>) -> HttpResponse {
        self.ingress.metrics.emit(&RequestRefused { code: refusal.code(), bot: bot.map(BotId::as_str), fault });
        refusal.response()
    }
}

/// A body of at most `limit` bytes. Not `to_bytes_limited`, which sets 32 KiB aside for each: a webhook has one,
/// and waits with it for its commit.
async fn gathered(mut body: Payload, announced: usize, limit: usize) -> Result<BytesMut, Refusal> {
    let mut whole = BytesMut::with_capacity(announced);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_broken| Refusal::BrokenBody)?;
        if whole.len() + chunk.len() > limit {
            return Err(Refusal::BodyTooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

impl Ingress {
    /// Deletions are for bots that want messages; of others nothing of a message is stored.
    fn obeys_deletions(&self, route: &Route) -> bool {
        self.follow_deletions && route.kinds.following_deletions().contains("messages.deleted")
    }

    fn as_new(&self, bot: &BotId, event: &Event, dedupe: Dedupe, now: Millis, envelope: Option<Vec<u8>>) -> NewEvent {
        NewEvent {
            bot: bot.clone(),
            id: EventId::new(),
            kind: event.kind(),
            order_key: event.order_key(),
            dedupe_key: dedupe.key,
            seen_until: now.plus(dedupe.window.unwrap_or(self.seen_for)),
            class: Class::Interactive,
            due_at: now,
            payload: event.encode(),
            envelope,
            answers: None,
        }
    }
}

/// Whether the content type is JSON, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let kind = value.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// A signature header as text. One that is there but is no text, or is there twice, must not count as missing:
/// then a weaker one would decide. It counts as one that fits nothing.
fn signature_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name);
    let first = all.next()?;
    Some(if all.next().is_some() { "?" } else { first.to_str().unwrap_or("?") })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn json_is_told_by_its_type_alone() {
        for (value, json) in [
            ("application/json", true),
            ("application/json;charset=UTF-8", true),
            ("Application/JSON ; charset=utf-8", true),
            ("application/jsonp", false),
            ("text/plain", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(is_json(&headers), json, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn a_base_path_is_one_however_it_is_written() {
        for (written, base) in [("", ""), ("/", ""), ("/a", "/a"), ("a/", "/a"), ("/a/b/", "/a/b")] {
            assert_eq!(normal_base(written), base);
        }
    }

    #[test]
    fn a_signature_header_that_cannot_be_read_is_not_missing() {
        const NAME: &str = "x-webex-signature";
        let mut headers = HeaderMap::new();
        assert_eq!(signature_header(&headers, NAME), None);
        headers.insert(HeaderName::from_static(NAME), HeaderValue::from_static("SHA-256=ab"));
        assert_eq!(signature_header(&headers, NAME), Some("SHA-256=ab"));
        headers.append(HeaderName::from_static(NAME), HeaderValue::from_static("SHA-256=ab"));
        assert_eq!(signature_header(&headers, NAME), Some("?"));
        headers.insert(HeaderName::from_static(NAME), HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(signature_header(&headers, NAME), Some("?"));
    }
}
