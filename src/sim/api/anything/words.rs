//! What the calls of the property test say: for each route the fields of its query and of its body, and a choice
//! of values for each, most of them good and some slightly wrong.

use serde_json::{Map, Value, json};

use super::pool::Pool;

/// What may stand in a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// An id of this kind that was seen.
    Id(&'static str),
    /// That of a message with a card.
    IdOfCard,
    /// A list of one such id.
    Ids(&'static str),
    /// Somebody's address.
    Email,
    /// A list with the address of somebody who may not be there yet.
    NewEmails,
    Flag,
    /// A page's length.
    Max,
    /// One of these.
    Word(&'static [&'static str]),
    Card,
    Inputs,
    /// A file by URL.
    File,
}

/// A field: how often of eight it is there, its name, what it holds.
pub(super) type Field = (usize, &'static str, Kind);

use Kind::{Card, Email, File, Flag, Id, IdOfCard, Ids, Inputs, Max, NewEmails, Word};

const PEOPLE: Kind = Id("PEOPLE");
const ROOM: Kind = Id("ROOM");
const MESSAGE: Kind = Id("MESSAGE");
const TEXT: Kind =
    Word(&["hi", "<@all> **look** at `this`", "- a\n  - b\n\n1. <b>c</b>", "<@personEmail:bob@example.com> ü"]);
const TEAM: Kind = Id("TEAM");
const DATE: Kind = Word(&["2026-01-01T00:00:01.000Z", "2016-04-21T19:12:48.920Z"]);
const NAME: Kind = Word(&["Ops", "Dev", "A longer name, with (signs) & ümlauts"]);
const URL: Kind = Word(&["https://example.com/hook", "http://127.0.0.1:9/x?y=z"]);

/// The query of a list.
pub(super) fn query(path: &str) -> &'static [Field] {
    match path {
        "people" => &[
            (3, "email", Email),
            (3, "displayName", Word(&["A", "Bob", "Echo", "nobody"])),
            (2, "id", PEOPLE),
            (1, "roles", Id("ROLE")),
            (1, "excludeStatus", Flag),
            (5, "max", Max),
        ],
        "rooms" => &[
            (2, "type", Word(&["direct", "group"])),
            (4, "sortBy", Word(&["id", "created", "lastactivity"])),
            (1, "teamId", TEAM),
            (1, "orgPublicSpaces", Flag),
            (1, "from", DATE),
            (6, "max", Max),
        ],
        "room/tabs" => &[(8, "roomId", ROOM), (4, "max", Max)],
        "teams" => &[(5, "max", Max)],
        "team/memberships" => &[(8, "teamId", TEAM), (4, "max", Max)],
        "memberships" => &[(6, "roomId", ROOM), (1, "personId", PEOPLE), (1, "personEmail", Email), (5, "max", Max)],
        "messages" => &[
            (8, "roomId", ROOM),
            (2, "mentionedPeople", Word(&["me"])),
            (1, "parentId", MESSAGE),
            (1, "beforeMessage", MESSAGE),
            (1, "before", DATE),
            (6, "max", Max),
        ],
        "messages/direct" => &[(1, "personId", PEOPLE), (7, "personEmail", Email), (1, "parentId", MESSAGE)],
        "webhooks" => &[(5, "max", Max), (1, "ownedBy", Word(&["org"]))],
        _ => &[],
    }
}

