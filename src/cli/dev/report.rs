//! What the prompt of `botyard dev` says about bots and reloads. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    actors::{
        report::{AppliedChange, BotState, Finding, ReloadReport},
        supervisor::KeptState,
    },
    definition::{Diagnostic, Severity, codes, render},
};

/// Bots in the list at start; `/bots` shows all.
pub(super) const FEW: usize = 12;

/// What was told already: a report names everything as it is, a person wants what changed.
#[derive(Debug, Default)]
pub(super) struct Told {
    refused: BTreeMap<String, Vec<Finding>>,
    /// Bots whose files were there at the last look.
    here: BTreeSet<String>,
    confirmation: Option<String>,
    booted: bool,
}

impl Told {
    /// What is new in a report, a text for each thing.
    pub(super) fn news(&mut self, report: &ReloadReport, grace_seconds: u64, colour: bool) -> Vec<String> {
        let mut news = Vec::new();
        let running: BTreeSet<&str> = report.unchanged.iter().map(|unchanged| unchanged.bot.as_str()).collect();
        // What runs from the first moment on is in the list of bots.
        if self.booted {
            for applied in &report.applied {
                let what = match applied.change {
                    AppliedChange::Started => "",
                    AppliedChange::Changed => ", from the next message on",
                };
                news.push(format!("* {}: applied ({}){what}", applied.bot, applied.digest));
            }
            for unchanged in &report.unchanged {
                if self.refused.contains_key(unchanged.bot.as_str()) || !self.here.contains(unchanged.bot.as_str()) {
                    news.push(format!("* {}: as before ({})", unchanged.bot, unchanged.digest));
                }
            }
        }
        let mut refused = BTreeMap::new();
        for definition in &report.refused {
            if self.refused.get(&definition.bot) != Some(&definition.diagnostics) {
                news.push(refusal(
                    &definition.bot,
                    self.here.contains(&definition.bot),
                    &definition.diagnostics,
                    colour,
                ));
            }
            refused.insert(definition.bot.clone(), definition.diagnostics.clone());
        }
        let applied = report.applied.iter().map(|applied| applied.bot.as_str());
        let here: BTreeSet<String> = applied
            .chain(running)
            .map(str::to_owned)
            .chain(refused.keys().filter(|bot| self.here.contains(*bot)).cloned())
            .collect();
        match &report.confirmation_needed {
            Some(reason) if self.confirmation.as_ref() != Some(reason) => news.push(format!(
                "* nothing is removed: {reason}; if that is meant, `botyard reload --confirm-removals` in another terminal"
            )),
            Some(_) => {}
            None => {
                for bot in self.here.difference(&here).filter(|bot| !report.removed.iter().any(|gone| gone.as_str() == **bot)) {
                    news.push(format!("* {bot}: removed in {grace_seconds} s unless its file comes back"));
                }
            }
        }
        news.extend(report.removed.iter().map(|bot| format!("* {bot}: removed")));
        if report.confirmation_needed.is_none() {
            self.here = here;
        } else {
            self.here.extend(here);
        }
        (self.refused, self.confirmation) = (refused, report.confirmation_needed.clone());
        self.booted = true;
        news
    }
}

fn refusal(bot: &str, runs: bool, findings: &[Finding], colour: bool) -> String {
    let mut text = format!("* {bot}: refused{}", if runs { ", the last good one goes on" } else { "" });
    for finding in findings {
        let _ = write!(text, "\n{}", render(&diagnostic(finding), colour));
    }
    text
}

/// A finding as the renderer takes it.
fn diagnostic(finding: &Finding) -> Diagnostic {
    let known = codes::ALL.iter().find(|(_, code)| code.name == finding.code);
    Diagnostic {
        severity: if finding.severity == Severity::Warning.as_str() { Severity::Warning } else { Severity::Error },
        code: known.map_or("definition", |(_, code)| code.name),
        message: finding.message.clone(),
        file: finding.file.clone(),
        line: finding.line,
        column: finding.column,
        width: finding.width,
        excerpt: finding.excerpt.clone(),
        hint: finding.hint.clone(),
    }
}

