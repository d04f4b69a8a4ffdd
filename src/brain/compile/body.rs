//! The body of a rule: every text, expression and value in it is checked here.

use super::Compiler;
use crate::{
    brain::{
        data::{self, Data},
        names::{Names, Scope},
        program::{self, At, Body, Does, Gate, Once, Operation, Say, Sendable},
        template::{self, Text, Trouble},
        uses::Uses,
    },
    definition::{
        Format, Spanned, codes,
        diagnostic::{did_you_mean, quote},
        rule::{self, Action, Deletion, Remember, Rule, Scope as Memory},
    },
};

/// Most bytes of a key of the bot's memory, of a topic and of a timer's name.
const MAX_NAME: usize = 200;

impl Compiler<'_> {
    pub(super) fn body(&mut self, rule: &Rule, names: Names<'_>) -> Option<Body> {
        let when = rule.when.as_ref().map(|when| self.condition(when, names));
        let gate = self.gate(&rule.gate, names);
        let once = rule.once.as_ref().map(|once| self.once(once, names));
        let mut does = Vec::new();
        let mut whole = true;
        let mut put = |made: Option<Does>| {
            whole &= made.is_some();
            does.extend(made);
        };
        for remember in &rule.remember {
            put(self.remember(remember, names));
        }
        if let Some(topic) = &rule.subscribe {
            put(self.name(topic, names).map(Box::new).map(Does::Subscribe));
        }
        if let Some(topic) = &rule.unsubscribe {
            put(self.name(topic, names).map(Box::new).map(Does::Unsubscribe));
        }
        if let Some(timer) = &rule.timer {
            put(self.timer(timer, names));
        }
        if let Some(name) = &rule.cancel_timer {
            put(self.name(name, names).map(Box::new).map(Does::CancelTimer));
        }
        match &rule.action {
            Action::Nothing => {}
            Action::Handler(handler) => match self.handler(handler, names) {
                Some(made) => made.into_iter().for_each(|one| put(Some(one))),
                None => put(None),
            },
            Action::Reply(replies) => replies.iter().for_each(|reply| put(self.say(reply, names).map(Does::Say))),
            Action::Flow(start) => put(self.start(start, names)),
        }
        if let Some(deletion) = &rule.delete {
            put(self.deletion(deletion, names));
        }
        if rule.leave {
            put(Some(Does::Leave));
        }
        if !whole {
            return None;
        }
        let mut uses = Uses::default();
        does.iter().for_each(|one| one.join_uses(&mut uses));
        for name in uses.members().iter().filter(|name| &***name != "room") {
            if !self.definition.rooms.iter().any(|(known, _)| *known.value == **name) {
                let known = self.definition.rooms.iter().map(|(known, _)| known.value.as_str());
                let hint = did_you_mean(name, known).unwrap_or_else(|| format!("add {} to `[rooms]`", quote(name)));
                let message = format!("`members.{name}`: `[rooms]` does not know {}", quote(name));
                self.tell_at(codes::BAD_DESTINATION, rule.span, message, Some(hint));
            }
        }
        let once = match once {
            Some(once) => Some(Box::new(once?)),
            None => None,
        };
        if let Some(already) = once.as_ref().and_then(|once| once.already.as_ref()).and_then(Text::uses) {
            uses.join(already);
        }
        let when = match when {
            Some(when) => Some(Box::new(when?)),
            None => None,
        };
        self.known_vars(rule, &uses);
        let gate = Some(gate?).filter(|gate| *gate != Gate::default()).map(Box::new);
        Some(Body { when, gate, once, does: does.into(), uses })
    }

    fn once(&mut self, once: &rule::Once, names: Names<'_>) -> Option<Once> {
        if names.scope != Scope::Press {
            let message = "`once` is about presses of a card";
            self.tell_at(codes::CONFLICT, once.span, message, Some("use it with `[[on]]` and `card`".into()));
            return None;
        }
        Some(match &once.already {
            Some(already) => Once { already: Some(self.text(already, Format::Text, names)?) },
            None => Once { already: None },
        })
    }

    pub(super) fn remember(&mut self, remember: &Remember, names: Names<'_>) -> Option<Does> {
        let key = self.name(&remember.key, names);
        let nobody = matches!(names.scope, Scope::Bare | Scope::Nowhere) && remember.scope == Memory::Person;
        let nowhere = matches!(names.scope, Scope::Nowhere | Scope::Person) && remember.scope == Memory::Room;
        if nobody || nowhere {
            let what = if nobody { "nobody" } else { "no room" };
            let message = format!("there is {what} in this kind of rule to remember something of");
            self.tell(codes::CONFLICT, &remember.key, message, Some("write another `scope`, such as `\"bot\"`".into()));
        }
        let operation = match &remember.operation {
            rule::Operation::Set(data) => Operation::Set(self.data(data, names)?),
            rule::Operation::Append { item, keep } => Operation::Append { item: self.data(item, names)?, keep: *keep },
            rule::Operation::Add(data) => Operation::Add(self.data(data, names)?),
            rule::Operation::Forget => Operation::Forget,
        };
        let made = program::Remember { scope: remember.scope, key: key?, operation, expires: remember.expires };
        Some(Does::Remember(Box::new(made)))
    }

    fn timer(&mut self, timer: &rule::Timer, names: Names<'_>) -> Option<Does> {
        let name = self.name(&timer.name, names);
        let at = match &timer.at {
            rule::At::After(length) => Some(At::After(*length)),
            rule::At::Later(length) => self.text(length, Format::Text, names).map(At::Later),
            rule::At::Moment(moment) => self.text(moment, Format::Text, names).map(At::Moment),
        };
        let value = match &timer.value {
            Some(value) => self.data(value, names),
            None => Some(Data::Plain(serde_json::Value::Null)),
        };
        Some(Does::Timer(Box::new(program::Timer { name: name?, at: at?, value: value? })))
    }

    fn deletion(&mut self, deletion: &Deletion, names: Names<'_>) -> Option<Does> {
        match deletion {
            Deletion::Key(key) => self.name(key, names).map(Box::new).map(Does::DeleteKey),
            Deletion::Pressed(_) if names.scope == Scope::Press => Some(Does::DeletePressed),
            Deletion::Pressed(span) => {
                let hint = "use it with `[[on]]` and `card`, or name a message with `delete = \"key\"`";
                let message = "there is no card here whose message could be deleted";
                self.tell_at(codes::CONFLICT, *span, message, Some(hint.into()));
                None
            }
        }
    }

    /// A key, a topic, a timer's name: a short template. Names that begin with `$` are the house's own.
    pub(super) fn name(&mut self, name: &Spanned<String>, names: Names<'_>) -> Option<Text> {
        if name.value.starts_with('$') {
            let message = "a name that begins with `$` is for Botyard's own use";
            self.tell(codes::BAD_VALUE, name, message, Some("leave out the `$`".into()));
            return None;
        }
        if name.value.len() > MAX_NAME {
            self.tell(codes::BAD_VALUE, name, format!("a name has at most {MAX_NAME} bytes"), None);
            return None;
        }
        self.text(name, Format::Text, names)
    }

    pub(super) fn condition(&mut self, source: &Spanned<String>, names: Names<'_>) -> Option<Text> {
        let made = template::condition(self.checker, &source.value, names);
        made.map_err(|troubles| self.troubles(source, troubles)).ok()
    }

    pub(super) fn data(&mut self, data: &crate::definition::Data, names: Names<'_>) -> Option<Data> {
        match data::compile(self.checker, data, names) {
            Ok(data) => Some(data),
            Err(troubles) => {
                for (text, trouble) in troubles {
                    self.troubles(&text, vec![trouble]);
                }
                None
            }
        }
    }

    pub(super) fn troubles(&mut self, text: &Spanned<String>, troubles: Vec<Trouble>) {
        for trouble in troubles {
            let span = self.definition.place().inside(text.span, trouble.range);
            self.tell_at(trouble.code, span, trouble.message, trouble.hint);
        }
    }
}

