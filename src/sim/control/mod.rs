//! The control API below `/sim`: act as a person, see everything, make things go wrong.
//!
//! It takes and gives JSON (`Content-Type: application/json`), needs no token, and is no part of Webex. What a page
//! in a browser asks for (with `Origin`) is refused.
//! People and bots are named by their address, rooms by id or by title. An error has the shape of Webex's.
//! `seq` is the world's running number: messages and journal entries share it, so "after this message" can be
//! asked of both.
//!
//! | call | body or query | answer |
//! | --- | --- | --- |
//! | `GET /sim` | | totals: `seq`, people, rooms, messages, webhooks, requests, deliveries |
//! | `POST /sim/say` | `{as?, to, text \| markdown, parent?, mention?: [address], mention_form?: "id" \| "uuid", mention_words?: "whole" \| "first", attachments?, file?: {name, type?, base64 \| text}}` | `{seq, message}`; `as` is alice when left out, `to` an address, a room's id or title; `mention` puts mentions before the text, as a client does |
//! | `POST /sim/press` | `{as?, message, inputs}` | `{seq, action}` |
//! | `POST /sim/wait` | `{bot?, room?, after?, replies?, silent_ms?, timeout_ms?}` | `{seq, silent, messages}` once there are so many (1) messages of the bot (of any bot in the room) later than `after`, or with `silent_ms` once that long passed without a further one; 504 when not within the time (10 s) |
//! | `GET /sim/journal` | `after, kind (request, event, delivery), room, person, max (100), wait_ms` | `{seq, oldest, entries}`; waits up to `wait_ms` for a first entry |
//! | `PUT /sim/journal` | `{keep}` | how many entries are kept; 0 switches it off |
//! | `GET /sim/people`, `POST /sim/people` | `{email, name?, admin?, token?}` | people with `tokens`; an address that ends in `@webex.bot` makes a bot |
//! | `POST /sim/tokens` | `{email, token?, revoke_others?}` | `{token}`: a further token, or with `revoke_others` the only one |
//! | `DELETE /sim/tokens` | `{token}` | the token is dead from now on |
//! | `GET /sim/rooms`, `POST /sim/rooms` | `{as?, title, members?: [address], id?}` | rooms with `members`; with `id` the room gets this id, and the members come into the one that has it |
//! | `GET /sim/rooms/{room}/messages` | `after` | every message, oldest first, whoever may see it |
//! | `POST`, `DELETE /sim/rooms/{room}/members` | `{as?, email}` | the room |
//! | `PUT /sim/files/{id}` | `{scan: "clean" \| "scanning" \| "infected" \| "unscannable", for_ms?}` | the file, `id` being the last part of its URL; after `for_ms` it is clean |
//! | `PUT /sim/files` | `{scan, for_ms?, times?}` | what the scan says of the next file, of so many, or of all (`times` 0); `clean` with 0 is the usual state |
//! | `GET /sim/webhooks` | | all, with owner, without secrets |
//! | `DELETE /sim/webhooks` | `{email}` | disables all of this person's, as when their account is gone |
//! | `GET`, `POST`, `DELETE /sim/rules` | one rule, as below; to delete one `{id}`, all `{}` | the rules in force, with what is left of `times` and `for_ms` |
//! | `GET`, `PUT /sim/chance` | `{seed}` | what the generator behind `chance` and spans starts from, anew |
//! | `GET`, `PUT /sim/switches` | any of the switches | the switches; what is left out stays |
//! | `PUT /sim/budget` | `{email?, requests_per_minute}` | the limit of all, or of one; 0 is none |
//! | `GET`, `PUT /sim/clock` | one of `{advance_ms}`, `{set: date}`, `{freeze: true}`, `{run: true}` | `{now, running, ahead_ms}`; the simulator's time never goes back |
//! | `POST /sim/reset` | | everything as at first start |
//! | `GET`, `PUT /sim/state` | a state document | the whole state, to keep or to put back |
//!
//! A wait counts silence on the simulator's clock, so that steering it shortens the wait; but at least 200 ms of it
//! are real, and it does not begin while a webhook of the bot is on its way. Its `timeout_ms` is real time.
//!
//! # Rules
//!
//! A rule says what it is about, how often it comes and what it does. Of those that fit, the first decides.
//!
//! | field | of | means |
//! | --- | --- | --- |
//! | `on` | | `request` (the default) or `delivery` |
//! | `token`, `email`, `method`, `path` | | only this token's, this person's (whose webhook it is), this method, paths that begin so: `/messages`, for deliveries `messages/created` |
//! | `times` | | so often; 0 is until it is removed. Left out: once, but without end with `for_ms` or `chance` |
//! | `for_ms` | | for so long, by the simulator's clock |
//! | `chance` | | with this probability, from the seeded generator |
//! | `delay_ms` | both | so long before it is handled, or sent (holding up its room): a number, or `[least, most]` |
//! | `status`, `retry_after`, `html` | request | this answer instead; `Retry-After` as it is written; a body of HTML |
//! | `wire` | request | `drop`: closed before any byte, not handled. `lose`: the same, but handled. `truncate`: half of the body |
//! | `slow_ms` | request | the body trickles in over so long |
//! | `list` | request | `empty_page` (with a next link), `next_unmentioned` (it lost `mentionedPeople`), `kms_failure` (in the first item) |
//! | `revoke` | request | the token is dead, from this request on |
//! | `scan`, `scan_ms` | request | how the scanner finds the file it brings: `scanning`, `infected`, `unscannable`; for how long |
//! | `copies` | delivery | sent so often; 0 drops it |
//! | `reorder` | delivery | the next one of its webhook and room goes first; it waits for that `delay_ms`, else a second |
//! | `hide_ms` | delivery | reading the message or action is 404 for so long: the event came before the thing |

