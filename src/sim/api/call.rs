//! One request on its way through an operation: reading what is asked, writing what is answered.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Outcome;
use crate::sim::{
    ids::PersonId,
    intake::Form,
    refusal::Refusal,
    wire::{self, Items},
    world::{Message, NewFile, Page, Position, Wanted, World},
};

/// No page is longer.
const LONGEST_PAGE: usize = 1_000;

/// Media types are the same in any case.
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked, without any type of the HTTP server.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Below `/v1`, percent-decoding not done: ids need none.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    /// Empty when it is a form in parts.
    pub(crate) body: &'a [u8],
    /// A body of the type `multipart/form-data`, taken apart.
    pub(crate) form: Option<&'a Form>,
    /// What came of [`Reply::fetch`].
    pub(crate) fetched: Option<&'a NewFile>,
    /// What a next link begins with: `http://host/v1`.
    pub(crate) base: &'a str,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// JSON, unless `download` says otherwise.
    pub(crate) body: Option<Bytes>,
    /// URL of the next page.
    pub(crate) next: Option<String>,
    /// The body is a file.
    pub(crate) download: Option<Download>,
    /// Nothing is done yet: this URL must be fetched first, and the same asked again with what came.
    pub(crate) fetch: Option<String>,
}

/// What the headers say of a file.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) media_type: String,
    /// `Content-Disposition`.
    pub(crate) disposition: String,
}

/// A request, who asks, and the world it is about.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) caller: PersonId,
    request: &'a Request<'a>,
    id: &'a str,
    query: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(world: &'a mut World, caller: PersonId, request: &'a Request<'a>, id: &'a str) -> Self {
        let query = form_urlencoded::parse(request.query.as_bytes()).collect();
        Self { world, caller, request, id, query }
    }

    /// The id in the path; one that is none of this kind is as good as unknown.
    pub(super) fn id<T>(&self, parse: impl Fn(&str) -> Option<T>, missing: &str) -> Result<T, Refusal> {
        parse(self.id).ok_or_else(|| Refusal::missing(missing))
    }

    /// A parameter of the query; an empty one counts as absent.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_ref())
    }

    /// A parameter of the query, parsed.
    pub(super) fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        self.param(name)
            .map(|text| parse(text).ok_or_else(|| Refusal::bad(format!("invalid value for parameter: {name}"))))
            .transpose()
    }

    /// Which page is asked for. Too large a `max` is clamped, not refused.
    pub(super) fn wanted(&self, usual: usize, most: usize) -> Result<Wanted, Refusal> {
        let max = self.parsed("max", |text| text.parse::<usize>().ok().filter(|max| *max > 0))?;
        let after = self.parsed("cursor", Position::decode)?;
        Ok(Wanted { after, max: max.unwrap_or(usual).min(most.min(LONGEST_PAGE)) })
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        match self.media_type() {
            kind if kind.eq_ignore_ascii_case(JSON) => self.parse_json(),
            other => Err(unsupported(other)),
        }
    }

    /// The body as JSON or as a form.
    pub(super) fn json_or_form<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        match self.media_type() {
            kind if kind.eq_ignore_ascii_case(JSON) => self.parse_json(),
            kind if kind.eq_ignore_ascii_case(FORM) => parse_pairs(form_urlencoded::parse(self.request.body)),
            other => Err(unsupported(other)),
        }
    }

    /// The body as JSON, as a form, or as a form in parts with at most one file.
    pub(super) fn json_or_any_form<T: DeserializeOwned>(&self) -> Result<(T, Option<NewFile>), Refusal> {
        let Some(form) = self.request.form else { return self.json_or_form().map(|fields| (fields, None)) };
        let pairs = form.fields.iter().map(|(key, value)| (Cow::from(key), Cow::from(value)));
        Ok((parse_pairs(pairs)?, form.file.clone()))
    }

    /// The file that an earlier reply asked for.
    pub(super) fn fetched(&self) -> Option<&NewFile> {
        self.request.fetched
    }

    /// A message with links that this client can follow.
    pub(super) fn show_message(&self, message: &Message) -> wire::Message {
        self.world.show_message_at(self.request.base, message)
    }

    fn media_type(&self) -> &str {
        self.request.content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
    }

    fn parse_json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        // A struct would also be read from an array, which no client means.
        let fields: Map<String, Value> =
            serde_json::from_slice(self.request.body).map_err(|error| unreadable(&error))?;
        // Webex takes an explicit null for an absent field.
        let fields = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
        serde_json::from_value(Value::Object(fields)).map_err(|error| unreadable(&error))
    }

    /// 200 with one page and the link to the next.
    pub(super) fn page<T: Serialize>(&self, page: Page<T>) -> Outcome {
        let next = page.next.map(|position| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(self.query.iter().filter(|(key, _)| key != "cursor"));
            query.append_pair("cursor", &position.encode());
            format!("{}{}?{}", self.request.base, self.request.path, query.finish())
        });
        Ok(Reply { next, ..Reply::ok(&Items { items: page.items, not_found_ids: None })? })
    }
}

/// A form: text fields, of which `files` alone is a list.
fn parse_pairs<'p, T: DeserializeOwned>(
    pairs: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
) -> Result<T, Refusal> {
    let mut fields = Map::new();
    for (key, value) in pairs {
        match key.as_ref() {
            // Whether Webex takes a card this way is not known, so none may believe that it does.
            "attachments" => {
                return Err(Refusal::bad(
                    "Attachments are taken in a JSON body only (Content-Type: application/json).",
                ));
            }
            "files" => {
                let files = fields.entry("files").or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(files) = files {
                    files.push(value.into_owned().into());
                }
            }
            _ => drop(fields.insert(key.into_owned(), value.into_owned().into())),
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| unreadable(&error))
}

impl Reply {
    /// Nothing but a status and a body.
    pub(super) const fn with(status: u16, body: Option<Bytes>) -> Self {
        Self { status, body, next: None, download: None, fetch: None }
    }

    /// 200 with JSON.
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self::with(200, Some(body.into()))
    }

    /// 200 with a body.
    pub(super) fn ok(body: &impl Serialize) -> Outcome {
        serde_json::to_vec(body).map(Self::json).map_err(|error| Refusal::new(500, error.to_string()))
    }

    /// 204.
    pub(super) fn empty() -> Self {
        Self::with(204, None)
    }

    /// A URL to be fetched first.
    pub(super) fn fetch(url: String) -> Self {
        Self { fetch: Some(url), ..Self::with(200, None) }
    }
}

fn unsupported(media_type: &str) -> Refusal {
    Refusal::new(415, format!("Content type '{media_type}' not supported"))
}

fn unreadable(error: &serde_json::Error) -> Refusal {
    Refusal::bad(format!("The request body could not be read: {error}"))
}
