//! A request and a reply as plain data.

use std::time::Duration;

use bytes::Bytes;

/// A request to Webex, without base URL and token: the api actor adds both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// Path and query below the base URL, e.g. `/people/me`; or, for a next page, the absolute URL that
    /// Webex gave, byte for byte.
    pub path: String,
    /// JSON body.
    pub body: Option<Bytes>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `TrackingID`, for Webex's support.
    pub tracking_id: Option<String>,
    /// `Retry-After` as sent; read leniently.
    pub retry_after: Option<String>,
    /// The URL of the next page, from `Link`.
    pub next: Option<String>,
    /// The body, within the size limit.
    pub body: Bytes,
}

/// What a reply means for the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Any 2xx.
    Fine,
    /// 401: the token is dead. That bot is parked, nobody else.
    Unauthorized,
    /// 429, or 423 with a wait: come back after this; says nothing against the request.
    Wait(Duration),
    /// 502, 503, 504 and the like: try again with back-off.
    Retry(String),
    /// 404 or 410: not there, or not for us to see.
    Missing,
    /// Never going to work as it is; the sentence is Webex's.
    Refused(String),
}
