//! Any sequence of calls, by anybody, of every route, is answered as Webex would, and leaves a cloud that holds
//! together: a direct room has two members, a deleted room has no messages, a list visits each item once, ids decode.
//!
//! All of it is seen through the API, as a client sees it. What the world looks like inside is another test's matter
//! (`world::invariants`).

mod pool;
mod words;

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use self::{
    pool::{Pool, kind_at},
    words::Choices,
};
use super::{Outcome, ROUTES, Reply, Request, Route, answer, operations, shape, takes_files};
use crate::{
    base::Millis,
    sim::{
        ids::{PersonId, RoomId},
        intake::Form,
        world::{NewFile, Saved, World},
    },
};

const BASE: &str = "http://sim/v1";
const TOKENS: [&str; 6] = ["sim-alice", "sim-bob", "sim-carol", "sim-admin", "sim-bot-echo", "sim-bot-other"];
const ADDRESSES: [&str; 6] = [
    "alice@example.com",
    "bob@example.com",
    "carol@example.com",
    "admin@example.com",
    "echo@webex.bot",
    "other@webex.bot",
];

/// One call.
#[derive(Debug, Clone)]
struct Try {
    who: usize,
    /// Among all routes, or among those that make something.
    route: usize,
    makes: bool,
    choices: Vec<u8>,
}

fn a_try() -> impl Strategy<Value = Try> {
    (0..TOKENS.len(), any::<usize>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..48))
        .prop_map(|(who, route, makes, choices)| Try { who, route, makes, choices })
}

struct Play {
    world: World,
    pool: Pool,
    /// Tokens, and whose they are.
    people: Vec<(&'static str, String)>,
    /// Routes that were granted at least once.
    granted: BTreeSet<(&'static str, &'static str)>,
    /// How many rooms went with messages in them.
    emptied: usize,
}

impl Play {
    fn new() -> Self {
        let mut world = World::seeded();
        let people = TOKENS.map(|token| (token, world.authenticate(token).unwrap().public())).to_vec();
        let mut play = Self { world, pool: Pool::default(), people, granted: BTreeSet::new(), emptied: 0 };
        let mut make = |token, path, body| play.call(token, "POST", path, &body).unwrap();
        let room = make("sim-alice", "rooms", json!({"title": "Ops"}))["id"].clone();
        make("sim-alice", "memberships", json!({"roomId": room, "personEmail": ADDRESSES[1]}));
        make("sim-bot-echo", "messages", json!({"toPersonEmail": ADDRESSES[0], "text": "hi"}));
        make("sim-alice", "memberships", json!({"roomId": room, "personEmail": ADDRESSES[4]}));
        play
    }

    /// One call; its answer when it was granted. What is wrong with any answer ends the test.
    fn call(&mut self, token: &str, method: &str, target: &str, body: &Value) -> Option<Value> {
        self.ask(token, method, target, body).map(|(body, _)| body)
    }

    fn ask(&mut self, token: &str, method: &str, target: &str, body: &Value) -> Option<(Value, Option<String>)> {
        let caller = self.world.authenticate(token)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let path = format!("/{path}");
        let content_type = (!body.is_null()).then_some("application/json; charset=utf-8");
        let request =
            Request { method, path: &path, query, content_type, body: &bytes, base: BASE, ..Request::default() };
        self.tell(caller, target, body, request)
    }

    /// One call of a form in parts, with a file.
    fn upload(&mut self, token: &str, path: &str, fields: &Map<String, Value>) -> Option<Value> {
        let caller = self.world.authenticate(token)?;
        let fields = fields.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let file = Some(NewFile::new("größe.txt", Some("text/plain"), "some text".into()));
        let form = Form { fields: fields.collect(), file };
        let content_type = Some("multipart/form-data; boundary=x");
        let request = Request { content_type, form: Some(&form), ..Request::default() };
        let target = format!("/{path}");
        let request = Request { method: "POST", path: &target, base: BASE, ..request };
        self.tell(caller, path, &json!("a form in parts"), request).map(|(body, _)| body)
    }

    fn tell(
        &mut self,
        caller: PersonId,
        target: &str,
        body: &Value,
        request: Request<'_>,
    ) -> Option<(Value, Option<String>)> {
        let Request { method, path, .. } = request;
        let now = self.world.now.0 + 7;
        let mut outcome: Outcome = answer(self.world.at(Millis(now)), caller, &request);
        if let Ok(Reply { fetch: Some(_), .. }) = &outcome {
            let file = NewFile::new("report.pdf", Some("application/pdf"), "%PDF".into());
            outcome = answer(&mut self.world, caller, &Request { fetched: Some(&file), ..request });
        }
        let read = shape::read(&outcome, BASE);
        let told = read.unwrap_or_else(|wrong| panic!("{caller:?} {method} {target} {body}: {wrong}"));
        let reply = outcome.ok()?;
        let method = if method == "HEAD" { "GET" } else { method };
        let route = ROUTES.iter().find(|route| route.method == method && route.fits(path.trim_matches('/')).is_some());
        let route = route.expect("what is granted has a route");
        operations::check_status(route.method, route.path, reply.status);
        self.granted.insert((route.method, route.path));
        let told = told.unwrap_or_default();
        match told["items"].as_array() {
            Some(items) => items.iter().for_each(|item| self.pool.learn(route.path, item)),
            None => self.pool.learn(route.path, &told),
        }
        Some((told, reply.next))
    }

