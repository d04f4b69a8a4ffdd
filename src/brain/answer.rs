//! What a template sees, and how an answer becomes messages.

use minijinja::Value;

use super::{
    delivery::{Delivery, Destination},
    split,
    template::Uses,
    turn::Me,
};
use crate::{base::Millis, definition::Format, webex::model::Message};

/// Who a turn is about, with names that fell back already.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) display_name: String,
    pub(super) first_name: String,
}

/// Where a turn happens.
#[derive(Debug, Clone, Default)]
pub(super) struct Where {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) kind: String,
}

/// Everything a template may see.
#[derive(Debug)]
pub(super) struct Values<'a> {
    /// The message with the bot's mention stripped, if there is a message.
    pub(super) text: &'a str,
    pub(super) message: Option<&'a Message>,
    pub(super) person: Who,
    pub(super) room: Where,
    pub(super) me: &'a Me,
    pub(super) rest: &'a str,
    pub(super) captures: &'a [(String, String)],
    pub(super) kind: &'a str,
    pub(super) at: Millis,
    pub(super) now: Millis,
}

impl Values<'_> {
    /// The template's context. What is not used is made all the same where it costs nothing to make.
    pub(super) fn context(&self, uses: &Uses) -> Value {
        let me = self.me;
        let mut names = vec![
            ("bot", pairs([("id", &me.id), ("name", &me.name), ("email", &me.email)])),
            ("args", pairs([("rest", self.rest)])),
            ("event", pairs([("kind", self.kind), ("at", &self.at.iso())])),
            ("now", Value::from(self.now.iso())),
            ("room", pairs([("id", &self.room.id), ("title", &self.room.title), ("type", &self.room.kind)])),
            ("match", Value::from_pairs(self.captures.iter().map(|(name, value)| (name.as_str(), value.as_str())))),
            (
                "person",
                pairs([
                    ("id", &self.person.id),
                    ("email", &self.person.email),
                    ("display_name", &self.person.display_name),
                    ("first_name", &self.person.first_name),
                ]),
            ),
        ];
        if uses.message {
            names.push(("message", self.message_value()));
        }
        Value::from_pairs(names)
    }

    fn message_value(&self) -> Value {
        let empty = Message::default();
        let message = self.message.unwrap_or(&empty);
        let or_empty = |text: &Option<String>| Value::from(text.clone().unwrap_or_default());
        Value::from_pairs([
            ("text", Value::from(self.text)),
            ("raw", or_empty(&message.text)),
            ("markdown", or_empty(&message.markdown)),
            ("html", or_empty(&message.html)),
            ("files", message.files.iter().map(String::as_str).collect()),
            ("id", Value::from(message.id.as_str())),
            ("parent_id", or_empty(&message.parent_id)),
        ])
    }

    /// Values to try a template with.
    pub(super) fn sample(text: &str, groups: &[String]) -> Value {
        let message = Message { text: Some(text.to_owned()), id: "id".into(), ..Message::default() };
        let name = || "Alice Example".to_owned();
        let values = Values {
            text,
            message: Some(&message),
            person: Who {
                id: "id".into(),
                email: "alice@example.com".into(),
                display_name: name(),
                first_name: "Alice".into(),
            },
            room: Where { id: "id".into(), title: "A room".into(), kind: "group".into() },
            me: &Me { id: "id".into(), name: "Bot".into(), email: "bot@webex.bot".into() },
            rest: text,
            captures: &groups.iter().map(|group| (group.clone(), text.to_owned())).collect::<Vec<_>>(),
            kind: "messages.created",
            at: Millis(0),
            now: Millis(0),
        };
        values.context(&Uses { message: true, ..Uses::default() })
    }
}

fn pairs<const N: usize>(pairs: [(&'static str, &str); N]) -> Value {
    Value::from_pairs(pairs.map(|(name, value)| (name, Value::from(value))))
}

/// One text as messages within Webex's limits.
pub(super) fn deliveries(text: &str, format: Format, to: &Destination, parent: Option<&str>) -> Vec<Delivery> {
    let parts = match format {
        Format::Text => split::text(text),
        Format::Markdown => split::markdown(text),
    };
    let delivery = |part: String| {
        let (text, markdown) = match format {
            Format::Text => (Some(part), None),
            Format::Markdown => (None, Some(part)),
        };
        Delivery { text, markdown, parent: parent.map(str::to_owned), ..Delivery::to(to.clone()) }
    };
    parts.into_iter().map(delivery).collect()
}
