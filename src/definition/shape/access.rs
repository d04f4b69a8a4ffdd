//! The shape of who may do what.

use schemars::JsonSchema;

use super::TextOrMore;

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Anyone {
    Anyone,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum TopAccess {
    /// Everybody, on purpose.
    Anyone(Anyone),
    Lists(Box<TopAccessLists>),
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Access {
    /// Everybody whom `[access]` lets in.
    Anyone(Anyone),
    Lists(Box<AccessLists>),
}

/// Who is allowed: any list of people will do; then in which rooms, and where.
// Only what it says besides: `schema` puts the lists of `AccessLists` into it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct TopAccessLists {
    /// What those are told who may not. Default: a sentence in direct rooms, nothing in groups.
    denied: Option<String>,
}

/// Who is allowed: any list of people will do; then in which rooms, and where.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct AccessLists {
    /// Domains of addresses: `example.com`; `*.example.com` for those below it.
    domains: Option<TextOrMore>,
    /// Organizations, by id.
    orgs: Option<TextOrMore>,
    /// Addresses and person ids.
    people: Option<TextOrMore>,
    /// Groups of `_shared/groups.toml`.
    groups: Option<TextOrMore>,
    /// `@name` of `[rooms]`, or room ids.
    rooms: Option<TextOrMore>,
    /// In which kind of room.
    #[serde(rename = "where")]
    place: Option<RoomKind>,
    /// Who is not allowed, whatever else is said: anything here that fits denies.
    deny: Option<Deny>,
}

/// Anything here that fits denies.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Deny {
    /// Domains of addresses.
    domains: Option<TextOrMore>,
    /// Organizations, by id.
    orgs: Option<TextOrMore>,
    /// Addresses and person ids.
    people: Option<TextOrMore>,
    /// Groups of `_shared/groups.toml`.
    groups: Option<TextOrMore>,
    /// `@name` of `[rooms]`, or room ids.
    rooms: Option<TextOrMore>,
    /// In which kind of room.
    #[serde(rename = "where")]
    place: Option<RoomKind>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum RoomKind {
    Direct,
    Group,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum People {
    /// Addresses and person ids.
    Listed(TextOrMore),
    /// As in `access`.
    Lists(Box<AccessLists>),
}

/// Others must agree first, on a card.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Approve {
    /// Who may agree.
    by: People,
    /// How many must. Default: 1.
    count: Option<u32>,
    /// Whether the one who asks may not be among them. Default: `true`.
    not_requester: Option<bool>,
    /// How long there is to agree. Default: `24h`.
    within: Option<String>,
    /// Where it is asked. Default: where the rule was used.
    to: Option<String>,
}

/// Who may bring the bot into a room; brought by others, it leaves.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Membership {
    /// Who may.
    added_by: People,
    /// What it says before it leaves.
    denied: Option<String>,
}
