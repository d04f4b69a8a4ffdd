//! `botyard bots`: a line for each, and below what keeps those down that do not work.

use std::collections::BTreeMap;

use super::{
    findings,
    out::{self, plain},
    source::Known,
};
use crate::actors::report::{BotState, WebhookSummary};

/// Bots with one reason between them that are still named one by one.
const MANY: usize = 2;

/// All bots.
pub(super) fn table(bots: &[Known]) -> String {
    if bots.is_empty() {
        return "there are no bots yet: drop a definition into `bots.d`".to_owned();
    }
    let header = ["BOT", "STATE", "NAME", "EMAIL", "WAITING", "SENDING", "BURIED", "WEBHOOKS", "DIGEST"];
    let rows = bots.iter().map(|known| {
        let of = &known.status;
        [
            of.id.to_string(),
            known.state().to_owned(),
            of.name.clone().unwrap_or_else(none),
            of.email.clone().unwrap_or_else(none),
            of.waiting.to_string(),
            of.deliveries.to_string(),
            of.buried.to_string(),
            webhooks(known),
            of.digest.clone().unwrap_or_else(none),
        ]
    });
    let mut text = out::table(header, rows);
    let said = together(bots);
    let notes: Vec<_> = said.iter().cloned().chain(bots.iter().flat_map(|known| notes(known, &said))).collect();
    if !notes.is_empty() {
        text.push_str("\n\n");
        text.push_str(&notes.join("\n"));
    }
    text
}

fn none() -> String {
    "-".to_owned()
}

fn webhooks(known: &Known) -> String {
    // The store does not know what is registered; only a look at Webex tells.
    let asleep = known.stopped || known.status.state == BotState::Retired;
    if asleep && known.status.webhooks == WebhookSummary::default() {
        return none();
    }
    let of = &known.status.webhooks;
    let mut text = if of.in_step { "in step" } else { "not in step" }.to_owned();
    let changed = of.created + of.updated + of.deleted;
    if changed > 0 {
        text = format!("{text}, {changed} changed");
    }
    if !of.foreign.is_empty() {
        text = format!("{text}, {} foreign!", of.foreign.len());
    }
    text
}

/// What keeps many bots down alike is said once.
fn together(bots: &[Known]) -> Vec<String> {
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for known in bots {
        if let Some(reason) = &known.status.reason {
            *alike.entry(alike_note(known, reason)).or_default() += 1;
        }
    }
    alike.into_iter().filter(|(_, count)| *count > MANY).map(|(note, count)| format!("{count} bots: {note}")).collect()
}

fn alike_note(known: &Known, reason: &str) -> String {
    format!("{}: {}", known.state(), plain(reason))
}

/// What a person should know of a bot that is not well, a line each.
fn notes(known: &Known, said: &[String]) -> Vec<String> {
    let of = &known.status;
    let mut notes = Vec::new();
    if let Some(reason) = &of.reason {
        let note = alike_note(known, reason);
        if !said.iter().any(|said| said.ends_with(&note)) {
            notes.push(format!("{}: {note}", of.id));
        }
    }
    if let Some(error) = &of.last_error {
        notes.push(format!("{}: last error: {}", of.id, plain(error)));
    }
    for foreign in &of.webhooks.foreign {
        notes.push(format!("{}: {}", of.id, doubled(foreign)));
    }
    notes.extend(of.diagnostics.iter().map(|finding| format!("{}: {}", of.id, findings::line(finding))));
    notes
}

fn doubled(foreign: &str) -> String {
    format!("foreign webhook on the same token, it may double the answers: {}", plain(foreign))
}

