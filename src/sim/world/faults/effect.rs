//! What a fault does: the words of it that a rule is written in, and what came of a rule that fitted.

use crate::sim::world::files::Scan;
use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Visitor},
};

/// What happens to an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wire {
    /// The connection is closed before any byte of an answer, and the request is not handled.
    Drop,
    /// The same, but the request was handled: who asked cannot know.
    Lose,
    /// Half of the body comes, although `Content-Length` promises all of it; then the connection is closed.
    Truncate,
}

/// What is wrong with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    /// A page without items, whose next link leads to the items.
    EmptyPage,
    /// The next link has lost `mentionedPeople`, so that a bot may not follow it as it stands.
    NextUnmentioned,
    /// The first item carries `errors` with `kms_failure`, and a placeholder in the place of its text.
    KmsFailure,
}

/// Milliseconds: a number, or the least and the most to draw from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.least == self.most {
            self.least.serialize(serializer)
        } else {
            [self.least, self.most].serialize(serializer)
        }
    }
}

// By hand: an untagged enum says of a wrong value only that it fits nothing.
impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds, or `[least, most]` of them")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Span, E> {
                Ok(Span { least: number, most: number })
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Span, E> {
                let number = u64::try_from(number).map_err(|_negative| E::custom("milliseconds are not below zero"))?;
                self.visit_u64(number)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Span, A::Error> {
                let next = |seq: &mut A| seq.next_element::<u64>();
                match (next(&mut seq)?, next(&mut seq)?, next(&mut seq)?) {
                    (Some(least), Some(most), None) if least <= most => Ok(Span { least, most }),
                    _ => Err(A::Error::custom("a span is `[least, most]`, the smaller number first")),
                }
            }
        }
        deserializer.deserialize_any(Written)
    }
}

/// What a rule that fitted does this time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Which rule.
    pub(crate) rule: u64,
    /// Wait so long before anything else; 0 is not at all.
    pub(crate) delay_ms: u64,
    /// Request: answered with this, unhandled.
    pub(crate) status: Option<u16>,
    /// With `status`: raw text of `Retry-After`.
    pub(crate) retry_after: Option<String>,
    /// With `status`: the body is a page of HTML.
    pub(crate) html: bool,
    /// Request: what happens to the answer on its way.
    pub(crate) wire: Option<Wire>,
    /// Request: the body takes so long to come.
    pub(crate) slow_ms: Option<u64>,
    /// Request: what is wrong with the list.
    pub(crate) list: Option<List>,
    /// Request: its token is dead from now on.
    pub(crate) revoke: bool,
    /// Request: how the scanner finds a file that it brings, and for how many milliseconds.
    pub(crate) scan: Option<(Scan, Option<u64>)>,
    /// Delivery: sent so often.
    pub(crate) copies: Option<u32>,
    /// Delivery: the next one of its room goes first.
    pub(crate) reorder: bool,
    /// Delivery: what it is about cannot be read for so long.
    pub(crate) hide_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_or_two_and_is_written_as_it_was() {
        for text in ["250", "[100,500]"] {
            let span: Span = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&span).unwrap(), text);
        }
        for (text, word) in [
            ("\"soon\"", "milliseconds, or"),
            ("-1", "below zero"),
            ("[5,1]", "smaller number first"),
            ("[5]", "smaller number first"),
            ("[1,2,3]", "smaller number first"),
        ] {
            let error = serde_json::from_str::<Span>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
