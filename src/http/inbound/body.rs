//! What other programs post, as a payload, and the headers worth keeping.

use std::collections::BTreeMap;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};

/// Headers that are kept at most, and characters of each.
const HEADERS: (usize, usize) = (64, 1024);

/// Headers that carry secrets, whatever hook they come to.
const SECRET: &[&str] = &["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Parts of names of headers that carry secrets, or what is made of them.
const SECRET_PARTS: &[&str] = &["token", "secret", "signature", "password", "api-key", "apikey", "credential", "auth-"];

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Form,
    Text,
}

/// What the content type says; none: nothing that can be read. Without one it is text.
pub(super) fn kind(headers: &HeaderMap) -> Option<Kind> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Some(Kind::Text) };
    let kind = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" | "text/json" => Some(Kind::Json),
        kind if kind.starts_with("application/") && kind.ends_with("+json") => Some(Kind::Json),
        "application/x-www-form-urlencoded" => Some(Kind::Form),
        "text/plain" | "text/markdown" | "" => Some(Kind::Text),
        _ => None,
    }
}

/// The body as a payload; none: it is not what it says it is.
pub(super) fn payload(kind: Kind, body: &[u8]) -> Option<Value> {
    match kind {
        Kind::Json => serde_json::from_slice(body).ok(),
        Kind::Text => Some(Value::from(String::from_utf8_lossy(body).into_owned())),
        Kind::Form => {
            let mut fields = Map::new();
            for (name, value) in url::form_urlencoded::parse(body) {
                let value = Value::from(value.into_owned());
                match fields.get_mut(&*name) {
                    None => drop(fields.insert(name.into_owned(), value)),
                    Some(Value::Array(all)) => all.push(value),
                    Some(one) => *one = Value::from(vec![one.take(), value]),
                }
            }
            Some(Value::Object(fields))
        }
    }
}

/// The headers without those that carry secrets; `own` is the one that the hook's own secret comes in.
pub(super) fn kept(headers: &HeaderMap, own: Option<&str>) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    for (name, value) in headers {
        let name = name.as_str();
        let is_secret = SECRET.contains(&name) || SECRET_PARTS.iter().any(|part| name.contains(part));
        if is_secret || own == Some(name) || kept.len() >= HEADERS.0 {
            continue;
        }
        let Ok(value) = value.to_str() else { continue };
        kept.entry(name.to_owned()).or_insert_with(|| value.chars().take(HEADERS.1).collect());
    }
    kept
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn a_body_is_what_its_type_says() {
        let of = |value: &'static str| kind(&headers(&[("content-type", value)]));
        assert_eq!(of("application/json; charset=utf-8"), Some(Kind::Json));
        assert_eq!(of("application/cloudevents+json"), Some(Kind::Json));
        assert_eq!(of("application/x-www-form-urlencoded"), Some(Kind::Form));
        assert_eq!(of("text/plain"), Some(Kind::Text));
        assert_eq!(kind(&headers(&[])), Some(Kind::Text));
        assert_eq!(of("multipart/form-data; boundary=x"), None);
        assert_eq!(of("application/octet-stream"), None);
    }

    #[test]
    fn json_is_kept_as_it_is_a_form_becomes_an_object_and_the_rest_a_text() {
        assert_eq!(payload(Kind::Json, br#"{"a":[1,null]}"#), Some(json!({ "a": [1, null] })));
        assert_eq!(payload(Kind::Json, b"{"), None);
        assert_eq!(payload(Kind::Form, b"a=1+2&b=%C3%BC&a=3"), Some(json!({ "a": ["1 2", "3"], "b": "ü" })));
        assert_eq!(payload(Kind::Text, b"disk full\xff"), Some(json!("disk full\u{fffd}")));
    }

    #[test]
    fn no_header_with_a_secret_is_kept() {
        let all = headers(&[
            ("x-github-event", "push"),
            ("authorization", "Bearer s3cret"),
            ("cookie", "a=s3cret"),
            ("x-gitlab-token", "s3cret"),
            ("x-hub-signature-256", "sha256=s3cret"),
            ("x-api-key", "s3cret"),
            ("x-own", "s3cret"),
        ]);
        let kept = kept(&all, Some("x-own"));
        assert_eq!(kept, [("x-github-event".to_owned(), "push".to_owned())].into());
    }

    proptest! {
        #[test]
        fn nothing_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for kind in [Kind::Json, Kind::Form, Kind::Text] {
                let _ = payload(kind, &body);
            }
        }
    }
}
