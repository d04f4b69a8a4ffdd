//! A rule that has a program answer: what goes out, and what is said when it comes back or does not.

use std::sync::Arc;

use super::Compiler;
use crate::{
    brain::{
        call::{Busy, Part},
        names::{self, Names, Scope},
        program::{Ack, AskBody, AskForm, Asks, Does, NamedTexts, Piece, Script, To},
        template::Text,
        uses::Uses,
    },
    definition::{
        Format, Spanned, TokenSource, codes,
        diagnostic::quote,
        handler::{self, Call, CallBody, Form, Handler},
        rule::Scope as Memory,
    },
    handlers::script::{self, ScriptError},
};

/// The prefix of a secret's name in a header.
const SECRET: &str = "secret:";

type Pairs = [(Spanned<String>, Spanned<String>)];

impl Compiler<'_> {
    /// What a rule with a handler does: the sentence at once, and the call.
    pub(super) fn handler(&mut self, handler: &Handler, names: Names<'_>) -> Option<Vec<Does>> {
        let ack = handler.ack.as_ref().map(|ack| self.text(ack, Format::Text, names));
        let on_error = handler.on_error.as_ref().map(|said| self.text(said, Format::Text, names));
        let to: Vec<_> = handler.to.iter().map(|to| self.to(to, names)).collect();
        let to: Box<[To]> = to.into_iter().collect::<Option<_>>()?;
        let mut later = Uses::default();
        let mut then = Vec::new();
        let form = match &handler.form {
            Form::Http { url, secret } => {
                Some(AskForm::Http { url: url.value.as_str().into(), secret: secret.as_ref().map(place) })
            }
            Form::Forward { url, secret } => {
                let secret = secret.as_ref().map(place).unwrap_or_default();
                Some(AskForm::Forward { url: url.value.as_str().into(), secret })
            }
            Form::Exec { command, env, worker } => {
                let command = command.iter().map(|part| part.value.as_str().into()).collect();
                Some(AskForm::Exec { command, env: variables(env), worker: *worker })
            }
            Form::Script { source } => {
                let ack = option(ack)?;
                let (source, on_error) = (self.script(source)?, option(on_error)?);
                let mut uses = whole_turn(names);
                uses.join(&self.told(&handler.state)?);
                on_error.iter().filter_map(Text::uses).for_each(|used| uses.join(used));
                to.iter().filter_map(To::text).filter_map(Text::uses).for_each(|used| uses.join(used));
                let script = Script { source, on_error, to: to.clone(), uses };
                return Some(
                    ack.map(|text| Does::Ack(Box::new(Ack { text, to })))
                        .into_iter()
                        .chain([Does::Script(Box::new(script))])
                        .collect(),
                );
            }
            Form::Call(call) => {
                for reply in &call.reply {
                    then.push(Does::Say(self.say(reply, names)?));
                }
                self.call(call, names)
            }
        };
        let mut uses = match handler.form {
            Form::Http { .. } | Form::Exec { .. } => whole_turn(names),
            Form::Forward { .. } | Form::Call(_) | Form::Script { .. } => Uses::default(),
        };
        uses.join(&self.told(&handler.state)?);
        let (ack, on_error) = (option(ack)?, option(on_error)?);
        on_error.iter().filter_map(Text::uses).for_each(|used| later.join(used));
        then.iter().for_each(|say| say.join_uses(&mut later));
        to.iter().filter_map(To::text).filter_map(Text::uses).for_each(|used| later.join(used));
        let form = form?;
        form.join_uses(&mut uses);
        let asks = Asks {
            form,
            timeout_ms: u64::try_from(handler.timeout.as_millis()).unwrap_or(u64::MAX),
            busy: match handler.busy {
                handler::Busy::Queue => Busy::Queue,
                handler::Busy::Parallel => Busy::Parallel,
                handler::Busy::Refuse => Busy::Refuse,
            },
            max_in_flight: handler.max_in_flight.unwrap_or(0),
            on_error,
            to: to.clone(),
            then: then.into(),
            uses,
            later,
        };
        let ack = ack.map(|text| Does::Ack(Box::new(Ack { text, to })));
        Some(ack.into_iter().chain([Does::Ask(Box::new(asks))]).collect())
    }

    /// The text of a script that compiles.
    fn script(&mut self, source: &Spanned<String>) -> Option<Arc<str>> {
        let text = if is_file(&source.value) {
            match self.definition.source.companion(source.value.trim()) {
                Ok(text) => text,
                Err((message, hint)) => {
                    self.tell(codes::UNKNOWN_FILE, source, message, hint);
                    return None;
                }
            }
        } else {
            source.value.as_str()
        };
        match script::check(text) {
            Ok(()) => Some(text.into()),
            Err(ScriptError { message, line, column }) => {
                let place = if line > 0 { format!(" in line {line}, column {column}") } else { String::new() };
                self.tell(codes::BAD_SCRIPT, source, format!("the script is none{place}: {message}"), None);
                None
            }
        }
    }

    fn call(&mut self, call: &Call, names: Names<'_>) -> Option<AskForm> {
        let url = self.text(&call.url, Format::Text, names);
        let query = self.pairs(&call.query, names);
        let headers: Vec<_> = call
            .headers
            .iter()
            .map(|(name, value)| Some((name.value.as_str().into(), self.pieces(value, call, names)?)))
            .collect();
        let body = match &call.body {
            None => Some(None),
            Some(CallBody::Json(data)) => self.data(data, names).map(|data| Some(AskBody::Json(data))),
            Some(CallBody::Form(fields)) => self.pairs(fields, names).map(|fields| Some(AskBody::Form(fields))),
            Some(CallBody::Text(text)) => self.text(text, Format::Text, names).map(|text| Some(AskBody::Text(text))),
        };
        Some(AskForm::Call {
            method: call.method.value,
            url: url?,
            query: query?,
            headers: headers.into_iter().collect::<Option<_>>()?,
            body: body?,
        })
    }

    fn pairs(&mut self, pairs: &Pairs, names: Names<'_>) -> Option<NamedTexts> {
        let made: Vec<_> =
            pairs.iter().map(|(name, value)| Some((name.value.as_str().into(), self.any(value, names)?))).collect();
        made.into_iter().collect()
    }

    /// A text that may be empty.
    fn any(&mut self, text: &Spanned<String>, names: Names<'_>) -> Option<Text> {
        if text.value.is_empty() { Some(Text::Plain(Arc::from(""))) } else { self.text(text, Format::Text, names) }
    }

    /// A header's value: what is written, with the names of secrets taken out of it. What templates come to is never
    /// searched for such names: so nobody can write one into a message.
    fn pieces(&mut self, value: &Spanned<String>, call: &Call, names: Names<'_>) -> Option<Box<[Piece]>> {
        if let Ok(source) = TokenSource::parse(&value.value) {
            return Some(Box::new([Piece::Secret(source.to_string().into())]));
        }
        let mut pieces = Vec::new();
        let mut rest = value.value.as_str();
        while let Some((before, after)) = rest.split_once(SECRET) {
            let length = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            let (name, behind) = after.split_at(length);
            let Some((_, source)) = call.secrets.iter().find(|(known, _)| known.value == name) else {
                let message = format!("there is no secret {}", quote(name));
                let hint = "name it in `secrets = { NAME = \"env:…\" }` of the same `call`";
                self.tell(codes::LITERAL_SECRET, value, message, Some(hint.into()));
                return None;
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(self.any(&Spanned::new(before.to_owned(), value.span), names)?));
            }
            pieces.push(Piece::Secret(source.value.to_string().into()));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(self.any(&Spanned::new(rest.to_owned(), value.span), names)?));
        }
        Some(pieces.into())
    }

    /// The keys of the bot's memory that a program is told.
    fn told(&mut self, keys: &[Spanned<String>]) -> Option<Uses> {
        let mut paths = Vec::new();
        for key in keys {
            let path = format!("state.{}", key.value);
            if names::memory(&path).is_none() || key.value.split('.').count() != 2 {
                let message = format!("{} names no key", quote(&key.value));
                let hint = format!(
                    "write `{}.KEY`, `{}.KEY` or `{}.KEY`",
                    Memory::ALL[0].0,
                    Memory::ALL[1].0,
                    Memory::ALL[2].0
                );
                self.tell(codes::BAD_VALUE, key, message, Some(hint));
                return None;
            }
            paths.push(path);
        }
        // Not lenient: it is told what is there, and nothing of what is not.
        Some(Uses::of(&paths).lenient_only(|_| false))
    }
}