/// The bots, each with a line to try or why it does not work; at most so many.
pub(super) fn list(bots: &[KeptState], most: usize) -> String {
    if bots.is_empty() {
        return "  no bot runs; drop a definition into `bots.d`, say `bots.d/hi.toml` with\n\n    \
                [fallback]\n    reply = \"you said: {{ message.text }}\"\n\n  and it is here within a second"
            .to_owned();
    }
    let shown = bots.iter().take(most);
    let name = shown.clone().map(|bot| bot.bot.as_str().len()).max().unwrap_or_default();
    let about = |bot: &KeptState| bot.description.clone().unwrap_or_default();
    let width = shown.clone().map(|bot| about(bot).chars().count()).max().unwrap_or_default().min(50);
    let mut text = String::new();
    for bot in shown {
        let state = match (bot.state, &bot.reason) {
            (BotState::Running, _) => format!("try: {}", bot.try_line),
            (state, Some(reason)) => format!("{}: {reason}", state.as_str()),
            (state, None) => format!("{}, try: {}", state.as_str(), bot.try_line),
        };
        let _ = writeln!(text, "  {:<name$}  {:<width$}  {state}", bot.bot.as_str(), about(bot));
    }
    if bots.len() > most {
        let _ = writeln!(text, "  and {} more: `/bots` lists all", bots.len() - most);
    }
    text.truncate(text.trim_end().len());
    text
}

/// Whom to talk to first: the first one that works, else the first one.
pub(super) fn first(bots: &[KeptState]) -> Option<&KeptState> {
    bots.iter().find(|bot| bot.state == BotState::Running).or_else(|| bots.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::report::{Applied, RefusedDefinition, Unchanged},
        base::BotId,
    };

    fn id(name: &str) -> BotId {
        BotId::parse(name).unwrap()
    }

    fn unchanged(names: &[&str]) -> Vec<Unchanged> {
        names.iter().map(|name| Unchanged { bot: id(name), digest: "5f2a".into() }).collect()
    }

    fn applied(name: &str, change: AppliedChange) -> Vec<Applied> {
        vec![Applied { bot: id(name), digest: "77aa".into(), change }]
    }

    fn broken(name: &str) -> RefusedDefinition {
        let finding = Finding {
            severity: "error".into(),
            code: "unknown-key".into(),
            message: "unknown key `repyl`".into(),
            file: format!("{name}.toml"),
            line: 3,
            column: 1,
            width: 5,
            excerpt: "repyl = 1".into(),
            hint: Some("did you mean `reply`?".into()),
        };
        RefusedDefinition { bot: name.into(), diagnostics: vec![finding] }
    }

    #[test]
    fn a_person_is_told_what_changed_and_only_once() {
        let mut told = Told::default();
        let mut page = String::new();
        let mut look = |report: &ReloadReport| {
            for text in told.news(report, 60, false) {
                page.push_str(&text);
                page.push('\n');
            }
            page.push_str("--\n");
        };
        let all = || unchanged(&["echo", "hello", "lookup"]);
        let none = ReloadReport::default;
        look(&ReloadReport {
            applied: applied("echo", AppliedChange::Started),
            unchanged: unchanged(&["hello", "lookup"]),
            ..none()
        });
        look(&ReloadReport { unchanged: all(), ..none() });
        look(&ReloadReport {
            applied: applied("echo", AppliedChange::Changed),
            unchanged: unchanged(&["hello", "lookup"]),
            ..none()
        });
        let refused = ReloadReport {
            refused: vec![broken("echo"), broken("fresh")],
            unchanged: unchanged(&["hello", "lookup"]),
            ..none()
        };
        look(&refused);
        look(&refused);
        look(&ReloadReport { unchanged: all(), applied: applied("fresh", AppliedChange::Started), ..none() });
        look(&ReloadReport { unchanged: all(), ..none() });
        look(&ReloadReport { unchanged: unchanged(&["echo", "hello", "lookup", "fresh"]), ..none() });
        look(&ReloadReport { unchanged: all(), ..none() });
        look(&ReloadReport { unchanged: all(), removed: vec![id("fresh")], ..none() });
        let gone = ReloadReport { confirmation_needed: Some("no definition is left of 3".into()), ..none() };
        look(&gone);
        look(&gone);
        insta::assert_snapshot!(page);
    }

    fn kept(name: &str, state: BotState, reason: Option<&str>) -> KeptState {
        KeptState {
            bot: id(name),
            state,
            reason: reason.map(Into::into),
            digest: String::new(),
            identity: None,
            try_line: "hello".into(),
            description: (name != "bare").then(|| format!("What {name} is for")),
        }
    }

    #[test]
    fn bots_are_listed_with_a_line_to_try_or_the_reason() {
        let bots = [
            kept("alarm", BotState::Held, Some("it has no token")),
            kept("bare", BotState::Starting, None),
            kept("echo", BotState::Running, None),
            kept("hello", BotState::Running, None),
        ];
        insta::assert_snapshot!(format!("{}\n--\n{}\n--\n{}", list(&bots, 12), list(&bots, 3), list(&[], 3)));
        assert_eq!(first(&bots).unwrap().bot, id("echo"));
        assert_eq!(first(&bots[..2]).unwrap().bot, id("alarm"));
        assert!(first(&[]).is_none());
    }
}
