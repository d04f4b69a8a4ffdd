//! Calls of handlers: a step may answer one. One that none answers is shown and not made; or it is made, where the test
//! was given somebody who makes calls.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use super::{
    cards,
    play::Failure,
    world::{Waiting, World},
};
use crate::{
    base::{BotId, Event, EventId, Trigger},
    brain::{
        HandlerCall, Target,
        busy::{self, May, Underway},
    },
    definition::cases::{Answered, CallShape, Fixture},
};

/// Makes calls that no step answers.
pub trait Caller: fmt::Debug {
    /// Makes one, and waits for its end. What the brain hears of it, in order.
    fn make(&self, bot: &BotId, call: &HandlerCall) -> Vec<Value>;
}

impl World<'_> {
    /// The bot asks a handler. As in the house, what is being made decides whether it is made now.
    pub(super) fn call(&mut self, call: HandlerCall) {
        let may = call.beside(self.underway());
        let in_line = |kept: &HandlerCall| kept.line().is_some() && kept.line() == call.line();
        let room = call.origin.room().to_owned();
        match may {
            May::Go if !self.kept.iter().any(in_line) => self.begin(call),
            May::Refused => {
                self.tell("the house", &room, format!("(does not call {}: busy)", shown(&call.target)));
                let id = self.call_id();
                self.hear(id, 1, &call, busy::refusal());
            }
            _ => {
                self.tell("the house", &room, format!("(keeps a call of {} waiting)", shown(&call.target)));
                self.kept.push_back(call);
            }
        }
    }

    fn underway(&self) -> impl Iterator<Item = &Underway> {
        self.calls.iter().filter(|made| made.open).map(|made| &made.underway)
    }

    fn call_id(&mut self) -> EventId {
        EventId(uuid::Uuid::from_u128(u128::from(self.number())))
    }

    fn begin(&mut self, call: HandlerCall) {
        let id = self.call_id();
        let room = call.origin.room().to_owned();
        let open = self.cues.answers(&call.target);
        let caller = self.subject.caller.filter(|_| !open);
        let fate = if caller.is_some() { "" } else { ": not made" };
        self.tell("the bot", &room, format!("(calls {}{fate})", shown(&call.target)));
        if let Some(caller) = caller {
            self.make(caller, id, &call);
        }
        let underway = call.underway();
        self.calls.push(Waiting { id, call, underway, expected: false, open, since: self.now, parts: 0 });
    }

    /// A call is over: what waited for that begins, in its order.
    fn begin_kept(&mut self) {
        for _ in 0..self.kept.len() {
            let Some(call) = self.kept.pop_front() else { return };
            match call.beside(self.underway()) {
                May::Go => self.begin(call),
                _ => self.kept.push_back(call),
            }
        }
    }

    /// The call is made, and takes no time of the test's: whatever came of it is there at once.
    fn make(&mut self, caller: &dyn Caller, id: EventId, call: &HandlerCall) {
        let room = call.origin.room().to_owned();
        let results = caller.make(self.subject.program.bot(), call);
        if results.is_empty() {
            self.tell("the handler", &room, "(answers nothing)");
        }
        for (result, part) in results.into_iter().zip(1..) {
            self.tell("the handler", &room, heard(&result));
            self.hear(id, part, call, result);
        }
    }

    /// The bot hears of an answer.
    fn hear(&mut self, id: EventId, part: u32, call: &HandlerCall, result: Value) {
        let (rule, origin) = (call.rule.clone(), call.origin.clone());
        let trigger = Trigger::Answer { call: id, part, rule, origin, result };
        self.queue.push_back(Event { at: self.now, actor: None, trigger });
    }

    /// A call is expected; what it is answered, if it is at once.
    pub(super) fn expect_call(
        &mut self,
        shape: &CallShape,
        answer: Option<&Answered>,
        rule: Option<&str>,
        line: usize,
    ) -> Result<(), Failure> {
        let Some(at) = self.calls.iter().position(|waiting| !waiting.expected) else {
            let failure = Failure::at(line, "the bot calls nobody").expected(described(shape));
            return Err(if self.rule.is_empty() { failure } else { failure.got(format!("decided by {}", self.rule)) });
        };
        let Some(waiting) = self.calls.get_mut(at) else { return Ok(()) };
        let target = &waiting.call.target;
        if !fits(shape, target) {
            let body = body(target);
            let body = serde_json::from_str::<Value>(&body)
                .ok()
                .and_then(|json| serde_json::to_string_pretty(&json).ok())
                .unwrap_or(body);
            let got = format!("{} {}\n{body}", form(target), place(target));
            return Err(Failure::at(line, "the call is another one").expected(described(shape)).got(got.trim_end()));
        }
        if let Some(rule) = rule
            && rule != waiting.call.rule
        {
            return Err(Failure::at(line, "another rule calls").expected(rule).got(waiting.call.rule.clone()));
        }
        waiting.expected = true;
        match answer {
            Some(answer) => self.answered(at, answer).map_err(|why| Failure::at(line, why)),
            None => Ok(()),
        }
    }

    /// No call was made that no step expected.
    pub(super) fn expect_no_call(&self, line: usize) -> Result<(), Failure> {
        match self.calls.iter().find(|made| !made.expected) {
            Some(made) => Err(Failure::at(line, "the bot should call nobody").got(shown(&made.call.target))),
            None => Ok(()),
        }
    }

    /// The oldest call that is open is answered.
    pub(super) fn answer(&mut self, answer: &Answered) -> Result<(), String> {
        let last = |id| self.coming.iter().any(|(_, of, answer)| *of == id && !answer.more);
        let Some(at) = self.calls.iter().position(|made| made.open && !last(made.id)) else {
            return Err("there is no call that could be answered".to_owned());
        };
        self.answered(at, answer)
    }

    fn answered(&mut self, at: usize, answer: &Answered) -> Result<(), String> {
        let Some(made) = self.calls.get(at) else { return Ok(()) };
        let comes = self.now.plus(answer.after.unwrap_or_default());
        let (took, most) = (comes.since(made.since), Duration::from_millis(made.call.timeout_ms));
        // An error may be the very one of a program that takes too long.
        if took > most && !matches!(answer.what, Fixture::Error(_)) {
            return Err(format!(
                "nobody hears this answer: the call may take {} s, and it comes after {} s; with a longer `timeout` in \
                 the definition it is heard, and `answer = {{ error = \"…\" }}` is what a call comes to that takes too \
                 long",
                most.as_secs_f64(),
                took.as_secs_f64()
            ));
        }
        if answer.after.is_some() {
            self.coming.push((comes, made.id, Answered { after: None, ..answer.clone() }));
            return Ok(());
        }
        let origin = &made.call.origin;
        self.last.room = Some(origin.room().to_owned()).filter(|room| !room.is_empty());
        self.last.person = origin.person().map(str::to_owned);
        self.arrives(at, answer)?;
        self.settle()
    }

    /// An answer that was on its way is there.
    pub(super) fn arrived(&mut self, number: usize) -> Result<(), String> {
        let (_, id, answer) = self.coming.remove(number);
        match self.calls.iter().position(|made| made.id == id) {
            Some(at) => self.arrives(at, &answer),
            None => Ok(()),
        }
    }

    fn arrives(&mut self, at: usize, answer: &Answered) -> Result<(), String> {
        let Some(made) = self.calls.get_mut(at) else { return Ok(()) };
        made.parts += 1;
        made.open = answer.more;
        let (id, part, call) = (made.id, made.parts, made.call.clone());
        let room = call.origin.room().to_owned();
        self.tell("the handler", &room, told(&answer.what));
        if let Some(result) = result(&call.target, &answer.what)? {
            self.hear(id, part, &call, result);
        }
        self.begin_kept();
        Ok(())
    }
}

