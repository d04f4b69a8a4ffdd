//! A tunnel through an HTTP CONNECT proxy.
//!
//! Plain `http` goes through a tunnel as well: then the proxy sees hosts and ports, never a header or a body,
//! and there is one way instead of two.

use std::io;

use actix_rt::net::TcpStream;
use actix_tls::connect::ConnectError;
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::error::{NetError, NetErrorKind};
use crate::base::Secret;

/// Largest head of the proxy's answer.
const MAX_HEAD: usize = 8 * 1024;

/// A parsed `egress.proxy`.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    /// `host:port`.
    address: String,
    /// The value of `Proxy-Authorization`.
    credentials: Option<Secret>,
}

impl Proxy {
    pub(super) fn parse(proxy: &Secret) -> Result<Self, NetError> {
        let refuse = |what: &str| {
            let message = format!("`egress.proxy` {what}; it looks like `http://[user:password@]host:port`");
            NetError::before(NetErrorKind::Settings, message)
        };
        let url = url::Url::parse(proxy.expose()).map_err(|_hidden| refuse("is no URL"))?;
        if url.scheme() != "http" {
            return Err(refuse("is no `http` proxy (https targets go through it as they are, end to end)"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("has no host"))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has something after the port"));
        }
        let address = format!("{host}:{}", url.port().unwrap_or(80));
        let credentials = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            let part = |text: &str| Zeroizing::new(percent_decoded(text));
            let mut pair = part(url.username());
            pair.push(b':');
            pair.extend_from_slice(&part(url.password().unwrap_or_default()));
            Some(Secret::new(format!("Basic {}", STANDARD.encode(&*pair))))
        };
        Ok(Self { address, credentials })
    }

    /// `host:port`, for the connector.
    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Says that the proxy itself is the one that cannot be reached.
    pub(super) fn unreachable(&self, error: &ConnectError) -> ConnectError {
        let why = match error {
            ConnectError::Io(error) => error.to_string(),
            ConnectError::Resolver(error) => error.to_string(),
            other => other.to_string(),
        };
        self.error(&format!("cannot be reached: {why}"))
    }

    /// Asks the proxy for a tunnel to `target` (`host:port`); afterwards the stream is the target's.
    pub(super) async fn tunnel(&self, stream: &mut TcpStream, target: &str) -> Result<(), ConnectError> {
        let broke = |error: io::Error| self.error(&format!("broke off: {error}"));
        let mut head = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if let Some(credentials) = &self.credentials {
            head.push_str("Proxy-Authorization: ");
            head.push_str(credentials.expose());
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.map_err(broke)?;

        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == MAX_HEAD {
                return Err(self.error("answered with an endless header"));
            }
            // Byte by byte, because what follows the head belongs to the target; once per connection.
            answer.push(stream.read_u8().await.map_err(broke)?);
        }
        match status(&answer) {
            Some(200..=299) => Ok(()),
            Some(407) if self.credentials.is_some() => {
                Err(self.error("refuses the credentials (407); check the name and password in the setting"))
            }
            Some(407) => Err(self.error("asks for credentials (407); write `http://user:password@host:port`")),
            Some(403) => Err(self.error(&format!("does not allow `{target}` (403)"))),
            Some(status) => Err(self.error(&format!("did not open a tunnel to `{target}` ({status})"))),
            None => Err(self.error("does not answer in HTTP")),
        }
    }

    fn error(&self, what: &str) -> ConnectError {
        let message = format!("the proxy `{}` of `egress.proxy` {what}", self.address);
        ConnectError::Io(io::Error::other(NetError::before(NetErrorKind::Proxy, message)))
    }
}

/// The status of an answer's first line.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|&byte| byte == b'\r').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let status = rest.split(' ').next()?;
    (version.starts_with("HTTP/1.") && status.len() == 3).then(|| status.parse().ok())?
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value =
            pair.and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        decoded.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Proxy, NetError> {
        Proxy::parse(&Secret::new(text))
    }

    #[test]
    fn credentials_are_decoded_and_hidden() {
        let proxy = parse("http://us%40er:p%3Ass@proxy.example:3128").unwrap();
        assert_eq!(proxy.address(), "proxy.example:3128");
        let expected = format!("Basic {}", STANDARD.encode("us@er:p:ss"));
        assert_eq!(proxy.credentials.as_ref().unwrap().expose(), expected);
        assert!(!format!("{proxy:?}").contains("Basic"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for text in
            ["hunter2", "https://u:hunter2@p:1", "http://u:hunter2@p:1/x", "http://p:1?hunter2", "socks5://hunter2"]
        {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind, NetErrorKind::Settings);
            assert!(error.to_string().contains("`egress.proxy`") && !error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn only_a_line_of_http_has_a_status() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        assert_eq!(status(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
        assert_eq!(status(b"HTTP/1.1 2000 x\r\n\r\n"), None);
    }
}