/// A name of a file, not a script: one line that ends as such files do.
fn is_file(source: &str) -> bool {
    let extension = std::path::Path::new(source.trim_end()).extension();
    !source.contains('\n') && extension.is_some_and(|extension| extension == "rhai")
}

fn option<T>(made: Option<Option<T>>) -> Option<Option<T>> {
    match made {
        Some(made) => made.map(Some),
        None => Some(None),
    }
}

/// Variables: references stay references until the program is started.
fn variables(env: &Pairs) -> Box<[(Box<str>, Part)]> {
    let variable = |(name, value): &(Spanned<String>, Spanned<String>)| {
        let value = match TokenSource::parse(&value.value) {
            Ok(source) => Part::Secret(source.to_string()),
            Err(_literal) => Part::Text(value.value.clone()),
        };
        (name.value.as_str().into(), value)
    };
    env.iter().map(variable).collect()
}

fn place(source: &Spanned<TokenSource>) -> Box<str> {
    source.value.to_string().into()
}

/// All that a program is told of a turn.
fn whole_turn(names: Names<'_>) -> Uses {
    let press = names.scope == Scope::Press;
    Uses {
        message: names.scope == Scope::Message,
        email: true,
        display_name: true,
        first_name: true,
        room_title: true,
        room_type: true,
        inputs: press,
        card: press,
        ..Uses::default()
    }
}