/// An answer in the form in which the house keeps it; none: nothing follows.
fn result(target: &Target, fixture: &Fixture) -> Result<Option<Value>, String> {
    let (status, body, is_json) = match fixture {
        Fixture::Error(why) => return Ok(Some(json!({ "error": why, "cause": "gave_up" }))),
        Fixture::Response { status, body, json } => (*status, body, *json),
    };
    if let Target::Call { .. } = target {
        return Ok(Some(json!({ "response": { "status": status, "text": body, "json_type": is_json } })));
    }
    if !(200..300).contains(&status) {
        return Ok(Some(json!({ "error": format!("it answered {status}"), "cause": "gave_up" })));
    }
    // Taken over, or content.
    if status == 202 || body.is_empty() || matches!(target, Target::Forward { .. }) {
        return Ok(None);
    }
    if !is_json {
        return Ok(Some(json!({ "effects": [{ "say": body }] })));
    }
    let answer: Value = serde_json::from_str(body).map_err(|error| format!("the answer is no JSON: {error}"))?;
    match answer.get("effects") {
        Some(effects) => Ok(Some(json!({ "effects": effects }))),
        None => Err("a program answers `effects`, or text".to_owned()),
    }
}

fn told(fixture: &Fixture) -> String {
    match fixture {
        Fixture::Error(why) => format!("(fails: {why})"),
        Fixture::Response { status, body, .. } if body.is_empty() => format!("(answers {status})"),
        Fixture::Response { status, body, .. } => format!("(answers {status}: {body})"),
    }
}

