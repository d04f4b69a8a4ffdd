//! `botyard events --id`: the story of one event, in the order it happened. The answer to "why did it not reply?".

use serde_json::Value;

use super::out::{plain, took};
use crate::{
    base::Millis,
    store::{DeliverySummary, EventDetail, EventState},
};

/// What of a record has a line of its own; anything else is shown as it stands.
const KNOWN: [&str; 6] = ["program", "took_ms", "needs", "conflicts", "rule", "notes"];
/// Width of the moments at the left.
const LEFT: usize = 24;

/// Lines with the time since the event was accepted at the left.
struct Story {
    begin: Millis,
    lines: Vec<String>,
}

impl Story {
    fn at(&mut self, at: Option<Millis>, text: &str) {
        let time = at.map(|at| format!("+{}", took(at.since(self.begin)))).unwrap_or_default();
        self.line(&time, text);
    }

    fn line(&mut self, left: &str, text: &str) {
        self.lines.push(format!("{left:>LEFT$}  {}", plain(text)));
    }
}

/// The whole story.
pub(super) fn text(event: &EventDetail) -> String {
    let of = &event.summary;
    let mut story = Story { begin: of.accepted_at, lines: Vec::new() };
    story.lines.push(format!("event {} of bot `{}`: {}, {}", of.id, of.bot, plain(&of.kind), of.state.as_str()));
    story.lines.push(format!("in order with `{}`", plain(&event.order_key)));
    story.lines.push(String::new());
    story.line(&of.accepted_at.iso(), "accepted");
    if event.replays > 0 {
        story.at(event.replayed_at, &format!("replayed{}: it had been buried", times(event.replays)));
    }
    if let Some(at) = of.claimed_at {
        let last = if of.attempt > 1 { ", the last so far" } else { "" };
        story.at(Some(at), &format!("claimed for attempt {}{last}", of.attempt));
    }
    turn(&mut story, event);
    outcome(&mut story, event);
    if let Some(at) = event.erased_at {
        let lost = if of.state == EventState::Buried { ", so it cannot be replayed" } else { "" };
        story.at(Some(at), &format!("content erased: what it said, and reasons, are not kept any more{lost}"));
    }
    for delivery in &event.deliveries {
        sending(&mut story, delivery);
    }
    story.lines.join("\n")
}

/// What the turn did.
fn turn(story: &mut Story, event: &EventDetail) {
    let Some(Value::Object(record)) = &event.record else {
        if let Some(rule) = &event.summary.rule {
            story.at(None, &format!("rule: {rule}"));
        }
        return;
    };
    for need in list(record.get("needs")) {
        story.at(None, &need_line(need));
    }
    if let Some(conflicts) = record.get("conflicts") {
        story.at(None, &format!("stepped again ({conflicts}): its state changed meanwhile"));
    }
    if let Some(rule) = record.get("rule").and_then(Value::as_str).or(event.summary.rule.as_deref()) {
        story.at(None, &format!("rule: {rule}"));
    }
    for note in list(record.get("notes")) {
        story.at(None, &format!("note: {}", word(note)));
    }
    for (name, value) in record.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
        story.at(None, &format!("{name}: {}", word(value)));
    }
    let program = record.get("program").map(|program| format!("by program {}", word(program)));
    let time = record.get("took_ms").map(|ms| format!("in {ms} ms"));
    let decided: Vec<_> = program.into_iter().chain(time).collect();
    if !decided.is_empty() {
        story.at(None, &format!("turn decided {}", decided.join(", ")));
    }
}

fn need_line(need: &Value) -> String {
    let is = |name: &str| need.get(name).and_then(Value::as_bool).unwrap_or_default();
    let how = if is("cached") {
        "known already".to_owned()
    } else {
        need.get("took_ms").map_or_else(|| "asked".to_owned(), |ms| format!("{ms} ms"))
    };
    let missing = if is("missing") { ", not there" } else { "" };
    format!("read {}: {how}{missing}", need.get("read").map_or_else(|| "something".to_owned(), word))
}

fn outcome(story: &mut Story, event: &EventDetail) {
    let of = &event.summary;
    let reason = of.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match of.state {
        EventState::Finished => {
            let silent = if event.deliveries.is_empty() && of.reason.is_none() {
                ", and the bot has nothing to say"
            } else {
                ""
            };
            story.at(of.finished_at, &format!("finished{silent}{reason}"));
        }
        EventState::Buried => story.at(of.finished_at, &format!("buried{reason}")),
        EventState::Claimed => story.at(None, &format!("in its turn now{reason}")),
        EventState::Waiting if of.due_at > event.replayed_at.unwrap_or(of.accepted_at) => {
            story.at(Some(of.due_at), &format!("waits, not before this moment{reason}"));
        }
        EventState::Waiting => story.at(None, &format!("waits for the bot to take it{reason}")),
    }
}

fn sending(story: &mut Story, of: &DeliverySummary) {
    story.lines.push(String::new());
    story.lines.push(format!("delivery {}: {}", of.id, plain(&of.state)));
    story.at(Some(of.created_at), "promised");
    if let Some(at) = of.marked_at {
        story.at(Some(at), &format!("attempt {} left", of.attempt));
    }
    if of.replays > 0 {
        story.at(None, &format!("replayed{}: it had been given up", times(of.replays)));
    }
    if of.doubtful {
        story.at(None, "doubtful: how an attempt ended is not known, it may have arrived all the same");
    }
    let reason = of.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let waits = of.finished_at.is_none() && of.due_at > of.created_at;
    match of.finished_at {
        Some(at) => story.at(Some(at), &format!("{}{reason}", of.state)),
        None if waits => story.at(Some(of.due_at), &format!("next attempt, not before this moment{reason}")),
        None => story.at(None, &format!("{}{reason}", of.state)),
    }
    if let Some(at) = of.erased_at {
        story.at(Some(at), "text erased");
    }
    let ids = [("message at Webex", &of.remote_id), ("TrackingID", &of.tracking_id)];
    for (name, id) in ids {
        if let Some(id) = id {
            story.at(None, &format!("{name}: {id}"));
        }
    }
}

