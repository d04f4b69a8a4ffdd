//! The REST API below `/v1`: one table of operations, one plain function each.
//!
//! An operation gets the world, who asks and what is asked, and answers or refuses: no HTTP type comes in
//! here, so everything can be tried without a socket. What all have in common (tokens, budgets, faults,
//! headers, the journal) is done by who calls [`answer`].

mod actions;
#[cfg(test)]
mod anything;
mod call;
mod contents;
mod directory;
mod memberships;
mod messages;
#[cfg(test)]
mod operations;
mod people;
mod rooms;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod shape;
mod tabs;
mod team_memberships;
mod teams;
mod webhooks;

pub(crate) use call::{Call, Reply, Request};

use super::{ids::PersonId, refusal::Refusal, world::World};

/// What an operation comes to.
type Outcome = Result<Reply, Refusal>;

/// One operation.
struct Route {
    method: &'static str,
    /// Below `/v1`; `{}` stands for an id.
    path: &'static str,
    run: fn(&mut Call<'_>) -> Outcome,
}

const fn route(method: &'static str, path: &'static str, run: fn(&mut Call<'_>) -> Outcome) -> Route {
    Route { method, path, run }
}

/// All that is simulated. A path that stands here word for word is no id of another: `people/me` is nobody's id.
const ROUTES: &[Route] = &[
    route("GET", "people", people::list),
    route("POST", "people", people::create),
    route("GET", "people/me", people::me),
    route("GET", "people/{}", people::get),
    route("PUT", "people/{}", people::update),
    route("DELETE", "people/{}", people::delete),
    route("GET", "rooms", rooms::list),
    route("POST", "rooms", rooms::create),
    route("GET", "rooms/{}", rooms::get),
    route("PUT", "rooms/{}", rooms::update),
    route("DELETE", "rooms/{}", rooms::delete),
    route("GET", "rooms/{}/meetingInfo", rooms::meeting_info),
    route("GET", "room/tabs", tabs::list),
    route("POST", "room/tabs", tabs::create),
    route("GET", "room/tabs/{}", tabs::get),
    route("PUT", "room/tabs/{}", tabs::update),
    route("DELETE", "room/tabs/{}", tabs::delete),
    route("GET", "memberships", memberships::list),
    route("POST", "memberships", memberships::create),
    route("GET", "memberships/{}", memberships::get),
    route("PUT", "memberships/{}", memberships::update),
    route("DELETE", "memberships/{}", memberships::delete),
    route("GET", "teams", teams::list),
    route("POST", "teams", teams::create),
    route("GET", "teams/{}", teams::get),
    route("PUT", "teams/{}", teams::update),
    route("DELETE", "teams/{}", teams::delete),
    route("GET", "team/memberships", team_memberships::list),
    route("POST", "team/memberships", team_memberships::create),
    route("GET", "team/memberships/{}", team_memberships::get),
    route("PUT", "team/memberships/{}", team_memberships::update),
    route("DELETE", "team/memberships/{}", team_memberships::delete),
    route("GET", "messages", messages::list),
    route("POST", "messages", messages::create),
    route("GET", "messages/direct", messages::list_direct),
    route("GET", "messages/{}", messages::get),
    route("PUT", "messages/{}", messages::update),
    route("DELETE", "messages/{}", messages::delete),
    route("GET", "contents/{}", contents::get),
    route("POST", "attachment/actions", actions::create),
    route("GET", "attachment/actions/{}", actions::get),
    route("GET", "webhooks", webhooks::list),
    route("POST", "webhooks", webhooks::create),
    route("GET", "webhooks/{}", webhooks::get),
    route("PUT", "webhooks/{}", webhooks::update),
    route("DELETE", "webhooks/{}", webhooks::delete),
    route("GET", "roles", directory::list_roles),
    route("GET", "roles/{}", directory::get_role),
    route("GET", "licenses", directory::list_licenses),
    route("GET", "licenses/{}", directory::get_license),
    route("GET", "organizations", directory::list_organizations),
    route("GET", "organizations/{}", directory::get_organization),
];

impl Route {
    /// The id in the path, when the path fits; empty when this route has none.
    fn fits<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.path.split_once("{}") {
            None => (self.path == path).then_some(""),
            Some((start, end)) => {
                let id = path.strip_prefix(start)?.strip_suffix(end)?;
                (!id.is_empty() && !id.contains('/')).then_some(id)
            }
        }
    }
}

/// Whether a file may come with this request, as a part of its body.
pub(crate) fn takes_files(method: &str, path: &str) -> bool {
    (method, path.trim_matches('/')) == ("POST", "messages")
}

/// Answers one request of somebody whose token was good.
pub(crate) fn answer(world: &mut World, caller: PersonId, request: &Request<'_>) -> Outcome {
    let path = request.path.trim_matches('/');
    // The same without a body, which the HTTP server leaves away.
    let method = if request.method == "HEAD" { "GET" } else { request.method };
    let mut allowed = Vec::new();
    let fixed = ROUTES.iter().any(|route| route.path == path);
    for route in ROUTES.iter().filter(|route| !fixed || route.path == path) {
        let Some(id) = route.fits(path) else { continue };
        if route.method == method {
            return (route.run)(&mut Call::new(world, caller, request, id));
        }
        allowed.push(route.method);
    }
    if allowed.is_empty() {
        return Err(Refusal::no_such_resource());
    }
    Err(Refusal {
        allow: Some(allowed.join(", ")),
        ..Refusal::new(405, format!("Request method '{}' not supported", request.method))
    })
}

#[cfg(test)]
mod testing {
    //! Asking without a socket.

