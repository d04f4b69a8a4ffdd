//! A rule: what a fault is about, how often it comes, and what it does. One form for requests and deliveries.

use serde::{Deserialize, Serialize};

use super::effect::{List, Span, Wire};
use crate::sim::refusal::Refusal;
use crate::sim::world::Scan;

/// Ten minutes: longer than any timeout one may want to see.
const LONGEST_DELAY: u64 = 600_000;
/// A day: longer than any run of a test.
const LONGEST_TIME: u64 = 86_400_000;
/// Copies of one delivery.
const MOST_COPIES: u32 = 10;

/// One fault, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Given by the simulator.
    #[serde(default, skip_deserializing)]
    pub(crate) id: u64,
    /// Requests to the API, or webhook deliveries.
    #[serde(default)]
    pub(crate) on: On,
    /// Only this token's requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    /// Only requests of, or deliveries to, who has this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// Requests: only paths below `/v1` that begin so, as `/messages`. Deliveries: `resource/event` that begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// How often; 0 means until it is removed. Left out: once, or 0 with `for_ms` or `chance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    /// For so many milliseconds of the simulator's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) for_ms: Option<u64>,
    /// With this probability, above 0 and at most 1; otherwise later rules are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chance: Option<f64>,

    /// Request: handled (or refused) after this long. Delivery: sent after this long, holding up its room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<Span>,
    /// Request: answered with this, unhandled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// With `status`: raw text of `Retry-After`, sensible or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<String>,
    /// With `status`: the body is a page of HTML, as some of Webex's 429 are.
    #[serde(default, skip_serializing_if = "is_off")]
    pub(crate) html: bool,
    /// Request: what happens to the answer on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wire: Option<Wire>,
    /// Request: the body trickles in over this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slow_ms: Option<u64>,
    /// Request: what is wrong with the list. Fits nothing but lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<List>,
    /// Request: its token is dead from now on, this request included.
    #[serde(default, skip_serializing_if = "is_off")]
    pub(crate) revoke: bool,
    /// Request: how the scanner finds a file that it brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scan: Option<Scan>,
    /// With `scan`: for how long; then the file is clean. Left out: until it is set otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scan_ms: Option<u64>,
    /// Delivery: sent so often; 0 drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copies: Option<u32>,
    /// Delivery: the next one of its room and webhook goes first (waited for as long as `delay_ms`, else a second).
    #[serde(default, skip_serializing_if = "is_off")]
    pub(crate) reorder: bool,
    /// Delivery: what it is about is answered 404 for so many milliseconds of the simulator's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hide_ms: Option<u64>,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum On {
    /// Requests to the API.
    #[default]
    Request,
    /// Webhook deliveries.
    Delivery,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
fn is_off(flag: &bool) -> bool {
    !flag
}

/// What a rule is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Request or delivery.
    pub(crate) on: On,
    /// The request's token.
    pub(crate) token: Option<&'a str>,
    /// Who asks, or whose webhook it is.
    pub(crate) email: Option<&'a str>,
    /// The request's method.
    pub(crate) method: &'a str,
    /// The request's path below `/v1`, or `resource/event`.
    pub(crate) path: &'a str,
    /// The request's query.
    pub(crate) query: &'a str,
}

/// In the query of a next link: the page before it was an empty one, so this one is not.
pub(crate) const EMPTIED: &str = "emptied=1";

impl<'a> Asked<'a> {
    /// A request.
    pub(crate) fn request(
        token: Option<&'a str>,
        email: Option<&'a str>,
        method: &'a str,
        path: &'a str,
        query: &'a str,
    ) -> Self {
        Self { on: On::Request, token, email, method, path, query }
    }

    /// A delivery of `resource/event`.
    pub(crate) fn delivery(email: Option<&'a str>, path: &'a str) -> Self {
        Self { on: On::Delivery, token: None, email, method: "POST", path, query: "" }
    }

    /// Whether a list is asked for: words only, where a single thing has an id at the end.
    fn is_list(&self) -> bool {
        let last = self.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        self.method == "GET" && last != "me" && !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_lowercase())
    }
}

