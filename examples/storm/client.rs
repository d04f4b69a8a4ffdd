//! One keep-alive connection that posts and waits: just enough HTTP/1.1 to be cheap beside what is measured.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// A connection that opens itself again when it was closed.
#[derive(Debug)]
pub(crate) struct Connection {
    addr: SocketAddr,
    stream: Option<TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self { addr, stream: None, answer: Vec::with_capacity(1024) }
    }

    /// Sends a whole request and reads the whole answer; tells its status. An error leaves the connection
    /// closed; whether the request arrived is then unknown.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.addr).await?;
            stream.set_nodelay(true)?;
            stream
        };
        let late = |_elapsed| io::Error::from(io::ErrorKind::TimedOut);
        let (status, keep) =
            timeout(PATIENCE, exchange(&mut stream, request, &mut self.answer)).await.map_err(late)??;
        self.stream = keep.then_some(stream);
        Ok(status)
    }

    /// Asks for a page of at most 64 KiB: its status and its body.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<(u16, String)> {
        let status = self.exchange(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.addr).as_bytes()).await?;
        let text = String::from_utf8_lossy(&self.answer);
        Ok((status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8], answer: &mut Vec<u8>) -> io::Result<(u16, bool)> {
    stream.write_all(request).await?;
    answer.clear();
    loop {
        if let Some(head) = Head::parse(answer)?
            && answer.len() >= head.length
        {
            return Ok((head.status, head.keep));
        }
        if answer.len() > MAX_ANSWER {
            return Err(io::Error::other("an answer of more than 64 KiB"));
        }
        if stream.read_buf(answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes of head and body.
    length: usize,
    /// Whether the connection stays open.
    keep: bool,
}

impl Head {
    /// None while the head is not whole.
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP/1.1 answer with a content length");
        let head = str::from_utf8(&bytes[..end]).map_err(|_not_text| wrong())?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).ok_or_else(wrong)?;
        let (mut body, mut keep) = (None, true);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                body = value.trim().parse::<usize>().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                keep = !value.trim().eq_ignore_ascii_case("close");
            }
        }
        let body = if status == 204 { Some(0) } else { body };
        Ok(Some(Self { status, length: end + 4 + body.ok_or_else(wrong)?, keep }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        let head = Head::parse(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{").unwrap();
        assert_eq!(head, Some(Head { status: 503, length: 61, keep: false }));
    }

    #[test]
    fn what_is_no_http_is_an_error_and_not_a_wait() {
        assert!(Head::parse(b"SSH-2.0\r\n\r\n").is_err());
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
