//! `[[inbound]]`: a hook's name, who may post to it, and the body of a rule.

use super::{body, reader::Reader, rules::keys};
use crate::definition::{
    codes,
    diagnostic::quote,
    inbound::{Algorithm, Auth, Encoding, Hmac, Inbound},
    place::Spanned,
    token::{TokenRefError, TokenSource},
};

/// Keys of `[[inbound]]`.
pub(in crate::definition) const INBOUND: &[&str] = keys!["name", "auth", "dedupe", "body_limit"];
/// Keys of `auth = { … }`.
pub(in crate::definition) const AUTH: &[&str] = &["bearer", "basic", "hmac", "none"];
/// Keys of `bearer = { … }`.
pub(in crate::definition) const BEARER: &[&str] = &["secret", "header"];
/// Keys of `basic = { … }`.
pub(in crate::definition) const BASIC: &[&str] = &["user", "password"];
/// Keys of `hmac = { … }`.
pub(in crate::definition) const HMAC: &[&str] = &["secret", "header", "prefix", "algorithm", "encoding"];

/// Bytes of a body that a hook may allow.
const BODY: std::ops::RangeInclusive<i64> = 1_024..=4 * 1024 * 1024;

pub(super) fn inbounds(top: &mut Reader<'_>) -> Vec<Inbound> {
    top.each("inbound", "`[[inbound]]`", INBOUND, |table| {
        let name = name(table);
        let span = table.span_of("auth");
        let before = table.errors();
        let auth = auth(table).map(|auth| Spanned::new(auth, span));
        let whole = table.errors() == before;
        let dedupe = table.string("dedupe");
        let body_limit = table.integer("body_limit", BODY);
        let body_limit = body_limit.map(|bytes| bytes.map(|bytes| usize::try_from(bytes).unwrap_or_default()));
        let rule = body::rule(table);
        whole.then_some(Inbound { name: name?, auth, dedupe, body_limit, rule: rule? })
    })
}

/// It stands in a path.
fn name(table: &mut Reader<'_>) -> Option<Spanned<String>> {
    if !table.has("name") {
        table.missing(&["name"], "name = \"alert\"");
    }
    let name = table.string("name")?;
    let fits = (1..=64).contains(&name.value.len())
        && name.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    if !fits {
        let message = format!("{} cannot stand at the end of the hook's path", quote(&name.value));
        table.tell(codes::BAD_VALUE, name.span, message, "use 1 to 64 of `a-z`, `0-9`, `-` and `_`");
        return None;
    }
    Some(name)
}

fn auth(table: &mut Reader<'_>) -> Option<Auth> {
    let mut table = table.table("auth", "`auth`", AUTH)?;
    let ways: Vec<_> = AUTH.iter().copied().filter(|way| table.has(way)).collect();
    match ways.as_slice() {
        [] => {
            table.missing(AUTH, "bearer = \"env:ALERT_SECRET\"");
            None
        }
        ["bearer"] if table.is_string("bearer") => {
            let secret = table.string("bearer")?;
            Some(Auth::Bearer { secret: source(&mut table, &secret)?, header: None })
        }
        ["bearer"] => bearer(&mut table),
        ["basic"] => basic(&mut table),
        ["hmac"] => hmac(&mut table).map(Auth::Hmac),
        ["none"] => {
            if table.bool("none")? {
                return Some(Auth::Nobody);
            }
            let span = table.span_of("none");
            table.tell(codes::BAD_VALUE, span, "`none` is `true` or not there", "name a secret instead");
            None
        }
        [one, second, ..] => {
            let span = table.span_of(second);
            table.tell(codes::CONFLICT, span, format!("`auth` has both `{one}` and `{second}`"), "keep one");
            None
        }
        [_] => None,
    }
}

fn bearer(table: &mut Reader<'_>) -> Option<Auth> {
    let mut table = table.table("bearer", "`bearer`", BEARER)?;
    let secret = secret(&mut table, "secret");
    let header = header(&mut table);
    Some(Auth::Bearer { secret: secret?, header: if table.has("header") { Some(header?) } else { None } })
}

fn basic(table: &mut Reader<'_>) -> Option<Auth> {
    let mut table = table.table("basic", "`basic`", BASIC)?;
    let user = table.string("user");
    if !table.has("user") {
        table.missing(&["user"], "user = \"grafana\"");
    }
    if let Some(user) = user.as_ref().filter(|user| user.value.contains(':')) {
        table.tell(codes::BAD_VALUE, user.span, "a name of basic authentication has no `:`", "leave it out");
        return None;
    }
    let password = secret(&mut table, "password");
    Some(Auth::Basic { user: user?.value, password: password? })
}

fn hmac(table: &mut Reader<'_>) -> Option<Hmac> {
    let mut table = table.table("hmac", "`hmac`", HMAC)?;
    let secret = secret(&mut table, "secret");
    if !table.has("header") {
        table.missing(&["header"], "header = \"X-Hub-Signature-256\"");
    }
    let header = header(&mut table);
    let prefix = table.string("prefix").map(|prefix| prefix.value).unwrap_or_default();
    let algorithm = table.word(
        "algorithm",
        "algorithm of signatures",
        &[("sha1", Algorithm::Sha1), ("sha256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)],
    );
    let encoding = table.word("encoding", "encoding", &[("hex", Encoding::Hex), ("base64", Encoding::Base64)]);
    Some(Hmac {
        secret: secret?,
        header: header?,
        prefix,
        algorithm: algorithm.map_or(Algorithm::Sha256, |algorithm| algorithm.value),
        encoding: encoding.map_or(Encoding::Hex, |encoding| encoding.value),
    })
}

/// The name of a header, in lower case.
fn header(table: &mut Reader<'_>) -> Option<String> {
    let name = table.string("header")?;
    let fits = (1..=100).contains(&name.value.len())
        && name.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits {
        table.tell(codes::BAD_VALUE, name.span, "this is no name of a header", "for example `X-Hub-Signature-256`");
        return None;
    }
    Some(name.value.to_ascii_lowercase())
}

fn secret(table: &mut Reader<'_>, key: &'static str) -> Option<Spanned<TokenSource>> {
    if !table.has(key) {
        table.missing(&[key], &format!("{key} = \"env:NAME\""));
    }
    let text = table.string(key)?;
    source(table, &text)
}

/// Where a secret is: the same places as a token's.
fn source(table: &mut Reader<'_>, text: &Spanned<String>) -> Option<Spanned<TokenSource>> {
    match TokenSource::parse(&text.value) {
        Ok(source) => Some(Spanned::new(source, text.span)),
        Err(TokenRefError::Literal) => {
            let hint = "write `env:NAME` or `file:/path`; what stood here may be known to others now: make a new one";
            table.tell(codes::LITERAL_SECRET, text.span, "the secret itself stands in the definition", hint);
            None
        }
        Err(TokenRefError::Place(why)) => {
            let message = format!("the secret cannot be read: {why}");
            table.tell(codes::BAD_TOKEN, text.span, message, "for example `env:ALERT_SECRET`");
            None
        }
    }
}