    use serde_json::Value;

    use super::{Reply, Request, answer};
    use crate::sim::{refusal::Refusal, world::World};

    /// Sends JSON (none for `Null`) with a token; the answer's body as JSON.
    pub(super) fn ask(
        world: &mut World,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<(Value, Option<String>), Refusal> {
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let content_type = Some("application/json; charset=utf-8");
        let base = "http://sim/v1";
        let request = Request { method, path, query, content_type, body: &bytes, base, ..Request::default() };
        let caller = world.authenticate(token).unwrap();
        answer(world, caller, &request).map(|Reply { body, next, .. }| {
            (body.map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap()), next)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{testing::ask, *};

    #[test]
    fn an_unknown_path_is_404_and_an_unknown_method_405_with_those_it_has() {
        let mut world = World::seeded();
        let mut refused = |method, path| ask(&mut world, "sim-alice", method, path, &Value::Null).unwrap_err();
        assert_eq!(refused("GET", "/cats").status, 404);
        assert_eq!(refused("GET", "/rooms/a/b").status, 404);
        let refusal = refused("PATCH", "/rooms");
        assert_eq!((refusal.status, refusal.allow.as_deref()), (405, Some("GET, POST")));
        assert_eq!(refused("DELETE", "/people/me").allow.as_deref(), Some("GET"), "`me` is no id");
        assert_eq!(refused("POST", "/rooms/a/meetingInfo").allow.as_deref(), Some("GET"));
        assert_eq!(refused("GET", "/rooms//meetingInfo").status, 404);
    }

    #[test]
    fn a_body_must_be_json_and_say_so() {
        let mut world = World::seeded();
        let caller = world.authenticate("sim-alice").unwrap();
        let mut status = |content_type, body: &str| {
            let (method, path, body) = ("POST", "/rooms", body.as_bytes());
            let request = Request { method, path, content_type, body, ..Request::default() };
            answer(&mut world, caller, &request).unwrap_err().status
        };
        assert_eq!(status(Some("text/plain"), "{}"), 415);
        assert_eq!(status(None, "{}"), 415);
        assert_eq!(status(Some("application/json"), "{"), 400);
        assert_eq!(status(Some("application/json"), "[]"), 400);
        assert_eq!(status(Some("application/json"), r#"{"title":5}"#), 400);
    }

    #[test]
    fn a_list_is_paged_by_its_link_and_visits_each_item_once() {
        let mut world = World::seeded();
        for n in 0..7 {
            ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": format!("r{n}")})).unwrap();
        }
        let mut titles = Vec::new();
        let mut path = "/rooms?sortBy=created&max=3&type=group".to_owned();
        loop {
            let (body, next) = ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap();
            titles.extend(body["items"].as_array().unwrap().iter().map(|room| room["title"].clone()));
            let Some(next) = next else { break };
            let below = next.strip_prefix("http://sim/v1").unwrap();
            assert!(below.contains("type=group") && below.contains("max=3"), "{below}");
            path = below.to_owned();
        }
        assert_eq!(titles, ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]);
    }
}
