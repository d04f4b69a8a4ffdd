//! A promised message as plain, versioned data: written by a turn, read when it is sent, maybe by a newer program.

use serde::{Deserialize, Serialize};

use crate::base::Digest;

/// One message to be sent: within Webex's limits already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where to.
    pub to: Destination,
    /// Plain text; also what clients show that cannot draw markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// Root of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
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
        let delivery =
            Delivery { to: Destination::Room("R".into()), text: Some("hi".into()), markdown: None, parent: None };
        let text = r#"{"v":"1","to":{"room":"R"},"text":"hi"}"#;
        assert_eq!(String::from_utf8(delivery.encode()).unwrap(), text);
        assert_eq!(Delivery::decode(text.as_bytes()).unwrap(), delivery);
        let others = [Destination::Room("S".into()), Destination::Person("R".into()), Destination::Email("R".into())];
        assert!(others.iter().all(|other| other.order_key() != delivery.to.order_key()));
        assert_eq!(delivery.to.order_key(), Destination::Room("R".into()).order_key());
    }
}