/// An answer that somebody gave, for people.
fn heard(result: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(why) = result.get("error") {
        return format!("(fails: {})", text(why));
    }
    let Some(response) = result.get("response") else {
        return format!("(answers {})", result.get("effects").map(text).unwrap_or_default());
    };
    let field = |name: &str| response.get(name).map(text).unwrap_or_default();
    format!("(answers {}: {})", field("status"), field("text"))
}

fn form(target: &Target) -> &'static str {
    match target {
        Target::Http { .. } => "http",
        Target::Call { .. } => "call",
        Target::Forward { .. } => "forward",
        Target::Exec { .. } => "exec",
    }
}

/// A call for people: without a query, which may hold what was said or a key.
fn shown(target: &Target) -> String {
    let place = place(target);
    let bare = place.split(['?', '#']).next().unwrap_or_default();
    match target {
        Target::Call { method, .. } => format!("{method} {bare}"),
        Target::Exec { .. } => place,
        _ => format!("POST {bare}"),
    }
}

/// Where a call goes.
fn place(target: &Target) -> String {
    match target {
        Target::Http { url, .. } | Target::Forward { url, .. } | Target::Call { url, .. } => url.clone(),
        Target::Exec { command, .. } => command.join(" "),
    }
}

fn body(target: &Target) -> String {
    match target {
        Target::Http { turn, .. } | Target::Exec { turn, .. } => turn.to_string(),
        Target::Call { body, .. } => body.clone().unwrap_or_default(),
        Target::Forward { .. } => String::new(),
    }
}

pub(super) fn fits(shape: &CallShape, target: &Target) -> bool {
    let method = match target {
        Target::Call { method, .. } => method.as_str(),
        _ => "POST",
    };
    let text = body(target);
    let json = || serde_json::from_str::<Value>(&text).unwrap_or_default();
    shape.form.as_deref().is_none_or(|wanted| wanted == form(target))
        && shape.method.as_deref().is_none_or(|wanted| wanted == method)
        && shape.url.as_deref().is_none_or(|url| place(target).contains(url))
        && shape.json.as_ref().is_none_or(|part| cards::has(&json(), part))
        && shape.contains.iter().all(|part| text.contains(part.as_str()))
}

fn described(shape: &CallShape) -> String {
    let CallShape { form, method, url, json, contains } = shape;
    let mut parts: Vec<String> = [form, method, url].into_iter().flatten().cloned().collect();
    parts.extend(json.as_ref().map(|json| format!("with {json}")));
    parts.extend(contains.iter().map(|part| format!("with {part:?}")));
    if parts.is_empty() { "a call".to_owned() } else { format!("a call: {}", parts.join(" ")) }
}
