//! Webex's ids. They are opaque, except where the same thing must be recognised under two names: a client may
//! put a bare UUID where the API says base64 of `ciscospark://<cluster>/<TYPE>/<uuid>`.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
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

/// Longest address that is one, as the standards have it.
const MAX_ADDRESS: usize = 254;

/// The names that a person may be stored under, from one of them: an address, or an id in any form. Of an id come
/// its other forms as well: the bare UUID, and the usual one of a person.
///
/// # Errors
/// A sentence, when the text is neither.
pub fn person_names(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    let shown = || text.chars().take(80).collect::<String>().escape_debug().to_string();
    if let Some((name, domain)) = text.split_once('@') {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\"\\<>,;@".contains(c);
        let fits = !name.is_empty()
            && domain.len() > 2
            && text.len() <= MAX_ADDRESS
            && !(name.contains(odd) || domain.contains(odd));
        return if fits { Ok(vec![text.to_owned()]) } else { Err(format!("`{}` is no address", shown())) };
    }
    match inside(text) {
        Some(Inside { kind, .. }) if kind.as_deref().is_some_and(|kind| kind != "PEOPLE") => {
            let kind = kind.unwrap_or_default().to_lowercase();
            Err(format!("`{}` is the id of something else ({kind})", shown()))
        }
        Some(Inside { key, .. }) => {
            let usual = general_purpose::STANDARD_NO_PAD.encode(format!("ciscospark://us/PEOPLE/{key}"));
            let mut names = vec![text.to_owned()];
            for form in [key, usual] {
                if !names.contains(&form) {
                    names.push(form);
                }
            }
            Ok(names)
        }
        None => Err(format!("`{}` is neither the address nor the id of a person", shown())),
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

    #[test]
    fn a_person_is_named_by_address_or_by_an_id_in_any_form() {
        assert_eq!(person_names(" Ann@example.com\n").unwrap(), ["Ann@example.com"]);
        let usual = id("us", "PEOPLE", UUID);
        assert_eq!(person_names(UUID).unwrap(), [UUID, &usual]);
        assert_eq!(person_names(&usual).unwrap(), [&usual, UUID]);
        let elsewhere = id("urn:TEAM:eu-central-1_k", "PEOPLE", UUID);
        assert_eq!(person_names(&elsewhere).unwrap(), [&elsewhere, UUID, &usual]);
        for wrong in
            ["", "ann", "@x.org", "ann@", "a b@x.org", "ann@x.org@y.org", "an\"n@x.org", &id("us", "ROOM", UUID)]
        {
            assert!(person_names(wrong).is_err(), "{wrong}");
        }
        assert!(person_names(&id("us", "ROOM", UUID)).unwrap_err().contains("(room)"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = (inside(&text), person_names(&text));
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
