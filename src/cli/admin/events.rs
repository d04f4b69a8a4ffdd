//! `botyard events`: what came in, newest first.

use super::out::{self, cut, moment, plain, took};
use crate::{
    base::EventId,
    store::{EventState, EventSummary},
};

/// Characters of a reason in the table; all of it is in the event's story.
const REASON: usize = 60;
/// Fewer characters of an id say nothing: they are all made within the same hours.
const SHORTEST: usize = 4;

/// The list.
pub(super) fn table(events: &[EventSummary]) -> String {
    if events.is_empty() {
        return "no events".to_owned();
    }
    let header = ["TIME", "BOT", "KIND", "STATE", "TRIES", "TOOK", "RULE / REASON", "ID"];
    let rows = events.iter().map(|event| {
        [
            moment(event.accepted_at),
            event.bot.to_string(),
            event.kind.clone(),
            event.state.as_str().to_owned(),
            event.attempt.to_string(),
            event.finished_at.map_or_else(|| "-".to_owned(), |at| took(at.since(event.accepted_at))),
            cut(&plain(why(event)), REASON),
            event.id.to_string(),
        ]
    });
    out::table(header, rows)
}

/// What decided: a reason weighs more than the rule, because something did not go as meant.
fn why(event: &EventSummary) -> &str {
    match (event.state, &event.reason, &event.rule) {
        (EventState::Finished, _, Some(rule)) | (_, None, Some(rule)) => rule,
        (_, Some(reason), _) => reason,
        (_, None, None) => "-",
    }
}

/// Which event is meant: a whole id, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// This one.
    Id(EventId),
    /// The only one that begins like this.
    Prefix(String),
}

/// Reads what `--id` was given.
pub(super) fn wanted(text: &str) -> Result<Wanted, String> {
    let text = text.trim().to_ascii_lowercase();
    if let Ok(id) = text.parse() {
        return Ok(Wanted::Id(id));
    }
    if text.len() >= SHORTEST && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Ok(Wanted::Prefix(text));
    }
    Err(format!(
        "`--id {}` is no id of an event, nor the beginning of one: `botyard events` lists them",
        plain(&cut(&text, 60))
    ))
}

/// The one event among the newest that begins like this.
pub(super) fn only(prefix: &str, newest: &[EventSummary]) -> Result<EventId, String> {
    let ids: Vec<_> = newest.iter().map(|event| event.id).collect();
    only_of(prefix, &ids, "event")
}

/// The one among the newest things of a kind that begins like this.
pub(super) fn only_of(prefix: &str, newest: &[EventId], kind: &str) -> Result<EventId, String> {
    let hits: Vec<_> = newest.iter().filter(|id| id.to_string().starts_with(prefix)).collect();
    match hits.as_slice() {
        [] => Err(format!("no {kind} among the newest {} begins with `{prefix}`", newest.len())),
        [id] => Ok(**id),
        [first, second, ..] => Err(format!(
            "{} {kind}s begin with `{prefix}`, among them `{first}` and `{second}`: give more of the id",
            hits.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BotId, Millis};

    fn event(last: u8, state: EventState) -> EventSummary {
        EventSummary {
            id: format!("01935f00-0000-7000-8000-0000000000{last:02x}").parse().unwrap(),
            bot: BotId::parse("echo").unwrap(),
            kind: "messages.created".into(),
            state,
            attempt: 1,
            accepted_at: Millis(1_767_225_600_000),
            claimed_at: Some(Millis(1_767_225_600_003)),
            finished_at: None,
            due_at: Millis(1_767_225_600_000),
            reason: None,
            rule: None,
        }
    }

    #[test]
    fn each_state_shows_what_decided() {
        let mut finished = event(1, EventState::Finished);
        finished.finished_at = Some(Millis(1_767_225_600_045));
        finished.rule = Some("command \"hello\"".into());
        let mut buried = event(2, EventState::Buried);
        buried.finished_at = Some(Millis(1_767_225_790_000));
        (buried.attempt, buried.rule) = (5, Some("fallback".into()));
        buried.reason = Some("gave up after 5 attempts: Webex does not show the message yet\nat all".into());
        let mut waiting = event(3, EventState::Waiting);
        waiting.attempt = 0;
        insta::assert_snapshot!(table(&[waiting, event(4, EventState::Claimed), buried, finished]));
        assert_eq!(table(&[]), "no events");
    }

    #[test]
    fn an_id_may_be_given_by_its_beginning_if_that_is_enough() {
        let newest = [event(0x1a, EventState::Finished), event(0x1b, EventState::Finished)];
        let whole = newest[0].id.to_string();
        assert_eq!(wanted(&format!(" {} ", whole.to_uppercase())), Ok(Wanted::Id(newest[0].id)));
        assert_eq!(wanted("01935F"), Ok(Wanted::Prefix("01935f".into())));
        for text in ["", "019", "hello", "01935f\u{1b}[2J"] {
            assert!(wanted(text).unwrap_err().contains("botyard events"), "{text}");
        }
        assert_eq!(only(&whole, &newest), Ok(newest[0].id));
        let several = only("01935f", &newest).unwrap_err();
        assert!(several.contains("2 events") && several.contains(&whole), "{several}");
        assert!(only("ffff", &newest).unwrap_err().contains("newest 2"));
    }
}
