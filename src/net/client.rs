//! One HTTP client for one arbiter: HTTP/1.1, no redirects, every limit chosen.
//!
//! No redirects, because a redirect would carry a bot's token to wherever the answer points.

use std::{
    cell::Cell,
    convert::Infallible,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use awc::{
    body::{BodySize, MessageBody},
    http::{
        Method, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::{
    connector::Route,
    egress::Egress,
    error::{NetError, NetErrorKind, Sent},
};
use crate::base::Secret;

/// How long an idle connection waits for its next request. Shorter than what servers commonly allow (60 s):
/// the later we come back, the more likely we write into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(15);
/// How long a connection lives at most, so that a changed address of the peer is noticed.
const LIFETIME: Duration = Duration::from_mins(5);
/// How long a closed connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Bytes of a body that are written at once.
const PIECE: usize = 64 * 1024;

/// What to ask.
#[derive(Clone)]
pub struct HttpRequest {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// Absolute `http` or `https` URL, sent byte for byte.
    pub url: String,
    /// Headers; nothing secret belongs here.
    pub headers: Vec<(String, String)>,
    /// Goes into `Authorization: Bearer …`; a secret until it is on the wire.
    pub bearer: Option<Secret>,
    /// The body; its type belongs into `headers`.
    pub body: Option<Bytes>,
    /// For everything: a free place in the pool, connecting, sending, and the whole answer.
    pub timeout: Duration,
    /// Largest body of an answer in bytes, after decompression.
    pub max_body: usize,
}

/// Without headers and body: what people write, and secrets, are in them.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.url, self.body.as_ref().map_or(0, Bytes::len))
    }
}

/// What was answered, whatever the status.
#[derive(Clone)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body, decompressed.
    pub body: Bytes,
}

/// Without headers and body, as for a request.
impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

impl HttpResponse {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A client with its own pool of connections. `!Send`: one per arbiter, so the number of arbiters multiplies
/// the number of connections. It lives and ends on its arbiter: connections say goodbye in local tasks.
#[derive(Clone)]
pub struct HttpClient {
    pooled: awc::Client,
    /// Never reuses a connection: for the one retry of a request that found its connection closed.
    fresh: awc::Client,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Builds a client that goes out as `egress` says.
    ///
    /// # Errors
    /// [`NetErrorKind::Settings`] when the proxy, the no-proxy list or the CA file cannot be used; the
    /// message names the setting.
    pub fn build(egress: &Egress) -> Result<Self, NetError> {
        let tls = egress.tls()?;
        let route = Route::new(egress)?;
        let build = |idle: Duration| {
            // `max_http_version` of awc is left alone: it would put back awc's own TLS set-up, without our
            // roots. That HTTP/2 is never spoken follows from the protocol list in `tls`.
            let connector = awc::Connector::new()
                .connector(route.clone())
                .rustls_0_23(tls.clone())
                .timeout(egress.connect_timeout)
                .handshake_timeout(egress.connect_timeout)
                .limit(egress.connections.max(1))
                .conn_keep_alive(idle)
                .conn_lifetime(LIFETIME)
                .disconnect_timeout(GOODBYE);
            awc::Client::builder()
                .connector(connector)
                .disable_timeout()
                .disable_redirects()
                .add_default_header((header::USER_AGENT, concat!("botyard/", env!("CARGO_PKG_VERSION"))))
                .finish()
        };
        Ok(Self { pooled: build(IDLE), fresh: build(Duration::ZERO) })
    }

    /// Builds a client without proxy and extra CA.
    ///
    /// # Errors
    /// As [`HttpClient::build`]; with these settings there is nothing to fail.
    pub fn direct() -> Result<Self, NetError> {
        Self::build(&Egress::default())
    }

    /// Sends a request and reads the whole answer. Any status is an answer.
    ///
    /// An idempotent request whose connection is closed without an answer is sent once more, on a fresh
    /// connection: a pooled one may have been closed by the peer at that very moment. A `POST` never is.
    ///
    /// # Errors
    /// [`NetError`] says what went wrong and whether the peer may have seen the request.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NetError> {
        let prepared = Prepared::new(request)?;
        let sent = Rc::new(Cell::new(prepared.sent_at_first()));
        let answer = tokio::time::timeout(prepared.timeout, async {
            match prepared.send_with(&self.pooled, &sent).await {
                Err(error)
                    if error.kind == NetErrorKind::Reset && prepared.idempotent() && !prepared.answered.get() =>
                {
                    prepared.send_with(&self.fresh, &sent).await
                }
                other => other,
            }
        });
        answer.await.unwrap_or_else(|_elapsed| {
            let message = format!("no answer of `{}` within {:?}", prepared.host, prepared.timeout);
            Err(match sent.get() {
                Sent::Nothing => NetError::before(NetErrorKind::Timeout, message),
                Sent::Maybe => NetError::after(NetErrorKind::Timeout, message),
            })
        })
    }
}