impl Does {
    /// Adds what its templates use.
    pub(super) fn join_uses(&self, uses: &mut Uses) {
        let mut text = |text: &Text| text.uses().into_iter().for_each(|used| uses.join(used));
        match self {
            Self::Say(say) => say.join_uses(uses),
            Self::Flow(start) => start.answers.iter().for_each(|(_, data)| data.join_uses(uses)),
            Self::Remember(remember) => {
                text(&remember.key);
                match &remember.operation {
                    Operation::Set(data) | Operation::Add(data) | Operation::Append { item: data, .. } => {
                        data.join_uses(uses);
                    }
                    Operation::Forget => {}
                }
            }
            Self::Subscribe(name) | Self::Unsubscribe(name) | Self::CancelTimer(name) | Self::DeleteKey(name) => {
                text(name);
            }
            Self::Timer(timer) => {
                text(&timer.name);
                if let At::Moment(moment) = &timer.at {
                    text(moment);
                }
                timer.value.join_uses(uses);
            }
            Self::Ack(ack) => {
                text(&ack.text);
                ack.to.iter().for_each(|to| to.text().into_iter().for_each(&mut text));
            }
            // What is said of the answer is read when there is one.
            Self::Ask(asks) => uses.join(&asks.uses),
            Self::Script(script) => uses.join(&script.uses),
            Self::DeletePressed | Self::Leave => {}
        }
    }
}

impl Say {
    /// Adds what its templates use.
    pub(super) fn join_uses(&self, uses: &mut Uses) {
        let mut text = |text: &Text| text.uses().into_iter().for_each(|used| uses.join(used));
        let more = self.more();
        text(&self.text);
        more.when.iter().for_each(&mut text);
        self.to.iter().for_each(|to| to.text().into_iter().for_each(&mut text));
        more.key.iter().for_each(|(key, _)| text(key));
        if let Some(Sendable::Url(url)) = &more.file {
            text(url);
        }
        more.context.iter().for_each(|context| context.join_uses(uses));
        if let Some((card, data)) = &more.card {
            uses.join(card.uses());
            data.iter().for_each(|data| data.join_uses(uses));
        }
    }
}
