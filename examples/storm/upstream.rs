//! The smallest Webex that can host a storm: one thread, no store, every answer computed from the ids in the
//! question. It is not the simulator on purpose: its cost must be small and known, because it runs on the
//! cores that are being measured.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{Method, StatusCode, header},
    web::{self, Bytes, Data, PayloadConfig},
};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    fleet::{self, Kind},
    ledger::Ledger,
};

/// When everything was made, as far as anybody here asks.
const CREATED: &str = "2026-01-02T03:04:05.678Z";

/// A webhook as it was registered.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hook {
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) target_url: String,
    #[serde(default)]
    pub(crate) resource: String,
    #[serde(default)]
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) secret: String,
}

impl Hook {
    /// Whether new messages come through it.
    pub(crate) fn hears_messages(&self) -> bool {
        matches!(self.resource.as_str(), "messages" | "all") && matches!(self.event.as_str(), "created" | "all")
    }

    /// One that no service registered, for the bare handler.
    pub(crate) fn bare(bot: usize, addr: SocketAddr, secret: &str) -> Self {
        let name = fleet::bot_id(bot);
        Self {
            id: fleet::id(Kind::Webhook, u32::try_from(bot).unwrap_or(u32::MAX), 0),
            target_url: format!("http://{addr}/hooks/{name}"),
            name: format!("botyard/storm/{name}/messages.created"),
            resource: "messages".to_owned(),
            event: "created".to_owned(),
            secret: secret.to_owned(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "targetUrl": self.target_url, "resource": self.resource,
            "event": self.event, "secret": self.secret, "status": "active", "ownedBy": "creator", "created": CREATED,
        })
    }
}

/// What the handlers share with the one who started them.
#[derive(Debug)]
struct Shared {
    bots: usize,
    hooks: Vec<Mutex<Vec<Hook>>>,
    next_hook: AtomicU64,
    ledger: RwLock<Arc<Ledger>>,
    began: Instant,
    /// When somebody last asked about identity or webhooks, in milliseconds since `began`.
    last_setup: AtomicU64,
    setup: AtomicU64,
    reads: AtomicU64,
    unknown: AtomicU64,
    open: watch::Receiver<bool>,
}

/// The running upstream. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    addr: SocketAddr,
    shared: Arc<Shared>,
    gate: watch::Sender<bool>,
    server: ServerHandle,
}

/// What was asked of the upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Requests about identity and webhooks.
    pub(crate) setup: u64,
    /// Reads of messages, people and rooms.
    pub(crate) reads: u64,
    /// Requests for what does not exist here.
    pub(crate) unknown: u64,
}

