//! What comes in from outside, within its limits: bodies of requests, uploads, and files fetched by URL.

mod fetch;
mod form;
mod name;

use std::time::Duration;

use actix_web::web;
use bytes::Bytes;
use tokio::sync::Semaphore;

pub(crate) use form::Form;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use form::of_bytes;

use super::{refusal::Refusal, world::NewFile};
use crate::net::HttpClient;

/// Largest body that is no upload, and what may stand around the file in one: a card is 80 KB.
const MOST_BODY: usize = 1 << 20;
/// Files on their way at once, per thread: each may be as large as the limit.
const AT_ONCE: usize = 16;
/// How long a file may be on its way; a client that stops in the middle shall not hold its place for ever.
const LONGEST: Duration = Duration::from_mins(5);

/// The body of a request.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// Empty when it is a form in parts.
    pub(crate) bytes: Bytes,
    /// A form in parts, taken apart.
    pub(crate) form: Option<Form>,
}

/// One thread's door for what comes in.
pub(crate) struct Intake {
    client: HttpClient,
    most_file: usize,
    places: Semaphore,
}

impl Intake {
    /// Takes files of up to so many bytes.
    pub(crate) fn new(client: HttpClient, most_file: usize) -> Self {
        Self { client, most_file, places: Semaphore::new(AT_ONCE) }
    }

    /// Reads a body; one in parts only where files are taken.
    pub(crate) async fn read(
        &self,
        content_type: Option<&str>,
        takes_files: bool,
        payload: web::Payload,
    ) -> Result<Incoming, Refusal> {
        let in_parts = |kind: &&str| {
            let media_type = kind.split(';').next().unwrap_or_default().trim();
            takes_files && media_type.eq_ignore_ascii_case("multipart/form-data")
        };
        if let Some(content_type) = content_type.filter(in_parts) {
            let form = self.in_time(form::read(payload, content_type, self.most_file)).await?;
            return Ok(Incoming { bytes: Bytes::new(), form: Some(form) });
        }
        whole(payload, MOST_BODY).await.map(|bytes| Incoming { bytes, form: None })
    }

    /// Fetches a file for a message.
    pub(crate) async fn fetch(&self, url: &str) -> Result<NewFile, Refusal> {
        self.in_time(fetch::fetch(&self.client, url, self.most_file)).await
    }

    async fn in_time<T>(&self, transfer: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        let place = self.places.acquire().await;
        let done = tokio::time::timeout(LONGEST, transfer).await;
        drop(place);
        done.unwrap_or_else(|_elapsed| Err(Refusal::new(408, "The file did not arrive in time.")))
    }
}

/// A whole body of up to so many bytes.
pub(crate) async fn whole(payload: web::Payload, most: usize) -> Result<Bytes, Refusal> {
    match payload.to_bytes_limited(most).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(_overflow) => Err(too_large(most)),
    }
}

fn too_large(most: usize) -> Refusal {
    Refusal::new(413, format!("A request body has at most {most} bytes."))
}

fn unreadable(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::bad(format!("The request body could not be read: {error}"))
}
