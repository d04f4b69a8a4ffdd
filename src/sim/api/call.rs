//! One request on its way through an operation: reading what is asked, writing what is answered.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Outcome;
use crate::sim::{
    ids::PersonId,
    refusal::Refusal,
    wire::Items,
    world::{Page, Position, Wanted, World},
};

/// No page is longer.
const LONGEST_PAGE: usize = 1_000;

/// What is asked, without any type of the HTTP server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Below `/v1`, percent-decoding not done: ids need none.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
    /// What a next link begins with: `http://host/v1`.
    pub(crate) base: &'a str,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// JSON.
    pub(crate) body: Option<Vec<u8>>,
    /// URL of the next page.
    pub(crate) next: Option<String>,
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
            "application/json" => self.parse_json(),
            other => Err(unsupported(other)),
        }
    }

    /// The body as JSON or as a form.
    pub(super) fn json_or_form<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        match self.media_type() {
            "application/json" => self.parse_json(),
            "application/x-www-form-urlencoded" => {
                let mut fields = Map::new();
                for (key, value) in form_urlencoded::parse(self.request.body) {
                    let value = Value::from(value.into_owned());
                    let value = if key == "files" { Value::Array(vec![value]) } else { value };
                    fields.insert(key.into_owned(), value);
                }
                serde_json::from_value(Value::Object(fields)).map_err(|error| unreadable(&error))
            }
            other => Err(unsupported(other)),
        }
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

impl Reply {
    /// 200 with a body.
    pub(super) fn ok(body: &impl Serialize) -> Outcome {
        let body = serde_json::to_vec(body).map_err(|error| Refusal::new(500, error.to_string()))?;
        Ok(Self { status: 200, body: Some(body), next: None })
    }

    /// 204.
    pub(super) fn empty() -> Self {
        Self { status: 204, body: None, next: None }
    }
}

fn unsupported(media_type: &str) -> Refusal {
    Refusal::new(415, format!("Content type '{media_type}' not supported"))
}

fn unreadable(error: &serde_json::Error) -> Refusal {
    Refusal::bad(format!("The request body could not be read: {error}"))
}
