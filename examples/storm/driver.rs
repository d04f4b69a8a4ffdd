//! Sends the webhooks: signed as Webex signs them, over keep-alive connections, closed loop or at a rate.
//!
//! A pair of person and bot is always served by the same connection, one message at a time. So the order in
//! which its messages were accepted is known, and the replies can be held against it.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    client::Connection,
    fleet::{self, Kind},
    ledger::Ledger,
    upstream::Hook,
};

/// How long a connection pauses after a refusal.
const AFTER_REFUSAL: Duration = Duration::from_millis(5);

/// No load lasts longer, whatever its end was to be.
const LONGEST: Duration = Duration::from_mins(10);
/// How long a closed loop over answers waits for one.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// Where the webhooks of the bots go.
pub(crate) struct Target {
    addr: SocketAddr,
    bots: Vec<Address>,
    pub(crate) pairs: usize,
}

/// Where the webhooks of one bot go, and all of a request that does not change.
struct Address {
    signer: Hmac<Sha1>,
    head: String,
    body: String,
}

impl Target {
    /// The webhooks as they were registered. `pairs` is how many people write.
    pub(crate) fn new(addr: SocketAddr, hooks: &[Hook], pairs: usize) -> Result<Self> {
        let bots = hooks.iter().enumerate().map(|(bot, hook)| Address::new(bot, hook, addr)).collect::<Result<_>>()?;
        Ok(Self { addr, bots, pairs })
    }

    /// How many bots there are.
    pub(crate) fn bots(&self) -> usize {
        self.bots.len()
    }
}

impl Address {
    fn new(bot: usize, hook: &Hook, addr: SocketAddr) -> Result<Self> {
        if hook.secret.is_empty() {
            bail!("the webhook `{}` was registered without a secret", hook.name);
        }
        let here = format!("http://{addr}");
        let path = hook.target_url.strip_prefix(&here);
        let path = path.with_context(|| format!("the webhook `{}` goes to `{}`", hook.name, hook.target_url))?;
        let (Hook { id, name, target_url, .. }, org) = (hook, fleet::id(Kind::Bot, 0, 1));
        let creator = fleet::id(Kind::Bot, u32::try_from(bot)?, 0);
        Ok(Self {
            signer: Hmac::new_from_slice(hook.secret.as_bytes())?,
            head: format!(
                "POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json;charset=UTF-8\r\nuser-agent: Jersey/2.35\r\n"
            ),
            body: format!(
                r#"{{"id":"{id}","name":"{name}","targetUrl":"{target_url}","resource":"messages","event":"created","orgId":"{org}","createdBy":"{creator}","appId":"{org}","ownedBy":"creator","status":"active","created":"2026-01-02T03:04:05.678Z","#
            ),
        })
    }

    /// Writes the whole request for a message of a pair.
    fn write(&self, request: &mut Vec<u8>, body: &mut Vec<u8>, pair: usize, message: u64) -> Result<()> {
        let number = u32::try_from(pair)?;
        let person = fleet::id(Kind::Person, number, 0);
        body.clear();
        body.extend_from_slice(self.body.as_bytes());
        write!(
            body,
            r#""actorId":"{person}","data":{{"id":"{}","roomId":"{}","roomType":"direct","personId":"{person}","personEmail":"person{pair}@example.com","created":"2026-01-02T03:04:05.678Z"}}}}"#,
            fleet::id(Kind::Message, number, message),
            fleet::id(Kind::Room, number, 0),
        )?;
        let mut signer = self.signer.clone();
        signer.update(body);
        let mut signature = [0; 40];
        hex::encode_to_slice(signer.finalize().into_bytes(), &mut signature)?;
        request.clear();
        request.extend_from_slice(self.head.as_bytes());
        request.extend_from_slice(b"x-spark-signature: ");
        request.extend_from_slice(&signature);
        write!(request, "\r\ncontent-length: {}\r\n\r\n", body.len())?;
        request.extend_from_slice(body);
        Ok(())
    }
}

/// When a connection sends its next message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// As soon as the last one was acknowledged.
    Acked,
    /// As soon as the last one was answered.
    Answered,
    /// So many a second over all connections, as far as the acknowledgements allow.
    Rate(f64),
}

