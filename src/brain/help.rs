//! The texts and cards of the generated help: an overview with a line for each command, and one command by itself.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{markdown::escape, usage::Usage};

/// Most bytes of the list: a help of more than two messages helps nobody.
const MAX_LINES: usize = 12 * 1024;
/// Most bytes of the list beside a card: it is one message.
const MAX_BESIDE: usize = 4 * 1024;
/// Most commands on a card.
const MAX_ON_CARD: usize = 40;

/// One command, as far as its help goes.
pub(super) struct Entry<'a> {
    /// What it begins with; empty: a pattern.
    pub(super) words: Vec<&'a str>,
    pub(super) usage: Option<&'a Usage>,
    pub(super) help: Option<&'a str>,
}

impl Entry<'_> {
    /// How it is written.
    pub(super) fn line(&self) -> String {
        let words = self.words.first().copied().unwrap_or_default();
        self.usage.map_or_else(|| words.to_owned(), |usage| usage.line(words))
    }

    /// Its arguments alone.
    fn arguments(&self) -> Option<String> {
        let words = self.words.first().copied().unwrap_or_default();
        let line = self.usage?.line(words);
        Some(line.strip_prefix(words)?.trim().to_owned()).filter(|arguments| !arguments.is_empty())
    }

    fn bullet(&self) -> String {
        let help = escape(self.help.unwrap_or_default());
        if self.words.is_empty() {
            return format!("- {help}");
        }
        let words: Vec<_> = self.words.iter().map(|word| format!("**{}**", escape(word))).collect();
        let arguments = self.arguments().map(|arguments| format!(" `{arguments}`")).unwrap_or_default();
        format!("- {}{arguments}: {help}", words.join(", "))
    }

    /// Each argument by name, with what it takes.
    fn details(&self) -> Vec<(String, String)> {
        let Some(usage) = self.usage else { return Vec::new() };
        let args = usage.args.iter().map(|arg| {
            let optional = if arg.required { "" } else { ", may be left out" };
            (arg.name.to_string(), format!("{}{optional}", arg.kind.described()))
        });
        let flags = usage.flags.iter().map(|flag| {
            let takes = flag.takes.as_ref().map_or_else(|| "may be given".to_owned(), |(_, kind)| kind.described());
            (format!("--{}", flag.name), takes)
        });
        args.chain(flags).collect()
    }
}

/// The markdown of the overview.
pub(super) fn page(description: Option<&str>, entries: &[Entry<'_>]) -> String {
    overview(description, entries, MAX_LINES)
}

fn overview(description: Option<&str>, entries: &[Entry<'_>], most: usize) -> String {
    let mut lines: Vec<String> = entries.iter().map(Entry::bullet).collect();
    let mut length = 0;
    let fit = lines.iter().take_while(|line| {
        length += line.len();
        length <= most
    });
    let more = lines.len() - fit.count();
    lines.truncate(lines.len() - more);
    if more > 0 {
        lines.push(format!("- … and {more} more"));
    }
    let mut page = String::new();
    if let Some(description) = description {
        let _ = write!(page, "{}\n\n", escape(description.trim()));
    }
    lines.push("- **help**: Show this list".to_owned());
    page.push_str(&lines.join("\n"));
    page
}

/// The markdown of one command.
pub(super) fn one(entry: &Entry<'_>) -> String {
    let mut text = format!("**{}**", escape(entry.words.first().copied().unwrap_or_default()));
    if let Some(arguments) = entry.arguments() {
        let _ = write!(text, " `{arguments}`");
    }
    if let Some(help) = entry.help {
        let _ = write!(text, "\n\n{}", escape(help));
    }
    let details = entry.details();
    if !details.is_empty() {
        text.push('\n');
    }
    for (name, takes) in details {
        let _ = write!(text, "\n- `{name}`: {}", escape(&takes));
    }
    if let [_, others @ ..] = entry.words.as_slice()
        && !others.is_empty()
    {
        let _ = write!(text, "\n\nAlso: {}", escape(&others.join(", ")));
    }
    text
}

/// The card of the overview.
pub(super) fn page_card(description: Option<&str>, entries: &[Entry<'_>]) -> Value {
    let mut body = Vec::new();
    if let Some(description) = description {
        body.push(block(&escape(description.trim()), &json!({ "weight": "Bolder", "wrap": true })));
    }
    for entry in entries.iter().take(MAX_ON_CARD) {
        let title = if entry.words.is_empty() { String::new() } else { escape(&entry.line()) };
        let mut items = Vec::new();
        if !title.is_empty() {
            items.push(block(&title, &json!({ "weight": "Bolder", "wrap": true })));
        }
        items.push(block(&escape(entry.help.unwrap_or_default()), &json!({ "wrap": true, "spacing": "None" })));
        body.push(json!({ "type": "Container", "items": items, "separator": true }));
    }
    if entries.len() > MAX_ON_CARD {
        body.push(block(&format!("… and {} more", entries.len() - MAX_ON_CARD), &json!({ "isSubtle": true })));
    }
    card(body)
}

/// The card of one command.
pub(super) fn one_card(entry: &Entry<'_>) -> Value {
    let mut body = vec![block(&escape(&entry.line()), &json!({ "weight": "Bolder", "wrap": true }))];
    if let Some(help) = entry.help {
        body.push(block(&escape(help), &json!({ "wrap": true })));
    }
    let facts: Vec<_> =
        entry.details().into_iter().map(|(name, takes)| json!({ "title": name, "value": escape(&takes) })).collect();
    if !facts.is_empty() {
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    if let [_, others @ ..] = entry.words.as_slice()
        && !others.is_empty()
    {
        let also = format!("Also: {}", escape(&others.join(", ")));
        body.push(block(&also, &json!({ "wrap": true, "isSubtle": true })));
    }
    card(body)
}

/// The text beside the card of the overview.
pub(super) fn beside(description: Option<&str>, entries: &[Entry<'_>]) -> String {
    overview(description, entries, MAX_BESIDE)
}

fn block(text: &str, more: &Value) -> Value {
    let mut block = json!({ "type": "TextBlock", "text": text });
    if let (Some(block), Some(more)) = (block.as_object_mut(), more.as_object()) {
        block.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    block
}

fn card(body: Vec<Value>) -> Value {
    let body = Value::Array(body);
    json!({
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.3",
        "body": body,
    })
}
#[cfg(test)]
mod tests {
    use crate::brain::fixture::{Asked, program};

    const PING: &str = "[[command]]\nwords = ['ping']\nreply = 'pong'\n";

    #[test]
    fn there_is_no_help_without_a_command_that_has_one() {
        assert_eq!(Asked::of(&program(PING), "help").rule, "none: nothing matched");
        let page = Asked::of(&program(&format!("{PING}help = 'See [me]'\n")), "HELP me");
        assert_eq!(page.said(), ["- **ping**: See \\[me\\]\n- **help**: Show this list"]);
    }

    #[test]
    fn a_bot_may_have_a_help_of_its_own() {
        let own = program(&format!("{PING}help = 'x'\n[[command]]\nwords = ['Help']\nreply = 'mine'\n"));
        assert_eq!(Asked::of(&own, "help").said(), ["mine"]);
    }

    #[test]
    fn a_very_long_list_is_cut_short() {
        let many: Vec<_> = (0..400)
            .map(|n| format!("[[command]]\nwords = ['w{n}']\nhelp = '{}'\nreply = 'x'\n", "h".repeat(100)))
            .collect();
        let page = Asked::of(&program(&many.concat()), "help");
        assert!(page.deliveries.len() <= 2 && page.said().last().unwrap().contains("more\n- **help**"));
    }
}
