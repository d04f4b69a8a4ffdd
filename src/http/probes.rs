//! What probes and Prometheus ask. Open to everyone who reaches the admin listener, so it tells nothing
//! that is secret and costs little however often it is asked.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpResponse, http::header, web};
use serde_json::json;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::admin::Admin;
use crate::{store::Store, telemetry::CONTENT_TYPE};

/// How long the store may take to prove that it can be written.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one probe's result holds for the next asker: each probe writes.
const HOLDS: Duration = Duration::from_secs(1);

/// Whether the ingress takes webhooks. Cheap to clone: all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    listening: AtomicBool,
    silence: std::sync::Mutex<Option<String>>,
}

impl Readiness {
    /// Says whether the ingress is open: true once it listens, false as the first act of shutdown.
    pub fn set_listening(&self, listening: bool) {
        self.0.listening.store(listening, Ordering::Release);
    }

    /// What was last said; not listening until something was.
    #[must_use]
    pub fn listening(&self) -> bool {
        self.0.listening.load(Ordering::Acquire)
    }

    /// Says why no bot works, if none does. The ingress stores all the same, so this makes nobody unready.
    pub fn set_silence(&self, reason: Option<String>) {
        *self.0.silence.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// What was last said.
    #[must_use]
    pub fn silence(&self) -> Option<String> {
        self.0.silence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The last probe of the store: when it ended and what was wrong. Held while one runs, so that any number of
/// askers make one probe.
#[derive(Debug, Default)]
pub(super) struct LastProbe(Mutex<Option<(Instant, Option<String>)>>);

impl LastProbe {
    /// What is wrong with the store, if anything.
    async fn trouble(&self, store: &dyn Store) -> Option<String> {
        let mut last = self.0.lock().await;
        if let Some((at, trouble)) = &*last
            && at.elapsed() < HOLDS
        {
            return trouble.clone();
        }
        let trouble = match timeout(PATIENCE, store.probe()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the store did not answer within {} s", PATIENCE.as_secs())),
        };
        *last = Some((Instant::now(), trouble.clone()));
        trouble
    }
}

/// The process runs and its admin thread answers. Restarting it helps only when even this fails.
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type(header::ContentType::plaintext()).body("ok\n")
}

/// Webhooks would be stored now. Says nothing about single bots: one that is down is no reason to send the
/// others' webhooks elsewhere.
pub(super) async fn readyz(admin: web::Data<Admin>, last: web::Data<LastProbe>) -> HttpResponse {
    let mut reasons = Vec::new();
    if !admin.readiness.listening() {
        reasons.push("the ingress is not open".to_owned());
    }
    reasons.extend(last.trouble(&*admin.store).await);
    let ready = reasons.is_empty();
    reasons.extend(admin.readiness.silence());
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.json(json!({ "ready": ready, "reasons": reasons, "simulator": admin.simulator }))
}

/// All counters.
pub(super) async fn metrics(admin: web::Data<Admin>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, CONTENT_TYPE)).body(admin.metrics.render())
}
