//! The ways to have a program answer: `http`, `call`, `forward`, `exec`.

use std::time::Duration;

use super::{reader::Reader, reply};
use crate::definition::{
    codes,
    handler::{Busy, Call, CallBody, Form, Handler},
    place::{Span, Spanned},
    token::{TokenRefError, TokenSource},
};

/// Keys of `http = { … }`.
pub(in crate::definition) const HTTP: &[&str] = &["url", "secret", "timeout", "busy", "max_in_flight", "state"];
/// Keys of `call = { … }`.
pub(in crate::definition) const CALL: &[&str] = &[
    "url",
    "method",
    "query",
    "headers",
    "secrets",
    "json",
    "form",
    "text",
    "timeout",
    "busy",
    "max_in_flight",
    "reply",
];
/// Keys of `forward = { … }`.
pub(in crate::definition) const FORWARD: &[&str] = &["url", "secret", "timeout"];
/// Keys of `exec = { … }`.
pub(in crate::definition) const EXEC: &[&str] =
    &["command", "env", "worker", "timeout", "busy", "max_in_flight", "state"];

/// Keys of `script = { … }`.
pub(in crate::definition) const SCRIPT: &[&str] = &["source", "state"];

/// How long a program has, where nothing is said: longer than a person likes to wait, and no longer than an `ack` helps.
const USUAL: Duration = Duration::from_secs(30);
/// How long it may have at most.
const LONGEST: Duration = Duration::from_mins(10);