/// When a load ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Until {
    /// After so long; the ledger's capacity ends it earlier.
    Elapsed(Duration),
    /// After so many messages.
    Count(u64),
    /// After so many of every pair.
    Rounds(u64),
}

/// What to do to the target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    /// Only to this bot.
    pub(crate) bot: Option<usize>,
    pub(crate) pace: Pace,
    pub(crate) until: Until,
}

/// What was said to the messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// From the first message to the last acknowledgement.
    pub(crate) took: Duration,
    /// How often each status; `0`: the connection broke, so it is unknown whether the message was accepted.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

/// Runs a load to its end.
pub(crate) async fn drive(target: &Arc<Target>, ledger: &Arc<Ledger>, load: Load) -> Result<Said> {
    let began = Instant::now();
    let mut ends = Vec::new();
    for thread in 0..load.threads {
        let (target, ledger, (end, ended)) = (Arc::clone(target), Arc::clone(ledger), oneshot::channel());
        thread::Builder::new().name(format!("driver-{thread}")).spawn(move || {
            let _ = end.send(drive_some(thread, &target, &ledger, load, began));
        })?;
        ends.push(ended);
    }
    let mut said = Said::default();
    for ended in ends {
        for (status, count) in ended.await.context("a driver thread ended early")?? {
            *said.statuses.entry(status).or_default() += count;
        }
    }
    said.took = began.elapsed();
    Ok(said)
}

/// Every `load.threads`th connection, on this thread.
fn drive_some(
    thread: usize,
    target: &Arc<Target>,
    ledger: &Arc<Ledger>,
    load: Load,
    began: Instant,
) -> Result<BTreeMap<u16, u64>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut connections = JoinSet::new();
        // So many connect at once: a listener's queue is short, and a dropped SYN costs a second.
        let connecting = Arc::new(Semaphore::new(32));
        for connection in (thread..load.connections).step_by(load.threads) {
            let talk = Talk { target: Arc::clone(target), ledger: Arc::clone(ledger), load, began, connection };
            connections.spawn(talk.run(Arc::clone(&connecting)));
        }
        let mut statuses = BTreeMap::new();
        while let Some(counts) = connections.join_next().await {
            for (status, count) in counts?? {
                *statuses.entry(status).or_default() += count;
            }
        }
        Ok(statuses)
    })
}

/// One connection and the pairs it serves.
struct Talk {
    target: Arc<Target>,
    ledger: Arc<Ledger>,
    load: Load,
    began: Instant,
    connection: usize,
}

impl Talk {
    async fn run(self, connecting: Arc<Semaphore>) -> Result<BTreeMap<u16, u64>> {
        let Self { target, ledger, load, began, connection } = self;
        let pairs = pairs_of(connection, load, target.bots(), target.pairs);
        let (limit, rounds) = match load.until {
            Until::Elapsed(_) => (u64::MAX, u64::MAX),
            Until::Count(count) => (count, u64::MAX),
            Until::Rounds(rounds) => (u64::MAX, rounds),
        };
        let until = began + if let Until::Elapsed(time) = load.until { time.min(LONGEST) } else { LONGEST };
        let mut line = Connection::new(target.addr);
        let (mut request, mut body) = (Vec::with_capacity(2048), Vec::with_capacity(2048));
        let mut statuses = BTreeMap::new();
        let mut connecting = Some(connecting.acquire_owned().await?);
        // Without pairs there would be rounds without end.
        let rounds = if pairs.is_empty() { 0 } else { rounds };
        for (sent_here, pair) in (0_u32..).zip((0..rounds).flat_map(|_| pairs.iter().copied())) {
            let mut due = None;
            if let Pace::Rate(rate) = load.pace {
                let at = began + beat(rate, load.connections, connection, sent_here);
                if Instant::now() < at {
                    sleep(at.saturating_duration_since(Instant::now())).await;
                } else {
                    // It should have left while the one before was waiting: that wait is part of its time.
                    due = Some(at);
                }
            }
            if Instant::now() >= until {
                break;
            }
            let Some(message) = ledger.take(limit) else { break };
            target.bots[pair % target.bots()].write(&mut request, &mut body, pair, message)?;
            ledger.sent(message, pair, due.unwrap_or_else(Instant::now));
            let status = line.exchange(&request).await.unwrap_or(0);
            drop(connecting.take());
            *statuses.entry(status).or_default() += 1;
            if status == 200 {
                ledger.acked(message, Instant::now());
                if load.pace == Pace::Answered {
                    // An answer that does not come is counted as lost; the connection goes on.
                    let _ = timeout(LONGEST_ANSWER, ledger.answer(message, connection)).await;
                }
            } else {
                sleep(AFTER_REFUSAL).await;
            }
        }
        Ok(statuses)
    }
}

