//! One enum says what went wrong at a door. Each variant's doc line begins with its status; a test holds the
//! two, the reference (`docs/reference/http-errors.md`) and the use of every variant together.

use std::{borrow::Cow, fmt};

use actix_web::{HttpResponse, http::StatusCode, http::header};
use serde::Serialize;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the body ended before it was whole, or its transfer coding is broken.
    BrokenBody,
    /// 400: the body has a good signature but is not the JSON of a webhook.
    BadEnvelope,
    /// 400: the body is not the JSON that its content type says.
    BadBody,
    /// 400: a query or body of the admin API is not what it should be.
    BadRequest(String),
    /// 401: no signature header.
    MissingSignature,
    /// 401: the strongest signature present is not that of any live secret of the bot.
    BadSignature,
    /// 401: the secret or signature of the hook is missing or wrong.
    BadCredentials,
    /// 401: no bearer token, or not the right one.
    Unauthorized,
    /// 404: no such path.
    NotFound,
    /// 404: no bot of that name.
    UnknownBot,
    /// 404: the bot has no hook of that name, or none that is served here.
    UnknownHook,
    /// 404: no event of that id.
    UnknownEvent,
    /// 404: no dead letter of that id.
    UnknownLetter,
    /// 404: no call of that id is open, or the token is not that call's.
    UnknownCall,
    /// 404: the file is not to be had, and will not be.
    NoFile(String),
    /// 405: the path exists, but not for this method.
    MethodNotAllowed,
    /// 408: the body took too long to arrive.
    SlowBody,
    /// 409: what was asked for cannot be done as things are.
    Conflict(String),
    /// 413: the body is larger than the limit.
    BodyTooLarge,
    /// 415: the content type is not `application/json`.
    NotJson,
    /// 415: the content type is none that a hook can read.
    BadType,
    /// 503: the disk that holds the data dir is full.
    DiskFull,
    /// 503: the data dir cannot be written for now.
    Unwritable,
    /// 503: this bot has too many events waiting.
    BotFull,
    /// 503: this bot gets more events a second than it may.
    TooFast,
    /// 503: the store has too much to do.
    Overloaded,
    /// 503: the secret of the hook cannot be read.
    NoSecret,
    /// 503: the definition of the bot was not looked at yet.
    Starting,
    /// 503: the process is going down.
    Closing,
    /// 503: the store failed.
    StoreFailed,
    /// 503: nobody answered in time.
    Unavailable(String),
}

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
}

