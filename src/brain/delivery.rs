//! A promised message as plain, versioned data: written by a turn, read when it is sent, maybe by a newer program.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::Digest;

/// One thing for Webex: a message within its limits already, an edit, a deletion, leaving a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where to; of an edit, a deletion and a leave the room it happens in.
    pub to: Destination,
    /// What is done.
    #[serde(default, skip_serializing_if = "Act::is_post")]
    pub act: Act,
    /// Plain text; also what clients show that cannot draw markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// Root of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// An adaptive card; the text stands for it where none can be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Value>,
    /// One file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Attached>,
    /// A name for the message, so that a later one can change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Keyed>,
    /// Kept with the sent message and given back when its card is pressed; Webex and its clients never see it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub context: Value,
    /// It goes on with the text of the delivery before it, to the same place: where that was given up, so is this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continues: bool,
    /// The rule that promised it, by its label.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
}

/// What a delivery does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Writes a message.
    #[default]
    Post,
    /// Changes a message of the bot, by its id.
    Edit(String),
    /// Deletes a message of the bot, by its id, and writes it anew: for what Webex does not let be edited.
    Replace(String),
    /// Deletes a message of the bot, by its id.
    Delete(String),
    /// Deletes the message of the bot that was last sent under a key.
    DeleteKey(String),
    /// Leaves the room.
    Leave,
}

impl Act {
    fn is_post(&self) -> bool {
        *self == Self::Post
    }
}

/// A file to be sent along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attached {
    /// A file of the definition's folder, by its path below `bots.d`.
    Path(String),
    /// A public address that Webex fetches.
    Url(String),
}

/// A name for a sent message, one a bot and destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyed {
    /// The name.
    pub key: String,
    /// What becomes of an earlier message of that name.
    pub then: Then,
}

/// What becomes of an earlier message of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is changed; after ten changes, and where Webex refuses one, a message in its thread follows.
    #[default]
    Edit,
    /// It stays, and this one is written into its thread.
    Thread,
    /// It is deleted, and this one is written.
    Replace,
    /// It stays, and this one is not written.
    Skip,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A room by id.
    Room(String),
    /// A person by id: their direct room.
    Person(String),
    /// A person by address: their direct room.
    Email(String),
}

impl Destination {
    /// What deliveries keep their order with: a mark of the destination, 22 characters long.
    #[must_use]
    pub fn order_key(&self) -> String {
        let (kind, name) = match self {
            Self::Room(id) => ("room", id),
            Self::Person(id) => ("person", id),
            Self::Email(address) => ("email", address),
        };
        Digest::of([kind.as_bytes(), name.as_bytes()]).mark()
    }
}

/// The envelope of a stored delivery. A change of meaning is a new variant; old ones stay readable.
#[derive(Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1(Delivery),
}

/// The same, for writing what somebody else owns.
#[derive(Serialize)]
#[serde(tag = "v")]
enum Borrowed<'a> {
    #[serde(rename = "1")]
    V1(&'a Delivery),
}

impl Delivery {
    /// A message that says nothing yet.
    #[must_use]
    pub fn to(to: Destination) -> Self {
        Self {
            to,
            act: Act::Post,
            text: None,
            markdown: None,
            parent: None,
            card: None,
            file: None,
            key: None,
            context: Value::Null,
            continues: false,
            rule: String::new(),
        }
    }

    /// The key under which it takes the place of those before it that still wait: what would be changed at once need
    /// not be said. Only where the newest says it all.
    #[must_use]
    pub fn takes_place(&self) -> Option<&str> {
        let keyed = self.key.as_ref().filter(|_| self.act == Act::Post)?;
        matches!(keyed.then, Then::Edit | Then::Replace).then_some(keyed.key.as_str())
    }

    /// The versioned JSON that goes into the outbox.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Borrowed::V1(self)).unwrap_or_default()
    }

    /// Reads what [`Delivery::encode`] wrote, in this version of the program or an older one.
    ///
    /// # Errors
    /// When the bytes are no delivery of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(|Stored::V1(delivery)| delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_delivery_keeps_its_golden_form() {
        let delivery = Delivery { text: Some("hi".into()), ..Delivery::to(Destination::Room("R".into())) };
        let text = r#"{"v":"1","to":{"room":"R"},"text":"hi"}"#;
        assert_eq!(String::from_utf8(delivery.encode()).unwrap(), text);
        assert_eq!(Delivery::decode(text.as_bytes()).unwrap(), delivery);
        let others = [Destination::Room("S".into()), Destination::Person("R".into()), Destination::Email("R".into())];
        assert!(others.iter().all(|other| other.order_key() != delivery.to.order_key()));
        assert_eq!(delivery.to.order_key(), Destination::Room("R".into()).order_key());
    }
}