const METHODS: [(&str, &str); 7] = [
    ("GET", "GET"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
];

/// The ways to have a program answer.
const WAYS: [&str; 5] = ["http", "call", "forward", "exec", "script"];

/// How it is called, whatever it is.
struct Common {
    timeout: Duration,
    busy: Busy,
    max_in_flight: Option<u32>,
    state: Vec<Spanned<String>>,
}

/// Reads the handler of a rule, if it has one. `ack` and `on_error` stand beside it.
pub(super) fn handler(table: &mut Reader<'_>) -> Option<Handler> {
    let (ack, on_error) = (table.string("ack"), table.string("on_error"));
    let ways: Vec<&str> = WAYS.into_iter().filter(|way| table.has(way)).collect();
    let Some(way) = ways.first().copied() else {
        for said in ack.iter().chain(&on_error) {
            let message = "this is said of a program that answers, and there is none";
            table.tell(
                codes::CONFLICT,
                said.span,
                message,
                "add `http`, `call`, `forward`, `exec` or `script`, or leave it out",
            );
        }
        return None;
    };
    let mut others = WAYS.into_iter().chain(["reply", "flow"]);
    if let Some(other) = others.find(|other| *other != way && table.has(other)) {
        let span = table.span_of(other);
        table.tell(
            codes::CONFLICT,
            span,
            format!("a rule answers in one way, this one has `{way}` and `{other}`"),
            "keep one",
        );
        return None;
    }
    let span = table.span_of(way);
    let to = table.string_or_strings("to");
    let (form, common) = match way {
        "http" => http(table),
        "call" => call(table, &to),
        "forward" => forward(table),
        "script" => script(table),
        _ => exec(table),
    }?;
    let Common { timeout, busy, max_in_flight, state } = common;
    Some(Handler { span, form, ack, on_error, timeout, busy, max_in_flight, to, state })
}

fn http(table: &mut Reader<'_>) -> Option<(Form, Common)> {
    if table.is_string("http") {
        let url = table.string("http")?;
        let url = checked_url(table, url)?;
        return Some((Form::Http { url, secret: None }, usual()));
    }
    let mut table = table.table("http", "`http`", HTTP)?;
    let common = common(&mut table);
    let url = needed_url(&mut table);
    let secret = secret(&mut table, "secret");
    Some((Form::Http { url: url?, secret: secret? }, common?))
}

fn forward(table: &mut Reader<'_>) -> Option<(Form, Common)> {
    if table.is_string("forward") {
        let url = table.string("forward")?;
        let url = checked_url(table, url)?;
        return Some((Form::Forward { url, secret: None }, usual()));
    }
    let mut table = table.table("forward", "`forward`", FORWARD)?;
    let common = common(&mut table);
    let url = needed_url(&mut table);
    let secret = secret(&mut table, "secret");
    Some((Form::Forward { url: url?, secret: secret? }, common?))
}

fn call(table: &mut Reader<'_>, to: &[Spanned<String>]) -> Option<(Form, Common)> {
    let mut table = table.table("call", "`call`", CALL)?;
    let before = table.errors();
    let common = common(&mut table);
    let url = needed_url(&mut table);
    let bodies: Vec<&str> = ["json", "form", "text"].into_iter().filter(|body| table.has(body)).collect();
    if let [first, second, ..] = bodies.as_slice() {
        let span = table.span_of(second);
        table.tell(codes::CONFLICT, span, format!("`call` has both `{first}` and `{second}`"), "keep one");
    }
    let body = match bodies.first().copied() {
        Some("json") => table.data("json").map(CallBody::Json),
        Some("form") => Some(CallBody::Form(table.names("form"))),
        Some(_) => table.string("text").map(CallBody::Text),
        None => None,
    };
    let method = table.word("method", "method", &METHODS);
    let usual = if body.is_some() { "POST" } else { "GET" };
    let method = method.unwrap_or_else(|| Spanned::new(usual, table.span));
    let (query, headers) = (table.names("query"), table.names("headers"));
    let named = table.names("secrets");
    let secrets = named.into_iter().filter_map(|(name, place)| {
        reference(&mut table, &place).map(|source| (name, Spanned::new(source, place.span)))
    });
    let secrets = secrets.collect();
    let reply = reply::replies_to(&mut table, to.to_vec());
    if table.errors() > before {
        return None;
    }
    let call = Call { method, url: url?, query, headers, secrets, body, reply };
    Some((Form::Call(Box::new(call)), common?))
}

fn script(table: &mut Reader<'_>) -> Option<(Form, Common)> {
    if table.is_string("script") {
        return table.string("script").map(|source| (Form::Script { source }, usual()));
    }
    let mut table = table.table("script", "`script`", SCRIPT)?;
    if !table.has("source") {
        table.missing(&["source"], "source = \"scripts/answer.rhai\"");
    }
    let source = table.string("source");
    let state = if table.has("state") { table.string_or_strings("state") } else { Vec::new() };
    Some((Form::Script { source: source? }, Common { state, ..usual() }))
}

fn exec(table: &mut Reader<'_>) -> Option<(Form, Common)> {
    if table.is_list("exec") {
        let command = table.strings("exec")?;
        return command_of(table, command)
            .map(|command| (Form::Exec { command, env: Vec::new(), worker: false }, usual()));
    }
    let mut table = table.table("exec", "`exec`", EXEC)?;
    let common = common(&mut table);
    let worker = table.bool("worker").unwrap_or(false);
    let env = table.names("env");
    for (name, _) in &env {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.value.chars().all(plain) || name.value.starts_with(|c: char| c.is_ascii_digit()) {
            table.tell(codes::BAD_VALUE, name.span, "this is no name of a variable", "for example `API_TOKEN`");
        }
    }
    if !table.has("command") {
        table.missing(&["command"], "command = [\"python3\", \"answer.py\"]");
    }
    let command = table.strings("command")?;
    let command = command_of(&mut table, command)?;
    Some((Form::Exec { command, env, worker }, common?))
}

/// Never a line for a shell: what people write must not become a command.
fn command_of(table: &mut Reader<'_>, command: Vec<Spanned<String>>) -> Option<Vec<Spanned<String>>> {
    let template = command.iter().find(|part| part.value.contains("{{") || part.value.contains("{%"));
    if let Some(part) = template {
        let hint = "the program is told all of it as JSON on its standard input";
        table.tell(codes::BAD_VALUE, part.span, "a command takes no templates", hint);
        return None;
    }
    (!command.is_empty()).then_some(command)
}

fn usual() -> Common {
    Common { timeout: USUAL, busy: Busy::Queue, max_in_flight: None, state: Vec::new() }
}

fn common(table: &mut Reader<'_>) -> Option<Common> {
    let timeout = table.spanned_length("timeout");
    if let Some(timeout) = timeout.as_ref().filter(|timeout| timeout.value > LONGEST || timeout.value.is_zero()) {
        let message = "a call takes at most ten minutes, and more than no time";
        table.tell(codes::BAD_VALUE, timeout.span, message, "for example `timeout = \"60s\"`");
        return None;
    }
    let words = [("queue", Busy::Queue), ("parallel", Busy::Parallel), ("refuse", Busy::Refuse)];
    let busy = table.word("busy", "way to deal with a call that is still being made", &words);
    let max_in_flight = table.integer("max_in_flight", 1..=1_000);
    let state = if table.has("state") { table.string_or_strings("state") } else { Vec::new() };
    Some(Common {
        timeout: timeout.map_or(USUAL, |timeout| timeout.value),
        busy: busy.map_or(Busy::Queue, |busy| busy.value),
        max_in_flight: max_in_flight.and_then(|most| u32::try_from(most.value).ok()),
        state,
    })
}

fn needed_url(table: &mut Reader<'_>) -> Option<Spanned<String>> {
    if !table.has("url") {
        table.missing(&["url"], "url = \"https://example.com/hook\"");
    }
    let url = table.string("url")?;
    checked_url(table, url)
}

/// Its scheme and host must stand there as they are: who writes to the bot must not choose who is called.
fn checked_url(table: &mut Reader<'_>, url: Spanned<String>) -> Option<Spanned<String>> {
    let rest = url.value.strip_prefix("https://").or_else(|| url.value.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let (message, hint) = match host {
        None => ("this is no address of a program", "it begins with `https://` or `http://`"),
        Some("") => ("this address has no host", "for example `https://example.com/hook`"),
        Some(host) if host.contains("{{") || host.contains("{%") => (
            "the host of an address is no template",
            "only what follows the host may be one: else people choose who is called",
        ),
        Some(host) if host.contains('@') => {
            ("an address holds no name or password", "give them in a header, by `secrets`")
        }
        Some(_) if url.value.contains(char::is_whitespace) && !url.value.contains("{{") => {
            ("an address has no spaces", "write `%20` for one")
        }
        Some(_) => return Some(url),
    };
    table.tell(codes::BAD_VALUE, url.span, message, hint);
    None
}

/// A reference to a secret, if there is one; nothing when it is none.
#[expect(clippy::option_option, reason = "absent, wrong and right are three things")]
fn secret(table: &mut Reader<'_>, key: &str) -> Option<Option<Spanned<TokenSource>>> {
    if !table.has(key) {
        return Some(None);
    }
    let text = table.string(key)?;
    reference(table, &text).map(|source| Some(Spanned::new(source, text.span)))
}

fn reference(table: &mut Reader<'_>, text: &Spanned<String>) -> Option<TokenSource> {
    let span: Span = text.span;
    match TokenSource::parse(&text.value) {
        Ok(source) => return Some(source),
        Err(TokenRefError::Literal) => table.tell(
            codes::LITERAL_SECRET,
            span,
            "the secret itself stands in the definition",
            "write `env:NAME` or `file:/path`; what stood here may be known to others now: make a new one",
        ),
        Err(TokenRefError::Place(why)) => {
            table.tell(
                codes::LITERAL_SECRET,
                span,
                format!("the secret cannot be used: {why}"),
                "for example `env:API_TOKEN`",
            );
        }
    }
    None
}