impl Upstream {
    /// Starts one on a free port, for that many bots.
    pub(crate) fn start(bots: usize) -> Result<Self> {
        let (gate, open) = watch::channel(true);
        let shared = Arc::new(Shared {
            bots,
            hooks: (0..bots).map(|_| Mutex::default()).collect(),
            next_hook: AtomicU64::new(0),
            ledger: RwLock::new(Arc::new(Ledger::new(0, 0, 0, 0))),
            began: Instant::now(),
            last_setup: AtomicU64::new(0),
            setup: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            open,
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port for the upstream")?;
        let addr = listener.local_addr()?;
        let server = spawn(listener, Arc::clone(&shared))?;
        Ok(Self { addr, shared, gate, server })
    }

    /// What belongs into `webex.api_url`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// From now on replies are written down there.
    pub(crate) fn record(&self, ledger: &Arc<Ledger>) {
        *self.shared.ledger.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(ledger);
    }

    /// While closed, messages are neither given out nor taken: requests wait.
    pub(crate) fn set_open(&self, open: bool) {
        self.gate.send_replace(open);
    }

    /// Each bot's webhook for messages, as far as registered.
    pub(crate) fn hooks(&self) -> Vec<Option<Hook>> {
        let heard = |hooks: &Mutex<Vec<Hook>>| {
            let hooks = hooks.lock().unwrap_or_else(PoisonError::into_inner);
            hooks.iter().find(|hook| hook.hears_messages()).cloned()
        };
        self.shared.hooks.iter().map(heard).collect()
    }

    /// How many webhooks there are.
    pub(crate) fn hook_count(&self) -> usize {
        self.shared.hooks.iter().map(|hooks| hooks.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// When somebody last asked about identity or webhooks.
    pub(crate) fn last_setup(&self) -> Instant {
        self.shared.began + Duration::from_millis(self.shared.last_setup.load(Relaxed))
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Asked {
        let Shared { setup, reads, unknown, .. } = &*self.shared;
        Asked { setup: setup.load(Relaxed), reads: reads.load(Relaxed), unknown: unknown.load(Relaxed) }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // The command is queued by the call; the future only tells when the server has ended.
        drop(self.server.stop(false));
    }
}

fn spawn(listener: TcpListener, shared: Arc<Shared>) -> Result<ServerHandle> {
    let (started, handle) = std::sync::mpsc::channel();
    thread::Builder::new().name("upstream".to_owned()).spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || {
                App::new()
                    .app_data(Data::from(Arc::clone(&shared)))
                    .app_data(PayloadConfig::new(256 * 1024))
                    .default_service(web::to(answer))
            };
            let server = HttpServer::new(app).workers(1).disable_signals().keep_alive(Duration::from_mins(2));
            match server.listen(listener) {
                Ok(server) => {
                    let server = server.run();
                    let _ = started.send(Ok(server.handle()));
                    let _ = server.await;
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        });
    })?;
    handle.recv().map_err(io::Error::other)?.context("the upstream did not start")
}

/// One handler and one `match` instead of a router: this is on the measured path.
async fn answer(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bot = token.and_then(|value| fleet::owner_of(value.strip_prefix("Bearer ")?));
    let Some(bot) = bot.filter(|&bot| bot < shared.bots) else {
        return problem(
            StatusCode::UNAUTHORIZED,
            "The request requires a valid access token set in the Authorization request header.",
        );
    };
    let path = request.path().strip_prefix("/v1/").unwrap_or_default();
    let (resource, id) = path.split_once('/').unwrap_or((path, ""));
    match (request.method(), resource, id) {
        (&Method::GET, "messages", id) if !id.is_empty() => {
            shared.wait_until_open().await;
            shared.reads.fetch_add(1, Relaxed);
            found(message(&shared, bot, id))
        }
        (&Method::POST, "messages", "") => {
            shared.wait_until_open().await;
            take_reply(&shared, bot, &body)
        }
        (&Method::GET, "people", "me") => {
            shared.note_setup();
            found(Some(identity(bot)))
        }
        (&Method::GET, "people", id) if !id.is_empty() => {
            shared.reads.fetch_add(1, Relaxed);
            found(person(id))
        }
        (&Method::GET, "rooms", id) if !id.is_empty() => {
            shared.reads.fetch_add(1, Relaxed);
            found(room(&shared, bot, id))
        }
        (_, "webhooks", id) => {
            shared.note_setup();
            webhooks(&shared, bot, request.method(), id, &body)
        }
        _ => {
            shared.unknown.fetch_add(1, Relaxed);
            problem(StatusCode::NOT_FOUND, "The requested resource could not be found.")
        }
    }
}

impl Shared {
    async fn wait_until_open(&self) {
        if !*self.open.borrow() {
            let _ = self.open.clone().wait_for(|open| *open).await;
        }
    }

    fn note_setup(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_setup.fetch_max(now, Relaxed);
        self.setup.fetch_add(1, Relaxed);
    }
}

fn problem(status: StatusCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "message": message, "trackingId": "STORM_0" }))
}

fn found(object: Option<String>) -> HttpResponse {
    match object {
        Some(object) => HttpResponse::Ok().content_type("application/json;charset=UTF-8").body(object),
        None => problem(StatusCode::NOT_FOUND, "The requested resource could not be found."),
    }
}

fn identity(bot: usize) -> String {
    let (id, name) = (bot_person(bot), fleet::bot_id(bot));
    format!(
        r#"{{"id":"{id}","emails":["{name}@webex.bot"],"displayName":"Site {bot}","nickName":"Site {bot}","type":"bot","orgId":"{id}","created":"{CREATED}"}}"#
    )
}

/// A bot's own person id.
fn bot_person(bot: usize) -> String {
    fleet::id(Kind::Bot, u32::try_from(bot).unwrap_or(u32::MAX), 0)
}