/// One bot, with all that is known of it.
pub(super) fn card(known: &Known, colour: bool) -> String {
    let of = &known.status;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<12}{value}"));
    line("bot", of.id.to_string());
    line("state", known.state().to_owned());
    let texts = [("reason", &of.reason), ("name", &of.name), ("email", &of.email), ("definition", &of.digest)];
    for (name, text) in texts {
        if let Some(text) = text {
            line(name, plain(text));
        }
    }
    line("waiting", count(of.waiting, "event", "events"));
    line("sending", count(of.deliveries, "delivery", "deliveries"));
    line("buried", count(of.buried, "event", "events"));
    let hooks = &of.webhooks;
    let since = format!(
        "{} ({} created, {} updated, {} deleted since the start)",
        if hooks.in_step { "in step" } else { "not in step" },
        hooks.created,
        hooks.updated,
        hooks.deleted
    );
    line("webhooks", if known.stopped { "unknown while no service runs".to_owned() } else { since });
    for foreign in &hooks.foreign {
        line("", doubled(foreign));
    }
    if let Some(error) = &of.last_error {
        line("last error", plain(error));
    }
    let mut text = lines.join("\n");
    for finding in &of.diagnostics {
        text.push_str("\n\n");
        text.push_str(&findings::show(finding, colour));
    }
    text
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::report::{BotStatus, Finding},
        base::BotId,
    };

    fn known(id: &str, state: BotState) -> Known {
        let status = BotStatus {
            id: BotId::parse(id).unwrap(),
            state,
            reason: None,
            digest: Some("0123456789ab".into()),
            name: Some(format!("The {id} bot")),
            email: Some(format!("{id}@webex.bot")),
            waiting: 0,
            deliveries: 1,
            buried: 0,
            webhooks: WebhookSummary { in_step: true, ..WebhookSummary::default() },
            last_error: None,
            diagnostics: Vec::new(),
        };
        Known { status, stopped: false }
    }

    fn sick() -> Known {
        let mut sick = known("oncall", BotState::Parked);
        sick.status.reason = Some("Webex refuses its token; run `botyard token set oncall`".into());
        sick.status.webhooks = WebhookSummary {
            in_step: false,
            created: 1,
            updated: 1,
            deleted: 0,
            foreign: vec!["old bot -> https://old.example.com/\u{7}hook".into()],
        };
        sick.status.last_error = Some("401 of `GET /people/me`".into());
        sick.status.diagnostics = vec![Finding {
            severity: "error".into(),
            code: "unknown-key".into(),
            message: "unknown key `repyl`".into(),
            file: "oncall.toml".into(),
            line: 3,
            column: 1,
            width: 5,
            excerpt: "repyl = 1".into(),
            hint: Some("did you mean `reply`?".into()),
        }];
        sick
    }

    #[test]
    fn the_table_tells_below_what_is_wrong_with_whom() {
        let mut new = known("hello", BotState::Starting);
        (new.status.name, new.status.email, new.status.digest) = (None, None, None);
        new.status.webhooks.created = 2;
        insta::assert_snapshot!(table(&[known("echo", BotState::Running), new, sick()]));
    }

    #[test]
    fn without_a_service_bots_are_stopped_and_nothing_is_claimed_of_their_webhooks() {
        let mut echo = known("echo", BotState::Starting);
        (echo.stopped, echo.status.webhooks) = (true, WebhookSummary::default());
        insta::assert_snapshot!(table(&[echo]));
        assert!(table(&[]).contains("bots.d"));
    }

    #[test]
    fn what_keeps_many_down_alike_is_said_once() {
        let held = |id: &str| {
            let mut held = known(id, BotState::Held);
            held.status.reason = Some("a backup was put back".into());
            held
        };
        let few = table(&[held("a"), held("b")]);
        assert!(few.contains("a: held: a backup") && few.contains("b: held: a backup"), "{few}");
        let many = table(&[held("a"), held("b"), held("c"), sick()]);
        assert_eq!(many.matches("a backup was put back").count(), 1, "{many}");
        assert!(many.contains("3 bots: held: a backup was put back\noncall: parked"), "{many}");
    }

    #[test]
    fn one_bot_is_shown_whole() {
        insta::assert_snapshot!(card(&sick(), false));
    }
}
