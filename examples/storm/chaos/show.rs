//! The summary for a person to read.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use super::{Outcome, mischief::Tally, verdict::Wrong};

/// Findings that are told with all that is known of them; of the others only that they are.
const TOLD: usize = 5;

/// The whole of it as text.
pub(crate) fn text(outcome: &Outcome) -> String {
    let it = &outcome.verdict;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut row = |what: &str, value: String| _ = table.add_row([what.to_owned(), value]);
    row("seed", outcome.seed.to_string());
    row(
        "time",
        format!("{:.0} s of trouble, {:.0} s until nothing was left to do", outcome.seconds, outcome.rest_seconds),
    );
    let careful =
        if outcome.careful_bots { "" } else { "; none that would rather be silent: this service has no such key" };
    row("bots", format!("{}{careful}", outcome.bots));
    row("kill -9", outcome.kills.to_string());
    row("SIGTERM", format!("{}, the longest took {} ms to end", outcome.asked_to_stop, outcome.longest_drain_ms));
    row("starts", outcome.starts.to_string());
    if let Some((middle, longest)) = outcome.first_200_ms {
        row("stop to next 200", format!("{middle} ms in the middle, {longest} ms at most"));
    }
    row("faults of Webex", tally(&outcome.faults));
    row("definitions", tally(&outcome.reloads));
    row("messages said", outcome.said.to_string());
    row("accepted", format!("{}, and {} whose 200 nobody saw", it.accepted, it.stored_unseen));
    row("refused or never delivered", tally(&it.never_accepted));
    row("webhooks known again", it.repeated_webhooks.to_string());
    row("finished", it.finished.to_string());
    row("buried", tally(&it.buried));
    row("replies promised", format!("{}, of them {} repeated in doubt", it.deliveries, it.doubtful));
    row("said twice, and marked so", it.explained_duplicates.to_string());
    row("not said, as the bot wishes", it.skipped.to_string());
    row("given up", tally(&it.failed));
    row("LOST", outcome.count(Wrong::Lost).to_string());
    row("TWICE WITHOUT A MARK", outcome.count(Wrong::Duplicate).to_string());
    row("OUT OF ORDER", outcome.count(Wrong::OutOfOrder).to_string());
    row("STRAY", outcome.count(Wrong::Stray).to_string());
    row("panics", outcome.panics.len().to_string());
    let mut out = table.to_string();
    out.push('\n');
    for finding in it.findings.iter().take(TOLD) {
        let _ = writeln!(out, "\n{:?}: {}", finding.wrong, finding.what);
        for line in &finding.story {
            let _ = writeln!(out, "  {line}");
        }
    }
    for finding in it.findings.iter().skip(TOLD).take(100) {
        let _ = writeln!(out, "{:?}: {}", finding.wrong, finding.what);
    }
    for panic in outcome.panics.iter().take(TOLD) {
        let _ = writeln!(out, "\n{panic}");
    }
    if let Some(kept) = &outcome.kept {
        let _ = writeln!(out, "\nkept: `{}`; the same again: `storm chaos --seed {}`", kept.display(), outcome.seed);
    }
    out
}

/// `3 this, 2 that`, the most first.
fn tally(tally: &Tally) -> String {
    let mut sorted: Vec<_> = tally.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let sum: u64 = tally.values().sum();
    let parts: Vec<_> = sorted.into_iter().map(|(what, count)| format!("{count} {what}")).collect();
    if parts.is_empty() { "0".to_owned() } else { format!("{sum}: {}", parts.join("\n")) }
}
