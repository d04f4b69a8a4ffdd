//! Sends webhook deliveries: signed, in order per webhook and room, many at once, each within a time-out.
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
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    ids::{RoomId, WebhookId},
    places::Places,
    shared::{Counts, Shared},
    world::Delivery,
};
use crate::{
    base::{Secret, spawn::spawn},
    net::{Egress, HttpClient, HttpRequest, NetError},
};

/// Deliveries at once, per thread.
const AT_ONCE: usize = 256;
/// What is read of an answer. Nobody looks at it, but a connection is only reused when it is read.
const MOST_ANSWER: usize = 64 * 1024;
/// How long one that is to be overtaken waits for the other, when no delay says so.
const OVERTAKEN: Duration = Duration::from_secs(1);

/// What must stay in order: the events of one room as one webhook hears them.
type LaneKey = (WebhookId, RoomId);

/// What waits in a lane. A lane is there while somebody works on it.
#[derive(Default)]
struct Lane {
    queue: VecDeque<Delivery>,
    /// Told when something comes in.
    arrived: Rc<Notify>,
}

/// One thread's part of the deliveries.
struct Deliverer {
    shared: Arc<Shared>,
    client: HttpClient,
    lanes: RefCell<HashMap<LaneKey, Lane>>,
    places: RefCell<Places<oneshot::Sender<()>>>,
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
    let places = RefCell::new(Places::new(AT_ONCE));
    let deliverer = Rc::new(Deliverer { shared, client, lanes: RefCell::default(), places });
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => return,
            delivery = queue.recv() => delivery,
        };
        let Some(delivery) = delivery else { return };
        let key = (delivery.webhook, delivery.room);
        let mut lanes = deliverer.lanes.borrow_mut();
        if let Some(lane) = lanes.get_mut(&key) {
            lane.queue.push_back(delivery);
            lane.arrived.notify_one();
            continue;
        }
        lanes.insert(key, Lane { queue: VecDeque::from([delivery]), ..Lane::default() });
        drop(lanes);
        let (deliverer, stop) = (Rc::clone(&deliverer), stop.clone());
        spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = deliverer.work(key) => {}
            }
        });
    }
}

impl Deliverer {
    /// Works a lane off, one after the other, and takes it away when it is empty.
    async fn work(&self, key: LaneKey) {
        while let Some(delivery) = self.next(key, true) {
            if delivery.reorder {
                let wait = if delivery.delay_ms > 0 { Duration::from_millis(delivery.delay_ms) } else { OVERTAKEN };
                if let Some(other) = self.overtaking(key, wait).await {
                    self.deliver_late(other).await;
                }
                self.deliver(delivery).await;
            } else {
                self.deliver_late(delivery).await;
            }
        }
    }

    /// The next one of a lane. An empty one is taken away where `last` says that nobody works on it any more.
    fn next(&self, key: LaneKey, last: bool) -> Option<Delivery> {
        let mut lanes = self.lanes.borrow_mut();
        let next = lanes.get_mut(&key).and_then(|lane| lane.queue.pop_front());
        if next.is_none() && last {
            lanes.remove(&key);
        }
        next
    }

    /// The one that comes next in a lane, if it comes in time.
    async fn overtaking(&self, key: LaneKey, wait: Duration) -> Option<Delivery> {
        let arrived = self.lanes.borrow().get(&key).map(|lane| Rc::clone(&lane.arrived))?;
        let deadline = Instant::now() + wait;
        loop {
            let next = self.next(key, false);
            if next.is_some() || timeout_at(deadline, arrived.notified()).await.is_err() {
                return next;
            }
        }
    }

    async fn deliver_late(&self, delivery: Delivery) {
        if delivery.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delivery.delay_ms)).await;
        }
        self.deliver(delivery).await;
    }

    async fn deliver(&self, delivery: Delivery) {
        let server = server(&delivery.url);
        let (given, place) = oneshot::channel();
        tell(self.places.borrow_mut().ask(&server, delivery.webhook, given));
        // Who would tell lives as long as this.
        let _place = place.await;
        self.send(&delivery).await;
        let next = self.places.borrow_mut().give_back(&server, delivery.webhook);
        tell(next);
    }

    /// Sends one and notes what came of it, unless its webhook was switched off meanwhile.
    async fn send(&self, delivery: &Delivery) {
        let timeout = self.shared.act(|world| {
            if world.is_active(delivery.webhook) {
                return Some(Duration::from_millis(world.switches.delivery_timeout_ms.into()));
            }
            self.shared.delivery_ended(world, delivery);
            None
        });
        let Some(timeout) = timeout else { return };
        let answer = self.client.send(request(delivery, timeout)).await;
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
            self.shared.delivery_ended(world, delivery);
            world.note(|_| delivery.clone().into_note(status, error));
        });
    }
}

/// Tells those who have a place now. One whose task is gone leaves with the simulator, place and all.
fn tell(granted: Vec<oneshot::Sender<()>>) {
    for place in granted {
        let _gone = place.send(());
    }
}

/// The part of a URL up to its path: what is slow as a whole.
fn server(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/").to_ascii_lowercase()
}

fn request(delivery: &Delivery, timeout: Duration) -> HttpRequest {
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
        timeout,
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