impl Rule {
    /// Whether the rule is about this.
    pub(super) fn fits(&self, asked: Asked<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found.is_some_and(|found| wanted.eq_ignore_ascii_case(found)))
        };
        let list_fits = match self.list {
            None => true,
            Some(List::EmptyPage) => asked.is_list() && !asked.query.contains(EMPTIED),
            Some(List::NextUnmentioned) => asked.is_list() && asked.query.contains("mentionedPeople="),
            Some(List::KmsFailure) => asked.is_list(),
        };
        self.on == asked.on
            && self.token.as_deref().is_none_or(|token| Some(token) == asked.token)
            && is(&self.email, asked.email)
            && is(&self.method, Some(asked.method))
            && self.path.as_deref().is_none_or(|path| asked.path.starts_with(path))
            && list_fits
            && (self.scan.is_none() || asked.method == "POST")
            && (!self.revoke || asked.email.is_some())
    }

    /// How often it comes: 0 is without end.
    pub(super) fn often(&self) -> u32 {
        let endless = self.for_ms.is_some() || self.chance.is_some();
        self.times.unwrap_or(u32::from(!endless))
    }

    /// Whether it can be meant.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let of_its_kind = match self.on {
            On::Request => self.check_request(),
            On::Delivery => self.check_delivery(),
        };
        of_its_kind.or_else(|| self.check_numbers()).map_or(Ok(()), |problem| Err(Refusal::bad(problem)))
    }

    fn check_request(&self) -> Option<&'static str> {
        let answered = self.status.is_some();
        let handled = self.list.is_some() || self.scan.is_some() || self.wire == Some(Wire::Lose);
        let does_something = answered
            || handled
            || self.revoke
            || self.delay_ms.is_some()
            || self.wire.is_some()
            || self.slow_ms.is_some();
        if self.copies.is_some() {
            Some("`copies` is for deliveries: add `\"on\": \"delivery\"`")
        } else if self.reorder {
            Some("`reorder` is for deliveries: add `\"on\": \"delivery\"`")
        } else if self.hide_ms.is_some() {
            Some("`hide_ms` is for deliveries: add `\"on\": \"delivery\"`")
        } else if !does_something {
            Some("a rule on requests needs `status`, `delay_ms`, `wire`, `slow_ms`, `list`, `revoke` or `scan`")
        } else if self.path.as_deref().is_some_and(|path| !path.starts_with('/')) {
            Some("`path` of a request begins with `/`, as `/messages`")
        } else if answered && handled {
            Some("`status` answers without handling the request: leave out `list`, `scan` and `\"wire\": \"lose\"`")
        } else if self.wire == Some(Wire::Drop) && (answered || handled || self.slow_ms.is_some()) {
            Some(
                "`\"wire\": \"drop\"` leaves no answer: of the other effects it goes only with `delay_ms` and `revoke`",
            )
        } else if self.wire == Some(Wire::Lose) && self.slow_ms.is_some() {
            Some("`\"wire\": \"lose\"` leaves no body that `slow_ms` could be about")
        } else if self.list.is_some()
            && self.method.as_deref().is_some_and(|method| !method.eq_ignore_ascii_case("GET"))
        {
            Some("`list` is about `GET`")
        } else if self.retry_after.is_some() && !answered {
            Some("`retry_after` goes with `status`")
        } else if self.html && !answered {
            Some("`html` goes with `status`")
        } else if self.scan_ms.is_some() && self.scan.is_none() {
            Some("`scan_ms` goes with `scan`")
        } else {
            None
        }
    }

    fn check_delivery(&self) -> Option<&'static str> {
        let requests_only = [
            (self.status.is_some(), "`status` is for requests"),
            (self.retry_after.is_some(), "`retry_after` is for requests"),
            (self.html, "`html` is for requests"),
            (self.wire.is_some(), "`wire` is for requests"),
            (self.slow_ms.is_some(), "`slow_ms` is for requests"),
            (self.list.is_some(), "`list` is for requests"),
            (self.revoke, "`revoke` is for requests"),
            (self.scan.is_some() || self.scan_ms.is_some(), "`scan` is for requests"),
            (self.token.is_some(), "`token` is for requests: whose deliveries are meant is said by `email`"),
        ];
        if let Some((_, problem)) = requests_only.into_iter().find(|(there, _)| *there) {
            Some(problem)
        } else if self.copies.is_none() && self.delay_ms.is_none() && !self.reorder && self.hide_ms.is_none() {
            Some("a rule on deliveries needs `copies`, `delay_ms`, `reorder` or `hide_ms`")
        } else if self.reorder && self.copies == Some(0) {
            Some("`reorder` has nothing to do where `copies` is 0")
        } else if self.path.as_deref().is_some_and(|path| path.starts_with('/')) {
            Some("`path` of a delivery is `resource/event`, as `messages/created`")
        } else {
            None
        }
    }

    fn check_numbers(&self) -> Option<&'static str> {
        let too_long = |millis: Option<u64>| millis.is_some_and(|millis| millis > LONGEST_DELAY);
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            Some("`status` is one of 400 to 599")
        } else if self.retry_after.as_deref().is_some_and(|text| !text.chars().all(|c| (' '..='~').contains(&c))) {
            Some("`retry_after` is printable ASCII")
        } else if too_long(self.delay_ms.map(|span| span.most)) {
            Some("`delay_ms` is at most 600000")
        } else if too_long(self.slow_ms) {
            Some("`slow_ms` is at most 600000")
        } else if too_long(self.hide_ms) {
            Some("`hide_ms` is at most 600000")
        } else if self.copies.is_some_and(|copies| copies > MOST_COPIES) {
            Some("`copies` is at most 10")
        } else if self.chance.is_some_and(|chance| !(chance > 0.0 && chance <= 1.0)) {
            Some("`chance` is above 0 and at most 1")
        } else if self.for_ms.is_some_and(|millis| !(1..=LONGEST_TIME).contains(&millis)) {
            Some("`for_ms` is 1 to 86400000")
        } else if self.scan_ms.is_some_and(|millis| millis > LONGEST_TIME) {
            Some("`scan_ms` is at most 86400000")
        } else if self.email.as_deref().is_some_and(|email| !email.contains('@')) {
            Some("`email` is an address, as `echo@webex.bot`")
        } else if self.method.as_deref().is_some_and(|method| {
            !["GET", "HEAD", "POST", "PUT", "DELETE"].iter().any(|known| known.eq_ignore_ascii_case(method))
        }) {
            Some("`method` is `GET`, `HEAD`, `POST`, `PUT` or `DELETE`")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_with_the_field_that_is_wrong() {
        for (json, word) in [
            ("{}", "needs `status`"),
            (r#"{"status":200}"#, "400 to 599"),
            (r#"{"copies":2}"#, "for deliveries"),
            (r#"{"reorder":true}"#, "for deliveries"),
            (r#"{"hide_ms":1}"#, "for deliveries"),
            (r#"{"on":"delivery"}"#, "needs `copies`"),
            (r#"{"on":"delivery","copies":1,"status":500}"#, "`status` is for requests"),
            (r#"{"on":"delivery","copies":1,"wire":"drop"}"#, "`wire` is for requests"),
            (r#"{"on":"delivery","copies":1,"token":"t"}"#, "said by `email`"),
            (r#"{"on":"delivery","copies":0,"reorder":true}"#, "`copies` is 0"),
            (r#"{"on":"delivery","copies":11}"#, "at most 10"),
            (r#"{"on":"delivery","copies":1,"path":"/messages"}"#, "resource/event"),
            (r#"{"status":500,"path":"messages"}"#, "begins with `/`"),
            (r#"{"delay_ms":600001}"#, "at most 600000"),
            (r#"{"delay_ms":[1,600001]}"#, "at most 600000"),
            (r#"{"slow_ms":600001}"#, "`slow_ms` is at most"),
            (r#"{"delay_ms":1,"retry_after":"1"}"#, "goes with `status`"),
            (r#"{"delay_ms":1,"html":true}"#, "goes with `status`"),
            (r#"{"delay_ms":1,"scan_ms":5}"#, "goes with `scan`"),
            (r#"{"status":429,"retry_after":"a\nb"}"#, "printable"),
            (r#"{"status":500,"list":"empty_page"}"#, "without handling"),
            (r#"{"status":500,"wire":"drop"}"#, "leaves no answer"),
            (r#"{"slow_ms":5,"wire":"lose"}"#, "leaves no body"),
            (r#"{"list":"kms_failure","method":"POST"}"#, "about `GET`"),
            (r#"{"status":500,"chance":0}"#, "above 0"),
            (r#"{"status":500,"chance":1.5}"#, "at most 1"),
            (r#"{"status":500,"for_ms":0}"#, "`for_ms`"),
            (r#"{"status":500,"email":"echo"}"#, "`email` is an address"),
            (r#"{"status":500,"method":"FETCH"}"#, "`method`"),
        ] {
            let refusal = rule(json).check().unwrap_err();
            assert!(refusal.message.contains(word), "{json}: {}", refusal.message);
        }
        for json in [r#"{"stattus":500}"#, r#"{"wire":"cut"}"#, r#"{"list":"long"}"#, r#"{"status":500,"id":3}"#] {
            assert!(serde_json::from_str::<Rule>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn how_often_hangs_on_whether_it_ends_by_itself() {
        assert_eq!(rule(r#"{"status":500}"#).often(), 1);
        assert_eq!(rule(r#"{"status":500,"times":3}"#).often(), 3);
        assert_eq!(rule(r#"{"status":500,"for_ms":5}"#).often(), 0);
        assert_eq!(rule(r#"{"status":500,"chance":0.5}"#).often(), 0);
        assert_eq!(rule(r#"{"status":500,"chance":0.5,"times":2}"#).often(), 2);
    }

    #[test]
    fn what_is_about_lists_fits_only_lists() {
        let get = |path, query| Asked::request(None, None, "GET", path, query);
        let empty = rule(r#"{"list":"empty_page"}"#);
        assert!(empty.fits(get("/rooms", "max=2")) && empty.fits(get("/team/memberships", "")));
        assert!(!empty.fits(get("/people/me", "")) && !empty.fits(get("/rooms/Y2lzY29zcGFyazov", "")));
        assert!(!empty.fits(get("/rooms", "max=2&emptied=1")), "an empty page leads to a full one");
        assert!(!empty.fits(Asked { method: "POST", ..get("/rooms", "") }));
        let unmentioned = rule(r#"{"list":"next_unmentioned"}"#);
        assert!(unmentioned.fits(get("/messages", "roomId=r&mentionedPeople=me")));
        assert!(!unmentioned.fits(get("/messages", "roomId=r")));
    }

    #[test]
    fn a_rule_is_shown_as_it_was_written() {
        let text = r#"{"id":0,"on":"request","path":"/rooms","times":2,"delay_ms":[1,2],"status":429,"html":true}"#;
        let written = rule(&text.replace(r#""id":0,"#, ""));
        assert_eq!(serde_json::to_string(&written).unwrap(), text);
    }
}
