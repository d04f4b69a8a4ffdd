//! Where a message goes, from what was written in `to`.

use super::{delivery::Destination, ids, program::To};
use crate::definition::diagnostic::{did_you_mean, quote};

const FORMS: &str =
    "write `@name` from `[rooms]`, a room id, an address, `person`, `room`, `members_of:@name` or `topic:name`";

/// Reads one `to` that is no template; an error is what is wrong and what to do. `rooms` are names and ids.
pub(super) fn parse<'r>(
    to: &str,
    rooms: impl Iterator<Item = (&'r str, &'r str)> + Clone,
) -> Result<To, (String, String)> {
    let to = to.trim();
    let names = || rooms.clone().map(|(name, _)| name);
    let bad = |message: String| Err((message, FORMS.to_owned()));
    if to == "room" {
        return Ok(To::Here);
    }
    if to == "person" {
        return Ok(To::Person);
    }
    if let Some(of) = to.strip_prefix("members_of:") {
        return match parse(of, rooms)? {
            To::Here => Ok(To::Members(None)),
            To::Fixed(Destination::Room(room)) => Ok(To::Members(Some(room.into()))),
            _ => bad(format!("only a room has members, and {} is none", quote(of.trim()))),
        };
    }
    if let Some(name) = to.strip_prefix('@') {
        let found = rooms.clone().find(|(known, _)| *known == name);
        return found.map(|(_, id)| To::Fixed(Destination::Room(id.to_owned()))).ok_or_else(|| {
            let hint = did_you_mean(name, names()).unwrap_or_else(|| format!("add {} to `[rooms]`", quote(name)));
            (format!("`[rooms]` does not know {}", quote(name)), hint)
        });
    }
    if names().any(|name| name == to) {
        return Err((format!("{} is no place a message can go to", quote(to)), format!("did you mean `@{to}`?")));
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

    fn read(to: &str) -> Result<To, (String, String)> {
        parse(to, [("ops", "OPSROOM1")].into_iter())
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
        assert_eq!(read("members_of:@ops"), Ok(To::Members(Some("OPSROOM1".into()))));
        assert_eq!(read("members_of: room"), Ok(To::Members(None)));
        assert_eq!(read(&id("PEOPLE")), Ok(To::Fixed(Destination::Person(id("PEOPLE")))));
    }

    #[test]
    fn what_is_no_place_is_refused_with_the_likely_one() {
        assert_eq!(read("@opss").unwrap_err().1, "did you mean `ops`?");
        assert_eq!(read("ops").unwrap_err().1, "did you mean `@ops`?");
        assert!(read(&id("MESSAGE")).unwrap_err().0.contains("something else (message)"));
        for wrong in ["lead@", "x", "", "two words here", "members_of:person", "members_of:@opss"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
