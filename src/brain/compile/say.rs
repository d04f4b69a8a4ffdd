//! What is said, and where to.

use super::Compiler;
use crate::{
    brain::{
        card::{self, Card},
        data::Data as Made,
        delivery::Then,
        destination, engine,
        names::{Names, Scope},
        program::{More, Say, Sendable, To},
        template::{self, Text},
    },
    definition::{Data, Format, Place, Reply, Span, Spanned, codes, rule},
};

impl Compiler<'_> {
    pub(super) fn say(&mut self, reply: &Reply, names: Names<'_>) -> Option<Box<Say>> {
        let to: Vec<_> = reply.to.iter().map(|to| self.to(to, names)).collect();
        let when = reply.when.as_ref().map(|when| self.condition(when, names));
        let key = reply.key.as_ref().map(|(key, then)| (self.name(key, names), then_of(*then)));
        let context = reply.context.as_ref().map(|context| self.data(context, names));
        if let Some(update) = &reply.update
            && names.scope != Scope::Press
        {
            let message = "there is no card here whose message could be changed";
            let hint = "use it with `[[on]]` and `card`, or name messages with `key`";
            self.tell(codes::CONFLICT, update, message, Some(hint.into()));
        }
        let card = reply.card.as_ref().map(|card| self.card(card, reply.data.as_ref(), names));
        let file = reply.file.as_ref().map(|file| self.file(file, names));
        let text = self.text(&reply.body, reply.format, names);
        let more = More {
            when: match when {
                Some(when) => Some(when?),
                None => None,
            },
            key: match key {
                Some((key, then)) => Some((key?, then)),
                None => None,
            },
            context: match context {
                Some(context) => Some(context?),
                None => None,
            },
            update: reply.update.as_ref().map(|update| update.value),
            card: match card {
                Some(card) => Some(card?),
                None => None,
            },
            file: match file {
                Some(file) => Some(file?),
                None => None,
            },
        };
        Some(Box::new(Say {
            text: text?,
            format: reply.format,
            thread: reply.thread,
            to: to.into_iter().collect::<Option<_>>()?,
            more: (more != More::default()).then(|| Box::new(more)),
        }))
    }

    fn card(&mut self, path: &Spanned<String>, data: Option<&Data>, names: Names<'_>) -> Option<(Card, Option<Made>)> {
        let data = data.map(|data| self.data(data, names));
        let definition = self.definition;
        let text = match definition.source.companion(&path.value) {
            Ok(text) => text,
            Err((message, hint)) => {
                self.tell(codes::UNKNOWN_FILE, path, message, hint);
                return None;
            }
        };
        let also: &[&str] = if data.is_some() { &["data"] } else { &[] };
        let card = match card::compile(self.checker, text, names, also) {
            Ok(card) => card,
            Err(troubles) => {
                let file = format!("{}/{}", definition.bot, path.value);
                for trouble in troubles {
                    let place = Place { file: &file, text, shared: &[] };
                    let found = place.at(trouble.code, Span::new(trouble.range), trouble.message);
                    self.add(found.maybe_hint(trouble.hint));
                }
                return None;
            }
        };
        Some((
            card,
            match data {
                Some(data) => Some(data?),
                None => None,
            },
        ))
    }

    fn file(&mut self, file: &Spanned<String>, names: Names<'_>) -> Option<Sendable> {
        let lower = file.value.to_ascii_lowercase();
        if lower.starts_with("https://") || lower.starts_with("http://") {
            return self.text(file, Format::Text, names).map(Sendable::Url);
        }
        match self.definition.source.sendable(&file.value) {
            Ok(path) => Some(Sendable::Path(path.into())),
            Err((message, hint)) => {
                self.tell(codes::UNKNOWN_FILE, file, message, hint);
                None
            }
        }
    }

    pub(super) fn text(&mut self, body: &Spanned<String>, format: Format, names: Names<'_>) -> Option<Text> {
        if body.value.trim().is_empty() {
            self.tell(
                codes::BAD_VALUE,
                body,
                "a text cannot be empty",
                Some("write what it is to be, or leave it out".into()),
            );
            return None;
        }
        if body.value.len() > engine::MAX_OUTPUT {
            let message = format!("a reply has at most {} bytes", engine::MAX_OUTPUT);
            self.tell(codes::BAD_VALUE, body, message, Some("say less at once".into()));
            return None;
        }
        let made = template::compile(self.checker, &body.value, format, names);
        made.map_err(|troubles| self.troubles(body, troubles)).ok()
    }

    pub(super) fn to(&mut self, to: &Spanned<String>, names: Names<'_>) -> Option<To> {
        if let Some(topic) = to.value.trim().strip_prefix("topic:") {
            // The same place: the name of the topic is a part of the string.
            return self.name(&Spanned::new(topic.to_owned(), to.span), names).map(To::Topic);
        }
        if to.value.contains("{{") || to.value.contains("{%") {
            return self.text(to, Format::Text, names).map(To::Template);
        }
        let rooms = self.definition.rooms.iter().map(|(name, id)| (name.value.as_str(), id.value.as_str()));
        match destination::parse(&to.value, rooms) {
            Ok(to) => Some(to),
            Err((message, hint)) => {
                self.tell(codes::BAD_DESTINATION, to, message, Some(hint));
                None
            }
        }
    }
}

fn then_of(then: rule::Then) -> Then {
    match then {
        rule::Then::Edit => Then::Edit,
        rule::Then::Thread => Then::Thread,
        rule::Then::Replace => Then::Replace,
        rule::Then::Skip => Then::Skip,
    }
}

impl To {
    /// Its template, if it has one.
    pub(in crate::brain) fn text(&self) -> Option<&Text> {
        match self {
            Self::Topic(text) | Self::Template(text) => Some(text),
            _ => None,
        }
    }
}
