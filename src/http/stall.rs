//! A connection that ends when nothing was answered on it for too long.
//!
//! actix-http limits how long the headers of a connection's *first* request may take. A client that lets one
//! request through and then sends half a header line would hold its connection, and one of the limited
//! places, for ever: the keep-alive timer stops at the first byte. So the stream itself keeps count, in the
//! only terms it knows: since the last answer left (or since it was opened) not more than `limit` may pass.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A stream with a limit on silence.
#[derive(Debug)]
pub(super) struct Stall<S> {
    stream: S,
    limit: Duration,
    answered: Instant,
    /// Not moved at every answer, which would cost a lock each time: when it rings, `answered` says whether
    /// it rang too early.
    alarm: Pin<Box<Sleep>>,
    /// Counts it among those that are open.
    _open: TaskTrackerToken,
}

impl<S> Stall<S> {
    pub(super) fn new(stream: S, limit: Duration, open: TaskTrackerToken) -> Self {
        let answered = Instant::now();
        Self { stream, limit, answered, alarm: Box::pin(sleep_until(answered + limit)), _open: open }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let due = self.answered + self.limit;
            if Instant::now() >= due {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Pending => this.poll_alarm(cx),
            ready @ Poll::Ready(_) => ready,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            this.answered = Instant::now();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use tokio_util::task::TaskTracker;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn bytes_that_trickle_in_do_not_keep_it_open() {
        let (mut client, server) = duplex(64);
        let mut server = Stall::new(server, LIMIT, TaskTracker::new().token());
        let opened = Instant::now();
        let trickle = async {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(7)).await;
            }
        };
        let mut bytes = Vec::new();
        let read = async {
            let ended = server.read_to_end(&mut bytes).await;
            drop(server);
            ended
        };
        let (ended, ()) = tokio::join!(read, trickle);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(opened.elapsed() >= LIMIT && bytes.len() == 9, "{:?}, {bytes:?}", opened.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_gives_it_another_while() {
        let (mut client, server) = duplex(64);
        let mut server = Stall::new(server, LIMIT, TaskTracker::new().token());
        let opened = Instant::now();
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(50)).await;
            client.write_all(b"?").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'?');
            server.write_all(b"!").await.unwrap();
        }
        let ended = server.read_u8().await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(opened.elapsed().as_secs(), 3 * 50 + 60);
    }
}