impl Refusal {
    /// The codes the ingress may answer with, for counters that show a zero from the start.
    pub const INGRESS: [Self; 23] = [
        Self::BrokenBody,
        Self::BadEnvelope,
        Self::BadBody,
        Self::BadCredentials,
        Self::UnknownHook,
        Self::BadType,
        Self::NoSecret,
        Self::Starting,
        Self::MissingSignature,
        Self::BadSignature,
        Self::NotFound,
        Self::UnknownBot,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::BodyTooLarge,
        Self::NotJson,
        Self::DiskFull,
        Self::Unwritable,
        Self::BotFull,
        Self::TooFast,
        Self::Overloaded,
        Self::Closing,
        Self::StoreFailed,
    ];

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BrokenBody | Self::BadEnvelope | Self::BadBody | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::MissingSignature | Self::BadSignature | Self::BadCredentials | Self::Unauthorized => {
                StatusCode::UNAUTHORIZED
            }
            Self::NotFound
            | Self::UnknownBot
            | Self::UnknownHook
            | Self::UnknownEvent
            | Self::UnknownLetter
            | Self::UnknownCall
            | Self::NoFile(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson | Self::BadType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::DiskFull
            | Self::Unwritable
            | Self::BotFull
            | Self::TooFast
            | Self::Overloaded
            | Self::NoSecret
            | Self::Starting
            | Self::Closing
            | Self::StoreFailed
            | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable word for programs: in the answer, and as the label of the counter.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BrokenBody => "broken_body",
            Self::BadEnvelope => "bad_envelope",
            Self::BadBody => "bad_body",
            Self::BadRequest(_) => "bad_request",
            Self::MissingSignature => "missing_signature",
            Self::BadSignature => "bad_signature",
            Self::BadCredentials => "bad_credentials",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::UnknownBot => "unknown_bot",
            Self::UnknownHook => "unknown_hook",
            Self::UnknownEvent => "unknown_event",
            Self::UnknownLetter => "unknown_letter",
            Self::UnknownCall => "unknown_call",
            Self::NoFile(_) => "no_file",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::SlowBody => "slow_body",
            Self::Conflict(_) => "conflict",
            Self::BodyTooLarge => "body_too_large",
            Self::NotJson => "not_json",
            Self::BadType => "bad_type",
            Self::DiskFull => "disk_full",
            Self::Unwritable => "unwritable",
            Self::BotFull => "bot_full",
            Self::TooFast => "too_fast",
            Self::Overloaded => "overloaded",
            Self::NoSecret => "no_secret",
            Self::Starting => "starting",
            Self::Closing => "closing",
            Self::StoreFailed => "store_failed",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::BrokenBody => "the body is not whole",
            Self::BadEnvelope => "the body is not the JSON of a webhook",
            Self::BadRequest(why) | Self::NoFile(why) | Self::Conflict(why) | Self::Unavailable(why) => why,
            Self::BadBody => "the body is not the JSON that its content type says",
            Self::BadCredentials => "the secret or the signature of this hook is missing or wrong",
            Self::UnknownHook => "this bot has no hook of this name here",
            Self::BadType => "the content type must be JSON, a form or plain text",
            Self::NoSecret => "the secret of this hook cannot be read",
            Self::Starting => "this bot is being looked at",
            Self::MissingSignature => "the request is not signed: `X-Spark-Signature` is missing",
            Self::BadSignature => "the signature does not fit the body",
            Self::Unauthorized => "send `Authorization: Bearer` with the admin token",
            Self::NotFound => "there is nothing at this path",
            Self::UnknownBot => "there is no bot of this name",
            Self::UnknownEvent => "there is no event of this id",
            Self::UnknownLetter => "there is no dead letter of this id",
            Self::UnknownCall => {
                "no call of this id is open, or the token is not that call's: it is over, or was begun anew"
            }
            Self::MethodNotAllowed => "this path does not take this method",
            Self::SlowBody => "the body took too long to arrive",
            Self::BodyTooLarge => "the body is larger than the limit",
            Self::NotJson => "the content type must be `application/json`",
            Self::DiskFull => "the disk is full",
            Self::Unwritable => "the data dir cannot be written",
            Self::BotFull => "this bot has too many events waiting",
            Self::TooFast => "this bot gets too many events a second",
            Self::Overloaded => "too much to do",
            Self::Closing => "going down",
            Self::StoreFailed => "the store failed",
        })
    }

    /// Seconds after which it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::DiskFull | Self::Unwritable => Some(30),
            Self::BotFull | Self::NoSecret | Self::Closing | Self::StoreFailed | Self::Unavailable(_) => Some(5),
            Self::TooFast | Self::Overloaded | Self::Starting => Some(1),
            _ => None,
        }
    }

    /// The whole answer: status, headers and the JSON body.
    #[must_use]
    pub fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if *self == Self::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(Body { error: Inner { code: self.code(), message: &self.message() } })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl actix_web::ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn every() -> Vec<Refusal> {
        let mut all = Refusal::INGRESS.to_vec();
        all.extend([Refusal::Unauthorized, Refusal::UnknownEvent, Refusal::UnknownLetter, Refusal::UnknownCall]);
        all.extend(
            [Refusal::BadRequest, Refusal::NoFile, Refusal::Conflict, Refusal::Unavailable].map(|of| of("why".into())),
        );
        all
    }

    /// `(status of the doc line, name)` of each variant, from the source above.
    fn declared() -> Vec<(String, String)> {
        let source = include_str!("refusal.rs");
        let body = source.split("pub enum Refusal {").nth(1).unwrap().split("\n}").next().unwrap();
        let lines: Vec<_> = body.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let pairs = lines.chunks(2).map(|pair| {
            let status = pair[0].strip_prefix("/// ").unwrap().split(':').next().unwrap();
            (status.to_owned(), pair[1].trim_end_matches(',').trim_end_matches("(String)").to_owned())
        });
        pairs.collect()
    }

    fn name(refusal: &Refusal) -> String {
        format!("{refusal:?}").split('(').next().unwrap().to_owned()
    }

    #[test]
    fn the_doc_line_of_each_variant_is_its_status() {
        let mut actual: Vec<_> = every().iter().map(|of| (of.status().as_str().to_owned(), name(of))).collect();
        let mut declared = declared();
        actual.sort();
        declared.sort();
        assert_eq!(actual, declared);
    }

    #[test]
    fn every_variant_is_used() {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http")];
        let mut used = String::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name != "refusal.rs") {
                    let text = fs::read_to_string(path).unwrap();
                    used.push_str(text.split("#[cfg(test)]").next().unwrap());
                }
            }
        }
        for (_, name) in declared() {
            assert!(used.contains(&format!("Refusal::{name}")), "`Refusal::{name}` is never answered");
        }
    }

    #[test]
    fn the_reference_lists_every_code_with_its_status() {
        let mut listed: Vec<_> = include_str!("../../docs/reference/http-errors.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(code, rest)| (code.to_owned(), rest.chars().take(3).collect::<String>()))
            .collect();
        let mut actual: Vec<_> =
            every().iter().map(|of| (of.code().to_owned(), of.status().as_str().to_owned())).collect();
        listed.sort();
        actual.sort();
        assert_eq!(listed, actual);
    }

    #[test]
    fn what_may_pass_says_when_to_come_back_and_what_may_not_does_not() {
        for refusal in every() {
            let passes = refusal.status() == StatusCode::SERVICE_UNAVAILABLE;
            assert_eq!(refusal.response().headers().contains_key(header::RETRY_AFTER), passes, "{refusal:?}");
        }
    }
}
