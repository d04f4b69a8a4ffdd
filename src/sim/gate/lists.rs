//! Lists that come out wrong, as Webex's now and then do. Plain functions over an answer.

use bytes::Bytes;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::sim::{
    api::{Reply, Request},
    world::{EMPTIED, List},
};

/// Fields that are encrypted at Webex, the first of which an item lacks when its key cannot be had.
const ENCRYPTED: [&str; 3] = ["title", "text", "name"];
/// What stands in the place of such a field. That there is a placeholder is documented, its wording is believed.
const PLACEHOLDER: &str = "Unable to decrypt";

/// Makes a list wrong. What is no list stays as it is.
pub(super) fn disturb(list: List, reply: Reply, request: &Request<'_>) -> Reply {
    let body = reply.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let Some(mut body) = body.filter(|body| body["items"].is_array()) else { return reply };
    match list {
        List::EmptyPage => {
            body["items"] = json!([]);
            let query = if request.query.is_empty() { String::new() } else { format!("{}&", request.query) };
            let next = Some(format!("{}{}?{query}{EMPTIED}", request.base, request.path));
            Reply { body: serde_json::to_vec(&body).ok().map(Bytes::from), next, ..reply }
        }
        List::NextUnmentioned => {
            let next = reply.next.as_deref().map(without_mentions);
            Reply { next, ..reply }
        }
        List::KmsFailure => {
            let first = body["items"].get_mut(0).and_then(Value::as_object_mut);
            if let Some(item) = first
                && let Some(field) = ENCRYPTED.into_iter().find(|field| item.contains_key(*field))
            {
                item.insert(field.to_owned(), PLACEHOLDER.into());
                let reason = "Key management server failed to respond appropriately.";
                item.insert("errors".to_owned(), json!({ field: { "code": "kms_failure", "reason": reason } }));
            }
            Reply { body: serde_json::to_vec(&body).ok().map(Bytes::from), ..reply }
        }
    }
}

/// The link as Webex's known fault leaves it.
fn without_mentions(link: &str) -> String {
    let Ok(mut url) = Url::parse(link) else { return link.to_owned() };
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| name != "mentionedPeople").collect();
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    url.set_query(Some(&query));
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &'static str) -> Request<'static> {
        Request { method: "GET", path: "/rooms", query, base: "http://sim/v1", ..Request::default() }
    }

    fn reply(body: &str) -> Reply {
        let next = Some("http://sim/v1/rooms?mentionedPeople=me&max=2&cursor=x".to_owned());
        Reply { next, ..Reply::json(body.as_bytes().to_vec()) }
    }

    fn text(reply: &Reply) -> &str {
        std::str::from_utf8(reply.body.as_deref().unwrap()).unwrap()
    }

    #[test]
    fn an_empty_page_links_to_the_same_page_filled() {
        let page = disturb(List::EmptyPage, reply(r#"{"items":[{"id":"a"}]}"#), &request("max=2"));
        assert_eq!(text(&page), r#"{"items":[]}"#);
        assert_eq!(page.next.as_deref(), Some("http://sim/v1/rooms?max=2&emptied=1"));
        let page = disturb(List::EmptyPage, reply(r#"{"items":[]}"#), &request(""));
        assert_eq!(page.next.as_deref(), Some("http://sim/v1/rooms?emptied=1"));
    }

    #[test]
    fn a_next_link_loses_its_mentions_and_nothing_else() {
        let page = disturb(List::NextUnmentioned, reply(r#"{"items":[]}"#), &request(""));
        assert_eq!(page.next.as_deref(), Some("http://sim/v1/rooms?max=2&cursor=x"));
    }

    #[test]
    fn an_item_without_its_key_keeps_its_golden_form() {
        let page = disturb(
            List::KmsFailure,
            reply(r#"{"items":[{"id":"a","title":"secret"},{"id":"b","title":"plain"}]}"#),
            &request(""),
        );
        assert_eq!(
            text(&page),
            concat!(
                r#"{"items":[{"errors":{"title":{"code":"kms_failure","reason":"#,
                r#""Key management server failed to respond appropriately."}},"id":"a","#,
                r#""title":"Unable to decrypt"},{"id":"b","title":"plain"}]}"#
            )
        );
    }

    #[test]
    fn what_is_no_list_stays() {
        let page = disturb(List::EmptyPage, reply(r#"{"id":"a"}"#), &request(""));
        assert_eq!(text(&page), r#"{"id":"a"}"#);
    }
}
