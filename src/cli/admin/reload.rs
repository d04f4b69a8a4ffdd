//! `botyard reload`: what a look at `bots.d` led to.

use super::{findings, out};
use crate::actors::report::{AppliedChange, ReloadReport};

/// More unchanged bots than this are only counted: what changed would be lost among them.
const MANY: usize = 20;

/// The report for people.
pub(super) fn text(report: &ReloadReport, colour: bool) -> String {
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut row = |what: &str, bot: &str, digest: &str| rows.push([what, bot, digest].map(str::to_owned));
    for applied in &report.applied {
        let what = match applied.change {
            AppliedChange::Started => "started",
            AppliedChange::Changed => "changed",
        };
        row(what, applied.bot.as_str(), &applied.digest);
    }
    for refused in &report.refused {
        row("refused", &refused.bot, "");
    }
    for bot in &report.removed {
        row("removed", bot.as_str(), "");
    }
    if report.unchanged.len() <= MANY {
        for unchanged in &report.unchanged {
            row("unchanged", unchanged.bot.as_str(), &unchanged.digest);
        }
    }
    let mut parts = Vec::new();
    if !rows.is_empty() {
        parts.push(out::table(["CHANGE", "BOT", "DIGEST"], rows));
    }
    let findings = report.refused.iter().flat_map(|refused| &refused.diagnostics);
    parts.extend(findings.map(|finding| findings::show(finding, colour)));
    if let Some(question) = &report.confirmation_needed {
        let question = out::plain(question);
        parts.push(format!(
            "nothing was removed: {question}\nhint: if it is meant, run `botyard reload --wait --confirm-removals`"
        ));
    }
    parts.push(format!(
        "{} applied, {} refused, {} unchanged, {} removed",
        report.applied.len(),
        report.refused.len(),
        report.unchanged.len(),
        report.removed.len()
    ));
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::report::{Applied, Finding, RefusedDefinition, Unchanged},
        base::BotId,
    };

    fn bot(id: &str) -> BotId {
        BotId::parse(id).unwrap()
    }

    fn unchanged(count: usize) -> Vec<Unchanged> {
        (0..count).map(|n| Unchanged { bot: bot(&format!("bot-{n}")), digest: "0123456789ab".into() }).collect()
    }

    #[test]
    fn every_part_of_a_report_is_told() {
        let finding = Finding {
            severity: "error".into(),
            code: "syntax".into(),
            message: "a value is missing".into(),
            file: "broken.toml".into(),
            line: 1,
            column: 4,
            width: 1,
            excerpt: "x =".into(),
            hint: None,
        };
        let report = ReloadReport {
            applied: vec![
                Applied { bot: bot("echo"), digest: "aaaaaaaaaaaa".into(), change: AppliedChange::Changed },
                Applied { bot: bot("new-one"), digest: "bbbbbbbbbbbb".into(), change: AppliedChange::Started },
            ],
            refused: vec![RefusedDefinition { bot: "broken".into(), diagnostics: vec![finding] }],
            unchanged: unchanged(2),
            removed: vec![bot("old")],
            confirmation_needed: Some("3 of 5 definitions are gone from `bots.d`".into()),
        };
        insta::assert_snapshot!(text(&report, false));
    }

    #[test]
    fn many_unchanged_bots_are_counted_not_listed() {
        let report = ReloadReport { unchanged: unchanged(980), ..ReloadReport::default() };
        assert_eq!(text(&report, false), "0 applied, 0 refused, 980 unchanged, 0 removed");
    }
}
