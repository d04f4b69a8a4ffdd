//! Where a message goes, from what was written in `to`.

use super::{delivery::Destination, ids, program::To};
use crate::definition::{
    Spanned,
    diagnostic::{did_you_mean, quote},
};

const FORMS: &str = "write `@name` from `[rooms]`, a room id, an address, `person` or `room`";

/// Reads `to`; an error is what is wrong and what to do.
pub(super) fn parse(to: &str, rooms: &[(Spanned<String>, Spanned<String>)]) -> Result<To, (String, String)> {
    let to = to.trim();
    let names = || rooms.iter().map(|(name, _)| name.value.as_str());
    let bad = |message: String| Err((message, FORMS.to_owned()));
    if to == "room" {
        return Ok(To::Here);
    }
    if to == "person" {
        return Ok(To::Person);
    }
    if let Some(name) = to.strip_prefix('@') {
        let found = rooms.iter().find(|(known, _)| known.value == name);
        return found.map(|(_, id)| To::Fixed(Destination::Room(id.value.clone()))).ok_or_else(|| {
            let hint = did_you_mean(name, names()).unwrap_or_else(|| format!("add {} to `[rooms]`", quote(name)));
            (format!("`[rooms]` does not know {}", quote(name)), hint)
        });
    }
    if names().any(|name| name == to) {
        return Err((format!("{} is no place a message can go to", quote(to)), format!("did you mean `@{to}`?")));
    }
    if to.contains("{{") || to.contains("{%") {
        return bad("`to` cannot be a template".into());
    }
    if let Some((name, domain)) = to.split_once('@') {
        let fits = !name.is_empty() && domain.contains('.') && !to.contains(char::is_whitespace) && to.len() <= 254;
        return if fits {
            Ok(To::Fixed(Destination::Email(to.to_owned())))
        } else {
            bad(format!("{} is no address", quote(to)))
        };
    }
    if ids::kind(to).as_deref() == Some("PEOPLE") {
        return Ok(To::Fixed(Destination::Person(to.to_owned())));
    }
    match room(to) {
        Ok(()) => Ok(To::Fixed(Destination::Room(to.to_owned()))),
        Err(why) => bad(format!("{} is no place a message can go to: {why}", quote(to))),
    }
}

/// Whether a text can be a room id. Ids are opaque: only what cannot be one at all is refused.
pub(super) fn room(id: &str) -> Result<(), String> {
    if id.len() < 8 || id.len() > 400 || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("an id is one long word".into());
    }
    match ids::kind(id) {
        Some(kind) if kind != "ROOM" => Err(format!("it is the id of something else ({})", kind.to_lowercase())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};

    use super::*;
    use crate::definition::Span;

    fn read(to: &str) -> Result<To, (String, String)> {
        let spanned = |text: &str| Spanned::new(text.to_owned(), Span::default());
        parse(to, &[(spanned("ops"), spanned("OPSROOM1"))])
    }

    fn id(kind: &str) -> String {
        general_purpose::STANDARD_NO_PAD.encode(format!("ciscospark://us/{kind}/705b68da-4b92-4a3f-9fc6-1eb65fdf0001"))
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read("room"), Ok(To::Here));
        assert_eq!(read("person"), Ok(To::Person));
        assert_eq!(read("@ops"), Ok(To::Fixed(Destination::Room("OPSROOM1".into()))));
        assert_eq!(read("lead@example.com"), Ok(To::Fixed(Destination::Email("lead@example.com".into()))));
        assert_eq!(read(&id("ROOM")), Ok(To::Fixed(Destination::Room(id("ROOM")))));
        assert_eq!(read(&id("PEOPLE")), Ok(To::Fixed(Destination::Person(id("PEOPLE")))));
    }

    #[test]
    fn what_is_no_place_is_refused_with_the_likely_one() {
        assert_eq!(read("@opss").unwrap_err().1, "did you mean `ops`?");
        assert_eq!(read("ops").unwrap_err().1, "did you mean `@ops`?");
        assert!(read(&id("MESSAGE")).unwrap_err().0.contains("something else (message)"));
        for wrong in ["lead@", "x", "", "{{ room.id }}", "two words here"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