fn person(id: &str) -> Option<String> {
    let (pair, _) = fleet::numbers(Kind::Person, id)?;
    Some(format!(
        r#"{{"id":"{id}","emails":["person{pair}@example.com"],"displayName":"Ada Person{pair}","firstName":"Ada","lastName":"Person{pair}","type":"person","orgId":"{id}","created":"{CREATED}"}}"#
    ))
}

fn room(shared: &Shared, bot: usize, id: &str) -> Option<String> {
    let (pair, _) = fleet::numbers(Kind::Room, id).filter(|(pair, _)| *pair as usize % shared.bots == bot)?;
    Some(format!(
        r#"{{"id":"{id}","title":"Ada Person{pair}","type":"direct","isLocked":false,"lastActivity":"{CREATED}","created":"{CREATED}"}}"#
    ))
}

fn message(shared: &Shared, bot: usize, id: &str) -> Option<String> {
    let (pair, number) = fleet::numbers(Kind::Message, id).filter(|(pair, _)| *pair as usize % shared.bots == bot)?;
    let (room, person) = (fleet::id(Kind::Room, pair, 0), fleet::id(Kind::Person, pair, 0));
    let text = fleet::text(bot, number);
    Some(format!(
        r#"{{"id":"{id}","roomId":"{room}","roomType":"direct","text":"{text}","personId":"{person}","personEmail":"person{pair}@example.com","created":"{CREATED}"}}"#
    ))
}

fn take_reply(shared: &Shared, bot: usize, body: &[u8]) -> HttpResponse {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Post<'a> {
        #[serde(borrow)]
        room_id: Option<&'a str>,
    }
    let room = serde_json::from_slice(body).ok().and_then(|post: Post<'_>| post.room_id);
    let Some(room) = room else {
        shared.unknown.fetch_add(1, Relaxed);
        return problem(StatusCode::BAD_REQUEST, "One of the following must be non-empty: roomId or toPersonId");
    };
    let pair = fleet::numbers(Kind::Room, room).map(|(pair, _)| pair as usize);
    let message = fleet::marked(body);
    shared.ledger.read().unwrap_or_else(PoisonError::into_inner).replied(message, bot, pair, shared.bots);
    let id = fleet::id(Kind::Reply, u32::try_from(bot).unwrap_or(u32::MAX), message.unwrap_or(u64::MAX));
    let person = bot_person(bot);
    found(Some(format!(
        r#"{{"id":"{id}","roomId":"{room}","roomType":"direct","text":"…","personId":"{person}","personEmail":"{}@webex.bot","created":"{CREATED}"}}"#,
        fleet::bot_id(bot)
    )))
}

fn webhooks(shared: &Shared, bot: usize, method: &Method, id: &str, body: &[u8]) -> HttpResponse {
    let mut hooks = shared.hooks[bot].lock().unwrap_or_else(PoisonError::into_inner);
    let place = hooks.iter().position(|hook| hook.id == id);
    match (method, id, place) {
        (&Method::GET, "", _) => {
            HttpResponse::Ok().json(json!({ "items": hooks.iter().map(Hook::json).collect::<Vec<_>>() }))
        }
        (&Method::POST, "", _) => match serde_json::from_slice::<Hook>(body) {
            Ok(mut hook) => {
                let number = shared.next_hook.fetch_add(1, Relaxed);
                hook.id = fleet::id(Kind::Webhook, u32::try_from(bot).unwrap_or(u32::MAX), number);
                let answer = hook.json();
                hooks.push(hook);
                HttpResponse::Ok().json(answer)
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (&Method::GET, _, Some(place)) => HttpResponse::Ok().json(hooks[place].json()),
        (&Method::PUT, _, Some(place)) => match serde_json::from_slice::<Hook>(body) {
            Ok(new) => {
                let hook = &mut hooks[place];
                (hook.name, hook.target_url, hook.secret) = (new.name, new.target_url, new.secret);
                HttpResponse::Ok().json(hook.json())
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
        },
        (&Method::DELETE, _, Some(place)) => {
            hooks.remove(place);
            HttpResponse::NoContent().finish()
        }
        _ => problem(StatusCode::NOT_FOUND, "The requested resource could not be found."),
    }
}
