//! Are two ids the same thing? Webex writes one id in two forms: base64 of `ciscospark://us/PEOPLE/<uuid>`,
//! and the bare uuid; which of the two stands in a mention depends on the sender's client.

use base64::{Engine as _, engine::general_purpose};
use uuid::Uuid;

/// Longer ids are compared as they are; nothing that Webex sends is longer.
const MAX_ID: usize = 400;

/// Whether two ids name the same thing, whatever their form.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || matches!((uuid(a), uuid(b)), (Some(a), Some(b)) if a == b)
}

/// What a public id names: `PEOPLE`, `ROOM`, …; nothing for a bare uuid or what is no id.
pub(super) fn kind(id: &str) -> Option<String> {
    let decoded = decode(id)?;
    let (kind, _) = decoded.strip_prefix("ciscospark://")?.split_once('/')?.1.split_once('/')?;
    Some(kind.to_owned())
}

fn uuid(id: &str) -> Option<Uuid> {
    if let Ok(uuid) = Uuid::try_parse(id) {
        return Some(uuid);
    }
    let decoded = decode(id)?;
    Uuid::try_parse(decoded.rsplit('/').next()?).ok()
}

/// With or without padding.
fn decode(id: &str) -> Option<String> {
    if id.len() > MAX_ID {
        return None;
    }
    let bytes = general_purpose::STANDARD_NO_PAD.decode(id.trim_end_matches('=')).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_id_are_the_same_and_others_are_not() {
        let bare = "705b68da-4b92-4a3f-9fc6-1eb65fdf0001";
        let public = general_purpose::STANDARD_NO_PAD.encode(format!("ciscospark://us/PEOPLE/{bare}"));
        let padded = general_purpose::STANDARD.encode(format!("ciscospark://us/PEOPLE/{bare}"));
        for (a, b) in [(bare, public.as_str()), (&public, &padded), (&bare.to_uppercase(), &public)] {
            assert!(same(a, b), "{a} {b}");
        }
        assert!(!same(bare, "705b68da-4b92-4a3f-9fc6-1eb65fdf0002"));
        assert!(!same("x", "y") && same("x", "x"));
        assert_eq!(kind(&public).as_deref(), Some("PEOPLE"));
        assert_eq!((kind(bare), kind("nonsense")), (None, None));
    }
}
