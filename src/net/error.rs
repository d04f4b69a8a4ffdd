//! Why a request has no response, and whether the peer may have seen it.

use std::{error::Error as StdError, fmt, io};

use awc::error::{ConnectError, PayloadError, SendRequestError};

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NetError {
    /// What sort of trouble.
    pub kind: NetErrorKind,
    /// Whether any of the request may have reached the peer. `false` is a promise: nothing did, so sending
    /// it again cannot double it. A request without a body counts as arrived as soon as it is not known
    /// that the connection failed.
    pub may_have_arrived: bool,
    /// For people; holds no header and no body.
    message: String,
}

/// What sort of trouble a request had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetErrorKind {
    /// Proxy, CA file or no-proxy list cannot be used as set.
    Settings,
    /// The URL or a header cannot be sent at all.
    BadRequest,
    /// The host name has no address.
    Dns,
    /// The peer's address is one that may not be called.
    Guarded,
    /// Nobody accepted the connection.
    Connect,
    /// The proxy did not open a tunnel.
    Proxy,
    /// The peer's certificate or its TLS is not acceptable.
    Tls,
    /// No answer in time.
    Timeout,
    /// The connection broke, or what came back is no HTTP.
    Reset,
    /// The answer is larger than the caller takes.
    TooLarge,
}

impl NetErrorKind {
    /// One word for logs and counters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::BadRequest => "bad_request",
            Self::Dns => "dns",
            Self::Guarded => "guarded",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::TooLarge => "too_large",
        }
    }
}

impl NetError {
    /// Trouble before anything was sent.
    pub(super) fn before(kind: NetErrorKind, message: impl Into<String>) -> Self {
        Self { kind, may_have_arrived: false, message: message.into() }
    }

    /// Trouble after something may have been sent.
    pub(super) fn after(kind: NetErrorKind, message: impl Into<String>) -> Self {
        Self { kind, may_have_arrived: true, message: message.into() }
    }

    /// Reads what awc says about a request to `host`; `sent` is whether a body began to leave.
    pub(super) fn from_send(host: &str, error: &SendRequestError, sent: Sent) -> Self {
        let broken = |what: &dyn fmt::Display| Self {
            kind: NetErrorKind::Reset,
            may_have_arrived: sent != Sent::Nothing,
            message: format!("the connection to `{host}` broke: {what}"),
        };
        match error {
            // awc says `Disconnected` also for a connection that was closed instead of an answer.
            SendRequestError::Connect(ConnectError::Disconnected) => broken(&"closed without an answer"),
            SendRequestError::Connect(error) => Self::from_connect(host, error),
            SendRequestError::Send(error) => broken(error),
            SendRequestError::Response(error) => broken(error),
            SendRequestError::Url(error) => {
                Self::before(NetErrorKind::BadRequest, format!("not a usable URL: {error}"))
            }
            other => broken(other),
        }
    }

    fn from_connect(host: &str, error: &ConnectError) -> Self {
        match error {
            ConnectError::Resolver(error) => {
                Self::before(NetErrorKind::Dns, format!("the name `{host}` cannot be resolved: {error}"))
            }
            ConnectError::NoRecords => Self::before(NetErrorKind::Dns, format!("the name `{host}` has no address")),
            ConnectError::Timeout => Self::before(NetErrorKind::Connect, format!("no connection to `{host}` in time")),
            ConnectError::Io(error) => Self::from_io(host, error),
            other => Self::before(NetErrorKind::Connect, format!("no connection to `{host}`: {other}")),
        }
    }

    fn from_io(host: &str, error: &io::Error) -> Self {
        let inner = error.get_ref();
        if let Some(known) = inner.and_then(|inner| inner.downcast_ref::<Self>()) {
            return known.clone();
        }
        if inner.is_some_and(<dyn StdError + Send + Sync>::is::<rustls::Error>) {
            return Self::before(NetErrorKind::Tls, format!("no trusted connection to `{host}`: {error}"));
        }
        Self::before(NetErrorKind::Connect, format!("no connection to `{host}`: {error}"))
    }

    /// Reads what went wrong with the body of an answer.
    pub(super) fn from_body(host: &str, error: &PayloadError, limit: usize) -> Self {
        match error {
            PayloadError::Overflow => {
                Self::after(NetErrorKind::TooLarge, format!("the answer of `{host}` is larger than {limit} bytes"))
            }
            other => Self::after(NetErrorKind::Reset, format!("the answer of `{host}` broke off: {other}")),
        }
    }
}

/// How far a request got, as far as it can be known from outside of awc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has a body, and that was never asked for: no byte of the request left.
    Nothing,
    /// It may have.
    Maybe,
}
