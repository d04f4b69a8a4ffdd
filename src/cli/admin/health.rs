//! `botyard healthcheck`: is the service well? Quick and without a token, for a container's health check.

use std::time::Duration;

use serde::Deserialize;

use super::{
    client::request,
    service::{self, Service},
};
use crate::{cli::failure::Failure, settings::Settings};

/// How long the answer may take: longer than the 2 s that the service gives its store, because the reason is
/// worth the wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// What `/readyz` says.
#[derive(Debug, Deserialize)]
struct Answer {
    ready: bool,
    reasons: Vec<String>,
    simulator: bool,
}

/// Says that the service is well, or fails with why it is not.
pub(super) async fn check(settings: &Settings) -> Result<String, Failure> {
    let service = service::find(settings).await.map_err(Failure::problem)?;
    let answer = ask(&service).await.map_err(Failure::problem)?;
    verdict(&answer).map_err(Failure::problem)
}

/// Whether Webex is simulated there. One that does not say is taken for a real one.
pub(super) async fn on_simulator(service: &Service) -> bool {
    ask(service).await.is_ok_and(|answer| answer.simulator)
}

async fn ask(service: &Service) -> Result<Answer, String> {
    let address = service.address;
    let answer = service.http.send(request("GET", address, "/readyz", PATIENCE)).await;
    let answer = answer.map_err(|error| format!("not ready: {error}"))?;
    serde_json::from_slice(&answer.body).map_err(|_no_json| {
        format!("not ready: `{address}` answers `/readyz` with status {} and no word more", answer.status)
    })
}

fn verdict(answer: &Answer) -> Result<String, String> {
    if !answer.ready {
        let reasons = answer.reasons.join("; ");
        return Err(format!("not ready: {}", if reasons.is_empty() { "it does not say why" } else { &reasons }));
    }
    let ready = if answer.simulator { "ready, on the simulator: nothing reaches real people" } else { "ready" };
    Ok([&[ready.to_owned()], &answer.reasons[..]].concat().join("; but "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> Result<String, String> {
        verdict(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_verdict_carries_the_reasons() {
        assert_eq!(said(r#"{"ready":true,"reasons":[],"simulator":false}"#).unwrap(), "ready");
        assert!(said(r#"{"ready":true,"reasons":[],"simulator":true}"#).unwrap().contains("simulator"));
        let held = said(r#"{"ready":true,"reasons":["all bots were paused"],"simulator":false}"#);
        assert_eq!(held.unwrap(), "ready; but all bots were paused");
        let reasons =
            said(r#"{"ready":false,"reasons":["the ingress is not open","the disk is full"],"simulator":false}"#);
        assert_eq!(reasons.unwrap_err(), "not ready: the ingress is not open; the disk is full");
    }
}