/// A request whose parts are known to be sendable.
struct Prepared {
    method: Method,
    uri: Uri,
    host: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
    timeout: Duration,
    max_body: usize,
    /// Whether the head of an answer was seen.
    answered: Cell<bool>,
}

impl Prepared {
    fn new(request: HttpRequest) -> Result<Self, NetError> {
        let refuse = |message: String| NetError::before(NetErrorKind::BadRequest, message);
        let uri: Uri = request.url.parse().map_err(|error| refuse(format!("not a usable URL: {error}")))?;
        let host = match (uri.scheme_str(), uri.authority()) {
            (Some("http" | "https"), Some(authority)) if !authority.as_str().contains('@') => authority.to_string(),
            (Some("http" | "https"), Some(_)) => {
                return Err(refuse("a URL with a name or password in it is not sent".to_owned()));
            }
            _ => return Err(refuse("not a usable URL: it needs `http://` or `https://` and a host".to_owned())),
        };
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_not_a_token| refuse(format!("`{}` is no HTTP method", request.method)))?;
        let mut headers = Vec::with_capacity(request.headers.len() + 1);
        for (name, value) in request.headers {
            let header = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value).ok());
            headers.push(header.ok_or_else(|| refuse(format!("the header `{name}` cannot be sent")))?);
        }
        if let Some(token) = &request.bearer {
            let text = Zeroizing::new(format!("Bearer {}", token.expose()));
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_hidden| refuse("the token holds a character that no header can carry".to_owned()))?;
            value.set_sensitive(true);
            headers.push((header::AUTHORIZATION, value));
        }
        let body = request.body.filter(|body| !body.is_empty());
        let (timeout, max_body) = (request.timeout, request.max_body);
        Ok(Self { method, uri, host, headers, body, timeout, max_body, answered: Cell::new(false) })
    }

    /// Without a body nothing shows when the request leaves, so it counts as sent from the start.
    fn sent_at_first(&self) -> Sent {
        if self.body.is_some() { Sent::Nothing } else { Sent::Maybe }
    }

    fn idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    async fn send_with(&self, client: &awc::Client, sent: &Rc<Cell<Sent>>) -> Result<HttpResponse, NetError> {
        let mut request = client.request(self.method.clone(), self.uri.clone());
        for header in &self.headers {
            request = request.append_header(header.clone());
        }
        let response = match &self.body {
            Some(body) => request.send_body(WatchedBody { left: body.clone(), sent: Rc::clone(sent) }).await,
            None => request.send().await,
        };
        let mut response = response.map_err(|error| NetError::from_send(&self.host, &error, sent.get()))?;
        self.answered.set(true);
        let status = response.status().as_u16();
        let headers = texts(response.headers());
        let body = response.body().limit(self.max_body).await;
        let body = body.map_err(|error| NetError::from_body(&self.host, &error, self.max_body))?;
        let response = HttpResponse { status, headers, body };
        self.whole(response)
    }

    /// awc takes a connection that closes early for the end of the body: hold it against what was announced.
    /// A chunked body announces nothing; one that breaks off is noticed by whoever parses it (JSON, all of ours).
    fn whole(&self, response: HttpResponse) -> Result<HttpResponse, NetError> {
        let announced = response.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let encoded = response.header("content-encoding").is_some();
        match announced {
            Some(length) if !encoded && self.method != Method::HEAD && length != response.body.len() => {
                let message = format!("the answer of `{}` broke off", self.host);
                Err(NetError::after(NetErrorKind::Reset, message))
            }
            _ => Ok(response),
        }
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// A body that notes when it is asked for: awc does so only once it holds a connection and begins to write. It comes
/// in pieces, so that a large file is neither copied nor encrypted in one go, while others on this thread wait.
struct WatchedBody {
    left: Bytes,
    sent: Rc<Cell<Sent>>,
}

impl MessageBody for WatchedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.sent.set(Sent::Maybe);
        let length = self.left.len().min(PIECE);
        let piece = self.left.split_to(length);
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}