/// Said when it was more than once.
fn times(count: u32) -> String {
    if count > 1 { format!(", {count} times so far") } else { String::new() }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        base::BotId,
        store::{EventSummary, Lane},
    };

    const BEGIN: i64 = 1_767_225_600_000;

    fn event(state: EventState) -> EventDetail {
        EventDetail {
            summary: EventSummary {
                id: "01935f00-0000-7000-8000-000000000001".parse().unwrap(),
                bot: BotId::parse("echo").unwrap(),
                kind: "messages.created".into(),
                state,
                attempt: 1,
                accepted_at: Millis(BEGIN),
                claimed_at: Some(Millis(BEGIN + 3)),
                finished_at: Some(Millis(BEGIN + 25)),
                due_at: Millis(BEGIN),
                reason: None,
                rule: None,
            },
            order_key: "room|person".into(),
            record: None,
            replays: 0,
            replayed_at: None,
            erased_at: None,
            deliveries: Vec::new(),
        }
    }

    fn delivery(last: u8, state: &str) -> DeliverySummary {
        DeliverySummary {
            id: format!("01935f00-0000-7000-8000-0000000001{last:02x}").parse().unwrap(),
            lane: Lane::Webex,
            state: state.into(),
            attempt: 1,
            created_at: Millis(BEGIN + 25),
            due_at: Millis(BEGIN + 25),
            marked_at: Some(Millis(BEGIN + 30)),
            finished_at: None,
            remote_id: None,
            tracking_id: None,
            reason: None,
            doubtful: false,
            replays: 0,
            erased_at: None,
        }
    }

    #[test]
    fn an_answered_event_is_told_from_accept_to_the_last_delivery() {
        let mut event = event(EventState::Finished);
        event.record = Some(json!({
            "program": "0123456789ab", "took_ms": 21, "conflicts": 1, "rule": "command \"hello\"",
            "notes": ["`payload.x` is missing"], "waits": { "lane": 4 },
            "needs": [
                { "read": "message", "took_ms": 12, "cached": false, "missing": false },
                { "read": "person", "took_ms": 0, "cached": true, "missing": false },
                { "read": "room", "took_ms": 7, "cached": false, "missing": true },
            ],
        }));
        let mut sent = delivery(1, "sent");
        (sent.finished_at, sent.attempt, sent.doubtful) = (Some(Millis(BEGIN + 1_400)), 2, true);
        (sent.remote_id, sent.tracking_id) = (Some("Y2lz".into()), Some("ROUTER_1".into()));
        let mut later = delivery(2, "waiting");
        (later.due_at, later.reason) = (Millis(BEGIN + 90_000), Some("429: Webex asks to wait".into()));
        let mut failed = delivery(3, "failed");
        (failed.finished_at, failed.reason) = (Some(Millis(BEGIN + 50)), Some("404: no such room\u{1b}[0m".into()));
        let mut fresh = delivery(4, "waiting");
        (fresh.marked_at, fresh.attempt) = (None, 0);
        event.deliveries = vec![sent, later, failed, fresh];
        insta::assert_snapshot!(text(&event));
    }

    #[test]
    fn an_event_without_an_answer_says_why_there_is_none() {
        let mut silent = event(EventState::Finished);
        silent.record = Some(json!({ "program": "0123456789ab", "took_ms": 1, "rule": "none: own message" }));
        insta::assert_snapshot!("silent", text(&silent));

        let mut buried = event(EventState::Buried);
        (buried.summary.attempt, buried.summary.rule) = (5, Some("fallback".into()));
        buried.summary.reason = Some("gave up after 5 attempts: Webex does not answer".into());
        insta::assert_snapshot!("buried", text(&buried));

        let mut erased = event(EventState::Buried);
        let later = Some(Millis(BEGIN + 2_592_000_000));
        let failed =
            DeliverySummary { finished_at: Some(Millis(BEGIN + 50)), erased_at: later, ..delivery(1, "failed") };
        (erased.erased_at, erased.deliveries) = (later, vec![failed]);
        insta::assert_snapshot!("erased", text(&erased));

        let mut waiting = event(EventState::Waiting);
        (waiting.summary.finished_at, waiting.summary.due_at) = (None, Millis(BEGIN + 2_000));
        waiting.summary.reason = Some("Webex does not show the message yet".into());
        insta::assert_snapshot!("waiting", text(&waiting));

        let mut replayed = event(EventState::Waiting);
        (replayed.summary.finished_at, replayed.summary.claimed_at, replayed.summary.attempt) = (None, None, 0);
        (replayed.replays, replayed.replayed_at) = (2, Some(Millis(BEGIN + 60_000)));
        replayed.summary.reason = Some("the template of fallback failed in its line 1: invalid operation".into());
        insta::assert_snapshot!("replayed", text(&replayed));

        let mut fresh = event(EventState::Waiting);
        (fresh.summary.finished_at, fresh.summary.claimed_at, fresh.summary.attempt) = (None, None, 0);
        insta::assert_snapshot!("fresh", text(&fresh));
    }
}
