//! Sends webhook deliveries: signed, in order per webhook and room, many at once, ten seconds each.
//!
//! A delivery is tried once. What is not answered 2xx counts against the webhook.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    ids::{RoomId, WebhookId},
    shared::{Counts, Shared, note},
    world::Delivery,
};
use crate::{
    base::{Secret, spawn::spawn},
    net::{Egress, HttpClient, HttpRequest, NetError},
};

/// How long a target may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Deliveries at once, per thread.
const AT_ONCE: usize = 256;
/// What is read of an answer. Nobody looks at it, but a connection is only reused when it is read.
const MOST_ANSWER: usize = 64 * 1024;

/// What must stay in order: the events of one room as one webhook hears them.
type Lane = (WebhookId, RoomId);

/// One thread's part of the deliveries.
struct Deliverer {
    shared: Arc<Shared>,
    client: HttpClient,
    /// A lane is here while somebody works on it.
    lanes: RefCell<HashMap<Lane, VecDeque<Delivery>>>,
    places: Semaphore,
}

/// The client deliveries go out by.
pub(crate) fn client() -> Result<HttpClient, NetError> {
    HttpClient::build(&Egress { connections: AT_ONCE, ..Egress::default() })
}

/// Delivers what comes in, until `stop`.
pub(crate) async fn run(
    shared: Arc<Shared>,
    client: HttpClient,
    mut queue: mpsc::UnboundedReceiver<Delivery>,
    stop: CancellationToken,
) {
    let deliverer = Rc::new(Deliverer { shared, client, lanes: RefCell::default(), places: Semaphore::new(AT_ONCE) });
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => return,
            delivery = queue.recv() => delivery,
        };
        let Some(delivery) = delivery else { return };
        let lane = (delivery.webhook, delivery.room);
        let mut lanes = deliverer.lanes.borrow_mut();
        if let Some(behind) = lanes.get_mut(&lane) {
            behind.push_back(delivery);
            continue;
        }
        lanes.insert(lane, VecDeque::from([delivery]));
        drop(lanes);
        let (deliverer, stop) = (Rc::clone(&deliverer), stop.clone());
        spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = deliverer.work(lane) => {}
            }
        });
    }
}

impl Deliverer {
    /// Works a lane off, one after the other, and takes it away when it is empty.
    async fn work(&self, lane: Lane) {
        loop {
            let next = {
                let mut lanes = self.lanes.borrow_mut();
                let next = lanes.get_mut(&lane).and_then(VecDeque::pop_front);
                if next.is_none() {
                    lanes.remove(&lane);
                }
                next
            };
            let Some(delivery) = next else { return };
            self.deliver(delivery).await;
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        if delivery.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delivery.delay_ms)).await;
        }
        let place = self.places.acquire().await;
        if !self.shared.act(|world| world.is_active(delivery.webhook)) {
            self.shared.delivery_ended();
            return;
        }
        let answer = self.client.send(request(&delivery)).await;
        drop(place);
        let (status, error) = match answer {
            Ok(response) => (Some(response.status), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let well = status.is_some_and(|status| (200..300).contains(&status));
        Counts::add(if well { &self.shared.counts.delivered } else { &self.shared.counts.failed });
        self.shared.act(|world| {
            if !well {
                world.delivery_failed(delivery.webhook);
            }
            world.note(|_| note(delivery, status, error));
        });
        self.shared.delivery_ended();
    }
}

fn request(delivery: &Delivery) -> HttpRequest {
    let mut headers = vec![("Content-Type".to_owned(), "application/json;charset=UTF-8".to_owned())];
    if let Some(secret) = &delivery.secret {
        headers.push(("X-Spark-Signature".to_owned(), spark_signature(secret, &delivery.body)));
        if delivery.webex_signature {
            headers.push(("X-Webex-Signature".to_owned(), webex_signature(secret, &delivery.body)));
        }
    }
    headers.push(("TrackingID".to_owned(), format!("SIM_{}", uuid::Uuid::new_v4())));
    HttpRequest {
        method: "POST",
        url: delivery.url.clone(),
        headers,
        bearer: None,
        body: Some(delivery.body.clone()),
        timeout: TIMEOUT,
        max_body: MOST_ANSWER,
    }
}

macro_rules! hmac_hex {
    ($hash:ty, $secret:expr, $body:expr) => {{
        // A key of any length is one: `new_from_slice` refuses none for HMAC.
        Hmac::<$hash>::new_from_slice($secret.expose().as_bytes())
            .map(|mut mac| {
                mac.update($body);
                hex::encode(mac.finalize().into_bytes())
            })
            .unwrap_or_default()
    }};
}

/// `X-Spark-Signature`: HMAC-SHA1 over the raw body, in lower-case hex.
fn spark_signature(secret: &Secret, body: &[u8]) -> String {
    hmac_hex!(sha1::Sha1, secret, body)
}

/// `X-Webex-Signature`: the newer header, a list of algorithm and hex.
fn webex_signature(secret: &Secret, body: &[u8]) -> String {
    format!("SHA-256={}, SHA-512={}", hmac_hex!(sha2::Sha256, secret, body), hmac_hex!(sha2::Sha512, secret, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_known_vectors() {
        let key = Secret::new("key");
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(spark_signature(&key, text), "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
        let webex = webex_signature(&key, text);
        assert!(
            webex.starts_with(
                "SHA-256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8, \
                 SHA-512=b42af09057bac1e2d41708e48a902e09b5ff7f12ab428a4fe86653c73dd248fb"
            ),
            "{webex}"
        );
    }
}
