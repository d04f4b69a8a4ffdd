//! A simulator on a free port, a client to ask it, and a target that keeps the webhooks it gets.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use botyard::{
    base::{Secret, spawn::spawn},
    net::{HttpClient, HttpRequest, HttpResponse},
    sim::{self, SimHandle, SimOptions},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// Runs a test where tasks can be spawned.
pub(crate) fn on_arbiter(test: impl Future<Output = ()>) {
    actix_rt::Runtime::new().unwrap().block_on(test);
}

/// Runs a test on one thread with a stopped clock. A parked blocking task keeps Tokio from moving the clock
/// by itself while everything waits for a socket: time passes only by `tokio::time::advance`.
pub(crate) fn with_stopped_clock(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (unpark, parked) = std::sync::mpsc::channel::<()>();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let holding = tokio::task::spawn_blocking(move || parked.recv());
        test.await;
        drop(unpark);
        assert!(holding.await.unwrap().is_err());
    });
}

/// Lets a stopped clock pass over a longer time, second by second.
///
/// Servers of actix reckon their time limits from a moment that a task of theirs notes each half second. At one jump
/// past such a limit (five seconds for the head of a first request, fifteen or more for a connection that rests) that
/// note is as old as the jump is long: a connection that comes before the task has run is too late at its birth, gets
/// a 408 or is closed, and a delivery that fails so waits for a retry which a stopped clock never brings.
pub(crate) async fn pass(time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while let left = end.duration_since(tokio::time::Instant::now())
        && !left.is_zero()
    {
        tokio::time::advance(left.min(Duration::from_secs(1))).await;
    }
}

pub(crate) fn options() -> SimOptions {
    SimOptions { requests_per_minute: 0, ..SimOptions::new("127.0.0.1:0".parse().unwrap()) }
}

/// A running simulator with a client.
pub(crate) struct Sim {
    pub(crate) handle: SimHandle,
    client: HttpClient,
}

/// An answer, its body read as JSON (`Null` when there is none).
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    raw: HttpResponse,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.raw.header(name)
    }

    /// The body of an answer that must be 2xx.
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// A text field of the body.
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {}", self.body)).to_owned()
    }

    /// The URL of the next page.
    pub(crate) fn next(&self) -> Option<&str> {
        self.header("link")?.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")
    }
}

impl Sim {
    pub(crate) async fn start() -> Self {
        Self::start_with(options()).await
    }

    pub(crate) async fn start_with(options: SimOptions) -> Self {
        Self { handle: sim::start(options).await.unwrap(), client: HttpClient::direct().unwrap() }
    }

    /// Asks the Webex API; `Null` sends no body.
    pub(crate) async fn v1(&self, token: &str, method: &'static str, path: &str, body: Value) -> Answer {
        self.send(Some(token), method, format!("{}{path}", self.handle.url()), body).await
    }

    /// Registers a webhook of a bot; its id.
    pub(crate) async fn hook(&self, target: &Target, bot: &str, resource: &str, event: &str) -> String {
        let hook = serde_json::json!({
            "name": "test", "targetUrl": target.url, "resource": resource, "event": event,
        });
        self.v1(&format!("sim-bot-{bot}"), "POST", "/webhooks", hook).await.text("id")
    }

    /// Alice says something to echo; the message's id.
    pub(crate) async fn say(&self, text: &str) -> Value {
        let said = serde_json::json!({"to": "echo@webex.bot", "text": text});
        self.control("POST", "/say", said).await.ok()["message"]["id"].clone()
    }

    /// Asks the control API.
    pub(crate) async fn control(&self, method: &'static str, path: &str, body: Value) -> Answer {
        self.send(None, method, format!("{}{path}", self.handle.control_url()), body).await
    }

    pub(crate) async fn send(&self, token: Option<&str>, method: &'static str, url: String, body: Value) -> Answer {
        let body = (!body.is_null()).then(|| Bytes::from(body.to_string()));
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        self.raw(token, method, url, headers, body).await
    }

    pub(crate) async fn raw(
        &self,
        token: Option<&str>,
        method: &'static str,
        url: String,
        headers: Vec<(String, String)>,
        body: Option<Bytes>,
    ) -> Answer {
        let bearer = token.map(Secret::new);
        let (timeout, max_body) = (Duration::from_secs(30), 1 << 24);
        let request = HttpRequest { method, url, headers, bearer, body, timeout, max_body };
        let raw = self.client.send(request).await.unwrap();
        let body = if raw.body.is_empty() { Value::Null } else { serde_json::from_slice(&raw.body).unwrap() };
        Answer { status: raw.status, body, raw }
    }
}

/// One delivery as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) raw: Vec<u8>,
}

impl Hook {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap()
    }
}

/// A webhook target: a socket, so that what is asserted is what was on the wire.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    hooks: Rc<RefCell<Vec<Hook>>>,
    arrived: Rc<Notify>,
    /// What it answers; 0 is nothing at all.
    pub(crate) status: Rc<Cell<u16>>,
}

impl Target {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/echo?x=1", listener.local_addr().unwrap());
        let (hooks, arrived, status) = (Rc::default(), Rc::new(Notify::new()), Rc::new(Cell::new(200)));
        let target = Self { url, hooks, arrived, status };
        let serving = target.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                spawn(async move {
                    let mut stream = stream;
                    while serving.serve(&mut stream).await.is_some() {}
                });
            }
        });
        target
    }

    /// Reads one request and answers it; `None` when the peer is gone.
    async fn serve(&self, stream: &mut TcpStream) -> Option<()> {
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            more(stream, &mut read).await?;
        };
        let head = String::from_utf8(read[..end].to_vec()).unwrap();
        let headers: Vec<(String, String)> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
        while read.len() < end + 4 + length {
            more(stream, &mut read).await?;
        }
        self.hooks.borrow_mut().push(Hook { headers, raw: read[end + 4..].to_vec() });
        self.arrived.notify_waiters();
        if self.status.get() == 0 {
            std::future::pending::<()>().await;
        }
        let answer = format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", self.status.get());
        stream.write_all(answer.as_bytes()).await.ok()
    }

    /// How many have arrived so far.
    pub(crate) fn count(&self) -> usize {
        self.hooks.borrow().len()
    }

    /// What has arrived once it is at least so many.
    pub(crate) async fn hooks(&self, count: usize) -> Vec<Hook> {
        loop {
            let arrived = self.arrived.notified();
            if self.hooks.borrow().len() >= count {
                return self.hooks.borrow().clone();
            }
            let waited = tokio::time::timeout(Duration::from_secs(20), arrived).await;
            assert!(waited.is_ok(), "{} of {count} webhooks", self.hooks.borrow().len());
        }
    }
}

/// Reads what has come; `None` at the end.
async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
    read.extend_from_slice(&chunk[..count]);
    Some(())
}