/// The body of a call that has one; `None` for one that is not known here.
pub(super) fn body(method: &str, path: &str) -> Option<&'static [Field]> {
    Some(match (method, path) {
        ("GET" | "DELETE", _) => &[],
        ("POST" | "PUT", "people" | "people/{}") => &[
            (8, "emails", NewEmails),
            (7, "displayName", NAME),
            (2, "firstName", NAME),
            (1, "roles", Ids("ROLE")),
            (1, "licenses", Ids("LICENSE")),
            (1, "loginEnabled", Flag),
        ],
        ("POST" | "PUT", "rooms" | "rooms/{}") => &[
            (8, "title", NAME),
            (2, "isLocked", Flag),
            (2, "teamId", TEAM),
            (2, "isPublic", Flag),
            (3, "description", NAME),
            (1, "isAnnouncementOnly", Flag),
            (1, "isReadOnly", Flag),
            (1, "classificationId", NAME),
        ],
        ("POST" | "PUT", "room/tabs" | "room/tabs/{}") => {
            &[(8, "roomId", ROOM), (8, "contentUrl", Word(&["https://example.com/tab"])), (8, "displayName", NAME)]
        }
        ("POST" | "PUT", "teams" | "teams/{}") => &[(8, "name", NAME), (3, "description", NAME)],
        ("POST", "team/memberships") => {
            &[(8, "teamId", TEAM), (1, "personId", PEOPLE), (7, "personEmail", Email), (2, "isModerator", Flag)]
        }
        ("PUT", "team/memberships/{}") => &[(8, "isModerator", Flag)],
        ("POST", "memberships") => {
            &[(8, "roomId", ROOM), (1, "personId", PEOPLE), (7, "personEmail", Email), (2, "isModerator", Flag)]
        }
        ("PUT", "memberships/{}") => &[(8, "isModerator", Flag), (6, "isRoomHidden", Flag)],
        ("POST", "messages") => &[
            (6, "roomId", ROOM),
            (1, "toPersonId", PEOPLE),
            (2, "toPersonEmail", Email),
            (7, "text", TEXT),
            (4, "markdown", TEXT),
            (1, "parentId", MESSAGE),
            (3, "attachments", Card),
            (1, "files", File),
        ],
        ("PUT", "messages/{}") => &[(8, "roomId", ROOM), (6, "text", TEXT), (3, "markdown", TEXT)],
        ("POST", "attachment/actions") => {
            &[(8, "type", Word(&["submit"])), (8, "messageId", IdOfCard), (8, "inputs", Inputs)]
        }
        ("POST" | "PUT", "webhooks" | "webhooks/{}") => &[
            (8, "name", NAME),
            (8, "targetUrl", URL),
            (8, "resource", Word(&["messages", "memberships", "rooms", "attachmentActions", "all", "meetings"])),
            (8, "event", Word(&["created", "updated", "deleted", "all"])),
            (1, "filter", Word(&["roomType=direct", "mentionedPeople=me", "hasFiles=true"])),
            (3, "secret", Word(&["s3cret"])),
            (4, "status", Word(&["active"])),
            (1, "ownedBy", Word(&["org", "creator"])),
        ],
        _ => return None,
    })
}

/// Numbers that decide, in their order; when they are used up, zeros. What shrinks is then the numbers.
#[derive(Debug)]
pub(super) struct Choices<'a>(pub(super) &'a [u8]);

impl Choices<'_> {
    /// One of `count` possibilities.
    pub(super) fn of(&mut self, count: usize) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first) % count.max(1)
    }

    /// One of these, or nothing when there are none.
    pub(super) fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.of(from.len()))
    }

    /// One of these ids, mostly one of the latest: things meet only when few are spoken of at a time.
    pub(super) fn id<'t>(&mut self, from: &'t [String]) -> Option<&'t String> {
        let latest = from.get(from.len().saturating_sub(4)..).unwrap_or_default();
        if self.of(4) == 0 { self.pick(from) } else { self.pick(latest) }
    }

    /// The fields that are there, with their values. About one of thirty has a value that does not fit.
    pub(super) fn fill(&mut self, fields: &[Field], pool: &Pool) -> Map<String, Value> {
        let mut filled = Map::new();
        for (often, name, kind) in fields {
            // Zero leaves away what need not be there: so it is when the numbers are used up, and when they shrink.
            if self.of(8) >= 8 - *often {
                let value = if self.of(32) == 31 { self.wrong() } else { self.value(*kind, pool) };
                filled.insert((*name).to_owned(), value);
            }
        }
        filled
    }

    fn value(&mut self, kind: Kind, pool: &Pool) -> Value {
        match kind {
            Kind::Id(kind) => json!(self.id(pool.of(kind))),
            IdOfCard => {
                let cards = pool.of("MESSAGE").iter().filter(|id| pool.thing(id)["attachments"].is_array());
                json!(self.id(&cards.cloned().collect::<Vec<_>>()))
            }
            Ids(kind) => json!(self.id(pool.of(kind)).into_iter().collect::<Vec<_>>()),
            NewEmails => json!(self.pick(&[["dora@example.com"], ["emil@example.com"], ["bob@example.com"]])),
            Email => json!(self.pick(&super::ADDRESSES)),
            Flag => json!(self.of(2) == 1),
            Max => json!(self.pick(&[30, 2, 10, 3, 1])),
            Word(words) => json!(self.pick(words)),
            Card => json!([{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {"type": "AdaptiveCard", "version": "1.0"},
            }]),
            File => json!(["http://h/report.pdf"]),
            Inputs => json!({"name": "x", "agree": "true"}),
        }
    }

    fn wrong(&mut self) -> Value {
        let values =
            [json!(""), json!("nonsense"), json!(-1), json!(["a", 1]), json!({"a": {}}), json!("x".repeat(8_000))];
        self.pick(&values).cloned().unwrap_or_default()
    }
}