mod acts;
mod clock;
mod faults;
mod files;
mod look;
mod people;
mod wait;

use serde::{Serialize, de::DeserializeOwned};
use url::form_urlencoded;

use super::{
    ids::{PersonId, RoomId},
    refusal::Refusal,
    shared::Shared,
    world::World,
};

/// An answer's JSON.
type Outcome = Result<Vec<u8>, Refusal>;

/// Who acts when nobody is named.
const USUAL_PERSON: &str = "alice@example.com";

/// Answers one request below `/sim`.
pub(crate) async fn answer(shared: &Shared, method: &str, path: &str, query: &str, body: &[u8]) -> Outcome {
    let segments: Vec<&str> = path.trim_matches('/').split('/').filter(|segment| !segment.is_empty()).collect();
    let query = Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    match (method, segments.as_slice()) {
        ("GET", []) => look::totals(shared),
        ("POST", ["say"]) => acts::say(shared, body),
        ("POST", ["press"]) => acts::press(shared, body),
        ("POST", ["wait"]) => wait::replies(shared, body).await,
        ("GET", ["journal"]) => wait::journal(shared, &query).await,
        ("PUT", ["journal"]) => faults::keep_journal(shared, body),
        ("GET", ["people"]) => people::list(shared),
        ("POST", ["people"]) => people::add(shared, body),
        ("POST", ["tokens"]) => people::grant(shared, body),
        ("DELETE", ["tokens"]) => people::revoke(shared, body),
        ("GET", ["rooms"]) => look::rooms(shared),
        ("POST", ["rooms"]) => acts::open_room(shared, body),
        ("GET", ["rooms", room, "messages"]) => look::messages(shared, room, &query),
        ("POST", ["rooms", room, "members"]) => acts::add_member(shared, room, body),
        ("DELETE", ["rooms", room, "members"]) => acts::remove_member(shared, room, body),
        ("PUT", ["files"]) => files::scan_next(shared, body),
        ("PUT", ["files", id]) => files::scan(shared, id, body),
        ("GET", ["webhooks"]) => look::webhooks(shared),
        ("DELETE", ["webhooks"]) => faults::disable_webhooks(shared, body),
        ("GET", ["rules"]) => faults::rules(shared),
        ("POST", ["rules"]) => faults::add_rule(shared, body),
        ("DELETE", ["rules"]) => faults::remove_rule(shared, body),
        ("GET", ["switches"]) => faults::switches(shared),
        ("PUT", ["switches"]) => faults::set_switches(shared, body),
        ("GET", ["chance"]) => faults::chance(shared),
        ("PUT", ["chance"]) => faults::set_chance(shared, body),
        ("GET", ["clock"]) => clock::show(shared),
        ("PUT", ["clock"]) => clock::steer(shared, body),
        ("PUT", ["budget"]) => faults::set_budget(shared, body),
        ("POST", ["reset"]) => {
            shared.act(World::reset);
            look::totals(shared)
        }
        ("GET", ["state"]) => json(&shared.act(|world| world.save())),
        ("PUT", ["state"]) => {
            let saved = parse(body)?;
            shared.act(|world| world.replace(saved)).map_err(Refusal::bad)?;
            look::totals(shared)
        }
        _ => Err(Refusal::missing(format!("the control API has no `{method} /sim{path}`"))),
    }
}

/// The query of a request.
struct Query(Vec<(String, String)>);

impl Query {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.text(name)
            .map(|text| text.parse().map_err(|_not_one| Refusal::bad(format!("`{name}` is no number"))))
            .transpose()
    }
}

fn json(value: &impl Serialize) -> Outcome {
    serde_json::to_vec(value).map_err(|error| Refusal::new(500, error.to_string()))
}

/// A body; an empty one is `{}`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body does not fit: {error}")))
}

/// Somebody by address.
fn person(world: &World, email: &str) -> Result<PersonId, Refusal> {
    let missing = || Refusal::missing(format!("nobody has the address `{email}`"));
    world.people.by_email(email).map(|person| person.id).ok_or_else(missing)
}

/// Who acts.
fn actor(world: &World, email: Option<&str>) -> Result<PersonId, Refusal> {
    person(world, email.unwrap_or(USUAL_PERSON))
}

/// A room by id or title. The title must be that of one group room only.
fn room(world: &World, name: &str) -> Result<RoomId, Refusal> {
    if let Some(room) = RoomId::parse(name).and_then(|id| world.rooms.get(id)) {
        return Ok(room.id);
    }
    let mut named = world.rooms.iter().filter(|room| !room.title.is_empty() && room.title == name);
    match (named.next(), named.next()) {
        (Some(room), None) => Ok(room.id),
        (None, _) => Err(Refusal::missing(format!("no room has the id or title `{name}`"))),
        (Some(_), Some(_)) => Err(Refusal::bad(format!("several rooms have the title `{name}`: use an id"))),
    }
}