    /// The token of who made this.
    fn maker(&self, thing: &Value) -> Option<&'static str> {
        let id = ["personId", "creatorId", "createdBy"].iter().find_map(|field| thing[*field].as_str())?;
        self.people.iter().find(|(_, person)| person == id).map(|(token, _)| *token)
    }

    fn play(&mut self, step: &Try) {
        let makers: Vec<&Route> = ROUTES.iter().filter(|route| route.method == "POST").collect();
        let route = if step.makes { makers[step.route % makers.len()] } else { &ROUTES[step.route % ROUTES.len()] };
        let mut choices = Choices(&step.choices);
        let fields = words::body(route.method, route.path)
            .unwrap_or_else(|| panic!("say in `words` what `{} /{}` takes", route.method, route.path));
        let id = if route.path.contains("{}") {
            let mut known = self.pool.of(kind_at(route.path)).to_vec();
            // Whose token is gone, or who administers no more, takes no more part: those mostly stay.
            if route.path == "people/{}" && route.method != "GET" && choices.of(8) != 7 {
                known.retain(|id| self.people.iter().all(|(_, person)| person != id));
            }
            choices.id(&known).cloned().unwrap_or_else(|| "none".to_owned())
        } else {
            String::new()
        };
        let path = route.path.replace("{}", &id);
        // Most things may be changed by who made them, and many name their room again: chance alone would hardly
        // ever bring the two together.
        let thing = self.pool.thing(&id).clone();
        let mut token = self.maker(&thing).filter(|_| choices.of(2) == 0).unwrap_or(TOKENS[step.who]);
        if ["people", "roles", "licenses", "organizations"].iter().any(|kind| path.starts_with(kind)) {
            token = if choices.of(2) == 0 { "sim-admin" } else { token };
        }
        if route.method == "GET" && !route.path.contains("{}") {
            let query = choices.fill(words::query(route.path), &self.pool);
            self.list(token, &path, &query);
        } else {
            let mut body = choices.fill(fields, &self.pool);
            for field in ["roomId", "teamId", "emails"] {
                if body.contains_key(field) && !thing[field].is_null() && choices.of(8) < 6 {
                    body.insert(field.to_owned(), thing[field].clone());
                }
            }
            let place = body.get("roomId").or_else(|| body.get("teamId")).and_then(Value::as_str).unwrap_or_default();
            token = self.maker(self.pool.thing(place)).filter(|_| choices.of(2) == 0).unwrap_or(token);
            if takes_files(route.method, route.path) && choices.of(6) == 5 {
                self.upload(token, &path, &body);
                return;
            }
            let body = if fields.is_empty() { Value::Null } else { Value::Object(body) };
            let method = if route.method == "GET" && choices.of(8) == 7 { "HEAD" } else { route.method };
            let room = RoomId::parse(&id).filter(|_| (method, route.path) == ("DELETE", "rooms/{}"));
            let written =
                |play: &Self| room.and_then(|room| play.world.rooms.get(room)).map_or(0, |room| room.timeline.len());
            let before = written(self);
            self.call(token, method, &path, &body);
            self.emptied += usize::from(before > 0 && written(self) == 0);
        }
    }

