//! Webex's ids. They are opaque, except where the same thing must be recognised under two names: a client may
//! put a bare UUID where the API says base64 of `ciscospark://<cluster>/<TYPE>/<uuid>`.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use uuid::Uuid;

/// Longest id that is looked into.
const MAX_ID: usize = 512;

/// With or without padding: both are seen.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What stands inside an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// `PEOPLE`, `ROOM`, …; unknown of a bare UUID.
    pub kind: Option<String>,
    /// The UUID, or for memberships and contents whatever stands in its place; letters in lower case.
    pub key: String,
}

/// Looks into an id: base64 of a URI (padded or not), base64 of a bare UUID, or a bare UUID.
#[must_use]
pub fn inside(id: &str) -> Option<Inside> {
    if id.len() > MAX_ID {
        return None;
    }
    if let Ok(uuid) = Uuid::parse_str(id) {
        return Some(Inside { kind: None, key: uuid.to_string() });
    }
    let text = String::from_utf8(LENIENT.decode(id.trim_end_matches('=')).ok()?).ok()?;
    if let Ok(uuid) = Uuid::parse_str(&text) {
        return Some(Inside { kind: None, key: uuid.to_string() });
    }
    let mut parts = text.strip_prefix("ciscospark://")?.splitn(3, '/');
    let (_cluster, kind, key) = (parts.next()?, parts.next()?, parts.next()?);
    (!kind.is_empty() && !key.is_empty()).then(|| Inside { kind: Some(kind.to_owned()), key: key.to_ascii_lowercase() })
}

/// Whether two ids name the same thing, each in any of the forms above. Ids of different kinds never do.
#[must_use]
pub fn same_thing(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (inside(a), inside(b)) {
        (Some(a), Some(b)) => a.key == b.key && (a.kind.is_none() || b.kind.is_none() || a.kind == b.kind),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "7c1e5a02-3f0b-4b7e-9f57-0e3f5c7d9a11";

    fn id(cluster: &str, kind: &str, key: &str) -> String {
        STANDARD_NO_PAD.encode(format!("ciscospark://{cluster}/{kind}/{key}"))
    }

    #[test]
    fn a_person_is_recognised_under_every_form_of_the_id() {
        let base64 = id("us", "PEOPLE", UUID);
        let padded = STANDARD.encode(format!("ciscospark://us/PEOPLE/{UUID}"));
        for other in
            [UUID, &UUID.to_uppercase(), &padded, &STANDARD.encode(UUID), &id("us", "PEOPLE", &UUID.to_uppercase())]
        {
            assert!(same_thing(&base64, other) && same_thing(other, &base64), "{other}");
        }
        assert_eq!(inside(&id("urn:TEAM:us-west-2_r", "ROOM", UUID)).unwrap().kind.as_deref(), Some("ROOM"));
    }

    #[test]
    fn different_things_are_different() {
        let person = id("us", "PEOPLE", UUID);
        assert!(!same_thing(&person, &id("us", "ROOM", UUID)));
        assert!(!same_thing(&person, &id("us", "PEOPLE", "7c1e5a02-3f0b-4b7e-9f57-0e3f5c7d9a12")));
        assert!(!same_thing(&person, ""));
        assert!(!same_thing("not an id", "not an id either"));
        assert!(same_thing("not an id", "not an id"));
    }

    #[test]
    fn what_is_no_id_is_none_and_harms_nobody() {
        for text in ["", "====", "Y2lz", "ü", &STANDARD_NO_PAD.encode("ciscospark://us//x"), &"A".repeat(4000)] {
            assert_eq!(inside(text), None, "{text}");
        }
        let pair = id("us", "MEMBERSHIP", "A:B");
        assert_eq!(inside(&pair).unwrap().key, "a:b");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = inside(&text);
        }

        #[test]
        fn padding_never_matters(cluster in "[a-z0-9:_-]{1,30}", bytes in any::<u128>()) {
            let uuid = Uuid::from_u128(bytes).to_string();
            let text = format!("ciscospark://{cluster}/PEOPLE/{uuid}");
            prop_assert!(same_thing(&STANDARD.encode(&text), &STANDARD_NO_PAD.encode(&text)));
            prop_assert!(same_thing(&STANDARD.encode(&text), &uuid));
            prop_assert_eq!(inside(&STANDARD.encode(&text)).unwrap().key, uuid);
        }
    }
}
