//! Answers that go wrong on the wire: none at all, half of one, or one that trickles in.
//!
//! They are bodies, because that is where a server of actix lets a connection break: a body that ends before
//! its announced length ends the connection, and what was not flushed by then is never sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::header,
};
use bytes::Bytes;
use tokio::time::Sleep;

/// Pieces that a slow body comes in.
const PIECES: u32 = 8;

/// An answer of which nothing is sent: the connection closes instead.
pub(super) fn nothing() -> HttpResponse {
    HttpResponse::Ok().finish().set_body(BoxBody::new(Broken { promised: 1, half: None, flushed: true }))
}

/// Sends half of the body, and closes the connection.
pub(super) fn truncated(response: HttpResponse) -> HttpResponse {
    response.map_body(|_, body| match whole(body) {
        // Of an answer without a body its head is all there is.
        Ok(bytes) if bytes.is_empty() => BoxBody::new(()),
        Ok(bytes) => {
            let promised = bytes.len();
            BoxBody::new(Broken { promised, half: Some(bytes.slice(..promised / 2)), flushed: false })
        }
        Err(body) => body,
    })
}

/// Sends the body in pieces over this long.
pub(super) fn slow(response: HttpResponse, millis: u64) -> HttpResponse {
    response.map_body(|_, body| match whole(body) {
        Ok(bytes) => BoxBody::new(Slow {
            piece: bytes.len().div_ceil(PIECES as usize).max(1),
            pause: Duration::from_millis(millis) / PIECES,
            left: bytes,
            sleep: None,
        }),
        Err(body) => body,
    })
}

/// A page for people in the place of JSON.
pub(super) fn html(mut response: HttpResponse) -> HttpResponse {
    let status = response.status();
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         </body>\r\n</html>\r\n"
    );
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
    response.set_body(BoxBody::new(page))
}

/// A body that is in memory, or the body.
fn whole(body: BoxBody) -> Result<Bytes, BoxBody> {
    body.try_into_bytes()
}

/// A body that promises more than comes.
struct Broken {
    promised: usize,
    half: Option<Bytes>,
    flushed: bool,
}

impl MessageBody for Broken {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.promised as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(half)));
        }
        if !self.flushed {
            // The server sends what it has while a body has nothing more to give.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(None)
    }
}

/// A body that takes its time.
struct Slow {
    left: Bytes,
    piece: usize,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl MessageBody for Slow {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let pause = self.pause;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        if sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.sleep = None;
        let piece = self.piece.min(self.left.len());
        Poll::Ready(Some(Ok(self.left.split_to(piece))))
    }
}