    /// A list from its first page to its last; each item is there once, and as many as on one long page.
    fn list(&mut self, token: &str, path: &str, query: &Map<String, Value>) -> Option<Vec<Value>> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs = |query: &Map<String, Value>| {
            let pairs = query.iter().map(|(name, value)| (name.clone(), text(value)));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        };
        let longest = query.get("max").and_then(Value::as_u64).unwrap_or(1_000);
        let (mut all, mut ids) = (Vec::<Value>::new(), BTreeSet::new());
        let mut next = Some(format!("{path}?{}", pairs(query)));
        while let Some(target) = next {
            let (page, link) = self.ask(token, "GET", &target, &Value::Null)?;
            let Some(items) = page["items"].as_array() else { return Some(vec![page]) };
            assert!(items.len() as u64 <= longest, "{} items at {target}", items.len());
            for item in items {
                assert!(ids.insert(item["id"].to_string()), "{item} twice in {path}");
            }
            all.extend(items.iter().cloned());
            next = link.map(|link| link.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned());
        }
        let mut whole = query.clone();
        whole.insert("max".to_owned(), json!(1_000));
        let (page, link) = self.ask(token, "GET", &format!("{path}?{}", pairs(&whole)), &Value::Null)?;
        let shown: BTreeSet<String> =
            page["items"].as_array().into_iter().flatten().map(|item| item["id"].to_string()).collect();
        assert!(link.is_some() || shown == ids, "pages of {path} differ from the whole");
        Some(all)
    }

    /// What holds after any calls, as everybody sees it.
    fn check(&mut self) {
        for token in TOKENS {
            if let Some(me) = self.call(token, "GET", "people/me", &Value::Null) {
                self.check_rooms(token, &me);
                self.check_teams(token);
                self.check_messages(token, &me);
            }
        }
        self.check_saved();
    }

    fn check_rooms(&mut self, token: &str, me: &Value) {
        for room in self.list(token, "rooms", &Map::new()).unwrap() {
            let id = room["id"].as_str().unwrap();
            assert_eq!(self.call(token, "GET", &format!("rooms/{id}"), &Value::Null).as_ref(), Some(&room));
            let members = self.list(token, "memberships", &of("roomId", id)).unwrap();
            assert!(members.iter().any(|member| member["personId"] == me["id"]), "a room of which one is no member");
            if room["type"] == "direct" {
                assert_eq!(members.len(), 2, "a direct room has two members: {members:?}");
            }
        }
    }

    fn check_teams(&mut self, token: &str) {
        for team in self.list(token, "teams", &Map::new()).unwrap() {
            let members = self.list(token, "team/memberships", &of("teamId", team["id"].as_str().unwrap())).unwrap();
            assert!(members.iter().any(|member| member["isModerator"] == true), "a team that nobody runs: {members:?}");
        }
    }

    /// One reads what some list of one's own shows, and nothing else; files as the messages they are in.
    fn check_messages(&mut self, token: &str, me: &Value) {
        let mut listed = BTreeSet::new();
        for room in self.pool.of("ROOM").to_vec() {
            let Some(seen) = self.call(token, "GET", &format!("rooms/{room}"), &Value::Null) else { continue };
            let mut query = of("roomId", &room);
            if me["type"] == "bot" && seen["type"] == "group" {
                query.insert("mentionedPeople".to_owned(), json!("me"));
            }
            // A room that can be found without being in it has no messages for who is not in it.
            for message in self.list(token, "messages", &query).unwrap_or_default() {
                assert_eq!(message["roomId"], seen["id"]);
                listed.insert(message["id"].as_str().unwrap().to_owned());
            }
        }
        for message in self.pool.of("MESSAGE").to_vec() {
            let found = self.call(token, "GET", &format!("messages/{message}"), &Value::Null);
            // What a bot wrote in a group it may read; it lists only what mentions it. Here a deleted room would
            // be seen that kept a message: it is in no list.
            let own = found.as_ref().is_some_and(|found| found["personId"] == me["id"]);
            assert!(found.is_some() || !listed.contains(&message), "{token} cannot read `{message}` of his list");
            assert!(found.is_none() || own || listed.contains(&message), "{token} reads `{message}` of no list");
            let room = found.as_ref().and_then(|found| found["roomId"].as_str());
            let room = room.and_then(|room| self.call(token, "GET", &format!("rooms/{room}"), &Value::Null));
            assert_eq!(found.is_some(), room.is_some(), "a message without its room");
            for file in Pool::files_of(self.pool.thing(&message)) {
                let had = self.call(token, "GET", &format!("contents/{file}"), &Value::Null);
                assert_eq!(
                    had.is_some(),
                    found.is_some(),
                    "{token}: a file without its message, or the other way round"
                );
            }
        }
    }

    /// What is saved can be put back.
    fn check_saved(&mut self) {
        self.world.take_deliveries();
        let saved = serde_json::to_string(&self.world.save()).unwrap();
        let mut again = World::empty(crate::sim::options::Retention::default(), 0);
        again.load(serde_json::from_str::<Saved>(&saved).unwrap()).unwrap();
    }
}

/// A query with one parameter.
fn of(name: &str, value: &str) -> Map<String, Value> {
    [(name.to_owned(), json!(value))].into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_calls_are_answered_well_and_leave_a_cloud_that_holds_together(
        tries in prop::collection::vec(a_try(), 1..80)
    ) {
        let mut play = Play::new();
        for step in &tries {
            play.play(step);
        }
        play.check();
    }
}

#[test]
fn calls_by_chance_are_granted_at_every_route() {
    let mut play = Play::new();
    // A fixed sequence, so that this test says the same every time; long enough is when everything was reached.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let some = prop::collection::vec(a_try(), 250..251);
    let never = |play: &Play| -> Vec<_> {
        let all = ROUTES.iter().map(|route| (route.method, route.path));
        all.filter(|route| !play.granted.contains(route)).collect()
    };
    for _ in 0..48 {
        for step in &some.new_tree(&mut runner).unwrap().current() {
            play.play(step);
        }
        if never(&play).is_empty() && play.emptied > 0 {
            break;
        }
    }
    assert!(never(&play).is_empty(), "never granted: {:?}", never(&play));
    assert!(play.emptied > 0, "no room was deleted that had messages");
    play.check();
}