/// The pairs that a connection serves.
fn pairs_of(connection: usize, load: Load, bots: usize, pairs: usize) -> Vec<usize> {
    match load.bot {
        None => (connection..pairs).step_by(load.connections).collect(),
        Some(bot) => (bot..pairs).step_by(bots).skip(connection).step_by(load.connections).collect(),
    }
}

/// When a connection's `n`th message is due, so that all connections together keep the rate evenly.
fn beat(rate: f64, connections: usize, connection: usize, n: u32) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "counts of connections are small")]
    let (connections, connection) = (connections as f64, connection as f64);
    Duration::from_secs_f64((connection + f64::from(n) * connections) / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_one_connection_and_one_bot_can_be_meant_alone() {
        let load = |bot| Load { connections: 3, threads: 1, bot, pace: Pace::Acked, until: Until::Rounds(1) };
        let all = |bot| {
            let mut all: Vec<_> = (0..3).flat_map(|connection| pairs_of(connection, load(bot), 4, 20)).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(all(None), (0..20).collect::<Vec<_>>());
        assert_eq!(all(Some(1)), [1, 5, 9, 13, 17]);
    }

    #[test]
    fn the_beats_of_all_connections_together_are_the_rate() {
        let mut beats: Vec<_> =
            (0..4).flat_map(|connection| (0..25).map(move |n| beat(100.0, 4, connection, n))).collect();
        beats.sort_unstable();
        let even: Vec<_> = (0..100).map(|n| Duration::from_millis(n * 10)).collect();
        assert!(beats.iter().zip(even).all(|(beat, even)| beat.abs_diff(even) < Duration::from_micros(1)));
    }

    #[test]
    fn a_request_is_signed_over_its_body() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 8080));
        let hook: Hook = serde_json::from_value(serde_json::json!({
            "id": "w", "name": "botyard/default/storm-00000/messages.created", "secret": "s3cret",
            "targetUrl": "http://127.0.0.1:8080/hooks/storm-00000",
        }))
        .unwrap();
        let (mut request, mut body) = (Vec::new(), Vec::new());
        Address::new(0, &hook, addr).unwrap().write(&mut request, &mut body, 7, 9).unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(fleet::numbers(Kind::Message, parsed["data"]["id"].as_str().unwrap()), Some((7, 9)));
        let mut mac = Hmac::<Sha1>::new_from_slice(b"s3cret").unwrap();
        mac.update(&body);
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("POST /hooks/storm-00000 HTTP/1.1\r\n"));
        assert!(request.contains(&format!("x-spark-signature: {}\r\n", hex::encode(mac.finalize().into_bytes()))));
        assert!(request.ends_with(str::from_utf8(&body).unwrap()));
    }

    #[test]
    fn a_webhook_without_a_secret_or_to_somewhere_else_is_an_error() {
        let addr = SocketAddr::from(([127, 0, 0, 1], 8080));
        let hook = |secret: &str, url: &str| -> Hook {
            serde_json::from_value(serde_json::json!({ "name": "n", "secret": secret, "targetUrl": url })).unwrap()
        };
        assert!(Address::new(0, &hook("", "http://127.0.0.1:8080/hooks/a"), addr).is_err());
        assert!(Address::new(0, &hook("s", "http://127.0.0.1:9999/hooks/a"), addr).is_err());
    }
}
