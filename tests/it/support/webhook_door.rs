//! An open ingress over a [`FakeStore`], and the hand that knocks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use botyard::{
    actors::{intake::Intake, routes::Routes},
    base::{BotId, Breaking, Clock, Secret},
    http::{
        Ingress, Limits, Pace, Running, ServerMode,
        server::{bind, serve},
    },
    store::{RouteRow, Store},
    telemetry::Metrics,
    webex::{
        Kinds,
        signature::{Algorithm, sign},
    },
};

use super::{
    fake_store::FakeStore,
    raw_http::{Answer, send},
};

pub(crate) const SECRET: &str = "s3cret-of-echo";
pub(crate) const ME: &str = "person-of-the-bot";
pub(crate) const MAX_BODY: usize = 4096;

pub(crate) struct WebhookDoor {
    pub(crate) running: Running,
    pub(crate) routes: Routes,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) metrics: Arc<Metrics>,
    /// `/hooks/echo`, below the base path if there is one.
    pub(crate) path: String,
}

/// An ingress that knows the bot `echo`, which wants new messages and memberships.
pub(crate) async fn open(mode: ServerMode) -> WebhookDoor {
    open_as(mode, "", 64).await
}

pub(crate) async fn open_as(mode: ServerMode, base_path: &str, connections: usize) -> WebhookDoor {
    open_at_pace(mode, base_path, connections, Pace::new(0)).await
}

pub(crate) async fn open_at_pace(mode: ServerMode, base_path: &str, connections: usize, pace: Pace) -> WebhookDoor {
    let (routes, store, metrics) = (Routes::new(), Arc::new(FakeStore::default()), Arc::new(Metrics::new()));
    let kinds = Kinds::default().with("messages.created").with("memberships.created");
    let bot = BotId::parse("echo").unwrap();
    routes.publish(vec![RouteRow { bot, secrets: vec![Secret::new(SECRET)], me: Some(ME.into()), kinds: kinds.0 }]);
    let ingress = Ingress {
        engine: std::sync::Arc::default(),
        breaking: Breaking::default(),
        routes: routes.clone(),
        store: Arc::clone(&store) as Arc<dyn Store>,
        metrics: Arc::clone(&metrics),
        clock: Clock::System,
        base_path: base_path.to_owned(),
        max_body: MAX_BODY,
        body_time: Duration::from_secs(1),
        seen_for: Duration::from_hours(1),
        follow_deletions: true,
        intake: Intake::default(),
        pace: Arc::new(pace),
    };
    let limits = Limits { header: Duration::from_secs(1), connections };
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "listen").unwrap();
    let running = serve(listener, mode, limits, ingress.routes()).await.unwrap();
    WebhookDoor { running, routes, store, metrics, path: format!("{base_path}/hooks/echo") }
}

impl WebhookDoor {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// Posts a body as JSON with these headers.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let mut all = vec![("Content-Type", "application/json;charset=UTF-8")];
        all.extend(headers);
        send(self.addr(), "POST", &self.path, &all, body).await
    }

    /// Posts a body as Webex would.
    pub(crate) async fn deliver(&self, body: &str) -> Answer {
        self.post(&[("X-Spark-Signature", &signed(Algorithm::Sha1, body))], body).await
    }

    /// How often a code was counted.
    pub(crate) fn refused(&self, code: &'static str) -> u64 {
        self.metrics.ingress.refused(code)
    }
}

pub(crate) fn signed(algorithm: Algorithm, body: &str) -> String {
    sign(algorithm, &Secret::new(SECRET), body.as_bytes())
}

/// The body of a new message.
pub(crate) fn message(id: &str, person: &str) -> String {
    webhook(
        "messages",
        "created",
        &format!(
            r#"{{"id":"{id}","roomId":"ROOM","roomType":"direct","personId":"{person}","personEmail":"ann@example.com","created":"2026-01-02T03:04:05.678Z"}}"#
        ),
    )
}

pub(crate) fn webhook(resource: &str, event: &str, data: &str) -> String {
    format!(
        r#"{{"id":"W","name":"botyard/test/echo/{resource}.{event}","resource":"{resource}","event":"{event}","actorId":"ann","status":"active","data":{data}}}"#
    )
}
