//! How much clients may leave behind. Webex has limits of its own, mostly unknown; these are the simulator's, far
//! beyond what any bot or bench needs, so that a client that runs wild meets a refusal and not the end of memory.

use crate::sim::refusal::Refusal;

/// People and bots, those that are gone included.
pub(crate) const MOST_PEOPLE: usize = 200_000;
/// Tokens of all people together.
pub(crate) const MOST_TOKENS: usize = 1_000_000;
/// Rooms of all kinds.
pub(crate) const MOST_ROOMS: usize = 500_000;
/// Memberships in all rooms together.
pub(crate) const MOST_MEMBERSHIPS: usize = 2_000_000;
/// Teams.
pub(crate) const MOST_TEAMS: usize = 10_000;
/// Tabs of one room.
pub(crate) const MOST_TABS: usize = 50;
/// Webhooks of one user: Webex's own limit.
pub(crate) const MOST_WEBHOOKS: usize = 30_000;
/// Webhooks of all together.
pub(crate) const MOST_WEBHOOKS_IN_ALL: usize = 500_000;
/// Phone numbers of one person.
pub(crate) const MOST_PHONES: usize = 10;
/// Bytes of a name or title.
pub(crate) const LONGEST_NAME: usize = 1_024;
/// Bytes of a description, URL, filter or secret.
pub(crate) const LONGEST_TEXT: usize = 4_096;

/// Bytes of what one press sends, as JSON: as much as the card it belongs to.
pub(crate) const LONGEST_INPUTS: usize = 80 * 1024;

/// Refuses a text of more bytes than `most`.
pub(crate) fn check_text(field: &str, text: Option<&str>, most: usize) -> Result<(), Refusal> {
    match text {
        Some(text) if text.len() > most => Err(Refusal::bad(format!("{field} is longer than {most} bytes"))),
        _ => Ok(()),
    }
}

/// Refuses one more when there are `most` already.
pub(crate) fn check_count(what: &str, count: usize, most: usize) -> Result<(), Refusal> {
    if count < most { Ok(()) } else { Err(Refusal::new(503, format!("the simulator holds at most {most} {what}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_with_a_refusal_that_names_it() {
        assert!(check_text("name", Some("abc"), 3).is_ok() && check_text("name", None, 0).is_ok());
        assert_eq!(check_text("name", Some("abcd"), 3).unwrap_err().message, "name is longer than 3 bytes");
        assert!(check_count("rooms", 1, 2).is_ok());
        let refusal = check_count("rooms", 2, 2).unwrap_err();
        assert_eq!((refusal.status, refusal.message.as_str()), (503, "the simulator holds at most 2 rooms"));
    }
}
