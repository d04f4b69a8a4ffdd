//! `access`, `denied`, `cooldown`, `approve` and `[membership]`: what stands before a rule.

use std::time::Duration;

use super::reader::Reader;
use crate::definition::{
    codes,
    diagnostic::{did_you_mean, quote},
    gate::{Access, Approve, Clause, Gate, Membership, Where},
};

/// Keys of a rule's `access = { … }`, of `by` and of `added_by`.
pub(in crate::definition) const ACCESS: &[&str] = &["domains", "orgs", "people", "groups", "rooms", "where", "deny"];
/// Keys of `[access]`, where no rule stands beside that could hold the sentence.
pub(in crate::definition) const TOP_ACCESS: &[&str] =
    &["domains", "orgs", "people", "groups", "rooms", "where", "deny", "denied"];
/// Keys of `deny = { … }`.
pub(in crate::definition) const DENY: &[&str] = &["domains", "orgs", "people", "groups", "rooms", "where"];
/// Keys of `approve = { … }`.
pub(in crate::definition) const APPROVE: &[&str] = &["by", "count", "not_requester", "within", "to"];
/// Keys of `[membership]`.
pub(in crate::definition) const MEMBERSHIP: &[&str] = &["added_by", "denied"];

/// Most people who must agree.
const MOST_APPROVERS: i64 = 20;
/// How long there is to agree, where nothing else is said.
const WITHIN: Duration = Duration::from_hours(24);

/// `[access]`, and the sentence for those it keeps out.
pub(super) fn top(top: &mut Reader<'_>) -> Gate {
    let mut gate = Gate::default();
    if top.is_string("access") {
        gate.access = anyone(top);
    } else if let Some(mut table) = top.table("access", "`[access]`", TOP_ACCESS) {
        gate.denied = table.string("denied");
        gate.access = Some(lists(&mut table));
    }
    gate
}

/// The keys of a rule's own.
pub(super) fn gate(table: &mut Reader<'_>) -> Gate {
    let access = access(table, "access", "`access`");
    Gate { access, denied: table.string("denied"), cooldown: table.spanned_length("cooldown"), approve: approve(table) }
}

pub(super) fn membership(top: &mut Reader<'_>) -> Option<Membership> {
    let mut table = top.table("membership", "`[membership]`", MEMBERSHIP)?;
    let denied = table.string("denied");
    if !table.has("added_by") {
        table.missing(&["added_by"], "added_by = { domains = [\"example.com\"] }");
    }
    Some(Membership { added_by: people_or_access(&mut table, "added_by", "`added_by`")?, denied })
}

fn approve(table: &mut Reader<'_>) -> Option<Approve> {
    let mut table = table.table("approve", "`approve`", APPROVE)?;
    if !table.has("by") {
        table.missing(&["by"], "by = { groups = [\"leads\"] }");
    }
    let by = people_or_access(&mut table, "by", "`by`");
    let count = table.integer("count", 1..=MOST_APPROVERS);
    let not_requester = table.bool("not_requester");
    let within = table.length("within");
    let to = table.string("to");
    let count = count.and_then(|count| u32::try_from(count.value).ok()).unwrap_or(1);
    Some(Approve {
        span: table.span,
        by: by?,
        count,
        not_requester: not_requester.unwrap_or(true),
        within: within.unwrap_or(WITHIN),
        to,
    })
}

/// An address, a list of them, or a table as in `access`.
fn people_or_access(table: &mut Reader<'_>, key: &str, name: &'static str) -> Option<Access> {
    if !table.is_list(key) {
        return access(table, key, name);
    }
    let span = table.span_of(key);
    let people = table.strings(key)?;
    Some(Access { span, allow: Clause { people, ..Clause::default() }, ..Access::default() })
}

fn access(table: &mut Reader<'_>, key: &str, name: &'static str) -> Option<Access> {
    if table.is_string(key) {
        if key == "access" {
            return anyone(table);
        }
        let span = table.span_of(key);
        let people = table.string(key).into_iter().collect();
        return Some(Access { span, allow: Clause { people, ..Clause::default() }, ..Access::default() });
    }
    Some(lists(&mut table.table(key, name, ACCESS)?))
}

fn anyone(table: &mut Reader<'_>) -> Option<Access> {
    let word = table.string("access")?;
    if word.value == "anyone" {
        return Some(Access { span: word.span, anyone: true, ..Access::default() });
    }
    let hint = did_you_mean(&word.value, ["anyone"])
        .unwrap_or_else(|| "write `access = { people = [\"lead@example.com\"] }`, or `\"anyone\"`".to_owned());
    table.tell(codes::BAD_VALUE, word.span, format!("{} is no access", quote(&word.value)), hint);
    None
}

fn lists(table: &mut Reader<'_>) -> Access {
    let span = table.span;
    let allow = clause(table);
    let deny = table.table("deny", "`deny`", DENY).map(|mut deny| clause(&mut deny));
    let access = Access { span, anyone: false, allow, deny: deny.unwrap_or_default() };
    if access.allow == Clause::default() && access.deny == Clause::default() && table.is_empty() {
        let message = "this lets everybody in: it names nobody";
        table.tell(codes::BAD_VALUE, span, message, "write `domains = [\"example.com\"]`, or `access = \"anyone\"`");
    }
    access
}

fn clause(table: &mut Reader<'_>) -> Clause {
    Clause {
        domains: table.string_or_strings("domains"),
        orgs: table.string_or_strings("orgs"),
        people: table.string_or_strings("people"),
        groups: table.string_or_strings("groups"),
        rooms: table.string_or_strings("rooms"),
        place: table.word("where", "kind of room", &[("direct", Where::Direct), ("group", Where::Group)]),
    }
}
